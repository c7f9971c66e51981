/* session/promql_door.c - PromQL for http/ and the library: jobs, results as Prometheus' JSON, metadata. */
#include "base/hash.h"
#include "session/promql_kept.h"
#include "session/promql_private.h"
#include <stdlib.h>

enum { SET_SLOTS_MIN = 256 };
#define TRUNCATED "results truncated due to limit"

struct PromJob {
    Db *db;
    Arena arena;
    PqlExpr *expr;
    PqlQuery *query;
    uint64_t limit;
    PromStats stats;
    int64_t opened_ns, started_ns, ended_ns; /* monotonic */
    Slice warnings[PQL_ANNOTATIONS_MAX + 1];
    size_t warning_count;
};

/* ---- opening and running ---- */

static bool public_schema(const CatalogSnap *cat, ObjectId database, ObjectId *schema, Err *e)
{
    const SchemaDef *s = cat_schema(cat, database, SLICE_LIT("public"));
    if (!s)
        return err_set(e, ERR_SCHEMA_NAME, "schema \"public\" does not exist");
    *schema = s->id;
    return true;
}

static bool bad_query(Err *e)
{
    if (e->code != ERR_SYNTAX && e->code != ERR_INVALID_PARAMETER)
        return false;
    return err_wrap(e, "invalid parameter \"query\"");
}

static bool job_open(PromJob *j, ObjectId database, const PromRequest *r, Task *waiter, Err *e)
{
    bool given = r->timeout_ms > 0 && r->timeout_ms < PROM_TIMEOUT_MS;
    int64_t timeout = given ? r->timeout_ms : PROM_TIMEOUT_MS;
    PqlRequest q = {
        .database = database,
        .range = r->range,
        .start_ms = r->range ? r->start_ms : r->time_ms,
        .end_ms = r->range ? r->end_ms : r->time_ms,
        .step_ms = r->step_ms,
        .lookback_ms = r->lookback_ms,
        .deadline_mono_ns = j->db->clock->mono_ns(j->db->clock) + timeout * NS_PER_MS,
        .budget = &j->db->query_pool,
        .sched = j->db->sched,
        .waiter = waiter,
        .clock = j->db->clock,
        .features = j->db->features,
        .rights = {rights_may_read, r->rights},
        .tally = r->stats != PROM_STATS_NONE,
    };
    if (!pql_parse(&j->arena, r->query, j->db->features, &j->expr, e))
        return bad_query(e);
    q.snapshot = engine_snapshot(j->db->engine, NULL);
    bool ok = public_schema(snapshot_catalog(q.snapshot), database, &q.schema, e) &&
              (pql_open(&j->query, j->expr, &q, e) || bad_query(e));
    snapshot_unref(q.snapshot);
    if (ok && r->timeout_ms < 0)
        return err_set(e, ERR_CANCELED, "query timed out in query execution");
    return ok;
}

bool prom_open(PromJob **out, Db *db, ObjectId database, const PromRequest *r, Task *waiter, Err *e)
{
    PromJob *j = MEM_NEW(PromJob);
    j->db = db;
    j->limit = r->limit;
    j->stats = r->stats;
    j->opened_ns = db->clock->mono_ns(db->clock);
    arena_init(&j->arena, &db->query_pool);
    if (!job_open(j, database, r, waiter, e)) {
        prom_close(j);
        return false;
    }
    j->started_ns = db->clock->mono_ns(db->clock);
    *out = j;
    return true;
}

static void job_done(PromJob *j)
{
    j->ended_ns = j->db->clock->mono_ns(j->db->clock);
    const PqlResult *r = pql_result(j->query);
    for (size_t i = 0; i < r->warning_count; i++)
        j->warnings[i] = r->warnings[i];
    j->warning_count = r->warning_count;
    if (j->limit && r->count > j->limit)
        j->warnings[j->warning_count++] = SLICE_LIT(TRUNCATED);
}

/* Samples that are gone: the parameter was fine.  Prometheus' errors have no place for a hint. */
static void not_whole(Err *e)
{
    char message[ERR_MESSAGE_MAX], hint[ERR_HINT_MAX];
    if (e->code != ERR_INVALID_PARAMETER)
        return;
    memcpy(message, e->message, sizeof message);
    memcpy(hint, e->hint, sizeof hint);
    err_set(e, ERR_DATA_EXCEPTION, "%s%s%s", message, hint[0] ? ". " : "", hint);
}

