/* promql/func_rate.c - change in a window: rate, increase, delta and what is akin. */
#include "promql/eval_private.h"
#include "promql/kernels.h"

/* ---- extrapolation ---- */

/* Every value before a drop is what a counter had reached when it started again.  Added one by one, as Prometheus
 * does: the bits depend on it. */
static double with_resets(double change, const double *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (v[i] < v[i - 1])
            change += v[i - 1];
    return change;
}

/* The same where start times tell of resets, too. */
static double with_starts(double change, const PqlWindow *w)
{
    for (size_t i = 1; i < w->count; i++)
        if (w->v[i] < w->v[i - 1] || fw_began_anew(w->st_ms, w->t_ms, i))
            change += w->v[i - 1];
    if (fw_starts_overlap(w->st_ms, w->t_ms, w->count))
        *w->notes |= WN_OVERLAP;
    return change;
}

/* The window begins with a zero at the start time of its first sample. */
static bool from_zero(const PqlWindow *w, bool per_second, double *out)
{
    size_t n = w->count;
    double raw = with_starts(w->v[n - 1], w);
    double covered = (double)(w->t_ms[n - 1] - w->st_ms[0]) / 1000;
    double to_end = (double)(w->end_ms - w->t_ms[n - 1]) / 1000;
    double gap = n > 1 ? (double)(w->t_ms[n - 1] - w->t_ms[0]) / 1000 / (double)(n - 1) : 0;
    if (to_end >= gap * 1.1)
        to_end = gap / 2;
    double factor = (covered + to_end) / covered;
    *out = raw * (per_second ? factor / w->range_s : factor);
    return true;
}

static bool extrapolated(const PqlWindow *w, bool counter, bool per_second, double *out)
{
    size_t n = w->count;
    if (counter && fw_from_zero(w->st_ms, w->t_ms, w))
        return from_zero(w, per_second, out);
    if (n < 2)
        return false;
    double raw = w->v[n - 1] - w->v[0];
    if (counter)
        raw = w->st_ms ? with_starts(raw, w) : with_resets(raw, w->v, n);
    double covered = (double)(w->t_ms[n - 1] - w->t_ms[0]) / 1000;
    double to_start = (double)(w->t_ms[0] - w->begin_ms) / 1000,
           to_end = (double)(w->end_ms - w->t_ms[n - 1]) / 1000;
    double gap = covered / (double)(n - 1), limit = gap * 1.1;
    if (to_start >= limit)
        to_start = gap / 2;
    if (counter && raw > 0 && w->v[0] >= 0) { /* a counter cannot have been below zero */
        double to_zero = covered * (w->v[0] / raw);
        if (to_zero < to_start)
            to_start = to_zero;
    }
    if (to_end >= limit)
        to_end = gap / 2;
    double factor = (covered + to_start + to_end) / covered;
    if (per_second)
        factor /= w->range_s;
    *out = raw * factor;
    return true;
}

/* ---- anchored and smoothed: no extrapolation, values at the edges instead ---- */

static double between(const PqlWindow *w, size_t i, int64_t t, bool counter)
{
    double a = w->v[i], b = w->v[i + 1];
    if (counter && b < a)
        a = 0;
    return a + (b - a) * (double)(t - w->t_ms[i]) / (double)(w->t_ms[i + 1] - w->t_ms[i]);
}

/* First sample that matters: the newest at or before the begin, else the first. */
static size_t anchor(const PqlWindow *w)
{
    size_t i = 0;
    while (i + 1 < w->count && w->t_ms[i + 1] <= w->begin_ms)
        i++;
    return i;
}

static bool edged(const PqlWindow *w, bool counter, bool per_second, double *out)
{
    size_t first = anchor(w), last = w->count - 1;
    if (w->smoothed) /* the first sample at or after the end */
        for (size_t i = 0; i < w->count; i++)
            if (w->t_ms[i] >= w->end_ms) {
                last = i;
                break;
            }
    if (w->t_ms[last] <= w->begin_ms || w->t_ms[first] > w->end_ms)
        return false;
    bool left_cut = w->smoothed && w->t_ms[first] < w->begin_ms && first + 1 < w->count;
    bool right_cut = w->smoothed && last > 0 && w->t_ms[last] > w->end_ms;
    double left = left_cut ? between(w, first, w->begin_ms, counter) : w->v[first];
    double right = right_cut ? between(w, last - 1, w->end_ms, counter) : w->v[last];
    double result = right - left;
    if (counter) {
        double previous = left;
        for (size_t i = first; i <= last; i++) {
            if (w->t_ms[i] <= w->begin_ms || w->t_ms[i] >= w->end_ms)
                continue;
            if (w->v[i] < previous)
                result += previous;
            previous = w->v[i];
        }
        if (right < previous)
            result += previous;
    }
    *out = per_second ? result / w->range_s : result;
    return true;
}

