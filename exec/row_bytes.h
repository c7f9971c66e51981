/* exec/row_bytes.h - rows of batches as the bytes that clients get: DataRow and COPY's three formats.
 *
 * Columns are prepared batch by batch (constants are written once, neighbours of them joined), then
 * the rows are put together by copying.  Integers, doubles, times and texts are written in place; all
 * other types go through TypeDef.out and .send.
 * To add a format: one RowFrame, its cell_close() and end of a row.
 * Threads: a RowBytes belongs to one task; a RowForm is read only. */
#ifndef SKULK_EXEC_ROW_BYTES_H
#define SKULK_EXEC_ROW_BYTES_H

#include "exec/vector.h"

typedef enum RowFrame {
    ROW_FIELDS, /* the number of values (16 bits), then each with its length (32): DataRow, binary COPY */
    ROW_TEXT, /* COPY: delimiters, backslashes */
    ROW_CSV,
} RowFrame;

typedef struct RowForm {
    RowFrame frame;
    char message; /* each row is a message of this type, with its length; 0: bare */
    TypeEnv env;
    size_t col_count;
    const TypeId *types;
    const bool *binary; /* ROW_FIELDS: of each column */
    /* ROW_TEXT, ROW_CSV */
    char delimiter, quote, escape;
    Slice null_text;
    const bool *force_quote; /* of each column; NULL: none */
} RowForm;

typedef struct RowBytes RowBytes;
RowBytes *rowbytes_new(const RowForm *form); /* which lives longer */
void rowbytes_free(RowBytes *r);             /* NULL is fine */
/* The batch must live until it is written. */
void rowbytes_begin(RowBytes *r, const Batch *b);
/* Writes rows until about len_max bytes are in `out`, at least one; false: more rows are left. */
bool rowbytes_write(RowBytes *r, Buf *out, size_t len_max);
/* Can other tasks write this form beside the statement's own?  Some types ask the session for names. */
bool rowform_free_of_session(const RowForm *form);

#endif
