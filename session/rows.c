/* session/rows.c - the rows of a portal in order: those that its query gives, and those that were kept.
 *
 * `pos` counts the rows before the next one and the last one handed out: 0 is before the first row,
 * taken + 1 (once `ended`) behind the last.  Kept are the rows of RETURNING, of statements whose rows
 * C code makes (SHOW, EXPLAIN ...), and of cursors that scroll or outlive their transaction. */
#include "session/session_private.h"

enum { KEPT_MEMORY = 4 << 20 };

static void keep(Portal *p)
{
    size_t n = p->col_count + p->addressed * ROW_ID_COLUMNS;
    TypeId *types = ARENA_ARRAY(&p->arena, TypeId, n + 1);
    for (size_t i = 0; i < n; i++)
        types[i] = i < p->col_count ? p->cols[i].type : T_INT8;
    p->kept =
        rowfile_new(types, n, &p->session->db->query_pool, db_spill(p->session->db), KEPT_MEMORY);
}

void rows_begin(Portal *p, const OutColumn *cols, size_t n)
{
    p->cols = cols;
    p->col_count = n;
    p->ended = true;
    keep(p);
}

void rows_keep(Portal *p)
{
    keep(p);
    p->kept_from = p->taken;
}

bool rows_add(Portal *p, const Value *row, Err *e)
{
    p->taken++;
    return rowfile_add_row(p->kept, row, e);
}

bool rows_add_text(Portal *p, Slice line, Err *e)
{
    Value v = value_str(line);
    return rows_add(p, &v, e);
}

/* ---- walking ---- */

/* The rows of the view go out; a cursor remembers the address of the last one (WHERE CURRENT OF). */
static void hand_out(Portal *p)
{
    Batch *b = &p->view;
    size_t n = p->addressed * ROW_ID_COLUMNS, r = batch_row(b, batch_count(b) - 1);
    for (size_t i = 0; i < n; i++)
        p->address[i] = vec_get(&b->cols[p->col_count + i], r);
    b->col_count -= n;
}

/* At most `max` rows of what is left of the query's batch. */
static void cut_batch(Portal *p, size_t max)
{
    Batch *b = p->batch;
    size_t left = batch_count(b) - p->batch_pos, n = left < max ? left : max;
    p->view = *b;
    if (p->batch_pos > 0 || n < left) {
        if (!p->view_sel)
            p->view_sel = ARENA_ARRAY(&p->arena, uint16_t, BATCH_ROWS);
        for (size_t i = 0; i < n; i++)
            p->view_sel[i] = (uint16_t)batch_row(b, p->batch_pos + i);
        p->view.sel = p->view_sel;
        p->view.sel_count = n;
    }
    p->batch_pos += n;
    if (p->batch_pos == batch_count(b))
        p->batch = NULL;
}

/* [limits] max_result_rows: of a query whose rows go to a client. */
bool rows_within_limit(const Portal *p, Err *e)
{
    int64_t most = p->session->db->options.max_result_rows;
    if (most == 0 || p->taken <= (uint64_t)most)
        return true;
    err_set(e, ERR_LIMIT_EXCEEDED, "result has more than %lld rows, the most that are allowed",
            (long long)most);
    return err_hint(e, "Use LIMIT, or raise limits.max_result_rows.");
}

static RunStatus next_of_query(Portal *p, size_t max, Err *e)
{
    if (!p->query && !portal_open_query(p, p->source ? p->source : &p->bound->u.query, e))
        return RUN_FAIL;
    while (!p->batch) {
        Batch *b;
        RunStatus st = portal_next_batch(p, &b, e);
        if (st == RUN_DONE) {
            p->ended = true;
            portal_end_query(p);
        }
        if (st != RUN_BATCH)
            return st;
        p->batch = batch_count(b) > 0 ? b : NULL;
        p->batch_pos = 0;
    }
    cut_batch(p, max);
    p->taken += batch_count(&p->view);
    if (!rows_within_limit(p, e))
        return RUN_FAIL;
    if (p->kept && !rowfile_add(p->kept, &p->view, e))
        return RUN_FAIL;
    return RUN_BATCH;
}

RunStatus rows_forward(Portal *p, uint64_t max, Batch **out, Err *e)
{
    RunStatus st = RUN_BATCH;
    size_t n = max < BATCH_ROWS ? (size_t)max : BATCH_ROWS;
    if (p->pos < p->taken) {
        if (!rowfile_read(p->kept, p->pos - p->kept_from, n, false, &p->view, e))
            return RUN_FAIL;
    } else if (p->ended) {
        st = RUN_DONE;
    } else {
        st = next_of_query(p, n, e);
    }
    if (st == RUN_DONE)
        p->pos = p->taken + 1;
    if (st == RUN_BATCH) {
        p->pos += batch_count(&p->view);
        hand_out(p);
    }
    *out = &p->view;
    return st;
}

RunStatus rows_backward(Portal *p, uint64_t max, Batch **out, Err *e)
{
    if (p->pos <= 1) {
        p->pos = 0;
        return RUN_DONE;
    }
    size_t n = max < BATCH_ROWS ? (size_t)max : BATCH_ROWS;
    if (!rowfile_read(p->kept, p->pos - 2, n, true, &p->view, e))
        return RUN_FAIL;
    p->pos -= batch_count(&p->view);
    hand_out(p);
    *out = &p->view;
    return RUN_BATCH;
}

RunStatus rows_send_all(Portal *p, Batch **out, const char *tag, Err *e)
{
    RunStatus st = rows_send(p, p->max_rows, out, e);
    return st == RUN_DONE ? portal_set_tag(p, tag) : st;
}

RunStatus rows_send(Portal *p, int64_t max_rows, Batch **out, Err *e)
{
    if (!p->sending)
        p->sent = 0;
    p->sending = true;
    uint64_t left = max_rows > 0 ? (uint64_t)max_rows - p->sent : UINT64_MAX;
    RunStatus st = left == 0 ? RUN_SUSPENDED : rows_forward(p, left, out, e);
    if (st == RUN_BATCH)
        p->sent += batch_count(*out);
    if (st == RUN_DONE)
        portal_tag_rows(p, p->sent);
    if (st != RUN_BATCH && st != RUN_WAIT && st != RUN_YIELD)
        p->sending = false;
    return st;
}
