#include "exec/type_private.h"

/* Shared by all text types: no NUL, valid UTF-8 (text input comes from clients as it is). */
static bool check_text(Slice text, Err *e)
{
    const char *nul = text.len ? memchr(text.ptr, '\0', text.len) : NULL;
    if (nul)
        return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                       "invalid byte sequence for encoding \"UTF8\": 0x00");
    if (!slice_utf8_valid(text))
        return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                       "invalid byte sequence for encoding \"UTF8\"");
    return true;
}

static Value copy_text(Arena *a, Slice text)
{
    return value_str(arena_slice(a, text));
}

TYPE_IN(text_in)
{
    (void)env, (void)typmod;
    if (!check_text(text, e))
        return false;
    *out = copy_text(a, text);
    return true;
}

TYPE_OUT(text_out)
{
    (void)env;
    buf_put_slice(dst, v->u.str);
}

TYPE_IN(text_recv)
{
    return text_in(env, text, typmod, a, out, e);
}

/* ---- varchar(n), char(n) ---- */

TYPE_IN(varchar_in)
{
    return text_in(env, text, typmod, a, out, e) &&
           type_apply_typmod(T_VARCHAR, typmod, false, a, out, e);
}

TYPE_IN(varchar_recv)
{
    return varchar_in(env, text, typmod, a, out, e);
}

TYPE_IN(bpchar_in)
{
    return text_in(env, text, typmod, a, out, e) &&
           type_apply_typmod(T_BPCHAR, typmod, false, a, out, e);
}

TYPE_IN(bpchar_recv)
{
    return bpchar_in(env, text, typmod, a, out, e);
}

