/* base/regex_syntax.c - RE2's and PostgreSQL's regular expressions in PCRE2's syntax.
 *
 * RE2: the grammar of Go's regexp/syntax, which Prometheus uses; what that refuses is refused
 * here, in its words.  PostgreSQL: "advanced" regular expressions (manual, 9.7.3).  Both are
 * rewritten rather than passed on, because PCRE2 gives other meanings to \v, \12, \Z, a++, … */
#include "base/regex_private.h"

enum { RE2_REPEAT_MAX = 1000, PG_REPEAT_MAX = 255, NEST_MAX = 200 };

typedef struct Syntax {
    Slice in;
    size_t pos;
    Buf *out;
    Err *e;
    bool atom;         /* the last thing can be repeated */
    bool repeated;     /* … and was */
    size_t last_begin; /* of the last repeat, for messages */
    /* How often the innermost thing is repeated by nested {n}: refused above 1,000. */
    uint32_t last_repeat, most_repeat[NEST_MAX + 1];
    int depth;
} Syntax;

static char peek(const Syntax *s, size_t ahead)
{
    return s->pos + ahead < s->in.len ? s->in.ptr[s->pos + ahead] : '\0';
}

static bool at_end(const Syntax *s)
{
    return s->pos >= s->in.len;
}

static bool refuse(Syntax *s, const char *reason, size_t begin, size_t end)
{
    if (end > s->in.len)
        end = s->in.len;
    Slice what = slice_of(s->in.ptr + begin, end - begin > 60 ? 60 : end - begin);
    return err_set(s->e, ERR_INVALID_REGEX, "invalid regular expression: %s: `%.*s`", reason,
                   SLICE_ARG(what));
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An atom was written. */
static void note_atom(Syntax *s)
{
    s->atom = true;
    s->repeated = false;
    s->last_repeat = 1;
}

static void note_no_atom(Syntax *s)
{
    s->atom = s->repeated = false;
    s->last_repeat = 1;
}

/* Copies one character of the input, escaped if PCRE2 could take it for more. */
static void put_char(Syntax *s)
{
    size_t step = slice_utf8_step(slice_of(s->in.ptr + s->pos, s->in.len - s->pos));
    char c = s->in.ptr[s->pos];
    must(step > 0); /* the pattern was checked, and pos is never inside of a character */
    if (c == '\0')
        buf_puts(s->out, "\\x{0}");
    else if (step > 1 || is_alnum(c) || c == '_')
        buf_put(s->out, s->in.ptr + s->pos, step);
    else
        buf_put(s->out, (char[]){'\\', c}, 2);
    s->pos += step;
}

static bool put_code(Syntax *s, uint32_t code, size_t begin)
{
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return refuse(s, "invalid escape sequence", begin, s->pos);
    buf_printf(s->out, "\\x{%x}", code);
    return true;
}

/* Up to `most` digits of the base from pos on; the number of digits. */
static size_t take_digits(Syntax *s, int base, size_t most, uint32_t *v)
{
    size_t count = 0;
    *v = 0;
    for (; count < most; count++, s->pos++) {
        int digit = at_end(s) ? -1 : hex_digit(peek(s, 0));
        if (digit < 0 || digit >= base)
            break;
        if (*v < 0x1000000)
            *v = *v * (uint32_t)base + (uint32_t)digit;
    }
    return count;
}

/* "{n}", "{n,}" or "{n,m}" at pos: its length, else 0. */
static size_t scan_braces(const Syntax *s, uint32_t *least, uint32_t *most)
{
    Syntax t = *s;
    t.pos++;
    if (take_digits(&t, 10, 9, least) == 0)
        return 0;
    *most = *least;
    if (peek(&t, 0) == ',') {
        t.pos++;
        if (take_digits(&t, 10, 9, most) == 0)
            *most = *least;
        else if (*most < *least)
            *most = UINT32_MAX; /* never valid */
    }
    return peek(&t, 0) == '}' ? t.pos + 1 - s->pos : 0;
}

static bool nest(Syntax *s, size_t begin)
{
    if (s->depth == NEST_MAX)
        return refuse(s, "expression nests too deeply", begin, begin + 1);
    s->most_repeat[++s->depth] = 1;
    note_no_atom(s);
    return true;
}

static void unnest(Syntax *s)
{
    uint32_t most = s->most_repeat[s->depth];
    note_atom(s);
    if (s->depth > 0) {
        s->depth--;
        s->last_repeat = most;
        if (most > s->most_repeat[s->depth])
            s->most_repeat[s->depth] = most;
    }
    buf_put_u8(s->out, ')');
    s->pos++;
}

/* --- RE2 --- */

static bool re2_refuse_escape(Syntax *s)
{
    size_t step = slice_utf8_step(slice_of(s->in.ptr + s->pos + 1, s->in.len - s->pos - 1));
    if (step == 0)
        return refuse(s, "trailing backslash at end of expression", s->pos, s->pos + 1);
    return refuse(s, "invalid escape sequence", s->pos, s->pos + 1 + step);
}

/* "\x7f", "\x{10FFFF}"; pos stands on the backslash. */
static bool re2_hex(Syntax *s)
{
    size_t begin = s->pos;
    uint32_t code;
    s->pos += 2;
    bool braces = peek(s, 0) == '{';
    s->pos += braces;
    size_t digits = take_digits(s, 16, braces ? 16 : 2, &code);
    if (digits == 0 || (!braces && digits != 2) || (braces && peek(s, 0) != '}'))
        return refuse(s, "invalid escape sequence", begin, s->pos + 1);
    s->pos += braces;
    return put_code(s, code, begin);
}

/* "\0", "\012", "\123"; a single "\1" would be a back reference. */
static bool re2_octal(Syntax *s)
{
    size_t begin = s->pos;
    uint32_t code;
    char next = peek(s, 2);
    if (peek(s, 1) != '0' && (next < '0' || next > '7'))
        return re2_refuse_escape(s);
    s->pos++;
    take_digits(s, 8, 3, &code);
    return put_code(s, code, begin);
}

static bool re2_property(Syntax *s)
{
    size_t begin = s->pos, len = 3;
    if (peek(s, 2) == '{') {
        const char *close = memchr(s->in.ptr + begin, '}', s->in.len - begin);
        if (!close)
            return refuse(s, "invalid character class range", begin, s->in.len);
        len = (size_t)(close + 1 - (s->in.ptr + begin));
    }
    if (len == 3 && !is_alnum(peek(s, 2)))
        return refuse(s, "invalid character class range", begin, begin + 2);
    buf_put(s->out, s->in.ptr + begin, len);
    s->pos += len;
    return true;
}

static void put_text(Syntax *s, const char *text)
{
    buf_puts(s->out, text);
    s->pos += 2;
}

/* What an escape means both inside and outside of brackets; pos stands on the backslash. */
static bool re2_escape(Syntax *s, bool in_class)
{
    char c = peek(s, 1);
    if (s->pos + 1 >= s->in.len)
        return re2_refuse_escape(s);
    switch (c) {
    case 'd':
    case 'D':
    case 'w':
    case 'W':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        put_text(s, (char[]){'\\', c, '\0'});
        return true;
    case 's': /* RE2's has no vertical tab */
        put_text(s, in_class ? "\\t\\n\\f\\r\\x20" : "[\\t\\n\\f\\r\\x20]");
        return true;
    case 'S':
        put_text(s, in_class ? "\\S\\x0b" : "[^\\t\\n\\f\\r\\x20]");
        return true;
    case 'a':
        put_text(s, "\\x07");
        return true;
    case 'v':
        put_text(s, "\\x0b");
        return true;
    case 'x':
        return re2_hex(s);
    case 'p':
    case 'P':
        return re2_property(s);
    default:
        break;
    }
    if (c >= '0' && c <= '7')
        return re2_octal(s);
    if (is_alnum(c) || (unsigned char)c >= 0x80)
        return re2_refuse_escape(s);
    s->pos++;
    put_char(s);
    return true;
}

/* Outside of brackets there are also assertions and "\Q…\E". */
static bool re2_outer_escape(Syntax *s)
{
    char c = peek(s, 1);
    if (c != 'Q') {
        note_atom(s);
        if (c != '\0' && strchr("AbBz", c)) {
            put_text(s, (char[]){'\\', c, '\0'});
            return true;
        }
        return re2_escape(s, false);
    }
    s->pos += 2;
    while (!at_end(s) && !(peek(s, 0) == '\\' && peek(s, 1) == 'E')) {
        put_char(s);
        note_atom(s);
    }
    if (!at_end(s))
        s->pos += 2;
    return true;
}

/* One member of a bracket expression. */
static bool class_member(Syntax *s, bool (*escape)(Syntax *, bool))
{
    char c = peek(s, 0);
    if (c == '\\')
        return escape(s, true);
    if (c == '[' && peek(s, 1) == ':') {
        Slice rest = slice_of(s->in.ptr + s->pos, s->in.len - s->pos);
        const char *close = memmem(rest.ptr + 2, rest.len - 2, ":]", 2);
        if (close) {
            size_t len = (size_t)(close + 2 - rest.ptr);
            buf_put(s->out, rest.ptr, len);
            s->pos += len;
            return true;
        }
    }
    if (c == '-') { /* it may build a range: not to be escaped */
        buf_put_u8(s->out, '-');
        s->pos++;
        return true;
    }
    put_char(s);
    return true;
}

static bool class_expression(Syntax *s, bool (*escape)(Syntax *, bool))
{
    size_t begin = s->pos++;
    buf_put_u8(s->out, '[');
    if (peek(s, 0) == '^') {
        buf_put_u8(s->out, '^');
        s->pos++;
    }
    for (bool first = true; first || peek(s, 0) != ']'; first = false) {
        if (at_end(s))
            return refuse(s, "missing closing ]", begin, s->in.len);
        if (!class_member(s, escape))
            return false;
    }
    if (at_end(s))
        return refuse(s, "missing closing ]", begin, s->in.len);
    buf_put_u8(s->out, ']');
    s->pos++;
    note_atom(s);
    return true;
}

/* "(?P<name>" or "(?<name>"; pos stands on "(?". */
static bool re2_named_group(Syntax *s, size_t begin)
{
    s->pos += peek(s, 2) == 'P' ? 4 : 3;
    size_t name = s->pos;
    while (is_alnum(peek(s, 0)) || peek(s, 0) == '_')
        s->pos++;
    if (s->pos == name || peek(s, 0) != '>')
        return refuse(s, "invalid named capture", begin, s->pos + 1);
    buf_puts(s->out, "(?<");
    buf_put(s->out, s->in.ptr + name, s->pos - name);
    buf_put_u8(s->out, '>');
    s->pos++;
    return nest(s, begin);
}

/* "(?i)", "(?i-s:"; pos stands on "(?". */
static bool re2_flags(Syntax *s, size_t begin)
{
    bool minus = false;
    int after_minus = 1;
    for (s->pos += 2; !at_end(s); s->pos++) {
        char c = peek(s, 0);
        if (c == ':' || c == ')')
            break;
        if (c == '-' && !minus) {
            minus = true;
            after_minus = 0;
        } else if (c != '\0' && strchr("imsU", c)) {
            after_minus++;
        } else {
            return refuse(s, "invalid or unsupported Perl syntax", begin, s->pos + 1);
        }
    }
    if (at_end(s) || after_minus == 0)
        return refuse(s, "missing argument to flags", begin, s->pos + 1);
    s->pos++;
    buf_put(s->out, s->in.ptr + begin, s->pos - begin);
    if (s->in.ptr[s->pos - 1] == ':')
        return nest(s, begin);
    note_no_atom(s);
    return true;
}

static bool re2_open(Syntax *s)
{
    size_t begin = s->pos;
    if (peek(s, 1) != '?') {
        buf_put_u8(s->out, '(');
        s->pos++;
        return nest(s, begin);
    }
    bool named = peek(s, 2) == 'P' && peek(s, 3) == '<';
    named = named || (peek(s, 2) == '<' && peek(s, 3) != '=' && peek(s, 3) != '!');
    return named ? re2_named_group(s, begin) : re2_flags(s, begin);
}

/* The length of the repeat at pos, 0 if a brace is only a brace. */
static bool scan_repeat(Syntax *s, uint32_t limit, size_t *len, uint32_t *times)
{
    uint32_t least, most;
    *len = 1;
    *times = 1;
    if (peek(s, 0) != '{')
        return true;
    *len = scan_braces(s, &least, &most);
    if (*len == 0)
        return true;
    if (most > limit)
        return refuse(s, "invalid repeat count", s->pos, s->pos + *len);
    *times = most > 0 ? most : 1;
    return true;
}

static bool re2_repeat(Syntax *s)
{
    size_t len;
    uint32_t times;
    if (!scan_repeat(s, RE2_REPEAT_MAX, &len, &times))
        return false;
    if (len == 0) {
        note_atom(s);
        put_char(s);
        return true;
    }
    if (!s->atom)
        return refuse(s, "missing argument to repetition operator", s->pos, s->pos + len);
    if (s->repeated)
        return refuse(s, "invalid nested repetition operator", s->last_begin, s->pos + len);
    s->last_repeat *= times; /* at most 1000 * 1000 */
    if (s->last_repeat > RE2_REPEAT_MAX)
        return refuse(s, "invalid repeat count", s->pos, s->pos + len);
    if (s->last_repeat > s->most_repeat[s->depth])
        s->most_repeat[s->depth] = s->last_repeat;
    s->last_begin = s->pos;
    len += s->pos + len < s->in.len && s->in.ptr[s->pos + len] == '?';
    buf_put(s->out, s->in.ptr + s->pos, len);
    s->pos += len;
    s->repeated = true;
    return true;
}

static bool re2_item(Syntax *s)
{
    char c = peek(s, 0);
    switch (c) {
    case '(':
        return re2_open(s);
    case ')':
        unnest(s);
        return true;
    case '[':
        return class_expression(s, re2_escape);
    case '\\':
        return re2_outer_escape(s);
    case '*':
    case '+':
    case '?':
    case '{':
        return re2_repeat(s);
    case '|':
        note_no_atom(s);
        break;
    case '.':
    case '^':
    case '$':
        note_atom(s);
        break;
    default:
        note_atom(s);
        put_char(s);
        return true;
    }
    buf_put_u8(s->out, (uint8_t)c);
    s->pos++;
    return true;
}

bool regex_from_re2(Slice pattern, Buf *out, Err *e)
{
    Syntax s = {.in = pattern, .out = out, .e = e};
    while (!at_end(&s))
        if (!re2_item(&s))
            return false;
    return true;
}

/* --- PostgreSQL --- */

static bool pg_fail(Syntax *s, const char *reason)
{
    return err_set(s->e, ERR_INVALID_REGEX, "invalid regular expression: %s", reason);
}

/* "\x7F", "\u00e9", "\U0001F600": 1 to 8, 4, and 8 digits. */
static bool pg_hex(Syntax *s, size_t least, size_t most)
{
    size_t begin = s->pos;
    uint32_t code;
    s->pos += 2;
    if (take_digits(s, 16, most, &code) < least)
        return pg_fail(s, "invalid escape \\ sequence");
    return put_code(s, code, begin);
}

static bool pg_escape(Syntax *s, bool in_class)
{
    static const struct {
        char name;
        bool in_class;
        const char *text;
    } rows[] = {
        {'a', true, "\\x07"},       {'b', true, "\\x08"},        {'B', true, "\\\\"},
        {'e', true, "\\x1b"},       {'f', true, "\\f"},          {'n', true, "\\n"},
        {'r', true, "\\r"},         {'t', true, "\\t"},          {'v', true, "\\x0b"},
        {'d', true, "\\d"},         {'s', true, "\\s"},          {'w', true, "\\w"},
        {'D', true, "\\D"},         {'S', true, "\\S"},          {'W', true, "\\W"},
        {'0', true, "\\x{0}"},      {'A', false, "\\A"},         {'Z', false, "\\z"},
        {'m', false, "\\b(?=\\w)"}, {'M', false, "\\b(?<=\\w)"}, {'y', false, "\\b"},
        {'Y', false, "\\B"},
    };
    char c = peek(s, 1);
    if (s->pos + 1 >= s->in.len)
        return pg_fail(s, "invalid escape \\ sequence");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].name == c && (rows[i].in_class || !in_class)) {
            put_text(s, rows[i].text);
            return true;
        }
    }
    if (c == 'x' || c == 'u' || c == 'U')
        return c == 'x' ? pg_hex(s, 1, 8) : c == 'u' ? pg_hex(s, 4, 4) : pg_hex(s, 8, 8);
    if (c >= '1' && c <= '9' && !in_class) {
        uint32_t number;
        s->pos++;
        take_digits(s, 10, 2, &number);
        buf_printf(s->out, "\\g{%u}", number);
        return true;
    }
    if (is_alnum(c))
        return pg_fail(s, "invalid escape \\ sequence");
    s->pos++;
    put_char(s);
    return true;
}

