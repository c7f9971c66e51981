/* sqlts/ast.h - the syntax tree: what was written, before anything has a meaning.
 *
 * Private to sqlts/.  Every node starts with a SqlNode; `kind` says which struct it is.  The
 * grammar builds nodes only through the constructors below, which keep `depth` (an error beyond
 * SQL_DEPTH_MAX, so that later passes may recurse).  Texts are slices of the statement or of the
 * arena.  To add a node: a kind, a struct, a constructor if several rules make it.
 * Threads: a tree is read-only once parsed. */
#ifndef SKULK_SQLTS_AST_H
#define SKULK_SQLTS_AST_H

enum { CHAIN_MAX = 20000 }; /* operators of one chain, SELECTs of one UNION */

#include "sqlts/sqlts.h"

typedef enum NodeKind {
    /* expressions */
    N_NULL = 1,
    N_BOOL,    /* NLiteral */
    N_INTEGER, /* NLiteral: digits */
    N_NUMERIC, /* NLiteral: digits with point or exponent, or too long */
    N_STRING,  /* NLiteral */
    N_BITS,    /* NLiteral: B'..' */
    N_HEX,     /* NLiteral: X'..' */
    N_PARAM,   /* NParam */
    N_COLUMN,  /* NColumn */
    N_OP,      /* NOp */
    N_AND,     /* NMulti */
    N_OR,      /* NMulti */
    N_NOT,     /* NTest */
    N_IS_NULL, /* NTest, and the next three */
    N_IS_TRUE,
    N_IS_FALSE,
    N_IS_UNKNOWN,
    N_IS_DISTINCT, /* NOp, negated for IS NOT */
    N_IN,          /* NIn */
    N_QUANTIFIED,  /* NQuantified */
    N_BETWEEN,     /* NBetween */
    N_FUNC,        /* NFunc */
    N_VALUE_FUNC,  /* NLiteral: current_date, user, ... */
    N_CAST,        /* NCast */
    N_CASE,        /* NCase */
    N_COALESCE,    /* NMulti, and the next five */
    N_GREATEST,
    N_LEAST,
    N_NULLIF,
    N_ARRAY,
    N_ROW,
    N_SUBLINK,    /* NSublink */
    N_INDIRECT,   /* NIndirect */
    N_COLLATE,    /* NCollate */
    N_DEFAULT,    /* SqlNode */
    N_NAMED_ARG,  /* NTarget */
    N_GROUPING,   /* NMulti */
    N_SEARCH,     /* NSearch */
    N_GROUP_SET,  /* NMulti: ROLLUP, CUBE, GROUPING SETS in GROUP BY */
    N_SAMPLE,     /* NSample */
    N_LOCKING,    /* NLocking */
    N_CURRENT_OF, /* NLiteral: the cursor; only as the whole of WHERE */
    N_LATEST,     /* NLatest */
    /* parts */
    N_NAME,        /* NLiteral: one word of a qualified name, or a field step of an indirection */
    N_STAR,        /* SqlNode */
    N_SUBSCRIPT,   /* NSubscript */
    N_WHEN,        /* NWhen */
    N_TYPE,        /* NType */
    N_TARGET,      /* NTarget */
    N_SORT,        /* NSort */
    N_WINDOW,      /* NWindow */
    N_CTE,         /* NCte */
    N_RANGE_TABLE, /* NRange and the next three */
    N_RANGE_QUERY,
    N_RANGE_FUNC,
    N_RANGE_JOIN,   /* NJoin */
    N_OPTION,       /* NOption */
    N_COLUMN_DEF,   /* NColumnDef */
    N_CONSTRAINT,   /* NConstraint */
    N_ALTER_ACTION, /* NAlterAction */
    N_ASSIGN,       /* NTarget: SET column = expr */
    /* statements */
    N_SELECT,
    N_INSERT,
    N_UPDATE,
    N_DELETE,
    N_COPY,
    N_CREATE_TABLE,
    N_CREATE_TABLE_AS,
    N_CREATE_VIEW,
    N_CREATE_SCHEMA,
    N_CREATE_DATABASE,
    N_CREATE_EXTENSION,
    N_CREATE_INDEX,
    N_CREATE_SEQUENCE,
    N_ALTER_SEQUENCE,
    N_DROP,
    N_ALTER_TABLE,
    N_TRUNCATE,
    N_COMMENT,
    N_TXN,
    N_SET,
    N_SHOW,
    N_RESET,
    N_DISCARD,
    N_PREPARE,
    N_EXECUTE,
    N_DEALLOCATE,
    N_DECLARE,
    N_FETCH,
    N_CLOSE,
    N_EXPLAIN,
    N_VACUUM,
    N_ANALYZE,
    N_CHECKPOINT,
    N_BACKUP,
    N_LISTEN,
    N_NOTIFY,
    N_UNLISTEN,
    N_LOCK,
    N_ROLE_STMT, /* NSimple: form RoleVerb; list: names, args: NOption */
    N_GRANT, /* NSimple: list: privileges (NLiteral, or NOption with columns) or roles, args: grantees,
                query: what on, flag: REVOKE, flag2: the grant option, flag3: CASCADE, name: who grants;
                as the target: form GrantTarget, list: objects, name: ALL ..., args: of defaults */
    N_OWNER, /* NSimple: form GrantTarget, name, text: the new owner, or (flag) name */
    N_OWNED, /* NSimple: list: roles, flag: DROP (flag3: CASCADE), name: REASSIGN TO */
    N_ROLE_SETTING, /* NSimple: list: the role (or all), name: the database (or all), query: N_SET, N_RESET */
    N_CREATE_TOKEN, /* NSimple: name, list: the role, args: NOption, flag: IF NOT EXISTS */
    N_DROP_TOKEN,   /* NSimple: list: names, flag: IF EXISTS */
    N_REFRESH, /* NSimple: range, args: from, to; flag: FORCE, flag2: NO DATA, flag3: CONCURRENTLY */
    N_RETENTION,   /* NRetention */
    N_CONTINUOUS,  /* NContinuous */
    N_UNSUPPORTED, /* NLiteral: what it is */
} NodeKind;

