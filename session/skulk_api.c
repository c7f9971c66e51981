/* session/skulk_api.c - include/skulk.h: the library's calls on top of a session.
 *
 * Every call becomes a task; the calling thread sleeps until it is done (or, with threads = 0, steps the
 * scheduler itself).  A result is held in memory as a whole. */
#include "base/log.h"
#include "include/skulk.h"
#include "ingest/ingest.h"
#include "session/session_private.h"
#include <errno.h>
#include <stdio.h>

enum { DEFAULT_THREADS = 2, LIBRARY_BODY_MAX = 256 << 20 };

struct skulk_db {
    Sched *sched;
    Db *db;
    Session *session;
    pthread_mutex_t mutex; /* serialises calls; all below needs it */
    Err error;
    size_t lines_refused;
    atomic_bool done;
};

struct skulk_result {
    skulk_db *db;
    Arena arena;
    Batch *batches;
    size_t batch_count, batch_max, rows;
    skulk_column *columns;
    TypeId *types;
    size_t column_count;
    char tag[80];
    size_t batch, row; /* position: row is next in batch */
    bool by_batch;
    Buf text;
};

typedef enum CallKind { CALL_SQL, CALL_WRITE, CALL_PROMQL } CallKind;

typedef struct Call {
    Task task;
    skulk_db *db;
    CallKind kind;
    bool ok, committing;
    /* SQL */
    skulk_result *result;
    Portal *portal;
    /* write */
    IngJob *job;
    Ticket ticket;
    bool submitted;
} Call;

const char *skulk_version(void)
{
    return SKULK_VERSION;
}

/* ---- running a call ---- */

static TaskStatus call_end(Call *c, bool ok)
{
    c->ok = ok;
    return TASK_DONE;
}

static void call_done(Task *t)
{
    Call *c = (Call *)t;
    Sched *sched = c->db->sched;
    atomic_store(&c->db->done, true);
    sched_notify(sched);
}

static bool run_call(Call *c, TaskStatus (*step)(Task *))
{
    skulk_db *db = c->db;
    atomic_store(&db->done, false);
    task_init(&c->task, step, TASK_QUERY, 1);
    c->task.done = call_done;
    if (db->session)
        db->session->waiter = &c->task;
    task_start(db->sched, &c->task);
    sched_run_until(db->sched, &db->done);
    return c->ok;
}

/* ---- open, close ---- */

static bool open_session(skulk_db *h)
{
    SessionOptions o = {
        .user = SLICE_LIT("skulk"), .database = SLICE_LIT("skulk"), .pid = db_new_pid(h->db)};
    return session_new(&h->session, h->db, &o, &h->error);
}

skulk_status skulk_open(const char *dir, const skulk_options *options, skulk_db **out)
{
    skulk_db *h = MEM_NEW(skulk_db);
    *out = h;
    pthread_mutex_init(&h->mutex, NULL);
    bool has = options && options->size >= sizeof(skulk_options);
    int threads = has ? options->threads : DEFAULT_THREADS;
    if (threads < 0 || threads > 1024) {
        err_set(&h->error, ERR_INVALID_PARAMETER, "threads = %d is not in 0..1024", threads);
        return SKULK_ERROR;
    }
    int workers = threads > 1 ? threads / 2 : threads;
    h->sched = sched_new(&clock_real, workers,
                         threads > 0 ? (threads - workers > 0 ? threads - workers : 1) : 0, 0);
    DbOptions o = {.data_dir = dir,
                   .engine_flags = ENGINE_PREAD |
                                   (has && options->read_only ? ENGINE_READ_ONLY : ENGINE_CREATE),
                   .sched = h->sched,
                   .memory = has ? options->memory_bytes : 0,
                   .create_databases = true,
                   .features = has ? options->features : NULL};
    if (!db_open(&h->db, &o, &h->error) || !open_session(h))
        return SKULK_ERROR;
    return SKULK_OK;
}

