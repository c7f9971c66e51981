/* session/txn.c - transactions of a session: states, savepoints, commit, rollback. */
#include "session/session_private.h"

static void tx_forget(Session *s)
{
    Transaction *t = &s->tx;
    snapshot_unref(t->snapshot);
    for (size_t i = 0; i < t->mark_count; i++)
        mem_free(t->marks[i].name);
    mem_free(t->marks);
    *t = (Transaction){.state = TX_IDLE};
}

bool tx_begin_statement(Session *s, Err *e)
{
    Transaction *t = &s->tx;
    if (t->state == TX_FAILED)
        return err_set(
            e, ERR_IN_FAILED_TXN,
            "current transaction is aborted, commands ignored until end of transaction block");
    int64_t now = s->db->clock->wall_ns(s->db->clock) / NS_PER_US;
    s->stmt_now_us = now;
    if (t->state == TX_IDLE) {
        t->state = TX_IMPLICIT;
        t->now_us = now;
        Slice iso, ro;
        Err ignored;
        t->repeatable =
            setting_get(s, SLICE_LIT("default_transaction_isolation"), &iso, &ignored) &&
            !slice_eq_cstr(iso, "read committed") && !slice_eq_cstr(iso, "read uncommitted");
        t->read_only = setting_get(s, SLICE_LIT("default_transaction_read_only"), &ro, &ignored) &&
                       slice_eq_cstr(ro, "on");
    }
    return true;
}

/* What a REPEATABLE READ transaction sees, its own writes aside: a reference. */
static Snapshot *base_snapshot(Session *s)
{
    if (!s->tx.snapshot)
        s->tx.snapshot = engine_snapshot(s->db->engine, NULL);
    return snapshot_ref(s->tx.snapshot);
}

bool tx_full(Session *s)
{
    return s->tx.txn && txn_full(s->tx.txn, s->waiter);
}

Txn *tx_writer(Session *s, Err *e)
{
    if (s->tx.read_only) {
        const char *what = strncmp(s->command, "INSERT", 6) == 0 ? "INSERT" : s->command;
        err_set(e, ERR_READ_ONLY_TXN, "cannot execute %s in a read-only transaction", what);
        return NULL;
    }
    if (!engine_deletable(s->db->engine, e)) /* rows: the engine says so itself */
        return NULL;
    if (!s->tx.txn) {
        s->tx.txn = txn_begin(s->db->engine);
        if (s->tx.repeatable) {
            snapshot_unref(base_snapshot(s));
            txn_keep_snapshot(s->tx.txn, s->tx.snapshot);
        }
    }
    return s->tx.txn;
}

RunStatus tx_lock_table(Portal *p, TableId table, Err *e)
{
    Session *s = p->session;
    const Clock *c = s->db->clock;
    Txn *t = tx_writer(s, e);
    if (!t)
        return RUN_FAIL;
    if (p->lock_deadline_ns == 0) {
        int64_t ms = setting_int(s, "lock_timeout");
        p->lock_deadline_ns = ms > 0 ? c->mono_ns(c) + ms * NS_PER_MS : INT64_MAX;
    }
    int64_t deadline = p->lock_deadline_ns == INT64_MAX ? 0 : p->lock_deadline_ns;
    switch (txn_lock_table(t, table, deadline, s->waiter, e)) {
    case LOCK_OK:
        p->lock_deadline_ns = 0;
        return RUN_DONE;
    case LOCK_WAIT:
        if (p->deadline_ns)
            task_wake_at(s->waiter, p->deadline_ns);
        return RUN_WAIT;
    case LOCK_FAIL:
        break;
    }
    return RUN_FAIL;
}

void tx_stop_waiting(Session *s)
{
    if (s->tx.txn)
        txn_lock_cancel(s->tx.txn);
}

Snapshot *tx_snapshot(Session *s)
{
    if (!s->tx.repeatable || s->tx.txn)
        return engine_snapshot(s->db->engine, s->tx.txn);
    return base_snapshot(s);
}

RunStatus tx_commit_step(Session *s, Err *e)
{
    Transaction *t = &s->tx;
    if (t->state == TX_FAILED || t->state == TX_IDLE) {
        tx_rollback(s);
        return RUN_DONE;
    }
    if (!t->committing && (!t->txn || !txn_has_writes(t->txn))) {
        if (t->txn)
            txn_rollback(t->txn);
        t->txn = NULL;
    } else {
        if (!t->committing) {
            t->committing = true;
            t->commit = (Ticket){.waiter = s->waiter};
            Txn *txn = t->txn;
            t->txn = NULL;
            txn_commit(txn, setting_bool(s, "synchronous_commit") ? SYNC_ON : SYNC_OFF, &t->commit);
        }
        if (!atomic_load_explicit(&t->commit.done, memory_order_acquire))
            return RUN_WAIT;
        t->committing = false;
        if (!t->commit.ok) {
            *e = t->commit.err;
            tx_rollback(s);
            return RUN_FAIL;
        }
    }
    settings_undo(s, 0, true);
    tx_forget(s);
    return RUN_DONE;
}

