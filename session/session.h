/* session/session.h - the one door: open a database, run statements, write rows.
 *
 * pgwire, http and the library come through here.  A Session is one login: settings, transaction,
 * prepared statements, portals.  Nothing blocks: a call that cannot go on returns RUN_WAIT and wakes
 * the session's waiter task.  To add a statement: a row in utility_table[] (session/utility.c); a
 * setting: a row in settings_table[]; a system view: a row in the views table of its file.
 * Threads: a Session belongs to one task at a time; db_cancel and counters from any thread. */
#ifndef SKULK_SESSION_SESSION_H
#define SKULK_SESSION_SESSION_H

#include "exec/query.h"
#include "sqlts/influx.h"
#include "sqlts/sqlts.h"

#define SKULK_VERSION        "0.1.0"
#define SKULK_SERVER_VERSION "15.0 (Alopex Skulk " SKULK_VERSION ")"

typedef struct Db Db;
typedef struct Session Session;
typedef struct Portal Portal;

typedef struct ServerSetting { /* what SHOW tells of the server: "max_connections" */
    const char *name, *value;
    const char *source; /* "default", "configuration file", "command line" */
} ServerSetting;

typedef struct DbOptions {
    const char *data_dir;
    int engine_flags;   /* ENGINE_... */
    const Io *io;       /* NULL = real */
    const Clock *clock; /* NULL = real */
    Sched *sched;       /* must outlive the Db */
    int64_t memory;     /* [limits] memory; 0 = 60 % of RAM or cgroup */
    int64_t
        query_memory; /* [limits] query_memory: most that one query may have; 0 = 1/4 of the query pool */
    int64_t spill_max;       /* bytes of temporary files of all queries; 0 = no limit */
    int64_t max_result_rows; /* rows that one statement may return; 0 = no limit */
    int64_t memtable_max, log_max;
    const char *archive_dir; /* NULL = none */
    int64_t archive_hold_max;
    uint64_t series_max, series_max_per_table;
    bool create_databases, require_db; /* [ingest] */
    const char *admin_user;            /* a superuser, made if missing; NULL = skulk */
    bool passwords;              /* a login needs one: says so if the administrator has none */
    int64_t failure_delay_ns;    /* after some wrong passwords; doubles with each; 0 = none */
    const char *admin_password;  /* becomes its password if it is another one; NULL = leave it */
    const char *features;        /* --enable-feature, comma separated, or NULL */
    const ServerSetting *server; /* outlive the Db */
    size_t server_count;
} DbOptions;

bool db_open(Db **out, const DbOptions *o, Err *e) MUST_CHECK; /* blocking */
void db_close(Db *db);                                         /* blocking; flushes */
Engine *db_engine(Db *db);
Sched *db_sched(Db *db);
const Clock *db_clock(Db *db);
Budget *db_query_pool(Db *db);
Budget *db_ingest_pool(Db *db);
/* Whose rights count where there is no session: HTTP.  NULL stands for all rights. */
typedef struct Rights Rights;
Rights *rights_new(Db *db, ObjectId role);
void rights_free(Rights *r);
ObjectId rights_role(const Rights *r); /* NULL: 0 */
/* Of a table that ingest makes: the role's if it has CREATE in the schema; NULL: the first superuser's. */
const AclDef *rights_of_new(void *rights, const CatalogSnap *cat, Arena *a, const TableDef *t);
/* For ingest's and PromQL's tables; arg is the Rights.  42501.  Column NULL: the whole table; else with the time
 * and the tags, which are in every row. */
bool rights_may_write(void *rights, const CatalogSnap *cat, const TableDef *t,
                      const ColumnDef *column, ObjectId schema, Err *e);
bool rights_may_read(void *rights, const CatalogSnap *cat, const TableDef *t,
                     const ColumnDef *column, Err *e);
