/* session/acl.c - who may do what: the sets of roles whose rights count, and the lists of rights.
 *
 * The rules are PostgreSQL's: a superuser may do all, an owner what the list says (all, until something
 * was revoked) and grant it on, others what was granted to them, to a role they are in (with
 * INHERIT), or to PUBLIC.  What has no owner belongs to the first superuser. */
#include "session/acl.h"

/* ---- the set of a role ---- */

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

static bool is_member(const CatalogSnap *cat, ObjectId role, ObjectId of)
{
    const AclDef *d = cat_acl(cat, GRANT_ROLE, of, 0);
    for (size_t i = 0; d && i < d->count; i++)
        if (d->items[i].role == role)
            return true;
    return false;
}

void roles_include_all(RoleSet *r, const CatalogSnap *cat, ObjectId of, bool inherits)
{
    include(r, of);
    for (size_t done = 0; done < r->count; done++) {
        const RoleDef *d = cat_role_by_id(cat, r->ids[done]);
        if (!d || (inherits && !(d->flags & ROLE_INHERIT)))
            continue;
        for (size_t i = 0; i < cat_role_count(cat); i++) {
            ObjectId in = cat_role_at(cat, i)->id;
            if (is_member(cat, d->id, in))
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
    roles_include_all(r, cat, role, true);
}

bool roles_has(const RoleSet *r, ObjectId role)
{
    return r->superuser || includes(r, role);
}

bool role_can_become(const CatalogSnap *cat, ObjectId role, ObjectId other)
{
    RoleSet all = {0};
    const RoleDef *d = cat_role_by_id(cat, role);
    roles_include_all(&all, cat, role, false);
    bool ok = (d && d->flags & ROLE_SUPERUSER) || includes(&all, other);
    roles_free(&all);
    return ok;
}

/* ---- lists ---- */

AclClass acl_class_of(const CatalogSnap *cat, GrantKind kind, ObjectId object)
{
    const TableDef *t = kind == GRANT_TABLE ? cat_table_by_id(cat, object) : NULL;
    const SchemaDef *s = kind == GRANT_SCHEMA ? cat_schema_by_id(cat, object) : NULL;
    switch (kind) {
    case GRANT_TABLE:
        return t && t->kind == TABLE_SEQUENCE ? ACL_OF_SEQUENCE : ACL_OF_TABLE;
    case GRANT_SCHEMA:
        return s && slice_eq_cstr(s->name, "public") ? ACL_OF_PUBLIC : ACL_OF_SCHEMA;
    case GRANT_DATABASE:
        return ACL_OF_DATABASE;
    case GRANT_COLUMN:
        return ACL_OF_COLUMN;
    case GRANT_DEFAULT_TABLES:
        return ACL_OF_TABLE;
    case GRANT_DEFAULT_SEQUENCES:
        return ACL_OF_SEQUENCE;
    case GRANT_DEFAULT_SCHEMAS:
        return ACL_OF_SCHEMA;
    case GRANT_ROLE:
    case GRANT_KINDS:
        break;
    }
    return ACL_OF_ROLE;
}

AclDef acl_of(const CatalogSnap *cat, GrantKind kind, ObjectId object, ObjectId of)
{
    const AclDef *d = cat_acl(cat, kind, object, of);
    AclDef none = {.kind = kind, .object = object, .sub = of};
    AclDef out = d ? *d : none;
    if (kind == GRANT_COLUMN) {
        out.owner = object_owner(cat, GRANT_TABLE, object);
        out.given = true;
    } else if (kind == GRANT_ROLE) {
        out.given = true;
    } else if (!out.owner) {
        out.owner = kind < GRANT_DEFAULT_TABLES ? ROLE_BOOTSTRAP : of;
    }
    return out;
}

ObjectId object_owner(const CatalogSnap *cat, GrantKind kind, ObjectId object)
{
    const AclDef *d = cat_acl(cat, kind, object, 0);
    return d && d->owner ? d->owner : ROLE_BOOTSTRAP;
}

static uint32_t mask(const AclItem *items, size_t n, const RoleSet *r, bool options)
{
    uint32_t may = 0;
    for (size_t i = 0; i < n; i++)
        if (items[i].role == 0 || includes(r, items[i].role))
            may |= options ? items[i].grantable : items[i].privileges;
    return may;
}

static uint32_t rights(const RoleSet *r, const AclDef *d, AclClass c, bool options)
{
    AclItem defaults[ACL_DEFAULT_MAX];
    uint32_t owned = d->owner && includes(r, d->owner) ? PRIV_OWNER : 0;
    if (r->superuser)
        return UINT32_MAX;
    if (owned && options)
        return acl_all(c) | owned;
    if (d->given)
        return mask(d->items, d->count, r, options) | owned;
    return mask(defaults, acl_default(c, d->owner, defaults), r, options) | owned;
}

/* What roles that come with the server may. */
static uint32_t predefined_rights(const RoleSet *r, GrantKind kind)
{
    enum { WRITES = PRIV_INSERT | PRIV_UPDATE | PRIV_DELETE };
    bool reads = includes(r, PG_READ_ALL_DATA), writes = includes(r, PG_WRITE_ALL_DATA);
    if (kind == GRANT_SCHEMA)
        return reads || writes ? PRIV_USAGE : 0;
    return kind == GRANT_TABLE ? (reads ? PRIV_SELECT : 0) | (writes ? WRITES : 0) : 0;
}

uint32_t roles_privileges(const RoleSet *r, const CatalogSnap *cat, GrantKind kind, ObjectId object)
{
    const SchemaDef *s = kind == GRANT_SCHEMA ? cat_schema_by_id(cat, object) : NULL;
    if (s && temp_schema_name(s->name)) /* nobody else sees it */
        return PRIV_USAGE | PRIV_CREATE;
    AclDef d = acl_of(cat, kind, object, 0);
    return rights(r, &d, acl_class_of(cat, kind, object), false) | predefined_rights(r, kind);
}

uint32_t roles_options(const RoleSet *r, const CatalogSnap *cat, GrantKind kind, ObjectId object)
{
    AclDef d = acl_of(cat, kind, object, 0);
    return rights(r, &d, acl_class_of(cat, kind, object), true);
}

uint32_t roles_column(const RoleSet *r, const CatalogSnap *cat, TableId table, size_t index,
                      bool options)
{
    AclDef d = acl_of(cat, GRANT_COLUMN, table, (ObjectId)index + 1);
    uint32_t of_table = options ? roles_options(r, cat, GRANT_TABLE, table)
                                : roles_privileges(r, cat, GRANT_TABLE, table);
    return of_table | (mask(d.items, d.count, r, options) & acl_all(ACL_OF_COLUMN));
}

/* ---- the session's role ---- */

const RoleSet *session_roles(Session *s, const CatalogSnap *cat)
{
    roles_of(&s->roles, cat, s->role);
    return &s->roles;
}

bool session_is_superuser(Session *s, const CatalogSnap *cat)
{
    return session_roles(s, cat)->superuser;
}

bool session_in_role(Session *s, const CatalogSnap *cat, ObjectId role)
{
    return roles_has(session_roles(s, cat), role);
}

bool acl_denied(Err *e, const char *kind, Slice name)
{
    return err_set(e, ERR_PRIVILEGE, "permission denied for %s %.*s", kind, SLICE_ARG(name));
}

const char *table_word(const TableDef *t)
{
    return view_is_materialized(t)     ? "materialized view"
           : t->kind == TABLE_VIEW     ? "view"
           : t->kind == TABLE_SEQUENCE ? "sequence"
                                       : "table";
}

/* Bits of `missing` that columns make up for: all that are named, or any one. */
static bool by_columns(const RoleSet *r, const CatalogSnap *cat, const RelationUse *use,
                       uint32_t missing)
{
    static const uint32_t each[] = {PRIV_SELECT, PRIV_INSERT, PRIV_UPDATE};
    if (missing & ~(uint32_t)(PRIV_SELECT | PRIV_INSERT | PRIV_UPDATE))
        return false;
    for (size_t k = 0; k < ARRAY_LEN(each); k++) {
        bool named = false, any = false, all = true;
        for (size_t i = 0; missing & each[k] && i < use->table->column_count; i++) {
            bool wanted = use->columns && use->columns[i] & each[k];
            bool has = roles_column(r, cat, use->table->id, i, false) & each[k];
            named |= wanted;
            any |= has && !use->table->columns[i].dropped;
            all &= has || !wanted;
        }
        if (missing & each[k] && !(named ? all : any))
            return false;
    }
    return true;
}

bool roles_allow(const RoleSet *r, const CatalogSnap *cat, const RelationUse *use, Err *e)
{
    const TableDef *t = use->table;
    if (r->superuser)
        return true;
    uint32_t missing = use->privileges & ~roles_privileges(r, cat, GRANT_TABLE, t->id);
    return !missing || by_columns(r, cat, use, missing) || acl_denied(e, table_word(t), t->name);
}

bool session_allow_table(Session *s, const CatalogSnap *cat, const TableDef *t, uint32_t wanted,
                         Err *e)
{
    return (roles_privileges(session_roles(s, cat), cat, GRANT_TABLE, t->id) & wanted) == wanted ||
           acl_denied(e, table_word(t), t->name);
}

/* What views and tiers keep is written by their jobs alone: nobody else may, not even a superuser. */
bool acl_kept(const CatalogSnap *cat, const TableDef *t, Err *e)
{
    if (!continuous_hidden(cat, t))
        return true;
    err_set(e, ERR_PRIVILEGE, "permission denied: \"%.*s\" holds what a view or a tier keeps",
            SLICE_ARG(t->name));
    return err_hint(e, "It changes and goes with its view or table.");
}

static bool kept_schema(const SchemaDef *d, Err *e)
{
    return !continuous_schema(d) ||
           err_set(e, ERR_PRIVILEGE,
                   "permission denied: schema \"%.*s\" holds what views and tiers keep",
                   SLICE_ARG(d->name));
}

bool session_may_use(void *session, const CatalogSnap *cat, const RelationUse *use, Err *e)
{
    RoleSet owner = {0};
    if (use->privileges & ~(uint32_t)PRIV_SELECT && !acl_kept(cat, use->table, e))
        return false;
    if (!use->view)
        return roles_allow(session_roles(session, cat), cat, use, e);
    roles_of(&owner, cat, object_owner(cat, GRANT_TABLE, use->view->id));
    bool ok = roles_allow(&owner, cat, use, e);
    roles_free(&owner);
    return ok;
}

bool session_may_look(void *session, const CatalogSnap *cat, const SchemaDef *s)
{
    return roles_privileges(session_roles(session, cat), cat, GRANT_SCHEMA, s->id) & PRIV_USAGE;
}

bool roles_may_row(const RoleSet *r, const CatalogSnap *cat, const TableDef *t,
                   const ColumnDef *column, uint32_t wanted, Err *e)
{
    const SchemaDef *s = cat_schema_by_id(cat, t->schema);
    if (s && !(roles_privileges(r, cat, GRANT_SCHEMA, s->id) & PRIV_USAGE))
        return acl_denied(e, "schema", s->name);
    if ((roles_privileges(r, cat, GRANT_TABLE, t->id) & wanted) == wanted)
        return true;
    bool all = column;
    for (size_t i = 0; all && i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        if (!c->dropped && (c == column || c->kind != COL_FIELD))
            all = (roles_column(r, cat, t->id, i, false) & wanted) == wanted;
    }
    return all || acl_denied(e, table_word(t), t->name);
}

bool session_may_read(void *session, const CatalogSnap *cat, const TableDef *t,
                      const ColumnDef *column, Err *e)
{
    return roles_may_row(session_roles(session, cat), cat, t, column, PRIV_SELECT, e);
}

bool session_owns(Session *s, const CatalogSnap *cat, GrantKind kind, ObjectId object, Slice name,
                  Err *e)
{
    const TableDef *t = kind == GRANT_TABLE ? cat_table_by_id(cat, object) : NULL;
    if (session_in_role(s, cat, object_owner(cat, kind, object)))
        return true;
    return err_set(e, ERR_PRIVILEGE, "must be owner of %s %.*s",
                   t                        ? table_word(t)
                   : kind == GRANT_SCHEMA   ? "schema"
                   : kind == GRANT_DATABASE ? "database"
                                            : "table",
                   SLICE_ARG(name));
}

bool session_must_be_superuser(Session *s, const char *what, Err *e)
{
    CatalogSnap *cat = session_catalog(s);
    bool ok = session_is_superuser(s, cat);
    cat_unref(cat);
    return ok || err_set(e, ERR_PRIVILEGE, "must be superuser to %s", what);
}

bool roles_may_create_in(const RoleSet *r, const CatalogSnap *cat, ObjectId schema, Err *e)
{
    const SchemaDef *d = cat_schema_by_id(cat, schema);
    return !d || roles_privileges(r, cat, GRANT_SCHEMA, d->id) & PRIV_CREATE ||
           acl_denied(e, "schema", d->name);
}

bool roles_may_create_schema(const RoleSet *r, const CatalogSnap *cat, ObjectId database, Err *e)
{
    const DatabaseDef *d = cat_database_by_id(cat, database);
    return roles_privileges(r, cat, GRANT_DATABASE, database) & PRIV_CREATE ||
           acl_denied(e, "database", d ? d->name : SLICE_NONE);
}

bool roles_may_connect(const RoleSet *r, const CatalogSnap *cat, const DatabaseDef *d, Err *e)
{
    if (roles_privileges(r, cat, GRANT_DATABASE, d->id) & PRIV_CONNECT)
        return true;
    err_set(e, ERR_PRIVILEGE, "permission denied for database \"%.*s\"", SLICE_ARG(d->name));
    return err_detail(e, "User does not have CONNECT privilege.");
}

bool session_may_connect(Session *s, const CatalogSnap *cat, const DatabaseDef *d, Err *e)
{
    return roles_may_connect(session_roles(s, cat), cat, d, e);
}

/* ---- edits of the catalog ---- */

static bool same_items(const AclItem *a, size_t n, const AclDef *d)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d->count; k++)
            found += a[i].role == d->items[k].role && a[i].grantor == d->items[k].grantor &&
                     a[i].privileges == d->items[k].privileges &&
                     a[i].grantable == d->items[k].grantable;
    return n == d->count && found == n;
}

