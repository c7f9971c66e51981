/* session/promql_delete.c - admin/tsdb/delete_series: whole series by a range delete, single fields by hiding
 * their values.
 *
 * A series whose fields are all selected goes with one range delete.  Of any other the rows are read, and the
 * selected fields are written anew as NULL; a row in which nothing else stands is hidden whole.  The snapshot
 * for that is taken once the range deletes are done, so that what they hid is not written again. */
#include "session/promql_private.h"

enum { DELETE_BATCH_ROWS = 16384 };

typedef struct TableDelete {
    const TableDef *table;
    SeriesSet *whole; /* series of which all fields are selected */
} TableDelete;

struct PromDelete {
    Db *db;
    Arena arena;
    PqlRaw *targets;
    Snapshot *names, *rows; /* when it began; once the series are gone */
    TableDelete *tables;
    size_t table_count, table_at, target_at;
    int64_t t_min, t_max;
    /* the target whose rows are read */
    Scan *scan;
    ColumnId *columns; /* its own first, then all others */
    size_t own_count, column_count;
    WriteBatch *batch;
    Ticket ticket;
    Task *waiter;
    bool sent;
};

static bool is_field(const ColumnDef *c)
{
    return c->kind == COL_FIELD && !c->dropped && !slice_eq_cstr(c->name, "__start__");
}

static bool is_own(const PqlTarget *t, ColumnId id)
{
    return id == t->number || id == t->hist;
}

/* ---- which series go whole ---- */
static TableDelete *table_of(PromDelete *d, const TableDef *t)
{
    for (size_t i = 0; i < d->table_count; i++)
        if (d->tables[i].table == t)
            return &d->tables[i];
    d->tables[d->table_count] = (TableDelete){.table = t};
    return &d->tables[d->table_count++];
}

/* The series in which this field is selected. */
static SeriesSet *series_of_field(const PromDelete *d, const TableDef *table, ColumnId field)
{
    PqlTarget t;
    SeriesSet *all = set_from_ids(NULL, 0);
    for (size_t i = 0; pql_raw_target(d->targets, i, &t); i++) {
        if (t.table != table || !is_own(&t, field))
            continue;
        SeriesSet *more = set_or(all, t.series);
        set_unref(all);
        all = more;
    }
    return all;
}

static void find_whole(PromDelete *d, TableDelete *td)
{
    for (size_t i = 0; i < td->table->column_count; i++) {
        const ColumnDef *c = &td->table->columns[i];
        if (!is_field(c))
            continue;
        SeriesSet *set = series_of_field(d, td->table, c->id), *both = set;
        if (td->whole) {
            both = set_and(td->whole, set);
            set_unref(set);
            set_unref(td->whole);
        }
        td->whole = both;
    }
}

/* ---- may it be done ---- */
static bool may_hide(const PqlTarget *t, Err *e)
{
    if (t->table->duplicates != DUP_LAST)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "table \"%.*s\" keeps rows of one time, and not all its fields are selected",
                       SLICE_ARG(t->table->name)) ||
               err_hint(e, "use SQL: UPDATE ... SET field = NULL");
    for (size_t i = 0; i < t->table->column_count; i++) {
        const ColumnDef *c = &t->table->columns[i];
        if (is_field(c) && is_own(t, c->id) && c->not_null)
            return err_set(e, ERR_NOT_NULL,
                           "column \"%.*s\" of table \"%.*s\" does not allow NULL, and not all "
                           "its fields are selected",
                           SLICE_ARG(c->name), SLICE_ARG(t->table->name));
    }
    return true;
}

static bool is_whole(PromDelete *d, const PqlTarget *t)
{
    SeriesSet *both = set_and(table_of(d, t->table)->whole, t->series);
    bool whole = set_count(both) == set_count(t->series);
    set_unref(both);
    return whole;
}

