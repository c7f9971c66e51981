/* session/views_timescale.c - timescaledb_information: what TimescaleDB's tools ask about tables, windows, jobs and
 * continuous views, in its columns. */
#include "session/session_private.h"

#include "storage/expiry.h"
#include "storage/version.h"
#include "storage/window.h"
#include <stdlib.h>

enum { CHUNKS_MAX = 10000 }; /* of one table */

static const char *name_of_owner(const CatalogSnap *cat, Arena *a, const TableDef *t)
{
    const AclDef *acl = cat_acl(cat, GRANT_TABLE, t->id, 0);
    const RoleDef *r = cat_role_by_id(cat, acl && acl->owner ? acl->owner : ROLE_BOOTSTRAP);
    return r ? arena_cstr(a, r->name) : "";
}

static Value schema_of(const CatalogSnap *cat, const TableDef *t)
{
    const SchemaDef *s = cat_schema_by_id(cat, t->schema);
    return value_str(s ? s->name : SLICE_NONE);
}

static Value time_name(const TableDef *t)
{
    return t->time_index < 0 ? value_null() : value_str(t->columns[t->time_index].name);
}

static Value time_type(const TableDef *t)
{
    return t->time_index < 0
               ? value_null()
               : value_str(slice_cstr(type_find(t->columns[t->time_index].type_oid)->name));
}

static bool is_hypertable(const Session *s, const CatalogSnap *cat, const TableDef *t)
{
    return t->kind == TABLE_SERIES && t->database == s->database && !continuous_hidden(cat, t);
}

/* The first one from *i on, and *i behind it; NULL: no more. */
static const TableDef *next_hypertable(const Session *s, const CatalogSnap *cat, size_t *i)
{
    while (*i < cat_table_count(cat)) {
        const TableDef *t = cat_table_at(cat, (*i)++);
        if (is_hypertable(s, cat, t))
            return t;
    }
    return NULL;
}

/* ---- windows ---- */

typedef struct Windows {
    int64_t width_ns;
    int64_t *starts;
    size_t count, cap;
} Windows;

static void add_range(Windows *w, int64_t low, int64_t high)
{
    int64_t first, last;
    window_bounds(w->width_ns, low, &first, &last);
    while (w->count < CHUNKS_MAX) {
        if (w->count == w->cap) {
            w->cap = w->cap ? w->cap * 2 : 16;
            w->starts = mem_realloc(w->starts, w->cap * sizeof *w->starts);
        }
        w->starts[w->count++] = first;
        if (last >= high || last == INT64_MAX)
            return;
        window_bounds(w->width_ns, last + 1, &first, &last);
    }
}

static int by_start(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Windows of the table's files and of what is in memory, in order.  What lies between the first and the last row of
 * a file counts, though it may be empty: only metadata is looked at. */
static Windows windows_of(const Snapshot *snap, const TableDef *t)
{
    Windows w = {.width_ns = window_length(t)};
    SnapshotView v;
    int64_t low, high;
    snapshot_view(snap, &v);
    for (size_t i = 0; i < v.part_count; i++)
        if (part_has_table(v.parts[i].part, t->id, &low, &high))
            add_range(&w, low, high);
    for (size_t i = 0; i < v.tail_count; i++)
        if (seg_has_table(v.tails[i].segment, v.tails[i].rows, t->id, &low, &high))
            add_range(&w, low, high);
    if (w.count)
        qsort(w.starts, w.count, sizeof *w.starts, by_start);
    size_t kept = 0;
    for (size_t i = 0; i < w.count; i++)
        if (!kept || w.starts[kept - 1] != w.starts[i])
            w.starts[kept++] = w.starts[i];
    w.count = kept;
    return w;
}

static bool fill_chunks(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    const Session *s = ctx->session;
    const CatalogSnap *cat = snapshot_catalog(snap);
    const TableDef *t;
    for (size_t i = 0; (t = next_hypertable(s, cat, &i)) != NULL;) {
        Windows w = windows_of(snap, t);
        for (size_t k = 0; k < w.count; k++) {
            int64_t us = floor_div(w.starts[k], NS_PER_US);
            Slice name = arena_printf(ctx->arena, "%.*s_%lld", SLICE_ARG(t->name),
                                      (long long)floor_div(w.starts[k], NS_PER_S));
            Value row[] = {schema_of(cat, t), value_str(t->name),
                           schema_of(cat, t), value_str(name),
                           time_name(t),      time_type(t),
                           value_i64(us),     value_i64(us + w.width_ns / NS_PER_US),
                           value_null(),      value_null(),
                           value_bool(true),  value_null()};
            row_sink_add(sink, row);
        }
        mem_free(w.starts);
    }
    return true;
}

static bool fill_hypertables(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    const Session *s = ctx->session;
    const CatalogSnap *cat = snapshot_catalog(snap);
    const TableDef *t;
    for (size_t i = 0; (t = next_hypertable(s, cat, &i)) != NULL;) {
        Windows w = windows_of(snap, t);
        Value row[] = {schema_of(cat, t),
                       value_str(t->name),
                       value_str(slice_cstr(name_of_owner(cat, ctx->arena, t))),
                       value_i64(1),
                       value_i64((int64_t)w.count),
                       value_bool(true),
                       value_null(),
                       time_name(t),
                       time_type(t)};
        row_sink_add(sink, row);
        mem_free(w.starts);
    }
    return true;
}

static bool fill_aggregates(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    const Session *s = ctx->session;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        ContinuousDef d;
        if (t->database != s->database || !view_is_continuous(t) || continuous_hidden(cat, t))
            continue;
        if (!continuous_decode(&d, ctx->arena, t, e))
            return false;
        const TableDef *base = cat_table_by_id(cat, d.base);
        const TableDef *states = cat_table_by_id(cat, d.states);
        Value row[] = {base ? schema_of(cat, base) : value_null(),
                       base ? value_str(base->name) : value_null(),
                       schema_of(cat, t),
                       value_str(t->name),
                       value_str(slice_cstr(name_of_owner(cat, ctx->arena, t))),
                       value_bool(!d.realtime),
                       value_bool(true),
                       states ? schema_of(cat, states) : value_null(),
                       states ? value_str(states->name) : value_null(),
                       value_str(t->definition),
                       value_bool(true)};
        row_sink_add(sink, row);
    }
    return true;
}

