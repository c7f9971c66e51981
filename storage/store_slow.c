/* store_slow - the store seam in memory, as slow and as unordered as the contract allows.
 *
 * What must be in order (LSNs, the pieces of a blob, the versions of the manifest) is in order;
 * all completions come later, each after a random time, so in any order.  A blob that nobody has
 * pinned is not resident: the first pin waits.  For tests of code above the seam.
 * Threads: any; one mutex (RANK_LOG). */
#include "storage/store_private.h"

#include "base/hash.h"
#include "base/sync.h"

#define SLOW_DELAY_NS (3 * NS_PER_MS)

typedef enum EventKind { EV_APPEND, EV_PUT, EV_COMMIT, EV_SNAPSHOT, EV_RESIDENT } EventKind;

typedef struct Event {
    struct Event *next;
    int64_t at_ns;
    EventKind kind;
    Completion *c;
    Lsn lsn_first, lsn_last;
    bool sync;
    BlobId blob;
    uint64_t size, epoch, version;
    Buf edit;
    Task *waiter;
} Event;

typedef struct SlowRecord {
    LogFrame frame; /* payload owned */
    Lsn lsn;
} SlowRecord;

typedef struct SlowBlob {
    struct SlowBlob *next;
    BlobId id;
    Buf bytes;
    bool complete, resident;
    size_t pins;
} SlowBlob;

typedef struct SlowStore {
    Store base;
    Sched *sched;
    Task task;
    atomic_bool closing, gone;
    Mutex mutex;
    /* these need the mutex */
    uint64_t random;
    Event *events;
    SlowRecord *records;
    size_t record_count, record_cap;
    Lsn last, durable;
    SlowBlob *blobs;
    Buf *edits;
    size_t edit_count;
    uint64_t version, epoch;
} SlowStore;

static SlowStore *slow(Store *s)
{
    return (SlowStore *)s;
}

static int64_t slow_now(const SlowStore *s)
{
    const Clock *clock = sched_clock(s->sched);
    return clock->mono_ns(clock);
}

/* Needs the mutex; wake the task afterwards. */
static Event *later(SlowStore *s, EventKind kind, Completion *c)
{
    Event *e = MEM_NEW(Event);
    s->random = hash_mix(s->random, 1);
    *e = (Event){.kind = kind, .c = c, .at_ns = slow_now(s) + (int64_t)(s->random % SLOW_DELAY_NS)};
    e->next = s->events;
    s->events = e;
    return e;
}

/* ---- log ---- */

static void slow_log_append(Store *st, const LogFrame *frames, size_t n, uint64_t epoch, bool sync,
                            Completion *c)
{
    SlowStore *s = slow(st);
    mutex_lock(&s->mutex);
    Event *ev = later(s, EV_APPEND, c);
    ev->epoch = epoch;
    ev->sync = sync;
    ev->lsn_first = s->last + 1;
    for (size_t i = 0; i < n && epoch == s->epoch; i++) {
        if (s->record_count == s->record_cap) {
            s->record_cap = s->record_cap ? s->record_cap * 2 : 64;
            s->records = mem_realloc(s->records, s->record_cap * sizeof *s->records);
        }
        LogFrame f = frames[i];
        f.payload.ptr = mem_dup(f.payload.ptr, f.payload.len + 1);
        s->records[s->record_count++] = (SlowRecord){f, ++s->last};
    }
    ev->lsn_last = s->last;
    mutex_unlock(&s->mutex);
    task_wake(&s->task);
}

static bool slow_log_read(Store *st, Lsn after,
                          bool (*each)(void *arg, Lsn lsn, const LogFrame *f, Err *e), void *arg,
                          Err *e)
{
    SlowStore *s = slow(st);
    for (size_t i = 0; i < s->record_count; i++)
        if (s->records[i].lsn > after && !each(arg, s->records[i].lsn, &s->records[i].frame, e))
            return false;
    if (s->last < after)
        s->last = after;
    return true;
}

static void slow_log_recycle(Store *st, Lsn covered)
{
    SlowStore *s = slow(st);
    mutex_lock(&s->mutex);
    size_t n = 0;
    for (size_t i = 0; i < s->record_count; i++) {
        if (s->records[i].lsn > covered)
            s->records[n++] = s->records[i];
        else
            mem_free((void *)(uintptr_t)s->records[i].frame.payload.ptr);
    }
    s->record_count = n;
    mutex_unlock(&s->mutex);
}

