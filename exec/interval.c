#include "exec/interval.h"
#include "base/clock.h"
#include "exec/type_private.h"
#include <math.h>

/* ---- units ---- */

static const struct Unit {
    const char *name; /* cut to 10 letters, as PostgreSQL compares */
    IntervalField field;
    int64_t amount;
} units[] = {
    {"@", INTERVAL_NOISE, 0},
    {"ago", INTERVAL_AGO, 0},
    {"c", INTERVAL_MONTHS, 1200},
    {"cent", INTERVAL_MONTHS, 1200},
    {"centuries", INTERVAL_MONTHS, 1200},
    {"century", INTERVAL_MONTHS, 1200},
    {"d", INTERVAL_DAYS, 1},
    {"day", INTERVAL_DAYS, 1},
    {"days", INTERVAL_DAYS, 1},
    {"dec", INTERVAL_MONTHS, 120},
    {"decade", INTERVAL_MONTHS, 120},
    {"decades", INTERVAL_MONTHS, 120},
    {"decs", INTERVAL_MONTHS, 120},
    {"h", INTERVAL_US, US_PER_H},
    {"hour", INTERVAL_US, US_PER_H},
    {"hours", INTERVAL_US, US_PER_H},
    {"hr", INTERVAL_US, US_PER_H},
    {"hrs", INTERVAL_US, US_PER_H},
    {"m", INTERVAL_US, US_PER_MIN},
    {"microsecon", INTERVAL_US, 1},
    {"mil", INTERVAL_MONTHS, 12000},
    {"millennia", INTERVAL_MONTHS, 12000},
    {"millennium", INTERVAL_MONTHS, 12000},
    {"millisecon", INTERVAL_US, 1000},
    {"mils", INTERVAL_MONTHS, 12000},
    {"min", INTERVAL_US, US_PER_MIN},
    {"mins", INTERVAL_US, US_PER_MIN},
    {"minute", INTERVAL_US, US_PER_MIN},
    {"minutes", INTERVAL_US, US_PER_MIN},
    {"mon", INTERVAL_MONTHS, 1},
    {"mons", INTERVAL_MONTHS, 1},
    {"month", INTERVAL_MONTHS, 1},
    {"months", INTERVAL_MONTHS, 1},
    {"ms", INTERVAL_US, 1000},
    {"msec", INTERVAL_US, 1000},
    {"msecs", INTERVAL_US, 1000},
    {"mseconds", INTERVAL_US, 1000},
    {"s", INTERVAL_US, US_PER_S},
    {"sec", INTERVAL_US, US_PER_S},
    {"second", INTERVAL_US, US_PER_S},
    {"seconds", INTERVAL_US, US_PER_S},
    {"secs", INTERVAL_US, US_PER_S},
    {"us", INTERVAL_US, 1},
    {"usec", INTERVAL_US, 1},
    {"usecond", INTERVAL_US, 1},
    {"useconds", INTERVAL_US, 1},
    {"usecs", INTERVAL_US, 1},
    {"w", INTERVAL_DAYS, 7},
    {"week", INTERVAL_DAYS, 7},
    {"weeks", INTERVAL_DAYS, 7},
    {"y", INTERVAL_MONTHS, 12},
    {"year", INTERVAL_MONTHS, 12},
    {"years", INTERVAL_MONTHS, 12},
    {"yr", INTERVAL_MONTHS, 12},
    {"yrs", INTERVAL_MONTHS, 12},
};

bool interval_unit(Slice word, IntervalField *field, int64_t *amount)
{
    if (word.len > 10)
        word.len = 10;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (slice_eq_nocase(word, slice_cstr(units[i].name))) {
            *field = units[i].field;
            *amount = units[i].amount;
            return true;
        }
    }
    return false;
}

/* ---- text input ---- */

/* Sums wide, so that "-178000000 years 178000000 years" is no overflow on the way. */
typedef struct Sum {
    __int128 us, days, months;
    bool overflow; /* of a single number */
    unsigned seen; /* units, a bit each: none may come twice */
} Sum;

typedef struct Amount { /* whole + fraction, both with the sign */
    int64_t whole;
    double fraction;
} Amount;

static void add_us(Sum *s, Amount a, int64_t unit)
{
    s->us += (__int128)a.whole * unit + (int64_t)rint(a.fraction * (double)unit);
}

