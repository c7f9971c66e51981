/* Range deletes: on their way in, in the list that readers look at, and in the manifest.
 *
 * A delete is a log record; with the records before it durable it joins the list of the current
 * version.  The log's record goes when a flush covers it: then the manifest has it for as long as
 * a file may hold rows that it hides.  Sealing and every merge leave those rows out for good. */
#include "storage/engine_private.h"

void engine_delete(Engine *eng, const DeleteSpec *d, SyncMode sync, Ticket *t)
{
    atomic_store_explicit(&t->done, false, memory_order_relaxed);
    WriteRequest *r = request_new();
    r->ticket = t;
    r->sync = sync;
    request_delete(r, tomb_new(d->table, d->series, d->t_min, d->t_max, 0));
    engine_push(eng, r);
}

int64_t engine_row_ids(Engine *eng, size_t n)
{
    return atomic_fetch_add(&eng->next_row, (int64_t)n);
}

void tombs_publish(Engine *eng, Tombstone *const *fresh, size_t n, PartList **old)
{
    TombList *before = eng->tombs;
    eng->tombs = tombs_build(before, NULL, NULL, fresh, n);
    tombs_unref(before);
    engine_swap_parts(eng, old);
}

/* ---- which are still needed ---- */

static bool ranges_meet(const Tombstone *t, int64_t t_min, int64_t t_max)
{
    return t->t_min <= t_max && t_min <= t->t_max;
}

bool file_has_older(const EngineFile *f, const Tombstone *t)
{
    int64_t t_min, t_max;
    if (f->info.seq_max > t->lsn || !ranges_meet(t, f->info.t_min, f->info.t_max))
        return false;
    return !f->part ||
           (part_has_table(f->part, t->table, &t_min, &t_max) && ranges_meet(t, t_min, t_max));
}

static bool segment_has_older(const MemSegment *ms, const Tombstone *t)
{
    Lsn seq_min, seq_max;
    int64_t t_min, t_max;
    if (ms->sealed)
        return (ms->lsn ? ms->lsn : part_info(ms->sealed)->seq_max) < t->lsn &&
               part_has_table(ms->sealed, t->table, &t_min, &t_max) && ranges_meet(t, t_min, t_max);
    seg_bounds(ms->segment, &seq_min, &seq_max, &t_min, &t_max);
    return seq_min < t->lsn && ranges_meet(t, t_min, t_max);
}

static bool segments_have_older(const Engine *eng, const Tombstone *t)
{
    for (size_t i = 0; i < eng->mem_count; i++)
        if (segment_has_older(eng->mem[i], t))
            return true;
    return false;
}

/* `but`: files that leave. */
static bool files_have_older(const Engine *eng, const Tombstone *t, EngineFile *const *but,
                             size_t n)
{
    for (size_t i = 0; i < eng->file_count; i++) {
        bool leaves = false;
        for (size_t k = 0; k < n; k++)
            leaves |= but[k] == eng->files[i];
        if (!leaves && file_has_older(eng->files[i], t))
            return true;
    }
    return false;
}

static bool still_needed(void *arg, const Tombstone *t)
{
    return files_have_older(arg, t, NULL, 0) || segments_have_older(arg, t);
}

void tombs_prune(Engine *eng)
{
    TombList *before = eng->tombs;
    if (!before->count)
        return;
    eng->tombs = tombs_build(before, still_needed, eng, NULL, 0);
    tombs_unref(before);
}

/* ---- the manifest ---- */

/* Rows that the job wrote and this delete, which came too late for it, still hides. */
static bool outputs_have_older(const Compact *job, const Tombstone *t)
{
    for (size_t i = 0; job && i < compact_output_count(job); i++) {
        const ManifestPart *p = compact_output(job, i);
        if (t->lsn > compact_tombs_newest(job) && p->seq_max < t->lsn &&
            ranges_meet(t, p->t_min, p->t_max))
            return true;
    }
    return false;
}

void tombs_put_flushed(Engine *eng, Buf *edit, Lsn covered, const Compact *job)
{
    mutex_lock(&eng->mutex);
    Lsn before = eng->manifest.covered;
    for (size_t i = 0; i < eng->tombs->count; i++) {
        const Tombstone *t = eng->tombs->items[i];
        if (t->lsn > before && t->lsn <= covered &&
            (files_have_older(eng, t, NULL, 0) || outputs_have_older(job, t)))
            manifest_put_tomb(edit, t);
    }
    mutex_unlock(&eng->mutex);
}

void tombs_drop_dissolved(Engine *eng, Buf *edit, const Compact *job, EngineFile *const *inputs,
                          size_t n)
{
    mutex_lock(&eng->mutex);
    const TombList *l = eng->manifest.tombs;
    for (size_t i = 0; l && i < l->count; i++) {
        const Tombstone *t = l->items[i];
        /* Segments: of a flush that has committed, but whose file is not in the list yet. */
        if (!files_have_older(eng, t, inputs, n) && !segments_have_older(eng, t) &&
            !outputs_have_older(job, t))
            manifest_drop_tomb(edit, t->lsn);
    }
    mutex_unlock(&eng->mutex);
}
