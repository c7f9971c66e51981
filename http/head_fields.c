/* http/head_fields.c - from a whole head to what it means: limits, known fields, framing. */
#include "http/head.h"

static const Slice field_table[FIELD_COUNT] = {
    [FIELD_HOST] = SLICE_LIT("host"),
    [FIELD_CONTENT_LENGTH] = SLICE_LIT("content-length"),
    [FIELD_TRANSFER_ENCODING] = SLICE_LIT("transfer-encoding"),
    [FIELD_CONNECTION] = SLICE_LIT("connection"),
    [FIELD_EXPECT] = SLICE_LIT("expect"),
    [FIELD_CONTENT_TYPE] = SLICE_LIT("content-type"),
    [FIELD_CONTENT_ENCODING] = SLICE_LIT("content-encoding"),
    [FIELD_ACCEPT] = SLICE_LIT("accept"),
    [FIELD_ACCEPT_ENCODING] = SLICE_LIT("accept-encoding"),
    [FIELD_AUTHORIZATION] = SLICE_LIT("authorization"),
    [FIELD_ORIGIN] = SLICE_LIT("origin"),
    [FIELD_IDEMPOTENCY_KEY] = SLICE_LIT("idempotency-key"),
};

static bool refuse(HttpRefusal *why, int status, const char *text)
{
    *why = (HttpRefusal){status, text};
    return false;
}

static Slice trim(const char *begin, const char *end)
{
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return (Slice){begin, (size_t)(end - begin)};
}

bool http_list_next(Slice *list, char separator, Slice *item)
{
    if (!list->ptr)
        return false;
    const char *at = list->len ? memchr(list->ptr, separator, list->len) : NULL;
    const char *end = list->ptr + list->len;
    *item = trim(list->ptr, at ? at : end);
    *list = at ? (Slice){at + 1, (size_t)(end - at - 1)} : SLICE_NONE;
    return true;
}

/* "name;q=0" is a refusal. */
static bool list_accepts(Slice list, const char *name)
{
    Slice item;
    while (http_list_next(&list, ',', &item)) {
        const char *semi = item.len ? memchr(item.ptr, ';', item.len) : NULL;
        Slice word = trim(item.ptr, semi ? semi : item.ptr + item.len);
        if (!slice_eq_nocase(word, slice_cstr(name)))
            continue;
        if (!semi)
            return true;
        Slice q = trim(semi + 1, item.ptr + item.len);
        double weight = 1;
        if (slice_starts(q, SLICE_LIT("q=")))
            slice_to_f64((Slice){q.ptr + 2, q.len - 2}, &weight);
        return weight > 0;
    }
    return false;
}

/* ---- framing ---- */
static bool read_length(Slice text, HttpHead *h, HttpRefusal *why)
{
    uint64_t v = 0;
    if (text.len == 0)
        return refuse(why, 400, "empty Content-Length");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return refuse(why, 400, "malformed Content-Length");
        if (v > (UINT64_MAX - 9) / 10)
            return refuse(why, 413, "the body is too large");
        v = v * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    if (h->has_length && h->content_length != v)
        return refuse(why, 400, "two different Content-Length fields");
    h->has_length = true;
    h->content_length = v;
    return true;
}

/* Only "chunked", once.  A list that ends in chunked names a coding we do not have (501); any other
 * has no end that both sides agree on (400). */
static bool read_coding(Slice text, const HttpHead *h, HttpRefusal *why)
{
    Slice item = SLICE_NONE, last = SLICE_NONE;
    size_t count = 0, chunked = 0;
    for (Slice list = text; http_list_next(&list, ',', &item); count++) {
        chunked += slice_eq_nocase(item, SLICE_LIT("chunked"));
        last = item;
    }
    if (h->seen[FIELD_TRANSFER_ENCODING] > 1 || chunked != 1 ||
        !slice_eq_nocase(last, SLICE_LIT("chunked")))
        return refuse(why, 400, "malformed Transfer-Encoding");
    if (count > 1)
        return refuse(why, 501, "Transfer-Encoding other than chunked is not supported");
    if (h->minor == 0)
        return refuse(why, 400, "Transfer-Encoding in HTTP/1.0");
    return true;
}

