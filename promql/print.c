/* promql/print.c - a tree as text; it parses back to the same tree. */
#include "promql/ast.h"
#include <math.h>

static void print(Buf *out, const PqlExpr *x);

static void put_duration(Buf *b, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
        bool exact; /* years and weeks only when nothing is left over */
    } units[] = {{"y", INT64_C(31536000000), true},
                 {"w", 604800000, true},
                 {"d", 86400000, false},
                 {"h", 3600000, false},
                 {"m", 60000, false},
                 {"s", 1000, false},
                 {"ms", 1, false}};
    if (ms < 0) {
        buf_puts(b, "-");
        ms = -ms;
    }
    if (ms == 0)
        buf_puts(b, "0s");
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (ms >= units[i].ms && (!units[i].exact || ms % units[i].ms == 0)) {
            buf_printf(b, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
            ms %= units[i].ms;
        }
}

static void put_string(Buf *b, Slice s)
{
    buf_puts(b, "\"");
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c == '\n')
            buf_puts(b, "\\n");
        else if (c < 32 || c == 127 || (c >= 128 && !slice_utf8_valid(s)))
            buf_printf(b, "\\x%02x", c);
        else
            buf_put_u8(b, c);
    }
    buf_puts(b, "\"");
}

static bool plain_name(Slice s, bool colon)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':');
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.len > 0;
}

static void put_name(Buf *b, Slice s)
{
    if (plain_name(s, false))
        buf_put_slice(b, s);
    else
        put_string(b, s);
}

static void put_names(Buf *b, const PqlNames *n)
{
    buf_puts(b, "(");
    for (size_t i = 0; i < n->count; i++) {
        if (i)
            buf_puts(b, ", ");
        put_name(b, n->names[i]);
    }
    buf_puts(b, ")");
}

static void put_length(Buf *b, int64_t ms, const PqlExpr *expr)
{
    if (expr)
        print(b, expr);
    else
        put_duration(b, ms);
}

static void put_time(Buf *b, const PqlExpr *x)
{
    if (x->anchored || x->smoothed)
        buf_puts(b, x->anchored ? " anchored" : " smoothed");
    if (x->at == PT_TIME)
        buf_printf(b, " @ %.3f", (double)x->at_ms / 1000);
    else if (x->at != PT_NONE)
        buf_puts(b, x->at == PT_START ? " @ start()" : " @ end()");
    if (x->offset_ms || x->offset_expr) {
        buf_puts(b, " offset ");
        put_length(b, x->offset_ms, x->offset_expr);
    }
}

static void put_selector(Buf *b, const PqlExpr *x)
{
    static const char *const ops[] = {"=", "!=", "=~", "!~"};
    bool bare = x->metric.len > 0;
    size_t left = x->match_count - bare;
    buf_put_slice(b, x->metric);
    if (left == 0 && bare)
        return;
    buf_puts(b, "{");
    for (size_t i = 0; i < left; i++) {
        const PqlLabelMatch *m = &x->matches[i];
        if (i)
            buf_puts(b, ",");
        put_name(b, m->name);
        buf_puts(b, ops[m->op]);
        put_string(b, m->value);
    }
    buf_puts(b, "}");
}

static void put_fill(Buf *b, const PqlFill *f)
{
    double v[2] = {f->left_value, f->right_value};
    bool set[2] = {f->left, f->right};
    for (int i = 0; i < 2; i++)
        if (set[i]) {
            buf_puts(b, i == 0 ? " fill_left (" : " fill_right (");
            buf_put_f64(b, v[i]);
            buf_puts(b, ")");
        }
}

static void put_binary(Buf *b, const PqlExpr *x)
{
    print(b, x->args[0]);
    buf_printf(b, " %s%s", pql_op_text(x->op), x->return_bool ? " bool" : "");
    if (x->has_matching) {
        buf_puts(b, x->on ? " on " : " ignoring ");
        put_names(b, &x->matching);
    }
    if (x->card != PC_ONE_TO_ONE) {
        buf_puts(b, x->card == PC_MANY_TO_ONE ? " group_left " : " group_right ");
        put_names(b, &x->include);
    }
    put_fill(b, &x->fill);
    buf_puts(b, " ");
    print(b, x->args[1]);
}

static void put_args(Buf *b, const PqlExpr *x)
{
    buf_puts(b, "(");
    for (size_t i = 0; i < x->arg_count; i++) {
        if (i)
            buf_puts(b, ", ");
        /* an aggregate has its parameter second */
        print(b, x->args[x->kind == PX_AGGREGATE ? x->arg_count - 1 - i : i]);
    }
    buf_puts(b, ")");
}

static void put_range(Buf *b, const PqlExpr *x)
{
    buf_puts(b, "[");
    put_length(b, x->range_ms, x->range_expr);
    if (x->kind == PX_SUBQUERY)
        buf_puts(b, ":");
    if (x->step_ms || x->step_expr)
        put_length(b, x->step_ms, x->step_expr);
    buf_puts(b, "]");
}

static void put_number(Buf *b, const PqlExpr *x)
{
    if (!x->is_duration) {
        buf_put_f64(b, x->number);
        return;
    }
    put_duration(b, (int64_t)round(x->number * 1000));
}

static void print(Buf *out, const PqlExpr *x)
{
    switch (x->kind) {
    case PX_NUMBER:
        put_number(out, x);
        return;
    case PX_STRING:
        put_string(out, x->string);
        return;
    case PX_VECTOR:
        put_selector(out, x);
        put_time(out, x);
        return;
    case PX_MATRIX:
        put_selector(out, x->args[0]);
        put_range(out, x);
        put_time(out, x->args[0]);
        return;
    case PX_SUBQUERY:
        print(out, x->args[0]);
        put_range(out, x);
        put_time(out, x);
        return;
    case PX_CALL:
        buf_puts(out, x->func->name);
        put_args(out, x);
        return;
    case PX_AGGREGATE:
        buf_puts(out, pql_agg_text(x->agg));
        if (x->has_grouping) {
            buf_puts(out, x->without ? " without " : " by ");
            put_names(out, &x->grouping);
            buf_puts(out, " ");
        }
        put_args(out, x);
        return;
    case PX_BINARY:
        put_binary(out, x);
        return;
    case PX_UNARY:
        buf_puts(out, x->op == PO_SUB ? "-" : "+");
        print(out, x->args[0]);
        return;
    case PX_PAREN:
        buf_puts(out, "(");
        print(out, x->args[0]);
        buf_puts(out, ")");
        return;
    }
}

void pql_print(Buf *out, const PqlExpr *x)
{
    print(out, x);
}
