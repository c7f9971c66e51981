/* ingest/ing_json.c - JSON in three forms, told apart by their keys.
 *
 *     {"metric":"cpu","tags":{...},"fields":{...},"timestamp":...}          typed rows
 *     {"metric":"cpu","tags":{...},"value":1.5,"timestamp":...}             OpenTSDB: the field "value"
 *     {"metric":{"__name__":"m",...},"values":[...],"timestamps":[ms,...]}  VictoriaMetrics, /api/v1/export;
 *         with native histograms: "histograms":[[ms,{...}],...]
 *
 * One object, an array of them, or one a line (NDJSON).  "timestamp" in the request's precision
 * (default ns), missing: now.  Numbers: an integer stays an integer, all else is a float.  Parsing is
 * jansson's; integers beyond int64 are refused, never rounded. */
#include "ingest/ing_json_hist.h"
#include "ingest/ingest_private.h"

typedef struct JsonState {
    json_t *array; /* being worked off; NULL: the next text at job->pos */
    size_t next;
} JsonState;

static void state_free(void *p)
{
    JsonState *s = p;
    json_decref(s->array);
    mem_free(s);
}

static bool bad(Err *e, const char *why)
{
    return err_set(e, ERR_INVALID_TEXT, "%s", why);
}

static Slice json_text(const json_t *v)
{
    return slice_of(json_string_value(v), json_string_length(v));
}

static bool value_of(const json_t *v, const char *key, IngValue *out, Err *e)
{
    switch (json_typeof(v)) {
    case JSON_INTEGER:
        *out = (IngValue){.kind = ING_INT, .u.i64 = json_integer_value(v)};
        return true;
    case JSON_REAL:
        *out = (IngValue){.kind = ING_FLOAT, .u.f64 = json_real_value(v)};
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = (IngValue){.kind = ING_BOOL, .u.b = json_is_true(v)};
        return true;
    case JSON_STRING:
        *out = (IngValue){.kind = ING_STRING, .u.str = json_text(v)};
        return true;
    default:
        return err_set(e, ERR_INVALID_TEXT, "field \"%s\" must be a number, string or boolean",
                       key);
    }
}

/* An integer is the type of a new column only if it was written as one: 1.0 makes a float column. */
static bool json_fields(IngJob *j, IngTable *t, json_t *fields, Err *e)
{
    const char *key;
    json_t *v;
    size_t k = 0;
    json_object_foreach(fields, key, v)
    {
        if (json_is_null(v))
            continue; /* absent */
        IngValue value;
        IngField *f;
        if (!value_of(v, key, &value, e) ||
            !ing_field(j, t, k++, slice_cstr(key), value.kind, &f, e) ||
            !ing_put(j, t, f, &value, e))
            return false;
    }
    return k > 0 || bad(e, "missing fields");
}

static bool json_tags(IngJob *j, IngTable *t, json_t *tags, json_t *fields, size_t *n, Err *e)
{
    const char *key;
    json_t *v;
    *n = 0;
    json_object_foreach(tags, key, v)
    {
        const ColumnDef *as_field;
        if (!json_is_string(v))
            return err_set(e, ERR_INVALID_TEXT, "tag \"%s\" must be a string", key);
        if (json_object_get(fields, key))
            return err_set(e, ERR_INVALID_TEXT, "\"%s\" is a tag and a field", key);
        if (*n == ING_TAGS_MAX)
            return bad(e, "too many tags");
        if (json_string_length(v) == 0)
            continue;
        if (!ing_tag(j, t, slice_cstr(key), &j->tags[*n].column, &as_field, e))
            return false;
        if (as_field)
            return err_set(e, ERR_INVALID_TEXT,
                           "\"%s\" is a plain column of this table: send it as a field", key);
        j->tags[(*n)++].value = json_text(v);
    }
    return true;
}

static bool json_time(IngJob *j, const json_t *v, int64_t *ns, Err *e)
{
    *ns = ing_now(j);
    if (!v || json_is_null(v))
        return true;
    if (json_is_integer(v))
        return ing_time(j, json_integer_value(v), ns, e);
    if (json_is_string(v) && clock_parse_rfc3339(json_text(v), ns))
        return true;
    return bad(e, "timestamp must be an integer or an RFC 3339 text");
}

/* ---- lines of /api/v1/export: a series, its values and times ---- */
static bool export_value(const json_t *v, double *out)
{
    static const struct {
        const char *text;
        uint64_t bits;
    } words[] = {
        {"NaN", UINT64_C(0x7ff8000000000001)},       {"StaleNaN", UINT64_C(0x7ff0000000000002)},
        {"Infinity", UINT64_C(0x7ff0000000000000)},  {"+Inf", UINT64_C(0x7ff0000000000000)},
        {"-Infinity", UINT64_C(0xfff0000000000000)}, {"-Inf", UINT64_C(0xfff0000000000000)}};
    if (json_is_number(v))
        *out = json_number_value(v);
    else if (json_is_null(v))
        memcpy(out, &words[0].bits, sizeof *out);
    else if (json_is_string(v)) {
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (slice_eq_cstr(json_text(v), words[i].text)) {
                memcpy(out, &words[i].bits, sizeof *out);
                return true;
            }
        return slice_to_f64(json_text(v), out);
    }
    return json_is_number(v) || json_is_null(v);
}

