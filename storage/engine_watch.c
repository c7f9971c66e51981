/* Watches on their way in: records of their own, and marks that follow from the records of rows.
 *
 * The writer notes in the order of the log; what it has noted is published together with the rows.
 * A flush puts the list into the manifest: the log behind it does the rest again at the next start,
 * which at most marks what was settled already. */
#include "storage/engine_private.h"
#include "storage/ttl.h"

void engine_watch(Engine *eng, const WatchEdit *edits, size_t n, SyncMode sync, Ticket *t)
{
    if (t)
        atomic_store_explicit(&t->done, false, memory_order_relaxed);
    WriteRequest *r = request_new();
    r->ticket = t;
    r->sync = sync;
    for (size_t i = 0; i < n; i++)
        request_watch(r, &edits[i]);
    engine_push(eng, r);
}

static void note_file(WatchBuild *b, const EngineFile *f, Lsn lsn)
{
    const WatchList *all = watch_build_base(b);
    for (size_t i = 0; all && i < all->count; i++) {
        const WatchState *s = &all->items[i]->state;
        int64_t t_min, t_max;
        if (f->part && part_has_table(f->part, s->table, &t_min, &t_max))
            watch_build_range(b, s->table, t_min, t_max, lsn);
        for (size_t k = 0; f->part && k < s->other_count; k++)
            if (part_has_table(f->part, s->others[k], &t_min, &t_max))
                watch_build_range(b, s->others[k], t_min, t_max, lsn);
    }
}

void watch_note(WatchBuild *b, const WriteItem *item, Lsn lsn)
{
    if (item->watch)
        watch_build_edit(b, item->watch);
    else if (item->wb)
        watch_build_rows(b, item->wb, lsn);
    else if (item->tomb)
        watch_build_delete(b, item->tomb, lsn);
    else if (item->file)
        note_file(b, item->file, lsn);
}

WatchList *watches_with(WatchList *base, const WriteRequest *r, Lsn lsn)
{
    if (!base || !base->count)
        return watches_ref(base);
    WatchBuild *b = watch_build_new(base);
    for (size_t i = 0; i < r->count; i++)
        watch_note(b, &r->items[i], lsn);
    return watch_build_end(b);
}

void watches_put(Engine *eng, Buf *edit)
{
    mutex_lock(&eng->mutex);
    WatchList *l = watches_ref(eng->watches);
    bool news = l || eng->manifest.watches.len;
    mutex_unlock(&eng->mutex);
    if (news)
        manifest_put_watches(edit, l);
    watches_unref(l);
}

void engine_watch_expired(Engine *eng, TableId table, int64_t cut_ns)
{
    size_t i = 0;
    const Watch *w;
    mutex_lock(&eng->mutex);
    WatchList *l = watches_ref(eng->watches);
    mutex_unlock(&eng->mutex);
    while ((w = watches_of(l, table, &i))) {
        if (w->state.keeps)
            continue; /* says so in the transaction of the delete */
        WatchEdit edit = {.what = WATCH_HORIZON,
                          .state = {.id = w->state.id, .horizon_ns = cut_ns}};
        engine_watch(eng, &edit, 1, SYNC_OFF, NULL);
    }
    watches_unref(l);
}

int64_t watch_seam(const Snapshot *s, TableId table, int64_t cut)
{
    const Watch *w = watch_keeper(snapshot_watches(s), table);
    if (!w)
        return cut;
    int64_t gone = w->state.horizon_ns, seam = w->state.from_ns == INT64_MIN ? cut : INT64_MIN;
    seam = seam < w->state.upto_ns ? seam : w->state.upto_ns;
    for (size_t i = 0; i < w->mark_count; i++)
        if (w->marks[i].to_ns > gone && w->marks[i].from_ns < seam)
            seam = w->marks[i].from_ns;
    seam = watch_grain_down(&w->state, seam);
    return seam > gone ? seam : gone;
}

bool watch_horizon(const Snapshot *s, const Watch *w, int64_t *out, Err *e)
{
    TtlView *v;
    const TableDef *t = cat_table_by_id(snapshot_catalog(s), w->state.table);
    int64_t cut = INT64_MIN;
    *out = w->state.horizon_ns;
    if (!t || !ttl_any(t) || w->state.keeps)
        return true;
    if (!ttl_open(&v, s, t, e))
        return false;
    for (size_t i = 0; v && i < ttl_class_count(v); i++)
        cut = ttl_class_cut(v, i) > cut ? ttl_class_cut(v, i) : cut;
    ttl_close(v);
    cut = watch_grain_up(&w->state, cut);
    *out = cut > *out ? cut : *out;
    return true;
}
