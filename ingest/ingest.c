#include "ingest/ingest_private.h"

#define PROTOBUF "application/x-protobuf"
#define JSON     "application/json"

#define LINES "gzip,zstd"

const IngFormat ing_formats[] = {
    {"/write", "line protocol", NULL, NULL, LINES, false, ing_line_step, REPLY_INFLUX1, NULL},
    {"/api/v2/write", "line protocol of InfluxDB 2", NULL, NULL, LINES, false, ing_line_step,
     REPLY_INFLUX2, NULL},
    {"/api/v3/write_lp", "line protocol of InfluxDB 3", NULL, NULL, LINES, false, ing_line_step,
     REPLY_INFLUX3, NULL},
    {"/api/v1/write", "remote write 1.0", PROTOBUF, "prometheus.WriteRequest", "snappy", true,
     ing_remote_step, REPLY_PROMETHEUS, NULL},
    {"/api/v1/write", "remote write 2.0", PROTOBUF, "io.prometheus.write.v2.Request", "snappy",
     true, ing_remote2_step, REPLY_PROMETHEUS2, NULL},
    {"/api/v1/ingest", "JSON", NULL, NULL, LINES, false, ing_json_step, REPLY_INFLUX1, NULL},
    {"/api/v1/import", "JSON lines of export", NULL, NULL, LINES, false, ing_json_step,
     REPLY_INFLUX1, NULL},
    {"/api/put", "JSON of OpenTSDB", NULL, NULL, LINES, false, ing_json_step, REPLY_INFLUX1, NULL},
    {"/api/v1/otlp/v1/metrics", "OTLP metrics", PROTOBUF, NULL, LINES, false, ing_otlp_metrics_step,
     REPLY_OTLP_PROTO, "rejectedDataPoints"},
    {"/api/v1/otlp/v1/metrics", "OTLP metrics", JSON, NULL, LINES, false, ing_otlp_metrics_step,
     REPLY_OTLP_JSON, "rejectedDataPoints"},
    {"/v1/metrics", "OTLP metrics", PROTOBUF, NULL, LINES, false, ing_otlp_metrics_step,
     REPLY_OTLP_PROTO, "rejectedDataPoints"},
    {"/v1/metrics", "OTLP metrics", JSON, NULL, LINES, false, ing_otlp_metrics_step,
     REPLY_OTLP_JSON, "rejectedDataPoints"},
    {"/api/v1/otlp/v1/logs", "OTLP logs", PROTOBUF, NULL, LINES, false, ing_otlp_logs_step,
     REPLY_OTLP_PROTO, "rejectedLogRecords"},
    {"/api/v1/otlp/v1/logs", "OTLP logs", JSON, NULL, LINES, false, ing_otlp_logs_step,
     REPLY_OTLP_JSON, "rejectedLogRecords"},
    {"/v1/logs", "OTLP logs", PROTOBUF, NULL, LINES, false, ing_otlp_logs_step, REPLY_OTLP_PROTO,
     "rejectedLogRecords"},
    {"/v1/logs", "OTLP logs", JSON, NULL, LINES, false, ing_otlp_logs_step, REPLY_OTLP_JSON,
     "rejectedLogRecords"},
    {"/api/v1/otlp/v1/traces", "OTLP traces", PROTOBUF, NULL, LINES, false, ing_otlp_traces_step,
     REPLY_OTLP_PROTO, "rejectedSpans"},
    {"/api/v1/otlp/v1/traces", "OTLP traces", JSON, NULL, LINES, false, ing_otlp_traces_step,
     REPLY_OTLP_JSON, "rejectedSpans"},
    {"/v1/traces", "OTLP traces", PROTOBUF, NULL, LINES, false, ing_otlp_traces_step,
     REPLY_OTLP_PROTO, "rejectedSpans"},
    {"/v1/traces", "OTLP traces", JSON, NULL, LINES, false, ing_otlp_traces_step, REPLY_OTLP_JSON,
     "rejectedSpans"},
    {NULL, NULL, NULL, NULL, NULL, false, NULL, REPLY_INFLUX1, NULL},
};

/* The next word of a list in front of `sep`, without blanks around it; false: there is none. */
static bool next_item(Slice *list, char sep, Slice *item)
{
    if (!list->ptr)
        return false;
    const char *at = list->len ? memchr(list->ptr, sep, list->len) : NULL;
    const char *p = list->ptr, *end = at ? at : list->ptr + list->len;
    *list = at ? slice_of(at + 1, list->len - (size_t)(at + 1 - list->ptr)) : SLICE_NONE;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *item = slice_of(p, (size_t)(end - p));
    return true;
}

