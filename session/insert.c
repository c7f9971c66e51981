/* session/insert.c - INSERT: rows of a query into a table, ON CONFLICT, RETURNING.
 *
 * Where keys are looked at the table's write lock is taken first and the query sees what was
 * committed before.  RETURNING collects its rows: they are sent once the statement is done, as
 * PostgreSQL does. */
#include "session/session_private.h"
#include <stdio.h>

bool insert_checks_keys(const TableDef *t)
{
    return t->duplicates == DUP_ERROR;
}

bool insert_takes_lock(const BoundInsert *ins)
{
    return ins->on_conflict != CONFLICT_NONE || insert_checks_keys(ins->table);
}

/* Columns of the source behind the rows to insert: sqlts.h, CONFLICT_UPDATE. */
static size_t stored_column(const BoundInsert *ins)
{
    return ins->target_count;
}
static size_t where_column(const BoundInsert *ins)
{
    return stored_column(ins) + ROW_ID_COLUMNS;
}

/* ---- RETURNING: over the columns of the table ---- */

typedef struct Returned {
    Batch *rows; /* a column for each of the table, dropped ones included; NULL: no RETURNING */
    Arena arena;
} Returned;

static void returned_begin(Portal *p, Returned *r)
{
    const BoundInsert *ins = &p->bound->u.insert;
    *r = (Returned){0};
    if (!ins->returning_count)
        return;
    arena_init(&r->arena, &p->session->db->query_pool);
    r->rows = ARENA_NEW(&r->arena, Batch);
    r->rows->cols = ARENA_ARRAY(&r->arena, Vector, ins->table->column_count);
    r->rows->col_count = ins->table->column_count;
    for (size_t c = 0; c < ins->table->column_count; c++) {
        Vector *v = &r->rows->cols[c];
        vec_init_flat(v, ins->table->columns[c].type_oid, BATCH_ROWS, &r->arena);
        memset(v->v.any, 0, BATCH_ROWS * phys_size(v->phys)); /* defined below NULLs too */
    }
}

static void returned_set(Returned *r, size_t column, Value v)
{
    vec_set(&r->rows->cols[column], r->rows->rows, &v, BATCH_ROWS, &r->arena);
}

static void returned_inserted(Returned *r, const BoundInsert *ins, const Value *row)
{
    if (!r->rows)
        return;
    for (size_t c = 0; c < ins->table->column_count; c++)
        returned_set(r, c, value_null());
    for (size_t i = 0; i < ins->target_count; i++)
        returned_set(r, (size_t)ins->targets[i], row[i]);
    r->rows->rows++;
}

static void returned_updated(Returned *r, const BoundInsert *ins, const Value *row)
{
    size_t set = where_column(ins) + 1, stored = set + ins->set_count;
    if (!r->rows)
        return;
    for (size_t c = 0; c < ins->table->column_count; c++)
        returned_set(r, c, ins->table->columns[c].dropped ? value_null() : row[stored++]);
    for (size_t i = 0; i < ins->set_count; i++)
        returned_set(r, (size_t)ins->set[i], row[set + i]);
    r->rows->rows++;
}

static bool returned_end(Portal *p, Returned *r, Err *e)
{
    const BoundInsert *ins = &p->bound->u.insert;
    EvalCtx ctx;
    bool ok = true;
    if (!r->rows)
        return true;
    session_eval_ctx(p->session, &ctx);
    ctx.arena = ctx.scratch = &r->arena;
    ctx.params = p->params;
    ctx.param_count = p->param_count;
    Vector *out = ARENA_ARRAY(&r->arena, Vector, ins->returning_count + 1);
    Value *row = ARENA_ARRAY(&r->arena, Value, ins->returning_count + 1);
    for (size_t i = 0; ok && r->rows->rows && i < ins->returning_count; i++)
        ok = expr_eval(&ctx, ins->returning[i], r->rows, &out[i], e);
    for (size_t k = 0; ok && k < r->rows->rows; k++) {
        for (size_t i = 0; i < ins->returning_count; i++)
            row[i] = vec_get(&out[i], k);
        ok = rows_add(p, row, e);
    }
    arena_free(&r->arena);
    return ok && budget_check(&p->session->db->query_pool, e);
}

/* ---- rows ---- */

static void read_row(const Batch *b, size_t i, Value *row)
{
    size_t r = batch_row(b, i);
    for (size_t c = 0; c < b->col_count; c++)
        row[c] = vec_get(&b->cols[c], r);
}

static bool insert_plain(Portal *p, const Batch *b, Returned *ret, Err *e)
{
    const BoundInsert *ins = &p->bound->u.insert;
    Value *row = ARENA_ARRAY(&p->arena, Value, b->col_count + 1);
    for (size_t i = 0; i < batch_count(b); i++) {
        read_row(b, i, row);
        if (!row_writer_add(p->writer, row, e))
            return false;
    }
    if (!row_writer_drain(p->writer, false, e))
        return false;
    for (size_t i = 0; i < batch_count(b); i++) {
        if (!row_writer_took(p->writer, i))
            continue;
        p->changed++;
        if (ret->rows) {
            read_row(b, i, row);
            returned_inserted(ret, ins, row);
        }
    }
    return true;
}

