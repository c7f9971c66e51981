/* storage/batch.h - rows on their way in: what ingest, INSERT and COPY hand to the engine.
 *
 * A WriteBatch holds rows (table, series, time, values by column id) in arrival order, in the
 * form the memtable keeps them.  Building never touches shared state but the series index (through
 * idx_intern by the caller; the writer of the log asks the index for the new ones).
 * A value not put is absent (older values show through); wb_null hides older values.
 * The key of a row is (series, time); in `keep` tables (series, time, COLUMN_ROW), put with wb_i64 as
 * any column: a newer row with the same key changes the fields it names.  There a row without
 * COLUMN_ROW is a row of its own that no other one changes: only range deletes reach it.
 * Threads: belongs to one task until it is submitted. */
#ifndef SKULK_STORAGE_BATCH_H
#define SKULK_STORAGE_BATCH_H

#include "storage/index.h"

typedef struct WriteBatch WriteBatch;

WriteBatch *wb_new(void);
void wb_free(WriteBatch *wb);
void wb_clear(WriteBatch *wb);
void wb_row(WriteBatch *wb, TableId table, SeriesId series, int64_t time_ns); /* begins a row */
void wb_i64(WriteBatch *wb, ColumnId col, int64_t v);
void wb_f64(WriteBatch *wb, ColumnId col, double v);
void wb_bool(WriteBatch *wb, ColumnId col, bool v);
void wb_str(WriteBatch *wb, ColumnId col, Slice v); /* bytes are copied */
void wb_null(WriteBatch *wb, ColumnId col);
void wb_row_time(WriteBatch *wb,
                 int64_t time_ns); /* the row begun last: its time is known only now */
/* The row begun last deletes its key: it has no fields (but COLUMN_ROW in `keep` tables); all that
 * is older is hidden, fields in rows written later are seen. */
void wb_delete(WriteBatch *wb);
void wb_row_cancel(WriteBatch *wb); /* forgets the row begun last (before wb_row_end) */
bool wb_row_has(const WriteBatch *wb, ColumnId col); /* the row that is open: a value, or null */
void wb_row_end(WriteBatch *wb); /* columns may come in any order; a column twice: the later wins */
/* ---- rows like the last one: values by place ----
 * A shape is a table and the columns of a row, in their order and with their types. */
typedef struct RowShape RowShape; /* lives as long as the batch */
const RowShape *wb_last_shape(
    const WriteBatch *wb); /* of the row ended last; NULL: none, or it has nulls */
const RowShape *wb_shape_of(WriteBatch *wb, TableId table, ColumnId col,
                            PhysType type); /* of one column */
uint32_t wb_shape_columns(const RowShape *shape);
bool wb_shape_has(const RowShape *shape, uint32_t place, ColumnId col, PhysType type);
/* Room for one row: a slot a column, which the caller fills (int64, bits of a double, 0 or 1,
 * wb_shaped_str).  It is no row before wb_shaped_end; wb_shaped_cancel forgets it. */
uint64_t *wb_shaped_row(WriteBatch *wb, const RowShape *shape);
uint64_t wb_shaped_str(WriteBatch *wb, Slice v);
void wb_shaped_end(WriteBatch *wb, const RowShape *shape, SeriesId series, int64_t time_ns);
void wb_shaped_cancel(WriteBatch *wb);

/* About so many rows more will come, like those so far: room is made once. */
void wb_expect(WriteBatch *wb, size_t rows);
size_t wb_rows(const WriteBatch *wb);
TableId wb_last_table(const WriteBatch *wb); /* of the row begun last; 0: none */
size_t wb_bytes(const WriteBatch *wb);

/* ---- another look at the rows that were ended ---- */
typedef struct BatchKey {
    TableId table;
    SeriesId series;
    int64_t time_ns;
} BatchKey;
BatchKey wb_row_key(const WriteBatch *wb, size_t i);
bool wb_row_names(const WriteBatch *wb, size_t i, ColumnId col); /* a value, or null */
int64_t wb_time_min(const WriteBatch *wb);                       /* INT64_MAX: no rows */
void wb_drop_rows(WriteBatch *wb, const uint64_t *bits);         /* forgets those that are set */

/* WriteBatch <-> log payload (compact rows: 11 bytes for a TSBS row of ten integers). */
void wb_encode(Buf *out, const WriteBatch *wb);
bool wb_decode(WriteBatch *wb, Slice payload, Err *e) MUST_CHECK;

#endif