/* ALTER DEFAULT PRIVILEGES: what it says for all schemas is instead of the defaults, for one besides. */
AclDef *acl_of_new(const CatalogSnap *cat, Arena *a, GrantKind kind, AclClass c, ObjectId object,
                   ObjectId schema, ObjectId owner)
{
    GrantKind of = c == ACL_OF_TABLE      ? GRANT_DEFAULT_TABLES
                   : c == ACL_OF_SEQUENCE ? GRANT_DEFAULT_SEQUENCES
                                          : GRANT_DEFAULT_SCHEMAS;
    const AclDef *global = cat_acl(cat, of, 0, owner);
    const AclDef *local = schema ? cat_acl(cat, of, schema, owner) : NULL;
    AclDef start = {.kind = kind, .object = object, .owner = owner};
    AclItem defaults[ACL_DEFAULT_MAX];
    size_t n = acl_default(c, owner, defaults);
    if (global) {
        start.given = true;
        start.items = global->items;
        start.count = global->count;
    }
    AclDef *d = acl_given(a, &start, c, local ? local->count : 0);
    for (size_t i = 0; local && i < local->count; i++)
        acl_add(d, local->items[i].role, local->items[i].grantor, local->items[i].privileges,
                local->items[i].grantable);
    if (same_items(defaults, n, d)) {
        d->given = false;
        d->count = 0;
    }
    return d;
}

