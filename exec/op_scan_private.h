/* exec/op_scan_private.h - from a PLAN_SCAN to runs of rows: what the plain scan and the series
 * aggregation share.
 *
 * src_open evaluates bounds and tag conditions once; src_start opens the storage scan over the whole
 * set or over a piece of it; src_next announces a run, and only then columns of it are asked for.
 * Threads: a ScanSrc belongs to one task. */
#ifndef SKULK_EXEC_OP_SCAN_PRIVATE_H
#define SKULK_EXEC_OP_SCAN_PRIVATE_H

#include "exec/op_private.h"
#include "storage/codec.h"

#define NO_FIELD UINT32_MAX

/* Values of one tag, read as its column's type once a code. */
typedef struct TagReader {
    ColumnId column;
    TypeId type;
    const TypeDef *def;
    bool text;     /* the text itself is the value */
    Value *values; /* by code */
    uint8_t *known;
    uint32_t cap;
    uint32_t code; /* of the current series; 0: it has no such tag */
    Value value;
} TagReader;

typedef struct PruneValue {
    uint32_t field;
    bool is_int;
    int64_t i;
    double below, above; /* the constant, widened to the next doubles if it is not exact */
    char op[3];
} PruneValue;

typedef struct PushedFilter { /* field `op` constant: storage decides it on the encoded column */
    uint32_t field;
    CodecFilter test;
} PushedFilter;

/* A condition over the output columns, in its cheapest form. */
typedef struct SrcFilter {
    Expr *all; /* NULL: every row passes */
    PushedFilter *pushed;
    size_t pushed_count;
    Expr *rest;                   /* of it beside what is pushed; NULL: nothing */
    bool *all_reads, *rest_reads; /* output columns */
} SrcFilter;

typedef struct ScanSrc {
    Exec *x;
    Arena *arena; /* as long as the operator */
    const PlanScan *plan;
    const TableDef *table;
    SeriesIndex *idx;
    /* The plan's filter; for rows of series that lack a tag of a keyed column: with `recheck`. */
    SrcFilter strict, loose;
    const SrcFilter *filter; /* of the current series */
    bool none;               /* nothing can match */
    int64_t t_min, t_max;
    SeriesSet *set;    /* NULL = all series */
    ColumnId *columns; /* fields, each once */
    size_t column_count;
    uint32_t *field;       /* of each output column: index in columns, NO_FIELD */
    TagReader **tags;      /* of each output column: SCAN_TAG, else NULL */
    TagReader **keyed;     /* the same for keyed fields: the value if the series has the tag */
    ColumnId *tag_columns; /* of those that are not NULL */
    uint32_t *tag_codes;
    size_t tag_count;
    PruneValue *prunes;
    size_t prune_count;
    Scan *scan;
    ScanRun run;
    SeriesId series; /* whose tags the readers hold; 0 = none */
    uint64_t series_seen;
    uint64_t metered;     /* bytes that skulk.max_bytes knows of */
    ScanCounters counted; /* what EXPLAIN's counters already have */
} ScanSrc;

bool src_open(ScanSrc *s, Exec *x, const PlanScan *plan, Arena *arena, Err *e) MUST_CHECK;
bool src_start(ScanSrc *s, Err *e) MUST_CHECK; /* over x->slice, if set */
void src_close(ScanSrc *s);
void src_stop(ScanSrc *s);  /* another src_start may follow */
void src_count(ScanSrc *s); /* brings EXPLAIN's counters up to date */
/* SCAN_RUN: s->run; runs that the statistics rule out are left out. */
ScanStatus src_next(ScanSrc *s, Err *e);
/* Reads the tags of the run's series; *changed: it is another one than last time. */
bool src_series(ScanSrc *s, bool *changed, Err *e) MUST_CHECK;
bool src_tag_value(ScanSrc *s, TagReader *t, uint32_t code, Value *out, Err *e) MUST_CHECK;
TagReader *src_tag_reader(ScanSrc *s, ColumnId column, TypeId type);
/* Output column c of the run; flat or constant; memory of storage or of a. */
bool src_column(ScanSrc *s, size_t c, Vector *out, Arena *a, Err *e) MUST_CHECK;
bool src_keyed(const ScanSrc *s, size_t c); /* some series have output column c as a tag */
/* Marks the columns that an expression reads. */
void expr_columns(const Expr *x, bool *used, size_t n);
bool exec_const(Exec *x, const Expr *expr, Arena *a, Value *out, Err *e) MUST_CHECK;
bool prune_of(ScanSrc *s, const FieldPrune *f, Err *e) MUST_CHECK;
bool src_pruned(ScanSrc *s);
void filter_make(ScanSrc *s, SrcFilter *f, const Expr *condition, const Expr *more);
/* Chooses rows of the run in b as far as storage can decide; *left is the condition that is still
 * to be looked at (NULL: none) and *reads its columns. */
bool src_filter(ScanSrc *s, Batch *b, Arena *a, const Expr **left, const bool **reads,
                Err *e) MUST_CHECK;
bool src_select_tags(ScanSrc *s, Err *e) MUST_CHECK;

/* Reads the range of a source bucket by bucket from one of its ends, for those who need only the
 * first buckets: t_min and t_max of the source become one slab of whole buckets after the other,
 * each twice as long as the one before. */
typedef struct BucketWalk {
    bool on, desc;
    int64_t want;      /* groups: with so many the walk may end */
    int64_t low, high; /* what is left of the range */
    const SeriesKey *bucket;
    __int128 span; /* of the next slab, ns */
} BucketWalk;
/* The bucket that holds t: its first ns, and the first ns behind it; both clamped. */
int64_t bucket_of(const SeriesKey *k, int64_t t, int64_t *end);
void walk_begin(BucketWalk *w, ScanSrc *s, const SeriesKey *bucket, int64_t want, bool desc);
bool walk_next(BucketWalk *w, ScanSrc *s); /* false: nothing is left */

/* How a scan is cut over the pool. */
typedef struct ScanSpread {
    SeriesSet *set;
    size_t pieces; /* 1: not worth it */
} ScanSpread;
bool scan_spread(Op *op, const PlanScan *plan, ScanSpread *out, Err *e) MUST_CHECK;
/* work_per_row: values that are looked at for a row; far below 1 when statistics answer. */
void src_spread(const ScanSrc *s, double work_per_row, ScanSpread *out);
void scan_spread_free(ScanSpread *s);

/* The same in smaller pieces, for rows that leave in their order: morsel i of slices * cuts. */
typedef struct ScanMorsels {
    SeriesSet *set;
    size_t workers;
    size_t slices, cuts;  /* slices 0: not worth it */
    int64_t t_min, t_max; /* that the cuts divide; the outer ones go on to the bounds */
} ScanMorsels;
bool scan_morsels(Exec *x, const PlanScan *plan, ScanMorsels *out, Err *e) MUST_CHECK;
void morsel_begin(const ScanMorsels *m, size_t i, Exec *x); /* sets what x scans */

/* A scan by pieces, in the order of one. */
typedef struct Gather Gather;
Gather *gather_start(Op *op, const ScanSpread *take_spread); /* lives in op->arena */
QueryStatus gather_next(Gather *g, Batch **out, Err *e);
void gather_close(Gather *g); /* NULL is fine */

#endif