struct SqlNode {
    uint16_t kind;
    bool parens; /* written in parentheses of its own */
    uint32_t depth;
    uint32_t chain;  /* like operators on its left side, see ast_is_chain() */
    uint32_t offset; /* bytes from the start of the whole text: what an error points at */
};

typedef struct NodeList {
    SqlNode **items;
    size_t count, cap;
} NodeList;

typedef struct NLiteral {
    SqlNode n;
    Slice text;
    bool flag; /* N_BOOL */
} NLiteral;

typedef struct NParam {
    SqlNode n;
    uint32_t number; /* from 1 */
} NParam;

typedef struct NColumn { /* a, t.a, s.t.a, *, t.* */
    SqlNode n;
    NodeList names; /* NLiteral N_NAME */
    bool star;
} NColumn;

typedef struct NOp {
    SqlNode n;
    Slice schema, name;
    SqlNode *left; /* NULL: prefix */
    SqlNode *right;
    bool negated; /* N_IS_DISTINCT */
} NOp;

typedef struct NMulti {
    SqlNode n;
    NodeList args;
    int form; /* N_GROUP_SET: 'r' 'c' 's'; GROUP BY itself: 'd'istinct */
} NMulti;

typedef struct NTest {
    SqlNode n;
    SqlNode *arg;
    bool negated;
} NTest;

typedef struct NSelect NSelect;

typedef struct NIn {
    SqlNode n;
    SqlNode *left;
    NodeList items;
    NSelect *query; /* or */
    bool negated;
} NIn;

typedef struct NQuantified { /* left op ANY|ALL (array or query) */
    SqlNode n;
    SqlNode *left, *right;
    NSelect *query;
    Slice schema, op;
    bool all, negate_like; /* NOT LIKE ANY is spelled as an operator of its own */
} NQuantified;

typedef struct NBetween {
    SqlNode n;
    SqlNode *arg, *low, *high;
    bool symmetric, negated;
} NBetween;

