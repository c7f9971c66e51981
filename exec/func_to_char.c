/* to_char() of times and intervals, to_timestamp() and to_date() by a format.
 *
 * Both directions cut the format into the same nodes.  Roman numbers of months, TM and SP are not
 * supported; FX is accepted and changes nothing. */
#include "base/clock.h"
#include "exec/func_private.h"
#include "exec/func_text.h"
#include "exec/func_time.h"
#include <stdio.h>
#include <stdlib.h>

typedef enum Key {
    KEY_TEXT,
    KEY_HH12,
    KEY_HH24,
    KEY_MI,
    KEY_SS,
    KEY_SSSS,
    KEY_MS,
    KEY_US,
    KEY_FF,
    KEY_AM,
    KEY_AM_DOTS,
    KEY_Y_YYY,
    KEY_YYYY,
    KEY_YYY,
    KEY_YY,
    KEY_Y,
    KEY_IYYY,
    KEY_IYY,
    KEY_IY,
    KEY_I,
    KEY_BC,
    KEY_BC_DOTS,
    KEY_MONTH,
    KEY_MON,
    KEY_MM,
    KEY_DAY,
    KEY_DY,
    KEY_DDD,
    KEY_IDDD,
    KEY_DD,
    KEY_D,
    KEY_ID,
    KEY_W,
    KEY_WW,
    KEY_IW,
    KEY_CC,
    KEY_J,
    KEY_Q,
    KEY_RM,
    KEY_TZ,
    KEY_TZH,
    KEY_TZM,
    KEY_OF,
} Key;

typedef enum LetterCase { CASE_UPPER, CASE_TITLE, CASE_LOWER } LetterCase;

static const struct Word {
    const char *text;
    Key key;
    int width; /* digits when it is read or filled */
} words[] = {
    {"A.M.", KEY_AM_DOTS, 0}, {"P.M.", KEY_AM_DOTS, 0}, {"AM", KEY_AM, 0},
    {"PM", KEY_AM, 0},        {"A.D.", KEY_BC_DOTS, 0}, {"B.C.", KEY_BC_DOTS, 0},
    {"AD", KEY_BC, 0},        {"BC", KEY_BC, 0},        {"CC", KEY_CC, 2},
    {"DAY", KEY_DAY, 0},      {"DDD", KEY_DDD, 3},      {"DD", KEY_DD, 2},
    {"DY", KEY_DY, 0},        {"D", KEY_D, 1},          {"FF1", KEY_FF, 1},
    {"FF2", KEY_FF, 2},       {"FF3", KEY_FF, 3},       {"FF4", KEY_FF, 4},
    {"FF5", KEY_FF, 5},       {"FF6", KEY_FF, 6},       {"HH24", KEY_HH24, 2},
    {"HH12", KEY_HH12, 2},    {"HH", KEY_HH12, 2},      {"IDDD", KEY_IDDD, 3},
    {"ID", KEY_ID, 1},        {"IW", KEY_IW, 2},        {"IYYY", KEY_IYYY, 4},
    {"IYY", KEY_IYY, 3},      {"IY", KEY_IY, 2},        {"I", KEY_I, 1},
    {"J", KEY_J, 7},          {"MI", KEY_MI, 2},        {"MM", KEY_MM, 2},
    {"MONTH", KEY_MONTH, 0},  {"MON", KEY_MON, 0},      {"MS", KEY_MS, 3},
    {"OF", KEY_OF, 0},        {"Q", KEY_Q, 1},          {"RM", KEY_RM, 0},
    {"SSSSS", KEY_SSSS, 5},   {"SSSS", KEY_SSSS, 5},    {"SS", KEY_SS, 2},
    {"TZH", KEY_TZH, 2},      {"TZM", KEY_TZM, 2},      {"TZ", KEY_TZ, 0},
    {"US", KEY_US, 6},        {"WW", KEY_WW, 2},        {"W", KEY_W, 1},
    {"Y,YYY", KEY_Y_YYY, 4},  {"YYYY", KEY_YYYY, 4},    {"YYY", KEY_YYY, 3},
    {"YY", KEY_YY, 2},        {"Y", KEY_Y, 1},
};

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
static const char *const roman_months[] = {"I",   "II",   "III", "IV", "V",  "VI",
                                           "VII", "VIII", "IX",  "X",  "XI", "XII"};

