/* What the engine tells of itself for the views of the schema skulk and for /metrics. */
#include "storage/engine_private.h"

/* ---- tables ---- */

static void widen(TableInfo *t, int64_t t_min, int64_t t_max)
{
    bool first = t->rows == 0;
    t->t_min = first || t_min < t->t_min ? t_min : t->t_min;
    t->t_max = first || t_max > t->t_max ? t_max : t->t_max;
}

static void add_part(TableInfo *out, const VersionPart *p, TableId table)
{
    const PartInfo *info = part_info(p->part);
    int64_t t_min, t_max;
    if (!part_has_table(p->part, table, &t_min, &t_max))
        return;
    for (size_t i = 0; i < part_table_count(p->part); i++) {
        if (part_table_at(p->part, i) != table)
            continue;
        uint64_t rows = part_table_rows(p->part, i);
        widen(out, t_min, t_max);
        out->rows += rows;
        out->files += p->file != 0;
        if (info->rows)
            out->bytes += (uint64_t)((double)info->bytes * (double)rows / (double)info->rows);
    }
}

static void add_tail(TableInfo *out, const VersionTail *t, TableId table)
{
    int64_t t_min, t_max;
    if (!seg_has_table(t->segment, t->rows, table, &t_min, &t_max))
        return;
    Arena arena;
    SegRow *rows;
    arena_init(&arena, NULL);
    size_t n =
        seg_select(t->segment, t->rows, table, NULL, TIME_MIN_NS, TIME_MAX_NS, &arena, &rows);
    size_t all = seg_rows(t->segment);
    if (n)
        widen(out, t_min, t_max);
    out->rows += n;
    if (all)
        out->bytes += (uint64_t)((double)seg_bytes(t->segment) * (double)n / (double)all);
    arena_free(&arena);
}

void snapshot_table_info(const Snapshot *s, TableId table, TableInfo *out)
{
    SnapshotView v;
    snapshot_view(s, &v);
    *out = (TableInfo){0};
    for (size_t i = 0; i < v.part_count; i++)
        add_part(out, &v.parts[i], table);
    for (size_t i = 0; i < v.tail_count; i++)
        add_tail(out, &v.tails[i], table);
}

void snapshot_table_about(const Snapshot *s, TableId table, TableInfo *out)
{
    SnapshotView v;
    int64_t t_min, t_max;
    snapshot_view(s, &v);
    *out = (TableInfo){0};
    for (size_t i = 0; i < v.part_count; i++) {
        if (!part_has_table(v.parts[i].part, table, &t_min, &t_max))
            continue;
        widen(out, t_min, t_max);
        out->rows += part_table_rows_about(v.parts[i].part, table);
    }
    for (size_t i = 0; i < v.tail_count; i++) {
        const VersionTail *t = &v.tails[i];
        if (!seg_has_table(t->segment, t->rows, table, &t_min, &t_max))
            continue;
        widen(out, t_min, t_max);
        out->rows += seg_table_rows(t->segment, table);
    }
}

/* ---- log ---- */

void engine_wal_info(Engine *eng, WalInfo *out)
{
    LogState s;
    eng->store->ops->log_state(eng->store, &s);
    *out = (WalInfo){.segments = s.files,
                     .bytes = s.bytes,
                     .epoch = eng->epoch,
                     .archives = s.archives,
                     .archived = s.archived,
                     .archived_ns = s.archived_ns,
                     .archive_waiting = s.waiting,
                     .archive_waiting_bytes = s.waiting_bytes,
                     .archive_err = s.archive_err};
    mutex_lock(&eng->mutex);
    out->visible = eng->applied;
    out->covered = eng->manifest.covered;
    out->unflushed = eng->log_bytes;
    mutex_unlock(&eng->mutex);
}

/* ---- space ---- */

size_t engine_storage(Engine *eng, StorageKind *out, size_t max, int64_t age_max_ns, Err *e)
{
    StoreUsage u;
    int64_t now = engine_now(eng);
    mutex_lock(&eng->mutex);
    bool known = eng->usage_ns && now - eng->usage_ns < age_max_ns;
    u = eng->usage;
    mutex_unlock(&eng->mutex);
    if (!known && !eng->store->ops->usage(eng->store, &u, e))
        return 0;
    mutex_lock(&eng->mutex);
    if (!known) {
        eng->usage = u;
        eng->usage_ns = now;
    }
    mutex_unlock(&eng->mutex);
    const StorageKind all[] = {
        {"files", u.blobs[BLOB_PART]},
        {"series_index", u.blobs[BLOB_SERIES] + u.blobs[BLOB_SERIES_COPY]},
        {"manifest", u.manifest},
        {"log", u.log},
        {"reserve", u.reserve},
        {"other", u.other + u.blobs[BLOB_CATALOG] + u.blobs[BLOB_CATALOG_COPY]},
    };
    size_t n = sizeof all / sizeof all[0];
    for (size_t i = 0; i < n && i < max; i++)
        out[i] = all[i];
    return n;
}

/* ---- compactions ---- */

void info_compaction_begin(Engine *eng, const Pick *p, const char *reason)
{
    CompactionInfo c = {.started_ns = eng->clock->wall_ns(eng->clock),
                        .level = p->level,
                        .inputs = p->count,
                        .reason = reason,
                        .running = true};
    int64_t begin = engine_now(eng);
    for (size_t i = 0; i < p->count; i++) {
        c.rows_in += p->files[i]->info.rows;
        c.bytes_in += p->files[i]->info.bytes;
    }
    mutex_lock(&eng->mutex);
    c.number = ++eng->compaction_count;
    c.duration_ns = begin; /* until it ends */
    eng->compactions[c.number % COMPACTIONS_KEPT] = c;
    mutex_unlock(&eng->mutex);
}

void info_compaction_end(Engine *eng, const Compact *job, bool ok)
{
    int64_t now = engine_now(eng);
    mutex_lock(&eng->mutex);
    CompactionInfo *c = &eng->compactions[eng->compaction_count % COMPACTIONS_KEPT];
    for (size_t i = 0; ok && i < compact_output_count(job); i++) {
        c->outputs++;
        c->rows_out += compact_output(job, i)->rows;
        c->bytes_out += compact_output(job, i)->bytes;
    }
    if (c->running)
        c->duration_ns = now - c->duration_ns;
    c->running = false;
    c->failed = !ok;
    mutex_unlock(&eng->mutex);
}

size_t engine_compactions(Engine *eng, CompactionInfo *out, size_t max)
{
    int64_t now = engine_now(eng);
    size_t n = 0;
    mutex_lock(&eng->mutex);
    for (uint64_t k = 0; k < COMPACTIONS_KEPT && k < eng->compaction_count && n < max; k++) {
        out[n] = eng->compactions[(eng->compaction_count - k) % COMPACTIONS_KEPT];
        if (out[n].running)
            out[n].duration_ns = now - out[n].duration_ns;
        n++;
    }
    mutex_unlock(&eng->mutex);
    return n;
}
