/* session/owner.c - ALTER ... OWNER TO, REASSIGN OWNED, DROP OWNED, and what keeps a role from being dropped. */
#include "session/acl.h"

/* ---- OWNER TO ---- */

static bool new_owner_may(Session *s, const CatalogSnap *cat, GrantKind kind, ObjectId object,
                          const RoleDef *to, Err *e)
{
    RoleSet set = {0};
    const TableDef *t = kind == GRANT_TABLE ? cat_table_by_id(cat, object) : NULL;
    const RoleDef *me = cat_role_by_id(cat, s->role);
    bool ok = true;
    if (session_is_superuser(s, cat))
        return true;
    if (!role_can_become(cat, s->role, to->id))
        return err_set(e, ERR_PRIVILEGE, "must be member of role \"%.*s\"", SLICE_ARG(to->name));
    roles_of(&set, cat, to->id);
    if (t)
        ok = roles_may_create_in(&set, cat, t->schema, e);
    else if (kind == GRANT_SCHEMA)
        ok = roles_may_create_schema(session_roles(s, cat), cat, s->database, e);
    else if (!(me && me->flags & ROLE_CREATEDB))
        ok = err_set(e, ERR_PRIVILEGE, "permission denied to change owner of database");
    roles_free(&set);
    return ok;
}

static bool put_owner(Session *s, const CatalogSnap *cat, GrantKind kind, ObjectId object,
                      ObjectId to, Err *e)
{
    Arena a;
    AclDef old = acl_of(cat, kind, object, 0);
    arena_init(&a, NULL);
    AclDef *d = acl_given(&a, &old, acl_class_of(cat, kind, object), 0);
    acl_new_owner(d, old.owner, to);
    d->given = old.given;
    d->count = old.given ? d->count : 0;
    bool ok = acl_put(s, d, e);
    arena_free(&a);
    return ok;
}

/* What the former owner granted on columns is the new one's to take back. */
static bool put_columns_owner(Session *s, const CatalogSnap *cat, ObjectId table, ObjectId to,
                              Err *e)
{
    const TableDef *t = cat_table_by_id(cat, table);
    Arena a;
    bool ok = true;
    arena_init(&a, NULL);
    for (ObjectId i = 1; ok && t && i <= t->column_count; i++) {
        if (!cat_acl(cat, GRANT_COLUMN, table, i))
            continue;
        AclDef old = acl_of(cat, GRANT_COLUMN, table, i);
        AclDef *d = acl_given(&a, &old, ACL_OF_COLUMN, 0);
        acl_new_owner(d, old.owner, to);
        ok = acl_put(s, d, e);
    }
    arena_free(&a);
    return ok;
}

/* The columns of a table and their sequences go with it. */
static bool put_owners(Session *s, const CatalogSnap *cat, GrantKind kind, ObjectId object,
                       ObjectId to, Err *e)
{
    if (!put_owner(s, cat, kind, object, to, e) ||
        (kind == GRANT_TABLE && !put_columns_owner(s, cat, object, to, e)))
        return false;
    for (size_t i = 0; kind == GRANT_TABLE && i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        SequenceDef d;
        if (sequence_owned_by(t, object, &d) && !put_owner(s, cat, GRANT_TABLE, t->id, to, e))
            return false;
    }
    return true;
}

static bool is_linked(const CatalogSnap *cat, const TableDef *t, ObjectId to, Err *e)
{
    SequenceDef d;
    if (t->kind != TABLE_SEQUENCE)
        return false;
    sequence_def(t, &d);
    const TableDef *of = d.owner ? cat_table_by_id(cat, d.owner) : NULL;
    if (!of || object_owner(cat, GRANT_TABLE, of->id) == to)
        return false;
    err_set(e, ERR_FEATURE_NOT_SUPPORTED, "cannot change owner of sequence \"%.*s\"",
            SLICE_ARG(t->name));
    err_detail(e, "Sequence \"%.*s\" is linked to table \"%.*s\".", SLICE_ARG(t->name),
               SLICE_ARG(of->name));
    return true;
}

