/* tests/unit/test_catalog.c - edits and their versions, lookups, many tables, bytes. */
#include "storage/acl.h"
#include "storage/catalog.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static Arena arena;

static Slice text(const char *fmt, unsigned i)
{
    return arena_printf(&arena, fmt, i);
}

/* A table with a time column, one tag and n fields. */
static TableDef *make_table(ObjectId id, Slice name, unsigned fields)
{
    TableDef *t = ARENA_NEW(&arena, TableDef);
    *t = (TableDef){.id = id,
                    .database = OBJECT_ID_FIRST,
                    .schema = 2200,
                    .name = name,
                    .kind = TABLE_SERIES,
                    .duplicates = DUP_LAST};
    t->column_count = (uint16_t)(fields + 2);
    t->columns = ARENA_ARRAY(&arena, ColumnDef, t->column_count);
    t->columns[0] = (ColumnDef){.id = COLUMN_TIME,
                                .name = SLICE_LIT("time"),
                                .kind = COL_TIME,
                                .type_oid = 1184,
                                .typmod = -1,
                                .phys = PHYS_I64,
                                .not_null = true};
    t->columns[1] = (ColumnDef){.id = 1,
                                .name = SLICE_LIT("label_host"),
                                .label = SLICE_LIT("host"),
                                .kind = COL_TAG,
                                .type_oid = 25,
                                .typmod = -1,
                                .phys = PHYS_STR};
    for (unsigned i = 0; i < fields; i++)
        t->columns[2 + i] = (ColumnDef){.id = (ColumnId)(2 + i),
                                        .name = text("f%u", i),
                                        .kind = COL_FIELD,
                                        .type_oid = 701,
                                        .typmod = -1,
                                        .phys = PHYS_F64};
    t->next_column = (ColumnId)(2 + fields);
    return t;
}

static CatalogSnap *apply(CatalogSnap *take_base, const CatEdit *edits, size_t n)
{
    CatalogSnap *next = NULL;
    Err e;
    ck_assert_msg(cat_apply(&next, take_base, edits, n, &e), "%s", e.message);
    cat_unref(take_base);
    return next;
}

static ErrCode refused(const CatalogSnap *c, CatEdit edit)
{
    CatalogSnap *next = NULL;
    Err e;
    ck_assert(!cat_apply(&next, c, &edit, 1, &e));
    ck_assert_ptr_null(next);
    return e.code;
}

START_TEST(initial)
{
    CatalogSnap *c = cat_initial();
    const DatabaseDef *d = cat_database(c, SLICE_LIT("skulk"));
    ck_assert_ptr_nonnull(d);
    ck_assert_uint_eq(d->id, 16384);
    const SchemaDef *s = cat_schema(c, d->id, SLICE_LIT("public"));
    ck_assert_ptr_nonnull(s);
    ck_assert_uint_eq(s->id, 2200);
    ck_assert_uint_eq(cat_next_id(c), 16385);
    ck_assert_ptr_null(cat_schema(c, 1, SLICE_LIT("public")));
    cat_unref(c);
}
END_TEST

