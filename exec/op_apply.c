/* Subqueries that are run for each left row: its values become exec params, then the right plan runs.
 * Without parameters the right side runs once and its rows are kept. */
#include "exec/array.h"
#include "exec/op_private.h"

typedef struct OpApply {
    Op op;
    const PlanApply *plan;
    Batch *left;
    Vector *params; /* over the left batch */
    size_t at;      /* selected left row */
    bool in_row;    /* the right side of this row has begun */
    Batch in;       /* left columns, as handed on */
    Vector guard;   /* over the left batch: which rows ask at all */
    Vector result;  /* one value a left row */
    RowFile *once;  /* uncorrelated: the right side's rows */
    bool loaded;
    uint64_t once_at;
    /* of the current left row */
    size_t seen;
    bool any_null, settled, value;
    Value *items; /* APPLY_ARRAY */
    size_t item_count, item_cap;
    Arena row_arena, left_arena, once_arena;
    Batch test, out;
} OpApply;

static bool lateral(const OpApply *a)
{
    return a->plan->mode == APPLY_LATERAL || a->plan->mode == APPLY_LATERAL_LEFT;
}

static bool apply_open(Op *op, Err *e)
{
    OpApply *a = (OpApply *)op;
    Budget *budget = &op->x->query->budget;
    a->plan = (const PlanApply *)op->plan;
    arena_init(&a->row_arena, budget);
    arena_init(&a->left_arena, budget);
    arena_init(&a->once_arena, budget);
    a->once = rowfile_new_query(op->x->query, op->plan->right->types, op->plan->right->col_count);
    a->params = ARENA_ARRAY(&op->arena, Vector, a->plan->param_count + 1);
    return op_open_child(op, e);
}

static QueryStatus apply_fetch(OpApply *a, Err *e)
{
    Op *op = &a->op;
    QueryStatus st = op_next(op->child, &a->left, e);
    if (st != QUERY_BATCH)
        return st;
    arena_reset(&a->left_arena);
    op->x->ctx.scratch = &a->left_arena;
    for (size_t i = 0; i < a->plan->param_count; i++)
        if (!expr_eval(&op->x->ctx, a->plan->param_value[i], a->left, &a->params[i], e))
            return QUERY_FAIL;
    if (a->plan->guard && !expr_eval(&op->x->ctx, a->plan->guard, a->left, &a->guard, e))
        return QUERY_FAIL;
    a->at = 0;
    if (!lateral(a))
        vec_init_flat(&a->result, op->plan->types[op->plan->col_count - 1], a->left->rows,
                      &a->left_arena);
    return QUERY_BATCH;
}

/* ---- the right side of one left row ---- */

static bool right_begin(OpApply *a, Err *e)
{
    Op *op = &a->op;
    size_t row = batch_row(a->left, a->at);
    arena_reset(&a->row_arena);
    a->seen = a->item_count = a->once_at = 0;
    a->items = NULL;
    a->item_cap = 0;
    a->any_null = a->settled = false;
    a->value = a->plan->mode == APPLY_ALL;
    a->in_row = true;
    for (size_t i = 0; i < a->plan->param_count; i++)
        op->x->ctx.exec_params[a->plan->param[i]] = vec_get(&a->params[i], row);
    if (a->plan->param_count == 0 && a->loaded)
        return true;
    return op_open(&op->right, op->x, op->plan->right, e);
}

static void right_end(OpApply *a)
{
    op_close(a->op.right);
    a->op.right = NULL;
    a->in_row = false;
}

/* The next batch of the right side: from the plan, or from what it gave the first time. */
static QueryStatus right_next(OpApply *a, Batch **out, Err *e)
{
    QueryStatus st;
    if (a->plan->param_count > 0)
        return op_next(a->op.right, out, e);
    while (!a->loaded) {
        if ((st = op_next(a->op.right, out, e)) == QUERY_END)
            a->loaded = true;
        else if (st != QUERY_BATCH)
            return st;
        else if (!rowfile_add(a->once, *out, e))
            return QUERY_FAIL;
    }
    arena_reset(&a->once_arena);
    if (!rowfile_view(a->once, a->once_at, &a->test, &a->once_arena, e))
        return QUERY_FAIL;
    a->once_at += batch_count(&a->test);
    *out = &a->test;
    return batch_count(&a->test) ? QUERY_BATCH : QUERY_END;
}