bool owner_change(Session *s, const CatalogSnap *cat, GrantKind kind, ObjectId object, Slice role,
                  Err *e)
{
    const TableDef *t = kind == GRANT_TABLE ? cat_table_by_id(cat, object) : NULL;
    const SchemaDef *sc = kind == GRANT_SCHEMA ? cat_schema_by_id(cat, object) : NULL;
    const DatabaseDef *db = kind == GRANT_DATABASE ? cat_database_by_id(cat, object) : NULL;
    Slice name = t ? t->name : sc ? sc->name : db ? db->name : SLICE_NONE;
    const RoleDef *to = role_named(s, cat, role, e);
    if (!to)
        return false;
    if (object_owner(cat, kind, object) == to->id)
        return true;
    return (!t || !is_linked(cat, t, to->id, e)) && session_owns(s, cat, kind, object, name, e) &&
           new_owner_may(s, cat, kind, object, to, e) &&
           put_owners(s, cat, kind, object, to->id, e);
}

static bool rename_schema(Session *s, const CatalogSnap *cat, const SchemaDef *d, Slice name,
                          Err *e)
{
    SchemaDef to = *d;
    CatEdit edit = {.op = CAT_PUT_SCHEMA, .id = d->id, .schema = &to};
    to.name = name;
    s->tx.own_catalog = true;
    return session_owns(s, cat, GRANT_SCHEMA, d->id, d->name, e) &&
           roles_may_create_schema(session_roles(s, cat), cat, d->database, e) &&
           schema_name_free(cat, d->database, name, e) && ddl_edit(s, &edit, 1, e) &&
           ddl_views_unchanged(s, cat, e);
}

static bool rename_database(Session *s, const CatalogSnap *cat, const DatabaseDef *d, Slice name,
                            Err *e)
{
    DatabaseDef to = *d;
    const RoleDef *me = cat_role_by_id(cat, s->role);
    CatEdit edit = {.op = CAT_PUT_DATABASE, .id = d->id, .database = &to};
    to.name = name;
    if (!session_owns(s, cat, GRANT_DATABASE, d->id, d->name, e))
        return false;
    if (!(me->flags & (ROLE_CREATEDB | ROLE_SUPERUSER)))
        return err_set(e, ERR_PRIVILEGE, "permission denied to rename database");
    if (d->id == s->database)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "current database cannot be renamed");
    return ddl_edit_unchecked(s, &edit, 1, e);
}

bool owner_statement(Portal *p, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    Slice name = b->u.owner.name, to = b->u.owner.owner;
    CatalogSnap *cat = session_catalog(s);
    const SchemaDef *d = cat_schema(cat, s->database, name);
    const DatabaseDef *db = cat_database(cat, name);
    bool rename = b->u.owner.rename, ok;
    if (b->u.owner.on == GRANT_ON_SCHEMAS)
        ok = !d ? err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist", SLICE_ARG(name))
             : rename ? rename_schema(s, cat, d, to, e)
                      : owner_change(s, cat, GRANT_SCHEMA, d->id, to, e);
    else
        ok =
            !db ? err_set(e, ERR_DATABASE_NAME, "database \"%.*s\" does not exist", SLICE_ARG(name))
            : rename ? rename_database(s, cat, db, to, e)
                     : owner_change(s, cat, GRANT_DATABASE, db->id, to, e);
    cat_unref(cat);
    return ok;
}

/* ---- what is a role's ---- */

static bool is_here(const Session *s, const CatalogSnap *cat, const AclDef *d)
{
    const TableDef *t =
        d->kind == GRANT_TABLE || d->kind == GRANT_COLUMN ? cat_table_by_id(cat, d->object) : NULL;
    const SchemaDef *sc = d->kind == GRANT_SCHEMA ? cat_schema_by_id(cat, d->object) : NULL;
    return d->kind == GRANT_DATABASE || (t && t->database == s->database) ||
           (sc && sc->database == s->database);
}

static bool names(const AclDef *d, ObjectId role)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].role == role || d->items[i].grantor == role)
            return true;
    return false;
}

