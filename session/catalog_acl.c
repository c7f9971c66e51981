/* session/catalog_acl.c - rights in pg_catalog and information_schema: lists as aclitem[], memberships,
 * defaults, settings of roles, tables of privileges. */
#include "session/acl.h"
#include "session/catalog_private.h"
#include <stdio.h>

/* ---- aclitem[] ---- */

static const struct {
    uint32_t privilege;
    char letter;
    const char *name;
} letters[] = {
    {PRIV_INSERT, 'a', "INSERT"},     {PRIV_SELECT, 'r', "SELECT"},
    {PRIV_UPDATE, 'w', "UPDATE"},     {PRIV_DELETE, 'd', "DELETE"},
    {PRIV_TRUNCATE, 'D', "TRUNCATE"}, {PRIV_REFERENCES, 'x', "REFERENCES"},
    {PRIV_TRIGGER, 't', "TRIGGER"},   {PRIV_USAGE, 'U', "USAGE"},
    {PRIV_CREATE, 'C', "CREATE"},     {PRIV_TEMPORARY, 'T', "TEMPORARY"},
    {PRIV_CONNECT, 'c', "CONNECT"},
};

static Slice role_name(const CatalogSnap *cat, ObjectId id)
{
    const RoleDef *r = id ? cat_role_by_id(cat, id) : NULL;
    return r ? r->name : SLICE_NONE;
}

/* Quoted as PostgreSQL's aclitem: letters, digits and _ stand for themselves. */
static Slice role_text(Arena *a, Slice name)
{
    bool plain = true;
    size_t n = 0;
    for (size_t i = 0; i < name.len; i++)
        plain &= (name.ptr[i] >= 'a' && name.ptr[i] <= 'z') ||
                 (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z') ||
                 (name.ptr[i] >= '0' && name.ptr[i] <= '9') || name.ptr[i] == '_' ||
                 (unsigned char)name.ptr[i] >= 0x80;
    if (plain)
        return name;
    char *text = arena_alloc(a, 2 * name.len + 2);
    text[n++] = '"';
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            text[n++] = '"';
        text[n++] = name.ptr[i];
    }
    text[n++] = '"';
    return slice_of(text, n);
}

static Slice item_text(Arena *a, const CatalogSnap *cat, const AclItem *x)
{
    char text[2 * ARRAY_LEN(letters) + 1];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        if (!(x->privileges & letters[i].privilege))
            continue;
        text[n++] = letters[i].letter;
        if (x->grantable & letters[i].privilege)
            text[n++] = '*';
    }
    Slice to = role_text(a, role_name(cat, x->role)), by = role_text(a, role_name(cat, x->grantor));
    return arena_printf(a, "%.*s=%.*s/%.*s", SLICE_ARG(to), (int)n, text, SLICE_ARG(by));
}

static void row_items(RowMaker *r, Arena *a, const CatalogSnap *cat, const AclDef *d)
{
    Array *list = ARENA_NEW(a, Array);
    Value *items = ARENA_ARRAY(a, Value, d->count + 1);
    for (size_t i = 0; i < d->count; i++)
        items[i] = value_str(item_text(a, cat, &d->items[i]));
    list->count = d->count;
    list->elem = T_ACLITEM;
    list->ndim = d->count ? 1 : 0;
    list->dims[0] = (int32_t)list->count;
    list->lower[0] = 1;
    list->items = items;
    r->v[r->n++] = (Value){.phys = PH_ARRAY, .u.arr = list};
}

void row_acl(RowMaker *r, Arena *a, const CatalogSnap *cat, GrantKind kind, ObjectId object,
             ObjectId of)
{
    const AclDef *d = cat_acl(cat, kind, object, of);
    AclItem items[ACL_DEFAULT_MAX];
    AclClass c = acl_class_of(cat, kind, object);
    AclDef made = {.items = items};
    if (d && d->given) {
        row_items(r, a, cat, d);
    } else if (c == ACL_OF_PUBLIC) { /* PostgreSQL's initdb writes them out, and tools look */
        made.count = acl_default(c, object_owner(cat, kind, object), items);
        row_items(r, a, cat, &made);
    } else {
        row_null(r); /* the defaults hold */
    }
}

/* ---- pg_auth_members, pg_default_acl, pg_db_role_setting ---- */

bool fill_pg_auth_members(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)e;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_acl_count(cat); i++) {
        const AclDef *d = cat_acl_at(cat, i);
        for (size_t k = 0; d->kind == GRANT_ROLE && k < d->count; k++) {
            RowMaker r = {.n = 0};
            row_i64(&r, d->object);
            row_i64(&r, d->items[k].role);
            row_i64(&r, d->items[k].grantor);
            row_bool(&r, d->items[k].grantable & PRIV_MEMBER);
            row_sink_add(sink, r.v);
        }
    }
    return true;
}

