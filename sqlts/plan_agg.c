/* sqlts/plan_agg.c - grouping (fused with the scan where possible), windows, set-returning calls. */
#include "sqlts/plan_private.h"

/* ---- plain grouping ---- */

static bool attach_list(Planner *p, Rel *rel, Expr **items, size_t n, Err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!plan_attach(p, rel, &items[i], e))
            return false;
    return true;
}

static bool fix_list(Planner *p, const Rel *rel, Expr **items, size_t n, Expr ***out, Err *e)
{
    *out = ARENA_ARRAY(p->arena, Expr *, n + 1);
    for (size_t i = 0; i < n; i++)
        if (!plan_fix(p, items[i], rel, NULL, &(*out)[i], e))
            return false;
    return true;
}

/* In place; NULL stays. */
static bool fix_optional(Planner *p, const Rel *rel, Expr **x, Err *e)
{
    return !*x || plan_fix(p, *x, rel, NULL, x, e);
}

static bool attach_aggs(Planner *p, Query *q, Rel *rel, Err *e)
{
    if (!attach_list(p, rel, q->keys, q->key_count, e))
        return false;
    for (size_t i = 0; i < q->agg_count; i++) {
        AggCall *a = &q->aggs[i];
        if (!attach_list(p, rel, a->args, a->arg_count, e) ||
            !attach_list(p, rel, a->order, a->order_count, e) ||
            (a->filter && !plan_attach(p, rel, &a->filter, e)))
            return false;
    }
    return true;
}

static bool fix_aggs(Planner *p, const Query *q, const Rel *rel, AggCall **out, Err *e)
{
    *out = ARENA_ARRAY(p->arena, AggCall, q->agg_count + 1);
    for (size_t i = 0; i < q->agg_count; i++) {
        AggCall *a = &(*out)[i];
        *a = q->aggs[i];
        if (!fix_list(p, rel, q->aggs[i].args, a->arg_count, &a->args, e) ||
            !fix_list(p, rel, q->aggs[i].order, a->order_count, &a->order, e) ||
            !fix_optional(p, rel, &a->filter, e))
            return false;
    }
    return true;
}

static Rel group_rel(Planner *p, const Query *q, Plan *plan, double input_rows)
{
    size_t n = q->key_count + q->agg_count;
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        vars[i] = q->group->first_var + (uint32_t)i;
        plan_column(p, plan, i, vars[i]);
    }
    plan->rows_estimate = plan_groups(p, q->keys, q->key_count, input_rows);
    return rel_new(p, plan, vars);
}

/* ---- grouping inside the scan ---- */

/* A key that the scan can group by: a tag, or one bucket of the time column. */
static bool series_key(Planner *p, const Expr *x, const Rel *rel, bool *has_bucket, SeriesKey *out)
{
    const PlanScan *scan = (const PlanScan *)rel->plan;
    uint32_t var;
    *out = (SeriesKey){.type = x->type};
    if (x->kind != EXPR_COLUMN) {
        if (*has_bucket || !plan_bucket(p, x, &var, &out->width_ns, &out->origin_ns))
            return false;
        out->kind = KEY_BUCKET;
        *has_bucket = true;
        const VarInfo *v = &p->z->vars[var];
        return v->rte->kind == RTE_TABLE && v->rte->table->id == scan->table;
    }
    const VarInfo *v = &p->z->vars[x->index];
    if (v->rte->kind != RTE_TABLE || v->rte->cols[v->col].attnum <= 0)
        return false;
    const ColumnDef *c = &v->rte->table->columns[v->rte->cols[v->col].attnum - 1];
    out->kind = KEY_TAG;
    out->column = c->id;
    out->keyed = c->keyed;
    return column_in_series(c);
}

static bool aggs_allowed(const Query *q)
{
    for (size_t i = 0; i < q->agg_count; i++) {
        const AggCall *a = &q->aggs[i];
        if (a->distinct || a->order_count)
            return false;
        for (size_t k = 0; k < a->arg_count; k++)
            if (qx_is_volatile(a->args[k]) || qx_has(a->args[k], QX_SUBLINK))
                return false;
        if (a->filter && (qx_has(a->filter, QX_SUBLINK) || qx_is_volatile(a->filter)))
            return false;
    }
    return true;
}

