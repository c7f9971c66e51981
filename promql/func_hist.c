/* promql/func_hist.c - functions over ranges in which there are native histograms. */
#include "promql/eval_private.h"
#include "promql/kernels.h"

static void note(const PqlWindow *w, HistOp op, unsigned notes)
{
    *w->notes |= notes << (WN_SHIFT * (1 + (unsigned)op));
}

/* Numbers and histograms do not go together. */
static bool only_histograms(const PqlWindow *w)
{
    if (w->count == 0)
        return true;
    *w->notes |= WN_MIXED;
    return false;
}

/* ---- the samples of both kinds in the order of time ---- */

typedef struct Walk {
    const PqlWindow *w;
    size_t number, hist;
} Walk;

static bool walk_next(Walk *k, PqlSample *out, int64_t *t_ms)
{
    const PqlWindow *w = k->w;
    if (k->number == w->count && k->hist == w->h_count)
        return false;
    bool hist =
        k->number == w->count || (k->hist < w->h_count && w->h_ms[k->hist] < w->t_ms[k->number]);
    *t_ms = hist ? w->h_ms[k->hist] : w->t_ms[k->number];
    if (hist)
        *out = (PqlSample){0, w->h[k->hist++]};
    else
        *out = (PqlSample){w->v[k->number++], NULL};
    return true;
}

/* ---- rate, increase, delta ---- */

/* Gauges where counters are due, and the other way round. */
static void check_kind(const PqlWindow *w, size_t from, size_t to, bool counter)
{
    for (size_t i = from; i <= to; i++) {
        bool gauge = w->h[i]->hint == HIST_GAUGE;
        bool edge = i == from || i == to;
        if (counter && gauge)
            *w->notes |= WN_NOT_COUNTER;
        if (!counter && !gauge && edge)
            *w->notes |= WN_NOT_GAUGE;
    }
}

/* What a counter was before it began anew counts, too. */
static bool add_lost(const PqlWindow *w, Histogram *sum, const Histogram *before)
{
    for (size_t i = 1; i < w->h_count; i++) {
        if (hist_is_reset(w->h[i], before, w->arena) || fw_began_anew(w->h_st_ms, w->h_ms, i)) {
            unsigned notes = hist_add(sum, before, 1, HIST_PLAIN, w->arena);
            note(w, HO_ADD, notes & ~(unsigned)HN_COLLISION);
            if (notes & HN_INCOMPATIBLE)
                return false;
        }
        before = w->h[i];
    }
    return true;
}

static void empty_like(Histogram *out, const Histogram *h)
{
    *out = (Histogram){.schema = h->schema,
                       .zero_threshold = h->zero_threshold,
                       .bounds = h->bounds,
                       .bound_count = h->bound_count};
}

/* zero: what is counted began within the window, with nothing. */
static Histogram *raw_change(const PqlWindow *w, bool counter, bool zero)
{
    size_t n = w->h_count;
    const Histogram *first = w->h[0], *last = w->h[n - 1];
    Histogram nothing = {0};
    check_kind(w, 0, n - 1, counter);
    if (zero) {
        empty_like(&nothing, first);
        first = &nothing;
    } else if (counter &&
               (hist_is_reset(w->h[1], first, w->arena) || fw_began_anew(w->h_st_ms, w->h_ms, 1))) {
        /* the first one is not looked at: its layout does not matter */
        empty_like(&nothing, w->h[1]);
        first = &nothing;
    }
    if (counter && fw_starts_overlap(w->h_st_ms, w->h_ms, n))
        *w->notes |= WN_OVERLAP;
    Histogram *sum = hist_copy(last, w->arena);
    for (size_t i = 1; counter && i < n - 1; i++) {
        if (hist_is_custom(w->h[i]) != hist_is_custom(sum))
            return note(w, HO_SUB, HN_INCOMPATIBLE), NULL;
        if (w->h[i]->schema < sum->schema)
            hist_reduce(sum, w->h[i]->schema);
    }
    unsigned notes = hist_add(sum, first, -1, HIST_PLAIN, w->arena);
    note(w, HO_SUB, notes & ~(unsigned)HN_COLLISION);
    if (notes & HN_INCOMPATIBLE || (counter && !add_lost(w, sum, zero ? w->h[0] : first)))
        return NULL;
    sum->hint = HIST_GAUGE;
    hist_settle(sum);
    return sum;
}

