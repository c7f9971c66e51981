/* session/views_skulk.c - the schema skulk: what the server tells of itself. */
#include "session/rejected.h"
#include "session/session_private.h"
#include "storage/expiry.h"
#include <stdio.h>

enum { COMPACTIONS_SHOWN = 64 };

static Session *of(EvalCtx *ctx)
{
    return ctx->session;
}

static Value time_of_ns(int64_t ns)
{
    return value_i64(floor_div(ns, NS_PER_US));
}

static Value count_of(uint64_t n)
{
    return value_i64((int64_t)n);
}

static Value span_of_ns(int64_t ns)
{
    int64_t days = ns / NS_PER_DAY;
    return (Value){.phys = PH_INTERVAL,
                   .u.iv = {.days = (int32_t)days, .us = ns % NS_PER_DAY / NS_PER_US}};
}

static bool fill_storage(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap;
    StorageKind kinds[16];
    size_t n = engine_storage(of(ctx)->db->engine, kinds, ARRAY_LEN(kinds), 0, e);
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
        Value row[8] = {value_str(slice_cstr(f->name)),
                        value_i64(f->level),
                        count_of(f->rows),
                        count_of(f->bytes),
                        time_of_ns(f->t_min),
                        time_of_ns(f->t_max),
                        count_of(f->dead_bytes),
                        value_i64(f->tables)};
        row_sink_add(sink, row);
    }
    mem_free(files);
    return true;
}

static bool fill_memory(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    Db *db = of(ctx)->db;
    const Budget *pools[] = {&db->memory,     &db->query_pool,  &db->ingest_pool,
                             &db->cache_pool, &db->mapped_pool, engine_index_budget(db->engine)};
    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        Value row[4] = {value_str(slice_cstr(pools[i]->name)),
                        value_i64(atomic_load(&pools[i]->used)),
                        value_i64(atomic_load(&pools[i]->peak)), value_i64(pools[i]->limit)};
        row_sink_add(sink, row);
    }
    return true;
}

/* Values of tags are data: for who may read the table. */
static bool shows_values(Session *s, const CatalogSnap *cat, const TableDef *t)
{
    Err hidden;
    return t->kind == TABLE_SERIES && t->database == s->database &&
           session_may_read(s, cat, t, &t->columns[t->time_index], &hidden);
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
        if (!shows_values(s, cat, t))
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

/* A row a table of the database. */
static void table_row(Session *s, Snapshot *snap, const TableDef *t, RowSink *sink)
{
    static const char *const duplicates[] = {
        [DUP_LAST] = "last", [DUP_KEEP] = "keep", [DUP_ERROR] = "error"};
    TableInfo info;
    snapshot_table_info(snap, t->id, &info);
    const SchemaDef *schema = cat_schema_by_id(snapshot_catalog(snap), t->schema);
    bool series = t->kind == TABLE_SERIES, times = series && info.rows > 0;
    Value row[] = {
        schema ? value_str(schema->name) : value_null(),
        value_str(t->name),
        value_str(series ? SLICE_LIT("time series") : SLICE_LIT("ordinary")),
        count_of(info.rows),
        series ? count_of(idx_series_count(engine_index(s->db->engine), t->id)) : value_null(),
        count_of(info.bytes),
        count_of(info.files),
        times ? time_of_ns(info.t_min) : value_null(),
        times ? time_of_ns(info.t_max) : value_null(),
        value_str(slice_cstr(series || t->key_count ? duplicates[t->duplicates] : "keep")),
        series ? span_of_ns(expiry_class(t).window_ns) : value_null(),
    };
    row_sink_add(sink, row);
}

static bool fill_tables(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    Session *s = of(ctx);
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->kind != TABLE_VIEW && t->kind != TABLE_SEQUENCE && t->database == s->database)
            table_row(s, snap, t, sink);
    }
    return true;
}