bool rights_superuser(Rights *r, Db *db, Err *e);
bool rights_may_delete(void *rights, const CatalogSnap *cat, const TableDef *t, Err *e);
/* Database by name as ingest protocols need it: "" = the default.  DATABASE_NAME if unknown (or made, if allowed). */
bool db_resolve_database(Db *db, Rights *rights, Slice name, ObjectId *database,
                         ObjectId *schema_public, Err *e) MUST_CHECK;
/* The schema of a retention policy; "" = the database's DEFAULT one. */
bool db_resolve_policy(Db *db, ObjectId database, Slice policy, ObjectId *schema,
                       Err *e) MUST_CHECK;
/* CREATE DATABASE from Influx's /query; an existing one is fine. */
bool db_create_database(Db *db, Rights *rights, Slice name, Err *e) MUST_CHECK;
bool db_feature(const Db *db, const char *name);
/* Cancels what runs in the session with this key (CancelRequest); silently nothing if there is none. */
void db_cancel(Db *db, int32_t pid, int32_t secret);
bool session_terminated(const Session *s); /* by pg_terminate_backend: it is to end */

/* A line of a body that was refused: skulk.rejected shows the last ones.  Texts are copied. */
typedef struct Rejected {
    int64_t time_ns;
    Slice database;
    const char *path;
    uint64_t line;
    const char *text;
    const Err *err;
} Rejected;
void db_note_rejected(Db *db, const Rejected *r);

/* NOTIFY from within the server; any thread. */
void db_notify(Db *db, ObjectId database, Slice channel, Slice payload);

/* ---- logins (session/login.c); need crypto_ops() ---- */
typedef struct Login Login; /* one SCRAM exchange */
/* binding: tls-server-end-point of the connection, "" without TLS; peer: "127.0.0.1:54321". */
Login *login_new(Db *db, Slice user, Slice binding, Slice peer);
bool login_first(Login *l, Slice mechanism, Slice message, Buf *reply, Err *e) MUST_CHECK;
/* When login_final may be called, monotonic, and when the client may hear of its failure: who guesses
 * has to wait.  28000: not soon. */
bool login_may_end(Login *l, int64_t *at_ns, int64_t *answer_ns, Err *e) MUST_CHECK;
/* 28P01 with PostgreSQL's words if the password is wrong, or there is no such user. */
bool login_final(Login *l, Slice message, Buf *reply, Err *e) MUST_CHECK;
void login_free(Login *l);
typedef struct PasswordLogin {
    Slice user, password, peer;
    int64_t at_ns; /* 0 at first; LOGIN_LATER: when to ask again, monotonic */
    int64_t answer_ns;
    bool wrong;
} PasswordLogin;
typedef enum LoginStatus { LOGIN_OK, LOGIN_LATER, LOGIN_REFUSED } LoginStatus;
/* 28P01, 28000: not soon; *role: who has come in.  The call after LOGIN_LATER takes a millisecond. */
LoginStatus login_password(Db *db, PasswordLogin *l, ObjectId *role, Err *e);
bool login_token(Db *db, Slice secret, ObjectId *role, Err *e) MUST_CHECK;

typedef struct SessionOptions {
    Slice user, database, application_name;
    const NameValue *settings; /* from the start-up packet (and options=-c...) */
    size_t setting_count;
    int32_t pid;                          /* given by db_new_pid() */
    Task *waiter;                         /* woken when RUN_WAIT is over */
    Slice client_address;                 /* "127.0.0.1:54321" or "" (library) */
    const char *tls_version, *tls_cipher; /* static; NULL: no TLS */
    int tls_bits;
} SessionOptions;

int32_t db_new_pid(Db *db);
bool session_new(Session **out, Db *db, const SessionOptions *o,
                 Err *e) MUST_CHECK; /* 3D000, 28000, 22023 */
