/* http/head.h - the head of an HTTP/1.1 request, read strictly, and chunked bodies.
 *
 * Knows no sockets, routes or bodies' meaning.  What is refused here and how is the rule of the
 * house against smuggled requests: whatever two readers could understand differently is 400.
 * Bare LF ends a line; obs-fold, bare CR, NUL, blanks before a colon, both lengths, two different
 * lengths, codings other than chunked are refused.  The scanner is http/head.re.
 * To know another field: a row in field_table[] (head_fields.c) and a HttpField.
 * Threads: pure. */
#ifndef SKULK_HTTP_HEAD_H
#define SKULK_HTTP_HEAD_H

#include "base/mem.h"

enum {
    HTTP_HEAD_MAX = 16 << 10,
    HTTP_LINES_MAX = 100,
    HTTP_URL_MAX = 8 << 10,
    HTTP_CHUNK_LINE_MAX = 4 << 10,
    HTTP_TRAILER_MAX = 16 << 10,
};

typedef enum HttpMethod { /* bits, so that a route can take several */
                          HTTP_OTHER = 0,
                          HTTP_GET = 1,
                          HTTP_HEAD = 2,
                          HTTP_POST = 4,
                          HTTP_PUT = 8,
                          HTTP_OPTIONS = 16,
} HttpMethod;

typedef struct HttpSpan { /* from the start of the head, which may move in memory */
    uint32_t off, len;
} HttpSpan;

typedef enum HttpField {
    FIELD_HOST,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_CONNECTION,
    FIELD_EXPECT,
    FIELD_CONTENT_TYPE,
    FIELD_CONTENT_ENCODING,
    FIELD_ACCEPT,
    FIELD_ACCEPT_ENCODING,
    FIELD_AUTHORIZATION,
    FIELD_ORIGIN,
    FIELD_IDEMPOTENCY_KEY,
    FIELD_COUNT
} HttpField;

typedef struct HttpHead {
    uint32_t len; /* with the empty line */
    HttpMethod method;
    HttpSpan method_text, path, query; /* query without "?"; not decoded */
    int minor;                         /* HTTP/1.minor */
    HttpSpan fields[FIELD_COUNT];
    uint8_t seen[FIELD_COUNT]; /* how often */
    uint64_t content_length;   /* 0 without one */
    bool has_length, chunked, keep_alive, expect_continue, accept_gzip;
} HttpHead;

typedef struct HttpRefusal {
    int status;
    const char *text;
} HttpRefusal;

typedef enum HeadStatus { HEAD_MORE, HEAD_OK, HEAD_BAD } HeadStatus;
/* *scanned: how far the end of the head has been looked for; 0 at first. */
HeadStatus http_head_read(Slice in, size_t *scanned, HttpHead *out, HttpRefusal *why);

/* The next element of a list in a field, trimmed; false at its end. */
bool http_list_next(Slice *list, char separator, Slice *item);

static inline Slice http_span(const char *base, HttpSpan s)
{
    return (Slice){base + s.off, s.len};
}

/* ---- the scanner (head.re) ---- */
typedef struct HttpLine { /* name and value are not trimmed at their right */
    const char *name, *name_end, *value, *value_end;
} HttpLine;
/* Both read a line that ends in LF and return the byte after it; NULL: not well-formed. */
const char *http_scan_request(const char *p, HttpLine *out, int *major, int *minor);
/* *end: it was the empty line. */
const char *http_scan_field(const char *p, HttpLine *out, bool *end);

/* ---- chunked bodies, decoded in place ---- */
typedef enum ChunkPhase {
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_DATA_END,
    CHUNK_TRAILER,
    CHUNK_DONE
} ChunkPhase;
typedef struct HttpChunks {
    ChunkPhase phase;
    uint64_t left;     /* of this chunk */
    size_t line_bytes; /* of this size line, or of all trailers */
    size_t out;        /* decoded bytes */
    size_t in;         /* raw bytes read, from where the body begins */
} HttpChunks;
/* body: `have` raw bytes; those before c->out are decoded, those between c->out and c->in are gap.
 * False: malformed (400), too large (413), too long a trailer (431). */
bool http_chunks_read(HttpChunks *c, char *body, size_t have, size_t body_max, HttpRefusal *why);

#endif
