/* sqlts/plan_from.c - conditions to where they belong: into relations, sub-selects, joins. */
#include "sqlts/plan_private.h"

/* ---- conjuncts ---- */

void conj_split(Planner *p, Expr *x, ConjList *out)
{
    if (!x)
        return;
    if (x->kind == EXPR_AND) {
        for (size_t i = 0; i < x->arg_count; i++)
            conj_split(p, x->args[i], out);
        return;
    }
    if (x->kind == EXPR_CONST && !x->value.null && x->value.u.b)
        return;
    *AZ_PUSH(p->z, out->items, out->count, out->cap) =
        (Conj){.expr = x, .has_sublink = qx_has(x, QX_SUBLINK), .is_volatile = qx_is_volatile(x)};
}

static void conj_add(Planner *p, ConjList *l, const Conj *c)
{
    *AZ_PUSH(p->z, l->items, l->count, l->cap) = *c;
}

void from_vars(const From *f, VarSet *out)
{
    if (!f->rte) {
        from_vars(f->left, out);
        from_vars(f->right, out);
        return;
    }
    for (uint32_t i = 0; i < f->rte->col_count; i++)
        varset_add(out, f->rte->first_var + i);
}

/* The variables of `x` that are in `level`. */
static VarSet vars_within(Planner *p, const Expr *x, const VarSet *level)
{
    VarSet all = varset_new(p->arena, p->z->var_count);
    qx_vars(p->z, x, &all);
    varset_limit(&all, level);
    return all;
}

/* ---- filters ---- */

bool plan_plain_filter(Planner *p, Rel *rel, Expr *cond, Err *e)
{
    PlanFilter *f = PLAN_NEW(p, PlanFilter, PLAN_FILTER, rel->plan->col_count);
    memcpy(f->p.types, rel->plan->types, rel->plan->col_count * sizeof(TypeId));
    memcpy(f->p.names, rel->plan->names, rel->plan->col_count * sizeof(Slice));
    f->p.child = rel->plan;
    f->p.rows_estimate = rel->plan->rows_estimate * plan_selectivity(p, &cond, 1) + 1;
    if (!plan_fix(p, cond, rel, NULL, &f->filter, e))
        return false;
    rel->plan = &f->p;
    return true;
}

/* Plain conditions first, subqueries over what is left. */
bool plan_filter(Planner *p, Rel *rel, ConjList *conjs, Err *e)
{
    Expr *plain = NULL;
    for (size_t i = 0; i < conjs->count; i++) {
        Conj *c = &conjs->items[i];
        if (c->done || c->has_sublink)
            continue;
        plain = az_and(p->z, plain, c->expr);
        c->done = true;
    }
    if (plain && !plan_plain_filter(p, rel, plain, e))
        return false;
    for (size_t i = 0; i < conjs->count; i++) {
        Conj *c = &conjs->items[i];
        if (c->done)
            continue;
        c->done = true;
        bool as_join = false;
        if (!plan_semi(p, rel, c->expr, &as_join, e))
            return false;
        if (as_join)
            continue;
        if (!plan_attach(p, rel, &c->expr, e) || !plan_plain_filter(p, rel, c->expr, e))
            return false;
    }
    return true;
}

/* ---- outer joins that are inner ones ---- */

/* Does NULL in the variables of `set` make the expression NULL (or, at the top, not true)? */
static bool is_strict(const Expr *x, const VarSet *set, bool top)
{
    bool pass = false;
    switch (x->kind) {
    case EXPR_COLUMN:
        return varset_has(set, x->index);
    case EXPR_CALL:
        pass = x->func->flags & FN_STRICT;
        break;
    case EXPR_RELABEL:
    case EXPR_IO_CAST:
    case EXPR_NOT:
        pass = true;
        break;
    case EXPR_IS_NOT_NULL:
        pass = top;
        break;
    case EXPR_IN_LIST:
    case EXPR_ANY_ARRAY:
        return x->arg_count && is_strict(x->args[0], set, false);
    case EXPR_IS_TRUE:
        return top && !x->negated && is_strict(x->args[0], set, false);
    default:
        break;
    }
    for (size_t i = 0; pass && i < x->arg_count; i++)
        if (is_strict(x->args[i], set, false))
            return true;
    return false;
}