void session_free(Session *s);       /* rolls back */
int32_t session_pid(const Session *s);
int32_t session_secret(const Session *s);
uint64_t session_group(const Session *s);
char session_txn_status(const Session *s); /* I T E */
/* How long it may stay idle as it is now, with what to say then; 0: for ever. */
int64_t session_idle_ms(Session *s, Err *e);
const TypeEnv *session_type_env(Session *s); /* for text output */

/* What the client must be told; each returns false when there is no more. */
bool session_next_notice(Session *s, Err *out, const char **severity);
bool session_next_parameter(Session *s, Slice *name,
                            Slice *value); /* ParameterStatus; at start: all 13 */
/* Outside of transactions only.  The session's waiter is woken when one comes. */
bool session_next_notification(Session *s, int32_t *pid, Slice *channel, Slice *payload);
bool session_overrun(Session *s, Err *e); /* it has not taken its notifications: to be ended */

/* ---- running ---- */
typedef enum RunStatus {
    RUN_BATCH, /* *out has rows: send them, call again */
    RUN_BYTES, /* portal_bytes(): messages of rows, of COPY TO or after portal_stream(); call again */
    RUN_COPY_IN, /* wants data: portal_copy_data..., then portal_copy_end or _fail, then portal_run */
    RUN_SUSPENDED, /* max_rows reached */
    RUN_DONE,      /* portal_tag() is the command tag ("" = empty query) */
    RUN_WAIT,
    RUN_YIELD,
    RUN_FAIL, /* session_failed() was called: the transaction is aborted */
} RunStatus;

/* Simple protocol.  Begin parses the whole text; then next/run until next says END. */
bool session_simple_begin(Session *s, Slice sql, Err *e) MUST_CHECK;
typedef enum NextStatus { NEXT_PORTAL, NEXT_END, NEXT_FAIL } NextStatus;
NextStatus session_simple_next(Session *s, Portal **out, Err *e);

/* Extended protocol.  Names are copied. */
bool session_parse(Session *s, Slice name, Slice sql, const TypeId *types, size_t type_count,
                   Err *e) MUST_CHECK;
typedef struct StatementInfo {
    const TypeId *param_types;
    size_t param_count;
    const OutColumn *cols; /* NULL and 0: no rows (NoData) */
    size_t col_count;
    bool returns_rows;
} StatementInfo;
/* 25P02 in a transaction that has failed: rows are not described there either. */
bool session_takes_queries(const Session *s, Err *e) MUST_CHECK;
bool session_describe(Session *s, Slice statement, StatementInfo *out, Err *e) MUST_CHECK;
typedef struct BindParam {
    Slice value;
    bool null, binary;
} BindParam;
bool session_bind(Session *s, Slice portal, Slice statement, const BindParam *params,
                  size_t param_count, const int16_t *formats, size_t format_count,
                  Err *e) MUST_CHECK;
Portal *session_portal(Session *s, Slice name, Err *e); /* NULL + 34000 */
void session_close_statement(Session *s, Slice name);
void session_close_portal(Session *s, Slice name);
/* Sync: ends the implicit transaction.  RUN_DONE, RUN_WAIT, RUN_FAIL. */
RunStatus session_sync(Session *s, Err *e);
/* After any error answered to the client (also protocol errors). */
void session_failed(Session *s);

const OutColumn *portal_columns(const Portal *p, size_t *count); /* count 0 and NULL: no rows */
bool portal_returns_rows(const Portal *p);
int16_t portal_format(const Portal *p, size_t column);   /* 0 text, 1 binary */
bool portal_may_run(const Portal *p, Err *e) MUST_CHECK; /* 25P02 */
RunStatus portal_run(Portal *p, int64_t max_rows /* 0 = all */, Batch **out, Err *e);
const char *portal_tag(const Portal *p);
Buf *portal_bytes(Portal *p); /* to be sent as they are; may be moved out */
/* Its rows may come as RUN_BYTES: DataRow messages in portal_row_form(). */
void portal_stream(Portal *p);
void portal_row_form(const Portal *p, Arena *a, RowForm *out); /* lives in a */
/* COPY: format and columns for Copy(In|Out)Response. */
bool portal_copy_info(const Portal *p, bool *binary, size_t *columns);
bool portal_copy_data(Portal *p, Slice bytes, Err *e) MUST_CHECK; /* any cut of the stream */
bool portal_copy_full(Portal *p); /* no data for now: the session's waiter is woken */
bool portal_copy_end(Portal *p, Err *e) MUST_CHECK;
void portal_copy_fail(Portal *p, Slice reason);

