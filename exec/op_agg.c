/* GROUP BY over any input: a hash table of keys, aggregate states beside it.
 * Over a scan whose aggregates all merge, pieces of the series set are aggregated by tasks of their own
 * and merged at the end, in the order of the pieces.
 * When memory is short and all aggregates merge, the states are saved into parts of a file, the table begins
 * anew, and at the end the parts are merged one by one.  Else (DISTINCT, ORDER BY) no more groups are taken in:
 * rows of others wait in parts of a file until those in memory have been handed out. */
#include "exec/op_private.h"
#include "exec/op_scan_private.h"

/* Groups of one task. */
typedef struct AggPart {
    Exec *x;
    const PlanAgg *plan;
    Op *child;
    Groups groups;
    Vector *key_vecs;
    SpillParts *spilled; /* saved states, or rows whose groups have no place */
    bool mergeable, flushing, closed;
    bool ended;       /* the input */
    PartWalk waiting; /* rows that were spilled */
    bool reading;     /* they are the input now */
} AggPart;

typedef struct AggSpread {
    const PlanAgg *plan;
    GroupShape shape;
    ScanSpread spread;
} AggSpread;

typedef struct OpAgg {
    Op op;
    AggPart part;
    Gang *gang;
    AggSpread spread;
    size_t merged, merged_at; /* pieces, and groups of the next one */
    bool saving;              /* pieces are saved into files rather than merged */
    GroupMerge *merge;        /* of saved states */
    bool loaded;
    size_t at; /* groups handed out */
    Batch batch;
} OpAgg;

static bool part_open(AggPart *p, Exec *x, const AggSpread *s, Err *e)
{
    const PlanAgg *plan = s->plan;
    p->x = x;
    p->plan = plan;
    p->mergeable = aggs_mergeable(plan->aggs, plan->agg_count);
    p->key_vecs = ARENA_ARRAY(&x->arena, Vector, plan->key_count + 1);
    partwalk_init(&p->waiting, x->query);
    if (!groups_init(&p->groups, x, &s->shape, e))
        return false;
    if (plan->key_count == 0)
        aggset_grow(&p->groups.set, 1);
    return true;
}

static void part_close(AggPart *p)
{
    op_close(p->child);
    p->child = NULL;
    groups_free(&p->groups);
    parts_close(p->spilled);
    p->spilled = NULL;
    partwalk_free(&p->waiting);
}

static uint32_t part_level(const AggPart *p)
{
    return p->reading ? partwalk_level(&p->waiting) + 1 : 0;
}

/* ---- rows ---- */

/* Rows of unknown groups go to the file; the others are left in `in`. */
static bool part_divide(AggPart *p, Batch *in, uint32_t *ids, Err *e)
{
    uint64_t hashes[BATCH_ROWS];
    Arena *a = &p->groups.scratch;
    size_t n = batch_count(in), known = 0, others = 0;
    uint16_t *sel = arena_alloc(a, n * sizeof *sel), *rest = arena_alloc(a, n * sizeof *rest);
    ht_find(&p->groups.keys, p->key_vecs, in->sel, n, ids);
    for (size_t i = 0; i < n; i++) {
        uint16_t row = (uint16_t)batch_row(in, i);
        if (ids[i] == HT_NONE) {
            rest[others++] = row;
        } else {
            ids[known] = ids[i];
            sel[known++] = row;
        }
    }
    in->sel = sel;
    in->sel_count = known;
    if (others == 0)
        return true;
    const Plan *child = p->plan->p.child;
    if (!p->spilled &&
        !parts_open(&p->spilled, p->x->query, child->types, child->col_count, part_level(p), e))
        return false;
    ht_hash(hashes, p->key_vecs, p->plan->key_count, rest, others);
    return parts_add(p->spilled, in->cols, rest, others, hashes, e);
}

