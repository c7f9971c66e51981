/* ingest/otlp_message.c - OTLP messages in protobuf to the tree of their JSON form, by a table of their fields.
 * Source: opentelemetry-proto 1.x (collector, metrics, logs, trace, common, resource). */
#include "ingest/otlp_private.h"
#include "ingest/protobuf.h"
#include <math.h>

typedef enum Kind {
    K_END,
    K_MESSAGE,
    K_STRING,
    K_BYTES,
    K_DOUBLE,
    K_FIXED,
    K_INT,
    K_SINT,
    K_BOOL
} Kind;

typedef struct Shape {
    Kind kind;
    bool repeated;
    uint32_t number;
    const char *name;
    const struct Shape *sub;
} Shape;

#define END                                                                                        \
    {                                                                                              \
        K_END, false, 0, NULL, NULL                                                                \
    }
#define ONE(kind, number, name)                                                                    \
    {                                                                                              \
        kind, false, number, name, NULL                                                            \
    }
#define ALL(kind, number, name)                                                                    \
    {                                                                                              \
        kind, true, number, name, NULL                                                             \
    }
#define SUB(number, name, sub)                                                                     \
    {                                                                                              \
        K_MESSAGE, false, number, name, sub                                                        \
    }
#define SUBS(number, name, sub)                                                                    \
    {                                                                                              \
        K_MESSAGE, true, number, name, sub                                                         \
    }

static const Shape any_value[];
static const Shape key_value[] = {ONE(K_STRING, 1, "key"), SUB(2, "value", any_value), END};
static const Shape array_value[] = {SUBS(1, "values", any_value), END};
static const Shape kvlist_value[] = {SUBS(1, "values", key_value), END};
static const Shape any_value[] = {
    ONE(K_STRING, 1, "stringValue"),   ONE(K_BOOL, 2, "boolValue"),
    ONE(K_INT, 3, "intValue"),         ONE(K_DOUBLE, 4, "doubleValue"),
    SUB(5, "arrayValue", array_value), SUB(6, "kvlistValue", kvlist_value),
    ONE(K_BYTES, 7, "bytesValue"),     END};
static const Shape resource[] = {SUBS(1, "attributes", key_value), END};
static const Shape scope[] = {ONE(K_STRING, 1, "name"), ONE(K_STRING, 2, "version"),
                              SUBS(3, "attributes", key_value), END};

static const Shape exemplar[] = {ONE(K_FIXED, 2, "timeUnixNano"),
                                 ONE(K_DOUBLE, 3, "asDouble"),
                                 ONE(K_BYTES, 4, "spanId"),
                                 ONE(K_BYTES, 5, "traceId"),
                                 ONE(K_FIXED, 6, "asInt"),
                                 SUBS(7, "filteredAttributes", key_value),
                                 END};
#define POINT ONE(K_FIXED, 2, "startTimeUnixNano"), ONE(K_FIXED, 3, "timeUnixNano")
static const Shape number_point[] = {POINT,
                                     ONE(K_DOUBLE, 4, "asDouble"),
                                     SUBS(5, "exemplars", exemplar),
                                     ONE(K_FIXED, 6, "asInt"),
                                     SUBS(7, "attributes", key_value),
                                     ONE(K_INT, 8, "flags"),
                                     END};
static const Shape histogram_point[] = {POINT,
                                        ONE(K_FIXED, 4, "count"),
                                        ONE(K_DOUBLE, 5, "sum"),
                                        ALL(K_FIXED, 6, "bucketCounts"),
                                        ALL(K_DOUBLE, 7, "explicitBounds"),
                                        SUBS(8, "exemplars", exemplar),
                                        SUBS(9, "attributes", key_value),
                                        ONE(K_INT, 10, "flags"),
                                        END};
static const Shape buckets[] = {ONE(K_SINT, 1, "offset"), ALL(K_INT, 2, "bucketCounts"), END};
static const Shape exponential_point[] = {SUBS(1, "attributes", key_value),
                                          POINT,
                                          ONE(K_FIXED, 4, "count"),
                                          ONE(K_DOUBLE, 5, "sum"),
                                          ONE(K_SINT, 6, "scale"),
                                          ONE(K_FIXED, 7, "zeroCount"),
                                          SUB(8, "positive", buckets),
                                          SUB(9, "negative", buckets),
                                          ONE(K_INT, 10, "flags"),
                                          SUBS(11, "exemplars", exemplar),
                                          ONE(K_DOUBLE, 14, "zeroThreshold"),
                                          END};
