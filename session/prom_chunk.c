/* session/prom_chunk.c - see prom_chunk.h. */
#include "session/prom_chunk.h"
#include <math.h>
#include <stdlib.h>

typedef struct Bits {
    Buf *out;
    unsigned free; /* bits of the last byte */
} Bits;

static void put_bits(Bits *b, uint64_t v, unsigned n)
{
    while (n > 0) {
        if (b->free == 0) {
            buf_put_u8(b->out, 0);
            b->free = 8;
        }
        unsigned take = n < b->free ? n : b->free;
        uint64_t piece = v >> (n - take) & ((1u << take) - 1);
        b->out->ptr[b->out->len - 1] =
            (char)((uint8_t)b->out->ptr[b->out->len - 1] | piece << (b->free - take));
        b->free -= take;
        n -= take;
    }
}

static void put_varint_bits(Bits *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put_bits(b, (v & 0x7f) | 0x80, 8);
    put_bits(b, v, 8);
}

/* Of the difference of two distances. */
static void put_change(Bits *b, int64_t d)
{
    static const struct {
        unsigned width, prefix, prefix_bits;
    } ranges[] = {{14, 2, 2}, {17, 6, 3}, {20, 14, 4}};
    if (d == 0) {
        put_bits(b, 0, 1);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        int64_t half = INT64_C(1) << (ranges[i].width - 1);
        if (d < -(half - 1) || d > half)
            continue;
        put_bits(b, ranges[i].prefix, ranges[i].prefix_bits);
        put_bits(b, (uint64_t)d, ranges[i].width);
        return;
    }
    put_bits(b, 15, 4);
    put_bits(b, (uint64_t)d, 64);
}

typedef struct Window { /* of the bits that the last value changed */
    unsigned leading, trailing;
    bool set;
} Window;

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void put_value(Bits *b, Window *w, uint64_t x)
{
    if (x == 0) {
        put_bits(b, 0, 1);
        return;
    }
    unsigned leading = (unsigned)__builtin_clzll(x), trailing = (unsigned)__builtin_ctzll(x);
    leading = leading > 31 ? 31 : leading;
    put_bits(b, 1, 1);
    if (w->set && leading >= w->leading && trailing >= w->trailing) {
        put_bits(b, 0, 1);
        put_bits(b, x >> w->trailing, 64 - w->leading - w->trailing);
        return;
    }
    *w = (Window){leading, trailing, true};
    unsigned width = 64 - leading - trailing;
    put_bits(b, 1, 1);
    put_bits(b, leading, 5);
    put_bits(b, width & 63, 6); /* 64 is written as 0 */
    put_bits(b, x >> trailing, width);
}

static void put_count(Buf *out, size_t n)
{
    must(n <= UINT16_MAX);
    buf_put_u8(out, (uint8_t)(n >> 8));
    buf_put_u8(out, (uint8_t)n);
}

static void xor_chunk(Buf *out, const int64_t *t_ms, const double *v, size_t n)
{
    Bits b = {out, 0};
    Window w = {0};
    uint64_t last = 0, delta = 0;
    put_count(out, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = bits_of(v[i]);
        if (i == 0) {
            put_varint_bits(&b, zigzag_encode(t_ms[0]));
            put_bits(&b, bits, 64);
        } else {
            uint64_t d = (uint64_t)t_ms[i] - (uint64_t)t_ms[i - 1];
            if (i == 1)
                put_varint_bits(&b, d);
            else
                put_change(&b, (int64_t)(d - delta));
            delta = d;
            put_value(&b, &w, bits ^ last);
        }
        last = bits;
    }
}

/* ---- native histograms ---- */

/* A prefix of ones tells the width; `fits` in the sense of Prometheus, which is lopsided for signed ones. */
static const uint8_t widths[] = {3, 6, 9, 12, 18, 25, 56};

static void put_prefixed(Bits *b, uint64_t v, size_t step)
{
    if (step < ARRAY_LEN(widths)) {
        put_bits(b, (UINT64_C(2) << (step + 1)) - 2, (unsigned)step + 2);
        put_bits(b, v, widths[step]);
    } else {
        put_bits(b, 0xff, 8);
        put_bits(b, v, 64);
    }
}

