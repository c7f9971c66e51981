/* http/http_private.h - one request on its way through the face.
 *
 *     HttpConn (I/O thread): head -> route -> body -> HttpCall, one at a time per connection
 *     HttpCall (a task, or at once for ROUTE_INLINE): route->run() until CALL_DONE, then the answer
 */
#ifndef SKULK_HTTP_PRIVATE_H
#define SKULK_HTTP_PRIVATE_H

#include "base/hash.h"
#include "http/head.h"
#include "http/http.h"
#include "http/params.h"
#include "ingest/ingest.h"

enum {
    HTTP_ROUTES_MAX = 96,
    HTTP_FORM_MAX = 1 << 20,   /* bytes of a form body */
    HTTP_GZIP_MIN = 1400,      /* smaller answers go out as they are */
    HTTP_JOIN_MAX = 12 << 10,  /* bytes of a body that goes out in one block with its head */
    HTTP_AHEAD_MAX = 64 << 10, /* bytes of further requests that are read while one runs */
    HTTP_POST_DONE = 1,
    HTTP_POST_CLOSE = 2,
};

typedef struct HttpCall HttpCall;
typedef enum CallStatus { CALL_DONE, CALL_MORE, CALL_WAIT } CallStatus;

enum {
    ROUTE_INLINE = 1,  /* answered by the I/O thread: no work, no waiting */
    ROUTE_DB = 2,      /* 503 until the database is open */
    ROUTE_INGEST = 4,  /* takes a body, in the ingest share */
    ROUTE_FORM = 8,    /* POST brings parameters as a form */
    ROUTE_CANCEL = 16, /* given up when the client goes */
};

typedef struct HttpRoute {
    const char *path; /* a "*" segment matches any one: HttpCall.wild */
    unsigned methods; /* HTTP_GET takes HEAD as well */
    unsigned flags;
    CallStatus (*run)(HttpCall *c);
    const char *text; /* for docs/http.md */
} HttpRoute;

struct HttpCall {
    Task task; /* first */
    HttpServer *server;
    Outlet *outlet; /* NULL: inline */
    Db *db;
    Rights *rights; /* of who has come in; NULL: no login is asked for */
    const HttpRoute *route;
    Hash128 key; /* of a write with an Idempotency-Key */
    int64_t key_ns;
    bool keyed;
    const IngFormat *format; /* of a write; NULL before its content type is known */
    Buf mem;                 /* head and body, from `base` on */
    size_t base, charged;
    HttpHead head;
    Slice body, wild;
    int64_t started_ns; /* monotonic */
    char peer[NET_PEER_MAX];
    Arena arena;
    HttpParam *params;
    size_t param_count;
    /* the answer */
    int status;
    const char *content_type;
    Buf headers; /* further lines, each with CRLF */
    Buf reply;
    bool close;
    /* the handler's own; cleanup may be NULL */
    void *state;
    void (*cleanup)(HttpCall *c);
    bool started, authorized, handled;
    PasswordLogin login; /* its times */
    uint64_t group;      /* of the task, but while the password is looked at */
    struct HttpGzip *gzip;
};

typedef struct RouteStats {
    _Atomic uint64_t by_class[6]; /* 2 = 2xx ... */
    _Atomic uint64_t time_ns, bytes;
} RouteStats;

struct HttpServer {
    HttpOptions options;
    _Atomic(Db *) db;
    int64_t started_ns; /* wall */
    IngSeen *seen;
    struct HttpKeys *keys;
    HttpRoute routes[HTTP_ROUTES_MAX];
    RouteStats route_stats[HTTP_ROUTES_MAX + 1]; /* the last: no route */
    size_t route_count;
    _Atomic int connections, calls;
    _Atomic uint64_t body_bytes, groups;
};

/* routes.c */
void http_routes_init(HttpServer *s);
enum { HTTP_METHODS_TEXT = 48 };
const char *http_methods(unsigned methods, char text[HTTP_METHODS_TEXT]); /* "GET, HEAD, POST" */
/* NULL: unknown path (404).  *allowed: the methods of the path, 0 if it is unknown. */
const HttpRoute *http_route_find(const HttpServer *s, Slice path, HttpMethod method, Slice *wild,
                                 unsigned *allowed);

/* call.c */
HttpCall *http_call_new(HttpServer *s, const HttpRoute *r, const HttpHead *h);
void http_call_start(HttpCall *c, Conn *conn);      /* as a task; owns itself from now on */
void http_call_run_inline(HttpCall *c, Conn *conn); /* answers and frees; false in c->close: keep */
void http_call_free(HttpCall *c);
Slice http_field(const HttpCall *c, HttpField f);
bool http_read_params(HttpCall *c, Err *e) MUST_CHECK;
/* "" if there is none; the last one wins. */
Slice http_param(const HttpCall *c, const char *name);