static bool check_framing(const char *base, HttpHead *h, HttpRefusal *why)
{
    if (h->seen[FIELD_HOST] > 1)
        return refuse(why, 400, "two Host fields");
    if (h->minor > 0 && h->seen[FIELD_HOST] == 0)
        return refuse(why, 400, "Host is missing");
    if (h->seen[FIELD_TRANSFER_ENCODING]) {
        if (h->has_length)
            return refuse(why, 400, "both Content-Length and Transfer-Encoding");
        if (!read_coding(http_span(base, h->fields[FIELD_TRANSFER_ENCODING]), h, why))
            return false;
        h->chunked = true;
    }
    if (h->seen[FIELD_CONTENT_ENCODING] > 1)
        return refuse(why, 400, "two Content-Encoding fields");
    return true;
}

static bool read_connection(const char *base, HttpHead *h, HttpRefusal *why)
{
    Slice list = http_span(base, h->fields[FIELD_CONNECTION]), item;
    h->keep_alive = h->minor > 0;
    while (h->seen[FIELD_CONNECTION] && http_list_next(&list, ',', &item)) {
        if (slice_eq_nocase(item, SLICE_LIT("close")))
            h->keep_alive = false;
        else if (slice_eq_nocase(item, SLICE_LIT("keep-alive")) && h->minor == 0)
            h->keep_alive = true;
    }
    if (h->seen[FIELD_EXPECT] && h->minor > 0) {
        if (!slice_eq_nocase(http_span(base, h->fields[FIELD_EXPECT]), SLICE_LIT("100-continue")))
            return refuse(why, 417, "unknown expectation");
        h->expect_continue = true;
    }
    if (h->seen[FIELD_ACCEPT_ENCODING])
        h->accept_gzip = list_accepts(http_span(base, h->fields[FIELD_ACCEPT_ENCODING]), "gzip");
    return true;
}

/* ---- lines ---- */
static bool known_field(const char *base, const HttpLine *l, HttpHead *h, HttpRefusal *why)
{
    Slice name = {l->name, (size_t)(l->name_end - l->name)};
    Slice value = trim(l->value, l->value_end);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (name.len != field_table[i].len || !slice_eq_nocase(name, field_table[i]))
            continue;
        h->fields[i] = (HttpSpan){(uint32_t)(value.ptr - base), (uint32_t)value.len};
        if (h->seen[i] < UINT8_MAX)
            h->seen[i]++;
        return i != FIELD_CONTENT_LENGTH || read_length(value, h, why);
    }
    return true;
}

/* The path and query of "/p?q", "*" or "http://host/p?q". */
static bool read_target(const char *base, const HttpLine *l, HttpHead *h, HttpRefusal *why)
{
    const char *p = l->value, *end = l->value_end;
    size_t len = (size_t)(end - p);
    if (len > HTTP_URL_MAX)
        return refuse(why, 414, "the URL is longer than 8 KiB");
    if (*p != '/' && !(len == 1 && *p == '*')) {
        Slice t = {p, len};
        if (!(len > 7 && slice_eq_nocase((Slice){p, 7}, SLICE_LIT("http://"))) &&
            !(len > 8 && slice_eq_nocase((Slice){p, 8}, SLICE_LIT("https://"))))
            return refuse(why, 400, "malformed request target");
        p += t.ptr[4] == ':' ? 7 : 8;
        while (p < end && *p != '/' && *p != '?')
            p++;
    }
    size_t left = p < end ? (size_t)(end - p) : 0;
    if (memchr(p, '#', left))
        return refuse(why, 400, "fragment in the request target");
    const char *mark = memchr(p, '?', left);
    const char *path_end = mark ? mark : end;
    h->path = (HttpSpan){(uint32_t)(p - base), (uint32_t)(path_end - p)};
    if (mark)
        h->query = (HttpSpan){(uint32_t)(mark + 1 - base), (uint32_t)(end - mark - 1)};
    return true;
}