static void add_days(Sum *s, Amount a, int64_t unit)
{
    double days = a.fraction * (double)unit, whole = trunc(days);
    s->days += (__int128)a.whole * unit + (int64_t)whole;
    s->us += (int64_t)rint((days - whole) * (double)US_PER_DAY);
}

static void add_months(Sum *s, Amount a, int64_t unit)
{
    s->months += (__int128)a.whole * unit;
    if (unit > 1)
        s->months += (int64_t)rint(a.fraction * (double)unit);
    else
        add_days(s, (Amount){0, a.fraction}, 30);
}

static void add_amount(Sum *s, IntervalField field, Amount a, int64_t unit)
{
    if (field == INTERVAL_US)
        add_us(s, a, unit);
    else if (field == INTERVAL_DAYS)
        add_days(s, a, unit);
    else
        add_months(s, a, unit);
}

enum {
    SEEN_US = 1,
    SEEN_MS = 2,
    SEEN_S = 4,
    SEEN_MIN = 8,
    SEEN_H = 16,
    SEEN_DAY = 32,
    SEEN_WEEK = 64,
    SEEN_MONTH = 128,
    SEEN_YEAR = 256,
    SEEN_DECADE = 512,
    SEEN_CENTURY = 1024,
    SEEN_MILLENNIUM = 2048,
    SEEN_SECONDS = SEEN_US | SEEN_MS | SEEN_S,
    SEEN_CLOCK = SEEN_SECONDS | SEEN_MIN | SEEN_H,
};

static unsigned seen_bit(IntervalField field, int64_t unit, bool fraction)
{
    static const struct {
        IntervalField field;
        int64_t unit;
        unsigned bit;
    } rows[] = {
        {INTERVAL_US, 1, SEEN_US},
        {INTERVAL_US, 1000, SEEN_MS},
        {INTERVAL_US, US_PER_S, SEEN_S},
        {INTERVAL_US, US_PER_MIN, SEEN_MIN},
        {INTERVAL_US, US_PER_H, SEEN_H},
        {INTERVAL_DAYS, 1, SEEN_DAY},
        {INTERVAL_DAYS, 7, SEEN_WEEK},
        {INTERVAL_MONTHS, 1, SEEN_MONTH},
        {INTERVAL_MONTHS, 12, SEEN_YEAR},
        {INTERVAL_MONTHS, 120, SEEN_DECADE},
        {INTERVAL_MONTHS, 1200, SEEN_CENTURY},
        {INTERVAL_MONTHS, 12000, SEEN_MILLENNIUM},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].field == field && rows[i].unit == unit)
            return rows[i].bit == SEEN_S && fraction ? SEEN_SECONDS : rows[i].bit;
    return 0;
}

/* false: one of them was there before. */
static bool mark_seen(Sum *s, unsigned bits)
{
    bool again = s->seen & bits;
    s->seen |= bits;
    return !again;
}

static bool finish(const Sum *s, bool negate, Slice text, Interval *out, Err *e)
{
    const unsigned years = SEEN_YEAR | SEEN_DECADE | SEEN_CENTURY | SEEN_MILLENNIUM;
    __int128 us = negate ? -s->us : s->us;
    __int128 days = negate ? -s->days : s->days, months = negate ? -s->months : s->months;
    if (!s->overflow && us == (int64_t)us && days == (int32_t)days && months != (int32_t)months &&
        s->seen & years && months / 12 == (int32_t)(months / 12))
        return err_set(e, ERR_DATETIME_RANGE, "interval out of range");
    if (s->overflow || us != (int64_t)us || days != (int32_t)days || months != (int32_t)months)
        return err_set(e, ERR_INTERVAL_RANGE, "interval field value out of range: \"%.*s\"",
                       SLICE_ARG(text));
    *out = (Interval){.us = (int64_t)us, .days = (int32_t)days, .months = (int32_t)months};
    return true;
}

static bool bad(Slice text, Err *e)
{
    return err_set(e, ERR_DATETIME_FORMAT, "invalid input syntax for type interval: \"%.*s\"",
                   SLICE_ARG(text));
}

typedef struct Cursor {
    const char *p, *end;
} Cursor;

static bool at_digit(const Cursor *c)
{
    return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

static bool at_letter(const Cursor *c)
{
    return c->p < c->end && ((*c->p | 32) >= 'a' && (*c->p | 32) <= 'z');
}

static bool at_char(const Cursor *c, char ch)
{
    return c->p < c->end && *c->p == ch;
}

static void skip_space(Cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || (*c->p >= '\t' && *c->p <= '\r') || *c->p == ','))
        c->p++;
}