static void put_signed(Bits *b, int64_t v)
{
    size_t step = 0;
    if (v == 0) {
        put_bits(b, 0, 1);
        return;
    }
    for (; step < ARRAY_LEN(widths); step++) {
        int64_t half = INT64_C(1) << (widths[step] - 1);
        if (v >= 1 - half && v <= half)
            break;
    }
    put_prefixed(b, (uint64_t)v, step);
}

static void put_unsigned(Bits *b, uint64_t v)
{
    size_t step = 0;
    if (v == 0) {
        put_bits(b, 0, 1);
        return;
    }
    while (step < ARRAY_LEN(widths) && v >> widths[step])
        step++;
    put_prefixed(b, v, step);
}

/* One byte for what is usual: nothing, or a power of two. */
static void put_threshold(Bits *b, double v)
{
    int power;
    bool plain = frexp(v, &power) == 0.5 && power >= -242 && power <= 11;
    if (v == 0) {
        put_bits(b, 0, 8);
    } else if (plain) {
        put_bits(b, (uint64_t)(power + 243), 8);
    } else {
        put_bits(b, 255, 8);
        put_bits(b, bits_of(v), 64);
    }
}

static void put_bound(Bits *b, double v)
{
    double thousandths = v * 1000;
    bool plain =
        thousandths >= 0 && thousandths <= 33554430 && (double)llround(thousandths) / 1000 == v;
    if (plain) {
        put_unsigned(b, (uint64_t)llround(thousandths) + 1);
    } else {
        put_bits(b, 0, 1);
        put_bits(b, bits_of(v), 64);
    }
}

typedef struct Layout { /* the buckets of one side that any histogram of the chunk has */
    int32_t *index;
    size_t count;
} Layout;

static int by_index(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static const HistSide *side_of(const Histogram *h, bool negative)
{
    return negative ? &h->negative : &h->positive;
}

static Layout layout_of(const PromSamples *s, size_t n, bool negative, Arena *a)
{
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < n; i++)
        all += side_of(s->h[i], negative)->count;
    Layout l = {ARENA_ARRAY(a, int32_t, all + 1), 0};
    for (size_t i = 0; i < n; i++) {
        const HistSide *side = side_of(s->h[i], negative);
        for (uint32_t k = 0; k < side->count; k++)
            l.index[l.count++] = side->items[k].index;
    }
    if (l.count)
        qsort(l.index, l.count, sizeof *l.index, by_index);
    for (size_t i = 0; i < l.count; i++)
        if (kept == 0 || l.index[i] != l.index[kept - 1])
            l.index[kept++] = l.index[i];
    l.count = kept;
    return l;
}

/* Runs of neighbours: length, and the distance from the end of the run before. */
static void put_spans(Bits *b, const Layout *l)
{
    size_t runs = 0;
    for (size_t i = 0; i < l->count; i++)
        runs += i == 0 || l->index[i] != l->index[i - 1] + 1;
    put_unsigned(b, runs);
    for (size_t i = 0, end; i < l->count; i = end) {
        for (end = i + 1; end < l->count && l->index[end] == l->index[end - 1] + 1;)
            end++;
        put_unsigned(b, end - i);
        put_signed(b, i ? l->index[i] - l->index[i - 1] - 1 : l->index[i]);
    }
}

static void put_layout(Bits *b, const Histogram *h, const Layout *positive, const Layout *negative)
{
    put_threshold(b, h->zero_threshold);
    put_signed(b, h->schema);
    put_spans(b, positive);
    put_spans(b, negative);
    if (!hist_is_custom(h))
        return;
    put_unsigned(b, h->bound_count);
    for (uint32_t i = 0; i < h->bound_count; i++)
        put_bound(b, h->bounds[i]);
}

/* One number of each histogram of a chunk. */
typedef struct Track {
    int64_t last, change; /* integers */
    uint64_t bits;        /* doubles */
    Window window;
} Track;

static void put_integer(Bits *b, Track *t, int64_t v, size_t at)
{
    int64_t change = v - t->last;
    put_signed(b, at ? change - t->change : v);
    t->change = at ? change : 0;
    t->last = v;
}

static void put_double(Bits *b, Track *t, double v, size_t at)
{
    if (at)
        put_value(b, &t->window, bits_of(v) ^ t->bits);
    else
        put_bits(b, bits_of(v), 64);
    t->bits = bits_of(v);
}

