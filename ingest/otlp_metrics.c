/* ingest/otlp_metrics.c - metrics of OTLP as series of Prometheus: gauges, sums, histograms, summaries.
 *
 * A histogram with bounds becomes _bucket, _count and _sum; an exponential one a native histogram.  The resource
 * gives job and instance; its other attributes are the series target_info.  Only cumulative sums and histograms
 * are taken: a delta stored as it is would make rate() wrong. */
#include "ingest/otlp_private.h"
#include "storage/histogram.h"
#include <math.h>

#define STALE_BITS     UINT64_C(0x7ff0000000000002)
#define ZERO_THRESHOLD 1e-128 /* Prometheus' own, where the sender tells none */
enum { CUMULATIVE = 2, NO_RECORDED_VALUE = 1 };

typedef struct Walk { /* one resource */
    IngJob *j;
    Arena arena;
    Slice job, instance;
    const json_t *metric;
    Slice name;
    Metadata about;
    /* of the point */
    Slice keys[ING_TAGS_MAX], values[ING_TAGS_MAX]; /* by key */
    size_t count;
    int64_t ns, newest_ns;
    bool stale;
    Labels labels;
    Buf raw;
} Walk;

/* ---- labels ---- */
/* Sorted in; two attributes that become one label are joined, as Prometheus does. */
static bool label_put(Walk *w, Slice key, Slice value, Err *e)
{
    size_t at = w->count;
    while (at > 0 && slice_cmp(w->keys[at - 1], key) > 0)
        at--;
    if (at > 0 && slice_eq(w->keys[at - 1], key)) {
        w->values[at - 1] =
            arena_printf(&w->arena, "%.*s;%.*s", SLICE_ARG(w->values[at - 1]), SLICE_ARG(value));
        return true;
    }
    if (w->count + 2 >= ING_TAGS_MAX) /* the name and le come as well */
        return err_set(e, ERR_LIMIT_EXCEEDED, "more than %d attributes", ING_TAGS_MAX - 2);
    memmove(w->keys + at + 1, w->keys + at, (w->count - at) * sizeof *w->keys);
    memmove(w->values + at + 1, w->values + at, (w->count - at) * sizeof *w->values);
    w->keys[at] = key;
    w->values[at] = value;
    w->count++;
    return true;
}

static bool put_attributes(Walk *w, const json_t *attributes, Err *e)
{
    size_t i;
    json_t *kv;
    json_array_foreach(attributes, i, kv)
    {
        Slice key = otlp_text(kv, "key");
        Slice value = otlp_any_text(&w->arena, json_object_get(kv, "value"));
        if (key.len && value.len && !label_put(w, otlp_label_name(&w->arena, key), value, e))
            return false;
    }
    return true;
}

static void add(Labels *l, Slice key, Slice value)
{
    l->keys[l->count] = key;
    l->values[l->count++] = value;
}

/* The labels of a series of the point: its name, one label more (or none) and the attributes, sorted. */
static void make_labels(Walk *w, Slice name, Slice extra, Slice value)
{
    Labels *l = &w->labels;
    const Slice more[] = {SLICE_LIT("__name__"), extra}, texts[] = {name, value};
    size_t given[] = {0, extra.len ? 0 : 1};
    l->count = 0;
    l->name = name;
    for (size_t i = 0; i <= w->count; i++) {
        for (size_t k = 0; k < 2; k++)
            if (!given[k] && (i == w->count || slice_cmp(more[k], w->keys[i]) <= 0)) {
                add(l, more[k], texts[k]);
                given[k] = 1;
            }
        if (i < w->count && !slice_eq(w->keys[i], more[0]) &&
            !(extra.len && slice_eq(w->keys[i], extra)))
            add(l, w->keys[i], w->values[i]);
    }
    remote_raw(l, &w->raw);
}

static bool put_series(Walk *w, const char *suffix, Slice extra, Slice extra_value, double v,
                       Err *e)
{
    IngTable *t;
    SeriesId id;
    uint64_t bits = STALE_BITS;
    Slice name = arena_printf(&w->arena, "%.*s%s", SLICE_ARG(w->name), suffix);
    make_labels(w, name, extra, extra_value);
    if (!w->stale)
        memcpy(&bits, &v, sizeof bits);
    return remote_series(w->j, &w->labels, &t, &id, e) &&
           remote_sample(w->j, t, id, bits, w->ns, e);
}

