/* pgwire/backend.c - the task of one connection: takes messages, runs portals, answers. */
#include "pgwire/backend_private.h"

#include <stdio.h>

/* The client does not read, so it cannot be told and waited for. */
static void drop_deaf(PgSession *s)
{
    Err e;
    err_clear(&e);
    if (!session_overrun(s->session, &e))
        return;
    pgb_fatal(s, &e);
    if (outlet_full(s->outlet))
        outlet_post(s->outlet, PG_POST_DROP);
}

static TaskStatus pgb_step(Task *t);
static void pgb_done(Task *t);

PgSession *pgb_new(PgServer *server, Conn *c, uint32_t version, Slice startup)
{
    PgSession *s = MEM_NEW(PgSession);
    static _Atomic uint64_t groups = 1;
    ref_init(&s->ref);
    ref_take(&s->ref); /* the connection's and the task's */
    s->server = server;
    s->outlet = conn_outlet(c);
    s->version = version;
    buf_init(&s->startup);
    buf_put_slice(&s->startup, startup);
    arena_init(&s->start_arena, NULL);
    s->end_point_len = conn_tls_end_point(c, s->end_point);
    conn_peer(c, s->peer);
    s->tls = conn_tls_use(c);
    mutex_init(&s->mutex, RANK_NET);
    s->framer.message_max = server->options.message_max;
    buf_init(&s->out);
    arena_init(&s->arena, NULL);
    task_init(&s->task, pgb_step, TASK_QUERY, (UINT64_C(1) << 32) | atomic_fetch_add(&groups, 1));
    s->task.done = pgb_done;
    outlet_attach(s->outlet, &s->task);
    atomic_fetch_add(&server->stats.sessions, 1);
    task_start(server->options.sched, &s->task);
    return s;
}

static void free_chunk(PgChunk *k)
{
    if (!k)
        return;
    buf_free(&k->mem);
    mem_free(k);
}

void pgb_unref(PgSession *s)
{
    if (!ref_drop(&s->ref))
        return;
    free_chunk(s->current);
    for (PgChunk *k = s->first, *next; k; k = next) {
        next = k->next;
        free_chunk(k);
    }
    outlet_unref(s->outlet);
    pgl_free(s);
    buf_free(&s->out);
    arena_free(&s->arena);
    mutex_destroy(&s->mutex);
    mem_free(s->broken);
    mem_free(s);
}

static void pgb_done(Task *t)
{
    PgSession *s = (PgSession *)t;
    PgServer *server = s->server;
    if (s->placed)
        atomic_fetch_sub(&server->stats.places, 1);
    pgb_unref(s);
    atomic_fetch_sub(&server->stats.sessions, 1); /* the last touch: pgw_wait_idle sees it */
}

/* ---- output ---- */
static void flush(PgSession *s)
{
    if (s->out.len)
        outlet_send(s->outlet, block_take(&s->out));
}

/* Notices, in front of what ends the statement. */
void pgb_send_news(PgSession *s)
{
    Err notice;
    const char *severity;
    while (session_next_notice(s->session, &notice, &severity))
        pgw_error(&s->out, 'N', severity, &notice);
}

/* Between two transactions. */
static void send_notifications(PgSession *s)
{
    Slice channel, payload;
    int32_t pid;
    while (session_next_notification(s->session, &pid, &channel, &payload))
        pgw_notification(&s->out, pid, channel, payload);
}

/* Those that changed since the client was last told, in front of ReadyForQuery. */
void pgb_send_parameters(PgSession *s)
{
    Slice name, value;
    while (session_next_parameter(s->session, &name, &value))
        pgw_parameter(&s->out, name, value);
}

static void close_run(PgSession *s)
{
    pgw_rows_close(&s->rows);
    s->portal = NULL;
}

void pgb_fail(PgSession *s, const Err *e)
{
    close_run(s);
    pgb_send_news(s);
    pgw_error(&s->out, 'E', "ERROR", e);
    atomic_fetch_add_explicit(&s->server->stats.errors, 1, memory_order_relaxed);
    session_failed(s->session);
    s->skip_to_sync = !s->simple;
    s->mode = s->simple ? PG_SYNC : PG_IDLE;
}

void pgb_fatal(PgSession *s, const Err *e)
{
    pgw_error(&s->out, 'E', "FATAL", e);
    s->ending = true;
}

/* ---- input ---- */
static void drop_current(PgSession *s)
{
    PgChunk *k = s->current;
    s->current = NULL;
    mutex_lock(&s->mutex);
    s->unparsed -= k->mem.len;
    bool resume = s->paused && s->unparsed <= NET_UNPARSED_MAX / 2;
    if (resume)
        s->paused = false;
    mutex_unlock(&s->mutex);
    free_chunk(k);
    if (resume)
        outlet_post(s->outlet, PG_POST_RESUME);
}

