/* ingest/otlp_rows.c - logs and spans of OTLP as rows of the typed tables otel_logs and otel_spans.
 *
 * service and scope are tags, everything else is a field.  The tables keep every row: two records of one
 * nanosecond are two records. */
#include "ingest/otlp_private.h"

typedef struct Row {
    IngJob *j;
    Arena arena;
    IngTable *table;
    Slice resource; /* its attributes as JSON */
    SeriesId series;
    size_t fields;
} Row;

static bool begin_rows(Row *r, const char *table, const json_t *resource, const json_t *scope,
                       Err *e)
{
    const json_t *attributes = json_object_get(resource, "attributes");
    const char *const names[] = {"service_namespace", "service_name", "scope"};
    const Slice values[] = {
        otlp_any_text(&r->arena,
                      otlp_attribute((json_t *)(uintptr_t)attributes, "service.namespace")),
        otlp_any_text(&r->arena, otlp_attribute((json_t *)(uintptr_t)attributes, "service.name")),
        otlp_text(scope, "name")};
    size_t n = 0;
    r->table = ing_table_keep(r->j, slice_cstr(table), e);
    r->resource = otlp_attributes_json(&r->arena, attributes);
    for (size_t i = 0; r->table && i < ARRAY_LEN(names); i++) {
        const ColumnDef *as_field;
        if (values[i].len == 0)
            continue;
        if (!ing_tag(r->j, r->table, slice_cstr(names[i]), &r->j->tags[n].column, &as_field, e))
            return false;
        if (as_field)
            return err_set(e, ERR_WRONG_OBJECT, "\"%s\" is a plain column of \"%s\"", names[i],
                           table);
        r->j->tags[n++].value = values[i];
    }
    return r->table && ing_series(r->j, r->table, n, NULL, &r->series, e);
}

static bool put(Row *r, const char *name, const IngValue *v, Err *e)
{
    IngField *f;
    return ing_field(r->j, r->table, r->fields++, slice_cstr(name), v->kind, &f, e) &&
           ing_put(r->j, r->table, f, v, e);
}

/* An empty text is left out. */
static bool put_text(Row *r, const char *name, Slice text, Err *e)
{
    IngValue v = {.kind = ING_STRING, .u.str = text};
    return text.len == 0 || put(r, name, &v, e);
}

static bool put_severity(Row *r, const json_t *value, Err *e)
{
    static const char *const names[] = {"unspecified", "trace",  "trace2", "trace3", "trace4",
                                        "debug",       "debug2", "debug3", "debug4", "info",
                                        "info2",       "info3",  "info4",  "warn",   "warn2",
                                        "warn3",       "warn4",  "error",  "error2", "error3",
                                        "error4",      "fatal",  "fatal2", "fatal3", "fatal4"};
    IngValue v = {.kind = ING_INT};
    v.u.i64 = otlp_enum(value, "SEVERITY_NUMBER_", names, ARRAY_LEN(names));
    return !value || put(r, "severity_number", &v, e);
}

static bool put_json(Row *r, const char *name, const json_t *attributes, Err *e)
{
    return json_array_size(attributes) == 0 ||
           put_text(r, name, otlp_attributes_json(&r->arena, attributes), e);
}

static bool log_fields(Row *r, const json_t *o, Err *e)
{
    return put_severity(r, json_object_get(o, "severityNumber"), e) &&
           put_text(r, "severity_text", otlp_text(o, "severityText"), e) &&
           put_text(r, "body", otlp_any_text(&r->arena, json_object_get(o, "body")), e) &&
           put_text(r, "event_name", otlp_text(o, "eventName"), e) &&
           put_text(r, "trace_id", otlp_text(o, "traceId"), e) &&
           put_text(r, "span_id", otlp_text(o, "spanId"), e) &&
           put_json(r, "attributes", json_object_get(o, "attributes"), e) &&
           put_text(r, "resource", r->resource, e);
}

/* Events and links as they came. */
static bool put_list(Row *r, const char *name, const json_t *list, Err *e)
{
    if (json_array_size(list) == 0)
        return true;
    size_t n = json_dumpb(list, NULL, 0, JSON_COMPACT);
    char *text = arena_alloc(&r->arena, n + 1);
    json_dumpb(list, text, n, JSON_COMPACT);
    return put_text(r, name, slice_of(text, n), e);
}

