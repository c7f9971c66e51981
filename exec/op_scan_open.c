/* What a scan reads: time bounds, series by their tags, row groups by statistics, pieces for the pool. */
#include "exec/op_scan_private.h"
#include "storage/watch.h"

#include <math.h>
#include <stdio.h>

enum {
    SPREAD_WORK_MIN =
        300000, /* estimated values to look at, below which one task does it all: about 1 ms */
    SPREAD_SERIES_WORK = 150, /* finding the row groups of a series, in values */
    SPREAD_PER_WORKER = 3,    /* pieces; more than one evens out unequal series */
    SPREAD_FILES_MAX = 256,
    MORSEL_ROWS = 16 << 10,
    MORSELS_MAX = 1 << 20,
    MORSEL_TAIL = 16, /* each piece looks through the rows that are not in files: few then */
};

bool exec_const(Exec *x, const Expr *expr, Arena *a, Value *out, Err *e)
{
    Batch one = {.rows = 1};
    Vector v;
    if (expr->kind == EXPR_CONST) {
        *out = expr->value;
        return true;
    }
    x->ctx.scratch = a;
    if (!expr_eval(&x->ctx, expr, &one, &v, e))
        return false;
    *out = vec_get(&v, 0);
    return true;
}

typedef struct Used {
    bool *used;
    size_t n;
} Used;

static void mark_column(void *arg, Expr *node)
{
    Used *u = arg;
    if (node->kind == EXPR_COLUMN && node->index < u->n)
        u->used[node->index] = true;
}

void expr_columns(const Expr *x, bool *used, size_t n)
{
    Used u = {used, n};
    union { /* expr_walk may change the tree; this walk does not */
        const Expr *in;
        Expr *out;
    } cast = {x};
    if (x)
        expr_walk(cast.out, mark_column, &u);
}

/* ---- time ---- */

/* SQL sees the floor of a time to us, so `time <= x` lets all 1000 ns of the last us in. */
static void bound_apply(const char *op, bool ns, int64_t value, __int128 *lo, __int128 *hi)
{
    __int128 unit = ns ? 1 : NS_PER_US;
    __int128 begin = value * unit, end = begin + unit - 1; /* the ns that are this value */
    bool low = op[0] == '>' || op[0] == '=', high = op[0] == '<' || op[0] == '=';
    bool with = op[0] == '=' || op[1] == '=';
    __int128 from = with ? begin : end + 1, to = with ? end : begin - 1;
    if (low && from > *lo)
        *lo = from;
    if (high && to < *hi)
        *hi = to;
}

static bool src_bounds(ScanSrc *s, Err *e)
{
    __int128 lo = TIME_MIN_NS, hi = TIME_MAX_NS;
    for (size_t i = 0; i < s->plan->bound_count; i++) {
        const TimeBound *b = &s->plan->bounds[i];
        Value v;
        if (!exec_const(s->x, b->value, s->arena, &v, e))
            return false;
        if (v.null) {
            s->none = true;
            continue;
        }
        int64_t value = v.u.i64;
        bool infinite = value == INT64_MIN || value == INT64_MAX;
        if (b->value->type == T_DATE && !infinite)
            value *= INT64_C(86400) * 1000000;
        bound_apply(b->op, b->ns, value, &lo, &hi);
    }
    if (lo > hi || lo > TIME_MAX_NS || hi < TIME_MIN_NS)
        s->none = true;
    s->t_min = s->none ? 0 : (int64_t)lo;
    s->t_max = s->none ? 0 : (int64_t)hi;
    return true;
}

/* ---- tags ---- */

static void narrow(ScanSrc *s, SeriesSet *take_set)
{
    if (s->set) {
        SeriesSet *both = set_and(s->set, take_set);
        set_unref(s->set);
        set_unref(take_set);
        take_set = both;
    }
    s->set = take_set;
}

