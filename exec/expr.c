#include "exec/expr.h"
#include "exec/resolve_private.h"

Expr *expr_new(Arena *a, ExprKind kind, TypeId type, size_t args)
{
    Expr *x = ARENA_NEW(a, Expr);
    x->kind = kind;
    x->type = type;
    x->typmod = -1;
    x->arg_count = args;
    x->args = args ? ARENA_ARRAY(a, Expr *, args) : NULL;
    return x;
}

Expr *expr_const(Arena *a, TypeId type, const Value *v)
{
    Expr *x = expr_new(a, EXPR_CONST, type, 0);
    x->value = *v;
    x->value.phys = type_phys(type);
    return x;
}

Expr *expr_column(Arena *a, uint32_t index, TypeId type, int32_t typmod)
{
    Expr *x = expr_new(a, EXPR_COLUMN, type, 0);
    x->index = index;
    x->typmod = typmod;
    return x;
}

Expr *expr_call(Arena *a, const FuncDef *f, TypeId result, Expr **args, size_t n, int position)
{
    Expr *x = expr_new(a, EXPR_CALL, result, n);
    x->func = f;
    x->position = position;
    if (n)
        memcpy(x->args, args, n * sizeof *args);
    return x;
}

/* ---- properties ---- */

void expr_walk(Expr *x, void (*each)(void *arg, Expr *node), void *arg)
{
    each(arg, x);
    for (size_t i = 0; i < x->arg_count; i++)
        if (x->args[i])
            expr_walk(x->args[i], each, arg);
}

bool expr_is_const(const Expr *x)
{
    if (x->kind == EXPR_COLUMN || x->kind == EXPR_EXEC_PARAM)
        return false;
    if (x->func && (x->func->flags & (FN_VOLATILE | FN_SRF | FN_AGG | FN_WINDOW)))
        return false;
    for (size_t i = 0; i < x->arg_count; i++)
        if (x->args[i] && !expr_is_const(x->args[i]))
            return false;
    return true;
}

bool expr_is_volatile(const Expr *x)
{
    if (x->func && (x->func->flags & FN_VOLATILE))
        return true;
    for (size_t i = 0; i < x->arg_count; i++)
        if (x->args[i] && expr_is_volatile(x->args[i]))
            return true;
    return false;
}

static bool value_equal(TypeId type, const Value *a, const Value *b)
{
    const TypeDef *def = type_find(type);
    if (a->null || b->null)
        return a->null && b->null;
    if (def->phys == PH_NUM && a->u.num.scale != b->u.num.scale)
        return false; /* 1.0 and 1.00 print differently */
    if (def->phys == PH_INTERVAL)
        return memcmp(&a->u.iv, &b->u.iv, sizeof a->u.iv) == 0;
    return def->cmp(a, b) == 0;
}

bool expr_equal(const Expr *a, const Expr *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->type != b->type || a->typmod != b->typmod ||
        a->negated != b->negated || a->variadic != b->variadic || a->func != b->func ||
        a->arg_count != b->arg_count)
        return false;
    if ((a->kind == EXPR_COLUMN || a->kind == EXPR_PARAM || a->kind == EXPR_EXEC_PARAM) &&
        a->index != b->index)
        return false;
    if (a->kind == EXPR_CONST && !value_equal(a->type, &a->value, &b->value))
        return false;
    for (size_t i = 0; i < a->arg_count; i++)
        if (!expr_equal(a->args[i], b->args[i]))
            return false;
    return true;
}

Expr *expr_copy(Arena *a, const Expr *x)
{
    Expr *copy = expr_new(a, x->kind, x->type, x->arg_count);
    Expr **args = copy->args;
    *copy = *x;
    copy->args = args;
    if (x->kind == EXPR_CONST)
        copy->value = value_copy(a, &x->value);
    for (size_t i = 0; i < x->arg_count; i++)
        args[i] = x->args[i] ? expr_copy(a, x->args[i]) : NULL;
    return copy;
}

/* ---- folding ---- */

/* Output or input of these depends on settings, the clock or the catalog. */
bool type_io_is_immutable(TypeId t)
{
    TypeId elem = type_elem_of(t);
    switch (elem ? elem : t) {
    case T_DATE:
    case T_TIME:
    case T_TIMETZ:
    case T_TIMESTAMP:
    case T_TIMESTAMPTZ:
    case T_REGPROC:
    case T_REGCLASS:
    case T_REGTYPE:
    case T_REGNAMESPACE:
    case T_REGROLE:
        return false;
    default:
        return true;
    }
}

