/* session/session_private.h - what the files of session/ share.
 *
 * Ownership: a Db owns its engine and the list of sessions; a Session owns its prepared statements,
 * portals, transaction and settings.  A Prepared is counted, because portals outlive DEALLOCATE.
 * Threads: the fields of Session belong to its task, but for those that need Db.mutex. */
#ifndef SKULK_SESSION_SESSION_PRIVATE_H
#define SKULK_SESSION_SESSION_PRIVATE_H

#include "base/crypto.h"
#include "exec/row_file.h"
#include "exec/spill.h"
#include "session/session.h"
#include "sqlts/matview.h"

enum {
    QUERY_POOL_SHARE = 4, /* query_memory = pool / 4 */
    NOTICES_MAX = 100,    /* kept for one statement; further ones are dropped */
    SAVEPOINTS_MAX = 10000,
    QUERY_TEXT_MAX = 1024, /* bytes that pg_stat_activity shows of a statement */
    CUSTOM_SETTINGS_MAX = 1000,
};

enum { LOGINS_REMEMBERED = 64 };

struct Db {
    Engine *engine;
    Sched *sched;
    const Clock *clock;
    const Io *io;
    Budget memory, query_pool, ingest_pool, cache_pool, mapped_pool;
    DbOptions options;
    char *features;
    char *data_dir;
    char *spill_dir;
    SpillSpace spill;
    atomic_int next_pid;
    _Atomic int64_t next_transaction; /* grows over restarts: the clock at start */
    uint64_t login_secret[4];         /* of this process */
    struct Throttle *throttle;        /* login.c; NULL: nobody logs in */
    Mutex sequence_mutex;             /* RANK_DB; guards the two below */
    struct SequenceState *sequences;
    size_t sequence_count;
    JobDoor jobs; /* lifecycle's; list NULL: there is none; as long as there are sessions */
    Mutex mutex;  /* RANK_DB; guards the fields below */
    Session *sessions;
    uint8_t logins[LOGINS_REMEMBERED][SHA256_BYTES]; /* login.c */
    size_t next_login;
    struct RejectedRing *rejected;  /* rejected.c; NULL = none yet */
    struct AdvisoryLocks *advisory; /* has a mutex of its own */
    struct PromKept *prom_kept;     /* promql_kept.c; has a mutex of its own */
};

static inline SpillSpace *db_spill(Db *db) /* NULL: read only */
{
    return db->spill_dir ? &db->spill : NULL;
}

typedef struct Notice {
    Err err;
    const char *severity;
} Notice;

typedef struct NamedMark {
    char *name;
    TxnMark mark;
    size_t undo_count;
    bool has_txn;     /* the storage transaction existed when the mark was set */
    uint64_t portals; /* their last number */
    size_t notify;    /* notify_mark() */
} NamedMark;

typedef struct CustomSetting { /* "name.space", kept for the client */
    char *name, *value;        /* value NULL: "" */
} CustomSetting;

typedef struct SettingUndo {
    int setting;
    char *old;
    bool local;
} SettingUndo;

typedef enum TxnState { TX_IDLE, TX_IMPLICIT, TX_BLOCK, TX_FAILED } TxnState;

typedef struct Transaction {
    TxnState state;
    Txn *txn;              /* storage's, from the first write; NULL = nothing written */
    Snapshot *snapshot;    /* REPEATABLE READ: from the first statement */
    const char *isolation; /* its name */
    bool repeatable, read_only, deferrable;
    bool queried;     /* a statement has read or written data */
    bool own_catalog; /* it changes the catalog: names mean what they mean now, not in `snapshot` */
    int64_t now_us;   /* now() */
    int64_t number;   /* txid_current(); 0 = nobody asked */
    NamedMark *marks;
    size_t mark_count;
    Ticket commit; /* while committing */
    bool committing;
} Transaction;

typedef struct Prepared {
    uint32_t refs;
    char *name;
    struct Prepared *next;
    Arena arena;
    Slice text;
    Slice source; /* PREPARE: the whole of it */
    int64_t created_us;
    uint64_t runs;
    int64_t plan_ns; /* that the last analysis took */
    SqlStatement statement;
    TypeId *types; /* as given by the client */
    size_t type_count;
    Bound *bound;
    Arena plan_arena;     /* of bound */
    CatalogSnap *catalog; /* `bound` borrows tables from it */
    uint64_t catalog_version, plan_settings;
    TypeId *first_cols; /* result types at the first analysis */
    size_t first_col_count;
} Prepared;

typedef enum PortalState {
    PORTAL_NEW,
    PORTAL_RUNNING,
    PORTAL_FINISHING,
    PORTAL_DONE,
    PORTAL_FAILED
} PortalState;

typedef struct RowAddress { /* of a stored row */
    SeriesId series;
    int64_t time_ns, number;
} RowAddress;