static bool export_tags(IngJob *j, IngTable *t, json_t *metric, size_t *n, Err *e)
{
    const char *key;
    json_t *v;
    *n = 0;
    json_object_foreach(metric, key, v)
    {
        if (!json_is_string(v))
            return err_set(e, ERR_INVALID_TEXT, "label \"%s\" must be a string", key);
        if (strcmp(key, "__name__") == 0 || json_string_length(v) == 0)
            continue;
        if (*n == ING_TAGS_MAX)
            return bad(e, "too many labels");
        if (!ing_label(j, t, slice_cstr(key), &j->tags[*n].column, e))
            return false;
        j->tags[(*n)++].value = json_text(v);
    }
    return true;
}

static bool export_time(const json_t *ms, int64_t *ns, Err *e)
{
    if (!__builtin_mul_overflow(json_integer_value(ms), NS_PER_MS, ns) && *ns >= ROW_TIME_MIN &&
        *ns <= ROW_TIME_MAX)
        return true;
    return err_set(e, ERR_DATETIME_RANGE, "time %lld ms is out of range",
                   (long long)json_integer_value(ms));
}

static bool export_sample(IngJob *j, IngTable *t, SeriesId id, const json_t *value,
                          const json_t *time, Err *e)
{
    IngValue v = {.kind = ING_FLOAT};
    IngField *f;
    int64_t ns;
    if (!export_value(value, &v.u.f64) || !json_is_integer(time))
        return bad(e, "values must be numbers and timestamps integers");
    if (!export_time(time, &ns, e))
        return false;
    if (!ing_field(j, t, 0, SLICE_LIT("value"), ING_FLOAT, &f, e))
        return false;
    wb_row(j->batch, t->id, id, ns);
    if (!ing_put(j, t, f, &v, e) || !ing_row_check(j, t, e)) {
        wb_row_cancel(j->batch);
        return false;
    }
    ing_row_end(j, t);
    j->rows++;
    return true;
}

/* [ms, {...}]: the histogram as the SQL type writes it. */
static bool export_histogram(IngJob *j, IngTable *t, SeriesId id, const json_t *pair, Err *e)
{
    const json_t *time = json_array_get(pair, 0);
    int64_t ns;
    Arena a;
    Histogram h;
    arena_init(&a, NULL);
    bool ok = json_is_integer(time) && json_array_size(pair) == 2;
    if (!ok)
        bad(e, "histograms must be pairs of a timestamp and an object");
    else
        ok = export_time(time, &ns, e) && ing_json_histogram(&a, json_array_get(pair, 1), &h, e) &&
             ing_histogram(j, t, id, ns, &h, e);
    arena_free(&a);
    return ok;
}

static bool export_line(IngJob *j, json_t *metric, json_t *o, Err *e)
{
    const json_t *hists = json_object_get(o, "histograms");
    const json_t *values = json_object_get(o, "values"), *times = json_object_get(o, "timestamps"),
                 *name = json_object_get(metric, "__name__");
    SeriesId id;
    size_t n;
    if (!json_is_string(name) || json_string_length(name) == 0)
        return bad(e, "missing __name__ in metric");
    if (!json_is_array(values) || json_array_size(values) != json_array_size(times))
        return bad(e, "values and timestamps must be arrays of one length");
    IngTable *t = ing_table(j, json_text(name), e);
    if (!t || !export_tags(j, t, metric, &n, e) || !ing_series(j, t, n, NULL, &id, e))
        return false;
    for (size_t i = 0; i < json_array_size(values); i++)
        if (!export_sample(j, t, id, json_array_get(values, i), json_array_get(times, i), e))
            return false;
    for (size_t i = 0; i < json_array_size(hists); i++)
        if (!export_histogram(j, t, id, json_array_get(hists, i), e))
            return false;
    return true;
}

/* OpenTSDB: {"value"} in place of {"fields"}; a number may be a text.  False: it cannot be read. */
static json_t *fields_of(json_t *o)
{
    json_t *fields = json_object_get(o, "fields"), *value = json_object_get(o, "value");
    double d;
    if (fields || !value)
        return json_incref(fields);
    if (json_is_string(value) && slice_to_f64(json_text(value), &d))
        return json_pack("{s:f}", "value", d);
    return json_is_number(value) ? json_pack("{s:f}", "value", json_number_value(value)) : NULL;
}

static bool typed_row(IngJob *j, json_t *o, json_t *metric, json_t *fields, Err *e);

