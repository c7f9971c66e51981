#include "exec/func_private.h"
#include "exec/kernels.h"
#include <float.h>
#include <math.h>

const void *func_arg(FnCall *c, size_t k, size_t *step)
{
    const Vector *v = &c->args[k];
    *step = v->kind == VEC_CONST ? 0 : 1;
    if (v->kind != VEC_DICT)
        return v->v.any;
    Vector flat = *v;
    Batch b = {.rows = c->rows};
    uint16_t *sel = arena_alloc(c->ctx->scratch, (c->n + 1) * sizeof *sel);
    FUNC_ROWS(c, row)
    sel[k_] = (uint16_t)row;
    b.sel = sel;
    b.sel_count = c->n;
    flat.valid = NULL;
    vec_flatten(&flat, &b, c->ctx->scratch);
    return flat.v.any;
}

bool func_int_range(TypeId type, Err *e)
{
    return err_set(e, ERR_NUMERIC_RANGE, "%s out of range", type_find(type)->display);
}

bool func_fits(TypeId type, int64_t v)
{
    return type == T_INT8 || (type == T_INT4 ? v == (int32_t)v : v == (int16_t)v);
}

Value func_text(EvalCtx *ctx, const Buf *text)
{
    return value_str(arena_slice(ctx->scratch, buf_slice(text)));
}

Value func_take(EvalCtx *ctx, Buf *text)
{
    Value v = func_text(ctx, text);
    buf_free(text);
    return v;
}

/* ---- integers ---- */

/* Smaller types are computed in 64 bits without overflow; their range is looked at afterwards. */
static bool check_range(FnCall *c, Err *e)
{
    if (c->expr->type == T_INT8)
        return true;
    const int64_t *r = c->out->v.i64;
    bool ok = true;
    if (c->expr->type == T_INT4) {
        FUNC_ROWS(c, row)
        ok &= r[row] == (int32_t)r[row];
    } else {
        FUNC_ROWS(c, row)
        ok &= r[row] == (int16_t)r[row];
    }
    return ok || func_int_range(c->expr->type, e);
}

static bool kernel_add_int(FnCall *c, Err *e)
{
    int64_t over = 0, r;
    const Vector *x_all = &c->args[0], *y_all = &c->args[1];
    if (!c->sel && x_all->kind == VEC_FLAT && y_all->kind != VEC_DICT)
        exec_kernels()->add_i64(c->out->v.i64, x_all->v.i64,
                                y_all->kind == VEC_FLAT ? y_all->v.i64 : NULL, y_all->v.i64[0],
                                c->n, &over);
    else
        FUNC_BINARY(c, int64_t, int64_t,
                    (r = (int64_t)((uint64_t)x + (uint64_t)y), over |= (x ^ r) & (y ^ r), r));
    return over < 0 ? func_int_range(c->expr->type, e) : check_range(c, e);
}

static bool kernel_sub_int(FnCall *c, Err *e)
{
    int64_t over = 0, r;
    FUNC_BINARY(c, int64_t, int64_t,
                (r = (int64_t)((uint64_t)x - (uint64_t)y), over |= (x ^ y) & (x ^ r), r));
    return over < 0 ? func_int_range(c->expr->type, e) : check_range(c, e);
}

static bool kernel_mul_int(FnCall *c, Err *e)
{
    bool over = false;
    int64_t r;
    FUNC_BINARY(c, int64_t, int64_t, (over |= __builtin_mul_overflow(x, y, &r), r));
    return over ? func_int_range(c->expr->type, e) : check_range(c, e);
}

static bool division_by_zero(Err *e)
{
    return err_set(e, ERR_DIVISION_BY_ZERO, "division by zero");
}

static bool kernel_div_int(FnCall *c, Err *e)
{
    bool zero = false, over = false;
    FUNC_BINARY(c, int64_t, int64_t,
                (zero |= y == 0, over |= y == -1 && x == INT64_MIN,
                 y == 0    ? 0
                 : y == -1 ? (int64_t)(0 - (uint64_t)x)
                           : x / y));
    if (zero)
        return division_by_zero(e);
    return over ? func_int_range(c->expr->type, e) : check_range(c, e);
}

static bool kernel_mod_int(FnCall *c, Err *e)
{
    bool zero = false;
    FUNC_BINARY(c, int64_t, int64_t, (zero |= y == 0, y == 0 || y == -1 ? 0 : x % y));
    return zero ? division_by_zero(e) : true;
}

