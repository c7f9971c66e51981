/* session/promql_admin.c - Prometheus' API beside queries: metadata, statistics of the database, deleting series. */
#include "session/promql_private.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- metadata: the series of prometheus.metadata ---- */
typedef struct MetaRow {
    Slice metric, type, help, unit;
} MetaRow;

static int by_metric(const void *a, const void *b)
{
    const MetaRow *x = a, *y = b;
    int c = slice_cmp(x->metric, y->metric);
    c = c ? c : slice_cmp(x->type, y->type);
    return c ? c : slice_cmp(x->help, y->help);
}

static Slice tag_text(SeriesIndex *idx, const TableDef *t, SeriesId id, const char *column)
{
    const ColumnDef *c = table_column(t, slice_cstr(column));
    Slice v = c ? idx_tag(idx, id, c->id) : SLICE_NONE;
    return v.ptr ? v : SLICE_LIT("");
}

static size_t read_metadata(Arena *a, SeriesIndex *idx, const TableDef *t, Slice metric,
                            MetaRow **out)
{
    const ColumnDef *c = table_column(t, SLICE_LIT("metric"));
    TagMatch match = {.column = c ? c->id : 0, .kind = TAG_EQ, .value = metric};
    SeriesSet *set = idx_select(idx, t->id, &match, c && metric.len ? 1 : 0);
    size_t n = set_count(set);
    SeriesId *ids = ARENA_ARRAY(a, SeriesId, n + 1);
    MetaRow *rows = ARENA_ARRAY(a, MetaRow, n + 1);
    n = set_ids(set, ids, n);
    for (size_t i = 0; i < n; i++)
        rows[i] = (MetaRow){tag_text(idx, t, ids[i], "metric"), tag_text(idx, t, ids[i], "type"),
                            tag_text(idx, t, ids[i], "help"), tag_text(idx, t, ids[i], "unit")};
    set_unref(set);
    if (n)
        qsort(rows, n, sizeof *rows, by_metric);
    *out = rows;
    return n;
}

/* The members of its object that all forms have, and the end of it. */
static void put_about(const MetaRow *r, Buf *json)
{
    buf_puts(json, "\"type\":");
    buf_put_json(json, r->type);
    buf_puts(json, ",\"help\":");
    buf_put_json(json, r->help);
    buf_puts(json, ",\"unit\":");
    buf_put_json(json, r->unit);
    buf_puts(json, "}");
}

/* As /targets/metadata has it; which target told is not kept. */
static void put_target_metadata(const MetaRow *rows, size_t n, bool named, uint64_t limit,
                                Buf *json)
{
    buf_puts(json, "[");
    for (size_t i = 0; i < n && (limit == 0 || i < limit); i++) {
        buf_puts(json, i ? ",{\"target\":{}" : "{\"target\":{}");
        if (named) {
            buf_puts(json, ",\"metric\":");
            buf_put_json(json, rows[i].metric);
        }
        buf_puts(json, ",");
        put_about(&rows[i], json);
    }
    buf_puts(json, "]");
}

static void put_metadata(const MetaRow *rows, size_t n, uint64_t limit, uint64_t per_metric,
                         Buf *json)
{
    uint64_t metrics = 0, of_metric = 0;
    buf_puts(json, "{");
    for (size_t i = 0; i < n; i++) {
        bool begins = i == 0 || !slice_eq(rows[i].metric, rows[i - 1].metric);
        if (begins && limit && metrics == limit)
            break;
        if (begins) {
            buf_puts(json, metrics++ ? "]," : "");
            buf_put_json(json, rows[i].metric);
            buf_puts(json, ":[");
            of_metric = 0;
        }
        if (per_metric && of_metric == per_metric)
            continue;
        buf_puts(json, of_metric++ ? ",{" : "{");
        put_about(&rows[i], json);
    }
    buf_puts(json, metrics ? "]}" : "}");
}

