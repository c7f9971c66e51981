/* Joins.  The right side is kept in memory; with keys it is hashed, else every pair is tried.
 * Pairs come in batches of candidates; the filter decides, and marks which rows found a partner.
 * Left rows without one follow at the end of each left batch, right rows at the very end.
 *
 * A right side that memory does not hold is cut by the hash of its keys into parts of a file, and so is the left
 * side; then each pair of parts is joined by itself, and cut once more if need be.  A part that does not
 * get smaller by that (one frequent key, or no keys) comes into memory in chunks, and the left part is read
 * again for each.  The rows then come in no order. */
#include "exec/op_private.h"

typedef enum JoinPhase {
    JOIN_BUILD,
    JOIN_DUMP,
    JOIN_CUT_LEFT,
    JOIN_FETCH,
    JOIN_PAIRS,
    JOIN_LEFT_REST,
    JOIN_RIGHT_REST,
    JOIN_NEXT,
    JOIN_DONE
} JoinPhase;

enum { RIGHT_FILE, LEFT_FILE };

/* What is read instead of the inputs: a pair of parts. */
typedef struct JoinParts {
    SpillParts *cut[2]; /* being written */
    PartWalk walk;
    bool active;
    size_t blocks[2];
    Arena arenas[2];
    Batch batches[2];
    uint64_t
        level_rows[SPILL_LEVEL_MAX + 2]; /* right rows that were cut into the parts of a level */
    size_t dumped;                       /* batches of the rows in memory */
    bool chunks, last_chunk;             /* the right part comes in chunks; this one is the last */
    uint64_t *left_matched;              /* with chunks: of all rows of the left part */
    size_t left_words;
    uint64_t left_row; /* rows of it before the batch */
} JoinParts;

typedef struct OpJoin {
    Op op;
    RowStore rows; /* of the right side */
    TypeId *key_types;
    HashTable keys;  /* of the right side ... */
    uint32_t *head;  /* ... id -> first row, */
    uint32_t *chain; /* row -> next row with the same key */
    size_t head_cap, chain_cap;
    bool null_key;        /* some right row has a NULL key */
    uint64_t right_total; /* rows of the whole right side */
    uint64_t *right_matched;
    size_t right_words;
    size_t left_cols, right_cols;
    JoinPhase phase;
    Batch *left;
    uint32_t *left_ids; /* key id of each selected left row */
    uint64_t left_matched[BATCH_ROWS / 64];
    uint64_t left_null[BATCH_ROWS / 64]; /* rows with a NULL key */
    size_t left_at;                      /* selected row, */
    uint32_t right_at;                   /* right row to try next, ROW_NONE: begin of its chain */
    size_t rest_at;
    Arena left_arena; /* what belongs to the left batch */
    Batch batch;
    JoinParts parts;
} OpJoin;

static const PlanJoin *join_plan(const OpJoin *j)
{
    return (const PlanJoin *)j->op.plan;
}

static bool join_outputs_right(JoinType t)
{
    return t != JOIN_SEMI && t != JOIN_ANTI && t != JOIN_MARK;
}

