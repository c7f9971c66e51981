/* WITH queries: run once and lazily, read by many; recursive ones through a working table.
 * Their rows go to files when memory is short. */
#include "exec/op_private.h"
#include "exec/seen_private.h"

/* ---- a reference ---- */

typedef struct OpCteRef {
    Op op;
    CteState *cte;       /* or */
    const RowFile *work; /* the working table of the recursion that is running, or rows that were
                            given to the query */
    uint64_t row;
    Batch batch;
} OpCteRef;

static CteState *cte_find(Exec *x, uint32_t id)
{
    for (size_t i = 0; i < x->query->plan.cte_count; i++)
        if (x->ctes[i].def->id == id)
            return &x->ctes[i];
    return NULL;
}

static bool cte_ref_open(Op *op, Err *e)
{
    OpCteRef *r = (OpCteRef *)op;
    uint32_t id = ((const PlanCteRef *)op->plan)->cte;
    for (WorkTable *w = op->x->work; w && !r->work; w = w->outer)
        if (w->cte == id)
            r->work = w->rows;
    const Query *q = op->x->query;
    for (size_t i = 0; i < q->given_count && !r->work; i++)
        if (q->given[i].cte == id)
            r->work = q->given[i].rows;
    if (r->work)
        return true;
    r->cte = cte_find(op->x, id);
    if (!r->cte)
        return err_set(e, ERR_INTERNAL, "plan refers to WITH query %u, which it does not have", id);
    return true;
}

/* Pulls one more batch of the WITH query into its rows. */
static QueryStatus cte_pull(Exec *x, CteState *c, Err *e)
{
    if (c->done)
        return QUERY_END;
    if (!c->started) {
        c->started = true;
        c->rows = rowfile_new_query(x->query, c->def->plan->types, c->def->plan->col_count);
    }
    WorkTable *work = x->work; /* it is not inside the recursion that happens to ask */
    x->work = NULL;
    Batch *b;
    QueryStatus st = QUERY_FAIL;
    if (c->op || op_open(&c->op, x, c->def->plan, e))
        st = op_next(c->op, &b, e);
    x->work = work;
    if (st == QUERY_BATCH && !rowfile_add(c->rows, b, e))
        return QUERY_FAIL;
    if (st == QUERY_END) {
        c->done = true;
        op_close(c->op);
        c->op = NULL;
    }
    return st;
}

static QueryStatus cte_ref_next(Op *op, Batch **out, Err *e)
{
    OpCteRef *r = (OpCteRef *)op;
    while (r->cte && !(r->cte->started && r->row < rowfile_rows(r->cte->rows))) {
        QueryStatus st = cte_pull(op->x, r->cte, e);
        if (st != QUERY_BATCH)
            return st;
    }
    arena_reset(&op->scratch);
    if (!rowfile_view(r->work ? r->work : r->cte->rows, r->row, &r->batch, &op->scratch, e))
        return QUERY_FAIL;
    if (batch_count(&r->batch) == 0)
        return QUERY_END;
    r->row += batch_count(&r->batch);
    if (r->cte &&
        !r->cte->done) /* another reference may pull more, and rows in memory go to the file */
        batch_own(&r->batch, &op->scratch);
    if (op->stats)
        op->stats->spilled = rowfile_spilled(r->work ? r->work : r->cte->rows);
    *out = &r->batch;
    return QUERY_BATCH;
}

const OpDef op_cte_ref = {"CTE Scan", sizeof(OpCteRef), cte_ref_open, cte_ref_next, NULL};

/* ---- WITH RECURSIVE ---- */

typedef struct OpRecursive {
    Op op;            /* child: the start; right: the step, opened anew for each round */
    SeenRows *seen;   /* UNION without ALL; else NULL */
    RowFile *work[2]; /* read by the step; filled for the next round */
    int now;
    bool started, ended; /* the first round; the input of this one */
    uint64_t spilled;    /* by working tables of old */
    Batch batch;
} OpRecursive;

static bool recursive_open(Op *op, Err *e)
{
    OpRecursive *r = (OpRecursive *)op;
    if (((const PlanRecursive *)op->plan)->distinct)
        r->seen = seen_new(op->x, op->plan->types, op->plan->col_count);
    for (int i = 0; i < 2; i++)
        r->work[i] = rowfile_new_query(op->x->query, op->plan->types, op->plan->col_count);
    return op_open_child(op, e);
}

/* The rows of `in` are those of this round, less those that were there before. */
static bool recursive_keep(OpRecursive *r, Batch *in, Err *e)
{
    Op *op = &r->op;
    arena_reset(&op->scratch);
    r->batch = *in;
    return (!r->seen || seen_add(r->seen, in, &r->batch, &op->scratch, e)) &&
           rowfile_add(r->work[!r->now], &r->batch, e);
}

/* New rows of the round for which it was not clear before its end. */
static QueryStatus recursive_rest(OpRecursive *r, Err *e)
{
    QueryStatus st = r->seen ? seen_rest(r->seen, &r->batch, &r->op.scratch, e) : QUERY_END;
    if (st == QUERY_BATCH && !rowfile_add(r->work[!r->now], &r->batch, e))
        return QUERY_FAIL;
    return st;
}

static void recursive_count(OpRecursive *r)
{
    OpStats *st = r->op.stats;
    if (!st)
        return;
    st->spilled = r->spilled + (r->seen ? seen_spilled(r->seen) : 0);
    int64_t bytes = r->seen ? (int64_t)seen_bytes(r->seen) : 0;
    st->bytes_max = bytes > st->bytes_max ? bytes : st->bytes_max;
}

static QueryStatus recursive_step(OpRecursive *r, Batch **in, Err *e)
{
    Op *op = &r->op;
    WorkTable work = {((const PlanRecursive *)op->plan)->cte, r->work[r->now], op->x->work};
    QueryStatus st = QUERY_FAIL;
    op->x->work = &work;
    if (op->right || op_open(&op->right, op->x, op->plan->right, e))
        st = op_next(op->right, in, e);
    op->x->work = work.outer;
    return st;
}

static QueryStatus recursive_next(Op *op, Batch **out, Err *e)
{
    OpRecursive *r = (OpRecursive *)op;
    for (;;) {
        Batch *in;
        QueryStatus st = r->ended     ? QUERY_END
                         : r->started ? recursive_step(r, &in, e)
                                      : op_next(op->child, &in, e);
        if (st == QUERY_BATCH && !recursive_keep(r, in, e))
            return QUERY_FAIL;
        r->ended = st == QUERY_END;
        if (r->ended)
            st = recursive_rest(r, e);
        *out = &r->batch;
        if (st != QUERY_END)
            return st;
        /* A round is over: what it made is the working table of the next. */
        r->ended = false;
        recursive_count(r);
        op_close(op->right);
        op->right = NULL;
        r->started = true;
        r->now = !r->now;
        r->spilled += rowfile_spilled(r->work[!r->now]);
        rowfile_clear(r->work[!r->now]);
        if (rowfile_rows(r->work[r->now]) == 0)
            return QUERY_END;
    }
}

static void recursive_close(Op *op)
{
    OpRecursive *r = (OpRecursive *)op;
    seen_free(r->seen);
    rowfile_free(r->work[0]);
    rowfile_free(r->work[1]);
}

const OpDef op_recursive = {"Recursive Union", sizeof(OpRecursive), recursive_open, recursive_next,
                            recursive_close};
