#include "exec/tiers.h"

#include "base/clock.h"

#include <stdio.h>

enum { TIERS_FORMAT = 'L', TIER_FORMAT = 'T' };

/* ---- bytes ---- */

void tiers_encode(Buf *out, const TierList *l)
{
    buf_put_u8(out, TIERS_FORMAT);
    buf_put_varint(out, l->count);
    for (size_t i = 0; i < l->count; i++) {
        buf_put_zigzag(out, l->items[i].width_ns);
        buf_put_zigzag(out, l->items[i].keep_ns);
        buf_put_varint(out, l->items[i].table);
    }
}

void tier_of_encode(Buf *out, TierOf of)
{
    buf_put_u8(out, TIER_FORMAT);
    buf_put_varint(out, of.raw);
    buf_put_varint(out, of.level);
}

static bool has_format(const TableDef *t, int format)
{
    return t->kind == TABLE_SERIES && t->extra.len && t->extra.ptr[0] == format;
}

bool tiers_of(const TableDef *t, TierList *out)
{
    if (!has_format(t, TIERS_FORMAT))
        return false;
    Reader r = reader_of(slice_of(t->extra.ptr + 1, t->extra.len - 1));
    uint64_t n = reader_varint(&r);
    out->count = n <= TIERS_MAX ? (size_t)n : 0;
    for (size_t i = 0; i < out->count; i++) {
        TierEntry *at = &out->items[i];
        at->width_ns = reader_zigzag(&r);
        at->keep_ns = reader_zigzag(&r);
        at->table = (TableId)reader_varint(&r);
        r.bad |= at->width_ns <= 0;
    }
    return !r.bad && out->count > 1;
}

bool tier_is_one(const TableDef *t, TierOf *of)
{
    if (!has_format(t, TIER_FORMAT))
        return false;
    Reader r = reader_of(slice_of(t->extra.ptr + 1, t->extra.len - 1));
    of->raw = (TableId)reader_varint(&r);
    of->level = (size_t)reader_varint(&r);
    return !r.bad && of->level > 0 && of->level < TIERS_MAX;
}

/* ---- the text of the option ---- */

