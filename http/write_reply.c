/* http/write_reply.c - what writers are told: the words of InfluxDB 1, 2 and 3, Prometheus and OTLP. */
#include "http/http_private.h"

enum { LINES_IN_TEXT = 5 }; /* refused lines named in the text; the list of lines has more */

static IngReply dialect(const HttpCall *c)
{
    return c->format->reply;
}

static CallStatus reply_text(HttpCall *c, int status, Slice text)
{
    buf_clear(&c->reply);
    buf_put_slice(&c->reply, text);
    buf_puts(&c->reply, "\n");
    return http_reply(c, status, "text/plain; charset=utf-8");
}

/* InfluxDB 2's names of what went wrong. */
static const char *influx2_code(int status)
{
    switch (status) {
    case 400:
    case 415:
        return "invalid";
    case 401:
        return "unauthorized";
    case 403:
        return "forbidden";
    case 404:
        return "not found";
    case 413:
        return "request too large";
    case 422:
        return "unprocessable entity";
    case 503:
        return "unavailable";
    default:
        return "internal error";
    }
}

static CallStatus reply_influx2(HttpCall *c, int status, Slice text)
{
    buf_clear(&c->reply);
    buf_printf(&c->reply, "{\"code\":\"%s\",\"message\":", influx2_code(status));
    buf_put_json(&c->reply, text);
    buf_puts(&c->reply, "}\n");
    return http_reply(c, status, "application/json");
}

/* google.rpc.Status: 3 = invalid argument, 14 = unavailable. */
static CallStatus reply_status(HttpCall *c, int status, Slice text)
{
    int code = status == 503 ? 14 : status >= 500 ? 13 : 3;
    buf_clear(&c->reply);
    if (dialect(c) == REPLY_OTLP_JSON) {
        buf_printf(&c->reply, "{\"code\":%d,\"message\":", code);
        buf_put_json(&c->reply, text);
        buf_puts(&c->reply, "}\n");
        return http_reply(c, status, "application/json");
    }
    buf_put_varint(&c->reply, 1 << 3);
    buf_put_varint(&c->reply, (uint64_t)code);
    buf_put_varint(&c->reply, 2 << 3 | 2);
    buf_put_str(&c->reply, text);
    return http_reply(c, status, "application/x-protobuf");
}

CallStatus http_write_error(HttpCall *c, int status, const char *text)
{
    if (!c->format) /* the path takes none of this content type */
        return http_error(c, status, "%s", text);
    if (status == 503 && dialect(c) != REPLY_INFLUX1 && dialect(c) != REPLY_INFLUX3)
        http_header(c, "Retry-After", "%d", c->db ? 1 : 5);
    switch (dialect(c)) {
    case REPLY_INFLUX1:
    case REPLY_INFLUX3:
        return http_error(c, status, "%s", text);
    case REPLY_INFLUX2:
        return reply_influx2(c, status, slice_cstr(text));
    case REPLY_PROMETHEUS:
    case REPLY_PROMETHEUS2:
        return reply_text(c, status, slice_cstr(text));
    case REPLY_OTLP_JSON:
    case REPLY_OTLP_PROTO:
        break;
    }
    return reply_status(c, status, slice_cstr(text));
}

/* ---- some lines were refused, the others are stored ---- */
static size_t kept_errors(const IngJob *j)
{
    size_t n = ing_job_error_count(j);
    return n < ING_ERRORS_KEPT ? n : ING_ERRORS_KEPT;
}

static void put_line_error(Buf *out, const IngLineError *l, bool with_text)
{
    if (with_text && !l->type_conflict && !l->expired)
        buf_printf(out, "unable to parse '%s': ", l->text);
    buf_puts(out, l->err.message);
    if (l->line)
        buf_printf(out, " (line %zu)", l->line);
}

/* The phrases are InfluxDB 1.x's; Telegraf looks for them. */
static void put_refused(const HttpCall *c, const IngJob *j, Buf *text)
{
    bool influx = dialect(c) == REPLY_INFLUX1 || dialect(c) == REPLY_INFLUX2;
    size_t count = ing_job_error_count(j), kept = kept_errors(j);
    if (influx)
        buf_puts(text, "partial write: ");
    size_t named = 0;
    bool expired = false; /* those come last, and say all the same */
    for (size_t i = 0; i < kept && named < LINES_IN_TEXT && !expired; i++) {
        const IngLineError *l = ing_job_error(j, i);
        buf_puts(text, named++ ? "\n" : "");
        put_line_error(text, l, influx);
        expired = l->expired;
    }
    if (count > named && !expired)
        buf_printf(text, "\n... and %zu more", count - named);
    buf_printf(text, " dropped=%zu", count);
}

static void put_line_number(Buf *out, const IngLineError *l)
{
    if (l->line)
        buf_printf(out, "%zu", l->line);
    else
        buf_puts(out, "null");
}

static void put_line_errors(const IngJob *j, Buf *out)
{
    buf_puts(out, ",\"line_errors\":[");
    for (size_t i = 0; i < kept_errors(j); i++) {
        const IngLineError *l = ing_job_error(j, i);
        buf_puts(out, i ? ",{\"line\":" : "{\"line\":");
        put_line_number(out, l);
        buf_puts(out, ",\"text\":");
        buf_put_json(out, slice_cstr(l->text));
        buf_puts(out, ",\"error\":");
        buf_put_json(out, slice_cstr(l->err.message));
        buf_puts(out, "}");
    }
    buf_puts(out, "]");
}

