/* Start: manifest -> files -> catalog and series -> the log behind what the files cover.
 * Replay flushes as it goes, so memory stays in the budget however long the log is. */
#include "storage/engine_private.h"

#include "base/log.h"
#include <time.h>

typedef struct PendingItem { /* one of the three */
    WriteBatch *wb;
    Tombstone *tomb;
    WatchEdit *watch;
    ManifestPart file; /* number 0: none */
    EngineFile *opened;
    Lsn lsn;
} PendingItem;

typedef struct Replay {
    Engine *eng;
    WriteBatch *batch; /* of the record at hand */
    Lsn last;
    /* the transaction whose commit record was not seen yet: records txn_first to txn_last */
    Lsn txn_first, txn_last;
    bool torn;    /* a record of it is missing or damaged: all of it is left out */
    Buf items;    /* PendingItem */
    Buf catalogs; /* u32 length + bytes each */
    Buf tombs;    /* Tombstone *: in force before the next segment is sealed */
    WatchBuild *watching;
    uint64_t records;
    uint64_t serial; /* of the newest segment when looked at last */
} Replay;

static bool read_edit(void *arg, Slice edit, Err *e)
{
    Engine *eng = arg;
    eng->manifest_edits++;
    return manifest_apply(&eng->manifest, edit, e);
}

static bool load_catalog(Engine *eng, Err *e)
{
    const ManifestCatalog *m = &eng->manifest.catalog;
    BlobId id = blob_id(BLOB_CATALOG, m->number);
    if (!m->number) {
        eng->catalog = cat_initial();
        return true;
    }
    if (catalog_load_file(eng->store, &eng->catalog, m, id, e))
        return true;
    log_error("engine", "%s; its copy is used", e->message);
    atomic_fetch_add(&eng->stats.blocks_damaged, 1);
    eng->catalog_worn = true;
    return catalog_load_file(eng->store, &eng->catalog, m, cache_copy(id), e);
}

/* A file that is missing means that the manifest is not the right one; a damaged one hurts only
 * those who read its range. */
static bool load_files(Engine *eng, Err *e)
{
    for (size_t i = 0; i < eng->manifest.part_count; i++) {
        EngineFile *f = file_new(eng, &eng->manifest.parts[i]);
        if (!f->part && f->err.code == ERR_UNDEFINED_FILE && !(eng->o.flags & ENGINE_REPAIR)) {
            *e = f->err;
            file_unref(f);
            err_wrap(e, "a file that the manifest names is missing");
            e->code = ERR_DATA_CORRUPTED;
            return err_hint(e, "restore it, or start once with --repair to go on without its rows");
        }
        if (!f->part) {
            log_error("engine", "file %06llu.skulk cannot be read (%llu rows): %s",
                      (unsigned long long)f->info.number, (unsigned long long)f->info.rows,
                      f->err.message);
            atomic_fetch_add(&eng->stats.blocks_damaged, 1);
        }
        engine_insert_file(eng, f);
    }
    return true;
}

/* ---- replay ---- */

static void swap_catalog(Engine *eng, CatalogSnap *take_next)
{
    mutex_lock(&eng->mutex); /* the sealer looks at it */
    CatalogSnap *old = eng->catalog;
    eng->catalog = take_next;
    mutex_unlock(&eng->mutex);
    cat_unref(old);
}

static bool replay_catalog(Replay *r, Slice payload, Err *e)
{
    Engine *eng = r->eng;
    Arena arena;
    CatEdit *edits;
    size_t n;
    CatalogSnap *next = NULL;
    Reader rd = reader_of(payload);
    uint64_t version = reader_u64(&rd);
    if (rd.bad)
        return err_set(e, ERR_DATA_CORRUPTED, "a catalog record is cut short");
    if (version <= cat_version(eng->catalog)) /* in the snapshot already */
        return true;
    arena_init(&arena, NULL);
    Slice bytes = slice_of(payload.ptr + 8, payload.len - 8);
    bool ok = cat_decode_edits(&arena, bytes, &edits, &n, e) &&
              cat_apply(&next, eng->catalog, edits, n, e);
    arena_free(&arena);
    if (!ok)
        return err_wrap(e, "replay of a catalog record");
    cat_renumber(next, version); /* numbers may have gaps: edits that were taken back */
    swap_catalog(eng, next);
    return true;
}

