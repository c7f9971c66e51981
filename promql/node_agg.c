/* promql/node_agg.c - aggregations that fold each series into its group as it comes: sum, avg, min ... */
#include "promql/eval_private.h"
#include "promql/grid_kernels.h"

typedef struct HistStep { /* histograms of a group at one step */
    HistMean sum;         /* of sum() as well */
    uint8_t hints;        /* that were seen: reset 1, not reset 2 */
    bool bad;             /* layouts that do not go together */
} HistStep;

typedef struct Group {
    Labels labels;
    bool drop_name;
    double *value; /* absent until the first sample */
    double *extra; /* compensation, or mean */
    double *count;
    uint8_t *stepwise;   /* avg: the sum would overflow at this step, extra and value hold a mean */
    HistStep *hists;     /* NULL: no histograms so far */
    const Histogram **h; /* results */
} Group;

typedef struct NodeAgg NodeAgg;
struct NodeAgg {
    PqlNode n;
    PqlNode *child;
    void (*fold)(NodeAgg *a, Group *g, const double *v);
    void (*fold_hist)(NodeAgg *a, Group *g, const Series *s, size_t i); /* NULL: ignored */
    LabelMap keys;
    Group *groups;
    size_t group_cap, next;
    bool done;
    Arena scratch;
};

/* ---- folding one series ---- */

static void fold_sum(NodeAgg *a, Group *g, const double *v)
{
    pql_kernels()->sum(g->value, g->extra, v, a->n.grid.count);
}

static void fold_mean(Group *g, size_t i, double v)
{
    double n = ++g->count[i];
    if (!g->stepwise[i]) {
        double sum = g->value[i], c = g->extra[i];
        kahan_add(v, &sum, &c);
        if (!isinf(sum)) {
            g->value[i] = sum;
            g->extra[i] = c;
            return;
        }
        g->stepwise[i] = 1;
        g->value[i] /= n - 1;
        g->extra[i] /= n - 1;
    }
    double q = (n - 1) / n;
    g->value[i] *= q;
    g->extra[i] *= q;
    kahan_add(v / n, &g->value[i], &g->extra[i]);
}

static void fold_avg(NodeAgg *a, Group *g, const double *v)
{
    for (size_t i = 0; i < a->n.grid.count; i++) {
        if (pql_missing(v[i]))
            continue;
        if (pql_missing(g->value[i])) {
            g->value[i] = v[i];
            g->count[i] = 1;
        } else {
            fold_mean(g, i, v[i]);
        }
    }
}

static void fold_count(NodeAgg *a, Group *g, const double *v)
{
    for (size_t i = 0; i < a->n.grid.count; i++)
        if (!pql_missing(v[i]))
            g->value[i] = pql_missing(g->value[i]) ? 1 : g->value[i] + 1;
}

static void fold_group(NodeAgg *a, Group *g, const double *v)
{
    for (size_t i = 0; i < a->n.grid.count; i++)
        if (!pql_missing(v[i]))
            g->value[i] = 1;
}

static void fold_min(NodeAgg *a, Group *g, const double *v)
{
    for (size_t i = 0; i < a->n.grid.count; i++)
        if (!pql_missing(v[i]) &&
            (g->value[i] > v[i] || isnan(g->value[i]))) /* what is missing is a NaN, too */
            g->value[i] = v[i];
}

static void fold_max(NodeAgg *a, Group *g, const double *v)
{
    for (size_t i = 0; i < a->n.grid.count; i++)
        if (!pql_missing(v[i]) && (g->value[i] < v[i] || isnan(g->value[i])))
            g->value[i] = v[i];
}

/* Welford; one infinite or NaN value makes all NaN. */
static void fold_variance(NodeAgg *a, Group *g, const double *v)
{
    for (size_t i = 0; i < a->n.grid.count; i++) {
        if (pql_missing(v[i]))
            continue;
        if (pql_missing(g->value[i])) {
            g->value[i] = isfinite(v[i]) ? 0 : NAN;
            g->extra[i] = v[i];
            g->count[i] = 1;
            continue;
        }
        double delta = v[i] - g->extra[i];
        g->extra[i] += delta / ++g->count[i];
        g->value[i] += delta * (v[i] - g->extra[i]);
    }
}

