#include "base/clock.h"

#include "base/err.h"
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    must(clock_gettime(id, &t) == 0);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t real_wall_ns(const Clock *c)
{
    (void)c;
    return read_clock(CLOCK_REALTIME);
}

static int64_t real_mono_ns(const Clock *c)
{
    (void)c;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t real_random(const Clock *c)
{
    uint64_t v;
    (void)c;
    must(getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v); /* never short up to 256 bytes */
    return v;
}

const Clock clock_real = {real_wall_ns, real_mono_ns, real_random, NULL};

/* The two civil functions: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".  A year
 * starts in March, so that the leap day is its last; an era is 400 years, 146,097 days. */
int64_t civil_to_days(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    /* Days are split before the shift to March 0000, which might overflow. */
    int64_t era = floor_div(days, 146097);
    int64_t day_of_era = floor_mod(days, 146097) + 719468 % 146097;
    era += 719468 / 146097;
    if (day_of_era >= 146097) {
        day_of_era -= 146097;
        era++;
    }
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

size_t clock_rfc3339(char *dst, int64_t ns)
{
    int64_t days = floor_div(ns, NS_PER_DAY);
    int64_t rest = floor_mod(ns, NS_PER_DAY);
    int64_t year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    int seconds = (int)(rest / NS_PER_S);
    int len = snprintf(dst, 40, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, month, day,
                       seconds / 3600, seconds / 60 % 60, seconds % 60);
    int64_t fraction = rest % NS_PER_S;
    if (fraction != 0) {
        len += snprintf(dst + len, 12, ".%09d", (int)fraction);
        while (dst[len - 1] == '0')
            len--;
    }
    dst[len++] = 'Z';
    dst[len] = '\0';
    return (size_t)len;
}

/* Exactly `count` digits, then the byte `after` (0 = none). */
static bool take_number(Slice *s, size_t count, char after, int *out)
{
    int v = 0;
    if (s->len < count + (after != 0))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (s->ptr[i] < '0' || s->ptr[i] > '9')
            return false;
        v = v * 10 + (s->ptr[i] - '0');
    }
    if (after != 0 && s->ptr[count] != after && !(after == 'T' && s->ptr[count] == 't'))
        return false;
    *s = slice_of(s->ptr + count + (after != 0), s->len - count - (after != 0));
    *out = v;
    return true;
}

/* ".123"; digits beyond the nanosecond are dropped. */
static bool take_fraction(Slice *s, int64_t *ns)
{
    int64_t unit = NS_PER_S / 10;
    size_t i = 1;
    *ns = 0;
    if (s->len == 0 || s->ptr[0] != '.')
        return true;
    for (; i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++, unit /= 10)
        *ns += (s->ptr[i] - '0') * unit;
    if (i == 1)
        return false;
    *s = slice_of(s->ptr + i, s->len - i);
    return true;
}

/* "Z" or "+hh:mm"; minutes east of UTC. */
static bool take_zone(Slice *s, int *minutes)
{
    int h, m;
    *minutes = 0;
    if (s->len == 1 && (s->ptr[0] == 'Z' || s->ptr[0] == 'z')) {
        s->len = 0;
        return true;
    }
    if (s->len != 6 || (s->ptr[0] != '+' && s->ptr[0] != '-'))
        return false;
    int sign = s->ptr[0] == '-' ? -1 : 1;
    *s = slice_of(s->ptr + 1, s->len - 1);
    if (!take_number(s, 2, ':', &h) || !take_number(s, 2, 0, &m) || h > 23 || m > 59)
        return false;
    *minutes = sign * (h * 60 + m);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

bool clock_parse_rfc3339(Slice s, int64_t *ns)
{
    int year, month, day, hour, minute, second, zone;
    int64_t fraction;
    if (!take_number(&s, 4, '-', &year) || !take_number(&s, 2, '-', &month) ||
        !take_number(&s, 2, 'T', &day) || !take_number(&s, 2, ':', &hour) ||
        !take_number(&s, 2, ':', &minute) || !take_number(&s, 2, 0, &second))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    if (!take_fraction(&s, &fraction) || !take_zone(&s, &zone) || s.len != 0)
        return false;
    int64_t seconds =
        civil_to_days(year, month, day) * 86400 + hour * 3600 + (minute - zone) * 60 + second;
    /* The first second of the range begins before INT64_MIN: go through its end. */
    if (seconds < 0 && fraction > 0) {
        seconds++;
        fraction -= NS_PER_S;
    }
    int64_t whole;
    return !__builtin_mul_overflow(seconds, NS_PER_S, &whole) &&
           !__builtin_add_overflow(whole, fraction, ns);
}
