/* The archive: copies of finished segments in another directory, for restoring to a point in time.
 * A segment is used again only once its copy is durable; a restart finds what is still to be copied
 * by looking for what is not there.  A copy holds the header and the records, nothing behind them. */
#include "storage/log_private.h"

#include <stdio.h>

void wal_archive_name(char *name, size_t size, uint64_t dir_id, uint64_t epoch)
{
    snprintf(name, size, "%016llx-%010llu.log", (unsigned long long)dir_id,
             (unsigned long long)epoch);
}

static void archive_path(const Wal *w, uint64_t epoch, const char *suffix, char *path)
{
    char name[64];
    wal_archive_name(name, sizeof name, w->o.salt, epoch);
    snprintf(path, WAL_PATH_MAX, "%s/%s%s", w->archive, name, suffix);
}

void wal_archive_to(Wal *w, const char *dir, int64_t hold_max)
{
    must(!w->ready && !w->archive);
    w->archive = mem_strdup(slice_cstr(dir));
    w->archive_hold_max = hold_max;
}

bool wal_archive_has(const Wal *w, uint64_t epoch)
{
    char path[WAL_PATH_MAX];
    archive_path(w, epoch, "", path);
    return io_exists(w->o.io, path);
}

void wal_archive_queue(Wal *w, const WalSegment *s)
{
    LogExtent x = {s->file, s->epoch, s->first_lsn, s->used};
    if (!w->archive)
        return;
    mutex_lock(&w->mutex);
    buf_put(&w->archive_queue, &x, sizeof x);
    mutex_unlock(&w->mutex);
}

/* Needs the mutex. */
static void queue_pop(Wal *w)
{
    Buf *q = &w->archive_queue;
    w->archived_epoch = ((const LogExtent *)(void *)q->ptr)->epoch;
    memmove(q->ptr, q->ptr + sizeof(LogExtent), q->len - sizeof(LogExtent));
    q->len -= sizeof(LogExtent);
}

uint64_t wal_archive_waiting(Wal *w)
{
    mutex_lock(&w->mutex);
    uint64_t n = w->archive_queue.len / sizeof(LogExtent);
    mutex_unlock(&w->mutex);
    return n;
}

static bool queue_first(Wal *w, LogExtent *out)
{
    mutex_lock(&w->mutex);
    bool any = w->archive_queue.len > 0;
    if (any)
        memcpy(out, w->archive_queue.ptr, sizeof *out);
    mutex_unlock(&w->mutex);
    return any;
}

static bool copy_bytes(const Io *io, int from, int to, int64_t bytes, Err *e)
{
    uint8_t *piece = mem_alloc(WAL_PIECE);
    bool ok = true;
    for (int64_t at = 0; ok && at < bytes;) {
        int64_t n = bytes - at < WAL_PIECE ? bytes - at : WAL_PIECE;
        int64_t got = io->pread(io, from, piece, (size_t)n, at, e);
        ok = got > 0 ? io->pwrite_all(io, to, piece, (size_t)got, at, e)
                     : got == 0 && err_set(e, ERR_DATA_CORRUPTED, "a log segment is cut short");
        at += got;
    }
    mem_free(piece);
    return ok;
}

static bool archive_copy(Wal *w, const LogExtent *x, Err *e)
{
    char from[WAL_PATH_MAX], tmp[WAL_PATH_MAX], to[WAL_PATH_MAX];
    const Io *io = w->o.io;
    wal_segment_path(w, x->file, from);
    archive_path(w, x->epoch, ".tmp", tmp);
    archive_path(w, x->epoch, "", to);
    int in = io->open(io, from, IO_READ, e);
    if (in < 0)
        return false;
    int out = io->open(io, tmp, IO_WRITE | IO_CREATE | IO_TRUNC, e);
    bool ok = out >= 0 && copy_bytes(io, in, out, x->bytes, e) && io->fdatasync(io, out, e);
    io->close(io, in);
    if (out >= 0)
        io->close(io, out);
    mutex_lock(&w->mutex);
    bool wanted = x->epoch > w->archived_epoch; /* else the segment was given up meanwhile */
    mutex_unlock(&w->mutex);
    if (ok && !wanted)
        return io->unlink(io, tmp, e);
    return ok && io->rename(io, tmp, to, e) && io->fsync_dir(io, w->archive, e);
}

bool wal_archive_one(Wal *w, bool *did, Err *e)
{
    LogExtent x;
    *did = w->archive && queue_first(w, &x);
    if (!*did)
        return true;
    bool ok = wal_archive_has(w, x.epoch) || archive_copy(w, &x, e) ||
              err_wrap(e, "copy log segment %08llu to the archive", (unsigned long long)x.file);
    mutex_lock(&w->mutex);
    if (ok && x.epoch > w->archived_epoch) {
        queue_pop(w);
        w->state.archived = x.epoch;
        w->state.archived_ns = w->o.clock ? w->o.clock->wall_ns(w->o.clock) : 0;
    }
    if (ok)
        err_clear(&w->state.archive_err);
    else
        w->state.archive_err = *e;
    mutex_unlock(&w->mutex);
    return ok;
}

/* The oldest live segment: may it be used again? */
bool wal_may_recycle(Wal *w, const WalSegment *s)
{
    int64_t held = 0;
    if (!w->archive)
        return true;
    for (size_t i = 0; i < w->live_count; i++)
        held += w->live[i]->size;
    mutex_lock(&w->mutex);
    bool may = s->epoch <= w->archived_epoch || !w->archive_queue.len ||
               s->epoch < ((const LogExtent *)(void *)w->archive_queue.ptr)->epoch;
    bool give_up = !may && held > w->archive_hold_max;
    if (give_up)
        queue_pop(w);
    mutex_unlock(&w->mutex);
    if (give_up)
        log_error("log",
                  "%lld MiB of log wait for the archive: the segment with records from %llu on is "
                  "given up, the archive has a gap",
                  (long long)(held >> 20), (unsigned long long)s->first_lsn);
    return may || give_up;
}
