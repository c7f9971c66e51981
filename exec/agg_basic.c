#include "exec/agg_private.h"
#include "exec/kernels.h"
#include <math.h>

static void init_nothing(AggCtx *c, void *state)
{
    (void)c, (void)state; /* the operator clears states */
}

/* ---- count ---- */

static void count_init(AggCtx *c, void *state)
{
    (void)c;
    *(int64_t *)state = 0;
}

static bool count_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                         Err *e)
{
    (void)c, (void)args, (void)sel, (void)e;
    *(int64_t *)state += (int64_t)n;
    return true;
}

static bool count_each(AggCtx *c, void **states, const Vector *args, const uint16_t *sel, size_t n,
                       Err *e)
{
    (void)c, (void)args, (void)sel, (void)e;
    for (size_t i = 0; i < n; i++)
        ++*(int64_t *)states[i];
    return true;
}

static bool count_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    (void)c, (void)e;
    *(int64_t *)into += *(const int64_t *)from;
    return true;
}

static bool count_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    (void)c, (void)e;
    *out = value_i64(*(const int64_t *)state);
    return true;
}

static bool count_stats(AggCtx *c, void *state, const ChunkStats *s, int64_t t_first,
                        int64_t t_last)
{
    (void)c, (void)t_first, (void)t_last;
    *(int64_t *)state += s->count;
    return true;
}

AGG_PLAIN_SAVE(count, int64_t)

static const AggDef count_star = {
    .state_size = sizeof(int64_t),
    .init = count_init,
    .update = count_update,
    .update_each = count_each,
    .merge = count_merge,
    .final = count_final,
    .save = count_save,
    .load = count_load,
};
static const AggDef count_any = {
    .state_size = sizeof(int64_t),
    .init = count_init,
    .update = count_update,
    .update_each = count_each,
    .merge = count_merge,
    .final = count_final,
    .from_stats = count_stats,
    .stats_sum = true,
    .save = count_save,
    .load = count_load,
    .skips_nulls = true,
};

/* ---- sum and avg of integers: 128 bits ---- */

typedef struct IntSum {
    __int128 sum;
    int64_t count;
} IntSum;

static void int_init(AggCtx *c, void *state)
{
    (void)c;
    *(IntSum *)state = (IntSum){0};
}

static __int128 sum_dense(const int64_t *v, size_t n)
{
    ExecIntSum sum;
    exec_kernels()->sum_i64(&sum, v, n);
    return (__int128)sum.high * ((__int128)1 << 32) + sum.low;
}

static bool int_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                       Err *e)
{
    IntSum *s = state;
    const Vector *v = &args[0];
    (void)c, (void)e;
    if (v->kind == VEC_CONST) {
        s->sum += (__int128)v->v.i64[0] * (int64_t)n;
    } else if (v->kind == VEC_FLAT && !sel) {
        s->sum += sum_dense(v->v.i64, n);
    } else {
        AGG_ROWS(sel, n, row)
        s->sum += v->v.i64[vec_slot(v, row)];
    }
    s->count += (int64_t)n;
    return true;
}

static bool int_each(AggCtx *c, void **states, const Vector *args, const uint16_t *sel, size_t n,
                     Err *e)
{
    (void)c, (void)e;
    AGG_ROWS(sel, n, row)
    {
        IntSum *s = states[k_];
        s->sum += args[0].v.i64[vec_slot(&args[0], row)];
        s->count++;
    }
    return true;
}

static bool int_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    IntSum *s = into;
    const IntSum *f = from;
    (void)c, (void)e;
    s->sum += f->sum;
    s->count += f->count;
    return true;
}

static bool int_stats(AggCtx *c, void *state, const ChunkStats *st, int64_t t_first, int64_t t_last)
{
    IntSum *s = state;
    (void)c, (void)t_first, (void)t_last;
    if (st->type != PHYS_I64 || !st->sum_exact)
        return false;
    s->sum += st->u.i.sum;
    s->count += st->count;
    return true;
}

