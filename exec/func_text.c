#include "exec/func_text.h"
#include "exec/func_private.h"
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <wctype.h>

/* ---- characters ---- */

size_t utf8_len(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

size_t utf8_offset(Slice s, size_t chars)
{
    size_t i = 0;
    while (i < s.len && chars-- > 0)
        i += utf8_len((unsigned char)s.ptr[i]);
    return i < s.len ? i : s.len;
}

static size_t utf8_chars(Slice s)
{
    return slice_utf8_count(s, s.len);
}

size_t utf8_put(char *dst, uint32_t c)
{
    if (c < 0x80) {
        dst[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--) {
        dst[i] = (char)(0x80 | (c & 63));
        c >>= 6;
    }
    dst[0] = (char)(lead[n] | c);
    return n;
}

uint32_t utf8_get(const char *p, size_t len, size_t *used)
{
    static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    size_t n = utf8_len((unsigned char)*p);
    if (n > len)
        n = len;
    uint32_t c = (unsigned char)*p & mask[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 63);
    *used = n;
    return c;
}

static struct {
    pthread_once_t once;
    locale_t utf8;
} text_locale = {.once = PTHREAD_ONCE_INIT};

static void open_locale(void)
{
    text_locale.utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t fold_char(uint32_t c, bool upper)
{
    if (c < 0x80 || !text_locale.utf8) {
        bool change = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
        return change ? c ^ 32 : c;
    }
    return (uint32_t)(upper ? towupper_l((wint_t)c, text_locale.utf8)
                            : towlower_l((wint_t)c, text_locale.utf8));
}

static bool is_alnum_char(uint32_t c)
{
    if (c < 0x80 || !text_locale.utf8)
        return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    return iswalnum_l((wint_t)c, text_locale.utf8);
}

Slice text_fold_case(Arena *a, Slice s, bool upper)
{
    pthread_once(&text_locale.once, open_locale);
    char *out = arena_alloc(a, s.len * 2 + 4); /* no mapping more than doubles a character */
    size_t n = 0;
    for (size_t i = 0, used; i < s.len; i += used)
        n += utf8_put(out + n, fold_char(utf8_get(s.ptr + i, s.len - i, &used), upper));
    return slice_of(out, n);
}

FUNC_SCALAR(text_lower)
{
    FUNC_UNUSED;
    *out = value_str(text_fold_case(ctx->scratch, args[0].u.str, false));
    return true;
}

FUNC_SCALAR(text_upper)
{
    FUNC_UNUSED;
    *out = value_str(text_fold_case(ctx->scratch, args[0].u.str, true));
    return true;
}

FUNC_SCALAR(text_initcap)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    pthread_once(&text_locale.once, open_locale);
    char *p = arena_alloc(ctx->scratch, s.len * 2 + 4);
    size_t len = 0;
    bool inside = false;
    for (size_t i = 0, used; i < s.len; i += used) {
        uint32_t c = utf8_get(s.ptr + i, s.len - i, &used);
        len += utf8_put(p + len, fold_char(c, !inside));
        inside = is_alnum_char(c);
    }
    *out = value_str(slice_of(p, len));
    return true;
}

/* ---- length ---- */

static bool text_length(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, Slice, int64_t, utf8_chars(x));
    return true;
}

static bool bpchar_length(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, Slice, int64_t, utf8_chars(bpchar_trim(x)));
    return true;
}

static bool octet_length(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, Slice, int64_t, x.len);
    return true;
}

static bool bit_length(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, Slice, int64_t, x.len * 8);
    return true;
}

/* ---- pieces ---- */

/* Characters [from, from + count) counted from 1; may begin before the text. */
static bool piece(Slice s, bool bytes, int64_t from, int64_t count, bool open, Value *out, Err *e)
{
    int64_t end;
    if (!open && count < 0)
        return err_set(e, ERR_SUBSTRING, "negative substring length not allowed");
    if (open || __builtin_add_overflow(from, count, &end))
        end = INT64_MAX;
    if (from < 1)
        from = 1;
    if (end <= from) {
        *out = value_str(SLICE_NONE);
        return true;
    }
    size_t skip = (size_t)(from - 1), take = (size_t)(end - from);
    size_t begin = bytes ? (skip < s.len ? skip : s.len) : utf8_offset(s, skip);
    Slice rest = slice_of(s.ptr + begin, s.len - begin);
    rest.len = bytes ? (take < rest.len ? take : rest.len) : utf8_offset(rest, take);
    *out = value_str(rest);
    return true;
}

