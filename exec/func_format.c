/* Quoting, format(), encode() and decode(), digests. */
#include "exec/func_private.h"
#include "exec/func_text.h"
#include <stdio.h>

/* ---- quoting ---- */

static const char *const keywords[] = {
#define KEYWORD(word) word,
#include "exec/func_keywords.def"
#undef KEYWORD
};

bool text_is_plain_identifier(Slice s)
{
    if (s.len == 0 || !((s.ptr[0] >= 'a' && s.ptr[0] <= 'z') || s.ptr[0] == '_'))
        return false;
    for (size_t i = 1; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    size_t lo = 0, hi = ARRAY_LEN(keywords);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = slice_cmp(s, slice_cstr(keywords[mid]));
        if (c == 0)
            return false;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return true;
}

void text_put_ident(Buf *dst, Slice s)
{
    if (text_is_plain_identifier(s)) {
        buf_put_slice(dst, s);
        return;
    }
    buf_put_quoted(dst, '"', s);
}

void text_put_literal(Buf *dst, Slice s)
{
    if (s.len && memchr(s.ptr, '\\', s.len))
        buf_put_u8(dst, 'E');
    buf_put_u8(dst, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'' || s.ptr[i] == '\\')
            buf_put_u8(dst, (uint8_t)s.ptr[i]);
        buf_put_u8(dst, (uint8_t)s.ptr[i]);
    }
    buf_put_u8(dst, '\'');
}

FUNC_SCALAR(quote_ident)
{
    FUNC_UNUSED;
    Buf b;
    buf_init(&b);
    text_put_ident(&b, args[0].u.str);
    *out = func_take(ctx, &b);
    return true;
}

static bool quote_rows(FnCall *c, bool null_word)
{
    const TypeDef *def = type_find(c->args[0].type);
    FUNC_ROWS(c, row)
    {
        Buf text, b;
        Value v = vec_get(&c->args[0], row);
        if (v.null) {
            if (null_word)
                c->out->v.str[row] = SLICE_LIT("NULL");
            else
                vec_set_null(c->out, row, c->rows, c->ctx->scratch);
            continue;
        }
        buf_init(&text);
        buf_init(&b);
        def->out(&c->ctx->env, &v, &text);
        text_put_literal(&b, buf_slice(&text));
        c->out->v.str[row] = func_take(c->ctx, &b).u.str;
        buf_free(&text);
    }
    return true;
}

static bool quote_literal(FnCall *c, Err *e)
{
    (void)e;
    return quote_rows(c, false);
}

static bool quote_nullable(FnCall *c, Err *e)
{
    (void)e;
    return quote_rows(c, true);
}

/* ---- parse_ident ---- */

static bool bad_ident(Slice s, const char *detail, Err *e)
{
    err_set(e, ERR_INVALID_PARAMETER, "string is not a valid identifier: \"%.*s\"", SLICE_ARG(s));
    return detail ? err_detail(e, "%s", detail) : false;
}

static bool is_ident_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80 || (!first && ((c >= '0' && c <= '9') || c == '$'));
}

static size_t skip_blanks(Slice s, size_t i)
{
    while (i < s.len && (s.ptr[i] == ' ' || (s.ptr[i] >= '\t' && s.ptr[i] <= '\r')))
        i++;
    return i;
}

/* One name at *at: "Quoted" keeps its case, others become small. */
static bool scan_ident(EvalCtx *ctx, Slice s, size_t *at, Value *out, Err *e)
{
    size_t i = *at;
    if (i < s.len && s.ptr[i] == '"') {
        bool closed = false;
        Buf b;
        buf_init(&b);
        for (i++; i < s.len && !closed; i++) {
            if (s.ptr[i] != '"')
                buf_put_u8(&b, (uint8_t)s.ptr[i]);
            else if (i + 1 < s.len && s.ptr[i + 1] == '"')
                buf_put_u8(&b, (uint8_t)s.ptr[++i]);
            else
                closed = true;
        }
        *out = func_take(ctx, &b);
        *at = i;
        if (!closed)
            return bad_ident(s, "String has unclosed double quotes.", e);
        return out->u.str.len > 0 || bad_ident(s, "Quoted identifier must not be empty.", e);
    }
    size_t from = i;
    while (i < s.len && is_ident_char(s.ptr[i], i == from))
        i++;
    *at = i;
    *out = value_str(text_fold_case(ctx->scratch, slice_of(s.ptr + from, i - from), false));
    return i > from || bad_ident(s, NULL, e);
}

