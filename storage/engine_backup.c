/* Backup of a running engine.  Nothing stops: while it runs no log is recycled and no blob deleted,
 * so the files that the manifest names now, and the log from there to the position taken after
 * that, are a consistent whole: everything acknowledged before, nothing half.  Files of large
 * transactions are named by the log alone until the next flush: they are noted as they come. */
#include "storage/engine_private.h"

#include "base/log.h"
#include "storage/backup.h"
#include <stdio.h>

typedef enum BackupState { BACKUP_BEGIN, BACKUP_POSITION, BACKUP_COPY } BackupState;

typedef struct BackupJob { /* the task's own; freed by its done() */
    Task task;
    Engine *eng;
    Ticket *ticket;
    char *target;
    BackupState state;
    bool holds;
    BackupWriter *writer;
    Buf edit;   /* the manifest */
    Buf logged; /* ManifestPart: files that only the log names */
    BackupInfo info;
    LogPosition position;
    Completion completion;
} BackupJob;

bool engine_backup_runs(Engine *eng)
{
    mutex_lock(&eng->mutex);
    bool runs = eng->backups > 0;
    mutex_unlock(&eng->mutex);
    return runs;
}

void engine_recycle_log(Engine *eng, Lsn covered)
{
    if (!engine_backup_runs(eng))
        eng->store->ops->log_recycle(eng->store, covered);
}

static void release(BackupJob *j)
{
    Engine *eng = j->eng;
    if (!j->holds)
        return;
    mutex_lock(&eng->mutex);
    bool last = --eng->backups == 0;
    if (last)
        buf_clear(&eng->adopted);
    Lsn covered = eng->manifest.covered;
    mutex_unlock(&eng->mutex);
    if (!last || eng->read_only)
        return;
    eng->store->ops->log_recycle(eng->store, covered);
    engine_wake(eng, &eng->compactor.task);
}

static void job_gone(Task *t)
{
    BackupJob *j = (BackupJob *)((char *)t - offsetof(BackupJob, task));
    Engine *eng = j->eng;
    buf_free(&j->edit);
    buf_free(&j->logged);
    buf_free(&j->position.extents);
    mem_free(j->target);
    mem_free(j);
    engine_task_gone(eng);
}

static TaskStatus job_end(BackupJob *j, bool ok, Err *e)
{
    backup_close(j->writer);
    release(j);
    if (ok)
        log_info("backup", "\"%s\" is complete: %llu files, %llu bytes, up to record %llu",
                 j->target, (unsigned long long)j->info.files, (unsigned long long)j->info.bytes,
                 (unsigned long long)j->info.last);
    else
        err_wrap(e, "backup to \"%s\"", j->target);
    ticket_end(j->eng, j->ticket, ok, j->info.last, e);
    return TASK_DONE;
}

/* From here on what the manifest names stays. */
static bool begin(BackupJob *j, Err *e)
{
    Engine *eng = j->eng;
    const Io *io = eng->o.io ? eng->o.io : &io_real;
    j->info.began_ns = eng->clock->wall_ns(eng->clock);
    if (!backup_begin(&j->writer, io, eng->dir, j->target, e))
        return false;
    mutex_lock(&eng->mutex);
    eng->backups++;
    j->holds = true;
    j->info.covered = eng->manifest.covered;
    manifest_put_all(&j->edit, &eng->manifest);
    for (size_t i = 0; i < eng->mem_count; i++)
        if (eng->mem[i]->file)
            buf_put(&j->logged, &eng->mem[i]->file->info, sizeof(ManifestPart));
    mutex_unlock(&eng->mutex);
    j->completion = (Completion){.waiter = &j->task};
    j->state = BACKUP_POSITION;
    eng->store->ops->log_position(eng->store, &j->position, &j->completion);
    return true;
}

static bool add_blob(BackupJob *j, BlobKind kind, uint64_t number, uint64_t bytes, Err *e)
{
    char name[256];
    if (!j->eng->store->ops->blob_name(j->eng->store, blob_id(kind, number), name, sizeof name))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "this store has no files to copy");
    backup_add(j->writer, name, bytes, true);
    return true;
}

static bool add_cache(BackupJob *j, BlobKind kind, uint64_t number, uint64_t bytes, Err *e)
{
    BlobKind copy = blob_kind(cache_copy(blob_id(kind, number)));
    return add_blob(j, kind, number, bytes, e) && add_blob(j, copy, number, bytes, e);
}