/* The text that the series keeps for this value; false: no series can have it. */
static bool tag_text(ScanSrc *s, const TypeDef *def, const Value *v, Slice *out)
{
    if (v->null)
        return false;
    if (def->category == 'S') {
        *out = v->u.str;
    } else {
        Buf buf;
        buf_init(&buf);
        TypeEnv env = type_stored_env(&s->x->ctx.env);
        def->out(&env, v, &buf);
        *out = arena_slice(s->arena, buf_slice(&buf));
        buf_free(&buf);
    }
    return out->len > 0; /* an empty tag is an absent one, which is NULL */
}

/* And the series whose rows have the column as a field. */
static SeriesSet *with_untagged(ScanSrc *s, ColumnId column, SeriesSet *take_found)
{
    TagMatch no = {.column = column, .kind = TAG_EQ, .value = SLICE_LIT("")};
    SeriesSet *untagged = idx_select(s->idx, s->plan->table, &no, 1);
    if (!take_found)
        return untagged;
    SeriesSet *all = set_or(take_found, untagged);
    set_unref(take_found);
    set_unref(untagged);
    return all;
}

static bool select_in(ScanSrc *s, const TagPred *p, Err *e)
{
    const TypeDef *def = type_find(p->type);
    size_t n = 0, cap = p->in_count + 1;
    Slice *texts = ARENA_ARRAY(s->arena, Slice, cap);
    for (size_t i = 0; i < p->in_count; i++) {
        Value v;
        if (!exec_const(s->x, p->in[i], s->arena, &v, e))
            return false;
        if (!p->array) {
            n += tag_text(s, def, &v, &texts[n]);
            continue;
        }
        if (v.null)
            continue;
        const Array *arr = v.u.arr;
        Slice *more = ARENA_ARRAY(s->arena, Slice, n + arr->count + p->in_count + 1);
        memcpy(more, texts, n * sizeof *texts);
        texts = more;
        for (size_t k = 0; k < arr->count; k++)
            n += tag_text(s, def, &arr->items[k], &texts[n]);
    }
    if (n == 0 && !p->keyed) {
        s->none = true;
        return true;
    }
    TagMatch m = {.column = p->column,
                  .kind = n == 1 ? TAG_EQ : TAG_IN,
                  .value = texts[0],
                  .values = texts,
                  .value_count = n};
    SeriesSet *found = n ? idx_select(s->idx, s->plan->table, &m, 1) : NULL;
    narrow(s, p->keyed ? with_untagged(s, p->column, found) : found);
    return true;
}

/* Runs the test over all values of the tag, BATCH_ROWS at a time; code 0 stands for absent. */
static bool test_codes(ScanSrc *s, const TagPred *p, TagReader *t, uint32_t codes, Slice *passed,
                       size_t *count, bool *absent, Err *e)
{
    Arena scratch;
    arena_init(&scratch, s->arena->budget);
    bool ok = true;
    for (uint32_t begin = 0; ok && begin < codes; begin += BATCH_ROWS) {
        arena_reset(&scratch);
        size_t n = codes - begin < BATCH_ROWS ? codes - begin : BATCH_ROWS;
        Batch *b = batch_new(&scratch, 1);
        vec_init_flat(&b->cols[0], p->type, n, &scratch);
        b->rows = n;
        for (size_t i = 0; ok && i < n; i++) {
            Value v = value_null();
            ok = begin + i == 0 || src_tag_value(s, t, begin + (uint32_t)i, &v, e);
            vec_set(&b->cols[0], i, &v, n, &scratch);
        }
        s->x->ctx.scratch = &scratch;
        ok = ok && expr_filter(&s->x->ctx, p->test, b, e);
        for (size_t i = 0; ok && i < batch_count(b); i++) {
            uint32_t code = begin + (uint32_t)batch_row(b, i);
            if (code == 0)
                *absent = true;
            else
                passed[(*count)++] = idx_code_value(s->idx, s->plan->table, p->column, code);
        }
    }
    arena_free(&scratch);
    return ok;
}

