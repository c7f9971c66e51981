/* session/copy_out.c - COPY ... TO STDOUT: batches of a query to text, csv or binary rows. */
#include "session/copy_private.h"
#include <stdio.h>

typedef struct CopyOut {
    Buf bytes;
    Buf value;
    CopyCharset charset;
    Buf converted;
    Slice out; /* what the client gets */
    bool begun, ended;
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
    return false;
}

/* `\.` alone on its line would end the data. */
static void put_csv(Buf *out, const BoundCopy *c, Slice v, bool force)
{
    bool ends = c->source.col_count == 1 && slice_eq_cstr(v, "\\.");
    if (!force && !ends && !csv_needs_quotes(c, v)) {
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

static void put_field(CopyOut *o, const BoundCopy *c, bool force_quote, Slice v)
{
    if (c->format == COPY_CSV)
        put_csv(&o->bytes, c, v, force_quote);
    else
        put_text(&o->bytes, v, c->delimiter);
}

static void put_header(Portal *p, CopyOut *o)
{
    const BoundCopy *c = &p->bound->u.copy;
    for (size_t i = 0; i < c->source.col_count; i++) {
        if (i)
            buf_put_u8(&o->bytes, (uint8_t)c->delimiter);
        put_field(o, c, false, c->source.cols[i].name);
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
        put_field(o, c, c->force_quote && c->force_quote[i], buf_slice(&o->value));
    }
    buf_put_u8(&o->bytes, '\n');
}

static void put_be(Buf *out, uint32_t v, int bytes)
{
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
        buf_put_u8(out, (uint8_t)(v >> shift));
}

static void put_binary_row(Portal *p, CopyOut *o, const Batch *b, size_t row)
{
    put_be(&o->bytes, (uint32_t)b->col_count, 2);
    for (size_t i = 0; i < b->col_count; i++) {
        Value v = vec_get(&b->cols[i], row);
        if (v.null) {
            put_be(&o->bytes, UINT32_MAX, 4);
            continue;
        }
        o->value.len = 0;
        type_find(b->cols[i].type)->send(&p->session->env, &v, &o->value);
        put_be(&o->bytes, (uint32_t)o->value.len, 4);
        buf_put_slice(&o->bytes, buf_slice(&o->value));
    }
}

static bool copy_out_start(Portal *p, Err *e)
{
    const BoundCopy *c = &p->bound->u.copy;
    CopyOut *o = ARENA_NEW(&p->arena, CopyOut);
    p->copy_out = (struct CopyOut *)o;
    return (!c->charset || copy_charset_open(&o->charset, c, false, e)) &&
           portal_open_query(p, &c->source, e);
}

static RunStatus send_bytes(CopyOut *o, Err *e)
{
    o->out = buf_slice(&o->bytes);
    if (!o->charset.open)
        return RUN_BYTES;
    if (!copy_convert(&o->charset, o->out, &o->converted, e))
        return RUN_FAIL;
    o->out = buf_slice(&o->converted);
    return RUN_BYTES;
}

static bool put_begin(Portal *p, CopyOut *o)
{
    const BoundCopy *c = &p->bound->u.copy;
    o->begun = true;
    if (c->format == COPY_BINARY)
        copy_put_binary_header(&o->bytes);
    else if (c->header)
        put_header(p, o);
    return o->bytes.len > 0;
}

/* The binary format has a last word. */
static RunStatus end_rows(Portal *p, CopyOut *o, Err *e)
{
    if (p->query)
        portal_close_query(p);
    if (p->bound->u.copy.format == COPY_BINARY && !o->ended) {
        o->ended = true;
        put_be(&o->bytes, UINT16_MAX, 2);
        return send_bytes(o, e);
    }
    snprintf(p->tag, sizeof p->tag, "COPY %llu", (unsigned long long)p->rows);
    return RUN_DONE;
}

RunStatus copy_out_run(Portal *p, Err *e)
{
    if (!p->copy_out && !copy_out_start(p, e))
        return RUN_FAIL;
    CopyOut *o = (CopyOut *)p->copy_out;
    bool binary = p->bound->u.copy.format == COPY_BINARY;
    o->bytes.len = 0;
    if (o->ended)
        return end_rows(p, o, e);
    if (!o->begun && put_begin(p, o))
        return send_bytes(o, e);
    Batch *b;
    switch (query_next(p->query, &b, e)) {
    case QUERY_BATCH:
        break;
    case QUERY_END:
        return end_rows(p, o, e);
    case QUERY_WAIT:
        return RUN_WAIT;
    case QUERY_YIELD:
        return RUN_YIELD;
    case QUERY_FAIL:
        return RUN_FAIL;
    }
    for (size_t i = 0; i < batch_count(b); i++)
        (binary ? put_binary_row : put_row)(p, o, b, batch_row(b, i));
    p->rows += batch_count(b);
    return send_bytes(o, e);
}

Slice portal_bytes(const Portal *p)
{
    return ((CopyOut *)p->copy_out)->out;
}

void copy_out_free(Portal *p)
{
    CopyOut *o = (CopyOut *)p->copy_out;
    if (o) {
        buf_free(&o->bytes);
        buf_free(&o->value);
        buf_free(&o->converted);
        copy_charset_close(&o->charset);
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
