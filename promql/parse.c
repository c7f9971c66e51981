/* promql/parse.c - the parser's loop, and the grammar's actions: constructors of tree nodes. */
#include "promql/grammar.h"
#include "promql/parse_private.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>

/* The parser that lemon makes; grammar.h holds token numbers only. */
void *PqlGrammarAlloc(void *(*alloc)(size_t), PqlParse *ps);
void PqlGrammar(void *parser, int code, PqlToken t);
void PqlGrammarFree(void *parser, void (*release)(void *));

#define SECONDS_MAX 9.2e9 /* of a duration: fits into ns */

/* ---- errors ---- */

void pql_line_column(Slice text, uint32_t at, int *line, int *column)
{
    uint32_t from = 0;
    *line = 1;
    for (uint32_t i = 0; i < at && i < text.len; i++)
        if (text.ptr[i] == '\n') {
            ++*line;
            from = i + 1;
        }
    *column = (int)(at - from) + 1;
}

static bool error_va(Slice text, uint32_t at, Err *e, const char *fmt, va_list ap)
{
    char what[ERR_MESSAGE_MAX];
    int line, column;
    vsnprintf(what, sizeof what, fmt, ap);
    pql_line_column(text, at, &line, &column);
    err_set(e, ERR_SYNTAX, "%d:%d: parse error: %s", line, column, what);
    return err_at(e, err_position(text, at < text.len ? at : text.len));
}

bool pql_error(Slice text, uint32_t at, Err *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_va(text, at, e, fmt, ap);
    va_end(ap);
    return false;
}

void pql_fail(PqlParse *ps, uint32_t at, const char *fmt, ...)
{
    if (ps->failed)
        return; /* the first error is the one to tell */
    va_list ap;
    va_start(ap, fmt);
    ps->failed = true;
    error_va(ps->text, at, ps->err, fmt, ap);
    va_end(ap);
}

void pql_too_deep(PqlParse *ps)
{
    pql_fail(ps, ps->last.begin, "expression is nested too deeply");
}

/* ---- the loop ---- */

static PqlLexer lexer_of(const PqlParse *ps)
{
    return (PqlLexer){.arena = ps->a,
                      .start = ps->text.ptr,
                      .cursor = ps->text.ptr,
                      .limit = ps->text.ptr + ps->text.len,
                      .err = ps->err};
}

static bool parse_text(PqlParse *ps)
{
    PqlLexer lx = lexer_of(ps);
    void *parser = PqlGrammarAlloc(mem_alloc, ps);
    do {
        ps->last = pql_lex(&lx);
        if (ps->last.code < 0)
            ps->failed = true;
        else
            PqlGrammar(parser, ps->last.code, ps->last);
        pql_remember(ps, &ps->last);
    } while (!ps->failed && ps->last.code > 0);
    PqlGrammarFree(parser, mem_free);
    return !ps->failed;
}

static bool blank(Slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!strchr(" \t\r\n", s.ptr[i]) || !s.ptr[i])
            return false;
    return true;
}

static bool parse_init(PqlParse *ps, Arena *a, Slice text, const char *features, Err *e)
{
    *ps = (PqlParse){.a = a, .features = features, .err = e};
    if (text.len > PQL_TEXT_MAX)
        return err_set(e, ERR_SYNTAX, "1:1: parse error: query of %zu bytes is longer than %d",
                       text.len, PQL_TEXT_MAX);
    ps->text = arena_slice(a, text);
    if (!slice_utf8_valid(text))
        return pql_error(text, 0, e, "query is not valid UTF-8");
    return !blank(text) || pql_error(text, 0, e, "no expression found in input");
}

bool pql_parse(Arena *a, Slice text, const char *features, PqlExpr **out, Err *e)
{
    PqlParse ps;
    if (!parse_init(&ps, a, text, features, e) || !parse_text(&ps))
        return false;
    must(ps.root);
    *out = ps.root;
    ps.root->text = ps.text;
    return pql_check(&ps, ps.root);
}

