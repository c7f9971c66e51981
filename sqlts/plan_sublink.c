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

static Rel output_rel(Planner *p, const Sublink *s, Plan *right)
{
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, right->col_count + 1);
    for (size_t i = 0; i < right->col_count; i++)
        vars[i] = s->out->first_var + (uint32_t)i;
    return rel_new(p, right, vars);
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
static bool semi_exists(Planner *p, Rel *rel, Query *q, JoinType type, bool *done, Err *e)
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
        !plan_filter(p, &right, &inner, e) || !plan_join(p, type, rel, &right, &outer, &out, e))
        return false;
    *rel = out;
    *done = true;
    return true;
}

/* x IN (SELECT ...) that does not read our row. */
static bool semi_in(Planner *p, Rel *rel, const Expr *x, JoinType type, bool *done, Err *e)
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
    bool null_aware = type != JOIN_SEMI;
    if (null_aware && tests.count != 1)
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
    if (!plan_join(p, type, rel, &right_rel, &tests, &out, e))
        return false;
    ((PlanJoin *)out.plan)->null_aware = null_aware;
    *rel = out;
    *done = true;
    return true;
}

/* ---- an aggregate of our row's partners: grouped once, then joined ---- */

enum {
    DECORRELATE_ROWS = 16,   /* fewer rows: each asks for itself, conditions go into the scan */
    TAG_LOOKUPS_MAX = 10000, /* the same where asking means to read one series */
};

/* What an aggregate says of no rows: 0, NULL, or -1: cannot tell. */
static int empty_value(const FuncDef *f)
{
    static const char *const null_names[] = {
        "sum",       "avg",    "min",      "max",        "bool_and",    "bool_or", "every",
        "array_agg", "stddev", "variance", "stddev_pop", "stddev_samp", "var_pop", "var_samp",
        "first",     "last",   "json_agg", "jsonb_agg",  "string_agg"};
    if (strcmp(f->name, "count") == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(null_names); i++)
        if (strcmp(f->name, null_names[i]) == 0)
            return 1;
    return -1;
}

static bool is_plain_aggregate(Planner *p, const Query *q, const VarSet *level)
{
    if (q->form != QUERY_PLAIN || !q->grouped || q->key_count || q->sets || q->grouping_count ||
        q->having || q->call_count || q->has_srf || q->limit || q->offset || q->distinct_on_count ||
        q->ctes || q->gapfill || q->from_count == 0 || qx_has(q->targets[0].expr, QX_SUBLINK) ||
        qx_is_volatile(q->targets[0].expr))
        return false;
    for (size_t i = 0; i < q->agg_count; i++) {
        const AggCall *a = &q->aggs[i];
        VarSet vars = varset_new(p->arena, p->z->var_count);
        for (size_t k = 0; k < a->arg_count; k++)
            qx_vars(p->z, a->args[k], &vars);
        for (size_t k = 0; k < a->order_count; k++)
            qx_vars(p->z, a->order[k], &vars);
        qx_vars(p->z, a->filter, &vars);
        if (empty_value(a->func) < 0 || varset_overlap(&vars, level))
            return false;
    }
    for (size_t i = 0; i < q->from_count; i++)
        if (from_reads(p, q->from[i], level))
            return false;
    return true;
}

/* Conditions of the subquery: `own` ones, and those that say which rows are ours: inner key = outer. */
typedef struct Correlation {
    ConjList own, equal;
    Expr **keys;  /* the inner side of each of `equal` */
    size_t *side; /* which argument of it that is */
} Correlation;

static bool split_correlation(Planner *p, Query *q, const VarSet *level, Correlation *c)
{
    ConjList all = {0};
    VarSet inner = varset_new(p->arena, p->z->var_count);
    for (size_t i = 0; i < q->from_count; i++)
        from_vars(q->from[i], &inner);
    conj_split(p, q->where, &all);
    c->keys = ARENA_ARRAY(p->arena, Expr *, all.count + 1);
    c->side = ARENA_ARRAY(p->arena, size_t, all.count + 1);
    for (size_t i = 0; i < all.count; i++) {
        Conj *one = &all.items[i];
        VarSet vars = varset_new(p->arena, p->z->var_count);
        Expr *l, *r;
        qx_vars(p->z, one->expr, &vars);
        if (!varset_overlap(&vars, level)) {
            *AZ_PUSH(p->z, c->own.items, c->own.count, c->own.cap) = *one;
            continue;
        }
        if (one->has_sublink || one->is_volatile || !plan_equi(p, one->expr, level, &inner, &l, &r))
            return false;
        const Expr *second = one->expr->args[1];
        size_t side = r == second || (r->arg_count && r->args[0] == second);
        c->side[c->equal.count] = side;
        c->keys[c->equal.count] = one->expr->args[side];
        *AZ_PUSH(p->z, c->equal.items, c->equal.count, c->equal.cap) = *one;
    }
    return c->equal.count > 0;
}

