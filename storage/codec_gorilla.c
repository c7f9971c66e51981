/* storage/codec_gorilla.c - Gorilla (Pelkonen et al., VLDB 2015): delta-of-delta times, XOR floats.
 *
 * The best here for doubles that are no decimals and repeat; else the integer core wins.
 * Bits go from the highest to the lowest of each byte; docs/format.md has the codes. */
#include "storage/codec_private.h"

typedef struct BitWriter {
    uint8_t *p;
    uint64_t acc;
    unsigned used; /* bits of acc not written yet, below 8 between calls */
} BitWriter;

static inline void put_bits32(BitWriter *w, uint64_t v, unsigned count)
{
    w->acc = w->acc << count | (v & low_bits(count));
    w->used += count;
    while (w->used >= 8) {
        w->used -= 8;
        *w->p++ = (uint8_t)(w->acc >> w->used);
    }
}

static inline void put_bits(BitWriter *w, uint64_t v, unsigned count) /* up to 64 */
{
    if (count > 32) {
        put_bits32(w, v >> 32, count - 32);
        count = 32;
    }
    put_bits32(w, v, count);
}

static size_t finish_bits(BitWriter *w, const uint8_t *start)
{
    if (w->used)
        *w->p++ = (uint8_t)(w->acc << (8 - w->used));
    return (size_t)(w->p - start);
}

typedef struct BitReader {
    const uint8_t *p, *end;
    uint64_t acc;
    unsigned have;
    bool bad;
} BitReader;

static BitReader bit_reader(Slice s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    return (BitReader){.p = p, .end = p + s.len};
}

static inline uint64_t get_bits32(BitReader *r, unsigned count)
{
    while (r->have < count) {
        if (r->p == r->end) {
            r->bad = true;
            return 0;
        }
        r->acc = r->acc << 8 | *r->p++;
        r->have += 8;
    }
    r->have -= count;
    return r->acc >> r->have & low_bits(count);
}

static inline uint64_t get_bits(BitReader *r, unsigned count)
{
    uint64_t high = 0;
    if (count > 32) {
        high = get_bits32(r, count - 32) << 32;
        count = 32;
    }
    return high | get_bits32(r, count);
}

static bool finish_read(const BitReader *r, Err *e)
{
    if (r->bad || r->p != r->end || r->have >= 8)
        return codec_damaged(e, "gorilla: wrong size");
    return true;
}

/* ---- floats ---- */
size_t gorilla_f64_bound(const void *src, size_t n)
{
    (void)src;
    return 16 + n * 10;
}

size_t gorilla_f64_encode(uint8_t *dst, const void *src, size_t n)
{
    const double *v = src;
    BitWriter w = {.p = dst};
    uint64_t prev = f64_bits(v[0]);
    unsigned lead = 64, sig = 0; /* window of the last full code; none yet */
    put_bits(&w, prev, 64);
    for (size_t i = 1; i < n; i++) {
        uint64_t bits = f64_bits(v[i]), xor = bits ^ prev;
        prev = bits;
        if (xor == 0) {
            put_bits(&w, 0, 1);
            continue;
        }
        unsigned l = (unsigned)__builtin_clzll(xor), t = (unsigned)__builtin_ctzll(xor);
        l = l > 31 ? 31 : l;
        if (sig && l >= lead && t >= 64 - lead - sig) {
            put_bits(&w, 2, 2);
        } else {
            lead = l;
            sig = 64 - l - t;
            put_bits(&w, 3u << 11 | lead << 6 | (sig - 1), 13);
        }
        put_bits(&w, xor >> (64 - lead - sig), sig);
    }
    return finish_bits(&w, dst);
}

