/* The HTTP face: heads as strict as they must be, chunks at every cut, whole conversations with
 * fake ingest and PromQL behind the routes. */
#include "http/head.h"
#include "http/http.h"
#include "http/http_private.h"
#include "tests/unit/http_fakes.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

/* ---- heads ---- */
static int head_status(Slice text, HttpHead *h)
{
    HttpRefusal why = {0, ""};
    size_t scanned = 0;
    char *exact = malloc(text.len); /* ASan sees one byte too many */
    memcpy(exact, text.ptr, text.len);
    HeadStatus st = http_head_read((Slice){exact, text.len}, &scanned, h, &why);
    free(exact);
    return st == HEAD_OK ? 200 : st == HEAD_MORE ? 0 : why.status;
}

#define H    "Host: x\r\n"
#define POST "POST /write HTTP/1.1\r\n"

START_TEST(head_shapes)
{
    static const struct {
        int status;
        Slice text;
    } cases[] = {
        {200, SLICE_LIT("GET / HTTP/1.1\r\n" H "\r\n")},
        {200, SLICE_LIT("GET / HTTP/1.1\n"
                        "Host: x\n\n")}, /* bare LF */
        {200, SLICE_LIT("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n")},
        {200, SLICE_LIT("GET / HTTP/1.0\r\n\r\n")},
        {200, SLICE_LIT("GET http://h/p?q HTTP/1.1\r\n" H "\r\n")},
        {200, SLICE_LIT("OPTIONS * HTTP/1.1\r\n" H "\r\n")},
        {200, SLICE_LIT(POST H "Content-Length: 3\r\n\r\n")},
        {200, SLICE_LIT(POST H "Content-Length: 3\r\nContent-Length: 3\r\n\r\n")},
        {200, SLICE_LIT(POST H "Transfer-Encoding: Chunked\r\n\r\n")},
        {200, SLICE_LIT(POST H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")},
        {200, SLICE_LIT("GET / HTTP/1.1\r\n" H "X:\r\nY: \t a\tb \r\n\r\n")},
        {200, SLICE_LIT("GET / HTTP/1.1\r\n" H "X: \xc3\xa4\r\n\r\n")},
        {0, SLICE_LIT("GET / HTTP/1.1\r\n" H)},
        {0, SLICE_LIT("GET")},
        {0, SLICE_LIT("\r\n\r\n")},
        /* smuggling and the rest of the table */
        {400, SLICE_LIT(POST H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")},
        {400, SLICE_LIT(POST H "Content-Length: 3\r\nContent-Length: 4\r\n\r\n")},
        {400, SLICE_LIT(POST H "Content-Length : 3\r\n\r\n")},
        {400, SLICE_LIT(POST H "Content-Length: +5\r\n\r\n")},
        {400, SLICE_LIT(POST H "Content-Length: -5\r\n\r\n")},
        {400, SLICE_LIT(POST H "Content-Length: 0x10\r\n\r\n")},
        {400, SLICE_LIT(POST H "Content-Length: 3, 3\r\n\r\n")},
        {400, SLICE_LIT(POST H "Content-Length: \r\n\r\n")},
        {400, SLICE_LIT(POST H "Content-Length: 1 2\r\n\r\n")},
        {413, SLICE_LIT(POST H "Content-Length: 99999999999999999999\r\n\r\n")},
        {400, SLICE_LIT("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n")},
        {400, SLICE_LIT("GET / HTTP/1.1\r\n" H "X: a\r\n folded\r\n\r\n")},
        {400, SLICE_LIT("GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n")},
        {400, SLICE_LIT("GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n")},
        {400, SLICE_LIT("GET / HTTP/1.1\r\n\r\n")},
        {400, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")},
        {400, SLICE_LIT("GET / HTTP/1.1\r\n" H "NoColon\r\n\r\n")},
        {400, SLICE_LIT("GET / HTTP/1.1\r\n" H ": empty\r\n\r\n")},
        {501, SLICE_LIT(POST H "Transfer-Encoding: gzip, chunked\r\n\r\n")},
        {400, SLICE_LIT(POST H "Transfer-Encoding: chunked, gzip\r\n\r\n")},
        {400, SLICE_LIT(POST H "Transfer-Encoding: chunked, chunked\r\n\r\n")},
        {400, SLICE_LIT(POST H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")},
        {400, SLICE_LIT(POST H "Transfer-Encoding: xchunked\r\n\r\n")},
        {400, SLICE_LIT(POST H "Transfer-Encoding: identity\r\n\r\n")},
        {400, SLICE_LIT(POST H "Transfer-Encoding: \"chunked\"\r\n\r\n")},
        {400, SLICE_LIT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")},
        {400, SLICE_LIT("GET\r\n\r\n")},
        {400, SLICE_LIT("GET  /  HTTP/1.1\r\n" H "\r\n")},
        {400, SLICE_LIT("get / http/1.1\r\n" H "\r\n")},
        {400, SLICE_LIT("GET / HTTP/1.1 \r\n" H "\r\n")},
        {400, SLICE_LIT("GET /a b HTTP/1.1\r\n" H "\r\n")},
        {400, SLICE_LIT("GET a HTTP/1.1\r\n" H "\r\n")},
        {400, SLICE_LIT("GET /#x HTTP/1.1\r\n" H "\r\n")},
        {505, SLICE_LIT("GET / HTTP/9.9\r\n" H "\r\n")},
        {417, SLICE_LIT(POST H "Expect: tea\r\n\r\n")},
        {400, SLICE_LIT("\x16\x03\x01\x02")},
        {400, SLICE_LIT("\xff\xff")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        HttpHead h;
        int got = head_status(cases[i].text, &h);
        ck_assert_msg(got == cases[i].status, "%d, not %d: %.60s", got, cases[i].status,
                      cases[i].text.ptr);
    }
}
END_TEST

START_TEST(head_fields)
{
    HttpHead h;
    Slice text =
        SLICE_LIT("POST /api/v1/label/a%20b/values?x=1&y HTTP/1.1\r\n"
                  "hOST: here\r\nAccept-Encoding: br, gzip;q=0.5\r\nConnection: foo, Close\r\n"
                  "Content-Length:  12 \r\nContent-Encoding: gzip\r\n\r\nrest");
    ck_assert_int_eq(head_status(text, &h), 200);
    ck_assert_int_eq(h.method, HTTP_POST);
    ck_assert(slice_eq_cstr(http_span(text.ptr, h.path), "/api/v1/label/a%20b/values"));
    ck_assert(slice_eq_cstr(http_span(text.ptr, h.query), "x=1&y"));
    ck_assert(slice_eq_cstr(http_span(text.ptr, h.fields[FIELD_HOST]), "here"));
    ck_assert_uint_eq(h.content_length, 12);
    ck_assert_uint_eq(h.len, text.len - 4);
    ck_assert(h.accept_gzip && !h.keep_alive && !h.chunked);
    ck_assert_int_eq(
        head_status(SLICE_LIT("GET / HTTP/1.1\r\n" H "Accept-Encoding: gzip;q=0\r\n\r\n"), &h),
        200);
    ck_assert(!h.accept_gzip && h.keep_alive);
    ck_assert_int_eq(head_status(SLICE_LIT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), &h),
                     200);
    ck_assert(h.keep_alive);
}
END_TEST

START_TEST(head_limits)
{
    HttpHead h;
    Buf b;
    buf_init(&b);
    buf_puts(&b, "GET /");
    for (int i = 0; i < HTTP_URL_MAX; i++)
        buf_puts(&b, "a");
    buf_puts(&b, " HTTP/1.1\r\n" H "\r\n");
    ck_assert_int_eq(head_status(buf_slice(&b), &h), 414);
    buf_clear(&b);
    for (int i = 0; i < 9000; i++)
        buf_puts(&b, "A");
    ck_assert_int_eq(head_status(buf_slice(&b), &h), 414); /* before its end has come */
    buf_clear(&b);
    buf_puts(&b, "GET / HTTP/1.1\r\n" H);
    for (int i = 0; i < 99; i++)
        buf_puts(&b, "X: y\r\n");
    size_t keep = b.len;
    buf_puts(&b, "\r\n");
    ck_assert_int_eq(head_status(buf_slice(&b), &h), 200);
    b.len = keep;
    buf_puts(&b, "X: y\r\n\r\n");
    ck_assert_int_eq(head_status(buf_slice(&b), &h), 431);
    buf_clear(&b);
    buf_puts(&b, "GET / HTTP/1.1\r\n" H "X: ");
    for (int i = 0; i < HTTP_HEAD_MAX; i++)
        buf_puts(&b, "a");
    ck_assert_int_eq(head_status(buf_slice(&b), &h), 431);
    buf_free(&b);
}
END_TEST

/* ---- chunks ---- */
static int chunk_status(Slice raw, size_t step, size_t body_max, char *decoded)
{
    HttpChunks c = {0};
    HttpRefusal why;
    char *body = malloc(raw.len);
    int status = 0;
    for (size_t have = 0; !status && c.phase != CHUNK_DONE;) {
        if (have == raw.len)
            break;
        size_t more = raw.len - have < step ? raw.len - have : step;
        memcpy(body + have, raw.ptr + have, more);
        have += more;
        if (!http_chunks_read(&c, body, have, body_max, &why))
            status = why.status;
    }
    if (c.phase == CHUNK_DONE) {
        status = 200;
        memcpy(decoded, body, c.out);
        decoded[c.out] = 0;
    }
    free(body);
    return status;
}

START_TEST(chunk_shapes)
{
    static const struct {
        int status;
        Slice raw;
        const char *decoded;
    } cases[] = {
        {200, SLICE_LIT("0\r\n\r\n"), ""},
        {200, SLICE_LIT("5\r\nhello\r\n6 ; a=b\r\n world\r\n0\r\n\r\n"), "hello world"},
        {200, SLICE_LIT("A;x=\"y\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"), "0123456789"},
        {0, SLICE_LIT("5\r\nhell"), ""},
        {400, SLICE_LIT("zz\r\n"), ""},
        {400, SLICE_LIT("-1\r\nx\r\n"), ""},
        {400, SLICE_LIT("\r\n"), ""},
        {400, SLICE_LIT("1\r\nxx\r\n0\r\n\r\n"), ""},
        {400, SLICE_LIT("1\nx\n0\n\n"), ""},
        {400, SLICE_LIT("ffffffffffffffff\r\nx"), ""},
        {400, SLICE_LIT("fffffffffffffffff1\r\nx"), ""},
        {413, SLICE_LIT("65\r\nx"), ""},
        {413, SLICE_LIT("5\r\nhello\r\n60\r\nx"), ""},
        {400, SLICE_LIT("5 x\r\nhello\r\n"), ""},
    };
    char decoded[200];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t step = 1; step <= cases[i].raw.len; step++) {
            int got = chunk_status(cases[i].raw, step, 100, decoded);
            ck_assert_msg(got == cases[i].status, "%d, not %d: %s by %zu", got, cases[i].status,
                          cases[i].raw.ptr, step);
            if (got == 200)
                ck_assert_str_eq(decoded, cases[i].decoded);
        }
}
END_TEST

START_TEST(prom_times)
{
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {{"0", 0},         {"1700000000.123", 1700000000123},
                 {"-1.5", -1500},  {"2023-11-14T22:13:20Z", 1700000000000},
                 {"1e3", 1000000}, {"-292273086-05-16T16:47:06Z", INT64_C(-9200000000000000)}},
      durations[] = {
          {"15", 15000}, {"0.5", 500},     {"1m30s", 90000}, {"1e-9", 1},
          {"-0", 0},     {"1d", 86400000}, {"250ms", 250},   {"1y", INT64_C(31536000000)}};
    static const char *const bad_times[] = {"", "x", "1e30", "2023-13-14T22:13:20Z"};
    static const char *const bad_durations[] = {
        "", "x", "1s1m", "1m1m", "m", "5x", "99999999999999999d", "1 m", "1e10", "300y", "NaN"};
    int64_t ms;
    Err e;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        ck_assert_msg(http_prom_time(slice_cstr(times[i].text), &ms, &e), "%s", times[i].text);
        ck_assert_int_eq(ms, times[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        ck_assert_msg(http_prom_duration(slice_cstr(durations[i].text), &ms, &e), "%s",
                      durations[i].text);
        ck_assert_int_eq(ms, durations[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_times); i++)
        ck_assert_msg(!http_prom_time(slice_cstr(bad_times[i]), &ms, &e), "%s", bad_times[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad_durations); i++)
        ck_assert_msg(!http_prom_duration(slice_cstr(bad_durations[i]), &ms, &e), "%s",
                      bad_durations[i]);
}
END_TEST

/* ---- conversations ---- */
typedef struct Peer {
    Sched *sched;
    Net *net;
    HttpServer *http;
    uint16_t port;
} Peer;

static void serve_with(Peer *s, bool ready, bool passwords)
{
    Err e;
    budget_init(&fake_pool, "pool", NULL, 64 << 20);
    commit_full = false;
    s->sched = fake_sched = sched_new(&clock_real, 2, 0, 0);
    ck_assert(net_new(&s->net, &(NetOptions){.threads = 1, .clock = &clock_real}, &e));
    HttpOptions o = {.sched = s->sched,
                     .clock = &clock_real,
                     .net = s->net,
                     .body_max = 1 << 20,
                     .connections_max = 20,
                     .idle_ns = 10 * NS_PER_S,
                     .passwords = passwords,
                     .url_credentials = true,
                     .points_max = 11000};
    s->http = http_new(&o);
    if (ready)
        http_set_db(s->http, FAKE_DB);
    ck_assert(net_listen(s->net, &http_face, s->http, "127.0.0.1", 0, &s->port, &e));
    ck_assert(net_start(s->net, &e));
}

static void serve(Peer *s, bool ready)
{
    serve_with(s, ready, false);
}

static void stop(Peer *s)
{
    net_stop(s->net, 2 * NS_PER_S);
    ck_assert(http_wait_idle(s->http, 5 * NS_PER_S));
    sched_stop(s->sched);
    net_free(s->net);
    http_free(s->http);
    sched_free(s->sched);
    ck_assert_int_eq(fake_pool.used, 0); /* every body gave its bytes back */
}

static int dial(const Peer *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(s->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval tv = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* All that comes back until the server closes (the client half closes when told). */
static Slice ask(const Peer *s, Slice request, bool half_close)
{
    static char answer[1 << 21];
    int fd = dial(s);
    size_t sent = 0, n = 0;
    while (sent < request.len) {
        ssize_t k = send(fd, request.ptr + sent, request.len - sent, MSG_NOSIGNAL);
        if (k <= 0)
            break;
        sent += (size_t)k;
    }
    if (half_close)
        shutdown(fd, SHUT_WR);
    ssize_t k;
    while ((k = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0)
        n += (size_t)k;
    answer[n] = 0;
    close(fd);
    return (Slice){answer, n};
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

#define CLOSE     "Connection: close\r\n"
#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded\r\n"

/* "ann:pass" is YW5uOnBhc3M=, "bob:word" Ym9iOndvcmQ=, "ann" YW5u. */
static const struct {
    const char *field, *query, *status;
} login_cases[] = {
    {"", "", "401"},
    {"Authorization: Basic YW5uOnBhc3M=\r\n", "", "204"},
    {"authorization:  bAsIc   YW5uOnBhc3M=\r\n", "", "204"},
    {"Authorization: Token ann:pass\r\n", "", "204"},
    {"", "?u=ann&p=pass", "204"},
    {"", "?u=ann&p=wrong", "401"},
    {"", "?u=ann", "401"},
    {"Authorization: Basic Ym9iOndvcmQ=\r\n", "", "403"},
    {"Authorization: Basic Ym9iOndvcmQ=\r\n", "?u=ann&p=pass", "403"},
    {"Authorization: Basic YW5u\r\n", "", "401"},
    {"Authorization: Basic !!!!\r\n", "", "401"},
    {"Authorization: Basic\r\n", "", "401"},
    {"Authorization: Bearer abc\r\n", "", "204"},
    {"Authorization: Token abc\r\n", "", "204"},
    {"Authorization: Bearer abd\r\n", "", "401"},
    {"Authorization: Bearer\r\n", "", "401"},
    {"Authorization: Bearer ann:pass\r\n", "", "401"},
    {"Authorization: Basic YWJj\r\n", "", "401"},
    {"", "?token=abc", "401"},
    {"", "?u=ann&p=abc", "401"},
    {"Authorization: \r\n", "", "401"},
};

START_TEST(logins)
{
    Peer s;
    serve_with(&s, true, true);
    for (size_t i = 0; i < ARRAY_LEN(login_cases); i++) {
        Buf b = {0};
        buf_printf(&b, "POST /write%s HTTP/1.1\r\n" H CLOSE "%sContent-Length: 5\r\n\r\nm v=1",
                   login_cases[i].query, login_cases[i].field);
        Slice got = ask(&s, buf_slice(&b), false);
        ck_assert_msg(memmem(got.ptr, got.len, login_cases[i].status, 3) == got.ptr + 9,
                      "%zu: wanted %s: %.80s", i, login_cases[i].status, got.ptr);
        ck_assert_int_eq(strstr(got.ptr, "WWW-Authenticate: Basic") != NULL,
                         strcmp(login_cases[i].status, "401") == 0);
        buf_free(&b);
    }
    Slice got = ask(&s, SLICE_LIT("GET /ping HTTP/1.1\r\n" H CLOSE "\r\n"), false);
    ck_assert(slice_starts(got, SLICE_LIT("HTTP/1.1 204")));
    stop(&s);
}
END_TEST

static const struct {
    Slice request;
    const char *status, *has;
} answer_cases[] = {
    {SLICE_LIT("GET /ping HTTP/1.1\r\n" H CLOSE "\r\n"), "204", "X-Influxdb-Version: "},
    {SLICE_LIT("GET /ping?verbose=true HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "\"version\":"},
    {SLICE_LIT("GET /health HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "\"status\":\"pass\""},
    {SLICE_LIT("GET /ready HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "\"ready\""},
    {SLICE_LIT("GET /metrics HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "\nskulk_ready 1\n"},
    {SLICE_LIT("GET /metrics HTTP/1.1\r\n" H CLOSE "\r\n"), "200",
     "\nskulk_job_paused{job_id=\"9\",kind=\"ttl\",database=\"\",schema=\"\",table=\"a\\\"b\"} "
     "1\n"},
    {SLICE_LIT("GET /none HTTP/1.1\r\n" H CLOSE "\r\n"), "404", "{\"error\":"},
    {SLICE_LIT("PUT /write HTTP/1.1\r\n" H CLOSE "\r\n"), "405", "Allow: POST\r\n"},
    {SLICE_LIT("POST /ping HTTP/1.1\r\n" H CLOSE "\r\n"), "405", "Allow: GET, HEAD\r\n"},
    {SLICE_LIT(POST H CLOSE "Content-Length: 4\r\n\r\nm v="), "204", "X-Influxdb-Version: "},
    {SLICE_LIT(POST H CLOSE "Content-Length: 0\r\n\r\n"), "200", ""},
    {SLICE_LIT("POST /write?db=x HTTP/1.1\r\n" H CLOSE "Content-Length: 4\r\n\r\nm v="), "404",
     "{\"error\":\"database not found: \\\"x\\\"\"}"},
    {SLICE_LIT("POST /write?rp=x HTTP/1.1\r\n" H CLOSE "Content-Length: 4\r\n\r\nm v="), "404",
     "retention policy not found"},
    {SLICE_LIT("POST /write?precision=lightyear HTTP/1.1\r\n" H CLOSE
               "Content-Length: 4\r\n\r\nm v="),
     "400", "invalid precision"},
    {SLICE_LIT("POST /write?db=%zz HTTP/1.1\r\n" H CLOSE "Content-Length: 4\r\n\r\nm v="), "400",
     "percent"},
    {SLICE_LIT(POST H CLOSE "Content-Length: 6\r\n\r\nbroken"), "400",
     "{\"error\":\"partial write: unable to parse 'broken line': missing fields (line 2) "
     "dropped=1\","
     "\"line_errors\":[{\"line\":2,"},
    {SLICE_LIT(POST H CLOSE "Content-Length: 8\r\n\r\nconflict"), "400",
     "\"partial write: field type conflict: input field \\\"x\\\" (line 2) dropped=1\""},
    {SLICE_LIT(POST H CLOSE "Content-Length: 4\r\nContent-Encoding: gzip\r\n\r\nm v="), "204", ""},
    {SLICE_LIT(POST H CLOSE "Content-Length: 7\r\nContent-Encoding: gzip\r\n\r\ndamaged"), "400",
     "bad gzip"},
    {SLICE_LIT(POST H CLOSE "Content-Length: 4\r\nContent-Encoding: gzip\r\n\r\nbomb"), "413",
     "too large"},
    {SLICE_LIT(POST H CLOSE "Content-Length: 4\r\nContent-Encoding: brotli\r\n\r\nm v="), "415",
     "not known"},
    {SLICE_LIT("POST /api/v1/write HTTP/1.1\r\n" H CLOSE "Content-Length: 2\r\n\r\nab"), "204", ""},
    {SLICE_LIT("POST /api/v1/write HTTP/1.1\r\n" H CLOSE "Content-Encoding: zstd\r\n"
               "Content-Length: 2\r\n\r\nab"),
     "415", "snappy"},
    {SLICE_LIT("POST /api/v1/write HTTP/1.1\r\n" H CLOSE "Content-Encoding: snappy\r\n"
               "Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\n"
               "Content-Length: 2\r\n\r\nab"),
     "204",
     "X-Prometheus-Remote-Write-Samples-Written: 3\r\n"
     "X-Prometheus-Remote-Write-Histograms-Written: 2\r\n"
     "X-Prometheus-Remote-Write-Exemplars-Written: 1\r\n"},
    {SLICE_LIT("POST /api/v1/write HTTP/1.1\r\n" H CLOSE "Content-Encoding: snappy\r\n"
               "Content-Type: application/x-protobuf;proto=io.prometheus.write.v9.Request\r\n"
               "Content-Length: 2\r\n\r\nab"),
     "415", "Content-Type"},
    {SLICE_LIT("POST /api/v1/write HTTP/1.1\r\n" H CLOSE "Content-Encoding: snappy\r\n"
               "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nab"),
     "415", "Content-Type"},
    {SLICE_LIT("POST /api/v2/write?bucket=bench/autogen HTTP/1.1\r\n" H CLOSE
               "Content-Length: 4\r\n\r\nm v="),
     "204", "X-Influxdb-Version: "},
    {SLICE_LIT("POST /api/v2/write?bucket=x HTTP/1.1\r\n" H CLOSE "Content-Length: 4\r\n\r\nm v="),
     "404", "{\"code\":\"not found\",\"message\":\"bucket \\\"x\\\" not found\"}"},
    {SLICE_LIT("POST /api/v2/write HTTP/1.1\r\n" H CLOSE "Content-Length: 6\r\n\r\nbroken"), "400",
     "{\"code\":\"invalid\",\"message\":\"partial write: unable to parse 'broken line'"},
    {SLICE_LIT("POST /api/v2/write HTTP/1.1\r\n" H CLOSE "Content-Length: 8\r\n\r\nconflict"),
     "422", "{\"code\":\"unprocessable entity\""},
    {SLICE_LIT("POST /api/v3/write_lp?db=bench HTTP/1.1\r\n" H CLOSE
               "Content-Length: 6\r\n\r\nbroken"),
     "400",
     "{\"error\":\"partial write of line protocol occurred\",\"data\":[{\"original_line\":\"broken "
     "line\",\"line_number\":2,\"error_message\":\"missing fields\"}]}"},
    {SLICE_LIT("POST /api/v3/write_lp?db=bench&accept_partial=false HTTP/1.1\r\n" H CLOSE
               "Content-Length: 6\r\n\r\nbroken"),
     "400", "{\"error\":\"parsing failed for write_lp endpoint\",\"data\":{\"original_line\""},
    {SLICE_LIT("POST /v1/metrics HTTP/1.1\r\n" H CLOSE
               "Content-Type: application/json\r\nContent-Length: 6\r\n\r\nbroken"),
     "200", "{\"partialSuccess\":{\"rejectedDataPoints\":\"1\",\"errorMessage\":"},
    {SLICE_LIT("POST /v1/metrics HTTP/1.1\r\n" H CLOSE
               "Content-Type: application/x-protobuf\r\nContent-Length: 6\r\n\r\nbroken"),
     "200", "\x08\x01\x12"},
    {SLICE_LIT("POST /api/v1/write HTTP/1.1\r\n" H CLOSE "Content-Encoding: snappy\r\n"
               "Content-Type: application/x-protobuf\r\nContent-Length: 2\r\n\r\nab"),
     "204", ""},
    {SLICE_LIT("POST /api/v1/write HTTP/1.1\r\n" H CLOSE "Content-Encoding: snappy\r\n"
               "Content-Length: 6\r\n\r\nbroken"),
     "400", "missing fields"},
    {SLICE_LIT(POST H CLOSE "Content-Length: 2000000\r\n\r\n"), "413", "{\"error\":"},
    {SLICE_LIT(POST H CLOSE "Transfer-Encoding: chunked\r\n\r\n4\r\nm v=\r\n0\r\n\r\n"), "204", ""},
    {SLICE_LIT(POST H CLOSE "Transfer-Encoding: chunked\r\n\r\n200000\r\n"), "413", ""},
    {SLICE_LIT(POST H CLOSE "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"), "100",
     "HTTP/1.1 400"}, /* told to go on, then gone */
    {SLICE_LIT("GET /query?q=SHOW%20DATABASES HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "[\"skulk\"]"},
    {SLICE_LIT("POST /query?q=CREATE+DATABASE+%22my+db%22 HTTP/1.1\r\n" H CLOSE "\r\n"), "200",
     "{\"results\":[{\"statement_id\":0}]}"},
    {SLICE_LIT("POST /query?q=drop+retention+policy+a+on+B;show+databases HTTP/1.1\r\n" H CLOSE
               "\r\n"),
     "200", "{\"results\":[{\"statement_id\":0,\"series\":[]},{\"statement_id\":1,\"series\""},
    {SLICE_LIT("POST /query?q=drop+retention+policy+bad+on+B;show+databases HTTP/1.1\r\n" H CLOSE
               "\r\n"),
     "200", "{\"results\":[{\"statement_id\":0,\"error\":\"no such thing\"}]}"},
    {SLICE_LIT("POST /query?q=drop+retention+policy+a HTTP/1.1\r\n" H CLOSE "\r\n"), "400",
     "error parsing query: a retention policy is named as NAME ON DATABASE"},
    {SLICE_LIT("GET /query?q=NOTHING+1 HTTP/1.1\r\n" H CLOSE "\r\n"), "400", "error parsing query"},
    {SLICE_LIT("GET /api/v1/query?query=up&time=5 HTTP/1.1\r\n" H CLOSE "\r\n"), "200",
     "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"2\"]},"
     "\"infos\":[\"mind\"]}"},
    {SLICE_LIT("GET /api/v1/query?query=up%7B HTTP/1.1\r\n" H CLOSE "\r\n"), "400",
     "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"1:4: parse error"},
    {SLICE_LIT("GET /api/v1/query?query=fail HTTP/1.1\r\n" H CLOSE "\r\n"), "422", "\"execution\""},
    {SLICE_LIT("GET /api/v1/query?query=up&time=x HTTP/1.1\r\n" H CLOSE "\r\n"), "400",
     "invalid parameter \\\"time\\\""},
    {SLICE_LIT("GET /api/v1/query_range?query=up&start=0&end=10&step=0 HTTP/1.1\r\n" H CLOSE
               "\r\n"),
     "400", "zero or negative query resolution"},
    {SLICE_LIT("GET /api/v1/query_range?query=up&start=10&end=0&step=1 HTTP/1.1\r\n" H CLOSE
               "\r\n"),
     "400", "end timestamp must not be before start time"},
    {SLICE_LIT("GET /api/v1/query_range?query=up&start=0&end=11001&step=1 HTTP/1.1\r\n" H CLOSE
               "\r\n"),
     "400", "exceeded maximum resolution of 11,000 points"},
    {SLICE_LIT("GET /api/v1/query_range?query=up&start=0&end=11000&step=1 HTTP/1.1\r\n" H CLOSE
               "\r\n"),
     "200", ""},
    {SLICE_LIT("GET /api/v1/label/U__a_2e_b/values?match[]=up HTTP/1.1\r\n" H CLOSE "\r\n"), "200",
     "[1,\"a.b\",1,\"up\"]"},
    {SLICE_LIT("GET /api/v1/label/a%20b/values HTTP/1.1\r\n" H CLOSE "\r\n"), "200",
     "[1,\"a b\",0]"},
    {SLICE_LIT("GET /api/v1/labels HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "[0,\"\",0]"},
    {SLICE_LIT("GET /api/v1/series HTTP/1.1\r\n" H CLOSE "\r\n"), "400", "no match[]"},
    {SLICE_LIT("POST /api/v1/series HTTP/1.1\r\n" H CLOSE FORM_TYPE
               "Content-Length: 26\r\n\r\nmatch[]=a%7B%7D&match[]=b+"),
     "200", "[2,\"\",2,\"a{}\",\"b \"]"},
    {SLICE_LIT("GET /api/v1/metadata?limit=2&limit_per_metric=1 HTTP/1.1\r\n" H CLOSE "\r\n"),
     "200", "\"data\":[2,1]}"},
    {SLICE_LIT("GET /api/v1/metadata?limit=x HTTP/1.1\r\n" H CLOSE "\r\n"), "400",
     "limit must be a number"},
    {SLICE_LIT("GET /api/v1/rules?type=foo HTTP/1.1\r\n" H CLOSE "\r\n"), "400",
     "not supported value \\\"foo\\\""},
    {SLICE_LIT("GET /api/v1/query?query=up&limit=-1 HTTP/1.1\r\n" H CLOSE "\r\n"), "400",
     "limit must be non-negative"},
    {SLICE_LIT("GET /api/v1/rules HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "{\"groups\":[]}"},
    {SLICE_LIT("GET /api/v1/targets HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "{\"activeTargets\":[]"},
    {SLICE_LIT("GET /api/v1/status/runtimeinfo HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "startTime"},
    {SLICE_LIT("GET /api/v1/status/tsdb HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "\"data\":[10]}"},
    {SLICE_LIT("GET /api/v1/status/tsdb?limit=0 HTTP/1.1\r\n" H CLOSE "\r\n"), "400", "positive"},
    {SLICE_LIT("GET /api/v1/query_exemplars?query=up HTTP/1.1\r\n" H CLOSE "\r\n"), "200",
     "\"data\":[3,0]}"},
    {SLICE_LIT("GET /api/v1/export HTTP/1.1\r\n" H CLOSE "\r\n"), "400", "no match[]"},
    {SLICE_LIT("GET /federate?match[]=a&match[]=b HTTP/1.1\r\n" H CLOSE "\r\n"), "200", "[1,2]"},
    {SLICE_LIT("POST /api/v1/read HTTP/1.1\r\n" H CLOSE "Content-Length: 2\r\n\r\nab"), "200",
     "Content-Encoding: snappy\r\n"},
    {SLICE_LIT("GET /api/v1/admin/tsdb/delete_series HTTP/1.1\r\n" H CLOSE "\r\n"), "405",
     "Allow: POST, PUT\r\n"},
    {SLICE_LIT("PUT /api/v1/admin/tsdb/delete_series HTTP/1.1\r\n" H CLOSE "\r\n"), "400",
     "no match[]"},
    {SLICE_LIT("POST /api/v1/admin/tsdb/clean_tombstones HTTP/1.1\r\n" H CLOSE "\r\n"), "204", ""},
    {SLICE_LIT("OPTIONS /api/v1/query HTTP/1.1\r\n" H CLOSE "Origin: http://a\r\n\r\n"), "204",
     "Allow: GET, HEAD, POST, OPTIONS\r\n"},
    {SLICE_LIT("OPTIONS /none HTTP/1.1\r\n" H CLOSE "\r\n"), "404", ""},
    {SLICE_LIT("OPTIONS * HTTP/1.1\r\n" H CLOSE "\r\n"), "204", ""},
    {SLICE_LIT("GET /api/v1/status/buildinfo HTTP/1.1\r\n" H CLOSE "\r\n"), "200",
     "\"version\":\"3."},
};

START_TEST(answers)
{
    Peer s;
    serve(&s, true);
    for (size_t i = 0; i < ARRAY_LEN(answer_cases); i++) {
        Slice a = ask(&s, answer_cases[i].request, count(answer_cases[i].status, "100"));
        ck_assert_msg(a.len > 12 && strncmp(a.ptr + 9, answer_cases[i].status, 3) == 0,
                      "%s\n--- wanted %s, got\n%s", answer_cases[i].request.ptr,
                      answer_cases[i].status, a.ptr);
        ck_assert_msg(strstr(a.ptr, answer_cases[i].has) != NULL, "%s\n--- wanted %s, got\n%s",
                      answer_cases[i].request.ptr, answer_cases[i].has, a.ptr);
    }
    stop(&s);
}
END_TEST

START_TEST(cors) /* off unless set, and then for the origins that are named */
{
    static const struct {
        const char *allowed, *origin, *answer;
    } cases[] = {
        {NULL, "http://a", NULL},
        {"", "http://a", NULL},
        {"http://b", "http://a", NULL},
        {"http://b, http://a", "http://a", "Access-Control-Allow-Origin: http://a\r\n"},
        {"*", "http://c", "Access-Control-Allow-Origin: http://c\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Peer s;
        Buf b = {0};
        serve(&s, true);
        s.http->options.cors_origin = cases[i].allowed;
        buf_printf(&b, "GET /ping HTTP/1.1\r\n" H CLOSE "Origin: %s\r\n\r\n", cases[i].origin);
        Slice got = ask(&s, buf_slice(&b), false);
        const char *line = strstr(got.ptr, "Access-Control-Allow-Origin");
        ck_assert_msg(cases[i].answer
                          ? line && strncmp(line, cases[i].answer, strlen(cases[i].answer)) == 0
                          : !line,
                      "%zu: %s", i, got.ptr);
        buf_free(&b);
        stop(&s);
    }
}
END_TEST

START_TEST(before_ready)
{
    Peer s;
    serve(&s, false);
    Slice a = ask(&s, SLICE_LIT("GET /ping HTTP/1.1\r\n" H CLOSE "\r\n"), false);
    ck_assert(strncmp(a.ptr + 9, "204", 3) == 0);
    static const Slice refused[] = {
        SLICE_LIT("GET /ready HTTP/1.1\r\n" H CLOSE "\r\n"),
        SLICE_LIT("GET /health HTTP/1.1\r\n" H CLOSE "\r\n"),
        SLICE_LIT(POST H CLOSE "Content-Length: 4\r\n\r\nm v="),
        SLICE_LIT("GET /api/v1/query?query=up HTTP/1.1\r\n" H CLOSE "\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        a = ask(&s, refused[i], false);
        ck_assert_msg(strncmp(a.ptr + 9, "503", 3) == 0, "%s", a.ptr);
        ck_assert(strstr(a.ptr, "Retry-After: ") != NULL);
    }
    stop(&s);
}
END_TEST

START_TEST(pipelined) /* in order, an error inside does not shift them */
{
    enum { N = 300 };
    Peer s;
    Buf b;
    buf_init(&b);
    serve(&s, true);
    for (int i = 0; i < N; i++) {
        const char *body = i % 3 ? "m v=1" : "broken";
        buf_printf(&b, POST H "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    }
    Slice a = ask(&s, buf_slice(&b), true);
    int n = 0;
    for (const char *p = a.ptr; (p = strstr(p, "HTTP/1.1 ")); p += 9, n++)
        ck_assert_msg(strncmp(p + 9, n % 3 ? "204" : "400", 3) == 0, "answer %d: %.20s", n, p);
    ck_assert_int_eq(n, N);
    buf_free(&b);
    stop(&s);
}
END_TEST

START_TEST(one_byte_chunks)
{
    Peer s;
    Buf b;
    buf_init(&b);
    serve(&s, true);
    buf_puts(&b, POST H CLOSE "Transfer-Encoding: chunked\r\n\r\n");
    const char *text = "chunk_ok v=1 1700000000000000000";
    for (const char *p = text; *p; p++)
        buf_printf(&b, "1\r\n%c\r\n", *p);
    buf_puts(&b, "0\r\n\r\n");
    Slice a = ask(&s, buf_slice(&b), false);
    ck_assert(strncmp(a.ptr + 9, "204", 3) == 0);
    ck_assert_str_eq(fake_last_body, text);
    buf_free(&b);
    stop(&s);
}
END_TEST

START_TEST(compressed_answer)
{
    static const Slice requests[] = {
        SLICE_LIT("GET /api/v1/query?query=large HTTP/1.1\r\n" H CLOSE "\r\n"),
        SLICE_LIT("GET /api/v1/query?query=large HTTP/1.1\r\n" H CLOSE
                  "Accept-Encoding: gzip\r\n\r\n"),
    };
    Peer s;
    serve(&s, true);
    static char plain[1 << 21], inflated[1 << 21];
    Slice a = ask(&s, requests[0], false);
    const char *body = strstr(a.ptr, "\r\n\r\n") + 4;
    size_t len = a.len - (size_t)(body - a.ptr);
    ck_assert_uint_gt(len, 1 << 20);
    memcpy(plain, body, len);
    a = ask(&s, requests[1], false);
    ck_assert(strstr(a.ptr, "Content-Encoding: gzip\r\n") != NULL);
    body = strstr(a.ptr, "\r\n\r\n") + 4;
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)body,
                  .avail_in = (unsigned)(a.len - (size_t)(body - a.ptr)),
                  .next_out = (unsigned char *)inflated,
                  .avail_out = sizeof inflated};
    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    inflateEnd(&z);
    ck_assert_uint_eq(z.total_out, len);
    ck_assert_mem_eq(inflated, plain, len);
    stop(&s);
}
END_TEST

START_TEST(disk_full)
{
    Peer s;
    serve(&s, true);
    commit_full = true;
    Slice a = ask(&s, SLICE_LIT(POST H CLOSE "Content-Length: 4\r\n\r\nm v="), false);
    ck_assert(strncmp(a.ptr + 9, "503", 3) == 0);
    ck_assert(strstr(a.ptr, "Retry-After: 1\r\n") != NULL);
    stop(&s);
}
END_TEST

START_TEST(too_much_at_once) /* 503 before the body is read */
{
    Peer s;
    serve(&s, true);
    budget_charge(&fake_pool, 65 << 20);
    Slice a = ask(&s, SLICE_LIT(POST H CLOSE "Content-Length: 4\r\n\r\n"), false);
    ck_assert(strncmp(a.ptr + 9, "503", 3) == 0);
    budget_charge(&fake_pool, -(65 << 20));
    stop(&s);
}
END_TEST

START_TEST(client_goes_in_a_query)
{
    Peer s;
    serve(&s, true);
    int fd = dial(&s);
    Slice q = SLICE_LIT("GET /api/v1/query?query=slow HTTP/1.1\r\n" H "\r\n");
    ck_assert_int_eq(send(fd, q.ptr, q.len, 0), (ssize_t)q.len);
    usleep(20000);
    close(fd);
    ck_assert(http_wait_idle(s.http, 5 * NS_PER_S));
    stop(&s);
}
END_TEST

START_TEST(head_method) /* HEAD: the length of the body, not the body */
{
    Peer s;
    serve(&s, true);
    Slice a =
        ask(&s, SLICE_LIT("HEAD /api/v1/status/buildinfo HTTP/1.1\r\n" H CLOSE "\r\n"), false);
    ck_assert(strncmp(a.ptr + 9, "200", 3) == 0);
    ck_assert(strstr(a.ptr, "Content-Length: ") != NULL);
    ck_assert_str_eq(strstr(a.ptr, "\r\n\r\n"), "\r\n\r\n");
    stop(&s);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("http");
    tcase_add_test(tc, head_shapes);
    tcase_add_test(tc, head_fields);
    tcase_add_test(tc, head_limits);
    tcase_add_test(tc, chunk_shapes);
    tcase_add_test(tc, prom_times);
    tcase_add_test(tc, logins);
    tcase_add_test(tc, answers);
    tcase_add_test(tc, cors);
    tcase_add_test(tc, before_ready);
    tcase_add_test(tc, pipelined);
    tcase_add_test(tc, one_byte_chunks);
    tcase_add_test(tc, compressed_answer);
    tcase_add_test(tc, disk_full);
    tcase_add_test(tc, too_much_at_once);
    tcase_add_test(tc, client_goes_in_a_query);
    tcase_add_test(tc, head_method);
    return unit_run(tc);
}