static bool fill_tag_cardinality(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    Session *s = of(ctx);
    const CatalogSnap *cat = snapshot_catalog(snap);
    SeriesIndex *idx = engine_index(s->db->engine);
    TagCardinality tags[COLUMNS_MAX];
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (!shows_values(s, cat, t))
            continue;
        size_t n = idx_cardinality(idx, t->id, tags, ARRAY_LEN(tags));
        for (size_t k = 0; k < n && k < ARRAY_LEN(tags); k++) {
            const ColumnDef *c = table_column_by_id(t, tags[k].column);
            TagValueCount top = {0};
            bool any = idx_top_values(idx, t->id, tags[k].column, &top, 1) > 0;
            Value row[] = {value_str(t->name),
                           c ? value_str(c->name) : value_null(),
                           count_of(tags[k].values),
                           count_of(tags[k].series),
                           any ? value_str(top.value) : value_null(),
                           any ? count_of(top.series) : value_null()};
            row_sink_add(sink, row);
        }
    }
    return true;
}

static bool fill_wal(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    Engine *eng = of(ctx)->db->engine;
    WalInfo w;
    engine_wal_info(eng, &w);
    bool late = w.archive_err.code != ERR_OK;
    Value row[] = {value_i64(w.segments),
                   value_i64(w.bytes),
                   value_i64(w.unflushed),
                   count_of(w.visible),
                   count_of(w.covered),
                   count_of(w.epoch),
                   count_of(atomic_load(&engine_stats(eng)->syncs)),
                   w.archived ? count_of(w.archived) : value_null(),
                   w.archived ? time_of_ns(w.archived_ns) : value_null(),
                   w.archives ? value_i64(w.archive_waiting) : value_null(),
                   w.archives ? value_i64(w.archive_waiting_bytes) : value_null(),
                   late ? value_str(arena_slice(ctx->arena, slice_cstr(w.archive_err.message)))
                        : value_null()};
    row_sink_add(sink, row);
    return true;
}

static bool fill_compactions(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    CompactionInfo all[COMPACTIONS_SHOWN];
    size_t n = engine_compactions(of(ctx)->db->engine, all, ARRAY_LEN(all));
    for (size_t i = 0; i < n; i++) {
        const CompactionInfo *c = &all[i];
        const char *state = c->running ? "running" : c->failed ? "failed" : "done";
        Value row[] = {count_of(c->number),
                       time_of_ns(c->started_ns),
                       span_of_ns(c->duration_ns),
                       value_str(slice_cstr(state)),
                       value_str(slice_cstr(c->reason)),
                       value_i64(c->level),
                       count_of(c->inputs),
                       count_of(c->outputs),
                       count_of(c->rows_in),
                       count_of(c->rows_out),
                       count_of(c->bytes_in),
                       count_of(c->bytes_out)};
        row_sink_add(sink, row);
    }
    return true;
}

/* Those of the roles whose rights the session has; with CREATEROLE all. */
static bool fill_tokens(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    Session *s = of(ctx);
    const CatalogSnap *cat = snapshot_catalog(snap);
    const RoleDef *me = cat_role_by_id(cat, s->role);
    for (size_t i = 0; i < cat_token_count(cat); i++) {
        const TokenDef *t = cat_token_at(cat, i);
        if (!session_in_role(s, cat, t->role) && !(me && me->flags & ROLE_CREATEROLE))
            continue;
        Value row[4] = {value_str(t->name), value_str(cat_role_by_id(cat, t->role)->name),
                        value_i64(t->created_us),
                        t->valid_until_us == INT64_MAX ? value_null()
                                                       : value_i64(t->valid_until_us)};
        row_sink_add(sink, row);
    }
    return true;
}

static const ViewColumn cols_storage[] = {{"kind", T_TEXT}, {"bytes", T_INT8}};
static const ViewColumn cols_files[] = {
    {"name", T_TEXT},         {"level", T_INT4},        {"rows", T_INT8},       {"bytes", T_INT8},
    {"t_min", T_TIMESTAMPTZ}, {"t_max", T_TIMESTAMPTZ}, {"dead_bytes", T_INT8}, {"tables", T_INT4}};
