/* ingest/ing_snappy.c - a snappy block to bytes: the body of every remote write.
 *
 * The library copies each piece by a call; here a piece is one or four moves of 16 bytes, which may write beyond its
 * end: what follows overwrites that, and behind the last byte of the output there is room (SNAPPY_SLACK).
 * Format: google/snappy, format_description.txt. */
#include "ingest/snappy.h"

enum { LITERAL, COPY_1, COPY_2, COPY_4 };
enum { MOVE = 16, LITERAL_SHORT_MAX = 60 };

typedef struct Cursor {
    const uint8_t *in, *in_end;
    uint8_t *out, *out_begin, *out_end;
} Cursor;

static inline uint32_t load_le(const uint8_t *p, unsigned bytes)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint32_t)p[i] << 8 * i;
    return v;
}

static bool put_literal(Cursor *c, uint8_t tag)
{
    size_t len = (size_t)(tag >> 2) + 1;
    if (len <= MOVE && c->in_end - c->in >= MOVE && c->out_end - c->out >= (ptrdiff_t)len) {
        memcpy(c->out, c->in, MOVE);
    } else {
        if (len > LITERAL_SHORT_MAX) { /* its size is in the next one to four bytes */
            unsigned bytes = (unsigned)len - LITERAL_SHORT_MAX;
            if (c->in_end - c->in < (ptrdiff_t)bytes)
                return false;
            len = (size_t)load_le(c->in, bytes) + 1;
            c->in += bytes;
        }
        if (len > (size_t)(c->in_end - c->in) || len > (size_t)(c->out_end - c->out))
            return false;
        memcpy(c->out, c->in, len);
    }
    c->in += len;
    c->out += len;
    return true;
}

static bool put_copy(Cursor *c, size_t len, size_t offset)
{
    uint8_t *to = c->out;
    const uint8_t *from = to - offset;
    if (offset - 1 >= (size_t)(to - c->out_begin) || len > (size_t)(c->out_end - to))
        return false;
    c->out += len;
    if (offset < MOVE) { /* it repeats what it writes */
        for (size_t i = 0; i < len; i++)
            to[i] = from[i];
        return true;
    }
    memcpy(to, from, MOVE);
    for (size_t i = MOVE; i < len; i += MOVE)
        memcpy(to + i, from + i, MOVE);
    return true;
}

bool snappy_block_decode(uint8_t *out, size_t size, Slice block)
{
    Cursor c = {(const uint8_t *)block.ptr, (const uint8_t *)block.ptr + block.len, out, out,
                out + size};
    while (c.in < c.in_end && *c.in++ >= 0x80) /* the size, which the caller has read */
        ;
    while (c.in < c.in_end) {
        uint8_t tag = *c.in++;
        unsigned kind = tag & 3, bytes = kind == COPY_4 ? 4 : kind;
        if (kind == LITERAL) {
            if (!put_literal(&c, tag))
                return false;
            continue;
        }
        if (c.in_end - c.in < (ptrdiff_t)bytes)
            return false;
        size_t offset = load_le(c.in, bytes), len = (size_t)(tag >> 2) + 1;
        if (kind == COPY_1) {
            offset |= (size_t)(tag >> 5) << 8;
            len = (size_t)(tag >> 2 & 7) + 4;
        }
        c.in += bytes;
        if (!put_copy(&c, len, offset))
            return false;
    }
    return c.out == c.out_end;
}
