/* Window functions over input sorted by partition and order.
 * A partition is kept until its end, then each call fills a column for all its rows.  Several small
 * partitions are handed on together. */
#include "exec/op_private.h"

typedef struct OpWindow {
    Op op;
    const PlanWindow *plan;
    RowStore part; /* input columns, then partition keys, order keys, arguments of calls */
    Arena in_arena;
    Batch in;     /* the input batch, as wide as part */
    size_t in_at; /* its first row that is in no partition yet */
    bool input_ended, handing_out;
    RowStore results;    /* one column a call, of the partitions that are done */
    size_t first, count; /* rows of part: the partition that is being worked on */
    size_t at;
    size_t key_at, order_at, arg_at; /* first such column of part */
    Batch batch;
} OpWindow;

typedef bool (*WindowFill)(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e);

/* ---- helpers over the partition ---- */

static Value cell(const OpWindow *w, size_t col, size_t row)
{
    return store_get(&w->part, col, w->first + row);
}

static bool same_values(const OpWindow *w, size_t first, size_t count, size_t a, size_t b)
{
    for (size_t c = first; c < first + count; c++) {
        Value x = cell(w, c, a), y = cell(w, c, b);
        if (x.null || y.null) {
            if (x.null != y.null)
                return false;
            continue;
        }
        const TypeDef *def = type_find(w->part.types[c]);
        if (def && def->cmp && def->cmp(&x, &y) != 0)
            return false;
    }
    return true;
}

static bool peers(const OpWindow *w, size_t a, size_t b)
{
    return same_values(w, w->order_at, w->plan->order_count, a, b);
}

static size_t peers_end(const OpWindow *w, size_t row)
{
    size_t end = row + 1;
    while (end < w->count && peers(w, row, end))
        end++;
    return end;
}

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
    int64_t group = 0;
    for (size_t i = 0; i < w->count;) {
        size_t end = peers_end(w, i);
        group++;
        for (size_t k = i; k < end; k++)
            out[k] = value_i64(dense ? group : (int64_t)i + 1);
        i = end;
    }
    return true;
}

static bool fill_percent_rank(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    (void)args, (void)e;
    bool cume = slice_eq_cstr(slice_cstr(call->func->name), "cume_dist");
    double n = (double)w->count;
    for (size_t i = 0; i < w->count;) {
        size_t end = peers_end(w, i);
        double v = cume ? (double)end / n : n > 1 ? (double)i / (n - 1) : 0;
        for (size_t k = i; k < end; k++)
            out[k] = value_f64(v);
        i = end;
    }
    return true;
}

static bool fill_ntile(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    (void)call;
    size_t n = w->count;
    Value v = cell(w, args, 0);
    if (v.null) {
        for (size_t i = 0; i < n; i++)
            out[i] = value_null();
        return true;
    }
    if (v.u.i64 <= 0)
        return err_set(e, ERR_INVALID_PARAMETER, "argument of ntile must be greater than zero");
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
        Value by = call->arg_count > 1 ? cell(w, args + 1, i) : value_i64(1);
        out[i] = value_null();
        if (by.null)
            continue;
        __int128 from = (__int128)i + (lead ? (__int128)by.u.i64 : -(__int128)by.u.i64);
        if (from >= 0 && from < (__int128)w->count)
            out[i] = cell(w, args, (size_t)from);
        else if (call->arg_count > 2)
            out[i] = cell(w, args + 2, i);
    }
    return true;
}

/* One past the last row of the frame of rows [i, *same): they share it. */
static size_t frame_end(const OpWindow *w, const WindowCall *call, size_t i, size_t *same)
{
    if (call->whole_partition)
        return *same = w->count;
    if (call->rows_frame)
        return *same = i + 1;
    if (w->plan->order_count == 0) /* all rows are peers */
        return *same = w->count;
    return *same = peers_end(w, i);
}

static bool fill_frame_value(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    const char *name = call->func->name;
    bool first = strcmp(name, "first_value") == 0, nth = strcmp(name, "nth_value") == 0;
    for (size_t i = 0, same; i < w->count; i = same) {
        size_t end = frame_end(w, call, i, &same);
        for (size_t k = i; k < same; k++) {
            int64_t row = first ? 0 : (int64_t)end - 1;
            if (nth) {
                Value n = cell(w, args + 1, k);
                if (!n.null && n.u.i64 <= 0)
                    return err_set(e, ERR_INVALID_PARAMETER,
                                   "argument of nth_value must be greater than zero");
                row = n.null || n.u.i64 > (int64_t)end ? -1 : n.u.i64 - 1;
            }
            out[k] = row < 0 ? value_null() : cell(w, args, (size_t)row);
        }
    }
    return true;
}

