/* Verifying and restoring backups, with archived log segments up to a point in time. */
#include "storage/backup_private.h"

#include "storage/engine_private.h"
#include "storage/store_private.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct LogSource { /* a segment that may be part of the result */
    char path[BACKUP_PATH_MAX];
    WalScan scan; /* without limit */
} LogSource;

typedef struct Restore {
    const RestoreSpec *spec;
    BackupInfo info;
    LogSource *logs; /* by epoch once sorted */
    size_t count, cap;
    uint8_t *piece;
    Lsn last; /* of the result */
    int64_t last_ms;
    bool seen; /* a record within the limits that the backup's files do not go beyond */
} Restore;

/* ---- files ---- */

/* Reads `bytes` bytes, copies them if `to` is given; what the checksum of all is. */
static bool copy_file(const Io *io, const char *from, const char *to, uint64_t bytes,
                      uint8_t *piece, uint32_t *crc, Err *e)
{
    int in = io->open(io, from, IO_READ, e);
    if (in < 0)
        return false;
    int out = to ? io->open(io, to, IO_WRITE | IO_CREATE | IO_EXCL, e) : -1;
    bool ok = !to || out >= 0;
    *crc = 0;
    for (uint64_t at = 0; ok && at < bytes;) {
        size_t n = bytes - at < BACKUP_PIECE ? (size_t)(bytes - at) : BACKUP_PIECE;
        int64_t got = io->pread(io, in, piece, n, (int64_t)at, e);
        ok = got == (int64_t)n ||
             (got >= 0 && err_set(e, ERR_DATA_CORRUPTED, "\"%s\" is cut short", from));
        ok = ok && (!to || io->pwrite_all(io, out, piece, n, (int64_t)at, e));
        if (ok)
            *crc = crc32c(*crc, piece, n);
        at += n;
    }
    ok = ok && (!to || io->fdatasync(io, out, e));
    if (out >= 0)
        io->close(io, out);
    io->close(io, in);
    return ok;
}

static bool check_entry(const Io *io, const char *dir, const BackupEntry *entry, const char *to,
                        uint8_t *piece, Err *e)
{
    char from[BACKUP_PATH_MAX];
    uint32_t crc;
    snprintf(from, sizeof from, "%s/%s", dir, entry->name);
    int fd = io->open(io, from, IO_READ, e);
    if (fd < 0)
        return false;
    int64_t size = io->size(io, fd, e);
    io->close(io, fd);
    if (size < 0)
        return false;
    if ((uint64_t)size != entry->bytes)
        return err_set(e, ERR_DATA_CORRUPTED, "\"%s\" has %lld bytes instead of %llu", from,
                       (long long)size, (unsigned long long)entry->bytes);
    if (!copy_file(io, from, to, entry->bytes, piece, &crc, e))
        return false;
    return crc == entry->crc || err_set(e, ERR_DATA_CORRUPTED, "\"%s\" has a wrong checksum", from);
}

/* ---- verify ---- */

typedef struct Verify {
    const Io *io;
    const char *dir;
    uint8_t *piece;
} Verify;

static bool verify_entry(void *arg, const BackupEntry *entry, Err *e)
{
    const Verify *v = arg;
    return check_entry(v->io, v->dir, entry, NULL, v->piece, e);
}

bool backup_verify(const Io *io, const char *dir, BackupInfo *info, Err *e)
{
    Verify v = {.io = io, .dir = dir, .piece = mem_alloc(BACKUP_PIECE)};
    bool ok = backup_list(io, dir, info, verify_entry, &v, e);
    mem_free(v.piece);
    return ok;
}

/* ---- restore: which log segments ---- */

static const WalLimit no_limit = {.lsn_max = UINT64_MAX, .ms_max = INT64_MAX};

/* Of two with one epoch the longer one counts: the archive's is whole, the backup's may be a begin. */
static bool add_log(Restore *r, const char *path, Err *e)
{
    WalScan scan;
    if (!wal_segment_scan(r->spec->io, path, &no_limit, &scan, e))
        return false;
    size_t i = 0;
    while (i < r->count && r->logs[i].scan.epoch != scan.epoch)
        i++;
    if (i < r->count && r->logs[i].scan.bytes >= scan.bytes)
        return true;
    if (i == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 16;
        r->logs = mem_realloc(r->logs, r->cap * sizeof *r->logs);
    }
    r->count += i == r->count;
    r->logs[i].scan = scan;
    snprintf(r->logs[i].path, BACKUP_PATH_MAX, "%s", path);
    return true;
}

