/* promql/node_hist.c - quantiles and fractions of histograms: of classic buckets, which are series that
 * differ in the label "le" only, and of native ones. */
#include "promql/eval_private.h"
#include <stdio.h>
#include <stdlib.h>

#define LE             SLICE_LIT("le")
#define EVEN_TOLERANCE 1e-12 /* relative difference of counts that is rounding, not a fall */

enum { QUANTILES_MAX = 32 };

typedef struct Bucket {
    double bound, count;
} Bucket;

typedef struct Member {
    uint32_t group, series;
    double bound;
} Member;

typedef struct NodeHist {
    PqlNode n;
    PqlNode *child;
    ScalarArg args[QUANTILES_MAX]; /* quantiles, or the two bounds of a fraction */
    size_t arg_count;
    bool fraction;
    Slice label; /* histogram_quantiles: of the quantile */
    const PqlExpr *vector;
    Gathered in;
    LabelMap keys;
    bool *drop;
    uint32_t *native; /* by group: the series with histograms, + 1 */
    Member *members;  /* by group, then bound */
    size_t member_count, at;
    uint32_t group; /* the next */
    bool grouped;
    Arena scratch;
    size_t quantile; /* the next of this group */
    Bucket *buckets;
    double *out;
} NodeHist;

/* ---- arithmetic ---- */

/* Equal bounds are added up; counts may not fall. *forced: they did, by more than rounding. */
static size_t tidy(Bucket *b, size_t n, bool *forced)
{
    size_t k = 0;
    for (size_t i = 1; i < n; i++) {
        if (b[i].bound == b[k].bound)
            b[k].count += b[i].count;
        else
            b[++k] = b[i];
    }
    n = k + 1;
    double previous = b[0].count;
    for (size_t i = 1; i < n; i++) {
        double delta = fabs(b[i].count - previous);
        if (delta != 0 && delta / b[i].count <= EVEN_TOLERANCE)
            b[i].count = previous;
        else
            previous = b[i].count;
    }
    double most = b[0].count;
    for (size_t i = 1; i < n; i++) {
        if (b[i].count > most)
            most = b[i].count;
        if (b[i].count < most) {
            b[i].count = most;
            *forced = true;
        }
    }
    return n;
}

static double bucket_quantile(double q, Bucket *b, size_t n, bool *forced)
{
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (b[n - 1].bound != INFINITY)
        return NAN;
    n = tidy(b, n, forced);
    if (n < 2 || b[n - 1].count == 0 || isnan(b[n - 1].count)) {
        *forced = false;
        return NAN;
    }
    double rank = q * b[n - 1].count;
    size_t i = 0;
    while (i < n - 1 && !(b[i].count >= rank))
        i++;
    if (i == n - 1)
        return b[n - 2].bound;
    if (i == 0 && b[0].bound <= 0)
        return b[0].bound;
    double low = i ? b[i - 1].bound : 0, below = i ? b[i - 1].count : 0;
    return low + (b[i].bound - low) * ((rank - below) / (b[i].count - below));
}

/* Observations up to v. */
static double rank_of(const Bucket *b, size_t n, double v)
{
    double below = 0;
    for (size_t i = 0; i < n; i++) {
        double low = i ? b[i - 1].bound : b[0].bound > 0 ? 0 : -INFINITY;
        if (low >= v)
            return below;
        if (b[i].bound > v)
            return isinf(low) || isinf(b[i].bound)
                       ? below
                       : below + (b[i].count - below) * (v - low) / (b[i].bound - low);
        below = b[i].count;
    }
    return below;
}

static double bucket_fraction(double low, double high, Bucket *b, size_t n)
{
    bool forced;
    if (b[n - 1].bound != INFINITY)
        return NAN;
    n = tidy(b, n, &forced);
    double all = b[n - 1].count;
    if (all == 0 || isnan(all) || isnan(low) || isnan(high))
        return NAN;
    if (low >= high)
        return 0;
    return (rank_of(b, n, high) - rank_of(b, n, low)) / all;
}

/* ---- groups ---- */

static bool parse_bound(Slice s, double *out)
{
    bool minus = s.len && s.ptr[0] == '-', sign = minus || (s.len && s.ptr[0] == '+');
    Slice word = slice_of(s.ptr + sign, s.len - sign);
    if (slice_eq_nocase(word, SLICE_LIT("inf")) || slice_eq_nocase(word, SLICE_LIT("infinity"))) {
        *out = minus ? -INFINITY : INFINITY;
        return true;
    }
    return slice_to_f64(minus ? s : word, out);
}

static int by_group(const void *a, const void *b)
{
    const Member *l = a, *r = b;
    if (l->group != r->group)
        return l->group < r->group ? -1 : 1;
    if (l->bound < r->bound || l->bound > r->bound)
        return l->bound < r->bound ? -1 : 1;
    return (l->series > r->series) - (l->series < r->series);
}

