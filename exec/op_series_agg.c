/* GROUP BY tags and one time bucket, straight from runs.
 *
 * A group is (tag values, bucket).  Values are looked up once a series, the group once a run and bucket;
 * bucket borders are found by galloping in the time array.  What lies inside one bucket is answered from
 * the statistics of the row group, else by an aggregate kernel of storage over the encoded column, else
 * (other aggregates, conditions) by decoding.  Pieces of the series set run as tasks and are merged.
 * When memory is short the states are saved into parts of a file, as op_agg.c does. */
#include "exec/op_scan_private.h"
#include "storage/codec.h"

/* (tag set, bucket start) -> group. */
typedef struct GroupKey {
    int64_t bucket;
    uint32_t tagset;
} GroupKey;

typedef struct GroupMap {
    uint32_t *slots; /* group + 1 */
    size_t mask;
    GroupKey *keys; /* of each group */
    size_t count, cap;
    Budget *budget;
    size_t charged;
} GroupMap;

typedef struct SeriesPart {
    Exec *x;
    const PlanSeriesAgg *plan;
    const GroupShape *shape;
    ScanSrc src;
    Arena arena, scratch;
    HashTable tagsets; /* values of the tag keys */
    GroupMap map;
    AggSet set;
    TagReader **readers;     /* of each tag key */
    bool loose;              /* the series lacks a key's tag: its rows bring the value */
    bool *in_keys;           /* columns that then are read */
    const SeriesKey *bucket; /* NULL = none */
    uint32_t tagset;         /* of the current series */
    uint32_t last;           /* group found last */
    bool *in_aggs;
    bool *sums_only; /* by field: what the aggregates want of its statistics */
    uint16_t *ident;
    bool ready;
    uint64_t runs, stat_runs, run_rows;
    BucketWalk walk;
    SpillParts *spilled;
    bool mergeable, flushing, ended;
    size_t flushed; /* groups */
} SeriesPart;

typedef struct SeriesSpread {
    const PlanSeriesAgg *plan;
    GroupShape shape;
    ScanSpread spread;
} SeriesSpread;

typedef struct OpSeriesAgg {
    Op op;
    SeriesPart part;
    SeriesSpread spread;
    Gang *gang;
    size_t merged, merged_at; /* pieces, and groups of the next one */
    uint32_t *merged_tagsets; /* of that piece: what they are here */
    bool saving, loaded;
    GroupMerge *merge;
    size_t at;
    Batch batch;
} OpSeriesAgg;

/* ---- the map ---- */

static uint64_t group_hash(GroupKey k)
{
    uint64_t h = ((uint64_t)k.bucket + k.tagset * UINT64_C(0x9e3779b97f4a7c15)) *
                 UINT64_C(0xd6e8feb86659fd93);
    return h ^ (h >> 32);
}

static void map_rehash(GroupMap *m)
{
    size_t slots = m->mask ? (m->mask + 1) * 2 : 256, cap = slots / 2;
    budget_charge(m->budget, (int64_t)(slots * sizeof *m->slots + cap * sizeof *m->keys) -
                                 (int64_t)m->charged);
    m->charged = slots * sizeof *m->slots + cap * sizeof *m->keys;
    mem_free(m->slots);
    m->slots = mem_zero(slots * sizeof *m->slots);
    m->keys = mem_realloc(m->keys, cap * sizeof *m->keys);
    m->cap = cap;
    m->mask = slots - 1;
    for (size_t g = 0; g < m->count; g++) {
        size_t s = group_hash(m->keys[g]) & m->mask;
        while (m->slots[s])
            s = (s + 1) & m->mask;
        m->slots[s] = (uint32_t)g + 1;
    }
}

static uint32_t map_group(GroupMap *m, GroupKey key)
{
    if (m->count == m->cap)
        map_rehash(m);
    size_t s = group_hash(key) & m->mask;
    for (; m->slots[s]; s = (s + 1) & m->mask) {
        const GroupKey *k = &m->keys[m->slots[s] - 1];
        if (k->bucket == key.bucket && k->tagset == key.tagset)
            return m->slots[s] - 1;
    }
    m->keys[m->count] = key;
    m->slots[s] = (uint32_t)++m->count;
    return m->slots[s] - 1;
}

static void map_clear(GroupMap *m)
{
    if (m->count > 0)
        memset(m->slots, 0, (m->mask + 1) * sizeof *m->slots);
    m->count = 0;
}

static void map_free(GroupMap *m)
{
    if (m->budget)
        budget_charge(m->budget, -(int64_t)m->charged);
    mem_free(m->slots);
    mem_free(m->keys);
}

/* ---- a part ---- */

