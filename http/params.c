/* http/params.c - see params.h. */
#include "http/params.h"

#include "base/clock.h"

#include <math.h>

#define PROM_MS_MAX 9.2e15 /* beyond that a time has no meaning in ns either */

/* ---- name=value&... ---- */
static int hex_value(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch = (char)(ch | 0x20);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

bool http_percent_decode(Arena *a, Slice in, bool plus, Slice *out)
{
    char *dst = arena_alloc(a, in.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char ch = in.ptr[i];
        if (ch == '+' && plus) {
            ch = ' ';
        } else if (ch == '%') {
            if (in.len - i < 3 || hex_value(in.ptr[i + 1]) < 0 || hex_value(in.ptr[i + 2]) < 0)
                return false;
            ch = (char)(hex_value(in.ptr[i + 1]) << 4 | hex_value(in.ptr[i + 2]));
            i += 2;
        }
        dst[n++] = ch;
    }
    dst[n] = 0;
    *out = (Slice){dst, n};
    return true;
}

size_t http_params_count(Slice text)
{
    size_t n = text.len > 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '&';
    return n < HTTP_PARAMS_MAX ? n : HTTP_PARAMS_MAX;
}

bool http_params_read(Arena *a, Slice text, HttpParam *out, size_t *count, Err *e)
{
    size_t from = *count;
    while (text.len) {
        const char *amp = memchr(text.ptr, '&', text.len);
        Slice pair = {text.ptr, amp ? (size_t)(amp - text.ptr) : text.len};
        text = amp ? (Slice){amp + 1, text.len - pair.len - 1} : SLICE_NONE;
        if (pair.len == 0)
            continue;
        const char *eq = memchr(pair.ptr, '=', pair.len);
        Slice name = {pair.ptr, eq ? (size_t)(eq - pair.ptr) : pair.len};
        Slice value = eq ? (Slice){eq + 1, pair.len - name.len - 1} : SLICE_LIT("");
        if (*count - from == HTTP_PARAMS_MAX)
            return err_set(e, ERR_INVALID_PARAMETER, "more than %d parameters", HTTP_PARAMS_MAX);
        HttpParam *p = &out[(*count)++];
        if (!http_percent_decode(a, name, true, &p->name) ||
            !http_percent_decode(a, value, true, &p->value))
            return err_set(e, ERR_INVALID_PARAMETER, "malformed percent code in a parameter");
    }
    return true;
}

/* ---- Prometheus' times ---- */
/* What its clients write for "since ever" and "for ever"; years that RFC 3339 does not have. */
static bool boundary_time(Slice text, int64_t *ms)
{
    bool first = slice_eq_cstr(text, "-292273086-05-16T16:47:06Z");
    *ms = (int64_t)(first ? -PROM_MS_MAX : PROM_MS_MAX);
    return first || slice_eq_cstr(text, "292277025-08-18T07:12:54.999999999Z");
}

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
    if (boundary_time(text, ms))
        return true;
    return err_set(e, ERR_INVALID_PARAMETER, "cannot parse \"%.*s\" to a valid timestamp",
                   (int)(text.len < 60 ? text.len : 60), text.ptr);
}

static bool bad_duration(Slice text, bool too_long, Err *e)
{
    return err_set(e, ERR_INVALID_PARAMETER, "cannot parse \"%.*s\" to a valid duration%s",
                   (int)(text.len < 60 ? text.len : 60), text.ptr,
                   too_long ? ". It overflows int64" : "");
}

/* y w d h m s ms, each at most once, the larger before the smaller. */
static bool units(Slice text, int64_t *ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } table[] = {
        {"y", INT64_C(31536000000)},
        {"w", 604800000},
        {"d", 86400000},
        {"h", 3600000},
        {"m", 60000},
        {"s", 1000},
        {"ms", 1},
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
        if (!(fabs(s) * NS_PER_S <= (double)INT64_MAX))
            return bad_duration(text, !isnan(s), e);
        *ms = (int64_t)round(s * 1000);
        if (*ms == 0 && s != 0)
            *ms = s > 0 ? 1 : -1;
        return true;
    }
    return (units(text, ms) && *ms <= INT64_MAX / NS_PER_MS) || bad_duration(text, false, e);
}
