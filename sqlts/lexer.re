/* sqlts/lexer.re - the scanner (re2c), and the small state machines inside strings and comments.
 * Rules are those of PostgreSQL's scan.l with standard_conforming_strings on. */
#include "sqlts/lexer.h"
#include "exec/func_text.h"
#include "sqlts/grammar.h"
#include <ctype.h>
#include <strings.h>

enum { OPERATOR_MAX = 64 };

static bool lex_string(Lexer *lx, Token *t);
static bool lex_escape_string(Lexer *lx, Token *t);
static bool lex_dollar_string(Lexer *lx, Token *t, size_t tag_len);
static bool lex_quoted_name(Lexer *lx, Token *t);
static bool lex_unicode(Lexer *lx, Token *t);
static bool lex_comment(Lexer *lx, const char *begin);
static int lex_operator(Lexer *lx, Token *t, const char *begin);
static void lex_fold(Lexer *lx, Token *t, const char *begin);

void lex_init(Lexer *lx, Arena *a, Slice whole, Err *e)
{
    *lx = (Lexer){.arena = a, .start = whole.ptr, .cursor = whole.ptr, .limit = whole.ptr + whole.len,
                  .peeked = -1, .err = e};
}

static bool lex_fail(Lexer *lx, const char *at, ErrCode code, const char *what)
{
    err_set(lx->err, code, "%s", what);
    return err_at(lx->err, err_position(slice_of(lx->start, (size_t)(lx->limit - lx->start)),
                                        (size_t)(at - lx->start)));
}

/* The message with the text from `at` to the cursor (or the end), as PostgreSQL prints it. */
static bool lex_fail_near(Lexer *lx, const char *at, const char *what)
{
    size_t len = (size_t)(lx->cursor - at);
    err_set(lx->err, ERR_SYNTAX, "%s at or near \"%.*s\"", what, (int)(len > 200 ? 200 : len), at);
    return err_at(lx->err, err_position(slice_of(lx->start, (size_t)(lx->limit - lx->start)),
                                        (size_t)(at - lx->start)));
}

/* QuestDB's units, and what they are in PostgreSQL's words. */
static const struct {
    const char *unit, *text;
} duration_units[] = {{"n", "nanosecond"}, {"us", "microsecond"}, {"U", "microsecond"}, {"ms", "millisecond"},
                      {"T", "millisecond"}, {"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"},
                      {"w", "week"}, {"M", "month"}, {"y", "year"}};

static const char *duration_unit(const char *unit, const char *end)
{
    for (size_t i = 0; i < ARRAY_LEN(duration_units); i++)
        if (slice_eq_cstr(slice_of(unit, (size_t)(end - unit)), duration_units[i].unit))
            return duration_units[i].text;
    return NULL;
}

static bool is_duration(const char *begin, const char *end)
{
    while (begin < end && *begin >= '0' && *begin <= '9')
        begin++;
    return duration_unit(begin, end) != NULL;
}

static int token_done(Lexer *lx, Token *t, const char *begin, int code)
{
    t->text = slice_of(begin, (size_t)(lx->cursor - begin));
    t->offset = (uint32_t)(begin - lx->start);
    t->end = (uint32_t)(lx->cursor - lx->start);
    return code;
}

/* A token whose text is decoded by a function that moves the cursor. */
#define DECODED(call, code) return (call) ? token_done(lx, t, begin, code) : LEX_ERROR

