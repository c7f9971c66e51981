/* http/write.c - POST of an ingest format: decode, parse, commit, answer.
 *
 * Every step of the task does a piece; the commit is awaited with WAIT.  Good rows of a body with
 * bad lines are stored and durable before the 400 is sent. */
#include "http/http_private.h"

#include <stdio.h>

enum { LINES_IN_TEXT = 5 }; /* refused lines named in "error"; line_errors has more */

typedef enum WriteStage { STAGE_BEGIN, STAGE_PARSE, STAGE_COMMIT } WriteStage;

typedef struct WriteState {
    WriteStage stage;
    Buf decoded;
    IngJob *job;
    Ticket ticket;
    SyncMode sync;
    size_t rows;
} WriteState;

static void write_cleanup(HttpCall *c)
{
    WriteState *w = c->state;
    ing_job_free(w->job);
    buf_free(&w->decoded);
    mem_free(w);
}

static bool influx(const HttpCall *c)
{
    return c->route->format->reply == REPLY_INFLUX1;
}

/* Prometheus reads the error as text. */
static CallStatus write_error(HttpCall *c, int status, const char *text)
{
    if (influx(c))
        return http_error(c, status, "%s", text);
    if (status == 503)
        http_header(c, "Retry-After", "1");
    buf_clear(&c->reply);
    buf_printf(&c->reply, "%s\n", text);
    return http_reply(c, status, "text/plain; charset=utf-8");
}

static CallStatus write_failed(HttpCall *c, const Err *e)
{
    return write_error(c, err_http_status(e->code), e->message);
}

/* ---- before parsing ---- */
static bool media_type_ok(HttpCall *c, Err *e)
{
    const char *want = c->route->format->content_type;
    Slice type = http_field(c, FIELD_CONTENT_TYPE);
    if (!want || type.len == 0)
        return true;
    const char *semi = memchr(type.ptr, ';', type.len);
    Slice name = {type.ptr, semi ? (size_t)(semi - type.ptr) : type.len};
    while (name.len && name.ptr[name.len - 1] == ' ')
        name.len--;
    /* proto=...v2.Request is another format: a sender that is told 415 falls back to this one. */
    static const char v2[] = "io.prometheus.write.v2";
    bool v2_body = semi && memmem(semi, type.len - name.len, v2, sizeof v2 - 1);
    if (slice_eq_nocase(name, slice_cstr(want)) && !v2_body)
        return true;
    return err_set(e, ERR_INVALID_PARAMETER, "Content-Type \"%.*s\" is not taken here, only %s",
                   (int)(type.len < 100 ? type.len : 100), type.ptr, want);
}

static bool encoding_ok(HttpCall *c, Slice encoding, Err *e)
{
    const IngFormat *f = c->route->format;
    if (encoding.len == 0)
        return !f->encoding_required ||
               err_set(e, ERR_INVALID_PARAMETER, "Content-Encoding is missing: %s is required",
                       f->encodings);
    for (const char *p = f->encodings; *p;) {
        size_t n = strcspn(p, ",");
        if (slice_eq_nocase(encoding, (Slice){p, n}))
            return true;
        p += n + (p[n] == ',');
    }
    return err_set(e, ERR_INVALID_PARAMETER, "Content-Encoding \"%.*s\" is not known, only: %s",
                   (int)(encoding.len < 40 ? encoding.len : 40), encoding.ptr, f->encodings);
}

static bool retention_policy_ok(HttpCall *c, Err *e)
{
    Slice rp = http_param(c, "rp");
    if (rp.len == 0 || slice_eq_cstr(rp, "autogen") || slice_eq_cstr(rp, "default"))
        return true;
    return err_set(e, ERR_DATABASE_NAME, "retention policy not found: %.*s",
                   (int)(rp.len < 100 ? rp.len : 100), rp.ptr);
}

/* sync=off: answered once the rows are in the log, synced within 100 ms. */
static bool sync_mode(HttpCall *c, SyncMode *out, Err *e)
{
    Slice text = http_param(c, "sync");
    *out = slice_eq_cstr(text, "off") ? SYNC_OFF : SYNC_ON;
    if (text.len == 0 || *out == SYNC_OFF || slice_eq_cstr(text, "on"))
        return true;
    return err_set(e, ERR_INVALID_PARAMETER, "sync is \"on\" or \"off\", not \"%.*s\"",
                   (int)(text.len < 40 ? text.len : 40), text.ptr);
}

static bool make_context(HttpCall *c, IngContext *x, Err *e)
{
    const Clock *clock = c->server->options.clock;
    *x = (IngContext){.engine = db_engine(c->db),
                      .now_ns = clock->wall_ns(clock),
                      .body_max = c->server->options.body_max,
                      .may_write = rights_may_write,
                      .arg = c->rights};
    if (!ing_precision(http_param(c, "precision"), &x->precision, e) ||
        !retention_policy_ok(c, e) ||
        !db_resolve_database(c->db, c->rights, http_param(c, "db"), &x->database, &x->schema, e))
        return false;
    x->owner = rights_owner(c->rights, c->db, x->schema);
    return true;
}