/* The field that the aggregate takes, if statistics of it can answer; NO_FIELD. */
static uint32_t stats_field(const SeriesPart *p, const AggSlot *slot)
{
    const AggCall *c = slot->call;
    const PlanScan *scan = p->plan->scan;
    if (!slot->def->from_stats || c->filter || c->distinct || c->order_count || c->arg_count < 1 ||
        c->arg_count > 2 || c->args[0]->kind != EXPR_COLUMN)
        return NO_FIELD;
    const ScanCol *col = &scan->cols[c->args[0]->index];
    Phys phys = type_phys(col->type);
    if (col->kind != SCAN_FIELD || (phys != PH_I64 && phys != PH_F64))
        return NO_FIELD;
    if (c->arg_count == 2 &&
        (c->args[1]->kind != EXPR_COLUMN || scan->cols[c->args[1]->index].kind != SCAN_TIME))
        return NO_FIELD;
    /* Storage's type of the field is that of the argument: no conversion stands between. */
    const ColumnDef *def = table_column_by_id(p->src.table, col->column);
    return def && !def->keyed && def->phys == (phys == PH_I64 ? PHYS_I64 : PHYS_F64)
               ? p->src.field[c->args[0]->index]
               : NO_FIELD;
}

/* ORDER BY bucket LIMIT n: the groups of the first buckets are enough, in each piece. */
static bool part_walk(SeriesPart *p, Err *e)
{
    Value limit;
    const PlanSeriesAgg *plan = p->plan;
    if (!plan->bucket_limit || !p->bucket || p->src.none)
        return true;
    if (!exec_const(p->x, plan->bucket_limit, &p->arena, &limit, e))
        return false;
    if (!limit.null && limit.u.i64 > 0)
        walk_begin(&p->walk, &p->src, p->bucket, limit.u.i64, plan->bucket_desc);
    return true;
}

static bool part_open(SeriesPart *p, Exec *x, const SeriesSpread *s, Err *e)
{
    const PlanSeriesAgg *plan = s->plan;
    p->x = x;
    p->plan = plan;
    p->shape = &s->shape;
    Budget *budget = &x->query->budget;
    arena_init(&p->arena, budget);
    arena_init(&p->scratch, budget);
    p->map.budget = budget;
    p->last = HT_NONE;
    p->ready = true;
    p->mergeable = aggs_mergeable(plan->aggs, plan->agg_count);
    if (!aggset_init(&p->set, x, &s->shape, &p->scratch, e) ||
        !src_open(&p->src, x, plan->scan, &p->arena, e))
        return false;
    size_t tags = 0, cols = plan->scan->p.col_count;
    TypeId *types = ARENA_ARRAY(&p->arena, TypeId, plan->key_count + 1);
    p->readers = ARENA_ARRAY(&p->arena, TagReader *, plan->key_count + 1);
    for (size_t k = 0; k < plan->key_count; k++) {
        if (plan->keys[k].kind == KEY_BUCKET) {
            must(!p->bucket && plan->keys[k].width_ns > 0);
            p->bucket = &plan->keys[k];
        } else {
            types[tags++] = plan->keys[k].type;
            p->readers[k] = src_tag_reader(&p->src, plan->keys[k].column, plan->keys[k].type);
        }
    }
    ht_init(&p->tagsets, types, tags, budget);
    p->in_aggs = ARENA_ARRAY(&p->arena, bool, cols + 1);
    p->in_keys = ARENA_ARRAY(&p->arena, bool, cols + 1);
    for (size_t k = 0; k < plan->key_count; k++)
        if (plan->keys[k].keyed)
            p->in_keys[plan->keys[k].col] = true;
    for (size_t i = 0; i < plan->agg_count; i++) {
        expr_columns(plan->aggs[i].filter, p->in_aggs, cols);
        for (size_t a = 0; a < plan->aggs[i].arg_count; a++)
            expr_columns(plan->aggs[i].args[a], p->in_aggs, cols);
        for (size_t o = 0; o < plan->aggs[i].order_count; o++)
            expr_columns(plan->aggs[i].order[o], p->in_aggs, cols);
    }
    p->sums_only = ARENA_ARRAY(&p->arena, bool, p->src.column_count + 1);
    memset(p->sums_only, true, p->src.column_count);
    for (size_t i = 0; i < p->set.slot_count; i++) {
        AggSlot *slot = &p->set.slots[i];
        slot->stats_field = stats_field(p, slot);
        if (slot->stats_field != NO_FIELD)
            p->sums_only[slot->stats_field] &= slot->def->stats_sum;
    }
    p->ident = arena_alloc(&p->arena, sizeof row_ident);
    memcpy(p->ident, row_ident, sizeof row_ident);
    return part_walk(p, e);
}

static size_t part_bytes(const SeriesPart *p)
{
    return ht_bytes(&p->tagsets) + aggset_bytes(&p->set) + p->map.charged;
}

static bool part_full(const SeriesPart *p)
{
    size_t more = p->map.count + BATCH_ROWS > p->map.cap ? p->map.charged : 0;
    return spill_due(p->x->query, part_bytes(p), more + ht_growth(&p->tagsets, BATCH_ROWS));
}