void skulk_close(skulk_db *h)
{
    if (!h)
        return;
    session_free(h->session);
    db_close(h->db);
    if (h->sched) {
        sched_stop(h->sched);
        sched_free(h->sched);
    }
    pthread_mutex_destroy(&h->mutex);
    mem_free(h);
}

bool skulk_step(skulk_db *h, int ms)
{
    int64_t end = clock_real.mono_ns(&clock_real) + ms * NS_PER_MS;
    bool did = false;
    while (sched_step(h->sched)) {
        did = true;
        if (clock_real.mono_ns(&clock_real) >= end)
            break;
    }
    return did;
}

skulk_error_info skulk_error(const skulk_db *h)
{
    const Err *e = &h->error;
    return (skulk_error_info){.sqlstate = err_sqlstate(e->code),
                              .message = e->message,
                              .detail = e->detail,
                              .hint = e->hint,
                              .position = e->position};
}

/* ---- line protocol ---- */

static TaskStatus write_step(Task *t)
{
    Call *c = (Call *)t;
    if (c->submitted) {
        if (!atomic_load_explicit(&c->ticket.done, memory_order_acquire))
            return TASK_WAIT;
        if (!c->ticket.ok)
            c->db->error = c->ticket.err;
        return call_end(c, c->ticket.ok);
    }
    bool done;
    if (!ing_job_step(c->job, &done, &c->db->error))
        return call_end(c, false);
    if (!done)
        return TASK_MORE;
    WriteBatch *wb = ing_job_take_batch(c->job);
    if (!wb)
        return call_end(c, true);
    c->ticket = (Ticket){.waiter = t};
    c->submitted = true;
    engine_submit(db_engine(c->db->db), wb, SYNC_ON, &c->ticket);
    return TASK_WAIT;
}

static skulk_status refused(skulk_db *h, const IngJob *job)
{
    h->lines_refused = ing_job_error_count(job);
    const IngLineError *first = ing_job_error(job, 0);
    if (!first)
        return SKULK_OK;
    h->error = first->err;
    err_detail(&h->error, "line %zu: %s", first->line, first->text);
    return SKULK_PARTIAL;
}

static skulk_status write_locked(skulk_db *h, Slice text, const char *precision)
{
    IngContext ctx = {.engine = db_engine(h->db),
                      .now_ns = clock_real.wall_ns(&clock_real),
                      .body_max = LIBRARY_BODY_MAX};
    err_clear(&h->error);
    h->lines_refused = 0;
    if (!engine_writable(ctx.engine, &h->error) ||
        !ing_precision(slice_cstr(precision ? precision : ""), REPLY_INFLUX1, &ctx.precision,
                       &h->error) ||
        !db_resolve_database(h->db, NULL, SLICE_LIT("skulk"), &ctx.database, &ctx.schema,
                             &h->error))
        return SKULK_ERROR;
    const IngFormat *lines = ing_find(SLICE_LIT("/write"), SLICE_NONE, &h->error);
    Call c = {.db = h, .kind = CALL_WRITE, .job = ing_job_new(lines, &ctx, text)};
    skulk_status st = run_call(&c, write_step) ? refused(h, c.job) : SKULK_ERROR;
    ing_job_free(c.job);
    return st;
}

skulk_status skulk_write_line_protocol(skulk_db *h, const char *text, size_t len,
                                       const char *precision)
{
    pthread_mutex_lock(&h->mutex);
    skulk_status st = write_locked(h, slice_of(text, len), precision);
    pthread_mutex_unlock(&h->mutex);
    return st;
}

size_t skulk_lines_refused(const skulk_db *h)
{
    return h->lines_refused;
}

/* ---- results ---- */

static skulk_type type_of(TypeId t)
{
    if (t == T_TIMESTAMPTZ || t == T_TIMESTAMP)
        return SKULK_TIME;
    if (t == T_INT2 || t == T_INT4 || t == T_INT8 || t == T_OID)
        return SKULK_INT64;
    if (t == T_BOOL)
        return SKULK_BOOL;
    return t == T_FLOAT4 || t == T_FLOAT8 ? SKULK_FLOAT64 : SKULK_TEXT;
}