FUNC_SCALAR(parse_ident)
{
    Slice s = args[0].u.str;
    bool strict = n < 2 || args[1].u.b;
    Value items[16];
    size_t count = 0;
    for (size_t at = skip_blanks(s, 0);;) {
        if (count == ARRAY_LEN(items))
            return bad_ident(s, NULL, e);
        if (!scan_ident(ctx, s, &at, &items[count++], e))
            return false;
        at = skip_blanks(s, at);
        if (at < s.len && s.ptr[at] == '.') {
            at = skip_blanks(s, at + 1);
            continue;
        }
        if (at < s.len && strict)
            return bad_ident(s, NULL, e);
        break;
    }
    Value *copy = arena_alloc(ctx->scratch, count * sizeof *copy);
    memcpy(copy, items, count * sizeof *copy);
    *out = value_array(array_new(ctx->scratch, T_TEXT, copy, count));
    return true;
}

/* ---- format() ---- */

typedef struct Spec { /* %[position$][-][width]type */
    int64_t position; /* 0: the next one */
    int64_t width;
    bool left, width_arg;
    int64_t width_position;
    char type;
} Spec;

static bool scan_number(Slice f, size_t *i, int64_t *out)
{
    size_t from = *i;
    *out = 0;
    while (*i < f.len && f.ptr[*i] >= '0' && f.ptr[*i] <= '9' && *out < 100000000)
        *out = *out * 10 + (f.ptr[(*i)++] - '0');
    return *i > from;
}

static bool scan_spec(Slice f, size_t *i, Spec *s, Err *e)
{
    int64_t v;
    *s = (Spec){0};
    size_t from = *i;
    if (scan_number(f, i, &v)) {
        if (*i < f.len && f.ptr[*i] == '$') {
            ++*i;
            s->position = v;
            if (v == 0)
                return err_set(e, ERR_INVALID_PARAMETER,
                               "format specifies argument 0, but arguments are numbered from 1");
        } else {
            *i = from;
        }
    }
    while (*i < f.len && f.ptr[*i] == '-') {
        s->left = true;
        ++*i;
    }
    if (*i < f.len && f.ptr[*i] == '*') {
        ++*i;
        s->width_arg = true;
        size_t star = *i;
        if (scan_number(f, i, &v) && *i < f.len && f.ptr[*i] == '$') {
            ++*i;
            s->width_position = v;
        } else {
            *i = star;
        }
    } else {
        scan_number(f, i, &s->width);
    }
    if (*i >= f.len) {
        err_set(e, ERR_INVALID_PARAMETER, "unterminated format() type specifier");
        return err_hint(e, "For a single \"%%\" use \"%%%%\".");
    }
    s->type = f.ptr[(*i)++];
    if (strchr("sIL", s->type))
        return true;
    err_set(e, ERR_INVALID_PARAMETER, "unrecognized format() type specifier \"%c\"", s->type);
    return err_hint(e, "For a single \"%%\" use \"%%%%\".");
}

static bool put_argument(FnCall *c, size_t k, size_t row, char type, Buf *b, Err *e)
{
    Value v = vec_get(&c->args[k], row);
    Buf text;
    if (v.null) {
        if (type == 'I')
            return err_set(e, ERR_NULL_NOT_ALLOWED,
                           "null values cannot be formatted as an SQL identifier");
        buf_puts(b, type == 'L' ? "NULL" : "");
        return true;
    }
    buf_init(&text);
    type_find(c->args[k].type)->out(&c->ctx->env, &v, &text);
    if (type == 'I')
        text_put_ident(b, buf_slice(&text));
    else if (type == 'L')
        text_put_literal(b, buf_slice(&text));
    else
        buf_put_slice(b, buf_slice(&text));
    buf_free(&text);
    return true;
}

static bool too_few(Err *e)
{
    return err_set(e, ERR_INVALID_PARAMETER, "too few arguments for format()");
}

