/* session/catalog_role.c - roles in pg_catalog: pg_roles, pg_authid, pg_auth_members, lists of rights
 * (aclitem[]), has_..._privilege(). */
#include "session/catalog_private.h"

#include <stdio.h>

/* ---- pg_roles, pg_authid, pg_auth_members ---- */

static void role_flags(RowMaker *r, const RoleDef *d)
{
    static const uint32_t flags[] = {ROLE_SUPERUSER, ROLE_INHERIT, ROLE_CREATEROLE,
                                     ROLE_CREATEDB,  ROLE_LOGIN,   ROLE_REPLICATION};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        row_bool(r, d->flags & flags[i]);
}

static void role_until(RowMaker *r, const RoleDef *d)
{
    if (d->valid_until_us == INT64_MAX)
        row_null(r);
    else
        row_i64(r, d->valid_until_us);
}

bool fill_pg_roles(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)e;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_role_count(cat); i++) {
        const RoleDef *d = cat_role_at(cat, i);
        RowMaker r = {.n = 0};
        row_slice(&r, d->name);
        role_flags(&r, d);
        row_i64(&r, d->connection_limit);
        row_text(&r, "********");
        role_until(&r, d);
        row_bool(&r, d->flags & ROLE_BYPASSRLS);
        row_null(&r);
        row_i64(&r, d->id);
        row_sink_add(sink, r.v);
    }
    return true;
}

/* With the verifiers: for superusers. */
bool fill_pg_authid(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    const CatalogSnap *cat = snapshot_catalog(snap);
    if (!session_is_superuser(ctx->session, cat))
        return err_set(e, ERR_PRIVILEGE, "permission denied for table pg_authid");
    for (size_t i = 0; i < cat_role_count(cat); i++) {
        const RoleDef *d = cat_role_at(cat, i);
        RowMaker r = {.n = 0};
        row_i64(&r, d->id);
        row_slice(&r, d->name);
        role_flags(&r, d);
        row_bool(&r, d->flags & ROLE_BYPASSRLS);
        row_i64(&r, d->connection_limit);
        if (d->password.len)
            row_slice(&r, d->password);
        else
            row_null(&r);
        role_until(&r, d);
        row_sink_add(sink, r.v);
    }
    return true;
}

bool fill_pg_auth_members(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)e;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_grant_count(cat); i++) {
        const GrantDef *g = cat_grant_at(cat, i);
        RowMaker r = {.n = 0};
        if (g->kind != GRANT_ROLE)
            continue;
        row_i64(&r, g->object);
        row_i64(&r, g->role);
        row_i64(&r, ROLE_BOOTSTRAP);
        row_bool(&r, g->grantable & PRIV_MEMBER);
        row_sink_add(sink, r.v);
    }
    return true;
}

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

static const char *privilege_of(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (letters[i].letter == letter)
            return letters[i].name;
    return NULL;
}

static Slice acl_item(Arena *a, Slice grantee, Slice owner, uint32_t may, uint32_t grantable)
{
    char text[2 * ARRAY_LEN(letters) + 1];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        if (!(may & letters[i].privilege))
            continue;
        text[n++] = letters[i].letter;
        if (grantable & letters[i].privilege)
            text[n++] = '*';
    }
    return arena_printf(a, "%.*s=%.*s/%.*s", SLICE_ARG(grantee), (int)n, text, SLICE_ARG(owner));
}

/* NULL while nothing was granted, as PostgreSQL has it: the defaults hold. */
void row_acl(RowMaker *r, Arena *a, const CatalogSnap *cat, GrantKind kind, ObjectId object)
{
    static const GrantTarget targets[] = {[GRANT_TABLE] = GRANT_ON_TABLES,
                                          [GRANT_SCHEMA] = GRANT_ON_SCHEMAS,
                                          [GRANT_DATABASE] = GRANT_ON_DATABASES};
    const RoleDef *owner = cat_role_by_id(cat, object_owner(cat, kind, object));
    size_t count = cat_grant_count(cat);
    Array *list = ARENA_NEW(a, Array);
    Value *items = ARENA_ARRAY(a, Value, count + 1);
    bool any = false;
    items[list->count++] =
        value_str(acl_item(a, owner->name, owner->name, sql_all_privileges(targets[kind]), 0));
    for (size_t i = 0; i < count; i++) {
        const GrantDef *g = cat_grant_at(cat, i);
        const RoleDef *grantee = cat_role_by_id(cat, g->role);
        if (g->kind != kind || g->object != object)
            continue;
        any |= g->role == 0 || !(g->privileges & PRIV_OWNER);
        if (!(g->privileges & PRIV_OWNER) && g->privileges)
            items[list->count++] = value_str(acl_item(a, grantee ? grantee->name : SLICE_NONE,
                                                      owner->name, g->privileges, g->grantable));
    }
    if (!any) {
        row_null(r);
        return;
    }
    list->elem = T_ACLITEM;
    list->ndim = 1;
    list->dims[0] = (int32_t)list->count;
    list->lower[0] = 1;
    list->items = items;
    r->v[r->n++] = (Value){.phys = PH_ARRAY, .u.arr = list};
}

