/* promql/check.c - types, arguments and matchers of a tree; the texts are Prometheus'. */
#include "base/regex.h"
#include "promql/parse_private.h"

const char *pql_type_text(PqlType t)
{
    static const char *const text[] = {"none", "scalar", "string", "instant vector",
                                       "range vector"};
    return text[t];
}

const char *pql_op_text(PqlOp op)
{
    static const char *const text[] = {"+", "-",  "*", "/",  "%",   "^",  "atan2",  "==", "!=",
                                       "<", "<=", ">", ">=", "and", "or", "unless", "</", ">/"};
    return text[op];
}

const char *pql_agg_text(PqlAgg agg)
{
    static const char *const text[] = {
        "sum",    "avg",  "count",   "min",      "max",          "group",  "stddev",
        "stdvar", "topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio"};
    return text[agg];
}

static void expect(PqlParse *ps, const PqlExpr *x, PqlType want, const char *where)
{
    if (x->type != want)
        pql_fail(ps, x->begin, "expected type %s in %s, got %s", pql_type_text(want), where,
                 pql_type_text(x->type));
}

/* As Go tells it, which sees the expression with its anchors around it. */
static void bad_regex(PqlParse *ps, const PqlLabelMatch *m, const char *why)
{
    static const char prefix[] = "invalid regular expression: ";
    size_t skip = strncmp(why, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
    int len = (int)strlen(why + skip);
    if (strcmp(why + skip, "missing closing parenthesis") == 0)
        pql_fail(ps, m->begin, "error parsing regexp: missing closing ): `^(?s:%.*s)$`",
                 SLICE_ARG(m->value));
    else if (strcmp(why + skip, "unmatched closing parenthesis") == 0)
        pql_fail(ps, m->begin, "error parsing regexp: unexpected ): `^(?s:%.*s)$`",
                 SLICE_ARG(m->value));
    else if (strncmp(why + skip, "missing closing ]", 17) == 0 && len > 0)
        pql_fail(ps, m->begin, "error parsing regexp: %.*s)$`", len - 1, why + skip);
    else
        pql_fail(ps, m->begin, "error parsing regexp: %s", why + skip);
}

/* *empty: the matcher accepts a series without the label. */
static bool check_match(PqlParse *ps, const PqlLabelMatch *m, bool *empty)
{
    Regex *re;
    Err why;
    switch (m->op) {
    case PM_EQ:
        *empty = m->value.len == 0;
        return true;
    case PM_NE:
        *empty = m->value.len > 0;
        return true;
    case PM_RE:
    case PM_NRE:
        break;
    }
    err_clear(&why);
    if (!regex_compile(&re, m->value, REGEX_RE2, 0, &why)) {
        bad_regex(ps, m, why.message);
        return false;
    }
    *empty = regex_matches_empty(re) == (m->op == PM_RE);
    regex_free(re);
    return true;
}

bool pql_takes_empty(PqlParse *ps, const PqlExpr *x, bool *all)
{
    bool empty;
    *all = true;
    for (size_t i = 0; i < x->match_count; i++) {
        if (!check_match(ps, &x->matches[i], &empty))
            return false;
        *all &= empty;
    }
    return true;
}

static void check_selector(PqlParse *ps, PqlExpr *x)
{
    bool all;
    if (!pql_takes_empty(ps, x, &all))
        return;
    if (all && !x->matchers_only)
        pql_fail(ps, x->begin, "vector selector must contain at least one non-empty matcher");
    x->type = PQL_VECTOR;
}

static void check_call(PqlParse *ps, PqlExpr *x)
{
    const PqlFunction *f = x->func;
    if (f->flags & PF_EXPERIMENTAL && !pql_feature(ps->features, "promql-experimental-functions"))
        pql_fail(ps, x->begin, "function \"%s\" is not enabled", f->name);
    size_t most = f->arg_count, least = most - (size_t)(f->optional < 0 ? 1 : f->optional);
    x->type = f->result;
    if (f->optional == 0 && x->arg_count != most) {
        pql_fail(ps, x->begin, "expected %zu argument(s) in call to \"%s\", got %zu", most, f->name,
                 x->arg_count);
    } else if (x->arg_count < least) {
        pql_fail(ps, x->begin, "expected at least %zu argument(s) in call to \"%s\", got %zu",
                 least, f->name, x->arg_count);
    } else if (f->optional > 0 && x->arg_count > most) {
        pql_fail(ps, x->begin, "expected at most %zu argument(s) in call to \"%s\", got %zu", most,
                 f->name, x->arg_count);
    }
    for (size_t i = 0; i < x->arg_count && !ps->failed; i++) {
        PqlType want = f->args[i < f->arg_count ? i : f->arg_count - 1u];
        if (x->args[i]->type != want)
            pql_fail(ps, x->args[i]->begin, "expected type %s in call to function \"%s\", got %s",
                     pql_type_text(want), f->name, pql_type_text(x->args[i]->type));
    }
}

static void check_aggregate(PqlParse *ps, PqlExpr *x)
{
    x->type = PQL_VECTOR;
    expect(ps, x->args[0], PQL_VECTOR, "aggregation expression");
    if (x->arg_count == 2)
        expect(ps, x->args[1], x->agg == PA_COUNT_VALUES ? PQL_STRING : PQL_SCALAR,
               "aggregation parameter");
}

static bool is_value(PqlType t)
{
    return t == PQL_SCALAR || t == PQL_VECTOR;
}

static void check_matching(PqlParse *ps, const PqlExpr *x, bool vectors)
{
    for (size_t i = 0; x->on && i < x->matching.count; i++)
        for (size_t k = 0; k < x->include.count; k++)
            if (slice_eq(x->matching.names[i], x->include.names[k]))
                pql_fail(ps, x->op_begin,
                         "label \"%.*s\" must not occur in ON and GROUP clause at once",
                         SLICE_ARG(x->matching.names[i]));
    bool fills = x->fill.left || x->fill.right;
    if (!vectors) {
        if (x->matching.count)
            pql_fail(ps, x->begin, "vector matching only allowed between instant vectors");
        if (fills)
            pql_fail(ps, x->begin,
                     "filling in missing series only allowed between instant vectors");
    } else if (pql_op_is_set(x->op)) {
        if (x->card != PC_ONE_TO_ONE)
            pql_fail(ps, x->begin, "no grouping allowed for \"%s\" operation", pql_op_text(x->op));
        if (fills)
            pql_fail(ps, x->begin, "filling in missing series not allowed for set operators");
    }
}

static void check_binary(PqlParse *ps, PqlExpr *x)
{
    PqlType l = x->args[0]->type, r = x->args[1]->type;
    bool scalars = l == PQL_SCALAR && r == PQL_SCALAR;
    x->type = scalars ? PQL_SCALAR : PQL_VECTOR;
    if (x->return_bool && !pql_op_compares(x->op))
        pql_fail(ps, x->op_begin, "bool modifier can only be used on comparison operators");
    if (pql_op_compares(x->op) && !x->return_bool && scalars)
        pql_fail(ps, x->op_begin, "comparisons between scalars must use BOOL modifier");
    if (pql_op_trims(x->op) && scalars)
        pql_fail(ps, x->op_begin, "operator \"%s\" not allowed for Scalar operations",
                 pql_op_text(x->op));
    for (size_t i = 0; i < 2; i++)
        if (!is_value(x->args[i]->type))
            pql_fail(ps, x->args[i]->begin,
                     "binary expression must contain only scalar and instant vector types");
    check_matching(ps, x, l == PQL_VECTOR && r == PQL_VECTOR);
    if (pql_op_is_set(x->op) && (l == PQL_SCALAR || r == PQL_SCALAR))
        pql_fail(ps, x->begin, "set operator \"%s\" not allowed in binary scalar expression",
                 pql_op_text(x->op));
}

static void check_node(PqlParse *ps, PqlExpr *x)
{
    switch (x->kind) {
    case PX_NUMBER:
        x->type = PQL_SCALAR;
        return;
    case PX_STRING:
        x->type = PQL_STRING;
        return;
    case PX_VECTOR:
        check_selector(ps, x);
        return;
    case PX_MATRIX:
        x->type = PQL_MATRIX;
        return;
    case PX_SUBQUERY:
        x->type = PQL_MATRIX;
        if (x->args[0]->type != PQL_VECTOR)
            pql_fail(ps, x->begin, "subquery is only allowed on instant vector, got %s instead",
                     x->args[0]->type == PQL_MATRIX ? "matrix" : pql_type_text(x->args[0]->type));
        return;
    case PX_CALL:
        check_call(ps, x);
        return;
    case PX_AGGREGATE:
        check_aggregate(ps, x);
        return;
    case PX_BINARY:
        check_binary(ps, x);
        return;
    case PX_UNARY:
        x->type = x->args[0]->type;
        if (!is_value(x->type))
            pql_fail(ps, x->begin,
                     "unary expression only allowed on expressions of type scalar or instant "
                     "vector, got \"%s\"",
                     pql_type_text(x->type));
        return;
    case PX_PAREN:
        x->type = x->args[0]->type;
        return;
    }
}

/* Numbers, arithmetic, step(), range(), min_of(), max_of(): nothing that has series. */
static void check_duration(PqlParse *ps, PqlExpr *x)
{
    bool ok =
        x->kind == PX_NUMBER || x->kind == PX_PAREN || x->kind == PX_UNARY ||
        (x->kind == PX_BINARY && x->op <= PO_POW && !x->has_matching && !x->return_bool) ||
        (x->kind == PX_CALL && x->func->flags & PF_DURATION && x->arg_count == x->func->arg_count);
    if (!ok)
        pql_fail(ps, x->begin, "expected number literal or duration expression");
    x->type = PQL_SCALAR;
    for (size_t i = 0; i < x->arg_count && !ps->failed; i++)
        check_duration(ps, x->args[i]);
}

static void check_matchers(PqlParse *ps, PqlExpr *call)
{
    PqlExpr *x = call->args[1];
    if (x->kind != PX_VECTOR)
        return; /* the type tells, or: */
    if (x->metric.len)
        pql_fail(ps, x->begin, "expected label selectors only, got vector selector instead");
    x->matchers_only = true;
}

/* Recursion is bounded: the constructors refuse trees deeper than PQL_DEPTH_MAX. */
bool pql_check(PqlParse *ps, PqlExpr *x)
{
    bool matchers = x->kind == PX_CALL && x->func->flags & PF_MATCHERS && x->arg_count > 1;
    if (matchers)
        check_matchers(ps, x);
    for (size_t i = 0; i < x->arg_count && !ps->failed; i++)
        if (!pql_check(ps, x->args[i]))
            return false;
    if (matchers && !ps->failed && x->args[1]->type == PQL_VECTOR && !x->args[1]->matchers_only)
        pql_fail(ps, x->args[1]->begin,
                 "expected label selectors only, got vector selector instead");
    PqlExpr *durations[] = {x->range_expr, x->step_expr, x->offset_expr};
    for (size_t i = 0; i < ARRAY_LEN(durations) && !ps->failed; i++)
        if (durations[i])
            check_duration(ps, durations[i]);
    if (!ps->failed)
        check_node(ps, x);
    return !ps->failed;
}
