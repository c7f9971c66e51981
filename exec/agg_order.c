/* min, max, first, last. */
#include "base/clock.h"
#include "exec/agg_private.h"
#include "exec/kernels.h"
#include <math.h>

/* ---- min, max ---- */

static void kept_init(AggCtx *c, void *state)
{
    (void)c;
    *(Kept *)state = (Kept){0};
}

static const TypeDef *arg_type(const AggCtx *c)
{
    return type_find(c->arg_types[0]);
}

static void offer(AggCtx *c, Kept *k, const Value *v, bool max)
{
    int order = k->set ? arg_type(c)->cmp(v, &k->v) : 0;
    if (!k->set || (max ? order > 0 : order < 0))
        kept_set(k, v, c->arena);
}

static int64_t extreme_i64(const int64_t *v, size_t n, bool max)
{
    int64_t low, high;
    exec_kernels()->minmax_i64(v, n, &low, &high);
    return max ? high : low;
}

/* NaN is above everything: max of a NaN is NaN, min passes over it unless all are. */
static double extreme_f64(const double *v, size_t n, bool max)
{
    double low, high;
    size_t nans = exec_kernels()->minmax_f64(v, n, &low, &high);
    return nans == n || (max && nans) ? NAN : max ? high : low;
}

/* Rows that do not lie side by side. */
static Value extreme_picked(const Vector *v, const uint16_t *sel, size_t n, bool max)
{
    size_t first = vec_slot(v, sel ? sel[0] : 0);
    if (v->phys == PH_I64) {
        int64_t best = v->v.i64[first];
        AGG_ROWS(sel, n, row)
        {
            int64_t x = v->v.i64[vec_slot(v, row)];
            best = (max ? x > best : x < best) ? x : best;
        }
        return value_i64(best);
    }
    double best = v->v.f64[first];
    AGG_ROWS(sel, n, row)
    {
        double x = v->v.f64[vec_slot(v, row)];
        bool above = x > best || (x != x && best == best), below = x < best || best != best;
        best = (max ? above : below) ? x : best;
    }
    return value_f64(best);
}

static bool extreme_rows(AggCtx *c, Kept *k, const Vector *v, const uint16_t *sel, size_t n,
                         bool max)
{
    if (n == 0)
        return true;
    Value best;
    if (v->kind == VEC_FLAT && !sel && v->phys == PH_I64) {
        best = value_i64(extreme_i64(v->v.i64, n, max));
        offer(c, k, &best, max);
    } else if (v->kind == VEC_FLAT && !sel && v->phys == PH_F64) {
        best = value_f64(extreme_f64(v->v.f64, n, max));
        offer(c, k, &best, max);
    } else if (v->kind == VEC_CONST) {
        best = vec_get(v, 0);
        offer(c, k, &best, max);
    } else if (v->phys == PH_I64 || v->phys == PH_F64) {
        best = extreme_picked(v, sel, n, max);
        offer(c, k, &best, max);
    } else {
        AGG_ROWS(sel, n, row)
        {
            best = vec_get(v, row);
            offer(c, k, &best, max);
        }
    }
    return true;
}

static bool min_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                       Err *e)
{
    (void)e;
    return extreme_rows(c, state, &args[0], sel, n, false);
}

static bool max_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                       Err *e)
{
    (void)e;
    return extreme_rows(c, state, &args[0], sel, n, true);
}

/* Numbers without a Value between: rows of different groups. */
static void each_i64(void **states, const Vector *v, const uint16_t *sel, size_t n, bool max)
{
    AGG_ROWS(sel, n, row)
    {
        Kept *k = states[k_];
        int64_t x = v->v.i64[vec_slot(v, row)];
        if (!k->set || (max ? x > k->v.u.i64 : x < k->v.u.i64)) {
            k->v = value_i64(x);
            k->set = true;
        }
    }
}

static void each_f64(void **states, const Vector *v, const uint16_t *sel, size_t n, bool max)
{
    AGG_ROWS(sel, n, row)
    {
        Kept *k = states[k_];
        double x = v->v.f64[vec_slot(v, row)], old = k->v.u.f64;
        bool above = x > old || (x != x && old == old), below = x < old || (x == x && old != old);
        if (!k->set || (max ? above : below)) {
            k->v = value_f64(x);
            k->set = true;
        }
    }
}

static bool extreme_each(AggCtx *c, void **states, const Vector *v, const uint16_t *sel, size_t n,
                         bool max)
{
    if (v->phys == PH_I64) {
        each_i64(states, v, sel, n, max);
        return true;
    }
    if (v->phys == PH_F64) {
        each_f64(states, v, sel, n, max);
        return true;
    }
    AGG_ROWS(sel, n, row)
    {
        Value x = vec_get(v, row);
        offer(c, states[k_], &x, max);
    }
    return true;
}

static bool min_each(AggCtx *c, void **states, const Vector *args, const uint16_t *sel, size_t n,
                     Err *e)
{
    (void)e;
    return extreme_each(c, states, &args[0], sel, n, false);
}

