/* http/call.c - one request: parameters, the task that runs its handler, the answer. */
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
    return http_params_read(&c->arena, query, c->params, &c->param_count, e) &&
           http_params_read(&c->arena, form, c->params, &c->param_count, e);
}

Slice http_param(const HttpCall *c, const char *name)
{
    for (size_t i = c->param_count; i-- > 0;)
        if (slice_eq_cstr(c->params[i].name, name))
            return c->params[i].value;
    return SLICE_LIT("");
}

/* ---- the answer ---- */
static void count(HttpCall *c)
{
    HttpServer *s = c->server;
    size_t i = (size_t)(c->route - s->routes), class = (size_t)c->status / 100;
    atomic_fetch_add_explicit(&s->route_stats[i].by_class[class < 6 ? class : 5], 1,
                              memory_order_relaxed);
}

/* The head as one block; the body, if it goes out, stays in c->reply. */
static Block *make_head(HttpCall *c, bool *send_body)
{
    Buf head;
    bool has_body = c->status != 204 && c->status >= 200;
    buf_init(&head);
    count(c);
    http_reply_head(&head, c->server, c->status, c->content_type, buf_slice(&c->headers), has_body,
                    c->reply.len, !c->close, c->head.minor);
    *send_body = has_body && c->reply.len > 0 && c->head.method != HTTP_HEAD;
    if (*send_body && c->reply.len < HTTP_GZIP_MIN) {
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
        if (!http_authorize(c))
            return CALL_DONE;
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
    uint64_t group = (UINT64_C(2) << 32) | (atomic_fetch_add(&s->groups, 1) & UINT32_MAX);
    if (c->route->flags & ROUTE_INGEST && c->db) {
        c->charged = c->mem.cap;
        budget_charge(db_ingest_pool(c->db), (int64_t)c->charged);
    }
    c->outlet = conn_outlet(conn);
    task_init(&c->task, call_step, c->route->flags & ROUTE_INGEST ? TASK_INGEST : TASK_QUERY,
              group);
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
    outlet_send(c->outlet, make_head(c, &body));
    if (body)
        outlet_send(c->outlet, block_take(&c->reply));
    outlet_detach(c->outlet);
    outlet_post(c->outlet, c->close ? HTTP_POST_CLOSE : HTTP_POST_DONE);
    return TASK_DONE;
}

static void call_done(Task *t)
{
    http_call_free((HttpCall *)t);
}
