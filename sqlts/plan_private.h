/* sqlts/plan_private.h - from the logical form to exec's plans.
 *
 * Private to sqlts/.  A Rel is a plan together with the variable that each of its columns is; while a
 * plan grows upward, expressions are turned from variables to column numbers where they are placed
 * (plan_fix).  plan_query.c is the order of clauses, plan_from.c conjuncts and joins, plan_join.c join
 * order and keys, plan_scan.c what goes into the scan of a table, plan_agg.c grouping and windows,
 * plan_sublink.c subqueries.
 * Threads: one. */
#ifndef SKULK_SQLTS_PLAN_PRIVATE_H
#define SKULK_SQLTS_PLAN_PRIVATE_H

#include "sqlts/analyze.h"

typedef struct Rel {
    Plan *plan;
    uint32_t *vars; /* of each column of the plan */
    VarSet set;     /* the same as a set */
} Rel;

typedef struct Conj {
    Expr *expr;
    VarSet vars; /* of this level: those made by the FROM items at hand */
    bool has_sublink, is_volatile, done;
} Conj;

typedef struct ConjList {
    Conj *items;
    size_t count, cap;
} ConjList;

typedef struct Planner {
    Analyzer *z;
    Arena *arena;
    VarSet used;        /* variables that something above the joins reads */
    uint32_t *param_of; /* variable -> exec param + 1 inside correlated subqueries; 0 = none */
    size_t param_cap;
    uint32_t param_count;
    int apply_depth;       /* > 0: inside a subquery that runs again for each row */
    uint32_t *sublink_var; /* sublink -> variable + 1 of its result, where it was attached */
    size_t sublink_cap;
    PlanCte *ctes;
    size_t cte_count, cte_cap;
} Planner;

/* ---- plan_node.c: making nodes, fixing expressions ---- */
void *plan_new(Planner *p, PlanKind kind, size_t size, size_t cols);
#define PLAN_NEW(p, type, kind, cols) ((type *)plan_new((p), (kind), sizeof(type), (cols)))
void plan_column(Planner *p, Plan *plan, size_t col,
                 uint32_t var); /* type and name of a variable */
Rel rel_new(Planner *p, Plan *plan, const uint32_t *vars);
/* A copy of x whose columns are those of left, then of right (may be NULL). */
bool plan_fix(Planner *p, const Expr *x, const Rel *left, const Rel *right, Expr **out,
              Err *e) MUST_CHECK;
/* Is it the same for all rows of `set`: constants, parameters, outer columns? */
bool plan_is_const(const Planner *p, const Expr *x);
void plan_mark(Planner *p, const Expr *x);
uint32_t plan_new_var(Planner *p, const char *name, TypeId type, int32_t typmod);

/* ---- plan_query.c ---- */
/* needed: of the visible columns, NULL = all; the others may be missing: *kept says which are there, in order. */
bool plan_query(Planner *p, Query *q, const bool *needed, Plan **out, size_t *kept,
                size_t *kept_count, Err *e) MUST_CHECK;
/* All columns as they are. */
bool plan_query_all(Planner *p, Query *q, Plan **out, Err *e) MUST_CHECK;
bool plan_project(Planner *p, const Rel *in, Expr **exprs, const Slice *names, size_t count,
                  Plan **out, Err *e) MUST_CHECK;
Expr *plan_sum(Planner *p, Expr *limit, Expr *offset, Err *e);

/* ---- plan_from.c ---- */
/* FROM and the conditions over it: consumes what it can place; the rest stays (not done). */
bool plan_join_tree(Planner *p, From **items, size_t count, ConjList *conjs, Rel *out,
                    Err *e) MUST_CHECK;
void conj_split(Planner *p, Expr *x, ConjList *out);
void from_vars(const From *f, VarSet *out);
bool plan_filter(Planner *p, Rel *rel, ConjList *conjs,
                 Err *e) MUST_CHECK; /* all that are not done */
bool plan_plain_filter(Planner *p, Rel *rel, Expr *cond, Err *e) MUST_CHECK;
bool plan_leaf(Planner *p, Rte *rte, ConjList *conjs, Rel *out, Err *e) MUST_CHECK;

