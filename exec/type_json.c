#include "exec/type_json.h"
#include "exec/func_text.h"
#include "exec/json_scan.h"
#include "exec/numeric.h"
#include "exec/type_private.h"
#include <stdlib.h>

bool json_check(Slice text, Err *e)
{
    return json_scan_all(text, false, e);
}

/* ---- walking ---- */

static Slice value_at(const char *p, const char *end)
{
    Err e;
    JsonScan s = {p, end, slice_of(p, (size_t)(end - p)), false};
    json_skip_space(&s);
    const char *from = s.p;
    if (!json_scan_value(&s, 0, &e))
        return SLICE_NONE;
    return slice_of(from, (size_t)(s.p - from));
}

JsonKind json_kind(Slice json)
{
    Slice t = type_trim(json);
    switch (t.len ? t.ptr[0] : 'n') {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

JsonIter json_iter(Slice json)
{
    Slice t = type_trim(json);
    return (JsonIter){.json = t, .at = 1, .object = t.len && t.ptr[0] == '{'};
}

bool json_next(JsonIter *it, Arena *a, Slice *key, Slice *value)
{
    JsonScan s = {it->json.ptr + it->at, it->json.ptr + it->json.len, it->json, false};
    Err e;
    if (it->json.len < 2 || (it->json.ptr[0] != '{' && it->json.ptr[0] != '['))
        return false;
    json_skip_space(&s);
    if (s.p < s.end && *s.p == ',') {
        s.p++;
        json_skip_space(&s);
    }
    if (s.p >= s.end || *s.p == '}' || *s.p == ']')
        return false;
    if (it->object) {
        const char *from = s.p;
        if (!json_scan_string(&s, &e))
            return false;
        *key = json_text(slice_of(from, (size_t)(s.p - from)), a);
        json_skip_space(&s);
        s.p++; /* ':' */
    }
    *value = value_at(s.p, s.end);
    if (value->len == 0)
        return false;
    it->at = (size_t)(value->ptr + value->len - it->json.ptr);
    return true;
}

bool json_field(Slice json, Slice key, Arena *a, Slice *value)
{
    JsonIter it = json_iter(json);
    Slice k, v;
    bool found = false;
    if (!it.object)
        return false;
    while (json_next(&it, a, &k, &v)) {
        if (slice_eq(k, key)) {
            *value = v;
            found = true;
        }
    }
    return found;
}

int64_t json_length(Slice json, Arena *a)
{
    JsonIter it = json_iter(json);
    Slice k, v;
    int64_t n = 0;
    while (json_next(&it, a, &k, &v))
        n++;
    return n;
}

bool json_element(Slice json, int64_t index, Arena *a, Slice *value)
{
    JsonIter it = json_iter(json);
    Slice k;
    if (it.json.len == 0 || it.json.ptr[0] != '[')
        return false;
    if (index < 0)
        index += json_length(json, a);
    for (int64_t i = 0; index >= 0 && json_next(&it, a, &k, value); i++)
        if (i == index)
            return true;
    return false;
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

static uint32_t hex4(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (uint32_t)hex_value(p[i]);
    return v;
}

/* \uXXXX at p (on the u); surrogate pairs are joined, half ones become U+FFFD. */
static const char *decode_unicode(const char *p, const char *end, char *dst, size_t *n)
{
    uint32_t c = hex4(p + 1);
    p += 5;
    if (c >= 0xD800 && c < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = hex4(p + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            p += 6;
        }
    }
    if (c >= 0xD800 && c < 0xE000)
        c = 0xFFFD;
    *n += utf8_put(dst + *n, c);
    return p;
}

bool json_to_text(Slice json, Arena *a, Slice *out, Err *e)
{
    *out = json_text(json, a);
    return out->ptr == NULL || !memchr(json.ptr, '\\', json.len) ||
           json_kind(json) != JSON_STRING || json_scan_all(json, true, e);
}

Slice json_text(Slice json, Arena *a)
{
    Slice t = type_trim(json);
    if (t.len < 2 || t.ptr[0] != '"')
        return t;
    t = slice_of(t.ptr + 1, t.len - 2);
    if (!memchr(t.ptr, '\\', t.len))
        return t;
    char *out = arena_alloc(a, t.len + 1);
    size_t n = 0;
    const char *end = t.ptr + t.len;
    for (const char *p = t.ptr; p < end;) {
        if (*p != '\\') {
            out[n++] = *p++;
            continue;
        }
        static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
        p++;
        const char *known = strchr(from, *p);
        if (*p == 'u')
            p = decode_unicode(p, end, out, &n);
        else
            out[n++] = known ? to[known - from] : *p, p++;
    }
    return slice_of(out, n);
}

void json_put_string(Buf *dst, Slice s)
{
    buf_put_u8(dst, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        const char *known = c ? strchr("\b\f\n\r\t\"\\", c) : NULL;
        if (known) {
            buf_put_u8(dst, '\\');
            buf_put_u8(dst, (uint8_t) "bfnrt\"\\"[strchr("\b\f\n\r\t\"\\", c) - "\b\f\n\r\t\"\\"]);
        } else if (c < 0x20) {
            buf_printf(dst, "\\u%04x", c);
        } else {
            buf_put_u8(dst, c);
        }
    }
    buf_put_u8(dst, '"');
}

/* ---- jsonb ---- */

typedef struct Member {
    Slice key, value;
    size_t order;
} Member;

static int compare_members(const void *x, const void *y)
{
    const Member *a = x, *b = y;
    if (a->key.len != b->key.len)
        return a->key.len < b->key.len ? -1 : 1;
    int c = a->key.len ? memcmp(a->key.ptr, b->key.ptr, a->key.len) : 0;
    return c ? c : a->order < b->order ? -1 : 1;
}

static bool put_jsonb(Slice json, Arena *a, Buf *dst, Err *e);

static bool put_object(Slice json, Arena *a, Buf *dst, Err *e)
{
    size_t n = (size_t)json_length(json, a), count = 0;
    Member *m = ARENA_ARRAY(a, Member, n + 1);
    JsonIter it = json_iter(json);
    while (count < n && json_next(&it, a, &m[count].key, &m[count].value)) {
        m[count].order = count;
        count++;
    }
    qsort(m, count, sizeof *m, compare_members);
    bool first = true;
    buf_put_u8(dst, '{');
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && slice_eq(m[i].key, m[i + 1].key))
            continue;
        buf_puts(dst, first ? "" : ", ");
        first = false;
        json_put_string(dst, m[i].key);
        buf_puts(dst, ": ");
        if (!put_jsonb(m[i].value, a, dst, e))
            return false;
    }
    buf_put_u8(dst, '}');
    return true;
}

static bool put_jsonb(Slice json, Arena *a, Buf *dst, Err *e)
{
    JsonIter it;
    Slice key, value;
    Num n;
    switch (json_kind(json)) {
    case JSON_OBJECT:
        return put_object(json, a, dst, e);
    case JSON_ARRAY:
        buf_put_u8(dst, '[');
        it = json_iter(json);
        for (bool first = true; json_next(&it, a, &key, &value); first = false) {
            buf_puts(dst, first ? "" : ", ");
            if (!put_jsonb(value, a, dst, e))
                return false;
        }
        buf_put_u8(dst, ']');
        return true;
    case JSON_STRING:
        json_put_string(dst, json_text(json, a));
        return true;
    case JSON_NUMBER:
        if (num_parse(type_trim(json), a, &n) != NUM_PARSE_OK)
            return err_set(e, ERR_NUMERIC_RANGE, "value overflows numeric format");
        num_print(&n, dst);
        return true;
    default:
        buf_put_slice(dst, type_trim(json));
        return true;
    }
}

bool jsonb_normalize(Slice text, Arena *a, Slice *out, Err *e)
{
    if (!json_scan_all(text, true, e))
        return false;
    Buf buf;
    buf_init(&buf);
    bool ok = put_jsonb(text, a, &buf, e);
    *out = arena_slice(a, buf_slice(&buf));
    buf_free(&buf);
    return ok;
}

TYPE_IN(json_in)
{
    return json_check(text, e) && text_in(env, text, typmod, a, out, e);
}

TYPE_IN(jsonb_in)
{
    Slice canonical;
    return text_in(env, text, typmod, a, out, e) && jsonb_normalize(text, a, &canonical, e) &&
           (*out = value_str(canonical), true);
}

/* The wire form is a version byte (1) and the text. */
TYPE_IN(jsonb_recv)
{
    if (text.len < 1 || text.ptr[0] != 1)
        return err_set(e, ERR_INVALID_BINARY, "unsupported jsonb version number");
    return jsonb_in(env, slice_of(text.ptr + 1, text.len - 1), typmod, a, out, e);
}

TYPE_OUT(jsonb_send)
{
    (void)env;
    buf_put_u8(dst, 1);
    buf_put_slice(dst, v->u.str);
}
