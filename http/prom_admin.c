/* http/prom_admin.c - Prometheus' API beside queries: metadata, status, and what changes the database. */
#include "http/http_private.h"

#include <stdio.h>
#include <unistd.h>

/* ---- metadata ---- */
CallStatus http_run_prom_metadata(HttpCall *c)
{
    Err e;
    ObjectId db;
    bool targets = strcmp(c->route->path, "/api/v1/targets/metadata") == 0;
    PromMetadata r = {.metric = http_param(c, "metric"), .targets = targets};
    err_clear(&e);
    if (!http_prom_limit(c, "limit", &r.limit, &e))
        return http_prom_bad_param(c, "limit", &e);
    if (!http_prom_limit(c, "limit_per_metric", &r.limit_per_metric, &e))
        return http_prom_bad_param(c, "limit_per_metric", &e);
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":");
    if (!http_prom_database(c, &db, &e) || !prom_metadata(c->db, c->rights, db, &r, &c->reply, &e))
        return http_prom_error(c, &e);
    buf_puts(&c->reply, "}\n");
    return http_reply(c, 200, "application/json");
}

/* ---- status ---- */
CallStatus http_run_prom_tsdb(HttpCall *c)
{
    Err e;
    ObjectId db;
    uint64_t limit;
    err_clear(&e);
    if (!http_prom_limit(c, "limit", &limit, &e) ||
        (http_param(c, "limit").len && limit == 0 &&
         !err_set(&e, ERR_INVALID_PARAMETER, "limit must be a positive number")))
        return http_prom_error(c, &e);
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":");
    if (!http_prom_database(c, &db, &e) ||
        !prom_tsdb_status(c->db, c->rights, db, limit ? limit : 10, &c->reply, &e))
        return http_prom_error(c, &e);
    buf_puts(&c->reply, "}\n");
    return http_reply(c, 200, "application/json");
}

CallStatus http_run_prom_runtimeinfo(HttpCall *c)
{
    const Clock *clock = c->server->options.clock;
    char started[40], now[40], host[256] = "";
    size_t n = clock_rfc3339(started, c->server->started_ns);
    size_t k = clock_rfc3339(now, clock->wall_ns(clock));
    gethostname(host, sizeof host - 1);
    buf_printf(&c->reply, "{\"status\":\"success\",\"data\":{\"startTime\":\"%.*s\",\"CWD\":\"\"",
               (int)n, started);
    buf_puts(&c->reply, ",\"hostname\":");
    buf_put_json(&c->reply, slice_cstr(host));
    buf_printf(&c->reply,
               ",\"serverTime\":\"%.*s\",\"reloadConfigSuccess\":true,\"lastConfigTime\":\"%.*s\","
               "\"corruptionCount\":0,\"goroutineCount\":0,\"GOMAXPROCS\":%ld,\"GOMEMLIMIT\":0,"
               "\"GOGC\":\"\",\"GODEBUG\":\"\",\"storageRetention\":\"\"}}\n",
               (int)k, now, (int)n, started, sysconf(_SC_NPROCESSORS_ONLN));
    return http_reply(c, 200, "application/json");
}

CallStatus http_run_prom_flags(HttpCall *c)
{
    const HttpOptions *o = &c->server->options;
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":{\"enable-feature\":");
    buf_put_json(&c->reply, slice_cstr(o->features ? o->features : ""));
    buf_printf(
        &c->reply,
        ",\"query.lookback-delta\":\"5m\",\"query.max-samples\":\"50000000\","
        "\"query.timeout\":\"2m\",\"web.cors.origin\":\"\",\"web.enable-admin-api\":\"true\","
        "\"web.enable-remote-write-receiver\":\"true\",\"web.max-connections\":\"%d\"}}\n",
        o->connections_max);
    return http_reply(c, 200, "application/json");
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
        {"/api/v1/status/config", "{\"yaml\":\"global: {}\\n\"}"},
        {"/api/v1/status/walreplay", "{\"min\":0,\"max\":0,\"current\":0}"},
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
