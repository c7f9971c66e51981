/* session/role.c - roles, memberships, grants: the statements, and who may do what.
 *
 * The rules are PostgreSQL's: a superuser may do all, an owner all with its object, others what was
 * granted to them, to a role they are in (with INHERIT), or to PUBLIC.  Who made an object is kept
 * as a grant with PRIV_OWNER; what has none belongs to the first superuser. */
#include "base/log.h"
#include "session/scram.h"
#include "session/session_private.h"

/* ---- the set of a role ---- */

enum { PG_READ_ALL_DATA = 6181, PG_WRITE_ALL_DATA = 6182 };

static const struct {
    ObjectId id;
    const char *name;
} predefined[] = {
    {PG_READ_ALL_DATA, "pg_read_all_data"},
    {PG_WRITE_ALL_DATA, "pg_write_all_data"},
    {3373, "pg_monitor"},
    {4544, "pg_checkpoint"},
    {4200, "pg_signal_backend"},
};

static bool includes(const RoleSet *r, ObjectId id)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->ids[i] == id)
            return true;
    return false;
}

static void include(RoleSet *r, ObjectId id)
{
    if (includes(r, id))
        return;
    r->ids = mem_realloc(r->ids, (r->count + 1) * sizeof *r->ids);
    r->ids[r->count++] = id;
}

/* The role and all that it is in; `inherits`: whose rights it has without SET ROLE. */
static void include_all(RoleSet *r, const CatalogSnap *cat, ObjectId of, bool inherits)
{
    include(r, of);
    for (size_t done = 0; done < r->count; done++) {
        const RoleDef *d = cat_role_by_id(cat, r->ids[done]);
        if (!d || (inherits && !(d->flags & ROLE_INHERIT)))
            continue;
        for (size_t i = 0; i < cat_role_count(cat); i++) {
            ObjectId in = cat_role_at(cat, i)->id;
            if (cat_grant(cat, GRANT_ROLE, in, d->id))
                include(r, in);
        }
    }
}

void roles_free(RoleSet *r)
{
    mem_free(r->ids);
    *r = (RoleSet){0};
}

void roles_of(RoleSet *r, const CatalogSnap *cat, ObjectId role)
{
    const RoleDef *d = cat_role_by_id(cat, role);
    if (r->ids && r->role == role && r->version == cat_plan_version(cat))
        return;
    roles_free(r);
    r->role = role;
    r->version = cat_plan_version(cat);
    r->superuser = d && d->flags & ROLE_SUPERUSER;
    include_all(r, cat, role, true);
}

/* ---- what it may ---- */

static uint32_t granted(const CatalogSnap *cat, GrantKind kind, ObjectId object, ObjectId role)
{
    const GrantDef *g = cat_grant(cat, kind, object, role);
    return g ? g->privileges : 0;
}

/* What everybody has where nothing else was said. */
static uint32_t of_public(const CatalogSnap *cat, GrantKind kind, ObjectId object)
{
    if (cat_grant(cat, kind, object, 0))
        return granted(cat, kind, object, 0);
    const SchemaDef *s = kind == GRANT_SCHEMA ? cat_schema_by_id(cat, object) : NULL;
    if (kind == GRANT_DATABASE)
        return PRIV_CONNECT | PRIV_TEMPORARY;
    if (s && temp_schema_name(s->name)) /* nobody else sees it */
        return PRIV_USAGE | PRIV_CREATE;
    return s && slice_eq_cstr(s->name, "public") ? PRIV_USAGE : 0;
}

uint32_t roles_privileges(const RoleSet *r, const CatalogSnap *cat, GrantKind kind, ObjectId object)
{
    enum { WRITES = PRIV_INSERT | PRIV_UPDATE | PRIV_DELETE };
    uint32_t may = of_public(cat, kind, object);
    if (r->superuser)
        return UINT32_MAX;
    for (size_t i = 0; i < r->count; i++) {
        may |= granted(cat, kind, object, r->ids[i]);
        bool reads = r->ids[i] == PG_READ_ALL_DATA, writes = r->ids[i] == PG_WRITE_ALL_DATA;
        if (kind == GRANT_SCHEMA && (reads || writes))
            may |= PRIV_USAGE;
        if (kind == GRANT_TABLE)
            may |= (reads ? PRIV_SELECT : 0) | (writes ? WRITES : 0);
    }
    return may & PRIV_OWNER ? UINT32_MAX : may;
}

