/* promql/ast.h - the syntax tree of PromQL, checked: what the evaluator walks.
 *
 * Made by the grammar's actions (parse.c), typed and resolved by check.c.  Nodes and texts live in the
 * arena of pql_parse.  The table of functions is pql_functions[] (functions.c): to add one, add its row.
 * Threads: read-only after pql_parse. */
#ifndef SKULK_PROMQL_AST_H
#define SKULK_PROMQL_AST_H

#include "promql/promql.h"

typedef enum PqlKind {
    PX_NUMBER,
    PX_STRING,
    PX_VECTOR,   /* selector */
    PX_MATRIX,   /* args[0][range] */
    PX_SUBQUERY, /* args[0][range:step] */
    PX_CALL,
    PX_AGGREGATE, /* args[0] the vector, args[1] the parameter or absent */
    PX_BINARY,
    PX_UNARY,
    PX_PAREN,
} PqlKind;

typedef enum PqlMatchOp { PM_EQ, PM_NE, PM_RE, PM_NRE } PqlMatchOp;
typedef struct PqlLabelMatch {
    Slice name, value;
    PqlMatchOp op; /* a regular expression was compiled once by the parser: it cannot fail later */
    uint32_t begin, end;
} PqlLabelMatch;

typedef enum PqlOp {
    PO_ADD,
    PO_SUB,
    PO_MUL,
    PO_DIV,
    PO_MOD,
    PO_POW,
    PO_ATAN2,
    PO_EQ,
    PO_NE,
    PO_LT,
    PO_LE,
    PO_GT,
    PO_GE,
    PO_AND,
    PO_OR,
    PO_UNLESS,
    PO_TRIM_UPPER,
    PO_TRIM_LOWER,
} PqlOp;
static inline bool pql_op_compares(PqlOp op)
{
    return op >= PO_EQ && op <= PO_GE;
}
static inline bool pql_op_is_set(PqlOp op)
{
    return op >= PO_AND && op <= PO_UNLESS;
}
static inline bool pql_op_trims(PqlOp op)
{
    return op >= PO_TRIM_UPPER;
}
/* The result is the left sample, or what is left of it: its name stays. */
static inline bool pql_op_keeps_name(PqlOp op)
{
    return pql_op_compares(op) || pql_op_trims(op);
}

typedef enum PqlAgg {
    PA_SUM,
    PA_AVG,
    PA_COUNT,
    PA_MIN,
    PA_MAX,
    PA_GROUP,
    PA_STDDEV,
    PA_STDVAR,
    PA_TOPK, /* from here on with a parameter */
    PA_BOTTOMK,
    PA_QUANTILE,
    PA_COUNT_VALUES,
    PA_LIMITK, /* from here on experimental */
    PA_LIMIT_RATIO,
} PqlAgg;

typedef enum PqlCard {
    PC_ONE_TO_ONE,
    PC_MANY_TO_ONE, /* group_left */
    PC_ONE_TO_MANY, /* group_right */
} PqlCard;

typedef struct PqlNames {
    Slice *names;
    size_t count;
} PqlNames;

typedef enum PqlAt { PT_NONE, PT_TIME, PT_START, PT_END } PqlAt;

typedef struct PqlFill { /* fill(v), fill_left(v), fill_right(v) */
    bool left, right;
    double left_value, right_value;
} PqlFill;

struct PqlFunction;

struct PqlExpr {
    PqlKind kind;
    PqlType type;
    uint32_t begin, end; /* bytes in the query text, for messages */
    uint32_t depth;      /* of the tree below, from 1 */
    double number;       /* NUMBER */
    bool is_duration;    /* NUMBER written as 5m: printed so */
    Slice string;        /* STRING */
    /* VECTOR (a MATRIX has them in its vector), SUBQUERY */
    PqlLabelMatch *matches; /* __name__ included */
    size_t match_count;
    Slice metric; /* name before the braces; "" = none */
    bool offset_set;
    int64_t offset_ms;
    PqlAt at;
    int64_t at_ms;
    bool anchored, smoothed;
    bool matchers_only;        /* an argument of info(): may accept anything */
    int64_t range_ms, step_ms; /* MATRIX, SUBQUERY; step 0 = default */
    /* instead of the constants above: known when the query's step is (duration.c) */
    PqlExpr *range_expr, *step_expr, *offset_expr;
    /* CALL */
    const struct PqlFunction *func;
    /* AGGREGATE */
    PqlAgg agg;
    bool without, has_grouping;
    PqlNames grouping;
    /* BINARY: args[0] op args[1]; UNARY: op (ADD, SUB) args[0] */
    PqlOp op;
    uint32_t op_begin;
    bool return_bool;
    PqlCard card;
    bool on, has_matching; /* on(labels), else ignoring(labels) */
    PqlNames matching, include;
    PqlFill fill;
    PqlExpr **args;
    size_t arg_count;
    Slice text; /* the whole query; in the root only */
};

struct PqlMatcher { /* a selector without time */
    PqlLabelMatch *matches;
    size_t match_count;
    bool takes_empty; /* each takes a series without its label */
};

static inline const PqlExpr *pql_unparen(const PqlExpr *x)
{
    while (x->kind == PX_PAREN)
        x = x->args[0];
    return x;
}

/* ---- functions: one row each ---- */

/* Samples in (begin, end], ascending, stale markers left out. */
/* What min and max remember from step to step. */
typedef struct PqlMemo {
    bool valid;
    size_t best, seen; /* samples of the series: the best one, the end of those looked at */
} PqlMemo;