/* Rows [begin, end) of the argument columns into the state. */
static bool feed(OpWindow *w, AggCtx *c, const AggDef *def, void *state, size_t args, size_t begin,
                 size_t end, Err *e)
{
    Vector v[16];
    uint16_t sel[BATCH_ROWS];
    begin += w->first;
    end += w->first;
    while (begin < end) {
        const Batch *b = w->part.batches[begin / BATCH_ROWS];
        size_t first = begin % BATCH_ROWS,
               n = BATCH_ROWS - first < end - begin ? BATCH_ROWS - first : end - begin;
        size_t kept = 0;
        for (size_t a = 0; a < c->arg_count; a++)
            v[a] = b->cols[args + a];
        for (size_t i = first; i < first + n; i++) {
            bool null = false;
            for (size_t a = 0; a < c->arg_count; a++)
                null |= vec_is_null(&v[a], i);
            sel[kept] = (uint16_t)i;
            kept += !(null && def->skips_nulls);
        }
        if (kept && !def->update(c, state, v, sel, kept, e))
            return false;
        begin += n;
    }
    return true;
}

static bool fill_aggregate(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    const AggDef *def = call->func->agg;
    Op *op = &w->op;
    if (call->arg_count > 16)
        return err_set(e, ERR_TOO_MANY_ARGUMENTS, "more than 16 arguments of a window aggregate");
    AggCtx c = {op_ctx(op), &op->scratch, w->part.types + args, call->arg_count, call->result};
    void *state = arena_zero(&op->scratch, def->state_size + 1);
    def->init(&c, state);
    size_t fed = 0;
    for (size_t i = 0, same; i < w->count; i = same) {
        size_t end = frame_end(w, call, i, &same);
        if (!feed(w, &c, def, state, args, fed, end, e))
            return false;
        fed = end;
        Value v = value_null();
        if (!def->final(&c, state, &v, e))
            return false;
        v = value_copy(&op->scratch, &v);
        for (size_t k = i; k < same; k++)
            out[k] = v;
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
    return call->func->agg ? fill_aggregate : NULL;
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
        n += plan->calls[i].arg_count;
    }
    TypeId *types = ARENA_ARRAY(&op->arena, TypeId, n + 1);
    memcpy(types, plan->p.child->types, in * sizeof *types);
    n = in;
    w->key_at = n;
    for (size_t k = 0; k < plan->partition_count; k++)
        types[n++] = plan->partition[k]->type;
    w->order_at = n;
    for (size_t k = 0; k < plan->order_count; k++)
        types[n++] = plan->order[k]->type;
    w->arg_at = n;
    for (size_t i = 0; i < plan->call_count; i++)
        for (size_t k = 0; k < plan->calls[i].arg_count; k++)
            types[n++] = plan->calls[i].args[k]->type;
    Budget *budget = &op->x->query->budget;
    store_init(&w->part, types, n, budget);
    arena_init(&w->in_arena, budget);
    store_init(&w->results, plan->p.types + in, plan->call_count, budget);
    return op_open_child(op, e);
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
        if (!expr_eval(ctx, plan->order[k], in, &out->cols[n++], e))
            return false;
    for (size_t i = 0; i < plan->call_count; i++)
        for (size_t k = 0; k < plan->calls[i].arg_count; k++)
            if (!expr_eval(ctx, plan->calls[i].args[k], in, &out->cols[n++], e))
                return false;
    return true;
}

static bool same_partition(const OpWindow *w, size_t row)
{
    for (size_t c = w->key_at; c < w->order_at; c++) {
        Value x = cell(w, c, 0), y = vec_get(&w->in.cols[c], row);
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
    arena_reset(&op->scratch);
    Value **cols = ARENA_ARRAY(&op->scratch, Value *, plan->call_count + 1);
    size_t args = w->arg_at;
    for (size_t i = 0; i < plan->call_count; i++) {
        cols[i] = ARENA_ARRAY(&op->scratch, Value, w->count);
        if (!fill_of(&plan->calls[i])(w, &plan->calls[i], args, cols[i], e))
            return false;
        args += plan->calls[i].arg_count;
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