bool acl_is_notable(const AclDef *d)
{
    return d->given || (d->owner && d->owner != ROLE_BOOTSTRAP);
}

/* The owner of a schema drops what is in it, but changes nothing: a view reads with its owner's rights. */
static bool may_drop_table(Session *s, const CatalogSnap *cat, const TableDef *t, Err *e)
{
    if (session_in_role(s, cat, object_owner(cat, GRANT_SCHEMA, t->schema)))
        return true;
    return session_owns(s, cat, GRANT_TABLE, t->id, t->name, e);
}

/* It is its owner's, who may create where it goes to, also under another name. */
static bool may_put_table(Session *s, const CatalogSnap *cat, const TableDef *old,
                          const TableDef *t, Err *e)
{
    bool named = old->schema != t->schema || !slice_eq(old->name, t->name);
    return session_owns(s, cat, GRANT_TABLE, old->id, old->name, e) &&
           (!named || roles_may_create_in(session_roles(s, cat), cat, t->schema, e));
}

static bool may_put_database(Session *s, const CatalogSnap *cat, const DatabaseDef *d, Err *e)
{
    return !cat_database_by_id(cat, d->id) ||
           session_owns(s, cat, GRANT_DATABASE, d->id, d->name, e);
}

/* *made: the rights on what comes into being, which belongs to the role. */
static bool may_edit(Session *s, const CatalogSnap *cat, Arena *a, const CatEdit *c,
                     const AclDef **made, Err *e)
{
    const TableDef *t;
    const SchemaDef *d;
    AclClass class;
    *made = NULL;
    switch (c->op) {
    case CAT_PUT_TABLE:
        t = cat_table_by_id(cat, c->table->id);
        if ((t && !acl_kept(cat, t, e)) || !acl_kept(cat, c->table, e))
            return false;
        if (t)
            return may_put_table(s, cat, t, c->table, e);
        class = c->table->kind == TABLE_SEQUENCE ? ACL_OF_SEQUENCE : ACL_OF_TABLE;
        *made = acl_of_new(cat, a, GRANT_TABLE, class, c->table->id, c->table->schema, s->role);
        return roles_may_create_in(session_roles(s, cat), cat, c->table->schema, e);
    case CAT_DROP_TABLE:
        t = cat_table_by_id(cat, c->id);
        return !t || (acl_kept(cat, t, e) && may_drop_table(s, cat, t, e));
    case CAT_PUT_SCHEMA:
        if ((d = cat_schema_by_id(cat, c->schema->id)))
            return kept_schema(d, e) && session_owns(s, cat, GRANT_SCHEMA, d->id, d->name, e);
        *made = acl_of_new(cat, a, GRANT_SCHEMA, ACL_OF_SCHEMA, c->schema->id, 0, s->role);
        return roles_may_create_schema(session_roles(s, cat), cat, c->schema->database, e);
    case CAT_PUT_DATABASE:
        return may_put_database(s, cat, c->database, e);
    case CAT_DROP_SCHEMA:
        d = cat_schema_by_id(cat, c->id);
        return !d || (kept_schema(d, e) && session_owns(s, cat, GRANT_SCHEMA, d->id, d->name, e));
    default:
        return true;
    }
}

