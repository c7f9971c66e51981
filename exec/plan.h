/* exec/plan.h - executable plans: the read-only tree that sqlts makes and exec runs.
 *
 * To add an operator: a kind, its struct, op_<name>.c with open/next/close, one row in op_table[].
 * Each node lists the types of its output columns; expressions refer to input columns by index.
 * Threads: a plan is immutable and may be run by several tasks at once. */
#ifndef SKULK_EXEC_PLAN_H
#define SKULK_EXEC_PLAN_H

#include "exec/agg.h"
#include "storage/scan.h"

typedef enum PlanKind {
    PLAN_SCAN,
    PLAN_SERIES_AGG,
    PLAN_VIRTUAL,
    PLAN_FUNCTION,
    PLAN_VALUES,
    PLAN_FILTER,
    PLAN_PROJECT,
    PLAN_AGG,
    PLAN_SORT,
    PLAN_LIMIT,
    PLAN_DISTINCT,
    PLAN_JOIN,
    PLAN_APPLY,
    PLAN_APPEND,
    PLAN_SETOP,
    PLAN_CTE_REF,
    PLAN_RECURSIVE,
    PLAN_PROJECT_SET,
    PLAN_WINDOW,
    PLAN_RESULT,
    PLAN_GAPFILL,
    PLAN_SPAN,
    PLAN_ASOF,
} PlanKind;

typedef struct Plan Plan;
struct Plan {
    PlanKind kind;
    size_t col_count;
    TypeId *types;
    Slice *names;        /* for EXPLAIN */
    Plan *child, *right; /* right: JOIN, APPLY, SETOP, RECURSIVE */
    double rows_estimate;
};

/* What a scan puts into output column i. */
typedef enum ScanColKind {
    SCAN_TIME,
    SCAN_TAG,
    SCAN_FIELD,
    SCAN_TABLEOID,
    SCAN_SERIES, /* with the exact time and SCAN_ROW: the address of a stored row */
    SCAN_ROW,
} ScanColKind;
typedef struct ScanCol {
    ScanColKind kind;
    ColumnId column;
    TypeId type;
    int32_t typmod;
    bool keyed; /* SCAN_FIELD: some series have the value as a tag */
} ScanCol;

/* time <op> value; op in < <= = >= >; value: constant expression (params, now()) of type timestamptz,
 * or int8 ns when `ns` (ts_ns(time)).  SQL time is the floor to us: the executor turns it into exact ns bounds. */
typedef struct TimeBound {
    char op[3];
    bool ns;
    Expr *value;
} TimeBound;

/* A condition on one tag.  eq/in: constant expressions of the tag's type (also = ANY(array) as one
 * array-valued expression); else test: an expression whose column 0 is the tag's value. */
typedef struct TagPred {
    ColumnId column;
    TypeId type;
    Expr **in; /* NULL: use test */
    size_t in_count;
    bool array; /* in[0] is an array */
    bool keyed; /* a field: series without the tag are read too, and `recheck` decides */
    Expr *test;
    Slice name; /* for EXPLAIN; may be empty */
} TagPred;

/* field <op> constant, numeric: prunes row groups by statistics; also part of `filter`, which decides. */
typedef struct FieldPrune {
    uint32_t col; /* output column of the scan */
    char op[3];
    Expr *value;
} FieldPrune;

typedef struct PlanScan {
    Plan p;
    TableId table;
    Slice table_name, alias, time_name; /* for EXPLAIN; alias may be empty */
    Slice view_part,
        kept; /* for EXPLAIN, of a continuous view: which part, what of; may be empty */
    ScanCol *cols;
    TimeBound *bounds;
    size_t bound_count;
    TagPred *tags;
    size_t tag_count;
    FieldPrune *prunes;
    size_t prune_count;
    Expr *filter;  /* over output columns; may be NULL */
    Expr *recheck; /* for rows of series without a keyed column's tag: what `tags` say; or NULL */
    bool backward;
    uint32_t
        per_series_limit; /* at most so many rows a series, newest first with backward; 0 = all */
    bool single_stream;   /* do not split over workers (order matters above) */
    Slice tier;           /* for EXPLAIN: which part of a table with tiers it is; empty: none */
    bool all_ages;        /* rows past their TTL, too */
    bool whole;           /* 22023 if tiers keep what rows there were in the range (exec/tiers.h) */
} PlanScan;

