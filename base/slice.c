#include "base/slice.h"

#include "base/mem.h"
#include "base/pow10.h"
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

bool slice_eq_nocase(Slice a, Slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool slice_to_u64(Slice s, uint64_t *out)
{
    size_t i = s.len > 0 && s.ptr[0] == '+';
    uint64_t v = 0;
    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool slice_to_i64(Slice s, int64_t *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t v;
    if (negative && s.len > 1 && s.ptr[1] == '+')
        return false;
    if (!slice_to_u64(slice_of(s.ptr + negative, s.len - negative), &v))
        return false;
    if (v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = (int64_t)(negative ? 0 - v : v);
    return true;
}

/* A decimal number taken apart: mantissa * 10^exp10; digits is how many of the mantissa count. */
typedef struct Decimal {
    uint64_t mantissa;
    int64_t exp10;
    int digits;
    bool negative;
} Decimal;

/* Digits beyond the 19th are counted but not kept: then only strtod decides. */
static size_t scan_digits(Slice s, size_t i, Decimal *d)
{
    for (; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9)
            break;
        if (d->digits < 19)
            d->mantissa = d->mantissa * 10 + digit;
        if (d->digits > 0 || digit != 0)
            d->digits++;
    }
    return i;
}

static bool scan_exponent(Slice s, size_t i, int64_t *exp10)
{
    bool negative = i < s.len && s.ptr[i] == '-';
    int64_t v = 0;
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        i++;
    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        if (v < 100000)
            v = v * 10 + digit;
    }
    *exp10 += negative ? -v : v;
    return true;
}

static bool scan_decimal(Slice s, Decimal *d)
{
    size_t i = 0;
    *d = (Decimal){0};
    if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        d->negative = s.ptr[i++] == '-';
    size_t begin = i;
    i = scan_digits(s, i, d);
    size_t digits = i - begin;
    if (i < s.len && s.ptr[i] == '.') {
        begin = ++i;
        i = scan_digits(s, i, d);
        d->exp10 = -(int64_t)(i - begin);
        digits += i - begin;
    }
    if (digits == 0)
        return false;
    if (i == s.len)
        return true;
    return (s.ptr[i] == 'e' || s.ptr[i] == 'E') && scan_exponent(s, i + 1, &d->exp10);
}

/* Both operands exact and one rounding: the result is the nearest double (Clinger). */
static bool convert_exact(const Decimal *d, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->mantissa >> 53 != 0 || d->exp10 < -22 || d->exp10 > 22)
        return false;
    double v = (double)d->mantissa;
    *out = d->exp10 < 0 ? v / powers[-d->exp10] : v * powers[d->exp10];
    return true;
}

/* Eisel and Lemire, "Number parsing at a gigabyte per second" (2021): the 128-bit product with
 * a cut-off power of ten decides all but the nearly exact halves; those, subnormals and
 * overflows are left to strtod. */
static bool convert_product(const Decimal *d, double *out)
{
    if (d->mantissa == 0 || d->exp10 < -300 || d->exp10 > 290)
        return false;
    int q = (int)d->exp10;
    int shift = __builtin_clzll(d->mantissa);
    uint64_t w = d->mantissa << shift;
    Pow10 p = pow10_bits(q);
    if (q < 0 && q >= -27 && ++p.lo == 0)
        p.hi++;
    unsigned __int128 first = (unsigned __int128)w * p.hi;
    uint64_t hi = (uint64_t)(first >> 64), lo = (uint64_t)first;
    if ((hi & 0x1FF) == 0x1FF) {
        uint64_t second = (uint64_t)(((unsigned __int128)w * p.lo) >> 64);
        lo += second;
        hi += lo < second;
    }
    if (lo == UINT64_MAX && (q < -27 || q > 55))
        return false;
    int upper = (int)(hi >> 63);
    uint64_t m = hi >> (upper + 9);
    int exp2 = ((217706 * q) >> 16) + 63 + upper - shift + 1023;
    if (exp2 <= 0 || exp2 >= 2046)
        return false;
    /* An exact half rounds to even; it can only occur for small exponents. */
    if (lo <= 1 && q >= -4 && q <= 23 && (m & 3) == 1 && m << (upper + 9) == hi)
        m &= ~(uint64_t)1;
    m += m & 1;
    m >>= 1;
    if (m >> 53 != 0) {
        m = (uint64_t)1 << 52;
        exp2++;
    }
    uint64_t bits = (m & (((uint64_t)1 << 52) - 1)) | (uint64_t)exp2 << 52;
    memcpy(out, &bits, sizeof bits);
    return true;
}

static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    must(c_locale != (locale_t)0);
}

static double convert_slowly(Slice s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char small[128];
    pthread_once(&once, make_c_locale);
    char *text = s.len < sizeof small ? small : mem_alloc(s.len + 1);
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    double v = strtod_l(text, NULL, c_locale);
    if (text != small)
        mem_free(text);
    return v;
}

bool slice_to_f64(Slice s, double *out)
{
    Decimal d;
    double v;
    if (!scan_decimal(s, &d))
        return false;
    if (d.digits <= 19 && (convert_exact(&d, &v) || convert_product(&d, &v))) {
        *out = d.negative ? -v : v;
        return true;
    }
    v = convert_slowly(s);
    if (isinf(v))
        return false;
    *out = v;
    return true;
}

size_t slice_utf8_step(Slice s)
{
    if (s.len == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)s.ptr;
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    size_t len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    /* The second byte's range keeps out overlong forms, surrogates and > U+10FFFF. */
    unsigned char least = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char most = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (c < 0xC2 || c > 0xF4 || s.len < len || p[1] < least || p[1] > most)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool slice_utf8_valid(Slice s)
{
    size_t i = 0;
    while (i < s.len) {
        uint64_t word;
        if (s.len - i >= sizeof word) {
            memcpy(&word, s.ptr + i, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof word;
                continue;
            }
        }
        size_t step = slice_utf8_step(slice_of(s.ptr + i, s.len - i));
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

size_t slice_utf8_count(Slice s, size_t bytes)
{
    size_t count = 0;
    if (bytes > s.len)
        bytes = s.len;
    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return count;
}