static void part_count(SeriesPart *p)
{
    OpStats *st = exec_stats(p->x, &p->plan->p);
    src_count(&p->src);
    if (!st)
        return;
    st->runs += p->runs;
    st->stat_runs += p->stat_runs;
    int64_t bytes = (int64_t)part_bytes(p);
    st->bytes_max = bytes > st->bytes_max ? bytes : st->bytes_max;
    OpStats *scan = exec_stats(p->x, &p->plan->scan->p); /* it hands out runs, not batches */
    if (scan)
        scan->rows += p->run_rows;
    p->runs = p->stat_runs = p->run_rows = 0;
}

static void part_close(SeriesPart *p)
{
    if (!p->ready)
        return;
    src_close(&p->src);
    parts_close(p->spilled);
    ht_free(&p->tagsets);
    map_free(&p->map);
    aggset_free(&p->set);
    arena_free(&p->scratch);
    arena_free(&p->arena);
    p->ready = false;
}

/* One vector a tag key: of the run's columns (cols) where the series lacks the tag, else constants. */
static void key_vectors(SeriesPart *p, const Vector *cols, Vector *keys)
{
    for (size_t k = 0, n = 0; k < p->plan->key_count; k++) {
        const TagReader *t = p->readers[k];
        if (!t)
            continue;
        if (cols && p->plan->keys[k].keyed && t->code == 0)
            keys[n++] = cols[p->plan->keys[k].col];
        else if (t->value.null)
            vec_null_const(&keys[n++], t->type);
        else
            vec_init_const(&keys[n++], t->type, &t->value, &p->scratch);
    }
}

static bool enter_series(SeriesPart *p, Err *e)
{
    bool changed;
    if (!src_series(&p->src, &changed, e))
        return false;
    if (!changed)
        return true;
    p->tagset = 0;
    p->loose = false;
    for (size_t k = 0; k < p->plan->key_count; k++) {
        TagReader *t = p->readers[k];
        if (!t)
            continue;
        t->code = idx_tag_code(p->src.idx, p->src.run.series, t->column);
        p->loose |= p->plan->keys[k].keyed && t->code == 0;
        if (!src_tag_value(&p->src, t, t->code, &t->value, e))
            return false;
    }
    if (p->tagsets.col_count == 0 || p->loose)
        return true;
    Vector *keys = ARENA_ARRAY(&p->scratch, Vector, p->tagsets.col_count);
    key_vectors(p, NULL, keys);
    ht_put(&p->tagsets, keys, NULL, 1, &p->tagset);
    return true;
}

static uint32_t group_of(SeriesPart *p, uint32_t tagset, int64_t bucket)
{
    GroupKey key = {bucket, tagset};
    if (p->last != HT_NONE && p->map.keys[p->last].bucket == bucket &&
        p->map.keys[p->last].tagset == tagset)
        return p->last;
    p->last = map_group(&p->map, key);
    aggset_grow(&p->set, p->map.count);
    return p->last;
}

/* ---- the run, cut at the bucket borders ---- */

typedef struct Piece { /* rows [begin, end) of the run: all in one bucket */
    int64_t bucket;
    uint32_t begin, end;
} Piece;

/* The run's columns, decoded when first needed, and statistics of its pieces. */
typedef struct RunColumns {
    Batch batch; /* as the scan hands them out */
    bool *have;
    Piece *pieces;
    size_t piece_count;
    const uint32_t *cuts; /* piece_count - 1 row numbers */
    ChunkStats **stats;   /* by field: of each piece; several aggregates may ask */
    bool *stored;         /* they stand in the directory */
} RunColumns;

typedef enum StatsAnswer { STATS_DONE, STATS_NO, STATS_FAIL } StatsAnswer;

/* Wide buckets: all borders that lie in the run, without looking at its times. */
static bool cut_by_borders(SeriesPart *p, RunColumns *r, int64_t bucket, int64_t end_ns, Err *e)
{
    const ScanRun *run = &p->src.run;
    int64_t width = p->bucket->width_ns;
    size_t borders = (size_t)(((__int128)run->t_last - end_ns) / width) + 1;
    int64_t *border = arena_alloc(&p->scratch, borders * sizeof *border);
    uint32_t *cuts = arena_alloc(&p->scratch, borders * sizeof *cuts);
    r->pieces = arena_alloc(&p->scratch, (borders + 1) * sizeof *r->pieces);
    for (size_t i = 0; i < borders; i++)
        border[i] = end_ns + (int64_t)i * width;
    if (!scan_time_cuts(p->src.scan, border, borders, cuts, e))
        return false;
    for (size_t i = 0; i <= borders; i++)
        r->pieces[i] = (Piece){i ? border[i - 1] : bucket, i ? cuts[i - 1] : 0,
                               i < borders ? cuts[i] : run->rows};
    r->cuts = cuts;
    r->piece_count = borders + 1;
    return true;
}

