/* promql/ast.h - the syntax tree of PromQL, checked: what the evaluator walks.
 *
 * Made by the grammar, typed and resolved by check.c.  Nodes live in the arena of pql_parse.
 * Threads: read-only after pql_parse. */
#ifndef SKULK_PROMQL_AST_H
#define SKULK_PROMQL_AST_H

#include "promql/promql.h"

typedef enum PqlKind {
    PX_NUMBER, PX_STRING, PX_VECTOR /* selector */, PX_MATRIX /* selector[range] */, PX_SUBQUERY, PX_CALL, PX_AGGREGATE,
    PX_BINARY, PX_UNARY, PX_PAREN,
} PqlKind;

typedef enum PqlMatchOp { PM_EQ, PM_NE, PM_RE, PM_NRE } PqlMatchOp;
typedef struct PqlLabelMatch {
    Slice name, value;
    PqlMatchOp op; /* regexes were compiled once by the check: the evaluator's compile cannot fail */
} PqlLabelMatch;

typedef enum PqlOp {
    PO_ADD, PO_SUB, PO_MUL, PO_DIV, PO_MOD, PO_POW, PO_ATAN2,
    PO_EQ, PO_NE, PO_LT, PO_LE, PO_GT, PO_GE, PO_AND, PO_OR, PO_UNLESS,
} PqlOp;
static inline bool pql_op_compares(PqlOp op)
{
    return op >= PO_EQ && op <= PO_GE;
}
static inline bool pql_op_is_set(PqlOp op)
{
    return op >= PO_AND;
}

typedef enum PqlAgg {
    PA_SUM, PA_AVG, PA_COUNT, PA_MIN, PA_MAX, PA_GROUP, PA_STDDEV, PA_STDVAR, PA_TOPK, PA_BOTTOMK, PA_QUANTILE,
    PA_COUNT_VALUES, PA_LIMITK, PA_LIMIT_RATIO,
} PqlAgg;

typedef enum PqlCard { PC_ONE_TO_ONE, PC_MANY_TO_ONE /* group_left */, PC_ONE_TO_MANY /* group_right */, PC_MANY_TO_MANY } PqlCard;

typedef struct PqlNames {
    Slice *names;
    size_t count;
} PqlNames;

typedef enum PqlAt { PT_NONE, PT_TIME, PT_START, PT_END } PqlAt;

struct PqlFunction;
struct PqlWindow;

struct PqlExpr {
    PqlKind kind;
    PqlType type;
    uint32_t begin, end;      /* bytes in the query text, for messages */
    double number;            /* NUMBER */
    bool is_duration;         /* NUMBER written as 5m: printed so */
    Slice string;             /* STRING */
    /* VECTOR, MATRIX (its vector is arg[0]), SUBQUERY (its expression is arg[0]) */
    PqlLabelMatch *matches;   /* __name__ included */
    size_t match_count;
    Slice metric;             /* name before the braces or the bare string in them; "" = none */
    int64_t offset_ms;
    PqlAt at;
    int64_t at_ms;
    int64_t range_ms, step_ms; /* MATRIX, SUBQUERY; step 0 = default */
    bool anchored, smoothed;
    /* CALL */
    const struct PqlFunction *func;
    /* AGGREGATE: arg[0] the vector, arg[1] the parameter or NULL */
    PqlAgg agg;
    bool without, has_grouping;
    PqlNames grouping;
    /* BINARY: arg[0] op arg[1]; UNARY: op (ADD, SUB) arg[0] */
    PqlOp op;
    bool return_bool;
    PqlCard card;
    bool on, has_matching;    /* on(labels), else ignoring(labels) */
    PqlNames matching, include;
    PqlExpr **args;
    size_t arg_count;
};

/* One row a function: name, signature, kernel, what becomes of the metric name, window. */
enum { PF_VARIADIC = 1, PF_EXPERIMENTAL = 2, PF_KEEP_NAME = 4, PF_RANGE = 8 /* over a window */, PF_TIME = 16 /* reads the evaluation time */ };
enum { PF_ARGS_MAX = 6 };
struct PqlCallCtx; /* eval_private.h */
typedef struct PqlFunction {
    const char *name;
    PqlType result;
    PqlType args[PF_ARGS_MAX];
    uint8_t arg_count;
    int8_t variadic;          /* optional arguments at the end: how many; -1 = any number of the last type */
    int flags;
    const char *signature, *text;
    /* Exactly one of these: */
    double (*sample)(double v, const double *params);                 /* per sample: abs, ceil, clamp ... */
    bool (*window)(const struct PqlWindow *w, double *out);            /* over a range; false: no result */
    bool (*custom)(struct PqlCallCtx *c, Err *e);                      /* everything else */
} PqlFunction;

typedef struct PqlWindow {
    const int64_t *t_ms; /* samples in (begin, end], stale markers left out */
    const double *v;
    size_t count;
    int64_t begin_ms, end_ms, range_ms; /* the window after offset and @ */
    const double *params;               /* scalar arguments */
    size_t param_count;
} PqlWindow;

extern const PqlFunction pql_functions[]; /* ends with name = NULL */
const PqlFunction *pql_function_find(Slice name);

/* check.c: types, arguments, matchers; texts as Prometheus'. */
bool pql_check(Arena *a, PqlExpr *x, Slice text, const char *features, Err *e) MUST_CHECK;
const char *pql_op_text(PqlOp op);
const char *pql_agg_text(PqlAgg agg);
const char *pql_type_text(PqlType t); /* "instant vector" */

#endif