/* Columns that were only needed for the keys are not decoded. */
static bool series_columns(Planner *p, const Query *q, const Rel *in, SeriesKey *series_keys,
                           Rel *out, Err *e)
{
    const PlanScan *old = (const PlanScan *)in->plan;
    PlanScan *scan = PLAN_NEW(p, PlanScan, PLAN_SCAN, old->p.col_count);
    VarSet need = varset_new(p->arena, p->z->var_count);
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, old->p.col_count + 1);
    size_t *moved = ARENA_ARRAY(p->arena, size_t, old->p.col_count + 1), n = 0;
    for (size_t i = 0; i < q->agg_count; i++) {
        for (size_t k = 0; k < q->aggs[i].arg_count; k++)
            qx_vars(p->z, q->aggs[i].args[k], &need);
        qx_vars(p->z, q->aggs[i].filter, &need);
    }
    for (size_t k = 0; k < q->key_count; k++) /* rows of series without the tag bring it along */
        if (series_keys[k].keyed)
            qx_vars(p->z, q->keys[k], &need);
    bool *in_filter = ARENA_ARRAY(p->arena, bool, old->p.col_count + 1);
    for (size_t i = 0; i < old->prune_count; i++)
        in_filter[old->prunes[i].col] = true;
    Plan head = scan->p;
    *scan = *old;
    scan->p.types = head.types;
    scan->p.names = head.names;
    scan->cols = ARENA_ARRAY(p->arena, ScanCol, old->p.col_count + 1);
    for (size_t i = 0; i < old->p.col_count; i++) {
        if (!old->filter && !old->recheck && !varset_has(&need, in->vars[i]) && !in_filter[i])
            continue;
        moved[i] = n;
        vars[n] = in->vars[i];
        scan->cols[n] = old->cols[i];
        scan->p.types[n] = old->p.types[i];
        for (size_t k = 0; k < q->key_count; k++)
            if (series_keys[k].keyed && q->keys[k]->index == in->vars[i])
                series_keys[k].col = (uint32_t)n;
        scan->p.names[n++] = old->p.names[i];
    }
    scan->p.col_count = n;
    scan->prunes = ARENA_ARRAY(p->arena, FieldPrune, old->prune_count + 1);
    for (size_t i = 0; i < old->prune_count; i++) {
        scan->prunes[i] = old->prunes[i];
        scan->prunes[i].col = (uint32_t)moved[old->prunes[i].col];
    }
    *out = rel_new(p, &scan->p, vars);
    (void)e;
    return true;
}

static bool is_pinned(const PlanScan *scan, ColumnId tag)
{
    for (size_t i = 0; i < scan->tag_count; i++)
        if (scan->tags[i].column == tag && scan->tags[i].in && scan->tags[i].in_count == 1 &&
            !scan->tags[i].array)
            return true;
    return false;
}

static bool is_tag_key(const Planner *p, const Query *q, const TableDef *t, ColumnId tag)
{
    for (size_t i = 0; i < q->key_count; i++) {
        const Expr *x = q->keys[i];
        const VarInfo *v = x->kind == EXPR_COLUMN ? &p->z->vars[x->index] : NULL;
        if (!v || v->rte->kind != RTE_TABLE || v->rte->table != t)
            continue;
        int16_t attnum = v->rte->cols[v->col].attnum;
        if (attnum > 0 && t->columns[attnum - 1].id == tag)
            return true;
    }
    return false;
}

/* Where each group is of one series its rows come by time: what rate() needs is there without a sort. */
static void drop_time_order(const Planner *p, Query *q, const Rel *rel)
{
    const PlanScan *scan = (const PlanScan *)rel->plan;
    const TableDef *t = rel->plan->kind == PLAN_SCAN && !scan->backward
                            ? cat_table_by_id(p->z->env->catalog, scan->table)
                            : NULL;
    if (!t || t->kind != TABLE_SERIES)
        return;
    for (size_t i = 0; i < t->column_count; i++)
        if (t->columns[i].kind == COL_TAG && !t->columns[i].dropped &&
            !is_pinned(scan, t->columns[i].id) && !is_tag_key(p, q, t, t->columns[i].id))
            return;
    for (size_t i = 0; i < q->agg_count; i++) {
        const Expr *x = q->aggs[i].order_implied ? q->aggs[i].order[0] : NULL;
        const VarInfo *v = x && x->kind == EXPR_COLUMN ? &p->z->vars[x->index] : NULL;
        if (v && v->rte->kind == RTE_TABLE && v->rte->cols[v->col].is_time && !q->aggs[i].distinct)
            q->aggs[i].order_count = 0;
    }
}

