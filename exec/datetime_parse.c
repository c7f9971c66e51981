#include "base/clock.h"
#include "exec/datetime.h"
#include "exec/type_private.h"

/* ---- pieces of the text, as PostgreSQL's ParseDateTime cuts them ---- */

typedef enum PieceKind {
    PIECE_NUMBER,
    PIECE_DATE,
    PIECE_TIME,
    PIECE_WORD,
    PIECE_ZONE,
    PIECE_SIGNED
} PieceKind;

typedef struct Piece {
    PieceKind kind;
    Slice text;
} Piece;

enum { PIECES_MAX = 25 };

typedef struct Input {
    const TypeEnv *env;
    TimeKind kind;
    Slice text;
    Piece pieces[PIECES_MAX];
    size_t count;
    /* what was found */
    bool has_year, has_month, has_day, text_month, has_time, has_zone, two_digit_year, bc, has_doy;
    bool want_time; /* after 'T' */
    bool julian;
    int meridian; /* 0 none, 1 AM, 2 PM */
    bool done;    /* a word that is the whole value: epoch, infinity, now */
    int64_t value;
    int64_t year;
    int month, day, doy;
    int hour, minute, second;
    int64_t us;
    int32_t offset;
    const TimeZone *zone; /* NULL: offset */
} Input;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_time(const Input *in)
{
    return in->kind == KIND_TIME || in->kind == KIND_TIMETZ;
}

static const char *kind_name(TimeKind kind)
{
    static const char *const names[] = {"date", "time", "time with time zone", "timestamp",
                                        "timestamp with time zone"};
    return names[kind];
}

static bool bad(const Input *in, Err *e)
{
    return err_set(e, ERR_DATETIME_FORMAT, "invalid input syntax for type %s: \"%.*s\"",
                   kind_name(in->kind), SLICE_ARG(in->text));
}

static bool overflow(const Input *in, bool month_or_day, Err *e)
{
    err_set(e, ERR_DATETIME_RANGE, "date/time field value out of range: \"%.*s\"",
            SLICE_ARG(in->text));
    if (month_or_day)
        err_hint(e, "Perhaps you need a different \"datestyle\" setting.");
    return false;
}

static bool out_of_range(const Input *in, Err *e)
{
    return err_set(e, ERR_DATETIME_RANGE, "%s out of range: \"%.*s\"",
                   in->kind == KIND_DATE ? "date" : "timestamp", SLICE_ARG(in->text));
}

static int find_month(Slice word)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    for (int i = 0; i < 12; i++)
        if (slice_eq_nocase(word, slice_cstr(names[i])) ||
            slice_eq_nocase(word, slice_of(names[i], 3)))
            return i + 1;
    return slice_eq_nocase(word, SLICE_LIT("sept")) ? 9 : 0;
}

static bool is_weekday(Slice word)
{
    static const char *const names[] = {
        "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sun", "mon",
        "tue",    "tues",   "wed",     "weds",      "thu",      "thur",   "thurs",    "fri", "sat"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_nocase(word, slice_cstr(names[i])))
            return true;
    return false;
}

static size_t span_digits(Slice t, size_t i)
{
    while (i < t.len && is_digit(t.ptr[i]))
        i++;
    return i;
}

/* Letters, digits and the delimiter; a purely numeric date ends at the first letter ('T'). */
static size_t span_date(Slice t, size_t i)
{
    char delimiter = t.ptr[i];
    bool numeric = i + 1 < t.len && is_digit(t.ptr[i + 1]);
    for (; i < t.len; i++) {
        char c = t.ptr[i];
        if (!(is_digit(c) || c == delimiter || (!numeric && is_letter(c))))
            break;
    }
    return i;
}

static size_t span_number(Slice t, size_t i, PieceKind *kind)
{
    i = span_digits(t, i);
    *kind = PIECE_NUMBER;
    if (i == t.len)
        return i;
    char c = t.ptr[i];
    if (c == ':') {
        *kind = PIECE_TIME;
        while (i < t.len && (is_digit(t.ptr[i]) || t.ptr[i] == ':' || t.ptr[i] == '.'))
            i++;
    } else if (c == '-' || c == '/' || c == '.') {
        size_t end = span_digits(t, i + 1);
        /* "040506.789": one point and nothing behind it is a fraction. */
        if (c == '.' && (end == t.len || t.ptr[end] != '.') &&
            !(i + 1 < t.len && is_letter(t.ptr[i + 1])))
            return end;
        if (i + 1 < t.len && (is_digit(t.ptr[i + 1]) || is_letter(t.ptr[i + 1]))) {
            *kind = PIECE_DATE;
            return span_date(t, i);
        }
    }
    return i;
}