/* Buckets that are narrow against the gaps between rows: from row to row. */
static bool cut_by_times(SeriesPart *p, RunColumns *r, Err *e)
{
    const int64_t *times;
    uint32_t rows = p->src.run.rows;
    uint32_t *cuts = arena_alloc(&p->scratch, (rows + 1) * sizeof *cuts);
    if (!scan_times(p->src.scan, &times, e))
        return false;
    r->pieces = arena_alloc(&p->scratch, rows * sizeof *r->pieces);
    for (uint32_t begin = 0, end; begin < rows; begin = end) {
        int64_t end_ns, bucket = bucket_of(p->bucket, times[begin], &end_ns);
        for (end = begin + 1; end < rows && (times[end] < end_ns || end_ns == INT64_MAX); end++)
            ;
        cuts[r->piece_count] = end;
        r->pieces[r->piece_count++] = (Piece){bucket, begin, end};
    }
    r->cuts = cuts;
    return true;
}

static bool cut_run(SeriesPart *p, RunColumns *r, Err *e)
{
    const ScanRun *run = &p->src.run;
    int64_t bucket = 0, end_ns = INT64_MAX;
    if (p->bucket)
        bucket = bucket_of(p->bucket, run->t_first, &end_ns);
    if (run->t_last < end_ns || end_ns == INT64_MAX) {
        r->pieces = arena_alloc(&p->scratch, sizeof *r->pieces);
        r->pieces[0] = (Piece){bucket, 0, run->rows};
        r->piece_count = 1;
        return true;
    }
    __int128 borders = ((__int128)run->t_last - end_ns) / p->bucket->width_ns + 1;
    return borders <= run->rows ? cut_by_borders(p, r, bucket, end_ns, e) : cut_by_times(p, r, e);
}

/* ---- aggregation of one piece ---- */

/* Times of the first and last row that has a value. */
static bool value_times(SeriesPart *p, uint32_t field, const Piece *pc, uint32_t count,
                        int64_t *first, int64_t *last, Err *e)
{
    uint32_t begin = pc->begin, end = pc->end;
    if (count < end - begin) {
        ColVec v;
        if (!scan_column(p->src.scan, field, &v, e))
            return false;
        while (begin < end - 1 && !bitmap_get(v.valid, begin))
            begin++;
        while (end > begin + 1 && !bitmap_get(v.valid, end - 1))
            end--;
    }
    return scan_time_at(p->src.scan, begin, first, e) &&
           scan_time_at(p->src.scan, end - 1, last, e);
}

static bool piece_stats(SeriesPart *p, RunColumns *r, uint32_t field, Err *e)
{
    if (!r->stats) {
        r->stats = ARENA_ARRAY(&p->scratch, ChunkStats *, p->src.column_count);
        r->stored = ARENA_ARRAY(&p->scratch, bool, p->src.column_count);
    }
    if (r->stats[field])
        return true;
    ChunkStats *st = arena_alloc(&p->scratch, r->piece_count * sizeof *st);
    r->stored[field] =
        r->piece_count == 1 && p->src.run.stats_exact && scan_stats(p->src.scan, field, st);
    RowCuts cuts = {r->cuts, r->piece_count - 1, p->sums_only[field], false};
    if (!r->stored[field] && !scan_stats_cuts(p->src.scan, field, &cuts, st, e))
        return false;
    r->stats[field] = st;
    return true;
}

static StatsAnswer from_stats(SeriesPart *p, RunColumns *r, AggSlot *slot, const Piece *pc,
                              void *state, Err *e)
{
    int64_t first = 0, last = 0;
    uint32_t field = slot->stats_field;
    if (field == NO_FIELD)
        return STATS_NO;
    if (!piece_stats(p, r, field, e))
        return STATS_FAIL;
    const ChunkStats *st = &r->stats[field][pc - r->pieces];
    /* NaN (and with it the stale marker, which is NULL) needs a look at the values. */
    if (st->type == PHYS_F64 && st->nan_count > 0)
        return STATS_NO;
    if (st->count == 0)
        return slot->def->skips_nulls ? STATS_DONE : STATS_NO;
    if (slot->call->arg_count == 2 && !value_times(p, field, pc, st->count, &first, &last, e))
        return STATS_FAIL;
    return slot->def->from_stats(&slot->ctx, state, st, first, last) ? STATS_DONE : STATS_NO;
}

