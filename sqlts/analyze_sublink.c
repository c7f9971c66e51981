/* sqlts/analyze_sublink.c - subqueries in expressions, IN, op ANY/ALL, row comparison. */
#include "sqlts/analyze.h"

typedef struct SameOut {
    const Rte *from, *to;
} SameOut;

static bool rename_out(void *arg, Expr **slot)
{
    const SameOut *m = arg;
    uint32_t first = m->from->first_var;
    if ((*slot)->kind == EXPR_COLUMN && (*slot)->index >= first &&
        (*slot)->index < first + m->from->col_count)
        (*slot)->index += m->to->first_var - first;
    return false;
}

/* Its test calls the columns what the first subquery that says the same calls them. */
static void share_names(Analyzer *z, Sublink *l, uint32_t index, Expr *test)
{
    l->same_as = query_sublink_class(z, l, index);
    if (l->same_as == index || !test)
        return;
    qx_walk(&test, rename_out, &(SameOut){l->out, z->sublinks[l->same_as].out});
    l->out = z->sublinks[l->same_as].out;
}

static Expr *sublink_node(Analyzer *z, const SqlNode *at, ApplyMode mode, Query *q, TypeId type,
                          Expr *test, Rte *out)
{
    uint32_t index = (uint32_t)z->sublink_count;
    Sublink l = {.mode = mode, .query = q, .out = out, .type = type};
    share_names(z, &l, index, test);
    *AZ_PUSH(z, z->sublinks, z->sublink_count, z->sublink_cap) = l;
    Expr *x = expr_new(z->arena, (ExprKind)QX_SUBLINK, type, test ? 1 : 0);
    x->index = index;
    x->value = value_i64(l.same_as);
    x->position = az_position(z, at->offset);
    x->typmod = -1;
    if (test)
        x->args[0] = test;
    return x;
}

static bool one_column(Analyzer *z, const SqlNode *at, const Query *q, Err *e)
{
    if (q->visible_count == 1)
        return true;
    return az_fail(z, at, ERR_SYNTAX, e, "subquery must return only one column");
}

static bool subquery(Analyzer *z, Scope *s, const NSelect *n, Query **q, Err *e)
{
    const char *no_self = z->no_self;
    z->no_self = "within a subquery";
    bool ok = az_select(z, s, n, 0, q, e);
    z->no_self = no_self;
    return ok;
}

bool az_sublink(Analyzer *z, Scope *s, const NSublink *n, Expr **out, Err *e)
{
    Query *q;
    if (n->query->into)
        return az_fail(z, &n->query->into->n, ERR_SYNTAX, e, "SELECT ... INTO is not allowed here");
    if (!subquery(z, s, n->query, &q, e))
        return false;
    if (n->form == SUB_EXISTS) {
        *out = sublink_node(z, &n->n, APPLY_EXISTS, q, T_BOOL, NULL, NULL);
        return true;
    }
    if (!one_column(z, &n->n, q, e))
        return false;
    TypeId type = q->cols[0].type;
    if (n->form == SUB_ARRAY) {
        TypeId array = az_array_of(type);
        if (!array) {
            Slice t = az_type_name(z, type, -1);
            return az_fail(z, &n->n, ERR_UNDEFINED_OBJECT, e,
                           "could not find array type for data type %.*s", SLICE_ARG(t));
        }
        *out = sublink_node(z, &n->n, APPLY_ARRAY, q, array, NULL, NULL);
        return true;
    }
    *out = sublink_node(z, &n->n, APPLY_SCALAR, q, type, NULL, NULL);
    (*out)->typmod = q->cols[0].typmod;
    return true;
}

/* ---- rows ---- */

static bool compare_fields(Analyzer *z, const SqlNode *at, const char *op, const Expr *left,
                           const Expr *right, size_t i, Expr **out, Err *e)
{
    return az_operator(z, at, slice_cstr(op), qx_copy(z->arena, left->args[i]),
                       qx_copy(z->arena, right->args[i]), out, e);
}

static Expr *either(Analyzer *z, ExprKind kind, Expr *a, Expr *b)
{
    if (!a || !b)
        return a ? a : b;
    Expr *x = expr_new(z->arena, kind, T_BOOL, 2);
    x->typmod = -1;
    x->args[0] = a;
    x->args[1] = b;
    return x;
}