Slice bpchar_trim(Slice s)
{
    while (s.len > 0 && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

/* name: cut to 63 bytes, never inside a character. */
TYPE_IN(name_in)
{
    if (text.len > 63) {
        size_t len = 63;
        while (len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
            len--;
        text.len = len;
    }
    return text_in(env, text, typmod, a, out, e);
}

/* ---- "char": one byte, any ---- */

TYPE_IN(char_in)
{
    (void)env, (void)typmod, (void)e;
    const unsigned char *p = (const unsigned char *)text.ptr;
    if (text.len == 4 && p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
        p[3] >= '0' && p[3] <= '7') {
        char c = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
        *out = copy_text(a, slice_of(&c, c != 0));
        return true;
    }
    *out = copy_text(a, slice_of(text.ptr, text.len > 0));
    return true;
}

TYPE_OUT(char_out)
{
    (void)env;
    if (v->u.str.len == 0)
        return;
    unsigned char c = (unsigned char)v->u.str.ptr[0];
    if (c < 0x80)
        buf_put_u8(dst, c);
    else
        buf_printf(dst, "\\%03o", c);
}

TYPE_IN(char_recv)
{
    (void)env, (void)typmod;
    if (text.len != 1)
        return type_bad_binary(e);
    *out = copy_text(a, slice_of(text.ptr, text.ptr[0] != 0));
    return true;
}

TYPE_OUT(char_send)
{
    (void)env;
    buf_put_u8(dst, v->u.str.len ? (uint8_t)v->u.str.ptr[0] : 0);
}

/* ---- bytea ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool bytea_hex(Slice t, Arena *a, Value *out, Err *e)
{
    char *bytes = arena_try(a, t.len / 2 + 1, e);
    size_t n = 0;
    if (!bytes)
        return false;
    for (size_t i = 2; i < t.len;) {
        if (t.ptr[i] == ' ' || t.ptr[i] == '\n' || t.ptr[i] == '\t' || t.ptr[i] == '\r') {
            i++;
            continue;
        }
        int hi = hex_digit(t.ptr[i]);
        if (hi < 0)
            return err_set(e, ERR_INVALID_PARAMETER, "invalid hexadecimal digit: \"%.1s\"",
                           t.ptr + i);
        if (i + 1 == t.len)
            return err_set(e, ERR_INVALID_PARAMETER,
                           "invalid hexadecimal data: odd number of digits");
        int lo = hex_digit(t.ptr[i + 1]);
        if (lo < 0)
            return err_set(e, ERR_INVALID_PARAMETER, "invalid hexadecimal digit: \"%.1s\"",
                           t.ptr + i + 1);
        bytes[n++] = (char)(hi << 4 | lo);
        i += 2;
    }
    *out = value_str(slice_of(bytes, n));
    return true;
}

static bool is_octal(const char *p)
{
    return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

TYPE_IN(bytea_in)
{
    (void)env, (void)typmod;
    if (text.len >= 2 && text.ptr[0] == '\\' && text.ptr[1] == 'x')
        return bytea_hex(text, a, out, e);
    char *bytes = arena_try(a, text.len + 1, e);
    size_t n = 0;
    if (!bytes)
        return false;
    for (size_t i = 0; i < text.len;) {
        const char *p = text.ptr + i;
        if (p[0] != '\\') {
            bytes[n++] = p[0];
            i++;
        } else if (i + 3 < text.len && is_octal(p + 1)) {
            bytes[n++] = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            i += 4;
        } else if (i + 1 < text.len && p[1] == '\\') {
            bytes[n++] = '\\';
            i += 2;
        } else {
            return type_bad_input(e, "bytea", text);
        }
    }
    *out = value_str(slice_of(bytes, n));
    return true;
}

void bytea_put_escape(Slice s, Buf *dst)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\\')
            buf_puts(dst, "\\\\");
        else if (c < 0x20 || c > 0x7e)
            buf_printf(dst, "\\%03o", c);
        else
            buf_put_u8(dst, c);
    }
}

TYPE_OUT(bytea_out)
{
    static const char hex[] = "0123456789abcdef";
    if (env && env->bytea_escape) {
        bytea_put_escape(v->u.str, dst);
        return;
    }
    buf_puts(dst, "\\x");
    for (size_t i = 0; i < v->u.str.len; i++) {
        unsigned char c = (unsigned char)v->u.str.ptr[i];
        buf_put_u8(dst, (uint8_t)hex[c >> 4]);
        buf_put_u8(dst, (uint8_t)hex[c & 15]);
    }
}

TYPE_IN(bytea_recv)
{
    (void)env, (void)typmod, (void)e;
    *out = copy_text(a, text);
    return true;
}

/* ---- uuid: 16 bytes; hyphens may stand after any group of four digits, braces around ---- */

TYPE_IN(uuid_in)
{
    (void)env, (void)typmod;
    Slice t = text;
    char bytes[16];
    if (t.len >= 2 && t.ptr[0] == '{' && t.ptr[t.len - 1] == '}')
        t = slice_of(t.ptr + 1, t.len - 2);
    size_t at = 0;
    for (int i = 0; i < 16; i++) {
        if (at + 2 > t.len)
            return type_bad_input(e, "uuid", text);
        int hi = hex_digit(t.ptr[at]), lo = hex_digit(t.ptr[at + 1]);
        if (hi < 0 || lo < 0)
            return type_bad_input(e, "uuid", text);
        bytes[i] = (char)(hi << 4 | lo);
        at += 2;
        if (at < t.len && t.ptr[at] == '-' && i % 2 == 1 && i < 15)
            at++;
    }
    if (at != t.len)
        return type_bad_input(e, "uuid", text);
    *out = copy_text(a, slice_of(bytes, 16));
    return true;
}

TYPE_OUT(uuid_out)
{
    (void)env;
    for (size_t i = 0; i < 16 && i < v->u.str.len; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            buf_put_u8(dst, '-');
        buf_printf(dst, "%02x", (unsigned)(unsigned char)v->u.str.ptr[i]);
    }
}

TYPE_IN(uuid_recv)
{
    (void)env, (void)typmod;
    if (text.len != 16)
        return type_bad_binary(e);
    *out = copy_text(a, text);
    return true;
}

/* ---- pseudo types: no values come in from outside ---- */

TYPE_IN(void_in)
{
    (void)env, (void)typmod, (void)a, (void)text, (void)e;
    *out = value_str(SLICE_NONE);
    return true;
}

TYPE_OUT(void_out)
{
    (void)env, (void)v, (void)dst;
}
