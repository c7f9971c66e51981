/* ASOF join: a merge of two inputs sorted by keys and time.
 *
 * For each left row the right side is read up to the last row that is not behind it; that row is kept.
 * Memory: one batch of each side and one kept row, whatever the sizes. */
#include "exec/agg_private.h"
#include "exec/op_private.h"

typedef struct AsofSide {
    Op *op;
    Expr **keys, *time;
    size_t key_count;
    Batch *in;
    size_t at; /* next row of it */
    Vector *key_cols, time_col;
    Arena arena; /* of these */
    bool ended;
} AsofSide;

typedef struct OpAsof {
    Op op;
    const PlanAsof *plan;
    AsofSide left, right;
    const TypeDef **key_types, *time_type;
    bool has_match; /* the right row kept: the last that was not behind */
    Kept *match_keys, *match;
    uint32_t matches; /* grows with each kept row */
    Value *shown;     /* the kept row in the output's memory */
    uint32_t shown_as;
    Batch out;
    size_t rows;
    bool handed_out; /* what was made may go */
} OpAsof;

/* ---- rows of a side ---- */

static bool eval_side(OpAsof *a, AsofSide *s, Err *e)
{
    EvalCtx *ctx = &a->op.x->ctx;
    arena_reset(&s->arena);
    ctx->scratch = &s->arena;
    s->at = 0;
    for (size_t k = 0; k < s->key_count; k++)
        if (!expr_eval(ctx, s->keys[k], s->in, &s->key_cols[k], e))
            return false;
    return expr_eval(ctx, s->time, s->in, &s->time_col, e);
}

/* QUERY_BATCH: there is a row; END: no more. */
static QueryStatus side_row(OpAsof *a, AsofSide *s, size_t *row, Err *e)
{
    while (!s->ended && (!s->in || s->at == batch_count(s->in))) {
        QueryStatus st = op_next(s->op, &s->in, e);
        if (st == QUERY_END)
            s->ended = true;
        else if (st != QUERY_BATCH)
            return s->in = NULL, st;
        else if (!eval_side(a, s, e))
            return QUERY_FAIL;
    }
    if (s->ended)
        return QUERY_END;
    *row = batch_row(s->in, s->at);
    return QUERY_BATCH;
}

static bool is_comparable(const AsofSide *s, size_t row)
{
    for (size_t k = 0; k < s->key_count; k++)
        if (vec_is_null(&s->key_cols[k], row))
            return false;
    return !vec_is_null(&s->time_col, row);
}

static int compare_keys(const OpAsof *a, size_t left, size_t right)
{
    for (size_t k = 0; k < a->plan->key_count; k++) {
        Value l = vec_get(&a->left.key_cols[k], left), r = vec_get(&a->right.key_cols[k], right);
        int order = a->key_types[k]->cmp(&l, &r);
        if (order)
            return order;
    }
    return 0;
}

/* May the right row be what the left one looks for, or come before such a row? */
static bool is_reached(const OpAsof *a, size_t left, size_t right)
{
    int order = compare_keys(a, left, right);
    if (order)
        return order > 0;
    Value l = vec_get(&a->left.time_col, left), r = vec_get(&a->right.time_col, right);
    order = a->time_type->cmp(&l, &r);
    if (a->plan->ahead)
        order = -order;
    return a->plan->strict ? order > 0 : order >= 0;
}

/* ---- the kept row ---- */

static void keep(OpAsof *a, size_t row)
{
    AsofSide *s = &a->right;
    a->has_match = true;
    a->matches++;
    for (size_t k = 0; k < s->key_count; k++) {
        Value v = vec_get(&s->key_cols[k], row);
        kept_set(&a->match_keys[k], &v, &a->op.arena);
    }
    for (size_t c = 0; c < a->plan->p.right->col_count; c++) {
        Value v = vec_get(&s->in->cols[c], row);
        kept_set(&a->match[c], &v, &a->op.arena);
    }
}

static bool matches(const OpAsof *a, size_t left)
{
    if (!a->has_match)
        return false;
    for (size_t k = 0; k < a->plan->key_count; k++) {
        Value l = vec_get(&a->left.key_cols[k], left);
        if (a->key_types[k]->cmp(&l, &a->match_keys[k].v) != 0)
            return false;
    }
    return true;
}

/* Reads the right side up to the last row that the left one reaches. */
static QueryStatus advance(OpAsof *a, size_t left, Err *e)
{
    size_t row, last = SIZE_MAX;
    QueryStatus st;
    while ((st = side_row(a, &a->right, &row, e)) == QUERY_BATCH) {
        bool comparable = is_comparable(&a->right, row);
        if (comparable && !is_reached(a, left, row))
            break;
        a->right.at++;
        if (comparable)
            last = row;
        /* The row is kept before the batch goes. */
        if (last != SIZE_MAX && a->right.at == batch_count(a->right.in)) {
            keep(a, last);
            last = SIZE_MAX;
        }
    }
    if (last != SIZE_MAX)
        keep(a, last);
    return st == QUERY_END ? QUERY_BATCH : st;
}

/* ---- output ---- */

