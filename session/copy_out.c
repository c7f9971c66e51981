/* session/copy_out.c - COPY ... TO STDOUT: batches of a query to text or csv lines. */
#include "session/session_private.h"
#include <stdio.h>

typedef struct CopyOut {
    Buf bytes;
    Buf value;
    bool header_done;
} CopyOut;

static void put_text(Buf *out, Slice v, char delimiter)
{
    for (size_t i = 0; i < v.len; i++) {
        char ch = v.ptr[i];
        static const char from[] = "\b\f\n\r\t\v", to[] = "bfnrtv";
        const char *k = ch ? memchr(from, ch, 6) : NULL;
        if (k) {
            buf_put_u8(out, '\\');
            buf_put_u8(out, (uint8_t)to[k - from]);
        } else {
            if (ch == '\\' || ch == delimiter)
                buf_put_u8(out, '\\');
            buf_put_u8(out, (uint8_t)ch);
        }
    }
}

static bool csv_needs_quotes(const BoundCopy *c, Slice v)
{
    if (slice_eq(v, c->null_text))
        return true;
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] == c->delimiter || v.ptr[i] == c->quote || v.ptr[i] == '\n' ||
            v.ptr[i] == '\r')
            return true;
    return slice_eq_cstr(v, "\\.");
}

static void put_csv(Buf *out, const BoundCopy *c, Slice v, bool force)
{
    if (!force && !csv_needs_quotes(c, v)) {
        buf_put_slice(out, v);
        return;
    }
    buf_put_u8(out, (uint8_t)c->quote);
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] == c->quote || v.ptr[i] == c->escape)
            buf_put_u8(out, (uint8_t)c->escape);
        buf_put_u8(out, (uint8_t)v.ptr[i]);
    }
    buf_put_u8(out, (uint8_t)c->quote);
}

static void put_field(CopyOut *o, const BoundCopy *c, size_t col, Slice v)
{
    if (c->format == COPY_CSV)
        put_csv(&o->bytes, c, v, c->force_quote && c->force_quote[col]);
    else
        put_text(&o->bytes, v, c->delimiter);
}

static void put_header(Portal *p, CopyOut *o)
{
    const BoundCopy *c = &p->bound->u.copy;
    for (size_t i = 0; i < c->source.col_count; i++) {
        if (i)
            buf_put_u8(&o->bytes, (uint8_t)c->delimiter);
        put_field(o, c, i, c->source.cols[i].name);
    }
    buf_put_u8(&o->bytes, '\n');
}

static void put_row(Portal *p, CopyOut *o, const Batch *b, size_t row)
{
    const BoundCopy *c = &p->bound->u.copy;
    for (size_t i = 0; i < b->col_count; i++) {
        if (i)
            buf_put_u8(&o->bytes, (uint8_t)c->delimiter);
        Value v = vec_get(&b->cols[i], row);
        if (v.null) {
            buf_put_slice(&o->bytes, c->null_text);
            continue;
        }
        o->value.len = 0;
        type_find(b->cols[i].type)->out(&p->session->env, &v, &o->value);
        put_field(o, c, i, buf_slice(&o->value));
    }
    buf_put_u8(&o->bytes, '\n');
}

static bool copy_out_start(Portal *p, Err *e)
{
    const BoundCopy *c = &p->bound->u.copy;
    if (c->format == COPY_BINARY)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "COPY TO in binary format is not supported") ||
               err_hint(e, "use FORMAT text or csv");
    CopyOut *o = ARENA_NEW(&p->arena, CopyOut);
    buf_init(&o->bytes);
    buf_init(&o->value);
    p->copy_out = (struct CopyOut *)o;
    return portal_open_query(p, &c->source, e);
}

RunStatus copy_out_run(Portal *p, Err *e)
{
    if (!p->copy_out && !copy_out_start(p, e))
        return RUN_FAIL;
    CopyOut *o = (CopyOut *)p->copy_out;
    o->bytes.len = 0;
    if (p->bound->u.copy.header && !o->header_done) {
        o->header_done = true;
        put_header(p, o);
        return RUN_BYTES;
    }
    Batch *b;
    switch (query_next(p->query, &b, e)) {
    case QUERY_BATCH:
        break;
    case QUERY_END:
        portal_close_query(p);
        snprintf(p->tag, sizeof p->tag, "COPY %llu", (unsigned long long)p->rows);
        return RUN_DONE;
    case QUERY_WAIT:
        return RUN_WAIT;
    case QUERY_YIELD:
        return RUN_YIELD;
    case QUERY_FAIL:
        return RUN_FAIL;
    }
    for (size_t i = 0; i < batch_count(b); i++)
        put_row(p, o, b, batch_row(b, i));
    p->rows += batch_count(b);
    return RUN_BYTES;
}

Slice portal_bytes(const Portal *p)
{
    return buf_slice(&((CopyOut *)p->copy_out)->bytes);
}

void copy_out_free(Portal *p)
{
    CopyOut *o = (CopyOut *)p->copy_out;
    if (o) {
        buf_free(&o->bytes);
        buf_free(&o->value);
    }
}

bool portal_copy_info(const Portal *p, bool *binary, size_t *columns)
{
    if (p->bound->kind != BOUND_COPY_FROM && p->bound->kind != BOUND_COPY_TO)
        return false;
    const BoundCopy *c = &p->bound->u.copy;
    *binary = c->format == COPY_BINARY;
    *columns = p->bound->kind == BOUND_COPY_TO ? c->source.col_count : c->column_count;
    return true;
}
