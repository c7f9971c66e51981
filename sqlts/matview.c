#include "sqlts/matview.h"

enum { STORED_TAG = 200 }; /* above the formats of continuous views */

bool view_is_materialized(const TableDef *t)
{
    return t->kind == TABLE_VIEW && t->extra.len;
}

bool view_is_stored(const TableDef *t)
{
    return view_is_materialized(t) && (uint8_t)t->extra.ptr[0] == STORED_TAG;
}

/* Of damaged bytes: no rows, not populated. */
StoredView stored_view(const TableDef *t)
{
    Reader r = reader_of(t->extra);
    (void)reader_u8(&r);
    StoredView v = {.rows = (TableId)reader_varint(&r)};
    v.populated = reader_u8(&r);
    return r.bad ? (StoredView){0} : v;
}

void stored_view_put(TableDef *t, Arena *a, StoredView v)
{
    Buf bytes;
    buf_init(&bytes);
    buf_put_u8(&bytes, STORED_TAG);
    buf_put_varint(&bytes, v.rows);
    buf_put_u8(&bytes, v.populated);
    t->extra = arena_slice(a, buf_slice(&bytes));
    buf_free(&bytes);
}
