#include "sqlts/continuous.h"

#include "exec/grid.h"
#include "sqlts/matview.h"

enum { CONTINUOUS_FORMAT = 4, FORMAT_WITHOUT_TAGS = 3, FORMAT_WITHOUT_GRID = 2 };

/* The bytes of sequences and temporary tables are of other kinds of tables, and texts.  Of any format: what
 * another version wrote is no plain view. */
bool view_is_continuous(const TableDef *t)
{
    return view_is_materialized(t) && !view_is_stored(t);
}

ObjectId continuous_watch(const ContinuousDef *d, const TableDef *view)
{
    return d->watch ? d->watch : view->id;
}

bool continuous_reads(const ContinuousDef *d, TableId table)
{
    for (size_t i = 0; i < d->other_count; i++)
        if (d->others[i] == table)
            return true;
    return d->base == table;
}

void continuous_encode(Buf *out, const ContinuousDef *d)
{
    buf_put_u8(out, CONTINUOUS_FORMAT);
    buf_put_varint(out, d->states);
    buf_put_varint(out, d->base);
    buf_put_varint(out, d->other_count);
    for (size_t i = 0; i < d->other_count; i++)
        buf_put_varint(out, d->others[i]);
    buf_put_varint(out, d->bucket);
    buf_put_zigzag(out, d->width_ns);
    buf_put_zigzag(out, d->origin_ns);
    buf_put_u8(out, d->realtime);
    buf_put_zigzag(out, d->refresh_ns);
    buf_put_zigzag(out, d->lag_ns);
    buf_put_zigzag(out, d->for_ns);
    buf_put_varint(out, d->key_count);
    for (size_t i = 0; i < d->key_count; i++)
        buf_put_varint(out, d->keys[i]);
    buf_put_varint(out, d->agg_count);
    for (size_t i = 0; i < d->agg_count; i++) {
        const StateColumn *c = &d->aggs[i];
        buf_put_varint(out, c->func);
        buf_put_varint(out, c->result);
        buf_put_u8(out, c->state);
        buf_put_varint(out, c->arg_count);
        for (size_t k = 0; k < c->arg_count; k++)
            buf_put_varint(out, c->args[k]);
    }
    buf_put_varint(out, d->lower);
    buf_put_varint(out, d->column_count);
    for (size_t i = 0; i < d->column_count; i++)
        buf_put_zigzag(out, d->columns[i]);
    buf_put_varint(out, d->grid.len);
    buf_put_slice(out, d->grid);
    for (size_t i = 0; i < d->key_count; i++)
        buf_put_varint(out, d->tags[i]);
    buf_put_varint(out, d->watch);
    buf_put_varint(out, d->next);
    buf_put_varint(out, d->replaces);
}

bool continuous_bucket(const ContinuousDef *d, Bucket *out, Err *e)
{
    *out = (Bucket){
        .type = T_TIMESTAMPTZ, .width = d->width_ns / 1000, .origin_us = d->origin_ns / 1000};
    return !d->grid.len || grid_decode(out, d->grid, e);
}

void continuous_put_grid(ContinuousDef *d, Arena *a, const Bucket *b)
{
    Buf bytes;
    buf_init(&bytes);
    grid_encode(&bytes, b);
    d->grid = arena_slice(a, buf_slice(&bytes));
    buf_free(&bytes);
}

static void read_column(StateColumn *c, Reader *r)
{
    c->func = (uint32_t)reader_varint(r);
    c->result = (TypeId)reader_varint(r);
    c->state = reader_u8(r);
    uint64_t n = reader_varint(r);
    r->bad |= n > CONTINUOUS_ARGS_MAX;
    c->arg_count = (uint16_t)(r->bad ? 0 : n);
    for (size_t k = 0; k < c->arg_count; k++)
        c->args[k] = (TypeId)reader_varint(r);
}

