/* sqlts/plan_query.c - the order of clauses: FROM, grouping, windows, list, DISTINCT, ORDER BY, LIMIT. */
#include "sqlts/plan_private.h"

/* ---- entry ---- */

bool plan_statement(Analyzer *z, Query *q, BoundQuery *out, Err *e)
{
    Planner p = {.z = z, .arena = z->arena, .used = varset_new(z->arena, z->var_count)};
    if (!plan_query_all(&p, q, &out->plan.root, e))
        return false;
    out->plan.ctes = p.ctes;
    out->plan.cte_count = p.cte_count;
    out->plan.exec_param_count = p.param_count;
    out->cols = q->cols;
    out->col_count = q->visible_count;
    for (size_t i = 0; i < q->visible_count; i++)
        if (q->cols[i].attnum < 0)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                           "column \"%.*s\" is a row: rows as values are not supported",
                           SLICE_ARG(q->cols[i].name));
    return true;
}

bool plan_table_expr(Analyzer *z, const Rte *rte, Expr **x, Err *e)
{
    Planner p = {.z = z, .arena = z->arena, .used = varset_new(z->arena, z->var_count)};
    if (!rte)
        return plan_fix(&p, *x, NULL, NULL, x, e);
    /* the columns of the table as it is stored, dropped ones included */
    size_t count = rte->table->column_count;
    Plan *plan = plan_new(&p, PLAN_RESULT, sizeof *plan, count + 1);
    uint32_t *vars = ARENA_ARRAY(z->arena, uint32_t, count + 1);
    for (size_t i = 0; i <= count; i++)
        vars[i] = UINT32_MAX;
    Rel r = {.plan = plan, .vars = vars, .set = varset_new(z->arena, z->var_count)};
    for (size_t i = 0; i < rte->col_count; i++) {
        size_t at = rte->cols[i].attnum > 0 ? (size_t)rte->cols[i].attnum - 1 : count;
        vars[at] = rte->first_var + (uint32_t)i;
        if (at < count)
            varset_add(&r.set, vars[at]);
    }
    if (!plan_fix(&p, *x, &r, NULL, x, e)) {
        if (e->code == ERR_INTERNAL)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "system columns are not supported here");
        return false;
    }
    return true;
}

/* ---- the list ---- */