/* ---- histograms ---- */

static void fold_hist_sum(NodeAgg *a, Group *g, const Series *s, size_t i)
{
    Arena *arena = &a->n.q->arena;
    const Histogram *h = s->h[i];
    if (!g->hists)
        g->hists = ARENA_ARRAY(arena, HistStep, a->n.grid.count);
    HistStep *step = &g->hists[i];
    if (step->bad)
        return;
    unsigned notes = 0;
    if (a->n.x->agg == PA_AVG) {
        notes = hist_mean_add(&step->sum, h, arena);
    } else if (!step->sum.sum) {
        step->sum.sum = hist_copy(h, arena);
    } else {
        notes = hist_add(step->sum.sum, h, 1, HIST_COMPENSATED, arena);
    }
    step->hints |= h->hint == HIST_RESET ? 1 : h->hint == HIST_NOT_RESET ? 2 : 0;
    step->bad |= (notes & HN_INCOMPATIBLE) != 0;
    notes &= ~(unsigned)HN_COLLISION;
    if (notes)
        pql_tell_notes(a->n.q, notes, HO_AGG, labels_get(&s->labels, SLICE_LIT("__name__")),
                       a->n.x->args[0]->begin);
}

static void fold_hist_count(NodeAgg *a, Group *g, const Series *s, size_t i)
{
    (void)s;
    g->value[i] = pql_missing(g->value[i]) || a->n.x->agg == PA_GROUP ? 1 : g->value[i] + 1;
}

static void fold_histograms(NodeAgg *a, Group *g, const Series *s)
{
    for (size_t i = 0; i < a->n.grid.count; i++) {
        if (!s->h[i])
            continue;
        if (a->fold_hist)
            a->fold_hist(a, g, s, i);
        else
            pql_annotate(a->n.q, false, a->n.x->args[0]->begin,
                         "ignored histogram in %s aggregation", pql_agg_text(a->n.x->agg));
    }
}

/* What the histograms of the group came to. */
static void group_histograms(NodeAgg *a, Group *g)
{
    PqlQuery *q = a->n.q;
    uint32_t at = a->n.x->args[0]->begin;
    g->h = pql_hists_new(q, &a->n.grid);
    for (size_t i = 0; i < a->n.grid.count; i++) {
        HistStep *step = &g->hists[i];
        double none = pql_absent();
        if (!step->sum.sum)
            continue;
        bool mixed = !pql_missing(g->value[i]);
        memcpy(&g->value[i], &none, sizeof none);
        if (mixed)
            pql_annotate(q, true, at, "encountered a mix of histograms and floats for aggregation");
        if (mixed || step->bad)
            continue;
        if (step->hints == 3)
            pql_tell_notes(q, HN_COLLISION, HO_AGG, slice_of("", 0), at);
        if (a->n.x->agg == PA_AVG)
            hist_mean_end(&step->sum);
        else
            hist_settle(step->sum.sum);
        g->h[i] = step->sum.sum;
    }
}

/* ---- groups ---- */

static Group *group_of(NodeAgg *a, const Labels *labels)
{
    const PqlExpr *x = a->n.x;
    PqlQuery *q = a->n.q;
    bool made;
    arena_reset(&a->scratch);
    Labels key = x->without ? labels_omit(&a->scratch, labels, &x->grouping, true)
                            : labels_keep(&a->scratch, labels, &x->grouping);
    uint32_t at = label_map_put(&a->keys, &key, &made);
    if (!made)
        return &a->groups[at];
    if (at == a->group_cap) {
        size_t cap = a->group_cap ? a->group_cap * 2 : 16;
        Group *grown = ARENA_ARRAY(&q->arena, Group, cap);
        if (at)
            memcpy(grown, a->groups, at * sizeof *grown);
        a->groups = grown;
        a->group_cap = cap;
    }
    Group *g = &a->groups[at];
    *g = (Group){.labels = a->keys.items[at], .value = pql_vector_new(q, &a->n.grid)};
    if (x->agg == PA_SUM || x->agg == PA_AVG || x->agg == PA_STDDEV || x->agg == PA_STDVAR)
        g->extra = ARENA_ARRAY(&q->arena, double, a->n.grid.count);
    if (x->agg == PA_AVG || x->agg == PA_STDDEV || x->agg == PA_STDVAR)
        g->count = ARENA_ARRAY(&q->arena, double, a->n.grid.count);
    if (x->agg == PA_AVG)
        g->stepwise = ARENA_ARRAY(&q->arena, uint8_t, a->n.grid.count);
    return g;
}

