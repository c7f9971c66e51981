/* exec/interval_fields.c - INTERVAL with fields: typmods, literals, what is cut off. */
#include "exec/interval.h"
#include "exec/type_private.h"
#include <stdio.h>

static const struct Field {
    IntervalFields field;
    int bit; /* of PostgreSQL's mask */
    const char *name;
    int64_t us; /* 0: no part of a day */
} fields_table[] = {
    {INTERVAL_YEAR, 2, "year", 0},
    {INTERVAL_MONTH, 1, "month", 0},
    {INTERVAL_DAY, 3, "day", 0},
    {INTERVAL_HOUR, 10, "hour", US_PER_H},
    {INTERVAL_MINUTE, 11, "minute", US_PER_MIN},
    {INTERVAL_SECOND, 12, "second", 1},
};

enum { FULL_RANGE = 0x7fff, FULL_PRECISION = 0xffff };

int32_t interval_typmod(IntervalFields fields, int digits)
{
    int32_t mask = 0;
    for (size_t i = 0; i < ARRAY_LEN(fields_table); i++)
        if (fields & fields_table[i].field)
            mask |= 1 << fields_table[i].bit;
    return mask << 16 | (digits < 0 ? FULL_PRECISION : digits);
}

IntervalFields interval_typmod_fields(int32_t typmod)
{
    int mask = typmod < 0 ? FULL_RANGE : typmod >> 16 & FULL_RANGE, fields = 0;
    for (size_t i = 0; i < ARRAY_LEN(fields_table); i++)
        if (mask & 1 << fields_table[i].bit)
            fields |= (int)fields_table[i].field;
    return (IntervalFields)fields;
}

int interval_typmod_digits(int32_t typmod)
{
    int digits = typmod & FULL_PRECISION;
    return typmod < 0 || digits == FULL_PRECISION ? -1 : digits;
}

static const struct Field *least(IntervalFields fields)
{
    const struct Field *f = &fields_table[ARRAY_LEN(fields_table) - 1];
    while (f > fields_table && !(fields & f->field))
        f--;
    return f;
}

void interval_keep_fields(IntervalFields fields, Interval *v)
{
    const struct Field *f = least(fields);
    if (f->field == INTERVAL_YEAR)
        v->months -= v->months % 12;
    if (f->field <= INTERVAL_MONTH)
        v->days = 0;
    if (f->us)
        v->us -= v->us % f->us;
    else
        v->us = 0;
}

void interval_print_typmod(int32_t typmod, Buf *out)
{
    IntervalFields fields = interval_typmod_fields(typmod);
    int digits = interval_typmod_digits(typmod);
    if (fields && fields != INTERVAL_FIELDS_ALL) { /* format_type() takes any number */
        const struct Field *last = least(fields), *first = fields_table;
        while (!(fields & first->field))
            first++;
        buf_printf(out, " %s", first->name);
        if (last != first)
            buf_printf(out, " to %s", last->name);
    }
    if (digits >= 0)
        buf_printf(out, "(%d)", digits);
}

/* ---- literals ---- */

static bool is_plain(Slice t)
{
    for (size_t i = 0; i < t.len; i++)
        if ((t.ptr[i] | 32) >= 'a' && (t.ptr[i] | 32) <= 'z')
            return false;
    return t.len > 0;
}

static Slice last_word(Slice t)
{
    size_t i = t.len;
    while (i > 0 && t.ptr[i - 1] != ' ')
        i--;
    return slice_of(t.ptr + i, t.len - i);
}

static size_t count_char(Slice t, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < t.len; i++)
        n += t.ptr[i] == c;
    return n;
}

/* "1 2" DAY TO HOUR is "1 day 2 hour", "1:02" MINUTE TO SECOND is "00:1:02". */
static Slice with_units(Slice t, IntervalFields fields, Arena *a)
{
    const struct Field *f = least(fields);
    Slice last = last_word(t), rest = type_trim(slice_of(t.ptr, t.len - last.len));
    if (count_char(last, ':')) {
        bool short_time =
            !(fields & INTERVAL_HOUR) && (fields & INTERVAL_MINUTE) && count_char(last, ':') == 1;
        size_t sign = last.ptr[0] == '-' || last.ptr[0] == '+';
        return short_time ? arena_printf(a, "%.*s %.*s00:%.*s", SLICE_ARG(rest), (int)sign,
                                         last.ptr, (int)(last.len - sign), last.ptr + sign)
                          : t;
    }
    if (last.len > 1 && memchr(last.ptr + 1, '-', last.len - 1))
        return t; /* years-months */
    bool two = rest.len > 0 && !memchr(rest.ptr, ' ', rest.len) && f->field == INTERVAL_HOUR &&
               !count_char(rest, ':') && !memchr(rest.ptr + 1, '-', rest.len - 1);
    if (two)
        return arena_printf(a, "%.*s %s %.*s %s", SLICE_ARG(rest), f[-1].name, SLICE_ARG(last),
                            f->name);
    return rest.len ? t : arena_printf(a, "%.*s %s", SLICE_ARG(last), f->name);
}

bool interval_parse_fields(Slice text, IntervalFields fields, bool sql_style, Arena *a,
                           Interval *out, Err *e)
{
    Slice t = type_trim(text);
    Err changed;
    bool (*parse)(Slice, Interval *, Err *) = sql_style ? interval_parse_sql : interval_parse;
    err_clear(&changed);
    if (fields != INTERVAL_FIELDS_ALL && is_plain(t) &&
        parse(with_units(t, fields, a), out, &changed))
        return true;
    return parse(text, out, e);
}
