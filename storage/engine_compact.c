/* Compaction: the job that engine_pick.c chose, vacuum, and files that nobody needs any more. */
#include "storage/engine_private.h"

#include "base/log.h"

static Compactor *compactor_of(Task *t, Engine **eng)
{
    Compactor *c = (Compactor *)((char *)t - offsetof(Compactor, task));
    *eng = (Engine *)((char *)c - offsetof(Engine, compactor));
    return c;
}

/* ---- blobs nobody needs ---- */

void engine_drop_blob(Engine *eng, BlobId id)
{
    mutex_lock(&eng->garbage_mutex);
    if (eng->garbage_count == eng->garbage_cap) {
        eng->garbage_cap = eng->garbage_cap ? eng->garbage_cap * 2 : 16;
        eng->garbage = mem_realloc(eng->garbage, eng->garbage_cap * sizeof *eng->garbage);
    }
    eng->garbage[eng->garbage_count++] = id;
    mutex_unlock(&eng->garbage_mutex);
    engine_wake(eng, &eng->compactor.task);
}

void engine_drop_cache(Engine *eng, BlobId id)
{
    engine_drop_blob(eng, id);
    engine_drop_blob(eng, cache_copy(id));
}

void engine_collect_garbage(Engine *eng)
{
    while (!engine_backup_runs(eng)) { /* its end wakes the compactor */
        mutex_lock(&eng->garbage_mutex);
        BlobId id = eng->garbage_count ? eng->garbage[--eng->garbage_count] : 0;
        mutex_unlock(&eng->garbage_mutex);
        if (!id)
            return;
        eng->store->ops->blob_drop(eng->store, id);
    }
}

/* ---- one compaction ---- */

/* No file but the inputs has older rows in their time range. */
static bool inputs_are_oldest(const Engine *eng, const Pick *p)
{
    int64_t t_min = INT64_MAX, t_max = INT64_MIN;
    Lsn newest = 0;
    for (size_t i = 0; i < p->count; i++) {
        const ManifestPart *in = &p->files[i]->info;
        t_min = in->t_min < t_min ? in->t_min : t_min;
        t_max = in->t_max > t_max ? in->t_max : t_max;
        newest = in->seq_max > newest ? in->seq_max : newest;
    }
    for (size_t i = 0; i < eng->file_count; i++) {
        const EngineFile *f = eng->files[i];
        bool input = false;
        for (size_t k = 0; k < p->count; k++)
            input |= p->files[k] == f;
        if (!input && f->info.seq_min <= newest && f->info.t_min <= t_max && f->info.t_max >= t_min)
            return false;
    }
    return true;
}

static void job_start(Engine *eng, Compactor *c)
{
    const Pick *p = &c->pick;
    VersionPart *parts = mem_zero((p->count + 1) * sizeof *parts);
    mutex_lock(&eng->mutex);
    CatalogSnap *cat = catalog_firm(eng);
    TombList *tombs = tombs_ref(eng->tombs);
    bool oldest = inputs_are_oldest(eng, p);
    mutex_unlock(&eng->mutex);
    for (size_t i = 0; i < p->count; i++)
        parts[i] = (VersionPart){.part = p->files[i]->part,
                                 .file = p->files[i]->info.number,
                                 .level = p->files[i]->info.level,
                                 .age = (uint32_t)i};
    CompactSpec spec = {.store = eng->store,
                        .budget = eng->o.budget,
                        .catalog = cat,
                        .tombs = tombs,
                        .inputs = parts,
                        .input_count = p->count,
                        .level = p->level,
                        .cuts = p->cuts,
                        .cut_count = p->cut_count,
                        .oldest = oldest,
                        .next_number = engine_next_file,
                        .arg = eng,
                        .clock = eng->clock};
    c->job = compact_new(&spec);
    c->state = COMPACTOR_MERGE;
    info_compaction_begin(eng, p,
                          c->vacuum_ns   ? "vacuum"
                          : p->reason    ? p->reason
                          : p->level > 1 ? "closed window"
                                         : "files pile up");
    cat_unref(cat);
    tombs_unref(tombs);
    mem_free(parts);
}

static void build_edit(Engine *eng, Compactor *c)
{
    buf_clear(&c->edit);
    for (size_t i = 0; i < c->pick.count; i++)
        manifest_drop_part(&c->edit, c->pick.files[i]->info.number);
    const Written w = {compact_outputs(c->job), compact_output_count(c->job),
                       compact_tombs_newest(c->job)};
    for (size_t i = 0; i < w.count; i++)
        manifest_put_part(&c->edit, &w.parts[i]);
    tombs_drop_dissolved(eng, &c->edit, &w, c->pick.files, c->pick.count);
}

