/* sqlts/plan_asof.c - ASOF joins: both sides sorted by keys and time, then merged. */
#include "sqlts/plan_private.h"

typedef struct Keys {
    Expr **left, **right;
    size_t count;
} Keys;

static bool take_keys(Planner *p, const From *f, const VarSet *l, const VarSet *r, Keys *k, Err *e)
{
    ConjList on = {0};
    conj_split(p, f->on, &on);
    k->left = ARENA_ARRAY(p->arena, Expr *, on.count + 1);
    k->right = ARENA_ARRAY(p->arena, Expr *, on.count + 1);
    for (; k->count < on.count; k->count++)
        if (!plan_equi(p, on.items[k->count].expr, l, r, &k->left[k->count], &k->right[k->count]))
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                           "the keys of an ASOF JOIN must be of one type that has an order");
    return true;
}

typedef struct Replace {
    Planner *p;
    uint32_t var;
    const Expr *by;
} Replace;

static bool replace_var(void *arg, Expr **slot)
{
    Replace *r = arg;
    if ((*slot)->kind != EXPR_COLUMN || (*slot)->index != r->var)
        return false;
    *slot = qx_copy(r->p->arena, r->by);
    return true;
}

/* A condition on one key column of the left side holds for the rows it can meet on the right. */
static void mirror(Planner *p, const ConjList *left, const Keys *k, ConjList *right)
{
    for (size_t i = 0; i < left->count; i++) {
        const Conj *c = &left->items[i];
        for (size_t j = 0; j < k->count && !c->has_sublink; j++) {
            const Expr *l = k->left[j], *r = k->right[j];
            VarSet one = varset_new(p->arena, p->z->var_count);
            if (l->kind != EXPR_COLUMN || r->kind != EXPR_COLUMN || l->type != r->type)
                continue;
            varset_add(&one, l->index);
            if (varset_empty(&c->vars) || !varset_subset(&c->vars, &one))
                continue;
            Conj copy = {.expr = qx_copy(p->arena, c->expr),
                         .vars = varset_new(p->arena, p->z->var_count)};
            qx_walk(&copy.expr, replace_var, &(Replace){p, l->index, r});
            varset_add(&copy.vars, r->index);
            *AZ_PUSH(p->z, right->items, right->count, right->cap) = copy;
        }
    }
}

static bool side(Planner *p, From *f, ConjList *conjs, Expr **keys, size_t count, Expr *time,
                 bool ahead, Rel *out, Err *e)
{
    SortKey *sort = ARENA_ARRAY(p->arena, SortKey, count + 1);
    for (size_t i = 0; i < count; i++)
        sort[i].expr = keys[i];
    sort[count] = (SortKey){.expr = time, .desc = ahead};
    return plan_join_tree(p, &f, 1, conjs, out, e) && plan_filter(p, out, conjs, e) &&
           plan_sort(p, out, sort, count + 1, e);
}

static bool fix_keys(Planner *p, const Rel *rel, Expr **keys, size_t n, Expr ***out, Err *e)
{
    *out = ARENA_ARRAY(p->arena, Expr *, n + 1);
    for (size_t i = 0; i < n; i++)
        if (!plan_fix(p, keys[i], rel, NULL, &(*out)[i], e))
            return false;
    return true;
}

static bool node(Planner *p, const From *f, const Keys *k, const Rel *l, const Rel *r, Rel *out,
                 Err *e)
{
    size_t lc = l->plan->col_count, rc = r->plan->col_count;
    PlanAsof *a = PLAN_NEW(p, PlanAsof, PLAN_ASOF, lc + rc);
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, lc + rc + 1);
    memcpy(vars, l->vars, lc * sizeof *vars);
    memcpy(vars + lc, r->vars, rc * sizeof *vars);
    for (size_t i = 0; i < lc + rc; i++)
        plan_column(p, &a->p, i, vars[i]);
    a->p.child = l->plan;
    a->p.right = r->plan;
    a->p.rows_estimate = l->plan->rows_estimate;
    a->outer = f->type == JOIN_LEFT;
    a->strict = f->asof->op[1] == '\0';
    a->ahead = f->asof->op[0] == '<';
    a->key_count = k->count;
    *out = rel_new(p, &a->p, vars);
    return fix_keys(p, l, k->left, k->count, &a->left_keys, e) &&
           fix_keys(p, r, k->right, k->count, &a->right_keys, e) &&
           plan_fix(p, f->asof->left, l, NULL, &a->left_time, e) &&
           plan_fix(p, f->asof->right, r, NULL, &a->right_time, e) &&
           (!f->asof->filter || plan_fix(p, f->asof->filter, l, r, &a->filter, e));
}

/* conjs: conditions from above over this join alone.  Those over the left side go there; those over the
 * right one must wait, for they would change which row is the nearest. */
bool plan_asof(Planner *p, From *f, ConjList *conjs, Rel *out, Err *e)
{
    VarSet l = varset_new(p->arena, p->z->var_count), r = varset_new(p->arena, p->z->var_count);
    ConjList to_left = {0}, to_right = {0};
    Keys k = {0};
    Rel left, right;
    from_vars(f->left, &l);
    from_vars(f->right, &r);
    if (plan_reads(p, f->right, &l))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "LATERAL in an ASOF JOIN is not supported");
    plan_take_covered(p, conjs, &l, &to_left);
    for (size_t i = 0; i < conjs->count; i++)
        if (!conjs->items[i].done)
            plan_mark(p, conjs->items[i].expr);
    plan_mark(p, f->on);
    plan_mark(p, f->asof->left);
    plan_mark(p, f->asof->right);
    plan_mark(p, f->asof->filter);
    if (!take_keys(p, f, &l, &r, &k, e))
        return false;
    mirror(p, &to_left, &k, &to_right);
    bool ahead = f->asof->op[0] == '<';
    return side(p, f->left, &to_left, k.left, k.count, f->asof->left, ahead, &left, e) &&
           side(p, f->right, &to_right, k.right, k.count, f->asof->right, ahead, &right, e) &&
           node(p, f, &k, &left, &right, out, e) && plan_filter(p, out, conjs, e);
}
