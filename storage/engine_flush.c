/* Flush: sealed segments from the front of the memtable become one L0 file; the manifest then says
 * that the log up to some record is covered, and its space is used again.
 * Order on disk (docs/format.md, "crash protocol"): file durable, series and catalog durable,
 * manifest edit durable, only then the log is recycled.
 * Before a clean stop there is no time to merge: each segment becomes an L0 file as it is. */
#include "storage/engine_private.h"

#include "base/log.h"

#define PAUSE_LOOK_NS (NS_PER_MS / 4)
#define PAUSE_MAX_NS  (8 * NS_PER_MS)

static Flusher *flusher_of(Task *t, Engine **eng)
{
    Flusher *f = (Flusher *)((char *)t - offsetof(Flusher, task));
    *eng = (Engine *)((char *)f - offsetof(Engine, flusher));
    return f;
}

/* ---- manifest commits: one at a time ---- */

/* The manifest as it will be; it stands still while a commit is under way. */
static void whole_manifest(const Engine *eng, Buf *edit)
{
    Manifest all;
    Buf whole = {0};
    Err e;
    manifest_init(&all);
    manifest_put_all(&whole, &eng->manifest);
    must(manifest_apply(&all, buf_slice(&whole), &e) && manifest_apply(&all, buf_slice(edit), &e));
    buf_clear(edit);
    manifest_put_all(edit, &all);
    manifest_reset(&all);
    buf_free(&whole);
}

bool commit_begin(Engine *eng, Buf *edit, Completion *c, Task *waiter)
{
    mutex_lock(&eng->mutex);
    if (eng->commit_busy) {
        mutex_unlock(&eng->mutex);
        return false;
    }
    eng->commit_busy = true;
    uint64_t version = eng->manifest_version;
    bool snapshot = eng->manifest_edits >= ENGINE_MANIFEST_EDITS;
    mutex_unlock(&eng->mutex);
    manifest_put_next_file(edit, atomic_load(&eng->next_file));
    if (snapshot)
        whole_manifest(eng, edit);
    *c = (Completion){.waiter = waiter};
    if (snapshot)
        eng->store->ops->commit_snapshot(eng->store, buf_slice(edit), eng->epoch, version, c);
    else
        eng->store->ops->commit(eng->store, buf_slice(edit), eng->epoch, version, c);
    return true;
}

/* After a commit whose outcome is unknown nobody may go on: what the next start finds decides. */
bool commit_end(Engine *eng, Slice edit, Completion *c, Err *e)
{
    mutex_lock(&eng->mutex);
    eng->commit_busy = false;
    if (c->ok) {
        must(manifest_apply(&eng->manifest, edit, e));
        eng->manifest_edits =
            eng->manifest_edits >= ENGINE_MANIFEST_EDITS ? 0 : eng->manifest_edits + 1;
        eng->manifest_version = c->value;
        atomic_store(&eng->series_flushed, manifest_series_last(&eng->manifest));
    }
    mutex_unlock(&eng->mutex);
    if (!c->ok) {
        *e = c->err;
        if (e->code != ERR_DISK_FULL)
            engine_fail(eng, e);
    }
    return c->ok;
}

/* ---- when ---- */

static bool waiter_pending(const Engine *eng)
{
    for (const Waiter *w = eng->waiters; w; w = w->next)
        if (!w->flushed)
            return true;
    return false;
}

static int64_t oldest_ns(const Engine *eng)
{
    return eng->mem_count && eng->mem[0]->first_lsn ? eng->mem[0]->born_ns : INT64_MAX;
}

/* Some of the oldest segments are closed and end between two groups: sealing is all they wait for. */
static bool any_prefix_closed(const Engine *eng)
{
    for (size_t i = 0; i < eng->mem_count && eng->mem[i]->closed; i++)
        if (i + 1 == eng->mem_count || !eng->mem[i + 1]->continues)
            return true;
    return false;
}

bool flush_wanted(Engine *eng, bool *close_first)
{
    bool any_closed = any_prefix_closed(eng);
    int64_t oldest = oldest_ns(eng);
    bool by_size = (int64_t)eng->mem_bytes >= eng->o.memtable_max;
    bool by_log = eng->log_bytes >= eng->o.log_max;
    bool by_age = oldest != INT64_MAX && engine_now(eng) - oldest >= eng->o.flush_after_ns;
    bool owed = eng->disk_full && eng->flush_owed;
    *close_first = by_log || by_age || ((by_size || owed) && !any_closed);
    for (const Waiter *w = eng->waiters; w; w = w->next)
        *close_first |= !w->flushed && w->id > eng->closed_waiters;
    return by_size || by_log || by_age || owed || waiter_pending(eng);
}

