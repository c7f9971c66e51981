/* http/reply.c - answers: status line, fields, JSON errors, gzip. */
#include "http/http_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {100, "Continue"},
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Unknown";
}

static void put_date(Buf *out, int64_t wall_ns)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t s = floor_div(wall_ns, NS_PER_S), day = floor_div(s, 86400), year;
    int month, dom, of_day = (int)(s - day * 86400);
    civil_from_days(day, &year, &month, &dom);
    int weekday = (int)(day - floor_div(day, 7) * 7);
    buf_printf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * weekday, dom,
               months + 3 * (month - 1), (int)year, of_day / 3600, of_day / 60 % 60, of_day % 60);
}

void http_reply_head(Buf *out, const HttpServer *s, int status, const char *content_type,
                     Slice headers, bool has_body, size_t len, bool keep_alive, int minor)
{
    const Clock *clock = s->options.clock;
    buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
    put_date(out, clock->wall_ns(clock));
    buf_puts(out, "Server: alopex-skulk/" SKULK_VERSION "\r\n");
    buf_put_slice(out, headers);
    if (content_type && has_body)
        buf_printf(out, "Content-Type: %s\r\n", content_type);
    if (has_body)
        buf_printf(out, "Content-Length: %zu\r\n", len);
    if (!keep_alive)
        buf_puts(out, "Connection: close\r\n");
    else if (minor == 0)
        buf_puts(out, "Connection: keep-alive\r\n");
    buf_puts(out, "\r\n");
}

void http_header(HttpCall *c, const char *name, const char *fmt, ...)
{
    char value[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    buf_printf(&c->headers, "%s: %s\r\n", name, value);
}

CallStatus http_reply(HttpCall *c, int status, const char *content_type)
{
    c->status = status;
    c->content_type = content_type;
    return CALL_DONE;
}

static CallStatus error_text(HttpCall *c, int status, const char *text)
{
    buf_clear(&c->reply);
    buf_puts(&c->reply, "{\"error\":");
    buf_put_json(&c->reply, slice_cstr(text));
    buf_puts(&c->reply, "}\n");
    if (status == 503)
        http_header(c, "Retry-After", "%d", c->db ? 1 : 5);
    return http_reply(c, status, "application/json");
}

CallStatus http_error(HttpCall *c, int status, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return error_text(c, status, text);
}

CallStatus http_error_err(HttpCall *c, const Err *e)
{
    return error_text(c, err_http_status(e->code), e->message);
}

/* ---- gzip ---- */
enum { GZIP_PIECE = 256 << 10 }; /* a few milliseconds of work */

typedef struct HttpGzip {
    z_stream z;
    Buf plain;
    size_t pos;
} HttpGzip;

static void *z_alloc(void *opaque, unsigned items, unsigned size)
{
    (void)opaque;
    return mem_alloc((size_t)items * size);
}

static void z_free(void *opaque, void *ptr)
{
    (void)opaque;
    mem_free(ptr);
}

static HttpGzip *gzip_begin(HttpCall *c)
{
    HttpGzip *g = MEM_NEW(HttpGzip);
    g->z.zalloc = z_alloc;
    g->z.zfree = z_free;
    must(deflateInit2(&g->z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    g->plain = c->reply;
    buf_init(&c->reply);
    return g;
}

bool http_gzip_step(HttpCall *c)
{
    if (!c->gzip)
        c->gzip = gzip_begin(c);
    HttpGzip *g = c->gzip;
    size_t piece = g->plain.len - g->pos < GZIP_PIECE ? g->plain.len - g->pos : GZIP_PIECE;
    bool last = g->pos + piece == g->plain.len;
    g->z.next_in = (unsigned char *)g->plain.ptr + g->pos;
    g->z.avail_in = (unsigned)piece;
    int rc;
    do {
        buf_reserve(&c->reply, 32 << 10);
        g->z.next_out = (unsigned char *)c->reply.ptr + c->reply.len;
        g->z.avail_out = 32 << 10;
        rc = deflate(&g->z, last ? Z_FINISH : Z_NO_FLUSH);
        must(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
        c->reply.len += (32 << 10) - g->z.avail_out;
    } while (last ? rc != Z_STREAM_END : g->z.avail_in > 0);
    g->pos += piece;
    if (last) {
        buf_puts(&c->headers, "Content-Encoding: gzip\r\n");
        http_gzip_free(c);
    }
    return last;
}

void http_gzip_free(HttpCall *c)
{
    if (!c->gzip)
        return;
    deflateEnd(&c->gzip->z);
    buf_free(&c->gzip->plain);
    mem_free(c->gzip);
    c->gzip = NULL;
}