static void read_lower(ContinuousDef *out, Reader *r, Arena *a)
{
    out->lower = (TableId)reader_varint(r);
    uint64_t n = reader_varint(r);
    r->bad |= n > COLUMNS_MAX;
    out->column_count = (uint16_t)(r->bad ? 0 : n);
    out->columns = ARENA_ARRAY(a, int16_t, out->column_count + 1u);
    for (size_t i = 0; i < out->column_count; i++) {
        int64_t c = reader_zigzag(r);
        r->bad |= c < -1 || c >= out->key_count + out->agg_count;
        out->columns[i] = (int16_t)c;
    }
}

TableId continuous_states(const TableDef *view)
{
    Reader r = reader_of(view->extra);
    (void)reader_u8(&r);
    TableId id = (TableId)reader_varint(&r);
    return r.bad ? 0 : id;
}

bool continuous_decode(ContinuousDef *out, Arena *a, const TableDef *view, Err *e)
{
    Reader r = reader_of(view->extra);
    *out = (ContinuousDef){0};
    unsigned format = reader_u8(&r);
    if (format < FORMAT_WITHOUT_GRID || format > CONTINUOUS_FORMAT)
        return err_set(
                   e, ERR_FEATURE_NOT_SUPPORTED,
                   "continuous view \"%.*s\" was made by another version: its format is %u, not %u",
                   SLICE_ARG(view->name), format, (unsigned)CONTINUOUS_FORMAT) ||
               err_hint(
                   e, "DROP MATERIALIZED VIEW and make it again: pg_get_viewdef() has its query.");
    out->states = (TableId)reader_varint(&r);
    out->base = (TableId)reader_varint(&r);
    uint64_t others = reader_varint(&r);
    r.bad |= others > WATCH_OTHERS;
    out->other_count = (uint16_t)(r.bad ? 0 : others);
    for (size_t i = 0; i < out->other_count; i++)
        out->others[i] = (TableId)reader_varint(&r);
    out->bucket = (uint16_t)reader_varint(&r);
    out->width_ns = reader_zigzag(&r);
    out->origin_ns = reader_zigzag(&r);
    out->realtime = reader_u8(&r);
    out->refresh_ns = reader_zigzag(&r);
    out->lag_ns = reader_zigzag(&r);
    out->for_ns = reader_zigzag(&r);
    uint64_t keys = reader_varint(&r);
    r.bad |= keys > COLUMNS_MAX || out->bucket >= keys;
    out->key_count = (uint16_t)(r.bad ? 0 : keys);
    out->keys = ARENA_ARRAY(a, TypeId, out->key_count + 1u);
    for (size_t i = 0; i < out->key_count; i++)
        out->keys[i] = (TypeId)reader_varint(&r);
    uint64_t aggs = reader_varint(&r);
    r.bad |= aggs > COLUMNS_MAX;
    out->agg_count = (uint16_t)(r.bad ? 0 : aggs);
    out->aggs = ARENA_ARRAY(a, StateColumn, out->agg_count + 1u);
    for (size_t i = 0; i < out->agg_count; i++)
        read_column(&out->aggs[i], &r);
    read_lower(out, &r, a);
    if (format > FORMAT_WITHOUT_GRID)
        out->grid = arena_slice(a, reader_str(&r));
    out->tags = ARENA_ARRAY(a, ColumnId, out->key_count + 1u);
    for (size_t i = 0; i < out->key_count; i++)
        out->tags[i] = format > FORMAT_WITHOUT_TAGS ? (ColumnId)reader_varint(&r) : 0;
    if (format > FORMAT_WITHOUT_TAGS) {
        out->watch = (ObjectId)reader_varint(&r);
        out->next = (TableId)reader_varint(&r);
        out->replaces = (TableId)reader_varint(&r);
    }
    return (!r.bad && !reader_left(&r)) ||
           err_set(e, ERR_DATA_CORRUPTED, "the definition of continuous view \"%.*s\" is damaged",
                   SLICE_ARG(view->name));
}
