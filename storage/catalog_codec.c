/* storage/catalog_codec.c - catalog edits and snapshots as bytes.
 *
 * Numbers are varints (signed ones zigzag), texts are varint length + bytes.
 *   edits    := format(6) count edit*
 *   edit     := op id expect_version body        body by op; drops have none
 *   database := id name ttl_ns standard              (the last two from format 5 on)
 *   schema   := id database name ttl_ns window_ns policy (the last three from format 5 on)
 *   setting  := name value                       (the database is the edit's id)
 *   role     := id name flags connection_limit valid_until_us password
 *   acl      := kind object sub owner given count item*                     (from format 6 on)
 *   item     := role grantor privileges grantable
 *   grant    := kind object role privileges grantable                       (up to format 5)
 *   token    := id role name created_us valid_until_us hash                   (from format 4 on)
 *   advance  := epoch counter used                   (the table is the edit's id)
 *   table    := id database schema name kind duplicates flags next_column time_index window_ns
 *               ttl_ns definition options comment extra key_count key* column_count column*
 *               counter counter_epoch counter_used constraint_count constraint*        (from format 3 on)
 *               size_max ttl_count ttl*                                                (from format 5 on)
 *   column   := id name label kind type_oid typmod phys flags default_sql comment(format 3)
 *   constraint := id type name text column_count column*
 *   ttl      := name condition keep_ns match_count match*
 *   match    := column kind value_count value*
 *   snapshot := format(6) version next_id databases schemas tables settings roles acls tokens
 *               (each: count entry*; tables and acls are preceded by their version, a setting by its database)
 * Decoding takes anything: counts are bounded by the bytes that are left, values by
 * table_def_check; what fails is DATA_CORRUPTED. */
#include "storage/catalog_private.h"

enum {
    CATALOG_FORMAT = 6,
    CATALOG_FORMAT_FIRST = 2, /* that is read */
    COLUMN_BYTES_MIN = 9,
    CONSTRAINT_BYTES_MIN = 5,
    TTL_BYTES_MIN = 4,
    MATCH_BYTES_MIN = 3,
    EDIT_BYTES_MIN = 3,
    ACL_ITEM_BYTES_MIN = 4
};
enum {
    TABLE_BY_INGEST = 1,
    TABLE_SCHEMA_FIXED = 2,
    TABLE_TTL_OWN = 4,
    TABLE_TTL_WALL = 8,
    COLUMN_NOT_NULL = 1,
    COLUMN_DROPPED = 2,
    COLUMN_ALWAYS = 4, /* identity */
    COLUMN_BY_DEFAULT = 8,
    COLUMN_KEYED = 16,
    COLUMN_CLUSTERS = 32
};

static void encode_column(Buf *out, const ColumnDef *c)
{
    buf_put_varint(out, c->id);
    buf_put_str(out, c->name);
    buf_put_str(out, c->label);
    buf_put_varint(out, c->kind);
    buf_put_varint(out, c->type_oid);
    buf_put_zigzag(out, c->typmod);
    buf_put_varint(out, c->phys);
    buf_put_varint(out, (c->not_null ? COLUMN_NOT_NULL : 0) | (c->dropped ? COLUMN_DROPPED : 0) |
                            (c->identity == 'a' ? COLUMN_ALWAYS : 0) |
                            (c->identity == 'd' ? COLUMN_BY_DEFAULT : 0) |
                            (c->keyed ? COLUMN_KEYED : 0) | (c->clusters ? COLUMN_CLUSTERS : 0));
    buf_put_str(out, c->default_sql);
    buf_put_str(out, c->comment);
}

static void decode_column(Reader *r, uint64_t format, ColumnDef *c)
{
    c->id = (ColumnId)reader_varint(r);
    c->name = reader_str(r);
    c->label = reader_str(r);
    c->kind = (ColumnKind)(reader_varint(r) & 0xff);
    c->type_oid = (uint32_t)reader_varint(r);
    c->typmod = (int32_t)reader_zigzag(r);
    c->phys = (PhysType)(reader_varint(r) & 0xff);
    uint64_t flags = reader_varint(r);
    c->not_null = flags & COLUMN_NOT_NULL;
    c->dropped = flags & COLUMN_DROPPED;
    c->identity = flags & COLUMN_ALWAYS ? 'a' : flags & COLUMN_BY_DEFAULT ? 'd' : 0;
    c->keyed = flags & COLUMN_KEYED;
    c->clusters = flags & COLUMN_CLUSTERS;
    c->default_sql = reader_str(r);
    if (format > 2)
        c->comment = reader_str(r);
}