static bool series_group(Planner *p, Query *q, Rel *rel, bool *done, Err *e)
{
    PlanScan *scan = (PlanScan *)rel->plan;
    bool has_bucket = false;
    *done = false;
    if (rel->plan->kind != PLAN_SCAN || scan->per_series_limit || !aggs_allowed(q))
        return true;
    const TableDef *t = cat_table_by_id(p->z->env->catalog, scan->table);
    if (!t || t->kind != TABLE_SERIES)
        return true;
    SeriesKey *keys = ARENA_ARRAY(p->arena, SeriesKey, q->key_count + 1);
    for (size_t i = 0; i < q->key_count; i++)
        if (!series_key(p, q->keys[i], rel, &has_bucket, &keys[i]))
            return true;
    Rel in;
    if (!series_columns(p, q, rel, keys, &in, e))
        return false;
    PlanSeriesAgg *a = PLAN_NEW(p, PlanSeriesAgg, PLAN_SERIES_AGG, q->key_count + q->agg_count);
    a->scan = (PlanScan *)in.plan;
    a->keys = keys;
    a->key_count = q->key_count;
    a->agg_count = q->agg_count;
    if (!fix_aggs(p, q, &in, &a->aggs, e))
        return false;
    *rel = group_rel(p, q, &a->p, rel->plan->rows_estimate);
    *done = true;
    return true;
}

/* ---- GROUPING SETS ---- */

static bool in_set(const KeySet *set, size_t key)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->keys[i] == key)
            return true;
    return false;
}

static int32_t grouping_bits(const Grouping *g, const KeySet *set)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < g->count; i++)
        bits = bits << 1 | !in_set(set, g->keys[i]);
    return (int32_t)bits;
}

/* The rows of one set in the layout of `group`: keys that it lacks are NULL. */
static bool one_set(Planner *p, Query *q, const KeySet *set, const Rel *in, Plan **out, Err *e)
{
    PlanAgg *a = PLAN_NEW(p, PlanAgg, PLAN_AGG, set->count + q->agg_count);
    Expr **keys = ARENA_ARRAY(p->arena, Expr *, set->count + 1);
    size_t cols = q->group->col_count;
    Expr **exprs = ARENA_ARRAY(p->arena, Expr *, cols + 1);
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, set->count + q->agg_count + 1);
    Slice *names = ARENA_ARRAY(p->arena, Slice, cols + 1);
    for (size_t i = 0; i < set->count + q->agg_count; i++) {
        bool key = i < set->count;
        vars[i] =
            q->group->first_var + (uint32_t)(key ? set->keys[i] : q->key_count + i - set->count);
        plan_column(p, &a->p, i, vars[i]);
        if (key)
            keys[i] = q->keys[set->keys[i]];
    }
    a->p.child = in->plan;
    a->key_count = set->count;
    a->agg_count = q->agg_count;
    if (!fix_list(p, in, keys, set->count, &a->keys, e) || !fix_aggs(p, q, in, &a->aggs, e))
        return false;
    for (size_t i = 0; i < cols; i++) {
        const RteCol *c = &q->group->cols[i];
        names[i] = c->name;
        if (i >= q->key_count + q->agg_count)
            exprs[i] = az_const(
                p->z, T_INT4,
                value_i64(grouping_bits(&q->groupings[i - q->key_count - q->agg_count], set)), 0);
        else if (i < q->key_count && !in_set(set, i))
            exprs[i] = az_const(p->z, c->type, value_null(), 0);
        else
            exprs[i] = az_var(p->z, q->group, i, 0);
    }
    Rel rel = rel_new(p, &a->p, vars);
    return plan_project(p, &rel, exprs, names, cols, out, e);
}

/* The input is computed once and grouped once for each set. */
static bool plan_sets(Planner *p, Query *q, Rel *rel, Err *e)
{
    KeySet all = {ARENA_ARRAY(p->arena, size_t, q->key_count + 1), q->key_count};
    for (size_t i = 0; i < q->key_count; i++)
        all.keys[i] = i;
    size_t count = q->sets ? q->set_count : 1, cols = q->group->col_count;
    const KeySet *sets = q->sets ? q->sets : &all;
    Rel in = *rel;
    if (count > 1 && !p->apply_depth) { /* else each set reads the input itself */
        PlanCteRef *r = PLAN_NEW(p, PlanCteRef, PLAN_CTE_REF, rel->plan->col_count);
        memcpy(r->p.types, rel->plan->types, rel->plan->col_count * sizeof(TypeId));
        memcpy(r->p.names, rel->plan->names, rel->plan->col_count * sizeof(Slice));
        r->cte = ++p->z->cte_count;
        *AZ_PUSH(p->z, p->ctes, p->cte_count, p->cte_cap) =
            (PlanCte){r->cte, SLICE_LIT("grouped rows"), rel->plan};
        r->name = SLICE_LIT("grouped rows");
        in.plan = &r->p;
    }
    PlanAppend *a = PLAN_NEW(p, PlanAppend, PLAN_APPEND, cols);
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, cols + 1);
    a->children = ARENA_ARRAY(p->arena, Plan *, count);
    for (size_t i = 0; i < cols; i++) {
        vars[i] = q->group->first_var + (uint32_t)i;
        plan_column(p, &a->p, i, vars[i]);
    }
    for (; a->child_count < count; a->child_count++)
        if (!one_set(p, q, &sets[a->child_count], &in, &a->children[a->child_count], e))
            return false;
    *rel = rel_new(p, count == 1 ? a->children[0] : &a->p, vars);
    return true;
}

