/* tests/unit/http_fakes.h - an engine, ingest formats and a PromQL door that http/ can be linked to. */
#ifndef SKULK_TESTS_HTTP_FAKES_H
#define SKULK_TESTS_HTTP_FAKES_H

#include "http/http.h"
#include "http/http_private.h"

#include <stdio.h>

/* ---- fakes: one table of bodies is what they know ---- */
static int fake_db_place, fake_engine_place;
#define FAKE_DB ((Db *)&fake_db_place)
static Budget fake_pool;
static EngineStats fake_stats;
static char fake_last_body[100];

Engine *db_engine(Db *db)
{
    (void)db;
    return (Engine *)&fake_engine_place;
}
Budget *db_ingest_pool(Db *db)
{
    (void)db;
    return &fake_pool;
}
Budget *db_query_pool(Db *db)
{
    (void)db;
    return &fake_pool;
}
bool db_resolve_database(Db *db, Rights *rights, Slice name, ObjectId *database,
                         ObjectId *schema_public, Err *e)
{
    (void)db;
    if (rights && rights_role(rights) != 1)
        return err_set(e, ERR_PRIVILEGE, "permission denied for database");
    *database = *schema_public = 1;
    if (name.len == 0 || slice_eq_cstr(name, "skulk") || slice_eq_cstr(name, "bench"))
        return true;
    return err_set(e, ERR_DATABASE_NAME, "database not found: \"%.*s\"", SLICE_ARG(name));
}
bool db_resolve_policy(Db *db, ObjectId database, Slice policy, ObjectId *schema, Err *e)
{
    (void)db, (void)database;
    *schema = policy.len ? 2 : 1;
    return !policy.len || slice_eq_cstr(policy, "autogen") ||
           err_set(e, ERR_DATABASE_NAME, "retention policy not found: %.*s", SLICE_ARG(policy));
}
bool db_create_database(Db *db, Rights *rights, Slice name, Err *e)
{
    (void)db, (void)rights, (void)e;
    snprintf(fake_last_body, sizeof fake_last_body, "%.*s", SLICE_ARG(name));
    return true;
}
bool influx_open(InfluxJob **out, Db *db, const InfluxRequest *r, Task *waiter, Err *e)
{
    (void)db, (void)waiter;
    *out = (InfluxJob *)&fake_engine_place;
    snprintf(fake_last_body, sizeof fake_last_body, "%.*s", SLICE_ARG(r->sql));
    return !strstr(fake_last_body, "\"bad\"") || err_set(e, ERR_UNDEFINED_OBJECT, "no such thing");
}
bool influx_statement(Db *db, Rights *rights, Slice database, Slice policy, Arena *a,
                      const char **p, const char *end, Buf *sql, InfluxForm *form, Err *e)
{
    (void)db, (void)rights, (void)database, (void)policy, (void)a, (void)form;
    buf_put_slice(sql, slice_of(*p, (size_t)(end - *p)));
    *p = end;
    return sql->len > 6 || err_set(e, ERR_SYNTAX, "found EOF");
}
RunStatus influx_run(InfluxJob *j, Buf *json, Err *e)
{
    (void)j, (void)e;
    buf_puts(json, ",\"series\":[]");
    return RUN_DONE;
}
void influx_close(InfluxJob *j)
{
    (void)j;
}
/* "ann" with "pass" is role 1 and may all, "bob" with "word" is 2 and may nothing; "abc" is ann's token. */
LoginStatus login_password(Db *db, PasswordLogin *l, ObjectId *role, Err *e)
{
    (void)db;
    *role = slice_eq_cstr(l->user, "ann") ? 1 : 2;
    if (!l->at_ns) {
        l->at_ns = 1;
        return LOGIN_LATER;
    }
    if ((*role == 1 && slice_eq_cstr(l->password, "pass")) ||
        (slice_eq_cstr(l->user, "bob") && slice_eq_cstr(l->password, "word")))
        return LOGIN_OK;
    err_set(e, ERR_INVALID_PASSWORD, "password authentication failed");
    return LOGIN_REFUSED;
}
bool login_token(Db *db, Slice secret, ObjectId *role, Err *e)
{
    (void)db;
    *role = 1;
    return slice_eq_cstr(secret, "abc") ||
           err_set(e, ERR_INVALID_PASSWORD, "the token is not valid");
}
struct Rights {
    ObjectId role;
};
Rights *rights_new(Db *db, ObjectId role)
{
    Rights *r = MEM_NEW(Rights);
    (void)db;
    r->role = role;
    return r;
}
void rights_free(Rights *r)
{
    mem_free(r);
}
ObjectId rights_role(const Rights *r)
{
    return r ? r->role : 0;
}
const AclDef *rights_of_new(void *rights, const CatalogSnap *cat, Arena *a, const TableDef *t)
{
    (void)rights, (void)cat, (void)a, (void)t;
    return NULL;
}
bool rights_may_write(void *rights, const CatalogSnap *cat, const TableDef *t,
                      const ColumnDef *column, ObjectId schema, Err *e)
{
    (void)rights, (void)cat, (void)t, (void)column, (void)schema, (void)e;
    return true;
}
const EngineStats *engine_stats(Engine *eng)
{
    (void)eng;
    return &fake_stats;
}
bool engine_writable(Engine *eng, Err *e)
{
    (void)eng, (void)e;
    return true;
}
size_t engine_storage(Engine *eng, StorageKind *out, size_t max, int64_t age_max_ns, Err *e)
{
    (void)eng, (void)out, (void)max, (void)age_max_ns, (void)e;
    return 0;
}
void engine_wal_info(Engine *eng, WalInfo *out)
{
    (void)eng;
    *out = (WalInfo){0};
}
size_t engine_compactions(Engine *eng, CompactionInfo *out, size_t max)
{
    (void)eng, (void)out, (void)max;
    return 0;
}
SeriesIndex *engine_index(Engine *eng)
{
    (void)eng;
    return NULL;
}
uint64_t idx_series_count(SeriesIndex *idx, TableId table)
{
    (void)idx, (void)table;
    return 0;
}
size_t idx_memory(SeriesIndex *idx)
{
    (void)idx;
    return 0;
}
CatalogSnap *engine_catalog(Engine *eng)
{
    (void)eng;
    return NULL;
}
void cat_unref(CatalogSnap *c)
{
    (void)c;
}
const DatabaseDef *cat_database_by_id(const CatalogSnap *c, ObjectId id)
{
    (void)c, (void)id;
    return NULL;
}
size_t db_jobs(const Db *db, JobInfo **out)
{
    (void)db;
    *out = mem_zero(sizeof **out);
    (*out)->id = 9;
    (*out)->kind = "ttl";
    (*out)->state = "paused";
    snprintf((*out)->table_name, sizeof(*out)->table_name, "a\"b");
    return 1;
}
size_t cat_database_count(const CatalogSnap *c)
{
    (void)c;
    return 1;
}
const DatabaseDef *cat_database_at(const CatalogSnap *c, size_t i)
{
    static const DatabaseDef d = {.id = 1, .name = SLICE_LIT("skulk")};
    (void)c, (void)i;
    return &d;
}

