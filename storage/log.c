#include "storage/log_private.h"

#include <stdio.h>
#include <stdlib.h>

static const char wal_magic[8] = {'S', 'K', 'U', 'L', 'K', 'L', 'O', 'G'};

void wal_segments_push(WalSegment ***list, size_t *count, size_t *cap, WalSegment *s)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 8;
        *list = mem_realloc(*list, *cap * sizeof **list);
    }
    (*list)[(*count)++] = s;
}

void wal_segment_name(char *name, size_t size, uint64_t file)
{
    snprintf(name, size, "%08llu.log", (unsigned long long)file);
}

void wal_segment_path(const Wal *w, uint64_t file, char *path)
{
    char name[64];
    wal_segment_name(name, sizeof name, file);
    snprintf(path, WAL_PATH_MAX, "%s/%s", w->dir, name);
}

static void count_file(Wal *w, int files, int64_t bytes)
{
    mutex_lock(&w->mutex);
    w->state.files += files;
    w->state.bytes += bytes;
    mutex_unlock(&w->mutex);
}

static void segment_free(const Wal *w, WalSegment *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        w->o.io->close(w->o.io, s->fd);
    mem_free(s);
}

void wal_segment_delete(Wal *w, WalSegment *s)
{
    char path[WAL_PATH_MAX];
    Err e;
    count_file(w, -1, -s->size);
    wal_segment_path(w, s->file, path);
    if (!w->o.io->unlink(w->o.io, path, &e))
        log_warn("log", "%s", e.message); /* a stale segment costs only space */
    segment_free(w, s);
}

/* ---- segment header ---- */

static void header_encode(uint8_t h[WAL_HEADER_BYTES], const WalSegment *s)
{
    Buf b = {(char *)h, 0, WAL_HEADER_BYTES};
    memset(h, 0, WAL_HEADER_BYTES);
    buf_put(&b, wal_magic, 8);
    buf_put_u32(&b, WAL_VERSION);
    buf_put_u32(&b, 0); /* required feature bits */
    buf_put_u32(&b, WAL_HAS_TIMES);
    buf_put_u32(&b, 0);
    buf_put_u64(&b, s->epoch);
    buf_put_u64(&b, s->first_lsn);
    buf_put_u64(&b, s->salt);
    buf_put_u64(&b, s->whole ? (uint64_t)s->size : 0);
    buf_put_u32(&b, 0);
    buf_put_u32(&b, crc32c(0, h, 60));
}

/* Leaves epoch 0 if these bytes are no header; fails if it is one of a newer format. */
bool wal_header_decode(WalSegment *s, const uint8_t h[WAL_HEADER_BYTES], Err *e)
{
    s->epoch = 0;
    if (memcmp(h, wal_magic, 8) != 0 || wal_load32(h + 60) != crc32c(0, h, 60))
        return true;
    if (wal_load32(h + 8) != WAL_VERSION || wal_load32(h + 12) != 0)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "log segment %08llu has format %u (features %#x), this program reads %d",
                       (unsigned long long)s->file, wal_load32(h + 8), wal_load32(h + 12),
                       WAL_VERSION);
    s->epoch = wal_load64(h + 24);
    s->first_lsn = wal_load64(h + 32);
    s->salt = wal_load64(h + 40);
    s->want = (int64_t)wal_load64(h + WAL_SIZE_AT);
    return true;
}

/* ---- opening ---- */

typedef struct FoundFiles {
    uint64_t *files;
    size_t count;
} FoundFiles;

static bool found_file(void *arg, const char *name)
{
    FoundFiles *f = arg;
    char *end;
    unsigned long long n = strtoull(name, &end, 10);
    if (end == name || strcmp(end, ".log") != 0)
        return true;
    f->files = mem_realloc(f->files, (f->count + 1) * sizeof *f->files);
    f->files[f->count++] = n;
    return true;
}