/* Are the expressions just the columns of the input, in order? */
static bool is_identity(const Plan *in, Expr **exprs, size_t count)
{
    if (in->col_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (exprs[i]->kind != EXPR_COLUMN || exprs[i]->index != i)
            return false;
    return true;
}

static Plan *project_fixed(Planner *p, Plan *in, Expr **exprs, const Slice *names, size_t count)
{
    if (is_identity(in, exprs, count))
        return in;
    PlanProject *pr = PLAN_NEW(p, PlanProject, PLAN_PROJECT, count);
    pr->p.child = in;
    pr->p.rows_estimate = in->rows_estimate;
    pr->exprs = exprs;
    for (size_t i = 0; i < count; i++) {
        pr->p.types[i] = exprs[i]->type;
        pr->p.names[i] = names[i];
    }
    return &pr->p;
}

bool plan_project(Planner *p, const Rel *in, Expr **exprs, const Slice *names, size_t count,
                  Plan **out, Err *e)
{
    Expr **fixed = ARENA_ARRAY(p->arena, Expr *, count + 1);
    for (size_t i = 0; i < count; i++)
        if (!plan_fix(p, exprs[i], in, NULL, &fixed[i], e))
            return false;
    *out = project_fixed(p, in->plan, fixed, names, count);
    return true;
}

/* ---- ORDER BY, DISTINCT, LIMIT over a plan whose columns are the targets ---- */

/* Which target stands in which column of the plan. */
typedef struct Columns {
    size_t *at; /* target -> column */
    size_t count;
    Plan *plan;
} Columns;

static Expr *column_of(Planner *p, const Columns *c, size_t target)
{
    return expr_column(p->arena, (uint32_t)c->at[target], c->plan->types[c->at[target]], -1);
}

Expr *plan_sum(Planner *p, Expr *limit, Expr *offset, Err *e)
{
    SqlNode none = {0};
    Expr *sum = NULL;
    if (!limit || !offset)
        return limit;
    if (!az_operator(p->z, &none, SLICE_LIT("+"), limit, qx_copy(p->arena, offset), &sum, e))
        err_clear(e); /* no top-N then */
    return sum;
}

static void sort(Planner *p, const Query *q, Columns *c, const SortKey *keys, size_t count,
                 bool top_n, Err *e)
{
    PlanSort *s = PLAN_NEW(p, PlanSort, PLAN_SORT, c->plan->col_count);
    memcpy(s->p.types, c->plan->types, c->plan->col_count * sizeof(TypeId));
    memcpy(s->p.names, c->plan->names, c->plan->col_count * sizeof(Slice));
    s->p.child = c->plan;
    s->p.rows_estimate = c->plan->rows_estimate;
    s->keys = ARENA_ARRAY(p->arena, SortKey, count + 1);
    memcpy(s->keys, keys, count * sizeof *keys);
    s->key_count = count;
    if (top_n && q->limit && !q->ties && plan_is_const(p, q->limit) &&
        (!q->offset || plan_is_const(p, q->offset))) {
        Expr *n = plan_sum(p, qx_copy(p->arena, q->limit), q->offset, e);
        if (n && !plan_fix(p, n, NULL, NULL, &s->limit, e)) {
            s->limit = NULL;
            err_clear(e);
        }
    }
    c->plan = &s->p;
}

static size_t order_keys(Planner *p, const Query *q, const Columns *c, SortKey *keys)
{
    for (size_t i = 0; i < q->order_count; i++)
        keys[i] = (SortKey){column_of(p, c, q->order[i].target), q->order[i].desc,
                            q->order[i].nulls_first};
    return q->order_count;
}

static bool sorts_by(const Query *q, size_t target)
{
    for (size_t i = 0; i < q->order_count; i++)
        if (q->order[i].target == target)
            return true;
    return false;
}

/* DISTINCT ON: sorted by its keys and the rest of ORDER BY, then the first row of each. */
static void distinct_on(Planner *p, const Query *q, Columns *c, Err *e)
{
    SortKey *keys = ARENA_ARRAY(p->arena, SortKey, q->order_count + q->distinct_on_count + 1);
    size_t n = order_keys(p, q, c, keys);
    for (size_t i = 0; i < q->distinct_on_count; i++)
        if (!sorts_by(q, q->distinct_on[i]))
            keys[n++] = (SortKey){column_of(p, c, q->distinct_on[i]), false, false};
    sort(p, q, c, keys, n, false, e);
    PlanDistinct *d = PLAN_NEW(p, PlanDistinct, PLAN_DISTINCT, c->plan->col_count);
    memcpy(d->p.types, c->plan->types, c->plan->col_count * sizeof(TypeId));
    memcpy(d->p.names, c->plan->names, c->plan->col_count * sizeof(Slice));
    d->p.child = c->plan;
    d->p.rows_estimate = c->plan->rows_estimate / 10 + 1;
    d->sorted = true;
    d->keys = ARENA_ARRAY(p->arena, Expr *, q->distinct_on_count + 1);
    for (size_t i = 0; i < q->distinct_on_count; i++)
        d->keys[d->key_count++] = column_of(p, c, q->distinct_on[i]);
    c->plan = &d->p;
}

static void distinct_all(Planner *p, Columns *c)
{
    PlanDistinct *d = PLAN_NEW(p, PlanDistinct, PLAN_DISTINCT, c->plan->col_count);
    memcpy(d->p.types, c->plan->types, c->plan->col_count * sizeof(TypeId));
    memcpy(d->p.names, c->plan->names, c->plan->col_count * sizeof(Slice));
    d->p.child = c->plan;
    d->p.rows_estimate = c->plan->rows_estimate / 10 + 1;
    c->plan = &d->p;
}

/* Subqueries of LIMIT become columns; the first row says what they are. */
static bool limit_subqueries(Planner *p, Query *q, Columns *c, Rel *rel, Err *e)
{
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, c->plan->col_count + 1);
    uint32_t unread = plan_new_var(p, "limit", T_INT8, -1);
    for (size_t i = 0; i < c->plan->col_count; i++)
        vars[i] = unread;
    *rel = rel_new(p, c->plan, vars);
    if ((q->limit && !plan_attach(p, rel, &q->limit, e)) ||
        (q->offset && !plan_attach(p, rel, &q->offset, e)))
        return false;
    c->plan = rel->plan;
    return true;
}