bool plan_group(Planner *p, Query *q, Rel *rel, Err *e)
{
    bool done;
    if (q->sets || q->grouping_count)
        return attach_aggs(p, q, rel, e) && plan_sets(p, q, rel, e);
    drop_time_order(p, q, rel);
    if (!series_group(p, q, rel, &done, e))
        return false;
    if (done)
        return true;
    if (!attach_aggs(p, q, rel, e))
        return false;
    PlanAgg *a = PLAN_NEW(p, PlanAgg, PLAN_AGG, q->key_count + q->agg_count);
    a->p.child = rel->plan;
    a->key_count = q->key_count;
    a->agg_count = q->agg_count;
    if (!fix_list(p, rel, q->keys, q->key_count, &a->keys, e) || !fix_aggs(p, q, rel, &a->aggs, e))
        return false;
    *rel = group_rel(p, q, &a->p, rel->plan->rows_estimate);
    return true;
}

/* ---- windows ---- */

bool plan_sort(Planner *p, Rel *rel, const SortKey *keys, size_t count, Err *e)
{
    if (count == 0)
        return true;
    PlanSort *s = PLAN_NEW(p, PlanSort, PLAN_SORT, rel->plan->col_count);
    memcpy(s->p.types, rel->plan->types, rel->plan->col_count * sizeof(TypeId));
    memcpy(s->p.names, rel->plan->names, rel->plan->col_count * sizeof(Slice));
    s->p.child = rel->plan;
    s->p.rows_estimate = rel->plan->rows_estimate;
    s->keys = ARENA_ARRAY(p->arena, SortKey, count);
    for (size_t i = 0; i < count; i++) {
        s->keys[s->key_count] = keys[i];
        if (!plan_fix(p, keys[i].expr, rel, NULL, &s->keys[s->key_count++].expr, e))
            return false;
    }
    rel->plan = &s->p;
    return true;
}

static bool sort_for_window(Planner *p, const QWindow *w, Rel *rel, Err *e)
{
    size_t n = w->partition_count + w->order_count;
    SortKey *keys = ARENA_ARRAY(p->arena, SortKey, n + 1);
    for (size_t i = 0; i < w->partition_count; i++)
        keys[i].expr = w->partition[i];
    if (w->order_count)
        memcpy(keys + w->partition_count, w->order, w->order_count * sizeof *keys);
    return plan_sort(p, rel, keys, n, e);
}

static bool one_window(Planner *p, Query *q, size_t window, Rel *rel, Err *e)
{
    QWindow *w = &q->windows[window];
    size_t calls = 0, cols = rel->plan->col_count;
    for (size_t i = 0; i < q->call_count; i++)
        calls += q->calls[i].window == window;
    PlanWindow *pw = PLAN_NEW(p, PlanWindow, PLAN_WINDOW, cols + calls);
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, cols + calls + 1);
    if (!sort_for_window(p, w, rel, e))
        return false;
    memcpy(pw->p.types, rel->plan->types, cols * sizeof(TypeId));
    memcpy(pw->p.names, rel->plan->names, cols * sizeof(Slice));
    memcpy(vars, rel->vars, cols * sizeof *vars);
    pw->p.child = rel->plan;
    pw->p.rows_estimate = rel->plan->rows_estimate;
    pw->partition_count = w->partition_count;
    pw->order_count = w->order_count;
    pw->order = ARENA_ARRAY(p->arena, SortKey, w->order_count + 1);
    pw->calls = ARENA_ARRAY(p->arena, WindowCall, calls);
    if (!fix_list(p, rel, w->partition, w->partition_count, &pw->partition, e))
        return false;
    for (size_t i = 0; i < w->order_count; i++) {
        pw->order[i] = w->order[i];
        if (!plan_fix(p, w->order[i].expr, rel, NULL, &pw->order[i].expr, e))
            return false;
    }
    for (size_t i = 0; i < q->call_count; i++) {
        if (q->calls[i].window != window)
            continue;
        WindowCall *c = &pw->calls[pw->call_count];
        *c = q->calls[i].call;
        if (!fix_list(p, rel, q->calls[i].call.args, c->arg_count, &c->args, e) ||
            !fix_optional(p, rel, &c->filter, e) ||
            !fix_optional(p, rel, &c->frame.start_offset, e) ||
            !fix_optional(p, rel, &c->frame.end_offset, e))
            return false;
        vars[cols + pw->call_count] = q->calls[i].var;
        plan_column(p, &pw->p, cols + pw->call_count, q->calls[i].var);
        pw->call_count++;
    }
    *rel = rel_new(p, &pw->p, vars);
    return true;
}

