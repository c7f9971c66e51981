#include "exec/numeric.h"
#include "exec/type_private.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- bool ---- */

static bool is_prefix_nocase(Slice text, const char *word, size_t least)
{
    return text.len >= least && text.len <= strlen(word) &&
           slice_eq_nocase(text, slice_of(word, text.len));
}

TYPE_IN(bool_in)
{
    (void)env, (void)typmod, (void)a;
    Slice t = type_trim(text);
    if (is_prefix_nocase(t, "true", 1) || is_prefix_nocase(t, "yes", 1) ||
        is_prefix_nocase(t, "on", 2) || slice_eq_cstr(t, "1"))
        *out = value_bool(true);
    else if (is_prefix_nocase(t, "false", 1) || is_prefix_nocase(t, "no", 1) ||
             is_prefix_nocase(t, "off", 2) || slice_eq_cstr(t, "0"))
        *out = value_bool(false);
    else
        return type_bad_input(e, "boolean", text);
    return true;
}

TYPE_OUT(bool_out)
{
    (void)env;
    buf_put_u8(dst, v->u.b ? 't' : 'f');
}

TYPE_IN(bool_recv)
{
    (void)env, (void)typmod, (void)a;
    if (text.len != 1)
        return type_bad_binary(e);
    *out = value_bool(text.ptr[0] != 0);
    return true;
}

TYPE_OUT(bool_send)
{
    (void)env;
    buf_put_u8(dst, v->u.b);
}

/* ---- integers ---- */

static bool all_digits(Slice t)
{
    size_t i = t.len > 0 && (t.ptr[0] == '-' || t.ptr[0] == '+');
    if (i == t.len)
        return false;
    for (; i < t.len; i++)
        if (t.ptr[i] < '0' || t.ptr[i] > '9')
            return false;
    return true;
}

static bool int_in(Slice text, int64_t min, int64_t max, const char *type, Value *out, Err *e)
{
    Slice t = type_trim(text);
    int64_t v;
    if (!all_digits(t))
        return type_bad_input(e, type, text);
    if (!slice_to_i64(t, &v) || v < min || v > max)
        return type_bad_range(e, type, text);
    *out = value_i64(v);
    return true;
}

TYPE_IN(int2_in)
{
    (void)env, (void)typmod, (void)a;
    return int_in(text, INT16_MIN, INT16_MAX, "smallint", out, e);
}

TYPE_IN(int4_in)
{
    (void)env, (void)typmod, (void)a;
    return int_in(text, INT32_MIN, INT32_MAX, "integer", out, e);
}

TYPE_IN(int8_in)
{
    (void)env, (void)typmod, (void)a;
    return int_in(text, INT64_MIN, INT64_MAX, "bigint", out, e);
}

TYPE_IN(oid_in)
{
    (void)env, (void)typmod, (void)a;
    if (!int_in(text, INT32_MIN, UINT32_MAX, "oid", out, e))
        return false;
    out->u.i64 = (uint32_t)out->u.i64; /* "-1" is 4294967295, as in PostgreSQL */
    return true;
}

TYPE_OUT(int_out)
{
    (void)env;
    char digits[24];
    char *p = digits + sizeof digits;
    uint64_t u = v->u.i64 < 0 ? 0 - (uint64_t)v->u.i64 : (uint64_t)v->u.i64;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v->u.i64 < 0)
        *--p = '-';
    buf_put(dst, p, (size_t)(digits + sizeof digits - p));
}

TYPE_OUT(oid_out)
{
    (void)env;
    buf_printf(dst, "%u", (unsigned)(uint32_t)v->u.i64);
}

TYPE_IN(int2_recv)
{
    (void)env, (void)typmod, (void)a;
    if (text.len != 2)
        return type_bad_binary(e);
    *out = value_i64((int16_t)get_be16(text.ptr));
    return true;
}

TYPE_IN(int4_recv)
{
    (void)env, (void)typmod, (void)a;
    if (text.len != 4)
        return type_bad_binary(e);
    *out = value_i64((int32_t)get_be32(text.ptr));
    return true;
}

TYPE_IN(int8_recv)
{
    (void)env, (void)typmod, (void)a;
    if (text.len != 8)
        return type_bad_binary(e);
    *out = value_i64((int64_t)get_be64(text.ptr));
    return true;
}

TYPE_IN(oid_recv)
{
    (void)env, (void)typmod, (void)a;
    if (text.len != 4)
        return type_bad_binary(e);
    *out = value_i64(get_be32(text.ptr));
    return true;
}

TYPE_OUT(int2_send)
{
    (void)env;
    put_be16(dst, (uint16_t)v->u.i64);
}

TYPE_OUT(int4_send)
{
    (void)env;
    put_be32(dst, (uint32_t)v->u.i64);
}

TYPE_OUT(int8_send)
{
    (void)env;
    put_be64(dst, (uint64_t)v->u.i64);
}

/* ---- floats ---- */