static bool any_number(const Series *s, const Grid *g)
{
    for (size_t i = 0; i < g->count; i++)
        if (!pql_missing(s->v[i]))
            return true;
    return false;
}

/* With the metric's name, if there is one. */
static void PRINTF_LIKE(4, 5) tell_of(NodeHist *h, bool warning, Slice name, const char *fmt, ...)
{
    char text[ERR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (name.len)
        pql_annotate(h->n.q, warning, h->vector->begin, "%s for metric name \"%.*s\"", text,
                     SLICE_ARG(name));
    else
        pql_annotate(h->n.q, warning, h->vector->begin, "%s", text);
}

static void make_groups(NodeHist *h)
{
    PqlQuery *q = h->n.q;
    Slice le[] = {LE};
    PqlNames names = {le, 1};
    bool made;
    label_map_init(&h->keys, &q->arena);
    h->members = ARENA_ARRAY(&q->arena, Member, h->in.count + 1);
    h->drop = ARENA_ARRAY(&q->arena, bool, h->in.count * 2 + 1);
    h->native = ARENA_ARRAY(&q->arena, uint32_t, h->in.count * 2 + 1);
    for (size_t k = 0; k < h->in.count; k++) {
        const Series *s = &h->in.items[k];
        if (s->h) {
            uint32_t g = label_map_put(&h->keys, &s->labels, &made);
            h->native[g] = (uint32_t)k + 1;
            h->drop[g] |= s->drop_name;
            if (!any_number(s, &h->n.grid))
                continue;
        }
        Slice text = labels_get(&s->labels, LE);
        Member m = {.series = (uint32_t)k};
        if (!parse_bound(text, &m.bound)) {
            Slice name = labels_get(&s->labels, SLICE_LIT("__name__"));
            tell_of(h, true, name,
                    "bucket label \"le\" is missing or has a malformed value of \"%.*s\"",
                    SLICE_ARG(text));
            continue;
        }
        Labels key = labels_omit(&q->arena, &s->labels, &names, false);
        m.group = label_map_put(&h->keys, &key, &made);
        h->drop[m.group] |= s->drop_name;
        h->members[h->member_count++] = m;
    }
    qsort(h->members, h->member_count, sizeof *h->members, by_group);
    h->buckets = ARENA_ARRAY(&q->arena, Bucket, h->member_count + 1);
    h->out = pql_vector_new(q, &h->n.grid);
}

enum { NOTE_FORCED = 1 << 16, NOTE_MIXED = 1 << 17 }; /* beside the bits of HistNote */

static void tell(NodeHist *h, const Labels *l, unsigned notes)
{
    Slice name = labels_get(l, SLICE_LIT("__name__"));
    Slice kept = h->n.q->delayed_names ? name : slice_of("", 0);
    if (notes & NOTE_MIXED)
        tell_of(h, true, name, "vector contains a mix of classic and native histograms");
    if (notes & NOTE_FORCED)
        tell_of(h, false, kept,
                "input to histogram_quantile needed to be fixed for monotonicity (see "
                "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                "#histogram_quantile)");
    if (notes & HN_NAN_RESULT)
        tell_of(h, false, kept, "input to histogram_quantile has NaN observations, result is NaN");
    if (notes & HN_NAN_SKEW)
        tell_of(h, false, kept,
                "input to histogram_quantile has NaN observations, result is skewed higher");
    if (notes & HN_NAN_FRACTION)
        tell_of(h, false, kept,
                "input to histogram_fraction has NaN observations, which are excluded from all "
                "fractions");
}

static double native_value(NodeHist *h, const Histogram *hist, size_t i, unsigned *notes)
{
    arena_reset(&h->scratch);
    if (h->fraction)
        return hist_fraction(h->args[0].v[i], h->args[1].v[i], hist, &h->scratch, notes);
    return hist_quantile(h->args[h->quantile].v[i], hist, &h->scratch, notes);
}

/* A group, with members [from, to), over all steps. */
static void hist_steps(NodeHist *h, uint32_t g, size_t from, size_t to)
{
    unsigned notes = 0;
    const Series *native = h->native[g] ? &h->in.items[h->native[g] - 1] : NULL;
    for (size_t i = 0; i < h->n.grid.count; i++) {
        size_t n = 0;
        const Histogram *hist = native ? native->h[i] : NULL;
        h->out[i] = pql_absent();
        for (size_t k = from; k < to; k++) {
            double v = h->in.items[h->members[k].series].v[i];
            if (!pql_missing(v))
                h->buckets[n++] = (Bucket){h->members[k].bound, v};
        }
        if (hist && n == 0)
            h->out[i] = native_value(h, hist, i, &notes);
        else if (hist)
            notes |= NOTE_MIXED;
        if (hist || n == 0)
            continue;
        bool forced = false;
        if (h->fraction)
            h->out[i] = bucket_fraction(h->args[0].v[i], h->args[1].v[i], h->buckets, n);
        else
            h->out[i] = bucket_quantile(h->args[h->quantile].v[i], h->buckets, n, &forced);
        notes |= forced ? NOTE_FORCED : 0;
    }
    if (notes)
        tell(h, &h->keys.items[g], notes);
}

/* ---- the node ---- */

static void check_quantiles(NodeHist *h)
{
    for (size_t k = 0; !h->fraction && k < h->arg_count; k++)
        for (size_t i = 0; i < h->n.grid.count; i++) {
            double q = h->args[k].v[i];
            if (q >= 0 && q <= 1)
                continue;
            Buf b;
            buf_init(&b);
            buf_put_f64(&b, q);
            pql_annotate(h->n.q, true, h->args[k].node->x->begin,
                         "quantile value should be between 0 and 1, got %.*s", (int)b.len, b.ptr);
            buf_free(&b);
        }
}

static NdStatus hist_begin(NodeHist *h, Err *e)
{
    NdStatus st;
    for (size_t k = 0; k < h->arg_count; k++)
        if ((st = scalar_ready(&h->args[k], e)) != ND_SERIES)
            return st;
    st = gather(h->child, &h->in, e);
    if (st != ND_END || h->grouped)
        return st;
    check_quantiles(h);
    make_groups(h);
    h->grouped = true;
    return ND_END;
}

/* A number as OpenMetrics writes it: never without a point. */
static void put_openmetrics(Buf *b, double v)
{
    buf_put_f64(b, v);
    if (isfinite(v) && !memchr(b->ptr, '.', b->len) && !memchr(b->ptr, 'e', b->len))
        buf_puts(b, ".0");
}

static NdStatus hist_next(PqlNode *n, Series *out, Err *e)
{
    NodeHist *h = (NodeHist *)n;
    Arena *a = &n->q->arena;
    NdStatus st = hist_begin(h, e);
    if (st != ND_END)
        return st;
    if (h->group == h->keys.count)
        return ND_END;
    if (pql_pause(n->q))
        return ND_YIELD;
    size_t to = h->at;
    uint32_t g = h->group;
    while (to < h->member_count && h->members[to].group == g)
        to++;
    hist_steps(h, g, h->at, to);
    Labels l = h->keys.items[g];
    if (!n->q->delayed_names)
        l = labels_drop_name(a, &l);
    if (h->label.len) {
        Buf text;
        buf_init(&text);
        put_openmetrics(&text, h->args[h->quantile].v[0]);
        l = labels_set(a, &l, h->label, arena_slice(a, buf_slice(&text)));
        buf_free(&text);
    }
    *out = (Series){.labels = l, .drop_name = n->q->delayed_names, .v = h->out};
    if (h->fraction || ++h->quantile == h->arg_count) {
        h->quantile = 0;
        h->at = to;
        h->group++;
    }
    return ND_SERIES;
}

static void hist_close(PqlNode *n)
{
    arena_free(&((NodeHist *)n)->scratch);
}

static const NodeDef def_hist = {.next = hist_next, .close = hist_close};

static PqlNode *hist_new(PqlBuild *b, const PqlExpr *call, size_t vector, size_t from, size_t to)
{
    NodeHist *h = (NodeHist *)pql_node_new(b, sizeof *h, &def_hist, call);
    arena_init(&h->scratch, &b->q->budget);
    h->fraction = vector == 2;
    h->vector = call->args[vector];
    if (to - from > QUANTILES_MAX) {
        err_set(b->e, ERR_INVALID_PARAMETER, "more than %d quantiles", QUANTILES_MAX);
        return NULL;
    }
    for (size_t i = from; i < to; i++)
        if (!(h->args[h->arg_count++].node = pql_build(b, call->args[i])))
            return NULL;
    if (vector == 0)
        h->label = pql_unparen(call->args[1])->string;
    h->child = pql_build_all(b, call->args[vector]);
    if (!h->child)
        return NULL;
    h->n.one_name = h->child->one_name;
    if (b->q->delayed_names || h->n.one_name)
        return &h->n;
    h->n.one_name = true;
    return build_merge(b, &h->n, false);
}

PqlNode *build_histogram_quantile(PqlBuild *b, const PqlExpr *call)
{
    return hist_new(b, call, 1, 0, 1);
}

PqlNode *build_histogram_quantiles(PqlBuild *b, const PqlExpr *call)
{
    return hist_new(b, call, 0, 2, call->arg_count);
}

PqlNode *build_histogram_fraction(PqlBuild *b, const PqlExpr *call)
{
    return hist_new(b, call, 2, 0, 2);
}