/* left row x right rows as one batch, the left columns constant. */
static void beside(OpApply *a, const Batch *right, Batch *out, Arena *arena)
{
    size_t left_cols = a->op.plan->child->col_count;
    size_t row = batch_row(a->left, a->at);
    *out = *batch_new(arena, left_cols + right->col_count);
    for (size_t c = 0; c < left_cols; c++)
        vec_row_const(&out->cols[c], &a->left->cols[c], row, arena);
    memcpy(out->cols + left_cols, right->cols, right->col_count * sizeof(Vector));
    out->rows = right->rows;
    out->sel = right->sel;
    out->sel_count = right->sel_count;
}

static bool test_rows(OpApply *a, const Batch *right, Err *e)
{
    Batch pairs;
    Vector v;
    bool all = a->plan->mode == APPLY_ALL;
    arena_reset(&a->op.scratch);
    beside(a, right, &pairs, &a->op.scratch);
    if (!expr_eval(op_ctx(&a->op), a->plan->test, &pairs, &v, e))
        return false;
    for (size_t i = 0; i < batch_count(&pairs); i++) {
        size_t row = batch_row(&pairs, i);
        if (vec_is_null(&v, row)) {
            a->any_null = true;
        } else if ((v.v.b[vec_slot(&v, row)] != 0) != all) {
            a->value = !all;
            a->settled = true;
        }
    }
    return true;
}

static void collect_items(OpApply *a, const Batch *right)
{
    for (size_t i = 0; i < batch_count(right); i++) {
        if (a->item_count == a->item_cap) {
            size_t cap = a->item_cap ? a->item_cap * 2 : 16;
            Value *items = ARENA_ARRAY(&a->row_arena, Value, cap);
            if (a->item_count)
                memcpy(items, a->items, a->item_count * sizeof *items);
            a->items = items;
            a->item_cap = cap;
        }
        Value v = vec_get(&right->cols[0], batch_row(right, i));
        a->items[a->item_count++] = value_copy(&a->left_arena, &v);
    }
}

/* Takes one batch of the right side into the value of the left row. */
static bool take_right(OpApply *a, const Batch *right, Err *e)
{
    size_t n = batch_count(right);
    switch (a->plan->mode) {
    case APPLY_SCALAR:
        if (a->seen + n > 1)
            return err_set(e, ERR_CARDINALITY,
                           "more than one row returned by a subquery used as an expression");
        collect_items(a, right);
        break;
    case APPLY_EXISTS:
        a->settled = a->value = n > 0;
        break;
    case APPLY_IN:
    case APPLY_ALL:
        if (!test_rows(a, right, e))
            return false;
        break;
    case APPLY_ARRAY:
        collect_items(a, right);
        break;
    default:
        break;
    }
    a->seen += n;
    return true;
}

static bool array_value(OpApply *a, Value *out, Err *e)
{
    TypeId elem = type_elem_of(a->result.type);
    if (a->op.plan->right->types[0] == a->result.type)
        return array_nest(&a->left_arena, elem, a->items, a->item_count, true, out, e);
    Value *items = ARENA_ARRAY(&a->left_arena, Value, a->item_count + 1);
    if (a->item_count)
        memcpy(items, a->items, a->item_count * sizeof *items);
    *out = value_array(array_new(&a->left_arena, elem, items, a->item_count));
    return true;
}

static bool set_result(OpApply *a, Err *e)
{
    Value v = value_null();
    switch (a->plan->mode) {
    case APPLY_SCALAR:
        if (a->item_count)
            v = a->items[0];
        break;
    case APPLY_EXISTS:
        v = value_bool(a->value);
        break;
    case APPLY_IN:
    case APPLY_ALL:
        if (a->settled || !a->any_null)
            v = value_bool(a->value);
        break;
    default:
        if (!array_value(a, &v, e))
            return false;
    }
    vec_set(&a->result, batch_row(a->left, a->at), &v, a->left->rows, &a->left_arena);
    return true;
}

