/* sqlts/grammar_actions.c - the larger actions of grammar.y: shape only, no meaning. */
#include "sqlts/grammar_private.h"
#undef malloc
#undef realloc
#undef free

enum { GRAMMAR_STACK_MAX = 4 << 20 }; /* bytes of the parser's stack: some 80,000 open constructs */

void *grammar_realloc(void *old, size_t size)
{
    return size > GRAMMAR_STACK_MAX ? NULL : mem_realloc(old, size);
}

/* ---- names and lists ---- */

static Slice token_text(const SqlNode *n)
{
    if (n->kind == N_STAR)
        return SLICE_LIT("*");
    return n->kind == N_SUBSCRIPT ? SLICE_LIT("[") : ast_name_text(n);
}

NodeList grammar_names(ParseState *ps, Token first, const NodeList *rest)
{
    NodeList names = LIST(NAME(first));
    for (size_t i = 0; i < rest->count; i++) {
        if (rest->items[i]->kind != N_NAME) {
            ast_syntax_error(ps, rest->items[i]->offset, token_text(rest->items[i]));
            break;
        }
        names = MORE(names, rest->items[i]);
    }
    return names;
}

NodeList grammar_prepend(ParseState *ps, SqlNode *first, NodeList list)
{
    return grammar_concat(ps, LIST(first), list);
}

NodeList grammar_concat(ParseState *ps, NodeList a, NodeList b)
{
    for (size_t i = 0; i < b.count; i++)
        a = MORE(a, b.items[i]);
    return a;
}

static SqlNode *assign(ParseState *ps, const SqlNode *column, SqlNode *value)
{
    const NIndirect *part = (const NIndirect *)column;
    bool whole = column->kind == N_NAME;
    Slice name = ast_name_text(whole ? column : part->arg);
    NTarget *t = (NTarget *)ast_target(ps, N_ASSIGN, column->offset, name, value);
    if (!whole)
        t->steps = part->steps;
    return &t->n;
}

NodeList grammar_assign(ParseState *ps, Token name, NodeList steps, SqlNode *value)
{
    return ast_list(ps, assign(ps, ast_indirect(ps, NAME(name), steps), value));
}

/* Column i of a sub-select as a value of its own: (SELECT c_i FROM (...) AS x(c_1, ...)). */
static SqlNode *one_column(ParseState *ps, NSelect *query, size_t i, size_t count)
{
    NRange *from = AST(ps, NRange, N_RANGE_QUERY, query->n.offset);
    from->query = query;
    from->alias = SLICE_LIT("set");
    for (size_t c = 0; c < count; c++)
        from->columns = ast_append(
            ps, from->columns,
            ast_literal(ps, N_NAME, query->n.offset, arena_printf(ps->arena, "column%zu", c + 1)));
    ast_adopt(ps, from, &query->n);
    NodeList none = {0};
    NSelect *s = AST(ps, NSelect, N_SELECT, query->n.offset);
    s->form = SELECT_PLAIN;
    s->from = ast_list(ps, from);
    s->targets = ast_list(ps, ast_target(ps, N_TARGET, query->n.offset, SLICE_NONE,
                                         ast_column(ps, query->n.offset,
                                                    ast_name_text(from->columns.items[i]), &none)));
    ast_adopt(ps, s, from);
    return ast_sublink(ps, SUB_SCALAR, query->n.offset, &s->n);
}

static bool has_star(const NodeList *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        const SqlNode *x = ((const NTarget *)targets->items[i])->expr;
        if (x->kind == N_COLUMN && ((const NColumn *)x)->star)
            return true;
    }
    return false;
}

