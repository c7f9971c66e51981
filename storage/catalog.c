/* storage/catalog.c - catalog snapshots: lookups, and edits that make the next one. */
#include "storage/acl.h"
#include "storage/catalog_private.h"

/* Numbers of catalogs that plans tell apart; private ones of transactions have theirs as well. */
static _Atomic uint64_t plan_versions = 1;

CatalogSnap *snap_new(void)
{
    CatalogSnap *c = MEM_NEW(CatalogSnap);
    ref_init(&c->ref);
    c->next_id = OBJECT_ID_FIRST;
    c->next_setting = c->next_acl = 1;
    c->plan_version = atomic_fetch_add(&plan_versions, 1);
    return c;
}

CatalogSnap *cat_ref(const CatalogSnap *c)
{
    CatalogSnap *counted = (CatalogSnap *)(uintptr_t)c; /* the count is no part of the value */
    ref_take(&counted->ref);
    return counted;
}

void cat_unref(CatalogSnap *c)
{
    if (!c || !ref_drop(&c->ref))
        return;
    map_free(&c->databases);
    map_free(&c->schemas);
    map_free(&c->tables);
    map_free(&c->settings);
    map_free(&c->roles);
    map_free(&c->acls);
    map_free(&c->tokens);
    mem_free(c);
}

uint64_t cat_version(const CatalogSnap *c)
{
    return c->version;
}

void cat_renumber(CatalogSnap *c, uint64_t version)
{
    must(version >= c->version);
    c->version = version;
}

uint64_t cat_plan_version(const CatalogSnap *c)
{
    return c->plan_version;
}

ObjectId cat_next_id(const CatalogSnap *c)
{
    return c->next_id;
}

const DatabaseDef *cat_database(const CatalogSnap *c, Slice name)
{
    const CatNode *n = map_find_name(&c->databases, 0, name);
    return n ? &n->u.database : NULL;
}

const DatabaseDef *cat_database_by_id(const CatalogSnap *c, ObjectId id)
{
    const CatNode *n = map_find(&c->databases, id);
    return n ? &n->u.database : NULL;
}

const SchemaDef *cat_schema(const CatalogSnap *c, ObjectId database, Slice name)
{
    const CatNode *n = map_find_name(&c->schemas, database, name);
    return n ? &n->u.schema : NULL;
}

const SchemaDef *cat_schema_by_id(const CatalogSnap *c, ObjectId id)
{
    const CatNode *n = map_find(&c->schemas, id);
    return n ? &n->u.schema : NULL;
}

const TableDef *cat_table(const CatalogSnap *c, ObjectId schema, Slice name)
{
    const CatNode *n = map_find_name(&c->tables, schema, name);
    return n ? &n->u.table : NULL;
}

const TableDef *cat_table_by_id(const CatalogSnap *c, TableId id)
{
    const CatNode *n = map_find(&c->tables, id);
    return n ? &n->u.table : NULL;
}

size_t cat_database_count(const CatalogSnap *c)
{
    return c->databases.count;
}

const DatabaseDef *cat_database_at(const CatalogSnap *c, size_t i)
{
    return &map_at(&c->databases, i)->u.database;
}

size_t cat_schema_count(const CatalogSnap *c)
{
    return c->schemas.count;
}

const SchemaDef *cat_schema_at(const CatalogSnap *c, size_t i)
{
    return &map_at(&c->schemas, i)->u.schema;
}

size_t cat_table_count(const CatalogSnap *c)
{
    return c->tables.count;
}

const TableDef *cat_table_at(const CatalogSnap *c, size_t i)
{
    return &map_at(&c->tables, i)->u.table;
}

bool cat_setting(const CatalogSnap *c, ObjectId database, Slice name, Slice *value)
{
    const CatNode *n = map_find_name(&c->settings, database, name);
    if (n)
        *value = n->u.setting.value;
    return n;
}

