/* session/txn.c - transactions of a session: states, savepoints, commit, rollback. */
#include "session/advisory.h"
#include "session/session_private.h"

static void tx_forget(Session *s)
{
    Transaction *t = &s->tx;
    snapshot_unref(t->snapshot);
    for (size_t i = 0; i < t->mark_count; i++)
        mem_free(t->marks[i].name);
    mem_free(t->marks);
    *t = (Transaction){.state = TX_IDLE};
    advisory_end_transaction(s);
}

static const char *isolation_name(Slice name)
{
    static const char *const names[] = {"read uncommitted", "read committed", "repeatable read",
                                        "serializable"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_nocase(name, slice_cstr(names[i])))
            return names[i];
    return names[1];
}

static bool is_repeatable(const char *level)
{
    return strcmp(level, "repeatable read") == 0 || strcmp(level, "serializable") == 0;
}

static void start_modes(Session *s)
{
    Transaction *t = &s->tx;
    Slice level;
    Err ignored;
    must(setting_get(s, SLICE_LIT("default_transaction_isolation"), &level, &ignored));
    t->isolation = isolation_name(level);
    t->repeatable = is_repeatable(t->isolation);
    t->read_only = setting_bool(s, "default_transaction_read_only");
    t->deferrable = setting_bool(s, "default_transaction_deferrable");
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
        start_modes(s);
    }
    return true;
}

bool tx_in_block(const Session *s)
{
    return s->tx.state == TX_BLOCK || s->tx.state == TX_FAILED || s->script_count > 1;
}

bool tx_refuse_block(const Session *s, const char *what, Err *e)
{
    return !tx_in_block(s) ||
           err_set(e, ERR_ACTIVE_TXN, "%s cannot run inside a transaction block", what);
}

void tx_chain(Session *s, const Transaction *from)
{
    must(s->tx.state == TX_IDLE);
    s->tx.state = TX_BLOCK;
    s->tx.now_us = s->db->clock->wall_ns(s->db->clock) / NS_PER_US;
    s->tx.isolation = from->isolation;
    s->tx.repeatable = from->repeatable;
    s->tx.read_only = from->read_only;
    s->tx.deferrable = from->deferrable;
}

/* ---- modes ---- */

bool tx_set_isolation(Session *s, Slice name, Err *e)
{
    Transaction *t = &s->tx;
    const char *level = isolation_name(name);
    if (level == t->isolation)
        return true;
    if (t->queried)
        return err_set(e, ERR_ACTIVE_TXN,
                       "SET TRANSACTION ISOLATION LEVEL must be called before any query");
    if (t->mark_count)
        return err_set(e, ERR_ACTIVE_TXN,
                       "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction");
    t->isolation = level;
    t->repeatable = is_repeatable(level);
    return true;
}

bool tx_set_read_only(Session *s, bool on, Err *e)
{
    Transaction *t = &s->tx;
    if (t->read_only && !on && t->mark_count)
        return err_set(e, ERR_ACTIVE_TXN,
                       "cannot set transaction read-write mode inside a read-only transaction");
    if (t->read_only && !on && t->queried)
        return err_set(e, ERR_ACTIVE_TXN,
                       "transaction read-write mode must be set before any query");
    t->read_only = on;
    return true;
}

bool tx_set_deferrable(Session *s, bool on, Err *e)
{
    if (s->tx.mark_count)
        return err_set(e, ERR_ACTIVE_TXN,
                       "SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction");
    if (s->tx.queried)
        return err_set(e, ERR_ACTIVE_TXN,
                       "SET TRANSACTION [NOT] DEFERRABLE must be called before any query");
    s->tx.deferrable = on;
    return true;
}

static bool set_modes(Session *s, const Bound *b, Err *e)
{
    return (!b->u.txn.has_isolation || tx_set_isolation(s, b->u.txn.isolation, e)) &&
           (b->u.txn.read_only < 0 || tx_set_read_only(s, b->u.txn.read_only, e)) &&
           (b->u.txn.deferrable < 0 || tx_set_deferrable(s, b->u.txn.deferrable, e));
}

