/* promql/functions.c - the one table of functions. */
#include "exec/tiers.h"
#include "promql/eval_private.h"
#include "promql/kernels.h"

#define V          PQL_VECTOR
#define M          PQL_MATRIX
#define S          PQL_SCALAR
#define T          PQL_STRING
#define VECTOR1    .result = V, .args = {V}, .arg_count = 1
#define RANGE1     .result = V, .args = {M}, .arg_count = 1
#define KEPT(part) (1u << TIER_##part)
#define DATE       .result = V, .args = {V}, .arg_count = 1, .optional = 1, .flags = PF_TIME

const PqlFunction pql_functions[] = {
    /* every value */
    {"abs", "abs(v)", "absolute value", VECTOR1, .sample = fs_abs},
    {"ceil", "ceil(v)", "rounded up", VECTOR1, .sample = fs_ceil},
    {"floor", "floor(v)", "rounded down", VECTOR1, .sample = fs_floor},
    {"round", "round(v [, s])", "nearest multiple of s, ties up", .result = V, .args = {V, S},
     .arg_count = 2, .optional = 1, .sample = fs_round},
    {"exp", "exp(v)", "exponential", VECTOR1, .sample = fs_exp},
    {"ln", "ln(v)", "natural logarithm", VECTOR1, .sample = fs_ln},
    {"log2", "log2(v)", "binary logarithm", VECTOR1, .sample = fs_log2},
    {"log10", "log10(v)", "decimal logarithm", VECTOR1, .sample = fs_log10},
    {"sqrt", "sqrt(v)", "square root", VECTOR1, .sample = fs_sqrt},
    {"sgn", "sgn(v)", "-1, 0 or 1", VECTOR1, .sample = fs_sgn},
    {"sin", "sin(v)", "sine", VECTOR1, .sample = fs_sin},
    {"cos", "cos(v)", "cosine", VECTOR1, .sample = fs_cos},
    {"tan", "tan(v)", "tangent", VECTOR1, .sample = fs_tan},
    {"asin", "asin(v)", "inverse sine", VECTOR1, .sample = fs_asin},
    {"acos", "acos(v)", "inverse cosine", VECTOR1, .sample = fs_acos},
    {"atan", "atan(v)", "inverse tangent", VECTOR1, .sample = fs_atan},
    {"sinh", "sinh(v)", "hyperbolic sine", VECTOR1, .sample = fs_sinh},
    {"cosh", "cosh(v)", "hyperbolic cosine", VECTOR1, .sample = fs_cosh},
    {"tanh", "tanh(v)", "hyperbolic tangent", VECTOR1, .sample = fs_tanh},
    {"asinh", "asinh(v)", "inverse hyperbolic sine", VECTOR1, .sample = fs_asinh},
    {"acosh", "acosh(v)", "inverse hyperbolic cosine", VECTOR1, .sample = fs_acosh},
    {"atanh", "atanh(v)", "inverse hyperbolic tangent", VECTOR1, .sample = fs_atanh},
    {"deg", "deg(v)", "radians to degrees", VECTOR1, .sample = fs_deg},
    {"rad", "rad(v)", "degrees to radians", VECTOR1, .sample = fs_rad},
    {"clamp", "clamp(v, min, max)", "kept within bounds", .result = V, .args = {V, S, S},
     .arg_count = 3, .sample = fs_clamp},
    {"clamp_min", "clamp_min(v, min)", "kept above a bound", .result = V, .args = {V, S},
     .arg_count = 2, .sample = fs_clamp_min},
    {"clamp_max", "clamp_max(v, max)", "kept below a bound", .result = V, .args = {V, S},
     .arg_count = 2, .sample = fs_clamp_max},
    /* parts of a date */
    {"minute", "minute([v])", "minute of Unix seconds, UTC", DATE, .sample = fs_minute},
    {"hour", "hour([v])", "hour of Unix seconds, UTC", DATE, .sample = fs_hour},
    {"day_of_week", "day_of_week([v])", "0 = Sunday", DATE, .sample = fs_day_of_week},
    {"day_of_month", "day_of_month([v])", "from 1", DATE, .sample = fs_day_of_month},
    {"day_of_year", "day_of_year([v])", "from 1", DATE, .sample = fs_day_of_year},
    {"days_in_month", "days_in_month([v])", "28 to 31", DATE, .sample = fs_days_in_month},
    {"month", "month([v])", "from 1", DATE, .sample = fs_month},
    {"year", "year([v])", "year of Unix seconds, UTC", DATE, .sample = fs_year},
    /* a range */
    {"rate", "rate(m)", "increase of a counter per second", RANGE1,
     .flags = PF_STARTS | PF_COUNTER | PF_ANCHORED | PF_SMOOTHED, .window = fw_rate,
     .mixed = fx_rate, .steps = fg_rate, .tier = ft_rate,
     .tier_parts = KEPT(FIRST) | KEPT(LAST) | KEPT(INCREASE)},
    {"increase", "increase(m)", "increase of a counter", RANGE1,
     .flags = PF_STARTS | PF_COUNTER | PF_ANCHORED | PF_SMOOTHED, .window = fw_increase,
     .mixed = fx_increase, .steps = fg_increase, .tier = ft_increase,
     .tier_parts = KEPT(FIRST) | KEPT(LAST) | KEPT(INCREASE)},
    {"delta", "delta(m)", "difference of a gauge", RANGE1, .flags = PF_ANCHORED | PF_SMOOTHED,
     .window = fw_delta, .mixed = fx_delta, .steps = fg_delta, .tier = ft_delta,
     .tier_parts = KEPT(FIRST) | KEPT(LAST)},
    {"irate", "irate(m)", "rate of the last two samples", RANGE1, .flags = PF_STARTS,
     .window = fw_irate, .mixed = fx_irate},
    {"idelta", "idelta(m)", "difference of the last two samples", RANGE1, .window = fw_idelta,
     .mixed = fx_idelta},
    {"deriv", "deriv(m)", "slope of a regression line", RANGE1, .flags = PF_EACH,
     .window = fw_deriv, .steps = fg_deriv},
    {"predict_linear", "predict_linear(m, s)", "value of the regression line in s seconds",
     .result = V, .args = {M, S}, .arg_count = 2, .flags = PF_EACH | PF_TIME, .window = fw_predict,
     .steps = fg_predict},
    {"changes", "changes(m)", "how often the value changed", RANGE1, .flags = PF_ANCHORED,
     .window = fw_changes, .mixed = fx_changes},
    {"resets", "resets(m)", "how often a counter fell", RANGE1, .flags = PF_STARTS | PF_ANCHORED,
     .window = fw_resets, .mixed = fx_resets, .tier = ft_resets,
     .tier_parts = KEPT(FIRST) | KEPT(LAST) | KEPT(RESETS)},
    {"sum_over_time", "sum_over_time(m)", "sum", RANGE1, .flags = PF_EACH, .window = fw_sum,
     .steps = fg_sum, .mixed = fx_sum, .tier = ft_sum, .tier_parts = KEPT(SUM)},
    {"avg_over_time", "avg_over_time(m)", "mean", RANGE1, .flags = PF_EACH, .window = fw_avg,
     .steps = fg_avg, .mixed = fx_avg, .tier = ft_avg, .tier_parts = KEPT(SUM)},
    {"min_over_time", "min_over_time(m)", "least value", RANGE1, .flags = PF_EACH, .window = fw_min,
     .steps = fg_min, .tier = ft_min, .tier_parts = KEPT(MIN)},
    {"max_over_time", "max_over_time(m)", "greatest value", RANGE1, .flags = PF_EACH,
     .window = fw_max, .steps = fg_max, .tier = ft_max, .tier_parts = KEPT(MAX)},
    {"count_over_time", "count_over_time(m)", "number of samples", RANGE1, .window = fw_count,
     .mixed = fx_count, .tier = ft_count, .tier_parts = KEPT(COUNT)},
    {"last_over_time", "last_over_time(m)", "newest value", RANGE1, .flags = PF_KEEP_NAME,
     .window = fw_last, .mixed = fx_last, .tier = ft_last, .tier_parts = KEPT(LAST)},
    {"first_over_time", "first_over_time(m)", "oldest value", RANGE1, .flags = PF_KEEP_NAME,
     .window = fw_first, .mixed = fx_first, .tier = ft_first, .tier_parts = KEPT(FIRST)},
    {"present_over_time", "present_over_time(m)", "1 if there is a sample", RANGE1,
     .window = fw_present, .mixed = fx_present, .tier = ft_present, .tier_parts = KEPT(COUNT)},
    {"stddev_over_time", "stddev_over_time(m)", "standard deviation", RANGE1, .flags = PF_EACH,
     .window = fw_stddev, .steps = fg_stddev},
    {"stdvar_over_time", "stdvar_over_time(m)", "variance", RANGE1, .flags = PF_EACH,
     .window = fw_stdvar, .steps = fg_stdvar},
    {"quantile_over_time", "quantile_over_time(q, m)", "quantile", .result = V, .args = {S, M},
     .arg_count = 2, .flags = PF_QUANTILE, .window = fw_quantile},
    {"mad_over_time", "mad_over_time(m)", "median absolute deviation", RANGE1,
     .flags = PF_EXPERIMENTAL, .window = fw_mad},
    {"ts_of_first_over_time", "ts_of_first_over_time(m)", "time of the oldest sample", RANGE1,
     .flags = PF_EXPERIMENTAL, .window = fw_ts_first, .mixed = fx_ts_first, .tier = ft_ts_first,
     .tier_parts = KEPT(COUNT)},
    {"ts_of_last_over_time", "ts_of_last_over_time(m)", "time of the newest sample", RANGE1,
     .flags = PF_EXPERIMENTAL, .window = fw_ts_last, .mixed = fx_ts_last, .tier = ft_ts_last,
     .tier_parts = KEPT(COUNT)},
    {"ts_of_min_over_time", "ts_of_min_over_time(m)", "time of the last least value", RANGE1,
     .flags = PF_EXPERIMENTAL, .window = fw_ts_min},
    {"ts_of_max_over_time", "ts_of_max_over_time(m)", "time of the last greatest value", RANGE1,
     .flags = PF_EXPERIMENTAL, .window = fw_ts_max},
    {"double_exponential_smoothing", "double_exponential_smoothing(m, sf, tf)",
     "smoothed value with trend", .result = V, .args = {M, S, S}, .arg_count = 3,
     .flags = PF_EXPERIMENTAL | PF_FACTORS, .window = fw_smoothing},
    /* types, labels, order */
    {"absent", "absent(v)", "1 if v is empty", VECTOR1, .build = build_absent},
    {"absent_over_time", "absent_over_time(m)", "1 if no sample is in the range", RANGE1,
     .build = build_absent_over_time},
    {"scalar", "scalar(v)", "the value of a vector with one series, else NaN", .result = S,
     .args = {V}, .arg_count = 1, .build = build_scalar},
    {"vector", "vector(s)", "a scalar as a vector without labels", .result = V, .args = {S},
     .arg_count = 1, .build = build_vector},
    {"time", "time()", "the evaluation time in seconds", .result = S, .flags = PF_TIME,
     .build = build_time},
    {"timestamp", "timestamp(v)", "time of the samples in seconds", .result = V, .args = {V},
     .arg_count = 1, .flags = PF_TIME, .build = build_timestamp},
    {"start_timestamp", "start_timestamp(v)", "when what the samples count began, in seconds",
     .result = V, .args = {V}, .arg_count = 1, .flags = PF_TIME | PF_EXPERIMENTAL,
     .build = build_start_timestamp},
    {"pi", "pi()", "3.14159...", .result = S, .build = build_constant},
    {"start", "start()", "first step of the query in seconds", .result = S,
     .flags = PF_EXPERIMENTAL, .build = build_constant},
    {"end", "end()", "end of the query in seconds", .result = S, .flags = PF_EXPERIMENTAL,
     .build = build_constant},
    {"range", "range()", "length of the query in seconds", .result = S,
     .flags = PF_EXPERIMENTAL | PF_DURATION, .build = build_constant},
    {"step", "step()", "step of the query in seconds", .result = S,
     .flags = PF_EXPERIMENTAL | PF_DURATION, .build = build_constant},
    {"max_of", "max_of(s, s)", "the greater one", .result = S, .args = {S, S}, .arg_count = 2,
     .flags = PF_EXPERIMENTAL | PF_DURATION, .build = build_extreme},
    {"min_of", "min_of(s, s)", "the lesser one", .result = S, .args = {S, S}, .arg_count = 2,
     .flags = PF_EXPERIMENTAL | PF_DURATION, .build = build_extreme},
    {"label_replace", "label_replace(v, dst, replacement, src, regex)", "a label made of another",
     .result = V, .args = {V, T, T, T, T}, .arg_count = 5, .build = build_label_replace},
    {"label_join", "label_join(v, dst, separator, src...)", "a label made of several", .result = V,
     .args = {V, T, T, T}, .arg_count = 4, .optional = -1, .build = build_label_join},
    {"sort", "sort(v)", "by value, ascending", VECTOR1, .build = build_sort},
    {"sort_desc", "sort_desc(v)", "by value, descending", VECTOR1, .build = build_sort},
    {"sort_by_label", "sort_by_label(v, label...)", "by labels, numbers in them as numbers",
     .result = V, .args = {V, T}, .arg_count = 2, .optional = -1, .flags = PF_EXPERIMENTAL,
     .build = build_sort_by_label},
    {"sort_by_label_desc", "sort_by_label_desc(v, label...)", "by labels, descending", .result = V,
     .args = {V, T}, .arg_count = 2, .optional = -1, .flags = PF_EXPERIMENTAL,
     .build = build_sort_by_label},
    {"info", "info(v [, {matchers}])", "labels of info metrics of the same instance and job",
     .result = V, .args = {V, V}, .arg_count = 2, .optional = 1,
     .flags = PF_EXPERIMENTAL | PF_MATCHERS, .build = build_info},
    /* histograms */
    {"histogram_quantile", "histogram_quantile(q, v)",
     "quantile of classic buckets and native histograms", .result = V, .args = {S, V},
     .arg_count = 2, .build = build_histogram_quantile},
    {"histogram_quantiles", "histogram_quantiles(v, label, q...)",
     "several quantiles of classic buckets and native histograms", .result = V, .args = {V, T, S},
     .arg_count = 3, .optional = -1, .flags = PF_EXPERIMENTAL, .build = build_histogram_quantiles},
    {"histogram_fraction", "histogram_fraction(low, high, v)",
     "share of observations between two values", .result = V, .args = {S, S, V}, .arg_count = 3,
     .build = build_histogram_fraction},
    {"histogram_count", "histogram_count(v)", "observations of native histograms", VECTOR1,
     .flags = PF_STATS, .histogram = fh_count},
    {"histogram_sum", "histogram_sum(v)", "sum of native histograms", VECTOR1, .flags = PF_STATS,
     .histogram = fh_sum},
    {"histogram_avg", "histogram_avg(v)", "mean of native histograms", VECTOR1, .flags = PF_STATS,
     .histogram = fh_avg},
    {"histogram_stddev", "histogram_stddev(v)", "standard deviation of native histograms", VECTOR1,
     .histogram = fh_stddev},
    {"histogram_stdvar", "histogram_stdvar(v)", "variance of native histograms", VECTOR1,
     .histogram = fh_stdvar},
    {.name = NULL},
};

const PqlFunction *pql_function_find(Slice name)
{
    for (const PqlFunction *f = pql_functions; f->name; f++)
        if (slice_eq_cstr(name, f->name))
            return f;
    return NULL;
}

size_t pql_function_count(void)
{
    return ARRAY_LEN(pql_functions) - 1;
}

const char *pql_function_at(size_t i, const char **signature)
{
    must(i < pql_function_count());
    *signature = pql_functions[i].signature;
    return pql_functions[i].name;
}