static bool fill_timescale_jobs(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    const Session *s = ctx->session;
    JobInfo *jobs;
    size_t n = db_jobs(s->db, &jobs);
    for (size_t i = 0; i < n; i++) {
        const JobInfo *j = &jobs[i];
        if (j->database != s->database)
            continue;
        bool ttl = strcmp(j->kind, "ttl") == 0;
        const char *what = ttl ? "policy_retention" : "policy_refresh_continuous_aggregate";
        Value every = {.phys = PH_INTERVAL,
                       .u.iv = {.days = (int32_t)(j->interval_ns / NS_PER_DAY),
                                .us = j->interval_ns % NS_PER_DAY / NS_PER_US}};
        Value minute = {.phys = PH_INTERVAL, .u.iv = {.us = 60000000}};
        Value row[] = {
            value_i64(j->id),
            value_str(arena_printf(ctx->arena, "%s [%lld]",
                                   ttl ? "Retention Policy" : "Refresh Policy", (long long)j->id)),
            every,
            value_null(),
            value_i64(-1),
            minute,
            value_str(SLICE_LIT("skulk")),
            value_str(slice_cstr(what)),
            value_bool(strcmp(j->state, "paused") != 0),
            value_bool(false),
            j->next_ns ? value_i64(floor_div(j->next_ns, NS_PER_US)) : value_null(),
            value_str(arena_slice(ctx->arena, slice_cstr(j->schema_name))),
            value_str(arena_slice(ctx->arena, slice_cstr(j->table_name)))};
        row_sink_add(sink, row);
    }
    mem_free(jobs);
    return true;
}

static const ViewColumn information_hypertables[] = {{"hypertable_schema", T_NAME},
                                                     {"hypertable_name", T_NAME},
                                                     {"owner", T_NAME},
                                                     {"num_dimensions", T_INT2},
                                                     {"num_chunks", T_INT8},
                                                     {"compression_enabled", T_BOOL},
                                                     {"tablespaces", T_TEXT},
                                                     {"primary_dimension", T_NAME},
                                                     {"primary_dimension_type", T_TEXT}};
static const ViewColumn chunk_columns[] = {
    {"hypertable_schema", T_NAME},   {"hypertable_name", T_NAME},
    {"chunk_schema", T_NAME},        {"chunk_name", T_NAME},
    {"primary_dimension", T_NAME},   {"primary_dimension_type", T_TEXT},
    {"range_start", T_TIMESTAMPTZ},  {"range_end", T_TIMESTAMPTZ},
    {"range_start_integer", T_INT8}, {"range_end_integer", T_INT8},
    {"is_compressed", T_BOOL},       {"chunk_tablespace", T_NAME}};
static const ViewColumn aggregate_columns[] = {{"hypertable_schema", T_NAME},
                                               {"hypertable_name", T_NAME},
                                               {"view_schema", T_NAME},
                                               {"view_name", T_NAME},
                                               {"view_owner", T_NAME},
                                               {"materialized_only", T_BOOL},
                                               {"compression_enabled", T_BOOL},
                                               {"materialization_hypertable_schema", T_NAME},
                                               {"materialization_hypertable_name", T_NAME},
                                               {"view_definition", T_TEXT},
                                               {"finalized", T_BOOL}};
static const ViewColumn timescale_job_columns[] = {
    {"job_id", T_INT8},          {"application_name", T_NAME},  {"schedule_interval", T_INTERVAL},
    {"max_runtime", T_INTERVAL}, {"max_retries", T_INT4},       {"retry_period", T_INTERVAL},
    {"proc_schema", T_NAME},     {"proc_name", T_NAME},         {"scheduled", T_BOOL},
    {"fixed_schedule", T_BOOL},  {"next_start", T_TIMESTAMPTZ}, {"hypertable_schema", T_NAME},
    {"hypertable_name", T_NAME}};

const ViewDef timescale_views[] = {
    {"timescaledb_information", "hypertables", information_hypertables,
     ARRAY_LEN(information_hypertables), fill_hypertables, .text = "time-series tables"},
    {"timescaledb_information", "chunks", chunk_columns, ARRAY_LEN(chunk_columns), fill_chunks,
     .text = "their time windows"},
    {"timescaledb_information", "continuous_aggregates", aggregate_columns,
     ARRAY_LEN(aggregate_columns), fill_aggregates, .text = "continuous views"},
    {"timescaledb_information", "jobs", timescale_job_columns, ARRAY_LEN(timescale_job_columns),
     fill_timescale_jobs, .text = "skulk.jobs"},
    {0},
};
