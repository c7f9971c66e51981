/* Variance, standard deviation, correlation, regression, histogram. */
#include "exec/agg_private.h"
#include <math.h>

/* ---- doubles: Youngs and Cramer's sums, as PostgreSQL ---- */

typedef struct Moments {
    double n, sx, sxx;
} Moments;

static void moments_init(AggCtx *c, void *state)
{
    (void)c;
    *(Moments *)state = (Moments){0};
}

static bool overflow(Err *e)
{
    return err_set(e, ERR_NUMERIC_RANGE, "value out of range: overflow");
}

static bool moments_add(Moments *m, double v, Err *e)
{
    double before = m->n, sx = m->sx;
    m->n += 1;
    m->sx += v;
    if (before == 0) {
        if (!isfinite(v))
            m->sxx = NAN;
        return true;
    }
    double t = v * m->n - m->sx;
    m->sxx += t * t / (m->n * before);
    if (isinf(m->sx) || isinf(m->sxx)) {
        if (!isinf(sx) && !isinf(v))
            return overflow(e);
        m->sxx = NAN;
    }
    return true;
}

static bool moments_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,
                           size_t n, Err *e)
{
    (void)c;
    AGG_ROWS(sel, n, row)
    if (!moments_add(state, args[0].v.f64[vec_slot(&args[0], row)], e))
        return false;
    return true;
}

static bool moments_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Moments *m = into;
    const Moments *f = from;
    (void)c;
    if (f->n == 0)
        return true;
    if (m->n == 0) {
        *m = *f;
        return true;
    }
    double t = m->sx / m->n - f->sx / f->n, n = m->n + f->n;
    m->sxx += f->sxx + m->n * f->n * t * t / n;
    m->n = n;
    m->sx += f->sx;
    return !isinf(m->sxx) || isinf(f->sxx) || overflow(e);
}

static bool moments_result(const Moments *m, bool sample, bool root, Value *out)
{
    double d = sample ? m->n - 1 : m->n;
    out->phys = PH_F64;
    out->null = d <= 0;
    if (!out->null)
        out->u.f64 = root ? sqrt(m->sxx / d) : m->sxx / d;
    return true;
}

AGG_PLAIN_SAVE(moments, Moments)

#define MOMENTS(name, sample, root)                                                                \
    static bool name##_final(AggCtx *c, const void *state, Value *out, Err *e)                     \
    {                                                                                              \
        (void)c, (void)e;                                                                          \
        *out = (Value){.phys = PH_F64};                                                            \
        return moments_result(state, sample, root, out);                                           \
    }                                                                                              \
    static const AggDef name = {                                                                   \
        .state_size = sizeof(Moments),                                                             \
        .init = moments_init,                                                                      \
        .update = moments_update,                                                                  \
        .merge = moments_merge,                                                                    \
        .final = name##_final,                                                                     \
        .save = moments_save,                                                                      \
        .load = moments_load,                                                                      \
        .skips_nulls = true,                                                                       \
    }
MOMENTS(float_var_samp, true, false);
MOMENTS(float_var_pop, false, false);
MOMENTS(float_dev_samp, true, true);
MOMENTS(float_dev_pop, false, true);

/* ---- integers and numeric: exact sums of values and squares ---- */

typedef struct ExactMoments {
    NumSum sum, squares;
} ExactMoments;

static void exact_init(AggCtx *c, void *state)
{
    (void)c;
    *(ExactMoments *)state = (ExactMoments){0};
}

static bool exact_add(ExactMoments *m, const Num *v, Arena *a, Err *e)
{
    Arena tmp;
    Num square;
    arena_init(&tmp, NULL);
    bool ok = num_mul(v, v, &tmp, &square, e) && num_sum_add(&m->sum, v, a, e) &&
              num_sum_add(&m->squares, &square, a, e);
    arena_free(&tmp);
    return ok;
}

static bool exact_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                         Err *e)
{
    ExactMoments *m = state;
    AGG_ROWS(sel, n, row)
    {
        size_t slot = vec_slot(&args[0], row);
        Num v = args[0].phys == PH_I64 ? num_of_i64(args[0].v.i64[slot]) : args[0].v.num[slot];
        __int128 square = v.kind == NUM_SMALL && v.scale == 0 ? (__int128)v.u.coef * v.u.coef : -1,
                 r;
        if (square >= 0 && m->squares.scale == 0 && m->sum.scale == 0 &&
            !__builtin_add_overflow(m->squares.coef, square, &r)) {
            m->squares.coef = r;
            m->squares.count++;
            if (!num_sum_add_i64(&m->sum, v.u.coef, c->arena, e))
                return false;
        } else if (!exact_add(m, &v, c->arena, e)) {
            return false;
        }
    }
    return true;
}

