/* http/conn.c - the I/O thread's half: heads, limits, bodies, keep-alive, pipelining. */
#include "http/http_private.h"

#include <stdio.h>

#define HEAD_DEADLINE_NS (30 * NS_PER_S)
#define BODY_DEADLINE_NS (30 * NS_PER_S) /* without any progress */
enum { TLS_HANDSHAKE = 0x16 };           /* the type of a TLS client's first record */

typedef enum HttpPhase { PHASE_HEAD, PHASE_BODY, PHASE_BUSY } HttpPhase;

typedef struct HttpConn {
    HttpServer *server;
    HttpPhase phase;
    bool head_begun; /* the head's deadline runs */
    bool stopping;
    bool begun;   /* the first byte was seen: TLS or not */
    bool charged; /* the input buffer is charged to the ingest pool */
    size_t scanned;
    HttpHead head;
    HttpChunks chunks;
    const HttpRoute *route;
    HttpSpan wild;
} HttpConn;

static void advance(Conn *c, HttpConn *hc);

/* An answer of the connection itself; then it ends, for what follows cannot be trusted. */
static void refuse(Conn *c, HttpConn *hc, int status, const char *text, const char *headers)
{
    HttpServer *s = hc->server;
    Buf body, out;
    buf_init(&body);
    buf_init(&out);
    buf_puts(&body, "{\"error\":");
    buf_put_json(&body, slice_cstr(text));
    buf_puts(&body, "}\n");
    http_reply_head(&out, s, status, "application/json", slice_cstr(headers), true, body.len, false,
                    1);
    if (hc->head.method != HTTP_HEAD)
        buf_put_slice(&out, buf_slice(&body));
    buf_free(&body);
    atomic_fetch_add_explicit(&s->route_stats[HTTP_ROUTES_MAX].by_class[status / 100], 1,
                              memory_order_relaxed);
    conn_send(c, block_take(&out));
    conn_finish(c);
}

static void *http_opened(void *ctx, Conn *c)
{
    HttpConn *hc = MEM_NEW(HttpConn);
    hc->server = ctx;
    int open = atomic_fetch_add(&hc->server->connections, 1) + 1;
    conn_set_deadline(c, HEAD_DEADLINE_NS);
    hc->head_begun = true;
    if (open > hc->server->options.connections_max)
        refuse(c, hc, 503, "too many connections", "Retry-After: 1\r\n");
    return hc;
}

/* ---- the head is complete ---- */
static size_t body_limit(const HttpConn *hc)
{
    if (hc->route->flags & ROUTE_INGEST)
        return hc->server->options.body_max;
    return HTTP_FORM_MAX;
}

static void not_allowed(Conn *c, HttpConn *hc, unsigned allowed)
{
    char line[96], methods[HTTP_METHODS_TEXT];
    snprintf(line, sizeof line, "Allow: %s\r\n", http_methods(allowed, methods));
    refuse(c, hc, 405, "method not allowed", line);
}

/* Route and limits, before a byte of the body is read. */
static bool accept_head(Conn *c, HttpConn *hc)
{
    const char *base = conn_input_bytes(c);
    Slice wild;
    unsigned allowed;
    HttpHead *h = &hc->head;
    hc->route = http_route_find(hc->server, http_span(base, h->path), h->method, &wild, &allowed);
    if (!hc->route && allowed)
        return not_allowed(c, hc, allowed), false;
    if (!hc->route)
        return refuse(c, hc, 404, "no such path", ""), false;
    hc->wild = (HttpSpan){wild.ptr ? (uint32_t)(wild.ptr - base) : 0, (uint32_t)wild.len};
    if (h->content_length > body_limit(hc))
        return refuse(c, hc, 413, "the body is too large", ""), false;
    Db *db = atomic_load(&hc->server->db);
    bool body = h->chunked || h->content_length;
    if (body && hc->route->flags & ROUTE_DB && !db)
        return refuse(c, hc, 503, "the server does not serve yet: the database is being opened",
                      "Retry-After: 5\r\n"),
               false;
    if (hc->route->flags & ROUTE_INGEST && db && budget_over(db_ingest_pool(db)))
        return refuse(c, hc, 503, "too much is being written at once: try again",
                      "Retry-After: 1\r\n"),
               false;
    if (db && !hc->charged) {
        hc->charged = true;
        conn_set_budget(c, db_ingest_pool(db));
    }
    return true;
}

