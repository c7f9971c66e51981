/* exec/op_private.h - what operators share: their table, the state of a running query, stored rows.
 *
 * An operator is a struct that begins with Op, and one OpDef {open, next, close}.  next hands out a
 * batch that lives until its next call, or END, WAIT, YIELD, FAIL; whatever it was in the middle of
 * stays in its struct, so that it goes on when called again.  op_next() wraps every call: cancel flag,
 * memory budget, time slice, pg_sleep, counters; so operators only loop over their input.
 * Memory: op->arena lives until close, op->scratch is reset by the operator when it makes a new
 * batch.  Before evaluating, an operator points ctx.scratch at its own: op_ctx().
 * To add an operator: exec/plan.h says how; its row goes into op_table[] of query.c.
 * Threads: an Op and its Exec belong to one task. */
#ifndef SKULK_EXEC_OP_PRIVATE_H
#define SKULK_EXEC_OP_PRIVATE_H

#include "exec/hashtable.h"
#include "exec/query.h"
#include "exec/row_file.h"
#include "exec/spill.h"

typedef struct Op Op;
typedef struct Exec Exec;

/* ---- counters of EXPLAIN ANALYZE: one per plan node and task ---- */
typedef struct OpStats {
    const Plan *plan;
    uint64_t loops, rows, batches, removed; /* removed: by the filter */
    int64_t ns, first_ns;                   /* with everything below; to the first batch */
    int64_t bytes_max;                      /* own memory */
    uint64_t spilled, parts;                /* bytes in temporary files, parts they were cut into */
    uint32_t pieces;                        /* parallel parts */
    uint64_t series, stat_runs, runs;       /* series aggregation: answered from statistics */
    Slice told;                             /* set-returning function: its own lines */
    ScanCounters scan;
} OpStats;

/* ---- operators ---- */
typedef struct OpDef {
    const char *name;
    size_t size;
    bool (*open)(Op *op, Err *e);
    QueryStatus (*next)(Op *op, Batch **out, Err *e);
    void (*close)(Op *op); /* copes with a half-opened operator; children are closed by op_close */
} OpDef;

typedef struct Portions { /* op_portion.c: a batch handed out a few rows at a time */
    size_t limit;         /* rows of the next one; 0: batches are not cut */
    Batch *whole, part;   /* NULL: all of it was handed out */
    size_t at;            /* rows of whole that were handed out */
    uint16_t *sel;        /* of part; freed by op_close */
    size_t handed;        /* rows of the last one, until it is measured */
    int64_t handed_ns, handed_bytes;
} Portions;

struct Op {
    const OpDef *def;
    const Plan *plan;
    Exec *x;
    Op *child, *right; /* opened by the operator itself */
    OpStats *stats;    /* NULL: not counted */
    Arena arena, scratch;
    bool held; /* pg_sleep: the result of next waits */
    QueryStatus held_status;
    Batch *held_batch;
    Portions portions; /* of what it hands out */
};

bool op_open(Op **out, Exec *x, const Plan *plan, Err *e) MUST_CHECK;
QueryStatus op_next(Op *op, Batch **out, Err *e);
void op_close(Op *op);   /* NULL is fine */
EvalCtx *op_ctx(Op *op); /* evaluates into op->scratch from now on */
bool op_open_child(Op *op, Err *e) MUST_CHECK;
/* The operator of `parent` reads child: in portions, if its expressions may be expensive. */
void portions_init(Op *child, const Plan *parent);
void portions_begin(Op *op, Batch **batch); /* a batch of op's: the first portion takes its place */
bool portions_left(Op *op, Batch **out);    /* the next one */
void portions_measure(Op *op);              /* the last one has been worked on */

extern const OpDef op_scan, op_series_agg, op_virtual, op_function, op_values, op_filter,
    op_project;
extern const OpDef op_agg, op_sort, op_limit, op_distinct, op_join, op_apply, op_append, op_setop;
extern const OpDef op_cte_ref, op_recursive, op_project_set, op_window, op_result, op_gapfill,
    op_span, op_asof;

