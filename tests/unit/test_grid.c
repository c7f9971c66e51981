/* Borders between buckets of months and of time zones: no bucket lies across one, whatever the clocks of the zone did. */
#include "exec/grid.h"
#include "unit.h"
#include <stdlib.h>

static const char *const zones[] = {
    "UTC",          "Europe/Berlin", "America/Havana",    "America/St_Johns", "Australia/Lord_Howe",
    "Asia/Kolkata", "Africa/Cairo",  "Pacific/Kwajalein", "Asia/Beirut",      "America/Sao_Paulo",
    "Asia/Gaza",    "Europe/Paris",  "Antarctica/Troll",  "Pacific/Apia",     "Africa/Casablanca",
};

typedef struct Width {
    int32_t months;
    int64_t us;
    const char *offset;
} Width;
static const Width widths[] = {
    {1, 0, ""},
    {3, 0, ""},
    {12, 0, ""},
    {0, US_PER_DAY, ""},
    {0, 7 * US_PER_DAY, ""},
    {0, US_PER_H, ""},
    {0, 15 * US_PER_MIN, ""},
    {0, US_PER_DAY, "6 hours"},
    {0, 12 * US_PER_H, ""},
    {0, US_PER_MIN, ""},
    {1, 0, "5 days"},
};

static Bucket a_bucket(int zone, size_t width)
{
    Err e;
    Bucket b;
    const Width *w = &widths[width];
    Value v = {.phys = PH_INTERVAL, .u.iv = {.months = w->months, .us = w->us}};
    ck_assert(bucket_init(&b, T_TIMESTAMPTZ, &v, &e));
    ck_assert_msg(bucket_zone(&b, slice_cstr(zones[zone]), &e), "%s", zones[zone]);
    b.has_offset = w->offset[0];
    ck_assert(!b.has_offset || interval_parse(slice_cstr(w->offset), &b.offset, &e));
    return b;
}

static int64_t a_time(void)
{
    int64_t minute = (int64_t)(((uint64_t)rand() << 16 ^ (uint64_t)rand()) % (80 * 366 * 1440));
    return (minute * 60 + (rand() % 3 ? 0 : rand() % 60)) * US_PER_S;
}

static void look_around(const Bucket *b, int64_t border, const char *zone, size_t width)
{
    for (int i = 0; i < 40; i++) {
        Err e;
        int64_t start, t = border + (rand() % 2880 - 1440) * US_PER_MIN / 20 - i % 2;
        ck_assert(bucket_floor(b, t, &start, &e));
        ck_assert_msg((t < border) == (start < border),
                      "%s, width %zu: %lld of %lld lies across %lld", zone, width, (long long)t,
                      (long long)start, (long long)border);
    }
}

START_TEST(borders)
{
    srand((unsigned)_i);
    for (size_t w = 0; w < ARRAY_LEN(widths); w++) {
        Bucket b = a_bucket(_i, w), back;
        Buf bytes;
        Err e;
        buf_init(&bytes);
        grid_encode(&bytes, &b);
        ck_assert(grid_decode(&back, buf_slice(&bytes), &e));
        for (int i = 0; i < 300; i++) {
            int64_t us = a_time(), down = grid_down(&back, us * 1000), up = grid_up(&b, us * 1000);
            ck_assert(down <= us * 1000 && us * 1000 <= up);
            ck_assert((down == us * 1000) == (up == us * 1000));
            ck_assert_int_eq(grid_down(&b, up), up);
            ck_assert_int_eq(grid_up(&b, down), down);
            ck_assert(up - down <= (widths[w].months * 31 * 3 + 9) * NS_PER_DAY);
            look_around(&b, down / 1000, zones[_i], w);
            look_around(&b, up / 1000, zones[_i], w);
        }
        for (size_t cut = 0; cut < 6; cut++)
            ck_assert(!grid_decode(&back, slice_of((const char *)bytes.ptr, cut), &e));
        buf_free(&bytes);
    }
}
END_TEST

START_TEST(nesting)
{
    static const struct {
        int upper_zone, lower_zone;
        size_t upper, lower;
        bool nests;
    } cases[] = {
        {1, 1, 0, 3, true},   {1, 1, 1, 0, true},  {1, 1, 2, 1, true},  {1, 1, 0, 1, false},
        {1, 1, 0, 4, false},  {1, 1, 4, 3, true},  {1, 2, 0, 3, false}, {1, 1, 0, 5, true},
        {1, 1, 3, 7, false},  {1, 1, 7, 5, true},  {1, 1, 3, 8, true},  {1, 1, 10, 3, true},
        {1, 1, 0, 10, false}, {1, 1, 8, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Bucket u = a_bucket(cases[i].upper_zone, cases[i].upper),
               l = a_bucket(cases[i].lower_zone, cases[i].lower);
        ck_assert_msg(grid_nests(&u, &l) == cases[i].nests, "case %zu", i);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("grid");
    tcase_add_loop_test(tc, borders, 0, (int)ARRAY_LEN(zones));
    tcase_add_test(tc, nesting);
    return unit_run(tc);
}