static bool limit(Planner *p, Query *q, Columns *c, Err *e)
{
    Rel rel;
    if (!q->limit && !q->offset)
        return true;
    if (!limit_subqueries(p, q, c, &rel, e))
        return false;
    PlanLimit *l = PLAN_NEW(p, PlanLimit, PLAN_LIMIT, c->plan->col_count);
    memcpy(l->p.types, c->plan->types, c->plan->col_count * sizeof(TypeId));
    memcpy(l->p.names, c->plan->names, c->plan->col_count * sizeof(Slice));
    l->p.child = c->plan;
    l->p.rows_estimate = c->plan->rows_estimate;
    c->plan = &l->p;
    l->ties = ARENA_ARRAY(p->arena, Expr *, q->order_count + 1);
    for (size_t i = 0; q->ties && i < q->order_count; i++)
        l->ties[l->tie_count++] = column_of(p, c, q->order[i].target);
    if (q->limit && q->limit->kind == EXPR_CONST &&
        (double)q->limit->value.u.i64 < l->p.rows_estimate)
        l->p.rows_estimate = (double)q->limit->value.u.i64;
    return (!q->limit || plan_fix(p, q->limit, &rel, NULL, &l->limit, e)) &&
           (!q->offset || plan_fix(p, q->offset, &rel, NULL, &l->offset, e));
}

/* Everything behind the list; leaves the kept visible columns. */
static bool tail(Planner *p, Query *q, Columns *c, const size_t *kept, size_t kept_count, Err *e)
{
    if (q->distinct && q->distinct_on_count)
        distinct_on(p, q, c, e);
    else if (q->distinct)
        distinct_all(p, c);
    if (q->order_count && !q->distinct_on_count) {
        SortKey *keys = ARENA_ARRAY(p->arena, SortKey, q->order_count);
        sort(p, q, c, keys, order_keys(p, q, c, keys), true, e);
    }
    if (!limit(p, q, c, e))
        return false;
    Expr **exprs = ARENA_ARRAY(p->arena, Expr *, kept_count + 1);
    Slice *names = ARENA_ARRAY(p->arena, Slice, kept_count + 1);
    for (size_t i = 0; i < kept_count; i++) {
        exprs[i] = column_of(p, c, kept[i]);
        names[i] = q->targets[kept[i]].name;
    }
    c->plan = project_fixed(p, c->plan, exprs, names, kept_count);
    return true;
}

/* ---- SELECT ---- */

static void mark_query(Planner *p, const Query *q, const bool *wanted)
{
    for (size_t i = 0; i < q->target_count; i++)
        if (wanted[i])
            plan_mark(p, q->targets[i].expr);
    for (size_t i = 0; i < q->key_count; i++)
        plan_mark(p, q->keys[i]);
    for (size_t i = 0; i < q->agg_count; i++) {
        for (size_t k = 0; k < q->aggs[i].arg_count; k++)
            plan_mark(p, q->aggs[i].args[k]);
        for (size_t k = 0; k < q->aggs[i].order_count; k++)
            plan_mark(p, q->aggs[i].order[k]);
        plan_mark(p, q->aggs[i].filter);
    }
    plan_mark(p, q->having);
    for (size_t w = 0; w < q->window_count; w++) {
        for (size_t i = 0; i < q->windows[w].partition_count; i++)
            plan_mark(p, q->windows[w].partition[i]);
        for (size_t i = 0; i < q->windows[w].order_count; i++)
            plan_mark(p, q->windows[w].order[i].expr);
    }
    for (size_t i = 0; i < q->call_count; i++) {
        const WindowCall *c = &q->calls[i].call;
        for (size_t k = 0; k < c->arg_count; k++)
            plan_mark(p, c->args[k]);
        plan_mark(p, c->filter);
        plan_mark(p, c->frame.start_offset);
        plan_mark(p, c->frame.end_offset);
    }
    for (size_t i = 0; i < q->fill_count; i++)
        for (size_t k = 0; k < QFILL_EXPRS; k++)
            plan_mark(p, *qfill_expr(&((Query *)(uintptr_t)q)->fills[i], k));
}