/* A commit that another thread would end: here a task of its own, since the next commit may begin
 * before the scheduler has put the last one away. */
typedef struct FakeCommit {
    Task task; /* first */
    Ticket *ticket;
} FakeCommit;
static bool commit_full;

static TaskStatus commit_step(Task *t)
{
    Ticket *ticket = ((FakeCommit *)t)->ticket;
    ticket->ok = !commit_full;
    if (commit_full)
        err_set(&ticket->err, ERR_DISK_FULL, "no space left on the disk");
    Task *waiter = ticket->waiter;
    atomic_store(&ticket->done, true);
    task_wake(waiter);
    return TASK_DONE;
}

static void commit_done(Task *t)
{
    mem_free(t);
}

static Sched *fake_sched;

void engine_submit(Engine *eng, WriteBatch *take_wb, SyncMode sync, Ticket *t)
{
    (void)eng, (void)take_wb, (void)sync;
    FakeCommit *commit = MEM_NEW(FakeCommit);
    commit->ticket = t;
    task_init(&commit->task, commit_step, TASK_QUERY, 9);
    commit->task.done = commit_done;
    task_start(fake_sched, &commit->task);
}

struct IngJob {
    Slice body;
    bool bad, conflict;
    IngLineError error;
};

static bool fake_step(IngJob *job, bool *done, Err *e)
{
    (void)job, (void)done, (void)e;
    return true;
}

#define PROTOBUF "application/x-protobuf"
const IngFormat ing_formats[] = {
    {"/write", "line protocol", NULL, NULL, "gzip", false, fake_step, REPLY_INFLUX1, NULL},
    {"/api/v2/write", "v2", NULL, NULL, "gzip", false, fake_step, REPLY_INFLUX2, NULL},
    {"/api/v3/write_lp", "v3", NULL, NULL, "gzip", false, fake_step, REPLY_INFLUX3, NULL},
    {"/api/v1/write", "remote write", PROTOBUF, "prometheus.WriteRequest", "snappy", true,
     fake_step, REPLY_PROMETHEUS, NULL},
    {"/api/v1/write", "remote write 2", PROTOBUF, "io.prometheus.write.v2.Request", "snappy", true,
     fake_step, REPLY_PROMETHEUS2, NULL},
    {"/v1/metrics", "OTLP", "application/json", NULL, "gzip", false, fake_step, REPLY_OTLP_JSON,
     "rejectedDataPoints"},
    {"/v1/metrics", "OTLP", PROTOBUF, NULL, "gzip", false, fake_step, REPLY_OTLP_PROTO,
     "rejectedDataPoints"},
    {0},
};

