#include "exec/datetime.h"
#include "base/clock.h"

int days_in_month(int64_t year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

Civil civil_of_us(int64_t us)
{
    Civil c;
    int64_t days = floor_div(us, US_PER_DAY), t = floor_mod(us, US_PER_DAY);
    civil_from_days(days, &c.year, &c.month, &c.day);
    c.hour = (int)(t / US_PER_H);
    c.minute = (int)(t / US_PER_MIN % 60);
    c.second = (int)(t / US_PER_S % 60);
    c.us = (int)(t % US_PER_S);
    return c;
}

bool civil_to_us(const Civil *c, int64_t *us)
{
    int64_t t = c->hour * US_PER_H + c->minute * US_PER_MIN + c->second * US_PER_S + c->us;
    return c->year > -5000 && c->year < 300000 &&
           !__builtin_mul_overflow(civil_to_days(c->year, c->month, c->day), US_PER_DAY, us) &&
           !__builtin_add_overflow(*us, t, us) && *us >= TIMESTAMP_MIN_US &&
           *us <= TIMESTAMP_MAX_US;
}

/* ---- arithmetic ---- */

static bool out_of_range(Err *e)
{
    return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
}

static bool in_range(int64_t us, int64_t *out, Err *e)
{
    if (us < TIMESTAMP_MIN_US || us > TIMESTAMP_MAX_US)
        return out_of_range(e);
    *out = us;
    return true;
}

/* The day of the month stays, or becomes the last one of a shorter month. */
static bool add_months(int64_t us, int32_t months, int64_t *out, Err *e)
{
    Civil c = civil_of_us(us);
    int64_t m = c.year * 12 + (c.month - 1) + months;
    c.year = floor_div(m, 12);
    c.month = (int)(m - c.year * 12) + 1;
    int last = days_in_month(c.year, c.month);
    if (c.day > last)
        c.day = last;
    return civil_to_us(&c, out) || out_of_range(e);
}

static bool add_calendar(int64_t us, Interval iv, int64_t *out, Err *e)
{
    if (iv.months != 0 && !add_months(us, iv.months, &us, e))
        return false;
    int64_t days;
    if (__builtin_mul_overflow((int64_t)iv.days, US_PER_DAY, &days) ||
        __builtin_add_overflow(us, days, &us))
        return out_of_range(e);
    *out = us;
    return true;
}

bool timestamp_add(int64_t us, Interval iv, int64_t *out, Err *e)
{
    *out = us;
    if (time_is_infinite(us))
        return true;
    if (!add_calendar(us, iv, &us, e) || __builtin_add_overflow(us, iv.us, &us))
        return out_of_range(e);
    return in_range(us, out, e);
}

bool timestamptz_add(const TimeZone *tz, int64_t us, Interval iv, int64_t *out, Err *e)
{
    *out = us;
    if (time_is_infinite(us))
        return true;
    if (iv.months != 0 || iv.days != 0) {
        if (!add_calendar(tz_local_us(tz, us), iv, &us, e))
            return false;
        us = tz_utc_us(tz, us);
    }
    if (__builtin_add_overflow(us, iv.us, &us))
        return out_of_range(e);
    return in_range(us, out, e);
}

bool timestamp_sub_checked(int64_t x, int64_t y, Interval *out, Err *e)
{
    int64_t diff;
    if (time_is_infinite(x) || time_is_infinite(y))
        return err_set(e, ERR_DATETIME_RANGE, "cannot subtract infinite timestamps");
    if (__builtin_sub_overflow(x, y, &diff))
        return err_set(e, ERR_DATETIME_RANGE, "interval out of range");
    return interval_justify_hours((Interval){.us = diff}, out, e);
}

bool timestamp_age(int64_t x, int64_t y, Interval *out, Err *e)
{
    if (time_is_infinite(x) || time_is_infinite(y))
        return out_of_range(e);
    bool negative = x < y;
    Civil late = civil_of_us(negative ? y : x), early = civil_of_us(negative ? x : y);
    int64_t us = (late.hour - early.hour) * US_PER_H + (late.minute - early.minute) * US_PER_MIN +
                 (late.second - early.second) * US_PER_S + (late.us - early.us);
    int64_t days = late.day - early.day, months = late.month - early.month;
    int64_t years = late.year - early.year;
    if (us < 0) {
        us += US_PER_DAY;
        days--;
    }
    while (days < 0) { /* borrows the length of the earlier month */
        days += days_in_month(early.year, early.month);
        months--;
    }
    while (months < 0) {
        months += 12;
        years--;
    }
    months += years * 12;
    int sign = negative ? -1 : 1;
    *out = (Interval){
        .us = sign * us, .days = (int32_t)(sign * days), .months = (int32_t)(sign * months)};
    return true;
}

/* ---- fields ---- */

bool time_field_find(Slice name, TimeField *out)
{
    static const struct {
        const char *name;
        TimeField field;
    } rows[] = {
        {"microseconds", FIELD_US},
        {"microsecond", FIELD_US},
        {"us", FIELD_US},
        {"usec", FIELD_US},
        {"usecs", FIELD_US},
        {"useconds", FIELD_US},
        {"milliseconds", FIELD_MS},
        {"millisecond", FIELD_MS},
        {"ms", FIELD_MS},
        {"msec", FIELD_MS},
        {"msecs", FIELD_MS},
        {"second", FIELD_SECOND},
        {"seconds", FIELD_SECOND},
        {"sec", FIELD_SECOND},
        {"secs", FIELD_SECOND},
        {"s", FIELD_SECOND},
        {"minute", FIELD_MINUTE},
        {"minutes", FIELD_MINUTE},
        {"min", FIELD_MINUTE},
        {"mins", FIELD_MINUTE},
        {"m", FIELD_MINUTE},
        {"hour", FIELD_HOUR},
        {"hours", FIELD_HOUR},
        {"hr", FIELD_HOUR},
        {"hrs", FIELD_HOUR},
        {"h", FIELD_HOUR},
        {"day", FIELD_DAY},
        {"days", FIELD_DAY},
        {"d", FIELD_DAY},
        {"week", FIELD_WEEK},
        {"weeks", FIELD_WEEK},
        {"w", FIELD_WEEK},
        {"month", FIELD_MONTH},
        {"months", FIELD_MONTH},
        {"mon", FIELD_MONTH},
        {"mons", FIELD_MONTH},
        {"quarter", FIELD_QUARTER},
        {"qtr", FIELD_QUARTER},
        {"year", FIELD_YEAR},
        {"years", FIELD_YEAR},
        {"y", FIELD_YEAR},
        {"yr", FIELD_YEAR},
        {"yrs", FIELD_YEAR},
        {"decade", FIELD_DECADE},
        {"decades", FIELD_DECADE},
        {"dec", FIELD_DECADE},
        {"decs", FIELD_DECADE},
        {"century", FIELD_CENTURY},
        {"centuries", FIELD_CENTURY},
        {"cent", FIELD_CENTURY},
        {"c", FIELD_CENTURY},
        {"millennium", FIELD_MILLENNIUM},
        {"millennia", FIELD_MILLENNIUM},
        {"mil", FIELD_MILLENNIUM},
        {"mils", FIELD_MILLENNIUM},
        {"dow", FIELD_DOW},
        {"isodow", FIELD_ISODOW},
        {"doy", FIELD_DOY},
        {"isoyear", FIELD_ISOYEAR},
        {"julian", FIELD_JULIAN},
        {"jd", FIELD_JULIAN},
        {"epoch", FIELD_EPOCH},
        {"timezone", FIELD_TIMEZONE},
        {"timezone_hour", FIELD_TIMEZONE_HOUR},
        {"timezone_h", FIELD_TIMEZONE_HOUR},
        {"timezone_minute", FIELD_TIMEZONE_MINUTE},
        {"timezone_m", FIELD_TIMEZONE_MINUTE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (slice_eq_nocase(name, slice_cstr(rows[i].name))) {
            *out = rows[i].field;
            return true;
        }
    }
    return false;
}

static int64_t weekday(int64_t days) /* 0 = Sunday */
{
    return (((days + 4) % 7) + 7) % 7;
}

int64_t iso_week(int64_t days, int64_t *iso_year)
{
    int64_t thursday = days - (weekday(days) + 6) % 7 + 3;
    int month, day;
    civil_from_days(thursday, iso_year, &month, &day);
    return (thursday - civil_to_days(*iso_year, 1, 1)) / 7 + 1;
}

static int64_t julian_day(int64_t year, int64_t month, int64_t day)
{
    int64_t m = month > 2 ? month + 1 : month + 13, y = month > 2 ? year + 4800 : year + 4799;
    int64_t century = y / 100;
    return y * 365 - 32167 + y / 4 - century + century / 4 + 7834 * m / 256 + day;
}

/* The Monday of the week that holds January 4. */
static int64_t iso_year_begin(int64_t year)
{
    int64_t fourth = julian_day(year, 1, 4);
    return fourth - floor_mod(fourth, 7);
}

IsoDay iso_day_of(int64_t year, int64_t month, int64_t day)
{
    IsoDay d = {.julian = julian_day(year, month, day), .year = year};
    int64_t begin = iso_year_begin(year);
    if (d.julian < begin)
        begin = iso_year_begin(--d.year);
    d.week = (d.julian - begin) / 7 + 1;
    int64_t next = iso_year_begin(year + 1);
    if (d.week >= 52 && d.julian >= next) {
        d.year++;
        d.week = (d.julian - next) / 7 + 1;
    }
    d.day_of_year = d.julian - iso_year_begin(d.year) + 1;
    return d;
}

/* 2001..2100 is 21; the year 0 (1 BC) belongs to -1. */
static int64_t century_of(int64_t year, int64_t years)
{
    return year > 0 ? (year + years - 1) / years : -((years - 1 - (year - 1)) / years);
}

static void set_field(FieldValue *out, __int128 coef, int scale)
{
    out->coef = coef;
    out->scale = scale;
}

static bool clock_field(TimeField f, int64_t us, FieldValue *out)
{
    switch (f) {
    case FIELD_US:
        set_field(out, us % US_PER_MIN, 0);
        return true;
    case FIELD_MS:
        set_field(out, us % US_PER_MIN, 3);
        return true;
    case FIELD_SECOND:
        set_field(out, us % US_PER_MIN, 6);
        return true;
    case FIELD_MINUTE:
        set_field(out, us / US_PER_MIN % 60, 0);
        return true;
    case FIELD_HOUR:
        set_field(out, us / US_PER_H, 0);
        return true;
    default:
        return false;
    }
}

bool time_field_of_time(TimeField f, int64_t us, FieldValue *out)
{
    if (f == FIELD_EPOCH) {
        set_field(out, us, 6);
        return true;
    }
    return clock_field(f, us, out);
}

bool timetz_field(TimeField f, int64_t v, FieldValue *out)
{
    int32_t offset = timetz_offset(v);
    if (f == FIELD_EPOCH)
        set_field(out, timetz_utc_us(v), 6);
    else if (f == FIELD_TIMEZONE)
        set_field(out, offset, 0);
    else if (f == FIELD_TIMEZONE_HOUR)
        set_field(out, offset / 3600, 0);
    else if (f == FIELD_TIMEZONE_MINUTE)
        set_field(out, offset / 60 % 60, 0);
    else
        return clock_field(f, timetz_us(v), out);
    return true;
}

static int64_t date_field(TimeField f, int64_t days, int64_t year, int month, int day)
{
    int64_t iso_year, week = iso_week(days, &iso_year);
    int64_t shown = year > 0 ? year : year - 1; /* there is no year 0 */
    switch (f) {
    case FIELD_DAY:
        return day;
    case FIELD_WEEK:
        return week;
    case FIELD_MONTH:
        return month;
    case FIELD_QUARTER:
        return (month - 1) / 3 + 1;
    case FIELD_DECADE:
        return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10);
    case FIELD_CENTURY:
        return century_of(year, 100);
    case FIELD_MILLENNIUM:
        return century_of(year, 1000);
    case FIELD_DOW:
        return weekday(days);
    case FIELD_ISODOW:
        return weekday(days) ? weekday(days) : 7;
    case FIELD_DOY:
        return days - civil_to_days(year, 1, 1) + 1;
    case FIELD_ISOYEAR:
        return iso_year > 0 ? iso_year : iso_year - 1;
    default:
        return shown;
    }
}

bool date_field_value(TimeField f, int64_t days, FieldValue *out)
{
    int64_t year;
    int month, day;
    if (f < FIELD_DAY || f > FIELD_EPOCH)
        return false;
    civil_from_days(days, &year, &month, &day);
    if (f == FIELD_EPOCH)
        set_field(out, (__int128)days * 86400, 0);
    else if (f == FIELD_JULIAN)
        set_field(out, days + 2440588, 0);
    else
        set_field(out, date_field(f, days, year, month, day), 0);
    return true;
}

bool timestamp_field(TimeField f, int64_t local_us, int64_t utc_us, int32_t offset_s,
                     FieldValue *out)
{
    int64_t days = floor_div(local_us, US_PER_DAY), t = floor_mod(local_us, US_PER_DAY), year;
    int month, day;
    switch (f) {
    case FIELD_EPOCH:
        set_field(out, utc_us, 6);
        return true;
    case FIELD_JULIAN:
        /* Whole days are integers; else 20 digits, as PostgreSQL's division gives. */
        set_field(out, (__int128)(days + 2440588) * US_PER_DAY + t, -1);
        return true;
    case FIELD_TIMEZONE:
        set_field(out, offset_s, 0);
        return true;
    case FIELD_TIMEZONE_HOUR:
        set_field(out, offset_s / 3600, 0);
        return true;
    case FIELD_TIMEZONE_MINUTE:
        set_field(out, offset_s / 60 % 60, 0);
        return true;
    default:
        break;
    }
    if (clock_field(f, t, out))
        return true;
    civil_from_days(days, &year, &month, &day);
    set_field(out, date_field(f, days, year, month, day), 0);
    return true;
}

bool interval_field(TimeField f, Interval iv, FieldValue *out)
{
    int64_t us = iv.us % US_PER_H;
    switch (f) {
    case FIELD_US:
        set_field(out, us % US_PER_MIN, 0);
        break;
    case FIELD_MS:
        set_field(out, us % US_PER_MIN, 3);
        break;
    case FIELD_SECOND:
        set_field(out, us % US_PER_MIN, 6);
        break;
    case FIELD_MINUTE:
        set_field(out, us / US_PER_MIN, 0);
        break;
    case FIELD_HOUR:
        set_field(out, iv.us / US_PER_H, 0);
        break;
    case FIELD_DAY:
        set_field(out, iv.days, 0);
        break;
    case FIELD_MONTH:
        set_field(out, iv.months % 12, 0);
        break;
    case FIELD_QUARTER:
        set_field(out, iv.months % 12 / 3 + 1, 0);
        break;
    case FIELD_YEAR:
        set_field(out, iv.months / 12, 0);
        break;
    case FIELD_DECADE:
        set_field(out, iv.months / 120, 0);
        break;
    case FIELD_CENTURY:
        set_field(out, iv.months / 1200, 0);
        break;
    case FIELD_MILLENNIUM:
        set_field(out, iv.months / 12000, 0);
        break;
    case FIELD_EPOCH: {
        /* A year has 365.25 days, a month 30. */
        __int128 s = (__int128)(iv.months / 12) * 31557600 + (int64_t)(iv.months % 12) * 2592000 +
                     (int64_t)iv.days * 86400;
        set_field(out, s * US_PER_S + iv.us, 6);
        break;
    }
    default:
        return false;
    }
    return true;
}

/* ---- truncation and buckets ---- */

static int64_t year_start_us(int64_t year, int month)
{
    return civil_to_days(year, month, 1) * US_PER_DAY;
}

/* The year in which a decade, century or millennium of n years starts. */
static int64_t trunc_year(int64_t year, int64_t n)
{
    if (n == 10)
        return year > 0 ? year / 10 * 10 : -((8 - (year - 1)) / 10) * 10;
    return year > 0 ? (year + n - 1) / n * n - (n - 1) : -((n - 1 - (year - 1)) / n) * n + 1;
}

int64_t time_field_us(TimeField f)
{
    static const int64_t fixed[] = {
        [FIELD_US] = 1,
        [FIELD_MS] = 1000,
        [FIELD_SECOND] = US_PER_S,
        [FIELD_MINUTE] = US_PER_MIN,
        [FIELD_HOUR] = US_PER_H,
        [FIELD_DAY] = US_PER_DAY,
        [FIELD_WEEK] = 7 * US_PER_DAY,
    };
    return f < ARRAY_LEN(fixed) ? fixed[f] : 0;
}

bool timestamp_trunc_us(TimeField f, int64_t us, int64_t *out)
{
    *out = us;
    if (time_is_infinite(us))
        return true;
    if (f <= FIELD_DAY) {
        *out = floor_div(us, time_field_us(f)) * time_field_us(f);
        return true;
    }
    int64_t days = floor_div(us, US_PER_DAY), year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    switch (f) {
    case FIELD_WEEK:
        *out = (days - (weekday(days) + 6) % 7) * US_PER_DAY;
        return true;
    case FIELD_MONTH:
        *out = year_start_us(year, month);
        return true;
    case FIELD_QUARTER:
        *out = year_start_us(year, (month - 1) / 3 * 3 + 1);
        return true;
    case FIELD_YEAR:
        *out = year_start_us(year, 1);
        return true;
    case FIELD_DECADE:
        *out = year_start_us(trunc_year(year, 10), 1);
        return true;
    case FIELD_CENTURY:
        *out = year_start_us(trunc_year(year, 100), 1);
        return true;
    case FIELD_MILLENNIUM:
        *out = year_start_us(trunc_year(year, 1000), 1);
        return true;
    default:
        return false;
    }
}

bool interval_trunc(TimeField f, Interval iv, Interval *out)
{
    static const int64_t time_units[] = {
        [FIELD_US] = 1,
        [FIELD_MS] = 1000,
        [FIELD_SECOND] = US_PER_S,
        [FIELD_MINUTE] = US_PER_MIN,
        [FIELD_HOUR] = US_PER_H,
    };
    *out = iv;
    if (f <= FIELD_HOUR) {
        out->us -= out->us % time_units[f];
        return true;
    }
    out->us = 0;
    if (f == FIELD_DAY)
        return true;
    out->days = 0;
    int32_t unit;
    switch (f) {
    case FIELD_MONTH:
        unit = 1;
        break;
    case FIELD_QUARTER:
        unit = 3;
        break;
    case FIELD_YEAR:
        unit = 12;
        break;
    case FIELD_DECADE:
        unit = 120;
        break;
    case FIELD_CENTURY:
        unit = 1200;
        break;
    case FIELD_MILLENNIUM:
        unit = 12000;
        break;
    default:
        return false;
    }
    out->months -= out->months % unit;
    return true;
}

int64_t time_bucket_us(int64_t width, int64_t us, int64_t origin)
{
    if (time_is_infinite(us))
        return us;
    int64_t shift = origin % width, moved, start;
    if (__builtin_sub_overflow(us, shift, &moved))
        return us;
    start = floor_div(moved, width);
    if (__builtin_mul_overflow(start, width, &start) ||
        __builtin_add_overflow(start, shift, &start))
        return TIMESTAMP_MIN_US;
    return start;
}

int64_t time_bucket_months(int32_t months, int64_t us, int64_t origin)
{
    if (time_is_infinite(us))
        return us;
    Civil o = civil_of_us(origin), c = civil_of_us(us);
    int64_t first = o.year * 12 + o.month - 1;
    int64_t m = first + floor_div(c.year * 12 + c.month - 1 - first, months) * months;
    int64_t year = floor_div(m, 12), start;
    if (year < -4713 || __builtin_mul_overflow(civil_to_days(year, (int)(m - year * 12) + 1, 1),
                                               US_PER_DAY, &start))
        return TIMESTAMP_MIN_US;
    return start;
}
