/* session/write_keys.c - the keys of writes that were done, as they are found after a start.
 *
 * Ingest puts a row into idempotency.keys of the database in the batch that holds the rows of the write: both are
 * durable or neither is.  http/ keeps the newest in memory and asks here once. */
#include "session/session_private.h"

enum { KEY_TEXT, KEY_STATUS, KEY_TYPE, KEY_ANSWER, KEY_COLUMNS };

struct WriteKeys {
    Db *db;
    Snapshot *snap;
    Task *waiter;
    int64_t since_ns;
    size_t table; /* next to be looked at */
    Scan *scan;
    ScanRun run;
    size_t row; /* of the run */
    ColVec columns[KEY_COLUMNS];
    const int64_t *times;
};

static const TableDef *keys_of(const CatalogSnap *cat, const TableDef *t)
{
    static const char *const names[] = {"key", "status", "content_type", "answer"};
    const SchemaDef *s = cat_schema_by_id(cat, t->schema);
    if (!s || !slice_eq_cstr(s->name, "idempotency") || !slice_eq_cstr(t->name, "keys"))
        return NULL;
    for (size_t i = 0; i < KEY_COLUMNS; i++) {
        const ColumnDef *c = table_column(t, slice_cstr(names[i]));
        if (!c || c->phys != (i == KEY_STATUS ? PHYS_I64 : PHYS_STR))
            return NULL;
    }
    return t;
}

WriteKeys *db_write_keys_open(Db *db, int64_t since_ns, Task *waiter)
{
    WriteKeys *w = MEM_NEW(WriteKeys);
    w->db = db;
    w->waiter = waiter;
    w->since_ns = since_ns;
    w->snap = engine_snapshot(db->engine, NULL);
    return w;
}

void db_write_keys_close(WriteKeys *w)
{
    if (!w)
        return;
    scan_close(w->scan);
    snapshot_unref(w->snap);
    mem_free(w);
}

static bool open_scan(WriteKeys *w, const TableDef *t, Err *e)
{
    const ColumnId ids[KEY_COLUMNS] = {
        table_column(t, SLICE_LIT("key"))->id, table_column(t, SLICE_LIT("status"))->id,
        table_column(t, SLICE_LIT("content_type"))->id, table_column(t, SLICE_LIT("answer"))->id};
    ScanSpec spec = {.snapshot = w->snap,
                     .table = t->id,
                     .t_min = w->since_ns,
                     .t_max = INT64_MAX,
                     .columns = ids,
                     .column_count = KEY_COLUMNS};
    return scan_open(&w->scan, &spec, &w->db->query_pool, e);
}

static Slice text_at(const WriteKeys *w, int column)
{
    const ColVec *c = &w->columns[column];
    return c->type == PHYS_STR && bitmap_get(c->valid, w->row) ? c->v.str[w->row] : SLICE_LIT("");
}

static RunStatus next_run(WriteKeys *w, Err *e)
{
    switch (scan_next(w->scan, &w->run, w->waiter, e)) {
    case SCAN_WAIT:
        return RUN_WAIT;
    case SCAN_FAIL:
        return RUN_FAIL;
    case SCAN_END:
        scan_close(w->scan);
        w->scan = NULL;
        w->run.rows = 0;
        return RUN_DONE;
    case SCAN_RUN:
        break;
    }
    w->row = 0;
    if (!scan_times(w->scan, &w->times, e))
        return RUN_FAIL;
    for (size_t i = 0; i < KEY_COLUMNS; i++)
        if (!scan_column(w->scan, i, &w->columns[i], e))
            return RUN_FAIL;
    return RUN_BATCH;
}

RunStatus db_write_keys_next(WriteKeys *w, WriteKeyRow *out, Err *e)
{
    const CatalogSnap *cat = snapshot_catalog(w->snap);
    while (w->row >= w->run.rows) {
        RunStatus st = w->scan ? next_run(w, e) : RUN_DONE;
        if (st == RUN_WAIT || st == RUN_FAIL)
            return st;
        while (!w->scan && w->table < cat_table_count(cat)) {
            const TableDef *t = keys_of(cat, cat_table_at(cat, w->table++));
            if (t && !open_scan(w, t, e))
                return RUN_FAIL;
        }
        if (!w->scan)
            return RUN_DONE;
    }
    const ColVec *status = &w->columns[KEY_STATUS];
    *out = (WriteKeyRow){.time_ns = w->times[w->row],
                         .key = text_at(w, KEY_TEXT),
                         .content_type = text_at(w, KEY_TYPE),
                         .answer = text_at(w, KEY_ANSWER)};
    if (status->type == PHYS_I64 && bitmap_get(status->valid, w->row))
        out->status = status->v.i64[w->row];
    w->row++;
    return RUN_BATCH;
}

bool db_write_keys_drop(Db *db, ObjectId database, int64_t before_ns, Ticket *t)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    const SchemaDef *s = cat_schema(cat, database, SLICE_LIT("idempotency"));
    const TableDef *keys = s ? cat_table(cat, s->id, SLICE_LIT("keys")) : NULL;
    if (keys) {
        DeleteSpec d = {.table = keys->id, .t_min = INT64_MIN, .t_max = before_ns - 1};
        engine_delete(db->engine, &d, SYNC_OFF, t);
    }
    cat_unref(cat);
    return keys != NULL;
}