/* Rows wait in the open segment, and none in a closed one. */
static bool may_close(const Engine *eng)
{
    const MemSegment *last = eng->mem_count ? eng->mem[eng->mem_count - 1] : NULL;
    return last && !last->closed && last->first_lsn && !any_prefix_closed(eng);
}

/* Segments from the front that are sealed and end between two groups. */
static size_t sealed_prefix(const Engine *eng)
{
    size_t n = 0, clean = 0;
    while (n < eng->mem_count && eng->mem[n]->sealed && eng->mem[n]->visible) {
        n++;
        if (n == eng->mem_count || !eng->mem[n]->continues)
            clean = n;
    }
    return clean;
}

/* ---- one flush ---- */

static Written flush_written(const Flusher *f)
{
    return (Written){(const ManifestPart *)(const void *)f->files.ptr,
                     f->files.len / sizeof(ManifestPart), f->tombs_newest};
}

static void job_start(Engine *eng, Flusher *f, CatalogSnap *cat, TombList *tombs,
                      VersionPart *inputs)
{
    CompactSpec spec = {.store = eng->store,
                        .budget = eng->o.budget,
                        .catalog = cat,
                        .tombs = tombs,
                        .inputs = inputs,
                        .input_count = f->segments,
                        .level = 0,
                        .next_number = engine_next_file,
                        .arg = eng,
                        .clock = eng->clock};
    f->job = compact_new(&spec);
    f->tombs_newest = compact_tombs_newest(f->job);
    f->state = FLUSH_MERGE;
}

static void copy_start(Flusher *f, VersionPart *take_inputs)
{
    for (size_t i = 0; i < f->segments; i++)
        part_ref(take_inputs[i].part);
    f->copies = take_inputs;
    f->tombs_newest = 0;
    f->put = (Completion){.done = true, .ok = true};
    f->state = FLUSH_COPY;
}

static void copies_free(Flusher *f)
{
    for (size_t i = 0; f->copies && i < f->segments; i++)
        part_unref(f->copies[i].part);
    mem_free(f->copies);
    f->copies = NULL;
}

/* Files of large transactions among the segments must be merged. */
static bool flush_in_hurry(const Flusher *f)
{
    return atomic_load(&f->hurry) && f->segments && !f->mixed;
}

/* Takes what is to be flushed; false: nothing to do now. */
static bool flush_take(Engine *eng, Flusher *f)
{
    bool close_first, go = false;
    VersionPart *inputs = NULL;
    CatalogSnap *cat = NULL;
    TombList *tombs = NULL;
    mutex_lock(&eng->mutex);
    bool wanted = flush_wanted(eng, &close_first);
    if (f->force) {
        wanted = true;
        close_first = false;
    }
    if (!eng->failed && wanted) {
        size_t n = sealed_prefix(eng);
        bool all = n == eng->mem_count || eng->mem[n]->serial > eng->closed_serial;
        if (!eng->close_active && may_close(eng))
            f->asked_close = false; /* the last one came before these rows */
        f->serves = all ? eng->closed_waiters : 0;
        if (close_first && !f->asked_close) {
            eng->close_active = f->asked_close = true;
            engine_wake(eng, &eng->writer.task);
        }
        f->segments = n;
        f->mixed = false;
        go = n > 0 || (!f->force && f->serves && waiter_pending(eng) && !close_first);
        if (oldest_ns(eng) == INT64_MAX)
            eng->flush_owed = false;
        if (go) {
            f->asked_close = false;
            cat = catalog_firm(eng);
            tombs = tombs_ref(eng->tombs);
            inputs = mem_zero((n + 1) * sizeof *inputs);
            for (size_t i = 0; i < n; i++) {
                inputs[i] = mem_version_part(eng->mem[i], (uint32_t)i);
                eng->mem[i]->flushing = true;
                f->mixed |= eng->mem[i]->file != NULL;
            }
        }
    }
    mutex_unlock(&eng->mutex);
    buf_clear(&f->files);
    if (go && flush_in_hurry(f)) {
        copy_start(f, inputs);
        inputs = NULL;
    } else if (go) {
        job_start(eng, f, cat, tombs,
                  inputs); /* the parts cannot go: only this task removes segments */
    }
    mem_free(inputs);
    cat_unref(cat);
    tombs_unref(tombs);
    return go;
}

