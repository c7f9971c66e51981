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

/* One element of Accept: its weight if it asks for what /federate can give, else a negative number. */
static double accept_weight(Slice item, bool *families)
{
    Slice type = SLICE_LIT(""), param, proto = SLICE_LIT(""), encoding = SLICE_LIT("");
    double weight = 1;
    http_list_next(&item, ';', &type);
    while (http_list_next(&item, ';', &param)) {
        if (slice_starts(param, SLICE_LIT("q=")))
            slice_to_f64(slice_of(param.ptr + 2, param.len - 2), &weight);
        else if (slice_starts(param, SLICE_LIT("proto=")))
            proto = slice_of(param.ptr + 6, param.len - 6);
        else if (slice_starts(param, SLICE_LIT("encoding=")))
            encoding = slice_of(param.ptr + 9, param.len - 9);
    }
    *families = slice_eq_nocase(type, SLICE_LIT("application/vnd.google.protobuf")) &&
                slice_eq_cstr(proto, "io.prometheus.client.MetricFamily") &&
                slice_eq_cstr(encoding, "delimited");
    return *families || slice_eq_nocase(type, SLICE_LIT("text/plain")) ? weight : -1;
}

/* Protobuf only for who prefers it. */
static bool wants_families(HttpCall *c)
{
    Slice list = http_field(c, FIELD_ACCEPT), item;
    double best = 0;
    bool wanted = false, families;
    while (http_list_next(&list, ',', &item)) {
        double weight = accept_weight(item, &families);
        if (weight > best) {
            best = weight;
            wanted = families;
        }
    }
    return wanted;
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

/* Federation looks back as an instant query does. */
static void recent(HttpCall *c, PromSelection *s)
{
    const Clock *clock = c->server->options.clock;
    s->end_ms = floor_div(clock->wall_ns(clock), NS_PER_MS);
    s->start_ms = s->end_ms - PROM_LOOKBACK_MS + 1;
}

static CallStatus open_read(HttpCall *c, ReadState *s)
{
    Err e;
    PromReadRequest r = {.kind = kind_of(c), .query = http_param(c, "query")};
    err_clear(&e);
    if (!http_prom_selection(c, &r.from, r.kind == READ_EXPORT))
        return CALL_DONE;
    if (r.kind == READ_EXEMPLARS && r.from.end_ms < r.from.start_ms) {
        err_set(&e, ERR_INVALID_PARAMETER, "end timestamp must not be before start timestamp");
        return read_error(c, &e);
    }
    if (r.kind == READ_FEDERATE) {
        recent(c, &r.from);
        r.kind = wants_families(c) ? READ_FAMILIES : READ_FEDERATE;
    }
    size_t max = c->server->options.body_max;
    if (r.kind == READ_SAMPLES && !ing_decode_body(&s->body, c->body, SLICE_LIT("snappy"), max, &e))
        return read_error(c, &e);
    r.body = buf_slice(&s->body);
    if (!prom_read_open(&s->read, c->db, &r, &c->task, &e))
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
    case READ_FAMILIES:
        buf_put_slice(&c->reply, bytes);
        return http_reply(c, 200,
                          "application/vnd.google.protobuf; "
                          "proto=io.prometheus.client.MetricFamily; encoding=delimited; "
                          "escaping=values");
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
