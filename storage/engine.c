#include "storage/engine_private.h"

#include "base/log.h"
#include <unistd.h>

enum { MEMTABLE_MAX_DEFAULT = 64 << 20, LOG_MAX_DEFAULT = 128 << 20, RESERVE_MAX = 64 << 20 };
#define ARCHIVE_HOLD_MAX_DEFAULT (INT64_C(4) << 30)

void ticket_end(Engine *eng, Ticket *t, bool ok, Lsn lsn, const Err *e)
{
    t->ok = ok;
    t->lsn = lsn;
    if (ok)
        err_clear(&t->err);
    else
        t->err = *e;
    if (t->waiter) {
        task_wake_done(t->waiter, &t->done);
        return;
    }
    atomic_store_explicit(&t->done, true, memory_order_release); /* it may be gone from here on */
    sched_notify(eng->sched);
}

void engine_fail(Engine *eng, const Err *e)
{
    mutex_lock(&eng->mutex);
    bool first = !eng->failed;
    eng->failed = true;
    if (first) {
        eng->failure = *e;
        eng->failure.code = ERR_IO;
        err_hint(&eng->failure,
                 "writes are refused until the server is started again; reads go on");
    }
    Err failure = eng->failure;
    mutex_unlock(&eng->mutex);
    if (first)
        log_error("engine", "writes are refused until a restart: %s", failure.message);
    engine_fail_waiters(eng, &failure);
}

uint64_t engine_next_file(void *eng)
{
    return atomic_fetch_add(&((Engine *)eng)->next_file, 1);
}

/* ---- open ---- */

static int64_t memtable_default(void)
{
    int64_t ram = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 16;
    return ram > 0 && ram < MEMTABLE_MAX_DEFAULT ? ram : MEMTABLE_MAX_DEFAULT;
}

static Engine *engine_new(const EngineOptions *o)
{
    Engine *eng = MEM_NEW(Engine);
    eng->o = *o;
    eng->dir = mem_strdup(slice_cstr(o->dir));
    eng->o.dir = eng->dir;
    eng->o.memtable_max = o->memtable_max ? o->memtable_max : memtable_default();
    eng->o.log_max = o->log_max ? o->log_max : LOG_MAX_DEFAULT;
    if (!o->reserve)
        eng->o.reserve = eng->o.memtable_max < RESERVE_MAX ? eng->o.memtable_max : RESERVE_MAX;
    eng->o.flush_after_ns = o->flush_after_ns ? o->flush_after_ns : 600 * NS_PER_S;
    eng->sched = o->sched;
    eng->clock = sched_clock(o->sched);
    eng->read_only = o->flags & ENGINE_READ_ONLY;
    eng->queue_tail = &eng->queue;
    eng->edits_tail = &eng->edits;
    eng->locks = locks_new();
    mutex_init(&eng->mutex, RANK_STORE);
    mutex_init(&eng->garbage_mutex, RANK_LEAF);
    manifest_init(&eng->manifest);
    keeper_init(eng);
    eng->part_cache = part_cache_new(o->cache);
    return eng;
}

static void engine_free(Engine *eng)
{
    must(eng->snapshots == 0);
    engine_fail_waiters(
        eng, &(Err){.code = ERR_ADMIN_SHUTDOWN, .message = "the database is being closed"});
    writer_free(eng);
    fold_free(eng);
    flusher_free(eng);
    compactor_free(eng);
    keeper_free(eng);
    mem_free_all(eng);
    part_list_unref(eng->parts);
    for (size_t i = 0; i < eng->file_count; i++)
        file_unref(eng->files[i]);
    mem_free(eng->files);
    if (eng->store) {
        if (!eng->read_only)
            engine_collect_garbage(eng);
        eng->store->ops->close(eng->store);
    }
    if (eng->o.mapped)
        budget_charge(eng->o.mapped, -atomic_load(&eng->mapped_bytes));
    part_cache_free(eng->part_cache);
    tombs_unref(eng->tombs);
    watches_unref(eng->watches);
    locks_free(eng->locks);
    cat_unref(eng->catalog);
    idx_free(eng->index);
    manifest_reset(&eng->manifest);
    mutex_destroy(&eng->mutex);
    mutex_destroy(&eng->garbage_mutex);
    mem_free(eng->garbage);
    buf_free(&eng->adopted);
    mem_free(eng->dir);
    mem_free(eng);
}

