/* promql/func_steps.c - change in a window for all steps of a series at once: rate, increase, delta.
 *
 * The same arithmetic as func_rate.c, which has the cases that are rare: start times, anchored, smoothed,
 * histograms.  The edges of the windows move forward only, the resets are found once a series, and what is left
 * of a step is arithmetic without branches (grid_kernels.c). */
#include "base/simd.h"
#include "exec/kernels.h"
#include "promql/eval_private.h"
#include "promql/grid_kernels.h"
#include "promql/kernels.h"

const GridKernels *pql_kernels(void)
{
#ifdef SKULK_KERNELS_V3
    if (simd_has_v3())
        return &grid_v3;
#endif
    return &grid_base;
}

typedef struct Edge { /* samples [0, at) are not after it */
    size_t at, by;    /* it moved by so many last */
} Edge;

typedef struct Change {
    bool counter;
    double range_s; /* what is divided by */
} Change;

typedef struct Moving {
    Edge lo, hi;
    const uint32_t *drops;
    size_t drop, drop_count; /* drops before `drop` are at or before lo */
} Moving;

static inline void edge_move(Edge *e, const int64_t *t_ms, size_t count, int64_t limit)
{
    size_t at = e->at, guess = at + e->by;
    if (guess && guess < count && t_ms[guess - 1] <= limit && t_ms[guess] > limit) {
        e->at = guess;
        return;
    }
    while (at < count && t_ms[at] <= limit)
        at++;
    e->by = at - e->at;
    e->at = at;
}

/* Every value before a drop is what a counter had reached when it started again.  Added one by one to the change,
 * as Prometheus does: the bits depend on it. */
static double with_lost(Moving *m, const double *v, double change)
{
    while (m->drop < m->drop_count && m->drops[m->drop] <= m->lo.at)
        m->drop++;
    for (size_t i = m->drop; i < m->drop_count && m->drops[i] < m->hi.at; i++)
        change += v[m->drops[i] - 1];
    return change;
}

/* Moves over n steps; false: none has a result. */
static bool windows(Moving *m, const PqlSteps *s, size_t from, size_t n, ChangeSteps *c)
{
    bool some = false;
    for (size_t i = 0; i < n; i++) {
        int64_t end = s->end_ms + (int64_t)(from + i) * s->step_ms, begin = end - s->range_ms;
        edge_move(&m->hi, s->t_ms, s->count, end);
        edge_move(&m->lo, s->t_ms, m->hi.at, begin);
        size_t first = m->lo.at, last = m->hi.at - 1;
        if (m->hi.at < first + 2) {
            c->gaps[i] = c->covered[i] = c->to_start[i] = c->to_end[i] = c->first[i] = c->raw[i] =
                0;
            continue;
        }
        some = true;
        c->gaps[i] = (double)(last - first);
        c->covered[i] = (double)(s->t_ms[last] - s->t_ms[first]);
        c->to_start[i] = (double)(s->t_ms[first] - begin);
        c->to_end[i] = (double)(end - s->t_ms[last]);
        c->first[i] = s->v[first];
        c->raw[i] = s->v[last] - s->v[first];
        if (m->drop < m->drop_count)
            c->raw[i] = with_lost(m, s->v, c->raw[i]);
    }
    return some;
}

/* Any windows of [from, to). */
static bool change_some(Moving *m, const PqlSteps *s, size_t from, size_t to, const Change *how)
{
    const GridKernels *k = pql_kernels();
    ChangeSteps c = {0};
    bool some = false;
    for (size_t i = from, n; i < to; i += n) {
        n = to - i < CHANGE_STEPS ? to - i : CHANGE_STEPS;
        some |= windows(m, s, i, n, &c);
        k->change(s->out + i, &c, n, how->range_s, how->counter);
    }
    return some;
}

/* Samples at equal distances, of which a step is a multiple: each window that has samples on both sides or ends
 * within a distance of them holds as many as the others, at the same places. */
