/* sqlts/ast.c - constructors of the syntax tree. */
#include "sqlts/ast.h"

#include <stdarg.h>
#include <stdio.h>

void ast_fail(ParseState *ps, ErrCode code, uint32_t offset, const char *fmt, ...)
{
    char text[ERR_MESSAGE_MAX];
    va_list args;
    if (ps->failed)
        return; /* the first error is the one to tell */
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ps->failed = true;
    err_set(ps->err, code, "%s", text);
    err_at(ps->err, err_position(ps->whole, offset));
}

void ast_syntax_error(ParseState *ps, uint32_t offset, Slice token)
{
    if (token.len == 0)
        ast_fail(ps, ERR_SYNTAX, offset, "syntax error at end of input");
    else
        ast_fail(ps, ERR_SYNTAX, offset, "syntax error at or near \"%.*s\"",
                 (int)(token.len > 300 ? 300 : token.len), token.ptr);
}

void *ast_alloc(ParseState *ps, size_t size, NodeKind kind, uint32_t offset)
{
    SqlNode *n = arena_zero(ps->arena, size);
    n->kind = (uint16_t)kind;
    n->offset = offset;
    n->depth = 1;
    return n;
}

void ast_adopt(ParseState *ps, void *parent, const void *child)
{
    SqlNode *p = parent;
    const SqlNode *c = child;
    if (!c || c->depth < p->depth)
        return;
    p->depth = c->depth + 1;
    if (p->depth > SQL_DEPTH_MAX)
        ast_fail(ps, ERR_TOO_COMPLEX, p->offset, "statement is nested deeper than %d levels",
                 SQL_DEPTH_MAX);
}

void ast_adopt_list(ParseState *ps, void *parent, const NodeList *list)
{
    for (size_t i = 0; i < list->count; i++)
        ast_adopt(ps, parent, list->items[i]);
}

NodeList ast_list(ParseState *ps, void *first)
{
    NodeList l = {0};
    return first ? ast_append(ps, l, first) : l;
}

NodeList ast_append(ParseState *ps, NodeList list, void *item)
{
    if (list.count == list.cap) {
        size_t cap = list.cap ? list.cap * 2 : 4;
        SqlNode **items = arena_alloc(ps->arena, cap * sizeof *items);
        if (list.count)
            memcpy(items, list.items, list.count * sizeof *items);
        list.items = items;
        list.cap = cap;
    }
    list.items[list.count++] = item;
    return list;
}

SqlNode *ast_literal(ParseState *ps, NodeKind kind, uint32_t offset, Slice text)
{
    NLiteral *l = AST(ps, NLiteral, kind, offset);
    l->text = text;
    return &l->n;
}

SqlNode *ast_bool(ParseState *ps, uint32_t offset, bool value)
{
    NLiteral *l = AST(ps, NLiteral, N_BOOL, offset);
    l->flag = value;
    return &l->n;
}

SqlNode *ast_integer(ParseState *ps, uint32_t offset, Slice digits)
{
    return ast_literal(ps, N_INTEGER, offset, digits);
}

bool ast_is_chain(const SqlNode *n, const SqlNode *left)
{
    const NSelect *s = (const NSelect *)n, *ls = (const NSelect *)left;
    const NOp *op = (const NOp *)n, *lo = (const NOp *)left;
    if (!left || n->kind != left->kind)
        return false;
    if (n->kind == N_SELECT)
        return s->form != SELECT_PLAIN && s->form == ls->form && s->all == ls->all &&
               s->form != SELECT_VALUES && s->form != SELECT_EXCEPT && !ls->order.count &&
               !ls->limit && !ls->offset && !ls->ctes.count;
    return n->kind == N_OP && lo->left && slice_eq(op->name, lo->name) && !op->schema.len &&
           !lo->schema.len &&
           (slice_eq_cstr(op->name, "||") || slice_eq_cstr(op->name, "+") ||
            slice_eq_cstr(op->name, "*"));
}