static void encode_constraint(Buf *out, const ConstraintDef *c)
{
    buf_put_varint(out, c->id);
    buf_put_varint(out, c->type);
    buf_put_str(out, c->name);
    buf_put_str(out, c->text);
    buf_put_varint(out, c->column_count);
    for (size_t i = 0; i < c->column_count; i++)
        buf_put_zigzag(out, c->columns[i]);
}

static void encode_ttl(Buf *out, const TtlClass *c)
{
    buf_put_str(out, c->name);
    buf_put_str(out, c->condition);
    buf_put_zigzag(out, c->keep_ns);
    buf_put_varint(out, c->match_count);
    for (size_t i = 0; i < c->match_count; i++) {
        const TtlMatch *m = &c->matches[i];
        buf_put_varint(out, m->column);
        buf_put_varint(out, m->kind);
        buf_put_varint(out, m->value_count);
        for (size_t k = 0; k < m->value_count; k++)
            buf_put_str(out, m->values[k]);
    }
}

static void encode_table(Buf *out, const TableDef *t)
{
    buf_put_varint(out, t->id);
    buf_put_varint(out, t->database);
    buf_put_varint(out, t->schema);
    buf_put_str(out, t->name);
    buf_put_varint(out, t->kind);
    buf_put_varint(out, t->duplicates);
    buf_put_varint(out, (t->made_by_ingest ? TABLE_BY_INGEST : 0) |
                            (t->schema_fixed ? TABLE_SCHEMA_FIXED : 0) |
                            (t->ttl_own ? TABLE_TTL_OWN : 0) | (t->ttl_wall ? TABLE_TTL_WALL : 0));
    buf_put_varint(out, t->next_column);
    buf_put_zigzag(out, t->time_index);
    buf_put_zigzag(out, t->window_ns);
    buf_put_zigzag(out, t->ttl_ns);
    buf_put_str(out, t->definition);
    buf_put_str(out, t->options);
    buf_put_str(out, t->comment);
    buf_put_str(out, t->extra);
    buf_put_varint(out, t->key_count);
    for (size_t i = 0; i < t->key_count; i++)
        buf_put_zigzag(out, t->key[i]);
    buf_put_varint(out, t->column_count);
    for (size_t i = 0; i < t->column_count; i++)
        encode_column(out, &t->columns[i]);
    buf_put_zigzag(out, t->counter);
    buf_put_varint(out, t->counter_epoch);
    buf_put_varint(out, t->counter_used);
    buf_put_varint(out, t->constraint_count);
    for (size_t i = 0; i < t->constraint_count; i++)
        encode_constraint(out, &t->constraints[i]);
    buf_put_zigzag(out, t->size_max);
    buf_put_varint(out, t->ttl_count);
    for (size_t i = 0; i < t->ttl_count; i++)
        encode_ttl(out, &t->ttls[i]);
}

/* A count of things that take at least `each` bytes; 0 and bad if there cannot be so many. */
static size_t decode_count(Reader *r, size_t each, size_t max)
{
    uint64_t n = reader_varint(r);
    if (n > max || n > reader_left(r) / each) {
        r->bad = true;
        return 0;
    }
    return (size_t)n;
}

/* A list of column indexes behind its count. */
static const int16_t *decode_indexes(Arena *a, Reader *r, uint16_t *count)
{
    *count = (uint16_t)decode_count(r, 1, COLUMNS_MAX);
    int16_t *list = ARENA_ARRAY(a, int16_t, *count);
    for (size_t i = 0; i < *count; i++)
        list[i] = (int16_t)reader_zigzag(r);
    return list;
}

static void decode_constraints(Arena *a, Reader *r, TableDef *t)
{
    t->constraint_count = (uint16_t)decode_count(r, CONSTRAINT_BYTES_MIN, UINT16_MAX);
    t->constraints = ARENA_ARRAY(a, ConstraintDef, t->constraint_count);
    for (size_t i = 0; i < t->constraint_count; i++) {
        ConstraintDef *c = &t->constraints[i];
        c->id = (ObjectId)reader_varint(r);
        c->type = (ConstraintType)(reader_varint(r) & 0xff);
        c->name = reader_str(r);
        c->text = reader_str(r);
        c->columns = decode_indexes(a, r, &c->column_count);
    }
}