/* (a, b) < (c, d) is a < c OR (a = c AND b < d); the last field takes the operator itself. */
static bool ordered_rows(Analyzer *z, const SqlNode *at, Slice op, Expr *left, Expr *right,
                         Expr **out, Err *e)
{
    const char *strict = op.ptr[0] == '<' ? "<" : ">";
    size_t n = left->arg_count;
    char last[3] = {op.ptr[0], op.len > 1 ? '=' : 0, 0};
    Expr *result = NULL;
    for (size_t i = n; i-- > 0;) {
        Expr *less, *equal;
        if (!compare_fields(z, at, i + 1 == n ? last : strict, left, right, i, &less, e))
            return false;
        if (result) {
            if (!compare_fields(z, at, "=", left, right, i, &equal, e))
                return false;
            result = either(z, EXPR_OR, less, either(z, EXPR_AND, equal, result));
        } else {
            result = less;
        }
    }
    *out = result;
    return true;
}

bool az_row_compare(Analyzer *z, const SqlNode *at, Slice op, Expr *left, Expr *right, Expr **out,
                    Err *e)
{
    if (left->arg_count != right->arg_count)
        return az_fail(z, at, ERR_SYNTAX, e, "unequal number of entries in row expressions");
    if (left->arg_count == 0)
        return az_fail(z, at, ERR_FEATURE_NOT_SUPPORTED, e, "cannot compare rows of zero length");
    bool equal = slice_eq_cstr(op, "="), differ = slice_eq_cstr(op, "<>");
    if (!equal && !differ) {
        if (slice_eq_cstr(op, "<") || slice_eq_cstr(op, "<=") || slice_eq_cstr(op, ">") ||
            slice_eq_cstr(op, ">="))
            return ordered_rows(z, at, op, left, right, out, e);
        az_fail(z, at, ERR_FEATURE_NOT_SUPPORTED, e,
                "could not determine interpretation of row comparison operator %.*s",
                SLICE_ARG(op));
        return err_hint(
            e, "Row comparison operators must be associated with btree operator families.");
    }
    *out = NULL;
    for (size_t i = 0; i < left->arg_count; i++) {
        Expr *x;
        if (!compare_fields(z, at, equal ? "=" : "<>", left, right, i, &x, e))
            return false;
        *out = equal ? az_and(z, *out, x) : either(z, EXPR_OR, *out, x);
    }
    return true;
}

/* ---- IN ---- */

/* The columns of a subquery as the test sees them. */
static Expr *output_row(Analyzer *z, Query *q, Rte **rte, int position)
{
    Rte *r = az_new_rte(z, RTE_COMPUTED, SLICE_LIT("subquery"), q->visible_count);
    r->sublink_output = true;
    Expr *row = expr_new(z->arena, (ExprKind)QX_ROW, T_RECORD, q->visible_count);
    for (size_t i = 0; i < q->visible_count; i++) {
        r->cols[i] =
            (RteCol){.name = q->cols[i].name, .type = q->cols[i].type, .typmod = q->cols[i].typmod};
        row->args[i] = az_var(z, r, i, position);
    }
    *rte = r;
    return row->arg_count == 1 ? row->args[0] : row;
}

/* left op ANY|ALL (subquery) */
static bool quantified_query(Analyzer *z, Scope *s, const SqlNode *at, Expr *left, Slice op,
                             bool all, const NSelect *n, Expr **out, Err *e)
{
    Query *q;
    Rte *rte;
    Expr *test;
    if (!subquery(z, s, n, &q, e))
        return false;
    size_t width = qx_kind(left) == QX_ROW ? left->arg_count : 1;
    if (q->visible_count != width)
        return az_fail(z, at, ERR_SYNTAX, e, "subquery has too %s columns",
                       q->visible_count > width ? "many" : "few");
    Expr *right = output_row(z, q, &rte, az_position(z, at->offset));
    if (!az_operator(z, at, op, left, right, &test, e) ||
        !az_coerce_to_bool(z, at, all ? "ALL" : "ANY", &test, e))
        return false;
    *out = sublink_node(z, at, all ? APPLY_ALL : APPLY_IN, q, T_BOOL, test, rte);
    return true;
}

static Expr *negate(Analyzer *z, Expr *x, bool negated)
{
    if (!negated)
        return x;
    Expr *n = expr_new(z->arena, EXPR_NOT, T_BOOL, 1);
    n->args[0] = x;
    n->typmod = -1;
    n->position = x->position;
    return n;
}

/* Items that share no type with the left side are compared one by one. */
static bool in_as_or(Analyzer *z, const NIn *n, Expr *left, Expr **items, Expr **out, Err *e)
{
    Expr *x = expr_new(z->arena, n->negated ? EXPR_AND : EXPR_OR, T_BOOL, n->items.count);
    x->typmod = -1;
    for (size_t i = 0; i < n->items.count; i++)
        if (!az_in_limits(z, n->items.items[i], e) ||
            !az_operator(z, &n->n, n->negated ? SLICE_LIT("<>") : SLICE_LIT("="),
                         qx_copy(z->arena, left), items[i], &x->args[i], e))
            return false;
    *out = x->arg_count == 1 ? x->args[0] : x;
    return true;
}

