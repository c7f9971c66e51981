#include "storage/log.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/sync.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    WAL_VERSION = 1,
    WAL_PATH_MAX = 4096,
    WAL_PIECE = 1 << 20, /* large groups are written in pieces of this size */
};
static const char wal_magic[8] = {'S', 'K', 'U', 'L', 'K', 'L', 'O', 'G'};

typedef struct WalSegment {
    uint64_t file; /* number in its name */
    int fd;
    int64_t size;
    uint64_t epoch; /* grows by one with each use of a segment; 0 = header not valid */
    uint64_t salt;
    Lsn first_lsn;
} WalSegment;

struct Wal {
    WalOptions o;
    char *dir;
    /* fixed after wal_read, then the appender's */
    WalSegment **live; /* oldest first; the last is appended to */
    size_t live_count, live_cap;
    WalSegment **stale; /* at open: files that are no part of the chain */
    size_t stale_count, stale_cap;
    int64_t offset;     /* end of the records of the last live segment */
    bool leave_segment; /* nothing more goes into it */
    bool ghosts;        /* it may hold records of a group that failed, from `offset` on */
    WalSegment *half;   /* a segment whose first write failed: its header may be in the file */
    uint64_t attempts;
    uint64_t epoch; /* of the last live segment */
    Lsn last, synced;
    bool unsynced;
    bool ready;  /* wal_read is through */
    bool failed; /* for good */
    Err failure;
    Buf group;
    Mutex mutex;
    /* these need the mutex */
    WalSegment *spares[WAL_SPARES_MAX];
    size_t spare_count;
    int64_t next_size;
    uint64_t next_file;
};

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static void segments_push(WalSegment ***list, size_t *count, size_t *cap, WalSegment *s)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 8;
        *list = mem_realloc(*list, *cap * sizeof **list);
    }
    (*list)[(*count)++] = s;
}

static void segment_path(const Wal *w, uint64_t file, char *path)
{
    snprintf(path, WAL_PATH_MAX, "%s/%08llu.log", w->dir, (unsigned long long)file);
}

static void segment_free(const Wal *w, WalSegment *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        w->o.io->close(w->o.io, s->fd);
    mem_free(s);
}

static void segment_delete(const Wal *w, WalSegment *s)
{
    char path[WAL_PATH_MAX];
    Err e;
    segment_path(w, s->file, path);
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
    buf_put_u32(&b, 0); /* optional feature bits */
    buf_put_u32(&b, 0);
    buf_put_u64(&b, s->epoch);
    buf_put_u64(&b, s->first_lsn);
    buf_put_u64(&b, s->salt);
    buf_put_u64(&b, 0);
    buf_put_u32(&b, 0);
    buf_put_u32(&b, crc32c(0, h, 60));
}

/* Leaves epoch 0 if these bytes are no header; fails if it is one of a newer format. */
static bool header_decode(WalSegment *s, const uint8_t h[WAL_HEADER_BYTES], Err *e)
{
    s->epoch = 0;
    if (memcmp(h, wal_magic, 8) != 0 || load32(h + 60) != crc32c(0, h, 60))
        return true;
    if (load32(h + 8) != WAL_VERSION || load32(h + 12) != 0)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "log segment %08llu has format %u (features %#x), this program reads %d",
                       (unsigned long long)s->file, load32(h + 8), load32(h + 12), WAL_VERSION);
    s->epoch = load64(h + 24);
    s->first_lsn = load64(h + 32);
    s->salt = load64(h + 40);
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
    segment_path(w, file, path);
    s->fd = io->open(io, path, w->o.read_only ? IO_READ : IO_READ | IO_WRITE, e);
    if (s->fd < 0 || (s->size = io->size(io, s->fd, e)) < 0)
        goto fail;
    int64_t n = io->pread(io, s->fd, h, sizeof h, 0, e);
    if (n < 0)
        goto fail;
    if (n == WAL_HEADER_BYTES && !header_decode(s, h, e))
        goto fail;
    segments_push(&w->stale, &w->stale_count, &w->stale_cap, s);
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
    mutex_destroy(&w->mutex);
    mem_free(w->dir);
    mem_free(w);
}

/* ---- reading ---- */

typedef struct Image { /* all bytes of one segment */
    const uint8_t *ptr;
    size_t size;
    uint8_t *heap;
} Image;

