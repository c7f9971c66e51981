/* sqlts/sqlts.h - SQL-TS: text to statements, statements to plans.
 *
 * sql_parse: re2c lexer + Lemon grammar give a syntax tree (sqlts/ast.h, private to the folder but
 * for utility statements).  sql_analyze: names, types, privileges, then the planner: a Bound.
 * Queries and the sources of INSERT and COPY are exec plans; what changes or reports state is a typed
 * utility node that session/ carries out.  Nothing here runs or blocks.
 * To add a statement: grammar rule, node here, a row in session's dispatch table.
 * Threads: pure; everything lives in the caller's arena. */
#ifndef SKULK_SQLTS_SQLTS_H
#define SKULK_SQLTS_SQLTS_H

#include "exec/plan.h"
#include "exec/query.h"
#include "sqlts/continuous.h"
#include "storage/acl.h"
#include "storage/engine.h"

enum { SQL_TEXT_MAX = 64 << 20, SQL_DEPTH_MAX = 1000, SQL_PARAMS_MAX = 65535 };

typedef struct SqlNode SqlNode; /* syntax tree */

typedef struct SqlStatement { /* one of a multi-statement text */
    SqlNode *node;
    Slice text;    /* its own text, without the semicolon and surrounding blanks */
    size_t offset; /* of text in the whole, bytes */
    /* Relations that are named with their database; of two different ones at least one is not ours. */
    const SqlNode *databases[2];
} SqlStatement;

/* Parses a whole Query message.  0 statements for an empty text.  42601 `syntax error at or near "x"` with position;
 * 54001 beyond SQL_DEPTH_MAX. */
bool sql_parse(Arena *a, Slice text, SqlStatement **out, size_t *count, Err *e) MUST_CHECK;

/* What the planner is told of a table: roughly, and as it is now. */
typedef struct TableSize {
    double rows;
    int64_t t_min, t_max; /* ns; rows > 0 */
} TableSize;

/* Names in the text of a view. */
typedef struct ViewNames {
    const CatalogSnap *after; /* what they are now */
    bool expand;              /* a star becomes the list of its columns */
    bool shown;               /* without the schema where that means the same, as it was written */
    bool zones;               /* date_trunc(unit, timestamptz) gets the zone of the session */
} ViewNames;

/* What a statement does with a relation. */
typedef struct RelationUse {
    const TableDef *table;
    const TableDef
        *view; /* in whose text it stands: its owner's rights count; NULL = the statement's */
    uint32_t privileges; /* Privilege bits that are needed, for the table or ... */
    uint8_t *columns;    /* ... those of these columns (by index; any one if none is named) */
} RelationUse;

/* What names mean: filled by session. */
typedef struct SqlEnv {
    const CatalogSnap *catalog;
    ObjectId database;
    const Slice *search_path; /* schema names in order, "pg_catalog" implied first */
    size_t search_path_count;
    const SchemaDef *temp; /* temporary relations, before all others; NULL = none */
    EvalCtx *fold;         /* for folding constants and reading literals (TimeZone, now, session) */
    bool params_none;      /* $n is an error: a simple Query */
    /* Tables with tiers show the rows that are there, and that is all; told of each.  NULL: tiers are read. */
    void (*tiers_ignored)(void *arg, const TableDef *t);
    /* COPY t TO copies the rows that are there; t has tiers. */
    void (*tiers_copied)(void *arg, const TableDef *t);
    bool views_as_text;         /* what is stored of views does not count: do their queries work? */
    const ViewRefresh *refresh; /* this view's name stands for states (continuous.h); or NULL */
    /* False + 42501: the rights are not there; asked once all else is known to be right.  May be NULL. */
    bool (*allow)(void *arg, const CatalogSnap *catalog, const RelationUse *use, Err *e);
    /* May names be looked up in the schema?  NULL: yes. */
    bool (*may_look)(void *arg, const CatalogSnap *catalog, const SchemaDef *s);
    /* For estimates; may be NULL.  Different values of a column that is in the series: 0 = not known. */
    void (*table_size)(void *arg, const TableDef *t, TableSize *out);
    double (*distinct_tags)(void *arg, const TableDef *t, ColumnId column);
    void (*column_about)(void *arg, const TableDef *t, ColumnId column,
                         ColumnAbout *out); /* numbers */
    void *arg;
} SqlEnv;