static bool in_list(Analyzer *z, const NIn *n, Expr *left, Expr **items, Expr **out, Err *e)
{
    size_t count = n->items.count;
    Expr **all = ARENA_ARRAY(z->arena, Expr *, count + 1);
    TypeId common;
    Err ignored;
    all[0] = left;
    memcpy(all + 1, items, count * sizeof *items);
    err_clear(&ignored);
    if (count == 1 || !az_common_type(z, all, count + 1, "IN", &common, &ignored))
        return in_as_or(z, n, left, items, out, e);
    const FuncDef *f;
    TypeId want[2], result;
    if (!oper_resolve(SLICE_LIT("="), left->type, common, &f, want, &result, e))
        return az_at(z, &n->n, e);
    Expr *x = expr_new(z->arena, EXPR_IN_LIST, T_BOOL, count + 1);
    x->func = f;
    x->negated = n->negated;
    x->typmod = -1;
    x->position = az_position(z, n->n.offset);
    for (size_t i = 0; i <= count; i++)
        if (!az_coerce(z, all[i], want[i > 0], -1, CAST_IMPLICIT, &x->args[i], e))
            return false;
    *out = x;
    return true;
}

bool az_in(Analyzer *z, Scope *s, const NIn *n, Expr **out, Err *e)
{
    Expr *left;
    if (!az_expr(z, s, n->left, &left, e))
        return false;
    if (n->query) {
        if (!quantified_query(z, s, &n->n, left, SLICE_LIT("="), false, n->query, out, e))
            return false;
        *out = negate(z, *out, n->negated);
        return true;
    }
    Expr **items = ARENA_ARRAY(z->arena, Expr *, n->items.count);
    bool rows = qx_kind(left) == QX_ROW;
    for (size_t i = 0; i < n->items.count; i++) {
        if (!az_expr(z, s, n->items.items[i], &items[i], e))
            return false;
        rows |= qx_kind(items[i]) == QX_ROW;
    }
    return rows ? in_as_or(z, n, left, items, out, e) : in_list(z, n, left, items, out, e);
}

/* ---- op ANY | ALL ---- */

/* left op ANY|ALL (array) */
static bool quantified_array(Analyzer *z, const NQuantified *n, Expr *left, Expr *array, Expr **out,
                             Err *e)
{
    if (array->type == T_UNKNOWN) {
        TypeId of = type_array_of(left->type == T_UNKNOWN ? T_TEXT : left->type);
        if (!of || !az_coerce(z, array, of, -1, CAST_IMPLICIT, &array, e))
            return of ? false
                      : az_fail(z, &n->n, ERR_WRONG_OBJECT, e,
                                "op ANY/ALL (array) requires array on right side");
    }
    TypeId elem = type_elem_of(array->type);
    if (!elem)
        return az_fail(z, &n->n, ERR_WRONG_OBJECT, e,
                       "op ANY/ALL (array) requires array on right side");
    const FuncDef *f;
    TypeId want[2], result;
    if (!oper_resolve(n->op, left->type, elem, &f, want, &result, e))
        return az_at(z, &n->n, e);
    if (result != T_BOOL)
        return az_fail(z, &n->n, ERR_WRONG_OBJECT, e,
                       "op ANY/ALL (array) requires operator to yield boolean");
    Expr *x = expr_new(z->arena, n->all ? EXPR_ALL_ARRAY : EXPR_ANY_ARRAY, T_BOOL, 2);
    x->func = f;
    x->typmod = -1;
    x->position = az_position(z, n->n.offset);
    if (!az_coerce(z, left, want[0], -1, CAST_IMPLICIT, &x->args[0], e))
        return false;
    TypeId to = want[1] == elem || want[1] == T_ANYELEMENT || want[1] == T_ANY
                    ? array->type
                    : type_array_of(want[1]);
    *out = x;
    return az_coerce(z, array, to ? to : array->type, -1, CAST_IMPLICIT, &x->args[1], e);
}

bool az_quantified(Analyzer *z, Scope *s, const NQuantified *n, Expr **out, Err *e)
{
    Expr *left, *array;
    if (!az_expr(z, s, n->left, &left, e))
        return false;
    if (n->query)
        return quantified_query(z, s, &n->n, left, n->op, n->all, n->query, out, e);
    return az_expr(z, s, n->right, &array, e) && quantified_array(z, n, left, array, out, e);
}
