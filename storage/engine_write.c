/* The way of a write: the caller's thread encodes the batch and queues it; the writer task takes
 * all that waits, appends it to the log as one group, copies the rows to the memtable, syncs, and
 * makes them visible.  Only the writer knows LSNs: the store has one appender. */
#include "storage/engine_private.h"

#include "base/log.h"

enum { MEM_STALL_FACTOR = 3 }; /* x memtable_max unflushed: the writer waits for the flush */

/* ---- requests ---- */

WriteRequest *request_new(void)
{
    return MEM_NEW(WriteRequest);
}

static WriteItem *item_new(WriteRequest *r)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->items = mem_realloc(r->items, r->cap * sizeof *r->items);
    }
    r->items[r->count] = (WriteItem){0};
    return &r->items[r->count++];
}

static size_t item_bytes(const WriteItem *item)
{
    return item->payload.len + (item->wb ? wb_bytes(item->wb) : sizeof *item);
}

static void item_reset(WriteItem *item)
{
    wb_free(item->wb);
    tomb_unref(item->tomb);
    mem_free(item->watch);
    if (item->file)
        file_drop(item->file);
    file_unref(item->file);
    buf_free(&item->payload);
}

void request_add(WriteRequest *r, WriteBatch *take_wb)
{
    WriteItem *item = item_new(r);
    item->wb = take_wb;
    wb_encode(&item->payload, take_wb);
    r->bytes += item_bytes(item);
}

void request_delete(WriteRequest *r, Tombstone *take_t)
{
    WriteItem *item = item_new(r);
    item->tomb = take_t;
    tomb_encode(&item->payload, take_t);
    r->bytes += item_bytes(item);
}

void request_watch(WriteRequest *r, const WatchEdit *edit)
{
    WriteItem *item = item_new(r);
    item->watch = MEM_NEW(WatchEdit);
    *item->watch = *edit;
    watch_edit_encode(&item->payload, edit);
    r->bytes += item_bytes(item);
}

void request_spilled(WriteRequest *r, size_t from, size_t to, EngineFile *take_f)
{
    size_t kept = from;
    for (size_t i = from; i < to; i++) {
        WriteItem *item = &r->items[i];
        if (item->tomb || item->watch) {
            r->items[kept++] = *item;
            continue;
        }
        r->bytes -= item_bytes(item);
        item_reset(item);
    }
    if (take_f) { /* there was at least one batch, so there is room */
        WriteItem *item = &r->items[kept++];
        *item = (WriteItem){.file = take_f};
        manifest_put_part(&item->payload, &take_f->info);
        r->bytes += item_bytes(item);
    }
    memmove(r->items + kept, r->items + to, (r->count - to) * sizeof *r->items);
    r->count -= to - kept;
}

void request_shorten(WriteRequest *r, size_t count)
{
    while (r->count > count) {
        WriteItem *item = &r->items[--r->count];
        r->bytes -= item_bytes(item);
        item_reset(item);
    }
}

void request_free(WriteRequest *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        item_reset(&r->items[i]);
    lock_owner_end(r->locks, 0);
    mem_free(r->items);
    cat_unref(r->base);
    buf_free(&r->catalog);
    mem_free(r);
}

static void request_end(Engine *eng, WriteRequest *r, bool ok, Lsn lsn, const Err *e)
{
    lock_owner_end(r->locks, ok ? lsn : 0);
    r->locks = NULL;
    if (r->ticket)
        ticket_end(eng, r->ticket, ok, lsn, e);
    request_free(r);
}

bool request_has_rows(const WriteRequest *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].wb)
            return true;
    return false;
}

/* A record is framed with 32 bits, and one that long is no batch but a mistake. */
static bool fits_record(const WriteRequest *r, Err *e)
{
    size_t longest = r->catalog.len;
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].payload.len > longest)
            longest = r->items[i].payload.len;
    if (longest <= LOG_PAYLOAD_MAX)
        return true;
    err_set(e, ERR_PROGRAM_LIMIT, "a batch takes %zu bytes in the log, at most %d are possible",
            longest, LOG_PAYLOAD_MAX);
    return err_hint(e, "write fewer rows at once");
}

/* Why a write is refused now; needs the mutex. */
static bool may_write(const Engine *eng, bool rows, Err *e)
{
    if (eng->read_only)
        return err_set(e, ERR_OBJECT_STATE, "the data directory is open read-only");
    if (eng->failed) {
        *e = eng->failure;
        return false;
    }
    if (atomic_load(&eng->closing))
        return err_set(e, ERR_ADMIN_SHUTDOWN, "the database is being closed");
    if (eng->disk_full && rows) {
        *e = eng->disk_err;
        return false;
    }
    if (eng->queue_bytes > ENGINE_QUEUE_BYTES_MAX)
        return err_set(e, ERR_OUT_OF_MEMORY,
                       "too many writes are waiting (%zu bytes); try again later",
                       eng->queue_bytes);
    return true;
}

