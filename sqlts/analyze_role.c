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

/* IN ROLE, ROLE, ADMIN */
static void members(Analyzer *z, const NOption *o, Bound *b)
{
    bool in = slice_eq_cstr(o->name, "in role"), admin = slice_eq_cstr(o->name, "admin");
    Slice **list = in ? &b->u.role.in_roles : admin ? &b->u.role.admins : &b->u.role.members;
    size_t *count = in      ? &b->u.role.in_role_count
                    : admin ? &b->u.role.admin_count
                            : &b->u.role.member_count;
    *list = names_of(z, &o->names);
    *count = o->names.count;
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
    } else if (o->names.count) { /* of CREATE ROLE alone */
        members(z, o, b);
    } else if (slice_eq_cstr(o->name, "sysid")) {
        return true; /* PostgreSQL ignores it, too */
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

/* ---- settings of roles and databases; owners ---- */

bool az_role_setting(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    const NSimple *change = (const NSimple *)n->query;
    bool of_database = n->list.count == 0 && n->name.len > 0 && n->form == GRANT_ON_DATABASES;
    b->kind = BOUND_ROLE_SETTING;
    b->tag = of_database ? "ALTER DATABASE" : "ALTER ROLE";
    if (change->n.kind != N_SET && change->n.kind != N_RESET)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "modes of transactions cannot be set for roles and databases");
    b->u.role_setting.role = n->list.count ? ast_name_text(n->list.items[0]) : SLICE_NONE;
    b->u.role_setting.database = n->name;
    b->u.role_setting.name = change->name;
    b->u.role_setting.value = change->text;
    b->u.role_setting.reset = change->n.kind == N_RESET || change->flag2;
    return true;
}

bool az_owner(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    (void)e;
    if (n->n.kind == N_OWNER) {
        b->kind = BOUND_OWNER;
        b->tag = n->form == GRANT_ON_SCHEMAS ? "ALTER SCHEMA" : "ALTER DATABASE";
        b->u.owner.on = (GrantTarget)n->form;
        b->u.owner.name = n->name;
        b->u.owner.owner = n->text;
        b->u.owner.rename = n->flag;
        return true;
    }
    b->kind = BOUND_OWNED;
    b->tag = n->flag ? "DROP OWNED" : "REASSIGN OWNED";
    b->u.owned.roles = names_of(z, &n->list);
    b->u.owned.count = n->list.count;
    b->u.owned.drop = n->flag;
    b->u.owned.cascade = n->flag3;
    b->u.owned.to = n->name;
    return true;
}

/* ---- grants ---- */

enum {
    ON_TABLE = 1,
    ON_SEQUENCE = 2,
    ON_SCHEMA = 4,
    ON_DATABASE = 8,
    ON_COLUMN = 16,
    ON_FUNCTION = 32,
};

static const struct {
    const char *word;
    uint32_t privilege;
    unsigned on;
} privileges[] = {
    {"select", PRIV_SELECT, ON_TABLE | ON_SEQUENCE | ON_COLUMN},
    {"insert", PRIV_INSERT, ON_TABLE | ON_COLUMN},
    {"update", PRIV_UPDATE, ON_TABLE | ON_SEQUENCE | ON_COLUMN},
    {"delete", PRIV_DELETE, ON_TABLE},
    {"truncate", PRIV_TRUNCATE, ON_TABLE},
    {"references", PRIV_REFERENCES, ON_TABLE | ON_COLUMN},
    {"trigger", PRIV_TRIGGER, ON_TABLE},
    {"usage", PRIV_USAGE, ON_SEQUENCE | ON_SCHEMA},
    {"create", PRIV_CREATE, ON_SCHEMA | ON_DATABASE},
    {"connect", PRIV_CONNECT, ON_DATABASE},
    {"temporary", PRIV_TEMPORARY, ON_DATABASE},
    {"temp", PRIV_TEMPORARY, ON_DATABASE},
    {"execute", 0, ON_FUNCTION},
};

