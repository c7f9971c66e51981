/* rate, increase, delta, irate, derivative, changes: what happened to a value over time.
 *
 * SQL meaning, plain: delta = last - first; increase = sum of rises, a fall counts as a restart from
 * 0; rate = increase per second between the first and the last point; irate = the last two points;
 * derivative = delta per second; changes = how often the value became another.  Of several rows of one
 * time the last one counts.  Rows come in time order. */
#include "exec/agg_private.h"
#include <math.h>

typedef struct Series {
    int64_t count;
    int64_t t_first, t_last, t_prev; /* us; prev = last but one */
    double first, last, prev;
    FloatSum rises;
    double lost; /* what a counter had reached when it fell, summed up as Prometheus does */
    int64_t resets, changes;
    int64_t begin, end; /* of the window, us: extrapolated_* */
} Series;

static void series_init(AggCtx *c, void *state)
{
    (void)c;
    *(Series *)state = (Series){0};
}

static double rise(double from, double to)
{
    return to >= from ? to - from : to;
}

static bool differs(double a, double b)
{
    return a != b && !(isnan(a) && isnan(b));
}

/* Takes the last row back, for another one of its time. */
static void series_replace(Series *s, double v)
{
    if (s->count > 1) {
        float_sum_add(&s->rises, rise(s->prev, v) - rise(s->prev, s->last));
        s->resets += (v < s->prev) - (s->last < s->prev);
        s->lost += s->prev * ((v < s->prev) - (s->last < s->prev));
        s->changes += differs(v, s->prev) - differs(s->last, s->prev);
    } else {
        s->first = v;
    }
    s->last = v;
}

static void series_add(Series *s, double v, int64_t t)
{
    if (s->count > 0 && t == s->t_last) {
        series_replace(s, v);
        return;
    }
    if (s->count++ == 0) {
        s->first = v;
        s->t_first = t;
    } else {
        float_sum_add(&s->rises, rise(s->last, v));
        s->resets += v < s->last;
        s->lost += v < s->last ? s->last : 0;
        s->changes += differs(v, s->last);
        s->prev = s->last;
        s->t_prev = s->t_last;
    }
    s->last = v;
    s->t_last = t;
}

/* What of a state the result is made of; the rest need not be kept where rows are added by the array. */
enum { OF_ENDS = 0, OF_RISES = 1, OF_LOST = 2, OF_COUNTS = 4 };

static bool times_differ(int64_t before, const int64_t *t, size_t n)
{
    size_t repeats = t[0] == before;
    for (size_t i = 1; i < n; i++)
        repeats += t[i] == t[i - 1];
    return repeats == 0;
}

/* `to` less what it started from: no branch, for what falls and what rises has no order. */
static inline double rise_flat(double from, double to)
{
    int64_t bits;
    memcpy(&bits, &from, sizeof bits);
    bits &= -(int64_t)(to >= from);
    memcpy(&from, &bits, sizeof bits);
    return to - from;
}

static inline double lost_flat(double from, double to)
{
    int64_t bits;
    memcpy(&bits, &from, sizeof bits);
    bits &= -(int64_t)(to < from);
    memcpy(&from, &bits, sizeof bits);
    return from;
}

static void add_rises(FloatSum *sum, double last, const double *restrict v, size_t n)
{
    FloatSum s = *sum;
    float_sum_add(&s, rise_flat(last, v[0]));
    for (size_t i = 1; i < n; i++)
        float_sum_add(&s, rise_flat(v[i - 1], v[i]));
    *sum = s;
}

static void add_lost(double *lost, double last, const double *restrict v, size_t n)
{
    double sum = *lost + lost_flat(last, v[0]);
    for (size_t i = 1; i < n; i++)
        sum += lost_flat(v[i - 1], v[i]);
    *lost = sum;
}

static void add_counts(Series *s, const double *restrict v, size_t n)
{
    int64_t resets = v[0] < s->last, changes = differs(v[0], s->last);
    for (size_t i = 1; i < n; i++) {
        resets += v[i] < v[i - 1];
        changes += (v[i] != v[i - 1]) & !((v[i] != v[i]) & (v[i - 1] != v[i - 1]));
    }
    s->resets += resets;
    s->changes += changes;
}

