/* sqlts/query.h - the logical form of a statement: what the analyzer makes and the planner reads.
 *
 * Private to sqlts/.  Expressions are exec's Expr with two differences until the planner fixes them:
 *   - the index of an EXPR_COLUMN is the number of a variable, unique in the whole statement; each
 *     column of each FROM item (and each computed column: group keys, aggregates, windows) is one.
 *     The variables made inside a query form one range, so "outer" is a comparison of numbers;
 *   - the kinds QX_* below stand for what is no expression to exec: aggregates, window calls, subqueries.
 * Threads: a tree belongs to one call of sql_analyze. */
#ifndef SKULK_SQLTS_QUERY_H
#define SKULK_SQLTS_QUERY_H

#include "sqlts/sqlts.h"

enum {
    QX_AGG = 200, /* index: of Query.aggs of the innermost query */
    QX_GROUPING,  /* index: of Query.groupings */
    QX_SUBLINK,   /* index: of Analyzer.sublinks; value: its same_as; args[0]: test of IN and ALL */
    QX_OUTER_AGG, /* index: of Analyzer.outer_aggs, until the grouping of its query is known */
};
enum { QX_ROW = EXPR_ROW };
static inline int qx_kind(const Expr *x)
{
    return (int)x->kind;
}

typedef struct Query Query;
typedef struct Rte Rte;
typedef struct Cte Cte;

typedef struct RteCol {
    Slice name;
    TypeId type;
    int32_t typmod;
    TableId table; /* origin, 0 = computed */
    int16_t attnum;
    bool is_time; /* the time column of its table, also through sub-selects */
    bool hidden;  /* system columns: not part of * */
} RteCol;

typedef enum RteKind {
    RTE_TABLE,
    RTE_VIRTUAL,
    RTE_QUERY,
    RTE_FUNCTION,
    RTE_CTE,
    RTE_COMPUTED, /* group keys and aggregates, window results, outputs of set-returning calls and subqueries */
} RteKind;

struct Rte {
    RteKind kind;
    Slice name; /* alias, else the relation's name */
    uint32_t first_var;
    size_t col_count;
    RteCol *cols;
    const TableDef *table;
    double times_ns;  /* of its table, between the constant bounds; 0: not known */
    RelationUse *use; /* of tables and views, as names in the statement; else NULL */
    const ViewDef *view;
    Query *query;
    bool all_ages; /* of tables: rows past their TTL, too, as long as they are there */
    Slice tier;    /* PlanScan.tier */
    bool whole;    /* of tables with tiers: an error if there would be rows that went */
    bool lateral;  /* reads earlier FROM items */
    Cte *cte;
    bool relation;             /* a table or view of the catalog, by its name */
    Slice view_part, kept;     /* TABLE, for EXPLAIN: of a continuous view */
    const TableDef *states_of; /* QUERY: a continuous view; behind its columns stand its states */
    bool self;                 /* the reference of a recursive query to itself */
    const FuncDef *func;
    Expr *call;
    bool ordinality;
    bool window;         /* COMPUTED: the result of a window call */
    bool fill;           /* COMPUTED: the result of locf() and its like */
    bool sublink_output; /* COMPUTED: the rows of a subquery inside its test */
};

/* The last columns of a table's Rte, none of them part of *.  Only tableoid has a name; ts_ns() means
 * the exact time, UPDATE and DELETE address a stored row by the last three. */
enum { SYS_TABLEOID, SYS_SERIES, SYS_TIME_NS, SYS_ROW, SYSTEM_COLUMNS };
static inline uint32_t rte_system(const Rte *r, int which)
{
    return (uint32_t)(r->col_count - SYSTEM_COLUMNS) + (uint32_t)which;
}

typedef struct VarInfo {
    Rte *rte;
    uint32_t col;
} VarInfo;

typedef struct Asof {   /* of each right row with the keys of a left one, the nearest in time */
    char op[3];         /* left op right: >= > <= < */
    Expr *left, *right; /* of one type */
    Expr *filter;       /* TOLERANCE, over both sides; NULL = none */
} Asof;

