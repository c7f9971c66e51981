/* pgwire/rows.h - the rows of a portal's batches as DataRow messages.
 *
 * Threads: a PgRows belongs to one task. */
#ifndef SKULK_PGWIRE_ROWS_H
#define SKULK_PGWIRE_ROWS_H

#include "session/session.h"

typedef struct PgRows {
    RowForm form;
    RowBytes *bytes; /* NULL: not open */
    Arena arena;
} PgRows;

void pgw_rows_open(PgRows *r, const Portal *p);
void pgw_rows_close(PgRows *r);
/* The batch must live until it is written. */
void pgw_rows_batch(PgRows *r, const Batch *b);
/* Writes rows until about len_max bytes are in `out`; false: more rows are left. */
bool pgw_rows_write(PgRows *r, Buf *out, size_t len_max);

#endif
