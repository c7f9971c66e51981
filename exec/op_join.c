/* Joins.  The right side is kept in memory; with keys it is hashed, else every pair is tried.
 * Pairs come in batches of candidates; the filter decides, and marks which rows found a partner.
 * Left rows without one follow at the end of each left batch, right rows at the very end. */
#include "exec/op_private.h"

typedef enum JoinPhase {
    JOIN_BUILD,
    JOIN_FETCH,
    JOIN_PAIRS,
    JOIN_LEFT_REST,
    JOIN_RIGHT_REST,
    JOIN_DONE
} JoinPhase;

typedef struct OpJoin {
    Op op;
    RowStore rows;   /* of the right side */
    HashTable keys;  /* of the right side ... */
    uint32_t *head;  /* ... id -> first row, */
    uint32_t *chain; /* row -> next row with the same key */
    size_t head_cap, chain_cap;
    bool null_key; /* some right row has a NULL key */
    uint64_t *right_matched;
    size_t left_cols, right_cols;
    JoinPhase phase;
    Batch *left;
    uint32_t *left_ids; /* key id of each selected left row */
    uint64_t left_matched[BATCH_ROWS / 64];
    size_t left_at;    /* selected row, */
    uint32_t right_at; /* right row to try next, ROW_NONE: begin of its chain */
    size_t rest_at;
    Arena left_arena; /* what belongs to the left batch */
    Batch batch;
} OpJoin;

static const PlanJoin *join_plan(const OpJoin *j)
{
    return (const PlanJoin *)j->op.plan;
}

static bool join_outputs_right(JoinType t)
{
    return t != JOIN_SEMI && t != JOIN_ANTI;
}

static bool join_open(Op *op, Err *e)
{
    OpJoin *j = (OpJoin *)op;
    const PlanJoin *plan = join_plan(j);
    const Plan *right = plan->p.right;
    j->left_cols = plan->p.child->col_count;
    j->right_cols = right->col_count;
    arena_init(&j->left_arena, &op->x->query->budget);
    store_init(&j->rows, right->types, right->col_count, &op->x->query->budget);
    TypeId *types = ARENA_ARRAY(&op->arena, TypeId, plan->key_count + 1);
    for (size_t k = 0; k < plan->key_count; k++)
        types[k] = plan->right_keys[k]->type;
    ht_init(&j->keys, types, plan->key_count, &op->x->query->budget);
    j->left_ids = arena_alloc(&op->arena, BATCH_ROWS * sizeof *j->left_ids);
    return op_open(&op->right, op->x, right, e) && op_open_child(op, e);
}

/* ---- the right side ---- */

/* Rows whose keys are all there; *dropped: some were not. */
static const uint16_t *keyed_rows(const Vector *keys, size_t n_keys, const Batch *b, size_t *n,
                                  bool *dropped, Arena *a)
{
    uint16_t *kept = arena_alloc(a, (batch_count(b) + 1) * sizeof *kept);
    size_t count = 0;
    for (size_t i = 0; i < batch_count(b); i++) {
        size_t row = batch_row(b, i);
        bool null = false;
        for (size_t k = 0; k < n_keys; k++)
            null |= vec_is_null(&keys[k], row);
        kept[count] = (uint16_t)row;
        count += !null;
        *dropped |= null;
    }
    *n = count;
    return kept;
}

static void *join_grow(OpJoin *j, uint32_t *ptr, size_t *cap, size_t need)
{
    if (need <= *cap)
        return ptr;
    size_t size = need * 2;
    budget_charge(&j->op.x->query->budget, (int64_t)((size - *cap) * sizeof *ptr));
    ptr = mem_realloc(ptr, size * sizeof *ptr);
    for (size_t i = *cap; i < size; i++)
        ptr[i] = ROW_NONE;
    *cap = size;
    return ptr;
}

static bool build_add(OpJoin *j, const Batch *in, Err *e)
{
    const PlanJoin *plan = join_plan(j);
    uint32_t ids[BATCH_ROWS];
    Op *op = &j->op;
    arena_reset(&op->scratch);
    uint32_t first = (uint32_t)j->rows.rows;
    Batch dense = *in;
    if (plan->key_count == 0) {
        store_add_batch(&j->rows, in);
        return true;
    }
    Vector *keys = ARENA_ARRAY(&op->scratch, Vector, plan->key_count);
    for (size_t k = 0; k < plan->key_count; k++)
        if (!expr_eval(op_ctx(op), plan->right_keys[k], in, &keys[k], e))
            return false;
    size_t n;
    const uint16_t *sel = keyed_rows(keys, plan->key_count, in, &n, &j->null_key, &op->scratch);
    /* Rows with NULL keys match nothing; only RIGHT and FULL hand them out. */
    bool keep_all = plan->type == JOIN_RIGHT || plan->type == JOIN_FULL;
    store_add(&j->rows, in->cols, keep_all ? dense.sel : sel, keep_all ? batch_count(in) : n);
    j->chain = join_grow(j, j->chain, &j->chain_cap, j->rows.rows);
    ht_put(&j->keys, keys, sel, n, ids);
    j->head = join_grow(j, j->head, &j->head_cap, j->keys.count);
    for (size_t i = 0, at = 0; i < n; i++, at++) {
        while (keep_all && batch_row(in, at) != sel[i])
            at++;
        uint32_t row = first + (uint32_t)at;
        j->chain[row] = j->head[ids[i]];
        j->head[ids[i]] = row;
    }
    return true;
}

