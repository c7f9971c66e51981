/* sqlts/plan_join.c - the order of joins, hash keys, outer joins, LATERAL.
 *
 * Inner joins are taken greedily: the smallest relation first, then always the connected one that gives
 * the smallest result, by the estimates of plan_estimate.c.  What matters is that catalog queries over many small relations join by keys and never
 * multiply. */
#include "sqlts/plan_private.h"

enum {
    JOIN_SEARCH_MAX = 60,  /* relations looked at for each step */
    CONJ_SEARCH_MAX = 500, /* conditions looked at for each of them */
};

/* ---- keys ---- */

static bool is_integer(TypeId t)
{
    return t == T_INT2 || t == T_INT4 || t == T_INT8;
}

static Expr *relabel(Planner *p, Expr *x, TypeId to)
{
    if (x->type == to)
        return x;
    Expr *r = expr_new(p->arena, EXPR_RELABEL, to, 1);
    r->typmod = -1;
    r->args[0] = x;
    return r;
}

enum { READS_LEFT = 1, READS_RIGHT = 2 };

static int sides_of(const Expr *x, const VarSet *left, const VarSet *right)
{
    int sides = 0;
    if (x->kind == EXPR_COLUMN)
        return varset_has(left, x->index)    ? READS_LEFT
               : varset_has(right, x->index) ? READS_RIGHT
                                             : 0;
    if (qx_kind(x) == QX_SUBLINK)
        return READS_LEFT | READS_RIGHT;
    for (size_t i = 0; i < x->arg_count && sides != (READS_LEFT | READS_RIGHT); i++)
        sides |= sides_of(x->args[i], left, right);
    return sides;
}

bool plan_equi(Planner *p, const Expr *x, const VarSet *left, const VarSet *right, Expr **l,
               Expr **r)
{
    if (x->kind != EXPR_CALL || x->arg_count != 2 || strcmp(x->func->name, "=") != 0 ||
        !(x->func->flags & FN_OPERATOR))
        return false;
    Expr *a = x->args[0], *b = x->args[1];
    int sa = sides_of(a, left, right), sb = sides_of(b, left, right);
    if (sa == READS_RIGHT && sb == READS_LEFT) {
        Expr *swap = a;
        a = b;
        b = swap;
    } else if (sa != READS_LEFT || sb != READS_RIGHT) {
        return false;
    }
    if (a->type != b->type && is_integer(a->type) && is_integer(b->type)) {
        a = relabel(p, a, T_INT8);
        b = relabel(p, b, T_INT8);
    }
    const TypeDef *t = type_find(a->type);
    if (a->type != b->type || !t || !t->hash || !t->cmp)
        return false;
    *l = a;
    *r = b;
    return true;
}

/* ---- one join ---- */

static bool only_left(JoinType type)
{
    return type == JOIN_SEMI || type == JOIN_ANTI || type == JOIN_MARK;
}

static void joined_columns(Planner *p, const Rel *l, const Rel *r, JoinType type, PlanJoin **join,
                           uint32_t **vars)
{
    size_t lc = l->plan->col_count, rc = only_left(type) ? 0 : r->plan->col_count;
    size_t mark = type == JOIN_MARK;
    PlanJoin *j = PLAN_NEW(p, PlanJoin, PLAN_JOIN, lc + rc + mark);
    *vars = ARENA_ARRAY(p->arena, uint32_t, lc + rc + 1);
    if (mark) {
        (*vars)[lc] = plan_new_var(p, "subquery", T_BOOL, -1);
        plan_column(p, &j->p, lc, (*vars)[lc]);
    }
    memcpy(j->p.types, l->plan->types, lc * sizeof(TypeId));
    memcpy(j->p.names, l->plan->names, lc * sizeof(Slice));
    memcpy(*vars, l->vars, lc * sizeof(uint32_t));
    memcpy(j->p.types + lc, r->plan->types, rc * sizeof(TypeId));
    memcpy(j->p.names + lc, r->plan->names, rc * sizeof(Slice));
    memcpy(*vars + lc, r->vars, rc * sizeof(uint32_t));
    *join = j;
}