static const Shape quantile[] = {ONE(K_DOUBLE, 1, "quantile"), ONE(K_DOUBLE, 2, "value"), END};
static const Shape summary_point[] = {POINT,
                                      ONE(K_FIXED, 4, "count"),
                                      ONE(K_DOUBLE, 5, "sum"),
                                      SUBS(6, "quantileValues", quantile),
                                      SUBS(7, "attributes", key_value),
                                      ONE(K_INT, 8, "flags"),
                                      END};
static const Shape gauge[] = {SUBS(1, "dataPoints", number_point), END};
static const Shape sum[] = {SUBS(1, "dataPoints", number_point),
                            ONE(K_INT, 2, "aggregationTemporality"), ONE(K_BOOL, 3, "isMonotonic"),
                            END};
static const Shape histogram[] = {SUBS(1, "dataPoints", histogram_point),
                                  ONE(K_INT, 2, "aggregationTemporality"), END};
static const Shape exponential[] = {SUBS(1, "dataPoints", exponential_point),
                                    ONE(K_INT, 2, "aggregationTemporality"), END};
static const Shape summary[] = {SUBS(1, "dataPoints", summary_point), END};
static const Shape metric[] = {ONE(K_STRING, 1, "name"),
                               ONE(K_STRING, 2, "description"),
                               ONE(K_STRING, 3, "unit"),
                               SUB(5, "gauge", gauge),
                               SUB(7, "sum", sum),
                               SUB(9, "histogram", histogram),
                               SUB(10, "exponentialHistogram", exponential),
                               SUB(11, "summary", summary),
                               END};
static const Shape scope_metrics[] = {SUB(1, "scope", scope), SUBS(2, "metrics", metric), END};
static const Shape resource_metrics[] = {SUB(1, "resource", resource),
                                         SUBS(2, "scopeMetrics", scope_metrics), END};

static const Shape log_record[] = {
    ONE(K_FIXED, 1, "timeUnixNano"),  ONE(K_INT, 2, "severityNumber"),
    ONE(K_STRING, 3, "severityText"), SUB(5, "body", any_value),
    SUBS(6, "attributes", key_value), ONE(K_BYTES, 9, "traceId"),
    ONE(K_BYTES, 10, "spanId"),       ONE(K_FIXED, 11, "observedTimeUnixNano"),
    ONE(K_STRING, 12, "eventName"),   END};
static const Shape scope_logs[] = {SUB(1, "scope", scope), SUBS(2, "logRecords", log_record), END};
static const Shape resource_logs[] = {SUB(1, "resource", resource),
                                      SUBS(2, "scopeLogs", scope_logs), END};

static const Shape event[] = {ONE(K_FIXED, 1, "timeUnixNano"), ONE(K_STRING, 2, "name"),
                              SUBS(3, "attributes", key_value), END};
static const Shape span_link[] = {ONE(K_BYTES, 1, "traceId"), ONE(K_BYTES, 2, "spanId"),
                                  ONE(K_STRING, 3, "traceState"), SUBS(4, "attributes", key_value),
                                  END};
static const Shape status[] = {ONE(K_STRING, 2, "message"), ONE(K_INT, 3, "code"), END};
static const Shape span[] = {ONE(K_BYTES, 1, "traceId"),
                             ONE(K_BYTES, 2, "spanId"),
                             ONE(K_STRING, 3, "traceState"),
                             ONE(K_BYTES, 4, "parentSpanId"),
                             ONE(K_STRING, 5, "name"),
                             ONE(K_INT, 6, "kind"),
                             ONE(K_FIXED, 7, "startTimeUnixNano"),
                             ONE(K_FIXED, 8, "endTimeUnixNano"),
                             SUBS(9, "attributes", key_value),
                             SUBS(11, "events", event),
                             SUBS(13, "links", span_link),
                             SUB(15, "status", status),
                             END};
