/* storage/codec_hist.c - native histograms: a column of each bucket over time.
 *
 * Histograms of one layout that follow each other are a run.  Its buckets are the union of theirs, an
 * absent one counts 0; each bucket is a chunk of its own of the integer or float codecs, so that counters
 * cost their deltas.  Of integer counts the total is kept as what the buckets do not explain: zeros. */
#include "storage/codec_private.h"
#include "storage/histogram.h"

enum {
    RUNS_MAX = 64,           /* of one chunk: others are texts */
    CELLS_MAX = 1 << 20,     /* columns x values of a run */
    HIST_BYTES_MAX = 1 << 26 /* of one chunk, decoded */
};

#define EXACT_MAX 9007199254740992.0 /* doubles are integers exactly up to here */

typedef struct Run { /* values [begin, end) of one layout */
    size_t begin, end;
    const Histogram *h; /* the first: schema, zero threshold, bounds, kind of counts */
    int32_t *index[2];  /* of positive and negative buckets, ascending */
    size_t buckets[2];
} Run;

static const HistSide *side_of(const Histogram *h, int side)
{
    return side ? &h->negative : &h->positive;
}

static bool same_layout(const Histogram *l, const Histogram *r)
{
    return l->schema == r->schema && l->integer == r->integer &&
           f64_bits(l->zero_threshold) == f64_bits(r->zero_threshold) &&
           l->bound_count == r->bound_count &&
           (l->bound_count == 0 ||
            memcmp(l->bounds, r->bounds, l->bound_count * sizeof *l->bounds) == 0);
}

/* ---- writing ---- */

static void add_buckets(Run *run, int side, const HistSide *s, Arena *a)
{
    size_t n = 0, i = 0, k = 0;
    int32_t *out = arena_alloc(a, (run->buckets[side] + s->count + 1) * sizeof *out);
    while (i < run->buckets[side] || k < s->count) {
        bool left =
            k == s->count || (i < run->buckets[side] && run->index[side][i] <= s->items[k].index);
        int32_t index = left ? run->index[side][i++] : s->items[k++].index;
        if (left && k < s->count && s->items[k].index == index)
            k++;
        out[n++] = index;
    }
    if (n > run->buckets[side]) {
        run->index[side] = out;
        run->buckets[side] = n;
    }
}

static void put_indexes(Buf *out, const int32_t *index, size_t n)
{
    buf_put_varint(out, n);
    for (size_t i = 0; i < n; i++)
        if (i == 0)
            buf_put_zigzag(out, index[0]);
        else
            buf_put_varint(out, (uint64_t)((int64_t)index[i] - index[i - 1] - 1));
}

static void put_chunk(Buf *out, CodecKind kind, const void *v, size_t n, CodecEffort effort)
{
    Buf chunk;
    buf_init(&chunk);
    uint8_t id = codec_encode_best(&chunk, kind, v, n, NULL, effort);
    buf_put_u8(out, id);
    buf_put_str(out, buf_slice(&chunk));
    buf_free(&chunk);
}

/* Integers as such, doubles as they are. */
static void put_counts(Buf *out, const double *v, size_t n, bool integer, CodecEffort effort)
{
    int64_t whole[CODEC_VALUES_MAX];
    if (!integer) {
        put_chunk(out, CODEC_FLOAT, v, n, effort);
        return;
    }
    for (size_t i = 0; i < n; i++)
        whole[i] = (int64_t)v[i];
    put_chunk(out, CODEC_INT, whole, n, effort);
}

static void put_hints(Buf *out, const Histogram *h, size_t n)
{
    size_t same = 1;
    while (same < n && h[same].hint == h[0].hint)
        same++;
    buf_put_u8(out, same == n ? h[0].hint : 0xff);
    for (size_t i = 0; same < n && i < n; i++)
        buf_put_u8(out, h[i].hint);
}

static void put_run(Buf *out, const Run *run, const Histogram *all, CodecEffort effort)
{
    const Histogram *h = all + run->begin;
    size_t n = run->end - run->begin;
    double v[CODEC_VALUES_MAX], rest[CODEC_VALUES_MAX];
    buf_put_varint(out, n);
    buf_put_u8(out, h->integer);
    buf_put_zigzag(out, h->schema);
    buf_put_u64(out, f64_bits(h->zero_threshold));
    buf_put_varint(out, h->bound_count);
    for (uint32_t i = 0; i < h->bound_count; i++)
        buf_put_u64(out, f64_bits(h->bounds[i]));
    put_hints(out, h, n);
    for (size_t i = 0; i < n; i++) {
        v[i] = h[i].sum;
        rest[i] = h[i].integer ? h[i].count - h[i].zero : h[i].count;
    }
    put_chunk(out, CODEC_FLOAT, v, n, effort);
    for (size_t i = 0; i < n; i++)
        v[i] = h[i].zero;
    put_counts(out, v, n, h->integer, effort);
    for (int side = 0; side < 2; side++) {
        uint32_t at[CODEC_VALUES_MAX] = {0};
        put_indexes(out, run->index[side], run->buckets[side]);
        for (size_t k = 0; k < run->buckets[side]; k++) {
            for (size_t i = 0; i < n; i++) {
                const HistSide *s = side_of(&h[i], side);
                bool has = at[i] < s->count && s->items[at[i]].index == run->index[side][k];
                v[i] = has ? s->items[at[i]++].n : 0;
                rest[i] -= h->integer ? v[i] : 0;
            }
            put_counts(out, v, n, h->integer, effort);
        }
    }
    put_counts(out, rest, n, h->integer, effort);
}