ObjectId object_owner(const CatalogSnap *cat, GrantKind kind, ObjectId object)
{
    for (size_t i = 0; i < cat_role_count(cat); i++) {
        ObjectId role = cat_role_at(cat, i)->id;
        if (granted(cat, kind, object, role) & PRIV_OWNER)
            return role;
    }
    return ROLE_BOOTSTRAP;
}

static const RoleSet *current_roles(Session *s, const CatalogSnap *cat)
{
    roles_of(&s->roles, cat, s->role);
    return &s->roles;
}

bool session_is_superuser(Session *s, const CatalogSnap *cat)
{
    return current_roles(s, cat)->superuser;
}

bool session_in_role(Session *s, const CatalogSnap *cat, ObjectId role)
{
    const RoleSet *r = current_roles(s, cat);
    return r->superuser || includes(r, role);
}

static bool not_allowed(Err *e, const char *kind, Slice name)
{
    return err_set(e, ERR_PRIVILEGE, "permission denied for %s %.*s", kind, SLICE_ARG(name));
}

bool roles_allow_table(const RoleSet *r, const CatalogSnap *cat, const TableDef *t, uint32_t wanted,
                       Err *e)
{
    if (r->superuser)
        return true;
    const SchemaDef *s = cat_schema_by_id(cat, t->schema);
    if (s && !(roles_privileges(r, cat, GRANT_SCHEMA, s->id) & PRIV_USAGE))
        return not_allowed(e, "schema", s->name);
    if ((roles_privileges(r, cat, GRANT_TABLE, t->id) & wanted) == wanted)
        return true;
    return not_allowed(e, t->kind == TABLE_VIEW ? "view" : "table", t->name);
}

bool session_allow_table(Session *s, const CatalogSnap *cat, const TableDef *t, uint32_t wanted,
                         Err *e)
{
    return roles_allow_table(current_roles(s, cat), cat, t, wanted, e);
}

bool session_owns(Session *s, const CatalogSnap *cat, GrantKind kind, ObjectId object, Slice name,
                  Err *e)
{
    static const char *const kinds[] = {[GRANT_TABLE] = "table",
                                        [GRANT_SCHEMA] = "schema",
                                        [GRANT_DATABASE] = "database",
                                        [GRANT_ROLE] = "role"};
    const RoleSet *r = current_roles(s, cat);
    if (r->superuser || includes(r, object_owner(cat, kind, object)))
        return true;
    return err_set(e, ERR_PRIVILEGE, "must be owner of %s %.*s", kinds[kind], SLICE_ARG(name));
}

bool session_must_be_superuser(Session *s, const char *what, Err *e)
{
    CatalogSnap *cat = session_catalog(s);
    bool ok = session_is_superuser(s, cat);
    cat_unref(cat);
    return ok || err_set(e, ERR_PRIVILEGE, "must be superuser to %s", what);
}

/* ---- edits of the catalog ---- */

static bool may_create_in(const RoleSet *r, const CatalogSnap *cat, ObjectId schema, Err *e)
{
    const SchemaDef *d = cat_schema_by_id(cat, schema);
    return !d || roles_privileges(r, cat, GRANT_SCHEMA, d->id) & PRIV_CREATE ||
           not_allowed(e, "schema", d->name);
}

static bool may_create_schema(Session *s, const CatalogSnap *cat, ObjectId database, Err *e)
{
    const DatabaseDef *d = cat_database_by_id(cat, database);
    return roles_privileges(current_roles(s, cat), cat, GRANT_DATABASE, database) & PRIV_CREATE ||
           not_allowed(e, "database", d ? d->name : SLICE_NONE);
}

static bool owns_table(Session *s, const CatalogSnap *cat, const TableDef *t, Err *e)
{
    const RoleSet *r = current_roles(s, cat);
    if (includes(r, object_owner(cat, GRANT_SCHEMA, t->schema)))
        return true;
    return session_owns(s, cat, GRANT_TABLE, t->id, t->name, e);
}

static bool may_put_database(Session *s, const CatalogSnap *cat, const DatabaseDef *d, Err *e)
{
    return !cat_database_by_id(cat, d->id) ||
           session_owns(s, cat, GRANT_DATABASE, d->id, d->name, e);
}