bool engine_writable(Engine *eng, Err *e)
{
    mutex_lock(&eng->mutex);
    bool ok = may_write(eng, true, e);
    mutex_unlock(&eng->mutex);
    return ok;
}

bool engine_deletable(Engine *eng, Err *e)
{
    mutex_lock(&eng->mutex);
    bool ok = may_write(eng, false, e);
    mutex_unlock(&eng->mutex);
    return ok;
}

bool request_push(Engine *eng, WriteRequest *r, Err *e)
{
    if (!fits_record(r, e) || !may_write(eng, request_has_rows(r), e))
        return false;
    r->next = NULL;
    *eng->queue_tail = r;
    eng->queue_tail = &r->next;
    eng->queue_bytes += r->bytes;
    return true;
}

void engine_push(Engine *eng, WriteRequest *r)
{
    Err e;
    mutex_lock(&eng->mutex);
    bool ok = request_push(eng, r, &e);
    mutex_unlock(&eng->mutex);
    if (ok)
        engine_wake(eng, &eng->writer.task);
    else
        request_end(eng, r, false, 0, &e);
}

void engine_submit(Engine *eng, WriteBatch *take_wb, SyncMode sync, Ticket *t)
{
    atomic_store_explicit(&t->done, false, memory_order_relaxed);
    if (!wb_rows(take_wb)) {
        wb_free(take_wb);
        ticket_end(eng, t, true, 0, NULL);
        return;
    }
    WriteRequest *r = request_new();
    r->ticket = t;
    r->sync = sync;
    request_add(r, take_wb);
    engine_push(eng, r);
}

/* ---- the writer ---- */

static Writer *writer_of(Task *t, Engine **eng)
{
    Writer *w = (Writer *)((char *)t - offsetof(Writer, task));
    *eng = (Engine *)((char *)w - offsetof(Engine, writer));
    return w;
}

static void add_frame(Writer *w, RecordType type, uint8_t flags, Slice payload)
{
    if (w->frame_count == w->frame_cap) {
        w->frame_cap = w->frame_cap ? w->frame_cap * 2 : 64;
        w->frames = mem_realloc(w->frames, w->frame_cap * sizeof *w->frames);
    }
    w->frames[w->frame_count++] = (LogFrame){(uint8_t)type, flags, payload};
    w->bytes += (int64_t)payload.len + 32;
}

/* It depends on what the rows before it left behind: a group of its own. */
static bool is_conditional(const WriteRequest *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].watch && r->items[i].watch->what & WATCH_UNCHANGED)
            return true;
    return false;
}

/* Only the writer changes the list, so it may be looked at. */
static bool conditions_hold(const Engine *eng, const WriteRequest *r, Err *e)
{
    for (size_t i = 0; r && i < r->count; i++)
        if (r->items[i].watch && !watch_edit_holds(eng->watches, r->items[i].watch))
            return err_set(e, ERR_SERIALIZATION,
                           "rows were written where the transaction counted on none");
    return true;
}

/* Takes up to one group's worth from the queue. */
static WriteRequest *take_group(Engine *eng, bool *stall, Err *refuse)
{
    WriteRequest *first = NULL, **tail = &first;
    size_t bytes = 0;
    mutex_lock(&eng->mutex);
    if (eng->close_active) {
        mem_close_active(eng);
        eng->close_active = false;
        eng->closed_serial = eng->mem_serial;
        eng->closed_waiters = eng->waiter_id;
        if (eng->mem_count && !eng->mem[eng->mem_count - 1]->closed)
            eng->closed_serial--; /* an open one without rows */
        engine_wake(eng, &eng->sealer);
        engine_wake(eng, &eng->flusher.task);
    }
    *stall = !eng->failed && !eng->disk_full && !atomic_load(&eng->closing) &&
             (int64_t)eng->mem_bytes > MEM_STALL_FACTOR * eng->o.memtable_max;
    if (eng->failed)
        *refuse = eng->failure;
    else if (eng->disk_full && eng->queue && request_has_rows(eng->queue))
        *refuse = eng->disk_err;
    else
        refuse->code = ERR_OK;
    while (eng->queue && !*stall && (bytes < ENGINE_GROUP_BYTES || refuse->code)) {
        WriteRequest *r = eng->queue;
        if (eng->disk_full && !eng->failed && request_has_rows(r) != (refuse->code != 0))
            break; /* a group is refused or goes through as a whole */
        bool alone = is_conditional(r);
        if (alone && first)
            break;
        eng->queue = r->next;
        bytes += r->bytes;
        r->next = NULL;
        *tail = r;
        tail = &r->next;
        if (alone)
            break;
    }
    if (!eng->queue)
        eng->queue_tail = &eng->queue;
    eng->queue_bytes -= bytes;
    mutex_unlock(&eng->mutex);
    return first;
}