/* ---- blobs ---- */

static SlowBlob **blob_at(SlowStore *s, BlobId id)
{
    SlowBlob **at = &s->blobs;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static void blob_remove(SlowStore *s, BlobId id)
{
    SlowBlob **at = blob_at(s, id), *b = *at;
    if (!b)
        return;
    must(b->pins == 0);
    *at = b->next;
    buf_free(&b->bytes);
    mem_free(b);
}

static void slow_blob_put(Store *st, BlobId id, Slice bytes, bool last, Completion *c)
{
    SlowStore *s = slow(st);
    mutex_lock(&s->mutex);
    SlowBlob **at = blob_at(s, id);
    if (!*at) {
        *at = MEM_NEW(SlowBlob);
        (*at)->id = id;
    }
    SlowBlob *b = *at;
    buf_put_slice(&b->bytes, bytes);
    b->complete = last;
    Event *ev = later(s, EV_PUT, c);
    ev->blob = id;
    ev->size = b->bytes.len;
    mutex_unlock(&s->mutex);
    task_wake(&s->task);
}

static void slow_blob_abort(Store *st, BlobId id)
{
    SlowStore *s = slow(st);
    mutex_lock(&s->mutex);
    for (Event **at = &s->events; *at;) {
        Event *ev = *at;
        if (ev->kind != EV_PUT || ev->blob != id) {
            at = &ev->next;
            continue;
        }
        *at = ev->next;
        mem_free(ev);
    }
    blob_remove(s, id);
    mutex_unlock(&s->mutex);
}

static PinStatus pin_locked(SlowStore *s, BlobId id, uint64_t offset, size_t len, Task *waiter,
                            const uint8_t **ptr, Err *e)
{
    SlowBlob *b = *blob_at(s, id);
    if (!b || !b->complete) {
        err_set(e, ERR_UNDEFINED_FILE, "blob %llu is missing", (unsigned long long)id);
        return PIN_FAIL;
    }
    if (offset > b->bytes.len || len > b->bytes.len - offset) {
        err_set(e, ERR_DATA_CORRUPTED, "blob %llu has %zu bytes, bytes up to %llu are wanted",
                (unsigned long long)id, b->bytes.len, (unsigned long long)(offset + len));
        return PIN_FAIL;
    }
    if (!b->resident && waiter) {
        Event *ev = later(s, EV_RESIDENT, NULL);
        ev->blob = id;
        ev->waiter = waiter;
        return PIN_WAIT;
    }
    b->pins++;
    b->resident = true;
    *ptr = (const uint8_t *)b->bytes.ptr + offset;
    return PIN_OK;
}

static PinStatus slow_blob_pin(Store *st, BlobId id, uint64_t offset, size_t len, Task *waiter,
                               const uint8_t **ptr, Err *e)
{
    SlowStore *s = slow(st);
    mutex_lock(&s->mutex);
    PinStatus status = pin_locked(s, id, offset, len, waiter, ptr, e);
    mutex_unlock(&s->mutex);
    if (status == PIN_WAIT)
        task_wake(&s->task);
    return status;
}

static void slow_blob_unpin(Store *st, BlobId id, const uint8_t *ptr, size_t len)
{
    SlowStore *s = slow(st);
    (void)ptr;
    (void)len;
    mutex_lock(&s->mutex);
    SlowBlob *b = *blob_at(s, id);
    must(b && b->pins > 0);
    if (--b->pins == 0)
        b->resident = false;
    mutex_unlock(&s->mutex);
}

static void slow_blob_prefetch(Store *st, BlobId id, uint64_t offset, size_t len)
{
    (void)st;
    (void)id;
    (void)offset;
    (void)len;
}

static void slow_blob_drop(Store *st, BlobId id)
{
    SlowStore *s = slow(st);
    mutex_lock(&s->mutex);
    blob_remove(s, id);
    mutex_unlock(&s->mutex);
}

static bool slow_blob_sweep(Store *st, BlobFate (*fate)(void *arg, BlobId id), void *arg, Err *e)
{
    SlowStore *s = slow(st);
    (void)e;
    for (SlowBlob *b = s->blobs, *next; b; b = next) {
        next = b->next;
        if (fate(arg, b->id) != BLOB_KEEP)
            blob_remove(s, b->id);
    }
    return true;
}

/* ---- manifest ---- */

static void push_commit(Store *st, EventKind kind, Slice edit, uint64_t epoch, uint64_t version,
                        Completion *c)
{
    SlowStore *s = slow(st);
    mutex_lock(&s->mutex);
    Event *ev = later(s, kind, c);
    ev->epoch = epoch;
    ev->version = version;
    buf_put_slice(&ev->edit, edit);
    mutex_unlock(&s->mutex);
    task_wake(&s->task);
}

static void slow_commit(Store *st, Slice edit, uint64_t epoch, uint64_t version, Completion *c)
{
    push_commit(st, EV_COMMIT, edit, epoch, version, c);
}

static void slow_commit_snapshot(Store *st, Slice edit, uint64_t epoch, uint64_t version,
                                 Completion *c)
{
    push_commit(st, EV_SNAPSHOT, edit, epoch, version, c);
}

static bool slow_manifest_read(Store *st, bool (*each)(void *arg, Slice edit, Err *e), void *arg,
                               Err *e)
{
    SlowStore *s = slow(st);
    for (size_t i = 0; i < s->edit_count; i++)
        if (!each(arg, buf_slice(&s->edits[i]), e))
            return false;
    return true;
}

/* Needs the mutex. */
static bool apply_commit(SlowStore *s, Event *ev, Err *e)
{
    if (ev->epoch != s->epoch)
        return err_set(e, ERR_SERIALIZATION, "the manifest belongs to another writer");
    if (ev->version != s->version)
        return err_set(e, ERR_SERIALIZATION, "the manifest is at version %llu, not %llu",
                       (unsigned long long)s->version, (unsigned long long)ev->version);
    for (size_t i = 0; ev->kind == EV_SNAPSHOT && i < s->edit_count; i++)
        buf_free(&s->edits[i]);
    if (ev->kind == EV_SNAPSHOT)
        s->edit_count = 0;
    s->edits = mem_realloc(s->edits, (s->edit_count + 1) * sizeof *s->edits);
    s->edits[s->edit_count++] = ev->edit;
    buf_init(&ev->edit);
    s->version++;
    return true;
}

static bool slow_lease(Store *st, uint64_t *epoch, Err *e)
{
    SlowStore *s = slow(st);
    (void)e;
    mutex_lock(&s->mutex);
    *epoch = ++s->epoch;
    mutex_unlock(&s->mutex);
    return true;
}

static uint64_t slow_watch(Store *st)
{
    SlowStore *s = slow(st);
    mutex_lock(&s->mutex);
    uint64_t version = s->version;
    mutex_unlock(&s->mutex);
    return version;
}

static int64_t slow_time_ns(Store *st)
{
    const Clock *clock = sched_clock(slow(st)->sched);
    return clock->wall_ns(clock);
}

static bool slow_reserve(Store *st, int64_t bytes, Err *e)
{
    (void)st; /* memory is never full */
    (void)bytes;
    (void)e;
    return true;
}

static bool slow_usage(Store *st, StoreUsage *out, Err *e)
{
    SlowStore *s = slow(st);
    (void)e;
    *out = (StoreUsage){0};
    mutex_lock(&s->mutex);
    for (SlowBlob *b = s->blobs; b; b = b->next)
        out->blobs[blob_kind(b->id)] += (int64_t)b->bytes.len;
    for (size_t i = 0; i < s->edit_count; i++)
        out->manifest += (int64_t)s->edits[i].len;
    for (size_t i = 0; i < s->record_count; i++)
        out->log += (int64_t)s->records[i].frame.payload.len;
    mutex_unlock(&s->mutex);
    return true;
}

static void slow_log_state(Store *st, LogState *out)
{
    StoreUsage u;
    Err e;
    bool ok = slow_usage(st, &u, &e);
    *out = (LogState){.files = 1, .bytes = ok ? u.log : 0};
}

/* ---- time passes ---- */

/* Takes an event that is due; *next_ns: when to look again. */
static Event *due(SlowStore *s, int64_t *next_ns)
{
    int64_t now = slow_now(s);
    *next_ns = INT64_MAX;
    for (Event **at = &s->events; *at; at = &(*at)->next) {
        Event *ev = *at;
        if (ev->at_ns <= now) {
            *at = ev->next;
            return ev;
        }
        *next_ns = ev->at_ns < *next_ns ? ev->at_ns : *next_ns;
    }
    return NULL;
}

static void run_event(SlowStore *s, Event *ev)
{
    Err e;
    bool ok = true;
    uint64_t value = 0;
    mutex_lock(&s->mutex);
    switch (ev->kind) {
    case EV_APPEND:
        if (ev->epoch != s->epoch)
            ok = err_set(&e, ERR_SERIALIZATION, "the log belongs to another writer");
        if (ok && ev->sync && ev->lsn_last > s->durable)
            s->durable = ev->lsn_last;
        value = ev->lsn_first;
        break;
    case EV_PUT:
        value = ev->size;
        break;
    case EV_COMMIT:
    case EV_SNAPSHOT:
        ok = apply_commit(s, ev, &e);
        value = s->version;
        break;
    case EV_RESIDENT:
        if (*blob_at(s, ev->blob))
            (*blob_at(s, ev->blob))->resident = true;
        break;
    }
    mutex_unlock(&s->mutex);
    if (ev->c)
        completion_end(ev->c, ok, value, &e);
    else if (ev->waiter)
        task_wake(ev->waiter);
    buf_free(&ev->edit);
    mem_free(ev);
}

static TaskStatus slow_step(Task *t)
{
    SlowStore *s = (SlowStore *)((char *)t - offsetof(SlowStore, task));
    int64_t next_ns;
    mutex_lock(&s->mutex);
    Event *ev = due(s, &next_ns);
    bool idle = !s->events;
    mutex_unlock(&s->mutex);
    if (ev) {
        run_event(s, ev);
        return TASK_MORE;
    }
    if (idle && atomic_load(&s->closing))
        return TASK_DONE;
    if (next_ns != INT64_MAX)
        task_wake_at(t, next_ns);
    return TASK_WAIT;
}

static void slow_gone(Task *t)
{
    SlowStore *s = (SlowStore *)((char *)t - offsetof(SlowStore, task));
    Sched *sched = s->sched;
    atomic_store(&s->gone, true);
    sched_notify(sched);
}

static void slow_close(Store *st)
{
    SlowStore *s = slow(st);
    atomic_store(&s->closing, true);
    task_wake(&s->task);
    sched_run_until(s->sched, &s->gone);
    for (size_t i = 0; i < s->record_count; i++)
        mem_free((void *)(uintptr_t)s->records[i].frame.payload.ptr);
    while (s->blobs)
        blob_remove(s, s->blobs->id);
    for (size_t i = 0; i < s->edit_count; i++)
        buf_free(&s->edits[i]);
    mem_free(s->edits);
    mem_free(s->records);
    mutex_destroy(&s->mutex);
    mem_free(s);
}

/* What copies files has nothing to do here. */
static void slow_log_position(Store *st, LogPosition *out, Completion *c)
{
    Err e;
    (void)st;
    *out = (LogPosition){0};
    err_set(&e, ERR_FEATURE_NOT_SUPPORTED, "this store has no log segments");
    completion_end(c, false, 0, &e);
}

static bool slow_blob_name(Store *st, BlobId id, char *name, size_t size)
{
    (void)st;
    (void)id;
    (void)name;
    (void)size;
    return false;
}

static const StoreOps slow_ops = {
    .name = "slow",
    .log_append = slow_log_append,
    .log_read = slow_log_read,
    .log_recycle = slow_log_recycle,
    .blob_put = slow_blob_put,
    .blob_pin = slow_blob_pin,
    .blob_unpin = slow_blob_unpin,
    .blob_prefetch = slow_blob_prefetch,
    .blob_drop = slow_blob_drop,
    .commit = slow_commit,
    .manifest_read = slow_manifest_read,
    .lease = slow_lease,
    .watch = slow_watch,
    .time_ns = slow_time_ns,
    .close = slow_close,
    .commit_snapshot = slow_commit_snapshot,
    .blob_sweep = slow_blob_sweep,
    .usage = slow_usage,
    .log_state = slow_log_state,
    .reserve = slow_reserve,
    .log_position = slow_log_position,
    .blob_name = slow_blob_name,
    .blob_abort = slow_blob_abort,
};

bool store_slow_open(Store **out, Sched *sched, uint64_t seed, Err *e)
{
    SlowStore *s = MEM_NEW(SlowStore);
    (void)e;
    s->base.ops = &slow_ops;
    s->sched = sched;
    s->random = seed;
    mutex_init(&s->mutex, RANK_LOG);
    task_init(&s->task, slow_step, TASK_BLOCKING, 0);
    s->task.done = slow_gone;
    task_start(sched, &s->task);
    *out = &s->base;
    return true;
}