/* *made: what comes into being, to belong to the role. */
static bool may_edit(Session *s, const CatalogSnap *cat, const CatEdit *c, GrantDef *made, Err *e)
{
    const TableDef *t;
    const SchemaDef *d;
    *made = (GrantDef){.role = s->role, .privileges = PRIV_OWNER};
    switch (c->op) {
    case CAT_PUT_TABLE:
        if ((t = cat_table_by_id(cat, c->table->id)))
            return owns_table(s, cat, t, e);
        made->kind = GRANT_TABLE;
        made->object = c->table->id;
        return may_create_in(current_roles(s, cat), cat, c->table->schema, e);
    case CAT_DROP_TABLE:
        t = cat_table_by_id(cat, c->id);
        return !t || owns_table(s, cat, t, e);
    case CAT_PUT_SCHEMA:
        if ((d = cat_schema_by_id(cat, c->schema->id)))
            return session_owns(s, cat, GRANT_SCHEMA, d->id, d->name, e);
        made->kind = GRANT_SCHEMA;
        made->object = c->schema->id;
        return may_create_schema(s, cat, c->schema->database, e);
    case CAT_PUT_DATABASE:
        return may_put_database(s, cat, c->database, e);
    case CAT_DROP_SCHEMA:
        d = cat_schema_by_id(cat, c->id);
        return !d || session_owns(s, cat, GRANT_SCHEMA, d->id, d->name, e);
    default:
        return true;
    }
}

const CatEdit *roles_check_edits(Session *s, const CatalogSnap *cat, Arena *a, const CatEdit *edits,
                                 size_t n, size_t *count, Err *e)
{
    CatEdit *all = ARENA_ARRAY(a, CatEdit, n * 2);
    GrantDef *made = ARENA_ARRAY(a, GrantDef, n);
    memcpy(all, edits, n * sizeof *all);
    *count = n;
    for (size_t i = 0; i < n; i++) {
        if (!may_edit(s, cat, &edits[i], &made[i], e))
            return NULL;
        if (made[i].kind &&
            s->role != ROLE_BOOTSTRAP) /* what has no owner is the first superuser's */
            all[(*count)++] = (CatEdit){.op = CAT_PUT_GRANT, .grant = &made[i]};
    }
    return all;
}

bool roles_move_grants(Session *s, const CatalogSnap *cat, ObjectId from, ObjectId to, Err *e)
{
    for (size_t i = 0; i < cat_grant_count(cat); i++) {
        GrantDef g = *cat_grant_at(cat, i);
        CatEdit edit = {.op = CAT_PUT_GRANT, .grant = &g};
        if (g.kind != GRANT_TABLE || g.object != from)
            continue;
        g.object = to;
        if (!ddl_edit_unchecked(s, &edit, 1, e))
            return false;
    }
    return true;
}

/* ---- without a session: HTTP ---- */

struct Rights {
    ObjectId role;
    RoleSet set;
};

Rights *rights_new(Db *db, ObjectId role)
{
    Rights *r = MEM_NEW(Rights);
    (void)db;
    r->role = role;
    return r;
}

void rights_free(Rights *r)
{
    if (!r)
        return;
    roles_free(&r->set);
    mem_free(r);
}

ObjectId rights_role(const Rights *r)
{
    return r ? r->role : 0;
}

static const RoleSet *rights_set(Rights *r, const CatalogSnap *cat)
{
    roles_of(&r->set, cat, r->role);
    return &r->set;
}

ObjectId rights_owner(Rights *r, Db *db, ObjectId schema)
{
    Err denied;
    if (!r)
        return 0;
    CatalogSnap *cat = engine_catalog(db->engine);
    bool creates = may_create_in(rights_set(r, cat), cat, schema, &denied);
    cat_unref(cat);
    return creates && r->role != ROLE_BOOTSTRAP ? r->role : 0;
}

static bool may_connect(const RoleSet *r, const CatalogSnap *cat, const DatabaseDef *d, Err *e)
{
    if (roles_privileges(r, cat, GRANT_DATABASE, d->id) & PRIV_CONNECT)
        return true;
    err_set(e, ERR_PRIVILEGE, "permission denied for database \"%.*s\"", SLICE_ARG(d->name));
    return err_detail(e, "User does not have CONNECT privilege.");
}