/* Catalog edits are in memory already, so they must reach the log sooner or later. */
static void carry_catalog(Writer *w, const WriteRequest *r)
{
    if (!r->catalog.len)
        return;
    buf_put_u32(&w->carry, (uint32_t)r->catalog.len);
    buf_put_slice(&w->carry, buf_slice(&r->catalog));
}

static void tombs_forget(Writer *w)
{
    for (size_t i = 0; i < w->tombs.len / sizeof(Tombstone *); i++)
        tomb_unref(((Tombstone **)(void *)w->tombs.ptr)[i]);
    buf_clear(&w->tombs);
}

static void keep_files(WriteRequest *r)
{
    for (size_t i = 0; i < r->count; i++) {
        file_unref(r->items[i].file);
        r->items[i].file = NULL;
    }
}

static void fail_group(Engine *eng, Writer *w, const Err *e)
{
    tombs_forget(w);
    watch_build_free(w->watching);
    w->watching = NULL;
    engine_undo_edits(eng, w->group);
    while (w->group) {
        WriteRequest *r = w->group;
        w->group = r->next;
        if (e->code != ERR_DISK_FULL) /* the log may have it all the same: the next start decides */
            keep_files(r);
        carry_catalog(w, r);
        request_end(eng, r, false, 0, e);
    }
    w->state = WRITER_IDLE;
}

static void add_catalog(Writer *w, uint8_t flags, Slice payload)
{
    uint64_t version;
    memcpy(&version, payload.ptr, sizeof version);
    w->catalog_written = version > w->catalog_written ? version : w->catalog_written;
    add_frame(w, REC_CATALOG, flags, payload);
}

static RecordType item_type(const WriteItem *item)
{
    return item->wb ? REC_ROWS : item->tomb ? REC_DELETE : item->watch ? REC_WATCH : REC_FILE;
}

static void build_frames(Engine *eng, Writer *w)
{
    w->frame_count = 0;
    w->bytes = 0;
    buf_clear(&w->series);
    /* Every series that a batch of this group may use is in the index by now. */
    atomic_store(&w->series_lsn, w->next_lsn);
    w->series_last = idx_serial(eng->index);
    if (w->series_last > w->logged)
        idx_encode(eng->index, w->logged, &w->series);
    if (w->series.len)
        add_frame(w, REC_SERIES, 0, buf_slice(&w->series));
    for (size_t at = 0; at < w->carry.len;) {
        uint32_t len;
        memcpy(&len, w->carry.ptr + at, 4);
        add_catalog(w, 0, slice_of(w->carry.ptr + at + 4, len));
        at += 4 + len;
    }
    w->want_sync = false;
    for (WriteRequest *r = w->group; r; r = r->next) {
        uint8_t flags = r->txn ? REC_IN_TXN : 0;
        if (r->txn)
            add_frame(w, REC_TXN_BEGIN, flags, SLICE_NONE);
        if (r->catalog.len)
            add_catalog(w, flags, buf_slice(&r->catalog));
        for (size_t i = 0; i < r->count; i++)
            add_frame(w, item_type(&r->items[i]), flags, buf_slice(&r->items[i].payload));
        if (r->txn)
            add_frame(w, REC_TXN_COMMIT, flags, SLICE_NONE);
        w->want_sync |= r->sync == SYNC_ON;
    }
}

/* The items of one request; returns the LSN behind them. */
static Lsn apply_items(Engine *eng, Writer *w, const WriteRequest *r, Lsn lsn, Lsn first)
{
    bool goes_on = false;
    for (size_t i = 0; i < r->count; i++, lsn++) {
        WriteItem *item = &r->items[i];
        const Tombstone *t = item->tomb;
        if (w->watching)
            watch_note(w->watching, item, lsn);
        if (item->watch)
            continue;
        if (t) { /* a transaction's snapshots may still hold the private one */
            Tombstone *placed = tomb_new(t->table, t->series, t->t_min, t->t_max, lsn);
            buf_put(&w->tombs, &placed, sizeof placed);
            continue;
        }
        if (item->file)
            mem_adopt(eng, item->file, lsn, first, goes_on);
        else
            mem_append(eng, item->wb, lsn, r->txn ? first : lsn, goes_on);
        item->file = NULL;
        goes_on = r->txn;
    }
    return lsn;
}

