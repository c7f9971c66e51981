/* The keeper of the series index: a snapshot of it when the increments of the flushes have grown,
 * and what becomes of the series of dropped tables.
 * A snapshot is a .series file in frames (docs/format.md), written in pieces beside everything
 * else; the manifest edit that names it voids the files of the series that it holds.
 * Series of dropped tables are taken apart when all snapshots of the database that may know them
 * are gone; their ids come back with the next snapshot of the index that begins
 * when neither the log nor a file of before names them. */
#include "storage/engine_private.h"

#include "base/log.h"
#include <stdio.h>

enum {
    PIECE_BYTES = 1 << 20,
    LATER_MIN = 1 << 20,      /* bytes of increments that are not worth a snapshot, and ... */
    LATER_MIN_STOP = 1 << 16, /* ... before a clean stop */
    LATER_SHARE = 8,          /* of the snapshot; an increment takes half the bytes for a series */
    LATER_SHARE_STOP = 16,
    SERIES_BYTES = 64, /* of an increment, about, for a series */
    FILES_MAX = 64,
};
#define GRACE_LOOK_NS   (200 * NS_PER_MS)
#define FORGET_EVERY_NS (10 * NS_PER_S)

static Keeper *keeper_of(Task *t, Engine **eng)
{
    Keeper *k = (Keeper *)((char *)t - offsetof(Keeper, task));
    *eng = (Engine *)((char *)k - offsetof(Engine, keeper));
    return k;
}

/* ---- names ---- */

static bool find_names(void *arg, TableId table, ColumnId column, SeriesName *out)
{
    CatalogSnap *cat = engine_catalog(arg);
    const TableDef *t = cat_table_by_id(cat, table);
    const DatabaseDef *d = t ? cat_database_by_id(cat, t->database) : NULL;
    const ColumnDef *c = t ? table_column_by_id(t, column) : NULL;
    if (t) {
        *out = (SeriesName){.database = t->database};
        snprintf(out->table_name, sizeof out->table_name, "%.*s", (int)t->name.len, t->name.ptr);
        if (d)
            snprintf(out->database_name, sizeof out->database_name, "%.*s", (int)d->name.len,
                     d->name.ptr);
        if (c)
            snprintf(out->column_name, sizeof out->column_name, "%.*s", (int)c->name.len,
                     c->name.ptr);
    }
    cat_unref(cat);
    return t != NULL;
}

void keeper_init(Engine *eng)
{
    eng->index = idx_new(0, eng->clock->random(eng->clock));
    budget_init(&eng->index_budget, "series index", eng->o.budget, 0);
    idx_limits(eng->index, eng->o.series_max_per_table, eng->o.series_max);
    idx_set_names(eng->index, (SeriesNames){find_names, eng}, &eng->index_budget);
}

const Budget *engine_index_budget(const Engine *eng)
{
    return &eng->index_budget;
}

/* ---- dropped tables ---- */

static bool table_alive(void *arg, TableId table)
{
    return cat_table_by_id(arg, table) != NULL;
}

/* Snapshots are counted by rounds, two at a time; a round ends when those of the one before are gone. */
static bool snapshots_gone(Engine *eng, uint64_t round)
{
    mutex_lock(&eng->mutex);
    while (eng->snapshot_round < round && !eng->snapshots_of[(eng->snapshot_round + 1) & 1])
        eng->snapshot_round++;
    bool gone = eng->snapshot_round >= round;
    mutex_unlock(&eng->mutex);
    return gone;
}

/* `all`: no transaction is open, so a table that the catalog does not know is gone. */
static void detach_dropped(Engine *eng, Keeper *k, CatalogSnap *cat, bool all)
{
    if (!idx_detach(eng->index, table_alive, cat, all))
        return;
    Lsn lsn = atomic_load(&eng->writer.series_lsn);
    k->named_lsn = lsn > k->named_lsn ? lsn : k->named_lsn;
    k->detached = true;
}

/* What the catalog of now does not know is looked for once no older snapshot is left; false: that is
 * not yet so. */