static void remove_file(Engine *eng, EngineFile *f)
{
    for (size_t i = 0; i < eng->file_count; i++) {
        if (eng->files[i] != f)
            continue;
        memmove(eng->files + i, eng->files + i + 1, (--eng->file_count - i) * sizeof *eng->files);
        return;
    }
    must(!"a compacted file is in the list");
}

static bool compact_install(Engine *eng, Compactor *c, Err *e)
{
    size_t n = compact_output_count(c->job);
    EngineFile **outputs = mem_zero((n + 1) * sizeof *outputs);
    PartList *old = NULL;
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        outputs[i] = file_new(eng, &compact_outputs(c->job)[i]);
        atomic_fetch_add(&eng->stats.compact_bytes, outputs[i]->info.bytes);
        c->vacuum_freed -= (int64_t)outputs[i]->info.bytes;
        if (!outputs[i]->part) {
            *e = outputs[i]->err;
            ok = false;
        }
    }
    mutex_lock(&eng->mutex);
    for (size_t i = 0; i < c->pick.count; i++)
        remove_file(eng, c->pick.files[i]);
    for (size_t i = 0; i < n; i++)
        engine_insert_file(eng, outputs[i]);
    engine_swap_parts(eng, &old);
    mutex_unlock(&eng->mutex);
    tombs_prune(eng);
    for (size_t i = 0; i < c->pick.count; i++) {
        c->vacuum_freed += (int64_t)c->pick.files[i]->info.bytes;
        file_drop(c->pick.files[i]);
        file_unref(c->pick.files[i]); /* the list's reference */
    }
    part_list_unref(old);
    mem_free(outputs);
    if (!ok)
        engine_fail(eng, e);
    return ok;
}

static bool compact_commit_end(Engine *eng, Compactor *c, Err *e)
{
    if (!commit_end(eng, buf_slice(&c->edit), &c->completion, e))
        return false;
    compact_install(eng, c, e);
    info_compaction_end(eng, c->job, true);
    compact_free(c->job, true);
    c->job = NULL;
    pick_free(&c->pick);
    c->state = COMPACTOR_IDLE;
    atomic_fetch_add(&eng->stats.compactions, 1);
    engine_wake(eng, &eng->flusher.task);
    engine_wake(eng, &eng->keeper.task);
    return true;
}

/* An input cannot be read: it is found and left aside; what it has is still served. */
static bool compact_quarantine(Compactor *c)
{
    bool any = false;
    for (size_t i = 0; i < c->pick.count; i++) {
        EngineFile *f = c->pick.files[i];
        if (part_check(f->part, NULL, NULL)) /* tells the engine of each block */
            continue;
        any = f->quarantined = true;
        log_error("engine",
                  "%s is damaged and not compacted any more; \"alopex-skulk check\" says "
                  "what is lost, --repair keeps the rest",
                  part_name(f->part));
    }
    return any;
}

static void compact_failed(Engine *eng, Compactor *c, const Err *e)
{
    mutex_lock(&eng->mutex);
    bool unknown = eng->failed && c->state == COMPACTOR_COMMIT;
    mutex_unlock(&eng->mutex);
    log_error("engine", "compaction failed: %s", e->message);
    if (compact_sync_failed(c->job))
        engine_fail(eng, e);
    bool aside = (e->code == ERR_DATA_CORRUPTED || e->code == ERR_IO) && compact_quarantine(c);
    info_compaction_end(eng, c->job, false);
    compact_free(c->job, unknown);
    c->job = NULL;
    pick_free(&c->pick);
    c->state = COMPACTOR_IDLE;
    c->retry_ns = aside ? 0 : engine_now(eng) + 10 * ENGINE_RETRY_NS;
    if (aside && c->vacuum_ns) {
        c->vacuum_err = *e;
    } else if (c->vacuum_ns) {
        c->vacuum_ns = 0;
        engine_fail_waiters(eng, e);
    }
}

/* ---- waiters ---- */

void engine_fail_waiters(Engine *eng, const Err *e)
{
    mutex_lock(&eng->mutex);
    Waiter *all = eng->waiters;
    eng->waiters = NULL;
    mutex_unlock(&eng->mutex);
    while (all) {
        Waiter *w = all;
        all = w->next;
        ticket_end(eng, w->ticket, false, 0, e);
        mem_free(w);
    }
}

static void vacuum_begin(Engine *eng, Compactor *c)
{
    c->vacuum_freed = 0;
    err_clear(&c->vacuum_err);
    mutex_lock(&eng->mutex);
    for (const Waiter *w = eng->waiters; w; w = w->next) {
        if (!w->vacuum || !w->flushed)
            continue;
        c->vacuum_table = !c->vacuum_ns || c->vacuum_table == w->table ? w->table : 0;
        c->vacuum_ns = engine_now(eng) + 1;
        c->vacuum_id = w->id > c->vacuum_id ? w->id : c->vacuum_id;
    }
    mutex_unlock(&eng->mutex);
}

