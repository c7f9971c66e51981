/* exec/func_from_char.c - to_timestamp() and to_date(): times read by a format, by PostgreSQL's rules.
 *
 * First the text is read field by field into Parts, as loosely as PostgreSQL does (separators of the
 * format match any separator or none, FX: exactly one character); then the parts become a moment, in
 * an order of its own: century and year, Julian day, weeks, day and month, day of the year. */
#include "base/clock.h"
#include "exec/func_private.h"
#include "exec/func_text.h"
#include "exec/func_time.h"
#include "exec/time_format.h"
#include <errno.h>
#include <stdlib.h>

typedef struct Parts { /* 0: not given */
    int hour, minute, second, ms, us, seconds_of_day, year, month, day, doy, weekday /* Sunday 1 */,
        week, week_of_month, century, julian, pm, bc, year_digits, fraction_digits;
    int zone_sign, zone_hours, zone_minutes;
    DateMode mode;
    bool hour12;
} Parts;

typedef struct Reading {
    const char *whole, *at; /* NUL-terminated */
    Parts p;
    int skipped; /* characters more than the format names, in front of `at` */
} Reading;

typedef struct Moment {
    int64_t year; /* 0 is 1 BC */
    int month, day, hour, minute, second;
    int64_t us;
    bool has_year, has_month, has_day;
} Moment;

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_separator(char c)
{
    return c > 0x20 && c < 0x7F && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z');
}

static const char *after_char(const char *s)
{
    return s + utf8_offset(slice_cstr(s), 1);
}

/* ---- fields ---- */

static bool set_part(int *part, int value, const TimeNode *node, Err *e)
{
    if (*part == 0 || *part == value) {
        *part = value;
        return true;
    }
    err_set(e, ERR_DATETIME_FORMAT, "conflicting values for \"%.*s\" field in formatting string",
            SLICE_ARG(node->text));
    return err_detail(e, "This value contradicts a previous setting for the same field type.");
}

/* What follows the field cannot be taken for more of its digits: it takes all there are. */
static bool ends_number(const TimeFormat *f, size_t i)
{
    if (f->nodes[i].ordinal || i + 1 == f->count)
        return true;
    const TimeNode *next = &f->nodes[i + 1];
    if (next->kind == NODE_FIELD)
        return !next->word->digits;
    return !(next->text.len == 1 && next->text.ptr[0] >= '0' && next->text.ptr[0] <= '9');
}

static bool bad_number(const TimeNode *node, const char *text, size_t max, Err *e)
{
    size_t len = strlen(text);
    len = len < max ? len : max;
    err_set(e, ERR_DATETIME_FORMAT, "invalid value \"%.*s\" for \"%.*s\"", (int)len, text,
            SLICE_ARG(node->text));
    return err_detail(e, "Value must be an integer.");
}

#define FM_HINT "If your source string is not fixed-width, try using the \"FM\" modifier."

/* Exactly `width` characters become a number. */
static bool fixed_number(Reading *r, const TimeNode *node, const char *from, size_t width,
                         long *value, Err *e)
{
    char copy[16];
    size_t left = strlen(from), n = left < width ? left : width;
    must(width < sizeof copy);
    if (left < width) {
        err_set(e, ERR_DATETIME_FORMAT, "source string too short for \"%.*s\" formatting field",
                SLICE_ARG(node->text));
        err_detail(e, "Field requires %zu characters, but only %zu remain.", width, left);
        return err_hint(e, FM_HINT);
    }
    memcpy(copy, from, n);
    copy[n] = 0;
    char *end;
    *value = strtol(copy, &end, 10);
    size_t used = (size_t)(end - copy);
    if (used > 0 && used < width) {
        err_set(e, ERR_DATETIME_FORMAT, "invalid value \"%s\" for \"%.*s\"", copy,
                SLICE_ARG(node->text));
        err_detail(e, "Field requires %zu characters, but only %zu could be parsed.", width, used);
        return err_hint(e, FM_HINT);
    }
    r->at = from + used;
    return true;
}

