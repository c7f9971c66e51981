/* sqlts/analyze_expr.c - scalar expressions: literals, operators, CASE, casts, arrays, subscripts. */
#include "sqlts/analyze.h"

enum { CHAIN_NESTED_MAX = 500 };

Expr *az_const(Analyzer *z, TypeId type, Value v, int position)
{
    Expr *x = expr_const(z->arena, type, &v);
    x->position = position;
    x->typmod = -1;
    return x;
}

/* An immutable call over constants is computed now.  An error stays where it is: the row that needs the
 * value may never come (CASE, an empty table). */
static Expr *fold(Analyzer *z, Expr *x)
{
    if (x->func && (x->func->flags & (FN_VOLATILE | FN_STABLE | FN_SRF | FN_AGG | FN_WINDOW)))
        return x;
    for (size_t i = 0; i < x->arg_count; i++)
        if (x->args[i]->kind != EXPR_CONST || x->args[i]->type == T_UNKNOWN)
            return x;
    Err ignored;
    Expr *folded = qx_copy(z->arena, x);
    err_clear(&ignored);
    if (!expr_fold(z->arena, z->env->fold, &folded, &ignored))
        return x;
    if (!folded->position)
        folded->position = x->position;
    return folded;
}

static Expr *new_call(Analyzer *z, const FuncDef *f, TypeId result, Expr **args, size_t n,
                      int position)
{
    Expr **own = ARENA_ARRAY(z->arena, Expr *, n + 1);
    if (n)
        memcpy(own, args, n * sizeof *own);
    Expr *x = expr_call(z->arena, f, result, own, n, position);
    x->typmod = -1;
    return x;
}

Expr *az_call(Analyzer *z, const FuncDef *f, TypeId result, Expr **args, size_t n, int position)
{
    return fold(z, new_call(z, f, result, args, n, position));
}

bool az_call_spread(Analyzer *z, const NFunc *n, const FuncDef *f, TypeId result, Expr **args,
                    Expr **out, Err *e)
{
    size_t last = n->args.count - 1;
    if (!type_elem_of(args[last]->type))
        return az_fail(z, n->args.items[last], ERR_DATATYPE_MISMATCH, e,
                       "VARIADIC argument must be an array");
    Expr *x = new_call(z, f, result, args, last + 1, az_position(z, n->n.offset));
    x->variadic = true;
    *out = fold(z, x);
    return true;
}

Expr *az_and(Analyzer *z, Expr *a, Expr *b)
{
    if (!a || !b)
        return a ? a : b;
    if (a->kind != EXPR_AND) {
        Expr *x = expr_new(z->arena, EXPR_AND, T_BOOL, 2);
        x->typmod = -1;
        x->args[0] = a;
        x->args[1] = b;
        x->index = 2;
        return x;
    }
    /* one wide node, not a deep tree; the index of an AND, which has no other use, is its room */
    if (a->arg_count >= a->index) {
        a->index = (uint32_t)a->arg_count * 2;
        Expr **args = ARENA_ARRAY(z->arena, Expr *, a->index);
        memcpy(args, a->args, a->arg_count * sizeof *args);
        a->args = args;
    }
    a->args[a->arg_count++] = b;
    return a;
}

static Expr *node(Analyzer *z, ExprKind kind, TypeId type, const SqlNode *at, size_t args)
{
    Expr *x = expr_new(z->arena, kind, type, args);
    x->position = az_position(z, at->offset);
    x->typmod = -1;
    return x;
}

/* ---- literals ---- */

static bool number(Analyzer *z, const NLiteral *n, Expr **out, Err *e)
{
    int64_t v;
    int pos = az_position(z, n->n.offset);
    if (n->n.kind == N_INTEGER && slice_to_i64(n->text, &v)) {
        *out = az_const(z, v >= INT32_MIN && v <= INT32_MAX ? T_INT4 : T_INT8, value_i64(v), pos);
        return true;
    }
    Expr *text = az_const(z, T_UNKNOWN, value_str(n->text), pos);
    return az_coerce(z, text, T_NUMERIC, -1, CAST_EXPLICIT, out, e);
}

