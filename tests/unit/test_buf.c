#include "base/mem.h"
#include "tests/unit/unit.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static Buf b;

static void setup(void)
{
    buf_init(&b);
}

static void teardown(void)
{
    buf_free(&b);
}

START_TEST(numbers_come_back)
{
    const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        buf_put_varint(&b, values[i]);
        buf_put_zigzag(&b, (int64_t)values[i]);
        buf_put_u8(&b, (uint8_t)values[i]);
        buf_put_u16(&b, (uint16_t)values[i]);
        buf_put_u32(&b, (uint32_t)values[i]);
        buf_put_u64(&b, values[i]);
        buf_put_str(&b, SLICE_LIT("text"));
    }
    Reader r = reader_of(buf_slice(&b));
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        ck_assert_uint_eq(reader_varint(&r), values[i]);
        ck_assert_int_eq(reader_zigzag(&r), (int64_t)values[i]);
        ck_assert_uint_eq(reader_u8(&r), (uint8_t)values[i]);
        ck_assert_uint_eq(reader_u16(&r), (uint16_t)values[i]);
        ck_assert_uint_eq(reader_u32(&r), (uint32_t)values[i]);
        ck_assert_uint_eq(reader_u64(&r), values[i]);
        ck_assert(slice_eq_cstr(reader_str(&r), "text"));
    }
    ck_assert(!r.bad && reader_left(&r) == 0);
    ck_assert_int_eq((uint8_t)b.ptr[0], 0);
}
END_TEST

START_TEST(reader_stays_bad)
{
    const char *bad[] = {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02",
                         "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", "\x80", "\xFF\xFF\x03xx"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Reader r = reader_of(slice_cstr(bad[i]));
        ck_assert_uint_eq(reader_str(&r).len, 0);
        ck_assert(r.bad);
        ck_assert_uint_eq(reader_u8(&r), 0);
        ck_assert_uint_eq(reader_bytes(&r, 0).len, 0);
        ck_assert(r.bad);
    }
    Reader r = reader_of(SLICE_NONE);
    ck_assert_uint_eq(reader_u64(&r), 0);
    ck_assert(r.bad);
}
END_TEST

START_TEST(limits)
{
    Err e;
    ck_assert(buf_try_reserve(&b, 10, 10, &e));
    buf_put(&b, "12345", 5);
    ck_assert(!buf_try_reserve(&b, 6, 10, &e));
    ck_assert_int_eq(e.code, ERR_PROGRAM_LIMIT);
    ck_assert(!buf_try_reserve(&b, SIZE_MAX, 10, &e));
    ck_assert(buf_try_reserve(&b, 5, 10, &e));
    buf_printf(&b, "%d", 67);
    ck_assert(slice_eq_cstr(buf_slice(&b), "1234567"));
}
END_TEST

START_TEST(json)
{
    buf_put_json(&b, slice_of("a\"\\\n\r\t\b\f\x01\x7F\0/", 12));
    buf_put_json(&b, SLICE_LIT("\xC3\xA4\xC3(\xED\xA0\x80\xF0\x9F\x98\x80\xE2\x82"));
    buf_put_json(&b, SLICE_NONE);
    ck_assert(slice_eq_cstr(
        buf_slice(&b), "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\x7F\\u0000/\""
                       "\"\xC3\xA4\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xF0\x9F\x98\x80"
                       "\xEF\xBF\xBD\xEF\xBF\xBD\"\"\""));
}
END_TEST

static const char *text_of(double v)
{
    buf_clear(&b);
    buf_put_f64(&b, v);
    buf_put_u8(&b, 0);
    return b.ptr;
}

START_TEST(doubles_by_hand)
{
    const struct {
        double v;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {100, "100"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {1e-6, "0.000001"},
        {1e-7, "1e-07"},
        {123456789.125, "123456789.125"},
        {5e-324, "5e-324"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {9007199254740993.0, "9007199254740992"},
        {9.5367431640625e-07, "9.5367431640625e-07"},
        {0x1p-44, "5.684341886080802e-14"},
        {NAN, "NaN"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {2.5e-5, "0.000025"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_str_eq(text_of(rows[i].v), rows[i].text);
    }
}
END_TEST

static size_t count_digits(const char *text)
{
    size_t count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (count == 0 && *text == '0'))
            continue;
        count++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return count - zeros;
}

/* Reads back to the same bits, and no %.*g with fewer digits does. */
START_TEST(doubles_at_random)
{
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 300000; i++) {
        double v, back;
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(&v, &seed, sizeof v);
        if (i % 3 == 1)
            v = (double)(seed % 1000000) / 1000;
        if (i % 3 == 2)
            v = ldexp(1, (int)(seed % 2098) - 1074); /* the uneven gaps */
        if (!isfinite(v))
            continue;
        const char *text = text_of(v);
        ck_assert_msg(slice_to_f64(slice_cstr(text), &back), "%s", text);
        ck_assert_msg(memcmp(&v, &back, sizeof v) == 0, "%a: %s", v, text);
        char shorter[40];
        size_t digits = count_digits(text);
        snprintf(shorter, sizeof shorter, "%.*e", digits > 1 ? (int)digits - 2 : 0, v);
        if (digits > 1)
            ck_assert_msg(strtod(shorter, NULL) != v, "%s: %s", text, shorter);
        snprintf(shorter, sizeof shorter, "%.*e", digits > 0 ? (int)digits - 1 : 0, v);
        if (strtod(shorter, NULL) == v && digits > 0) /* the nearest of its length */
            ck_assert_msg(strtod(shorter, NULL) == strtod(text, NULL), "%s: %s", text, shorter);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("buf");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, numbers_come_back);
    tcase_add_test(tc, reader_stays_bad);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, json);
    tcase_add_test(tc, doubles_by_hand);
    tcase_add_test(tc, doubles_at_random);
    return unit_run(tc);
}
