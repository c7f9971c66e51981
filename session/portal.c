/* session/portal.c - a statement that runs: queries, and the simple protocol's walk. */
#include "session/advisory.h"
#include "session/session_private.h"
#include <stdio.h>

Portal *portal_new(Session *s, Slice name, Prepared *take_prepared)
{
    Portal *p = MEM_NEW(Portal);
    p->session = s;
    p->number = ++s->portal_number;
    p->created_us = s->stmt_now_us;
    arena_init(&p->arena, &s->db->query_pool);
    p->name = name.ptr ? mem_strdup(name) : NULL;
    p->prepared = take_prepared;
    p->bound = take_prepared->bound;
    take_prepared->runs++;
    if (!bound_columns(p->bound, &p->cols, &p->col_count))
        p->cols = utility_columns(s, p->bound, &p->arena, &p->col_count);
    int64_t timeout_ms = setting_int(s, "statement_timeout");
    if (timeout_ms > 0)
        p->deadline_ns = s->db->clock->mono_ns(s->db->clock) + timeout_ms * NS_PER_MS;
    return p;
}

Portal *portal_within(Portal *p, Bound *b)
{
    p->prepared->refs++;
    Portal *in = portal_new(p->session, SLICE_NONE, p->prepared);
    in->bound = b;
    if (!bound_columns(b, &in->cols, &in->col_count))
        in->cols = NULL;
    in->params = p->params;
    in->param_count = p->param_count;
    return in;
}

static void set_running(Session *s, Query *q)
{
    if (s->running == q)
        return;
    mutex_lock(&s->db->mutex);
    s->running = q;
    mutex_unlock(&s->db->mutex);
}

void portal_end_query(Portal *p)
{
    if (p->query) {
        set_running(p->session, NULL);
        if (p->analyze && !p->analyzed)
            p->analyzed = p->query;
        else
            query_close(p->query);
    }
    p->query = NULL;
    p->batch = NULL;
    if (p->cursor)
        return;
    snapshot_unref(p->snapshot);
    p->snapshot = NULL;
}

void portal_close_query(Portal *p)
{
    portal_end_query(p);
    snapshot_unref(p->snapshot);
    p->snapshot = NULL;
}

void portal_free(Portal *p)
{
    if (!p)
        return;
    must(!p->ticket_busy || atomic_load(&p->ticket.done));
    if (p->inner && !p->inner->name) /* a named one belongs to the session */
        portal_free(p->inner);
    portal_close_query(p);
    query_close(p->analyzed);
    row_writer_free(p->writer);
    row_writer_free(p->changer);
    rowfile_free(p->kept);
    copy_free(p);
    buf_free(&p->bytes);
    alter_free(p);
    refresh_free(p);
    parts_free(p);
    prepared_unref(p->prepared);
    arena_free(&p->arena);
    mem_free(p->name);
    mem_free(p);
}

/* It went with its transaction; only who ran it still holds it. */
static bool ends_transaction(const Portal *p)
{
    return p->state == PORTAL_DONE && p->bound->kind == BOUND_TXN &&
           (p->bound->u.txn.kind == TXN_COMMIT || p->bound->u.txn.kind == TXN_ROLLBACK);
}

Portal *portal_find(Session *s, Slice name)
{
    for (Portal *p = s->portals; p; p = p->next)
        if (slice_eq_cstr(name, p->name) && !ends_transaction(p))
            return p;
    return NULL;
}

void portal_drop_named(Session *s, Slice name)
{
    for (Portal **pp = &s->portals; *pp; pp = &(*pp)->next) {
        Portal *p = *pp;
        if (!slice_eq_cstr(name, p->name))
            continue;
        *pp = p->next;
        portal_free(p);
        return;
    }
}

void portals_close_all(Session *s, bool keep_held, const Portal *but)
{
    for (Portal **pp = &s->portals; *pp;) {
        Portal *p = *pp;
        if (p == but || (keep_held && p->held) ||
            (p->ticket_busy && !atomic_load(&p->ticket.done))) {
            pp = &p->next;
            continue;
        }
        *pp = p->next;
        portal_free(p);
    }
}

void portals_close_after(Session *s, uint64_t number, const Portal *but)
{
    for (Portal **pp = &s->portals; *pp;) {
        Portal *p = *pp;
        if (p->number <= number || p == but) {
            pp = &p->next;
            continue;
        }
        *pp = p->next;
        portal_free(p);
    }
}

