/* promql/node_agg.c - aggregations that fold each series into its group as it comes: sum, avg, min ... */
#include "promql/eval_private.h"
#include "promql/grid_kernels.h"

enum { FOLD_SERIES_MIN = 24 }; /* of a group, if its parts shall be folded apart */

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
typedef struct FoldDef { /* of one aggregation */
    void (*fold)(NodeAgg *a, Group *g, const double *v);
    void (*merge)(NodeAgg *a, Group *g,
                  const Group *part); /* what a part folded; value is not NULL */
    bool extra, count;                /* arrays that it has */
} FoldDef;

struct NodeAgg {
    PqlNode n;
    PqlNode *child;
    const FoldDef *def;
    bool part; /* hands up groups as they are: series of a group that has others in other parts */
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

/* ---- folding what a part has folded ---- */

static void merge_sum(NodeAgg *a, Group *g, const Group *part)
{
    fold_sum(a, g, part->value);
    for (size_t i = 0; i < a->n.grid.count; i++)
        g->extra[i] += part->extra[i]; /* 0 where the part has no value */
}

/* As a sum as long as that does not overflow. */
static void merge_avg(NodeAgg *a, Group *g, const Group *part)
{
    for (size_t i = 0; i < a->n.grid.count; i++) {
        if (pql_missing(part->value[i]))
            continue;
        double n = g->count[i] + part->count[i], sum = g->value[i], c = g->extra[i];
        if (pql_missing(sum)) {
            g->value[i] = part->value[i];
            g->extra[i] = part->extra[i];
            g->count[i] = n;
            g->stepwise[i] = part->stepwise[i];
            continue;
        }
        kahan_add(part->value[i], &sum, &c);
        if (g->stepwise[i] || part->stepwise[i] || isinf(sum)) {
            double mine = g->stepwise[i] ? g->count[i] / n : 1 / n;
            double its = part->stepwise[i] ? part->count[i] / n : 1 / n;
            sum = g->value[i] * mine;
            c = g->extra[i] * mine;
            kahan_add(part->value[i] * its, &sum, &c);
            g->stepwise[i] = 1;
            g->extra[i] = c + part->extra[i] * its;
        } else {
            g->extra[i] = c + part->extra[i];
        }
        g->value[i] = sum;
        g->count[i] = n;
    }
}

static void merge_count(NodeAgg *a, Group *g, const Group *part)
{
    for (size_t i = 0; i < a->n.grid.count; i++)
        if (!pql_missing(part->value[i]))
            g->value[i] = part->value[i] + (pql_missing(g->value[i]) ? 0 : g->value[i]);
}

static void merge_group(NodeAgg *a, Group *g, const Group *part)
{
    fold_group(a, g, part->value);
}

static void merge_min(NodeAgg *a, Group *g, const Group *part)
{
    fold_min(a, g, part->value);
}

static void merge_max(NodeAgg *a, Group *g, const Group *part)
{
    fold_max(a, g, part->value);
}

/* Chan, Golub, LeVeque: the squares of both, and that of the distance between the means. */
static void merge_variance(NodeAgg *a, Group *g, const Group *part)
{
    for (size_t i = 0; i < a->n.grid.count; i++) {
        double n = g->count[i] + part->count[i], delta = part->extra[i] - g->extra[i];
        if (pql_missing(part->value[i]))
            continue;
        if (pql_missing(g->value[i])) {
            g->value[i] = part->value[i];
            g->extra[i] = part->extra[i];
        } else {
            g->value[i] += part->value[i] + delta * delta * (g->count[i] * part->count[i] / n);
            g->extra[i] += delta * (part->count[i] / n);
        }
        g->count[i] = n;
    }
}

static const FoldDef fold_defs[] = {
    [PA_SUM] = {fold_sum, merge_sum, .extra = true},
    [PA_AVG] = {fold_avg, merge_avg, .extra = true, .count = true},
    [PA_COUNT] = {fold_count, merge_count},
    [PA_MIN] = {fold_min, merge_min},
    [PA_MAX] = {fold_max, merge_max},
    [PA_GROUP] = {fold_group, merge_group},
    [PA_STDDEV] = {fold_variance, merge_variance, .extra = true, .count = true},
    [PA_STDVAR] = {fold_variance, merge_variance, .extra = true, .count = true},
};

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
    if (a->def->extra)
        g->extra = ARENA_ARRAY(&q->arena, double, a->n.grid.count);
    if (a->def->count)
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
        if (out->folded)
            a->def->merge(a, g, out->folded);
        else
            a->def->fold(a, g, out->v);
        if (out->h)
            fold_histograms(a, g, out);
    }
    if (!a->done && st != ND_END)
        return st;
    a->done = true;
    if (a->next == a->keys.count)
        return ND_END;
    Group *g = &a->groups[a->next++];
    if (a->part) {
        *out = (Series){g->labels, g->drop_name, g->value, .folded = g};
        return ND_SERIES;
    }
    for (size_t i = 0; i < n->grid.count; i++)
        if (!pql_missing(g->value[i]))
            g->value[i] = group_value(a, g, i);
    if (g->hists)
        group_histograms(a, g);
    *out = (Series){g->labels, g->drop_name, g->value, .h = g->h};
    return ND_SERIES;
}

