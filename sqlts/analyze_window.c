/* sqlts/analyze_window.c - OVER and WINDOW: named windows, partitions, orders, frames, calls. */
#include "sqlts/analyze.h"

enum { WINDOW_CHAIN_MAX = 1000 };

const Expr *az_find_window(Analyzer *z, const Expr *x)
{
    const Expr *found = x->kind == EXPR_COLUMN && z->vars[x->index].rte->window ? x : NULL;
    for (size_t i = 0; i < x->arg_count && !found; i++)
        found = az_find_window(z, x->args[i]);
    return found;
}

bool az_has_window(Analyzer *z, const Expr *x)
{
    return az_find_window(z, x) != NULL;
}

/* ---- named windows ---- */

/* Puts (base ORDER BY ...) together; `known` windows of the WINDOW clause can be meant. */
static bool whole_window(Analyzer *z, const Scope *s, const NWindow *n, size_t known, NWindow *out,
                         Err *e)
{
    *out = *n;
    if (!n->base.len)
        return true;
    size_t i = 0;
    while (i < known && !slice_eq(((const NWindow *)s->windows.items[i])->name, n->base))
        i++;
    if (i == known)
        return az_fail(z, &n->n, ERR_UNDEFINED_OBJECT, e, "window \"%.*s\" does not exist",
                       SLICE_ARG(n->base));
    if (i > WINDOW_CHAIN_MAX)
        return az_fail(z, &n->n, ERR_TOO_COMPLEX, e, "more than %d windows before \"%.*s\"",
                       WINDOW_CHAIN_MAX, SLICE_ARG(n->base));
    NWindow b;
    if (!whole_window(z, s, (const NWindow *)s->windows.items[i], i, &b, e))
        return false;
    if (n->reference) {
        *out = b;
        return true;
    }
    if (n->partition.count)
        return az_fail(z, &n->n, ERR_WINDOWING, e,
                       "cannot override PARTITION BY clause of window \"%.*s\"",
                       SLICE_ARG(n->base));
    if (n->order.count && b.order.count)
        return az_fail(z, &n->n, ERR_WINDOWING, e,
                       "cannot override ORDER BY clause of window \"%.*s\"", SLICE_ARG(n->base));
    if (b.has_frame) {
        az_fail(z, &n->n, ERR_WINDOWING, e,
                "cannot copy window \"%.*s\" because it has a frame clause", SLICE_ARG(n->base));
        if (!n->order.count && !n->has_frame && !n->name.len)
            err_hint(e, "Omit the parentheses in this OVER clause.");
        return false;
    }
    out->partition = b.partition;
    if (!n->order.count)
        out->order = b.order;
    return true;
}

static bool same_window(const QWindow *a, const QWindow *b)
{
    if (a->partition_count != b->partition_count || a->order_count != b->order_count)
        return false;
    for (size_t i = 0; i < a->partition_count; i++)
        if (!qx_equal(a->partition[i], b->partition[i]))
            return false;
    for (size_t i = 0; i < a->order_count; i++)
        if (!qx_equal(a->order[i].expr, b->order[i].expr) || a->order[i].desc != b->order[i].desc ||
            a->order[i].nulls_first != b->order[i].nulls_first)
            return false;
    return true;
}

static bool window_spec(Analyzer *z, Scope *s, const NWindow *n, QWindow *w, Err *e)
{
    w->partition = ARENA_ARRAY(z->arena, Expr *, n->partition.count + 1);
    w->order = ARENA_ARRAY(z->arena, SortKey, n->order.count + 1);
    for (; w->order_count < n->order.count; w->order_count++) {
        const NSort *sort = (const NSort *)n->order.items[w->order_count];
        SortKey *k = &w->order[w->order_count];
        if (!az_expr(z, s, sort->expr, &k->expr, e) || !az_resolve_unknown(z, &k->expr, e) ||
            !az_sort_key(z, sort, k->expr, &k->desc, &k->nulls_first, e))
            return false;
    }
    for (; w->partition_count < n->partition.count; w->partition_count++)
        if (!az_expr(z, s, n->partition.items[w->partition_count],
                     &w->partition[w->partition_count], e) ||
            !az_resolve_unknown(z, &w->partition[w->partition_count], e))
            return false;
    return true;
}