/* ---- plan_join.c ---- */
typedef struct Leaf {
    From *from;
    Rte *rte;         /* NULL: an outer join */
    VarSet set, deps; /* deps: of other leaves, read by a LATERAL one */
    ConjList conjs;   /* over this leaf alone */
    Rel rel;
    bool joined;
} Leaf;
bool plan_join_leaves(Planner *p, Leaf *leaves, size_t count, ConjList *conjs, Rel *out,
                      Err *e) MUST_CHECK;
/* One join of two rels; conjs: conditions over both, which become keys and filter. */
bool plan_join(Planner *p, JoinType type, const Rel *left, const Rel *right, ConjList *conjs,
               Rel *out, Err *e) MUST_CHECK;
/* Splits a condition into keys of two sides. */
bool plan_equi(Planner *p, const Expr *x, const VarSet *left, const VarSet *right, Expr **l,
               Expr **r);

/* Moves the conditions over `set` from one list to another. */
void plan_take_covered(Planner *p, ConjList *from, const VarSet *set, ConjList *to);
bool plan_reads(Planner *p, From *f, const VarSet *left); /* does a LATERAL item in f read these? */

/* ---- plan_asof.c ---- */
bool plan_asof(Planner *p, From *f, ConjList *conjs, Rel *out, Err *e) MUST_CHECK;

/* ---- plan_scan.c ---- */
bool plan_scan(Planner *p, Rte *rte, ConjList *conjs, Rel *out, Err *e) MUST_CHECK;
/* Width and origin of time_bucket, date_trunc, date_bin over the variable `time`. */
bool plan_bucket(Planner *p, const Expr *x, uint32_t *time_var, int64_t *width_ns,
                 int64_t *origin_ns);

/* side op constant, or the other way round. */
bool plan_comparison(const Planner *p, const Expr *x, Expr **side, Expr **value, const char **op);

/* ---- plan_estimate.c ---- */
/* The share of rows for which all the conditions hold. */
double plan_selectivity(const Planner *p, Expr *const *conds, size_t count);
/* Different values of an expression over variables; 0: not known. */
double plan_distinct(Planner *p, const Expr *x);
double plan_groups(Planner *p, Expr *const *keys, size_t count, double rows);
/* The share of all pairs of rows that l = r leaves, after `before` other keys. */
double plan_join_rows(Planner *p, const Expr *l, const Expr *r, size_t before, double left,
                      double right);
const Expr *plan_under_casts(const Expr *x);

/* ---- plan_gapfill.c ---- */
bool plan_gapfill(Planner *p, Query *q, Rel *rel, Err *e) MUST_CHECK;

/* ---- plan_agg.c ---- */
/* Sorts the rel by these expressions over it. */
bool plan_sort(Planner *p, Rel *rel, const SortKey *keys, size_t count, Err *e) MUST_CHECK;
bool plan_group(Planner *p, Query *q, Rel *rel, Err *e) MUST_CHECK;
bool plan_windows(Planner *p, Query *q, Rel *rel, Err *e) MUST_CHECK;
bool plan_srfs(Planner *p, Query *q, Rel *rel, Err *e) MUST_CHECK;

/* ---- plan_sublink.c ---- */
/* Puts an APPLY on rel for each subquery inside x and replaces it by a column. */
bool plan_attach(Planner *p, Rel *rel, Expr **x, Err *e) MUST_CHECK;
/* [NOT] IN, [NOT] EXISTS as a join, where that is the same. */
bool plan_semi(Planner *p, Rel *rel, Expr *cond, bool *done, Err *e) MUST_CHECK;
/* Right side that reads columns of the left: exec params are set from it. */
typedef struct ParamScope {
    uint32_t *vars, *params, *saved;
    size_t count;
} ParamScope;
void plan_params_begin(Planner *p, const VarSet *wanted, const Rel *left, ParamScope *s);
void plan_params_end(Planner *p, const ParamScope *s);
bool plan_apply(Planner *p, const Rel *left, Plan *right, ApplyMode mode, const ParamScope *s,
                size_t extra_cols, PlanApply **out, Err *e) MUST_CHECK;

#endif