static bool select_test(ScanSrc *s, const TagPred *p, Err *e)
{
    uint32_t codes = idx_code_count(s->idx, s->plan->table, p->column);
    codes = codes ? codes : 1;
    Slice *passed = ARENA_ARRAY(s->arena, Slice, codes + 1);
    size_t count = 0;
    bool absent = false;
    TagReader *t = src_tag_reader(s, p->column, p->type);
    if (!test_codes(s, p, t, codes, passed, &count, &absent, e))
        return false;
    absent |= p->keyed;
    if (absent && count + 1 == codes)
        return true; /* everything passes */
    TagMatch in = {.column = p->column, .kind = TAG_IN, .values = passed, .value_count = count};
    if (!absent && count == 0) {
        s->none = true;
        return true;
    }
    SeriesSet *found = count ? idx_select(s->idx, s->plan->table, &in, 1) : NULL;
    narrow(s, absent ? with_untagged(s, p->column, found) : found);
    return true;
}

bool src_select_tags(ScanSrc *s, Err *e)
{
    for (size_t i = 0; i < s->plan->tag_count && !s->none; i++) {
        const TagPred *p = &s->plan->tags[i];
        if (!(p->in ? select_in(s, p, e) : select_test(s, p, e)))
            return false;
    }
    if (s->set && set_count(s->set) == 0)
        s->none = true;
    return true;
}

/* ---- columns ---- */

static bool column_known(const ScanSrc *s, ColumnId id)
{
    const ColumnDef *def = table_column_by_id(s->table, id);
    return def && !def->dropped;
}

/* By the catalog of the snapshot: it may be newer than the plan. */
bool src_keyed(const ScanSrc *s, size_t c)
{
    const ScanCol *col = &s->plan->cols[c];
    const ColumnDef *def =
        col->kind == SCAN_FIELD ? table_column_by_id(s->table, col->column) : NULL;
    return def && def->keyed;
}

static void src_columns(ScanSrc *s)
{
    const PlanScan *plan = s->plan;
    size_t n = plan->p.col_count;
    s->columns = ARENA_ARRAY(s->arena, ColumnId, n + 1);
    s->field = ARENA_ARRAY(s->arena, uint32_t, n + 1);
    s->tags = ARENA_ARRAY(s->arena, TagReader *, n + 1);
    s->keyed = ARENA_ARRAY(s->arena, TagReader *, n + 1);
    s->tag_columns = ARENA_ARRAY(s->arena, ColumnId, n + 1);
    s->tag_codes = ARENA_ARRAY(s->arena, uint32_t, n + 1);
    for (size_t c = 0; c < n; c++) {
        const ScanCol *col = &plan->cols[c];
        s->field[c] = NO_FIELD;
        if (col->kind == SCAN_TAG || src_keyed(s, c)) {
            TagReader *t = src_tag_reader(s, col->column, col->type);
            *(col->kind == SCAN_TAG ? &s->tags[c] : &s->keyed[c]) = t;
            s->tag_columns[s->tag_count++] = col->column;
        }
        bool number = col->kind == SCAN_ROW && s->table->duplicates == DUP_KEEP;
        if (!number && (col->kind != SCAN_FIELD || !column_known(s, col->column)))
            continue;
        ColumnId id = number ? COLUMN_ROW : col->column;
        size_t k = 0;
        while (k < s->column_count && s->columns[k] != id)
            k++;
        if (k == s->column_count)
            s->columns[s->column_count++] = id;
        s->field[c] = (uint32_t)k;
    }
}

/* A piece reads its part of the times. */
static void src_cut(ScanSrc *s)
{
    if (s->t_min < s->x->cut_min)
        s->t_min = s->x->cut_min;
    if (s->t_max > s->x->cut_max)
        s->t_max = s->x->cut_max;
    s->none |= s->t_min > s->t_max;
}

/* Rows that went are asked for, and their tiers do not answer. */
static bool src_whole(ScanSrc *s, Err *e)
{
    bool hides;
    int64_t seam;
    char when[64];
    if (!s->plan->whole || s->none)
        return true;
    if (!tier_hides(s->x->query->snapshot, s->plan->table, s->t_min, s->t_max, &hides, &seam, e))
        return false;
    if (!hides)
        return true;
    Buf text;
    Value v = value_i64(seam / 1000);
    buf_init(&text);
    type_find(T_TIMESTAMPTZ)->out(&s->x->ctx.env, &v, &text);
    snprintf(when, sizeof when, "%.*s", SLICE_ARG(buf_slice(&text)));
    buf_free(&text);
    err_set(e, ERR_INVALID_PARAMETER,
            "rows of table \"%.*s\" before %s are gone, and its tiers do not answer this query",
            SLICE_ARG(s->plan->table_name), when);
    return err_hint(
        e, "Tiers keep count, sum, min, max, first and last of fields, to be grouped by time and "
           "tags. SET skulk.tiers = 'ignore' shows the rows that are there.");
}