const IngFormat *ing_find(Slice path, Slice content_type, Err *e)
{
    for (const IngFormat *f = ing_formats; f->path; f++)
        if (slice_eq_cstr(path, f->path) &&
            (!f->content_type || !content_type.len ||
             (slice_starts(content_type, slice_cstr(f->content_type)) &&
              (!f->proto || !memchr(content_type.ptr, ';', content_type.len) ||
               memmem(content_type.ptr, content_type.len, f->proto, strlen(f->proto))))))
            return f;
    err_set(e, ERR_INVALID_PARAMETER, "Content-Type is not taken here");
    return NULL;
}
IngWritten ing_job_written(const IngJob *j)
{
    (void)j;
    return (IngWritten){.samples = 3, .histograms = 2, .exemplars = 1};
}
void ing_job_stored(IngJob *j)
{
    (void)j;
}
IngSeen *ing_seen_new(void)
{
    return NULL;
}
void ing_seen_free(IngSeen *s)
{
    (void)s;
}
static Rejected fake_rejected;
void db_note_rejected(Db *db, const Rejected *r)
{
    (void)db;
    fake_rejected = *r;
}

bool ing_precision(Slice text, IngReply dialect, IngPrecision *out, Err *e)
{
    (void)dialect;
    *out = ING_NS;
    return text.len < 3 || err_set(e, ERR_INVALID_PARAMETER, "invalid precision");
}
int64_t ing_precision_ns(IngPrecision p)
{
    return p == ING_NS ? 1 : 0;
}

bool ing_decode_body(Buf *out, Slice body, Slice encoding, size_t body_max, Err *e)
{
    (void)encoding, (void)body_max;
    if (slice_eq_cstr(body, "damaged"))
        return err_set(e, ERR_INVALID_TEXT, "bad gzip");
    if (slice_eq_cstr(body, "bomb"))
        return err_set(e, ERR_PROGRAM_LIMIT, "the decompressed body is too large");
    buf_put_slice(out, body);
    return true;
}
IngJob *ing_job_new(const IngFormat *f, const IngContext *c, Slice body)
{
    (void)f, (void)c;
    IngJob *j = MEM_NEW(IngJob);
    j->body = body;
    snprintf(fake_last_body, sizeof fake_last_body, "%.*s", (int)(body.len < 99 ? body.len : 99),
             body.ptr);
    return j;
}
bool ing_job_step(IngJob *job, bool *done, Err *e)
{
    (void)e;
    *done = true;
    job->bad = memmem(job->body.ptr, job->body.len, "broken", 6) != NULL;
    job->conflict = memmem(job->body.ptr, job->body.len, "conflict", 8) != NULL;
    job->error.line = 2;
    job->error.type_conflict = job->conflict;
    snprintf(job->error.text, sizeof job->error.text, "broken line");
    err_set(&job->error.err, ERR_INVALID_TEXT, "%s",
            job->conflict ? "field type conflict: input field \"x\"" : "missing fields");
    return true;
}
WriteBatch *ing_job_take_batch(IngJob *job)
{
    return memmem(job->body.ptr, job->body.len, "nothing", 7) ? NULL : (WriteBatch *)&fake_db_place;
}
size_t ing_job_error_count(const IngJob *job)
{
    return job->bad || job->conflict;
}
const IngLineError *ing_job_error(const IngJob *job, size_t i)
{
    return i < ing_job_error_count(job) ? &job->error : NULL;
}
void ing_job_free(IngJob *job)
{
    mem_free(job);
}

struct PromJob {
    PromRequest request;
    int steps;
    Slice query;
};
static PromRequest fake_request;