struct AdvisoryLocks;
struct AdvisorySession;
struct CopyIn;
struct CopyOut;
struct Portal {
    Session *session;
    char *name;
    uint64_t number; /* grows */
    struct Portal *next;
    Arena arena;
    Prepared *prepared; /* referenced */
    Bound *bound;       /* of prepared, or of the inner statement of EXECUTE */
    Value *params;
    size_t param_count;
    int16_t *formats;
    size_t format_count;
    PortalState state;
    const BoundQuery *source; /* the query part that runs: SELECT, INSERT's source, COPY TO ... */
    const OutColumn *cols;
    size_t col_count;
    Query *query;
    Snapshot *snapshot;
    Batch *batch; /* of query, rows from batch_pos on are still to be handed out */
    size_t batch_pos;
    Batch view; /* what was handed out */
    uint16_t *view_sel;
    /* its rows: rows.c */
    RowFile *kept; /* those from number kept_from on; NULL = none */
    uint64_t kept_from;
    uint64_t pos, taken; /* rows before the next one; rows that the query gave */
    bool ended;          /* it gives no more */
    bool sending;        /* in the middle of an Execute */
    uint64_t sent;       /* by this Execute, or the last one */
    int64_t max_rows;    /* of this Execute; 0 = all */
    uint64_t rows;       /* written */
    char tag[80];
    bool last;                 /* of its message: the implicit transaction ends with it */
    bool cursor, hold, scroll; /* DECLARE */
    bool binary;               /* its columns are sent in binary */
    bool holding, held;        /* WITH HOLD: rows are being kept; its transaction is over */
    uint64_t hold_at;          /* pos, meanwhile */
    size_t addressed;          /* tables: behind the columns come the addresses of their rows; */
    Value *address;            /* ... those of the row that it stands on */
    int64_t created_us;
    uint64_t walk_to, walk_back, walk_left; /* FETCH: cursor.c */
    bool walk_backward;
    int64_t deadline_ns; /* statement_timeout; 0 = none */
    bool collected;      /* by RETURNING: the statement is done, its rows are to be sent */
    Ticket ticket;       /* CHECKPOINT, VACUUM */
    bool ticket_busy;
    struct RowWriter *writer;
    struct RowWriter *changer; /* rows that are there: ON CONFLICT DO UPDATE, UPDATE, DELETE */
    uint64_t changed;          /* rows, for the tag */
    uint64_t rows_read;        /* of tables; REFRESH */
    int64_t lock_deadline_ns;  /* lock_timeout; 0 = not waiting, INT64_MAX = none */
    struct CopyIn *copy_in;
    struct CopyOut *copy_out;
    bool may_stream;      /* the face takes bytes for rows */
    const RowForm *form;  /* while its query is opened: what it is asked to write */
    Buf bytes;            /* of RUN_BYTES */
    struct Portal *inner; /* EXECUTE, EXPLAIN: the portal that really runs */
    bool analyze;         /* this one runs for EXPLAIN ANALYZE, */
    Query *analyzed;      /* which wants the counters of its query */
    int64_t started_ns;   /* EXPLAIN */
    struct AlterRun *alter;
    struct RefreshRun *refresh; /* continuous.c */
    struct PartsRun *parts;     /* parts.c */
    int hypertable_step;        /* of BOUND_HYPERTABLE */
    int64_t dropped_to_us;      /* drop_chunks(): the end of the last window */
    int phase;                  /* utility statements that wait: where they are */
    bool locking;               /* waits for advisory locks, then says and gives what is below */
    RunStatus after;
    Batch *after_batch;
};

typedef struct RoleSet { /* a role and those whose rights it has: role.c */
    ObjectId role;
    uint64_t version; /* of the catalog */
    bool superuser;
    ObjectId *ids;
    size_t count;
} RoleSet;

struct Session {
    Db *db;
    ObjectId login_role; /* as it came in; sessions_of() reads it under Db.mutex */
    ObjectId role;       /* whose rights count: SET ROLE */
    RoleSet roles;       /* of `role` */
    char *user, *database_name, *client_address;
    const char *tls_version, *tls_cipher; /* static; NULL: no TLS */
    int tls_bits;
    ObjectId database;
    int32_t pid, secret;
    Task *waiter;
    Transaction tx;
    Snapshot *planning; /* for the estimates of the statement that is being planned */
    Prepared *statements;
    Portal *portals;
    uint64_t portal_number;   /* of the newest */
    char **settings;          /* by index of settings_table; NULL = default */
    uint64_t plan_settings;   /* grows when a setting that plans depend on changes */
    char **session_defaults;  /* from the start-up packet: RESET goes there */
    uint8_t *default_sources; /* SettingSource */
    CustomSetting *customs;   /* their indexes follow those of the table */
    size_t custom_count;
    char shown[32]; /* setting_show */
    SettingUndo *undo;
    size_t undo_count;
    char **reported; /* what the client was told, by reported setting; NULL = nothing yet */
    bool report_due; /* one of them may have changed */
    TypeEnv env;
    char zone_name[48]; /* a TimeZone that was given as an offset */
    Slice *search_path;
    size_t search_path_count;
    Notice *notices;
    size_t notice_count, notice_next;
    /* simple protocol: the message that is being worked off */
    Arena script_arena;
    SqlStatement *script;
    size_t script_count, script_next;
    int64_t stmt_now_us;
    const char *command; /* tag of what runs, for messages */
    uint64_t random_state[2];
    struct CurrentValue *current; /* what nextval gave this session, by sequence */
    size_t current_count;
    TableId last_sequence;
    TempSpace *temp; /* temporary tables; NULL: there were none */
    struct SequenceState *temp_sequences;
    size_t temp_sequence_count;
    struct AdvisorySession *advisory; /* advisory.c; NULL: it never had a lock */
    _Atomic(const char *) wait_event; /* the kind of lock it waits for: a literal; NULL: none */
    struct Notify *notify;            /* notify.c; NULL: never used; set under Db.mutex */
    /* below: needs Db.mutex */
    Query *running;
    bool cancel;
    bool view_job;          /* of lifecycle: REFRESH works in slices; set once */
    atomic_bool terminated; /* pg_terminate_backend() */
    Session *next;
    char state_text[16]; /* pg_stat_activity: "idle", "active" ... */
    char *query_text;
    int64_t started_us, query_started_us;
};

