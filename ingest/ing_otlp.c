/* ingest/ing_otlp.c - OTLP over HTTP: JSON as one tree, protobuf piece by piece; one resource after the other. */
#include "ingest/otlp_private.h"
#include <ctype.h>
#include <math.h>

typedef struct State {
    json_t *tree, *resources; /* JSON */
    size_t next;
    OtlpStream stream; /* protobuf */
    OtlpPiece piece;
} State;

static void state_free(void *p)
{
    State *s = p;
    json_decref(s->tree);
    mem_free(s);
}

/* ---- values ---- */
bool otlp_i64(const json_t *v, int64_t *out)
{
    if (json_is_integer(v)) {
        *out = json_integer_value(v);
        return true;
    }
    double d = json_real_value(v); /* JSON of protobuf takes 1.0 and 1e3 for integers */
    if (json_is_real(v) && fabs(d) < 0x1p63 && d == trunc(d)) {
        *out = (int64_t)d;
        return true;
    }
    return json_is_string(v) &&
           slice_to_i64(slice_of(json_string_value(v), json_string_length(v)), out);
}

bool otlp_f64(const json_t *v, double *out)
{
    if (json_is_number(v)) {
        *out = json_number_value(v);
        return true;
    }
    if (!json_is_string(v))
        return false;
    const char *text = json_string_value(v);
    if (strcmp(text, "NaN") == 0)
        *out = NAN;
    else if (strcmp(text, "Infinity") == 0)
        *out = INFINITY;
    else if (strcmp(text, "-Infinity") == 0)
        *out = -INFINITY;
    else
        return slice_to_f64(slice_cstr(text), out);
    return true;
}

Slice otlp_text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_string(v) ? slice_of(json_string_value(v), json_string_length(v))
                             : SLICE_LIT("");
}

json_t *otlp_attribute(json_t *attributes, const char *key)
{
    size_t i;
    json_t *kv;
    json_array_foreach(attributes, i, kv)
    {
        if (slice_eq_cstr(otlp_text(kv, "key"), key))
            return json_object_get(kv, "value");
    }
    return NULL;
}

/* An AnyValue as plain JSON. */
static json_t *plain(const json_t *any, int depth);

static json_t *plain_pairs(const json_t *pairs, int depth)
{
    json_t *object = json_object();
    size_t i;
    json_t *kv;
    json_array_foreach(pairs, i, kv)
    {
        Slice key = otlp_text(kv, "key");
        if (key.len && !memchr(key.ptr, 0, key.len))
            json_object_set_new(object, key.ptr, plain(json_object_get(kv, "value"), depth - 1));
    }
    return object;
}

static json_t *plain(const json_t *any, int depth)
{
    static const char *const scalars[] = {"stringValue", "boolValue", "doubleValue", "bytesValue"};
    int64_t n;
    if (depth <= 0)
        return json_null();
    for (size_t i = 0; i < ARRAY_LEN(scalars); i++)
        if (json_object_get(any, scalars[i]))
            return json_incref(json_object_get(any, scalars[i]));
    if (otlp_i64(json_object_get(any, "intValue"), &n))
        return json_integer(n);
    json_t *pairs = json_object_get(json_object_get(any, "kvlistValue"), "values");
    if (pairs)
        return plain_pairs(pairs, depth);
    json_t *values = json_object_get(json_object_get(any, "arrayValue"), "values");
    if (!values)
        return json_null();
    json_t *array = json_array(), *v;
    size_t i;
    json_array_foreach(values, i, v) json_array_append_new(array, plain(v, depth - 1));
    return array;
}

