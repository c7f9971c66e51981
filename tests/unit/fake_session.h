/* tests/unit/fake_session.h - a session that answers without storage: what test_pgwire talks to. */
#ifndef SKULK_TESTS_FAKE_SESSION_H
#define SKULK_TESTS_FAKE_SESSION_H

#include "pgwire/message.h"
#include "pgwire/pgwire.h"
#include "pgwire/rows.h"
#include "tests/unit/unit.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the fake session ---- */
typedef enum FakeKind {
    FAKE_ROWS,
    FAKE_COPY_IN,
    FAKE_COPY_OUT,
    FAKE_SLEEP,
    FAKE_FAIL,
    FAKE_SET
} FakeKind;

struct Portal {
    Session *session;
    FakeKind kind;
    int64_t total, sent, in_execute;
    bool finished, copy_asked, copy_failed;
    size_t copied;
    char tag[40];
    Batch batch;
    Vector cols[3];
    int64_t ints[BATCH_ROWS];
    uint32_t codes[BATCH_ROWS];
    uint64_t valid[BATCH_ROWS / 64];
    Buf bytes;
};

struct Session {
    Task *waiter;
    char status;
    char script[200];
    char *next;
    Portal portal; /* one is enough: all names are one */
    bool has_portal, has_statement;
    FakeKind statement_kind;
    int64_t statement_rows;
    bool first_parameters, set_parameter, notice;
    int failed_calls;
};

struct Db {
    Mutex mutex;
    Session *session; /* the newest */
    bool cancel;
};

static Db fake_db;
static TypeEnv fake_env;

bool session_new(Session **out, Db *db, const SessionOptions *o, Err *e)
{
    if (slice_eq_cstr(o->database, "missing"))
        return err_set(e, ERR_DATABASE_NAME, "database \"missing\" does not exist");
    Session *s = MEM_NEW(Session);
    s->waiter = o->waiter;
    s->status = 'I';
    s->first_parameters = true;
    mutex_lock(&db->mutex);
    db->session = s;
    db->cancel = false;
    mutex_unlock(&db->mutex);
    *out = s;
    return true;
}

void session_free(Session *s)
{
    mutex_lock(&fake_db.mutex);
    if (fake_db.session == s)
        fake_db.session = NULL;
    mutex_unlock(&fake_db.mutex);
    buf_free(&s->portal.bytes);
    mem_free(s);
}

int32_t db_new_pid(Db *db)
{
    (void)db;
    return 4711;
}

/* Logins: the user "ann" with any proof but "wrong". */
struct Login {
    bool known;
};
Login *login_new(Db *db, Slice user, Slice binding, Slice peer)
{
    (void)db, (void)binding, (void)peer;
    Login *l = MEM_NEW(Login);
    l->known = slice_eq_cstr(user, "ann");
    return l;
}

void login_free(Login *l)
{
    mem_free(l);
}

bool login_first(Login *l, Slice mechanism, Slice message, Buf *reply, Err *e)
{
    (void)l;
    buf_puts(reply, "server first");
    return (slice_eq_cstr(mechanism, "SCRAM-SHA-256") && message.len) ||
           err_set(e, ERR_PROTOCOL_VIOLATION, "malformed SCRAM message");
}

bool login_may_end(Login *l, int64_t *at_ns, int64_t *answer_ns, Err *e)
{
    (void)l, (void)e;
    *at_ns = *answer_ns = 1;
    return true;
}

bool login_final(Login *l, Slice message, Buf *reply, Err *e)
{
    buf_puts(reply, "server final");
    return (l->known && !slice_eq_cstr(message, "wrong")) ||
           err_set(e, ERR_INVALID_PASSWORD, "password authentication failed");
}

bool session_terminated(const Session *s)
{
    (void)s;
    return false;
}
void db_cancel(Db *db, int32_t pid, int32_t secret)
{
    mutex_lock(&db->mutex);
    if (pid == 4711 && secret == 42 && db->session) {
        db->cancel = true;
        task_wake(db->session->waiter);
    }
    mutex_unlock(&db->mutex);
}