const CatEdit *roles_check_edits(Session *s, const CatalogSnap *cat, Arena *a, const CatEdit *edits,
                                 size_t n, size_t *count, Err *e)
{
    CatEdit *all = ARENA_ARRAY(a, CatEdit, n * 2);
    memcpy(all, edits, n * sizeof *all);
    *count = n;
    for (size_t i = 0; i < n; i++) {
        const AclDef *made;
        if (!may_edit(s, cat, a, &edits[i], &made, e))
            return NULL;
        if (made && acl_is_notable(made))
            all[(*count)++] = (CatEdit){.op = CAT_PUT_ACL, .acl = made};
    }
    return all;
}

bool acl_put(Session *s, const AclDef *d, Err *e)
{
    CatEdit edit = {.op = CAT_PUT_ACL, .acl = d, .expect_version = d->version};
    return ddl_edit_unchecked(s, &edit, 1, e);
}

/* TRUNCATE gives a table another id. */
bool roles_move_rights(Session *s, const CatalogSnap *cat, const TableDef *from, TableId to, Err *e)
{
    for (ObjectId i = 0; i <= from->column_count; i++) {
        const AclDef *old = cat_acl(cat, i ? GRANT_COLUMN : GRANT_TABLE, from->id, i);
        if (!old)
            continue;
        AclDef d = *old;
        d.object = to;
        d.version = 0;
        if (!acl_put(s, &d, e))
            return false;
    }
    return true;
}