static bool need_columns(SeriesPart *p, RunColumns *r, const bool *which, Err *e)
{
    const PlanScan *scan = p->plan->scan;
    if (!r->have) {
        r->batch = *batch_new(&p->scratch, scan->p.col_count);
        r->batch.rows = p->src.run.rows;
        r->have = ARENA_ARRAY(&p->scratch, bool, scan->p.col_count + 1);
        for (size_t c = 0; c < scan->p.col_count; c++)
            vec_null_const(&r->batch.cols[c], scan->cols[c].type);
    }
    for (size_t c = 0; c < scan->p.col_count; c++)
        if (which[c] && !r->have[c]) {
            if (!src_column(&p->src, c, &r->batch.cols[c], &p->scratch, e))
                return false;
            r->have[c] = true;
        }
    return true;
}

static bool is_plain_star(const AggCall *c)
{
    return c->star && c->arg_count == 0 && !c->filter && !c->distinct && !c->order_count;
}

static bool piece_add(SeriesPart *p, RunColumns *r, const Piece *pc, bool *all_stored, Err *e)
{
    uint32_t group = group_of(p, p->tagset, pc->bucket);
    for (size_t i = 0; i < p->set.slot_count; i++) {
        AggSlot *slot = &p->set.slots[i];
        void *state = p->set.groups[group] + slot->offset;
        if (is_plain_star(slot->call)) {
            if (!slot->def->update(&slot->ctx, state, NULL, NULL, pc->end - pc->begin, e))
                return false;
            continue;
        }
        StatsAnswer a = from_stats(p, r, slot, pc, state, e);
        if (a == STATS_FAIL)
            return false;
        if (a == STATS_DONE) {
            *all_stored &= r->stored[slot->stats_field];
            continue;
        }
        *all_stored = false;
        if (!need_columns(p, r, p->in_aggs, e))
            return false;
        r->batch.sel = p->ident + pc->begin;
        r->batch.sel_count = pc->end - pc->begin;
        if (!aggset_update_slot(&p->set, slot, &r->batch, NULL, group, e))
            return false;
    }
    return true;
}

/* ---- runs ---- */

static bool run_plain(SeriesPart *p, Err *e)
{
    RunColumns r = {0};
    bool all_stored = true;
    if (!cut_run(p, &r, e))
        return false;
    for (size_t i = 0; i < r.piece_count; i++)
        if (r.pieces[i].end > r.pieces[i].begin && !piece_add(p, &r, &r.pieces[i], &all_stored, e))
            return false;
    if (all_stored && r.piece_count == 1) {
        p->stat_runs++;
        scan_answered(p->src.scan);
    }
    return true;
}

/* Rows that were chosen by conditions, cut at the bucket borders. */
static bool run_chosen(SeriesPart *p, RunColumns *r, Batch *rows, Err *e)
{
    size_t n = batch_count(rows);
    const int64_t *times = NULL;
    if (!need_columns(p, r, p->in_aggs, e) || (p->bucket && !scan_times(p->src.scan, &times, e)))
        return false;
    rows->cols = r->batch.cols;
    for (size_t begin = 0, end; begin < n; begin = end) {
        int64_t bucket = 0, end_ns = INT64_MAX;
        if (p->bucket)
            bucket = bucket_of(p->bucket, times[batch_row(rows, begin)], &end_ns);
        end = end_ns == INT64_MAX ? n : begin + 1;
        while (end < n && times[batch_row(rows, end)] < end_ns)
            end++;
        Batch part = *rows;
        part.sel = (rows->sel ? rows->sel : p->ident) + begin;
        part.sel_count = end - begin;
        if (!aggset_update(&p->set, &part, NULL, group_of(p, p->tagset, bucket), e))
            return false;
    }
    return true;
}

/* Rows whose groups differ in more than the bucket. */
static bool run_loose(SeriesPart *p, RunColumns *r, Batch *rows, Err *e)
{
    size_t n = batch_count(rows);
    const int64_t *times = NULL;
    uint32_t tagsets[BATCH_ROWS], groups[BATCH_ROWS];
    if (!need_columns(p, r, p->in_aggs, e) || !need_columns(p, r, p->in_keys, e) ||
        (p->bucket && !scan_times(p->src.scan, &times, e)))
        return false;
    Vector *keys = ARENA_ARRAY(&p->scratch, Vector, p->tagsets.col_count);
    key_vectors(p, r->batch.cols, keys);
    ht_put(&p->tagsets, keys, rows->sel, n, tagsets);
    int64_t bucket = 0, end_ns = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        size_t row = batch_row(rows, i);
        if (p->bucket && times[row] >= end_ns)
            bucket = bucket_of(p->bucket, times[row], &end_ns);
        groups[row] = group_of(p, tagsets[i], bucket);
    }
    rows->cols = r->batch.cols;
    rows->col_count = r->batch.col_count;
    return aggset_update(&p->set, rows, groups, 0, e);
}

