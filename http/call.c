/* http/call.c - one request: parameters, the task that runs its handler, the answer. */
#include "base/log.h"
#include "http/http_private.h"

static TaskStatus call_step(Task *t);
static void call_done(Task *t);

HttpCall *http_call_new(HttpServer *s, const HttpRoute *r, const HttpHead *h)
{
    HttpCall *c = MEM_NEW(HttpCall);
    c->server = s;
    c->db = atomic_load(&s->db);
    c->route = r;
    c->head = *h;
    c->close = !h->keep_alive;
    buf_init(&c->mem);
    buf_init(&c->headers);
    buf_init(&c->reply);
    arena_init(&c->arena, NULL);
    atomic_fetch_add(&s->calls, 1);
    return c;
}

void http_call_free(HttpCall *c)
{
    HttpServer *s = c->server;
    if (c->cleanup)
        c->cleanup(c);
    http_gzip_free(c);
    if (c->charged)
        budget_charge(db_ingest_pool(c->db), -(int64_t)c->charged);
    buf_free(&c->mem);
    buf_free(&c->headers);
    buf_free(&c->reply);
    arena_free(&c->arena);
    rights_free(c->rights);
    outlet_unref(c->outlet);
    mem_free(c);
    atomic_fetch_sub(&s->calls, 1); /* the last touch: http_wait_idle sees it */
}

Slice http_field(const HttpCall *c, HttpField f)
{
    return c->head.seen[f] ? http_span(c->mem.ptr + c->base, c->head.fields[f]) : SLICE_NONE;
}

/* ---- parameters ---- */
static bool is_form(const HttpCall *c)
{
    return c->route->flags & ROUTE_FORM && c->head.method == HTTP_POST &&
           slice_starts(http_field(c, FIELD_CONTENT_TYPE),
                        SLICE_LIT("application/x-www-form-urlencoded"));
}

bool http_read_params(HttpCall *c, Err *e)
{
    Slice query = http_span(c->mem.ptr + c->base, c->head.query);
    Slice form = is_form(c) ? c->body : SLICE_NONE;
    size_t most = http_params_count(query) + http_params_count(form);
    c->params = ARENA_ARRAY(&c->arena, HttpParam, most + 1);
    return http_params_read(&c->arena, form, c->params, &c->param_count, e) &&
           http_params_read(&c->arena, query, c->params, &c->param_count, e);
}

/* Of several the first counts, and the form before the URL, as in Go's net/http. */
Slice http_param(const HttpCall *c, const char *name)
{
    for (size_t i = 0; i < c->param_count; i++)
        if (slice_eq_cstr(c->params[i].name, name))
            return c->params[i].value;
    return SLICE_LIT("");
}

/* ---- the answer ---- */
static void count(HttpCall *c)
{
    HttpServer *s = c->server;
    const Clock *clock = s->options.clock;
    RouteStats *r = &s->route_stats[c->route - s->routes];
    size_t class = (size_t)c->status / 100;
    int64_t took = clock->mono_ns(clock) - c->started_ns;
    atomic_fetch_add_explicit(&r->by_class[class < 6 ? class : 5], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->time_ns, (uint64_t)took, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->bytes, c->reply.len, memory_order_relaxed);
    if (!s->options.access_log)
        return;
    Slice method = http_span(c->mem.ptr + c->base, c->head.method_text);
    Slice path = http_span(c->mem.ptr + c->base, c->head.path); /* parameters may be secrets */
    log_info("access", "%s %.*s %.*s %d %zu %zu %.3f ms", c->peer, SLICE_ARG(method),
             SLICE_ARG(path), c->status, c->body.len, c->reply.len, (double)took / 1e6);
}

