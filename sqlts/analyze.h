/* sqlts/analyze.h - from the syntax tree to the logical form: names, types, scopes.
 *
 * Private to sqlts/.  One Analyzer lives for one statement; everything is in its arena.
 * analyze.c dispatches and holds the small tools; analyze_expr.c, analyze_func.c and analyze_type.c
 * are expressions; analyze_from.c scopes and FROM; analyze_select.c and analyze_group.c SELECT,
 * analyze_window.c windows;
 * analyze_dml.c INSERT and COPY; analyze_conflict.c ON CONFLICT; analyze_modify.c
 * UPDATE and DELETE; analyze_cursor.c cursors and FOR UPDATE; analyze_ddl.c and analyze_utility.c the rest.
 * Threads: one. */
#ifndef SKULK_SQLTS_ANALYZE_H
#define SKULK_SQLTS_ANALYZE_H

#include "sqlts/ast.h"
#include "sqlts/query.h"

enum {
    TARGETS_MAX = 1664, /* as PostgreSQL */
    FUNC_ARGS_MAX = 100,
    RELATIONS_MAX = 250, /* of one FROM, and WITH queries of one WITH */
    VIEW_DEPTH_MAX = 32,
    QUERIES_MAX = CHAIN_MAX + 1000, /* SELECTs in one statement */
    ANALYZE_BYTES =
        256 << 20, /* of the arena, besides ANALYZE_BYTES_PER_TEXT for each byte of text */
    ANALYZE_BYTES_PER_TEXT = 100,
};

typedef struct Analyzer {
    const SqlEnv *env;
    Arena *arena;
    Slice text;           /* of the statement */
    uint32_t text_offset; /* in the whole text: node offsets count from there */
    bool ascii;
    Slice relation;  /* that CREATE or ALTER TABLE is about: for messages */
    int no_position; /* > 0: inside the text of a view */
    int view_depth;
    bool defines;         /* the query is not run: views without rows may be named */
    bool reads_temporary; /* some relation is a temporary one */
    const TableDef *view; /* whose text it is; NULL = the statement's */
    Slice view_part;      /* of a continuous view, that is being read; for EXPLAIN */
    bool give_states;     /* it is a continuous view's: one below gives its states, too */
    uint32_t pos_offset,
        pos_chars; /* the last answer of az_position: the next one counts from it */
    TypeId *params;
    size_t param_count, param_cap;
    bool *param_fixed;
    Expr **param_nodes; /* of undetermined parameters */
    size_t param_node_count, param_node_cap;
    VarInfo *vars;
    size_t var_count, var_cap;
    Sublink *sublinks;
    size_t sublink_count, sublink_cap;
    OuterAgg *outer_aggs;
    size_t outer_agg_count, outer_agg_cap;
    uint32_t cte_count;
    const char *no_self; /* where a recursive reference must not stand: "a subquery"; or NULL */
    size_t query_count;
    struct NameRefs *names; /* view_text.c: the words of the text that are names; or NULL */
    const NodeList *top;    /* the WITH clause of the statement itself: it may change tables */
    struct Part *parts;     /* analyze_with.c */
    size_t part_count, part_cap;
    RelationUse **uses;
    size_t use_count, use_cap;
    size_t arena_begin; /* what the arena held at first */
} Analyzer;

typedef enum Place {
    PLACE_SELECT,
    PLACE_WHERE,
    PLACE_HAVING,
    PLACE_GROUP_BY,
    PLACE_ORDER_BY,
    PLACE_DISTINCT_ON,
    PLACE_JOIN_ON,
    PLACE_LIMIT,
    PLACE_OFFSET,
    PLACE_VALUES,
    PLACE_FROM_FUNCTION,
    PLACE_FROM_LATERAL,
    PLACE_FILTER,
    PLACE_WINDOW,
    PLACE_FRAME_RANGE,
    PLACE_FRAME_ROWS,
    PLACE_FRAME_GROUPS,
    PLACE_AGG_ARG,
    PLACE_RETURNING,
    PLACE_UPDATE,
    PLACE_DEFAULT,
    PLACE_CHECK,
    PLACE_EXECUTE,
    PLACE_INDEX,
    PLACE_COPY_WHERE,
} Place;

typedef struct ScopeCol {
    Slice name;
    Expr *expr;
    bool hidden;
} ScopeCol;

