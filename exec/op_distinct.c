/* DISTINCT, DISTINCT ON, INTERSECT, EXCEPT.  What memory does not hold waits in parts of a file, cut by the hash
 * of the keys, until all rows have come; then each part is worked on by itself. */
#include "exec/op_private.h"

/* ---- DISTINCT: the first row of each key passes ---- */

typedef struct OpDistinct {
    Op op;
    HashTable seen;
    TypeId *types;
    Vector *keys;
    size_t key_count;
    bool closed;         /* no more keys are taken in: rows with others wait in */
    SpillParts *waiting; /* this file */
    PartWalk walk;
    bool reading; /* a part is the input */
    Batch part;
    Batch batch;
} OpDistinct;

static bool distinct_open(Op *op, Err *e)
{
    OpDistinct *d = (OpDistinct *)op;
    const PlanDistinct *plan = (const PlanDistinct *)op->plan;
    d->key_count = plan->keys ? plan->key_count : plan->p.col_count;
    d->types = ARENA_ARRAY(&op->arena, TypeId, d->key_count + 1);
    for (size_t k = 0; k < d->key_count; k++)
        d->types[k] = plan->keys ? plan->keys[k]->type : plan->p.types[k];
    d->keys = ARENA_ARRAY(&op->arena, Vector, d->key_count + 1);
    ht_init(&d->seen, d->types, d->key_count, &op->x->query->budget);
    partwalk_init(&d->walk, op->x->query);
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

static void note_seen(OpDistinct *d)
{
    OpStats *st = d->op.stats;
    if (st && (int64_t)ht_bytes(&d->seen) > st->bytes_max)
        st->bytes_max = (int64_t)ht_bytes(&d->seen);
}

/* Rows with unseen keys into the file. */
static bool distinct_wait(OpDistinct *d, const Batch *in, Err *e)
{
    const Plan *plan = d->op.plan;
    uint32_t ids[BATCH_ROWS];
    uint64_t hashes[BATCH_ROWS];
    size_t n = batch_count(in), count = 0;
    uint16_t *sel = arena_alloc(&d->op.scratch, (n + 1) * sizeof *sel);
    uint32_t level = d->reading ? partwalk_level(&d->walk) + 1 : 0;
    ht_find(&d->seen, d->keys, in->sel, n, ids);
    for (size_t i = 0; i < n; i++)
        if (ids[i] == HT_NONE)
            sel[count++] = (uint16_t)batch_row(in, i);
    if (count == 0)
        return true;
    if (!d->waiting && !parts_open(&d->waiting, d->op.x->query, plan->child->types,
                                   plan->child->col_count, level, e))
        return false;
    ht_hash(hashes, d->keys, d->key_count, sel, count);
    return parts_add(d->waiting, in->cols, sel, count, hashes, e);
}

/* The first row of each new key. */
static void distinct_pass(OpDistinct *d, const Batch *in)
{
    uint32_t ids[BATCH_ROWS];
    size_t n = batch_count(in), kept = 0;
    uint32_t next = (uint32_t)d->seen.count;
    uint16_t *sel = arena_alloc(&d->op.scratch, (n + 1) * sizeof *sel);
    ht_put(&d->seen, d->keys, in->sel, n, ids);
    for (size_t i = 0; i < n; i++)
        if (ids[i] == next) {
            sel[kept++] = (uint16_t)batch_row(in, i);
            next++;
        }
    d->batch = *in;
    d->batch.sel = sel;
    d->batch.sel_count = kept;
    note_seen(d);
    if (((const PlanDistinct *)d->op.plan)->sorted) { /* only the last key can come again */
        uint16_t last = (uint16_t)batch_row(in, n - 1);
        ht_clear(&d->seen);
        ht_put(&d->seen, d->keys, &last, 1, ids);
        return;
    }
    d->closed = spill_due(d->op.x->query, ht_bytes(&d->seen), ht_growth(&d->seen, BATCH_ROWS)) &&
                (!d->reading || partwalk_level(&d->walk) < SPILL_LEVEL_MAX);
}

/* The input is over: what waits is the next one; QUERY_END: nothing does. */
static QueryStatus distinct_turn(OpDistinct *d, Err *e)
{
    OpStats *st = d->op.stats;
    if (d->waiting) {
        if (!parts_end(d->waiting, e))
            return QUERY_FAIL;
        if (st)
            st->spilled += parts_bytes(d->waiting);
        partwalk_push(&d->walk, &d->waiting, 1);
        d->waiting = NULL;
    }
    d->reading = true;
    d->closed = false;
    ht_free(&d->seen);
    ht_init(&d->seen, d->types, d->key_count, &d->op.x->query->budget);
    bool more = partwalk_next(&d->walk);
    if (st)
        st->parts = d->walk.parts;
    return more ? QUERY_BATCH : QUERY_END;
}

static QueryStatus distinct_input(OpDistinct *d, Batch **in, Err *e)
{
    if (!d->reading)
        return op_next(d->op.child, in, e);
    QueryStatus st = d->walk.top ? exec_tick(d->op.x, e) : QUERY_END;
    *in = &d->part;
    if (st != QUERY_BATCH)
        return st;
    if (!partwalk_batch(&d->walk, &d->part, e))
        return QUERY_FAIL;
    return d->part.rows ? QUERY_BATCH : QUERY_END;
}

static QueryStatus distinct_next(Op *op, Batch **out, Err *e)
{
    OpDistinct *d = (OpDistinct *)op;
    Batch *in;
    for (;;) {
        QueryStatus st = distinct_input(d, &in, e);
        if (st == QUERY_END)
            st = distinct_turn(d, e);
        else if (st == QUERY_BATCH)
            break;
        if (st != QUERY_BATCH)
            return st;
    }
    arena_reset(&op->scratch);
    if (!distinct_keys(d, in, e))
        return QUERY_FAIL;
    *out = &d->batch;
    d->batch = (Batch){0};
    if (!d->closed)
        distinct_pass(d, in);
    else if (!distinct_wait(d, in, e))
        return QUERY_FAIL;
    return QUERY_BATCH;
}

static void distinct_close(Op *op)
{
    OpDistinct *d = (OpDistinct *)op;
    ht_free(&d->seen);
    parts_close(d->waiting);
    partwalk_free(&d->walk);
}

const OpDef op_distinct = {"Distinct", sizeof(OpDistinct), distinct_open, distinct_next,
                           distinct_close};

/* ---- INTERSECT, EXCEPT: the right side is counted, the left side passes by ---- */

/* In the file each row has a mark: how often the right side has it, or one of these. */
enum { MARK_USED = -1, MARK_LEFT = -2 };

typedef struct OpSetOp {
    Op op;
    HashTable rows;
    int64_t
        *counts; /* of each key: how often the right side has it, less those used up; MARK_USED */
    size_t cap;
    TypeId *types;   /* of the columns, then of the mark */
    SpillParts *cut; /* memory is full: all rows go here */
    PartWalk walk;
    bool right_done, reading;
    Batch part;
    Batch batch;
} OpSetOp;

static const PlanSetOp *setop_plan(const OpSetOp *s)
{
    return (const PlanSetOp *)s->op.plan;
}

static bool setop_open(Op *op, Err *e)
{
    OpSetOp *s = (OpSetOp *)op;
    size_t cols = op->plan->col_count;
    s->types = ARENA_ARRAY(&op->arena, TypeId, cols + 1);
    memcpy(s->types, op->plan->types, cols * sizeof(TypeId));
    s->types[cols] = T_INT8;
    ht_init(&s->rows, op->plan->types, cols, &op->x->query->budget);
    partwalk_init(&s->walk, op->x->query);
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

static void setop_clear(OpSetOp *s)
{
    ht_free(&s->rows);
    ht_init(&s->rows, s->types, s->op.plan->col_count, &s->op.x->query->budget);
    budget_charge(&s->op.x->query->budget, -(int64_t)(s->cap * sizeof *s->counts));
    mem_free(s->counts);
    s->counts = NULL;
    s->cap = 0;
}

/* Rows of the right side, or of the file: marks, or NULL for one each. */
static void setop_absorb(OpSetOp *s, const Vector *cols, const uint16_t *sel, size_t n,
                         const int64_t *marks)
{
    uint32_t ids[BATCH_ROWS];
    ht_put(&s->rows, cols, sel, n, ids);
    setop_count(s);
    for (size_t i = 0; i < n; i++) {
        int64_t mark = marks ? marks[sel ? sel[i] : i] : 1;
        s->counts[ids[i]] = mark < 0 ? mark : s->counts[ids[i]] + mark;
    }
}

/* Does this left row pass?  Without ALL a key passes once: its count is then marked as used. */
static bool setop_passes(OpSetOp *s, uint32_t id)
{
    const PlanSetOp *plan = setop_plan(s);
    bool intersect = plan->op == SETOP_INTERSECT;
    if (id == HT_NONE)
        return !intersect;
    int64_t *count = &s->counts[id];
    if (plan->all) {
        bool have = *count > 0;
        *count -= have;
        return intersect ? have : !have;
    }
    bool wanted = intersect ? *count > 0 : *count == 0;
    if (wanted)
        *count = MARK_USED;
    return wanted;
}

/* Left rows: s->batch is what passes. */
static void setop_pass(OpSetOp *s, const Batch *in, const uint16_t *sel, size_t n)
{
    const PlanSetOp *plan = setop_plan(s);
    uint32_t ids[BATCH_ROWS];
    size_t kept = 0;
    uint16_t *out = arena_alloc(&s->op.scratch, (n + 1) * sizeof *out);
    if (plan->op == SETOP_EXCEPT && !plan->all) {
        ht_put(&s->rows, in->cols, sel, n, ids); /* each passes once */
        setop_count(s);
    } else {
        ht_find(&s->rows, in->cols, sel, n, ids);
    }
    for (size_t i = 0; i < n; i++)
        if (setop_passes(s, ids[i]))
            out[kept++] = sel ? sel[i] : (uint16_t)i;
    s->batch = *in;
    s->batch.col_count = plan->p.col_count;
    s->batch.sel = out;
    s->batch.sel_count = kept;
}

/* ---- beyond memory ---- */

static bool cut_rows(OpSetOp *s, const Vector *cols, const uint16_t *sel, size_t n,
                     const Vector *mark, Err *e)
{
    uint64_t hashes[BATCH_ROWS];
    size_t count = s->op.plan->col_count;
    Vector *v = ARENA_ARRAY(&s->op.scratch, Vector, count + 1);
    memcpy(v, cols, count * sizeof *v);
    v[count] = *mark;
    ht_hash(hashes, v, count, sel, n);
    return parts_add(s->cut, v, sel, n, hashes, e);
}

static bool cut_input(OpSetOp *s, const Batch *in, int64_t mark, Err *e)
{
    Vector marks;
    Value v = value_i64(mark);
    vec_init_const(&marks, T_INT8, &v, &s->op.scratch);
    return cut_rows(s, in->cols, in->sel, batch_count(in), &marks, e);
}

/* The table goes into the file, and so will all rows to come. */
static bool setop_cut(OpSetOp *s, Err *e)
{
    size_t cols = s->op.plan->col_count;
    uint32_t level = s->reading ? partwalk_level(&s->walk) + 1 : 0;
    if (!parts_open(&s->cut, s->op.x->query, s->types, cols + 1, level, e))
        return false;
    Vector *keys = ARENA_ARRAY(&s->op.arena, Vector, cols + 1);
    for (size_t at = 0; at < s->rows.count; at += BATCH_ROWS) {
        size_t left = s->rows.count - at, n = left < BATCH_ROWS ? left : BATCH_ROWS;
        Vector marks = {.type = T_INT8, .phys = PH_I64, .kind = VEC_FLAT};
        marks.v.i64 = s->counts + at;
        for (size_t c = 0; c < cols; c++)
            ht_keys(&s->rows, c, at, &keys[c]);
        arena_reset(&s->op.scratch);
        if (!cut_rows(s, keys, NULL, n, &marks, e))
            return false;
    }
    setop_clear(s);
    return true;
}

static bool setop_full(const OpSetOp *s)
{
    OpStats *st = s->op.stats;
    size_t own = ht_bytes(&s->rows) + s->cap * sizeof *s->counts;
    size_t more = s->rows.count + BATCH_ROWS > s->cap ? s->cap * sizeof *s->counts : 0;
    if (st && (int64_t)own > st->bytes_max)
        st->bytes_max = (int64_t)own;
    return (!s->reading || partwalk_level(&s->walk) < SPILL_LEVEL_MAX) &&
           spill_due(s->op.x->query, own, more + ht_growth(&s->rows, BATCH_ROWS));
}

/* A batch of a part: counted rows first, then left ones. */
static bool setop_part(OpSetOp *s, const Batch *in, Err *e)
{
    uint16_t sel[2][BATCH_ROWS];
    size_t n[2] = {0, 0};
    const Vector *marks = &in->cols[s->op.plan->col_count];
    if (s->cut)
        return cut_rows(s, in->cols, NULL, in->rows, marks, e);
    for (size_t r = 0; r < in->rows; r++) {
        bool left = marks->v.i64[r] == MARK_LEFT;
        sel[left][n[left]++] = (uint16_t)r;
    }
    if (n[0] > 0)
        setop_absorb(s, in->cols, sel[0], n[0], marks->v.i64);
    setop_pass(s, in, sel[1], n[1]);
    return true;
}

/* One batch of any input. */
static bool setop_take(OpSetOp *s, const Batch *in, Err *e)
{
    arena_reset(&s->op.scratch);
    s->batch = (Batch){0};
    if (s->reading)
        return setop_part(s, in, e);
    if (s->cut)
        return cut_input(s, in, s->right_done ? MARK_LEFT : 1, e);
    if (s->right_done)
        setop_pass(s, in, in->sel, batch_count(in));
    else
        setop_absorb(s, in->cols, in->sel, batch_count(in), NULL);
    return true;
}

/* The input is over: to the next one; QUERY_END: there is none. */
static QueryStatus setop_turn(OpSetOp *s, Err *e)
{
    OpStats *st = s->op.stats;
    if (!s->right_done) {
        s->right_done = true;
        return QUERY_BATCH;
    }
    if (s->cut) {
        if (!parts_end(s->cut, e))
            return QUERY_FAIL;
        if (st)
            st->spilled += parts_bytes(s->cut);
        partwalk_push(&s->walk, &s->cut, 1);
        s->cut = NULL;
    }
    s->reading = true;
    setop_clear(s);
    bool more = partwalk_next(&s->walk);
    if (st)
        st->parts = s->walk.parts;
    return more ? QUERY_BATCH : QUERY_END;
}

static QueryStatus setop_input(OpSetOp *s, Batch **in, Err *e)
{
    if (!s->reading)
        return op_next(s->right_done ? s->op.child : s->op.right, in, e);
    QueryStatus st = s->walk.top ? exec_tick(s->op.x, e) : QUERY_END;
    *in = &s->part;
    if (st != QUERY_BATCH)
        return st;
    if (!partwalk_batch(&s->walk, &s->part, e))
        return QUERY_FAIL;
    return s->part.rows ? QUERY_BATCH : QUERY_END;
}

static QueryStatus setop_next(Op *op, Batch **out, Err *e)
{
    OpSetOp *s = (OpSetOp *)op;
    Batch *in;
    *out = &s->batch;
    for (;;) {
        /* What the batch before has put into the table goes to the file only now: it is still read. */
        if (!s->cut && setop_full(s) && !setop_cut(s, e))
            return QUERY_FAIL;
        QueryStatus st = setop_input(s, &in, e);
        if (st == QUERY_END)
            st = setop_turn(s, e);
        else if (st == QUERY_BATCH && !setop_take(s, in, e))
            return QUERY_FAIL;
        else if (st == QUERY_BATCH && batch_count(&s->batch) > 0)
            return QUERY_BATCH;
        if (st != QUERY_BATCH)
            return st;
    }
}

static void setop_close(Op *op)
{
    OpSetOp *s = (OpSetOp *)op;
    budget_charge(&op->x->query->budget, -(int64_t)(s->cap * sizeof *s->counts));
    mem_free(s->counts);
    ht_free(&s->rows);
    parts_close(s->cut);
    partwalk_free(&s->walk);
}

const OpDef op_setop = {"SetOp", sizeof(OpSetOp), setop_open, setop_next, setop_close};