/* ---- PromQL for http/ and the library (session/promql_door.c) ---- */
typedef struct PromJob PromJob;
typedef enum PromStats { PROM_STATS_NONE, PROM_STATS_SUM, PROM_STATS_ALL } PromStats;
typedef struct PromRequest {
    Slice query;
    bool range;
    int64_t time_ms, start_ms, end_ms, step_ms;
    int64_t lookback_ms; /* 0 = 5 min */
    int64_t timeout_ms;  /* 0 and above 2 min: 2 min; below 0: it is over */
    uint64_t limit;      /* 0 = none */
    Rights *rights;      /* borrowed */
    PromStats stats;
} PromRequest;
/* Output is the "data" object of Prometheus' API as JSON in pieces, with warnings and infos after it. */
bool prom_open(PromJob **out, Db *db, ObjectId database, const PromRequest *r, Task *waiter,
               Err *e) MUST_CHECK;
RunStatus prom_run(PromJob *j, Err *e);  /* RUN_DONE, RUN_WAIT, RUN_YIELD, RUN_FAIL */
void prom_result(PromJob *j, Buf *json); /* {"resultType":...,"result":[...],"stats":...} */
size_t prom_annotation(PromJob *j, bool info, size_t i, Slice *out); /* returns the count */
void prom_close(PromJob *j);
/* Series of the metrics in the schema public: any of the selectors, and rows in the time. */
#define PROM_MS_MIN (INT64_MIN / NS_PER_MS + 1)
#define PROM_MS_MAX (INT64_MAX / NS_PER_MS - 1)
typedef struct PromSelection {
    Rights *rights; /* borrowed, as the texts are */
    ObjectId database;
    const Slice *match;
    size_t match_count;
    int64_t start_ms, end_ms; /* inclusive; PROM_MS_MIN, PROM_MS_MAX: all */
    uint64_t limit;           /* of what is listed; 0 = none */
} PromSelection;
typedef enum PromMeta { PROM_LABELS, PROM_LABEL_VALUES, PROM_SERIES } PromMeta;
/* A list as JSON, and behind it the member "warnings" if the limit cut it; without a selector all series.
 * Short: runs in one step. */
bool prom_meta(Db *db, const PromSelection *s, PromMeta what, Slice label, Buf *json,
               Err *e) MUST_CHECK;
/* Would a series without labels be selected? */
bool prom_matches_all(Slice selector, bool *all, Err *e) MUST_CHECK;
/* Parses only; the query written anew as a JSON string, or its tree. */
bool prom_text(Slice query, bool tree, Buf *json, Err *e) MUST_CHECK;

/* ---- a statement of /query as SQL, in a session of its own (session/influx_sql.c) ---- */
typedef struct InfluxJob InfluxJob;
typedef struct InfluxForm {
    const char *name; /* of the one series of rows; NULL: it has none */
    bool by_name;     /* the first column is the name: a series for each, as they come */
    InfluxRows rows;
    int64_t unit_ns; /* of times as numbers; 0: as texts */
    int64_t now_ns;
} InfluxForm;
typedef struct InfluxRequest { /* borrowed while it is opened */
    Rights *rights;
    Slice database, sql;
    InfluxForm form;
} InfluxRequest;
/* SELECT, DELETE, DROP SERIES, DROP MEASUREMENT: the statement at *p, which then stands behind it. */
bool influx_statement(Db *db, Rights *rights, Slice database, Slice policy, Arena *a,
                      const char **p, const char *end, Buf *sql, InfluxForm *form,
                      Err *e) MUST_CHECK;