typedef struct Node {
    Key key;
    int width;
    bool fill;    /* false after FM */
    char ordinal; /* 't' or 'T' for th, TH */
    LetterCase letters;
    Slice text; /* KEY_TEXT: literal */
    bool quoted;
} Node;

/* The letters of the pattern tell how names are spelled: MONTH, Month, month. */
static LetterCase letters_of(Slice t)
{
    bool first = t.ptr[0] >= 'a' && t.ptr[0] <= 'z';
    bool second = t.len > 1 && t.ptr[1] >= 'a' && t.ptr[1] <= 'z';
    return first ? CASE_LOWER : second ? CASE_TITLE : CASE_UPPER;
}

static bool take_prefix(Slice *f, const char *prefix)
{
    size_t len = strlen(prefix);
    if (f->len < len || !slice_eq_nocase(slice_of(f->ptr, len), slice_cstr(prefix)))
        return false;
    *f = slice_of(f->ptr + len, f->len - len);
    return true;
}

static bool take_word(Slice *f, Node *node)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i].text);
        if (f->len < len || !slice_eq_nocase(slice_of(f->ptr, len), slice_cstr(words[i].text)))
            continue;
        node->key = words[i].key;
        node->width = words[i].width;
        node->letters = letters_of(slice_of(f->ptr, len));
        *f = slice_of(f->ptr + len, f->len - len);
        return true;
    }
    return false;
}

/* One node off the front; "quoted text" without its quotes. */
static bool next_node(Slice *f, Node *node)
{
    Slice start = *f;
    *node = (Node){.fill = true};
    if (f->len == 0)
        return false;
    while (take_prefix(f, "FX") || take_prefix(f, "TM"))
        ;
    while (take_prefix(f, "FM"))
        node->fill = false;
    if (take_word(f, node)) {
        Slice at = *f;
        if (take_prefix(f, "TH"))
            node->ordinal = at.ptr[0];
        return true;
    }
    node->key = KEY_TEXT;
    if (f->len == 0) {
        node->text = SLICE_NONE;
        return f->ptr != start.ptr;
    }
    if (f->ptr[0] == '"') {
        const char *end = memchr(f->ptr + 1, '"', f->len - 1);
        size_t len = end ? (size_t)(end - f->ptr) - 1 : f->len - 1;
        node->text = slice_of(f->ptr + 1, len);
        node->quoted = true;
        size_t skip = len + 1 + (end != NULL);
        *f = slice_of(f->ptr + skip, f->len - skip);
        return true;
    }
    if (f->ptr[0] == '\\' && f->len > 1 && f->ptr[1] == '"')
        *f = slice_of(f->ptr + 1, f->len - 1);
    node->text = slice_of(f->ptr, 1);
    *f = slice_of(f->ptr + 1, f->len - 1);
    return true;
}

/* ---- writing ---- */

typedef struct Moment {
    Civil c;
    int64_t days; /* since 1970 */
    bool interval;
    int64_t hours; /* of an interval: may exceed 23 */
    IsoDay iso;    /* of an interval */
    int32_t offset;
    Slice zone;
} Moment;

static void put_number(Buf *b, const Node *node, int64_t v, int width)
{
    char text[32];
    snprintf(text, sizeof text, "%0*lld", node->fill ? width + (v < 0) : 0, (long long)v);
    buf_puts(b, text);
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

/* A sign takes one of the places. */
static void put_count(Buf *b, const Node *node, int64_t v, int width)
{
    put_number(b, node, v, width - (v < 0));
}

/* Always filled with zeros; a sign takes one of the places, as in PostgreSQL. */
static void put_fixed(Buf *b, const Node *node, int64_t v, int width)
{
    put_count(b, &(Node){.fill = true, .ordinal = node->ordinal}, v, width);
}

static void put_name(Buf *b, const Node *node, const char *name, size_t len, int width)
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
    for (int i = (int)len; node->fill && i < width; i++)
        buf_put_u8(b, ' ');
}

