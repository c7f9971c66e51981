/* http/prom_admin.c - Prometheus' API beside queries: metadata, status, and what changes the database. */
#include "http/http_private.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

/* ---- metadata ---- */
/* Here a negative one is none, and 0 is 0. */
static bool metadata_limit(HttpCall *c, const char *name, uint64_t *limit, Err *e)
{
    Slice text = http_param(c, name);
    int64_t n = -1;
    if (text.len && !slice_to_i64(text, &n))
        return err_set(e, ERR_INVALID_PARAMETER, "%s must be a number", name);
    *limit = n < 0 ? UINT64_MAX : (uint64_t)n;
    return true;
}

/* Metadata stand for targets without labels. */
static bool target_wanted(HttpCall *c, bool *wanted, Err *e)
{
    Slice text = http_param(c, "match_target");
    *wanted = true;
    return text.len == 0 || prom_matches_all(text, wanted, e) ||
           err_wrap(e, "invalid parameter \"match_target\"");
}

CallStatus http_run_prom_metadata(HttpCall *c)
{
    Err e;
    ObjectId db;
    bool wanted;
    bool targets = strcmp(c->route->path, "/api/v1/targets/metadata") == 0;
    PromMetadata r = {.metric = http_param(c, "metric"), .targets = targets};
    err_clear(&e);
    if (!metadata_limit(c, "limit", &r.limit, &e) ||
        !metadata_limit(c, "limit_per_metric", &r.limit_per_metric, &e) ||
        !target_wanted(c, &wanted, &e))
        return http_prom_error(c, &e);
    if (r.limit_per_metric == 0)
        r.limit_per_metric = UINT64_MAX;
    if (targets && !wanted)
        r.limit = 0;
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":");
    if (!http_prom_database(c, &db, &e) || !prom_metadata(c->db, c->rights, db, &r, &c->reply, &e))
        return http_prom_error(c, &e);
    buf_puts(&c->reply, "}\n");
    return http_reply(c, 200, "application/json");
}

/* ---- status ---- */
/* What promtool and probes ask. */
CallStatus http_run_prom_probe(HttpCall *c)
{
    bool ready = strcmp(c->route->path, "/-/ready") == 0;
    if (ready && !c->db) {
        buf_puts(&c->reply, "Service Unavailable");
        return http_reply(c, 503, "text/plain; charset=utf-8");
    }
    buf_printf(&c->reply, "Prometheus Server is %s.\n", ready ? "Ready" : "Healthy");
    return http_reply(c, 200, "text/plain; charset=utf-8");
}

CallStatus http_run_prom_tsdb(HttpCall *c)
{
    Err e;
    ObjectId db;
    int64_t limit = 10;
    Slice text = http_param(c, "limit");
    err_clear(&e);
    if (text.len && (!slice_to_i64(text, &limit) || limit < 1)) {
        err_set(&e, ERR_INVALID_PARAMETER, "limit must be a positive number");
        return http_prom_error(c, &e);
    }
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":");
    if (!http_prom_database(c, &db, &e) ||
        !prom_tsdb_status(c->db, c->rights, db, (uint64_t)limit, &c->reply, &e))
        return http_prom_error(c, &e);
    buf_puts(&c->reply, "}\n");
    return http_reply(c, 200, "application/json");
}

