/* sqlts/plan_estimate.c - how many rows a condition leaves, how many different values an expression has.
 *
 * What is known: the number of values of a tag (index), the range of the times of a table, the least and greatest
 * value and the NULLs of fields of numbers (statistics of a few row groups, a few rows in memory).  Values are
 * taken as evenly spread, conditions as independent, but for two that bound the same column. */
#include "exec/numeric.h"
#include "sqlts/plan_private.h"

/* Where nothing is known. */
static const double sel_equal = 0.01, sel_range = 0.3, sel_least = 0.0001;

static double within(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static bool is_number(TypeId t)
{
    return t == T_INT2 || t == T_INT4 || t == T_INT8 || t == T_FLOAT4 || t == T_FLOAT8 ||
           t == T_NUMERIC;
}

/* ---- columns ---- */

/* The column under the casts that comparing it with another number needs. */
const Expr *plan_under_casts(const Expr *x)
{
    while (
        x->arg_count == 1 && is_number(x->type) && is_number(x->args[0]->type) &&
        (x->kind == EXPR_RELABEL || (x->kind == EXPR_CALL && (x->func->flags & FN_CAST_IMPLICIT))))
        x = x->args[0];
    return x;
}

static const ColumnDef *column_under(const Planner *p, const Expr *x, const Rte **rte)
{
    if (x->kind != EXPR_COLUMN)
        return NULL;
    const VarInfo *v = &p->z->vars[x->index];
    *rte = v->rte;
    int16_t attnum = v->rte->kind == RTE_TABLE ? v->rte->cols[v->col].attnum : 0;
    return attnum > 0 ? &v->rte->table->columns[attnum - 1] : NULL;
}

static bool about(const Planner *p, const Rte *rte, const ColumnDef *c, ColumnAbout *out)
{
    const SqlEnv *env = p->z->env;
    if (!env->column_about || c->kind != COL_FIELD || (c->phys != PHYS_I64 && c->phys != PHYS_F64))
        return false;
    env->column_about(env->arg, rte->table, c->id, out);
    return out->rows > 0;
}

/* ---- different values; 0: not known ---- */

static double column_values(const Planner *p, const Rte *rte, const ColumnDef *c)
{
    const SqlEnv *env = p->z->env;
    ColumnAbout a;
    if (c->type_oid == T_BOOL)
        return 2;
    if (column_in_series(c))
        return env->distinct_tags ? env->distinct_tags(env->arg, rte->table, c->id) : 0;
    bool counted = is_number(c->type_oid) || c->type_oid == T_DATE;
    if (!counted || !about(p, rte, c, &a) || a.values <= 0 || !a.whole)
        return 0;
    return a.max - a.min + 1;
}

static double bucket_values(const Planner *p, const Rte *rte, int64_t width_ns)
{
    TableSize size = {.rows = 0};
    const SqlEnv *env = p->z->env;
    if (rte->times_ns > 0)
        return rte->times_ns / (double)width_ns + 1;
    if (env->table_size)
        env->table_size(env->arg, rte->table, &size);
    return size.rows > 0 ? ((double)size.t_max - (double)size.t_min) / (double)width_ns + 1 : 0;
}

double plan_distinct(Planner *p, const Expr *x)
{
    const Rte *rte;
    const ColumnDef *c = column_under(p, x, &rte);
    uint32_t time;
    int64_t width, origin;
    if (x->kind == EXPR_CONST || x->kind == EXPR_PARAM)
        return 1;
    if (c)
        return column_values(p, rte, c);
    if (plan_bucket(p, x, &time, &width, &origin))
        return bucket_values(p, p->z->vars[time].rte, width);
    bool call = x->kind == EXPR_CALL && !(x->func->flags & (FN_VOLATILE | FN_SRF));
    if (!call && x->kind != EXPR_RELABEL)
        return 0;
    double values = 1; /* of what it reads */
    for (size_t i = 0; i < x->arg_count; i++)
        values *= plan_distinct(p, x->args[i]);
    const Expr *by = x->arg_count == 2 ? x->args[1] : NULL;
    if (call && by && strcmp(x->func->name, "%") == 0 && by->kind == EXPR_CONST &&
        !by->value.null && by->value.phys == PH_I64 && by->value.u.i64 > 0)
        values = values > 0 && values < (double)by->value.u.i64 ? values : (double)by->value.u.i64;
    return values;
}

/* Where a key is not known, there are ten rows of each. */
double plan_groups(Planner *p, Expr *const *keys, size_t count, double rows)
{
    double groups = 1;
    bool known = true;
    for (size_t i = 0; i < count; i++) {
        double values = plan_distinct(p, keys[i]);
        known &= values > 0;
        groups *= values > 0 ? values : 1;
    }
    if (!known && groups < rows / 10)
        groups = rows / 10 + 1;
    return within(groups, 1, rows < 1 ? 1 : rows);
}

double plan_join_rows(Planner *p, const Expr *l, const Expr *r, size_t before, double left,
                      double right)
{
    double a = within(plan_distinct(p, l), 0, left), b = within(plan_distinct(p, r), 0, right);
    double values = a > b ? a : b;
    if (values <= 0)
        values = before ? 2 : left < right ? left : right;
    return 1 / (values < 1 ? 1 : values);
}

/* ---- conditions ---- */

static bool number_of(const Expr *x, double *out)
{
    if (x->kind != EXPR_CONST || x->value.null || !is_number(x->type))
        return false;
    const Value *v = &x->value;
    *out = v->phys == PH_I64   ? (double)v->u.i64
           : v->phys == PH_F64 ? v->u.f64
                               : num_to_f64(&v->u.num);
    return *out == *out;
}

static double not_null(const ColumnAbout *a)
{
    return a->values / a->rows;
}

static double equal_to(const Planner *p, const Expr *side, const Expr *value)
{
    const Rte *rte;
    const ColumnDef *c = column_under(p, plan_under_casts(side), &rte);
    ColumnAbout a;
    double v;
    if (c && number_of(value, &v) && about(p, rte, c, &a) &&
        (a.values <= 0 || v < a.min || v > a.max))
        return sel_least;
    double values = c ? column_values(p, rte, c) : 0;
    return values > 0 ? within(1 / values, sel_least, 1) : sel_equal;
}

/* The share of rows on one side of the value. */
static double bounded(const Planner *p, const Expr *side, const char *op, const Expr *value)
{
    const Rte *rte;
    const ColumnDef *c = column_under(p, plan_under_casts(side), &rte);
    ColumnAbout a;
    double v;
    if (!c || !number_of(value, &v) || !about(p, rte, c, &a))
        return sel_range;
    if (a.values <= 0)
        return sel_least;
    double width = a.max - a.min, below = width > 0 ? within((v - a.min) / width, 0, 1) : v > a.min;
    if (width <= 0 && v == a.min)
        below = op[1] == '=' ? op[0] == '<' : op[0] == '>';
    return within((op[0] == '<' ? below : 1 - below) * not_null(&a), sel_least, 1);
}

static double compared(const Planner *p, const Expr *x)
{
    Expr *side, *value;
    const char *op;
    if (!plan_comparison(p, x, &side, &value, &op))
        return x->kind == EXPR_CALL && strcmp(x->func->name, "<>") == 0 ? 1 - sel_equal : sel_range;
    return op[0] == '=' ? equal_to(p, side, value) : bounded(p, side, op, value);
}

static double null_share(const Planner *p, const Expr *x)
{
    const Rte *rte;
    const ColumnDef *c = column_under(p, x, &rte);
    ColumnAbout a;
    return c && about(p, rte, c, &a) ? within(1 - not_null(&a), sel_least, 1) : sel_equal;
}

static double one_condition(const Planner *p, const Expr *x)
{
    double s = 1;
    switch (x->kind) {
    case EXPR_CONST:
        return x->value.null || !x->value.u.b ? sel_least : 1;
    case EXPR_AND:
        return plan_selectivity(p, x->args, x->arg_count);
    case EXPR_OR:
        for (size_t i = 0; i < x->arg_count; i++)
            s *= 1 - one_condition(p, x->args[i]);
        return within(1 - s, sel_least, 1);
    case EXPR_NOT:
        return within(1 - one_condition(p, x->args[0]), sel_least, 1);
    case EXPR_IS_NULL:
        return null_share(p, x->args[0]);
    case EXPR_IS_NOT_NULL:
        return within(1 - null_share(p, x->args[0]), sel_least, 1);
    case EXPR_IN_LIST:
        if (strcmp(x->func->name, "=") != 0)
            return sel_range;
        for (size_t i = 1; i < x->arg_count; i++)
            s -= equal_to(p, x->args[0], x->args[i]);
        return within(x->negated ? s : 1 - s, sel_least, 1);
    case EXPR_COLUMN: /* a boolean */
        return 0.5;
    default:
        return compared(p, x);
    }
}

/* The other bound of the same column: x BETWEEN a AND b leaves what both leave together. */
static bool other_bound(const Planner *p, Expr *const *conds, size_t before, const Expr *x,
                        double *share)
{
    Expr *side, *value, *side2, *value2;
    const char *op, *op2;
    double v;
    if (!plan_comparison(p, x, &side, &value, &op) || op[0] == '=' || !number_of(value, &v))
        return false;
    const Expr *column = plan_under_casts(side);
    for (size_t i = 0; column->kind == EXPR_COLUMN && i < before; i++) {
        if (!plan_comparison(p, conds[i], &side2, &value2, &op2) || op2[0] == '=' ||
            op2[0] == op[0] || !number_of(value2, &v))
            continue;
        const Expr *other = plan_under_casts(side2);
        if (other->kind != EXPR_COLUMN || other->index != column->index)
            continue;
        *share = bounded(p, side2, op2, value2);
        return true;
    }
    return false;
}

double plan_selectivity(const Planner *p, Expr *const *conds, size_t count)
{
    double all = 1, share;
    for (size_t i = 0; i < count; i++) {
        double s = one_condition(p, conds[i]);
        if (other_bound(p, conds, i, conds[i], &share))
            s = within(s + share - 1, sel_least, 1) / share;
        all *= s;
    }
    return within(all, sel_least, 1);
}