static bool image_load(const Wal *w, const WalSegment *s, Image *im, Err *e)
{
    const Io *io = w->o.io;
    *im = (Image){.size = (size_t)s->size};
    im->ptr = s->size ? io->map(io, s->fd, im->size) : NULL;
    if (im->ptr)
        return true;
    im->heap = mem_alloc(im->size + 1);
    int64_t n = io->pread(io, s->fd, im->heap, im->size, 0, e);
    if (n < 0) {
        mem_free(im->heap);
        return false;
    }
    im->size = (size_t)n;
    im->ptr = im->heap;
    return true;
}

static void image_drop(const Wal *w, Image *im)
{
    if (im->heap)
        mem_free(im->heap);
    else if (im->ptr)
        w->o.io->unmap(w->o.io, im->ptr, im->size);
}

static size_t record_size(size_t payload)
{
    return WAL_RECORD_BYTES + ((payload + 7) & ~(size_t)7);
}

/* Covers all but the length and itself, then what makes this use of the segment unique. */
static uint32_t record_crc(const uint8_t *rec, size_t payload, uint64_t epoch, uint64_t salt)
{
    uint64_t tail[2] = {epoch, salt};
    uint32_t crc = crc32c(0, rec, 4);
    crc = crc32c(crc, rec + 8, WAL_RECORD_BYTES - 8 + payload);
    return crc32c(crc, tail, sizeof tail);
}

/* A whole record of this epoch at `at` with an LSN in [lsn_min, lsn_max]. */
static bool record_at(const Image *im, size_t at, const WalSegment *s, Lsn lsn_min, Lsn lsn_max)
{
    if (at + WAL_RECORD_BYTES > im->size)
        return false;
    const uint8_t *r = im->ptr + at;
    size_t len = load32(r);
    Lsn lsn = load64(r + 16);
    if (r[8] == 0 || lsn < lsn_min || lsn > lsn_max || len > im->size - at - WAL_RECORD_BYTES)
        return false;
    return load32(r + 4) == record_crc(r, len, s->epoch, s->salt);
}

typedef struct Later { /* records of the live epoch behind a bad one */
    bool found;
    size_t at;      /* the first */
    Lsn lsn;        /* the first's */
    Lsn synced_max; /* what they know to be durable */
} Later;

static void find_later(const Image *im, size_t from, const WalSegment *s, Lsn after, Later *out)
{
    for (size_t at = from; at + WAL_RECORD_BYTES <= im->size; at += 8) {
        if (!record_at(im, at, s, after, after + UINT32_MAX))
            continue;
        const uint8_t *r = im->ptr + at;
        if (!out->found) {
            out->found = true;
            out->at = at;
            out->lsn = load64(r + 16);
        }
        if (load64(r + 24) > out->synced_max)
            out->synced_max = load64(r + 24);
        at += record_size(load32(r)) - 8;
    }
}

/* A torn tail is cut for good: what a power cut left behind it must not line up with new records. */
static bool zero_tail(Wal *w, WalSegment *s, int64_t from, Err *e)
{
    const Io *io = w->o.io;
    bool ok = true;
    uint8_t *zeros = mem_zero(WAL_PIECE);
    for (int64_t at = from; ok && at < s->size; at += WAL_PIECE) {
        int64_t n = s->size - at < WAL_PIECE ? s->size - at : WAL_PIECE;
        ok = io->pwrite_all(io, s->fd, zeros, (size_t)n, at, e);
    }
    mem_free(zeros);
    return ok && io->fdatasync(io, s->fd, e);
}

typedef struct WalReader {
    Wal *w;
    Lsn after, next; /* next: LSN expected */
    WalEach each;
    void *arg;
} WalReader;

static bool damaged(const WalSegment *s, size_t at, Lsn first, Lsn end, Err *e)
{
    char upto[32] = "the end";
    if (end)
        snprintf(upto, sizeof upto, "%llu", (unsigned long long)end - 1);
    err_set(e, ERR_DATA_CORRUPTED,
            "the log is damaged: segment %08llu, offset %zu: records %llu to %s cannot be read",
            (unsigned long long)s->file, at, (unsigned long long)first, upto);
    err_detail(e, "they were acknowledged as durable");
    return err_hint(e, "restore a backup, or start once with --repair to go on without them");
}

/* The record at r->next in segment s is bad.  *at: where to go on (repair), or the end.
 * A segment that another follows was durable as a whole. */