void tx_rollback(Session *s)
{
    Transaction *t = &s->tx;
    must(!t->committing);
    if (t->txn)
        txn_rollback(t->txn);
    t->txn = NULL;
    settings_undo(s, 0, false);
    tx_forget(s);
}

static NamedMark *find_mark(Session *s, Slice name)
{
    for (size_t i = s->tx.mark_count; i > 0; i--)
        if (slice_eq_cstr(name, s->tx.marks[i - 1].name))
            return &s->tx.marks[i - 1];
    return NULL;
}

static void drop_marks(Session *s, size_t from)
{
    for (size_t i = from; i < s->tx.mark_count; i++)
        mem_free(s->tx.marks[i].name);
    s->tx.mark_count = from;
}

static bool need_block(Session *s, const char *what, Err *e)
{
    if (s->tx.state == TX_BLOCK || s->tx.state == TX_FAILED)
        return true;
    return err_set(e, ERR_NO_ACTIVE_TXN, "%s can only be used in transaction blocks", what);
}

static bool savepoint_set(Session *s, Slice name, Err *e)
{
    Transaction *t = &s->tx;
    if (!need_block(s, "SAVEPOINT", e))
        return false;
    if (t->mark_count == SAVEPOINTS_MAX)
        return err_set(e, ERR_LIMIT_EXCEEDED, "more than %d savepoints in a transaction",
                       SAVEPOINTS_MAX);
    t->marks = mem_realloc(t->marks, (t->mark_count + 1) * sizeof *t->marks);
    NamedMark *m = &t->marks[t->mark_count++];
    *m = (NamedMark){.name = mem_strdup(name),
                     .undo_count = s->undo_count,
                     .has_txn = t->txn != NULL,
                     .portals = s->portal_number};
    if (t->txn)
        m->mark = txn_savepoint(t->txn);
    return true;
}

static bool savepoint_rollback(Session *s, Slice name, const Portal *running, Err *e)
{
    Transaction *t = &s->tx;
    if (!need_block(s, "ROLLBACK TO SAVEPOINT", e))
        return false;
    NamedMark *m = find_mark(s, name);
    if (!m)
        return err_set(e, ERR_SAVEPOINT, "savepoint \"%.*s\" does not exist", SLICE_ARG(name));
    portals_close_after(s, m->portals, running); /* they may read rows that go now */
    if (t->txn && m->has_txn) {
        txn_rollback_to(t->txn, m->mark);
    } else if (t->txn) {
        txn_rollback(t->txn);
        t->txn = NULL;
    }
    settings_undo(s, m->undo_count, false);
    drop_marks(s, (size_t)(m - t->marks) + 1);
    t->state = TX_BLOCK;
    return true;
}

static bool savepoint_release(Session *s, Slice name, Err *e)
{
    if (!need_block(s, "RELEASE SAVEPOINT", e))
        return false;
    NamedMark *m = find_mark(s, name);
    if (!m)
        return err_set(e, ERR_SAVEPOINT, "savepoint \"%.*s\" does not exist", SLICE_ARG(name));
    drop_marks(s, (size_t)(m - s->tx.marks));
    return true;
}

static bool set_modes(Session *s, Slice isolation, bool has_isolation, int read_only, Err *e)
{
    if (has_isolation && s->tx.snapshot)
        return err_set(e, ERR_ACTIVE_TXN,
                       "SET TRANSACTION ISOLATION LEVEL must be called before any query");
    if (has_isolation)
        s->tx.repeatable = !slice_eq_nocase(isolation, SLICE_LIT("read committed")) &&
                           !slice_eq_nocase(isolation, SLICE_LIT("read uncommitted"));
    if (read_only >= 0)
        s->tx.read_only = read_only;
    return true;
}

bool tx_control(Session *s, Portal *p, Err *e)
{
    const Bound *b = p->bound;
    switch (b->u.txn.kind) {
    case TXN_BEGIN:
        if (s->tx.state == TX_BLOCK)
            session_notice(s, "WARNING", ERR_ACTIVE_TXN,
                           "there is already a transaction in progress");
        s->tx.state = TX_BLOCK;
        return set_modes(s, b->u.txn.isolation, b->u.txn.has_isolation, b->u.txn.read_only, e);
    case TXN_SET_MODES:
        return set_modes(s, b->u.txn.isolation, b->u.txn.has_isolation, b->u.txn.read_only, e);
    case TXN_SAVEPOINT:
        return savepoint_set(s, b->u.txn.name, e);
    case TXN_RELEASE:
        return savepoint_release(s, b->u.txn.name, e);
    case TXN_ROLLBACK_TO:
        return savepoint_rollback(s, b->u.txn.name, p, e);
    case TXN_ROLLBACK:
        if (s->tx.state == TX_IMPLICIT || s->tx.state == TX_IDLE)
            session_notice(s, "WARNING", ERR_NO_ACTIVE_TXN, "there is no transaction in progress");
        portals_close_all(s, true, p);
        tx_rollback(s);
        return true;
    case TXN_COMMIT:
        break;
    }
    must(b->u.txn.kind != TXN_COMMIT); /* utility.c commits step by step */
    return false;
}
