/* Folding: small sealed segments side by side become one.
 * A segment has 262,144 rows at most, so of many series it has a few rows each, and until the flush a
 * reader would merge hundreds of such runs a series.  Eight segments of one size become one of the
 * next, as a flush would make it, but in memory; a row is folded two or three times at most.
 * In a longer pause any number of neighbours become one, unless one of them is 256 times larger than all others
 * together: its long runs are only copied, and it pays that a reader finds one run where there were several.
 * It is the sealer that folds, when it has nothing to seal: after a pause of the writes, or beside
 * them once many segments wait.  It also has the last segment closed when nothing comes any more: its
 * unsorted rows cost each reader a look. */
#include "storage/engine_private.h"

#include "base/log.h"

enum {
    WAITING_MAX = 16,          /* segments that were never folded */
    BYTES_MAX = 16 << 20,      /* what is larger together is not folded beside writes */
    CALM_BYTES_MAX = 64 << 20, /* nor in a pause */
    LONG_ROWS = 256,           /* runs as long are good as they are */
    CALM_ROWS = ROW_GROUP_ROWS,
    CALM_SHARE = 256,
    TAIL_ROWS_MIN = 16384 /* fewer are sealed with those that follow */
};
#define IDLE_NS (100 * NS_PER_MS)
#define CALM_NS (300 * NS_PER_MS)

typedef struct Stretch { /* neighbours to be folded; count = 0: there are none */
    size_t begin, count;
} Stretch;

static bool may_fold(const MemSegment *ms)
{
    return ms->sealed && !ms->file && !ms->flushing && ms->visible;
}

/* The first of FOLD_COUNT neighbours of one size.  Needs the mutex. */
static Stretch find_alike(const Engine *eng)
{
    size_t n = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < eng->mem_count; i++) {
        const MemSegment *ms = eng->mem[i];
        if (!may_fold(ms) || ms->folds == FOLD_NEVER) {
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
            return (Stretch){i + 1 - FOLD_COUNT, FOLD_COUNT};
        n--;
        bytes -= part_info(eng->mem[i + 1 - FOLD_COUNT]->sealed)->bytes;
    }
    return (Stretch){0};
}

/* Neighbours from the first one on that are worth it. */
static size_t balanced(const Engine *eng, size_t begin)
{
    uint64_t bytes = 0, rows = 0, most = 0;
    size_t count = 0;
    bool news = false;
    for (size_t i = begin; i < eng->mem_count && i - begin < FOLD_MAX; i++) {
        const MemSegment *ms = eng->mem[i];
        if (!may_fold(ms))
            break;
        bytes += part_info(ms->sealed)->bytes;
        if (bytes > CALM_BYTES_MAX)
            break;
        rows += ms->rows;
        most = ms->rows > most ? ms->rows : most;
        news |= !ms->settled;
        if (i > begin && news && most <= (rows - most) * CALM_SHARE)
            count = i + 1 - begin;
    }
    return count;
}

/* Needs the mutex. */
static Stretch find_balanced(const Engine *eng)
{
    for (size_t i = 0; i < eng->mem_count; i++) {
        size_t count = balanced(eng, i);
        if (count)
            return (Stretch){i, count};
    }
    return (Stretch){0};
}

static size_t waiting(const Engine *eng)
{
    size_t n = 0;
    for (size_t i = 0; i < eng->mem_count; i++)
        n += may_fold(eng->mem[i]) && eng->mem[i]->folds == 0;
    return n;
}

