/* http/influx.c - what InfluxDB clients ask besides /write: /ping, /health, /ready, /query. */
#include "http/http_private.h"

#define INFLUX_VERSION "1.8.10" /* the dialect of /write; clients compare it */

void http_influx_headers(HttpCall *c)
{
    const Clock *clock = c->server->options.clock;
    uint64_t id = clock->random(clock);
    http_header(c, "X-Influxdb-Version", INFLUX_VERSION);
    http_header(c, "X-Influxdb-Build", "Alopex Skulk " SKULK_VERSION);
    http_header(c, "Request-Id", "%016llx", (unsigned long long)id);
    http_header(c, "X-Request-Id", "%016llx", (unsigned long long)id);
}

CallStatus http_run_ping(HttpCall *c)
{
    http_influx_headers(c);
    Slice verbose = http_param(c, "verbose");
    if (verbose.len == 0 || slice_eq_cstr(verbose, "false") || slice_eq_cstr(verbose, "0"))
        return http_reply(c, 204, NULL);
    buf_puts(&c->reply, "{\"version\":\"" INFLUX_VERSION "\",\"skulk\":\"" SKULK_VERSION "\"}\n");
    return http_reply(c, 200, "application/json");
}

CallStatus http_run_health(HttpCall *c)
{
    Err e;
    err_clear(&e);
    const char *message = "ready for queries and writes", *status = "pass";
    if (!c->db) {
        message = "the database is being opened";
        status = "fail";
    } else if (!engine_writable(db_engine(c->db), &e)) { /* it still answers queries */
        message = e.message;
        status = "warn";
    }
    buf_puts(&c->reply, "{\"name\":\"alopex-skulk\",\"message\":");
    buf_put_json(&c->reply, slice_cstr(message));
    buf_printf(&c->reply, ",\"status\":\"%s\",\"checks\":[],\"version\":\"" SKULK_VERSION "\"}\n",
               status);
    if (!c->db)
        http_header(c, "Retry-After", "5");
    return http_reply(c, c->db ? 200 : 503, "application/json");
}

CallStatus http_run_ready(HttpCall *c)
{
    const Clock *clock = c->server->options.clock;
    if (!c->db) {
        buf_puts(&c->reply,
                 "{\"status\":\"starting\",\"reason\":\"the database is being opened\"}\n");
        http_header(c, "Retry-After", "1");
        return http_reply(c, 503, "application/json");
    }
    char started[40];
    size_t n = clock_rfc3339(started, c->server->started_ns);
    buf_printf(&c->reply, "{\"status\":\"ready\",\"started\":\"%.*s\",\"up_s\":%lld}\n", (int)n,
               started, (long long)((clock->wall_ns(clock) - c->server->started_ns) / NS_PER_S));
    return http_reply(c, 200, "application/json");
}

CallStatus http_run_root(HttpCall *c)
{
    buf_puts(&c->reply, "Alopex Skulk " SKULK_VERSION "\n\n");
    for (size_t i = 0; i < c->server->route_count; i++) {
        const HttpRoute *r = &c->server->routes[i];
        char methods[HTTP_METHODS_TEXT];
        buf_printf(&c->reply, "%-15s %-34s %s\n", http_methods(r->methods, methods), r->path,
                   r->text);
    }
    return http_reply(c, 200, "text/plain; charset=utf-8");
}

/* ---- /query: two statements of InfluxQL, which clients send before they write ---- */
typedef struct Words {
    const char *p, *end;
} Words;

static void skip_blanks(Words *w)
{
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r'))
        w->p++;
}

/* A bare word, or one in double quotes with \" inside. */
static bool next_word(Words *w, Arena *a, Slice *out)
{
    skip_blanks(w);
    if (w->p == w->end || *w->p == ';')
        return false;
    char *dst = arena_alloc(a, (size_t)(w->end - w->p) + 1);
    size_t n = 0;
    bool quoted = *w->p == '"';
    for (w->p += quoted; w->p < w->end; w->p++) {
        if (quoted ? *w->p == '"' : *w->p == ' ' || *w->p == ';' || *w->p == '\t' || *w->p == '\n')
            break;
        if (quoted && *w->p == '\\' && w->end - w->p > 1)
            w->p++;
        dst[n++] = *w->p;
    }
    if (quoted && w->p == w->end)
        return false;
    w->p += quoted;
    *out = (Slice){dst, n};
    return true;
}

static bool word_is(Words *w, Arena *a, const char *keyword)
{
    Words before = *w;
    Slice s;
    if (next_word(w, a, &s) && slice_eq_nocase(s, slice_cstr(keyword)))
        return true;
    *w = before;
    return false;
}

/* CREATE DATABASE "x" [WITH ...]: what WITH says about retention is not carried out. */
static bool create_database(HttpCall *c, Words *w, Err *e)
{
    Slice name;
    if (!next_word(w, &c->arena, &name))
        return err_set(e, ERR_SYNTAX, "error parsing query: CREATE DATABASE needs a name");
    while (w->p < w->end && *w->p != ';')
        w->p++;
    return db_create_database(c->db, c->rights, name, e);
}

static void show_databases(HttpCall *c, Buf *out)
{
    CatalogSnap *cat = engine_catalog(db_engine(c->db));
    buf_puts(out, ",\"series\":[{\"name\":\"databases\",\"columns\":[\"name\"],\"values\":[");
    for (size_t i = 0; i < cat_database_count(cat); i++) {
        buf_puts(out, i ? ",[" : "[");
        buf_put_json(out, cat_database_at(cat, i)->name);
        buf_puts(out, "]");
    }
    buf_puts(out, "]}]");
    cat_unref(cat);
}

static bool run_statement(HttpCall *c, Words *w, Buf *out, Err *e)
{
    if (word_is(w, &c->arena, "CREATE") && word_is(w, &c->arena, "DATABASE"))
        return create_database(c, w, e);
    if (word_is(w, &c->arena, "SHOW") && word_is(w, &c->arena, "DATABASES")) {
        show_databases(c, out);
        return true;
    }
    err_set(e, ERR_SYNTAX,
            "error parsing query: only CREATE DATABASE and SHOW DATABASES are "
            "understood here");
    return err_hint(e, "ask in SQL on the PostgreSQL port, or in PromQL at /api/v1/query");
}

CallStatus http_run_influx_query(HttpCall *c)
{
    Slice q = http_param(c, "q");
    Words w = {q.ptr, q.ptr + q.len};
    Err e;
    err_clear(&e);
    http_influx_headers(c);
    skip_blanks(&w);
    if (w.p == w.end)
        return http_error(c, 400, "missing required parameter \"q\"");
    buf_puts(&c->reply, "{\"results\":[");
    for (int id = 0; w.p < w.end; id++) {
        buf_printf(&c->reply, "%s{\"statement_id\":%d", id ? "," : "", id);
        if (!run_statement(c, &w, &c->reply, &e))
            return http_error_err(c, &e);
        buf_puts(&c->reply, "}");
        skip_blanks(&w);
        if (w.p < w.end && *w.p != ';')
            return http_error(c, 400, "error parsing query: expected ; after the statement");
        w.p += w.p < w.end;
        skip_blanks(&w);
    }
    buf_puts(&c->reply, "]}\n");
    return http_reply(c, 200, "application/json");
}