bool rights_may_write(void *rights, const CatalogSnap *cat, const TableDef *t, ObjectId schema,
                      Err *e)
{
    const RoleSet *set = rights ? rights_set(rights, cat) : NULL;
    if (!set)
        return true;
    if (t)
        return roles_allow_table(set, cat, t, PRIV_INSERT, e);
    /* Whose rows go into any table writes on a fresh database as well. */
    return includes(set, PG_WRITE_ALL_DATA) || may_create_in(set, cat, schema, e);
}

bool rights_may_read(void *rights, const CatalogSnap *cat, const TableDef *t, Err *e)
{
    return !rights || roles_allow_table(rights_set(rights, cat), cat, t, PRIV_SELECT, e);
}

bool rights_superuser(Rights *r, Db *db, Err *e)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    const RoleDef *d = r ? cat_role_by_id(cat, r->role) : NULL;
    bool ok = !r || (d && d->flags & ROLE_SUPERUSER);
    cat_unref(cat);
    return ok || err_set(e, ERR_PRIVILEGE, "must be superuser");
}

bool rights_may_delete(void *rights, const CatalogSnap *cat, const TableDef *t, Err *e)
{
    return !rights || roles_allow_table(rights_set(rights, cat), cat, t, PRIV_DELETE, e);
}

bool rights_may_connect(Rights *r, const CatalogSnap *cat, const DatabaseDef *d, Err *e)
{
    return !r || may_connect(rights_set(r, cat), cat, d, e);
}

bool rights_may_create_database(Rights *r, const CatalogSnap *cat, Err *e)
{
    const RoleDef *d = r ? cat_role_by_id(cat, r->role) : NULL;
    return !r || (d && d->flags & (ROLE_CREATEDB | ROLE_SUPERUSER)) ||
           err_set(e, ERR_PRIVILEGE, "permission denied to create database");
}

bool session_may_read(void *session, const CatalogSnap *cat, const TableDef *t, Err *e)
{
    return session_allow_table(session, cat, t, PRIV_SELECT, e);
}

/* ---- a session's role ---- */

static bool no_role(Slice name, Err *e)
{
    return err_set(e, ERR_UNDEFINED_OBJECT, "role \"%.*s\" does not exist", SLICE_ARG(name));
}

/* How many sessions of the role there are; needs Db.mutex. */
static int32_t sessions_of(const Db *db, ObjectId role)
{
    int32_t n = 0;
    for (const Session *s = db->sessions; s; s = s->next)
        n += s->login_role == role;
    return n;
}

bool session_enter_role(Session *s, Err *e)
{
    CatalogSnap *cat = engine_catalog(s->db->engine);
    Slice name = slice_cstr(s->user);
    const RoleDef *r = cat_role(cat, name);
    bool ok = true;
    if (!r) {
        ok = err_set(e, ERR_INVALID_AUTHORIZATION, "role \"%.*s\" does not exist", SLICE_ARG(name));
    } else if (!(r->flags & ROLE_LOGIN)) {
        ok = err_set(e, ERR_INVALID_AUTHORIZATION, "role \"%.*s\" is not permitted to log in",
                     SLICE_ARG(name));
    } else {
        mutex_lock(&s->db->mutex);
        ok = r->connection_limit < 0 || r->flags & ROLE_SUPERUSER ||
             sessions_of(s->db, r->id) < r->connection_limit;
        s->role = s->login_role = ok ? r->id : 0;
        mutex_unlock(&s->db->mutex);
        if (!ok)
            err_set(e, ERR_TOO_MANY_CONNECTIONS, "too many connections for role \"%.*s\"",
                    SLICE_ARG(name));
    }
    cat_unref(cat);
    return ok;
}

bool session_may_connect(Session *s, const CatalogSnap *cat, const DatabaseDef *d, Err *e)
{
    return may_connect(current_roles(s, cat), cat, d, e);
}

/* SET ROLE: one that the login is in; "none" goes back. */
bool session_set_role(Session *s, Slice name, Err *e)
{
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *r = cat_role(cat, name);
    bool ok = true;
    if (slice_eq_cstr(name, "none")) {
        s->role = s->login_role;
    } else if (!r) {
        ok = err_set(e, ERR_INVALID_PARAMETER, "role \"%.*s\" does not exist", SLICE_ARG(name));
    } else {
        RoleSet all = {0};
        const RoleDef *login = cat_role_by_id(cat, s->login_role);
        include_all(&all, cat, s->login_role, false);
        ok = (login && login->flags & ROLE_SUPERUSER) || includes(&all, r->id) ||
             err_set(e, ERR_PRIVILEGE, "permission denied to set role \"%.*s\"", SLICE_ARG(name));
        roles_free(&all);
        if (ok)
            s->role = r->id;
    }
    cat_unref(cat);
    return ok;
}