/* All of it, after at least one value.  False: of a time that comes twice, nothing is added. */
static bool series_add_flat(Series *s, const double *restrict v, const int64_t *restrict t,
                            size_t n, unsigned of)
{
    if (!times_differ(s->t_last, t, n))
        return false;
    if (of & OF_RISES)
        add_rises(&s->rises, s->last, v, n);
    if (of & OF_LOST)
        add_lost(&s->lost, s->last, v, n);
    if (of & OF_COUNTS)
        add_counts(s, v, n);
    s->count += (int64_t)n;
    s->prev = n > 1 ? v[n - 2] : s->last;
    s->t_prev = n > 1 ? t[n - 2] : s->t_last;
    s->last = v[n - 1];
    s->t_last = t[n - 1];
    return true;
}

static bool series_take(Series *s, const Vector *args, const uint16_t *sel, size_t n, unsigned of)
{
    bool flat = !sel && n > 1 && args[0].kind == VEC_FLAT && args[1].kind == VEC_FLAT;
    const double *v = flat ? args[0].v.f64 : NULL;
    const int64_t *t = flat ? args[1].v.i64 : NULL;
    if (flat && s->count == 0) {
        const Series empty = *s; /* but for its window */
        series_add(s, v[0], t[0]);
        if (series_add_flat(s, v + 1, t + 1, n - 1, of))
            return true;
        *s = empty;
    } else if (flat && series_add_flat(s, v, t, n, of)) {
        return true;
    }
    AGG_ROWS(sel, n, row)
    series_add(s, args[0].v.f64[vec_slot(&args[0], row)], args[1].v.i64[vec_slot(&args[1], row)]);
    return true;
}

#define SERIES_UPDATE(name, of)                                                                    \
    static bool name##_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,     \
                              size_t n, Err *e)                                                    \
    {                                                                                              \
        (void)c, (void)e;                                                                          \
        return series_take(state, args, sel, n, of);                                               \
    }
SERIES_UPDATE(ends, OF_ENDS)
SERIES_UPDATE(rises, OF_RISES)
SERIES_UPDATE(counts, OF_COUNTS)

static bool series_each(AggCtx *c, void **states, const Vector *args, const uint16_t *sel, size_t n,
                        Err *e)
{
    (void)c, (void)e;
    AGG_ROWS(sel, n, row)
    series_add(states[k_], args[0].v.f64[vec_slot(&args[0], row)],
               args[1].v.i64[vec_slot(&args[1], row)]);
    return true;
}

static void series_append(Series *s, const Series *f)
{
    if (f->count == 1) {
        series_add(s, f->last, f->t_last);
        return;
    }
    float_sum_add(&s->rises, rise(s->last, f->first) + f->rises.hi);
    s->rises.lo += f->rises.lo;
    s->resets += f->resets + (f->first < s->last);
    s->lost += f->first < s->last ? s->last : 0;
    s->lost += f->lost;
    s->changes += f->changes + differs(f->first, s->last);
    s->prev = f->prev;
    s->t_prev = f->t_prev;
    s->last = f->last;
    s->t_last = f->t_last;
    s->count += f->count;
}

static bool series_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Series *s = into, later;
    const Series *f = from;
    (void)c, (void)e;
    if (f->count == 0)
        return true;
    if (s->count == 0) {
        *s = *f;
    } else if (f->t_first >= s->t_last) {
        series_append(s, f);
    } else { /* parts handed in backwards */
        later = *s;
        *s = *f;
        series_append(s, &later);
    }
    return true;
}

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

static bool put(Value *out, bool known, double v)
{
    *out = value_f64(known ? v : 0);
    out->null = !known;
    return true;
}

static bool delta_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Series *s = state;
    (void)c, (void)e;
    return put(out, s->count > 1, s->last - s->first);
}

static bool increase_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Series *s = state;
    (void)c, (void)e;
    return put(out, s->count > 1, float_sum_value(&s->rises));
}

static bool rate_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Series *s = state;
    (void)c, (void)e;
    return put(out, s->count > 1, float_sum_value(&s->rises) / seconds(s->t_last - s->t_first));
}

static bool irate_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Series *s = state;
    (void)c, (void)e;
    return put(out, s->count > 1, rise(s->prev, s->last) / seconds(s->t_last - s->t_prev));
}

static bool derivative_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Series *s = state;
    (void)c, (void)e;
    return put(out, s->count > 1, (s->last - s->first) / seconds(s->t_last - s->t_first));
}

