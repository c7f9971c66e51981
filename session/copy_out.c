/* session/copy_out.c - COPY ... TO STDOUT: rows of a query as CopyData messages in text, csv or binary. */
#include "session/copy_private.h"
#include <stdio.h>

enum { COPY_OUT_BYTES = 64 << 10 };

typedef struct CopyOut {
    RowForm form;
    RowBytes *rows; /* of batches; a query may write its rows itself */
    bool writing;   /* a batch */
    CopyCharset charset;
    Buf line, converted;
    bool begun, ended;
} CopyOut;

/* Every row is a message of its own: clients count on it. */
static void put_message(Buf *out, Slice head, Slice body)
{
    uint32_t len = __builtin_bswap32((uint32_t)(4 + head.len + body.len));
    buf_put_u8(out, 'd');
    buf_put(out, &len, sizeof len);
    buf_put_slice(out, head);
    buf_put_slice(out, body);
}

/* The names of the columns as a row of texts. */
static bool put_header(Portal *p, CopyOut *o, Err *e)
{
    const BoundCopy *c = &p->bound->u.copy;
    Arena a;
    arena_init(&a, NULL);
    RowForm form = o->form;
    Batch names = {.rows = 1, .col_count = form.col_count};
    TypeId *types = ARENA_ARRAY(&a, TypeId, form.col_count + 1);
    names.cols = ARENA_ARRAY(&a, Vector, form.col_count + 1);
    for (size_t i = 0; i < form.col_count; i++) {
        Value name = value_str(c->source.cols[i].name);
        types[i] = T_TEXT;
        vec_init_const(&names.cols[i], T_TEXT, &name, &a);
    }
    form.types = types;
    form.message = 0;
    form.force_quote = NULL;
    RowBytes *row = rowbytes_new(&form);
    rowbytes_begin(row, &names);
    buf_clear(&o->line);
    (void)rowbytes_write(row, &o->line, 0);
    rowbytes_free(row);
    arena_free(&a);
    Slice line = buf_slice(&o->line);
    if (o->charset.open) {
        if (!copy_convert(&o->charset, line, &o->converted, e))
            return false;
        line = buf_slice(&o->converted);
    }
    put_message(&p->bytes, SLICE_NONE, line);
    return true;
}

/* The binary header goes with the first row: `bytes` are messages. */
static void add_binary_header(Portal *p, CopyOut *o)
{
    if (o->begun || p->bound->u.copy.format != COPY_BINARY)
        return;
    Buf header, all;
    buf_init(&header);
    buf_init(&all);
    copy_put_binary_header(&header);
    uint32_t len;
    memcpy(&len, p->bytes.ptr + 1, sizeof len);
    size_t first = 1 + __builtin_bswap32(len);
    put_message(&all, buf_slice(&header), slice_of(p->bytes.ptr + 5, first - 5));
    buf_put(&all, p->bytes.ptr + first, p->bytes.len - first);
    buf_free(&header);
    buf_free(&p->bytes);
    p->bytes = all;
}

static void copy_form(Portal *p, CopyOut *o)
{
    const BoundCopy *c = &p->bound->u.copy;
    size_t n = c->source.col_count;
    TypeId *types = ARENA_ARRAY(&p->arena, TypeId, n + 1);
    bool *binary = ARENA_ARRAY(&p->arena, bool, n + 1);
    for (size_t i = 0; i < n; i++) {
        types[i] = c->source.cols[i].type;
        binary[i] = c->format == COPY_BINARY;
    }
    o->form = (RowForm){.frame = c->format == COPY_BINARY ? ROW_FIELDS
                                 : c->format == COPY_CSV  ? ROW_CSV
                                                          : ROW_TEXT,
                        .message = o->charset.open ? 0 : 'd',
                        .env = p->session->env,
                        .col_count = n,
                        .types = types,
                        .binary = binary,
                        .delimiter = c->delimiter,
                        .quote = c->quote,
                        .escape = c->escape,
                        .null_text = c->null_text,
                        .force_quote = c->force_quote};
}

static bool copy_out_start(Portal *p, Err *e)
{
    const BoundCopy *c = &p->bound->u.copy;
    CopyOut *o = ARENA_NEW(&p->arena, CopyOut);
    p->copy_out = (struct CopyOut *)o;
    if (c->charset && !copy_charset_open(&o->charset, c, false, e))
        return false;
    copy_form(p, o);
    o->rows = rowbytes_new(&o->form);
    p->form = o->charset.open ? NULL : &o->form; /* converting can fail */
    bool ok = portal_open_query(p, &c->source, e);
    p->form = NULL;
    return ok;
}

/* The binary format has a last word. */
static RunStatus end_rows(Portal *p, CopyOut *o)
{
    if (p->query)
        portal_close_query(p);
    if (p->bound->u.copy.format == COPY_BINARY && !o->ended) {
        o->ended = true;
        put_message(&p->bytes, SLICE_NONE, slice_of("\xff\xff", 2));
        add_binary_header(p, o);
        return RUN_BYTES;
    }
    snprintf(p->tag, sizeof p->tag, "COPY %llu", (unsigned long long)p->rows);
    return RUN_DONE;
}

/* Rows of the batch, as many as are sent at once. */
static RunStatus write_rows(Portal *p, CopyOut *o, Err *e)
{
    if (!o->charset.open) {
        o->writing = !rowbytes_write(o->rows, &p->bytes, COPY_OUT_BYTES);
    } else {
        while (o->writing && p->bytes.len < COPY_OUT_BYTES) {
            buf_clear(&o->line);
            o->writing = !rowbytes_write(o->rows, &o->line, 0);
            if (!copy_convert(&o->charset, buf_slice(&o->line), &o->converted, e))
                return RUN_FAIL;
            put_message(&p->bytes, SLICE_NONE, buf_slice(&o->converted));
        }
    }
    add_binary_header(p, o);
    o->begun = true;
    return RUN_BYTES;
}

static RunStatus next_rows(Portal *p, CopyOut *o, Err *e)
{
    Batch *b;
    uint64_t rows = 0;
    bool writes = query_writes(p->query);
    RunStatus st = writes ? portal_next_bytes(p, &p->bytes, &rows, e) : portal_next_batch(p, &b, e);
    if (st != RUN_BATCH)
        return st == RUN_DONE ? end_rows(p, o) : st;
    p->rows += writes ? rows : batch_count(b);
    if (writes) {
        add_binary_header(p, o);
        o->begun = true;
        return RUN_BYTES;
    }
    rowbytes_begin(o->rows, b);
    o->writing = true;
    return write_rows(p, o, e);
}

RunStatus copy_out_run(Portal *p, Err *e)
{
    if (!p->copy_out && !copy_out_start(p, e))
        return RUN_FAIL;
    CopyOut *o = (CopyOut *)p->copy_out;
    const BoundCopy *c = &p->bound->u.copy;
    buf_free(&p->bytes); /* nothing is left in it where it was sent by move */
    if (o->ended)
        return end_rows(p, o);
    if (!o->begun && c->format != COPY_BINARY && c->header) {
        o->begun = true;
        return put_header(p, o, e) ? RUN_BYTES : RUN_FAIL;
    }
    return o->writing ? write_rows(p, o, e) : next_rows(p, o, e);
}

void copy_out_free(Portal *p)
{
    CopyOut *o = (CopyOut *)p->copy_out;
    if (o) {
        rowbytes_free(o->rows);
        buf_free(&o->line);
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