static bool max_each(AggCtx *c, void **states, const Vector *args, const uint16_t *sel, size_t n,
                     Err *e)
{
    (void)e;
    return extreme_each(c, states, &args[0], sel, n, true);
}

static bool min_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    const Kept *f = from;
    (void)e;
    if (f->set)
        offer(c, into, &f->v, false);
    return true;
}

static bool max_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    const Kept *f = from;
    (void)e;
    if (f->set)
        offer(c, into, &f->v, true);
    return true;
}

static bool extreme_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Kept *k = state;
    (void)e;
    *out = k->set ? k->v : (Value){.null = true, .phys = type_phys(c->result)};
    return true;
}

static bool extreme_stats(AggCtx *c, Kept *k, const ChunkStats *s, bool max)
{
    Value v;
    if (s->count == 0)
        return true;
    if (s->type == PHYS_I64 && type_phys(c->arg_types[0]) == PH_I64)
        v = value_i64(max ? s->u.i.max : s->u.i.min);
    else if (s->type == PHYS_F64 && s->nan_count == 0)
        v = value_f64(max ? s->u.f.max : s->u.f.min);
    else
        return false;
    offer(c, k, &v, max);
    return true;
}

static bool min_stats(AggCtx *c, void *state, const ChunkStats *s, int64_t t_first, int64_t t_last)
{
    (void)t_first, (void)t_last;
    return extreme_stats(c, state, s, false);
}

static bool max_stats(AggCtx *c, void *state, const ChunkStats *s, int64_t t_first, int64_t t_last)
{
    (void)t_first, (void)t_last;
    return extreme_stats(c, state, s, true);
}

static void extreme_save(AggCtx *c, const void *state, Buf *out)
{
    (void)c;
    kept_save(state, out);
}

static bool extreme_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    return kept_load(state, &r, c->arena) || agg_bad_state(e);
}

#define EXTREME(name)                                                                              \
    static const AggDef agg_##name = {                                                             \
        .state_size = sizeof(Kept),                                                                \
        .init = kept_init,                                                                         \
        .update = name##_update,                                                                   \
        .update_each = name##_each,                                                                \
        .merge = name##_merge,                                                                     \
        .final = extreme_final,                                                                    \
        .from_stats = name##_stats,                                                                \
        .save = extreme_save,                                                                      \
        .load = extreme_load,                                                                      \
        .skips_nulls = true,                                                                       \
    }
EXTREME(min);
EXTREME(max);

/* ---- first, last: the value at the least or greatest key; NULLs do not count ---- */

typedef struct Bookend {
    Kept value, key;
} Bookend;

static void bookend_init(AggCtx *c, void *state)
{
    (void)c;
    *(Bookend *)state = (Bookend){0};
}

/* Among equal keys the greater value counts (as InfluxDB's first() and last() have it), so that the order in
 * which rows and parts of a group come changes nothing.  Values without an order: the first that came. */
static bool bookend_greater(const AggCtx *c, const Value *v, const Value *known)
{
    const TypeDef *type = type_find(c->arg_types[0]);
    return type->cmp && type->cmp(v, known) > 0;
}

static void bookend_offer(AggCtx *c, Bookend *b, const Value *v, const Value *key, bool last)
{
    int order = b->key.set ? type_find(c->arg_types[1])->cmp(key, &b->key.v) : last ? 1 : -1;
    if (order == 0 ? !bookend_greater(c, v, &b->value.v) : last ? order < 0 : order > 0)
        return;
    kept_set(&b->value, v, c->arena);
    kept_set(&b->key, key, c->arena);
}

static bool bookend_better(const AggCtx *c, const Vector *args, size_t row, size_t best, int order,
                           bool last)
{
    if (order)
        return last ? order > 0 : order < 0;
    if (row == best)
        return false;
    Value v = vec_get(&args[0], row), known = vec_get(&args[0], best);
    return bookend_greater(c, &v, &known);
}

/* The row of the extreme key of a run; times are machine integers. */
static size_t bookend_row(const AggCtx *c, const Vector *args, const uint16_t *sel, size_t n,
                          bool last)
{
    const Vector *key = &args[1];
    size_t best = sel ? sel[0] : 0;
    if (key->phys == PH_I64) {
        AGG_ROWS(sel, n, row)
        {
            int64_t k = key->v.i64[vec_slot(key, row)], b = key->v.i64[vec_slot(key, best)];
            if (bookend_better(c, args, row, best, (k > b) - (k < b), last))
                best = row;
        }
        return best;
    }
    AGG_ROWS(sel, n, row)
    {
        Value k = vec_get(key, row), b = vec_get(key, best);
        if (bookend_better(c, args, row, best, type_find(c->arg_types[1])->cmp(&k, &b), last))
            best = row;
    }
    return best;
}

static bool bookend_rows(AggCtx *c, Bookend *b, const Vector *args, const uint16_t *sel, size_t n,
                         bool last)
{
    if (n == 0)
        return true;
    size_t row = bookend_row(c, args, sel, n, last);
    Value v = vec_get(&args[0], row), key = vec_get(&args[1], row);
    bookend_offer(c, b, &v, &key, last);
    return true;
}