static bool part_add(AggPart *p, const Batch *rows, Err *e)
{
    const PlanAgg *plan = p->plan;
    Groups *g = &p->groups;
    uint32_t ids[BATCH_ROWS], by_row[BATCH_ROWS];
    Batch in = *rows;
    arena_reset(&g->scratch);
    if (plan->key_count == 0)
        return aggset_update(&g->set, &in, NULL, 0, e);
    p->x->ctx.scratch = &g->scratch;
    for (size_t k = 0; k < plan->key_count; k++)
        if (!expr_eval(&p->x->ctx, plan->keys[k], &in, &p->key_vecs[k], e))
            return false;
    if (p->closed) {
        if (!part_divide(p, &in, ids, e))
            return false;
    } else {
        ht_put(&g->keys, p->key_vecs, in.sel, batch_count(&in), ids);
        aggset_grow(&g->set, g->keys.count);
    }
    size_t n = batch_count(&in);
    bool one = true;
    for (size_t i = 0; i < n; i++) {
        by_row[batch_row(&in, i)] = ids[i];
        one &= ids[i] == ids[0];
    }
    return n == 0 || aggset_update(&g->set, &in, one ? NULL : by_row, ids[0], e);
}

/* ---- memory is short ---- */

static void part_shrink(AggPart *p)
{
    Groups *g = &p->groups;
    OpStats *st = exec_stats(p->x, &p->plan->p);
    if (st && (int64_t)groups_bytes(g) > st->bytes_max)
        st->bytes_max = (int64_t)groups_bytes(g);
    if (p->mergeable) {
        p->flushing = g->set.group_count > 1;
        return;
    }
    aggset_shrink(&g->set);
    p->closed = p->plan->key_count > 0 && part_level(p) < SPILL_LEVEL_MAX;
}

static QueryStatus part_settle(AggPart *p, Err *e)
{
    if (p->flushing) {
        QueryStatus st = groups_flush(&p->groups, &p->spilled, 0, e);
        p->flushing = st != QUERY_BATCH;
        return st;
    }
    return aggset_settle(&p->groups.set, false, e);
}

static QueryStatus part_input(AggPart *p, Batch **in, Batch *room, Err *e)
{
    if (!p->reading)
        return op_next(p->child, in, e);
    QueryStatus st = exec_tick(p->x, e);
    if (st != QUERY_BATCH)
        return st;
    *in = room;
    if (!partwalk_batch(&p->waiting, room, e))
        return QUERY_FAIL;
    return room->rows ? QUERY_BATCH : QUERY_END;
}

/* Consumes the input to its end. */
static QueryStatus part_load(AggPart *p, Err *e)
{
    Batch *in, room;
    QueryStatus st;
    for (;;) {
        if ((st = part_settle(p, e)) != QUERY_BATCH)
            return st;
        if (p->ended)
            return QUERY_END;
        if ((st = part_input(p, &in, &room, e)) == QUERY_BATCH) {
            if (!part_add(p, in, e))
                return QUERY_FAIL;
            if (groups_full(&p->groups))
                part_shrink(p);
            continue;
        }
        if (st != QUERY_END)
            return st;
        p->ended = true;
        p->flushing = p->mergeable && p->spilled;
        op_close(p->child);
        p->child = NULL;
    }
}

/* ---- pieces ---- */

static bool piece_open(Exec *x, void *piece, void *arg, size_t index, Err *e)
{
    AggPart *p = piece;
    AggSpread *s = arg;
    x->slice = set_slice(s->spread.set, index, s->spread.pieces);
    if (!part_open(p, x, s, e) || !op_open(&p->child, x, s->plan->p.child, e))
        return false;
    portions_init(p->child, &s->plan->p);
    return true;
}

static QueryStatus piece_step(Exec *x, void *piece, Err *e)
{
    (void)x;
    return part_load(piece, e);
}

static void piece_close(void *piece)
{
    part_close(piece);
}

static const GangDef agg_gang = {sizeof(AggPart), piece_open, piece_step, piece_close};