/* ---- anchored and smoothed: values at the edges instead of extrapolation ---- */

typedef struct Edges {
    size_t first, last;       /* samples */
    bool left_cut, right_cut; /* the edge lies between two of them */
} Edges;

/* First: the newest at or before the begin, else the first; last: smoothed, the first at or after the end. */
static bool find_edges(const PqlWindow *w, Edges *x)
{
    *x = (Edges){.last = w->h_count - 1};
    while (x->first + 1 < w->h_count && w->h_ms[x->first + 1] <= w->begin_ms)
        x->first++;
    for (size_t i = 0; w->smoothed && i < w->h_count; i++)
        if (w->h_ms[i] >= w->end_ms) {
            x->last = i;
            break;
        }
    x->left_cut = w->smoothed && w->h_ms[x->first] < w->begin_ms && x->first + 1 < w->h_count;
    x->right_cut = w->smoothed && x->last > 0 && w->h_ms[x->last] > w->end_ms;
    return w->h_ms[x->last] > w->begin_ms && w->h_ms[x->first] <= w->end_ms;
}

static Histogram *at_edge(const PqlWindow *w, size_t i, bool cut, int64_t t, bool counter,
                          unsigned *notes)
{
    if (!cut)
        return hist_copy(w->h[i], w->arena);
    double part = (double)(t - w->h_ms[i]) / (double)(w->h_ms[i + 1] - w->h_ms[i]);
    return hist_between(w->h[i], w->h[i + 1], part, counter, w->arena, notes);
}

/* An edge that was cut has its reset in itself already: it is not counted again. */
static unsigned add_resets(const PqlWindow *w, const Edges *x, Histogram *sum)
{
    unsigned notes = 0;
    for (size_t i = x->first + 1 + x->left_cut; i <= x->last; i++)
        if (hist_is_reset(w->h[i], w->h[i - 1], w->arena))
            notes |= hist_add(sum, w->h[i - 1], 1, HIST_PLAIN, w->arena);
    return notes;
}

static bool edged(const PqlWindow *w, bool counter, bool per_second, PqlSample *out)
{
    Edges x;
    unsigned notes = 0;
    if (!only_histograms(w) || !find_edges(w, &x))
        return false;
    check_kind(w, x.first, x.last, counter);
    Histogram *left = at_edge(w, x.first, x.left_cut, w->begin_ms, counter, &notes);
    Histogram *right = at_edge(w, x.last - x.right_cut, x.right_cut, w->end_ms, counter, &notes);
    if (left && right)
        notes |= hist_add(right, left, -1, HIST_PLAIN, w->arena);
    if (counter && !(notes & HN_INCOMPATIBLE))
        notes |= add_resets(w, &x, right);
    note(w, HO_SUB, notes & ~(unsigned)HN_COLLISION);
    if (notes & HN_INCOMPATIBLE)
        return false;
    right->hint = HIST_GAUGE;
    hist_settle(right);
    if (per_second)
        hist_divide(right, w->range_s);
    out->h = right;
    return true;
}

static bool change(const PqlWindow *w, bool counter, bool per_second, PqlSample *out)
{
    size_t n = w->h_count;
    if (w->anchored || w->smoothed)
        return edged(w, counter, per_second, out);
    bool zero = counter && fw_from_zero(w->h_st_ms, w->h_ms, w);
    if (!only_histograms(w) || (n < 2 && !zero))
        return false;
    Histogram *sum = raw_change(w, counter, zero);
    if (!sum)
        return false;
    int64_t from = zero ? w->h_st_ms[0] : w->h_ms[0];
    double covered = (double)(w->h_ms[n - 1] - from) / 1000;
    double to_start = (double)(from - w->begin_ms) / 1000,
           to_end = (double)(w->end_ms - w->h_ms[n - 1]) / 1000;
    double gap = n > 1 ? (double)(w->h_ms[n - 1] - w->h_ms[0]) / 1000 / (double)(n - 1) : 0;
    double limit = gap * 1.1;
    if (zero)
        to_start = 0;
    else if (to_start >= limit)
        to_start = gap / 2;
    if (counter && sum->count > 0 && w->h[0]->count >= 0) {
        double to_zero = covered * (w->h[0]->count / sum->count);
        if (to_zero < to_start)
            to_start = to_zero;
    }
    if (to_end >= limit)
        to_end = gap / 2;
    double factor = (covered + to_start + to_end) / covered;
    hist_scale(sum, per_second ? factor / w->range_s : factor);
    out->h = sum;
    return true;
}

