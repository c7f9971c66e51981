/* session/copy_binary.c - COPY in binary: signature, flags, extension, then a count and the fields of each
 * row, -1 as count for the end (PostgreSQL's copyfromparse.c). */
#include "session/copy_private.h"

enum { SIGNATURE_BYTES = 11, COUNT_BYTES = 2, LENGTH_BYTES = 4, CRITICAL_FLAGS = 0xffff0000u };

static const char signature[SIGNATURE_BYTES] = "PGCOPY\n\377\r\n";

void copy_put_binary_header(Buf *out)
{
    static const char no_flags[2 * LENGTH_BYTES];
    buf_put(out, signature, sizeof signature);
    buf_put(out, no_flags, sizeof no_flags);
}

static CopyStep bad(Err *e, const char *text)
{
    err_set(e, ERR_BAD_COPY, "%s", text);
    return COPY_FAIL;
}

static uint32_t get_u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int16_t get_i16(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (int16_t)(b[0] << 8 | b[1]);
}

static CopyStep take_header(CopyTuples *t, bool at_end, Err *e)
{
    Slice s = slice_of(t->bytes.ptr + t->begin, t->bytes.len - t->begin);
    size_t seen = s.len < SIGNATURE_BYTES ? s.len : SIGNATURE_BYTES;
    if ((seen && memcmp(s.ptr, signature, seen) != 0) || (seen < SIGNATURE_BYTES && at_end))
        return bad(e, "COPY file signature not recognized");
    if (s.len < SIGNATURE_BYTES + LENGTH_BYTES)
        return at_end ? bad(e, "invalid COPY file header (missing flags)") : COPY_MORE;
    uint32_t flags = get_u32(s.ptr + SIGNATURE_BYTES);
    if (flags & 1u << 16)
        return bad(e, "invalid COPY file header (WITH OIDS)");
    if (flags & CRITICAL_FLAGS)
        return bad(e, "unrecognized critical flags in COPY file header");
    if (s.len < SIGNATURE_BYTES + 2 * LENGTH_BYTES)
        return at_end ? bad(e, "invalid COPY file header (missing length)") : COPY_MORE;
    uint32_t extension = get_u32(s.ptr + SIGNATURE_BYTES + LENGTH_BYTES);
    if (extension > INT32_MAX)
        return bad(e, "invalid COPY file header (missing length)");
    size_t whole = SIGNATURE_BYTES + 2 * LENGTH_BYTES + (size_t)extension;
    if (s.len < whole)
        return at_end ? bad(e, "invalid COPY file header (wrong length)") : COPY_MORE;
    t->begin += whole;
    t->header_done = true;
    return COPY_ROW;
}

CopyStep copy_tuples_next(CopyTuples *t, Slice *fields, size_t count, bool at_end, Err *e)
{
    if (!t->header_done) {
        CopyStep st = take_header(t, at_end, e);
        if (st != COPY_ROW)
            return st;
    }
    Slice s = slice_of(t->bytes.ptr + t->begin, t->bytes.len - t->begin);
    if (t->ended)
        return s.len ? bad(e, "received copy data after EOF marker") : COPY_END;
    if (!t->started)
        t->number++;
    t->started = true;
    if (s.len < COUNT_BYTES)
        return at_end ? COPY_END : COPY_MORE;
    int16_t have = get_i16(s.ptr);
    if (have == -1) {
        t->begin += COUNT_BYTES;
        t->ended = true;
        return s.len > COUNT_BYTES ? bad(e, "received copy data after EOF marker") : COPY_END;
    }
    if ((size_t)have != count) {
        err_set(e, ERR_BAD_COPY, "row field count is %d, expected %zu", have, count);
        return COPY_FAIL;
    }
    size_t at = COUNT_BYTES;
    for (size_t i = 0; i < count; i++) {
        t->field = i + 1;
        if (s.len - at < LENGTH_BYTES)
            return at_end ? bad(e, "unexpected EOF in COPY data") : COPY_MORE;
        int32_t len = (int32_t)get_u32(s.ptr + at);
        at += LENGTH_BYTES;
        fields[i] = SLICE_NONE;
        if (len == -1)
            continue;
        if (len < 0)
            return bad(e, "invalid field size");
        if (s.len - at < (size_t)len)
            return at_end ? bad(e, "unexpected EOF in COPY data") : COPY_MORE;
        fields[i] = slice_of(s.ptr + at, (size_t)len);
        at += (size_t)len;
    }
    t->begin += at;
    t->field = 0;
    t->started = false;
    return COPY_ROW;
}