START_TEST(versions)
{
    CatalogSnap *c = cat_initial(), *old;
    TableDef *t = make_table(16385, SLICE_LIT("cpu"), 2);
    CatEdit put = {.op = CAT_PUT_TABLE, .table = t};
    c = apply(c, &put, 1);
    ck_assert_uint_eq(cat_table_by_id(c, 16385)->version, 1);
    ck_assert_uint_eq(cat_next_id(c), 16386);
    ck_assert_int_eq(refused(c, put), ERR_SERIALIZATION); /* not new any more */
    put.expect_version = 1;
    t = table_def_copy(&arena, cat_table_by_id(c, 16385));
    t->name = SLICE_LIT("cpu2");
    put.table = t;
    old = cat_ref(c);
    c = apply(c, &put, 1);
    ck_assert_ptr_null(cat_table(c, 2200, SLICE_LIT("cpu")));
    ck_assert_uint_eq(cat_table(c, 2200, SLICE_LIT("cpu2"))->version, 2);
    ck_assert_uint_eq(cat_table(old, 2200, SLICE_LIT("cpu"))->version,
                      1); /* the old snapshot stays */
    ck_assert_uint_gt(cat_version(c), cat_version(old));
    cat_unref(old);
    CatEdit other = {.op = CAT_PUT_TABLE, .table = make_table(16386, SLICE_LIT("cpu2"), 1)};
    ck_assert_int_eq(refused(c, other), ERR_DUPLICATE_TABLE);
    ck_assert_int_eq(refused(c, (CatEdit){.op = CAT_DROP_TABLE, .id = 16385, .expect_version = 1}),
                     ERR_SERIALIZATION);
    ck_assert_int_eq(refused(c, (CatEdit){.op = CAT_DROP_TABLE, .id = 99}), ERR_UNDEFINED_TABLE);
    ck_assert_int_eq(refused(c, (CatEdit){.op = CAT_DROP_SCHEMA, .id = 2200}),
                     ERR_DEPENDENT_OBJECTS);
    c = apply(c, &(CatEdit){.op = CAT_DROP_TABLE, .id = 16385, .expect_version = 2}, 1);
    ck_assert_uint_eq(cat_table_count(c), 0);
    cat_unref(c);
}
END_TEST

START_TEST(all_or_nothing)
{
    CatalogSnap *c = cat_initial(), *next = NULL;
    Err e;
    CatEdit edits[] = {{.op = CAT_PUT_TABLE, .table = make_table(20000, SLICE_LIT("a"), 1)},
                       {.op = CAT_PUT_TABLE, .table = make_table(20001, SLICE_LIT("a"), 1)}};
    ck_assert(!cat_apply(&next, c, edits, 2, &e));
    ck_assert_int_eq(e.code, ERR_DUPLICATE_TABLE);
    ck_assert_uint_eq(cat_table_count(c), 0);
    cat_unref(c);
}
END_TEST

START_TEST(bad_tables)
{
    CatalogSnap *c = cat_initial();
    TableDef *t = make_table(17000, SLICE_LIT("t"), 2);
    t->columns[3].name = t->columns[2].name;
    CatEdit put = {.op = CAT_PUT_TABLE, .table = t};
    ck_assert_int_eq(refused(c, put), ERR_DUPLICATE_COLUMN);
    t->columns[2].dropped = true; /* a dropped column's name is free */
    c = apply(c, &put, 1);
    t = make_table(17001, SLICE_LIT("u"), COLUMNS_MAX);
    put.table = t;
    ck_assert_int_eq(refused(c, put), ERR_TOO_MANY_COLUMNS);
    t->column_count = 2;
    t->columns[1].id = 40000;
    ck_assert_int_eq(refused(c, put), ERR_INVALID_TABLE_DEFINITION);
    char name[300];
    memset(name, 'x', sizeof name);
    put.table = make_table(17001, slice_of(name, 256), 1);
    ck_assert_int_eq(refused(c, put), ERR_NAME_TOO_LONG);
    put.table = make_table(17001, slice_of(name, 255), 1);
    c = apply(c, &put, 1);
    cat_unref(c);
}
END_TEST