static bool bad_record(WalReader *r, WalSegment *s, const Image *im, size_t *at, bool last,
                       bool *end, Err *e)
{
    Later later = {0};
    find_later(im, *at + 8 - *at % 8, s, r->next, &later);
    *end = true;
    if (!later.found)
        return true;
    if (last && later.synced_max < r->next) {
        if (r->w->o.read_only)
            return true;
        log_warn("log", "torn tail: segment %08llu cut at offset %zu, before record %llu",
                 (unsigned long long)s->file, *at, (unsigned long long)r->next);
        return zero_tail(r->w, s, (int64_t)*at, e);
    }
    damaged(s, *at, r->next, later.lsn, e);
    bool needed = later.lsn > r->after + 1; /* else files have what they said */
    if (needed && !r->w->o.repair)
        return false;
    if (needed)
        log_error("log", "repair: %s; they are lost", e->message);
    *at = later.at;
    r->next = later.lsn;
    *end = false;
    return true;
}

/* Reads one segment; limit: first LSN of the next segment, 0 if this is the last. */
static bool read_segment(WalReader *r, WalSegment *s, Lsn limit, Err *e)
{
    Image im;
    bool ok = false, end = false;
    if (!image_load(r->w, s, &im, e))
        return false;
    size_t at = WAL_HEADER_BYTES;
    while (!limit || r->next < limit) {
        if (!record_at(&im, at, s, r->next, r->next)) {
            if (!bad_record(r, s, &im, &at, !limit, &end, e))
                goto out;
            if (end)
                break;
            continue;
        }
        const uint8_t *rec = im.ptr + at;
        size_t len = load32(rec);
        LogFrame f = {.type = rec[8], .flags = rec[9], .payload = {(const char *)rec + 32, len}};
        if (r->next > r->after && !r->each(r->arg, r->next, &f, e))
            goto out;
        r->next++;
        at += record_size(len);
    }
    r->w->offset = (int64_t)at;
    ok = true;
out:
    image_drop(r->w, &im);
    return ok;
}

/* A segment whose header is lost may still prove that acknowledged records were in it. */
static bool check_headless(WalReader *r, WalSegment *last, Err *e)
{
    Wal *w = r->w;
    for (size_t i = 0; i < w->stale_count; i++) {
        WalSegment probe = *w->stale[i];
        Image im;
        Later later = {0};
        if (probe.epoch || probe.size < WAL_HEADER_BYTES)
            continue;
        probe.epoch = last ? last->epoch + 1 : 1;
        probe.salt = hash_mix(w->o.salt, probe.epoch);
        if (!image_load(w, &probe, &im, e))
            return false;
        find_later(&im, WAL_HEADER_BYTES, &probe, r->next, &later);
        image_drop(w, &im);
        if (later.found && later.synced_max >= r->next) {
            damaged(&probe, 0, r->next, 0, e);
            if (!w->o.repair)
                return false;
            log_error("log", "repair: %s; they are lost", e->message);
        }
    }
    return true;
}

/* Splits the files found into the live chain and stale ones. */
static bool find_chain(Wal *w, Lsn after, Err *e)
{
    size_t n = w->stale_count, begin = n;
    for (size_t i = 0; i < n; i++)
        if (w->stale[i]->epoch && w->stale[i]->first_lsn <= after + 1)
            begin = i;
    size_t valid = 0;
    while (valid < n && !w->stale[valid]->epoch)
        valid++;                   /* bad headers sort first */
    if (begin == n && valid < n) { /* the log starts behind what the files cover */
        damaged(w->stale[valid], 0, after + 1, w->stale[valid]->first_lsn, e);
        if (!w->o.repair)
            return false;
        log_error("log", "repair: %s; they are lost", e->message);
        begin = valid;
    }
    if (begin == n && after > 0) {
        err_set(e, ERR_DATA_CORRUPTED, "the log is missing: no segment in \"%s\" is valid", w->dir);
        err_hint(e, "restore a backup, or start once with --repair to go on without it");
        if (!w->o.repair)
            return false;
        log_error("log", "repair: %s", e->message);
    }
    for (size_t i = begin; i < n; i++) {
        if (i > begin && w->stale[i]->epoch != w->stale[i - 1]->epoch + 1) {
            err_set(e, ERR_DATA_CORRUPTED, "a log segment is missing: epoch %llu follows %llu",
                    (unsigned long long)w->stale[i]->epoch,
                    (unsigned long long)w->stale[i - 1]->epoch);
            if (!w->o.repair)
                return false;
            log_error("log", "repair: %s", e->message);
        }
        segments_push(&w->live, &w->live_count, &w->live_cap, w->stale[i]);
    }
    w->stale_count = begin;
    return true;
}