static size_t span_word(Slice t, size_t i, PieceKind *kind)
{
    size_t from = i;
    while (i < t.len && is_letter(t.ptr[i]))
        i++;
    *kind = PIECE_WORD;
    Slice word = slice_of(t.ptr + from, i - from);
    if (i == t.len)
        return i;
    if (find_month(word) && strchr("-/.", t.ptr[i]) && i + 1 < t.len && is_digit(t.ptr[i + 1])) {
        *kind = PIECE_DATE;
        return span_date(t, i);
    }
    int32_t offset;
    bool dst, known = tz_abbreviation(word, &offset, &dst);
    bool zone = t.ptr[i] == '/' || t.ptr[i] == '_' || (is_digit(t.ptr[i]) && known);
    if (!zone)
        return i;
    *kind = PIECE_ZONE;
    while (i < t.len && (is_letter(t.ptr[i]) || is_digit(t.ptr[i]) || strchr("/_+-", t.ptr[i])))
        i++;
    return i;
}

static bool cut(Input *in, Err *e)
{
    Slice t = type_trim(in->text);
    for (size_t i = 0; i < t.len;) {
        char c = t.ptr[i];
        size_t from = i;
        PieceKind kind;
        if (c == ' ' || c == ',' || (c >= '\t' && c <= '\r')) {
            i++;
            continue;
        }
        if (in->count == PIECES_MAX)
            return bad(in, e);
        if (is_digit(c)) {
            i = span_number(t, i, &kind);
        } else if (c == '.' && i + 1 < t.len && is_digit(t.ptr[i + 1])) {
            i = span_digits(t, i + 1);
            kind = PIECE_NUMBER;
        } else if (is_letter(c)) {
            i = span_word(t, i, &kind);
        } else if (c == '+' || c == '-') {
            for (i++; i < t.len && t.ptr[i] == ' ';)
                i++;
            kind = PIECE_SIGNED;
            if (i < t.len && is_digit(t.ptr[i]))
                while (i < t.len && (is_digit(t.ptr[i]) || t.ptr[i] == ':' || t.ptr[i] == '.'))
                    i++;
            else if (i < t.len && is_letter(t.ptr[i]))
                while (i < t.len && is_letter(t.ptr[i]))
                    i++;
            else
                return bad(in, e);
        } else {
            return bad(in, e);
        }
        in->pieces[in->count++] = (Piece){kind, slice_of(t.ptr + from, i - from)};
    }
    return in->count > 0 || bad(in, e);
}

/* ---- numbers ---- */

static bool small_number(Slice t, int64_t *v)
{
    if (t.len == 0 || t.len > 9)
        return false;
    *v = 0;
    for (size_t i = 0; i < t.len; i++) {
        if (!is_digit(t.ptr[i]))
            return false;
        *v = *v * 10 + (t.ptr[i] - '0');
    }
    return true;
}

static void set_year(Input *in, int64_t v, size_t digits)
{
    in->year = v;
    in->has_year = true;
    in->two_digit_year = digits <= 2;
}

static void set_month(Input *in, int64_t v)
{
    in->month = v > 99 ? 99 : (int)v;
    in->has_month = true;
}

static void set_day(Input *in, int64_t v)
{
    in->day = v > 99 ? 99 : (int)v;
    in->has_day = true;
}

/* The first number of a date. */
static void first_number(Input *in, int64_t v, size_t digits)
{
    DateOrder order = in->env->date_order;
    if (digits >= 3 || order == ORDER_YMD)
        set_year(in, v, digits);
    else if (order == ORDER_DMY)
        set_day(in, v);
    else
        set_month(in, v);
}