START_TEST(columns)
{
    for (unsigned fields = 0; fields <= 1598; fields = fields * 3 + 1) {
        CatalogSnap *c = cat_initial();
        CatEdit put = {.op = CAT_PUT_TABLE, .table = make_table(18000, SLICE_LIT("wide"), fields)};
        c = apply(c, &put, 1);
        const TableDef *t = cat_table_by_id(c, 18000);
        for (unsigned i = 0; i < t->column_count; i++) {
            ck_assert_ptr_eq(table_column(t, t->columns[i].name), &t->columns[i]);
            ck_assert_ptr_eq(table_column_by_id(t, t->columns[i].id), &t->columns[i]);
        }
        ck_assert_ptr_eq(table_column_by_label(t, SLICE_LIT("host"), COL_TAG), &t->columns[1]);
        ck_assert_ptr_null(table_column_by_label(t, SLICE_LIT("label_host"), COL_TAG));
        ck_assert_ptr_null(table_column_by_label(t, SLICE_LIT("host"), COL_FIELD));
        ck_assert_ptr_null(table_column(t, SLICE_LIT("host")));
        ck_assert_ptr_null(table_column_by_id(t, 50000));
        if (fields)
            ck_assert_ptr_eq(table_column_by_label(t, SLICE_LIT("f0"), COL_FIELD), &t->columns[2]);
        /* a copy by value that is edited must not answer from the hash */
        TableDef edited = *t;
        edited.columns = mem_dup(t->columns, t->column_count * sizeof(ColumnDef));
        edited.columns[1].name = SLICE_LIT("renamed");
        ck_assert_ptr_eq(table_column(&edited, SLICE_LIT("renamed")), &edited.columns[1]);
        mem_free(edited.columns);
        cat_unref(c);
    }
}
END_TEST

START_TEST(many_tables)
{
    enum { TABLES = 20000, BATCH = 500 };
    CatalogSnap *c = cat_initial();
    for (unsigned i = 0; i < TABLES; i += BATCH) {
        CatEdit edits[BATCH];
        for (unsigned k = 0; k < BATCH; k++)
            edits[k] = (CatEdit){.op = CAT_PUT_TABLE,
                                 .table = make_table(30000 + i + k, text("m%u", i + k), 1)};
        c = apply(c, edits, BATCH);
    }
    ck_assert_uint_eq(cat_table_count(c), TABLES);
    for (unsigned i = 0; i < 2000; i++) { /* one by one as well */
        CatEdit drop = {.op = CAT_DROP_TABLE, .id = 30000 + i * 7};
        c = apply(c, &drop, 1);
    }
    CatEdit back = {.op = CAT_PUT_TABLE,
                    .table = make_table(30000 + 7, text("m%u", 7), 1)}; /* into the middle */
    c = apply(c, &back, 1);
    ck_assert_uint_eq(cat_table_count(c), TABLES - 2000 + 1);
    ObjectId last = 0;
    for (size_t i = 0; i < cat_table_count(c); i++) {
        const TableDef *t = cat_table_at(c, i);
        ck_assert_uint_gt(t->id, last);
        last = t->id;
        ck_assert_ptr_eq(cat_table(c, 2200, t->name), t);
        ck_assert_ptr_eq(cat_table_by_id(c, t->id), t);
    }
    ck_assert_ptr_null(cat_table(c, 2200, SLICE_LIT("m0")));
    ck_assert_ptr_nonnull(cat_table(c, 2200, SLICE_LIT("m1")));
    Buf bytes;
    buf_init(&bytes);
    cat_encode_snapshot(&bytes, c);
    CatalogSnap *read;
    Err e;
    ck_assert_msg(cat_decode_snapshot(&read, buf_slice(&bytes), &e), "%s", e.message);
    ck_assert_uint_eq(cat_table_count(read), cat_table_count(c));
    buf_free(&bytes);
    cat_unref(read);
    cat_unref(c);
}
END_TEST

