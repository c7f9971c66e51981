/* http/prom.c - Prometheus' HTTP API over session's PromQL door. */
#include "http/http_private.h"

#include <stdio.h>

#define PROM_VERSION "3.4.0" /* the dialect of PromQL; Grafana chooses features by it */

/* ---- errors ---- */
static const char *error_type(int status)
{
    switch (status) {
    case 400:
        return "bad_data";
    case 401:
        return "unauthorized";
    case 403:
        return "forbidden";
    case 404:
        return "not_found";
    case 406:
        return "not_acceptable";
    case 422:
        return "execution";
    case 499:
        return "canceled";
    case 503:
        return "timeout";
    default:
        return "internal";
    }
}

CallStatus http_prom_error(HttpCall *c, const Err *e)
{
    int status = err_http_status(e->code);
    const char *type = NULL;
    if (e->code == ERR_CANCELED && strstr(e->message, "timed out"))
        status = 503;
    if (status == 413 || status == 409)
        status = 422;
    if (status == 503 && e->code != ERR_CANCELED)
        type = "unavailable";
    buf_clear(&c->reply);
    buf_printf(&c->reply, "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":",
               type ? type : error_type(status));
    buf_put_json(&c->reply, slice_cstr(e->message));
    buf_puts(&c->reply, "}\n");
    return http_reply(c, status, "application/json");
}

CallStatus http_prom_bad_param(HttpCall *c, const char *name, Err *e)
{
    (void)!err_wrap(e, "invalid parameter \"%s\"", name);
    return http_prom_error(c, e);
}

/* ---- parameters ---- */
bool http_prom_optional_time(HttpCall *c, const char *name, int64_t otherwise, int64_t *ms, Err *e)
{
    Slice text = http_param(c, name);
    *ms = otherwise;
    return text.len == 0 || http_prom_time(text, ms, e) ||
           err_wrap(e, "Invalid time value for '%s'", name);
}

/* Zero without one. */
static bool optional_duration(HttpCall *c, const char *name, int64_t *ms, Err *e)
{
    Slice text = http_param(c, name);
    *ms = 0;
    return text.len == 0 || http_prom_duration(text, ms, e);
}

bool http_prom_limit(HttpCall *c, const char *name, uint64_t *limit, Err *e)
{
    Slice text = http_param(c, name);
    int64_t n = 0;
    if (text.len && !slice_to_i64(text, &n))
        return err_set(e, ERR_INVALID_PARAMETER, "strconv.Atoi: parsing \"%.*s\": %s",
                       (int)(text.len < 60 ? text.len : 60), text.ptr, "invalid syntax");
    if (n < 0)
        return err_set(e, ERR_INVALID_PARAMETER, "limit must be non-negative");
    *limit = (uint64_t)n;
    return true;
}

bool http_prom_database(HttpCall *c, ObjectId *id, Err *e)
{
    ObjectId schema;
    Slice name = http_param(c, "db");
    return db_resolve_database(c->db, c->rights, name.len ? name : SLICE_LIT("skulk"), id, &schema,
                               e);
}

static void matches(HttpCall *c, PromSelection *s)
{
    Slice *match = ARENA_ARRAY(&c->arena, Slice, c->param_count + 1);
    for (size_t i = 0; i < c->param_count; i++)
        if (slice_eq_cstr(c->params[i].name, "match[]"))
            match[s->match_count++] = c->params[i].value;
    s->match = match;
}

bool http_prom_selection(HttpCall *c, PromSelection *s, bool match_needed)
{
    Err e;
    err_clear(&e);
    *s = (PromSelection){.rights = c->rights};
    matches(c, s);
    if (match_needed && s->match_count == 0) {
        err_set(&e, ERR_INVALID_PARAMETER, "no match[] parameter provided");
        return http_prom_error(c, &e), false;
    }
    if (!http_prom_optional_time(c, "start", PROM_MS_MIN, &s->start_ms, &e))
        return http_prom_bad_param(c, "start", &e), false;
    if (!http_prom_optional_time(c, "end", PROM_MS_MAX, &s->end_ms, &e))
        return http_prom_bad_param(c, "end", &e), false;
    if (!http_prom_limit(c, "limit", &s->limit, &e))
        return http_prom_bad_param(c, "limit", &e), false;
    if (!http_prom_database(c, &s->database, &e))
        return http_prom_error(c, &e), false;
    return true;
}

