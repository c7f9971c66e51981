/* The memtable: a list of segments, oldest first.  The writer appends to the last one without a
 * lock; the list itself, what is visible and what is sealed need the engine's mutex. */
#include "storage/engine_private.h"

#include "base/log.h"

static void mem_push(Engine *eng, MemSegment *ms)
{
    ms->born_ns = engine_now(eng);
    mutex_lock(&eng->mutex);
    ms->serial = ++eng->mem_serial;
    if (eng->mem_count == eng->mem_cap) {
        eng->mem_cap = eng->mem_cap ? eng->mem_cap * 2 : 16;
        eng->mem = mem_realloc(eng->mem, eng->mem_cap * sizeof *eng->mem);
    }
    eng->mem[eng->mem_count++] = ms;
    mutex_unlock(&eng->mutex);
}

static MemSegment *begin_segment(Engine *eng, bool continues)
{
    MemSegment *ms = MEM_NEW(MemSegment);
    ms->segment = seg_new(eng->o.budget);
    ms->continues = continues;
    mem_push(eng, ms);
    eng->active = ms;
    return ms;
}

void mem_close_active(Engine *eng)
{
    MemSegment *ms = eng->active;
    if (!ms || !ms->first_lsn)
        return;
    ms->closed = true;
    ms->rows = seg_rows(ms->segment);
    eng->active = NULL;
}

static void close_locked(Engine *eng)
{
    mutex_lock(&eng->mutex);
    mem_close_active(eng);
    mutex_unlock(&eng->mutex);
}

/* Where the memtable may take little, its segments are smaller: there is something to flush. */
static size_t segment_limit(const Engine *eng)
{
    int64_t part = eng->o.memtable_max / 4;
    return part < SEGMENT_BYTES ? (size_t)part : SEGMENT_BYTES;
}

void mem_append(Engine *eng, const WriteBatch *wb, Lsn lsn, Lsn first_lsn, bool group_goes_on)
{
    size_t n = wb_rows(wb), from = 0;
    MemSegment *ms = eng->active;
    if (!n)
        return;
    /* A batch that fits into one segment is not split: every boundary between batches is a place
     * where the log may be cut. */
    size_t limit = segment_limit(eng);
    if (ms && ms->first_lsn && n <= SEGMENT_ROWS &&
        (seg_rows(ms->segment) + n > SEGMENT_ROWS ||
         seg_bytes(ms->segment) + wb_bytes(wb) > limit)) {
        close_locked(eng);
        ms = NULL;
    }
    while (from < n) {
        if (!ms)
            ms = begin_segment(eng, group_goes_on || from > 0);
        if (!ms->first_lsn) {
            mutex_lock(&eng->mutex);
            ms->first_lsn = first_lsn;
            ms->continues |= group_goes_on || from > 0;
            mutex_unlock(&eng->mutex);
        }
        from = seg_append(ms->segment, wb, from, lsn);
        if (from < n) {
            close_locked(eng);
            ms = NULL;
        }
    }
    if (seg_full(ms->segment) || seg_bytes(ms->segment) >= limit)
        close_locked(eng);
    atomic_fetch_add_explicit(&eng->stats.rows_written, n, memory_order_relaxed);
}

void mem_adopt(Engine *eng, EngineFile *take_f, Lsn lsn, Lsn first_lsn, bool group_goes_on)
{
    MemSegment *ms = MEM_NEW(MemSegment);
    close_locked(eng);
    ms->file = take_f;
    ms->sealed = part_ref(take_f->part);
    ms->rows = take_f->info.rows;
    ms->closed = true;
    ms->continues = group_goes_on;
    ms->first_lsn = first_lsn;
    ms->lsn = lsn;
    mem_push(eng, ms);
    mutex_lock(&eng->mutex);
    if (eng->backups)
        buf_put(&eng->adopted, &take_f->info, sizeof take_f->info);
    mutex_unlock(&eng->mutex);
    atomic_fetch_add_explicit(&eng->stats.rows_written, ms->rows, memory_order_relaxed);
}

bool mem_publish(Engine *eng, Lsn applied)
{
    bool longer = false;
    for (size_t i = 0; i < eng->mem_count; i++) {
        MemSegment *ms = eng->mem[i];
        bool was_long = mem_tail_is_long(ms);
        ms->visible = ms->sealed ? ms->rows : seg_rows(ms->segment);
        longer |= !was_long && mem_tail_is_long(ms);
    }
    eng->applied = applied;
    mem_count_bytes(eng);
    return longer;
}