/* The left side of an operator or set operation. */
static void adopt_left(ParseState *ps, void *parent, const SqlNode *left)
{
    SqlNode *p = parent;
    if (!ast_is_chain(p, left)) {
        ast_adopt(ps, p, left);
        return;
    }
    p->depth = left->depth;
    p->chain = left->chain + 1;
    if (p->chain > CHAIN_MAX)
        ast_fail(ps, ERR_TOO_COMPLEX, p->offset, "statement chains more than %d operators",
                 CHAIN_MAX);
}

SqlNode *ast_op(ParseState *ps, uint32_t offset, Slice name, SqlNode *left, SqlNode *right)
{
    NOp *op = AST(ps, NOp, N_OP, offset);
    op->name = name;
    op->left = left;
    op->right = right;
    adopt_left(ps, op, left);
    ast_adopt(ps, op, right);
    return &op->n;
}

SqlNode *ast_op_named(ParseState *ps, uint32_t offset, NodeList names, SqlNode *left,
                      SqlNode *right)
{
    SqlNode *n = ast_op(ps, offset, ast_last_name(&names), left, right);
    if (names.count > 1)
        ((NOp *)n)->schema = ast_name_text(names.items[names.count - 2]);
    return n;
}

/* a AND b AND c is one node, however long: the tree stays shallow. */
SqlNode *ast_logic(ParseState *ps, NodeKind kind, uint32_t offset, SqlNode *left, SqlNode *right)
{
    NMulti *m = (NMulti *)left;
    if (left->kind != kind || left->parens) {
        m = AST(ps, NMulti, kind, offset);
        m->args = ast_append(ps, m->args, left);
        ast_adopt(ps, m, left);
    }
    m->args = ast_append(ps, m->args, right);
    ast_adopt(ps, m, right);
    return &m->n;
}

SqlNode *ast_test(ParseState *ps, NodeKind kind, uint32_t offset, SqlNode *arg, bool negated)
{
    NTest *t = AST(ps, NTest, kind, offset);
    t->arg = arg;
    t->negated = negated;
    ast_adopt(ps, t, arg);
    return &t->n;
}

SqlNode *ast_distinct_from(ParseState *ps, uint32_t offset, SqlNode *left, SqlNode *right,
                           bool negated)
{
    NOp *op = AST(ps, NOp, N_IS_DISTINCT, offset);
    op->name = SLICE_LIT("=");
    op->left = left;
    op->right = right;
    op->negated = negated;
    ast_adopt(ps, op, left);
    ast_adopt(ps, op, right);
    return &op->n;
}

SqlNode *ast_like(ParseState *ps, uint32_t offset, const char *op, SqlNode *left, SqlNode *right,
                  SqlNode *escape)
{
    if (escape) {
        NodeList args = ast_list(ps, right);
        right = ast_func(ps, offset, "like_escape", ast_append(ps, args, escape));
    }
    return ast_op(ps, offset, slice_cstr(op), left, right);
}

SqlNode *ast_similar(ParseState *ps, uint32_t offset, bool negated, SqlNode *left, SqlNode *right,
                     SqlNode *escape)
{
    NodeList args = ast_list(ps, right);
    if (escape)
        args = ast_append(ps, args, escape);
    right = ast_func(ps, offset, "similar_to_escape", args);
    return ast_op(ps, offset, slice_cstr(negated ? "!~" : "~"), left, right);
}

SqlNode *ast_between(ParseState *ps, uint32_t offset, SqlNode *arg, SqlNode *low, SqlNode *high,
                     int flags)
{
    NBetween *b = AST(ps, NBetween, N_BETWEEN, offset);
    b->arg = arg;
    b->low = low;
    b->high = high;
    b->negated = flags & AST_NEGATED;
    b->symmetric = flags & AST_SYMMETRIC;
    ast_adopt(ps, b, arg);
    ast_adopt(ps, b, low);
    ast_adopt(ps, b, high);
    return &b->n;
}