FUNC_SCALAR(text_substr)
{
    FUNC_UNUSED;
    return piece(args[0].u.str, false, args[1].u.i64, n > 2 ? args[2].u.i64 : 0, n == 2, out, e);
}

FUNC_SCALAR(bytea_substr)
{
    FUNC_UNUSED;
    return piece(args[0].u.str, true, args[1].u.i64, n > 2 ? args[2].u.i64 : 0, n == 2, out, e);
}

FUNC_SCALAR(text_left)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    int64_t k = args[1].u.i64;
    if (k < 0)
        k += (int64_t)utf8_chars(s);
    s.len = k <= 0 ? 0 : utf8_offset(s, (size_t)k);
    *out = value_str(s);
    return true;
}

FUNC_SCALAR(text_right)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    int64_t k = args[1].u.i64, chars = (int64_t)utf8_chars(s);
    int64_t skip = k < 0 ? -k : chars - k;
    size_t at = skip <= 0 ? 0 : utf8_offset(s, (size_t)skip);
    *out = value_str(slice_of(s.ptr + at, s.len - at));
    return true;
}

static const char *find(Slice s, Slice what)
{
    return what.len == 0 ? s.ptr : s.len == 0 ? NULL : memmem(s.ptr, s.len, what.ptr, what.len);
}

FUNC_SCALAR(text_strpos)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    const char *p = find(s, args[1].u.str);
    *out = value_i64(args[1].u.str.len == 0 ? 1
                     : p                    ? (int64_t)slice_utf8_count(s, (size_t)(p - s.ptr)) + 1
                                            : 0);
    return true;
}

/* The n-th piece between separators; negative: from the end. */
FUNC_SCALAR(text_split_part)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str, sep = args[1].u.str;
    int64_t want = args[2].u.i64, parts = 1;
    if (want == 0)
        return err_set(e, ERR_INVALID_PARAMETER, "field position must not be zero");
    *out = value_str(SLICE_NONE);
    if (s.len == 0)
        return true;
    if (sep.len == 0) {
        if (want == 1 || want == -1)
            out->u.str = s;
        return true;
    }
    for (Slice rest = s; want < 0;) {
        const char *p = find(rest, sep);
        if (!p)
            break;
        parts++;
        rest = slice_of(p + sep.len, (size_t)(s.ptr + s.len - p) - sep.len);
    }
    if (want < 0)
        want += parts + 1;
    for (int64_t i = 1; want > 0; i++) {
        const char *p = find(s, sep);
        if (i == want) {
            out->u.str = p ? slice_of(s.ptr, (size_t)(p - s.ptr)) : s;
            break;
        }
        if (!p)
            break;
        s = slice_of(p + sep.len, (size_t)(s.ptr + s.len - p) - sep.len);
    }
    return true;
}

/* ---- trimming ---- */

static bool is_in(Slice set, const char *p, size_t len)
{
    for (size_t i = 0; i < set.len; i += utf8_len((unsigned char)set.ptr[i]))
        if (utf8_len((unsigned char)set.ptr[i]) == len && i + len <= set.len &&
            memcmp(set.ptr + i, p, len) == 0)
            return true;
    return false;
}

static Slice trim(Slice s, Slice set, bool left, bool right)
{
    while (left && s.len > 0) {
        size_t len = utf8_len((unsigned char)s.ptr[0]);
        if (len > s.len || !is_in(set, s.ptr, len))
            break;
        s = slice_of(s.ptr + len, s.len - len);
    }
    while (right && s.len > 0) {
        size_t at = s.len - 1;
        while (at > 0 && ((unsigned char)s.ptr[at] & 0xC0) == 0x80)
            at--;
        if (!is_in(set, s.ptr + at, s.len - at))
            break;
        s.len = at;
    }
    return s;
}