static bool float_word(Slice t, double *v)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {
        {"nan", NAN},
        {"+nan", NAN},
        {"-nan", NAN},
        {"infinity", INFINITY},
        {"+infinity", INFINITY},
        {"inf", INFINITY},
        {"+inf", INFINITY},
        {"-infinity", -INFINITY},
        {"-inf", -INFINITY},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_eq_nocase(t, slice_cstr(words[i].word))) {
            *v = words[i].value;
            return true;
        }
    }
    return false;
}

/* Digits other than 0 before the exponent: then 0 as a result means underflow. */
static bool has_nonzero_digit(Slice t)
{
    for (size_t i = 0; i < t.len && t.ptr[i] != 'e' && t.ptr[i] != 'E'; i++)
        if (t.ptr[i] >= '1' && t.ptr[i] <= '9')
            return true;
    return false;
}

/* Number syntax without looking at the value: tells "1e999" from "x". */
static bool is_number(Slice t)
{
    size_t i = t.len > 0 && (t.ptr[0] == '-' || t.ptr[0] == '+'), digits = 0;
    bool point = false;
    for (; i < t.len; i++) {
        if (t.ptr[i] >= '0' && t.ptr[i] <= '9')
            digits++;
        else if (t.ptr[i] == '.' && !point)
            point = true;
        else
            break;
    }
    if (digits == 0)
        return false;
    if (i == t.len)
        return true;
    if (t.ptr[i] != 'e' && t.ptr[i] != 'E')
        return false;
    return all_digits(slice_of(t.ptr + i + 1, t.len - i - 1));
}