bool prom_metadata(Db *db, Rights *rights, ObjectId database, const PromMetadata *r, Buf *json,
                   Err *e)
{
    Arena a;
    MetaRow *rows = NULL;
    arena_init(&a, &db->query_pool);
    Snapshot *snap = engine_snapshot(db->engine, NULL);
    const CatalogSnap *cat = snapshot_catalog(snap);
    const SchemaDef *s = cat_schema(cat, database, SLICE_LIT("prometheus"));
    const TableDef *t = s ? cat_table(cat, s->id, SLICE_LIT("metadata")) : NULL;
    bool ok = !t || rights_may_read(rights, cat, t, e);
    size_t n = ok && t ? read_metadata(&a, engine_index(db->engine), t, r->metric, &rows) : 0;
    if (ok && r->targets)
        put_target_metadata(rows, n, r->metric.len == 0, r->limit, json);
    else if (ok)
        put_metadata(rows, n, r->limit, r->limit_per_metric, json);
    snapshot_unref(snap);
    arena_free(&a);
    return ok;
}

/* ---- status/tsdb ---- */
typedef struct Named {
    Slice name;
    uint64_t n;
} Named;

typedef struct NamedList {
    Arena *arena;
    Named *items;
    size_t count, cap;
} NamedList;

static void named_add(NamedList *l, Slice name, uint64_t n)
{
    for (size_t i = 0; i < l->count; i++)
        if (slice_eq(l->items[i].name, name)) {
            l->items[i].n += n;
            return;
        }
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        Named *items = ARENA_ARRAY(l->arena, Named, cap);
        if (l->count)
            memcpy(items, l->items, l->count * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->count++] = (Named){name, n};
}

static int most_first(const void *a, const void *b)
{
    const Named *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : slice_cmp(x->name, y->name);
}

static void put_list(Buf *json, const char *key, NamedList *l, uint64_t limit)
{
    if (l->count)
        qsort(l->items, l->count, sizeof *l->items, most_first);
    buf_printf(json, ",\"%s\":[", key);
    for (size_t i = 0; i < l->count && i < limit; i++) {
        buf_puts(json, i ? ",{\"name\":" : "{\"name\":");
        buf_put_json(json, l->items[i].name);
        buf_printf(json, ",\"value\":%llu}", (unsigned long long)l->items[i].n);
    }
    buf_puts(json, "]");
}

typedef struct Statistics {
    NamedList metrics, values, bytes, pairs;
    uint64_t series, pair_count;
    int64_t t_min, t_max;
} Statistics;

enum { TOP_VALUES_MAX = 1000 };

/* Values that several tables have count once for each of them. */
static void count_label(Statistics *st, SeriesIndex *idx, const TableDef *t, const ColumnDef *c,
                        uint64_t limit)
{
    Slice label = c->label.len ? c->label : c->name;
    uint32_t codes = idx_code_count(idx, t->id, c->id);
    uint64_t bytes = 0;
    TagValueCount top[TOP_VALUES_MAX];
    if (codes <= 1)
        return;
    for (uint32_t code = 1; code < codes; code++)
        bytes += idx_code_value(idx, t->id, c->id, code).len;
    named_add(&st->values, label, codes - 1);
    named_add(&st->bytes, label, bytes);
    st->pair_count += codes - 1;
    size_t n =
        idx_top_values(idx, t->id, c->id, top, limit < TOP_VALUES_MAX ? limit : TOP_VALUES_MAX);
    for (size_t i = 0; i < n; i++)
        named_add(
            &st->pairs,
            arena_printf(st->pairs.arena, "%.*s=%.*s", SLICE_ARG(label), SLICE_ARG(top[i].value)),
            top[i].series);
}