static bool one_object(IngJob *j, json_t *o, Err *e)
{
    if (!json_is_object(o))
        return bad(e, "expected an object {\"metric\", \"tags\", \"fields\", \"timestamp\"}");
    json_t *metric = json_object_get(o, "metric");
    if (json_is_object(metric))
        return export_line(j, metric, o, e);
    if (!json_is_string(metric) || json_string_length(metric) == 0)
        return bad(e, "missing metric");
    IngPrecision asked = j->c.precision;
    if (!json_object_get(o, "fields") && !j->c.precision_given)
        j->c.precision = ING_AUTO; /* OpenTSDB: seconds or milliseconds */
    json_t *fields = fields_of(o);
    bool ok = typed_row(j, o, metric, fields, e);
    json_decref(fields);
    j->c.precision = asked;
    return ok;
}

static bool typed_row(IngJob *j, json_t *o, json_t *metric, json_t *fields, Err *e)
{
    json_t *tags = json_object_get(o, "tags");
    if (tags && !json_is_object(tags))
        return bad(e, "tags must be an object");
    if (!json_is_object(fields))
        return bad(e, json_object_get(o, "value") ? "value must be a number" : "missing fields");
    int64_t ns;
    if (!json_time(j, json_object_get(o, "timestamp"), &ns, e))
        return false;
    IngTable *t = ing_table(j, json_text(metric), e);
    size_t n;
    SeriesId id;
    if (!t || !json_tags(j, t, tags, fields, &n, e) || !ing_series(j, t, n, NULL, &id, e))
        return false;
    wb_row(j->batch, t->id, id, ns);
    if (!json_fields(j, t, fields, e) || !ing_row_check(j, t, e)) {
        wb_row_cancel(j->batch);
        return false;
    }
    ing_row_end(j, t);
    j->rows++;
    return true;
}

static void take_object(IngJob *j, json_t *o, Slice text)
{
    Err e;
    size_t dropped = j->tables_dropped;
    int tries = 0;
    bool ok;
    do {
        err_clear(&e);
        ok = one_object(j, o, &e);
    } while (!ok && ing_again(j, &dropped, &tries));
    char copy[sizeof((IngLineError *)0)->text] = {0}; /* the start of an array's element */
    if (!ok && !text.len) {
        (void)json_dumpb(o, copy, sizeof copy - 1, JSON_COMPACT);
        text = slice_cstr(copy);
    }
    if (!ok)
        ing_refuse(j, j->line, text, &e);
}

static void skip_blanks(IngJob *j)
{
    while (j->pos < j->body.len && strchr(" \t\r\n", j->body.ptr[j->pos]) && j->body.ptr[j->pos]) {
        j->line += j->body.ptr[j->pos] == '\n';
        j->pos++;
    }
}

/* Line ends inside a text count for the numbers of later ones. */
static void advance(IngJob *j, size_t n)
{
    for (size_t i = 0; i < n; i++)
        j->line += j->body.ptr[j->pos + i] == '\n';
    j->pos += n;
}

/* The next JSON text: an array is kept to be worked off in pieces.  In NDJSON a text that cannot be
 * read costs its line; at the very start it costs the body. */
static bool next_text(IngJob *j, JsonState *s, Err *e)
{
    Slice rest = slice_of(j->body.ptr + j->pos, j->body.len - j->pos);
    const char *nl = memchr(rest.ptr, '\n', rest.len);
    Slice line = slice_of(rest.ptr, nl ? (size_t)(nl - rest.ptr) : rest.len);
    json_error_t je;
    json_t *v =
        json_loadb(rest.ptr, rest.len, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &je);
    if (!v) {
        err_set(e, ERR_INVALID_TEXT, "invalid JSON: %s", je.text);
        if (j->rows + j->error_count == 0 && !(nl && nl + 1 < rest.ptr + rest.len && nl[1] == '{'))
            return false;
        ing_refuse(j, j->line, line, e);
        advance(j, line.len);
        return true;
    }
    if (json_is_array(v)) {
        s->array = v;
        s->next = 0;
    } else {
        take_object(j, v, line);
        json_decref(v);
    }
    advance(j, (size_t)je.position);
    return true;
}

bool ing_json_step(IngJob *j, bool *done, Err *e)
{
    JsonState *s = j->state;
    if (!s) {
        s = j->state = MEM_NEW(JsonState);
        j->state_free = state_free;
    }
    for (int n = 0; n < ING_STEP_LINES; n++) {
        if (s->array && s->next < json_array_size(s->array)) {
            take_object(j, json_array_get(s->array, s->next++), SLICE_LIT(""));
            continue;
        }
        json_decref(s->array);
        s->array = NULL;
        skip_blanks(j);
        if (j->pos >= j->body.len) {
            *done = true;
            return true;
        }
        if (!next_text(j, s, e))
            return false;
    }
    return true;
}
