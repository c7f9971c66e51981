/* session/grant.c - GRANT, REVOKE, ALTER DEFAULT PRIVILEGES, memberships of roles.
 *
 * As PostgreSQL does it: who has the grant option grants in its own name, else as the role it is in that has
 * most of what is needed; what was granted on goes with what it was granted by (CASCADE) or
 * keeps it from being revoked. */
#include "session/acl.h"
#include <stdio.h>

typedef struct Grant {
    Portal *p;
    const Bound *b;
    ObjectId *grantees; /* 0 = PUBLIC */
} Grant;

/* One object, one set of privileges. */
typedef struct Change {
    GrantKind kind;
    ObjectId object, sub;
    AclClass class;
    uint32_t privileges;
    bool all;            /* ALL: less than all is no reason to warn */
    const char *word;    /* "table" */
    Slice name, of_name; /* of_name: the table of a column */
} Change;

/* ---- lists ---- */

static uint32_t options_of(const AclDef *d, ObjectId role, AclClass class)
{
    uint32_t may = role == d->owner ? acl_all(class) : 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].role == role)
            may |= d->items[i].grantable;
    return may;
}

static bool revoke_on(AclDef *d, AclClass class, ObjectId grantor, uint32_t lost, bool cascade,
                      Err *e);

/* What a role loses of one item: the privileges, or the option alone. */
static bool lessen(AclDef *d, AclClass class, AclItem *x, uint32_t privileges, bool only_option,
                   bool cascade, Err *e)
{
    ObjectId role = x->role;
    uint32_t lost = x->grantable & privileges;
    x->grantable &= ~privileges;
    if (!only_option)
        x->privileges &= ~privileges;
    return !lost || role == d->owner || revoke_on(d, class, role, lost, cascade, e);
}

/* `grantor` may not grant these any more, unless it still has the option from somebody else. */
static bool revoke_on(AclDef *d, AclClass class, ObjectId grantor, uint32_t lost, bool cascade,
                      Err *e)
{
    lost &= ~options_of(d, grantor, class);
    for (size_t i = 0; lost && i < d->count; i++) {
        AclItem *x = &d->items[i];
        if (x->grantor != grantor || !(x->privileges & lost))
            continue;
        if (!cascade) {
            err_set(e, ERR_DEPENDENT_OBJECTS, "dependent privileges exist");
            return err_hint(e, "Use CASCADE to revoke them too.");
        }
        if (!lessen(d, class, x, x->privileges & lost, false, cascade, e))
            return false;
    }
    return true;
}

/* Would the option come back to who gave it? */
static bool in_circle(const AclDef *d, ObjectId grantor, ObjectId grantee)
{
    if (grantor == d->owner)
        return false;
    if (grantor == grantee)
        return true;
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].role == grantor && d->items[i].grantable &&
            d->items[i].grantor != grantor && in_circle(d, d->items[i].grantor, grantee))
            return true;
    return false;
}

static bool change_item(const Grant *g, AclDef *d, AclClass class, ObjectId grantee,
                        ObjectId grantor, uint32_t privileges, Err *e)
{
    const Bound *b = g->b;
    bool option = b->u.grant.option;
    if (!b->u.grant.revoke) {
        if (option && !grantee)
            return err_set(e, ERR_INVALID_GRANT, "grant options can only be granted to roles");
        if (option && in_circle(d, grantor, grantee))
            return err_set(e, ERR_INVALID_GRANT,
                           "grant options cannot be granted back to your own grantor");
        acl_add(d, grantee, grantor, privileges, option ? privileges : 0);
        return true;
    }
    for (size_t i = 0; i < d->count; i++) {
        AclItem *x = &d->items[i];
        if (x->role == grantee && x->grantor == grantor)
            return lessen(d, class, x, privileges, option, b->u.grant.cascade, e);
    }
    return true;
}

/* ---- who grants ---- */

static int bits(uint32_t v)
{
    return __builtin_popcount(v);
}

/* In whose name, and with which of the options: of the lists of a column and its table together. */
static ObjectId best_grantor(const RoleSet *r, ObjectId role, const AclDef *d, const AclDef *table,
                             const Change *c, uint32_t *options)
{
    ObjectId best = role;
    if (r->superuser || roles_has(r, d->owner)) {
        *options = c->privileges;
        return d->owner;
    }
    *options = 0;
    for (size_t i = 0; i < r->count; i++) {
        uint32_t has = options_of(d, r->ids[i], c->class) & c->privileges;
        if (table)
            has |= options_of(table, r->ids[i], ACL_OF_TABLE) & c->privileges;
        if (bits(has) <= bits(*options))
            continue;
        *options = has;
        best = r->ids[i];
    }
    return best;
}