static void describe(Buf *out, Session *s, const CatalogSnap *cat, const AclDef *d)
{
    const TableDef *t = cat_table_by_id(cat, d->object);
    const SchemaDef *sc =
        cat_schema_by_id(cat, d->kind == GRANT_SCHEMA || !t ? d->object : t->schema);
    bool seen = false;
    for (size_t i = 0; sc && i < s->search_path_count; i++)
        seen |= slice_eq(s->search_path[i], sc->name);
    if (d->kind == GRANT_SCHEMA && sc) {
        buf_printf(out, "schema %.*s", SLICE_ARG(sc->name));
    } else if (d->kind == GRANT_DATABASE) {
        const DatabaseDef *db = cat_database_by_id(cat, d->object);
        buf_printf(out, "database %.*s", SLICE_ARG(db ? db->name : SLICE_LIT("?")));
    } else if (t) {
        if (d->kind == GRANT_COLUMN && d->sub >= 1 && d->sub <= t->column_count)
            buf_printf(out, "column %.*s of ", SLICE_ARG(t->columns[d->sub - 1].name));
        buf_printf(out, "%s ", table_word(t));
        if (!seen && sc)
            buf_printf(out, "%.*s.", SLICE_ARG(sc->name));
        buf_put_slice(out, t->name);
    }
}

bool role_is_free(Session *s, const CatalogSnap *cat, const RoleDef *r, Err *e)
{
    Buf lines = {0};
    size_t elsewhere = 0, count = 0;
    for (size_t i = 0; i < cat_acl_count(cat); i++) {
        const AclDef *d = cat_acl_at(cat, i);
        bool defaults = d->kind >= GRANT_DEFAULT_TABLES;
        bool column = d->kind == GRANT_COLUMN;
        bool owns = (!column && d->owner == r->id) || (defaults && d->sub == r->id);
        if (d->kind == GRANT_ROLE || (!owns && !names(d, r->id)) ||
            (column && object_owner(cat, GRANT_TABLE, d->object) == r->id))
            continue;
        count++;
        if (!defaults && !is_here(s, cat, d)) {
            elsewhere++;
            continue;
        }
        if (lines.len)
            buf_puts(&lines, "\n");
        if (defaults) {
            const RoleDef *of = cat_role_by_id(cat, d->sub);
            buf_printf(&lines, "%s default privileges on new %s belonging to role %.*s",
                       owns ? "owner of" : "privileges for",
                       d->kind == GRANT_DEFAULT_TABLES      ? "relations"
                       : d->kind == GRANT_DEFAULT_SEQUENCES ? "sequences"
                                                            : "schemas",
                       SLICE_ARG(of->name));
            continue;
        }
        buf_puts(&lines, owns ? "owner of " : "privileges for ");
        describe(&lines, s, cat, d);
    }
    if (elsewhere)
        buf_printf(&lines, "%s%zu object%s in other databases", lines.len ? "\n" : "", elsewhere,
                   elsewhere > 1 ? "s" : "");
    if (count) {
        err_set(e, ERR_DEPENDENT_OBJECTS,
                "role \"%.*s\" cannot be dropped because some objects depend on it",
                SLICE_ARG(r->name));
        err_detail(e, "%.*s", SLICE_ARG(buf_slice(&lines)));
    }
    buf_free(&lines);
    return !count;
}

/* ---- REASSIGN OWNED, DROP OWNED ---- */

static bool reassign(Session *s, const CatalogSnap *cat, ObjectId from, ObjectId to, Err *e)
{
    for (size_t i = 0; i < cat_acl_count(cat); i++) {
        const AclDef *d = cat_acl_at(cat, i);
        if (d->kind == GRANT_COLUMN || d->owner != from || !is_here(s, cat, d))
            continue;
        if (!put_owner(s, cat, d->kind, d->object, to, e) ||
            (d->kind == GRANT_TABLE && !put_columns_owner(s, cat, d->object, to, e)))
            return false;
    }
    return true;
}

