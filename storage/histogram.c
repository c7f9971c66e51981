#include "storage/histogram.h"
#include <math.h>

#define COUNT_MAX 9007199254740992.0 /* integers are exact up to here */

enum { MAGIC = 0xfd }; /* in no UTF-8 text */
enum { FLAG_INTEGER = 1, FLAG_HINT_SHIFT = 1, FLAG_HINT = 6, FLAG_ALL = 7 };

/* ---- coming in ---- */

static bool invalid(Err *e, const char *what)
{
    return err_set(e, ERR_INVALID_TEXT, "%s", what);
}

bool hist_from_spans(HistSide *out, const HistSpan *spans, size_t span_count, const double *counts,
                     size_t n, Arena *a, Err *e)
{
    size_t all = 0;
    int64_t index = 0;
    for (size_t s = 0; s < span_count; s++) {
        if (s > 0 && spans[s].offset < 0)
            return err_set(e, ERR_INVALID_TEXT,
                           "span number %zu with offset %d: histogram has a span whose offset is "
                           "negative",
                           s + 1, spans[s].offset);
        all += spans[s].length;
    }
    if (all != n)
        return err_set(
            e, ERR_INVALID_TEXT,
            "spans need %zu buckets, have %zu buckets: histogram spans specify different "
            "number of buckets than provided",
            all, n);
    if (n > HIST_BUCKETS_MAX)
        return err_set(e, ERR_LIMIT_EXCEEDED, "a histogram of %zu buckets has more than %d", n,
                       HIST_BUCKETS_MAX);
    *out = (HistSide){ARENA_ARRAY(a, HistBucket, n + 1), 0};
    for (size_t s = 0; s < span_count; s++) {
        index += spans[s].offset;
        for (uint32_t i = 0; i < spans[s].length; i++, index++) {
            if (index < INT32_MIN / 2 || index > INT32_MAX / 2)
                return invalid(e, "histogram has a bucket index that is out of range");
            out->items[out->count] = (HistBucket){(int32_t)index, counts[out->count], 0};
            out->count++;
        }
    }
    return true;
}

static bool check_side(HistSide *s, const char *name, double *sum, Err *e)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        double n = s->items[i].n;
        if (n < 0)
            return err_set(e, ERR_INVALID_TEXT,
                           "%s side: bucket number %u has observation count of %g: histogram has a "
                           "bucket whose observation count is negative",
                           name, i + 1, n);
        *sum += n;
        if (n != 0)
            s->items[kept++] = s->items[i];
    }
    s->count = kept;
    return true;
}

static bool check_custom(const Histogram *h, Err *e)
{
    for (uint32_t i = 0; i < h->bound_count; i++) {
        if (i > 0 && !(h->bounds[i] > h->bounds[i - 1]))
            return err_set(e, ERR_INVALID_TEXT,
                           "custom buckets: previous bound is %f and current is %f: histogram "
                           "custom bounds must be in strictly increasing order",
                           h->bounds[i - 1], h->bounds[i]);
        if (isinf(h->bounds[i]) || isnan(h->bounds[i]))
            return invalid(e, "custom buckets: histogram custom bounds must be finite");
    }
    for (uint32_t i = 0; i < h->positive.count; i++) {
        int32_t index = h->positive.items[i].index;
        if (index < 0 || (uint32_t)index > h->bound_count)
            return err_set(e, ERR_INVALID_TEXT,
                           "custom buckets: only %u custom bounds defined which is insufficient to "
                           "cover the buckets: histogram custom bounds are too few",
                           h->bound_count);
    }
    if (h->zero != 0)
        return invalid(e, "custom buckets: must have zero count of 0");
    if (h->zero_threshold != 0)
        return invalid(e, "custom buckets: must have zero threshold of 0");
    return h->negative.count == 0 || invalid(e, "custom buckets: must not have negative buckets");
}

