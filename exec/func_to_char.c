/* exec/func_to_char.c - to_char() of times and intervals.
 *
 * TM spells names without blanks behind them; there is one language.  SP is taken and means nothing. */
#include "base/clock.h"
#include "exec/func_private.h"
#include "exec/func_text.h"
#include "exec/func_time.h"
#include "exec/time_format.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct Moment {
    Civil c;
    int64_t days; /* since 1970 */
    bool interval;
    int64_t hours; /* of an interval: may exceed 23 */
    IsoDay iso;    /* of an interval */
    int32_t offset;
    Slice zone;
} Moment;

static void put_ordinal(Buf *b, const TimeNode *node, int64_t v)
{
    if (!node->ordinal)
        return;
    int64_t u = llabs(v);
    const char *suffix = u % 100 >= 11 && u % 100 <= 13 ? "TH"
                         : u % 10 == 1                  ? "ST"
                         : u % 10 == 2                  ? "ND"
                         : u % 10 == 3                  ? "RD"
                                                        : "TH";
    for (int i = 0; i < 2; i++)
        buf_put_u8(b, (uint8_t)(node->ordinal == 'T' ? suffix[i] : suffix[i] + 32));
}

static void put_number(Buf *b, const TimeNode *node, int64_t v, int width)
{
    buf_printf(b, "%0*lld", node->fill ? width + (v < 0) : 0, (long long)v);
    put_ordinal(b, node, v);
}

/* A sign takes one of the places. */
static void put_count(Buf *b, const TimeNode *node, int64_t v, int width)
{
    put_number(b, node, v, width - (v < 0));
}

/* Always filled with zeros; a sign takes one of the places, as in PostgreSQL. */
static void put_fixed(Buf *b, const TimeNode *node, int64_t v, int width)
{
    put_count(b, &(TimeNode){.fill = true, .ordinal = node->ordinal}, v, width);
}

static void put_name(Buf *b, const TimeNode *node, const char *name, size_t len, int width)
{
    for (size_t i = 0; i < len; i++) {
        bool small = name[i] >= 'a' && name[i] <= 'z', large = name[i] >= 'A' && name[i] <= 'Z';
        if (small && node->letters == CASE_UPPER)
            buf_put_u8(b, (uint8_t)(name[i] - 32));
        else if (large && node->letters == CASE_LOWER)
            buf_put_u8(b, (uint8_t)(name[i] + 32));
        else
            buf_put_u8(b, (uint8_t)name[i]);
    }
    for (int i = (int)len;
         node->fill && (!node->translated || node->word->key == KEY_RM) && i < width; i++)
        buf_put_u8(b, ' ');
}

static void put_offset(Buf *b, const TimeNode *node, const Moment *m)
{
    int32_t o = abs(m->offset);
    buf_printf(b, "%c%0*d", m->offset < 0 ? '-' : '+', node->fill ? 2 : 0, o / 3600);
    if (o % 3600)
        buf_printf(b, ":%02d", o / 60 % 60);
}

static bool put_clock(Buf *b, const TimeNode *node, const Moment *m)
{
    static const int64_t scale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    int64_t hour = m->interval ? m->hours : m->c.hour;
    switch (node->word->key) {
    case KEY_HH12:
        put_number(b, node, hour % 12 == 0 ? 12 : hour % 12, 2);
        return true;
    case KEY_HH24:
        put_number(b, node, hour, 2);
        return true;
    case KEY_MI:
        put_number(b, node, m->c.minute, 2);
        return true;
    case KEY_SS:
        put_number(b, node, m->c.second, 2);
        return true;
    case KEY_SSSS:
        put_number(b, node, hour * 3600 + m->c.minute * 60 + m->c.second, 0);
        return true;
    case KEY_MS:
        put_fixed(b, node, m->c.us / 1000, 3);
        return true;
    case KEY_US:
        put_fixed(b, node, m->c.us, 6);
        return true;
    case KEY_FF:
        put_fixed(b, node, m->c.us / scale[node->word->width], node->word->width);
        return true;
    case KEY_AM:
        put_name(b, node, hour % 24 >= 12 ? "PM" : "AM", 2, 0);
        return true;
    case KEY_AM_DOTS:
        put_name(b, node, hour % 24 >= 12 ? "P.M." : "A.M.", 4, 0);
        return true;
    default:
        return false;
    }
}

static int64_t shown_year(int64_t year, bool interval)
{
    return interval ? year : year > 0 ? year : 1 - year;
}