/* ---- rows kept in memory: dense flat batches of BATCH_ROWS, the last one partly filled ---- */
typedef struct RowStore {
    Arena arena;
    TypeId *types;
    size_t col_count;
    Batch **batches;
    size_t batch_count, batch_cap, last_cap; /* last_cap: rows that the last batch has room for */
    size_t rows;
} RowStore;

void store_init(RowStore *s, const TypeId *types, size_t n, Budget *budget);
void store_free(RowStore *s);
void store_clear(RowStore *s);
/* Deep copy of the selected rows of these columns. */
void store_add(RowStore *s, const Vector *cols, const uint16_t *sel, size_t n);
void store_add_batch(RowStore *s, const Batch *b);
void store_add_row(RowStore *s, const Value *row);
/* Rows from `row` on that lie in one batch, at most BATCH_ROWS, as a view; 0: no more. */
size_t store_view(const RowStore *s, size_t row, Batch *out, Arena *a);
/* Column of rows ids[0..n); ROW_NONE gives NULL.  Borrows strings from the store. */
#define ROW_NONE UINT32_MAX
void store_gather(const RowStore *s, size_t col, const uint32_t *ids, size_t n, Vector *out,
                  Arena *a);
Value store_get(const RowStore *s, size_t col, size_t row);

/* ---- memory that runs short (op_spill.c) ---- */
/* Should an operator that holds `own` bytes, and may take `more` with the next batch, write them out? */
bool spill_due(const Query *q, size_t own, size_t more);

/* Rows cut by a hash into parts of one temporary file.  Each part gives its rows back in the order in which
 * they came.  `level`: parts of parts are cut by other bits of the hash. */
typedef struct SpillParts SpillParts;
enum { SPILL_LEVEL_MAX = 12 };
bool parts_open(SpillParts **out, Query *q, const TypeId *types, size_t n, uint32_t level,
                Err *e) MUST_CHECK;
void parts_close(SpillParts *p); /* NULL is fine */
/* The selected rows of these columns; hashes[i] is that of the i-th, NULL: all rows go to one part. */
bool parts_add(SpillParts *p, const Vector *cols, const uint16_t *sel, size_t n,
               const uint64_t *hashes, Err *e) MUST_CHECK;
bool parts_end(SpillParts *p, Err *e) MUST_CHECK; /* no more rows come */
size_t parts_count(const SpillParts *p);
uint64_t parts_rows(const SpillParts *p, size_t part);
uint64_t parts_bytes(const SpillParts *p);
uint32_t parts_level(const SpillParts *p);
/* Block *block of the part, and moves to the next; no rows: the end.  Lives in a. */
bool parts_get(SpillParts *p, size_t part, size_t *block, Batch *out, Arena *a, Err *e) MUST_CHECK;

/* Parts to work on, one after the other: of one or several files that were cut in the same way.  A part that is
 * too large for memory is cut once more and pushed: its parts come next. */
typedef struct PartLevel PartLevel;
typedef struct PartWalk {
    Query *query;
    PartLevel *top; /* NULL: none */
    size_t file, block;
    uint64_t parts; /* so far */
    Arena arena;
} PartWalk;
void partwalk_init(PartWalk *w, Query *q);
void partwalk_free(PartWalk *w);
/* Files of one level, all ended. */
void partwalk_push(PartWalk *w, SpillParts *const *take_files, size_t count);
bool partwalk_next(
    PartWalk *w); /* to the next part that has rows in any file; false: there is none */
uint64_t partwalk_rows(const PartWalk *w, size_t file);
uint32_t partwalk_level(const PartWalk *w);
/* The next rows of the part, file after file; none: its end.  Live until the next call. */
bool partwalk_batch(PartWalk *w, Batch *out, Err *e) MUST_CHECK;
/* Rows of one file of the part, at a place of the caller's. */
bool partwalk_get(PartWalk *w, size_t file, size_t *block, Batch *out, Arena *a, Err *e) MUST_CHECK;