/* A number that is part of a date: what it is depends on what is known, and on DateStyle. */
static bool date_number(Input *in, Slice t, Err *e)
{
    int64_t v;
    if (!small_number(t, &v))
        return bad(in, e);
    if (t.len == 3 && in->has_year && !in->has_month && !in->has_day && v >= 1 && v <= 366) {
        in->doy = (int)v;
        in->has_doy = in->has_month = in->has_day = true;
    } else if (!in->has_year && !in->has_month && !in->has_day) {
        first_number(in, v, t.len);
    } else if (in->has_year && !in->has_month) {
        set_month(in, v);
    } else if (in->has_month && !in->has_day) {
        if (!in->text_month) {
            set_day(in, v);
        } else if (!in->has_year) {
            if (t.len >= 3 || in->env->date_order == ORDER_YMD)
                set_year(in, v, t.len);
            else
                set_day(in, v);
        } else if (t.len >= 3 && in->two_digit_year) { /* DD-MON-YYYY, even in order YMD */
            set_day(in, in->year);
            set_year(in, v, t.len);
        } else {
            set_day(in, v);
        }
    } else if (in->has_day && !in->has_month) {
        set_month(in, v);
    } else if (!in->has_year) {
        set_year(in, v, t.len);
    } else {
        return bad(in, e);
    }
    return true;
}

/* "2001-02-03", "1/8/1999", "8-Jan-1999": words first, so that the numbers know of them. */
static bool date_piece(Input *in, Slice t, Err *e)
{
    Slice part[3];
    size_t n = 0;
    for (size_t i = 0; i <= t.len;) {
        size_t from = i;
        bool digits = i < t.len && is_digit(t.ptr[i]);
        while (i < t.len && (digits ? is_digit(t.ptr[i]) : is_letter(t.ptr[i])))
            i++;
        if (n == 3 || i == from)
            return bad(in, e);
        part[n++] = slice_of(t.ptr + from, i - from);
        if (i == t.len)
            break;
        if (strchr("-/.", t.ptr[i]))
            i++;
    }
    for (size_t i = 0; i < n; i++) {
        if (is_digit(part[i].ptr[0]))
            continue;
        int month = find_month(part[i]);
        if (!month || in->has_month)
            return bad(in, e);
        set_month(in, month);
        in->text_month = true;
    }
    for (size_t i = 0; i < n; i++)
        if (is_digit(part[i].ptr[0]) && !date_number(in, part[i], e))
            return false;
    return true;
}

/* Digits after a point, rounded to us. */
static int64_t fraction_us(Slice t)
{
    int64_t us = 0, unit = 100000;
    for (size_t i = 0; i < t.len && is_digit(t.ptr[i]); i++) {
        if (unit == 0) {
            us += t.ptr[i] >= '5';
            break;
        }
        us += (t.ptr[i] - '0') * unit;
        unit /= 10;
    }
    return us;
}

static bool time_piece(Input *in, Slice t, Err *e)
{
    int64_t part[3] = {0};
    size_t n = 0, i = 0;
    if (in->has_time)
        return bad(in, e);
    for (;;) {
        size_t end = span_digits(t, i);
        if (n == 3 || !small_number(slice_of(t.ptr + i, end - i), &part[n++]))
            return bad(in, e);
        i = end;
        if (i == t.len || t.ptr[i] != ':')
            break;
        i++;
    }
    if (i < t.len) {
        if (t.ptr[i] != '.' || n < 2)
            return bad(in, e);
        in->us = fraction_us(slice_of(t.ptr + i + 1, t.len - i - 1));
        if (n == 2) { /* "04:05.6" is minutes and seconds */
            part[2] = part[1];
            part[1] = part[0];
            part[0] = 0;
        }
    }
    if (part[0] > 24 || part[1] > 59 || part[2] > 60)
        return overflow(in, false, e);
    in->hour = (int)part[0];
    in->minute = (int)part[1];
    in->second = (int)part[2];
    in->has_time = true;
    return true;
}

/* hhmm, hhmmss[.f] without colons. */
static bool packed_time(Input *in, Slice t, Err *e)
{
    const char *point = memchr(t.ptr, '.', t.len);
    size_t digits = point ? (size_t)(point - t.ptr) : t.len;
    int64_t v;
    if (in->has_time || (digits != 6 && (point || (digits != 4 && digits != 2))) ||
        !small_number(slice_of(t.ptr, digits), &v))
        return bad(in, e);
    if (digits == 2)
        v *= 100;
    if (digits != 6)
        v *= 100;
    in->hour = (int)(v / 10000);
    in->minute = (int)(v / 100 % 100);
    in->second = (int)(v % 100);
    if (point)
        in->us = fraction_us(slice_of(point + 1, t.len - digits - 1));
    if (in->hour > 24 || in->minute > 59 || in->second > 60)
        return overflow(in, false, e);
    in->has_time = true;
    return true;
}

