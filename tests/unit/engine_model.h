/* tests/unit/engine_model.h - an engine beside the plain array of all rows written to it.
 *
 * Three tables (rows_model.h), a few series each.  world_check reads everything back through
 * scans and compares; world_write acknowledges a batch and only then adds it to the model.
 * Used by test_engine and by the crash simulator. */
#ifndef SKULK_TESTS_ENGINE_MODEL_H
#define SKULK_TESTS_ENGINE_MODEL_H

#include "rows_model.h"
#include "storage/engine.h"
#include "storage/scan.h"
#include <stdarg.h>

enum { WORLD_SERIES = 5, WORLD_TABLES = 3, WORLD_TAG = 60 };

typedef struct World {
    EngineOptions o;
    Engine *eng;
    ModelRow *rows; /* acknowledged, in order of their LSN */
    size_t row_count, row_cap;
    int64_t clock;  /* times of rows grow with it */
    int64_t spread; /* rows lie up to so far behind */
    int deletes;    /* of a hundred writes, rows and ranges; 0 = none */
} World;

static inline void world_add(World *w, const ModelRow *r)
{
    if (w->row_count == w->row_cap) {
        w->row_cap = w->row_cap ? w->row_cap * 2 : 1024;
        w->rows = mem_realloc(w->rows, w->row_cap * sizeof *w->rows);
    }
    w->rows[w->row_count++] = *r;
}

static inline SeriesId world_series(World *w, TableId table, unsigned which)
{
    char text[16];
    Tag tag = {WORLD_TAG, {text, (size_t)snprintf(text, sizeof text, "s%u", which)}};
    SeriesId id;
    bool made;
    Err e;
    ck_assert_msg(idx_intern(engine_index(w->eng), table, &tag, 1, NULL, &id, &made, &e), "%s",
                  e.message);
    return id;
}

/* Tables MODEL_TABLE + 1 .. + 3, where they are not there yet. */
static inline bool world_tables(World *w, Err *e)
{
    CatalogSnap *model = model_catalog(), *now = engine_catalog(w->eng);
    bool ok = true;
    for (unsigned mode = 1; ok && mode <= DUP_ERROR; mode++) {
        const TableDef *t = cat_table_by_id(model, MODEL_TABLE + mode);
        if (cat_table_by_id(now, t->id))
            continue;
        CatEdit edit = {.op = CAT_PUT_TABLE, .table = t};
        ok = engine_edit_catalog(w->eng, &edit, 1, e);
    }
    cat_unref(model);
    cat_unref(now);
    return ok;
}

static inline bool world_open(World *w, Err *e)
{
    return engine_open(&w->eng, &w->o, e) && (w->o.flags & ENGINE_READ_ONLY || world_tables(w, e));
}

/* The row changes or deletes one that was written before, perhaps deleted since. */
static inline void world_old_key(World *w, ModelRow *r)
{
    const ModelRow *old = w->row_count ? &w->rows[(size_t)rand() % w->row_count] : NULL;
    if (!old || old->op != MODEL_WRITE || (old->table == MODEL_TABLE + DUP_KEEP && !old->row))
        return;
    r->table = old->table;
    r->series = old->series;
    r->time = old->time;
    r->row = old->row;
    r->op = rand() % 2 ? MODEL_DELETE : MODEL_WRITE;
}

/* A random batch; its rows go into `rows`. */
static inline WriteBatch *world_batch(World *w, ModelRow *rows, size_t n)
{
    WriteBatch *wb = wb_new();
    for (size_t i = 0; i < n; i++) {
        ModelRow *r = &rows[i];
        *r = (ModelRow){0};
        r->table = MODEL_TABLE + 1 + (unsigned)rand() % WORLD_TABLES;
        r->series = world_series(w, r->table, (unsigned)rand() % WORLD_SERIES);
        w->clock += rand() % 3 ? 0 : 1 + rand() % 1000;
        r->time = w->clock - (rand() % 4 ? 0 : rand() % 50 * w->spread / 50);
        for (int c = 0; c < MODEL_COLUMNS; c++)
            r->field[c] = model_field(15);
        if (w->deletes && r->table == MODEL_TABLE + DUP_KEEP && rand() % 4)
            r->row = engine_row_ids(w->eng, 1);
        if (rand() % 100 < w->deletes)
            world_old_key(w, r);
        model_write(wb, r, false);
    }
    return wb;
}

