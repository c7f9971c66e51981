/* Set-returning functions: in FROM (PLAN_FUNCTION) and in a select list (PLAN_PROJECT_SET). */
#include "exec/array.h"
#include "exec/op_private.h"

/* One call that is running. */
typedef struct SrfCall {
    const SrfDef *def;
    void *state;
    Arena arena, rows_arena;
    Batch out;
    size_t col_count;
    const TypeId *types;
    const Slice *names; /* NULL in a select list */
    bool open, as_record;
} SrfCall;

static void srf_init(SrfCall *c, const FuncDef *func, const TypeId *types, size_t col_count, Op *op)
{
    c->def = func->srf;
    c->types = types;
    c->col_count = col_count;
    arena_init(&c->arena, &op->x->query->budget);
    arena_init(&c->rows_arena, &op->x->query->budget);
}

/* In a select list rows of several columns are records. */
static void srf_init_item(SrfCall *c, const FuncDef *func, const TypeId *type, Op *op)
{
    const SrfDef *def = func->srf;
    c->as_record = *type == T_RECORD && def->column_count > 1;
    TypeId *types = ARENA_ARRAY(&op->arena, TypeId, def->column_count + 1);
    for (size_t i = 0; c->as_record && i < def->column_count; i++)
        types[i] = def->columns[i].type;
    srf_init(c, func, c->as_record ? types : type, c->as_record ? def->column_count : 1, op);
}

static void make_records(SrfCall *c)
{
    const Batch *b = &c->out;
    Vector records;
    vec_init_flat(&records, T_RECORD, b->rows, &c->rows_arena);
    for (size_t i = 0; i < batch_count(b); i++) {
        size_t row = batch_row(b, i), count = c->col_count * RECORD_ITEMS;
        Value *items = ARENA_ARRAY(&c->rows_arena, Value, count);
        for (size_t k = 0; k < c->col_count; k++) {
            Value *field = items + k * RECORD_ITEMS;
            field[RECORD_TYPE] = value_i64(c->types[k]);
            field[RECORD_NAME] = value_str(slice_cstr(c->def->columns[k].name));
            field[RECORD_VALUE] = vec_get(&b->cols[k], row);
        }
        records.v.arr[row] = array_new(&c->rows_arena, T_RECORD, items, count);
    }
    c->out.cols[0] = records;
}

static void srf_close(SrfCall *c)
{
    if (c->open && c->def->close)
        c->def->close(c->state);
    c->open = false;
    c->state = NULL;
    arena_reset(&c->arena);
}

static void srf_free(SrfCall *c)
{
    srf_close(c);
    arena_free(&c->arena);
    arena_free(&c->rows_arena);
}

/* A strict function gives no rows for a NULL argument: then the call stays closed. */
static bool srf_open(SrfCall *c, Op *op, const FuncDef *func, const Expr *call, const Value *args,
                     Err *e)
{
    srf_close(c);
    for (size_t i = 0; i < call->arg_count; i++)
        if (args[i].null && (func->flags & FN_STRICT))
            return true;
    op_ctx(op)->srf_names = c->names;
    op_ctx(op)->srf_name_count = c->names ? c->col_count : 0;
    if (!c->def->open(op_ctx(op), call, args, call->arg_count, &c->arena, &c->state, e))
        return false;
    c->open = true;
    return true;
}

/* Rows are in c->out until the next call. */
static QueryStatus srf_next(SrfCall *c, Op *op, Err *e)
{
    if (!c->open)
        return QUERY_END;
    arena_reset(&c->rows_arena);
    c->out = *batch_new(&c->rows_arena, c->col_count);
    for (size_t i = 0; i < c->col_count; i++)
        vec_init_flat(&c->out.cols[i], c->types[i], BATCH_ROWS, &c->rows_arena);
    op->x->ctx.scratch = &c->rows_arena;
    switch (c->def->next(&op->x->ctx, c->state, &c->out, op->x->waiter, e)) {
    case SRF_ROWS:
        if (c->as_record)
            make_records(c);
        return QUERY_BATCH;
    case SRF_WAIT:
        return QUERY_WAIT;
    case SRF_FAIL:
        return QUERY_FAIL;
    case SRF_END:
        break;
    }
    return QUERY_END;
}

/* ---- FROM f(...) [WITH ORDINALITY] ---- */

typedef struct OpFunction {
    Op op;
    SrfCall call;
    Batch one, batch;
    int64_t ordinal;
    bool done;
} OpFunction;

static bool function_open(Op *op, Err *e)
{
    OpFunction *f = (OpFunction *)op;
    const PlanFunction *plan = (const PlanFunction *)op->plan;
    f->one.rows = 1;
    if (!plan->func || !plan->func->srf)
        return true; /* a plain function: one row */
    srf_init(&f->call, plan->func, plan->p.types, plan->p.col_count - plan->ordinality, op);
    f->call.names = plan->p.names;
    Value *args = ARENA_ARRAY(&op->arena, Value, plan->call->arg_count + 1);
    op->x->ctx.scratch = &op->arena;
    for (size_t i = 0; i < plan->call->arg_count; i++) {
        Vector v;
        if (!expr_eval(&op->x->ctx, plan->call->args[i], &f->one, &v, e))
            return false;
        args[i] = vec_get(&v, 0);
    }
    return srf_open(&f->call, op, plan->func, plan->call, args, e);
}

