/* session/modify.c - UPDATE and DELETE.
 *
 * Both take the table's write lock and then read: what others committed before is seen.  A DELETE
 * that only tags and times decide is one tombstone; any other statement runs its source and writes,
 * for each row, a marker that hides it or a newer row over it.  A row whose tags or time change is
 * hidden under its old key, and after all of these the new rows come: one may take the place of another. */
#include "exec/tiers.h"
#include "session/session_private.h"
#include <stdio.h>

static bool is_update(const BoundModify *m)
{
    return m->target_count > 0;
}

static void start(Portal *p)
{
    const BoundModify *m = &p->bound->u.modify;
    p->changer = row_writer_new(p->session, m->table, m->targets, m->moves ? 0 : m->target_count);
    row_writer_keep(p->changer, m->kept, m->moves ? 0 : m->kept_count);
    if (m->moves) {
        p->writer = row_writer_new(p->session, m->table, m->targets, m->target_count);
        row_writer_keep(p->writer, m->kept, m->kept_count);
        row_writer_leave(p->writer, m->old, m->old_count);
        if (insert_checks_keys(m->table))
            row_writer_check_keys(p->writer, KEYS_FREE, 0);
    }
    if (m->returns)
        rows_begin(p, m->returning, m->returning_count);
}

static bool modify_row(Portal *p, const Value *row, Err *e)
{
    const BoundModify *m = &p->bound->u.modify;
    const Value *values = row + ROW_ID_COLUMNS;
    RowAddress at = {(SeriesId)row[ROW_SERIES].u.i64, row[ROW_TIME].u.i64, row[ROW_NUMBER].u.i64};
    if (!parts_change(p, &at))
        return true;
    if (is_update(m) && !m->moves) {
        if (!row_writer_update(p->changer, &at, values, e))
            return false;
    } else {
        row_writer_delete(p->changer, &at);
    }
    if (m->moves && !row_writer_move(p->writer, &at, values, e))
        return false;
    p->changed++;
    return !m->returns || rows_add(p, values + m->target_count + m->kept_count + m->old_count, e);
}

static bool modify_batch(Portal *p, const Batch *b, Err *e)
{
    Value *row = ARENA_ARRAY(&p->arena, Value, b->col_count + 1);
    for (size_t i = 0; i < batch_count(b); i++) {
        size_t r = batch_row(b, i);
        for (size_t c = 0; c < b->col_count; c++)
            row[c] = vec_get(&b->cols[c], r);
        if (!modify_row(p, row, e))
            return false;
    }
    return budget_check(&p->session->db->query_pool, e);
}

/* ---- rows ---- */

/* With a key to keep, the old rows of a batch are gone before the new ones are looked at, which know the
 * keys of those that follow them. */
static bool settle_keys(Portal *p, Txn *txn, Err *e)
{
    return !p->writer || !insert_checks_keys(p->bound->u.modify.table) ||
           (row_writer_flush(p->changer, txn, e) && row_writer_drain(p->writer, true, e) &&
            row_writer_flush(p->writer, txn, e));
}

/* WHERE CURRENT OF: the address joins the parameters. */
static bool bind_cursor(Portal *p, Err *e)
{
    const BoundModify *m = &p->bound->u.modify;
    if (!m->cursor.ptr)
        return true;
    Value *params = ARENA_ARRAY(&p->arena, Value, p->param_count + ROW_ID_COLUMNS);
    for (size_t i = 0; i < p->param_count; i++)
        params[i] = p->params[i];
    if (!cursor_address(p->session, m->cursor, m->table, params + p->param_count, e))
        return false;
    p->params = params;
    p->param_count += ROW_ID_COLUMNS;
    return true;
}