/* An interval's sign has room by its own year, not by the week's. */
static bool put_iso_year(Buf *b, const TimeNode *node, const Moment *m)
{
    int64_t year = m->iso.year, scale = 1;
    if (node->word->key < KEY_IYYY || node->word->key > KEY_I)
        return false;
    if (!m->interval)
        iso_week(m->days, &year);
    year = shown_year(year, m->interval);
    for (int i = 0; i < node->word->width; i++)
        scale *= 10;
    put_number(b, node, node->word->key == KEY_IYYY ? year : year % scale,
               node->word->width - (year < 0) + (m->interval && m->c.year < 0));
    return true;
}

static bool put_year(Buf *b, const TimeNode *node, const Moment *m)
{
    int64_t y = shown_year(m->c.year, m->interval);
    switch (node->word->key) {
    case KEY_Y_YYY:
        buf_printf(b, "%lld,%03lld", (long long)(y / 1000), (long long)(y % 1000));
        put_ordinal(b, node, y % 1000);
        return true;
    case KEY_YYYY:
        put_number(b, node, y, 4);
        return true;
    case KEY_YYY:
        put_number(b, node, y % 1000, 3);
        return true;
    case KEY_YY:
        put_number(b, node, y % 100, 2);
        return true;
    case KEY_Y:
        put_number(b, node, y % 10, 1);
        return true;
    case KEY_BC:
        put_name(b, node, m->c.year > 0 ? "AD" : "BC", 2, 0);
        return true;
    case KEY_BC_DOTS:
        put_name(b, node, m->c.year > 0 ? "A.D." : "B.C.", 4, 0);
        return true;
    case KEY_CC:
        put_number(b, node,
                   m->interval     ? m->c.year / 100
                   : m->c.year > 0 ? (m->c.year + 99) / 100
                                   : m->c.year / 100 - 1,
                   2);
        return true;
    default:
        return false;
    }
}

/* Of an interval: months before a year count from its end, a whole year is its last month. */
static const char *roman_month(const Moment *m)
{
    if (m->c.month == 0 && m->c.year == 0)
        return "";
    if (m->c.month == 0)
        return time_roman_months[m->c.year > 0 ? 11 : 0];
    return time_roman_months[m->c.month > 0 ? m->c.month - 1 : m->c.month + 12];
}

static void put_calendar(Buf *b, const TimeNode *node, const Moment *m)
{
    int64_t weekday = floor_mod(m->days + 4, 7), iso, week,
            doy = m->interval ? m->c.year * 360 + m->c.month * 30 + m->c.day
                              : m->days - civil_to_days(m->c.year, 1, 1) + 1;
    const char *name = m->c.month > 0 ? time_month_names[m->c.month - 1] : "";
    switch (node->word->key) {
    case KEY_MONTH:
        put_name(b, node, name, strlen(name), 9);
        break;
    case KEY_MON:
        put_name(b, node, name, m->c.month > 0 ? 3 : 0, 0);
        break;
    case KEY_MM:
        put_number(b, node, m->c.month, 2);
        break;
    case KEY_DAY:
        put_name(b, node, time_day_names[weekday], strlen(time_day_names[weekday]), 9);
        break;
    case KEY_DY:
        put_name(b, node, time_day_names[weekday], 3, 0);
        break;
    case KEY_DDD:
        put_count(b, node, doy, 3);
        break;
    case KEY_IDDD:
        week = m->interval ? 0 : iso_week(m->days, &iso) - 1;
        put_count(b, node, m->interval ? m->iso.day_of_year : week * 7 + (weekday ? weekday : 7),
                  3);
        break;
    case KEY_DD:
        put_count(b, node, m->c.day, 2);
        break;
    case KEY_D:
        put_number(b, node, weekday + 1, 1);
        break;
    case KEY_ID:
        put_number(b, node, weekday ? weekday : 7, 1);
        break;
    case KEY_W:
        put_number(b, node, (m->c.day - 1) / 7 + 1, 1);
        break;
    case KEY_WW:
        put_count(b, node, (doy - 1) / 7 + 1, 2);
        break;
    case KEY_IW:
        put_count(b, node, m->interval ? m->iso.week : iso_week(m->days, &iso), 2);
        break;
    case KEY_J:
        put_number(b, node, m->interval ? m->iso.julian : m->days + 2440588, 0);
        break;
    case KEY_Q:
        if (m->c.month)
            put_number(b, node, (m->c.month - 1) / 3 + 1, 1);
        break;
    case KEY_RM:
        name = roman_month(m);
        put_name(b, node, name, strlen(name), *name ? 4 : 0);
        break;
    default:
        break;
    }
}