bool influx_open(InfluxJob **out, Db *db, const InfluxRequest *r, Task *waiter, Err *e) MUST_CHECK;
/* Rows as InfluxDB's ,"series":[{"name":...,"columns":[...],"values":[[...]]}], nothing if there are none; RUN_DONE, RUN_WAIT, RUN_YIELD, RUN_FAIL. */
RunStatus influx_run(InfluxJob *j, Buf *json, Err *e);
void influx_close(InfluxJob *j);

/* ---- keys of writes that were done: the rows of idempotency.keys in all databases (session/write_keys.c) ---- */
typedef struct WriteKeyRow { /* texts live until the next call */
    int64_t time_ns;
    Slice key, content_type, answer;
    int64_t status;
} WriteKeyRow;
typedef struct WriteKeys WriteKeys;
WriteKeys *db_write_keys_open(Db *db, int64_t since_ns, Task *waiter);
/* RUN_BATCH: *out; RUN_DONE, RUN_WAIT, RUN_FAIL. */
RunStatus db_write_keys_next(WriteKeys *w, WriteKeyRow *out, Err *e);
void db_write_keys_close(WriteKeys *w);
/* Those before the time are forgotten; the ticket must live until it is done. */
bool db_write_keys_drop(Db *db, ObjectId database, int64_t before_ns, Ticket *t);

/* ---- jobs: lifecycle/ tells what runs; skulk.jobs and run_job() ask (session/jobs.c) ---- */
typedef struct JobInfo {
    int64_t id;
    const char *kind, *state; /* waiting, retrying, running, paused */
    ObjectId database;
    char schema_name[NAME_MAX_BYTES + 1], table_name[NAME_MAX_BYTES + 1];
    int64_t interval_ns, last_start_ns, last_duration_ns, next_ns; /* times: wall; 0 = none */
    int64_t jitter_ns;                                             /* at most so much is added */
    int busy_percent;                                              /* of a core, at most */
    int64_t lag_ns;                                                /* past its time by so much */
    uint64_t runs, failures;
    uint64_t rows, rows_read; /* of the last run: written or deleted; read of tables for it */
    char error[256];
} JobInfo;
enum {
    JOB_TTL = 1,
    JOB_VIEW,
    JOB_TIER,
    JOB_REPLACE,
    JOB_KINDS_MAX = 8
}; /* numbers of kinds: never given twice */
static inline int64_t job_id_of(TableId table, int kind)
{
    return (int64_t)table * JOB_KINDS_MAX + kind;
}
typedef struct JobChange { /* fields that are 0 change nothing */
    bool run_now, pause, resume;
    int64_t interval_ns; /* JOB_INTERVAL_MIN_NS.. */
    int64_t next_ns;     /* wall clock of its next run */
} JobChange;
#define JOB_INTERVAL_MIN_NS NS_PER_S
#define JOB_INTERVAL_MAX_NS (3653 * NS_PER_DAY)
typedef struct JobDoor {
    void *arg;
    size_t (*list)(void *arg, JobInfo *out, size_t max); /* by id; how many there are */
    bool (*change)(void *arg, int64_t id, const JobChange *what, Err *e); /* UNDEFINED_OBJECT */
} JobDoor;
void db_set_jobs(Db *db, const JobDoor *door); /* copied; NULL: none; while there are no sessions */
size_t db_jobs(const Db *db, JobInfo **out);   /* of all databases; the caller frees it */