static const TtlMatch *decode_matches(Arena *a, Reader *r, uint16_t *count)
{
    *count = (uint16_t)decode_count(r, MATCH_BYTES_MIN, UINT16_MAX);
    TtlMatch *list = ARENA_ARRAY(a, TtlMatch, *count);
    for (size_t i = 0; i < *count; i++) {
        list[i].column = (ColumnId)reader_varint(r);
        list[i].kind = (TtlMatchKind)(reader_varint(r) & 0xff);
        list[i].value_count = (uint16_t)decode_count(r, 1, UINT16_MAX);
        Slice *values = ARENA_ARRAY(a, Slice, list[i].value_count);
        for (size_t k = 0; k < list[i].value_count; k++)
            values[k] = reader_str(r);
        list[i].values = values;
    }
    return list;
}

static void decode_ttls(Arena *a, Reader *r, TableDef *t)
{
    t->size_max = reader_zigzag(r);
    t->ttl_count = (uint16_t)decode_count(r, TTL_BYTES_MIN, UINT16_MAX);
    TtlClass *list = ARENA_ARRAY(a, TtlClass, t->ttl_count);
    for (size_t i = 0; i < t->ttl_count; i++) {
        list[i].name = reader_str(r);
        list[i].condition = reader_str(r);
        list[i].keep_ns = reader_zigzag(r);
        list[i].matches = decode_matches(a, r, &list[i].match_count);
    }
    t->ttls = list;
}

static TableDef *decode_table(Arena *a, Reader *r, uint64_t format)
{
    TableDef *t = ARENA_NEW(a, TableDef);
    t->id = (TableId)reader_varint(r);
    t->database = (ObjectId)reader_varint(r);
    t->schema = (ObjectId)reader_varint(r);
    t->name = reader_str(r);
    t->kind = (TableKind)(reader_varint(r) & 0xff);
    t->duplicates = (Duplicates)(reader_varint(r) & 0xff);
    uint64_t flags = reader_varint(r);
    t->made_by_ingest = flags & TABLE_BY_INGEST;
    t->schema_fixed = flags & TABLE_SCHEMA_FIXED;
    t->ttl_own = flags & TABLE_TTL_OWN;
    t->ttl_wall = flags & TABLE_TTL_WALL;
    t->next_column = (ColumnId)reader_varint(r);
    t->time_index = (int16_t)reader_zigzag(r);
    t->window_ns = reader_zigzag(r);
    t->ttl_ns = reader_zigzag(r);
    t->definition = reader_str(r);
    t->options = reader_str(r);
    t->comment = reader_str(r);
    t->extra = reader_str(r);
    t->key = decode_indexes(a, r, &t->key_count);
    t->column_count = (uint16_t)decode_count(r, COLUMN_BYTES_MIN, COLUMNS_MAX);
    t->columns = ARENA_ARRAY(a, ColumnDef, t->column_count);
    for (size_t i = 0; i < t->column_count; i++)
        decode_column(r, format, &t->columns[i]);
    if (format > 2) {
        t->counter = reader_zigzag(r);
        t->counter_epoch = (uint32_t)reader_varint(r);
        t->counter_used = reader_varint(r);
        decode_constraints(a, r, t);
    }
    if (format > 4)
        decode_ttls(a, r, t);
    return t;
}

static void encode_role(Buf *out, const RoleDef *r)
{
    buf_put_varint(out, r->id);
    buf_put_str(out, r->name);
    buf_put_varint(out, r->flags);
    buf_put_zigzag(out, r->connection_limit);
    buf_put_zigzag(out, r->valid_until_us);
    buf_put_str(out, r->password);
}

static const RoleDef *decode_role(Arena *a, Reader *r)
{
    RoleDef *d = ARENA_NEW(a, RoleDef);
    d->id = (ObjectId)reader_varint(r);
    d->name = reader_str(r);
    d->flags = (uint32_t)reader_varint(r);
    d->connection_limit = (int32_t)reader_zigzag(r);
    d->valid_until_us = reader_zigzag(r);
    d->password = reader_str(r);
    return d;
}

static const GrantDef *decode_grant(Arena *a, Reader *r)
{
    GrantDef *d = ARENA_NEW(a, GrantDef);
    d->kind = (GrantKind)(reader_varint(r) & 0xff);
    d->object = (ObjectId)reader_varint(r);
    d->role = (ObjectId)reader_varint(r);
    d->privileges = (uint32_t)reader_varint(r);
    d->grantable = (uint32_t)reader_varint(r);
    return d;
}