static bool julian_day(Input *in, Slice t, Err *e)
{
    int64_t jd;
    const char *point = memchr(t.ptr, '.', t.len);
    size_t digits = point ? (size_t)(point - t.ptr) : t.len;
    if (!small_number(slice_of(t.ptr, digits), &jd) || in->has_year || in->has_month)
        return bad(in, e);
    civil_from_days(jd - 2440588, &in->year, &in->month, &in->day);
    in->has_year = in->has_month = in->has_day = true;
    in->julian = true;
    if (point) {
        int64_t us = fraction_us(slice_of(point + 1, t.len - digits - 1)) * 86400;
        in->hour = (int)(us / US_PER_H);
        in->minute = (int)(us / US_PER_MIN % 60);
        in->second = (int)(us / US_PER_S % 60);
        in->us = us % US_PER_S;
        in->has_time = true;
    }
    return true;
}

static bool number_piece(Input *in, Slice t, Err *e)
{
    bool has_date = in->has_year && in->has_month && in->has_day;
    bool point = memchr(t.ptr, '.', t.len) != NULL;
    int64_t v;
    if (in->want_time || (has_date && !in->has_time && (t.len >= 4 || point)) ||
        (is_time(in) && !in->has_time && (t.len == 4 || t.len >= 6) &&
         t.ptr == in->pieces[0].text.ptr))
        return packed_time(in, t, e);
    if (!in->has_year && !in->has_month && !in->has_day && !point && t.len >= 6 && t.len <= 9) {
        if (!small_number(t, &v))
            return bad(in, e);
        set_year(in, v / 10000, t.len - 4);
        set_month(in, v / 100 % 100);
        set_day(in, v % 100);
        return true;
    }
    /* "04 PM" */
    if (is_time(in) && !in->has_time && t.len <= 2 && in->count > 1)
        return packed_time(in, t, e);
    if (point && !in->has_year && !in->has_month && !in->has_day && t.len == 8 && t.ptr[4] == '.')
        return date_number(in, slice_of(t.ptr, 4), e) && date_number(in, slice_of(t.ptr + 5, 3), e);
    return date_number(in, t, e);
}

/* ---- zones ---- */

static bool signed_zone(Input *in, Slice t, Err *e)
{
    int64_t part[3] = {0};
    size_t n = 0;
    bool negative = t.ptr[0] == '-';
    size_t i = 1;
    while (i < t.len && t.ptr[i] == ' ')
        i++;
    size_t from = i;
    for (;;) {
        size_t end = span_digits(t, i);
        if (n == 3 || !small_number(slice_of(t.ptr + i, end - i), &part[n++]))
            return bad(in, e);
        i = end;
        if (i == t.len)
            break;
        if (t.ptr[i++] != ':')
            return bad(in, e);
    }
    if (n == 1 && t.len - from > 2) { /* hhmm, hhmmss */
        size_t len = t.len - from;
        int64_t v = part[0];
        part[2] = len > 4 ? v % 100 : 0;
        v = len > 4 ? v / 100 : v;
        part[1] = v % 100;
        part[0] = v / 100;
    }
    if (part[0] > 15 || part[1] > 59 || part[2] > 59)
        return err_set(e, ERR_ZONE_DISPLACEMENT, "time zone displacement out of range: \"%.*s\"",
                       SLICE_ARG(in->text));
    int32_t s = (int32_t)(part[0] * 3600 + part[1] * 60 + part[2]);
    in->offset = negative ? -s : s;
    in->has_zone = true;
    return true;
}