static bool exact_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    ExactMoments *m = into;
    const ExactMoments *f = from;
    return num_sum_merge(&m->sum, &f->sum, c->arena, e) &&
           num_sum_merge(&m->squares, &f->squares, c->arena, e);
}

/* (N sum(x^2) - sum(x)^2) / (N (N - 1)), and its root with the same scale. */
static bool exact_result(const ExactMoments *m, bool sample, bool root, Arena *a, Value *out,
                         Err *e)
{
    Num sum, squares, n = num_of_i64(m->sum.count), d = num_of_i64(m->sum.count - sample), over;
    *out = (Value){.phys = PH_NUM, .null = m->sum.count <= sample};
    if (out->null)
        return true;
    if (!num_sum_value(&m->sum, a, &sum, e) || !num_sum_value(&m->squares, a, &squares, e))
        return false;
    if (num_is_special(&sum)) {
        out->u.num.kind = NUM_NAN;
        return true;
    }
    if (!num_mul(&sum, &sum, a, &sum, e) || !num_mul(&n, &squares, a, &squares, e) ||
        !num_sub(&squares, &sum, a, &over, e) || !num_mul(&n, &d, a, &d, e))
        return false;
    if (num_sign(&over) <= 0) {
        out->u.num = num_of_i64(0);
        return true;
    }
    if (!num_div(&over, &d, a, &out->u.num, e))
        return false;
    return !root || num_sqrt_scale(&out->u.num, out->u.num.scale, a, &out->u.num, e);
}

static void exact_save(AggCtx *c, const void *state, Buf *out)
{
    const ExactMoments *m = state;
    (void)c;
    num_sum_save(&m->sum, out);
    num_sum_save(&m->squares, out);
}

static bool exact_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    ExactMoments *m = state;
    Reader r = reader_of(bytes);
    return num_sum_load(&m->sum, &r, c->arena, e) && num_sum_load(&m->squares, &r, c->arena, e);
}

#define EXACT(name, sample, root)                                                                  \
    static bool name##_final(AggCtx *c, const void *state, Value *out, Err *e)                     \
    {                                                                                              \
        return exact_result(state, sample, root, c->arena, out, e);                                \
    }                                                                                              \
    static const AggDef name = {                                                                   \
        .state_size = sizeof(ExactMoments),                                                        \
        .init = exact_init,                                                                        \
        .update = exact_update,                                                                    \
        .merge = exact_merge,                                                                      \
        .final = name##_final,                                                                     \
        .save = exact_save,                                                                        \
        .load = exact_load,                                                                        \
        .skips_nulls = true,                                                                       \
    }
EXACT(exact_var_samp, true, false);
EXACT(exact_var_pop, false, false);
EXACT(exact_dev_samp, true, true);
EXACT(exact_dev_pop, false, true);

/* ---- two variables: regr_*(y, x), corr, covar ---- */

typedef struct Pairs {
    double n, sx, sxx, sy, syy, sxy;
} Pairs;

static void pairs_init(AggCtx *c, void *state)
{
    (void)c;
    *(Pairs *)state = (Pairs){0};
}

static void pairs_add(Pairs *p, double y, double x)
{
    double before = p->n;
    p->n += 1;
    p->sx += x;
    p->sy += y;
    if (before == 0) {
        if (!isfinite(x))
            p->sxx = p->sxy = NAN;
        if (!isfinite(y))
            p->syy = p->sxy = NAN;
        return;
    }
    double tx = x * p->n - p->sx, ty = y * p->n - p->sy, scale = 1 / (p->n * before);
    p->sxx += tx * tx * scale;
    p->syy += ty * ty * scale;
    p->sxy += tx * ty * scale;
}

static bool pairs_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                         Err *e)
{
    (void)c, (void)e;
    AGG_ROWS(sel, n, row)
    pairs_add(state, args[0].v.f64[vec_slot(&args[0], row)],
              args[1].v.f64[vec_slot(&args[1], row)]);
    return true;
}

static bool pairs_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Pairs *p = into;
    const Pairs *f = from;
    (void)c, (void)e;
    if (f->n == 0)
        return true;
    if (p->n == 0) {
        *p = *f;
        return true;
    }
    double tx = p->sx / p->n - f->sx / f->n, ty = p->sy / p->n - f->sy / f->n, n = p->n + f->n;
    double w = p->n * f->n / n;
    p->sxx += f->sxx + w * tx * tx;
    p->syy += f->syy + w * ty * ty;
    p->sxy += f->sxy + w * tx * ty;
    p->sx += f->sx;
    p->sy += f->sy;
    p->n = n;
    return true;
}