struct Histogram;
typedef struct PqlSample { /* a histogram, or else a number */
    double v;
    const struct Histogram *h;
} PqlSample;

/* What a tier keeps of the samples of [from, to), which are gone. */
typedef struct PqlBucket {
    int64_t from_ms, to_ms, first_ms, last_ms; /* the last two: of its samples */
    double count, sum, min, max, first, last, increase, resets;
} PqlBucket;

typedef struct PqlWindow {
    const int64_t *t_ms;
    const double *v;
    size_t count;
    const int64_t *h_ms; /* native histograms */
    const struct Histogram *const *h;
    size_t h_count;
    const int64_t *st_ms,
        *h_st_ms;    /* when what a sample counts began, 0 = not told; NULL: not asked for */
    Arena *arena;    /* of results that are histograms */
    unsigned *notes; /* WN_*, and the bits of HistNote << WN_SHIFT by HistOp */
    size_t first;    /* number of t_ms[0] within the series */
    PqlMemo *memo;
    int64_t begin_ms, end_ms; /* after offset and @ */
    int64_t now_ms;           /* the evaluation time */
    const PqlBucket *b;       /* before the samples; then begin and end are borders of buckets */
    size_t b_count;
    double share; /* of what the buckets count, where the range is shorter than one of them */
    double range_s;
    const double *params;    /* scalar arguments at this step */
    double *sorted;          /* room for count values */
    bool anchored, smoothed; /* samples may lie outside (begin, end] */
} PqlWindow;

/* A series of numbers and the windows (end - range, end] over it, one a step. */
typedef struct PqlSteps {
    const int64_t *t_ms;
    const double *v;
    size_t count;
    int64_t gap_ms;          /* between all neighbours; 0: to be found out */
    int64_t end_ms, step_ms; /* of the first window; from one to the next */
    size_t steps;
    int64_t range_ms;
    void *room;          /* for count values */
    const double *param; /* the first, at each step; NULL: there is none */
    int64_t offset_ms;   /* windows end so much before the step */
    double *out;
} PqlSteps;

enum {               /* what functions over a range have to tell */
       WN_MIXED = 1, /* numbers and histograms: no result */
       WN_NOT_COUNTER = 2,
       WN_NOT_GAUGE = 4,
       WN_IGNORED = 8,  /* histograms among numbers */
       WN_OVERLAP = 16, /* start times */
       WN_SHIFT = 8,    /* notes of HistOp o stand at WN_SHIFT * (1 + o) */
};

enum {
    PF_EXPERIMENTAL = 1,
    PF_KEEP_NAME = 2,
    PF_TIME = 4,      /* reads the evaluation time: never step-invariant */
    PF_COUNTER = 8,   /* tells when the metric's name is not that of a counter */
    PF_QUANTILE = 16, /* first parameter should be within [0, 1] */
    PF_ANCHORED = 32,
    PF_EACH = 4096,     /* `steps` looks at every sample of each window */
    PF_SMOOTHED = 64,   /* takes these modifiers */
    PF_DURATION = 256,  /* may stand in an expression of durations */
    PF_FACTORS = 128,   /* two parameters within (0, 1) */
    PF_STATS = 512,     /* of histograms only count and sum are asked for */
    PF_STARTS = 2048,   /* looks at the start times of samples */
    PF_MATCHERS = 1024, /* the second argument is a selector without a name */
};
enum { PF_ARGS_MAX = 5 };

struct PqlBuild; /* eval_private.h */
struct PqlNode;
typedef struct PqlFunction {
    const char *name, *signature, *text;
    PqlType result;
    PqlType args[PF_ARGS_MAX];
    uint8_t arg_count;
    int8_t
        optional; /* arguments at the end that may be left out; -1 = the last one any number of times (or never) */
    uint16_t flags;
    /* Exactly one of these; `window` may have `mixed` beside it: */
    double (*sample)(double v, const double *params); /* every value of a vector */
    double (*histogram)(const struct Histogram *h);   /* every histogram of a vector */
    /* over a range in which there are histograms; without it they are ignored */
    bool (*mixed)(const PqlWindow *w, PqlSample *out);
    bool (*window)(const PqlWindow *w,
                   double *out); /* over a range that is not empty; false: no result */
    struct PqlNode *(*build)(struct PqlBuild *b, const PqlExpr *call);
    /* beside `window`: all steps of a series at once, for plain numbers; false: no result at any */
    bool (*steps)(const PqlSteps *s);
    /* beside `window`: over a range that begins with buckets of tiers; NULL: it needs the samples */
    bool (*tier)(const PqlWindow *w, double *out);
    unsigned tier_parts; /* bits of TierPart (exec/tiers.h) that it looks at */
} PqlFunction;

extern const PqlFunction pql_functions[]; /* ends with name = NULL */
const PqlFunction *pql_function_find(Slice name);

const char *pql_op_text(PqlOp op);
const char *pql_agg_text(PqlAgg agg);
const char *pql_type_text(PqlType t); /* "instant vector" */
bool pql_feature(const char *features, const char *name);
/* "1:5: parse error: ..." at byte `at` of the text; returns false. */
bool pql_error(Slice text, uint32_t at, Err *e, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* "(line:column)" of a byte. */
void pql_line_column(Slice text, uint32_t at, int *line, int *column);

#endif