bool fill_pg_default_acl(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    static const char *const types[] = {[GRANT_DEFAULT_TABLES] = "r",
                                        [GRANT_DEFAULT_SEQUENCES] = "S",
                                        [GRANT_DEFAULT_SCHEMAS] = "n"};
    (void)e;
    const Session *s = ctx->session;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_acl_count(cat); i++) {
        const AclDef *d = cat_acl_at(cat, i);
        RowMaker r = {.n = 0};
        const SchemaDef *schema = d->object ? cat_schema_by_id(cat, d->object) : NULL;
        if (d->kind < GRANT_DEFAULT_TABLES || (schema && schema->database != s->database))
            continue;
        row_i64(&r, (int64_t)d->sub * 16 + d->kind + (int64_t)d->object * 4096);
        row_i64(&r, d->sub);
        row_i64(&r, d->object);
        row_char(&r, types[d->kind]);
        row_items(&r, ctx->arena, cat, d);
        row_sink_add(sink, r.v);
    }
    return true;
}

/* {"name=value", ...} of the role (0 = all) in the database (0 = all); NULL if there is nothing. */
void row_role_config(RowMaker *r, Arena *a, const CatalogSnap *cat, ObjectId database,
                     ObjectId role)
{
    size_t n = cat_setting_count(cat);
    Array *list = ARENA_NEW(a, Array);
    Value *items = ARENA_ARRAY(a, Value, n + 1);
    RoleSetting x;
    *list = (Array){.elem = T_TEXT, .ndim = 1, .lower = {1}, .items = items};
    for (size_t i = 0; i < n; i++)
        if (role_setting_at(cat, i, &x) && x.database == database && x.role == role)
            items[list->count++] =
                value_str(arena_printf(a, "%.*s=%.*s", SLICE_ARG(x.name), SLICE_ARG(x.value)));
    list->dims[0] = (int32_t)list->count;
    if (list->count)
        r->v[r->n++] = (Value){.phys = PH_ARRAY, .u.arr = list};
    else
        row_null(r);
}

bool fill_pg_db_role_setting(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_setting_count(cat); i++) {
        RoleSetting of, x;
        bool seen = false;
        if (!role_setting_at(cat, i, &of))
            continue;
        for (size_t k = 0; k < i && !seen; k++)
            seen = role_setting_at(cat, k, &x) && x.database == of.database && x.role == of.role;
        RowMaker r = {.n = 0};
        row_i64(&r, of.database);
        row_i64(&r, of.role);
        row_role_config(&r, ctx->arena, cat, of.database, of.role);
        if (!seen)
            row_sink_add(sink, r.v);
    }
    return true;
}

/* ---- information_schema.column_privileges ---- */

typedef struct Privileges {
    Session *session;
    const CatalogSnap *cat;
    RowSink *sink;
} Privileges;

static void privilege_row(Privileges *p, const TableDef *t, const ColumnDef *c, const AclItem *x,
                          size_t letter)
{
    ObjectId owner = object_owner(p->cat, GRANT_TABLE, t->id);
    bool options = x->role && role_can_become(p->cat, x->role, owner);
    RowMaker r = {.n = 0};
    row_slice(&r, role_name(p->cat, x->grantor));
    row_slice(&r, x->role ? role_name(p->cat, x->role) : SLICE_LIT("PUBLIC"));
    row_text(&r, p->session->database_name);
    row_slice(&r, schema_name(p->session, p->cat, t->schema));
    row_slice(&r, t->name);
    row_slice(&r, c->name);
    row_text(&r, letters[letter].name);
    row_text(&r, options || x->grantable & letters[letter].privilege ? "YES" : "NO");
    row_sink_add(p->sink, r.v);
}

/* Those that one has given or has. */
static void privilege_rows(Privileges *p, const TableDef *t, const ColumnDef *c, const AclDef *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const AclItem *x = &d->items[i];
        bool shown = !x->role || session_in_role(p->session, p->cat, x->grantor) ||
                     session_in_role(p->session, p->cat, x->role);
        for (size_t k = 0; shown && k < ARRAY_LEN(letters); k++)
            if (x->privileges & acl_all(ACL_OF_COLUMN) & letters[k].privilege)
                privilege_row(p, t, c, x, k);
    }
}