typedef struct OutColumn {
    Slice name;
    TypeId type;
    int32_t typmod;
    TableId table;  /* origin, 0 = computed */
    int16_t attnum; /* from 1; 0 */
} OutColumn;

typedef enum BoundKind {
    BOUND_QUERY, /* SELECT, VALUES, TABLE, WITH */
    BOUND_INSERT,
    BOUND_MODIFY, /* UPDATE, DELETE */
    BOUND_COPY_FROM,
    BOUND_COPY_TO,
    BOUND_EXPLAIN,
    BOUND_CREATE_TABLE,
    BOUND_CREATE_TABLE_AS,
    BOUND_DROP,
    BOUND_ALTER_TABLE,
    BOUND_HYPERTABLE, /* an ALTER TABLE that answers as a call of TimescaleDB does */
    BOUND_TRUNCATE,
    BOUND_CREATE_SCHEMA,
    BOUND_CREATE_DATABASE,
    BOUND_CREATE_VIEW,
    BOUND_REFRESH,
    BOUND_CREATE_INDEX,
    BOUND_CREATE_SEQUENCE,
    BOUND_ALTER_SEQUENCE,
    BOUND_CREATE_EXTENSION,
    BOUND_COMMENT,
    BOUND_TXN, /* BEGIN COMMIT ROLLBACK SAVEPOINT RELEASE ROLLBACK TO */
    BOUND_SET,
    BOUND_SHOW,
    BOUND_RESET,
    BOUND_DISCARD,
    BOUND_PREPARE,
    BOUND_EXECUTE,
    BOUND_DEALLOCATE,
    BOUND_DECLARE,
    BOUND_FETCH,
    BOUND_CLOSE,
    BOUND_CHECKPOINT,
    BOUND_BACKUP,
    BOUND_VACUUM,
    BOUND_ANALYZE,
    BOUND_LISTEN,
    BOUND_NOTIFY,
    BOUND_UNLISTEN,
    BOUND_LOCK,
    BOUND_ROLE,
    BOUND_GRANT,
    BOUND_RETENTION,
    BOUND_OWNER,
    BOUND_OWNED,
    BOUND_ROLE_SETTING,
    BOUND_CREATE_TOKEN,
    BOUND_DROP_TOKEN,
    BOUND_EMPTY,
} BoundKind;

typedef enum CommentKind {
    COMMENT_TABLE,
    COMMENT_VIEW,
    COMMENT_SEQUENCE,
    COMMENT_COLUMN,
    COMMENT_CONSTRAINT, /* up to here the name is a relation's */
    COMMENT_INDEX,
    COMMENT_SCHEMA,
    COMMENT_DATABASE,
    COMMENT_ROLE,
    COMMENT_EXTENSION,
} CommentKind;

typedef struct NameValue {
    Slice name, value;
} NameValue; /* WITH (...) options, value "" if bare */

typedef struct QualifiedName {
    Slice schema, name;
    int position;
} QualifiedName; /* schema "" = search path */

typedef struct SequenceLimit { /* an option with a number: NO MAXVALUE, RESTART: none */
    bool given, none;
    int64_t value;
} SequenceLimit;

typedef struct SequenceSpec { /* CREATE, ALTER SEQUENCE, identity columns */
    TypeId type;              /* 0 = not given */
    SequenceLimit increment, min, max, start, restart, cache;
    bool has_cycle, cycle, has_owner;
    QualifiedName name; /* SEQUENCE NAME of an identity column; "" = made of the column's */
    QualifiedName owner;
    Slice owner_column; /* "" = NONE */
    TableId like;       /* the options of this column's sequence, and no others; 0 = none */
    ColumnId like_column;
} SequenceSpec;

typedef struct ColumnSpec { /* CREATE TABLE, ADD COLUMN */
    Slice name;
    TypeId type;
    int32_t typmod;
    bool not_null, tag, time_index, serial;
    char identity;         /* GENERATED: 'a'lways, by 'd'efault */
    SequenceSpec sequence; /* serial, identity */
    Slice default_sql, comment;
    int position;
} ColumnSpec;

typedef struct ConstraintSpec { /* PRIMARY KEY, UNIQUE, CHECK, of a column or the table */
    ConstraintType type;
    Slice name;     /* "" = to be chosen */
    Slice *columns; /* CHECK: those that it reads */
    size_t column_count;
    Slice text; /* CHECK */
} ConstraintSpec;