static bool span_fields(Row *r, const json_t *o, Err *e)
{
    static const char *const kinds[] = {"unspecified", "internal", "server",
                                        "client",      "producer", "consumer"};
    static const char *const codes[] = {"unset", "ok", "error"};
    const json_t *status = json_object_get(o, "status");
    int64_t begin = 0, end = 0, kind, code;
    (void)!otlp_i64(json_object_get(o, "startTimeUnixNano"), &begin);
    (void)!otlp_i64(json_object_get(o, "endTimeUnixNano"), &end);
    kind = otlp_enum(json_object_get(o, "kind"), "SPAN_KIND_", kinds, ARRAY_LEN(kinds));
    code = otlp_enum(json_object_get(status, "code"), "STATUS_CODE_", codes, ARRAY_LEN(codes));
    kind = kind >= 0 && kind < (int64_t)ARRAY_LEN(kinds) ? kind : 0;
    code = code >= 0 && code < (int64_t)ARRAY_LEN(codes) ? code : 0;
    IngValue duration = {.kind = ING_INT, .u.i64 = end > begin && begin >= 0 ? end - begin : 0};
    return put_text(r, "trace_id", otlp_text(o, "traceId"), e) &&
           put_text(r, "span_id", otlp_text(o, "spanId"), e) &&
           put_text(r, "parent_span_id", otlp_text(o, "parentSpanId"), e) &&
           put_text(r, "name", otlp_text(o, "name"), e) &&
           put_text(r, "kind", slice_cstr(kinds[kind]), e) && put(r, "duration_ns", &duration, e) &&
           put_text(r, "status_code", slice_cstr(codes[code]), e) &&
           put_text(r, "status_message", otlp_text(status, "message"), e) &&
           put_text(r, "trace_state", otlp_text(o, "traceState"), e) &&
           put_json(r, "attributes", json_object_get(o, "attributes"), e) &&
           put_list(r, "events", json_object_get(o, "events"), e) &&
           put_list(r, "links", json_object_get(o, "links"), e) &&
           put_text(r, "resource", r->resource, e);
}

typedef struct SignalDef {
    const char *table, *scopes, *items, *times[2];
    bool (*fields)(Row *r, const json_t *o, Err *e);
} SignalDef;

static bool one_item(Row *r, const SignalDef *s, const json_t *o, Err *e)
{
    int64_t ns = 0;
    for (size_t i = 0; i < ARRAY_LEN(s->times) && ns == 0; i++)
        if (s->times[i] && json_object_get(o, s->times[i]) &&
            (!otlp_i64(json_object_get(o, s->times[i]), &ns) || ns < 0))
            return err_set(e, ERR_DATETIME_RANGE, "%s is out of range", s->times[i]);
    r->fields = 0;
    wb_row(r->j->batch, r->table->id, r->series, ns ? ns : r->j->c.now_ns);
    if (!s->fields(r, o, e) || !ing_row_check(r->j, r->table, e)) {
        wb_row_cancel(r->j->batch);
        return false;
    }
    ing_row_end(r->j, r->table);
    r->j->rows++;
    return true;
}

static void take(IngJob *j, const SignalDef *s, json_t *resource)
{
    Row r = {.j = j};
    size_t i, k;
    json_t *scope, *o;
    Err e;
    arena_init(&r.arena, NULL);
    json_array_foreach(json_object_get(resource, s->scopes), i, scope)
    {
        err_clear(&e);
        bool begun = begin_rows(&r, s->table, json_object_get(resource, "resource"),
                                json_object_get(scope, "scope"), &e);
        json_array_foreach(json_object_get(scope, s->items), k, o)
        {
            if (!begun || !one_item(&r, s, o, &e))
                ing_refuse(j, j->line, SLICE_LIT(""), &e);
            j->line++;
        }
    }
    arena_free(&r.arena);
}

void otlp_logs(IngJob *j, json_t *resource_logs, OtlpPiece *p)
{
    (void)p;
    static const SignalDef logs = {"otel_logs",
                                   "scopeLogs",
                                   "logRecords",
                                   {"timeUnixNano", "observedTimeUnixNano"},
                                   log_fields};
    take(j, &logs, resource_logs);
}

void otlp_traces(IngJob *j, json_t *resource_spans, OtlpPiece *p)
{
    (void)p;
    static const SignalDef spans = {
        "otel_spans", "scopeSpans", "spans", {"startTimeUnixNano", NULL}, span_fields};
    take(j, &spans, resource_spans);
}