static bool look_for_dropped(Engine *eng, Keeper *k)
{
    if (!k->catalog) {
        k->catalog = engine_firm_catalog(eng);
        if (cat_version(k->catalog) == k->looked_at) {
            cat_unref(k->catalog);
            k->catalog = NULL;
            return true;
        }
        mutex_lock(&eng->mutex);
        k->look_after = eng->snapshot_round + 2;
        mutex_unlock(&eng->mutex);
    }
    if (!snapshots_gone(eng, k->look_after))
        return false;
    k->looked_at = cat_version(k->catalog);
    detach_dropped(eng, k, k->catalog, false);
    cat_unref(k->catalog);
    k->catalog = NULL;
    return true;
}

/* A bit of what is to be freed; false: nothing to do. */
static bool reclaim(Engine *eng, Keeper *k)
{
    if (!k->detached)
        return false;
    int64_t end = engine_now(eng) + ENGINE_STEP_NS;
    while (k->detached && engine_now(eng) < end)
        k->detached = idx_reclaim_step(eng->index);
    return true;
}

/* ---- when ---- */

static bool snapshot_wanted(const Engine *eng, bool stop)
{
    const Manifest *m = &eng->manifest;
    uint64_t whole = 0, later = 0;
    for (size_t i = 0; i < m->series_count; i++)
        *(m->series[i].whole ? &whole : &later) += m->series[i].bytes;
    if (stop) /* the flush would write them */
        later += (idx_serial(eng->index) - manifest_series_last(m)) * SERIES_BYTES;
    uint64_t min = eng->o.series_later_max ? (uint64_t)eng->o.series_later_max
                   : stop                  ? LATER_MIN_STOP
                                           : LATER_MIN;
    uint64_t share = whole / (stop ? LATER_SHARE_STOP : LATER_SHARE);
    return later > (min > share ? min : share) || m->series_count > FILES_MAX;
}

/* Under the mutex. */
static void end_ticket(Engine *eng, Keeper *k, bool ok, const Err *e)
{
    Ticket *t = k->ticket;
    k->ticket = NULL;
    if (t)
        ticket_end(eng, t, ok, eng->applied, e);
}

static bool snapshot_begin(Engine *eng, Keeper *k)
{
    mutex_lock(&eng->mutex);
    bool wanted = !eng->failed && !eng->disk_full &&
                  (eng->series_worn || snapshot_wanted(eng, k->ticket != NULL));
    bool covered = eng->manifest.covered >= k->named_lsn;
    if (!wanted)
        end_ticket(eng, k, true, NULL);
    mutex_unlock(&eng->mutex);
    if (!wanted)
        return false;
    eng->series_worn = false;
    k->writer = series_writer_new(eng->index, covered);
    k->info = (ManifestSeries){
        .number = engine_next_file(eng), .last = series_writer_serial(k->writer), .whole = true};
    k->put.id = blob_id(BLOB_SERIES, k->info.number);
    k->more = true;
    cache_put_none(&k->put);
    k->state = KEEPER_WRITE;
    return true;
}

/* ---- writing ---- */

static void put_piece(Engine *eng, Keeper *k)
{
    int64_t end = engine_now(eng) + ENGINE_STEP_NS;
    buf_clear(&k->piece);
    while (k->more && k->piece.len < PIECE_BYTES && engine_now(eng) < end)
        k->more = series_writer_next(k->writer, &k->piece);
    k->info.bytes += k->piece.len;
    k->begun = true;
    cache_put(eng->store, &k->put, buf_slice(&k->piece), !k->more, &k->task);
}

static void snapshot_failed(Engine *eng, Keeper *k, const Err *e)
{
    log_warn("engine", "the snapshot of the series index failed: %s", e->message);
    if (k->state == KEEPER_WRITE || !engine_has_failed(eng)) /* else it may be named */
        cache_drop(eng->store, k->put.id);
    series_writer_free(k->writer, false);
    k->writer = NULL;
    k->begun = false;
    k->state = KEEPER_IDLE;
    k->retry_ns = engine_now(eng) + ENGINE_RETRY_NS;
    mutex_lock(&eng->mutex);
    end_ticket(eng, k, false, e);
    mutex_unlock(&eng->mutex);
}

