/* session/session.c - a login: made, told apart, ended; what every statement needs to know of it. */
#include "session/advisory.h"
#include "session/session_private.h"
#include "storage/watch.h"
#include <stdarg.h>
#include <stdio.h>

static bool find_database(Session *s, Slice name, Err *e)
{
    CatalogSnap *cat = engine_catalog(s->db->engine);
    const DatabaseDef *d = cat_database(cat, name);
    bool ok =
        d ? session_may_connect(s, cat, d, e)
          : err_set(e, ERR_DATABASE_NAME, "database \"%.*s\" does not exist", SLICE_ARG(name));
    if (ok)
        s->database = d->id;
    cat_unref(cat);
    return ok;
}

bool session_new(Session **out, Db *db, const SessionOptions *o, Err *e)
{
    Session *s = MEM_NEW(Session);
    s->db = db;
    s->user = mem_strdup(o->user.len ? o->user : SLICE_LIT("skulk"));
    s->database_name = mem_strdup(o->database.len ? o->database : slice_cstr(s->user));
    s->client_address = mem_strdup(o->client_address);
    s->tls_version = o->tls_version;
    s->tls_cipher = o->tls_cipher;
    s->tls_bits = o->tls_bits;
    s->pid = o->pid;
    s->secret = (int32_t)db->clock->random(db->clock);
    s->waiter = o->waiter;
    s->env = (TypeEnv){
        .timezone = SLICE_LIT("UTC"), .tz = tz_utc(), .extra_float_digits = 1, .session = s};
    s->random_state[0] = db->clock->random(db->clock);
    s->random_state[1] = db->clock->random(db->clock) | 1;
    s->started_us = db->clock->wall_ns(db->clock) / NS_PER_US;
    arena_init(&s->script_arena, &db->query_pool);
    mutex_lock(&db->mutex);
    s->next = db->sessions;
    db->sessions = s;
    mutex_unlock(&db->mutex);
    if (!session_enter_role(s, e) || !find_database(s, slice_cstr(s->database_name), e) ||
        !settings_init(s, o->settings, o->setting_count, e) ||
        (o->application_name.len &&
         !setting_start_with(s, SLICE_LIT("application_name"), o->application_name, e))) {
        session_free(s);
        return false;
    }
    *out = s;
    return true;
}

static void unlink_session(Session *s)
{
    mutex_lock(&s->db->mutex);
    for (Session **p = &s->db->sessions; *p; p = &(*p)->next)
        if (*p == s) {
            *p = s->next;
            break;
        }
    mutex_unlock(&s->db->mutex);
}

void session_free(Session *s)
{
    if (!s)
        return;
    unlink_session(s);
    portals_close_all(s, false, NULL);
    if (!s->tx.committing)
        tx_rollback(s);
    advisory_forget(s);
    notify_free(s);
    prepared_forget_all(s);
    temp_forget(s);
    session_planned(s);
    settings_free(s);
    roles_free(&s->roles);
    arena_free(&s->script_arena);
    mem_free(s->current);
    mem_free(s->notices);
    mem_free(s->user);
    mem_free(s->database_name);
    mem_free(s->client_address);
    mem_free(s->query_text);
    mem_free(s);
}

int32_t session_pid(const Session *s)
{
    return s->pid;
}

int32_t session_secret(const Session *s)
{
    return s->secret;
}

uint64_t session_group(const Session *s)
{
    return (uint64_t)(uint32_t)s->pid;
}

char session_txn_status(const Session *s)
{
    return s->tx.state == TX_BLOCK ? 'T' : s->tx.state == TX_FAILED ? 'E' : 'I';
}

int64_t session_idle_ms(Session *s, Err *e)
{
    err_clear(e);
    if (s->tx.state == TX_BLOCK || s->tx.state == TX_FAILED) {
        err_set(e, ERR_IDLE_IN_TXN_TIMEOUT,
                "terminating connection due to idle-in-transaction timeout");
        return setting_int(s, "idle_in_transaction_session_timeout");
    }
    err_set(e, ERR_IDLE_SESSION_TIMEOUT, "terminating connection due to idle-session timeout");
    return setting_int(s, "idle_session_timeout");
}

const TypeEnv *session_type_env(Session *s)
{
    return &s->env;
}

