#include "ingest/ingest_private.h"

const IngFormat ing_formats[] = {
    {"/write", "line protocol", NULL, "gzip", false, ing_line_step, REPLY_INFLUX1},
    {"/api/v1/write", "remote write", "application/x-protobuf", "snappy", true, ing_remote_step,
     REPLY_PROMETHEUS},
    {"/api/v1/ingest", "JSON", NULL, "gzip,zstd", false, ing_json_step, REPLY_INFLUX1},
    {NULL, NULL, NULL, NULL, false, NULL, REPLY_INFLUX1},
};

const IngFormat *ing_find(Slice path)
{
    for (const IngFormat *f = ing_formats; f->path; f++)
        if (slice_eq_cstr(path, f->path))
            return f;
    return NULL;
}

bool ing_precision(Slice text, IngPrecision *out, Err *e)
{
    static const struct {
        const char *name;
        IngPrecision p;
    } names[] = {{"", ING_NS},  {"n", ING_NS},  {"ns", ING_NS}, {"u", ING_US}, {"us", ING_US},
                 {"µ", ING_US}, {"ms", ING_MS}, {"s", ING_S},   {"m", ING_M},  {"h", ING_H}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_cstr(text, names[i].name)) {
            *out = names[i].p;
            return true;
        }
    return err_set(e, ERR_INVALID_PARAMETER, "invalid precision \"%.*s\"", SLICE_ARG(text)) ||
           err_hint(e, "use n, ns, u, us, ms, s, m or h");
}

static int64_t unit_ns(IngPrecision p)
{
    static const int64_t units[] = {
        [ING_NS] = 1,       [ING_US] = NS_PER_US,    [ING_MS] = NS_PER_MS,
        [ING_S] = NS_PER_S, [ING_M] = 60 * NS_PER_S, [ING_H] = 3600 * NS_PER_S,
        [ING_AUTO] = 1};
    return units[p];
}

bool ing_time(const IngJob *j, int64_t value, int64_t *ns, Err *e)
{
    if (__builtin_mul_overflow(value, unit_ns(j->c.precision), ns) || *ns < ROW_TIME_MIN ||
        *ns > ROW_TIME_MAX)
        return err_set(e, ERR_DATETIME_RANGE,
                       "time outside range 1677-09-21T00:12:43Z - 2262-04-11T23:47:16Z");
    return true;
}

int64_t ing_now(const IngJob *j)
{
    int64_t unit = unit_ns(j->c.precision);
    return floor_div(j->c.now_ns, unit) * unit;
}

IngJob *ing_job_new(const IngFormat *f, const IngContext *c, Slice body)
{
    IngJob *j = MEM_NEW(IngJob);
    j->format = f;
    j->c = *c;
    j->body = body;
    j->line = 1;
    j->catalog = engine_catalog(c->engine);
    j->index = engine_index(c->engine);
    j->batch = wb_new();
    arena_init(&j->arena, NULL);
    buf_init(&j->scratch);
    j->tags = mem_zero(ING_TAGS_MAX * sizeof *j->tags);
    j->tag_keys = mem_zero(ING_TAGS_MAX * sizeof *j->tag_keys);
    return j;
}

bool ing_job_step(IngJob *j, bool *done, Err *e)
{
    *done = false;
    bool ok = j->format->step(j, done, e);
    if (j->denied.code == ERR_OK)
        return ok;
    *e = j->denied;
    return false;
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
    if (j->state_free)
        j->state_free(j->state);
    if (j->batch)
        wb_free(j->batch);
    cat_unref(j->catalog);
    arena_free(&j->arena);
    buf_free(&j->scratch);
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
    if (!ing_series_check(j, t, n, e) ||
        !idx_intern(j->index, t->id, j->tags, n, raw, out, &made, e))
        return false;
    if (made)
        wb_new_series(j->batch, *out, t->id, j->tags, n);
    return true;
}
