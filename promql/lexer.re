/* promql/lexer.re - the scanner (re2c), strings with Go's escapes, numbers, durations. */
#include "promql/lexer.h"
#include "promql/grammar.h"
#include <math.h>
#include <stdio.h>

static const struct {
    const char *word;
    int code, op;
} keywords[] = {
    {"and", PQ_AND, 0},         {"or", PQ_OR, 0},
    {"unless", PQ_UNLESS, 0},   {"atan2", PQ_ATAN2, 0},
    {"by", PQ_BY, 0},           {"without", PQ_WITHOUT, 0},
    {"on", PQ_ON, 0},           {"ignoring", PQ_IGNORING, 0},
    {"group_left", PQ_GROUP_LEFT, 0}, {"group_right", PQ_GROUP_RIGHT, 0},
    {"bool", PQ_BOOL, 0},       {"offset", PQ_OFFSET, 0},
    {"start", PQ_START, 0},     {"end", PQ_END, 0},
    {"fill", PQ_FILL, 0},       {"fill_left", PQ_FILL_LEFT, 0}, {"fill_right", PQ_FILL_RIGHT, 0},
    {"smoothed", PQ_SMOOTHED, 0}, {"anchored", PQ_ANCHORED, 0},
    {"sum", PQ_AGG, PA_SUM},    {"avg", PQ_AGG, PA_AVG},
    {"count", PQ_AGG, PA_COUNT}, {"min", PQ_AGG, PA_MIN},
    {"max", PQ_AGG, PA_MAX},    {"group", PQ_AGG, PA_GROUP},
    {"stddev", PQ_AGG, PA_STDDEV}, {"stdvar", PQ_AGG, PA_STDVAR},
    {"topk", PQ_AGG, PA_TOPK},  {"bottomk", PQ_AGG, PA_BOTTOMK},
    {"quantile", PQ_AGG, PA_QUANTILE}, {"count_values", PQ_AGG, PA_COUNT_VALUES},
    {"limitk", PQ_AGG, PA_LIMITK}, {"limit_ratio", PQ_AGG, PA_LIMIT_RATIO},
};

static PqlToken fail(PqlLexer *lx, const char *at, const char *what)
{
    pql_error(slice_of(lx->start, (size_t)(lx->limit - lx->start)), (uint32_t)(at - lx->start), lx->err, "%s", what);
    return (PqlToken){.code = -1};
}

static PqlToken token(const PqlLexer *lx, const char *begin, int code)
{
    return (PqlToken){.code = code,
                      .begin = (uint32_t)(begin - lx->start),
                      .end = (uint32_t)(lx->cursor - lx->start),
                      .text = slice_of(begin, (size_t)(lx->cursor - begin))};
}

static PqlToken word(PqlLexer *lx, const char *begin, bool colon)
{
    if (lx->brackets > 0 && *begin == ':') { /* [5m:1m]: no metric name */
        lx->cursor = begin + 1;
        return token(lx, begin, PQ_COLON);
    }
    PqlToken t = token(lx, begin, colon ? PQ_METRIC : PQ_IDENT);
    if (lx->braces > 0 || colon)
        return t;
    if (slice_eq_nocase(t.text, SLICE_LIT("inf")) || slice_eq_nocase(t.text, SLICE_LIT("nan"))) {
        t.code = PQ_NUMBER;
        t.number = (t.text.ptr[0] | 32) == 'i' ? INFINITY : NAN;
        return t;
    }
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (slice_eq_nocase(t.text, slice_cstr(keywords[i].word))) {
            t.code = keywords[i].code;
            t.op = keywords[i].op;
        }
    return t;
}

/* ---- numbers and durations ---- */

bool pql_parse_duration(Slice s, int64_t *ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"y", INT64_C(31536000000)}, {"w", 604800000}, {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t i = 0, next_unit = 0;
    *ms = 0;
    while (i < s.len) {
        size_t digits = i;
        int64_t n;
        while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
            i++;
        if (digits == i || !slice_to_i64(slice_of(s.ptr + digits, i - digits), &n))
            return false;
        size_t unit = i;
        while (i < s.len && s.ptr[i] >= 'a' && s.ptr[i] <= 'z')
            i++;
        for (; next_unit < ARRAY_LEN(units); next_unit++)
            if (slice_eq_cstr(slice_of(s.ptr + unit, i - unit), units[next_unit].unit))
                break;
        if (next_unit == ARRAY_LEN(units) || __builtin_mul_overflow(n, units[next_unit].ms, &n) ||
            __builtin_add_overflow(*ms, n, ms))
            return false;
        next_unit++;
    }
    return s.len > 0;
}

