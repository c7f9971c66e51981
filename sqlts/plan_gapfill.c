/* sqlts/plan_gapfill.c - gap filling above a grouping: bounds, order, the calls that have values in gaps. */
#include "sqlts/plan_private.h"

/* ---- bounds ---- */

static bool add_bound(Planner *p, FillBound *list, size_t *count, Expr *value, bool next, Err *e)
{
    list[*count].next = next;
    return plan_fix(p, value, NULL, NULL, &list[(*count)++].value, e);
}

/* time > x, time <= x, ... among the conditions of WHERE. */
static bool infer(Planner *p, const Query *q, PlanGapfill *g, bool start, Err *e)
{
    const QGapfill *f = q->gapfill;
    ConjList conjs = {0};
    conj_split(p, f->where ? f->where : q->where, &conjs);
    FillBound *list = ARENA_ARRAY(p->arena, FillBound, conjs.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < conjs.count; i++) {
        Expr *side, *value;
        const char *op;
        Err ignored;
        err_clear(&ignored);
        if (conjs.items[i].has_sublink || conjs.items[i].is_volatile ||
            !plan_comparison(p, conjs.items[i].expr, &side, &value, &op) ||
            !qx_equal(side, f->time) || (op[0] != (start ? '>' : '<') && op[0] != '=') ||
            !az_coerce(p->z, qx_copy(p->arena, value), f->time->type, -1, CAST_IMPLICIT, &value,
                       &ignored))
            continue;
        bool closed = op[1] == '=' || op[0] == '=';
        if (!add_bound(p, list, &count, value, start ? !closed : closed, e))
            return false;
    }
    if (start) {
        g->starts = list;
        g->start_count = count;
    } else {
        g->finishes = list;
        g->finish_count = count;
    }
    return true;
}

static bool missing_bound(const char *which, Err *e)
{
    err_set(e, ERR_INVALID_PARAMETER,
            "missing time_bucket_gapfill argument: could not infer %s from WHERE clause", which);
    return err_hint(e, "Specify start and finish as arguments or in the WHERE clause.");
}

static bool bounds(Planner *p, const Query *q, PlanGapfill *g, Err *e)
{
    const QGapfill *f = q->gapfill;
    g->starts = ARENA_ARRAY(p->arena, FillBound, 1);
    g->finishes = ARENA_ARRAY(p->arena, FillBound, 1);
    if (f->start && !add_bound(p, g->starts, &g->start_count, f->start, false, e))
        return false;
    if (f->finish && !add_bound(p, g->finishes, &g->finish_count, f->finish, false, e))
        return false;
    if (f->span)
        return true;
    if ((!f->start || !f->finish) && f->time->kind != EXPR_COLUMN) {
        err_set(e, ERR_INVALID_PARAMETER,
                "invalid time_bucket_gapfill argument: ts needs to refer to a single column if no "
                "start or finish is supplied");
        return err_hint(e, "Specify start and finish as arguments or in the WHERE clause.");
    }
    return (f->start || infer(p, q, g, true, e)) && (f->finish || infer(p, q, g, false, e)) &&
           (g->start_count || missing_bound("start", e)) &&
           (g->finish_count || missing_bound("finish", e));
}

/* ---- the node ---- */

static bool optional(Planner *p, const Expr *x, const Rel *rel, Expr **out, Err *e)
{
    *out = NULL;
    return !x || plan_fix(p, x, rel, NULL, out, e);
}

static uint32_t position_of(const Rel *rel, uint32_t var)
{
    uint32_t i = 0;
    while (rel->vars[i] != var)
        i++;
    return i;
}

static void same_columns(Plan *to, const Plan *from)
{
    memcpy(to->types, from->types, from->col_count * sizeof(TypeId));
    memcpy(to->names, from->names, from->col_count * sizeof(Slice));
    to->rows_estimate = from->rows_estimate;
}

