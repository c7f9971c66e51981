/* http/write.c - POST of an ingest format: decode, parse, commit, answer.
 *
 * Every step of the task does a piece; the commit is awaited with WAIT.  Good rows of a body with
 * bad lines are stored and durable before the 400 is sent. */
#include "http/http_private.h"

typedef enum WriteStage { STAGE_BEGIN, STAGE_PARSE, STAGE_COMMIT, STAGE_DROP } WriteStage;

typedef struct WriteState {
    WriteStage stage;
    Buf decoded;
    IngJob *job;
    Ticket ticket;
    ObjectId database;
    SyncMode sync;
    bool all_or_nothing;
    bool answered; /* with a key: the answer is a part of what is written */
} WriteState;

static void write_cleanup(HttpCall *c)
{
    WriteState *w = c->state;
    http_key_end(c, false);
    ing_job_free(w->job);
    buf_free(&w->decoded);
    mem_free(w);
}

static bool influx(const HttpCall *c)
{
    return c->format->reply == REPLY_INFLUX1 || c->format->reply == REPLY_INFLUX2 ||
           c->format->reply == REPLY_INFLUX3;
}

static CallStatus write_failed(HttpCall *c, const Err *e)
{
    return http_write_error(c, err_http_status(e->code), e->message);
}

/* ---- before parsing ---- */
/* The coding of the body, "" for none. */
static bool encoding_of(HttpCall *c, Slice *out, Err *e)
{
    const IngFormat *f = c->format;
    Slice encoding = http_field(c, FIELD_CONTENT_ENCODING);
    if (slice_eq_nocase(encoding, SLICE_LIT("identity")) && !f->always_encoded)
        encoding = SLICE_NONE;
    *out = encoding.len == 0 && f->always_encoded ? slice_cstr(f->encodings) : encoding;
    if (out->len == 0)
        return true;
    for (const char *p = f->encodings; *p;) {
        size_t n = strcspn(p, ",");
        if (slice_eq_nocase(*out, (Slice){p, n}))
            return true;
        p += n + (p[n] == ',');
    }
    return err_set(e, ERR_INVALID_PARAMETER, "Content-Encoding \"%.*s\" is not known, only: %s",
                   (int)(encoding.len < 40 ? encoding.len : 40), encoding.ptr, f->encodings);
}

/* on, true, 1, off, false, 0, or missing. */
static bool flag_param(HttpCall *c, const char *name, bool otherwise, bool *out, Err *e)
{
    static const char *const yes[] = {"on", "true", "1"}, *const no[] = {"off", "false", "0"};
    Slice text = http_param(c, name);
    *out = otherwise;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (slice_eq_cstr(text, yes[i]) || slice_eq_cstr(text, no[i])) {
            *out = slice_eq_cstr(text, yes[i]);
            return true;
        }
    return text.len == 0 ||
           err_set(e, ERR_INVALID_PARAMETER, "%s is \"on\" or \"off\", not \"%.*s\"", name,
                   (int)(text.len < 40 ? text.len : 40), text.ptr);
}

/* sync=off, InfluxDB 3's no_sync=true: answered once the rows are in the log, synced within 100 ms. */
static bool read_flags(HttpCall *c, WriteState *w, Err *e)
{
    bool sync, no_sync = false, partial = true, v3 = c->format->reply == REPLY_INFLUX3;
    if (!flag_param(c, "sync", true, &sync, e) ||
        (v3 && (!flag_param(c, "no_sync", false, &no_sync, e) ||
                !flag_param(c, "accept_partial", true, &partial, e))))
        return false;
    w->sync = sync && !no_sync ? SYNC_ON : SYNC_OFF;
    w->all_or_nothing = !partial;
    return true;
}

/* db and rp; InfluxDB 2's bucket is "db" or "db/rp". */
static bool find_database(HttpCall *c, IngContext *x, Err *e)
{
    Slice name = http_param(c, "db"), rp = http_param(c, "rp");
    if (c->format->reply == REPLY_INFLUX2) {
        Slice bucket = http_param(c, "bucket");
        const char *slash = bucket.len ? memchr(bucket.ptr, '/', bucket.len) : NULL;
        name = slice_of(bucket.ptr, slash ? (size_t)(slash - bucket.ptr) : bucket.len);
        rp = slash ? slice_of(slash + 1, bucket.len - name.len - 1) : SLICE_NONE;
    }
    if (db_resolve_database(c->db, c->rights, name, &x->database, &x->schema, e))
        return db_resolve_policy(c->db, x->database, rp, &x->schema, e);
    if (c->format->reply == REPLY_INFLUX2 && e->code == ERR_DATABASE_NAME)
        err_set(e, ERR_DATABASE_NAME, "bucket \"%.*s\" not found", SLICE_ARG(name));
    return false;
}