size_t cat_setting_count(const CatalogSnap *c)
{
    return c->settings.count;
}

void cat_setting_at(const CatalogSnap *c, size_t i, ObjectId *database, Slice *name, Slice *value)
{
    const CatSetting *s = &map_at(&c->settings, i)->u.setting;
    *database = s->database;
    *name = s->name;
    *value = s->value;
}

const RoleDef *cat_role(const CatalogSnap *c, Slice name)
{
    const CatNode *n = map_find_name(&c->roles, 0, name);
    return n ? &n->u.role : NULL;
}

const RoleDef *cat_role_by_id(const CatalogSnap *c, ObjectId id)
{
    const CatNode *n = map_find(&c->roles, id);
    return n ? &n->u.role : NULL;
}

size_t cat_role_count(const CatalogSnap *c)
{
    return c->roles.count;
}

const RoleDef *cat_role_at(const CatalogSnap *c, size_t i)
{
    return &map_at(&c->roles, i)->u.role;
}

/* Rights are found by name as all else: the parent is the object, the name these bytes. */
typedef struct AclName {
    uint32_t kind, sub;
} AclName;

static CatNode *find_acl(const CatalogSnap *c, GrantKind kind, ObjectId object, ObjectId of)
{
    AclName name = {kind, of};
    return map_find_name(&c->acls, object, slice_of((const char *)&name, sizeof name));
}

const AclDef *cat_acl(const CatalogSnap *c, GrantKind kind, ObjectId object, ObjectId of)
{
    const CatNode *n = find_acl(c, kind, object, of);
    return n ? &n->u.acl : NULL;
}

size_t cat_acl_count(const CatalogSnap *c)
{
    return c->acls.count;
}

const AclDef *cat_acl_at(const CatalogSnap *c, size_t i)
{
    return &map_at(&c->acls, i)->u.acl;
}

const TokenDef *cat_token(const CatalogSnap *c, Slice name)
{
    const CatNode *n = map_find_name(&c->tokens, 0, name);
    return n ? &n->u.token : NULL;
}

const TokenDef *cat_token_by_id(const CatalogSnap *c, ObjectId id)
{
    const CatNode *n = map_find(&c->tokens, id);
    return n ? &n->u.token : NULL;
}

size_t cat_token_count(const CatalogSnap *c)
{
    return c->tokens.count;
}

const TokenDef *cat_token_at(const CatalogSnap *c, size_t i)
{
    return &map_at(&c->tokens, i)->u.token;
}

/* ---- making nodes ---- */

static CatNode *node_new(ObjectId id, ObjectId parent, size_t bytes)
{
    CatNode *n = mem_alloc(sizeof *n + bytes);
    memset(n, 0, sizeof *n);
    ref_init(&n->ref);
    n->id = id;
    n->parent = parent;
    return n;
}

static CatNode *node_named(ObjectId id, ObjectId parent, Slice name)
{
    CatNode *n = node_new(id, parent, name.len + 8);
    Pack p = {.base = (char *)(n + 1)};
    n->name = pack_slice(&p, name);
    n->hash = node_hash(parent, n->name);
    return n;
}

static CatNode *node_table(const TableDef *t, uint32_t version)
{
    Pack p = {0};
    TableDef sized;
    table_pack(&p, &sized, t);
    size_t bytes = p.used;
    CatNode *n = node_new(t->id, t->schema, bytes + table_lookup_size(t));
    p = (Pack){.base = (char *)(n + 1)};
    table_pack(&p, &n->u.table, t);
    must(p.used == bytes);
    n->u.table.version = version;
    table_lookup_build(&n->u.table, p.base + bytes);
    n->name = n->u.table.name;
    n->hash = node_hash(t->schema, n->name);
    return n;
}

/* ---- edits ---- */