static bool resets_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Series *s = state;
    (void)c, (void)e;
    *out = value_i64(s->resets);
    out->null = s->count == 0;
    return true;
}

static bool changes_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Series *s = state;
    (void)c, (void)e;
    *out = value_i64(s->changes);
    out->null = s->count == 0;
    return true;
}

AGG_PLAIN_SAVE(series, Series)

#define SERIES(name, of)                                                                           \
    static const AggDef agg_##name = {                                                             \
        .state_size = sizeof(Series),                                                              \
        .init = series_init,                                                                       \
        .update = of##_update,                                                                     \
        .update_each = series_each,                                                                \
        .merge = series_merge,                                                                     \
        .final = name##_final,                                                                     \
        .save = series_save,                                                                       \
        .load = series_load,                                                                       \
        .ordered = true,                                                                           \
        .time_arg = 2,                                                                             \
        .skips_nulls = true,                                                                       \
    }
SERIES(delta, ends);
SERIES(increase, rises);
SERIES(rate, rises);
SERIES(irate, ends);
SERIES(derivative, ends);
SERIES(resets, counts);
SERIES(changes, counts);

/* ---- extrapolated_*: Prometheus' rate, increase and delta of a window ---- */

/* The window is that of the group: from the third and fourth argument of its first row. */
static bool window_of(AggCtx *c, Series *s, const Vector *args, size_t row, Err *e)
{
    Value begin = vec_get(&args[2], row), end = vec_get(&args[3], row);
    s->begin = begin.u.i64;
    s->end = end.u.i64;
    if (c->arg_types[3] == T_INTERVAL && !timestamp_add(s->begin, end.u.iv, &s->end, e))
        return false;
    if (time_is_infinite(s->begin) || time_is_infinite(s->end) || s->begin >= s->end)
        return err_set(e, ERR_INVALID_PARAMETER, "the window must end after it begins");
    return true;
}

static bool window_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                          Err *e)
{
    Series *s = state;
    if (n > 0 && s->count == 0 && !window_of(c, s, args, sel ? sel[0] : 0, e))
        return false;
    return series_take(s, args, sel, n, OF_LOST);
}

/* The algorithm of Prometheus: on both sides the line goes on to the border of the window, or half the mean
 * gap if the border is further than 1.1 gaps away; a counter not below zero. */
static bool extrapolated(const Series *s, bool counter, bool per_second, Value *out)
{
    double raw = s->last - s->first + (counter ? s->lost : 0);
    double covered = seconds(s->t_last - s->t_first), to_start = seconds(s->t_first - s->begin),
           to_end = seconds(s->end - s->t_last);
    double gap = covered / (double)(s->count - 1), limit = gap * 1.1;
    if (s->count < 2)
        return put(out, false, 0);
    if (to_start >= limit)
        to_start = gap / 2;
    if (counter && raw > 0 && s->first >= 0) {
        double to_zero = covered * (s->first / raw);
        if (to_zero < to_start)
            to_start = to_zero;
    }
    if (to_end >= limit)
        to_end = gap / 2;
    double factor = (covered + to_start + to_end) / covered;
    return put(out, true, raw * (per_second ? factor / seconds(s->end - s->begin) : factor));
}

#define EXTRAPOLATED(name, counter, per_second)                                                    \
    static bool extrapolated_##name##_final(AggCtx *c, const void *state, Value *out, Err *e)      \
    {                                                                                              \
        (void)c, (void)e;                                                                          \
        return extrapolated(state, counter, per_second, out);                                      \
    }                                                                                              \
    static const AggDef agg_extrapolated_##name = {                                                \
        .state_size = sizeof(Series),                                                              \
        .init = series_init,                                                                       \
        .update = window_update,                                                                   \
        .merge = series_merge,                                                                     \
        .final = extrapolated_##name##_final,                                                      \
        .save = series_save,                                                                       \
        .load = series_load,                                                                       \
        .ordered = true,                                                                           \
        .time_arg = 2,                                                                             \
        .skips_nulls = true,                                                                       \
    }
EXTRAPOLATED(rate, true, true);
EXTRAPOLATED(increase, true, false);
EXTRAPOLATED(delta, false, false);

/* ---- time_weight: the mean over time; each value holds until the next (LOCF), or there are lines ---- */