static bool commit_done(Engine *eng, Keeper *k, Err *e)
{
    BlobId *void_ids;
    size_t n = 0;
    mutex_lock(&eng->mutex);
    const Manifest *m = &eng->manifest;
    void_ids = mem_alloc((m->series_count + 1) * sizeof *void_ids);
    for (size_t i = 0; i < m->series_count; i++)
        if (m->series[i].last <= k->info.last)
            void_ids[n++] = blob_id(BLOB_SERIES, m->series[i].number);
    mutex_unlock(&eng->mutex);
    bool ok = commit_end(eng, buf_slice(&k->edit), &k->completion, e);
    for (size_t i = 0; ok && i < n; i++)
        engine_drop_cache(eng, void_ids[i]);
    mem_free(void_ids);
    engine_wake(eng, &eng->flusher.task);
    engine_wake(eng, &eng->compactor.task);
    if (!ok)
        return false;
    series_writer_free(k->writer, true);
    k->writer = NULL;
    k->begun = false;
    k->state = KEEPER_IDLE;
    mutex_lock(&eng->mutex);
    end_ticket(eng, k, true, NULL);
    mutex_unlock(&eng->mutex);
    return true;
}

/* What it waits for has come. */
static bool keeper_ready(const Keeper *k)
{
    if (k->state == KEEPER_WRITE)
        return cache_put_done(&k->put);
    return k->state == KEEPER_IDLE ||
           atomic_load_explicit(&k->completion.done, memory_order_acquire);
}

/* A stop does not wait for the pause after a failure: nobody would wake this task at its end. */
static bool may_begin(Engine *eng, const Keeper *k)
{
    mutex_lock(&eng->mutex);
    bool asked = k->ticket != NULL;
    mutex_unlock(&eng->mutex);
    return asked || engine_now(eng) >= k->retry_ns;
}

/* One move; false: nothing to do now. */
static bool keeper_move(Engine *eng, Keeper *k, Err *e, bool *failed)
{
    if (!keeper_ready(k))
        return false;
    switch (k->state) {
    case KEEPER_IDLE:
        (void)look_for_dropped(eng, k); /* later, then */
        return reclaim(eng, k) ||
               (!idx_reclaiming(eng->index) && may_begin(eng, k) && snapshot_begin(eng, k));
    case KEEPER_WRITE:
        if (!cache_put_ok(&k->put, e)) {
            *failed = true;
            return false;
        }
        if (k->more) {
            put_piece(eng, k);
            return true;
        }
        buf_clear(&k->edit);
        manifest_put_series(&k->edit, &k->info);
        if (!commit_begin(eng, &k->edit, &k->completion, &k->task))
            return false; /* who commits wakes us */
        k->state = KEEPER_COMMIT;
        return true;
    case KEEPER_COMMIT:
        *failed = !commit_done(eng, k, e);
        return !*failed;
    }
    return false;
}

/* What is a cache goes first when memory is short. */
static void relieve(Engine *eng, Keeper *k)
{
    int64_t now = engine_now(eng);
    if (now < k->forget_ns || !eng->o.budget || !budget_over(eng->o.budget))
        return;
    idx_forget_raw(eng->index);
    k->forget_ns = now + FORGET_EVERY_NS;
}

static bool may_end(const Keeper *k)
{
    return k->state == KEEPER_IDLE || (k->state == KEEPER_WRITE && cache_put_done(&k->put));
}

TaskStatus keeper_step(Task *t)
{
    Engine *eng;
    Keeper *k = keeper_of(t, &eng);
    Err e;
    bool failed = false;
    if (atomic_load(&eng->closing) && may_end(k))
        return TASK_DONE;
    relieve(eng, k);
    if (keeper_move(eng, k, &e, &failed))
        return TASK_MORE;
    if (failed)
        snapshot_failed(eng, k, &e);
    if (atomic_load(&eng->closing) && may_end(k))
        return TASK_DONE;
    if (failed)
        task_wake_at(t, k->retry_ns);
    else if (k->state == KEEPER_IDLE && (k->catalog || k->detached))
        task_wake_at(t, engine_now(eng) + GRACE_LOOK_NS);
    return TASK_WAIT;
}

/* Before a clean stop: the next start shall have little to read. */
void keeper_finish(Engine *eng, Ticket *t)
{
    atomic_store_explicit(&t->done, false, memory_order_relaxed);
    mutex_lock(&eng->mutex);
    eng->keeper.ticket = t;
    mutex_unlock(&eng->mutex);
    engine_wake(eng, &eng->keeper.task);
}

void keeper_free(Engine *eng)
{
    Keeper *k = &eng->keeper;
    if (k->begun && k->more)
        cache_abort(eng->store, k->put.id);
    series_writer_free(k->writer, false);
    cat_unref(k->catalog);
    buf_free(&k->piece);
    buf_free(&k->edit);
}

