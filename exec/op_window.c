/* Window functions over input sorted by partition and order.
 *
 * Rows of the current partition lie in a RowFile, which goes to disk when memory is short; the calls give
 * values for a chunk of rows after the other, which leave with the rows they belong to.  Several small
 * partitions are handed on together.  Where no call needs the whole partition, rows leave as they come, and what
 * no later row looks back at is forgotten. */
#include "exec/op_window_private.h"

bool window_goes_on(OpWindow *w, Err *e)
{
    return exec_tick(w->op.x, e) != QUERY_FAIL;
}

static TypeId *all_types(Op *op, OpWindow *w)
{
    const PlanWindow *plan = w->plan;
    size_t in = plan->p.child->col_count, n = in + plan->partition_count + plan->order_count;
    for (size_t i = 0; i < plan->call_count; i++)
        n += plan->calls[i].arg_count + (plan->calls[i].filter != NULL);
    TypeId *types = ARENA_ARRAY(&op->arena, TypeId, n + 1);
    memcpy(types, plan->p.child->types, in * sizeof *types);
    n = w->key_at = in;
    for (size_t k = 0; k < plan->partition_count; k++)
        types[n++] = plan->partition[k]->type;
    w->order_at = n;
    for (size_t k = 0; k < plan->order_count; k++)
        types[n++] = plan->order[k].expr->type;
    w->arg_at = n;
    for (size_t i = 0; i < plan->call_count; i++) {
        w->calls[i] = (WindowState){.call = &plan->calls[i], .args = n};
        for (size_t k = 0; k < plan->calls[i].arg_count; k++)
            types[n++] = plan->calls[i].args[k]->type;
        if (plan->calls[i].filter)
            types[n++] = T_BOOL;
    }
    w->col_count = n;
    return types;
}

static bool window_open(Op *op, Err *e)
{
    OpWindow *w = (OpWindow *)op;
    const PlanWindow *plan = w->plan = (const PlanWindow *)op->plan;
    Budget *budget = &op->x->query->budget;
    w->calls = ARENA_ARRAY(&op->arena, WindowState, plan->call_count + 1);
    w->types = all_types(op, w);
    arena_init(&w->in_arena, budget);
    arena_init(&w->keep, budget);
    w->part = rowfile_new_query(op->x->query, w->types, w->col_count);
    store_init(&w->results, plan->p.types + w->key_at, plan->call_count, budget);
    w->key = ARENA_ARRAY(&op->arena, Value, plan->partition_count + 1);
    for (size_t i = 0; i < plan->call_count; i++) {
        WindowState *s = &w->calls[i];
        s->fill = window_fill_of(s->call);
        if (!s->fill)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "%s is not supported as a window function",
                           s->call->func->name);
        if (s->fill == window_fill_aggregate && !window_agg_open(w, s, e))
            return false;
    }
    return op_open_child(op, e);
}

/* ---- input ---- */

static bool first_value(OpWindow *w, const Expr *x, const Batch *in, Value *out, Err *e)
{
    Vector v;
    if (!x)
        return true;
    if (!expr_eval(&w->op.x->ctx, x, in, &v, e))
        return false;
    Value first = vec_get(&v, batch_row(in, 0));
    *out = value_copy(&w->op.arena, &first);
    return true;
}

/* Offsets of frames hold for all rows: the first one says what they are. */
static bool find_offsets(OpWindow *w, const Batch *in, Err *e)
{
    for (size_t i = 0; i < w->plan->call_count; i++) {
        WindowState *s = &w->calls[i];
        const WindowFrame *f = &s->call->frame;
        if (!first_value(w, f->start_offset, in, &s->offsets.start, e) ||
            !first_value(w, f->end_offset, in, &s->offsets.end, e) ||
            !frame_check_offsets(f, &s->offsets, e))
            return false;
        WindowNeed n = window_call_need(s);
        w->need.whole |= n.whole;
        w->need.peers |= n.peers;
        w->need.back = n.back > w->need.back ? n.back : w->need.back;
        w->need.ahead = n.ahead > w->need.ahead ? n.ahead : w->need.ahead;
    }
    w->has_offsets = true;
    return true;
}