static void encode_acl(Buf *out, const AclDef *d)
{
    buf_put_varint(out, d->kind);
    buf_put_varint(out, d->object);
    buf_put_varint(out, d->sub);
    buf_put_varint(out, d->owner);
    buf_put_varint(out, d->given);
    buf_put_varint(out, d->count);
    for (size_t i = 0; i < d->count; i++) {
        buf_put_varint(out, d->items[i].role);
        buf_put_varint(out, d->items[i].grantor);
        buf_put_varint(out, d->items[i].privileges);
        buf_put_varint(out, d->items[i].grantable);
    }
}

static const AclDef *decode_acl(Arena *a, Reader *r)
{
    AclDef *d = ARENA_NEW(a, AclDef);
    d->kind = (GrantKind)(reader_varint(r) & 0xff);
    d->object = (ObjectId)reader_varint(r);
    d->sub = (ObjectId)reader_varint(r);
    d->owner = (ObjectId)reader_varint(r);
    d->given = reader_varint(r);
    d->count = decode_count(r, ACL_ITEM_BYTES_MIN, SIZE_MAX);
    d->items = ARENA_ARRAY(a, AclItem, d->count + 1);
    for (size_t i = 0; i < d->count; i++) {
        d->items[i].role = (ObjectId)reader_varint(r);
        d->items[i].grantor = (ObjectId)reader_varint(r);
        d->items[i].privileges = (uint32_t)reader_varint(r);
        d->items[i].grantable = (uint32_t)reader_varint(r);
    }
    return d;
}

static void encode_token(Buf *out, const TokenDef *t)
{
    buf_put_varint(out, t->id);
    buf_put_varint(out, t->role);
    buf_put_str(out, t->name);
    buf_put_zigzag(out, t->created_us);
    buf_put_zigzag(out, t->valid_until_us);
    buf_put_str(out, t->hash);
}

static const TokenDef *decode_token(Arena *a, Reader *r)
{
    TokenDef *d = ARENA_NEW(a, TokenDef);
    d->id = (ObjectId)reader_varint(r);
    d->role = (ObjectId)reader_varint(r);
    d->name = reader_str(r);
    d->created_us = reader_zigzag(r);
    d->valid_until_us = reader_zigzag(r);
    d->hash = reader_str(r);
    return d;
}

static void encode_database(Buf *out, const DatabaseDef *d)
{
    buf_put_varint(out, d->id);
    buf_put_str(out, d->name);
    buf_put_zigzag(out, d->ttl_ns);
    buf_put_varint(out, d->standard);
}

static void encode_schema(Buf *out, const SchemaDef *s)
{
    buf_put_varint(out, s->id);
    buf_put_varint(out, s->database);
    buf_put_str(out, s->name);
    buf_put_zigzag(out, s->ttl_ns);
    buf_put_zigzag(out, s->window_ns);
    buf_put_varint(out, s->policy);
}

static void encode_edit(Buf *out, const CatEdit *edit)
{
    buf_put_varint(out, edit->op);
    buf_put_varint(out, edit->id);
    buf_put_varint(out, edit->expect_version);
    switch (edit->op) {
    case CAT_PUT_DATABASE:
        encode_database(out, edit->database);
        break;
    case CAT_PUT_SCHEMA:
        encode_schema(out, edit->schema);
        break;
    case CAT_PUT_TABLE:
        encode_table(out, edit->table);
        break;
    case CAT_PUT_SETTING:
        buf_put_str(out, edit->setting);
        buf_put_str(out, edit->value);
        break;
    case CAT_PUT_ROLE:
        encode_role(out, edit->role);
        break;
    case CAT_PUT_ACL:
        encode_acl(out, edit->acl);
        break;
    case CAT_ADVANCE:
        buf_put_varint(out, edit->epoch);
        buf_put_zigzag(out, edit->counter);
        buf_put_varint(out, edit->counter_used);
        break;
    case CAT_PUT_TOKEN:
        encode_token(out, edit->token);
        break;
    case CAT_DROP_DATABASE:
    case CAT_DROP_SCHEMA:
    case CAT_DROP_TABLE:
    case CAT_DROP_ROLE:
    case CAT_DROP_TOKEN:
    case CAT_PUT_GRANT:
    case CAT_OPS:
        break;
    }
}

