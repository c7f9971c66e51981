/* session/catalog_has.c - has_..._privilege(), pg_has_role(): may a role do this with that? */
#include "session/acl.h"
#include "session/catalog_private.h"

typedef struct Asked {
    Session *session;
    const CatalogSnap *cat;
    RoleSet roles;
    ObjectId object;   /* 0: there is none, the answer is NULL */
    const TableDef *t; /* relations; NULL: one of the catalogs */
    int column;        /* index; -1 = the object as a whole */
} Asked;

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

/* "public" has what everybody has. */
static bool find_roles(Asked *q, const Value *v, Err *e)
{
    if (v && v->phys == PH_STR && slice_eq_cstr(v->u.str, "public"))
        return true;
    const RoleDef *r = v ? role_arg(q->cat, v, e) : cat_role_by_id(q->cat, q->session->role);
    if (!r)
        return false;
    roles_of(&q->roles, q->cat, r->id);
    return true;
}

static Slice trimmed(Slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

typedef struct HasKind {
    bool (*find)(Asked *q, const Value *v, Err *e);
    GrantKind kind;
    AclClass class;
    bool any_column;
} HasKind;

static bool of_columns(const Asked *q, uint32_t wanted, bool option)
{
    for (size_t i = 0; i < q->t->column_count; i++)
        if (!q->t->columns[i].dropped &&
            roles_column(&q->roles, q->cat, q->t->id, i, option) & wanted)
            return true;
    return false;
}

static bool has(const Asked *q, const HasKind *k, uint32_t wanted, bool option)
{
    if (q->roles.superuser)
        return true;
    if (k->kind == GRANT_TABLE && !q->t) /* catalogs are for everybody to read */
        return wanted == PRIV_SELECT && !option;
    if (k->kind == GRANT_SCHEMA && !cat_schema_by_id(q->cat, q->object))
        return wanted == PRIV_USAGE && !option;
    if (q->column >= 0)
        return roles_column(&q->roles, q->cat, q->object, (size_t)q->column, option) & wanted;
    uint32_t may = option ? roles_options(&q->roles, q->cat, k->kind, q->object)
                          : roles_privileges(&q->roles, q->cat, k->kind, q->object);
    return may & wanted || (k->any_column && of_columns(q, wanted, option));
}

/* "SELECT, INSERT WITH GRANT OPTION": any of them. */
static bool any_of(const Asked *q, const HasKind *k, Slice text, bool *out, Err *e)
{
    static const char suffix[] = " with grant option";
    const size_t cut = sizeof suffix - 1;
    *out = false;
    for (bool more = true; more;) {
        const char *comma = text.len ? memchr(text.ptr, ',', text.len) : NULL;
        size_t n = comma ? (size_t)(comma - text.ptr) : text.len;
        Slice word = trimmed(slice_of(text.ptr, n));
        bool option = word.len > cut &&
                      slice_eq_nocase(slice_of(word.ptr + word.len - cut, cut), slice_cstr(suffix));
        uint32_t wanted =
            sql_privilege(option ? trimmed(slice_of(word.ptr, word.len - cut)) : word, k->class);
        if (!wanted)
            return err_set(e, ERR_INVALID_PARAMETER, "unrecognized privilege type: \"%.*s\"",
                           SLICE_ARG(word));
        *out |= has(q, k, wanted, option);
        more = comma != NULL;
        text = slice_of(text.ptr + n + more, text.len - n - more);
    }
    return true;
}

/* ([role,] object, [column,] privileges) */
static bool has_privilege(EvalCtx *ctx, const Value *args, size_t n, size_t own, const HasKind *k,
                          bool (*find_column)(Asked *q, const Value *v, Err *e), Value *out, Err *e)
{
    Asked q = {.session = ctx->session, .cat = session_catalog(ctx->session), .column = -1};
    const Value *object = &args[n - own];
    bool yes = false;
    bool ok = find_roles(&q, n > own ? &args[0] : NULL, e) && k->find(&q, object, e) &&
              (!find_column || !q.object || find_column(&q, object + 1, e)) &&
              (!q.object || any_of(&q, k, args[n - 1].u.str, &yes, e));
    *out = q.object ? value_bool(yes) : value_null();
    roles_free(&q.roles);
    cat_unref((CatalogSnap *)(uintptr_t)q.cat);
    return ok;
}

/* ---- objects ---- */

static bool find_table(Asked *q, const Value *v, Err *e)
{
    uint32_t oid = (uint32_t)v->u.i64;
    if (v->phys == PH_STR && !catalog_reg_find(q->session, T_REGCLASS, v->u.str, &oid, e))
        return false;
    q->object = oid;
    q->t = cat_table_by_id(q->cat, oid);
    return true;
}

static bool find_sequence(Asked *q, const Value *v, Err *e)
{
    if (!find_table(q, v, e))
        return false;
    if (q->t && q->t->kind != TABLE_SEQUENCE)
        return err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a sequence", SLICE_ARG(q->t->name));
    return true;
}

static bool find_schema(Asked *q, const Value *v, Err *e)
{
    uint32_t oid = (uint32_t)v->u.i64;
    if (v->phys == PH_STR && !catalog_reg_find(q->session, T_REGNAMESPACE, v->u.str, &oid, e))
        return false;
    q->object = oid;
    return true;
}

static bool find_db(Asked *q, const Value *v, Err *e)
{
    const DatabaseDef *d = v->phys == PH_STR ? cat_database(q->cat, v->u.str)
                                             : cat_database_by_id(q->cat, (ObjectId)v->u.i64);
    q->object = d ? d->id : 0;
    return d || v->phys != PH_STR ||
           err_set(e, ERR_DATABASE_NAME, "database \"%.*s\" does not exist", SLICE_ARG(v->u.str));
}

static bool find_column(Asked *q, const Value *v, Err *e)
{
    const TableDef *t = q->t;
    if (!t)
        return true;
    if (v->phys == PH_STR) {
        const ColumnDef *c = table_column(t, v->u.str);
        if (!c)
            return err_set(e, ERR_UNDEFINED_COLUMN,
                           "column \"%.*s\" of relation \"%.*s\" does not exist",
                           SLICE_ARG(v->u.str), SLICE_ARG(t->name));
        q->column = (int)(c - t->columns);
    } else if (v->u.i64 < 1 || v->u.i64 > t->column_count || t->columns[v->u.i64 - 1].dropped) {
        q->object = 0;
    } else {
        q->column = (int)v->u.i64 - 1;
    }
    return true;
}

/* ---- functions ---- */

#define HAS(name, own, column, ...)                                                                \
    bool fn_has_##name##_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)  \
    {                                                                                              \
        static const HasKind kind = __VA_ARGS__;                                                   \
        return has_privilege(ctx, args, n, own, &kind, column, out, e);                            \
    }
HAS(table, 2, NULL, {find_table, GRANT_TABLE, ACL_OF_TABLE, false})
HAS(any_column, 2, NULL, {find_table, GRANT_TABLE, ACL_OF_COLUMN, true})
HAS(column, 3, find_column, {find_table, GRANT_TABLE, ACL_OF_COLUMN, false})
HAS(sequence, 2, NULL, {find_sequence, GRANT_TABLE, ACL_OF_SEQUENCE, false})
HAS(schema, 2, NULL, {find_schema, GRANT_SCHEMA, ACL_OF_SCHEMA, false})
HAS(database, 2, NULL, {find_db, GRANT_DATABASE, ACL_OF_DATABASE, false})

/* pg_has_role([role,] role, 'USAGE' | 'MEMBER'): are its rights one's own; may one SET ROLE? */
bool fn_has_role(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    Slice word = trimmed(args[n - 1].u.str);
    const RoleDef *who = n == 3 ? role_arg(cat, &args[0], e) : cat_role_by_id(cat, s->role);
    const RoleDef *in = who ? role_arg(cat, &args[n - 2], e) : NULL;
    RoleSet set = {0};
    bool member = slice_eq_nocase(word, SLICE_LIT("member")), ok = in != NULL;
    if (ok && !member && !slice_eq_nocase(word, SLICE_LIT("usage")))
        ok = err_set(e, ERR_INVALID_PARAMETER, "unrecognized privilege type: \"%.*s\"",
                     SLICE_ARG(word));
    if (ok) {
        roles_of(&set, cat, who->id);
        *out = value_bool(member ? role_can_become(cat, who->id, in->id) : roles_has(&set, in->id));
    }
    roles_free(&set);
    cat_unref(cat);
    return ok;
}