/* *length: characters that were read; part NULL: for nothing. */
static bool read_number(Reading *r, const TimeFormat *f, size_t i, int width, int *part,
                        int *length, Err *e)
{
    const TimeNode *node = &f->nodes[i];
    const char *begin = r->at, *from = begin;
    long value = 0;
    while (is_space(*from))
        from++;
    errno = 0;
    if (!node->fill || ends_number(f, i)) {
        char *end;
        value = strtol(begin, &end, 10);
        r->at = end;
    } else if (!fixed_number(r, node, from, (size_t)width, &value, e)) {
        return false;
    }
    if (r->at == begin)
        return bad_number(node, from, (size_t)width, e);
    if (errno == ERANGE || value < INT32_MIN || value > INT32_MAX) {
        err_set(e, ERR_DATETIME_RANGE, "value for \"%.*s\" in source string is out of range",
                SLICE_ARG(node->text));
        return err_detail(e, "Value must be in the range %d to %d.", INT32_MIN, INT32_MAX);
    }
    *length = (int)(r->at - begin);
    return !part || set_part(part, (int)value, node, e);
}

/* The first of the names that the text begins with, in any letters; `cut`: only so many letters of each. */
static bool read_name(Reading *r, const TimeNode *node, const char *const *names, int count,
                      size_t cut, int *which, Err *e)
{
    Slice text = slice_cstr(r->at);
    for (int i = 0; i < count; i++) {
        size_t len = cut ? cut : strlen(names[i]);
        if (text.len < len || !slice_eq_nocase(slice_of(text.ptr, len), slice_of(names[i], len)))
            continue;
        r->at += len;
        *which = i;
        return true;
    }
    size_t shown = 0;
    while (shown < text.len && !is_space(text.ptr[shown]))
        shown++;
    err_set(e, ERR_DATETIME_FORMAT, "invalid value \"%.*s\" for \"%.*s\"", (int)shown, text.ptr,
            SLICE_ARG(node->text));
    return err_detail(e, "The given value did not match any of the allowed values for this field.");
}

/* Years of less than four digits are near 2020. */
static int near_2020(int year)
{
    return year < 70     ? year + 2000
           : year < 100  ? year + 1900
           : year < 520  ? year + 2000
           : year < 1000 ? year + 1000
                         : year;
}

/* What contradicts an earlier year is found before the century is added, as there. */
static bool read_year(Reading *r, const TimeFormat *f, size_t i, Err *e)
{
    const TimeNode *node = &f->nodes[i];
    int length, width = node->word->width;
    if (!read_number(r, f, i, width, &r->p.year, &length, e))
        return false;
    if (width < 4 && length < 4)
        r->p.year = near_2020(r->p.year);
    r->p.year_digits = width;
    return true;
}

static bool read_grouped_year(Reading *r, const TimeNode *node, Err *e)
{
    char *end;
    long thousands = strtol(r->at, &end, 10);
    bool ok = end > r->at && *end == ',' && labs(thousands) < 1000000;
    const char *rest = end + 1;
    int year = 0, digits = 0;
    for (; ok && digits < 3 && rest[digits] >= '0' && rest[digits] <= '9'; digits++)
        year = year * 10 + (rest[digits] - '0');
    if (!ok || digits == 0)
        return err_set(e, ERR_DATETIME_FORMAT, "invalid input string for \"Y,YYY\"");
    r->at = rest + digits;
    r->p.year_digits = 4;
    return set_part(&r->p.year, year + (int)thousands * 1000, node, e);
}

/* A minus that was skipped as a separator is the sign of the zone. */
static void read_zone_sign(Reading *r)
{
    char c = *r->at;
    r->p.zone_sign = 1;
    if (c == '+' || c == '-' || c == ' ')
        r->at++;
    else if (r->skipped > 0)
        c = r->at[-1];
    if (c == '-')
        r->p.zone_sign = -1;
}

static bool read_marker(Reading *r, const TimeNode *node, Err *e)
{
    static const char *const am[] = {"am", "pm"}, *const am_dots[] = {"a.m.", "p.m."};
    static const char *const bc[] = {"ad", "bc"}, *const bc_dots[] = {"a.d.", "b.c."};
    int which = 0;
    Key key = node->word->key;
    const char *const *names = key == KEY_AM        ? am
                               : key == KEY_AM_DOTS ? am_dots
                               : key == KEY_BC      ? bc
                                                    : bc_dots;
    if (!read_name(r, node, names, 2, 0, &which, e))
        return false;
    if (key == KEY_BC || key == KEY_BC_DOTS)
        return set_part(&r->p.bc, which, node, e);
    r->p.hour12 = true;
    return set_part(&r->p.pm, which, node, e);
}