static bool param(Analyzer *z, const NParam *n, Expr **out, Err *e)
{
    uint32_t i = n->number - 1;
    if (z->env->params_none)
        return az_fail(z, &n->n, ERR_UNDEFINED_PARAMETER, e, "there is no parameter $%u",
                       n->number);
    while (z->param_count < n->number)
        *AZ_PUSH(z, z->params, z->param_count, z->param_cap) = 0;
    Expr *x = node(z, EXPR_PARAM, z->params[i] ? z->params[i] : T_UNKNOWN, &n->n, 0);
    x->index = i;
    if (x->type == T_UNKNOWN)
        *AZ_PUSH(z, z->param_nodes, z->param_node_count, z->param_node_cap) = x;
    *out = x;
    return true;
}

/* ---- operators ---- */

bool az_operator(Analyzer *z, const SqlNode *at, Slice op, Expr *left, Expr *right, Expr **out,
                 Err *e)
{
    const FuncDef *f;
    TypeId want[2], result;
    if (left && qx_kind(left) == QX_ROW && qx_kind(right) == QX_ROW)
        return az_row_compare(z, at, op, left, right, out, e);
    if (!oper_resolve(op, left ? left->type : 0, right->type, &f, want, &result, e))
        return az_at(z, at, e);
    Expr *args[2] = {left, right};
    size_t n = 0;
    if (left && !az_coerce(z, left, want[0], -1, CAST_IMPLICIT, &args[n++], e))
        return false;
    TypeId want_right = want[left ? 1 : 0];
    if (!az_coerce(z, right, want_right, -1, CAST_IMPLICIT, &args[n++], e))
        return false;
    *out = az_call(z, f, result, args, n, az_position(z, at->offset));
    return true;
}

/* The operands of a long chain of one operator are put together pairwise: a tree of log n levels, where
 * the order of evaluation is free (of short ones it is the written one). */
static bool operator_chain(Analyzer *z, Scope *s, const NOp *n, Expr **out, Err *e)
{
    size_t count = n->n.chain + 2;
    Expr **items = ARENA_ARRAY(z->arena, Expr *, count);
    const NOp *at = n;
    for (size_t i = count; i-- > 1; at = (const NOp *)at->left) {
        if (!az_expr(z, s, at->right, &items[i], e) ||
            (i == 1 && !az_expr(z, s, at->left, &items[0], e)))
            return false;
    }
    while (count > 1) {
        size_t pairs = 0;
        for (size_t i = 0; i < count; i += 2, pairs++) {
            items[pairs] = items[i];
            if (i + 1 < count &&
                !az_operator(z, &n->n, n->name, items[i], items[i + 1], &items[pairs], e))
                return false;
        }
        count = pairs;
    }
    *out = items[0];
    return true;
}

static bool operator_node(Analyzer *z, Scope *s, const NOp *n, Expr **out, Err *e)
{
    Expr *left = NULL, *right;
    if (n->n.chain > CHAIN_NESTED_MAX)
        return operator_chain(z, s, n, out, e);
    if (n->left && !az_expr(z, s, n->left, &left, e))
        return false;
    if (!az_expr(z, s, n->right, &right, e))
        return false;
    if (n->schema.len && !slice_eq_cstr(n->schema, "pg_catalog"))
        return az_fail(z, &n->n, ERR_UNDEFINED_FUNCTION, e, "operator does not exist: %.*s.%.*s",
                       SLICE_ARG(n->schema), SLICE_ARG(n->name));
    return az_operator(z, &n->n, n->name, left, right, out, e);
}

static bool distinct_values(Analyzer *z, const NOp *n, Expr *left, Expr *right, Expr **out, Err *e)
{
    Expr *eq;
    const FuncDef *f;
    TypeId want[2], result;
    if (!oper_resolve(n->name, left->type, right->type, &f, want, &result, e))
        return az_at(z, &n->n, e);
    eq = node(z, EXPR_IS_DISTINCT, T_BOOL, &n->n, 2);
    eq->func = f;
    eq->negated = n->negated;
    *out = eq;
    return az_coerce(z, left, want[0], -1, CAST_IMPLICIT, &eq->args[0], e) &&
           az_coerce(z, right, want[1], -1, CAST_IMPLICIT, &eq->args[1], e);
}

/* Rows are distinct if a field is. */
static bool distinct_from(Analyzer *z, Scope *s, const NOp *n, Expr **out, Err *e)
{
    Expr *left, *right;
    if (!az_expr(z, s, n->left, &left, e) || !az_expr(z, s, n->right, &right, e))
        return false;
    if (qx_kind(left) != QX_ROW || qx_kind(right) != QX_ROW)
        return distinct_values(z, n, left, right, out, e);
    if (left->arg_count != right->arg_count)
        return az_fail(z, &n->n, ERR_SYNTAX, e, "unequal number of entries in row expressions");
    Expr *all = node(z, n->negated ? EXPR_AND : EXPR_OR, T_BOOL, &n->n, left->arg_count);
    for (size_t i = 0; i < left->arg_count; i++)
        if (!distinct_values(z, n, left->args[i], right->args[i], &all->args[i], e))
            return false;
    *out = all;
    return true;
}