typedef struct From { /* one relation, or a join */
    Rte *rte;
    JoinType type;
    struct From *left, *right;
    Expr *on;
    Asof *asof; /* INNER and LEFT; `on` holds its equalities */
} From;

typedef struct Target {
    Expr *expr;
    Slice name;
    bool junk;
} Target;

typedef struct QSort {
    size_t target;
    bool desc, nulls_first;
} QSort;

typedef struct QWindow { /* one (PARTITION BY, ORDER BY): all its calls run in one pass */
    Expr **partition;
    size_t partition_count;
    SortKey *order;
    size_t order_count;
} QWindow;

typedef struct QWindowCall {
    WindowCall call;
    size_t window;
    uint32_t var; /* the result */
    int position;
} QWindowCall;

typedef struct KeySet { /* one of GROUPING SETS: numbers of keys */
    size_t *keys;
    size_t count;
} KeySet;

typedef struct Grouping { /* GROUPING(a, b): a bit for each key that a set leaves out */
    Expr **args;
    size_t count;
    size_t *keys;
} Grouping;

typedef struct QFill { /* locf(), interpolate() */
    FillCall call;
    uint32_t var; /* the result */
    int position;
} QFill;

/* The expressions of a call; any but the first may be NULL. */
enum { QFILL_EXPRS = 6 };
static inline Expr **qfill_expr(QFill *f, size_t i)
{
    FillCall *c = &f->call;
    Expr **all[QFILL_EXPRS] = {&c->value,       &c->missing, &c->before,
                               &c->before_time, &c->after,   &c->after_time};
    return all[i];
}

typedef struct QGapfill {                         /* buckets without rows are filled in */
    size_t key;                                   /* the bucket among the keys of GROUP BY */
    Expr *time;                                   /* what it is the bucket of */
    Expr *width, *zone, *origin, *start, *finish; /* constant, or NULL */
    Expr *
        where; /* of tiers: the conditions that bounds are looked for in; else those of the query */
    bool origin_is_start; /* buckets count from the first one */
    bool span;            /* without bounds: from the first bucket of all groups to the last */
} QGapfill;

typedef enum QueryForm {
    QUERY_PLAIN,
    QUERY_VALUES,
    QUERY_UNION,
    QUERY_INTERSECT,
    QUERY_EXCEPT
} QueryForm;

struct Query {
    QueryForm form;
    uint32_t var_begin, var_end; /* variables made inside */
    /* set operation */
    Query *left, *right;
    bool all;
    /* VALUES */
    Expr ***rows;
    size_t row_count;
    /* SELECT */
    From **from;
    size_t from_count;
    Expr *where;
    bool grouped; /* GROUP BY or an aggregate */
    Rte *group;   /* keys, then aggregates */
    Expr **keys;
    size_t key_count, key_cap;
    AggCall *aggs;
    int *agg_positions;
    size_t agg_count, agg_cap;
    KeySet *sets; /* GROUPING SETS, ROLLUP, CUBE; NULL = all keys, once */
    size_t set_count;
    Grouping *groupings; /* behind the aggregates in `group` */
    size_t grouping_count, grouping_cap;
    Expr *having;
    int gapfill_position; /* of a call of time_bucket_gapfill(); 0 = none */
    QGapfill *gapfill;
    Expr **directs; /* arguments beside WITHIN GROUP: they may use grouped columns only */
    size_t direct_count, direct_cap;
    QFill *fills;
    size_t fill_count, fill_cap;
    QWindow *windows;
    size_t window_count;
    QWindowCall *calls;
    size_t call_count;
    bool has_srf;
    Target *
        targets; /* visible ones first, then those only sorted by; set operations: columns of `out` */
    size_t target_count, visible_count;
    bool distinct;
    size_t *distinct_on; /* targets */
    size_t distinct_on_count;
    /* all forms */
    Cte *ctes; /* defined here */
    QSort *order;
    size_t order_count;
    Expr *limit, *offset;
    bool ties;       /* FETCH ... WITH TIES */
    Rte *out;        /* set operations and VALUES: their columns, for ORDER BY */
    OutColumn *cols; /* visible_count */
    bool *col_time;  /* is_time of the columns */
};