/* ---- CREATE, ALTER, DROP ROLE ---- */

static Slice role_word(Session *s, const CatalogSnap *cat, Slice name)
{
    bool current = slice_eq_cstr(name, "current_user");
    const RoleDef *r = cat_role_by_id(cat, current ? s->role : s->login_role);
    return r && (current || slice_eq_cstr(name, "session_user")) ? r->name : name;
}

const RoleDef *role_named(Session *s, const CatalogSnap *cat, Slice name, Err *e)
{
    const RoleDef *r = cat_role(cat, role_word(s, cat, name));
    if (!r)
        no_role(name, e);
    return r;
}

static bool is_predefined(ObjectId id)
{
    for (size_t i = 0; i < ARRAY_LEN(predefined); i++)
        if (predefined[i].id == id)
            return true;
    return false;
}

static bool set_password(Session *s, const Bound *b, RoleDef *r, Arena *a, Err *e)
{
    Slice password = b->u.role.password;
    Buf text = {0};
    if (b->u.role.null_password || !password.len) {
        if (!b->u.role.null_password)
            session_notice(s, "NOTICE", ERR_OK,
                           "empty string is not a valid password, clearing password");
        r->password = SLICE_NONE;
        return true;
    }
    if (!crypto_ops())
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "passwords need the server");
    if (slice_starts(password, SLICE_LIT("md5")) && password.len == 35)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "MD5 passwords are not supported") ||
               err_hint(e, "Give the password itself, or a SCRAM-SHA-256 verifier.");
    if (scram_is_verifier(password)) {
        r->password = password;
        return true;
    }
    login_verifier(s->db, &text, password);
    r->password = arena_slice(a, buf_slice(&text));
    buf_free(&text);
    return true;
}

/* What the statement says of the role. */
static bool apply_options(Portal *p, RoleDef *r, Err *e)
{
    const Bound *b = p->bound;
    Session *s = p->session;
    r->flags = (r->flags | b->u.role.set) & ~b->u.role.clear;
    if (b->u.role.has_limit)
        r->connection_limit = b->u.role.connection_limit;
    if (b->u.role.has_password && !set_password(s, b, r, &p->arena, e))
        return false;
    if (b->u.role.valid_until.ptr) {
        Value v;
        if (!type_find(T_TIMESTAMPTZ)->in(&s->env, b->u.role.valid_until, -1, &p->arena, &v, e))
            return false;
        r->valid_until_us = v.u.i64;
    }
    return true;
}

/* Who changes roles: superusers; with CREATEROLE all but superusers; everybody its own password. */
static bool may_change_role(Session *s, const CatalogSnap *cat, const RoleDef *r, const Bound *b,
                            Err *e)
{
    const RoleDef *me = cat_role_by_id(cat, s->role);
    uint32_t mine = me ? me->flags : 0;
    bool only_password = b->u.role.verb == ROLE_DO_ALTER && b->u.role.has_password &&
                         !b->u.role.set && !b->u.role.clear && !b->u.role.has_limit &&
                         !b->u.role.valid_until.ptr && !b->u.role.new_name.ptr;
    bool about_superuser = (r->flags | b->u.role.set) & ROLE_SUPERUSER;
    static const char *const verbs[] = {"create", "alter", "drop"};
    if (mine & ROLE_SUPERUSER || (only_password && r->id == s->role))
        return true;
    if (about_superuser)
        return err_set(e, ERR_PRIVILEGE, "must be superuser to %s superusers",
                       verbs[b->u.role.verb]);
    if (mine & ROLE_CREATEROLE)
        return true;
    return err_set(e, ERR_PRIVILEGE, "permission denied to %s role", verbs[b->u.role.verb]);
}

static bool name_is_free(Slice name, Err *e)
{
    static const char *const taken[] = {"public", "none", "current_user", "session_user"};
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (slice_eq_cstr(name, taken[i]))
            return err_set(e, ERR_RESERVED_NAME, "role name \"%.*s\" is reserved", SLICE_ARG(name));
    if (!slice_starts(name, SLICE_LIT("pg_")))
        return true;
    err_set(e, ERR_RESERVED_NAME, "role name \"%.*s\" is reserved", SLICE_ARG(name));
    return err_detail(e, "Role names starting with \"pg_\" are reserved.");
}

