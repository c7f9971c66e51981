/* exec/expr.h - typed expressions over a batch, and where functions are found.
 *
 * sqlts builds Expr trees (all names, types and casts resolved); promql uses the kernels directly.
 * Evaluation is a vector at a time over the selected rows only, so CASE, AND, OR and COALESCE
 * evaluate lazily and never raise an error for rows they do not need.
 * Threads: an Expr is read-only; an EvalCtx belongs to one task. */
#ifndef SKULK_EXEC_EXPR_H
#define SKULK_EXEC_EXPR_H

#include "base/clock.h"
#include "exec/vector.h"

typedef struct EvalCtx {
    TypeEnv env;
    Arena *arena;        /* lives as long as the query */
    Arena *scratch;      /* reset per batch by the operator that evaluates */
    const Value *params; /* $1 ... */
    size_t param_count;
    Value *exec_params; /* outer references of correlated subqueries */
    int64_t txn_now_us, stmt_now_us;
    const Clock *clock;
    int64_t
        sleep_until_ns; /* set by pg_sleep: the operator waits before it hands the batch on; 0 = no */
    uint64_t random_state[2];
    const struct Snapshot *snapshot; /* of the query that runs; NULL: none */
    void *session;                   /* for functions that session/ registers */
    const Slice *srf_names; /* in SrfDef.open: the columns in FROM; NULL in a select list */
    size_t srf_name_count;
    /* for kernels that may run long with one row: eval_poll() */
    const atomic_bool *cancel; /* NULL: cannot be */
    int64_t deadline_ns;       /* of the clock; 0 = none */
    uint32_t polls;
} EvalCtx;

/* Called every few us by loops over large values: has the statement been cancelled, is its time over?
 * bytes: of the values that were read and made since the last call; every MB is looked at. */
bool eval_poll_now(EvalCtx *ctx, Err *e) MUST_CHECK;
static inline bool eval_poll(EvalCtx *ctx, size_t bytes, Err *e)
{
    ctx->polls += 1 + (uint32_t)(bytes / 4096);
    return ctx->polls < 256 || eval_poll_now(ctx, e);
}

typedef enum ExprKind {
    EXPR_CONST,
    EXPR_COLUMN,
    EXPR_PARAM,
    EXPR_EXEC_PARAM,
    EXPR_CALL,
    EXPR_AND,
    EXPR_OR,
    EXPR_NOT,
    EXPR_IS_NULL,
    EXPR_IS_NOT_NULL,
    EXPR_IS_DISTINCT, /* two args; negated */
    EXPR_CASE,        /* args: when1, then1, ..., [else] ; searched form only */
    EXPR_COALESCE,
    EXPR_GREATEST,
    EXPR_LEAST,
    EXPR_NULLIF,
    EXPR_ARRAY, /* ARRAY[...] */
    EXPR_ROW,   /* args: fields; value: their names (text[]) or NULL; index: ROW_WHOLE... */
    EXPR_ANY_ARRAY,
    EXPR_ALL_ARRAY, /* args: left, array; func = the operator */
    EXPR_IN_LIST,   /* args: left, items...; func = "=" ; negated for NOT IN */
    EXPR_SUBSCRIPT, /* array, index... */
    EXPR_SLICE, /* array, then lower and upper of each dimension; index: a bit for each one left out */
    EXPR_IS_TRUE,
    EXPR_IS_FALSE,
    EXPR_IS_UNKNOWN, /* negated for IS NOT */
    EXPR_IO_CAST,    /* text output of the argument read as `type` (and the way round) */
    EXPR_RELABEL,    /* same bytes, other type */
} ExprKind;

/* The row of a relation; where an outer join may have left it out, it is NULL if all its columns are. */
enum { ROW_WHOLE = 1, ROW_WHOLE_NULLABLE };

struct FuncDef;
typedef struct Expr Expr;
struct Expr {
    ExprKind kind;
    TypeId type;
    int32_t typmod;
    int position; /* in the statement, characters from 1; 0 = none */
    bool negated;
    bool variadic;              /* CALL: VARIADIC stands before the last argument, an array */
    uint32_t index;             /* COLUMN: of the batch; PARAM, EXEC_PARAM: from 0 */
    Value value;                /* CONST */
    const struct FuncDef *func; /* CALL, ANY/ALL, IN_LIST */
    Expr **args;
    size_t arg_count;
};

/* ---- functions ---- */
enum {
    FN_STRICT = 1, /* a NULL argument gives NULL; the kernel sees no NULLs it must handle */
    FN_VOLATILE = 2,
    FN_STABLE = 4,   /* neither: immutable, folded */
    FN_VARIADIC = 8, /* the last argument type repeats */
    FN_SRF = 16,     /* returns a set (exec/srf) */
    FN_AGG = 32,
    FN_WINDOW = 64,
    FN_HIDDEN = 128, /* not listed by \df */
    FN_OPERATOR = 256,
    FN_CAST_IMPLICIT = 512,
    FN_CAST_ASSIGN = 1024,
    FN_CAST_EXPLICIT = 2048,
};