/* A statement that runs before the one it is a part of; what it gives is read as WITH query `cte`. */
typedef struct BoundPart {
    uint32_t cte;
    Slice name;
    struct Bound *bound;
} BoundPart;

typedef enum RowsLock { /* SELECT ... FOR UPDATE: if somebody has the table */
                        ROWS_LOCK_NONE,
                        ROWS_LOCK_WAIT,
                        ROWS_LOCK_NOWAIT,
                        ROWS_LOCK_SKIP,
} RowsLock;

typedef struct BoundQuery {
    PlannedQuery plan;
    OutColumn *cols;
    size_t col_count;
    bool is_values_only;
    RowsLock lock; /* the write locks of these tables are taken first */
    const TableDef **locked;
    size_t lock_count;
    /* Cursors: behind col_count come ROW_ID_COLUMNS of each of these tables, for WHERE CURRENT OF. */
    const TableDef **addressed;
    size_t addressed_count;
} BoundQuery;

typedef struct BoundInsert {
    const TableDef *table;
    RelationUse *use;
    int16_t *
        targets; /* index into table->columns for each column of the source plan, defaults included */
    size_t target_count;
    BoundQuery source; /* already cast to the column types, in the order of targets */
    enum {
        CONFLICT_NONE,
        CONFLICT_NOTHING,
        CONFLICT_REPLACE, /* DO UPDATE that takes over just the inserted columns */
        CONFLICT_UPDATE,
    } on_conflict;
    /* CONFLICT_UPDATE: the source goes on with the address of the row that is there (ROW_ID_COLUMNS,
     * NULL = none), WHERE of DO UPDATE (bool), the values of `set`, then the table's columns as they
     * are, the dropped ones left out. */
    int16_t *set;
    size_t set_count;
    int16_t *stored; /* ... those columns */
    size_t stored_count;
    ObjectId arbiter; /* the constraint that ON CONFLICT means; 0 = any */
    Expr **returning; /* over the table's columns (index = column index) */
    OutColumn *returning_cols;
    size_t returning_count;
} BoundInsert;

/* What addresses a stored row: series, exact time, row number (int8 each). */
enum { ROW_SERIES, ROW_TIME, ROW_NUMBER, ROW_ID_COLUMNS };

typedef struct BoundModify { /* UPDATE, DELETE */
    const TableDef *table;
    /* Each row to change, once: ROW_ID_COLUMNS, the new values of `targets`, the columns of `kept` as
     * they are (where constraints are to be checked), RETURNING. */
    BoundQuery source;
    int16_t *targets; /* indexes into table->columns; none: DELETE */
    size_t target_count;
    int16_t *kept;
    size_t kept_count;
    int16_t *old; /* ... then what these, in keys of an ordinary table, were before */
    size_t old_count;
    bool moves;   /* key columns change: the old row goes, a new one (all columns) comes */
    bool returns; /* RETURNING: the last `returning_count` columns of the source */
    const OutColumn *returning;
    size_t returning_count;
    /* WHERE CURRENT OF: the address of the cursor's row comes as parameters, behind the statement's. */
    Slice cursor;
    Expr *where_address, *address[ROW_ID_COLUMNS];
    /* DELETE whose rows are whole series in a range of time: the source is a PlanScan without a
     * filter, and `count` is SELECT count(*) with the same conditions. */
    bool is_range;
    BoundQuery count;
} BoundModify;

typedef enum CopyFormat { COPY_TEXT, COPY_CSV, COPY_BINARY } CopyFormat;
typedef struct BoundCopy {
    const TableDef *table; /* FROM, or TO of a table */
    int16_t *columns;      /* indexes */
    size_t column_count;
    BoundQuery source; /* TO */
    CopyFormat format;
    char delimiter, quote, escape;
    Slice null_text;
    bool header, header_match;
    bool *force_null, *force_not_null, *force_quote; /* per column or NULL */
    const char *charset, *encoding; /* iconv's and PostgreSQL's name of an encoding with one byte a
                                       character; NULL = UTF-8 */
    Expr *where;                    /* FROM: over the columns of the table; NULL = every row */
} BoundCopy;