bool plan_join(Planner *p, JoinType type, const Rel *left, const Rel *right, ConjList *conjs,
               Rel *out, Err *e)
{
    PlanJoin *j;
    uint32_t *vars;
    Expr *filter = NULL;
    double lr = left->plan->rows_estimate, rr = right->plan->rows_estimate, rows = lr * rr;
    joined_columns(p, left, right, type, &j, &vars);
    j->type = type;
    j->p.child = left->plan;
    j->p.right = right->plan;
    j->left_keys = ARENA_ARRAY(p->arena, Expr *, conjs->count + 1);
    j->right_keys = ARENA_ARRAY(p->arena, Expr *, conjs->count + 1);
    for (size_t i = 0; i < conjs->count; i++) {
        Conj *c = &conjs->items[i];
        Expr *l, *r;
        if (c->done || c->has_sublink)
            continue;
        c->done = true;
        if (!c->is_volatile && plan_equi(p, c->expr, &left->set, &right->set, &l, &r)) {
            rows *= plan_join_rows(p, l, r, j->key_count, lr, rr);
            if (!plan_fix(p, l, left, NULL, &j->left_keys[j->key_count], e) ||
                !plan_fix(p, r, right, NULL, &j->right_keys[j->key_count], e))
                return false;
            j->key_count++;
        } else {
            filter = az_and(p->z, filter, c->expr);
        }
    }
    if (filter && !plan_fix(p, filter, left, right, &j->filter, e))
        return false;
    bool semi = type == JOIN_SEMI || type == JOIN_ANTI;
    if (filter && !only_left(type))
        rows *= plan_selectivity(p, &filter, 1);
    if (type == JOIN_LEFT || type == JOIN_FULL)
        rows = rows > lr ? rows : lr;
    if (type == JOIN_FULL || type == JOIN_RIGHT)
        rows = rows > rr ? rows : rr;
    j->p.rows_estimate = type == JOIN_MARK ? lr : semi ? lr / 2 + 1 : rows < 1 ? 1 : rows;
    *out = rel_new(p, &j->p, vars);
    return true;
}

/* ---- outer joins ---- */

void plan_take_covered(Planner *p, ConjList *from, const VarSet *set, ConjList *to)
{
    for (size_t i = 0; i < from->count; i++) {
        Conj *c = &from->items[i];
        if (c->done || c->is_volatile || !varset_subset(&c->vars, set))
            continue;
        *AZ_PUSH(p->z, to->items, to->count, to->cap) = *c;
        c->done = true;
    }
}

static void conj_vars(Planner *p, ConjList *l, const VarSet *level)
{
    for (size_t i = 0; i < l->count; i++) {
        VarSet all = varset_new(p->arena, p->z->var_count);
        qx_vars(p->z, l->items[i].expr, &all);
        varset_limit(&all, level);
        l->items[i].vars = all;
    }
}

static void mark_rest(Planner *p, const ConjList *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (!l->items[i].done)
            plan_mark(p, l->items[i].expr);
}

bool plan_reads(Planner *p, From *f, const VarSet *left)
{
    VarSet vars = varset_new(p->arena, p->z->var_count);
    if (!f->rte)
        return plan_reads(p, f->left, left) || plan_reads(p, f->right, left);
    if (f->rte->kind == RTE_FUNCTION)
        qx_vars(p->z, f->rte->call, &vars);
    else if (f->rte->kind == RTE_QUERY && f->rte->lateral)
        query_outer_vars(p->z, f->rte->query, &vars);
    return varset_overlap(&vars, left);
}

static bool lateral_join(Planner *p, const Rel *left, From *right, const VarSet *deps, ConjList *on,
                         bool outer, Rel *out, Err *e)
{
    ParamScope s;
    Rel r;
    PlanApply *a;
    plan_params_begin(p, deps, left, &s);
    bool ok = plan_join_tree(p, &right, 1, on, &r, e) && plan_filter(p, &r, on, e);
    plan_params_end(p, &s);
    size_t rc = ok ? r.plan->col_count : 0, lc = left->plan->col_count;
    if (!ok ||
        !plan_apply(p, left, r.plan, outer ? APPLY_LATERAL_LEFT : APPLY_LATERAL, &s, rc, &a, e))
        return false;
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, lc + rc + 1);
    memcpy(vars, left->vars, lc * sizeof *vars);
    memcpy(vars + lc, r.vars, rc * sizeof *vars);
    memcpy(a->p.types + lc, r.plan->types, rc * sizeof(TypeId));
    memcpy(a->p.names + lc, r.plan->names, rc * sizeof(Slice));
    a->p.rows_estimate = left->plan->rows_estimate * r.plan->rows_estimate;
    *out = rel_new(p, &a->p, vars);
    return true;
}

