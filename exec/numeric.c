#include "exec/numeric.h"
#include "base/clock.h"
#include "base/hash.h"
#include "exec/numeric_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const int64_t pow10_i64[19] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
};

static bool fits_i64(__int128 v)
{
    return v >= INT64_MIN && v <= INT64_MAX;
}

static Num small(int64_t coef, int scale)
{
    return (Num){.u.coef = coef, .scale = (uint16_t)scale, .kind = NUM_SMALL};
}

static Num special(NumKind kind)
{
    return (Num){.kind = (uint16_t)kind};
}

Num num_of_i64(int64_t v)
{
    return small(v, 0);
}

bool num_is_special(const Num *n)
{
    return n->kind >= NUM_NAN;
}

int num_sign(const Num *n)
{
    switch (n->kind) {
    case NUM_SMALL:
        return (n->u.coef > 0) - (n->u.coef < 0);
    case NUM_BIG:
        return n->u.digits[0] == '-' ? -1 : 1;
    case NUM_PINF:
        return 1;
    case NUM_NINF:
        return -1;
    default:
        return 0;
    }
}

Num num_copy(const Num *n, Arena *a)
{
    Num copy = *n;
    if (n->kind == NUM_BIG)
        copy.u.digits = arena_slice(a, slice_of(n->u.digits, n->len)).ptr;
    return copy;
}

/* ---- NumVar ---- */

void mpz_pow10(mpz_t z, unsigned long exponent)
{
    mpz_ui_pow_ui(z, 10, exponent);
}

static void mpz_set_i128(mpz_t z, __int128 v)
{
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    mpz_set_ui(z, (unsigned long)(u >> 64));
    mpz_mul_2exp(z, z, 64);
    mpz_add_ui(z, z, (unsigned long)u);
    if (v < 0)
        mpz_neg(z, z);
}

void numvar_init(NumVar *v, const Num *n)
{
    v->scale = n->scale;
    if (n->kind == NUM_SMALL) {
        mpz_init_set_si(v->z, n->u.coef);
        return;
    }
    char *digits = mem_alloc(n->len + 1);
    size_t len = 0;
    for (size_t i = 0; i < n->len; i++)
        if (n->u.digits[i] != '.')
            digits[len++] = n->u.digits[i];
    digits[len] = '\0';
    mpz_init_set_str(v->z, digits, 10);
    mem_free(digits);
}

void numvar_free(NumVar *v)
{
    mpz_clear(v->z);
}

/* "-123.450" of a coefficient; the caller frees nothing: the text lies in the arena. */
static Num big_num(const mpz_t z, int scale, Arena *a)
{
    size_t room = mpz_sizeinbase(z, 10) + (size_t)scale + 4;
    char *text = arena_alloc(a, room);
    mpz_get_str(text, 10, z);
    size_t sign = text[0] == '-';
    size_t len = strlen(text);
    if (scale > 0) {
        size_t digits = len - sign;
        size_t want = (size_t)scale + 1;
        if (digits < want) {
            memmove(text + sign + (want - digits), text + sign, digits);
            memset(text + sign, '0', want - digits);
            len += want - digits;
        }
        memmove(text + len - scale + 1, text + len - scale, (size_t)scale);
        text[len - (size_t)scale] = '.';
        len++;
    }
    return (Num){.u.digits = text, .len = (uint32_t)len, .scale = (uint16_t)scale, .kind = NUM_BIG};
}

Num numvar_num(const NumVar *v, Arena *a)
{
    if (mpz_fits_slong_p(v->z))
        return small(mpz_get_si(v->z), v->scale);
    return big_num(v->z, v->scale, a);
}

bool numvar_finish(const NumVar *v, Arena *a, Num *out, Err *e)
{
    if (mpz_sgn(v->z) != 0 && mpz_decimal_exponent(v->z, v->scale) >= NUM_WEIGHT_DIGITS_MAX)
        return err_set(e, ERR_NUMERIC_RANGE, "value overflows numeric format");
    *out = numvar_num(v, a);
    return true;
}