static size_t waiting_to_be_sealed(Engine *eng)
{
    size_t n = 0;
    for (size_t i = 0; i < eng->mem_count; i++)
        n += eng->mem[i]->closed && !eng->mem[i]->sealed && !eng->mem[i]->sealing;
    return n;
}

/* A segment was closed.  The sealer works beside the replay if it runs; what it does not get to is
 * sealed here, so that both processors are busy and memory stays in the budget. */
static bool replay_seal(Engine *eng, Err *e)
{
    bool helped = atomic_load(&eng->tasks_alive) > 0, did;
    if (helped)
        task_wake(&eng->sealer);
    for (;;) {
        mutex_lock(&eng->mutex);
        size_t waiting = waiting_to_be_sealed(eng);
        bool failed = eng->failed;
        if (failed)
            *e = eng->failure;
        mutex_unlock(&eng->mutex);
        if (failed)
            return false;
        if (waiting <= helped)
            return true;
        if (!mem_seal_one(eng, &did, e))
            return false;
    }
}

/* Readers want every part older than every tail: what is being sealed is waited for. */
static void await_sealer(Engine *eng)
{
    for (;;) {
        bool busy = false;
        mutex_lock(&eng->mutex);
        for (size_t i = 0; i < eng->mem_count; i++)
            busy |= eng->mem[i]->sealing && !eng->failed;
        mutex_unlock(&eng->mutex);
        if (!busy)
            return;
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS / 4}, NULL); /* the start may wait */
    }
}

static void forget_tombs(Replay *r)
{
    for (size_t i = 0; i < r->tombs.len / sizeof(Tombstone *); i++)
        tomb_unref(((Tombstone **)(void *)r->tombs.ptr)[i]);
    buf_clear(&r->tombs);
}

/* What was replayed is visible: deletes, then rows. */
static void replay_publish(Replay *r)
{
    Engine *eng = r->eng;
    TombChange change = {.fresh = (Tombstone **)(void *)r->tombs.ptr,
                         .fresh_count = r->tombs.len / sizeof(Tombstone *)};
    PartList *old = NULL;
    WatchList *watched = watch_build_end(r->watching), *before;
    r->watching = watch_build_new(watched);
    if (change.fresh_count)
        tombs_prepare(eng, &change);
    mutex_lock(&eng->mutex);
    if (change.fresh_count)
        tombs_publish(eng, &change, &old);
    mem_publish(eng, eng->applied);
    before = eng->watches;
    eng->watches = watched;
    mutex_unlock(&eng->mutex);
    watches_unref(before);
    part_list_unref(old);
    tombs_done(&change);
    forget_tombs(r);
}

static bool replay_flush(Replay *r, Err *e)
{
    Engine *eng = r->eng;
    mutex_lock(&eng->mutex);
    bool news = eng->mem_serial != r->serial; /* a segment was begun, so the one before is closed */
    r->serial = eng->mem_serial;
    mutex_unlock(&eng->mutex);
    if (!news)
        return true;
    replay_publish(r);
    if (!replay_seal(eng, e))
        return false;
    mutex_lock(&eng->mutex);
    mem_count_bytes(eng);
    bool full = eng->disk_full;
    bool flush = !eng->read_only && (int64_t)eng->mem_bytes >= eng->o.memtable_max;
    mutex_unlock(&eng->mutex);
    if (!flush || full || engine_flush_now(eng, e))
        return true;
    if (e->code != ERR_DISK_FULL)
        return false;
    engine_give_reserve(eng); /* without room the rest stays in memory: log_max bounds it */
    return engine_flush_now(eng, e) || e->code == ERR_DISK_FULL;
}

static bool replay_rows(Replay *r, Lsn lsn, Slice payload, Err *e)
{
    wb_clear(r->batch);
    if (!wb_decode(r->batch, payload, e))
        return false;
    mem_append(r->eng, r->batch, lsn, lsn, false);
    watch_note(r->watching, &(WriteItem){.wb = r->batch}, lsn);
    return true;
}

static void replay_delete(Replay *r, Tombstone *take_t)
{
    watch_note(r->watching, &(WriteItem){.tomb = take_t}, take_t->lsn);
    buf_put(&r->tombs, &take_t, sizeof take_t);
}

