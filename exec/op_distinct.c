/* DISTINCT, DISTINCT ON, INTERSECT, EXCEPT. */
#include "exec/op_private.h"

/* ---- DISTINCT: the first row of each key passes ---- */

typedef struct OpDistinct {
    Op op;
    HashTable seen;
    Vector *keys;
    size_t key_count;
    Batch batch;
} OpDistinct;

static bool distinct_open(Op *op, Err *e)
{
    OpDistinct *d = (OpDistinct *)op;
    const PlanDistinct *plan = (const PlanDistinct *)op->plan;
    d->key_count = plan->keys ? plan->key_count : plan->p.col_count;
    TypeId *types = ARENA_ARRAY(&op->arena, TypeId, d->key_count + 1);
    for (size_t k = 0; k < d->key_count; k++)
        types[k] = plan->keys ? plan->keys[k]->type : plan->p.types[k];
    d->keys = ARENA_ARRAY(&op->arena, Vector, d->key_count + 1);
    ht_init(&d->seen, types, d->key_count, &op->x->query->budget);
    return op_open_child(op, e);
}

static bool distinct_keys(OpDistinct *d, Batch *in, Err *e)
{
    const PlanDistinct *plan = (const PlanDistinct *)d->op.plan;
    EvalCtx *ctx = op_ctx(&d->op);
    for (size_t k = 0; k < d->key_count; k++) {
        if (!plan->keys)
            d->keys[k] = in->cols[k];
        else if (!expr_eval(ctx, plan->keys[k], in, &d->keys[k], e))
            return false;
    }
    return true;
}

static QueryStatus distinct_next(Op *op, Batch **out, Err *e)
{
    OpDistinct *d = (OpDistinct *)op;
    uint32_t ids[BATCH_ROWS];
    Batch *in;
    QueryStatus st = op_next(op->child, &in, e);
    if (st != QUERY_BATCH)
        return st;
    arena_reset(&op->scratch);
    if (!distinct_keys(d, in, e))
        return QUERY_FAIL;
    size_t n = batch_count(in), kept = 0;
    uint32_t next = (uint32_t)d->seen.count;
    uint16_t *sel = arena_alloc(&op->scratch, (n + 1) * sizeof *sel);
    ht_put(&d->seen, d->keys, in->sel, n, ids);
    for (size_t i = 0; i < n; i++)
        if (ids[i] == next) {
            sel[kept++] = (uint16_t)batch_row(in, i);
            next++;
        }
    d->batch = *in;
    d->batch.sel = sel;
    d->batch.sel_count = kept;
    *out = &d->batch;
    return QUERY_BATCH;
}

static void distinct_close(Op *op)
{
    ht_free(&((OpDistinct *)op)->seen);
}

const OpDef op_distinct = {"Distinct", sizeof(OpDistinct), distinct_open, distinct_next,
                           distinct_close};

/* ---- INTERSECT, EXCEPT: the right side is counted, the left side passes by ---- */

typedef struct OpSetOp {
    Op op;
    HashTable rows;
    int64_t *counts; /* of each key: how often the right side has it, less those used up */
    size_t cap;
    size_t right_keys;
    Batch batch;
    bool loaded;
} OpSetOp;

static bool setop_open(Op *op, Err *e)
{
    OpSetOp *s = (OpSetOp *)op;
    ht_init(&s->rows, op->plan->types, op->plan->col_count, &op->x->query->budget);
    return op_open(&op->right, op->x, op->plan->right, e) && op_open_child(op, e);
}

static void setop_count(OpSetOp *s)
{
    if (s->rows.count <= s->cap)
        return;
    size_t cap = s->rows.count * 2;
    budget_charge(&s->op.x->query->budget, (int64_t)((cap - s->cap) * sizeof *s->counts));
    s->counts = mem_realloc(s->counts, cap * sizeof *s->counts);
    memset(s->counts + s->cap, 0, (cap - s->cap) * sizeof *s->counts);
    s->cap = cap;
}

static QueryStatus setop_load(OpSetOp *s, Err *e)
{
    uint32_t ids[BATCH_ROWS];
    Batch *in;
    QueryStatus st;
    while ((st = op_next(s->op.right, &in, e)) == QUERY_BATCH) {
        size_t n = batch_count(in);
        ht_put(&s->rows, in->cols, in->sel, n, ids);
        setop_count(s);
        for (size_t i = 0; i < n; i++)
            s->counts[ids[i]]++;
    }
    s->right_keys = s->rows.count;
    return st;
}

/* Does this left row pass?  Without ALL a key passes once: its count is then marked as used. */
static bool setop_passes(OpSetOp *s, const PlanSetOp *plan, uint32_t id)
{
    enum { USED = -1 };
    int64_t *count = &s->counts[id];
    if (plan->all) {
        bool have = *count > 0;
        *count -= have;
        return plan->op == SETOP_INTERSECT ? have : !have;
    }
    bool wanted = plan->op == SETOP_INTERSECT ? *count > 0 : *count == 0;
    if (wanted)
        *count = USED;
    return wanted;
}

static QueryStatus setop_next(Op *op, Batch **out, Err *e)
{
    OpSetOp *s = (OpSetOp *)op;
    uint32_t ids[BATCH_ROWS];
    Batch *in;
    QueryStatus st;
    if (!s->loaded) {
        if ((st = setop_load(s, e)) != QUERY_END)
            return st;
        s->loaded = true;
    }
    if ((st = op_next(op->child, &in, e)) != QUERY_BATCH)
        return st;
    arena_reset(&op->scratch);
    size_t n = batch_count(in), kept = 0;
    uint16_t *sel = arena_alloc(&op->scratch, (n + 1) * sizeof *sel);
    ht_put(&s->rows, in->cols, in->sel, n, ids);
    setop_count(s);
    for (size_t i = 0; i < n; i++)
        if (setop_passes(s, (const PlanSetOp *)op->plan, ids[i]))
            sel[kept++] = (uint16_t)batch_row(in, i);
    s->batch = *in;
    s->batch.sel = sel;
    s->batch.sel_count = kept;
    *out = &s->batch;
    return QUERY_BATCH;
}

static void setop_close(Op *op)
{
    OpSetOp *s = (OpSetOp *)op;
    budget_charge(&op->x->query->budget, -(int64_t)(s->cap * sizeof *s->counts));
    mem_free(s->counts);
    ht_free(&s->rows);
}

const OpDef op_setop = {"SetOp", sizeof(OpSetOp), setop_open, setop_next, setop_close};
