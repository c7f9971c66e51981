/* Operators that pass rows on: values, result, filter, project, limit, append. */
#include "exec/op_private.h"

/* ---- VALUES ---- */

typedef struct OpValues {
    Op op;
    size_t row;
    Batch batch, one; /* one: what constant expressions are evaluated over */
} OpValues;

static bool values_open(Op *op, Err *e)
{
    (void)e;
    OpValues *v = (OpValues *)op;
    v->batch = *batch_new(&op->arena, op->plan->col_count);
    v->one.rows = 1;
    return true;
}

static bool values_cell(OpValues *v, const Expr *x, size_t col, size_t row, size_t rows, Err *e)
{
    Value value;
    if (x->kind == EXPR_CONST) {
        value = x->value;
    } else {
        Vector out;
        if (!expr_eval(op_ctx(&v->op), x, &v->one, &out, e))
            return false;
        value = vec_get(&out, 0);
    }
    vec_set(&v->batch.cols[col], row, &value, rows, &v->op.scratch);
    return true;
}

static QueryStatus values_next(Op *op, Batch **out, Err *e)
{
    OpValues *v = (OpValues *)op;
    const PlanValues *plan = (const PlanValues *)op->plan;
    size_t rows = plan->row_count - v->row < BATCH_ROWS ? plan->row_count - v->row : BATCH_ROWS;
    if (rows == 0)
        return QUERY_END;
    arena_reset(&op->scratch);
    for (size_t c = 0; c < plan->p.col_count; c++)
        vec_init_flat(&v->batch.cols[c], plan->p.types[c], rows, &op->scratch);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < plan->p.col_count; c++)
            if (!values_cell(v, plan->rows[v->row + r][c], c, r, rows, e))
                return QUERY_FAIL;
    v->row += rows;
    v->batch.rows = rows;
    *out = &v->batch;
    return QUERY_BATCH;
}

const OpDef op_values = {"Values Scan", sizeof(OpValues), values_open, values_next, NULL};

/* ---- one row, columns (if any) NULL ---- */

typedef struct OpResult {
    Op op;
    Batch batch;
    bool done;
} OpResult;

static bool result_open(Op *op, Err *e)
{
    (void)e;
    OpResult *r = (OpResult *)op;
    r->batch = *batch_new(&op->arena, op->plan->col_count);
    for (size_t c = 0; c < op->plan->col_count; c++)
        vec_null_const(&r->batch.cols[c], op->plan->types[c]);
    r->batch.rows = 1;
    return true;
}

static QueryStatus result_next(Op *op, Batch **out, Err *e)
{
    (void)e;
    OpResult *r = (OpResult *)op;
    if (r->done)
        return QUERY_END;
    r->done = true;
    *out = &r->batch;
    return QUERY_BATCH;
}

const OpDef op_result = {"Result", sizeof(OpResult), result_open, result_next, NULL};

/* ---- filter ---- */

typedef struct OpFilter {
    Op op;
    Batch batch;
} OpFilter;

static QueryStatus filter_next(Op *op, Batch **out, Err *e)
{
    OpFilter *f = (OpFilter *)op;
    Batch *in;
    QueryStatus st = op_next(op->child, &in, e);
    if (st != QUERY_BATCH)
        return st;
    arena_reset(&op->scratch);
    f->batch = *in;
    if (!expr_filter(op_ctx(op), ((const PlanFilter *)op->plan)->filter, &f->batch, e))
        return QUERY_FAIL;
    if (op->stats)
        op->stats->removed += batch_count(in) - batch_count(&f->batch);
    *out = &f->batch;
    return QUERY_BATCH;
}

const OpDef op_filter = {"Filter", sizeof(OpFilter), op_open_child, filter_next, NULL};

/* ---- project ---- */

typedef struct OpProject {
    Op op;
    Batch batch;
} OpProject;

static bool project_open(Op *op, Err *e)
{
    ((OpProject *)op)->batch = *batch_new(&op->arena, op->plan->col_count);
    return op_open_child(op, e);
}

