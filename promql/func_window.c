/* promql/func_window.c - aggregation of the samples in a window.  Sums are compensated. */
#include "promql/eval_private.h"
#include "promql/kernels.h"
#include <stdlib.h>

bool fw_sum(const PqlWindow *w, double *out)
{
    double sum = 0, c = 0;
    for (size_t i = 0; i < w->count; i++)
        kahan_add(w->v[i], &sum, &c);
    *out = isinf(sum) ? sum : sum + c;
    return true;
}

/* The plain mean, until the sum would overflow: then the mean grows by steps. */
bool fw_avg(const PqlWindow *w, double *out)
{
    double sum = w->v[0], c = 0, mean = 0;
    bool stepwise = false;
    for (size_t i = 1; i < w->count; i++) {
        double n = (double)(i + 1);
        if (!stepwise) {
            double s = sum, k = c;
            kahan_add(w->v[i], &s, &k);
            if (!isinf(s)) {
                sum = s;
                c = k;
                continue;
            }
            stepwise = true;
            mean = sum / (n - 1);
            c /= n - 1;
        }
        double q = (n - 1) / n;
        mean *= q;
        c *= q;
        kahan_add(w->v[i] / n, &mean, &c);
    }
    *out = stepwise ? mean + c : sum / (double)w->count + c / (double)w->count;
    return true;
}

/* Where to go on: the best of the samples before is still in the window, or all are looked at anew. */
static size_t go_on(const PqlWindow *w)
{
    PqlMemo *m = w->memo;
    size_t end = w->first + w->count;
    bool kept = m->valid && m->best >= w->first && m->best < end && m->seen <= end;
    size_t from = kept ? m->seen : w->first + 1;
    if (!kept)
        m->best = w->first;
    m->valid = true;
    m->seen = end;
    return from - w->first;
}

bool fw_min(const PqlWindow *w, double *out)
{
    size_t from = go_on(w), best = w->memo->best - w->first;
    for (size_t i = from; i < w->count; i++)
        if (w->v[i] < w->v[best] || isnan(w->v[best]))
            best = i;
    w->memo->best = best + w->first;
    *out = w->v[best];
    return true;
}

bool fw_max(const PqlWindow *w, double *out)
{
    size_t from = go_on(w), best = w->memo->best - w->first;
    for (size_t i = from; i < w->count; i++)
        if (w->v[i] > w->v[best] || isnan(w->v[best]))
            best = i;
    w->memo->best = best + w->first;
    *out = w->v[best];
    return true;
}

bool fw_count(const PqlWindow *w, double *out)
{
    *out = (double)w->count;
    return true;
}

bool fw_last(const PqlWindow *w, double *out)
{
    *out = w->v[w->count - 1];
    return true;
}

bool fw_first(const PqlWindow *w, double *out)
{
    *out = w->v[0];
    return true;
}

bool fw_present(const PqlWindow *w, double *out)
{
    (void)w;
    *out = 1;
    return true;
}

bool fw_stdvar(const PqlWindow *w, double *out)
{
    double n = 0, mean = 0, c_mean = 0, aux = 0, c_aux = 0;
    for (size_t i = 0; i < w->count; i++) {
        n++;
        double delta = w->v[i] - (mean + c_mean);
        kahan_add(delta / n, &mean, &c_mean);
        kahan_add(delta * (w->v[i] - (mean + c_mean)), &aux, &c_aux);
    }
    *out = (aux + c_aux) / n;
    return true;
}

bool fw_stddev(const PqlWindow *w, double *out)
{
    fw_stdvar(w, out);
    *out = sqrt(*out);
    return true;
}

/* ---- quantiles ---- */

static int by_value(const void *a, const void *b)
{
    double l = *(const double *)a, r = *(const double *)b;
    if (isnan(l) || isnan(r))
        return isnan(r) - isnan(l);
    return (l > r) - (l < r);
}

void pql_sort_doubles(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
}