/* ---- start ---- */

static bool load_frames(Store *store, SeriesIndex *idx, BlobId id, uint64_t size, Err *e)
{
    const StoreOps *ops = store->ops;
    SeriesReader *r = series_reader_new(idx, size);
    bool ok = true, last = false;
    for (uint64_t at = 0; ok && !last;) {
        const uint8_t *ptr;
        uint64_t len;
        if (size - at < SERIES_FRAME_HEAD)
            ok = err_set(e, ERR_DATA_CORRUPTED, "the snapshot of the series is cut short");
        ok = ok && ops->blob_pin(store, id, at, SERIES_FRAME_HEAD, NULL, &ptr, e) == PIN_OK;
        if (!ok)
            break;
        ok = series_frame_size(slice_of((const char *)ptr, SERIES_FRAME_HEAD), size - at, &len, e);
        ops->blob_unpin(store, id, ptr, SERIES_FRAME_HEAD);
        ok = ok && ops->blob_pin(store, id, at, len, NULL, &ptr, e) == PIN_OK;
        if (!ok)
            break;
        ok = series_reader_take(r, slice_of((const char *)ptr, len), &last, e);
        ops->blob_unpin(store, id, ptr, len);
        at += len;
    }
    series_reader_free(r);
    return ok;
}

static bool load_increment(Store *store, SeriesIndex *idx, BlobId id, uint64_t size, Err *e)
{
    const uint8_t *ptr;
    Slice payload;
    if (store->ops->blob_pin(store, id, 0, size, NULL, &ptr, e) != PIN_OK)
        return false;
    bool ok = cache_open(slice_of((const char *)ptr, size), CACHE_SERIES, &payload, e) &&
              idx_decode(idx, payload, e);
    store->ops->blob_unpin(store, id, ptr, size);
    return ok;
}

bool series_load_file(Store *store, SeriesIndex *idx, const ManifestSeries *s, BlobId id, Err *e)
{
    const uint8_t *ptr; /* pinned all the time, so that a mapping stays */
    if (store->ops->blob_pin(store, id, 0, 1, NULL, &ptr, e) != PIN_OK)
        return cache_wrap(id, e);
    bool ok = s->whole ? load_frames(store, idx, id, s->bytes, e)
                       : load_increment(store, idx, id, s->bytes, e);
    store->ops->blob_unpin(store, id, ptr, 1);
    return ok || cache_wrap(id, e);
}

bool series_load(Engine *eng, Err *e)
{
    const Manifest *m = &eng->manifest;
    bool *use_copy = mem_zero(m->series_count * sizeof *use_copy + 1);
    bool ok = true;
    for (size_t i = 0; ok && i < m->series_count;) {
        BlobId id = blob_id(BLOB_SERIES, m->series[i].number);
        if (series_load_file(eng->store, eng->index, &m->series[i],
                             use_copy[i] ? cache_copy(id) : id, e)) {
            i++;
        } else if (use_copy[i]) {
            ok = false;
        } else { /* half of it may be in the index: begin again, with the copy */
            log_error("engine", "%s; its copy is used", e->message);
            atomic_fetch_add(&eng->stats.blocks_damaged, 1);
            use_copy[i] = eng->series_worn = true;
            idx_free(eng->index);
            keeper_init(eng);
            i = 0;
        }
    }
    mem_free(use_copy);
    if (ok)
        idx_set_serial(eng->index, manifest_series_last(m));
    return ok;
}

/* An id, or tags, that the log gives to another series: the one that had it was of a table that was
 * dropped before this record was written, though the drop may not be known to the index yet. */
bool series_replay(SeriesIndex *idx, const CatalogSnap *catalog, Slice payload, Err *e)
{
    while (!idx_decode(idx, payload, e)) {
        TableId table = idx_conflict(idx);
        if (!table || (catalog && cat_table_by_id(catalog, table)))
            return false;
        idx_detach_table(idx, table);
        while (idx_reclaim_step(idx))
            ;
    }
    return true;
}

void series_recovered(Engine *eng)
{
    eng->writer.logged = idx_serial(eng->index);
    idx_resolve_tables(eng->index);
    detach_dropped(eng, &eng->keeper, eng->catalog, true);
    if (!(eng->o.flags & ENGINE_REPAIR)) /* then rows may have lost their series */
        idx_find_holes(eng->index);
}