/* Does the subquery find our row's partners by a tag? */
static bool by_tag(const Planner *p, const Correlation *c)
{
    bool found = false;
    for (size_t i = 0; i < c->equal.count && !found; i++) {
        const Expr *k = c->keys[i];
        const VarInfo *v = k->kind == EXPR_COLUMN ? &p->z->vars[k->index] : NULL;
        if (v && v->rte->kind == RTE_TABLE && v->rte->cols[v->col].attnum > 0)
            found = v->rte->table->columns[v->rte->cols[v->col].attnum - 1].kind == COL_TAG;
    }
    return found;
}

typedef struct AggOutput {
    Planner *p;
    const Query *from, *to;
} AggOutput;

/* An aggregate of the subquery becomes one of the groups; count() of a missing group is 0. */
static bool agg_to_group(void *arg, Expr **slot)
{
    AggOutput *o = arg;
    Expr *x = *slot;
    Analyzer *z = o->p->z;
    if (x->kind != EXPR_COLUMN || z->vars[x->index].rte != o->from->group)
        return false;
    uint32_t agg = z->vars[x->index].col;
    *slot = az_var(z, o->to->group, o->to->key_count + agg, x->position);
    if (empty_value(o->from->aggs[agg].func) == 0) {
        Expr *or_zero = expr_new(z->arena, EXPR_COALESCE, x->type, 2);
        or_zero->typmod = -1;
        or_zero->args[0] = *slot;
        or_zero->args[1] = az_const(z, x->type, value_i64(0), 0);
        *slot = or_zero;
    }
    return true;
}

static void group_query(Planner *p, const Query *q, const Correlation *c, Query *g)
{
    *g = *q;
    g->keys = c->keys;
    g->key_count = c->equal.count;
    g->group = az_new_rte(p->z, RTE_COMPUTED, SLICE_LIT("group"), g->key_count + g->agg_count);
    for (size_t i = 0; i < g->key_count; i++) {
        const Expr *k = c->keys[i];
        const VarInfo *v = k->kind == EXPR_COLUMN ? &p->z->vars[k->index] : NULL;
        g->group->cols[i] = (RteCol){.name = v ? v->rte->cols[v->col].name : SLICE_LIT("key"),
                                     .type = k->type,
                                     .typmod = -1};
        plan_mark(p, c->keys[i]);
        plan_mark(p, c->equal.items[i].expr);
    }
    for (size_t i = 0; i < g->agg_count; i++) {
        const AggCall *a = &g->aggs[i];
        g->group->cols[g->key_count + i] = q->group->cols[i];
        for (size_t k = 0; k < a->arg_count; k++)
            plan_mark(p, a->args[k]);
        for (size_t k = 0; k < a->order_count; k++)
            plan_mark(p, a->order[k]);
        plan_mark(p, a->filter);
    }
}

/* rel's columns and one more, the subquery's value. */
static bool add_value(Planner *p, Rel *rel, const Rel *joined, Expr *value, uint32_t *var, Err *e)
{
    size_t lc = rel->plan->col_count;
    Expr **exprs = ARENA_ARRAY(p->arena, Expr *, lc + 1);
    Slice *names = ARENA_ARRAY(p->arena, Slice, lc + 1);
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, lc + 1);
    Plan *plan;
    for (size_t i = 0; i < lc; i++) {
        const VarInfo *v = &p->z->vars[rel->vars[i]];
        exprs[i] = az_var(p->z, v->rte, v->col, 0);
        names[i] = rel->plan->names[i];
        vars[i] = rel->vars[i];
    }
    *var = vars[lc] = plan_new_var(p, "subquery", value->type, value->typmod);
    exprs[lc] = value;
    names[lc] = SLICE_LIT("subquery");
    if (!plan_project(p, joined, exprs, names, lc + 1, &plan, e))
        return false;
    *rel = rel_new(p, plan, vars);
    return true;
}

static bool scalar_as_join(Planner *p, Rel *rel, Query *q, uint32_t *var, bool *done, Err *e)
{
    Correlation c = {0};
    Query g;
    Rel right, joined;
    if (rel->plan->rows_estimate < DECORRELATE_ROWS || !is_plain_aggregate(p, q, &rel->set) ||
        !split_correlation(p, q, &rel->set, &c) ||
        (rel->plan->rows_estimate <= TAG_LOOKUPS_MAX && by_tag(p, &c)))
        return true;
    group_query(p, q, &c, &g);
    for (size_t i = 0; i < c.equal.count; i++) {
        Expr *on = qx_copy(p->arena, c.equal.items[i].expr);
        on->args[c.side[i]] = az_var(p->z, g.group, i, 0);
        c.equal.items[i].expr = on;
    }
    if (!plan_join_tree(p, q->from, q->from_count, &c.own, &right, e) ||
        !plan_filter(p, &right, &c.own, e) || !plan_group(p, &g, &right, e) ||
        !plan_join(p, JOIN_LEFT, rel, &right, &c.equal, &joined, e))
        return false;
    Expr *value = qx_copy(p->arena, q->targets[0].expr);
    qx_walk(&value, agg_to_group, &(AggOutput){p, q, &g});
    *done = true;
    return add_value(p, rel, &joined, value, var, e);
}