/* A name, matchers in braces, or both: the first token of anything else is told of. */
static bool selector_alone(PqlParse *ps)
{
    PqlLexer lx = lexer_of(ps);
    PqlToken t = pql_lex(&lx);
    bool name = t.code > 0 && t.code != PQ_NUMBER &&
                (isalpha((uint8_t)*t.text.ptr) || *t.text.ptr == '_' || *t.text.ptr == ':');
    if (name)
        t = pql_lex(&lx);
    if (t.code == PQ_LBRACE) {
        while (t.code > 0 && lx.braces > 0)
            t = pql_lex(&lx);
        if (t.code > 0)
            t = pql_lex(&lx);
        name = true;
    }
    if (t.code > 0 || !name)
        pql_unexpected(ps, &t);
    return !ps->failed;
}

bool pql_parse_selector(Arena *a, Slice text, PqlMatcher **out, Err *e)
{
    PqlParse ps;
    if (blank(text))
        return pql_error(text, (uint32_t)text.len, e, "unexpected end of input");
    if (!parse_init(&ps, a, text, NULL, e) || !selector_alone(&ps) || !parse_text(&ps))
        return false;
    PqlExpr *x = ps.root;
    if (x->kind != PX_VECTOR)
        return pql_error(text, 0, e, "a series selector is needed, such as {job=\"a\"}");
    *out = ARENA_NEW(a, PqlMatcher);
    x->matchers_only = true; /* an empty one is the caller's to judge */
    if (!pql_check(&ps, x) || !pql_takes_empty(&ps, x, &(*out)->takes_empty))
        return false;
    (*out)->matches = x->matches;
    (*out)->match_count = x->match_count;
    return true;
}

bool pql_matches_all(const PqlMatcher *m)
{
    return m->takes_empty;
}

PqlType pql_type(const PqlExpr *x)
{
    return x->type;
}