static bool check_targets(PromDelete *d, Rights *rights, Err *e)
{
    const CatalogSnap *cat = snapshot_catalog(d->names);
    PqlTarget t;
    size_t n = 0;
    while (pql_raw_target(d->targets, n, &t))
        n++;
    d->tables = ARENA_ARRAY(&d->arena, TableDelete, n + 1);
    for (size_t i = 0; pql_raw_target(d->targets, i, &t); i++) {
        if (!rights_may_delete(rights, cat, t.table, e))
            return false;
        table_of(d, t.table);
    }
    for (size_t i = 0; i < d->table_count; i++)
        find_whole(d, &d->tables[i]);
    for (size_t i = 0; pql_raw_target(d->targets, i, &t); i++)
        if (!is_whole(d, &t) && !may_hide(&t, e))
            return false;
    return true;
}

static bool delete_open(PromDelete *d, const PromSelection *from, Err *e)
{
    PqlMatcher **m = ARENA_ARRAY(&d->arena, PqlMatcher *, from->match_count + 1);
    for (size_t i = 0; i < from->match_count; i++)
        if (!pql_parse_selector(&d->arena, from->match[i], &m[i], e) ||
            (pql_matches_all(m[i]) &&
             !err_set(e, ERR_INVALID_PARAMETER,
                      "match[] must contain at least one non-empty matcher")))
            return err_wrap(e, "invalid parameter \"match[]\"");
    d->names = engine_snapshot(d->db->engine, NULL);
    const SchemaDef *s =
        cat_schema(snapshot_catalog(d->names), from->database, SLICE_LIT("public"));
    PqlRawRequest r = {.snapshot = d->names,
                       .schema = s ? s->id : 0,
                       .rights = {rights_may_read, from->rights},
                       .budget = &d->db->query_pool};
    return pql_raw_open(&d->targets, &r, m, from->match_count, e) &&
           check_targets(d, from->rights, e);
}

bool prom_delete_open(PromDelete **out, Db *db, const PromSelection *from, Task *waiter, Err *e)
{
    PromDelete *d = MEM_NEW(PromDelete);
    d->db = db;
    d->waiter = waiter;
    d->t_min =
        from->start_ms < ROW_TIME_MIN / NS_PER_MS ? ROW_TIME_MIN : from->start_ms * NS_PER_MS;
    d->t_max = from->end_ms >= ROW_TIME_MAX / NS_PER_MS ? ROW_TIME_MAX
                                                        : from->end_ms * NS_PER_MS + NS_PER_MS - 1;
    arena_init(&d->arena, &db->query_pool);
    if (!delete_open(d, from, e)) {
        prom_delete_close(d);
        return false;
    }
    *out = d;
    return true;
}

void prom_delete_close(PromDelete *d)
{
    if (!d)
        return;
    must(!d->sent);
    scan_close(d->scan);
    wb_free(d->batch);
    for (size_t i = 0; i < d->table_count; i++)
        set_unref(d->tables[i].whole);
    pql_raw_close(d->targets);
    if (d->names)
        snapshot_unref(d->names);
    if (d->rows)
        snapshot_unref(d->rows);
    arena_free(&d->arena);
    mem_free(d);
}

/* ---- single fields ---- */
static bool open_scan(PromDelete *d, const PqlTarget *t, Err *e)
{
    size_t n = 0;
    d->columns = ARENA_ARRAY(&d->arena, ColumnId, t->table->column_count + 2u);
    if (t->number)
        d->columns[n++] = t->number;
    if (t->hist)
        d->columns[n++] = t->hist;
    d->own_count = n;
    for (size_t i = 0; i < t->table->column_count; i++) {
        const ColumnDef *c = &t->table->columns[i];
        if (is_field(c) && !is_own(t, c->id))
            d->columns[n++] = c->id;
    }
    d->column_count = n;
    ScanSpec spec = {.snapshot = d->rows,
                     .table = t->table->id,
                     .t_min = d->t_min,
                     .t_max = d->t_max,
                     .series = t->series,
                     .columns = d->columns,
                     .column_count = n};
    return scan_open(&d->scan, &spec, &d->db->query_pool, e);
}