/* Those that the failed part of the transaction made: even a COMMIT bound there does not run. */
void portals_fail(Session *s, uint64_t number)
{
    for (Portal *p = s->portals; p; p = p->next)
        if (p->number >= number && !p->held && p->state != PORTAL_FINISHING &&
            p->bound->kind != BOUND_EMPTY && !ends_transaction(p))
            p->state = PORTAL_FAILED;
}

Portal *session_portal(Session *s, Slice name, Err *e)
{
    Portal *p = portal_find(s, name);
    if (!p)
        err_set(e, ERR_CURSOR_NAME, "portal \"%.*s\" does not exist", SLICE_ARG(name));
    return p;
}

void session_close_portal(Session *s, Slice name)
{
    portal_drop_named(s, name);
}

const OutColumn *portal_columns(const Portal *p, size_t *count)
{
    *count = p->col_count;
    return p->cols;
}

bool portal_returns_rows(const Portal *p)
{
    return p->cols != NULL || p->bound->kind == BOUND_QUERY;
}

int16_t portal_format(const Portal *p, size_t column)
{
    if (p->binary || p->format_count == 0)
        return p->binary;
    return p->formats[p->format_count == 1 ? 0 : column < p->format_count ? column : 0];
}

const char *portal_tag(const Portal *p)
{
    return p->tag;
}

void portal_tag_rows(Portal *p, uint64_t rows)
{
    snprintf(p->tag, sizeof p->tag, "%s %llu", p->bound->tag, (unsigned long long)rows);
}

RunStatus portal_set_tag(Portal *p, const char *tag)
{
    snprintf(p->tag, sizeof p->tag, "%s", tag);
    return RUN_DONE;
}

/* ---- queries ---- */

/* A session may ask for less than [limits] gives, not for more. */
static int64_t query_memory(Session *s)
{
    int64_t most = s->db->options.query_memory, wanted = setting_int(s, "skulk.query_memory");
    if (most == 0)
        most = s->db->query_pool.limit / QUERY_POOL_SHARE;
    return wanted > 0 && wanted < most ? wanted : most;
}

bool portal_open_query(Portal *p, const BoundQuery *q, Err *e)
{
    Session *s = p->session;
    EvalCtx eval;
    session_eval_ctx(s, &eval);
    eval.params = p->params;
    eval.param_count = p->param_count;
    if (!p->snapshot)
        p->snapshot = tx_snapshot(s);
    QueryOptions o = {
        .snapshot = p->snapshot,
        .eval = &eval,
        .budget = &s->db->query_pool,
        .memory_max = query_memory(s),
        .scan_bytes_max = setting_int(s, "skulk.max_bytes"),
        .sched = s->db->sched,
        .waiter = s->waiter,
        .group = session_group(s),
        .spill = db_spill(s->db),
        .analyze = p->analyze,
        .form = p->form,
        .deadline_ns = p->deadline_ns,
    };
    o.given = parts_given(p, &o.given_count);
    p->source = q;
    return query_open(&p->query, &q->plan, &o, e);
}

static bool past_deadline(Portal *p)
{
    const Clock *c = p->session->db->clock;
    return p->deadline_ns && c->mono_ns(c) >= p->deadline_ns;
}

bool portal_check(Portal *p, Err *e)
{
    if (past_deadline(p))
        return err_set(e, ERR_CANCELED, "canceling statement due to statement timeout");
    return session_check_cancel(p->session, e);
}

static RunStatus run_status(Portal *p, QueryStatus st)
{
    switch (st) {
    case QUERY_BATCH:
        return RUN_BATCH;
    case QUERY_END:
        return RUN_DONE;
    case QUERY_WAIT:
        if (p->deadline_ns)
            task_wake_at(p->session->waiter, p->deadline_ns);
        return RUN_WAIT;
    case QUERY_YIELD:
        return RUN_YIELD;
    case QUERY_FAIL:
        break;
    }
    return RUN_FAIL;
}

RunStatus portal_next_batch(Portal *p, Batch **out, Err *e)
{
    set_running(p->session, p->query); /* several portals may be open */
    return run_status(p, query_next(p->query, out, e));
}

RunStatus portal_next_bytes(Portal *p, Buf *out, uint64_t *rows, Err *e)
{
    set_running(p->session, p->query);
    return run_status(p, query_bytes(p->query, out, rows, e));
}