static bool name_fits(Slice name, Err *e)
{
    if (!name.len)
        return err_set(e, ERR_INVALID_NAME, "a name must not be empty");
    if (name.len > NAME_MAX_BYTES)
        return err_set(e, ERR_NAME_TOO_LONG, "name has %zu bytes, at most %d are possible",
                       name.len, NAME_MAX_BYTES);
    return true;
}

/* ---- how long rows are kept ---- */

static int64_t inherited_ttl(const CatalogSnap *c, const TableDef *t)
{
    if (t->kind != TABLE_SERIES)
        return 0;
    const CatNode *schema = map_find(&c->schemas, t->schema);
    int64_t ttl = schema ? schema->u.schema.ttl_ns : 0;
    if (!ttl) {
        const CatNode *database = map_find(&c->databases, t->database);
        ttl = database ? database->u.database.ttl_ns : 0;
    }
    return ttl > 0 ? ttl : 0;
}

/* After the TTL of a schema or database: tables that inherit it stay what they were otherwise. */
static void inherit_ttl(CatalogSnap *c, ObjectId database)
{
    map_seal(&c->tables);
    size_t n = c->tables.count, stale = 0;
    ObjectId *ids = mem_alloc((n + 1) * sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        const TableDef *t = &map_at(&c->tables, i)->u.table;
        if (t->database == database && !t->ttl_own && t->ttl_ns != inherited_ttl(c, t))
            ids[stale++] = t->id;
    }
    for (size_t i = 0; i < stale; i++) {
        const TableDef *t = &map_find(&c->tables, ids[i])->u.table;
        CatNode *fresh = node_table(t, t->version);
        fresh->u.table.ttl_ns = inherited_ttl(c, t);
        map_put(&c->tables, fresh);
    }
    mem_free(ids);
}

static bool put_database(CatalogSnap *c, const DatabaseDef *d, Err *e)
{
    if (!name_fits(d->name, e))
        return false;
    const CatNode *taken = map_find_name(&c->databases, 0, d->name);
    if (taken && taken->id != d->id)
        return err_set(e, ERR_DUPLICATE_DATABASE, "database \"%.*s\" already exists",
                       SLICE_ARG(d->name));
    CatNode *n = node_named(d->id, 0, d->name);
    n->u.database = *d;
    n->u.database.name = n->name;
    map_put(&c->databases, n);
    inherit_ttl(c, d->id);
    return true;
}

static bool put_schema(CatalogSnap *c, const SchemaDef *s, Err *e)
{
    if (!name_fits(s->name, e))
        return false;
    if (!map_find(&c->databases, s->database))
        return err_set(e, ERR_DATABASE_NAME, "database %u does not exist", s->database);
    const CatNode *taken = map_find_name(&c->schemas, s->database, s->name);
    if (taken && taken->id != s->id)
        return err_set(e, ERR_DUPLICATE_SCHEMA, "schema \"%.*s\" already exists",
                       SLICE_ARG(s->name));
    CatNode *n = node_named(s->id, s->database, s->name);
    n->u.schema = *s;
    n->u.schema.name = n->name;
    map_put(&c->schemas, n);
    inherit_ttl(c, s->database);
    return true;
}

static bool put_table(CatalogSnap *c, const CatEdit *edit, uint32_t version, Err *e)
{
    const TableDef *t = edit->table;
    if (!table_def_check(t, e))
        return false;
    const CatNode *schema = map_find(&c->schemas, t->schema);
    if (!schema || schema->parent != t->database)
        return err_set(e, ERR_SCHEMA_NAME, "schema %u of table \"%.*s\" does not exist", t->schema,
                       SLICE_ARG(t->name));
    const CatNode *taken = map_find_name(&c->tables, t->schema, t->name);
    if (taken && taken->id != t->id)
        return err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists",
                       SLICE_ARG(t->name));
    const CatNode *old = map_find(&c->tables, t->id);
    uint32_t old_version = old ? old->u.table.version : 0;
    if (old_version != edit->expect_version && !version)
        return err_set(e, ERR_SERIALIZATION, "table \"%.*s\" was changed at the same time",
                       SLICE_ARG(t->name));
    CatNode *n = node_table(t, version ? version : old_version + 1);
    if (old && !version && old->u.table.counter_epoch == t->counter_epoch) {
        n->u.table.counter = old->u.table.counter;
        n->u.table.counter_used = old->u.table.counter_used;
    }
    if (!t->ttl_own)
        n->u.table.ttl_ns = inherited_ttl(c, t);
    map_put(&c->tables, n);
    return true;
}

