/* pgwire/rows.h - batches to DataRow messages.
 *
 * A batch is formatted column by column into cells (constant and dictionary columns once an
 * entry), then the rows are put together by copying.  Numbers, times and texts have their own
 * loops; all other types go through TypeDef.out and .send.
 * Threads: a PgRows belongs to one task. */
#ifndef SKULK_PGWIRE_ROWS_H
#define SKULK_PGWIRE_ROWS_H

#include "session/session.h"

typedef struct PgRows {
    const TypeEnv *env;
    const OutColumn *cols;
    size_t col_count;
    int16_t *formats;
    struct PgCells *cells;
    Arena arena;        /* of one batch */
    Buf text;           /* what was formatted for this batch */
    const Batch *batch; /* NULL: nothing left to write */
    size_t next;        /* of its selected rows */
} PgRows;

void pgw_rows_open(PgRows *r, Session *s, const Portal *p);
void pgw_rows_close(PgRows *r);
/* The batch must live until it is written. */
void pgw_rows_batch(PgRows *r, const Batch *b);
/* Writes rows until about len_max bytes are in `out`; false: more rows are left. */
bool pgw_rows_write(PgRows *r, Buf *out, size_t len_max);

#endif
