/* session/xor_chunk.c - see xor_chunk.h. */
#include "session/xor_chunk.h"

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

void xor_chunk_write(Buf *out, const int64_t *t_ms, const double *v, size_t n)
{
    Bits b = {out, 0};
    Window w = {0};
    uint64_t last = 0, bits, delta = 0;
    must(n <= UINT16_MAX);
    buf_put_u8(out, (uint8_t)(n >> 8));
    buf_put_u8(out, (uint8_t)n);
    for (size_t i = 0; i < n; i++) {
        memcpy(&bits, &v[i], sizeof bits);
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