void mpz_div_round(mpz_t z, const mpz_t d, NumRound how)
{
    if (how == NUM_TRUNC) {
        mpz_tdiv_q(z, z, d);
    } else if (how == NUM_FLOOR) {
        mpz_fdiv_q(z, z, d);
    } else if (how == NUM_CEIL) {
        mpz_cdiv_q(z, z, d);
    } else {
        mpz_t rest;
        mpz_init(rest);
        mpz_tdiv_qr(z, rest, z, d);
        int sign = mpz_sgn(rest);
        mpz_mul_2exp(rest, rest, 1);
        if (mpz_cmpabs(rest, d) >= 0) {
            if (sign > 0)
                mpz_add_ui(z, z, 1);
            else
                mpz_sub_ui(z, z, 1);
        }
        mpz_clear(rest);
    }
}

void numvar_rescale(NumVar *v, int scale, NumRound how)
{
    if (scale == v->scale)
        return;
    mpz_t p;
    mpz_init(p);
    mpz_pow10(p, (unsigned long)abs(scale - v->scale));
    if (scale > v->scale)
        mpz_mul(v->z, v->z, p);
    else
        mpz_div_round(v->z, p, how);
    v->scale = scale;
    mpz_clear(p);
}

int mpz_decimal_exponent(const mpz_t z, int scale)
{
    size_t digits = mpz_sizeinbase(z, 10); /* exact or one too many */
    mpz_t p;
    mpz_init(p);
    mpz_pow10(p, digits - 1);
    if (digits > 1 && mpz_cmpabs(z, p) < 0)
        digits--;
    mpz_clear(p);
    return (int)digits - 1 - scale;
}

void numvar_weight(const NumVar *v, int *weight, int *first_digit)
{
    *weight = 0;
    *first_digit = 0;
    if (mpz_sgn(v->z) == 0)
        return;
    int exponent = mpz_decimal_exponent(v->z, v->scale);
    *weight = (int)floor_div(exponent, 4);
    int keep = exponent - *weight * 4 + 1;     /* leading digits in the first group */
    int drop = exponent + v->scale + 1 - keep; /* digits below them */
    mpz_t first, p;
    mpz_init(first);
    mpz_init(p);
    mpz_abs(first, v->z);
    mpz_pow10(p, (unsigned long)abs(drop));
    if (drop >= 0)
        mpz_tdiv_q(first, first, p);
    else
        mpz_mul(first, first, p);
    *first_digit = (int)mpz_get_si(first);
    mpz_clear(first);
    mpz_clear(p);
}

/* ---- conversion ---- */

Num num_of_i128(__int128 v, int scale, Arena *a)
{
    if (fits_i64(v))
        return small((int64_t)v, scale);
    NumVar var = {.scale = scale};
    mpz_init(var.z);
    mpz_set_i128(var.z, v);
    Num n = numvar_num(&var, a);
    numvar_free(&var);
    return n;
}

Num num_of_f64(double v, int digits, Arena *a)
{
    if (isnan(v))
        return special(NUM_NAN);
    if (isinf(v))
        return special(v > 0 ? NUM_PINF : NUM_NINF);
    char text[64];
    int len = snprintf(text, sizeof text, "%.*g", digits, v);
    for (int i = 0; i < len; i++) /* the decimal point of a foreign locale */
        if (text[i] == ',')
            text[i] = '.';
    Num n = small(0, 0);
    NumParse ok = num_parse(slice_of(text, (size_t)len), a, &n);
    must(ok == NUM_PARSE_OK);
    return n;
}

double numvar_to_f64(const NumVar *v)
{
    Arena a;
    arena_init(&a, NULL);
    Num n = numvar_num(v, &a);
    double d = num_to_f64(&n);
    arena_free(&a);
    return d;
}