typedef struct Steady {
    size_t from, to;    /* steps; empty: there are none */
    size_t first, last; /* samples of the window at `from` */
    size_t by;          /* samples a step */
} Steady;

static Steady steady_steps(const PqlSteps *s)
{
    Steady out = {0};
    int64_t gap = s->count > 2 ? s->t_ms[1] - s->t_ms[0] : 0, t0 = s->t_ms[0];
    if (gap <= 0 || s->step_ms % gap || s->step_ms <= 0 || s->range_ms < 2 * gap ||
        (s->gap_ms != gap && !pql_kernels()->regular(s->t_ms, s->count, (uint64_t)gap)))
        return out;
    /* The first step whose window begins at or after t0 - gap, the first that ends at or after the end. */
    int64_t after = t0 - gap + s->range_ms - s->end_ms,
            until = t0 + (int64_t)s->count * gap - s->end_ms;
    out.from = after > 0 ? (size_t)((after + s->step_ms - 1) / s->step_ms) : 0;
    out.to = until > 0 ? (size_t)((until + s->step_ms - 1) / s->step_ms) : 0;
    out.to = out.to < s->steps ? out.to : s->steps;
    if (out.from >= out.to)
        return (Steady){0};
    int64_t end = s->end_ms + (int64_t)out.from * s->step_ms;
    out.by = (size_t)(s->step_ms / gap);
    out.first = (size_t)(floor_div(end - s->range_ms - t0, gap) + 1);
    out.last = (size_t)floor_div(end - t0, gap);
    return out;
}

static void change_steady(Moving *m, const PqlSteps *s, const Steady *y, const Change *how)
{
    ChangeSteps c = {0};
    int64_t end = s->end_ms + (int64_t)y->from * s->step_ms;
    SteadyChange k = {.covered = (double)(s->t_ms[y->last] - s->t_ms[y->first]) / 1000,
                      .to_start = (double)(s->t_ms[y->first] - (end - s->range_ms)) / 1000,
                      .to_end = (double)(end - s->t_ms[y->last]) / 1000,
                      .range_s = how->range_s,
                      .counter = how->counter};
    double gap = k.covered / (double)(y->last - y->first), limit = gap * 1.1, half = gap * 0.5;
    k.to_start = k.to_start >= limit ? half : k.to_start;
    k.to_end = k.to_end >= limit ? half : k.to_end;
    const double *first = s->v + y->first, *last = s->v + y->last;
    for (size_t i = y->from, n; i < y->to; i += n, first += n * y->by, last += n * y->by) {
        n = y->to - i < CHANGE_STEPS ? y->to - i : CHANGE_STEPS;
        for (size_t j = 0; j < n; j++) {
            c.first[j] = first[j * y->by];
            c.raw[j] = last[j * y->by] - c.first[j];
        }
        for (size_t j = 0; j < n && m->drop < m->drop_count; j++) {
            m->lo.at = (size_t)(first - s->v) + j * y->by;
            m->hi.at = (size_t)(last - s->v) + j * y->by + 1;
            c.raw[j] = with_lost(m, s->v, c.raw[j]);
        }
        pql_kernels()->steady(s->out + i, &c, n, &k);
    }
    size_t done = (y->to - 1 - y->from) * y->by;
    m->lo.at = y->first + done;
    m->hi.at = y->last + done + 1;
}

static bool change(const PqlSteps *s, bool counter, double range_s)
{
    const Change how = {counter, range_s};
    Moving m = {.drops = s->room};
    if (counter)
        m.drop_count = pql_kernels()->drops(s->room, s->v, s->count);
    Steady y = steady_steps(s);
    bool some = change_some(&m, s, 0, y.from, &how);
    if (y.from < y.to)
        change_steady(&m, s, &y, &how);
    return change_some(&m, s, y.to, s->steps, &how) || some || y.from < y.to;
}

bool fg_rate(const PqlSteps *s)
{
    return change(s, true, (double)s->range_ms / 1000);
}