int lex_next(Lexer *lx, Token *t)
{
    const char *begin, *mark;
    t->value = SLICE_NONE;
again:
    begin = lx->cursor;
    /*!re2c
    re2c:define:YYCTYPE = "unsigned char";
    re2c:define:YYCURSOR = lx->cursor;
    re2c:define:YYMARKER = mark;
    re2c:define:YYLIMIT = lx->limit;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;

    space    = [ \t\n\r\f\v];
    digit    = [0-9];
    start    = [A-Za-z_\x80-\xff];
    cont     = [A-Za-z0-9_$\x80-\xff];
    name     = start cont*;
    tag      = start [A-Za-z0-9_\x80-\xff]*;
    opchar   = [~!@#^&|`?+*/%<>=-];
    decimal  = digit+ "." digit* | "." digit+;
    real     = (digit+ | decimal) [Ee] [+-]? digit+;

    space+            { goto again; }
    "--" [^\n\r\x00]* { goto again; }
    "/" "*"           { if (!lex_comment(lx, begin)) return LEX_ERROR; goto again; }
    $                 { token_done(lx, t, begin, 0); return LEX_END; }

    "'"               { DECODED(lex_string(lx, t), TK_SCONST); }
    [Nn] "'"          { DECODED(lex_string(lx, t), TK_SCONST); }
    [Ee] "'"          { DECODED(lex_escape_string(lx, t), TK_SCONST); }
    [Uu] "&'"         { DECODED(lex_string(lx, t) && lex_unicode(lx, t), TK_SCONST); }
    [Bb] "'"          { DECODED(lex_string(lx, t), TK_BCONST); }
    [Xx] "'"          { DECODED(lex_string(lx, t), TK_XCONST); }
    "\""              { DECODED(lex_quoted_name(lx, t), TK_IDENT); }
    [Uu] "&\""        { DECODED(lex_quoted_name(lx, t) && lex_unicode(lx, t), TK_IDENT); }
    "$" tag? "$"      { DECODED(lex_dollar_string(lx, t, (size_t)(lx->cursor - begin)), TK_SCONST); }

    "$" digit+        {
        t->value = slice_of(begin + 1, (size_t)(lx->cursor - begin) - 1);
        return token_done(lx, t, begin, TK_PARAM);
    }
    "$" digit+ name   { lex_fail_near(lx, begin, "trailing junk after parameter"); return LEX_ERROR; }
    digit+            {
        t->value = slice_of(begin, (size_t)(lx->cursor - begin));
        return token_done(lx, t, begin, TK_ICONST);
    }
    digit+ ".."       {
        lx->cursor -= 2;
        t->value = slice_of(begin, (size_t)(lx->cursor - begin));
        return token_done(lx, t, begin, TK_ICONST);
    }
    decimal | real    {
        t->value = slice_of(begin, (size_t)(lx->cursor - begin));
        return token_done(lx, t, begin, TK_FCONST);
    }
    (digit+ | decimal | real) name | (digit+ | decimal) [Ee] [+-] {
        lex_fail_near(lx, begin, "trailing junk after numeric literal");
        if (is_duration(begin, lx->cursor))
            err_hint(lx->err, "Durations are texts: INTERVAL '%.*s'.", (int)(lx->cursor - begin), begin);
        return LEX_ERROR;
    }

    name              {
        lex_fold(lx, t, begin);
        if (t->value.len > 255) {
            lex_fail(lx, begin, ERR_NAME_TOO_LONG, "identifier is longer than 255 bytes");
            return LEX_ERROR;
        }
        int code = keyword_token(t->value);
        return token_done(lx, t, begin, code ? code : TK_IDENT);
    }

    "("  { return token_done(lx, t, begin, TK_LP); }
    ")"  { return token_done(lx, t, begin, TK_RP); }
    "["  { return token_done(lx, t, begin, TK_LB); }
    "]"  { return token_done(lx, t, begin, TK_RB); }
    ","  { return token_done(lx, t, begin, TK_COMMA); }
    ";"  { return token_done(lx, t, begin, TK_SEMI); }
    "."  { return token_done(lx, t, begin, TK_DOT); }
    ".." { lex_fail_near(lx, begin, "syntax error"); return LEX_ERROR; }
    ":"  { return token_done(lx, t, begin, TK_COLON); }
    "::" { return token_done(lx, t, begin, TK_TYPECAST); }
    ":=" { return token_done(lx, t, begin, TK_COLON_EQUALS); }

    opchar { return lex_operator(lx, t, begin); }

    * {
        /* the whole character, so that the message is valid UTF-8 */
        while (lx->cursor < lx->limit && ((unsigned char)*lx->cursor & 0xc0) == 0x80)
            lx->cursor++;
        lex_fail_near(lx, begin, "syntax error");
        return LEX_ERROR;
    }
    */
}

