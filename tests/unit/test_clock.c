#include "base/clock.h"
#include "tests/unit/unit.h"

START_TEST(civil)
{
    ck_assert_int_eq(civil_to_days(1970, 1, 1), 0);
    ck_assert_int_eq(civil_to_days(2000, 3, 1), 11017);
    ck_assert_int_eq(civil_to_days(1600, 2, 29), -135081);
    int64_t step = 1;
    for (int64_t days = -4000000; days < 4000000; days += step) {
        int64_t year;
        int month, day;
        civil_from_days(days, &year, &month, &day);
        ck_assert_int_eq(civil_to_days(year, month, day), days);
        ck_assert(month >= 1 && month <= 12 && day >= 1 && day <= 31);
        step = step % 97 + 1;
    }
    int64_t year;
    int month, day;
    civil_from_days(INT64_MAX, &year, &month, &day);
    civil_from_days(INT64_MIN, &year, &month, &day);
}
END_TEST

START_TEST(floors)
{
    ck_assert_int_eq(floor_div(-1, 10), -1);
    ck_assert_int_eq(floor_div(-10, 10), -1);
    ck_assert_int_eq(floor_div(-11, 10), -2);
    ck_assert_int_eq(floor_div(9, 10), 0);
}
END_TEST

START_TEST(texts)
{
    const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
        {INT64_C(1704164645120000000), "2024-01-02T03:04:05.12Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[40];
        int64_t back;
        size_t len = clock_rfc3339(text, rows[i].ns);
        ck_assert_str_eq(text, rows[i].text);
        ck_assert(clock_parse_rfc3339(slice_of(text, len), &back));
        ck_assert_int_eq(back, rows[i].ns);
    }
}
END_TEST

START_TEST(parsing)
{
    int64_t ns;
    ck_assert(clock_parse_rfc3339(SLICE_LIT("2024-01-02t05:04:05.1234567899+02:00"), &ns));
    ck_assert_int_eq(ns, INT64_C(1704164645123456789));
    ck_assert(clock_parse_rfc3339(SLICE_LIT("2024-02-29T00:00:00z"), &ns));
    const char *bad[] = {"",
                         "2024-01-02",
                         "2024-01-02T03:04:05",
                         "2023-02-29T00:00:00Z",
                         "2024-13-01T00:00:00Z",
                         "2024-00-01T00:00:00Z",
                         "2024-01-01T24:00:00Z",
                         "2024-01-01T00:60:00Z",
                         "2024-01-01T00:00:60Z",
                         "2024-01-01T00:00:00.Z",
                         "2024-01-01T00:00:00+2:00",
                         "2024-01-01T00:00:00+24:00",
                         "2024-01-01 00:00:00Z",
                         "2024-1-01T00:00:00Z",
                         "2024-01-01T00:00:00ZZ",
                         "2262-04-11T23:47:16.854775808Z",
                         "1677-09-21T00:12:43.145224191Z",
                         "9999-01-01T00:00:00Z",
                         "0000-01-01T00:00:00Z",
                         "2024\r01\r01T00:00:00Z"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!clock_parse_rfc3339(slice_cstr(bad[i]), &ns), "%s", bad[i]);
}
END_TEST

START_TEST(real)
{
    int64_t a = clock_real.mono_ns(&clock_real), b = clock_real.mono_ns(&clock_real);
    ck_assert_int_le(a, b);
    ck_assert_int_gt(clock_real.wall_ns(&clock_real), INT64_C(1700000000) * NS_PER_S);
    ck_assert_uint_ne(clock_real.random(&clock_real), clock_real.random(&clock_real));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("clock");
    tcase_add_test(tc, civil);
    tcase_add_test(tc, floors);
    tcase_add_test(tc, texts);
    tcase_add_test(tc, parsing);
    tcase_add_test(tc, real);
    return unit_run(tc);
}