/* A condition above that no NULL-extended row can fulfil makes LEFT an inner join. */
static bool reduce_outer(Planner *p, From *f, const ConjList *conjs)
{
    VarSet right = varset_new(p->arena, p->z->var_count);
    if (f->rte || f->type != JOIN_LEFT)
        return false;
    from_vars(f->right, &right);
    for (size_t i = 0; i < conjs->count; i++) {
        if (conjs->items[i].has_sublink)
            continue;
        if (is_strict(conjs->items[i].expr, &right, true)) {
            f->type = JOIN_INNER;
            return true;
        }
    }
    return false;
}

/* ---- the tree of inner joins ---- */

typedef struct LeafList {
    Leaf *items;
    size_t count, cap;
} LeafList;

static void collect(Planner *p, From *f, LeafList *leaves, ConjList *conjs)
{
    if (!f->rte && f->type == JOIN_RIGHT) {
        From *swap = f->left;
        f->left = f->right;
        f->right = swap;
        f->type = JOIN_LEFT;
    }
    if (!f->rte)
        reduce_outer(p, f, conjs);
    if (!f->rte && f->type == JOIN_INNER && !f->asof) {
        conj_split(p, f->on, conjs);
        collect(p, f->left, leaves, conjs);
        collect(p, f->right, leaves, conjs);
        return;
    }
    Leaf l = {.from = f, .rte = f->rte, .set = varset_new(p->arena, p->z->var_count)};
    from_vars(f, &l.set);
    *AZ_PUSH(p->z, leaves->items, leaves->count, leaves->cap) = l;
}

static void lateral_vars(Planner *p, const From *f, VarSet *out)
{
    if (!f->rte) {
        lateral_vars(p, f->left, out);
        lateral_vars(p, f->right, out);
    } else if (f->rte->kind == RTE_FUNCTION) {
        qx_vars(p->z, f->rte->call, out);
    } else if (f->rte->kind == RTE_QUERY && f->rte->lateral) {
        query_outer_vars(p->z, f->rte->query, out);
    }
}

/* What each LATERAL item reads of its neighbours; they must hand it out. */
static void find_deps(Planner *p, LeafList *leaves, const VarSet *level)
{
    for (size_t i = 0; i < leaves->count; i++) {
        Leaf *l = &leaves->items[i];
        VarSet all = varset_new(p->arena, p->z->var_count);
        lateral_vars(p, l->from, &all);
        varset_union(&p->used, &all);
        l->deps = varset_new(p->arena, p->z->var_count);
        varset_union(&l->deps, &all);
        varset_limit(&l->deps, level);
        varset_drop(&l->deps, &l->set);
    }
}

/* What the subqueries inside x read from outside. */
static void subquery_vars(Planner *p, const Expr *x, VarSet *out)
{
    if (qx_kind(x) == QX_SUBLINK)
        query_outer_vars(p->z, p->z->sublinks[x->index].query, out);
    for (size_t i = 0; i < x->arg_count; i++)
        subquery_vars(p, x->args[i], out);
}

/* Is a condition with subqueries cheap enough to run for every row of one relation? */
static bool is_early(Planner *p, const Conj *c)
{
    if (!c->has_sublink)
        return true;
    VarSet inner = varset_new(p->arena, p->z->var_count);
    const Expr *x = c->expr;
    if (x->kind == EXPR_NOT)
        x = x->args[0];
    if (qx_kind(x) == QX_SUBLINK) {
        if (p->z->sublinks[x->index].mode == APPLY_EXISTS)
            return true; /* becomes a join */
        query_outer_vars(p->z, p->z->sublinks[x->index].query, &inner);
    } else {
        subquery_vars(p, x, &inner);
    }
    return !varset_overlap(&inner, &c->vars);
}