static void begin_output(OpAsof *a)
{
    arena_reset(&a->op.scratch);
    a->rows = 0;
    a->shown_as = 0;
    a->out.sel = NULL;
    a->out.cols = ARENA_ARRAY(&a->op.scratch, Vector, a->plan->p.col_count + 1);
    a->shown = ARENA_ARRAY(&a->op.scratch, Value, a->plan->p.right->col_count + 1);
    for (size_t c = 0; c < a->plan->p.col_count; c++)
        vec_init_flat(&a->out.cols[c], a->plan->p.types[c], BATCH_ROWS, &a->op.scratch);
}

static void put(OpAsof *a, size_t left, bool found)
{
    size_t lc = a->plan->p.child->col_count, rc = a->plan->p.right->col_count;
    Arena *arena = &a->op.scratch;
    for (size_t c = 0; c < lc; c++) {
        Value v = vec_get(&a->left.in->cols[c], left);
        vec_set(&a->out.cols[c], a->rows, &v, BATCH_ROWS, arena);
    }
    if (found && a->shown_as != a->matches) {
        a->shown_as = a->matches;
        for (size_t c = 0; c < rc; c++)
            a->shown[c] = value_copy(arena, &a->match[c].v);
    }
    Value null = value_null();
    for (size_t c = 0; c < rc; c++)
        vec_set(&a->out.cols[lc + c], a->rows, found ? &a->shown[c] : &null, BATCH_ROWS, arena);
    a->rows++;
}

/* A match too far away is none. */
static bool apply_filter(OpAsof *a, Err *e)
{
    size_t lc = a->plan->p.child->col_count;
    Vector near;
    uint16_t *kept = arena_alloc(&a->op.scratch, (a->rows + 1) * sizeof *kept);
    size_t n = 0;
    if (!a->plan->filter)
        return true;
    if (!expr_eval(op_ctx(&a->op), a->plan->filter, &a->out, &near, e))
        return false;
    for (size_t row = 0; row < a->rows; row++) {
        bool ok = !vec_is_null(&near, row) && near.v.b[vec_slot(&near, row)];
        for (size_t c = lc; c < a->plan->p.col_count && !ok; c++)
            vec_set_null(&a->out.cols[c], row, BATCH_ROWS, &a->op.scratch);
        if (ok || a->plan->outer)
            kept[n++] = (uint16_t)row;
    }
    a->out.sel = kept;
    a->out.sel_count = n;
    return true;
}

/* ---- the operator ---- */

static bool asof_open(Op *op, Err *e)
{
    OpAsof *a = (OpAsof *)op;
    const PlanAsof *p = a->plan = (const PlanAsof *)op->plan;
    size_t keys = p->key_count;
    a->left = (AsofSide){.keys = p->left_keys, .time = p->left_time, .key_count = keys};
    a->right = (AsofSide){.keys = p->right_keys, .time = p->right_time, .key_count = keys};
    AsofSide *sides[] = {&a->left, &a->right};
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        arena_init(&sides[i]->arena, &op->x->query->budget);
        sides[i]->key_cols = ARENA_ARRAY(&op->arena, Vector, keys + 1);
    }
    a->key_types = ARENA_ARRAY(&op->arena, const TypeDef *, keys + 1);
    for (size_t k = 0; k < keys; k++)
        a->key_types[k] = type_find(p->left_keys[k]->type);
    a->time_type = type_find(p->left_time->type);
    a->match_keys = ARENA_ARRAY(&op->arena, Kept, keys + 1);
    a->match = ARENA_ARRAY(&op->arena, Kept, p->p.right->col_count + 1);
    a->out.col_count = p->p.col_count;
    begin_output(a);
    if (!op_open_child(op, e) || !op_open(&op->right, op->x, p->p.right, e))
        return false;
    a->left.op = op->child;
    a->right.op = op->right;
    return true;
}

/* Rows until the output is full or the left batch, which it borrows from, is used up. */
static QueryStatus fill(OpAsof *a, Err *e)
{
    size_t row;
    while (a->rows < BATCH_ROWS) {
        if (a->rows > 0 && a->left.at == batch_count(a->left.in))
            return QUERY_BATCH;
        QueryStatus st = side_row(a, &a->left, &row, e);
        if (st != QUERY_BATCH)
            return st;
        bool comparable = is_comparable(&a->left, row);
        if (comparable && (st = advance(a, row, e)) != QUERY_BATCH)
            return st;
        bool found = comparable && matches(a, row);
        if (found || a->plan->outer)
            put(a, row, found);
        a->left.at++;
    }
    return QUERY_BATCH;
}

static QueryStatus asof_next(Op *op, Batch **out, Err *e)
{
    OpAsof *a = (OpAsof *)op;
    if (a->handed_out)
        begin_output(a);
    a->handed_out = false;
    QueryStatus st = fill(a, e);
    if (st != QUERY_BATCH && !(st == QUERY_END && a->rows > 0))
        return st;
    a->out.rows = a->rows;
    a->handed_out = true;
    if (!apply_filter(a, e))
        return QUERY_FAIL;
    *out = &a->out;
    return QUERY_BATCH;
}

static void asof_close(Op *op)
{
    OpAsof *a = (OpAsof *)op;
    arena_free(&a->left.arena);
    arena_free(&a->right.arena);
}

const OpDef op_asof = {"Asof Join", sizeof(OpAsof), asof_open, asof_next, asof_close};
