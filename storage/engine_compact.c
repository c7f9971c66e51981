/* Compaction: which files are merged when, vacuum, and files that nobody needs any more.
 *
 *   L0 -> L1   ENGINE_L0_FILES flushes are split by window; files that are there already stay
 *   L1 -> L1   ENGINE_L1_FILES of one time range become one
 *   -> L2      a time range that is over and quiet: everything in it, encoded with full search
 * A set of inputs is always closed: whatever overlaps it in time is older than all of it or newer
 * than all of it, so the order of layers survives (storage/version.h). */
#include "storage/engine_private.h"

#include "base/log.h"
#include <stdlib.h>

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

void engine_collect_garbage(Engine *eng)
{
    for (;;) {
        mutex_lock(&eng->garbage_mutex);
        BlobId id = eng->garbage_count ? eng->garbage[--eng->garbage_count] : 0;
        mutex_unlock(&eng->garbage_mutex);
        if (!id)
            return;
        eng->store->ops->blob_drop(eng->store, id);
    }
}

/* ---- choosing ---- */

typedef struct FileList {
    EngineFile **items; /* by first time */
    size_t count;
} FileList;

typedef struct FileGroup { /* items [begin, end) */
    size_t begin, end;
    int64_t t_max;
    uint64_t bytes;
    size_t level1; /* files below the last level */
    bool damaged;
    int64_t newest_ns, oldest_ns; /* when made */
} FileGroup;

static int by_first_time(const void *a, const void *b)
{
    const EngineFile *x = *(EngineFile *const *)a, *y = *(EngineFile *const *)b;
    if (x->info.t_min != y->info.t_min)
        return x->info.t_min < y->info.t_min ? -1 : 1;
    return (x->info.number > y->info.number) - (x->info.number < y->info.number);
}

static int by_sequence(const void *a, const void *b)
{
    const EngineFile *x = *(EngineFile *const *)a, *y = *(EngineFile *const *)b;
    if (x->info.seq_min != y->info.seq_min)
        return x->info.seq_min < y->info.seq_min ? -1 : 1;
    return (x->info.number > y->info.number) - (x->info.number < y->info.number);
}

static FileList list_files(Engine *eng, int level_min)
{
    FileList l = {0};
    mutex_lock(&eng->mutex);
    l.items = mem_zero((eng->file_count + 1) * sizeof *l.items);
    for (size_t i = 0; i < eng->file_count; i++)
        if (eng->files[i]->info.level >= level_min)
            l.items[l.count++] = file_ref(eng->files[i]);
    mutex_unlock(&eng->mutex);
    if (l.count)
        qsort(l.items, l.count, sizeof *l.items, by_first_time);
    return l;
}

static void list_free(FileList *l)
{
    for (size_t i = 0; i < l->count; i++)
        file_unref(l->items[i]);
    mem_free(l->items);
}

static void group_add(FileGroup *g, const EngineFile *f)
{
    g->end++;
    g->bytes += f->info.bytes;
    g->t_max = f->info.t_max > g->t_max ? f->info.t_max : g->t_max;
    g->level1 += f->info.level < 2;
    g->damaged |= !f->part;
    g->newest_ns = f->created_ns > g->newest_ns ? f->created_ns : g->newest_ns;
    g->oldest_ns = f->created_ns < g->oldest_ns ? f->created_ns : g->oldest_ns;
}

/* The next set of files that overlap each other in time, with small neighbours if `join`. */
static bool next_group(const FileList *l, FileGroup *g, bool join)
{
    if (g->end >= l->count)
        return false;
    *g = (FileGroup){.begin = g->end, .end = g->end, .t_max = INT64_MIN, .oldest_ns = INT64_MAX};
    while (g->end < l->count) {
        const EngineFile *f = l->items[g->end];
        bool overlaps = g->end == g->begin || f->info.t_min <= g->t_max;
        bool small = join && (int64_t)(g->bytes + f->info.bytes) < COMPACT_FILE_MIN;
        if (!overlaps && !small)
            break;
        group_add(g, f);
    }
    return true;
}