int32_t session_pid(const Session *s)
{
    (void)s;
    return 4711;
}
int32_t session_secret(const Session *s)
{
    (void)s;
    return 42;
}
uint64_t session_group(const Session *s)
{
    (void)s;
    return 4711;
}
const Clock *db_clock(Db *db)
{
    (void)db;
    return &clock_real;
}

int64_t session_idle_ms(Session *s, Err *e)
{
    (void)s, (void)e;
    return 0;
}

char session_txn_status(const Session *s)
{
    return s->status;
}
const TypeEnv *session_type_env(Session *s)
{
    (void)s;
    return &fake_env;
}
bool session_next_notice(Session *s, Err *out, const char **severity)
{
    if (!s->notice)
        return false;
    s->notice = false;
    err_clear(out);
    err_set(out, ERR_WARNING, "take note");
    *severity = "NOTICE";
    return true;
}
bool session_next_parameter(Session *s, Slice *name, Slice *value)
{
    if (!s->first_parameters && !s->set_parameter)
        return false;
    *name = s->first_parameters ? SLICE_LIT("server_version") : SLICE_LIT("TimeZone");
    *value = s->first_parameters ? SLICE_LIT("15.0") : SLICE_LIT("UTC");
    s->first_parameters = s->set_parameter = false;
    return true;
}
bool session_next_notification(Session *s, int32_t *pid, Slice *channel, Slice *payload)
{
    (void)s, (void)pid, (void)channel, (void)payload;
    return false;
}
bool session_overrun(Session *s, Err *e)
{
    (void)s, (void)e;
    return false;
}

static bool fake_statement(const char *sql, FakeKind *kind, int64_t *rows, Err *e)
{
    static const struct {
        const char *text;
        FakeKind kind;
    } known[] = {{"rows ", FAKE_ROWS},  {"copy in", FAKE_COPY_IN}, {"copy out", FAKE_COPY_OUT},
                 {"sleep", FAKE_SLEEP}, {"fail", FAKE_FAIL},       {"set", FAKE_SET}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strncmp(sql, known[i].text, strlen(known[i].text)) == 0) {
            *kind = known[i].kind;
            *rows = *kind == FAKE_ROWS ? atoll(sql + 5) : 0;
            return true;
        }
    err_set(e, ERR_SYNTAX, "syntax error at or near \"%.20s\"", sql);
    return err_at(e, 1);
}

static Portal *fake_portal(Session *s, FakeKind kind, int64_t rows)
{
    buf_free(&s->portal.bytes);
    s->portal = (Portal){.session = s, .kind = kind, .total = rows};
    s->has_portal = true;
    return &s->portal;
}

bool session_simple_begin(Session *s, Slice sql, Err *e)
{
    (void)e;
    snprintf(s->script, sizeof s->script, "%.*s", SLICE_ARG(sql));
    s->next = s->script;
    return true;
}

NextStatus session_simple_next(Session *s, Portal **out, Err *e)
{
    FakeKind kind;
    int64_t rows;
    char *sql = strsep(&s->next, ";");
    if (!sql || !*sql)
        return NEXT_END;
    if (!fake_statement(sql, &kind, &rows, e))
        return NEXT_FAIL;
    *out = fake_portal(s, kind, rows);
    return NEXT_PORTAL;
}

bool session_parse(Session *s, Slice name, Slice sql, const TypeId *types, size_t type_count,
                   Err *e)
{
    (void)name, (void)types, (void)type_count;
    char text[100];
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(sql));
    s->has_statement = fake_statement(text, &s->statement_kind, &s->statement_rows, e);
    return s->has_statement;
}

static const TypeId param_types[] = {T_INT4};
static const OutColumn columns[] = {
    {.name = SLICE_LIT("a"), .type = T_INT4, .typmod = -1, .table = 77, .attnum = 1},
    {.name = SLICE_LIT("b"), .type = T_TEXT, .typmod = -1},
    {.name = SLICE_LIT("c"), .type = T_INT8, .typmod = -1},
};

bool session_takes_queries(const Session *s, Err *e)
{
    (void)s, (void)e;
    return true;
}