static void expect_body(Conn *c, HttpConn *hc)
{
    HttpHead *h = &hc->head;
    hc->phase = PHASE_BODY;
    hc->chunks = (HttpChunks){0};
    if (h->expect_continue && conn_input(c).len == h->len && (h->chunked || h->content_length))
        conn_send(c, block_static(SLICE_LIT("HTTP/1.1 100 Continue\r\n\r\n")));
    if (!h->chunked)
        conn_want(c, h->len + (size_t)h->content_length);
    conn_set_deadline(c, BODY_DEADLINE_NS);
}

/* False: nothing more to do for now. */
static bool head_turn(Conn *c, HttpConn *hc)
{
    HttpRefusal why;
    Slice in = conn_input(c);
    hc->head.method = HTTP_OTHER;
    switch (http_head_read(in, &hc->scanned, &hc->head, &why)) {
    case HEAD_MORE:
        break;
    case HEAD_BAD:
        refuse(c, hc, why.status, why.text, "");
        return false;
    case HEAD_OK:
        hc->scanned = 0;
        if (!accept_head(c, hc))
            return false;
        expect_body(c, hc);
        return true;
    }
    if (in.len && !hc->head_begun)
        conn_set_deadline(c, HEAD_DEADLINE_NS);
    hc->head_begun |= in.len > 0;
    if (conn_ended(c))
        conn_finish(c);
    return false;
}

/* ---- the body is complete: n bytes from the start of the head ---- */
static void dispatch(Conn *c, HttpConn *hc, size_t n)
{
    HttpCall *call = http_call_new(hc->server, hc->route, &hc->head);
    atomic_fetch_add_explicit(&hc->server->body_bytes, n - hc->head.len, memory_order_relaxed);
    conn_take(c, n, &call->mem, &call->base);
    const char *base = call->mem.ptr + call->base;
    call->body = (Slice){base + hc->head.len, n - hc->head.len};
    call->wild = http_span(base, hc->wild);
    call->close |= hc->stopping;
    call->started_ns = conn_now(c);
    if (hc->server->options.access_log || hc->server->options.passwords)
        (void)conn_peer(c, call->peer);
    hc->head_begun = false;
    conn_set_deadline(c, 0);
    if (!(hc->route->flags & ROUTE_INLINE)) {
        hc->phase = PHASE_BUSY;
        http_call_start(call, c);
        return;
    }
    http_call_run_inline(call, c);
    if (call->close)
        conn_finish(c);
    http_call_free(call);
    hc->phase = PHASE_HEAD;
    conn_set_deadline(c, hc->server->options.idle_ns);
}

static bool body_ended_early(Conn *c, HttpConn *hc)
{
    if (conn_ended(c))
        refuse(c, hc, 400, "the body is shorter than announced", "");
    return false;
}

static bool chunked_turn(Conn *c, HttpConn *hc)
{
    HttpRefusal why;
    size_t head = hc->head.len;
    size_t have = conn_input(c).len - head;
    if (!http_chunks_read(&hc->chunks, conn_input_bytes(c) + head, have, body_limit(hc), &why)) {
        refuse(c, hc, why.status, why.text, "");
        return false;
    }
    HttpChunks *k = &hc->chunks;
    conn_cut(c, head + k->out, k->in - k->out);
    k->in = k->out;
    if (k->phase != CHUNK_DONE)
        return body_ended_early(c, hc);
    dispatch(c, hc, head + k->out);
    return true;
}

static bool over_pool(HttpConn *hc)
{
    Db *db = atomic_load(&hc->server->db);
    return hc->route->flags & ROUTE_INGEST && db && budget_over(db_ingest_pool(db));
}

static bool body_turn(Conn *c, HttpConn *hc)
{
    if (hc->head.chunked)
        return chunked_turn(c, hc);
    size_t n = hc->head.len + (size_t)hc->head.content_length;
    if (conn_input(c).len < n)
        return body_ended_early(c, hc);
    dispatch(c, hc, n);
    return true;
}