/* The list of values of a row or of a sub-select's columns; what is wrong with it is said. */
static bool assigned_values(ParseState *ps, size_t count, SqlNode *row, NodeList *out)
{
    if (row->kind == N_SUBLINK && ((NSublink *)row)->form == SUB_SCALAR) {
        NSelect *q = ((NSublink *)row)->query;
        if (q->form == SELECT_PLAIN && has_star(&q->targets)) {
            ast_fail(ps, ERR_FEATURE_NOT_SUPPORTED, row->offset,
                     "* in the source of SET (a, b) = (SELECT ...) is not supported");
            return false;
        }
        if (q->form == SELECT_PLAIN && q->targets.count != count) {
            ast_fail(ps, ERR_SYNTAX, row->offset,
                     "number of columns does not match number of values");
            return false;
        }
        for (size_t i = 0; i < count; i++)
            *out = ast_append(ps, *out, one_column(ps, q, i, count));
        return true;
    }
    if (row->kind != N_ROW && count > 1) {
        ast_fail(
            ps, ERR_FEATURE_NOT_SUPPORTED, row->offset,
            "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression");
        return false;
    }
    *out = row->kind == N_ROW ? ((NMulti *)row)->args : ast_list(ps, row);
    if (out->count == count)
        return true;
    ast_fail(ps, ERR_SYNTAX, row->offset, "number of columns does not match number of values");
    return false;
}

NodeList grammar_assign_row(ParseState *ps, NodeList names, SqlNode *row)
{
    NodeList out = {0}, values = {0};
    if (!assigned_values(ps, names.count, row, &values))
        return out;
    for (size_t i = 0; i < names.count; i++)
        out = ast_append(ps, out, assign(ps, names.items[i], values.items[i]));
    return out;
}

NodeList grammar_append(ParseState *ps, NodeList list, NodeList more)
{
    for (size_t i = 0; i < more.count; i++)
        list = ast_append(ps, list, more.items[i]);
    return list;
}

SqlNode *grammar_conflict_target(ParseState *ps, uint32_t offset, NodeList names, SqlNode *where)
{
    if (where)
        ast_fail(ps, ERR_FEATURE_NOT_SUPPORTED, where->offset,
                 "partial indexes are not supported: no WHERE after the columns of ON CONFLICT");
    return ast_multi(ps, N_NAME, offset, names);
}

Token grammar_minus(ParseState *ps, Token minus, Token number)
{
    Token t = number;
    t.value = arena_printf(ps->arena, "-%.*s", SLICE_ARG(number.value));
    t.offset = minus.offset;
    t.text = t.value;
    return t;
}

int64_t grammar_count(ParseState *ps, Token number)
{
    int64_t v = 0;
    if (!slice_to_i64(number.value, &v))
        ast_syntax_error(ps, number.offset, number.text);
    return v;
}

/* ---- expressions ---- */

SqlNode *grammar_subscript(ParseState *ps, uint32_t offset, SqlNode *lower, SqlNode *upper,
                           bool slice)
{
    NSubscript *s = AST(ps, NSubscript, N_SUBSCRIPT, offset);
    s->lower = lower;
    s->upper = upper;
    s->slice = slice;
    ast_adopt(ps, s, lower);
    ast_adopt(ps, s, upper);
    return &s->n;
}

SqlNode *grammar_float(ParseState *ps, uint32_t offset, Token digits)
{
    int64_t bits = grammar_count(ps, digits);
    if (bits < 1)
        ast_fail(ps, ERR_INVALID_PARAMETER, digits.offset,
                 "precision for type float must be at least 1 bit");
    else if (bits > 53)
        ast_fail(ps, ERR_INVALID_PARAMETER, digits.offset,
                 "precision for type float must be less than 54 bits");
    return ast_type(ps, offset, bits <= 24 ? "float4" : "float8", NONE);
}

SqlNode *grammar_collate(ParseState *ps, SqlNode *arg, NodeList names)
{
    NCollate *c = AST(ps, NCollate, N_COLLATE, arg->offset);
    c->arg = arg;
    c->names = names;
    ast_adopt(ps, c, arg);
    return &c->n;
}

SqlNode *grammar_param(ParseState *ps, Token number)
{
    NParam *p = AST(ps, NParam, N_PARAM, number.offset);
    int64_t v = 0;
    if (!slice_to_i64(number.value, &v) || v < 1 || v > SQL_PARAMS_MAX)
        ast_fail(ps, ERR_UNDEFINED_PARAMETER, number.offset, "there is no parameter %.*s",
                 SLICE_ARG(number.text));
    p->number = (uint32_t)v;
    return &p->n;
}