typedef enum DropKind {
    DROP_TABLE,
    DROP_VIEW,
    DROP_MATVIEW,
    DROP_SCHEMA,
    DROP_DATABASE,
    DROP_INDEX,
    DROP_SEQUENCE
} DropKind;

typedef enum RoleVerb { ROLE_DO_CREATE, ROLE_DO_ALTER, ROLE_DO_DROP } RoleVerb;
typedef enum GrantTarget {
    GRANT_ON_ROLES,
    GRANT_ON_TABLES,
    GRANT_ON_SCHEMAS,
    GRANT_ON_DATABASES,
    GRANT_ON_SEQUENCES,
    GRANT_ON_ALL_TABLES, /* of the schemas that are named */
    GRANT_ON_ALL_SEQUENCES,
    GRANT_ON_ALL_FUNCTIONS, /* there are none */
    GRANT_ON_DEFAULTS,      /* ALTER DEFAULT PRIVILEGES */
} GrantTarget;

typedef struct ColumnGrant { /* SELECT (a, b) */
    uint32_t privileges;     /* 0: ALL */
    Slice column;
    int position;
} ColumnGrant;

typedef enum AlterKind {
    ALTER_ADD_COLUMN,
    ALTER_DROP_COLUMN,
    ALTER_RENAME_COLUMN,
    ALTER_RENAME_TABLE,
    ALTER_TYPE,
    ALTER_SET_OPTIONS,
    ALTER_TIME_COLUMN, /* the table becomes a time-series table, if it is none */
    ALTER_RESET_OPTIONS,
    ALTER_SET_DEFAULT,
    ALTER_DROP_DEFAULT,
    ALTER_SET_NOT_NULL,
    ALTER_DROP_NOT_NULL,
    ALTER_SET_SCHEMA,
    ALTER_OWNER,
    ALTER_ADD_CONSTRAINT,
    ALTER_DROP_CONSTRAINT,
    ALTER_RENAME_CONSTRAINT,
    ALTER_ADD_IDENTITY,
    ALTER_SET_IDENTITY,
    ALTER_DROP_IDENTITY,
} AlterKind;
typedef enum HypertableAnswer { /* columns of BOUND_HYPERTABLE */
                                HYPERTABLE_VOID,
                                HYPERTABLE_SHORT,  /* id, created */
                                HYPERTABLE_LONG,   /* id, schema, table, created */
                                RETENTION_ADDED,   /* id of the job */
                                RETENTION_REMOVED, /* nothing */
                                CHUNKS_DROPPED,    /* a name each */
                                VIEW_POLICY_ADDED, /* id of the job */
                                VIEW_POLICY_REMOVED,
} HypertableAnswer;

typedef struct AlterAction {
    AlterKind kind;
    ColumnSpec column;           /* ADD, TYPE (name, type), SET DEFAULT (name, default_sql) */
    ConstraintSpec *constraints; /* ADD COLUMN, ADD CONSTRAINT */
    size_t constraint_count;
    Slice using_sql;       /* TYPE */
    char identity;         /* ADD, SET GENERATED; 0: as it is */
    bool changes_sequence; /* SET INCREMENT ... of an identity column: column.sequence */
    Slice name, new_name;
    bool if_exists, cascade;
    NameValue *options;
    size_t option_count;
} AlterAction;

typedef enum RetentionVerb {
    TTL_CREATE,
    TTL_DROP,
    POLICY_CREATE, /* InfluxDB's RETENTION POLICY */
    POLICY_ALTER,
    POLICY_DROP,
    DATABASE_TTL, /* ALTER DATABASE, SCHEMA ... SET ttl */
    SCHEMA_TTL,
} RetentionVerb;
typedef struct BoundRetention {
    RetentionVerb verb;
    Slice name;                   /* of the TTL, policy, database or schema */
    QualifiedName table;          /* TTL */
    Slice database;               /* policy */
    Slice condition;              /* CREATE TTL */
    Slice duration, shard, limit; /* as written; "" = not given */
    bool standard;                /* DEFAULT */
    bool reset;
    bool if_exists; /* CREATE: if not */
} BoundRetention;

typedef enum TxnKind {
    TXN_BEGIN,
    TXN_COMMIT,
    TXN_ROLLBACK,
    TXN_SAVEPOINT,
    TXN_RELEASE,
    TXN_ROLLBACK_TO,
    TXN_SET_MODES
} TxnKind;