static bool named_zone(Input *in, Slice t, Err *e)
{
    bool dst;
    if (in->has_zone)
        return bad(in, e);
    if (tz_abbreviation(t, &in->offset, &dst)) {
        in->has_zone = true;
        return true;
    }
    Err unknown;
    in->zone = tz_find(t, &unknown);
    in->has_zone = in->zone != NULL;
    if (in->zone)
        return true;
    if (!memchr(t.ptr, '/', t.len))
        return bad(in, e);
    char lower[64];
    size_t n = t.len < sizeof lower ? t.len : sizeof lower;
    for (size_t i = 0; i < n; i++)
        lower[i] = t.ptr[i] >= 'A' && t.ptr[i] <= 'Z' ? (char)(t.ptr[i] + 32) : t.ptr[i];
    return err_set(e, ERR_INVALID_PARAMETER, "time zone \"%.*s\" not recognized", (int)n, lower);
}

/* ---- words ---- */

static void set_civil_date(Input *in, int64_t days)
{
    civil_from_days(days, &in->year, &in->month, &in->day);
    in->has_year = in->has_month = in->has_day = true;
    in->two_digit_year = false;
}

static bool value_word(Input *in, Slice t)
{
    const TypeEnv *env = in->env;
    int64_t local = tz_local_us(env->tz, env->now_us);
    int64_t today = floor_div(local, US_PER_DAY);
    if (slice_eq_nocase(t, SLICE_LIT("now"))) {
        set_civil_date(in, today);
        in->done = true;
        in->value = env->now_us;
    } else if (slice_eq_nocase(t, SLICE_LIT("today"))) {
        set_civil_date(in, today);
    } else if (slice_eq_nocase(t, SLICE_LIT("tomorrow"))) {
        set_civil_date(in, today + 1);
    } else if (slice_eq_nocase(t, SLICE_LIT("yesterday"))) {
        set_civil_date(in, today - 1);
    } else if (slice_eq_nocase(t, SLICE_LIT("epoch"))) {
        set_civil_date(in, 0);
        in->done = true;
        in->value = 0;
    } else if (slice_eq_nocase(t, SLICE_LIT("infinity"))) {
        in->done = true;
        in->value = INT64_MAX;
    } else if (slice_eq_nocase(t, SLICE_LIT("-infinity"))) {
        in->done = true;
        in->value = INT64_MIN;
    } else {
        return false;
    }
    return true;
}

static bool word_piece(Input *in, Slice t, Err *e)
{
    int month = find_month(t);
    if (month) {
        /* "8 Jan 1999": what was taken for the month is the day. */
        if (in->has_month && !in->text_month && !in->has_day) {
            set_day(in, in->month);
        } else if (in->has_month) {
            return bad(in, e);
        }
        set_month(in, month);
        in->text_month = true;
        return true;
    }
    if (slice_eq_nocase(t, SLICE_LIT("t"))) {
        in->want_time = true;
        return true;
    }
    if (slice_eq_nocase(t, SLICE_LIT("am")) || slice_eq_nocase(t, SLICE_LIT("pm"))) {
        in->meridian = (t.ptr[0] | 32) == 'a' ? 1 : 2;
        return true;
    }
    if (slice_eq_nocase(t, SLICE_LIT("bc"))) {
        in->bc = true;
        return true;
    }
    if (slice_eq_nocase(t, SLICE_LIT("ad")) || slice_eq_nocase(t, SLICE_LIT("on")) ||
        slice_eq_nocase(t, SLICE_LIT("at")) || slice_eq_nocase(t, SLICE_LIT("dst")) ||
        is_weekday(t))
        return true;
    if (slice_eq_nocase(t, SLICE_LIT("allballs"))) {
        in->has_time = in->has_zone = true;
        return true;
    }
    return value_word(in, t) || named_zone(in, t, e);
}

static bool read_pieces(Input *in, Err *e)
{
    for (size_t i = 0; i < in->count; i++) {
        const Piece *p = &in->pieces[i];
        Slice t = p->text;
        bool ok;
        switch (p->kind) {
        case PIECE_NUMBER:
            if (i > 0 && in->pieces[i - 1].kind == PIECE_WORD &&
                slice_eq_nocase(in->pieces[i - 1].text, SLICE_LIT("j")))
                ok = julian_day(in, t, e);
            else
                ok = number_piece(in, t, e);
            break;
        case PIECE_DATE:
            ok = date_piece(in, t, e);
            break;
        case PIECE_TIME:
            ok = time_piece(in, t, e);
            break;
        case PIECE_WORD:
            if (slice_eq_nocase(t, SLICE_LIT("j")) && i + 1 < in->count)
                continue;
            ok = word_piece(in, t, e);
            break;
        case PIECE_ZONE:
            ok = named_zone(in, t, e);
            break;
        default:
            if (is_letter(t.ptr[t.len - 1]))
                ok = value_word(in, t) || bad(in, e);
            else
                ok = signed_zone(in, t, e);
            break;
        }
        if (!ok)
            return false;
    }
    return true;
}