/* ---- exemplars: of the series whose labels were made last ---- */
static void put_exemplar(Walk *w, const json_t *x)
{
    Slice keys[REMOTE_EXEMPLAR_LABELS_MAX], values[REMOTE_EXEMPLAR_LABELS_MAX];
    Exemplar out = {.keys = keys, .values = values};
    Err ignored;
    size_t i;
    json_t *kv;
    const Slice ids[] = {otlp_text(x, "traceId"), otlp_text(x, "spanId")};
    const Slice names[] = {SLICE_LIT("trace_id"), SLICE_LIT("span_id")};
    for (i = 0; i < ARRAY_LEN(ids); i++)
        if (ids[i].len) {
            keys[out.count] = names[i];
            values[out.count++] = ids[i];
        }
    json_array_foreach(json_object_get(x, "filteredAttributes"), i, kv)
    {
        if (out.count == REMOTE_EXEMPLAR_LABELS_MAX)
            break;
        keys[out.count] = otlp_text(kv, "key");
        values[out.count++] = otlp_any_text(&w->arena, json_object_get(kv, "value"));
    }
    if (!otlp_i64(json_object_get(x, "timeUnixNano"), &out.ms) || out.ms == 0)
        out.ms = w->ns;
    if (otlp_f64(json_object_get(x, "asDouble"), &out.value) ||
        otlp_f64(json_object_get(x, "asInt"), &out.value))
        (void)!remote_exemplar(w->j, &w->labels, &out, &ignored);
}

/* Those in (low, high]. */
static void put_exemplars(Walk *w, const json_t *point, double low, double high)
{
    size_t i;
    json_t *x;
    json_array_foreach(json_object_get(point, "exemplars"), i, x)
    {
        double v = 0;
        if (!otlp_f64(json_object_get(x, "asDouble"), &v))
            (void)!otlp_f64(json_object_get(x, "asInt"), &v);
        if (v > low && v <= high)
            put_exemplar(w, x);
    }
}

/* ---- points ---- */
static bool begin_point(Walk *w, const json_t *point, Err *e)
{
    int64_t flags = 0;
    w->count = 0;
    w->ns = 0;
    if (json_object_get(point, "timeUnixNano") &&
        (!otlp_i64(json_object_get(point, "timeUnixNano"), &w->ns) || w->ns < 0))
        return err_set(e, ERR_DATETIME_RANGE, "timeUnixNano is out of range");
    if (w->ns == 0)
        w->ns = w->j->c.now_ns;
    w->newest_ns = w->ns > w->newest_ns ? w->ns : w->newest_ns;
    (void)!otlp_i64(json_object_get(point, "flags"), &flags);
    w->stale = flags & NO_RECORDED_VALUE;
    return put_attributes(w, json_object_get(point, "attributes"), e) &&
           (!w->job.len || label_put(w, SLICE_LIT("job"), w->job, e)) &&
           (!w->instance.len || label_put(w, SLICE_LIT("instance"), w->instance, e));
}

static bool number_point(Walk *w, const json_t *point, Err *e)
{
    double v = 0;
    int64_t n;
    const json_t *as_int = json_object_get(point, "asInt");
    if (as_int && otlp_i64(as_int, &n))
        v = (double)n;
    else if (!otlp_f64(json_object_get(point, "asDouble"), &v) && !w->stale)
        return err_set(e, ERR_INVALID_TEXT, "a data point has neither asDouble nor asInt");
    if (!put_series(w, "", SLICE_LIT(""), SLICE_LIT(""), v, e))
        return false;
    put_exemplars(w, point, -INFINITY, INFINITY);
    return true;
}

static Slice number_text(Walk *w, double v)
{
    Buf b = {0};
    buf_put_f64(&b, v);
    Slice out = arena_slice(&w->arena, buf_slice(&b));
    buf_free(&b);
    return out;
}

static bool count_and_sum(Walk *w, const json_t *point, Err *e)
{
    int64_t count = 0;
    double sum;
    if (!otlp_i64(json_object_get(point, "count"), &count) && json_object_get(point, "count"))
        return err_set(e, ERR_INVALID_TEXT, "count is no number");
    if (!put_series(w, "_count", SLICE_LIT(""), SLICE_LIT(""), (double)count, e))
        return false;
    return !otlp_f64(json_object_get(point, "sum"), &sum) ||
           put_series(w, "_sum", SLICE_LIT(""), SLICE_LIT(""), sum, e);
}