static bool create_role(Portal *p, const CatalogSnap *cat, Err *e)
{
    const Bound *b = p->bound;
    Session *s = p->session;
    RoleDef r = {.id = engine_new_id(s->db->engine),
                 .name = b->u.role.names[0],
                 .flags = ROLE_INHERIT | (b->u.role.login ? ROLE_LOGIN : 0),
                 .connection_limit = -1,
                 .valid_until_us = INT64_MAX};
    CatEdit edit = {.op = CAT_PUT_ROLE, .role = &r};
    if (!may_change_role(s, cat, &r, b, e) || !name_is_free(r.name, e) ||
        !apply_options(p, &r, e) || !ddl_edit_unchecked(s, &edit, 1, e))
        return false;
    for (size_t i = 0; i < b->u.role.in_role_count; i++) {
        const RoleDef *in = role_named(s, cat, b->u.role.in_roles[i], e);
        GrantDef g = {GRANT_ROLE, in ? in->id : 0, r.id, PRIV_MEMBER, 0};
        CatEdit grant = {.op = CAT_PUT_GRANT, .grant = &g};
        if (!in || !ddl_edit_unchecked(s, &grant, 1, e))
            return false;
    }
    return true;
}

static bool alter_role(Portal *p, const CatalogSnap *cat, Err *e)
{
    const Bound *b = p->bound;
    const RoleDef *old = role_named(p->session, cat, b->u.role.names[0], e);
    if (!old || !may_change_role(p->session, cat, old, b, e))
        return false;
    RoleDef r = *old;
    CatEdit edit = {.op = CAT_PUT_ROLE, .role = &r};
    if (old->id == ROLE_BOOTSTRAP && b->u.role.clear & (ROLE_SUPERUSER | ROLE_LOGIN))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "the first superuser must stay one that can log in");
    if (b->u.role.new_name.ptr) {
        if (!name_is_free(b->u.role.new_name, e))
            return false;
        if (is_predefined(r.id) || r.id == p->session->login_role)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "session user cannot be renamed");
        r.name = b->u.role.new_name;
    }
    return apply_options(p, &r, e) && ddl_edit_unchecked(p->session, &edit, 1, e);
}

static bool drop_role(Portal *p, const CatalogSnap *cat, Slice name, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    const RoleDef *r = cat_role(cat, role_word(s, cat, name));
    if (!r && b->u.role.if_exists) {
        session_notice(s, "NOTICE", ERR_OK, "role \"%.*s\" does not exist, skipping",
                       SLICE_ARG(name));
        return true;
    }
    if (!r)
        return no_role(name, e);
    if (!may_change_role(s, cat, r, b, e))
        return false;
    if (r->id == s->role || r->id == s->login_role)
        return err_set(e, ERR_OBJECT_IN_USE, "current user cannot be dropped");
    if (r->id == ROLE_BOOTSTRAP || is_predefined(r->id))
        return err_set(e, ERR_DEPENDENT_OBJECTS,
                       "cannot drop role %.*s because it is required by the database system",
                       SLICE_ARG(r->name));
    CatEdit edit = {.op = CAT_DROP_ROLE, .id = r->id};
    return ddl_edit_unchecked(s, &edit, 1, e);
}

bool role_statement(Portal *p, Err *e)
{
    const Bound *b = p->bound;
    bool ok = true;
    for (size_t i = 0; ok && i < b->u.role.count; i++) {
        CatalogSnap *cat = session_catalog(p->session);
        ok = b->u.role.verb == ROLE_DO_CREATE  ? create_role(p, cat, e)
             : b->u.role.verb == ROLE_DO_ALTER ? alter_role(p, cat, e)
                                               : drop_role(p, cat, b->u.role.names[i], e);
        cat_unref(cat);
    }
    return ok;
}

/* ---- GRANT, REVOKE ---- */