bool src_open(ScanSrc *s, Exec *x, const PlanScan *plan, Arena *arena, Err *e)
{
    *s = (ScanSrc){.x = x, .plan = plan, .arena = arena};
    Snapshot *snap = x->query->snapshot;
    must(snap != NULL);
    s->idx = engine_index(snapshot_engine(snap));
    s->table = cat_table_by_id(snapshot_catalog(snap), plan->table);
    if (!s->table)
        return err_set(e, ERR_UNDEFINED_TABLE, "table \"%.*s\" does not exist any more",
                       SLICE_ARG(plan->table_name));
    src_columns(s);
    filter_make(s, &s->strict, plan->filter, NULL);
    filter_make(s, &s->loose, plan->filter, plan->recheck);
    s->filter = &s->strict;
    if (!src_bounds(s, e) || !src_select_tags(s, e) || !src_whole(s, e))
        return false;
    if (x->cut)
        src_cut(s);
    s->prunes = ARENA_ARRAY(arena, PruneValue, plan->prune_count + 1);
    for (size_t i = 0; i < plan->prune_count; i++)
        if (!prune_of(s, &plan->prunes[i], e))
            return false;
    return true;
}

bool query_scan_range(Query *q, const PlanScan *plan, SeriesSet **series, int64_t *t_min,
                      int64_t *t_max, bool *none, Err *e)
{
    ScanSrc s = {.x = &q->x, .plan = plan};
    Arena arena;
    arena_init(&arena, &q->budget);
    s.arena = &arena;
    s.idx = engine_index(snapshot_engine(q->snapshot));
    bool ok = src_bounds(&s, e) && src_select_tags(&s, e);
    *series = ok ? s.set : NULL;
    *t_min = s.t_min;
    *t_max = s.t_max;
    *none = s.none;
    if (!ok)
        set_unref(s.set);
    arena_free(&arena);
    return ok;
}

/* ---- statistics ---- */

bool prune_of(ScanSrc *s, const FieldPrune *f, Err *e)
{
    Value v;
    if (s->field[f->col] == NO_FIELD)
        return true;
    if (!exec_const(s->x, f->value, s->arena, &v, e))
        return false;
    if (v.null)
        return true;
    PruneValue p = {.field = s->field[f->col]};
    memcpy(p.op, f->op, sizeof p.op);
    if (v.phys == PH_I64) {
        p.is_int = true;
        p.i = v.u.i64;
        p.below = nextafter((double)p.i, -INFINITY);
        p.above = nextafter((double)p.i, INFINITY);
    } else if (v.phys == PH_F64 && !isnan(v.u.f64)) {
        p.below = p.above = v.u.f64;
    } else if (v.phys == PH_NUM && v.u.num.kind == NUM_SMALL) {
        double d = (double)v.u.num.u.coef / pow(10, v.u.num.scale);
        p.below = d - fabs(d) * 1e-14;
        p.above = d + fabs(d) * 1e-14;
    } else {
        return true;
    }
    s->prunes[s->prune_count++] = p;
    return true;
}

/* Can no value in [min, max] fulfil the condition? */
static bool range_excluded(const PruneValue *p, double min, double max)
{
    switch (p->op[0]) {
    case '<':
        return p->op[1] == '=' ? min > p->above : min >= p->above;
    case '>':
        return p->op[1] == '=' ? max < p->below : max <= p->below;
    case '=':
        return max < p->below || min > p->above;
    default:
        return false;
    }
}

static bool range_excluded_int(const PruneValue *p, int64_t min, int64_t max)
{
    switch (p->op[0]) {
    case '<':
        return p->op[1] == '=' ? min > p->i : min >= p->i;
    case '>':
        return p->op[1] == '=' ? max < p->i : max <= p->i;
    case '=':
        return max < p->i || min > p->i;
    default:
        return false;
    }
}