static size_t thread_count(void)
{
    DIR *d = opendir("/proc/self/task");
    size_t n = 0;
    for (struct dirent *x; d && (x = readdir(d));)
        n += x->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

CallStatus http_run_prom_runtimeinfo(HttpCall *c)
{
    const HttpOptions *o = &c->server->options;
    char started[40], now[40], host[256] = "", dir[4096] = "";
    size_t n = clock_rfc3339(started, c->server->started_ns);
    size_t k = clock_rfc3339(now, o->clock->wall_ns(o->clock));
    unsigned long long damaged = atomic_load(&engine_stats(db_engine(c->db))->blocks_damaged);
    gethostname(host, sizeof host - 1);
    if (!getcwd(dir, sizeof dir))
        dir[0] = 0;
    buf_printf(&c->reply,
               "{\"status\":\"success\",\"data\":{\"startTime\":\"%.*s\",\"CWD\":", (int)n,
               started);
    buf_put_json(&c->reply, slice_cstr(dir));
    buf_puts(&c->reply, ",\"hostname\":");
    buf_put_json(&c->reply, slice_cstr(host));
    buf_printf(&c->reply,
               ",\"serverTime\":\"%.*s\",\"reloadConfigSuccess\":true,\"lastConfigTime\":\"%.*s\","
               "\"corruptionCount\":%llu,\"goroutineCount\":%zu,\"GOMAXPROCS\":%ld,"
               "\"GOMEMLIMIT\":%lld,\"GOGC\":\"\",\"GODEBUG\":\"\",\"storageRetention\":\"\"}}\n",
               (int)k, now, (int)n, started, damaged, thread_count(), sysconf(_SC_NPROCESSORS_ONLN),
               (long long)o->memory);
    return http_reply(c, 200, "application/json");
}

static void put_flag(void *arg, const char *key, const char *value)
{
    Buf *b = arg;
    if (b->ptr[b->len - 1] != '{')
        buf_puts(b, ",");
    buf_put_json(b, slice_cstr(key));
    buf_puts(b, ":");
    buf_put_json(b, slice_cstr(value));
}

/* All settings, and what they are called as flags of Prometheus. */
CallStatus http_run_prom_flags(HttpCall *c)
{
    const HttpOptions *o = &c->server->options;
    char connections[32];
    snprintf(connections, sizeof connections, "%d", o->connections_max);
    const struct {
        const char *key, *value;
    } flags[] = {{"enable-feature", o->features ? o->features : ""},
                 {"query.lookback-delta", "5m"},
                 {"query.max-samples", "50000000"},
                 {"query.timeout", "2m"},
                 {"storage.tsdb.path", o->data_dir ? o->data_dir : ""},
                 {"web.cors.origin", o->cors_origin ? o->cors_origin : ""},
                 {"web.enable-admin-api", "true"},
                 {"web.enable-lifecycle", "false"},
                 {"web.enable-remote-write-receiver", "true"},
                 {"web.max-connections", connections}};
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":{");
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        put_flag(&c->reply, flags[i].key, flags[i].value);
    if (o->each_setting)
        o->each_setting(o->more_arg, put_flag, &c->reply);
    buf_puts(&c->reply, "}}\n");
    return http_reply(c, 200, "application/json");
}

typedef struct Yaml {
    Buf text;
    char section[64];
} Yaml;

/* "section.key" */
static void put_yaml(void *arg, const char *key, const char *value)
{
    Yaml *y = arg;
    const char *dot = strchr(key, '.');
    size_t len = dot ? (size_t)(dot - key) : 0;
    if (dot && len < sizeof y->section && (strncmp(y->section, key, len) != 0 || y->section[len])) {
        memcpy(y->section, key, len);
        y->section[len] = 0;
        buf_printf(&y->text, "%s:\n", y->section);
    }
    buf_printf(&y->text, "%s%s: ", dot ? "  " : "", dot ? dot + 1 : key);
    buf_put_json(&y->text, slice_cstr(value));
    buf_puts(&y->text, "\n");
}

CallStatus http_run_prom_config(HttpCall *c)
{
    const HttpOptions *o = &c->server->options;
    Yaml y = {.section = ""};
    if (o->each_setting)
        o->each_setting(o->more_arg, put_yaml, &y);
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":{\"yaml\":");
    buf_put_json(&c->reply, buf_slice(&y.text));
    buf_puts(&c->reply, "}}\n");
    buf_free(&y.text);
    return http_reply(c, 200, "application/json");
}

/* Segments of the log; all have been read once the database is there. */
CallStatus http_run_prom_walreplay(HttpCall *c)
{
    WalInfo info;
    engine_wal_info(db_engine(c->db), &info);
    long long last = info.segments > 0 ? (long long)info.segments - 1 : 0;
    buf_printf(&c->reply,
               "{\"status\":\"success\",\"data\":{\"min\":0,\"max\":%lld,\"current\":%lld}}\n",
               last, last);
    return http_reply(c, 200, "application/json");
}