/* ---- putting it together ---- */

static bool check_date(Input *in, Err *e)
{
    if (!in->has_year || !in->has_month || !in->has_day)
        return bad(in, e);
    if (in->bc) {
        if (in->year <= 0)
            return overflow(in, false, e);
        in->year = 1 - in->year;
    } else if (in->two_digit_year) {
        in->year += in->year < 70 ? 2000 : in->year < 100 ? 1900 : 0;
    } else if (in->year <= 0 && !in->julian) {
        return overflow(in, false, e);
    }
    if (in->has_doy) {
        int64_t days = civil_to_days(in->year, 1, 1) + in->doy - 1;
        int64_t year = in->year;
        civil_from_days(days, &in->year, &in->month, &in->day);
        if (year != in->year)
            return overflow(in, false, e);
    }
    if (in->month < 1 || in->month > 12)
        return overflow(in, true, e);
    if (in->day < 1 || in->day > 31)
        return overflow(in, true, e);
    if (in->day > days_in_month(in->year, in->month))
        return overflow(in, false, e);
    return true;
}

static bool check_time(Input *in, Err *e)
{
    if (in->meridian && in->hour > 12)
        return overflow(in, false, e);
    if (in->meridian == 1 && in->hour == 12)
        in->hour = 0;
    else if (in->meridian == 2 && in->hour != 12)
        in->hour += 12;
    if (in->hour == 24 && (in->minute || in->second || in->us))
        return overflow(in, false, e);
    return true;
}

static int64_t time_of_day(const Input *in)
{
    return in->hour * US_PER_H + in->minute * US_PER_MIN + in->second * US_PER_S + in->us;
}

static bool finish_timestamp(Input *in, int64_t *out, Err *e)
{
    int64_t days = civil_to_days(in->year, in->month, in->day), us;
    if (__builtin_mul_overflow(days, US_PER_DAY, &us) ||
        __builtin_add_overflow(us, time_of_day(in), &us))
        return out_of_range(in, e);
    if (in->kind == KIND_TIMESTAMPTZ) {
        int64_t local = us;
        if (in->has_zone && !in->zone) {
            if (__builtin_sub_overflow(us, in->offset * US_PER_S, &us))
                return out_of_range(in, e);
        } else {
            us = tz_utc_us(in->zone ? in->zone : in->env->tz, us);
        }
        if ((local > 0) != (us > 0) && (local > US_PER_DAY * 2 || local < -US_PER_DAY * 2))
            return out_of_range(in, e);
    }
    if (us < TIMESTAMP_MIN_US || us > TIMESTAMP_MAX_US)
        return out_of_range(in, e);
    *out = us;
    return true;
}

/* A zone with changing offsets needs a date to stand for one; without a zone the session's offset now holds. */
static bool finish_time(Input *in, int64_t *out, Err *e)
{
    bool has_date = in->has_year && in->has_month && in->has_day;
    if (!in->has_time || (in->zone && !has_date && !tz_is_constant(in->zone)))
        return bad(in, e);
    *out = time_of_day(in);
    if (*out > US_PER_DAY)
        return overflow(in, false, e);
    if (in->kind == KIND_TIME)
        return true;
    int64_t utc = in->env->now_us;
    const TimeZone *tz = in->zone ? in->zone : in->env->tz;
    if (has_date && (!in->has_zone || in->zone)) {
        if (!check_date(in, e))
            return false;
        utc = tz_utc_us(tz, civil_to_days(in->year, in->month, in->day) * US_PER_DAY + *out);
    }
    int32_t offset = tz_offset_at(tz, floor_div(utc, US_PER_S), NULL);
    *out = timetz_pack(*out, in->has_zone && !in->zone ? in->offset : offset);
    return true;
}

