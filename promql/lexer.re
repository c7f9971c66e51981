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

static PqlToken unknown(PqlLexer *lx, const char *begin, const char *what);

/* Between brackets only functions of durations and the colon are known. */
static PqlToken bracket_word(PqlLexer *lx, const char *begin, PqlToken t)
{
    static const char *const words[] = {"step", "range", "min", "max", "min_of", "max_of"};
    char what[64];
    if (*begin == ':') { /* [5m:1m]: no metric name */
        if (lx->colon)
            return fail(lx, begin, "unexpected colon ':'");
        lx->colon = true;
        lx->cursor = begin + 1;
        return token(lx, begin, PQ_COLON);
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_nocase(t.text, slice_cstr(words[i])))
            return t;
    if (lx->fresh)
        return unknown(lx, begin, "unexpected character in duration expression");
    snprintf(what, sizeof what, "unexpected character: '%c', expected ':'", *begin);
    return fail(lx, begin, what);
}

static PqlToken word(PqlLexer *lx, const char *begin, bool colon)
{
    if (lx->braces > 0 && *begin == ':')
        return unknown(lx, begin, "unexpected character");
    if (lx->braces > 0 && colon) { /* names of labels have none */
        lx->cursor = memchr(begin, ':', (size_t)(lx->cursor - begin));
        colon = false;
    }
    PqlToken t = token(lx, begin, colon ? PQ_METRIC : PQ_IDENT);
    if (lx->brackets > 0)
        return bracket_word(lx, begin, t);
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

static bool is_digit(char c, bool hex)
{
    return (c >= '0' && c <= '9') || (hex && ((c | 32) >= 'a' && (c | 32) <= 'f'));
}

static bool one_of(const PqlLexer *lx, const char **p, const char *set)
{
    bool hit = *p < lx->limit && **p && strchr(set, **p);
    *p += hit;
    return hit;
}

/* How far Prometheus reads into what is no number. */
static const char *number_end(const PqlLexer *lx, const char *p)
{
    bool dot = false, exponent = false, hex = false;
    if (one_of(lx, &p, "0") && (hex = one_of(lx, &p, "xX")))
        one_of(lx, &p, "_");
    while (p < lx->limit) {
        if (one_of(lx, &p, ".")) {
            if (dot || one_of(lx, &p, "_.") || hex)
                return p;
            dot = true;
        } else if (!hex && one_of(lx, &p, "eE")) {
            if (exponent)
                return p;
            exponent = true;
            one_of(lx, &p, "+-");
            if (one_of(lx, &p, "._eE"))
                return p;
        } else if (one_of(lx, &p, "_")) {
            if (one_of(lx, &p, "._eE"))
                return p;
        } else if (is_digit(*p, hex)) {
            p++;
        } else {
            break;
        }
    }
    return p;
}

static PqlToken bad_number(PqlLexer *lx, const char *begin)
{
    const char *p = number_end(lx, begin);
    if (one_of(lx, &p, "smhdwy")) {
        bool unit = true;
        one_of(lx, &p, "s");
        while (unit && one_of(lx, &p, "0123456789")) {
            while (one_of(lx, &p, "0123456789"))
                ;
            unit = one_of(lx, &p, "smhdw");
            if (unit)
                one_of(lx, &p, "s");
        }
        if (unit && p < lx->limit)
            p += slice_utf8_step(slice_of(p, (size_t)(lx->limit - p)));
    }
    Slice text = slice_of(begin, (size_t)(p - begin));
    pql_error(slice_of(lx->start, (size_t)(lx->limit - lx->start)), (uint32_t)(begin - lx->start), lx->err,
              "bad number or duration syntax: \"%.*s\"", SLICE_ARG(text));
    return (PqlToken){.code = -1};
}

/* One that cannot be read is none: its units are wrong, or it is too long. */
static PqlToken duration(PqlLexer *lx, const char *begin)
{
    PqlToken t = token(lx, begin, PQ_DURATION);
    if (!pql_parse_duration(t.text, &t.ms)) {
        size_t longest = 0;
        for (size_t i = 0, n = 0; i < t.text.len; i++) {
            n = t.text.ptr[i] >= '0' && t.text.ptr[i] <= '9' ? n + 1 : 0;
            longest = n > longest ? n : longest;
        }
        if (longest > 9)
            return fail(lx, begin, "duration out of range");
        pql_error(slice_of(lx->start, (size_t)(lx->limit - lx->start)), t.begin, lx->err,
                  "not a valid duration string: \"%.*s\"", SLICE_ARG(t.text));
        return (PqlToken){.code = -1};
    }
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
        return bad_number(lx, begin);
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

/* One escape of a string, behind its backslash; what is wrong with it is told as Prometheus does. */
typedef struct Escape {
    const char *p, *end;
    char quote;
    char why[80];
} Escape;

/* As Go's %U and the character: U+0071 'q'. */
static bool bad_escape(Escape *x, const char *fmt)
{
    uint32_t c = 0;
    char what[32];
    size_t len = x->p < x->end ? slice_utf8_step(slice_of(x->p, (size_t)(x->end - x->p))) : 0;
    for (size_t i = 0; i < len; i++)
        c = i == 0 ? (uint8_t)x->p[0] & (len == 1 ? 0x7f : 0x3f >> (len - 1)) : c << 6 | ((uint8_t)x->p[i] & 0x3f);
    snprintf(what, sizeof what, c < 32 ? "U+%04X" : "U+%04X '%.*s'", c, (int)len, x->p);
    snprintf(x->why, sizeof x->why, len ? fmt : "escape sequence not terminated", what);
    return false;
}

static bool escape_digits(Escape *x, uint32_t base, int count, uint32_t max, uint32_t *v)
{
    for (*v = 0; count > 0; count--, x->p++) {
        int c = x->p < x->end ? *x->p | 32 : 0;
        uint32_t d = x->p >= x->end ? 99
                     : *x->p >= '0' && *x->p <= '9' ? (uint32_t)(*x->p - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                                            : 99;
        if (d >= base)
            return bad_escape(x, "illegal character %s in escape sequence");
        *v = *v * base + d;
    }
    if (*v <= max && (*v < 0xd800 || *v >= 0xe000))
        return true;
    snprintf(x->why, sizeof x->why, "escape sequence is an invalid Unicode code point");
    return false;
}

static bool escape(Buf *b, Escape *x)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    char c = x->p < x->end ? *x->p : 0;
    const char *k = c ? memchr(from, c, 8) : NULL;
    uint32_t v = 0;
    if (k || (c && c == x->quote)) {
        x->p++;
        buf_put_u8(b, (uint8_t)(k ? to[k - from] : c));
        return true;
    }
    if (c == 'u' || c == 'U') {
        x->p++;
        if (!escape_digits(x, 16, c == 'u' ? 4 : 8, 0x10ffff, &v))
            return false;
        put_utf8(b, v);
        return true;
    }
    if (c != 'x' && !(c >= '0' && c <= '7'))
        return bad_escape(x, "unknown escape sequence %s");
    x->p += c == 'x';
    if (!escape_digits(x, c == 'x' ? 16 : 8, c == 'x' ? 2 : 3, 255, &v))
        return false;
    buf_put_u8(b, (uint8_t)v);
    return true;
}

static PqlToken string(PqlLexer *lx, const char *begin)
{
    char quote = *begin;
    Buf b;
    if (lx->brackets > 0 && lx->fresh)
        return unknown(lx, begin, "unexpected character in duration expression");
    buf_init(&b);
    const char *p = begin + 1;
    Escape x = {.end = lx->limit, .quote = quote};
    bool ok = true;
    while (ok && p < lx->limit && *p != quote && (quote == '`' || *p != '\n')) {
        if (*p == '\\' && quote != '`') {
            x.p = p + 1;
            ok = escape(&b, &x);
            p = x.p;
        } else {
            buf_put_u8(&b, (uint8_t)*p++);
        }
    }
    bool closed = p < lx->limit && *p == quote;
    Slice value = arena_slice(lx->arena, buf_slice(&b));
    buf_free(&b);
    if (!ok)
        return fail(lx, begin, x.why);
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
    if (lx->braces > 0 && code != PQ_LBRACE)
        return unknown(lx, begin, "unexpected character");
    ++*count;
    if (code == PQ_LBRACKET)
        lx->fresh = true, lx->colon = false;
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
    if (lx->braces > 0 && code != PQ_RBRACE)
        return unknown(lx, begin, "unexpected character");
    if (--*count >= 0)
        return token(lx, begin, code);
    if (code == PQ_RBRACE)
        return unknown(lx, begin, "unexpected character");
    return code == PQ_RP ? fail(lx, begin + 1, "unexpected right parenthesis ')'")
                         : fail(lx, begin, "unexpected right bracket ']'");
}

static PqlToken numeral(PqlLexer *lx, const char *begin, PqlToken (*read)(PqlLexer *lx, const char *begin))
{
    if (lx->braces > 0)
        return unknown(lx, begin, "unexpected character");
    lx->fresh = false;
    return read(lx, begin);
}

static PqlToken end_of_text(PqlLexer *lx, const char *begin)
{
    if (lx->braces > 0)
        return fail(lx, begin, "unexpected end of input inside braces");
    if (lx->brackets > 0 && lx->fresh)
        return fail(lx, begin, "unexpected end of input in duration expression");
    if (lx->parens > 0)
        return fail(lx, begin, "unclosed left parenthesis");
    if (lx->brackets > 0)
        return fail(lx, begin, "unclosed left bracket");
    return token(lx, begin, 0);
}

/* The character at the cursor, quoted as Go does. */
static PqlToken unknown(PqlLexer *lx, const char *begin, const char *what)
{
    char text[96];
    const char *at = begin + (strstr(what, "after") != NULL);
    size_t len = at < lx->limit ? slice_utf8_step(slice_of(at, (size_t)(lx->limit - at))) : 0;
    const char *where = lx->braces > 0 ? " inside braces" : "";
    if (len == 0)
        snprintf(text, sizeof text, "%s%s: '\xef\xbf\xbd'", what, where);
    else if (len > 1 || (uint8_t)*at > 31)
        snprintf(text, sizeof text, *at == '\'' || *at == '\\' ? "%s%s: '\\%.*s'" : "%s%s: '%.*s'", what, where,
                 (int)len, at);
    else if (*at == '\n' || *at == '\t' || *at == '\r')
        snprintf(text, sizeof text, "%s%s: '\\%c'", what, where, *at == '\n' ? 'n' : *at == '\t' ? 't' : 'r');
    else
        snprintf(text, sizeof text, "%s%s: '\\x%02x'", what, where, (unsigned char)*at);
    return fail(lx, begin, text);
}

/* Inside braces only matchers stand, and "==" is twice "="; outside there are none. */
static PqlToken matcher_op(PqlLexer *lx, const char *begin, int code)
{
    if (lx->braces > 0)
        return token(lx, begin, code);
    return unknown(lx, begin, *begin == '=' ? "unexpected character after '='" : "unexpected character after '!'");
}

static PqlToken operator_of(PqlLexer *lx, const char *begin, int code)
{
    if (lx->braces == 0)
        return token(lx, begin, code);
    if (code != PQ_EQL)
        return unknown(lx, begin, "unexpected character");
    lx->cursor = begin + 1;
    return token(lx, begin, PQ_ASSIGN);
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
    hex | number       { return numeral(lx, begin, number); }
    dur                { return numeral(lx, begin, duration); }
    (number | dur | hex) [a-zA-Z_] { return numeral(lx, begin, bad_number); }
    dur digit+         { return numeral(lx, begin, bad_number); }
    "0" [xX]           { return numeral(lx, begin, bad_number); }
    name               { return word(lx, begin, false); }
    metric             { return word(lx, begin, true); }
    "'" | "\"" | "`"   { return string(lx, begin); }
    "{"  { return open_one(lx, begin, PQ_LBRACE, &lx->braces); }
    "}"  { return close_one(lx, begin, PQ_RBRACE, &lx->braces); }
    "("  { return open_one(lx, begin, PQ_LP, &lx->parens); }
    ")"  { return close_one(lx, begin, PQ_RP, &lx->parens); }
    "["  { return open_one(lx, begin, PQ_LBRACKET, &lx->brackets); }
    "]"  { return close_one(lx, begin, PQ_RBRACKET, &lx->brackets); }
    ","  { return token(lx, begin, PQ_COMMA); }
    "@"  { return operator_of(lx, begin, PQ_AT); }
    "+"  { return operator_of(lx, begin, PQ_ADD); }
    "-"  { return operator_of(lx, begin, PQ_SUB); }
    "*"  { return operator_of(lx, begin, PQ_MUL); }
    "/"  { return operator_of(lx, begin, PQ_DIV); }
    "%"  { return operator_of(lx, begin, PQ_MOD); }
    "^"  { return operator_of(lx, begin, PQ_POW); }
    "==" { return operator_of(lx, begin, PQ_EQL); }
    "!=" { return token(lx, begin, PQ_NEQ); }
    "=~" { return matcher_op(lx, begin, PQ_MATCH); }
    "!~" { return matcher_op(lx, begin, PQ_NMATCH); }
    "="  { return token(lx, begin, PQ_ASSIGN); }
    "<"  { return operator_of(lx, begin, PQ_LSS); }
    "</" { return operator_of(lx, begin, PQ_TRIM_UPPER); }
    ">/" { return operator_of(lx, begin, PQ_TRIM_LOWER); }
    "<=" { return operator_of(lx, begin, PQ_LTE); }
    ">"  { return operator_of(lx, begin, PQ_GTR); }
    ">=" { return operator_of(lx, begin, PQ_GTE); }
    "!"  { return unknown(lx, begin, "unexpected character after '!'"); }
    *    { return unknown(lx, begin, "unexpected character"); }
    */
}