static bool take_chunk(PgSession *s)
{
    if (s->current)
        drop_current(s);
    mutex_lock(&s->mutex);
    PgChunk *k = s->first;
    if (k)
        s->first = k->next;
    if (!s->first)
        s->last = NULL;
    bool broken = !k && s->broken;
    mutex_unlock(&s->mutex);
    s->current = k;
    if (broken)
        pgb_fatal(s, s->broken);
    return k != NULL;
}

/* Its body lives until the next call. */
bool pgb_next_message(PgSession *s, PgMessage *m)
{
    for (;;) {
        PgChunk *k = s->current;
        if (k && k->pos < k->mem.len) {
            size_t used = 0, want;
            Err e;
            Slice in = {k->mem.ptr + k->pos, k->mem.len - k->pos};
            must(pgw_next(&s->framer, in, m, &used, &want, &e) == FRAME_MESSAGE);
            k->pos += used;
            return true;
        }
        if (!take_chunk(s))
            return false;
    }
}

/* ---- running ---- */
void pgb_run_portal(PgSession *s, Portal *p, int64_t max_rows, bool simple)
{
    s->portal = p;
    portal_stream(p);
    s->max_rows = max_rows;
    s->simple = simple;
    s->described = s->copy_done = false;
    s->mode = PG_RUN;
    atomic_fetch_add_explicit(&s->server->stats.statements, 1, memory_order_relaxed);
}

/* A simple Query is told its columns with the first rows, or at the end without any. */
static void describe_once(PgSession *s)
{
    if (s->described)
        return;
    s->described = true;
    if (s->simple && portal_returns_rows(s->portal)) {
        size_t count;
        const OutColumn *cols = portal_columns(s->portal, &count);
        pgw_row_description(&s->out, cols, count, s->portal);
    }
}

static void copy_out_once(PgSession *s)
{
    bool binary;
    size_t columns;
    if (s->described || !portal_copy_info(s->portal, &binary, &columns))
        return;
    s->described = true;
    pgw_copy_response(&s->out, 'H', binary, columns);
}

static void run_ended(PgSession *s)
{
    bool binary;
    size_t columns;
    if (!s->copy_done && portal_copy_info(s->portal, &binary, &columns)) {
        copy_out_once(s);
        pgw_simple(&s->out, 'c');
    } else {
        describe_once(s);
    }
    pgb_send_news(s);
    pgw_complete(&s->out, portal_tag(s->portal));
    close_run(s);
    s->mode = s->simple ? PG_SIMPLE : PG_IDLE;
}

static void copy_in_begins(PgSession *s)
{
    bool binary = false;
    size_t columns = 0;
    portal_copy_info(s->portal, &binary, &columns);
    pgb_send_news(s);
    pgw_copy_response(&s->out, 'G', binary, columns);
    flush(s);
    s->mode = PG_COPY_IN;
}

static void take_batch(PgSession *s, const Batch *b)
{
    describe_once(s);
    if (!s->rows.bytes)
        pgw_rows_open(&s->rows, s->portal);
    pgw_rows_batch(&s->rows, b);
    (void)pgw_rows_write(&s->rows, &s->out, PG_ROWS_BYTES);
    atomic_fetch_add_explicit(&s->server->stats.rows_batches, 1, memory_order_relaxed);
}

/* Many of them go as they are, behind what was said before. */
static void take_bytes(PgSession *s, Buf *bytes)
{
    bool binary;
    size_t columns;
    if (portal_copy_info(s->portal, &binary, &columns))
        copy_out_once(s);
    else
        describe_once(s);
    if (bytes->len < PG_FLUSH_BYTES) {
        buf_put_slice(&s->out, buf_slice(bytes));
        return;
    }
    flush(s);
    outlet_send(s->outlet, block_take(bytes));
}

static PgTurn turn_run(PgSession *s)
{
    Err e;
    Batch *b = NULL;
    if (!pgw_rows_write(&s->rows, &s->out, PG_ROWS_BYTES))
        return TURN_AGAIN;
    err_clear(&e);
    switch (portal_run(s->portal, s->max_rows, &b, &e)) {
    case RUN_BATCH:
        take_batch(s, b);
        return TURN_AGAIN;
    case RUN_BYTES:
        take_bytes(s, portal_bytes(s->portal));
        return TURN_AGAIN;
    case RUN_COPY_IN:
        copy_in_begins(s);
        return TURN_AGAIN;
    case RUN_SUSPENDED:
        pgb_send_news(s);
        pgw_simple(&s->out, 's');
        close_run(s);
        s->mode = PG_IDLE;
        return TURN_AGAIN;
    case RUN_DONE:
        run_ended(s);
        return TURN_AGAIN;
    case RUN_WAIT:
        return TURN_WAIT;
    case RUN_YIELD:
        return TURN_YIELD;
    case RUN_FAIL:
        break;
    }
    pgb_fail(s, &e);
    return TURN_AGAIN;
}

