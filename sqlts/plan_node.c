/* sqlts/plan_node.c - making plan nodes, and turning variables into column numbers. */
#include "sqlts/plan_private.h"

void *plan_new(Planner *p, PlanKind kind, size_t size, size_t cols)
{
    Plan *plan = arena_zero(p->arena, size);
    plan->kind = kind;
    plan->col_count = cols;
    plan->types = ARENA_ARRAY(p->arena, TypeId, cols + 1);
    plan->names = ARENA_ARRAY(p->arena, Slice, cols + 1);
    plan->rows_estimate = 1000;
    return plan;
}

void plan_column(Planner *p, Plan *plan, size_t col, uint32_t var)
{
    const VarInfo *v = &p->z->vars[var];
    plan->types[col] = v->rte->cols[v->col].type;
    plan->names[col] = v->rte->cols[v->col].name;
}

Rel rel_new(Planner *p, Plan *plan, const uint32_t *vars)
{
    Rel r = {.plan = plan, .set = varset_new(p->arena, p->z->var_count)};
    r.vars = ARENA_ARRAY(p->arena, uint32_t, plan->col_count + 1);
    for (size_t i = 0; i < plan->col_count; i++) {
        r.vars[i] = vars[i];
        varset_add(&r.set, vars[i]);
    }
    return r;
}

uint32_t plan_new_var(Planner *p, const char *name, TypeId type, int32_t typmod)
{
    Rte *r = az_new_rte(p->z, RTE_COMPUTED, slice_cstr(name), 1);
    r->cols[0] = (RteCol){.name = slice_cstr(name), .type = type, .typmod = typmod};
    return r->first_var;
}

static bool find_column(const Rel *r, uint32_t var, uint32_t *out)
{
    if (!r || !varset_has(&r->set, var))
        return false;
    for (size_t i = 0; i < r->plan->col_count; i++) {
        if (r->vars[i] == var) {
            *out = (uint32_t)i;
            return true;
        }
    }
    return false;
}

static uint32_t param_of(const Planner *p, uint32_t var)
{
    return var < p->param_cap ? p->param_of[var] : 0;
}

static bool fix(Planner *p, Expr *x, const Rel *left, const Rel *right, Err *e)
{
    uint32_t i;
    if (x->kind == EXPR_COLUMN) {
        if (find_column(left, x->index, &i)) {
            x->index = i;
        } else if (find_column(right, x->index, &i)) {
            x->index = i + (left ? (uint32_t)left->plan->col_count : 0);
        } else if (param_of(p, x->index)) {
            x->kind = EXPR_EXEC_PARAM;
            x->index = param_of(p, x->index) - 1;
        } else {
            const VarInfo *v = &p->z->vars[x->index];
            return err_set(e, ERR_INTERNAL, "column \"%.*s.%.*s\" is not where the plan needs it",
                           SLICE_ARG(v->rte->name), SLICE_ARG(v->rte->cols[v->col].name));
        }
        return true;
    }
    if (qx_kind(x) >= QX_AGG)
        return err_set(e, ERR_INTERNAL, "expression of kind %d was left in the plan", qx_kind(x));
    for (size_t k = 0; k < x->arg_count; k++)
        if (!fix(p, x->args[k], left, right, e))
            return false;
    return true;
}

bool plan_fix(Planner *p, const Expr *x, const Rel *left, const Rel *right, Expr **out, Err *e)
{
    *out = qx_copy(p->arena, x);
    return fix(p, *out, left, right, e) && expr_fold(p->arena, p->z->env->fold, out, e);
}

bool plan_is_const(const Planner *p, const Expr *x)
{
    if (x->kind == EXPR_COLUMN)
        return param_of(p, x->index) != 0;
    if (qx_kind(x) >= QX_AGG || (x->func && (x->func->flags & (FN_VOLATILE | FN_SRF))))
        return false;
    for (size_t i = 0; i < x->arg_count; i++)
        if (!plan_is_const(p, x->args[i]))
            return false;
    return true;
}

void plan_mark(Planner *p, const Expr *x)
{
    qx_vars(p->z, x, &p->used);
}