/* One entry after the other: the newest catalog each time. */
static bool change_grant(Portal *p, const GrantDef *change, Err *e)
{
    const Bound *b = p->bound;
    CatalogSnap *cat = session_catalog(p->session);
    const GrantDef *old = cat_grant(cat, change->kind, change->object, change->role);
    GrantDef g = *change;
    g.privileges = old ? old->privileges : 0;
    if (!old && g.role == 0)
        g.privileges = of_public(cat, g.kind, g.object);
    g.grantable = old ? old->grantable : 0;
    cat_unref(cat);
    if (!b->u.grant.revoke) {
        g.privileges |= change->privileges;
        g.grantable |= b->u.grant.option ? change->privileges : 0;
    } else {
        g.grantable &= ~change->privileges;
        g.privileges &= b->u.grant.option ? UINT32_MAX : ~change->privileges;
    }
    CatEdit edit = {.op = CAT_PUT_GRANT, .grant = &g};
    return ddl_edit_unchecked(p->session, &edit, 1, e);
}

/* Owners, and who was given the grant option. */
static bool may_grant(Session *s, const CatalogSnap *cat, GrantKind kind, ObjectId object,
                      Slice name, uint32_t wanted, Err *e)
{
    static const char *const kinds[] = {
        [GRANT_TABLE] = "table", [GRANT_SCHEMA] = "schema", [GRANT_DATABASE] = "database"};
    const RoleSet *r = current_roles(s, cat);
    uint32_t grantable = 0;
    if (roles_privileges(r, cat, kind, object) & PRIV_OWNER)
        return true;
    for (size_t i = 0; i < r->count; i++) {
        const GrantDef *g = cat_grant(cat, kind, object, r->ids[i]);
        grantable |= g ? g->grantable : 0;
    }
    return (grantable & wanted) == wanted || not_allowed(e, kinds[kind], name);
}

static bool grant_to_all(Portal *p, const CatalogSnap *cat, GrantKind kind, ObjectId object,
                         uint32_t privileges, Err *e)
{
    const Bound *b = p->bound;
    for (size_t i = 0; i < b->u.grant.grantee_count; i++) {
        Slice name = b->u.grant.grantees[i];
        bool everybody = slice_eq_cstr(name, "public") && kind != GRANT_ROLE;
        const RoleDef *r = everybody ? NULL : role_named(p->session, cat, name, e);
        GrantDef g = {kind, object, r ? r->id : 0, privileges, 0};
        if (!everybody && !r)
            return false;
        if (kind == GRANT_ROLE && !b->u.grant.revoke) {
            RoleSet in = {0};
            include_all(&in, cat, object, false);
            bool circle = includes(&in, r->id);
            roles_free(&in);
            if (circle)
                return err_set(e, ERR_INVALID_GRANT, "role \"%.*s\" is a member of role \"%.*s\"",
                               SLICE_ARG(cat_role_by_id(cat, object)->name), SLICE_ARG(r->name));
        }
        if (!change_grant(p, &g, e))
            return false;
    }
    return true;
}

static bool grant_object(Portal *p, const CatalogSnap *cat, GrantKind kind, ObjectId object,
                         Slice name, Err *e)
{
    const Bound *b = p->bound;
    uint32_t wanted =
        b->u.grant.privileges ? b->u.grant.privileges : sql_all_privileges(b->u.grant.on);
    return may_grant(p->session, cat, kind, object, name, wanted, e) &&
           grant_to_all(p, cat, kind, object, wanted, e);
}

static bool grant_role(Portal *p, const CatalogSnap *cat, Slice name, Err *e)
{
    Session *s = p->session;
    const RoleDef *r = role_named(s, cat, name, e);
    const RoleDef *me = cat_role_by_id(cat, s->role);
    if (!r)
        return false;
    const GrantDef *mine = cat_grant(cat, GRANT_ROLE, r->id, s->role);
    bool admin = mine && mine->grantable & PRIV_MEMBER;
    bool may = me && (me->flags & ROLE_SUPERUSER ||
                      (me->flags & ROLE_CREATEROLE && !(r->flags & ROLE_SUPERUSER)) || admin);
    if (!may)
        return err_set(e, ERR_PRIVILEGE, "must have admin option on role \"%.*s\"",
                       SLICE_ARG(r->name));
    return grant_to_all(p, cat, GRANT_ROLE, r->id, PRIV_MEMBER, e);
}

