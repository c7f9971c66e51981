/* ingest/ing_histogram.c - native histograms of remote write: the message Histogram, the same in 1.0 and 2.0.
 *
 * Histogram { 1: count as integer | 2: as double, 3: sum, 4: schema, 5: zero threshold, 6 | 7: zero count,
 * 8: negative spans, 9: their counts as deltas | 10: as doubles, 11 to 13: positive, 14: reset hint,
 * 15: ms, 16: custom bounds, 17: start ms }.  Source: prometheus/prompb, remote write spec 2.0. */
#include "ingest/ingest_private.h"
#include "ingest/protobuf.h"
#include "storage/histogram.h"

#define STALE_BITS UINT64_C(0x7ff0000000000002)

typedef struct Numbers { /* packed or one by one */
    double *items;
    size_t count, cap;
} Numbers;

typedef struct Side {
    HistSpan *spans;
    size_t span_count, span_cap;
    Numbers deltas, counts;
} Side;

typedef struct Message {
    Histogram h;
    int64_t schema, ms, start_ms;
    Side negative, positive;
    Numbers bounds;
} Message;

static void *room(Arena *a, void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    size_t grown = *cap ? *cap * 2 : 16;
    void *p = arena_zero(a, grown * size);
    if (count)
        memcpy(p, items, count * size);
    *cap = grown;
    return p;
}

static void number_add(Arena *a, Numbers *n, double v)
{
    n->items = room(a, n->items, n->count, &n->cap, sizeof *n->items);
    n->items[n->count++] = v;
}

static bool read_doubles(Arena *a, Numbers *n, const PbField *f)
{
    if (f->wire == WIRE_FIXED64)
        number_add(a, n, pb_double(f->value));
    if (f->wire != WIRE_BYTES)
        return true;
    Reader r = reader_of(f->bytes);
    while (reader_left(&r) > 0 && !r.bad)
        number_add(a, n, pb_double(reader_u64(&r)));
    return !r.bad;
}

/* Deltas from bucket to bucket become counts. */
static bool read_deltas(Arena *a, Numbers *n, const PbField *f)
{
    double last = n->count ? n->items[n->count - 1] : 0;
    if (f->wire == WIRE_VARINT)
        number_add(a, n, last + (double)zigzag_decode(f->value));
    if (f->wire != WIRE_BYTES)
        return true;
    Reader r = reader_of(f->bytes);
    while (reader_left(&r) > 0 && !r.bad) {
        last += (double)reader_zigzag(&r);
        number_add(a, n, last);
    }
    return !r.bad;
}

static bool read_span(Arena *a, Side *s, Slice bytes)
{
    Reader r = reader_of(bytes);
    PbField f;
    HistSpan span = {0};
    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == WIRE_VARINT)
            span.offset = (int32_t)zigzag_decode(f.value);
        else if (f.number == 2 && f.wire == WIRE_VARINT)
            span.length = (uint32_t)f.value;
    }
    s->spans = room(a, s->spans, s->span_count, &s->span_cap, sizeof *s->spans);
    s->spans[s->span_count++] = span;
    return !r.bad;
}

static void read_number(Message *m, const PbField *f)
{
    switch (f->number) {
    case 1:
        m->h.integer = true;
        m->h.count = (double)f->value;
        break;
    case 2:
        m->h.count = pb_double(f->value);
        break;
    case 3:
        m->h.sum = pb_double(f->value);
        break;
    case 4:
        m->schema = zigzag_decode(f->value);
        break;
    case 5:
        m->h.zero_threshold = pb_double(f->value);
        break;
    case 6:
        m->h.zero = (double)f->value;
        break;
    case 7:
        m->h.zero = pb_double(f->value);
        break;
    case 14:
        m->h.hint = f->value <= HIST_GAUGE ? (uint8_t)f->value : HIST_UNKNOWN;
        break;
    case 15:
        m->ms = (int64_t)f->value;
        break;
    case 17:
        m->start_ms = (int64_t)f->value;
        break;
    }
}