/* Input columns, keys and arguments of the batch side by side. */
static bool widen(OpWindow *w, const Batch *in, Err *e)
{
    const PlanWindow *plan = w->plan;
    Batch *out = &w->in;
    arena_reset(&w->in_arena);
    *out = *in;
    out->cols = ARENA_ARRAY(&w->in_arena, Vector, w->col_count + 1);
    out->col_count = w->col_count;
    memcpy(out->cols, in->cols, w->key_at * sizeof(Vector));
    size_t n = w->key_at;
    EvalCtx *ctx = &w->op.x->ctx;
    ctx->scratch = &w->in_arena;
    w->in_at = 0;
    for (size_t k = 0; k < plan->partition_count; k++)
        if (!expr_eval(ctx, plan->partition[k], in, &out->cols[n++], e))
            return false;
    for (size_t k = 0; k < plan->order_count; k++)
        if (!expr_eval(ctx, plan->order[k].expr, in, &out->cols[n++], e))
            return false;
    for (size_t i = 0; i < plan->call_count; i++) {
        const WindowCall *call = &plan->calls[i];
        for (size_t k = 0; k < call->arg_count; k++)
            if (!expr_eval(ctx, call->args[k], in, &out->cols[n++], e))
                return false;
        if (call->filter && !expr_eval(ctx, call->filter, in, &out->cols[n++], e))
            return false;
    }
    return w->has_offsets || find_offsets(w, in, e);
}

static bool same_partition(const OpWindow *w, size_t row)
{
    for (size_t k = 0; k < w->plan->partition_count; k++) {
        Value x = w->key[k], y = vec_get(&w->in.cols[w->key_at + k], row);
        const TypeDef *def = type_find(w->types[w->key_at + k]);
        if (x.null != y.null || (!x.null && def && def->cmp && def->cmp(&x, &y) != 0))
            return false;
    }
    return true;
}

/* The first row of the input that is in no partition begins one. */
static void partition_begin(OpWindow *w)
{
    size_t row = batch_row(&w->in, w->in_at);
    w->first = (int64_t)rowfile_rows(w->part);
    w->peer = (PeerCursor){0};
    for (size_t k = 0; k < w->plan->partition_count; k++) {
        Value v = vec_get(&w->in.cols[w->key_at + k], row);
        w->key[k] = value_copy(&w->keep, &v);
    }
    for (size_t i = 0; i < w->plan->call_count; i++)
        window_call_begin(w, &w->calls[i]);
}

static void partition_end(OpWindow *w)
{
    w->count = w->done = 0;
    w->complete = false;
    arena_reset(&w->keep);
}

/* Moves rows of the input batch into the partition as long as they belong to it. */
static bool take_rows(OpWindow *w, Err *e)
{
    size_t total = batch_count(&w->in), end = w->in_at;
    if (w->count == 0)
        partition_begin(w);
    while (end < total && same_partition(w, batch_row(&w->in, end)))
        end++;
    Batch rows = w->in;
    batch_cut(&rows, w->in_at, end - w->in_at, &w->in_arena);
    w->count += end - w->in_at;
    w->in_at = end;
    w->complete = end < total;
    return rowfile_add(w->part, &rows, e);
}

static QueryStatus load_more(OpWindow *w, Err *e)
{
    Batch *in;
    if (w->in_at < batch_count(&w->in))
        return take_rows(w, e) ? QUERY_BATCH : QUERY_FAIL;
    if (w->input_ended) {
        w->complete = true;
        return QUERY_BATCH;
    }
    QueryStatus st = op_next(w->op.child, &in, e);
    if (st == QUERY_END)
        w->input_ended = true;
    else if (st != QUERY_BATCH)
        return st;
    else if (!widen(w, in, e))
        return QUERY_FAIL;
    return QUERY_BATCH;
}

/* ---- values ---- */

/* Peers of the chunk's rows; cuts it before a group that may go on. */
static size_t find_peers(OpWindow *w, size_t n)
{
    Arena *a = &w->op.scratch;
    w->peers.group = ARENA_ARRAY(a, size_t, n);
    w->peers.begin = ARENA_ARRAY(a, size_t, n);
    w->peers.end = ARENA_ARRAY(a, size_t, n);
    for (size_t i = 0; i < n; i++) {
        if (w->done + i >= w->peer.end)
            peer_next(w, &w->peer);
        else if (i == 0)
            peer_grow(w, &w->peer);
        if (w->peer.end == w->count && !w->complete)
            return i;
        w->peers.group[i] = w->peer.group;
        w->peers.begin[i] = w->peer.begin;
        w->peers.end[i] = w->peer.end;
    }
    return n;
}

static size_t rows_ready(const OpWindow *w)
{
    size_t ahead = w->complete ? 0 : w->need.ahead, left = w->count - w->done;
    return (w->need.whole && !w->complete) || left <= ahead ? 0 : left - ahead;
}

/* Results of the next rows, if there are any that can have them: *n. */
static bool run_calls(OpWindow *w, size_t *n, Err *e)
{
    size_t calls = w->plan->call_count, ready = rows_ready(w);
    Arena *a = &w->op.scratch;
    arena_reset(a);
    *n = ready < BATCH_ROWS ? ready : BATCH_ROWS;
    if (*n > 0 && w->need.peers)
        *n = find_peers(w, *n);
    if (*n == 0)
        return true;
    w->chunk = w->done;
    Value **cols = ARENA_ARRAY(a, Value *, calls + 1);
    for (size_t i = 0; i < calls; i++) {
        cols[i] = ARENA_ARRAY(a, Value, *n);
        if (!w->calls[i].fill(w, &w->calls[i], w->done, w->done + *n, cols[i], e))
            return false;
    }
    Value *row = ARENA_ARRAY(a, Value, calls + 1);
    for (size_t r = 0; r < *n; r++) {
        for (size_t i = 0; i < calls; i++)
            row[i] = cols[i][r];
        store_add_row(&w->results, row);
    }
    w->done += *n;
    return true;
}

