/* storage/codec_str.c - strings: lengths as an integer block, then bytes; constant, dictionary, zstd. */
#include "storage/codec_private.h"

#include <zstd.h>

/* Lengths block: varint size, integer block of n lengths. */
static uint8_t *put_lengths(uint8_t *p, const Slice *s, size_t n)
{
    int64_t len[CODEC_VALUES_MAX];
    IntStats st;
    IntPlan plan;
    for (size_t i = 0; i < n; i++)
        len[i] = (int64_t)s[i].len;
    int_stats(&st, len, n);
    int_plan(&plan, len, n, &st, &(IntSearch){1u << SK_RAW, EFFORT_FLUSH, NULL});
    uint8_t block[CODEC_VALUES_MAX * 8 + 128];
    must(int_bound(n) <= sizeof block);
    size_t size = int_write(block, &plan, len, n);
    p = codec_put_varint(p, size);
    memcpy(p, block, size);
    return p + size;
}

/* Reads lengths and cuts what is left into exactly n strings. */
static bool get_strings(Slice *out, size_t n, Reader *r, Err *e)
{
    int64_t len[CODEC_VALUES_MAX];
    uint64_t size = reader_varint(r);
    if (r->bad || size > reader_left(r))
        return codec_damaged(e, "strings: wrong size of lengths");
    if (!int_read(len, n, reader_bytes(r, size), e))
        return false;
    const char *p = (const char *)r->cur;
    size_t left = reader_left(r);
    for (size_t i = 0; i < n; i++) {
        if (len[i] < 0 || (uint64_t)len[i] > left)
            return codec_damaged(e, "strings: a length is too large");
        out[i] = (Slice){p, (size_t)len[i]};
        p += len[i];
        left -= (size_t)len[i];
    }
    r->cur = r->end - left;
    return true;
}

static size_t total_bytes(const Slice *s, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s[i].len;
    return sum;
}

size_t raw_str_bound(const void *src, size_t n)
{
    return int_bound(n) + 10 + total_bytes(src, n);
}

size_t raw_str_encode(uint8_t *dst, const void *src, size_t n)
{
    const Slice *s = src;
    uint8_t *p = put_lengths(dst, s, n);
    for (size_t i = 0; i < n; i++) {
        if (s[i].len)
            memcpy(p, s[i].ptr, s[i].len);
        p += s[i].len;
    }
    return (size_t)(p - dst);
}

bool raw_str_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    Reader r = reader_of(src);
    if (!get_strings(dst, n, &r, e))
        return false;
    return reader_left(&r) == 0 || codec_damaged(e, "strings: bytes left over");
}

size_t const_str_bound(const void *src, size_t n)
{
    return n ? ((const Slice *)src)[0].len + 10 : 0;
}

size_t const_str_encode(uint8_t *dst, const void *src, size_t n)
{
    const Slice *s = src;
    for (size_t i = 1; i < n; i++)
        if (!slice_eq(s[i], s[0]))
            return 0;
    uint8_t *p = codec_put_varint(dst, s[0].len); /* so that no chunk is empty */
    if (s[0].len)
        memcpy(p, s[0].ptr, s[0].len);
    return (size_t)(p - dst) + s[0].len;
}

bool const_str_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    Reader r = reader_of(src);
    uint64_t len = reader_varint(&r);
    if (r.bad || len != reader_left(&r))
        return codec_damaged(e, "constant string: wrong size");
    Slice s = reader_bytes(&r, len);
    for (size_t i = 0; i < n; i++)
        ((Slice *)dst)[i] = s;
    return true;
}

/* ---- dictionary: distinct strings in order of first use, codes as an integer block ---- */
enum { DICT_MAX = CODEC_VALUES_MAX / 4, DICT_SLOTS = 1024 };

typedef struct Dict {
    uint16_t slot[DICT_SLOTS]; /* entry + 1 */
    uint16_t count;
    Slice entry[DICT_MAX];
    int64_t code[CODEC_VALUES_MAX];
} Dict;

static uint64_t str_hash(Slice s)
{
    uint64_t h = s.len * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        h = (h ^ load_u64(s.ptr + i)) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    for (; i < s.len; i++)
        h = (h ^ (uint8_t)s.ptr[i]) * UINT64_C(0x100000001b3);
    return h ^ h >> 29;
}

static bool dict_build(Dict *d, const Slice *s, size_t n)
{
    memset(d->slot, 0, sizeof d->slot);
    d->count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = str_hash(s[i]) % DICT_SLOTS;
        while (d->slot[at] && !slice_eq(d->entry[d->slot[at] - 1], s[i]))
            at = (at + 1) % DICT_SLOTS;
        if (!d->slot[at]) {
            if (d->count >= (n + 3) / 4)
                return false;
            d->entry[d->count++] = s[i];
            d->slot[at] = d->count;
        }
        d->code[i] = d->slot[at] - 1;
    }
    return true;
}

size_t dict_str_bound(const void *src, size_t n)
{
    return raw_str_bound(src, n) + int_bound(n) + 20;
}

