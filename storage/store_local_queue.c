/* The two lanes of a local store: log and manifest.  A request is queued; whoever finds the lane
 * idle becomes the leader and serves everything that waits, with one write and one sync for all
 * appends.  A lone request is therefore served at once, by its own caller. */
#include "storage/store_private.h"

#include "base/log.h"
#include "storage/engine.h"

enum { SPARE_RETRY_MS = 1000 };

void completion_end(Completion *c, bool ok, uint64_t value, const Err *e)
{
    c->ok = ok;
    c->value = value;
    if (!ok)
        c->err = *e;
    if (c->waiter && !(c->polled && task_is_current(c->waiter)))
        task_wake_done(c->waiter, &c->done);
    else
        atomic_store_explicit(&c->done, true, memory_order_release);
}

void lane_init(Lane *l)
{
    mutex_init(&l->mutex, RANK_LOG);
    l->head = NULL;
    l->tail = &l->head;
    l->busy = false;
}

void lane_destroy(Lane *l)
{
    mutex_destroy(&l->mutex);
}

/* True: the caller is the leader now. */
static bool lane_push(Lane *l, Request *r)
{
    mutex_lock(&l->mutex);
    r->next = NULL;
    *l->tail = r;
    l->tail = &r->next;
    bool lead = !l->busy;
    l->busy = true;
    mutex_unlock(&l->mutex);
    return lead;
}

/* All that wait; NULL: the leader's time is over. */
static Request *lane_take(Lane *l)
{
    mutex_lock(&l->mutex);
    Request *r = l->head;
    l->head = NULL;
    l->tail = &l->head;
    if (!r)
        l->busy = false;
    mutex_unlock(&l->mutex);
    return r;
}

/* ---- log ---- */

static void append_all(LocalStore *ls, Request *list, bool *sync, bool *settle, Err *e)
{
    for (Request *r = list; r; r = r->next) {
        r->ok = true;
        r->value = 0;
        if (r->kind == REQ_POSITION)
            *sync |= r->sync;
        if (r->kind != REQ_APPEND)
            continue;
        if (r->epoch != ls->epoch) {
            r->ok = err_set(e, ERR_SERIALIZATION, "the log belongs to another writer");
            completion_end(r->c, false, 0, e);
            r->c = NULL;
            continue;
        }
        Err own;
        if (r->n && !wal_append(ls->wal, r->frames, r->n, &r->value, &own)) {
            r->ok = false;
            completion_end(r->c, false, 0, &own);
            r->c = NULL;
            continue;
        }
        *sync |= r->sync;
        *settle |= !r->sync && r->n == 0;
    }
}

static void take_position(LocalStore *ls, LogPosition *out)
{
    wal_position(ls->wal, out);
    out->archive_waiting = wal_archive_waiting(ls->wal);
}

static void serve_log(LocalStore *ls, Request *list)
{
    bool sync = false, synced = true, settle = false;
    Err e;
    append_all(ls, list, &sync, &settle, &e);
    if (sync)
        synced = wal_sync(ls->wal, &e);
    if (settle)
        wal_settle(ls->wal);
    for (Request *r = list, *next; r; r = next) {
        next = r->next;
        if (r->kind == REQ_RECYCLE)
            wal_recycle(ls->wal, r->covered);
        if (r->kind == REQ_POSITION && synced)
            take_position(ls, r->position);
        if (r->c)
            completion_end(r->c, synced || !r->sync, r->value, &e);
        mem_free(r);
    }
    if (ls->spare_running && (wal_wants_spare(ls->wal) || wal_archive_waiting(ls->wal)))
        task_wake(&ls->spare_task);
}

static void lead_log(LocalStore *ls)
{
    Request *list;
    while ((list = lane_take(&ls->log_lane)))
        serve_log(ls, list);
}

void local_log_append(Store *s, const LogFrame *frames, size_t n, uint64_t epoch, bool sync,
                      Completion *c)
{
    LocalStore *ls = local(s);
    Request *r = MEM_NEW(Request);
    *r = (Request){
        .kind = REQ_APPEND, .frames = frames, .n = n, .sync = sync, .epoch = epoch, .c = c};
    if (lane_push(&ls->log_lane, r))
        lead_log(ls);
}

void local_log_recycle(Store *s, Lsn covered)
{
    LocalStore *ls = local(s);
    Request *r = MEM_NEW(Request);
    atomic_store(&ls->recycled, covered);
    *r = (Request){.kind = REQ_RECYCLE, .covered = covered};
    if (lane_push(&ls->log_lane, r))
        lead_log(ls);
}

