/* Expressions as text, in PostgreSQL's deparsed style. */
#include "exec/expr.h"

typedef struct Printer {
    const Slice *names; /* of columns; may be NULL */
    const TypeEnv *env;
    bool pretty; /* as few parentheses as PostgreSQL's pg_get_expr(..., true) */
} Printer;

static void print(Buf *out, const Expr *x, const Printer *pr);

static void put_type(Buf *out, const Expr *x)
{
    Arena a;
    arena_init(&a, NULL);
    buf_put_slice(out, type_format(&a, x->type, x->typmod));
    arena_free(&a);
}

static bool is_number(TypeId t)
{
    return t == T_INT4 || t == T_NUMERIC;
}

static void print_const(Buf *out, const Expr *x, const Printer *pr)
{
    const TypeDef *def = type_find(x->type);
    if (x->value.null) {
        buf_puts(out, "NULL::");
        put_type(out, x);
        return;
    }
    if (x->type == T_BOOL) {
        buf_puts(out, x->value.u.b ? "true" : "false");
        return;
    }
    Buf text;
    buf_init(&text);
    def->out(pr->env, &x->value, &text);
    bool plain = is_number(x->type) && text.len && text.ptr[0] != '-' && text.ptr[0] != 'N' &&
                 text.ptr[0] != 'I';
    if (plain) {
        buf_put_slice(out, buf_slice(&text));
    } else {
        buf_put_quoted(out, '\'', buf_slice(&text));
        buf_puts(out, "::");
        put_type(out, x);
    }
    buf_free(&text);
}

/* Printed with parentheses around it. */
static bool has_parens(const Expr *x)
{
    switch (x->kind) {
    case EXPR_CALL:
        return (x->func->flags & FN_OPERATOR) && x->func->name[0] != '$' &&
               !(x->func->flags & (FN_CAST_IMPLICIT | FN_CAST_ASSIGN | FN_CAST_EXPLICIT) &&
                 x->arg_count == 1);
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_IS_NOT_NULL:
    case EXPR_IS_TRUE:
    case EXPR_IS_FALSE:
    case EXPR_IS_UNKNOWN:
    case EXPR_IS_DISTINCT:
    case EXPR_ANY_ARRAY:
    case EXPR_ALL_ARRAY:
    case EXPR_IN_LIST:
        return true;
    default:
        return false;
    }
}

/* In short form the terms of AND and OR, and arguments of functions, stand without parentheses. */
static bool bare(const Expr *parent, const Expr *x, const Printer *pr)
{
    if (!pr->pretty || !has_parens(x))
        return false;
    if (parent->kind == EXPR_OR)
        return x->kind != EXPR_NOT;
    if (parent->kind == EXPR_AND)
        return x->kind != EXPR_OR && x->kind != EXPR_NOT;
    return parent->kind == EXPR_CALL && !has_parens(parent) && parent->arg_count > 0 &&
           !(parent->func->flags & (FN_CAST_IMPLICIT | FN_CAST_ASSIGN | FN_CAST_EXPLICIT));
}

static void print_term(Buf *out, const Expr *parent, const Expr *x, const Printer *pr)
{
    if (bare(parent, x, pr))
        expr_deparse(out, x, pr->names, pr->env, true);
    else
        print(out, x, pr);
}

static void print_list(Buf *out, Expr *const *args, size_t n, const char *between,
                       const Printer *pr)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_puts(out, between);
        print(out, args[i], pr);
    }
}

static void print_infix(Buf *out, const Expr *x, const char *op, const Printer *pr)
{
    buf_put_u8(out, '(');
    print(out, x->args[0], pr);
    buf_printf(out, " %s ", op);
    print(out, x->args[1], pr);
    buf_put_u8(out, ')');
}

static void print_cast(Buf *out, const Expr *x, const Printer *pr)
{
    bool atom = x->args[0]->kind == EXPR_CONST;
    buf_puts(out, atom ? "" : "(");
    print(out, x->args[0], pr);
    buf_puts(out, atom ? "::" : ")::");
    put_type(out, x);
}