static void agg_close(PqlNode *n)
{
    arena_free(&((NodeAgg *)n)->scratch);
}

static const NodeDef def_agg = {.next = agg_next, .close = agg_close};

static NodeAgg *agg_new(PqlBuild *b, const PqlExpr *x)
{
    NodeAgg *a = (NodeAgg *)pql_node_new(b, sizeof *a, &def_agg, x);
    arena_init(&a->scratch, &b->q->budget);
    label_map_init(&a->keys, &b->q->arena);
    a->def = &fold_defs[x->agg];
    if (x->agg == PA_SUM || x->agg == PA_AVG)
        a->fold_hist = fold_hist_sum;
    else if (x->agg == PA_COUNT || x->agg == PA_GROUP)
        a->fold_hist = fold_hist_count;
    a->n.one_name = x->without || !names_have(&x->grouping, SLICE_LIT("__name__"));
    return a;
}

static PqlNode *agg_part(PqlBuild *b, const PqlExpr *x, PqlNode *child)
{
    if (!child)
        return NULL;
    NodeAgg *a = agg_new(b, x);
    a->child = child;
    a->part = true;
    a->n.feed = child->feed;
    return &a->n;
}

/* Parts that fold what they read pay where groups are few, and not with native histograms. */
static bool folds_apart(const PqlBuild *b, const PqlExpr *x, const PqlNode *child)
{
    SeriesIndex *index = engine_index(snapshot_engine(b->q->r.snapshot));
    const Sources *s = &child->feed->sources;
    size_t series = sources_series(s), groups = 0;
    for (size_t i = 0; i < s->count; i++) {
        const Source *from = &s->items[i];
        size_t most = from->field_count;
        for (size_t f = 0; f < from->field_count; f++)
            if (from->fields[f].hist)
                return false;
        for (size_t k = 0; k < from->tag_count && most <= series; k++)
            if (names_have(&x->grouping, from->tags[k].label) != x->without)
                most *= 1 + idx_code_count(index, from->table->id, from->tags[k].id);
        groups += most;
    }
    return groups * FOLD_SERIES_MIN <= series;
}

PqlNode *build_aggregate(PqlBuild *b, const PqlExpr *x)
{
    const PqlExpr *arg = pql_unparen(x->args[0]);
    PqlBuild of = *b;
    of.presence = arg->kind == PX_VECTOR && (x->agg == PA_COUNT || x->agg == PA_GROUP);
    if (b->take_series) /* what is over an aggregation is never cut: this is the top of a part */
        return agg_part(b, x, pql_build(&of, arg));
    NodeAgg *a = agg_new(b, x);
    PqlNode *child = pql_build(&of, arg);
    if (child && child->feed && !x->without)
        sources_keep_labels(&child->feed->sources, &x->grouping);
    if (child && pql_can_spread(b, child) && folds_apart(b, x, child))
        a->child = pql_spread_folds(b, agg_part(b, x, child));
    else
        a->child = pql_spread(&of, child);
    return a->child ? &a->n : NULL;
}