START_TEST(databases)
{
    CatalogSnap *c = cat_initial();
    const DatabaseDef db = {.id = 16390, .name = SLICE_LIT("other")};
    const SchemaDef schema = {.id = 16391, .database = 16390, .name = SLICE_LIT("public")};
    TableDef *t = make_table(16392, SLICE_LIT("cpu"), 1);
    t->database = 16390;
    t->schema = 16391;
    CatEdit edits[] = {
        {.op = CAT_PUT_DATABASE, .database = &db},
        {.op = CAT_PUT_SCHEMA, .schema = &schema},
        {.op = CAT_PUT_TABLE, .table = t},
        {.op = CAT_PUT_SETTING, .id = 16390, .setting = SLICE_LIT("a.b"), .value = SLICE_LIT("1")}};
    c = apply(c, edits, 4);
    Slice value;
    ck_assert(cat_setting(c, 16390, SLICE_LIT("a.b"), &value));
    ck_assert(slice_eq_cstr(value, "1"));
    ck_assert(!cat_setting(c, 16384, SLICE_LIT("a.b"), &value));
    edits[3].value = SLICE_LIT("2");
    c = apply(c, edits + 3, 1);
    ck_assert(cat_setting(c, 16390, SLICE_LIT("a.b"), &value) && slice_eq_cstr(value, "2"));
    ck_assert_uint_eq(cat_setting_count(c), 1);
    ck_assert_int_eq(
        refused(c, (CatEdit){.op = CAT_PUT_DATABASE,
                             .database = &(DatabaseDef){.id = 16399, .name = db.name}}),
        ERR_DUPLICATE_DATABASE);
    c = apply(c, &(CatEdit){.op = CAT_DROP_DATABASE, .id = 16390}, 1);
    ck_assert_uint_eq(cat_database_count(c), 1);
    ck_assert_uint_eq(cat_schema_count(c), 1);
    ck_assert_uint_eq(cat_table_count(c), 0);
    ck_assert_uint_eq(cat_setting_count(c), 0);
    cat_unref(c);
}
END_TEST

static const Slice tag_values[] = {SLICE_LIT("a"), SLICE_LIT("")};
static const TtlMatch ttl_matches[] = {
    {.column = 1, .kind = TTL_NOT_IN, .values = tag_values, .value_count = 2},
    {.column = 1, .kind = TTL_REGEX, .values = tag_values, .value_count = 1}};
static const TtlClass ttls[] = {{.name = SLICE_LIT("short"),
                                 .condition = SLICE_LIT("host <> 'a'"),
                                 .keep_ns = 5,
                                 .matches = ttl_matches,
                                 .match_count = 2},
                                {.name = SLICE_LIT("all"), .keep_ns = INT64_MAX}};

static CatalogSnap *rich(void)
{
    static const int16_t key[] = {0, 2};
    TableDef *t = make_table(16400, SLICE_LIT("rich"), 12);
    t->key = key;
    t->key_count = 2;
    t->time_index = 0;
    t->window_ns = -5;
    t->ttl_ns = INT64_MAX;
    t->ttl_own = t->ttl_wall = true;
    t->size_max = 1 << 20;
    t->ttls = ttls;
    t->ttl_count = 2;
    t->comment = SLICE_LIT("a comment");
    t->options = SLICE_LIT("k=v\n");
    t->extra = SLICE_LIT("\0\1\2");
    t->schema_fixed = true;
    t->columns[5].default_sql = SLICE_LIT("now()");
    t->columns[6].dropped = true;
    CatEdit edits[] = {
        {.op = CAT_PUT_TABLE, .table = t},
        {.op = CAT_PUT_SETTING, .id = 16384, .setting = SLICE_LIT("x"), .value = SLICE_LIT("y")}};
    return apply(cat_initial(), edits, 2);
}