void cat_encode_edits(Buf *out, const CatEdit *edits, size_t n)
{
    buf_put_varint(out, CATALOG_FORMAT);
    buf_put_varint(out, n);
    for (size_t i = 0; i < n; i++)
        encode_edit(out, &edits[i]);
}

static const DatabaseDef *decode_database(Arena *a, Reader *r, uint64_t format)
{
    DatabaseDef *d = ARENA_NEW(a, DatabaseDef);
    d->id = (ObjectId)reader_varint(r);
    d->name = reader_str(r);
    if (format > 4) {
        d->ttl_ns = reader_zigzag(r);
        d->standard = (ObjectId)reader_varint(r);
    }
    return d;
}

static const SchemaDef *decode_schema(Arena *a, Reader *r, uint64_t format)
{
    SchemaDef *s = ARENA_NEW(a, SchemaDef);
    s->id = (ObjectId)reader_varint(r);
    s->database = (ObjectId)reader_varint(r);
    s->name = reader_str(r);
    if (format > 4) {
        s->ttl_ns = reader_zigzag(r);
        s->window_ns = reader_zigzag(r);
        s->policy = reader_varint(r);
    }
    return s;
}

static void decode_edit(Arena *a, Reader *r, uint64_t format, CatEdit *edit)
{
    uint64_t op = reader_varint(r);
    edit->id = (ObjectId)reader_varint(r);
    edit->expect_version = (uint32_t)reader_varint(r);
    if (op < CAT_PUT_DATABASE || op >= CAT_OPS) {
        r->bad = true;
        return;
    }
    edit->op = (CatOp)op;
    if (op == CAT_PUT_DATABASE) {
        edit->database = decode_database(a, r, format);
    } else if (op == CAT_PUT_SCHEMA) {
        edit->schema = decode_schema(a, r, format);
    } else if (op == CAT_PUT_TABLE) {
        edit->table = decode_table(a, r, format);
    } else if (op == CAT_PUT_SETTING) {
        edit->setting = reader_str(r);
        edit->value = reader_str(r);
    } else if (op == CAT_PUT_ROLE) {
        edit->role = decode_role(a, r);
    } else if (op == CAT_PUT_GRANT) {
        edit->grant = decode_grant(a, r);
    } else if (op == CAT_PUT_ACL) {
        edit->acl = decode_acl(a, r);
    } else if (op == CAT_PUT_TOKEN) {
        edit->token = decode_token(a, r);
    } else if (op == CAT_ADVANCE) {
        edit->epoch = (uint32_t)reader_varint(r);
        edit->counter = reader_zigzag(r);
        edit->counter_used = reader_varint(r);
    }
}

bool cat_decode_edits(Arena *a, Slice src, CatEdit **edits, size_t *n, Err *e)
{
    Reader r = reader_of(src);
    uint64_t format = reader_varint(&r);
    if (format < CATALOG_FORMAT_FIRST || format > CATALOG_FORMAT)
        return err_set(e, ERR_DATA_CORRUPTED, "catalog edits are of an unknown format");
    size_t count = decode_count(&r, EDIT_BYTES_MIN, SIZE_MAX);
    CatEdit *list = ARENA_ARRAY(a, CatEdit, count);
    for (size_t i = 0; i < count && !r.bad; i++)
        decode_edit(a, &r, format, &list[i]);
    if (r.bad || reader_left(&r))
        return err_set(e, ERR_DATA_CORRUPTED, "catalog edits of %zu bytes cannot be read", src.len);
    for (size_t i = 0; i < count; i++)
        if (list[i].op == CAT_PUT_TABLE && !table_def_check(list[i].table, e)) {
            e->code = ERR_DATA_CORRUPTED;
            return err_wrap(e, "catalog edit");
        }
    *edits = list;
    *n = count;
    return true;
}