/* A bound of a continuous view, by what it is (exec/state.h). */
static bool print_bound(Buf *out, const Expr *x)
{
    static const char *const words[] = {"kept_from()", "kept_to()", "changed_from(", "changed_to("};
    if (strcmp(x->func->name, "view_bound") != 0)
        return false;
    for (size_t i = 0; i < x->arg_count; i++)
        if (x->args[i]->kind != EXPR_CONST)
            return false;
    int64_t which = x->args[1]->value.u.i64, range = x->args[2]->value.u.i64;
    if (which < 0 || which >= (int64_t)ARRAY_LEN(words))
        return false;
    buf_puts(out, words[which]);
    if (which > 1)
        buf_printf(out, "%lld)", (long long)range + 1);
    return true;
}

static void print_call(Buf *out, const Expr *x, const Printer *pr)
{
    const FuncDef *f = x->func;
    if (f->name[0] == '$' ||
        (f->flags & (FN_CAST_IMPLICIT | FN_CAST_ASSIGN | FN_CAST_EXPLICIT) && x->arg_count == 1)) {
        print_cast(out, x, pr);
    } else if ((f->flags & FN_OPERATOR) && x->arg_count == 2) {
        print_infix(out, x, f->name, pr);
    } else if (f->flags & FN_OPERATOR) {
        buf_printf(out, "(%s ", f->name);
        print(out, x->args[0], pr);
        buf_put_u8(out, ')');
    } else {
        buf_printf(out, "%s(", f->name);
        print_list(out, x->args, x->arg_count - x->variadic, ", ", pr);
        if (x->variadic) {
            buf_puts(out, x->arg_count > 1 ? ", VARIADIC " : "VARIADIC ");
            print_list(out, x->args + x->arg_count - 1, 1, "", pr);
        }
        buf_put_u8(out, ')');
    }
}

static void print_wrapped(Buf *out, const char *before, const Expr *x, const char *between,
                          const char *after, const Printer *pr)
{
    buf_puts(out, before);
    for (size_t i = 0; i < x->arg_count; i++) {
        buf_puts(out, i ? between : "");
        print_term(out, x, x->args[i], pr);
    }
    buf_puts(out, after);
}

static void print_test(Buf *out, const Expr *x, const Printer *pr)
{
    static const struct {
        ExprKind kind;
        const char *yes, *no;
    } tests[] = {
        {EXPR_IS_NULL, " IS NULL)", " IS NULL)"},
        {EXPR_IS_NOT_NULL, " IS NOT NULL)", " IS NOT NULL)"},
        {EXPR_IS_TRUE, " IS TRUE)", " IS NOT TRUE)"},
        {EXPR_IS_FALSE, " IS FALSE)", " IS NOT FALSE)"},
        {EXPR_IS_UNKNOWN, " IS UNKNOWN)", " IS NOT UNKNOWN)"},
    };
    buf_put_u8(out, '(');
    print(out, x->args[0], pr);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        if (tests[i].kind == x->kind)
            buf_puts(out, x->negated ? tests[i].no : tests[i].yes);
}

static void print_case(Buf *out, const Expr *x, const Printer *pr)
{
    size_t i = 0;
    buf_puts(out, "CASE");
    for (; i + 1 < x->arg_count; i += 2) {
        buf_puts(out, " WHEN ");
        print(out, x->args[i], pr);
        buf_puts(out, " THEN ");
        print(out, x->args[i + 1], pr);
    }
    if (i < x->arg_count) {
        buf_puts(out, " ELSE ");
        print(out, x->args[i], pr);
    }
    buf_puts(out, " END");
}

static void print_items(Buf *out, const Expr *x, const Printer *pr)
{
    bool list = x->kind == EXPR_IN_LIST;
    buf_put_u8(out, '(');
    print(out, x->args[0], pr);
    if (list && x->negated)
        buf_puts(out, " <> ALL (ARRAY[");
    else
        buf_printf(out, " %s %s (%s", x->func ? x->func->name : "=",
                   x->kind == EXPR_ALL_ARRAY ? "ALL" : "ANY", list ? "ARRAY[" : "");
    print_list(out, x->args + 1, x->arg_count - 1, ", ", pr);
    buf_puts(out, list ? "]))" : "))");
}

