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
    Batch batch, none;
    int64_t skip, left; /* left: -1 = all */
    bool begun, ended;
    bool in_ties; /* WITH TIES: what follows must equal `last` */
    Value *last;  /* keys of the last row that counted */
    Arena last_arena;
} OpLimit;

static bool reads_column(const Expr *x)
{
    bool found = x && x->kind == EXPR_COLUMN;
    for (size_t i = 0; x && i < x->arg_count && !found; i++)
        found = reads_column(x->args[i]);
    return found;
}

static bool plan_reads_rows(const PlanLimit *plan)
{
    return reads_column(plan->limit) || reads_column(plan->offset);
}

static bool limit_value(OpLimit *l, const Expr *x, const Batch *in, ErrCode code, const char *word,
                        int64_t none, int64_t *out, Err *e)
{
    *out = none;
    if (!x)
        return true;
    Vector v;
    if (!expr_eval(op_ctx(&l->op), x, in, &v, e))
        return false;
    Value n = vec_get(&v, in->rows ? batch_row(in, 0) : 0);
    if (n.null && ((const PlanLimit *)l->op.plan)->tie_count && code == ERR_INVALID_LIMIT)
        return err_set(e, code, "row count cannot be null in FETCH FIRST ... WITH TIES clause");
    if (!n.null && n.u.i64 < 0)
        return err_set(e, code, "%s must not be negative", word);
    if (!n.null)
        *out = n.u.i64;
    return true;
}

static bool limit_open(Op *op, Err *e)
{
    OpLimit *l = (OpLimit *)op;
    l->none.rows = 1;
    l->last = ARENA_ARRAY(&op->arena, Value, ((const PlanLimit *)op->plan)->tie_count + 1);
    arena_init(&l->last_arena, &op->x->query->budget);
    return op_open_child(op, e);
}

/* The numbers are known with the first row: they may come from subqueries, which are its columns. */
static bool limit_begin(OpLimit *l, const Batch *in, Err *e)
{
    const PlanLimit *plan = (const PlanLimit *)l->op.plan;
    l->begun = true;
    return limit_value(l, plan->offset, in, ERR_INVALID_OFFSET, "OFFSET", 0, &l->skip, e) &&
           limit_value(l, plan->limit, in, ERR_INVALID_LIMIT, "LIMIT", -1, &l->left, e);
}

static bool tie_keys(OpLimit *l, const Batch *in, Vector **keys, Err *e)
{
    const PlanLimit *plan = (const PlanLimit *)l->op.plan;
    *keys = ARENA_ARRAY(&l->op.scratch, Vector, plan->tie_count + 1);
    for (size_t k = 0; k < plan->tie_count; k++)
        if (!expr_eval(op_ctx(&l->op), plan->ties[k], in, &(*keys)[k], e))
            return false;
    return true;
}

static bool is_tie(const OpLimit *l, const Vector *keys, size_t row)
{
    const PlanLimit *plan = (const PlanLimit *)l->op.plan;
    for (size_t k = 0; k < plan->tie_count; k++) {
        Value v = vec_get(&keys[k], row), last = l->last[k];
        if (v.null != last.null || (!v.null && type_find(keys[k].type)->cmp(&v, &last) != 0))
            return false;
    }
    return true;
}

/* Rows from `take` on that are equal to the last one; ends what follows at the first that is not. */
static bool take_ties(OpLimit *l, const Batch *in, size_t skip, size_t *take, Err *e)
{
    const PlanLimit *plan = (const PlanLimit *)l->op.plan;
    size_t count = batch_count(in), at = skip + *take;
    Vector *keys;
    if (!tie_keys(l, in, &keys, e))
        return false;
    if (*take > 0) {
        arena_reset(&l->last_arena);
        for (size_t k = 0; k < plan->tie_count; k++) {
            Value v = vec_get(&keys[k], batch_row(in, at - 1));
            l->last[k] = value_copy(&l->last_arena, &v);
        }
    }
    while (at < count && is_tie(l, keys, batch_row(in, at)))
        at++;
    l->ended = at < count;
    *take = at - skip;
    return true;
}

static QueryStatus limit_next(Op *op, Batch **out, Err *e)
{
    OpLimit *l = (OpLimit *)op;
    const PlanLimit *plan = (const PlanLimit *)op->plan;
    if (!l->begun && !plan_reads_rows(plan) && !limit_begin(l, &l->none, e))
        return QUERY_FAIL;
    if (l->ended || (l->begun && l->left == 0 && !l->in_ties))
        return QUERY_END;
    Batch *in;
    QueryStatus st = op_next(op->child, &in, e);
    if (st != QUERY_BATCH)
        return st;
    arena_reset(&op->scratch);
    if (!l->begun && !limit_begin(l, in, e))
        return QUERY_FAIL;
    if (l->left == 0 && !l->in_ties)
        return QUERY_END;
    size_t count = batch_count(in);
    size_t skip = (int64_t)count < l->skip ? count : (size_t)l->skip;
    size_t take = count - skip;
    if (l->left >= 0 && (int64_t)take > l->left)
        take = (size_t)l->left;
    l->skip -= (int64_t)skip;
    if (l->left > 0)
        l->left -= (int64_t)take;
    if (plan->tie_count && l->left == 0) {
        if (!take_ties(l, in, skip, &take, e))
            return QUERY_FAIL;
        l->in_ties = true;
    }
    l->batch = *in;
    batch_cut(&l->batch, skip, take, &op->scratch);
    *out = &l->batch;
    return QUERY_BATCH;
}

static void limit_close(Op *op)
{
    arena_free(&((OpLimit *)op)->last_arena);
}

const OpDef op_limit = {"Limit", sizeof(OpLimit), limit_open, limit_next, limit_close};

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
