#include "pgwire/rows.h"

void pgw_rows_open(PgRows *r, const Portal *p)
{
    *r = (PgRows){.bytes = NULL};
    arena_init(&r->arena, NULL);
    portal_row_form(p, &r->arena, &r->form);
    r->bytes = rowbytes_new(&r->form);
}

void pgw_rows_close(PgRows *r)
{
    if (!r->bytes)
        return;
    rowbytes_free(r->bytes);
    arena_free(&r->arena);
    *r = (PgRows){.bytes = NULL};
}

void pgw_rows_batch(PgRows *r, const Batch *b)
{
    rowbytes_begin(r->bytes, b);
}

bool pgw_rows_write(PgRows *r, Buf *out, size_t len_max)
{
    return !r->bytes || rowbytes_write(r->bytes, out, len_max);
}