static void cache_start(Engine *eng, CacheWrite *w, BlobKind kind, uint64_t number, Task *waiter)
{
    w->put.id = blob_id(kind, number);
    w->active = true;
    cache_put(eng->store, &w->put, buf_slice(&w->bytes), true, waiter);
}

/* New series since the last flush. */
static void start_series(Engine *eng, Flusher *f, uint64_t last, Task *waiter)
{
    uint64_t newest = idx_serial(eng->index);
    f->series.active = false;
    if (newest == last)
        return;
    cache_begin(&f->series.bytes, CACHE_SERIES);
    idx_encode(eng->index, last, &f->series.bytes);
    cache_end(&f->series.bytes);
    f->series_info = (ManifestSeries){
        .number = engine_next_file(eng), .bytes = f->series.bytes.len, .last = newest};
    cache_start(eng, &f->series, BLOB_SERIES, f->series_info.number, waiter);
}

static void start_catalog(Engine *eng, Flusher *f, CatalogSnap *cat, const ManifestCatalog *have,
                          Task *waiter)
{
    f->catalog.active = false;
    if (have->number && have->version == cat_version(cat) && !eng->catalog_worn)
        return;
    eng->catalog_worn = false;
    cache_begin(&f->catalog.bytes, CACHE_CATALOG);
    cat_encode_snapshot(&f->catalog.bytes, cat);
    cache_end(&f->catalog.bytes);
    f->catalog_info = (ManifestCatalog){.number = engine_next_file(eng),
                                        .bytes = f->catalog.bytes.len,
                                        .version = cat_version(cat)};
    cache_start(eng, &f->catalog, BLOB_CATALOG, f->catalog_info.number, waiter);
}

/* What the log up to `covered` says is in files: rows by the job, series and catalog by these.
 * `covered` is read first: all that those records changed is in force by then. */
static void caches_start(Engine *eng, Flusher *f, Task *waiter)
{
    mutex_lock(&eng->mutex);
    const MemSegment *next = f->segments < eng->mem_count ? eng->mem[f->segments] : NULL;
    /* The rows of a group that is still being synced may have begun the next segment: what the
     * records before them say, such as deletes, is not in force yet. */
    f->covered = next && next->first_lsn && next->first_lsn <= eng->applied ? next->first_lsn - 1
                                                                            : eng->applied;
    f->log_bytes = eng->log_bytes;
    CatalogSnap *cat = catalog_firm(eng);
    uint64_t series_last = manifest_series_last(&eng->manifest);
    ManifestCatalog have = eng->manifest.catalog;
    mutex_unlock(&eng->mutex);
    f->log_sync = (Completion){.waiter = waiter, .done = f->force, .ok = true};
    if (!f->force) /* a replayed log is durable */
        eng->store->ops->log_append(eng->store, NULL, 0, eng->epoch, true, &f->log_sync);
    start_series(eng, f, series_last, waiter);
    start_catalog(eng, f, cat, &have, waiter);
    cat_unref(cat);
    f->state = FLUSH_CACHES;
}

static bool cache_poll(const CacheWrite *w, bool *failed, Err *e)
{
    if (!w->active)
        return true;
    if (!cache_put_done(&w->put))
        return false;
    if (!cache_put_ok(&w->put, e))
        *failed = true;
    return true;
}

static bool log_poll(Engine *eng, Flusher *f, bool *failed, Err *e)
{
    if (!atomic_load_explicit(&f->log_sync.done, memory_order_acquire))
        return false;
    if (!f->log_sync.ok) {
        *failed = true;
        *e = f->log_sync.err;
        engine_fail(eng, e);
    }
    return true;
}

static void build_edit(Engine *eng, Flusher *f)
{
    buf_clear(&f->edit);
    const Written w = flush_written(f);
    manifest_put_covered(&f->edit, f->covered);
    tombs_put_flushed(eng, &f->edit, f->covered, &w);
    watches_put(eng, &f->edit);
    for (size_t i = 0; i < w.count; i++)
        manifest_put_part(&f->edit, &w.parts[i]);
    if (f->series.active)
        manifest_put_series(&f->edit, &f->series_info);
    if (f->catalog.active)
        manifest_put_catalog(&f->edit, &f->catalog_info);
}

