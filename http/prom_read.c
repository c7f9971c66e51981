/* http/prom_read.c - samples as they are stored: export, federation, exemplars, remote read. */
#include "http/http_private.h"

enum { PROM_LOOKBACK_MS = 300000 };

typedef struct ReadState {
    PromRead *read;
    Buf body; /* decoded */
} ReadState;

static void read_cleanup(HttpCall *c)
{
    ReadState *r = c->state;
    prom_read_close(r->read);
    buf_free(&r->body);
    mem_free(r);
}

static PromReadKind kind_of(const HttpCall *c)
{
    static const struct {
        const char *path;
        PromReadKind kind;
    } kinds[] = {{"/api/v1/export", READ_EXPORT},
                 {"/federate", READ_FEDERATE},
                 {"/api/v1/query_exemplars", READ_EXEMPLARS},
                 {"/api/v1/read", READ_SAMPLES}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].path, c->route->path) == 0)
            return kinds[i].kind;
    must(false);
    return READ_EXPORT;
}

/* Remote read and federation are told in text, as Prometheus does. */
static CallStatus read_error(HttpCall *c, const Err *e)
{
    PromReadKind k = kind_of(c);
    if (k == READ_EXEMPLARS || k == READ_EXPORT)
        return http_prom_error(c, e);
    buf_clear(&c->reply);
    buf_printf(&c->reply, "%s\n", e->message);
    return http_reply(c, err_http_status(e->code), "text/plain; charset=utf-8");
}

static bool read_times(HttpCall *c, PromReadRequest *r, Err *e)
{
    const Clock *clock = c->server->options.clock;
    int64_t now = floor_div(clock->wall_ns(clock), NS_PER_MS);
    if (r->kind == READ_FEDERATE) {
        r->end_ms = now;
        r->start_ms = now - PROM_LOOKBACK_MS + 1;
        return true;
    }
    if (!http_prom_optional_time(c, "start", PROM_MS_MIN, &r->start_ms, e))
        return http_prom_bad_param(c, "start", e), false;
    if (!http_prom_optional_time(c, "end", PROM_MS_MAX, &r->end_ms, e))
        return http_prom_bad_param(c, "end", e), false;
    return true;
}

static CallStatus open_read(HttpCall *c, ReadState *s)
{
    Err e;
    ObjectId db;
    PromReadRequest r = {.kind = kind_of(c), .rights = c->rights, .query = http_param(c, "query")};
    err_clear(&e);
    r.match_count = http_prom_matches(c, &r.match);
    if (r.kind == READ_EXPORT && r.match_count == 0) {
        err_set(&e, ERR_INVALID_PARAMETER, "no match[] parameter provided");
        return read_error(c, &e);
    }
    if (!read_times(c, &r, &e))
        return CALL_DONE;
    size_t max = c->server->options.body_max;
    if (r.kind == READ_SAMPLES && !ing_decode_body(&s->body, c->body, SLICE_LIT("snappy"), max, &e))
        return read_error(c, &e);
    r.body = buf_slice(&s->body);
    if (!http_prom_database(c, &db, &e) || !prom_read_open(&s->read, c->db, db, &r, &c->task, &e))
        return read_error(c, &e);
    return CALL_MORE;
}

static CallStatus read_done(HttpCall *c, ReadState *s)
{
    Slice bytes = prom_read_bytes(s->read);
    switch (prom_read_kind(s->read)) {
    case READ_EXPORT:
        buf_put_slice(&c->reply, bytes);
        return http_reply(c, 200, "application/stream+json");
    case READ_FEDERATE:
        buf_put_slice(&c->reply, bytes);
        return http_reply(c, 200, "text/plain; version=0.0.4; charset=utf-8; escaping=values");
    case READ_EXEMPLARS:
        buf_puts(&c->reply, "{\"status\":\"success\",\"data\":");
        buf_put_slice(&c->reply, bytes);
        buf_puts(&c->reply, "}\n");
        return http_reply(c, 200, "application/json");
    case READ_SAMPLES:
        ing_encode_snappy(&c->reply, bytes);
        buf_puts(&c->headers, "Content-Encoding: snappy\r\n");
        c->head.accept_gzip = false;
        return http_reply(c, 200, "application/x-protobuf");
    case READ_CHUNKS:
        break;
    }
    buf_put_slice(&c->reply, bytes);
    c->head.accept_gzip = false;
    return http_reply(c, 200,
                      "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
}

CallStatus http_run_prom_read(HttpCall *c)
{
    ReadState *s = c->state;
    Err e;
    if (!s) {
        s = c->state = MEM_NEW(ReadState);
        c->cleanup = read_cleanup;
        return open_read(c, s);
    }
    err_clear(&e);
    if (outlet_gone(c->outlet)) {
        err_set(&e, ERR_CANCELED, "query was canceled: the client has gone");
        return read_error(c, &e);
    }
    switch (prom_read_run(s->read, &e)) {
    case RUN_WAIT:
        return CALL_WAIT;
    case RUN_DONE:
        return read_done(c, s);
    case RUN_FAIL:
        return read_error(c, &e);
    default:
        return CALL_MORE;
    }
}