#define TRIM(name, left, right)                                                                    \
    FUNC_SCALAR(name)                                                                              \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        *out =                                                                                     \
            value_str(trim(args[0].u.str, n > 1 ? args[1].u.str : SLICE_LIT(" "), left, right));   \
        return true;                                                                               \
    }
TRIM(text_btrim, true, true)
TRIM(text_ltrim, true, false)
TRIM(text_rtrim, false, true)

/* ---- building ---- */

static bool too_long(Err *e)
{
    return err_set(e, ERR_PROGRAM_LIMIT, "requested length too large");
}

FUNC_SCALAR(text_concat_op)
{
    FUNC_UNUSED;
    Slice x = args[0].u.str, y = args[1].u.str;
    char *p = arena_try(ctx->scratch, x.len + y.len + 1, e);
    if (!p)
        return false;
    if (x.len)
        memcpy(p, x.ptr, x.len);
    if (y.len)
        memcpy(p + x.len, y.ptr, y.len);
    *out = value_str(slice_of(p, x.len + y.len));
    return true;
}

static void put_any(const TypeEnv *env, const Vector *v, size_t row, Buf *b)
{
    Value item = vec_get(v, row);
    if (!item.null)
        type_find(v->type)->out(env, &item, b);
}

static void put_cast(const TypeEnv *env, const Vector *v, size_t row, Buf *b)
{
    Value item = vec_get(v, row);
    if (v->type == T_BOOL)
        buf_puts(b, item.u.b ? "true" : "false");
    else
        put_any(env, v, row, b);
}

/* text || anything: as a cast to text shows it. */
static bool concat_any_op(FnCall *c, Err *e)
{
    (void)e;
    FUNC_ROWS(c, row)
    {
        Buf b;
        buf_init(&b);
        put_cast(&c->ctx->env, &c->args[0], row, &b);
        put_cast(&c->ctx->env, &c->args[1], row, &b);
        c->out->v.str[row] = func_take(c->ctx, &b).u.str;
    }
    return true;
}

static bool concat_values(FnCall *c, Err *e)
{
    (void)e;
    FUNC_ROWS(c, row)
    {
        Buf b;
        buf_init(&b);
        for (size_t k = 0; k < c->arg_count; k++)
            put_any(&c->ctx->env, &c->args[k], row, &b);
        c->out->v.str[row] = func_take(c->ctx, &b).u.str;
    }
    return true;
}

static bool concat_separated(FnCall *c, Err *e)
{
    (void)e;
    FUNC_ROWS(c, row)
    {
        Buf b;
        bool first = true;
        if (vec_is_null(&c->args[0], row)) {
            vec_set_null(c->out, row, c->rows, c->ctx->scratch);
            continue;
        }
        buf_init(&b);
        for (size_t k = 1; k < c->arg_count; k++) {
            if (vec_is_null(&c->args[k], row))
                continue;
            if (!first)
                put_any(&c->ctx->env, &c->args[0], row, &b);
            put_any(&c->ctx->env, &c->args[k], row, &b);
            first = false;
        }
        c->out->v.str[row] = func_take(c->ctx, &b).u.str;
    }
    return true;
}

FUNC_SCALAR(text_repeat)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    int64_t times = args[1].u.i64 < 0 ? 0 : args[1].u.i64;
    if (s.len && times > TEXT_RESULT_MAX / (int64_t)s.len)
        return too_long(e);
    size_t len = s.len * (size_t)times;
    char *p = arena_try(ctx->scratch, len + 1, e);
    if (!p)
        return false;
    for (size_t at = 0; at < len; at += s.len)
        memcpy(p + at, s.ptr, s.len);
    *out = value_str(slice_of(p, len));
    return true;
}

FUNC_SCALAR(text_reverse)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    char *p = arena_alloc(ctx->scratch, s.len + 1);
    size_t at = s.len;
    for (size_t i = 0, len; i < s.len; i += len) {
        len = utf8_len((unsigned char)s.ptr[i]);
        if (len > s.len - i)
            len = s.len - i;
        at -= len;
        memcpy(p + at, s.ptr + i, len);
    }
    *out = value_str(slice_of(p, s.len));
    return true;
}