static QueryStatus project_next(Op *op, Batch **out, Err *e)
{
    OpProject *p = (OpProject *)op;
    const PlanProject *plan = (const PlanProject *)op->plan;
    Batch *in;
    QueryStatus st = op_next(op->child, &in, e);
    if (st != QUERY_BATCH)
        return st;
    arena_reset(&op->scratch);
    EvalCtx *ctx = op_ctx(op);
    for (size_t c = 0; c < plan->p.col_count; c++) {
        const Expr *x = plan->exprs[c];
        if (x->kind == EXPR_COLUMN)
            p->batch.cols[c] = in->cols[x->index];
        else if (!expr_eval(ctx, x, in, &p->batch.cols[c], e))
            return QUERY_FAIL;
    }
    p->batch.rows = in->rows;
    p->batch.sel = in->sel;
    p->batch.sel_count = in->sel_count;
    *out = &p->batch;
    return QUERY_BATCH;
}

const OpDef op_project = {"Project", sizeof(OpProject), project_open, project_next, NULL};

/* ---- limit ---- */

typedef struct OpLimit {
    Op op;
    Batch batch;
    int64_t skip, left; /* left: -1 = all */
} OpLimit;

static bool limit_value(Op *op, const Expr *x, ErrCode code, const char *word, int64_t none,
                        int64_t *out, Err *e)
{
    *out = none;
    if (!x)
        return true;
    Value v;
    if (!expr_value(op_ctx(op), x, &v, e))
        return false;
    if (v.null)
        return true;
    if (v.u.i64 < 0)
        return err_set(e, code, "%s must not be negative", word);
    *out = v.u.i64;
    return true;
}

static bool limit_open(Op *op, Err *e)
{
    OpLimit *l = (OpLimit *)op;
    const PlanLimit *plan = (const PlanLimit *)op->plan;
    return limit_value(op, plan->offset, ERR_INVALID_OFFSET, "OFFSET", 0, &l->skip, e) &&
           limit_value(op, plan->limit, ERR_INVALID_LIMIT, "LIMIT", -1, &l->left, e) &&
           op_open_child(op, e);
}

static QueryStatus limit_next(Op *op, Batch **out, Err *e)
{
    OpLimit *l = (OpLimit *)op;
    if (l->left == 0)
        return QUERY_END;
    Batch *in;
    QueryStatus st = op_next(op->child, &in, e);
    if (st != QUERY_BATCH)
        return st;
    arena_reset(&op->scratch);
    size_t count = batch_count(in);
    size_t skip = (int64_t)count < l->skip ? count : (size_t)l->skip;
    size_t take = count - skip;
    if (l->left >= 0 && (int64_t)take > l->left)
        take = (size_t)l->left;
    l->batch = *in;
    batch_cut(&l->batch, skip, take, &op->scratch);
    l->skip -= (int64_t)skip;
    if (l->left > 0)
        l->left -= (int64_t)take;
    *out = &l->batch;
    return QUERY_BATCH;
}

const OpDef op_limit = {"Limit", sizeof(OpLimit), limit_open, limit_next, NULL};

/* ---- UNION ALL ---- */

typedef struct OpAppend {
    Op op; /* op.child is the one that runs */
    size_t index;
} OpAppend;

static bool append_open(Op *op, Err *e)
{
    (void)op;
    (void)e;
    return true;
}

static QueryStatus append_next(Op *op, Batch **out, Err *e)
{
    OpAppend *a = (OpAppend *)op;
    const PlanAppend *plan = (const PlanAppend *)op->plan;
    while (a->index < plan->child_count) {
        if (!op->child && !op_open(&op->child, op->x, plan->children[a->index], e))
            return QUERY_FAIL;
        QueryStatus st = op_next(op->child, out, e);
        if (st != QUERY_END)
            return st;
        op_close(op->child);
        op->child = NULL;
        a->index++;
    }
    return QUERY_END;
}

const OpDef op_append = {"Append", sizeof(OpAppend), append_open, append_next, NULL};
