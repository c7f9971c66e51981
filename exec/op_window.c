/* Window functions over input sorted by partition and order.
 * A partition is kept until its end, then each call fills a column for all its rows.  Several small
 * partitions are handed on together. */
#include "exec/op_window_private.h"

typedef bool (*WindowFill)(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e);

/* ---- the functions ---- */

static bool fill_row_number(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    (void)call, (void)args, (void)e;
    for (size_t i = 0; i < w->count; i++)
        out[i] = value_i64((int64_t)i + 1);
    return true;
}

static bool fill_rank(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    (void)args, (void)e;
    bool dense = slice_eq_cstr(slice_cstr(call->func->name), "dense_rank");
    window_find_peers(w);
    for (size_t i = 0; i < w->count; i++)
        out[i] = value_i64((dense ? w->group_of[i] : w->group_begin[w->group_of[i]]) + INT64_C(1));
    return true;
}

static bool fill_percent_rank(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    (void)args, (void)e;
    bool cume = slice_eq_cstr(slice_cstr(call->func->name), "cume_dist");
    double n = (double)w->count;
    window_find_peers(w);
    for (size_t i = 0; i < w->count; i++) {
        const uint32_t *group = &w->group_begin[w->group_of[i]];
        out[i] = value_f64(cume ? group[1] / n : n > 1 ? group[0] / (n - 1) : 0);
    }
    return true;
}

static bool fill_ntile(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    (void)call;
    size_t n = w->count;
    Value v = window_cell(w, args, 0);
    if (v.null) {
        for (size_t i = 0; i < n; i++)
            out[i] = value_null();
        return true;
    }
    if (v.u.i64 <= 0)
        return err_set(e, ERR_NTILE, "argument of ntile must be greater than zero");
    size_t tiles = (size_t)v.u.i64, small = n / tiles, larger = n % tiles;
    for (size_t i = 0, tile = 1, used = 0; i < n; i++) {
        size_t size = small + (tile <= larger);
        if (used == size) {
            tile++;
            used = 0;
        }
        used++;
        out[i] = value_i64((int64_t)tile);
    }
    return true;
}

static bool fill_lag_lead(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    (void)e;
    bool lead = slice_eq_cstr(slice_cstr(call->func->name), "lead");
    for (size_t i = 0; i < w->count; i++) {
        Value by = call->arg_count > 1 ? window_cell(w, args + 1, i) : value_i64(1);
        out[i] = value_null();
        if (by.null)
            continue;
        __int128 from = (__int128)i + (lead ? (__int128)by.u.i64 : -(__int128)by.u.i64);
        if (from >= 0 && from < (__int128)w->count)
            out[i] = window_cell(w, args, (size_t)from);
        else if (call->arg_count > 2)
            out[i] = window_cell(w, args + 2, i);
    }
    return true;
}

/* The n-th row of the frame from 0; false: it has fewer. */
static bool nth_row(const FrameRows *f, size_t n, size_t *row)
{
    for (size_t i = 0; i < f->count; n -= f->part[i].end - f->part[i].begin, i++) {
        *row = f->part[i].begin + n;
        if (*row < f->part[i].end)
            return true;
    }
    return false;
}

static bool fill_frame_value(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    const char *name = call->func->name;
    bool last = strcmp(name, "last_value") == 0, nth = strcmp(name, "nth_value") == 0;
    FrameCursor cursor;
    FrameRows rows;
    frame_begin(&cursor, w, call);
    for (size_t i = 0; i < w->count; i++) {
        if (!frame_rows(&cursor, i, &rows, e))
            return false;
        Value n = nth ? window_cell(w, args + 1, i) : value_i64(1);
        if (!n.null && n.u.i64 <= 0)
            return err_set(e, ERR_NTH_VALUE, "argument of nth_value must be greater than zero");
        if (last)
            n = value_i64((int64_t)frame_size(&rows));
        size_t row;
        bool found = !n.null && n.u.i64 > 0 && nth_row(&rows, (size_t)n.u.i64 - 1, &row);
        out[i] = found ? window_cell(w, args, row) : value_null();
    }
    return true;
}