/* DISTINCT ON (tags) ... ORDER BY tags, time DESC: the newest row of each series is enough. */
static void newest_per_series(const Planner *p, const Query *q, const Rel *rel)
{
    PlanScan *scan = (PlanScan *)rel->plan;
    if (rel->plan->kind != PLAN_SCAN || !q->distinct_on_count || q->grouped || q->call_count ||
        q->has_srf || q->order_count != q->distinct_on_count + 1)
        return;
    for (size_t i = 0; i < q->order_count; i++) {
        const Expr *x = q->targets[q->order[i].target].expr;
        ScanColKind want = i < q->distinct_on_count ? SCAN_TAG : SCAN_TIME;
        size_t c = 0;
        while (x->kind == EXPR_COLUMN && c < rel->plan->col_count && rel->vars[c] != x->index)
            c++;
        if (x->kind != EXPR_COLUMN || c == rel->plan->col_count ||
            !(scan->cols[c].kind == want || (want == SCAN_TAG && scan->cols[c].keyed)))
            return;
    }
    (void)p;
    if (!q->order[q->distinct_on_count].desc)
        return;
    scan->backward = true;
    scan->per_series_limit = 1;
}

/* ORDER BY a time bucket LIMIT n: the groups of the first buckets are enough. */
static bool first_buckets(Planner *p, const Query *q, const Rel *rel, Err *e)
{
    PlanSeriesAgg *a = (PlanSeriesAgg *)rel->plan;
    if (rel->plan->kind != PLAN_SERIES_AGG || !q->order_count || !q->limit || q->having ||
        q->distinct || q->call_count || q->has_srf || !plan_is_const(p, q->limit) ||
        (q->offset && !plan_is_const(p, q->offset)))
        return true;
    const Expr *first = q->targets[q->order[0].target].expr;
    if (first->kind != EXPR_COLUMN || first->index < q->group->first_var ||
        first->index - q->group->first_var >= a->key_count ||
        a->keys[first->index - q->group->first_var].kind != KEY_BUCKET)
        return true;
    a->bucket_desc = q->order[0].desc;
    Expr *n = plan_sum(p, qx_copy(p->arena, q->limit), q->offset, e);
    return !n || plan_fix(p, n, NULL, NULL, &a->bucket_limit, e);
}

static bool all_conjs(Planner *p, Query *q, ConjList *conjs)
{
    conj_split(p, q->where, conjs);
    return true;
}

static bool select_input(Planner *p, Query *q, Rel *rel, Err *e)
{
    ConjList conjs = {0};
    all_conjs(p, q, &conjs);
    if (q->from_count == 0) {
        *rel = rel_new(p, plan_new(p, PLAN_RESULT, sizeof(Plan), 0), NULL);
        rel->plan->rows_estimate = 1;
        for (size_t i = 0; i < conjs.count; i++)
            conjs.items[i].vars = varset_new(p->arena, p->z->var_count);
        return plan_filter(p, rel, &conjs, e);
    }
    return plan_join_tree(p, q->from, q->from_count, &conjs, rel, e) &&
           plan_filter(p, rel, &conjs, e);
}

static bool plan_select(Planner *p, Query *q, const bool *wanted, Columns *c, Err *e)
{
    Rel rel;
    mark_query(p, q, wanted);
    if (!select_input(p, q, &rel, e))
        return false;
    newest_per_series(p, q, &rel);
    if (q->grouped && (!plan_group(p, q, &rel, e) || !first_buckets(p, q, &rel, e)))
        return false;
    if (q->having) {
        ConjList having = {0};
        conj_split(p, q->having, &having);
        if (!plan_filter(p, &rel, &having, e))
            return false;
    }
    if (q->gapfill && !plan_gapfill(p, q, &rel, e))
        return false;
    if (q->call_count && !plan_windows(p, q, &rel, e))
        return false;
    if (q->has_srf && !plan_srfs(p, q, &rel, e))
        return false;
    Expr **exprs = ARENA_ARRAY(p->arena, Expr *, q->target_count + 1);
    Slice *names = ARENA_ARRAY(p->arena, Slice, q->target_count + 1);
    size_t n = 0;
    for (size_t i = 0; i < q->target_count; i++) {
        if (!wanted[i])
            continue;
        if (!plan_attach(p, &rel, &q->targets[i].expr, e))
            return false;
        c->at[i] = n;
        names[n] = q->targets[i].name;
        exprs[n++] = q->targets[i].expr;
    }
    return plan_project(p, &rel, exprs, names, n, &c->plan, e);
}