static SqlNode *named_type(ParseState *ps, NodeList names, NodeList mods)
{
    SqlNode *type = ast_type(ps, names.items[0]->offset, "", mods);
    ((NType *)type)->name = ast_last_name(&names);
    if (names.count > 1)
        ((NType *)type)->schema = ast_name_text(names.items[names.count - 2]);
    return type;
}

SqlNode *grammar_named_literal(ParseState *ps, NodeList names, Token value)
{
    return ast_typed_literal(ps, names.items[0]->offset, named_type(ps, names, NONE), value.offset,
                             value.value);
}

SqlNode *grammar_named_literal_mods(ParseState *ps, NodeList names, NodeList args, NodeList order,
                                    Token value)
{
    if (order.count > 0)
        ast_fail(ps, ERR_SYNTAX, order.items[0]->offset, "type modifier cannot have ORDER BY");
    return ast_typed_literal(ps, names.items[0]->offset, named_type(ps, names, args), value.offset,
                             value.value);
}

SqlNode *grammar_case(ParseState *ps, uint32_t offset, SqlNode *arg, NodeList whens,
                      SqlNode *otherwise)
{
    NCase *c = AST(ps, NCase, N_CASE, offset);
    c->arg = arg;
    c->whens = whens;
    c->otherwise = otherwise;
    ast_adopt(ps, c, arg);
    ast_adopt_list(ps, c, &whens);
    ast_adopt(ps, c, otherwise);
    return &c->n;
}

SqlNode *grammar_when(ParseState *ps, uint32_t offset, SqlNode *cond, SqlNode *result)
{
    NWhen *w = AST(ps, NWhen, N_WHEN, offset);
    w->cond = cond;
    w->result = result;
    ast_adopt(ps, w, cond);
    ast_adopt(ps, w, result);
    return &w->n;
}

SqlNode *grammar_call(ParseState *ps, NodeList names, NodeList args, NodeList order, int form)
{
    SqlNode *n = ast_func_named(ps, names.items[0]->offset, names, args);
    NFunc *f = (NFunc *)n;
    f->order = order;
    f->star = form == '*';
    f->distinct = form == 'd';
    f->variadic = form == 'v';
    ast_adopt_list(ps, f, &order);
    return n;
}

int grammar_interval_digits(Token digits)
{
    int64_t n = 6;
    (void)slice_to_i64(digits.value, &n);
    return (int)((n < 6 ? n : 6) + 1) << INTERVAL_DIGITS_SHIFT;
}

int grammar_interval_range(int from, int to)
{
    for (int field = from; field < (to & ((1 << INTERVAL_DIGITS_SHIFT) - 1)); field <<= 1)
        to |= field;
    return to | from;
}

SqlNode *grammar_value_func(ParseState *ps, Token word, const char *type, Token digits)
{
    SqlNode *precision = ast_literal(ps, N_INTEGER, digits.offset, digits.value);
    return ast_cast(ps, word.offset, VALUE_FUNC(word),
                    ast_type(ps, word.offset, type, ast_list(ps, precision)));
}

SqlNode *grammar_call_tail(ParseState *ps, SqlNode *call, NodeList within, SqlNode *filter,
                           SqlNode *over)
{
    NFunc *f = (NFunc *)call;
    if (within.count > 0) {
        if (f->order.count > 0)
            ast_fail(ps, ERR_SYNTAX, within.items[0]->offset,
                     "cannot use multiple ORDER BY clauses with WITHIN GROUP");
        if (f->distinct)
            ast_fail(ps, ERR_SYNTAX, within.items[0]->offset,
                     "cannot use DISTINCT with WITHIN GROUP");
        if (f->variadic)
            ast_fail(ps, ERR_SYNTAX, within.items[0]->offset,
                     "cannot use VARIADIC with WITHIN GROUP");
        f->order = within;
        f->within_group = true;
        ast_adopt_list(ps, f, &within);
    }
    f->filter = filter;
    f->over = (NWindow *)over;
    ast_adopt(ps, f, filter);
    ast_adopt(ps, f, over);
    return call;
}

SqlNode *grammar_window_ref(ParseState *ps, Token name)
{
    NWindow *w = AST(ps, NWindow, N_WINDOW, name.offset);
    w->base = name.value;
    w->reference = true;
    return &w->n;
}