static void put_zone(Buf *b, const TimeNode *node, const Moment *m)
{
    switch (node->word->key) {
    case KEY_TZ: {
        TimeNode any = *node;
        any.fill = false;
        put_name(b, &any, m->zone.ptr, m->zone.len, 0);
        break;
    }
    case KEY_TZH:
        buf_printf(b, "%c%02d", m->offset < 0 ? '-' : '+', abs(m->offset) / 3600);
        break;
    case KEY_TZM:
        buf_printf(b, "%02d", abs(m->offset) / 60 % 60);
        break;
    default:
        put_offset(b, node, m);
        break;
    }
}

static void put_moment(Buf *b, const TimeFormat *f, const Moment *m)
{
    for (size_t i = 0; i < f->count; i++) {
        const TimeNode *node = &f->nodes[i];
        if (node->kind != NODE_FIELD)
            buf_put_slice(b, node->text);
        else if (node->word->key >= KEY_TZ)
            put_zone(b, node, m);
        else if (!put_clock(b, node, m) && !put_year(b, node, m) && !put_iso_year(b, node, m))
            put_calendar(b, node, m);
    }
}

static bool to_char_local(EvalCtx *ctx, int64_t local, int32_t offset, Slice zone, Slice format,
                          Value *out)
{
    Buf b;
    if (time_is_infinite(local) || format.len == 0) {
        out->null = true; /* as there */
        out->u.str = SLICE_NONE;
        return true;
    }
    Moment m = {.c = civil_of_us(local),
                .days = floor_div(local, US_PER_DAY),
                .offset = offset,
                .zone = zone};
    buf_init(&b);
    TimeFormat f = time_format_parse(format, ctx->scratch);
    put_moment(&b, &f, &m);
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(to_char_timestamp)
{
    FUNC_UNUSED;
    return to_char_local(ctx, args[0].u.i64, 0, SLICE_NONE, args[1].u.str, out);
}

FUNC_SCALAR(to_char_timestamptz)
{
    FUNC_UNUSED;
    Slice zone;
    int64_t us = args[0].u.i64;
    int32_t offset = tz_offset_at(ctx->env.tz, floor_div(us, US_PER_S), &zone);
    return to_char_local(ctx, tz_local_us(ctx->env.tz, us), offset, zone, args[1].u.str, out);
}

/* What only a day of the calendar has. */
static bool needs_date(const TimeNode *node)
{
    switch (node->word->key) {
    case KEY_BC:
    case KEY_BC_DOTS:
    case KEY_MONTH:
    case KEY_MON:
    case KEY_DAY:
    case KEY_DY:
    case KEY_D:
    case KEY_ID:
        return true;
    default:
        return node->word->key >= KEY_TZ;
    }
}

static bool interval_format(const TimeFormat *f, Err *e)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->nodes[i].kind != NODE_FIELD || !needs_date(&f->nodes[i]))
            continue;
        err_set(e, ERR_DATETIME_FORMAT, "invalid format specification for an interval value");
        return err_hint(e, "Intervals are not tied to specific calendar dates.");
    }
    return true;
}

FUNC_SCALAR(to_char_interval)
{
    FUNC_UNUSED;
    TimeFormat f = time_format_parse(args[1].u.str, ctx->scratch);
    if (!interval_format(&f, e))
        return false;
    if (f.count == 0 && args[1].u.str.len == 0) {
        func_null(out);
        return true;
    }
    Interval iv = args[0].u.iv;
    Moment m = {.interval = true,
                .hours = iv.us / US_PER_H,
                .iso = iso_day_of(iv.months / 12, iv.months % 12, iv.days)};
    m.c = (Civil){.year = iv.months / 12,
                  .month = iv.months % 12,
                  .day = iv.days,
                  .minute = (int)(iv.us / US_PER_MIN % 60),
                  .second = (int)(iv.us / US_PER_S % 60),
                  .us = (int)(iv.us % US_PER_S)};
    Buf b;
    buf_init(&b);
    put_moment(&b, &f, &m);
    *out = func_take(ctx, &b);
    return true;
}

FuncDef func_to_char[] = {
    FS("to_char(timestamptz, text) text", to_char_timestamptz, STRICT | FN_STABLE,
       "by a format such as YYYY-MM-DD"),
    FS("to_char(timestamp, text) text", to_char_timestamp, STRICT | FN_STABLE,
       "by a format such as YYYY-MM-DD"),
    FS("to_char(interval, text) text", to_char_interval, STRICT | FN_STABLE,
       "by a format such as HH24:MI"),
    FUNC_END,
};