static bool grant_in_schema(Portal *p, const CatalogSnap *cat, Slice schema, Err *e)
{
    const SchemaDef *s = session_schema(p->session, cat, schema);
    if (!s)
        return err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist", SLICE_ARG(schema));
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->schema == s->id && !grant_object(p, cat, GRANT_TABLE, t->id, t->name, e))
            return false;
    }
    return true;
}

static bool grant_one(Portal *p, const CatalogSnap *cat, const QualifiedName *n, Err *e)
{
    Session *s = p->session;
    switch (p->bound->u.grant.on) {
    case GRANT_ON_ROLES:
        return grant_role(p, cat, n->name, e);
    case GRANT_ON_ALL_TABLES:
        return grant_in_schema(p, cat, n->name, e);
    case GRANT_ON_TABLES: {
        const TableDef *t = session_find_table(s, cat, n);
        if (!t)
            return err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                           SLICE_ARG(n->name));
        return grant_object(p, cat, GRANT_TABLE, t->id, t->name, e);
    }
    case GRANT_ON_SCHEMAS: {
        const SchemaDef *d = cat_schema(cat, s->database, n->name);
        if (!d)
            return err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist",
                           SLICE_ARG(n->name));
        return grant_object(p, cat, GRANT_SCHEMA, d->id, d->name, e);
    }
    case GRANT_ON_DATABASES: {
        const DatabaseDef *d = cat_database(cat, n->name);
        if (!d)
            return err_set(e, ERR_DATABASE_NAME, "database \"%.*s\" does not exist",
                           SLICE_ARG(n->name));
        return grant_object(p, cat, GRANT_DATABASE, d->id, d->name, e);
    }
    }
    return false;
}

bool grant_statement(Portal *p, Err *e)
{
    const Bound *b = p->bound;
    bool ok = true;
    CatalogSnap *cat = session_catalog(p->session);
    for (size_t i = 0; ok && i < b->u.grant.object_count; i++)
        ok = grant_one(p, cat, &b->u.grant.objects[i], e);
    cat_unref(cat);
    return ok;
}

/* ---- the first start ---- */

static bool put_role(Db *db, const RoleDef *r, Err *e)
{
    CatEdit edit = {.op = CAT_PUT_ROLE, .role = r};
    return engine_edit_catalog(db->engine, &edit, 1, e);
}

static bool put_predefined(Db *db, const CatalogSnap *cat, Err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(predefined); i++) {
        RoleDef r = {.id = predefined[i].id,
                     .name = slice_cstr(predefined[i].name),
                     .flags = ROLE_INHERIT,
                     .connection_limit = -1,
                     .valid_until_us = INT64_MAX};
        if (!cat_role_by_id(cat, r.id) && !put_role(db, &r, e))
            return false;
    }
    return true;
}

/* The administrator of the configuration is a superuser with that password. */
static bool put_admin(Db *db, const CatalogSnap *cat, Err *e)
{
    const DbOptions *o = &db->options;
    Slice name = slice_cstr(o->admin_user ? o->admin_user : "skulk");
    Slice password = o->admin_password ? slice_cstr(o->admin_password) : SLICE_NONE;
    const RoleDef *old = cat_role(cat, name);
    const RoleDef *first = cat_role_by_id(cat, ROLE_BOOTSTRAP);
    ScramVerifier v;
    RoleDef r = old ? *old : *first;
    bool same = old && old->flags & ROLE_SUPERUSER && old->flags & ROLE_LOGIN;
    Buf text = {0};
    if (!old) {
        r.id = engine_new_id(db->engine);
        r.name = name;
        r.password = SLICE_NONE;
    }
    r.flags |= ROLE_SUPERUSER | ROLE_LOGIN;
    if (password.len &&
        !(scram_read_verifier(r.password, &v) && scram_password_fits(&v, password))) {
        login_verifier(db, &text, password);
        r.password = buf_slice(&text);
        same = false;
    }
    bool ok = same || put_role(db, &r, e);
    if (ok && o->passwords && !r.password.len)
        log_warn("server", "role \"%.*s\" has no password: set auth.admin_password",
                 SLICE_ARG(name));
    buf_free(&text);
    return ok;
}

bool roles_init(Db *db, Err *e)
{
    login_init(db);
    if (db->options.engine_flags & ENGINE_READ_ONLY)
        return true;
    CatalogSnap *cat = engine_catalog(db->engine);
    bool ok = put_predefined(db, cat, e) && put_admin(db, cat, e);
    cat_unref(cat);
    return ok;
}