/* The table stays what it was, its version included: nobody has to look again. */
static void advance(CatalogSnap *c, const CatEdit *edit)
{
    const CatNode *old = map_find(&c->tables, edit->id);
    if (!old || old->u.table.counter_epoch != edit->epoch)
        return;
    CatNode *n = node_table(&old->u.table, old->u.table.version);
    n->u.table.counter = edit->counter;
    n->u.table.counter_used = edit->counter_used;
    map_put(&c->tables, n);
}

static bool put_setting(CatalogSnap *c, const CatEdit *edit, Err *e)
{
    if (!name_fits(edit->setting, e))
        return false;
    if (edit->id && !map_find(&c->databases, edit->id)) /* 0: of all databases */
        return err_set(e, ERR_DATABASE_NAME, "database %u does not exist", edit->id);
    CatNode *old = map_find_name(&c->settings, edit->id, edit->setting);
    if (!edit->value.len) {
        if (old)
            map_remove(&c->settings, old->id);
        return true;
    }
    CatNode *n = node_new(old ? old->id : c->next_setting++, edit->id,
                          edit->setting.len + edit->value.len + 16);
    Pack p = {.base = (char *)(n + 1)};
    n->name = pack_slice(&p, edit->setting);
    n->hash = node_hash(edit->id, n->name);
    n->u.setting =
        (CatSetting){.database = edit->id, .name = n->name, .value = pack_slice(&p, edit->value)};
    map_put(&c->settings, n);
    return true;
}

static bool put_role(CatalogSnap *c, const RoleDef *r, Err *e)
{
    if (!name_fits(r->name, e))
        return false;
    const CatNode *taken = map_find_name(&c->roles, 0, r->name);
    if (taken && taken->id != r->id)
        return err_set(e, ERR_DUPLICATE_OBJECT, "role \"%.*s\" already exists", SLICE_ARG(r->name));
    CatNode *n = node_new(r->id, 0, r->name.len + r->password.len + 16);
    Pack p = {.base = (char *)(n + 1)};
    n->u.role = *r;
    n->u.role.name = n->name = pack_slice(&p, r->name);
    n->u.role.password = pack_slice(&p, r->password);
    n->hash = node_hash(0, n->name);
    map_put(&c->roles, n);
    return true;
}

static bool acl_check(const CatalogSnap *c, const AclDef *d, Err *e)
{
    if (d->kind < GRANT_TABLE || d->kind >= GRANT_KINDS)
        return err_set(e, ERR_DATA_CORRUPTED, "rights of an unknown kind %d", d->kind);
    if (d->owner && !map_find(&c->roles, d->owner))
        return err_set(e, ERR_UNDEFINED_OBJECT, "role %u does not exist", d->owner);
    for (size_t i = 0; i < d->count; i++) {
        const AclItem *x = &d->items[i];
        if ((x->role && !map_find(&c->roles, x->role)) || !map_find(&c->roles, x->grantor))
            return err_set(e, ERR_UNDEFINED_OBJECT, "role %u does not exist",
                           x->role && !map_find(&c->roles, x->role) ? x->role : x->grantor);
    }
    return true;
}

/* Is it what holds without it? */
static bool acl_is_nothing(const AclDef *d)
{
    bool owned = d->kind != GRANT_COLUMN && d->owner && d->owner != ROLE_BOOTSTRAP;
    bool defaults = d->kind == GRANT_ROLE || d->kind == GRANT_COLUMN; /* nobody has anything */
    return !owned && (defaults ? !d->count : !d->given);
}

