/* ingest/ing_body.c - content encodings of bodies: gzip members, zstd frames, a snappy block. */
#include "ingest/ingest.h"
#include "ingest/snappy.h"
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

enum {
    PIECE = 256 << 10,
    GZIP_WINDOW_BITS = 15 + 32, /* zlib or gzip by its head */
    ZSTD_WINDOW_LOG = 23,       /* 8 MiB: what zstd itself makes up to level 19 */
    BOMB_BYTES = 8 << 20,       /* so much, and so many times larger than the body was */
    BOMB_RATIO = 50,
};

static bool too_large(size_t body_max, Err *e)
{
    return err_set(e, ERR_PROGRAM_LIMIT, "decompressed body is larger than %zu bytes", body_max);
}

static bool damaged(Err *e, const char *what)
{
    return err_set(e, ERR_INVALID_TEXT, "body is no valid %s data", what);
}

/* Where pieces go: they are kept, or only counted. */
typedef struct Sink {
    Buf *out;
    Slice body;
    size_t total, max;
    bool keep, measured;
} Sink;

typedef bool Decoder(Sink *s, Err *e);

/* What grows like a bomb is decoded once without being kept, before more memory is taken for it. */
static bool measure(const Sink *s, Decoder *decode, Err *e)
{
    Buf piece;
    buf_init(&piece);
    Sink dry = {.out = &piece, .body = s->body, .max = s->max};
    bool ok = decode(&dry, e);
    buf_free(&piece);
    return ok;
}

/* Room for a piece; `used` bytes of the body made what is there so far. */
static bool room(Sink *s, size_t used, Decoder *decode, Err *e)
{
    if (s->total > s->max)
        return too_large(s->max, e);
    if (s->keep && !s->measured && s->total > BOMB_BYTES && s->total / BOMB_RATIO > used) {
        s->measured = true;
        if (!measure(s, decode, e))
            return false;
    }
    if (!s->keep)
        s->out->len = 0;
    buf_reserve(s->out, PIECE);
    return true;
}

static bool gunzip(Sink *s, Err *e)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)s->body.ptr, .avail_in = (uInt)s->body.len};
    if (s->body.len > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
        return damaged(e, "gzip");
    bool ok = true;
    int rc = Z_OK;
    while (ok && (rc != Z_STREAM_END || z.avail_in > 0)) {
        if (rc == Z_STREAM_END && inflateReset(&z) != Z_OK) /* the next member */
            break;
        if (!(ok = room(s, s->body.len - z.avail_in, gunzip, e)))
            break;
        z.next_out = (Bytef *)s->out->ptr + s->out->len;
        z.avail_out = PIECE;
        rc = inflate(&z, Z_NO_FLUSH);
        s->out->len += PIECE - z.avail_out;
        s->total += PIECE - z.avail_out;
        if (rc != Z_OK && rc != Z_STREAM_END)
            ok = damaged(e, "gzip");
        else if (rc == Z_OK && z.avail_in == 0 && z.avail_out > 0)
            ok = damaged(e, "gzip"); /* cut off */
    }
    inflateEnd(&z);
    return ok && (s->total <= s->max || too_large(s->max, e));
}

static bool unzstd(Sink *s, Err *e)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    if (!z)
        return err_set(e, ERR_OUT_OF_MEMORY, "no memory for zstd");
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    ZSTD_inBuffer in = {s->body.ptr, s->body.len, 0};
    bool ok = true;
    size_t rc = 1;
    while (ok && (in.pos < in.size || rc != 0)) {
        if (!(ok = room(s, in.pos, unzstd, e)))
            break;
        ZSTD_outBuffer o = {s->out->ptr + s->out->len, PIECE, 0};
        size_t before = in.pos;
        rc = ZSTD_decompressStream(z, &o, &in);
        s->out->len += o.pos;
        s->total += o.pos;
        if (ZSTD_isError(rc) || (o.pos == 0 && in.pos == before))
            ok = damaged(e, "zstd");
    }
    ZSTD_freeDStream(z);
    return ok && (s->total <= s->max || too_large(s->max, e));
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
    buf_reserve(out, size + SNAPPY_SLACK);
    if (!snappy_block_decode((uint8_t *)out->ptr, size, body))
        return damaged(e, "snappy");
    out->len = size;
    return true;
}

bool ing_decode_body(Buf *out, Slice body, Slice encoding, size_t body_max, Err *e)
{
    Sink sink = {.out = out, .body = body, .max = body_max, .keep = true};
    out->len = 0;
    if (encoding.len == 0 || slice_eq_nocase(encoding, SLICE_LIT("identity"))) {
        if (body.len > body_max)
            return too_large(body_max, e);
        buf_put_slice(out, body);
        return true;
    }
    if (slice_eq_nocase(encoding, SLICE_LIT("gzip")) ||
        slice_eq_nocase(encoding, SLICE_LIT("x-gzip")))
        return gunzip(&sink, e);
    if (slice_eq_nocase(encoding, SLICE_LIT("zstd")))
        return unzstd(&sink, e);
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