double pql_quantile(double q, double *sorted, size_t n)
{
    if (n == 0 || isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    double rank = q * (double)(n - 1), low = floor(rank), weight = rank - low;
    size_t lower = (size_t)low, upper = lower + 1 < n ? lower + 1 : n - 1;
    return sorted[lower] * (1 - weight) + sorted[upper] * weight;
}

enum { SELECT_ROUNDS_MAX = 100 }; /* then the values are sorted: some orders are bad ones */

/* v[rank] as if v was sorted, none before it greater, none behind it less (Hoare's find); no NaN among them. */
static void select_rank(double *v, size_t n, size_t rank)
{
    ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1, k = (ptrdiff_t)rank;
    for (int round = 0; lo < hi; round++) {
        double pivot = v[k];
        ptrdiff_t i = lo, j = hi;
        if (round == SELECT_ROUNDS_MAX) {
            pql_sort_doubles(v, n);
            return;
        }
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i > j)
                break;
            double t = v[i];
            v[i++] = v[j];
            v[j--] = t;
        }
        lo = j < k ? i : lo;
        hi = k < i ? j : hi;
    }
}

/* Of values in any order, which it moves: those at two ranks are all that a quantile looks at. */
static double quantile_of(double q, double *v, size_t n)
{
    size_t nans = 0;
    if (n == 0 || !(q >= 0 && q <= 1))
        return pql_quantile(q, v, n);
    for (size_t i = 0; i < n; i++)
        if (isnan(v[i])) { /* they are least */
            double t = v[nans];
            v[nans++] = v[i];
            v[i] = t;
        }
    size_t low = (size_t)floor(q * (double)(n - 1));
    if (low < nans)
        return NAN;
    select_rank(v + nans, n - nans, low - nans);
    for (size_t i = low + 2; i < n; i++)
        if (v[i] < v[low + 1]) {
            double t = v[low + 1];
            v[low + 1] = v[i];
            v[i] = t;
        }
    return pql_quantile(q, v, n);
}

bool fw_quantile(const PqlWindow *w, double *out)
{
    memcpy(w->sorted, w->v, w->count * sizeof *w->v);
    *out = quantile_of(w->params[0], w->sorted, w->count);
    return true;
}

bool fw_mad(const PqlWindow *w, double *out)
{
    for (size_t i = 0; i < w->count; i++)
        if (isnan(w->v[i])) { /* not dropped in silence */
            *out = NAN;
            return true;
        }
    memcpy(w->sorted, w->v, w->count * sizeof *w->v);
    pql_sort_doubles(w->sorted, w->count);
    double median = pql_quantile(0.5, w->sorted, w->count);
    for (size_t i = 0; i < w->count; i++)
        w->sorted[i] = fabs(w->v[i] - median);
    pql_sort_doubles(w->sorted, w->count);
    *out = pql_quantile(0.5, w->sorted, w->count);
    return true;
}

/* ---- when ---- */

bool fw_ts_first(const PqlWindow *w, double *out)
{
    *out = (double)w->t_ms[0] / 1000;
    return true;
}

bool fw_ts_last(const PqlWindow *w, double *out)
{
    *out = (double)w->t_ms[w->count - 1] / 1000;
    return true;
}

bool fw_ts_min(const PqlWindow *w, double *out)
{
    size_t best = 0;
    for (size_t i = 1; i < w->count; i++)
        if (w->v[i] <= w->v[best] || isnan(w->v[best]))
            best = i;
    *out = (double)w->t_ms[best] / 1000;
    return true;
}

bool fw_ts_max(const PqlWindow *w, double *out)
{
    size_t best = 0;
    for (size_t i = 1; i < w->count; i++)
        if (w->v[i] >= w->v[best] || isnan(w->v[best]))
            best = i;
    *out = (double)w->t_ms[best] / 1000;
    return true;
}

/* Holt's linear method; the factors lie within (0, 1): the node checks them. */
bool fw_smoothing(const PqlWindow *w, double *out)
{
    double sf = w->params[0], tf = w->params[1];
    if (w->count < 2)
        return false;
    double s0 = 0, s1 = w->v[0], trend = w->v[1] - w->v[0];
    for (size_t i = 1; i < w->count; i++) {
        if (i > 1)
            trend = tf * (s1 - s0) + (1 - tf) * trend;
        double next = sf * w->v[i] + (1 - sf) * (s1 + trend);
        s0 = s1;
        s1 = next;
    }
    *out = s1;
    return true;
}