/* An operator ends before a comment; a trailing + or - belongs to the operand unless the operator has
 * one of the characters that SQL's own operators lack. */
static int lex_operator(Lexer *lx, Token *t, const char *begin)
{
    /* not by the scanner: a long row of signs is many operators, and would be read for each of them */
    size_t room = (size_t)(lx->limit - begin), len = 0;
    while (len < room && len < OPERATOR_MAX && strchr("~!@#^&|`?+-*/%<>=", begin[len]))
        len++;
    for (size_t i = 0; i + 1 < len; i++) {
        bool comment = (begin[i] == '-' && begin[i + 1] == '-') || (begin[i] == '/' && begin[i + 1] == '*');
        if (comment && i > 0) {
            len = i;
            break;
        }
    }
    if (len > 1 && (begin[len - 1] == '+' || begin[len - 1] == '-')) {
        bool special = false;
        for (size_t i = 0; i < len; i++)
            special |= memchr("~!@#^&|`?%", begin[i], 10) != NULL;
        while (!special && len > 1 && (begin[len - 1] == '+' || begin[len - 1] == '-'))
            len--;
    }
    lx->cursor = begin + len;
    t->value = slice_of(begin, len);
    if (len == 1) {
        static const char singles[] = "+-*/%^<>=";
        static const int codes[] = {TK_PLUS, TK_MINUS, TK_STAR, TK_SLASH, TK_PERCENT, TK_CARET, TK_LT, TK_GT, TK_EQ};
        const char *at = memchr(singles, begin[0], sizeof singles - 1);
        if (at)
            return token_done(lx, t, begin, codes[at - singles]);
    }
    if (len == 2) {
        static const struct {
            char text[3];
            int code;
        } pairs[] = {{"<=", TK_LE}, {">=", TK_GE}, {"<>", TK_NE}, {"!=", TK_NE}, {"=>", TK_EQUALS_GREATER}};
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
            if (memcmp(begin, pairs[i].text, 2) == 0) {
                if (pairs[i].code == TK_NE)
                    t->value = SLICE_LIT("<>");
                return token_done(lx, t, begin, pairs[i].code);
            }
        }
    }
    if (len >= OPERATOR_MAX) {
        lex_fail(lx, begin, ERR_NAME_TOO_LONG, "operator too long");
        return LEX_ERROR;
    }
    return token_done(lx, t, begin, TK_OP);
}

/* Names are folded as ASCII; bytes beyond it stay. */
static void lex_fold(Lexer *lx, Token *t, const char *begin)
{
    size_t len = (size_t)(lx->cursor - begin);
    t->value = slice_of(begin, len);
    for (size_t i = 0; i < len; i++) {
        if (begin[i] < 'A' || begin[i] > 'Z')
            continue;
        char *copy = arena_alloc(lx->arena, len + 1);
        for (size_t j = 0; j < len; j++)
            copy[j] = begin[j] >= 'A' && begin[j] <= 'Z' ? (char)(begin[j] | 32) : begin[j];
        copy[len] = 0;
        t->value = slice_of(copy, len);
        return;
    }
}

/* Nested, as in SQL. */
static bool lex_comment(Lexer *lx, const char *begin)
{
    int depth = 1;
    const char *p = lx->cursor;
    while (depth > 0) {
        const char *next = p;
        while (next < lx->limit && *next != '*' && *next != '/')
            next++;
        if (next + 1 >= lx->limit) {
            lx->cursor = lx->limit;
            return lex_fail_near(lx, begin, "unterminated /* comment");
        }
        p = next + 1;
        if (next[0] == '*' && next[1] == '/') {
            depth--;
            p++;
        } else if (next[0] == '/' && next[1] == '*') {
            depth++;
            p++;
        }
    }
    lx->cursor = p;
    return true;
}