static void vacuum_end(Engine *eng, Compactor *c)
{
    Waiter *done = NULL;
    mutex_lock(&eng->mutex);
    for (Waiter **at = &eng->waiters; *at;) {
        Waiter *w = *at;
        if (!w->vacuum || !w->flushed || w->id > c->vacuum_id) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->next = done;
        done = w;
    }
    Lsn lsn = eng->applied;
    mutex_unlock(&eng->mutex);
    c->vacuum_ns = 0;
    while (done) {
        Waiter *w = done;
        done = w->next;
        w->ticket->freed = c->vacuum_freed;
        ticket_end(eng, w->ticket, !c->vacuum_err.code, lsn, &c->vacuum_err);
        mem_free(w);
    }
}

/* ---- the task ---- */

/* What the job left out because the catalog does not know it any more is really gone: the edit that
 * says so cannot be lost.  Else the log brings it to disk soon, or the next flush. */
static bool catalog_is_durable(Engine *eng, const Compactor *c)
{
    uint64_t version = compact_catalog(c->job);
    mutex_lock(&eng->mutex);
    bool durable = version <= eng->catalog_durable || version <= eng->manifest.catalog.version;
    mutex_unlock(&eng->mutex);
    return durable;
}

/* True: a job was started. */
static bool compactor_begin(Engine *eng, Compactor *c)
{
    mutex_lock(&eng->mutex);
    bool failed = eng->failed;
    mutex_unlock(&eng->mutex);
    if (failed)
        return false;
    if (!c->vacuum_ns)
        vacuum_begin(eng, c);
    if (engine_pick(eng, c, &c->pick)) {
        job_start(eng, c);
        return true;
    }
    if (!c->vacuum_ns)
        return false;
    engine_collect_garbage(eng);
    vacuum_end(eng, c);
    vacuum_begin(eng, c);
    return c->vacuum_ns != 0;
}

static bool compactor_move(Engine *eng, Compactor *c, Err *e, bool *failed)
{
    switch (c->state) {
    case COMPACTOR_IDLE:
        return compactor_begin(eng, c);
    case COMPACTOR_MERGE:
        if (engine_pause(eng, &c->pause, c->job, &c->task))
            return false;
        switch (compact_step(c->job, engine_now(eng) + ENGINE_STEP_NS, &c->task, e)) {
        case COMPACT_MORE:
            return true;
        case COMPACT_WAIT:
            return false;
        case COMPACT_FAIL:
            *failed = true;
            return false;
        case COMPACT_DONE:
            break;
        }
        if (!catalog_is_durable(eng, c)) {
            task_wake_at(&c->task, engine_now(eng) + ENGINE_SYNC_OFF_NS / 4);
            return false;
        }
        build_edit(eng, c);
        if (!commit_begin(eng, &c->edit, &c->completion, &c->task))
            return false; /* the flusher commits and wakes us; compact_step says DONE again */
        c->state = COMPACTOR_COMMIT;
        return true;
    case COMPACTOR_COMMIT:
        if (!atomic_load_explicit(&c->completion.done, memory_order_acquire))
            return false;
        *failed = !compact_commit_end(eng, c, e);
        return !*failed;
    }
    return false;
}

TaskStatus compactor_step(Task *t)
{
    Engine *eng;
    Compactor *c = compactor_of(t, &eng);
    Err e;
    bool failed = false;
    if (atomic_load(&eng->closing) && c->state != COMPACTOR_COMMIT)
        return TASK_DONE;
    if (atomic_load(&eng->flusher.hurry) && c->state != COMPACTOR_COMMIT)
        return TASK_WAIT; /* for the next start */
    engine_collect_garbage(eng);
    int64_t now = engine_now(eng);
    if (c->state == COMPACTOR_IDLE && now < c->retry_ns && !c->vacuum_ns) {
        task_wake_at(t, c->retry_ns);
        return TASK_WAIT;
    }
    if (compactor_move(eng, c, &e, &failed))
        return TASK_MORE;
    if (failed) {
        compact_failed(eng, c, &e);
        if (c->retry_ns <= now)
            return TASK_MORE;
    }
    if (atomic_load(&eng->closing) && c->state != COMPACTOR_COMMIT)
        return TASK_DONE;
    if (c->state == COMPACTOR_IDLE) { /* time ranges end without anybody writing */
        if (now >= c->scrub_ns)
            c->scrub_ns = scrub_step(eng);
        int64_t look = now + ENGINE_QUIET_NS;
        task_wake_at(t, c->scrub_ns < look ? c->scrub_ns : look);
    }
    return TASK_WAIT;
}

void compactor_free(Engine *eng)
{
    Compactor *c = &eng->compactor;
    compact_free(c->job, false);
    pick_free(&c->pick);
    buf_free(&c->edit);
    scrub_free(eng);
}
