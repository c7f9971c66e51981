/* exec/query.h - running a plan: opened once, stepped by the owner's task, closed once.
 *
 * Nothing here blocks: query_next returns QUERY_WAIT (the waiter task is woken) or QUERY_YIELD
 * (its time slice is over; call again in the next step).  Parallel parts are tasks of their own.
 * Every operator looks at the cancel flag and its budget once per batch.
 * Threads: a Query belongs to one task at a time; query_cancel from any thread. */
#ifndef SKULK_EXEC_QUERY_H
#define SKULK_EXEC_QUERY_H

#include "exec/plan.h"
#include "exec/row_bytes.h"
#include "exec/row_file.h"

typedef enum QueryStatus {
    QUERY_BATCH,
    QUERY_END,
    QUERY_WAIT,
    QUERY_YIELD,
    QUERY_FAIL
} QueryStatus;

typedef struct GivenRows { /* of a WITH query that ran before */
    uint32_t cte;
    const RowFile *rows;
} GivenRows;

typedef struct QueryOptions {
    Snapshot *snapshot;     /* referenced; may be NULL for queries without tables */
    const EvalCtx *eval;    /* template: env, params, times, session; arenas are the query's own */
    Budget *budget;         /* parent budget (query pool) */
    int64_t memory_max;     /* of this query; 0 = default */
    int64_t scan_bytes_max; /* that it may read of tables; 0 = no limit */
    Sched *sched;
    Task *waiter;
    uint64_t group; /* scheduling group: the session */
    int parallel_max; /* 0 = workers; below 0: so many pieces' worth, however small the work (tests) */
    struct SpillSpace *spill; /* exec/spill.h; NULL: no temporary files, 53200 instead */
    const GivenRows *given;   /* borrowed */
    size_t given_count;
    bool analyze;        /* collect counters */
    int64_t deadline_ns; /* of the clock: long evaluations end then; 0 = none */
    /* The rows are wanted as these bytes: a scan that is worth it writes them in its pieces, and
     * query_bytes() takes the place of query_next().  Lives as long as the query; NULL: no. */
    const RowForm *form;
} QueryOptions;

typedef struct Query Query;

bool query_open(Query **out, const PlannedQuery *plan, const QueryOptions *o, Err *e) MUST_CHECK;
/* *out lives until the next call. */
QueryStatus query_next(Query *q, Batch **out, Err *e);
bool query_writes(const Query *q); /* by query_bytes */
/* The next rows, in the order of query_next: bytes moved into *out, which was empty. */
QueryStatus query_bytes(Query *q, Buf *out, uint64_t *rows, Err *e);
void query_cancel(Query *q); /* the next step fails with CANCELED */
void query_set_waiter(Query *q, Task *t);
/* Which series (NULL = all; a reference) and times the scan would read now; none: no row can match.
 * Only tags and time are looked at. */
bool query_scan_range(Query *q, const PlanScan *plan, SeriesSet **series, int64_t *t_min,
                      int64_t *t_max, bool *none, Err *e) MUST_CHECK;
/* Of tables, by its scans; counted if it is analyzed. */
uint64_t query_rows_read(const Query *q);
void query_close(Query *q);
/* Blocking, before sched_stop: parallel pieces of closed queries that still stand in a run queue get their last
 * turn (they touch nothing of the query).  Gives up after a second. */
void query_drain(Sched *sched);
void query_drain_count(int by); /* what else it waits for: promql/node_spread.c */

/* ---- EXPLAIN: PostgreSQL's layouts and keys ---- */
typedef enum ExplainFormat { EXPLAIN_TEXT, EXPLAIN_JSON, EXPLAIN_YAML, EXPLAIN_XML } ExplainFormat;
typedef struct ExplainPart { /* a statement that runs before: WITH w AS (DELETE ...) */
    Slice name;
    PlannedQuery plan;
    const Query *run; /* as plan_explain()'s */
    uint64_t returned;
} ExplainPart;

typedef struct ExplainOptions {
    ExplainFormat format;
    bool analyze, verbose, costs, timing, summary;
    bool buffers;                      /* bytes: read, of memory, on disk */
    Slice settings;                    /* "search_path = 'x', ..." */
    int64_t planning_ns, execution_ns; /* for the summary; the latter when it was run */
    uint64_t returned;                 /* rows that a statement that writes handed out */
    const ExplainPart *parts;
    size_t part_count;
} ExplainOptions;
/* run: the query when the plan was run with counters, or NULL. */
void plan_explain(Buf *out, const PlannedQuery *plan, const Query *run, const ExplainOptions *o);

#endif