static bool has_anything(const RoleSet *r, const CatalogSnap *cat, const Change *c)
{
    uint32_t all = acl_all(c->class);
    if (c->kind == GRANT_COLUMN)
        return (roles_column(r, cat, c->object, c->sub - 1, false) |
                roles_column(r, cat, c->object, c->sub - 1, true)) &
               all;
    return (roles_privileges(r, cat, c->kind, c->object) |
            roles_options(r, cat, c->kind, c->object)) &
           (all | PRIV_OWNER);
}

static void warn(const Grant *g, const Change *c, uint32_t may)
{
    bool revoke = g->b->u.grant.revoke;
    const char *how = may ? (c->all || may == c->privileges ? NULL : "not all") : "no";
    if (!how)
        return;
    char what[2 * NAME_MAX_BYTES + 32];
    if (c->kind == GRANT_COLUMN)
        snprintf(what, sizeof what, "column \"%.*s\" of relation \"%.*s\"", SLICE_ARG(c->name),
                 SLICE_ARG(c->of_name));
    else
        snprintf(what, sizeof what, "\"%.*s\"", SLICE_ARG(c->name));
    session_notice(
        g->p->session, "WARNING", revoke ? ERR_PRIVILEGE_NOT_REVOKED : ERR_PRIVILEGE_NOT_GRANTED,
        revoke ? "%s privileges could be revoked for %s" : "%s privileges were granted for %s", how,
        what);
}

static bool change_object(const Grant *g, const Change *c, Err *e)
{
    Session *s = g->p->session;
    CatalogSnap *cat = session_catalog(s); /* newest: one object may be named twice */
    const RoleSet *r = session_roles(s, cat);
    AclDef old = acl_of(cat, c->kind, c->object, c->sub), of_table;
    const AclDef *table = NULL;
    size_t n = g->b->u.grant.grantee_count;
    uint32_t options;
    bool ok = true;
    if (c->kind == GRANT_COLUMN) {
        of_table = acl_of(cat, GRANT_TABLE, c->object, 0);
        table = &of_table;
    }
    AclDef *d = acl_given(&g->p->arena, &old, c->class, n);
    ObjectId grantor = best_grantor(r, s->role, d, table, c, &options);
    if (!options && !has_anything(r, cat, c))
        ok = acl_denied(e, c->kind == GRANT_COLUMN ? "table" : c->word,
                        c->kind == GRANT_COLUMN ? c->of_name : c->name);
    else
        warn(g, c, options);
    for (size_t i = 0; ok && i < n; i++)
        ok = change_item(g, d, c->class, g->grantees[i], grantor, options, e);
    acl_compact(d);
    ok = ok && acl_put(s, d, e);
    cat_unref(cat);
    return ok;
}

/* ---- objects ---- */

static bool change_columns(const Grant *g, const TableDef *t, Err *e)
{
    const Bound *b = g->b;
    Change c = {.kind = GRANT_COLUMN,
                .object = t->id,
                .class = ACL_OF_COLUMN,
                .word = "column",
                .of_name = t->name};
    for (size_t i = 0; i < b->u.grant.column_count; i++) {
        const ColumnGrant *of = &b->u.grant.columns[i];
        const ColumnDef *col = table_column(t, of->column);
        if (!col)
            return err_set(e, ERR_UNDEFINED_COLUMN,
                           "column \"%.*s\" of relation \"%.*s\" does not exist",
                           SLICE_ARG(of->column), SLICE_ARG(t->name));
        c.sub = (ObjectId)(col - t->columns) + 1;
        c.name = col->name;
        c.all = of->privileges == 0;
        c.privileges = c.all ? acl_all(ACL_OF_COLUMN) : of->privileges;
        if (!change_object(g, &c, e))
            return false;
    }
    return true;
}

/* What is revoked from the table is revoked from its columns. */
static bool revoke_columns(const Grant *g, const TableDef *t, uint32_t privileges, Err *e)
{
    Change c = {.kind = GRANT_COLUMN,
                .object = t->id,
                .class = ACL_OF_COLUMN,
                .privileges = privileges & acl_all(ACL_OF_COLUMN),
                .all = true,
                .word = "column",
                .of_name = t->name};
    for (ObjectId i = 1; c.privileges && i <= t->column_count; i++) {
        CatalogSnap *cat = session_catalog(g->p->session);
        bool any = cat_acl(cat, GRANT_COLUMN, t->id, i) != NULL;
        cat_unref(cat);
        c.sub = i;
        c.name = t->columns[i - 1].name;
        if (any && !change_object(g, &c, e))
            return false;
    }
    return true;
}

