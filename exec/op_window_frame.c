/* Frames: which rows of its partition a window call sees from a row.  PostgreSQL's meaning: EXCLUDE
 * cuts a hole; RANGE with an offset compares the only ORDER BY column with its own value plus or minus
 * the offset, and NULLs are peers of each other alone. */
#include "exec/datetime.h"
#include "exec/numeric.h"
#include "exec/op_window_private.h"
#include <math.h>

/* ---- peers ---- */

static bool same_order(OpWindow *w, size_t a, size_t b)
{
    for (size_t c = w->order_at; c < w->order_at + w->plan->order_count; c++) {
        Value x = window_cell(w, c, a), y = window_cell(w, c, b);
        const TypeDef *def = type_find(w->types[c]);
        if (x.null != y.null || (!x.null && def && def->cmp && def->cmp(&x, &y) != 0))
            return false;
    }
    return true;
}

void peer_grow(OpWindow *w, PeerCursor *c)
{
    if (w->plan->order_count == 0)
        c->end = w->count;
    while (c->end < w->count && !w->broken && same_order(w, c->end - 1, c->end))
        c->end++;
}

void peer_next(OpWindow *w, PeerCursor *c)
{
    c->group += c->end > 0;
    c->begin = c->end++;
    peer_grow(w, c);
}

/* To a group that lies ahead; false: there are not so many. */
static bool peer_move(OpWindow *w, PeerCursor *c, size_t group)
{
    while ((c->end == 0 || c->group < group) && c->end < w->count)
        peer_next(w, c);
    return c->group == group && c->end > 0;
}

/* ---- offsets ---- */

static bool is_negative(const Value *v)
{
    static const Interval zero;
    switch (v->phys) {
    case PH_I64:
        return v->u.i64 < 0;
    case PH_F64:
        return !(v->u.f64 >= 0);
    case PH_NUM:
        return v->u.num.kind == NUM_NAN || num_sign(&v->u.num) < 0;
    case PH_INTERVAL:
        return interval_cmp(v->u.iv, zero) < 0;
    default:
        return false;
    }
}

static bool check_offset(const WindowFrame *f, const Expr *x, const Value *v, const char *which,
                         Err *e)
{
    if (!x)
        return true;
    if (v->null)
        return err_set(e, ERR_NULL_NOT_ALLOWED, "frame %s offset must not be null", which);
    if (!is_negative(v))
        return true;
    if (f->unit == FRAME_RANGE)
        return err_set(e, ERR_WINDOW_OFFSET,
                       "invalid preceding or following size in window function");
    return err_set(e, ERR_WINDOW_OFFSET, "frame %s offset must not be negative", which);
}

bool frame_check_offsets(const WindowFrame *f, const FrameOffsets *offsets, Err *e)
{
    return check_offset(f, f->start_offset, &offsets->start, "starting", e) &&
           check_offset(f, f->end_offset, &offsets->end, "ending", e);
}

/* ---- RANGE with an offset ---- */

/* A sum that no int64 holds lies beyond all values. */
static int64_t i64_edge(int64_t base, int64_t offset, bool add, int *beyond)
{
    int64_t edge;
    if (add ? __builtin_add_overflow(base, offset, &edge)
            : __builtin_sub_overflow(base, offset, &edge))
        *beyond = add ? 1 : -1;
    return edge;
}

/* Infinity minus infinity: the edge lies where it lets every number in. */
static double f64_edge(double base, double offset, bool add, bool upper)
{
    double edge = add ? base + offset : base - offset;
    bool lost = isnan(edge) && !isnan(base);
    return lost ? (upper ? INFINITY : -INFINITY) : edge;
}

typedef struct RangeEdge {
    Value v;    /* compares with the order column */
    int beyond; /* -1, 1: below, above all values */
} RangeEdge;

