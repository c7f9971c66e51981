/* sqlts/plan_sublink.c - subqueries in expressions: APPLY, or a semi or anti join where that is the same. */
#include "sqlts/plan_private.h"

/* ---- parameters from the left row ---- */

static void grow_params(Planner *p)
{
    if (p->param_cap >= p->z->var_count)
        return;
    size_t cap = p->z->var_count * 2 + 64;
    uint32_t *more = ARENA_ARRAY(p->arena, uint32_t, cap);
    if (p->param_cap)
        memcpy(more, p->param_of, p->param_cap * sizeof *more);
    p->param_of = more;
    p->param_cap = cap;
}

void plan_params_begin(Planner *p, const VarSet *wanted, const Rel *left, ParamScope *s)
{
    size_t cols = left->plan->col_count;
    grow_params(p);
    p->apply_depth++;
    *s = (ParamScope){.vars = ARENA_ARRAY(p->arena, uint32_t, cols + 1),
                      .params = ARENA_ARRAY(p->arena, uint32_t, cols + 1),
                      .saved = ARENA_ARRAY(p->arena, uint32_t, cols + 1)};
    for (size_t i = 0; i < cols; i++) {
        uint32_t v = left->vars[i];
        if (!varset_has(wanted, v))
            continue;
        s->vars[s->count] = v;
        s->saved[s->count] = p->param_of[v];
        s->params[s->count++] = p->param_count;
        p->param_of[v] = ++p->param_count;
    }
}

void plan_params_end(Planner *p, const ParamScope *s)
{
    p->apply_depth--;
    for (size_t i = s->count; i-- > 0;)
        p->param_of[s->vars[i]] = s->saved[i];
}

bool plan_apply(Planner *p, const Rel *left, Plan *right, ApplyMode mode, const ParamScope *s,
                size_t extra_cols, PlanApply **out, Err *e)
{
    size_t lc = left->plan->col_count;
    PlanApply *a = PLAN_NEW(p, PlanApply, PLAN_APPLY, lc + extra_cols);
    memcpy(a->p.types, left->plan->types, lc * sizeof(TypeId));
    memcpy(a->p.names, left->plan->names, lc * sizeof(Slice));
    a->p.child = left->plan;
    a->p.right = right;
    a->p.rows_estimate = left->plan->rows_estimate;
    a->mode = mode;
    a->param = s->params;
    a->param_count = s->count;
    a->param_value = ARENA_ARRAY(p->arena, Expr *, s->count + 1);
    for (size_t i = 0; i < s->count; i++) {
        const VarInfo *v = &p->z->vars[s->vars[i]];
        Expr *x = expr_column(p->arena, s->vars[i], v->rte->cols[v->col].type, -1);
        if (!plan_fix(p, x, left, NULL, &a->param_value[i], e))
            return false;
    }
    *out = a;
    return true;
}

/* ---- one value a row ---- */

static Rel output_rel(Planner *p, const Sublink *s, Plan *right)
{
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, right->col_count + 1);
    for (size_t i = 0; i < right->col_count; i++)
        vars[i] = s->out->first_var + (uint32_t)i;
    return rel_new(p, right, vars);
}

static bool attach(Planner *p, Rel *rel, Expr *x, uint32_t *var, Err *e)
{
    Sublink *s = &p->z->sublinks[x->index];
    VarSet wanted = varset_new(p->arena, p->z->var_count);
    ParamScope scope;
    Plan *right;
    PlanApply *a;
    query_outer_vars(p->z, s->query, &wanted);
    plan_params_begin(p, &wanted, rel, &scope);
    bool ok = plan_query_all(p, s->query, &right, e);
    plan_params_end(p, &scope);
    if (!ok || !plan_apply(p, rel, right, s->mode, &scope, 1, &a, e))
        return false;
    size_t lc = rel->plan->col_count;
    *var = plan_new_var(p, "subquery", s->type, x->typmod);
    if (x->arg_count) {
        Rel out = output_rel(p, s, right);
        if (!plan_fix(p, x->args[0], rel, &out, &a->test, e))
            return false;
    }
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, lc + 1);
    memcpy(vars, rel->vars, lc * sizeof *vars);
    vars[lc] = *var;
    plan_column(p, &a->p, lc, *var);
    *rel = rel_new(p, &a->p, vars);
    return true;
}

static uint32_t *sublink_slot(Planner *p, uint32_t index)
{
    if (p->sublink_cap <= index) {
        size_t cap = p->z->sublink_count + 8;
        uint32_t *more = ARENA_ARRAY(p->arena, uint32_t, cap);
        if (p->sublink_cap)
            memcpy(more, p->sublink_var, p->sublink_cap * sizeof *more);
        p->sublink_var = more;
        p->sublink_cap = cap;
    }
    return &p->sublink_var[index];
}