static QueryStatus join_build(OpJoin *j, Err *e)
{
    Batch *in;
    QueryStatus st;
    while ((st = op_next(j->op.right, &in, e)) == QUERY_BATCH)
        if (!build_add(j, in, e))
            return QUERY_FAIL;
    if (st != QUERY_END)
        return st;
    op_close(j->op.right);
    j->op.right = NULL;
    j->right_matched = ARENA_ARRAY(&j->op.arena, uint64_t, BITMAP_WORDS(j->rows.rows) + 1);
    return QUERY_END;
}

/* ---- the left side ---- */

static QueryStatus join_fetch(OpJoin *j, Err *e)
{
    const PlanJoin *plan = join_plan(j);
    QueryStatus st = op_next(j->op.child, &j->left, e);
    if (st != QUERY_BATCH)
        return st;
    arena_reset(&j->left_arena);
    memset(j->left_matched, 0, sizeof j->left_matched);
    j->left_at = j->rest_at = 0;
    j->right_at = ROW_NONE;
    if (plan->key_count == 0)
        return QUERY_BATCH;
    Vector *keys = ARENA_ARRAY(&j->left_arena, Vector, plan->key_count);
    j->op.x->ctx.scratch = &j->left_arena;
    for (size_t k = 0; k < plan->key_count; k++)
        if (!expr_eval(&j->op.x->ctx, plan->left_keys[k], j->left, &keys[k], e))
            return QUERY_FAIL;
    size_t n = batch_count(j->left);
    ht_find(&j->keys, keys, j->left->sel, n, j->left_ids);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < plan->key_count; k++)
            if (vec_is_null(&keys[k], batch_row(j->left, i))) {
                j->left_ids[i] = HT_NONE;
                /* NOT IN: NULL against a non-empty set is unknown, so the row goes. */
                if (plan->null_aware && j->rows.rows + j->null_key > 0)
                    bitmap_set(j->left_matched, i);
            }
    return QUERY_BATCH;
}

/* ---- candidate pairs ---- */

typedef struct Pairs {
    uint16_t left[BATCH_ROWS]; /* physical row */
    uint16_t at[BATCH_ROWS];   /* selected row */
    uint32_t right[BATCH_ROWS];
    size_t count;
} Pairs;

/* Moves to the next candidate of the current left row; false: it has no more. */
static bool next_candidate(OpJoin *j, uint32_t *right)
{
    const PlanJoin *plan = join_plan(j);
    if (plan->key_count == 0) {
        *right = j->right_at == ROW_NONE ? 0 : j->right_at;
        if (*right >= j->rows.rows)
            return false;
        j->right_at = *right + 1;
        return true;
    }
    if (j->right_at == ROW_NONE) {
        uint32_t id = j->left_ids[j->left_at];
        j->right_at = id == HT_NONE ? ROW_NONE : j->head[id];
        if (j->right_at == ROW_NONE)
            return false;
    } else {
        j->right_at = j->chain[j->right_at];
    }
    *right = j->right_at;
    return *right != ROW_NONE;
}

static void collect_pairs(OpJoin *j, Pairs *p)
{
    const PlanJoin *plan = join_plan(j);
    bool one_is_enough = !join_outputs_right(plan->type);
    size_t n = batch_count(j->left);
    p->count = 0;
    while (j->left_at < n && p->count < BATCH_ROWS) {
        uint32_t right;
        bool settled = one_is_enough && bitmap_get(j->left_matched, j->left_at);
        if (settled || !next_candidate(j, &right)) {
            j->left_at++;
            j->right_at = ROW_NONE;
            continue;
        }
        p->left[p->count] = (uint16_t)batch_row(j->left, j->left_at);
        p->at[p->count] = (uint16_t)j->left_at;
        p->right[p->count++] = right;
        if (one_is_enough && !plan->filter) {
            bitmap_set(j->left_matched, j->left_at++);
            j->right_at = ROW_NONE;
        }
    }
}

static void pair_columns(OpJoin *j, const Pairs *p, Batch *out)
{
    Arena *a = &j->op.scratch;
    *out = *batch_new(a, j->left_cols + j->right_cols);
    for (size_t c = 0; c < j->left_cols; c++)
        vec_gather(&out->cols[c], &j->left->cols[c], p->left, p->count, a);
    for (size_t c = 0; c < j->right_cols; c++)
        store_gather(&j->rows, c, p->right, p->count, &out->cols[j->left_cols + c], a);
    out->rows = p->count;
}