/* reply.c */
void http_reply_head(Buf *out, const HttpServer *s, int status, const char *content_type,
                     Slice headers, bool has_body, size_t len, bool keep_alive, int minor);
const char *http_reason(int status);
CallStatus http_reply(HttpCall *c, int status, const char *content_type);
CallStatus http_error(HttpCall *c, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
CallStatus http_error_err(HttpCall *c, const Err *e); /* {"error": ...}, Retry-After on 503 */
void http_header(HttpCall *c, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Compresses c->reply piece by piece; true: done. */
bool http_gzip_step(HttpCall *c);
void http_gzip_free(HttpCall *c);

/* auth.c: where passwords are asked for.  AUTH_ANSWERED: 401 or the like; MORE and WAIT: ask again. */
typedef enum HttpAuth { AUTH_OK, AUTH_ANSWERED, AUTH_MORE, AUTH_WAIT } HttpAuth;
HttpAuth http_authorize(HttpCall *c);

/* idempotency.c */
typedef struct HttpKeys HttpKeys;
HttpKeys *http_keys_new(void);
void http_keys_free(HttpKeys *k);
/* False: *answer is made, or the keys are still being read (CALL_WAIT, CALL_MORE). */
bool http_keys_ready(HttpCall *c, CallStatus *answer);
IngKey http_key_row(HttpCall *c); /* to be written with the rows; the answer is made */
/* Once in many keys: rows before the time are to be deleted. */
bool http_keys_to_drop(HttpCall *c, int64_t *before_ns);
/* False: the write was done before under this key, or is being done; *answer is made. */
bool http_key_begin(HttpCall *c, CallStatus *answer);
void http_key_end(HttpCall *c, bool stored); /* the answer is made */

/* write_reply.c */
CallStatus http_write_error(HttpCall *c, int status, const char *text);
/* j: NULL for an empty body; stored: the good lines are. */
CallStatus http_write_answer(HttpCall *c, const IngJob *j, bool stored);

/* prom.c: what the paths of Prometheus' API share.  Those that return bool and take a name leave *e for
 * http_prom_bad_param. */
CallStatus http_prom_error(HttpCall *c, const Err *e);
CallStatus http_prom_bad_param(HttpCall *c, const char *name, Err *e);
bool http_prom_optional_time(HttpCall *c, const char *name, int64_t otherwise, int64_t *ms, Err *e);
bool http_prom_limit(HttpCall *c, const char *name, uint64_t *limit, Err *e); /* 0 = none */
bool http_prom_database(HttpCall *c, ObjectId *id, Err *e);
/* match[], start, end, limit, db; false: the answer is made. */
bool http_prom_selection(HttpCall *c, PromSelection *s, bool match_needed);

/* handlers */
CallStatus http_run_write(HttpCall *c);
CallStatus http_run_ping(HttpCall *c);
CallStatus http_run_health(HttpCall *c);
CallStatus http_run_ready(HttpCall *c);
CallStatus http_run_influx_query(HttpCall *c);
CallStatus http_run_metrics(HttpCall *c);
CallStatus http_run_prom_probe(HttpCall *c);
CallStatus http_run_prom_query(HttpCall *c);
CallStatus http_run_prom_range(HttpCall *c);
CallStatus http_run_prom_labels(HttpCall *c);
CallStatus http_run_prom_values(HttpCall *c);
CallStatus http_run_prom_series(HttpCall *c);
CallStatus http_run_prom_format(HttpCall *c);
CallStatus http_run_prom_buildinfo(HttpCall *c);
CallStatus http_run_prom_constant(HttpCall *c);
CallStatus http_run_prom_rules(HttpCall *c);
CallStatus http_run_prom_read(HttpCall *c); /* export, federate, query_exemplars, read */
CallStatus http_run_prom_metadata(HttpCall *c);
CallStatus http_run_prom_tsdb(HttpCall *c);
CallStatus http_run_prom_runtimeinfo(HttpCall *c);
CallStatus http_run_prom_flags(HttpCall *c);
CallStatus http_run_prom_config(HttpCall *c);
CallStatus http_run_prom_walreplay(HttpCall *c);
CallStatus http_run_prom_delete(HttpCall *c);
CallStatus http_run_prom_snapshot(HttpCall *c);
CallStatus http_run_prom_clean(HttpCall *c);
CallStatus http_run_root(HttpCall *c);
CallStatus http_run_options(HttpCall *c);
void http_influx_headers(HttpCall *c);

#endif