typedef enum FetchKind { FETCH_STEP, FETCH_ABSOLUTE, FETCH_RELATIVE } FetchKind;
#define FETCH_ALL INT64_MAX /* rows of FETCH_STEP */

typedef struct BoundRefresh {
    QualifiedName name;
    Expr *from, *to; /* constant, timestamptz; NULL = all */
    bool force, no_data, concurrently;
} BoundRefresh;

typedef struct Bound {
    BoundKind kind;
    const char *tag;     /* CommandComplete without count: "SELECT", "INSERT 0", "CREATE TABLE" */
    TypeId *param_types; /* inferred */
    size_t param_count;
    bool read_only;
    BoundPart *parts; /* in order */
    size_t part_count;
    union {
        BoundQuery query;
        BoundInsert insert;
        BoundModify modify;
        BoundCopy copy;
        struct {
            struct Bound *inner;
            ExplainOptions options;
            bool settings; /* say which differ from the default */
        } explain;
        struct {
            QualifiedName name;
            bool if_not_exists, temporary;
            ColumnSpec *cols;
            size_t col_count;
            ConstraintSpec *constraints; /* in the order written, those of columns included */
            size_t constraint_count;
            NameValue *options;
            size_t option_count;
            BoundQuery as;
            struct Bound *execute; /* its rows instead of those of `as`, under these names */
            Slice *names;
            size_t name_count;
            bool with_no_data;
        } create_table;
        struct {
            DropKind what;
            QualifiedName *names;
            size_t count;
            bool if_exists, cascade;
        } drop;
        struct {
            QualifiedName name;
            bool if_exists;
            AlterAction *actions;
            size_t count;
            int what; /* 0 table, 'v'iew, 'i'ndex, 'S'equence */
            /* BOUND_HYPERTABLE: */
            HypertableAnswer answer;
            Slice older_than, newer_than; /* CHUNKS_DROPPED: SQL, "" = no border */
            bool as_row;                  /* SELECT f(): one column, the row as text */
            bool if_not_exists, migrate;
            Slice call; /* its name */
        } alter;        /* also CREATE INDEX */
        struct {
            QualifiedName *names;
            size_t count;
            bool restart; /* the sequences of its columns */
        } truncate;
        struct {
            Slice name;
            bool if_not_exists;
            Slice owner; /* "" = the current role */
        } create_named;  /* schema, database, extension */
        struct {
            QualifiedName name;
            bool or_replace, temporary, reads_temporary;
            bool if_not_exists, materialized,
                with_no_data;          /* materialized: the first and last too */
            bool keeps_options;        /* ADD COLUMN: those of the old version */
            ContinuousDef *continuous; /* what the query says; NULL: it is none */
            NameValue *options;
            size_t option_count;
            Slice text;
            BoundQuery query;
        } create_view;
        BoundRefresh refresh;
        struct {
            QualifiedName name;
            bool if_exists; /* CREATE: if not */
            bool temporary;
            SequenceSpec spec;
        } sequence;
        struct {
            RoleVerb verb;
            Slice *names; /* "current_user" and "session_user" stand for themselves */
            size_t count;
            bool if_exists, login; /* login: CREATE USER */
            uint32_t set, clear;   /* RoleFlag */
            bool has_password, null_password, has_limit;
            Slice password, valid_until, new_name; /* "" = not named */
            int32_t connection_limit;
            Slice *in_roles, *members, *admins;
            size_t in_role_count, member_count, admin_count;
        } role;
        struct {
            GrantTarget on; /* schemas, databases */
            Slice name, owner;
            bool rename; /* `owner` is a new name */
        } owner;
        struct {
            Slice *roles;
            size_t count;
            bool drop, cascade;
            Slice to; /* REASSIGN */
        } owned;
        struct {
            Slice role, database; /* "" = all */
            Slice name, value;    /* name "all": RESET ALL */
            bool reset;
        } role_setting;
        struct {
            Slice *names; /* CREATE: one */
            size_t count;
            Slice role, valid_until; /* NULL: for ever */
            bool if_exists;          /* CREATE: if not */
        } token;
        struct {
            bool revoke, option; /* option: WITH GRANT OPTION, GRANT OPTION FOR */
            bool cascade;
            GrantTarget on;
            bool all;             /* ALL [PRIVILEGES] */
            uint32_t privileges;  /* those without columns */
            ColumnGrant *columns; /* one for each column and word */
            size_t column_count;
            QualifiedName *objects; /* GRANT_ON_ROLES: the roles that are given */
            size_t object_count;
            Slice *grantees; /* "public" */
            size_t grantee_count;
            Slice grantor; /* "" = not named */
            /* ALTER DEFAULT PRIVILEGES */
            GrantKind defaults;
            Slice *for_roles, *in_schemas;
            size_t for_role_count, in_schema_count;
        } grant;
        struct {
            CommentKind what;
            QualifiedName name;
            Slice column, text; /* column: of COMMENT_COLUMN; the name of a constraint */
            bool null_text;
        } comment;
        struct {
            TxnKind kind;
            Slice name;
            bool has_isolation;
            Slice isolation;
            int read_only, deferrable; /* -1 unset */
            bool chain;
            bool session; /* SET SESSION CHARACTERISTICS: the defaults of later transactions */
        } txn;
        struct {
            Slice name, value;
            bool local, is_default, session;
        } set; /* SHOW, RESET: name ("all") ; value: list joined by ", " */
        struct {
            Slice name;
            SqlStatement statement;
            TypeId *types;
            size_t type_count;
        } prepare;
        struct {
            Slice name;
            Expr **args;
            size_t arg_count;
        } execute; /* also DEALLOCATE (name "" = all) */
        struct {
            Slice name;
            BoundQuery query;
            bool hold, scroll, no_scroll, binary;
        } declare;
        struct {
            Slice name;
            FetchKind kind;
            int64_t count; /* of rows, below 0: backward; or the place */
            bool move;
        } fetch; /* CLOSE: name "" = all */
        struct {
            QualifiedName *tables;
            size_t count;
            bool full, analyze; /* LOCK TABLE: full = NOWAIT */
        } vacuum;
        struct {
            Slice target;
        } backup;
        BoundRetention retention;
        struct {
            Slice channel, payload;
        } notify;
    } u;
} Bound;