static bool histogram_point(Walk *w, const json_t *point, Err *e)
{
    const json_t *bounds = json_object_get(point, "explicitBounds"),
                 *counts = json_object_get(point, "bucketCounts");
    size_t n = json_array_size(bounds);
    if (json_array_size(counts) && json_array_size(counts) != n + 1)
        return err_set(e, ERR_INVALID_TEXT, "%zu bounds need %zu bucket counts, not %zu", n, n + 1,
                       json_array_size(counts));
    if (!count_and_sum(w, point, e))
        return false;
    double total = 0, low = -INFINITY;
    if (json_array_size(counts) == 0) { /* all are in the one bucket that there always is */
        (void)!otlp_f64(json_object_get(point, "count"), &total);
        bool ok = put_series(w, "_bucket", SLICE_LIT("le"), SLICE_LIT("+Inf"), total, e);
        if (ok)
            put_exemplars(w, point, -INFINITY, INFINITY);
        return ok;
    }
    for (size_t i = 0; i < json_array_size(counts); i++) {
        int64_t count;
        double bound = INFINITY;
        if (!otlp_i64(json_array_get(counts, i), &count) ||
            (i < n && !otlp_f64(json_array_get(bounds, i), &bound)))
            return err_set(e, ERR_INVALID_TEXT, "bounds and bucket counts must be numbers");
        total += (double)count;
        if (!put_series(w, "_bucket", SLICE_LIT("le"), number_text(w, bound), total, e))
            return false;
        put_exemplars(w, point, low, bound);
        low = bound;
    }
    return true;
}

static bool read_buckets(Walk *w, HistSide *out, const json_t *side, Err *e)
{
    const json_t *counts = json_object_get(side, "bucketCounts");
    size_t n = json_array_size(counts);
    int64_t offset = 0, count;
    (void)!otlp_i64(json_object_get(side, "offset"), &offset);
    if (n > HIST_BUCKETS_MAX || offset < INT32_MIN / 2 || offset > INT32_MAX / 2)
        return err_set(e, ERR_INVALID_TEXT, "buckets of an exponential histogram are out of range");
    double *values = ARENA_ARRAY(&w->arena, double, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (!otlp_i64(json_array_get(counts, i), &count))
            return err_set(e, ERR_INVALID_TEXT, "bucket counts must be numbers");
        values[i] = (double)count;
    }
    /* OTLP's bucket i begins where Prometheus' bucket i ends. */
    HistSpan span = {(int32_t)offset + 1, (uint32_t)n};
    return hist_from_spans(out, &span, n ? 1 : 0, values, n, &w->arena, e);
}

static bool exponential_point(Walk *w, const json_t *point, Err *e)
{
    Histogram h = {.integer = true, .zero_threshold = ZERO_THRESHOLD};
    int64_t scale = 0, count = 0, zero = 0;
    uint64_t stale = STALE_BITS;
    double threshold;
    IngTable *t;
    SeriesId id;
    (void)!otlp_i64(json_object_get(point, "scale"), &scale);
    (void)!otlp_i64(json_object_get(point, "count"), &count);
    (void)!otlp_i64(json_object_get(point, "zeroCount"), &zero);
    (void)!otlp_f64(json_object_get(point, "sum"), &h.sum);
    if (otlp_f64(json_object_get(point, "zeroThreshold"), &threshold) && threshold > 0)
        h.zero_threshold = threshold;
    h.count = (double)count;
    h.zero = (double)zero;
    if (scale < HIST_SCHEMA_MIN || scale > HIST_SCHEMA_WIRE_MAX)
        return err_set(e, ERR_INVALID_TEXT, "scale %lld is not in %d..%d", (long long)scale,
                       HIST_SCHEMA_MIN, HIST_SCHEMA_WIRE_MAX);
    if (!read_buckets(w, &h.positive, json_object_get(point, "positive"), e) ||
        !read_buckets(w, &h.negative, json_object_get(point, "negative"), e) ||
        !hist_check(&h, (int32_t)scale, e))
        return false;
    if (w->stale)
        memcpy(&h.sum, &stale, sizeof stale);
    make_labels(w, w->name, SLICE_LIT(""), SLICE_LIT(""));
    if (!remote_series(w->j, &w->labels, &t, &id, e) || !ing_histogram(w->j, t, id, w->ns, &h, e))
        return false;
    w->j->written.histograms++;
    put_exemplars(w, point, -INFINITY, INFINITY);
    return true;
}

static bool summary_point(Walk *w, const json_t *point, Err *e)
{
    size_t i;
    json_t *q;
    if (!count_and_sum(w, point, e))
        return false;
    json_array_foreach(json_object_get(point, "quantileValues"), i, q)
    {
        double at = 0, v = 0;
        (void)!otlp_f64(json_object_get(q, "quantile"), &at);
        (void)!otlp_f64(json_object_get(q, "value"), &v);
        if (!put_series(w, "", SLICE_LIT("quantile"), number_text(w, at), v, e))
            return false;
    }
    return true;
}

/* ---- metrics ---- */
typedef struct MetricKind {
    const char *key;
    unsigned type; /* of remote write */
    bool has_temporality;
    bool (*point)(Walk *w, const json_t *point, Err *e);
} MetricKind;

static const MetricKind kinds[] = {{"gauge", 2, false, number_point},
                                   {"sum", 1, true, number_point},
                                   {"histogram", 3, true, histogram_point},
                                   {"exponentialHistogram", 3, true, exponential_point},
                                   {"summary", 5, false, summary_point}};