static bool kernel_neg_int(FnCall *c, Err *e)
{
    bool over = false;
    FUNC_UNARY(c, int64_t, int64_t, (over |= x == INT64_MIN, (int64_t)(0 - (uint64_t)x)));
    return over ? func_int_range(c->expr->type, e) : check_range(c, e);
}

static bool kernel_abs_int(FnCall *c, Err *e)
{
    bool over = false;
    FUNC_UNARY(c, int64_t, int64_t,
               (over |= x == INT64_MIN, x < 0 ? (int64_t)(0 - (uint64_t)x) : x));
    return over ? func_int_range(c->expr->type, e) : check_range(c, e);
}

static bool kernel_and_int(FnCall *c, Err *e)
{
    (void)e;
    FUNC_BINARY(c, int64_t, int64_t, x & y);
    return true;
}

static bool kernel_or_int(FnCall *c, Err *e)
{
    (void)e;
    FUNC_BINARY(c, int64_t, int64_t, x | y);
    return true;
}

static bool kernel_xor_int(FnCall *c, Err *e)
{
    (void)e;
    FUNC_BINARY(c, int64_t, int64_t, x ^ y);
    return true;
}

static bool kernel_not_int(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, int64_t, int64_t, ~x);
    return true;
}

/* Shift counts wrap at the width of the type, as the machine's do. */
static int64_t shift_left(TypeId t, int64_t x, int64_t y)
{
    if (t == T_INT8)
        return (int64_t)((uint64_t)x << (y & 63));
    if (t == T_INT4)
        return (int32_t)((uint32_t)x << (y & 31));
    return (int16_t)((uint32_t)x << (y & 31));
}

static bool kernel_shl_int(FnCall *c, Err *e)
{
    (void)e;
    FUNC_BINARY(c, int64_t, int64_t, shift_left(c->expr->type, x, y));
    return true;
}

static bool kernel_shr_int(FnCall *c, Err *e)
{
    (void)e;
    FUNC_BINARY(c, int64_t, int64_t, x >> (y & (c->expr->type == T_INT8 ? 63 : 31)));
    return true;
}

static bool kernel_same_i64(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, int64_t, int64_t, x);
    return true;
}

/* ---- floats ---- */

static bool float_overflow(Err *e)
{
    return err_set(e, ERR_NUMERIC_RANGE, "value out of range: overflow");
}

static bool float_underflow(Err *e)
{
    return err_set(e, ERR_NUMERIC_RANGE, "value out of range: underflow");
}

/* One pass over the bits of the results finds infinities, NaNs and zeros without a branch; only if
 * there are any do the arguments matter. */
static void scan_results(const FnCall *c, bool *nonfinite, bool *zero)
{
    const double *r = c->out->v.f64;
    const uint64_t top = UINT64_C(1) << 63;
    uint64_t wild = 0, empty = 0;
    FUNC_ROWS(c, row)
    {
        uint64_t bits;
        memcpy(&bits, &r[row], sizeof bits);
        uint64_t twice = bits << 1;
        wild |= (bits & ~top) + (UINT64_C(1) << 52); /* exponent all ones: runs into the top bit */
        empty |= (twice - 1) & ~twice;
    }
    *nonfinite = wild & top;
    *zero = empty & top;
}

static bool check_infinite(FnCall *c, Err *e)
{
    size_t sx, sy;
    const double *x = func_arg(c, 0, &sx), *y = func_arg(c, 1, &sy), *r = c->out->v.f64;
    FUNC_ROWS(c, row)
    if (isinf(r[row]) && !isinf(x[row * sx]) && !isinf(y[row * sy]))
        return float_overflow(e);
    return true;
}

#define FLOAT_KERNEL(name, T, expr)                                                                \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        bool nonfinite, zero;                                                                      \
        FUNC_BINARY(c, double, double, (T)x expr(T) y);                                            \
        scan_results(c, &nonfinite, &zero);                                                        \
        return !nonfinite || check_infinite(c, e);                                                 \
    }
FLOAT_KERNEL(kernel_add_f64, double, +)
FLOAT_KERNEL(kernel_sub_f64, double, -)
FLOAT_KERNEL(kernel_add_f32, float, +)
FLOAT_KERNEL(kernel_sub_f32, float, -)

