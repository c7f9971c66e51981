/* session/role.c - roles: CREATE, ALTER, DROP ROLE, SET ROLE, those that come with the server. */
#include "base/log.h"
#include "session/acl.h"
#include "session/scram.h"

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
        ok = role_can_become(cat, s->login_role, r->id) ||
             err_set(e, ERR_PRIVILEGE, "permission denied to set role \"%.*s\"", SLICE_ARG(name));
        if (ok)
            s->role = r->id;
    }
    settings_note_superuser(s, cat);
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

/* Roles that go beyond rights, and what makes them: for superusers. */
static bool may_touch_powers(const RoleDef *r, const Bound *b, Err *e)
{
    static const struct {
        uint32_t flag;
        const char *verbs[3]; /* by RoleVerb */
    } powers[] = {
        {ROLE_SUPERUSER,
         {"create superusers", "alter superuser roles or change superuser attribute",
          "drop superusers"}},
        {ROLE_REPLICATION,
         {"create replication users", "alter replication roles or change replication attribute",
          NULL}},
        {ROLE_BYPASSRLS, {"create bypassrls users", "change bypassrls attribute", NULL}},
    };
    uint32_t asked = b->u.role.set | (b->u.role.verb == ROLE_DO_ALTER ? b->u.role.clear : 0);
    if (b->u.role.new_name.ptr)
        return !(r->flags & ROLE_SUPERUSER) ||
               err_set(e, ERR_PRIVILEGE, "must be superuser to rename superusers");
    for (size_t i = 0; i < ARRAY_LEN(powers); i++) {
        const char *what = powers[i].verbs[b->u.role.verb];
        bool is = r->flags & powers[i].flag && powers[i].flag != ROLE_BYPASSRLS;
        if (what && (is || asked & powers[i].flag))
            return err_set(e, ERR_PRIVILEGE, "must be superuser to %s", what);
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
    static const char *const verbs[] = {"create", "alter", "drop"};
    if (mine & ROLE_SUPERUSER || (only_password && r->id == s->role))
        return true;
    if (!may_touch_powers(r, b, e))
        return false;
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

static bool add_members(Session *s, const CatalogSnap *cat, const RoleDef *in, const Slice *names,
                        size_t n, bool admin, Err *e)
{
    for (size_t i = 0; i < n; i++) {
        const RoleDef *m = role_named(s, cat, names[i], e);
        if (!m || !role_add_member(s, in, m->id, admin, e))
            return false;
    }
    return true;
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
        if (!in || !role_may_grant(s, cat, in, e) || !role_add_member(s, in, r.id, false, e))
            return false;
    }
    return add_members(s, cat, &r, b->u.role.members, b->u.role.member_count, false, e) &&
           add_members(s, cat, &r, b->u.role.admins, b->u.role.admin_count, true, e);
}

static bool alter_role(Portal *p, const CatalogSnap *cat, Err *e)
{
    const Bound *b = p->bound;
    const RoleDef *old = role_named(p->session, cat, b->u.role.names[0], e);
    if (!old || !may_change_role(p->session, cat, old, b, e))
        return false;
    RoleDef r = *old;
    CatEdit edit = {.op = CAT_PUT_ROLE, .role = &r};
    if (is_predefined(old->id)) {
        err_set(e, ERR_RESERVED_NAME, "role name \"%.*s\" is reserved", SLICE_ARG(old->name));
        return err_detail(e, "Cannot alter reserved roles.");
    }
    if (old->id == ROLE_BOOTSTRAP && b->u.role.clear & (ROLE_SUPERUSER | ROLE_LOGIN))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "the first superuser must stay one that can log in");
    if (b->u.role.new_name.ptr) {
        if (!name_is_free(b->u.role.new_name, e))
            return false;
        if (r.id == p->session->login_role)
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
    return role_is_free(s, cat, r, e) && role_settings_drop(s, cat, r->id, e) &&
           ddl_edit_unchecked(s, &edit, 1, e);
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