/* After a closing quote: blanks that hold a line end, then another quote, continue the string. */
static bool lex_continues(Lexer *lx)
{
    const char *p = lx->cursor;
    bool newline = false;
    while (p < lx->limit) {
        if (*p == '\n' || *p == '\r') {
            newline = true;
            p++;
        } else if (*p == ' ' || *p == '\t' || *p == '\f' || *p == '\v') {
            p++;
        } else if (newline && p + 1 < lx->limit && p[0] == '-' && p[1] == '-') {
            while (p < lx->limit && *p != '\n' && *p != '\r')
                p++;
        } else {
            break;
        }
    }
    if (!newline || p >= lx->limit || *p != '\'')
        return false;
    lx->cursor = p + 1;
    return true;
}

/* The cursor stands behind the opening quote.  Bytes are copied only if a quote is doubled or the
 * string goes on in another line. */
static bool lex_quoted(Lexer *lx, Token *t, char quote, const char *unterminated)
{
    const char *open = lx->cursor - 1, *p = lx->cursor;
    const char *end = memchr(p, quote, (size_t)(lx->limit - p));
    if (!end) {
        lx->cursor = lx->limit;
        return lex_fail_near(lx, open, unterminated);
    }
    lx->cursor = end + 1;
    bool doubled = end + 1 < lx->limit && end[1] == quote;
    if (!doubled && !(quote == '\'' && lex_continues(lx))) {
        t->value = slice_of(p, (size_t)(end - p));
        return true;
    }
    /* worst case: everything up to the end of the text; copy into a heap buffer first */
    Buf b;
    buf_init(&b);
    lx->cursor = end + 1;
    for (;;) {
        buf_put(&b, p, (size_t)(end - p));
        if (end + 1 < lx->limit && end[1] == quote) {
            buf_put(&b, &quote, 1);
            p = end + 2;
        } else {
            lx->cursor = end + 1;
            if (quote != '\'' || !lex_continues(lx))
                break;
            p = lx->cursor;
        }
        end = memchr(p, quote, (size_t)(lx->limit - p));
        if (!end) {
            buf_free(&b);
            lx->cursor = lx->limit;
            return lex_fail_near(lx, open, unterminated);
        }
    }
    t->value = arena_slice(lx->arena, buf_slice(&b));
    buf_free(&b);
    return true;
}

static bool lex_string(Lexer *lx, Token *t)
{
    return lex_quoted(lx, t, '\'', "unterminated quoted string");
}

static bool lex_quoted_name(Lexer *lx, Token *t)
{
    const char *open = lx->cursor - 1;
    if (!lex_quoted(lx, t, '"', "unterminated quoted identifier"))
        return false;
    if (t->value.len == 0)
        return lex_fail_near(lx, open, "zero-length delimited identifier");
    if (t->value.len > 255)
        return lex_fail(lx, open, ERR_NAME_TOO_LONG, "identifier is longer than 255 bytes");
    return true;
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        p++;
    return p;
}

/* UESCAPE 'c' behind the literal; without it the backslash escapes. */
static bool lex_uescape(Lexer *lx, char *escape)
{
    const char *p = skip_blanks(lx->cursor);
    *escape = '\\';
    if (lx->limit - p < 7 || strncasecmp(p, "uescape", 7) != 0 ||
        (p[7] != '\'' && skip_blanks(p + 7) == p + 7))
        return true;
    p = skip_blanks(p + 7);
    if (*p != '\'')
        return lex_fail(lx, p, ERR_SYNTAX, "UESCAPE must be followed by a simple string literal");
    char c = p[1];
    if (lx->limit - p < 3 || p[2] != '\'' || isxdigit((unsigned char)c) ||
        (c && strchr("+'\" \t\n\r\f\v", c)))
        return lex_fail(lx, p, ERR_SYNTAX, "invalid Unicode escape character");
    *escape = c;
    lx->cursor = p + 3;
    return true;
}