/* ---- session.c ---- */
void session_notice(Session *s, const char *severity, ErrCode code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void session_notice_detail(Session *s, Slice detail, const char *fmt, ...) PRINTF_LIKE(3, 4);
CatalogSnap *session_catalog(Session *s); /* reference: newest, or the transaction's own */
/* To look at what a text means: without the hooks that ask for rights and sizes. */
SqlEnv session_text_env(Session *s, const CatalogSnap *cat, EvalCtx *fold);
SqlEnv session_sql_env(Session *s, const CatalogSnap *cat, EvalCtx *fold);
void session_planned(Session *s); /* after sql_analyze: what its estimates looked at goes */
void session_eval_ctx(Session *s, EvalCtx *out); /* template; arenas not set */
bool session_check_cancel(Session *s, Err *e) MUST_CHECK;
/* Schema for a new object: the named one, else the first of search_path that exists. */
const SchemaDef *session_target_schema(Session *s, const CatalogSnap *cat,
                                       const QualifiedName *name, bool temporary, Err *e);
const TableDef *session_find_table(Session *s, const CatalogSnap *cat, const QualifiedName *name);

/* ---- temp.c ---- */
#define TEMP_DROP   "drop" /* TableDef.extra of temporary tables: ON COMMIT */
#define TEMP_DELETE "delete"
bool temp_schema_name(Slice name);
bool session_is_temp(const Session *s, const TableDef *t);
/* By name; pg_temp is the session's own.  NULL if none. */
const SchemaDef *session_schema(Session *s, const CatalogSnap *cat, Slice name);
/* Where names are looked up, from 0 to search_path_count; NULL where no schema is. */
const SchemaDef *session_path_at(Session *s, const CatalogSnap *cat, size_t i);
/* Before a relation of this name is made: its schema is there if it will be temporary.  42501 */
bool temp_enter(Session *s, const QualifiedName *name, bool temporary, Err *e) MUST_CHECK;
bool temp_discard(Session *s, Err *e) MUST_CHECK;
bool temp_before_commit(Session *s, Err *e) MUST_CHECK;
void temp_committed(Session *s);
void temp_forget(Session *s);

/* ---- settings.c ---- */
/* is_superuser, by the role that counts now. */
void settings_note_superuser(Session *s, const CatalogSnap *cat);
bool settings_init(Session *s, const NameValue *values, size_t n, Err *e) MUST_CHECK;
/* From the start-up packet: RESET goes back to it. */
bool setting_start_with(Session *s, Slice name, Slice value, Err *e) MUST_CHECK;
void settings_free(Session *s);
bool setting_set(Session *s, Slice name, Slice value, bool is_default, bool local,
                 Err *e) MUST_CHECK;
bool setting_get(Session *s, Slice name, Slice *value, Err *e) MUST_CHECK; /* in base units */
/* As SHOW prints it, with its unit; lives until the next call. */
bool setting_show(Session *s, Slice name, Slice *value, Err *e) MUST_CHECK;
void setting_reset_all(Session *s);
Slice settings_changed(Session *s, Arena *a); /* for EXPLAIN (SETTINGS) */
void settings_undo(Session *s, size_t down_to);
void settings_commit(Session *s);
uint64_t tx_first_portal(const Session *s); /* of the innermost savepoint, or of all */
void tx_undo_settings(Session *s);          /* down to the last savepoint: the block has failed */
int64_t setting_int(Session *s, const char *name); /* milliseconds, kB ... in the base unit */
bool setting_bool(Session *s, const char *name);
size_t setting_count(void);
typedef struct SettingInfo { /* as pg_settings has it; NULL: none */
    const char *name, *unit, *category, *text, *extra, *context, *vartype, *source, *words, *boot;
    Slice reset;
    bool ranged;
    int64_t min, max; /* of a real, INT64_MAX: as large as it gets */
} SettingInfo;
bool setting_info(Session *s, size_t i, SettingInfo *out); /* false: not to be listed */
/* Where the value comes from that RESET goes back to. */
typedef enum SettingSource {
    SOURCE_DEFAULT,
    SOURCE_GLOBAL,
    SOURCE_DATABASE,
    SOURCE_USER,
    SOURCE_DATABASE_USER,
    SOURCE_CLIENT,
    SOURCE_OVERRIDE,
} SettingSource;

/* ---- txn.c ---- */
bool tx_begin_statement(Session *s,
                        Err *e) MUST_CHECK; /* opens an implicit transaction when idle */
/* Its rows are written into a file: wait before there are more; the session's waiter is woken. */
bool tx_full(Session *s);
Txn *tx_writer(Session *s, Err *e); /* the storage transaction, begun at need; NULL + 25006 */
/* The same, to write rows of this table: a temporary one can be written when others cannot. */
Txn *tx_table_writer(Session *s, const TableDef *t, Err *e);
Txn *tx_storage(Session *s);                  /* the storage transaction, to read and write */
Snapshot *tx_snapshot(Session *s);            /* reference */
RunStatus tx_commit_step(Session *s, Err *e); /* DONE, WAIT, FAIL */
/* The write lock of a table, to the end of the transaction.  DONE, WAIT (call again), FAIL. */
RunStatus tx_lock_table(Portal *p, TableId table, Err *e);
void tx_stop_waiting(Session *s); /* for a lock */
void tx_rollback(Session *s);
bool tx_control(Session *s, Portal *p, Err *e) MUST_CHECK; /* BEGIN ... but COMMIT */
void tx_chain(Session *s, const Transaction *from);        /* AND CHAIN: a block with its modes */
bool tx_in_block(const Session *s); /* of BEGIN, or of a Query with several statements */
/* Fails there: "VACUUM cannot run inside a transaction block". */
bool tx_refuse_block(const Session *s, const char *what, Err *e) MUST_CHECK;
bool tx_set_isolation(Session *s, Slice name, Err *e) MUST_CHECK;
bool tx_set_read_only(Session *s, bool on, Err *e) MUST_CHECK;
bool tx_set_deferrable(Session *s, bool on, Err *e) MUST_CHECK;

/* ---- statement.c ---- */
Prepared *prepared_new(Session *s, Slice name, const SqlStatement *st, const TypeId *types,
                       size_t n, Err *e);
bool prepared_fresh(Session *s, Prepared *p,
                    Err *e) MUST_CHECK; /* analyses again if the catalog changed */
Prepared *prepared_find(Session *s, Slice name);
void prepared_unref(Prepared *p);
void prepared_forget(Session *s, Slice name); /* "" is a name; see prepared_forget_all */
void prepared_forget_all(Session *s);
bool bound_columns(const Bound *b, const OutColumn **cols, size_t *count);

/* ---- portal.c ---- */
Portal *portal_new(Session *s, Slice name, Prepared *take_prepared);
/* One that runs a part of the statement of `p`, with its parameters. */
Portal *portal_within(Portal *p, Bound *b);
void portal_free(Portal *p);
void portals_close_all(Session *s, bool keep_held, const Portal *but /* or NULL */);
/* What began after a savepoint. */
void portals_fail(Session *s, uint64_t number);
void portals_close_after(Session *s, uint64_t number, const Portal *but);
Portal *portal_find(Session *s, Slice name);
bool portal_open_query(Portal *p, const BoundQuery *q, Err *e) MUST_CHECK;
RunStatus portal_next_bytes(Portal *p, Buf *out, uint64_t *rows, Err *e);
bool rows_within_limit(const Portal *p, Err *e) MUST_CHECK;
/* stream.c */
bool stream_wanted(const Portal *p, int64_t max_rows);
bool stream_begin(Portal *p, const BoundQuery *q, Err *e) MUST_CHECK;
RunStatus stream_run(Portal *p, Err *e);
/* FOR UPDATE: the write locks, before the snapshot.  DONE (*skip: SKIP LOCKED found one taken) ... */
RunStatus portal_lock_rows(Portal *p, const BoundQuery *q, bool *skip, Err *e);
void portal_close_query(Portal *p);
void portal_end_query(Portal *p); /* the same, but a cursor keeps its snapshot */
void portal_drop_named(Session *s, Slice name);
bool portal_check(Portal *p, Err *e) MUST_CHECK; /* cancel and statement_timeout, once a step */
RunStatus portal_next_batch(Portal *p, Batch **out, Err *e);
RunStatus portal_set_tag(Portal *p, const char *tag); /* DONE */
void portal_tag_rows(Portal *p, uint64_t rows);       /* "SELECT 7" */

/* ---- execute.c ---- */
RunStatus prepare_run(Portal *p, Batch **out, Err *e);
RunStatus execute_run(Portal *p, Batch **out, Err *e);
/* The portal of the statement that EXECUTE `b` names, bound to its arguments; NULL: why not. */
Portal *execute_open(Portal *p, const Bound *b, Err *e);
RunStatus deallocate_run(Portal *p, Batch **out, Err *e);
RunStatus explain_run(Portal *p, Batch **out, Err *e);
const OutColumn *execute_columns(Session *s, const Bound *b, Arena *a, size_t *count);
const OutColumn *explain_columns(Session *s, const Bound *b, Arena *a, size_t *count);

/* ---- cursor.c ---- */
RunStatus cursor_declare(Portal *p, Batch **out, Err *e);
RunStatus cursor_fetch(Portal *p, Batch **out, Err *e);
RunStatus cursor_close(Portal *p, Batch **out, Err *e);
const OutColumn *cursor_fetch_columns(Session *s, const Bound *b, Arena *a, size_t *count);
void cursors_close(Session *s, bool held_too);
/* WHERE CURRENT OF: the address of the row that the cursor stands on, NULLs if it is of no row of `t`. */
bool cursor_address(Session *s, Slice name, const TableDef *t, Value out[ROW_ID_COLUMNS],
                    Err *e) MUST_CHECK;
/* Before a commit: WITH HOLD cursors read what is left.  DONE, WAIT, YIELD, FAIL. */
RunStatus cursors_hold(Session *s, Err *e);

/* ---- insert.c, modify.c ---- */
RunStatus insert_run(Portal *p, int64_t max_rows, Batch **out, Err *e);
RunStatus modify_run(Portal *p, int64_t max_rows, Batch **out, Err *e);
/* Does a write of new rows need the table's lock, to look at keys? */
bool insert_checks_keys(const TableDef *t);

/* ---- parts.c: data-modifying WITH ---- */
/* The parts of the statement, before it: DONE, or WAIT, YIELD, FAIL. */
RunStatus parts_run(Portal *p, Err *e);
void parts_free(Portal *p);
const Portal *parts_portal(const Portal *p, size_t part);     /* NULL: it was not run */
const GivenRows *parts_given(const Portal *p, size_t *count); /* what p's query may read */
/* False: another part of the statement has changed this row, and this one must not. */
bool parts_change(Portal *p, const RowAddress *at);
bool insert_takes_lock(const BoundInsert *ins);

/* ---- rows.c: the rows of a portal, from its query or kept ---- */
void rows_begin(Portal *p, const OutColumn *cols, size_t n); /* rows that C code adds */
bool rows_add(Portal *p, const Value *row, Err *e) MUST_CHECK;
bool rows_add_text(Portal *p, Slice line, Err *e) MUST_CHECK;
void rows_keep(Portal *p); /* those that the query gives from now on */
/* BATCH: 1 to max rows, that live until the next call; DONE: no more; else what the query says. */
RunStatus rows_forward(Portal *p, uint64_t max, Batch **out, Err *e);
RunStatus rows_backward(Portal *p, uint64_t max, Batch **out, Err *e); /* all before it are kept */
/* For an Execute of max_rows (0 = all): BATCH, SUSPENDED, DONE (p->sent: how many), ... */
RunStatus rows_send(Portal *p, int64_t max_rows, Batch **out, Err *e);
RunStatus rows_send_all(Portal *p, Batch **out, const char *tag, Err *e); /* rows_begin's */

/* ---- utility.c ---- */
RunStatus utility_run(Portal *p, Batch **out, Err *e);
const OutColumn *utility_columns(Session *s, const Bound *b, Arena *a, size_t *count);

/* ---- ddl.c, ddl_create.c, ddl_drop.c ---- */
/* Inside the transaction; 42501 unless the session's role owns what is changed, or may make it. */
bool ddl_edit(Session *s, const CatEdit *edits, size_t n, Err *e) MUST_CHECK;
bool ddl_edit_unchecked(Session *s, const CatEdit *edits, size_t n, Err *e) MUST_CHECK;
bool ddl_create_table(Portal *p, Err *e) MUST_CHECK;
bool ddl_set_options(Portal *p, TableDef *t, const NameValue *o, size_t n, Err *e) MUST_CHECK;
bool ddl_reset_options(Portal *p, TableDef *t, const NameValue *o, size_t n, Err *e) MUST_CHECK;
Slice ddl_merge_options(Arena *a, Slice lines, const NameValue *o, size_t n, bool set);

/* jobs.c */
extern FuncDef job_functions[];
extern const ViewDef continuous_views[], tier_views[];
extern const ViewDef timescale_views[];
extern const ViewDef job_views[];

/* retention.c */
bool retention_ns(Interval iv, int64_t *ns); /* a month has 30 days, a year 365; false: not > 0 */
bool retention_is_option(Slice name);        /* ttl, ttl_clock, max_size */
/* value NULL: as if it had never been set. */
bool retention_option(TableDef *t, Slice name, const Slice *value, Err *e) MUST_CHECK;
/* add_retention_policy, remove_retention_policy: *nothing: it is as it shall be, and a notice says so. */
bool retention_policy_there(Portal *p, bool *nothing, Err *e) MUST_CHECK;
RunStatus chunks_drop(Portal *p, Err *e); /* drop_chunks(); the rows are the names */
bool retention_statement(Portal *p, Err *e) MUST_CHECK;
extern const ViewDef retention_views[];
bool retention_fits(const TableDef *t, Err *e) MUST_CHECK; /* only series have a TTL */
bool ddl_drop(Portal *p, Err *e) MUST_CHECK;
RunStatus ddl_alter_run(Portal *p, Err *e); /* alter_table.c: in steps */
void alter_free(Portal *p);
PhysType ddl_phys(TypeId type); /* how values of the type are stored */
bool ddl_has_rows(Session *s, TableId table);
/* Makes an ordinary table without rows and keys a time-series table. */
bool ddl_make_series(Portal *p, TableDef *t, Slice time, Err *e) MUST_CHECK;
/* hypertable.c */
RunStatus hypertable_run(Portal *p, Batch **out, Err *e);
const OutColumn *hypertable_columns(Session *s, const Bound *b, Arena *a, size_t *count);
bool ddl_truncate(Portal *p, Err *e) MUST_CHECK;
bool ddl_create_schema(Portal *p, Err *e) MUST_CHECK;
/* Nothing has the name, and the system does not keep it for itself. */
bool schema_name_free(const CatalogSnap *cat, ObjectId database, Slice name, Err *e) MUST_CHECK;
bool schema_is_virtual(Slice name); /* as pg_catalog: views of the server alone */
bool ddl_create_database(Portal *p, Err *e) MUST_CHECK;
bool ddl_comment(Portal *p, Err *e) MUST_CHECK;
bool ddl_create_view(Portal *p, Err *e) MUST_CHECK;
/* sql_view_text for a text that means something under `cat`. */
bool view_text(Session *s, Arena *a, const CatalogSnap *cat, Slice text, const ViewNames *how,
               Slice *out, Err *e) MUST_CHECK;
bool view_reads(Session *s, Arena *a, const CatalogSnap *cat, const TableDef *view, TableId table);
Slice view_shown(Session *s, Arena *a, const CatalogSnap *cat, const TableDef *view);

/* ---- continuous.c ---- */
typedef struct RefreshRun RefreshRun;
/* What makes a view a continuous one; old: the one that it replaces, or NULL. */
/* The value of an option as it is kept: lines of name=value; empty if there is none. */
Slice kept_option(const TableDef *view, Slice name);
bool continuous_alone(Session *s, const CatalogSnap *cat, const TableDef *view, TableId lower,
                      Err *e) MUST_CHECK;
bool continuous_define(Portal *p, TableDef *view, const TableDef *old, Err *e) MUST_CHECK;
/* ALTER ... SET, RESET. */
bool continuous_alter(Portal *p, TableDef *view, const NameValue *o, size_t n, bool set,
                      Err *e) MUST_CHECK;
/* Before the view is dropped: its states go. */
bool continuous_forget(Session *s, const TableDef *view, Err *e) MUST_CHECK;
bool continuous_drop_states(Session *s, const TableDef *view, Err *e) MUST_CHECK;
void continuous_put(TableDef *view, Arena *a, const ContinuousDef *d);
/* continuous_next.c: the next version of a continuous view. */
bool next_wanted(Session *s, const TableDef *old, const ContinuousDef *d, bool *later,
                 Err *e) MUST_CHECK; /* else it is in force at once */
bool next_begin(Portal *p, TableDef *next, const TableDef *old, Err *e) MUST_CHECK;
bool next_takes_over(Portal *p, const TableDef *next, const ContinuousDef *made, Err *e) MUST_CHECK;
bool next_forget(Session *s, const TableDef *view, Err *e) MUST_CHECK;
bool next_alter(Portal *p, const ContinuousDef *d, const NameValue *o, size_t n, bool set,
                Err *e) MUST_CHECK;
const TableDef *next_shown(const CatalogSnap *cat, const TableDef *t); /* the view itself */
/* TRUNCATE gave a table a new id. */
bool continuous_truncated(Portal *p, const CatalogSnap *cat, TableId from, TableId to,
                          Err *e) MUST_CHECK;
bool states_schema(Session *s, ObjectId *id,
                   Err *e) MUST_CHECK;      /* of hidden tables: made if need be */
bool continuous_schema(const SchemaDef *s); /* where they are */
bool continuous_hidden(const CatalogSnap *cat, const TableDef *t); /* a table of states */
RunStatus refresh_run(Portal *p, Batch **out, Err *e);
/* ---- matview.c: plain materialized views ---- */
enum { MATVIEW_LOCK = 100, MATVIEW_EMPTY, MATVIEW_FILL }; /* phases, from LOCK on */
/* Makes the hidden table; populated: p->writer writes into it. */
bool matview_define(Portal *p, TableDef *view, bool populated, Err *e) MUST_CHECK;
bool matview_forget(Session *s, const TableDef *view, Err *e) MUST_CHECK; /* before it is dropped */
RunStatus matview_refresh(Portal *p, const CatalogSnap *cat, const TableDef *view, Err *e);
void refresh_free(Portal *p);

/* ---- sequence.c ---- */
typedef struct SequenceState { /* what was given last */
    TableId id;
    uint32_t epoch;
    bool used; /* false: `last` is to be given */
    int64_t last;
    int left; /* values that are logged already */
} SequenceState;
typedef struct CurrentValue {
    TableId id;
    int64_t value;
} CurrentValue;
typedef struct SequenceDef {
    TypeId type;
    int64_t start, increment, min, max, cache;
    bool cycle;
    TableId owner; /* goes with this table's column; 0 = free */
    ColumnId owner_column;
    int64_t last; /* as in SequenceState */
    bool used;
} SequenceDef;
void sequence_def(const TableDef *t, SequenceDef *out);
bool sequence_owned_by(const TableDef *t, TableId table, SequenceDef *d); /* *d: of any sequence */
void sequence_current(Session *s, const TableDef *t, int64_t *last, bool *used);
bool sequence_create_owned(Portal *p, const CatalogSnap *cat, const SchemaDef *schema, Slice name,
                           const SequenceSpec *spec, TypeId type, TableId table, ColumnId column,
                           TableId *id, Err *e) MUST_CHECK;
bool sequence_alter(Portal *p, const CatalogSnap *cat, const TableDef *t, const SequenceSpec *spec,
                    Err *e) MUST_CHECK;
/* The one of a column. */
bool sequence_change_owned(Portal *p, TableId table, ColumnId column, const SequenceSpec *spec,
                           Err *e) MUST_CHECK;
/* Another owner (same column); spec: or NULL. */
bool sequence_change(Portal *p, const TableDef *t, const SequenceSpec *spec, TableId owner,
                     Err *e) MUST_CHECK;
const TableDef *sequence_of_column(const CatalogSnap *cat, TableId table, ColumnId column);
void sequences_settle(Db *db);
void sequences_forget(Session *s); /* currval, lastval */
bool ddl_create_sequence(Portal *p, Err *e) MUST_CHECK;
RunStatus run_alter(Portal *p, Batch **out, Err *e);
RunStatus ticket_run(Portal *p, Err *e); /* until p->ticket is done */
bool ddl_alter_sequence(Portal *p, Err *e) MUST_CHECK;
extern FuncDef sequence_functions[];

/* ---- notify.c ---- */
extern FuncDef notify_functions[];
bool notify_statement(Portal *p, Err *e) MUST_CHECK;
bool notify_discard(Session *s, Err *e) MUST_CHECK;
size_t notify_mark(const Session *s);
void notify_rollback(Session *s, size_t mark); /* 0: all */
void notify_commit(Session *s);
void notify_free(Session *s);

/* ---- ddl_constraint.c ---- */
bool ddl_add_constraint(Portal *p, const CatalogSnap *cat, TableDef *t, const ConstraintSpec *spec,
                        Err *e) MUST_CHECK;
/* Makes the sequence of a serial or identity column, and the default that calls it. */
bool ddl_own_sequence(Portal *p, const CatalogSnap *cat, const SchemaDef *schema, const TableDef *t,
                      const ColumnSpec *spec, ColumnDef *c, Err *e) MUST_CHECK;
bool ddl_stored_default(Portal *p, const CatalogSnap *cat, ColumnDef *c, Err *e) MUST_CHECK;
void ddl_remove_constraint(TableDef *t, size_t index);
/* Views that `before` knew and that mean nothing any more go, or are the reason to refuse. */
enum { DDL_LABEL_MAX = 4 * NAME_MAX_BYTES };
/* "table t", with its schema where the bare name is another one. */
void ddl_label(Session *s, const CatalogSnap *cat, const TableDef *t, char *out);
bool ddl_drop_broken_views(Session *s, const CatalogSnap *before, TableId of, const char *what,
                           bool cascade, Err *e) MUST_CHECK;
/* Those that named what has another name now name it so. */
bool ddl_views_follow(Session *s, const CatalogSnap *before, Err *e) MUST_CHECK;
/* The others give what they gave; 0A000. */
bool ddl_views_unchanged(Session *s, const CatalogSnap *before, Err *e) MUST_CHECK;
bool ddl_rename_index(Portal *p, Err *e) MUST_CHECK;
bool ddl_drop_column_sequence(Session *s, const CatalogSnap *cat, TableId table, ColumnId column,
                              Err *e) MUST_CHECK;
Slice ddl_make_name(Arena *a, Slice first, Slice second, const char *label); /* "t_c_label" */
bool ddl_name_taken(const CatalogSnap *cat, ObjectId schema, Slice name);

/* ---- login.c ---- */
void login_init(Db *db); /* before any login */
void login_stop(Db *db);
void login_verifier(const Db *db, Buf *out, Slice password);

/* ---- acl.c, rights.c, role.c, grant.c, owner.c, role_setting.c ---- */
bool roles_init(Db *db, Err *e) MUST_CHECK; /* predefined roles, the administrator */
void roles_of(RoleSet *r, const CatalogSnap *cat, ObjectId role); /* filled again at need */
void roles_free(RoleSet *r);
/* Privilege bits; PRIV_OWNER for who owns the object; all for superusers. */
uint32_t roles_privileges(const RoleSet *r, const CatalogSnap *cat, GrantKind kind,
                          ObjectId object);
/* 42501 with PostgreSQL's words. */
bool session_allow_table(Session *s, const CatalogSnap *cat, const TableDef *t, uint32_t wanted,
                         Err *e) MUST_CHECK;
bool acl_kept(const CatalogSnap *cat, const TableDef *t, Err *e) MUST_CHECK; /* 42501: it is one */
bool session_may_use(void *session, const CatalogSnap *cat, const RelationUse *use, Err *e);
bool session_may_look(void *session, const CatalogSnap *cat, const SchemaDef *s);
/* The edits, and the rights on what is new; in the arena.  NULL: 42501. */
const CatEdit *roles_check_edits(Session *s, const CatalogSnap *cat, Arena *a, const CatEdit *edits,
                                 size_t n, size_t *count, Err *e);
bool roles_move_rights(Session *s, const CatalogSnap *cat, const TableDef *from, TableId to,
                       Err *e) MUST_CHECK; /* TRUNCATE */
bool session_owns(Session *s, const CatalogSnap *cat, GrantKind kind, ObjectId object, Slice name,
                  Err *e) MUST_CHECK;
bool session_must_be_superuser(Session *s, const char *what, Err *e) MUST_CHECK;
bool session_is_superuser(Session *s, const CatalogSnap *cat);
bool session_in_role(Session *s, const CatalogSnap *cat, ObjectId role);
ObjectId object_owner(const CatalogSnap *cat, GrantKind kind, ObjectId object);
bool session_may_read(void *session, const CatalogSnap *cat, const TableDef *t,
                      const ColumnDef *column, Err *e); /* promql() */
bool rights_may_connect(Rights *r, const CatalogSnap *cat, const DatabaseDef *d, Err *e) MUST_CHECK;
bool rights_may_create_database(Rights *r, const CatalogSnap *cat, Err *e) MUST_CHECK;
bool session_enter_role(Session *s, Err *e) MUST_CHECK; /* 28000, 53300 */
bool session_may_connect(Session *s, const CatalogSnap *cat, const DatabaseDef *d,
                         Err *e) MUST_CHECK;
bool session_set_role(Session *s, Slice name, Err *e) MUST_CHECK;
/* "current_user" and "session_user" as well; NULL: 42704. */
const RoleDef *role_named(Session *s, const CatalogSnap *cat, Slice name, Err *e);
bool role_statement(Portal *p, Err *e) MUST_CHECK;
bool grant_statement(Portal *p, Err *e) MUST_CHECK;
bool owner_statement(Portal *p, Err *e) MUST_CHECK; /* ALTER SCHEMA, DATABASE ... OWNER TO */
bool owned_statement(Portal *p, Err *e) MUST_CHECK; /* REASSIGN, DROP OWNED */
/* 42501: it is not the session's to give, or the role's to get. */
bool owner_change(Session *s, const CatalogSnap *cat, GrantKind kind, ObjectId object, Slice role,
                  Err *e) MUST_CHECK;
bool role_setting_statement(Portal *p, Err *e) MUST_CHECK;
typedef struct RoleSetting {
    ObjectId database, role; /* 0 = all */
    Slice name, value;
} RoleSetting;
bool role_setting_at(const CatalogSnap *cat, size_t i, RoleSetting *out); /* false: another one */
/* Sets what the session's role and database begin with; as_default: RESET goes back to it. */
void role_settings_apply(Session *s,
                         void (*as_default)(Session *s, Slice name, SettingSource source));

/* ---- token.c ---- */
RunStatus token_create_run(Portal *p, Batch **out, Err *e);
RunStatus token_drop_run(Portal *p, Batch **out, Err *e);
const OutColumn *token_columns(Session *s, const Bound *b, Arena *a, size_t *count);

/* ---- key_check.c: keys of new rows ---- */
/* A set of 128-bit keys: open addressing, {0, 0} is a free slot. */
typedef struct KeySet {
    Hash128 *slots;
    size_t cap, count; /* cap: a power of two, or 0 */
    bool zero;         /* the key {0, 0} itself */
    Budget *budget;    /* charged for the slots */
} KeySet;
bool keys_has(const KeySet *s, Hash128 h);
bool keys_add(KeySet *s, Hash128 h); /* false: it was there */
void keys_free(KeySet *s);

typedef enum KeyPolicy {
    KEYS_FREE, /* a key that is taken is an error: INSERT, COPY, UPDATE of a key */
    KEYS_SKIP, /* ON CONFLICT DO NOTHING: the row is left out */
    KEYS_ONCE, /* ON CONFLICT DO UPDATE: each key once in a statement */
} KeyPolicy;
typedef struct WriterKey {
    Hash128 hash; /* what is compared */
    SeriesId series;
    int64_t time_ns;
    bool null; /* a column of it is NULL: it is like no other */
} WriterKey;
typedef struct KeyCheck KeyCheck;
/* columns: of the key, in an ordinary table */
KeyCheck *key_check_new(Session *s, const TableDef *t, const int16_t *columns, size_t n,
                        KeyPolicy policy);
void key_check_free(KeyCheck *k);
/* At most BATCH_ROWS keys.  stored: a row of the table has it.  last: no other batch will come. */
bool key_check_batch(KeyCheck *k, const WriterKey *keys, size_t n, bool last, bool *stored,
                     Err *e) MUST_CHECK;
/* Keys of the statement's rows that are not in the snapshot yet.  take: false = it was there. */
bool key_check_seen(const KeyCheck *k, Hash128 key);
bool key_check_take(KeyCheck *k, Hash128 key);
void key_check_written(KeyCheck *k); /* the rows were handed to the transaction */
void key_put_i64(Buf *b, int64_t v); /* ordinary tables: the bytes that are hashed */
void key_put_f64(Buf *b, double v);
void key_put_str(Buf *b, TypeId type, Slice v);
Hash128 key_hash(const KeyCheck *k, Slice bytes);

/* ---- row_check.c: NOT NULL and CHECK of new rows ---- */
typedef struct RowCheck RowCheck;
RowCheck *row_check_new(Session *s, const TableDef *t); /* borrows t */
void row_check_free(RowCheck *k);
/* Rows are values by column of the table, dropped ones included.  23514 */
bool row_check(RowCheck *k, const Value *row, Err *e) MUST_CHECK;
bool row_check_null(RowCheck *k, const ColumnDef *c, const Value *row, Err *e); /* 23502; false */
bool row_error_table(Session *s, const TableDef *t, Err *e); /* names it; false */
bool table_has_checks(const TableDef *t);

/* ---- cluster_key.c: which values of a table without tags make series ---- */
enum {
    CLUSTER_COLUMNS_MAX = 2,
    CLUSTER_SAMPLE_ROWS = 8192,   /* of a statement, held back until they are looked at */
    CLUSTER_SERIES_MAX = 1 << 17, /* values beyond stay fields: the key was a bad choice */
};
bool cluster_type(uint32_t type);         /* values of it may stand in a key */
bool cluster_possible(const TableDef *t); /* it has no key and may get one */
/* Indexes into `columns` (attnum - 1 of each value) of the key that the rows suggest; 0: none. */
size_t cluster_choose(const TableDef *t, const int16_t *columns, size_t column_count,
                      Value *const *rows, size_t count, size_t *key);
/* Unless the table has got one meanwhile; brings t's columns up to date. */
void cluster_set_key(Session *s, TableDef *t, const int16_t *columns, size_t n);
void cluster_refresh(Session *s, TableDef *t); /* the key that it has by now */

/* ---- row_writer.c: SQL values to storage rows ---- */
enum {
    WRITER_ROWS = 65536, /* handed to the transaction at once */
    WRITER_BYTES = 8 << 20,
};
typedef struct RowWriter RowWriter;
RowWriter *row_writer_new(Session *s, const TableDef *t, const int16_t *targets, size_t n);
void row_writer_free(RowWriter *w);
bool row_writer_add(RowWriter *w, const Value *row,
                    Err *e) MUST_CHECK; /* in the order of targets */
size_t row_writer_rows(const RowWriter *w);
/* From now on rows wait (up to BATCH_ROWS) until their keys were looked at: row_writer_drain. */
/* The policy is that of the constraint `arbiter` (0: of all); keys of others must be free. */
void row_writer_check_keys(RowWriter *w, KeyPolicy policy, ObjectId arbiter);
/* Rows of UPDATE go on, behind the targets, with these columns as they are: for checks.  Borrowed. */
void row_writer_keep(RowWriter *w, const int16_t *columns, size_t n);
/* Moved rows: behind the kept columns come these of keys, as they were. */
void row_writer_leave(RowWriter *w, const int16_t *columns, size_t n);
/* last: the end of the statement.  23505, 21000. */
bool row_writer_drain(RowWriter *w, bool last, Err *e) MUST_CHECK;
/* With KEYS_ONCE: the key of a row that is there already is not given twice: 21000. */
bool row_writer_once(RowWriter *w, const Value *row, Err *e) MUST_CHECK;
/* NOT NULL and CHECK of a new row; row_writer_add() asks as well. */
bool row_writer_allows(RowWriter *w, const Value *row, Err *e) MUST_CHECK;
/* The number of the row that is added next, as the caller counts; and of the one whose key was taken. */
void row_writer_input(RowWriter *w, uint64_t number);
uint64_t row_writer_refused(const RowWriter *w);
/* Row i of the last drain was written, not left out. */
bool row_writer_took(const RowWriter *w, size_t i);
/* UPDATE: the targets of a stored row; all columns of one whose tags or time change (its old self is
 * deleted by another writer, before); DELETE. */
bool row_writer_update(RowWriter *w, const RowAddress *at, const Value *row, Err *e) MUST_CHECK;
bool row_writer_move(RowWriter *w, const RowAddress *from, const Value *row, Err *e) MUST_CHECK;
void row_writer_delete(RowWriter *w, const RowAddress *at);
bool row_writer_full(const RowWriter *w); /* time for a flush */
/* Keeps the rows so far until row_writer_flush, charged to the query pool. */
bool row_writer_hold(RowWriter *w, Err *e) MUST_CHECK;
bool row_writer_flush(RowWriter *w, Txn *t,
                      Err *e) MUST_CHECK; /* hands the rows to the transaction */

/* ---- copy.c ---- */
RunStatus copy_in_run(Portal *p, Err *e);
RunStatus copy_out_run(Portal *p, Err *e);
void copy_free(Portal *p);
void copy_out_free(Portal *p);

/* ---- views and functions ---- */
extern const ViewDef skulk_views[];
extern FuncDef comment_functions[];
extern FuncDef session_functions[], admin_functions[];
/* false: there is no such session. */
bool db_session_find(Db *db, int32_t pid, ObjectId *role, int32_t *secret);
void db_terminate(Db *db, int32_t pid);
void catalog_register(void); /* pg_catalog, information_schema: catalog_*.c */
void promql_register(void);  /* promql() in SQL: promql_door.c */

#endif