typedef struct Sublink {
    ApplyMode mode;
    Query *query;
    Rte *out; /* what the test calls the subquery's columns */
    TypeId type;
    uint32_t same_as; /* the first one that says the same; itself */
} Sublink;

typedef struct OuterAgg { /* what a subquery reads of the grouping of a query around it */
    Query *owner;
    bool grouping; /* GROUPING(): agg is of its groupings, else of its aggs */
    uint32_t agg;
} OuterAgg;

/* What a name may not mean yet: the part of a WITH RECURSIVE query that is being read. */
typedef enum CtePhase { CTE_WHOLE, CTE_NO_UNION, CTE_START, CTE_STEP, CTE_MODIFIES } CtePhase;

struct Cte {
    Slice name;
    CtePhase phase;
    int waits; /* while another one that it names is being read */
    int position;
    Query *query; /* not recursive */
    Query *start, *step;
    bool distinct;
    RteCol *cols;
    size_t col_count;
    uint32_t refs, id;
    char materialized;
    bool given;                         /* its rows are those of a part of the statement */
    bool planned, examined, correlated; /* planning changes the query: looked at once, before */
    Plan *shared;                       /* of a correlated one that is read more than once */
    struct Cte *next;                   /* in its WITH */
};

/* ---- expression tools (query_expr.c); they know the QX_* kinds ---- */
struct Analyzer;
typedef bool (*QxVisit)(void *arg, Expr **slot); /* true: do not look inside */
/* Visits the tree top-down; the visitor may replace *slot. */
void qx_walk(Expr **slot, QxVisit visit, void *arg);
/* All expressions of a query, the WITH queries it defines, its sub-selects and the subqueries inside
 * its expressions. */
void qx_walk_query(struct Analyzer *z, Query *q, QxVisit visit, void *arg);
/* As qx_walk, and into the queries of sublinks. */
void qx_walk_deep(struct Analyzer *z, Expr **slot, QxVisit visit, void *arg);
bool qx_equal(const Expr *a, const Expr *b);
/* query_same.c: the same_as of a new sublink, which gets that number. */
uint32_t query_sublink_class(const struct Analyzer *z, const Sublink *l, uint32_t index);
Expr *qx_copy(Arena *a, const Expr *x);
bool qx_has(const Expr *x, int kind);
bool qx_has_srf(const Expr *x);
const Expr *qx_find_srf(const Expr *x); /* the outermost call; NULL: none */
bool qx_is_volatile(const Expr *x);
/* No variables, aggregates, subqueries, volatile or set-returning calls; parameters are fine. */
bool qx_is_const(const Expr *x);

/* A set of variables: a bitmap over the statement's, which grows as they do. */
typedef struct VarSet {
    uint64_t *words;
    size_t word_count;
    Arena *arena;
} VarSet;
VarSet varset_new(Arena *a, size_t vars);
void varset_add(VarSet *s, uint32_t var);
bool varset_has(const VarSet *s, uint32_t var);
void varset_union(VarSet *s, const VarSet *other);
void varset_limit(VarSet *s, const VarSet *to); /* what both have */
void varset_drop(VarSet *s, const VarSet *these);
bool varset_subset(const VarSet *s, const VarSet *of);
bool varset_overlap(const VarSet *s, const VarSet *other);
bool varset_empty(const VarSet *s);
/* Adds all variables that x reads, those read inside its subqueries but not made there included. */
void qx_vars(struct Analyzer *z, const Expr *x, VarSet *out);
/* Variables that a query reads and does not make. */
void query_outer_vars(struct Analyzer *z, Query *q, VarSet *out);

#endif