/* What the client does not want to hear of: client_min_messages. */
static bool is_silent(Session *s, const char *severity)
{
    Slice least;
    Err e;
    must(setting_get(s, SLICE_LIT("client_min_messages"), &least, &e));
    bool warning = strcmp(severity, "WARNING") == 0;
    if (strcmp(severity, "INFO") == 0)
        return false; /* what was asked for */
    return slice_eq_cstr(least, "error") || (!warning && slice_eq_cstr(least, "warning"));
}

void session_notice(Session *s, const char *severity, ErrCode code, const char *fmt, ...)
{
    if (s->notice_count == NOTICES_MAX || is_silent(s, severity))
        return;
    if (!s->notices)
        s->notices = mem_zero(NOTICES_MAX * sizeof *s->notices);
    Notice *n = &s->notices[s->notice_count++];
    char text[ERR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_clear(&n->err);
    err_set(&n->err, code, "%s", text);
    n->severity = severity;
}

void session_notice_detail(Session *s, Slice detail, const char *fmt, ...)
{
    char text[ERR_MESSAGE_MAX];
    va_list ap;
    size_t n = s->notice_count;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    session_notice(s, "NOTICE", ERR_OK, "%s", text);
    if (s->notice_count > n)
        err_detail(&s->notices[n].err, "%.*s", SLICE_ARG(detail));
}

bool session_next_notice(Session *s, Err *out, const char **severity)
{
    if (s->notice_next == s->notice_count) {
        s->notice_next = s->notice_count = 0;
        return false;
    }
    *out = s->notices[s->notice_next].err;
    *severity = s->notices[s->notice_next++].severity;
    return true;
}

CatalogSnap *session_catalog(Session *s)
{
    if (s->tx.snapshot && s->tx.repeatable && !s->tx.own_catalog)
        return temp_catalog(s->temp, snapshot_catalog(s->tx.snapshot)); /* others dropped since */
    if (s->tx.txn)
        return txn_catalog(s->tx.txn);
    CatalogSnap *newest = engine_catalog(s->db->engine), *cat = temp_catalog(s->temp, newest);
    cat_unref(newest);
    return cat;
}

void session_eval_ctx(Session *s, EvalCtx *out)
{
    s->env.now_us = s->tx.now_us ? s->tx.now_us : s->stmt_now_us;
    Slice tz;
    Err ignored;
    if (setting_get(s, SLICE_LIT("TimeZone"), &tz, &ignored))
        s->env.timezone = tz;
    *out = (EvalCtx){.env = s->env,
                     .txn_now_us = s->env.now_us,
                     .stmt_now_us = s->stmt_now_us,
                     .clock = s->db->clock,
                     .random_state = {s->random_state[0], s->random_state[1]},
                     .session = s};
    s->random_state[0] = s->random_state[0] * UINT64_C(6364136223846793005) + s->random_state[1];
}

/* All tables of one planning are looked at in one snapshot. */
static Snapshot *planning_snapshot(Session *s)
{
    if (!s->planning)
        s->planning = engine_snapshot(s->db->engine, s->tx.txn);
    return s->planning;
}

void session_planned(Session *s)
{
    snapshot_unref(s->planning);
    s->planning = NULL;
}

static void table_size(void *arg, const TableDef *t, TableSize *out)
{
    Session *s = arg;
    TableInfo info;
    if (!temp_table_about(s->temp, t->id, &info))
        snapshot_table_about(planning_snapshot(s), t->id, &info);
    *out = (TableSize){(double)info.rows, info.t_min, info.t_max};
}

static void column_about(void *arg, const TableDef *t, ColumnId column, ColumnAbout *out)
{
    Session *s = arg;
    if (!temp_column_about(s->temp, t->id, column, out))
        snapshot_column_about(planning_snapshot(s), t->id, column, out);
}

static double distinct_tags(void *arg, const TableDef *t, ColumnId column)
{
    return idx_code_count(engine_index(((Session *)arg)->db->engine), t->id, column);
}

SqlEnv session_text_env(Session *s, const CatalogSnap *cat, EvalCtx *fold)
{
    return (SqlEnv){.catalog = cat,
                    .database = s->database,
                    .search_path = s->search_path,
                    .search_path_count = s->search_path_count,
                    .temp = session_schema(s, cat, SLICE_LIT("pg_temp")),
                    .fold = fold};
}

static void tiers_ignored(void *arg, const TableDef *t)
{
    session_notice(arg, "NOTICE", ERR_OK,
                   "rows of table \"%.*s\" that are gone are left out, and so are its tiers: "
                   "skulk.tiers is 'ignore'",
                   SLICE_ARG(t->name));
}

static void tiers_copied(void *arg, const TableDef *t)
{
    Session *s = arg;
    Snapshot *snap = engine_snapshot(s->db->engine, NULL);
    bool hides = false;
    int64_t seam;
    Err ignored;
    err_clear(&ignored);
    if (tier_hides(snap, t->id, INT64_MIN, INT64_MAX, &hides, &seam, &ignored) && hides)
        session_notice(
            s, "WARNING", ERR_WARNING,
            "rows of table \"%.*s\" that are gone are not copied, and neither is what its "
            "tiers keep of them",
            SLICE_ARG(t->name));
    snapshot_unref(snap);
}

SqlEnv session_sql_env(Session *s, const CatalogSnap *cat, EvalCtx *fold)
{
    SqlEnv env = session_text_env(s, cat, fold);
    env.allow = session_may_use;
    env.may_look = session_may_look;
    env.table_size = table_size;
    env.distinct_tags = distinct_tags;
    env.column_about = column_about;
    env.arg = s;
    env.tiers_copied = tiers_copied;
    Slice mode;
    Err none;
    if (setting_get(s, SLICE_LIT("skulk.tiers"), &mode, &none) && slice_eq_cstr(mode, "ignore"))
        env.tiers_ignored = tiers_ignored;
    return env;
}

bool session_check_cancel(Session *s, Err *e)
{
    mutex_lock(&s->db->mutex);
    bool cancel = s->cancel;
    s->cancel = false;
    mutex_unlock(&s->db->mutex);
    return !cancel || err_set(e, ERR_CANCELED, "canceling statement due to user request");
}

const SchemaDef *session_target_schema(Session *s, const CatalogSnap *cat,
                                       const QualifiedName *name, bool temporary, Err *e)
{
    Slice schema = temporary ? SLICE_LIT("pg_temp") : name->schema;
    if (schema.len) {
        if (slice_eq_cstr(schema, "pg_catalog") || slice_eq_cstr(schema, "information_schema")) {
            err_set(e, ERR_PRIVILEGE, "permission denied: \"%.*s\" is a system schema",
                    SLICE_ARG(schema));
            return NULL;
        }
        const SchemaDef *d = session_schema(s, cat, schema);
        if (!d)
            err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist", SLICE_ARG(schema));
        return d;
    }
    for (size_t i = 1; i <= s->search_path_count; i++) {
        const SchemaDef *d = session_path_at(s, cat, i);
        if (d)
            return d;
    }
    err_set(e, ERR_SCHEMA_NAME, "no schema has been selected to create in");
    return NULL;
}

const TableDef *session_find_table(Session *s, const CatalogSnap *cat, const QualifiedName *name)
{
    for (size_t i = 0; i <= (name->schema.len ? 0 : s->search_path_count); i++) {
        const SchemaDef *d =
            name->schema.len ? session_schema(s, cat, name->schema) : session_path_at(s, cat, i);
        const TableDef *t = d ? cat_table(cat, d->id, name->name) : NULL;
        if (t)
            return t;
    }
    return NULL;
}

void session_failed(Session *s)
{
    if (s->tx.state == TX_IMPLICIT || s->tx.state == TX_IDLE) {
        portals_close_all(s, true, NULL);
        tx_rollback(s);
    } else {
        s->tx.state = TX_FAILED;
        portals_fail(s, tx_first_portal(s));
        tx_undo_settings(s);
    }
}

RunStatus session_sync(Session *s, Err *e)
{
    if (s->tx.state == TX_IDLE) /* a COMMIT that was bound and not run began none */
        portals_close_all(s, true, NULL);
    if (s->tx.state != TX_IMPLICIT)
        return RUN_DONE;
    RunStatus st = cursors_hold(s, e);
    if (st == RUN_DONE)
        st = tx_commit_step(s, e);
    if (st != RUN_WAIT && st != RUN_YIELD)
        portals_close_all(s, true, NULL);
    return st;
}
