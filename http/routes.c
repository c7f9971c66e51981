/* http/routes.c - the table of paths. */
#include "http/http_private.h"

static const HttpRoute route_table[] = {
    {"/", HTTP_GET, ROUTE_INLINE, http_run_root, "what answers here"},
    {"/ping", HTTP_GET, ROUTE_INLINE, http_run_ping, "204; with verbose=true the version"},
    {"/health", HTTP_GET, ROUTE_INLINE, http_run_health,
     "pass, warn while writes are refused, or 503 while it does not serve"},
    {"/ready", HTTP_GET, ROUTE_INLINE, http_run_ready, "200 once the server serves"},
    {"/metrics", HTTP_GET, 0, http_run_metrics, "counters in Prometheus text"},
    {"/query", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM, http_run_influx_query,
     "CREATE DATABASE and SHOW DATABASES, for InfluxDB clients"},
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
     "checks a query; gives it back as it is"},
    {"/api/v1/metadata", HTTP_GET, ROUTE_DB, http_run_prom_empty, "empty: none is stored"},
    {"/api/v1/query_exemplars", HTTP_GET | HTTP_POST, ROUTE_DB | ROUTE_FORM, http_run_prom_empty,
     "empty: none is stored"},
    {"/api/v1/rules", HTTP_GET, ROUTE_DB, http_run_prom_empty, "empty: there are no rules"},
    {"/api/v1/alerts", HTTP_GET, ROUTE_DB, http_run_prom_empty, "empty: there are no alerts"},
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
    return NULL;
}