/* What is no part of the chain becomes spare space, or goes. */
static void keep_stale(Wal *w)
{
    for (size_t i = 0; i < w->stale_count; i++) {
        WalSegment *s = w->stale[i];
        if (w->spare_count < 1 && s->size >= WAL_SEGMENT_MIN && s->size <= WAL_SEGMENT_MAX)
            w->spares[w->spare_count++] = s;
        else
            segment_delete(w, s);
    }
    w->stale_count = 0;
}

bool wal_read(Wal *w, Lsn after, WalEach each, void *arg, Err *e)
{
    WalReader r = {.w = w, .after = after, .each = each, .arg = arg};
    if (!find_chain(w, after, e))
        return false;
    r.next = w->live_count ? w->live[0]->first_lsn : after + 1;
    for (size_t i = 0; i < w->live_count; i++) {
        WalSegment *s = w->live[i];
        Lsn limit = i + 1 < w->live_count ? w->live[i + 1]->first_lsn : 0;
        if (!read_segment(&r, s, limit, e))
            return false;
        if (limit && r.next < limit) {
            damaged(s, (size_t)w->offset, r.next, limit, e);
            if (!w->o.repair)
                return false;
            log_error("log", "repair: %s; they are lost", e->message);
            r.next = limit;
        }
    }
    if (!check_headless(&r, w->live_count ? w->live[w->live_count - 1] : NULL, e))
        return false;
    /* Records that files cover may have been lost with their pages: the next one starts a segment,
     * because inside a segment there is no hole in the numbers. */
    w->leave_segment = r.next < after + 1;
    if (r.next < after + 1)
        r.next = after + 1;
    w->last = r.next - 1;
    if (w->live_count)
        w->epoch = w->live[w->live_count - 1]->epoch;
    if (w->o.read_only)
        return true;
    keep_stale(w);
    if (w->live_count && r.next != after + 1) {
        WalSegment *s = w->live[w->live_count - 1];
        if (!w->o.io->fdatasync(w->o.io, s->fd, e)) /* after kill -9 it is only in the page cache */
            return false;
    }
    w->synced = w->last;
    w->ready = true;
    return true;
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
    segment_path(w, s->file, path);
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
        segment_delete(w, s);
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
    segment_delete(w, s);
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
    buf_put_u16(b, 0);
    buf_put_u32(b, 0);
    buf_put_u64(b, lsn);
    buf_put_u64(b, w->synced);
    buf_put_slice(b, f->payload);
    uint8_t *rec = (uint8_t *)b->ptr + start;
    uint32_t crc = record_crc(rec, f->payload.len, s->epoch, s->salt);
    memcpy(rec + 4, &crc, 4);
    buf_put(b, zeros, record_size(f->payload.len) - WAL_RECORD_BYTES - f->payload.len);
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
    w->epoch = s->epoch;
    w->offset = offset;
    w->leave_segment = false;
    segments_push(&w->live, &w->live_count, &w->live_cap, s);
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
    for (size_t i = 0; i < n; i++)
        need += record_size(frames[i].payload.len);
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
    return true;
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
        segment_delete(w, spares[--n]);
    if (!s || s->size <= WAL_SEGMENT_MIN)
        return;
    if (!drop_half(w, &e) || !rotate(w, NULL, 0, 0, true, &e)) {
        if (!w->failed)
            log_warn("log", "%s", e.message);
        return;
    }
    w->unsynced = true; /* the header */
    if (!wal_sync(w, &e))
        log_warn("log", "%s", e.message);
}

void wal_recycle(Wal *w, Lsn covered)
{
    if (w->failed)
        return;
    must(w->ready); /* not while wal_read walks the segments */
    bool all = covered >= w->last;
    if (all)
        shrink(w);
    while (w->live_count > 1 && w->live[1]->first_lsn <= covered + 1) {
        WalSegment *s = w->live[0];
        memmove(w->live, w->live + 1, --w->live_count * sizeof *w->live);
        mutex_lock(&w->mutex);
        bool keep = !all && w->spare_count < WAL_SPARES_MAX && s->size >= w->next_size &&
                    s->size <= WAL_SEGMENT_MAX;
        if (keep)
            w->spares[w->spare_count++] = s;
        mutex_unlock(&w->mutex);
        if (!keep)
            segment_delete(w, s);
    }
}

Lsn wal_last(const Wal *w)
{
    return w->last;
}

Lsn wal_synced(const Wal *w)
{
    return w->synced;
}