/* What it was granted, and what it granted on. */
static bool revoke_all(Session *s, const CatalogSnap *cat, ObjectId role, Err *e)
{
    Arena a;
    bool ok = true;
    arena_init(&a, NULL);
    for (size_t i = 0; ok && i < cat_acl_count(cat); i++) {
        const AclDef *old = cat_acl_at(cat, i);
        bool defaults = old->kind >= GRANT_DEFAULT_TABLES;
        if (old->kind == GRANT_ROLE || (!defaults && !is_here(s, cat, old)) ||
            !(names(old, role) || (defaults && old->sub == role)))
            continue;
        AclDef *d = acl_given(&a, old, ACL_OF_COLUMN, 0);
        for (size_t k = 0; k < d->count; k++)
            if (d->items[k].role == role || d->items[k].grantor == role)
                d->items[k].privileges = 0;
        acl_compact(d);
        if (defaults && old->sub == role) {
            d->given = false;
            d->count = 0;
        }
        ok = acl_put(s, d, e);
    }
    arena_free(&a);
    return ok;
}

static bool drop_entry(Session *s, const CatEdit *edit, Err *e)
{
    return ddl_edit_unchecked(s, edit, 1, e);
}

/* Tables with what stands in them, then schemas, which must be empty (or: CASCADE). */
static bool drop_objects(Session *s, const CatalogSnap *cat, ObjectId role, bool cascade, Err *e)
{
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        bool in_own = cascade && object_owner(cat, GRANT_SCHEMA, t->schema) == role;
        CatEdit edit = {.op = CAT_DROP_TABLE, .id = t->id};
        if (t->database == s->database &&
            (object_owner(cat, GRANT_TABLE, t->id) == role || in_own) && !drop_entry(s, &edit, e))
            return false;
    }
    for (size_t i = 0; i < cat_schema_count(cat); i++) {
        const SchemaDef *d = cat_schema_at(cat, i);
        CatEdit edit = {.op = CAT_DROP_SCHEMA, .id = d->id};
        if (d->database == s->database && object_owner(cat, GRANT_SCHEMA, d->id) == role &&
            !drop_entry(s, &edit, e))
            return false;
    }
    return ddl_drop_broken_views(s, cat, 0, "desired object(s)", cascade, e);
}

static bool owned_by(Portal *p, const RoleDef *r, const RoleDef *to, Err *e)
{
    Session *s = p->session;
    bool drop = p->bound->u.owned.drop;
    if (r->id == ROLE_BOOTSTRAP)
        return err_set(e, ERR_DEPENDENT_OBJECTS,
                       "cannot %s owned by role %.*s because they are required by the database "
                       "system",
                       drop ? "drop objects" : "reassign ownership of objects", SLICE_ARG(r->name));
    CatalogSnap *cat = session_catalog(s);
    bool ok = drop ? drop_objects(s, cat, r->id, p->bound->u.owned.cascade, e)
                   : reassign(s, cat, r->id, to->id, e);
    cat_unref(cat);
    if (!ok || !drop)
        return ok;
    cat = session_catalog(s); /* without what went */
    ok = revoke_all(s, cat, r->id, e);
    cat_unref(cat);
    return ok;
}

bool owned_statement(Portal *p, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    const char *what = b->u.owned.drop ? "drop" : "reassign";
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *to = b->u.owned.drop ? NULL : role_named(s, cat, b->u.owned.to, e);
    bool ok = to || b->u.owned.drop;
    s->tx.own_catalog = true;
    for (size_t i = 0; ok && i < b->u.owned.count; i++) {
        const RoleDef *r = role_named(s, cat, b->u.owned.roles[i], e);
        ok = r && (session_in_role(s, cat, r->id) ||
                   err_set(e, ERR_PRIVILEGE, "permission denied to %s objects", what));
    }
    if (ok && to && !session_in_role(s, cat, to->id))
        ok = err_set(e, ERR_PRIVILEGE, "permission denied to %s objects", what);
    for (size_t i = 0; ok && i < b->u.owned.count; i++)
        ok = owned_by(p, role_named(s, cat, b->u.owned.roles[i], e), to, e);
    cat_unref(cat);
    return ok;
}