/* Scan + GROUP BY fused: keys are tags, one time bucket, or constants; aggregates over plain fields. */
typedef enum KeyKind { KEY_TAG, KEY_BUCKET } KeyKind;
typedef struct SeriesKey {
    KeyKind kind;
    ColumnId column; /* KEY_TAG */
    bool keyed;      /* KEY_TAG: a field; series without the tag have it in scan column `col` */
    uint32_t col;
    TypeId type;
    int64_t width_ns, origin_ns; /* KEY_BUCKET: fixed width */
} SeriesKey;
typedef struct AggCall {
    const FuncDef *func;
    TypeId result;
    Expr **args; /* over the input; for PLAN_SERIES_AGG over scan columns */
    size_t arg_count;
    bool distinct, star;
    bool as_state; /* gives its state as bytea instead of the result (exec/func_state.c) */
    bool of_state; /* args[0] is such a state, or NULL: merged. Both together: a combine step */
    const TypeId
        *state_args; /* with of_state: types of the arguments that the state was made from */
    size_t state_arg_count;
    Expr *filter; /* FILTER (WHERE) */
    Expr **order; /* array_agg(x ORDER BY y) */
    bool *order_desc, *order_nulls_first;
    size_t order_count;
    bool order_implied; /* AggDef.time_arg */
} AggCall;
typedef struct PlanSeriesAgg { /* output: keys, then aggregates */
    Plan p;
    PlanScan *scan; /* filter allowed: then rows are decoded and filtered before aggregation */
    SeriesKey *keys;
    size_t key_count;
    AggCall *aggs;
    size_t agg_count;
    /* Above it only so many rows of the newest (else oldest) buckets are wanted: constant, or NULL. */
    Expr *bucket_limit;
    bool bucket_desc;
} PlanSeriesAgg;

typedef struct PlanAgg { /* output: keys, then aggregates; key_count 0 = one row always */
    Plan p;
    Expr **keys;
    size_t key_count;
    AggCall *aggs;
    size_t agg_count;
    bool ordered; /* input comes grouped by the keys */
} PlanAgg;

typedef struct SortKey {
    Expr *expr;
    bool desc, nulls_first;
} SortKey;
typedef struct PlanSort {
    Plan p;
    SortKey *keys;
    size_t key_count;
    Expr *limit; /* top-N: rows needed incl. offset, constant expression; NULL = all */
} PlanSort;

typedef struct PlanLimit {
    Plan p;
    Expr *limit, *offset; /* int8, NULL: none; may read the first row's columns */
    Expr **ties;          /* WITH TIES: rows after the last one that are equal in these come, too */
    size_t tie_count;
} PlanLimit;

typedef struct
    PlanDistinct { /* keys NULL: all columns.  sorted: input is ordered by the keys (DISTINCT ON) */
    Plan p;
    Expr **keys;
    size_t key_count;
    bool sorted;
} PlanDistinct;

typedef struct PlanFilter {
    Plan p;
    Expr *filter;
} PlanFilter;
typedef struct PlanProject {
    Plan p;
    Expr **exprs;
} PlanProject;
typedef struct PlanProjectSet {
    Plan p;
    Expr **exprs; /* those with is_srf[i] are calls of set-returning functions */
    bool *is_srf;
} PlanProjectSet;
typedef struct PlanValues {
    Plan p;
    Expr ***rows;
    size_t row_count;
} PlanValues;                 /* also one row of constants */
typedef struct PlanFunction { /* FROM f(args) [WITH ORDINALITY] */
    Plan p;
    const FuncDef *func;
    Expr *call; /* its args: constant or exec params */
    bool ordinality;
} PlanFunction;

