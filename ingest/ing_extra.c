/* ingest/ing_extra.c - what comes beside samples: exemplars, metadata, keys of writes.
 *
 * The exemplars of metric m are rows of the table exemplars.m: the same tags as its series, the fields `value`
 * and `labels` (JSON).  Metadata are series of the table prometheus.metadata: metric, type, help and unit are
 * tags, so that every differing text is kept once.  Senders tell them again each minute: an IngSeen knows
 * what was stored since the start. */
#include "ingest/remote_private.h"

static uint64_t *seen_slot(IngSeen *s, uint64_t hash)
{
    size_t i = hash & (SEEN_SLOTS - 1);
    while (s->slots[i] && s->slots[i] != hash)
        i = (i + 1) & (SEEN_SLOTS - 1);
    return &s->slots[i];
}

static bool seen(IngSeen *s, uint64_t hash)
{
    if (!s)
        return false;
    mutex_lock(&s->mutex);
    bool found = *seen_slot(s, hash) != 0;
    mutex_unlock(&s->mutex);
    return found;
}

void ing_job_stored(IngJob *j)
{
    j->stored = true;
    IngSeen *s = j->c.seen;
    size_t n = j->told.len / sizeof(uint64_t);
    if (!s || n == 0)
        return;
    mutex_lock(&s->mutex);
    for (size_t i = 0; i < n; i++) {
        uint64_t hash;
        memcpy(&hash, j->told.ptr + i * sizeof hash, sizeof hash);
        if (s->count == SEEN_MAX) {
            memset(s->slots, 0, sizeof s->slots);
            s->count = 0;
        }
        uint64_t *slot = seen_slot(s, hash);
        s->count += *slot == 0;
        *slot = hash;
    }
    mutex_unlock(&s->mutex);
}

/* A row with these fields; the row is nobody's sample. */
static bool put_row(IngJob *j, IngTable *t, SeriesId id, int64_t ns, const char *const *keys,
                    const IngValue *values, size_t n, Err *e)
{
    wb_row(j->batch, t->id, id, ns);
    for (size_t i = 0; i < n; i++) {
        IngField *f;
        if (!ing_field(j, t, i, slice_cstr(keys[i]), values[i].kind, &f, e) ||
            !ing_put(j, t, f, &values[i], e)) {
            wb_row_cancel(j->batch);
            return false;
        }
    }
    if (!ing_row_check(j, t, e)) {
        wb_row_cancel(j->batch);
        return false;
    }
    ing_row_end(j, t);
    return true;
}

/* The server's own row: the rights of who writes do not matter.  All keys are one series; times differ. */
bool ing_job_put_key(IngJob *j, const IngKey *k, Err *e)
{
    static const char *const keys[] = {"key", "status", "content_type", "answer"};
    const IngValue values[] = {{.kind = ING_STRING, .u.str = k->key},
                               {.kind = ING_INT, .u.i64 = k->status},
                               {.kind = ING_STRING, .u.str = k->content_type},
                               {.kind = ING_STRING, .u.str = k->answer}};
    const IngContext asked = j->c;
    SeriesId id;
    j->c.may_write = NULL;
    j->c.rights = NULL;
    IngTable *t = ing_table_in(j, SLICE_LIT("idempotency"), SLICE_LIT("keys"), e);
    bool ok = t && ing_series(j, t, 0, NULL, &id, e) &&
              put_row(j, t, id, k->time_ns, keys, values, ARRAY_LEN(keys), e);
    j->c = asked;
    return ok;
}

static void put_labels(Buf *out, const Exemplar *x)
{
    buf_clear(out);
    buf_puts(out, "{");
    for (size_t i = 0; i < x->count; i++) {
        if (i)
            buf_puts(out, ",");
        buf_put_json(out, x->keys[i]);
        buf_puts(out, ":");
        buf_put_json(out, x->values[i]);
    }
    buf_puts(out, "}");
}

bool remote_exemplar(IngJob *j, const Labels *series, const Exemplar *x, Err *e)
{
    static const char *const keys[] = {"value", "labels"};
    int64_t ns;
    SeriesId id = 0;
    if (!ing_time(j, x->ms, &ns, e))
        return false;
    IngTable *t = ing_table_in(j, SLICE_LIT("exemplars"), series->name, e);
    if (!t)
        return false;
    Hash128 h = idx_raw_hash(j->index, t->id, series->raw);
    idx_find_raw(j->index, &h, &id, 1);
    if (!id && !remote_intern(j, t, series, &h, &id, e))
        return false;
    put_labels(&j->scratch, x);
    IngValue values[] = {{.kind = ING_FLOAT, .u.f64 = x->value},
                         {.kind = ING_STRING, .u.str = buf_slice(&j->scratch)}};
    if (!put_row(j, t, id, ns, keys, values, ARRAY_LEN(keys), e))
        return false;
    j->written.exemplars++;
    return true;
}

/* ---- metadata ---- */
static const char *const metadata_types[] = {"unknown",        "counter", "gauge", "histogram",
                                             "gaugehistogram", "summary", "info",  "stateset"};

/* Series of histograms and summaries are named after their family. */
static Slice family(const Metadata *m)
{
    static const Slice ends[] = {SLICE_LIT("_bucket"), SLICE_LIT("_count"), SLICE_LIT("_sum")};
    bool several = m->type == 3 || m->type == 4 || m->type == 5;
    for (size_t i = 0; several && i < ARRAY_LEN(ends); i++)
        if (m->metric.len > ends[i].len &&
            slice_eq(slice_of(m->metric.ptr + m->metric.len - ends[i].len, ends[i].len), ends[i]))
            return slice_of(m->metric.ptr, m->metric.len - ends[i].len);
    return m->metric;
}

bool remote_metadata(IngJob *j, const Metadata *m, Err *e)
{
    static const char *const keys[] = {"source"};
    unsigned type = m->type < ARRAY_LEN(metadata_types) ? m->type : 0;
    const Slice names[] = {SLICE_LIT("metric"), SLICE_LIT("type"), SLICE_LIT("help"),
                           SLICE_LIT("unit")};
    const Slice values[] = {family(m), slice_cstr(metadata_types[type]), m->help, m->unit};
    uint64_t hash = j->c.schema;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (!slice_utf8_valid(values[i]) ||
            (values[i].len && memchr(values[i].ptr, 0, values[i].len)))
            return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE, "metadata is not valid UTF-8");
        hash = hash_mix(hash, hash64(values[i].ptr, values[i].len, i));
    }
    hash += hash == 0;
    if (m->metric.len == 0 || seen(j->c.seen, hash))
        return true;
    IngTable *t = ing_table_in(j, SLICE_LIT("prometheus"), SLICE_LIT("metadata"), e);
    size_t n = 0;
    SeriesId id;
    for (size_t i = 0; t && i < ARRAY_LEN(values); i++) {
        const ColumnDef *as_field;
        if (values[i].len == 0)
            continue;
        if (!ing_tag(j, t, names[i], &j->tags[n].column, &as_field, e) || as_field)
            return false;
        j->tags[n++].value = values[i];
    }
    IngValue source = {.kind = ING_STRING, .u.str = slice_cstr(j->format->name)};
    if (!t || !ing_series(j, t, n, NULL, &id, e) ||
        !put_row(j, t, id, j->c.now_ns, keys, &source, 1, e))
        return false;
    buf_put_u64(&j->told, hash);
    return true;
}