/* base + offset or base - offset. */
static bool range_edge(OpWindow *w, const Value *base, const Value *offset, bool add, bool upper,
                       RangeEdge *edge, Err *e)
{
    TypeId type = w->types[w->order_at];
    Interval iv;
    Value *out = &edge->v;
    *edge = (RangeEdge){*base, 0};
    if (base->phys == PH_F64) {
        out->u.f64 = f64_edge(base->u.f64, offset->u.f64, add, upper);
        return true;
    }
    if (base->phys == PH_NUM) {
        const Num *b = &base->u.num, *o = &offset->u.num;
        if (num_is_special(b) && num_is_special(o) && b->kind != NUM_NAN &&
            (add ? b->kind == NUM_NINF : b->kind == NUM_PINF)) {
            out->u.num.kind = upper ? NUM_PINF : NUM_NINF;
            return true;
        }
        return (add ? num_add : num_sub)(b, o, &w->op.scratch, &out->u.num, e);
    }
    if (offset->phys != PH_INTERVAL) {
        out->u.i64 = i64_edge(base->u.i64, offset->u.i64, add, &edge->beyond);
        return true;
    }
    iv = offset->u.iv;
    if (type == T_INTERVAL)
        return (add ? interval_add : interval_sub)(base->u.iv, iv, &out->u.iv, e);
    if (type == T_TIME) { /* without wrapping around midnight */
        out->u.i64 = i64_edge(base->u.i64, iv.us, add, &edge->beyond);
        return true;
    }
    if (!add && !interval_neg(iv, &iv, e))
        return false;
    if (type == T_TIMESTAMPTZ)
        return timestamptz_add(w->op.x->ctx.env.tz, base->u.i64, iv, &out->u.i64, e);
    return timestamp_add(base->u.i64, iv, &out->u.i64, e);
}

/* Does the row lie before the frame's start (or, for its end, still inside)? */
static bool range_passes(FrameCursor *c, size_t row, const Value *current, const RangeEdge *edge,
                         bool is_end)
{
    OpWindow *w = c->w;
    const SortKey *key = &w->plan->order[0];
    Value v = window_cell(w, w->order_at, row);
    if (v.null || current->null) {
        if (is_end)
            return key->nulls_first ? v.null || !current->null : !v.null || current->null;
        return key->nulls_first ? v.null && !current->null : !v.null && current->null;
    }
    int order = edge->beyond ? -edge->beyond : type_find(w->types[w->order_at])->cmp(&v, &edge->v);
    if (key->desc)
        order = -order;
    return is_end ? order <= 0 : order < 0;
}

/* Moves a border that is given by an offset to where it is for the row. */
static bool range_border(FrameCursor *c, size_t row, bool is_end, size_t *border, Err *e)
{
    OpWindow *w = c->w;
    bool desc = w->plan->order[0].desc;
    bool following = (is_end ? c->frame->end : c->frame->start) == FRAME_FOLLOWING;
    const Value *offset = is_end ? &c->offsets->end : &c->offsets->start;
    Value current = window_cell(w, w->order_at, row);
    RangeEdge edge = {current, 0};
    if (!current.null &&
        !range_edge(w, &current, offset, following != desc, is_end != desc, &edge, e))
        return false;
    while (*border < w->count && range_passes(c, *border, &current, &edge, is_end))
        if (++*border % BATCH_ROWS == 0 && !window_goes_on(w, e))
            return false;
    return true;
}

/* ---- borders ---- */

/* Row or group number `at`, moved by the offset; within [0, max]. */
static size_t moved(size_t at, const Value *offset, bool forward, size_t max)
{
    if (!forward)
        return offset->u.i64 >= (int64_t)at ? 0 : at - (size_t)offset->u.i64;
    return offset->u.i64 >= (int64_t)(max - at) ? max : at + (size_t)offset->u.i64;
}

