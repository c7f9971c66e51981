/* promql/eval.c - a query: built from the tree, stepped, its result gathered, annotated and sorted. */
#include "promql/eval_private.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- building ---- */

PqlNode *pql_node_new(PqlBuild *b, size_t size, const NodeDef *def, const PqlExpr *x)
{
    PqlNode *n = arena_zero(&b->q->arena, size);
    n->def = def;
    n->q = b->q;
    n->x = x;
    n->grid = b->grid;
    n->place = b->place;
    n->older = b->q->nodes;
    b->q->nodes = n;
    return n;
}

/* The value is the same at every step: all that is selected has its time fixed by @. */
bool pql_invariant(const PqlExpr *x)
{
    switch (x->kind) {
    case PX_NUMBER:
    case PX_STRING:
        return true;
    case PX_VECTOR:
    case PX_SUBQUERY:
        return x->at != PT_NONE;
    case PX_CALL:
        if (x->func->flags & PF_TIME)
            return false;
        break;
    default:
        break;
    }
    for (size_t i = 0; i < x->arg_count; i++)
        if (!pql_invariant(x->args[i]))
            return false;
    return true;
}

PqlNode *pql_build(PqlBuild *b, const PqlExpr *x)
{
    x = pql_unparen(x);
    if (b->grid.count > 1 && x->kind != PX_NUMBER && pql_invariant(x))
        return build_expand(b, x);
    switch (x->kind) {
    case PX_NUMBER:
        return build_number(b, x);
    case PX_VECTOR:
        return build_selector(b, x, SV_SAMPLE);
    case PX_CALL:
        return build_call(b, x);
    case PX_AGGREGATE:
        return x->agg >= PA_TOPK ? build_pick(b, x) : build_aggregate(b, x);
    case PX_UNARY:
        return x->op == PO_SUB ? build_negate(b, x) : pql_build(b, x->args[0]);
    case PX_BINARY:
        if (x->args[0]->type == PQL_VECTOR && x->args[1]->type == PQL_VECTOR)
            return build_match(b, x);
        return build_binary(b, x);
    case PX_MATRIX:
    case PX_SUBQUERY:
        return build_range(b, x);
    case PX_STRING:
    case PX_PAREN:
        break;
    }
    err_set(b->e, ERR_INTERNAL, "a text has no node");
    return NULL;
}

double *pql_vector_new(PqlQuery *q, const Grid *g)
{
    double *v = arena_alloc(&q->arena, g->count * sizeof *v), none = pql_absent();
    for (size_t i = 0; i < g->count; i++)
        memcpy(&v[i], &none, sizeof none);
    return v;
}

const Histogram **pql_hists_new(PqlQuery *q, const Grid *g)
{
    return ARENA_ARRAY(&q->arena, const Histogram *, g->count);
}

int64_t pql_at_ms(const PqlQuery *q, const PqlExpr *x)
{
    if (x->at == PT_START)
        return q->grid.start;
    return x->at == PT_END ? q->end_ms : x->at_ms;
}

/* ---- running ---- */

bool pql_pause(const PqlQuery *q)
{
    return q->clock->mono_ns(q->clock) > q->slice_end_ns;
}

bool pql_count_samples(PqlQuery *q, size_t n, Err *e)
{
    if (atomic_fetch_add(&q->top->samples, n) + n <= q->r.samples_max)
        return true;
    err_set(e, ERR_LIMIT_EXCEEDED,
            "query processing would load too many samples into memory in query execution");
    return err_detail(e, "the limit is %llu", (unsigned long long)q->r.samples_max);
}

NdStatus scalar_ready(ScalarArg *s, Err *e)
{
    Series in;
    if (s->v)
        return ND_SERIES;
    NdStatus st = nd_next(s->node, &in, e);
    if (st == ND_SERIES)
        s->v = in.v;
    must(st != ND_END); /* a scalar has one series, always */
    return st;
}

bool series_any(const Series *s, const Grid *g)
{
    for (size_t i = 0; i < g->count; i++)
        if (!series_missing(s, i))
            return true;
    return false;
}

Series series_copy(Arena *a, const Series *s, const Grid *g)
{
    Series kept = *s;
    kept.labels = labels_copy(a, &s->labels);
    kept.v = arena_alloc(a, g->count * sizeof *kept.v);
    memcpy(kept.v, s->v, g->count * sizeof *kept.v);
    if (!s->h)
        return kept;
    kept.h = arena_alloc(a, g->count * sizeof *kept.h);
    for (size_t i = 0; i < g->count; i++)
        kept.h[i] = s->h[i] ? hist_copy(s->h[i], a) : NULL;
    return kept;
}