static bool bookend_each(AggCtx *c, void **states, const Vector *args, const uint16_t *sel,
                         size_t n, bool last)
{
    AGG_ROWS(sel, n, row)
    {
        Value v = vec_get(&args[0], row), key = vec_get(&args[1], row);
        bookend_offer(c, states[k_], &v, &key, last);
    }
    return true;
}

static bool bookend_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Bookend *b = state;
    (void)e;
    *out = b->value.set ? b->value.v : (Value){.null = true, .phys = type_phys(c->result)};
    return true;
}

/* The key must be the row time, and every row must have a value. */
static bool bookend_stats(AggCtx *c, Bookend *b, const ChunkStats *s, int64_t t_ns, bool last)
{
    Value v, key = value_i64(floor_div(t_ns, NS_PER_US));
    if (s->count == 0)
        return true;
    if (t_ns == INT64_MIN || t_ns == INT64_MAX || c->arg_types[1] != T_TIMESTAMPTZ)
        return false;
    if (s->type == PHYS_I64 && type_phys(c->arg_types[0]) == PH_I64)
        v = value_i64(last ? s->u.i.last : s->u.i.first);
    else if (s->type == PHYS_F64 && s->nan_count == 0 && type_phys(c->arg_types[0]) == PH_F64)
        v = value_f64(last ? s->u.f.last : s->u.f.first);
    else
        return false;
    bookend_offer(c, b, &v, &key, last);
    return true;
}

static void bookend_save(AggCtx *c, const void *state, Buf *out)
{
    const Bookend *b = state;
    (void)c;
    kept_save(&b->value, out);
    kept_save(&b->key, out);
}

static bool bookend_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Bookend *b = state;
    Reader r = reader_of(bytes);
    return (kept_load(&b->value, &r, c->arena) && kept_load(&b->key, &r, c->arena)) ||
           agg_bad_state(e);
}

#define BOOKEND(name, is_last, t_used)                                                             \
    static bool name##_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,     \
                              size_t n, Err *e)                                                    \
    {                                                                                              \
        (void)e;                                                                                   \
        return bookend_rows(c, state, args, sel, n, is_last);                                      \
    }                                                                                              \
    static bool name##_each(AggCtx *c, void **states, const Vector *args, const uint16_t *sel,     \
                            size_t n, Err *e)                                                      \
    {                                                                                              \
        (void)e;                                                                                   \
        return bookend_each(c, states, args, sel, n, is_last);                                     \
    }                                                                                              \
    static bool name##_merge(AggCtx *c, void *into, const void *from, Err *e)                      \
    {                                                                                              \
        const Bookend *f = from;                                                                   \
        (void)e;                                                                                   \
        if (f->key.set)                                                                            \
            bookend_offer(c, into, &f->value.v, &f->key.v, is_last);                               \
        return true;                                                                               \
    }                                                                                              \
    static bool name##_stats(AggCtx *c, void *state, const ChunkStats *s, int64_t t_first,         \
                             int64_t t_last)                                                       \
    {                                                                                              \
        (void)t_first, (void)t_last;                                                               \
        return bookend_stats(c, state, s, t_used, is_last);                                        \
    }                                                                                              \
    static const AggDef agg_##name = {                                                             \
        .state_size = sizeof(Bookend),                                                             \
        .init = bookend_init,                                                                      \
        .update = name##_update,                                                                   \
        .update_each = name##_each,                                                                \
        .merge = name##_merge,                                                                     \
        .final = bookend_final,                                                                    \
        .from_stats = name##_stats,                                                                \
        .save = bookend_save,                                                                      \
        .load = bookend_load,                                                                      \
        .skips_nulls = true,                                                                       \
    }
BOOKEND(first, false, t_first);
BOOKEND(last, true, t_last);

/* ---- the table ---- */

#define MINMAX(t)                                                                                  \
    AGG("min(" t ") " t, agg_min, "least value"), AGG("max(" t ") " t, agg_max, "greatest value")

FuncDef agg_order[] = {
    MINMAX("int2"),
    MINMAX("int4"),
    MINMAX("int8"),
    MINMAX("oid"),
    MINMAX("float4"),
    MINMAX("float8"),
    MINMAX("numeric"),
    MINMAX("text"),
    MINMAX("bpchar"),
    MINMAX("date"),
    MINMAX("time"),
    MINMAX("timetz"),
    MINMAX("timestamp"),
    MINMAX("timestamptz"),
    MINMAX("interval"),
    MINMAX("anyarray"),
    AGG("open(anyelement, any) anyelement", agg_first, "first(): value at the least key"),
    AGG("close(anyelement, any) anyelement", agg_last, "last(): value at the greatest key"),
    AGG("high(float8) float8", agg_max, "greatest value"),
    AGG("low(float8) float8", agg_min, "least value"),
    AGG("first(anyelement, any) anyelement", agg_first, "value at the least key, NULLs left out"),
    AGG("last(anyelement, any) anyelement", agg_last, "value at the greatest key, NULLs left out"),
    FUNC_END,
};
