/* A scan with a condition, cut over the worker pool.
 *
 * Each piece scans its series into a store of its own; a full store is handed over under the gang's mutex
 * and taken by the owner, piece after piece, so rows come in the same order as from one task.  A piece
 * whose store was not taken yet goes on until a second one is full, then waits. */
#include "exec/op_scan_private.h"

enum { PUBLISH_ROWS = BATCH_ROWS / 2, FILL_BYTES_MAX = 4 << 20 };

typedef struct GatherPiece {
    Op *child;
    RowStore fill;
    RowStore ready; /* these two need the gang's mutex */
    bool has_ready;
    bool opened, ended;
} GatherPiece;

struct Gather {
    Op *op;
    ScanSpread spread;
    Gang *gang;
    size_t piece; /* whose rows are handed out */
    RowStore rows;
    bool have_rows;
    size_t at;
    Batch batch;
};

/* ---- in a piece's task ---- */

static void piece_store(GatherPiece *p, Exec *x, const Plan *plan)
{
    store_init(&p->fill, plan->types, plan->col_count, &x->query->budget);
}

static bool piece_open(Exec *x, void *piece, void *arg, size_t index, Err *e)
{
    GatherPiece *p = piece;
    const Gather *g = arg;
    x->slice = set_slice(g->spread.set, index, g->spread.pieces);
    piece_store(p, x, g->op->plan);
    p->opened = true;
    return op_open(&p->child, x, g->op->plan, e);
}

/* Hands the store over if the last one was taken. */
static bool piece_publish(GatherPiece *p, Exec *x)
{
    gang_lock(x->gang);
    bool free_now = !p->has_ready;
    if (free_now) {
        p->ready = p->fill;
        p->has_ready = true;
        gang_wake_owner(x->gang);
    }
    gang_unlock(x->gang);
    if (free_now)
        piece_store(p, x, p->child->plan);
    return free_now;
}

static QueryStatus piece_step(Exec *x, void *piece, Err *e)
{
    GatherPiece *p = piece;
    Batch *b;
    QueryStatus st = QUERY_BATCH;
    while (!p->ended && st == QUERY_BATCH) {
        if (p->fill.arena.used >= FILL_BYTES_MAX && !piece_publish(p, x))
            return QUERY_WAIT; /* the owner wakes it when it has taken the other store */
        st = op_next(p->child, &b, e);
        if (st == QUERY_BATCH)
            store_add_batch(&p->fill, b);
        if (p->fill.rows >= PUBLISH_ROWS)
            (void)piece_publish(p, x);
        p->ended = st == QUERY_END;
    }
    if (p->child->stats) /* the owner counts what it hands on */
        p->child->stats->rows = p->child->stats->batches = 0, p->child->stats->ns = 0;
    if (!p->ended)
        return st;
    return p->fill.rows == 0 || piece_publish(p, x) ? QUERY_END : QUERY_WAIT;
}

static void piece_close(void *piece)
{
    GatherPiece *p = piece;
    op_close(p->child);
    if (p->opened)
        store_free(&p->fill);
    if (p->has_ready)
        store_free(&p->ready);
}

static const GangDef gather_gang = {sizeof(GatherPiece), piece_open, piece_step, piece_close};

/* ---- in the owner's task ---- */

Gather *gather_start(Op *op, const ScanSpread *take_spread)
{
    Gather *g = ARENA_NEW(&op->arena, Gather);
    g->op = op;
    g->spread = *take_spread;
    g->gang = gang_start(op->x, &gather_gang, g, g->spread.pieces);
    if (op->stats)
        op->stats->pieces = (uint32_t)g->spread.pieces;
    return g;
}

void gather_close(Gather *g)
{
    if (!g)
        return;
    gang_close(g->gang);
    scan_spread_free(&g->spread);
    if (g->have_rows)
        store_free(&g->rows);
}

/* Takes the next store of the current piece; QUERY_END: no piece has more. */
static QueryStatus gather_take(Gather *g, Err *e)
{
    QueryStatus st = QUERY_BATCH;
    if (g->have_rows)
        store_free(&g->rows);
    g->have_rows = false;
    while (st == QUERY_BATCH && !g->have_rows && g->piece < g->spread.pieces) {
        GatherPiece *p = gang_piece(g->gang, g->piece);
        gang_lock(g->gang);
        if (p->has_ready) {
            g->rows = p->ready;
            g->have_rows = true;
            p->has_ready = false;
            gang_wake_piece(g->gang, g->piece);
        } else {
            st = gang_piece_status(g->gang, g->piece, g->op->x, e);
            if (st == QUERY_END) {
                g->piece++;
                st = QUERY_BATCH;
            }
        }
        gang_unlock(g->gang);
    }
    g->at = 0;
    return st != QUERY_BATCH ? st : g->have_rows ? QUERY_BATCH : QUERY_END;
}

QueryStatus gather_next(Gather *g, Batch **out, Err *e)
{
    for (;;) {
        arena_reset(&g->op->scratch);
        size_t n = g->have_rows ? store_view(&g->rows, g->at, &g->batch, &g->op->scratch) : 0;
        if (n > 0) {
            g->at += n;
            *out = &g->batch;
            return QUERY_BATCH;
        }
        QueryStatus st = gather_take(g, e);
        if (st == QUERY_END && g->op->x->query->analyze)
            st = gang_wait(g->gang, g->op->x, e) == QUERY_FAIL ? QUERY_FAIL
                                                               : QUERY_END; /* counters */
        if (st != QUERY_BATCH)
            return st;
    }
}