/* ---- samples as they are stored, in the forms that others read (session/promql_read.c) ---- */
typedef enum PromReadKind {
    READ_EXPORT,    /* JSON lines: {"metric":{},"values":[],"timestamps":[],"histograms":[]} */
    READ_FEDERATE,  /* the newest sample of each series as text, numbers only */
    READ_FAMILIES,  /* the same in protobuf: io.prometheus.client.MetricFamily, with histograms */
    READ_EXEMPLARS, /* of the selectors in `query`: JSON */
    READ_SAMPLES,   /* remote read: prometheus.ReadResponse */
    READ_CHUNKS,    /* frames of prometheus.ChunkedReadResponse */
} PromReadKind;
typedef struct PromReadRequest {
    PromReadKind kind;
    PromSelection from;
    Slice query;
    Slice body; /* remote read: prometheus.ReadRequest, which chooses between the last two kinds */
} PromReadRequest;
typedef struct PromRead PromRead;
bool prom_read_open(PromRead **out, Db *db, const PromReadRequest *r, Task *waiter,
                    Err *e) MUST_CHECK;
RunStatus prom_read_run(PromRead *p, Err *e); /* RUN_DONE, RUN_WAIT, RUN_YIELD, RUN_FAIL */
PromReadKind prom_read_kind(const PromRead *p);
Slice prom_read_bytes(const PromRead *p);
void prom_read_close(PromRead *p);

/* ---- beside queries (session/promql_admin.c) ---- */
typedef struct PromMetadata {
    Slice metric;                     /* "" = all */
    uint64_t limit, limit_per_metric; /* UINT64_MAX = none */
    bool targets;                     /* in the form of targets/metadata */
} PromMetadata;
/* {"metric":[{"type","help","unit"}]} of what remote write and OTLP told. */
bool prom_metadata(Db *db, Rights *rights, ObjectId database, const PromMetadata *r, Buf *json,
                   Err *e) MUST_CHECK;
/* The "data" of status/tsdb. */
bool prom_tsdb_status(Db *db, Rights *rights, ObjectId database, uint64_t limit, Buf *json,
                      Err *e) MUST_CHECK;
/* Deletes the samples of the series that are selected, a table at a time; of a metric that is one of several
 * fields of its table only the values of that field (session/promql_delete.c). */
typedef struct PromDelete PromDelete;
bool prom_delete_open(PromDelete **out, Db *db, const PromSelection *s, Task *waiter,
                      Err *e) MUST_CHECK;
RunStatus prom_delete_run(PromDelete *d, Err *e); /* RUN_DONE, RUN_WAIT, RUN_YIELD, RUN_FAIL */
void prom_delete_close(PromDelete *d);
enum { DB_SNAPSHOT_NAME = 64 };
/* What is deleted leaves the files; superusers only. */
bool db_clean_tombstones(Db *db, Rights *rights, Ticket *t, Err *e) MUST_CHECK;
/* A backup in snapshots/NAME of the data directory; superusers only. */
bool db_snapshot(Db *db, Rights *rights, char name[DB_SNAPSHOT_NAME], Ticket *t, Err *e) MUST_CHECK;

/* Session views and functions; called by db_open. */
/* ---- continuous views: what a job of lifecycle/ does for one ---- */
int64_t view_refresh_ns(const TableDef *t); /* how often; 0: never, or it is no continuous view */
int64_t replace_refresh_ns(const TableDef *t); /* of the next version of a view */
int64_t tier_refresh_ns(const TableDef *t);    /* the same for tiers; 0: it is none */
/* It is up to date: no bucket is over, none was changed. */
bool view_job_idle(Db *db, TableId view);
typedef struct ViewJob ViewJob;
bool view_job_new(ViewJob **out, Db *db, ObjectId database, TableId view, Task *waiter,
                  Err *e) MUST_CHECK;
/* Up to date, and back-filled in slices; *rows grows by results written, *rows_read by what was
 * read for them.  RUN_DONE, RUN_WAIT, RUN_YIELD, RUN_FAIL. */
RunStatus view_job_run(ViewJob *j, uint64_t *rows, uint64_t *rows_read, Err *e);
bool view_job_between(const ViewJob *j); /* slices: what it has done is committed */
void view_job_free(ViewJob *j);

void session_register(void);

#endif