void mem_count_bytes(Engine *eng)
{
    size_t bytes = 0, rows = 0;
    for (size_t i = 0; i < eng->mem_count; i++) {
        const MemSegment *ms = eng->mem[i];
        if (!ms->file)
            bytes += ms->sealed ? part_info(ms->sealed)->bytes : seg_bytes(ms->segment);
        rows += ms->visible;
    }
    eng->mem_bytes = bytes;
    atomic_store_explicit(&eng->stats.memtable_bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&eng->stats.memtable_rows, rows, memory_order_relaxed);
}

VersionPart mem_version_part(const MemSegment *ms, uint32_t age)
{
    return (VersionPart){.part = ms->sealed, .age = age, .place = ms->lsn};
}

bool mem_all_sealed(const Engine *eng)
{
    for (size_t i = 0; i < eng->mem_count; i++)
        if (eng->mem[i]->first_lsn && !eng->mem[i]->sealed)
            return false;
    return true;
}

/* ---- sealing ---- */

/* The oldest segment that nobody seals yet, if it is complete and visible.  Order matters to readers:
 * every part is older than every tail.  (The replay has no readers and seals two at a time.) */
static MemSegment *next_to_seal(Engine *eng)
{
    for (size_t i = 0; i < eng->mem_count; i++) {
        MemSegment *ms = eng->mem[i];
        if (ms->sealed || ms->sealing)
            continue;
        return ms->closed && ms->visible == ms->rows ? ms : NULL;
    }
    return NULL;
}

void mem_charge_sealed(Engine *eng, const Part *part, int sign)
{
    if (eng->o.budget)
        budget_charge(eng->o.budget, sign * (int64_t)part_info(part)->bytes);
}

WindowRule segment_rule(const Segment *s, const CatalogSnap *catalog)
{
    enum { SEALED_SHARE = 8 }; /* rows become about so much smaller */
    Lsn first, last;
    int64_t t_min, t_max;
    seg_bounds(s, &first, &last, &t_min, &t_max);
    return (WindowRule){catalog, window_stretch(t_min, t_max, seg_bytes(s) / SEALED_SHARE)};
}

bool mem_seal_one(Engine *eng, bool *did, Err *e)
{
    PartList *old = NULL;
    Part *part;
    mutex_lock(&eng->mutex);
    MemSegment *ms = eng->failed ? NULL : next_to_seal(eng);
    CatalogSnap *cat = ms ? catalog_firm(eng) : NULL;
    TombList *tombs = ms ? tombs_ref(eng->tombs) : NULL;
    if (ms)
        ms->sealing = true;
    mutex_unlock(&eng->mutex);
    *did = ms != NULL;
    if (!ms)
        return true;
    WindowRule rule = segment_rule(ms->segment, cat);
    SealSpec spec = {.window_of = engine_window_of, .arg = &rule, .catalog = cat, .tombs = tombs};
    bool ok = seg_seal(ms->segment, &part, &spec, e);
    cat_unref(cat);
    tombs_unref(tombs);
    if (!ok)
        return false;
    mem_charge_sealed(eng, part, 1);
    mutex_lock(&eng->mutex);
    Segment *segment = ms->segment;
    ms->segment = NULL;
    ms->sealed = part;
    ms->sealing = false;
    engine_swap_parts(eng, &old);
    mem_count_bytes(eng);
    mutex_unlock(&eng->mutex);
    seg_unref(segment);
    part_list_unref(old);
    return true;
}

TaskStatus sealer_step(Task *t)
{
    Engine *eng = (Engine *)((char *)t - offsetof(Engine, sealer));
    bool did;
    Err e;
    if (atomic_load(&eng->closing))
        return TASK_DONE;
    if (!mem_seal_one(eng, &did, &e)) { /* our own rows do not fit our own format: stop writing */
        log_error("engine", "cannot seal a memtable segment: %s", e.message);
        engine_fail(eng, &e);
        return TASK_WAIT;
    }
    if (!did)
        return fold_step(eng, t);
    eng->folder.seal_ns = engine_now(eng);
    engine_wake(eng, &eng->flusher.task);
    engine_wake(eng, &eng->writer.task);
    return TASK_MORE;
}

void mem_segment_free(Engine *eng, MemSegment *ms, bool flushed)
{
    seg_unref(ms->segment);
    if (ms->sealed && !ms->file)
        mem_charge_sealed(eng, ms->sealed, -1);
    if (ms->file && flushed)
        file_drop(ms->file);
    file_unref(ms->file);
    part_unref(ms->sealed);
    mem_free(ms);
}

void mem_free_all(Engine *eng)
{
    for (size_t i = 0; i < eng->mem_count; i++)
        mem_segment_free(eng, eng->mem[i], false);
    mem_free(eng->mem);
    eng->mem = NULL;
    eng->mem_count = 0;
}