bool fx_rate(const PqlWindow *w, PqlSample *out)
{
    return change(w, true, true, out);
}

bool fx_increase(const PqlWindow *w, PqlSample *out)
{
    return change(w, true, false, out);
}

bool fx_delta(const PqlWindow *w, PqlSample *out)
{
    return change(w, false, false, out);
}

/* ---- the last two samples ---- */

static bool last_two(const PqlWindow *w, bool rate, PqlSample *out)
{
    size_t n = w->h_count, k = w->count;
    if (n + k < 2)
        return false;
    bool two_numbers = k > 1 && w->t_ms[k - 2] > w->h_ms[n - 1];
    if (two_numbers)
        return (rate ? fw_irate : fw_idelta)(w, &out->v);
    if (n < 2 || (k && w->t_ms[k - 1] > w->h_ms[n - 2])) {
        *w->notes |= WN_MIXED;
        return false;
    }
    int64_t ms = w->h_ms[n - 1] - w->h_ms[n - 2];
    if (ms == 0)
        return false;
    check_kind(w, n - 2, n - 1, rate);
    Histogram *last = hist_copy(w->h[n - 1], w->arena);
    if (!rate || (!hist_is_reset(w->h[n - 1], w->h[n - 2], w->arena) &&
                  !fw_began_anew(w->h_st_ms, w->h_ms, n - 1))) {
        unsigned notes = hist_add(last, w->h[n - 2], -1, HIST_PLAIN, w->arena);
        note(w, HO_SUB, notes & ~(unsigned)HN_COLLISION);
        if (notes & HN_INCOMPATIBLE)
            return false;
    }
    last->hint = HIST_GAUGE;
    hist_settle(last);
    if (rate)
        hist_divide(last, (double)ms / 1000);
    out->h = last;
    return true;
}

bool fx_irate(const PqlWindow *w, PqlSample *out)
{
    return last_two(w, true, out);
}

bool fx_idelta(const PqlWindow *w, PqlSample *out)
{
    return last_two(w, false, out);
}

/* ---- sums ---- */

static unsigned hint_bit(const Histogram *h)
{
    return h->hint == HIST_RESET ? 1 : h->hint == HIST_NOT_RESET ? 2 : 0;
}

bool fx_sum(const PqlWindow *w, PqlSample *out)
{
    if (!only_histograms(w))
        return false;
    Histogram *sum = hist_copy(w->h[0], w->arena);
    unsigned hints = hint_bit(sum), notes = 0;
    for (size_t i = 1; i < w->h_count; i++) {
        hints |= hint_bit(w->h[i]);
        notes |= hist_add(sum, w->h[i], 1, HIST_COMPENSATED, w->arena) & ~(unsigned)HN_COLLISION;
    }
    note(w, HO_AGG, notes | (hints == 3 ? HN_COLLISION : 0));
    if (notes & HN_INCOMPATIBLE)
        return false;
    hist_settle(sum);
    out->h = sum;
    return true;
}