static bool read_named(Reading *r, const TimeNode *node, Err *e)
{
    static const char *const roman[] = {"XII", "XI", "X",  "IX",  "VIII", "VII",
                                        "VI",  "V",  "IV", "III", "II",   "I"};
    Key key = node->word->key;
    size_t cut = key == KEY_MON || key == KEY_DY ? 3 : 0;
    int which = 0;
    if (key == KEY_RM)
        return read_name(r, node, roman, 12, 0, &which, e) &&
               set_part(&r->p.month, 12 - which, node, e);
    if (key == KEY_MONTH || key == KEY_MON)
        return read_name(r, node, time_month_names, 12, cut, &which, e) &&
               set_part(&r->p.month, which + 1, node, e);
    if (!read_name(r, node, time_day_names, 7, cut, &which, e) ||
        !set_part(&r->p.weekday, which, node, e))
        return false;
    r->p.weekday++;
    return true;
}

/* Parts that are a number and nothing else. */
static int *number_part(Parts *p, Key key)
{
    switch (key) {
    case KEY_HH12:
    case KEY_HH24:
        return &p->hour;
    case KEY_MI:
        return &p->minute;
    case KEY_SS:
        return &p->second;
    case KEY_SSSS:
        return &p->seconds_of_day;
    case KEY_MS:
        return &p->ms;
    case KEY_US:
    case KEY_FF:
        return &p->us;
    case KEY_DDD:
    case KEY_IDDD:
        return &p->doy;
    case KEY_DD:
        return &p->day;
    case KEY_MM:
        return &p->month;
    case KEY_D:
    case KEY_ID:
        return &p->weekday;
    case KEY_WW:
    case KEY_IW:
        return &p->week;
    case KEY_W:
        return &p->week_of_month;
    case KEY_CC:
        return &p->century;
    case KEY_J:
        return &p->julian;
    case KEY_TZM:
        return &p->zone_minutes;
    case KEY_TZH:
        return &p->zone_hours;
    default: /* Q: it is not clear which day it means */
        return NULL;
    }
}

static int scaled(int v, int length, int digits)
{
    for (int64_t wide = v; length < digits; length++) {
        wide *= 10;
        v = wide > INT32_MAX ? INT32_MAX : (int)wide;
    }
    return v;
}

static bool read_plain(Reading *r, const TimeFormat *f, size_t i, Err *e)
{
    const TimeNode *node = &f->nodes[i];
    Parts *p = &r->p;
    Key key = node->word->key;
    int length, width = node->word->width;
    if (key == KEY_TZH)
        read_zone_sign(r);
    if (key == KEY_TZM && !p->zone_sign)
        p->zone_sign = 1;
    if (key == KEY_TZH || key == KEY_TZM)
        width = 2;
    if (key == KEY_FF)
        p->fraction_digits = width;
    if (!read_number(r, f, i, width, number_part(p, key), &length, e))
        return false;
    if (key == KEY_HH12)
        p->hour12 = true;
    if (key == KEY_MS)
        p->ms = scaled(p->ms, length, 3);
    if (key == KEY_US || key == KEY_FF)
        p->us = scaled(p->us, length, 6);
    if (key == KEY_ID && ++p->weekday > 7)
        p->weekday = 1;
    return true;
}

static bool read_field(Reading *r, const TimeFormat *f, size_t i, Err *e)
{
    const TimeNode *node = &f->nodes[i];
    bool ok;
    switch (node->word->key) {
    case KEY_TZ:
    case KEY_OF:
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "formatting field \"%.*s\" is only supported in to_char",
                       SLICE_ARG(node->text));
    case KEY_AM:
    case KEY_AM_DOTS:
    case KEY_BC:
    case KEY_BC_DOTS:
        return read_marker(r, node, e);
    case KEY_MONTH:
    case KEY_MON:
    case KEY_DAY:
    case KEY_DY:
    case KEY_RM:
        return read_named(r, node, e);
    case KEY_Y_YYY:
        ok = read_grouped_year(r, node, e);
        break;
    case KEY_YYYY:
    case KEY_YYY:
    case KEY_YY:
    case KEY_Y:
    case KEY_IYYY:
    case KEY_IYY:
    case KEY_IY:
    case KEY_I:
        ok = read_year(r, f, i, e);
        break;
    default:
        ok = read_plain(r, f, i, e);
    }
    bool zone = node->word->key == KEY_TZH || node->word->key == KEY_TZM;
    for (int k = 0; ok && node->ordinal && !zone && k < 2 && *r->at; k++)
        r->at = after_char(r->at);
    return ok;
}

/* ---- the whole text ---- */

static void skip_spaces(Reading *r)
{
    for (; is_space(*r->at); r->at++)
        r->skipped++;
}