static bool scan_whole(Cursor *c, int64_t *out)
{
    int64_t v = 0;
    while (at_digit(c))
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *c->p++ - '0', &v))
            return false;
    *out = v;
    return true;
}

/* ".25" -> 0.25; at most 15 digits count. */
static double scan_fraction(Cursor *c)
{
    double v = 0, scale = 1;
    int digits = 0;
    if (!at_char(c, '.'))
        return 0;
    for (c->p++; at_digit(c); c->p++) {
        if (digits++ >= 15)
            continue;
        v = v * 10 + (*c->p - '0');
        scale *= 10;
    }
    return v / scale;
}

/* After "h:": m[:s[.f]], or m:s.f without hours when a fraction follows m. */
static bool scan_clock(Cursor *c, int64_t first, int sign, Sum *s)
{
    int64_t m, sec = 0, h = first;
    double fraction = 0;
    c->p++;
    if (!at_digit(c) || !scan_whole(c, &m))
        return false;
    if (at_char(c, ':')) {
        c->p++;
        if (!at_digit(c) || !scan_whole(c, &sec))
            return false;
        fraction = scan_fraction(c);
    } else if (at_char(c, '.')) {
        fraction = scan_fraction(c);
        sec = m;
        m = h;
        h = 0;
    }
    if (!mark_seen(s, SEEN_CLOCK))
        return false;
    if (m > 59 || sec > 60 || h > INT64_MAX / US_PER_H)
        return s->overflow = true;
    add_us(s, (Amount){sign * h, 0}, US_PER_H);
    add_us(s, (Amount){sign * m, 0}, US_PER_MIN);
    add_us(s, (Amount){sign * sec, sign * fraction}, US_PER_S);
    return true;
}

/* What follows a number: a clock, "-months", a unit word, or nothing (days before a clock, else seconds). */
static bool scan_item(Cursor *c, int sign, Sum *s)
{
    int64_t whole = 0, months, unit;
    IntervalField field;
    if (!at_char(c, '.') && !scan_whole(c, &whole))
        return s->overflow = true;
    if (at_char(c, ':'))
        return scan_clock(c, whole, sign, s);
    if (at_char(c, '-') && c->p + 1 < c->end && c->p[1] >= '0' && c->p[1] <= '9') {
        c->p++;
        if (!mark_seen(s, SEEN_MONTH))
            return false;
        if (!scan_whole(c, &months) || months > 11)
            return s->overflow = true;
        add_months(s, (Amount){sign * whole, 0}, 12);
        add_months(s, (Amount){sign * months, 0}, 1);
        return true;
    }
    Amount a = {sign * whole, sign * scan_fraction(c)};
    skip_space(c);
    if (at_letter(c)) {
        const char *from = c->p;
        while (at_letter(c))
            c->p++;
        if (!interval_unit(slice_of(from, (size_t)(c->p - from)), &field, &unit) ||
            field >= INTERVAL_AGO || !mark_seen(s, seen_bit(field, unit, a.fraction != 0)))
            return false;
        add_amount(s, field, a, unit);
        return true;
    }
    if (c->p == c->end) {
        add_us(s, a, US_PER_S);
        return mark_seen(s, a.fraction != 0 ? SEEN_SECONDS : SEEN_S);
    }
    /* "3 04:05:06": days, if a clock follows. */
    Cursor look = *c;
    if (look.p < look.end && (*look.p == '+' || *look.p == '-'))
        look.p++;
    while (at_digit(&look))
        look.p++;
    if (!at_char(&look, ':'))
        return false;
    add_days(s, a, 1);
    return mark_seen(s, SEEN_DAY);
}

static bool parse_plain(Slice text, Slice t, Interval *out, Err *e)
{
    Cursor c = {t.ptr, t.ptr + t.len};
    Sum s = {0};
    bool any = false;
    for (;;) {
        int sign = 1;
        skip_space(&c);
        if (c.p == c.end)
            break;
        if (at_char(&c, '@')) {
            c.p++;
            continue;
        }
        if (at_letter(&c)) {
            Slice word = type_trim(slice_of(c.p, (size_t)(c.end - c.p)));
            if (!any || !slice_eq_nocase(word, SLICE_LIT("ago")))
                return bad(text, e);
            return finish(&s, true, text, out, e);
        }
        if (at_char(&c, '-') || at_char(&c, '+')) {
            sign = *c.p++ == '-' ? -1 : 1;
            skip_space(&c);
        }
        if (!at_digit(&c) &&
            !(at_char(&c, '.') && c.p + 1 < c.end && c.p[1] >= '0' && c.p[1] <= '9'))
            return bad(text, e);
        if (!scan_item(&c, sign, &s))
            return bad(text, e);
        any = true;
    }
    return any ? finish(&s, false, text, out, e) : bad(text, e);
}