RunStatus prom_run(PromJob *j, Err *e)
{
    switch (pql_step(j->query, e)) {
    case PQL_DONE:
        job_done(j);
        return RUN_DONE;
    case PQL_WAIT:
        return RUN_WAIT;
    case PQL_YIELD:
        return RUN_YIELD;
    case PQL_FAIL:
        break;
    }
    not_whole(e);
    return RUN_FAIL;
}

void prom_close(PromJob *j)
{
    if (!j)
        return;
    pql_close(j->query);
    arena_free(&j->arena);
    mem_free(j);
}

bool prom_text(Slice query, bool tree, Buf *json, Err *e)
{
    Arena a;
    PqlExpr *x;
    arena_init(&a, NULL);
    bool ok = pql_parse(&a, query, "all", &x, e) || bad_query(e);
    if (ok && tree) {
        pql_put_tree(json, x);
    } else if (ok) {
        Buf text;
        buf_init(&text);
        pql_pretty(&text, x);
        buf_put_json(json, buf_slice(&text));
        buf_free(&text);
    }
    arena_free(&a);
    return ok;
}

bool prom_matches_all(Slice selector, bool *all, Err *e)
{
    Arena a;
    PqlMatcher *m;
    arena_init(&a, NULL);
    bool ok = pql_parse_selector(&a, selector, &m, e);
    *all = ok && pql_matches_all(m);
    arena_free(&a);
    return ok;
}

/* ---- JSON ---- */

void prom_put_labels(Buf *b, const PqlLabel *labels, size_t count)
{
    buf_puts(b, "{");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_puts(b, ",");
        buf_put_json(b, labels[i].name);
        buf_puts(b, ":");
        buf_put_json(b, labels[i].value);
    }
    buf_puts(b, "}");
}

/* Answers have millions of points: no printf. */
void prom_put_time(Buf *b, int64_t ms)
{
    char text[32], *p = text + sizeof text;
    uint64_t t = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    uint32_t fraction = (uint32_t)(t % 1000);
    *--p = ',';
    if (fraction) {
        for (int i = 0; i < 3; i++, fraction /= 10)
            *--p = (char)('0' + fraction % 10);
        *--p = '.';
    }
    t /= 1000;
    do
        *--p = (char)('0' + t % 10);
    while (t /= 10);
    if (ms < 0)
        *--p = '-';
    *--p = '[';
    buf_put(b, p, (size_t)(text + sizeof text - p));
}

void prom_put_point(Buf *b, int64_t t_ms, double v)
{
    prom_put_time(b, t_ms);
    buf_put_u8(b, '"');
    buf_put_f64(b, v);
    buf_put(b, "\"]", 2);
}

void prom_put_histogram(Buf *b, int64_t t_ms, const struct Histogram *h)
{
    prom_put_time(b, t_ms);
    pql_put_histogram(b, h);
    buf_put_u8(b, ']');
}

/* The numbers of a series, or its histograms: nothing if there are none. */
static void put_points(Buf *b, const PqlSeries *s, bool hists, const char *open, const char *close)
{
    bool some = false;
    for (size_t i = 0; i < s->count; i++) {
        const struct Histogram *h = s->h ? s->h[i] : NULL;
        if (hists != (h != NULL))
            continue;
        buf_puts(b, some ? "," : open);
        some = true;
        if (h)
            prom_put_histogram(b, s->t_ms[i], h);
        else
            prom_put_point(b, s->t_ms[i], s->v[i]);
    }
    if (some)
        buf_puts(b, close);
}

static void put_series(Buf *b, const PqlSeries *s, bool matrix)
{
    buf_puts(b, "{\"metric\":");
    prom_put_labels(b, s->labels, s->label_count);
    put_points(b, s, false, matrix ? ",\"values\":[" : ",\"value\":", matrix ? "]" : "");
    if (s->h)
        put_points(b, s, true, matrix ? ",\"histograms\":[" : ",\"histogram\":", matrix ? "]" : "");
    buf_puts(b, "}");
}

