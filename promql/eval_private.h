/* promql/eval_private.h - the evaluator: a tree of nodes, each hands up one series at a time.
 *
 * A node is evaluated over a grid of steps (the query's, or a subquery's).  next() gives the next
 * series as one dense vector of values over the grid; a missing value is pql_absent(), the bits of
 * the staleness marker, which no operation can produce.  The vector belongs to the node until the
 * next call, and the caller may write into it.  Nodes that need all their input first (matching,
 * topk, sort) keep what they have got: next() may say WAIT or YIELD at any time and is called again.
 * Labels: arrays live until the next call, names and values as long as the query.
 *
 * Range nodes (a selector with a range, a subquery) give the samples of a series instead; the
 * window node above moves over them, without a search per step. */
#ifndef SKULK_PROMQL_EVAL_PRIVATE_H
#define SKULK_PROMQL_EVAL_PRIVATE_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/regex.h"
#include "promql/ast.h"
#include "promql/hist.h"
#include <math.h>

#define PQL_STALE_BITS       UINT64_C(0x7ff0000000000002)
#define PQL_LOOKBACK_MS      300000
#define PQL_SUBQUERY_STEP_MS 60000

static inline bool pql_missing(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    return bits == PQL_STALE_BITS;
}
static inline double pql_absent(void)
{
    uint64_t bits = PQL_STALE_BITS;
    double v;
    memcpy(&v, &bits, 8);
    return v;
}

/* ---- grids and series ---- */
typedef struct Grid {
    int64_t start, step;
    size_t count;
} Grid;
static inline int64_t grid_at(const Grid *g, size_t i)
{
    return g->start + (int64_t)i * g->step;
}

typedef struct Labels {
    const PqlLabel *items; /* by name; no empty values */
    size_t count;
} Labels;

typedef struct Series {
    Labels labels;
    bool drop_name;             /* delayed: the name goes at the very end */
    double *v;                  /* of the grid */
    const Histogram **h;        /* of the grid; a value beside one is absent.  NULL: none */
    const struct Group *folded; /* of a part of an aggregation (node_agg.c); else NULL */
} Series;

typedef struct RangeSeries {
    Labels labels;
    bool drop_name;
    const int64_t *t_ms;
    const double *v;
    size_t count;
    int64_t gap_ms;      /* between all neighbours; 0: not known */
    const int64_t *h_ms; /* native histograms, with times of their own */
    const Histogram **h;
    size_t h_count;
    const int64_t *st_ms, *h_st_ms; /* start times; NULL: not asked for */
    const PqlBucket *b;             /* of samples that are gone, before all others */
    size_t b_count;
    const struct SourceTiers *tiers; /* whose buckets; NULL: nothing is gone */
} RangeSeries;

static inline const Histogram *series_hist(const Series *s, size_t i)
{
    return s->h ? s->h[i] : NULL;
}
static inline bool series_missing(const Series *s, size_t i)
{
    return pql_missing(s->v[i]) && !series_hist(s, i);
}

typedef enum NdStatus { ND_SERIES, ND_END, ND_WAIT, ND_YIELD, ND_FAIL } NdStatus;

typedef struct PqlNode PqlNode;
typedef struct Feed Feed;
typedef struct Tally Tally;
typedef struct TallyPlace { /* where in the query a node's steps stand (tally.c) */
    uint64_t times;         /* counts so often */
    bool every;             /* for each step of the query */
    bool inside;            /* a subquery: its steps are none of the query's */
} TallyPlace;
typedef struct NodeDef {
    NdStatus (*next)(PqlNode *n, Series *out, Err *e);
    NdStatus (*next_range)(PqlNode *n, RangeSeries *out, Err *e);
    void (*close)(PqlNode *n); /* may be NULL */
} NodeDef;

struct PqlNode {
    const NodeDef *def;
    PqlQuery *q;
    const PqlExpr *x;
    Grid grid;
    TallyPlace place;
    PqlNode *older;
    uint64_t series, samples, runs; /* given; read and in how many runs: for EXPLAIN ANALYZE */
    bool
        one_name; /* all its series have the same metric name, or none: dropping it cannot collide */
    Feed *feed;   /* each of its series comes from one of these alone; NULL: not so */
    bool reads_more; /* an argument has a selector of its own */
    bool constant;   /* a literal */
};

typedef struct Annotations {
    Slice *items;
    size_t count;
} Annotations;