/* The table's are its columns' as well. */
bool fill_info_column_privileges(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    Privileges p = {ctx->session, snapshot_catalog(snap), sink};
    (void)e;
    for (size_t i = 0; i < cat_table_count(p.cat); i++) {
        const TableDef *t = cat_table_at(p.cat, i);
        if (!table_shown(p.session, t) || t->kind == TABLE_SEQUENCE)
            continue;
        AclDef old = acl_of(p.cat, GRANT_TABLE, t->id, 0);
        AclDef *d = acl_given(ctx->arena, &old, ACL_OF_TABLE, 0);
        for (size_t k = 0; k < t->column_count; k++) {
            AclDef more = acl_of(p.cat, GRANT_COLUMN, t->id, (ObjectId)k + 1);
            if (t->columns[k].dropped)
                continue;
            privilege_rows(&p, t, &t->columns[k], d);
            privilege_rows(&p, t, &t->columns[k], &more);
        }
    }
    return true;
}

/* ---- acldefault(), aclexplode() ---- */

static const char *privilege_of(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (letters[i].letter == letter)
            return letters[i].name;
    return NULL;
}

/* acldefault('r' tables | 's' sequences | 'n' schemas | 'd' databases ..., owner) */
bool fn_acldefault(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    static const struct {
        char kind;
        AclClass class;
    } kinds[] = {{'r', ACL_OF_TABLE},
                 {'s', ACL_OF_SEQUENCE},
                 {'n', ACL_OF_SCHEMA},
                 {'d', ACL_OF_DATABASE},
                 {'c', ACL_OF_COLUMN}};
    CatalogSnap *cat = session_catalog(ctx->session);
    AclItem items[ACL_DEFAULT_MAX];
    AclDef d = {.items = items};
    RowMaker r = {.n = 0};
    (void)n, (void)e;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (args[0].u.str.len == 1 && args[0].u.str.ptr[0] == kinds[i].kind)
            d.count = acl_default(kinds[i].class, (ObjectId)args[1].u.i64, items);
    row_items(&r, ctx->arena, cat, &d);
    *out = r.v[0];
    cat_unref(cat);
    return true;
}

typedef struct AclRun {
    CatalogSnap *cat;
    const Array *list;
    size_t item, letter;
} AclRun;

static bool aclexplode_open(EvalCtx *ctx, const Expr *call, const Value *args, size_t n, Arena *a,
                            void **state, Err *e)
{
    AclRun *r = arena_zero(a, sizeof *r);
    (void)call, (void)n, (void)e;
    r->cat = session_catalog(ctx->session);
    r->list = args[0].null ? NULL : args[0].u.arr;
    *state = r;
    return true;
}

static void aclexplode_close(void *state)
{
    cat_unref(((AclRun *)state)->cat);
}

static uint32_t role_id(const CatalogSnap *cat, Slice name)
{
    const RoleDef *r = name.len ? cat_role(cat, name) : NULL;
    return r ? r->id : 0;
}

/* One privilege of "grantee=rw*\/owner" in a row. */
static bool acl_next(AclRun *r, Value *v)
{
    for (; r->list && r->item < r->list->count; r->item++, r->letter = 0) {
        Slice s = r->list->items[r->item].u.str;
        const char *eq = memchr(s.ptr, '=', s.len), *slash = memchr(s.ptr, '/', s.len);
        if (!eq || !slash || slash < eq)
            continue;
        Slice may = slice_of(eq + 1, (size_t)(slash - eq) - 1);
        for (; r->letter < may.len; r->letter++) {
            const char *privilege = privilege_of(may.ptr[r->letter]);
            if (!privilege)
                continue;
            bool grantable = r->letter + 1 < may.len && may.ptr[r->letter + 1] == '*';
            Slice owner = slice_of(slash + 1, s.len - (size_t)(slash + 1 - s.ptr));
            v[0] = value_i64(role_id(r->cat, owner));
            v[1] = value_i64(role_id(r->cat, slice_of(s.ptr, (size_t)(eq - s.ptr))));
            v[2] = value_str(slice_cstr(privilege));
            v[3] = value_bool(grantable);
            r->letter++;
            return true;
        }
    }
    return false;
}

static SrfStatus aclexplode_next(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    Value v[4];
    (void)waiter, (void)e;
    out->rows = 0;
    while (out->rows < BATCH_ROWS && acl_next(state, v)) {
        for (size_t c = 0; c < ARRAY_LEN(v); c++)
            vec_set(&out->cols[c], out->rows, &v[c], BATCH_ROWS, ctx->arena);
        out->rows++;
    }
    return out->rows ? SRF_ROWS : SRF_END;
}

static const SrfColumn acl_columns[] = {
    {"grantor", T_OID}, {"grantee", T_OID}, {"privilege_type", T_TEXT}, {"is_grantable", T_BOOL}};
const SrfDef srf_aclexplode = {.columns = acl_columns,
                               .column_count = ARRAY_LEN(acl_columns),
                               .open = aclexplode_open,
                               .next = aclexplode_next,
                               .close = aclexplode_close};
