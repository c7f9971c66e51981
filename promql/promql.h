/* promql/promql.h - PromQL: text to a tree, a tree to plans over series, results.
 *
 * Parse (re2c + Lemon, all of Prometheus 3's grammar), check types, then evaluate in steps: for each
 * series one vector over the evaluation steps (rollup kernels over decoded runs), folded at once into
 * its aggregation group.  One function table: pql_functions[].
 * Nothing blocks: pql_step returns PQL_WAIT or PQL_YIELD.
 * Not its business: HTTP, JSON, SQL (session/ binds those).
 * Threads: a PqlQuery belongs to one task. */
#ifndef SKULK_PROMQL_PROMQL_H
#define SKULK_PROMQL_PROMQL_H

#include "exec/query.h"

typedef struct PqlExpr PqlExpr;
typedef struct PqlQuery PqlQuery;

enum {
    PQL_TEXT_MAX = 1 << 20,
    PQL_DEPTH_MAX = 500,
    PQL_STEPS_MAX = 11000,
    PQL_SAMPLES_MAX = 50000000,
    PQL_ANNOTATIONS_MAX = 10
};

typedef enum PqlType { PQL_NONE, PQL_SCALAR, PQL_STRING, PQL_VECTOR, PQL_MATRIX } PqlType;

/* Errors: SYNTAX (bad_data) with the position; text as Prometheus: `1:5: parse error: ...`.
 * features: comma separated names or "all", NULL = none. */
bool pql_parse(Arena *a, Slice text, const char *features, PqlExpr **out, Err *e) MUST_CHECK;
PqlType pql_type(const PqlExpr *x);
void pql_print(Buf *out, const PqlExpr *x);  /* in one line; parses back to the same tree */
void pql_pretty(Buf *out, const PqlExpr *x); /* format_query: long ones over several lines */
/* A line a node; with what it gave and read, if the query was run (q not NULL). */
void pql_explain(Buf *out, const PqlExpr *x, const PqlQuery *q);
void pql_put_tree(Buf *out, const PqlExpr *x); /* parse_query: JSON */

/* Whose rights count.  A table that is named by __name__ and may not be read is an error, others are as
 * if they were not there.  Column NULL: the whole table; a field: the series with that field alone. */
typedef struct PqlRights {
    bool (*may_read)(void *arg, const CatalogSnap *cat, const TableDef *t, const ColumnDef *column,
                     Err *e); /* NULL: all */
    void *arg;
} PqlRights;

typedef struct PqlRequest {
    Snapshot *snapshot;        /* referenced */
    ObjectId database, schema; /* metrics are the tables of this schema */
    bool range;                /* else instant at start_ms */
    int64_t start_ms, end_ms, step_ms;
    int64_t lookback_ms; /* 0 = 300000 */
    int64_t
        deadline_mono_ns; /* 0 = none: fails with CANCELED, "query timed out in expression evaluation" */
    uint64_t samples_max; /* 0 = PQL_SAMPLES_MAX: LIMIT_EXCEEDED */
    Budget *budget;
    Sched *sched;
    Task *waiter;
    uint64_t group;
    const Clock *clock;
    const char *features;
    PqlRights rights;
    bool tally; /* samples are counted for pql_tally() */
} PqlRequest;

typedef enum PqlStatus { PQL_DONE, PQL_WAIT, PQL_YIELD, PQL_FAIL } PqlStatus;

typedef struct PqlLabel {
    Slice name, value;
} PqlLabel;

typedef struct PqlSeries {
    const PqlLabel *labels; /* sorted by name, __name__ included when kept */
    size_t label_count;
    const int64_t *t_ms;
    const double *v;
    const struct Histogram *const *h; /* where one stands, it is the value; NULL: none */
    size_t count;
} PqlSeries;

typedef struct PqlResult {
    PqlType type; /* instant: SCALAR, STRING, VECTOR (count = 1 each), MATRIX; range: MATRIX */
    const PqlSeries
        *series; /* range: sorted by labels; instant: in the order of the query (sort, topk) */
    size_t count;
    Slice string; /* STRING */
    double scalar;
    int64_t t_ms;
    const Slice *warnings, *infos;
    size_t warning_count, info_count;
} PqlResult;

bool pql_open(PqlQuery **out, const PqlExpr *x, const PqlRequest *r,
              Err *e) MUST_CHECK;          /* the tree must live as long */