typedef struct NWindow {
    SqlNode n;
    Slice name; /* WINDOW name AS (...); OVER name: only this */
    Slice base; /* (base ...) */
    NodeList partition, order;
    bool has_frame;
    FrameUnit unit;
    FrameBound start, end;
    SqlNode *start_value, *end_value;
    FrameExclude exclude;
    bool reference; /* OVER name */
} NWindow;

typedef struct NFunc {
    SqlNode n;
    NodeList names; /* N_NAME */
    NodeList args;
    NodeList order; /* NSort: inside the parentheses or WITHIN GROUP */
    SqlNode *filter;
    NWindow *over;
    bool star, distinct, variadic, within_group;
    bool sql_syntax; /* EXTRACT(..), TRIM(..): looked up in pg_catalog only */
} NFunc;

enum { INTERVAL_DIGITS_SHIFT = 8 };

typedef struct NType {
    SqlNode n;
    Slice schema, name;
    NodeList mods; /* N_INTEGER; other kinds are an error */
    int dims;      /* [] */
    bool setof;
    int percent; /* interval fields: IntervalFields, digits of the second + 1 above them */
} NType;

typedef struct NCast {
    SqlNode n;
    SqlNode *arg;
    NType *type;
} NCast;

typedef struct NWhen {
    SqlNode n;
    SqlNode *cond, *result;
} NWhen;

typedef struct NCase {
    SqlNode n;
    SqlNode *arg, *otherwise; /* may be NULL */
    NodeList whens;
} NCase;

typedef enum SublinkKind { SUB_SCALAR, SUB_EXISTS, SUB_ARRAY } SublinkKind;
typedef struct NSublink {
    SqlNode n;
    SublinkKind form;
    NSelect *query;
} NSublink;

typedef struct NSubscript {
    SqlNode n;
    SqlNode *lower, *upper; /* may be NULL in a slice */
    bool slice;
} NSubscript;

typedef struct NIndirect {
    SqlNode n;
    SqlNode *arg;
    NodeList steps; /* N_NAME, N_SUBSCRIPT, N_STAR */
} NIndirect;

typedef struct NCollate {
    SqlNode n;
    SqlNode *arg;
    NodeList names;
} NCollate;

typedef struct NTarget { /* select list, named argument, SET c = e */
    SqlNode n;
    Slice name; /* "" = none given */
    SqlNode *expr;
    NodeList steps; /* SET c[1]['k'] = e: the part; as in NIndirect */
} NTarget;

typedef struct NSort {
    SqlNode n;
    SqlNode *expr;
    char direction; /* 'a', 'd', 'u' (USING) */
    char nulls;     /* 0, 'f', 'l' */
    Slice op;       /* USING */
} NSort;

typedef struct NSearch { /* SEARCH, CYCLE of a recursive WITH query */
    SqlNode n;
    NodeList columns; /* N_NAME */
    Slice name;       /* of the sequence; of the mark */
    bool breadth;
    SqlNode *value, *otherwise; /* of the mark */
    Slice path;
} NSearch;

typedef struct NCte {
    SqlNode n;
    Slice name;
    NodeList columns; /* N_NAME */
    SqlNode *query;
    char materialized; /* 0, 'y', 'n' */
    NSearch *search, *cycle;
} NCte;

typedef struct NRange { /* one item of FROM, or the target of a statement */
    SqlNode n;
    Slice schema, name; /* N_RANGE_TABLE */
    Slice database;     /* "" = not named */
    NSelect *query;     /* N_RANGE_QUERY */
    SqlNode *func;      /* N_RANGE_FUNC */
    Slice alias;
    NodeList columns; /* N_NAME, or N_COLUMN_DEF for AS t(a int, b text) */
    bool lateral, ordinality;
    NodeList rows_from;           /* ROWS FROM (f(), g()): the calls */
    SqlNode *sample, *repeatable; /* TABLESAMPLE: method(arguments) as NFunc */
    uint32_t privileges;          /* that are needed; 0 = SELECT */
    const TableDef *part_of;      /* not NULL: a part of this continuous view (continuous.h) */
    int part;                     /* ViewPart */
    size_t part_number;
} NRange;