double num_to_f64(const Num *n)
{
    double v = 0;
    switch (n->kind) {
    case NUM_NAN:
        return NAN;
    case NUM_PINF:
        return INFINITY;
    case NUM_NINF:
        return -INFINITY;
    case NUM_SMALL:
        /* Both exact: one rounding, as strtod would do. */
        if (n->scale <= 18 && n->u.coef <= INT64_C(1) << 53 && n->u.coef >= -(INT64_C(1) << 53))
            return (double)n->u.coef / (double)pow10_i64[n->scale];
        break;
    default:
        break;
    }
    Buf text;
    buf_init(&text);
    num_print(n, &text);
    if (!slice_to_f64(buf_slice(&text), &v))
        v = num_sign(n) < 0 ? -INFINITY : INFINITY;
    buf_free(&text);
    return v;
}

bool num_to_i64(const Num *n, int64_t *out)
{
    if (num_is_special(n))
        return false;
    if (n->kind == NUM_SMALL && n->scale == 0) {
        *out = n->u.coef;
        return true;
    }
    Arena a;
    arena_init(&a, NULL);
    Num whole = num_round(n, 0, NUM_HALF_AWAY, &a);
    bool ok = whole.kind == NUM_SMALL;
    if (ok)
        *out = whole.u.coef;
    arena_free(&a);
    return ok;
}

/* ---- order ---- */

static int special_rank(const Num *n)
{
    switch (n->kind) {
    case NUM_NINF:
        return -1;
    case NUM_PINF:
        return 1;
    case NUM_NAN:
        return 2;
    default:
        return 0;
    }
}

static int cmp_i128(__int128 x, __int128 y)
{
    return (x > y) - (x < y);
}

static int cmp_big(const Num *x, const Num *y)
{
    NumVar vx, vy;
    numvar_init(&vx, x);
    numvar_init(&vy, y);
    int scale = vx.scale > vy.scale ? vx.scale : vy.scale;
    numvar_rescale(&vx, scale, NUM_TRUNC);
    numvar_rescale(&vy, scale, NUM_TRUNC);
    int c = mpz_cmp(vx.z, vy.z);
    numvar_free(&vx);
    numvar_free(&vy);
    return (c > 0) - (c < 0);
}

int num_cmp(const Num *x, const Num *y)
{
    int rx = special_rank(x), ry = special_rank(y);
    if (rx || ry)
        return (rx > ry) - (rx < ry);
    int diff = (int)x->scale - (int)y->scale;
    if (x->kind != NUM_SMALL || y->kind != NUM_SMALL || abs(diff) > 18)
        return cmp_big(x, y);
    if (diff >= 0)
        return cmp_i128(x->u.coef, (__int128)y->u.coef * pow10_i64[diff]);
    return cmp_i128((__int128)x->u.coef * pow10_i64[-diff], y->u.coef);
}

static uint64_t hash_small(int64_t coef, int64_t scale)
{
    if (coef == 0)
        return 0;
    while (coef % 10 == 0) {
        coef /= 10;
        scale--;
    }
    return hash_mix((uint64_t)coef, (uint64_t)scale);
}

/* Equal numbers of different scale hash equally: trailing zeros are taken off first. */
uint64_t num_hash(const Num *n)
{
    if (n->kind == NUM_SMALL)
        return hash_small(n->u.coef, n->scale);
    if (n->kind != NUM_BIG)
        return n->kind;
    Slice text = {n->u.digits, n->len};
    int64_t scale = n->scale;
    while (text.len > 1 && (text.ptr[text.len - 1] == '0' || text.ptr[text.len - 1] == '.')) {
        if (text.ptr[text.len - 1] == '0')
            scale--;
        text.len--;
    }
    char digits[20];
    size_t count = 0;
    for (size_t i = 0; i < text.len && count < sizeof digits; i++)
        if (text.ptr[i] != '.' && !(text.ptr[i] == '0' && count == (size_t)(text.ptr[0] == '-')))
            digits[count++] = text.ptr[i];
    int64_t coef;
    if (count < sizeof digits && slice_to_i64(slice_of(digits, count), &coef))
        return hash_small(coef, scale);
    uint64_t h = (uint64_t)scale;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '.' && text.ptr[i] != '0')
            h = hash_mix(h, (uint64_t)(unsigned char)text.ptr[i]);
    return h;
}

