/* tests/unit/expr_text.h - SQL expressions as text for the unit tests of exec/: enough of the grammar
 * to write PostgreSQL expressions down, resolved and evaluated as the analyzer would.
 *
 * Literals, casts (:: and type 'text'), calls, operators with PostgreSQL's precedence, ARRAY[],
 * subscripts, IS, IN, ANY/ALL, CASE, COALESCE and its like, AT TIME ZONE, extract(x from y).
 * Threads: one. */
#ifndef SKULK_TESTS_EXPR_TEXT_H
#define SKULK_TESTS_EXPR_TEXT_H

#include "exec/expr.h"
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef struct Et {
    const char *p;
    Arena arena;
    EvalCtx ctx;
    Err err;
    bool failed;
} Et;

static Expr *et_expr(Et *t, int level);

static Expr *et_fail(Et *t, const char *what)
{
    if (!t->failed)
        err_set(&t->err, ERR_SYNTAX, "%s at \"%.40s\"", what, t->p);
    t->failed = true;
    Value null = value_null();
    return expr_const(&t->arena, T_TEXT, &null);
}

static void et_space(Et *t)
{
    while (isspace((unsigned char)*t->p))
        t->p++;
}

static bool et_symbol(Et *t, const char *s)
{
    et_space(t);
    if (strncmp(t->p, s, strlen(s)) != 0)
        return false;
    t->p += strlen(s);
    return true;
}

static bool et_word(Et *t, const char *w)
{
    et_space(t);
    size_t n = strlen(w);
    if (strncasecmp(t->p, w, n) != 0 || isalnum((unsigned char)t->p[n]) || t->p[n] == '_')
        return false;
    t->p += n;
    return true;
}

static Expr *et_string(Et *t)
{
    Buf b;
    buf_init(&b);
    for (t->p++; *t->p; t->p++) {
        if (*t->p == '\'' && *++t->p != '\'')
            break;
        buf_put_u8(&b, (uint8_t)*t->p);
    }
    Value v = value_str(arena_slice(&t->arena, buf_slice(&b)));
    buf_free(&b);
    return expr_const(&t->arena, T_UNKNOWN, &v);
}

static Expr *et_cast(Et *t, Expr *x, TypeId to, int32_t typmod, CastLevel level)
{
    Expr *out = x;
    if (!t->failed && !expr_cast(&t->arena, &t->ctx, x, to, typmod, level, &out, &t->err))
        t->failed = true;
    return out;
}

static Expr *et_number(Et *t)
{
    const char *from = t->p;
    while (isdigit((unsigned char)*t->p) || *t->p == '.')
        t->p++;
    if ((*t->p == 'e' || *t->p == 'E') &&
        (isdigit((unsigned char)t->p[1]) || t->p[1] == '-' || t->p[1] == '+'))
        for (t->p += 2; isdigit((unsigned char)*t->p);)
            t->p++;
    Slice s = {from, (size_t)(t->p - from)};
    Value v = value_i64(0);
    if (slice_to_i64(s, &v.u.i64))
        return expr_const(&t->arena, v.u.i64 == (int32_t)v.u.i64 ? T_INT4 : T_INT8, &v);
    v = value_str(s);
    return et_cast(t, expr_const(&t->arena, T_UNKNOWN, &v), T_NUMERIC, -1, CAST_EXPLICIT);
}

/* Longest type name at the cursor: words, then (n,m), then []. */
static bool et_type(Et *t, TypeId *oid, int32_t *typmod)
{
    et_space(t);
    const char *ends[8];
    int n = 0;
    const char *q = t->p;
    for (int words = 0; words < 4; words++) {
        while (*q == ' ')
            q++;
        const char *from = q;
        if (*q == '"')
            q = strchr(q + 1, '"') + 1;
        while (isalnum((unsigned char)*q) || *q == '_')
            q++;
        if (q == from)
            break;
        const char *r = q;
        if (*r == '(') {
            while (*r && *r != ')')
                r++;
            if (*r)
                ends[n++] = ++r;
            const char *w = r;
            static const char tail[] = " with time zone";
            if (strncmp(w, tail, sizeof tail - 1) == 0)
                ends[n++] = w + sizeof tail - 1;
        }
        ends[n++] = q;
        if (*q != ' ')
            break;
    }
    /* Longest first. */
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++)
            if (ends[k] > ends[i]) {
                const char *tmp = ends[i];
                ends[i] = ends[k];
                ends[k] = tmp;
            }
    for (int i = 0; i < n; i++) {
        const char *end = ends[i];
        while (strncmp(end, "[]", 2) == 0)
            end += 2;
        Err ignored;
        if (type_parse_name(slice_of(t->p, (size_t)(end - t->p)), oid, typmod, &ignored)) {
            t->p = end;
            return true;
        }
    }
    return false;
}