static bool add_blobs(BackupJob *j, Err *e)
{
    Manifest m;
    manifest_init(&m);
    bool ok = manifest_apply(&m, buf_slice(&j->edit), e);
    for (size_t i = 0; ok && i < m.part_count; i++)
        ok = add_blob(j, BLOB_PART, m.parts[i].number, m.parts[i].bytes, e);
    for (size_t i = 0; ok && i < m.series_count; i++)
        ok = add_cache(j, BLOB_SERIES, m.series[i].number, m.series[i].bytes, e);
    if (ok && m.catalog.number)
        ok = add_cache(j, BLOB_CATALOG, m.catalog.number, m.catalog.bytes, e);
    manifest_reset(&m);
    const ManifestPart *p = (const ManifestPart *)(void *)j->logged.ptr;
    for (size_t i = 0; ok && i < j->logged.len / sizeof *p; i++) {
        size_t k = 0;
        while (p[k].number != p[i].number)
            k++;
        ok = k < i || add_blob(j, BLOB_PART, p[i].number, p[i].bytes, e);
    }
    return ok;
}

/* Everything up to the log's position is in memory, and so are the names of its files. */
static bool caught_up(BackupJob *j)
{
    mutex_lock(&j->eng->mutex);
    bool done = j->eng->applied >= j->position.last || j->eng->failed;
    if (done)
        buf_put_slice(&j->logged, buf_slice(&j->eng->adopted));
    mutex_unlock(&j->eng->mutex);
    return done;
}

/* Segments that hold records behind `covered`; older ones may be used again at any time. */
static void add_log(BackupJob *j)
{
    const LogExtent *x = (const LogExtent *)(void *)j->position.extents.ptr;
    size_t n = j->position.extents.len / sizeof *x;
    char name[64];
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && x[i + 1].first_lsn <= j->info.covered + 1)
            continue;
        snprintf(name, sizeof name, "log/%08llu.log", (unsigned long long)x[i].file);
        backup_add(j->writer, name, (uint64_t)x[i].bytes, false);
    }
    j->info.last = j->position.last;
    j->info.last_ms = j->position.ms;
}

static TaskStatus backup_task(Task *t)
{
    BackupJob *j = (BackupJob *)((char *)t - offsetof(BackupJob, task));
    bool done = false;
    Err e;
    if (j->state == BACKUP_POSITION) {
        if (!atomic_load_explicit(&j->completion.done, memory_order_acquire))
            return TASK_WAIT; /* also when closing: the position is written to us */
        if (!j->completion.ok)
            return job_end(j, false, &j->completion.err);
    }
    if (atomic_load(&j->eng->closing)) {
        err_set(&e, ERR_ADMIN_SHUTDOWN, "the database is being closed");
        return job_end(j, false, &e);
    }
    switch (j->state) {
    case BACKUP_BEGIN:
        return begin(j, &e) ? TASK_MORE : job_end(j, false, &e);
    case BACKUP_POSITION:
        if (!caught_up(j)) {
            task_wake_at(t, engine_now(j->eng) + NS_PER_MS);
            return TASK_WAIT;
        }
        if (!add_blobs(j, &e))
            return job_end(j, false, &e);
        add_log(j);
        j->state = BACKUP_COPY;
        return TASK_MORE;
    case BACKUP_COPY:
        if (!backup_step(j->writer, &done, &e))
            return job_end(j, false, &e);
        if (!done)
            return TASK_MORE;
        return job_end(j, backup_finish(j->writer, buf_slice(&j->edit), &j->info, &e), &e);
    }
    return TASK_DONE;
}

void engine_backup(Engine *eng, const char *target, Ticket *t)
{
    BackupJob *j = MEM_NEW(BackupJob);
    atomic_store_explicit(&t->done, false, memory_order_relaxed);
    j->eng = eng;
    j->ticket = t;
    j->target = mem_strdup(slice_cstr(target));
    task_init(&j->task, backup_task, TASK_BACKGROUND, 0);
    j->task.done = job_gone;
    if (atomic_fetch_add(&eng->tasks_alive, 1) == 0)
        atomic_store(&eng->tasks_gone, false); /* read-only: no other task runs */
    task_start(eng->sched, &j->task);
}
