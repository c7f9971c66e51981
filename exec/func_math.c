#include "base/hash.h"
#include "exec/func_private.h"
#include <math.h>

/* ---- functions of one double ---- */

#define MATH(name, expr)                                                                           \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        (void)e;                                                                                   \
        FUNC_UNARY(c, double, double, expr);                                                       \
        return true;                                                                               \
    }
MATH(math_ceil, ceil(x))
MATH(math_floor, floor(x))
MATH(math_round, rint(x))
MATH(math_trunc, trunc(x))
MATH(math_sign, x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0)
MATH(math_cbrt, cbrt(x))
MATH(math_atan, atan(x))
MATH(math_tanh, tanh(x))
MATH(math_asinh, asinh(x))

static bool out_of_input(Err *e)
{
    return err_set(e, ERR_NUMERIC_RANGE, "input is out of range");
}

static bool overflow(Err *e)
{
    return err_set(e, ERR_NUMERIC_RANGE, "value out of range: overflow");
}

static bool underflow(Err *e)
{
    return err_set(e, ERR_NUMERIC_RANGE, "value out of range: underflow");
}

/* Functions with a domain: `bad` names what is outside. */
#define MATH_DOMAIN(name, bad, expr, report)                                                       \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        bool wrong = false;                                                                        \
        FUNC_UNARY(c, double, double, (wrong |= (bad), (expr)));                                   \
        return wrong ? (report) : true;                                                            \
    }
MATH_DOMAIN(math_sqrt, x < 0, sqrt(x),
            err_set(e, ERR_INVALID_POWER, "cannot take square root of a negative number"))
MATH_DOMAIN(math_sin, isinf(x), sin(x), out_of_input(e))
MATH_DOMAIN(math_cos, isinf(x), cos(x), out_of_input(e))
MATH_DOMAIN(math_tan, isinf(x), tan(x), out_of_input(e))
MATH_DOMAIN(math_cot, isinf(x), 1.0 / tan(x), out_of_input(e))
MATH_DOMAIN(math_asin, x<-1 || x> 1, asin(x), out_of_input(e))
MATH_DOMAIN(math_acos, x<-1 || x> 1, acos(x), out_of_input(e))
MATH_DOMAIN(math_acosh, x < 1, acosh(x), out_of_input(e))
MATH_DOMAIN(math_atanh, x<-1 || x> 1, atanh(x), out_of_input(e))
MATH_DOMAIN(math_degrees, !isinf(x) && isinf(x / (M_PI / 180.0)), x / (M_PI / 180.0), overflow(e))
MATH_DOMAIN(math_radians, x != 0 && x * (M_PI / 180.0) == 0, x *(M_PI / 180.0), underflow(e))
MATH(math_sinh, sinh(x))
MATH(math_cosh, cosh(x))

static bool log_error(double x, Err *e)
{
    return err_set(e, ERR_INVALID_LOGARITHM, "cannot take logarithm of %s",
                   x == 0 ? "zero" : "a negative number");
}

#define MATH_LOG(name, fn)                                                                         \
    FUNC_SCALAR(name)                                                                              \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        double x = args[0].u.f64;                                                                  \
        if (x <= 0)                                                                                \
            return log_error(x, e);                                                                \
        *out = value_f64(fn(x));                                                                   \
        return true;                                                                               \
    }
MATH_LOG(math_ln, log)
MATH_LOG(math_log10, log10)

FUNC_SCALAR(math_exp)
{
    FUNC_UNUSED;
    double x = args[0].u.f64, r = exp(x);
    if (isinf(r) && !isinf(x))
        return overflow(e);
    if (r == 0 && !isinf(x))
        return underflow(e);
    *out = value_f64(r);
    return true;
}

FUNC_SCALAR(math_power)
{
    FUNC_UNUSED;
    double x = args[0].u.f64, y = args[1].u.f64;
    if (x == 0 && y < 0)
        return err_set(e, ERR_INVALID_POWER, "zero raised to a negative power is undefined");
    if (x < 0 && floor(y) != y && !isnan(y))
        return err_set(e, ERR_INVALID_POWER,
                       "a negative number raised to a non-integer power yields a complex result");
    double r = pow(x, y);
    if (isinf(r) && !isinf(x) && !isinf(y))
        return overflow(e);
    if (r == 0 && x != 0 && !isinf(x) && !isinf(y))
        return underflow(e);
    *out = value_f64(r);
    return true;
}