static bool pg_open(Syntax *s)
{
    static const char *const kinds[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!"};
    Slice rest = slice_of(s->in.ptr + s->pos, s->in.len - s->pos);
    size_t len = 1;
    if (peek(s, 1) == '*')
        return pg_fail(s, "quantifier operand invalid");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (slice_starts(rest, slice_cstr(kinds[i])))
            len = strlen(kinds[i]);
    if (peek(s, 1) == '?' && len == 1)
        return pg_fail(s, "quantifier operand invalid");
    buf_put(s->out, rest.ptr, len);
    s->pos += len;
    return nest(s, s->pos - len);
}

static bool pg_repeat(Syntax *s)
{
    size_t len;
    uint32_t times;
    if (!scan_repeat(s, PG_REPEAT_MAX, &len, &times))
        return pg_fail(s, "invalid repetition count(s)");
    if (len == 0) {
        char next = peek(s, 1);
        if (next >= '0' && next <= '9')
            return pg_fail(s, "invalid repetition count(s)");
        note_atom(s);
        put_char(s);
        return true;
    }
    if (!s->atom || s->repeated)
        return pg_fail(s, "quantifier operand invalid");
    len += s->pos + len < s->in.len && s->in.ptr[s->pos + len] == '?';
    buf_put(s->out, s->in.ptr + s->pos, len);
    s->pos += len;
    s->repeated = true;
    return true;
}

static bool pg_item(Syntax *s, const RegexModes *modes)
{
    char c = peek(s, 0);
    switch (c) {
    case '(':
        return pg_open(s);
    case ')':
        unnest(s);
        return true;
    case '[':
        return class_expression(s, pg_escape) ||
               (peek(s, 0) == '\0' && pg_fail(s, "brackets [] not balanced"));
    case '\\':
        note_atom(s);
        return pg_escape(s, false);
    case '*':
    case '+':
    case '?':
    case '{':
        return pg_repeat(s);
    case '|':
        note_no_atom(s);
        break;
    case '.':
    case '^':
    case '$':
        note_atom(s);
        break;
    default:
        note_atom(s);
        if (!modes->extended) {
            put_char(s);
            return true;
        }
        break; /* blanks and # mean something to PCRE2 as well */
    }
    buf_put_u8(s->out, (uint8_t)c);
    s->pos++;
    return true;
}

/* "(?flags)" at the very begin. */
static bool pg_options(Syntax *s, RegexModes *modes, bool *literal)
{
    if (peek(s, 0) != '(' || peek(s, 1) != '?' || !is_alnum(peek(s, 2)))
        return true;
    for (s->pos += 2; peek(s, 0) != ')'; s->pos++) {
        switch (peek(s, 0)) {
        case 'i':
            modes->nocase = true;
            break;
        case 'c':
            modes->nocase = false;
            break;
        case 'm':
        case 'n':
            modes->newline_sensitive = true;
            break;
        case 's':
            modes->newline_sensitive = false;
            break;
        case 'x':
            modes->extended = true;
            break;
        case 't':
            modes->extended = false;
            break;
        case 'q':
            *literal = true;
            break;
        default:
            return pg_fail(s, "invalid embedded option");
        }
    }
    s->pos++;
    return true;
}

bool regex_from_pg(Slice pattern, RegexModes *modes, Buf *out, Err *e)
{
    Syntax s = {.in = pattern, .out = out, .e = e};
    bool literal = slice_starts(pattern, SLICE_LIT("***="));
    if (literal)
        s.pos = 4;
    else if (slice_starts(pattern, SLICE_LIT("***:")))
        s.pos = 4;
    if (!literal && !pg_options(&s, modes, &literal))
        return false;
    while (!at_end(&s)) {
        if (literal)
            put_char(&s);
        else if (!pg_item(&s, modes))
            return false;
    }
    return true;
}
