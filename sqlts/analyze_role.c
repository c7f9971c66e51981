/* sqlts/analyze_role.c - CREATE, ALTER, DROP ROLE; GRANT, REVOKE: the words get a meaning. */
#include "sqlts/analyze.h"

static Slice *names_of(Analyzer *z, const NodeList *list)
{
    Slice *names = ARENA_ARRAY(z->arena, Slice, list->count);
    for (size_t i = 0; i < list->count; i++)
        names[i] = ast_name_text(list->items[i]);
    return names;
}

/* ---- roles ---- */

static const struct {
    const char *word;
    uint32_t flag;
    bool clear;
} role_flags[] = {
    {"superuser", ROLE_SUPERUSER, false},
    {"nosuperuser", ROLE_SUPERUSER, true},
    {"inherit", ROLE_INHERIT, false},
    {"noinherit", ROLE_INHERIT, true},
    {"createrole", ROLE_CREATEROLE, false},
    {"nocreaterole", ROLE_CREATEROLE, true},
    {"createdb", ROLE_CREATEDB, false},
    {"nocreatedb", ROLE_CREATEDB, true},
    {"login", ROLE_LOGIN, false},
    {"nologin", ROLE_LOGIN, true},
    {"replication", ROLE_REPLICATION, false},
    {"noreplication", ROLE_REPLICATION, true},
    {"bypassrls", ROLE_BYPASSRLS, false},
    {"nobypassrls", ROLE_BYPASSRLS, true},
};

static bool role_flag(const NOption *o, Bound *b)
{
    for (size_t i = 0; i < ARRAY_LEN(role_flags); i++) {
        if (o->has_value || !slice_eq_cstr(o->name, role_flags[i].word))
            continue;
        *(role_flags[i].clear ? &b->u.role.clear : &b->u.role.set) |= role_flags[i].flag;
        return true;
    }
    return false;
}

static bool connection_limit(Analyzer *z, const NOption *o, Bound *b, Err *e)
{
    int64_t n;
    if (!slice_to_i64(o->value, &n) || n < -1 || n > INT32_MAX)
        return az_fail(z, &o->n, ERR_INVALID_PARAMETER, e, "invalid connection limit: %.*s",
                       SLICE_ARG(o->value));
    b->u.role.has_limit = true;
    b->u.role.connection_limit = (int32_t)n;
    return true;
}

static bool role_option(Analyzer *z, const NOption *o, Bound *b, Err *e)
{
    if (role_flag(o, b))
        return true;
    /* "ENCRYPTED PASSWORD 'x'", "VALID UNTIL 'x'": two words, two options */
    if (!o->has_value && (slice_eq_cstr(o->name, "encrypted") || slice_eq_cstr(o->name, "valid")))
        return true;
    if (o->has_value && slice_eq_cstr(o->name, "password")) {
        b->u.role.has_password = true;
        b->u.role.null_password = !o->value.ptr;
        b->u.role.password = o->value;
    } else if (o->value.ptr && slice_eq_cstr(o->name, "until")) {
        b->u.role.valid_until = o->value;
    } else if (o->value.ptr && slice_eq_cstr(o->name, "rename")) {
        b->u.role.new_name = o->value;
    } else if (o->value.ptr && slice_eq_cstr(o->name, "connection")) {
        return connection_limit(z, o, b, e);
    } else if (slice_eq_cstr(o->name, "in role") && b->u.role.verb == ROLE_DO_CREATE) {
        b->u.role.in_roles = names_of(z, &o->names);
        b->u.role.in_role_count = o->names.count;
    } else {
        return az_fail(z, &o->n, ERR_SYNTAX, e, "unrecognized role option \"%.*s\"",
                       SLICE_ARG(o->name));
    }
    return true;
}

bool az_role(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    static const char *const tags[] = {"CREATE ROLE", "ALTER ROLE", "DROP ROLE"};
    b->kind = BOUND_ROLE;
    b->tag = tags[n->form];
    b->u.role.verb = (RoleVerb)n->form;
    b->u.role.names = names_of(z, &n->list);
    b->u.role.count = n->list.count;
    b->u.role.if_exists = n->form == ROLE_DO_DROP && n->flag;
    b->u.role.login = n->form == ROLE_DO_CREATE && n->flag;
    for (size_t i = 0; i < n->args.count; i++)
        if (!role_option(z, (const NOption *)n->args.items[i], b, e))
            return false;
    if (b->u.role.set & b->u.role.clear)
        return az_fail(z, &n->n, ERR_SYNTAX, e, "conflicting or redundant options");
    return true;
}

/* ---- tokens ---- */