static bool is_cumulative(const json_t *data)
{
    int64_t n = 0;
    const json_t *v = json_object_get(data, "aggregationTemporality");
    return (otlp_i64(v, &n) && n == CUMULATIVE) ||
           (json_is_string(v) &&
            strcmp(json_string_value(v), "AGGREGATION_TEMPORALITY_CUMULATIVE") == 0);
}

static void refuse(Walk *w, const Err *e)
{
    ing_refuse(w->j, w->j->line++, otlp_text(w->metric, "name"), e);
}

static void one_metric(Walk *w, const MetricKind *k, const json_t *data)
{
    bool monotonic = json_is_true(json_object_get(data, "isMonotonic"));
    bool counter = k->type == 1 && monotonic,
         cumulative = !k->has_temporality || is_cumulative(data);
    const char *temporality =
        json_object_get(data, "aggregationTemporality") ? "delta" : "unspecified";
    Err e;
    size_t i;
    json_t *point;
    w->name = otlp_metric_name(&w->arena, otlp_text(w->metric, "name"),
                               otlp_text(w->metric, "unit"), counter, k->type == 2);
    json_array_foreach(json_object_get(data, "dataPoints"), i, point)
    {
        err_clear(&e);
        if (!cumulative)
            err_set(&e, ERR_FEATURE_NOT_SUPPORTED,
                    "metric \"%.*s\" is of %s temporality: only cumulative is taken",
                    SLICE_ARG(otlp_text(w->metric, "name")), temporality);
        if (!cumulative || !begin_point(w, point, &e) || !k->point(w, point, &e))
            refuse(w, &e);
    }
    Metadata m = {.metric = w->name,
                  .help = otlp_text(w->metric, "description"),
                  .unit = otlp_text(w->metric, "unit"),
                  .type = k->type == 1 && !monotonic ? 2 : k->type};
    if (cumulative && i > 0)
        (void)!remote_metadata(w->j, &m, &e);
}

static void one_scope(Walk *w, const json_t *scope)
{
    size_t i;
    json_t *metric;
    json_array_foreach(json_object_get(scope, "metrics"), i, metric)
    {
        w->metric = metric;
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            if (json_object_get(metric, kinds[k].key))
                one_metric(w, &kinds[k], json_object_get(metric, kinds[k].key));
    }
}

/* The attributes of the resource that are not in job and instance. */
static void target_info(Walk *w, const json_t *attributes)
{
    static const char *const own[] = {"service.name", "service.namespace", "service.instance.id"};
    size_t i, others = 0;
    json_t *kv;
    Err e;
    w->count = 0;
    w->stale = false;
    w->ns = w->newest_ns;
    w->name = SLICE_LIT("target_info");
    json_array_foreach(attributes, i, kv)
    {
        Slice key = otlp_text(kv, "key");
        Slice value = otlp_any_text(&w->arena, json_object_get(kv, "value"));
        bool mine = false;
        for (size_t k = 0; k < ARRAY_LEN(own); k++)
            mine |= slice_eq_cstr(key, own[k]);
        if (!mine && key.len && value.len) {
            others++;
            if (!label_put(w, otlp_label_name(&w->arena, key), value, &e))
                return;
        }
    }
    if (others == 0 || w->newest_ns == 0 || (!w->job.len && !w->instance.len))
        return;
    if ((w->job.len && !label_put(w, SLICE_LIT("job"), w->job, &e)) ||
        (w->instance.len && !label_put(w, SLICE_LIT("instance"), w->instance, &e)))
        return;
    (void)!put_series(w, "", SLICE_LIT(""), SLICE_LIT(""), 1, &e);
}

void otlp_metrics(IngJob *j, json_t *resource_metrics, OtlpPiece *p)
{
    Walk *w = MEM_NEW(Walk);
    size_t i;
    json_t *scope,
        *attributes = json_object_get(json_object_get(resource_metrics, "resource"), "attributes");
    w->j = j;
    w->newest_ns = p->newest_ns;
    arena_init(&w->arena, NULL);
    Slice space = otlp_any_text(&w->arena, otlp_attribute(attributes, "service.namespace"));
    Slice name = otlp_any_text(&w->arena, otlp_attribute(attributes, "service.name"));
    w->job = space.len && name.len
                 ? arena_printf(&w->arena, "%.*s/%.*s", SLICE_ARG(space), SLICE_ARG(name))
                 : name;
    w->instance = otlp_any_text(&w->arena, otlp_attribute(attributes, "service.instance.id"));
    json_array_foreach(json_object_get(resource_metrics, "scopeMetrics"), i, scope)
        one_scope(w, scope);
    p->newest_ns = w->newest_ns;
    if (p->last)
        target_info(w, attributes);
    buf_free(&w->raw);
    arena_free(&w->arena);
    mem_free(w);
}
