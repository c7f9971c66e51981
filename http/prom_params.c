/* http/prom_params.c - times and durations as Prometheus' API writes them. */
#include "http/http_private.h"

#include <math.h>

#define PROM_MS_MAX 9.2e15 /* beyond that a time has no meaning in ns either */

bool http_prom_time(Slice text, int64_t *ms, Err *e)
{
    double s;
    if (slice_to_f64(text, &s)) {
        double v = round(s * 1000);
        if (!(fabs(v) < PROM_MS_MAX))
            return err_set(e, ERR_INVALID_PARAMETER, "time %.*s is out of range",
                           (int)(text.len < 60 ? text.len : 60), text.ptr);
        *ms = (int64_t)v;
        return true;
    }
    int64_t ns;
    if (clock_parse_rfc3339(text, &ns)) {
        *ms = floor_div(ns, NS_PER_MS);
        return true;
    }
    return err_set(e, ERR_INVALID_PARAMETER, "cannot parse \"%.*s\" to a valid timestamp",
                   (int)(text.len < 60 ? text.len : 60), text.ptr);
}

static bool bad_duration(Slice text, Err *e)
{
    return err_set(e, ERR_INVALID_PARAMETER, "cannot parse \"%.*s\" to a valid duration",
                   (int)(text.len < 60 ? text.len : 60), text.ptr);
}

/* y w d h m s ms, each at most once, the larger before the smaller. */
static bool units(Slice text, int64_t *ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } table[] = {
        {"y", INT64_C(31536000000)}, {"w", 604800000}, {"d", 86400000}, {"h", 3600000},
        {"m", 60000},                {"s", 1000},      {"ms", 1},
    };
    size_t unit = 0, at = 0;
    *ms = 0;
    while (at < text.len) {
        size_t from = at;
        while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
            at++;
        int64_t n, part;
        if (!slice_to_i64((Slice){text.ptr + from, at - from}, &n))
            return false;
        size_t name = at;
        while (at < text.len && !(text.ptr[at] >= '0' && text.ptr[at] <= '9'))
            at++;
        Slice s = {text.ptr + name, at - name};
        while (unit < ARRAY_LEN(table) && !slice_eq_cstr(s, table[unit].name))
            unit++;
        if (unit == ARRAY_LEN(table) || __builtin_mul_overflow(n, table[unit].ms, &part) ||
            __builtin_add_overflow(*ms, part, ms))
            return false;
        unit++;
    }
    return text.len > 0;
}

bool http_prom_duration(Slice text, int64_t *ms, Err *e)
{
    double s;
    if (slice_to_f64(text, &s)) {
        double v = round(s * 1000);
        if (!(fabs(v) < PROM_MS_MAX))
            return bad_duration(text, e);
        *ms = (int64_t)v;
        return true;
    }
    return units(text, ms) || bad_duration(text, e);
}