void engine_insert_file(Engine *eng, EngineFile *take_f)
{
    if (eng->file_count == eng->file_cap) {
        eng->file_cap = eng->file_cap ? eng->file_cap * 2 : 16;
        eng->files = mem_realloc(eng->files, eng->file_cap * sizeof *eng->files);
    }
    size_t at = eng->file_count++;
    while (at > 0 && eng->files[at - 1]->info.seq_min > take_f->info.seq_min) {
        eng->files[at] = eng->files[at - 1];
        at--;
    }
    eng->files[at] = take_f;
    atomic_store_explicit(&eng->stats.files, eng->file_count, memory_order_relaxed);
}

/* Blobs that the edit replaced. */
static void drop_old_blobs(Engine *eng, Flusher *f, const Manifest *before)
{
    if (f->catalog.active && before->catalog.number)
        engine_drop_cache(eng, blob_id(BLOB_CATALOG, before->catalog.number));
}

/* Before the edit is applied to the manifest in memory. */
static void flush_install(Engine *eng, Flusher *f, EngineFile *const *files, size_t file_count)
{
    PartList *old = NULL;
    MemSegment **gone = mem_zero((f->segments + 1) * sizeof *gone);
    mutex_lock(&eng->mutex);
    for (size_t i = 0; i < file_count; i++)
        engine_insert_file(eng, files[i]);
    eng->mem_count -= f->segments;
    if (f->segments) {
        memcpy(gone, eng->mem, f->segments * sizeof *gone);
        memmove(eng->mem, eng->mem + f->segments, eng->mem_count * sizeof *eng->mem);
    }
    eng->log_bytes -= f->log_bytes;
    eng->flush_owed = false;
    engine_swap_parts(eng, &old);
    mem_count_bytes(eng);
    mutex_unlock(&eng->mutex);
    tombs_prune(eng);
    for (size_t i = 0; i < f->segments; i++)
        mem_segment_free(eng, gone[i], true);
    mem_free(gone);
    part_list_unref(old);
}

static void give_back(Engine *eng, const Flusher *f)
{
    mutex_lock(&eng->mutex);
    for (size_t i = 0; i < f->segments; i++)
        eng->mem[i]->flushing = false;
    mutex_unlock(&eng->mutex);
}

static void flush_failed(Engine *eng, Flusher *f, const Err *e, bool committed)
{
    const Written w = flush_written(f);
    bool final = (f->job && compact_sync_failed(f->job)) || f->put.sync_failed ||
                 (f->series.active && cache_put_final(&f->series.put)) ||
                 (f->catalog.active && cache_put_final(&f->catalog.put));
    compact_free(f->job, committed);
    f->job = NULL;
    if (!committed) {
        for (size_t i = 0; f->copies && i < w.count; i++)
            eng->store->ops->blob_drop(eng->store, blob_id(BLOB_PART, w.parts[i].number));
        if (f->series.active)
            cache_drop(eng->store, f->series.put.id);
        if (f->catalog.active)
            cache_drop(eng->store, f->catalog.put.id);
    }
    copies_free(f);
    f->put = (Completion){0};
    f->series.active = f->catalog.active = false;
    if (!committed)
        give_back(eng, f);
    f->state = FLUSH_IDLE;
    f->retry_ns = engine_now(eng) + ENGINE_RETRY_NS;
    if (final)
        engine_fail(eng, e);
    else if (e->code == ERR_DISK_FULL)
        engine_disk_full(eng, e);
    else
        log_error("engine", "flush failed: %s; tried again until it works", e->message);
    engine_fail_waiters(eng, e);
    engine_wake(eng, &eng->writer.task);
}