static void put_result(PromJob *j, Buf *json)
{
    const PqlResult *r = pql_result(j->query);
    if (r->type == PQL_SCALAR) {
        buf_puts(json, "{\"resultType\":\"scalar\",\"result\":");
        prom_put_time(json, r->t_ms);
        buf_puts(json, "\"");
        pql_put_plain(json, r->scalar);
        buf_puts(json, "\"]");
        return;
    }
    if (r->type == PQL_STRING) {
        buf_puts(json, "{\"resultType\":\"string\",\"result\":");
        prom_put_time(json, r->t_ms);
        buf_put_json(json, r->string);
        buf_puts(json, "]");
        return;
    }
    bool matrix = r->type == PQL_MATRIX;
    size_t count = j->limit && r->count > j->limit ? (size_t)j->limit : r->count;
    buf_printf(json, "{\"resultType\":\"%s\",\"result\":[", matrix ? "matrix" : "vector");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_puts(json, ",");
        put_series(json, &r->series[i], matrix);
    }
    buf_puts(json, "]");
}

/* Of sorting and of waiting in a queue there is nothing to tell apart. */
static void put_stats(const PromJob *j, Buf *json)
{
    double prepared = (double)(j->started_ns - j->opened_ns) / NS_PER_S,
           evaluated = (double)(j->ended_ns - j->started_ns) / NS_PER_S;
    uint64_t total = 0, samples;
    int64_t t_ms;
    Buf steps;
    buf_init(&steps);
    for (size_t i = 0; pql_tally(j->query, i, &t_ms, &samples); i++) {
        total += samples;
        if (i)
            buf_puts(&steps, ",");
        prom_put_time(&steps, t_ms);
        buf_printf(&steps, "%llu]", (unsigned long long)samples);
    }
    buf_printf(json,
               ",\"stats\":{\"timings\":{\"evalTotalTime\":%.9f,\"resultSortTime\":0,"
               "\"queryPreparationTime\":%.9f,\"innerEvalTime\":%.9f,\"execQueueTime\":0,"
               "\"execTotalTime\":%.9f},\"samples\":{",
               evaluated, prepared, evaluated, prepared + evaluated);
    if (j->stats == PROM_STATS_ALL)
        buf_printf(json, "\"totalQueryableSamplesPerStep\":[%.*s],", SLICE_ARG(buf_slice(&steps)));
    buf_printf(json, "\"totalQueryableSamples\":%llu,\"peakSamples\":%llu}}",
               (unsigned long long)total, (unsigned long long)pql_samples(j->query));
    buf_free(&steps);
}

void prom_result(PromJob *j, Buf *json)
{
    put_result(j, json);
    if (j->stats != PROM_STATS_NONE)
        put_stats(j, json);
    buf_puts(json, "}");
}

size_t prom_annotation(PromJob *j, bool info, size_t i, Slice *out)
{
    const PqlResult *r = pql_result(j->query);
    size_t count = info ? r->info_count : j->warning_count;
    if (i < count)
        *out = info ? r->infos[i] : j->warnings[i];
    return count;
}

/* ---- metadata: a set of texts, sorted at the end ---- */

typedef struct TextSet {
    Arena *arena;
    Slice *items;
    uint32_t *slots;
    size_t count, cap, slot_count;
    /* what is gathered */
    PromMeta what;
    Slice label;
    Buf text;
} TextSet;

static void set_grow(TextSet *s)
{
    size_t cap = s->cap ? s->cap * 2 : SET_SLOTS_MIN / 2;
    Slice *items = ARENA_ARRAY(s->arena, Slice, cap);
    if (s->count)
        memcpy(items, s->items, s->count * sizeof *items);
    s->items = items;
    s->cap = cap;
    s->slot_count = cap * 2;
    s->slots = ARENA_ARRAY(s->arena, uint32_t, s->slot_count);
    for (size_t i = 0; i < s->count; i++) {
        size_t at = hash64(items[i].ptr, items[i].len, 0) & (s->slot_count - 1);
        while (s->slots[at])
            at = (at + 1) & (s->slot_count - 1);
        s->slots[at] = (uint32_t)i + 1;
    }
}

