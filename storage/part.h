/* storage/part.h - a part: an immutable set of rows in the `.skulk` file format.
 *
 * A part is a file or a sealed memtable segment: the same bytes, one reader.  Rows are
 * sorted by (window, table, series, time, sequence).  The bytes are described in docs/format.md.
 * The writer takes rows run by run; the reader gives row groups by (table, series, time).
 * Threads: a PartWriter belongs to one task.  A Part is immutable and counted. */
#ifndef SKULK_STORAGE_PART_H
#define SKULK_STORAGE_PART_H

#include "base/io.h"
#include "storage/codec.h"

/* ---- writing ---- */
typedef struct PartWriter PartWriter;
typedef struct PartSink { /* where finished bytes go, in order, in pieces of about 1 MiB */
    bool (*write)(struct PartSink *sink, const void *ptr, size_t len, Err *e);
} PartSink;

typedef struct PartColumn {
    ColumnId id;
    ColVec vec; /* value bits: valid = value present and not NULL */
    const uint64_t *
        null_bits; /* rows whose value is an explicit NULL; NULL = none; others unset in valid are absent */
} PartColumn;

/* One run: rows of one series, ascending time, at most ROW_GROUP_ROWS. */
typedef struct PartRun {
    int64_t window; /* start of the window, ns; runs come in (window, table, series, time) order */
    TableId table;
    SeriesId series;
    size_t rows;
    const int64_t *times;
    Lsn seq_min, seq_max; /* writes these rows came from */
    const PartColumn *columns;
    size_t column_count;
} PartRun;

PartWriter *part_writer_new(PartSink *sink, CodecEffort effort);
/* For tables that begin after this call (a table option may ask for EFFORT_DENSE). */
void part_writer_set_effort(PartWriter *w, CodecEffort effort);
bool part_writer_add(PartWriter *w, const PartRun *run, Err *e)
    MUST_CHECK; /* short runs of a series are joined; small series share a row group */
/* Copies a whole row group verbatim when the codec plan need not change. */
struct PartGroup;
struct Part;
/* window: of the part being written; the group lies in it. */
bool part_writer_copy(PartWriter *w, struct Part *from, const struct PartGroup *group,
                      int64_t window, Err *e) MUST_CHECK;
int64_t part_group_window(const struct Part *p, const struct PartGroup *group);
/* Footer; nothing may follow.  A writer that failed can only be freed. */
bool part_writer_finish(PartWriter *w, Err *e) MUST_CHECK;
uint64_t part_writer_rows(const PartWriter *w);
void part_writer_free(PartWriter *w);

/* ---- reading ---- */
typedef struct Part Part;

typedef struct PartInfo {
    uint64_t rows, bytes;
    int64_t t_min, t_max;
    Lsn seq_min, seq_max;
} PartInfo;

/* Takes whole-file bytes through a pin function: pin returns a pointer valid until unpin, NULL with
 * PART_WAIT semantics handled by storage/store.h.  For memory parts `base` is given and pin is NULL. */
typedef enum PinStatus { PIN_OK, PIN_WAIT, PIN_FAIL } PinStatus;
struct Task;
typedef struct PartSource {
    const uint8_t *base; /* whole image in memory or mapped; NULL: use pin */
    bool mapped;         /* base is a mapped file */
    uint64_t size;
    PinStatus (*pin)(struct PartSource *s, uint64_t offset, size_t len, struct Task *waiter,
                     const uint8_t **ptr, Err *e);
    void (*unpin)(struct PartSource *s, const uint8_t *ptr, size_t len);
    void (*close)(struct PartSource *s); /* when the last reference to the part goes; frees s */
    /* Told once of each damaged block of bytes, by any reader; NULL: nobody wants to know. */
    void (*damaged)(struct PartSource *s, TableId table, SeriesId series, const Err *e);
    struct PartCache *cache; /* bounds decoded directories; NULL: they live as long as the part */
    char name[64];           /* for messages: "000012.skulk" or "memory" */
} PartSource;

/* Decoded directory blocks of many parts, least recently used ones go beyond the budget's limit
 * (64 MiB without one).  Outlives its parts. */
typedef struct PartCache PartCache;
PartCache *part_cache_new(Budget *budget /* charged; may be NULL */);
void part_cache_free(PartCache *c);
int64_t part_cache_bytes(const PartCache *c);

bool part_open(Part **out, PartSource *take_source,
               Err *e) MUST_CHECK; /* reads and checks header and footer (blocking pin) */
/* A part in memory: what a writer puts into `sink` becomes its image. */
typedef struct MemorySink {
    PartSink sink;
    Buf image; /* freed by the caller if it is not opened */
} MemorySink;
MemorySink memory_sink(void);
bool memory_sink_open(MemorySink *m, Part **out, Err *e) MUST_CHECK; /* takes the image */

Part *part_ref(Part *p);
void part_unref(Part *p);
const PartInfo *part_info(const Part *p);
uint64_t part_serial(
    const Part *p);                /* of this opening: never given again while the process lives */
void part_touch(Part *p);          /* it is going to be read */
uint64_t part_used(const Part *p); /* grows with the last touch */
int64_t part_drop_pages(const Part *p); /* of a mapped file; bytes of address space */
const char *part_name(const Part *p);
Slice part_image(const Part *p); /* of a part in memory: the bytes that a file would have */

/* Row groups of one series in one table, by time.  A group shared by several small series is
 * given with the row range of this series. */