typedef enum JoinType {
    JOIN_INNER,
    JOIN_LEFT,
    JOIN_RIGHT,
    JOIN_FULL,
    JOIN_SEMI,
    JOIN_ANTI,
    JOIN_MARK, /* left columns + bool: is there a partner */
} JoinType;
typedef struct
    PlanJoin { /* hash join when key_count > 0, else nested loop over a materialised right side */
    Plan p;    /* output: left columns, then right columns (SEMI, ANTI: left only) */
    JoinType type;
    Expr **left_keys, **right_keys; /* each over its own side; equal types */
    size_t key_count;
    Expr *filter;    /* over left columns then right columns; NULL = none */
    bool null_aware; /* ANTI for NOT IN, MARK for IN: NULL keys as SQL demands */
} PlanJoin;

/* For each left row the nearest right one with equal keys: the greatest time that is at most (or, strict,
 * below) the left one's, or with `ahead` the least that is at least.  Both sides are sorted by keys, then
 * time (descending with `ahead`).  Rows with a NULL key or time match nothing.  Of several right rows of
 * one time the last in the input is taken.  Output: left columns, then right ones. */
typedef struct PlanAsof {
    Plan p;
    bool outer; /* left rows without a match stay */
    bool strict, ahead;
    Expr **left_keys, **right_keys; /* each over its own side; equal types */
    size_t key_count;
    Expr *left_time, *right_time;
    Expr *filter; /* of a match, over both sides; NULL = none */
} PlanAsof;

/* For each left row: exec params are set from it, right runs.  Output: left columns, then what `mode` says. */
typedef enum ApplyMode {
    APPLY_SCALAR,  /* + 1 column: the value, NULL if none; 21000 if more than one row */
    APPLY_EXISTS,  /* + 1 bool */
    APPLY_IN,      /* + 1 bool (three-valued): test over (left columns, right columns) */
    APPLY_ALL,     /* + 1 bool: x op ALL (subquery) */
    APPLY_ARRAY,   /* + 1 array */
    APPLY_LATERAL, /* + right columns, a row each (inner) */
    APPLY_LATERAL_LEFT,
} ApplyMode;
typedef struct PlanApply {
    Plan p;
    ApplyMode mode;
    uint32_t *param;    /* exec param numbers to set ... */
    Expr **param_value; /* ... from the left row */
    size_t param_count; /* 0: uncorrelated, right runs once */
    Expr *test;         /* IN, ALL */
    Expr *guard;        /* over left columns; other rows do not ask and get NULL; may be NULL */
} PlanApply;

typedef struct PlanAppend {
    Plan p;
    Plan **children;
    size_t child_count;
} PlanAppend; /* UNION ALL */
typedef enum SetOp { SETOP_INTERSECT, SETOP_EXCEPT } SetOp;
typedef struct PlanSetOp {
    Plan p;
    SetOp op;
    bool all;
} PlanSetOp;
typedef struct PlanCte {
    uint32_t id;
    Slice name;
    Plan *plan;
} PlanCte; /* a WITH query: run once, read by each PLAN_CTE_REF */
typedef struct PlanCteRef {
    Plan p;
    uint32_t cte;
    Slice name;
} PlanCteRef;
typedef struct
    PlanRecursive { /* child: start; right: step, reads the working table as CTE_REF `cte` */
    Plan p;
    uint32_t cte;
    bool distinct;
} PlanRecursive;

/* Which rows of the partition a window call sees from each row. */
typedef enum FrameUnit { FRAME_RANGE, FRAME_ROWS, FRAME_GROUPS } FrameUnit;
typedef enum FrameBound { /* in the order that a frame may have them */
                          FRAME_UNBOUNDED_PRECEDING,
                          FRAME_PRECEDING,
                          FRAME_CURRENT,
                          FRAME_FOLLOWING,
                          FRAME_UNBOUNDED_FOLLOWING,
} FrameBound;
typedef enum FrameExclude {
    EXCLUDE_NONE,
    EXCLUDE_CURRENT,
    EXCLUDE_GROUP,
    EXCLUDE_TIES
} FrameExclude;
typedef struct WindowFrame {
    FrameUnit unit;
    FrameBound start, end;
    FrameExclude exclude;
    Expr *start_offset, *end_offset; /* of PRECEDING, FOLLOWING: the same for all rows */
} WindowFrame;