static QueryStatus join_pairs(OpJoin *j, Batch **out, Err *e)
{
    const PlanJoin *plan = join_plan(j);
    Pairs p;
    collect_pairs(j, &p);
    if (p.count == 0)
        return QUERY_END;
    arena_reset(&j->op.scratch);
    bool emits = join_outputs_right(plan->type);
    j->batch = (Batch){0};
    if (!emits && !plan->filter) {
        *out = &j->batch;
        return QUERY_BATCH;
    }
    pair_columns(j, &p, &j->batch);
    if (plan->filter && !expr_filter(op_ctx(&j->op), plan->filter, &j->batch, e))
        return QUERY_FAIL;
    for (size_t i = 0; i < batch_count(&j->batch); i++) {
        size_t pair = batch_row(&j->batch, i);
        bitmap_set(j->left_matched, p.at[pair]);
        bitmap_set(j->right_matched, p.right[pair]);
    }
    if (!emits)
        j->batch = (Batch){0};
    *out = &j->batch;
    return QUERY_BATCH;
}

/* ---- rows without a partner ---- */

static bool join_left_rest(OpJoin *j, Batch **out)
{
    const PlanJoin *plan = join_plan(j);
    JoinType t = plan->type;
    if (t == JOIN_INNER || t == JOIN_RIGHT)
        return false;
    arena_reset(&j->op.scratch);
    bool want = t == JOIN_SEMI;
    size_t n = batch_count(j->left), kept = 0;
    uint16_t *sel = arena_alloc(&j->op.scratch, (n + 1) * sizeof *sel);
    for (size_t i = 0; i < n; i++)
        if (bitmap_get(j->left_matched, i) == want)
            sel[kept++] = (uint16_t)batch_row(j->left, i);
    if (t == JOIN_ANTI && plan->null_aware && j->null_key)
        kept = 0; /* NOT IN with a NULL in the set is never true */
    j->batch = *batch_new(&j->op.scratch, plan->p.col_count);
    memcpy(j->batch.cols, j->left->cols, j->left_cols * sizeof(Vector));
    if (join_outputs_right(t))
        for (size_t c = 0; c < j->right_cols; c++)
            vec_null_const(&j->batch.cols[j->left_cols + c], j->rows.types[c]);
    j->batch.rows = j->left->rows;
    j->batch.sel = sel;
    j->batch.sel_count = kept;
    *out = &j->batch;
    return kept > 0;
}

static bool join_right_rest(OpJoin *j, Batch **out)
{
    uint32_t ids[BATCH_ROWS];
    size_t n = 0;
    JoinType t = join_plan(j)->type;
    if (t != JOIN_RIGHT && t != JOIN_FULL)
        return false;
    for (; j->rest_at < j->rows.rows && n < BATCH_ROWS; j->rest_at++)
        if (!bitmap_get(j->right_matched, j->rest_at))
            ids[n++] = (uint32_t)j->rest_at;
    if (n == 0)
        return false;
    arena_reset(&j->op.scratch);
    j->batch = *batch_new(&j->op.scratch, j->left_cols + j->right_cols);
    for (size_t c = 0; c < j->left_cols; c++)
        vec_null_const(&j->batch.cols[c], j->op.plan->child->types[c]);
    for (size_t c = 0; c < j->right_cols; c++)
        store_gather(&j->rows, c, ids, n, &j->batch.cols[j->left_cols + c], &j->op.scratch);
    j->batch.rows = n;
    *out = &j->batch;
    return true;
}

static QueryStatus join_next(Op *op, Batch **out, Err *e)
{
    OpJoin *j = (OpJoin *)op;
    QueryStatus st;
    for (;;) {
        switch (j->phase) {
        case JOIN_BUILD:
            if ((st = join_build(j, e)) != QUERY_END)
                return st;
            j->phase = JOIN_FETCH;
            break;
        case JOIN_FETCH:
            if ((st = join_fetch(j, e)) == QUERY_END) {
                j->rest_at = 0;
                j->phase = JOIN_RIGHT_REST;
                break;
            }
            if (st != QUERY_BATCH)
                return st;
            j->phase = JOIN_PAIRS;
            break;
        case JOIN_PAIRS:
            if ((st = join_pairs(j, out, e)) != QUERY_END)
                return st;
            j->phase = JOIN_LEFT_REST;
            break;
        case JOIN_LEFT_REST:
            j->phase = JOIN_FETCH;
            if (join_left_rest(j, out))
                return QUERY_BATCH;
            break;
        case JOIN_RIGHT_REST:
            if (join_right_rest(j, out))
                return QUERY_BATCH;
            j->phase = JOIN_DONE;
            break;
        case JOIN_DONE:
            return QUERY_END;
        }
    }
}

static void join_close(Op *op)
{
    OpJoin *j = (OpJoin *)op;
    budget_charge(&op->x->query->budget,
                  -(int64_t)((j->head_cap + j->chain_cap) * sizeof *j->head));
    mem_free(j->head);
    mem_free(j->chain);
    ht_free(&j->keys);
    if (j->rows.types)
        store_free(&j->rows);
    arena_free(&j->left_arena);
}

const OpDef op_join = {"Join", sizeof(OpJoin), join_open, join_next, join_close};