/* Only the writer changes the list, so it may be looked at. */
static void start_watching(Engine *eng, Writer *w)
{
    bool any = eng->watches && eng->watches->count;
    for (const WriteRequest *r = w->group; r && !any; r = r->next)
        for (size_t i = 0; i < r->count; i++)
            any |= r->items[i].watch != NULL;
    must(!w->watching);
    if (any)
        w->watching = watch_build_new(eng->watches);
}

/* The rows go to the memtable while the disk has the log; nobody sees them before the sync. */
static void apply_rows(Engine *eng, Writer *w)
{
    start_watching(eng, w);
    Lsn lsn = w->base + (w->series.len > 0);
    for (size_t at = 0; at < w->carry.len; lsn++) {
        uint32_t len;
        memcpy(&len, w->carry.ptr + at, 4);
        at += 4 + len;
    }
    for (WriteRequest *r = w->group; r; r = r->next) {
        Lsn first = lsn;
        lsn += r->txn;
        lsn += r->catalog.len > 0;
        lsn = apply_items(eng, w, r, lsn, first) + r->txn;
    }
    must(lsn == w->base + w->frame_count);
}

/* Series that both the log and a .series file have need not be known as new any more. */
static void trim_series(Engine *eng, Writer *w)
{
    uint64_t upto = atomic_load(&eng->series_flushed);
    upto = upto < w->logged ? upto : w->logged;
    if (upto > w->trimmed)
        idx_trim(eng->index, upto);
    w->trimmed = upto;
}

static void end_group(Engine *eng, Writer *w)
{
    Lsn last = w->base + w->frame_count - 1;
    Tombstone **fresh = (Tombstone **)(void *)w->tombs.ptr;
    size_t deletes = w->tombs.len / sizeof(Tombstone *);
    TombChange change = {.fresh = fresh, .fresh_count = deletes};
    PartList *old = NULL;
    WatchList *watched = w->watching ? watch_build_end(w->watching) : watches_ref(eng->watches);
    w->watching = NULL;
    if (deletes)
        tombs_prepare(eng, &change);
    mutex_lock(&eng->mutex);
    if (deletes)
        tombs_publish(eng, &change, &old);
    bool longer = mem_publish(eng, last);
    WatchList *before = eng->watches;
    eng->watches = watched;
    catalog_firm_up(eng, w->group);
    eng->log_bytes += w->bytes;
    bool flush = flush_wanted(eng, &(bool){false});
    bool closed = false, catalog = false;
    for (size_t i = 0; i < eng->mem_count; i++)
        closed |= eng->mem[i]->closed && !eng->mem[i]->sealed;
    mutex_unlock(&eng->mutex);
    part_list_unref(old);
    watches_unref(before);
    tombs_done(&change);
    tombs_forget(w);
    w->logged = w->series_last;
    trim_series(eng, w);
    buf_clear(&w->carry);
    w->next_lsn = last + 1;
    atomic_fetch_add_explicit(&eng->stats.log_bytes, (uint64_t)w->bytes, memory_order_relaxed);
    while (w->group) {
        WriteRequest *r = w->group;
        w->group = r->next;
        atomic_fetch_add_explicit(&eng->stats.batches_written, 1, memory_order_relaxed);
        catalog |= r->catalog.len > 0;
        request_end(eng, r, true, last, NULL);
    }
    w->state = WRITER_IDLE;
    if (closed || longer)
        engine_wake(eng, &eng->sealer);
    if (flush)
        engine_wake(eng, &eng->flusher.task);
    if (catalog)
        engine_wake(eng, &eng->keeper.task); /* a table may have been dropped */
}

/* The queue is empty: what the log does after a sync, nobody has to wait for. */
static void settle(Engine *eng, Writer *w)
{
    w->completion = (Completion){.waiter = &w->task, .polled = true};
    w->state = WRITER_SYNC;
    w->unsettled = false;
    eng->store->ops->log_append(eng->store, NULL, 0, eng->epoch, false, &w->completion);
}

static void start_sync(Engine *eng, Writer *w)
{
    w->completion = (Completion){.waiter = &w->task, .polled = true};
    w->state = WRITER_SYNC;
    w->unsettled = true;
    w->sync_due_ns = 0;
    atomic_store_explicit(&eng->syncing, true, memory_order_relaxed);
    atomic_fetch_add_explicit(&eng->stats.syncs, 1, memory_order_relaxed);
    eng->store->ops->log_append(eng->store, NULL, 0, eng->epoch, true, &w->completion);
}