SqlNode *grammar_bound(ParseState *ps, uint32_t offset, FrameBound bound, SqlNode *value)
{
    NWindow *w = AST(ps, NWindow, N_WINDOW, offset);
    w->start = bound;
    w->start_value = value;
    ast_adopt(ps, w, value);
    return &w->n;
}

SqlNode *grammar_frame(ParseState *ps, SqlNode *start, SqlNode *end)
{
    NWindow *a = (NWindow *)start;
    NWindow *b = (NWindow *)end;
    a->end = b ? b->start : FRAME_CURRENT;
    a->end_value = b ? b->start_value : NULL;
    ast_adopt(ps, a, b);
    if (a->start == FRAME_UNBOUNDED_FOLLOWING)
        ast_fail(ps, ERR_WINDOWING, start->offset, "frame start cannot be UNBOUNDED FOLLOWING");
    else if (a->end == FRAME_UNBOUNDED_PRECEDING)
        ast_fail(ps, ERR_WINDOWING, end->offset, "frame end cannot be UNBOUNDED PRECEDING");
    else if (!end && a->start == FRAME_FOLLOWING)
        ast_fail(ps, ERR_WINDOWING, start->offset,
                 "frame starting from following row cannot end with current row");
    else if (a->start > a->end)
        ast_fail(ps, ERR_WINDOWING, end->offset,
                 "frame starting from %s row cannot have preceding rows",
                 a->start == FRAME_CURRENT ? "current" : "following");
    return start;
}

/* ---- SELECT ---- */

SqlNode *grammar_select(ParseState *ps, uint32_t offset, SelectParts p)
{
    NSelect *s = AST(ps, NSelect, N_SELECT, offset);
    s->form = SELECT_PLAIN;
    if (p.distinct.count > 0) {
        s->distinct = true;
        if (p.distinct.items[0])
            s->distinct_on = p.distinct;
    }
    s->targets = p.targets;
    s->into = (NRange *)p.into;
    s->from = p.from;
    s->where = p.where;
    s->having = p.having;
    s->windows = p.windows;
    if (p.group && p.group->kind == N_SAMPLE) {
        s->sample = (NSample *)p.group;
    } else if (p.group && p.group->kind == N_LATEST) {
        s->latest = (NLatest *)p.group;
    } else if (p.group) {
        s->has_group = true;
        s->group = ((NMulti *)p.group)->args;
        s->group_distinct = ((NMulti *)p.group)->form == 'd';
    }
    ast_adopt_list(ps, s, &s->distinct_on);
    ast_adopt_list(ps, s, &s->targets);
    ast_adopt_list(ps, s, &s->from);
    ast_adopt(ps, s, s->where);
    ast_adopt(ps, s, p.group);
    ast_adopt(ps, s, s->having);
    ast_adopt_list(ps, s, &s->windows);
    return &s->n;
}

SqlNode *grammar_select_tail(ParseState *ps, SqlNode *select, NodeList order,
                             const LimitParts *limit)
{
    NSelect *s = (NSelect *)select;
    if (order.count > 0) {
        if (s->order.count > 0)
            ast_fail(ps, ERR_SYNTAX, order.items[0]->offset,
                     "multiple ORDER BY clauses not allowed");
        s->order = order;
        ast_adopt_list(ps, s, &order);
    }
    if (!limit)
        return select;
    if (limit->offset) {
        if (s->offset)
            ast_fail(ps, ERR_SYNTAX, limit->offset->offset, "multiple OFFSET clauses not allowed");
        s->offset = limit->offset;
        ast_adopt(ps, s, limit->offset);
    }
    if (limit->limit) {
        if (s->limit)
            ast_fail(ps, ERR_SYNTAX, limit->limit->offset, "multiple LIMIT clauses not allowed");
        s->limit = limit->limit;
        s->limit_ties = limit->ties;
        ast_adopt(ps, s, limit->limit);
    }
    return select;
}