unsigned hist_mean_add(HistMean *m, const Histogram *h, Arena *a)
{
    double n = (double)++m->count;
    m->large |= hist_is_large(h);
    if (!m->sum) {
        m->sum = hist_copy(h, a);
        return 0;
    }
    if (!m->stepwise) {
        Histogram *before = m->large ? hist_copy(m->sum, a) : NULL;
        unsigned notes = hist_add(m->sum, h, 1, HIST_COMPENSATED, a);
        if (notes & HN_INCOMPATIBLE || !hist_overflows(m->sum))
            return notes;
        m->stepwise = true;
        m->sum = before ? before : m->sum;
        hist_divide(m->sum, n - 1);
    }
    double part = (n - 1) / n;
    Histogram *share = hist_copy(h, a);
    hist_scale(m->sum, part);
    hist_divide(share, n);
    return hist_add(m->sum, share, 1, HIST_COMPENSATED, a);
}

Histogram *hist_mean_end(HistMean *m)
{
    if (!m->stepwise)
        hist_divide(m->sum, (double)m->count);
    hist_settle(m->sum);
    return m->sum;
}

bool fx_avg(const PqlWindow *w, PqlSample *out)
{
    if (!only_histograms(w))
        return false;
    HistMean mean = {0};
    unsigned hints = 0, notes = 0;
    for (size_t i = 0; i < w->h_count; i++) {
        hints |= hint_bit(w->h[i]);
        notes |= hist_mean_add(&mean, w->h[i], w->arena) & ~(unsigned)HN_COLLISION;
    }
    note(w, HO_AGG, notes | (hints == 3 ? HN_COLLISION : 0));
    if (notes & HN_INCOMPATIBLE)
        return false;
    out->h = hist_mean_end(&mean);
    return true;
}

/* ---- counting and picking ---- */

bool fx_count(const PqlWindow *w, PqlSample *out)
{
    out->v = (double)(w->count + w->h_count);
    return true;
}

bool fx_present(const PqlWindow *w, PqlSample *out)
{
    (void)w;
    out->v = 1;
    return true;
}

static bool first_is_number(const PqlWindow *w)
{
    return w->count && w->t_ms[0] < w->h_ms[0];
}

static bool last_is_number(const PqlWindow *w)
{
    return w->count && w->t_ms[w->count - 1] > w->h_ms[w->h_count - 1];
}

bool fx_first(const PqlWindow *w, PqlSample *out)
{
    if (first_is_number(w))
        return fw_first(w, &out->v);
    out->h = w->h[0];
    return true;
}

bool fx_last(const PqlWindow *w, PqlSample *out)
{
    if (last_is_number(w))
        return fw_last(w, &out->v);
    out->h = w->h[w->h_count - 1];
    return true;
}

bool fx_ts_first(const PqlWindow *w, PqlSample *out)
{
    out->v = (double)(first_is_number(w) ? w->t_ms[0] : w->h_ms[0]) / 1000;
    return true;
}

bool fx_ts_last(const PqlWindow *w, PqlSample *out)
{
    out->v = (double)(last_is_number(w) ? w->t_ms[w->count - 1] : w->h_ms[w->h_count - 1]) / 1000;
    return true;
}

/* A change from one kind to the other counts as one, and as a reset. */
static bool count_steps(const PqlWindow *w, bool resets, PqlSample *out)
{
    Walk k = {.w = w};
    PqlSample before, now;
    size_t n = 0;
    int64_t t = INT64_MIN;
    for (bool some = walk_next(&k, &before, &t); some && walk_next(&k, &now, &t); before = now) {
        if (w->anchored && t <= w->begin_ms)
            continue; /* only the last one of these counts */
        if (!now.h != !before.h)
            n++;
        else if (now.h)
            n += resets ? hist_is_reset(now.h, before.h, w->arena) ||
                              fw_began_anew(w->h_st_ms, w->h_ms, k.hist - 1)
                        : !hist_equal(now.h, before.h);
        else
            n += resets ? now.v < before.v || fw_began_anew(w->st_ms, w->t_ms, k.number - 1)
                        : now.v != before.v && !(isnan(now.v) && isnan(before.v));
    }
    out->v = (double)n;
    return !w->anchored || t > w->begin_ms;
}

bool fx_changes(const PqlWindow *w, PqlSample *out)
{
    return count_steps(w, false, out);
}

bool fx_resets(const PqlWindow *w, PqlSample *out)
{
    return count_steps(w, true, out);
}