/* A random range delete. */
static inline DeleteSpec world_range(World *w, ModelRow *r)
{
    *r = (ModelRow){.op = MODEL_RANGE, .table = MODEL_TABLE + 1 + (unsigned)rand() % WORLD_TABLES};
    int64_t back = 1 + rand() % 1000 + (rand() % 4 ? 0 : w->spread);
    r->time = rand() % 8 ? w->clock - rand() % back : TIME_MIN_NS;
    r->last = rand() % 8 ? r->time + rand() % (back / 4 + 1) : TIME_MAX_NS;
    if (r->time == TIME_MIN_NS && r->last != TIME_MAX_NS)
        r->last = w->clock - back;
    DeleteSpec d = {.table = r->table, .t_min = r->time, .t_max = r->last};
    unsigned which = (unsigned)rand() % (WORLD_SERIES - 1);
    SeriesId ids[2] = {world_series(w, r->table, which), world_series(w, r->table, which + 1)};
    if (rand() % 4) {
        r->series = ids[0];
        r->series2 = rand() % 2 ? ids[1] : 0;
        d.series = set_from_ids(ids, r->series2 ? 2 : 1);
    }
    return d;
}

static inline bool world_delete(World *w, SyncMode sync, Err *e)
{
    ModelRow r;
    Ticket t = {0};
    DeleteSpec d = world_range(w, &r);
    engine_delete(w->eng, &d, sync, &t);
    set_unref(d.series);
    sched_run_until(w->o.sched, &t.done);
    if (t.ok)
        world_add(w, &r);
    else
        *e = t.err;
    return t.ok;
}

static inline void world_await(World *w, Ticket *t)
{
    sched_run_until(w->o.sched, &t->done);
}

static inline bool world_write(World *w, size_t n, SyncMode sync, Err *e)
{
    ModelRow *rows = mem_alloc((n + 1) * sizeof *rows);
    Ticket t = {0};
    engine_submit(w->eng, world_batch(w, rows, n), sync, &t);
    world_await(w, &t);
    for (size_t i = 0; t.ok && i < n; i++)
        world_add(w, &rows[i]);
    if (!t.ok)
        *e = t.err;
    mem_free(rows);
    return t.ok;
}