static bool read_field(Arena *a, Message *m, const PbField *f)
{
    switch (f->number) {
    case 8:
        return f->wire != WIRE_BYTES || read_span(a, &m->negative, f->bytes);
    case 9:
        return read_deltas(a, &m->negative.deltas, f);
    case 10:
        return read_doubles(a, &m->negative.counts, f);
    case 11:
        return f->wire != WIRE_BYTES || read_span(a, &m->positive, f->bytes);
    case 12:
        return read_deltas(a, &m->positive.deltas, f);
    case 13:
        return read_doubles(a, &m->positive.counts, f);
    case 16:
        return read_doubles(a, &m->bounds, f);
    default:
        if (f->wire != WIRE_BYTES)
            read_number(m, f);
        return true;
    }
}

static bool take_side(Arena *a, HistSide *out, const Side *s, bool integer, Err *e)
{
    const Numbers *n = integer ? &s->deltas : &s->counts;
    return hist_from_spans(out, s->spans, s->span_count, n->items, n->count, a, e);
}

static bool read_message(Arena *a, Message *m, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    PbField f;
    bool ok = true;
    while (ok && pb_next(&r, &f))
        ok = read_field(a, m, &f);
    if (!ok || r.bad)
        return err_set(e, ERR_INVALID_TEXT, "body is no valid remote write message");
    m->h.bounds = m->bounds.items;
    m->h.bound_count = (uint32_t)m->bounds.count;
    return take_side(a, &m->h.negative, &m->negative, m->h.integer, e) &&
           take_side(a, &m->h.positive, &m->positive, m->h.integer, e);
}

bool ing_started_row(IngJob *j, IngTable *t, SeriesId id, int64_t ns, const IngSample *s, Err *e)
{
    IngField *col, *start = NULL;
    IngValue us = {.kind = ING_MICROS};
    if (!ing_field(j, t, 0, s->key, s->value.kind, &col, e))
        return false;
    if (s->start_ms) {
        IngField first = *col; /* the next one may move it */
        if (__builtin_mul_overflow(s->start_ms, INT64_C(1000), &us.u.i64))
            return err_set(e, ERR_DATETIME_RANGE, "start timestamp %lld is out of range",
                           (long long)s->start_ms);
        if (!ing_field(j, t, 1, SLICE_LIT("__start__"), ING_MICROS, &start, e))
            return false;
        t->fields[0] = first;
        col = &t->fields[0];
    }
    wb_row(j->batch, t->id, id, ns);
    if (!ing_put(j, t, col, &s->value, e) || (start && !ing_put(j, t, start, &us, e)) ||
        !ing_row_check(j, t, e)) {
        wb_row_cancel(j->batch);
        return false;
    }
    ing_row_end(j, t);
    j->rows++;
    return true;
}

static bool put_histogram(IngJob *j, IngTable *t, SeriesId id, int64_t ns, int64_t start_ms,
                          const Histogram *h, Err *e)
{
    uint64_t bits;
    memcpy(&bits, &h->sum, sizeof bits);
    IngSample s = {SLICE_LIT("histogram"), {.kind = ING_HISTOGRAM, .u.hist = h}, start_ms};
    if (bits == STALE_BITS) /* the series ends, whatever it was of */
        s = (IngSample){SLICE_LIT("value"), {.kind = ING_FLOAT, .u.f64 = h->sum}, 0};
    return ing_started_row(j, t, id, ns, &s, e);
}

bool ing_histogram(IngJob *j, IngTable *t, SeriesId id, int64_t ns, const Histogram *h, Err *e)
{
    return put_histogram(j, t, id, ns, 0, h, e);
}

bool ing_histogram_message(IngJob *j, IngTable *t, SeriesId id, Slice bytes, Err *e)
{
    Arena a;
    int64_t ns;
    Message m = {0};
    arena_init(&a, NULL);
    bool ok = read_message(&a, &m, bytes, e) && hist_check(&m.h, (int32_t)m.schema, e) &&
              ing_time(j, m.ms, &ns, e) && put_histogram(j, t, id, ns, m.start_ms, &m.h, e);
    arena_free(&a);
    return ok;
}
