/* Records: rows as values.  See exec/array.h for what they look like inside. */
#include "base/hash.h"
#include "exec/array.h"
#include "exec/type_private.h"

TYPE_IN(record_in)
{
    (void)env, (void)text, (void)typmod, (void)a, (void)out;
    return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                   "input of anonymous composite types is not implemented");
}

static const TypeDef *field_type(const Array *r, size_t field)
{
    return type_find((TypeId)record_item(r, field, RECORD_TYPE)->u.i64);
}

static bool needs_quotes(Slice s)
{
    bool found = s.len == 0;
    for (size_t i = 0; i < s.len && !found; i++)
        found = strchr("\"\\(), \t\n\r\v\f", s.ptr[i]) != NULL;
    return found;
}

static void put_field(Buf *dst, Slice s)
{
    bool quotes = needs_quotes(s);
    if (quotes)
        buf_put_u8(dst, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\')
            buf_put_u8(dst, (uint8_t)s.ptr[i]);
        buf_put_u8(dst, (uint8_t)s.ptr[i]);
    }
    if (quotes)
        buf_put_u8(dst, '"');
}

TYPE_OUT(record_out)
{
    const Array *r = v->u.arr;
    buf_put_u8(dst, '(');
    for (size_t i = 0; i < record_fields(r); i++) {
        const Value *field = record_item(r, i, RECORD_VALUE);
        Buf text;
        if (i > 0)
            buf_put_u8(dst, ',');
        if (field->null)
            continue;
        buf_init(&text);
        field_type(r, i)->out(env, field, &text);
        put_field(dst, buf_slice(&text));
        buf_free(&text);
    }
    buf_put_u8(dst, ')');
}

TYPE_OUT(record_send)
{
    const Array *r = v->u.arr;
    put_be32(dst, (uint32_t)record_fields(r));
    for (size_t i = 0; i < record_fields(r); i++) {
        const Value *field = record_item(r, i, RECORD_VALUE);
        Buf bytes;
        put_be32(dst, (uint32_t)record_item(r, i, RECORD_TYPE)->u.i64);
        if (field->null) {
            put_be32(dst, UINT32_MAX);
            continue;
        }
        buf_init(&bytes);
        field_type(r, i)->send(env, field, &bytes);
        put_be32(dst, (uint32_t)bytes.len);
        buf_put_slice(dst, buf_slice(&bytes));
        buf_free(&bytes);
    }
}

/* Field by field; NULL is above everything and equal to itself. */
int cmp_record(const Value *a, const Value *b)
{
    const Array *x = a->u.arr, *y = b->u.arr;
    size_t nx = record_fields(x), ny = record_fields(y);
    for (size_t i = 0; i < nx && i < ny; i++) {
        const Value *p = record_item(x, i, RECORD_VALUE), *q = record_item(y, i, RECORD_VALUE);
        const TypeDef *t = field_type(x, i);
        int c = (int)p->null - (int)q->null;
        if (!p->null && !q->null)
            c = p->phys != q->phys ? (int)p->phys - (int)q->phys : t->cmp ? t->cmp(p, q) : 0;
        if (c)
            return c;
    }
    return nx == ny ? 0 : nx < ny ? -1 : 1;
}

uint64_t hash_record(const Value *v)
{
    const Array *r = v->u.arr;
    uint64_t h = record_fields(r);
    for (size_t i = 0; i < record_fields(r); i++) {
        const Value *field = record_item(r, i, RECORD_VALUE);
        const TypeDef *t = field_type(r, i);
        h = hash_mix(h, field->null || !t->hash ? 0 : t->hash(field));
    }
    return h;
}