static Expr *et_op(Et *t, Slice op, Expr *left, Expr *right)
{
    const FuncDef *f;
    TypeId want[2], result;
    if (t->failed)
        return right;
    if (!oper_resolve(op, left ? left->type : 0, right->type, &f, want, &result, &t->err)) {
        t->failed = true;
        return right;
    }
    Expr *args[2] = {left ? left : right, right};
    size_t n = left ? 2 : 1;
    for (size_t i = 0; i < n; i++)
        args[i] = et_cast(t, args[i], want[i], -1, CAST_IMPLICIT);
    return expr_call(&t->arena, f, result, args, n, 0);
}

static Expr *et_call(Et *t, Slice name, Expr **args, size_t n)
{
    const FuncDef *f;
    TypeId types[100] = {0}, want[100], result;
    for (size_t i = 0; i < n; i++)
        types[i] = args[i]->type;
    if (t->failed)
        return et_fail(t, "");
    if (!func_resolve(SLICE_NONE, name, types, n, 0, &f, want, &result, &t->err)) {
        t->failed = true;
        return et_fail(t, "");
    }
    for (size_t i = 0; i < n; i++)
        args[i] = et_cast(t, args[i], want[i], -1, CAST_IMPLICIT);
    return expr_call(&t->arena, f, result, args, n, 0);
}

/* CASE, COALESCE ...: all of args from `from` on, each `step`, to one type. */
static TypeId et_common(Et *t, Expr **args, size_t n, size_t from, size_t step, const char *what)
{
    TypeId types[100] = {0}, common = T_TEXT;
    size_t count = 0;
    for (size_t i = from; i < n; i += step)
        types[count++] = args[i]->type;
    if (!t->failed && !type_common(types, count, what, &common, &t->err))
        t->failed = true;
    for (size_t i = from; i < n; i += step)
        args[i] = et_cast(t, args[i], common, -1, CAST_IMPLICIT);
    return common;
}

static Expr *et_node(Et *t, ExprKind kind, TypeId type, Expr **args, size_t n)
{
    Expr *x = expr_new(&t->arena, kind, type, n);
    if (n)
        memcpy(x->args, args, n * sizeof *args);
    return x;
}

static size_t et_args(Et *t, Expr **args, const char *close)
{
    size_t n = 0;
    if (et_symbol(t, close))
        return 0;
    do
        args[n++] = et_expr(t, 0);
    while (n < 99 && !t->failed && et_symbol(t, ","));
    if (!et_symbol(t, close))
        et_fail(t, "expected close");
    return n;
}

static Expr *et_case(Et *t)
{
    Expr *args[100];
    size_t n = 0;
    while (et_word(t, "when") && n < 98 && !t->failed) {
        args[n++] = et_cast(t, et_expr(t, 0), T_BOOL, -1, CAST_IMPLICIT);
        if (!et_word(t, "then"))
            return et_fail(t, "expected then");
        args[n++] = et_expr(t, 0);
    }
    size_t pairs = n;
    if (et_word(t, "else"))
        args[n++] = et_expr(t, 0);
    if (!et_word(t, "end"))
        return et_fail(t, "expected end");
    TypeId types[100] = {0}, common = T_TEXT;
    size_t count = 0;
    for (size_t i = 1; i < pairs; i += 2)
        types[count++] = args[i]->type;
    if (n > pairs)
        types[count++] = args[n - 1]->type;
    if (!t->failed && !type_common(types, count, "CASE", &common, &t->err))
        t->failed = true;
    for (size_t i = 1; i < pairs; i += 2)
        args[i] = et_cast(t, args[i], common, -1, CAST_IMPLICIT);
    if (n > pairs)
        args[n - 1] = et_cast(t, args[n - 1], common, -1, CAST_IMPLICIT);
    return et_node(t, EXPR_CASE, common, args, n);
}

static Expr *et_array(Et *t)
{
    Expr *args[100];
    size_t n = et_args(t, args, "]");
    TypeId elem = n ? et_common(t, args, n, 0, 1, "ARRAY") : T_TEXT;
    return et_node(t, EXPR_ARRAY, type_elem_of(elem) ? elem : type_array_of(elem), args, n);
}