bool pql_feature(const char *features, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = features; p && *p;) {
        size_t n = strcspn(p, ",");
        if ((n == len && memcmp(p, name, n) == 0) || (n == 3 && memcmp(p, "all", 3) == 0))
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

/* ---- nodes ---- */

static PqlExpr *node(PqlParse *ps, PqlKind kind, uint32_t begin, uint32_t end, size_t args)
{
    PqlExpr *x = ARENA_NEW(ps->a, PqlExpr);
    x->kind = kind;
    x->begin = begin;
    x->end = end;
    x->depth = 1;
    x->arg_count = args;
    x->args = args ? ARENA_ARRAY(ps->a, PqlExpr *, args) : NULL;
    return x;
}

static PqlExpr *deepen(PqlParse *ps, PqlExpr *x)
{
    for (size_t i = 0; i < x->arg_count; i++)
        if (x->args[i] && x->args[i]->depth >= x->depth)
            x->depth = x->args[i]->depth + 1;
    if (x->depth > PQL_DEPTH_MAX)
        pql_fail(ps, x->begin, "expression is nested too deeply");
    return x;
}

PqlExpr *px_number(PqlParse *ps, const PqlToken *t, bool duration)
{
    PqlExpr *x = node(ps, PX_NUMBER, t->begin, t->end, 0);
    x->number = t->number;
    x->is_duration = duration;
    return x;
}

PqlExpr *px_string(PqlParse *ps, const PqlToken *t)
{
    PqlExpr *x = node(ps, PX_STRING, t->begin, t->end, 0);
    x->string = t->value;
    return x;
}

PqlExpr *px_paren(PqlParse *ps, PqlExpr *inner, uint32_t begin, uint32_t end)
{
    PqlExpr *x = node(ps, PX_PAREN, begin, end, 1);
    x->args[0] = inner;
    return deepen(ps, x);
}

/* step(), range(), min_of(), max_of() are written in any case. */
static const PqlFunction *find_function(Slice name)
{
    static const char *const loose[] = {"step", "range", "min_of", "max_of"};
    for (size_t i = 0; i < ARRAY_LEN(loose); i++)
        if (slice_eq_nocase(name, slice_cstr(loose[i])))
            return pql_function_find(slice_cstr(loose[i]));
    return pql_function_find(name);
}

PqlExpr *px_call(PqlParse *ps, const PqlToken *name, PqlArgs args)
{
    PqlExpr *x = node(ps, PX_CALL, name->begin, args.end, args.count);
    for (size_t i = 0; i < args.count; i++)
        x->args[i] = args.items[i];
    x->func = find_function(name->text);
    if (!pql_plain_call(ps, name))
        return x;
    int len = (int)(name->text.len < 100 ? name->text.len : 100);
    if (!x->func)
        pql_fail(ps, name->begin, "unknown function with name \"%.*s\"", len, name->text.ptr);
    return deepen(ps, x);
}

PqlExpr *px_aggregate(PqlParse *ps, const PqlToken *op, const PqlGrouping *g, PqlArgs args,
                      uint32_t end)
{
    size_t want = op->op >= PA_TOPK ? 2 : 1;
    PqlExpr *x = node(ps, PX_AGGREGATE, op->begin, g && g->end > end ? g->end : end, want);
    x->agg = (PqlAgg)op->op;
    if (g) {
        x->without = g->without;
        x->has_grouping = true;
        x->grouping = g->names;
    }
    if (args.count == 0) {
        pql_fail(ps, x->begin, "no arguments for aggregate expression provided");
    } else if (op->op >= PA_LIMITK && !pql_feature(ps->features, "promql-experimental-functions")) {
        pql_fail(ps, x->begin,
                 "%s() is experimental and must be enabled with "
                 "--enable-feature=promql-experimental-functions",
                 pql_agg_text(x->agg));
    } else if (args.count != want) {
        pql_fail(
            ps, x->begin,
            "wrong number of arguments for aggregate expression provided, expected %zu, got %zu",
            want, args.count);
    } else {
        x->args[0] = args.items[want - 1];
        if (want == 2)
            x->args[1] = args.items[0];
    }
    return deepen(ps, x);
}

PqlExpr *px_selector(PqlParse *ps, const PqlToken *name, const PqlMatchers *m)
{
    PqlExpr *x = node(ps, PX_VECTOR, name ? name->begin : m->begin, m ? m->end : name->end, 0);
    size_t given = m ? m->count : 0;
    if (name && !pql_plain_metric(ps, name))
        return x;
    x->matches = ARENA_ARRAY(ps->a, PqlLabelMatch, given + 1);
    for (size_t i = 0; i < given; i++) {
        x->matches[i] = m->items[i];
        if (name && slice_eq_cstr(m->items[i].name, "__name__"))
            pql_fail(ps, x->begin, "metric name must not be set twice: \"%.*s\" or \"%.*s\"",
                     SLICE_ARG(name->text), SLICE_ARG(m->items[i].value));
    }
    x->match_count = given;
    if (name) {
        x->metric = name->text;
        x->matches[x->match_count++] =
            (PqlLabelMatch){.name = SLICE_LIT("__name__"), .value = name->text, .op = PM_EQ};
    }
    return x;
}

/* A length of time in brackets: a constant, or an expression that is left for later. */
static int64_t period(PqlParse *ps, PqlExpr *owner, PqlExpr *x, PqlExpr **later)
{
    if (x->kind != PX_NUMBER) {
        *later = x;
        if (x->depth >= owner->depth)
            owner->depth = x->depth + 1;
        if (!pql_feature(ps->features, "promql-duration-expr"))
            pql_fail(ps, x->begin, "experimental duration expression is not enabled");
        return 0;
    }
    if (!(fabs(x->number) < SECONDS_MAX)) {
        pql_fail(ps, x->begin, "duration out of range");
        return 0;
    }
    int64_t ms = (int64_t)round(x->number * 1000);
    if (ms <= 0)
        pql_fail(ps, x->begin, "duration must be greater than 0");
    return ms;
}

PqlExpr *px_matrix(PqlParse *ps, PqlExpr *v, PqlExpr *range, uint32_t end)
{
    const char *open = memchr(ps->text.ptr + v->end, '[', ps->text.len - v->end);
    uint32_t at = open ? (uint32_t)(open - ps->text.ptr) : v->begin;
    if (v->kind != PX_VECTOR) {
        pql_fail(ps, at, "ranges only allowed for vector selectors");
        return v;
    }
    if (v->offset_set)
        pql_fail(ps, at, "no offset modifiers allowed before range");
    if (v->at != PT_NONE)
        pql_fail(ps, at, "no @ modifiers allowed before range");
    PqlExpr *x = node(ps, PX_MATRIX, v->begin, end, 1);
    x->args[0] = v;
    x->range_ms = period(ps, x, range, &x->range_expr);
    return deepen(ps, x);
}

PqlExpr *px_subquery(PqlParse *ps, PqlExpr *inner, PqlExpr *range, PqlExpr *step, uint32_t end)
{
    PqlExpr *x = node(ps, PX_SUBQUERY, inner->begin, end, 1);
    x->args[0] = inner;
    x->range_ms = period(ps, x, range, &x->range_expr);
    if (step)
        x->step_ms = period(ps, x, step, &x->step_expr);
    return deepen(ps, x);
}

/* The node that carries offset and @ of x; NULL: it takes none. */
static PqlExpr *timed(PqlExpr *x)
{
    if (x->kind == PX_MATRIX)
        return x->args[0];
    return x->kind == PX_VECTOR || x->kind == PX_SUBQUERY ? x : NULL;
}

static void extend(PqlExpr *x, uint32_t end)
{
    if (end > x->end)
        x->end = end;
}

PqlExpr *px_offset(PqlParse *ps, PqlExpr *x, PqlTime offset, PqlExpr *expr)
{
    PqlExpr *v = timed(x);
    if (!v) {
        pql_fail(ps, x->begin,
                 "offset modifier must be preceded by an instant vector selector or range vector "
                 "selector or a subquery");
        return x;
    }
    if (v->offset_set)
        pql_fail(ps, x->begin, "offset may not be set multiple times");
    if (!(fabs(offset.seconds) < SECONDS_MAX))
        pql_fail(ps, offset.begin, "duration out of range");
    v->offset_set = true;
    v->offset_ms = offset.ms;
    v->offset_expr = expr;
    if (expr && !pql_feature(ps->features, "promql-duration-expr"))
        pql_fail(ps, expr->begin, "experimental duration expression is not enabled");
    if (expr && expr->depth >= v->depth)
        v->depth = expr->depth + 1;
    extend(x, offset.end);
    return deepen(ps, x);
}

static void bad_timestamp(PqlParse *ps, uint32_t at, double v)
{
    char text[400];
    snprintf(text, sizeof text, isnan(v) ? "NaN" : isinf(v) ? (v > 0 ? "+Inf" : "-Inf") : "%f", v);
    pql_fail(ps, at, "timestamp out of bounds for @ modifier: %s", text);
}

PqlExpr *px_at(PqlParse *ps, PqlExpr *x, PqlTime t, PqlAt at)
{
    PqlExpr *v = timed(x);
    if (!v) {
        pql_fail(ps, x->begin,
                 "@ modifier must be preceded by an instant vector selector or range vector "
                 "selector or a subquery");
        return x;
    }
    if (v->at != PT_NONE)
        pql_fail(ps, x->begin, "@ <timestamp> may not be set multiple times");
    if (at == PT_TIME && !(fabs(t.seconds) < SECONDS_MAX))
        bad_timestamp(ps, x->begin, t.seconds);
    v->at = at;
    v->at_ms = t.ms;
    extend(x, t.end);
    return x;
}

PqlExpr *px_smooth(PqlParse *ps, PqlExpr *x, const PqlToken *word, bool smoothed)
{
    const char *name = smoothed ? "smoothed" : "anchored";
    PqlExpr *v = x->kind == PX_SUBQUERY ? NULL : timed(x);
    if (!pql_feature(ps->features, "promql-extended-range-selectors")) {
        pql_fail(ps, x->begin, "%s modifier is experimental and not enabled", name);
    } else if (!v) {
        pql_fail(ps, x->begin,
                 x->kind == PX_SUBQUERY ? "%s modifier is not supported for subqueries"
                                        : "%s modifier not implemented",
                 name);
    } else {
        v->smoothed |= smoothed;
        v->anchored |= !smoothed;
        if (v->smoothed && v->anchored)
            pql_fail(ps, x->begin, "anchored and smoothed modifiers cannot be used together");
        extend(x, word->end);
    }
    return x;
}

PqlExpr *px_unary(PqlParse *ps, const PqlToken *op, PqlExpr *inner)
{
    if (inner->kind == PX_NUMBER) { /* -1 is one number, as Prometheus prints it */
        if (op->code == PQ_SUB)
            inner->number = -inner->number;
        inner->begin = op->begin;
        return inner;
    }
    PqlExpr *x = node(ps, PX_UNARY, op->begin, inner->end, 1);
    x->op = op->code == PQ_SUB ? PO_SUB : PO_ADD;
    x->args[0] = inner;
    return deepen(ps, x);
}

PqlExpr *px_binary(PqlParse *ps, PqlOp op, PqlExpr *left, PqlMatching m, PqlExpr *right)
{
    PqlExpr *x = node(ps, PX_BINARY, left->begin, right->end, 2);
    x->op = op;
    x->op_begin = m.begin;
    x->return_bool = m.return_bool;
    x->card = m.card;
    x->has_matching = m.has;
    x->on = m.on;
    x->matching = m.names;
    x->include = m.include;
    x->fill = m.fill;
    x->args[0] = left;
    x->args[1] = right;
    return deepen(ps, x);
}

/* ---- pieces ---- */

PqlLabelMatch px_matcher(PqlParse *ps, const PqlToken *name, int op, const PqlToken *value)
{
    PqlLabelMatch m = {.name = SLICE_LIT("__name__"),
                       .value = value->value,
                       .op = (PqlMatchOp)op,
                       .begin = name ? name->begin : value->begin,
                       .end = value->end};
    if (name && name->code == PQ_STRING)
        m.name = name->value;
    else if (name)
        m.name = name->text;
    if (m.name.len == 0)
        pql_fail(ps, m.begin, "empty label name in label matching");
    return m;
}

PqlMatchers px_matchers(PqlParse *ps, PqlMatchers list, PqlLabelMatch m)
{
    if (list.count == list.cap) {
        size_t cap = list.cap ? list.cap * 2 : 8;
        PqlLabelMatch *grown = ARENA_ARRAY(ps->a, PqlLabelMatch, cap);
        if (list.count)
            memcpy(grown, list.items, list.count * sizeof *grown);
        list.items = grown;
        list.cap = cap;
    }
    list.items[list.count++] = m;
    return list;
}

PqlArgs px_args(PqlParse *ps, PqlArgs list, PqlExpr *x)
{
    if (list.count == list.cap) {
        size_t cap = list.cap ? list.cap * 2 : 4;
        PqlExpr **grown = ARENA_ARRAY(ps->a, PqlExpr *, cap);
        if (list.count)
            memcpy(grown, list.items, list.count * sizeof *grown);
        list.items = grown;
        list.cap = cap;
    }
    list.items[list.count++] = x;
    return list;
}

PqlNames px_names(PqlParse *ps, PqlNames list, Slice name)
{
    /* grows when the count is a power of two */
    if ((list.count & (list.count - 1)) == 0) {
        Slice *grown = ARENA_ARRAY(ps->a, Slice, list.count ? list.count * 2 : 1);
        if (list.count)
            memcpy(grown, list.names, list.count * sizeof *grown);
        list.names = grown;
    }
    list.names[list.count++] = name;
    return list;
}

Slice px_label(PqlParse *ps, const PqlToken *t)
{
    if (memchr(t->text.ptr, ':', t->text.len))
        pql_fail(ps, t->begin,
                 "unexpected metric identifier \"%.*s\" in grouping opts, expected label",
                 SLICE_ARG(t->text));
    return t->text;
}

PqlTime px_time(const PqlToken *t, int sign)
{
    PqlTime out = {.seconds = t->number * sign, .begin = t->begin, .end = t->end};
    if (!(fabs(t->number) < SECONDS_MAX))
        return out; /* px_offset and px_at say so */
    out.ms = t->code == PQ_DURATION ? t->ms * sign : (int64_t)round(out.seconds * 1000);
    return out;
}

PqlFill px_fill(PqlParse *ps, PqlFill f, bool left, bool right, double v, const PqlToken *at)
{
    if (!pql_feature(ps->features, "promql-binop-fill-modifiers"))
        pql_fail(ps, at->begin, "binop fill modifiers are experimental and not enabled");
    if (left) {
        f.left = true;
        f.left_value = v;
    }
    if (right) {
        f.right = true;
        f.right_value = v;
    }
    return f;
}