/* ---- one value for each left row ---- */

static bool asks(const OpApply *a)
{
    size_t row = batch_row(a->left, a->at);
    return !vec_is_null(&a->guard, row) && a->guard.v.b[vec_slot(&a->guard, row)];
}

static QueryStatus apply_values(OpApply *a, Batch **out, Err *e)
{
    for (; a->at < batch_count(a->left); a->at++) {
        if (a->plan->guard && !asks(a)) {
            Value none = value_null();
            vec_set(&a->result, batch_row(a->left, a->at), &none, a->left->rows, &a->left_arena);
            continue;
        }
        if (!a->in_row && !right_begin(a, e))
            return QUERY_FAIL;
        QueryStatus st = QUERY_END;
        Batch *right;
        while (!a->settled && (st = right_next(a, &right, e)) == QUERY_BATCH)
            if (!take_right(a, right, e))
                return QUERY_FAIL;
        if (!a->settled && st != QUERY_END)
            return st;
        if (!set_result(a, e))
            return QUERY_FAIL;
        right_end(a);
    }
    size_t left_cols = a->op.plan->child->col_count;
    a->out = *batch_new(&a->left_arena, left_cols + 1);
    memcpy(a->out.cols, a->left->cols, left_cols * sizeof(Vector));
    a->out.cols[left_cols] = a->result;
    a->out.rows = a->left->rows;
    a->out.sel = a->left->sel;
    a->out.sel_count = a->left->sel_count;
    *out = &a->out;
    return QUERY_BATCH;
}

/* ---- LATERAL: rows for each left row ---- */

static QueryStatus apply_rows(OpApply *a, Batch **out, Err *e)
{
    for (; a->at < batch_count(a->left); a->at++) {
        if (!a->in_row && !right_begin(a, e))
            return QUERY_FAIL;
        Batch *right;
        QueryStatus st = right_next(a, &right, e);
        if (st == QUERY_BATCH) {
            a->seen += batch_count(right);
            arena_reset(&a->op.scratch);
            beside(a, right, &a->out, &a->op.scratch);
            *out = &a->out;
            return QUERY_BATCH;
        }
        if (st != QUERY_END)
            return st;
        right_end(a);
        if (a->plan->mode != APPLY_LATERAL_LEFT || a->seen > 0)
            continue;
        arena_reset(&a->op.scratch);
        const Plan *plan = a->op.plan->right;
        Batch *nulls = batch_new(&a->op.scratch, plan->col_count);
        nulls->rows = 1;
        for (size_t c = 0; c < plan->col_count; c++)
            vec_null_const(&nulls->cols[c], plan->types[c]);
        beside(a, nulls, &a->out, &a->op.scratch);
        a->at++;
        *out = &a->out;
        return QUERY_BATCH;
    }
    a->left = NULL;
    return QUERY_END;
}

static QueryStatus apply_next(Op *op, Batch **out, Err *e)
{
    OpApply *a = (OpApply *)op;
    for (;;) {
        if (!a->left) {
            QueryStatus st = apply_fetch(a, e);
            if (st != QUERY_BATCH) {
                a->left = NULL;
                return st;
            }
        }
        if (!lateral(a)) {
            QueryStatus st = apply_values(a, out, e);
            if (st == QUERY_BATCH)
                a->left = NULL;
            return st;
        }
        QueryStatus st = apply_rows(a, out, e);
        if (st != QUERY_END)
            return st;
    }
}

static void apply_close(Op *op)
{
    OpApply *a = (OpApply *)op;
    rowfile_free(a->once);
    arena_free(&a->once_arena);
    arena_free(&a->row_arena);
    arena_free(&a->left_arena);
}

const OpDef op_apply = {"Nested Loop", sizeof(OpApply), apply_open, apply_next, apply_close};