/* Rows that the condition may name are gone: what tiers keep of them stays as it is. */
static bool tell_of_tiers(Portal *p, Err *e)
{
    const BoundModify *m = &p->bound->u.modify;
    const Plan *root = m->source.plan.root;
    int64_t t_min = INT64_MIN, t_max = INT64_MAX, seam;
    bool none = false, hides = false;
    TierList l;
    if (!tiers_of(m->table, &l))
        return true;
    while (root->kind == PLAN_PROJECT || root->kind == PLAN_FILTER)
        root = root->child;
    if (root->kind == PLAN_SCAN) {
        SeriesSet *set;
        if (!query_scan_range(p->query, (const PlanScan *)root, &set, &t_min, &t_max, &none, e))
            return false;
        set_unref(set);
    }
    Snapshot *snap = tx_snapshot(p->session);
    bool ok = none || tier_hides(snap, m->table->id, t_min, t_max, &hides, &seam, e);
    snapshot_unref(snap);
    if (ok && hides)
        session_notice(
            p->session, "WARNING", ERR_WARNING,
            "rows of table \"%.*s\" that are gone are not %s, and what its tiers keep of "
            "them stays as it is",
            SLICE_ARG(m->table->name), is_update(m) ? "updated" : "deleted");
    return ok;
}

static RunStatus modify_rows(Portal *p, Txn *txn, Err *e)
{
    RunStatus st;
    Batch *b;
    if (!p->changer)
        start(p);
    if (!p->query && (!bind_cursor(p, e) || !portal_open_query(p, &p->bound->u.modify.source, e)))
        return RUN_FAIL;
    if (tx_full(p->session))
        return RUN_WAIT;
    while ((st = portal_next_batch(p, &b, e)) == RUN_BATCH) {
        if (!modify_batch(p, b, e) || !settle_keys(p, txn, e) ||
            (row_writer_full(p->changer) && !row_writer_flush(p->changer, txn, e)))
            return RUN_FAIL;
        /* A row that moves may take the place of one that is still to go: new rows come last. */
        if (p->writer && row_writer_full(p->writer) && !row_writer_hold(p->writer, e))
            return RUN_FAIL;
        if (tx_full(p->session))
            return RUN_WAIT;
    }
    if (st != RUN_DONE)
        return st;
    bool ok = tell_of_tiers(p, e);
    portal_close_query(p);
    ok = ok && row_writer_flush(p->changer, txn, e) &&
         (!p->writer || row_writer_flush(p->writer, txn, e));
    return ok ? RUN_DONE : RUN_FAIL;
}

/* ---- a range: counted first, then one tombstone ---- */

static RunStatus delete_range(Portal *p, Txn *txn, Err *e)
{
    const BoundModify *m = &p->bound->u.modify;
    RunStatus st;
    Batch *b;
    if (!p->query && !portal_open_query(p, &m->count, e))
        return RUN_FAIL;
    while ((st = portal_next_batch(p, &b, e)) == RUN_BATCH)
        for (size_t i = 0; i < batch_count(b); i++)
            p->changed = (uint64_t)vec_get(&b->cols[0], batch_row(b, i)).u.i64;
    if (st != RUN_DONE)
        return st;
    DeleteSpec d = {.table = m->table->id};
    bool none;
    if (!query_scan_range(p->query, (const PlanScan *)m->source.plan.root, &d.series, &d.t_min,
                          &d.t_max, &none, e))
        return RUN_FAIL;
    bool ok = (none || p->changed == 0 || txn_delete(txn, &d, e)) && tell_of_tiers(p, e);
    set_unref(d.series);
    portal_close_query(p);
    return ok ? RUN_DONE : RUN_FAIL;
}

/* ---- the statement ---- */

RunStatus modify_run(Portal *p, int64_t max_rows, Batch **out, Err *e)
{
    const BoundModify *m = &p->bound->u.modify;
    if (!p->collected) {
        RunStatus st = RUN_DONE;
        Txn *txn = tx_table_writer(p->session, m->table, e);
        if (!txn)
            return RUN_FAIL;
        if (p->phase == 0) {
            st = tx_lock_table(p, m->table->id, e);
            p->phase = st == RUN_DONE;
        }
        if (st == RUN_DONE)
            st = m->is_range ? delete_range(p, txn, e) : modify_rows(p, txn, e);
        if (st != RUN_DONE)
            return st;
        portal_tag_rows(p, p->changed);
        p->collected = true;
    }
    return m->returns ? rows_send(p, max_rows, out, e) : RUN_DONE;
}