static QueryStatus function_single(OpFunction *f, Err *e)
{
    Op *op = &f->op;
    const PlanFunction *plan = (const PlanFunction *)op->plan;
    if (f->done)
        return QUERY_END;
    f->done = true;
    f->batch = *batch_new(&op->arena, plan->p.col_count);
    if (!expr_eval(op_ctx(op), plan->call, &f->one, &f->batch.cols[0], e))
        return QUERY_FAIL;
    f->batch.rows = 1;
    return QUERY_BATCH;
}

/* EXPLAIN ANALYZE: what the call has to tell, once its rows come. */
static void call_tell(Op *op, const SrfCall *c)
{
    if (!op->stats || op->stats->told.len || !c->open || !c->def->explain)
        return;
    Buf text;
    buf_init(&text);
    c->def->explain(NULL, 0, c->state, &text);
    op->stats->told = arena_slice(&op->x->arena, buf_slice(&text));
    buf_free(&text);
}

static QueryStatus function_next(Op *op, Batch **out, Err *e)
{
    OpFunction *f = (OpFunction *)op;
    const PlanFunction *plan = (const PlanFunction *)op->plan;
    bool single = !f->call.def;
    QueryStatus st = single ? function_single(f, e) : srf_next(&f->call, op, e);
    if (st == QUERY_BATCH || st == QUERY_END)
        call_tell(op, &f->call);
    if (st != QUERY_BATCH)
        return st;
    if (!single) {
        arena_reset(&op->scratch);
        f->batch = *batch_new(&op->scratch, plan->p.col_count);
        memcpy(f->batch.cols, f->call.out.cols, f->call.col_count * sizeof(Vector));
        f->batch.rows = f->call.out.rows;
        f->batch.sel = f->call.out.sel;
        f->batch.sel_count = f->call.out.sel_count;
    }
    if (plan->ordinality) {
        Vector *v = &f->batch.cols[plan->p.col_count - 1];
        vec_init_flat(v, T_INT8, f->batch.rows, &op->scratch);
        for (size_t i = 0; i < batch_count(&f->batch); i++)
            v->v.i64[batch_row(&f->batch, i)] = ++f->ordinal;
    }
    *out = &f->batch;
    return QUERY_BATCH;
}

static void function_close(Op *op)
{
    srf_free(&((OpFunction *)op)->call);
}

const OpDef op_function = {"Function Scan", sizeof(OpFunction), function_open, function_next,
                           function_close};

/* ---- SELECT f(...): all calls of a row run side by side, the shorter ones padded with NULL ---- */

typedef struct OpProjectSet {
    Op op;
    SrfCall *calls;
    size_t *left, *from; /* rows of each call's batch not used yet, and the next of them */
    bool *ended;
    Batch *in;
    Vector *values; /* of the plain expressions, over the input */
    Vector **args;  /* of each call */
    size_t at;
    bool in_row;
    Arena in_arena;
    Batch batch;
} OpProjectSet;

static bool project_set_open(Op *op, Err *e)
{
    OpProjectSet *s = (OpProjectSet *)op;
    const PlanProjectSet *plan = (const PlanProjectSet *)op->plan;
    size_t n = plan->p.col_count;
    arena_init(&s->in_arena, &op->x->query->budget);
    s->calls = ARENA_ARRAY(&op->arena, SrfCall, n + 1);
    s->left = ARENA_ARRAY(&op->arena, size_t, n + 1);
    s->from = ARENA_ARRAY(&op->arena, size_t, n + 1);
    s->ended = ARENA_ARRAY(&op->arena, bool, n + 1);
    s->values = ARENA_ARRAY(&op->arena, Vector, n + 1);
    s->args = ARENA_ARRAY(&op->arena, Vector *, n + 1);
    for (size_t c = 0; c < n; c++)
        if (plan->is_srf[c]) {
            const Expr *x = plan->exprs[c];
            must(x->kind == EXPR_CALL && x->func && x->func->srf);
            srf_init_item(&s->calls[c], x->func, &plan->p.types[c], op);
            s->args[c] = ARENA_ARRAY(&op->arena, Vector, x->arg_count + 1);
        }
    return op_open_child(op, e);
}

static QueryStatus project_set_fetch(OpProjectSet *s, Err *e)
{
    Op *op = &s->op;
    const PlanProjectSet *plan = (const PlanProjectSet *)op->plan;
    QueryStatus st = op_next(op->child, &s->in, e);
    if (st != QUERY_BATCH) {
        s->in = NULL;
        return st;
    }
    arena_reset(&s->in_arena);
    EvalCtx *ctx = &op->x->ctx;
    ctx->scratch = &s->in_arena;
    for (size_t c = 0; c < plan->p.col_count; c++) {
        const Expr *x = plan->exprs[c];
        if (!plan->is_srf[c]) {
            if (!expr_eval(ctx, x, s->in, &s->values[c], e))
                return QUERY_FAIL;
            continue;
        }
        for (size_t i = 0; i < x->arg_count; i++)
            if (!expr_eval(ctx, x->args[i], s->in, &s->args[c][i], e))
                return QUERY_FAIL;
    }
    s->at = 0;
    s->in_row = false;
    return QUERY_BATCH;
}