void engine_task_gone(Engine *eng)
{
    Sched *sched = eng->sched;
    if (atomic_fetch_sub(&eng->tasks_alive, 1) != 1)
        return;
    atomic_store(&eng->tasks_gone, true);
    sched_notify(sched); /* the engine may be gone by now */
}

static void writer_done(Task *t)
{
    engine_task_gone((Engine *)((char *)t - offsetof(Engine, writer.task)));
}

static void sealer_done(Task *t)
{
    engine_task_gone((Engine *)((char *)t - offsetof(Engine, sealer)));
}

static void flusher_done(Task *t)
{
    engine_task_gone((Engine *)((char *)t - offsetof(Engine, flusher.task)));
}

static void compactor_done(Task *t)
{
    engine_task_gone((Engine *)((char *)t - offsetof(Engine, compactor.task)));
}

static void keeper_done(Task *t)
{
    engine_task_gone((Engine *)((char *)t - offsetof(Engine, keeper.task)));
}

/* The sealer alone works beside the replay of the log, where there are threads for it. */
static void start_sealer(Engine *eng)
{
    task_init(&eng->sealer, sealer_step, TASK_BACKGROUND, 0);
    eng->sealer.done = sealer_done;
    atomic_store(&eng->tasks_alive, 1);
    task_start(eng->sched, &eng->sealer);
}

static void start_tasks(Engine *eng)
{
    struct {
        Task *task;
        TaskStatus (*step)(Task *);
        void (*done)(Task *);
        TaskClass cls;
    } tasks[] = {
        {&eng->writer.task, writer_step, writer_done, TASK_BLOCKING},
        {&eng->flusher.task, flusher_step, flusher_done, TASK_BACKGROUND},
        {&eng->compactor.task, compactor_step, compactor_done, TASK_BACKGROUND},
        {&eng->keeper.task, keeper_step, keeper_done, TASK_BACKGROUND},
    };
    size_t n = sizeof tasks / sizeof tasks[0];
    if (!atomic_load(&eng->tasks_alive))
        start_sealer(eng);
    for (size_t i = 0; i < n; i++) {
        task_init(tasks[i].task, tasks[i].step, tasks[i].cls, 0);
        tasks[i].task->done = tasks[i].done;
    }
    /* They wake each other, and each takes the mutex before it does: none before all are started. */
    mutex_lock(&eng->mutex);
    for (size_t i = 0; i < n; i++)
        task_start(eng->sched, tasks[i].task);
    atomic_fetch_add(&eng->tasks_alive, (int)n);
    atomic_store(&eng->replaying, false);
    mutex_unlock(&eng->mutex);
    task_wake(&eng->sealer);
}

static void stop_tasks(Engine *eng)
{
    atomic_store(&eng->closing, true);
    if (!atomic_load(&eng->tasks_alive))
        return;
    task_wake(&eng->sealer);
    if (!atomic_load(&eng->replaying)) {
        task_wake(&eng->writer.task);
        task_wake(&eng->flusher.task);
        task_wake(&eng->compactor.task);
        task_wake(&eng->keeper.task);
    }
    sched_run_until(eng->sched, &eng->tasks_gone);
}

static void await_ticket(Engine *eng, Ticket *t)
{
    sched_run_until(eng->sched, &t->done);
}