static bool change_table(const Grant *g, const TableDef *t, Err *e)
{
    const Bound *b = g->b;
    bool sequence = t->kind == TABLE_SEQUENCE;
    AclClass class = sequence ? ACL_OF_SEQUENCE : ACL_OF_TABLE;
    uint32_t wanted = b->u.grant.all ? acl_all(class) : b->u.grant.privileges;
    if (sequence && wanted & ~acl_all(class))
        session_notice(g->p->session, "WARNING", ERR_INVALID_GRANT,
                       "sequence \"%.*s\" only supports USAGE, SELECT, and UPDATE privileges",
                       SLICE_ARG(t->name));
    else if (wanted & ~acl_all(class))
        return err_set(e, ERR_INVALID_GRANT, "invalid privilege type USAGE for table");
    Change c = {.kind = GRANT_TABLE,
                .object = t->id,
                .class = class,
                .privileges = wanted & acl_all(class),
                .all = b->u.grant.all,
                .word = table_word(t),
                .name = t->name};
    if (b->u.grant.all || b->u.grant.privileges)
        if (!change_object(g, &c, e) ||
            (b->u.grant.revoke && !sequence && !revoke_columns(g, t, c.privileges, e)))
            return false;
    return change_columns(g, t, e);
}

static bool change_in_schema(const Grant *g, const CatalogSnap *cat, Slice name, Err *e)
{
    Session *s = g->p->session;
    GrantTarget on = g->b->u.grant.on;
    const SchemaDef *d = session_schema(s, cat, name);
    if (!d)
        return err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist", SLICE_ARG(name));
    for (size_t i = 0; on != GRANT_ON_ALL_FUNCTIONS && i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        bool sequence = t->kind == TABLE_SEQUENCE;
        if (t->schema == d->id && sequence == (on == GRANT_ON_ALL_SEQUENCES) &&
            !change_table(g, t, e))
            return false;
    }
    return true;
}

static bool change_named(const Grant *g, GrantKind kind, ObjectId id, Slice name, Err *e)
{
    const Bound *b = g->b;
    AclClass class = kind == GRANT_SCHEMA ? ACL_OF_SCHEMA : ACL_OF_DATABASE;
    CatalogSnap *cat = session_catalog(g->p->session);
    Change c = {.kind = kind,
                .object = id,
                .class = acl_class_of(cat, kind, id),
                .privileges = b->u.grant.all ? acl_all(class) : b->u.grant.privileges,
                .all = b->u.grant.all,
                .word = kind == GRANT_SCHEMA ? "schema" : "database",
                .name = name};
    cat_unref(cat);
    return change_object(g, &c, e);
}

static bool find_relation(const Grant *g, const CatalogSnap *cat, const QualifiedName *n,
                          const TableDef **t, Err *e)
{
    *t = session_find_table(g->p->session, cat, n);
    if (!*t)
        return err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                       SLICE_ARG(n->name));
    if (g->b->u.grant.on == GRANT_ON_SEQUENCES && (*t)->kind != TABLE_SEQUENCE)
        return err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a sequence", SLICE_ARG(n->name));
    return true;
}

static bool change_one(const Grant *g, const CatalogSnap *cat, const QualifiedName *n, Err *e)
{
    Session *s = g->p->session;
    const TableDef *t;
    const SchemaDef *d;
    const DatabaseDef *db;
    switch (g->b->u.grant.on) {
    case GRANT_ON_TABLES:
    case GRANT_ON_SEQUENCES:
        return find_relation(g, cat, n, &t, e) && change_table(g, t, e);
    case GRANT_ON_SCHEMAS:
        if ((d = cat_schema(cat, s->database, n->name)))
            return change_named(g, GRANT_SCHEMA, d->id, d->name, e);
        return err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist", SLICE_ARG(n->name));
    case GRANT_ON_DATABASES:
        if ((db = cat_database(cat, n->name)))
            return change_named(g, GRANT_DATABASE, db->id, db->name, e);
        return err_set(e, ERR_DATABASE_NAME, "database \"%.*s\" does not exist",
                       SLICE_ARG(n->name));
    case GRANT_ON_ALL_TABLES:
    case GRANT_ON_ALL_SEQUENCES:
    case GRANT_ON_ALL_FUNCTIONS:
        return change_in_schema(g, cat, n->name, e);
    case GRANT_ON_ROLES:
    case GRANT_ON_DEFAULTS:
        break;
    }
    return false;
}

/* ---- memberships ---- */

