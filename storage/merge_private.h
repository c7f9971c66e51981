/* storage/merge_private.h - a merge inside: merge.c orders rows, merge_value.c decodes them. */
#ifndef SKULK_STORAGE_MERGE_PRIVATE_H
#define SKULK_STORAGE_MERGE_PRIVATE_H

#include "storage/merge.h"

typedef struct Loaded { /* a row group that the current run or a cursor refers to */
    struct Loaded *next;
    Part *part;
    PartGroup group;
    Arena arena;
    bool pinned;
    const int64_t *times; /* NULL: not decoded */
    bool regular;         /* its times are those of the grid, no two alike */
    TimeGrid grid;
    const int64_t *ids; /* with the times, in `keep` tables: COLUMN_ROW, 0 = none; NULL: all 0 */
    const uint64_t *marked;  /* with the times: rows with COLUMN_MARK; NULL: none */
    const uint8_t *deleting; /* of these: the row is only a mark */
    ColVec *vecs;            /* per column of the merge; have[] says which are decoded */
    const uint64_t **nulls;
    uint8_t *have;
    struct Loaded *whole; /* the shared row group that this series is a piece of */
    uint64_t used;        /* whole: the last merge_start that used it */
    uint32_t want_begin,
        want_end; /* rows whose values can be asked for; of the others none are decoded */
} Loaded;

typedef struct Key { /* what makes two rows the same: in `keep` tables the id as well */
    int64_t time, id;
} Key;

typedef struct Cursor {
    MergeInput in;
    bool active;
    const int64_t *ids; /* segments: as of a Loaded */
    bool marks;         /* segments: rows may be marked */
    size_t group;       /* parts: current group */
    Loaded *loaded;     /* parts: NULL = the current group is not decoded */
    int64_t row; /* next row (newest row when backward) in the loaded group or the segment rows */
    int64_t begin, end; /* rows inside the time range that no delete hides, up to the next that one
                           does; half-open */
    int64_t low, high;  /* parts: rows inside the time range */
} Cursor;

typedef struct Span { /* neighbouring rows of one source */
    Loaded *group;
    const Segment *segment;
    const SegRow *rows; /* segment: the first of them */
    uint32_t begin;     /* group: the first of them */
    uint32_t count;
    uint32_t older; /* the same row in an older source: index + 1 in older[]; 0 = none */
} Span;

typedef struct SpanList {
    Span *items;
    size_t count, cap;
} SpanList;

struct Merge {
    Budget *budget;
    ColumnId *column_ids; /* column_count, then the hidden ones */
    PhysType *column_types;
    size_t column_count;
    Arena start; /* of one merge_start */
    MergeSpec spec;
    Cursor *cursors;
    size_t cursor_count, cursor_cap;
    /* the current run */
    SpanList spans, older;
    uint32_t rows;
    Arena out;
    const int64_t *out_times;
    Loaded *live;   /* all that are in use by the run or a cursor */
    Loaded *wholes; /* shared groups: decoded once for all series that follow each other in them */
    Loaded *whole_last, *whole_hint; /* their end; after the one found last */
    Loaded *spare;
    uint64_t starts;
};

enum { HIDDEN_ROW, HIDDEN_MARK, HIDDEN_COLUMNS }; /* places behind the columns asked for */

/* ---- merge_value.c ---- */
Loaded *merge_load(Merge *m, Part *part, const PartGroup *group); /* undecoded */
void merge_unload(Merge *m, Loaded *l);                           /* the one loaded last */
MergeStatus merge_load_times(Merge *m, Loaded *l, Task *waiter, Err *e);
/* Sets l->regular, without decoding. */
MergeStatus merge_load_grid(Merge *m, Loaded *l, Task *waiter, Err *e);
/* Ids and marks of a group whose times are loaded. */
bool merge_load_hidden(Merge *m, Loaded *l, Err *e) MUST_CHECK;
void merge_release(Merge *m, bool all);        /* groups that no cursor stands on */
void merge_release_wholes(Merge *m, bool all); /* shared groups that the last series did not use */
int64_t merge_span_time(const Span *s, uint32_t i);

#endif