size_t gorilla_f64_size(const double *v, size_t n)
{
    size_t bits = 64;
    unsigned lead = 64, sig = 0; /* as in the encoder */
    for (size_t i = 1; i < n; i++) {
        uint64_t xor = f64_bits(v[i]) ^ f64_bits(v[i - 1]);
        if (xor == 0) {
            bits++;
            continue;
        }
        unsigned l = (unsigned)__builtin_clzll(xor), t = (unsigned)__builtin_ctzll(xor);
        l = l > 31 ? 31 : l;
        if (sig && l >= lead && t >= 64 - lead - sig) {
            bits += 2 + sig;
        } else {
            lead = l;
            sig = 64 - l - t;
            bits += 13 + sig;
        }
    }
    return (bits + 7) / 8;
}

bool gorilla_f64_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    BitReader r = bit_reader(src);
    double *out = dst;
    uint64_t prev = get_bits(&r, 64);
    unsigned lead = 0, sig = 0;
    if (n)
        out[0] = f64_of_bits(prev);
    for (size_t i = 1; i < n; i++) {
        if (get_bits32(&r, 1)) {
            if (get_bits32(&r, 1)) {
                lead = (unsigned)get_bits32(&r, 5);
                sig = (unsigned)get_bits32(&r, 6) + 1;
            }
            if (sig == 0 || lead + sig > 64)
                return codec_damaged(e, "gorilla: wrong window");
            prev ^= get_bits(&r, sig) << (64 - lead - sig);
        }
        out[i] = f64_of_bits(prev);
    }
    return finish_read(&r, e);
}

/* ---- times ---- */
static const int64_t time_units[] = {1, 1000, 1000000, 1000000000};
static const uint8_t dod_bits[] = {0,  7, 12, 20,
                                   32, 64}; /* prefix: that many ones, then a zero but the last */
enum { DOD_CLASSES = ARRAY_LEN(dod_bits) };

size_t gorilla_time_bound(const void *src, size_t n)
{
    (void)src;
    return 16 + n * 9;
}

size_t gorilla_time_encode(uint8_t *dst, const void *src, size_t n)
{
    const int64_t *v = src;
    unsigned unit = ARRAY_LEN(time_units) - 1;
    for (size_t i = 0; i < n && unit; i++)
        while (unit && v[i] % time_units[unit])
            unit--;
    dst[0] = (uint8_t)unit;
    BitWriter w = {.p = dst + 1};
    uint64_t prev = (uint64_t)(v[0] / time_units[unit]), delta = 0;
    put_bits(&w, prev, 64);
    for (size_t i = 1; i < n; i++) {
        uint64_t t = (uint64_t)(v[i] / time_units[unit]), d = t - prev;
        int64_t dod = (int64_t)(d - delta);
        prev = t;
        delta = d;
        unsigned code = 0;
        while (code < DOD_CLASSES - 1 && zigzag_encode(dod) > low_bits(dod_bits[code]))
            code++;
        put_bits(&w, code < DOD_CLASSES - 1 ? (low_bits(code) << 1) : low_bits(code),
                 code < DOD_CLASSES - 1 ? code + 1 : code);
        if (code)
            put_bits(&w, zigzag_encode(dod), dod_bits[code]);
    }
    return finish_bits(&w, dst);
}

bool gorilla_time_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    if (src.len == 0 || (uint8_t)src.ptr[0] >= ARRAY_LEN(time_units))
        return codec_damaged(e, "gorilla: wrong time unit");
    uint64_t unit = (uint64_t)time_units[(uint8_t)src.ptr[0]];
    BitReader r = bit_reader((Slice){src.ptr + 1, src.len - 1});
    int64_t *out = dst;
    uint64_t t = get_bits(&r, 64), delta = 0;
    if (n)
        out[0] = (int64_t)(t * unit);
    for (size_t i = 1; i < n; i++) {
        unsigned code = 0;
        while (code < DOD_CLASSES - 1 && get_bits32(&r, 1))
            code++;
        if (code)
            delta += (uint64_t)zigzag_decode(get_bits(&r, dod_bits[code]));
        t += delta;
        out[i] = (int64_t)(t * unit);
    }
    return finish_read(&r, e);
}