static PqlToken duration(PqlLexer *lx, const char *begin)
{
    PqlToken t = token(lx, begin, PQ_DURATION);
    if (!pql_parse_duration(t.text, &t.ms))
        return fail(lx, begin, "bad number or duration syntax");
    t.number = (double)t.ms / 1000;
    return t;
}

/* Underscores between digits are for the eye only. */
static PqlToken number(PqlLexer *lx, const char *begin)
{
    char text[128];
    size_t n = 0;
    PqlToken t = token(lx, begin, PQ_NUMBER);
    for (size_t i = 0; i < t.text.len; i++) {
        if (n == sizeof text - 1)
            return fail(lx, begin, "number is too long");
        if (t.text.ptr[i] != '_')
            text[n++] = t.text.ptr[i];
    }
    text[n] = 0;
    if (n > 2 && text[0] == '0' && (text[1] | 32) == 'x') {
        for (size_t i = 2; i < n; i++)
            t.number = t.number * 16 + (text[i] <= '9' ? text[i] - '0' : (text[i] | 32) - 'a' + 10);
        return t;
    }
    if (n > 1 && text[0] == '0' && strspn(text, "01234567") == n) { /* Go reads 010 as octal */
        for (size_t i = 1; i < n; i++)
            t.number = t.number * 8 + (text[i] - '0');
        return t;
    }
    if (text[n - 1] == '.')
        n--;
    if (!slice_to_f64(slice_of(text, n), &t.number))
        return fail(lx, begin, "bad number or duration syntax");
    return t;
}

/* ---- strings ---- */