/* a AND b AND ...: constants that decide nothing are dropped. */
static bool logic(Analyzer *z, Scope *s, const NMulti *n, Expr **out, Err *e)
{
    bool is_and = n->n.kind == N_AND;
    Expr *x = node(z, is_and ? EXPR_AND : EXPR_OR, T_BOOL, &n->n, n->args.count);
    size_t kept = 0;
    for (size_t i = 0; i < n->args.count; i++) {
        Expr *arg;
        if (!az_expr_bool(z, s, n->args.items[i], is_and ? "AND" : "OR", &arg, e))
            return false;
        if (arg->kind == EXPR_CONST && !arg->value.null && arg->value.u.b == is_and)
            continue;
        x->args[kept++] = arg;
    }
    x->arg_count = kept;
    *out = kept == 0   ? az_const(z, T_BOOL, value_bool(is_and), x->position)
           : kept == 1 ? x->args[0]
                       : x;
    return true;
}

static bool not_node(Analyzer *z, Scope *s, const NTest *n, Expr **out, Err *e)
{
    Expr *arg;
    if (!az_expr_bool(z, s, n->arg, "NOT", &arg, e))
        return false;
    Expr *x = node(z, EXPR_NOT, T_BOOL, &n->n, 1);
    x->args[0] = arg;
    *out = fold(z, x);
    return true;
}

static bool null_test(Analyzer *z, Scope *s, const NTest *n, Expr **out, Err *e)
{
    Expr *arg;
    if (!az_expr(z, s, n->arg, &arg, e))
        return false;
    size_t parts = qx_kind(arg) == QX_ROW ? arg->arg_count : 1;
    *out = parts ? NULL : az_const(z, T_BOOL, value_bool(true), 0);
    for (size_t i = 0; i < parts; i++) {
        Expr *x = node(z, n->negated ? EXPR_IS_NOT_NULL : EXPR_IS_NULL, T_BOOL, &n->n, 1);
        x->args[0] = qx_kind(arg) == QX_ROW ? arg->args[i] : arg;
        *out = az_and(z, *out, x);
    }
    return true;
}

static bool bool_test(Analyzer *z, Scope *s, const NTest *n, Expr **out, Err *e)
{
    static const char *const what[] = {"IS TRUE", "IS FALSE", "IS UNKNOWN"};
    ExprKind kind = n->n.kind == N_IS_TRUE    ? EXPR_IS_TRUE
                    : n->n.kind == N_IS_FALSE ? EXPR_IS_FALSE
                                              : EXPR_IS_UNKNOWN;
    Expr *arg;
    if (!az_expr_bool(z, s, n->arg, what[n->n.kind - N_IS_TRUE], &arg, e))
        return false;
    *out = node(z, kind, T_BOOL, &n->n, 1);
    (*out)->args[0] = arg;
    (*out)->negated = n->negated;
    return true;
}

static bool between_once(Analyzer *z, const NBetween *n, Expr *arg, Expr *low, Expr *high,
                         Expr **out, Err *e)
{
    Expr *a, *b;
    Arena *m = z->arena;
    if (!az_operator(z, &n->n, n->negated ? SLICE_LIT("<") : SLICE_LIT(">="), arg, low, &a, e) ||
        !az_operator(z, &n->n, n->negated ? SLICE_LIT(">") : SLICE_LIT("<="), qx_copy(m, arg), high,
                     &b, e))
        return false;
    *out = node(z, n->negated ? EXPR_OR : EXPR_AND, T_BOOL, &n->n, 2);
    (*out)->args[0] = a;
    (*out)->args[1] = b;
    return true;
}

static bool between(Analyzer *z, Scope *s, const NBetween *n, Expr **out, Err *e)
{
    Expr *arg, *low, *high, *one, *other;
    if (!az_expr(z, s, n->arg, &arg, e) || !az_expr(z, s, n->low, &low, e) ||
        !az_expr(z, s, n->high, &high, e))
        return false;
    if (!n->symmetric)
        return between_once(z, n, arg, low, high, out, e);
    Arena *m = z->arena;
    if (!between_once(z, n, arg, low, high, &one, e) ||
        !between_once(z, n, qx_copy(m, arg), qx_copy(m, high), qx_copy(m, low), &other, e))
        return false;
    *out = node(z, n->negated ? EXPR_AND : EXPR_OR, T_BOOL, &n->n, 2);
    (*out)->args[0] = one;
    (*out)->args[1] = other;
    return true;
}

