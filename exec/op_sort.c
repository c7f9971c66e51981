/* ORDER BY, with the best N rows only when a limit is known. */
#include "exec/op_private.h"

typedef struct OpSort {
    Op op;
    Sorter *sorter;
    Vector *keys;
    Batch batch;
    bool loaded;
} OpSort;

static bool sort_limit(Op *op, const Expr *x, int64_t *limit, Err *e)
{
    *limit = -1;
    if (!x)
        return true;
    Value v;
    if (!expr_value(op_ctx(op), x, &v, e))
        return false;
    if (!v.null && v.u.i64 >= 0)
        *limit = v.u.i64;
    return true;
}

static bool sort_open(Op *op, Err *e)
{
    OpSort *s = (OpSort *)op;
    const PlanSort *plan = (const PlanSort *)op->plan;
    size_t n = plan->key_count;
    TypeId *types = ARENA_ARRAY(&op->arena, TypeId, n + 1);
    bool *desc = ARENA_ARRAY(&op->arena, bool, n + 1);
    bool *nulls_first = ARENA_ARRAY(&op->arena, bool, n + 1);
    uint32_t *cols = ARENA_ARRAY(&op->arena, uint32_t, n + 1);
    for (size_t k = 0; k < n; k++) {
        const Expr *x = plan->keys[k].expr;
        types[k] = x->type;
        desc[k] = plan->keys[k].desc;
        nulls_first[k] = plan->keys[k].nulls_first;
        bool column = x->kind == EXPR_COLUMN && x->index < plan->p.col_count &&
                      plan->p.types[x->index] == x->type;
        cols[k] = column ? x->index : ROW_NONE;
    }
    SorterSpec spec = {.types = plan->p.types,
                       .col_count = plan->p.col_count,
                       .key_types = types,
                       .desc = desc,
                       .nulls_first = nulls_first,
                       .key_count = n,
                       .query = op->x->query,
                       .key_cols = cols};
    if (!sort_limit(op, plan->limit, &spec.limit, e))
        return false;
    s->sorter = sorter_new(&spec);
    s->keys = ARENA_ARRAY(&op->arena, Vector, n + 1);
    return op_open_child(op, e);
}

/* Sorts and writes out what has piled up, a piece at a time. */
static QueryStatus sort_settle(OpSort *s, bool last, Err *e)
{
    QueryStatus st;
    while ((st = sorter_settle(s->sorter, last, e)) == QUERY_YIELD)
        if ((st = exec_tick(s->op.x, e)) != QUERY_BATCH)
            break;
    return st;
}

static QueryStatus sort_load(OpSort *s, Err *e)
{
    Op *op = &s->op;
    const PlanSort *plan = (const PlanSort *)op->plan;
    Batch *in;
    QueryStatus st;
    for (;;) {
        if ((st = sort_settle(s, false, e)) != QUERY_BATCH)
            return st;
        if ((st = op_next(op->child, &in, e)) != QUERY_BATCH)
            return st;
        arena_reset(&op->scratch);
        EvalCtx *ctx = op_ctx(op);
        for (size_t k = 0; k < plan->key_count; k++)
            if (!expr_eval(ctx, plan->keys[k].expr, in, &s->keys[k], e))
                return QUERY_FAIL;
        sorter_add(s->sorter, in, s->keys);
        if (op->stats && (int64_t)sorter_bytes(s->sorter) > op->stats->bytes_max)
            op->stats->bytes_max = (int64_t)sorter_bytes(s->sorter);
    }
}

static QueryStatus sort_next(Op *op, Batch **out, Err *e)
{
    OpSort *s = (OpSort *)op;
    QueryStatus st;
    if (!s->loaded) {
        if ((st = sort_load(s, e)) != QUERY_END)
            return st;
        s->loaded = true;
        op_close(op->child);
        op->child = NULL;
    }
    if ((st = sort_settle(s, true, e)) != QUERY_BATCH)
        return st;
    size_t rows;
    arena_reset(&op->scratch);
    if (!sorter_next(s->sorter, &s->batch, &rows, &op->scratch, e))
        return QUERY_FAIL;
    if (op->stats)
        op->stats->spilled = sorter_spilled(s->sorter);
    *out = &s->batch;
    return rows ? QUERY_BATCH : QUERY_END;
}

static void sort_close(Op *op)
{
    sorter_free(((OpSort *)op)->sorter);
}

const OpDef op_sort = {"Sort", sizeof(OpSort), sort_open, sort_next, sort_close};
