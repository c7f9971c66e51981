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

/* ---- for estimates ---- */

static void about_part(TableInfo *out, const Part *p, TableId table)
{
    int64_t t_min, t_max;
    if (!part_has_table(p, table, &t_min, &t_max))
        return;
    widen(out, t_min, t_max);
    out->rows += part_table_rows_about(p, table);
}

static void about_segment(TableInfo *out, const Segment *s, size_t rows, TableId table)
{
    int64_t t_min, t_max;
    if (!seg_has_table(s, rows, table, &t_min, &t_max))
        return;
    widen(out, t_min, t_max);
    out->rows += seg_table_rows(s, table);
}

void snapshot_table_about(const Snapshot *s, TableId table, TableInfo *out)
{
    SnapshotView v;
    snapshot_view(s, &v);
    *out = (TableInfo){0};
    for (size_t i = 0; i < v.part_count; i++)
        about_part(out, v.parts[i].part, table);
    for (size_t i = 0; i < v.tail_count; i++)
        about_segment(out, v.tails[i].segment, v.tails[i].rows, table);
}

bool temp_table_about(const TempSpace *t, TableId table, TableInfo *out)
{
    const TxnLayer *l;
    size_t count;
    *out = (TableInfo){0};
    if (!temp_table_layers(t, table, &l, &count))
        return false;
    for (; count > 0; l++, count--) {
        if (l->segment)
            about_segment(out, l->segment, seg_rows(l->segment), table);
        else if (l->file->part)
            about_part(out, l->file->part, table);
    }
    return true;
}

enum { SAMPLE_GROUPS = 8, SAMPLE_ROWS = 64 }; /* of a file, of a segment */

static void add_values(ColumnAbout *out, double rows, double values, double min, double max)
{
    out->rows += rows;
    if (values <= 0)
        return;
    out->min = out->values > 0 && out->min < min ? out->min : min;
    out->max = out->values > 0 && out->max > max ? out->max : max;
    out->values += values;
}

static void column_of_part(ColumnAbout *out, Part *p, TableId table, ColumnId column)
{
    PartGroup g;
    ChunkStats st;
    for (size_t i = 0; part_sample_group(p, table, i, SAMPLE_GROUPS, &g); i++) {
        if (g.table != table || !part_stats(p, &g, column, &st))
            continue;
        bool whole = st.type == PHYS_I64;
        out->whole &= whole || st.count == 0;
        add_values(out, g.rows, (double)st.count - (whole ? 0 : st.nan_count),
                   whole ? (double)st.u.i.min : st.u.f.min,
                   whole ? (double)st.u.i.max : st.u.f.max);
    }
}

static void column_of_segment(ColumnAbout *out, const Segment *s, size_t rows, TableId table,
                              ColumnId column)
{
    SegRow chosen[SAMPLE_ROWS];
    size_t n = seg_sample(s, rows, table, chosen, SAMPLE_ROWS);
    Arena arena;
    ColVec v;
    arena_init(&arena, NULL);
    seg_column(s, chosen, n, column, PHYS_F64, &arena, &v, NULL);
    double values = 0, min = 0, max = 0;
    for (size_t i = 0; v.type == PHYS_F64 && i < n; i++) {
        double x = v.v.f64[i];
        if (!bitmap_get(v.valid, i) || x != x)
            continue;
        min = values == 0 || x < min ? x : min;
        max = values == 0 || x > max ? x : max;
        values++;
        out->whole &= x == (double)(int64_t)x;
    }
    add_values(out, (double)n, values, min, max);
    arena_free(&arena);
}

void snapshot_column_about(const Snapshot *s, TableId table, ColumnId column, ColumnAbout *out)
{
    SnapshotView v;
    snapshot_view(s, &v);
    *out = (ColumnAbout){.whole = true};
    for (size_t i = 0; i < v.part_count; i++)
        column_of_part(out, v.parts[i].part, table, column);
    for (size_t i = 0; i < v.tail_count; i++)
        column_of_segment(out, v.tails[i].segment, v.tails[i].rows, table, column);
}

bool temp_column_about(const TempSpace *t, TableId table, ColumnId column, ColumnAbout *out)
{
    const TxnLayer *l;
    size_t count;
    *out = (ColumnAbout){.whole = true};
    if (!temp_table_layers(t, table, &l, &count))
        return false;
    for (; count > 0; l++, count--) {
        if (l->segment)
            column_of_segment(out, l->segment, seg_rows(l->segment), table, column);
        else if (l->file->part)
            column_of_part(out, l->file->part, table, column);
    }
    return true;
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
        c->rows_out += compact_outputs(job)[i].rows;
        c->bytes_out += compact_outputs(job)[i].bytes;
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