/* What a target is, and in messages.  TABLE takes sequences as well, for clients of old. */
static const struct {
    unsigned on;
    const char *name;
} targets[] = {
    [GRANT_ON_ROLES] = {0, "role"},
    [GRANT_ON_TABLES] = {ON_TABLE | ON_SEQUENCE, "relation"},
    [GRANT_ON_SCHEMAS] = {ON_SCHEMA, "schema"},
    [GRANT_ON_DATABASES] = {ON_DATABASE, "database"},
    [GRANT_ON_SEQUENCES] = {ON_SEQUENCE, "sequence"},
    [GRANT_ON_ALL_TABLES] = {ON_TABLE | ON_SEQUENCE, "relation"},
    [GRANT_ON_ALL_SEQUENCES] = {ON_SEQUENCE, "sequence"},
    [GRANT_ON_ALL_FUNCTIONS] = {ON_FUNCTION, "function"},
};

/* 0: no such word. */
static unsigned word_on(Slice word, uint32_t *privilege)
{
    for (size_t i = 0; i < ARRAY_LEN(privileges); i++)
        if (slice_eq_nocase(word, slice_cstr(privileges[i].word))) {
            *privilege = privileges[i].privilege;
            return privileges[i].on;
        }
    return 0;
}

uint32_t sql_privilege(Slice word, AclClass c)
{
    static const unsigned of[] = {[ACL_OF_TABLE] = ON_TABLE,
                                  [ACL_OF_SEQUENCE] = ON_SEQUENCE,
                                  [ACL_OF_SCHEMA] = ON_SCHEMA,
                                  [ACL_OF_PUBLIC] = ON_SCHEMA,
                                  [ACL_OF_COLUMN] = ON_COLUMN,
                                  [ACL_OF_DATABASE] = ON_DATABASE,
                                  [ACL_OF_ROLE] = 0};
    uint32_t privilege = 0;
    return word_on(word, &privilege) & of[c] ? privilege : 0;
}

static bool one_privilege(Slice word, unsigned on, const char *kind, uint32_t *out, Err *e)
{
    unsigned of = word_on(word, out);
    if (!of)
        return err_set(e, ERR_SYNTAX, "unrecognized privilege type \"%.*s\"", SLICE_ARG(word));
    if (of & on)
        return true;
    char upper[32];
    size_t n = word.len < sizeof upper - 1 ? word.len : sizeof upper - 1;
    for (size_t i = 0; i < n; i++)
        upper[i] =
            (char)(word.ptr[i] >= 'a' && word.ptr[i] <= 'z' ? word.ptr[i] - 32 : word.ptr[i]);
    upper[n] = 0;
    return err_set(e, ERR_INVALID_GRANT, "invalid privilege type %s for %s",
                   strcmp(upper, "TEMP") == 0 ? "TEMPORARY" : upper, kind);
}

static bool column_privileges(Analyzer *z, const NOption *o, GrantTarget on, Bound *b, size_t *cap,
                              Err *e)
{
    bool all = slice_eq_cstr(o->name, "all");
    uint32_t wanted = 0;
    if (on != GRANT_ON_TABLES)
        return err_set(e, ERR_INVALID_GRANT, "column privileges are only valid for relations");
    if (!all && !one_privilege(o->name, ON_COLUMN, "column", &wanted, e))
        return false;
    for (size_t i = 0; i < o->names.count; i++)
        *AZ_PUSH(z, b->u.grant.columns, b->u.grant.column_count, *cap) = (ColumnGrant){
            wanted, ast_name_text(o->names.items[i]), az_position(z, o->names.items[i]->offset)};
    return true;
}