void local_log_position(Store *s, LogPosition *out, Completion *c)
{
    LocalStore *ls = local(s);
    Request *r = MEM_NEW(Request);
    *r = (Request){
        .kind = REQ_POSITION, .position = out, .sync = !(ls->flags & ENGINE_READ_ONLY), .c = c};
    if (lane_push(&ls->log_lane, r))
        lead_log(ls);
}

/* ---- spare segments, archive ---- */

/* True: a segment was copied, there may be more. */
static bool archive_step(LocalStore *ls, int64_t now)
{
    bool did = false;
    Err e;
    if (!wal_archive_one(ls->wal, &did, &e)) {
        if (!ls->archive_late)
            log_error("log", "%s; tried again until it works, no log is used again meanwhile",
                      e.message);
        ls->archive_late = true;
        ls->spare_retry_ns = now + SPARE_RETRY_MS * NS_PER_MS;
        task_wake_at(&ls->spare_task, ls->spare_retry_ns);
        return false;
    }
    if (did && ls->archive_late)
        log_info("log", "the archive of log segments works again");
    ls->archive_late &= !did;
    if (did && atomic_load(&ls->recycled)) /* what waited for the copy only */
        local_log_recycle(&ls->base, atomic_load(&ls->recycled));
    return did;
}

static TaskStatus spare_step(Task *t)
{
    LocalStore *ls = (LocalStore *)((char *)t - offsetof(LocalStore, spare_task));
    const Clock *clock = sched_clock(ls->sched);
    Err e;
    if (atomic_load(&ls->closing))
        return TASK_DONE;
    int64_t now = clock->mono_ns(clock);
    if (now >= ls->spare_retry_ns && !atomic_load(&ls->lean) && wal_wants_spare(ls->wal) &&
        !wal_prepare(ls->wal, &e)) {
        log_warn("log", "cannot prepare a segment: %s", e.message);
        ls->spare_retry_ns = now + SPARE_RETRY_MS * NS_PER_MS;
    }
    if (now >= ls->spare_retry_ns && archive_step(ls, now))
        return TASK_MORE;
    return TASK_WAIT;
}

static void spare_done(Task *t)
{
    LocalStore *ls = (LocalStore *)((char *)t - offsetof(LocalStore, spare_task));
    Sched *sched = ls->sched;
    atomic_store(&ls->spare_gone, true);
    sched_notify(sched);
}

void local_spares_start(LocalStore *ls)
{
    if (!ls->sched || ls->spare_running)
        return;
    task_init(&ls->spare_task, spare_step, TASK_BLOCKING, 0);
    ls->spare_task.done = spare_done;
    ls->spare_running = true;
    task_start(ls->sched, &ls->spare_task);
}

void local_spares_stop(LocalStore *ls)
{
    if (!ls->spare_running)
        return;
    atomic_store(&ls->closing, true);
    task_wake(&ls->spare_task);
    sched_run_until(ls->sched, &ls->spare_gone);
    ls->spare_running = false;
}

/* ---- manifest ---- */

static bool serve_commit(LocalStore *ls, const Request *r, Err *e)
{
    if (r->epoch != ls->epoch)
        return err_set(e, ERR_SERIALIZATION, "the manifest belongs to another writer");
    if (r->version != mf_version(ls->mf))
        return err_set(e, ERR_SERIALIZATION, "the manifest is at version %llu, not %llu",
                       (unsigned long long)mf_version(ls->mf), (unsigned long long)r->version);
    return r->kind == REQ_SNAPSHOT ? mf_replace(ls->mf, r->edit, e) : mf_append(ls->mf, r->edit, e);
}

static void lead_manifest(LocalStore *ls)
{
    Request *list;
    Err e;
    while ((list = lane_take(&ls->manifest_lane))) {
        for (Request *r = list, *next; r; r = next) {
            next = r->next;
            bool ok = serve_commit(ls, r, &e);
            completion_end(r->c, ok, mf_version(ls->mf), &e);
            mem_free(r);
        }
    }
}

static void push_commit(Store *s, RequestKind kind, Slice edit, uint64_t epoch, uint64_t version,
                        Completion *c)
{
    LocalStore *ls = local(s);
    Request *r = MEM_NEW(Request);
    *r = (Request){.kind = kind, .edit = edit, .epoch = epoch, .version = version, .c = c};
    if (lane_push(&ls->manifest_lane, r))
        lead_manifest(ls);
}

void local_commit(Store *s, Slice edit, uint64_t epoch, uint64_t version, Completion *c)
{
    push_commit(s, REQ_COMMIT, edit, epoch, version, c);
}

void local_commit_snapshot(Store *s, Slice edit, uint64_t epoch, uint64_t version, Completion *c)
{
    push_commit(s, REQ_SNAPSHOT, edit, epoch, version, c);
}