/* Rows whose key is there are updated, the others inserted; each key once. */
static bool insert_or_update(Portal *p, const Batch *b, Returned *ret, Err *e)
{
    const BoundInsert *ins = &p->bound->u.insert;
    size_t at = stored_column(ins), where = where_column(ins);
    Value *row = ARENA_ARRAY(&p->arena, Value, b->col_count + 1);
    for (size_t i = 0; i < batch_count(b); i++) {
        read_row(b, i, row);
        bool there = !row[at + ROW_SERIES].null;
        if (there && !row_writer_allows(p->writer, row, e))
            return false; /* PostgreSQL, too, looks at the proposed row before its key */
        if (there && (row[where].null || !row[where].u.b))
            continue;
        RowAddress a = {(SeriesId)row[at + ROW_SERIES].u.i64, row[at + ROW_TIME].u.i64,
                        row[at + ROW_NUMBER].u.i64};
        if (there && !parts_change(p, &a))
            return err_set(e, ERR_CARDINALITY,
                           "ON CONFLICT DO UPDATE command cannot affect row a "
                           "second time");
        if (there ? !row_writer_once(p->writer, row, e) ||
                        !row_writer_update(p->changer, &a, &row[where + 1], e)
                  : !row_writer_add(p->writer, row, e))
            return false;
        p->changed++;
        if (there)
            returned_updated(ret, ins, row);
        else
            returned_inserted(ret, ins, row);
    }
    return row_writer_drain(p->writer, false, e);
}

static bool insert_batch(Portal *p, const Batch *b, Err *e)
{
    Returned ret;
    returned_begin(p, &ret);
    bool ok = p->bound->u.insert.on_conflict == CONFLICT_UPDATE ? insert_or_update(p, b, &ret, e)
                                                                : insert_plain(p, b, &ret, e);
    if (ok)
        return returned_end(p, &ret, e);
    if (ret.rows)
        arena_free(&ret.arena);
    return false;
}

static bool flush(Portal *p, Txn *txn, bool last, Err *e)
{
    return (!last || row_writer_drain(p->writer, true, e)) && row_writer_flush(p->writer, txn, e) &&
           (!p->changer || row_writer_flush(p->changer, txn, e));
}

static void start(Portal *p)
{
    const BoundInsert *ins = &p->bound->u.insert;
    p->writer = row_writer_new(p->session, ins->table, ins->targets, ins->target_count);
    switch (ins->on_conflict) {
    case CONFLICT_NONE:
        if (insert_checks_keys(ins->table))
            row_writer_check_keys(p->writer, KEYS_FREE, 0);
        break;
    case CONFLICT_NOTHING:
        row_writer_check_keys(p->writer, KEYS_SKIP, ins->arbiter);
        break;
    case CONFLICT_UPDATE:
        p->changer = row_writer_new(p->session, ins->table, ins->set, ins->set_count);
        row_writer_keep(p->changer, ins->stored, ins->stored_count);
        row_writer_check_keys(p->writer, KEYS_ONCE, ins->arbiter);
        break;
    case CONFLICT_REPLACE:
        row_writer_check_keys(p->writer, KEYS_ONCE, ins->arbiter);
        break;
    }
    if (ins->returning_count)
        rows_begin(p, ins->returning_cols, ins->returning_count);
}

static RunStatus insert_rows(Portal *p, Err *e)
{
    const BoundInsert *ins = &p->bound->u.insert;
    RunStatus st;
    Txn *txn = tx_table_writer(p->session, ins->table, e);
    if (!txn)
        return RUN_FAIL;
    if (!p->writer) {
        if (insert_takes_lock(ins) && (st = tx_lock_table(p, ins->table->id, e)) != RUN_DONE)
            return st;
        start(p);
    }
    if (!p->query && !portal_open_query(p, &ins->source, e))
        return RUN_FAIL;
    Batch *b;
    if (tx_full(p->session))
        return RUN_WAIT;
    while ((st = portal_next_batch(p, &b, e)) == RUN_BATCH) {
        if (!insert_batch(p, b, e) || (row_writer_full(p->writer) && !flush(p, txn, false, e)))
            return RUN_FAIL;
        if (tx_full(p->session))
            return RUN_WAIT;
    }
    if (st != RUN_DONE)
        return st;
    portal_close_query(p);
    return flush(p, txn, true, e) ? RUN_DONE : RUN_FAIL;
}

RunStatus insert_run(Portal *p, int64_t max_rows, Batch **out, Err *e)
{
    if (!p->collected) {
        RunStatus st = insert_rows(p, e);
        if (st != RUN_DONE)
            return st;
        portal_tag_rows(p, p->changed);
        p->collected = true;
    }
    return p->bound->u.insert.returning_count ? rows_send(p, max_rows, out, e) : RUN_DONE;
}