/* ---- functions ---- */

static const RoleDef *role_arg(const CatalogSnap *cat, const Value *v, Err *e)
{
    const RoleDef *r =
        v->phys == PH_STR ? cat_role(cat, v->u.str) : cat_role_by_id(cat, (ObjectId)v->u.i64);
    if (!r && v->phys == PH_STR)
        err_set(e, ERR_UNDEFINED_OBJECT, "role \"%.*s\" does not exist", SLICE_ARG(v->u.str));
    else if (!r)
        err_set(e, ERR_UNDEFINED_OBJECT, "role with OID %lld does not exist", (long long)v->u.i64);
    return r;
}

static Slice trimmed(Slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* "SELECT, INSERT WITH GRANT OPTION": any of them. */
static bool any_privilege(const CatalogSnap *cat, const RoleSet *r, GrantTarget on, GrantKind kind,
                          ObjectId object, Slice text, bool *has, Err *e)
{
    uint32_t may = roles_privileges(r, cat, kind, object);
    *has = false;
    while (text.len) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t n = comma ? (size_t)(comma - text.ptr) : text.len;
        Slice word = trimmed(slice_of(text.ptr, n));
        static const char suffix[] = " with grant option";
        size_t cut = sizeof suffix - 1;
        bool option = word.len > cut &&
                      slice_eq_nocase(slice_of(word.ptr + word.len - cut, cut), slice_cstr(suffix));
        if (option)
            word = trimmed(slice_of(word.ptr, word.len - cut));
        uint32_t wanted = sql_privilege(word, on);
        if (!wanted)
            return err_set(e, ERR_INVALID_PARAMETER, "unrecognized privilege type: \"%.*s\"",
                           SLICE_ARG(word));
        *has |= option ? (may & PRIV_OWNER) != 0 : (may & wanted) != 0;
        text = slice_of(text.ptr + n + (comma ? 1 : 0), text.len - n - (comma ? 1 : 0));
    }
    return true;
}

typedef bool (*FindObject)(Session *s, const CatalogSnap *cat, const Value *v, ObjectId *out,
                           Err *e);

/* has_..._privilege([role,] object, privileges); NULL for an oid that nothing has. */
static bool has_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, GrantTarget on,
                          GrantKind kind, FindObject find, Err *e)
{
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *role = n == 3 ? role_arg(cat, &args[0], e) : cat_role_by_id(cat, s->role);
    RoleSet set = {0};
    ObjectId object = 0;
    bool has = false;
    bool ok = role && find(s, cat, &args[n - 2], &object, e);
    if (ok && object) {
        roles_of(&set, cat, role->id);
        ok = any_privilege(cat, &set, on, kind, object, args[n - 1].u.str, &has, e);
    }
    *out = object ? value_bool(has) : value_null();
    roles_free(&set);
    cat_unref(cat);
    return ok;
}

static bool find_table(Session *s, const CatalogSnap *cat, const Value *v, ObjectId *out, Err *e)
{
    uint32_t oid = (uint32_t)v->u.i64;
    if (v->phys == PH_STR && !catalog_reg_find(s, T_REGCLASS, v->u.str, &oid, e))
        return false;
    (void)cat;
    *out = oid;
    return true;
}

static bool find_schema(Session *s, const CatalogSnap *cat, const Value *v, ObjectId *out, Err *e)
{
    uint32_t oid = (uint32_t)v->u.i64;
    (void)cat;
    if (v->phys == PH_STR && !catalog_reg_find(s, T_REGNAMESPACE, v->u.str, &oid, e))
        return false;
    *out = oid;
    return true;
}

static bool find_db(Session *s, const CatalogSnap *cat, const Value *v, ObjectId *out, Err *e)
{
    const DatabaseDef *d = v->phys == PH_STR ? cat_database(cat, v->u.str)
                                             : cat_database_by_id(cat, (ObjectId)v->u.i64);
    (void)s;
    *out = d ? d->id : 0;
    return d || v->phys != PH_STR ||
           err_set(e, ERR_DATABASE_NAME, "database \"%.*s\" does not exist", SLICE_ARG(v->u.str));
}

