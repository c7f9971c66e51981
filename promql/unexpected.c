/* promql/unexpected.c - what is told of a token that does not fit: in which context, and what could stand there.
 *
 * Prometheus' grammar has rules for errors, and the innermost of them that is open words the message.  Which
 * that is shows in the tokens before: closed brackets are passed over, and the first opener, keyword or
 * aggregation that still waits for something decides. */
#include "promql/grammar.h"
#include "promql/parse_private.h"

typedef struct Context {
    const char *name, *expected;
} Context;

void pql_remember(PqlParse *ps, const PqlToken *t)
{
    if (ps->code_count == ps->code_cap) {
        size_t cap = ps->code_cap ? ps->code_cap * 2 : 64;
        uint8_t *codes = ARENA_ARRAY(ps->a, uint8_t, cap);
        if (ps->code_count)
            memcpy(codes, ps->codes, ps->code_count);
        ps->codes = codes;
        ps->code_cap = cap;
    }
    ps->before = *t;
    ps->codes[ps->code_count++] = t->code > 0 ? (uint8_t)t->code : 0;
}

static int code_at(const PqlParse *ps, size_t i)
{
    return i < ps->code_count ? ps->codes[i] : -1; /* also of "before the first" */
}

static bool is_match_op(int code)
{
    return code == PQ_ASSIGN || code == PQ_NEQ || code == PQ_MATCH || code == PQ_NMATCH;
}

static bool takes_labels(int code)
{
    return code == PQ_BY || code == PQ_WITHOUT || code == PQ_ON || code == PQ_IGNORING ||
           code == PQ_GROUP_LEFT || code == PQ_GROUP_RIGHT;
}

static Context in_braces(int last)
{
    if (last == PQ_LBRACE || last == PQ_COMMA)
        return (Context){"label matching", "identifier or \"}\""};
    if (is_match_op(last))
        return (Context){"label matching", "string"};
    if (last == PQ_STRING || last == PQ_RBRACE)
        return (Context){"label matching", "\",\" or \"}\""};
    return (Context){"label matching", "label matching operator"};
}

static Context in_labels(int last)
{
    if (last == PQ_LP || last == PQ_COMMA)
        return (Context){"grouping opts", "label"};
    return (Context){"grouping opts", "\",\" or \")\""};
}

/* Between "[" at `open` and the token. */
static Context in_brackets(const PqlParse *ps, size_t open)
{
    size_t colon = open;
    for (size_t i = open + 1; i < ps->code_count; i++)
        if (ps->codes[i] == PQ_COLON)
            colon = i;
    if (colon == open)
        return open + 1 == ps->code_count
                   ? (Context){"subquery or range selector", "number, duration, step(), or range()"}
                   : (Context){"subquery or range", "\":\" or \"]\""};
    if (colon + 1 == ps->code_count)
        return (Context){"subquery selector", "number, duration, step(), range(), or \"]\""};
    return (Context){"subquery selector", "\"]\""};
}

/* The opener of the bracket that is closed at i. */
static size_t opener(const PqlParse *ps, size_t i)
{
    int depth = 0;
    for (;; i--) {
        int c = code_at(ps, i);
        depth += c == PQ_RP || c == PQ_RBRACKET || c == PQ_RBRACE;
        depth -= c == PQ_LP || c == PQ_LBRACKET || c == PQ_LBRACE;
        if (depth == 0 || i == 0)
            return i;
    }
}

/* OFFSET and AT wait for what stands behind them, signs and words of it included. */
static bool waits(const PqlParse *ps, size_t at)
{
    for (size_t i = at + 1; i < ps->code_count; i++) {
        int c = code_at(ps, i);
        if (c != PQ_ADD && c != PQ_SUB && c != PQ_START && c != PQ_END && c != PQ_LP)
            return false;
    }
    return true;
}

/* By and without are names but for behind an aggregation. */
static bool groups(const PqlParse *ps, size_t at)
{
    int c = code_at(ps, at), before = at ? code_at(ps, at - 1) : -1;
    bool either = c == PQ_BY || c == PQ_WITHOUT;
    return at > 0 && (!either || before == PQ_AGG || before == PQ_RP);
}