/* To `want` characters: cut at the end, or filled on one side. */
static bool pad(EvalCtx *ctx, const Value *args, size_t n, bool left, Value *out, Err *e)
{
    Slice s = args[0].u.str, fill = n > 2 ? args[2].u.str : SLICE_LIT(" ");
    int64_t want = args[1].u.i64 < 0 ? 0 : args[1].u.i64, chars = (int64_t)utf8_chars(s);
    if (want > TEXT_RESULT_MAX / 4)
        return too_long(e);
    if (chars >= want || fill.len == 0) {
        *out = value_str(slice_of(s.ptr, utf8_offset(s, (size_t)want)));
        return true;
    }
    Buf b;
    buf_init(&b);
    if (!left)
        buf_put_slice(&b, s);
    for (size_t i = 0; chars < want; chars++) {
        size_t len = utf8_len((unsigned char)fill.ptr[i]);
        buf_put(&b, fill.ptr + i, len < fill.len - i ? len : fill.len - i);
        i = i + len >= fill.len ? 0 : i + len;
    }
    if (left)
        buf_put_slice(&b, s);
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(text_lpad)
{
    return pad(ctx, args, n, true, out, e);
}

FUNC_SCALAR(text_rpad)
{
    return pad(ctx, args, n, false, out, e);
}

FUNC_SCALAR(text_replace)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str, from = args[1].u.str, to = args[2].u.str;
    const char *p;
    if (from.len == 0 || !find(s, from)) {
        *out = args[0];
        return true;
    }
    Buf b;
    buf_init(&b);
    while ((p = find(s, from)) != NULL) {
        buf_put(&b, s.ptr, (size_t)(p - s.ptr));
        buf_put_slice(&b, to);
        s = slice_of(p + from.len, (size_t)(s.ptr + s.len - p) - from.len);
        if (b.len > TEXT_RESULT_MAX || !eval_poll(ctx, from.len + to.len, e)) {
            bool long_text = b.len > TEXT_RESULT_MAX;
            buf_free(&b);
            return long_text && too_long(e);
        }
    }
    buf_put_slice(&b, s);
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(text_translate)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str, from = args[1].u.str, to = args[2].u.str;
    Buf b;
    buf_init(&b);
    for (size_t i = 0, len; i < s.len; i += len) {
        len = utf8_len((unsigned char)s.ptr[i]);
        if (len > s.len - i)
            len = s.len - i;
        size_t at = 0, index = 0;
        while (at < from.len &&
               !is_in(slice_of(from.ptr + at, utf8_len((unsigned char)from.ptr[at])), s.ptr + i,
                      len)) {
            at += utf8_len((unsigned char)from.ptr[at]);
            index++;
        }
        if (at >= from.len) {
            buf_put(&b, s.ptr + i, len);
            continue;
        }
        size_t begin = utf8_offset(to, index);
        if (begin < to.len) {
            Slice rest = slice_of(to.ptr + begin, to.len - begin);
            buf_put(&b, rest.ptr, utf8_offset(rest, 1));
        }
    }
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(text_overlay)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str, with = args[1].u.str;
    int64_t from = args[2].u.i64, count = n > 3 ? args[3].u.i64 : (int64_t)utf8_chars(with);
    if (from <= 0)
        return err_set(e, ERR_SUBSTRING, "negative substring length not allowed");
    if (from + count != (int32_t)(from + count))
        return err_set(e, ERR_NUMERIC_RANGE, "integer out of range");
    size_t begin = utf8_offset(s, (size_t)from - 1);
    int64_t skip = from - 1 + count;
    size_t end = utf8_offset(s, skip < 0 ? 0 : (size_t)skip);
    Buf b;
    buf_init(&b);
    buf_put(&b, s.ptr, begin);
    buf_put_slice(&b, with);
    buf_put(&b, s.ptr + end, s.len - end);
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(text_chr)
{
    FUNC_UNUSED;
    int64_t c = args[0].u.i64;
    char utf8[4];
    if (c < 0)
        return err_set(e, ERR_INVALID_PARAMETER, "character number must be positive");
    if (c == 0)
        return err_set(e, ERR_PROGRAM_LIMIT, "null character not permitted");
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return err_set(e, ERR_PROGRAM_LIMIT, "requested character too large for encoding: %lld",
                       (long long)c);
    *out = value_str(arena_slice(ctx->scratch, slice_of(utf8, utf8_put(utf8, (uint32_t)c))));
    return true;
}

FUNC_SCALAR(text_ascii)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    size_t used;
    *out = value_i64(s.len ? utf8_get(s.ptr, s.len, &used) : 0);
    return true;
}