static bool has_dead_table(const EngineFile *f, const CatalogSnap *cat)
{
    for (size_t i = 0; f->part && i < part_table_count(f->part); i++)
        if (!cat_table_by_id(cat, part_table_at(f->part, i)))
            return true;
    return false;
}

static bool group_has_dead(const FileList *l, const FileGroup *g, const CatalogSnap *cat)
{
    for (size_t i = g->begin; i < g->end; i++)
        if (has_dead_table(l->items[i], cat))
            return true;
    return false;
}

static void take_inputs(Compactor *c, EngineFile **items, size_t n, int level_below)
{
    c->inputs = mem_zero((n + 1) * sizeof *c->inputs);
    c->input_count = 0;
    for (size_t i = 0; i < n; i++)
        if (items[i]->info.level < level_below)
            c->inputs[c->input_count++] = file_ref(items[i]);
    qsort(c->inputs, c->input_count, sizeof *c->inputs, by_sequence);
}

static bool pick_vacuum(Engine *eng, Compactor *c, int *level)
{
    FileList l = list_files(eng, 0);
    FileGroup g = {0};
    CatalogSnap *cat = engine_catalog(eng);
    bool found = false;
    while (!found && next_group(&l, &g, true)) {
        bool work = g.end - g.begin > 1 || g.level1 || group_has_dead(&l, &g, cat);
        found = work && !g.damaged && g.oldest_ns < c->vacuum_ns;
    }
    if (found) {
        take_inputs(c, l.items + g.begin, g.end - g.begin, INT32_MAX);
        *level = 2;
    }
    cat_unref(cat);
    list_free(&l);
    return found;
}

static bool pick_level0(Engine *eng, Compactor *c, int *level)
{
    FileList l = list_files(eng, 0);
    size_t n = 0;
    bool damaged = false;
    for (size_t i = 0; i < l.count; i++) {
        n += l.items[i]->info.level == 0;
        damaged |= l.items[i]->info.level == 0 && !l.items[i]->part;
    }
    bool found = n >= ENGINE_L0_FILES && !damaged;
    if (found) {
        take_inputs(c, l.items, l.count, 1);
        *level = 1;
    }
    list_free(&l);
    return found;
}

static bool pick_ranges(Engine *eng, Compactor *c, int *level)
{
    FileList l = list_files(eng, 1);
    FileGroup g = {0};
    int64_t wall = eng->clock->wall_ns(eng->clock), now = engine_now(eng);
    bool found = false;
    while (!found && next_group(&l, &g, false)) {
        if (g.damaged || !g.level1)
            continue;
        bool over = g.t_max < wall - ENGINE_CLOSED_NS && now - g.newest_ns > ENGINE_QUIET_NS;
        found = over || g.level1 >= ENGINE_L1_FILES;
        if (found)
            take_inputs(c, l.items + g.begin, g.end - g.begin, over ? INT32_MAX : 2);
        *level = over ? 2 : 1;
    }
    list_free(&l);
    return found;
}

static bool pick(Engine *eng, Compactor *c, int *level)
{
    if (c->vacuum_ns)
        return pick_vacuum(eng, c, level);
    return pick_level0(eng, c, level) || pick_ranges(eng, c, level);
}

/* ---- one compaction ---- */

static void inputs_free(Compactor *c)
{
    for (size_t i = 0; i < c->input_count; i++)
        file_unref(c->inputs[i]);
    mem_free(c->inputs);
    c->inputs = NULL;
    c->input_count = 0;
}

static void job_start(Engine *eng, Compactor *c, int level)
{
    VersionPart *parts = mem_zero((c->input_count + 1) * sizeof *parts);
    CatalogSnap *cat = engine_catalog(eng);
    mutex_lock(&eng->mutex);
    TombList *tombs = tombs_ref(eng->tombs);
    mutex_unlock(&eng->mutex);
    for (size_t i = 0; i < c->input_count; i++)
        parts[i] = (VersionPart){.part = c->inputs[i]->part,
                                 .file = c->inputs[i]->info.number,
                                 .level = c->inputs[i]->info.level,
                                 .age = (uint32_t)i};
    CompactSpec spec = {.store = eng->store,
                        .budget = eng->o.budget,
                        .catalog = cat,
                        .tombs = tombs,
                        .inputs = parts,
                        .input_count = c->input_count,
                        .level = level,
                        .next_number = engine_next_file,
                        .arg = eng,
                        .clock = eng->clock};
    c->job = compact_new(&spec);
    c->state = COMPACTOR_MERGE;
    cat_unref(cat);
    tombs_unref(tombs);
    mem_free(parts);
}