static void result_columns(skulk_result *r, const OutColumn *cols, size_t n)
{
    r->columns = ARENA_ARRAY(&r->arena, skulk_column, n + 1);
    r->types = ARENA_ARRAY(&r->arena, TypeId, n + 1);
    r->column_count = n;
    for (size_t i = 0; i < n; i++) {
        r->types[i] = cols[i].type;
        r->columns[i] = (skulk_column){.name = arena_cstr(&r->arena, cols[i].name),
                                       .type = type_of(cols[i].type),
                                       .pg_type = cols[i].type};
    }
}

static void result_batch(skulk_result *r, const Batch *b)
{
    if (batch_count(b) == 0)
        return;
    if (r->batch_count == r->batch_max) {
        r->batch_max = r->batch_max ? r->batch_max * 2 : 8;
        r->batches = mem_realloc(r->batches, r->batch_max * sizeof *r->batches);
    }
    batch_copy(&r->batches[r->batch_count++], b, &r->arena);
    r->rows += batch_count(b);
}

/* One statement after the other; the last one's rows are kept. */
static TaskStatus sql_step(Task *t)
{
    Call *c = (Call *)t;
    skulk_db *h = c->db;
    for (;;) {
        if (!c->portal) {
            NextStatus next = session_simple_next(h->session, &c->portal, &h->error);
            if (next != NEXT_PORTAL)
                return call_end(c, next == NEXT_END);
            size_t n;
            const OutColumn *cols = portal_columns(c->portal, &n);
            c->result->batch_count = c->result->rows = 0;
            result_columns(c->result, cols, n);
        }
        Batch *b;
        switch (portal_run(c->portal, 0, &b, &h->error)) {
        case RUN_BATCH:
            result_batch(c->result, b);
            break;
        case RUN_DONE:
        case RUN_SUSPENDED:
            snprintf(c->result->tag, sizeof c->result->tag, "%s", portal_tag(c->portal));
            c->portal = NULL;
            break;
        case RUN_WAIT:
            return TASK_WAIT;
        case RUN_YIELD:
            return TASK_MORE;
        case RUN_BYTES:
        case RUN_COPY_IN:
            err_set(&h->error, ERR_FEATURE_NOT_SUPPORTED,
                    "COPY from or to the client is not possible here");
            return call_end(c, false);
        case RUN_FAIL:
            return call_end(c, false);
        }
    }
}

static skulk_result *result_new(skulk_db *h)
{
    skulk_result *r = MEM_NEW(skulk_result);
    r->db = h;
    arena_init(&r->arena, db_query_pool(h->db));
    buf_init(&r->text);
    return r;
}

static skulk_status sql_locked(skulk_db *h, Slice sql, skulk_result **out)
{
    err_clear(&h->error);
    *out = NULL;
    if (!session_simple_begin(h->session, sql, &h->error))
        return SKULK_ERROR;
    Call c = {.db = h, .kind = CALL_SQL, .result = result_new(h)};
    if (!run_call(&c, sql_step)) {
        session_failed(h->session);
        skulk_result_free(c.result);
        return SKULK_ERROR;
    }
    *out = c.result;
    return SKULK_OK;
}

skulk_status skulk_query_sql(skulk_db *h, const char *sql, skulk_result **out)
{
    pthread_mutex_lock(&h->mutex);
    skulk_status st = sql_locked(h, slice_cstr(sql), out);
    pthread_mutex_unlock(&h->mutex);
    return st;
}

