#include "exec/grid.h"

#include "base/clock.h"
#include "exec/func_time.h"

enum { GRID_FORMAT = 1, TRIES = 400, NEST_BORDERS = 30 };

/* A clock was never put back by more (the date line). */
#define LOOK_US (26 * US_PER_H)

static bool start_of(const Bucket *b, int64_t us, int64_t *start)
{
    Err ignored;
    return bucket_floor(b, us, start, &ignored);
}

static int64_t ahead(const Bucket *b, int64_t us)
{
    return tz_local_us(b->tz, us) - us;
}

/* How far the clock is put back or forth around a time. */
static int64_t clock_change(const Bucket *b, int64_t us)
{
    int64_t at[] = {ahead(b, us - LOOK_US), ahead(b, us), ahead(b, us + LOOK_US)};
    int64_t least = at[0], most = at[0];
    for (size_t i = 1; i < ARRAY_LEN(at); i++) {
        least = at[i] < least ? at[i] : least;
        most = at[i] > most ? at[i] : most;
    }
    return most - least;
}

/* Clock changes come at whole minutes, and what they mix up lies within their own length. */
static bool is_border(const Bucket *b, int64_t us)
{
    int64_t at, before;
    if (!start_of(b, us, &at) || !start_of(b, us - 1, &before) || at < us || before >= us)
        return false;
    int64_t change = b->tz ? clock_change(b, us) : 0;
    for (int64_t t = us - change - US_PER_MIN; change && t <= us + change; t += US_PER_MIN)
        if (!start_of(b, t, &at) || (at < us) != (t < us))
            return false;
    return true;
}

static int64_t down_us(const Bucket *b, int64_t us)
{
    int64_t start;
    for (int i = 0; i < TRIES; i++) {
        if (!start_of(b, us, &start))
            return INT64_MIN;
        if (start <= us && is_border(b, start))
            return start;
        us = start < us ? start : us - (start == us ? 1 : US_PER_MIN);
    }
    return INT64_MIN;
}

static int64_t up_us(const Bucket *b, int64_t us)
{
    int64_t start;
    Err ignored;
    if (is_border(b, us))
        return us;
    if (!start_of(b, us, &start))
        return INT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        if (!bucket_after(b, start, &start, &ignored))
            return INT64_MAX;
        if (start >= us && is_border(b, start))
            return start;
    }
    return INT64_MAX;
}

static int64_t as_ns(int64_t us)
{
    int64_t ns;
    return __builtin_mul_overflow(us, (int64_t)1000, &ns) ? us < 0 ? INT64_MIN : INT64_MAX : ns;
}

int64_t grid_down(const Bucket *b, int64_t ns)
{
    return ns == INT64_MIN || ns == INT64_MAX ? ns : as_ns(down_us(b, floor_div(ns, 1000)));
}

int64_t grid_up(const Bucket *b, int64_t ns)
{
    return ns == INT64_MIN || ns == INT64_MAX ? ns : as_ns(up_us(b, -floor_div(-ns, 1000)));
}

/* ---- one grid in another ---- */

/* Borders come again in the same places from some time on, so a few tell. */
static bool borders_fit(Bucket upper, Bucket lower)
{
    int64_t y, at;
    Err ignored;
    upper.tz = lower.tz = NULL; /* both are borders of local time */
    if (!start_of(&upper, 0, &y))
        return false;
    for (int i = 0; i < NEST_BORDERS; i++)
        if (!start_of(&lower, y, &at) || at != y || !bucket_after(&upper, y, &y, &ignored))
            return false;
    return true;
}

static bool same_zone(const TimeZone *a, const TimeZone *b)
{
    a = a ? a : tz_utc();
    b = b ? b : tz_utc();
    return a == b || slice_eq(tz_name(a), tz_name(b));
}

bool grid_nests(const Bucket *upper, const Bucket *lower)
{
    if (!same_zone(upper->tz, lower->tz))
        return false;
    bool fits = upper->months ? lower->months ? upper->months % lower->months == 0
                                              : US_PER_DAY % lower->width == 0
                              : !lower->months && upper->width % lower->width == 0;
    return fits && borders_fit(*upper, *lower);
}

/* ---- bytes ---- */

void grid_encode(Buf *out, const Bucket *b)
{
    Slice zone = b->tz ? tz_name(b->tz) : SLICE_NONE;
    buf_put_u8(out, GRID_FORMAT);
    buf_put_varint(out, b->type);
    buf_put_zigzag(out, b->width);
    buf_put_zigzag(out, b->months);
    buf_put_zigzag(out, b->origin_us);
    buf_put_u8(out, b->has_offset);
    buf_put_zigzag(out, b->offset.months);
    buf_put_zigzag(out, b->offset.days);
    buf_put_zigzag(out, b->offset.us);
    buf_put_slice(out, zone);
}

bool grid_decode(Bucket *b, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    bool known = reader_u8(&r) == GRID_FORMAT;
    *b = (Bucket){.type = (TypeId)reader_varint(&r)};
    b->width = reader_zigzag(&r);
    b->months = (int32_t)reader_zigzag(&r);
    b->origin_us = reader_zigzag(&r);
    b->has_offset = reader_u8(&r);
    b->offset.months = (int32_t)reader_zigzag(&r);
    b->offset.days = (int32_t)reader_zigzag(&r);
    b->offset.us = reader_zigzag(&r);
    bool timed = b->type == T_TIMESTAMPTZ || b->type == T_TIMESTAMP;
    if (!known || r.bad || !timed || b->months < 0 || (!b->months && b->width <= 0))
        return err_set(e, ERR_DATA_CORRUPTED, "the buckets of a continuous view are damaged");
    Slice zone = reader_bytes(&r, reader_left(&r));
    return !zone.len || func_zone(zone, &b->tz, e);
}
