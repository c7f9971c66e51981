/* Gap filling: rows sorted by group and time come in, each bucket from start to finish goes out.
 *
 * A group begins at the start (or at its first row, if that is earlier).  Before a row that lies behind
 * the next bucket a gap row is made; a new group and the end of the input make the rest.  A gap row
 * looks back (locf, the left point of a line) and at most one row ahead, so that nothing is kept but the
 * values of a few rows. */
#include "exec/agg_private.h"
#include "exec/bucket.h"
#include "exec/op_private.h"

typedef struct FillState { /* of one call in the group */
    bool set;              /* value and time are those of the row before */
    Kept value;
    int64_t time;
    Kept missing, before, before_time, after, after_time;
} FillState;

typedef struct FillInput { /* of one call over the input batch */
    Vector value, missing, before, before_time, after, after_time;
} FillInput;

typedef struct OpGapfill {
    Op op;
    const PlanGapfill *plan;
    bool ready, input_ended, in_group, any;
    Bucket bucket;
    int64_t start, finish;
    int64_t at;  /* next bucket of the group */
    Kept *group; /* its columns */
    FillState *fills;
    Batch *in; /* rows from in_at on are not yet handed out */
    size_t in_at;
    Arena in_arena; /* of inputs */
    FillInput *inputs;
    Batch out;
    size_t out_rows;
} OpGapfill;

/* ---- bounds ---- */

static bool constant(OpGapfill *g, const Expr *x, Value *v, Err *e)
{
    return expr_value(op_ctx(&g->op), x, v, e);
}

static bool bound(OpGapfill *g, const FillBound *b, const char *which, int64_t *out, Err *e)
{
    Value v;
    if (!constant(g, b->value, &v, e))
        return false;
    if (v.null) {
        err_set(e, ERR_INVALID_PARAMETER, "invalid time_bucket_gapfill argument: %s cannot be NULL",
                which);
        return err_hint(e, "Specify start and finish as arguments or in the WHERE clause.");
    }
    if (time_is_infinite(v.u.i64))
        return err_set(e, ERR_INVALID_PARAMETER,
                       "invalid time_bucket_gapfill argument: %s cannot be infinite", which);
    *out = v.u.i64 + b->next;
    return true;
}

static bool open_bucket(OpGapfill *g, Err *e)
{
    const PlanGapfill *p = g->plan;
    Value v;
    TypeId type = p->p.types[p->time_col];
    if (!constant(g, p->width, &v, e))
        return false;
    if (v.null)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "invalid time_bucket_gapfill argument: bucket_width cannot be NULL");
    if (!bucket_init(&g->bucket, type, &v, e))
        return false;
    if (p->zone &&
        (!constant(g, p->zone, &v, e) || (!v.null && !bucket_zone(&g->bucket, v.u.str, e))))
        return false;
    return !p->origin ||
           (constant(g, p->origin, &v, e) && (v.null || bucket_origin(&g->bucket, v.u.i64, e)));
}

/* After the first batch came: what the input spans is known then. */
static bool open_bounds(OpGapfill *g, Err *e)
{
    const PlanGapfill *p = g->plan;
    int64_t t = 0;
    g->ready = true;
    if (!open_bucket(g, e))
        return false;
    g->start = INT64_MIN;
    g->finish = INT64_MAX;
    if (p->span) {
        Value first = g->op.x->ctx.exec_params[p->span[0]],
              last = g->op.x->ctx.exec_params[p->span[1]];
        if (first.null) { /* no row: nothing to fill but what the bounds say */
            first = value_i64(INT64_MAX);
            last = value_i64(INT64_MIN);
        } else if (!bucket_after(&g->bucket, last.u.i64, &last.u.i64, e)) {
            return false;
        }
        g->start = p->start_count ? INT64_MIN : first.u.i64;
        g->finish = p->finish_count ? INT64_MAX : last.u.i64;
    }
    for (size_t i = 0; i < p->start_count; i++) {
        if (!bound(g, &p->starts[i], "start", &t, e))
            return false;
        g->start = t > g->start ? t : g->start;
    }
    for (size_t i = 0; i < p->finish_count; i++) {
        if (!bound(g, &p->finishes[i], "finish", &t, e))
            return false;
        g->finish = t < g->finish ? t : g->finish;
    }
    return g->start >= g->finish || bucket_floor(&g->bucket, g->start, &g->start, e);
}