struct PqlQuery {
    PqlRequest r;
    PqlQuery *top; /* itself, or whose part this is (node_spread.c) */
    const PqlExpr *x;
    const Clock *clock;
    Arena arena;
    Budget budget;
    Grid grid;
    int64_t end_ms;
    bool delayed_names, start_times;
    PqlNode *root, *nodes;
    _Atomic uint64_t samples; /* of all parts */
    Tally *tally;             /* of the whole; NULL: not asked for */
    int64_t slice_end_ns;
    atomic_bool canceled;
    Annotations warnings, infos;
    /* the result, while it is gathered */
    PqlSeries *series;
    size_t series_count, series_cap;
    bool done;
    PqlResult result;
};

static inline NdStatus nd_next(PqlNode *n, Series *out, Err *e)
{
    NdStatus st = n->def->next(n, out, e);
    n->series += st == ND_SERIES;
    return st;
}
static inline NdStatus nd_next_range(PqlNode *n, RangeSeries *out, Err *e)
{
    NdStatus st = n->def->next_range(n, out, e);
    n->series += st == ND_SERIES;
    return st;
}

/* ---- eval.c ---- */
typedef struct PqlBuild {
    PqlQuery *q;
    Grid grid;
    TallyPlace place;
    Err *e;
    bool stats;                  /* only count and sum of histograms are asked for */
    bool starts;                 /* start times of samples are */
    bool presence;               /* only whether a step has a value is asked for */
    unsigned tier_parts;         /* what a range needs of tiers where samples are gone; 0: these */
    const char *asked_by;        /* who needs it, for messages */
    struct Sources *take_series; /* of the one selector: a part of what its matchers choose */
} PqlBuild;
PqlNode *pql_build(PqlBuild *b,
                   const PqlExpr *x); /* NULL: failed; wraps what does not change with the step */
PqlNode *pql_node_new(PqlBuild *b, size_t size, const NodeDef *def, const PqlExpr *x);
/* For who takes all series of x: those of a selector are evaluated on all cores. */
PqlNode *pql_build_all(PqlBuild *b, const PqlExpr *x);
/* node_spread.c; n was built last, NULL is handed on. */
PqlNode *pql_spread(PqlBuild *b, PqlNode *n);
bool pql_can_spread(const PqlBuild *b, const PqlNode *n);
/* Of an aggregation whose parts fold what they read.  How it is cut has nothing to do with the number of cores: so
 * sums have the same bits everywhere. */
PqlNode *pql_spread_folds(PqlBuild *b, PqlNode *n);
void pql_query_init(PqlQuery *q, const PqlRequest *r, const PqlExpr *x);
void pql_query_clear(PqlQuery *q);                  /* nodes, snapshot, memory */
bool pql_may_go_on(PqlQuery *q, Err *e) MUST_CHECK; /* begins a time slice */
bool pql_pause(const PqlQuery *q);                  /* the time slice is over */
bool pql_count_samples(PqlQuery *q, size_t n, Err *e) MUST_CHECK;
bool pql_invariant(const PqlExpr *x);
void pql_annotate(PqlQuery *q, bool warning, uint32_t at, const char *fmt, ...) PRINTF_LIKE(4, 5);
void pql_annotate_as(PqlQuery *q, const PqlQuery *part);     /* what a part of it told */
double *pql_vector_new(PqlQuery *q, const Grid *g);          /* all absent */
const Histogram **pql_hists_new(PqlQuery *q, const Grid *g); /* none */
/* What operations on histograms noted, bits of HistNote; `at`: of the operand. */
typedef enum HistOp { HO_ADD, HO_SUB, HO_AGG } HistOp;
void pql_tell_notes(PqlQuery *q, unsigned notes, HistOp op, Slice metric, uint32_t at);
int64_t pql_at_ms(const PqlQuery *q, const PqlExpr *x);

/* ---- duration.c: lengths of time, constant or computed ---- */
bool pql_check_durations(const PqlQuery *q, const PqlExpr *x,
                         Err *e) MUST_CHECK; /* of the whole tree, once */
int64_t pql_range_ms(const PqlQuery *q, const PqlExpr *x);
int64_t pql_step_ms(const PqlQuery *q, const PqlExpr *x); /* 0 = default */
int64_t pql_offset_ms(const PqlQuery *q, const PqlExpr *x);

/* A scalar argument, pulled once. */
typedef struct ScalarArg {
    PqlNode *node;
    const double *v; /* of the grid, once ready */
} ScalarArg;
NdStatus scalar_ready(ScalarArg *s, Err *e); /* ND_SERIES: s->v is there */

