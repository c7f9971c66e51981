/* promql/print.c - a tree as text, as Prometheus writes it; it parses back to the same tree. */
#include "promql/eval_private.h"
#include <math.h>
#include <stdlib.h>

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

static int by_text(const void *a, const void *b)
{
    const Buf *l = a, *r = b;
    return slice_cmp(buf_slice(l), buf_slice(r));
}

/* Matchers by their texts. */
static void put_selector(Buf *b, const PqlExpr *x)
{
    static const char *const ops[] = {"=", "!=", "=~", "!~"};
    bool bare = x->metric.len > 0;
    size_t left = x->match_count - bare;
    buf_put_slice(b, x->metric);
    if (left == 0 && bare)
        return;
    Buf *texts = mem_zero((left + 1) * sizeof *texts);
    for (size_t i = 0; i < left; i++) {
        put_name(&texts[i], x->matches[i].name);
        buf_puts(&texts[i], ops[x->matches[i].op]);
        put_string(&texts[i], x->matches[i].value);
    }
    qsort(texts, left, sizeof *texts, by_text);
    buf_puts(b, "{");
    for (size_t i = 0; i < left; i++) {
        if (i)
            buf_puts(b, ",");
        buf_put_slice(b, buf_slice(&texts[i]));
        buf_free(&texts[i]);
    }
    buf_puts(b, "}");
    mem_free(texts);
}

static void put_fill(Buf *b, const PqlFill *f)
{
    double v[2] = {f->left_value, f->right_value};
    bool set[2] = {f->left, f->right};
    if (f->left && f->right && memcmp(&v[0], &v[1], sizeof v[0]) == 0) {
        buf_puts(b, " fill (");
        buf_put_f64(b, v[0]);
        buf_puts(b, ")");
        return;
    }
    for (int i = 0; i < 2; i++)
        if (set[i]) {
            buf_puts(b, i == 0 ? " fill_left (" : " fill_right (");
            buf_put_f64(b, v[i]);
            buf_puts(b, ")");
        }
}

/* The operator with what stands behind it. */
static void put_operator(Buf *b, const PqlExpr *x)
{
    buf_printf(b, "%s%s", pql_op_text(x->op), x->return_bool ? " bool" : "");
    if (x->on || x->matching.count || x->card != PC_ONE_TO_ONE) {
        buf_puts(b, x->on ? " on " : " ignoring ");
        put_names(b, &x->matching);
    }
    if (x->card != PC_ONE_TO_ONE) {
        buf_puts(b, x->card == PC_MANY_TO_ONE ? " group_left " : " group_right ");
        put_names(b, &x->include);
    }
    put_fill(b, &x->fill);
}

static void put_binary(Buf *b, const PqlExpr *x)
{
    print(b, x->args[0]);
    buf_puts(b, " ");
    put_operator(b, x);
    buf_puts(b, " ");
    print(b, x->args[1]);
}