static bool grant_privileges(Analyzer *z, const NSimple *n, unsigned on, const char *kind, Bound *b,
                             Err *e)
{
    size_t cap = 0;
    for (size_t i = 0; i < n->list.count; i++) {
        const SqlNode *item = n->list.items[i];
        uint32_t one;
        if (item->kind != N_NAME) {
            if (!column_privileges(z, (const NOption *)item, b->u.grant.on, b, &cap, e))
                return false;
            continue;
        }
        Slice word = ast_name_text(item);
        if (n->list.count == 1 && slice_eq_cstr(word, "all")) {
            b->u.grant.all = true;
            return true;
        }
        if (!one_privilege(word, on, kind, &one, e))
            return false;
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

/* ALL TABLES IN SCHEMA ...; ON TABLES of defaults */
static bool plural(Analyzer *z, const NSimple *target, Bound *b, Err *e)
{
    static const struct {
        const char *word;
        GrantTarget all;
        GrantKind defaults;
    } words[] = {{"tables", GRANT_ON_ALL_TABLES, GRANT_DEFAULT_TABLES},
                 {"sequences", GRANT_ON_ALL_SEQUENCES, GRANT_DEFAULT_SEQUENCES},
                 {"functions", GRANT_ON_ALL_FUNCTIONS, 0},
                 {"procedures", GRANT_ON_ALL_FUNCTIONS, 0},
                 {"routines", GRANT_ON_ALL_FUNCTIONS, 0},
                 {"schemas", 0, GRANT_DEFAULT_SCHEMAS}};
    bool defaults = target->form == GRANT_ON_DEFAULTS;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!slice_eq_cstr(target->name, words[i].word) ||
            !(defaults ? (int)words[i].defaults : (int)words[i].all))
            continue;
        b->u.grant.on = defaults ? GRANT_ON_DEFAULTS : words[i].all;
        b->u.grant.defaults = words[i].defaults;
        return true;
    }
    return az_fail(z, &target->n, ERR_FEATURE_NOT_SUPPORTED, e,
                   "privileges on %s%.*s are not supported", defaults ? "" : "ALL ",
                   SLICE_ARG(target->name));
}

static bool default_places(Analyzer *z, const NodeList *places, Bound *b, Err *e)
{
    for (size_t i = 0; i < places->count; i++) {
        const NOption *o = (const NOption *)places->items[i];
        bool roles = slice_eq_cstr(o->name, "roles");
        Slice **list = roles ? &b->u.grant.for_roles : &b->u.grant.in_schemas;
        if (*list)
            return az_fail(z, &o->n, ERR_SYNTAX, e, "conflicting or redundant options");
        *list = names_of(z, &o->names);
        *(roles ? &b->u.grant.for_role_count : &b->u.grant.in_schema_count) = o->names.count;
    }
    return true;
}

bool az_grant(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    static const unsigned default_on[] = {[GRANT_DEFAULT_TABLES] = ON_TABLE,
                                          [GRANT_DEFAULT_SEQUENCES] = ON_SEQUENCE,
                                          [GRANT_DEFAULT_SCHEMAS] = ON_SCHEMA};
    static const char *const default_kinds[] = {[GRANT_DEFAULT_TABLES] = "relation",
                                                [GRANT_DEFAULT_SEQUENCES] = "sequence",
                                                [GRANT_DEFAULT_SCHEMAS] = "schema"};
    const NSimple *target = (const NSimple *)n->query;
    bool defaults = target && target->form == GRANT_ON_DEFAULTS;
    b->kind = BOUND_GRANT;
    b->u.grant.revoke = n->flag;
    b->u.grant.option = n->flag2;
    b->u.grant.cascade = n->flag3;
    b->u.grant.grantor = n->name;
    b->u.grant.on = target ? (GrantTarget)target->form : GRANT_ON_ROLES;
    b->tag = defaults  ? "ALTER DEFAULT PRIVILEGES"
             : target  ? (n->flag ? "REVOKE" : "GRANT")
             : n->flag ? "REVOKE ROLE"
                       : "GRANT ROLE";
    b->u.grant.grantees = names_of(z, &n->args);
    b->u.grant.grantee_count = n->args.count;
    objects_of(z, target ? &target->list : &n->list, b);
    if (!target)
        return true;
    if ((defaults || target->form == GRANT_ON_ALL_TABLES) && !plural(z, target, b, e))
        return false;
    if (defaults)
        return default_places(z, &target->args, b, e) &&
               grant_privileges(z, n, default_on[b->u.grant.defaults],
                                default_kinds[b->u.grant.defaults], b, e);
    return grant_privileges(z, n, targets[b->u.grant.on].on, targets[b->u.grant.on].name, b, e);
}