static bool make_context(HttpCall *c, IngContext *x, Err *e)
{
    const Clock *clock = c->server->options.clock;
    *x = (IngContext){.engine = db_engine(c->db),
                      .seen = c->server->seen,
                      .now_ns = clock->wall_ns(clock),
                      .precision_given = http_param(c, "precision").len > 0,
                      .body_max = c->server->options.body_max,
                      .may_write = rights_may_write,
                      .rights = rights_of_new,
                      .arg = c->rights};
    return ing_precision(http_param(c, "precision"), c->format->reply, &x->precision, e) &&
           find_database(c, x, e);
}

static CallStatus begin(HttpCall *c, WriteState *w)
{
    Err e;
    IngContext x;
    Slice encoding;
    err_clear(&e);
    c->format = ing_find(slice_cstr(c->route->path), http_field(c, FIELD_CONTENT_TYPE), &e);
    if (!c->format || !encoding_of(c, &encoding, &e))
        return http_write_error(c, 415, e.message);
    if (influx(c))
        http_influx_headers(c);
    if (!read_flags(c, w, &e) || !make_context(c, &x, &e))
        return write_failed(c, &e);
    if (c->body.len == 0)
        return http_write_answer(c, NULL, true);
    CallStatus answer;
    w->database = x.database;
    if (!http_key_begin(c, &answer))
        return answer;
    Slice body = c->body;
    if (encoding.len) {
        if (!ing_decode_body(&w->decoded, body, encoding, x.body_max, &e))
            return write_failed(c, &e);
        budget_charge(db_ingest_pool(c->db), (int64_t)w->decoded.cap);
        c->charged += w->decoded.cap;
        body = buf_slice(&w->decoded);
    }
    w->job = ing_job_new(c->format, &x, body);
    w->stage = STAGE_PARSE;
    return CALL_MORE;
}

/* ---- parse and commit ---- */
static void note_rejected(HttpCall *c, const WriteState *w)
{
    const IngLineError *l;
    const Clock *clock = c->server->options.clock;
    for (size_t i = 0; (l = ing_job_error(w->job, i)); i++)
        db_note_rejected(c->db, &(Rejected){.time_ns = clock->wall_ns(clock),
                                            .database = http_param(c, "db"),
                                            .path = c->format->path,
                                            .line = l->line,
                                            .text = l->text,
                                            .err = &l->err});
}

/* An answer that was made before takes back what it said. */
static CallStatus commit_failed(HttpCall *c, const WriteState *w, const Err *e)
{
    if (w->answered) {
        buf_clear(&c->reply);
        buf_clear(&c->headers);
        if (influx(c))
            http_influx_headers(c);
    }
    return write_failed(c, e);
}

static CallStatus parse(HttpCall *c, WriteState *w)
{
    Err e;
    bool done = false;
    err_clear(&e);
    if (!ing_job_step(w->job, &done, &e))
        return write_failed(c, &e);
    if (!done)
        return CALL_MORE;
    note_rejected(c, w);
    if (w->all_or_nothing && ing_job_error_count(w->job) > 0)
        return http_write_answer(c, w->job, false);
    if (c->keyed && ing_job_rows(w->job) > 0) {
        http_write_answer(c, w->job, true);
        w->answered = true;
        const IngKey key = http_key_row(c);
        if (!ing_job_put_key(w->job, &key, &e))
            return commit_failed(c, w, &e);
    }
    WriteBatch *batch = ing_job_take_batch(w->job);
    if (!batch)
        return http_write_answer(c, w->job, true);
    w->ticket.waiter = &c->task;
    w->stage = STAGE_COMMIT;
    engine_submit(db_engine(c->db), batch, w->sync, &w->ticket);
    return CALL_MORE;
}

/* The write is done; what comes of forgetting old keys does not matter to it. */
static CallStatus drop_keys(const WriteState *w)
{
    return atomic_load(&w->ticket.done) ? CALL_DONE : CALL_WAIT;
}

static CallStatus commit(HttpCall *c, WriteState *w)
{
    int64_t before_ns;
    if (!atomic_load(&w->ticket.done))
        return CALL_WAIT;
    if (!w->ticket.ok)
        return commit_failed(c, w, &w->ticket.err);
    ing_job_stored(w->job);
    if (!w->answered)
        http_write_answer(c, w->job, true);
    bool keyed = c->keyed;
    http_key_end(c, true);
    if (!keyed || !http_keys_to_drop(c, &before_ns))
        return CALL_DONE;
    w->ticket = (Ticket){.waiter = &c->task};
    if (!db_write_keys_drop(c->db, w->database, before_ns, &w->ticket))
        return CALL_DONE;
    w->stage = STAGE_DROP;
    return drop_keys(w);
}

CallStatus http_run_write(HttpCall *c)
{
    WriteState *w = c->state;
    if (!w) {
        w = c->state = MEM_NEW(WriteState);
        c->cleanup = write_cleanup;
        buf_init(&w->decoded);
    }
    CallStatus st;
    switch (w->stage) {
    case STAGE_BEGIN:
        return http_keys_ready(c, &st) ? begin(c, w) : st;
    case STAGE_PARSE:
        return parse(c, w);
    case STAGE_COMMIT:
        return commit(c, w);
    case STAGE_DROP:
        break;
    }
    return drop_keys(w);
}
