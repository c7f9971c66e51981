/* Watches on their way in: records of their own, and marks that follow from the records of rows.
 *
 * The writer notes in the order of the log; what it has noted is published together with the rows.
 * A flush puts the list into the manifest: the log behind it does the rest again at the next start,
 * which at most marks what was settled already. */
#include "storage/engine_private.h"

void engine_watch(Engine *eng, const WatchEdit *edits, size_t n, SyncMode sync, Ticket *t)
{
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
        TableId table = all->items[i]->state.table;
        int64_t t_min, t_max;
        if (f->part && part_has_table(f->part, table, &t_min, &t_max))
            watch_build_range(b, table, t_min, t_max, lsn);
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