static inline const char *world_say(const char *fmt, ...)
{
    static char text[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return text;
}

/* The rows of one run against those of the model from `at` on. */
static inline const char *world_run(Scan *scan, const ScanRun *run, const ModelAnswer *want,
                                    size_t at)
{
    const int64_t *times;
    Err e;
    if (!scan_times(scan, &times, &e))
        return world_say("times: %s", e.message);
    for (uint32_t i = 0; i < run->rows; i++)
        if (at + i >= want->count || times[i] != want->rows[at + i].time)
            return world_say("series %llx row %zu of %zu: time %lld",
                             (unsigned long long)run->series, at + i, want->count,
                             (long long)times[i]);
    for (int c = 0; c < MODEL_COLUMNS; c++) {
        ColVec v;
        if (!scan_column(scan, (size_t)c, &v, &e))
            return world_say("column: %s", e.message);
        for (uint32_t i = 0; i < run->rows; i++)
            if (!model_is(&v, i, c, want->rows[at + i].field[c]))
                return world_say("series %llx time %lld column %d: not %d",
                                 (unsigned long long)run->series, (long long)times[i], c,
                                 want->rows[at + i].field[c]);
    }
    return NULL;
}

/* What the scan gives; *seen: how many rows. */
static inline const char *world_scan(World *w, Scan *scan, TableId table, size_t count,
                                     size_t *seen)
{
    const char *diff = NULL;
    ModelAnswer want = {0};
    SeriesId series = 0;
    size_t at = 0;
    ScanRun run;
    ScanStatus st;
    Err e;
    *seen = 0;
    while (!diff && (st = scan_next(scan, &run, NULL, &e)) == SCAN_RUN) {
        if (run.series != series) {
            if (at < want.count)
                diff = world_say("series %llx: %zu rows of %zu", (unsigned long long)series, at,
                                 want.count);
            mem_free(want.rows);
            series = run.series;
            want = model_answer(w->rows, count, table, series, TIME_MIN_NS, TIME_MAX_NS,
                                table - MODEL_TABLE);
            at = 0;
        }
        if (!diff)
            diff = world_run(scan, &run, &want, at);
        at += run.rows;
        *seen += run.rows;
    }
    if (!diff && st != SCAN_END)
        diff = world_say("scan: %s", e.message);
    if (!diff && at < want.count)
        diff =
            world_say("series %llx: %zu rows of %zu", (unsigned long long)series, at, want.count);
    mem_free(want.rows);
    return diff;
}

static inline const char *world_table(World *w, Snapshot *s, TableId table, size_t count)
{
    ScanSpec spec = {.snapshot = s,
                     .table = table,
                     .t_min = TIME_MIN_NS,
                     .t_max = TIME_MAX_NS,
                     .columns = model_ids,
                     .column_count = MODEL_COLUMNS};
    Scan *scan;
    size_t seen, all = 0;
    Err e;
    if (!cat_table_by_id(snapshot_catalog(s), table)) { /* before its creation was durable */
        for (size_t i = 0; i < count; i++)
            if (w->rows[i].table == table)
                return "a table is missing";
        return NULL;
    }
    if (!scan_open(&scan, &spec, NULL, &e))
        return world_say("open: %s", e.message);
    const char *diff = world_scan(w, scan, table, count, &seen);
    scan_close(scan);
    for (unsigned k = 0; !diff && k < WORLD_SERIES; k++) { /* series that are missing as a whole */
        ModelAnswer a = model_answer(w->rows, count, table, world_series(w, table, k), TIME_MIN_NS,
                                     TIME_MAX_NS, table - MODEL_TABLE);
        all += a.count;
        mem_free(a.rows);
    }
    if (!diff && all != seen)
        diff = world_say("table %u: %zu rows, not %zu", table, seen, all);
    return diff;
}

/* Everything that scans give, against the first `count` rows of the model.  NULL: equal. */
/* A series that was lost with its rows has another id now: those rows are not there. */
static inline const char *world_ids(World *w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (w->rows[i].op != MODEL_RANGE &&
            idx_table(engine_index(w->eng), w->rows[i].series) != w->rows[i].table)
            return world_say("row %zu: series %llx of table %u is not known", i,
                             (unsigned long long)w->rows[i].series, w->rows[i].table);
    return NULL;
}

static inline const char *world_difference(World *w, Snapshot *s, size_t count)
{
    const char *lost = world_ids(w, count);
    if (lost)
        return lost;
    for (TableId table = MODEL_TABLE + 1; table <= MODEL_TABLE + WORLD_TABLES; table++) {
        const char *diff = world_table(w, s, table, count);
        if (diff)
            return diff;
    }
    return NULL;
}

static inline void world_check(World *w)
{
    Snapshot *s = engine_snapshot(w->eng, NULL);
    const char *diff = world_difference(w, s, w->row_count);
    ck_assert_msg(!diff, "%s", diff);
    snapshot_unref(s);
}

static inline void world_maintain(World *w, bool vacuum)
{
    Ticket t = {0};
    if (vacuum)
        engine_vacuum(w->eng, 0, &t);
    else
        engine_checkpoint(w->eng, &t);
    world_await(w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
}

#endif