typedef struct Weighted {
    int64_t count, t_first, t_last;
    double first, last;
    FloatSum area; /* value * us */
    bool linear;
} Weighted;

static void weighted_init(AggCtx *c, void *state)
{
    (void)c;
    *(Weighted *)state = (Weighted){0};
}

static void weighted_add(Weighted *s, double v, int64_t t)
{
    if (s->count++ == 0) {
        s->t_first = t;
        s->first = v;
    } else {
        double height = s->linear ? (s->last + v) / 2 : s->last;
        float_sum_add(&s->area, height * (double)(t - s->t_last));
    }
    s->last = v;
    s->t_last = t;
}

static bool weighted_method(Weighted *s, Slice name, Err *e)
{
    s->linear = slice_eq_nocase(name, SLICE_LIT("linear"));
    if (s->linear || slice_eq_nocase(name, SLICE_LIT("locf")))
        return true;
    err_set(e, ERR_INVALID_PARAMETER, "time_weight method \"%.*s\" is not known", SLICE_ARG(name));
    return err_hint(e, "Methods are 'LOCF' and 'Linear'.");
}

/* (value, time), or (method, time, value) as TimescaleDB writes it. */
static bool weighted_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,
                            size_t n, Err *e)
{
    Weighted *s = state;
    const Vector *value = &args[c->arg_count == 3 ? 2 : 0];
    if (c->arg_count == 3 && n > 0 && s->count == 0 &&
        !weighted_method(s, vec_get(&args[0], sel ? sel[0] : 0).u.str, e))
        return false;
    AGG_ROWS(sel, n, row)
    weighted_add(s, value->v.f64[vec_slot(value, row)], args[1].v.i64[vec_slot(&args[1], row)]);
    return true;
}

static bool weighted_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Weighted *s = into, later;
    const Weighted *f = from;
    (void)c, (void)e;
    if (f->count == 0)
        return true;
    if (s->count == 0) {
        *s = *f;
        return true;
    }
    if (f->t_first < s->t_last) { /* parts handed in backwards */
        later = *s;
        *s = *f;
        f = &later;
    }
    weighted_add(s, f->first, f->t_first);
    float_sum_add(&s->area, f->area.hi);
    s->area.lo += f->area.lo;
    s->last = f->last;
    s->t_last = f->t_last;
    s->count += f->count - 1;
    return true;
}

static bool weighted_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Weighted *s = state;
    (void)c, (void)e;
    double span = (double)(s->t_last - s->t_first);
    return put(out, s->count > 0, span > 0 ? float_sum_value(&s->area) / span : s->last);
}

AGG_PLAIN_SAVE(weighted, Weighted)

static const AggDef agg_time_weight = {
    .state_size = sizeof(Weighted),
    .init = weighted_init,
    .update = weighted_update,
    .merge = weighted_merge,
    .final = weighted_final,
    .save = weighted_save,
    .load = weighted_load,
    .ordered = true,
    .time_arg = 2,
    .skips_nulls = true,
};

/* ---- rises and falls of a counter, from those of its buckets ---- */

typedef struct Steps { /* what is between two buckets counts as between two rows */
    int64_t count, t_first, t_last;
    double first, last, rises, falls;
} Steps;

static void steps_init(AggCtx *c, void *state)
{
    (void)c;
    *(Steps *)state = (Steps){0};
}

/* b begins behind a; where they overlap (rows that came late) there is no step between them. */
static void steps_append(Steps *a, const Steps *b)
{
    if (a->count && b->t_first >= a->t_last) {
        a->rises += rise(a->last, b->first);
        a->falls += b->first < a->last;
    }
    a->rises += b->rises;
    a->falls += b->falls;
    if (!a->count) {
        a->first = b->first;
        a->t_first = b->t_first;
    }
    if (!a->count || b->t_last >= a->t_last) {
        a->last = b->last;
        a->t_last = b->t_last;
    }
    a->count++;
}