static void copy_failed(PgSession *s, const char *why, Slice reason)
{
    char text[ERR_MESSAGE_MAX];
    snprintf(text, sizeof text, "%s%.*s", why, (int)(reason.len < 300 ? reason.len : 300),
             reason.ptr ? reason.ptr : "");
    portal_copy_fail(s->portal, slice_cstr(text));
    s->copy_done = true;
    s->mode = PG_RUN; /* which answers 57014 */
}

static PgTurn turn_copy_in(PgSession *s)
{
    PgMessage m;
    Err e;
    if (!s->ending && portal_copy_full(s->portal))
        return TURN_WAIT;
    if (!pgb_next_message(s, &m))
        return s->ending ? TURN_AGAIN : TURN_WAIT;
    err_clear(&e);
    switch (m.type) {
    case 'd':
        if (!portal_copy_data(s->portal, m.body, &e))
            pgb_fail(s, &e);
        break;
    case 'c':
        s->copy_done = true;
        s->mode = PG_RUN;
        if (!portal_copy_end(s->portal, &e))
            pgb_fail(s, &e);
        break;
    case 'f': {
        Slice reason;
        if (!pgw_read_text(m.body, &reason, &e))
            reason = SLICE_NONE;
        copy_failed(s, "", reason);
        break;
    }
    case 'H':
    case 'S':
        break; /* allowed and without meaning here */
    case 'X':
        s->ending = true;
        break;
    default:
        err_set(&e, ERR_PROTOCOL_VIOLATION, "unexpected message type 0x%02X during COPY from stdin",
                (unsigned char)m.type);
        pgb_fail(s, &e);
        break;
    }
    return TURN_AGAIN;
}

static PgTurn turn_simple(PgSession *s)
{
    Portal *p = NULL;
    Err e;
    err_clear(&e);
    switch (session_simple_next(s->session, &p, &e)) {
    case NEXT_PORTAL:
        s->portal_count++;
        pgb_run_portal(s, p, 0, true);
        break;
    case NEXT_END:
        if (s->portal_count == 0)
            pgw_simple(&s->out, 'I');
        s->mode = PG_SYNC;
        break;
    case NEXT_FAIL:
        pgb_fail(s, &e);
        break;
    }
    return TURN_AGAIN;
}

static PgTurn turn_sync(PgSession *s)
{
    Err e;
    err_clear(&e);
    RunStatus st = session_sync(s->session, &e);
    if (st == RUN_WAIT || st == RUN_YIELD)
        return st == RUN_WAIT ? TURN_WAIT : TURN_YIELD;
    pgb_send_news(s);
    if (st == RUN_FAIL) {
        pgw_error(&s->out, 'E', "ERROR", &e);
        session_failed(s->session);
    }
    send_notifications(s);
    pgb_send_parameters(s);
    pgw_ready(&s->out, session_txn_status(s->session));
    flush(s);
    s->mode = PG_IDLE;
    s->simple = false;
    arena_free(&s->arena); /* an idle session keeps little */
    return TURN_AGAIN;
}

/* ---- messages ---- */
static void query(PgSession *s, Slice body)
{
    Slice sql;
    Err e;
    err_clear(&e);
    s->simple = true;
    s->portal_count = 0;
    s->mode = PG_SIMPLE;
    if (!pgw_read_text(body, &sql, &e) || !session_simple_begin(s->session, sql, &e))
        pgb_fail(s, &e);
}

static void function_call(PgSession *s)
{
    Err e;
    err_clear(&e);
    err_set(&e, ERR_FEATURE_NOT_SUPPORTED, "function call messages are not supported");
    err_hint(&e, "use SELECT function(...)");
    s->simple = true; /* it is answered by ReadyForQuery of its own */
    pgb_fail(s, &e);
}

static void unexpected_password(PgSession *s)
{
    Err e;
    err_clear(&e);
    err_set(&e, ERR_PROTOCOL_VIOLATION, "invalid frontend message type %d", 'p');
    pgb_fatal(s, &e);
}