FUNC_SCALAR(math_atan2)
{
    FUNC_UNUSED;
    *out = value_f64(atan2(args[0].u.f64, args[1].u.f64));
    return true;
}

/* Degrees are exact at the multiples of 30 and 45 that people write: PostgreSQL's way, divided by what the
 * library says of 30, 45 and 60 degrees (float.c, sind_q1), so that the other digits are alike, too. */
static double sin_0_to_30(double x)
{
    return sin(x * (M_PI / 180)) / sin(30 * (M_PI / 180)) / 2;
}

static double cos_0_to_60(double x)
{
    return 1 - (1 - cos(x * (M_PI / 180))) / (1 - cos(60 * (M_PI / 180))) / 2;
}

static double sin_quadrant(double x)
{
    return x <= 30 ? sin_0_to_30(x) : cos_0_to_60(90 - x);
}

static double cos_quadrant(double x)
{
    return x <= 60 ? cos_0_to_60(x) : sin_0_to_30(90 - x);
}

/* x brought to 0..90; the signs that sine and cosine have there. */
static double to_quadrant(double x, int *sin_sign, int *cos_sign)
{
    *sin_sign = *cos_sign = 1;
    x = fmod(x, 360);
    if (x < 0) {
        x = -x;
        *sin_sign = -1;
    }
    if (x > 180) {
        x = 360 - x;
        *sin_sign = -*sin_sign;
    }
    if (x > 90) {
        x = 180 - x;
        *cos_sign = -1;
    }
    return x;
}

static double sin_degrees(double x)
{
    int s, c;
    x = to_quadrant(x, &s, &c);
    return s * sin_quadrant(x);
}

static double cos_degrees(double x)
{
    int s, c;
    x = to_quadrant(x, &s, &c);
    return c * cos_quadrant(x);
}

static double tan_degrees(double x)
{
    int s, c;
    x = to_quadrant(x, &s, &c);
    double r = sin_quadrant(x) / cos_quadrant(x) / (sin_quadrant(45) / cos_quadrant(45));
    return r == 0 ? 0 : s * c * r;
}

static double cot_degrees(double x)
{
    int s, c;
    x = to_quadrant(x, &s, &c);
    double r = cos_quadrant(x) / sin_quadrant(x) / (cos_quadrant(45) / sin_quadrant(45));
    return r == 0 ? 0 : s * c * r;
}

static double asin_quadrant(double x)
{
    return x <= 0.5 ? asin(x) / asin(0.5) * 30 : 90 - acos(x) / acos(0.5) * 60;
}

static double asin_degrees(double x)
{
    return x >= 0 ? asin_quadrant(x) : -asin_quadrant(-x);
}

static double acos_degrees(double x)
{
    if (x < 0)
        return 90 + asin_quadrant(-x);
    return x <= 0.5 ? 90 - asin(x) / asin(0.5) * 30 : acos(x) / acos(0.5) * 60;
}

static double atan_degrees(double x)
{
    return atan(x) / atan(1.0) * 45;
}

MATH_DOMAIN(math_sind, isinf(x), sin_degrees(x), out_of_input(e))
MATH_DOMAIN(math_cosd, isinf(x), cos_degrees(x), out_of_input(e))
MATH_DOMAIN(math_tand, isinf(x), tan_degrees(x), out_of_input(e))
MATH_DOMAIN(math_cotd, isinf(x), cot_degrees(x), out_of_input(e))
MATH_DOMAIN(math_asind, x<-1 || x> 1, asin_degrees(x), out_of_input(e))
MATH_DOMAIN(math_acosd, x<-1 || x> 1, acos_degrees(x), out_of_input(e))
MATH_DOMAIN(math_atand, false, atan_degrees(x), out_of_input(e))