/* (first, last, rises, falls, time of the last, time of the first) */
static bool steps_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                         Err *e)
{
    (void)c, (void)e;
    AGG_ROWS(sel, n, row)
    {
        Steps next = {.count = 1,
                      .first = args[0].v.f64[vec_slot(&args[0], row)],
                      .last = args[1].v.f64[vec_slot(&args[1], row)],
                      .rises = args[2].v.f64[vec_slot(&args[2], row)],
                      .falls = (double)args[3].v.i64[vec_slot(&args[3], row)],
                      .t_last = args[4].v.i64[vec_slot(&args[4], row)],
                      .t_first = args[5].v.i64[vec_slot(&args[5], row)]};
        steps_append(state, &next);
    }
    return true;
}

static bool steps_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Steps *s = into, later = *s;
    const Steps *f = from;
    (void)c, (void)e;
    if (!f->count)
        return true;
    if (s->count && f->t_first < s->t_first) { /* parts handed in backwards */
        *s = *f;
        f = &later;
    }
    steps_append(s, f);
    return true;
}

static bool tier_increase_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Steps *s = state;
    (void)c, (void)e;
    return put(out, s->count > 0, s->rises);
}

static bool tier_resets_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Steps *s = state;
    (void)c, (void)e;
    *out = value_i64((int64_t)s->falls);
    out->null = s->count == 0;
    return true;
}

AGG_PLAIN_SAVE(steps, Steps)

#define STEPS(name)                                                                                \
    static const AggDef agg_##name = {                                                             \
        .state_size = sizeof(Steps),                                                               \
        .init = steps_init,                                                                        \
        .update = steps_update,                                                                    \
        .merge = steps_merge,                                                                      \
        .final = name##_final,                                                                     \
        .save = steps_save,                                                                        \
        .load = steps_load,                                                                        \
        .ordered = true,                                                                           \
        .time_arg = 6,                                                                             \
        .skips_nulls = true,                                                                       \
    };
STEPS(tier_increase)
STEPS(tier_resets)

/* ---- the table ---- */

#define OVER_TIME(name, txt)                                                                       \
    AGG(#name "(float8, timestamptz) float8", agg_##name, txt),                                    \
        AGG(#name "(float8, timestamp) float8", agg_##name, txt)

#define COUNT_OVER_TIME(name, def, txt)                                                            \
    AGG(name "(float8, timestamptz) int8", def, txt), AGG(name "(float8, timestamp) int8", def, txt)
#define IN_WINDOW(name, txt)                                                                       \
    AGG("extrapolated_" #name "(float8, timestamptz, timestamptz, timestamptz) float8",            \
        agg_extrapolated_##name, txt),                                                             \
        AGG("extrapolated_" #name "(float8, timestamptz, timestamptz, interval) float8",           \
            agg_extrapolated_##name, txt)

FuncDef agg_time[] = {
    OVER_TIME(delta, "last value minus first value"),
    OVER_TIME(increase, "sum of rises; a fall is a restart from 0"),
    OVER_TIME(rate, "increase per second between first and last point"),
    OVER_TIME(irate, "increase per second of the last two points"),
    OVER_TIME(derivative, "change per second between first and last point"),
    OVER_TIME(time_weight, "mean over time, each value holding until the next"),
    COUNT_OVER_TIME("counter_resets", agg_resets, "how often the value fell"),
    COUNT_OVER_TIME("changes", agg_changes, "how often the value became another"),
    IN_WINDOW(rate, "Prometheus' rate of the window from begin to end"),
    IN_WINDOW(increase, "Prometheus' increase of the window from begin to end"),
    IN_WINDOW(delta, "Prometheus' delta of the window from begin to end"),
    AGG("time_weight(text, timestamptz, float8) float8", agg_time_weight,
        "mean over time; method 'LOCF' or 'Linear'"),
    AGG("time_weight(text, timestamp, float8) float8", agg_time_weight,
        "mean over time; method 'LOCF' or 'Linear'"),
    AGG("tier_increase(float8, float8, float8, int8, timestamptz, timestamptz) float8",
        agg_tier_increase, "sum of rises over buckets of a tier"),
    AGG("tier_increase(float8, float8, float8, int8, timestamp, timestamp) float8",
        agg_tier_increase, "sum of rises over buckets of a tier"),
    AGG("tier_resets(float8, float8, float8, int8, timestamptz, timestamptz) int8", agg_tier_resets,
        "how often the value fell, over buckets of a tier"),
    AGG("tier_resets(float8, float8, float8, int8, timestamp, timestamp) int8", agg_tier_resets,
        "how often the value fell, over buckets of a tier"),
    FUNC_END,
};