/* A character of the format that is no field. */
static void skip_text(Reading *r, const TimeNode *node, bool fx)
{
    bool loose = node->kind != NODE_CHAR;
    if (fx) {
        r->at = after_char(r->at);
    } else if (loose) {
        r->skipped--;
        if (is_space(*r->at) || is_separator(*r->at)) {
            r->at++;
            r->skipped++;
        }
    } else if (r->skipped > 0) {
        r->skipped--; /* it may be part of a field */
    } else {
        r->at = after_char(r->at);
    }
}

static bool set_mode(Parts *p, DateMode mode, Err *e)
{
    if (mode == MODE_NONE || p->mode == mode)
        return true;
    if (p->mode == MODE_NONE) {
        p->mode = mode;
        return true;
    }
    err_set(e, ERR_DATETIME_FORMAT, "invalid combination of date conventions");
    return err_hint(e,
                    "Do not mix Gregorian and ISO week date conventions in a formatting template.");
}

static bool read_all(Reading *r, const TimeFormat *f, Err *e)
{
    bool fx = false;
    for (size_t i = 0; i < f->count && *r->at; i++) {
        const TimeNode *node = &f->nodes[i];
        bool field = node->kind == NODE_FIELD;
        if (field && node->word->key == KEY_FX) {
            fx = true;
            continue;
        }
        if (!fx && (field || i == 0))
            skip_spaces(r);
        if (!field) {
            if (*r->at)
                skip_text(r, node, fx);
            continue;
        }
        if (!set_mode(&r->p, node->word->mode, e) || !read_field(r, f, i, e))
            return false;
        if (!fx) {
            r->skipped = 0;
            skip_spaces(r);
        }
    }
    return true;
}

/* ---- parts to a moment ---- */

static bool field_range(const Reading *r, Err *e)
{
    return err_set(e, ERR_DATETIME_RANGE, "date/time field value out of range: \"%s\"", r->whole);
}

static bool clock_of(const Parts *p, Moment *m, Err *e)
{
    int s = p->seconds_of_day;
    m->hour = p->hour ? p->hour : s / 3600;
    m->minute = p->minute ? p->minute : s % 3600 / 60;
    m->second = p->second ? p->second : s % 60;
    m->us = (int64_t)p->ms * 1000 + p->us;
    if (!p->hour12)
        return true;
    if (m->hour < 1 || m->hour > 12) {
        err_set(e, ERR_DATETIME_FORMAT, "hour \"%d\" is invalid for the 12-hour clock", m->hour);
        return err_hint(e, "Use the 24-hour clock, or give an hour between 1 and 12.");
    }
    if (p->pm && m->hour < 12)
        m->hour += 12;
    else if (!p->pm && m->hour == 12)
        m->hour = 0;
    return true;
}

/* With a century a year of two digits or one is a year of that century; the 21st is 2001 to 2100, the
 * 6th BC is 600 to 501 BC. */
static void year_of(const Parts *p, Moment *m)
{
    int64_t cc = p->bc ? -(int64_t)p->century : p->century;
    m->has_year = p->year || p->century;
    if (p->year && p->century && p->year_digits <= 2) {
        m->year = p->year % 100;
        if (m->year)
            m->year = cc >= 0 ? m->year + (cc - 1) * 100 : (cc + 1) * 100 - m->year + 1;
        else
            m->year = cc * 100 + (cc >= 0 ? 0 : 1);
    } else if (p->year) {
        m->year = p->bc ? -(int64_t)p->year : p->year;
        m->year += m->year < 0;
    } else if (p->century) {
        m->year = cc >= 0 ? (cc - 1) * 100 + 1 : cc * 100 + 1;
    }
}

static void set_days(Moment *m, int64_t days)
{
    civil_from_days(days, &m->year, &m->month, &m->day);
    m->has_year = m->has_month = m->has_day = true;
}

static int64_t iso_monday(int64_t year, int64_t week)
{
    int64_t jan4 = civil_to_days(year, 1, 4);
    return jan4 - floor_mod(jan4 + 3, 7) + (week - 1) * 7;
}

/* The day of the year names month and day, where those are not given. */
static bool day_of_year(const Parts *p, int doy, Moment *m, Err *e)
{
    if (!m->year && !p->bc)
        return err_set(e, ERR_DATETIME_FORMAT,
                       "cannot calculate day of year without year information");
    if (p->mode == MODE_ISO_WEEK) {
        set_days(m, iso_monday(m->year, 1) - 1 + doy);
        return true;
    }
    int month = 1, before = 0;
    while (month <= 12 && doy > before + days_in_month(m->year, month))
        before += days_in_month(m->year, month++);
    if (m->month <= 1)
        m->month = month;
    if (m->day <= 1)
        m->day = doy - before;
    m->has_month = m->has_day = true;
    return true;
}

