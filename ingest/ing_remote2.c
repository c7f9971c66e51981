/* ingest/ing_remote2.c - Prometheus remote write 2.0: texts once in a table of symbols, series by their numbers.
 *
 * Request { 4: symbols, 5: TimeSeries { 1: packed label references in pairs, 2: Sample, 3: Histogram,
 * 4: Exemplar { 1: references, 2: double, 3: ms }, 5: Metadata { 1: type, 3: help, 4: unit }, 6: created } }.
 * Symbols may come behind the series: the first step reads all of them.  The labels of a series are written
 * as 1.0 sends them, so that both find the same series by the same bytes.
 * Start timestamps of samples are kept in the field "__start__". */
#include "ingest/protobuf.h"
#include "ingest/remote_private.h"

typedef struct State {
    Slice *symbols;
    size_t count;
    bool read;
    Labels labels;
    Buf raw;
    Slice keys[REMOTE_EXEMPLAR_LABELS_MAX], values[REMOTE_EXEMPLAR_LABELS_MAX];
} State;

static void state_free(void *p)
{
    State *s = p;
    buf_free(&s->raw);
    mem_free(s->symbols);
    mem_free(s);
}

static bool malformed(Err *e)
{
    return err_set(e, ERR_INVALID_TEXT, "body is no valid remote write 2.0 message");
}

static bool read_symbols(IngJob *j, State *s, Err *e)
{
    Reader r = reader_of(j->body);
    PbField f;
    size_t cap = 0;
    while (pb_next(&r, &f)) {
        if (f.number != 4 || f.wire != WIRE_BYTES)
            continue;
        if (s->count == cap) {
            cap = cap ? cap * 2 : 256;
            s->symbols = mem_realloc(s->symbols, cap * sizeof *s->symbols);
        }
        s->symbols[s->count++] = f.bytes;
    }
    s->read = true;
    if (!r.bad && s->count > 0 && s->symbols[0].len > 0)
        return err_set(e, ERR_INVALID_TEXT, "symbols must start with the empty text");
    return !r.bad || malformed(e);
}

/* References in pairs, packed or one by one, as fields `number` of a message. */
static bool read_refs(const State *s, Slice message, Slice *keys, Slice *values, size_t *count,
                      size_t max, Err *e)
{
    Reader r = reader_of(message);
    PbField f;
    size_t n = 0;
    while (pb_next(&r, &f)) {
        if (f.number != 1)
            continue;
        Reader refs = reader_of(f.wire == WIRE_BYTES ? f.bytes : SLICE_NONE);
        bool one = f.wire == WIRE_VARINT;
        while (one || reader_left(&refs) > 0) {
            uint64_t ref = one ? f.value : reader_varint(&refs);
            one = false;
            if (refs.bad || ref >= s->count)
                return err_set(e, ERR_INVALID_TEXT, "label reference %llu is beyond %zu symbols",
                               (unsigned long long)ref, s->count);
            if (n == max * 2)
                return err_set(e, ERR_LIMIT_EXCEEDED, "more than %zu labels", max);
            *(n % 2 ? &values[n / 2] : &keys[n / 2]) = s->symbols[ref];
            n++;
        }
    }
    *count = n / 2;
    if (r.bad)
        return malformed(e);
    return n % 2 == 0 || err_set(e, ERR_INVALID_TEXT, "label references are not in pairs");
}

static bool read_labels(State *s, Slice series, Err *e)
{
    Labels *l = &s->labels;
    if (!read_refs(s, series, l->keys, l->values, &l->count, ING_TAGS_MAX, e))
        return false;
    l->name = SLICE_NONE;
    for (size_t i = 0; i < l->count; i++)
        if (slice_eq_cstr(l->keys[i], "__name__"))
            l->name = l->values[i];
    remote_raw(l, &s->raw);
    return true;
}

static bool put_exemplar(IngJob *j, State *s, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    PbField f;
    Exemplar x = {.keys = s->keys, .values = s->values};
    Err ignored;
    if (!read_refs(s, bytes, s->keys, s->values, &x.count, REMOTE_EXEMPLAR_LABELS_MAX, e))
        return false;
    while (pb_next(&r, &f)) {
        if (f.number == 2 && f.wire == WIRE_FIXED64)
            x.value = pb_double(f.value);
        else if (f.number == 3 && f.wire == WIRE_VARINT)
            x.ms = (int64_t)f.value;
    }
    if (!r.bad)
        (void)!remote_exemplar(j, &s->labels, &x, &ignored); /* it does not fail the request */
    return !r.bad || malformed(e);
}