/* L LEFT JOIN (R) whose right side reads the left: the condition runs inside, with the left row as
 * parameters. */
static bool lateral_left(Planner *p, From *f, const Rel *left, const VarSet *lset, ConjList *on,
                         Rel *out, Err *e)
{
    VarSet wanted = varset_new(p->arena, p->z->var_count);
    varset_union(&wanted, lset);
    return lateral_join(p, left, f->right, &wanted, on, true, out, e);
}

/* conjs: conditions from above over this join alone. */
static bool outer_join(Planner *p, From *f, ConjList *conjs, Rel *out, Err *e)
{
    VarSet l = varset_new(p->arena, p->z->var_count), r = varset_new(p->arena, p->z->var_count);
    VarSet both = varset_new(p->arena, p->z->var_count);
    ConjList on = {0}, to_left = {0}, to_right = {0};
    Rel left, right;
    from_vars(f->left, &l);
    from_vars(f->right, &r);
    varset_union(&both, &l);
    varset_union(&both, &r);
    conj_split(p, f->on, &on);
    conj_vars(p, &on, &both);
    if (f->type == JOIN_LEFT) {
        plan_take_covered(p, conjs, &l, &to_left);
        plan_take_covered(p, &on, &r, &to_right);
    }
    mark_rest(p, conjs);
    mark_rest(p, &on);
    bool lateral = plan_reads(p, f->right, &l);
    for (size_t i = 0; i < on.count;
         i++) /* a subquery over both sides: the left row becomes parameters */
        lateral |= f->type == JOIN_LEFT && !on.items[i].done && on.items[i].has_sublink;
    if (lateral)
        varset_union(&p->used, &l);
    if (!plan_join_tree(p, &f->left, 1, &to_left, &left, e) || !plan_filter(p, &left, &to_left, e))
        return false;
    if (lateral) {
        for (size_t i = 0; i < to_right.count; i++)
            *AZ_PUSH(p->z, on.items, on.count, on.cap) = to_right.items[i];
        return lateral_left(p, f, &left, &l, &on, out, e) && plan_filter(p, out, conjs, e);
    }
    if (!plan_join_tree(p, &f->right, 1, &to_right, &right, e) ||
        !plan_filter(p, &right, &to_right, e))
        return false;
    for (size_t i = 0; i < on.count; i++)
        if (!on.items[i].done && on.items[i].has_sublink)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                           "this subquery in the condition of an outer join is not supported");
    return plan_join(p, f->type, &left, &right, &on, out, e) && plan_filter(p, out, conjs, e);
}

/* ---- inner joins ---- */

static bool plan_item(Planner *p, Leaf *l, Err *e)
{
    if (!l->rte && l->from->asof)
        return plan_asof(p, l->from, &l->conjs, &l->rel, e);
    return l->rte ? plan_leaf(p, l->rte, &l->conjs, &l->rel, e)
                  : outer_join(p, l->from, &l->conjs, &l->rel, e);
}

/* Conditions that become checkable once both sets are joined; *share of the pairs that they leave. */
static size_t connecting(Planner *p, const Rel *a, const VarSet *a_set, const Rel *b,
                         const VarSet *b_set, const ConjList *conjs, double *share)
{
    size_t n = 0, looked = 0;
    Expr *l, *r;
    *share = 1;
    for (size_t i = 0; i < conjs->count && looked < CONJ_SEARCH_MAX; i++) {
        const Conj *c = &conjs->items[i];
        looked += !c->done;
        if (c->done || c->has_sublink || !varset_overlap(&c->vars, a_set) ||
            !varset_overlap(&c->vars, b_set) || !plan_equi(p, c->expr, a_set, b_set, &l, &r))
            continue;
        *share *= plan_join_rows(p, l, r, n++, a->plan->rows_estimate, b->plan->rows_estimate);
    }
    return n;
}

static ConjList ready_conjs(Planner *p, ConjList *conjs, const VarSet *set)
{
    ConjList ready = {0};
    plan_take_covered(p, conjs, set, &ready);
    return ready;
}

