/* http/routes.c - the table of paths. */
#include "http/http_private.h"

#include <stdio.h>

static const HttpRoute route_table[] = {
    {"*", HTTP_OPTIONS, ROUTE_INLINE, http_run_options, "OPTIONS of every path"}, /* stays first */
    {"/", HTTP_GET, ROUTE_INLINE, http_run_root, "what answers here"},
    {"/ping", HTTP_GET, ROUTE_INLINE, http_run_ping, "204; with verbose=true the version"},
    {"/health", HTTP_GET, ROUTE_INLINE, http_run_health,
     "pass, warn while writes are refused, or 503 while it does not serve"},
    {"/ready", HTTP_GET, ROUTE_INLINE, http_run_ready, "200 once the server serves"},
    {"/-/healthy", HTTP_GET, ROUTE_INLINE, http_run_prom_probe, "200, as Prometheus says it"},
    {"/-/ready", HTTP_GET, ROUTE_INLINE, http_run_prom_probe,
     "200 once the server serves, as Prometheus says it"},
    {"/metrics", HTTP_GET, 0, http_run_metrics, "counters in Prometheus text"},
    {"/query", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM, http_run_influx_query,
     "InfluxQL: SELECT, DELETE, SHOW, databases, retention policies"},
    {"/api/v1/query", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM | ROUTE_CANCEL,
     http_run_prom_query, "PromQL at one time"},
    {"/api/v1/query_range", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM | ROUTE_CANCEL,
     http_run_prom_range, "PromQL over a range of times"},
    {"/api/v1/labels", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM, http_run_prom_labels,
     "names of labels"},
    {"/api/v1/label/*/values", HTTP_GET, ROUTE_DB, http_run_prom_values, "values of a label"},
    {"/api/v1/series", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM, http_run_prom_series,
     "label sets that match[] selects"},
    {"/api/v1/format_query", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM, http_run_prom_format,
     "a query, written anew"},
    {"/api/v1/parse_query", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM, http_run_prom_format,
     "the tree of a query"},
    {"/api/v1/query_exemplars", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM | ROUTE_CANCEL,
     http_run_prom_read, "exemplars of the series of a query"},
    {"/api/v1/export", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM | ROUTE_CANCEL,
     http_run_prom_read, "samples of match[] as JSON lines"},
    {"/federate", HTTP_GET, ROUTE_DB | ROUTE_CANCEL, http_run_prom_read,
     "the newest samples of match[] as Prometheus text"},
    {"/api/v1/read", HTTP_POST, ROUTE_DB | ROUTE_CANCEL, http_run_prom_read,
     "remote read: samples or XOR chunks"},
    {"/api/v1/metadata", HTTP_GET, ROUTE_DB, http_run_prom_metadata, "type, help, unit of metrics"},
    {"/api/v1/targets/metadata", HTTP_GET, ROUTE_DB, http_run_prom_metadata, "the same as a list"},
    {"/api/v1/rules", HTTP_GET, ROUTE_INLINE, http_run_prom_rules, "empty: there are no rules"},
    {"/api/v1/alerts", HTTP_GET, ROUTE_INLINE, http_run_prom_constant,
     "empty: there are no alerts"},
    {"/api/v1/targets", HTTP_GET, ROUTE_INLINE, http_run_prom_constant,
     "empty: nothing is scraped"},
    {"/api/v1/scrape_pools", HTTP_GET, ROUTE_INLINE, http_run_prom_constant, "empty"},
    {"/api/v1/alertmanagers", HTTP_GET, ROUTE_INLINE, http_run_prom_constant, "empty"},
    {"/api/v1/notifications", HTTP_GET, ROUTE_INLINE, http_run_prom_constant, "empty"},
    {"/api/v1/status/config", HTTP_GET, ROUTE_INLINE, http_run_prom_config, "settings in force"},
    {"/api/v1/status/walreplay", HTTP_GET, ROUTE_DB, http_run_prom_walreplay,
     "segments of the log"},
    {"/api/v1/status/tsdb/blocks", HTTP_GET, ROUTE_INLINE, http_run_prom_constant,
     "empty: see skulk.files"},
    {"/api/v1/status/flags", HTTP_GET, ROUTE_INLINE, http_run_prom_flags,
     "settings in force, and as flags of Prometheus"},
    {"/api/v1/status/runtimeinfo", HTTP_GET, ROUTE_DB, http_run_prom_runtimeinfo,
     "times, processors, threads, damage"},
    {"/api/v1/status/tsdb", HTTP_GET, ROUTE_DB, http_run_prom_tsdb,
     "series and values, by metric and label"},
    {"/api/v1/admin/tsdb/delete_series", HTTP_POST | HTTP_PUT, ROUTE_DB | ROUTE_FORM,
     http_run_prom_delete, "deletes samples of match[]"},
    {"/api/v1/admin/tsdb/clean_tombstones", HTTP_POST | HTTP_PUT, ROUTE_DB | ROUTE_FORM,
     http_run_prom_clean, "nothing to do: compaction does it"},
    {"/api/v1/admin/tsdb/snapshot", HTTP_POST | HTTP_PUT, ROUTE_DB | ROUTE_FORM,
     http_run_prom_snapshot, "a backup in snapshots/ of the data directory"},
    {"/api/v1/status/buildinfo", HTTP_GET, ROUTE_INLINE, http_run_prom_buildinfo, "versions"},
};