/* All series of a node, kept. */
typedef struct Gathered {
    Series *items;
    size_t count, cap;
    bool done;
} Gathered;
NdStatus gather(PqlNode *from, Gathered *g, Err *e); /* ND_END: all are there */
bool series_any(const Series *s, const Grid *g);
Series series_copy(Arena *a, const Series *s, const Grid *g);

/* ---- tally.c ---- */
void tally_open(PqlQuery *q);
void tally_vector(const PqlNode *n, const Series *s); /* what a selector found */
typedef struct TallyWindow {
    int64_t range_ms, offset_ms, at_ms;
    bool fixed; /* at at_ms, not at the step */
} TallyWindow;
void tally_range(const PqlNode *n, const RangeSeries *s, const TallyWindow *w);

/* ---- labels.c ---- */
enum { LABELS_NAME_DROPPED = 3 }; /* __name__ __type__ __unit__ */
void labels_sort(PqlLabel *items, size_t count);
Slice labels_get(const Labels *l, Slice name); /* "" if absent */
uint64_t labels_hash(const Labels *l);
bool labels_equal(const Labels *a, const Labels *b);
int labels_compare(const Labels *a, const Labels *b);
Labels labels_copy(Arena *a, const Labels *l);
Labels labels_drop_name(Arena *a, const Labels *l);
/* Only the names of the list; or all but these and (name too) the metric's name. */
Labels labels_keep(Arena *a, const Labels *l, const PqlNames *names);
Labels labels_omit(Arena *a, const Labels *l, const PqlNames *names, bool metric_too);
Labels labels_set(Arena *a, const Labels *l, Slice name, Slice value); /* "" removes */
void labels_print(Buf *b, const Labels *l);
bool describes_metric(Slice name); /* __name__ __type__ __unit__ */
bool labels_has_name(const Labels *l);
bool names_have(const PqlNames *n, Slice name);

/* A set of label sets, numbered from 0 in order of arrival. */
typedef struct LabelMap {
    Arena *arena;
    Labels *items;
    uint64_t *hashes;
    uint32_t *slots;
    size_t count, cap, slot_count;
} LabelMap;
void label_map_init(LabelMap *m, Arena *a);
uint32_t label_map_put(LabelMap *m, const Labels *l, bool *made); /* copies new ones */
bool label_map_find(const LabelMap *m, const Labels *l, uint32_t *index);

/* ---- names.c: selectors to tables, fields and series ---- */
typedef struct SourceField {
    ColumnId number, hist; /* 0 = none */
    Slice metric;          /* __name__ */
    Slice field;           /* __field__, "" = none */
} SourceField;
typedef struct SourceTag {
    ColumnId id;
    Slice label;
} SourceTag;
typedef struct Source {
    const TableDef *table;
    SourceField *fields;
    size_t field_count;
    SourceTag *tags; /* by label */
    size_t tag_count;
    ColumnId start; /* start times of samples, 0 = none */
    const struct SourceTiers
        *tiers;     /* the samples asked for begin in these (tier_read.h); or NULL */
    SeriesSet *set; /* owned */
} Source;
typedef struct Sources {
    Source *items;
    size_t count, cap;
    bool one_name;
} Sources;
typedef struct SourceScope {
    Arena *arena;
    Snapshot *snapshot;
    ObjectId schema;
    const PqlRights *rights;
} SourceScope;
bool sources_resolve(const SourceScope *scope, const PqlLabelMatch *m, size_t n, Sources *out,
                     Err *e) MUST_CHECK;
void sources_free(Sources *s);
/* What a selector reads: series, and samples in (after, until]. */
struct Feed {
    Sources sources;
    int64_t after_ms, until_ms;
};
/* Series [begin, end) of all, in their order; to be freed. */
Sources sources_range(Arena *a, const Sources *s, size_t begin, size_t end);
size_t sources_series(const Sources *s); /* how many */
/* Other labels are left out, but for those that describe the metric. */
void sources_keep_labels(Sources *s, const PqlNames *names);
/* Tiers keep something of samples that the scan asks for and that are gone: 22023. */
bool source_whole(const Source *s, const ScanSpec *spec, const char *asked_by, Err *e) MUST_CHECK;
int64_t pql_ns(int64_t ms, int64_t add); /* within what rows can have */
/* Labels of one series of a source; items has room for tag_count + 2. */
Labels source_labels(const Source *s, SeriesIndex *index, SeriesId id, const SourceField *f,
                     PqlLabel *items);