/* ---- ISO 8601: P1Y2M3DT4H5M6S, P1W, P0001-02-03T04:05:06 ---- */

static bool iso_unit(char letter, bool time, IntervalField *field, int64_t *unit)
{
    static const struct {
        char letter;
        bool time;
        IntervalField field;
        int64_t unit;
    } rows[] = {
        {'Y', false, INTERVAL_MONTHS, 12},  {'M', false, INTERVAL_MONTHS, 1},
        {'W', false, INTERVAL_DAYS, 7},     {'D', false, INTERVAL_DAYS, 1},
        {'H', true, INTERVAL_US, US_PER_H}, {'M', true, INTERVAL_US, US_PER_MIN},
        {'S', true, INTERVAL_US, US_PER_S},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].letter == (letter & ~32) && rows[i].time == time) {
            *field = rows[i].field;
            *unit = rows[i].unit;
            return true;
        }
    }
    return false;
}

/* "-02-03" after the years of the alternative format. */
static bool iso_date_rest(Cursor *c, Amount years, Sum *s)
{
    int64_t months, days = 0;
    c->p++;
    if (!at_digit(c) || !scan_whole(c, &months))
        return false;
    if (at_char(c, '-')) {
        c->p++;
        if (!at_digit(c) || !scan_whole(c, &days))
            return false;
    }
    add_months(s, years, 12);
    add_months(s, (Amount){months, 0}, 1);
    add_days(s, (Amount){days, 0}, 1);
    return true;
}

static bool parse_iso(Slice text, Slice t, Interval *out, Err *e)
{
    Cursor c = {t.ptr + 1, t.ptr + t.len};
    Sum s = {0};
    bool time = false, any = false;
    while (c.p < c.end) {
        int sign = 1;
        Amount a;
        IntervalField field;
        int64_t unit;
        if (!time && (*c.p == 'T' || *c.p == 't')) {
            time = true;
            c.p++;
            continue;
        }
        if (at_char(&c, '-') || at_char(&c, '+'))
            sign = *c.p++ == '-' ? -1 : 1;
        if (!at_digit(&c) && !at_char(&c, '.'))
            return bad(text, e);
        if (!scan_whole(&c, &a.whole))
            s.overflow = true;
        any = true;
        if (time && at_char(&c, ':')) {
            if (!scan_clock(&c, a.whole, sign, &s))
                return bad(text, e);
            continue;
        }
        a.fraction = sign * scan_fraction(&c);
        a.whole *= sign;
        if (!time && at_char(&c, '-')) {
            if (!iso_date_rest(&c, a, &s))
                return bad(text, e);
            continue;
        }
        if (c.p == c.end || !iso_unit(*c.p++, time, &field, &unit))
            return bad(text, e);
        add_amount(&s, field, a, unit);
    }
    return any ? finish(&s, false, text, out, e) : bad(text, e);
}

bool interval_parse(Slice text, Interval *out, Err *e)
{
    Slice t = type_trim(text);
    if (t.len >= 2 && (t.ptr[0] == 'P' || t.ptr[0] == 'p'))
        return parse_iso(text, t, out, e);
    return parse_plain(text, t, out, e);
}

bool interval_fixed_us(Interval iv, int64_t *us)
{
    int64_t days;
    return iv.months == 0 && !__builtin_mul_overflow((int64_t)iv.days, US_PER_DAY, &days) &&
           !__builtin_add_overflow(days, iv.us, us);
}

bool interval_to_ns(Interval iv, int64_t *ns)
{
    int64_t us;
    return interval_fixed_us(iv, &us) && !__builtin_mul_overflow(us, NS_PER_US, ns);
}

/* ---- arithmetic ---- */

static bool out_of_range(Err *e)
{
    return err_set(e, ERR_DATETIME_RANGE, "interval out of range");
}

bool interval_add(Interval x, Interval y, Interval *out, Err *e)
{
    if (__builtin_add_overflow(x.us, y.us, &out->us) ||
        __builtin_add_overflow(x.days, y.days, &out->days) ||
        __builtin_add_overflow(x.months, y.months, &out->months))
        return out_of_range(e);
    return true;
}

