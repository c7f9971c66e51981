/* session/promql_admin.c - Prometheus' API beside queries: metadata, statistics of the database, deleting series. */
#include "session/promql_private.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- metadata: the series of prometheus.metadata ---- */
typedef struct MetaRow {
    Slice metric, type, help, unit;
} MetaRow;

static int by_metric(const void *a, const void *b)
{
    const MetaRow *x = a, *y = b;
    int c = slice_cmp(x->metric, y->metric);
    c = c ? c : slice_cmp(x->type, y->type);
    return c ? c : slice_cmp(x->help, y->help);
}

static Slice tag_text(SeriesIndex *idx, const TableDef *t, SeriesId id, const char *column)
{
    const ColumnDef *c = table_column(t, slice_cstr(column));
    Slice v = c ? idx_tag(idx, id, c->id) : SLICE_NONE;
    return v.ptr ? v : SLICE_LIT("");
}

static size_t read_metadata(Arena *a, SeriesIndex *idx, const TableDef *t, Slice metric,
                            MetaRow **out)
{
    const ColumnDef *c = table_column(t, SLICE_LIT("metric"));
    TagMatch match = {.column = c ? c->id : 0, .kind = TAG_EQ, .value = metric};
    SeriesSet *set = idx_select(idx, t->id, &match, c && metric.len ? 1 : 0);
    size_t n = set_count(set);
    SeriesId *ids = ARENA_ARRAY(a, SeriesId, n + 1);
    MetaRow *rows = ARENA_ARRAY(a, MetaRow, n + 1);
    n = set_ids(set, ids, n);
    for (size_t i = 0; i < n; i++)
        rows[i] = (MetaRow){tag_text(idx, t, ids[i], "metric"), tag_text(idx, t, ids[i], "type"),
                            tag_text(idx, t, ids[i], "help"), tag_text(idx, t, ids[i], "unit")};
    set_unref(set);
    if (n)
        qsort(rows, n, sizeof *rows, by_metric);
    *out = rows;
    return n;
}

/* The members of its object that all forms have, and the end of it. */
static void put_about(const MetaRow *r, Buf *json)
{
    buf_puts(json, "\"type\":");
    buf_put_json(json, r->type);
    buf_puts(json, ",\"help\":");
    buf_put_json(json, r->help);
    buf_puts(json, ",\"unit\":");
    buf_put_json(json, r->unit);
    buf_puts(json, "}");
}

/* As /targets/metadata has it; which target told is not kept. */
static void put_target_metadata(const MetaRow *rows, size_t n, bool named, uint64_t limit,
                                Buf *json)
{
    buf_puts(json, "[");
    for (size_t i = 0; i < n && i < limit; i++) {
        buf_puts(json, i ? ",{\"target\":{}" : "{\"target\":{}");
        if (named) {
            buf_puts(json, ",\"metric\":");
            buf_put_json(json, rows[i].metric);
        }
        buf_puts(json, ",");
        put_about(&rows[i], json);
    }
    buf_puts(json, "]");
}

static void put_metadata(const MetaRow *rows, size_t n, uint64_t limit, uint64_t per_metric,
                         Buf *json)
{
    uint64_t metrics = 0, of_metric = 0;
    buf_puts(json, "{");
    for (size_t i = 0; i < n; i++) {
        bool begins = i == 0 || !slice_eq(rows[i].metric, rows[i - 1].metric);
        if (begins && metrics == limit)
            break;
        if (begins) {
            buf_puts(json, metrics++ ? "]," : "");
            buf_put_json(json, rows[i].metric);
            buf_puts(json, ":[");
            of_metric = 0;
        }
        if (of_metric == per_metric)
            continue;
        buf_puts(json, of_metric++ ? ",{" : "{");
        put_about(&rows[i], json);
    }
    buf_puts(json, metrics ? "]}" : "}");
}

bool prom_metadata(Db *db, Rights *rights, ObjectId database, const PromMetadata *r, Buf *json,
                   Err *e)
{
    Arena a;
    MetaRow *rows = NULL;
    arena_init(&a, &db->query_pool);
    Snapshot *snap = engine_snapshot(db->engine, NULL);
    const CatalogSnap *cat = snapshot_catalog(snap);
    const SchemaDef *s = cat_schema(cat, database, SLICE_LIT("prometheus"));
    const TableDef *t = s ? cat_table(cat, s->id, SLICE_LIT("metadata")) : NULL;
    bool ok = !t || rights_may_read(rights, cat, t, NULL, e);
    size_t n = ok && t ? read_metadata(&a, engine_index(db->engine), t, r->metric, &rows) : 0;
    if (ok && r->targets)
        put_target_metadata(rows, n, r->metric.len == 0, r->limit, json);
    else if (ok)
        put_metadata(rows, n, r->limit, r->limit_per_metric, json);
    snapshot_unref(snap);
    arena_free(&a);
    return ok;
}

/* ---- snapshot ---- */
bool db_snapshot(Db *db, Rights *rights, char name[DB_SNAPSHOT_NAME], Ticket *t, Err *e)
{
    char path[4096], when[40];
    int64_t now = db->clock->wall_ns(db->clock), year;
    int month, day;
    if (!rights_superuser(rights, db, e))
        return false;
    int64_t s = floor_div(now, NS_PER_S), days = floor_div(s, 86400);
    int of_day = (int)(s - days * 86400);
    civil_from_days(days, &year, &month, &day);
    snprintf(when, sizeof when, "%04d%02d%02dT%02d%02d%02dZ", (int)year, month, day, of_day / 3600,
             of_day / 60 % 60, of_day % 60);
    snprintf(name, DB_SNAPSHOT_NAME, "%s-%016llx", when,
             (unsigned long long)db->clock->random(db->clock));
    if (snprintf(path, sizeof path, "%s/snapshots/%s", db->data_dir, name) >= (int)sizeof path)
        return err_set(e, ERR_INVALID_PARAMETER, "the path of the data directory is too long");
    char *slash = strrchr(path, '/');
    *slash = 0;
    if (!db->io->mkdir(db->io, path, e))
        return false;
    *slash = '/';
    engine_backup(db->engine, path, t);
    return true;
}

bool db_clean_tombstones(Db *db, Rights *rights, Ticket *t, Err *e)
{
    if (!rights_superuser(rights, db, e))
        return false;
    engine_vacuum(db->engine, 0, t);
    return true;
}