static bool join_open(Op *op, Err *e)
{
    OpJoin *j = (OpJoin *)op;
    const PlanJoin *plan = join_plan(j);
    const Plan *right = plan->p.right;
    j->left_cols = plan->p.child->col_count;
    j->right_cols = right->col_count;
    arena_init(&j->left_arena, &op->x->query->budget);
    partwalk_init(&j->parts.walk, op->x->query);
    for (int i = 0; i < 2; i++)
        arena_init(&j->parts.arenas[i], &op->x->query->budget);
    store_init(&j->rows, right->types, right->col_count, &op->x->query->budget);
    j->key_types = ARENA_ARRAY(&op->arena, TypeId, plan->key_count + 1);
    for (size_t k = 0; k < plan->key_count; k++)
        j->key_types[k] = plan->right_keys[k]->type;
    ht_init(&j->keys, j->key_types, plan->key_count, &op->x->query->budget);
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

/* A cleared bitmap of n bits. */
static uint64_t *join_bits(OpJoin *j, uint64_t *bits, size_t *words, size_t n)
{
    size_t need = BITMAP_WORDS(n) + 1;
    if (need > *words) {
        budget_charge(&j->op.x->query->budget, (int64_t)((need - *words) * sizeof *bits));
        bits = mem_realloc(bits, need * sizeof *bits);
        *words = need;
    }
    memset(bits, 0, need * sizeof *bits);
    return bits;
}

/* The keys of the right rows, and which rows have all of them. */
static bool right_keys(OpJoin *j, const Batch *in, Vector **keys, const uint16_t **sel, size_t *n,
                       Err *e)
{
    const PlanJoin *plan = join_plan(j);
    Op *op = &j->op;
    arena_reset(&op->scratch);
    *keys = ARENA_ARRAY(&op->scratch, Vector, plan->key_count + 1);
    for (size_t k = 0; k < plan->key_count; k++)
        if (!expr_eval(op_ctx(op), plan->right_keys[k], in, &(*keys)[k], e))
            return false;
    *sel = keyed_rows(*keys, plan->key_count, in, n, &j->null_key, &op->scratch);
    return true;
}

/* Rows with NULL keys match nothing; only RIGHT and FULL hand them out. */
static bool keeps_all(const PlanJoin *plan)
{
    return plan->type == JOIN_RIGHT || plan->type == JOIN_FULL || plan->key_count == 0;
}

static bool build_add(OpJoin *j, const Batch *in, Err *e)
{
    const PlanJoin *plan = join_plan(j);
    uint32_t ids[BATCH_ROWS];
    uint32_t first = (uint32_t)j->rows.rows;
    if (plan->key_count == 0) {
        store_add_batch(&j->rows, in);
        return true;
    }
    Vector *keys;
    const uint16_t *sel;
    size_t n;
    if (!right_keys(j, in, &keys, &sel, &n, e))
        return false;
    bool keep_all = keeps_all(plan);
    store_add(&j->rows, in->cols, keep_all ? in->sel : sel, keep_all ? batch_count(in) : n);
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

static size_t join_bytes(const OpJoin *j)
{
    return j->rows.arena.used + ht_bytes(&j->keys) +
           (j->head_cap + j->chain_cap) * sizeof *j->head +
           (j->right_words + j->parts.left_words) * sizeof *j->right_matched;
}

static bool join_full(const OpJoin *j)
{
    size_t more = ht_growth(&j->keys, BATCH_ROWS);
    if (j->rows.rows + BATCH_ROWS > j->chain_cap)
        more += (j->chain_cap + j->head_cap) * sizeof *j->chain;
    return spill_due(j->op.x->query, join_bytes(j), more);
}

/* No rows in memory. */
static void build_clear(OpJoin *j)
{
    arena_free(&j->rows.arena);
    store_clear(&j->rows);
    ht_free(&j->keys);
    ht_init(&j->keys, j->key_types, join_plan(j)->key_count, &j->op.x->query->budget);
    budget_charge(&j->op.x->query->budget,
                  -(int64_t)((j->head_cap + j->chain_cap) * sizeof *j->head));
    mem_free(j->head);
    mem_free(j->chain);
    j->head = j->chain = NULL;
    j->head_cap = j->chain_cap = 0;
}

/* ---- parts ---- */

static uint32_t next_level(const OpJoin *j)
{
    return j->parts.active ? partwalk_level(&j->parts.walk) + 1 : 0;
}

/* Does cutting make the parts smaller? */
static bool can_cut(const OpJoin *j)
{
    const JoinParts *p = &j->parts;
    uint32_t level = next_level(j);
    if (!p->active)
        return true; /* without keys: into one part */
    return join_plan(j)->key_count > 0 && level <= SPILL_LEVEL_MAX &&
           partwalk_rows(&p->walk, RIGHT_FILE) < p->level_rows[level - 1] / 8 * 7;
}

static bool cut_open(OpJoin *j, int file, Err *e)
{
    const Plan *plan = file == RIGHT_FILE ? j->op.plan->right : j->op.plan->child;
    return parts_open(&j->parts.cut[file], j->op.x->query, plan->types, plan->col_count,
                      next_level(j), e);
}

static bool cut_right(OpJoin *j, const Batch *in, Err *e)
{
    const PlanJoin *plan = join_plan(j);
    uint64_t hashes[BATCH_ROWS];
    Vector *keys;
    const uint16_t *sel;
    size_t n;
    if (!right_keys(j, in, &keys, &sel, &n, e))
        return false;
    if (keeps_all(plan)) {
        sel = in->sel;
        n = batch_count(in);
    }
    ht_hash(hashes, keys, plan->key_count, sel, n);
    j->parts.level_rows[next_level(j)] += n;
    return parts_add(j->parts.cut[RIGHT_FILE], in->cols, sel, n, plan->key_count ? hashes : NULL,
                     e);
}

static bool left_keys(OpJoin *j, Vector **keys, Err *e)
{
    const PlanJoin *plan = join_plan(j);
    arena_reset(&j->left_arena);
    *keys = ARENA_ARRAY(&j->left_arena, Vector, plan->key_count + 1);
    j->op.x->ctx.scratch = &j->left_arena;
    for (size_t k = 0; k < plan->key_count; k++)
        if (!expr_eval(&j->op.x->ctx, plan->left_keys[k], j->left, &(*keys)[k], e))
            return false;
    return true;
}

static bool cut_left(OpJoin *j, Err *e)
{
    const PlanJoin *plan = join_plan(j);
    const Batch *in = j->left;
    uint64_t hashes[BATCH_ROWS];
    Vector *keys;
    if (!left_keys(j, &keys, e))
        return false;
    ht_hash(hashes, keys, plan->key_count, in->sel, batch_count(in));
    return parts_add(j->parts.cut[LEFT_FILE], in->cols, in->sel, batch_count(in),
                     plan->key_count ? hashes : NULL, e);
}

/* The next rows of one side: of the part, or of the input. */
static QueryStatus side_next(OpJoin *j, int file, Batch **out, Err *e)
{
    JoinParts *p = &j->parts;
    if (!p->active)
        return op_next(file == RIGHT_FILE ? j->op.right : j->op.child, out, e);
    QueryStatus st = exec_tick(j->op.x, e);
    if (st != QUERY_BATCH)
        return st;
    *out = &p->batches[file];
    if (!partwalk_get(&p->walk, file, &p->blocks[file], *out, &p->arenas[file], e))
        return QUERY_FAIL;
    return (*out)->rows > 0 ? QUERY_BATCH : QUERY_END;
}

/* What is in memory goes into the parts. */
static QueryStatus join_dump(OpJoin *j, Err *e)
{
    JoinParts *p = &j->parts;
    if (!p->cut[RIGHT_FILE]) {
        p->level_rows[next_level(j)] = 0;
        p->dumped = 0;
        if (!cut_open(j, RIGHT_FILE, e))
            return QUERY_FAIL;
    }
    while (p->dumped < j->rows.batch_count) {
        if (!cut_right(j, j->rows.batches[p->dumped++], e))
            return QUERY_FAIL;
        QueryStatus st = exec_tick(j->op.x, e);
        if (st != QUERY_BATCH)
            return st;
    }
    build_clear(j);
    return QUERY_BATCH;
}

static QueryStatus join_cut_left(OpJoin *j, Err *e)
{
    JoinParts *p = &j->parts;
    QueryStatus st;
    if (!p->cut[LEFT_FILE] && !cut_open(j, LEFT_FILE, e))
        return QUERY_FAIL;
    while ((st = side_next(j, LEFT_FILE, &j->left, e)) == QUERY_BATCH)
        if (!cut_left(j, e))
            return QUERY_FAIL;
    if (st != QUERY_END)
        return st;
    for (int i = 0; i < 2; i++) {
        if (!parts_end(p->cut[i], e))
            return QUERY_FAIL;
        if (j->op.stats)
            j->op.stats->spilled += parts_bytes(p->cut[i]);
    }
    partwalk_push(&p->walk, p->cut, 2);
    p->cut[0] = p->cut[1] = NULL;
    return QUERY_END;
}

/* Can the pair give any rows? */
static bool part_matters(const OpJoin *j)
{
    const PartWalk *w = &j->parts.walk;
    JoinType t = join_plan(j)->type;
    if (partwalk_rows(w, RIGHT_FILE) == 0)
        return t == JOIN_LEFT || t == JOIN_FULL || t == JOIN_ANTI || t == JOIN_MARK;
    return partwalk_rows(w, LEFT_FILE) > 0 || t == JOIN_RIGHT || t == JOIN_FULL;
}

/* To the next chunk of the part, or to the next pair of parts; false: that was all. */
static bool join_next_part(OpJoin *j)
{
    JoinParts *p = &j->parts;
    bool again = p->chunks && !p->last_chunk;
    p->blocks[LEFT_FILE] = 0;
    p->left_row = 0;
    if (!again) {
        p->chunks = false;
        p->blocks[RIGHT_FILE] = 0;
        do {
            p->active = partwalk_next(&p->walk);
        } while (p->active && !part_matters(j));
        if (j->op.stats)
            j->op.stats->parts = p->walk.parts;
    }
    build_clear(j);
    return p->active;
}

/* ---- building ---- */

static void build_done(OpJoin *j, bool last)
{
    OpStats *st = j->op.stats;
    j->parts.last_chunk = last;
    j->right_matched = join_bits(j, j->right_matched, &j->right_words, j->rows.rows);
    if (st && (int64_t)join_bytes(j) > st->bytes_max)
        st->bytes_max = (int64_t)join_bytes(j);
}

/* Memory is full: the rest of the right side goes into parts, or waits for the next chunk. */
static JoinPhase build_full(OpJoin *j)
{
    JoinParts *p = &j->parts;
    if (!p->chunks && can_cut(j))
        return JOIN_DUMP;
    if (!p->chunks)
        p->left_matched =
            join_bits(j, p->left_matched, &p->left_words, partwalk_rows(&p->walk, LEFT_FILE));
    p->chunks = true;
    build_done(j, false);
    return JOIN_FETCH;
}

static QueryStatus join_build(OpJoin *j, Err *e)
{
    JoinParts *p = &j->parts;
    Batch *in;
    QueryStatus st;
    while ((st = side_next(j, RIGHT_FILE, &in, e)) == QUERY_BATCH) {
        if (!p->active)
            j->right_total += batch_count(in);
        if (p->cut[RIGHT_FILE] ? !cut_right(j, in, e) : !build_add(j, in, e))
            return QUERY_FAIL;
        if (!p->cut[RIGHT_FILE] && join_full(j)) {
            j->phase = build_full(j);
            return QUERY_BATCH;
        }
    }
    if (st != QUERY_END)
        return st;
    op_close(j->op.right);
    j->op.right = NULL;
    j->phase = p->cut[RIGHT_FILE] ? JOIN_CUT_LEFT : JOIN_FETCH;
    build_done(j, true);
    return QUERY_BATCH;
}

/* ---- the left side ---- */

static QueryStatus join_fetch(OpJoin *j, Err *e)
{
    const PlanJoin *plan = join_plan(j);
    JoinParts *p = &j->parts;
    Vector *keys;
    QueryStatus st = side_next(j, LEFT_FILE, &j->left, e);
    if (st != QUERY_BATCH)
        return st;
    memset(j->left_matched, 0, sizeof j->left_matched);
    memset(j->left_null, 0, sizeof j->left_null);
    size_t n = batch_count(j->left);
    for (size_t i = 0; p->chunks && i < n; i++)
        if (bitmap_get(p->left_matched, p->left_row + i))
            bitmap_set(j->left_matched, i);
    j->left_at = j->rest_at = 0;
    j->right_at = ROW_NONE;
    if (!left_keys(j, &keys, e))
        return QUERY_FAIL;
    if (plan->key_count == 0)
        return QUERY_BATCH;
    ht_find(&j->keys, keys, j->left->sel, n, j->left_ids);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < plan->key_count; k++)
            if (vec_is_null(&keys[k], batch_row(j->left, i))) {
                j->left_ids[i] = HT_NONE;
                bitmap_set(j->left_null, i);
                /* NOT IN: NULL against a non-empty set is unknown, so the row goes. */
                if (plan->null_aware && plan->type == JOIN_ANTI && j->right_total > 0)
                    bitmap_set(j->left_matched, i);
            }
    return QUERY_BATCH;
}

/* With chunks, the rows without a partner are known after the last one; true: it is. */
static bool left_is_done(OpJoin *j)
{
    JoinParts *p = &j->parts;
    size_t n = batch_count(j->left);
    if (!p->chunks)
        return true;
    for (size_t i = 0; i < n; i++)
        if (bitmap_get(j->left_matched, i))
            bitmap_set(p->left_matched, p->left_row + i);
    p->left_row += n;
    return p->last_chunk;
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

/* MARK: all rows, and whether they found a partner; IN is unknown where a NULL stands on either side. */
static bool join_marks(OpJoin *j, Batch **out)
{
    const PlanJoin *plan = join_plan(j);
    Arena *a = &j->op.scratch;
    size_t n = batch_count(j->left), rows = j->left->rows;
    bool any_right = j->right_total > 0;
    arena_reset(a);
    j->batch = *batch_new(a, plan->p.col_count);
    memcpy(j->batch.cols, j->left->cols, j->left_cols * sizeof(Vector));
    Vector *mark = &j->batch.cols[j->left_cols];
    vec_init_flat(mark, T_BOOL, rows, a);
    for (size_t i = 0; i < n; i++) {
        bool found = bitmap_get(j->left_matched, i);
        bool unknown = !found && plan->null_aware &&
                       (j->null_key || (any_right && bitmap_get(j->left_null, i)));
        Value v = unknown ? value_null() : value_bool(found);
        vec_set(mark, batch_row(j->left, i), &v, rows, a);
    }
    j->batch.rows = rows;
    j->batch.sel = j->left->sel;
    j->batch.sel_count = j->left->sel_count;
    *out = &j->batch;
    return n > 0;
}

static bool join_left_rest(OpJoin *j, Batch **out)
{
    const PlanJoin *plan = join_plan(j);
    JoinType t = plan->type;
    if (t == JOIN_MARK)
        return join_marks(j, out);
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
            if ((st = join_build(j, e)) != QUERY_BATCH)
                return st;
            break;
        case JOIN_DUMP:
            if ((st = join_dump(j, e)) != QUERY_BATCH)
                return st;
            j->phase = JOIN_BUILD;
            break;
        case JOIN_CUT_LEFT:
            if ((st = join_cut_left(j, e)) != QUERY_END)
                return st;
            j->phase = JOIN_NEXT;
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
            if (left_is_done(j) && join_left_rest(j, out))
                return QUERY_BATCH;
            break;
        case JOIN_RIGHT_REST:
            if (join_right_rest(j, out))
                return QUERY_BATCH;
            j->phase = JOIN_NEXT;
            break;
        case JOIN_NEXT:
            j->phase = join_next_part(j) ? JOIN_BUILD : JOIN_DONE;
            break;
        case JOIN_DONE:
            return QUERY_END;
        }
    }
}

static void join_close(Op *op)
{
    OpJoin *j = (OpJoin *)op;
    JoinParts *p = &j->parts;
    budget_charge(&op->x->query->budget,
                  -(int64_t)((j->head_cap + j->chain_cap) * sizeof *j->head +
                             (j->right_words + p->left_words) * sizeof *j->right_matched));
    mem_free(j->head);
    mem_free(j->chain);
    mem_free(j->right_matched);
    mem_free(p->left_matched);
    for (int i = 0; i < 2; i++) {
        parts_close(p->cut[i]);
        arena_free(&p->arenas[i]);
    }
    partwalk_free(&p->walk);
    ht_free(&j->keys);
    if (j->rows.types)
        store_free(&j->rows);
    arena_free(&j->left_arena);
}

const OpDef op_join = {"Join", sizeof(OpJoin), join_open, join_next, join_close};
