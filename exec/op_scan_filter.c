/* Conditions that a scan can decide more cheaply than they are written.
 *
 * `integer > 90.0` means a comparison of numerics in SQL.  The constant is known, so the same rows come
 * from comparing integers: x > 90.5 and x > 90 are the same for whole x. */
#include "exec/op_scan_private.h"

static bool is_int(TypeId t)
{
    return t == T_INT2 || t == T_INT4 || t == T_INT8;
}

/* The integer column inside a cast to numeric; NULL. */
static Expr *int_inside(const Expr *x)
{
    bool cast = x->kind == EXPR_CALL && x->type == T_NUMERIC && x->typmod < 0 &&
                x->arg_count == 1 && x->func &&
                (x->func->flags & (FN_CAST_IMPLICIT | FN_CAST_ASSIGN | FN_CAST_EXPLICIT));
    return cast && x->args[0]->kind == EXPR_COLUMN && is_int(x->args[0]->type) ? x->args[0] : NULL;
}

/* floor(c), and whether c is whole; false: not a plain decimal. */
static bool floor_of(const Expr *x, int64_t *whole, bool *exact)
{
    if (x->kind != EXPR_CONST || x->type != T_NUMERIC || x->value.null || x->value.phys != PH_NUM)
        return false;
    const Num *n = &x->value.u.num;
    if (n->kind != NUM_SMALL || n->scale > 18)
        return false;
    int64_t unit = 1;
    for (int i = 0; i < n->scale; i++)
        unit *= 10;
    *whole = floor_div(n->u.coef, unit);
    *exact = *whole * unit == n->u.coef;
    return true;
}

/* The operator over integers that lets the same rows pass; NULL: there is none. */
static const char *int_operator(const char *op, bool exact)
{
    if (strcmp(op, ">") == 0 || strcmp(op, "<=") == 0)
        return op;
    if (strcmp(op, ">=") == 0)
        return exact ? ">=" : ">";
    if (strcmp(op, "<") == 0)
        return exact ? "<" : "<=";
    return exact && (strcmp(op, "=") == 0 || strcmp(op, "<>") == 0) ? op : NULL;
}

static const char *turned(const char *op)
{
    static const char *const pairs[][2] = {{"<", ">"}, {"<=", ">="}, {">", "<"}, {">=", "<="}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (strcmp(op, pairs[i][0]) == 0)
            return pairs[i][1];
    return op;
}

static Expr *as_type(Arena *a, Expr *x, TypeId type)
{
    if (x->type == type)
        return x;
    Expr *r = expr_new(a, EXPR_RELABEL, type, 1); /* all integers have one physical form */
    r->args[0] = x;
    r->typmod = -1;
    return r;
}

static Expr *compare_ints(Arena *a, const char *op, Expr *column, int64_t whole)
{
    const FuncDef *f;
    TypeId want[2], result;
    Err ignored;
    Value v = value_i64(whole);
    if (!oper_resolve(slice_cstr(op), column->type, T_INT8, &f, want, &result, &ignored) ||
        !is_int(want[0]) || !is_int(want[1]))
        return NULL;
    Expr *args[2] = {as_type(a, column, want[0]), as_type(a, expr_const(a, T_INT8, &v), want[1])};
    return expr_call(a, f, result, args, 2, 0);
}

static void simplify(Arena *a, Expr **at)
{
    Expr *x = *at;
    if (x->kind == EXPR_AND || x->kind == EXPR_OR || x->kind == EXPR_NOT) {
        for (size_t i = 0; i < x->arg_count; i++)
            simplify(a, &x->args[i]);
        return;
    }
    if (x->kind != EXPR_CALL || x->arg_count != 2 || !x->func || !(x->func->flags & FN_OPERATOR))
        return;
    bool left = int_inside(x->args[0]) != NULL, exact;
    Expr *column = int_inside(x->args[left ? 0 : 1]);
    int64_t whole;
    if (!column || !floor_of(x->args[left ? 1 : 0], &whole, &exact))
        return;
    const char *op = int_operator(left ? x->func->name : turned(x->func->name), exact);
    Expr *better = op ? compare_ints(a, op, column, whole) : NULL;
    if (better)
        *at = better;
}

Expr *filter_simplify(Arena *a, const Expr *filter)
{
    if (!filter)
        return NULL;
    Expr *x = expr_copy(a, filter);
    simplify(a, &x);
    return x;
}
