#include "exec/func_private.h"

#define NUM_ROUND(name, how, to_scale)                                                             \
    FUNC_SCALAR(name)                                                                              \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        int64_t scale = to_scale;                                                                  \
        scale = scale > NUM_SCALE_MAX            ? NUM_SCALE_MAX                                   \
                : scale < -NUM_WEIGHT_DIGITS_MAX ? -NUM_WEIGHT_DIGITS_MAX                          \
                                                 : scale;                                          \
        *out = (Value){.phys = PH_NUM,                                                             \
                       .u.num = num_round(&args[0].u.num, (int)scale, how, ctx->scratch)};         \
        return true;                                                                               \
    }
NUM_ROUND(numeric_round, NUM_HALF_AWAY, n > 1 ? args[1].u.i64 : 0)
NUM_ROUND(numeric_trunc, NUM_TRUNC, n > 1 ? args[1].u.i64 : 0)
NUM_ROUND(numeric_ceil, NUM_CEIL, 0)
NUM_ROUND(numeric_floor, NUM_FLOOR, 0)

#define NUM_UNARY(name, fn)                                                                        \
    FUNC_SCALAR(name)                                                                              \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        *out = (Value){.phys = PH_NUM};                                                            \
        return fn(&args[0].u.num, ctx->scratch, &out->u.num, e);                                   \
    }
NUM_UNARY(numeric_sqrt, num_sqrt)
NUM_UNARY(numeric_exp, num_exp)
NUM_UNARY(numeric_ln, num_ln)

#define NUM_BINARY(name, fn)                                                                       \
    FUNC_SCALAR(name)                                                                              \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        *out = (Value){.phys = PH_NUM};                                                            \
        return fn(&args[0].u.num, &args[1].u.num, ctx->scratch, &out->u.num, e);                   \
    }
NUM_BINARY(numeric_power, num_power)
NUM_BINARY(numeric_log, num_log)
NUM_BINARY(numeric_div, num_div_trunc)

static bool gcd_or_lcm(EvalCtx *ctx, const Value *args, NumOp op, Value *out, Err *e)
{
    *out = (Value){.phys = PH_NUM};
    return op(&args[0].u.num, &args[1].u.num, ctx->scratch, &out->u.num, e);
}

FUNC_SCALAR(numeric_gcd)
{
    FUNC_UNUSED;
    return gcd_or_lcm(ctx, args, num_gcd, out, e);
}

FUNC_SCALAR(numeric_lcm)
{
    FUNC_UNUSED;
    return gcd_or_lcm(ctx, args, num_lcm, out, e);
}

FUNC_SCALAR(numeric_log10)
{
    FUNC_UNUSED;
    Num ten = num_of_i64(10);
    *out = (Value){.phys = PH_NUM};
    return num_log(&ten, &args[0].u.num, ctx->scratch, &out->u.num, e);
}

FUNC_SCALAR(numeric_sign)
{
    FUNC_UNUSED;
    *out = (Value){.phys = PH_NUM, .u.num = num_of_i64(num_sign(&args[0].u.num))};
    if (args[0].u.num.kind == NUM_NAN)
        out->u.num = args[0].u.num;
    return true;
}

FUNC_SCALAR(numeric_scale)
{
    FUNC_UNUSED;
    *out = value_i64(args[0].u.num.scale);
    out->null = num_is_special(&args[0].u.num);
    return true;
}

FUNC_SCALAR(numeric_min_scale)
{
    FUNC_UNUSED;
    *out = value_i64(num_min_scale(&args[0].u.num));
    out->null = num_is_special(&args[0].u.num);
    return true;
}

FUNC_SCALAR(numeric_trim_scale)
{
    FUNC_UNUSED;
    *out = (Value){.phys = PH_NUM, .u.num = num_trim_scale(&args[0].u.num, ctx->scratch)};
    return true;
}