/* ---- arithmetic ---- */

static bool finish_big(NumVar *v, Arena *a, Num *out, Err *e)
{
    bool ok = numvar_finish(v, a, out, e);
    numvar_free(v);
    return ok;
}

static Num special_sum(const Num *x, const Num *y)
{
    if (x->kind == NUM_NAN || y->kind == NUM_NAN)
        return special(NUM_NAN);
    if (num_is_special(x) && num_is_special(y) && x->kind != y->kind)
        return special(NUM_NAN);
    return special(num_is_special(x) ? x->kind : y->kind);
}

static bool add_big(const Num *x, const Num *y, bool negate, Arena *a, Num *out, Err *e)
{
    NumVar vx, vy;
    numvar_init(&vx, x);
    numvar_init(&vy, y);
    int scale = vx.scale > vy.scale ? vx.scale : vy.scale;
    numvar_rescale(&vx, scale, NUM_TRUNC);
    numvar_rescale(&vy, scale, NUM_TRUNC);
    if (negate)
        mpz_sub(vx.z, vx.z, vy.z);
    else
        mpz_add(vx.z, vx.z, vy.z);
    numvar_free(&vy);
    return finish_big(&vx, a, out, e);
}

static bool add_or_sub(const Num *x, const Num *y, bool negate, Arena *a, Num *out, Err *e)
{
    int diff = (int)x->scale - (int)y->scale;
    if (x->kind == NUM_SMALL && y->kind == NUM_SMALL && abs(diff) <= 18) {
        __int128 cx = x->u.coef, cy = negate ? -(__int128)y->u.coef : (__int128)y->u.coef;
        if (diff > 0)
            cy *= pow10_i64[diff];
        else
            cx *= pow10_i64[-diff];
        *out = num_of_i128(cx + cy, diff > 0 ? x->scale : y->scale, a);
        return true;
    }
    if (num_is_special(x) || num_is_special(y)) {
        Num ny = negate ? num_neg(y, a) : *y;
        *out = special_sum(x, &ny);
        return true;
    }
    return add_big(x, y, negate, a, out, e);
}

bool num_add(const Num *x, const Num *y, Arena *a, Num *out, Err *e)
{
    return add_or_sub(x, y, false, a, out, e);
}

bool num_sub(const Num *x, const Num *y, Arena *a, Num *out, Err *e)
{
    return add_or_sub(x, y, true, a, out, e);
}

bool num_mul(const Num *x, const Num *y, Arena *a, Num *out, Err *e)
{
    if (num_is_special(x) || num_is_special(y)) {
        int sign = num_sign(x) * num_sign(y);
        *out = special(sign == 0 ? NUM_NAN : sign > 0 ? NUM_PINF : NUM_NINF);
        return true;
    }
    int scale = x->scale + y->scale;
    if (x->kind == NUM_SMALL && y->kind == NUM_SMALL && scale <= NUM_SCALE_MAX) {
        *out = num_of_i128((__int128)x->u.coef * y->u.coef, scale, a);
        return true;
    }
    NumVar vx, vy;
    numvar_init(&vx, x);
    numvar_init(&vy, y);
    mpz_mul(vx.z, vx.z, vy.z);
    vx.scale = scale;
    numvar_free(&vy);
    if (scale > NUM_SCALE_MAX)
        numvar_rescale(&vx, NUM_SCALE_MAX, NUM_HALF_AWAY);
    return finish_big(&vx, a, out, e);
}

/* The special cases that division and remainder share; false: x and y are finite and y is not 0. */
static bool div_special(const Num *x, const Num *y, bool *special_case, Num *out, Err *e)
{
    *special_case = true;
    if (x->kind == NUM_NAN || y->kind == NUM_NAN) {
        *out = special(NUM_NAN);
        return true;
    }
    if (num_sign(y) == 0)
        return err_set(e, ERR_DIVISION_BY_ZERO, "division by zero");
    if (num_is_special(x)) {
        int sign = num_sign(x) * num_sign(y);
        *out = special(num_is_special(y) ? NUM_NAN : sign > 0 ? NUM_PINF : NUM_NINF);
        return true;
    }
    if (num_is_special(y)) {
        *out = small(0, 0);
        return true;
    }
    *special_case = false;
    return true;
}