/* U&'..' */
static bool lex_unicode(Lexer *lx, Token *t)
{
    Slice s = t->value;
    char escape;
    if (!lex_uescape(lx, &escape))
        return false;
    if (!memchr(s.ptr ? s.ptr : "", escape, s.len))
        return true;
    Buf b;
    buf_init(&b);
    uint32_t high = 0, c;
    const char *p = s.ptr, *end = s.ptr + s.len;
    bool ok = true;
    while (p < end && ok) {
        if (*p != escape) {
            ok = !high;
            buf_put(&b, p++, 1);
        } else if (p + 1 < end && p[1] == escape) {
            ok = !high;
            buf_put(&b, p, 1);
            p += 2;
        } else if (p + 1 < end && p[1] == '+' && text_hex(p + 2, end, 6, &c)) {
            ok = utf16_put(&b, c, &high);
            p += 8;
        } else if (text_hex(p + 1, end, 4, &c)) {
            ok = utf16_put(&b, c, &high);
            p += 5;
        } else {
            ok = false;
        }
    }
    ok = ok && !high;
    t->value = arena_slice(lx->arena, buf_slice(&b));
    buf_free(&b);
    return ok || lex_fail(lx, lx->cursor - 1, ERR_SYNTAX, "invalid Unicode escape");
}

/* One escape of E'..' behind the backslash; moves *p. */
static bool escape_one(Buf *b, const char **pp, const char *limit, uint32_t *high)
{
    const char *p = *pp;
    uint32_t c = 0;
    static const char letters[] = "bfnrt", values[] = "\b\f\n\r\t";
    const char *at = memchr(letters, *p, sizeof letters - 1);
    if (*p == 'u' || *p == 'U') {
        int digits = *p == 'u' ? 4 : 8;
        if (!text_hex(p + 1, limit, digits, &c) || !utf16_put(b, c, high))
            return false;
        *pp = p + 1 + digits;
        return true;
    }
    if (*high)
        return false;
    if (at) {
        buf_put(b, &values[at - letters], 1);
        p++;
    } else if (*p >= '0' && *p <= '7') {
        for (int i = 0; i < 3 && p < limit && *p >= '0' && *p <= '7'; i++)
            c = c * 8 + (uint32_t)(*p++ - '0');
        buf_put_u8(b, (uint8_t)c);
    } else if (*p == 'x' && text_hex(p + 1, limit, 1, &c)) {
        int digits = text_hex(p + 1, limit, 2, &c) ? 2 : 1;
        p += 1 + digits;
        buf_put_u8(b, (uint8_t)c);
    } else {
        buf_put(b, p++, 1);
    }
    *pp = p;
    return true;
}

static bool lex_escape_string(Lexer *lx, Token *t)
{
    const char *open = lx->cursor - 2, *p = lx->cursor;
    Buf b;
    buf_init(&b);
    uint32_t high = 0;
    const char *why = "unterminated quoted string";
    while (p < lx->limit) {
        if (*p == '\\' && p + 1 < lx->limit) {
            const char *escape = p++;
            if (!escape_one(&b, &p, lx->limit, &high)) {
                buf_free(&b);
                return lex_fail(lx, escape, ERR_INVALID_ESCAPE, "invalid Unicode escape");
            }
        } else if (*p == '\'' && p + 1 < lx->limit && p[1] == '\'') {
            buf_put(&b, p, 1);
            p += 2;
        } else if (*p == '\'') {
            lx->cursor = p + 1;
            if (!lex_continues(lx)) {
                why = high ? "invalid Unicode escape" : NULL;
                break;
            }
            p = lx->cursor;
        } else {
            buf_put(&b, p++, 1);
        }
    }
    t->value = arena_slice(lx->arena, buf_slice(&b));
    buf_free(&b);
    if (why) {
        lx->cursor = lx->limit;
        return lex_fail_near(lx, open, why);
    }
    if (memchr(t->value.ptr, 0, t->value.len) || !slice_utf8_valid(t->value))
        return lex_fail(lx, open, ERR_CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\"");
    return true;
}

static bool lex_dollar_string(Lexer *lx, Token *t, size_t tag_len)
{
    const char *body = lx->cursor, *tag = lx->cursor - tag_len;
    const char *end = memmem(body, (size_t)(lx->limit - body), tag, tag_len);
    if (!end) {
        lx->cursor = lx->limit;
        return lex_fail_near(lx, tag, "unterminated dollar-quoted string");
    }
    t->value = slice_of(body, (size_t)(end - body));
    lx->cursor = end + tag_len;
    return true;
}