static bool open_segment(Wal *w, uint64_t file, Err *e)
{
    char path[WAL_PATH_MAX];
    uint8_t h[WAL_HEADER_BYTES];
    const Io *io = w->o.io;
    WalSegment *s = MEM_NEW(WalSegment);
    s->file = file;
    wal_segment_path(w, file, path);
    s->fd = io->open(io, path, w->o.read_only ? IO_READ : IO_READ | IO_WRITE, e);
    if (s->fd < 0 || (s->size = io->size(io, s->fd, e)) < 0)
        goto fail;
    int64_t n = io->pread(io, s->fd, h, sizeof h, 0, e);
    if (n < 0)
        goto fail;
    if (n == WAL_HEADER_BYTES && !wal_header_decode(s, h, e))
        goto fail;
    wal_segments_push(&w->stale, &w->stale_count, &w->stale_cap, s);
    count_file(w, 1, s->size);
    if (file >= w->next_file)
        w->next_file = file + 1;
    return true;
fail:
    segment_free(w, s);
    return err_wrap(e, "open log segment \"%s\"", path);
}

static int by_epoch(const void *a, const void *b)
{
    const WalSegment *x = *(WalSegment *const *)a, *y = *(WalSegment *const *)b;
    return (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

bool wal_open(Wal **out, const WalOptions *o, Err *e)
{
    Wal *w = MEM_NEW(Wal);
    FoundFiles found = {0};
    w->o = *o;
    w->o.read_only |= o->inspect;
    w->dir = mem_strdup(slice_cstr(o->dir));
    w->o.dir = w->dir;
    w->next_size = WAL_SEGMENT_MIN;
    w->next_file = 1;
    mutex_init(&w->mutex, RANK_LOG);
    if (!o->io->list(o->io, o->dir, found_file, &found, e))
        goto fail;
    for (size_t i = 0; i < found.count; i++)
        if (!open_segment(w, found.files[i], e))
            goto fail;
    mem_free(found.files);
    if (w->stale_count)
        qsort(w->stale, w->stale_count, sizeof *w->stale, by_epoch);
    *out = w;
    return true;
fail:
    mem_free(found.files);
    wal_close(w);
    return false;
}

void wal_close(Wal *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->live_count; i++)
        segment_free(w, w->live[i]);
    for (size_t i = 0; i < w->stale_count; i++)
        segment_free(w, w->stale[i]);
    for (size_t i = 0; i < w->spare_count; i++)
        segment_free(w, w->spares[i]);
    segment_free(w, w->half);
    mem_free(w->live);
    mem_free(w->stale);
    buf_free(&w->group);
    buf_free(&w->archive_queue);
    mem_free(w->archive);
    mutex_destroy(&w->mutex);
    mem_free(w->dir);
    mem_free(w);
}

/* ---- segments for writing ---- */

/* A file of `size` bytes of zeros, durable with its name. */
static WalSegment *segment_create(Wal *w, int64_t size, bool fill, Err *e)
{
    char path[WAL_PATH_MAX];
    const Io *io = w->o.io;
    WalSegment *s = MEM_NEW(WalSegment);
    uint8_t *zeros = fill ? mem_zero(WAL_PIECE) : NULL;
    mutex_lock(&w->mutex);
    s->file = w->next_file++;
    mutex_unlock(&w->mutex);
    s->size = size;
    s->whole = fill;
    wal_segment_path(w, s->file, path);
    s->fd = io->open(io, path, IO_READ | IO_WRITE | IO_CREATE | IO_TRUNC, e);
    if (s->fd < 0)
        goto fail;
    for (int64_t at = 0; fill && at < size; at += WAL_PIECE) {
        int64_t n = size - at < WAL_PIECE ? size - at : WAL_PIECE;
        if (!io->pwrite_all(io, s->fd, zeros, (size_t)n, at, e))
            goto fail;
        io->start_write(io, s->fd, at, n);
    }
    if (!io->fdatasync(io, s->fd, e) || !io->fsync_dir(io, w->dir, e))
        goto fail;
    mem_free(zeros);
    count_file(w, 1, size);
    return s;
fail:
    mem_free(zeros);
    if (s->fd >= 0) {
        Err ignored;
        io->unlink(io, path, &ignored);
    }
    segment_free(w, s);
    return NULL;
}

bool wal_wants_spare(Wal *w)
{
    mutex_lock(&w->mutex);
    bool wants = !w->o.read_only && w->spare_count == 0 && w->next_size > WAL_SEGMENT_MIN;
    mutex_unlock(&w->mutex);
    return wants;
}

bool wal_prepare(Wal *w, Err *e)
{
    mutex_lock(&w->mutex);
    int64_t size = w->next_size;
    mutex_unlock(&w->mutex);
    WalSegment *s = segment_create(w, size, true, e);
    if (!s)
        return false;
    mutex_lock(&w->mutex);
    if (w->spare_count < WAL_SPARES_MAX) {
        w->spares[w->spare_count++] = s;
        s = NULL;
    }
    mutex_unlock(&w->mutex);
    if (s)
        wal_segment_delete(w, s);
    return true;
}

static WalSegment *take_spare(Wal *w, int64_t need)
{
    WalSegment *s = NULL;
    mutex_lock(&w->mutex);
    for (size_t i = 0; i < w->spare_count; i++) {
        if (w->spares[i]->size < need)
            continue;
        s = w->spares[i];
        w->spares[i] = w->spares[--w->spare_count];
        break;
    }
    if (w->next_size < WAL_SEGMENT_MAX)
        w->next_size *= 2;
    mutex_unlock(&w->mutex);
    return s;
}

/* Two files must not claim the same epoch: the header that may be there is wiped for good first. */
static bool drop_half(Wal *w, Err *e)
{
    static const uint8_t zeros[WAL_HEADER_BYTES];
    const Io *io = w->o.io;
    WalSegment *s = w->half;
    if (!s)
        return true;
    if (!io->pwrite_all(io, s->fd, zeros, sizeof zeros, 0, e) || !io->fdatasync(io, s->fd, e))
        return false;
    w->half = NULL;
    wal_segment_delete(w, s);
    return true;
}

/* The next segment, with room for a group of `need` bytes; not in the chain before its first write. */
static WalSegment *next_segment(Wal *w, int64_t need, bool small, Err *e)
{
    need += WAL_HEADER_BYTES;
    WalSegment *s = small ? NULL : take_spare(w, need);
    if (!s) {
        int64_t size = need > WAL_SEGMENT_MIN ? need : WAL_SEGMENT_MIN;
        s = segment_create(w, size, size == WAL_SEGMENT_MIN, e);
    }
    if (!s)
        return NULL;
    s->epoch = w->epoch + 1;
    s->first_lsn = w->last + 1;
    s->salt = hash_mix(w->o.salt, s->epoch) + w->attempts;
    return s;
}

/* ---- appending ---- */

static bool fail_for_good(Wal *w, Err *e)
{
    w->failed = true;
    err_wrap(e, "the log cannot be synced; writes are refused until a restart");
    e->code = ERR_IO;
    w->failure = *e;
    log_error("log", "%s", e->message);
    return false;
}

static void put_record(Wal *w, Buf *b, const LogFrame *f, Lsn lsn, const WalSegment *s)
{
    static const uint8_t zeros[8];
    size_t start = b->len;
    buf_put_u32(b, (uint32_t)f->payload.len);
    buf_put_u32(b, 0);
    buf_put_u8(b, f->type);
    buf_put_u8(b, f->flags);
    buf_put_u16(b, (uint16_t)w->now_ms);
    buf_put_u32(b, (uint32_t)(w->now_ms >> 16));
    buf_put_u64(b, lsn);
    buf_put_u64(b, w->synced);
    buf_put_slice(b, f->payload);
    uint8_t *rec = (uint8_t *)b->ptr + start;
    uint32_t crc = wal_record_crc(rec, f->payload.len, s->epoch, s->salt);
    memcpy(rec + 4, &crc, 4);
    buf_put(b, zeros, wal_record_size(f->payload.len) - WAL_RECORD_BYTES - f->payload.len);
}

/* Writes header (for a new segment) and records; *offset moves behind them. */
static bool write_group(Wal *w, WalSegment *s, bool with_header, const LogFrame *frames, size_t n,
                        int64_t *offset, Err *e)
{
    const Io *io = w->o.io;
    Buf *b = &w->group;
    int64_t at = *offset;
    buf_clear(b);
    if (with_header) {
        uint8_t h[WAL_HEADER_BYTES];
        header_encode(h, s);
        buf_put(b, h, sizeof h);
        at = 0;
    }
    const int64_t start = at;
    for (size_t i = 0; i < n; i++) {
        put_record(w, b, &frames[i], w->last + 1 + i, s);
        if (b->len < WAL_PIECE && i + 1 < n)
            continue;
        if (!io->pwrite_all(io, s->fd, b->ptr, b->len, at, e))
            return false;
        at += (int64_t)b->len;
        buf_clear(b);
    }
    if (b->len && !io->pwrite_all(io, s->fd, b->ptr, b->len, at, e))
        return false;
    *offset = at + (int64_t)b->len;
    if (*offset - start >= WAL_START_BYTES) /* the rows go to the memtable while the disk works */
        io->start_write(io, s->fd, start, *offset - start);
    if (b->cap > 8 * (size_t)WAL_PIECE)
        buf_free(b);
    return true;
}

/* What was refused must not come back after a crash that loses the next segment. */
static bool wipe_ghosts(Wal *w, Err *e)
{
    static const uint8_t zeros[WAL_RECORD_BYTES];
    WalSegment *s = w->live_count ? w->live[w->live_count - 1] : NULL;
    if (!w->ghosts)
        return true;
    if (!w->o.io->pwrite_all(w->o.io, s->fd, zeros, sizeof zeros, w->offset, e))
        return false;
    w->ghosts = false;
    w->unsynced = true;
    return true;
}

static bool rotate(Wal *w, const LogFrame *frames, size_t n, int64_t need, bool small, Err *e)
{
    /* Everything older is durable before the new header can be: a hole is then damage. */
    if (!wipe_ghosts(w, e) || !wal_sync(w, e))
        return false;
    WalSegment *s = next_segment(w, need, small, e);
    if (!s)
        return false;
    int64_t offset = WAL_HEADER_BYTES;
    if (!write_group(w, s, true, frames, n, &offset, e)) {
        w->half = s;
        w->attempts++;
        return false;
    }
    if (w->live_count) {
        WalSegment *before = w->live[w->live_count - 1];
        before->used = w->offset;
        wal_archive_queue(w, before);
    }
    w->epoch = s->epoch;
    w->offset = offset;
    w->leave_segment = false;
    wal_segments_push(&w->live, &w->live_count, &w->live_cap, s);
    return true;
}

bool wal_append(Wal *w, const LogFrame *frames, size_t n, Lsn *first, Err *e)
{
    size_t need = 0;
    must(!w->o.read_only && w->ready && n > 0);
    if (w->failed) {
        *e = w->failure;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        size_t len = frames[i].payload.len;
        if (len > LOG_PAYLOAD_MAX)
            return err_set(e, ERR_PROGRAM_LIMIT,
                           "a log record has %zu bytes, at most %d are possible", len,
                           LOG_PAYLOAD_MAX);
        need += wal_record_size(len);
    }
    if (w->o.clock)
        w->now_ms = w->o.clock->wall_ns(w->o.clock) / NS_PER_MS;
    if (!drop_half(w, e)) /* its header claims the LSN that comes next */
        return false;
    WalSegment *s = w->live_count ? w->live[w->live_count - 1] : NULL;
    if (!s || w->leave_segment || w->offset + (int64_t)need > s->size) {
        if (!rotate(w, frames, n, (int64_t)need, false, e))
            return false;
    } else if (!write_group(w, s, false, frames, n, &w->offset, e)) {
        /* Some of it may be in the file: nothing may follow it there.  The next segment's first
         * LSN tells recovery where this one ends. */
        w->leave_segment = w->ghosts = true;
        return false;
    }
    *first = w->last + 1;
    w->last += n;
    w->unsynced = true;
    return true;
}

/* Behind the last record: "all before me is durable".  Not synced itself, and the next group is
 * written over it; but after kill -9, or half a minute later, damage to the last acknowledged group
 * can be told from a torn tail. */
static void put_mark(Wal *w)
{
    WalSegment *s = w->live[w->live_count - 1];
    LogFrame mark = {.type = WAL_MARK};
    Err ignored;
    if (w->leave_segment || w->offset + WAL_RECORD_BYTES > s->size)
        return;
    buf_clear(&w->group);
    put_record(w, &w->group, &mark, w->last + 1, s);
    if (!w->o.io->pwrite_all(w->o.io, s->fd, w->group.ptr, w->group.len, w->offset, &ignored))
        log_warn("log", "%s", ignored.message);
}

bool wal_sync(Wal *w, Err *e)
{
    if (w->failed) {
        *e = w->failure;
        return false;
    }
    if (!w->unsynced)
        return true;
    if (!w->o.io->fdatasync(w->o.io, w->live[w->live_count - 1]->fd, e))
        return fail_for_good(w, e);
    w->unsynced = false;
    w->synced = w->last;
    w->marked = false;
    return true;
}

void wal_settle(Wal *w)
{
    if (w->failed || w->unsynced || w->marked || !w->live_count)
        return;
    put_mark(w);
    w->marked = true;
}

/* All records are covered: start small again. */
static void shrink(Wal *w)
{
    Err e;
    WalSegment *s = w->live_count ? w->live[w->live_count - 1] : NULL;
    WalSegment *spares[WAL_SPARES_MAX];
    mutex_lock(&w->mutex);
    size_t n = w->spare_count;
    w->next_size = WAL_SEGMENT_MIN;
    w->spare_count = 0;
    memcpy(spares, w->spares, n * sizeof *spares);
    mutex_unlock(&w->mutex);
    while (n)
        wal_segment_delete(w, spares[--n]);
    bool finish = w->archive && w->offset > WAL_HEADER_BYTES; /* it goes to the archive */
    if (!s || (s->size <= WAL_SEGMENT_MIN && !finish))
        return;
    if (!drop_half(w, &e) || !rotate(w, NULL, 0, 0, true, &e)) {
        if (!w->failed)
            log_warn("log", "%s", e.message);
        return;
    }
    w->unsynced = true; /* the header */
    if (!wal_sync(w, &e))
        log_warn("log", "%s", e.message);
    wal_settle(w);
}

void wal_recycle(Wal *w, Lsn covered)
{
    if (w->failed)
        return;
    must(w->ready); /* not while wal_read walks the segments */
    bool all = covered >= w->last;
    if (all)
        shrink(w);
    while (w->live_count > 1 && w->live[1]->first_lsn <= covered + 1 &&
           wal_may_recycle(w, w->live[0])) {
        WalSegment *s = w->live[0];
        memmove(w->live, w->live + 1, --w->live_count * sizeof *w->live);
        mutex_lock(&w->mutex);
        bool keep = !all && w->spare_count < WAL_SPARES_MAX && s->size >= w->next_size &&
                    s->size <= WAL_SEGMENT_MAX;
        s->whole = true;
        if (keep)
            w->spares[w->spare_count++] = s;
        mutex_unlock(&w->mutex);
        if (!keep)
            wal_segment_delete(w, s);
    }
}

Lsn wal_last(const Wal *w)
{
    return w->last;
}

void wal_position(const Wal *w, LogPosition *out)
{
    *out = (LogPosition){.last = w->last, .ms = w->now_ms};
    for (size_t i = 0; i < w->live_count; i++) {
        const WalSegment *s = w->live[i];
        LogExtent x = {s->file, s->epoch, s->first_lsn, s->used};
        if (i + 1 == w->live_count)
            x.bytes = w->offset;
        buf_put(&out->extents, &x, sizeof x);
    }
}

void wal_state(Wal *w, LogState *out)
{
    mutex_lock(&w->mutex);
    *out = w->state;
    out->archives = w->archive != NULL;
    const LogExtent *x = (const LogExtent *)(const void *)w->archive_queue.ptr;
    out->waiting = (int64_t)(w->archive_queue.len / sizeof *x);
    for (int64_t i = 0; i < out->waiting; i++)
        out->waiting_bytes += x[i].bytes;
    mutex_unlock(&w->mutex);
}

Lsn wal_synced(const Wal *w)
{
    return w->synced;
}