/* Gives each condition to the one leaf that it is about. */
static void distribute(Planner *p, LeafList *leaves, ConjList *conjs, const VarSet *level)
{
    for (size_t i = 0; i < conjs->count; i++) {
        Conj *c = &conjs->items[i];
        if (c->done)
            continue;
        if (c->vars.words)
            varset_limit(&c->vars, level); /* handed down from a level around this one */
        else
            c->vars = vars_within(p, c->expr, level);
        bool placed = false, early = !c->is_volatile && is_early(p, c);
        for (size_t k = 0; k < leaves->count && !placed && early; k++) {
            Leaf *l = &leaves->items[k];
            if (!varset_subset(&c->vars, &l->set))
                continue;
            conj_add(p, &l->conjs, c);
            placed = c->done = true;
        }
        if (!placed)
            plan_mark(p, c->expr);
    }
}

bool plan_join_tree(Planner *p, From **items, size_t count, ConjList *conjs, Rel *out, Err *e)
{
    LeafList leaves = {0};
    VarSet level = varset_new(p->arena, p->z->var_count);
    for (size_t i = 0; i < count; i++) {
        from_vars(items[i], &level);
        collect(p, items[i], &leaves, conjs);
    }
    /* conditions of inner joins found late may turn outer joins found early */
    for (size_t i = 0; i < leaves.count; i++) {
        if (!reduce_outer(p, leaves.items[i].from, conjs))
            continue;
        From *f = leaves.items[i].from;
        leaves.items[i] = leaves.items[--leaves.count];
        collect(p, f, &leaves, conjs);
        i = (size_t)-1;
    }
    find_deps(p, &leaves, &level);
    distribute(p, &leaves, conjs, &level);
    return plan_join_leaves(p, leaves.items, leaves.count, conjs, out, e);
}

/* ---- sub-selects ---- */

typedef struct Inline {
    Planner *p;
    const Rte *rte;
} Inline;

static bool inline_column(void *arg, Expr **slot)
{
    Inline *in = arg;
    Expr *x = *slot;
    if (x->kind != EXPR_COLUMN || x->index < in->rte->first_var ||
        x->index >= in->rte->first_var + in->rte->col_count)
        return false;
    *slot = qx_copy(in->p->arena, in->rte->query->targets[x->index - in->rte->first_var].expr);
    return true;
}

static bool is_target_safe(const Expr *x)
{
    return !qx_is_volatile(x) && !qx_has_srf(x) && !qx_has(x, QX_SUBLINK);
}

/* Does the condition, in terms of the sub-select's list, read grouping keys only? */
typedef struct KeyCheck {
    const Query *q;
    bool only_keys;
    const Analyzer *z;
} KeyCheck;

static bool check_key(void *arg, Expr **slot)
{
    KeyCheck *k = arg;
    const Expr *x = *slot;
    if (x->kind != EXPR_COLUMN)
        return false;
    const VarInfo *v = &k->z->vars[x->index];
    if (v->rte == k->q->group && v->col >= k->q->key_count)
        k->only_keys = false;
    return true;
}

static bool key_to_expr(void *arg, Expr **slot)
{
    Inline *in = arg;
    const Query *q = in->rte->query;
    const Expr *x = *slot;
    if (x->kind != EXPR_COLUMN || in->p->z->vars[x->index].rte != q->group)
        return false;
    *slot = qx_copy(in->p->arena, q->keys[in->p->z->vars[x->index].col]);
    return true;
}

static void push_to_side(Planner *p, Query *side, const Query *parent, Expr *x);