static void end_waiters(Engine *eng, uint64_t upto)
{
    Waiter *done = NULL;
    mutex_lock(&eng->mutex);
    for (Waiter **at = &eng->waiters; *at;) {
        Waiter *w = *at;
        if (w->id > upto) {
            at = &w->next;
            continue;
        }
        w->flushed = true;
        if (w->vacuum) { /* the compactor's now */
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->next = done;
        done = w;
    }
    Lsn lsn = eng->applied;
    mutex_unlock(&eng->mutex);
    while (done) {
        Waiter *w = done;
        done = w->next;
        ticket_end(eng, w->ticket, true, lsn, NULL);
        mem_free(w);
    }
}

static bool flush_commit_end(Engine *eng, Flusher *f, Err *e)
{
    Manifest before;
    Buf all = {0};
    const Written w = flush_written(f);
    mutex_lock(&eng->mutex);
    manifest_put_all(&all, &eng->manifest);
    mutex_unlock(&eng->mutex);
    if (!commit_end(eng, buf_slice(&f->edit), &f->completion, e)) {
        buf_free(&all);
        return false;
    }
    manifest_init(&before);
    must(manifest_apply(&before, buf_slice(&all), e));
    EngineFile **files = mem_zero((w.count + 1) * sizeof *files);
    for (size_t i = 0; i < w.count; i++) {
        files[i] = file_new(eng, &w.parts[i]);
        atomic_fetch_add(&eng->stats.flush_bytes, w.parts[i].bytes);
        if (!files[i]->part) { /* just written: its rows must not vanish from view */
            *e = files[i]->err;
            engine_fail(eng, e);
        }
    }
    flush_install(eng, f, files, w.count);
    mem_free(files);
    drop_old_blobs(eng, f, &before);
    manifest_reset(&before);
    buf_free(&all);
    compact_free(f->job, true);
    f->job = NULL;
    copies_free(f);
    f->series.active = f->catalog.active = false;
    f->state = FLUSH_IDLE;
    atomic_fetch_add(&eng->stats.flushes, 1);
    if (!f->force) /* the replay is still reading it */
        engine_recycle_log(eng, f->covered);
    end_waiters(eng, f->serves);
    engine_wake(eng, &eng->writer.task);
    engine_wake(eng, &eng->compactor.task);
    engine_wake(eng, &eng->keeper.task);
    return true;
}

bool engine_pause(Engine *eng, Pause *p, const Compact *job, Task *t)
{
    uint64_t bytes = compact_bytes(job);
    int64_t now = engine_now(eng);
    if (bytes != p->bytes) { /* a piece went out since */
        p->bytes = bytes;
        p->until_ns = now + PAUSE_MAX_NS;
    }
    if (now >= p->until_ns || !atomic_load_explicit(&eng->syncing, memory_order_relaxed))
        return false;
    task_wake_at(t, now + PAUSE_LOOK_NS);
    return true;
}

static CompactStatus flush_merge(Engine *eng, Flusher *f, Task *waiter, Err *e)
{
    if (waiter && flush_in_hurry(f)) { /* begun before the stop: again, the quick way */
        compact_free(f->job, false);
        f->job = NULL;
        give_back(eng, f);
        f->state = FLUSH_IDLE;
        return COMPACT_MORE;
    }
    if (waiter && engine_pause(eng, &f->pause, f->job, waiter))
        return COMPACT_WAIT;
    CompactStatus st = compact_step(f->job, engine_now(eng) + ENGINE_STEP_NS, waiter, e);
    if (st != COMPACT_DONE)
        return st;
    buf_put(&f->files, compact_outputs(f->job),
            compact_output_count(f->job) * sizeof(ManifestPart));
    return st;
}

/* The next segment as a file. */
static CompactStatus flush_copy(Engine *eng, Flusher *f, Task *waiter, Err *e)
{
    size_t n = f->files.len / sizeof(ManifestPart);
    if (!atomic_load_explicit(&f->put.done, memory_order_acquire))
        return COMPACT_WAIT;
    if (!f->put.ok) {
        *e = f->put.err;
        return COMPACT_FAIL;
    }
    if (n == f->segments)
        return COMPACT_DONE;
    const PartInfo *in = part_info(f->copies[n].part);
    ManifestPart p = {.number = engine_next_file(eng),
                      .bytes = in->bytes,
                      .rows = in->rows,
                      .t_min = in->t_min,
                      .t_max = in->t_max,
                      .seq_min = in->seq_min,
                      .seq_max = in->seq_max};
    buf_put(&f->files, &p, sizeof p);
    f->put = (Completion){.waiter = waiter};
    eng->store->ops->blob_put(eng->store, blob_id(BLOB_PART, p.number),
                              part_image(f->copies[n].part), true, &f->put);
    return COMPACT_MORE;
}

/* One move; false: nothing to do now.  waiter = NULL: recovery, where nothing waits. */
static bool flush_move(Engine *eng, Flusher *f, Task *waiter, Err *e, bool *failed)
{
    switch (f->state) {
    case FLUSH_IDLE:
        return flush_take(eng, f);
    case FLUSH_MERGE:
    case FLUSH_COPY:
        switch (f->state == FLUSH_MERGE ? flush_merge(eng, f, waiter, e)
                                        : flush_copy(eng, f, waiter, e)) {
        case COMPACT_MORE:
            return true;
        case COMPACT_WAIT:
            return false;
        case COMPACT_DONE:
            caches_start(eng, f, waiter);
            return true;
        case COMPACT_FAIL:
            *failed = true;
            return false;
        }
        return false;
    case FLUSH_CACHES:
        if (!log_poll(eng, f, failed, e) || !cache_poll(&f->series, failed, e) ||
            !cache_poll(&f->catalog, failed, e) || *failed)
            return false;
        build_edit(eng, f);
        if (!commit_begin(eng, &f->edit, &f->completion, waiter))
            return false; /* the compactor commits and wakes us */
        f->state = FLUSH_COMMIT;
        return true;
    case FLUSH_COMMIT:
        if (!atomic_load_explicit(&f->completion.done, memory_order_acquire))
            return false;
        *failed = !flush_commit_end(eng, f, e);
        return !*failed;
    }
    return false;
}

bool engine_has_failed(Engine *eng)
{
    mutex_lock(&eng->mutex);
    bool failed = eng->failed;
    mutex_unlock(&eng->mutex);
    return failed;
}

TaskStatus flusher_step(Task *t)
{
    Engine *eng;
    Flusher *f = flusher_of(t, &eng);
    Err e;
    bool failed = false;
    int64_t now = engine_now(eng);
    if (atomic_load(&eng->closing) && f->state != FLUSH_COMMIT)
        return TASK_DONE;
    if (f->state == FLUSH_IDLE && now < f->retry_ns) {
        task_wake_at(t, f->retry_ns);
        return TASK_WAIT;
    }
    if (f->state == FLUSH_IDLE && engine_wait_for_room(eng))
        f->retry_ns = now + ENGINE_RETRY_NS;
    if (flush_move(eng, f, t, &e, &failed))
        return TASK_MORE;
    if (failed)
        flush_failed(eng, f, &e, f->state == FLUSH_COMMIT && engine_has_failed(eng));
    if (atomic_load(&eng->closing) && f->state != FLUSH_COMMIT)
        return TASK_DONE;
    mutex_lock(&eng->mutex);
    int64_t oldest = oldest_ns(eng);
    bool full = eng->disk_full;
    mutex_unlock(&eng->mutex);
    if (full && f->state == FLUSH_IDLE && f->retry_ns <= now)
        f->retry_ns = now + ENGINE_RETRY_NS;
    if (failed || (full && f->state == FLUSH_IDLE))
        task_wake_at(t, f->retry_ns);
    else if (f->state == FLUSH_IDLE && oldest != INT64_MAX) {
        int64_t due = oldest + eng->o.flush_after_ns; /* over, not done: the engine has failed */
        task_wake_at(t, due > now ? due : now + ENGINE_RETRY_NS);
    }
    return TASK_WAIT;
}

bool engine_flush_now(Engine *eng, Err *e)
{
    Flusher *f = &eng->flusher;
    bool failed = false;
    while (flush_move(eng, f, NULL, e, &failed) || (!failed && f->state != FLUSH_IDLE))
        ;
    if (failed)
        flush_failed(eng, f, e, f->state == FLUSH_COMMIT);
    return !failed;
}

void flusher_free(Engine *eng)
{
    Flusher *f = &eng->flusher;
    compact_free(f->job, false);
    if (f->state == FLUSH_COPY && f->files.len && !atomic_load(&f->put.done)) {
        const Written w = flush_written(f);
        eng->store->ops->blob_abort(eng->store, blob_id(BLOB_PART, w.parts[w.count - 1].number));
    }
    copies_free(f);
    buf_free(&f->files);
    buf_free(&f->series.bytes);
    buf_free(&f->catalog.bytes);
    buf_free(&f->edit);
}