bool role_may_grant(Session *s, const CatalogSnap *cat, const RoleDef *r, Err *e)
{
    const RoleDef *me = cat_role_by_id(cat, s->role);
    uint32_t mine = me ? me->flags : 0;
    AclDef d = acl_of(cat, GRANT_ROLE, r->id, 0);
    const RoleSet *set = session_roles(s, cat);
    if (mine & ROLE_SUPERUSER)
        return true;
    if (r->flags & ROLE_SUPERUSER)
        return err_set(e, ERR_PRIVILEGE, "must be superuser to alter superusers");
    for (size_t i = 0; i < set->count; i++)
        if (options_of(&d, set->ids[i], ACL_OF_COLUMN))
            return true;
    return mine & ROLE_CREATEROLE ||
           err_set(e, ERR_PRIVILEGE, "must have admin option on role \"%.*s\"", SLICE_ARG(r->name));
}

bool role_add_member(Session *s, const RoleDef *in, ObjectId member, bool admin, Err *e)
{
    Arena a;
    RoleSet up = {0};
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *m = cat_role_by_id(cat, member);
    AclDef old = acl_of(cat, GRANT_ROLE, in->id, 0);
    bool known = false, ok = true;
    arena_init(&a, NULL);
    AclDef *d = acl_given(&a, &old, ACL_OF_ROLE, 1);
    roles_include_all(&up, cat, in->id, false);
    for (size_t i = 0; ok && i < up.count; i++)
        if (up.ids[i] == member)
            ok = err_set(e, ERR_INVALID_GRANT, "role \"%.*s\" is a member of role \"%.*s\"",
                         SLICE_ARG(in->name), SLICE_ARG(m->name));
    for (size_t i = 0; ok && i < d->count; i++) {
        AclItem *x = &d->items[i];
        if (x->role != member)
            continue;
        known = !admin || x->grantable;
        x->privileges = 0; /* made again below */
    }
    if (ok && known)
        session_notice(s, "NOTICE", ERR_DUPLICATE_OBJECT,
                       "role \"%.*s\" is already a member of role \"%.*s\"", SLICE_ARG(m->name),
                       SLICE_ARG(in->name));
    if (ok && !known) {
        acl_compact(d);
        acl_add(d, member, s->role, PRIV_MEMBER, admin ? PRIV_MEMBER : 0);
        ok = acl_put(s, d, e);
    }
    roles_free(&up);
    arena_free(&a);
    cat_unref(cat);
    return ok;
}

static bool remove_member(const Grant *g, const RoleDef *in, ObjectId member, Err *e)
{
    Session *s = g->p->session;
    CatalogSnap *cat = session_catalog(s);
    AclDef old = acl_of(cat, GRANT_ROLE, in->id, 0);
    AclDef *d = acl_given(&g->p->arena, &old, ACL_OF_ROLE, 0);
    bool found = false;
    for (size_t i = 0; i < d->count; i++) {
        if (d->items[i].role != member)
            continue;
        found = true;
        d->items[i].grantable = 0;
        if (!g->b->u.grant.option)
            d->items[i].privileges = 0;
    }
    acl_compact(d);
    if (!found)
        session_notice(s, "WARNING", ERR_WARNING, "role \"%.*s\" is not a member of role \"%.*s\"",
                       SLICE_ARG(cat_role_by_id(cat, member)->name), SLICE_ARG(in->name));
    bool ok = !found || acl_put(s, d, e);
    cat_unref(cat);
    return ok;
}

static bool change_role(const Grant *g, const CatalogSnap *cat, Slice name, Err *e)
{
    Session *s = g->p->session;
    const RoleDef *r = role_named(s, cat, name, e);
    if (!r || !role_may_grant(s, cat, r, e))
        return false;
    for (size_t i = 0; i < g->b->u.grant.grantee_count; i++)
        if (!(g->b->u.grant.revoke
                  ? remove_member(g, r, g->grantees[i], e)
                  : role_add_member(s, r, g->grantees[i], g->b->u.grant.option, e)))
            return false;
    return true;
}

/* ---- ALTER DEFAULT PRIVILEGES ---- */

