/* promql/kernels.h - the arithmetic of functions: of one value, and of the samples in a window.
 * Pure; what they are called in PromQL stands in pql_functions[]. */
#ifndef SKULK_PROMQL_KERNELS_H
#define SKULK_PROMQL_KERNELS_H

#include "promql/ast.h"

/* ---- func_sample.c ---- */
double fs_abs(double v, const double *p), fs_ceil(double v, const double *p),
    fs_floor(double v, const double *p);
double fs_exp(double v, const double *p), fs_ln(double v, const double *p),
    fs_log2(double v, const double *p);
double fs_log10(double v, const double *p), fs_sqrt(double v, const double *p),
    fs_sgn(double v, const double *p);
double fs_sin(double v, const double *p), fs_cos(double v, const double *p),
    fs_tan(double v, const double *p);
double fs_asin(double v, const double *p), fs_acos(double v, const double *p),
    fs_atan(double v, const double *p);
double fs_sinh(double v, const double *p), fs_cosh(double v, const double *p),
    fs_tanh(double v, const double *p);
double fs_asinh(double v, const double *p), fs_acosh(double v, const double *p),
    fs_atanh(double v, const double *p);
double fs_deg(double v, const double *p), fs_rad(double v, const double *p),
    fs_round(double v, const double *p);
double fs_clamp(double v, const double *p), fs_clamp_min(double v, const double *p),
    fs_clamp_max(double v, const double *p);
double fs_minute(double v, const double *p), fs_hour(double v, const double *p),
    fs_day_of_week(double v, const double *p);
double fs_day_of_month(double v, const double *p), fs_day_of_year(double v, const double *p);
double fs_days_in_month(double v, const double *p), fs_month(double v, const double *p),
    fs_year(double v, const double *p);

/* ---- func_window.c, func_rate.c: false = no result ---- */
bool fw_sum(const PqlWindow *w, double *out), fw_avg(const PqlWindow *w, double *out),
    fw_min(const PqlWindow *w, double *out);
bool fw_max(const PqlWindow *w, double *out), fw_count(const PqlWindow *w, double *out),
    fw_last(const PqlWindow *w, double *out);
bool fw_first(const PqlWindow *w, double *out), fw_present(const PqlWindow *w, double *out);
bool fw_stddev(const PqlWindow *w, double *out), fw_stdvar(const PqlWindow *w, double *out);
bool fw_quantile(const PqlWindow *w, double *out), fw_mad(const PqlWindow *w, double *out);
bool fw_ts_first(const PqlWindow *w, double *out), fw_ts_last(const PqlWindow *w, double *out);
bool fw_ts_min(const PqlWindow *w, double *out), fw_ts_max(const PqlWindow *w, double *out);
bool fw_smoothing(const PqlWindow *w, double *out);
bool fw_rate(const PqlWindow *w, double *out), fw_increase(const PqlWindow *w, double *out),
    fw_delta(const PqlWindow *w, double *out);
bool fw_irate(const PqlWindow *w, double *out), fw_idelta(const PqlWindow *w, double *out);
bool fw_deriv(const PqlWindow *w, double *out), fw_predict(const PqlWindow *w, double *out);
bool fw_changes(const PqlWindow *w, double *out), fw_resets(const PqlWindow *w, double *out);

/* ---- func_tier.c: windows that begin with buckets of tiers ---- */
bool ft_sum(const PqlWindow *w, double *out), ft_avg(const PqlWindow *w, double *out),
    ft_min(const PqlWindow *w, double *out), ft_max(const PqlWindow *w, double *out);
bool ft_count(const PqlWindow *w, double *out), ft_present(const PqlWindow *w, double *out),
    ft_first(const PqlWindow *w, double *out), ft_last(const PqlWindow *w, double *out);
bool ft_ts_first(const PqlWindow *w, double *out), ft_ts_last(const PqlWindow *w, double *out);
bool ft_rate(const PqlWindow *w, double *out), ft_increase(const PqlWindow *w, double *out),
    ft_delta(const PqlWindow *w, double *out), ft_resets(const PqlWindow *w, double *out);

/* ---- func_steps.c ---- */
bool fg_rate(const PqlSteps *s), fg_increase(const PqlSteps *s), fg_delta(const PqlSteps *s);
bool fg_sum(const PqlSteps *s), fg_avg(const PqlSteps *s), fg_min(const PqlSteps *s),
    fg_max(const PqlSteps *s), fg_stddev(const PqlSteps *s), fg_stdvar(const PqlSteps *s),
    fg_deriv(const PqlSteps *s), fg_predict(const PqlSteps *s);

/* What sample i counts began after the sample before: a reset, whatever the values say. */
static inline bool fw_began_anew(const int64_t *st_ms, const int64_t *t_ms, size_t i)
{
    if (!st_ms || st_ms[i] == 0 || st_ms[i] >= t_ms[i] || st_ms[i] < t_ms[i - 1])
        return false;
    return st_ms[i] > t_ms[i - 1] || (st_ms[i - 1] != 0 && st_ms[i - 1] < t_ms[i - 1]);
}
/* The first sample began within the window: it was zero then. */
static inline bool fw_from_zero(const int64_t *st_ms, const int64_t *t_ms, const PqlWindow *w)
{
    return st_ms && st_ms[0] != 0 && st_ms[0] > w->begin_ms && st_ms[0] < t_ms[0];
}
static inline bool fw_starts_overlap(const int64_t *st_ms, const int64_t *t_ms, size_t n)
{
    for (size_t i = 1; st_ms && i < n; i++)
        if (st_ms[i] != 0 && st_ms[i] < t_ms[i - 1] && st_ms[i] != st_ms[i - 1])
            return true;
    return false;
}

/* ---- func_hist.c: with histograms among the samples ---- */
bool fx_rate(const PqlWindow *w, PqlSample *out), fx_increase(const PqlWindow *w, PqlSample *out),
    fx_delta(const PqlWindow *w, PqlSample *out);
bool fx_irate(const PqlWindow *w, PqlSample *out), fx_idelta(const PqlWindow *w, PqlSample *out);
bool fx_sum(const PqlWindow *w, PqlSample *out), fx_avg(const PqlWindow *w, PqlSample *out),
    fx_count(const PqlWindow *w, PqlSample *out), fx_present(const PqlWindow *w, PqlSample *out);
bool fx_first(const PqlWindow *w, PqlSample *out), fx_last(const PqlWindow *w, PqlSample *out);
bool fx_ts_first(const PqlWindow *w, PqlSample *out),
    fx_ts_last(const PqlWindow *w, PqlSample *out);
bool fx_changes(const PqlWindow *w, PqlSample *out), fx_resets(const PqlWindow *w, PqlSample *out);

#endif