/* ---- VALUES ---- */

static bool has_subquery(const Query *q)
{
    for (size_t r = 0; r < q->row_count; r++)
        for (size_t i = 0; i < q->visible_count; i++)
            if (qx_has(q->rows[r][i], QX_SUBLINK) || qx_has_srf(q->rows[r][i]))
                return true;
    return false;
}

/* A row with subqueries is a SELECT without FROM. */
static bool row_as_select(Planner *p, const Query *q, size_t r, Plan **out, Err *e)
{
    Rel rel = rel_new(p, plan_new(p, PLAN_RESULT, sizeof(Plan), 0), NULL);
    Slice *names = ARENA_ARRAY(p->arena, Slice, q->visible_count + 1);
    for (size_t i = 0; i < q->visible_count; i++) {
        if (qx_has_srf(q->rows[r][i]))
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                           "set-returning functions are not allowed in VALUES");
        if (!plan_attach(p, &rel, &q->rows[r][i], e))
            return false;
        names[i] = q->targets[i].name;
    }
    return plan_project(p, &rel, q->rows[r], names, q->visible_count, out, e);
}

static bool plan_values(Planner *p, Query *q, Columns *c, Err *e)
{
    if (has_subquery(q)) {
        PlanAppend *a = PLAN_NEW(p, PlanAppend, PLAN_APPEND, q->visible_count);
        a->children = ARENA_ARRAY(p->arena, Plan *, q->row_count);
        for (size_t i = 0; i < q->visible_count; i++)
            plan_column(p, &a->p, i, q->out->first_var + (uint32_t)i);
        for (; a->child_count < q->row_count; a->child_count++)
            if (!row_as_select(p, q, a->child_count, &a->children[a->child_count], e))
                return false;
        c->plan = a->child_count == 1 ? a->children[0] : &a->p;
        return true;
    }
    PlanValues *v = PLAN_NEW(p, PlanValues, PLAN_VALUES, q->visible_count);
    v->row_count = q->row_count;
    v->rows = ARENA_ARRAY(p->arena, Expr **, q->row_count);
    v->p.rows_estimate = (double)q->row_count;
    for (size_t i = 0; i < q->visible_count; i++)
        plan_column(p, &v->p, i, q->out->first_var + (uint32_t)i);
    for (size_t r = 0; r < q->row_count; r++) {
        v->rows[r] = ARENA_ARRAY(p->arena, Expr *, q->visible_count + 1);
        for (size_t i = 0; i < q->visible_count; i++) {
            if (q->rows[r][i]->kind == EXPR_CONST)
                v->rows[r][i] = q->rows[r][i];
            else if (!plan_fix(p, q->rows[r][i], NULL, NULL, &v->rows[r][i], e))
                return false;
        }
    }
    c->plan = &v->p;
    return true;
}

/* ---- set operations ---- */

typedef struct Branches {
    Plan **items;
    size_t count, cap;
} Branches;

/* UNION ALL of UNION ALL is one list. */
static bool union_branches(Planner *p, Query *q, Branches *b, Err *e)
{
    if (q->form == QUERY_UNION && q->all && !q->order_count && !q->limit && !q->offset && !q->ctes)
        return union_branches(p, q->left, b, e) && union_branches(p, q->right, b, e);
    Plan *plan;
    if (!plan_query_all(p, q, &plan, e))
        return false;
    *AZ_PUSH(p->z, b->items, b->count, b->cap) = plan;
    return true;
}