bool fg_increase(const PqlSteps *s)
{
    return change(s, true, 1);
}

bool fg_delta(const PqlSteps *s)
{
    return change(s, false, 1);
}

/* ---- functions that look at every sample of each window ---- */

typedef bool OneWindow(const PqlWindow *w, double *out);

/* Step i by the function of one window, samples [lo, hi). */
static bool by_one(const PqlSteps *s, size_t i, size_t lo, size_t hi, OneWindow *one, PqlMemo *memo)
{
    int64_t end = s->end_ms + (int64_t)i * s->step_ms;
    double v = pql_absent();
    PqlWindow w = {.t_ms = s->t_ms + lo,
                   .v = s->v + lo,
                   .count = hi - lo,
                   .first = lo,
                   .memo = memo,
                   .params = s->param ? s->param + i : NULL,
                   .now_ms = end + s->offset_ms};
    bool some = hi > lo && one(&w, &v);
    memcpy(&s->out[i], &v, sizeof v);
    return some;
}

static bool ones(Moving *m, const PqlSteps *s, size_t from, size_t to, OneWindow *one)
{
    PqlMemo memo = {0};
    bool some = false;
    for (size_t i = from; i < to; i++) {
        int64_t end = s->end_ms + (int64_t)i * s->step_ms;
        edge_move(&m->hi, s->t_ms, s->count, end);
        edge_move(&m->lo, s->t_ms, m->hi.at, end - s->range_ms);
        some |= by_one(s, i, m->lo.at, m->hi.at, one, &memo);
    }
    return some;
}

/* How four windows from step i are worked out together; false: one by one. */
typedef struct Fours Fours;
typedef bool FoursStep(const Fours *f, const PqlSteps *s, size_t i, const double *v, size_t by);
struct Fours {
    FoursStep *step;
    FourWindows *windows; /* of kernel_step(), root_step() */
    size_t count;         /* samples of a window */
    double *x, sx, sxx;   /* of line_step(): times, their sum, and that of their squares */
};

static bool kernel_step(const Fours *f, const PqlSteps *s, size_t i, const double *v, size_t by)
{
    return f->windows(s->out + i, v, by, f->count);
}

static bool root_step(const Fours *f, const PqlSteps *s, size_t i, const double *v, size_t by)
{
    if (!f->windows(s->out + i, v, by, f->count))
        return false;
    for (size_t j = 0; j < 4; j++)
        s->out[i + j] = sqrt(s->out[i + j]);
    return true;
}

/* As regression() in func_rate.c; the times lie alike in all windows. */
static bool line_step(const Fours *f, const PqlSteps *s, size_t i, const double *v, size_t by)
{
    FourLines l;
    double n = (double)f->count, x = f->sx;
    if (!pql_kernels()->window_line(&l, v, by, f->count, f->x))
        return false;
    for (size_t j = 0; j < 4; j++) {
        double slope = (l.xy[j] - x * l.y[j] / n) / (f->sxx - x * x / n);
        double intercept = l.y[j] / n - slope * x / n;
        slope = l.level[j] ? 0 : slope;
        intercept = l.level[j] ? v[j * by] : intercept;
        s->out[i + j] = s->param ? slope * s->param[i + j] + intercept : slope;
    }
    return true;
}

static void line_times(Fours *f, const PqlSteps *s, const Steady *y)
{
    int64_t end = s->end_ms + (int64_t)y->from * s->step_ms;
    int64_t zero = s->param ? end + s->offset_ms : s->t_ms[y->first];
    double c = 0, cc = 0;
    f->x = s->room;
    for (size_t k = 0; k < f->count; k++) {
        double t = (double)(s->t_ms[y->first + k] - zero) / 1000;
        f->x[k] = t;
        kahan_add(t, &f->sx, &c);
        kahan_add(t * t, &f->sxx, &cc);
    }
    f->sx += c;
    f->sxx += cc;
}