static bool check_count(const Histogram *h, double buckets, Err *e)
{
    double all = buckets + h->zero;
    if (!h->integer)
        return true; /* rounding may put the sum of the buckets above the count */
    if (isnan(h->sum) ? all <= h->count : all == h->count)
        return true;
    return err_set(e, ERR_INVALID_TEXT,
                   "%g observations found in buckets, but the Count field is %g: histogram's "
                   "observation count should %s the number of observations found in the buckets%s",
                   all, h->count, isnan(h->sum) ? "be at least" : "equal",
                   isnan(h->sum) ? "" : " (in absence of NaN)");
}

bool hist_check(Histogram *h, int32_t schema, Err *e)
{
    double sum = 0;
    h->schema = HIST_SCHEMA_CUSTOM;
    if (schema != HIST_SCHEMA_CUSTOM) {
        if (schema < HIST_SCHEMA_MIN || schema > HIST_SCHEMA_WIRE_MAX)
            return err_set(e, ERR_INVALID_TEXT,
                           "histogram has an invalid schema, which must be between -4 and 8 for "
                           "exponential buckets, or -53 for custom buckets, got schema %d",
                           schema);
        h->schema = (int8_t)schema;
        if (h->bound_count)
            return invalid(e, "histogram with exponential schema must not have custom bounds");
    } else if (!check_custom(h, e)) {
        return false;
    }
    if (h->zero < 0)
        return err_set(e, ERR_INVALID_TEXT,
                       "zero bucket has observation count of %g: histogram has a bucket whose "
                       "observation count is negative",
                       h->zero);
    if (!(h->zero_threshold >= 0))
        return invalid(e, "histogram has a negative zero threshold");
    if (h->count < 0)
        return err_set(e, ERR_INVALID_TEXT,
                       "observation count is %g: histogram's observation count is negative",
                       h->count);
    if (!check_side(&h->negative, "negative", &sum, e) ||
        !check_side(&h->positive, "positive", &sum, e) || !check_count(h, sum, e))
        return false;
    if (h->schema > HIST_SCHEMA_MAX)
        hist_reduce(h, HIST_SCHEMA_MAX);
    return true;
}

static void reduce_side(HistSide *s, int by)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        HistBucket b = s->items[i];
        /* towards minus infinity: an arithmetic shift, written so that it is one */
        int32_t shift = by < 31 ? by : 31, down = b.index - 1;
        b.index = (down >= 0 ? down >> shift : ~(~down >> shift)) + 1;
        if (kept && s->items[kept - 1].index == b.index) {
            s->items[kept - 1].n += b.n;
            s->items[kept - 1].c += b.c;
        } else {
            s->items[kept++] = b;
        }
    }
    s->count = kept;
}

void hist_reduce(Histogram *h, int schema)
{
    must(!hist_is_custom(h) && schema <= h->schema);
    if (schema == h->schema)
        return;
    reduce_side(&h->positive, h->schema - schema);
    reduce_side(&h->negative, h->schema - schema);
    h->schema = (int8_t)schema;
}

/* ---- bytes ---- */

static bool whole(double v)
{
    return v >= 0 && v <= COUNT_MAX && v == floor(v) && !(v == 0 && signbit(v));
}

static bool side_whole(const HistSide *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (!whole(s->items[i].n))
            return false;
    return true;
}

static void put_f64(Buf *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_put_u64(out, bits);
}

static void put_count(Buf *out, double v, bool integer)
{
    if (integer)
        buf_put_varint(out, (uint64_t)v);
    else
        put_f64(out, v);
}

static void put_side(Buf *out, const HistSide *s, bool integer)
{
    int32_t last = 0;
    buf_put_varint(out, s->count);
    for (uint32_t i = 0; i < s->count; i++) {
        if (i == 0)
            buf_put_zigzag(out, s->items[i].index);
        else
            buf_put_varint(out, (uint32_t)(s->items[i].index - last - 1));
        last = s->items[i].index;
        put_count(out, s->items[i].n, integer);
    }
}