/* A table's own TTL, else its schema's, else its database's. */
START_TEST(ttl_is_inherited)
{
    DatabaseDef db = {.id = OBJECT_ID_FIRST, .name = SLICE_LIT("skulk"), .ttl_ns = 10};
    SchemaDef public = {.id = 2200, .database = OBJECT_ID_FIRST, .name = SLICE_LIT("public")};
    TableDef *own = make_table(16400, SLICE_LIT("own"), 1);
    own->ttl_ns = 7;
    own->ttl_own = true;
    CatEdit edits[] = {{.op = CAT_PUT_TABLE, .table = own},
                       {.op = CAT_PUT_TABLE, .table = make_table(16401, SLICE_LIT("heir"), 1)},
                       {.op = CAT_PUT_DATABASE, .database = &db}};
    CatalogSnap *c = apply(cat_initial(), edits, 3);
    ck_assert_int_eq(cat_table_by_id(c, 16400)->ttl_ns, 7);
    ck_assert_int_eq(cat_table_by_id(c, 16401)->ttl_ns, 10);
    ck_assert_uint_eq(cat_table_by_id(c, 16401)->version, 1);
    public.ttl_ns = 20;
    CatEdit put = {.op = CAT_PUT_SCHEMA, .schema = &public};
    c = apply(c, &put, 1);
    ck_assert_int_eq(cat_table_by_id(c, 16401)->ttl_ns, 20);
    public.ttl_ns = TTL_FOREVER;
    c = apply(c, &put, 1);
    ck_assert_int_eq(cat_table_by_id(c, 16400)->ttl_ns, 7);
    ck_assert_int_eq(cat_table_by_id(c, 16401)->ttl_ns, 0);
    put = (CatEdit){.op = CAT_PUT_TABLE, .table = make_table(16402, SLICE_LIT("late"), 1)};
    public.ttl_ns = 0;
    CatEdit again = {.op = CAT_PUT_SCHEMA, .schema = &public};
    c = apply(c, &again, 1);
    c = apply(c, &put, 1);
    ck_assert_int_eq(cat_table_by_id(c, 16402)->ttl_ns, 10);
    Buf b;
    buf_init(&b);
    cat_encode_snapshot(&b, c);
    CatalogSnap *back;
    Err e;
    ck_assert_msg(cat_decode_snapshot(&back, buf_slice(&b), &e), "%s", e.message);
    ck_assert_int_eq(cat_table_by_id(back, 16400)->ttl_ns, 7);
    ck_assert_int_eq(cat_table_by_id(back, 16402)->ttl_ns, 10);
    ck_assert_int_eq(cat_database_by_id(back, OBJECT_ID_FIRST)->ttl_ns, 10);
    buf_free(&b);
    cat_unref(back);
    cat_unref(c);
}
END_TEST

static const RoleDef reader = {.id = 16500,
                               .name = SLICE_LIT("reader"),
                               .flags = ROLE_LOGIN,
                               .connection_limit = -1,
                               .valid_until_us = INT64_MAX,
                               .password = SLICE_LIT("SCRAM-SHA-256$...")};
static AclItem may_read_items[] = {{16500, ROLE_BOOTSTRAP, 5, 1}, {0, ROLE_BOOTSTRAP, 1, 0}};
static const AclDef may_read = {.kind = GRANT_TABLE,
                                .object = 16400,
                                .owner = ROLE_BOOTSTRAP,
                                .given = true,
                                .items = may_read_items,
                                .count = 2};
static const TokenDef token = {16600, 16500,     SLICE_LIT("feed"),
                               7,     INT64_MAX, SLICE_LIT("hash with \0 in it")};