bool src_pruned(ScanSrc *s)
{
    for (size_t i = 0; i < s->prune_count; i++) {
        const PruneValue *p = &s->prunes[i];
        ChunkStats st;
        if (p->op[0] == '<' && p->op[1] == '>')
            continue;
        if (!scan_stats(s->scan, p->field, &st))
            continue;
        if (st.count == 0)
            return true; /* NULL fulfils nothing */
        if (st.type == PHYS_I64) {
            double min = nextafter((double)st.u.i.min, -INFINITY),
                   max = nextafter((double)st.u.i.max, INFINITY);
            if (p->is_int ? range_excluded_int(p, st.u.i.min, st.u.i.max)
                          : range_excluded(p, min, max))
                return true;
        } else if (st.nan_count == 0 && range_excluded(p, st.u.f.min, st.u.f.max)) {
            return true;
        }
    }
    return false;
}

/* ---- pieces ---- */

static double overlap(const FileInfo *f, int64_t t_min, int64_t t_max)
{
    double lo = f->t_min > t_min ? (double)f->t_min : (double)t_min;
    double hi = f->t_max < t_max ? (double)f->t_max : (double)t_max;
    double span = (double)f->t_max - (double)f->t_min;
    return hi < lo ? 0 : span > 0 ? (hi - lo) / span : 1;
}

/* What a scan will read, as far as files and memory tell. */
typedef struct ScanSize {
    double rows, tail;    /* tail: of them, those that are not in the file format yet */
    int64_t t_min, t_max; /* of the files inside the bounds */
} ScanSize;

static void size_times(ScanSize *z, const FileInfo *f, const ScanSrc *s)
{
    int64_t lo = f->t_min > s->t_min ? f->t_min : s->t_min;
    int64_t hi = f->t_max < s->t_max ? f->t_max : s->t_max;
    if (lo > hi)
        return;
    z->t_min = lo < z->t_min ? lo : z->t_min;
    z->t_max = hi > z->t_max ? hi : z->t_max;
}

static ScanSize scan_size(const ScanSrc *s, size_t series)
{
    ScanSize z = {.t_min = INT64_MAX, .t_max = INT64_MIN};
    FileInfo *files = arena_alloc(s->arena, SPREAD_FILES_MAX * sizeof *files);
    const Snapshot *snap = s->x->query->snapshot;
    size_t n = snapshot_files(snap, files, SPREAD_FILES_MAX);
    const EngineStats *es = engine_stats(snapshot_engine(snap));
    z.rows = z.tail = (double)atomic_load_explicit(&es->memtable_rows, memory_order_relaxed);
    for (size_t i = 0; i < n && i < SPREAD_FILES_MAX; i++) {
        z.rows += (double)files[i].rows * overlap(&files[i], s->t_min, s->t_max);
        size_times(&z, &files[i], s);
    }
    double all = (double)idx_series_count(s->idx, 0), part = all > 0 ? (double)series / all : 0;
    z.tail *= part;
    z.rows *= part;
    return z;
}

static int parallel_workers(const Query *q)
{
    if (!q->sched || q->parallel_max < 0)
        return q->sched ? -q->parallel_max : 1;
    int workers = sched_workers(q->sched);
    return q->parallel_max && q->parallel_max < workers ? q->parallel_max : workers;
}

void src_spread(const ScanSrc *s, double work_per_row, ScanSpread *out)
{
    Query *q = s->x->query;
    /* Below zero: so many, whatever the size of the work (tests). */
    bool forced = q->parallel_max < 0;
    int workers = parallel_workers(q);
    *out = (ScanSpread){NULL, 1};
    if (workers < 2 || s->none || s->plan->single_stream)
        return;
    if (s->loose.all && expr_is_volatile(s->loose.all))
        return;
    size_t series = s->set ? set_count(s->set) : idx_series_count(s->idx, s->plan->table);
    if (series < 2)
        return;
    ScanSize z = scan_size(s, series);
    double work = z.rows * work_per_row + (double)series * SPREAD_SERIES_WORK;
    if (!forced && work < SPREAD_WORK_MIN)
        return;
    /* Each piece looks through all rows of the tail once: not worth it when they are the most. */
    if (!forced && z.tail * 2 > z.rows)
        return;
    size_t pieces = (size_t)workers * SPREAD_PER_WORKER;
    out->pieces = pieces < series ? pieces : series;
    out->set = s->set ? set_ref(s->set) : idx_select(s->idx, s->plan->table, NULL, 0);
}