size_t dict_str_encode(uint8_t *dst, const void *src, size_t n)
{
    Dict d;
    if (!dict_build(&d, src, n))
        return 0;
    uint8_t *p = codec_put_varint(dst, d.count);
    IntStats st;
    IntPlan plan;
    uint8_t block[CODEC_VALUES_MAX * 8 + 128];
    int_stats(&st, d.code, n);
    int_plan(&plan, d.code, n, &st,
             &(IntSearch){1u << SK_RAW | 1u << SK_DELTA, EFFORT_FLUSH, NULL});
    size_t size = int_write(block, &plan, d.code, n);
    p = codec_put_varint(p, size);
    memcpy(p, block, size);
    p += size;
    p += raw_str_encode(p, d.entry, d.count);
    return (size_t)(p - dst);
}

bool dict_str_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    Reader r = reader_of(src);
    uint64_t count = reader_varint(&r), size = reader_varint(&r);
    if (r.bad || count == 0 || count > DICT_MAX || size > reader_left(&r))
        return codec_damaged(e, "dictionary: wrong size");
    int64_t code[CODEC_VALUES_MAX];
    Slice entry[DICT_MAX];
    if (!int_read(code, n, reader_bytes(&r, size), e) || !get_strings(entry, count, &r, e))
        return false;
    if (reader_left(&r))
        return codec_damaged(e, "dictionary: bytes left over");
    for (size_t i = 0; i < n; i++) {
        if (code[i] < 0 || (uint64_t)code[i] >= count)
            return codec_damaged(e, "dictionary: a code is too large");
        ((Slice *)dst)[i] = entry[code[i]];
    }
    return true;
}

/* ---- zstd: lengths, decoded size, then frames of at most 64 KiB of the joined bytes ---- */
enum { ZSTD_BLOCK = 64 << 10 };

size_t zstd_str_bound(const void *src, size_t n)
{
    size_t total = total_bytes(src, n);
    size_t blocks = total / ZSTD_BLOCK + 1;
    return int_bound(n) + 30 + ZSTD_compressBound(total) +
           blocks * (10 + ZSTD_compressBound(0) + 512);
}

size_t zstd_str_encode(uint8_t *dst, const void *src, size_t n)
{
    return zstd_str_encode_level(dst, src, n, 1);
}

size_t zstd_str_encode_level(uint8_t *dst, const void *src, size_t n, int level)
{
    const Slice *s = src;
    size_t total = total_bytes(s, n), cap = zstd_str_bound(src, n);
    if (total == 0 || total > CODEC_STR_BYTES_MAX)
        return 0;
    char *joined = mem_alloc(total);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i].len)
            memcpy(joined + at, s[i].ptr, s[i].len);
        at += s[i].len;
    }
    uint8_t *p = put_lengths(dst, s, n);
    p = codec_put_varint(p, total);
    for (at = 0; at < total; at += ZSTD_BLOCK) {
        size_t len = total - at < ZSTD_BLOCK ? total - at : ZSTD_BLOCK;
        uint8_t *body = p + 4;
        size_t size = ZSTD_compress(body, cap - (size_t)(body - dst), joined + at, len, level);
        must(!ZSTD_isError(size));
        uint32_t size32 = (uint32_t)size;
        memcpy(p, &size32, 4);
        p = body + size;
    }
    mem_free(joined);
    return (size_t)(p - dst);
}

bool zstd_str_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    Reader r = reader_of(src);
    uint64_t size = reader_varint(&r);
    if (r.bad || size > reader_left(&r))
        return codec_damaged(e, "zstd: wrong size of lengths");
    int64_t len[CODEC_VALUES_MAX];
    if (!int_read(len, n, reader_bytes(&r, size), e))
        return false;
    uint64_t total = reader_varint(&r), sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (len[i] < 0 || len[i] > CODEC_STR_BYTES_MAX)
            return codec_damaged(e, "zstd: a length is too large");
        sum += (uint64_t)len[i];
    }
    /* A frame of 64 KiB takes at least a dozen bytes: a small chunk cannot claim much memory. */
    if (r.bad || total != sum || total == 0 || total > CODEC_STR_BYTES_MAX ||
        total / ZSTD_BLOCK > reader_left(&r) / 8)
        return codec_damaged(e, "zstd: wrong total");
    char *out = arena_try(arena, total, e);
    if (!out)
        return false;
    for (size_t at = 0; at < total; at += ZSTD_BLOCK) {
        size_t want = total - at < ZSTD_BLOCK ? total - at : ZSTD_BLOCK;
        uint32_t packed = reader_u32(&r);
        if (r.bad || packed > reader_left(&r))
            return codec_damaged(e, "zstd: wrong frame size");
        Slice frame = reader_bytes(&r, packed);
        size_t got = ZSTD_decompress(out + at, want, frame.ptr, frame.len);
        if (ZSTD_isError(got) || got != want)
            return codec_damaged(e, "zstd: frame does not decode");
    }
    if (reader_left(&r))
        return codec_damaged(e, "zstd: bytes left over");
    for (size_t i = 0; i < n; out += len[i], i++)
        ((Slice *)dst)[i] = (Slice){out, (size_t)len[i]};
    return true;
}
