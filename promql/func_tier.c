/* promql/func_tier.c - functions over a range whose oldest samples are gone: buckets of tiers, then samples.
 *
 * Edges of the window below the seam are borders of buckets (tier_read.h).  What is between two buckets counts as
 * between two samples.  Formulas that a user can check stand in docs/lifecycle.md. */
#include "promql/eval_private.h"
#include "promql/kernels.h"

bool ft_count(const PqlWindow *w, double *out)
{
    double n = (double)w->count;
    for (size_t i = 0; i < w->b_count; i++)
        n += w->b[i].count;
    *out = n * w->share;
    return true;
}

static double sum_of(const PqlWindow *w)
{
    double sum = 0, c = 0;
    for (size_t i = 0; i < w->b_count; i++)
        kahan_add(w->b[i].sum, &sum, &c);
    for (size_t i = 0; i < w->count; i++)
        kahan_add(w->v[i], &sum, &c);
    return isinf(sum) ? sum : sum + c;
}

bool ft_sum(const PqlWindow *w, double *out)
{
    *out = sum_of(w) * w->share;
    return true;
}

bool ft_avg(const PqlWindow *w, double *out)
{
    double n = (double)w->count;
    for (size_t i = 0; i < w->b_count; i++)
        n += w->b[i].count;
    *out = sum_of(w) / n;
    return true;
}

bool ft_min(const PqlWindow *w, double *out)
{
    double m = w->b[0].min;
    for (size_t i = 1; i < w->b_count; i++)
        m = w->b[i].min < m || isnan(m) ? w->b[i].min : m;
    for (size_t i = 0; i < w->count; i++)
        m = w->v[i] < m || isnan(m) ? w->v[i] : m;
    *out = m;
    return true;
}

bool ft_max(const PqlWindow *w, double *out)
{
    double m = w->b[0].max;
    for (size_t i = 1; i < w->b_count; i++)
        m = w->b[i].max > m || isnan(m) ? w->b[i].max : m;
    for (size_t i = 0; i < w->count; i++)
        m = w->v[i] > m || isnan(m) ? w->v[i] : m;
    *out = m;
    return true;
}

bool ft_first(const PqlWindow *w, double *out)
{
    *out = w->b[0].first;
    return true;
}

bool ft_last(const PqlWindow *w, double *out)
{
    *out = w->count ? w->v[w->count - 1] : w->b[w->b_count - 1].last;
    return true;
}

bool ft_present(const PqlWindow *w, double *out)
{
    (void)w;
    *out = 1;
    return true;
}

bool ft_ts_first(const PqlWindow *w, double *out)
{
    *out = (double)w->b[0].first_ms / 1000;
    return true;
}

static int64_t last_ms(const PqlWindow *w)
{
    return w->count ? w->t_ms[w->count - 1] : w->b[w->b_count - 1].last_ms;
}

bool ft_ts_last(const PqlWindow *w, double *out)
{
    *out = (double)last_ms(w) / 1000;
    return true;
}

/* A counter over all of it: what it rose by, and how often it began anew. */
typedef struct Rise {
    double sum, resets;
} Rise;

static void rise_to(Rise *r, double from, double to)
{
    r->sum += to < from ? to : to - from;
    r->resets += to < from;
}

static Rise rise_of(const PqlWindow *w)
{
    Rise r = {0};
    double last = w->b[0].first;
    for (size_t i = 0; i < w->b_count; i++) {
        if (i)
            rise_to(&r, last, w->b[i].first);
        r.sum += w->b[i].increase;
        r.resets += w->b[i].resets;
        last = w->b[i].last;
    }
    for (size_t i = 0; i < w->count; i++) {
        rise_to(&r, last, w->v[i]);
        last = w->v[i];
    }
    return r;
}

bool ft_resets(const PqlWindow *w, double *out)
{
    *out = rise_of(w).resets * w->share;
    return true;
}

/* Prometheus' extrapolation (func_rate.c) over what the buckets and samples cover. */
static bool change(const PqlWindow *w, bool counter, bool per_second, double *out)
{
    double n, first = w->b[0].first, last;
    PqlWindow whole = *w;
    whole.share = 1;
    (void)ft_count(&whole, &n);
    (void)ft_last(w, &last);
    double covered = (double)(last_ms(w) - w->b[0].first_ms) / 1000;
    if (n < 2 || covered <= 0)
        return false;
    double raw = counter ? rise_of(w).sum : last - first;
    double to_start = (double)(w->b[0].first_ms - w->begin_ms) / 1000,
           to_end = (double)(w->end_ms - last_ms(w)) / 1000;
    double gap = covered / (n - 1), limit = gap * 1.1;
    if (to_start >= limit)
        to_start = gap / 2;
    if (counter && raw > 0 && first >= 0) {
        double to_zero = covered * (first / raw);
        to_start = to_zero < to_start ? to_zero : to_start;
    }
    if (to_end >= limit)
        to_end = gap / 2;
    double factor = (covered + to_start + to_end) / covered;
    double span = (double)(w->end_ms - w->begin_ms) / 1000;
    *out = per_second ? raw * (factor / span) : raw * factor * (w->range_s / span);
    return true;
}

bool ft_rate(const PqlWindow *w, double *out)
{
    return change(w, true, true, out);
}

bool ft_increase(const PqlWindow *w, double *out)
{
    return change(w, true, false, out);
}

bool ft_delta(const PqlWindow *w, double *out)
{
    return change(w, false, false, out);
}