void cat_encode_snapshot(Buf *out, const CatalogSnap *c)
{
    buf_put_varint(out, CATALOG_FORMAT);
    buf_put_varint(out, c->version);
    buf_put_varint(out, c->next_id);
    buf_put_varint(out, c->databases.count);
    for (size_t i = 0; i < c->databases.count; i++)
        encode_database(out, cat_database_at(c, i));
    buf_put_varint(out, c->schemas.count);
    for (size_t i = 0; i < c->schemas.count; i++)
        encode_schema(out, cat_schema_at(c, i));
    buf_put_varint(out, c->tables.count);
    for (size_t i = 0; i < c->tables.count; i++) {
        buf_put_varint(out, cat_table_at(c, i)->version);
        encode_table(out, cat_table_at(c, i));
    }
    buf_put_varint(out, c->settings.count);
    for (size_t i = 0; i < c->settings.count; i++) {
        const CatSetting *s = &map_at(&c->settings, i)->u.setting;
        buf_put_varint(out, s->database);
        buf_put_str(out, s->name);
        buf_put_str(out, s->value);
    }
    buf_put_varint(out, c->roles.count);
    for (size_t i = 0; i < c->roles.count; i++)
        encode_role(out, cat_role_at(c, i));
    buf_put_varint(out, c->acls.count);
    for (size_t i = 0; i < c->acls.count; i++) {
        buf_put_varint(out, cat_acl_at(c, i)->version);
        encode_acl(out, cat_acl_at(c, i));
    }
    buf_put_varint(out, c->tokens.count);
    for (size_t i = 0; i < c->tokens.count; i++)
        encode_token(out, cat_token_at(c, i));
}

/* One section of a snapshot: entries of `op` until its count is done. */
static bool decode_section(CatalogSnap *c, Reader *r, uint64_t format, CatOp op, Err *e)
{
    size_t count = decode_count(r, 2, SIZE_MAX);
    Arena a;
    arena_init(&a, NULL);
    bool ok = true;
    for (size_t i = 0; ok && i < count && !r->bad; i++) {
        CatEdit edit = {.op = op};
        uint32_t version = 0;
        if (op == CAT_PUT_DATABASE) {
            edit.database = decode_database(&a, r, format);
        } else if (op == CAT_PUT_SCHEMA) {
            edit.schema = decode_schema(&a, r, format);
        } else if (op == CAT_PUT_TABLE) {
            version = (uint32_t)reader_varint(r);
            edit.table = decode_table(&a, r, format);
            r->bad |= !version;
        } else if (op == CAT_PUT_ROLE) {
            edit.role = decode_role(&a, r);
        } else if (op == CAT_PUT_GRANT) {
            edit.grant = decode_grant(&a, r);
        } else if (op == CAT_PUT_ACL) {
            version = (uint32_t)reader_varint(r);
            edit.acl = decode_acl(&a, r);
            r->bad |= !version;
        } else if (op == CAT_PUT_TOKEN) {
            edit.token = decode_token(&a, r);
        } else {
            edit.id = (ObjectId)reader_varint(r);
            edit.setting = reader_str(r);
            edit.value = reader_str(r);
        }
        if (!r->bad)
            ok = snap_put(c, &edit, version, e);
        arena_reset(&a);
    }
    arena_free(&a);
    return ok;
}

bool cat_decode_snapshot(CatalogSnap **out, Slice src, Err *e)
{
    const CatOp sections[] = {CAT_PUT_DATABASE, CAT_PUT_SCHEMA, CAT_PUT_TABLE, CAT_PUT_SETTING,
                              CAT_PUT_ROLE,     CAT_OPS,        CAT_PUT_TOKEN};
    Reader r = reader_of(src);
    uint64_t format = reader_varint(&r);
    if (format < CATALOG_FORMAT_FIRST || format > CATALOG_FORMAT)
        return err_set(e, ERR_DATA_CORRUPTED, "catalog snapshot is of an unknown format");
    CatalogSnap *c = snap_new();
    c->version = reader_varint(&r);
    ObjectId next_id = (ObjectId)reader_varint(&r);
    size_t count = format > 3 ? ARRAY_LEN(sections) : ARRAY_LEN(sections) - 1; /* no tokens */
    for (size_t i = 0; i < count; i++) {
        CatOp rights = format > 5 ? CAT_PUT_ACL : CAT_PUT_GRANT;
        if (!decode_section(c, &r, format, sections[i] == CAT_OPS ? rights : sections[i], e)) {
            e->code = ERR_DATA_CORRUPTED;
            cat_unref(c);
            return err_wrap(e, "catalog snapshot");
        }
    }
    if (next_id > c->next_id)
        c->next_id = next_id;
    snap_seal(c);
    if (r.bad || reader_left(&r)) {
        cat_unref(c);
        return err_set(e, ERR_DATA_CORRUPTED, "catalog snapshot of %zu bytes cannot be read",
                       src.len);
    }
    *out = c;
    return true;
}