static const struct WindowName {
    const char *name;
    WindowFill fill;
} window_names[] = {
    {"row_number", fill_row_number},
    {"rank", fill_rank},
    {"dense_rank", fill_rank},
    {"percent_rank", fill_percent_rank},
    {"cume_dist", fill_percent_rank},
    {"ntile", fill_ntile},
    {"lag", fill_lag_lead},
    {"lead", fill_lag_lead},
    {"first_value", fill_frame_value},
    {"last_value", fill_frame_value},
    {"nth_value", fill_frame_value},
};

static WindowFill fill_of(const WindowCall *call)
{
    for (size_t i = 0; (call->func->flags & FN_WINDOW) && i < ARRAY_LEN(window_names); i++)
        if (strcmp(call->func->name, window_names[i].name) == 0)
            return window_names[i].fill;
    return call->func->agg ? window_fill_aggregate : NULL;
}

/* ---- partitions ---- */

static bool window_open(Op *op, Err *e)
{
    OpWindow *w = (OpWindow *)op;
    const PlanWindow *plan = w->plan = (const PlanWindow *)op->plan;
    size_t in = plan->p.child->col_count, n = in + plan->partition_count + plan->order_count;
    for (size_t i = 0; i < plan->call_count; i++) {
        if (!fill_of(&plan->calls[i]))
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "%s is not supported as a window function",
                           plan->calls[i].func->name);
        n += plan->calls[i].arg_count + (plan->calls[i].filter != NULL);
    }
    TypeId *types = ARENA_ARRAY(&op->arena, TypeId, n + 1);
    memcpy(types, plan->p.child->types, in * sizeof *types);
    n = in;
    w->key_at = n;
    for (size_t k = 0; k < plan->partition_count; k++)
        types[n++] = plan->partition[k]->type;
    w->order_at = n;
    for (size_t k = 0; k < plan->order_count; k++)
        types[n++] = plan->order[k].expr->type;
    w->arg_at = n;
    for (size_t i = 0; i < plan->call_count; i++) {
        for (size_t k = 0; k < plan->calls[i].arg_count; k++)
            types[n++] = plan->calls[i].args[k]->type;
        if (plan->calls[i].filter)
            types[n++] = T_BOOL;
    }
    w->offsets = ARENA_ARRAY(&op->arena, FrameOffsets, plan->call_count + 1);
    Budget *budget = &op->x->query->budget;
    store_init(&w->part, types, n, budget);
    arena_init(&w->in_arena, budget);
    store_init(&w->results, plan->p.types + in, plan->call_count, budget);
    return op_open_child(op, e);
}

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
        const WindowFrame *f = &w->plan->calls[i].frame;
        if (!first_value(w, f->start_offset, in, &w->offsets[i].start, e) ||
            !first_value(w, f->end_offset, in, &w->offsets[i].end, e) ||
            !frame_check_offsets(f, &w->offsets[i], e))
            return false;
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
    out->cols = ARENA_ARRAY(&w->in_arena, Vector, w->part.col_count + 1);
    out->col_count = w->part.col_count;
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
    for (size_t c = w->key_at; c < w->order_at; c++) {
        Value x = window_cell(w, c, 0), y = vec_get(&w->in.cols[c], row);
        const TypeDef *def = type_find(w->part.types[c]);
        if (x.null != y.null || (!x.null && def && def->cmp && def->cmp(&x, &y) != 0))
            return false;
    }
    return true;
}

/* Moves input rows into the partition as long as they belong to it; true: another one begins. */
static bool take_rows(OpWindow *w)
{
    size_t total = batch_count(&w->in), end = w->in_at;
    if (w->in_at >= total)
        return false;
    if (w->count == 0) { /* the first row decides */
        uint16_t row = (uint16_t)batch_row(&w->in, end++);
        store_add(&w->part, w->in.cols, &row, 1);
    }
    size_t begin = end;
    while (end < total && same_partition(w, batch_row(&w->in, end)))
        end++;
    const uint16_t *sel = w->in.sel ? w->in.sel : row_ident;
    store_add(&w->part, w->in.cols, sel + begin, end - begin);
    w->count += end - w->in_at;
    w->in_at = end;
    return end < total;
}