typedef struct NJoin {
    SqlNode n;
    JoinType type;
    bool natural, cross;
    SqlNode *left, *right;
    NodeList using_names;
    bool has_using;
    SqlNode *on;
    bool asof;
    SqlNode *tolerance;
    Slice using_alias;
    Slice alias; /* (a JOIN b) AS alias */
    NodeList columns;
} NJoin;

typedef struct NSample { /* SAMPLE BY */
    SqlNode n;
    SqlNode *width, *from, *to;
    NodeList fills;
    SqlNode *zone, *offset;
    bool first_observation;
} NSample;

typedef struct NLatest { /* LATEST ON */
    SqlNode n;
    SqlNode *time;
    NodeList partition;
} NLatest;

typedef enum SelectForm {
    SELECT_PLAIN,
    SELECT_VALUES,
    SELECT_UNION,
    SELECT_INTERSECT,
    SELECT_EXCEPT
} SelectForm;
struct NSelect {
    SqlNode n;
    SelectForm form;
    bool recursive; /* WITH RECURSIVE */
    NodeList ctes;  /* NCte */
    bool distinct;
    NodeList distinct_on;
    NodeList targets; /* NTarget */
    NodeList from;
    SqlNode *where, *having;
    NodeList group;
    bool has_group, group_distinct;
    NSample *sample; /* in place of GROUP BY */
    NLatest *latest;
    NodeList windows; /* NWindow */
    NodeList rows;    /* VALUES: NMulti N_ROW */
    bool all;         /* UNION ALL */
    NSelect *left, *right;
    NodeList order; /* NSort */
    SqlNode *limit, *offset;
    bool limit_ties;
    NodeList locking; /* FOR UPDATE: NLocking */
    NRange *into;     /* SELECT INTO */
};

typedef struct NLocking { /* FOR UPDATE [OF a, b] [NOWAIT] */
    SqlNode n;
    const char *words; /* "FOR UPDATE" */
    RowsLock wait;
    NodeList of; /* NRange */
} NLocking;

typedef struct NOption { /* WITH (name = value), COPY and EXPLAIN options */
    SqlNode n;
    Slice name;
    Slice value; /* as text; "" = none */
    bool has_value;
    NodeList names; /* (a, b) or * */
    bool star;
} NOption;

typedef enum ConstraintKind {
    CON_NULL,
    CON_NOT_NULL,
    CON_DEFAULT,
    CON_CHECK,
    CON_UNIQUE,
    CON_PRIMARY_KEY,
    CON_TAG,
    CON_TIME_INDEX,
    CON_FOREIGN_KEY,
    CON_IDENTITY,
    CON_GENERATED,
    CON_DEFERRABLE,
    CON_NONE /* COLLATE, NOT DEFERRABLE: no effect */,
} ConstraintKind;

typedef struct NConstraint {
    SqlNode n;
    ConstraintKind con;
    Slice name; /* CONSTRAINT name */
    Slice text; /* DEFAULT and CHECK: the expression as written */
    SqlNode *expr;
    NodeList columns;
    NodeList attributes; /* of a table's: NConstraint */
    char identity;       /* 'a'lways, by 'd'efault */
    NodeList options;    /* of its sequence */
} NConstraint;

typedef struct NColumnDef {
    SqlNode n;
    Slice name;
    NType *type;
    NodeList constraints;
} NColumnDef;

typedef struct NInsert {
    SqlNode n;
    NodeList ctes;
    bool recursive;
    NRange *table;
    NodeList columns;                             /* NIndirect-free: N_NAME */
    NSelect *query;                               /* NULL: DEFAULT VALUES */
    char overriding;                              /* 's'ystem, 'u'ser value; 0 = not */
    int conflict;                                 /* 0, 'n'othing, 'u'pdate */
    const SqlNode *on_conflict, *conflict_target; /* where they stand */
    NodeList conflict_columns;
    Slice conflict_constraint;
    NodeList set; /* NTarget N_ASSIGN */
    SqlNode *set_where;
    NodeList returning;
} NInsert;

typedef struct NModify { /* UPDATE, DELETE */
    SqlNode n;
    NodeList ctes;
    bool recursive;
    NRange *table;
    NodeList set, from, returning;
    SqlNode *where;
} NModify;