START_TEST(edits_roundtrip)
{
    CatalogSnap *c = rich();
    const TableDef *t = cat_table_by_id(c, 16400);
    const DatabaseDef db = {.id = 16390, .name = SLICE_LIT("other")};
    const SchemaDef schema = {.id = 16391, .database = 16390, .name = SLICE_LIT("s")};
    CatEdit edits[] = {
        {.op = CAT_PUT_DATABASE, .database = &db},
        {.op = CAT_PUT_SCHEMA, .schema = &schema},
        {.op = CAT_PUT_TABLE, .table = t, .expect_version = 1},
        {.op = CAT_PUT_SETTING, .id = 16384, .setting = SLICE_LIT("p"), .value = SLICE_LIT("q")},
        {.op = CAT_DROP_TABLE, .id = 16400, .expect_version = 2},
        {.op = CAT_PUT_ROLE, .role = &reader},
        {.op = CAT_PUT_ACL, .acl = &may_read},
        {.op = CAT_PUT_TOKEN, .token = &token},
        {.op = CAT_DROP_TOKEN, .id = 16600},
        {.op = CAT_DROP_ROLE, .id = 16500}};
    Buf bytes, again;
    buf_init(&bytes);
    buf_init(&again);
    cat_encode_edits(&bytes, edits, ARRAY_LEN(edits));
    CatEdit *read;
    size_t n;
    Err e;
    ck_assert_msg(cat_decode_edits(&arena, buf_slice(&bytes), &read, &n, &e), "%s", e.message);
    ck_assert_uint_eq(n, ARRAY_LEN(edits));
    ck_assert_uint_eq(read[2].table->columns[5].default_sql.len, 5);
    cat_encode_edits(&again, read, n);
    ck_assert(slice_eq(buf_slice(&bytes), buf_slice(&again)));
    ck_assert_int_eq(read[5].role->valid_until_us, INT64_MAX);
    c = apply(c, read, n - 1);
    ck_assert_uint_eq(cat_table_count(c), 0);
    for (size_t len = 0; len < bytes.len; len++) { /* every truncation, of exact size */
        char *cut = mem_dup(bytes.ptr, len + 1);
        ck_assert(!cat_decode_edits(&arena, slice_of(cut, len), &read, &n, &e));
        mem_free(cut);
    }
    cat_unref(c);
    buf_free(&bytes);
    buf_free(&again);
}
END_TEST

START_TEST(snapshot_roundtrip)
{
    const CatEdit edits[] = {{.op = CAT_PUT_ROLE, .role = &reader},
                             {.op = CAT_PUT_ACL, .acl = &may_read},
                             {.op = CAT_PUT_TOKEN, .token = &token}};
    CatalogSnap *c = apply(rich(), edits, ARRAY_LEN(edits)), *read = NULL;
    Buf bytes, again;
    Err e;
    buf_init(&bytes);
    buf_init(&again);
    cat_encode_snapshot(&bytes, c);
    ck_assert_msg(cat_decode_snapshot(&read, buf_slice(&bytes), &e), "%s", e.message);
    cat_encode_snapshot(&again, read);
    ck_assert(slice_eq(buf_slice(&bytes), buf_slice(&again)));
    ck_assert_uint_eq(cat_version(read), cat_version(c));
    ck_assert_uint_eq(cat_next_id(read), cat_next_id(c));
    cat_unref(read);
    for (size_t len = 0; len < bytes.len; len++) {
        char *cut = mem_dup(bytes.ptr, len + 1);
        ck_assert(!cat_decode_snapshot(&read, slice_of(cut, len), &e));
        ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
        mem_free(cut);
    }
    for (size_t bit = 0; bit < bytes.len * 8; bit++) { /* flips: anything but a crash */
        char *flip = mem_dup(bytes.ptr, bytes.len);
        flip[bit / 8] ^= (char)(1 << bit % 8);
        if (cat_decode_snapshot(&read, slice_of(flip, bytes.len), &e))
            cat_unref(read);
        mem_free(flip);
    }
    cat_unref(c);
    buf_free(&bytes);
    buf_free(&again);
}
END_TEST