static void gathered_add(PqlNode *from, Gathered *g, const Series *s)
{
    Arena *a = &from->q->arena;
    if (g->count == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        Series *grown = arena_alloc(a, cap * sizeof *grown);
        if (g->count)
            memcpy(grown, g->items, g->count * sizeof *grown);
        g->items = grown;
        g->cap = cap;
    }
    g->items[g->count++] = series_copy(a, s, &from->grid);
}

NdStatus gather(PqlNode *from, Gathered *g, Err *e)
{
    Series in;
    NdStatus st = ND_END;
    while (!g->done && (st = nd_next(from, &in, e)) == ND_SERIES) {
        if (!series_any(&in, &from->grid))
            continue;
        gathered_add(from, g, &in);
        if (!budget_check(&from->q->budget, e))
            return ND_FAIL;
    }
    g->done |= st == ND_END;
    return g->done ? ND_END : st;
}

/* ---- annotations ---- */

static void annotation_add(PqlQuery *q, Annotations *list, Slice s)
{
    if (list->count == PQL_ANNOTATIONS_MAX)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (slice_eq(list->items[i], s))
            return;
    if (!list->items)
        list->items = ARENA_ARRAY(&q->arena, Slice, PQL_ANNOTATIONS_MAX);
    list->items[list->count++] = arena_slice(&q->arena, s);
}

void pql_annotate(PqlQuery *q, bool warning, uint32_t at, const char *fmt, ...)
{
    Annotations *list = warning ? &q->warnings : &q->infos;
    char text[ERR_MESSAGE_MAX], whole[ERR_MESSAGE_MAX + 64];
    int line, column;
    va_list ap;
    if (list->count == PQL_ANNOTATIONS_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    pql_line_column(q->x->text, at, &line, &column);
    snprintf(whole, sizeof whole, "PromQL %s: %s (%d:%d)", warning ? "warning" : "info", text, line,
             column);
    annotation_add(q, list, slice_cstr(whole));
}

void pql_annotate_as(PqlQuery *q, const PqlQuery *part)
{
    for (size_t i = 0; i < part->warnings.count; i++)
        annotation_add(q, &q->warnings, part->warnings.items[i]);
    for (size_t i = 0; i < part->infos.count; i++)
        annotation_add(q, &q->infos, part->infos.items[i]);
}

void pql_tell_notes(PqlQuery *q, unsigned notes, HistOp op, Slice metric, uint32_t at)
{
    static const char *const ops[] = {
        [HO_ADD] = "addition", [HO_SUB] = "subtraction", [HO_AGG] = "aggregation"};
    if (notes & HN_INCOMPATIBLE)
        pql_annotate(q, true, at,
                     "vector contains a mix of histograms with exponential and custom buckets "
                     "schemas for metric name \"%.*s\"",
                     SLICE_ARG(metric));
    if (notes & HN_COLLISION)
        pql_annotate(q, true, at, "conflicting counter resets during histogram %s", ops[op]);
    if (notes & HN_RECONCILED)
        pql_annotate(q, false, at, "mismatched custom buckets were reconciled during %s", ops[op]);
}

/* ---- opening ---- */

static bool request_grid(PqlQuery *q, const PqlRequest *r, Err *e)
{
    int64_t span;
    if (!r->range) {
        q->grid = (Grid){r->start_ms, 1, 1};
        q->end_ms = r->start_ms;
        return true;
    }
    if (q->x->type != PQL_SCALAR && q->x->type != PQL_VECTOR)
        return err_set(
            e, ERR_INVALID_PARAMETER,
            "invalid expression type \"%s\" for range query, must be Scalar or instant Vector",
            pql_type_text(q->x->type));
    if (r->step_ms <= 0)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "zero or negative query resolution step widths are not accepted. Try a "
                       "positive integer");
    if (r->end_ms < r->start_ms)
        return err_set(e, ERR_INVALID_PARAMETER, "end timestamp must not be before start time");
    if (__builtin_sub_overflow(r->end_ms, r->start_ms, &span) || span / r->step_ms > PQL_STEPS_MAX)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "exceeded maximum resolution of %d points per timeseries. Try decreasing "
                       "the query resolution (?step=XX)",
                       PQL_STEPS_MAX);
    q->grid = (Grid){r->start_ms, r->step_ms, (size_t)(span / r->step_ms) + 1};
    q->end_ms = r->end_ms;
    return true;
}

void pql_query_init(PqlQuery *q, const PqlRequest *r, const PqlExpr *x)
{
    q->r = *r;
    q->top = q;
    q->x = x;
    q->clock = r->clock ? r->clock : &clock_real;
    q->r.snapshot = snapshot_ref(r->snapshot);
    if (!q->r.lookback_ms)
        q->r.lookback_ms = PQL_LOOKBACK_MS;
    if (!q->r.samples_max)
        q->r.samples_max = PQL_SAMPLES_MAX;
    budget_init(&q->budget, "PromQL query", r->budget, 0);
    arena_init(&q->arena, &q->budget);
    q->delayed_names = pql_feature(r->features, "promql-delayed-name-removal");
    q->start_times = pql_feature(r->features, "use-start-timestamps");
}