static bool put_acl(CatalogSnap *c, const AclDef *d, uint32_t expect, uint32_t version, Err *e)
{
    const CatNode *old = find_acl(c, d->kind, d->object, d->sub);
    uint32_t old_version = old ? old->u.acl.version : 0;
    if (!acl_check(c, d, e))
        return false;
    if (!version && old_version != expect)
        return err_set(e, ERR_SERIALIZATION, "rights of an object were changed at the same time");
    if (acl_is_nothing(d)) {
        if (old)
            map_remove(&c->acls, old->id);
        return true;
    }
    size_t bytes = d->count * sizeof *d->items;
    CatNode *n = node_new(old ? old->id : c->next_acl++, d->object, sizeof(AclName) + bytes + 16);
    Pack p = {.base = (char *)(n + 1)};
    AclName name = {d->kind, d->sub};
    n->u.acl = *d;
    n->u.acl.version = version ? version : old_version + 1;
    n->u.acl.items = pack_bytes(&p, d->items, bytes);
    n->name = pack_slice(&p, slice_of((const char *)&name, sizeof name));
    n->hash = node_hash(d->object, n->name);
    map_put(&c->acls, n);
    return true;
}

static AclClass acl_class(const CatalogSnap *c, GrantKind kind, ObjectId object)
{
    const CatNode *n = kind == GRANT_TABLE    ? map_find(&c->tables, object)
                       : kind == GRANT_SCHEMA ? map_find(&c->schemas, object)
                                              : NULL;
    if (kind == GRANT_SCHEMA)
        return n && slice_eq_cstr(n->name, "public") ? ACL_OF_PUBLIC : ACL_OF_SCHEMA;
    if (kind == GRANT_TABLE)
        return n && n->u.table.kind == TABLE_SEQUENCE ? ACL_OF_SEQUENCE : ACL_OF_TABLE;
    return kind == GRANT_DATABASE ? ACL_OF_DATABASE : ACL_OF_ROLE;
}

/* One right of the former form: the owner had a bit of its own, and was everybody's grantor. */
static bool put_grant(CatalogSnap *c, const GrantDef *g, Err *e)
{
    Arena a;
    const CatNode *old = find_acl(c, g->kind, g->object, 0);
    AclDef none = {.kind = g->kind, .object = g->object, .owner = ROLE_BOOTSTRAP};
    AclClass class = acl_class(c, g->kind, g->object);
    arena_init(&a, NULL);
    AclDef *d = ARENA_NEW(&a, AclDef);
    *d = old ? old->u.acl : none;
    if (!d->owner)
        d->owner = ROLE_BOOTSTRAP;
    if (g->privileges & PRIV_OWNER) {
        AclDef *copy = acl_given(&a, d, class, 1);
        acl_new_owner(copy, d->owner, g->role);
        if (d->given)
            d = copy;
        else
            d->owner = g->role;
    } else {
        d = acl_given(&a, d, class, 1);
        for (size_t i = 0; i < d->count; i++)
            if (d->items[i].role == g->role)
                d->items[i].privileges = 0;
        acl_compact(d);
        acl_add(d, g->role, d->owner, g->privileges, g->grantable & g->privileges);
        acl_compact(d);
    }
    bool ok = put_acl(c, d, old ? old->u.acl.version : 0, 0, e);
    arena_free(&a);
    return ok;
}