AGG_PLAIN_SAVE(pairs, Pairs)

/* `known` false gives NULL. */
#define PAIRS(name, known, expr)                                                                   \
    static bool name##_final(AggCtx *c, const void *state, Value *out, Err *e)                     \
    {                                                                                              \
        const Pairs *p = state;                                                                    \
        (void)c, (void)e;                                                                          \
        *out = value_f64(0);                                                                       \
        out->null = !(known);                                                                      \
        if (!out->null)                                                                            \
            out->u.f64 = (expr);                                                                   \
        return true;                                                                               \
    }                                                                                              \
    static const AggDef name = {                                                                   \
        .state_size = sizeof(Pairs),                                                               \
        .init = pairs_init,                                                                        \
        .update = pairs_update,                                                                    \
        .merge = pairs_merge,                                                                      \
        .final = name##_final,                                                                     \
        .save = pairs_save,                                                                        \
        .load = pairs_load,                                                                        \
        .skips_nulls = true,                                                                       \
    }
PAIRS(pair_corr, p->n > 0 && p->sxx != 0 && p->syy != 0, p->sxy / sqrt(p->sxx * p->syy));
PAIRS(pair_covar_pop, p->n > 0, p->sxy / p->n);
PAIRS(pair_covar_samp, p->n > 1, p->sxy / (p->n - 1));
PAIRS(pair_avgx, p->n > 0, p->sx / p->n);
PAIRS(pair_avgy, p->n > 0, p->sy / p->n);
PAIRS(pair_sxx, p->n > 0, p->sxx);
PAIRS(pair_syy, p->n > 0, p->syy);
PAIRS(pair_sxy, p->n > 0, p->sxy);
PAIRS(pair_slope, p->n > 0 && p->sxx != 0, p->sxy / p->sxx);
PAIRS(pair_intercept, p->n > 0 && p->sxx != 0, (p->sy - p->sx * p->sxy / p->sxx) / p->n);
PAIRS(pair_r2, p->n > 0 && p->sxx != 0, p->syy == 0 ? 1.0 : (p->sxy * p->sxy) / (p->sxx * p->syy));

static bool pair_count_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Pairs *p = state;
    (void)c, (void)e;
    *out = value_i64((int64_t)p->n);
    return true;
}

static const AggDef pair_count = {
    .state_size = sizeof(Pairs),
    .init = pairs_init,
    .update = pairs_update,
    .merge = pairs_merge,
    .final = pair_count_final,
    .save = pairs_save,
    .load = pairs_load,
    .skips_nulls = true,
};

/* ---- histogram(value, min, max, buckets): counts below, in each bucket, above ---- */

enum { HISTOGRAM_BUCKETS_MAX = 10000 };

typedef struct Histogram {
    int64_t *counts; /* buckets + 2; NULL: no row yet */
    int64_t buckets;
    double min, max;
} Histogram;

static void histogram_init(AggCtx *c, void *state)
{
    (void)c;
    *(Histogram *)state = (Histogram){0};
}

static bool histogram_start(Histogram *h, double min, double max, int64_t buckets, Arena *a, Err *e)
{
    if (buckets < 1 || buckets > HISTOGRAM_BUCKETS_MAX)
        return err_set(e, ERR_INVALID_PARAMETER, "number of buckets must be between 1 and %d",
                       HISTOGRAM_BUCKETS_MAX);
    if (!(min < max))
        return err_set(e, ERR_INVALID_PARAMETER, "lower bound must be less than upper bound");
    *h = (Histogram){.buckets = buckets, .min = min, .max = max};
    h->counts = ARENA_ARRAY(a, int64_t, (size_t)buckets + 2);
    return true;
}

static int64_t histogram_bucket(const Histogram *h, double v)
{
    if (v < h->min)
        return 0;
    if (!(v < h->max))
        return h->buckets + 1;
    int64_t b = (int64_t)((v - h->min) / (h->max - h->min) * (double)h->buckets) + 1;
    return b > h->buckets ? h->buckets : b;
}

static bool histogram_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,
                             size_t n, Err *e)
{
    Histogram *h = state;
    AGG_ROWS(sel, n, row)
    {
        if (!h->counts &&
            !histogram_start(h, vec_get(&args[1], row).u.f64, vec_get(&args[2], row).u.f64,
                             vec_get(&args[3], row).u.i64, c->arena, e))
            return false;
        h->counts[histogram_bucket(h, args[0].v.f64[vec_slot(&args[0], row)])]++;
    }
    return true;
}