static void put_influx3_line(Buf *out, const IngLineError *l)
{
    buf_puts(out, "{\"original_line\":");
    buf_put_json(out, slice_cstr(l->text));
    buf_puts(out, ",\"line_number\":");
    put_line_number(out, l);
    buf_puts(out, ",\"error_message\":");
    buf_put_json(out, slice_cstr(l->err.message));
    buf_puts(out, "}");
}

static CallStatus refused_influx3(HttpCall *c, const IngJob *j, bool stored)
{
    buf_clear(&c->reply);
    if (!stored) {
        buf_puts(&c->reply, "{\"error\":\"parsing failed for write_lp endpoint\",\"data\":");
        put_influx3_line(&c->reply, ing_job_error(j, 0));
        buf_puts(&c->reply, "}\n");
        return http_reply(c, 400, "application/json");
    }
    buf_puts(&c->reply, "{\"error\":\"partial write of line protocol occurred\",\"data\":[");
    for (size_t i = 0; i < kept_errors(j); i++) {
        if (i)
            buf_puts(&c->reply, ",");
        put_influx3_line(&c->reply, ing_job_error(j, i));
    }
    buf_puts(&c->reply, "]}\n");
    return http_reply(c, 400, "application/json");
}

/* 2.x: what could be read but does not fit, or is too old, is 422. */
static int influx2_status(const IngJob *j)
{
    for (size_t i = 0; i < kept_errors(j); i++)
        if (!ing_job_error(j, i)->type_conflict && !ing_job_error(j, i)->expired)
            return 400;
    return 422;
}

/* Export...PartialSuccess { 1: rejected, 2: error_message } in Export...Response { 1 }. */
static CallStatus otlp_partial(HttpCall *c, const IngJob *j, Slice text)
{
    const char *what = c->format->rejected;
    buf_clear(&c->reply);
    if (dialect(c) == REPLY_OTLP_JSON) {
        buf_printf(&c->reply, "{\"partialSuccess\":{\"%s\":\"%zu\",\"errorMessage\":", what,
                   ing_job_error_count(j));
        buf_put_json(&c->reply, text);
        buf_puts(&c->reply, "}}\n");
        return http_reply(c, 200, "application/json");
    }
    Buf inner;
    buf_init(&inner);
    buf_put_varint(&inner, 1 << 3);
    buf_put_varint(&inner, ing_job_error_count(j));
    buf_put_varint(&inner, 2 << 3 | 2);
    buf_put_str(&inner, text);
    buf_put_varint(&c->reply, 1 << 3 | 2);
    buf_put_str(&c->reply, buf_slice(&inner));
    buf_free(&inner);
    return http_reply(c, 200, "application/x-protobuf");
}

static CallStatus refused(HttpCall *c, const IngJob *j, bool stored)
{
    CallStatus st = CALL_DONE;
    Buf text;
    if (dialect(c) == REPLY_INFLUX3)
        return refused_influx3(c, j, stored);
    buf_init(&text);
    put_refused(c, j, &text);
    switch (dialect(c)) {
    case REPLY_INFLUX1:
    case REPLY_INFLUX3:
        buf_clear(&c->reply);
        buf_puts(&c->reply, "{\"error\":");
        buf_put_json(&c->reply, buf_slice(&text));
        put_line_errors(j, &c->reply);
        buf_puts(&c->reply, "}\n");
        st = http_reply(c, 400, "application/json");
        break;
    case REPLY_INFLUX2:
        st = reply_influx2(c, influx2_status(j), buf_slice(&text));
        break;
    case REPLY_PROMETHEUS:
    case REPLY_PROMETHEUS2:
        st = reply_text(c, 400, buf_slice(&text));
        break;
    case REPLY_OTLP_JSON:
    case REPLY_OTLP_PROTO:
        st = otlp_partial(c, j, buf_slice(&text));
        break;
    }
    buf_free(&text);
    return st;
}

static void put_written(HttpCall *c, const IngJob *j)
{
    IngWritten w = j ? ing_job_written(j) : (IngWritten){0};
    http_header(c, "X-Prometheus-Remote-Write-Samples-Written", "%zu", w.samples);
    http_header(c, "X-Prometheus-Remote-Write-Histograms-Written", "%zu", w.histograms);
    http_header(c, "X-Prometheus-Remote-Write-Exemplars-Written", "%zu", w.exemplars);
}

/* j: NULL for an empty body. */
CallStatus http_write_answer(HttpCall *c, const IngJob *j, bool stored)
{
    if (dialect(c) == REPLY_PROMETHEUS2)
        put_written(c, stored ? j : NULL);
    if (j && ing_job_error_count(j) > 0)
        return refused(c, j, stored);
    if (dialect(c) == REPLY_OTLP_JSON)
        buf_puts(&c->reply, "{\"partialSuccess\":{}}\n");
    if (dialect(c) == REPLY_OTLP_JSON || dialect(c) == REPLY_OTLP_PROTO)
        return http_reply(
            c, 200, dialect(c) == REPLY_OTLP_JSON ? "application/json" : "application/x-protobuf");
    return http_reply(c, !j && dialect(c) == REPLY_INFLUX1 ? 200 : 204, "application/json");
}