/* Those that query and query_range share; on failure the answer is made. */
static bool common_params(HttpCall *c, PromRequest *r, Err *e)
{
    r->query = http_param(c, "query");
    r->rights = c->rights;
    if (!optional_duration(c, "timeout", &r->timeout_ms, e))
        return http_prom_bad_param(c, "timeout", e), false;
    if (r->timeout_ms <= 0 && http_param(c, "timeout").len)
        r->timeout_ms = -1; /* over before it begins */
    if (!optional_duration(c, "lookback_delta", &r->lookback_ms, e)) {
        (void)!err_wrap(e, "error parsing lookback delta duration");
        return http_prom_error(c, e), false;
    }
    if (r->lookback_ms < 0)
        r->lookback_ms = 0; /* the default, as for 0 */
    Slice stats = http_param(c, "stats");
    if (stats.len)
        r->stats = slice_eq_cstr(stats, "all") ? PROM_STATS_ALL : PROM_STATS_SUM;
    if (!http_prom_limit(c, "limit", &r->limit, e))
        return http_prom_bad_param(c, "limit", e), false;
    return true;
}

/* ---- query and query_range ---- */
static void job_cleanup(HttpCall *c)
{
    prom_close(c->state);
}

static void put_annotations(HttpCall *c, PromJob *j, bool info)
{
    Slice text;
    size_t count = prom_annotation(j, info, 0, &text);
    if (count == 0)
        return;
    buf_printf(&c->reply, ",\"%s\":[", info ? "infos" : "warnings");
    for (size_t i = 0; i < count && i < 10; i++) {
        prom_annotation(j, info, i, &text);
        if (i)
            buf_puts(&c->reply, ",");
        buf_put_json(&c->reply, text);
    }
    buf_puts(&c->reply, "]");
}

static CallStatus run_job(HttpCall *c)
{
    PromJob *j = c->state;
    Err e;
    err_clear(&e);
    if (outlet_gone(c->outlet)) {
        err_set(&e, ERR_CANCELED, "query was canceled: the client has gone");
        return http_prom_error(c, &e);
    }
    switch (prom_run(j, &e)) {
    case RUN_WAIT:
        return CALL_WAIT;
    case RUN_YIELD:
    case RUN_BATCH:
    case RUN_BYTES:
        return CALL_MORE;
    case RUN_DONE:
        break;
    case RUN_FAIL:
    case RUN_COPY_IN:
    case RUN_SUSPENDED:
        return http_prom_error(c, &e);
    }
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":");
    prom_result(j, &c->reply);
    put_annotations(c, j, false);
    put_annotations(c, j, true);
    buf_puts(&c->reply, "}\n");
    return http_reply(c, 200, "application/json");
}

static CallStatus open_job(HttpCall *c, const PromRequest *r, Err *e)
{
    ObjectId db;
    PromJob *job;
    if (!http_prom_database(c, &db, e) || !prom_open(&job, c->db, db, r, &c->task, e))
        return http_prom_error(c, e);
    c->state = job;
    c->cleanup = job_cleanup;
    return CALL_MORE;
}

CallStatus http_run_prom_query(HttpCall *c)
{
    const Clock *clock = c->server->options.clock;
    PromRequest r = {0};
    Err e;
    if (c->state)
        return run_job(c);
    err_clear(&e);
    if (!common_params(c, &r, &e))
        return CALL_DONE;
    if (!http_prom_optional_time(c, "time", floor_div(clock->wall_ns(clock), NS_PER_MS), &r.time_ms,
                                 &e))
        return http_prom_bad_param(c, "time", &e);
    return open_job(c, &r, &e);
}

/* "11,000" */
static void put_thousands(char text[32], int64_t n)
{
    if (n < 1000)
        snprintf(text, 32, "%lld", (long long)n);
    else
        snprintf(text, 32, "%lld,%03lld", (long long)(n / 1000), (long long)(n % 1000));
}

/* A step below a millisecond is taken as one, so its points are counted before that. */
static bool finer_than_ms(Slice step, int64_t span_ms, int64_t points_max)
{
    double s;
    return slice_to_f64(step, &s) && s < 0.001 && (double)span_ms / 1000 > s * (double)points_max;
}

/* False: the answer is made. */
static bool range_params(HttpCall *c, PromRequest *r, Err *e)
{
    int64_t points_max = c->server->options.points_max, span;
    if (!http_prom_time(http_param(c, "start"), &r->start_ms, e))
        return http_prom_bad_param(c, "start", e), false;
    if (!http_prom_time(http_param(c, "end"), &r->end_ms, e))
        return http_prom_bad_param(c, "end", e), false;
    if (r->end_ms < r->start_ms) {
        err_set(e, ERR_INVALID_PARAMETER, "end timestamp must not be before start time");
        return http_prom_bad_param(c, "end", e), false;
    }
    if (!http_prom_duration(http_param(c, "step"), &r->step_ms, e))
        return http_prom_bad_param(c, "step", e), false;
    if (r->step_ms <= 0) {
        err_set(e, ERR_INVALID_PARAMETER,
                "zero or negative query resolution step widths are not "
                "accepted. Try a positive integer");
        return http_prom_bad_param(c, "step", e), false;
    }
    if (__builtin_sub_overflow(r->end_ms, r->start_ms, &span) || span / r->step_ms > points_max ||
        finer_than_ms(http_param(c, "step"), span, points_max)) {
        char most[32];
        put_thousands(most, points_max);
        err_set(e, ERR_INVALID_PARAMETER,
                "exceeded maximum resolution of %s points per timeseries. Try decreasing the query "
                "resolution (?step=XX)",
                most);
        return http_prom_error(c, e), false;
    }
    return true;
}