static bool put_spec(FnCall *c, size_t row, Spec *s, size_t *next, Buf *b, Err *e)
{
    if (s->width_arg) {
        size_t k = s->width_position ? (size_t)s->width_position : (*next)++;
        if (k >= c->arg_count)
            return too_few(e);
        Value w = vec_get(&c->args[k], row);
        s->width = w.null || w.phys != PH_I64 ? 0 : w.u.i64;
        if (s->width < 0) {
            s->left = true;
            s->width = -s->width;
        }
    }
    size_t k = s->position ? (size_t)s->position : (*next)++;
    if (k >= c->arg_count)
        return too_few(e);
    if (s->position)
        *next = k + 1;
    Buf item;
    buf_init(&item);
    bool ok = put_argument(c, k, row, s->type, &item, e);
    int64_t fill = s->width - (int64_t)slice_utf8_count(buf_slice(&item), item.len);
    if (fill > TEXT_RESULT_MAX)
        fill = TEXT_RESULT_MAX;
    for (; !s->left && fill > 0; fill--)
        buf_put_u8(b, ' ');
    buf_put_slice(b, buf_slice(&item));
    for (; fill > 0; fill--)
        buf_put_u8(b, ' ');
    buf_free(&item);
    return ok;
}

static bool format_row(FnCall *c, size_t row, Slice f, Buf *b, Err *e)
{
    size_t next = 1;
    for (size_t i = 0; i < f.len;) {
        char ch = f.ptr[i++];
        Spec s;
        if (ch != '%') {
            buf_put_u8(b, (uint8_t)ch);
        } else if (i < f.len && f.ptr[i] == '%') {
            buf_put_u8(b, '%');
            i++;
        } else if (!scan_spec(f, &i, &s, e) || !put_spec(c, row, &s, &next, b, e)) {
            return false;
        }
    }
    return true;
}

static bool format_rows(FnCall *c, Err *e)
{
    FUNC_ROWS(c, row)
    {
        Buf b;
        Value f = vec_get(&c->args[0], row);
        if (f.null) {
            vec_set_null(c->out, row, c->rows, c->ctx->scratch);
            continue;
        }
        buf_init(&b);
        bool ok = format_row(c, row, f.u.str, &b, e);
        c->out->v.str[row] = func_take(c->ctx, &b).u.str;
        if (!ok)
            return false;
    }
    return true;
}

/* ---- encode, decode ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(Buf *b, Slice s)
{
    size_t line = 0;
    for (size_t i = 0; i < s.len; i += 3) {
        const unsigned char *p = (const unsigned char *)s.ptr + i;
        size_t left = s.len - i;
        uint32_t v =
            (uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);
        char q[4] = {base64_digits[v >> 18], base64_digits[v >> 12 & 63],
                     left > 1 ? base64_digits[v >> 6 & 63] : '=',
                     left > 2 ? base64_digits[v & 63] : '='};
        if (line == 76) {
            buf_put_u8(b, '\n');
            line = 0;
        }
        buf_put(b, q, 4);
        line += 4;
    }
}

static bool get_base64(Buf *b, Slice s, Err *e)
{
    uint32_t v = 0;
    int have = 0, end = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            continue;
        const char *digit = c ? strchr(base64_digits, c) : NULL;
        if (c == '=') {
            if (have < 2)
                return err_set(e, ERR_INVALID_PARAMETER,
                               "unexpected \"=\" while decoding base64 sequence");
            end++;
        } else if (!digit || end) {
            return err_set(e, ERR_INVALID_PARAMETER,
                           "invalid symbol \"%c\" found while decoding base64 sequence", c);
        }
        v = v << 6 | (digit ? (uint32_t)(digit - base64_digits) : 0);
        if (++have < 4)
            continue;
        char bytes[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        buf_put(b, bytes, (size_t)(3 - (end > 2 ? 2 : end)));
        v = 0;
        have = 0;
    }
    if (have == 0)
        return true;
    err_set(e, ERR_INVALID_PARAMETER, "invalid base64 end sequence");
    return err_hint(e, "Input data is missing padding, is truncated, or is otherwise corrupted.");
}

static bool bad_encoding(Slice name, Err *e)
{
    return err_set(e, ERR_INVALID_PARAMETER, "unrecognized encoding: \"%.*s\"", SLICE_ARG(name));
}

FUNC_SCALAR(text_encode)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str, name = args[1].u.str;
    Buf b;
    buf_init(&b);
    if (slice_eq_nocase(name, SLICE_LIT("hex"))) {
        for (size_t i = 0; i < s.len; i++)
            buf_printf(&b, "%02x", (unsigned)(unsigned char)s.ptr[i]);
    } else if (slice_eq_nocase(name, SLICE_LIT("base64"))) {
        put_base64(&b, s);
    } else if (slice_eq_nocase(name, SLICE_LIT("escape"))) {
        bytea_put_escape(s, &b);
    } else {
        buf_free(&b);
        return bad_encoding(name, e);
    }
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(text_decode)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str, name = args[1].u.str;
    Buf b;
    bool ok = true;
    if (slice_eq_nocase(name, SLICE_LIT("escape")))
        return bytea_in(&ctx->env, s, -1, ctx->scratch, out, e);
    if (slice_eq_nocase(name, SLICE_LIT("hex"))) {
        Slice hex = arena_printf(ctx->scratch, "\\x%.*s", SLICE_ARG(s));
        return bytea_in(&ctx->env, hex, -1, ctx->scratch, out, e);
    }
    if (!slice_eq_nocase(name, SLICE_LIT("base64")))
        return bad_encoding(name, e);
    buf_init(&b);
    ok = get_base64(&b, s, e);
    *out = func_take(ctx, &b);
    return ok;
}

FUNC_SCALAR(to_hex)
{
    FUNC_UNUSED;
    *out = value_str(arena_printf(ctx->scratch, "%llx", (unsigned long long)args[0].u.i64));
    return true;
}

FUNC_SCALAR(to_hex4)
{
    FUNC_UNUSED;
    *out = value_str(arena_printf(ctx->scratch, "%x", (unsigned)(uint32_t)args[0].u.i64));
    return true;
}

/* ---- MD5 (RFC 1321): as a checksum that scripts expect, not for secrets ---- */

