/* promql/ast_json.c - parse_query: the tree as JSON, as Prometheus' user interface reads it. */
#include "promql/eval_private.h"

static void put_node(Buf *b, const PqlExpr *x);

static void put_names(Buf *b, const char *key, const PqlNames *n)
{
    buf_printf(b, ",\"%s\":[", key);
    for (size_t i = 0; i < n->count; i++) {
        if (i)
            buf_puts(b, ",");
        buf_put_json(b, n->names[i]);
    }
    buf_puts(b, "]");
}

static void put_bool(Buf *b, const char *key, bool v)
{
    buf_printf(b, ",\"%s\":%s", key, v ? "true" : "false");
}

static void put_child(Buf *b, const char *key, const PqlExpr *x)
{
    buf_printf(b, ",\"%s\":", key);
    if (x)
        put_node(b, x);
    else
        buf_puts(b, "null");
}

static void put_fill(Buf *b, const char *key, bool set, double v)
{
    buf_printf(b, "\"%s\":", key);
    if (set && isfinite(v))
        buf_put_f64(b, v);
    else
        buf_puts(b, "null");
}

static void put_matching(Buf *b, const PqlExpr *x)
{
    static const char *const cards[] = {"one-to-one", "many-to-one", "one-to-many"};
    if (x->args[0]->type != PQL_VECTOR || x->args[1]->type != PQL_VECTOR) {
        buf_puts(b, ",\"matching\":null");
        return;
    }
    buf_printf(b, ",\"matching\":{\"card\":\"%s\"",
               pql_op_is_set(x->op) ? "many-to-many" : cards[x->card]);
    put_names(b, "labels", &x->matching);
    put_bool(b, "on", x->on);
    put_names(b, "include", &x->include);
    buf_puts(b, ",\"fillValues\":{");
    put_fill(b, "lhs", x->fill.left, x->fill.left_value);
    buf_puts(b, ",");
    put_fill(b, "rhs", x->fill.right, x->fill.right_value);
    buf_puts(b, "}}");
}

static void put_matchers(Buf *b, const PqlExpr *x)
{
    static const char *const ops[] = {"=", "!=", "=~", "!~"};
    buf_puts(b, ",\"matchers\":[");
    for (size_t i = 0; i < x->match_count; i++) {
        buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
        buf_put_json(b, x->matches[i].name);
        buf_puts(b, ",\"value\":");
        buf_put_json(b, x->matches[i].value);
        buf_printf(b, ",\"type\":\"%s\"}", ops[x->matches[i].op]);
    }
    buf_puts(b, "]");
}

/* offset, timestamp and whose time @ takes. */
static void put_when(Buf *b, const PqlExpr *x)
{
    buf_printf(b, ",\"offset\":%lld", (long long)x->offset_ms);
    put_child(b, "offsetExpr", x->offset_expr);
    if (x->at == PT_TIME)
        buf_printf(b, ",\"timestamp\":%lld", (long long)x->at_ms);
    else
        buf_puts(b, ",\"timestamp\":null");
    buf_printf(b, ",\"startOrEnd\":%s",
               x->at == PT_START ? "\"start\""
               : x->at == PT_END ? "\"end\""
                                 : "null");
}

static void put_selector(Buf *b, const PqlExpr *x)
{
    buf_puts(b, ",\"name\":");
    buf_put_json(b, x->metric);
    put_when(b, x);
    put_matchers(b, x);
    put_bool(b, "anchored", x->anchored);
    put_bool(b, "smoothed", x->smoothed);
}

static void put_range(Buf *b, const PqlExpr *x)
{
    buf_printf(b, ",\"range\":%lld", (long long)x->range_ms);
    put_child(b, "rangeExpr", x->range_expr);
}

static void put_function(Buf *b, const PqlFunction *f)
{
    static const char *const types[] = {"none", "scalar", "string", "vector", "matrix"};
    buf_printf(b, ",\"func\":{\"name\":\"%s\",\"argTypes\":[", f->name);
    for (size_t i = 0; i < f->arg_count; i++)
        buf_printf(b, "%s\"%s\"", i ? "," : "", types[f->args[i]]);
    buf_printf(b, "],\"variadic\":%d,\"returnType\":\"%s\"}", f->optional, types[f->result]);
}

static void put_call(Buf *b, const PqlExpr *x)
{
    put_function(b, x->func);
    buf_puts(b, ",\"args\":[");
    for (size_t i = 0; i < x->arg_count; i++) {
        if (i)
            buf_puts(b, ",");
        put_node(b, x->args[i]);
    }
    buf_puts(b, "]");
}

static void put_literal(Buf *b, const PqlExpr *x)
{
    buf_puts(b, ",\"val\":");
    if (x->kind == PX_STRING) {
        buf_put_json(b, x->string);
        return;
    }
    buf_puts(b, "\"");
    pql_put_plain(b, x->number);
    buf_puts(b, "\"");
}

static void put_aggregate(Buf *b, const PqlExpr *x)
{
    buf_printf(b, ",\"op\":\"%s\"", pql_agg_text(x->agg));
    put_child(b, "expr", x->args[0]);
    put_child(b, "param", x->arg_count > 1 ? x->args[1] : NULL);
    put_names(b, "grouping", &x->grouping);
    put_bool(b, "without", x->without);
}

static void put_binary(Buf *b, const PqlExpr *x)
{
    buf_printf(b, ",\"op\":\"%s\"", pql_op_text(x->op));
    put_child(b, "lhs", x->args[0]);
    put_child(b, "rhs", x->args[1]);
    put_matching(b, x);
    put_bool(b, "bool", x->return_bool);
}

static void put_node(Buf *b, const PqlExpr *x)
{
    static const char *const kinds[] = {
        [PX_NUMBER] = "numberLiteral",  [PX_STRING] = "stringLiteral",
        [PX_VECTOR] = "vectorSelector", [PX_MATRIX] = "matrixSelector",
        [PX_SUBQUERY] = "subquery",     [PX_CALL] = "call",
        [PX_AGGREGATE] = "aggregation", [PX_BINARY] = "binaryExpr",
        [PX_UNARY] = "unaryExpr",       [PX_PAREN] = "parenExpr",
    };
    buf_printf(b, "{\"type\":\"%s\"", kinds[x->kind]);
    switch (x->kind) {
    case PX_NUMBER:
    case PX_STRING:
        put_literal(b, x);
        break;
    case PX_VECTOR:
        put_selector(b, x);
        break;
    case PX_MATRIX:
        put_selector(b, x->args[0]);
        put_range(b, x);
        break;
    case PX_SUBQUERY:
        put_child(b, "expr", x->args[0]);
        put_range(b, x);
        put_when(b, x);
        buf_printf(b, ",\"step\":%lld", (long long)x->step_ms);
        put_child(b, "stepExpr", x->step_expr);
        break;
    case PX_CALL:
        put_call(b, x);
        break;
    case PX_AGGREGATE:
        put_aggregate(b, x);
        break;
    case PX_BINARY:
        put_binary(b, x);
        break;
    case PX_UNARY:
        buf_printf(b, ",\"op\":\"%s\"", x->op == PO_SUB ? "-" : "+");
        put_child(b, "expr", x->args[0]);
        break;
    case PX_PAREN:
        put_child(b, "expr", x->args[0]);
        break;
    }
    buf_puts(b, "}");
}

void pql_put_tree(Buf *out, const PqlExpr *x)
{
    put_node(out, x);
}
