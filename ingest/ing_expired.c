/* ingest/ing_expired.c - points that are older than their table keeps rows: refused, as InfluxDB refuses them.
 *
 * Looked at once a body, when all its rows are in the batch: age is counted from the newest row of the table, which may
 * be one of them (storage/ttl.h).  A body whose oldest row is younger than the shortest TTL of its tables costs one look at
 * its times; one whose tables have no TTL costs nothing. */
#include "ingest/ingest_private.h"
#include "storage/histogram.h"
#include "storage/ttl.h"

typedef struct Aged { /* a table of the batch */
    TableId table;    /* 0: free slot */
    int64_t newest, oldest;
    const TableDef *def; /* NULL: its rows all stay */
    TtlView *ttl;
    int64_t cut; /* no row before it stays, if it is of no class */
} Aged;

typedef struct Ages {
    Aged *slots; /* open addressing by table */
    size_t mask, last;
} Ages;

static Aged *age_of(Ages *a, TableId table)
{
    if (a->slots[a->last].table == table)
        return &a->slots[a->last];
    size_t i = hash64(&table, sizeof table, 0) & a->mask;
    while (a->slots[i].table && a->slots[i].table != table)
        i = (i + 1) & a->mask;
    a->last = i;
    return &a->slots[i];
}

static void ages_open(Ages *a, const IngJob *j)
{
    size_t size = 4;
    while (size < (j->table_count + j->tables_dropped) * 2 + 2)
        size *= 2;
    *a = (Ages){.slots = mem_zero(size * sizeof *a->slots), .mask = size - 1};
    for (size_t i = 0, n = wb_rows(j->batch); i < n; i++) {
        BatchKey k = wb_row_key(j->batch, i);
        Aged *t = age_of(a, k.table);
        if (!t->table)
            *t = (Aged){.table = k.table, .newest = k.time_ns, .oldest = k.time_ns};
        t->newest = k.time_ns > t->newest ? k.time_ns : t->newest;
        t->oldest = k.time_ns < t->oldest ? k.time_ns : t->oldest;
    }
}

static void ages_close(Ages *a)
{
    for (size_t i = 0; i <= a->mask; i++)
        ttl_close(a->slots[i].ttl);
    mem_free(a->slots);
}

/* What comes beside samples (exemplars, metadata, keys) lies in other schemas: it is no point of the sender. */
static bool ages_find_cuts(Ages *a, const IngJob *j, const Snapshot *s, Err *e)
{
    for (size_t i = 0; i <= a->mask; i++) {
        Aged *t = &a->slots[i];
        const TableDef *def = t->table ? cat_table_by_id(snapshot_catalog(s), t->table) : NULL;
        if (!def || def->schema != j->c.schema || !ttl_any(def) ||
            t->oldest >= snapshot_wall(s) - ttl_shortest(def))
            continue;
        if (!ttl_open_write(&t->ttl, s, def, t->newest, e))
            return false;
        t->def = t->ttl ? def : NULL;
    }
    return true;
}

static bool is_expired(const Aged *t, const BatchKey *k, bool *expired, Err *e)
{
    int64_t cut = INT64_MIN;
    if (t->def && !ttl_cut(t->ttl, k->series, &cut, e))
        return false;
    *expired = k->time_ns < cut;
    return true;
}

static void refuse(IngJob *j, const Aged *t, const BatchKey *k, size_t row)
{
    char time[40];
    Err e;
    size_t n = clock_rfc3339(time, k->time_ns), kept = j->error_count;
    const ColumnDef *hist = table_column_by_label(t->def, SLICE_LIT("histogram"), COL_FIELD);
    buf_clear(&j->scratch);
    buf_printf(&j->scratch, "%.*s %.*s", SLICE_ARG(t->def->name), (int)n, time);
    err_set(&e, ERR_DATETIME_RANGE, "points beyond retention policy");
    ing_refuse(j, 0, buf_slice(&j->scratch), &e);
    if (kept < ING_ERRORS_KEPT)
        j->errors[kept].expired = true;
    j->rows--;
    j->written.histograms -= j->written.histograms && hist && hist->type_oid == HIST_OID &&
                             wb_row_names(j->batch, row, hist->id);
}

static bool refuse_rows(IngJob *j, Ages *a, Err *e)
{
    size_t rows = wb_rows(j->batch), dropped = 0;
    uint64_t *bits = mem_zero(BITMAP_WORDS(rows) * sizeof *bits);
    bool ok = true;
    for (size_t i = 0; ok && i < rows; i++) {
        BatchKey k = wb_row_key(j->batch, i);
        const Aged *t = age_of(a, k.table);
        bool expired;
        ok = is_expired(t, &k, &expired, e);
        if (!ok || !expired)
            continue;
        refuse(j, t, &k, i);
        bitmap_set(bits, i);
        dropped++;
    }
    if (ok && dropped)
        wb_drop_rows(j->batch, bits);
    mem_free(bits);
    return ok;
}

bool ing_refuse_expired(IngJob *j, Err *e)
{
    if (j->keep_ns == INT64_MAX || wb_time_min(j->batch) >= j->c.now_ns - j->keep_ns)
        return true;
    Ages a;
    Snapshot *s = engine_snapshot(j->c.engine, NULL);
    ages_open(&a, j);
    bool ok = ages_find_cuts(&a, j, s, e) && refuse_rows(j, &a, e);
    ages_close(&a);
    snapshot_unref(s);
    return ok;
}