/* right: a sublink (IN (SELECT ..)) or the row node that in_expr made of a list. */
SqlNode *ast_in(ParseState *ps, uint32_t offset, SqlNode *left, SqlNode *right, bool negated)
{
    NIn *in = AST(ps, NIn, N_IN, offset);
    in->left = left;
    in->negated = negated;
    if (right->kind == N_SUBLINK)
        in->query = ((NSublink *)right)->query;
    else
        in->items = ((NMulti *)right)->args;
    ast_adopt(ps, in, left);
    ast_adopt(ps, in, right);
    return &in->n;
}

SqlNode *ast_quantified(ParseState *ps, uint32_t offset, SqlNode *left, NodeList op, bool all,
                        SqlNode *right)
{
    NQuantified *q = AST(ps, NQuantified, N_QUANTIFIED, offset);
    q->left = left;
    q->op = ast_last_name(&op);
    if (op.count > 1)
        q->schema = ast_name_text(op.items[op.count - 2]);
    q->all = all;
    if (right->kind == N_SUBLINK && !right->parens)
        q->query = ((NSublink *)right)->query;
    else
        q->right = right;
    ast_adopt(ps, q, left);
    ast_adopt(ps, q, right);
    return &q->n;
}

SqlNode *ast_multi(ParseState *ps, NodeKind kind, uint32_t offset, NodeList args)
{
    NMulti *m = AST(ps, NMulti, kind, offset);
    m->args = args;
    ast_adopt_list(ps, m, &args);
    return &m->n;
}

SqlNode *ast_func(ParseState *ps, uint32_t offset, const char *name, NodeList args)
{
    NodeList names = ast_list(ps, ast_literal(ps, N_NAME, offset, slice_cstr(name)));
    SqlNode *n = ast_func_named(ps, offset, names, args);
    ((NFunc *)n)->sql_syntax = true;
    return n;
}

SqlNode *ast_func_named(ParseState *ps, uint32_t offset, NodeList names, NodeList args)
{
    NFunc *f = AST(ps, NFunc, N_FUNC, offset);
    f->names = names;
    f->args = args;
    ast_adopt_list(ps, f, &args);
    return &f->n;
}

SqlNode *ast_cast(ParseState *ps, uint32_t offset, SqlNode *arg, SqlNode *type)
{
    NCast *c = AST(ps, NCast, N_CAST, offset);
    c->arg = arg;
    c->type = (NType *)type;
    ast_adopt(ps, c, arg);
    return &c->n;
}

SqlNode *ast_type(ParseState *ps, uint32_t offset, const char *name, NodeList mods)
{
    NType *t = AST(ps, NType, N_TYPE, offset);
    t->name = slice_cstr(name);
    t->mods = mods;
    return &t->n;
}

SqlNode *ast_typed_literal(ParseState *ps, uint32_t offset, SqlNode *type, uint32_t value_offset,
                           Slice value)
{
    return ast_cast(ps, offset, ast_literal(ps, N_STRING, value_offset, value), type);
}

/* rest: the indirection behind the first name; names and a final star belong to the column, what
 * follows a subscript is applied to its value. */
SqlNode *ast_column(ParseState *ps, uint32_t offset, Slice first, const NodeList *rest)
{
    NColumn *c = AST(ps, NColumn, N_COLUMN, offset);
    c->names = ast_list(ps, ast_literal(ps, N_NAME, offset, first));
    size_t i = 0;
    for (; rest && i < rest->count; i++) {
        SqlNode *step = rest->items[i];
        if (step->kind == N_STAR && i + 1 == rest->count)
            c->star = true;
        else if (step->kind == N_NAME)
            c->names = ast_append(ps, c->names, step);
        else
            break;
    }
    if (!rest || i == rest->count)
        return &c->n;
    NodeList left = {0};
    for (; i < rest->count; i++)
        left = ast_append(ps, left, rest->items[i]);
    return ast_indirect(ps, &c->n, left);
}

SqlNode *ast_indirect(ParseState *ps, SqlNode *arg, NodeList steps)
{
    if (steps.count == 0)
        return arg;
    NIndirect *x = AST(ps, NIndirect, N_INDIRECT, arg->offset);
    x->arg = arg;
    x->steps = steps;
    ast_adopt(ps, x, arg);
    ast_adopt_list(ps, x, &steps);
    return &x->n;
}