START_TEST(roles)
{
    CatalogSnap *c = rich(), *next;
    AclItem member_items[] = {{16500, ROLE_BOOTSTRAP, PRIV_MEMBER, 0}};
    const AclDef member = {.kind = GRANT_ROLE,
                           .object = ROLE_BOOTSTRAP,
                           .given = true,
                           .items = member_items,
                           .count = 1};
    AclItem column_items[] = {{16500, ROLE_BOOTSTRAP, PRIV_SELECT, 0}};
    const AclDef column = {.kind = GRANT_COLUMN,
                           .object = 16400,
                           .sub = 2,
                           .given = true,
                           .items = column_items,
                           .count = 1};
    AclDef nothing = {.kind = GRANT_TABLE, .object = 16400, .owner = ROLE_BOOTSTRAP};
    AclDef no_column = {.kind = GRANT_COLUMN, .object = 16400, .sub = 2, .given = true};
    const CatEdit put[] = {{.op = CAT_PUT_ROLE, .role = &reader},
                           {.op = CAT_PUT_ACL, .acl = &may_read},
                           {.op = CAT_PUT_ACL, .acl = &column},
                           {.op = CAT_PUT_ACL, .acl = &member},
                           {.op = CAT_PUT_TOKEN, .token = &token}};
    const CatEdit take[] = {{.op = CAT_PUT_ACL, .acl = &nothing, .expect_version = 1},
                            {.op = CAT_PUT_ACL, .acl = &no_column, .expect_version = 1}};
    const CatEdit drop_role = {.op = CAT_DROP_ROLE, .id = 16500};
    const CatEdit drop_table = {.op = CAT_DROP_TABLE, .id = 16400};
    Err e;
    ck_assert(cat_role(c, SLICE_LIT("skulk"))->flags & ROLE_SUPERUSER);
    ck_assert(!cat_apply(&next, c, &put[1], 1, &e)); /* no such role */
    c = apply(c, put, ARRAY_LEN(put));
    ck_assert_uint_eq(cat_role(c, SLICE_LIT("reader"))->id, 16500);
    ck_assert_uint_eq(cat_token(c, SLICE_LIT("feed"))->role, 16500);
    ck_assert(slice_eq(cat_token_by_id(c, 16600)->hash, token.hash));
    ck_assert_uint_eq(cat_acl(c, GRANT_TABLE, 16400, 0)->items[0].privileges, 5);
    ck_assert_ptr_null(cat_acl(c, GRANT_SCHEMA, 16400, 0));
    ck_assert(!cat_apply(&next, c, &put[1], 1, &e)); /* somebody was quicker */
    ck_assert_int_eq(e.code, ERR_SERIALIZATION);
    ck_assert(!cat_apply(&next, c, &drop_role, 1, &e));
    ck_assert_int_eq(e.code, ERR_DEPENDENT_OBJECTS);
    CatalogSnap *without = apply(cat_ref(c), take, ARRAY_LEN(take));
    ck_assert_ptr_null(cat_acl(without, GRANT_TABLE, 16400, 0));
    without = apply(without, &drop_role, 1); /* and what it was a member of */
    ck_assert_uint_eq(cat_acl_count(without), 0);
    ck_assert_uint_eq(cat_token_count(without), 0);
    cat_unref(without);
    c = apply(c, &drop_table, 1);
    ck_assert_uint_eq(cat_acl_count(c), 1);
    cat_unref(c);
}
END_TEST

static void put_old_grant(Buf *b, const uint64_t *g)
{
    buf_put_varint(b, CAT_PUT_GRANT);
    buf_put_varint(b, 0);
    buf_put_varint(b, 0);
    for (size_t i = 0; i < 5; i++)
        buf_put_varint(b, g[i]);
}