SqlNode *grammar_with(ParseState *ps, SqlNode *with, SqlNode *select)
{
    NSelect *s = (NSelect *)select;
    NMulti *w = (NMulti *)with;
    if (s->ctes.count > 0)
        ast_fail(ps, ERR_SYNTAX, with->offset, "multiple WITH clauses not allowed");
    s->ctes = w->args;
    s->recursive = w->form == 'r';
    ast_adopt(ps, s, with);
    return select;
}

SqlNode *grammar_star(ParseState *ps, uint32_t offset)
{
    NColumn *c = AST(ps, NColumn, N_COLUMN, offset);
    c->star = true;
    return ast_target(ps, N_TARGET, offset, SLICE_NONE, &c->n);
}

SqlNode *grammar_table(ParseState *ps, uint32_t offset, SqlNode *range)
{
    SelectParts p = {0};
    p.targets = LIST(grammar_star(ps, offset));
    p.from = LIST(range);
    return grammar_select(ps, offset, p);
}

SqlNode *grammar_values(ParseState *ps, uint32_t offset, NodeList row)
{
    NSelect *s = AST(ps, NSelect, N_SELECT, offset);
    s->form = SELECT_VALUES;
    return grammar_values_more(ps, &s->n, offset, row);
}

SqlNode *grammar_values_more(ParseState *ps, SqlNode *values, uint32_t offset, NodeList row)
{
    NSelect *s = (NSelect *)values;
    SqlNode *r = ast_multi(ps, N_ROW, offset, row);
    s->rows = MORE(s->rows, r);
    ast_adopt(ps, s, r);
    return values;
}

NodeList grammar_null_list(ParseState *ps)
{
    NodeList none = {0};
    return ast_append(ps, none, NULL);
}

LimitParts *grammar_limit(ParseState *ps, SqlNode *limit, bool ties)
{
    LimitParts *l = ARENA_NEW(ps->arena, LimitParts);
    l->limit = limit;
    l->ties = ties;
    return l;
}

SqlNode *grammar_sort(ParseState *ps, SqlNode *expr, int direction, int nulls, Slice op)
{
    NSort *s = AST(ps, NSort, N_SORT, expr->offset);
    s->expr = expr;
    s->direction = (char)direction;
    s->nulls = (char)nulls;
    s->op = op;
    ast_adopt(ps, s, expr);
    return &s->n;
}

/* ---- FROM ---- */

SqlNode *grammar_alias_clause(ParseState *ps, Token name, NodeList columns)
{
    NRange *r = AST(ps, NRange, N_RANGE_TABLE, name.offset);
    r->alias = name.value;
    r->columns = columns;
    return &r->n;
}

SqlNode *grammar_alias(ParseState *ps, SqlNode *range, SqlNode *alias)
{
    (void)ps;
    if (alias) {
        NRange *r = (NRange *)range, *a = (NRange *)alias;
        r->alias = a->alias;
        r->columns = a->columns;
    }
    return range;
}

SqlNode *grammar_search(ParseState *ps, uint32_t offset, NodeList columns, Slice name, bool breadth)
{
    NSearch *s = AST(ps, NSearch, N_SEARCH, offset);
    s->columns = columns;
    s->name = name;
    s->breadth = breadth;
    return &s->n;
}

SqlNode *grammar_cycle(ParseState *ps, SqlNode *search, SqlNode *value, SqlNode *otherwise,
                       Slice path)
{
    NSearch *s = (NSearch *)search;
    s->value = value;
    s->otherwise = otherwise;
    s->path = path;
    ast_adopt(ps, s, value);
    ast_adopt(ps, s, otherwise);
    return search;
}

SqlNode *grammar_tablesample(ParseState *ps, SqlNode *range, SqlNode *method, SqlNode *repeatable)
{
    NRange *r = (NRange *)range;
    r->sample = method;
    r->repeatable = repeatable;
    ast_adopt(ps, r, method);
    ast_adopt(ps, r, repeatable);
    return range;
}

