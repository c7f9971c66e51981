/* Folding: small sealed segments side by side become one.
 * A segment has 262,144 rows at most, so of many series it has a few rows each, and until the flush a
 * reader would merge hundreds of such runs a series.  Eight segments of one size become one of the
 * next, as a flush would make it, but in memory; a row is folded two or three times at most.
 * It is the sealer that folds, when it has nothing to seal: after a pause of the writes, or beside
 * them once many segments wait. */
#include "storage/engine_private.h"

#include "base/log.h"

enum {
    WAITING_MAX = 16,     /* segments that were never folded */
    BYTES_MAX = 16 << 20, /* what is larger together is not folded any more */
    LONG_ROWS = 256,      /* runs as long are good as they are */
};
#define IDLE_NS (100 * NS_PER_MS)

static bool may_fold(const MemSegment *ms)
{
    return ms->sealed && !ms->file && !ms->flushing && ms->visible && ms->folds != FOLD_NEVER;
}

/* The first of FOLD_COUNT neighbours of one size; mem_count: there are none.  Needs the mutex. */
static size_t find_neighbours(const Engine *eng)
{
    size_t n = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < eng->mem_count; i++) {
        const MemSegment *ms = eng->mem[i];
        if (!may_fold(ms)) {
            n = 0;
            continue;
        }
        if (n == 0 || eng->mem[i - 1]->folds != ms->folds)
            n = bytes = 0;
        n++;
        bytes += part_info(ms->sealed)->bytes;
        if (n < FOLD_COUNT)
            continue;
        if (bytes <= BYTES_MAX)
            return i + 1 - FOLD_COUNT;
        n--;
        bytes -= part_info(eng->mem[i + 1 - FOLD_COUNT]->sealed)->bytes;
    }
    return eng->mem_count;
}

static size_t waiting(const Engine *eng)
{
    size_t n = 0;
    for (size_t i = 0; i < eng->mem_count; i++)
        n += may_fold(eng->mem[i]) && eng->mem[i]->folds == 0;
    return n;
}

/* Half of its rows are in short runs. */
static bool has_short_runs(Part *p)
{
    uint64_t rows = 0;
    for (size_t k = 0; k < part_group_count(p); k++) {
        PartGroup g;
        part_group_at(p, (uint32_t)k, &g);
        rows += g.alone && g.rows >= LONG_ROWS ? 0 : g.rows;
    }
    return rows > part_info(p)->rows / 2;
}

/* Where the segments are now; false: the flush took some of them.  Needs the mutex. */
static bool find_again(const Engine *eng, size_t *at)
{
    const Folder *f = &eng->folder;
    size_t i = 0;
    while (i < eng->mem_count && eng->mem[i]->serial != f->serials[0])
        i++;
    *at = i;
    if (i + FOLD_COUNT > eng->mem_count)
        return false;
    for (size_t k = 0; k < FOLD_COUNT; k++)
        if (eng->mem[i + k]->serial != f->serials[k] || eng->mem[i + k]->flushing)
            return false;
    return true;
}

static void give_up(Engine *eng)
{
    size_t at;
    mutex_lock(&eng->mutex);
    if (find_again(eng, &at))
        for (size_t k = 0; k < FOLD_COUNT; k++)
            eng->mem[at + k]->folds = FOLD_NEVER;
    mutex_unlock(&eng->mutex);
}

