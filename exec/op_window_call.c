/* The window functions that are no aggregates: values of a chunk of rows, one after the other. */
#include "exec/op_window_private.h"

static bool fill_row_number(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out,
                            Err *e)
{
    (void)w, (void)s, (void)e;
    for (size_t i = begin; i < end; i++)
        *out++ = value_i64((int64_t)i + 1);
    return true;
}

static bool fill_rank(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out, Err *e)
{
    (void)s, (void)e;
    for (size_t i = 0; i < end - begin; i++)
        out[i] = value_i64((int64_t)w->peers.begin[i] + 1);
    return true;
}

static bool fill_dense_rank(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out,
                            Err *e)
{
    (void)s, (void)e;
    for (size_t i = 0; i < end - begin; i++)
        out[i] = value_i64((int64_t)w->peers.group[i] + 1);
    return true;
}

static bool fill_percent_rank(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out,
                              Err *e)
{
    (void)s, (void)e;
    double n = (double)w->count;
    for (size_t i = 0; i < end - begin; i++)
        out[i] = value_f64(n > 1 ? (double)w->peers.begin[i] / (n - 1) : 0);
    return true;
}

static bool fill_cume_dist(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out,
                           Err *e)
{
    (void)s, (void)e;
    for (size_t i = 0; i < end - begin; i++)
        out[i] = value_f64((double)w->peers.end[i] / (double)w->count);
    return true;
}

/* The first n % tiles of them have a row more. */
static bool fill_ntile(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out, Err *e)
{
    Value v = window_cell(w, s->args, 0);
    if (!v.null && v.u.i64 <= 0)
        return err_set(e, ERR_NTILE, "argument of ntile must be greater than zero");
    if (v.null) {
        for (size_t i = begin; i < end; i++)
            *out++ = value_null();
        return true;
    }
    size_t tiles = (size_t)v.u.i64, small = w->count / tiles, larger = w->count % tiles;
    size_t in_larger = larger * (small + 1);
    for (size_t i = begin; i < end; i++)
        *out++ = value_i64(i < in_larger ? (int64_t)(i / (small + 1)) + 1
                                         : (int64_t)(larger + (i - in_larger) / small) + 1);
    return true;
}

static bool is_lead(const WindowState *s)
{
    return strcmp(s->call->func->name, "lead") == 0;
}