/* Goes on as far as the input reaches; pipelined requests are answered in their order. */
static void advance(Conn *c, HttpConn *hc)
{
    bool more = true;
    while (more && !conn_finishing(c)) {
        switch (hc->phase) {
        case PHASE_HEAD:
            more = head_turn(c, hc);
            break;
        case PHASE_BODY:
            more = body_turn(c, hc);
            break;
        case PHASE_BUSY:
            if (conn_input(c).len > HTTP_AHEAD_MAX)
                conn_pause(c);
            more = false;
            break;
        }
    }
}

/* The first byte tells a ClientHello from a request: both are served on one port. */
static bool plain_or_tls(Conn *c, HttpConn *hc)
{
    Slice in = conn_input(c);
    if (hc->begun || in.len == 0)
        return true;
    if (in.ptr[0] == TLS_HANDSHAKE && conn_start_tls(c, SLICE_NONE))
        return false;
    hc->begun = true;
    if (hc->server->options.tls_required && !conn_has_tls(c)) {
        refuse(c, hc, 400, "the server demands TLS: use https", "");
        return false;
    }
    return true;
}

static void http_input(Conn *c, void *state)
{
    HttpConn *hc = state;
    if (!plain_or_tls(c, hc))
        return;
    if (hc->phase == PHASE_BODY) {
        conn_set_deadline(c, BODY_DEADLINE_NS);
        if (over_pool(hc)) {
            refuse(c, hc, 503, "too much is being written at once: try again",
                   "Retry-After: 1\r\n");
            return;
        }
    }
    advance(c, hc);
}

/* A client that sends no more may still read; but nobody computes a query for one that has
 * probably gone. */
static void http_ended(Conn *c, void *state)
{
    HttpConn *hc = state;
    if (hc->phase != PHASE_BUSY)
        advance(c, hc);
    else if (hc->route->flags & ROUTE_CANCEL)
        conn_kill(c);
}

static void http_posted(Conn *c, void *state, uint32_t what)
{
    HttpConn *hc = state;
    hc->phase = PHASE_HEAD;
    conn_set_deadline(c, hc->server->options.idle_ns);
    if (what == HTTP_POST_CLOSE || hc->stopping) {
        conn_finish(c);
        return;
    }
    conn_resume(c);
    advance(c, hc);
}

static void http_deadline(Conn *c, void *state)
{
    HttpConn *hc = state;
    if (hc->phase == PHASE_HEAD && conn_input(c).len == 0)
        conn_finish(c);
    else
        refuse(c, hc, 408, "the request took too long", "");
}

static void http_stopping(Conn *c, void *state)
{
    HttpConn *hc = state;
    hc->stopping = true;
    if (hc->phase != PHASE_BUSY)
        conn_finish(c);
}

static void http_closed(void *state)
{
    HttpConn *hc = state;
    atomic_fetch_sub(&hc->server->connections, 1);
    mem_free(hc);
}

const NetFace http_face = {
    .name = "http",
    .opened = http_opened,
    .input = http_input,
    .ended = http_ended,
    .posted = http_posted,
    .deadline = http_deadline,
    .stopping = http_stopping,
    .closed = http_closed,
    .write_stall_ns = 60 * NS_PER_S,
};

/* ---- the server ---- */
HttpServer *http_new(const HttpOptions *o)
{
    HttpServer *s = MEM_NEW(HttpServer);
    s->options = *o;
    if (s->options.key_ttl_ns == 0)
        s->options.key_ttl_ns = 86400 * NS_PER_S;
    s->started_ns = o->clock->wall_ns(o->clock);
    s->seen = ing_seen_new();
    s->keys = http_keys_new();
    http_routes_init(s);
    return s;
}

void http_set_db(HttpServer *s, Db *db)
{
    atomic_store(&s->db, db);
}

bool http_wait_idle(HttpServer *s, int64_t timeout_ns)
{
    const Clock *clock = s->options.clock;
    int64_t end = clock->mono_ns(clock) + timeout_ns;
    while (atomic_load(&s->calls) > 0) {
        if (clock->mono_ns(clock) >= end)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 2 * NS_PER_MS}, NULL);
    }
    return true;
}

void http_free(HttpServer *s)
{
    if (!s)
        return;
    ing_seen_free(s->seen);
    http_keys_free(s->keys);
    mem_free(s);
}