static bool restore_entry(void *arg, const BackupEntry *entry, Err *e)
{
    Restore *r = arg;
    const RestoreSpec *s = r->spec;
    char path[BACKUP_PATH_MAX];
    if (strncmp(entry->name, "log/", 4) != 0) {
        snprintf(path, sizeof path, "%s/%s", s->target, entry->name);
        return check_entry(s->io, s->backup, entry, path, r->piece, e);
    }
    snprintf(path, sizeof path, "%s/%s", s->backup, entry->name);
    return check_entry(s->io, s->backup, entry, NULL, r->piece, e) && add_log(r, path, e);
}

typedef struct ArchiveList {
    uint64_t id;
    Buf epochs; /* uint64_t */
} ArchiveList;

static bool archive_entry(void *arg, const char *name)
{
    ArchiveList *l = arg;
    unsigned long long id, epoch;
    char same[64];
    if (sscanf(name, "%16llx-%llu.log", &id, &epoch) != 2 || id != l->id)
        return true;
    wal_archive_name(same, sizeof same, id, epoch);
    uint64_t e64 = epoch;
    if (strcmp(same, name) == 0) /* not a *.tmp */
        buf_put(&l->epochs, &e64, sizeof e64);
    return true;
}

static bool add_archive(Restore *r, Err *e)
{
    const RestoreSpec *s = r->spec;
    ArchiveList l = {.id = r->info.id};
    if (!s->archive)
        return true;
    bool ok = s->io->list(s->io, s->archive, archive_entry, &l, e);
    const uint64_t *epochs = (const uint64_t *)(void *)l.epochs.ptr;
    for (size_t i = 0; ok && i < l.epochs.len / sizeof *epochs; i++) {
        char name[64], path[BACKUP_PATH_MAX];
        wal_archive_name(name, sizeof name, l.id, epochs[i]);
        snprintf(path, sizeof path, "%s/%s", s->archive, name);
        ok = add_log(r, path, e);
    }
    buf_free(&l.epochs);
    return ok;
}

static int by_epoch(const void *a, const void *b)
{
    uint64_t x = ((const LogSource *)a)->scan.epoch, y = ((const LogSource *)b)->scan.epoch;
    return (x > y) - (x < y);
}

/* ---- restore: laying the log ---- */

/* A large transaction is in files that its records name; the archive has no files, the backup only
 * those of before (docs/decisions/007).  Better told now than by the server's start. */
static bool named_file(void *arg, Lsn lsn, const LogFrame *f, Err *e)
{
    const Restore *r = arg;
    const RestoreSpec *s = r->spec;
    char path[BACKUP_PATH_MAX];
    ManifestPart part;
    if (f->type != REC_FILE || lsn <= r->info.covered)
        return true;
    if (!manifest_one_part(&part, f->payload, e))
        return false;
    snprintf(path, sizeof path, "%s/files/%06llu.skulk", s->target,
             (unsigned long long)part.number);
    if (io_exists(s->io, path))
        return true;
    err_set(e, ERR_OBJECT_STATE,
            "log record %llu is of a large transaction whose rows are in neither backup nor "
            "archive: the archive was begun after it",
            (unsigned long long)lsn);
    return err_hint(e,
                    "restore a backup that was made after it, or give --until-lsn %llu to restore "
                    "what is before it",
                    (unsigned long long)lsn - 1);
}

/* A segment in use has room behind its records; its header says how much. */
static bool pad_segment(const Io *io, const char *path, int64_t size, Err *e)
{
    int fd = io->open(io, path, IO_READ | IO_WRITE, e);
    if (fd < 0)
        return false;
    int64_t now = io->size(io, fd, e);
    bool ok =
        now >= 0 && (now >= size || (io->truncate(io, fd, size, e) && io->fdatasync(io, fd, e)));
    io->close(io, fd);
    return ok;
}