static void set_put(TextSet *s, Slice text)
{
    if (s->count == s->cap)
        set_grow(s);
    size_t at = hash64(text.ptr, text.len, 0) & (s->slot_count - 1);
    for (; s->slots[at]; at = (at + 1) & (s->slot_count - 1))
        if (slice_eq(s->items[s->slots[at] - 1], text))
            return;
    s->items[s->count++] = arena_slice(s->arena, text);
    s->slots[at] = (uint32_t)s->count;
}

static bool take_series(void *arg, const PqlLabel *labels, size_t count)
{
    TextSet *s = arg;
    if (s->what == PROM_SERIES) {
        buf_clear(&s->text);
        prom_put_labels(&s->text, labels, count);
        set_put(s, buf_slice(&s->text));
        return true;
    }
    for (size_t i = 0; i < count; i++)
        if (s->what == PROM_LABELS)
            set_put(s, labels[i].name);
        else if (slice_eq(labels[i].name, s->label))
            set_put(s, labels[i].value);
    return true;
}

static bool take_name(void *arg, const TableDef *t, Slice name, size_t series)
{
    (void)t, (void)series;
    set_put(arg, name);
    return true;
}

/* One metric is enough for there to be names. */
static bool take_any_name(void *arg, const TableDef *t, Slice name, size_t series)
{
    (void)t, (void)name, (void)series;
    set_put(arg, SLICE_LIT("__name__"));
    return false;
}

static Slice label_of(const ColumnDef *c)
{
    return c->label.len ? c->label : c->name;
}

/* All series of the table live: its dictionary knows, and none is looked at. */
static void take_dictionary(TextSet *s, SeriesIndex *index, const TableDef *t, const ColumnDef *c)
{
    uint32_t codes = idx_code_count(index, t->id, c->id);
    if (s->what == PROM_LABELS && codes > 1)
        set_put(s, label_of(c));
    for (uint32_t code = 1; s->what == PROM_LABEL_VALUES && code < codes; code++)
        set_put(s, idx_code_value(index, t->id, c->id, code));
}

/* Neighbours often have the same value. */
static void take_tags(TextSet *s, SeriesIndex *index, const SeriesId *ids, size_t n,
                      const ColumnDef *c)
{
    Slice last = SLICE_NONE;
    for (size_t i = 0; i < n; i++) {
        Slice v = idx_tag(index, ids[i], c->id);
        if (v.len == 0 || (last.ptr && slice_eq(v, last)))
            continue;
        set_put(s, s->what == PROM_LABELS ? label_of(c) : v);
        if (s->what == PROM_LABELS)
            return;
        last = v;
    }
}

static void take_table(TextSet *s, const PqlListing *l, const TableDef *t)
{
    SeriesIndex *index = engine_index(snapshot_engine(l->snapshot));
    SeriesSet *alive = pql_alive(l, t);
    size_t n = set_count(alive);
    bool all = n == idx_series_count(index, t->id);
    SeriesId *ids = all ? NULL : ARENA_ARRAY(s->arena, SeriesId, n + 1);
    n = all ? n : set_ids(alive, ids, n);
    for (size_t k = 0; n > 0 && k < t->column_count; k++) {
        const ColumnDef *c = &t->columns[k];
        if (!column_in_series(c) || c->dropped ||
            (s->what == PROM_LABEL_VALUES && !slice_eq(label_of(c), s->label)))
            continue;
        if (all)
            take_dictionary(s, index, t, c);
        else
            take_tags(s, index, ids, n, c);
    }
    set_unref(alive);
}

/* Without a selector. */
static void take_tables(TextSet *s, const PqlListing *l)
{
    const CatalogSnap *cat = snapshot_catalog(l->snapshot);
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        Err hidden;
        if (t->schema == l->schema && t->kind == TABLE_SERIES &&
            rights_may_read(l->rights.arg, cat, t, &t->columns[t->time_index], &hidden))
            take_table(s, l, t);
    }
}

static int by_text(const void *a, const void *b)
{
    return slice_cmp(*(const Slice *)a, *(const Slice *)b);
}