bool pql_open(PqlQuery **out, const PqlExpr *x, const PqlRequest *r, Err *e)
{
    PqlQuery *q = MEM_NEW(PqlQuery);
    pql_query_init(q, r, x);
    bool ok = request_grid(q, r, e) && pql_check_durations(q, x, e);
    if (ok && x->type != PQL_STRING) {
        PqlBuild b = {.q = q, .grid = q->grid, .place = {.times = 1}, .e = e};
        if (r->tally)
            tally_open(q);
        q->root = x->type == PQL_MATRIX ? pql_build(&b, x) : pql_build_all(&b, x);
        ok = q->root != NULL;
    }
    if (!ok) {
        pql_close(q);
        return false;
    }
    *out = q;
    return true;
}

void pql_cancel(PqlQuery *q)
{
    atomic_store(&q->canceled, true);
}

void pql_set_waiter(PqlQuery *q, Task *t)
{
    q->r.waiter = t;
}

void pql_query_clear(PqlQuery *q)
{
    for (PqlNode *n = q->nodes; n; n = n->older)
        if (n->def->close)
            n->def->close(n);
    snapshot_unref(q->r.snapshot);
    arena_free(&q->arena);
}

void pql_close(PqlQuery *q)
{
    if (!q)
        return;
    pql_query_clear(q);
    mem_free(q);
}

/* ---- the result ---- */

static PqlSeries *result_add(PqlQuery *q)
{
    if (q->series_count == q->series_cap) {
        size_t cap = q->series_cap ? q->series_cap * 2 : 16;
        PqlSeries *grown = arena_alloc(&q->arena, cap * sizeof *grown);
        if (q->series_count)
            memcpy(grown, q->series, q->series_count * sizeof *grown);
        q->series = grown;
        q->series_cap = cap;
    }
    return &q->series[q->series_count++];
}

typedef struct Points { /* room for a series of the result */
    int64_t *t_ms;
    double *v;
    const Histogram **h;
    size_t count;
} Points;

static Points points_new(PqlQuery *q, size_t n, bool hists)
{
    Arena *a = &q->arena;
    Points p = {arena_alloc(a, (n + 1) * sizeof *p.t_ms), arena_alloc(a, (n + 1) * sizeof *p.v),
                NULL, 0};
    if (hists)
        p.h = ARENA_ARRAY(a, const Histogram *, n + 1);
    return p;
}

static void points_add(Points *p, int64_t t_ms, double v, const Histogram *h)
{
    p->t_ms[p->count] = t_ms;
    p->v[p->count] = v;
    if (p->h)
        p->h[p->count] = h;
    p->count++;
}

static void result_points(PqlQuery *q, const Labels *l, bool drop_name, const Points *p)
{
    PqlSeries *s = result_add(q);
    Labels labels = drop_name ? labels_drop_name(&q->arena, l) : labels_copy(&q->arena, l);
    *s = (PqlSeries){labels.items, labels.count, p->t_ms, p->v, p->h, p->count};
}

static void result_series(PqlQuery *q, const Series *in)
{
    size_t n = 0;
    bool hists = false;
    for (size_t i = 0; i < q->grid.count; i++) {
        n += !series_missing(in, i);
        hists |= series_hist(in, i) != NULL;
    }
    if (n == 0)
        return;
    Points p = points_new(q, n, hists);
    for (size_t i = 0; i < q->grid.count; i++) {
        const Histogram *h = series_hist(in, i);
        if (!series_missing(in, i))
            points_add(&p, grid_at(&q->grid, i), in->v[i], h ? hist_copy(h, &q->arena) : NULL);
    }
    result_points(q, &in->labels, in->drop_name, &p);
}

/* Numbers and histograms of a range in the order of time. */
static void result_range(PqlQuery *q, const RangeSeries *s)
{
    Points p = points_new(q, s->count + s->h_count, s->h_count > 0);
    for (size_t i = 0, k = 0; i < s->count || k < s->h_count;) {
        if (k == s->h_count || (i < s->count && s->t_ms[i] <= s->h_ms[k])) {
            points_add(&p, s->t_ms[i], s->v[i], NULL);
            i++;
        } else {
            points_add(&p, s->h_ms[k], pql_absent(), hist_copy(s->h[k], &q->arena));
            k++;
        }
    }
    result_points(q, &s->labels, s->drop_name, &p);
}