static bool change(const PqlWindow *w, bool counter, bool per_second, double *out)
{
    if (w->anchored || w->smoothed)
        return edged(w, counter, per_second, out);
    return extrapolated(w, counter, per_second, out);
}

bool fw_rate(const PqlWindow *w, double *out)
{
    return change(w, true, true, out);
}

bool fw_increase(const PqlWindow *w, double *out)
{
    return change(w, true, false, out);
}

bool fw_delta(const PqlWindow *w, double *out)
{
    return change(w, false, false, out);
}

/* ---- the last two samples ---- */

static bool last_two(const PqlWindow *w, bool rate, double *out)
{
    size_t n = w->count;
    if (n < 2 || w->t_ms[n - 1] == w->t_ms[n - 2])
        return false;
    double v = w->v[n - 1];
    bool anew = rate && fw_began_anew(w->st_ms, w->t_ms, n - 1);
    if (!anew && (!rate || !(v < w->v[n - 2]))) /* after a reset the value itself is the increase */
        v -= w->v[n - 2];
    *out = rate ? v / ((double)(w->t_ms[n - 1] - w->t_ms[n - 2]) / 1000) : v;
    return true;
}

bool fw_irate(const PqlWindow *w, double *out)
{
    return last_two(w, true, out);
}

bool fw_idelta(const PqlWindow *w, double *out)
{
    return last_two(w, false, out);
}

/* ---- least squares ---- */

static void regression(const PqlWindow *w, int64_t zero_ms, double *slope, double *intercept)
{
    double n = (double)w->count;
    double x = 0, cx = 0, y = 0, cy = 0, xy = 0, cxy = 0, xx = 0, cxx = 0;
    bool level = true;
    for (size_t i = 0; i < w->count; i++) {
        double t = (double)(w->t_ms[i] - zero_ms) / 1000, v = w->v[i];
        level &= i == 0 || v == w->v[0];
        kahan_add(t, &x, &cx);
        kahan_add(v, &y, &cy);
        kahan_add(t * v, &xy, &cxy);
        kahan_add(t * t, &xx, &cxx);
    }
    if (level) {
        *slope = isinf(w->v[0]) ? NAN : 0;
        *intercept = isinf(w->v[0]) ? NAN : w->v[0];
        return;
    }
    x += cx;
    y += cy;
    xy += cxy;
    xx += cxx;
    *slope = (xy - x * y / n) / (xx - x * x / n);
    *intercept = y / n - *slope * x / n;
}

bool fw_deriv(const PqlWindow *w, double *out)
{
    double intercept;
    if (w->count < 2)
        return false;
    regression(w, w->t_ms[0], out, &intercept); /* times near zero lose least */
    return true;
}

bool fw_predict(const PqlWindow *w, double *out)
{
    double slope, intercept;
    if (w->count < 2)
        return false;
    regression(w, w->now_ms, &slope, &intercept);
    *out = slope * w->params[0] + intercept;
    return true;
}

/* ---- counting ---- */

static bool counted_from(const PqlWindow *w, size_t *first)
{
    *first = w->anchored ? anchor(w) : 0;
    return !w->anchored || w->t_ms[w->count - 1] > w->begin_ms;
}

bool fw_changes(const PqlWindow *w, double *out)
{
    size_t first, n = 0;
    if (!counted_from(w, &first))
        return false;
    for (size_t i = first + 1; i < w->count; i++)
        n += w->v[i] != w->v[i - 1] && !(isnan(w->v[i]) && isnan(w->v[i - 1]));
    *out = (double)n;
    return true;
}

bool fw_resets(const PqlWindow *w, double *out)
{
    size_t first, n = 0;
    if (!counted_from(w, &first))
        return false;
    for (size_t i = first + 1; i < w->count; i++)
        n += w->v[i] < w->v[i - 1] || fw_began_anew(w->st_ms, w->t_ms, i);
    *out = (double)n;
    return true;
}