void http_routes_init(HttpServer *s)
{
    for (size_t i = 0; i < ARRAY_LEN(route_table); i++)
        s->routes[s->route_count++] = route_table[i];
    for (const IngFormat *f = ing_formats; f->path; f++) {
        if (f > ing_formats && strcmp(f[-1].path, f->path) == 0)
            continue; /* the content type tells them apart */
        must(s->route_count < HTTP_ROUTES_MAX);
        s->routes[s->route_count++] = (HttpRoute){.path = f->path,
                                                  .methods = HTTP_POST,
                                                  .flags = ROUTE_DB | ROUTE_INGEST,
                                                  .run = http_run_write,
                                                  .text = f->name};
    }
}

/* Segment by segment; *wild is what a "*" stood for, not decoded. */
static bool path_matches(const char *pattern, Slice path, Slice *wild)
{
    const char *p = path.ptr, *end = path.ptr + path.len;
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (p == end || *p++ != *pattern)
                return false;
            continue;
        }
        const char *from = p;
        while (p < end && *p != '/')
            p++;
        if (p == from)
            return false;
        *wild = (Slice){from, (size_t)(p - from)};
    }
    return p == end;
}

const HttpRoute *http_route_find(const HttpServer *s, Slice path, HttpMethod method, Slice *wild,
                                 unsigned *allowed)
{
    *allowed = 0;
    *wild = SLICE_NONE;
    for (size_t i = 0; i < s->route_count; i++) {
        const HttpRoute *r = &s->routes[i];
        if (!path_matches(r->path, path, wild))
            continue;
        *allowed |= r->methods;
        if (r->methods & method || (method == HTTP_HEAD && r->methods & HTTP_GET))
            return r;
    }
    return method == HTTP_OPTIONS && *allowed ? &s->routes[0] : NULL;
}

const char *http_methods(unsigned methods, char text[HTTP_METHODS_TEXT])
{
    static const struct {
        unsigned method;
        const char *name;
    } names[] = {
        {HTTP_GET, "GET, HEAD"}, {HTTP_POST, "POST"}, {HTTP_PUT, "PUT"}, {HTTP_OPTIONS, "OPTIONS"}};
    size_t n = 0;
    text[0] = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (methods & names[i].method)
            n += (size_t)snprintf(text + n, HTTP_METHODS_TEXT - n, "%s%s", n ? ", " : "",
                                  names[i].name);
    return text;
}

CallStatus http_run_options(HttpCall *c)
{
    unsigned allowed;
    Slice wild;
    char methods[HTTP_METHODS_TEXT];
    const char *base = c->mem.ptr + c->base;
    (void)http_route_find(c->server, http_span(base, c->head.path), HTTP_OTHER, &wild, &allowed);
    http_header(c, "Allow", "%s", http_methods(allowed | HTTP_OPTIONS, methods));
    return http_reply(c, 204, NULL);
}