static bool put_metadata(IngJob *j, const State *s, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    PbField f;
    Metadata m = {.metric = s->labels.name};
    while (pb_next(&r, &f)) {
        if (f.wire != WIRE_VARINT)
            continue;
        if (f.number == 1)
            m.type = (unsigned)f.value;
        if ((f.number == 3 || f.number == 4) && f.value >= s->count)
            return err_set(e, ERR_INVALID_TEXT, "reference %llu of metadata is beyond %zu symbols",
                           (unsigned long long)f.value, s->count);
        if (f.number == 3)
            m.help = s->symbols[f.value];
        if (f.number == 4)
            m.unit = s->symbols[f.value];
    }
    if (r.bad)
        return malformed(e);
    return (m.type == 0 && m.help.len == 0 && m.unit.len == 0) || remote_metadata(j, &m, e);
}

/* The time from which the sample counts; 0 = not told. */
static int64_t start_of(Slice sample)
{
    Reader r = reader_of(sample);
    PbField f;
    int64_t ms = 0;
    while (pb_next(&r, &f))
        if (f.number == 3 && f.wire == WIRE_VARINT)
            ms = (int64_t)f.value;
    return ms;
}

static bool put_sample(IngJob *j, IngTable *t, SeriesId id, Slice bytes, Err *e)
{
    uint64_t bits;
    int64_t ms, ns;
    if (!remote_read_sample(bytes, &bits, &ms))
        return malformed(e);
    IngSample s = {
        SLICE_LIT("value"), {.kind = ING_FLOAT, .u.f64 = pb_double(bits)}, start_of(bytes)};
    if (s.start_ms == 0)
        return remote_sample(j, t, id, bits, ms, e);
    return ing_time(j, ms, &ns, e) && ing_started_row(j, t, id, ns, &s, e);
}

static bool put_one(IngJob *j, State *s, IngTable *t, SeriesId id, const PbField *f, Err *e)
{
    switch (f->number) {
    case 2:
        return put_sample(j, t, id, f->bytes, e);
    case 3:
        if (!ing_histogram_message(j, t, id, f->bytes, e))
            return false;
        j->written.histograms++;
        return true;
    case 4:
        return put_exemplar(j, s, f->bytes, e);
    case 5:
        return put_metadata(j, s, f->bytes, e);
    default:
        return true;
    }
}

/* Samples, native histograms, or both, as Prometheus takes them. */
static bool check_kinds(Slice series, Err *e)
{
    Reader r = reader_of(series);
    PbField f;
    bool any = false;
    while (pb_next(&r, &f))
        any |= f.number == 2 || f.number == 3;
    if (r.bad)
        return malformed(e);
    return any ||
           err_set(e, ERR_INVALID_TEXT, "a series must contain at least one sample or histogram");
}

static bool one_series(IngJob *j, Slice series, Err *e)
{
    State *s = j->state;
    IngTable *t;
    SeriesId id;
    if (!read_labels(s, series, e) || !check_kinds(series, e) ||
        !remote_series(j, &s->labels, &t, &id, e))
        return false;
    Reader r = reader_of(series);
    PbField f;
    while (pb_next(&r, &f))
        if (f.wire == WIRE_BYTES && !put_one(j, s, t, id, &f, e))
            return false;
    return true;
}

bool ing_remote2_step(IngJob *j, bool *done, Err *e)
{
    State *s = j->state;
    if (!s) {
        s = j->state = MEM_NEW(State);
        j->state_free = state_free;
        j->c.precision = ING_MS;
    }
    if (!s->read && !read_symbols(j, s, e))
        return false;
    Reader r = reader_of(slice_of(j->body.ptr + j->pos, j->body.len - j->pos));
    PbField f;
    for (int n = 0; n < ING_STEP_LINES && pb_next(&r, &f);)
        if (f.number == 5 && f.wire == WIRE_BYTES) {
            remote_take(j, f.bytes, one_series);
            n++;
        }
    if (r.bad)
        return malformed(e);
    j->pos = (size_t)((const char *)r.cur - j->body.ptr);
    *done = j->pos >= j->body.len;
    return true;
}