static Slice dump(Arena *a, json_t *take)
{
    Slice out = SLICE_LIT("");
    size_t n = json_dumpb(take, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    if (n) {
        char *text = arena_alloc(a, n);
        json_dumpb(take, text, n, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
        out = slice_of(text, n);
    }
    json_decref(take);
    return out;
}

Slice otlp_any_text(Arena *a, const json_t *any)
{
    double d;
    const json_t *real = json_object_get(any, "doubleValue");
    if (json_object_get(any, "stringValue"))
        return otlp_text(any, "stringValue");
    if (json_object_get(any, "bytesValue"))
        return otlp_text(any, "bytesValue");
    if (real && otlp_f64(real, &d)) {
        Buf b = {0};
        buf_put_f64(&b, d);
        Slice out = arena_slice(a, buf_slice(&b));
        buf_free(&b);
        return out;
    }
    json_t *v = plain(any, OTLP_DEPTH_MAX);
    if (json_is_null(v)) {
        json_decref(v);
        return SLICE_LIT("");
    }
    return dump(a, v);
}

Slice otlp_attributes_json(Arena *a, const json_t *attributes)
{
    return dump(a, plain_pairs(attributes, OTLP_DEPTH_MAX));
}

/* "SPAN_KIND_SERVER" among "server", ... after the prefix; names are allowed for numbers in protobuf's JSON. */
int64_t otlp_enum(const json_t *v, const char *prefix, const char *const *names, size_t n)
{
    int64_t number;
    size_t skip = strlen(prefix);
    if (otlp_i64(v, &number))
        return number;
    if (!json_is_string(v) || strncmp(json_string_value(v), prefix, skip) != 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (slice_eq_nocase(slice_cstr(json_string_value(v) + skip), slice_cstr(names[i])))
            return (int64_t)i;
    return 0;
}

/* Hexadecimal ids are told in any case; the tree has small letters, as protobuf gives them. */
static void lower_id(json_t *id)
{
    size_t n = json_string_length(id);
    char *text = mem_alloc(n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)tolower((unsigned char)json_string_value(id)[i]);
    json_string_setn(id, text, n);
    mem_free(text);
}

/* As deep as jansson reads. */
static void lower_ids(json_t *v)
{
    static const char *const ids[] = {"traceId", "spanId", "parentSpanId"};
    const char *key;
    json_t *member;
    size_t i;
    for (i = 0; i < ARRAY_LEN(ids) && json_is_object(v); i++)
        if (json_is_string(json_object_get(v, ids[i])))
            lower_id(json_object_get(v, ids[i]));
    json_object_foreach(v, key, member) lower_ids(member);
    json_array_foreach(v, i, member) lower_ids(member);
}

/* ---- steps ---- */
static const struct {
    const char *resources;
    void (*take)(IngJob *j, json_t *resource, OtlpPiece *p);
} signals[] = {[OTLP_METRICS] = {"resourceMetrics", otlp_metrics},
               [OTLP_LOGS] = {"resourceLogs", otlp_logs},
               [OTLP_TRACES] = {"resourceSpans", otlp_traces}};

static bool read_json(State *s, OtlpSignal signal, Slice body, Err *e)
{
    json_error_t je;
    if (body.len > OTLP_JSON_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT,
                       "OTLP body in JSON is larger than %d bytes; protobuf may be", OTLP_JSON_MAX);
    s->tree = json_loadb(body.ptr ? body.ptr : "", body.len, 0, &je);
    if (!s->tree)
        return err_set(e, ERR_INVALID_TEXT, "invalid JSON: %s", je.text);
    s->resources = json_object_get(s->tree, signals[signal].resources);
    if (!json_is_object(s->tree) ||
        (s->resources && !json_is_array(s->resources) && !json_is_null(s->resources)))
        return err_set(e, ERR_INVALID_TEXT, "body is no object with an array \"%s\"",
                       signals[signal].resources);
    lower_ids(s->resources);
    return true;
}

static void json_step(IngJob *j, State *s, OtlpSignal signal, bool *done)
{
    s->piece = (OtlpPiece){.last = true};
    if (s->next < json_array_size(s->resources))
        signals[signal].take(j, json_array_get(s->resources, s->next++), &s->piece);
    *done = s->next >= json_array_size(s->resources);
}

static bool otlp_step(IngJob *j, OtlpSignal signal, bool *done, Err *e)
{
    State *s = j->state;
    bool json = j->format->reply == REPLY_OTLP_JSON;
    if (!s) {
        s = j->state = MEM_NEW(State);
        j->state_free = state_free;
        j->c.precision = ING_NS;
        if (json)
            return read_json(s, signal, j->body, e);
        otlp_stream_init(&s->stream, signal, j->body);
    }
    if (json) {
        json_step(j, s, signal, done);
        return true;
    }
    json_t *piece = otlp_stream_next(&s->stream, &s->piece, done, e);
    if (piece)
        signals[signal].take(j, piece, &s->piece);
    bool ok = piece || *done;
    json_decref(piece);
    return ok;
}

bool ing_otlp_metrics_step(IngJob *j, bool *done, Err *e)
{
    return otlp_step(j, OTLP_METRICS, done, e);
}

bool ing_otlp_logs_step(IngJob *j, bool *done, Err *e)
{
    return otlp_step(j, OTLP_LOGS, done, e);
}

bool ing_otlp_traces_step(IngJob *j, bool *done, Err *e)
{
    return otlp_step(j, OTLP_TRACES, done, e);
}