/* select_div_scale() of PostgreSQL: at least 16 significant digits, never less scale than the inputs. */
static int scale_by_weights(int wx, int dx, int sx, int wy, int dy, int sy)
{
    int scale = NUM_SIG_DIGITS_MIN - (wx - wy - (dx <= dy)) * 4;
    scale = scale < sx ? sx : scale;
    scale = scale < sy ? sy : scale;
    return scale < 0 ? 0 : scale > NUM_DISPLAY_SCALE_MAX ? NUM_DISPLAY_SCALE_MAX : scale;
}

static int div_scale(const NumVar *x, const NumVar *y)
{
    int wx, wy, dx, dy;
    numvar_weight(x, &wx, &dx);
    numvar_weight(y, &wy, &dy);
    return scale_by_weights(wx, dx, x->scale, wy, dy, y->scale);
}

/* Digits of |v|, v != 0. */
static int digits_i64(int64_t v)
{
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    int digits = (64 - __builtin_clzll(u)) * 1233 >> 12; /* log10 of 2, never one too many */
    return digits + (digits < 19 && u >= (uint64_t)pow10_i64[digits]);
}

/* numvar_weight() of a small number. */
static void small_weight(const Num *n, int *weight, int *first_digit)
{
    *weight = *first_digit = 0;
    if (n->u.coef == 0)
        return;
    int digits = digits_i64(n->u.coef), exponent = digits - 1 - n->scale;
    *weight = (int)floor_div(exponent, 4);
    int keep = exponent - *weight * 4 + 1, drop = digits - keep;
    uint64_t u = n->u.coef < 0 ? 0 - (uint64_t)n->u.coef : (uint64_t)n->u.coef;
    *first_digit =
        (int)(drop >= 0 ? u / (uint64_t)pow10_i64[drop] : u * (uint64_t)pow10_i64[-drop]);
}

/* n * 10^shift / d for numbers whose steps fit 64 bits, as averages of integers do: n / d, then the
 * rest with its zeros; false: take 128 bits. */
static bool div_narrow(int64_t n, int64_t d, int shift, int64_t *out)
{
    int64_t q, more;
    if (d <= 0 || n == INT64_MIN || shift > 18)
        return false;
    uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n, div = (uint64_t)d, rest;
    if (__builtin_mul_overflow((int64_t)(u / div), pow10_i64[shift], &q) ||
        __builtin_mul_overflow(u % div, (uint64_t)pow10_i64[shift], &rest) ||
        __builtin_add_overflow(q, (int64_t)(rest / div), &q))
        return false;
    rest %= div;
    if (__builtin_add_overflow(q, (int64_t)(rest >= div - rest), &more))
        return false;
    *out = n < 0 ? -more : more;
    return true;
}

/* Both small and the scaled dividend within 128 bits; false: take the long way. */
static bool div_small(const Num *x, const Num *y, Arena *a, Num *out)
{
    int wx, dx, wy, dy;
    if (x->kind != NUM_SMALL || y->kind != NUM_SMALL)
        return false;
    small_weight(x, &wx, &dx);
    small_weight(y, &wy, &dy);
    int scale = scale_by_weights(wx, dx, x->scale, wy, dy, y->scale),
        shift = scale + y->scale - x->scale;
    __int128 n = x->u.coef, d = y->u.coef;
    if (shift < 0 || shift > 36)
        return false;
    int64_t narrow;
    if (div_narrow(x->u.coef, y->u.coef, shift, &narrow)) {
        *out = small(narrow, scale);
        return true;
    }
    for (; shift > 0; shift -= shift > 18 ? 18 : shift)
        if (__builtin_mul_overflow(n, (__int128)pow10_i64[shift > 18 ? 18 : shift], &n))
            return false;
    __int128 q = n / d, rest = n % d;
    unsigned __int128 twice = (unsigned __int128)(rest < 0 ? -rest : rest) * 2;
    if (twice >= (unsigned __int128)(d < 0 ? -d : d))
        q += (n < 0) == (d < 0) ? 1 : -1;
    *out = num_of_i128(q, scale, a);
    return true;
}