/* ---- all kinds ---- */

/* p->phase counts the tables. */
RunStatus portal_lock_rows(Portal *p, const BoundQuery *q, bool *skip, Err *e)
{
    *skip = false;
    while ((size_t)p->phase < q->lock_count) {
        const TableDef *t = q->locked[p->phase];
        if (q->lock != ROWS_LOCK_WAIT)
            p->lock_deadline_ns = 1; /* the time to wait is over */
        RunStatus st = tx_lock_table(p, t->id, e);
        p->lock_deadline_ns = q->lock != ROWS_LOCK_WAIT ? 0 : p->lock_deadline_ns;
        *skip = st == RUN_FAIL && e->code == ERR_LOCK_NOT_AVAILABLE && q->lock == ROWS_LOCK_SKIP;
        if (*skip)
            return RUN_DONE;
        if (st == RUN_FAIL && e->code == ERR_LOCK_NOT_AVAILABLE && q->lock == ROWS_LOCK_NOWAIT)
            err_set(e, ERR_LOCK_NOT_AVAILABLE, "could not obtain lock on row in relation \"%.*s\"",
                    SLICE_ARG(t->name));
        if (st != RUN_DONE)
            return st;
        p->phase++;
    }
    return RUN_DONE;
}

static RunStatus run_query(Portal *p, int64_t max_rows, Batch **out, Err *e)
{
    bool skip = false;
    RunStatus st = portal_lock_rows(p, &p->bound->u.query, &skip, e);
    if (st != RUN_DONE)
        return st;
    if (skip)
        return portal_set_tag(p, "SELECT 0");
    if (stream_wanted(p, max_rows) && !stream_begin(p, &p->bound->u.query, e))
        return RUN_FAIL;
    bool streams = p->query && query_writes(p->query);
    return streams ? stream_run(p, e) : rows_send(p, max_rows, out, e);
}

static RunStatus run_kind(Portal *p, int64_t max_rows, Batch **out, Err *e)
{
    RunStatus st = p->bound->part_count ? parts_run(p, e) : RUN_DONE;
    if (st != RUN_DONE)
        return st;
    switch (p->bound->kind) {
    case BOUND_QUERY:
        return run_query(p, max_rows, out, e);
    case BOUND_INSERT:
        return insert_run(p, max_rows, out, e);
    case BOUND_MODIFY:
        return modify_run(p, max_rows, out, e);
    case BOUND_COPY_FROM:
        return copy_in_run(p, e);
    case BOUND_COPY_TO:
        return copy_out_run(p, e);
    default:
        return utility_run(p, out, e);
    }
}

/* The last statement of a simple message is acknowledged only after its implicit transaction. */
static RunStatus finish(Portal *p, Err *e)
{
    if (!p->last || p->session->tx.state != TX_IMPLICIT)
        return RUN_DONE;
    RunStatus st = cursors_hold(p->session, e);
    if (st == RUN_DONE)
        st = tx_commit_step(p->session, e);
    if (st == RUN_DONE)
        portals_close_all(p->session, true, p);
    return st;
}

static RunStatus fail(Portal *p)
{
    p->state = PORTAL_FAILED;
    p->locking = false;
    tx_stop_waiting(p->session);
    advisory_stop_waiting(p->session);
    portal_close_query(p);
    return RUN_FAIL;
}

/* An Execute after all rows were sent. */
static bool no_more_rows(Portal *p)
{
    if (p->bound->kind == BOUND_QUERY || p->collected)
        portal_tag_rows(p, 0);
    return portal_returns_rows(p) || p->bound->kind == BOUND_EMPTY;
}

/* What functions of the statement asked to wait for comes true before anything is handed on. */
static RunStatus run_and_lock(Portal *p, int64_t max_rows, Batch **out, Err *e)
{
    if (!p->locking) {
        p->after = run_kind(p, max_rows, out, e);
        if (p->after == RUN_FAIL || p->after == RUN_WAIT || p->after == RUN_YIELD)
            return p->after;
        p->after_batch = *out;
    }
    RunStatus st = advisory_wait(p->session, e);
    p->locking = st == RUN_WAIT;
    if (p->locking && p->deadline_ns)
        task_wake_at(p->session->waiter, p->deadline_ns);
    *out = p->after_batch;
    return st == RUN_DONE ? p->after : st;
}