static bool run_filtered(SeriesPart *p, Err *e)
{
    RunColumns r = {0};
    const Expr *left;
    const bool *reads;
    Batch rows = {.rows = p->src.run.rows};
    if (!src_filter(&p->src, &rows, &p->scratch, &left, &reads, e))
        return false;
    if (!left && !rows.sel && !p->loose) /* all pass: statistics may answer */
        return run_plain(p, e);
    if (batch_count(&rows) > 0 && left) {
        if (!need_columns(p, &r, reads, e))
            return false;
        rows.cols = r.batch.cols;
        rows.col_count = r.batch.col_count;
        p->x->ctx.scratch = &p->scratch;
        if (!expr_filter(&p->x->ctx, left, &rows, e))
            return false;
    }
    return batch_count(&rows) == 0 ||
           (p->loose ? run_loose(p, &r, &rows, e) : run_chosen(p, &r, &rows, e));
}

/* QUERY_BATCH: memory is short. */
static QueryStatus part_runs(SeriesPart *p, Err *e)
{
    if (!p->src.scan && !p->src.none && !src_start(&p->src, e))
        return QUERY_FAIL;
    for (;;) {
        QueryStatus st = exec_tick(p->x, e);
        if (st != QUERY_BATCH)
            return st;
        /* Several runs between two looks at the clock. */
        for (int i = 0; i < 8; i++) {
            ScanStatus got = src_next(&p->src, e);
            if (got == SCAN_END && p->map.count < (size_t)p->walk.want &&
                walk_next(&p->walk, &p->src)) {
                if (!src_start(&p->src, e))
                    return QUERY_FAIL;
                continue;
            }
            if (got == SCAN_END)
                return QUERY_END;
            if (got != SCAN_RUN)
                return got == SCAN_WAIT ? QUERY_WAIT : QUERY_FAIL;
            arena_reset(&p->scratch);
            p->runs++;
            p->run_rows += p->src.run.rows;
            if (!enter_series(p, e) ||
                !(p->src.filter->all || p->loose ? run_filtered(p, e) : run_plain(p, e)))
                return QUERY_FAIL;
            if (p->loose) /* it may have brought many groups */
                break;
        }
        if (part_full(p))
            return QUERY_BATCH;
    }
}

/* The start in the key's unit of the bucket that holds the first ns, which is not a number of ns. */
static int64_t first_bucket(const SeriesKey *key)
{
    __int128 unit = key->type == T_DATE ? NS_PER_DAY : NS_PER_US, width = key->width_ns;
    __int128 diff = (__int128)INT64_MIN - key->origin_ns, into = diff % width;
    __int128 start = (__int128)INT64_MIN - (into < 0 ? into + width : into);
    return (int64_t)((start - (start % unit + unit) % unit) / unit);
}

/* ---- groups as rows ---- */

static void key_column(SeriesPart *p, size_t k, size_t begin, size_t n, Vector *out, Arena *a)
{
    const SeriesKey *key = &p->plan->keys[k];
    if (key->kind == KEY_TAG) {
        Vector all;
        uint32_t *ids = arena_alloc(a, n * sizeof *ids);
        size_t col = 0;
        for (size_t i = 0; i < k; i++)
            col += p->readers[i] != NULL;
        for (size_t i = 0; i < n; i++)
            ids[i] = p->map.keys[begin + i].tagset;
        ht_keys(&p->tagsets, col, 0, &all);
        all.kind = VEC_DICT;
        all.codes = ids;
        all.dict_count = (uint32_t)p->tagsets.count;
        vec_gather(out, &all, NULL, n, a);
        return;
    }
    vec_init_flat(out, key->type, n, a);
    for (size_t i = 0; i < n; i++) {
        int64_t bucket = p->map.keys[begin + i].bucket;
        if (bucket == INT64_MIN &&
            key->type != T_INT8) /* it began before the first time there is */
            out->v.i64[i] = first_bucket(key);
        else
            out->v.i64[i] = key->type == T_DATE   ? floor_div(bucket, NS_PER_DAY)
                            : key->type == T_INT8 ? bucket
                                                  : floor_div(bucket, NS_PER_US);
    }
}

static bool flush_some(SeriesPart *p, size_t n, Err *e)
{
    uint32_t ids[BATCH_ROWS];
    size_t keys = p->plan->key_count;
    arena_reset(&p->scratch);
    Vector *v = ARENA_ARRAY(&p->scratch, Vector, keys + 1);
    for (size_t k = 0; k < keys; k++)
        key_column(p, k, p->flushed, n, &v[k], &p->scratch);
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)(p->flushed + i);
    return states_put(p->spilled, &p->set, v, keys, ids, n, e);
}