bool az_token(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    bool create = n->n.kind == N_CREATE_TOKEN;
    b->kind = create ? BOUND_CREATE_TOKEN : BOUND_DROP_TOKEN;
    b->tag = create ? "CREATE TOKEN" : "DROP TOKEN";
    b->u.token.if_exists = n->flag;
    b->u.token.names = names_of(z, &n->list);
    b->u.token.count = n->list.count;
    if (!create)
        return true;
    b->u.token.role = b->u.token.names[0];
    b->u.token.names[0] = n->name;
    for (size_t i = 0; i < n->args.count; i++) {
        const NOption *o = (const NOption *)n->args.items[i];
        bool last = i + 1 == n->args.count;
        if (!last && !o->has_value && slice_eq_cstr(o->name, "valid"))
            continue;
        if (!last || n->args.count != 2 || !o->has_value || !slice_eq_cstr(o->name, "until"))
            return az_fail(z, &o->n, ERR_SYNTAX, e, "unrecognized token option \"%.*s\"",
                           SLICE_ARG(o->name));
        b->u.token.valid_until = o->value;
    }
    return true;
}

/* ---- grants ---- */

static const struct {
    const char *word;
    uint32_t privilege;
    uint32_t targets; /* bits of GrantTarget */
} privileges[] = {
    {"select", PRIV_SELECT, 1 << GRANT_ON_TABLES},
    {"insert", PRIV_INSERT, 1 << GRANT_ON_TABLES},
    {"update", PRIV_UPDATE, 1 << GRANT_ON_TABLES},
    {"delete", PRIV_DELETE, 1 << GRANT_ON_TABLES},
    {"truncate", PRIV_TRUNCATE, 1 << GRANT_ON_TABLES},
    {"references", PRIV_REFERENCES, 1 << GRANT_ON_TABLES},
    {"trigger", PRIV_TRIGGER, 1 << GRANT_ON_TABLES},
    {"usage", PRIV_USAGE, 1 << GRANT_ON_SCHEMAS},
    {"create", PRIV_CREATE, 1 << GRANT_ON_SCHEMAS | 1 << GRANT_ON_DATABASES},
    {"connect", PRIV_CONNECT, 1 << GRANT_ON_DATABASES},
    {"temporary", PRIV_TEMPORARY, 1 << GRANT_ON_DATABASES},
    {"temp", PRIV_TEMPORARY, 1 << GRANT_ON_DATABASES},
};

static GrantTarget plain_target(GrantTarget on)
{
    return on == GRANT_ON_ALL_TABLES ? GRANT_ON_TABLES : on;
}

uint32_t sql_all_privileges(GrantTarget on)
{
    uint32_t all = 0;
    for (size_t i = 0; i < ARRAY_LEN(privileges); i++)
        if (privileges[i].targets & 1u << plain_target(on))
            all |= privileges[i].privilege;
    return all;
}

uint32_t sql_privilege(Slice word, GrantTarget on)
{
    for (size_t i = 0; i < ARRAY_LEN(privileges); i++)
        if (slice_eq_nocase(word, slice_cstr(privileges[i].word)))
            return privileges[i].targets & 1u << plain_target(on) ? privileges[i].privilege : 0;
    return 0;
}

static bool grant_privileges(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    static const char *const kinds[] = {"role", "relation", "schema", "database", "relation"};
    for (size_t i = 0; i < n->list.count; i++) {
        Slice word = ast_name_text(n->list.items[i]);
        if (n->list.count == 1 && slice_eq_cstr(word, "all"))
            return true;
        uint32_t one = sql_privilege(word, b->u.grant.on);
        if (!one && sql_privilege(word, GRANT_ON_TABLES) | sql_privilege(word, GRANT_ON_SCHEMAS) |
                        sql_privilege(word, GRANT_ON_DATABASES))
            return az_fail(z, n->list.items[i], ERR_INVALID_GRANT, e,
                           "invalid privilege type %.*s for %s", SLICE_ARG(word),
                           kinds[b->u.grant.on]);
        if (!one)
            return az_fail(z, n->list.items[i], ERR_SYNTAX, e,
                           "unrecognized privilege type \"%.*s\"", SLICE_ARG(word));
        b->u.grant.privileges |= one;
    }
    return true;
}

static void objects_of(Analyzer *z, const NodeList *list, Bound *b)
{
    b->u.grant.objects = ARENA_ARRAY(z->arena, QualifiedName, list->count);
    b->u.grant.object_count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        const SqlNode *n = list->items[i];
        b->u.grant.objects[i] =
            n->kind == N_RANGE_TABLE
                ? az_qualified(z, (const NRange *)n)
                : (QualifiedName){SLICE_NONE, ast_name_text(n), az_position(z, n->offset)};
    }
}

bool az_grant(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    const NSimple *target = (const NSimple *)n->query;
    b->kind = BOUND_GRANT;
    b->u.grant.revoke = n->flag;
    b->u.grant.option = n->flag2;
    b->u.grant.on = target ? (GrantTarget)target->form : GRANT_ON_ROLES;
    b->tag = target ? (n->flag ? "REVOKE" : "GRANT") : n->flag ? "REVOKE ROLE" : "GRANT ROLE";
    b->u.grant.grantees = names_of(z, &n->args);
    b->u.grant.grantee_count = n->args.count;
    objects_of(z, target ? &target->list : &n->list, b);
    if (target && target->form == GRANT_ON_ALL_TABLES && !slice_eq_cstr(target->name, "tables"))
        return az_fail(z, &target->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "privileges on ALL %.*s are not supported", SLICE_ARG(target->name));
    return !target || grant_privileges(z, n, b, e);
}
