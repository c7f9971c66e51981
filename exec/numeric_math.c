/* Square root, exponential, logarithm and power of exact decimals.
 *
 * Computed in binary fixed point (an integer times 2^-bits) with 64 guard bits and rounded once, to
 * the scale that PostgreSQL chooses for the result. */
#include "exec/numeric.h"
#include "exec/numeric_private.h"
#include <math.h>
#include <stdlib.h>

enum { GUARD_BITS = 64, EXACT_POWER_DIGITS_MAX = 400000, EXP_ARG_MAX = 6000 };

static bool overflow(Err *e)
{
    return err_set(e, ERR_NUMERIC_RANGE, "value overflows numeric format");
}

static int clamp_scale(int scale)
{
    return scale < 0 ? 0 : scale > NUM_DISPLAY_SCALE_MAX ? NUM_DISPLAY_SCALE_MAX : scale;
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

static Num nan_num(void)
{
    return (Num){.kind = NUM_NAN};
}

/* Bits that hold so many decimal digits after the point. */
static unsigned long bits_for(int digits)
{
    return (unsigned long)(digits > 0 ? digits : 0) * 3322 / 1000 + GUARD_BITS;
}

static void to_fixed(mpz_t out, const NumVar *v, unsigned long bits)
{
    mpz_t p;
    mpz_init(p);
    mpz_pow10(p, (unsigned long)v->scale);
    mpz_mul_2exp(out, v->z, bits);
    mpz_tdiv_q(out, out, p);
    mpz_clear(p);
}

static void from_fixed(NumVar *out, const mpz_t v, unsigned long bits, int scale)
{
    mpz_t one;
    mpz_init_set_ui(one, 1);
    mpz_mul_2exp(one, one, bits);
    mpz_pow10(out->z, (unsigned long)scale);
    mpz_mul(out->z, out->z, v);
    mpz_div_round(out->z, one, NUM_HALF_AWAY);
    out->scale = scale;
    mpz_clear(one);
}

/* 2 * atanh(num / den), |num / den| <= 1/3, in fixed point. */
static void atanh2(mpz_t out, const mpz_t num, const mpz_t den, unsigned long bits)
{
    mpz_t term, y2, part;
    mpz_inits(term, y2, part, NULL);
    mpz_mul_2exp(term, num, bits);
    mpz_tdiv_q(term, term, den); /* y */
    mpz_mul(y2, term, term);
    mpz_tdiv_q_2exp(y2, y2, bits);
    mpz_set(out, term);
    for (unsigned long k = 3; mpz_sgn(term) != 0; k += 2) {
        mpz_mul(term, term, y2);
        mpz_tdiv_q_2exp(term, term, bits);
        mpz_tdiv_q_ui(part, term, k);
        mpz_add(out, out, part);
    }
    mpz_mul_2exp(out, out, 1);
    mpz_clears(term, y2, part, NULL);
}

static void fixed_ln2(mpz_t out, unsigned long bits)
{
    mpz_t one, three;
    mpz_init_set_ui(one, 1);
    mpz_init_set_ui(three, 3);
    atanh2(out, one, three, bits);
    mpz_clears(one, three, NULL);
}

/* ln(v), v > 0: v = m * 2^e with m in [1/2, 2), ln m = 2 atanh((m - 1) / (m + 1)). */
static void fixed_ln(mpz_t out, const NumVar *v, unsigned long bits)
{
    mpz_t num, den, p, q;
    mpz_inits(p, q, NULL);
    mpz_init_set(num, v->z);
    mpz_init(den);
    mpz_pow10(den, (unsigned long)v->scale);
    long e = (long)mpz_sizeinbase(num, 2) - (long)mpz_sizeinbase(den, 2);
    if (e > 0)
        mpz_mul_2exp(den, den, (unsigned long)e);
    else
        mpz_mul_2exp(num, num, (unsigned long)-e);
    mpz_sub(p, num, den);
    mpz_add(q, num, den);
    atanh2(out, p, q, bits);
    if (e != 0) {
        fixed_ln2(p, bits + 32);
        mpz_mul_si(p, p, e);
        mpz_tdiv_q_2exp(p, p, 32);
        mpz_add(out, out, p);
    }
    mpz_clears(num, den, p, q, NULL);
}

/* e^x for a fixed-point x: x = k ln 2 + r, Taylor for r / 2^s, squared s times. */
static void fixed_exp(mpz_t out, const mpz_t x, unsigned long bits)
{
    enum { HALVINGS = 16 };
    mpz_t ln2, k, r, term;
    unsigned long inner = bits + HALVINGS + 16;
    mpz_inits(ln2, k, r, term, NULL);
    mpz_mul_2exp(r, x, inner - bits);
    fixed_ln2(ln2, inner);
    mpz_fdiv_qr(k, r, r, ln2);
    mpz_tdiv_q_2exp(r, r, HALVINGS);
    mpz_set_ui(out, 1);
    mpz_mul_2exp(out, out, inner);
    mpz_set(term, out);
    for (unsigned long n = 1; mpz_sgn(term) != 0; n++) {
        mpz_mul(term, term, r);
        mpz_tdiv_q_2exp(term, term, inner);
        mpz_tdiv_q_ui(term, term, n);
        mpz_add(out, out, term);
    }
    for (int i = 0; i < HALVINGS; i++) {
        mpz_mul(out, out, out);
        mpz_tdiv_q_2exp(out, out, inner);
    }
    long shift = mpz_get_si(k) - (long)(inner - bits);
    if (shift >= 0)
        mpz_mul_2exp(out, out, (unsigned long)shift);
    else
        mpz_tdiv_q_2exp(out, out, (unsigned long)-shift);
    mpz_clears(ln2, k, r, term, NULL);
}

/* PostgreSQL's estimate_ln_dweight(): decimal exponent of ln(v). */
static int ln_weight(const NumVar *v)
{
    double d = numvar_to_f64(v);
    if (d >= 0.9 && d <= 1.1) {
        NumVar x = {.scale = v->scale};
        mpz_init(x.z);
        mpz_pow10(x.z, (unsigned long)v->scale);
        mpz_sub(x.z, v->z, x.z);
        int weight = mpz_sgn(x.z) == 0 ? 0 : mpz_decimal_exponent(x.z, x.scale);
        numvar_free(&x);
        return weight;
    }
    /* A double may overflow: mantissa and exponent apart. */
    long two = 0;
    double mantissa = mpz_get_d_2exp(&two, v->z);
    double ln = log(mantissa) + (double)two * M_LN2 - v->scale * M_LN10;
    return (int)log10(fabs(ln));
}

static bool sqrt_to_scale(NumVar *v, int scale, Arena *a, Num *out, Err *e)
{
    mpz_t p, rest;
    mpz_inits(p, rest, NULL);
    int shift = 2 * scale - v->scale;
    mpz_pow10(p, (unsigned long)abs(shift));
    if (shift >= 0)
        mpz_mul(v->z, v->z, p);
    else
        mpz_tdiv_q(v->z, v->z, p);
    mpz_sqrtrem(v->z, rest, v->z);
    if (mpz_cmp(rest, v->z) > 0)
        mpz_add_ui(v->z, v->z, 1);
    v->scale = scale;
    bool ok = numvar_finish(v, a, out, e);
    mpz_clears(p, rest, NULL);
    return ok;
}

bool num_sqrt_scale(const Num *x, int scale, Arena *a, Num *out, Err *e)
{
    if (x->kind == NUM_NAN || x->kind == NUM_PINF) {
        *out = *x;
        return true;
    }
    if (num_sign(x) < 0)
        return err_set(e, ERR_INVALID_POWER, "cannot take square root of a negative number");
    NumVar v;
    int weight, digit;
    numvar_init(&v, x);
    numvar_weight(&v, &weight, &digit);
    if (scale < 0)
        scale = clamp_scale(max_int(NUM_SIG_DIGITS_MIN - (weight * 2 + 1), v.scale));
    bool ok = sqrt_to_scale(&v, scale, a, out, e);
    numvar_free(&v);
    return ok;
}

bool num_sqrt(const Num *x, Arena *a, Num *out, Err *e)
{
    return num_sqrt_scale(x, -1, a, out, e);
}

/* e^v rounded to scale, where about `weight` digits stand before the point. */
static bool exp_to_scale(const NumVar *v, int weight, int scale, Arena *a, Num *out, Err *e)
{
    unsigned long bits = bits_for(scale) + (weight > 0 ? bits_for(weight) : 0);
    mpz_t x, r;
    NumVar result;
    mpz_inits(x, r, result.z, NULL);
    to_fixed(x, v, bits);
    fixed_exp(r, x, bits);
    from_fixed(&result, r, bits, scale);
    bool ok = numvar_finish(&result, a, out, e);
    mpz_clears(x, r, result.z, NULL);
    return ok;
}

bool num_exp(const Num *x, Arena *a, Num *out, Err *e)
{
    if (num_is_special(x)) {
        *out = x->kind == NUM_NINF ? num_of_i64(0) : *x;
        return true;
    }
    double d = num_to_f64(x), weight = d * 0.434294481903252;
    weight = weight < -2000 ? -2000 : weight > 2000 ? 2000 : weight;
    int scale = clamp_scale(max_int(NUM_SIG_DIGITS_MIN - (int)weight, x->scale));
    if (d >= EXP_ARG_MAX)
        return overflow(e);
    if (d <= -EXP_ARG_MAX) {
        *out = num_of_i64(0);
        out->scale = (uint16_t)scale;
        return true;
    }
    NumVar v;
    numvar_init(&v, x);
    bool ok = exp_to_scale(&v, (int)(d * 0.4343) + 1, scale, a, out, e);
    numvar_free(&v);
    return ok;
}

static bool log_domain(const Num *x, Err *e)
{
    int sign = num_sign(x);
    if (sign > 0 || x->kind == NUM_NAN)
        return true;
    return err_set(e, ERR_INVALID_LOGARITHM, "cannot take logarithm of %s",
                   sign == 0 ? "zero" : "a negative number");
}

bool num_ln(const Num *x, Arena *a, Num *out, Err *e)
{
    if (!log_domain(x, e))
        return false;
    if (num_is_special(x)) {
        *out = *x;
        return true;
    }
    NumVar v, result;
    numvar_init(&v, x);
    int scale = clamp_scale(max_int(NUM_SIG_DIGITS_MIN - ln_weight(&v), v.scale));
    unsigned long bits = bits_for(scale);
    mpz_t r;
    mpz_inits(r, result.z, NULL);
    fixed_ln(r, &v, bits);
    from_fixed(&result, r, bits, scale);
    bool ok = numvar_finish(&result, a, out, e);
    mpz_clears(r, result.z, NULL);
    numvar_free(&v);
    return ok;
}

bool num_log(const Num *base, const Num *x, Arena *a, Num *out, Err *e)
{
    if (!log_domain(base, e) || !log_domain(x, e))
        return false;
    if (num_is_special(base) || num_is_special(x)) {
        bool both = base->kind == NUM_PINF && x->kind == NUM_PINF;
        *out = base->kind == NUM_NAN || x->kind == NUM_NAN || both ? nan_num()
               : base->kind == NUM_PINF                            ? num_of_i64(0)
                                                                   : *x;
        return true;
    }
    NumVar vb, vx;
    numvar_init(&vb, base);
    numvar_init(&vx, x);
    int wb = ln_weight(&vb), wx = ln_weight(&vx);
    int scale = clamp_scale(max_int(max_int(NUM_SIG_DIGITS_MIN - (wx - wb), vb.scale), vx.scale));
    unsigned long bits = bits_for(scale + abs(wb) + abs(wx) + 8);
    mpz_t lb, lx;
    mpz_inits(lb, lx, NULL);
    fixed_ln(lb, &vb, bits);
    fixed_ln(lx, &vx, bits);
    bool ok = mpz_sgn(lb) != 0 || err_set(e, ERR_DIVISION_BY_ZERO, "division by zero");
    if (ok) {
        mpz_mul_2exp(lx, lx, bits);
        mpz_tdiv_q(lx, lx, lb);
        from_fixed(&vx, lx, bits, scale);
        ok = numvar_finish(&vx, a, out, e);
    }
    mpz_clears(lb, lx, NULL);
    numvar_free(&vb);
    numvar_free(&vx);
    return ok;
}

/* ---- power ---- */

static Num with_scale(int64_t v, int scale, Arena *a)
{
    Num n = num_of_i64(v);
    return num_round(&n, scale, NUM_TRUNC, a);
}

/* NaN and infinities, as IEEE 754 pow() has them. */
static bool power_special(const Num *x, const Num *y, Num *out, Err *e)
{
    Num one = num_of_i64(1);
    if (num_sign(y) == 0 && y->kind != NUM_NAN) {
        *out = one;
        return true;
    }
    if (x->kind != NUM_NAN && num_cmp(x, &one) == 0) {
        *out = one;
        return true;
    }
    if (x->kind == NUM_NAN || y->kind == NUM_NAN) {
        *out = nan_num();
        return true;
    }
    if (num_sign(x) == 0 && num_sign(y) < 0)
        return err_set(e, ERR_INVALID_POWER, "zero raised to a negative power is undefined");
    double r = pow(num_to_f64(x), num_to_f64(y));
    if (isinf(num_to_f64(x)) && num_sign(x) < 0 && !num_is_special(y) && !num_is_integral(y))
        return err_set(e, ERR_INVALID_POWER,
                       "a negative number raised to a non-integer power yields a complex result");
    *out = num_of_i64(0);
    if (isinf(r))
        out->kind = r > 0 ? NUM_PINF : NUM_NINF;
    else if (r == 1)
        *out = one;
    return true;
}

/* x^n = e^(n ln |x|) to the scale; the sign of a negative base is the caller's. */
static bool power_by_exp(const NumVar *x, const NumVar *y, int weight, int scale, Arena *a,
                         Num *out, Err *e)
{
    unsigned long bits = bits_for(scale) + bits_for(abs(weight)) + mpz_sizeinbase(y->z, 2) + 32;
    mpz_t ln, power;
    NumVar abs_x = {.scale = x->scale}, result;
    mpz_inits(ln, power, result.z, abs_x.z, NULL);
    mpz_abs(abs_x.z, x->z);
    fixed_ln(ln, &abs_x, bits);
    mpz_mul(ln, ln, y->z);
    mpz_pow10(power, (unsigned long)y->scale);
    mpz_tdiv_q(ln, ln, power);
    fixed_exp(power, ln, bits);
    from_fixed(&result, power, bits, scale);
    if (mpz_sgn(x->z) < 0 && mpz_odd_p(y->z))
        mpz_neg(result.z, result.z);
    bool ok = numvar_finish(&result, a, out, e);
    mpz_clears(ln, power, result.z, abs_x.z, NULL);
    return ok;
}

static bool power_exact(const NumVar *x, unsigned long n, bool invert, int scale, Arena *a,
                        Num *out, Err *e)
{
    NumVar r = {.scale = x->scale * (int)n};
    mpz_init(r.z);
    mpz_pow_ui(r.z, x->z, n);
    if (invert) {
        mpz_t num;
        mpz_init(num);
        mpz_pow10(num, (unsigned long)(r.scale + scale));
        if (mpz_sgn(r.z) < 0) {
            mpz_neg(num, num);
            mpz_neg(r.z, r.z);
        }
        mpz_div_round(num, r.z, NUM_HALF_AWAY);
        mpz_swap(num, r.z);
        r.scale = scale;
        mpz_clear(num);
    } else {
        numvar_rescale(&r, scale, NUM_HALF_AWAY);
    }
    bool ok = numvar_finish(&r, a, out, e);
    numvar_free(&r);
    return ok;
}

static double log10_abs(const NumVar *v)
{
    long two = 0;
    double mantissa = mpz_get_d_2exp(&two, v->z);
    return log10(fabs(mantissa)) + (double)two * M_LN2 / M_LN10 - v->scale;
}

static bool power_int(const NumVar *x, int64_t n, Arena *a, Num *out, Err *e)
{
    double weight = log10_abs(x) * (double)n;
    int scale = clamp_scale(max_int(NUM_SIG_DIGITS_MIN, x->scale));
    if (weight >= NUM_WEIGHT_DIGITS_MAX)
        return overflow(e);
    if (1 + scale + weight < 0) {
        *out = with_scale(0, scale, a);
        return true;
    }
    uint64_t count = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    if ((double)mpz_sizeinbase(x->z, 10) * (double)count <= EXACT_POWER_DIGITS_MAX &&
        (double)x->scale * (double)count <= EXACT_POWER_DIGITS_MAX)
        return power_exact(x, count, n < 0, scale, a, out, e);
    NumVar whole = {.scale = 0};
    mpz_init_set_si(whole.z, n);
    bool ok = power_by_exp(x, &whole, (int)weight, scale, a, out, e);
    numvar_free(&whole);
    return ok;
}

static bool power_vars(const Num *x, const Num *y, const NumVar *vx, const NumVar *vy, Arena *a,
                       Num *out, Err *e)
{
    int64_t n;
    if (num_is_integral(y) && num_to_i64(y, &n) && n == (int32_t)n) {
        if (mpz_sgn(vx->z) != 0)
            return power_int(vx, n, a, out, e);
        *out = with_scale(n == 0, NUM_SIG_DIGITS_MIN, a);
        return true;
    }
    if (mpz_sgn(vx->z) == 0) {
        *out = with_scale(0, NUM_SIG_DIGITS_MIN, a);
        return true;
    }
    if (num_sign(x) < 0 && !num_is_integral(y))
        return err_set(e, ERR_INVALID_POWER,
                       "a negative number raised to a non-integer power yields a complex result");
    double ln = log10_abs(vx) * M_LN10 * num_to_f64(y);
    if (fabs(ln) > EXP_ARG_MAX * 1.0033) {
        if (ln > 0)
            return overflow(e);
        *out = with_scale(0, NUM_DISPLAY_SCALE_MAX, a);
        return true;
    }
    double weight = ln * 0.434294481903252;
    int scale = max_int(max_int(NUM_SIG_DIGITS_MIN - (int)weight, vx->scale), vy->scale);
    return power_by_exp(vx, vy, (int)weight, clamp_scale(scale), a, out, e);
}

bool num_power(const Num *x, const Num *y, Arena *a, Num *out, Err *e)
{
    if (num_is_special(x) || num_is_special(y))
        return power_special(x, y, out, e);
    if (num_sign(x) == 0 && num_sign(y) < 0)
        return err_set(e, ERR_INVALID_POWER, "zero raised to a negative power is undefined");
    NumVar vx, vy;
    numvar_init(&vx, x);
    numvar_init(&vy, y);
    bool ok = power_vars(x, y, &vx, &vy, a, out, e);
    numvar_free(&vx);
    numvar_free(&vy);
    return ok;
}

Num num_factorial(unsigned n, Arena *a)
{
    NumVar v = {.scale = 0};
    mpz_init(v.z);
    mpz_fac_ui(v.z, n);
    Num r = numvar_num(&v, a);
    numvar_free(&v);
    return r;
}