static bool finish_word(const Input *in, int64_t *out, Err *e)
{
    int64_t v = in->value;
    bool infinite = time_is_infinite(v);
    switch (in->kind) {
    case KIND_TIME:
    case KIND_TIMETZ:
        if (infinite)
            return bad(in, e);
        *out = floor_mod(tz_local_us(in->env->tz, v), US_PER_DAY);
        if (in->kind == KIND_TIMETZ)
            *out = timetz_pack(*out, tz_offset_at(in->env->tz, floor_div(v, US_PER_S), NULL));
        return true;
    case KIND_DATE:
        if (!infinite)
            v = floor_div(v == 0 ? 0 : tz_local_us(in->env->tz, v), US_PER_DAY);
        *out = v;
        return true;
    case KIND_TIMESTAMP:
        *out = v == 0 ? 0 : tz_local_us(in->env->tz, v);
        return true;
    default:
        *out = v;
        return true;
    }
}

/* ---- the form that machines write, at once ---- */

/* A run of digits; its length. */
static size_t read_digits(Slice t, size_t at, size_t max, int *value)
{
    size_t n = 0;
    for (*value = 0; n < max && at + n < t.len && is_digit(t.ptr[at + n]); n++)
        *value = *value * 10 + (t.ptr[at + n] - '0');
    return n;
}

static bool read_two(Slice t, size_t at, char before, int max, int *value)
{
    return at < t.len && t.ptr[at] == before && read_digits(t, at + 1, 2, value) == 2 &&
           *value <= max;
}

/* "2026-01-31 12:34:56.789+00": four digits of year, ISO order (which no DateStyle reads otherwise),
 * nothing out of range.  All else, errors included, is left to the pieces. */
static bool read_iso(Input *in)
{
    enum { DATE_LENGTH = 10, SECONDS_END = 19, FRACTION_DIGITS = 6, OFFSET_HOURS_MAX = 14 };
    Slice t = in->text;
    int year, us, hours;
    if (read_digits(t, 0, 4, &year) != 4 || year == 0 || !read_two(t, 4, '-', 12, &in->month) ||
        !read_two(t, 7, '-', 31, &in->day) || in->month == 0 || in->day == 0 ||
        in->day > days_in_month(year, in->month))
        return false;
    in->year = year;
    size_t i = DATE_LENGTH;
    if (i == t.len)
        return true;
    if (!(read_two(t, i, ' ', 23, &in->hour) || read_two(t, i, 'T', 23, &in->hour)) ||
        !read_two(t, i + 3, ':', 59, &in->minute) || !read_two(t, i + 6, ':', 59, &in->second))
        return false;
    i = SECONDS_END;
    if (i < t.len && t.ptr[i] == '.') {
        size_t n = read_digits(t, i + 1, FRACTION_DIGITS, &us);
        i += n + 1;
        for (in->us = us; n > 0 && n < FRACTION_DIGITS; n++)
            in->us *= 10;
        if (n == 0)
            return false;
    }
    if (i == t.len)
        return true;
    in->has_zone = true;
    if (t.len == i + 1 && t.ptr[i] == 'Z')
        return true;
    char sign = t.ptr[i];
    if (t.len != i + 3 || (sign != '+' && sign != '-') ||
        !read_two(t, i, sign, OFFSET_HOURS_MAX, &hours))
        return false;
    in->offset = (sign == '-' ? -hours : hours) * 3600;
    return true;
}

bool datetime_parse(const TypeEnv *env, TimeKind kind, Slice text, int64_t *out, Err *e)
{
    Input in = {.env = env, .kind = kind, .text = text};
    if (text.len > 200)
        return bad(&in, e);
    if ((kind == KIND_TIMESTAMP || kind == KIND_TIMESTAMPTZ) && read_iso(&in))
        return finish_timestamp(&in, out, e);
    in = (Input){.env = env, .kind = kind, .text = text};
    if (!cut(&in, e) || !read_pieces(&in, e))
        return false;
    if (in.done)
        return in.count == 1 ? finish_word(&in, out, e) : bad(&in, e);
    if (in.want_time && !in.has_time)
        return bad(&in, e);
    if (!check_time(&in, e))
        return false;
    if (is_time(&in))
        return finish_time(&in, out, e);
    if (!check_date(&in, e))
        return false;
    if (kind != KIND_DATE)
        return finish_timestamp(&in, out, e);
    *out = civil_to_days(in.year, in.month, in.day);
    return (*out >= DATE_MIN_DAYS && *out <= DATE_MAX_DAYS) || out_of_range(&in, e);
}
