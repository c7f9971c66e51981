/* Encoded bodies: a byte that says how, then the body.  Snappy blocks are held against the library. */
#include "ingest/ingest.h"
#include <snappy-c.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 1 << 20 };

static void like_the_library(Slice body, bool ok, Slice out)
{
    static char want[BODY_MAX];
    size_t len = sizeof want;
    bool good = snappy_uncompressed_length(body.ptr, body.len, &len) == SNAPPY_OK &&
                len <= BODY_MAX && snappy_uncompress(body.ptr, body.len, want, &len) == SNAPPY_OK;
    must(ok == good);
    must(!ok || slice_eq(out, slice_of(want, len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const encodings[] = {"snappy", "gzip", "zstd"};
    if (size == 0)
        return 0;
    const char *encoding = encodings[data[0] % ARRAY_LEN(encodings)];
    Slice body = slice_of((const char *)data + 1, size - 1);
    Buf out;
    Err e;
    buf_init(&out);
    bool ok = ing_decode_body(&out, body, slice_cstr(encoding), BODY_MAX, &e);
    must(out.len <= BODY_MAX || !ok);
    if (encoding == encodings[0])
        like_the_library(body, ok, buf_slice(&out));
    buf_free(&out);
    return 0;
}