bool prom_open(PromJob **out, Db *db, ObjectId database, const PromRequest *r, Task *waiter, Err *e)
{
    (void)db, (void)database, (void)waiter;
    fake_request = *r;
    if (slice_eq_cstr(r->query, "up{"))
        return err_set(e, ERR_SYNTAX, "1:4: parse error: unexpected end of input");
    *out = MEM_NEW(PromJob);
    (*out)->query = r->query;
    return true;
}
RunStatus prom_run(PromJob *j, Err *e)
{
    if (slice_eq_cstr(j->query, "slow") && j->steps++ < 100000)
        return RUN_YIELD;
    if (slice_eq_cstr(j->query, "fail")) {
        err_set(e, ERR_CARDINALITY, "many-to-many matching not allowed");
        return RUN_FAIL;
    }
    return RUN_DONE;
}
void prom_result(PromJob *j, Buf *json)
{
    buf_puts(json, "{\"resultType\":\"scalar\",\"result\":[1,\"2\"]");
    for (int i = 0; slice_eq_cstr(j->query, "large") && i < 100000; i++)
        buf_puts(json, ",0123456789");
    buf_puts(json, "}");
}
size_t prom_annotation(PromJob *j, bool info, size_t i, Slice *out)
{
    (void)j, (void)i;
    *out = SLICE_LIT("mind");
    return info;
}
void prom_close(PromJob *j)
{
    mem_free(j);
}
bool prom_meta(Db *db, const PromSelection *s, PromMeta what, Slice label, Buf *json, Err *e)
{
    (void)db, (void)e;
    buf_printf(json, "[%d,\"%.*s\",%zu", what, SLICE_ARG(label), s->match_count);
    for (size_t i = 0; i < s->match_count; i++) {
        buf_puts(json, ",");
        buf_put_json(json, s->match[i]);
    }
    buf_puts(json, "]");
    return true;
}
bool prom_matches_all(Slice selector, bool *all, Err *e)
{
    *all = false;
    return selector.len > 0 || err_set(e, ERR_SYNTAX, "no selector");
}
bool prom_text(Slice query, bool tree, Buf *json, Err *e)
{
    (void)tree;
    buf_put_json(json, query);
    return query.len > 0 || err_set(e, ERR_SYNTAX, "no expression");
}

/* ---- keys of earlier writes: there are none ---- */
WriteKeys *db_write_keys_open(Db *db, int64_t since_ns, Task *waiter)
{
    (void)db, (void)since_ns, (void)waiter;
    return NULL;
}
RunStatus db_write_keys_next(WriteKeys *w, WriteKeyRow *out, Err *e)
{
    (void)w, (void)out, (void)e;
    return RUN_DONE;
}
void db_write_keys_close(WriteKeys *w)
{
    (void)w;
}
bool db_write_keys_drop(Db *db, ObjectId database, int64_t before_ns, Ticket *t)
{
    (void)db, (void)database, (void)before_ns, (void)t;
    return false;
}
bool ing_job_put_key(IngJob *j, const IngKey *k, Err *e)
{
    (void)j, (void)k, (void)e;
    return true;
}
size_t ing_job_rows(const IngJob *j)
{
    (void)j;
    return 1;
}

/* ---- beside queries: what they were asked is the answer ---- */
struct PromRead {
    PromReadRequest request;
    char text[100];
};
bool prom_read_open(PromRead **out, Db *db, const PromReadRequest *r, Task *waiter, Err *e)
{
    (void)db, (void)waiter, (void)e;
    *out = MEM_NEW(PromRead);
    (*out)->request = *r;
    snprintf((*out)->text, sizeof(*out)->text, "[%d,%zu]", r->kind, r->from.match_count);
    return true;
}
RunStatus prom_read_run(PromRead *p, Err *e)
{
    (void)p, (void)e;
    return RUN_DONE;
}
PromReadKind prom_read_kind(const PromRead *p)
{
    return p->request.kind;
}
Slice prom_read_bytes(const PromRead *p)
{
    return slice_cstr(p->text);
}
void prom_read_close(PromRead *p)
{
    mem_free(p);
}
bool prom_metadata(Db *db, Rights *rights, ObjectId database, const PromMetadata *r, Buf *json,
                   Err *e)
{
    (void)db, (void)rights, (void)database, (void)e;
    buf_printf(json, "[%d,%d]", (int)r->limit, (int)r->limit_per_metric);
    return true;
}
bool prom_tsdb_status(Db *db, Rights *rights, ObjectId database, uint64_t limit, Buf *json, Err *e)
{
    (void)db, (void)rights, (void)database, (void)e;
    buf_printf(json, "[%d]", (int)limit);
    return true;
}
bool prom_delete_open(PromDelete **out, Db *db, const PromSelection *s, Task *waiter, Err *e)
{
    (void)out, (void)db, (void)s, (void)waiter;
    return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "not in this test");
}
bool db_clean_tombstones(Db *db, Rights *rights, Ticket *t, Err *e)
{
    (void)db, (void)rights, (void)e;
    t->ok = true;
    atomic_store(&t->done, true);
    return true;
}
RunStatus prom_delete_run(PromDelete *d, Err *e)
{
    (void)d, (void)e;
    return RUN_DONE;
}
void prom_delete_close(PromDelete *d)
{
    (void)d;
}
bool db_snapshot(Db *db, Rights *rights, char name[DB_SNAPSHOT_NAME], Ticket *t, Err *e)
{
    (void)db, (void)rights, (void)name, (void)t;
    return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "not in this test");
}
void ing_encode_snappy(Buf *out, Slice bytes)
{
    buf_put_slice(out, bytes);
}

#endif