typedef struct ContentType {
    Slice media, proto;
} ContentType;

static bool read_content_type(Slice text, ContentType *out, Err *e)
{
    Slice rest = text, item;
    *out = (ContentType){0};
    if (!next_item(&rest, ';', &out->media))
        return true;
    while (next_item(&rest, ';', &item)) {
        const char *eq = item.len ? memchr(item.ptr, '=', item.len) : NULL;
        if (!eq)
            return err_set(e, ERR_INVALID_PARAMETER,
                           "expected parameters to be key-values, got \"%.*s\" in content type",
                           (int)(item.len < 100 ? item.len : 100), item.ptr);
        if (slice_eq_nocase(slice_of(item.ptr, (size_t)(eq - item.ptr)), SLICE_LIT("proto")))
            out->proto = slice_of(eq + 1, item.len - (size_t)(eq + 1 - item.ptr));
    }
    return true;
}

static bool takes(const IngFormat *f, const ContentType *t)
{
    if (!f->content_type || t->media.len == 0)
        return true;
    return slice_eq_nocase(t->media, slice_cstr(f->content_type)) &&
           (!f->proto || t->proto.len == 0 || slice_eq_cstr(t->proto, f->proto));
}

const IngFormat *ing_find(Slice path, Slice content_type, Err *e)
{
    ContentType type;
    const IngFormat *first = NULL;
    for (const IngFormat *f = ing_formats; f->path; f++) {
        if (!slice_eq_cstr(path, f->path))
            continue;
        if (!first && f->content_type && !read_content_type(content_type, &type, e))
            return NULL;
        if (!f->content_type || takes(f, &type))
            return f;
        first = first ? first : f;
    }
    must(first);
    err_set(e, ERR_INVALID_PARAMETER, "Content-Type \"%.*s\" is not taken here, only %s%s%s",
            (int)(content_type.len < 100 ? content_type.len : 100), content_type.ptr,
            first->content_type, first[1].path && slice_eq_cstr(path, first[1].path) ? " and " : "",
            first[1].path && slice_eq_cstr(path, first[1].path) ? first[1].name : "");
    return NULL;
}

bool ing_precision(Slice text, IngReply dialect, IngPrecision *out, Err *e)
{
    enum { V1 = 1, V2 = 2, V3 = 4 };
    static const struct {
        const char *name;
        IngPrecision p;
        int known;
    } names[] = {
        {"", ING_NS, V1 | V2},
        {"", ING_AUTO, V3},
        {"ns", ING_NS, V1 | V2 | V3},
        {"n", ING_NS, V1},
        {"us", ING_US, V1 | V2 | V3},
        {"u", ING_US, V1},
        {"µ", ING_US, V1},
        {"ms", ING_MS, V1 | V2 | V3},
        {"s", ING_S, V1 | V2 | V3},
        {"m", ING_M, V1},
        {"h", ING_H, V1},
        {"auto", ING_AUTO, V3},
        {"nanosecond", ING_NS, V3},
        {"microsecond", ING_US, V3},
        {"millisecond", ING_MS, V3},
        {"second", ING_S, V3},
    };
    int who = dialect == REPLY_INFLUX2 ? V2 : dialect == REPLY_INFLUX3 ? V3 : V1;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].known & who && slice_eq_cstr(text, names[i].name)) {
            *out = names[i].p;
            return true;
        }
    return err_set(e, ERR_INVALID_PARAMETER, "invalid precision \"%.*s\" (use %s)",
                   (int)(text.len < 100 ? text.len : 100), text.ptr,
                   who == V1   ? "n, ns, u, us, ms, s, m or h"
                   : who == V2 ? "ns, us, ms or s"
                               : "auto, nanosecond, microsecond, millisecond or second");
}

int64_t ing_precision_ns(IngPrecision p)
{
    static const int64_t units[] = {
        [ING_NS] = 1,       [ING_US] = NS_PER_US,    [ING_MS] = NS_PER_MS,
        [ING_S] = NS_PER_S, [ING_M] = 60 * NS_PER_S, [ING_H] = 3600 * NS_PER_S,
        [ING_AUTO] = 1};
    return units[p];
}

/* By its size, as InfluxDB 3 takes it: seconds below 5e9, then ms, µs, ns. */
static IngPrecision guess(int64_t v)
{
    static const int64_t below[] = {[ING_S] = INT64_C(5000000000),
                                    [ING_MS] = INT64_C(5000000000000),
                                    [ING_US] = INT64_C(5000000000000000)};
    if (v > -below[ING_S] && v < below[ING_S])
        return ING_S;
    if (v > -below[ING_MS] && v < below[ING_MS])
        return ING_MS;
    return v > -below[ING_US] && v < below[ING_US] ? ING_US : ING_NS;
}

