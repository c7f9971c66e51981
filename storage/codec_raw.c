/* storage/codec_raw.c - the plain codecs: values as they are, one value, one bit a value. */
#include "storage/codec_private.h"

uint8_t *codec_put_varint(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

/* ---- 8-byte values ---- */
size_t raw64_bound(const void *src, size_t n)
{
    (void)src;
    return n * 8;
}

size_t raw64_encode(uint8_t *dst, const void *src, size_t n)
{
    memcpy(dst, src, n * 8);
    return n * 8;
}

bool raw64_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    if (src.len != n * 8)
        return codec_damaged(e, "raw values: wrong size");
    memcpy(dst, src.ptr, src.len);
    return true;
}

/* u8: zero bytes left out at the low end | bytes that follow << 4; 100 and 1.5 take two or three. */
size_t const64_bound(const void *src, size_t n)
{
    (void)src, (void)n;
    return 9;
}

size_t const64_encode(uint8_t *dst, const void *src, size_t n)
{
    const char *bytes = src;
    for (size_t i = 1; i < n; i++)
        if (load_u64(bytes + i * 8) != load_u64(bytes))
            return 0;
    uint64_t v = load_u64(bytes);
    unsigned skip = v ? (unsigned)__builtin_ctzll(v) / 8 : 0;
    size_t len = 1;
    for (v >>= skip * 8; v; v >>= 8)
        dst[len++] = (uint8_t)v;
    dst[0] = (uint8_t)(skip | (len - 1) << 4);
    return len;
}

bool const64_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    const uint8_t *p = (const uint8_t *)src.ptr;
    uint64_t v = 0;
    if (src.len == 0 || (size_t)(p[0] >> 4) + 1 != src.len || (p[0] >> 4) + (p[0] & 15) > 8)
        return codec_damaged(e, "constant: wrong size");
    for (size_t i = src.len - 1; i > 0; i--)
        v = v << 8 | p[i];
    v = src.len > 1 ? v << (p[0] & 15) * 8 : 0;
    for (size_t i = 0; i < n; i++)
        ((uint64_t *)dst)[i] = v;
    return true;
}

/* ---- bool ---- */
size_t raw_bool_bound(const void *src, size_t n)
{
    (void)src;
    return n;
}

size_t raw_bool_encode(uint8_t *dst, const void *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = ((const uint8_t *)src)[i] != 0;
    return n;
}

bool raw_bool_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    if (src.len != n)
        return codec_damaged(e, "bool bytes: wrong size");
    uint8_t *out = dst, all = 0;
    for (size_t i = 0; i < n; i++)
        all |= out[i] = (uint8_t)src.ptr[i];
    return all <= 1 || codec_damaged(e, "bool bytes: neither 0 nor 1");
}

size_t const_bool_bound(const void *src, size_t n)
{
    (void)src, (void)n;
    return 1;
}

size_t const_bool_encode(uint8_t *dst, const void *src, size_t n)
{
    const uint8_t *b = src;
    for (size_t i = 1; i < n; i++)
        if (!b[i] != !b[0])
            return 0;
    dst[0] = b[0] != 0;
    return 1;
}

bool const_bool_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    if (src.len != 1 || (uint8_t)src.ptr[0] > 1)
        return codec_damaged(e, "constant bool");
    memset(dst, src.ptr[0], n);
    return true;
}

size_t bitmap_bool_bound(const void *src, size_t n)
{
    (void)src;
    return (n + 7) / 8;
}

size_t bitmap_bool_encode(uint8_t *dst, const void *src, size_t n)
{
    memset(dst, 0, (n + 7) / 8);
    for (size_t i = 0; i < n; i++)
        dst[i / 8] |= (uint8_t)((((const uint8_t *)src)[i] != 0) << i % 8);
    return (n + 7) / 8;
}

bool bitmap_bool_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    if (src.len != (n + 7) / 8)
        return codec_damaged(e, "bool bitmap: wrong size");
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)dst)[i] = (uint8_t)src.ptr[i / 8] >> i % 8 & 1;
    return true;
}

/* ---- horizontal bit packing ---- */
uint8_t *bits_pack(uint8_t *dst, const uint64_t *src, size_t n, unsigned width)
{
    uint64_t acc = 0;
    unsigned used = 0;
    for (size_t i = 0; i < n && width; i++) {
        acc |= src[i] << used;
        if (used + width >= 64) {
            dst = store_u64(dst, acc);
            unsigned taken = 64 - used; /* 1..64 */
            acc = taken < 64 ? src[i] >> taken : 0;
            used = width - taken;
        } else {
            used += width;
        }
    }
    for (; used; used -= used < 8 ? used : 8, acc >>= 8)
        *dst++ = (uint8_t)acc;
    return dst;
}

void bits_unpack(uint64_t *dst, const uint8_t *src, size_t n, unsigned width)
{
    uint64_t mask = low_bits(width);
    if (width == 0) {
        memset(dst, 0, n * sizeof *dst);
    } else if (width <= 56) {
        for (size_t i = 0, bit = 0; i < n; i++, bit += width)
            dst[i] = load_u64(src + bit / 8) >> bit % 8 & mask;
    } else {
        for (size_t i = 0, bit = 0; i < n; i++, bit += width) {
            unsigned shift = bit % 8;
            uint64_t v = load_u64(src + bit / 8) >> shift;
            if (shift)
                v |= (uint64_t)src[bit / 8 + 8] << (64 - shift);
            dst[i] = v & mask;
        }
    }
}
