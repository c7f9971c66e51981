/* Private rows of a large transaction become a file: segments are sealed one by one and merged into
 * one part, as a flush does.  No manifest names the file: until a log record of the COMMIT does, a
 * start finds it unknown and deletes it. */
#include "storage/engine_private.h"

struct SpillJob {
    Task task;
    Ref ref; /* the transaction's and the task's */
    Engine *eng;
    Segment **segments;
    Part **parts;
    size_t count, sealed;
    TombList *tombs;
    CatalogSnap *catalog;
    Compact *merge;
    atomic_bool cancelled, done;
    bool oldest;
    bool ok; /* once done */
    Err err;
    bool taken; /* the file has an owner: the transaction's own */
    Mutex mutex;
    Task *waiter; /* needs the mutex */
};

static void job_unref(SpillJob *j)
{
    if (!ref_drop(&j->ref))
        return;
    compact_free(j->merge, j->taken); /* a file that nobody took goes */
    for (size_t i = 0; i < j->count; i++) {
        seg_unref(j->segments[i]);
        part_unref(j->parts[i]);
    }
    tombs_unref(j->tombs);
    cat_unref(j->catalog);
    mutex_destroy(&j->mutex);
    mem_free(j->segments);
    mem_free(j->parts);
    mem_free(j);
}

static void merge_start_all(SpillJob *j)
{
    VersionPart *inputs = mem_zero(j->count * sizeof *inputs + 1);
    for (size_t i = 0; i < j->count; i++)
        inputs[i] = (VersionPart){.part = j->parts[i], .age = (uint32_t)i};
    CompactSpec spec = {.store = j->eng->store,
                        .budget = j->eng->o.budget,
                        .catalog = j->catalog,
                        .tombs = j->tombs,
                        .inputs = inputs,
                        .input_count = j->count,
                        .level = 0,
                        .oldest = j->oldest,
                        .next_number = engine_next_file,
                        .arg = j->eng,
                        .clock = j->eng->clock};
    j->merge = compact_new(&spec);
    mem_free(inputs);
}

static bool seal_next(SpillJob *j)
{
    if (!j->segments[j->sealed]) { /* a file */
        j->sealed++;
        return true;
    }
    WindowRule rule = segment_rule(j->segments[j->sealed], j->catalog);
    SealSpec spec = {
        .window_of = engine_window_of, .arg = &rule, .catalog = j->catalog, .tombs = j->tombs};
    if (!seg_seal(j->segments[j->sealed], &j->parts[j->sealed], &spec, &j->err))
        return false;
    j->sealed++;
    return true;
}

static TaskStatus job_end(SpillJob *j, bool ok)
{
    j->ok = ok;
    mutex_lock(&j->mutex);
    atomic_store(&j->done, true);
    if (j->waiter)
        task_wake(j->waiter);
    j->waiter = NULL;
    mutex_unlock(&j->mutex);
    return TASK_DONE;
}

static TaskStatus job_step(Task *t)
{
    SpillJob *j = (SpillJob *)t;
    if (atomic_load(&j->cancelled) || atomic_load(&j->eng->closing)) {
        err_set(&j->err, ERR_ADMIN_SHUTDOWN, "the database is being closed");
        return job_end(j, false);
    }
    if (j->sealed < j->count)
        return seal_next(j) ? TASK_MORE : job_end(j, false);
    if (!j->merge)
        merge_start_all(j);
    switch (compact_step(j->merge, engine_now(j->eng) + ENGINE_STEP_NS, t, &j->err)) {
    case COMPACT_MORE:
        return TASK_MORE;
    case COMPACT_WAIT:
        return TASK_WAIT;
    case COMPACT_DONE:
        return job_end(j, true);
    case COMPACT_FAIL:
        break;
    }
    return job_end(j, false);
}

static void job_done(Task *t)
{
    SpillJob *j = (SpillJob *)t;
    Engine *eng = j->eng;
    job_unref(j);
    engine_task_gone(eng);
}

SpillJob *spill_start(Engine *eng, const SpillSpec *spec)
{
    SpillJob *j = MEM_NEW(SpillJob);
    ref_init(&j->ref);
    ref_take(&j->ref);
    j->eng = eng;
    j->count = spec->count;
    j->segments = mem_zero(spec->count * sizeof(Segment *) + 1);
    j->parts = mem_zero(spec->count * sizeof(Part *) + 1);
    for (size_t i = 0; i < spec->count; i++) {
        const TxnLayer *l = &spec->layers[i];
        if (l->segment)
            j->segments[i] = seg_ref(l->segment);
        else
            part_ref(j->parts[i] = l->file->part);
    }
    j->oldest = spec->oldest;
    j->tombs = tombs_build(NULL, NULL, 0, spec->tombs, spec->tomb_count);
    j->catalog = cat_ref(spec->catalog);
    mutex_init(&j->mutex, RANK_TXN);
    task_init(&j->task, job_step, TASK_BACKGROUND, 0);
    j->task.done = job_done;
    atomic_fetch_add(&eng->tasks_alive, 1);
    task_start(eng->sched, &j->task);
    return j;
}

bool spill_busy(SpillJob *j, Task *waiter)
{
    mutex_lock(&j->mutex);
    bool busy = !atomic_load(&j->done);
    if (busy && waiter)
        j->waiter = waiter;
    mutex_unlock(&j->mutex);
    return busy;
}

bool spill_take(SpillJob *take_j, EngineFile **out, Err *e)
{
    SpillJob *j = take_j;
    must(atomic_load(&j->done));
    bool ok = j->ok;
    *out = NULL;
    if (!ok)
        *e = j->err;
    if (ok && compact_output_count(j->merge)) {
        EngineFile *f = file_new(j->eng, compact_outputs(j->merge));
        ok = f->part != NULL;
        j->taken = ok;
        if (ok) {
            *out = f;
        } else {
            *e = f->err;
            file_unref(f);
        }
    }
    job_unref(j);
    return ok;
}

void spill_cancel(SpillJob *take_j)
{
    mutex_lock(&take_j->mutex);
    take_j->waiter = NULL;
    atomic_store(&take_j->cancelled, true);
    mutex_unlock(&take_j->mutex);
    job_unref(take_j);
}