FUNC_SCALAR(math_atan2d)
{
    FUNC_UNUSED;
    double r = atan2(args[0].u.f64, args[1].u.f64);
    *out = value_f64(r / atan(1.0) * 45);
    return true;
}

FUNC_SCALAR(math_pi)
{
    FUNC_UNUSED;
    *out = value_f64(M_PI);
    return true;
}

/* ---- integers ---- */

/* Magnitudes, because gcd(INT64_MIN, 0) has no int64. */
static uint64_t gcd_u64(int64_t x, int64_t y)
{
    uint64_t a = x < 0 ? 0 - (uint64_t)x : (uint64_t)x, b = y < 0 ? 0 - (uint64_t)y : (uint64_t)y;
    while (b) {
        uint64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static bool gcd_rows(FnCall *c, Err *e)
{
    TypeId t = c->expr->type;
    bool ok = true;
    uint64_t g;
    FUNC_BINARY(c, int64_t, int64_t,
                (g = gcd_u64(x, y), ok &= g <= INT64_MAX && func_fits(t, (int64_t)g), (int64_t)g));
    return ok || func_int_range(t, e);
}

static int64_t lcm_i64(int64_t x, int64_t y, bool *ok)
{
    uint64_t g = gcd_u64(x, y), r;
    if (x == 0 || y == 0)
        return 0;
    uint64_t a = (x < 0 ? 0 - (uint64_t)x : (uint64_t)x) / g,
             b = y < 0 ? 0 - (uint64_t)y : (uint64_t)y;
    if (__builtin_mul_overflow(a, b, &r) || r > INT64_MAX) {
        *ok = false;
        return 0;
    }
    return (int64_t)r;
}

static bool lcm_rows(FnCall *c, Err *e)
{
    TypeId t = c->expr->type;
    bool ok = true;
    int64_t r;
    FUNC_BINARY(c, int64_t, int64_t, (r = lcm_i64(x, y, &ok), ok &= func_fits(t, r), r));
    return ok || func_int_range(t, e);
}

FUNC_SCALAR(math_factorial)
{
    FUNC_UNUSED;
    int64_t v = args[0].u.i64;
    if (v < 0)
        return err_set(e, ERR_NUMERIC_RANGE, "factorial of a negative number is undefined");
    if (v > 32177)
        return err_set(e, ERR_NUMERIC_RANGE, "value overflows numeric format");
    *out = (Value){.phys = PH_NUM, .u.num = num_factorial((unsigned)v, ctx->scratch)};
    return true;
}

/* ---- random: xoroshiro128+, seeded from the session ---- */

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static uint64_t next_random(EvalCtx *ctx)
{
    uint64_t *s = ctx->random_state;
    if (s[0] == 0 && s[1] == 0) {
        const Clock *clock = ctx->clock ? ctx->clock : &clock_real;
        s[0] = clock->random(clock);
        s[1] = clock->random(clock) | 1;
    }
    uint64_t r = s[0] + s[1], x = s[1] ^ s[0];
    s[0] = rotl(s[0], 24) ^ x ^ (x << 16);
    s[1] = rotl(x, 37);
    return r;
}

static bool random_rows(FnCall *c, Err *e)
{
    (void)e;
    FUNC_ROWS(c, row)
    c->out->v.f64[row] = (double)(next_random(c->ctx) >> 11) * 0x1p-53;
    return true;
}

/* Address of a row, percent, and a seed (without one each statement has its own): the same row with the
 * same seed is always in or always out. */
static bool sample_row(FnCall *c, Err *e)
{
    bool has_seed = c->arg_count > 4;
    FUNC_ROWS(c, row)
    {
        uint64_t seed = (uint64_t)c->ctx->stmt_now_us, h;
        if (vec_is_null(&c->args[3], row))
            return err_set(e, ERR_SAMPLE_ARGUMENT, "TABLESAMPLE parameter cannot be null");
        if (has_seed && vec_is_null(&c->args[4], row))
            return err_set(e, ERR_SAMPLE_SEED, "TABLESAMPLE REPEATABLE parameter cannot be null");
        double percent = vec_get(&c->args[3], row).u.f64;
        if (!(percent >= 0 && percent <= 100))
            return err_set(e, ERR_SAMPLE_ARGUMENT, "sample percentage must be between 0 and 100");
        if (has_seed) {
            double given = vec_get(&c->args[4], row).u.f64;
            memcpy(&seed, &given, sizeof seed);
        }
        h = hash_mix(seed, (uint64_t)vec_get(&c->args[0], row).u.i64);
        h = hash_mix(h, (uint64_t)vec_get(&c->args[1], row).u.i64);
        h = hash_mix(h, (uint64_t)vec_get(&c->args[2], row).u.i64);
        c->out->v.b[row] = (double)(hash_mix(h, 0) >> 11) * 0x1p-53 * 100 < percent;
    }
    return true;
}

FUNC_SCALAR(math_setseed)
{
    FUNC_UNUSED;
    double seed = args[0].u.f64;
    if (!(seed >= -1 && seed <= 1))
        return err_set(e, ERR_INVALID_PARAMETER,
                       "setseed parameter %g is out of allowed range [-1,1]", seed);
    memcpy(&ctx->random_state[0], &seed, sizeof seed);
    ctx->random_state[1] = UINT64_C(0x9e3779b97f4a7c15);
    *out = value_str(SLICE_NONE);
    return true;
}

FUNC_SCALAR(random_uuid)
{
    FUNC_UNUSED;
    const Clock *clock = ctx->clock ? ctx->clock : &clock_real;
    uint64_t bits[2] = {clock->random(clock), clock->random(clock)};
    char bytes[16];
    memcpy(bytes, bits, sizeof bytes);
    bytes[6] = (char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (char)((bytes[8] & 0x3f) | 0x80);
    *out = value_str(arena_slice(ctx->scratch, slice_of(bytes, sizeof bytes)));
    return true;
}

/* ---- width_bucket ---- */

FUNC_SCALAR(width_bucket_f64)
{
    FUNC_UNUSED;
    double v = args[0].u.f64, lo = args[1].u.f64, hi = args[2].u.f64;
    int64_t buckets = args[3].u.i64, r;
    if (buckets <= 0)
        return err_set(e, ERR_WIDTH_BUCKET, "count must be greater than zero");
    if (isnan(v) || isnan(lo) || isnan(hi))
        return err_set(e, ERR_WIDTH_BUCKET, "operand, lower bound, and upper bound cannot be NaN");
    if (isinf(lo) || isinf(hi))
        return err_set(e, ERR_WIDTH_BUCKET, "lower and upper bounds must be finite");
    if (lo == hi)
        return err_set(e, ERR_WIDTH_BUCKET, "lower bound cannot equal upper bound");
    bool up = lo < hi;
    if (up ? v < lo : v > lo)
        r = 0;
    else if (up ? v >= hi : v <= hi)
        r = buckets + 1;
    else
        r = (int64_t)((double)buckets * ((v - lo) / (hi - lo))) + 1;
    *out = value_i64(r > buckets && r != buckets + 1 ? buckets : r);
    return true;
}

/* Sorted thresholds: how many are not above the value. */
FUNC_SCALAR(width_bucket_array)
{
    FUNC_UNUSED;
    const Array *arr = args[1].u.arr;
    const TypeDef *def = type_find(arr->elem);
    int64_t count = 0;
    if (arr->ndim > 1)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "thresholds must be one-dimensional array");
    for (size_t i = 0; i < arr->count; i++) {
        if (arr->items[i].null)
            return err_set(e, ERR_NULL_NOT_ALLOWED, "thresholds array must not contain NULLs");
        count += def->cmp(&arr->items[i], &args[0]) <= 0;
    }
    *out = value_i64(count);
    return true;
}

/* ---- the table ---- */

#define F8(name, fn, txt) FK(name "(float8) float8", fn, STRICT, txt)

FuncDef func_math[] = {
    F8("ceil", math_ceil, "next whole number upwards"),
    F8("ceiling", math_ceil, "next whole number upwards"),
    F8("floor", math_floor, "next whole number downwards"),
    F8("round", math_round, "nearest whole number"),
    F8("trunc", math_trunc, "towards zero"),
    F8("sign", math_sign, "-1, 0 or 1"),
    F8("sqrt", math_sqrt, "square root"),
    F8("cbrt", math_cbrt, "cube root"),
    FK("|/(float8) float8", math_sqrt, OP, "square root"),
    FK("||/(float8) float8", math_cbrt, OP, "cube root"),
    F8("sin", math_sin, "sine"),
    F8("cos", math_cos, "cosine"),
    F8("tan", math_tan, "tangent"),
    F8("cot", math_cot, "cotangent"),
    F8("asin", math_asin, "arc sine"),
    F8("acos", math_acos, "arc cosine"),
    F8("atan", math_atan, "arc tangent"),
    F8("sinh", math_sinh, "hyperbolic sine"),
    F8("cosh", math_cosh, "hyperbolic cosine"),
    F8("tanh", math_tanh, "hyperbolic tangent"),
    F8("asinh", math_asinh, "inverse hyperbolic sine"),
    F8("acosh", math_acosh, "inverse hyperbolic cosine"),
    F8("atanh", math_atanh, "inverse hyperbolic tangent"),
    F8("sind", math_sind, "sine of degrees"),
    F8("cosd", math_cosd, "cosine of degrees"),
    F8("tand", math_tand, "tangent of degrees"),
    F8("cotd", math_cotd, "cotangent of degrees"),
    F8("asind", math_asind, "arcsine in degrees"),
    F8("acosd", math_acosd, "arccosine in degrees"),
    F8("atand", math_atand, "arctangent in degrees"),
    FS("atan2d(float8, float8) float8", math_atan2d, STRICT, "angle of y, x in degrees"),
    F8("degrees", math_degrees, "radians to degrees"),
    F8("radians", math_radians, "degrees to radians"),
    FS("exp(float8) float8", math_exp, STRICT, "power of e"),
    FS("ln(float8) float8", math_ln, STRICT, "natural logarithm"),
    FS("log(float8) float8", math_log10, STRICT, "logarithm to base 10"),
    FS("log10(float8) float8", math_log10, STRICT, "logarithm to base 10"),
    FS("power(float8, float8) float8", math_power, STRICT, "power"),
    FS("pow(float8, float8) float8", math_power, STRICT, "power"),
    FS("^(float8, float8) float8", math_power, OP, "power"),
    FS("atan2(float8, float8) float8", math_atan2, STRICT, "angle of a point"),
    FS("pi() float8", math_pi, 0, "3.14159"),
    FK("gcd(int4, int4) int4", gcd_rows, STRICT, "greatest common divisor"),
    FK("gcd(int8, int8) int8", gcd_rows, STRICT, "greatest common divisor"),
    FK("lcm(int4, int4) int4", lcm_rows, STRICT, "least common multiple"),
    FK("lcm(int8, int8) int8", lcm_rows, STRICT, "least common multiple"),
    FS("factorial(int8) numeric", math_factorial, STRICT, "product of 1 to n"),
    FK("sample_row(int8, int8, int8, float8) bool", sample_row, FN_STABLE | FN_HIDDEN,
       "TABLESAMPLE: is the row with this address among so many percent of the table"),
    FK("sample_row_repeatable(int8, int8, int8, float8, float8) bool", sample_row, FN_HIDDEN,
       "TABLESAMPLE ... REPEATABLE: the same with a seed"),
    FK("random() float8", random_rows, FN_VOLATILE, "from 0 to below 1"),
    FS("setseed(float8) void", math_setseed, STRICT | FN_VOLATILE, "start of random()"),
    FS("gen_random_uuid() uuid", random_uuid, FN_VOLATILE, "a random uuid"),
    FS("width_bucket(float8, float8, float8, int4) int4", width_bucket_f64, STRICT,
       "number of the bucket of equal width"),
    FS("width_bucket(anyelement, anyarray) int4", width_bucket_array, STRICT,
       "number of thresholds not above the value"),
    FUNC_END,
};