/* types/type_count: given by the Parse message, 0 = infer.  Errors carry the position in the statement's text. */
/* Does the text of a view name this table or view? */
bool sql_view_reads(const SqlEnv *env, Arena *a, Slice text, TableId table);
/* The text of a view, which means something under env->catalog, with the names that its relations and
 * columns have in how->after; every relation with its schema. */
bool sql_view_text(const SqlEnv *env, Arena *a, Slice text, const ViewNames *how, Slice *out,
                   Err *e) MUST_CHECK;
bool sql_analyze(const SqlEnv *env, Arena *a, const SqlStatement *st, const TypeId *types,
                 size_t type_count, Bound **out, Err *e) MUST_CHECK;
/* What a column gets when nobody gives it a value; NULL without DEFAULT. */
bool sql_column_default(const SqlEnv *env, Arena *a, const ColumnDef *c, Expr **out,
                        Err *e) MUST_CHECK;
/* One expression of a column default or check, over the columns of a table. */
bool sql_expression(const SqlEnv *env, Arena *a, Slice text, const TableDef *columns, TypeId want,
                    Expr **out, Err *e) MUST_CHECK;

/* Another name for a column in the text of an expression. */
Slice sql_rename(Arena *a, Slice text, Slice from, Slice to);
/* The same as text again; type: of a literal. */
typedef enum ExprStyle {
    STYLE_FULL,   /* as PostgreSQL prints it */
    STYLE_PRETTY, /* ... with few parentheses */
    STYLE_STORED, /* with oids for names of relations, which may change */
} ExprStyle;
bool sql_expression_print(const SqlEnv *env, Arena *a, Slice text, const TableDef *columns,
                          TypeId type, ExprStyle style, Slice *out, Err *e) MUST_CHECK;

/* Cheap looks at a statement before analysis. */
bool sql_is_txn_end(
    const SqlStatement
        *st); /* COMMIT, ROLLBACK [TO], END, ABORT: allowed in a failed transaction */

/* Word list for pg_get_keywords: word, category U C T R. */
size_t sql_keyword_count(void);
const char *sql_keyword_at(size_t i, char *category);

/* Names of privileges: has_table_privilege(); 0: none of that name on such objects. */
uint32_t sql_privilege(Slice word, AclClass c);

#endif