PqlStatus pql_step(PqlQuery *q, Err *e);   /* about 10 ms of work */
void pql_cancel(PqlQuery *q);              /* from any thread */
void pql_set_waiter(PqlQuery *q, Task *t); /* whom PQL_WAIT wakes */
/* What a step looked at, after PQL_DONE: false beyond the last one, or if it was not asked for. */
bool pql_tally(const PqlQuery *q, size_t step, int64_t *t_ms, uint64_t *samples);
uint64_t pql_samples(
    const PqlQuery *q); /* read, of storage and of subqueries: what samples_max limits */
const PqlResult *pql_result(PqlQuery *q); /* after PQL_DONE; lives as long as the query */
void pql_close(PqlQuery *q);

/* ---- metadata: selectors against series ---- */
typedef struct PqlMatcher PqlMatcher; /* parsed selector */
/* A bare selector such as {job="a"} or up; BAD: SYNTAX. */
bool pql_parse_selector(Arena *a, Slice text, PqlMatcher **out, Err *e) MUST_CHECK;
bool pql_matches_all(const PqlMatcher *m); /* each of its matchers takes the empty value */
/* Whose series are listed: those that any of the selectors matches (none: all) and that have rows which may
 * lie in [start, end]. */
typedef struct PqlListing {
    Snapshot *snapshot;
    PqlRights rights;
    ObjectId schema;
    PqlMatcher *const *m;
    size_t n;
    int64_t start_ms, end_ms;
    Buf *asked; /* NULL, or: TableId of each table whose series were asked for, appended */
} PqlListing;
/* Calls each() with the labels of every series (canonical names only); stops when it returns false. */
bool pql_series(const PqlListing *l, bool (*each)(void *arg, const PqlLabel *labels, size_t count),
                void *arg, Err *e) MUST_CHECK;
/* Canonical metric names with how many series they have: each table's, in no order; one that two tables claim
 * comes once. */
typedef bool PqlMetricFn(void *arg, const TableDef *t, Slice name, size_t series);
bool pql_metrics(const PqlListing *l, PqlMetricFn *each, void *arg, Err *e) MUST_CHECK;
/* Of one table, by time alone; a reference. */
SeriesSet *pql_alive(const PqlListing *l, const TableDef *t);
uint64_t pql_alive_mark(const PqlListing *l, TableId table); /* as of snapshot_series_mark */

/* ---- samples as they are stored (promql/raw.c) ---- */
enum { PQL_SELECTORS_MAX = 100 };
typedef struct PqlRawRequest {
    Snapshot *snapshot;
    ObjectId schema;
    PqlRights rights;
    int64_t start_ms, end_ms; /* inclusive */
    const char
        *text_column; /* a text beside each value, e.g. the labels of exemplars; NULL = none */
    Budget *budget;
    Task *waiter;
} PqlRawRequest;
typedef struct PqlRawSeries {
    const PqlLabel *labels; /* by name */
    size_t label_count;
    const int64_t *t_ms;              /* ascending */
    const double *v;                  /* staleness markers included */
    const struct Histogram *const *h; /* where one stands, it is the value; NULL: none */
    const Slice *text;
    size_t count;
} PqlRawSeries;
typedef struct PqlRaw PqlRaw;
/* Series that any of the selectors matches, each once. */
bool pql_raw_open(PqlRaw **out, const PqlRawRequest *r, PqlMatcher *const *m, size_t n,
                  Err *e) MUST_CHECK;
/* PQL_YIELD: *out is the next series, valid until the next call; PQL_DONE: that were all. */
PqlStatus pql_raw_next(PqlRaw *w, PqlRawSeries *out, Err *e);
void pql_raw_close(PqlRaw *w);
typedef struct PqlTarget { /* a metric with what was selected of it; lives as long as the PqlRaw */
    const TableDef *table;
    SeriesSet *series;
    ColumnId number, hist; /* its columns; 0: it has none such */
} PqlTarget;
bool pql_raw_target(const PqlRaw *w, size_t i, PqlTarget *out); /* false: there are no more */
size_t pql_selectors(Arena *a, const PqlExpr *x, PqlMatcher *out[PQL_SELECTORS_MAX]);
int pql_labels_compare(const PqlLabel *a, size_t na, const PqlLabel *b, size_t nb);

/* For \df-like views: name, signature text. */
size_t pql_function_count(void);
void pql_put_plain(Buf *b, double v); /* shortest, never an exponent: scalars, count_values() */
void pql_put_histogram(Buf *b, const struct Histogram *h); /* JSON as in results of queries */
const char *pql_function_at(size_t i, const char **signature);

#endif