/* Until a batch of results is there, or all of them. */
static QueryStatus fill_results(OpWindow *w, Err *e)
{
    while (w->results.rows < BATCH_ROWS) {
        size_t n;
        if (!run_calls(w, &n, e))
            return QUERY_FAIL;
        if (w->broken) {
            *e = w->error;
            return QUERY_FAIL;
        }
        bool at_end = w->complete && w->done == w->count;
        if (at_end)
            partition_end(w);
        if (at_end && w->input_ended && w->in_at >= batch_count(&w->in))
            break;
        QueryStatus st = n || at_end ? QUERY_BATCH : load_more(w, e);
        if (st == QUERY_BATCH)
            st = exec_tick(w->op.x, e);
        if (st != QUERY_BATCH)
            return st;
    }
    return w->results.rows > 0 ? QUERY_BATCH : QUERY_END;
}

/* ---- output ---- */

/* Rows that have left and that no later one looks back at. */
static bool forget_rows(OpWindow *w, Err *e)
{
    uint64_t rows = rowfile_rows(w->part), gone = w->at;
    store_clear(&w->results);
    w->results_at = 0;
    if (w->op.stats)
        w->op.stats->spilled += rowfile_spilled(w->part) * (gone == rows);
    if (gone == rows && w->count == 0) {
        rowfile_clear(w->part);
        w->at = 0;
        return true;
    }
    gone = gone > w->need.back ? gone - w->need.back : 0;
    if (w->need.whole || gone < (rows - gone) * 2 + BATCH_ROWS)
        return true;
    RowFile *kept = rowfile_new_query(w->op.x->query, w->types, w->col_count);
    bool ok = true;
    for (uint64_t row = gone; ok && row < rows;) {
        Batch b;
        arena_reset(&w->op.scratch);
        ok = rowfile_view(w->part, row, &b, &w->op.scratch, e) && rowfile_add(kept, &b, e);
        row += ok ? batch_count(&b) : 0;
    }
    rowfile_free(w->part);
    w->part = kept;
    w->first -= (int64_t)gone;
    w->at -= gone;
    return ok;
}

/* As many rows as lie together in both, side by side. */
static bool hand_out(OpWindow *w, Err *e)
{
    Arena *a = &w->op.scratch;
    const Batch *rows, *results = w->results.batches[w->results_at / BATCH_ROWS];
    size_t from, result = w->results_at % BATCH_ROWS;
    arena_reset(a);
    if (!rowfile_batch(w->part, w->at, &rows, &from, e))
        return false;
    size_t n =
        rows->rows - from < results->rows - result ? rows->rows - from : results->rows - result;
    w->batch = *batch_new(a, w->op.plan->col_count);
    w->batch.rows = n;
    if (from == 0 && result == 0) {
        memcpy(w->batch.cols, rows->cols, w->key_at * sizeof(Vector));
        memcpy(w->batch.cols + w->key_at, results->cols, w->plan->call_count * sizeof(Vector));
    } else {
        for (size_t c = 0; c < w->key_at; c++)
            vec_gather(&w->batch.cols[c], &rows->cols[c], row_ident + from, n, a);
        for (size_t i = 0; i < w->plan->call_count; i++)
            vec_gather(&w->batch.cols[w->key_at + i], &results->cols[i], row_ident + result, n, a);
    }
    w->at += n;
    w->results_at += n;
    return true;
}

static QueryStatus window_next(Op *op, Batch **out, Err *e)
{
    OpWindow *w = (OpWindow *)op;
    if (w->results_at == w->results.rows) {
        if (w->results.rows && !forget_rows(w, e))
            return QUERY_FAIL;
        QueryStatus st = fill_results(w, e);
        if (st != QUERY_BATCH)
            return st;
    }
    if (!hand_out(w, e))
        return QUERY_FAIL;
    *out = &w->batch;
    return QUERY_BATCH;
}

static void window_close(Op *op)
{
    OpWindow *w = (OpWindow *)op;
    for (size_t i = 0; w->plan && i < w->plan->call_count; i++)
        window_agg_close(&w->calls[i]);
    rowfile_free(w->part);
    arena_free(&w->in_arena);
    arena_free(&w->keep);
    if (w->results.types)
        store_free(&w->results);
}

const OpDef op_window = {"WindowAgg", sizeof(OpWindow), window_open, window_next, window_close};