RunStatus portal_run(Portal *p, int64_t max_rows, Batch **out, Err *e)
{
    if (p->state == PORTAL_DONE) {
        if (no_more_rows(p))
            return RUN_DONE;
    }
    if (p->state == PORTAL_FAILED || p->state == PORTAL_DONE) {
        err_set(e, ERR_OBJECT_STATE, "portal \"%s\" cannot be run", p->name ? p->name : "");
        return RUN_FAIL;
    }
    if (p->state == PORTAL_NEW)
        p->state = PORTAL_RUNNING;
    p->max_rows = max_rows;
    if (p->state == PORTAL_RUNNING) {
        p->session->command = p->bound->tag;
        if (!portal_check(p, e))
            return fail(p);
        RunStatus st = run_and_lock(p, max_rows, out, e);
        if (st == RUN_FAIL)
            return fail(p);
        if (st != RUN_WAIT && st != RUN_YIELD && st != RUN_BATCH && st != RUN_BYTES)
            set_running(p->session, NULL); /* between statements a cancel has no aim */
        if (st != RUN_DONE)
            return st;
        p->state = PORTAL_FINISHING;
    }
    RunStatus st = finish(p, e);
    if (st == RUN_DONE)
        p->state = PORTAL_DONE;
    return st == RUN_FAIL ? fail(p) : st;
}

/* ---- simple protocol ---- */

/* CREATE ROLE ... PASSWORD 'x': no text for views. */
static bool names_password(Slice sql)
{
    const Slice word = SLICE_LIT("password");
    for (size_t i = 0; i + word.len <= sql.len; i++)
        if ((sql.ptr[i] | 32) == 'p' && slice_eq_nocase(slice_of(sql.ptr + i, word.len), word))
            return true;
    return false;
}

bool session_simple_begin(Session *s, Slice sql, Err *e)
{
    arena_reset(&s->script_arena);
    s->script_count = s->script_next = 0;
    prepared_forget(s, SLICE_LIT(""));
    portal_drop_named(s, SLICE_LIT(""));
    Slice text = arena_slice(&s->script_arena, sql);
    if (!sql_parse(&s->script_arena, text, &s->script, &s->script_count, e))
        return false;
    Slice shown = slice_of(sql.ptr, sql.len < QUERY_TEXT_MAX ? sql.len : QUERY_TEXT_MAX);
    if (names_password(shown))
        shown = SLICE_LIT("<a statement with a password>");
    mutex_lock(&s->db->mutex); /* pg_stat_activity of others shows it */
    mem_free(s->query_text);
    s->query_text = mem_strdup(shown);
    s->query_started_us = s->db->clock->wall_ns(s->db->clock) / NS_PER_US;
    s->cancel = false;
    mutex_unlock(&s->db->mutex);
    return true;
}

/* Positions of errors count from the start of the whole message. */
static void shift_position(Session *s, const SqlStatement *st, Err *e)
{
    if (e->position > 0)
        e->position +=
            err_position(slice_of(s->script[0].text.ptr - s->script[0].offset, st->offset),
                         st->offset) -
            1;
}

NextStatus session_simple_next(Session *s, Portal **out, Err *e)
{
    portal_drop_named(s, SLICE_LIT(""));
    if (s->script_next == s->script_count)
        return NEXT_END;
    const SqlStatement *st = &s->script[s->script_next++];
    if (s->tx.state == TX_FAILED && !sql_is_txn_end(st)) {
        err_set(e, ERR_IN_FAILED_TXN,
                "current transaction is aborted, commands ignored until end of transaction block");
        return NEXT_FAIL;
    }
    if (s->tx.state != TX_FAILED && !tx_begin_statement(s, e))
        return NEXT_FAIL;
    Prepared *p = prepared_new(s, SLICE_NONE, st, NULL, 0, e);
    if (!p) {
        shift_position(s, st, e);
        return NEXT_FAIL;
    }
    Portal *po = portal_new(s, slice_of("", 0), p);
    po->last = s->script_next == s->script_count;
    Portal *c = p->bound->kind == BOUND_FETCH ? portal_find(s, p->bound->u.fetch.name) : NULL;
    po->binary = c && c->binary;
    po->next = s->portals;
    s->portals = po;
    *out = po;
    return NEXT_PORTAL;
}