/* A range selector as an instant query: its samples as they are. */
static NdStatus result_matrix(PqlQuery *q, Err *e)
{
    RangeSeries s;
    NdStatus st;
    const TallyWindow all = {.range_ms = INT64_MAX / 2, .at_ms = INT64_MAX / 4, .fixed = true};
    while ((st = nd_next_range(q->root, &s, e)) == ND_SERIES) {
        if (pql_unparen(q->x)->kind == PX_MATRIX)
            tally_range(q->root, &s, &all);
        result_range(q, &s);
        if (!budget_check(&q->budget, e))
            return ND_FAIL;
    }
    return st;
}

static NdStatus result_vectors(PqlQuery *q, Err *e)
{
    Series s;
    NdStatus st;
    while ((st = nd_next(q->root, &s, e)) == ND_SERIES) {
        result_series(q, &s);
        if (!budget_check(&q->budget, e))
            return ND_FAIL;
    }
    return st;
}

static Labels series_labels(const PqlSeries *s)
{
    return (Labels){s->labels, s->label_count};
}

static int by_labels(const void *a, const void *b)
{
    Labels l = series_labels(a), r = series_labels(b);
    return labels_compare(&l, &r);
}

/* Two series with the same labels become one; a time that both have is an error. */
static bool merge_into(PqlQuery *q, PqlSeries *to, const PqlSeries *from, Err *e)
{
    size_t i = 0, k = 0;
    Points p = points_new(q, to->count + from->count, to->h || from->h);
    while (i < to->count || k < from->count) {
        if (i < to->count && k < from->count && to->t_ms[i] == from->t_ms[k])
            return err_set(e, ERR_CARDINALITY,
                           "vector cannot contain metrics with the same labelset");
        bool left = k == from->count || (i < to->count && to->t_ms[i] < from->t_ms[k]);
        const PqlSeries *s = left ? to : from;
        size_t *next = left ? &i : &k;
        points_add(&p, s->t_ms[*next], s->v[*next], s->h ? s->h[*next] : NULL);
        ++*next;
    }
    to->t_ms = p.t_ms;
    to->v = p.v;
    to->h = p.h;
    to->count = p.count;
    return true;
}

/* Names that were dropped at the end may have made labels equal. */
static bool result_merge(PqlQuery *q, Err *e)
{
    LabelMap map;
    size_t kept = 0;
    label_map_init(&map, &q->arena);
    for (size_t i = 0; i < q->series_count; i++) {
        bool made;
        Labels l = series_labels(&q->series[i]);
        uint32_t at = label_map_put(&map, &l, &made);
        if (made)
            q->series[kept++] = q->series[i];
        else if (!merge_into(q, &q->series[at], &q->series[i], e))
            return false;
    }
    q->series_count = kept;
    return true;
}

static bool result_finish(PqlQuery *q, Err *e)
{
    PqlResult *r = &q->result;
    bool matrix = q->r.range || q->x->type == PQL_MATRIX;
    r->type = matrix ? PQL_MATRIX : q->x->type;
    r->t_ms = q->grid.start;
    r->string = pql_unparen(q->x)->string;
    if (!result_merge(q, e))
        return false;
    if (matrix && q->series_count)
        qsort(q->series, q->series_count, sizeof *q->series, by_labels);
    if (r->type == PQL_SCALAR)
        r->scalar = q->series[0].v[0];
    r->series = q->series;
    r->count = q->series_count;
    r->warnings = q->warnings.items;
    r->warning_count = q->warnings.count;
    r->infos = q->infos.items;
    r->info_count = q->infos.count;
    q->done = true;
    return true;
}

bool pql_may_go_on(PqlQuery *q, Err *e)
{
    int64_t now = q->clock->mono_ns(q->clock);
    q->slice_end_ns = now + TASK_SLICE_NS;
    if (atomic_load(&q->top->canceled))
        return err_set(e, ERR_CANCELED, "query was canceled in expression evaluation");
    if (q->r.deadline_mono_ns && now > q->r.deadline_mono_ns)
        return err_set(e, ERR_CANCELED, "query timed out in expression evaluation");
    return budget_check(&q->budget, e);
}

PqlStatus pql_step(PqlQuery *q, Err *e)
{
    if (q->done)
        return PQL_DONE;
    if (!pql_may_go_on(q, e))
        return PQL_FAIL;
    NdStatus st = ND_END;
    if (q->root)
        st = q->x->type == PQL_MATRIX ? result_matrix(q, e) : result_vectors(q, e);
    switch (st) {
    case ND_WAIT:
        return PQL_WAIT;
    case ND_YIELD:
        return PQL_YIELD;
    case ND_SERIES:
    case ND_FAIL:
        return PQL_FAIL;
    case ND_END:
        break;
    }
    return result_finish(q, e) ? PQL_DONE : PQL_FAIL;
}

const PqlResult *pql_result(PqlQuery *q)
{
    return q->done ? &q->result : NULL;
}