static bool histogram_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Histogram *h = into;
    const Histogram *f = from;
    if (!f->counts)
        return true;
    if (!h->counts && !histogram_start(h, f->min, f->max, f->buckets, c->arena, e))
        return false;
    if (h->buckets != f->buckets)
        return err_set(e, ERR_INVALID_PARAMETER, "number of buckets must not change");
    for (int64_t i = 0; i < h->buckets + 2; i++)
        h->counts[i] += f->counts[i];
    return true;
}

static bool histogram_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Histogram *h = state;
    (void)e;
    *out = (Value){.null = !h->counts, .phys = PH_ARRAY};
    if (!h->counts)
        return true;
    size_t n = (size_t)h->buckets + 2;
    Value *items = arena_alloc(c->arena, n * sizeof *items);
    for (size_t i = 0; i < n; i++)
        items[i] = value_i64(h->counts[i]);
    *out = value_array(array_new(c->arena, T_INT4, items, n));
    return true;
}

static void histogram_save(AggCtx *c, const void *state, Buf *out)
{
    const Histogram *h = state;
    (void)c;
    buf_put(out, h, sizeof *h);
    buf_put(out, h->counts, h->counts ? ((size_t)h->buckets + 2) * sizeof *h->counts : 0);
}

static bool histogram_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Histogram *h = state, saved;
    if (bytes.len < sizeof saved)
        return agg_bad_state(e);
    memcpy(&saved, bytes.ptr, sizeof saved);
    *h = (Histogram){0};
    if (!saved.counts)
        return true;
    if (!histogram_start(h, saved.min, saved.max, saved.buckets, c->arena, e))
        return false;
    size_t size = ((size_t)h->buckets + 2) * sizeof *h->counts;
    if (bytes.len != sizeof saved + size)
        return agg_bad_state(e);
    memcpy(h->counts, bytes.ptr + sizeof saved, size);
    return true;
}

static const AggDef agg_histogram = {
    .state_size = sizeof(Histogram),
    .init = histogram_init,
    .update = histogram_update,
    .merge = histogram_merge,
    .final = histogram_final,
    .save = histogram_save,
    .load = histogram_load,
    .skips_nulls = true,
};

/* ---- the table ---- */

#define SPREAD(name, float_def, exact_def, txt)                                                    \
    AGG(name "(int2) numeric", exact_def, txt), AGG(name "(int4) numeric", exact_def, txt),        \
        AGG(name "(int8) numeric", exact_def, txt), AGG(name "(numeric) numeric", exact_def, txt), \
        AGG(name "(float4) float8", float_def, txt), AGG(name "(float8) float8", float_def, txt)
#define PAIR(name, def, txt) AGG(name "(float8, float8) float8", def, txt)

FuncDef agg_stat[] = {
    SPREAD("variance", float_var_samp, exact_var_samp, "variance of a sample"),
    SPREAD("var_samp", float_var_samp, exact_var_samp, "variance of a sample"),
    SPREAD("var_pop", float_var_pop, exact_var_pop, "variance of all"),
    SPREAD("stddev", float_dev_samp, exact_dev_samp, "standard deviation of a sample"),
    SPREAD("stddev_samp", float_dev_samp, exact_dev_samp, "standard deviation of a sample"),
    SPREAD("stddev_pop", float_dev_pop, exact_dev_pop, "standard deviation of all"),
    PAIR("corr", pair_corr, "correlation"),
    PAIR("covar_pop", pair_covar_pop, "covariance of all"),
    PAIR("covar_samp", pair_covar_samp, "covariance of a sample"),
    PAIR("regr_avgx", pair_avgx, "mean of the second argument"),
    PAIR("regr_avgy", pair_avgy, "mean of the first argument"),
    PAIR("regr_sxx", pair_sxx, "squares of the second argument about its mean"),
    PAIR("regr_syy", pair_syy, "squares of the first argument about its mean"),
    PAIR("regr_sxy", pair_sxy, "products about the means"),
    PAIR("regr_slope", pair_slope, "slope of the line through the points"),
    PAIR("regr_intercept", pair_intercept, "where the line crosses x = 0"),
    PAIR("regr_r2", pair_r2, "square of the correlation"),
    AGG("regr_count(float8, float8) int8", pair_count, "number of pairs"),
    AGG("histogram(float8, float8, float8, int4) _int4", agg_histogram,
        "counts below, in each of n buckets, and above"),
    FUNC_END,
};