static Expr *et_name(Et *t)
{
    static const struct {
        const char *word;
        ExprKind kind;
    } special[] = {{"coalesce", EXPR_COALESCE},
                   {"greatest", EXPR_GREATEST},
                   {"least", EXPR_LEAST},
                   {"nullif", EXPR_NULLIF}};
    Expr *args[100];
    const char *start = t->p;
    TypeId oid;
    int32_t typmod;
    if (et_type(t, &oid, &typmod)) {
        et_space(t);
        if (*t->p == '\'')
            return et_cast(t, et_string(t), oid, typmod, CAST_EXPLICIT);
        t->p = start;
    }
    while (isalnum((unsigned char)*t->p) || *t->p == '_' || *t->p == '.')
        t->p++;
    Slice name = {start, (size_t)(t->p - start)};
    if (!et_symbol(t, "("))
        return et_fail(t, "expected (");
    if (slice_eq_cstr(name, "extract")) {
        et_space(t);
        const char *from = t->p;
        while (isalpha((unsigned char)*t->p) || *t->p == '_' || *t->p == '\'')
            t->p++;
        Slice field = {from, (size_t)(t->p - from)};
        if (field.len && from[0] == '\'')
            field = slice_of(from + 1, field.len - 2);
        if (!et_word(t, "from"))
            return et_fail(t, "expected from");
        Value v = value_str(field);
        args[0] = expr_const(&t->arena, T_UNKNOWN, &v);
        args[1] = et_expr(t, 0);
        if (!et_symbol(t, ")"))
            return et_fail(t, "expected )");
        return et_call(t, name, args, 2);
    }
    size_t n = et_args(t, args, ")");
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (slice_eq_cstr(name, special[i].word)) {
            TypeId common = et_common(t, args, n, 0, 1, "CALL");
            return et_node(t, special[i].kind, common, args, n);
        }
    return et_call(t, name, args, n);
}

static Expr *et_primary(Et *t)
{
    et_space(t);
    Value v = value_null();
    if (*t->p == '\'')
        return et_string(t);
    if (isdigit((unsigned char)*t->p) || (*t->p == '.' && isdigit((unsigned char)t->p[1])))
        return et_number(t);
    if (et_symbol(t, "(")) {
        Expr *x = et_expr(t, 0);
        return et_symbol(t, ")") ? x : et_fail(t, "expected )");
    }
    if (*t->p == '$' && isdigit((unsigned char)t->p[1])) { /* parameters are int4 */
        Expr *x = expr_new(&t->arena, EXPR_PARAM, T_INT4, 0);
        x->index = (uint32_t)(t->p[1] - '1');
        t->p += 2;
        return x;
    }
    if (et_word(t, "null"))
        return expr_const(&t->arena, T_UNKNOWN, &v);
    if (et_word(t, "true") || et_word(t, "false")) {
        v = value_bool(tolower((unsigned char)t->p[-2]) == 'u');
        return expr_const(&t->arena, T_BOOL, &v);
    }
    if (et_word(t, "case"))
        return et_case(t);
    if ((et_word(t, "array") && et_symbol(t, "[")) || et_symbol(t, "["))
        return et_array(t);
    if (isalpha((unsigned char)*t->p) || *t->p == '_' || *t->p == '"')
        return et_name(t);
    return et_fail(t, "expected a value");
}

static Expr *et_postfix(Et *t)
{
    Expr *x = et_primary(t);
    TypeId oid;
    int32_t typmod;
    for (;;) {
        if (et_symbol(t, "::")) {
            if (!et_type(t, &oid, &typmod))
                return et_fail(t, "expected a type");
            x = et_cast(t, x, oid, typmod, CAST_EXPLICIT);
        } else if (et_symbol(t, "[")) {
            Expr *args[7] = {x};
            size_t n = 1;
            do
                args[n++] = et_expr(t, 0);
            while (et_symbol(t, "]") && et_symbol(t, "[") && n < 7);
            x = et_node(t, EXPR_SUBSCRIPT, type_elem_of(x->type), args, n);
        } else {
            return x;
        }
    }
}