static bool check_underflow(FnCall *c, bool divided, Err *e)
{
    size_t sx, sy;
    const double *x = func_arg(c, 0, &sx), *y = func_arg(c, 1, &sy), *r = c->out->v.f64;
    uint8_t bad = 0;
    if (sy == 0 && (divided ? fabs(*y) <= 1 : fabs(*y) >= 1))
        return true; /* by such a constant nothing becomes smaller */
    if (divided && !c->sel && sx && !sy) {
        for (size_t i = 0; i < c->n; i++)
            bad |= (r[i] == 0) & (x[i] != 0);
        bad = bad && fabs(*y) <= DBL_MAX;
    } else if (divided) {
        FUNC_ROWS(c, row)
        bad |= (r[row] == 0) & (x[row * sx] != 0) & (fabs(y[row * sy]) <= DBL_MAX);
    } else {
        FUNC_ROWS(c, row)
        bad |= (r[row] == 0) & (x[row * sx] != 0) & (y[row * sy] != 0);
    }
    return bad ? float_underflow(e) : true;
}

static bool kernel_mul_f64(FnCall *c, Err *e)
{
    bool nonfinite, zero;
    if (c->expr->type == T_FLOAT4)
        FUNC_BINARY(c, double, double, (float)x *(float)y);
    else
        FUNC_BINARY(c, double, double, x *y);
    scan_results(c, &nonfinite, &zero);
    return (!zero || check_underflow(c, false, e)) && (!nonfinite || check_infinite(c, e));
}

static bool kernel_div_f64(FnCall *c, Err *e)
{
    bool nonfinite, zero, by_zero = false;
    if (c->expr->type == T_FLOAT4)
        FUNC_BINARY(c, double, double, (float)x / (float)y);
    else
        FUNC_BINARY(c, double, double, x / y);
    scan_results(c, &nonfinite, &zero);
    if (nonfinite)
        FUNC_BINARY(c, double, double, (by_zero |= y == 0 && !isnan(x), x / y));
    if (by_zero)
        return division_by_zero(e);
    if (nonfinite && c->expr->type == T_FLOAT4)
        FUNC_BINARY(c, double, double, (float)x / (float)y);
    return (!zero || check_underflow(c, true, e)) && (!nonfinite || check_infinite(c, e));
}

static bool kernel_neg_f64(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, double, double, -x);
    return true;
}

static bool kernel_abs_f64(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, double, double, fabs(x));
    return true;
}

static bool kernel_same_f64(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, double, double, x);
    return true;
}

/* ---- numeric ---- */

static bool numeric_rows(FnCall *c, NumOp op, Err *e)
{
    size_t sx, sy;
    const Num *x = func_arg(c, 0, &sx), *y = func_arg(c, 1, &sy);
    FUNC_ROWS(c, row)
    if (!op(&x[row * sx], &y[row * sy], c->ctx->scratch, &c->out->v.num[row], e))
        return false;
    return true;
}

#define NUMERIC_KERNEL(name, op)                                                                   \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        return numeric_rows(c, op, e);                                                             \
    }
NUMERIC_KERNEL(kernel_add_num, num_add)
NUMERIC_KERNEL(kernel_sub_num, num_sub)
NUMERIC_KERNEL(kernel_mul_num, num_mul)
NUMERIC_KERNEL(kernel_div_num, num_div)
NUMERIC_KERNEL(kernel_mod_num, num_mod)

FUNC_SCALAR(numeric_neg)
{
    FUNC_UNUSED;
    out->u.num = num_neg(&args[0].u.num, ctx->scratch);
    return true;
}

FUNC_SCALAR(numeric_abs)
{
    FUNC_UNUSED;
    out->u.num = num_abs(&args[0].u.num, ctx->scratch);
    return true;
}

FUNC_SCALAR(numeric_same)
{
    FUNC_UNUSED;
    *out = args[0];
    return true;
}

/* ---- the table ---- */

/* Every pair of integer types, as pg_operator has them: resolution depends on it. */
#define INT_PAIRS(op, fn, txt)                                                                     \
    FK(op "(int2, int2) int2", fn, OP, txt), FK(op "(int2, int4) int4", fn, OP, txt),              \
        FK(op "(int2, int8) int8", fn, OP, txt), FK(op "(int4, int2) int4", fn, OP, txt),          \
        FK(op "(int4, int4) int4", fn, OP, txt), FK(op "(int4, int8) int8", fn, OP, txt),          \
        FK(op "(int8, int2) int8", fn, OP, txt), FK(op "(int8, int4) int8", fn, OP, txt),          \
        FK(op "(int8, int8) int8", fn, OP, txt)
