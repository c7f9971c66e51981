/* storage/merge.h - rows of one series from several layers, merged in time order.
 *
 * Used by scan (what a reader sees) and by compaction (what the next file holds), so that both
 * have one idea of "newer wins".  Inputs are layers: the row groups of a part for the series, or
 * chosen rows of a segment, each ascending by time.  Output are runs of at most ROW_GROUP_ROWS rows.
 *   last, error: one row a time; each field is taken from the newest row in which it is not absent.
 *   keep: the same for each (time, COLUMN_ROW); every row without COLUMN_ROW, in order of age, then arrival.
 * A row marked by wb_delete hides all that is older of its key.  Readers see neither it nor them;
 * what is written for the next level keeps the mark for as long as an older layer may have the key.
 * A run that is (part of) one row group which nothing overlaps is announced without decoding.
 * Not its business: choosing series, pruning by statistics, deciding what an absent value means.
 * Threads: a Merge belongs to one task. */
#ifndef SKULK_STORAGE_MERGE_H
#define SKULK_STORAGE_MERGE_H

#include "storage/version.h"

typedef struct MergeInput {
    uint32_t age; /* larger = newer */
    /* either groups of one part (part_find), ascending in time ... */
    Part *part;
    const PartGroup *groups;
    size_t group_count;
    Lsn place; /* not 0: the place of all rows of the part in the order of writes */
    /* ... or rows of one segment, by (time, arrival) (part = NULL) */
    const Segment *segment;
    const SegRow *rows;
    size_t row_count;
    const int64_t *ids; /* of the rows, which stand in their order (`keep`); NULL: not known */
    /* parts: times that a delete hides in this layer (tombs_ranges); borrowed */
    const TimeRange *dead;
    size_t dead_count;
} MergeInput;

typedef struct MergeRun {
    uint32_t rows;
    int64_t t_first, t_last;
    Lsn seq_min, seq_max; /* may be wider than the rows' own */
    /* The run is rows [begin, begin + rows) of one group of one part; part = NULL: merged. */
    Part *part;
    const PartGroup *group;
    uint32_t begin; /* relative to the group's own row_begin */
    bool whole;     /* all rows of the group: its statistics hold for the run */
} MergeRun;

typedef enum MergeStatus { MERGE_RUN, MERGE_END, MERGE_WAIT, MERGE_FAIL } MergeStatus;

typedef struct Merge Merge;

Merge *merge_new(Budget *budget /* may be NULL */);
void merge_free(Merge *m);
/* The columns that merge_column may be asked for; copied.  types: what comes out (integers are
 * turned into floats where a column was retyped).  Before the first merge_start, then at will. */
void merge_set_columns(Merge *m, const ColumnId *ids, const PhysType *types, size_t n);
/* Begins a series.  `inputs` is copied, the groups and rows it points to are borrowed until the
 * next merge_start.  Rows outside [t_min, t_max] are left out.  backward: newest run first; rows
 * inside a run always ascend. */
typedef struct MergeSpec {
    Duplicates duplicates;
    int64_t t_min, t_max; /* inclusive */
    bool backward;
    bool keep_marks; /* the output is a layer above others: see merge_marks */
} MergeSpec;
void merge_start(Merge *m, const MergeSpec *spec, const MergeInput *inputs, size_t n);
MergeStatus merge_next(Merge *m, MergeRun *run, Task *waiter, Err *e);

/* The bytes of a run that is rows of one group are resident until the next merge_next or _start. */
bool merge_run_here(Merge *m, Err *e) MUST_CHECK;
/* Of the run of the last merge_next; what they return lives until the next merge_next or _start. */
bool merge_times(Merge *m, const int64_t **times, Err *e) MUST_CHECK;
/* valid: a value, not NULL.  null_bits (may be asked for with a NULL pointer): explicit NULLs; a
 * row with neither bit is absent.  A column that no row has: vec->type = PHYS_NONE. */
bool merge_column(Merge *m, size_t column, ColVec *vec, const uint64_t **null_bits,
                  Err *e) MUST_CHECK;
/* keep_marks: COLUMN_MARK of the run.  valid: older layers are hidden; value true: the row only does
 * that, false: it exists as well.  vec->type = PHYS_NONE: no row hides anything. */
bool merge_marks(Merge *m, ColVec *vec, Err *e) MUST_CHECK;

#endif
