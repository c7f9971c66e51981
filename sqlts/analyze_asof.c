/* sqlts/analyze_asof.c - ASOF joins: which of the conditions are keys, and which one is the inequality. */
#include "sqlts/plan_private.h"

static bool side_vars(Analyzer *z, const Expr *x, const VarSet *side)
{
    VarSet vars = varset_new(z->arena, z->var_count);
    qx_vars(z, x, &vars);
    return !varset_empty(&vars) && varset_subset(&vars, side) && !qx_has(x, QX_SUBLINK) &&
           !qx_is_volatile(x);
}

static const char *flipped(const char *op)
{
    return op[0] == '>' ? (op[1] ? "<=" : "<") : (op[1] ? ">=" : ">");
}

static bool is_inequality(const Expr *x)
{
    static const char *const ops[] = {">=", ">", "<=", "<"};
    for (size_t i = 0; x->kind == EXPR_CALL && (x->func->flags & FN_OPERATOR) &&
                       x->arg_count == 2 && i < ARRAY_LEN(ops);
         i++)
        if (strcmp(x->func->name, ops[i]) == 0)
            return true;
    return false;
}

static bool bad_condition(const Expr *x, Err *e)
{
    err_set(e, ERR_FEATURE_NOT_SUPPORTED,
            "ASOF JOIN takes equalities and one inequality between its two sides");
    err_at(e, x->position);
    return err_hint(e, "Put other conditions into WHERE, or into a subquery in FROM.");
}

typedef struct Sides {
    VarSet left, right;
} Sides;

/* left op right, the left side's expression first. */
static bool take_inequality(Analyzer *z, const Sides *sides, Expr *x, Asof *a, Err *e)
{
    const char *op = x->func->name;
    if (a->left) {
        err_set(e, ERR_SYNTAX, "ASOF JOIN has more than one inequality");
        return err_at(e, x->position);
    }
    bool swap = side_vars(z, x->args[0], &sides->right);
    a->left = x->args[swap];
    a->right = x->args[!swap];
    if (!side_vars(z, a->left, &sides->left) || !side_vars(z, a->right, &sides->right))
        return bad_condition(x, e);
    op = swap ? flipped(op) : op;
    memcpy(a->op, op, strlen(op) + 1);
    return true;
}

static bool take_equality(Analyzer *z, const Sides *sides, const Expr *x, Err *e)
{
    bool equality = x->kind == EXPR_CALL && (x->func->flags & FN_OPERATOR) && x->arg_count == 2 &&
                    strcmp(x->func->name, "=") == 0;
    if (equality &&
        ((side_vars(z, x->args[0], &sides->left) && side_vars(z, x->args[1], &sides->right)) ||
         (side_vars(z, x->args[1], &sides->left) && side_vars(z, x->args[0], &sides->right))))
        return true;
    return bad_condition(x, e);
}

/* Takes the inequality out of the condition; equalities stay. */
static bool split(Analyzer *z, const Sides *sides, Expr *x, Asof *a, Expr **rest, Err *e)
{
    if (!x)
        return true;
    if (x->kind == EXPR_AND) {
        for (size_t i = 0; i < x->arg_count; i++)
            if (!split(z, sides, x->args[i], a, rest, e))
                return false;
        return true;
    }
    if (is_inequality(x))
        return take_inequality(z, sides, x, a, e);
    *rest = az_and(z, *rest, x);
    return take_equality(z, sides, x, e);
}

static Expr *time_column(const Analyzer *z, const ScopeCol *cols, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Expr *x = cols[i].expr;
        if (x->kind == EXPR_COLUMN && z->vars[x->index].rte->cols[z->vars[x->index].col].is_time)
            return qx_copy(z->arena, x);
    }
    return NULL;
}