static bool keyword_context(const PqlParse *ps, size_t at, Context *out)
{
    int c = code_at(ps, at);
    bool last = at + 1 == ps->code_count;
    if (c == PQ_OFFSET && at > 0 && waits(ps, at))
        *out = (Context){"offset", "number, duration, step(), or range()"};
    else if (c == PQ_AT && waits(ps, at))
        *out = (Context){"@", "timestamp"};
    else if (takes_labels(c) && last && groups(ps, at))
        *out = (Context){"grouping opts", "\"(\""};
    else
        return false;
    return true;
}

/* An open parenthesis at i: of labels, of an aggregation, or of no matter. */
static bool parenthesis_context(const PqlParse *ps, size_t i, Context *out)
{
    int before = i ? code_at(ps, i - 1) : -1;
    if (takes_labels(before) && i > 1 && groups(ps, i - 1)) {
        *out = in_labels(code_at(ps, ps->code_count - 1));
        return true;
    }
    *out = (Context){"aggregation", NULL};
    if (before == PQ_AGG)
        return true;
    if (before != PQ_RP)
        return false;
    size_t open = opener(ps, i - 1);
    return open >= 2 && takes_labels(code_at(ps, open - 1)) && code_at(ps, open - 2) == PQ_AGG;
}

static Context context_of(const PqlParse *ps)
{
    Context found;
    for (size_t i = ps->code_count; i-- > 0;) {
        int c = code_at(ps, i);
        if (c == PQ_RP || c == PQ_RBRACKET || c == PQ_RBRACE) {
            i = opener(ps, i);
            bool last = i > 1 && opener(ps, ps->code_count - 1) == i;
            if (last && takes_labels(code_at(ps, i - 1)) && code_at(ps, i - 2) == PQ_AGG)
                return (Context){"aggregation", NULL}; /* sum by (a) ... */
        } else if (c == PQ_LBRACE) {
            return in_braces(code_at(ps, ps->code_count - 1));
        } else if (c == PQ_LBRACKET) {
            return in_brackets(ps, i);
        } else if (c == PQ_LP ? parenthesis_context(ps, i, &found)
                              : keyword_context(ps, i, &found)) {
            return found;
        }
    }
    return (Context){NULL, NULL};
}

/* ---- the token ---- */
typedef struct Word {
    const char *kind; /* before it; NULL: none */
    const char *open, *close;
    size_t max; /* characters; 0: all */
} Word;

static Word word_of(int code)
{
    switch (code) {
    case PQ_AGG:
        return (Word){NULL, "<aggr:", ">", 0};
    case PQ_IDENT:
        return (Word){"identifier ", "\"", "\"", 0};
    case PQ_METRIC:
        return (Word){"metric identifier ", "\"", "\"", 0};
    case PQ_NUMBER:
        return (Word){"number ", "\"", "\"", 10};
    case PQ_DURATION:
        return (Word){"duration ", "\"", "\"", 10};
    case PQ_STRING:
        return (Word){"string ", "\"", "\"", 10};
    case PQ_LP:
    case PQ_RP:
    case PQ_LBRACE:
    case PQ_RBRACE:
    case PQ_LBRACKET:
    case PQ_RBRACKET:
    case PQ_COMMA:
    case PQ_COLON:
    case PQ_ASSIGN:
        return (Word){NULL, "\"", "\"", 0};
    case PQ_ADD:
    case PQ_SUB:
    case PQ_MUL:
    case PQ_DIV:
    case PQ_MOD:
    case PQ_POW:
    case PQ_EQL:
    case PQ_NEQ:
    case PQ_LSS:
    case PQ_LTE:
    case PQ_GTR:
    case PQ_GTE:
    case PQ_MATCH:
    case PQ_NMATCH:
    case PQ_TRIM_UPPER:
    case PQ_TRIM_LOWER:
    case PQ_AT:
    case PQ_AND:
    case PQ_OR:
    case PQ_UNLESS:
    case PQ_ATAN2:
        return (Word){NULL, "<op:", ">", 0};
    default:
        return (Word){NULL, "<", ">", 0};
    }
}

