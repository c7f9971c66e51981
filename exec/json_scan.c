#include "exec/json_scan.h"
#include "exec/type_json.h"
#include <stdio.h>
#include <string.h>

/* ---- what is wrong ---- */

enum { CONTEXT_BYTES = 50 }; /* of the line, up to what is wrong */

static size_t char_bytes(const JsonScan *s, const char *p)
{
    size_t n = 1;
    while (p + n < s->end && ((unsigned char)p[n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* "JSON data, line 3: ..." up to `stop`. */
static bool add_context(const JsonScan *s, const char *token, const char *stop, Err *e)
{
    const char *line = s->text.ptr;
    int number = 1;
    for (const char *p = s->text.ptr; p < token; p++)
        if (*p == '\n') {
            line = p + 1;
            number++;
        }
    const char *from = line;
    while (stop - from >= CONTEXT_BYTES)
        from += char_bytes(s, from);
    if (from - line <= 3)
        from = line;
    bool more = stop < s->end && *stop != '\n' && *stop != '\r';
    return err_context(e, "JSON data, line %d: %s%.*s%s", number, from > line ? "..." : "",
                       (int)(stop - from), from, more ? "..." : "");
}

static bool fail(const JsonScan *s, const char *token, const char *stop, Err *e, const char *detail)
{
    err_set(e, ERR_INVALID_TEXT, "invalid input syntax for type json");
    err_detail(e, "%s", detail);
    return add_context(s, token, stop, e);
}

static bool bad_token(const JsonScan *s, const char *from, const char *stop, Err *e)
{
    fail(s, from, stop, e, "");
    return err_detail(e, "Token \"%.*s\" is invalid.", (int)(stop - from), from);
}

static bool scan_token(JsonScan *s, Err *e);

/* What comes next is not what has to. */
static bool unexpected(JsonScan *s, const char *what, Err *e)
{
    const char *from = s->p;
    if (from == s->end)
        return fail(s, from, from, e, "The input string ended unexpectedly.");
    if (!scan_token(s, e))
        return false;
    fail(s, from, s->p, e, "");
    return err_detail(e, "Expected %s, but found \"%.*s\".", what, (int)(s->p - from), from);
}

/* ---- tokens ---- */

static bool is_digit(const JsonScan *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static bool is_word_byte(char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

void json_skip_space(JsonScan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

static const char lone_half[] = "Unicode low surrogate must follow a high surrogate.";

/* Behind \u.  *high: the first half of a pair came just before; is this one. */
static bool scan_unicode(JsonScan *s, const char *token, bool *high, Err *e)
{
    uint32_t c = 0;
    for (int i = 0; i < 4; i++, s->p++) {
        if (s->p == s->end)
            return bad_token(s, token, s->end, e);
        if (hex_value(*s->p) < 0)
            return fail(s, token, s->p + char_bytes(s, s->p), e,
                        "\"\\u\" must be followed by four hexadecimal digits.");
        c = c << 4 | (uint32_t)hex_value(*s->p);
    }
    bool first = c >= 0xD800 && c < 0xDC00, second = c >= 0xDC00 && c < 0xE000;
    if (!s->decodes)
        return true;
    if (first && *high)
        return fail(s, token, s->p, e, "Unicode high surrogate must not follow a high surrogate.");
    if (second != *high)
        return fail(s, token, s->p, e, lone_half);
    *high = first;
    if (c)
        return true;
    err_set(e, ERR_UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence");
    err_detail(e, "\\u0000 cannot be converted to text.");
    return add_context(s, token, s->p, e);
}

/* Behind a backslash. */
static bool scan_escape(JsonScan *s, const char *token, bool *high, Err *e)
{
    if (s->p == s->end)
        return bad_token(s, token, s->end, e);
    char c = *s->p++;
    if (c == 'u')
        return scan_unicode(s, token, high, e);
    if (*high)
        return fail(s, token, s->p, e, lone_half);
    if (c && strchr("\"\\/bfnrt", c))
        return true;
    const char *stop = s->p - 1 + char_bytes(s, s->p - 1);
    fail(s, token, stop, e, "");
    return err_detail(e, "Escape sequence \"\\%.*s\" is invalid.", (int)(stop - (s->p - 1)),
                      s->p - 1);
}

bool json_scan_string(JsonScan *s, Err *e)
{
    const char *token = s->p++;
    bool high = false;
    while (s->p < s->end && *s->p != '"') {
        unsigned char c = (unsigned char)*s->p;
        if (c < 0x20) {
            fail(s, token, s->p, e, "");
            return err_detail(e, "Character with value 0x%02x must be escaped.", c);
        }
        s->p++;
        if (c != '\\' && high)
            return fail(s, token, s->p, e, lone_half);
        if (c == '\\' && !scan_escape(s, token, &high, e))
            return false;
    }
    if (s->p == s->end)
        return bad_token(s, token, s->end, e);
    s->p++;
    return !high || fail(s, token, s->p, e, lone_half);
}

static bool scan_digits(JsonScan *s)
{
    bool any = is_digit(s);
    while (is_digit(s))
        s->p++;
    return any;
}

static bool scan_number(JsonScan *s, Err *e)
{
    const char *token = s->p;
    s->p += *s->p == '-';
    bool zero = s->p < s->end && *s->p == '0', ok;
    s->p += zero;
    ok = zero || scan_digits(s);
    if (ok && s->p < s->end && *s->p == '.') {
        s->p++;
        ok = scan_digits(s);
    }
    if (ok && s->p < s->end && (*s->p | 32) == 'e') {
        s->p++;
        s->p += s->p < s->end && (*s->p == '+' || *s->p == '-');
        ok = scan_digits(s);
    }
    for (; s->p < s->end && is_word_byte(*s->p); s->p++)
        ok = false;
    return ok || bad_token(s, token, s->p, e);
}

static bool scan_word(JsonScan *s, Err *e)
{
    static const char *const words[] = {"true", "false", "null"};
    const char *from = s->p;
    while (s->p < s->end && is_word_byte(*s->p))
        s->p++;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_cstr(slice_of(from, (size_t)(s->p - from)), words[i]))
            return true;
    return bad_token(s, from, s->p > from ? s->p : from + 1, e);
}

static bool scan_token(JsonScan *s, Err *e)
{
    if (strchr("{}[],:", *s->p) && *s->p) {
        s->p++;
        return true;
    }
    if (*s->p == '"')
        return json_scan_string(s, e);
    return *s->p == '-' || is_digit(s) ? scan_number(s, e) : scan_word(s, e);
}

/* ---- values ---- */

static bool scan_label(JsonScan *s, bool first, Err *e)
{
    if (s->p == s->end || *s->p != '"')
        return unexpected(s, first ? "string or \"}\"" : "string", e);
    if (!json_scan_string(s, e))
        return false;
    json_skip_space(s);
    if (s->p == s->end || *s->p != ':')
        return unexpected(s, "\":\"", e);
    s->p++;
    return true;
}

static bool scan_members(JsonScan *s, char close, int depth, Err *e)
{
    s->p++;
    json_skip_space(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }
    for (bool first = true;; first = false) {
        json_skip_space(s);
        if ((close == '}' && !scan_label(s, first, e)) || !json_scan_value(s, depth + 1, e))
            return false;
        json_skip_space(s);
        if (s->p == s->end || (*s->p != ',' && *s->p != close))
            return unexpected(s, close == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"", e);
        if (*s->p++ == close)
            return true;
    }
}

bool json_scan_value(JsonScan *s, int depth, Err *e)
{
    if (depth > JSON_DEPTH_MAX)
        return err_set(e, ERR_TOO_COMPLEX, "JSON is nested deeper than %d levels", JSON_DEPTH_MAX);
    json_skip_space(s);
    if (s->p == s->end || (*s->p && strchr("}],:", *s->p)))
        return unexpected(s, "JSON value", e);
    if (*s->p == '{' || *s->p == '[')
        return scan_members(s, *s->p == '{' ? '}' : ']', depth, e);
    return scan_token(s, e);
}

bool json_scan_all(Slice text, bool decodes, Err *e)
{
    JsonScan s = {text.ptr, text.ptr + text.len, text, decodes};
    if (!json_scan_value(&s, 0, e))
        return false;
    json_skip_space(&s);
    return s.p == s.end || unexpected(&s, "end of input", e);
}