static const uint32_t md5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t md5_shifts[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};

static void md5_block(uint32_t h[4], const unsigned char *p)
{
    uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3];
    memcpy(w, p, sizeof w);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t f;
        unsigned k;
        if (i < 16) {
            f = (b & c) | (~b & d);
            k = i;
        } else if (i < 32) {
            f = (d & b) | (~d & c);
            k = (5 * i + 1) % 16;
        } else if (i < 48) {
            f = b ^ c ^ d;
            k = (3 * i + 5) % 16;
        } else {
            f = c ^ (b | ~d);
            k = 7 * i % 16;
        }
        f += a + md5_sines[i] + w[k];
        unsigned s = md5_shifts[i / 16 * 4 + i % 4];
        a = d;
        d = c;
        c = b;
        b += f << s | f >> (32 - s);
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
}

FUNC_SCALAR(text_md5)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    uint32_t h[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    unsigned char tail[128] = {0};
    size_t whole = s.len / 64 * 64, rest = s.len - whole, padded = rest < 56 ? 64 : 128;
    uint64_t bits = (uint64_t)s.len * 8;
    for (size_t i = 0; i < whole; i += 64)
        md5_block(h, (const unsigned char *)s.ptr + i);
    if (rest)
        memcpy(tail, s.ptr + whole, rest);
    tail[rest] = 0x80;
    memcpy(tail + padded - 8, &bits, 8);
    for (size_t i = 0; i < padded; i += 64)
        md5_block(h, tail + i);
    Buf b;
    buf_init(&b);
    for (size_t i = 0; i < 16; i++)
        buf_printf(&b, "%02x", h[i / 4] >> (i % 4 * 8) & 255);
    *out = func_take(ctx, &b);
    return true;
}

/* ---- the table ---- */

FuncDef func_format[] = {
    FS("quote_ident(text) text", quote_ident, STRICT, "as a name in SQL"),
    FK("quote_literal(text) text", quote_literal, STRICT, "as a literal in SQL"),
    FK("quote_literal(anyelement) text", quote_literal, STRICT | FN_STABLE, "as a literal in SQL"),
    FK("quote_nullable(text) text", quote_nullable, 0, "as a literal in SQL, NULL as a word"),
    FK("quote_nullable(anyelement) text", quote_nullable, FN_STABLE,
       "as a literal in SQL, NULL as a word"),
    FS("parse_ident(text) _text", parse_ident, STRICT, "parts of a qualified name"),
    FS("parse_ident(text, bool) _text", parse_ident, STRICT, "parts of a qualified name"),
    FK("format(text) text", format_rows, FN_STABLE, "text with %% as %"),
    FK("format(text, any) text", format_rows, FN_STABLE | FN_VARIADIC,
       "text with %s, %I, %L filled in"),
    FS("encode(bytea, text) text", text_encode, STRICT, "bytes as hex, base64 or escape"),
    FS("decode(text, text) bytea", text_decode, STRICT, "bytes from hex, base64 or escape"),
    FS("to_hex(int4) text", to_hex4, STRICT, "hexadecimal digits"),
    FS("to_hex(int8) text", to_hex, STRICT, "hexadecimal digits"),
    FS("md5(text) text", text_md5, STRICT, "MD5 checksum"),
    FS("md5(bytea) text", text_md5, STRICT, "MD5 checksum"),
    FUNC_END,
};