/* ---- splitting ---- */

typedef struct Parts {
    Value *items;
    size_t count, room;
    const Slice *null_text;
} Parts;

static bool add_part(Parts *p, Slice s, Arena *a, Err *e)
{
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 8;
        Value *items = arena_try(a, room * sizeof *items, e);
        if (!items)
            return false;
        if (p->count)
            memcpy(items, p->items, p->count * sizeof *items);
        p->items = items;
        p->room = room;
    }
    p->items[p->count] = value_str(s);
    p->items[p->count++].null = p->null_text && slice_eq(s, *p->null_text);
    return true;
}

static bool split_chars(Parts *p, Slice s, Arena *a, Err *e)
{
    for (size_t i = 0, len; i < s.len; i += len) {
        len = utf8_offset(slice_of(s.ptr + i, s.len - i), 1);
        if (!add_part(p, slice_of(s.ptr + i, len), a, e))
            return false;
    }
    return true;
}

bool func_split(EvalCtx *ctx, const Value *args, size_t n, Array **out, Err *e)
{
    Slice s = args[0].u.str, sep = args[1].null ? SLICE_NONE : args[1].u.str;
    Parts p = {.null_text = n > 2 && !args[2].null ? &args[2].u.str : NULL};
    const char *at;
    bool ok = true;
    if (s.len == 0) {
        ok = true;
    } else if (args[1].null) {
        ok = split_chars(&p, s, ctx->scratch, e);
    } else {
        while (ok && sep.len && (at = find(s, sep)) != NULL) {
            ok = add_part(&p, slice_of(s.ptr, (size_t)(at - s.ptr)), ctx->scratch, e);
            s = slice_of(at + sep.len, (size_t)(s.ptr + s.len - at) - sep.len);
        }
        ok = ok && add_part(&p, s, ctx->scratch, e);
    }
    *out = array_new(ctx->scratch, T_TEXT, p.items, p.count);
    return ok;
}

FUNC_SCALAR(string_to_array)
{
    Array *arr;
    if (args[0].null) {
        func_null(out);
        return true;
    }
    if (!func_split(ctx, args, n, &arr, e))
        return false;
    *out = value_array(arr);
    return true;
}

/* ---- the table ---- */