typedef struct PartGroup {
    uint32_t index; /* row group in the part */
    uint32_t block; /* a guess: the directory block that lists it */
    TableId table;
    SeriesId series;
    uint32_t row_begin, rows; /* within the row group */
    int64_t t_min,
        t_max; /* of these rows if the series has the group alone, else of the whole group */
    bool alone;
    Lsn seq_min, seq_max;
    SeriesId series_last; /* part_group_at: the last series of a shared group */
} PartGroup;

/* Appends to `out` (Buf of PartGroup) the groups of `series` with rows that may lie in [t_min, t_max].
 * PIN_WAIT (never without a waiter): the list of a shared group is not here; nothing was appended. */
typedef struct PartQuery {
    TableId table;
    SeriesId series;
    int64_t t_min, t_max;
} PartQuery;
PinStatus part_find(Part *p, const PartQuery *q, Buf *out, struct Task *waiter, Err *e);
bool part_has_table(const Part *p, TableId table, int64_t *t_min, int64_t *t_max);
/* Series of a table that are present: calls each() in ascending order; exact. */
void part_series(Part *p, TableId table, void (*each)(void *arg, SeriesId id), void *arg);
const void *part_series_bitmap(
    Part *p, TableId table); /* roaring_bitmap_t of local ids; owned by the part */
size_t part_table_count(const Part *p);
TableId part_table_at(const Part *p, size_t i);               /* ascending */
uint64_t part_table_rows_about(const Part *p, TableId table); /* of many row groups a rough count */
uint64_t part_table_rows(const Part *p, size_t i);
size_t part_group_count(const Part *p);
void part_group_at(const Part *p, uint32_t index,
                   PartGroup *out); /* all its rows; of a shared group: series of the first run */

/* Statistics of a column of a group that is alone; false: none stored (or partly). */
bool part_stats(Part *p, const PartGroup *g, ColumnId col, ChunkStats *out);
/* One after the other, at most n row groups of the table, spread over its blocks; false: there are no more. */
bool part_sample_group(const Part *p, TableId table, size_t i, size_t n, PartGroup *out);
/* ---- answers of a pinned group that is alone, still encoded ---- */
/* Statistics of the pieces between cuts, with one decode: out[0] is [0, row[0]), out[count] the rest.
 * *number = false: the column has no numbers here, nothing is known.  Absent: type PHYS_NONE. */
bool part_stats_cuts(Part *p, const PartGroup *g, ColumnId col, const RowCuts *cuts, Arena *scratch,
                     ChunkStats *out, bool *number, Err *e) MUST_CHECK;
/* *known: all rows of a pinned group that is alone have this text; it lives as long as the pin. */
bool part_constant(Part *p, const PartGroup *g, ColumnId col, Slice *text, bool *known,
                   Err *e) MUST_CHECK;
/* The last row of a pinned group that is alone, each value decoded once for all readers. */
bool part_last_row(Part *p, const PartGroup *g, const ColumnId *cols, size_t n, Arena *scratch,
                   LastCell *out, Err *e) MUST_CHECK;
/* bits (BITMAP_WORDS of the group's rows): rows whose value passes.  *type is the filter's or
 * PHYS_NONE (no row has a value), else the bits are not to be used. */
bool part_filter(Part *p, const PartGroup *g, ColumnId col, const CodecFilter *f, Arena *scratch,
                 uint64_t *bits, PhysType *type, Err *e) MUST_CHECK;
/* Times that are an arithmetic run need no decoding: row i is first + i * step. */
typedef struct TimeGrid {
    int64_t first, step; /* step >= 0 */
} TimeGrid;
bool part_time_grid(Part *p, const PartGroup *g, TimeGrid *grid, bool *regular, Err *e) MUST_CHECK;
uint32_t time_grid_before(const TimeGrid *g, int64_t t, uint32_t rows); /* how many are before t */

/* Decode.  Output lives in arena; CRC is checked at first touch (DATA_CORRUPTED names part, offset,
 * table, series, time range).  A group needs part_pin_group first; PIN_WAIT: the waiter is woken. */
PinStatus part_pin_group(Part *p, const PartGroup *g, const ColumnId *cols, size_t n,
                         struct Task *waiter, Err *e);
void part_unpin_group(Part *p, const PartGroup *g);
bool part_times(Part *p, const PartGroup *g, Arena *arena, const int64_t **times,
                Err *e) MUST_CHECK;
/* vec covers g->rows rows.  null_bits: explicit NULLs, NULL if none.  Absent column: vec.type = PHYS_NONE. */
bool part_column(Part *p, const PartGroup *g, ColumnId col, Arena *arena, ColVec *vec,
                 const uint64_t **null_bits, Err *e) MUST_CHECK;
/* As part_column, but only the values of the rows [begin, end) are wanted: the others may be anything. */
bool part_column_range(Part *p, const PartGroup *g, ColumnId col, size_t begin, size_t end,
                       Arena *arena, ColVec *vec, const uint64_t **null_bits, Err *e) MUST_CHECK;
/* Every column present in the group: ids, ascending; *count may be more than max. */
bool part_columns(Part *p, const PartGroup *g, ColumnId *out, size_t max, size_t *count,
                  Err *e) MUST_CHECK;
bool part_may_have(Part *p, const PartGroup *g,
                   ColumnId col); /* false: the group has no value of it */
/* Reads everything, checks every CRC and decodes; each() gets every damage (check, scrub). */
bool part_check(Part *p, void (*each)(void *arg, const Err *e), void *arg);
size_t part_block_count(const Part *p); /* the same in steps: directory blocks */
bool part_check_block(Part *p, size_t block, void (*each)(void *arg, const Err *e), void *arg);
/* Copies every row group that can be read; the others are what part_check names. */
bool part_salvage(Part *p, PartWriter *w, Err *e) MUST_CHECK;

#endif