static bool lay_segment(Restore *r, const LogSource *l, size_t number, bool *end, Err *e)
{
    const RestoreSpec *s = r->spec;
    WalLimit limit = {.lsn_max = s->until_lsn,
                      .ms_max =
                          s->until_ns == INT64_MAX ? INT64_MAX : floor_div(s->until_ns, NS_PER_MS),
                      .each = named_file,
                      .arg = r};
    char name[64], to[BACKUP_PATH_MAX];
    WalScan cut;
    uint32_t crc;
    if (!wal_segment_scan(s->io, l->path, &limit, &cut, e))
        return false;
    wal_segment_name(name, sizeof name, number);
    snprintf(to, sizeof to, "%s/log/%s", s->target, name);
    if (!copy_file(s->io, l->path, to, (uint64_t)cut.bytes, r->piece, &crc, e) ||
        !pad_segment(s->io, to, cut.size, e))
        return false;
    r->last = cut.last;
    if (cut.last >= cut.first) {
        r->last_ms = cut.last_ms;
        r->seen |= cut.last >= r->info.covered;
    }
    *end = cut.next_lsn != 0;
    return true;
}

static bool gap(const Restore *r, Err *e)
{
    err_set(e, ERR_OBJECT_STATE, "the log has a gap behind record %llu",
            (unsigned long long)r->last);
    return err_hint(e,
                    "give --until-lsn %llu to restore what is before it, or an archive that has "
                    "the missing segment",
                    (unsigned long long)r->last);
}

static bool lay_log(Restore *r, Err *e)
{
    bool end = false;
    size_t number = 0, begin = 0;
    if (r->count)
        qsort(r->logs, r->count, sizeof *r->logs, by_epoch);
    /* The last segment that begins at or before the first record that is needed. */
    for (size_t i = 0; i < r->count; i++)
        if (r->logs[i].scan.first <= r->info.covered + 1)
            begin = i;
    r->last = r->info.covered;
    r->last_ms = r->info.last_ms;
    for (size_t i = begin; i < r->count && !end; i++) {
        if (i > begin && r->last >= r->spec->until_lsn)
            break;
        const WalScan *scan = &r->logs[i].scan;
        bool follows =
            i == begin ? scan->first <= r->info.covered + 1
                       : scan->first == r->last + 1 && scan->epoch == r->logs[i - 1].scan.epoch + 1;
        if (!follows)
            return gap(r, e);
        if (!lay_segment(r, &r->logs[i], ++number, &end, e))
            return false;
    }
    return true;
}

/* The point asked for must lie between what the files have and the end of the log. */
static bool check_reached(const Restore *r, Err *e)
{
    const RestoreSpec *s = r->spec;
    bool timed = s->until_ns != INT64_MAX;
    bool late = r->last < r->info.covered || s->until_lsn < r->info.covered;
    if (timed && !r->seen)
        late |= r->last > r->info.covered || !r->info.last_ms || r->info.last != r->info.covered ||
                r->info.last_ms > floor_div(s->until_ns, NS_PER_MS);
    if (late) {
        err_set(e, ERR_OBJECT_STATE,
                "the files of the backup hold records later than that, up to %llu",
                (unsigned long long)r->info.covered);
        return err_hint(e, "restore an older backup");
    }
    if (s->until_lsn != UINT64_MAX && r->last < s->until_lsn && !timed) {
        err_set(e, ERR_OBJECT_STATE, "the log ends with record %llu, before the one asked for",
                (unsigned long long)r->last);
        return err_hint(e, "give the archive of the log segments, or an earlier record");
    }
    return true;
}

static bool write_format(const RestoreSpec *s, Err *e)
{
    Buf b = {0};
    local_format_text(&b, s->clock->random(s->clock));
    bool ok = io_replace_file(s->io, s->target, "format", buf_slice(&b), e);
    buf_free(&b);
    return ok;
}

bool backup_restore(const RestoreSpec *spec, BackupInfo *info, Err *e)
{
    Restore r = {.spec = spec, .piece = mem_alloc(BACKUP_PIECE)};
    bool ok = strlen(spec->target) <= BACKUP_DIR_MAX ||
              err_set(e, ERR_PROGRAM_LIMIT, "the path of the target is too long");
    ok = ok && backup_make_dirs(spec->io, spec->target, e) &&
         backup_list(spec->io, spec->backup, &r.info, restore_entry, &r, e) && add_archive(&r, e) &&
         lay_log(&r, e) && check_reached(&r, e) && backup_sync_dirs(spec->io, spec->target, e) &&
         write_format(spec, e);
    *info = r.info;
    info->last = r.last;
    info->last_ms = r.last_ms;
    mem_free(r.logs);
    mem_free(r.piece);
    return ok || err_wrap(e, "restore of \"%s\"", spec->backup);
}
