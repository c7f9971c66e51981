/* storage/memtable.h - rows that are not in files yet: one append log per node.
 *
 * Rows of all tables in arrival order, in segments (256 K rows or 4 MiB).  A full segment is
 * sealed: sorted by (table, series, time), transposed and encoded into the file format in memory
 * (a Part), so that memory and disk have one reader.  The unsealed tail is read with a series filter.
 * A transaction's private rows are a Memtable of their own.
 * Threads: one writer at a time (the caller's lock); readers hold counted segments and a row
 * watermark and take no lock. */
#ifndef SKULK_STORAGE_MEMTABLE_H
#define SKULK_STORAGE_MEMTABLE_H

#include "storage/batch.h"
#include "storage/catalog.h"
#include "storage/part.h"
#include "storage/tombstone.h"

enum { SEGMENT_ROWS = 1 << 18, SEGMENT_BYTES = 4 << 20 };

typedef struct Segment Segment; /* counted */

Segment *seg_new(Budget *budget);
Segment *seg_ref(Segment *s);
void seg_unref(Segment *s);
/* Appends rows of the batch from row `from` until the segment is full; returns the next row. */
size_t seg_append(Segment *s, const WriteBatch *wb, size_t from, Lsn seq);
bool seg_full(const Segment *s);
size_t seg_rows(const Segment *s); /* published rows: readers may look at rows below it */
size_t seg_bytes(const Segment *s);
void seg_truncate(Segment *s, size_t rows); /* savepoints; private segments only */
void seg_bounds(const Segment *s, Lsn *seq_min, Lsn *seq_max, int64_t *t_min, int64_t *t_max);
/* Builds the sealed form; window_of gives the window start of a row.  Runs on a blocking task. */
typedef int64_t (*WindowOf)(void *arg, TableId table, int64_t time_ns);
typedef struct SealSpec {
    WindowOf window_of;
    void *arg;
    const CatalogSnap *catalog; /* may be NULL */
    const TombList *tombs;      /* rows that they hide are left out; may be NULL */
} SealSpec;
bool seg_seal(Segment *s, Part **out, const SealSpec *spec, Err *e) MUST_CHECK;

/* Tail reading: the rows below `rows` of one table that pass the set (NULL = all) and the time range,
 * sorted by (series, time, arrival), as references. */
typedef struct SegRow {
    uint32_t row;   /* in the segment */
    uint32_t order; /* arrival */
    SeriesId series;
    int64_t time;
} SegRow;
size_t seg_select(const Segment *s, size_t rows, TableId table, const SeriesSet *set, int64_t t_min,
                  int64_t t_max, Arena *arena, SegRow **out);
/* At most `max` of its rows, spread over the segment. */
size_t seg_sample(const Segment *s, size_t rows, TableId table, SegRow *out, size_t max);
/* One column of chosen rows into a vector. Absent and explicit NULL are told apart as in part_column. */
void seg_column(const Segment *s, const SegRow *rows, size_t n, ColumnId col, PhysType type,
                Arena *arena, ColVec *vec, const uint64_t **null_bits);
Lsn seg_row_seq(const Segment *s, uint32_t row);
bool seg_has_marks(const Segment *s);               /* it may hold rows that wb_delete made */
bool seg_row_mark(const Segment *s, uint32_t row);  /* this is one */
int64_t seg_row_id(const Segment *s, uint32_t row); /* COLUMN_ROW; 0: has none */
/* `keep` tables: rows of one series, by (time, arrival), as they stand in order of (time, COLUMN_ROW,
 * arrival): the same array if it is right already, else a copy.  ids: of the result. */
const SegRow *seg_rows_by_id(const Segment *s, const SegRow *rows, size_t n, Arena *arena,
                             int64_t **ids);
/* All rows of the table in a full segment, by (series, time, COLUMN_ROW, arrival), with their ids: sorted once for
 * all readers and kept with the segment.  NULL: it is not full, or holds rows of others. */
typedef struct SegSorted {
    size_t rows; /* of the segment, for which it holds */
    TableId table;
    SegRow *row;
    int64_t *id;
    size_t count;
    struct SegSorted *before; /* of rows that were truncated: a reader may still be there */
} SegSorted;
const SegSorted *seg_sorted(Segment *s, size_t rows, TableId table);
size_t seg_table_rows(const Segment *s, TableId table); /* so far */
bool seg_has_table(const Segment *s, size_t rows, TableId table, int64_t *t_min, int64_t *t_max);

#endif