static void count_table(Statistics *st, Snapshot *snap, const TableDef *t, uint64_t limit)
{
    SeriesIndex *idx = engine_index(snapshot_engine(snap));
    uint64_t n = idx_series_count(idx, t->id);
    int64_t t_min, t_max;
    if (n == 0)
        return;
    st->series += n;
    named_add(&st->metrics, t->name, n);
    if (snapshot_table_bounds(snap, t->id, &t_min, &t_max)) {
        st->t_min = t_min < st->t_min ? t_min : st->t_min;
        st->t_max = t_max > st->t_max ? t_max : st->t_max;
    }
    for (size_t i = 0; i < t->column_count; i++)
        if (column_in_series(&t->columns[i]) && !t->columns[i].dropped)
            count_label(st, idx, t, &t->columns[i], limit);
}

bool prom_tsdb_status(Db *db, Rights *rights, ObjectId database, uint64_t limit, Buf *json, Err *e)
{
    Arena a;
    Err hidden;
    arena_init(&a, &db->query_pool);
    Statistics st = {.metrics = {.arena = &a},
                     .values = {.arena = &a},
                     .bytes = {.arena = &a},
                     .pairs = {.arena = &a},
                     .t_min = INT64_MAX,
                     .t_max = INT64_MIN};
    Snapshot *snap = engine_snapshot(db->engine, NULL);
    const CatalogSnap *cat = snapshot_catalog(snap);
    const SchemaDef *s = cat_schema(cat, database, SLICE_LIT("public"));
    for (size_t i = 0; s && i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->schema == s->id && t->kind == TABLE_SERIES &&
            rights_may_read(rights, cat, t, &hidden))
            count_table(&st, snap, t, limit);
    }
    named_add(&st.values, SLICE_LIT("__name__"), st.metrics.count);
    buf_printf(json,
               "{\"headStats\":{\"numSeries\":%llu,\"numLabelPairs\":%llu,\"chunkCount\":%llu,"
               "\"minTime\":%lld,\"maxTime\":%lld}",
               (unsigned long long)st.series,
               (unsigned long long)(st.pair_count + st.metrics.count),
               (unsigned long long)st.series, (long long)(st.series ? st.t_min / NS_PER_MS : 0),
               (long long)(st.series ? st.t_max / NS_PER_MS : 0));
    put_list(json, "seriesCountByMetricName", &st.metrics, limit);
    put_list(json, "labelValueCountByLabelName", &st.values, limit);
    put_list(json, "memoryInBytesByLabelName", &st.bytes, limit);
    put_list(json, "seriesCountByLabelValuePair", &st.pairs, limit);
    buf_puts(json, "}");
    bool ok = budget_check(&db->query_pool, e);
    snapshot_unref(snap);
    arena_free(&a);
    return ok;
}

/* ---- snapshot ---- */
bool db_snapshot(Db *db, Rights *rights, char name[DB_SNAPSHOT_NAME], Ticket *t, Err *e)
{
    char path[4096], when[40];
    int64_t now = db->clock->wall_ns(db->clock), year;
    int month, day;
    if (!rights_superuser(rights, db, e))
        return false;
    int64_t s = floor_div(now, NS_PER_S), days = floor_div(s, 86400);
    int of_day = (int)(s - days * 86400);
    civil_from_days(days, &year, &month, &day);
    snprintf(when, sizeof when, "%04d%02d%02dT%02d%02d%02dZ", (int)year, month, day, of_day / 3600,
             of_day / 60 % 60, of_day % 60);
    snprintf(name, DB_SNAPSHOT_NAME, "%s-%016llx", when,
             (unsigned long long)db->clock->random(db->clock));
    if (snprintf(path, sizeof path, "%s/snapshots/%s", db->data_dir, name) >= (int)sizeof path)
        return err_set(e, ERR_INVALID_PARAMETER, "the path of the data directory is too long");
    char *slash = strrchr(path, '/');
    *slash = 0;
    if (!db->io->mkdir(db->io, path, e))
        return false;
    *slash = '/';
    engine_backup(db->engine, path, t);
    return true;
}

bool db_clean_tombstones(Db *db, Rights *rights, Ticket *t, Err *e)
{
    if (!rights_superuser(rights, db, e))
        return false;
    engine_vacuum(db->engine, 0, t);
    return true;
}