static bool fold_begin(Engine *eng, Task *t)
{
    Folder *f = &eng->folder;
    VersionPart inputs[FOLD_COUNT];
    CompactSpec spec = {
        .inputs = inputs, .input_count = FOLD_COUNT, .budget = eng->o.budget, .clock = eng->clock};
    CatalogSnap *cat = NULL;
    bool pays = false, found;
    int64_t when = f->seal_ns + IDLE_NS;
    mutex_lock(&eng->mutex);
    size_t at = eng->failed ? eng->mem_count : find_neighbours(eng);
    found = at < eng->mem_count;
    bool now = found && (engine_now(eng) >= when || waiting(eng) > WAITING_MAX);
    if (now) {
        for (size_t k = 0; k < FOLD_COUNT; k++) {
            inputs[k] = mem_version_part(eng->mem[at + k], (uint32_t)k);
            part_ref(inputs[k].part);
            f->serials[k] = eng->mem[at + k]->serial;
        }
        f->folds = eng->mem[at]->folds + 1;
        spec.catalog = cat = catalog_firm(eng);
        spec.tombs = tombs_ref(eng->tombs);
    }
    mutex_unlock(&eng->mutex);
    if (found && !now)
        task_wake_at(t, when);
    if (!now)
        return false;
    for (size_t k = 0; k < FOLD_COUNT; k++)
        pays |= has_short_runs(inputs[k].part);
    if (pays)
        f->job = compact_new(&spec);
    else
        give_up(eng);
    for (size_t k = 0; k < FOLD_COUNT; k++)
        part_unref(inputs[k].part);
    cat_unref(cat);
    tombs_unref(spec.tombs);
    return true;
}

/* The first segment takes the place of all. */
static void fold_install(Engine *eng, Part *take_part)
{
    Folder *f = &eng->folder;
    MemSegment *gone[FOLD_COUNT];
    PartList *old = NULL;
    size_t at;
    mem_charge_sealed(eng, take_part, 1);
    MemSegment *ms = MEM_NEW(MemSegment);
    mutex_lock(&eng->mutex);
    bool there = find_again(eng, &at);
    if (there) {
        memcpy(gone, eng->mem + at, sizeof gone);
        *ms = (MemSegment){.sealed = take_part,
                           .rows = part_info(take_part)->rows,
                           .visible = part_info(take_part)->rows,
                           .closed = true,
                           .folds = f->folds,
                           .continues = gone[0]->continues,
                           .first_lsn = gone[0]->first_lsn,
                           .serial = gone[FOLD_COUNT - 1]->serial,
                           .born_ns = gone[0]->born_ns};
        eng->mem[at] = ms;
        eng->mem_count -= FOLD_COUNT - 1;
        memmove(eng->mem + at + 1, eng->mem + at + FOLD_COUNT,
                (eng->mem_count - at - 1) * sizeof *eng->mem);
        engine_swap_parts(eng, &old);
        mem_count_bytes(eng);
    }
    mutex_unlock(&eng->mutex);
    for (size_t k = 0; there && k < FOLD_COUNT; k++)
        mem_segment_free(eng, gone[k], false);
    if (!there) { /* they are in a file by now, or soon */
        mem_charge_sealed(eng, take_part, -1);
        part_unref(take_part);
        mem_free(ms);
    }
    part_list_unref(old);
}

static void fold_end(Engine *eng)
{
    compact_free(eng->folder.job, false);
    eng->folder.job = NULL;
}

TaskStatus fold_step(Engine *eng, Task *t)
{
    Folder *f = &eng->folder;
    Err e;
    if (atomic_load(&eng->replaying) || atomic_load(&eng->flusher.hurry)) /* nobody reads */
        return TASK_WAIT;
    if (!f->job)
        return fold_begin(eng, t) ? TASK_MORE : TASK_WAIT;
    CompactStatus st = compact_step(f->job, engine_now(eng) + ENGINE_STEP_NS, t, &e);
    if (st == COMPACT_MORE)
        return TASK_MORE;
    if (st == COMPACT_WAIT)
        return TASK_WAIT;
    Part *part = compact_take_part(f->job);
    if (st == COMPACT_FAIL)
        log_warn("engine", "segments of the memtable cannot be folded: %s", e.message);
    if (part)
        fold_install(eng, part);
    else /* or deletes hid every row: the flush will find that out as well */
        give_up(eng);
    fold_end(eng);
    return TASK_MORE;
}

void fold_free(Engine *eng)
{
    fold_end(eng);
}