static bool replay_watch(Replay *r, Slice payload, Err *e)
{
    WatchEdit edit;
    if (!watch_edit_decode(&edit, payload, e))
        return false;
    watch_build_edit(r->watching, &edit);
    return true;
}

static bool unknown_type(Lsn lsn, const LogFrame *f, Err *e)
{
    return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "log record %llu has the unknown type %u",
                   (unsigned long long)lsn, f->type);
}

/* ---- transactions: kept until their commit record, then replayed as a whole or not at all ---- */

static void drop_pending(Replay *r)
{
    PendingItem *p = (PendingItem *)(void *)r->items.ptr;
    for (size_t i = 0; i < r->items.len / sizeof *p; i++) {
        wb_free(p[i].wb);
        tomb_unref(p[i].tomb);
        mem_free(p[i].watch);
        file_unref(p[i].opened);
    }
    buf_clear(&r->items);
    buf_clear(&r->catalogs);
    r->txn_first = 0;
    r->torn = false;
}

/* With a repair only: what could be read of it is named. */
static void leave_out(Replay *r, const char *why)
{
    const PendingItem *p = (const PendingItem *)(const void *)r->items.ptr;
    uint64_t rows = 0;
    for (size_t i = 0; i < r->items.len / sizeof *p; i++)
        rows += p[i].wb ? wb_rows(p[i].wb) : p[i].file.rows;
    log_error("engine",
              "repair: the transaction of log records %llu to %llu %s; it is left out as a whole: "
              "%llu rows that can be read%s",
              (unsigned long long)r->txn_first, (unsigned long long)r->txn_last, why,
              (unsigned long long)rows, r->catalogs.len ? ", changes of tables" : "");
    drop_pending(r);
}

/* Files of a large transaction: durable before its commit record, and in no manifest yet. */
static bool open_pending(Replay *r, Err *e)
{
    PendingItem *p = (PendingItem *)(void *)r->items.ptr;
    for (size_t i = 0; i < r->items.len / sizeof *p; i++) {
        if (!p[i].file.number)
            continue;
        p[i].opened = file_new(r->eng, &p[i].file);
        if (!p[i].opened->part) {
            *e = p[i].opened->err;
            return err_wrap(e, "a file of a committed transaction");
        }
    }
    return true;
}

static bool pending_catalogs(Replay *r, Err *e)
{
    CatalogSnap *before = cat_ref(r->eng->catalog);
    bool ok = true;
    for (size_t at = 0; ok && at < r->catalogs.len;) {
        uint32_t len;
        memcpy(&len, r->catalogs.ptr + at, 4);
        ok = replay_catalog(r, slice_of(r->catalogs.ptr + at + 4, len), e);
        at += 4 + len;
    }
    if (!ok)
        swap_catalog(r->eng, before);
    else
        cat_unref(before);
    return ok;
}

static bool replay_commit(Replay *r, Err *e)
{
    PendingItem *p = (PendingItem *)(void *)r->items.ptr;
    bool goes_on = false;
    if (!open_pending(r, e) || !pending_catalogs(r, e))
        return false;
    for (size_t i = 0; i < r->items.len / sizeof *p; i++) { /* nothing here can fail */
        if (p[i].tomb) {
            replay_delete(r, p[i].tomb);
            p[i].tomb = NULL;
            continue;
        }
        watch_note(r->watching,
                   &(WriteItem){.wb = p[i].wb, .watch = p[i].watch, .file = p[i].opened}, p[i].lsn);
        if (p[i].watch)
            continue;
        if (p[i].opened)
            mem_adopt(r->eng, p[i].opened, p[i].lsn, r->txn_first, goes_on);
        else
            mem_append(r->eng, p[i].wb, p[i].lsn, r->txn_first, goes_on);
        p[i].opened = NULL;
        goes_on = true;
    }
    drop_pending(r);
    return true;
}