static bool put_token(CatalogSnap *c, const TokenDef *t, Err *e)
{
    if (!name_fits(t->name, e))
        return false;
    if (!map_find(&c->roles, t->role))
        return err_set(e, ERR_UNDEFINED_OBJECT, "role %u does not exist", t->role);
    const CatNode *taken = map_find_name(&c->tokens, 0, t->name);
    if (taken && taken->id != t->id)
        return err_set(e, ERR_DUPLICATE_OBJECT, "token \"%.*s\" already exists",
                       SLICE_ARG(t->name));
    CatNode *n = node_new(t->id, 0, t->name.len + t->hash.len + 16);
    Pack p = {.base = (char *)(n + 1)};
    n->u.token = *t;
    n->u.token.name = n->name = pack_slice(&p, t->name);
    n->u.token.hash = pack_slice(&p, t->hash);
    n->hash = node_hash(0, n->name);
    map_put(&c->tokens, n);
    return true;
}

static bool drop_token(CatalogSnap *c, ObjectId id, Err *e)
{
    if (!map_find(&c->tokens, id))
        return err_set(e, ERR_UNDEFINED_OBJECT, "token %u does not exist", id);
    map_remove(&c->tokens, id);
    return true;
}

/* Those of a role that goes. */
static void drop_tokens(CatalogSnap *c, ObjectId role)
{
    map_seal(&c->tokens);
    for (size_t i = c->tokens.count; i-- > 0;) {
        const CatNode *n = map_at(&c->tokens, i);
        if (n->u.token.role != role)
            continue;
        map_remove(&c->tokens, n->id);
        map_seal(&c->tokens);
    }
}

/* The rights on an object that goes. */
static void drop_acl(CatalogSnap *c, GrantKind kind, ObjectId object, ObjectId of)
{
    const CatNode *n = find_acl(c, kind, object, of);
    if (n)
        map_remove(&c->acls, n->id);
}

/* The roles that it was a member of. */
static void drop_memberships(CatalogSnap *c, ObjectId role)
{
    Arena a;
    arena_init(&a, NULL);
    map_seal(&c->roles);
    for (size_t i = 0; i < c->roles.count; i++) {
        const CatNode *n = find_acl(c, GRANT_ROLE, map_at(&c->roles, i)->id, 0);
        AclDef *d = n ? acl_given(&a, &n->u.acl, ACL_OF_ROLE, 0) : NULL;
        Err never;
        if (!d)
            continue;
        for (size_t k = 0; k < d->count; k++) {
            if (d->items[k].role == role)
                d->items[k].privileges = 0;
            if (d->items[k].grantor == role)
                d->items[k].grantor = ROLE_BOOTSTRAP;
        }
        acl_compact(d);
        must(put_acl(c, d, n->u.acl.version, 0, &never));
    }
    arena_free(&a);
}

static bool acl_names(const AclDef *d, ObjectId role)
{
    bool found = d->owner == role || (d->kind >= GRANT_DEFAULT_TABLES && d->sub == role);
    for (size_t i = 0; i < d->count && !found; i++)
        found = d->items[i].role == role || d->items[i].grantor == role;
    return found;
}

static bool drop_role(CatalogSnap *c, ObjectId id, Err *e)
{
    const CatNode *role = map_find(&c->roles, id);
    if (!role)
        return err_set(e, ERR_UNDEFINED_OBJECT, "role %u does not exist", id);
    drop_acl(c, GRANT_ROLE, id, 0);
    drop_memberships(c, id);
    map_seal(&c->acls);
    for (size_t i = 0; i < c->acls.count; i++)
        if (acl_names(&map_at(&c->acls, i)->u.acl, id))
            return err_set(e, ERR_DEPENDENT_OBJECTS,
                           "role \"%.*s\" cannot be dropped because some objects depend on it",
                           SLICE_ARG(role->name));
    drop_tokens(c, id);
    map_remove(&c->roles, id);
    return true;
}

/* Removes every node of m whose parent (or, for tables, database) is `of`. */
static void drop_children(CatMap *m, ObjectId of, bool tables)
{
    map_seal(m);
    Buf ids;
    buf_init(&ids);
    for (size_t i = 0; i < m->count; i++) {
        const CatNode *n = map_at(m, i);
        if ((tables ? n->u.table.database : n->parent) == of)
            buf_put_u32(&ids, n->id);
    }
    Reader r = reader_of(buf_slice(&ids));
    while (reader_left(&r))
        map_remove(m, reader_u32(&r));
    buf_free(&ids);
}