/* Symbol operators: their text and how tightly they bind. */
static int et_peek_op(Et *t, Slice *op)
{
    et_space(t);
    size_t n = strspn(t->p, "+-*/<>=~!@#%^&|?");
    while (n > 1 && (t->p[n - 1] == '-' || t->p[n - 1] == '+') &&
           !strpbrk(slice_of(t->p, n).ptr, "~!@#%^&|?"))
        n--;
    while (n > 1 && (t->p[n - 1] == '-' || t->p[n - 1] == '+') && strspn(t->p, "<>=*/+-") >= n)
        n--;
    *op = slice_of(t->p, n);
    if (n == 0)
        return 0;
    if (n == 1 && *t->p == '^')
        return 9;
    if (n == 1 && strchr("*/%", *t->p))
        return 8;
    if (n == 1 && strchr("+-", *t->p))
        return 7;
    static const char *const comparisons[] = {"=", "<", ">", "<=", ">=", "<>", "!="};
    for (size_t i = 0; i < ARRAY_LEN(comparisons); i++)
        if (slice_eq_cstr(*op, comparisons[i]))
            return 5;
    return 6;
}

static Expr *et_unary(Et *t)
{
    Slice op;
    et_space(t);
    if (et_word(t, "not")) {
        Expr *x = et_cast(t, et_expr(t, 4), T_BOOL, -1, CAST_IMPLICIT);
        return et_node(t, EXPR_NOT, T_BOOL, &x, 1);
    }
    if (et_peek_op(t, &op)) {
        t->p += op.len;
        bool sign = slice_eq_cstr(op, "-") || slice_eq_cstr(op, "+");
        return et_op(t, op, NULL, et_expr(t, sign ? 10 : 7));
    }
    return et_postfix(t);
}

static Expr *et_is(Et *t, Expr *x)
{
    bool negated = et_word(t, "not");
    if (et_word(t, "distinct")) {
        (void)et_word(t, "from");
        Expr *args[2] = {x, et_expr(t, 6)};
        et_common(t, args, 2, 0, 1, "IS DISTINCT");
        Expr *r = et_node(t, EXPR_IS_DISTINCT, T_BOOL, args, 2);
        r->negated = negated;
        return r;
    }
    if (et_word(t, "null"))
        return et_node(t, negated ? EXPR_IS_NOT_NULL : EXPR_IS_NULL, T_BOOL, &x, 1);
    ExprKind kind = et_word(t, "true")    ? EXPR_IS_TRUE
                    : et_word(t, "false") ? EXPR_IS_FALSE
                                          : EXPR_IS_UNKNOWN;
    if (kind == EXPR_IS_UNKNOWN && !et_word(t, "unknown"))
        return et_fail(t, "expected null");
    x = et_cast(t, x, T_BOOL, -1, CAST_IMPLICIT);
    Expr *r = et_node(t, kind, T_BOOL, &x, 1);
    r->negated = negated;
    return r;
}

static Expr *et_in(Et *t, Expr *x, bool negated)
{
    Expr *args[100] = {x};
    if (!et_symbol(t, "("))
        return et_fail(t, "expected (");
    size_t n = 1 + et_args(t, args + 1, ")");
    et_common(t, args, n, 0, 1, "IN");
    Expr *r = et_node(t, EXPR_IN_LIST, T_BOOL, args, n);
    TypeId want[2], result;
    if (!t->failed && !oper_resolve(SLICE_LIT("="), args[0]->type, args[1]->type, &r->func, want,
                                    &result, &t->err))
        t->failed = true;
    r->negated = negated;
    return r;
}

static Expr *et_any(Et *t, Slice op, Expr *x, bool any)
{
    if (!et_symbol(t, "("))
        return et_fail(t, "expected (");
    Expr *arr = et_expr(t, 0);
    if (!et_symbol(t, ")"))
        return et_fail(t, "expected )");
    if (arr->type == T_UNKNOWN)
        arr = et_cast(t, arr, type_array_of(x->type), -1, CAST_IMPLICIT);
    TypeId want[2], result;
    const FuncDef *f;
    if (t->failed ||
        !oper_resolve(op, x->type, type_elem_of(arr->type), &f, want, &result, &t->err)) {
        t->failed = true;
        return x;
    }
    Expr *args[2] = {et_cast(t, x, want[0], -1, CAST_IMPLICIT),
                     et_cast(t, arr, type_array_of(want[1]), -1, CAST_IMPLICIT)};
    Expr *r = et_node(t, any ? EXPR_ANY_ARRAY : EXPR_ALL_ARRAY, T_BOOL, args, 2);
    r->func = f;
    return r;
}

static Expr *et_logic(Et *t, ExprKind kind, Expr *left, Expr *right)
{
    Expr *args[2] = {et_cast(t, left, T_BOOL, -1, CAST_IMPLICIT),
                     et_cast(t, right, T_BOOL, -1, CAST_IMPLICIT)};
    return et_node(t, kind, T_BOOL, args, 2);
}