static bool date_of(const Parts *p, Moment *m, Err *e)
{
    int doy = p->doy, day = p->day;
    year_of(p, m);
    if (p->julian)
        set_days(m, (int64_t)p->julian - 2440588);
    if (p->week && p->mode == MODE_ISO_WEEK)
        set_days(m, iso_monday(m->year, p->week) + (!p->weekday      ? 0
                                                    : p->weekday > 1 ? p->weekday - 2
                                                                     : 6));
    else if (p->week)
        doy = (int)((unsigned)(p->week - 1) * 7 + 1);
    if (p->week_of_month)
        day = (int)((unsigned)(p->week_of_month - 1) * 7 + 1);
    if (day) {
        m->day = day;
        m->has_day = true;
    }
    if (p->month) {
        m->month = p->month;
        m->has_month = true;
    }
    return !doy || (m->month > 1 && m->day > 1) || day_of_year(p, doy, m, e);
}

static bool check_ranges(const Reading *r, const Moment *m, Err *e)
{
    const Parts *p = &r->p;
    if ((m->has_month && (m->month < 1 || m->month > 12)) ||
        (m->has_day && (m->day < 1 || m->day > 31)) ||
        (m->has_year && m->has_month && m->has_day && m->day > days_in_month(m->year, m->month)))
        return field_range(r, e);
    if (m->hour < 0 || m->hour > 23 || m->minute < 0 || m->minute > 59 || m->second < 0 ||
        m->second > 59 || m->us < 0 || m->us >= US_PER_S)
        return field_range(r, e);
    if (p->zone_sign &&
        (p->zone_hours < 0 || p->zone_hours > 15 || p->zone_minutes < 0 || p->zone_minutes > 59))
        return err_set(e, ERR_ZONE_DISPLACEMENT, "time zone displacement out of range: \"%s\"",
                       r->whole);
    return true;
}

static bool read_moment(EvalCtx *ctx, const Value *args, Reading *r, Moment *m, Err *e)
{
    TimeFormat f = time_format_parse(args[1].u.str, ctx->scratch);
    *r = (Reading){.whole = arena_cstr(ctx->scratch, args[0].u.str)};
    r->at = r->whole;
    *m = (Moment){.month = 1, .day = 1};
    return read_all(r, &f, e) && clock_of(&r->p, m, e) && date_of(&r->p, m, e) &&
           check_ranges(r, m, e);
}

FUNC_SCALAR(to_timestamp_format)
{
    FUNC_UNUSED;
    Reading r;
    Moment m;
    int64_t local;
    if (!read_moment(ctx, args, &r, &m, e))
        return false;
    int64_t us = m.hour * US_PER_H + m.minute * US_PER_MIN + m.second * US_PER_S + m.us;
    if (m.year < -5000 || m.year > 300000 ||
        __builtin_mul_overflow(civil_to_days(m.year, m.month, 1) + m.day - 1, US_PER_DAY, &local) ||
        __builtin_add_overflow(local, us, &local) || local < TIMESTAMP_MIN_US ||
        local > TIMESTAMP_MAX_US)
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    int64_t offset = (r.p.zone_hours * 3600 + r.p.zone_minutes * 60) * US_PER_S;
    local = r.p.zone_sign ? local - r.p.zone_sign * offset : tz_utc_us(ctx->env.tz, local);
    if (local < TIMESTAMP_MIN_US || local > TIMESTAMP_MAX_US)
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    *out = value_i64(local);
    return !r.p.fraction_digits ||
           type_apply_typmod(T_TIMESTAMPTZ, r.p.fraction_digits, false, ctx->scratch, out, e);
}

FUNC_SCALAR(to_date_format)
{
    FUNC_UNUSED;
    Reading r;
    Moment m;
    if (!read_moment(ctx, args, &r, &m, e))
        return false;
    int64_t days = m.year < -5000 || m.year > 6000000
                       ? INT64_MAX
                       : civil_to_days(m.year, m.month, 1) + m.day - 1;
    if (days < DATE_MIN_DAYS || days > DATE_MAX_DAYS)
        return err_set(e, ERR_DATETIME_RANGE, "date out of range: \"%s\"", r.whole);
    *out = value_i64(days);
    return true;
}

FuncDef func_from_char[] = {
    FS("to_timestamp(text, text) timestamptz", to_timestamp_format, STRICT | FN_STABLE,
       "read by a format"),
    FS("to_date(text, text) date", to_date_format, STRICT | FN_STABLE, "read by a format"),
    FUNC_END,
};