static size_t add_window(Analyzer *z, Query *q, const QWindow *w)
{
    for (size_t i = 0; i < q->window_count; i++)
        if (same_window(&q->windows[i], w))
            return i;
    QWindow *more = ARENA_ARRAY(z->arena, QWindow, q->window_count + 1);
    if (q->window_count)
        memcpy(more, q->windows, q->window_count * sizeof *more);
    more[q->window_count] = *w;
    q->windows = more;
    return q->window_count++;
}

/* ---- frames ---- */

/* The types that an offset of RANGE may have beside a column; the first one is what a literal becomes.
 * int8 stands for all integers.  Dates are compared as timestamps. */
static const struct RangeOffset {
    TypeId column, offset, compare_as;
} range_offsets[] = {
    {T_INT2, T_INT8, T_INT2},
    {T_INT4, T_INT8, T_INT4},
    {T_INT8, T_INT8, T_INT8},
    {T_FLOAT4, T_FLOAT8, T_FLOAT4},
    {T_FLOAT8, T_FLOAT8, T_FLOAT8},
    {T_NUMERIC, T_NUMERIC, T_NUMERIC},
    {T_DATE, T_INTERVAL, T_TIMESTAMP},
    {T_TIME, T_INTERVAL, T_TIME},
    {T_TIMESTAMP, T_INTERVAL, T_TIMESTAMP},
    {T_TIMESTAMPTZ, T_INTERVAL, T_TIMESTAMPTZ},
    {T_INTERVAL, T_INTERVAL, T_INTERVAL},
};

static bool range_offset(Analyzer *z, const SqlNode *at, QWindow *w, Expr **x, Err *e)
{
    const struct RangeOffset *r = range_offsets;
    TypeId column = w->order[0].expr->type;
    while (r < range_offsets + ARRAY_LEN(range_offsets) && r->column != column &&
           (r->column != T_DATE || r->compare_as != column))
        r++;
    Slice name = az_type_name(z, column, -1);
    if (r == range_offsets + ARRAY_LEN(range_offsets))
        return az_fail(
            z, at, ERR_FEATURE_NOT_SUPPORTED, e,
            "RANGE with offset PRECEDING/FOLLOWING is not supported for column type %.*s",
            SLICE_ARG(name));
    if ((*x)->type == T_UNKNOWN && r->offset == T_INT8 &&
        !az_coerce(z, *x, column, -1, CAST_IMPLICIT, x, e))
        return false;
    if ((*x)->type != T_UNKNOWN && (*x)->type != r->offset &&
        !cast_exists((*x)->type, r->offset, CAST_IMPLICIT)) {
        Slice offset = az_type_name(z, (*x)->type, -1);
        err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                "RANGE with offset PRECEDING/FOLLOWING is not supported for column type %.*s and "
                "offset type %.*s",
                SLICE_ARG(name), SLICE_ARG(offset));
        err_hint(e, "Cast the offset value to an appropriate type.");
        return (*x)->kind == EXPR_CONST ? err_at(e, (*x)->position) : az_at(z, at, e);
    }
    return az_coerce(z, *x, r->offset, -1, CAST_IMPLICIT, x, e) &&
           az_coerce(z, w->order[0].expr, r->compare_as, -1, CAST_IMPLICIT, &w->order[0].expr, e);
}