/* floor(buckets * (v - lo) / (hi - lo)) + 1 */
static bool bucket_number(EvalCtx *ctx, const Value *args, bool up, int64_t *out, Err *e)
{
    const Num *v = &args[0].u.num, *lo = &args[1].u.num, *hi = &args[2].u.num;
    Num above, span, buckets = num_of_i64(args[3].u.i64), r;
    Arena *a = ctx->scratch;
    if (!(up ? num_sub(v, lo, a, &above, e) && num_sub(hi, lo, a, &span, e)
             : num_sub(lo, v, a, &above, e) && num_sub(lo, hi, a, &span, e)) ||
        !num_mul(&above, &buckets, a, &above, e) || !num_div_trunc(&above, &span, a, &r, e))
        return false;
    num_to_i64(&r, out);
    ++*out;
    return true;
}

FUNC_SCALAR(numeric_width_bucket)
{
    FUNC_UNUSED;
    const Num *v = &args[0].u.num, *lo = &args[1].u.num, *hi = &args[2].u.num;
    int64_t buckets = args[3].u.i64, r = 0;
    if (buckets <= 0)
        return err_set(e, ERR_WIDTH_BUCKET, "count must be greater than zero");
    if (v->kind == NUM_NAN || lo->kind == NUM_NAN || hi->kind == NUM_NAN)
        return err_set(e, ERR_WIDTH_BUCKET, "operand, lower bound, and upper bound cannot be NaN");
    if (num_is_special(lo) || num_is_special(hi))
        return err_set(e, ERR_WIDTH_BUCKET, "lower and upper bounds must be finite");
    int order = num_cmp(lo, hi);
    if (order == 0)
        return err_set(e, ERR_WIDTH_BUCKET, "lower bound cannot equal upper bound");
    bool up = order < 0;
    if (up ? num_cmp(v, lo) < 0 : num_cmp(v, lo) > 0)
        r = 0;
    else if (up ? num_cmp(v, hi) >= 0 : num_cmp(v, hi) <= 0)
        r = buckets + 1;
    else if (!bucket_number(ctx, args, up, &r, e))
        return false;
    *out = value_i64(r);
    return true;
}

FuncDef func_numeric[] = {
    FS("round(numeric) numeric", numeric_round, STRICT, "nearest whole number"),
    FS("round(numeric, int4) numeric", numeric_round, STRICT, "to digits after the point"),
    FS("trunc(numeric) numeric", numeric_trunc, STRICT, "towards zero"),
    FS("trunc(numeric, int4) numeric", numeric_trunc, STRICT, "cut to digits after the point"),
    FS("ceil(numeric) numeric", numeric_ceil, STRICT, "next whole number upwards"),
    FS("ceiling(numeric) numeric", numeric_ceil, STRICT, "next whole number upwards"),
    FS("floor(numeric) numeric", numeric_floor, STRICT, "next whole number downwards"),
    FS("sign(numeric) numeric", numeric_sign, STRICT, "-1, 0 or 1"),
    FS("sqrt(numeric) numeric", numeric_sqrt, STRICT, "square root"),
    FS("exp(numeric) numeric", numeric_exp, STRICT, "power of e"),
    FS("ln(numeric) numeric", numeric_ln, STRICT, "natural logarithm"),
    FS("log(numeric) numeric", numeric_log10, STRICT, "logarithm to base 10"),
    FS("log10(numeric) numeric", numeric_log10, STRICT, "logarithm to base 10"),
    FS("log(numeric, numeric) numeric", numeric_log, STRICT, "logarithm to a base"),
    FS("power(numeric, numeric) numeric", numeric_power, STRICT, "power"),
    FS("pow(numeric, numeric) numeric", numeric_power, STRICT, "power"),
    FS("^(numeric, numeric) numeric", numeric_power, OP, "power"),
    FS("div(numeric, numeric) numeric", numeric_div, STRICT, "quotient, towards zero"),
    FS("gcd(numeric, numeric) numeric", numeric_gcd, STRICT, "greatest common divisor"),
    FS("lcm(numeric, numeric) numeric", numeric_lcm, STRICT, "least common multiple"),
    FS("scale(numeric) int4", numeric_scale, STRICT, "digits after the point"),
    FS("min_scale(numeric) int4", numeric_min_scale, STRICT, "digits after the point that count"),
    FS("trim_scale(numeric) numeric", numeric_trim_scale, STRICT, "without trailing zeros"),
    FS("width_bucket(numeric, numeric, numeric, int4) int4", numeric_width_bucket, STRICT,
       "number of the bucket of equal width"),
    FUNC_END,
};