static void put_utf8(Buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_put_u8(b, (uint8_t)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    buf_put_u8(b, (uint8_t)(lead[more] | c >> 6 * more));
    while (more-- > 0)
        buf_put_u8(b, (uint8_t)(0x80 | (c >> 6 * more & 0x3f)));
}

/* Digits of \x, \u, \U, \nnn; -1: not enough of them. */
static int64_t digits(const char **p, const char *end, int base, int count)
{
    int64_t v = 0;
    for (int i = 0; i < count; i++, ++*p) {
        if (*p == end)
            return -1;
        int c = **p | 32, d = **p >= '0' && **p <= '9' ? **p - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
        if (d >= base)
            return -1;
        v = v * base + d;
    }
    return v;
}

/* After the backslash. */
static bool escape(Buf *b, const char **p, const char *end, char quote)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    char c = *(*p)++;
    const char *k = memchr(from, c, 8);
    if (k || c == quote) {
        buf_put_u8(b, (uint8_t)(k ? to[k - from] : quote));
        return true;
    }
    int64_t v;
    switch (c) {
    case 'x':
        v = digits(p, end, 16, 2);
        break;
    case 'u':
    case 'U':
        v = digits(p, end, 16, c == 'u' ? 4 : 8);
        if (v < 0 || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
            return false;
        put_utf8(b, (uint32_t)v);
        return true;
    default:
        --*p;
        v = digits(p, end, 8, 3);
    }
    if (v < 0 || v > 255)
        return false;
    buf_put_u8(b, (uint8_t)v);
    return true;
}

static PqlToken string(PqlLexer *lx, const char *begin)
{
    char quote = *begin;
    Buf b;
    buf_init(&b);
    const char *p = begin + 1;
    bool ok = true;
    while (ok && p < lx->limit && *p != quote && (quote == '`' || *p != '\n')) {
        if (*p == '\\' && quote != '`') {
            p++;
            ok = p < lx->limit && escape(&b, &p, lx->limit, quote);
        } else {
            buf_put_u8(&b, (uint8_t)*p++);
        }
    }
    bool closed = p < lx->limit && *p == quote;
    Slice value = arena_slice(lx->arena, buf_slice(&b));
    buf_free(&b);
    if (!ok)
        return fail(lx, begin, "unknown escape sequence in string");
    if (!closed)
        return fail(lx, begin, quote == '`' ? "unterminated raw string" : "unterminated quoted string");
    lx->cursor = p + 1;
    PqlToken t = token(lx, begin, PQ_STRING);
    t.value = value;
    return t;
}

/* ---- the scanner ---- */

static PqlToken open_one(PqlLexer *lx, const char *begin, int code, int *count)
{
    ++*count;
    if (lx->parens > PQL_DEPTH_MAX)
        return fail(lx, begin, "expression is nested too deeply");
    if (lx->braces > 1)
        return fail(lx, begin, "unexpected left brace '{'");
    if (lx->brackets > 1)
        return fail(lx, begin, "unexpected left bracket '['");
    return token(lx, begin, code);
}

static PqlToken close_one(PqlLexer *lx, const char *begin, int code, int *count)
{
    if (--*count >= 0)
        return token(lx, begin, code);
    return fail(lx, begin, code == PQ_RP   ? "unexpected right parenthesis ')'"
                           : code == PQ_RBRACE ? "unexpected right brace '}'"
                                               : "unexpected right bracket ']'");
}

static PqlToken end_of_text(PqlLexer *lx, const char *begin)
{
    if (lx->braces > 0)
        return fail(lx, begin, "unexpected end of input inside braces");
    if (lx->brackets > 0)
        return fail(lx, begin, "unclosed left bracket");
    return token(lx, begin, 0); /* an open parenthesis: the grammar says what it waits for */
}

static PqlToken unknown(PqlLexer *lx, const char *begin)
{
    char what[96];
    size_t len = slice_utf8_step(slice_of(begin, (size_t)(lx->limit - begin)));
    const char *where = lx->braces > 0 ? " inside braces" : "";
    if (len > 1 || (len == 1 && *begin > 31))
        snprintf(what, sizeof what, "unexpected character%s: '%.*s'", where, (int)len, begin);
    else
        snprintf(what, sizeof what, "unexpected character%s: '\\x%02x'", where, (unsigned char)*begin);
    return fail(lx, begin, what);
}

PqlToken pql_lex(PqlLexer *lx)
{
    const char *begin, *mark;
again:
    begin = lx->cursor;
    /*!re2c
    re2c:define:YYCTYPE = "unsigned char";
    re2c:define:YYCURSOR = lx->cursor;
    re2c:define:YYMARKER = mark;
    re2c:define:YYLIMIT = lx->limit;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;

    digit  = [0-9];
    nums   = digit ("_"? digit)*;
    exp    = [eE] [+-]? nums;
    number = nums ("." nums?)? exp? | "." nums exp?;
    hex    = "0" [xX] [0-9a-fA-F_]+;
    unit   = "ms" | [smhdwy];
    dur    = (digit+ unit)+;
    name   = [a-zA-Z_] [a-zA-Z0-9_]*;
    metric = [a-zA-Z_:] [a-zA-Z0-9_:]*;

    [ \t\n\r]+         { goto again; }
    "#" [^\n\r\x00]*   { goto again; }
    $                  { return end_of_text(lx, begin); }
    hex | number       { return number(lx, begin); }
    dur                { return duration(lx, begin); }
    (number | dur) [a-zA-Z_] { return fail(lx, begin, "bad number or duration syntax"); }
    name               { return word(lx, begin, false); }
    metric             { if (lx->cursor == begin + 1 && *begin == ':') return token(lx, begin, PQ_COLON); return word(lx, begin, true); }
    "'" | "\"" | "`"   { return string(lx, begin); }
    "{"  { return open_one(lx, begin, PQ_LBRACE, &lx->braces); }
    "}"  { return close_one(lx, begin, PQ_RBRACE, &lx->braces); }
    "("  { return open_one(lx, begin, PQ_LP, &lx->parens); }
    ")"  { return close_one(lx, begin, PQ_RP, &lx->parens); }
    "["  { return open_one(lx, begin, PQ_LBRACKET, &lx->brackets); }
    "]"  { return close_one(lx, begin, PQ_RBRACKET, &lx->brackets); }
    ","  { return token(lx, begin, PQ_COMMA); }
    "@"  { return token(lx, begin, PQ_AT); }
    "+"  { return token(lx, begin, PQ_ADD); }
    "-"  { return token(lx, begin, PQ_SUB); }
    "*"  { return token(lx, begin, PQ_MUL); }
    "/"  { return token(lx, begin, PQ_DIV); }
    "%"  { return token(lx, begin, PQ_MOD); }
    "^"  { return token(lx, begin, PQ_POW); }
    "==" { return token(lx, begin, PQ_EQL); }
    "!=" { return token(lx, begin, PQ_NEQ); }
    "=~" { return token(lx, begin, PQ_MATCH); }
    "!~" { return token(lx, begin, PQ_NMATCH); }
    "="  { return token(lx, begin, PQ_ASSIGN); }
    "<"  { return token(lx, begin, PQ_LSS); }
    "</" { return token(lx, begin, PQ_TRIM_UPPER); }
    ">/" { return token(lx, begin, PQ_TRIM_LOWER); }
    "<=" { return token(lx, begin, PQ_LTE); }
    ">"  { return token(lx, begin, PQ_GTR); }
    ">=" { return token(lx, begin, PQ_GTE); }
    *    { return unknown(lx, begin); }
    */
}