/* A batch of the piece's groups into those of all. */
static bool merge_some(Groups *into, Groups *from, size_t at, size_t n, Err *e)
{
    uint32_t ids[BATCH_ROWS];
    size_t keys = into->shape->key_count;
    arena_reset(&into->scratch);
    memset(ids, 0, sizeof ids);
    if (keys > 0) {
        Vector *v = ARENA_ARRAY(&into->scratch, Vector, keys);
        for (size_t k = 0; k < keys; k++)
            ht_keys(&from->keys, k, at, &v[k]);
        ht_put(&into->keys, v, NULL, n, ids);
        aggset_grow(&into->set, into->keys.count);
    }
    for (size_t i = 0; i < n; i++)
        if (!aggset_merge(&into->set, ids[i], &from->set, (uint32_t)(at + i), e))
            return false;
    return true;
}

/* One piece into the groups of all; or, where those are too many, both into files. */
static QueryStatus merge_piece(OpAgg *a, AggPart *piece, Err *e)
{
    Groups *all = &a->part.groups, *from = &piece->groups;
    QueryStatus st = QUERY_BATCH;
    while (!a->saving && a->merged_at < from->set.group_count) {
        size_t left = from->set.group_count - a->merged_at;
        size_t n = left < BATCH_ROWS ? left : BATCH_ROWS;
        if (!merge_some(all, from, a->merged_at, n, e))
            return QUERY_FAIL;
        a->merged_at += n;
        a->saving = all->set.group_count > 1 && groups_full(all);
        if ((st = exec_tick(a->op.x, e)) != QUERY_BATCH)
            return st;
    }
    if (!a->saving)
        return QUERY_BATCH;
    if (all->set.group_count > 0 && (st = groups_flush(all, &a->part.spilled, 0, e)) != QUERY_BATCH)
        return st;
    from->x = a->op.x; /* its task is over: the work is the owner's now */
    if (from->flushed < a->merged_at)
        from->flushed = a->merged_at;
    return from->set.group_count > 0 ? groups_flush(from, &piece->spilled, 0, e) : QUERY_BATCH;
}

static QueryStatus merge_pieces(OpAgg *a, Err *e)
{
    size_t count = gang_count(a->gang);
    for (size_t i = 0; i < count && a->merged == 0 && a->merged_at == 0; i++)
        a->saving |= ((AggPart *)gang_piece(a->gang, i))->spilled != NULL;
    for (; a->merged < count; a->merged++) {
        AggPart *piece = gang_piece(a->gang, a->merged);
        QueryStatus st = merge_piece(a, piece, e);
        if (st != QUERY_BATCH)
            return st;
        a->merged_at = 0;
        groups_free(&piece->groups);
    }
    return QUERY_END;
}

/* The scan below, if only filters and projections without side effects are between. */
static const PlanScan *scan_below(const Plan *p)
{
    while (p->kind == PLAN_FILTER || p->kind == PLAN_PROJECT) {
        if (p->kind == PLAN_FILTER && expr_is_volatile(((const PlanFilter *)p)->filter))
            return NULL;
        for (size_t c = 0; p->kind == PLAN_PROJECT && c < p->col_count; c++)
            if (expr_is_volatile(((const PlanProject *)p)->exprs[c]))
                return NULL;
        p = p->child;
    }
    return p->kind == PLAN_SCAN ? (const PlanScan *)p : NULL;
}

static bool agg_open(Op *op, Err *e)
{
    OpAgg *a = (OpAgg *)op;
    const PlanAgg *plan = (const PlanAgg *)op->plan;
    AggSpread *s = &a->spread;
    s->plan = plan;
    group_shape(&s->shape, plan->key_count, plan->aggs, plan->agg_count, &op->arena);
    for (size_t k = 0; k < plan->key_count; k++)
        s->shape.types[k] = plan->keys[k]->type;
    if (!part_open(&a->part, op->x, s, e))
        return false;
    const PlanScan *scan = scan_below(plan->p.child);
    if (scan && a->part.mergeable) {
        if (!scan_spread(op, scan, &s->spread, e))
            return false;
        if (s->spread.pieces > 1) {
            a->gang = gang_start(op->x, &agg_gang, s, s->spread.pieces);
            if (op->stats)
                op->stats->pieces = (uint32_t)s->spread.pieces;
            return true;
        }
    }
    if (!op_open(&a->part.child, op->x, plan->p.child, e))
        return false;
    portions_init(a->part.child, op->plan);
    return true;
}

