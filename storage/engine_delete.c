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

/* There may be thousands, so the list is made outside the mutex; and under it once more where another
 * change came between. */
void tombs_prepare(Engine *eng, TombChange *c)
{
    mutex_lock(&eng->mutex);
    c->old = tombs_ref(eng->tombs);
    mutex_unlock(&eng->mutex);
    c->next = tombs_build(c->old, c->dead, c->dead_count, c->fresh, c->fresh_count);
}

void tombs_publish(Engine *eng, TombChange *c, PartList **old)
{
    if (eng->tombs != c->old) {
        tombs_unref(c->next);
        c->next = tombs_build(eng->tombs, c->dead, c->dead_count, c->fresh, c->fresh_count);
    }
    TombList *before = eng->tombs;
    eng->tombs = c->next;
    c->next = before;
    engine_swap_parts(eng, old);
}

void tombs_done(TombChange *c)
{
    tombs_unref(c->old);
    tombs_unref(c->next);
    *c = (TombChange){0};
}

/* ---- which are still needed ---- */

static bool ranges_meet(const Tombstone *t, int64_t t_min, int64_t t_max)
{
    return t->t_min <= t_max && t_min <= t->t_max;
}

typedef struct Layer { /* rows that a delete may hide: a file or a segment */
    Part *part;        /* NULL: nobody knows which tables are in it */
    Lsn seq;           /* deletes before this one do not hide it */
    int64_t t_min, t_max;
} Layer;

typedef struct Layers {
    Layer *items;
    size_t count;
} Layers;

static Layer layer_of_file(const EngineFile *f)
{
    return (Layer){
        .part = f->part, .seq = f->info.seq_max, .t_min = f->info.t_min, .t_max = f->info.t_max};
}

static Layer layer_of_segment(const MemSegment *ms)
{
    Layer l = {.part = ms->sealed, .t_min = INT64_MIN, .t_max = INT64_MAX};
    Lsn newest;
    if (ms->sealed)
        l.seq = ms->lsn ? ms->lsn : part_info(ms->sealed)->seq_max;
    else
        seg_bounds(ms->segment, &l.seq, &newest, &l.t_min, &l.t_max);
    return l;
}

/* All of now but for n files that leave; needs the mutex. */
static Layers layers_take(const Engine *eng, EngineFile *const *but, size_t n, bool memory)
{
    Layers l = {.items = mem_zero((eng->file_count + eng->mem_count + 1) * sizeof *l.items)};
    for (size_t i = 0; i < eng->file_count; i++) {
        bool leaves = false;
        for (size_t k = 0; k < n; k++)
            leaves |= but[k] == eng->files[i];
        if (!leaves)
            l.items[l.count++] = layer_of_file(eng->files[i]);
    }
    for (size_t i = 0; memory && i < eng->mem_count; i++)
        l.items[l.count++] = layer_of_segment(eng->mem[i]);
    for (size_t i = 0; i < l.count; i++)
        if (l.items[i].part)
            part_ref(l.items[i].part);
    return l;
}

static void layers_free(Layers *l)
{
    for (size_t i = 0; i < l->count; i++)
        part_unref(l->items[i].part);
    mem_free(l->items);
}

static bool layer_has_older(const Layer *l, const Tombstone *t)
{
    int64_t t_min, t_max;
    if (l->seq > t->lsn || !ranges_meet(t, l->t_min, l->t_max))
        return false;
    return !l->part ||
           (part_has_table(l->part, t->table, &t_min, &t_max) && ranges_meet(t, t_min, t_max));
}