static bool int_sum_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const IntSum *s = state;
    *out = (Value){.null = s->count == 0, .phys = type_phys(c->result)};
    if (s->count == 0)
        return true;
    if (c->result == T_NUMERIC) {
        out->u.num = num_of_i128(s->sum, 0, c->arena);
        return true;
    }
    if (s->sum > INT64_MAX || s->sum < INT64_MIN)
        return func_int_range(T_INT8, e);
    out->u.i64 = (int64_t)s->sum;
    return true;
}

static bool int_avg_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const IntSum *s = state;
    *out = (Value){.null = s->count == 0, .phys = PH_NUM};
    if (s->count == 0)
        return true;
    Num sum = num_of_i128(s->sum, 0, c->arena), count = num_of_i64(s->count);
    return num_div(&sum, &count, c->arena, &out->u.num, e);
}

AGG_PLAIN_SAVE(int, IntSum)

#define INT_AGG(name, fin)                                                                         \
    static const AggDef name = {                                                                   \
        .state_size = sizeof(IntSum),                                                              \
        .init = int_init,                                                                          \
        .update = int_update,                                                                      \
        .update_each = int_each,                                                                   \
        .merge = int_merge,                                                                        \
        .final = fin,                                                                              \
        .from_stats = int_stats,                                                                   \
        .stats_sum = true,                                                                         \
        .save = int_save,                                                                          \
        .load = int_load,                                                                          \
        .skips_nulls = true,                                                                       \
    }
INT_AGG(sum_int, int_sum_final);
INT_AGG(avg_int, int_avg_final);

/* ---- floats ---- */

typedef struct FloatState {
    FloatSum sum;
    int64_t count;
} FloatState;

static void float_init(AggCtx *c, void *state)
{
    (void)c;
    *(FloatState *)state = (FloatState){0};
}

enum { LANES_MIN = 4 * EXEC_LANES }; /* fewer are added one by one */

static bool float_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                         Err *e)
{
    FloatState *s = state;
    const Vector *v = &args[0];
    (void)c, (void)e;
    if (v->kind == VEC_FLAT && !sel && n >= LANES_MIN) {
        ExecFloatSum lanes = {{0}, {0}};
        exec_kernels()->sum_f64(&lanes, v->v.f64, n);
        for (size_t k = 0; k < EXEC_LANES; k++) {
            float_sum_add(&s->sum, lanes.hi[k]);
            s->sum.lo += lanes.lo[k];
        }
    } else {
        AGG_ROWS(sel, n, row)
        float_sum_add(&s->sum, v->v.f64[vec_slot(v, row)]);
    }
    s->count += (int64_t)n;
    return true;
}

static bool float_each(AggCtx *c, void **states, const Vector *args, const uint16_t *sel, size_t n,
                       Err *e)
{
    (void)c, (void)e;
    AGG_ROWS(sel, n, row)
    {
        FloatState *s = states[k_];
        float_sum_add(&s->sum, args[0].v.f64[vec_slot(&args[0], row)]);
        s->count++;
    }
    return true;
}

static bool float_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    FloatState *s = into;
    const FloatState *f = from;
    (void)c, (void)e;
    float_sum_add(&s->sum, f->sum.hi);
    s->sum.lo += f->sum.lo;
    s->count += f->count;
    return true;
}

static bool float_stats(AggCtx *c, void *state, const ChunkStats *st, int64_t t_first,
                        int64_t t_last)
{
    FloatState *s = state;
    (void)c, (void)t_first, (void)t_last;
    if (st->type != PHYS_F64 || st->nan_count)
        return false;
    float_sum_add(&s->sum, st->u.f.sum_hi);
    s->sum.lo += st->u.f.sum_lo;
    s->count += st->count;
    return true;
}

static bool float_sum_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const FloatState *s = state;
    double v = float_sum_value(&s->sum);
    (void)e;
    *out = value_f64(c->result == T_FLOAT4 ? (double)(float)v : v);
    out->null = s->count == 0;
    return true;
}

static bool float_avg_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const FloatState *s = state;
    (void)c, (void)e;
    *out = value_f64(s->count ? float_sum_value(&s->sum) / (double)s->count : 0);
    out->null = s->count == 0;
    return true;
}