/* Rows that are read again while more are added; they go to a file when the query's memory is short. */
RowFile *rowfile_new_query(Query *q, const TypeId *types, size_t n);

/* ---- vectors ---- */
/* Appends selected rows of src to the flat dst at `at` (room for cap rows); deep = NULL borrows. */
void col_append(Vector *dst, size_t at, size_t cap, const Vector *src, const uint16_t *sel,
                size_t n, Arena *deep);
void vec_gather(Vector *out, const Vector *src, const uint16_t *rows, size_t n,
                Arena *a); /* flat, borrows */
void vec_row_const(Vector *out, const Vector *src, size_t row,
                   Arena *a); /* one row as a constant, borrows */
void vec_null_const(Vector *out, TypeId type);
Batch *batch_new(Arena *a, size_t col_count);
/* A copy of the selected rows takes its place: deep, so it does not depend on where they came from. */
void batch_own(Batch *b, Arena *a);
/* Keeps selected rows [skip, skip + n). */
void batch_cut(Batch *b, size_t skip, size_t n, Arena *a);
extern const uint16_t row_ident[BATCH_ROWS]; /* 0, 1, 2, ... */

/* ---- sorting ---- */
typedef struct Sorter Sorter;
typedef struct SorterSpec {
    const TypeId *types; /* of the rows */
    size_t col_count;
    const TypeId *key_types;
    const bool *desc, *nulls_first;
    size_t key_count;
    int64_t limit; /* only so many rows are needed; -1 = all */
    const uint32_t
        *key_cols; /* key k is this column of the rows (ROW_NONE: it is not); may be NULL */
    Query *query;  /* its memory, and where to write beyond it */
    size_t share;  /* so many sorters merge at the same time; 0: this one */
} SorterSpec;
Sorter *sorter_new(const SorterSpec *spec);
void sorter_free(Sorter *s);
/* keys: vectors over the rows of b. */
void sorter_add(Sorter *s, const Batch *b, const Vector *keys);
/* Work that adding left behind (a run to sort, rows to write out): call until QUERY_BATCH; QUERY_YIELD:
 * one piece of it is done.  Also after the last add, with `last`, before sorter_next. */
QueryStatus sorter_settle(Sorter *s, bool last, Err *e);
/* *rows = 0: end; stable order.  Lives until the next call. */
bool sorter_next(Sorter *s, Batch *out, size_t *rows, Arena *a, Err *e) MUST_CHECK;
uint64_t sorter_spilled(const Sorter *s); /* bytes, each as often as it was written */
size_t sorter_bytes(const Sorter *s);     /* in memory */

/* ---- aggregate states of many groups ---- */
typedef struct GroupShape {
    size_t key_count;
    const AggCall *calls;
    size_t call_count;
    TypeId *types; /* of the keys, then T_BYTEA for the saved states */
} GroupShape;
typedef struct AggSlot {
    const AggCall *call;
    const AggDef *def;
    AggCtx ctx;
    size_t offset;   /* of its state in a group */
    HashTable *seen; /* DISTINCT: (group, arguments) */
    Sorter *sorter;  /* rows that wait for their order: (group, arguments) */
    bool moving;     /* what was seen goes to the sorter: so many have */
    size_t moved;
    bool dedupe;      /* DISTINCT by order: neighbours in the sorter that are equal count once */
    Batch sorted;     /* what comes out of the sorter, */
    size_t sorted_at; /* its first row that no state has, */
    bool sorted_end;  /* and no more follows */
    Batch before;     /* the last row of the batch before, for dedupe */
    Arena sorted_arena, before_arena;
    uint32_t stats_field; /* series aggregate: the scan's field whose statistics can answer */
} AggSlot;
typedef struct AggSet {
    Exec *x;
    Arena arena, states;
    Arena late; /* what states take while groups are handed out */
    Arena *scratch;
    AggSlot *slots;
    size_t slot_count, call_count, state_size; /* slots that are set up; that there will be */
    char **groups;
    size_t group_count, group_cap;
    bool single; /* there is one group only: rows are not sorted by it */
    bool feeding;
    size_t fed; /* groups whose sorted rows have all been taken */
} AggSet;
bool aggset_init(AggSet *s, Exec *x, const GroupShape *shape, Arena *scratch, Err *e) MUST_CHECK;
void aggset_free(AggSet *s);
void aggset_clear(AggSet *s); /* no groups */
void aggset_grow(AggSet *s, size_t group_count);
size_t aggset_bytes(const AggSet *s);
size_t aggset_growth(const AggSet *s, size_t n); /* bytes more, while its arrays grow, for n rows */
uint64_t aggset_spilled(const AggSet *s);        /* bytes, by sorters */
/* Row r of b goes to group ids[r]; ids = NULL: all to `one`. */
bool aggset_update(AggSet *s, const Batch *b, const uint32_t *ids, uint32_t one, Err *e) MUST_CHECK;
bool aggset_update_slot(AggSet *s, AggSlot *slot, const Batch *b, const uint32_t *ids, uint32_t one,
                        Err *e) MUST_CHECK;