CallStatus http_run_prom_range(HttpCall *c)
{
    PromRequest r = {.range = true};
    Err e;
    if (c->state)
        return run_job(c);
    err_clear(&e);
    if (!range_params(c, &r, &e) || !common_params(c, &r, &e))
        return CALL_DONE;
    return open_job(c, &r, &e);
}

/* ---- labels, values, series ---- */
static CallStatus meta(HttpCall *c, PromMeta what, Slice label, bool match_needed)
{
    Err e;
    PromSelection s;
    err_clear(&e);
    if (!http_prom_selection(c, &s, match_needed))
        return CALL_DONE;
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":");
    if (!prom_meta(c->db, &s, what, label, &c->reply, &e))
        return http_prom_error(c, &e);
    buf_puts(&c->reply, "}\n");
    return http_reply(c, 200, "application/json");
}

CallStatus http_run_prom_labels(HttpCall *c)
{
    return meta(c, PROM_LABELS, SLICE_LIT(""), false);
}

/* "U__" and _hex_ escapes of names that are no plain identifiers; false: not well-formed. */
static bool unescape_label(Arena *a, Slice in, Slice *out)
{
    *out = in;
    if (!slice_starts(in, SLICE_LIT("U__")))
        return true;
    Buf b;
    buf_init(&b);
    bool ok = true;
    for (size_t i = 3; i < in.len && ok; i++) {
        if (in.ptr[i] != '_') {
            buf_put_u8(&b, (uint8_t)in.ptr[i]);
            continue;
        }
        if (i + 1 < in.len && in.ptr[i + 1] == '_') {
            buf_put_u8(&b, '_');
            i++;
            continue;
        }
        uint32_t v = 0;
        size_t digits = 0;
        for (i++; i < in.len && in.ptr[i] != '_' && digits < 7; i++, digits++) {
            char ch = in.ptr[i];
            int d = ch >= '0' && ch <= '9'   ? ch - '0'
                    : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
                    : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
                                             : -1;
            ok &= d >= 0;
            v = v << 4 | (uint32_t)(d & 15);
        }
        ok &= i < in.len && in.ptr[i] == '_' && digits > 0 && digits < 7 && v <= 0x10ffff;
        if (!ok)
            break;
        if (v < 0x80) {
            buf_put_u8(&b, (uint8_t)v);
        } else if (v < 0x800) {
            buf_put_u8(&b, (uint8_t)(0xc0 | v >> 6));
            buf_put_u8(&b, (uint8_t)(0x80 | (v & 63)));
        } else {
            buf_put_u8(&b, (uint8_t)(v < 0x10000 ? 0xe0 | v >> 12 : 0xf0 | v >> 18));
            if (v >= 0x10000)
                buf_put_u8(&b, (uint8_t)(0x80 | (v >> 12 & 63)));
            buf_put_u8(&b, (uint8_t)(0x80 | (v >> 6 & 63)));
            buf_put_u8(&b, (uint8_t)(0x80 | (v & 63)));
        }
    }
    *out = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return ok;
}

CallStatus http_run_prom_values(HttpCall *c)
{
    Slice raw, label = SLICE_NONE;
    Err e;
    if (http_percent_decode(&c->arena, c->wild, false, &raw) &&
        unescape_label(&c->arena, raw, &label) && slice_utf8_valid(label))
        return meta(c, PROM_LABEL_VALUES, label, false);
    err_clear(&e);
    err_set(&e, ERR_INVALID_PARAMETER, "invalid label name: \"%.*s\"",
            (int)(c->wild.len < 100 ? c->wild.len : 100), c->wild.ptr);
    return http_prom_error(c, &e);
}

CallStatus http_run_prom_series(HttpCall *c)
{
    return meta(c, PROM_SERIES, SLICE_LIT(""), true);
}

/* ---- the rest ---- */
CallStatus http_run_prom_format(HttpCall *c)
{
    Err e;
    err_clear(&e);
    bool tree = strcmp(c->route->path, "/api/v1/parse_query") == 0;
    buf_puts(&c->reply, "{\"status\":\"success\",\"data\":");
    if (!prom_text(http_param(c, "query"), tree, &c->reply, &e))
        return http_prom_error(c, &e);
    buf_puts(&c->reply, "}\n");
    return http_reply(c, 200, "application/json");
}

CallStatus http_run_prom_buildinfo(HttpCall *c)
{
    buf_puts(&c->reply,
             "{\"status\":\"success\",\"data\":{\"version\":\"" PROM_VERSION
             "\",\"revision\":\"alopex-skulk-" SKULK_VERSION
             "\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}}\n");
    return http_reply(c, 200, "application/json");
}