void hist_write(Buf *out, const Histogram *h)
{
    bool integer = h->integer && whole(h->count) && whole(h->zero) && side_whole(&h->positive) &&
                   side_whole(&h->negative);
    buf_put_u8(out, MAGIC);
    buf_put_u8(out, (uint8_t)((integer ? FLAG_INTEGER : 0) | h->hint << FLAG_HINT_SHIFT));
    buf_put_zigzag(out, h->schema);
    put_count(out, h->count, integer);
    put_f64(out, h->sum);
    put_side(out, &h->positive, integer);
    if (hist_is_custom(h)) {
        buf_put_varint(out, h->bound_count);
        for (uint32_t i = 0; i < h->bound_count; i++)
            put_f64(out, h->bounds[i]);
        return;
    }
    put_f64(out, h->zero_threshold);
    put_count(out, h->zero, integer);
    put_side(out, &h->negative, integer);
}

bool hist_is(Slice bytes)
{
    return bytes.len > 2 && (uint8_t)bytes.ptr[0] == MAGIC && (uint8_t)bytes.ptr[1] <= FLAG_ALL;
}

static double get_f64(Reader *r)
{
    uint64_t bits = reader_u64(r);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static double get_count(Reader *r, bool integer)
{
    if (!integer)
        return get_f64(r);
    uint64_t v = reader_varint(r);
    r->bad |= v > (uint64_t)COUNT_MAX;
    return (double)v;
}

static void get_side(Reader *r, HistSide *s, bool integer, Arena *a)
{
    uint64_t n = reader_varint(r);
    int64_t index = 0;
    if (n > HIST_BUCKETS_MAX || n > reader_left(r))
        r->bad = true;
    *s = (HistSide){0};
    if (r->bad || n == 0)
        return;
    s->items = arena_alloc(a, n * sizeof *s->items);
    for (; s->count < n && !r->bad; s->count++) {
        uint64_t gap = s->count ? reader_varint(r) : 0;
        r->bad |= gap > INT32_MAX;
        index = s->count ? index + 1 + (int64_t)gap : reader_zigzag(r);
        r->bad |= index < INT32_MIN / 2 || index > INT32_MAX / 2;
        s->items[s->count] = (HistBucket){r->bad ? 0 : (int32_t)index, get_count(r, integer), 0};
    }
}

static void get_bounds(Reader *r, Histogram *h, Arena *a)
{
    uint64_t n = reader_varint(r);
    if (r->bad || n > reader_left(r) / 8) {
        r->bad = true;
        return;
    }
    double *bounds = arena_alloc(a, (n + 1) * sizeof *bounds);
    for (uint64_t i = 0; i < n; i++)
        bounds[i] = get_f64(r);
    h->bounds = bounds;
    h->bound_count = (uint32_t)n;
}

bool hist_read(Histogram *out, Slice bytes, Arena *a, Err *e)
{
    Reader r = reader_of(bytes);
    *out = (Histogram){0};
    uint8_t magic = reader_u8(&r), flags = reader_u8(&r);
    int64_t schema = reader_zigzag(&r);
    bool custom = schema == HIST_SCHEMA_CUSTOM;
    r.bad |= magic != MAGIC || flags > FLAG_ALL ||
             (!custom && (schema < HIST_SCHEMA_MIN || schema > HIST_SCHEMA_MAX));
    if (r.bad)
        return err_set(e, ERR_DATA_CORRUPTED, "damaged histogram");
    out->integer = flags & FLAG_INTEGER;
    out->hint = (flags & FLAG_HINT) >> FLAG_HINT_SHIFT;
    out->schema = (int8_t)schema;
    out->count = get_count(&r, out->integer);
    out->sum = get_f64(&r);
    get_side(&r, &out->positive, out->integer, a);
    if (custom) {
        get_bounds(&r, out, a);
    } else {
        out->zero_threshold = get_f64(&r);
        out->zero = get_count(&r, out->integer);
        get_side(&r, &out->negative, out->integer, a);
    }
    return (!r.bad && reader_left(&r) == 0) || err_set(e, ERR_DATA_CORRUPTED, "damaged histogram");
}
