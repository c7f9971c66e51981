/* ingest/ing_body.c - content encodings of bodies: gzip members, zstd frames, a snappy block. */
#include "ingest/ingest.h"
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

enum { PIECE = 256 << 10, GZIP_WINDOW_BITS = 15 + 32 /* zlib or gzip by its head */ };

static bool too_large(size_t body_max, Err *e)
{
    return err_set(e, ERR_PROGRAM_LIMIT, "decompressed body is larger than %zu bytes", body_max);
}

static bool damaged(Err *e, const char *what)
{
    return err_set(e, ERR_INVALID_TEXT, "body is no valid %s data", what);
}

/* Grows step by step: a bomb costs at most body_max. */
static bool room(Buf *out, size_t body_max, Err *e)
{
    if (out->len > body_max)
        return too_large(body_max, e);
    buf_reserve(out, PIECE);
    return true;
}

static bool gunzip(Buf *out, Slice body, size_t body_max, Err *e)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)body.ptr, .avail_in = (uInt)body.len};
    if (body.len > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
        return damaged(e, "gzip");
    bool ok = true;
    int rc = Z_OK;
    while (ok && (rc != Z_STREAM_END || z.avail_in > 0)) {
        if (rc == Z_STREAM_END && inflateReset(&z) != Z_OK) /* the next member */
            break;
        if (!(ok = room(out, body_max, e)))
            break;
        z.next_out = (Bytef *)out->ptr + out->len;
        z.avail_out = PIECE;
        rc = inflate(&z, Z_NO_FLUSH);
        out->len += PIECE - z.avail_out;
        if (rc != Z_OK && rc != Z_STREAM_END)
            ok = damaged(e, "gzip");
        else if (rc == Z_OK && z.avail_in == 0 && z.avail_out > 0)
            ok = damaged(e, "gzip"); /* cut off */
    }
    inflateEnd(&z);
    return ok && (out->len <= body_max || too_large(body_max, e));
}

static bool unzstd(Buf *out, Slice body, size_t body_max, Err *e)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    if (!z)
        return err_set(e, ERR_OUT_OF_MEMORY, "no memory for zstd");
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 27);
    ZSTD_inBuffer in = {body.ptr, body.len, 0};
    bool ok = true;
    size_t rc = 1;
    while (ok && (in.pos < in.size || rc != 0)) {
        if (!(ok = room(out, body_max, e)))
            break;
        ZSTD_outBuffer o = {out->ptr + out->len, PIECE, 0};
        size_t before = in.pos;
        rc = ZSTD_decompressStream(z, &o, &in);
        out->len += o.pos;
        if (ZSTD_isError(rc) || (o.pos == 0 && in.pos == before))
            ok = damaged(e, "zstd");
    }
    ZSTD_freeDStream(z);
    return ok && (out->len <= body_max || too_large(body_max, e));
}

static bool unsnappy(Buf *out, Slice body, size_t body_max, Err *e)
{
    size_t size;
    if (snappy_uncompressed_length(body.ptr, body.len, &size) != SNAPPY_OK)
        return damaged(e, "snappy");
    if (size > body_max)
        return too_large(body_max, e);
    if (size / 64 > body.len) /* the format cannot shrink more: the length header lies */
        return damaged(e, "snappy");
    buf_reserve(out, size + 1);
    if (snappy_uncompress(body.ptr, body.len, out->ptr, &size) != SNAPPY_OK)
        return damaged(e, "snappy");
    out->len = size;
    return true;
}

bool ing_decode_body(Buf *out, Slice body, Slice encoding, size_t body_max, Err *e)
{
    out->len = 0;
    if (encoding.len == 0 || slice_eq_nocase(encoding, SLICE_LIT("identity"))) {
        if (body.len > body_max)
            return too_large(body_max, e);
        buf_put_slice(out, body);
        return true;
    }
    if (slice_eq_nocase(encoding, SLICE_LIT("gzip")) ||
        slice_eq_nocase(encoding, SLICE_LIT("x-gzip")))
        return gunzip(out, body, body_max, e);
    if (slice_eq_nocase(encoding, SLICE_LIT("zstd")))
        return unzstd(out, body, body_max, e);
    if (slice_eq_nocase(encoding, SLICE_LIT("snappy")))
        return unsnappy(out, body, body_max, e);
    return err_set(e, ERR_INVALID_PARAMETER, "content encoding \"%.*s\" is not supported",
                   SLICE_ARG(encoding));
}

void ing_encode_snappy(Buf *out, Slice bytes)
{
    size_t n = snappy_max_compressed_length(bytes.len);
    buf_reserve(out, n);
    must(snappy_compress(bytes.ptr, bytes.len, out->ptr + out->len, &n) == SNAPPY_OK);
    out->len += n;
}