/* What a subquery's condition cannot say in the join is checked above it. */
static bool finish_join(Planner *p, Rel *cur, ConjList *ready, Err *e)
{
    return plan_filter(p, cur, ready, e);
}

static bool join_leaf(Planner *p, Rel *cur, VarSet *set, Leaf *next, ConjList *conjs, Err *e)
{
    VarSet both = varset_new(p->arena, p->z->var_count);
    Rel out;
    varset_union(&both, set);
    varset_union(&both, &next->set);
    next->joined = true;
    if (!varset_empty(&next->deps)) {
        ConjList ready = ready_conjs(p, conjs, &both);
        if (!lateral_join(p, cur, next->from, &next->deps, &next->conjs, false, &out, e) ||
            !finish_join(p, &out, &ready, e))
            return false;
    } else {
        ConjList ready = ready_conjs(p, conjs, &both);
        bool swap = next->rel.plan->rows_estimate > cur->plan->rows_estimate;
        const Rel *left = swap ? &next->rel : cur, *right = swap ? cur : &next->rel;
        if (!plan_join(p, JOIN_INNER, left, right, &ready, &out, e) ||
            !finish_join(p, &out, &ready, e))
            return false;
    }
    *cur = out;
    *set = both;
    return true;
}

/* The best relation to join next: connected ones first, then what a LATERAL one waits for. */
static Leaf *choose(Planner *p, Leaf *leaves, size_t count, const Rel *cur, const VarSet *set,
                    const ConjList *conjs)
{
    Leaf *best = NULL;
    double best_rows = 0;
    bool best_connected = false;
    size_t seen = 0;
    for (size_t i = 0; i < count && seen < JOIN_SEARCH_MAX; i++) {
        Leaf *l = &leaves[i];
        if (l->joined || !varset_subset(&l->deps, set))
            continue;
        seen++;
        bool lateral = !varset_empty(&l->deps);
        double share, rows = cur->plan->rows_estimate * 10;
        size_t keys = 1;
        if (!lateral) {
            keys = connecting(p, cur, set, &l->rel, &l->set, conjs, &share);
            rows = cur->plan->rows_estimate * l->rel.plan->rows_estimate * share;
        }
        bool better = !best || (keys > 0 && !best_connected) ||
                      ((keys > 0) == best_connected && rows < best_rows);
        if (better) {
            best = l;
            best_rows = rows;
            best_connected = keys > 0;
        }
    }
    return best;
}

/* A LATERAL item has no plan yet: it neither comes first nor connects another one. */
static Leaf *first_leaf(Planner *p, Leaf *leaves, size_t count, const ConjList *conjs)
{
    Leaf *best = NULL;
    bool best_connected = false;
    for (size_t i = 0; i < count; i++) {
        Leaf *l = &leaves[i];
        bool connected = false;
        double share;
        if (!varset_empty(&l->deps))
            continue;
        for (size_t k = 0; k < count && k < JOIN_SEARCH_MAX && !connected; k++)
            connected =
                k != i && varset_empty(&leaves[k].deps) &&
                connecting(p, &l->rel, &l->set, &leaves[k].rel, &leaves[k].set, conjs, &share) > 0;
        if (!best || (connected && !best_connected) ||
            (connected == best_connected &&
             l->rel.plan->rows_estimate < best->rel.plan->rows_estimate)) {
            best = l;
            best_connected = connected;
        }
    }
    return best;
}

bool plan_join_leaves(Planner *p, Leaf *leaves, size_t count, ConjList *conjs, Rel *out, Err *e)
{
    VarSet set = varset_new(p->arena, p->z->var_count);
    for (size_t i = 0; i < count; i++)
        if (varset_empty(&leaves[i].deps) && !plan_item(p, &leaves[i], e))
            return false;
    Leaf *first = first_leaf(p, leaves, count, conjs);
    if (!first)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "LATERAL references in a circle");
    *out = first->rel;
    first->joined = true;
    varset_union(&set, &first->set);
    for (size_t n = 1; n < count; n++) {
        Leaf *next = choose(p, leaves, count, out, &set, conjs);
        if (!next)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "LATERAL references in a circle");
        if (!join_leaf(p, out, &set, next, conjs, e))
            return false;
    }
    return true;
}