static Slice trim(Slice s)
{
    while (s.len && s.ptr[0] == ' ')
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

#define HINT_TIERS                                                                                 \
    "tiers = '1s:72h, 1h:30d, 1d:1y': rows for 72 hours, then hours for 30 days, then days for a " \
    "year."

static bool bad_entry(Slice entry, size_t at, const char *why, Err *e)
{
    err_set(e, ERR_INVALID_PARAMETER, "invalid tier \"%.*s\" at character %zu of tiers: %s",
            SLICE_ARG(entry), at + 1, why);
    return err_hint(e, "%s", HINT_TIERS);
}

/* Months of a duration have 30 days, years 365, as those of a TTL. */
static bool read_span(Slice text, bool width, int64_t *ns)
{
    Interval iv;
    Err ignored;
    err_clear(&ignored);
    if (!text.len || !interval_parse(text, &iv, &ignored) || (width && iv.months))
        return false;
    int32_t days = iv.months / 12 * 365 + iv.months % 12 * 30;
    return !__builtin_add_overflow(days, iv.days, &days) &&
           interval_to_ns((Interval){.us = iv.us, .days = days}, ns) && *ns > 0 &&
           *ns % (width ? NS_PER_US : 1) == 0;
}

static bool read_entry(Slice entry, size_t at, TierEntry *out, Err *e)
{
    const char *colon = memchr(entry.ptr, ':', entry.len);
    if (!entry.len || !colon)
        return bad_entry(entry, at, "it must be width:duration", e);
    Slice width = trim(slice_of(entry.ptr, (size_t)(colon - entry.ptr)));
    Slice keep = trim(slice_of(colon + 1, (size_t)(entry.ptr + entry.len - colon - 1)));
    if (!read_span(width, true, &out->width_ns))
        return bad_entry(entry, at, "the width must be an interval without months", e);
    out->keep_ns = 0;
    if (slice_eq_nocase(keep, SLICE_LIT("forever")) || slice_eq_nocase(keep, SLICE_LIT("inf")))
        return true;
    return read_span(keep, false, &out->keep_ns) ||
           bad_entry(entry, at, "the duration must be an interval longer than nothing, or forever",
                     e);
}

/* Against the one before it. */
static bool check_entry(const TierEntry *before, const TierEntry *now, Slice entry, size_t at,
                        Err *e)
{
    if (now->width_ns <= before->width_ns || now->width_ns % before->width_ns)
        return bad_entry(entry, at, "its width must be a multiple of the one before it", e);
    if (!before->keep_ns)
        return bad_entry(entry, at, "the one before it is kept for ever", e);
    if (before->keep_ns < now->width_ns)
        return bad_entry(entry, at,
                         "the one before it is kept for less than one bucket of this one", e);
    if (now->keep_ns && now->keep_ns <= before->keep_ns)
        return bad_entry(entry, at, "it must be kept for longer than the one before it", e);
    return true;
}

bool tiers_parse(Slice text, TierList *out, Err *e)
{
    *out = (TierList){0};
    for (size_t at = 0; at <= text.len;) {
        const char *comma = memchr(text.ptr + at, ',', text.len - at);
        size_t end = comma ? (size_t)(comma - text.ptr) : text.len;
        Slice entry = trim(slice_of(text.ptr + at, end - at));
        size_t begin = entry.len ? (size_t)(entry.ptr - text.ptr) : at;
        if (out->count == TIERS_MAX)
            return bad_entry(entry, begin, "there are at most 8", e);
        TierEntry *now = &out->items[out->count++];
        if (!read_entry(entry, begin, now, e) ||
            (out->count > 1 && !check_entry(now - 1, now, entry, begin, e)))
            return false;
        at = end + 1;
    }
    if (out->count > 1)
        return true;
    err_set(e, ERR_INVALID_PARAMETER, "tiers names the rows alone, and nothing to keep of them");
    return err_hint(e, "To keep rows for a time and no longer: SET (ttl = ...). " HINT_TIERS);
}

int64_t tier_origin(int64_t width_ns)
{
    const int64_t monday = INT64_C(946857600) * NS_PER_S; /* 2000-01-03 */
    return monday % width_ns;
}

/* ---- columns ---- */

bool tier_is_number(TypeId type)
{
    return type == T_FLOAT8 || type == T_FLOAT4 || type == T_INT8 || type == T_INT4 ||
           type == T_INT2 || type == T_NUMERIC;
}

bool tier_has(TypeId field, TierPart part)
{
    return part < TIER_SUM || tier_is_number(field);
}

TypeId tier_type(TypeId field, TypeId time, TierPart part)
{
    switch (part) {
    case TIER_COUNT:
    case TIER_RESETS:
        return T_INT8;
    case TIER_FIRST_TIME:
    case TIER_LAST_TIME:
        return time;
    case TIER_INCREASE:
        return T_FLOAT8;
    case TIER_SUM:
        return field == T_FLOAT4 || field == T_FLOAT8 ? T_FLOAT8
               : field == T_INT2 || field == T_INT4   ? T_INT8
                                                      : T_NUMERIC;
    default:
        return field;
    }
}

const char *tier_column_name(char buf[TIER_NAME_MAX], ColumnId field, TierPart part)
{
    static const char *const names[TIER_PARTS] = {
        [TIER_COUNT] = "n",       [TIER_FIRST] = "first",  [TIER_LAST] = "last",
        [TIER_FIRST_TIME] = "ft", [TIER_LAST_TIME] = "lt", [TIER_SUM] = "sum",
        [TIER_MIN] = "min",       [TIER_MAX] = "max",      [TIER_INCREASE] = "increase",
        [TIER_RESETS] = "resets",
    };
    snprintf(buf, TIER_NAME_MAX, "f%u_%s", field, names[part]);
    return buf;
}

const ColumnDef *tier_column(const TableDef *tier, ColumnId field, TierPart part)
{
    char name[TIER_NAME_MAX];
    return table_column(tier, slice_cstr(tier_column_name(name, field, part)));
}

const ColumnDef *tier_tag(const TableDef *tier, ColumnId tag)
{
    char name[TIER_NAME_MAX];
    snprintf(name, sizeof name, "g%u", tag);
    return table_column(tier, slice_cstr(name));
}