static bool drop_database(CatalogSnap *c, ObjectId id, Err *e)
{
    if (!map_find(&c->databases, id))
        return err_set(e, ERR_DATABASE_NAME, "database %u does not exist", id);
    drop_children(&c->tables, id, true);
    drop_children(&c->schemas, id, false);
    drop_children(&c->settings, id, false);
    drop_acl(c, GRANT_DATABASE, id, 0);
    map_remove(&c->databases, id);
    return true;
}

static void drop_schema_defaults(CatalogSnap *c, ObjectId schema)
{
    map_seal(&c->roles);
    for (size_t i = 0; i < c->roles.count; i++)
        for (GrantKind k = GRANT_DEFAULT_TABLES; k < GRANT_KINDS; k++)
            drop_acl(c, k, schema, map_at(&c->roles, i)->id);
}

static bool drop_schema(CatalogSnap *c, ObjectId id, Err *e)
{
    const CatNode *schema = map_find(&c->schemas, id);
    if (!schema)
        return err_set(e, ERR_SCHEMA_NAME, "schema %u does not exist", id);
    map_seal(&c->tables);
    for (size_t i = 0; i < c->tables.count; i++)
        if (map_at(&c->tables, i)->parent == id)
            return err_set(e, ERR_DEPENDENT_OBJECTS, "schema \"%.*s\" still has table \"%.*s\"",
                           SLICE_ARG(schema->name), SLICE_ARG(map_at(&c->tables, i)->name));
    drop_acl(c, GRANT_SCHEMA, id, 0);
    drop_schema_defaults(c, id);
    map_remove(&c->schemas, id);
    return true;
}

static bool drop_table(CatalogSnap *c, const CatEdit *edit, Err *e)
{
    const CatNode *old = map_find(&c->tables, edit->id);
    if (!old)
        return err_set(e, ERR_UNDEFINED_TABLE, "table %u does not exist", edit->id);
    if (edit->expect_version && edit->expect_version != old->u.table.version)
        return err_set(e, ERR_SERIALIZATION, "table \"%.*s\" was changed at the same time",
                       SLICE_ARG(old->name));
    drop_acl(c, GRANT_TABLE, edit->id, 0);
    for (ObjectId i = 1; i <= old->u.table.column_count; i++)
        drop_acl(c, GRANT_COLUMN, edit->id, i);
    map_remove(&c->tables, edit->id);
    return true;
}

static void took_id(CatalogSnap *c, ObjectId id)
{
    if (id >= c->next_id)
        c->next_id = id + 1;
}

static void took_ids(CatalogSnap *c, const TableDef *t)
{
    took_id(c, t->id);
    for (size_t i = 0; i < t->constraint_count; i++)
        took_id(c, t->constraints[i].id);
}

bool snap_put(CatalogSnap *c, const CatEdit *edit, uint32_t version, Err *e)
{
    switch (edit->op) {
    case CAT_PUT_DATABASE:
        took_id(c, edit->database->id);
        return put_database(c, edit->database, e);
    case CAT_DROP_DATABASE:
        return drop_database(c, edit->id, e);
    case CAT_PUT_SCHEMA:
        took_id(c, edit->schema->id);
        return put_schema(c, edit->schema, e);
    case CAT_DROP_SCHEMA:
        return drop_schema(c, edit->id, e);
    case CAT_PUT_TABLE:
        took_ids(c, edit->table);
        return put_table(c, edit, version, e);
    case CAT_DROP_TABLE:
        return drop_table(c, edit, e);
    case CAT_PUT_SETTING:
        return put_setting(c, edit, e);
    case CAT_PUT_ROLE:
        took_id(c, edit->role->id);
        return put_role(c, edit->role, e);
    case CAT_DROP_ROLE:
        return drop_role(c, edit->id, e);
    case CAT_PUT_GRANT:
        return put_grant(c, edit->grant, e);
    case CAT_ADVANCE:
        advance(c, edit);
        return true;
    case CAT_PUT_TOKEN:
        took_id(c, edit->token->id);
        return put_token(c, edit->token, e);
    case CAT_PUT_ACL:
        return put_acl(c, edit->acl, edit->expect_version, version, e);
    case CAT_DROP_TOKEN:
        return drop_token(c, edit->id, e);
    case CAT_OPS:
        break;
    }
    return err_set(e, ERR_DATA_CORRUPTED, "unknown catalog edit %d", edit->op);
}