typedef struct WindowCall {
    const FuncDef *func;
    TypeId result;
    Expr **args;
    size_t arg_count;
    Expr *filter; /* of an aggregate; may be NULL */
    WindowFrame frame;
} WindowCall;
typedef struct
    PlanWindow { /* input sorted by partition, order; output: input columns, then one a call */
    Plan p;
    Expr **partition;
    size_t partition_count;
    SortKey *order;
    size_t order_count;
    WindowCall *calls;
    size_t call_count;
} PlanWindow;

/* Buckets without rows get rows.  In them the group columns and the time have values, calls say what
 * else has one, the rest is NULL. */
typedef enum FillKind {
    FILL_LOCF,   /* the value of the row before */
    FILL_LINEAR, /* on the line between the rows before and behind */
    FILL_CONST,
} FillKind;
typedef struct FillCall {
    FillKind kind;
    TypeId result;
    Expr *value;       /* over the input; where there is a row */
    Expr *missing;     /* CONST: over the input's first row of the group */
    Expr *before;      /* LOCF, LINEAR: the value before the first row of the group, or NULL */
    Expr *before_time; /* LINEAR */
    Expr *after, *after_time; /* LINEAR: behind the last one */
    bool null_is_missing;     /* LOCF */
} FillCall;
typedef struct FillBound {
    Expr *value; /* constant expression of the time's type */
    bool next;   /* the time behind it */
} FillBound;
typedef struct
    PlanGapfill { /* input sorted by group columns, then time; output: input, then one a call */
    Plan p;
    uint32_t time_col;
    uint32_t *group_cols;
    size_t group_count;
    Expr *width, *zone, *origin;  /* constant expressions; zone and origin may be NULL */
    FillBound *starts, *finishes; /* the latest start, the earliest finish (not part of it) */
    size_t start_count, finish_count;
    uint32_t
        *span; /* NULL, or two exec params: the first and last bucket of all groups (PLAN_SPAN) */
    FillCall *calls;
    size_t call_count;
} PlanGapfill;
typedef struct PlanSpan { /* rows as they are; leaves the least and greatest time in exec params */
    Plan p;
    uint32_t time_col;
    uint32_t *span; /* two */
} PlanSpan;

/* Rows that C code produces: pg_catalog, information_schema, skulk.* (one row each in <module>_views[]). */
typedef struct ViewColumn {
    const char *name;
    TypeId type;
} ViewColumn;
typedef struct ViewDeclared { /* what pg_attribute says of a column */
    TypeId type;
    bool not_null;
} ViewDeclared;
typedef struct RowSink RowSink; /* exec/virtual.h */
typedef struct ViewDef {
    const char *schema, *name;
    const ViewColumn *columns;
    size_t column_count;
    bool (*fill)(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e); /* NULL: no rows */
    const char *text;
    const char *sql;              /* a query instead: the columns are its, in this order */
    const ViewDeclared *declared; /* NULL: as columns */
    uint32_t oid;                 /* not 0: a table of the catalog, with system columns */
} ViewDef;
typedef struct PlanVirtual {
    Plan p;
    const ViewDef *view;
    uint32_t *cols;
    Expr *filter;
} PlanVirtual;

/* Behind the columns of a catalog table. */
typedef enum ViewSystem { VIEW_TABLEOID, VIEW_XMIN, VIEW_SYSTEM_COUNT } ViewSystem;
void view_register(const ViewDef *table); /* ends with name = NULL */
const ViewDef *view_find(Slice schema, Slice name);
size_t view_count(void);
const ViewDef *view_at(size_t i);
void row_sink_add(RowSink *sink, const Value *row);        /* column_count values, copied */
bool row_sink_wants(const RowSink *sink, uint32_t column); /* false: put NULL, it is not read */

/* A whole statement. */
typedef struct PlannedQuery {
    Plan *root;
    PlanCte *ctes;
    size_t cte_count;
    uint32_t exec_param_count;
    const char *operation; /* of a statement that writes, for EXPLAIN: "Delete"; or NULL */
    Slice target;          /* its table */
    const char *method;    /* how it does it, or NULL */
} PlannedQuery;

#endif