static bool is_system(const Value *v, const CatalogSnap *cat)
{
    return v->phys != PH_STR && !cat_table_by_id(cat, (TableId)v->u.i64) &&
           !cat_schema_by_id(cat, (ObjectId)v->u.i64);
}

bool fn_has_table_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    CatalogSnap *cat = session_catalog(ctx->session);
    bool system = is_system(&args[n - 2], cat);
    cat_unref(cat);
    if (system) {
        *out = value_bool(slice_eq_nocase(args[n - 1].u.str, SLICE_LIT("select")));
        return true;
    }
    return has_privilege(ctx, args, n, out, GRANT_ON_TABLES, GRANT_TABLE, find_table, e);
}

bool fn_has_schema_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    CatalogSnap *cat = session_catalog(ctx->session);
    bool system = is_system(&args[n - 2], cat);
    cat_unref(cat);
    if (system) {
        *out = value_bool(slice_eq_nocase(args[n - 1].u.str, SLICE_LIT("usage")));
        return true;
    }
    return has_privilege(ctx, args, n, out, GRANT_ON_SCHEMAS, GRANT_SCHEMA, find_schema, e);
}

bool fn_has_database_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    return has_privilege(ctx, args, n, out, GRANT_ON_DATABASES, GRANT_DATABASE, find_db, e);
}

/* pg_has_role([role,] role, 'USAGE' | 'MEMBER') */
bool fn_has_role(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *who = n == 3 ? role_arg(cat, &args[0], e) : cat_role_by_id(cat, s->role);
    const RoleDef *in = who ? role_arg(cat, &args[n - 2], e) : NULL;
    RoleSet set = {0};
    if (in) {
        roles_of(&set, cat, who->id);
        bool has = set.superuser;
        for (size_t i = 0; i < set.count; i++)
            has |= set.ids[i] == in->id;
        *out = value_bool(has);
    }
    roles_free(&set);
    cat_unref(cat);
    return in != NULL;
}

/* acldefault('r' tables | 's' sequences | 'n' schemas | 'd' databases ..., owner) */
bool fn_acldefault(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    static const struct {
        char kind;
        GrantTarget on;
        uint32_t everyone;
    } kinds[] = {{'r', GRANT_ON_TABLES, 0},
                 {'n', GRANT_ON_SCHEMAS, 0},
                 {'d', GRANT_ON_DATABASES, PRIV_TEMPORARY | PRIV_CONNECT}};
    CatalogSnap *cat = session_catalog(ctx->session);
    const RoleDef *owner = cat_role_by_id(cat, (ObjectId)args[1].u.i64);
    Slice name = owner ? owner->name : SLICE_NONE;
    Array *list = ARENA_NEW(ctx->arena, Array);
    Value *items = ARENA_ARRAY(ctx->arena, Value, 2);
    (void)n, (void)e;
    *list = (Array){.elem = T_ACLITEM, .lower = {1}, .items = items};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (args[0].u.str.len != 1 || args[0].u.str.ptr[0] != kinds[i].kind)
            continue;
        if (kinds[i].everyone)
            items[list->count++] =
                value_str(acl_item(ctx->arena, SLICE_NONE, name, kinds[i].everyone, 0));
        items[list->count++] =
            value_str(acl_item(ctx->arena, name, name, sql_all_privileges(kinds[i].on), 0));
    }
    list->ndim = list->count > 0;
    list->dims[0] = (int32_t)list->count;
    *out = (Value){.phys = PH_ARRAY, .u.arr = list};
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

bool fn_current_user(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *r = cat_role_by_id(cat, s->role);
    *out = value_str(r ? arena_slice(ctx->arena, r->name) : slice_cstr(s->user));
    cat_unref(cat);
    return true;
}

bool fn_session_user(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    const Session *s = ctx->session;
    *out = value_str(slice_cstr(s->user));
    return true;
}

bool fn_userbyid(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    CatalogSnap *cat = session_catalog(ctx->session);
    const RoleDef *r = cat_role_by_id(cat, (ObjectId)args[0].u.i64);
    *out = value_str(r ? arena_slice(ctx->arena, r->name)
                       : arena_printf(ctx->arena, "unknown (OID=%lld)", (long long)args[0].u.i64));
    cat_unref(cat);
    return true;
}