static QueryStatus load_partition(OpWindow *w, Err *e)
{
    while (!take_rows(w) && !w->input_ended) {
        Batch *in;
        QueryStatus st = op_next(w->op.child, &in, e);
        if (st == QUERY_END)
            w->input_ended = true;
        else if (st != QUERY_BATCH)
            return st;
        else if (!widen(w, in, e))
            return QUERY_FAIL;
    }
    return QUERY_END;
}

static bool run_calls(OpWindow *w, Err *e)
{
    const PlanWindow *plan = w->plan;
    Op *op = &w->op;
    if (w->count >= UINT32_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT, "a window partition has more than 2^32 rows");
    arena_reset(&op->scratch);
    w->group_of = NULL;
    Value **cols = ARENA_ARRAY(&op->scratch, Value *, plan->call_count + 1);
    size_t args = w->arg_at;
    for (size_t i = 0; i < plan->call_count; i++) {
        cols[i] = ARENA_ARRAY(&op->scratch, Value, w->count);
        if (!fill_of(&plan->calls[i])(w, &plan->calls[i], args, cols[i], e))
            return false;
        args += plan->calls[i].arg_count + (plan->calls[i].filter != NULL);
    }
    Value *row = ARENA_ARRAY(&op->scratch, Value, plan->call_count + 1);
    for (size_t r = 0; r < w->count; r++) {
        for (size_t i = 0; i < plan->call_count; i++)
            row[i] = cols[i][r];
        store_add_row(&w->results, row);
    }
    return true;
}

/* Works on partitions until a batch of rows is done. */
static QueryStatus fill_partitions(OpWindow *w, Err *e)
{
    while (!w->handing_out) {
        QueryStatus st = load_partition(w, e);
        if (st != QUERY_END)
            return st;
        if (w->count > 0 && !run_calls(w, e))
            return QUERY_FAIL;
        w->first += w->count;
        w->count = 0;
        bool more = w->in_at < batch_count(&w->in) || !w->input_ended;
        w->handing_out = w->part.rows >= BATCH_ROWS || !more;
        w->at = 0;
        if ((st = exec_tick(w->op.x, e)) != QUERY_BATCH)
            return st;
    }
    return QUERY_BATCH;
}

static QueryStatus window_next(Op *op, Batch **out, Err *e)
{
    OpWindow *w = (OpWindow *)op;
    for (;;) {
        Batch rows, results;
        QueryStatus st = fill_partitions(w, e);
        if (st != QUERY_BATCH)
            return st;
        arena_reset(&op->scratch);
        size_t n = store_view(&w->part, w->at, &rows, &op->scratch);
        if (n == 0 && w->part.rows == 0)
            return QUERY_END;
        if (n == 0) {
            store_clear(&w->part);
            store_clear(&w->results);
            w->first = 0;
            w->handing_out = false;
            continue;
        }
        store_view(&w->results, w->at, &results, &op->scratch);
        w->at += n;
        w->batch = *batch_new(&op->scratch, op->plan->col_count);
        memcpy(w->batch.cols, rows.cols, w->key_at * sizeof(Vector));
        memcpy(w->batch.cols + w->key_at, results.cols, w->plan->call_count * sizeof(Vector));
        w->batch.rows = n;
        *out = &w->batch;
        return QUERY_BATCH;
    }
}

static void window_close(Op *op)
{
    OpWindow *w = (OpWindow *)op;
    if (w->part.types)
        store_free(&w->part);
    arena_free(&w->in_arena);
    if (w->results.types)
        store_free(&w->results);
}

const OpDef op_window = {"WindowAgg", sizeof(OpWindow), window_open, window_next, window_close};
