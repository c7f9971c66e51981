/* session/role_setting.c - ALTER ROLE, ALTER DATABASE ... SET: what a session begins with.
 *
 * Kept as settings of the catalog: of the database (0 = all), under the name "<role> <setting>", role 0
 * = all.  A later one of these counts: all, the database's, the role's, the role's in the database. */
#include "session/acl.h"
#include <stdio.h>

static Slice key_of(Arena *a, ObjectId role, Slice name)
{
    return arena_printf(a, "%u %.*s", role, SLICE_ARG(name));
}

bool role_setting_at(const CatalogSnap *cat, size_t i, RoleSetting *out)
{
    Slice key;
    cat_setting_at(cat, i, &out->database, &key, &out->value);
    const char *blank = memchr(key.ptr, ' ', key.len);
    int64_t role;
    if (!blank || !slice_to_i64(slice_of(key.ptr, (size_t)(blank - key.ptr)), &role))
        return false;
    out->role = (ObjectId)role;
    out->name = slice_of(blank + 1, key.len - (size_t)(blank + 1 - key.ptr));
    return true;
}

/* ---- the statement ---- */

static bool may_set(Session *s, const CatalogSnap *cat, const RoleDef *r, const DatabaseDef *d,
                    Err *e)
{
    const RoleDef *me = cat_role_by_id(cat, s->role);
    uint32_t mine = me ? me->flags : 0;
    if (mine & ROLE_SUPERUSER)
        return true;
    if (!r && d)
        return session_owns(s, cat, GRANT_DATABASE, d->id, d->name, e);
    if (!r)
        return err_set(e, ERR_PRIVILEGE, "must be superuser to alter settings globally");
    if (r->flags & ROLE_SUPERUSER)
        return err_set(e, ERR_PRIVILEGE, "must be superuser to alter superusers");
    return r->id == s->role || mine & ROLE_CREATEROLE ||
           err_set(e, ERR_PRIVILEGE, "permission denied");
}

/* Would SET take it? */
static bool check_value(Session *s, Slice name, Slice value, Err *e)
{
    size_t before = s->undo_count;
    bool ok = setting_set(s, name, value, false, true, e);
    settings_undo(s, before);
    return ok;
}

static bool put(Session *s, Arena *a, ObjectId database, ObjectId role, Slice name, Slice value,
                Err *e)
{
    CatEdit edit = {
        .op = CAT_PUT_SETTING, .id = database, .setting = key_of(a, role, name), .value = value};
    return ddl_edit_unchecked(s, &edit, 1, e);
}

static bool reset_all(Session *s, Arena *a, const CatalogSnap *cat, ObjectId database,
                      ObjectId role, Err *e)
{
    for (size_t i = 0; i < cat_setting_count(cat); i++) {
        RoleSetting x;
        if (role_setting_at(cat, i, &x) && x.database == database && x.role == role &&
            !put(s, a, database, role, x.name, SLICE_NONE, e))
            return false;
    }
    return true;
}

static bool change(Portal *p, const CatalogSnap *cat, Err *e)
{
    const Bound *b = p->bound;
    Session *s = p->session;
    Slice role = b->u.role_setting.role, name = b->u.role_setting.name;
    Slice database = b->u.role_setting.database;
    const RoleDef *r = role.len ? role_named(s, cat, role, e) : NULL;
    const DatabaseDef *d = database.len ? cat_database(cat, database) : NULL;
    if (role.len && !r)
        return false;
    if (database.len && !d)
        return err_set(e, ERR_DATABASE_NAME, "database \"%.*s\" does not exist",
                       SLICE_ARG(database));
    if (!may_set(s, cat, r, d, e))
        return false;
    ObjectId in = d ? d->id : 0, of = r ? r->id : 0;
    bool reset = b->u.role_setting.reset;
    if (reset && slice_eq_nocase(name, SLICE_LIT("all")))
        return reset_all(s, &p->arena, cat, in, of, e);
    return (reset || check_value(s, name, b->u.role_setting.value, e)) &&
           put(s, &p->arena, in, of, name, reset ? SLICE_NONE : b->u.role_setting.value, e);
}

bool role_setting_statement(Portal *p, Err *e)
{
    CatalogSnap *cat = session_catalog(p->session);
    bool ok = change(p, cat, e);
    cat_unref(cat);
    return ok;
}

bool role_settings_drop(Session *s, const CatalogSnap *cat, ObjectId role, Err *e)
{
    Arena a;
    bool ok = true;
    arena_init(&a, NULL);
    for (size_t i = 0; ok && i < cat_setting_count(cat); i++) {
        RoleSetting x;
        if (role_setting_at(cat, i, &x) && x.role == role)
            ok = put(s, &a, x.database, role, x.name, SLICE_NONE, e);
    }
    arena_free(&a);
    return ok;
}

/* ---- a session begins ---- */

/* What is not taken any more is said, and left out. */
void role_settings_apply(Session *s,
                         void (*as_default)(Session *s, Slice name, SettingSource source))
{
    const struct {
        ObjectId database, role;
        SettingSource source;
    } order[] = {{0, 0, SOURCE_GLOBAL},
                 {s->database, 0, SOURCE_DATABASE},
                 {0, s->login_role, SOURCE_USER},
                 {s->database, s->login_role, SOURCE_DATABASE_USER}};
    CatalogSnap *cat = engine_catalog(s->db->engine);
    for (size_t k = 0; k < ARRAY_LEN(order); k++)
        for (size_t i = 0; i < cat_setting_count(cat); i++) {
            RoleSetting x;
            Err e;
            err_clear(&e);
            if (!role_setting_at(cat, i, &x) || x.database != order[k].database ||
                x.role != order[k].role)
                continue;
            if (setting_set(s, x.name, x.value, false, false, &e))
                as_default(s, x.name, order[k].source);
            else
                session_notice(s, "WARNING", e.code, "%s", e.message);
        }
    cat_unref(cat);
}