static void build_edit(Engine *eng, Compactor *c)
{
    buf_clear(&c->edit);
    for (size_t i = 0; i < c->input_count; i++)
        manifest_drop_part(&c->edit, c->inputs[i]->info.number);
    for (size_t i = 0; i < compact_output_count(c->job); i++)
        manifest_put_part(&c->edit, compact_output(c->job, i));
    tombs_drop_dissolved(eng, &c->edit, c->job, c->inputs, c->input_count);
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
        outputs[i] = file_new(eng, compact_output(c->job, i));
        atomic_fetch_add(&eng->stats.compact_bytes, outputs[i]->info.bytes);
        if (!outputs[i]->part) {
            *e = outputs[i]->err;
            ok = false;
        }
    }
    mutex_lock(&eng->mutex);
    for (size_t i = 0; i < c->input_count; i++)
        remove_file(eng, c->inputs[i]);
    for (size_t i = 0; i < n; i++)
        engine_insert_file(eng, outputs[i]);
    tombs_prune(eng);
    engine_swap_parts(eng, &old);
    mutex_unlock(&eng->mutex);
    for (size_t i = 0; i < c->input_count; i++) {
        file_drop(c->inputs[i]);
        file_unref(c->inputs[i]); /* the list's reference */
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
    compact_free(c->job, true);
    c->job = NULL;
    inputs_free(c);
    c->state = COMPACTOR_IDLE;
    atomic_fetch_add(&eng->stats.compactions, 1);
    engine_wake(eng, &eng->flusher.task);
    return true;
}

static void compact_failed(Engine *eng, Compactor *c, const Err *e)
{
    mutex_lock(&eng->mutex);
    bool unknown = eng->failed && c->state == COMPACTOR_COMMIT;
    mutex_unlock(&eng->mutex);
    log_error("engine", "compaction failed: %s", e->message);
    compact_free(c->job, unknown);
    c->job = NULL;
    inputs_free(c);
    c->state = COMPACTOR_IDLE;
    c->retry_ns = engine_now(eng) + 10 * ENGINE_RETRY_NS;
    if (c->vacuum_ns) {
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
    mutex_lock(&eng->mutex);
    for (const Waiter *w = eng->waiters; w; w = w->next) {
        if (!w->vacuum || !w->flushed)
            continue;
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
        ticket_end(eng, w->ticket, true, lsn, NULL);
        mem_free(w);
    }
}

/* ---- the task ---- */

/* True: a job was started. */
static bool compactor_begin(Engine *eng, Compactor *c)
{
    int level = 0;
    mutex_lock(&eng->mutex);
    bool failed = eng->failed;
    mutex_unlock(&eng->mutex);
    if (failed)
        return false;
    if (!c->vacuum_ns)
        vacuum_begin(eng, c);
    if (pick(eng, c, &level)) {
        job_start(eng, c, level);
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
    engine_collect_garbage(eng);
    int64_t now = engine_now(eng);
    if (c->state == COMPACTOR_IDLE && now < c->retry_ns && !c->vacuum_ns) {
        task_wake_at(t, c->retry_ns);
        return TASK_WAIT;
    }
    if (compactor_move(eng, c, &e, &failed))
        return TASK_MORE;
    if (failed)
        compact_failed(eng, c, &e);
    if (atomic_load(&eng->closing) && c->state != COMPACTOR_COMMIT)
        return TASK_DONE;
    if (c->state == COMPACTOR_IDLE) /* time ranges end without anybody writing */
        task_wake_at(t, now + ENGINE_QUIET_NS);
    return TASK_WAIT;
}

void compactor_free(Engine *eng)
{
    Compactor *c = &eng->compactor;
    compact_free(c->job, false);
    inputs_free(c);
    buf_free(&c->edit);
}