/* ---- node_select.c ---- */
typedef enum SelectorValue { SV_SAMPLE, SV_TIME, SV_START } SelectorValue;
PqlNode *build_selector(PqlBuild *b, const PqlExpr *x, SelectorValue value);
PqlNode *build_range(PqlBuild *b,
                     const PqlExpr *x); /* MATRIX or SUBQUERY, perhaps in parentheses */

/* ---- node_call.c ---- */
PqlNode *build_call(PqlBuild *b, const PqlExpr *x);
PqlNode *build_negate(PqlBuild *b, const PqlExpr *x);
PqlNode *build_number(PqlBuild *b, const PqlExpr *x);
PqlNode *build_expand(PqlBuild *b, const PqlExpr *x); /* step-invariant: evaluated once */
void nd_like(PqlNode *n, const PqlNode *child);       /* one series for each of the child's */
/* When `names` go and could collide: gathers and merges (strict: any collision is an error). */
PqlNode *build_merge(PqlBuild *b, PqlNode *from, bool strict);
PqlNode *build_time(PqlBuild *b, const PqlExpr *call);
PqlNode *build_timestamp(PqlBuild *b, const PqlExpr *call);
PqlNode *build_start_timestamp(PqlBuild *b, const PqlExpr *call);
PqlNode *build_present(PqlBuild *b, const PqlExpr *call);

/* ---- node_func.c, node_label.c, node_hist.c: rows of pql_functions[] that are nodes of their own ---- */
PqlNode *build_constant(PqlBuild *b, const PqlExpr *call); /* pi start end step range */
PqlNode *build_extreme(PqlBuild *b, const PqlExpr *call);  /* max_of min_of */
PqlNode *build_vector(PqlBuild *b, const PqlExpr *call);
PqlNode *build_scalar(PqlBuild *b, const PqlExpr *call);
PqlNode *build_absent(PqlBuild *b, const PqlExpr *call);
PqlNode *build_absent_over_time(PqlBuild *b, const PqlExpr *call);
PqlNode *build_label_replace(PqlBuild *b, const PqlExpr *call);
PqlNode *build_label_join(PqlBuild *b, const PqlExpr *call);
PqlNode *build_sort(PqlBuild *b, const PqlExpr *call);
PqlNode *build_sort_by_label(PqlBuild *b, const PqlExpr *call);
PqlNode *build_info(PqlBuild *b, const PqlExpr *call); /* node_info.c */
PqlNode *build_histogram_quantile(PqlBuild *b, const PqlExpr *call);
PqlNode *build_histogram_quantiles(PqlBuild *b, const PqlExpr *call);
PqlNode *build_histogram_fraction(PqlBuild *b, const PqlExpr *call);

/* ---- others ---- */
PqlNode *build_aggregate(PqlBuild *b, const PqlExpr *x); /* node_agg.c */
PqlNode *build_pick(PqlBuild *b,
                    const PqlExpr *x); /* node_pick.c: topk, quantile, count_values ... */
PqlNode *build_binary(PqlBuild *b, const PqlExpr *x); /* node_binary.c: at least one side scalar */
PqlNode *build_match(PqlBuild *b, const PqlExpr *x);  /* node_match.c: vector with vector */
double pql_arith(PqlOp op, double l, double r);       /* of the arithmetic operators */
bool pql_compare(PqlOp op, double l, double r);
/* Operators where a native histogram stands on at least one side. */
typedef struct HistOperands {
    double l, r;
    const Histogram *hl, *hr; /* NULL: the number counts */
} HistOperands;
/* False: there is no result (the operator does not fit, or a comparison does not hold).  *notes collects
 * HistNote bits, and HIST_MISFIT. */
enum { HIST_MISFIT = 1 << 16 };
bool pql_hist_operate(PqlOp op, const HistOperands *x, PqlSample *out, Arena *a, unsigned *notes);
void pql_tell_operator(PqlQuery *q, const PqlExpr *x, const HistOperands *last, unsigned notes);

/* ---- kernels ---- */
double pql_quantile(double q, double *sorted, size_t n);
void pql_sort_doubles(double *v, size_t n); /* NaN first */
static inline void kahan_add(double x, double *sum, double *c)
{
    double t = *sum + x;
    if (isinf(t))
        *c = 0;
    else if (fabs(*sum) >= fabs(x))
        *c += (*sum - t) + x;
    else
        *c += (x - t) + *sum;
    *sum = t;
}
#endif