bool portal_may_run(const Portal *p, Err *e)
{
    (void)p, (void)e;
    return true;
}

bool session_describe(Session *s, Slice statement, StatementInfo *out, Err *e)
{
    (void)statement, (void)e;
    *out = (StatementInfo){.param_types = param_types, .param_count = 1};
    out->returns_rows = s->statement_kind == FAKE_ROWS;
    out->cols = columns;
    out->col_count = 3;
    return true;
}

bool session_bind(Session *s, Slice portal, Slice statement, const BindParam *params,
                  size_t param_count, const int16_t *formats, size_t format_count, Err *e)
{
    (void)portal, (void)statement, (void)params, (void)param_count, (void)formats,
        (void)format_count;
    if (!s->has_statement)
        return err_set(e, ERR_STATEMENT_NAME, "unnamed prepared statement does not exist");
    fake_portal(s, s->statement_kind, s->statement_rows);
    return true;
}

Portal *session_portal(Session *s, Slice name, Err *e)
{
    if (s->has_portal && !slice_eq_cstr(name, "nope"))
        return &s->portal;
    err_set(e, ERR_CURSOR_NAME, "portal \"%.*s\" does not exist", SLICE_ARG(name));
    return NULL;
}

void session_close_statement(Session *s, Slice name)
{
    (void)s, (void)name;
}
void session_close_portal(Session *s, Slice name)
{
    (void)s, (void)name;
}
RunStatus session_sync(Session *s, Err *e)
{
    (void)s, (void)e;
    return RUN_DONE;
}
void session_failed(Session *s)
{
    s->failed_calls++;
    s->has_portal = false;
}
const OutColumn *portal_columns(const Portal *p, size_t *count)
{
    *count = p->kind == FAKE_ROWS ? 3 : 0;
    return columns;
}
bool portal_returns_rows(const Portal *p)
{
    return p->kind == FAKE_ROWS;
}
int16_t portal_format(const Portal *p, size_t column)
{
    (void)p, (void)column;
    return 0;
}
const char *portal_tag(const Portal *p)
{
    return p->tag;
}
Buf *portal_bytes(Portal *p)
{
    Slice row = SLICE_LIT("d\0\0\0\x8"
                          "1\tx\n");
    buf_clear(&p->bytes);
    buf_put_slice(&p->bytes, row);
    return &p->bytes;
}
void portal_stream(Portal *p)
{
    (void)p;
}
void portal_row_form(const Portal *p, Arena *a, RowForm *out)
{
    size_t n;
    const OutColumn *cols = portal_columns(p, &n);
    TypeId *types = ARENA_ARRAY(a, TypeId, n + 1);
    for (size_t i = 0; i < n; i++)
        types[i] = cols[i].type;
    *out = (RowForm){.message = 'D', .env = fake_env, .col_count = n, .types = types};
}
bool portal_copy_info(const Portal *p, bool *binary, size_t *count)
{
    *binary = false;
    *count = 2;
    return p->kind == FAKE_COPY_IN || p->kind == FAKE_COPY_OUT;
}
bool portal_copy_full(Portal *p)
{
    (void)p;
    return false;
}
bool portal_copy_data(Portal *p, Slice bytes, Err *e)
{
    p->copied += bytes.len;
    if (bytes.len && memchr(bytes.ptr, '!', bytes.len))
        return err_set(e, ERR_INVALID_TEXT, "bad row");
    return true;
}
bool portal_copy_end(Portal *p, Err *e)
{
    (void)e;
    p->finished = true;
    return true;
}
void portal_copy_fail(Portal *p, Slice reason)
{
    (void)reason;
    p->finished = p->copy_failed = true;
}