static size_t rows_border(const FrameCursor *c, size_t row, FrameBound bound, bool is_end)
{
    const Value *offset = is_end ? &c->offsets->end : &c->offsets->start;
    size_t n = c->w->count;
    if (bound == FRAME_CURRENT)
        return row + is_end;
    if (bound == FRAME_PRECEDING && is_end) /* one past the row; 0 if that lies before the first */
        return offset->u.i64 > (int64_t)row ? 0 : row - (size_t)offset->u.i64 + 1;
    size_t to = moved(row, offset, bound == FRAME_FOLLOWING, n);
    return is_end && to < n ? to + 1 : to;
}

static size_t groups_border(FrameCursor *c, size_t row, FrameBound bound, bool is_end)
{
    OpWindow *w = c->w;
    const Peers *peers = &w->peers;
    if (bound == FRAME_CURRENT)
        return (is_end ? peers->end : peers->begin)[row - w->chunk];
    int64_t group = (int64_t)peers->group[row - w->chunk];
    int64_t by = is_end ? c->offsets->end.u.i64 : c->offsets->start.u.i64, to;
    if (bound == FRAME_PRECEDING && by > group)
        return 0;
    if (bound == FRAME_PRECEDING)
        to = group - by;
    else if (__builtin_add_overflow(group, by, &to))
        return w->count;
    PeerCursor *at = is_end ? &c->tail_group : &c->head_group;
    if (!peer_move(w, at, (size_t)to))
        return w->count;
    return is_end ? at->end : at->begin;
}

static bool border(FrameCursor *c, size_t row, bool is_end, size_t *out, Err *e)
{
    FrameBound bound = is_end ? c->frame->end : c->frame->start;
    if (bound == FRAME_UNBOUNDED_PRECEDING || bound == FRAME_UNBOUNDED_FOLLOWING) {
        *out = bound == FRAME_UNBOUNDED_PRECEDING ? 0 : c->w->count;
        return true;
    }
    if (c->frame->unit == FRAME_RANGE && bound != FRAME_CURRENT) {
        size_t *place = is_end ? &c->tail : &c->head;
        bool ok = range_border(c, row, is_end, place, e);
        *out = *place;
        return ok;
    }
    *out = c->frame->unit == FRAME_ROWS ? rows_border(c, row, bound, is_end)
                                        : groups_border(c, row, bound, is_end);
    return true;
}

/* ---- the frame ---- */

bool frame_needs_peers(const WindowFrame *f)
{
    return f->unit == FRAME_GROUPS || f->exclude >= EXCLUDE_GROUP ||
           (f->unit == FRAME_RANGE && (f->start == FRAME_CURRENT || f->end == FRAME_CURRENT));
}

void frame_begin(FrameCursor *c, OpWindow *w, const WindowFrame *frame, const FrameOffsets *o)
{
    *c = (FrameCursor){.w = w, .frame = frame, .offsets = o};
}

static void add_range(FrameRows *out, size_t begin, size_t end)
{
    if (begin >= end)
        return;
    out->part[out->count].begin = begin;
    out->part[out->count++].end = end;
}

bool frame_rows(FrameCursor *c, size_t row, FrameRows *out, Err *e)
{
    size_t begin, end, hole_begin = row, hole_end = row + 1;
    out->count = 0;
    if (!border(c, row, false, &begin, e) || !border(c, row, true, &end, e))
        return false;
    if (end < begin)
        end = begin;
    if (c->frame->exclude == EXCLUDE_NONE) {
        add_range(out, begin, end);
        return true;
    }
    if (c->frame->exclude != EXCLUDE_CURRENT) {
        hole_begin = c->w->peers.begin[row - c->w->chunk];
        hole_end = c->w->peers.end[row - c->w->chunk];
    }
    add_range(out, begin, end < hole_begin ? end : hole_begin);
    if (c->frame->exclude == EXCLUDE_TIES && row >= begin && row < end)
        add_range(out, row, row + 1);
    add_range(out, begin > hole_end ? begin : hole_end, end);
    return true;
}
