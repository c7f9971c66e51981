/* sqlts/continuous.h - continuous views: what the catalog keeps of one, and how its query is read.
 *
 * A continuous view is a TABLE_VIEW whose `extra` is a ContinuousDef.  Its states lie in a hidden time-series
 * table: the keys of GROUP BY in their order (the bucket is its time column), then one column an aggregate:
 * the bytes of its state (exec/func_state.c), or its result where the state cannot be kept.  What they cover and
 * which of them are out of date is in the watch of the view (storage/watch.h, id = the view's).
 *
 * Reading: the analyzer makes of the view a UNION ALL of parts, which never have a bucket in common:
 *   VIEW_STATES  rows of the hidden table within [from, upto) but for the stale ranges
 *   VIEW_LATER, VIEW_EARLIER  the view's query over rows from `upto` on, and before `from`
 *   VIEW_STALE   the view's query over the rows of one stale range
 * Bounds are calls of view_bound(), which looks at the snapshot of the query: plans can be kept.
 * Refreshing: SqlEnv.refresh makes the name of the view stand for VIEW_PARTIAL, the rows that its hidden table
 * should have for [from, to).
 * Its next version (CREATE OR REPLACE, ADD COLUMN) is a hidden view of its own until all is kept; then the view takes
 * over its query, its hidden table and its watch.
 * A view over a view reads the parts of the lower one, with the states of its aggregates behind its columns.
 * Threads: pure. */
#ifndef SKULK_SQLTS_CONTINUOUS_H
#define SKULK_SQLTS_CONTINUOUS_H

#include "exec/agg.h"
#include "storage/watch.h"

enum { CONTINUOUS_ARGS_MAX = 10 };

typedef enum ViewPart {
    VIEW_WHOLE,
    VIEW_STATES,
    VIEW_LATER,
    VIEW_EARLIER,
    VIEW_STALE,
    VIEW_PARTIAL,
} ViewPart;

typedef struct StateColumn { /* one aggregate of the query */
    uint32_t func;           /* oid */
    TypeId result;
    bool state; /* the column has states, else results */
    uint16_t arg_count;
    TypeId args[CONTINUOUS_ARGS_MAX];
} StateColumn;

typedef struct ContinuousDef {
    TableId states, base;         /* the hidden table; whose rows are aggregated, in the end */
    TableId others[WATCH_OTHERS]; /* ordinary tables that it joins */
    uint16_t other_count;
    TableId lower; /* the continuous view whose states are merged; 0: rows of base are aggregated */
    uint16_t key_count, bucket /* which of the keys */, agg_count;
    uint16_t column_count;
    int16_t *columns; /* of the view: number of the key, key_count + of the aggregate; -1: else */
    TypeId *keys;     /* their types */
    ColumnId *tags;   /* of base: those that are one of its tags; 0: else */
    StateColumn *aggs;
    int64_t width_ns, origin_ns; /* of the buckets; with a grid: of the marks */
    Slice grid;                  /* buckets that are not all equally long (exec/grid.h); else "" */
    bool realtime;               /* rows that are in no state yet are shown, too */
    int64_t refresh_ns;          /* how often the job comes; 0 = never */
    int64_t lag_ns;              /* rows younger than this are left to be read as rows */
    int64_t for_ns;              /* how far back the job repairs; 0 = all */
    ObjectId watch;              /* its watch; 0: that of the view's own id */
    TableId next;                /* its next version, a hidden view that is being made; 0: none */
    TableId replaces;            /* of such a one: the view */
} ContinuousDef;

bool view_is_continuous(const TableDef *t);
struct Bucket; /* exec/bucket.h */
bool continuous_bucket(const ContinuousDef *d, struct Bucket *out, Err *e) MUST_CHECK;
void continuous_put_grid(ContinuousDef *d, Arena *a, const struct Bucket *b);
ObjectId continuous_watch(const ContinuousDef *d, const TableDef *view);
bool continuous_reads(const ContinuousDef *d, TableId table);
void continuous_encode(Buf *out, const ContinuousDef *d);
TableId continuous_states(const TableDef *view); /* of any format, to be dropped; 0: damaged */
bool continuous_decode(ContinuousDef *out, Arena *a, const TableDef *view, Err *e) MUST_CHECK;

/* The rows of [from_ns, to_ns) of one view, as its hidden table should have them. */
typedef struct ViewRefresh {
    TableId view;
    int64_t from_us, to_us;
    bool
        all_ages; /* of a tier: tables are read with rows past their TTL, and without their tiers */
} ViewRefresh;

#endif