bool plan_attach(Planner *p, Rel *rel, Expr **slot, Err *e)
{
    Expr *x = *slot;
    for (size_t i = 0; i < x->arg_count; i++)
        if (!plan_attach(p, rel, &x->args[i], e))
            return false;
    if (qx_kind(x) != QX_SUBLINK)
        return true;
    uint32_t var = *sublink_slot(p, x->index);
    /* the same subquery twice (CASE (SELECT ..) WHEN ..) runs once */
    if (!var || !varset_has(&rel->set, var - 1)) {
        if (!attach(p, rel, x, &var, e))
            return false;
        *sublink_slot(p, x->index) = ++var;
    }
    *slot = az_var(p->z, p->z->vars[var - 1].rte, 0, x->position);
    return true;
}

/* ---- as a join ---- */

static bool only_from_and_where(const Query *q)
{
    return q->form == QUERY_PLAIN && !q->grouped && !q->call_count && !q->has_srf && !q->limit &&
           !q->offset && !q->distinct_on_count && q->from_count > 0 && !q->ctes;
}

static bool reads_level(Planner *p, Query *q, const VarSet *level)
{
    VarSet outer = varset_new(p->arena, p->z->var_count);
    query_outer_vars(p->z, q, &outer);
    return varset_overlap(&outer, level);
}

static bool from_reads(Planner *p, const From *f, const VarSet *level)
{
    VarSet vars = varset_new(p->arena, p->z->var_count);
    if (!f->rte) {
        qx_vars(p->z, f->on, &vars);
        return varset_overlap(&vars, level) || from_reads(p, f->left, level) ||
               from_reads(p, f->right, level);
    }
    if (f->rte->kind == RTE_QUERY)
        return reads_level(p, f->rte->query, level);
    if (f->rte->kind == RTE_FUNCTION)
        qx_vars(p->z, f->rte->call, &vars);
    return varset_overlap(&vars, level);
}

/* EXISTS: the conditions that read our row become the join's; the others stay inside. */
static bool semi_exists(Planner *p, Rel *rel, Query *q, bool anti, bool *done, Err *e)
{
    ConjList all = {0}, outer = {0}, inner = {0};
    if (!only_from_and_where(q))
        return true;
    for (size_t i = 0; i < q->from_count; i++)
        if (from_reads(p, q->from[i], &rel->set))
            return true;
    conj_split(p, q->where, &all);
    for (size_t i = 0; i < all.count; i++) {
        Conj *c = &all.items[i];
        VarSet vars = varset_new(p->arena, p->z->var_count);
        qx_vars(p->z, c->expr, &vars);
        bool correlated = varset_overlap(&vars, &rel->set);
        if (correlated && (c->has_sublink || c->is_volatile))
            return true;
        ConjList *to = correlated ? &outer : &inner;
        *AZ_PUSH(p->z, to->items, to->count, to->cap) = *c;
    }
    if (outer.count == 0)
        return true; /* runs once: APPLY does that well */
    for (size_t i = 0; i < outer.count; i++)
        plan_mark(p, outer.items[i].expr);
    Rel right, out;
    if (!plan_join_tree(p, q->from, q->from_count, &inner, &right, e) ||
        !plan_filter(p, &right, &inner, e) ||
        !plan_join(p, anti ? JOIN_ANTI : JOIN_SEMI, rel, &right, &outer, &out, e))
        return false;
    *rel = out;
    *done = true;
    return true;
}

/* x IN (SELECT ...) that does not read our row. */
static bool semi_in(Planner *p, Rel *rel, const Expr *x, bool anti, bool *done, Err *e)
{
    Sublink *s = &p->z->sublinks[x->index];
    if (reads_level(p, s->query, &rel->set) || qx_has(x->args[0], QX_SUBLINK) ||
        qx_is_volatile(x->args[0]))
        return true;
    ConjList tests = {0};
    Expr *l, *r;
    VarSet out_set = varset_new(p->arena, p->z->var_count);
    for (uint32_t i = 0; i < s->out->col_count; i++)
        varset_add(&out_set, s->out->first_var + i);
    conj_split(p, x->args[0], &tests);
    if (anti && tests.count != 1)
        return true;
    s->out->sublink_output = false; /* its columns are real ones in a join */
    for (size_t i = 0; i < tests.count; i++) {
        if (!plan_equi(p, tests.items[i].expr, &rel->set, &out_set, &l, &r)) {
            s->out->sublink_output = true;
            return true;
        }
    }
    Plan *right;
    Rel out;
    if (!plan_query_all(p, s->query, &right, e))
        return false;
    Rel right_rel = output_rel(p, s, right);
    if (!plan_join(p, anti ? JOIN_ANTI : JOIN_SEMI, rel, &right_rel, &tests, &out, e))
        return false;
    ((PlanJoin *)out.plan)->null_aware = anti;
    *rel = out;
    *done = true;
    return true;
}

bool plan_semi(Planner *p, Rel *rel, Expr *cond, bool *done, Err *e)
{
    bool anti = cond->kind == EXPR_NOT;
    Expr *x = anti ? cond->args[0] : cond;
    *done = false;
    if (qx_kind(x) != QX_SUBLINK)
        return true;
    Sublink *s = &p->z->sublinks[x->index];
    if (s->mode == APPLY_EXISTS)
        return semi_exists(p, rel, s->query, anti, done, e);
    return s->mode != APPLY_IN || semi_in(p, rel, x, anti, done, e);
}