/* There are none, of either kind. */
CallStatus http_run_prom_rules(HttpCall *c)
{
    Slice type = http_param(c, "type");
    if (type.len == 0 || slice_eq_nocase(type, SLICE_LIT("alert")) ||
        slice_eq_nocase(type, SLICE_LIT("record")))
        return http_run_prom_constant(c);
    Err e;
    err_clear(&e);
    err_set(&e, ERR_INVALID_PARAMETER, "not supported value \"%.*s\"",
            (int)(type.len < 60 ? type.len : 60), type.ptr);
    return http_prom_bad_param(c, "type", &e);
}

/* What there is none of here is empty, not missing: clients ask for it. */
CallStatus http_run_prom_constant(HttpCall *c)
{
    static const struct {
        const char *path, *data;
    } constants[] = {
        {"/api/v1/rules", "{\"groups\":[]}"},
        {"/api/v1/alerts", "{\"alerts\":[]}"},
        {"/api/v1/targets",
         "{\"activeTargets\":[],\"droppedTargets\":[],\"droppedTargetCounts\":{}}"},
        {"/api/v1/scrape_pools", "{\"scrapePools\":[]}"},
        {"/api/v1/alertmanagers", "{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}"},
        {"/api/v1/notifications", "[]"},
        {"/api/v1/status/tsdb/blocks", "{\"blocks\":[]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(constants); i++)
        if (strcmp(constants[i].path, c->route->path) == 0)
            buf_printf(&c->reply, "{\"status\":\"success\",\"data\":%s}\n", constants[i].data);
    return http_reply(c, 200, "application/json");
}

/* ---- admin/tsdb ---- */
static void delete_cleanup(HttpCall *c)
{
    prom_delete_close(c->state);
}

static CallStatus delete_open(HttpCall *c)
{
    Err e;
    PromSelection s;
    PromDelete *d;
    err_clear(&e);
    if (!http_prom_selection(c, &s, true))
        return CALL_DONE;
    if (!prom_delete_open(&d, c->db, &s, &c->task, &e))
        return http_prom_error(c, &e);
    c->state = d;
    c->cleanup = delete_cleanup;
    return CALL_MORE;
}

CallStatus http_run_prom_delete(HttpCall *c)
{
    Err e;
    if (!c->state)
        return delete_open(c);
    err_clear(&e);
    switch (prom_delete_run(c->state, &e)) {
    case RUN_WAIT:
        return CALL_WAIT;
    case RUN_DONE:
        return http_reply(c, 204, NULL);
    case RUN_FAIL:
        return http_prom_error(c, &e);
    default:
        return CALL_MORE;
    }
}

/* ---- what the engine does meanwhile: snapshot, clean_tombstones ---- */
typedef struct JobState {
    Ticket ticket;
    char name[DB_SNAPSHOT_NAME];
} JobState;

static void job_cleanup(HttpCall *c)
{
    mem_free(c->state);
}

static JobState *job_new(HttpCall *c)
{
    JobState *s = c->state = MEM_NEW(JobState);
    c->cleanup = job_cleanup;
    s->ticket.waiter = &c->task;
    return s;
}

CallStatus http_run_prom_snapshot(HttpCall *c)
{
    Err e;
    JobState *s = c->state;
    if (!s) {
        s = job_new(c);
        err_clear(&e);
        if (!db_snapshot(c->db, c->rights, s->name, &s->ticket, &e))
            return http_prom_error(c, &e);
    }
    if (!atomic_load(&s->ticket.done))
        return CALL_WAIT;
    if (!s->ticket.ok)
        return http_prom_error(c, &s->ticket.err);
    buf_printf(&c->reply, "{\"status\":\"success\",\"data\":{\"name\":\"%s\"}}\n", s->name);
    return http_reply(c, 200, "application/json");
}

CallStatus http_run_prom_clean(HttpCall *c)
{
    Err e;
    JobState *s = c->state;
    if (!s) {
        s = job_new(c);
        err_clear(&e);
        if (!db_clean_tombstones(c->db, c->rights, &s->ticket, &e))
            return http_prom_error(c, &e);
    }
    if (!atomic_load(&s->ticket.done))
        return CALL_WAIT;
    return s->ticket.ok ? http_reply(c, 204, NULL) : http_prom_error(c, &s->ticket.err);
}