/* ---- output ---- */

static void put(OpGapfill *g, size_t col, const Value *v, bool copy)
{
    Value own = copy ? value_copy(&g->op.scratch, v) : *v;
    vec_set(&g->out.cols[col], g->out_rows, &own, BATCH_ROWS, &g->op.scratch);
}

static Value kept_or_null(const Kept *k)
{
    return k->set ? k->v : value_null();
}

static double as_double(const Value *v)
{
    return v->phys == PH_I64 ? (double)v->u.i64 : v->u.f64;
}

/* As TimescaleDB computes it: whole numbers in whole numbers. */
static Value on_line(TypeId type, int64_t x, int64_t x0, const Value *y0, int64_t x1,
                     const Value *y1)
{
    if (x1 == x0)
        return *y0;
    if (type_phys(type) == PH_I64) {
        __int128 sum = (__int128)(x1 - x) * y0->u.i64 + (__int128)(x - x0) * y1->u.i64;
        return value_i64((int64_t)(sum / (x1 - x0)));
    }
    double v =
        ((double)(x1 - x) * as_double(y0) + (double)(x - x0) * as_double(y1)) / (double)(x1 - x0);
    return value_f64(type == T_FLOAT4 ? (double)(float)v : v);
}

/* row: the group's next row in the input, SIZE_MAX if there is none. */
static Value gap_value(const OpGapfill *g, size_t i, size_t row)
{
    const FillCall *c = &g->plan->calls[i];
    const FillState *s = &g->fills[i];
    if (c->kind == FILL_CONST)
        return kept_or_null(&s->missing);
    if (c->kind == FILL_LOCF)
        return s->set ? s->value.v : kept_or_null(&s->before);
    Value left = s->set ? s->value.v : kept_or_null(&s->before), right = value_null();
    Value left_at = s->set ? value_i64(s->time) : kept_or_null(&s->before_time),
          right_at = value_null();
    if (row != SIZE_MAX) {
        right = vec_get(&g->inputs[i].value, row);
        right_at = vec_get(&g->in->cols[g->plan->time_col], row);
    }
    if (right.null) {
        right = kept_or_null(&s->after);
        right_at = kept_or_null(&s->after_time);
    }
    if (left.null || right.null || left_at.null || right_at.null)
        return value_null();
    return on_line(c->result, g->at, left_at.u.i64, &left, right_at.u.i64, &right);
}

static bool put_gap(OpGapfill *g, size_t row, Err *e)
{
    const PlanGapfill *p = g->plan;
    size_t in = p->p.child->col_count;
    Value null = value_null(), time = value_i64(g->at);
    for (size_t c = 0; c < in; c++)
        put(g, c, c == p->time_col ? &time : &null, false);
    for (size_t k = 0; k < p->group_count; k++)
        put(g, p->group_cols[k], &g->group[k].v, true);
    for (size_t i = 0; i < p->call_count; i++) {
        Value v = gap_value(g, i, row);
        put(g, in + i, &v, true);
    }
    g->out_rows++;
    return bucket_after(&g->bucket, g->at, &g->at, e);
}