static void put_offset(Buf *b, const Moment *m)
{
    int32_t o = abs(m->offset);
    buf_printf(b, "%c%02d", m->offset < 0 ? '-' : '+', o / 3600);
    if (o % 3600)
        buf_printf(b, ":%02d", o / 60 % 60);
}

static bool put_clock(Buf *b, const Node *node, const Moment *m)
{
    static const int64_t scale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    int64_t hour = m->interval ? m->hours : m->c.hour;
    switch (node->key) {
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
        put_fixed(b, node, m->c.us / scale[node->width], node->width);
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
static bool put_iso_year(Buf *b, const Node *node, const Moment *m)
{
    int64_t year = m->iso.year, scale = 1;
    if (node->key < KEY_IYYY || node->key > KEY_I)
        return false;
    if (!m->interval)
        iso_week(m->days, &year);
    year = shown_year(year, m->interval);
    for (int i = 0; i < node->width; i++)
        scale *= 10;
    put_number(b, node, node->key == KEY_IYYY ? year : year % scale,
               node->width - (year < 0) + (m->interval && m->c.year < 0));
    return true;
}

static bool put_year(Buf *b, const Node *node, const Moment *m)
{
    int64_t y = shown_year(m->c.year, m->interval);
    switch (node->key) {
    case KEY_Y_YYY:
        buf_printf(b, "%lld,%03lld", (long long)(y / 1000), (long long)(y % 1000));
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
        return roman_months[m->c.year > 0 ? 11 : 0];
    return roman_months[m->c.month > 0 ? m->c.month - 1 : m->c.month + 12];
}

static void put_calendar(Buf *b, const Node *node, const Moment *m)
{
    int64_t weekday = floor_mod(m->days + 4, 7), iso, week,
            doy = m->interval ? m->c.year * 360 + m->c.month * 30 + m->c.day
                              : m->days - civil_to_days(m->c.year, 1, 1) + 1;
    const char *name = m->c.month > 0 ? month_names[m->c.month - 1] : "";
    switch (node->key) {
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
        put_name(b, node, day_names[weekday], strlen(day_names[weekday]), 9);
        break;
    case KEY_DY:
        put_name(b, node, day_names[weekday], 3, 0);
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

static void put_zone(Buf *b, const Node *node, const Moment *m)
{
    switch (node->key) {
    case KEY_TZ: {
        Node any = *node;
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
        put_offset(b, m);
        break;
    }
}

static void put_moment(Buf *b, Slice format, const Moment *m)
{
    Node node;
    while (next_node(&format, &node)) {
        if (node.key == KEY_TEXT)
            buf_put_slice(b, node.text);
        else if (node.key >= KEY_TZ)
            put_zone(b, &node, m);
        else if (!put_clock(b, &node, m) && !put_year(b, &node, m) && !put_iso_year(b, &node, m))
            put_calendar(b, &node, m);
    }
}

static bool to_char_local(EvalCtx *ctx, int64_t local, int32_t offset, Slice zone, Slice format,
                          Value *out)
{
    Buf b;
    if (time_is_infinite(local) || format.len == 0) {
        out->null = time_is_infinite(local);
        out->u.str = SLICE_NONE;
        return true;
    }
    Moment m = {.c = civil_of_us(local),
                .days = floor_div(local, US_PER_DAY),
                .offset = offset,
                .zone = zone};
    buf_init(&b);
    put_moment(&b, format, &m);
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
static bool needs_date(const Node *node)
{
    switch (node->key) {
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
        return node->key >= KEY_TZ;
    }
}

static bool interval_format(Slice format, Err *e)
{
    Node node;
    while (next_node(&format, &node)) {
        if (!needs_date(&node))
            continue;
        err_set(e, ERR_DATETIME_FORMAT, "invalid format specification for an interval value");
        return err_hint(e, "Intervals are not tied to specific calendar dates.");
    }
    return true;
}

FUNC_SCALAR(to_char_interval)
{
    FUNC_UNUSED;
    if (!interval_format(args[1].u.str, e))
        return false;
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
    put_moment(&b, args[1].u.str, &m);
    *out = func_take(ctx, &b);
    return true;
}

/* ---- reading ---- */

typedef struct Parts {
    int64_t year, month, day, doy, hour, minute, second, us, seconds_of_day, julian, century;
    int64_t iso_year, iso_week, iso_day, week, week_of_month, offset;
    bool has_year, pm, am, bc, hour12, has_doy, has_seconds, has_julian, has_iso, has_zone,
        iso_years;
    bool has_century, negative_zone;
} Parts;

typedef struct Reading {
    Slice whole, text; /* text: what is left */
    Parts p;
} Reading;

static bool bad_value(Err *e, Slice text, const char *field)
{
    err_set(e, ERR_DATETIME_FORMAT, "invalid value \"%.*s\" for \"%s\"", SLICE_ARG(text), field);
    return err_detail(e, "Value must be an integer.");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_blanks(Slice *t)
{
    while (t->len && (t->ptr[0] == ' ' || (t->ptr[0] >= '\t' && t->ptr[0] <= '\r')))
        *t = slice_of(t->ptr + 1, t->len - 1);
}

/* At most `width` digits, or all of them if no digit field follows. */
static bool read_number(Reading *r, const char *field, int width, bool open, int64_t *out,
                        int *digits, Err *e)
{
    Slice *t = &r->text;
    skip_blanks(t);
    bool negative =
        t->len && (t->ptr[0] == '-' || t->ptr[0] == '+') && t->len > 1 && is_digit(t->ptr[1]);
    bool minus = negative && t->ptr[0] == '-';
    size_t i = negative, from = i;
    int64_t v = 0;
    while (i < t->len && is_digit(t->ptr[i]) && (open || (int)(i - from) < width) && v < 100000000)
        v = v * 10 + (t->ptr[i++] - '0');
    if (i == from)
        return bad_value(e, slice_of(t->ptr, t->len < (size_t)width ? t->len : (size_t)width),
                         field);
    *digits = (int)(i - from);
    *out = minus ? -v : v;
    *t = slice_of(t->ptr + i, t->len - i);
    return true;
}

static bool read_name(Reading *r, const char *const *names, int count, size_t abbreviated,
                      const char *field, int64_t *out, Err *e)
{
    skip_blanks(&r->text);
    for (int i = 0; i < count; i++) {
        size_t len = abbreviated ? abbreviated : strlen(names[i]);
        if (r->text.len >= len &&
            slice_eq_nocase(slice_of(r->text.ptr, len), slice_of(names[i], len))) {
            r->text = slice_of(r->text.ptr + len, r->text.len - len);
            *out = i;
            return true;
        }
    }
    size_t shown = r->text.len < 9 ? r->text.len : 9;
    err_set(e, ERR_DATETIME_FORMAT, "invalid value \"%.*s\" for \"%s\"", (int)shown, r->text.ptr,
            field);
    return err_detail(e, "The given value did not match any of the allowed values for this field.");
}

static int64_t fraction(int64_t v, int digits)
{
    for (; digits < 6; digits++)
        v *= 10;
    for (; digits > 6; digits--)
        v /= 10;
    return v;
}

/* Of a field of less than four digits, read with less than four: two are 1970..2069, three 1520..2519. */
static int64_t full_year(const Node *node, int64_t v, int digits)
{
    if (node->width >= 4 || digits >= 4 || v < 0 || v > 999)
        return v;
    if (v < 70)
        return v + 2000;
    if (v < 100)
        return v + 1900;
    return v < 520 ? v + 2000 : v + 1000;
}

static bool store_number(Reading *r, const Node *node, int64_t v, int digits)
{
    Parts *p = &r->p;
    switch (node->key) {
    case KEY_HH12:
        p->hour = v;
        p->hour12 = true;
        break;
    case KEY_HH24:
        p->hour = v;
        break;
    case KEY_MI:
        p->minute = v;
        break;
    case KEY_SS:
        p->second = v;
        break;
    case KEY_SSSS:
        p->seconds_of_day = v;
        p->has_seconds = true;
        break;
    case KEY_MS:
    case KEY_US:
    case KEY_FF:
        p->us = fraction(v, digits);
        break;
    case KEY_YYYY:
    case KEY_YYY:
    case KEY_YY:
    case KEY_Y:
        p->year = full_year(node, v, digits);
        p->has_year = true;
        break;
    case KEY_IYYY:
    case KEY_IYY:
    case KEY_IY:
    case KEY_I:
        p->iso_year = full_year(node, v, digits);
        p->has_iso = true;
        break;
    case KEY_MM:
        p->month = v;
        break;
    case KEY_DD:
        p->day = v;
        break;
    case KEY_DDD:
        p->doy = v;
        p->has_doy = true;
        break;
    case KEY_IDDD:
        p->doy = v;
        p->has_iso = p->has_doy = true;
        break;
    case KEY_ID:
        p->iso_day = v;
        break;
    case KEY_IW:
        p->iso_week = v;
        p->has_iso = true;
        break;
    case KEY_W:
        p->week_of_month = v;
        break;
    case KEY_WW:
        p->week = v;
        break;
    case KEY_J:
        p->julian = v;
        p->has_julian = true;
        break;
    case KEY_CC:
        p->century = v;
        p->has_century = true;
        break;
    default: /* D and Q are read and mean nothing */
        break;
    }
    return true;
}

static bool read_zone(Reading *r, const Node *node, Err *e)
{
    Slice *t = &r->text;
    Parts *p = &r->p;
    int digits;
    int64_t v;
    skip_blanks(t);
    if (node->key == KEY_TZ || node->key == KEY_OF)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "formatting field \"%s\" is only supported in to_char",
                       node->key == KEY_TZ ? "TZ" : "OF");
    if (node->key == KEY_TZH) {
        p->negative_zone = t->len && t->ptr[0] == '-';
        if (!read_number(r, "TZH", 2, false, &v, &digits, e))
            return false;
        p->offset += (v < 0 ? -v : v) * 3600;
    } else {
        if (!read_number(r, "TZM", 2, false, &v, &digits, e))
            return false;
        p->offset += v * 60;
    }
    p->has_zone = true;
    return true;
}

static bool read_marker(Reading *r, const Node *node, Err *e)
{
    static const char *const am[] = {"AM", "PM"}, *const am_dots[] = {"A.M.", "P.M."};
    static const char *const bc[] = {"AD", "BC"}, *const bc_dots[] = {"A.D.", "B.C."};
    bool era = node->key == KEY_BC || node->key == KEY_BC_DOTS;
    bool dots = node->key == KEY_AM_DOTS || node->key == KEY_BC_DOTS;
    int64_t which = 0;
    if (!read_name(r,
                   era    ? (dots ? bc_dots : bc)
                   : dots ? am_dots
                          : am,
                   2, 0, era ? "BC" : "AM", &which, e))
        return false;
    if (era)
        r->p.bc = which == 1;
    else
        *(which ? &r->p.pm : &r->p.am) = true;
    return true;
}

static bool read_grouped_year(Reading *r, Err *e)
{
    int64_t thousands, rest;
    int digits;
    if (!read_number(r, "Y,YYY", 3, false, &thousands, &digits, e))
        return false;
    if (!r->text.len || r->text.ptr[0] != ',')
        return err_set(e, ERR_DATETIME_FORMAT, "invalid input string for \"Y,YYY\"");
    r->text = slice_of(r->text.ptr + 1, r->text.len - 1);
    if (!read_number(r, "Y,YYY", 3, false, &rest, &digits, e))
        return false;
    r->p.year = thousands * 1000 + rest;
    r->p.has_year = true;
    return true;
}

static bool read_node(Reading *r, const Node *node, bool digits_follow, Err *e)
{
    const char *name = "number";
    int64_t v = 0;
    int digits;
    switch (node->key) {
    case KEY_AM:
    case KEY_AM_DOTS:
    case KEY_BC:
    case KEY_BC_DOTS:
        return read_marker(r, node, e);
    case KEY_MONTH:
    case KEY_MON:
        if (!read_name(r, month_names, 12, node->key == KEY_MON ? 3 : 0,
                       node->key == KEY_MON ? "MON" : "MONTH", &v, e))
            return false;
        r->p.month = v + 1;
        return true;
    case KEY_RM:
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "format \"RM\" cannot be read");
    case KEY_DAY:
        return read_name(r, day_names, 7, 0, "DAY", &v, e);
    case KEY_DY:
        return read_name(r, day_names, 7, 3, "DY", &v, e);
    case KEY_Y_YYY:
        return read_grouped_year(r, e);
    case KEY_TZ:
    case KEY_TZH:
    case KEY_TZM:
    case KEY_OF:
        return read_zone(r, node, e);
    default:
        break;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].key == node->key && words[i].width == node->width)
            name = words[i].text;
    bool open =
        (!node->fill && node->key >= KEY_YYYY && node->key <= KEY_I) ||
        (!digits_follow && ((node->key >= KEY_YYYY && node->key <= KEY_I) || node->key == KEY_J));
    if (!read_number(r, name, node->width, open, &v, &digits, e))
        return false;
    if (node->ordinal && r->text.len >= 2)
        r->text = slice_of(r->text.ptr + 2, r->text.len - 2);
    return store_number(r, node, v, digits);
}

static bool is_numeric_key(Key k)
{
    return k != KEY_TEXT && k != KEY_AM && k != KEY_AM_DOTS && k != KEY_BC && k != KEY_BC_DOTS &&
           k != KEY_MONTH && k != KEY_MON && k != KEY_DAY && k != KEY_DY && k != KEY_RM &&
           k < KEY_TZ;
}

/* Separators of the format match any separators of the text, or none; other texts skip as many. */
static void skip_literal(Reading *r, const Node *node)
{
    for (size_t i = 0; i < node->text.len; i++) {
        char c = node->text.ptr[i];
        bool separator = !node->quoted && !is_digit(c) && !((c | 32) >= 'a' && (c | 32) <= 'z');
        if (!r->text.len)
            return;
        char t = r->text.ptr[0];
        bool text_separator =
            !is_digit(t) && !((t | 32) >= 'a' && (t | 32) <= 'z') && t != '-' && t != '+';
        if (separator && c != ' ' && !text_separator && t != c)
            return;
        if (separator && c == ' ' && !text_separator)
            return;
        r->text = slice_of(r->text.ptr + 1, r->text.len - 1);
    }
}

static bool read_all(Reading *r, Slice format, Err *e)
{
    Node node, ahead;
    while (next_node(&format, &node)) {
        Slice look = format;
        if (node.key == KEY_TEXT) {
            skip_literal(r, &node);
            continue;
        }
        if (r->text.len == 0)
            break;
        bool digits_follow = next_node(&look, &ahead) && is_numeric_key(ahead.key);
        if (!read_node(r, &node, digits_follow, e))
            return false;
    }
    return true;
}

static bool field_range(Reading *r, Err *e)
{
    return err_set(e, ERR_DATETIME_RANGE, "date/time field value out of range: \"%.*s\"",
                   SLICE_ARG(r->whole));
}

/* Which day the parts mean. */
static bool date_of_parts(Reading *r, int64_t *days, Err *e)
{
    Parts *p = &r->p;
    if (p->has_julian) {
        *days = p->julian - 2440588;
        return true;
    }
    if (p->has_century && !p->has_year)
        p->year = (p->century - 1) * 100 + 1;
    if (p->has_iso) {
        int64_t year = p->iso_year ? p->iso_year : 1, jan4 = civil_to_days(year, 1, 4);
        int64_t monday = jan4 - floor_mod(jan4 + 3, 7);
        *days = p->has_doy ? monday + p->doy - 1
                           : monday + (p->iso_week ? p->iso_week - 1 : 0) * 7 +
                                 (p->iso_day ? p->iso_day - 1 : 0);
        return true;
    }
    int64_t year = p->year;
    if (p->bc)
        year = 1 - year;
    else if (!p->has_year && !p->has_century)
        year = 0;
    if (p->has_doy || p->week) {
        *days = civil_to_days(year, 1, 1) + (p->has_doy ? p->doy : (p->week - 1) * 7 + 1) - 1;
        return true;
    }
    if (p->week_of_month && !p->day)
        p->day = (p->week_of_month - 1) * 7 + 1;
    int64_t month = p->month ? p->month : 1, day = p->day ? p->day : 1;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, (int)month))
        return field_range(r, e);
    *days = civil_to_days(year, (int)month, (int)day);
    return true;
}

static bool time_of_parts(Reading *r, int64_t *us, Err *e)
{
    Parts *p = &r->p;
    if (p->hour12 || p->am || p->pm) {
        if (p->hour < 1 || p->hour > 12) {
            if (p->hour12) {
                err_set(e, ERR_DATETIME_FORMAT, "hour \"%lld\" is invalid for the 12-hour clock",
                        (long long)p->hour);
                return err_hint(e, "Use the 24-hour clock, or give an hour between 1 and 12.");
            }
        } else if (p->pm && p->hour < 12) {
            p->hour += 12;
        } else if (p->am && p->hour == 12) {
            p->hour = 0;
        }
    }
    if (p->has_seconds) {
        p->hour = p->seconds_of_day / 3600;
        p->minute = p->seconds_of_day / 60 % 60;
        p->second = p->seconds_of_day % 60;
    }
    if (p->hour < 0 || p->hour > 24 || p->minute < 0 || p->minute > 59 || p->second < 0 ||
        p->second > 59)
        return field_range(r, e);
    *us = p->hour * US_PER_H + p->minute * US_PER_MIN + p->second * US_PER_S + p->us;
    return true;
}

static bool parse_by_format(const Value *args, Reading *r, int64_t *days, int64_t *us, Err *e)
{
    *r = (Reading){.whole = args[0].u.str, .text = args[0].u.str};
    return read_all(r, args[1].u.str, e) && date_of_parts(r, days, e) && time_of_parts(r, us, e);
}

FUNC_SCALAR(to_timestamp_format)
{
    FUNC_UNUSED;
    Reading r;
    int64_t days = 0, us = 0, local;
    if (!parse_by_format(args, &r, &days, &us, e))
        return false;
    if (__builtin_mul_overflow(days, US_PER_DAY, &local) ||
        __builtin_add_overflow(local, us, &local) || local < TIMESTAMP_MIN_US ||
        local > TIMESTAMP_MAX_US)
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    if (r.p.has_zone)
        *out = value_i64(local - (r.p.negative_zone ? -r.p.offset : r.p.offset) * US_PER_S);
    else
        *out = value_i64(tz_utc_us(ctx->env.tz, local));
    return true;
}

FUNC_SCALAR(to_date_format)
{
    FUNC_UNUSED;
    Reading r;
    int64_t days = 0, us = 0;
    if (!parse_by_format(args, &r, &days, &us, e))
        return false;
    if (days < DATE_MIN_DAYS || days > DATE_MAX_DAYS)
        return err_set(e, ERR_DATETIME_RANGE, "date out of range: \"%.*s\"",
                       SLICE_ARG(args[0].u.str));
    *out = value_i64(days);
    return true;
}

FuncDef func_to_char[] = {
    FS("to_char(timestamptz, text) text", to_char_timestamptz, STRICT | FN_STABLE,
       "by a format such as YYYY-MM-DD"),
    FS("to_char(timestamp, text) text", to_char_timestamp, STRICT | FN_STABLE,
       "by a format such as YYYY-MM-DD"),
    FS("to_char(interval, text) text", to_char_interval, STRICT | FN_STABLE,
       "by a format such as HH24:MI"),
    FS("to_timestamp(text, text) timestamptz", to_timestamp_format, STRICT | FN_STABLE,
       "read by a format"),
    FS("to_date(text, text) date", to_date_format, STRICT | FN_STABLE, "read by a format"),
    FUNC_END,
};