/* After a repair the log still holds what could not be read; flushing makes it go. */
static bool flush_repaired(Engine *eng, Err *e)
{
    Ticket t = {0};
    if (!(eng->o.flags & ENGINE_REPAIR) || eng->read_only)
        return true;
    engine_checkpoint(eng, &t);
    await_ticket(eng, &t);
    if (!t.ok)
        *e = t.err;
    return t.ok;
}

static bool open_archive(Engine *eng, Err *e)
{
    int64_t hold = eng->o.archive_hold_max ? eng->o.archive_hold_max : ARCHIVE_HOLD_MAX_DEFAULT;
    return !eng->o.archive_dir || eng->read_only ||
           store_local_archive(eng->store, eng->o.archive_dir, hold, e);
}

bool engine_open(Engine **out, const EngineOptions *o, Err *e)
{
    Engine *eng = engine_new(o);
    atomic_store(&eng->replaying, true);
    if (!store_local_open(&eng->store, o->dir, o->flags, o->io, o->sched, e)) {
        engine_free(eng);
        return false;
    }
    if (!open_archive(eng, e)) {
        engine_free(eng);
        return false;
    }
    if (!eng->read_only && sched_workers(o->sched) > 0)
        start_sealer(eng);
    if (!engine_recover(eng, e)) {
        stop_tasks(eng);
        engine_free(eng);
        return false;
    }
    if (!eng->read_only) {
        (void)(eng->disk_full || engine_take_reserve(eng)); /* if not: the flusher tries again */
        start_tasks(eng);
    }
    if (!flush_repaired(eng, e)) {
        engine_close(eng, false);
        return false;
    }
    *out = eng;
    return true;
}

void engine_close(Engine *eng, bool flush)
{
    if (!eng)
        return;
    if (flush && !eng->read_only && engine_writable(eng, &(Err){0})) {
        Ticket t = {0};
        atomic_store(&eng->flusher.hurry, true);
        keeper_finish(eng, &t); /* first: the flush then has no series to write */
        await_ticket(eng, &t);
        engine_checkpoint(eng, &t);
        await_ticket(eng, &t);
        if (!t.ok)
            log_warn("engine", "the last flush failed: %s", t.err.message);
    }
    stop_tasks(eng);
    writer_fail_queue(
        eng, &(Err){.code = ERR_ADMIN_SHUTDOWN, .message = "the database is being closed"});
    engine_free(eng);
}

/* ---- getters ---- */

SeriesIndex *engine_index(Engine *eng)
{
    return eng->index;
}

CatalogSnap *engine_catalog(Engine *eng)
{
    mutex_lock(&eng->mutex);
    CatalogSnap *c = cat_ref(eng->catalog);
    mutex_unlock(&eng->mutex);
    return c;
}

Sched *engine_sched(Engine *eng)
{
    return eng->sched;
}

ObjectId engine_new_id(Engine *eng)
{
    return atomic_fetch_add(&eng->next_object, 1);
}

const EngineStats *engine_stats(Engine *eng)
{
    return &eng->stats;
}

/* ---- maintenance ---- */

static void add_waiter(Engine *eng, bool vacuum, TableId table, Ticket *t)
{
    Err e;
    atomic_store_explicit(&t->done, false, memory_order_relaxed);
    if (!engine_writable(eng, &e) && e.code != ERR_OUT_OF_MEMORY && e.code != ERR_DISK_FULL) {
        ticket_end(eng, t, false, 0, &e);
        return;
    }
    Waiter *w = MEM_NEW(Waiter);
    w->ticket = t;
    w->vacuum = vacuum;
    w->table = table;
    mutex_lock(&eng->mutex);
    w->id = ++eng->waiter_id;
    w->next = eng->waiters;
    eng->waiters = w;
    mutex_unlock(&eng->mutex);
    engine_wake(eng, &eng->flusher.task);
}

void engine_checkpoint(Engine *eng, Ticket *t)
{
    add_waiter(eng, false, 0, t);
}

void engine_vacuum(Engine *eng, TableId table, Ticket *t)
{
    add_waiter(eng, true, table, t);
}