typedef struct NCopy {
    SqlNode n;
    NRange *table;
    NodeList columns;
    SqlNode *query;
    bool from, to_file;
    NodeList options;
    SqlNode *where;
} NCopy;

typedef struct NCreateTable {
    SqlNode n;
    NRange *table;
    bool if_not_exists, temporary, with_no_data, inherits;
    NodeList elements; /* NColumnDef, NConstraint, NRange (LIKE, its options in `columns`) */
    NodeList names;    /* CREATE TABLE AS: column names */
    NodeList options;  /* NOption */
    SqlNode *query;    /* CREATE TABLE AS, or an EXECUTE */
} NCreateTable;

typedef struct NCreate { /* view, schema, database, extension, index */
    SqlNode n;
    NRange *range;
    Slice name, text;
    bool if_not_exists, or_replace, unique, temporary, materialized, with_no_data;
    NodeList columns; /* names, or expressions of an index */
    NSelect *query;
    NodeList options;
} NCreate;

typedef struct NDrop {
    SqlNode n;
    DropKind what;
    NodeList names; /* NRange */
    bool if_exists, cascade;
} NDrop;

typedef struct NAlterAction {
    SqlNode n;
    AlterKind action;
    Slice name, new_name;
    NColumnDef *column;
    NConstraint *constraint; /* ADD CONSTRAINT */
    NType *type;
    SqlNode *using_expr;
    Slice text; /* SET DEFAULT */
    NodeList options, columns;
    char identity;
    bool if_exists, if_not_exists, cascade;
} NAlterAction;

typedef struct NAlter {
    SqlNode n;
    NRange *table;
    int what; /* 0 table, 'v'iew, 'i'ndex, 'S'equence */
    bool if_exists;
    NodeList actions;
} NAlter;

enum { /* DECLARE */
       CURSOR_SCROLL = 1,
       CURSOR_NO_SCROLL = 2,
       CURSOR_BINARY = 4,
       CURSOR_INSENSITIVE = 8,
       CURSOR_ASENSITIVE = 16,
};

typedef struct NSimple { /* the small statements: which fields count depends on the kind */
    SqlNode n;
    int form; /* TXN: TxnKind; FETCH: FetchKind; DECLARE: CURSOR_...; COMMENT: 't'able 'c'olumn 'd'atabase 's'chema 'o'ther */
    Slice name, text;
    bool flag, flag2, flag3, null_text;
    int deferrable; /* TXN */
    int64_t count;
    NodeList list, args;
    NRange *range;
    SqlNode *query;       /* PREPARE, DECLARE, EXPLAIN */
    uint32_t query_begin; /* of `text`, which is the query's */
} NSimple;

typedef struct NRetention { /* no names to be looked up, no expressions: as it is carried out */
    SqlNode n;
    BoundRetention is;
} NRetention;

typedef struct NContinuous { /* InfluxDB's CREATE, DROP CONTINUOUS QUERY */
    SqlNode n;
    Slice name, database; /* database: "" = not named */
    Slice every, for_;    /* RESAMPLE; "" = not said */
    Slice body;           /* InfluxQL, between BEGIN and END */
    bool drop;
} NContinuous;

/* ---- building (ast.c) ---- */

/* What the grammar works with; one for each statement. */
typedef struct ParseState {
    Arena *arena;
    Slice whole;       /* the whole text, NUL follows */
    uint32_t prev_end; /* end of the token before the one that is being fed */
    SqlNode *result;
    bool failed;
    Err *err; /* set when failed */
    const SqlNode *databases[2];
} ParseState;