static bool frame_offset(Analyzer *z, Scope *s, FrameUnit unit, const SqlNode *n, QWindow *w,
                         Expr **out, Err *e)
{
    static const char *const names[] = {
        [FRAME_RANGE] = "RANGE", [FRAME_ROWS] = "ROWS", [FRAME_GROUPS] = "GROUPS"};
    static const Place places[] = {[FRAME_RANGE] = PLACE_FRAME_RANGE,
                                   [FRAME_ROWS] = PLACE_FRAME_ROWS,
                                   [FRAME_GROUPS] = PLACE_FRAME_GROUPS};
    if (!n)
        return true;
    Place place = s->place;
    SqlNode at = az_begin(n);
    s->place = places[unit];
    bool ok = az_expr(z, s, n, out, e);
    s->place = place;
    if (!ok || !az_no_variables(z, s, *out, names[unit], e))
        return false;
    if (unit == FRAME_RANGE)
        return range_offset(z, &at, w, out, e);
    TypeId have = (*out)->type;
    if (have == T_UNKNOWN || cast_exists(have, T_INT8, CAST_ASSIGN) || have == T_INT8)
        return az_coerce(z, *out, T_INT8, -1, CAST_ASSIGN, out, e);
    Slice name = az_type_name(z, have, -1);
    return az_fail(z, &at, ERR_DATATYPE_MISMATCH, e,
                   "argument of %s must be type bigint, not type %.*s", names[unit],
                   SLICE_ARG(name));
}

static bool window_frame(Analyzer *z, Scope *s, const NWindow *n, QWindow *w, WindowFrame *f,
                         Err *e)
{
    bool offsets = n->start_value || n->end_value;
    *f = (WindowFrame){FRAME_RANGE, FRAME_UNBOUNDED_PRECEDING, FRAME_CURRENT, EXCLUDE_NONE, 0, 0};
    if (n->has_frame)
        *f = (WindowFrame){n->unit, n->start, n->end, n->exclude, 0, 0};
    if (f->unit == FRAME_RANGE && offsets && w->order_count != 1)
        return az_fail(
            z, &n->n, ERR_WINDOWING, e,
            "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column");
    if (f->unit == FRAME_GROUPS && w->order_count == 0)
        return az_fail(z, &n->n, ERR_WINDOWING, e, "GROUPS mode requires an ORDER BY clause");
    if (f->unit == FRAME_RANGE && w->order_count == 0) { /* all rows are peers */
        if (f->start == FRAME_CURRENT)
            f->start = FRAME_UNBOUNDED_PRECEDING;
        if (f->end == FRAME_CURRENT)
            f->end = FRAME_UNBOUNDED_FOLLOWING;
    }
    return frame_offset(z, s, f->unit, n->start_value, w, &f->start_offset, e) &&
           frame_offset(z, s, f->unit, n->end_value, w, &f->end_offset, e);
}

static bool window_parts(Analyzer *z, Scope *s, const NWindow *n, size_t known, QWindow *w,
                         WindowFrame *f, Err *e)
{
    NWindow spec;
    Place place = s->place;
    if (!whole_window(z, s, n, known, &spec, e))
        return false;
    s->place = PLACE_WINDOW;
    bool ok = window_spec(z, s, &spec, w, e) && window_frame(z, s, &spec, w, f, e);
    s->place = place;
    return ok;
}

bool az_check_windows(Analyzer *z, Scope *s, Err *e)
{
    for (size_t i = 0; i < s->windows.count; i++) {
        const NWindow *n = (const NWindow *)s->windows.items[i];
        QWindow w = {0};
        WindowFrame f;
        for (size_t k = 0; k < i; k++)
            if (slice_eq(((const NWindow *)s->windows.items[k])->name, n->name))
                return az_fail(z, &n->n, ERR_WINDOWING, e, "window \"%.*s\" is already defined",
                               SLICE_ARG(n->name));
        if (!window_parts(z, s, n, i, &w, &f, e))
            return false;
    }
    return true;
}

/* ---- calls ---- */

static const char *place_name(Place p)
{
    const char *text = az_place_text(p);
    if (p == PLACE_HAVING)
        return "HAVING";
    if (p == PLACE_WINDOW || p == PLACE_FRAME_RANGE || p == PLACE_FRAME_ROWS ||
        p == PLACE_FRAME_GROUPS)
        return "window definitions";
    return text ? text : "this place";
}

