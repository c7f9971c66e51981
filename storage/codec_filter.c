/* storage/codec_filter.c - comparisons with a constant on encoded chunks.
 *
 * Every comparison is a range of values, or all but a range.  For decimals the range is one of
 * their integers, for narrow blocks one of their 32-bit numbers: no value is made. */
#include "storage/codec_private.h"

#include <math.h>

typedef struct Range { /* passes: low <= v <= high; none if low > high */
    int64_t low, high;
    bool negate; /* all others pass */
} Range;

/* From the least value that is not below the constant, and the least that is above it. */
static Range range_of(CodecCompare op, __int128 not_below, __int128 above)
{
    __int128 low = INT64_MIN, high = INT64_MAX;
    switch (op) {
    case CODEC_EQ:
    case CODEC_NE:
        low = not_below;
        high = above - 1;
        break;
    case CODEC_LT:
        high = not_below - 1;
        break;
    case CODEC_LE:
        high = above - 1;
        break;
    case CODEC_GT:
        low = above;
        break;
    case CODEC_GE:
        low = not_below;
        break;
    }
    bool none = low > high || low > INT64_MAX || high < INT64_MIN;
    return (Range){none ? 1 : (int64_t)low, none ? 0 : (int64_t)high, op == CODEC_NE};
}

/* The least integer whose quotient by p is not below c (or is above it).  Integers of decimals are
 * below 2^51: the product is off by less than 1, and neighbours have different quotients. */
static int64_t least_numerator(double c, double p, bool above)
{
    const double limit = 4503599627370496.0; /* 2^52 */
    double t = c * p;
    if (isnan(c) || t >= limit)
        return INT64_C(1) << 52;
    if (t <= -limit)
        return -(INT64_C(1) << 52);
    int64_t d = (int64_t)floor(t) - 2;
    while (above ? !((double)d / p > c) : !((double)d / p >= c))
        d++;
    return d;
}

static Range decimal_range(const CodecFilter *f, unsigned k)
{
    double p = codec_pow10[k];
    return range_of(f->op, least_numerator(f->u.f, p, false), least_numerator(f->u.f, p, true));
}

static int64_t floor_div128(__int128 a, int64_t b)
{
    if (b == 1)
        return (int64_t)a;
    __int128 q = a / b;
    return (int64_t)(q - (a % b < 0));
}

/* The same range of x, where value = first + gcd * x and x has 31 bits. */
static void filter_narrow(uint64_t *bits, const IntView *v, size_t n, Range r)
{
    __int128 span = (__int128)v->gcd << 32, low = (__int128)r.low - v->first;
    __int128 high = (__int128)r.high - v->first;
    low = low < -span ? -span : low > span ? span : low;
    high = high < -span ? -span : high > span ? span : high;
    int64_t x_low = -floor_div128(-low, v->gcd), x_high = floor_div128(high, v->gcd);
    x_low = x_low < INT32_MIN ? INT32_MIN : x_low;
    x_high = x_high > INT32_MAX ? INT32_MAX : x_high;
    if (r.low > r.high || x_low > x_high)
        memset(bits, 0, BITMAP_WORDS(n) * sizeof *bits);
    else
        codec_narrow()->between(bits, v->u.x, n, (int32_t)x_low, (uint32_t)(x_high - x_low));
}

static void filter_ints(uint64_t *bits, const IntView *v, size_t n, Range r)
{
    if (v->narrow)
        filter_narrow(bits, v, n, r);
    else
        codec_narrow()->between_i64(bits, v->u.v, n, r.low, r.high);
    for (size_t w = 0; r.negate && w < BITMAP_WORDS(n); w++)
        bits[w] = ~bits[w];
}

/* Doubles: a closed range too; NaN is above everything, equal to itself. */
static void filter_doubles(uint64_t *bits, const double *v, size_t n, const CodecFilter *f)
{
    double c = f->u.f, low = -INFINITY, high = INFINITY;
    bool nan = isnan(c), with_nan = f->op == CODEC_GT || f->op == CODEC_GE;
    CodecCompare op = f->op;
    if (nan) { /* below it: all numbers; equal or above: other NaN */
        with_nan = op == CODEC_EQ || op == CODEC_LE || op == CODEC_GE;
        high = op == CODEC_EQ || op == CODEC_GT || op == CODEC_GE ? -INFINITY : INFINITY;
        low = high < 0 ? INFINITY : low;
    } else if (op == CODEC_LT || op == CODEC_LE) {
        high = op == CODEC_LE ? c : nextafter(c, -INFINITY);
        low = op == CODEC_LT && c == -INFINITY ? INFINITY : low;
    } else if (op == CODEC_GT || op == CODEC_GE) {
        low = op == CODEC_GE ? c : nextafter(c, INFINITY);
        high = op == CODEC_GT && c == INFINITY ? -INFINITY : high;
    } else {
        low = high = c;
    }
    codec_narrow()->between_f64(bits, v, n, low, high, with_nan);
    for (size_t w = 0; op == CODEC_NE && !nan && w < BITMAP_WORDS(n); w++)
        bits[w] = ~bits[w];
}

static void filter_exceptions(uint64_t *bits, const CodecValues *x, const CodecFilter *f)
{
    for (size_t i = 0; i < x->bad; i++) {
        double v = f64_of_bits(load_u64(x->bad_bits + i * 8));
        uint64_t pass;
        filter_doubles(&pass, &v, 1, f);
        if (pass & 1)
            bitmap_set(bits, x->bad_at[i]);
        else
            bitmap_clear(bits, x->bad_at[i]);
    }
}

bool codec_filter(uint64_t *bits, size_t *passed, const CodecChunk *c, const CodecFilter *f,
                  Arena *scratch, Err *e)
{
    CodecValues x;
    if (!codec_read_values(&x, c, c->n, scratch, e))
        return false;
    if (x.domain == AS_INTS)
        filter_ints(bits, &x.view, c->n, range_of(f->op, f->u.i, (__int128)f->u.i + 1));
    else if (x.domain == AS_DECIMALS)
        filter_ints(bits, &x.view, c->n, decimal_range(f, x.k));
    else
        filter_doubles(bits, codec_doubles(&x), c->n, f);
    filter_exceptions(bits, &x, f);
    if (c->n % 64)
        bits[c->n / 64] &= low_bits(c->n % 64);
    *passed = 0;
    for (size_t w = 0; w < BITMAP_WORDS(c->n); w++)
        *passed += (size_t)__builtin_popcountll(bits[w]);
    return true;
}
