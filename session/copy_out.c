/* session/copy_out.c - COPY ... TO STDOUT: batches of a query to text, csv or binary rows. */
#include "session/copy_private.h"
#include <stdio.h>

/* Every row is a message of its own: clients count on it. */
typedef struct CopyOut {
    Buf bytes;
    Buf value;
    CopyCharset charset;
    Buf converted;
    size_t ends[BATCH_ROWS], row_count; /* of the rows in bytes */
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

/* What was put since the last row ended is a row. */
static bool end_row(CopyOut *o, Err *e)
{
    size_t begin = o->row_count ? o->ends[o->row_count - 1] : 0;
    if (o->charset.open) {
        Slice row = slice_of(o->bytes.ptr + begin, o->bytes.len - begin);
        if (!copy_convert(&o->charset, row, &o->converted, e))
            return false;
        o->bytes.len = begin;
        buf_put_slice(&o->bytes, buf_slice(&o->converted));
    }
    o->ends[o->row_count++] = o->bytes.len;
    return true;
}

/* The binary header goes with the first row. */
static RunStatus put_begin(Portal *p, CopyOut *o, Err *e)
{
    const BoundCopy *c = &p->bound->u.copy;
    o->begun = true;
    if (c->format == COPY_BINARY)
        copy_put_binary_header(&o->bytes);
    if (c->format == COPY_BINARY || !c->header)
        return RUN_DONE;
    put_header(p, o);
    return end_row(o, e) ? RUN_BYTES : RUN_FAIL;
}

/* The binary format has a last word. */
static RunStatus end_rows(Portal *p, CopyOut *o, Err *e)
{
    if (p->query)
        portal_close_query(p);
    if (p->bound->u.copy.format == COPY_BINARY && !o->ended) {
        o->ended = true;
        put_be(&o->bytes, UINT16_MAX, 2);
        return end_row(o, e) ? RUN_BYTES : RUN_FAIL;
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
    if (o->row_count)
        o->row_count = o->bytes.len = 0;
    if (o->ended)
        return end_rows(p, o, e);
    RunStatus begun = o->begun ? RUN_DONE : put_begin(p, o, e);
    if (begun != RUN_DONE)
        return begun;
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
    for (size_t i = 0; i < batch_count(b); i++) {
        (binary ? put_binary_row : put_row)(p, o, b, batch_row(b, i));
        if (!end_row(o, e))
            return RUN_FAIL;
    }
    p->rows += batch_count(b);
    return RUN_BYTES;
}

bool portal_copy_row(const Portal *p, size_t i, Slice *row)
{
    const CopyOut *o = (const CopyOut *)p->copy_out;
    if (i >= o->row_count)
        return false;
    size_t begin = i ? o->ends[i - 1] : 0;
    *row = slice_of(o->bytes.ptr + begin, o->ends[i] - begin);
    return true;
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
