/* exec/type_histogram.c - the SQL type of native histograms: kept as its bytes, shown as JSON.
 *
 * {"schema": 0, "count": 12, "sum": 18.4, "zero_threshold": 0.001, "zero_count": 2,
 *  "positive": [[1, 4], ...], "negative": [...], "bounds": [...], "hint": "gauge", "float": true}
 * Buckets are [index, observations]; what is empty or 0 is left out.  Input takes the same. */
#include "exec/type_histogram.h"
#include "exec/type_json.h"
#include "exec/type_private.h"
#include <math.h>

static const char *const hints[] = {
    [HIST_UNKNOWN] = "unknown",
    [HIST_RESET] = "reset",
    [HIST_NOT_RESET] = "not_reset",
    [HIST_GAUGE] = "gauge",
};

/* ---- out ---- */

static void put_number(Buf *dst, double v)
{
    if (isfinite(v)) {
        buf_put_f64(dst, v);
        return;
    }
    buf_put_u8(dst, '"');
    buf_put_f64(dst, v);
    buf_put_u8(dst, '"');
}

static void put_field(Buf *dst, const char *name, double v)
{
    if (v == 0)
        return;
    buf_printf(dst, ", \"%s\": ", name);
    put_number(dst, v);
}

static void put_side(Buf *dst, const char *name, const HistSide *s)
{
    if (s->count == 0)
        return;
    buf_printf(dst, ", \"%s\": [", name);
    for (uint32_t i = 0; i < s->count; i++) {
        buf_printf(dst, "%s[%d, ", i ? ", " : "", s->items[i].index);
        put_number(dst, s->items[i].n);
        buf_puts(dst, "]");
    }
    buf_puts(dst, "]");
}

TYPE_OUT(histogram_out)
{
    (void)env;
    Arena a;
    Histogram h;
    Err ignored;
    arena_init(&a, NULL);
    if (!hist_read(&h, v->u.str, &a, &ignored)) { /* checked when it was written */
        arena_free(&a);
        return;
    }
    buf_printf(dst, "{\"schema\": %d, \"count\": ", h.schema);
    put_number(dst, h.count);
    buf_puts(dst, ", \"sum\": ");
    put_number(dst, h.sum);
    put_field(dst, "zero_threshold", h.zero_threshold);
    put_field(dst, "zero_count", h.zero);
    put_side(dst, "positive", &h.positive);
    put_side(dst, "negative", &h.negative);
    for (uint32_t i = 0; i < h.bound_count; i++) {
        buf_puts(dst, i ? ", " : ", \"bounds\": [");
        put_number(dst, h.bounds[i]);
    }
    if (h.bound_count)
        buf_puts(dst, "]");
    if (h.hint != HIST_UNKNOWN)
        buf_printf(dst, ", \"hint\": \"%s\"", hints[h.hint]);
    if (!h.integer)
        buf_puts(dst, ", \"float\": true");
    buf_puts(dst, "}");
    arena_free(&a);
}

/* ---- in ---- */

static bool get_number(Slice json, Arena *a, double *out)
{
    JsonKind kind = json_kind(json);
    if (kind == JSON_NUMBER)
        return slice_to_f64(json, out);
    Slice text = json_text(json, a);
    if (kind != JSON_STRING)
        return false;
    *out = slice_eq_cstr(text, "NaN") ? NAN : slice_eq_cstr(text, "-Inf") ? -INFINITY : INFINITY;
    return slice_eq_cstr(text, "NaN") || slice_eq_cstr(text, "-Inf") ||
           slice_eq_cstr(text, "+Inf") || slice_eq_cstr(text, "Inf");
}

static bool get_side(Slice json, Arena *a, HistSide *out)
{
    Slice key, pair, index, count, more;
    int64_t length = json_kind(json) == JSON_ARRAY ? json_length(json, a) : -1, at;
    if (length < 0 || length > HIST_BUCKETS_MAX)
        return false;
    out->items = ARENA_ARRAY(a, HistBucket, (size_t)length + 1);
    for (JsonIter it = json_iter(json); json_next(&it, a, &key, &pair);) {
        if (json_kind(pair) != JSON_ARRAY || !json_element(pair, 0, a, &index) ||
            !json_element(pair, 1, a, &count) || json_element(pair, 2, a, &more) ||
            !slice_to_i64(index, &at) || at < INT32_MIN / 2 || at > INT32_MAX / 2 ||
            (out->count && at <= out->items[out->count - 1].index))
            return false;
        out->items[out->count].index = (int32_t)at;
        if (!get_number(count, a, &out->items[out->count++].n))
            return false;
    }
    return true;
}

static bool get_bounds(Slice json, Arena *a, Histogram *h)
{
    Slice key, value;
    int64_t length = json_kind(json) == JSON_ARRAY ? json_length(json, a) : -1;
    if (length < 0 || length > HIST_BUCKETS_MAX)
        return false;
    double *bounds = ARENA_ARRAY(a, double, (size_t)length + 1);
    h->bounds = bounds;
    for (JsonIter it = json_iter(json); json_next(&it, a, &key, &value);)
        if (!get_number(value, a, &bounds[h->bound_count++]))
            return false;
    return true;
}

static bool get_field(Slice key, Slice value, Arena *a, Histogram *h, int64_t *schema)
{
    if (slice_eq_cstr(key, "schema"))
        return slice_to_i64(value, schema);
    if (slice_eq_cstr(key, "count"))
        return get_number(value, a, &h->count);
    if (slice_eq_cstr(key, "sum"))
        return get_number(value, a, &h->sum);
    if (slice_eq_cstr(key, "zero_threshold"))
        return get_number(value, a, &h->zero_threshold);
    if (slice_eq_cstr(key, "zero_count"))
        return get_number(value, a, &h->zero);
    if (slice_eq_cstr(key, "positive"))
        return get_side(value, a, &h->positive);
    if (slice_eq_cstr(key, "negative"))
        return get_side(value, a, &h->negative);
    if (slice_eq_cstr(key, "bounds"))
        return get_bounds(value, a, h);
    if (slice_eq_cstr(key, "float")) {
        h->integer = slice_eq_cstr(value, "false");
        return json_kind(value) == JSON_BOOL;
    }
    if (!slice_eq_cstr(key, "hint"))
        return false;
    for (uint8_t i = 0; i < ARRAY_LEN(hints); i++)
        if (slice_eq_cstr(json_text(value, a), hints[i])) {
            h->hint = i;
            return true;
        }
    return false;
}

TYPE_IN(histogram_in)
{
    (void)env, (void)typmod;
    Histogram h = {.integer = true};
    int64_t schema = 0;
    Slice key, value;
    Err why;
    if (!json_check(text, &why))
        return type_bad_input(e, "histogram", text);
    Slice json = type_trim(text);
    if (json_kind(json) != JSON_OBJECT)
        return type_bad_input(e, "histogram", text);
    for (JsonIter it = json_iter(json); json_next(&it, a, &key, &value);)
        if (!get_field(key, value, a, &h, &schema)) {
            type_bad_input(e, "histogram", text);
            return err_detail(e, "Field \"%.*s\" is not understood.", SLICE_ARG(key));
        }
    if (schema < INT32_MIN || schema > INT32_MAX || !hist_check(&h, (int32_t)schema, e))
        return schema < INT32_MIN || schema > INT32_MAX ? type_bad_input(e, "histogram", text)
                                                        : false;
    Buf bytes;
    buf_init(&bytes);
    hist_write(&bytes, &h);
    *out = value_str(arena_slice(a, buf_slice(&bytes)));
    buf_free(&bytes);
    return true;
}