/* Without bounds the first and last bucket of all rows count: they pass on their way to the sort. */
static uint32_t *add_span(Planner *p, Rel *rel, uint32_t time_col)
{
    PlanSpan *s = PLAN_NEW(p, PlanSpan, PLAN_SPAN, rel->plan->col_count);
    same_columns(&s->p, rel->plan);
    s->p.child = rel->plan;
    s->time_col = time_col;
    s->span = ARENA_ARRAY(p->arena, uint32_t, 2);
    s->span[0] = p->param_count++;
    s->span[1] = p->param_count++;
    rel->plan = &s->p;
    return s->span;
}

/* Groups in order, each by time. */
static bool sorted(Planner *p, const Query *q, Rel *rel, Err *e)
{
    SortKey *keys = ARENA_ARRAY(p->arena, SortKey, q->key_count);
    size_t n = 0;
    for (size_t i = 0; i < q->key_count; i++)
        if (i != q->gapfill->key)
            keys[n++].expr = az_var(p->z, q->group, i, 0);
    keys[n++].expr = az_var(p->z, q->group, q->gapfill->key, 0);
    return plan_sort(p, rel, keys, n, e);
}

static bool calls(Planner *p, Query *q, const Rel *rel, PlanGapfill *g, uint32_t *vars, Err *e)
{
    size_t cols = rel->plan->col_count;
    g->call_count = q->fill_count;
    g->calls = ARENA_ARRAY(p->arena, FillCall, q->fill_count + 1);
    for (size_t i = 0; i < q->fill_count; i++) {
        QFill fixed = q->fills[i];
        for (size_t k = 0; k < QFILL_EXPRS; k++)
            if (!optional(p, *qfill_expr(&q->fills[i], k), rel, qfill_expr(&fixed, k), e))
                return false;
        g->calls[i] = fixed.call;
        vars[cols + i] = q->fills[i].var;
        plan_column(p, &g->p, cols + i, q->fills[i].var);
    }
    return true;
}

static bool attach_calls(Planner *p, Query *q, Rel *rel, Err *e)
{
    for (size_t i = 0; i < q->fill_count; i++)
        for (size_t k = 0; k < QFILL_EXPRS; k++)
            if (*qfill_expr(&q->fills[i], k) &&
                !plan_attach(p, rel, qfill_expr(&q->fills[i], k), e))
                return false;
    return true;
}

bool plan_gapfill(Planner *p, Query *q, Rel *rel, Err *e)
{
    const QGapfill *f = q->gapfill;
    if (!attach_calls(p, q, rel, e))
        return false;
    size_t cols = rel->plan->col_count;
    PlanGapfill *g = PLAN_NEW(p, PlanGapfill, PLAN_GAPFILL, cols + q->fill_count);
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, cols + q->fill_count + 1);
    g->time_col = position_of(rel, q->group->first_var + (uint32_t)f->key);
    if (f->span)
        g->span = add_span(p, rel, g->time_col);
    Expr *origin = f->origin;
    if (f->origin_is_start) {
        origin = expr_new(p->arena, EXPR_EXEC_PARAM, f->time->type, 0);
        origin->index = g->span[0];
    }
    if (!bounds(p, q, g, e) || !plan_fix(p, f->width, NULL, NULL, &g->width, e) ||
        !optional(p, f->zone, NULL, &g->zone, e) || !optional(p, origin, NULL, &g->origin, e) ||
        !sorted(p, q, rel, e) || !calls(p, q, rel, g, vars, e))
        return false;
    g->group_cols = ARENA_ARRAY(p->arena, uint32_t, q->key_count + 1);
    for (size_t i = 0; i < q->key_count; i++)
        if (i != f->key)
            g->group_cols[g->group_count++] = position_of(rel, q->group->first_var + (uint32_t)i);
    same_columns(&g->p, rel->plan);
    memcpy(vars, rel->vars, cols * sizeof *vars);
    g->p.child = rel->plan;
    *rel = rel_new(p, &g->p, vars);
    return true;
}