SqlNode *ast_sublink(ParseState *ps, SublinkKind form, uint32_t offset, SqlNode *query)
{
    NSublink *s = AST(ps, NSublink, N_SUBLINK, offset);
    s->form = form;
    s->query = (NSelect *)query;
    ast_adopt(ps, s, query);
    return &s->n;
}

SqlNode *ast_target(ParseState *ps, NodeKind kind, uint32_t offset, Slice name, SqlNode *expr)
{
    NTarget *t = AST(ps, NTarget, kind, offset);
    t->name = name;
    t->expr = expr;
    ast_adopt(ps, t, expr);
    return &t->n;
}

static void note_database(ParseState *ps, const NRange *r)
{
    const NRange *first = (const NRange *)ps->databases[0];
    if (!first)
        ps->databases[0] = &r->n;
    else if (!ps->databases[1] && !slice_eq(first->database, r->database))
        ps->databases[1] = &r->n;
}

SqlNode *ast_range(ParseState *ps, uint32_t offset, NodeList names)
{
    NRange *r = AST(ps, NRange, N_RANGE_TABLE, offset);
    if (names.count > 3) {
        ast_fail(ps, ERR_SYNTAX, offset, "improper qualified name (too many dotted names)");
        return &r->n;
    }
    r->name = ast_last_name(&names);
    if (names.count > 1)
        r->schema = ast_name_text(names.items[names.count - 2]);
    if (names.count > 2) {
        r->database = ast_name_text(names.items[0]);
        note_database(ps, r);
    }
    return &r->n;
}

SqlNode *ast_setop(ParseState *ps, SelectForm form, uint32_t offset, bool all, SqlNode *left,
                   SqlNode *right)
{
    NSelect *s = AST(ps, NSelect, N_SELECT, offset);
    s->form = form;
    s->all = all;
    s->left = (NSelect *)left;
    s->right = (NSelect *)right;
    adopt_left(ps, s, left);
    ast_adopt(ps, s, right);
    return &s->n;
}

SqlNode *ast_negate(ParseState *ps, uint32_t offset, SqlNode *arg)
{
    if ((arg->kind == N_INTEGER || arg->kind == N_NUMERIC) && !arg->parens) {
        NLiteral *l = (NLiteral *)arg;
        if (l->text.len > 0 && l->text.ptr[0] != '-') {
            Slice text = arena_printf(ps->arena, "-%.*s", SLICE_ARG(l->text));
            return ast_literal(ps, (NodeKind)arg->kind, offset, text);
        }
    }
    return ast_op(ps, offset, SLICE_LIT("-"), NULL, arg);
}

SqlNode *ast_simple(ParseState *ps, NodeKind kind, uint32_t offset, int form, Slice name)
{
    NSimple *s = AST(ps, NSimple, kind, offset);
    s->form = form;
    s->name = name;
    return &s->n;
}

SqlNode *ast_option(ParseState *ps, uint32_t offset, Slice name, Slice value, bool has_value)
{
    NOption *o = AST(ps, NOption, N_OPTION, offset);
    o->name = name;
    o->value = value;
    o->has_value = has_value;
    return &o->n;
}

Slice ast_name_text(const SqlNode *name)
{
    must(name->kind == N_NAME);
    return ((const NLiteral *)name)->text;
}

Slice ast_last_name(const NodeList *names)
{
    must(names->count > 0);
    return ast_name_text(names->items[names->count - 1]);
}

Slice ast_span(const ParseState *ps, uint32_t begin, uint32_t end)
{
    const char *p = ps->whole.ptr + begin, *q = ps->whole.ptr + end;
    while (p < q && strchr(" \t\r\n\f\v", *p))
        p++;
    while (q > p && strchr(" \t\r\n\f\v", q[-1]))
        q--;
    return slice_of(p, (size_t)(q - p));
}
