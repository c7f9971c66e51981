/* exec/datetime_print.c - dates and times as text, in the four styles of DateStyle and in JSON's.
 *
 * PostgreSQL's EncodeDateOnly and EncodeDateTime: years BC are printed positive, with " BC" behind the
 * whole; only ISO and XSD (2024-01-31T10:00:00+00:00) show the offset of a
 * zone, the others its abbreviation. */
#include "base/clock.h"
#include "exec/datetime.h"
#include <stdlib.h>

enum { TIME_TEXT_MAX = 80, ZONE_NAME_MAX = 10 };

static char *put_digits(char *p, uint64_t v, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return p + width;
}

static char *put_year(char *p, int64_t year)
{
    uint64_t shown = (uint64_t)(year > 0 ? year : 1 - year);
    int width = 4;
    for (uint64_t limit = 10000; shown >= limit && width < 19; limit *= 10)
        width++;
    return put_digits(p, shown, width);
}

/* Two of the three numbers, in the order of the style. */
static char *put_pair(char *p, int first, char between, int second)
{
    p = put_digits(p, (uint64_t)first, 2);
    *p++ = between;
    return put_digits(p, (uint64_t)second, 2);
}

static bool shows_iso(const TypeEnv *env)
{
    return env->date_style == DATE_ISO || env->date_style == DATE_XSD;
}

static char *put_civil_date(const TypeEnv *env, char *p, int64_t year, int month, int day)
{
    static const char between[] = {'-', '/', '-', '.', '-'};
    char c = between[env->date_style];
    if (shows_iso(env)) {
        p = put_year(p, year);
        *p++ = c;
        return put_pair(p, month, c, day);
    }
    if (env->date_style == DATE_GERMAN || env->date_order == ORDER_DMY)
        p = put_pair(p, day, c, month);
    else
        p = put_pair(p, month, c, day);
    *p++ = c;
    return put_year(p, year);
}

static char *put_clock(char *p, int64_t us)
{
    p = put_digits(p, (uint64_t)(us / US_PER_H), 2);
    *p++ = ':';
    p = put_digits(p, (uint64_t)(us / US_PER_MIN % 60), 2);
    *p++ = ':';
    p = put_digits(p, (uint64_t)(us / US_PER_S % 60), 2);
    uint64_t fraction = (uint64_t)(us % US_PER_S);
    int digits = 6;
    if (fraction == 0)
        return p;
    for (; fraction % 10 == 0; digits--)
        fraction /= 10;
    *p++ = '.';
    return put_digits(p, fraction, digits);
}

static bool print_infinity(Buf *dst, int64_t v)
{
    if (v == INT64_MAX)
        buf_puts(dst, "infinity");
    else if (v == INT64_MIN)
        buf_puts(dst, "-infinity");
    return time_is_infinite(v);
}

void date_print(const TypeEnv *env, int64_t days, Buf *dst)
{
    char text[TIME_TEXT_MAX];
    if (print_infinity(dst, days))
        return;
    int64_t year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    buf_put(dst, text, (size_t)(put_civil_date(env, text, year, month, day) - text));
    if (year <= 0)
        buf_puts(dst, " BC");
}

void time_print(int64_t us, Buf *dst)
{
    char text[TIME_TEXT_MAX];
    buf_put(dst, text, (size_t)(put_clock(text, us) - text));
}

static char *put_offset(char *p, int32_t offset, bool minutes)
{
    uint32_t o = (uint32_t)abs(offset);
    *p++ = offset < 0 ? '-' : '+';
    p = put_digits(p, o / 3600, 2);
    if (minutes || o % 3600) {
        *p++ = ':';
        p = put_digits(p, o / 60 % 60, 2);
    }
    if (o % 60) {
        *p++ = ':';
        p = put_digits(p, o % 60, 2);
    }
    return p;
}

void timetz_print(int64_t v, Buf *dst)
{
    char text[TIME_TEXT_MAX];
    char *end = put_offset(put_clock(text, timetz_us(v)), timetz_offset(v), false);
    buf_put(dst, text, (size_t)(end - text));
}

typedef struct ShownZone {
    int32_t offset;
    Slice name; /* abbreviation */
} ShownZone;

static char *put_zone(const TypeEnv *env, char *p, const ShownZone *zone)
{
    size_t len = zone->name.len < ZONE_NAME_MAX ? zone->name.len : ZONE_NAME_MAX;
    if (shows_iso(env))
        return put_offset(p, zone->offset, env->date_style == DATE_XSD);
    if (len == 0) {
        if (env->date_style == DATE_POSTGRES)
            *p++ = ' ';
        return put_offset(p, zone->offset, false);
    }
    *p++ = ' ';
    memcpy(p, zone->name.ptr, len);
    return p + len;
}

/* "Tue Feb 03 04:05:06 2026" */
static char *put_postgres(const TypeEnv *env, char *p, int64_t days, int64_t us)
{
    static const char weekdays[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    bool day_first = env->date_order == ORDER_DMY;
    memcpy(p, weekdays + 3 * floor_mod(days + 4, 7), 3);
    p += 3;
    *p++ = ' ';
    for (int i = 0; i < 2; i++) {
        if ((i == 0) == day_first) {
            p = put_digits(p, (uint64_t)day, 2);
        } else {
            memcpy(p, months + 3 * (size_t)(month - 1), 3);
            p += 3;
        }
        *p++ = ' ';
    }
    p = put_clock(p, us);
    *p++ = ' ';
    return put_year(p, year);
}

static void print_local(const TypeEnv *env, Buf *dst, int64_t us, const ShownZone *zone)
{
    char text[TIME_TEXT_MAX], *p = text;
    int64_t days = floor_div(us, US_PER_DAY), rest = floor_mod(us, US_PER_DAY), year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    if (env->date_style == DATE_POSTGRES) {
        p = put_postgres(env, p, days, rest);
    } else {
        p = put_civil_date(env, p, year, month, day);
        *p++ = env->date_style == DATE_XSD ? 'T' : ' ';
        p = put_clock(p, rest);
    }
    if (zone)
        p = put_zone(env, p, zone);
    buf_put(dst, text, (size_t)(p - text));
    if (year <= 0)
        buf_puts(dst, " BC");
}

void timestamp_print(const TypeEnv *env, int64_t us, Buf *dst)
{
    if (!print_infinity(dst, us))
        print_local(env, dst, us, NULL);
}

void timestamptz_print(const TypeEnv *env, int64_t us, Buf *dst)
{
    ShownZone zone;
    if (print_infinity(dst, us))
        return;
    zone.offset = tz_offset_at(env->tz, floor_div(us, US_PER_S), &zone.name);
    int64_t local;
    if (__builtin_add_overflow(us, zone.offset * US_PER_S, &local))
        local = us;
    print_local(env, dst, local, &zone);
}