bool ing_time(const IngJob *j, int64_t value, int64_t *ns, Err *e)
{
    IngPrecision p = j->c.precision == ING_AUTO ? guess(value) : j->c.precision;
    if (__builtin_mul_overflow(value, ing_precision_ns(p), ns) || *ns < ROW_TIME_MIN ||
        *ns > ROW_TIME_MAX)
        return err_set(e, ERR_DATETIME_RANGE,
                       "time outside range 1677-09-21T00:12:43Z - 2262-04-11T23:47:16Z");
    return true;
}

int64_t ing_now(const IngJob *j)
{
    int64_t unit = ing_precision_ns(j->c.precision);
    return floor_div(j->c.now_ns, unit) * unit;
}

IngJob *ing_job_new(const IngFormat *f, const IngContext *c, Slice body)
{
    IngJob *j = ing_keep_take(c->seen, f, c);
    bool kept = j != NULL;
    if (!kept)
        j = MEM_NEW(IngJob);
    j->format = f;
    j->c = *c;
    j->body = body;
    j->line = 1;
    j->catalog = engine_catalog(c->engine);
    j->index = engine_index(c->engine);
    j->batch = wb_new();
    j->keep_ns = INT64_MAX;
    if (kept)
        return j;
    arena_init(&j->arena, NULL);
    buf_init(&j->scratch);
    buf_init(&j->told);
    j->tags = mem_zero(ING_TAGS_MAX * sizeof *j->tags);
    j->tag_keys = mem_zero(ING_TAGS_MAX * sizeof *j->tag_keys);
    return j;
}

bool ing_job_step(IngJob *j, bool *done, Err *e)
{
    *done = false;
    bool ok = j->format->step(j, done, e);
    if (j->denied.code != ERR_OK) {
        *e = j->denied;
        return false;
    }
    return ok && (!*done || ing_refuse_expired(j, e));
}

WriteBatch *ing_job_take_batch(IngJob *j)
{
    WriteBatch *wb = j->batch;
    j->batch = NULL;
    if (wb && wb_rows(wb) > 0)
        return wb;
    if (wb)
        wb_free(wb);
    return NULL;
}

size_t ing_job_rows(const IngJob *j)
{
    return j->rows;
}

IngWritten ing_job_written(const IngJob *j)
{
    IngWritten w = j->written;
    w.samples = j->rows - w.histograms;
    return w;
}

size_t ing_job_error_count(const IngJob *j)
{
    return j->error_count;
}

const IngLineError *ing_job_error(const IngJob *j, size_t i)
{
    return i < j->error_count && i < ING_ERRORS_KEPT ? &j->errors[i] : NULL;
}

void ing_job_free(IngJob *j)
{
    if (!j)
        return;
    if (j->batch)
        wb_free(j->batch);
    cat_unref(j->catalog);
    j->batch = NULL;
    j->catalog = NULL;
    if (ing_keep(j))
        return;
    if (j->state_free)
        j->state_free(j->state);
    arena_free(&j->arena);
    buf_free(&j->scratch);
    buf_free(&j->told);
    mem_free(j->errors);
    ing_heads_free(&j->heads);
    mem_free(j->table_slots);
    mem_free(j->tags);
    mem_free(j->tag_keys);
    mem_free(j);
}

bool ing_again(const IngJob *j, size_t *dropped, int *tries)
{
    bool again = j->tables_dropped != *dropped && ++*tries < ING_DROP_TRIES;
    *dropped = j->tables_dropped;
    return again;
}

void ing_refuse(IngJob *j, size_t line, Slice text, const Err *e)
{
    if (j->error_count < ING_ERRORS_KEPT) {
        if (!j->errors)
            j->errors = mem_zero(ING_ERRORS_KEPT * sizeof *j->errors);
        IngLineError *le = &j->errors[j->error_count];
        le->line = line;
        size_t n = text.len < sizeof le->text - 1 ? text.len : sizeof le->text - 1;
        memcpy(le->text, text.ptr, n);
        le->err = *e;
        le->type_conflict = e->code == ERR_DATATYPE_MISMATCH;
    }
    j->error_count++;
}

bool ing_series(IngJob *j, IngTable *t, size_t n, const Hash128 *raw, SeriesId *out, Err *e)
{
    bool made;
    return ing_series_check(j, t, n, e) &&
           idx_intern(j->index, t->id, j->tags, n, raw, out, &made, e);
}
