/* A full disk.  A reserve file keeps room for what frees room: once a write fails for want of space it
 * is given up, so that the memtable can be flushed and the log used again; catalog changes and deletes
 * still go through, rows are refused (53100).  Writes are let in again when the reserve could be taken
 * back.  Reads go on all the time.  Only the flusher (and recovery) touches the reserve.  On a small
 * disk the first reserve is what half of its room allows. */
#include "storage/engine_private.h"

#include "base/log.h"

#define RESERVE_MIN (INT64_C(2) << 20) /* a smaller one would not hold a flush */

void engine_disk_full(Engine *eng, const Err *e)
{
    mutex_lock(&eng->mutex);
    bool news = !eng->disk_full;
    eng->disk_full = eng->flush_owed = true;
    if (news) {
        err_set(&eng->disk_err, ERR_DISK_FULL, "the disk of data directory \"%s\" is full: %s",
                eng->dir, e->message);
        err_hint(&eng->disk_err,
                 "free some space on it; until then reads, DELETE and DROP work, and "
                 "writes go on by themselves");
    }
    mutex_unlock(&eng->mutex);
    if (news)
        log_error("engine", "%s; writes are refused until there is room", e->message);
    engine_wake(eng, &eng->flusher.task);
}

void engine_give_reserve(Engine *eng)
{
    Err e;
    eng->flusher.reserve_held = false;
    if (!eng->store->ops->reserve(eng->store, 0, &e))
        log_warn("engine", "the reserve cannot be given up: %s", e.message);
}

/* An epoch that could not be raised at the start: no row may be written before it is. */
static bool raise_epoch(Engine *eng, Err *e)
{
    if (!eng->lease_owed)
        return true;
    if (!eng->store->ops->lease(eng->store, &eng->epoch, e))
        return false;
    engine_first_row(eng);
    eng->lease_owed = false;
    return true;
}

static bool reserve_room(Engine *eng, Err *e)
{
    int64_t least = eng->o.reserve < RESERVE_MIN ? eng->o.reserve : RESERVE_MIN;
    for (int64_t bytes = eng->o.reserve;; bytes /= 2) {
        if (eng->store->ops->reserve(eng->store, bytes, e)) {
            eng->o.reserve = bytes;
            eng->reserve_sized = true;
            return true;
        }
        if (e->code != ERR_DISK_FULL || eng->reserve_sized || bytes / 2 < least)
            return false;
    }
}

bool engine_take_reserve(Engine *eng)
{
    Flusher *f = &eng->flusher;
    Err e;
    f->reserve_held = reserve_room(eng, &e);
    if (!f->reserve_held || !raise_epoch(eng, &e)) {
        if (e.code != ERR_DISK_FULL)
            log_warn("engine", "the reserve cannot be taken: %s", e.message);
        else
            engine_disk_full(eng, &e);
        mutex_lock(&eng->mutex);
        eng->flush_owed = false; /* there is nothing that a flush would help */
        bool full = eng->disk_full;
        mutex_unlock(&eng->mutex);
        return !full; /* a disk that cannot reserve is no reason to refuse writes */
    }
    mutex_lock(&eng->mutex);
    bool news = eng->disk_full;
    eng->disk_full = false;
    mutex_unlock(&eng->mutex);
    if (news) {
        log_info("engine", "there is room on the disk again: writes go on");
        engine_wake(eng, &eng->writer.task);
    }
    return true;
}

bool engine_wait_for_room(Engine *eng)
{
    mutex_lock(&eng->mutex);
    bool full = eng->disk_full, owed = eng->flush_owed;
    mutex_unlock(&eng->mutex);
    if (full && owed && eng->flusher.reserve_held)
        engine_give_reserve(eng);
    return full && !owed && !engine_take_reserve(eng);
}