/* Each sample of each window, unless they are more than count_max. */
static bool by_fours(const PqlSteps *s, Fours f, OneWindow *one, size_t count_max)
{
    Moving m = {0};
    Steady y = steady_steps(s);
    f.count = y.last - y.first + 1;
    if (y.from >= y.to || f.count > count_max)
        return ones(&m, s, 0, s->steps, one);
    bool some = ones(&m, s, 0, y.from, one);
    if (f.step == line_step)
        line_times(&f, s, &y);
    for (size_t i = y.from, n; i < y.to; i += n) {
        size_t at = y.first + (i - y.from) * y.by;
        n = y.to - i < 4 ? y.to - i : 4;
        if (n == 4 && f.step(&f, s, i, s->v + at, y.by)) {
            some = true;
            continue;
        }
        for (size_t j = 0; j < n; j++, at += y.by) {
            PqlMemo memo = {0};
            some |= by_one(s, i + j, at, at + f.count, one, &memo);
        }
    }
    m.lo.at = y.first + (y.to - 1 - y.from) * y.by;
    m.hi.at = m.lo.at + f.count;
    return ones(&m, s, y.to, s->steps, one) || some;
}

enum { EXTREME_SAMPLES_MAX = 64 }; /* above, what was found in the window before helps more */

/* A window by itself, in vectors: NaN counts only where there is nothing else, and which of -0 and 0 came first is
 * for the loops of one window to say. */
static bool apart_min(const PqlWindow *w, double *out)
{
    double low, high;
    size_t nans = exec_kernels()->minmax_f64(w->v, w->count, &low, &high);
    if (nans == w->count || low == 0)
        return fw_min(w, out);
    *out = low;
    return true;
}

static bool apart_max(const PqlWindow *w, double *out)
{
    double low, high;
    size_t nans = exec_kernels()->minmax_f64(w->v, w->count, &low, &high);
    if (nans == w->count || high == 0)
        return fw_max(w, out);
    *out = high;
    return true;
}

static bool extremes(const PqlSteps *s, FourWindows *four, OneWindow *one, OneWindow *apart)
{
    Moving m = {0};
    int64_t gap = s->count ? (s->t_ms[s->count - 1] - s->t_ms[0]) / (int64_t)s->count + 1 : 1;
    if (s->step_ms >= s->range_ms && s->range_ms / gap > EXTREME_SAMPLES_MAX)
        return ones(&m, s, 0, s->steps, apart); /* nothing is in two windows */
    return by_fours(s, (Fours){.step = kernel_step, .windows = four}, one, EXTREME_SAMPLES_MAX);
}

bool fg_sum(const PqlSteps *s)
{
    return by_fours(s, (Fours){.step = kernel_step, .windows = pql_kernels()->window_sum}, fw_sum,
                    SIZE_MAX);
}

bool fg_avg(const PqlSteps *s)
{
    return by_fours(s, (Fours){.step = kernel_step, .windows = pql_kernels()->window_avg}, fw_avg,
                    SIZE_MAX);
}

bool fg_min(const PqlSteps *s)
{
    return extremes(s, pql_kernels()->window_min, fw_min, apart_min);
}

bool fg_max(const PqlSteps *s)
{
    return extremes(s, pql_kernels()->window_max, fw_max, apart_max);
}

bool fg_stdvar(const PqlSteps *s)
{
    return by_fours(s, (Fours){.step = kernel_step, .windows = pql_kernels()->window_stdvar},
                    fw_stdvar, SIZE_MAX);
}

bool fg_stddev(const PqlSteps *s)
{
    return by_fours(s, (Fours){.step = root_step, .windows = pql_kernels()->window_stdvar},
                    fw_stddev, SIZE_MAX);
}

bool fg_deriv(const PqlSteps *s)
{
    return by_fours(s, (Fours){.step = line_step}, fw_deriv, SIZE_MAX);
}

bool fg_predict(const PqlSteps *s)
{
    return by_fours(s, (Fours){.step = line_step}, fw_predict, SIZE_MAX);
}