bool expr_is_foldable(const Expr *x)
{
    switch (x->kind) {
    case EXPR_CONST:
    case EXPR_COLUMN:
    case EXPR_PARAM:
    case EXPR_EXEC_PARAM:
        return false;
    case EXPR_IO_CAST:
        if (!type_io_is_immutable(x->type) || !type_io_is_immutable(x->args[0]->type))
            return false;
        break;
    default:
        if (x->func && (x->func->flags & (FN_VOLATILE | FN_STABLE | FN_SRF | FN_AGG | FN_WINDOW)))
            return false;
        break;
    }
    for (size_t i = 0; i < x->arg_count; i++)
        if (!x->args[i] || x->args[i]->kind != EXPR_CONST)
            return false;
    return true;
}

static bool is_const_bool(const Expr *x, bool value)
{
    return x->kind == EXPR_CONST && x->type == T_BOOL && !x->value.null && x->value.u.b == value;
}

/* true AND x -> x; false AND x -> false; the same for OR with the roles changed. */
static Expr *fold_logic(Arena *a, Expr *x)
{
    bool neutral = x->kind == EXPR_AND;
    size_t kept = 0;
    for (size_t i = 0; i < x->arg_count; i++) {
        if (is_const_bool(x->args[i], !neutral))
            return x->args[i];
        if (!is_const_bool(x->args[i], neutral))
            x->args[kept++] = x->args[i];
    }
    if (kept == 0) {
        Value v = value_bool(neutral);
        return expr_const(a, T_BOOL, &v);
    }
    if (kept == 1)
        return x->args[0];
    x->arg_count = kept;
    return x;
}

/* Drops branches that cannot be taken; a first branch that is always taken is the whole. */
static Expr *fold_case(Arena *a, Expr *x)
{
    size_t kept = 0, i = 0;
    for (; i + 1 < x->arg_count; i += 2) {
        Expr *when = x->args[i];
        if (is_const_bool(when, false) || (when->kind == EXPR_CONST && when->value.null))
            continue;
        if (is_const_bool(when, true) && kept == 0)
            return x->args[i + 1];
        x->args[kept++] = when;
        x->args[kept++] = x->args[i + 1];
    }
    Expr *otherwise = i < x->arg_count ? x->args[i] : NULL;
    if (kept == 0) {
        Value null = value_null();
        return otherwise ? otherwise : expr_const(a, x->type, &null);
    }
    if (otherwise)
        x->args[kept++] = otherwise;
    x->arg_count = kept;
    return x;
}

static Expr *fold_coalesce(Expr *x)
{
    size_t kept = 0;
    for (size_t i = 0; i < x->arg_count; i++) {
        Expr *arg = x->args[i];
        if (arg->kind == EXPR_CONST && arg->value.null && i + 1 < x->arg_count)
            continue;
        x->args[kept++] = arg;
        if (arg->kind == EXPR_CONST && !arg->value.null)
            break;
    }
    x->arg_count = kept;
    return kept == 1 ? x->args[0] : x;
}

/* An error while folding is left for the run: the node may stand in a branch that is never taken. */
static Expr *fold_node(Arena *a, EvalCtx *ctx, Expr *x)
{
    Value v;
    Err ignored;
    if (x->kind == EXPR_AND || x->kind == EXPR_OR)
        x = fold_logic(a, x);
    else if (x->kind == EXPR_CASE)
        x = fold_case(a, x);
    else if (x->kind == EXPR_COALESCE)
        x = fold_coalesce(x);
    if (!expr_is_foldable(x) || !expr_value(ctx, x, &v, &ignored))
        return x;
    v = value_copy(a, &v);
    Expr *c = expr_const(a, x->type, &v);
    c->typmod = x->typmod;
    c->position = x->position;
    return c;
}

bool expr_fold(Arena *a, EvalCtx *ctx, Expr **x, Err *e)
{
    Expr *node = *x;
    for (size_t i = 0; i < node->arg_count; i++)
        if (node->args[i] && !expr_fold(a, ctx, &node->args[i], e))
            return false;
    *x = fold_node(a, ctx, node);
    return true;
}