/* False: not all are histograms in the form in which hist_write makes them. */
static bool read_all(Histogram *h, const Slice *s, size_t n, Arena *a)
{
    Err ignored;
    Buf again;
    bool ok = true;
    buf_init(&again);
    for (size_t i = 0; i < n && ok; i++) {
        buf_clear(&again);
        ok = hist_is(s[i]) && hist_read(&h[i], s[i], a, &ignored);
        if (ok)
            hist_write(&again, &h[i]);
        ok = ok && slice_eq(buf_slice(&again), s[i]);
        double sum = h[i].zero;
        for (int side = 0; side < 2 && ok; side++)
            for (uint32_t k = 0; k < side_of(&h[i], side)->count && ok; k++) {
                ok = side_of(&h[i], side)->items[k].n != 0; /* 0 is read as absent */
                sum += side_of(&h[i], side)->items[k].n;
            }
        ok &= !h[i].integer || sum <= EXACT_MAX;
    }
    buf_free(&again);
    return ok;
}

/* 0: too many layouts, or too many buckets. */
static size_t find_runs(Run *runs, const Histogram *h, size_t n, Arena *a)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (count == 0 || !same_layout(runs[count - 1].h, &h[i])) {
            if (count == RUNS_MAX)
                return 0;
            runs[count++] = (Run){.begin = i, .h = &h[i]};
        }
        Run *run = &runs[count - 1];
        run->end = i + 1;
        for (int side = 0; side < 2; side++)
            add_buckets(run, side, side_of(&h[i], side), a);
        if ((run->buckets[0] + run->buckets[1]) * (run->end - run->begin) > CELLS_MAX)
            return 0;
    }
    return count;
}

size_t hist_str_bound(const void *src, size_t n)
{
    return raw_str_bound(src, n);
}

size_t hist_str_encode_effort(uint8_t *dst, const void *src, size_t n, CodecEffort effort)
{
    Arena a;
    Buf out;
    Run runs[RUNS_MAX];
    size_t count = 0, len = 0;
    arena_init(&a, NULL);
    buf_init(&out);
    Histogram *h = ARENA_ARRAY(&a, Histogram, n);
    if (n > 0 && read_all(h, src, n, &a))
        count = find_runs(runs, h, n, &a);
    for (size_t i = 0; i < count; i++)
        put_run(&out, &runs[i], h, effort);
    if (count && out.len <= hist_str_bound(src, n)) {
        memcpy(dst, out.ptr, out.len);
        len = out.len;
    }
    buf_free(&out);
    arena_free(&a);
    return len;
}

size_t hist_str_encode(uint8_t *dst, const void *src, size_t n)
{
    return hist_str_encode_effort(dst, src, n, EFFORT_FLUSH);
}

/* ---- reading ---- */

static bool damaged(Err *e)
{
    return codec_damaged(e, "histograms: wrong size");
}

static bool get_chunk(Reader *r, CodecKind kind, void *out, size_t n, Arena *a, Err *e)
{
    const CodecDef *def = codec_find(reader_u8(r));
    Slice bytes = reader_str(r);
    if (r->bad || !def || def->kind != kind)
        return damaged(e);
    return def->decode(out, n, bytes, a, e);
}

static bool get_counts(Reader *r, double *v, size_t n, bool integer, Arena *a, Err *e)
{
    int64_t whole[CODEC_VALUES_MAX];
    if (!integer)
        return get_chunk(r, CODEC_FLOAT, v, n, a, e);
    if (!get_chunk(r, CODEC_INT, whole, n, a, e))
        return false;
    for (size_t i = 0; i < n; i++)
        v[i] = (double)whole[i];
    return true;
}

static bool get_layout(Reader *r, Histogram *h, Arena *a, Err *e)
{
    h->integer = reader_u8(r) != 0;
    int64_t schema = reader_zigzag(r);
    h->zero_threshold = f64_of_bits(reader_u64(r));
    uint64_t bounds = reader_varint(r);
    if (r->bad || bounds > reader_left(r) / 8 ||
        (schema != HIST_SCHEMA_CUSTOM && (schema < HIST_SCHEMA_MIN || schema > HIST_SCHEMA_MAX)))
        return damaged(e);
    double *b = arena_alloc(a, (bounds + 1) * sizeof *b);
    for (uint64_t i = 0; i < bounds; i++)
        b[i] = f64_of_bits(reader_u64(r));
    h->schema = (int8_t)schema;
    h->bounds = b;
    h->bound_count = (uint32_t)bounds;
    return true;
}