/* What went into files is merged from there. */
static bool agg_merge(OpAgg *a, Err *e)
{
    size_t pieces = a->gang ? gang_count(a->gang) : 0;
    SpillParts **files = ARENA_ARRAY(&a->op.arena, SpillParts *, pieces + 1);
    for (size_t i = 0; i <= pieces; i++) {
        AggPart *p = i ? gang_piece(a->gang, i - 1) : &a->part;
        files[i] = p->spilled;
        p->spilled = NULL;
    }
    if (!groups_merge_open(&a->merge, &a->op, &a->spread.shape, files, pieces + 1, e))
        return false;
    if (a->merge)
        groups_free(&a->part.groups); /* its arrays */
    return true;
}

static QueryStatus agg_load(OpAgg *a, Err *e)
{
    QueryStatus st;
    if (!a->gang) {
        st = part_load(&a->part, e);
    } else {
        st = gang_wait(a->gang, a->op.x, e);
        if (st == QUERY_BATCH)
            st = merge_pieces(a, e);
    }
    if (st != QUERY_END)
        return st;
    if (a->part.mergeable)
        return agg_merge(a, e) ? QUERY_BATCH : QUERY_FAIL;
    return aggset_settle(&a->part.groups.set, true, e);
}

static void agg_count(OpAgg *a)
{
    OpStats *st = a->op.stats;
    const AggPart *p = &a->part;
    if (!st)
        return;
    int64_t bytes = (int64_t)(a->merge ? groups_merge_bytes(a->merge) : groups_bytes(&p->groups));
    st->bytes_max = bytes > st->bytes_max ? bytes : st->bytes_max;
    st->parts = a->merge ? groups_merge_parts(a->merge) : p->waiting.parts;
}

/* The next part of the rows that wait: their groups are the next ones. */
static bool next_waiting(OpAgg *a, bool *more, Err *e)
{
    AggPart *p = &a->part;
    OpStats *st = a->op.stats;
    if (st)
        st->spilled += aggset_spilled(&p->groups.set) + (p->spilled ? parts_bytes(p->spilled) : 0);
    if (p->spilled) {
        if (!parts_end(p->spilled, e))
            return false;
        partwalk_push(&p->waiting, &p->spilled, 1);
        p->spilled = NULL;
    }
    groups_free(&p->groups);
    *more = partwalk_next(&p->waiting);
    p->closed = p->ended = false;
    p->reading = true;
    a->loaded = !*more;
    a->at = 0;
    return groups_init(&p->groups, a->op.x, &a->spread.shape, e);
}

static QueryStatus agg_next(Op *op, Batch **out, Err *e)
{
    OpAgg *a = (OpAgg *)op;
    QueryStatus st = QUERY_BATCH;
    bool more = true;
    *out = &a->batch;
    while (more) {
        if (!a->loaded && (st = agg_load(a, e)) != QUERY_BATCH)
            return st;
        a->loaded = true;
        agg_count(a);
        arena_reset(&op->scratch);
        if (a->merge)
            return groups_merge_next(a->merge, &a->batch, &op->scratch, e);
        if (a->at < a->part.groups.set.group_count) {
            st = groups_output(&a->part.groups, a->at, &a->batch, &op->scratch, e);
            a->at += st == QUERY_BATCH ? a->batch.rows : 0;
            return st;
        }
        if (!next_waiting(a, &more, e))
            return QUERY_FAIL;
    }
    return QUERY_END;
}

static void agg_close(Op *op)
{
    OpAgg *a = (OpAgg *)op;
    gang_close(a->gang);
    scan_spread_free(&a->spread.spread);
    groups_merge_close(a->merge);
    part_close(&a->part);
}

const OpDef op_agg = {"HashAggregate", sizeof(OpAgg), agg_open, agg_next, agg_close};
