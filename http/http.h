/* http/http.h - the HTTP face: line protocol, remote write, JSON, PromQL API, health, metrics.
 *
 * Our own HTTP/1.1 on net/: head complete, then route and limits, then the body is read or
 * refused; bodies go to a task by move.  To add a path: a row in route_table[] (routes.c); an
 * ingest format adds its own through ing_formats[].
 * Threads: any; the face's callbacks are called by net. */
#ifndef SKULK_HTTP_HTTP_H
#define SKULK_HTTP_HTTP_H

#include "net/net.h"
#include "session/session.h"

typedef struct HttpServer HttpServer;

typedef void HttpSettingFn(void *arg, const char *key, const char *value);
typedef struct HttpOptions {
    Sched *sched;
    const Clock *clock;
    const Net *net;  /* for /metrics; may be NULL */
    size_t body_max; /* bytes of a body, as it comes and decoded */
    int connections_max;
    int64_t idle_ns;      /* keep-alive */
    int64_t points_max;   /* steps of a range query */
    const char *features; /* --enable-feature, for status/flags; may be NULL */
    bool passwords;       /* a request needs a login, but for those that only say that we live */
    const char
        *cors_origin;     /* "*", or origins separated by commas; NULL or "": pages may not ask */
    int64_t key_ttl_ns;   /* how long an Idempotency-Key is remembered */
    bool access_log;      /* a line for each answer */
    bool url_credentials; /* u= and p= are taken as a login */
    bool tls_required;    /* plain requests get 400 */
    /* Settings in force, for status/config and status/flags; may be NULL.  Gets more_arg. */
    void (*each_setting)(void *arg, HttpSettingFn *each, void *each_arg);
    const char *data_dir; /* for status/runtimeinfo; may be NULL */
    int64_t memory;       /* bytes that it may use; 0 = no limit */
    /* Adds the lines of other modules to /metrics; may be NULL. */
    void (*more_metrics)(void *arg, Buf *out);
    void *more_arg;
} HttpOptions;

extern const NetFace http_face; /* its ctx is an HttpServer */

HttpServer *http_new(const HttpOptions *o);
/* Before: 503 on all but /ping and /metrics, with this reason. */
void http_set_db(HttpServer *s, Db *db);
bool http_wait_idle(HttpServer *s, int64_t timeout_ns); /* no call is running any more */
void http_free(HttpServer *s);

#endif
