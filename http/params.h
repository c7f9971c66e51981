/* http/params.h - parameters of a URL or a form, and the times and durations in them.
 *
 * Not routing, not heads.  Pure functions over slices, called by handlers and by the fuzz target.
 * Threads: pure. */
#ifndef SKULK_HTTP_PARAMS_H
#define SKULK_HTTP_PARAMS_H

#include "base/mem.h"

enum { HTTP_PARAMS_MAX = 1000 }; /* of the URL, and as many of a form */

typedef struct HttpParam {
    Slice name, value;
} HttpParam;

/* Texts live in the arena.  False: a malformed code. */
bool http_percent_decode(Arena *a, Slice in, bool plus, Slice *out) MUST_CHECK;
size_t http_params_count(Slice text); /* at most so many */
/* Appends to out[*count]; room for http_params_count(text) more is there. */
bool http_params_read(Arena *a, Slice text, HttpParam *out, size_t *count, Err *e) MUST_CHECK;

/* Unix seconds with a fraction, RFC 3339, or one of Prometheus' boundary times. */
bool http_prom_time(Slice text, int64_t *ms, Err *e) MUST_CHECK;
/* Seconds with a fraction, or 1h30m; less than a millisecond counts as one. */
bool http_prom_duration(Slice text, int64_t *ms, Err *e) MUST_CHECK;

#endif