/* Moves a condition over a sub-select's columns inside; false: it must stay outside. */
static bool push_into(Planner *p, Rte *rte, const Conj *c)
{
    Query *q = rte->query;
    if (c->has_sublink || c->is_volatile || q->limit || q->offset || q->distinct_on_count ||
        q->call_count || q->gapfill)
        return false;
    if (q->form == QUERY_VALUES || q->sets)
        return false;
    for (uint32_t i = 0; i < rte->col_count; i++)
        if (varset_has(&c->vars, rte->first_var + i) && !is_target_safe(q->targets[i].expr))
            return false;
    Inline in = {p, rte};
    Expr *x = qx_copy(p->arena, c->expr);
    qx_walk(&x, inline_column, &in);
    if (q->form != QUERY_PLAIN) {
        push_to_side(p, q->left, q, x);
        push_to_side(p, q->right, q, x);
        return true;
    }
    if (!q->grouped) {
        q->where = az_and(p->z, q->where, x);
        return true;
    }
    KeyCheck k = {.q = q, .only_keys = q->key_count > 0, .z = p->z};
    qx_walk(&x, check_key, &k);
    if (k.only_keys) {
        qx_walk(&x, key_to_expr, &in);
        q->where = az_and(p->z, q->where, x);
    } else {
        q->having = az_and(p->z, q->having, x);
    }
    return true;
}

/* A set operation filters each side; where a side cannot take it in, it is wrapped. */
static void push_to_side(Planner *p, Query *side, const Query *parent, Expr *x)
{
    Query *inner = ARENA_NEW(p->arena, Query);
    *inner = *side;
    Query *outer = az_wrap_query(p->z, inner);
    Rte *rte = outer->from[0]->rte;
    Expr *cond = qx_copy(p->arena, x);
    /* the condition reads parent->out: the same columns of the wrapper's relation */
    Rte from = *parent->out;
    Query list = {.targets = outer->targets};
    from.query = &list;
    Inline in = {p, &from};
    qx_walk(&cond, inline_column, &in);
    Conj c = {.expr = cond, .vars = varset_new(p->arena, p->z->var_count)};
    qx_vars(p->z, cond, &c.vars);
    if (push_into(p, rte, &c)) {
        *side = *inner;
        return;
    }
    outer->where = cond;
    *side = *outer;
}

static bool query_leaf(Planner *p, Rte *rte, ConjList *conjs, Rel *out, Err *e)
{
    for (size_t i = 0; i < conjs->count; i++) {
        if (push_into(p, rte, &conjs->items[i]))
            conjs->items[i].done = true;
        else
            plan_mark(p, conjs->items[i].expr);
    }
    Plan *plan;
    size_t count, *kept = ARENA_ARRAY(p->arena, size_t, rte->col_count + 1);
    bool *needed = ARENA_ARRAY(p->arena, bool, rte->col_count + 1);
    for (uint32_t i = 0; i < rte->col_count; i++)
        needed[i] = varset_has(&p->used, rte->first_var + i);
    if (!plan_query(p, rte->query, needed, &plan, kept, &count, e))
        return false;
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, count + 1);
    for (size_t i = 0; i < count; i++)
        vars[i] = rte->first_var + (uint32_t)kept[i];
    *out = rel_new(p, plan, vars);
    return true;
}

/* ---- WITH queries ---- */

static uint32_t *all_vars(Planner *p, const Rte *rte)
{
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, rte->col_count + 1);
    for (uint32_t i = 0; i < rte->col_count; i++)
        vars[i] = rte->first_var + i;
    return vars;
}

static Plan *cte_ref(Planner *p, const Rte *rte)
{
    PlanCteRef *r = PLAN_NEW(p, PlanCteRef, PLAN_CTE_REF, rte->col_count);
    r->cte = rte->cte->id;
    r->name = rte->cte->name;
    for (uint32_t i = 0; i < rte->col_count; i++)
        plan_column(p, &r->p, i, rte->first_var + i);
    return &r->p;
}