typedef struct ScopeRel { /* what t.a and t.* may name */
    Slice schema, name;
    bool has_alias;
    ScopeCol *cols;
    size_t col_count;
    int position;
    bool nullable; /* an outer join may put NULLs in the place of a row */
} ScopeRel;

typedef struct Scope Scope;
struct Scope {
    Scope *outer;
    Query *query; /* takes aggregates and windows; NULL: none allowed */
    ScopeRel *rels;
    size_t rel_count, rel_cap;
    ScopeCol *cols; /* what a bare name may mean, in the order of * */
    size_t col_count, col_cap;
    Cte *ctes;         /* of this level, newest first */
    struct With *with; /* ... while the clause is being read: analyze_with.c */
    Place place;
    bool in_agg;      /* inside the arguments of an aggregate */
    NodeList windows; /* WINDOW clause */
    /* FROM items beside this sub-select, which only LATERAL would show: for the message */
    const Scope *blocked;
};

/* analyze.c */
int az_position(Analyzer *z, uint32_t offset);
/* Some constructs are written once and used often (CASE x WHEN, BETWEEN): 54001 before that explodes. */
bool az_in_limits(Analyzer *z, const SqlNode *n, Err *e) MUST_CHECK;
/* Where an expression begins: what PostgreSQL points at when it means the whole of it. */
SqlNode az_begin(const SqlNode *n);
/* Sets the position of an error that has none yet; returns false. */
bool az_at(Analyzer *z, const SqlNode *n, Err *e);
bool az_fail(Analyzer *z, const SqlNode *n, ErrCode code, Err *e, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
uint32_t az_new_vars(Analyzer *z, Rte *rte, size_t count);
Rte *az_new_rte(Analyzer *z, RteKind kind, Slice name, size_t col_count);
Expr *az_var(Analyzer *z, const Rte *rte, size_t col, int position);
bool az_finish_params(Analyzer *z, Err *e) MUST_CHECK;
void *az_grow(Arena *a, void *items, size_t count, size_t *cap, size_t size);
#define AZ_PUSH(z, items, count, cap)                                                              \
    ((items) = az_grow((z)->arena, (items), (count), &(cap), sizeof *(items)), &(items)[(count)++])

/* analyze_type.c */
bool az_type(Analyzer *z, const NType *t, TypeId *out, int32_t *typmod, Err *e) MUST_CHECK;
bool az_coerce(Analyzer *z, Expr *x, TypeId to, int32_t typmod, CastLevel level, Expr **out,
               Err *e) MUST_CHECK;
bool az_coerce_to_bool(Analyzer *z, const SqlNode *at, const char *what, Expr **x,
                       Err *e) MUST_CHECK;
bool az_common_type(Analyzer *z, Expr **items, size_t n, const char *what, TypeId *out,
                    Err *e) MUST_CHECK;
Slice az_type_name(Analyzer *z, TypeId t, int32_t typmod);
/* A row that stays one: literals among its fields are texts. */
Expr *az_whole_row(Analyzer *z, const SqlNode *at, const ScopeRel *rel);
bool az_row_value(Analyzer *z, Expr *row, Err *e) MUST_CHECK;
/* Unknown literals and parameters that nothing gave a type become text. */
bool az_resolve_unknown(Analyzer *z, Expr **x, Err *e) MUST_CHECK;

/* analyze_expr.c */
enum { SUBSCRIPTS_MAX = 6 };
bool az_subscript_index(Analyzer *z, Scope *s, const SqlNode *n, Expr **out, Err *e) MUST_CHECK;
/* *number: it is a number before it becomes the text that a path takes. */
bool az_jsonb_key(Analyzer *z, Scope *s, const NSubscript *n, Expr **out, bool *number,
                  Err *e) MUST_CHECK;
bool az_expr(Analyzer *z, Scope *s, const SqlNode *n, Expr **out, Err *e) MUST_CHECK;
bool az_expr_bool(Analyzer *z, Scope *s, const SqlNode *n, const char *what, Expr **out,
                  Err *e) MUST_CHECK;
bool az_operator(Analyzer *z, const SqlNode *at, Slice op, Expr *left, Expr *right, Expr **out,
                 Err *e) MUST_CHECK;
Expr *az_call(Analyzer *z, const FuncDef *f, TypeId result, Expr **args, size_t n, int position);
/* The same for f(..., VARIADIC array). */
bool az_call_spread(Analyzer *z, const NFunc *n, const FuncDef *f, TypeId result, Expr **args,
                    Expr **out, Err *e) MUST_CHECK;
TypeId az_array_of(TypeId item);             /* of arrays: their own type; 0: there is none */
Expr *az_and(Analyzer *z, Expr *a, Expr *b); /* NULL = true */
Expr *az_const(Analyzer *z, TypeId type, Value v, int position);

/* analyze_sublink.c */
bool az_sublink(Analyzer *z, Scope *s, const NSublink *n, Expr **out, Err *e) MUST_CHECK;
bool az_in(Analyzer *z, Scope *s, const NIn *n, Expr **out, Err *e) MUST_CHECK;
bool az_quantified(Analyzer *z, Scope *s, const NQuantified *n, Expr **out, Err *e) MUST_CHECK;
/* a op b over rows: =, <>, <, ... of QX_ROWs of the same width. */
bool az_row_compare(Analyzer *z, const SqlNode *at, Slice op, Expr *left, Expr *right, Expr **out,
                    Err *e) MUST_CHECK;

/* analyze_func.c */
bool az_func(Analyzer *z, Scope *s, const NFunc *n, Expr **out, Err *e) MUST_CHECK;
bool az_value_func(Analyzer *z, const NLiteral *n, Expr **out, Err *e) MUST_CHECK;
/* A call of functions named by Skulk itself. */
bool az_call_named(Analyzer *z, const SqlNode *at, const char *name, Expr **args, size_t n,
                   Expr **out, Err *e) MUST_CHECK;
/* Resolves and casts; args are replaced. */
bool az_resolve(Analyzer *z, const SqlNode *at, Slice schema, Slice name, int kinds, Expr **args,
                size_t n, const FuncDef **func, TypeId *result, Err *e) MUST_CHECK;

/* analyze_agg.c */
bool az_aggregate(Analyzer *z, Scope *s, const NFunc *n, const FuncDef *f, TypeId result,
                  Expr **args, size_t count, Expr **out, Err *e) MUST_CHECK;
bool az_agg_filter(Analyzer *z, Scope *s, const NFunc *n, Expr **filter, Err *e) MUST_CHECK;
/* The scope of the query that a call belongs to, if it may stand there; the first of its args are the
 * direct ones of WITHIN GROUP. */
bool az_agg_owner(Analyzer *z, Scope *s, const NFunc *n, const AggCall *call, Scope **owner,
                  Err *e) MUST_CHECK;
enum { NO_LEVEL = 1 << 30 };
/* How many queries around s the nearest one is whose columns x reads; NO_LEVEL: it reads none. */
size_t az_vars_level(Analyzer *z, const Scope *s, const Expr *x);
uint32_t az_outer_agg(Analyzer *z, Query *owner, bool grouping, uint32_t agg);
/* The node of a call in s that belongs to owner. */
Expr *az_agg_node(Analyzer *z, const Scope *s, Scope *owner, const NFunc *n, const AggCall *call);
/* An aggregate of the query q in an expression of its own; NULL: none. */
const Expr *az_find_agg(Analyzer *z, const Query *q, Expr *x);

/* analyze_ordered.c */
bool az_is_hypothetical(Slice name);
/* args: the direct ones, then the keys of WITHIN GROUP. */
bool az_hypothetical(Analyzer *z, Scope *s, const NFunc *n, Expr **args, Expr **out,
                     Err *e) MUST_CHECK;
void az_add_direct(Analyzer *z, Query *q, const Expr *x);

/* analyze_influx.c: a continuous query of InfluxDB as the statement of Skulk that it means. */
bool az_influx(Analyzer *z, const NContinuous *n, Bound *b, Err *e) MUST_CHECK;
/* analyze_hypertable.c: taken if the statement is one of TimescaleDB's calls that define a table */
bool az_hypertable(Analyzer *z, const NSelect *n, Bound *b, bool *taken, Err *e) MUST_CHECK;

bool az_not_here(Analyzer *z, const NFunc *n, Err *e) MUST_CHECK; /* refuses what is not there */

/* analyze_gapfill.c */
bool az_is_gapfill(const FuncDef *f);
bool az_gapfill_args(Analyzer *z, Expr **args, size_t *count, Err *e) MUST_CHECK;
/* locf(), interpolate(): a column of the gap filling above the grouping. */
bool az_fill_call(Analyzer *z, Scope *s, const NFunc *n, bool *taken, Expr **out,
                  Err *e) MUST_CHECK;
Expr *az_add_fill(Analyzer *z, Query *q, const FillCall *c, Slice name, int position);
bool az_has_fill(const Analyzer *z, const Expr *x);
/* After the grouping is known: finds the key, and whether all calls stand where they may. */
bool az_gapfill(Analyzer *z, Query *q, Err *e) MUST_CHECK;

/* analyze_asof.c */
typedef struct JoinSides { /* the bare columns of both */
    ScopeCol *left, *right;
    size_t left_count, right_count;
} JoinSides;
bool az_asof(Analyzer *z, Scope *s, const NJoin *n, const JoinSides *j, From *f, Err *e) MUST_CHECK;

/* analyze_sample.c */
/* LATEST ON: FROM becomes one sub-select of the newest rows. */
bool az_latest(Analyzer *z, const NSelect *n, const NSelect **out, Err *e) MUST_CHECK;
/* SAMPLE BY, once the targets and ORDER BY are known: the keys of the grouping, and what fills it. */
bool az_sample(Analyzer *z, Scope *s, const NSelect *n, Query *q, Err *e) MUST_CHECK;

/* analyze_from.c */
void az_scope_init(Scope *s, Scope *outer, Query *q);
bool az_from(Analyzer *z, Scope *s, const NodeList *items, Query *q, Err *e) MUST_CHECK;
bool az_column(Analyzer *z, Scope *s, const NColumn *n, Expr **out, Err *e) MUST_CHECK;
/* LIMIT and the like: x may read columns of outer queries only. */
bool az_no_variables(Analyzer *z, const Scope *s, Expr *x, const char *what, Err *e) MUST_CHECK;
/* The columns that * or t.* stands for. */
bool az_star(Analyzer *z, Scope *s, const NColumn *n, ScopeCol **cols, size_t *count,
             Err *e) MUST_CHECK;
/* A bare name among the columns of this scope alone: 0 = none, 1 = found, 2 = ambiguous. */
int az_scope_column(const Scope *s, Slice name, Expr **out);
/* Parts of FROM that analyze_from_func.c needs, and gives. */
Rte *az_query_rte(Analyzer *z, Query *q, Slice name);
/* Where aggregates are not allowed, as messages say it; NULL: they are. */
const char *az_place_text(Place p);
bool az_rename_columns(Analyzer *z, Rte *r, const NodeList *names, const SqlNode *at,
                       Err *e) MUST_CHECK;
bool az_check_duplicate(Analyzer *z, const Scope *s, Slice schema, Slice name, bool has_alias,
                        const SqlNode *at, Err *e) MUST_CHECK;
/* What a subquery or functions in FROM give: named, in the scope, an item of FROM. */
bool az_from_derived(Analyzer *z, Scope *s, const NRange *n, Rte *r, From **out, Err *e) MUST_CHECK;
void az_scope_add_rte(Analyzer *z, Scope *s, const Rte *rte, Slice schema, bool has_alias,
                      int position);
bool az_range_func(Analyzer *z, Scope *s, const NRange *n, From **out, Err *e) MUST_CHECK;
bool az_sampled(Analyzer *z, Scope *s, const NRange *n, Rte **rte, Err *e) MUST_CHECK;
bool az_not_sampled(Analyzer *z, const NRange *n, Err *e);
/* A table, virtual relation or view by name; exactly one of the three. */
typedef struct Relation {
    const TableDef *table;
    const ViewDef *view;
    Slice schema;
} Relation;
/* A relation of this name can be made: its schema is there, and takes temporary ones.  3F000, 42P16 */
bool az_new_relation(Analyzer *z, const NRange *r, bool temporary, Err *e) MUST_CHECK;
bool az_relation(Analyzer *z, Slice schema, Slice name, const SqlNode *at, Relation *out,
                 Err *e) MUST_CHECK;
/* A table that statements may change; `what` for the message. */
bool az_table(Analyzer *z, const NRange *r, const TableDef **out, Err *e) MUST_CHECK;
/* Notes what the statement does with the relation, and with its columns; az_may asks at the end. */
RelationUse *az_use(Analyzer *z, const TableDef *t, uint32_t privileges);
void az_use_columns(RelationUse *use, Privilege p, const int16_t *columns, size_t n);
/* The variables of x are read. */
void az_reads(Analyzer *z, const Expr *x);
bool az_may(Analyzer *z, Err *e) MUST_CHECK;
void az_scope_add_rel(Analyzer *z, Scope *s, Slice name, ScopeCol *cols, size_t count);
void az_scope_add_table(Analyzer *z, Scope *s, const TableDef *t, Slice alias, Rte **rte);
/* Expr of the time column to use as the second argument of first(v), rate(v), ... */
Expr *az_time_column(Analyzer *z, Scope *s, const Expr *arg);

/* analyze_select.c */
enum {
    AZ_KEEP_UNKNOWN = 1
}; /* INSERT ... SELECT and set operations decide the types of literals */
bool az_select(Analyzer *z, Scope *outer, const NSelect *n, int flags, Query **out,
               Err *e) MUST_CHECK;
/* Gives the columns of a query these types, by casts in its own list where that is the same. */
bool az_coerce_query(Analyzer *z, Query **q, const TypeId *types, const int32_t *typmods,
                     CastLevel level, Err *e) MUST_CHECK;
/* SELECT * FROM (q): for what cannot be changed in place. */
Query *az_wrap_query(Analyzer *z, Query *q);
Slice az_column_name(const SqlNode *n);
bool az_ctes(Analyzer *z, Scope *s, const NodeList *ctes, bool recursive, Err *e) MUST_CHECK;
/* A query of WITH by its name, read now if it stands further on under RECURSIVE; NULL if none. */
bool az_find_cte(Analyzer *z, Scope *s, Slice name, Cte **out, Err *e) MUST_CHECK;
/* For a relation that is not there: a later query of WITH has the name. */
void az_with_hint(const Scope *s, Slice name, Err *e);
/* "views must not contain data-modifying statements in WITH" */
bool az_refuse_parts(const NSelect *n, const char *what, Err *e) MUST_CHECK;
bool az_set_operation(Analyzer *z, const NSelect *n, Query *q, Query *left, Query *right,
                      Err *e) MUST_CHECK;
bool az_targets(Analyzer *z, Scope *s, const NodeList *list, Target **targets, size_t *count,
                Err *e) MUST_CHECK;
void az_set_columns(Analyzer *z, Query *q);

/* analyze_tier.c: a query over a table with tiers reads each range of time from where it still is */
bool az_tiers(Analyzer *z, Query *q, Err *e) MUST_CHECK;
/* Tables of FROM, from the first-th on, are read as rows: those that are gone must not be asked for. */
void az_need_rows(const Analyzer *z, const Query *q, size_t first);

/* analyze_group.c */
bool az_group_by(Analyzer *z, Scope *s, const NSelect *n, Query *q, Err *e) MUST_CHECK;
/* One expression of GROUP BY: *key is its number, new or known. */
bool az_group_key(Analyzer *z, Scope *s, const SqlNode *n, Query *q, size_t *key,
                  Err *e) MUST_CHECK;
bool az_grouping(Analyzer *z, Scope *s, const NMulti *n, Expr **out,
                 Err *e) MUST_CHECK; /* GROUPING() */
bool az_match_groupings(Query *q, Err *e) MUST_CHECK;
/* After all clauses: moves everything behind the grouping onto its output; 42803. */
bool az_apply_grouping(Analyzer *z, Query *q, Err *e) MUST_CHECK;
/* A visitor: arg is an EXPR_COLUMN without position, which gets that of its first reference. */
bool az_find_position(void *arg, Expr **slot);
/* Direction of one ORDER BY item; its type must have an order. */
bool az_sort_key(Analyzer *z, const NSort *n, const Expr *x, bool *desc, bool *nulls_first,
                 Err *e) MUST_CHECK;
bool az_order_by(Analyzer *z, Scope *s, const NSelect *n, Query *q, Err *e) MUST_CHECK;
bool az_distinct(Analyzer *z, Scope *s, const NSelect *n, Query *q, Err *e) MUST_CHECK;

/* analyze_cycle.c */
/* The query without its SEARCH and CYCLE clauses: their columns are part of it. */
bool az_search_cycle(Analyzer *z, const NCte *n, bool recursive, const NCte **out,
                     Err *e) MUST_CHECK;
bool az_is_search_depth(Slice name); /* a column that * does not show */

/* analyze_window.c */
bool az_window_call(Analyzer *z, Scope *s, const NFunc *n, const FuncDef *f, TypeId result,
                    Expr **args, size_t arg_count, Expr **out, Err *e) MUST_CHECK;
/* The WINDOW clause: also what no call uses must be right. */
bool az_check_windows(Analyzer *z, Scope *s, Err *e) MUST_CHECK;
const Expr *az_find_window(Analyzer *z, const Expr *x); /* a call's result; NULL: none */
bool az_has_window(Analyzer *z, const Expr *x);

/* analyze_dml.c, analyze_ddl.c, analyze_utility.c */
bool az_insert(Analyzer *z, const NInsert *n, Bound *b, Err *e) MUST_CHECK;
/* The same in two steps: what it reads, in the scope of a WITH clause or NULL; its plan, once the types
 * of all parameters are known. */
bool az_insert_query(Analyzer *z, Scope *with, const NInsert *n, Bound *b, Query **q,
                     Err *e) MUST_CHECK;
bool az_insert_plan(Analyzer *z, Bound *b, Query *q, Err *e) MUST_CHECK;
bool az_modify_query(Analyzer *z, Scope *with, const NModify *n, Bound *b, Query **q,
                     Err *e) MUST_CHECK;
bool az_modify_plan(Analyzer *z, const NModify *n, Bound *b, Query *q, Err *e) MUST_CHECK;
/* view_text.c: words of the statement's own text that name a relation or a column */
void az_note_relation(Analyzer *z, const NRange *n, const TableDef *t);
void az_note_column(Analyzer *z, const NColumn *n, const Expr *x);
void az_note_star(Analyzer *z, const NColumn *n, const ScopeCol *cols, size_t count);
void az_note_target(Analyzer *z, const NTarget *t);
void az_note_zone(Analyzer *z, const NFunc *n, const FuncDef *f, Expr **args);
void az_note_time(Analyzer *z, const Expr *literal); /* that becomes a timestamptz */
bool sql_note_names(const SqlEnv *env, Arena *a, const SqlStatement *st, struct NameRefs *names,
                    Err *e) MUST_CHECK; /* analyze.c */
/* analyze_with.c: parts of a statement that run before it */
typedef struct Part Part;
bool az_has_parts(const Analyzer *z, const NodeList *ctes);
bool az_part(Analyzer *z, Scope *s, const NCte *n, Cte *c, Err *e) MUST_CHECK;
Bound *az_add_part(Analyzer *z, Cte *c); /* a plain WITH query */
bool az_part_readable(Analyzer *z, const Cte *c, const SqlNode *at, Err *e) MUST_CHECK;
/* Makes a part of an INSERT; its rows are `rows`, all columns of its table. */
void az_insert_as_part(Analyzer *z, Rte *rows, Bound *insert, Query *q, Cte *ctes);
bool az_plan_parts(Analyzer *z, Bound *b, Err *e) MUST_CHECK;
/* The columns of a table that a list names (all without one); room for all of them. */
bool az_column_list(Analyzer *z, const TableDef *t, const NodeList *names, int16_t **out,
                    size_t *count, Err *e) MUST_CHECK;
/* A value on its way into a column: 42804 says which. */
bool az_assign(Analyzer *z, const ColumnDef *c, const SqlNode *at, Expr **x, Err *e) MUST_CHECK;
bool az_column_default(Analyzer *z, const TableDef *t, int16_t index, Expr **out,
                       Err *e) MUST_CHECK;
/* SET a = x, ...: columns and values; each column at most once. */
/* analyze_assign.c */
/* stored: each column's value as it is; a column that is set in parts comes out once. */
bool az_set_list(Analyzer *z, Scope *s, const TableDef *t, const NodeList *set, Expr **stored,
                 int16_t **columns, Expr ***values, size_t *count, Err *e) MUST_CHECK;
/* What a part of the column takes: an item's type, an array, jsonb. */
bool az_part_type(Analyzer *z, const ColumnDef *c, const SqlNode *at, const NodeList *steps,
                  TypeId *want, Err *e) MUST_CHECK;
/* *x, the value for the part, becomes `whole` with the part in it. */
bool az_assign_part(Analyzer *z, Scope *s, const ColumnDef *c, const SqlNode *target,
                    const NodeList *steps, Expr *whole, Expr **x, Err *e) MUST_CHECK;
bool az_no_part_default(Analyzer *z, const ColumnDef *c, const SqlNode *target,
                        const NodeList *steps, Err *e) MUST_CHECK;
/* What ON CONFLICT adds to an INSERT: q is its source, which becomes the query of its kind.
 * extra: the source also gives defaults of columns that the statement does not name. */
bool az_on_conflict(Analyzer *z, const NInsert *n, bool extra, Query **q, BoundInsert *b,
                    Err *e) MUST_CHECK;
/* Part of a key: an UPDATE of it makes another row. */
bool az_is_key_column(const TableDef *t, int16_t column);
bool az_modify(Analyzer *z, const NModify *n, Bound *b, Err *e) MUST_CHECK;
bool az_copy(Analyzer *z, const NCopy *n, Bound *b, Err *e) MUST_CHECK;
/* analyze_constraint.c */
typedef struct ConstraintList {
    ConstraintSpec *items;
    size_t count, cap;
} ConstraintList;
bool az_default_mismatch(Analyzer *z, const ColumnSpec *c, TypeId from, Err *e); /* 42804 */
bool az_check_default(Analyzer *z, const ColumnSpec *c, const SqlNode *expr, Err *e) MUST_CHECK;
/* NULL, NOT NULL, DEFAULT, identity, TAG of a column. */
bool az_column_facts(Analyzer *z, const NColumnDef *n, ColumnSpec *c, Err *e) MUST_CHECK;
/* Adds one that has a name; t: the table as it will be; column: "" = of the table. */
bool az_constraint(Analyzer *z, const NConstraint *con, Slice column, const TableDef *t,
                   ConstraintList *list, Err *e) MUST_CHECK;
bool az_create_table(Analyzer *z, const NCreateTable *n, Bound *b, Err *e) MUST_CHECK;
bool az_create(Analyzer *z, const NCreate *n, Bound *b, Err *e) MUST_CHECK;
bool az_refresh(Analyzer *z, const NSimple *n, Bound *b, Err *e) MUST_CHECK;
bool az_alter(Analyzer *z, const NAlter *n, Bound *b, Err *e) MUST_CHECK;
/* analyze_sequence.c */
bool az_sequence_spec(Analyzer *z, const NodeList *options, SequenceSpec *out, Err *e) MUST_CHECK;
bool az_sequence(Analyzer *z, const NCreate *n, Bound *b, Err *e) MUST_CHECK;
bool az_drop(Analyzer *z, const NDrop *n, Bound *b, Err *e) MUST_CHECK;
bool az_role(Analyzer *z, const NSimple *n, Bound *b, Err *e) MUST_CHECK; /* analyze_role.c */
bool az_owner(Analyzer *z, const NSimple *n, Bound *b, Err *e) MUST_CHECK;
bool az_role_setting(Analyzer *z, const NSimple *n, Bound *b, Err *e) MUST_CHECK;
bool az_token(Analyzer *z, const NSimple *n, Bound *b, Err *e) MUST_CHECK;
bool az_grant(Analyzer *z, const NSimple *n, Bound *b, Err *e) MUST_CHECK;
bool az_retention(const NRetention *n, Bound *b);
bool az_utility(Analyzer *z, const NSimple *n, Bound *b, Err *e) MUST_CHECK;
bool az_statement(Analyzer *z, const SqlNode *n, Bound *b, Err *e) MUST_CHECK;
bool az_bound_query(Analyzer *z, const NSelect *n, BoundQuery *out, Err *e) MUST_CHECK;

/* analyze_cursor.c */
bool az_declare(Analyzer *z, const NSimple *n, Bound *b, Err *e) MUST_CHECK;
/* FOR UPDATE: which tables are locked, and whether that may be said. */
bool az_row_locks(Analyzer *z, const NSelect *n, const Query *q, BoundQuery *out,
                  Err *e) MUST_CHECK;
bool az_current_of(Analyzer *z, const NLiteral *n, const Rte *target, BoundModify *out,
                   Err *e) MUST_CHECK;
Expr *az_address(Analyzer *z, const Rte *rte, size_t part); /* of ROW_ID_COLUMNS */
QualifiedName az_qualified(Analyzer *z, const NRange *r);

/* plan.h is exec's; ours: */
bool plan_statement(Analyzer *z, Query *q, BoundQuery *out, Err *e) MUST_CHECK;
bool plan_cte_statement(Analyzer *z, Cte *c, BoundQuery *out, Err *e) MUST_CHECK; /* its rows */
/* An expression over a table's columns, indexes = column index: defaults, checks, RETURNING. */
bool plan_table_expr(Analyzer *z, const Rte *rte, Expr **x, Err *e) MUST_CHECK;

#endif