static bool window_allowed(Analyzer *z, const Scope *s, const NFunc *n, const FuncDef *f, Err *e)
{
    bool select =
        s->place == PLACE_SELECT || s->place == PLACE_ORDER_BY || s->place == PLACE_DISTINCT_ON;
    Slice name = ast_last_name(&n->names);
    if (s->in_agg)
        return az_fail(z, &n->n, ERR_GROUPING, e,
                       "aggregate function calls cannot contain window function calls");
    if (n->within_group)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "OVER is not supported for ordered-set aggregate %.*s", SLICE_ARG(name));
    if (n->distinct)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "DISTINCT is not implemented for window functions");
    if ((f->flags & FN_AGG) && n->args.count == 0 && !n->star)
        return az_fail(z, &n->n, ERR_WRONG_OBJECT, e,
                       "%.*s(*) must be used to call a parameterless aggregate function",
                       SLICE_ARG(name));
    if (n->order.count)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "aggregate ORDER BY is not implemented for window functions");
    if (n->filter && !(f->flags & FN_AGG))
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "FILTER is not implemented for non-aggregate window functions");
    if (!select || !s->query)
        return az_fail(z, &n->n, ERR_WINDOWING, e, "window functions are not allowed in %s",
                       place_name(s->place));
    return true;
}

static bool call_args(Analyzer *z, Scope *s, const NFunc *n, Expr **args, size_t arg_count,
                      WindowCall *c, Err *e)
{
    c->arg_count = n->star ? 0 : arg_count;
    c->args = ARENA_ARRAY(z->arena, Expr *, arg_count + 1);
    for (size_t i = 0; i < c->arg_count; i++) {
        c->args[i] = args[i];
        const Expr *inner = az_find_window(z, args[i]);
        if (inner) {
            err_set(e, ERR_WINDOWING, "window function calls cannot be nested");
            return err_at(e, inner->position);
        }
        if (!az_resolve_unknown(z, &c->args[i], e))
            return false;
    }
    if (!n->filter)
        return true;
    Place place = s->place;
    s->place = PLACE_FILTER;
    bool ok = az_expr_bool(z, s, n->filter, "FILTER", &c->filter, e);
    s->place = place;
    return ok;
}

/* rate() and its like need rows in the order of their time; as aggregates they get them sorted. */
static bool in_time_order(Analyzer *z, const NFunc *n, const QWindow *w, const WindowCall *c,
                          Err *e)
{
    size_t arg = c->func->agg ? c->func->agg->time_arg : 0;
    if (arg == 0 ||
        (w->order_count > 0 && !w->order[0].desc && qx_equal(w->order[0].expr, c->args[arg - 1])))
        return true;
    az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
            "%s as a window function needs a window in the order of its time", c->func->name);
    return err_hint(e, "Add ORDER BY with the time column to the OVER clause.");
}

bool az_window_call(Analyzer *z, Scope *s, const NFunc *n, const FuncDef *f, TypeId result,
                    Expr **args, size_t arg_count, Expr **out, Err *e)
{
    QWindow w = {0};
    QWindowCall c = {.position = az_position(z, n->n.offset)};
    c.call.func = f;
    c.call.result = result;
    if (!window_allowed(z, s, n, f, e) || !call_args(z, s, n, args, arg_count, &c.call, e) ||
        !window_parts(z, s, n->over, s->windows.count, &w, &c.call.frame, e))
        return false;
    if (!in_time_order(z, n, &w, &c.call, e))
        return false;
    Query *q = s->query;
    if (q->call_count >= TARGETS_MAX)
        return az_fail(z, &n->n, ERR_TOO_COMPLEX, e, "query has more than %d window calls",
                       TARGETS_MAX);
    c.window = add_window(z, q, &w);
    Rte *r = az_new_rte(z, RTE_COMPUTED, SLICE_LIT("window"), 1);
    r->cols[0] = (RteCol){.name = slice_cstr(f->name), .type = result, .typmod = -1};
    r->window = true;
    c.var = r->first_var;
    QWindowCall *more = ARENA_ARRAY(z->arena, QWindowCall, q->call_count + 1);
    if (q->call_count)
        memcpy(more, q->calls, q->call_count * sizeof *more);
    more[q->call_count++] = c;
    q->calls = more;
    *out = az_var(z, r, 0, c.position);
    return true;
}