/* One record of a transaction waits for the end of it. */
static bool keep_record(Replay *r, Lsn lsn, const LogFrame *f, Err *e)
{
    PendingItem p = {.lsn = lsn};
    bool ok = false;
    switch (f->type) {
    case REC_CATALOG:
        buf_put_u32(&r->catalogs, (uint32_t)f->payload.len);
        buf_put_slice(&r->catalogs, f->payload);
        return true;
    case REC_ROWS:
        p.wb = wb_new();
        ok = wb_decode(p.wb, f->payload, e);
        break;
    case REC_DELETE:
        ok = tomb_decode(&p.tomb, f->payload, lsn, e);
        break;
    case REC_WATCH:
        p.watch = MEM_NEW(WatchEdit);
        ok = watch_edit_decode(p.watch, f->payload, e);
        break;
    case REC_FILE:
        ok = manifest_one_part(&p.file, f->payload, e);
        break;
    default:
        return unknown_type(lsn, f, e);
    }
    if (ok)
        buf_put(&r->items, &p, sizeof p);
    else
        wb_free(p.wb);
    if (!ok)
        mem_free(p.watch);
    return ok;
}

static bool replay_in_txn(Replay *r, Lsn lsn, const LogFrame *f, Err *e)
{
    bool begins = f->type == REC_TXN_BEGIN, ok = true;
    bool follows = r->txn_first && lsn == r->txn_last + 1;
    if (begins && r->txn_first)
        leave_out(r, "has no commit record");
    if (!r->txn_first)
        r->txn_first = lsn;
    r->txn_last = lsn;
    if (begins)
        return true;
    if (!follows && !r->torn)
        ok = err_set(e, ERR_DATA_CORRUPTED, "records of its transaction before it are missing");
    if (f->type != REC_TXN_COMMIT)
        ok = keep_record(r, lsn, f, e) && ok;
    else if (ok && !r->torn)
        ok = replay_commit(r, e);
    r->torn |= !ok;
    return ok;
}

static bool replay_alone(Replay *r, Lsn lsn, const LogFrame *f, Err *e)
{
    Tombstone *tomb;
    switch (f->type) {
    case REC_CATALOG:
        return replay_catalog(r, f->payload, e);
    case REC_SERIES:
        return series_replay(r->eng->index, r->eng->catalog, f->payload, e);
    case REC_ROWS:
        return replay_rows(r, lsn, f->payload, e);
    case REC_DELETE:
        if (!tomb_decode(&tomb, f->payload, lsn, e))
            return false;
        replay_delete(r, tomb);
        return true;
    case REC_WATCH:
        return replay_watch(r, f->payload, e);
    default:
        return unknown_type(lsn, f, e);
    }
}

static bool replay_frame(Replay *r, Lsn lsn, const LogFrame *f, Err *e)
{
    if (f->flags & REC_IN_TXN)
        return replay_in_txn(r, lsn, f, e);
    if (r->txn_first)
        leave_out(r, "has no commit record");
    return replay_alone(r, lsn, f, e);
}

static bool replay_each(void *arg, Lsn lsn, const LogFrame *f, Err *e)
{
    Replay *r = arg;
    r->last = lsn;
    r->records++;
    if (!replay_frame(r, lsn, f, e)) {
        err_wrap(e, "log record %llu", (unsigned long long)lsn);
        if (!(r->eng->o.flags & ENGINE_REPAIR))
            return false;
        log_error("engine", "repair: %s; the record is left out", e->message);
    }
    if (f->flags & REC_IN_TXN && f->type == REC_TXN_COMMIT && r->torn)
        leave_out(r, "is damaged");
    r->eng->log_bytes += (int64_t)f->payload.len + 32;
    if (r->txn_first)
        return true; /* a transaction becomes visible at its commit record */
    r->eng->applied = lsn;
    return replay_flush(r, e);
}

/* ---- what else is in the directory ---- */

static BlobFate blob_fate(void *arg, BlobId id)
{
    const Engine *eng = arg;
    uint64_t number = blob_number(id);
    bool known = false, damaged = false;
    for (size_t i = 0; i < eng->file_count; i++)
        damaged |= !eng->files[i]->part;
    switch (blob_kind(id)) {
    case BLOB_PART:
        known = manifest_part(&eng->manifest, number) != NULL;
        for (size_t i = 0; i < eng->mem_count; i++)
            known |= eng->mem[i]->file && eng->mem[i]->file->info.number == number;
        break;
    case BLOB_SERIES:
    case BLOB_SERIES_COPY:
        for (size_t i = 0; i < eng->manifest.series_count; i++)
            known |= eng->manifest.series[i].number == number;
        break;
    case BLOB_CATALOG:
    case BLOB_CATALOG_COPY:
        known = eng->manifest.catalog.number == number;
        break;
    case BLOB_KINDS:
        break;
    }
    if (known)
        return BLOB_KEEP;
    /* Left by a job that a crash ended.  Where files are damaged nothing is thrown away. */
    return damaged || eng->o.flags & ENGINE_REPAIR ? BLOB_ORPHAN : BLOB_DELETE;
}