/* PromQL goes through the table function, so that both languages have one kind of result. */
skulk_status skulk_query_promql(skulk_db *h, const char *query, int64_t start_ms, int64_t end_ms,
                                int64_t step_ms, skulk_result **out)
{
    Buf sql;
    buf_init(&sql);
    buf_puts(&sql, "SELECT labels, ts, value FROM promql('");
    for (const char *p = query; *p; p++) {
        if (*p == '\'')
            buf_put_u8(&sql, '\'');
        buf_put_u8(&sql, (uint8_t)*p);
    }
    if (step_ms > 0)
        buf_printf(
            &sql,
            "', to_timestamp(%lld / 1000.0), to_timestamp(%lld / 1000.0), interval '%lld ms')",
            (long long)start_ms, (long long)end_ms, (long long)step_ms);
    else
        buf_printf(&sql, "', to_timestamp(%lld / 1000.0))", (long long)end_ms);
    pthread_mutex_lock(&h->mutex);
    skulk_status st = sql_locked(h, buf_slice(&sql), out);
    pthread_mutex_unlock(&h->mutex);
    buf_free(&sql);
    return st;
}

size_t skulk_column_count(const skulk_result *r)
{
    return r->column_count;
}

const skulk_column *skulk_columns(const skulk_result *r)
{
    return r->columns;
}

const char *skulk_command_tag(const skulk_result *r)
{
    return r->tag;
}

size_t skulk_row_count(const skulk_result *r)
{
    return r->rows;
}

/* The text form of a whole column, for the types that C has no form of. */
static const void *text_values(skulk_result *r, const Vector *v, size_t rows)
{
    skulk_string *out = ARENA_ARRAY(&r->arena, skulk_string, rows);
    const TypeDef *t = type_find(v->type);
    for (size_t i = 0; i < rows; i++) {
        if (vec_is_null(v, i))
            continue;
        Value value = vec_get(v, i);
        r->text.len = 0;
        t->out(session_type_env(r->db->session), &value, &r->text);
        Slice s = arena_slice(&r->arena, buf_slice(&r->text));
        out[i] = (skulk_string){s.ptr, s.len};
    }
    return out;
}

size_t skulk_next_batch(skulk_result *r)
{
    if (r->by_batch)
        r->batch++;
    r->by_batch = true;
    if (r->batch >= r->batch_count)
        return 0;
    Batch *b = &r->batches[r->batch];
    for (size_t c = 0; c < r->column_count; c++) {
        Vector *v = &b->cols[c];
        vec_flatten(v, b, &r->arena);
        r->columns[c].values =
            r->columns[c].type == SKULK_TEXT ? text_values(r, v, b->rows) : v->v.any;
        r->columns[c].valid = v->valid;
    }
    return b->rows;
}

bool skulk_next_row(skulk_result *r)
{
    while (r->batch < r->batch_count && r->row >= r->batches[r->batch].rows) {
        r->batch++;
        r->row = 0;
    }
    if (r->batch >= r->batch_count)
        return false;
    r->row++;
    return true;
}

static Value current(const skulk_result *r, size_t column)
{
    must(r->row > 0 && column < r->column_count);
    return vec_get(&r->batches[r->batch].cols[column], r->row - 1);
}

bool skulk_is_null(const skulk_result *r, size_t column)
{
    return current(r, column).null;
}

const char *skulk_text(skulk_result *r, size_t column)
{
    Value v = current(r, column);
    r->text.len = 0;
    if (!v.null)
        type_find(r->types[column])->out(session_type_env(r->db->session), &v, &r->text);
    return arena_cstr(&r->arena, buf_slice(&r->text));
}

int64_t skulk_int64(const skulk_result *r, size_t column)
{
    Value v = current(r, column);
    return v.null ? 0 : v.phys == PH_I64 ? v.u.i64 : v.phys == PH_BOOL ? v.u.b : 0;
}

double skulk_float64(const skulk_result *r, size_t column)
{
    Value v = current(r, column);
    return v.null ? 0 : v.phys == PH_F64 ? v.u.f64 : (double)skulk_int64(r, column);
}

void skulk_result_free(skulk_result *r)
{
    if (!r)
        return;
    mem_free(r->batches);
    arena_free(&r->arena);
    buf_free(&r->text);
    mem_free(r);
}
