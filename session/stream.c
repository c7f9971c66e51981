/* session/stream.c - rows that leave a portal as bytes: a query's, where pieces of its scan write them. */
#include "session/session_private.h"

void portal_stream(Portal *p)
{
    p->may_stream = true;
}

void portal_row_form(const Portal *p, Arena *a, RowForm *out)
{
    TypeId *types = ARENA_ARRAY(a, TypeId, p->col_count + 1);
    bool *binary = ARENA_ARRAY(a, bool, p->col_count + 1);
    for (size_t i = 0; i < p->col_count; i++) {
        types[i] = p->cols[i].type;
        binary[i] = portal_format(p, i) == 1;
    }
    *out = (RowForm){.frame = ROW_FIELDS,
                     .message = 'D',
                     .env = p->session->env,
                     .col_count = p->col_count,
                     .types = types,
                     .binary = binary};
}

/* From its first row to its last, in one go: then no row has to be found again. */
bool stream_wanted(const Portal *p, int64_t max_rows)
{
    return p->may_stream && max_rows == 0 && !p->query && !p->ended && !p->cursor &&
           !p->addressed && !p->kept && !p->analyze && p->taken == 0;
}

bool stream_begin(Portal *p, const BoundQuery *q, Err *e)
{
    RowForm *form = ARENA_NEW(&p->arena, RowForm);
    portal_row_form(p, &p->arena, form);
    p->form = form;
    bool ok = portal_open_query(p, q, e);
    p->form = NULL;
    return ok;
}

RunStatus stream_run(Portal *p, Err *e)
{
    uint64_t rows;
    buf_free(&p->bytes);
    RunStatus st = portal_next_bytes(p, &p->bytes, &rows, e);
    if (st == RUN_BATCH) {
        p->taken += rows;
        return rows_within_limit(p, e) ? RUN_BYTES : RUN_FAIL;
    }
    if (st == RUN_DONE) {
        p->ended = true;
        p->pos = p->taken + 1;
        portal_end_query(p);
        portal_tag_rows(p, p->taken);
    }
    return st;
}

Buf *portal_bytes(Portal *p)
{
    return &p->bytes;
}