bool aggset_merge(AggSet *into, uint32_t group, AggSet *from, uint32_t from_group,
                  Err *e) MUST_CHECK;
/* States as bytes; loaded into a group that is new or has values of earlier rows. */
void aggset_save(AggSet *s, uint32_t group, Buf *out);
bool aggset_load(AggSet *s, uint32_t group, Slice bytes, Err *e) MUST_CHECK;
/* Memory is short: from now on rows of DISTINCT, and of states that keep their rows, go through sorters.
 * aggset_settle() comes before the next rows. */
void aggset_shrink(AggSet *s);
/* Lets the sorters write out what is too much; before the groups are handed out with `last`. */
QueryStatus aggset_settle(AggSet *s, bool last, Err *e);
/* Results of the groups from `begin` on: *n of them, at most BATCH_ROWS. */
QueryStatus aggset_output(AggSet *s, size_t begin, size_t *n, Vector *out, Arena *a, Err *e);
bool aggs_mergeable(const AggCall *calls, size_t n); /* partial states may be built in parallel */

/* ---- groups: keys and states, in memory or as rows (keys, saved states) in parts of files ---- */
typedef struct Groups {
    Exec *x;
    const GroupShape *shape;
    HashTable keys;
    AggSet set;
    Arena scratch;
    size_t flushed; /* on the way into a file */
} Groups;
/* The types of the keys are filled in by the caller. */
void group_shape(GroupShape *s, size_t keys, const AggCall *calls, size_t n, Arena *a);
bool groups_init(Groups *g, Exec *x, const GroupShape *shape, Err *e) MUST_CHECK;
void groups_free(Groups *g); /* also of a cleared struct */
void groups_clear(Groups *g);
size_t groups_bytes(const Groups *g);
bool groups_full(const Groups *g); /* memory is short */
/* The next groups from `at` on. */
QueryStatus groups_output(Groups *g, size_t at, Batch *out, Arena *a, Err *e);
/* Moves all groups into *to, which is opened if it is NULL; QUERY_BATCH: done. */
QueryStatus groups_flush(Groups *g, SpillParts **to, uint32_t level, Err *e);
bool states_put(SpillParts *to, AggSet *set, const Vector *keys, size_t key_count,
                const uint32_t *groups, size_t n, Err *e) MUST_CHECK;
typedef struct GroupMerge GroupMerge;
/* Files (some of them NULL) in the order of their rows; closed with it, also when it fails.  None: NULL. */
bool groups_merge_open(GroupMerge **out, Op *op, const GroupShape *shape, SpillParts **take_files,
                       size_t count, Err *e) MUST_CHECK;
void groups_merge_close(GroupMerge *m); /* NULL is fine */
QueryStatus groups_merge_next(GroupMerge *m, Batch *out, Arena *a, Err *e);
uint64_t groups_merge_parts(const GroupMerge *m);
size_t groups_merge_bytes(const GroupMerge *m);