static bool div_vars(NumVar *vx, NumVar *vy, int scale, NumRound how, Arena *a, Num *out, Err *e)
{
    int shift = scale + vy->scale - vx->scale;
    mpz_t p;
    mpz_init(p);
    mpz_pow10(p, (unsigned long)abs(shift));
    if (shift >= 0)
        mpz_mul(vx->z, vx->z, p);
    else
        mpz_mul(vy->z, vy->z, p);
    mpz_clear(p);
    if (mpz_sgn(vy->z) < 0) {
        mpz_neg(vx->z, vx->z);
        mpz_neg(vy->z, vy->z);
    }
    mpz_div_round(vx->z, vy->z, how);
    vx->scale = scale;
    numvar_free(vy);
    return finish_big(vx, a, out, e);
}

bool num_div(const Num *x, const Num *y, Arena *a, Num *out, Err *e)
{
    bool done;
    if (!div_special(x, y, &done, out, e))
        return false;
    if (done || div_small(x, y, a, out))
        return true;
    NumVar vx, vy;
    numvar_init(&vx, x);
    numvar_init(&vy, y);
    return div_vars(&vx, &vy, div_scale(&vx, &vy), NUM_HALF_AWAY, a, out, e);
}

bool num_div_trunc(const Num *x, const Num *y, Arena *a, Num *out, Err *e)
{
    bool done;
    if (!div_special(x, y, &done, out, e))
        return false;
    if (done)
        return true;
    NumVar vx, vy;
    numvar_init(&vx, x);
    numvar_init(&vy, y);
    return div_vars(&vx, &vy, 0, NUM_TRUNC, a, out, e);
}

bool num_mod(const Num *x, const Num *y, Arena *a, Num *out, Err *e)
{
    if (x->kind == NUM_NAN || y->kind == NUM_NAN || (num_is_special(x) && num_sign(y) != 0)) {
        *out = special(NUM_NAN);
        return true;
    }
    if (num_sign(y) == 0)
        return err_set(e, ERR_DIVISION_BY_ZERO, "division by zero");
    if (num_is_special(y)) {
        *out = num_copy(x, a);
        return true;
    }
    NumVar vx, vy;
    numvar_init(&vx, x);
    numvar_init(&vy, y);
    int scale = vx.scale > vy.scale ? vx.scale : vy.scale;
    numvar_rescale(&vx, scale, NUM_TRUNC);
    numvar_rescale(&vy, scale, NUM_TRUNC);
    mpz_tdiv_r(vx.z, vx.z, vy.z);
    numvar_free(&vy);
    return finish_big(&vx, a, out, e);
}

static bool gcd_or_lcm(const Num *x, const Num *y, bool lcm, Arena *a, Num *out, Err *e)
{
    if (num_is_special(x) || num_is_special(y)) {
        *out = special(NUM_NAN);
        return true;
    }
    NumVar vx, vy;
    numvar_init(&vx, x);
    numvar_init(&vy, y);
    int scale = vx.scale > vy.scale ? vx.scale : vy.scale;
    numvar_rescale(&vx, scale, NUM_TRUNC);
    numvar_rescale(&vy, scale, NUM_TRUNC);
    if (lcm)
        mpz_lcm(vx.z, vx.z, vy.z);
    else
        mpz_gcd(vx.z, vx.z, vy.z);
    numvar_free(&vy);
    return finish_big(&vx, a, out, e);
}

bool num_gcd(const Num *x, const Num *y, Arena *a, Num *out, Err *e)
{
    return gcd_or_lcm(x, y, false, a, out, e);
}