void *ast_alloc(ParseState *ps, size_t size, NodeKind kind, uint32_t offset);
#define AST(ps, type, kind, offset) ((type *)ast_alloc((ps), sizeof(type), (kind), (offset)))
/* Parent stands above child; fails the parse when too deep.  child may be NULL. */
void ast_adopt(ParseState *ps, void *parent, const void *child);
void ast_adopt_list(ParseState *ps, void *parent, const NodeList *list);
void ast_fail(ParseState *ps, ErrCode code, uint32_t offset, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void ast_syntax_error(ParseState *ps, uint32_t offset, Slice token);

NodeList ast_list(ParseState *ps, void *first); /* NULL: empty */
NodeList ast_append(ParseState *ps, NodeList list, void *item);

SqlNode *ast_literal(ParseState *ps, NodeKind kind, uint32_t offset, Slice text);
SqlNode *ast_bool(ParseState *ps, uint32_t offset, bool value);
SqlNode *ast_integer(ParseState *ps, uint32_t offset, Slice digits);
/* Is n, written without parentheses of its own, op of the same operator (+ * ||) on its left?  Such a
 * chain counts as one level: whoever walks it goes down its left side in a loop. */
bool ast_is_chain(const SqlNode *n, const SqlNode *left);
SqlNode *ast_op(ParseState *ps, uint32_t offset, Slice name, SqlNode *left, SqlNode *right);
SqlNode *ast_op_named(ParseState *ps, uint32_t offset, NodeList names, SqlNode *left,
                      SqlNode *right);
SqlNode *ast_logic(ParseState *ps, NodeKind kind, uint32_t offset, SqlNode *left, SqlNode *right);
SqlNode *ast_test(ParseState *ps, NodeKind kind, uint32_t offset, SqlNode *arg, bool negated);
SqlNode *ast_distinct_from(ParseState *ps, uint32_t offset, SqlNode *left, SqlNode *right,
                           bool negated);
SqlNode *ast_like(ParseState *ps, uint32_t offset, const char *op, SqlNode *left, SqlNode *right,
                  SqlNode *escape);
SqlNode *ast_similar(ParseState *ps, uint32_t offset, bool negated, SqlNode *left, SqlNode *right,
                     SqlNode *escape);
SqlNode *ast_between(ParseState *ps, uint32_t offset, SqlNode *arg, SqlNode *low, SqlNode *high,
                     int flags);
enum { AST_NEGATED = 1, AST_SYMMETRIC = 2 };
SqlNode *ast_in(ParseState *ps, uint32_t offset, SqlNode *left, SqlNode *right, bool negated);
SqlNode *ast_quantified(ParseState *ps, uint32_t offset, SqlNode *left, NodeList op, bool all,
                        SqlNode *right);
SqlNode *ast_multi(ParseState *ps, NodeKind kind, uint32_t offset, NodeList args);
SqlNode *ast_func(ParseState *ps, uint32_t offset, const char *name,
                  NodeList args); /* SQL syntax */
SqlNode *ast_func_named(ParseState *ps, uint32_t offset, NodeList names, NodeList args);
SqlNode *ast_cast(ParseState *ps, uint32_t offset, SqlNode *arg, SqlNode *type);
SqlNode *ast_type(ParseState *ps, uint32_t offset, const char *name, NodeList mods);
SqlNode *ast_typed_literal(ParseState *ps, uint32_t offset, SqlNode *type, uint32_t value_offset,
                           Slice value);
SqlNode *ast_column(ParseState *ps, uint32_t offset, Slice first, const NodeList *rest);
SqlNode *ast_indirect(ParseState *ps, SqlNode *arg, NodeList steps);
SqlNode *ast_sublink(ParseState *ps, SublinkKind form, uint32_t offset, SqlNode *query);
SqlNode *ast_target(ParseState *ps, NodeKind kind, uint32_t offset, Slice name, SqlNode *expr);
SqlNode *ast_range(ParseState *ps, uint32_t offset, NodeList names);
SqlNode *ast_setop(ParseState *ps, SelectForm form, uint32_t offset, bool all, SqlNode *left,
                   SqlNode *right);
SqlNode *ast_negate(ParseState *ps, uint32_t offset, SqlNode *arg); /* -1 is a literal */
SqlNode *ast_simple(ParseState *ps, NodeKind kind, uint32_t offset, int form, Slice name);
SqlNode *ast_option(ParseState *ps, uint32_t offset, Slice name, Slice value, bool has_value);
/* The name of the last word; the words before it. */
Slice ast_name_text(const SqlNode *name);
Slice ast_last_name(const NodeList *names);
/* Text between two bytes of the whole, blanks cut. */
Slice ast_span(const ParseState *ps, uint32_t begin, uint32_t end);

#endif