/* Column a counts, b is constant, c is a dictionary {100, NULL}. */
static void make_batch(Portal *p, int64_t n)
{
    static Slice text = {"constant", 8};
    static int64_t dict[2] = {100, 0};
    static uint64_t dict_valid[1] = {1};
    for (int64_t i = 0; i < n; i++) {
        p->ints[i] = p->sent + i;
        p->codes[i] = (uint32_t)(i & 1);
    }
    p->cols[0] = (Vector){.type = T_INT4, .phys = PH_I64, .v.i64 = p->ints};
    p->cols[1] = (Vector){.type = T_TEXT, .phys = PH_STR, .kind = VEC_CONST, .v.str = &text};
    p->cols[2] = (Vector){.type = T_INT8,
                          .phys = PH_I64,
                          .kind = VEC_DICT,
                          .v.i64 = dict,
                          .valid = dict_valid,
                          .codes = p->codes,
                          .dict_count = 2};
    p->batch = (Batch){.rows = (size_t)n, .col_count = 3, .cols = p->cols};
}

static RunStatus run_rows(Portal *p, int64_t max_rows, Batch **out)
{
    if (p->sent == p->total) {
        snprintf(p->tag, sizeof p->tag, "SELECT %lld", (long long)p->total);
        return RUN_DONE;
    }
    if (max_rows && p->in_execute == max_rows) {
        p->in_execute = 0;
        return RUN_SUSPENDED;
    }
    int64_t n = p->total - p->sent < BATCH_ROWS ? p->total - p->sent : BATCH_ROWS;
    if (max_rows && n > max_rows - p->in_execute)
        n = max_rows - p->in_execute;
    make_batch(p, n);
    p->sent += n;
    p->in_execute += n;
    *out = &p->batch;
    return RUN_BATCH;
}

static RunStatus run_sleep(Err *e)
{
    mutex_lock(&fake_db.mutex);
    bool cancel = fake_db.cancel;
    fake_db.cancel = false;
    mutex_unlock(&fake_db.mutex);
    if (!cancel)
        return RUN_WAIT;
    err_set(e, ERR_CANCELED, "canceling statement due to user request");
    return RUN_FAIL;
}

RunStatus portal_run(Portal *p, int64_t max_rows, Batch **out, Err *e)
{
    switch (p->kind) {
    case FAKE_ROWS:
        return run_rows(p, max_rows, out);
    case FAKE_COPY_IN:
        if (!p->finished)
            return RUN_COPY_IN;
        if (p->copy_failed) {
            err_set(e, ERR_CANCELED, "COPY from stdin failed");
            return RUN_FAIL;
        }
        snprintf(p->tag, sizeof p->tag, "COPY %zu", p->copied);
        return RUN_DONE;
    case FAKE_COPY_OUT:
        snprintf(p->tag, sizeof p->tag, "COPY 2");
        return p->sent++ < 2 ? RUN_BYTES : RUN_DONE;
    case FAKE_SLEEP:
        return run_sleep(e);
    case FAKE_SET:
        p->session->set_parameter = p->session->notice = true;
        snprintf(p->tag, sizeof p->tag, "SET");
        return RUN_DONE;
    case FAKE_FAIL:
        break;
    }
    err_set(e, ERR_DIVISION_BY_ZERO, "division by zero");
    return RUN_FAIL;
}

/* ---- the little of exec/ that rows need ---- */
static void int_out(const TypeEnv *env, const Value *v, Buf *dst)
{
    (void)env;
    buf_printf(dst, "%lld", (long long)v->u.i64);
}

const TypeDef *type_find(TypeId oid)
{
    static const TypeDef defs[] = {
        {.oid = T_INT4, .phys = PH_I64, .len = 4, .out = int_out, .send = int_out},
        {.oid = T_INT8, .phys = PH_I64, .len = 8, .out = int_out, .send = int_out},
        {.oid = T_TEXT, .phys = PH_STR, .len = -1},
        {.oid = T_TIMESTAMPTZ, .phys = PH_I64, .len = 8, .out = int_out},
    };
    for (size_t i = 0; i < ARRAY_LEN(defs); i++)
        if (defs[i].oid == oid)
            return &defs[i];
    return NULL;
}

TypeId type_elem_of(TypeId array)
{
    (void)array;
    return 0;
}

const struct TimeZone *tz_utc(void)
{
    static int utc;
    return (const struct TimeZone *)&utc;
}

Value vec_get(const Vector *v, size_t row)
{
    return (Value){.phys = v->phys, .u.i64 = v->v.i64[row]};
}

#endif