static bool replay_log(Engine *eng, Err *e)
{
    Replay r = {.eng = eng, .batch = wb_new(), .watching = watch_build_new(eng->watches)};
    int64_t began = engine_now(eng);
    eng->applied = eng->manifest.covered;
    eng->flusher.force = true;
    bool ok = eng->store->ops->log_read(eng->store, eng->manifest.covered, replay_each, &r, e);
    await_sealer(eng);
    drop_pending(&r);
    if (ok && r.last > eng->applied)
        eng->applied = r.last;
    if (ok)
        replay_publish(&r);
    forget_tombs(&r);
    watch_build_free(r.watching);
    buf_free(&r.tombs);
    buf_free(&r.items);
    buf_free(&r.catalogs);
    wb_free(r.batch);
    eng->flusher.force = false;
    if (ok && r.records)
        log_info("engine", "replayed %llu log records with %llu rows in %lld ms, up to %llu",
                 (unsigned long long)r.records,
                 (unsigned long long)atomic_load(&eng->stats.rows_written),
                 (long long)((engine_now(eng) - began) / NS_PER_MS), (unsigned long long)r.last);
    return ok;
}

void engine_first_row(Engine *eng)
{
    atomic_store(&eng->next_row, (int64_t)(eng->epoch << ROW_ID_EPOCH_SHIFT) + 1);
}

/* No new file may take the number of one that a record of the log names. */
static BlobFate note_number(void *arg, BlobId id)
{
    Engine *eng = arg;
    uint64_t number = blob_number(id);
    if (number >= atomic_load(&eng->next_file))
        atomic_store(&eng->next_file, number + 1);
    return BLOB_KEEP;
}

bool engine_recover(Engine *eng, Err *e)
{
    Store *s = eng->store;
    if (!s->ops->manifest_read(s, read_edit, eng, e))
        return false;
    if (!s->ops->lease(s, &eng->epoch, e)) {
        if (e->code != ERR_DISK_FULL)
            return false;
        eng->lease_owed = true;
        engine_disk_full(eng, e);
    }
    eng->manifest_version = s->ops->watch(s);
    atomic_store(&eng->next_file, eng->manifest.next_file);
    if (!eng->read_only && !s->ops->blob_sweep(s, note_number, eng, e))
        return false;
    if (!load_catalog(eng, e) || !series_load(eng, e) || !load_files(eng, e))
        return false;
    if (eng->o.flags & ENGINE_REPAIR && !eng->read_only && !engine_repair_files(eng, e))
        return false;
    atomic_store(&eng->stats.scrubbed_ns, eng->manifest.scrubbed_ns);
    eng->tombs =
        eng->manifest.tombs ? tombs_ref(eng->manifest.tombs) : tombs_build(NULL, NULL, 0, NULL, 0);
    Slice watches = buf_slice(&eng->manifest.watches);
    if (watches.len && !watches_decode(&eng->watches, watches, e))
        return false;
    engine_first_row(eng);
    eng->parts = part_list_build(eng);
    if (!replay_log(eng, e))
        return false;
    if (!eng->read_only)
        s->ops->log_recycle(s, eng->manifest.covered);
    eng->catalog_durable = eng->writer.catalog_logged = cat_version(eng->catalog);
    eng->writer.next_lsn = eng->applied + 1;
    /* Series stay where a transaction made a table and was rolled back: its id is taken all the same. */
    ObjectId after_series = idx_last_table(eng->index) + 1, next = cat_next_id(eng->catalog);
    atomic_store(&eng->next_object, next > after_series ? next : after_series);
    series_recovered(eng);
    if (!eng->read_only)
        engine_collect_garbage(eng);
    return eng->read_only || s->ops->blob_sweep(s, blob_fate, eng, e);
}