/* Is the page's origin one of those that may ask? */
static bool origin_allowed(const char *allowed, Slice origin)
{
    for (const char *p = allowed; p && *p && origin.len;) {
        size_t n = strcspn(p, ",");
        Slice one = {p, n};
        while (one.len && *one.ptr == ' ')
            one = slice_of(one.ptr + 1, one.len - 1);
        if (slice_eq_cstr(one, "*") || slice_eq_nocase(one, origin))
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static void put_cors(HttpCall *c)
{
    Slice origin = http_field(c, FIELD_ORIGIN);
    if (!c->server->options.cors_origin || !*c->server->options.cors_origin)
        return;
    buf_puts(&c->headers, "Vary: Origin\r\n");
    if (!origin_allowed(c->server->options.cors_origin, origin))
        return;
    buf_printf(&c->headers, "Access-Control-Allow-Origin: %.*s\r\n", SLICE_ARG(origin));
    buf_puts(&c->headers,
             "Access-Control-Allow-Headers: Accept, Authorization, Content-Type, Origin\r\n"
             "Access-Control-Allow-Methods: GET, POST, PUT, OPTIONS\r\n"
             "Access-Control-Expose-Headers: Date\r\n");
}

/* The head as one block; the body, if it goes out, stays in c->reply. */
static Block *make_head(HttpCall *c, bool *send_body)
{
    Buf head;
    bool has_body = c->status != 204 && c->status >= 200;
    buf_init(&head);
    count(c);
    put_cors(c);
    http_reply_head(&head, c->server, c->status, c->content_type, buf_slice(&c->headers), has_body,
                    c->reply.len, !c->close, c->head.minor);
    *send_body = has_body && c->reply.len > 0 && c->head.method != HTTP_HEAD;
    if (*send_body && c->reply.len <= HTTP_JOIN_MAX) {
        buf_put_slice(&head, buf_slice(&c->reply)); /* one block for a small answer */
        *send_body = false;
    }
    return block_take(&head);
}

static CallStatus run_handler(HttpCall *c)
{
    Err e;
    if (!c->started) {
        c->started = true;
        err_clear(&e);
        if (!http_read_params(c, &e))
            return http_error_err(c, &e);
    }
    if (!c->authorized) {
        HttpAuth auth = http_authorize(c);
        if (auth != AUTH_OK)
            return auth == AUTH_MORE ? CALL_MORE : auth == AUTH_WAIT ? CALL_WAIT : CALL_DONE;
        c->authorized = true;
        if (c->route->flags & ROUTE_DB && !c->db)
            return http_error(c, 503,
                              "the server does not serve yet: the database is being opened");
    }
    return c->route->run(c);
}

void http_call_run_inline(HttpCall *c, Conn *conn)
{
    must(run_handler(c) == CALL_DONE);
    bool body;
    conn_send(conn, make_head(c, &body));
    if (body)
        conn_send(conn, block_take(&c->reply));
}

/* ---- as a task ---- */
void http_call_start(HttpCall *c, Conn *conn)
{
    HttpServer *s = c->server;
    c->group = (UINT64_C(2) << 32) | (atomic_fetch_add(&s->groups, 1) & UINT32_MAX);
    if (c->route->flags & ROUTE_INGEST && c->db) {
        c->charged = c->mem.cap;
        budget_charge(db_ingest_pool(c->db), (int64_t)c->charged);
    }
    c->outlet = conn_outlet(conn);
    task_init(&c->task, call_step, c->route->flags & ROUTE_INGEST ? TASK_INGEST : TASK_QUERY,
              c->group);
    c->task.done = call_done;
    outlet_attach(c->outlet, &c->task);
    task_start(s->options.sched, &c->task);
}

static bool wants_gzip(const HttpCall *c)
{
    return c->head.accept_gzip && c->status == 200 && c->head.method != HTTP_HEAD &&
           (c->gzip || c->reply.len >= HTTP_GZIP_MIN);
}

static TaskStatus call_step(Task *t)
{
    HttpCall *c = (HttpCall *)t;
    if (!c->handled) {
        CallStatus st = run_handler(c);
        if (st != CALL_DONE)
            return st == CALL_MORE ? TASK_MORE : TASK_WAIT;
        c->handled = true;
    }
    if (wants_gzip(c) && !http_gzip_step(c))
        return TASK_MORE;
    c->head.accept_gzip = false; /* it is done */
    bool body;
    Block *head = make_head(c, &body);
    if (body) {
        outlet_send_more(c->outlet, head);
        outlet_send_more(c->outlet, block_take(&c->reply));
    } else {
        outlet_send(c->outlet, head);
    }
    outlet_detach(c->outlet);
    outlet_post(c->outlet, c->close ? HTTP_POST_CLOSE : HTTP_POST_DONE);
    return TASK_DONE;
}

static void call_done(Task *t)
{
    http_call_free((HttpCall *)t);
}
