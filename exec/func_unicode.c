/* exec/func_unicode.c - code points and normal forms: unistr(), normalize(), IS NORMALIZED. */
#include "exec/func_private.h"
#include "exec/func_text.h"
#include <strings.h>
#include <utf8proc.h>

/* ---- code points as escapes ---- */

bool text_hex(const char *p, const char *limit, int digits, uint32_t *out)
{
    uint32_t v = 0;
    if (limit - p < digits)
        return false;
    for (int i = 0; i < digits; i++) {
        unsigned c = (unsigned char)p[i], letter = c | 32;
        if (c >= '0' && c <= '9')
            v = v << 4 | (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            v = v << 4 | (letter - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

bool utf16_put(Buf *b, uint32_t c, uint32_t *high)
{
    bool low = c >= 0xDC00 && c <= 0xDFFF;
    char utf8[4];
    if (c == 0 || c > 0x10FFFF || low != (*high != 0))
        return false;
    if (c >= 0xD800 && c <= 0xDBFF) {
        *high = c;
        return true;
    }
    if (*high)
        c = 0x10000 + ((*high - 0xD800) << 10) + (c - 0xDC00);
    *high = 0;
    buf_put(b, utf8, utf8_put(utf8, c));
    return true;
}

/* One escape of unistr() behind the backslash; its length, 0: none. */
static size_t unicode_escape(const char *p, const char *end, uint32_t *c)
{
    static const struct {
        char mark;
        int digits;
    } forms[] = {{'u', 4}, {'+', 6}, {'U', 8}};
    if (text_hex(p, end, 4, c))
        return 4;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (p < end && *p == forms[i].mark && text_hex(p + 1, end, forms[i].digits, c))
            return 1 + (size_t)forms[i].digits;
    return 0;
}

static bool unistr_one(Buf *b, const char **pp, const char *end, uint32_t *high, Err *e)
{
    const char *p = *pp;
    bool escaped = *p == '\\', twice = escaped && p + 1 < end && p[1] == '\\';
    if (!escaped || twice) {
        buf_put(b, p, 1);
        *pp = p + (twice ? 2 : 1);
        return !*high || err_set(e, ERR_SYNTAX, "invalid Unicode surrogate pair");
    }
    uint32_t c;
    size_t len = unicode_escape(p + 1, end, &c);
    if (!len)
        return err_set(e, ERR_SYNTAX, "invalid Unicode escape") ||
               err_hint(e, "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.");
    if (c == 0 || c > 0x10FFFF)
        return err_set(e, ERR_INVALID_PARAMETER, "invalid Unicode code point: %04X", c);
    *pp = p + 1 + len;
    return utf16_put(b, c, high) || err_set(e, ERR_SYNTAX, "invalid Unicode surrogate pair");
}

FUNC_SCALAR(text_unistr)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    const char *p = s.ptr, *end = s.ptr + s.len;
    uint32_t high = 0;
    Buf b;
    buf_init(&b);
    bool ok = true;
    while (p < end && ok)
        ok = unistr_one(&b, &p, end, &high, e);
    if (ok && high)
        ok = err_set(e, ERR_SYNTAX, "invalid Unicode surrogate pair");
    if (ok)
        *out = func_take(ctx, &b);
    else
        buf_free(&b);
    return ok;
}

/* ---- normal forms ---- */

static bool normal_form(Slice name, int *options, Err *e)
{
    static const struct {
        const char *name;
        int options;
    } forms[] = {
        {"NFC", UTF8PROC_COMPOSE},
        {"NFD", UTF8PROC_DECOMPOSE},
        {"NFKC", UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
        {"NFKD", UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (name.len == strlen(forms[i].name) &&
            strncasecmp(name.ptr, forms[i].name, name.len) == 0) {
            *options = forms[i].options | UTF8PROC_STABLE;
            return true;
        }
    return err_set(e, ERR_INVALID_PARAMETER, "invalid normalization form: %.*s", SLICE_ARG(name));
}

static bool normalized(const Value *args, size_t n, Arena *a, Slice *out, Err *e)
{
    Slice s = args[0].u.str;
    int options = 0;
    if (!normal_form(n > 1 ? args[1].u.str : SLICE_LIT("NFC"), &options, e))
        return false;
    *out = s;
    if (slice_utf8_count(s, s.len) == s.len)
        return true;
    const utf8proc_uint8_t *text = (const utf8proc_uint8_t *)s.ptr;
    utf8proc_ssize_t bytes = (utf8proc_ssize_t)s.len;
    utf8proc_ssize_t len = utf8proc_decompose(text, bytes, NULL, 0, (utf8proc_option_t)options);
    if (len >= 0) {
        utf8proc_int32_t *codes = arena_try(a, ((size_t)len + 1) * sizeof *codes, e);
        if (!codes)
            return false;
        len = utf8proc_decompose(text, bytes, codes, len, (utf8proc_option_t)options);
        if (len >= 0) /* in place */
            len = utf8proc_reencode(codes, len, (utf8proc_option_t)options);
        *out = slice_of((const char *)codes, len > 0 ? (size_t)len : 0);
    }
    return len >= 0 || err_set(e, ERR_PROGRAM_LIMIT, "cannot normalize: %s", utf8proc_errmsg(len));
}

FUNC_SCALAR(text_normalize)
{
    FUNC_UNUSED;
    Slice s;
    if (!normalized(args, n, ctx->scratch, &s, e))
        return false;
    *out = value_str(s);
    return true;
}

FUNC_SCALAR(text_is_normalized)
{
    FUNC_UNUSED;
    Slice s;
    if (!normalized(args, n, ctx->scratch, &s, e))
        return false;
    *out = value_bool(slice_eq(s, args[0].u.str));
    return true;
}

FuncDef func_unicode[] = {
    FS("unistr(text) text", text_unistr, STRICT, "Unicode escapes as characters"),
    FS("normalize(text) text", text_normalize, STRICT, "in Unicode normal form C"),
    FS("normalize(text, text) text", text_normalize, STRICT, "in a Unicode normal form"),
    FS("is_normalized(text) bool", text_is_normalized, STRICT, "is in Unicode normal form C"),
    FS("is_normalized(text, text) bool", text_is_normalized, STRICT, "is in a Unicode normal form"),
    FUNC_END,
};