static bool any_value(const ColVec *columns, size_t from, size_t to, size_t row)
{
    for (size_t i = from; i < to; i++)
        if (columns[i].type != PHYS_NONE && bitmap_get(columns[i].valid, row))
            return true;
    return false;
}

static bool hide_rows(PromDelete *d, const PqlTarget *t, const ScanRun *run, Err *e)
{
    Arena a;
    const int64_t *times;
    arena_init(&a, &d->db->query_pool);
    ColVec *columns = ARENA_ARRAY(&a, ColVec, d->column_count);
    bool ok = scan_times(d->scan, &times, e);
    for (size_t i = 0; ok && i < d->column_count; i++)
        ok = scan_column(d->scan, i, &columns[i], e);
    for (size_t row = 0; ok && row < run->rows; row++) {
        if (!any_value(columns, 0, d->own_count, row))
            continue;
        wb_row(d->batch, t->table->id, run->series, times[row]);
        if (any_value(columns, d->own_count, d->column_count, row))
            for (size_t i = 0; i < d->own_count; i++)
                wb_null(d->batch, d->columns[i]);
        else
            wb_delete(d->batch);
        wb_row_end(d->batch);
    }
    arena_free(&a);
    return ok;
}

static RunStatus submit(PromDelete *d)
{
    d->ticket = (Ticket){.waiter = d->waiter};
    d->sent = true;
    engine_submit(d->db->engine, d->batch, SYNC_ON, &d->ticket);
    d->batch = NULL;
    return RUN_YIELD;
}

/* RUN_DONE: the target has no row left. */
static RunStatus hide_target(PromDelete *d, const PqlTarget *t, Err *e)
{
    ScanRun run;
    if (!d->scan && !open_scan(d, t, e))
        return RUN_FAIL;
    if (!d->batch)
        d->batch = wb_new();
    for (;;) {
        switch (scan_next(d->scan, &run, d->waiter, e)) {
        case SCAN_WAIT:
            return RUN_WAIT;
        case SCAN_FAIL:
            return RUN_FAIL;
        case SCAN_END:
            return wb_rows(d->batch) ? submit(d) : RUN_DONE;
        case SCAN_RUN:
            break;
        }
        if (!hide_rows(d, t, &run, e))
            return RUN_FAIL;
        if (wb_rows(d->batch) >= DELETE_BATCH_ROWS)
            return submit(d);
    }
}

static RunStatus hide_fields(PromDelete *d, Err *e)
{
    PqlTarget t;
    if (!d->rows)
        d->rows = engine_snapshot(d->db->engine, NULL);
    for (; pql_raw_target(d->targets, d->target_at, &t); d->target_at++) {
        RunStatus st = is_whole(d, &t) ? RUN_DONE : hide_target(d, &t, e);
        if (st != RUN_DONE)
            return st;
        scan_close(d->scan);
        d->scan = NULL;
    }
    return RUN_DONE;
}

/* ---- running ---- */
static RunStatus delete_table(PromDelete *d, const TableDelete *td)
{
    DeleteSpec spec = {
        .table = td->table->id, .series = td->whole, .t_min = d->t_min, .t_max = d->t_max};
    d->ticket = (Ticket){.waiter = d->waiter};
    d->sent = true;
    engine_delete(d->db->engine, &spec, SYNC_ON, &d->ticket);
    return RUN_YIELD;
}

RunStatus prom_delete_run(PromDelete *d, Err *e)
{
    if (d->sent) {
        if (!atomic_load(&d->ticket.done))
            return RUN_WAIT;
        d->sent = false;
        if (!d->ticket.ok) {
            *e = d->ticket.err;
            return RUN_FAIL;
        }
    }
    while (d->table_at < d->table_count) {
        const TableDelete *td = &d->tables[d->table_at++];
        if (td->whole && set_count(td->whole))
            return delete_table(d, td);
    }
    return hide_fields(d, e);
}
