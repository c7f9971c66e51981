/* exec/agg.h - aggregate functions as mergeable states, and set-returning functions.
 *
 * Every aggregate has init, update, merge and final, so that partial states can be built in
 * parallel, stored by continuous views and shipped by the cluster.  States are plain memory in an
 * arena; save/load give a byte form for spilling.
 * Threads: a state belongs to one task; merge happens in the task that owns `into`. */
#ifndef SKULK_EXEC_AGG_H
#define SKULK_EXEC_AGG_H

#include "exec/expr.h"
#include "storage/types.h"

typedef struct AggCtx {
    EvalCtx *eval;
    Arena *arena; /* lives as long as the groups */
    const TypeId *arg_types;
    size_t arg_count;
    TypeId result;
} AggCtx;

typedef struct AggDef {
    size_t state_size;
    void (*init)(AggCtx *c, void *state);
    /* Rows sel[0..n) (or 0..n-1) of args all go to one state: the run path, used for ordered and run-aware grouping. */
    bool (*update)(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                   Err *e);
    /* Row i goes to states[i] (i counts selected rows). NULL: the caller loops over update. */
    bool (*update_each)(AggCtx *c, void **states, const Vector *args, const uint16_t *sel, size_t n,
                        Err *e);
    bool (*merge)(AggCtx *c, void *into, const void *from, Err *e); /* from follows in time/order */
    bool (*final)(AggCtx *c, const void *state, Value *out,
                  Err *e); /* out may borrow from state and arena */
    /* One chunk of the first argument as statistics; NULL: cannot.  times: of the first and last row, ns;
     * INT64_MIN, INT64_MAX when the column has NULLs among the rows (then first and last decline). */
    bool (*from_stats)(AggCtx *c, void *state, const ChunkStats *stats, int64_t t_first_ns,
                       int64_t t_last_ns);
    bool stats_sum; /* from_stats looks at the count and the sum alone */
    void (*save)(AggCtx *c, const void *state, Buf *out);
    bool (*load)(AggCtx *c, void *state, Slice bytes, Err *e);
    bool ordered; /* depends on row order (array_agg, string_agg, rate): input must come in order */
    /* Number, from 1, of the argument that is a time: rows must come in its order.  The analyzer adds the
     * ORDER BY, the planner takes it away where the rows come so.  0: none. */
    uint8_t time_arg;
    bool skips_nulls; /* rows with a NULL argument are left out by the caller */
    /* Rows that will come once more, in order, when the group is complete: what must be known of all of them before.
     * NULL: nothing. */
    bool (*announce)(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                     Err *e);
    bool grows; /* the state keeps its rows: when memory is short they wait in a sorter instead */
} AggDef;

/* Set-returning functions: generate_series, unnest, ... ; a row source driven by constant arguments. */
typedef struct SrfColumn {
    const char *name;
    TypeId type;
} SrfColumn;

struct Task;
typedef enum SrfStatus { SRF_ROWS, SRF_END, SRF_WAIT, SRF_FAIL } SrfStatus;
typedef struct SrfDef {
    /* Columns; for one-column functions the planner renames it to the alias.  NULL columns: one column named
     * after the function with the function's result type. */
    const SrfColumn *columns;
    size_t column_count;
    bool
        by_definition; /* FROM f(...) AS (a int, b text): args get an int8[] of types and typmods */
    /* Row source: state is kept by the operator. */
    bool (*open)(EvalCtx *ctx, const Expr *call, const Value *args, size_t n, Arena *a,
                 void **state, Err *e);
    SrfStatus (*next)(EvalCtx *ctx, void *state,
                      Batch *out /* cols set up by the operator, BATCH_ROWS room */,
                      struct Task *waiter, Err *e);
    void (*close)(void *state);
    /* Column list of the call site decides (promql with labels as columns); may be NULL. */
    bool (*resolve)(EvalCtx *ctx, const Value *const_args, size_t n, const Slice *names,
                    size_t name_count, Arena *a, SrfColumn **columns, size_t *count, Err *e);
    /* Lines for EXPLAIN: what the call will do (state NULL), or did; may be NULL. */
    void (*explain)(const Value *args, size_t n, void *state, Buf *out);
} SrfDef;

#endif
