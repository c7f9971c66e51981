/* storage/scan.h - reading rows of one table from a snapshot, run by run.
 *
 * A scan walks the chosen series in ascending id order and, for each, its rows in time order
 * (or backwards), merging files, sealed segments, the memtable's tail and the transaction's own
 * rows by the rules of duplicates (newer wins field by field; keep: every row).
 * A run is at most ROW_GROUP_ROWS rows of one series, ascending time, all inside the time range.
 * A run is announced before anything is decoded: the caller first looks at series, rows, time bounds
 * and statistics, then asks for times and columns it needs, or takes the next run.
 * Threads: a Scan belongs to one task; parallel readers open one scan each with set_slice(). */
#ifndef SKULK_STORAGE_SCAN_H
#define SKULK_STORAGE_SCAN_H

#include "storage/codec.h"
#include "storage/engine.h"

typedef struct ScanSpec {
    Snapshot *snapshot; /* referenced by the scan */
    TableId table;
    int64_t t_min, t_max;    /* inclusive, ns */
    SeriesSet *series;       /* NULL = all of the table; referenced */
    const ColumnId *columns; /* fields (or COLUMN_ROW) that may be asked for; copied */
    size_t column_count;
    bool backward; /* per series: newest run first (rows inside a run still ascend) */
    bool all_ages; /* rows past their TTL, too */
} ScanSpec;

typedef struct ScanRun {
    SeriesId series;
    uint32_t rows;
    int64_t t_first, t_last;
    bool stats_exact; /* nothing overlaps and nothing was cut: scan_stats may answer */
} ScanRun;

typedef enum ScanStatus { SCAN_RUN, SCAN_END, SCAN_WAIT, SCAN_FAIL } ScanStatus;

typedef struct Scan Scan;

bool scan_open(Scan **out, const ScanSpec *spec, Budget *budget, Err *e) MUST_CHECK;
void scan_close(Scan *s);
/* SCAN_WAIT: data is not here yet; the waiter is woken, call again. */
ScanStatus scan_next(Scan *s, ScanRun *run, Task *waiter, Err *e);
void scan_skip_series(Scan *s); /* next run will be of another series */

/* About the run of the last scan_next; what they return lives until the next scan_next. */
bool scan_stats(Scan *s, size_t column,
                ChunkStats *out); /* false: not known without decoding, or not exact */
/* Each row of the run has a number and none is a NaN: known without decoding, also of a part of a group. */
bool scan_has_all(const Scan *s, size_t column);
bool scan_times(Scan *s, const int64_t **times, Err *e) MUST_CHECK;
bool scan_column(Scan *s, size_t column, ColVec *out, Err *e) MUST_CHECK;
/* How many rows of the run are before each of the ascending times; of a regular run by arithmetic,
 * without decoding. */
bool scan_time_cuts(Scan *s, const int64_t *times, size_t count, uint32_t *rows, Err *e) MUST_CHECK;
/* The run's times are first + i * step: known without decoding them.  *regular = false: they may be all the same. */
bool scan_time_grid(Scan *s, int64_t *first, int64_t *step, bool *regular, Err *e) MUST_CHECK;
bool scan_time_at(Scan *s, uint32_t row, int64_t *time, Err *e) MUST_CHECK;
/* *known: each row of the run has this text, which nothing had to be decoded for. */
bool scan_constant(Scan *s, size_t column, Slice *text, bool *known, Err *e) MUST_CHECK;
/* The last row of the run, a cell for each column of the scan; valid until the next call.  *out = NULL, or
 * LAST_LONG in a cell: it must be looked for with scan_column. */
bool scan_last_row(Scan *s, const LastCell **out, Err *e) MUST_CHECK;
/* Statistics of the pieces of the run between the cuts, decoded at most once and in the integer
 * domain where the codec can: as of codec_stats_cuts.  Columns of numbers only. */
bool scan_stats_cuts(Scan *s, size_t column, const RowCuts *cuts, ChunkStats *out,
                     Err *e) MUST_CHECK;
/* Rows whose value passes, NULL does not: *bits has BITMAP_WORDS(rows) words.  *bits = NULL: this
 * run's values must be looked at one by one (merged rows, NaN). */
bool scan_filter(Scan *s, size_t column, const CodecFilter *f, const uint64_t **bits,
                 Err *e) MUST_CHECK;
void scan_prune(Scan *s);    /* the run is left out because of its statistics: counted */
void scan_answered(Scan *s); /* nothing of it had to be decoded: counted */

/* For EXPLAIN ANALYZE. */
typedef struct ScanCounters {
    uint64_t files, files_pruned, groups, groups_pruned, groups_from_stats, rows, bytes;
} ScanCounters;
const ScanCounters *scan_counters(const Scan *s);
/* Newest row time of the table in this snapshot, INT64_MIN if it has no row (metadata only, may be
 * an upper bound); for bounds without a WHERE. */
bool snapshot_table_bounds(const Snapshot *s, TableId table, int64_t *t_min, int64_t *t_max);
/* Series of the table with rows that may lie in the range. */
SeriesSet *snapshot_series(Snapshot *s, TableId table, int64_t t_min, int64_t t_max);
/* Stays the same for as long as snapshot_series says the same and no series is made; 0: that cannot be told. */
uint64_t snapshot_series_mark(Snapshot *s, TableId table, int64_t t_min, int64_t t_max);

/* Which of these keys have a row (PRIMARY KEY, ON CONFLICT): bit i of found (BITMAP_WORDS(n) words)
 * says that keys[i] has.  In any order; cheap where no row is near.  SCAN_END: done; SCAN_WAIT: the
 * waiter is woken, call again; SCAN_FAIL. */
typedef struct RowKey {
    SeriesId series;
    int64_t time;
} RowKey;
ScanStatus snapshot_has_keys(Snapshot *s, TableId table, const RowKey *keys, size_t n,
                             uint64_t *found, Task *waiter, Err *e);

#endif