/* Half of its rows are in short runs. */
static bool has_short_runs(Part *p, uint32_t long_rows)
{
    uint64_t rows = 0;
    for (size_t k = 0; k < part_group_count(p); k++) {
        PartGroup g;
        part_group_at(p, (uint32_t)k, &g);
        rows += g.alone && g.rows >= long_rows ? 0 : g.rows;
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
    if (i + f->count > eng->mem_count)
        return false;
    for (size_t k = 0; k < f->count; k++)
        if (eng->mem[i + k]->serial != f->serials[k] || eng->mem[i + k]->flushing)
            return false;
    return true;
}

static void give_up(Engine *eng)
{
    size_t at;
    mutex_lock(&eng->mutex);
    if (find_again(eng, &at))
        for (size_t k = 0; k < eng->folder.count; k++) {
            eng->mem[at + k]->settled |= eng->folder.calm;
            if (!eng->folder.calm)
                eng->mem[at + k]->folds = FOLD_NEVER;
        }
    mutex_unlock(&eng->mutex);
}

/* What to fold now; else *when there may be something.  Needs the mutex. */
static Stretch find_stretch(Engine *eng, int64_t *when)
{
    Folder *f = &eng->folder;
    int64_t now = engine_now(eng);
    Stretch found = find_alike(eng);
    f->calm = false;
    *when = f->seal_ns + IDLE_NS;
    if (found.count && (now >= *when || waiting(eng) > WAITING_MAX))
        return found;
    if (found.count == 0) {
        found = find_balanced(eng);
        f->calm = true;
        *when = found.count ? f->seal_ns + CALM_NS : INT64_MAX;
        if (found.count && now >= *when)
            return found;
    }
    return (Stretch){0};
}

/* The writer closes the last segment when no row has come for a while; *when to look again.  Needs the mutex. */
static void watch_tail(Engine *eng, int64_t *when)
{
    Folder *f = &eng->folder;
    int64_t now = engine_now(eng);
    const MemSegment *ms = eng->mem_count ? eng->mem[eng->mem_count - 1] : NULL;
    if (!ms || ms->closed || ms->visible < TAIL_ROWS_MIN || eng->close_active)
        return;
    if (f->applied != eng->applied) {
        f->applied = eng->applied;
        f->applied_ns = now;
    }
    if (now >= f->applied_ns + CALM_NS) {
        eng->close_active = true;
        engine_wake(eng, &eng->writer.task);
    } else if (f->applied_ns + CALM_NS < *when) {
        *when = f->applied_ns + CALM_NS;
    }
}

bool mem_tail_is_long(const MemSegment *ms)
{
    return !ms->closed && ms->visible >= TAIL_ROWS_MIN;
}

static bool fold_begin(Engine *eng, Task *t)
{
    Folder *f = &eng->folder;
    VersionPart inputs[FOLD_MAX];
    CompactSpec spec = {.inputs = inputs, .budget = eng->o.budget, .clock = eng->clock};
    CatalogSnap *cat = NULL;
    bool pays = false;
    int64_t when = INT64_MAX;
    mutex_lock(&eng->mutex);
    Stretch s = {0};
    if (!eng->failed) {
        s = find_stretch(eng, &when);
        watch_tail(eng, &when);
    }
    spec.input_count = f->count = s.count;
    f->folds = 0;
    for (size_t k = 0; k < s.count; k++) {
        const MemSegment *ms = eng->mem[s.begin + k];
        inputs[k] = mem_version_part(ms, (uint32_t)k);
        part_ref(inputs[k].part);
        f->serials[k] = ms->serial;
        if (ms->folds != FOLD_NEVER && ms->folds >= f->folds)
            f->folds = ms->folds + 1;
    }
    if (s.count) {
        spec.catalog = cat = catalog_firm(eng);
        spec.tombs = tombs_ref(eng->tombs);
    }
    mutex_unlock(&eng->mutex);
    if (!s.count && when != INT64_MAX)
        task_wake_at(t, when);
    if (!s.count)
        return false;
    for (size_t k = 0; k < s.count; k++)
        pays |= has_short_runs(inputs[k].part, f->calm ? CALM_ROWS : LONG_ROWS);
    if (pays)
        f->job = compact_new(&spec);
    else
        give_up(eng);
    for (size_t k = 0; k < s.count; k++)
        part_unref(inputs[k].part);
    cat_unref(cat);
    tombs_unref(spec.tombs);
    return true;
}

/* The first segment takes the place of all. */
static void fold_install(Engine *eng, Part *take_part)
{
    Folder *f = &eng->folder;
    MemSegment *gone[FOLD_MAX];
    PartList *old = NULL;
    size_t at;
    mem_charge_sealed(eng, take_part, 1);
    MemSegment *ms = MEM_NEW(MemSegment);
    mutex_lock(&eng->mutex);
    bool there = find_again(eng, &at);
    if (there) {
        memcpy(gone, eng->mem + at, f->count * sizeof *gone);
        *ms = (MemSegment){.sealed = take_part,
                           .rows = part_info(take_part)->rows,
                           .visible = part_info(take_part)->rows,
                           .closed = true,
                           .folds = f->folds,
                           .continues = gone[0]->continues,
                           .first_lsn = gone[0]->first_lsn,
                           .serial = gone[f->count - 1]->serial,
                           .born_ns = gone[0]->born_ns};
        eng->mem[at] = ms;
        eng->mem_count -= f->count - 1;
        memmove(eng->mem + at + 1, eng->mem + at + f->count,
                (eng->mem_count - at - 1) * sizeof *eng->mem);
        engine_swap_parts(eng, &old);
        mem_count_bytes(eng);
    }
    mutex_unlock(&eng->mutex);
    for (size_t k = 0; there && k < f->count; k++)
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