/* ---- the state of a running query: one Exec per task ---- */
typedef struct CteState {
    const PlanCte *def;
    Op *op;
    RowFile *rows;
    bool started, done;
} CteState;
typedef struct WorkTable { /* of a recursive query whose step is running */
    uint32_t cte;
    RowFile *rows;
    struct WorkTable *outer;
} WorkTable;
typedef struct ViewCache { /* a system view is filled once a statement */
    const ViewDef *view;
    uint32_t wants_count;
    bool *wants;
    RowStore rows;
    struct ViewCache *next;
} ViewCache;

struct Exec {
    EvalCtx ctx;
    Query *query;
    Arena arena;
    Task *waiter;
    int64_t slice_end_ns;
    const atomic_bool *stop; /* of the gang; NULL in the query itself */
    struct Gang *gang;       /* this is a piece of it, or NULL */
    SeriesSet *slice;        /* a parallel piece scans only these */
    bool cut;                /* and only these times, ns */
    int64_t cut_min, cut_max;
    CteState *ctes;
    WorkTable *work;
    ViewCache *views;
    OpStats *stats;
    size_t stats_count;
};

typedef struct Gang Gang;
struct Query {
    Exec x;
    PlannedQuery plan;
    Snapshot *snapshot;
    Budget budget;
    Sched *sched;
    uint64_t group;
    int parallel_max;
    SpillSpace *spill;      /* NULL: no temporary files */
    int64_t scan_bytes_max; /* 0: no limit */
    _Atomic uint64_t scan_bytes;
    atomic_bool cancel;
    bool analyze;
    int64_t deadline_ns;
    const Clock *clock;
    Op *root;
    struct RowStream *stream; /* instead of root: pieces write the rows */
    Gang *gangs;              /* that run or wait */
    const GivenRows *given;
    size_t given_count;
};

void exec_setup(Exec *x, Query *q, const EvalCtx *ctx);
void exec_clear(Exec *x);
/* QUERY_BATCH: go on; else what to return. */
QueryStatus exec_tick(Exec *x, Err *e);
void exec_slice_begin(Exec *x);
OpStats *exec_stats(Exec *x, const Plan *plan);  /* NULL unless analyzing */
const Plan *plan_child(const Plan *p, size_t i); /* NULL: no more */
void scan_counters_add(ScanCounters *to, const ScanCounters *from);

/* ---- rows that leave as bytes: row_stream.c ---- */
typedef struct RowStream RowStream;
/* *out NULL: this plan is not for it, or too little work. */
bool stream_open(RowStream **out, Query *q, const RowForm *form, Err *e) MUST_CHECK;
QueryStatus stream_next(RowStream *s, Buf *out, uint64_t *rows, Err *e);
void stream_close(RowStream *s); /* NULL is fine */

/* ---- pieces of work on the pool ---- */
typedef struct GangDef {
    size_t piece_size;
    bool (*open)(Exec *x, void *piece, void *arg, size_t index, Err *e); /* in the piece's task */
    QueryStatus (*step)(Exec *x, void *piece, Err *e);                   /* END: done */
    void (*close)(void *piece);
} GangDef;
Gang *gang_start(Exec *parent, const GangDef *def, void *arg, size_t count);
QueryStatus gang_wait(Gang *g, Exec *parent, Err *e); /* QUERY_BATCH: all are done */
void *gang_piece(Gang *g, size_t i);
/* For pieces that hand over something on the way. */
void gang_lock(Gang *g);
void gang_unlock(Gang *g);
void gang_wake_owner(Gang *g);           /* locked */
void gang_wake_piece(Gang *g, size_t i); /* locked */
/* Locked: QUERY_WAIT: the owner will be woken; or QUERY_FAIL. */
QueryStatus gang_status(Gang *g, Exec *parent, Err *e);
/* The same, or QUERY_END: it has finished. */
QueryStatus gang_piece_status(Gang *g, size_t i, Exec *parent, Err *e);
size_t gang_count(const Gang *g);
void gang_close(Gang *g);                     /* pieces that run end their step first */
void gang_set_waiter(Query *q, Task *waiter); /* of all */

#endif