/* Moves all groups into the file; QUERY_BATCH: done. */
static QueryStatus part_flush(SeriesPart *p, Exec *x, Err *e)
{
    const GroupShape *s = p->shape;
    if (!p->spilled && !parts_open(&p->spilled, x->query, s->types, s->key_count + 1, 0, e))
        return QUERY_FAIL;
    while (p->flushed < p->map.count) {
        size_t left = p->map.count - p->flushed, n = left < BATCH_ROWS ? left : BATCH_ROWS;
        if (!flush_some(p, n, e))
            return QUERY_FAIL;
        p->flushed += n;
        QueryStatus st = exec_tick(x, e);
        if (st != QUERY_BATCH)
            return st;
    }
    p->flushed = 0;
    p->last = HT_NONE;
    p->src.series = 0; /* its codes are looked up anew */
    map_clear(&p->map);
    ht_clear(&p->tagsets);
    aggset_clear(&p->set);
    return QUERY_BATCH;
}

static QueryStatus part_settle(SeriesPart *p, Err *e)
{
    if (!p->flushing)
        return aggset_settle(&p->set, false, e);
    QueryStatus st = part_flush(p, p->x, e);
    p->flushing = st != QUERY_BATCH;
    return st;
}

static QueryStatus part_load(SeriesPart *p, Err *e)
{
    for (;;) {
        QueryStatus st = part_settle(p, e);
        if (st != QUERY_BATCH)
            return st;
        if (p->ended)
            return QUERY_END;
        st = part_runs(p, e);
        part_count(p);
        if (st == QUERY_BATCH) { /* memory is short */
            p->flushing = p->mergeable && p->set.group_count > 1;
            if (!p->mergeable)
                aggset_shrink(&p->set);
            continue;
        }
        if (st != QUERY_END)
            return st;
        p->ended = true;
        p->flushing = p->spilled && p->map.count > 0;
    }
}

/* What the tag sets of the piece are here. */
static uint32_t *merge_tagsets(SeriesPart *into, const SeriesPart *from)
{
    size_t keys = from->tagsets.col_count, sets = keys ? from->tagsets.count : 1;
    arena_reset(&into->scratch);
    uint32_t *tagset = mem_zero((sets + BATCH_ROWS) * sizeof *tagset);
    Vector *cols = ARENA_ARRAY(&into->scratch, Vector, keys + 1);
    for (size_t t = 0; keys && t < sets; t += BATCH_ROWS) {
        for (size_t k = 0; k < keys; k++)
            ht_keys(&from->tagsets, k, t, &cols[k]);
        size_t n = sets - t < BATCH_ROWS ? sets - t : BATCH_ROWS;
        ht_put(&into->tagsets, cols, NULL, n, tagset + t);
    }
    return tagset;
}

static bool merge_some(OpSeriesAgg *a, SeriesPart *from, size_t n, Err *e)
{
    SeriesPart *into = &a->part;
    if (a->merged_at == 0)
        a->merged_tagsets = merge_tagsets(into, from);
    for (size_t g = a->merged_at; g < a->merged_at + n; g++) {
        const GroupKey *key = &from->map.keys[g];
        uint32_t group = group_of(into, a->merged_tagsets[key->tagset], key->bucket);
        if (!aggset_merge(&into->set, group, &from->set, (uint32_t)g, e))
            return false;
    }
    a->merged_at += n;
    return true;
}

/* One piece into the groups of all; or, where those are too many, both into files. */
static QueryStatus merge_piece(OpSeriesAgg *a, SeriesPart *from, Err *e)
{
    SeriesPart *all = &a->part;
    QueryStatus st;
    while (!a->saving && a->merged_at < from->map.count) {
        size_t left = from->map.count - a->merged_at;
        if (!merge_some(a, from, left < BATCH_ROWS ? left : BATCH_ROWS, e))
            return QUERY_FAIL;
        a->saving = all->map.count > 1 && part_full(all);
        if ((st = exec_tick(a->op.x, e)) != QUERY_BATCH)
            return st;
    }
    if (!a->saving)
        return QUERY_BATCH;
    if (all->map.count > 0 && (st = part_flush(all, a->op.x, e)) != QUERY_BATCH)
        return st;
    if (from->flushed < a->merged_at)
        from->flushed = a->merged_at;
    return from->map.count > 0 ? part_flush(from, a->op.x, e) : QUERY_BATCH;
}

static QueryStatus merge_pieces(OpSeriesAgg *a, Err *e)
{
    size_t count = gang_count(a->gang);
    for (size_t i = 0; i < count && a->merged == 0 && a->merged_at == 0; i++)
        a->saving |= ((SeriesPart *)gang_piece(a->gang, i))->spilled != NULL;
    for (; a->merged < count; a->merged++) {
        SeriesPart *piece = gang_piece(a->gang, a->merged);
        QueryStatus st = merge_piece(a, piece, e);
        if (st != QUERY_BATCH)
            return st;
        a->merged_at = 0;
        mem_free(a->merged_tagsets);
        a->merged_tagsets = NULL;
        map_free(&piece->map);
        piece->map = (GroupMap){0};
        aggset_free(&piece->set);
    }
    return QUERY_END;
}

/* ---- pieces ---- */