/* ---- one value a row ---- */

/* As a join, where that is the same. */
static bool attach_join(Planner *p, Rel *rel, const Expr *x, uint32_t *var, bool *done, Err *e)
{
    Sublink *s = &p->z->sublinks[x->index];
    if (s->mode == APPLY_SCALAR)
        return scalar_as_join(p, rel, s->query, var, done, e);
    if (s->mode != APPLY_EXISTS && s->mode != APPLY_IN)
        return true;
    if (s->mode == APPLY_EXISTS ? !semi_exists(p, rel, s->query, JOIN_MARK, done, e)
                                : !semi_in(p, rel, x, JOIN_MARK, done, e))
        return false;
    if (*done)
        *var = rel->vars[rel->plan->col_count - 1];
    return true;
}

static bool attach(Planner *p, Rel *rel, Expr *x, Expr *guard, uint32_t *var, Err *e)
{
    Sublink *s = &p->z->sublinks[x->index];
    bool done = false;
    if (!guard && (!attach_join(p, rel, x, var, &done, e) || done))
        return done;
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
    if (guard && !plan_fix(p, guard, rel, NULL, &a->guard, e))
        return false;
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

static Expr *tests_true(Planner *p, const Expr *x, ExprKind kind, bool negated)
{
    Expr *t = expr_new(p->arena, kind, T_BOOL, 1);
    t->args[0] = qx_copy(p->arena, x);
    t->negated = negated;
    t->typmod = -1;
    return t;
}

static bool attach_guarded(Planner *p, Rel *rel, Expr **slot, Expr *guard, Err *e);

static Expr *guard_and(Planner *p, const Expr *guard, Expr *more)
{
    return az_and(p->z, guard ? qx_copy(p->arena, guard) : NULL, more);
}

/* CASE and COALESCE reach an argument only after the ones before it: subqueries wait for that.
 * What is volatile must not be computed twice, so it guards nothing. */
static bool attach_lazy(Planner *p, Rel *rel, Expr *x, Expr *guard, Err *e)
{
    bool is_case = x->kind == EXPR_CASE;
    for (size_t i = 0; i < x->arg_count; i++) {
        bool result = is_case && i % 2 == 1;
        const Expr *cond = result ? x->args[i - 1] : x->args[i];
        bool guards = (result || !is_case) && !qx_is_volatile(cond);
        Expr *here = guard;
        if (result && guards)
            here = guard_and(p, guard, tests_true(p, cond, EXPR_IS_TRUE, false));
        if (!attach_guarded(p, rel, &x->args[i], here, e))
            return false;
        if (guards)
            guard = guard_and(p, guard,
                              result ? tests_true(p, x->args[i - 1], EXPR_IS_TRUE, true)
                                     : tests_true(p, x->args[i], EXPR_IS_NULL, false));
    }
    return true;
}

/* guard: which rows will ask for the value; NULL: all. */
static bool attach_guarded(Planner *p, Rel *rel, Expr **slot, Expr *guard, Err *e)
{
    Expr *x = *slot;
    if (!qx_has(x, QX_SUBLINK))
        return true;
    if (x->kind == EXPR_CASE || x->kind == EXPR_COALESCE)
        return attach_lazy(p, rel, x, guard, e);
    for (size_t i = 0; i < x->arg_count; i++)
        if (!attach_guarded(p, rel, &x->args[i], guard, e))
            return false;
    if (qx_kind(x) != QX_SUBLINK)
        return true;
    uint32_t var = *sublink_slot(p, x->index);
    /* the same subquery twice (CASE (SELECT ..) WHEN ..) runs once */
    if (!var || !varset_has(&rel->set, var - 1)) {
        if (!attach(p, rel, x, guard, &var, e))
            return false;
        *sublink_slot(p, x->index) = ++var;
    }
    *slot = az_var(p->z, p->z->vars[var - 1].rte, 0, x->position);
    return true;
}

bool plan_attach(Planner *p, Rel *rel, Expr **slot, Err *e)
{
    return attach_guarded(p, rel, slot, NULL, e);
}

bool plan_semi(Planner *p, Rel *rel, Expr *cond, bool *done, Err *e)
{
    bool anti = cond->kind == EXPR_NOT;
    Expr *x = anti ? cond->args[0] : cond;
    *done = false;
    if (qx_kind(x) != QX_SUBLINK)
        return true;
    Sublink *s = &p->z->sublinks[x->index];
    JoinType type = anti ? JOIN_ANTI : JOIN_SEMI;
    if (s->mode == APPLY_EXISTS)
        return semi_exists(p, rel, s->query, type, done, e);
    return s->mode != APPLY_IN || semi_in(p, rel, x, type, done, e);
}