static bool plan_set_operation(Planner *p, Query *q, Columns *c, Err *e)
{
    size_t cols = q->visible_count;
    Plan *plan;
    if (q->form == QUERY_UNION) {
        Branches b = {0};
        PlanAppend *a = PLAN_NEW(p, PlanAppend, PLAN_APPEND, cols);
        if (!union_branches(p, q->left, &b, e) || !union_branches(p, q->right, &b, e))
            return false;
        a->children = b.items;
        a->child_count = b.count;
        a->p.rows_estimate = 0;
        for (size_t i = 0; i < b.count; i++)
            a->p.rows_estimate += b.items[i]->rows_estimate;
        plan = &a->p;
    } else {
        PlanSetOp *s = PLAN_NEW(p, PlanSetOp, PLAN_SETOP, cols);
        s->op = q->form == QUERY_INTERSECT ? SETOP_INTERSECT : SETOP_EXCEPT;
        s->all = q->all;
        if (!plan_query_all(p, q->left, &s->p.child, e) ||
            !plan_query_all(p, q->right, &s->p.right, e))
            return false;
        s->p.rows_estimate = s->p.child->rows_estimate;
        plan = &s->p;
    }
    for (size_t i = 0; i < cols; i++)
        plan_column(p, plan, i, q->out->first_var + (uint32_t)i);
    c->plan = plan;
    if (q->form == QUERY_UNION && !q->all)
        distinct_all(p, c);
    return true;
}

/* VALUES and set operations may be sorted by expressions over their columns. */
static bool output_targets(Planner *p, Query *q, Columns *c, Err *e)
{
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, q->visible_count + 1);
    for (size_t i = 0; i < q->visible_count; i++)
        vars[i] = q->out->first_var + (uint32_t)i;
    Rel rel = rel_new(p, c->plan, vars);
    Expr **exprs = ARENA_ARRAY(p->arena, Expr *, q->target_count + 1);
    Slice *names = ARENA_ARRAY(p->arena, Slice, q->target_count + 1);
    for (size_t i = 0; i < q->target_count; i++) {
        if (!plan_attach(p, &rel, &q->targets[i].expr, e))
            return false;
        c->at[i] = i;
        exprs[i] = q->targets[i].expr;
        names[i] = q->targets[i].name;
    }
    return plan_project(p, &rel, exprs, names, q->target_count, &c->plan, e);
}

/* ---- any query ---- */

bool plan_query(Planner *p, Query *q, const bool *needed, Plan **out, size_t *kept,
                size_t *kept_count, Err *e)
{
    Columns c = {.at = ARENA_ARRAY(p->arena, size_t, q->target_count + 1),
                 .count = q->target_count};
    bool all = q->form != QUERY_PLAIN || (q->distinct && !q->distinct_on_count);
    bool *wanted = ARENA_ARRAY(p->arena, bool, q->target_count + 1);
    *kept_count = 0;
    for (size_t i = 0; i < q->target_count; i++) {
        bool visible = i < q->visible_count;
        wanted[i] = !visible || all || !needed || needed[i];
        if (visible && (!needed || needed[i]))
            kept[(*kept_count)++] = i;
    }
    if (*kept_count == 0 && q->visible_count > 0 &&
        (q->targets[0].expr->kind != EXPR_CONST || q->targets[0].expr->type != T_RECORD)) {
        wanted[0] = true; /* a plan without columns says nothing */
        kept[(*kept_count)++] = 0;
    }
    for (size_t i = 0; i < q->order_count; i++)
        wanted[q->order[i].target] = true;
    for (size_t i = 0; i < q->distinct_on_count; i++)
        wanted[q->distinct_on[i]] = true;
    if (q->form == QUERY_PLAIN) {
        if (!plan_select(p, q, wanted, &c, e))
            return false;
    } else if (!(q->form == QUERY_VALUES ? plan_values(p, q, &c, e)
                                         : plan_set_operation(p, q, &c, e)) ||
               !output_targets(p, q, &c, e)) {
        return false;
    }
    if (!tail(p, q, &c, kept, *kept_count, e))
        return false;
    *out = c.plan;
    return true;
}

bool plan_query_all(Planner *p, Query *q, Plan **out, Err *e)
{
    size_t count, *kept = ARENA_ARRAY(p->arena, size_t, q->visible_count + 1);
    return plan_query(p, q, NULL, out, kept, &count, e);
}