static HttpMethod method_find(Slice s)
{
    static const struct {
        const char *name;
        HttpMethod method;
    } methods[] = {{"GET", HTTP_GET},
                   {"HEAD", HTTP_HEAD},
                   {"POST", HTTP_POST},
                   {"PUT", HTTP_PUT},
                   {"OPTIONS", HTTP_OPTIONS}};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (slice_eq_cstr(s, methods[i].name))
            return methods[i].method;
    return HTTP_OTHER;
}

static bool read_lines(const char *base, const char *p, HttpHead *h, HttpRefusal *why)
{
    HttpLine l;
    int major;
    p = http_scan_request(p, &l, &major, &h->minor);
    if (!p)
        return refuse(why, 400, "malformed request line");
    if (major != 1)
        return refuse(why, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    h->method_text = (HttpSpan){(uint32_t)(l.name - base), (uint32_t)(l.name_end - l.name)};
    h->method = method_find((Slice){l.name, (size_t)(l.name_end - l.name)});
    if (!read_target(base, &l, h, why))
        return false;
    bool end = false;
    for (size_t lines = 0; !end; lines++) {
        if (lines > HTTP_LINES_MAX)
            return refuse(why, 431, "more than 100 header lines");
        p = http_scan_field(p, &l, &end);
        if (!p)
            return refuse(why, 400, "malformed header line");
        if (!end && !known_field(base, &l, h, why))
            return false;
    }
    h->len = (uint32_t)(p - base);
    return check_framing(base, h, why) && read_connection(base, h, why);
}

/* Where the head ends; 0: not yet here.  Goes on where the last look ended. */
static size_t find_end(Slice in, size_t start, size_t *scanned)
{
    size_t at = *scanned > start ? *scanned : start;
    const char *lf;
    while (at < in.len && (lf = memchr(in.ptr + at, '\n', in.len - at))) {
        size_t i = (size_t)(lf - in.ptr);
        size_t next = i + 1;
        if (next < in.len && in.ptr[next] == '\r')
            next++;
        if (next >= in.len) {
            *scanned = i;
            return 0;
        }
        if (in.ptr[next] == '\n')
            return next + 1;
        at = i + 1;
    }
    *scanned = in.len;
    return 0;
}

HeadStatus http_head_read(Slice in, size_t *scanned, HttpHead *out, HttpRefusal *why)
{
    size_t start = 0;
    while (start < in.len && start < 8 && (in.ptr[start] == '\r' || in.ptr[start] == '\n'))
        start++; /* empty lines before a request are allowed */
    if (start == in.len)
        return HEAD_MORE;
    unsigned char first = (unsigned char)in.ptr[start];
    if (first <= ' ' || first >= 0x7f)
        return refuse(why, 400, "this is not HTTP"), HEAD_BAD;
    size_t end = find_end(in, start, scanned);
    size_t len = end ? end : in.len;
    size_t line_max = start + HTTP_URL_MAX + 64;
    if (len > line_max && !memchr(in.ptr + start, '\n', line_max - start))
        return refuse(why, 414, "the request line is longer than 8 KiB"), HEAD_BAD;
    if (len > HTTP_HEAD_MAX)
        return refuse(why, 431, "the header is larger than 16 KiB"), HEAD_BAD;
    if (!end)
        return HEAD_MORE;
    memset(out, 0, sizeof *out);
    return read_lines(in.ptr, in.ptr + start, out, why) ? HEAD_OK : HEAD_BAD;
}

/* ---- chunks ---- */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1a;extension=x CRLF": the line is whole. */
static bool read_size(const char *line, size_t len, uint64_t *size, HttpRefusal *why)
{
    size_t i = 0;
    uint64_t v = 0;
    for (; i < len && hex_digit(line[i]) >= 0; i++) {
        if (v >> 56)
            return refuse(why, 400, "malformed chunk size");
        v = v << 4 | (uint64_t)hex_digit(line[i]);
    }
    size_t rest = i;
    while (rest < len && (line[rest] == ' ' || line[rest] == '\t'))
        rest++;
    if (i == 0 || (rest < len && line[rest] != ';'))
        return refuse(why, 400, "malformed chunk size");
    for (size_t k = rest; k < len; k++)
        if ((unsigned char)line[k] < ' ' && line[k] != '\t')
            return refuse(why, 400, "malformed chunk extension");
    *size = v;
    return true;
}

/* A line that must end in CRLF.  1: whole, *len without CRLF; 0: more; -1: malformed or too long. */
static int take_line(HttpChunks *c, const char *body, size_t have, size_t max, size_t *len)
{
    const char *p = body + c->in;
    const char *lf = have > c->in ? memchr(p, '\n', have - c->in) : NULL;
    size_t n = lf ? (size_t)(lf - p) + 1 : have - c->in;
    if (c->line_bytes + n > max)
        return -1;
    if (!lf)
        return 0;
    if (n < 2 || lf[-1] != '\r')
        return -1;
    c->in += n;
    *len = n - 2;
    return 1;
}

static bool chunk_size(HttpChunks *c, const char *body, size_t have, size_t body_max, bool *more,
                       HttpRefusal *why)
{
    size_t len = 0;
    const char *line = body + c->in;
    int got = take_line(c, body, have, HTTP_CHUNK_LINE_MAX, &len);
    *more = got == 0;
    if (got < 0)
        return refuse(why, 400, "malformed chunk size");
    if (got == 0)
        return true;
    if (!read_size(line, len, &c->left, why))
        return false;
    if (c->left > body_max || c->out + c->left > body_max)
        return refuse(why, c->left >> 48 ? 400 : 413, "the body is too large");
    c->phase = c->left ? CHUNK_DATA : CHUNK_TRAILER;
    c->line_bytes = 0;
    return true;
}

static void chunk_data(HttpChunks *c, char *body, size_t have)
{
    size_t n = have - c->in < c->left ? have - c->in : (size_t)c->left;
    if (c->out != c->in)
        memmove(body + c->out, body + c->in, n);
    c->out += n;
    c->in += n;
    c->left -= n;
    if (c->left == 0)
        c->phase = CHUNK_DATA_END;
}

static bool chunk_trailer(HttpChunks *c, const char *body, size_t have, bool *more,
                          HttpRefusal *why)
{
    size_t len = 0;
    int got = take_line(c, body, have, HTTP_TRAILER_MAX, &len);
    *more = got == 0;
    if (got < 0)
        return refuse(why, 431, "malformed or too large trailer");
    c->line_bytes += len + 2;
    if (got == 1 && len == 0)
        c->phase = CHUNK_DONE;
    return true;
}

bool http_chunks_read(HttpChunks *c, char *body, size_t have, size_t body_max, HttpRefusal *why)
{
    bool more = false;
    while (!more && c->phase != CHUNK_DONE) {
        switch (c->phase) {
        case CHUNK_SIZE:
            if (!chunk_size(c, body, have, body_max, &more, why))
                return false;
            break;
        case CHUNK_DATA:
            more = c->in == have;
            chunk_data(c, body, have);
            break;
        case CHUNK_DATA_END:
            more = have - c->in < 2;
            if (more && (have == c->in || body[c->in] == '\r'))
                break;
            if (more || memcmp(body + c->in, "\r\n", 2) != 0)
                return refuse(why, 400, "a chunk is longer than its size");
            c->in += 2;
            c->phase = CHUNK_SIZE;
            break;
        case CHUNK_TRAILER:
            if (!chunk_trailer(c, body, have, &more, why))
                return false;
            break;
        case CHUNK_DONE:
            break;
        }
    }
    return true;
}