/* Small pieces, so that the first bytes leave soon and few wait for their turn.  A table of few series is
 * cut by time as well: rows of one series come in its order. */
static void src_morsels(const ScanSrc *s, ScanMorsels *out)
{
    bool forced = s->x->query->parallel_max < 0;
    int workers = parallel_workers(s->x->query);
    const PlanScan *plan = s->plan;
    if (workers < 2 || s->none || plan->single_stream ||
        (s->loose.all && expr_is_volatile(s->loose.all)))
        return;
    size_t series = s->set ? set_count(s->set) : idx_series_count(s->idx, plan->table);
    ScanSize z = scan_size(s, series);
    double work = z.rows * (double)plan->p.col_count + (double)series * SPREAD_SERIES_WORK;
    if (series == 0 || (!forced && (work < SPREAD_WORK_MIN || z.tail * 2 > z.rows)))
        return;
    double wanted = z.tail * MORSEL_TAIL > z.rows ? 0 : z.rows / MORSEL_ROWS;
    double least = (double)workers * SPREAD_PER_WORKER;
    wanted = wanted < least ? least : wanted > MORSELS_MAX ? MORSELS_MAX : wanted;
    out->slices = (double)series < wanted ? series : (size_t)wanted;
    out->cuts = 1;
    bool in_order = !plan->backward && plan->per_series_limit == 0;
    if (out->slices == series && in_order && z.t_min < z.t_max) {
        out->cuts = (size_t)(wanted / (double)series);
        out->cuts = out->cuts ? out->cuts : 1;
        out->t_min = z.t_min;
        out->t_max = z.t_max;
    }
    if (out->slices * out->cuts < 2) {
        out->slices = 0;
        return;
    }
    out->workers = (size_t)workers;
    out->set = s->set ? set_ref(s->set) : idx_select(s->idx, plan->table, NULL, 0);
}

bool scan_morsels(Exec *x, const PlanScan *plan, ScanMorsels *out, Err *e)
{
    *out = (ScanMorsels){0};
    if (parallel_workers(x->query) < 2)
        return true;
    Arena arena;
    arena_init(&arena, &x->query->budget);
    ScanSrc s;
    bool ok = src_open(&s, x, plan, &arena, e);
    if (ok)
        src_morsels(&s, out);
    src_close(&s);
    arena_free(&arena);
    return ok;
}

void morsel_begin(const ScanMorsels *m, size_t i, Exec *x)
{
    size_t cut = i % m->cuts;
    if (x->slice)
        set_unref(x->slice);
    x->slice = set_slice(m->set, i / m->cuts, m->slices);
    x->cut = m->cuts > 1;
    __int128 span = (__int128)m->t_max - m->t_min;
    x->cut_min = cut ? (int64_t)(m->t_min + span * (__int128)cut / (__int128)m->cuts) : INT64_MIN;
    x->cut_max = cut + 1 < m->cuts
                     ? (int64_t)(m->t_min + span * (__int128)(cut + 1) / (__int128)m->cuts) - 1
                     : INT64_MAX;
}

bool scan_spread(Op *op, const PlanScan *plan, ScanSpread *out, Err *e)
{
    Query *q = op->x->query;
    *out = (ScanSpread){NULL, 1};
    if (parallel_workers(q) < 2)
        return true;
    ScanSrc s;
    bool ok = src_open(&s, op->x, plan, &op->arena, e);
    if (ok)
        src_spread(&s, (double)plan->p.col_count, out);
    src_close(&s);
    return ok;
}

void scan_spread_free(ScanSpread *s)
{
    if (s->set)
        set_unref(s->set);
    s->set = NULL;
}