static bool fill_lag_lead(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out, Err *e)
{
    (void)e;
    bool lead = is_lead(s);
    for (size_t i = begin; i < end; i++, out++) {
        Value by = s->call->arg_count > 1 ? window_cell(w, s->args + 1, i) : value_i64(1);
        *out = value_null();
        if (by.null)
            continue;
        __int128 from = (__int128)i + (lead ? (__int128)by.u.i64 : -(__int128)by.u.i64);
        Value v = value_null();
        if (from >= 0 && from < (__int128)w->count)
            v = window_cell(w, s->args, (size_t)from);
        else if (s->call->arg_count > 2)
            v = window_cell(w, s->args + 2, i);
        *out = value_copy(&w->op.scratch, &v);
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

static bool frame_value(OpWindow *w, WindowState *s, const FrameRows *rows, const Value *n,
                        Value *out, Err *e)
{
    size_t row;
    if (!n->null && n->u.i64 <= 0)
        return err_set(e, ERR_NTH_VALUE, "argument of nth_value must be greater than zero");
    *out = value_null();
    if (n->null || !nth_row(rows, (size_t)n->u.i64 - 1, &row))
        return true;
    Value v = window_cell(w, s->args, row);
    *out = value_copy(&w->op.scratch, &v);
    return true;
}

static bool fill_last_value(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out,
                            Err *e)
{
    FrameRows rows;
    for (size_t i = begin; i < end; i++, out++) {
        if (!frame_rows(&s->cursor, i, &rows, e))
            return false;
        size_t n = frame_size(&rows), row;
        *out = value_null();
        if (!n || !nth_row(&rows, n - 1, &row))
            continue;
        Value v = window_cell(w, s->args, row);
        *out = value_copy(&w->op.scratch, &v);
    }
    return true;
}

static bool fill_nth_value(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out,
                           Err *e)
{
    FrameRows rows;
    for (size_t i = begin; i < end; i++, out++) {
        if (!frame_rows(&s->cursor, i, &rows, e))
            return false;
        Value n = window_cell(w, s->args + 1, i);
        if (!frame_value(w, s, &rows, &n, out, e))
            return false;
    }
    return true;
}

/* The frame begins with the partition whatever its row, and is never empty. */
static bool first_is_fixed(const WindowCall *call)
{
    const WindowFrame *f = &call->frame;
    return f->start == FRAME_UNBOUNDED_PRECEDING && f->exclude == EXCLUDE_NONE &&
           (f->end == FRAME_CURRENT || f->end == FRAME_UNBOUNDED_FOLLOWING);
}

static bool fill_first_value(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out,
                             Err *e)
{
    const Value one = value_i64(1);
    FrameRows rows;
    if (first_is_fixed(s->call) && !s->has_first) {
        Value v = window_cell(w, s->args, 0);
        s->first = value_copy(&w->keep, &v);
        s->has_first = true;
    }
    for (size_t i = begin; i < end; i++, out++) {
        if (s->has_first)
            *out = s->first;
        else if (!frame_rows(&s->cursor, i, &rows, e) || !frame_value(w, s, &rows, &one, out, e))
            return false;
    }
    return true;
}

/* ---- what a call needs ---- */

static WindowNeed need_nothing(const WindowState *s)
{
    (void)s;
    return (WindowNeed){0};
}

static WindowNeed need_peers(const WindowState *s)
{
    (void)s;
    return (WindowNeed){.peers = true};
}

static WindowNeed need_all(const WindowState *s)
{
    return (WindowNeed){.whole = true, .peers = frame_needs_peers(&s->call->frame)};
}

static WindowNeed need_all_peers(const WindowState *s)
{
    (void)s;
    return (WindowNeed){.whole = true, .peers = true};
}

/* By a constant, which is looked for in the plan: a value of the first row may be another in the next. */
static WindowNeed need_lag(const WindowState *s)
{
    enum { NEAR = 1024 };
    int64_t by = 1;
    if (s->call->arg_count > 1) {
        const Expr *x = s->call->args[1];
        if (x->kind != EXPR_CONST || x->value.null || x->value.u.i64 < 0 || x->value.u.i64 > NEAR)
            return need_all(s);
        by = x->value.u.i64;
    }
    return is_lead(s) ? (WindowNeed){.ahead = (size_t)by} : (WindowNeed){.back = (size_t)by};
}

static WindowNeed need_first(const WindowState *s)
{
    return first_is_fixed(s->call) ? (WindowNeed){0} : need_all(s);
}

static const struct WindowName {
    const char *name;
    WindowFill fill;
    WindowNeed (*need)(const WindowState *s);
    bool frame; /* it asks for the rows of the frame */
} window_names[] = {
    {"row_number", fill_row_number, need_nothing, false},
    {"rank", fill_rank, need_peers, false},
    {"dense_rank", fill_dense_rank, need_peers, false},
    {"percent_rank", fill_percent_rank, need_all_peers, false},
    {"cume_dist", fill_cume_dist, need_all_peers, false},
    {"ntile", fill_ntile, need_all, false},
    {"lag", fill_lag_lead, need_lag, false},
    {"lead", fill_lag_lead, need_lag, false},
    {"first_value", fill_first_value, need_first, true},
    {"last_value", fill_last_value, need_all, true},
    {"nth_value", fill_nth_value, need_all, true},
};

static const struct WindowName *name_of(const WindowCall *call)
{
    for (size_t i = 0; (call->func->flags & FN_WINDOW) && i < ARRAY_LEN(window_names); i++)
        if (strcmp(call->func->name, window_names[i].name) == 0)
            return &window_names[i];
    return NULL;
}

WindowFill window_fill_of(const WindowCall *call)
{
    const struct WindowName *n = name_of(call);
    return n ? n->fill : call->func->agg ? window_fill_aggregate : NULL;
}

WindowNeed window_call_need(const WindowState *s)
{
    const struct WindowName *n = name_of(s->call);
    return n ? n->need(s) : window_agg_need(s);
}

void window_call_begin(OpWindow *w, WindowState *s)
{
    const struct WindowName *n = name_of(s->call);
    s->has_first = false;
    if (!n || n->frame)
        frame_begin(&s->cursor, w, &s->call->frame, &s->offsets);
    if (!n)
        window_agg_begin(w, s);
}