/* ---- words of time-series dialects ---- */

static int raw_token(Lexer *lx, Token *out)
{
    if (lx->peeked < 0)
        return lex_next(lx, out);
    *out = lx->ahead;
    int code = lx->peeked;
    lx->peeked = -1;
    return code;
}

/* The codes of the next tokens, without moving. */
static size_t look_ahead(const Lexer *lx, int *codes, size_t max)
{
    Lexer ahead = *lx;
    Token token;
    Err ignored;
    size_t n = 0;
    ahead.err = &ignored;
    err_clear(&ignored);
    while (n < max && (codes[n] = raw_token(&ahead, &token)) > 0)
        n++;
    return n;
}

/* LATEST ON a.b PARTITION: no alias is followed so. */
static bool is_latest(const int *codes, size_t n)
{
    size_t i = 1;
    if (n < 3 || codes[0] != TK_ON)
        return false;
    for (; i + 2 < n && codes[i + 1] == TK_DOT; i += 2)
        ;
    return i + 1 < n && codes[i + 1] == TK_PARTITION;
}

/* Two words become one token. */
static int join_words(Lexer *lx, Token *out, int code)
{
    Token second;
    if (raw_token(lx, &second) == LEX_ERROR)
        return LEX_ERROR;
    out->end = second.end;
    return code;
}

/* Behind these stands a name. */
static bool wants_name(int last)
{
    return last == TK_FROM || last == TK_JOIN || last == TK_COMMA || last == TK_AS || last == TK_DOT ||
           last == TK_LP || last == TK_ONLY || last == TK_SELECT;
}

static int dialect_word(Lexer *lx, Token *out)
{
    static const struct {
        const char *word;
        int code;
    } sample_words[] = {{"fill", TK_FILL},
                        {"align", TK_ALIGN},
                        {"calendar", TK_CALENDAR},
                        {"observation", TK_OBSERVATION}};
    int codes[8];
    if (out->text.ptr[0] == '"' || wants_name(lx->last))
        return TK_IDENT;
    for (size_t i = 0; lx->sampling && i < ARRAY_LEN(sample_words); i++)
        if (slice_eq_cstr(out->value, sample_words[i].word))
            return sample_words[i].code;
    if ((lx->last == LEX_END || lx->last == TK_SEMI) && slice_eq_cstr(out->value, "tql")) {
        lx->tql = TQL_WORD;
        lx->depth = 0;
        return TK_TQL;
    }
    if (lx->asof && slice_eq_cstr(out->value, "tolerance")) {
        lx->duration = true;
        return TK_TOLERANCE;
    }
    if (slice_eq_cstr(out->value, "asof") && look_ahead(lx, codes, 1) == 1 &&
        (codes[0] == TK_JOIN || codes[0] == TK_LEFT || codes[0] == TK_INNER)) {
        lx->asof = true;
        return TK_ASOF;
    }
    if (slice_eq_cstr(out->value, "sample") && look_ahead(lx, codes, 1) == 1 && codes[0] == TK_BY) {
        int code = join_words(lx, out, TK_SAMPLE_BY);
        lx->sampling = lx->duration = true;
        return code;
    }
    if (slice_eq_cstr(out->value, "latest") && is_latest(codes, look_ahead(lx, codes, 8)))
        return join_words(lx, out, TK_LATEST_ON);
    return TK_IDENT;
}