static bool row_begin(OpProjectSet *s, Err *e)
{
    const PlanProjectSet *plan = (const PlanProjectSet *)s->op.plan;
    size_t row = batch_row(s->in, s->at);
    for (size_t c = 0; c < plan->p.col_count; c++) {
        if (!plan->is_srf[c])
            continue;
        const Expr *x = plan->exprs[c];
        Value *args = ARENA_ARRAY(&s->in_arena, Value, x->arg_count + 1);
        for (size_t i = 0; i < x->arg_count; i++)
            args[i] = vec_get(&s->args[c][i], row);
        if (!srf_open(&s->calls[c], &s->op, x->func, x, args, e))
            return false;
        s->left[c] = s->from[c] = 0;
        s->ended[c] = false;
    }
    s->in_row = true;
    return true;
}

/* Rows that can be handed out now: as many as every call that goes on has ready; *most: if all have
 * ended, the longest.  Refills empty calls. */
static QueryStatus rows_ready(OpProjectSet *s, size_t *rows, Err *e)
{
    const PlanProjectSet *plan = (const PlanProjectSet *)s->op.plan;
    size_t least = SIZE_MAX, most = 0;
    for (size_t c = 0; c < plan->p.col_count; c++) {
        if (!plan->is_srf[c])
            continue;
        while (s->left[c] == 0 && !s->ended[c]) {
            QueryStatus st = srf_next(&s->calls[c], &s->op, e);
            if (st == QUERY_BATCH || st == QUERY_END)
                call_tell(&s->op, &s->calls[c]);
            if (st == QUERY_END)
                s->ended[c] = true;
            else if (st != QUERY_BATCH)
                return st;
            else
                s->left[c] = batch_count(&s->calls[c].out);
            s->from[c] = 0;
        }
        if (!s->ended[c] && s->left[c] < least)
            least = s->left[c];
        if (s->left[c] > most)
            most = s->left[c];
    }
    *rows = least == SIZE_MAX ? most : least;
    return QUERY_BATCH;
}

static void take_rows(OpProjectSet *s, size_t n)
{
    Op *op = &s->op;
    const PlanProjectSet *plan = (const PlanProjectSet *)op->plan;
    arena_reset(&op->scratch);
    s->batch = *batch_new(&op->scratch, plan->p.col_count);
    for (size_t c = 0; c < plan->p.col_count; c++) {
        Vector *v = &s->batch.cols[c];
        if (!plan->is_srf[c]) {
            vec_row_const(v, &s->values[c], batch_row(s->in, s->at), &op->scratch);
            continue;
        }
        size_t have = s->left[c] < n ? s->left[c] : n;
        if (have == 0) {
            vec_null_const(v, plan->p.types[c]);
            continue;
        }
        uint16_t sel[BATCH_ROWS];
        for (size_t i = 0; i < have; i++)
            sel[i] = (uint16_t)batch_row(&s->calls[c].out, s->from[c] + i);
        vec_init_flat(v, plan->p.types[c], n, &op->scratch);
        const Vector *src = &s->calls[c].out.cols[0];
        col_append(v, 0, n, src, sel, have, NULL);
        for (size_t i = 0; i < n; i++)
            if (i >= have || vec_is_null(src, sel[i]))
                vec_set_null(v, i, n, &op->scratch);
        s->left[c] -= have;
        s->from[c] += have;
    }
    s->batch.rows = n;
}

static QueryStatus project_set_next(Op *op, Batch **out, Err *e)
{
    OpProjectSet *s = (OpProjectSet *)op;
    for (;;) {
        QueryStatus st;
        if (!s->in && (st = project_set_fetch(s, e)) != QUERY_BATCH)
            return st;
        if (s->at >= batch_count(s->in)) {
            s->in = NULL;
            continue;
        }
        if (!s->in_row && !row_begin(s, e))
            return QUERY_FAIL;
        size_t rows;
        if ((st = rows_ready(s, &rows, e)) != QUERY_BATCH)
            return st;
        if (rows > 0) {
            take_rows(s, rows);
            *out = &s->batch;
            return QUERY_BATCH;
        }
        s->in_row = false;
        s->at++;
    }
}

static void project_set_close(Op *op)
{
    OpProjectSet *s = (OpProjectSet *)op;
    const PlanProjectSet *plan = (const PlanProjectSet *)op->plan;
    for (size_t c = 0; s->calls && c < plan->p.col_count; c++)
        if (s->calls[c].def)
            srf_free(&s->calls[c]);
    arena_free(&s->in_arena);
}

const OpDef op_project_set = {"ProjectSet", sizeof(OpProjectSet), project_set_open,
                              project_set_next, project_set_close};