static void start_append(Engine *eng, Writer *w)
{
    build_frames(eng, w);
    w->base = w->next_lsn;
    must(w->frame_count > 0);
    w->completion = (Completion){.waiter = &w->task, .polled = true};
    w->state = WRITER_APPEND;
    eng->store->ops->log_append(eng->store, w->frames, w->frame_count, eng->epoch, false,
                                &w->completion);
}

static void append_failed(Engine *eng, Writer *w)
{
    Err e = w->completion.err;
    if (e.code == ERR_IO)
        engine_fail(eng, &e);
    if (e.code == ERR_DISK_FULL) {
        engine_disk_full(eng, &e);
        mutex_lock(&eng->mutex);
        e = eng->disk_err; /* with the directory and what to do */
        mutex_unlock(&eng->mutex);
    }
    fail_group(eng, w, &e);
}

/* One move of the writer's state machine; false: it waits. */
static bool writer_move(Engine *eng, Writer *w, TaskStatus *status)
{
    Err refuse;
    bool stall;
    int64_t now = engine_now(eng);
    if (w->state != WRITER_IDLE && !atomic_load_explicit(&w->completion.done, memory_order_acquire))
        return false;
    switch (w->state) {
    case WRITER_IDLE:
        w->group = take_group(eng, &stall, &refuse);
        if (w->group &&
            (refuse.code || (!w->group->next && !conditions_hold(eng, w->group, &refuse)))) {
            fail_group(eng, w, &refuse);
            return true;
        }
        if (w->group) {
            start_append(eng, w);
            return true;
        }
        if (w->sync_due_ns && (now >= w->sync_due_ns || atomic_load(&eng->closing))) {
            start_sync(eng, w);
            return true;
        }
        if (w->unsettled) {
            settle(eng, w);
            return true;
        }
        if (atomic_load(&eng->closing)) {
            *status = TASK_DONE;
            return false;
        }
        if (w->sync_due_ns)
            task_wake_at(&w->task, w->sync_due_ns);
        return false;
    case WRITER_APPEND:
        if (!w->completion.ok) {
            append_failed(eng, w);
            return true;
        }
        must(w->completion.value == w->base);
        w->catalog_logged = w->catalog_written;
        apply_rows(eng, w);
        if (w->want_sync) {
            start_sync(eng, w);
            return true;
        }
        if (!w->sync_due_ns)
            w->sync_due_ns = now + ENGINE_SYNC_OFF_NS;
        end_group(eng, w);
        return true;
    case WRITER_SYNC:
        atomic_store_explicit(&eng->syncing, false, memory_order_relaxed);
        if (!w->completion.ok) { /* the rows stay invisible; nothing may build on them */
            Err e = w->completion.err;
            engine_fail(eng, &e);
            fail_group(eng, w, &e);
            return true;
        }
        mutex_lock(&eng->mutex);
        bool news = eng->catalog_durable != w->catalog_logged;
        eng->catalog_durable = w->catalog_logged;
        mutex_unlock(&eng->mutex);
        if (news)
            engine_wake(eng, &eng->compactor.task); /* a table may be gone */
        if (w->group)
            end_group(eng, w);
        w->state = WRITER_IDLE;
        return true;
    }
    return false;
}

TaskStatus writer_step(Task *t)
{
    Engine *eng;
    Writer *w = writer_of(t, &eng);
    TaskStatus status = TASK_WAIT;
    int64_t until = engine_now(eng) + ENGINE_STEP_NS;
    while (writer_move(eng, w, &status))
        if (engine_now(eng) >= until)
            return TASK_MORE;
    return status;
}

void writer_fail_queue(Engine *eng, const Err *e)
{
    mutex_lock(&eng->mutex);
    WriteRequest *r = eng->queue;
    catalog_firm_up(eng, r);
    eng->queue = NULL;
    eng->queue_tail = &eng->queue;
    eng->queue_bytes = 0;
    mutex_unlock(&eng->mutex);
    while (r) {
        WriteRequest *next = r->next;
        request_end(eng, r, false, 0, e);
        r = next;
    }
}

void writer_free(Engine *eng)
{
    Writer *w = &eng->writer;
    must(!w->group && !w->watching);
    mem_free(w->frames);
    tombs_forget(w);
    buf_free(&w->tombs);
    buf_free(&w->series);
    buf_free(&w->carry);
}