/* Up to format 5 there was an entry for each object and role, the owner one of them. */
START_TEST(old_grants)
{
    const CatEdit role = {.op = CAT_PUT_ROLE, .role = &reader};
    const uint64_t grants[][5] = {
        {GRANT_TABLE, 16400, 16500, PRIV_OWNER, 0},
        {GRANT_TABLE, 16400, 0, PRIV_SELECT, 0},
        {GRANT_TABLE, 16400, ROLE_BOOTSTRAP, PRIV_SELECT | PRIV_INSERT, PRIV_INSERT},
        {GRANT_ROLE, ROLE_BOOTSTRAP, 16500, PRIV_MEMBER, PRIV_MEMBER},
        {GRANT_TABLE, 16400, 0, 0, 0}};
    Buf b;
    Err e;
    CatEdit *edits;
    size_t n;
    buf_init(&b);
    buf_put_varint(&b, 5);
    buf_put_varint(&b, ARRAY_LEN(grants));
    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        put_old_grant(&b, grants[i]);
    ck_assert_msg(cat_decode_edits(&arena, buf_slice(&b), &edits, &n, &e), "%s", e.message);
    CatalogSnap *c = apply(apply(rich(), &role, 1), edits, n);
    const AclDef *d = cat_acl(c, GRANT_TABLE, 16400, 0);
    ck_assert_uint_eq(d->owner, 16500);
    ck_assert_uint_eq(d->count, 2); /* the owner's defaults, and what the bootstrap role has */
    for (size_t i = 0; i < d->count; i++) {
        ck_assert_uint_eq(d->items[i].grantor, 16500);
        ck_assert_uint_eq(d->items[i].privileges, d->items[i].role == 16500
                                                      ? acl_all(ACL_OF_TABLE)
                                                      : (PRIV_SELECT | PRIV_INSERT));
    }
    d = cat_acl(c, GRANT_ROLE, ROLE_BOOTSTRAP, 0);
    ck_assert(d->count == 1 && d->items[0].role == 16500 && d->items[0].grantable == PRIV_MEMBER);
    cat_unref(c);
    buf_free(&b);
}
END_TEST

/* Random puts, renames and drops against a plain array. */
START_TEST(random_edits)
{
    enum { IDS = 400, STEPS = 6000 };
    static unsigned name_of[IDS]; /* 0 = no such table */
    static uint32_t version_of[IDS];
    CatalogSnap *c = cat_initial();
    srand(7);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)rand() % IDS, name = 1 + (unsigned)rand() % 600, taken = 0;
        for (unsigned k = 0; k < IDS; k++)
            taken |= k != i && name_of[k] == name;
        CatEdit edit = {.op = CAT_DROP_TABLE, .id = 20000 + i};
        bool drop = rand() % 3 == 0, want;
        if (drop) {
            want = name_of[i];
        } else {
            edit = (CatEdit){.op = CAT_PUT_TABLE,
                             .expect_version = version_of[i],
                             .table = make_table(20000 + i, text("n%u", name), 1)};
            want = !taken;
        }
        CatalogSnap *next;
        Err e;
        bool ok = cat_apply(&next, c, &edit, 1, &e);
        ck_assert_int_eq(ok, want);
        if (!ok)
            continue;
        cat_unref(c);
        c = next;
        name_of[i] = drop ? 0 : name;
        version_of[i] = drop ? 0 : version_of[i] + 1;
        if (step % 512 == 0)
            arena_reset(&arena);
    }
    size_t count = 0;
    for (unsigned i = 0; i < IDS; i++) {
        const TableDef *t = cat_table_by_id(c, 20000 + i);
        ck_assert_int_eq(t != NULL, name_of[i] != 0);
        if (!t)
            continue;
        ck_assert_ptr_eq(cat_table(c, 2200, text("n%u", name_of[i])), t);
        ck_assert_ptr_eq(cat_table_at(c, count++), t);
    }
    ck_assert_uint_eq(cat_table_count(c), count);
    cat_unref(c);
}
END_TEST

int main(void)
{
    arena_init(&arena, NULL);
    TCase *tc = tcase_create("catalog");
    tcase_add_test(tc, initial);
    tcase_add_test(tc, versions);
    tcase_add_test(tc, all_or_nothing);
    tcase_add_test(tc, bad_tables);
    tcase_add_test(tc, columns);
    tcase_add_test(tc, many_tables);
    tcase_add_test(tc, databases);
    tcase_add_test(tc, ttl_is_inherited);
    tcase_add_test(tc, edits_roundtrip);
    tcase_add_test(tc, snapshot_roundtrip);
    tcase_add_test(tc, roles);
    tcase_add_test(tc, old_grants);
    tcase_add_test(tc, random_edits);
    int rc = unit_run(tc);
    arena_free(&arena);
    return rc;
}