static bool get_hints(Reader *r, Histogram *h, size_t n, Err *e)
{
    uint8_t hint = reader_u8(r);
    for (size_t i = 0; i < n; i++) {
        h[i].hint = hint == 0xff ? reader_u8(r) : hint;
        if (r->bad || h[i].hint > HIST_GAUGE)
            return damaged(e);
    }
    return true;
}

/* Buckets of one side; what integers they add up to is added to `sums`. */
static bool get_side(Reader *r, Histogram *h, size_t n, int side, double *sums, Arena *a, Err *e)
{
    double v[CODEC_VALUES_MAX];
    uint64_t buckets = reader_varint(r);
    int64_t index = 0;
    if (r->bad || buckets > reader_left(r) || buckets * n > CELLS_MAX)
        return damaged(e);
    HistBucket *items = arena_try(a, (buckets * n + 1) * sizeof *items, e);
    if (!items)
        return false;
    int32_t *all = arena_alloc(a, (buckets + 1) * sizeof *all);
    for (uint64_t k = 0; k < buckets; k++) {
        uint64_t gap = k ? reader_varint(r) : 0;
        index = k ? index + 1 + (int64_t)(gap & INT32_MAX) : reader_zigzag(r);
        if (r->bad || gap > INT32_MAX || index < INT32_MIN / 2 || index > INT32_MAX / 2)
            return damaged(e);
        all[k] = (int32_t)index;
    }
    for (size_t i = 0; i < n; i++)
        *(side ? &h[i].negative : &h[i].positive) = (HistSide){items + i * buckets, 0};
    for (uint64_t k = 0; k < buckets; k++) {
        if (!get_counts(r, v, n, h->integer, a, e))
            return false;
        for (size_t i = 0; i < n; i++) {
            HistSide *s = side ? &h[i].negative : &h[i].positive;
            if (v[i] != 0)
                s->items[s->count++] = (HistBucket){all[k], v[i], 0};
            sums[i] += h->integer ? v[i] : 0;
        }
    }
    return true;
}

static bool get_run(Reader *r, Histogram *h, size_t n, Arena *a, Err *e)
{
    double v[CODEC_VALUES_MAX], sums[CODEC_VALUES_MAX] = {0};
    if (!get_layout(r, h, a, e))
        return false;
    for (size_t i = 1; i < n; i++)
        h[i] = h[0];
    if (!get_hints(r, h, n, e) || !get_chunk(r, CODEC_FLOAT, v, n, a, e))
        return false;
    for (size_t i = 0; i < n; i++)
        h[i].sum = v[i];
    if (!get_counts(r, v, n, h->integer, a, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        h[i].zero = v[i];
        sums[i] = h->integer ? v[i] : 0;
    }
    if (!get_side(r, h, n, 0, sums, a, e) || !get_side(r, h, n, 1, sums, a, e) ||
        !get_counts(r, v, n, h->integer, a, e))
        return false;
    for (size_t i = 0; i < n; i++)
        h[i].count = sums[i] + v[i];
    return true;
}

/* Texts of the run, behind those before. */
static bool put_texts(Buf *out, size_t *len, const Histogram *h, size_t n, Err *e)
{
    for (size_t i = 0; i < n; i++) {
        size_t before = out->len;
        hist_write(out, &h[i]);
        len[i] = out->len - before;
        if (out->len > HIST_BYTES_MAX)
            return damaged(e);
    }
    return true;
}

bool hist_str_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    Reader r = reader_of(src);
    Arena a;
    Buf out;
    size_t len[CODEC_VALUES_MAX], done = 0;
    bool ok = n <= CODEC_VALUES_MAX || damaged(e);
    arena_init(&a, arena->budget);
    buf_init(&out);
    while (ok && done < n) {
        uint64_t count = reader_varint(&r);
        if (r.bad || count == 0 || count > n - done) {
            ok = damaged(e);
            break;
        }
        arena_reset(&a);
        Histogram *h = ARENA_ARRAY(&a, Histogram, count);
        ok = get_run(&r, h, count, &a, e) && put_texts(&out, len + done, h, count, e);
        done += count;
    }
    if (ok && reader_left(&r))
        ok = codec_damaged(e, "histograms: bytes left over");
    char *text = ok ? arena_try(arena, out.len + 1, e) : NULL;
    if (text) {
        memcpy(text, out.ptr, out.len);
        for (size_t i = 0; i < n; text += len[i], i++)
            ((Slice *)dst)[i] = (Slice){text, len[i]};
    }
    buf_free(&out);
    arena_free(&a);
    return text != NULL;
}
