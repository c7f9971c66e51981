/* GROUP BY over any input: a hash table of keys, aggregate states beside it.
 * Over a scan whose aggregates all merge, pieces of the series set are aggregated by tasks of their own
 * and merged at the end, in the order of the pieces. */
#include "exec/op_private.h"
#include "exec/op_scan_private.h"

/* Groups of one task. */
typedef struct AggPart {
    Exec *x;
    const PlanAgg *plan;
    Op *child;
    HashTable keys;
    AggSet set;
    Arena scratch;
    Vector *key_vecs;
    bool ready;
} AggPart;

typedef struct AggSpread {
    const PlanAgg *plan;
    ScanSpread spread;
} AggSpread;

typedef struct OpAgg {
    Op op;
    AggPart part;
    Gang *gang;
    AggSpread spread;
    size_t merged; /* pieces */
    bool loaded, finished;
    size_t at; /* groups handed out */
    Batch batch;
} OpAgg;

static bool part_open(AggPart *p, Exec *x, const PlanAgg *plan, Err *e)
{
    p->x = x;
    p->plan = plan;
    arena_init(&p->scratch, &x->query->budget);
    TypeId *types = ARENA_ARRAY(&x->arena, TypeId, plan->key_count + 1);
    for (size_t k = 0; k < plan->key_count; k++)
        types[k] = plan->keys[k]->type;
    p->key_vecs = ARENA_ARRAY(&x->arena, Vector, plan->key_count + 1);
    ht_init(&p->keys, types, plan->key_count, &x->query->budget);
    p->ready = true;
    if (!aggset_init(&p->set, x, plan->aggs, plan->agg_count, &p->scratch, e))
        return false;
    if (plan->key_count == 0)
        aggset_grow(&p->set, 1);
    return true;
}

static void part_close(AggPart *p)
{
    op_close(p->child);
    p->child = NULL;
    if (!p->ready)
        return;
    ht_free(&p->keys);
    aggset_free(&p->set);
    arena_free(&p->scratch);
    p->ready = false;
}

static bool part_add(AggPart *p, const Batch *in, Err *e)
{
    const PlanAgg *plan = p->plan;
    uint32_t ids[BATCH_ROWS], by_row[BATCH_ROWS];
    arena_reset(&p->scratch);
    if (plan->key_count == 0)
        return aggset_update(&p->set, in, NULL, 0, e);
    p->x->ctx.scratch = &p->scratch;
    for (size_t k = 0; k < plan->key_count; k++)
        if (!expr_eval(&p->x->ctx, plan->keys[k], in, &p->key_vecs[k], e))
            return false;
    size_t n = batch_count(in);
    bool one = true;
    ht_put(&p->keys, p->key_vecs, in->sel, n, ids);
    aggset_grow(&p->set, p->keys.count);
    for (size_t i = 0; i < n; i++) {
        by_row[batch_row(in, i)] = ids[i];
        one &= ids[i] == ids[0];
    }
    return aggset_update(&p->set, in, one ? NULL : by_row, ids[0], e);
}

/* Consumes the child to its end. */
static QueryStatus part_load(AggPart *p, Err *e)
{
    Batch *in;
    QueryStatus st;
    while ((st = op_next(p->child, &in, e)) == QUERY_BATCH)
        if (!part_add(p, in, e))
            return QUERY_FAIL;
    if (st == QUERY_END) {
        op_close(p->child);
        p->child = NULL;
    }
    return st;
}

static bool part_merge(AggPart *into, AggPart *from, Err *e)
{
    uint32_t ids[BATCH_ROWS];
    if (into->plan->key_count == 0)
        return aggset_merge(&into->set, 0, &from->set, 0, e);
    for (size_t begin = 0; begin < from->keys.count; begin += BATCH_ROWS) {
        size_t left = from->keys.count - begin, n = left < BATCH_ROWS ? left : BATCH_ROWS;
        for (size_t k = 0; k < into->plan->key_count; k++)
            ht_keys(&from->keys, k, begin, &into->key_vecs[k]);
        ht_put(&into->keys, into->key_vecs, NULL, n, ids);
        aggset_grow(&into->set, into->keys.count);
        for (size_t i = 0; i < n; i++)
            if (!aggset_merge(&into->set, ids[i], &from->set, (uint32_t)(begin + i), e))
                return false;
    }
    return true;
}

/* ---- pieces ---- */

static bool piece_open(Exec *x, void *piece, void *arg, size_t index, Err *e)
{
    AggPart *p = piece;
    AggSpread *s = arg;
    x->slice = set_slice(s->spread.set, index, s->spread.pieces);
    return part_open(p, x, s->plan, e) && op_open(&p->child, x, s->plan->p.child, e);
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
    if (!part_open(&a->part, op->x, plan, e))
        return false;
    const PlanScan *scan = scan_below(plan->p.child);
    if (scan && aggs_mergeable(plan->aggs, plan->agg_count)) {
        AggSpread *s = &a->spread;
        s->plan = plan;
        if (!scan_spread(op, scan, &s->spread, e))
            return false;
        if (s->spread.pieces > 1) {
            a->gang = gang_start(op->x, &agg_gang, s, s->spread.pieces);
            if (op->stats)
                op->stats->pieces = (uint32_t)s->spread.pieces;
            return true;
        }
    }
    return op_open(&a->part.child, op->x, plan->p.child, e);
}

static QueryStatus agg_load(OpAgg *a, Err *e)
{
    Exec *x = a->op.x;
    if (!a->gang)
        return part_load(&a->part, e);
    QueryStatus st = gang_wait(a->gang, x, e);
    for (; st == QUERY_BATCH && a->merged < gang_count(a->gang); a->merged++) {
        if (!part_merge(&a->part, gang_piece(a->gang, a->merged), e))
            return QUERY_FAIL;
        st = exec_tick(x, e);
    }
    return st == QUERY_BATCH ? QUERY_END : st;
}

static QueryStatus agg_next(Op *op, Batch **out, Err *e)
{
    OpAgg *a = (OpAgg *)op;
    const PlanAgg *plan = (const PlanAgg *)op->plan;
    if (!a->loaded) {
        QueryStatus st = agg_load(a, e);
        if (st != QUERY_END)
            return st;
        a->loaded = true;
    }
    if (!a->finished) {
        QueryStatus st = aggset_finish(&a->part.set, e);
        if (st != QUERY_BATCH)
            return st;
        a->finished = true;
    }
    if (op->stats)
        op->stats->bytes_max = (int64_t)(ht_bytes(&a->part.keys) + a->part.set.arena.used);
    size_t left = a->part.set.group_count - a->at, n = left < BATCH_ROWS ? left : BATCH_ROWS;
    if (n == 0)
        return QUERY_END;
    arena_reset(&op->scratch);
    a->batch = *batch_new(&op->scratch, plan->p.col_count);
    for (size_t k = 0; k < plan->key_count; k++)
        ht_keys(&a->part.keys, k, a->at, &a->batch.cols[k]);
    if (!aggset_final(&a->part.set, a->at, n, a->batch.cols + plan->key_count, &op->scratch, e))
        return QUERY_FAIL;
    a->batch.rows = n;
    a->at += n;
    *out = &a->batch;
    return QUERY_BATCH;
}

static void agg_close(Op *op)
{
    OpAgg *a = (OpAgg *)op;
    gang_close(a->gang);
    scan_spread_free(&a->spread.spread);
    part_close(&a->part);
}

const OpDef op_agg = {"HashAggregate", sizeof(OpAgg), agg_open, agg_next, agg_close};