static bool cte_plan(Planner *p, Cte *c, Plan **out, Err *e)
{
    if (c->query)
        return plan_query_all(p, c->query, out, e);
    PlanRecursive *r = PLAN_NEW(p, PlanRecursive, PLAN_RECURSIVE, c->col_count);
    r->cte = c->id;
    r->distinct = c->distinct;
    if (!plan_query_all(p, c->start, &r->p.child, e) || !plan_query_all(p, c->step, &r->p.right, e))
        return false;
    for (size_t i = 0; i < c->col_count; i++) {
        r->p.types[i] = c->cols[i].type;
        r->p.names[i] = c->cols[i].name;
    }
    *out = &r->p;
    return true;
}

bool plan_cte_statement(Analyzer *z, Cte *c, BoundQuery *out, Err *e)
{
    Planner p = {.z = z, .arena = z->arena, .used = varset_new(z->arena, z->var_count)};
    if (!cte_plan(&p, c, &out->plan.root, e))
        return false;
    out->plan.ctes = p.ctes;
    out->plan.cte_count = p.cte_count;
    out->plan.exec_param_count = p.param_count;
    out->cols = ARENA_ARRAY(z->arena, OutColumn, c->col_count + 1);
    out->col_count = c->col_count;
    for (size_t i = 0; i < c->col_count; i++)
        out->cols[i] = (OutColumn){
            .name = c->cols[i].name, .type = c->cols[i].type, .typmod = c->cols[i].typmod};
    return true;
}

static bool is_correlated(Planner *p, Cte *c)
{
    Query *parts[] = {c->query, c->start, c->step};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        VarSet outer = varset_new(p->arena, p->z->var_count);
        if (parts[i])
            query_outer_vars(p->z, parts[i], &outer);
        if (!varset_empty(&outer))
            return true;
    }
    return false;
}

static bool is_volatile_query(Planner *p, Query *q);

static bool cte_leaf(Planner *p, Rte *rte, ConjList *conjs, Rel *out, Err *e)
{
    Cte *c = rte->cte;
    if (c->given && !rte->self) {
        for (size_t i = 0; i < conjs->count; i++)
            plan_mark(p, conjs->items[i].expr);
        *out = rel_new(p, cte_ref(p, rte), all_vars(p, rte));
        return true;
    }
    if (!rte->self && c->query && c->refs == 1 && c->materialized != 'y' &&
        !is_volatile_query(p, c->query)) {
        rte->query = c->query;
        return query_leaf(p, rte, conjs, out, e);
    }
    for (size_t i = 0; i < conjs->count; i++)
        plan_mark(p, conjs->items[i].expr);
    Plan *plan;
    if (!rte->self && !c->examined) {
        c->examined = true;
        c->correlated = is_correlated(p, c);
    }
    bool correlated = !rte->self && c->correlated;
    if (correlated && c->refs > 1 && c->query && is_volatile_query(p, c->query))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "correlated volatile WITH query \"%.*s\" is used more than once",
                       SLICE_ARG(c->name));
    if (!rte->self && (correlated || (c->start && c->refs == 1))) {
        if (!c->shared && !cte_plan(p, c, &c->shared, e))
            return false;
        plan = c->shared;
    } else {
        plan = cte_ref(p, rte);
        if (!rte->self && !c->planned) {
            c->planned = true;
            Plan *body;
            if (!cte_plan(p, c, &body, e))
                return false;
            *AZ_PUSH(p->z, p->ctes, p->cte_count, p->cte_cap) = (PlanCte){c->id, c->name, body};
        }
    }
    *out = rel_new(p, plan, all_vars(p, rte));
    return true;
}

static bool find_volatile(void *arg, Expr **slot)
{
    bool *found = arg;
    if ((*slot)->func && ((*slot)->func->flags & FN_VOLATILE))
        *found = true;
    return *found;
}

static bool is_volatile_query(Planner *p, Query *q)
{
    bool found = false;
    qx_walk_query(p->z, q, find_volatile, &found);
    return found;
}

/* ---- leaves ---- */