AGG_PLAIN_SAVE(float, FloatState)

#define FLOAT_AGG(name, fin)                                                                       \
    static const AggDef name = {                                                                   \
        .state_size = sizeof(FloatState),                                                          \
        .init = float_init,                                                                        \
        .update = float_update,                                                                    \
        .update_each = float_each,                                                                 \
        .merge = float_merge,                                                                      \
        .final = fin,                                                                              \
        .from_stats = float_stats,                                                                 \
        .stats_sum = true,                                                                         \
        .save = float_save,                                                                        \
        .load = float_load,                                                                        \
        .skips_nulls = true,                                                                       \
    }
FLOAT_AGG(sum_float, float_sum_final);
FLOAT_AGG(avg_float, float_avg_final);

/* ---- numeric ---- */

static bool num_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                       Err *e)
{
    AGG_ROWS(sel, n, row)
    if (!num_sum_add(state, &args[0].v.num[vec_slot(&args[0], row)], c->arena, e))
        return false;
    return true;
}

static bool num_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    return num_sum_merge(into, from, c->arena, e);
}

static bool num_sum_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const NumSum *s = state;
    *out = (Value){.null = s->count == 0, .phys = PH_NUM};
    return out->null || num_sum_value(s, c->arena, &out->u.num, e);
}

static bool num_avg_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const NumSum *s = state;
    Num count = num_of_i64(s->count);
    if (!num_sum_final(c, state, out, e))
        return false;
    return out->null || num_div(&out->u.num, &count, c->arena, &out->u.num, e);
}

static void num_save(AggCtx *c, const void *state, Buf *out)
{
    (void)c;
    num_sum_save(state, out);
}

static bool num_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    return num_sum_load(state, &r, c->arena, e);
}

#define NUM_AGG(name, fin)                                                                         \
    static const AggDef name = {                                                                   \
        .state_size = sizeof(NumSum),                                                              \
        .init = init_nothing,                                                                      \
        .update = num_update,                                                                      \
        .merge = num_merge,                                                                        \
        .final = fin,                                                                              \
        .save = num_save,                                                                          \
        .load = num_load,                                                                          \
        .skips_nulls = true,                                                                       \
    }
NUM_AGG(sum_num, num_sum_final);
NUM_AGG(avg_num, num_avg_final);

/* ---- intervals ---- */

typedef struct IntervalState {
    Interval sum;
    int64_t count;
} IntervalState;

static bool iv_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                      Err *e)
{
    IntervalState *s = state;
    (void)c;
    AGG_ROWS(sel, n, row)
    if (!interval_add(s->sum, args[0].v.iv[vec_slot(&args[0], row)], &s->sum, e))
        return false;
    s->count += (int64_t)n;
    return true;
}

static bool iv_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    IntervalState *s = into;
    const IntervalState *f = from;
    (void)c;
    s->count += f->count;
    return interval_add(s->sum, f->sum, &s->sum, e);
}

static bool iv_sum_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const IntervalState *s = state;
    (void)c, (void)e;
    *out = (Value){.null = s->count == 0, .phys = PH_INTERVAL, .u.iv = s->sum};
    return true;
}

static bool iv_avg_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const IntervalState *s = state;
    (void)c;
    *out = (Value){.null = s->count == 0, .phys = PH_INTERVAL};
    return out->null || interval_div(s->sum, (double)s->count, &out->u.iv, e);
}

AGG_PLAIN_SAVE(iv, IntervalState)

#define IV_AGG(name, fin)                                                                          \
    static const AggDef name = {                                                                   \
        .state_size = sizeof(IntervalState),                                                       \
        .init = init_nothing,                                                                      \
        .update = iv_update,                                                                       \
        .merge = iv_merge,                                                                         \
        .final = fin,                                                                              \
        .save = iv_save,                                                                           \
        .load = iv_load,                                                                           \
        .skips_nulls = true,                                                                       \
    }