static void put_aggregator(Buf *b, const PqlExpr *x)
{
    buf_puts(b, pql_agg_text(x->agg));
    if (!x->without && x->grouping.count == 0)
        return;
    buf_puts(b, x->without ? " without " : " by ");
    put_names(b, &x->grouping);
    buf_puts(b, " ");
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
        pql_put_plain(b, x->number);
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
        put_aggregator(out, x);
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

/* ---- over several lines ---- */

enum { LINE_MAX_BYTES = 100 };

static void pretty(Buf *out, const PqlExpr *x, int level);

static void indent(Buf *out, int level)
{
    for (int i = 0; i < level; i++)
        buf_puts(out, "  ");
}

static bool is_long(const PqlExpr *x)
{
    Buf text;
    buf_init(&text);
    print(&text, x);
    bool is = text.len > LINE_MAX_BYTES;
    buf_free(&text);
    return is;
}

static void pretty_args(Buf *out, const PqlExpr *x, int level)
{
    buf_puts(out, "(\n");
    for (size_t i = 0; i < x->arg_count; i++) {
        if (i)
            buf_puts(out, ",\n");
        pretty(out, x->args[x->kind == PX_AGGREGATE ? x->arg_count - 1 - i : i], level + 1);
    }
    buf_puts(out, "\n");
    indent(out, level);
    buf_puts(out, ")");
}

static void pretty_binary(Buf *out, const PqlExpr *x, int level)
{
    pretty(out, x->args[0], level + 1);
    buf_puts(out, "\n");
    indent(out, level);
    put_operator(out, x);
    buf_puts(out, "\n");
    pretty(out, x->args[1], level + 1);
}

/* The sign stands in front of what is behind the indent. */
static void pretty_unary(Buf *out, const PqlExpr *x, int level)
{
    Buf child;
    buf_init(&child);
    pretty(&child, x->args[0], level);
    size_t blanks = 0;
    while (blanks < child.len && child.ptr[blanks] == ' ')
        blanks++;
    indent(out, level);
    buf_puts(out, x->op == PO_SUB ? "-" : "+");
    buf_put(out, child.ptr + blanks, child.len - blanks);
    buf_free(&child);
}

static void pretty(Buf *out, const PqlExpr *x, int level)
{
    bool splits = x->kind == PX_CALL || x->kind == PX_AGGREGATE || x->kind == PX_BINARY ||
                  x->kind == PX_PAREN || x->kind == PX_SUBQUERY;
    if (x->kind == PX_UNARY) {
        pretty_unary(out, x, level);
        return;
    }
    if (x->kind == PX_BINARY && is_long(x)) {
        pretty_binary(out, x, level);
        return;
    }
    if (x->kind == PX_SUBQUERY && is_long(x)) {
        pretty(out, x->args[0], level);
        put_range(out, x);
        put_time(out, x);
        return;
    }
    indent(out, level);
    if (!splits || !is_long(x)) {
        print(out, x);
        return;
    }
    if (x->kind == PX_CALL)
        buf_puts(out, x->func->name);
    else if (x->kind == PX_AGGREGATE)
        put_aggregator(out, x);
    pretty_args(out, x, level);
}

void pql_pretty(Buf *out, const PqlExpr *x)
{
    pretty(out, x, 0);
}

/* ---- EXPLAIN ---- */

/* Merges and what is evaluated once share the expression of what they stand above: the oldest. */
static const PqlNode *node_of(const PqlQuery *q, const PqlExpr *x)
{
    const PqlNode *found = NULL;
    for (const PqlNode *n = q->nodes; n; n = n->older)
        if (n->x == x)
            found = n;
    return found;
}

static void put_counts(Buf *out, const PqlNode *n)
{
    if (!n)
        return;
    buf_printf(out, "  (series=%llu", (unsigned long long)n->series);
    if (n->runs)
        buf_printf(out, " samples=%llu runs=%llu", (unsigned long long)n->samples,
                   (unsigned long long)n->runs);
    buf_puts(out, ")");
}

static void explain(Buf *out, const PqlExpr *x, const PqlQuery *q, int level)
{
    x = pql_unparen(x);
    bool leaf = x->kind == PX_VECTOR || x->kind == PX_MATRIX || x->kind == PX_NUMBER ||
                x->kind == PX_STRING;
    if (out->len)
        buf_puts(out, "\n");
    indent(out, level);
    if (leaf)
        print(out, x);
    else if (x->kind == PX_CALL)
        buf_puts(out, x->func->name);
    else if (x->kind == PX_AGGREGATE)
        put_aggregator(out, x);
    else if (x->kind == PX_BINARY)
        put_operator(out, x);
    else if (x->kind == PX_UNARY)
        buf_puts(out, x->op == PO_SUB ? "-" : "+");
    else
        put_range(out, x);
    while (out->len && out->ptr[out->len - 1] == ' ')
        out->len--;
    if (q && x->kind != PX_STRING)
        put_counts(out, node_of(q, x));
    for (size_t i = 0; !leaf && i < x->arg_count; i++)
        explain(out, x->args[i], q, level + 1);
}

void pql_explain(Buf *out, const PqlExpr *x, const PqlQuery *q)
{
    explain(out, x, q, 0);
}