static bool implied_times(Analyzer *z, const NJoin *n, const JoinSides *j, Asof *a, Err *e)
{
    a->left = time_column(z, j->left, j->left_count);
    a->right = time_column(z, j->right, j->right_count);
    memcpy(a->op, ">=", sizeof ">=");
    if (a->left && a->right)
        return true;
    az_fail(z, &n->n, ERR_SYNTAX, e, "the %s side of the ASOF JOIN has no time column",
            a->left ? "right" : "left");
    return err_hint(e, "Write ON a.key = b.key AND a.time >= b.time.");
}

/* Both sides of the inequality in one type, so that they merge. */
static bool one_type(Analyzer *z, Asof *a, Err *e)
{
    TypeId type;
    Expr *both[] = {a->left, a->right};
    const TypeDef *t;
    if (!az_common_type(z, both, 2, "ASOF JOIN", &type, e) ||
        !az_coerce(z, a->left, type, -1, CAST_IMPLICIT, &a->left, e) ||
        !az_coerce(z, a->right, type, -1, CAST_IMPLICIT, &a->right, e))
        return false;
    t = type_find(type);
    return (t && t->cmp) || err_set(e, ERR_FEATURE_NOT_SUPPORTED, "ASOF JOIN over this type");
}

/* The row found is at most so far away. */
static bool tolerance(Analyzer *z, Scope *s, const NJoin *n, Asof *a, Err *e)
{
    Expr *by, *reach;
    Place place = s->place;
    if (!n->tolerance)
        return true;
    bool back = a->op[0] == '>';
    s->place = PLACE_LIMIT; /* no variables */
    bool ok = az_expr(z, s, n->tolerance, &by, e);
    s->place = place;
    if (!ok)
        return false;
    if (!qx_is_const(by))
        return az_fail(z, n->tolerance, ERR_INVALID_COLUMN_REFERENCE, e,
                       "argument of TOLERANCE must not contain variables");
    if (by->type == T_UNKNOWN &&
        (a->left->type == T_TIMESTAMPTZ || a->left->type == T_TIMESTAMP ||
         a->left->type == T_DATE) &&
        !az_coerce(z, by, T_INTERVAL, -1, CAST_IMPLICIT, &by, e))
        return false;
    bool negative = by->kind == EXPR_CONST && !by->value.null &&
                    ((by->type == T_INTERVAL &&
                      type_find(T_INTERVAL)->cmp(&by->value, &(Value){.phys = PH_INTERVAL}) < 0) ||
                     (by->value.phys == PH_I64 && by->value.u.i64 < 0));
    if (negative)
        return az_fail(z, n->tolerance, ERR_INVALID_PARAMETER, e, "TOLERANCE must not be negative");
    Expr *near = qx_copy(z->arena, back ? a->right : a->left);
    Expr *far = qx_copy(z->arena, back ? a->left : a->right);
    return az_operator(z, n->tolerance, SLICE_LIT("+"), near, by, &reach, e) &&
           az_operator(z, n->tolerance, SLICE_LIT(">="), reach, far, &a->filter, e);
}

bool az_asof(Analyzer *z, Scope *s, const NJoin *n, const JoinSides *j, From *f, Err *e)
{
    Sides sides = {varset_new(z->arena, z->var_count), varset_new(z->arena, z->var_count)};
    Expr *keys = NULL;
    f->asof = ARENA_NEW(z->arena, Asof);
    from_vars(f->left, &sides.left);
    from_vars(f->right, &sides.right);
    if (!split(z, &sides, f->on, f->asof, &keys, e))
        return false;
    f->on = keys;
    if (!f->asof->left && (n->on || n->has_using)) {
        az_fail(z, n->on ? n->on : &n->n, ERR_SYNTAX, e, "ASOF JOIN needs an inequality");
        return err_hint(e, "Write ON a.key = b.key AND a.time >= b.time.");
    }
    return (f->asof->left || implied_times(z, n, j, f->asof, e)) && one_type(z, f->asof, e) &&
           tolerance(z, s, n, f->asof, e);
}