/* SET SESSION CHARACTERISTICS: the defaults of later transactions. */
static bool set_defaults(Session *s, const Bound *b, Err *e)
{
    static const char *const words[] = {"off", "on"};
    const struct {
        const char *name;
        Slice value;
        bool given;
    } rows[] = {
        {"default_transaction_isolation", b->u.txn.isolation, b->u.txn.has_isolation},
        {"default_transaction_read_only", slice_cstr(words[b->u.txn.read_only > 0]),
         b->u.txn.read_only >= 0},
        {"default_transaction_deferrable", slice_cstr(words[b->u.txn.deferrable > 0]),
         b->u.txn.deferrable >= 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].given &&
            !setting_set(s, slice_cstr(rows[i].name), rows[i].value, false, false, e))
            return false;
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

/* The storage transaction, begun at need. */
Txn *tx_storage(Session *s)
{
    s->tx.queried = true;
    if (!s->tx.txn) {
        s->tx.txn = txn_begin(s->db->engine);
        txn_set_who(s->tx.txn, s->pid);
        if (s->temp) {
            temp_begin(s->temp);
            txn_use_temp(s->tx.txn, s->temp);
        }
        if (s->tx.repeatable) {
            snapshot_unref(base_snapshot(s));
            txn_keep_snapshot(s->tx.txn, s->tx.snapshot);
        }
    }
    return s->tx.txn;
}

Txn *tx_writer(Session *s, Err *e)
{
    if (s->tx.read_only) {
        const char *what = strncmp(s->command, "INSERT", 6) == 0 ? "INSERT"
                           : strcmp(s->command, "COPY") == 0     ? "COPY FROM"
                                                                 : s->command;
        err_set(e, ERR_READ_ONLY_TXN, "cannot execute %s in a read-only transaction", what);
        return NULL;
    }
    if (!engine_deletable(s->db->engine, e)) /* rows: the engine says so itself */
        return NULL;
    return tx_storage(s);
}

Txn *tx_table_writer(Session *s, const TableDef *t, Err *e)
{
    return session_is_temp(s, t) ? tx_storage(s) : tx_writer(s, e);
}

RunStatus tx_lock_table(Portal *p, TableId table, Err *e)
{
    Session *s = p->session;
    const Clock *c = s->db->clock;
    Txn *t = tx_storage(s); /* LOCK TABLE is fine in a transaction that only reads */
    if (p->lock_deadline_ns == 0) {
        int64_t ms = setting_int(s, "lock_timeout");
        p->lock_deadline_ns = ms > 0 ? c->mono_ns(c) + ms * NS_PER_MS : INT64_MAX;
    }
    int64_t deadline = p->lock_deadline_ns == INT64_MAX ? 0 : p->lock_deadline_ns;
    switch (txn_lock_table(t, table, deadline, s->waiter, e)) {
    case LOCK_OK:
        p->lock_deadline_ns = 0;
        atomic_store(&s->wait_event, NULL);
        return RUN_DONE;
    case LOCK_WAIT:
        atomic_store(&s->wait_event, "relation");
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
    atomic_store(&s->wait_event, NULL);
}

Snapshot *tx_snapshot(Session *s)
{
    s->tx.queried = true;
    if (s->temp)
        tx_storage(s);
    if (!s->tx.repeatable || s->tx.txn)
        return engine_snapshot(s->db->engine, s->tx.txn);
    return base_snapshot(s);
}

/* All words but "off" promise the disk. */
static SyncMode sync_mode(Session *s)
{
    Slice v;
    Err ignored;
    must(setting_get(s, SLICE_LIT("synchronous_commit"), &v, &ignored));
    return slice_eq_cstr(v, "off") ? SYNC_OFF : SYNC_ON;
}

RunStatus tx_commit_step(Session *s, Err *e)
{
    Transaction *t = &s->tx;
    if (t->state == TX_FAILED || t->state == TX_IDLE) {
        tx_rollback(s);
        return RUN_DONE;
    }
    if (!t->committing && !temp_before_commit(s, e)) {
        tx_rollback(s);
        return RUN_FAIL;
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
            txn_commit(txn, sync_mode(s), &t->commit);
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
    settings_commit(s);
    tx_forget(s);
    temp_committed(s);
    notify_commit(s);
    return RUN_DONE;
}

void tx_rollback(Session *s)
{
    Transaction *t = &s->tx;
    must(!t->committing);
    if (t->txn)
        txn_rollback(t->txn);
    t->txn = NULL;
    temp_rollback(s->temp);
    notify_rollback(s, 0);
    settings_undo(s, 0);
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
                     .portals = s->portal_number,
                     .notify = notify_mark(s)};
    if (t->txn)
        m->mark = txn_savepoint(t->txn);
    return true;
}

uint64_t tx_first_portal(const Session *s)
{
    const Transaction *t = &s->tx;
    return t->mark_count ? t->marks[t->mark_count - 1].portals + 1 : 0;
}

void tx_undo_settings(Session *s)
{
    const Transaction *t = &s->tx;
    settings_undo(s, t->mark_count ? t->marks[t->mark_count - 1].undo_count : 0);
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
        temp_rollback(s->temp);
    }
    settings_undo(s, m->undo_count);
    notify_rollback(s, m->notify);
    drop_marks(s, (size_t)(m - t->marks) + 1);
    advisory_rollback_to(s, t->mark_count);
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
    advisory_leave_savepoint(s, s->tx.mark_count);
    return true;
}

static bool rollback(Session *s, Portal *p, Err *e)
{
    bool chain = p->bound->u.txn.chain;
    if (chain && !need_block(s, "ROLLBACK AND CHAIN", e))
        return false;
    if (s->tx.state == TX_IMPLICIT || s->tx.state == TX_IDLE)
        session_notice(s, "WARNING", ERR_NO_ACTIVE_TXN, "there is no transaction in progress");
    Transaction was = s->tx;
    portals_close_all(s, true, p);
    tx_rollback(s);
    if (chain)
        tx_chain(s, &was);
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
        return set_modes(s, b, e);
    case TXN_SET_MODES:
        if (b->u.txn.session)
            return set_defaults(s, b, e);
        if (!tx_in_block(s))
            session_notice(s, "WARNING", ERR_NO_ACTIVE_TXN,
                           "SET TRANSACTION can only be used in transaction blocks");
        return set_modes(s, b, e);
    case TXN_SAVEPOINT:
        return savepoint_set(s, b->u.txn.name, e);
    case TXN_RELEASE:
        return savepoint_release(s, b->u.txn.name, e);
    case TXN_ROLLBACK_TO:
        return savepoint_rollback(s, b->u.txn.name, p, e);
    case TXN_ROLLBACK:
        return rollback(s, p, e);
    case TXN_COMMIT:
        break;
    }
    must(b->u.txn.kind != TXN_COMMIT); /* utility.c commits step by step */
    return false;
}
