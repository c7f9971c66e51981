/* Recovery: what the log holds, where it ends, whether something is missing. */
#include "storage/log_private.h"

#include <stdio.h>

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

/* A whole record of this epoch at `at` with an LSN in [lsn_min, lsn_max]. */
static bool record_at(const Image *im, size_t at, const WalSegment *s, Lsn lsn_min, Lsn lsn_max)
{
    if (at + WAL_RECORD_BYTES > im->size)
        return false;
    const uint8_t *r = im->ptr + at;
    size_t len = wal_load32(r);
    Lsn lsn = wal_load64(r + 16);
    if (r[8] == 0 || lsn < lsn_min || lsn > lsn_max || len > im->size - at - WAL_RECORD_BYTES)
        return false;
    return wal_load32(r + 4) == wal_record_crc(r, len, s->epoch, s->salt);
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
            out->lsn = wal_load64(r + 16);
        }
        if (wal_load64(r + 24) > out->synced_max)
            out->synced_max = wal_load64(r + 24);
        at += wal_record_size(wal_load32(r)) - 8;
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
            "the log is damaged: segment %08llu.log, offset %zu: records %llu to %s cannot be read",
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

/* There segments end with their records; the backup's list has their lengths. */
static bool in_backup(const Wal *w)
{
    char path[WAL_PATH_MAX];
    size_t len = strlen(w->dir);
    while (len && w->dir[len - 1] != '/')
        len--;
    snprintf(path, sizeof path, "%.*sbackup.manifest", (int)len, w->dir);
    return io_exists(w->o.io, path);
}

/* A file that was longer once has lost its end.  Whole records may be gone without a trace; what is left
 * is a prefix and is replayed, but not in silence. */
static bool check_length(const Wal *w, const WalSegment *s, Err *e)
{
    if (s->size >= s->want || (w->o.read_only && in_backup(w)))
        return true;
    err_set(e, ERR_DATA_CORRUPTED,
            "the log is damaged: segment %08llu.log is cut short: it has %lld of %lld bytes",
            (unsigned long long)s->file, (long long)s->size, (long long)s->want);
    if (w->o.inspect)
        return false;
    log_error("log", "%s; records that were acknowledged may be missing behind it", e->message);
    return true;
}

/* Reads one segment; limit: first LSN of the next segment, 0 if this is the last. */
static bool read_segment(WalReader *r, WalSegment *s, Lsn limit, Err *e)
{
    Image im;
    bool ok = false, end = false;
    if (!check_length(r->w, s, e) || !image_load(r->w, s, &im, e))
        return false;
    size_t at = WAL_HEADER_BYTES;
    while (!limit || r->next < limit) {
        bool good = record_at(&im, at, s, r->next, r->next) && im.ptr[at + 8] != WAL_MARK;
        if (!good) {
            if (!bad_record(r, s, &im, &at, !limit, &end, e))
                goto out;
            if (end)
                break;
            continue;
        }
        const uint8_t *rec = im.ptr + at;
        size_t len = wal_load32(rec);
        LogFrame f = {.type = rec[8], .flags = rec[9], .payload = {(const char *)rec + 32, len}};
        if (r->next > r->after && !r->each(r->arg, r->next, &f, e))
            goto out;
        r->w->now_ms = wal_record_ms(rec);
        r->next++;
        at += wal_record_size(len);
    }
    r->w->offset = s->used = (int64_t)at;
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
    while (begin > 0 && begin < n && w->archive && w->stale[begin - 1]->epoch &&
           w->stale[begin - 1]->epoch + 1 == w->stale[begin]->epoch &&
           !wal_archive_has(w, w->stale[begin - 1]->epoch))
        begin--; /* what the archive still waits for stays */
    for (size_t i = begin; i < n; i++) {
        if (i > begin && w->stale[i]->epoch != w->stale[i - 1]->epoch + 1) {
            err_set(e, ERR_DATA_CORRUPTED, "a log segment is missing: epoch %llu follows %llu",
                    (unsigned long long)w->stale[i]->epoch,
                    (unsigned long long)w->stale[i - 1]->epoch);
            if (!w->o.repair)
                return false;
            log_error("log", "repair: %s", e->message);
        }
        wal_segments_push(&w->live, &w->live_count, &w->live_cap, w->stale[i]);
    }
    w->stale_count = begin;
    return true;
}

/* What is no part of the chain becomes spare space, or goes. */
static void keep_stale(Wal *w)
{
    for (size_t i = 0; i < w->stale_count; i++) {
        WalSegment *s = w->stale[i];
        s->whole = true;
        if (w->spare_count < 1 && s->size >= WAL_SEGMENT_MIN && s->size <= WAL_SEGMENT_MAX)
            w->spares[w->spare_count++] = s;
        else
            wal_segment_delete(w, s);
    }
    w->stale_count = 0;
}

/* After kill -9 the log may be in the page cache only; what is made of it must not outlive it. */
static bool sync_live(Wal *w, Err *e)
{
    for (size_t i = 0; i < w->live_count; i++)
        if (!w->o.io->fdatasync(w->o.io, w->live[i]->fd, e))
            return false;
    return true;
}

bool wal_read(Wal *w, Lsn after, WalEach each, void *arg, Err *e)
{
    WalReader r = {.w = w, .after = after, .each = each, .arg = arg};
    if (!find_chain(w, after, e))
        return false;
    if (!w->o.read_only && !sync_live(w, e))
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
    for (size_t i = 0; i + 1 < w->live_count; i++)
        wal_archive_queue(w, w->live[i]);
    w->synced = w->last;
    w->ready = true;
    return true;
}

/* ---- segments by themselves ---- */

bool wal_segment_scan(const Io *io, const char *path, const WalLimit *limit, WalScan *out, Err *e)
{
    Wal w = {.o.io = io};
    WalSegment s = {0};
    Image im = {0};
    s.fd = io->open(io, path, IO_READ, e);
    if (s.fd < 0)
        return false;
    bool ok = (s.size = io->size(io, s.fd, e)) >= 0 && image_load(&w, &s, &im, e);
    if (ok && (im.size < WAL_HEADER_BYTES || !wal_header_decode(&s, im.ptr, e) || !s.epoch))
        ok = err_set(e, ERR_DATA_CORRUPTED, "\"%s\" is no log segment", path);
    *out =
        (WalScan){.epoch = s.epoch, .first = s.first_lsn, .last = s.first_lsn - 1, .size = s.want};
    size_t at = WAL_HEADER_BYTES;
    while (ok && record_at(&im, at, &s, out->last + 1, out->last + 1) &&
           im.ptr[at + 8] != WAL_MARK) {
        const uint8_t *rec = im.ptr + at;
        if (out->last + 1 > limit->lsn_max || wal_record_ms(rec) > limit->ms_max) {
            out->next_lsn = out->last + 1;
            out->next_ms = wal_record_ms(rec);
            break;
        }
        size_t len = wal_load32(rec);
        LogFrame f = {.type = rec[8], .flags = rec[9], .payload = {(const char *)rec + 32, len}};
        ok = !limit->each || limit->each(limit->arg, out->last + 1, &f, e);
        out->last++;
        out->last_ms = wal_record_ms(rec);
        at += wal_record_size(len);
    }
    out->bytes = (int64_t)at;
    if (im.ptr)
        image_drop(&w, &im);
    io->close(io, s.fd);
    return ok;
}