static void pgb_message(PgSession *s, const PgMessage *m)
{
    arena_reset(&s->arena);
    if (s->skip_to_sync && m->type != 'S' && m->type != 'X')
        return;
    switch (m->type) {
    case 'Q':
        query(s, m->body);
        break;
    case 'P':
        pgb_parse(s, m->body);
        break;
    case 'B':
        pgb_bind(s, m->body);
        break;
    case 'D':
        pgb_describe(s, m->body);
        break;
    case 'E':
        pgb_execute(s, m->body);
        break;
    case 'C':
        pgb_close(s, m->body);
        break;
    case 'S':
        s->skip_to_sync = false;
        s->mode = PG_SYNC;
        break;
    case 'H':
        flush(s);
        break;
    case 'F':
        function_call(s);
        break;
    case 'X':
        s->ending = true;
        break;
    case 'c':
    case 'd':
    case 'f':
        break; /* what a client sent before it learned that its COPY had failed */
    case 'p':
        unexpected_password(s);
        break;
    default:
        must(!"the framer lets no other message through");
    }
}

/* Nothing to do: until a message comes, or the time to be idle is over. */
static PgTurn wait_idle(PgSession *s)
{
    Err e;
    if (s->ending)
        return TURN_AGAIN;
    send_notifications(s);
    int64_t ms = session_idle_ms(s->session, &e);
    if (ms <= 0)
        return TURN_WAIT;
    const Clock *clock = db_clock(atomic_load(&s->server->db));
    int64_t now_ns = clock->mono_ns(clock);
    if (s->idle_since_ns == 0)
        s->idle_since_ns = now_ns;
    int64_t end_ns = s->idle_since_ns + ms * NS_PER_MS;
    if (now_ns >= end_ns) {
        pgb_fatal(s, &e);
        return TURN_AGAIN;
    }
    task_wake_at(&s->task, end_ns);
    return TURN_WAIT;
}

static PgTurn turn_idle(PgSession *s)
{
    PgMessage m;
    if (!pgb_next_message(s, &m))
        return wait_idle(s);
    s->idle_since_ns = 0;
    pgb_message(s, &m);
    return TURN_AGAIN;
}

static PgTurn turn(PgSession *s)
{
    switch (s->mode) {
    case PG_STARTING:
        pgl_start(s);
        return TURN_AGAIN;
    case PG_LOGIN:
        return pgl_turn(s);
    case PG_IDLE:
        return turn_idle(s);
    case PG_SIMPLE:
        return turn_simple(s);
    case PG_RUN:
        return turn_run(s);
    case PG_COPY_IN:
        return turn_copy_in(s);
    case PG_SYNC:
        return turn_sync(s);
    }
    return TURN_AGAIN;
}

/* ---- the end ---- */

/* What runs is canceled and followed until it has let go (a commit may be on its way). */
static TaskStatus wind_up(PgSession *s)
{
    Err e;
    Batch *b;
    RunStatus st = RUN_DONE;
    if (s->session) {
        if (s->mode == PG_COPY_IN)
            copy_failed(s, "the client has gone", SLICE_NONE);
        if (!s->canceled) { /* once: it wakes this task */
            s->canceled = true;
            db_cancel(atomic_load(&s->server->db), session_pid(s->session),
                      session_secret(s->session));
        }
        if (s->mode == PG_RUN && s->portal)
            st = portal_run(s->portal, s->max_rows, &b, &e);
        else if (s->mode == PG_SYNC)
            st = session_sync(s->session, &e);
    }
    if (st == RUN_WAIT)
        return TASK_WAIT;
    if (st == RUN_YIELD)
        return TASK_MORE;
    close_run(s);
    if (s->session)
        session_free(s->session);
    s->session = NULL;
    outlet_finish(s->outlet);
    outlet_detach(s->outlet);
    return TASK_DONE;
}

static void stop_by_admin(PgSession *s)
{
    Err e;
    err_clear(&e);
    err_set(&e, ERR_ADMIN_SHUTDOWN, "terminating connection due to administrator command");
    pgb_fatal(s, &e);
}

static TaskStatus pgb_step(Task *t)
{
    PgSession *s = (PgSession *)t;
    const Clock *clock = s->server->options.clock;
    int64_t end = clock->mono_ns(clock) + TASK_SLICE_NS;
    for (;;) {
        if (!s->ending &&
            (atomic_load(&s->stopping) || (s->session && session_terminated(s->session))))
            stop_by_admin(s);
        if (!s->ending && s->session && s->mode == PG_IDLE)
            drop_deaf(s);
        if (s->ending || outlet_gone(s->outlet)) {
            flush(s);
            s->ending = true;
            return wind_up(s);
        }
        if (outlet_full(s->outlet))
            return TASK_WAIT;
        PgTurn how = turn(s);
        if (how != TURN_AGAIN || s->out.len >= PG_FLUSH_BYTES)
            flush(s);
        if (how == TURN_WAIT)
            return TASK_WAIT;
        if (how == TURN_YIELD)
            return TASK_MORE;
        if (clock->mono_ns(clock) >= end) {
            flush(s);
            return TASK_MORE;
        }
    }
}