static void print_subscript(Buf *out, const Expr *x, const Printer *pr)
{
    print(out, x->args[0], pr);
    for (size_t i = 1; i < x->arg_count; i++) {
        buf_put_u8(out, '[');
        print(out, x->args[i], pr);
        buf_put_u8(out, ']');
    }
}

static void print(Buf *out, const Expr *x, const Printer *pr)
{
    switch (x->kind) {
    case EXPR_CONST:
        print_const(out, x, pr);
        break;
    case EXPR_COLUMN:
        if (pr->names && pr->names[x->index].len)
            buf_put_slice(out, pr->names[x->index]);
        else
            buf_printf(out, "#%u", x->index);
        break;
    case EXPR_PARAM:
    case EXPR_EXEC_PARAM:
        buf_printf(out, "$%u", x->index + (x->kind == EXPR_PARAM));
        break;
    case EXPR_CALL:
        if (!print_bound(out, x))
            print_call(out, x, pr);
        break;
    case EXPR_AND:
        print_wrapped(out, "(", x, " AND ", ")", pr);
        break;
    case EXPR_OR:
        print_wrapped(out, "(", x, " OR ", ")", pr);
        break;
    case EXPR_NOT:
        print_wrapped(out, "(NOT ", x, "", ")", pr);
        break;
    case EXPR_IS_NULL:
    case EXPR_IS_NOT_NULL:
    case EXPR_IS_TRUE:
    case EXPR_IS_FALSE:
    case EXPR_IS_UNKNOWN:
        print_test(out, x, pr);
        break;
    case EXPR_IS_DISTINCT:
        print_infix(out, x, x->negated ? "IS NOT DISTINCT FROM" : "IS DISTINCT FROM", pr);
        break;
    case EXPR_CASE:
        print_case(out, x, pr);
        break;
    case EXPR_COALESCE:
        print_wrapped(out, "COALESCE(", x, ", ", ")", pr);
        break;
    case EXPR_GREATEST:
        print_wrapped(out, "GREATEST(", x, ", ", ")", pr);
        break;
    case EXPR_LEAST:
        print_wrapped(out, "LEAST(", x, ", ", ")", pr);
        break;
    case EXPR_NULLIF:
        print_wrapped(out, "NULLIF(", x, ", ", ")", pr);
        break;
    case EXPR_ARRAY:
        print_wrapped(out, "ARRAY[", x, ", ", "]", pr);
        break;
    case EXPR_ROW:
        print_wrapped(out, "ROW(", x, ", ", ")", pr);
        break;
    case EXPR_ANY_ARRAY:
    case EXPR_ALL_ARRAY:
    case EXPR_IN_LIST:
        print_items(out, x, pr);
        break;
    case EXPR_SUBSCRIPT:
    case EXPR_SLICE:
        print_subscript(out, x, pr);
        break;
    case EXPR_IO_CAST:
    case EXPR_RELABEL:
        print_cast(out, x, pr);
        break;
    }
}

void expr_print(Buf *out, const Expr *x, const Slice *column_names)
{
    TypeEnv env = {.tz = tz_utc(), .extra_float_digits = 1};
    Printer pr = {.names = column_names, .env = &env};
    print(out, x, &pr);
}

void expr_deparse(Buf *out, const Expr *x, const Slice *column_names, const TypeEnv *env,
                  bool pretty)
{
    Printer pr = {.names = column_names, .env = env, .pretty = pretty};
    Buf text;
    buf_init(&text);
    print(&text, x, &pr);
    Slice s = buf_slice(&text);
    if (pretty && has_parens(x) && s.len > 2 && s.ptr[0] == '(')
        s = slice_of(s.ptr + 1, s.len - 2);
    buf_put_slice(out, s);
    buf_free(&text);
}