IV_AGG(sum_iv, iv_sum_final);
IV_AGG(avg_iv, iv_avg_final);

/* ---- bool_and, bool_or, bit_and, bit_or, bit_xor ---- */

typedef struct BitState {
    int64_t value;
    bool set;
} BitState;

static void bit_add(BitState *s, int64_t v, char op)
{
    if (!s->set)
        s->value = v;
    else
        s->value = op == '&' ? s->value & v : op == '|' ? s->value | v : s->value ^ v;
    s->set = true;
}

static bool bit_rows(BitState *s, const Vector *v, const uint16_t *sel, size_t n, char op)
{
    AGG_ROWS(sel, n, row)
    {
        size_t slot = vec_slot(v, row);
        bit_add(s, v->phys == PH_BOOL ? v->v.b[slot] : v->v.i64[slot], op);
    }
    return true;
}

static bool bit_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const BitState *s = state;
    (void)e;
    *out = c->result == T_BOOL ? value_bool(s->value != 0) : value_i64(s->value);
    out->null = !s->set;
    return true;
}

AGG_PLAIN_SAVE(bit, BitState)

#define BIT_AGG(name, op)                                                                          \
    static bool name##_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,     \
                              size_t n, Err *e)                                                    \
    {                                                                                              \
        (void)c, (void)e;                                                                          \
        return bit_rows(state, &args[0], sel, n, op);                                              \
    }                                                                                              \
    static bool name##_merge(AggCtx *c, void *into, const void *from, Err *e)                      \
    {                                                                                              \
        const BitState *f = from;                                                                  \
        (void)c, (void)e;                                                                          \
        if (f->set)                                                                                \
            bit_add(into, f->value, op);                                                           \
        return true;                                                                               \
    }                                                                                              \
    static const AggDef name = {                                                                   \
        .state_size = sizeof(BitState),                                                            \
        .init = init_nothing,                                                                      \
        .update = name##_update,                                                                   \
        .merge = name##_merge,                                                                     \
        .final = bit_final,                                                                        \
        .save = bit_save,                                                                          \
        .load = bit_load,                                                                          \
        .skips_nulls = true,                                                                       \
    }
BIT_AGG(bits_and, '&');
BIT_AGG(bits_or, '|');
BIT_AGG(bits_xor, '#');

/* ---- the table ---- */

#define BITS(t)                                                                                    \
    AGG("bit_and(" t ") " t, bits_and, "bitwise and"),                                             \
        AGG("bit_or(" t ") " t, bits_or, "bitwise or"),                                            \
        AGG("bit_xor(" t ") " t, bits_xor, "bitwise exclusive or")

FuncDef agg_basic[] = {
    AGG("count() int8", count_star, "number of rows"),
    AGG("count(any) int8", count_any, "number of values that are not NULL"),
    AGG("sum(int2) int8", sum_int, "sum"),
    AGG("sum(int4) int8", sum_int, "sum"),
    AGG("sum(int8) numeric", sum_int, "sum"),
    AGG("sum(float4) float4", sum_float, "sum"),
    AGG("sum(float8) float8", sum_float, "sum"),
    AGG("sum(numeric) numeric", sum_num, "sum"),
    AGG("sum(interval) interval", sum_iv, "sum"),
    AGG("avg(int2) numeric", avg_int, "arithmetic mean"),
    AGG("avg(int4) numeric", avg_int, "arithmetic mean"),
    AGG("avg(int8) numeric", avg_int, "arithmetic mean"),
    AGG("avg(float4) float8", avg_float, "arithmetic mean"),
    AGG("avg(float8) float8", avg_float, "arithmetic mean"),
    AGG("avg(numeric) numeric", avg_num, "arithmetic mean"),
    AGG("avg(interval) interval", avg_iv, "arithmetic mean"),
    AGG("bool_and(bool) bool", bits_and, "true if all are"),
    AGG("every(bool) bool", bits_and, "true if all are"),
    AGG("bool_or(bool) bool", bits_or, "true if one is"),
    BITS("int2"),
    BITS("int4"),
    BITS("int8"),
    FUNC_END,
};