bool plan_windows(Planner *p, Query *q, Rel *rel, Err *e)
{
    for (size_t i = 0; i < q->call_count; i++) {
        WindowCall *c = &q->calls[i].call;
        Expr **others[] = {&c->filter, &c->frame.start_offset, &c->frame.end_offset};
        if (!attach_list(p, rel, c->args, c->arg_count, e))
            return false;
        for (size_t k = 0; k < ARRAY_LEN(others); k++)
            if (*others[k] && !plan_attach(p, rel, others[k], e))
                return false;
    }
    for (size_t w = 0; w < q->window_count; w++) {
        if (!attach_list(p, rel, q->windows[w].partition, q->windows[w].partition_count, e))
            return false;
        for (size_t i = 0; i < q->windows[w].order_count; i++)
            if (!plan_attach(p, rel, &q->windows[w].order[i].expr, e))
                return false;
    }
    for (size_t w = 0; w < q->window_count; w++)
        if (!one_window(p, q, w, rel, e))
            return false;
    return true;
}

/* ---- set-returning calls in the list ---- */

typedef struct SrfList {
    Planner *p;
    Expr **calls;
    uint32_t *vars;
    size_t count, cap, var_cap;
    bool nested;
} SrfList;

static bool take_srf(void *arg, Expr **slot)
{
    SrfList *l = arg;
    Expr *x = *slot;
    if (!x->func || !(x->func->flags & FN_SRF) || x->kind != EXPR_CALL)
        return false;
    for (size_t i = 0; i < x->arg_count; i++)
        l->nested |= qx_has_srf(x->args[i]);
    for (size_t i = 0; i < l->count; i++) {
        if (!qx_is_volatile(x) &&
            qx_equal(l->calls[i], x)) { /* the fields of one composite value */
            *slot = az_var(l->p->z, l->p->z->vars[l->vars[i]].rte, 0, x->position);
            return true;
        }
    }
    uint32_t var = plan_new_var(l->p, x->func->name, x->type, x->typmod);
    size_t n = l->count;
    *AZ_PUSH(l->p->z, l->calls, l->count, l->cap) = x;
    *AZ_PUSH(l->p->z, l->vars, n, l->var_cap) = var;
    *slot = az_var(l->p->z, l->p->z->vars[var].rte, 0, x->position);
    return true;
}

bool plan_srfs(Planner *p, Query *q, Rel *rel, Err *e)
{
    SrfList l = {.p = p};
    for (size_t i = 0; i < q->target_count; i++) {
        if (!qx_has_srf(q->targets[i].expr))
            continue;
        if (!plan_attach(p, rel, &q->targets[i].expr, e))
            return false;
        qx_walk(&q->targets[i].expr, take_srf, &l);
    }
    if (l.nested)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "set-returning functions inside set-returning functions are not supported");
    if (l.count == 0)
        return true;
    size_t cols = rel->plan->col_count;
    PlanProjectSet *s = PLAN_NEW(p, PlanProjectSet, PLAN_PROJECT_SET, cols + l.count);
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, cols + l.count + 1);
    s->p.child = rel->plan;
    s->p.rows_estimate = rel->plan->rows_estimate * 10;
    s->exprs = ARENA_ARRAY(p->arena, Expr *, cols + l.count);
    s->is_srf = ARENA_ARRAY(p->arena, bool, cols + l.count);
    for (size_t i = 0; i < cols + l.count; i++) {
        vars[i] = i < cols ? rel->vars[i] : l.vars[i - cols];
        plan_column(p, &s->p, i, vars[i]);
        s->is_srf[i] = i >= cols;
        if (i < cols)
            s->exprs[i] = expr_column(p->arena, (uint32_t)i, rel->plan->types[i], -1);
        else if (!plan_fix(p, l.calls[i - cols], rel, NULL, &s->exprs[i], e))
            return false;
    }
    *rel = rel_new(p, &s->p, vars);
    return true;
}