bool interval_sub(Interval x, Interval y, Interval *out, Err *e)
{
    if (__builtin_sub_overflow(x.us, y.us, &out->us) ||
        __builtin_sub_overflow(x.days, y.days, &out->days) ||
        __builtin_sub_overflow(x.months, y.months, &out->months))
        return out_of_range(e);
    return true;
}

bool interval_neg(Interval x, Interval *out, Err *e)
{
    return interval_sub((Interval){0}, x, out, e);
}

static double round_us_part(double s)
{
    return rint(s * 1e6) / 1e6;
}

/* x * (numerator / divisor): one of the two is 1, so that * and / each round once, as PostgreSQL. */
static bool scale(Interval x, double factor, bool divide, Interval *out, Err *e)
{
    double months = divide ? x.months / factor : x.months * factor;
    double days = divide ? x.days / factor : x.days * factor;
    double us = divide ? (double)x.us / factor : (double)x.us * factor;
    if (!(fabs(months) < 2147483648.0) || !(fabs(days) < 2147483648.0))
        return out_of_range(e);
    Interval r = {.months = (int32_t)months, .days = (int32_t)days};
    double month_days = round_us_part((months - r.months) * 30);
    double seconds = round_us_part((days - r.days + month_days - (int)month_days) * 86400);
    int64_t extra = (int64_t)month_days;
    if (fabs(seconds) >= 86400) {
        extra += (int64_t)(seconds / 86400);
        seconds -= (double)((int64_t)(seconds / 86400) * 86400);
    }
    extra += r.days;
    if (extra != (int32_t)extra)
        return out_of_range(e);
    r.days = (int32_t)extra;
    us = rint(us + seconds * 1e6);
    if (!(us >= -9223372036854775808.0 && us < 9223372036854775808.0))
        return out_of_range(e);
    r.us = (int64_t)us;
    *out = r;
    return true;
}

bool interval_mul(Interval x, double factor, Interval *out, Err *e)
{
    return scale(x, factor, false, out, e);
}

bool interval_div(Interval x, double divisor, Interval *out, Err *e)
{
    if (divisor == 0)
        return err_set(e, ERR_DIVISION_BY_ZERO, "division by zero");
    return scale(x, divisor, true, out, e);
}

bool interval_justify_hours(Interval x, Interval *out, Err *e)
{
    int64_t whole = x.us / US_PER_DAY, days = whole + x.days;
    x.us -= whole * US_PER_DAY;
    if (days > 0 && x.us < 0) {
        x.us += US_PER_DAY;
        days--;
    } else if (days < 0 && x.us > 0) {
        x.us -= US_PER_DAY;
        days++;
    }
    if (days != (int32_t)days)
        return out_of_range(e);
    *out = (Interval){.us = x.us, .days = (int32_t)days, .months = x.months};
    return true;
}

bool interval_justify_days(Interval x, Interval *out, Err *e)
{
    int64_t whole = x.days / 30, months = whole + x.months;
    x.days -= (int32_t)(whole * 30);
    if (months > 0 && x.days < 0) {
        x.days += 30;
        months--;
    } else if (months < 0 && x.days > 0) {
        x.days -= 30;
        months++;
    }
    if (months != (int32_t)months)
        return out_of_range(e);
    *out = (Interval){.us = x.us, .days = x.days, .months = (int32_t)months};
    return true;
}

bool interval_justify(Interval x, Interval *out, Err *e)
{
    int64_t days = x.days, months = x.months, us = x.us;
    days += us / US_PER_DAY;
    us %= US_PER_DAY;
    months += days / 30;
    days %= 30;
    if (months > 0 && (days < 0 || (days == 0 && us < 0))) {
        days += 30;
        months--;
    } else if (months < 0 && (days > 0 || (days == 0 && us > 0))) {
        days -= 30;
        months++;
    }
    if (days > 0 && us < 0) {
        us += US_PER_DAY;
        days--;
    } else if (days < 0 && us > 0) {
        us -= US_PER_DAY;
        days++;
    }
    if (months != (int32_t)months)
        return out_of_range(e);
    *out = (Interval){.us = us, .days = (int32_t)days, .months = (int32_t)months};
    return true;
}

int interval_cmp(Interval x, Interval y)
{
    Value a = {.phys = PH_INTERVAL, .u.iv = x}, b = {.phys = PH_INTERVAL, .u.iv = y};
    return cmp_interval(&a, &b);
}