static Expr *et_expr(Et *t, int level)
{
    Expr *x = et_unary(t);
    for (;;) {
        Slice op;
        if (t->failed)
            return x;
        int binds = et_peek_op(t, &op);
        if (binds && binds > level && !(op.len == 1 && binds == 5 && 0)) {
            t->p += op.len;
            bool any = et_word(t, "any"), all = !any && et_word(t, "all");
            x = any || all ? et_any(t, op, x, any) : et_op(t, op, x, et_expr(t, binds));
        } else if (binds) {
            return x;
        } else if (level < 1 && et_word(t, "or")) {
            x = et_logic(t, EXPR_OR, x, et_expr(t, 1));
        } else if (level < 2 && et_word(t, "and")) {
            x = et_logic(t, EXPR_AND, x, et_expr(t, 2));
        } else if (level < 5 && et_word(t, "is")) {
            x = et_is(t, x);
        } else if (level < 6 && et_word(t, "in")) {
            x = et_in(t, x, false);
        } else if (level < 6 && et_word(t, "like")) {
            x = et_op(t, SLICE_LIT("~~"), x, et_expr(t, 6));
        } else if (level < 6 && et_word(t, "ilike")) {
            x = et_op(t, SLICE_LIT("~~*"), x, et_expr(t, 6));
        } else if (level < 6 && et_word(t, "not")) {
            if (et_word(t, "in"))
                x = et_in(t, x, true);
            else if (et_word(t, "like"))
                x = et_op(t, SLICE_LIT("!~~"), x, et_expr(t, 6));
            else
                return et_fail(t, "expected in");
        } else if (level < 10 && et_word(t, "at")) {
            (void)(et_word(t, "time") && et_word(t, "zone"));
            Expr *args[2] = {et_expr(t, 10), x};
            x = et_call(t, SLICE_LIT("timezone"), args, 2);
        } else {
            return x;
        }
    }
}

static void et_open(Et *t)
{
    static const Clock *clock = &clock_real;
    exec_init();
    memset(t, 0, sizeof *t);
    arena_init(&t->arena, NULL);
    t->ctx.arena = t->ctx.scratch = &t->arena;
    t->ctx.env = (TypeEnv){.timezone = SLICE_LIT("UTC"), .tz = tz_utc(), .extra_float_digits = 1};
    /* 2024-03-15 12:34:56.789 UTC */
    t->ctx.env.now_us = t->ctx.txn_now_us = t->ctx.stmt_now_us = INT64_C(1710506096789000);
    t->ctx.clock = clock;
    t->ctx.random_state[0] = 1;
    t->ctx.random_state[1] = 2;
}

static void et_close(Et *t)
{
    arena_free(&t->arena);
}

static Expr *et_parse(Et *t, const char *text)
{
    t->p = text;
    t->failed = false;
    Expr *x = et_expr(t, 0);
    et_space(t);
    if (!t->failed && *t->p)
        et_fail(t, "trailing text");
    return t->failed ? NULL : x;
}

/* Result as psql -At prints it; errors as "ERROR:  22012: division by zero". */
static void et_eval(Et *t, const char *text, bool fold, Buf *out)
{
    Value v;
    buf_clear(out);
    Expr *x = et_parse(t, text);
    if (x && fold && !expr_fold(&t->arena, &t->ctx, &x, &t->err))
        x = NULL;
    if (!x || !expr_value(&t->ctx, x, &v, &t->err))
        buf_printf(out, "ERROR:  %s: %s", err_sqlstate(t->err.code), t->err.message);
    else if (!v.null && x->type == T_UNKNOWN)
        buf_put_slice(out, v.u.str);
    else if (!v.null)
        type_find(x->type)->out(&t->ctx.env, &v, out);
}

typedef struct Case {
    const char *expr, *expected;
} Case;

/* Results are PostgreSQL 15's; errors as "ERROR:  SQLSTATE: message". */
static void check_cases(const Case *cases, size_t n, const char *zone)
{
    Err e;
    for (size_t i = 0; i < n; i++) {
        Et t;
        Buf out;
        et_open(&t);
        t.ctx.env.tz = tz_find(slice_cstr(zone), &e);
        buf_init(&out);
        et_eval(&t, cases[i].expr, false, &out);
        ck_assert_msg(slice_eq_cstr(buf_slice(&out), cases[i].expected), "%s: %.*s, expected %s",
                      cases[i].expr, SLICE_ARG(buf_slice(&out)), cases[i].expected);
        buf_free(&out);
        et_close(&t);
    }
}

#endif