static void put_row(OpGapfill *g, size_t row)
{
    const PlanGapfill *p = g->plan;
    size_t in = p->p.child->col_count;
    Value time = vec_get(&g->in->cols[p->time_col], row);
    for (size_t c = 0; c < in; c++) {
        Value v = vec_get(&g->in->cols[c], row);
        put(g, c, &v, false);
    }
    for (size_t i = 0; i < p->call_count; i++) {
        FillState *s = &g->fills[i];
        Value v = vec_get(&g->inputs[i].value, row);
        if (v.null && p->calls[i].null_is_missing) {
            v = gap_value(g, i, row);
        } else {
            s->set = !v.null;
            s->time = time.u.i64;
            if (s->set)
                kept_set(&s->value, &v, &g->op.arena);
        }
        put(g, in + i, &v, true);
    }
    g->out_rows++;
}

/* ---- input ---- */

static bool eval(OpGapfill *g, const Expr *x, Vector *out, Err *e)
{
    if (x)
        return expr_eval(&g->op.x->ctx, x, g->in, out, e);
    vec_null_const(out, T_INT8);
    return true;
}

static bool take_batch(OpGapfill *g, Batch *in, Err *e)
{
    arena_reset(&g->in_arena);
    g->op.x->ctx.scratch = &g->in_arena;
    g->in = in;
    g->in_at = 0;
    for (size_t i = 0; i < g->plan->call_count; i++) {
        const FillCall *c = &g->plan->calls[i];
        FillInput *f = &g->inputs[i];
        if (!eval(g, c->value, &f->value, e) || !eval(g, c->missing, &f->missing, e) ||
            !eval(g, c->before, &f->before, e) || !eval(g, c->before_time, &f->before_time, e) ||
            !eval(g, c->after, &f->after, e) || !eval(g, c->after_time, &f->after_time, e))
            return false;
    }
    return true;
}

static void keep(OpGapfill *g, Kept *k, const Vector *v, size_t row)
{
    Value value = vec_get(v, row);
    kept_set(k, &value, &g->op.arena);
}

static void begin_group(OpGapfill *g, size_t row)
{
    g->in_group = g->any = true;
    g->at = g->start;
    for (size_t k = 0; k < g->plan->group_count; k++)
        keep(g, &g->group[k], &g->in->cols[g->plan->group_cols[k]], row);
    for (size_t i = 0; i < g->plan->call_count; i++) {
        FillState *s = &g->fills[i];
        const FillInput *f = &g->inputs[i];
        s->set = false;
        keep(g, &s->missing, &f->missing, row);
        keep(g, &s->before, &f->before, row);
        keep(g, &s->before_time, &f->before_time, row);
        keep(g, &s->after, &f->after, row);
        keep(g, &s->after_time, &f->after_time, row);
    }
}

static bool same_group(const OpGapfill *g, size_t row)
{
    for (size_t k = 0; k < g->plan->group_count; k++) {
        uint32_t col = g->plan->group_cols[k];
        Value v = vec_get(&g->in->cols[col], row);
        const Value *mine = &g->group[k].v;
        const TypeDef *def = type_find(g->plan->p.types[col]);
        if (v.null != mine->null || (!v.null && def && def->cmp && def->cmp(&v, mine) != 0))
            return false;
    }
    return true;
}

/* One row: a gap, or the row of the input itself. */
static bool step(OpGapfill *g, size_t row, Err *e)
{
    bool mine = g->in_group && same_group(g, row);
    if (g->in_group && !mine) {
        if (g->at < g->finish)
            return put_gap(g, SIZE_MAX, e);
        g->in_group = false;
    }
    if (!g->in_group)
        begin_group(g, row);
    Value time = vec_get(&g->in->cols[g->plan->time_col], row);
    if (g->at < g->finish && (time.null || time.u.i64 > g->at))
        return put_gap(g, time.null ? SIZE_MAX : row, e);
    put_row(g, row);
    g->in_at++;
    return time.null || time.u.i64 < g->at || bucket_after(&g->bucket, time.u.i64, &g->at, e);
}

/* ---- the operator ---- */