/* As Go's %q has it. */
static void put_text(Buf *b, Slice s, bool quoted, size_t max)
{
    size_t n = 0, i = 0;
    for (size_t step; i < s.len && (max == 0 || n < max); i += step, n++) {
        step = slice_utf8_step(slice_of(s.ptr + i, s.len - i));
        step = step ? step : 1;
        if (quoted && (s.ptr[i] == '"' || s.ptr[i] == '\\'))
            buf_put_u8(b, '\\');
        if (quoted && (s.ptr[i] == '\n' || s.ptr[i] == '\t'))
            buf_puts(b, s.ptr[i] == '\n' ? "\\n" : "\\t");
        else
            buf_put(b, s.ptr + i, step);
    }
}

static void put_token(Buf *b, const PqlToken *t)
{
    if (t->code == 0) {
        buf_puts(b, "end of input");
        return;
    }
    Word w = word_of(t->code);
    bool cut = w.max && slice_utf8_count(t->text, t->text.len) > w.max;
    buf_puts(b, w.kind ? w.kind : "");
    buf_puts(b, w.open);
    put_text(b, t->text, w.open[0] == '"', cut ? w.max : 0);
    buf_puts(b, w.close);
    buf_puts(b, cut ? "..." : "");
}

static void tell(PqlParse *ps, const PqlToken *t, Context c)
{
    Buf b;
    buf_init(&b);
    put_token(&b, t);
    pql_fail(ps, t->begin, "unexpected %.*s%s%s%s%s", SLICE_ARG(buf_slice(&b)),
             c.name ? " in " : "", c.name ? c.name : "", c.expected ? ", expected " : "",
             c.expected ? c.expected : "");
    buf_free(&b);
}

/* An open parenthesis of arguments at the innermost place. */
static bool in_arguments(const PqlParse *ps)
{
    for (size_t i = ps->code_count; i-- > 0;) {
        int c = code_at(ps, i), before = i ? code_at(ps, i - 1) : -1;
        if (c == PQ_RP || c == PQ_RBRACKET || c == PQ_RBRACE)
            i = opener(ps, i);
        else if (c == PQ_LP)
            return before == PQ_IDENT || before == PQ_AGG || before == PQ_START ||
                   before == PQ_END || before == PQ_RP;
        else if (c == PQ_LBRACE || c == PQ_LBRACKET)
            return false;
    }
    return false;
}

void pql_unexpected(PqlParse *ps, const PqlToken *t)
{
    size_t n = ps->code_count;
    Context c = context_of(ps);
    bool labels = c.name && strcmp(c.name, "grouping opts") == 0;
    int before = n > 1 ? code_at(ps, n - 2) : -1;
    if (n > 1 && code_at(ps, n - 1) == PQ_COMMA && !labels && in_arguments(ps))
        pql_fail(ps, ps->before.begin, "trailing commas not allowed in function call args");
    else if (n > 1 &&
             (before == PQ_OFFSET || ((before == PQ_ADD || before == PQ_SUB) && n > 2 &&
                                      code_at(ps, n - 3) == PQ_OFFSET)) &&
             ps->before.code != PQ_LP && ps->before.code != PQ_ADD && ps->before.code != PQ_SUB &&
             ps->before.code != PQ_NUMBER && ps->before.code != PQ_DURATION)
        tell(ps, &ps->before, (Context){"offset", "number, duration, step(), or range()"});
    else
        tell(ps, t, c);
}

/* ---- words that the grammar takes for names, so that labels may be called so ---- */
bool pql_plain_call(PqlParse *ps, const PqlToken *name)
{
    bool plain = name->code == PQ_IDENT || name->code == PQ_START || name->code == PQ_END;
    if (plain || !pql_plain_metric(ps, name))
        return plain;
    const char *open = memchr(ps->text.ptr + name->end, '(', ps->text.len - name->end);
    PqlToken t = {.code = PQ_LP, .text = SLICE_LIT("(")};
    t.begin = open ? (uint32_t)(open - ps->text.ptr) : name->end;
    tell(ps, &t, (Context){NULL, NULL});
    return false;
}

bool pql_plain_metric(PqlParse *ps, const PqlToken *name)
{
    static const int never[] = {PQ_ON,          PQ_IGNORING, PQ_GROUP_LEFT,
                                PQ_GROUP_RIGHT, PQ_BOOL,     PQ_ATAN2};
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (name->code == never[i]) {
            tell(ps, name, (Context){NULL, NULL});
            return false;
        }
    return true;
}