/* Without IN SCHEMA the list is instead of the defaults, and is none while it says the same. */
static bool change_default(const Grant *g, ObjectId role, ObjectId schema, Err *e)
{
    const Bound *b = g->b;
    Session *s = g->p->session;
    CatalogSnap *cat = session_catalog(s);
    GrantKind kind = b->u.grant.defaults;
    AclClass class = acl_class_of(cat, kind, schema);
    uint32_t wanted = b->u.grant.all ? acl_all(class) : b->u.grant.privileges;
    AclDef old = acl_of(cat, kind, schema, role);
    AclItem defaults[ACL_DEFAULT_MAX];
    bool ok = true;
    old.given |= schema != 0; /* besides: it begins with nothing */
    AclDef *d = acl_given(&g->p->arena, &old, class, b->u.grant.grantee_count);
    d->owner = role;
    for (size_t i = 0; ok && i < b->u.grant.grantee_count; i++)
        ok = change_item(g, d, class, g->grantees[i], role, wanted, e);
    acl_compact(d);
    size_t n = schema ? 0 : acl_default(class, role, defaults);
    bool same = n == d->count;
    for (size_t i = 0; same && i < n; i++)
        same = memcmp(&defaults[i], &d->items[i], sizeof defaults[i]) == 0;
    d->owner = 0;
    d->given = !same;
    d->count = same ? 0 : d->count;
    ok = ok && acl_put(s, d, e);
    cat_unref(cat);
    return ok;
}

static bool defaults_of(const Grant *g, const CatalogSnap *cat, const RoleDef *r, Err *e)
{
    const Bound *b = g->b;
    Session *s = g->p->session;
    if (!role_can_become(cat, s->role, r->id))
        return err_set(e, ERR_PRIVILEGE, "must be member of role \"%.*s\"", SLICE_ARG(r->name));
    if (!b->u.grant.in_schema_count)
        return change_default(g, r->id, 0, e);
    if (b->u.grant.defaults == GRANT_DEFAULT_SCHEMAS)
        return err_set(e, ERR_INVALID_GRANT,
                       "cannot use IN SCHEMA clause when using GRANT/REVOKE ON SCHEMAS");
    for (size_t i = 0; i < b->u.grant.in_schema_count; i++) {
        const SchemaDef *d = cat_schema(cat, s->database, b->u.grant.in_schemas[i]);
        if (!d)
            return err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist",
                           SLICE_ARG(b->u.grant.in_schemas[i]));
        if (!change_default(g, r->id, d->id, e))
            return false;
    }
    return true;
}

static bool change_defaults(const Grant *g, const CatalogSnap *cat, Err *e)
{
    const Bound *b = g->b;
    Session *s = g->p->session;
    if (!b->u.grant.for_role_count)
        return defaults_of(g, cat, cat_role_by_id(cat, s->role), e);
    for (size_t i = 0; i < b->u.grant.for_role_count; i++) {
        const RoleDef *r = role_named(s, cat, b->u.grant.for_roles[i], e);
        if (!r || !defaults_of(g, cat, r, e))
            return false;
    }
    return true;
}

/* ---- the statement ---- */

static bool find_grantees(Grant *g, const CatalogSnap *cat, Err *e)
{
    const Bound *b = g->b;
    Session *s = g->p->session;
    g->grantees = ARENA_ARRAY(&g->p->arena, ObjectId, b->u.grant.grantee_count);
    if (b->u.grant.grantor.len) {
        const RoleDef *by = role_named(s, cat, b->u.grant.grantor, e);
        if (!by)
            return false;
        if (by->id != s->role)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "grantor must be current user");
    }
    for (size_t i = 0; i < b->u.grant.grantee_count; i++) {
        Slice name = b->u.grant.grantees[i];
        bool everybody = slice_eq_cstr(name, "public") && b->u.grant.on != GRANT_ON_ROLES;
        const RoleDef *r = everybody ? NULL : role_named(s, cat, name, e);
        if (!everybody && !r)
            return false;
        g->grantees[i] = r ? r->id : 0;
    }
    return true;
}

bool grant_statement(Portal *p, Err *e)
{
    const Bound *b = p->bound;
    Grant g = {.p = p, .b = b};
    CatalogSnap *cat = session_catalog(p->session);
    const TableDef *ignored;
    bool relations = b->u.grant.on == GRANT_ON_TABLES || b->u.grant.on == GRANT_ON_SEQUENCES;
    bool ok = true;
    for (size_t i = 0; ok && relations && i < b->u.grant.object_count; i++)
        ok = find_relation(&g, cat, &b->u.grant.objects[i], &ignored, e);
    ok = ok && find_grantees(&g, cat, e);
    if (ok && b->u.grant.on == GRANT_ON_DEFAULTS)
        ok = change_defaults(&g, cat, e);
    for (size_t i = 0; ok && i < b->u.grant.object_count; i++)
        ok = b->u.grant.on == GRANT_ON_ROLES ? change_role(&g, cat, b->u.grant.objects[i].name, e)
                                             : change_one(&g, cat, &b->u.grant.objects[i], e);
    cat_unref(cat);
    return ok;
}
