/* session/promql_tsdb.c - status/tsdb: how many series there are, and what makes them many.
 *
 * Counted over metrics, as Prometheus has them: a table with three numeric fields is three, each with the
 * labels of its series.  A value that several tables have is one. */
#include "base/hash.h"
#include "session/promql_private.h"
#include <stdlib.h>

typedef struct Named {
    Slice name;
    uint64_t n;
} Named;

/* Counts by name; `slots` finds them. */
typedef struct NamedList {
    Arena *arena;
    Named *items;
    uint32_t *slots;
    size_t count, cap;
} NamedList;

static void named_grow(NamedList *l)
{
    size_t cap = l->cap ? l->cap * 2 : 64;
    Named *items = ARENA_ARRAY(l->arena, Named, cap);
    if (l->count)
        memcpy(items, l->items, l->count * sizeof *items);
    l->items = items;
    l->cap = cap;
    l->slots = ARENA_ARRAY(l->arena, uint32_t, cap * 2);
    for (size_t i = 0; i < l->count; i++) {
        size_t at = hash64(items[i].name.ptr, items[i].name.len, 0) & (cap * 2 - 1);
        while (l->slots[at])
            at = (at + 1) & (cap * 2 - 1);
        l->slots[at] = (uint32_t)i + 1;
    }
}

/* Returns whether the name is new. */
static bool named_add(NamedList *l, Slice name, uint64_t n)
{
    if (l->count == l->cap)
        named_grow(l);
    size_t at = hash64(name.ptr, name.len, 0) & (l->cap * 2 - 1);
    for (; l->slots[at]; at = (at + 1) & (l->cap * 2 - 1))
        if (slice_eq(l->items[l->slots[at] - 1].name, name)) {
            l->items[l->slots[at] - 1].n += n;
            return false;
        }
    l->items[l->count++] = (Named){arena_slice(l->arena, name), n};
    l->slots[at] = (uint32_t)l->count;
    return true;
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
    Snapshot *snap;
    NamedList metrics, values, bytes, pairs;
    uint64_t series, chunks;
    int64_t t_min, t_max;
    Buf pair;
} Statistics;

/* `series` have the label with this value. */
static void count_value(Statistics *st, Slice label, Slice value, uint64_t series)
{
    buf_clear(&st->pair);
    buf_put_slice(&st->pair, label);
    buf_puts(&st->pair, "=");
    buf_put_slice(&st->pair, value);
    if (!named_add(&st->pairs, buf_slice(&st->pair), series))
        return;
    named_add(&st->values, label, 1);
    named_add(&st->bytes, label, value.len);
}

static void count_labels(Statistics *st, const TableDef *t)
{
    SeriesIndex *idx = engine_index(snapshot_engine(st->snap));
    for (size_t i = 0; i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        if (!column_in_series(c) || c->dropped)
            continue;
        uint32_t n = idx_code_count(idx, t->id, c->id);
        Arena a;
        arena_init(&a, NULL);
        TagValueCount *counts = ARENA_ARRAY(&a, TagValueCount, n + 1u);
        size_t found = idx_top_values(idx, t->id, c->id, counts, n + 1u);
        for (size_t k = 0; k < found; k++)
            if (counts[k].series)
                count_value(st, c->label.len ? c->label : c->name, counts[k].value,
                            counts[k].series);
        arena_free(&a);
    }
}

/* Row groups are what Prometheus calls chunks: runs of rows of one series. */
static void count_rows(Statistics *st, const TableDef *t, size_t series)
{
    enum { CHUNK_ROWS = 1024 };
    TableInfo info;
    int64_t t_min, t_max;
    snapshot_table_about(st->snap, t->id, &info);
    uint64_t full = info.rows / CHUNK_ROWS;
    st->chunks += full > series ? full : series;
    if (!snapshot_table_bounds(st->snap, t->id, &t_min, &t_max))
        return;
    st->t_min = t_min < st->t_min ? t_min : st->t_min;
    st->t_max = t_max > st->t_max ? t_max : st->t_max;
}

static bool count_metric(void *arg, const TableDef *t, Slice name, size_t series)
{
    Statistics *st = arg;
    st->series += series;
    named_add(&st->metrics, name, series);
    count_value(st, SLICE_LIT("__name__"), name, series);
    count_labels(st, t);
    count_rows(st, t, series);
    return true;
}

static void put_statistics(Statistics *st, uint64_t limit, Buf *json)
{
    buf_printf(json,
               "{\"headStats\":{\"numSeries\":%llu,\"numLabelPairs\":%llu,\"chunkCount\":%llu,"
               "\"minTime\":%lld,\"maxTime\":%lld}",
               (unsigned long long)st->series, (unsigned long long)st->pairs.count,
               (unsigned long long)st->chunks,
               (long long)(st->series ? floor_div(st->t_min, NS_PER_MS) : 0),
               (long long)(st->series ? floor_div(st->t_max, NS_PER_MS) : 0));
    put_list(json, "seriesCountByMetricName", &st->metrics, limit);
    put_list(json, "labelValueCountByLabelName", &st->values, limit);
    put_list(json, "memoryInBytesByLabelName", &st->bytes, limit);
    put_list(json, "seriesCountByLabelValuePair", &st->pairs, limit);
    buf_puts(json, "}");
}

bool prom_tsdb_status(Db *db, Rights *rights, ObjectId database, uint64_t limit, Buf *json, Err *e)
{
    Arena a;
    arena_init(&a, &db->query_pool);
    Statistics st = {.metrics = {.arena = &a},
                     .values = {.arena = &a},
                     .bytes = {.arena = &a},
                     .pairs = {.arena = &a},
                     .t_min = INT64_MAX,
                     .t_max = INT64_MIN};
    buf_init(&st.pair);
    st.snap = engine_snapshot(db->engine, NULL);
    const SchemaDef *s = cat_schema(snapshot_catalog(st.snap), database, SLICE_LIT("public"));
    PqlListing l = {.snapshot = st.snap,
                    .rights = {rights_may_read, rights},
                    .schema = s ? s->id : 0,
                    .start_ms = PROM_MS_MIN,
                    .end_ms = PROM_MS_MAX};
    bool ok = (!s || pql_metrics(&l, count_metric, &st, e)) && budget_check(&db->query_pool, e);
    if (ok)
        put_statistics(&st, limit, json);
    snapshot_unref(st.snap);
    buf_free(&st.pair);
    arena_free(&a);
    return ok;
}
