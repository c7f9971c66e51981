#include "base/clock.h"
#include "base/slice.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(integers)
{
    int64_t i;
    uint64_t u;
    ck_assert(slice_to_i64(SLICE_LIT("-9223372036854775808"), &i) && i == INT64_MIN);
    ck_assert(slice_to_i64(SLICE_LIT("+9223372036854775807"), &i) && i == INT64_MAX);
    ck_assert(slice_to_u64(SLICE_LIT("18446744073709551615"), &u) && u == UINT64_MAX);
    const char *bad[] = {"",
                         "-",
                         "+",
                         "1x",
                         " 1",
                         "1 ",
                         "-+1",
                         "+-1",
                         "9223372036854775808",
                         "-9223372036854775809",
                         "18446744073709551616",
                         "0x1"};
    for (size_t k = 0; k < ARRAY_LEN(bad); k++)
        ck_assert_msg(!slice_to_i64(slice_cstr(bad[k]), &i), "%s", bad[k]);
    ck_assert(!slice_to_u64(SLICE_LIT("18446744073709551616"), &u));
    ck_assert(!slice_to_u64(SLICE_LIT("-1"), &u));
}
END_TEST

static void same_as_strtod(const char *text)
{
    double got, want = strtod(text, NULL);
    bool ok = slice_to_f64(slice_cstr(text), &got);
    ck_assert_msg(ok == !isinf(want), "%s", text);
    if (ok)
        ck_assert_msg(memcmp(&got, &want, sizeof got) == 0, "%s: %a, not %a", text, got, want);
}

START_TEST(floats_by_hand)
{
    const char *good[] = {"0",
                          "-0",
                          "1",
                          "1.",
                          ".5",
                          "-.5e1",
                          "1e22",
                          "1e23",
                          "9007199254740993",
                          "1e-400",
                          "9007199254740992.5",
                          "5e-324",
                          "2.4703282292062327e-324",
                          "2.4703282292062328e-324",
                          "2.2250738585072011e-308",
                          "2.2250738585072014e-308",
                          "1.7976931348623157e308",
                          "1.7976931348623158e308",
                          "1.7976931348623159e308",
                          "1e309",
                          "1e99999999999",
                          "0e99999999999",
                          "1e-99999999999",
                          "0.000000000000000000000000000001",
                          "123456789012345678901234567890",
                          "8.5",
                          "9007199254740991.5",
                          "0.1",
                          "23.5",
                          "6.631236846766476e-316",
                          "3.237883913302901e-319",
                          "7.2057594037927933e16",
                          "1090544144181609348835077142190",
                          "00000000000000000000000000000000000001.5",
                          "1.00000000000000011102230246251565404236316680908203125",
                          "1.00000000000000011102230246251565404236316680908203124",
                          "1.00000000000000011102230246251565404236316680908203126"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        same_as_strtod(good[i]);
    const char *bad[] = {"", ".", "-", "e1", "1e", "1e+", "1 ", " 1", "nan", "inf", "0x1", "1,5"};
    double v;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!slice_to_f64(slice_cstr(bad[i]), &v), "%s", bad[i]);
}
END_TEST

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

START_TEST(floats_at_random)
{
    char text[64];
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = next_random();
        double v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        snprintf(text, sizeof text, "%.*g", 1 + i % 20, v);
        same_as_strtod(text);
        int digits = i % 19 + 1;
        snprintf(text, sizeof text, "%.*s.%se%d", digits, "9223372036854775807",
                 i % 2 ? "5" : "000", (int)(next_random() % 60) - 30);
        same_as_strtod(text);
        snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)(next_random() >> 40),
                 (unsigned long long)(next_random() >> 35), (int)(next_random() % 640) - 340);
        same_as_strtod(text);
    }
}
END_TEST

START_TEST(halves)
{
    /* The middle between two doubles, exactly and a digit to either side. */
    for (int i = 0; i < 2000; i++) {
        char text[1200];
        double v = (double)((UINT64_C(1) << 52) + (next_random() >> 12));
        snprintf(text, sizeof text, "%.1f", v);
        text[strlen(text) - 1] = '5'; /* half a unit for 2^52 <= v < 2^53 */
        same_as_strtod(text);
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "%s", "0000000000000000000000000000001");
        same_as_strtod(text);
    }
}
END_TEST

START_TEST(utf8)
{
    ck_assert(slice_utf8_valid(
        SLICE_LIT("plain ascii of some length, \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80")));
    const char *bad[] = {"\x80",
                         "\xC3",
                         "\xC0\x80",
                         "\xC1\xBF",
                         "\xE0\x80\x80",
                         "\xED\xA0\x80",
                         "\xF0\x80\x80\x80",
                         "\xF4\x90\x80\x80",
                         "\xF5\x80\x80\x80",
                         "\xFF",
                         "abcdefgh\xE2\x82",
                         "\xE2\x82x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!slice_utf8_valid(slice_cstr(bad[i])), "%zu", i);
    ck_assert_uint_eq(slice_utf8_count(SLICE_LIT("a\xC3\xA4\xE2\x82\xAC"), 6), 3);
    ck_assert_uint_eq(slice_utf8_count(SLICE_LIT("a\xC3\xA4\xE2\x82\xAC"), 3), 2);
    ck_assert_uint_eq(slice_utf8_count(SLICE_LIT("abc"), 99), 3);
}
END_TEST

START_TEST(compare)
{
    ck_assert(slice_eq_nocase(SLICE_LIT("AbZ"), SLICE_LIT("aBz")));
    ck_assert(!slice_eq_nocase(SLICE_LIT("a["), SLICE_LIT("a{")));
    ck_assert(!slice_eq_nocase(SLICE_LIT("a"), SLICE_LIT("ab")));
    ck_assert(slice_eq(SLICE_NONE, SLICE_LIT("")));
    ck_assert_int_lt(slice_cmp(SLICE_LIT("a"), SLICE_LIT("ab")), 0);
    ck_assert_int_gt(slice_cmp(SLICE_LIT("b"), SLICE_LIT("ab")), 0);
    ck_assert_int_eq(slice_cmp(SLICE_NONE, SLICE_NONE), 0);
    ck_assert(slice_starts(SLICE_LIT("abc"), SLICE_NONE));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("slice");
    tcase_add_test(tc, integers);
    tcase_add_test(tc, floats_by_hand);
    tcase_add_test(tc, floats_at_random);
    tcase_add_test(tc, halves);
    tcase_add_test(tc, utf8);
    tcase_add_test(tc, compare);
    return unit_run(tc);
}