/* Few digits, as most numbers in bulk have: both parts of the quotient are exact, so it is rounded once. */
static bool short_decimal(Slice t, double *out)
{
    enum { DIGITS_MAX = 15 };
    static const double unit[DIGITS_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = t.len && t.ptr[0] == '-';
    int64_t whole = 0;
    size_t digits = 0, point = 0;
    for (size_t i = negative; i < t.len; i++) {
        unsigned digit = (unsigned)(unsigned char)t.ptr[i] - '0';
        if (digit <= 9 && digits < DIGITS_MAX) {
            whole = whole * 10 + digit;
            digits++;
        } else if (t.ptr[i] == '.' && !point && digits) {
            point = i + 1;
        } else {
            return false;
        }
    }
    if (!digits || point == t.len)
        return false;
    double v = (double)whole / unit[point ? t.len - point : 0];
    *out = negative ? -v : v;
    return true;
}

static bool float_in(Slice text, const char *type, bool single, Value *out, Err *e)
{
    double quick;
    if (!single && short_decimal(text, &quick)) {
        *out = value_f64(quick);
        return true;
    }
    Slice t = type_trim(text);
    double v = 0;
    if (float_word(t, &v)) {
        *out = value_f64(v);
        return true;
    }
    if (!is_number(t))
        return type_bad_input(e, type, text);
    bool ok = slice_to_f64(t, &v);
    if (single)
        v = (float)v;
    if (!ok || isinf(v) || (v == 0 && has_nonzero_digit(t)))
        return err_set(e, ERR_NUMERIC_RANGE, "\"%.*s\" is out of range for type %s", SLICE_ARG(t),
                       type);
    *out = value_f64(v);
    return true;
}

TYPE_IN(float4_in)
{
    (void)env, (void)typmod, (void)a;
    return float_in(text, "real", true, out, e);
}

TYPE_IN(float8_in)
{
    (void)env, (void)typmod, (void)a;
    return float_in(text, "double precision", false, out, e);
}

/* Significant digits without point, and the power of ten of the first one. */
typedef struct Digits {
    char text[20];
    int len, exponent;
} Digits;

/* From any decimal text: "1234.5", "0.00012", "1.5e+300". */
static Digits digits_of(Slice t)
{
    Digits d = {.exponent = -1};
    bool point = false, first = false;
    size_t i = 0;
    for (; i < t.len && t.ptr[i] != 'e' && t.ptr[i] != 'E'; i++) {
        char c = t.ptr[i];
        if (c < '0' || c > '9') {
            point = point || c == '.' || c == ',';
            continue;
        }
        first = first || c != '0';
        if (first && !point)
            d.exponent++;
        else if (!first && point)
            d.exponent--;
        if (first && d.len < (int)sizeof d.text)
            d.text[d.len++] = c;
    }
    int64_t exponent = 0;
    if (i < t.len && slice_to_i64(slice_of(t.ptr + i + 1, t.len - i - 1), &exponent))
        d.exponent += (int)exponent;
    while (d.len > 1 && d.text[d.len - 1] == '0')
        d.len--;
    return d;
}

static void print_digits(Buf *dst, const Digits *d, int fixed_below)
{
    if (d->exponent < -4 || d->exponent >= fixed_below) {
        buf_put_u8(dst, (uint8_t)d->text[0]);
        if (d->len > 1) {
            buf_put_u8(dst, '.');
            buf_put(dst, d->text + 1, (size_t)d->len - 1);
        }
        buf_printf(dst, "e%c%02d", d->exponent < 0 ? '-' : '+', abs(d->exponent));
        return;
    }
    if (d->exponent < 0) {
        buf_put(dst, "0.0000", (size_t)(1 - d->exponent));
        buf_put(dst, d->text, (size_t)d->len);
        return;
    }
    for (int i = 0; i < d->len || i <= d->exponent; i++) {
        if (i == d->exponent + 1)
            buf_put_u8(dst, '.');
        buf_put_u8(dst, i < d->len ? (uint8_t)d->text[i] : '0');
    }
}

static bool print_nonfinite(Buf *dst, double v)
{
    if (isnan(v))
        buf_puts(dst, "NaN");
    else if (isinf(v))
        buf_puts(dst, v > 0 ? "Infinity" : "-Infinity");
    else
        return false;
    return true;
}

static void print_rounded(Buf *dst, double v, int digits)
{
    char text[48];
    int len = snprintf(text, sizeof text, "%.*g", digits < 1 ? 1 : digits, v);
    for (int i = 0; i < len; i++)
        if (text[i] == ',')
            text[i] = '.';
    buf_put(dst, text, (size_t)len);
}

static bool print_small_integer(Buf *dst, double v, double limit)
{
    if (!(fabs(v) < limit) || v != (double)(int64_t)v || (v == 0 && signbit(v)))
        return false;
    Value i = value_i64((int64_t)v);
    int_out(NULL, &i, dst);
    return true;
}

void float8_print(Buf *dst, double v, int extra_float_digits)
{
    if (print_nonfinite(dst, v))
        return;
    if (extra_float_digits <= 0) {
        print_rounded(dst, v, 15 + extra_float_digits);
        return;
    }
    if (print_small_integer(dst, v, 1e15))
        return;
    Buf shortest;
    buf_init(&shortest);
    buf_put_f64(&shortest, v);
    if (signbit(v))
        buf_put_u8(dst, '-');
    Digits d = digits_of(buf_slice(&shortest));
    buf_free(&shortest);
    if (v == 0)
        buf_put_u8(dst, '0');
    else
        print_digits(dst, &d, 15);
}

void float4_print(Buf *dst, float v, int extra_float_digits)
{
    if (print_nonfinite(dst, v))
        return;
    if (extra_float_digits <= 0) {
        print_rounded(dst, v, 6 + extra_float_digits);
        return;
    }
    if (print_small_integer(dst, v, 1e6))
        return;
    if (signbit(v))
        buf_put_u8(dst, '-');
    if (v == 0) {
        buf_put_u8(dst, '0');
        return;
    }
    Digits d = {.len = 0};
    for (int precision = fabsf(v) < FLT_MIN ? 0 : 5; precision <= 8; precision++) {
        char text[48];
        double back = 0;
        int len = snprintf(text, sizeof text, "%.*e", precision, fabs((double)v));
        text[1] = '.';
        d = digits_of(slice_of(text, (size_t)len));
        if (slice_to_f64(slice_of(text, (size_t)len), &back) && (float)back == fabsf(v))
            break;
    }
    print_digits(dst, &d, 6);
}

TYPE_OUT(float4_out)
{
    float4_print(dst, (float)v->u.f64, env ? env->extra_float_digits : 1);
}

TYPE_OUT(float8_out)
{
    float8_print(dst, v->u.f64, env ? env->extra_float_digits : 1);
}

TYPE_IN(float4_recv)
{
    (void)env, (void)typmod, (void)a;
    if (text.len != 4)
        return type_bad_binary(e);
    uint32_t bits = get_be32(text.ptr);
    float f;
    memcpy(&f, &bits, sizeof f);
    *out = value_f64(f);
    return true;
}

TYPE_IN(float8_recv)
{
    (void)env, (void)typmod, (void)a;
    if (text.len != 8)
        return type_bad_binary(e);
    uint64_t bits = get_be64(text.ptr);
    double d;
    memcpy(&d, &bits, sizeof d);
    *out = value_f64(d);
    return true;
}

TYPE_OUT(float4_send)
{
    (void)env;
    float f = (float)v->u.f64;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    put_be32(dst, bits);
}

TYPE_OUT(float8_send)
{
    (void)env;
    uint64_t bits;
    memcpy(&bits, &v->u.f64, sizeof bits);
    put_be64(dst, bits);
}

/* ---- numeric ---- */

TYPE_IN(numeric_in)
{
    (void)env;
    *out = (Value){.phys = PH_NUM};
    switch (num_parse(type_trim(text), a, &out->u.num)) {
    case NUM_PARSE_SYNTAX:
        return type_bad_input(e, "numeric", text);
    case NUM_PARSE_RANGE:
        return err_set(e, ERR_NUMERIC_RANGE, "value overflows numeric format");
    default:
        return num_fit_typmod(typmod, a, &out->u.num, e);
    }
}

TYPE_OUT(numeric_out)
{
    (void)env;
    num_print(&v->u.num, dst);
}

TYPE_IN(numeric_recv)
{
    (void)env;
    *out = (Value){.phys = PH_NUM};
    return num_recv(text, a, &out->u.num, e) && num_fit_typmod(typmod, a, &out->u.num, e);
}

TYPE_OUT(numeric_send)
{
    (void)env;
    num_send(&v->u.num, dst);
}
