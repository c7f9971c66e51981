/* Request heads, chunked bodies, parameters, times: none may read past its end, and what comes out
 * must not depend on how the input was cut. */
#include "http/head.h"
#include "http/params.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void heads(Slice in)
{
    HttpHead whole = {0}, pieces = {0};
    HttpRefusal why = {0, NULL}, why_pieces = {0, NULL};
    size_t scanned = 0;
    HeadStatus st = http_head_read(in, &scanned, &whole, &why), piece = HEAD_MORE;
    scanned = 0;
    for (size_t n = 1; piece == HEAD_MORE && n <= in.len; n += 1 + n / 8)
        piece = http_head_read((Slice){in.ptr, n}, &scanned, &pieces, &why_pieces);
    if (piece == HEAD_MORE)
        piece = http_head_read(in, &scanned, &pieces, &why_pieces);
    must(st == piece);
    if (st == HEAD_BAD)
        must(why.status >= 400 && why_pieces.status >= 400);
    if (st != HEAD_OK)
        return;
    must(whole.len == pieces.len && whole.content_length == pieces.content_length);
    must(whole.len <= in.len && whole.path.off + whole.path.len <= whole.len);
    must(!(whole.chunked && whole.has_length));
    for (size_t i = 0; i < FIELD_COUNT; i++)
        must(whole.fields[i].off + whole.fields[i].len <= whole.len);
}

/* 0 more, 1 done, 2 refused */
static int chunks(Slice in, size_t step, size_t *out, char *body)
{
    HttpChunks c = {0};
    HttpRefusal why;
    for (size_t have = 0; have < in.len;) {
        size_t n = in.len - have < step ? in.len - have : step;
        memcpy(body + have, in.ptr + have, n);
        have += n;
        if (!http_chunks_read(&c, body, have, 1000, &why))
            return 2;
        must(c.out <= c.in && c.in <= have && c.out <= 1000);
        *out = c.out;
        if (c.phase == CHUNK_DONE)
            return 1;
    }
    return 0;
}

static void bodies(Slice in)
{
    char *a = malloc(in.len + 1), *b = malloc(in.len + 1);
    size_t out_a = 0, out_b = 0;
    int whole = chunks(in, in.len, &out_a, a), bytes = chunks(in, 1, &out_b, b);
    must(whole == bytes);
    if (whole == 1)
        must(out_a == out_b && memcmp(a, b, out_a) == 0);
    free(a);
    free(b);
}

static void parameters(Slice in)
{
    Arena a;
    Err e;
    int64_t ms;
    size_t count = 0;
    arena_init(&a, NULL);
    HttpParam *p = ARENA_ARRAY(&a, HttpParam, http_params_count(in) + 1);
    if (http_params_read(&a, in, p, &count, &e))
        for (size_t i = 0; i < count; i++)
            must(p[i].value.len <= in.len && p[i].name.len <= in.len);
    (void)!http_prom_time(in, &ms, &e);
    if (http_prom_duration(in, &ms, &e) && in.len && in.ptr[0] != '-')
        must(ms >= 0);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    Slice rest = {(const char *)data + 1, size - 1};
    switch (data[0]) {
    case 'c':
        bodies(rest);
        break;
    case 'p':
        parameters(rest);
        break;
    default:
        heads((Slice){(const char *)data, size});
    }
    return 0;
}