/* ---- casts ---- */

static bool array_node(Analyzer *z, Scope *s, const NMulti *n, TypeId elem, Expr **out, Err *e);

static bool cast_node(Analyzer *z, Scope *s, const NCast *n, Expr **out, Err *e)
{
    TypeId to;
    int32_t typmod;
    Expr *x;
    if (!az_type(z, n->type, &to, &typmod, e))
        return false;
    TypeId elem = type_elem_of(to);
    const SqlNode *arg = n->arg;
    if (arg->kind == N_ARRAY && elem) {
        if (!array_node(z, s, (const NMulti *)arg, elem, &x, e))
            return false;
    } else if (!az_expr(z, s, arg, &x, e)) {
        return false;
    }
    if (!az_coerce(z, x, to, typmod, CAST_EXPLICIT, out, e)) {
        if (e->code == ERR_CANNOT_COERCE)
            e->position = az_position(z, n->n.offset);
        return false;
    }
    return true;
}

static bool collate_node(Analyzer *z, Scope *s, const NCollate *n, Expr **out, Err *e)
{
    static const char *const known[] = {"default", "C", "POSIX", "ucs_basic", "C.UTF-8", "C.utf8"};
    Slice name = ast_last_name(&n->names);
    if (!az_expr(z, s, n->arg, out, e))
        return false;
    Expr *x = *out;
    const TypeDef *t = type_find(x->type);
    if (x->type != T_UNKNOWN && t && t->category != 'S' && t->phys != PH_ARRAY) {
        Slice type = az_type_name(z, x->type, -1);
        return az_fail(z, &n->n, ERR_DATATYPE_MISMATCH, e,
                       "collations are not supported by type %.*s", SLICE_ARG(type));
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (slice_eq_cstr(name, known[i]))
            return true;
    az_fail(z, &n->n, ERR_UNDEFINED_OBJECT, e,
            "collation \"%.*s\" for encoding \"UTF8\" does not exist", SLICE_ARG(name));
    return err_hint(e, "Texts are ordered by their bytes, as by COLLATE \"C\".");
}

/* ---- CASE and its relatives ---- */

static bool case_node(Analyzer *z, Scope *s, const NCase *n, Expr **out, Err *e)
{
    size_t whens = n->whens.count;
    Expr *arg = NULL, *x = node(z, EXPR_CASE, T_TEXT, &n->n, whens * 2 + 1);
    /* the result that decides first is ELSE, as in PostgreSQL */
    Expr **results = ARENA_ARRAY(z->arena, Expr *, whens + 1);
    if (n->arg && (!az_expr(z, s, n->arg, &arg, e) || !az_resolve_unknown(z, &arg, e)))
        return false;
    for (size_t i = 0; i < whens; i++) {
        const NWhen *w = (const NWhen *)n->whens.items[i];
        Expr *cond;
        if (!arg) {
            if (!az_expr_bool(z, s, w->cond, "CASE/WHEN", &cond, e))
                return false;
        } else if (!az_expr(z, s, w->cond, &cond, e) ||
                   !az_operator(z, &w->n, SLICE_LIT("="), i ? qx_copy(z->arena, arg) : arg, cond,
                                &cond, e)) {
            return false;
        }
        x->args[i * 2] = cond;
        if (!az_expr(z, s, w->result, &results[i + 1], e))
            return false;
    }
    if (n->otherwise) {
        if (!az_expr(z, s, n->otherwise, &results[0], e))
            return false;
    } else {
        results[0] = az_const(z, T_UNKNOWN, value_null(), 0);
    }
    if (!az_common_type(z, results, whens + 1, "CASE", &x->type, e))
        return az_at(z, &n->n, e);
    for (size_t i = 0; i <= whens; i++)
        if (!az_coerce(z, results[i], x->type, -1, CAST_IMPLICIT,
                       &x->args[i ? i * 2 - 1 : whens * 2], e))
            return false;
    *out = x;
    return true;
}

static bool list_node(Analyzer *z, Scope *s, const NMulti *n, Expr **out, Err *e)
{
    static const struct {
        NodeKind from;
        ExprKind to;
        const char *what;
    } kinds[] = {{N_COALESCE, EXPR_COALESCE, "COALESCE"},
                 {N_GREATEST, EXPR_GREATEST, "GREATEST"},
                 {N_LEAST, EXPR_LEAST, "LEAST"}};
    size_t k = 0;
    while (kinds[k].from != n->n.kind)
        k++;
    Expr *x = node(z, kinds[k].to, T_TEXT, &n->n, n->args.count);
    for (size_t i = 0; i < n->args.count; i++)
        if (!az_expr(z, s, n->args.items[i], &x->args[i], e))
            return false;
    if (!az_common_type(z, x->args, x->arg_count, kinds[k].what, &x->type, e))
        return az_at(z, &n->n, e);
    for (size_t i = 0; i < x->arg_count; i++)
        if (!az_coerce(z, x->args[i], x->type, -1, CAST_IMPLICIT, &x->args[i], e))
            return false;
    *out = x;
    return true;
}

static bool nullif_node(Analyzer *z, Scope *s, const NMulti *n, Expr **out, Err *e)
{
    Expr *left, *right;
    const FuncDef *f;
    TypeId want[2], result;
    if (!az_expr(z, s, n->args.items[0], &left, e) || !az_expr(z, s, n->args.items[1], &right, e))
        return false;
    if (!oper_resolve(SLICE_LIT("="), left->type, right->type, &f, want, &result, e))
        return az_at(z, &n->n, e);
    Expr *x = node(z, EXPR_NULLIF, want[0], &n->n, 2);
    x->func = f;
    if (!az_coerce(z, left, want[0], -1, CAST_IMPLICIT, &x->args[0], e) ||
        !az_coerce(z, right, want[1], -1, CAST_IMPLICIT, &x->args[1], e))
        return false;
    x->type = x->args[0]->type;
    *out = x;
    return true;
}

/* ---- arrays, rows, subscripts ---- */

/* elem: 0 = the common type of the items. */
static bool array_node(Analyzer *z, Scope *s, const NMulti *n, TypeId elem, Expr **out, Err *e)
{
    Expr *x = node(z, EXPR_ARRAY, 0, &n->n, n->args.count);
    bool nested = n->args.count > 0 && n->args.items[0]->kind == N_ARRAY;
    for (size_t i = 0; i < n->args.count; i++) {
        const SqlNode *item = n->args.items[i];
        if (item->kind == N_ARRAY ? !array_node(z, s, (const NMulti *)item, elem, &x->args[i], e)
                                  : !az_expr(z, s, item, &x->args[i], e))
            return false;
    }
    if (n->args.count == 0 && !elem) {
        az_fail(z, &n->n, ERR_INDETERMINATE_TYPE, e, "cannot determine type of empty array");
        return err_hint(e, "Explicitly cast to the desired type, for example ARRAY[]::integer[].");
    }
    TypeId item = nested && elem ? type_array_of(elem) : elem;
    if (!item && !az_common_type(z, x->args, x->arg_count, "ARRAY", &item, e))
        return az_at(z, &n->n, e);
    if (item == T_UNKNOWN)
        item = T_TEXT;
    for (size_t i = 0; i < x->arg_count; i++)
        if (!az_coerce(z, x->args[i], item, -1, elem ? CAST_EXPLICIT : CAST_IMPLICIT, &x->args[i],
                       e))
            return false;
    x->type = az_array_of(item);
    if (!x->type) {
        Slice t = az_type_name(z, item, -1);
        return az_fail(z, &n->n, ERR_UNDEFINED_OBJECT, e,
                       "could not find array type for data type %.*s", SLICE_ARG(t));
    }
    *out = fold(z, x);
    return true;
}

TypeId az_array_of(TypeId item)
{
    const TypeDef *t = type_find(item);
    return t && t->category == 'A' && t->name[0] == '_' ? item : type_array_of(item);
}

static bool row_node(Analyzer *z, Scope *s, const NMulti *n, Expr **out, Err *e)
{
    Expr *x = node(z, (ExprKind)QX_ROW, T_RECORD, &n->n, 0);
    size_t cap = 0;
    for (size_t i = 0; i < n->args.count; i++) {
        const NColumn *c = (const NColumn *)n->args.items[i];
        Expr *arg;
        if (!az_expr(z, s, n->args.items[i], &arg, e))
            return false;
        bool star = c->n.kind == N_COLUMN && c->star; /* ROW(t.*, 1): its fields */
        size_t fields = star ? arg->arg_count : 1;
        for (size_t k = 0; k < fields; k++)
            *AZ_PUSH(z, x->args, x->arg_count, cap) = star ? arg->args[k] : arg;
    }
    if (x->arg_count > TARGETS_MAX)
        return az_fail(z, &n->n, ERR_TOO_MANY_COLUMNS, e,
                       "ROW expressions can have at most %d entries", TARGETS_MAX);
    *out = x;
    return true;
}

bool az_subscript_index(Analyzer *z, Scope *s, const SqlNode *n, Expr **out, Err *e)
{
    if (!az_expr(z, s, n, out, e))
        return false;
    if (az_coerce(z, *out, T_INT4, -1, CAST_ASSIGN, out, e))
        return true;
    if (e->code != ERR_CANNOT_COERCE && e->code != ERR_DATATYPE_MISMATCH)
        return false;
    return az_fail(z, n, ERR_DATATYPE_MISMATCH, e, "array subscript must have type integer");
}

/* [l:u], or [u] beside a slice, which is [1:u]; a bound that is left out is marked. */
static bool slice_bounds(Analyzer *z, Scope *s, const NSubscript *n, Expr *x, size_t dim, Err *e)
{
    const SqlNode *bounds[] = {n->lower, n->upper};
    Expr **args = x->args + 1 + dim * 2;
    if (!n->slice) {
        args[0] = az_const(z, T_INT4, value_i64(1), 0);
        return az_subscript_index(z, s, n->upper ? n->upper : n->lower, &args[1], e);
    }
    for (size_t k = 0; k < 2; k++) {
        args[k] = az_const(z, T_INT4, value_null(), 0);
        if (!bounds[k])
            x->index |= UINT32_C(1) << (dim * 2 + k);
        else if (!az_subscript_index(z, s, bounds[k], &args[k], e))
            return false;
    }
    return true;
}

/* A name is a fixed array of bytes, counted from 0: pg_dump looks at typname[0]. */
static bool name_byte(Analyzer *z, Scope *s, const NSubscript *n, Expr *name, Expr **out, Err *e)
{
    Expr *args[] = {name, NULL};
    return az_subscript_index(z, s, n->upper ? n->upper : n->lower, &args[1], e) &&
           az_call_named(z, &n->n, "name_byte", args, 2, out, e);
}

/* A key or the number of an item, as text; integers and what becomes one stay numbers before. */
bool az_jsonb_key(Analyzer *z, Scope *s, const NSubscript *n, Expr **out, bool *number, Err *e)
{
    const SqlNode *at = n->upper ? n->upper : n->lower;
    if (n->slice) {
        SqlNode begin = at ? az_begin(at) : n->n;
        return az_fail(z, &begin, ERR_DATATYPE_MISMATCH, e,
                       "jsonb subscript does not support slices");
    }
    if (!az_expr(z, s, at, out, e))
        return false;
    TypeId type = (*out)->type;
    *number = type == T_INT4 || (type != T_UNKNOWN && cast_exists(type, T_INT4, CAST_IMPLICIT));
    if (type != T_UNKNOWN && type != T_TEXT && !*number &&
        !cast_exists(type, T_TEXT, CAST_IMPLICIT)) {
        Slice name = az_type_name(z, type, -1);
        SqlNode begin = az_begin(at);
        az_fail(z, &begin, ERR_DATATYPE_MISMATCH, e, "subscript type %.*s is not supported",
                SLICE_ARG(name));
        return err_hint(e, "jsonb subscript must be coercible to either integer or text.");
    }
    return az_coerce(z, *out, T_TEXT, -1, CAST_EXPLICIT, out, e);
}

/* j['a'][1] is what the path a, 1 finds. */
static bool jsonb_subscript(Analyzer *z, Scope *s, const NodeList *steps, size_t *at, Expr *json,
                            Expr **out, Err *e)
{
    const SqlNode *first = steps->items[*at];
    Expr *args[FUNC_ARGS_MAX] = {json};
    bool number;
    size_t n = 1;
    for (; *at < steps->count && steps->items[*at]->kind == N_SUBSCRIPT; ++*at) {
        if (n == FUNC_ARGS_MAX)
            return az_fail(z, first, ERR_PROGRAM_LIMIT, e, "more than %d subscripts",
                           FUNC_ARGS_MAX - 1);
        if (!az_jsonb_key(z, s, (const NSubscript *)steps->items[*at], &args[n++], &number, e))
            return false;
    }
    if (!az_call_named(z, first, "jsonb_extract_path", args, n, out, e))
        return false;
    (*out)->position = json->position;
    return true;
}

/* a[1][2] is one step into a two-dimensional array: *at moves behind the subscripts in a row. */
static bool subscript(Analyzer *z, Scope *s, const NodeList *steps, size_t *at, Expr *array,
                      Expr **out, Err *e)
{
    TypeId elem = type_elem_of(array->type);
    size_t count = 0;
    bool slice = false;
    if (array->type == T_NAME && !((const NSubscript *)steps->items[*at])->slice)
        return name_byte(z, s, (const NSubscript *)steps->items[(*at)++], array, out, e);
    if (array->type == T_JSONB)
        return jsonb_subscript(z, s, steps, at, array, out, e);
    if (!elem) {
        Slice t = az_type_name(z, array->type, -1);
        err_set(e, ERR_DATATYPE_MISMATCH,
                "cannot subscript type %.*s because it does not support subscripting",
                SLICE_ARG(t));
        err_at(e, array->position);
        return az_at(z, steps->items[*at], e);
    }
    for (; *at + count < steps->count && steps->items[*at + count]->kind == N_SUBSCRIPT; count++)
        slice |= ((const NSubscript *)steps->items[*at + count])->slice;
    if (count > SUBSCRIPTS_MAX)
        return az_fail(z, steps->items[*at], ERR_PROGRAM_LIMIT, e,
                       "number of array dimensions (%zu) exceeds the maximum allowed (%d)", count,
                       SUBSCRIPTS_MAX);
    Expr *x = node(z, slice ? EXPR_SLICE : EXPR_SUBSCRIPT, slice ? array->type : elem,
                   steps->items[*at], (slice ? count * 2 : count) + 1);
    x->args[0] = array;
    for (size_t i = 0; i < count; i++, ++*at) {
        const NSubscript *n = (const NSubscript *)steps->items[*at];
        if (slice ? !slice_bounds(z, s, n, x, i, e)
                  : !az_subscript_index(z, s, n->upper ? n->upper : n->lower, &x->args[i + 1], e))
            return false;
    }
    *out = x;
    return true;
}

/* (x).field: only of what information_schema._pg_expandarray gives: its columns are named "x.field"
 * beside the column itself. */
static bool field(Analyzer *z, const NLiteral *name, Expr *x, Expr **out, Err *e)
{
    for (size_t i = 0; qx_kind(x) == QX_ROW && x->value.u.arr && i < x->arg_count; i++) {
        if (slice_eq(x->value.u.arr->items[i].u.str, name->text)) {
            *out = x->args[i];
            return true;
        }
    }
    if (qx_kind(x) == QX_ROW && x->negated) { /* the call itself: x, n */
        *out = slice_eq_cstr(name->text, "x")   ? x->args[0]
               : slice_eq_cstr(name->text, "n") ? x->args[1]
                                                : NULL;
        if (*out)
            return true;
    }
    if (x->kind == EXPR_COLUMN && x->type == T_RECORD) {
        const VarInfo *v = &z->vars[x->index];
        Slice want = arena_printf(z->arena, "%.*s.%.*s", SLICE_ARG(v->rte->cols[v->col].name),
                                  SLICE_ARG(name->text));
        for (size_t i = 0; i < v->rte->col_count; i++) {
            if (slice_eq(v->rte->cols[i].name, want) && v->rte->cols[i].hidden) {
                *out = az_var(z, v->rte, i, x->position);
                return true;
            }
        }
    }
    if (qx_kind(x) == QX_ROW && x->index && x->args[0]->kind == EXPR_COLUMN) {
        err_set(e, ERR_UNDEFINED_COLUMN, "column %.*s.%.*s does not exist",
                SLICE_ARG(z->vars[x->args[0]->index].rte->name), SLICE_ARG(name->text));
        return err_at(e, x->position);
    }
    Slice t = az_type_name(z, x->type, -1);
    err_set(e, ERR_WRONG_OBJECT,
            "column notation .%.*s applied to type %.*s, which is not a composite type",
            SLICE_ARG(name->text), SLICE_ARG(t));
    err_at(e, x->position);
    return az_at(z, &name->n, e);
}

static bool indirect(Analyzer *z, Scope *s, const NIndirect *n, Expr **out, Err *e)
{
    Expr *x;
    if (!az_expr(z, s, n->arg, &x, e))
        return false;
    for (size_t i = 0; i < n->steps.count;) {
        const SqlNode *step = n->steps.items[i];
        if (step->kind == N_SUBSCRIPT) {
            if (x->type == T_UNKNOWN && x->kind == EXPR_CONST) {
                err_set(e, ERR_DATATYPE_MISMATCH,
                        "cannot subscript type unknown because it does not support subscripting");
                return err_at(e, x->position);
            }
            if (!az_resolve_unknown(z, &x, e) || !subscript(z, s, &n->steps, &i, x, &x, e))
                return false;
            continue;
        }
        if (step->kind != N_NAME)
            return az_fail(z, step, ERR_FEATURE_NOT_SUPPORTED, e,
                           "row expansion via \"*\" is not supported here");
        if (!field(z, (const NLiteral *)step, x, &x, e))
            return false;
        i++;
    }
    *out = x;
    return true;
}

/* ---- dispatch ---- */

bool az_expr(Analyzer *z, Scope *s, const SqlNode *n, Expr **out, Err *e)
{
    if (!az_in_limits(z, n, e))
        return false;
    switch (n->kind) {
    case N_NULL:
        *out = az_const(z, T_UNKNOWN, value_null(), az_position(z, n->offset));
        return true;
    case N_BOOL:
        *out =
            az_const(z, T_BOOL, value_bool(((const NLiteral *)n)->flag), az_position(z, n->offset));
        return true;
    case N_INTEGER:
    case N_NUMERIC:
        return number(z, (const NLiteral *)n, out, e);
    case N_STRING:
        *out = az_const(z, T_UNKNOWN, value_str(((const NLiteral *)n)->text),
                        az_position(z, n->offset));
        return true;
    case N_BITS:
    case N_HEX:
        return az_fail(z, n, ERR_FEATURE_NOT_SUPPORTED, e, "bit strings are not supported");
    case N_PARAM:
        return param(z, (const NParam *)n, out, e);
    case N_COLUMN:
        return az_column(z, s, (const NColumn *)n, out, e);
    case N_OP:
        return operator_node(z, s, (const NOp *)n, out, e);
    case N_IS_DISTINCT:
        return distinct_from(z, s, (const NOp *)n, out, e);
    case N_AND:
    case N_OR:
        return logic(z, s, (const NMulti *)n, out, e);
    case N_NOT:
        return not_node(z, s, (const NTest *)n, out, e);
    case N_IS_NULL:
        return null_test(z, s, (const NTest *)n, out, e);
    case N_IS_TRUE:
    case N_IS_FALSE:
    case N_IS_UNKNOWN:
        return bool_test(z, s, (const NTest *)n, out, e);
    case N_IN:
        return az_in(z, s, (const NIn *)n, out, e);
    case N_QUANTIFIED:
        return az_quantified(z, s, (const NQuantified *)n, out, e);
    case N_BETWEEN:
        return between(z, s, (const NBetween *)n, out, e);
    case N_FUNC:
        return az_func(z, s, (const NFunc *)n, out, e);
    case N_VALUE_FUNC:
        return az_value_func(z, (const NLiteral *)n, out, e);
    case N_CAST:
        return cast_node(z, s, (const NCast *)n, out, e);
    case N_CASE:
        return case_node(z, s, (const NCase *)n, out, e);
    case N_COALESCE:
    case N_GREATEST:
    case N_LEAST:
        return list_node(z, s, (const NMulti *)n, out, e);
    case N_NULLIF:
        return nullif_node(z, s, (const NMulti *)n, out, e);
    case N_ARRAY:
        return array_node(z, s, (const NMulti *)n, 0, out, e);
    case N_ROW:
        return row_node(z, s, (const NMulti *)n, out, e);
    case N_SUBLINK:
        return az_sublink(z, s, (const NSublink *)n, out, e);
    case N_INDIRECT:
        return indirect(z, s, (const NIndirect *)n, out, e);
    case N_COLLATE:
        return collate_node(z, s, (const NCollate *)n, out, e);
    case N_DEFAULT:
        return az_fail(z, n, ERR_SYNTAX, e, "DEFAULT is not allowed in this context");
    case N_GROUPING:
        return az_grouping(z, s, (const NMulti *)n, out, e);
    default:
        return az_fail(z, n, ERR_INTERNAL, e, "no expression: node %d", n->kind);
    }
}

bool az_expr_bool(Analyzer *z, Scope *s, const SqlNode *n, const char *what, Expr **out, Err *e)
{
    return az_expr(z, s, n, out, e) && az_coerce_to_bool(z, n, what, out, e);
}