static double group_value(const NodeAgg *a, const Group *g, size_t i)
{
    double v = g->value[i];
    switch (a->n.x->agg) {
    case PA_SUM:
        return v + g->extra[i];
    case PA_AVG:
        return g->stepwise[i] ? v + g->extra[i] : v / g->count[i] + g->extra[i] / g->count[i];
    case PA_STDVAR:
        return v / g->count[i];
    case PA_STDDEV:
        return sqrt(v / g->count[i]);
    default:
        return v;
    }
}

static NdStatus agg_next(PqlNode *n, Series *out, Err *e)
{
    NodeAgg *a = (NodeAgg *)n;
    NdStatus st = ND_END;
    while (!a->done && (st = nd_next(a->child, out, e)) == ND_SERIES) {
        if (!series_any(out, &n->grid))
            continue;
        Group *g = group_of(a, &out->labels);
        g->drop_name |= out->drop_name;
        a->fold(a, g, out->v);
        if (out->h)
            fold_histograms(a, g, out);
    }
    if (!a->done && st != ND_END)
        return st;
    a->done = true;
    if (a->next == a->keys.count)
        return ND_END;
    Group *g = &a->groups[a->next++];
    for (size_t i = 0; i < n->grid.count; i++)
        if (!pql_missing(g->value[i]))
            g->value[i] = group_value(a, g, i);
    if (g->hists)
        group_histograms(a, g);
    *out = (Series){g->labels, g->drop_name, g->value, g->h};
    return ND_SERIES;
}

static void agg_close(PqlNode *n)
{
    arena_free(&((NodeAgg *)n)->scratch);
}

static const NodeDef def_agg = {.next = agg_next, .close = agg_close};

PqlNode *build_aggregate(PqlBuild *b, const PqlExpr *x)
{
    static void (*const folds[])(NodeAgg *, Group *, const double *) = {
        [PA_SUM] = fold_sum,         [PA_AVG] = fold_avg,         [PA_COUNT] = fold_count,
        [PA_MIN] = fold_min,         [PA_MAX] = fold_max,         [PA_GROUP] = fold_group,
        [PA_STDDEV] = fold_variance, [PA_STDVAR] = fold_variance,
    };
    NodeAgg *a = (NodeAgg *)pql_node_new(b, sizeof *a, &def_agg, x);
    arena_init(&a->scratch, &b->q->budget);
    label_map_init(&a->keys, &b->q->arena);
    a->fold = folds[x->agg];
    if (x->agg == PA_SUM || x->agg == PA_AVG)
        a->fold_hist = fold_hist_sum;
    else if (x->agg == PA_COUNT || x->agg == PA_GROUP)
        a->fold_hist = fold_hist_count;
    a->n.one_name = x->without || !names_have(&x->grouping, SLICE_LIT("__name__"));
    const PqlExpr *arg = pql_unparen(x->args[0]);
    PqlBuild of = *b;
    of.presence = arg->kind == PX_VECTOR && (x->agg == PA_COUNT || x->agg == PA_GROUP);
    PqlNode *child = pql_build(&of, arg);
    if (child && child->feed && !x->without)
        sources_keep_labels(&child->feed->sources, &x->grouping);
    a->child = pql_spread(&of, child);
    return a->child ? &a->n : NULL;
}