FuncDef func_text_table[] = {
    FS("lower(text) text", text_lower, STRICT, "in small letters"),
    FS("upper(text) text", text_upper, STRICT, "in capital letters"),
    FS("initcap(text) text", text_initcap, STRICT, "each word with a capital letter"),
    FK("length(text) int4", text_length, STRICT, "number of characters"),
    FK("length(bpchar) int4", bpchar_length, STRICT,
       "number of characters without trailing blanks"),
    FK("length(bytea) int4", octet_length, STRICT, "number of bytes"),
    FK("char_length(text) int4", text_length, STRICT, "number of characters"),
    FK("char_length(bpchar) int4", bpchar_length, STRICT, "number of characters"),
    FK("character_length(text) int4", text_length, STRICT, "number of characters"),
    FK("character_length(bpchar) int4", bpchar_length, STRICT, "number of characters"),
    FK("octet_length(text) int4", octet_length, STRICT, "number of bytes"),
    FK("octet_length(bpchar) int4", octet_length, STRICT, "number of bytes"),
    FK("octet_length(bytea) int4", octet_length, STRICT, "number of bytes"),
    FK("bit_length(text) int4", bit_length, STRICT, "number of bits"),
    FK("bit_length(bytea) int4", bit_length, STRICT, "number of bits"),
    FS("substr(text, int4) text", text_substr, STRICT, "from a character on"),
    FS("substr(text, int4, int4) text", text_substr, STRICT, "characters from, so many"),
    FS("substring(text, int4) text", text_substr, STRICT, "from a character on"),
    FS("substring(text, int4, int4) text", text_substr, STRICT, "characters from, so many"),
    FS("substr(bytea, int4) bytea", bytea_substr, STRICT, "from a byte on"),
    FS("substr(bytea, int4, int4) bytea", bytea_substr, STRICT, "bytes from, so many"),
    FS("substring(bytea, int4) bytea", bytea_substr, STRICT, "from a byte on"),
    FS("substring(bytea, int4, int4) bytea", bytea_substr, STRICT, "bytes from, so many"),
    FS("left(text, int4) text", text_left, STRICT, "first characters; negative: all but the last"),
    FS("right(text, int4) text", text_right, STRICT,
       "last characters; negative: all but the first"),
    FS("strpos(text, text) int4", text_strpos, STRICT, "where a text stands, from 1; 0: nowhere"),
    FS("position(text, text) int4", text_strpos, STRICT, "where a text stands, from 1; 0: nowhere"),
    FS("split_part(text, text, int4) text", text_split_part, STRICT,
       "n-th piece between separators"),
    FS("btrim(text) text", text_btrim, STRICT, "without blanks at both ends"),
    FS("btrim(text, text) text", text_btrim, STRICT, "without characters at both ends"),
    FS("ltrim(text) text", text_ltrim, STRICT, "without blanks in front"),
    FS("ltrim(text, text) text", text_ltrim, STRICT, "without characters in front"),
    FS("rtrim(text) text", text_rtrim, STRICT, "without blanks at the end"),
    FS("rtrim(text, text) text", text_rtrim, STRICT, "without characters at the end"),
    FS("trim(text) text", text_btrim, STRICT | FN_HIDDEN, "without blanks at both ends"),
    FS("||(text, text) text", text_concat_op, OP, "joined"),
    FS("||(bytea, bytea) bytea", text_concat_op, OP, "joined"),
    FK("||(text, anynonarray) text", concat_any_op, OP | FN_STABLE, "joined"),
    FK("||(anynonarray, text) text", concat_any_op, OP | FN_STABLE, "joined"),
    FK("concat(any) text", concat_values, FN_STABLE | FN_VARIADIC, "all as text, NULLs left out"),
    FK("concat_ws(text, any) text", concat_separated, FN_STABLE | FN_VARIADIC,
       "all as text with a separator, NULLs left out"),
    FS("repeat(text, int4) text", text_repeat, STRICT, "so many times"),
    FS("reverse(text) text", text_reverse, STRICT, "backwards"),
    FS("lpad(text, int4) text", text_lpad, STRICT, "filled with blanks in front"),
    FS("lpad(text, int4, text) text", text_lpad, STRICT, "filled in front"),
    FS("rpad(text, int4) text", text_rpad, STRICT, "filled with blanks at the end"),
    FS("rpad(text, int4, text) text", text_rpad, STRICT, "filled at the end"),
    FS("replace(text, text, text) text", text_replace, STRICT, "one text replaced by another"),
    FS("translate(text, text, text) text", text_translate, STRICT, "characters replaced"),
    FS("overlay(text, text, int4) text", text_overlay, STRICT, "written over from a character on"),
    FS("overlay(text, text, int4, int4) text", text_overlay, STRICT, "so many characters replaced"),
    FS("chr(int4) text", text_chr, STRICT, "the character of a code point"),
    FS("ascii(text) int4", text_ascii, STRICT, "the code point of the first character"),
    FS("string_to_array(text, text) _text", string_to_array, 0, "pieces between separators"),
    FS("string_to_array(text, text, text) _text", string_to_array, 0,
       "pieces between separators; one text stands for NULL"),
    FUNC_END,
};
