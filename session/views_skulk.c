/* session/views_skulk.c - the schema skulk: what the server tells of itself. */
#include "session/session_private.h"
#include <stdio.h>

static Session *of(EvalCtx *ctx)
{
    return ctx->session;
}

static bool fill_storage(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap;
    StorageKind kinds[16];
    size_t n = engine_storage(of(ctx)->db->engine, kinds, ARRAY_LEN(kinds), e);
    for (size_t i = 0; i < n; i++) {
        Value row[2] = {value_str(slice_cstr(kinds[i].kind)), value_i64(kinds[i].bytes)};
        row_sink_add(sink, row);
    }
    return n > 0;
}

static bool fill_files(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)e;
    size_t max = snapshot_files(snap, NULL, 0);
    FileInfo *files = mem_zero((max + 1) * sizeof *files);
    size_t n = snapshot_files(snap, files, max);
    for (size_t i = 0; i < n && i < max; i++) {
        const FileInfo *f = &files[i];
        Value row[6] = {value_str(slice_cstr(f->name)),
                        value_i64(f->level),
                        value_i64((int64_t)f->rows),
                        value_i64((int64_t)f->bytes),
                        value_i64(floor_div(f->t_min, NS_PER_US)),
                        value_i64(floor_div(f->t_max, NS_PER_US))};
        row_sink_add(sink, row);
    }
    mem_free(files);
    return true;
}

static bool fill_memory(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    Db *db = of(ctx)->db;
    const Budget *pools[] = {&db->memory, &db->query_pool, &db->ingest_pool, &db->cache_pool,
                             &db->mapped_pool};
    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        Value row[4] = {value_str(slice_cstr(pools[i]->name)),
                        value_i64(atomic_load(&pools[i]->used)),
                        value_i64(atomic_load(&pools[i]->peak)), value_i64(pools[i]->limit)};
        row_sink_add(sink, row);
    }
    return true;
}

/* A row a series: table, id, tags as JSON. */
static void series_row(SeriesIndex *idx, const TableDef *t, SeriesId id, Buf *json, RowSink *sink)
{
    Tag tags[COLUMNS_MAX];
    size_t n = idx_tags(idx, id, tags, ARRAY_LEN(tags));
    json->len = 0;
    buf_put_u8(json, '{');
    for (size_t k = 0; k < n && k < ARRAY_LEN(tags); k++) {
        const ColumnDef *c = table_column_by_id(t, tags[k].column);
        if (!c)
            continue;
        if (json->len > 1)
            buf_puts(json, ", ");
        buf_put_json(json, c->name);
        buf_puts(json, ": ");
        buf_put_json(json, tags[k].value);
    }
    buf_put_u8(json, '}');
    Value row[3] = {value_str(t->name), value_i64((int64_t)id), value_str(buf_slice(json))};
    row_sink_add(sink, row);
}

static bool fill_series(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    Session *s = of(ctx);
    const CatalogSnap *cat = snapshot_catalog(snap);
    SeriesIndex *idx = engine_index(s->db->engine);
    Buf json;
    buf_init(&json);
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->kind != TABLE_SERIES || t->database != s->database)
            continue;
        SeriesSet *set = idx_select(idx, t->id, NULL, 0);
        size_t n = set_count(set);
        SeriesId *ids = mem_alloc((n + 1) * sizeof *ids);
        n = set_ids(set, ids, n);
        for (size_t k = 0; k < n; k++)
            series_row(idx, t, ids[k], &json, sink);
        mem_free(ids);
        set_unref(set);
    }
    buf_free(&json);
    return true;
}

static const ViewColumn cols_storage[] = {{"kind", T_TEXT}, {"bytes", T_INT8}};
static const ViewColumn cols_files[] = {{"name", T_TEXT},         {"level", T_INT4},
                                        {"rows", T_INT8},         {"bytes", T_INT8},
                                        {"t_min", T_TIMESTAMPTZ}, {"t_max", T_TIMESTAMPTZ}};
static const ViewColumn cols_memory[] = {
    {"pool", T_TEXT}, {"used", T_INT8}, {"peak", T_INT8}, {"limit", T_INT8}};
static const ViewColumn cols_series[] = {{"table_name", T_TEXT}, {"id", T_INT8}, {"tags", T_JSONB}};

#define COLS(c) c, ARRAY_LEN(c)
const ViewDef skulk_views[] = {
    {"skulk", "storage", COLS(cols_storage), fill_storage,
     "what the data directory takes, by kind"},
    {"skulk", "files", COLS(cols_files), fill_files, "the .skulk files"},
    {"skulk", "memory", COLS(cols_memory), fill_memory, "memory pools and their limits"},
    {"skulk", "series", COLS(cols_series), fill_series, "all series of the database"},
    {NULL, NULL, NULL, 0, NULL, NULL},
};