static const ViewColumn cols_memory[] = {
    {"pool", T_TEXT}, {"used", T_INT8}, {"peak", T_INT8}, {"limit", T_INT8}};
static const ViewColumn cols_series[] = {{"table_name", T_TEXT}, {"id", T_INT8}, {"tags", T_JSONB}};

static const ViewColumn cols_tables[] = {
    {"schema_name", T_TEXT}, {"table_name", T_TEXT},   {"kind", T_TEXT},
    {"rows", T_INT8},        {"series", T_INT8},       {"bytes", T_INT8},
    {"files", T_INT8},       {"t_min", T_TIMESTAMPTZ}, {"t_max", T_TIMESTAMPTZ},
    {"duplicates", T_TEXT},  {"window", T_INTERVAL}};
static const ViewColumn cols_tags[] = {{"table_name", T_TEXT}, {"tag", T_TEXT},
                                       {"values", T_INT8},     {"series", T_INT8},
                                       {"top_value", T_TEXT},  {"top_series", T_INT8}};
static const ViewColumn cols_wal[] = {{"segments", T_INT8},
                                      {"bytes", T_INT8},
                                      {"unflushed", T_INT8},
                                      {"visible_lsn", T_INT8},
                                      {"covered_lsn", T_INT8},
                                      {"epoch", T_INT8},
                                      {"syncs", T_INT8},
                                      {"archived_segment", T_INT8},
                                      {"archived_at", T_TIMESTAMPTZ},
                                      {"archive_waiting", T_INT8},
                                      {"archive_waiting_bytes", T_INT8},
                                      {"archive_error", T_TEXT}};
static const ViewColumn cols_compactions[] = {
    {"number", T_INT8},   {"started", T_TIMESTAMPTZ}, {"duration", T_INTERVAL},
    {"state", T_TEXT},    {"reason", T_TEXT},         {"level", T_INT4},
    {"inputs", T_INT8},   {"outputs", T_INT8},        {"rows_in", T_INT8},
    {"rows_out", T_INT8}, {"bytes_in", T_INT8},       {"bytes_out", T_INT8}};

static const ViewColumn cols_tokens[] = {{"name", T_TEXT},
                                         {"role", T_TEXT},
                                         {"created_at", T_TIMESTAMPTZ},
                                         {"valid_until", T_TIMESTAMPTZ}};
static const ViewColumn cols_rejected[] = {
    {"time", T_TIMESTAMPTZ}, {"database", T_TEXT}, {"path", T_TEXT},  {"line", T_INT8},
    {"text", T_TEXT},        {"code", T_TEXT},     {"reason", T_TEXT}};

#define COLS(c) c, ARRAY_LEN(c)
const ViewDef skulk_views[] = {
    {"skulk", "storage", COLS(cols_storage), fill_storage,
     .text = "what the data directory takes, by kind"},
    {"skulk", "files", COLS(cols_files), fill_files, .text = "the .skulk files"},
    {"skulk", "memory", COLS(cols_memory), fill_memory, .text = "memory pools and their limits"},
    {"skulk", "series", COLS(cols_series), fill_series,
     .text = "series of the tables that one may read"},
    {"skulk", "tables", COLS(cols_tables), fill_tables, .text = "tables, as their metadata tells"},
    {"skulk", "tag_cardinality", COLS(cols_tags), fill_tag_cardinality,
     .text = "distinct values of each tag, and the one with most series"},
    {"skulk", "wal", COLS(cols_wal), fill_wal, .text = "the log"},
    {"skulk", "compactions", COLS(cols_compactions), fill_compactions,
     .text = "the compaction that runs and the last ones"},
    {"skulk", "tokens", COLS(cols_tokens), fill_tokens,
     .text = "tokens, without their secrets, of the roles one is in"},
    {"skulk", "rejected", COLS(cols_rejected), rejected_fill,
     .text = "lines that were refused last, with the reason"},
    {0},
};