static void put_side(Bits *b, const HistSide *side, const Layout *l, Track *tracks, bool integer,
                     size_t at)
{
    int64_t before = 0;
    uint32_t next = 0;
    for (size_t i = 0; i < l->count; i++) {
        bool has = next < side->count && side->items[next].index == l->index[i];
        double n = has ? side->items[next++].n : 0;
        if (integer)
            put_integer(b, &tracks[i], (int64_t)n - before, at);
        else
            put_double(b, &tracks[i], n, at);
        before = integer ? (int64_t)n : 0;
    }
}

enum { TRACK_TIME, TRACK_COUNT, TRACK_ZERO, TRACK_SUM, TRACK_BUCKETS };

static void hist_chunk(Buf *out, const PromSamples *s, size_t n, uint8_t flags)
{
    Arena a;
    arena_init(&a, NULL);
    const Histogram *first = s->h[0];
    bool integer = first->integer;
    Layout positive = layout_of(s, n, false, &a), negative = layout_of(s, n, true, &a);
    Track *t = ARENA_ARRAY(&a, Track, TRACK_BUCKETS + positive.count + negative.count);
    put_count(out, n);
    buf_put_u8(out, flags);
    Bits b = {out, 0};
    put_layout(&b, first, &positive, &negative);
    for (size_t i = 0; i < n; i++) {
        const Histogram *h = s->h[i];
        put_integer(&b, &t[TRACK_TIME], s->t_ms[i], i);
        if (integer && i == 0) { /* the first ones have no sign */
            put_unsigned(&b, (uint64_t)h->count);
            put_unsigned(&b, (uint64_t)h->zero);
            t[TRACK_COUNT].last = (int64_t)h->count;
            t[TRACK_ZERO].last = (int64_t)h->zero;
        } else if (integer) {
            put_integer(&b, &t[TRACK_COUNT], (int64_t)h->count, i);
            put_integer(&b, &t[TRACK_ZERO], (int64_t)h->zero, i);
        } else {
            put_double(&b, &t[TRACK_COUNT], h->count, i);
            put_double(&b, &t[TRACK_ZERO], h->zero, i);
        }
        put_double(&b, &t[TRACK_SUM], h->sum, i);
        put_side(&b, &h->positive, &positive, t + TRACK_BUCKETS, integer, i);
        put_side(&b, &h->negative, &negative, t + TRACK_BUCKETS + positive.count, integer, i);
    }
    arena_free(&a);
}

/* ---- where a chunk ends ---- */
enum { FLAG_RESET = 0x80, FLAG_NOT_RESET = 0x40, FLAG_GAUGE = 0xc0 };

static bool same_shape(const Histogram *l, const Histogram *r)
{
    return l->schema == r->schema && l->integer == r->integer &&
           l->zero_threshold == r->zero_threshold && l->bound_count == r->bound_count &&
           (l->hint == HIST_GAUGE) == (r->hint == HIST_GAUGE) &&
           (l->bound_count == 0 ||
            memcmp(l->bounds, r->bounds, l->bound_count * sizeof *l->bounds) == 0);
}

/* A chunk of counters holds none that began anew, but for its first one. */
static bool follows(const Histogram *before, const Histogram *h, Arena *scratch)
{
    return same_shape(before, h) &&
           (h->hint == HIST_GAUGE || (h->hint != HIST_RESET && !hist_is_reset(h, before, scratch)));
}

size_t prom_chunk_write(Buf *out, const PromSamples *s, PromChunkKind *kind)
{
    static const uint8_t flags[] = {
        [HIST_RESET] = FLAG_RESET, [HIST_NOT_RESET] = FLAG_NOT_RESET, [HIST_GAUGE] = FLAG_GAUGE};
    size_t n = 1, max = s->count < PROM_CHUNK_SAMPLES ? s->count : PROM_CHUNK_SAMPLES;
    if (!s->h || !s->h[0]) {
        while (n < max && !(s->h && s->h[n]))
            n++;
        xor_chunk(out, s->t_ms, s->v, n);
        *kind = CHUNK_XOR;
        return n;
    }
    Arena a;
    arena_init(&a, NULL);
    while (n < max && s->h[n] && follows(s->h[n - 1], s->h[n], &a)) {
        arena_reset(&a);
        n++;
    }
    arena_free(&a);
    hist_chunk(out, s, n, flags[s->h[0]->hint]);
    *kind = s->h[0]->integer ? CHUNK_HIST : CHUNK_FLOAT_HIST;
    return n;
}