/* (start, end) OVERLAPS (start, end): a call of four arguments. */
SqlNode *grammar_overlaps(ParseState *ps, Token op, SqlNode *left, SqlNode *right)
{
    const NMulti *l = (NMulti *)left, *r = (NMulti *)right;
    NodeList args = {0};
    if (left->kind != N_ROW || right->kind != N_ROW) {
        ast_syntax_error(ps, left->kind == N_ROW ? right->offset : op.offset, op.text);
        return left;
    }
    if (l->args.count != 2 || r->args.count != 2) {
        bool is_left = l->args.count != 2;
        ast_fail(ps, ERR_SYNTAX, is_left ? left->offset : right->offset,
                 "wrong number of parameters on %s side of OVERLAPS expression",
                 is_left ? "left" : "right");
        return left;
    }
    for (size_t i = 0; i < 4; i++)
        args = ast_append(ps, args, i < 2 ? l->args.items[i] : r->args.items[i - 2]);
    return ast_func(ps, op.offset, "overlaps", args);
}

SqlNode *grammar_range_query(ParseState *ps, SqlNode *query)
{
    NRange *r = AST(ps, NRange, N_RANGE_QUERY, query->offset);
    r->query = (NSelect *)query;
    ast_adopt(ps, r, query);
    return &r->n;
}

SqlNode *grammar_range_func(ParseState *ps, SqlNode *func, bool ordinality)
{
    NRange *r = AST(ps, NRange, N_RANGE_FUNC, func->offset);
    r->func = func;
    r->ordinality = ordinality;
    ast_adopt(ps, r, func);
    return &r->n;
}

SqlNode *grammar_join(ParseState *ps, uint32_t offset, int type, SqlNode *left, SqlNode *right,
                      SqlNode *qual)
{
    NJoin *j = AST(ps, NJoin, N_RANGE_JOIN, offset);
    j->type = (JoinType)type;
    j->left = left;
    j->right = right;
    j->cross = !qual;
    if (qual && qual->kind == N_NAME) {
        NMulti *m = (NMulti *)qual;
        j->has_using = true;
        j->using_names = m->args;
        if (m->form == 'a')
            j->using_alias = ast_name_text(j->using_names.items[--j->using_names.count]);
    } else if (qual) {
        j->on = qual;
        ast_adopt(ps, j, qual);
    }
    ast_adopt(ps, j, left);
    ast_adopt(ps, j, right);
    return &j->n;
}

/* ON (a, b) are columns that both sides have; the times go without saying. */
static bool is_name_list(const SqlNode *on)
{
    const NMulti *row = (const NMulti *)on;
    if (on->kind == N_COLUMN && on->parens)
        return ((const NColumn *)on)->names.count == 1;
    for (size_t i = 0; on->kind == N_ROW && i < row->args.count; i++)
        if (row->args.items[i]->kind != N_COLUMN ||
            ((const NColumn *)row->args.items[i])->names.count != 1)
            return false;
    return on->kind == N_ROW && row->args.count > 0;
}

SqlNode *grammar_asof(ParseState *ps, uint32_t offset, int type, SqlNode *left, SqlNode *right,
                      SqlNode *qual, SqlNode *tolerance)
{
    NodeList names = NONE;
    bool list = qual && is_name_list(qual);
    NodeList columns = !list ? NONE : qual->kind == N_COLUMN ? LIST(qual) : ((NMulti *)qual)->args;
    for (size_t i = 0; i < columns.count; i++)
        names = MORE(names, ((NColumn *)columns.items[i])->names.items[0]);
    NJoin *j = (NJoin *)grammar_join(ps, offset, type, left, right, list ? NULL : qual);
    j->asof = true;
    j->cross = false;
    j->tolerance = tolerance;
    ast_adopt(ps, j, tolerance);
    if (list)
        j->using_names = names; /* has_using stays false: all of them are equalities */
    return &j->n;
}

SqlNode *grammar_latest(ParseState *ps, uint32_t offset, SqlNode *time, NodeList partition)
{
    NLatest *l = AST(ps, NLatest, N_LATEST, offset);
    l->time = time;
    l->partition = partition;
    ast_adopt(ps, l, time);
    ast_adopt_list(ps, l, &l->partition);
    return &l->n;
}

/* ---- TQL ---- */

static bool is_number(const SqlNode *n)
{
    double v;
    return n->kind == N_INTEGER || n->kind == N_NUMERIC ||
           (n->kind == N_STRING && slice_to_f64(((const NLiteral *)n)->text, &v));
}