/* generate_series of constants is counted, of others nothing is known. */
static double function_rows(const Rte *rte)
{
    enum { ROWS_UNKNOWN = 100 };
    const Expr *x = rte->call;
    double v[3] = {0, 0, 1};
    if (!rte->func)
        return 1;
    if (strcmp(rte->func->name, "generate_series") != 0 || !x || x->arg_count > ARRAY_LEN(v))
        return ROWS_UNKNOWN;
    for (size_t i = 0; i < x->arg_count; i++) {
        const Expr *a = x->args[i];
        if (a->kind != EXPR_CONST || a->value.null || a->value.phys != PH_I64 ||
            a->type == T_TIMESTAMP || a->type == T_TIMESTAMPTZ)
            return ROWS_UNKNOWN;
        v[i] = (double)a->value.u.i64;
    }
    double rows = v[2] != 0 ? (v[1] - v[0]) / v[2] + 1 : 1;
    return rows < 1 ? 1 : rows;
}

static bool function_leaf(Planner *p, Rte *rte, Rel *out, Err *e)
{
    PlanFunction *f = PLAN_NEW(p, PlanFunction, PLAN_FUNCTION, rte->col_count);
    f->func = rte->func;
    f->ordinality = rte->ordinality;
    f->p.rows_estimate = function_rows(rte);
    for (uint32_t i = 0; i < rte->col_count; i++)
        plan_column(p, &f->p, i, rte->first_var + i);
    *out = rel_new(p, &f->p, all_vars(p, rte));
    return plan_fix(p, rte->call, NULL, NULL, &f->call, e);
}

static double view_size(const ViewDef *v)
{
    static const char *const large[] = {"pg_attribute", "pg_proc", "pg_type", "columns",
                                        "pg_operator"};
    for (size_t i = 0; i < ARRAY_LEN(large); i++)
        if (strcmp(v->name, large[i]) == 0)
            return 1000;
    return 100;
}

static bool virtual_leaf(Planner *p, Rte *rte, ConjList *conjs, Rel *out, Err *e)
{
    Expr *filter = NULL;
    double rows = view_size(rte->view);
    for (size_t i = 0; i < conjs->count; i++) {
        Conj *c = &conjs->items[i];
        plan_mark(p, c->expr);
        if (c->has_sublink)
            continue;
        filter = az_and(p->z, filter, c->expr);
        c->done = true;
        rows /= c->expr->kind == EXPR_CALL && c->expr->func->name[0] == '=' ? 20 : 2;
    }
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, rte->col_count + 1);
    uint32_t *cols = ARENA_ARRAY(p->arena, uint32_t, rte->col_count + 1);
    size_t n = 0;
    for (uint32_t i = 0; i < rte->col_count; i++) {
        if (!varset_has(&p->used, rte->first_var + i))
            continue;
        cols[n] = i;
        vars[n++] = rte->first_var + i;
    }
    PlanVirtual *v = PLAN_NEW(p, PlanVirtual, PLAN_VIRTUAL, n);
    v->view = rte->view;
    v->cols = cols;
    v->p.rows_estimate = rows < 1 ? 1 : rows;
    for (size_t i = 0; i < n; i++)
        plan_column(p, &v->p, i, vars[i]);
    *out = rel_new(p, &v->p, vars);
    return !filter || plan_fix(p, filter, out, NULL, &v->filter, e);
}

bool plan_leaf(Planner *p, Rte *rte, ConjList *conjs, Rel *out, Err *e)
{
    bool ok;
    switch (rte->kind) {
    case RTE_TABLE:
        ok = plan_scan(p, rte, conjs, out, e);
        break;
    case RTE_VIRTUAL:
        ok = virtual_leaf(p, rte, conjs, out, e);
        break;
    case RTE_QUERY:
        ok = query_leaf(p, rte, conjs, out, e);
        break;
    case RTE_CTE:
        ok = cte_leaf(p, rte, conjs, out, e);
        break;
    default:
        for (size_t i = 0; i < conjs->count; i++)
            plan_mark(p, conjs->items[i].expr);
        ok = function_leaf(p, rte, out, e);
    }
    return ok && plan_filter(p, out, conjs, e);
}
