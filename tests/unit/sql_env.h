/* tests/unit/sql_env.h - a small catalog to analyze statements against: what test_sql.c and fuzz_sql.c
 * share.  Tables: cpu (time, two tags, fields), host (ordinary), the view busy, the virtual relation
 * pg_catalog.pg_thing. */
#ifndef SKULK_TESTS_SQL_ENV_H
#define SKULK_TESTS_SQL_ENV_H

#include "sqlts/sqlts.h"

typedef struct SqlBench {
    Arena arena, scratch;
    CatalogSnap *catalog;
    EvalCtx eval;
    Slice path[1];
    SqlEnv env;
} SqlBench;

static const ViewColumn thing_columns[] = {
    {"oid", T_OID}, {"relname", T_NAME}, {"relkind", T_CHAR}, {"relacl", T_TEXT_ARRAY}};
static const ViewDef thing_views[] = {
    {.schema = "pg_catalog",
     .name = "pg_thing",
     .columns = thing_columns,
     .column_count = ARRAY_LEN(thing_columns),
     .text = "test"},
    {0},
};

static inline ColumnDef bench_column(ColumnId id, const char *name, ColumnKind kind, TypeId type,
                                     PhysType phys)
{
    return (ColumnDef){.id = id,
                       .name = slice_cstr(name),
                       .kind = kind,
                       .type_oid = type,
                       .typmod = -1,
                       .phys = phys};
}

static inline CatalogSnap *bench_catalog(Arena *a)
{
    CatalogSnap *empty = cat_initial(), *full = NULL;
    Err e;
    ObjectId db = cat_database(empty, SLICE_LIT("skulk"))->id;
    ObjectId schema = cat_schema(empty, db, SLICE_LIT("public"))->id, id = cat_next_id(empty);
    ColumnDef cpu[] = {
        bench_column(COLUMN_TIME, "time", COL_TIME, T_TIMESTAMPTZ, PHYS_I64),
        bench_column(1, "hostname", COL_TAG, T_TEXT, PHYS_STR),
        bench_column(2, "rack", COL_TAG, T_INT4, PHYS_STR),
        bench_column(3, "usage_user", COL_FIELD, T_FLOAT8, PHYS_F64),
        bench_column(4, "gone", COL_FIELD, T_TEXT, PHYS_STR),
        bench_column(5, "requests", COL_FIELD, T_INT8, PHYS_I64),
        bench_column(6, "up", COL_FIELD, T_BOOL, PHYS_BOOL),
    };
    cpu[4].dropped = true;
    cpu[5].default_sql = SLICE_LIT("0");
    ColumnDef host[] = {
        bench_column(1, "name", COL_FIELD, T_TEXT, PHYS_STR),
        bench_column(2, "owner", COL_FIELD, T_TEXT, PHYS_STR),
        bench_column(3, "size", COL_FIELD, T_INT4, PHYS_I64),
    };
    ColumnDef busy[] = {bench_column(1, "h", COL_FIELD, T_TEXT, PHYS_STR),
                        bench_column(2, "n", COL_FIELD, T_INT8, PHYS_I64)};
    TableDef tables[] = {
        {.id = id,
         .name = SLICE_LIT("cpu"),
         .kind = TABLE_SERIES,
         .duplicates = DUP_LAST,
         .column_count = 7,
         .next_column = 7,
         .columns = cpu,
         .time_index = 0},
        {.id = id + 1,
         .name = SLICE_LIT("host"),
         .kind = TABLE_ORDINARY,
         .duplicates = DUP_KEEP,
         .column_count = 3,
         .next_column = 4,
         .columns = host,
         .time_index = -1},
        {.id = id + 2,
         .name = SLICE_LIT("busy"),
         .kind = TABLE_VIEW,
         .column_count = 2,
         .next_column = 3,
         .columns = busy,
         .time_index = -1,
         .definition = SLICE_LIT(
             "SELECT hostname, count(*) FROM cpu WHERE usage_user > 90 GROUP BY hostname")},
    };
    CatEdit edits[ARRAY_LEN(tables)];
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        tables[i].database = db;
        tables[i].schema = schema;
        tables[i].version = 1;
        edits[i] = (CatEdit){.op = CAT_PUT_TABLE, .id = tables[i].id, .table = &tables[i]};
    }
    must(cat_apply(&full, empty, edits, ARRAY_LEN(edits), &e));
    cat_unref(empty);
    (void)a;
    return full;
}

static inline void bench_init(SqlBench *b)
{
    static bool registered;
    *b = (SqlBench){.path = {SLICE_LIT("public")}};
    exec_init();
    if (!registered)
        view_register(thing_views);
    registered = true;
    arena_init(&b->arena, NULL);
    arena_init(&b->scratch, NULL);
    b->catalog = bench_catalog(&b->arena);
    b->eval =
        (EvalCtx){.env = {.timezone = SLICE_LIT("UTC"), .tz = tz_utc(), .extra_float_digits = 1},
                  .arena = &b->arena,
                  .scratch = &b->scratch,
                  .clock = &clock_real};
    b->env = (SqlEnv){.catalog = b->catalog,
                      .database = cat_database(b->catalog, SLICE_LIT("skulk"))->id,
                      .search_path = b->path,
                      .search_path_count = 1,
                      .fold = &b->eval};
}

static inline void bench_free(SqlBench *b)
{
    cat_unref(b->catalog);
    arena_free(&b->scratch);
    arena_free(&b->arena);
}

#endif