bool num_lcm(const Num *x, const Num *y, Arena *a, Num *out, Err *e)
{
    return gcd_or_lcm(x, y, true, a, out, e);
}

Num num_neg(const Num *n, Arena *a)
{
    switch (n->kind) {
    case NUM_SMALL:
        return num_of_i128(-(__int128)n->u.coef, n->scale, a);
    case NUM_PINF:
        return special(NUM_NINF);
    case NUM_NINF:
        return special(NUM_PINF);
    case NUM_NAN:
        return *n;
    default:
        break;
    }
    NumVar v; /* -(2^63) is small again, so the text alone does not decide */
    numvar_init(&v, n);
    mpz_neg(v.z, v.z);
    Num r = numvar_num(&v, a);
    numvar_free(&v);
    return r;
}

Num num_abs(const Num *n, Arena *a)
{
    return num_sign(n) < 0 ? num_neg(n, a) : *n;
}

/* ---- rounding ---- */

static int64_t div_i64_round(int64_t coef, int64_t p, NumRound how)
{
    int64_t q = coef / p, rest = coef % p;
    switch (how) {
    case NUM_TRUNC:
        return q;
    case NUM_FLOOR:
        return q - (rest < 0);
    case NUM_CEIL:
        return q + (rest > 0);
    default:
        if (llabs(rest) >= p - llabs(rest))
            q += coef < 0 ? -1 : 1;
        return q;
    }
}

Num num_round(const Num *n, int scale, NumRound how, Arena *a)
{
    if (num_is_special(n))
        return *n;
    int drop = (int)n->scale - scale;
    if (n->kind == NUM_SMALL && drop == 0)
        return *n;
    if (n->kind == NUM_SMALL && drop > 0 && drop <= 18 && scale >= 0)
        return small(div_i64_round(n->u.coef, pow10_i64[drop], how), scale);
    NumVar v;
    numvar_init(&v, n);
    numvar_rescale(&v, scale, how);
    if (scale < 0)
        numvar_rescale(&v, 0, how);
    Num r = numvar_num(&v, a);
    numvar_free(&v);
    return r;
}

int num_min_scale(const Num *n)
{
    if (num_is_special(n))
        return 0;
    int scale = n->scale;
    if (n->kind == NUM_SMALL) {
        int64_t coef = n->u.coef;
        if (coef == 0)
            return 0;
        for (; scale > 0 && coef % 10 == 0; scale--)
            coef /= 10;
        return scale;
    }
    for (size_t i = n->len; scale > 0 && n->u.digits[i - 1] == '0'; i--)
        scale--;
    return scale;
}

Num num_trim_scale(const Num *n, Arena *a)
{
    return num_round(n, num_min_scale(n), NUM_TRUNC, a);
}

bool num_is_integral(const Num *n)
{
    return !num_is_special(n) && num_min_scale(n) == 0;
}

bool num_fit_typmod(int32_t typmod, Arena *a, Num *n, Err *e)
{
    if (typmod < 4 || n->kind == NUM_NAN)
        return true;
    int precision = (typmod - 4) >> 16 & 0xffff;
    int scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
    if (num_is_special(n)) {
        err_set(e, ERR_NUMERIC_RANGE, "numeric field overflow");
        return err_detail(e, "A field with precision %d, scale %d cannot hold an infinite value.",
                          precision, scale);
    }
    Num r = num_round(n, scale, NUM_HALF_AWAY, a);
    NumVar v;
    numvar_init(&v, &r);
    int whole_max = precision - scale;
    bool fits = mpz_sgn(v.z) == 0 || mpz_decimal_exponent(v.z, v.scale) < whole_max;
    numvar_free(&v);
    if (!fits) {
        err_set(e, ERR_NUMERIC_RANGE, "numeric field overflow");
        return err_detail(
            e,
            "A field with precision %d, scale %d must round to an absolute value less than %s%d.",
            precision, scale, whole_max ? "10^" : "", whole_max ? whole_max : 1);
    }
    *n = r;
    return true;
}