/* A number is seconds, of an epoch or as a length; other literals are read by the type. */
static SqlNode *tql_value(ParseState *ps, SqlNode *n, const char *type)
{
    bool step = strcmp(type, "interval") == 0;
    if (!is_number(n))
        return n->kind == N_STRING ? ast_cast(ps, n->offset, n, ast_type(ps, n->offset, type, NONE))
                                   : n;
    Slice text = ((const NLiteral *)n)->text;
    if (!step)
        return ast_func(ps, n->offset, "to_timestamp",
                        LIST(ast_literal(ps, N_NUMERIC, n->offset, text)));
    text = arena_printf(ps->arena, "%.*s seconds", SLICE_ARG(text));
    return ast_cast(ps, n->offset, ast_literal(ps, N_STRING, n->offset, text),
                    ast_type(ps, n->offset, type, NONE));
}

static SqlNode *tql_select(ParseState *ps, Token tql, NodeList args, Token query)
{
    static const char *const types[] = {"timestamptz", "timestamptz", "interval"};
    /* the query begins where a literal would have its quote */
    NodeList all =
        LIST(ast_literal(ps, N_STRING, query.offset ? query.offset - 1 : 0, query.value));
    if (args.count > 3 || args.count == 2)
        ast_fail(ps, ERR_FEATURE_NOT_SUPPORTED, args.items[args.count - 1]->offset,
                 "TQL takes (start, end, step), or (time)");
    for (size_t i = 0; i < args.count && i < ARRAY_LEN(types); i++)
        all = MORE(all, tql_value(ps, args.items[i], types[i]));
    NRange *range = AST(ps, NRange, N_RANGE_FUNC, tql.offset);
    range->func = ast_func(ps, tql.offset, "promql", all);
    ((NFunc *)range->func)->sql_syntax = false;
    ast_adopt(ps, range, range->func);
    return grammar_select(
        ps, tql.offset,
        (SelectParts){.targets = LIST(grammar_star(ps, tql.offset)), .from = LIST(range)});
}

SqlNode *grammar_tql(ParseState *ps, Token tql, Token word, NodeList args, Token query)
{
    if (!slice_eq_cstr(word.value, "eval") && !slice_eq_cstr(word.value, "evaluate"))
        ast_syntax_error(ps, word.offset, word.text);
    return tql_select(ps, tql, args, query);
}

SqlNode *grammar_tql_explain(ParseState *ps, Token tql, NodeList args, Token query, bool analyze)
{
    SqlNode *explain = ast_simple(ps, N_EXPLAIN, tql.offset, 0, SLICE_NONE);
    if (analyze)
        ((NSimple *)explain)->list =
            LIST(ast_option(ps, tql.offset, SLICE_LIT("analyze"), SLICE_NONE, false));
    grammar_inner(ps, explain, tql_select(ps, tql, args, query), tql.offset);
    return explain;
}

SqlNode *grammar_sample_align(ParseState *ps, SqlNode *zone, SqlNode *offset, bool first)
{
    NSample *s = AST(ps, NSample, N_SAMPLE, 0);
    s->zone = zone;
    s->offset = offset;
    s->first_observation = first;
    ast_adopt(ps, s, zone);
    ast_adopt(ps, s, offset);
    return &s->n;
}

SqlNode *grammar_sample(ParseState *ps, uint32_t offset, SqlNode *align, SampleParts parts)
{
    NSample *s = (NSample *)align;
    s->n.offset = offset;
    s->width = parts.width;
    s->from = parts.from;
    s->to = parts.to;
    s->fills = parts.fills;
    ast_adopt(ps, s, s->width);
    ast_adopt(ps, s, s->from);
    ast_adopt(ps, s, s->to);
    ast_adopt_list(ps, s, &s->fills);
    return align;
}

SqlNode *grammar_join_alias(ParseState *ps, SqlNode *join, SqlNode *alias)
{
    (void)ps;
    NJoin *j = (NJoin *)join;
    j->alias = ((NRange *)alias)->alias;
    j->columns = ((NRange *)alias)->columns;
    return join;
}