/* Which of `all` hide rows of the layer: marked in `needed`; NULL: is there any? */
static bool layer_look(const Layer *l, const TombList *all, bool *needed)
{
    size_t tables = l->part ? part_table_count(l->part) : 0;
    bool by_table = l->part && tables < all->count;
    for (size_t i = 0; i < (by_table ? tables : all->count); i++) {
        TombView v = {.items = all->items + i, .count = 1};
        if (by_table)
            v = tombs_of_table(all, part_table_at(l->part, i));
        for (size_t k = 0; k < v.count; k++) {
            if (l->seq > v.items[k]->lsn || !layer_has_older(l, v.items[k]))
                continue;
            if (!needed)
                return true;
            needed[v.items + k - all->items] = true;
        }
    }
    return false;
}

bool file_has_hidden(const EngineFile *f, const TombList *all)
{
    Layer l = layer_of_file(f);
    return layer_look(&l, all, NULL);
}

/* One flag for each of `all`: some layer still needs it. */
static bool *layers_need(const Layers *l, const TombList *all)
{
    bool *needed = mem_zero(all->count + 1);
    for (size_t i = 0; i < l->count; i++)
        layer_look(&l->items[i], all, needed);
    return needed;
}

/* What is needed no more stays so, whatever is written meanwhile: that is newer than the delete. */
void tombs_prune(Engine *eng)
{
    PartList *parts;
    mutex_lock(&eng->mutex);
    TombList *all = tombs_ref(eng->tombs);
    Layers layers = layers_take(eng, NULL, 0, true);
    mutex_unlock(&eng->mutex);
    bool *needed = layers_need(&layers, all);
    TombChange c = {.dead = mem_alloc(all->count * sizeof *c.dead + 1)};
    for (size_t i = 0; i < all->count; i++)
        if (!needed[i])
            c.dead[c.dead_count++] = all->items[i];
    layers_free(&layers);
    mem_free(needed);
    if (c.dead_count) {
        tombs_prepare(eng, &c);
        mutex_lock(&eng->mutex);
        tombs_publish(eng, &c, &parts);
        mutex_unlock(&eng->mutex);
        part_list_unref(parts);
    }
    mem_free(c.dead);
    tombs_unref(all);
    tombs_done(&c);
}

/* ---- the manifest ---- */

/* Rows that were written and this delete, which came too late for that, still hides. */
static bool written_have_older(const Written *w, const Tombstone *t)
{
    for (size_t i = 0; i < w->count; i++) {
        const ManifestPart *p = &w->parts[i];
        if (t->lsn > w->tombs_newest && p->seq_max < t->lsn && ranges_meet(t, p->t_min, p->t_max))
            return true;
    }
    return false;
}

void tombs_put_flushed(Engine *eng, Buf *edit, Lsn covered, const Written *w)
{
    mutex_lock(&eng->mutex);
    Lsn before = eng->manifest.covered;
    TombList *all = tombs_ref(eng->tombs);
    Layers files = layers_take(eng, NULL, 0, false);
    mutex_unlock(&eng->mutex);
    bool *needed = layers_need(&files, all);
    for (size_t i = 0; i < all->count; i++) {
        const Tombstone *t = all->items[i];
        if (t->lsn > before && t->lsn <= covered && (needed[i] || written_have_older(w, t)))
            manifest_put_tomb(edit, t);
    }
    layers_free(&files);
    mem_free(needed);
    tombs_unref(all);
}

void tombs_drop_dissolved(Engine *eng, Buf *edit, const Written *w, EngineFile *const *inputs,
                          size_t n)
{
    mutex_lock(&eng->mutex);
    TombList *all = eng->manifest.tombs ? tombs_ref(eng->manifest.tombs) : NULL;
    /* Segments as well: of a flush that has committed, but whose file is not in the list yet. */
    Layers layers = layers_take(eng, inputs, n, true);
    mutex_unlock(&eng->mutex);
    bool *needed = all ? layers_need(&layers, all) : NULL;
    for (size_t i = 0; all && i < all->count; i++)
        if (!needed[i] && !written_have_older(w, all->items[i]))
            manifest_drop_tomb(edit, all->items[i]->lsn);
    layers_free(&layers);
    mem_free(needed);
    tombs_unref(all);
}