static CallStatus begin(HttpCall *c, WriteState *w)
{
    Err e;
    IngContext x;
    err_clear(&e);
    if (influx(c))
        http_influx_headers(c);
    Slice encoding = http_field(c, FIELD_CONTENT_ENCODING);
    if (slice_eq_nocase(encoding, SLICE_LIT("identity")))
        encoding = SLICE_LIT("");
    if (!media_type_ok(c, &e) || !encoding_ok(c, encoding, &e))
        return write_error(c, 415, e.message);
    if (!sync_mode(c, &w->sync, &e) || !make_context(c, &x, &e))
        return write_failed(c, &e);
    if (c->body.len == 0)
        return http_reply(c, 200, "application/json");
    Slice body = c->body;
    if (encoding.len) {
        if (!ing_decode_body(&w->decoded, body, encoding, x.body_max, &e))
            return write_failed(c, &e);
        budget_charge(db_ingest_pool(c->db), (int64_t)w->decoded.cap);
        c->charged += w->decoded.cap;
        body = buf_slice(&w->decoded);
    }
    w->job = ing_job_new(c->route->format, &x, body);
    w->stage = STAGE_PARSE;
    return CALL_MORE;
}

/* ---- the answer ---- */
static void put_line_error(Buf *out, const IngLineError *l, bool with_text)
{
    if (with_text && !l->type_conflict)
        buf_printf(out, "unable to parse '%s': ", l->text);
    buf_printf(out, "%s (line %zu)", l->err.message, l->line);
}

/* The phrases are InfluxDB 1.x's; Telegraf looks for them. */
static void error_text(HttpCall *c, const WriteState *w, Buf *text)
{
    size_t count = ing_job_error_count(w->job);
    size_t kept = count < ING_ERRORS_KEPT ? count : ING_ERRORS_KEPT;
    if (influx(c))
        buf_puts(text, "partial write: ");
    for (size_t i = 0; i < kept && i < LINES_IN_TEXT; i++) {
        if (i)
            buf_puts(text, "\n");
        put_line_error(text, ing_job_error(w->job, i), influx(c));
    }
    if (count > LINES_IN_TEXT)
        buf_printf(text, "\n... and %zu more", count - LINES_IN_TEXT);
    buf_printf(text, " dropped=%zu", count);
}

static void line_errors_json(const WriteState *w, Buf *out)
{
    size_t count = ing_job_error_count(w->job);
    buf_puts(out, ",\"line_errors\":[");
    for (size_t i = 0; i < count && i < ING_ERRORS_KEPT; i++) {
        const IngLineError *l = ing_job_error(w->job, i);
        buf_printf(out, "%s{\"line\":%zu,\"text\":", i ? "," : "", l->line);
        buf_put_json(out, slice_cstr(l->text));
        buf_puts(out, ",\"error\":");
        buf_put_json(out, slice_cstr(l->err.message));
        buf_puts(out, "}");
    }
    buf_puts(out, "]");
}

static CallStatus answer(HttpCall *c, const WriteState *w)
{
    if (ing_job_error_count(w->job) == 0)
        return http_reply(c, 204, NULL);
    Buf text;
    buf_init(&text);
    error_text(c, w, &text);
    buf_clear(&c->reply);
    if (influx(c)) {
        buf_puts(&c->reply, "{\"error\":");
        buf_put_json(&c->reply, buf_slice(&text));
        line_errors_json(w, &c->reply);
        buf_puts(&c->reply, "}\n");
    } else {
        buf_put_slice(&c->reply, buf_slice(&text));
        buf_puts(&c->reply, "\n");
    }
    buf_free(&text);
    return http_reply(c, 400, influx(c) ? "application/json" : "text/plain; charset=utf-8");
}

/* ---- parse and commit ---- */
static CallStatus parse(HttpCall *c, WriteState *w)
{
    Err e;
    bool done = false;
    err_clear(&e);
    if (!ing_job_step(w->job, &done, &e))
        return write_failed(c, &e);
    if (!done)
        return CALL_MORE;
    WriteBatch *batch = ing_job_take_batch(w->job);
    if (!batch)
        return answer(c, w);
    w->ticket.waiter = &c->task;
    w->stage = STAGE_COMMIT;
    engine_submit(db_engine(c->db), batch, w->sync, &w->ticket);
    return CALL_MORE;
}

static CallStatus commit(HttpCall *c, WriteState *w)
{
    if (!atomic_load(&w->ticket.done))
        return CALL_WAIT;
    if (!w->ticket.ok)
        return write_failed(c, &w->ticket.err);
    return answer(c, w);
}

CallStatus http_run_write(HttpCall *c)
{
    WriteState *w = c->state;
    if (!w) {
        w = c->state = MEM_NEW(WriteState);
        c->cleanup = write_cleanup;
        buf_init(&w->decoded);
    }
    switch (w->stage) {
    case STAGE_BEGIN:
        return begin(c, w);
    case STAGE_PARSE:
        return parse(c, w);
    case STAGE_COMMIT:
        break;
    }
    return commit(c, w);
}