static const Shape scope_spans[] = {SUB(1, "scope", scope), SUBS(2, "spans", span), END};
static const Shape resource_spans[] = {SUB(1, "resource", resource),
                                       SUBS(2, "scopeSpans", scope_spans), END};

static const Shape *const resources[] = {
    [OTLP_METRICS] = resource_metrics,
    [OTLP_LOGS] = resource_logs,
    [OTLP_TRACES] = resource_spans,
};

static json_t *read_message(const Shape *shape, Slice bytes, int depth);

static json_t *read_hex(Slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = mem_alloc(bytes.len * 2 + 1);
    for (size_t i = 0; i < bytes.len; i++) {
        text[i * 2] = digits[(uint8_t)bytes.ptr[i] >> 4];
        text[i * 2 + 1] = digits[(uint8_t)bytes.ptr[i] & 15];
    }
    json_t *v = json_stringn(text, bytes.len * 2);
    mem_free(text);
    return v;
}

static json_t *read_double(uint64_t bits)
{
    double v = pb_double(bits);
    if (isfinite(v))
        return json_real(v);
    return json_string(isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
}

/* A number by its bits or varint. */
static json_t *read_number(Kind kind, uint64_t v)
{
    switch (kind) {
    case K_DOUBLE:
        return read_double(v);
    case K_SINT:
        return json_integer(zigzag_decode(v));
    case K_BOOL:
        return json_boolean(v != 0);
    default:
        return json_integer((json_int_t)v);
    }
}

/* Packed numbers, of a repeated field. */
static bool read_packed(json_t *array, Kind kind, Slice bytes)
{
    Reader r = reader_of(bytes);
    while (reader_left(&r) > 0 && !r.bad) {
        uint64_t v = kind == K_DOUBLE || kind == K_FIXED ? reader_u64(&r) : reader_varint(&r);
        if (json_array_append_new(array, read_number(kind, v)) != 0)
            return false;
    }
    return !r.bad;
}

static json_t *read_value(const Shape *s, const PbField *f, int depth)
{
    bool bytes = s->kind == K_MESSAGE || s->kind == K_STRING || s->kind == K_BYTES;
    if (bytes != (f->wire == WIRE_BYTES))
        return NULL;
    if (s->kind == K_MESSAGE)
        return read_message(s->sub, f->bytes, depth - 1);
    if (s->kind == K_STRING)
        return json_stringn(f->bytes.len ? f->bytes.ptr : "", f->bytes.len);
    return s->kind == K_BYTES ? read_hex(f->bytes) : read_number(s->kind, f->value);
}

static bool read_field(json_t *object, const Shape *s, const PbField *f, int depth)
{
    if (!s->repeated)
        return json_object_set_new(object, s->name, read_value(s, f, depth)) == 0;
    json_t *array = json_object_get(object, s->name);
    if (!array) {
        array = json_array();
        json_object_set_new(object, s->name, array);
    }
    bool numbers = s->kind == K_DOUBLE || s->kind == K_FIXED || s->kind == K_INT;
    if (numbers && f->wire == WIRE_BYTES)
        return read_packed(array, s->kind, f->bytes);
    return json_array_append_new(array, read_value(s, f, depth)) == 0;
}

static json_t *read_message(const Shape *shape, Slice bytes, int depth)
{
    Reader r = reader_of(bytes);
    PbField f;
    json_t *object = json_object();
    bool ok = depth > 0;
    while (ok && pb_next(&r, &f)) {
        const Shape *s = shape;
        while (s->kind != K_END && s->number != f.number)
            s++;
        if (s->kind != K_END)
            ok = read_field(object, s, &f, depth);
    }
    if (ok && !r.bad)
        return object;
    json_decref(object);
    return NULL;
}

json_t *otlp_read_resource(OtlpSignal signal, Slice bytes, Err *e)
{
    json_t *tree = read_message(resources[signal], bytes, OTLP_DEPTH_MAX);
    if (!tree)
        err_set(e, ERR_INVALID_TEXT, "body is no valid OTLP message");
    return tree;
}