static bool piece_open(Exec *x, void *piece, void *arg, size_t index, Err *e)
{
    SeriesSpread *s = arg;
    x->slice = set_slice(s->spread.set, index, s->spread.pieces);
    return part_open(piece, x, s, e);
}

static QueryStatus piece_step(Exec *x, void *piece, Err *e)
{
    (void)x;
    return part_load(piece, e);
}

static void piece_close(void *piece)
{
    part_close(piece);
}

static const GangDef series_gang = {sizeof(SeriesPart), piece_open, piece_step, piece_close};

/* Without buckets most row groups are answered by their statistics, else by fused kernels. */
static double work_of(const SeriesPart *p)
{
    double work = 0;
    for (size_t i = 0; i < p->set.slot_count; i++) {
        const AggSlot *slot = &p->set.slots[i];
        bool stats = slot->call->star || (slot->stats_field != NO_FIELD && !p->src.strict.all);
        work += !stats ? 1 : p->bucket ? 0.2 : 0.02;
    }
    return work;
}

static bool series_open(Op *op, Err *e)
{
    OpSeriesAgg *a = (OpSeriesAgg *)op;
    const PlanSeriesAgg *plan = (const PlanSeriesAgg *)op->plan;
    a->spread.plan = plan;
    group_shape(&a->spread.shape, plan->key_count, plan->aggs, plan->agg_count, &op->arena);
    for (size_t k = 0; k < plan->key_count; k++)
        a->spread.shape.types[k] = plan->keys[k].type;
    if (!part_open(&a->part, op->x, &a->spread, e))
        return false;
    if (plan->key_count == 0)
        group_of(&a->part, 0, 0);
    if (!a->part.mergeable)
        return true;
    src_spread(&a->part.src, work_of(&a->part), &a->spread.spread);
    if (a->spread.spread.pieces > 1) {
        a->gang = gang_start(op->x, &series_gang, &a->spread, a->spread.spread.pieces);
        if (op->stats)
            op->stats->pieces = (uint32_t)a->spread.spread.pieces;
    }
    return true;
}

/* What went into files is merged from there. */
static bool series_merge(OpSeriesAgg *a, Err *e)
{
    size_t pieces = a->gang ? gang_count(a->gang) : 0;
    SpillParts **files = ARENA_ARRAY(&a->op.arena, SpillParts *, pieces + 1);
    for (size_t i = 0; i <= pieces; i++) {
        SeriesPart *p = i ? gang_piece(a->gang, i - 1) : &a->part;
        files[i] = p->spilled;
        p->spilled = NULL;
    }
    return groups_merge_open(&a->merge, &a->op, &a->spread.shape, files, pieces + 1, e);
}

static QueryStatus series_load(OpSeriesAgg *a, Err *e)
{
    QueryStatus st;
    if (!a->gang) {
        st = part_load(&a->part, e);
    } else {
        st = gang_wait(a->gang, a->op.x, e);
        if (st == QUERY_BATCH)
            st = merge_pieces(a, e);
    }
    if (st != QUERY_END)
        return st;
    if (a->part.mergeable)
        return series_merge(a, e) ? QUERY_BATCH : QUERY_FAIL;
    return aggset_settle(&a->part.set, true, e);
}

/* ---- output ---- */

static QueryStatus series_next(Op *op, Batch **out, Err *e)
{
    OpSeriesAgg *a = (OpSeriesAgg *)op;
    SeriesPart *p = &a->part;
    size_t keys = p->plan->key_count, n;
    QueryStatus st;
    if (!a->loaded) {
        if ((st = series_load(a, e)) != QUERY_BATCH)
            return st;
        a->loaded = true;
    }
    arena_reset(&op->scratch);
    *out = &a->batch;
    if (a->merge) {
        st = groups_merge_next(a->merge, &a->batch, &op->scratch, e);
        if (op->stats)
            op->stats->parts = groups_merge_parts(a->merge);
        return st;
    }
    if (a->at == p->map.count)
        return QUERY_END;
    a->batch = *batch_new(&op->scratch, op->plan->col_count);
    st = aggset_output(&p->set, a->at, &n, a->batch.cols + keys, &op->scratch, e);
    if (st != QUERY_BATCH)
        return st;
    for (size_t k = 0; k < keys; k++)
        key_column(p, k, a->at, n, &a->batch.cols[k], &op->scratch);
    a->batch.rows = n;
    a->at += n;
    return QUERY_BATCH;
}

static void series_close(Op *op)
{
    OpSeriesAgg *a = (OpSeriesAgg *)op;
    gang_close(a->gang);
    mem_free(a->merged_tagsets);
    scan_spread_free(&a->spread.spread);
    groups_merge_close(a->merge);
    part_close(&a->part);
}

const OpDef op_series_agg = {"Series Aggregate", sizeof(OpSeriesAgg), series_open, series_next,
                             series_close};