#define INT_SAME(op, fn, txt)                                                                      \
    FK(op "(int2, int2) int2", fn, OP, txt), FK(op "(int4, int4) int4", fn, OP, txt),              \
        FK(op "(int8, int8) int8", fn, OP, txt)
#define INT_SHIFT(op, fn, txt)                                                                     \
    FK(op "(int2, int4) int2", fn, OP, txt), FK(op "(int4, int4) int4", fn, OP, txt),              \
        FK(op "(int8, int4) int8", fn, OP, txt)
#define INT_UNARY(op, fn, fl, txt)                                                                 \
    FK(op "(int2) int2", fn, fl, txt), FK(op "(int4) int4", fn, fl, txt),                          \
        FK(op "(int8) int8", fn, fl, txt)
#define FLOAT_PAIRS(op, fn4, fn8, txt)                                                             \
    FK(op "(float4, float4) float4", fn4, OP, txt),                                                \
        FK(op "(float4, float8) float8", fn8, OP, txt),                                            \
        FK(op "(float8, float4) float8", fn8, OP, txt),                                            \
        FK(op "(float8, float8) float8", fn8, OP, txt)
#define FLOAT_UNARY(op, fn, fl, txt)                                                               \
    FK(op "(float4) float4", fn, fl, txt), FK(op "(float8) float8", fn, fl, txt)

FuncDef func_arith[] = {
    INT_PAIRS("+", kernel_add_int, "sum"),
    INT_PAIRS("-", kernel_sub_int, "difference"),
    INT_PAIRS("*", kernel_mul_int, "product"),
    INT_PAIRS("/", kernel_div_int, "quotient, towards zero"),
    INT_SAME("%", kernel_mod_int, "remainder"),
    INT_SAME("&", kernel_and_int, "bitwise and"),
    INT_SAME("|", kernel_or_int, "bitwise or"),
    INT_SAME("#", kernel_xor_int, "bitwise exclusive or"),
    INT_SHIFT("<<", kernel_shl_int, "bits to the left"),
    INT_SHIFT(">>", kernel_shr_int, "bits to the right"),
    INT_UNARY("~", kernel_not_int, OP, "bitwise not"),
    INT_UNARY("-", kernel_neg_int, OP, "negation"),
    INT_UNARY("+", kernel_same_i64, OP, "the same"),
    INT_UNARY("@", kernel_abs_int, OP, "absolute value"),
    INT_UNARY("abs", kernel_abs_int, STRICT, "absolute value"),
    FK("mod(int2, int2) int2", kernel_mod_int, STRICT, "remainder"),
    FK("mod(int4, int4) int4", kernel_mod_int, STRICT, "remainder"),
    FK("mod(int8, int8) int8", kernel_mod_int, STRICT, "remainder"),
    FLOAT_PAIRS("+", kernel_add_f32, kernel_add_f64, "sum"),
    FLOAT_PAIRS("-", kernel_sub_f32, kernel_sub_f64, "difference"),
    FLOAT_PAIRS("*", kernel_mul_f64, kernel_mul_f64, "product"),
    FLOAT_PAIRS("/", kernel_div_f64, kernel_div_f64, "quotient"),
    FLOAT_UNARY("-", kernel_neg_f64, OP, "negation"),
    FLOAT_UNARY("+", kernel_same_f64, OP, "the same"),
    FLOAT_UNARY("@", kernel_abs_f64, OP, "absolute value"),
    FLOAT_UNARY("abs", kernel_abs_f64, STRICT, "absolute value"),
    FK("+(numeric, numeric) numeric", kernel_add_num, OP, "sum"),
    FK("-(numeric, numeric) numeric", kernel_sub_num, OP, "difference"),
    FK("*(numeric, numeric) numeric", kernel_mul_num, OP, "product"),
    FK("/(numeric, numeric) numeric", kernel_div_num, OP, "quotient"),
    FK("%(numeric, numeric) numeric", kernel_mod_num, OP, "remainder"),
    FK("mod(numeric, numeric) numeric", kernel_mod_num, STRICT, "remainder"),
    FS("-(numeric) numeric", numeric_neg, OP, "negation"),
    FS("+(numeric) numeric", numeric_same, OP, "the same"),
    FS("@(numeric) numeric", numeric_abs, OP, "absolute value"),
    FS("abs(numeric) numeric", numeric_abs, STRICT, "absolute value"),
    FUNC_END,
};