static bool gapfill_open(Op *op, Err *e)
{
    OpGapfill *g = (OpGapfill *)op;
    const PlanGapfill *p = g->plan = (const PlanGapfill *)op->plan;
    g->group = ARENA_ARRAY(&op->arena, Kept, p->group_count + 1);
    g->fills = ARENA_ARRAY(&op->arena, FillState, p->call_count + 1);
    g->inputs = ARENA_ARRAY(&op->arena, FillInput, p->call_count + 1);
    arena_init(&g->in_arena, &op->x->query->budget);
    g->out = *batch_new(&op->arena, p->p.col_count);
    return op_open_child(op, e);
}

static void begin_output(OpGapfill *g)
{
    arena_reset(&g->op.scratch);
    g->out_rows = 0;
    for (size_t c = 0; c < g->plan->p.col_count; c++)
        vec_init_flat(&g->out.cols[c], g->plan->p.types[c], BATCH_ROWS, &g->op.scratch);
}

/* The next batch of the input; what was put out of the last one must have left. */
static QueryStatus load(OpGapfill *g, Err *e)
{
    Batch *in;
    QueryStatus st = op_next(g->op.child, &in, e);
    if (st != QUERY_BATCH && st != QUERY_END)
        return st;
    g->in = NULL;
    g->input_ended = st == QUERY_END;
    if ((!g->input_ended && !take_batch(g, in, e)) || (!g->ready && !open_bounds(g, e)))
        return QUERY_FAIL;
    if (g->input_ended && !g->any && g->plan->group_count == 0) { /* one group, without rows */
        g->in_group = true;
        g->at = g->start;
    }
    return QUERY_BATCH;
}

static QueryStatus gapfill_next(Op *op, Batch **out, Err *e)
{
    OpGapfill *g = (OpGapfill *)op;
    begin_output(g);
    while (g->out_rows < BATCH_ROWS) {
        if (g->in && g->in_at < batch_count(g->in)) {
            if (!step(g, batch_row(g->in, g->in_at), e))
                return QUERY_FAIL;
        } else if (!g->input_ended) {
            if (g->out_rows > 0) /* they borrow from the batch */
                break;
            QueryStatus st = load(g, e);
            if (st != QUERY_BATCH)
                return st;
        } else if (g->in_group && g->at < g->finish) {
            if (!put_gap(g, SIZE_MAX, e))
                return QUERY_FAIL;
        } else {
            break;
        }
    }
    if (g->out_rows == 0)
        return QUERY_END;
    g->out.rows = g->out_rows;
    *out = &g->out;
    return QUERY_BATCH;
}

static void gapfill_close(Op *op)
{
    arena_free(&((OpGapfill *)op)->in_arena);
}

const OpDef op_gapfill = {"Gap Fill", sizeof(OpGapfill), gapfill_open, gapfill_next, gapfill_close};

/* ---- what the times of the input span ---- */

/* Hands rows on and leaves the least and greatest time in two exec params: the sort above has read all
 * of them before the gap filling above that begins. */
static bool span_open(Op *op, Err *e)
{
    const PlanSpan *p = (const PlanSpan *)op->plan;
    op->x->ctx.exec_params[p->span[0]] = value_null();
    op->x->ctx.exec_params[p->span[1]] = value_null();
    return op_open_child(op, e);
}

static QueryStatus span_next(Op *op, Batch **out, Err *e)
{
    const PlanSpan *p = (const PlanSpan *)op->plan;
    Value *first = &op->x->ctx.exec_params[p->span[0]], *last = &op->x->ctx.exec_params[p->span[1]];
    QueryStatus st = op_next(op->child, out, e);
    for (size_t i = 0; st == QUERY_BATCH && i < batch_count(*out); i++) {
        Value v = vec_get(&(*out)->cols[p->time_col], batch_row(*out, i));
        if (v.null || time_is_infinite(v.u.i64))
            continue;
        if (first->null || v.u.i64 < first->u.i64)
            *first = v;
        if (last->null || v.u.i64 > last->u.i64)
            *last = v;
    }
    return st;
}

const OpDef op_span = {"Span", sizeof(Op), span_open, span_next, NULL};
