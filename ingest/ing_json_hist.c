/* ingest/ing_json_hist.c - see ing_json_hist.h. */
#include "ingest/ing_json_hist.h"
#include <math.h>

static bool number_of(const json_t *v, double *out)
{
    static const struct {
        const char *text;
        double v;
    } words[] = {{"NaN", NAN}, {"+Inf", INFINITY}, {"Inf", INFINITY}, {"-Inf", -INFINITY}};
    if (json_is_number(v)) {
        *out = json_number_value(v);
        return true;
    }
    for (size_t i = 0; json_is_string(v) && i < ARRAY_LEN(words); i++)
        if (strcmp(json_string_value(v), words[i].text) == 0) {
            *out = words[i].v;
            return true;
        }
    return false;
}

/* [[index, observations], ...], ascending. */
static bool side_of(Arena *a, const json_t *v, HistSide *out)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > HIST_BUCKETS_MAX)
        return false;
    out->items = ARENA_ARRAY(a, HistBucket, n + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(v, i), *index = json_array_get(pair, 0);
        json_int_t at = json_integer_value(index);
        if (json_array_size(pair) != 2 || !json_is_integer(index) || at < INT32_MIN / 2 ||
            at > INT32_MAX / 2 || (i && at <= out->items[i - 1].index))
            return false;
        out->items[i].index = (int32_t)at;
        if (!number_of(json_array_get(pair, 1), &out->items[i].n))
            return false;
    }
    out->count = (uint32_t)n;
    return true;
}

static bool bounds_of(Arena *a, const json_t *v, Histogram *h)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > HIST_BUCKETS_MAX)
        return false;
    double *bounds = ARENA_ARRAY(a, double, n + 1);
    for (size_t i = 0; i < n; i++)
        if (!number_of(json_array_get(v, i), &bounds[i]))
            return false;
    h->bounds = bounds;
    h->bound_count = (uint32_t)n;
    return true;
}

static bool hint_of(const json_t *v, Histogram *h)
{
    static const char *const hints[] = {"unknown", "reset", "not_reset", "gauge"};
    for (uint8_t i = 0; json_is_string(v) && i < ARRAY_LEN(hints); i++)
        if (strcmp(json_string_value(v), hints[i]) == 0) {
            h->hint = i;
            return true;
        }
    return false;
}

static bool member_of(Arena *a, const char *key, const json_t *v, Histogram *h, int64_t *schema)
{
    const struct {
        const char *key;
        double *number;
    } numbers[] = {{"count", &h->count},
                   {"sum", &h->sum},
                   {"zero_threshold", &h->zero_threshold},
                   {"zero_count", &h->zero}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (strcmp(key, numbers[i].key) == 0)
            return number_of(v, numbers[i].number);
    if (strcmp(key, "positive") == 0)
        return side_of(a, v, &h->positive);
    if (strcmp(key, "negative") == 0)
        return side_of(a, v, &h->negative);
    if (strcmp(key, "bounds") == 0)
        return bounds_of(a, v, h);
    if (strcmp(key, "hint") == 0)
        return hint_of(v, h);
    if (strcmp(key, "float") == 0) {
        h->integer = json_is_false(v);
        return json_is_boolean(v);
    }
    *schema = json_integer_value(v);
    return strcmp(key, "schema") == 0 && json_is_integer(v);
}

bool ing_json_histogram(Arena *a, const json_t *o, Histogram *out, Err *e)
{
    const char *key;
    json_t *v;
    int64_t schema = 0;
    *out = (Histogram){.integer = true};
    if (!json_is_object(o))
        return err_set(e, ERR_INVALID_TEXT, "a histogram must be an object");
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        if (!member_of(a, key, v, out, &schema))
            return err_set(e, ERR_INVALID_TEXT, "\"%s\" of a histogram is not understood", key);
    }
    if (schema < INT32_MIN || schema > INT32_MAX)
        return err_set(e, ERR_INVALID_TEXT, "schema of a histogram is out of range");
    return hist_check(out, (int32_t)schema, e);
}