void snap_seal(CatalogSnap *c)
{
    map_seal(&c->databases);
    map_seal(&c->schemas);
    map_seal(&c->tables);
    map_seal(&c->settings);
    map_seal(&c->roles);
    map_seal(&c->acls);
    map_seal(&c->tokens);
}

/* What a job has done so far: no plan depends on it. */
static bool is_job(const CatEdit *edit)
{
    Slice prefix = SLICE_LIT(CAT_JOB_PREFIX);
    return edit->op == CAT_PUT_SETTING && edit->setting.len > prefix.len &&
           memcmp(edit->setting.ptr, prefix.ptr, prefix.len) == 0;
}

bool cat_apply(CatalogSnap **out, const CatalogSnap *base, const CatEdit *edits, size_t n, Err *e)
{
    CatalogSnap *c = snap_new();
    c->version = base->version + 1;
    bool counters_only = true;
    c->next_id = base->next_id;
    c->next_setting = base->next_setting;
    c->next_acl = base->next_acl;
    map_copy(&c->databases, &base->databases);
    map_copy(&c->schemas, &base->schemas);
    map_copy(&c->tables, &base->tables);
    map_copy(&c->settings, &base->settings);
    map_copy(&c->roles, &base->roles);
    map_copy(&c->acls, &base->acls);
    map_copy(&c->tokens, &base->tokens);
    for (size_t i = 0; i < n; i++) {
        counters_only &= edits[i].op == CAT_ADVANCE || is_job(&edits[i]);
        if (!snap_put(c, &edits[i], 0, e)) {
            cat_unref(c);
            return false;
        }
    }
    snap_seal(c);
    if (counters_only)
        c->plan_version = base->plan_version;
    *out = c;
    return true;
}

CatalogSnap *cat_initial(void)
{
    enum { PG_SCHEMA_PUBLIC = 2200 }; /* PostgreSQL's oid, which clients know */
    const DatabaseDef database = {.id = OBJECT_ID_FIRST, .name = SLICE_LIT("skulk")};
    const SchemaDef schema = {
        .id = PG_SCHEMA_PUBLIC, .database = OBJECT_ID_FIRST, .name = SLICE_LIT("public")};
    const RoleDef role = {.id = ROLE_BOOTSTRAP,
                          .name = SLICE_LIT("skulk"),
                          .flags = ROLE_SUPERUSER | ROLE_INHERIT | ROLE_CREATEROLE | ROLE_CREATEDB |
                                   ROLE_LOGIN | ROLE_REPLICATION | ROLE_BYPASSRLS,
                          .connection_limit = -1,
                          .valid_until_us = INT64_MAX};
    const CatEdit edits[] = {{.op = CAT_PUT_DATABASE, .database = &database},
                             {.op = CAT_PUT_SCHEMA, .schema = &schema},
                             {.op = CAT_PUT_ROLE, .role = &role}};
    CatalogSnap *empty = snap_new(), *c = NULL;
    Err e;
    bool ok = cat_apply(&c, empty, edits, ARRAY_LEN(edits), &e);
    must(ok);
    cat_unref(empty);
    return c;
}
