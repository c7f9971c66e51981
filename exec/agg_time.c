/* rate, increase, delta, irate, derivative: what happened to a value over time.
 *
 * SQL meaning, plain: delta = last - first; increase = sum of rises, a fall counts as a restart from
 * 0; rate = increase per second between the first and the last point; irate = the last two points;
 * derivative = delta per second.  Rows come in time order. */
#include "exec/agg_private.h"
#include <math.h>

typedef struct Series {
    int64_t count;
    int64_t t_first, t_last, t_prev; /* us; prev = last but one */
    double first, last, prev;
    FloatSum rises;
    int64_t resets; /* falls */
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

static void series_add(Series *s, double v, int64_t t)
{
    if (s->count > 0 && t == s->t_last) { /* several rows of one time: the last one counts */
        if (s->count > 1) {
            float_sum_add(&s->rises, rise(s->prev, v) - rise(s->prev, s->last));
            s->resets += (v < s->prev) - (s->last < s->prev);
        } else {
            s->first = v;
        }
        s->last = v;
        return;
    }
    if (s->count++ == 0) {
        s->first = v;
        s->t_first = t;
    } else {
        float_sum_add(&s->rises, rise(s->last, v));
        s->resets += v < s->last;
        s->prev = s->last;
        s->t_prev = s->t_last;
    }
    s->last = v;
    s->t_last = t;
}

static bool series_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                          Err *e)
{
    (void)c, (void)e;
    AGG_ROWS(sel, n, row)
    series_add(state, args[0].v.f64[vec_slot(&args[0], row)],
               args[1].v.i64[vec_slot(&args[1], row)]);
    return true;
}

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

AGG_PLAIN_SAVE(series, Series)

#define SERIES(name)                                                                               \
    static const AggDef agg_##name = {                                                             \
        .state_size = sizeof(Series),                                                              \
        .init = series_init,                                                                       \
        .update = series_update,                                                                   \
        .update_each = series_each,                                                                \
        .merge = series_merge,                                                                     \
        .final = name##_final,                                                                     \
        .save = series_save,                                                                       \
        .load = series_load,                                                                       \
        .ordered = true,                                                                           \
        .skips_nulls = true,                                                                       \
    }
SERIES(delta);
SERIES(increase);
SERIES(rate);
SERIES(irate);
SERIES(derivative);
SERIES(resets);

/* ---- time_weight: the mean over time, each value holding until the next ---- */

typedef struct Weighted {
    int64_t count, t_first, t_last;
    double first, last;
    FloatSum area; /* value * us */
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
        float_sum_add(&s->area, s->last * (double)(t - s->t_last));
    }
    s->last = v;
    s->t_last = t;
}

static bool weighted_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,
                            size_t n, Err *e)
{
    (void)c, (void)e;
    AGG_ROWS(sel, n, row)
    weighted_add(state, args[0].v.f64[vec_slot(&args[0], row)],
                 args[1].v.i64[vec_slot(&args[1], row)]);
    return true;
}

static bool weighted_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Weighted *s = into;
    const Weighted *f = from;
    (void)c, (void)e;
    if (f->count == 0)
        return true;
    if (s->count == 0) {
        *s = *f;
        return true;
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
    .skips_nulls = true,
};

/* ---- the table ---- */

#define OVER_TIME(name, txt)                                                                       \
    AGG(#name "(float8, timestamptz) float8", agg_##name, txt),                                    \
        AGG(#name "(float8, timestamp) float8", agg_##name, txt)

FuncDef agg_time[] = {
    OVER_TIME(delta, "last value minus first value"),
    OVER_TIME(increase, "sum of rises; a fall is a restart from 0"),
    OVER_TIME(rate, "increase per second between first and last point"),
    OVER_TIME(irate, "increase per second of the last two points"),
    OVER_TIME(derivative, "change per second between first and last point"),
    OVER_TIME(time_weight, "mean over time, each value holding until the next"),
    AGG("counter_resets(float8, timestamptz) int8", agg_resets, "how often the value fell"),
    AGG("counter_resets(float8, timestamp) int8", agg_resets, "how often the value fell"),
    FUNC_END,
};