typedef struct FnCall {
    EvalCtx *ctx;
    const Expr *expr;   /* argument types, position */
    const Vector *args; /* any kind */
    size_t arg_count;
    const uint16_t *sel; /* rows to compute; NULL = 0..n-1 */
    size_t n;            /* number of rows to compute */
    size_t rows;         /* rows of the batch */
    Vector *out;         /* flat, room for `rows`; the kernel may turn it into CONST */
} FnCall;

typedef bool (*FnKernel)(FnCall *c, Err *e);
typedef bool (*FnScalar)(EvalCtx *ctx, const Value *args, size_t n, Value *out,
                         Err *e); /* slow path, one row */

/* Signature text: "time_bucket(interval, timestamptz) timestamptz"; operators: "+(int8, int8) int8",
 * unary "-(int8) int8"; casts: "int8(int4) int8" with FN_CAST_*. Pseudo types anyelement, anyarray, any. */
typedef struct FuncDef {
    const char *signature;
    FnKernel kernel; /* or */
    FnScalar scalar;
    int flags;
    const char *text;         /* one line for \df and the manual */
    const struct AggDef *agg; /* FN_AGG */
    const struct SrfDef *srf; /* FN_SRF */
    /* parsed from the signature by func_register */
    const char *name;
    TypeId result;
    TypeId args[10];
    uint8_t arg_count;
    uint32_t oid; /* stable: hash of the signature in 100000.. or PostgreSQL's own */
} FuncDef;

/* Tables end with signature = NULL; they must stay alive; called before threads start. */
void func_register(FuncDef *table);
void exec_init(void); /* registers all of exec/'s own tables; idempotent */
size_t func_count(void);
const FuncDef *func_at(size_t i);
uint32_t func_oid_of(const char *signature); /* 0 if none */
const FuncDef *func_by_oid(uint32_t oid);    /* NULL if none */

/* PostgreSQL's resolution rules: exact match, then implicit casts, unknown literals, preferred types.
 * FN_VARIADIC among kind_flags: the last argument is the array of a VARIADIC call.  want[i] gets the type that argument i must be cast to.  42883 with the hint PostgreSQL gives, 42725. */
bool func_resolve(Slice schema, Slice name, const TypeId *args, size_t n,
                  int kind_flags /* FN_AGG, FN_SRF or 0 = any */, const FuncDef **out, TypeId *want,
                  TypeId *result, Err *e) MUST_CHECK;
bool oper_resolve(Slice op, TypeId left /* 0 = prefix */, TypeId right, const FuncDef **out,
                  TypeId want[2], TypeId *result, Err *e) MUST_CHECK;
typedef enum CastLevel { CAST_IMPLICIT, CAST_ASSIGN, CAST_EXPLICIT } CastLevel;
/* Wraps `x` so that it has the type; folds constants (an unknown literal is read by the type's input, with
 * its error position); 42846/42804 if there is no cast of that level. */
bool expr_cast(Arena *a, EvalCtx *fold_ctx, Expr *x, TypeId to, int32_t typmod, CastLevel level,
               Expr **out, Err *e) MUST_CHECK;
bool cast_exists(TypeId from, TypeId to, CastLevel level);
/* Rows of pg_cast, i < cast_slots(); false: none there.  func NULL: the bytes stay. */
typedef struct CastInfo {
    TypeId from, to;
    CastLevel level;
    const struct FuncDef *func;
} CastInfo;
size_t cast_slots(void);
bool cast_at(size_t i, CastInfo *out);
/* The common type of UNION, CASE, VALUES, ARRAY (PostgreSQL 10.5); 0 + 42804. */
bool type_common(const TypeId *types, size_t n, const char *what, TypeId *out, Err *e) MUST_CHECK;

Expr *expr_new(Arena *a, ExprKind kind, TypeId type, size_t args);
Expr *expr_const(Arena *a, TypeId type, const Value *v);
Expr *expr_column(Arena *a, uint32_t index, TypeId type, int32_t typmod);
Expr *expr_call(Arena *a, const FuncDef *f, TypeId result, Expr **args, size_t n, int position);
bool expr_is_const(
    const Expr *x); /* no columns, no volatile calls, no exec params; may have statement params */
bool expr_is_volatile(const Expr *x);
/* Evaluates a constant tree now (ctx with params). */
bool expr_value(EvalCtx *ctx, const Expr *x, Value *out, Err *e) MUST_CHECK;
/* Folds immutable calls over constants. */
bool expr_fold(Arena *a, EvalCtx *ctx, Expr **x, Err *e) MUST_CHECK;
void expr_walk(Expr *x, void (*each)(void *arg, Expr *node), void *arg);
bool expr_equal(const Expr *a, const Expr *b);
Expr *expr_copy(Arena *a, const Expr *x);
void expr_print(Buf *out, const Expr *x,
                const Slice *column_names); /* for EXPLAIN and pg_get_expr */

/* As PostgreSQL's pg_get_expr: env says how values are written. */
void expr_deparse(Buf *out, const Expr *x, const Slice *column_names, const TypeEnv *env,
                  bool pretty);

/* out: over b->rows, defined at the selected rows; memory from ctx->scratch or borrowed from b. */
bool expr_eval(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e) MUST_CHECK;
/* Narrows b->sel to the rows where x is true. */
bool expr_filter(EvalCtx *ctx, const Expr *x, Batch *b, Err *e) MUST_CHECK;

#endif