/* 1h, 15m, 1M */
static bool lex_duration(Lexer *lx, Token *out)
{
    const char *p = lx->cursor;
    while (p < lx->limit && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
        p++;
    const char *digits = p;
    while (p < lx->limit && *p >= '0' && *p <= '9')
        p++;
    const char *unit = p;
    while (p < lx->limit && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')))
        p++;
    bool junk = p < lx->limit && ((*p >= '0' && *p <= '9') || *p == '_' || (unsigned char)*p >= 128);
    const char *text = lx->peeked < 0 && unit > digits && !junk ? duration_unit(unit, p) : NULL;
    if (!text)
        return false;
    out->text = slice_of(digits, (size_t)(p - digits));
    out->value = arena_printf(lx->arena, "%.*s %s", (int)(unit - digits), digits, text);
    out->offset = (uint32_t)(digits - lx->start);
    out->end = (uint32_t)(p - lx->start);
    lx->cursor = p;
    return true;
}

/* ---- TQL EVAL (start, end, step) query: PromQL up to the semicolon is one token ---- */

/* Past a string or comment; PromQL's, so ` has no escapes and # begins a comment. */
static const char *skip_quoted(const char *p, const char *limit)
{
    char quote = *p++;
    while (p < limit && *p != (quote == '#' ? '\n' : quote))
        p += *p == '\\' && quote != '`' && quote != '#' && p + 1 < limit ? 2 : 1;
    return p < limit ? p + 1 : p;
}

static int tql_text(Lexer *lx, Token *out)
{
    const char *p = lx->cursor;
    lx->tql = TQL_NONE;
    while (p < lx->limit && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
        p++;
    const char *begin = p;
    while (p < lx->limit && *p != ';')
        p = *p == '"' || *p == '\'' || *p == '`' || *p == '#' ? skip_quoted(p, lx->limit) : p + 1;
    const char *end = p;
    while (end > begin && (end[-1] == ' ' || (end[-1] >= '\t' && end[-1] <= '\r')))
        end--;
    lx->cursor = p;
    out->text = out->value = slice_of(begin, (size_t)(end - begin));
    out->offset = (uint32_t)(begin - lx->start);
    out->end = (uint32_t)(end - lx->start);
    return end > begin ? TK_TQL_TEXT : lex_next(lx, out);
}

/* Behind TQL comes a word, perhaps arguments in parentheses, then the query. */
static int tql_token(Lexer *lx, Token *out)
{
    bool args = lx->tql == TQL_ARGS;
    if (lx->tql == TQL_QUERY)
        return tql_text(lx, out);
    int code = raw_token(lx, out);
    lx->depth += (code == TK_LP) - (code == TK_RP);
    if (args && lx->depth == 0)
        lx->tql = TQL_QUERY;
    if (!args) {
        const char *p = lx->cursor;
        while (p < lx->limit && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
            p++;
        bool more = code == TK_ANALYZE || code == TK_EXPLAIN ? strncasecmp(p, "verbose", 7) == 0 : false;
        lx->tql = more ? TQL_WORD : p < lx->limit && *p == '(' ? TQL_ARGS : TQL_QUERY;
    }
    if (code == LEX_END || code == TK_SEMI)
        lx->tql = TQL_NONE;
    return code;
}

static int next_token(Lexer *lx, Token *out)
{
    bool duration = lx->duration;
    lx->duration = false;
    if (duration && lex_duration(lx, out))
        return TK_DURATION;
    if (lx->tql)
        return tql_token(lx, out);
    int code = raw_token(lx, out);
    if (code == TK_SEMI)
        lx->sampling = lx->asof = false;
    if (code == TK_IDENT)
        return dialect_word(lx, out);
    if (code != TK_NOT && code != TK_NULLS && code != TK_WITH)
        return code;
    lx->peeked = lex_next(lx, &lx->ahead);
    int next = lx->peeked;
    if (next == LEX_ERROR)
        return LEX_ERROR;
    if (code == TK_NOT && (next == TK_BETWEEN || next == TK_IN || next == TK_LIKE || next == TK_ILIKE || next == TK_SIMILAR))
        return TK_NOT_LA;
    if (code == TK_NULLS && (next == TK_FIRST || next == TK_LAST))
        return TK_NULLS_LA;
    if (code == TK_WITH && (next == TK_TIME || next == TK_ORDINALITY))
        return TK_WITH_LA;
    if (code == TK_WITH && next == TK_OFFSET && lx->sampling)
        return join_words(lx, out, TK_WITH_OFFSET);
    return code;
}

int lex_token(Lexer *lx, Token *out)
{
    return lx->last = next_token(lx, out);
}