static void put_set(TextSet *s, uint64_t limit, Buf *json)
{
    if (s->count)
        qsort(s->items, s->count, sizeof *s->items, by_text);
    buf_puts(json, "[");
    for (size_t i = 0; i < s->count && (limit == 0 || i < limit); i++) {
        if (i)
            buf_puts(json, ",");
        if (s->what == PROM_SERIES)
            buf_put_slice(json, s->items[i]);
        else
            buf_put_json(json, s->items[i]);
    }
    buf_puts(json, "]");
    if (limit && s->count > limit)
        buf_puts(json, ",\"warnings\":[\"" TRUNCATED "\"]");
}

static bool parse_matches(Arena *a, const PromSelection *from, PqlMatcher **out, Err *e)
{
    for (size_t i = 0; i < from->match_count; i++) {
        if (!pql_parse_selector(a, from->match[i], &out[i], e))
            return false;
        if (pql_matches_all(out[i]))
            return err_set(e, ERR_INVALID_PARAMETER,
                           "match[] must contain at least one non-empty matcher");
    }
    return true;
}

static bool meta_read(TextSet *set, const PqlListing *l, Err *e)
{
    if (l->n > 0 || set->what == PROM_SERIES)
        return pql_series(l, take_series, set, e);
    if (set->what == PROM_LABEL_VALUES && slice_eq_cstr(set->label, "__name__"))
        return pql_metrics(l, take_name, set, e);
    take_tables(set, l);
    if (set->what == PROM_LABELS)
        return pql_metrics(l, take_any_name, set, e);
    return true;
}

/* Prometheus names the parameter in this one call alone. */
static bool meta_matches(TextSet *set, const PromSelection *from, PqlMatcher **m, Err *e)
{
    return parse_matches(set->arena, from, m, e) ||
           (set->what == PROM_SERIES && err_wrap(e, "invalid parameter \"match[]\""));
}

/* What is asked, but for the time. */
static void meta_key(Buf *key, const PromSelection *from, PromMeta what, Slice label)
{
    uint64_t fixed[] = {what, from->database, rights_role(from->rights), from->rights != NULL,
                        from->limit};
    buf_put(key, fixed, sizeof fixed);
    for (size_t i = 0; i <= from->match_count; i++) {
        Slice text = i ? from->match[i - 1] : label;
        buf_put_u32(key, (uint32_t)text.len);
        buf_put_slice(key, text);
    }
}

static bool meta_answer(Db *db, const PromSelection *from, PqlListing *l, TextSet *set, Buf *json,
                        Err *e)
{
    Buf key, tables;
    buf_init(&key);
    buf_init(&tables);
    size_t begin = json->len;
    l->asked = &tables;
    meta_key(&key, from, set->what, set->label);
    PromKeptAt at = prom_kept_at(l);
    bool ok = true;
    if (!prom_kept_find(db->prom_kept, buf_slice(&key), l, at, json)) {
        PqlMatcher **m = ARENA_ARRAY(set->arena, PqlMatcher *, from->match_count + 1);
        l->m = m;
        ok = meta_matches(set, from, m, e) && meta_read(set, l, e);
        if (ok) {
            put_set(set, from->limit, json);
            prom_kept_put(db->prom_kept, buf_slice(&key), l, at, buf_slice(&tables),
                          slice_of((const char *)json->ptr + begin, json->len - begin));
        }
    }
    buf_free(&key);
    buf_free(&tables);
    return ok;
}

bool prom_meta(Db *db, const PromSelection *from, PromMeta what, Slice label, Buf *json, Err *e)
{
    Arena a;
    arena_init(&a, &db->query_pool);
    TextSet set = {.arena = &a, .what = what, .label = label};
    buf_init(&set.text);
    PqlListing l = {.snapshot = engine_snapshot(db->engine, NULL),
                    .rights = {rights_may_read, from->rights},
                    .n = from->match_count,
                    .start_ms = from->start_ms,
                    .end_ms = from->end_ms};
    bool ok = public_schema(snapshot_catalog(l.snapshot), from->database, &l.schema, e) &&
              meta_answer(db, from, &l, &set, json, e);
    snapshot_unref(l.snapshot);
    buf_free(&set.text);
    arena_free(&a);
    return ok;
}
