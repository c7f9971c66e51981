/* store_local - the store seam over files of one directory:
 *
 *   format            kind, version, feature bits, id of the directory
 *   lock              locked while a process has the directory open; holds its pid
 *   CURRENT, MANIFEST-nnnnnn
 *   log/nnnnnnnn.log
 *   files/nnnnnn.skulk .series .catalog
 *   reserve           room that is given up when the disk is full
 *   orphans/          files that nobody knows */
#include "storage/store_private.h"

#include "base/hash.h"
#include "base/log.h"
#include "storage/engine.h"
#include <stdio.h>
#include <sys/stat.h>

enum { FORMAT_VERSION = 1, FORMAT_BYTES_MAX = 4096, FORMAT_CRC_BYTES = 16 /* the last line */ };
static const char format_kind[] = "skulk-data";

static void local_path(const LocalStore *ls, const char *name, char *path)
{
    snprintf(path, STORE_PATH_MAX, "%s/%s", ls->dir, name);
}

/* ---- format file ---- */

void local_format_text(Buf *b, uint64_t id)
{
    size_t begin = b->len;
    buf_printf(b, "%s\nversion %d\nrequired 0\noptional 0\nid %016llx\n", format_kind,
               FORMAT_VERSION, (unsigned long long)id);
    buf_printf(b, "crc32c %08x\n", crc32c(0, b->ptr + begin, b->len - begin));
}

/* Every version ends with the line of its checksum. */
static bool format_whole(const char *text)
{
    unsigned crc;
    size_t len = strlen(text), body = len - FORMAT_CRC_BYTES;
    return len > FORMAT_CRC_BYTES && text[len - 1] == '\n' &&
           sscanf(text + body, "crc32c %x", &crc) == 1 && crc == crc32c(0, text, body);
}

static bool format_parse(LocalStore *ls, const char *name, const char *text, Err *e)
{
    unsigned version, required, optional;
    unsigned long long id;
    int used = 0, end = 0;
    if (strncmp(text, "skulk-data\n", 11) != 0) {
        err_set(e, ERR_OBJECT_STATE,
                "\"%s\" is not a data directory of Skulk: \"%s\" starts with other words", ls->dir,
                name);
        return err_hint(e, "choose another --data-dir");
    }
    if (sscanf(text + 11, "version %u\nrequired %u\n%n", &version, &required, &used) != 2 || !used)
        return err_set(e, ERR_DATA_CORRUPTED, "\"%s/%s\" is damaged", ls->dir, name);
    if (version > FORMAT_VERSION || required)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "\"%s\" has data format %u (features %#x), this program reads up to %d",
                       ls->dir, version, required, FORMAT_VERSION);
    const char *rest = text + 11 + used;
    if (!format_whole(text) ||
        sscanf(rest, "optional %u\nid %llx\n%n", &optional, &id, &end) != 2 ||
        strlen(rest + end) != FORMAT_CRC_BYTES)
        return err_set(e, ERR_DATA_CORRUPTED, "\"%s/%s\" is damaged", ls->dir, name);
    ls->dir_id = id;
    return true;
}

static bool any_entry(void *arg, const char *name)
{
    (void)name;
    *(bool *)arg = true;
    return false;
}

/* What an interrupted first start may have left; data is not among it. */
static bool foreign_entry(void *arg, const char *name)
{
    static const char *const own[] = {"lock",
                                      "log",
                                      "files",
                                      "CURRENT",
                                      "orphans",
                                      "format.tmp",
                                      "CURRENT.tmp",
                                      "MANIFEST-000001",
                                      "MANIFEST-000001.copy",
                                      "format.copy.tmp",
                                      "format.copy"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    snprintf(arg, 256, "%s", name);
    return false;
}

/* No format file: only an empty directory may become ours. */
static bool may_create(LocalStore *ls, Err *e)
{
    char path[STORE_PATH_MAX], foreign[256] = "";
    const char *sub[] = {"log", "files"};
    Err missing;
    if (!ls->io->list(ls->io, ls->dir, foreign_entry, foreign, e))
        return false;
    if (foreign[0]) {
        err_set(e, ERR_OBJECT_STATE, "\"%s\" is not a data directory of Skulk: it holds \"%s\"",
                ls->dir, foreign);
        return err_hint(e, "choose an empty or new directory as --data-dir");
    }
    for (int i = 0; i < 2; i++) {
        bool any = false;
        local_path(ls, sub[i], path);
        if (ls->io->list(ls->io, path, any_entry, &any, &missing) && any)
            return err_set(e, ERR_DATA_CORRUPTED,
                           "\"%s\" has no format file, but \"%s\" is not empty", ls->dir, sub[i]);
    }
    return true;
}

static const char *const format_names[2] = {"format", "format.copy"};

/* newer: it is whole, so its copy says the same. */
static bool format_read(LocalStore *ls, int copy, bool *newer, Err *e)
{
    char path[STORE_PATH_MAX];
    Buf text = {0};
    local_path(ls, format_names[copy], path);
    bool ok = io_read_file(ls->io, path, FORMAT_BYTES_MAX, &text, e);
    buf_put_u8(&text, 0);
    *newer = false;
    if (ok && !format_parse(ls, format_names[copy], text.ptr, e)) {
        *newer = e->code == ERR_FEATURE_NOT_SUPPORTED && format_whole(text.ptr);
        ok = false;
    }
    buf_free(&text);
    return ok;
}

/* `format` comes last: what has it is whole. */
static bool format_write(LocalStore *ls, Err *e)
{
    Buf b = {0};
    local_format_text(&b, ls->dir_id);
    bool ok = io_replace_file(ls->io, ls->dir, format_names[1], buf_slice(&b), e) &&
              io_replace_file(ls->io, ls->dir, format_names[0], buf_slice(&b), e);
    buf_free(&b);
    return ok;
}

/* *mend: one of the two files is to be written again. */
/* The other one is good, so what this one says is damage, whatever it looks like. */
static void format_is_worn(LocalStore *ls, int copy, const Err *why)
{
    ls->format_worn = *why;
    if (why->code == ERR_FEATURE_NOT_SUPPORTED || why->code == ERR_OBJECT_STATE)
        err_set(&ls->format_worn, ERR_DATA_CORRUPTED, "\"%s/%s\" is damaged", ls->dir,
                format_names[copy]);
}

static bool format_check(LocalStore *ls, bool *fresh, bool *mend, Err *e)
{
    Err second;
    bool newer, ignored, ok = format_read(ls, 0, &newer, e);
    *fresh = false;
    *mend = false;
    if (ok) {
        *mend = !format_read(ls, 1, &ignored, &second);
        if (*mend && second.code != ERR_UNDEFINED_FILE)
            format_is_worn(ls, 1, &second);
    } else if (!newer && format_read(ls, 1, &ignored, &second)) {
        format_is_worn(ls, 0, e);
        log_error("store", "%s; its copy is used", ls->format_worn.message);
        ok = *mend = true;
    } else if (e->code == ERR_UNDEFINED_FILE) {
        if (ls->flags & ENGINE_CREATE && !(ls->flags & ENGINE_READ_ONLY))
            ok = *fresh = may_create(ls, e);
        else
            err_set(e, ERR_UNDEFINED_FILE, "\"%s\" is not a data directory of Skulk", ls->dir);
    }
    return ok;
}

/* ---- open, close ---- */

static bool local_lock(LocalStore *ls, Err *e)
{
    char path[STORE_PATH_MAX];
    int64_t pid;
    local_path(ls, "lock", path);
    int flags = ls->flags & ENGINE_READ_ONLY ? IO_READ | IO_WRITE : IO_READ | IO_WRITE | IO_CREATE;
    ls->lock_fd = ls->io->open(ls->io, path, flags, e);
    if (ls->lock_fd < 0) /* a copy on a read-only medium has no writer */
        return ls->flags & ENGINE_READ_ONLY;
    return ls->io->lock(ls->io, ls->lock_fd, &pid, e) ||
           err_wrap(e, "data directory \"%s\" is in use", ls->dir);
}

/* The name of the data directory itself. */
static bool sync_parent(LocalStore *ls, Err *e)
{
    char parent[STORE_PATH_MAX];
    snprintf(parent, sizeof parent, "%s/..", ls->dir);
    return ls->io->fsync_dir(ls->io, parent, e);
}

static bool make_dirs(LocalStore *ls, Err *e)
{
    static const char *const names[] = {"log", "files"};
    char path[STORE_PATH_MAX];
    for (int i = 0; i < 2; i++) {
        local_path(ls, names[i], path);
        if (!ls->io->mkdir(ls->io, path, e))
            return false;
    }
    return ls->io->fsync_dir(ls->io, ls->dir, e) && sync_parent(ls, e);
}

/* A process that was killed may have left names that we see but a power cut would take back; what is
 * acknowledged from now on builds on them. */
static bool sync_names(LocalStore *ls, Err *e)
{
    char log_dir[STORE_PATH_MAX], file_dir[STORE_PATH_MAX];
    local_path(ls, "log", log_dir);
    local_path(ls, "files", file_dir);
    return ls->io->fsync_dir(ls->io, ls->dir, e) && ls->io->fsync_dir(ls->io, log_dir, e) &&
           ls->io->fsync_dir(ls->io, file_dir, e);
}

static bool local_open_parts(LocalStore *ls, Err *e)
{
    char log_dir[STORE_PATH_MAX];
    const Clock *clock = ls->sched ? sched_clock(ls->sched) : &clock_real;
    bool fresh, mend;
    bool read_only = ls->flags & ENGINE_READ_ONLY;
    if (ls->flags & ENGINE_CREATE && !read_only && !ls->io->mkdir(ls->io, ls->dir, e))
        return false;
    if (!format_check(ls, &fresh, &mend, e))
        return false;
    if (!local_lock(ls, e) || (fresh && !make_dirs(ls, e)) || (!read_only && !sync_names(ls, e)))
        return false;
    if (!mf_open(&ls->mf, ls->io, ls->dir, fresh, read_only, e))
        return false;
    if (fresh)
        ls->dir_id = clock->random(clock);
    if ((fresh || (mend && !read_only)) && !format_write(ls, e))
        return false;
    ls->base.worn = ls->format_worn.code != ERR_OK ? &ls->format_worn : mf_worn(ls->mf);
    local_path(ls, "log", log_dir);
    WalOptions o = {.io = ls->io,
                    .dir = log_dir,
                    .salt = ls->dir_id,
                    .clock = clock,
                    .read_only = read_only,
                    .repair = ls->flags & ENGINE_REPAIR};
    return wal_open(&ls->wal, &o, e);
}

static void local_close(Store *s)
{
    LocalStore *ls = local(s);
    local_spares_stop(ls);
    wal_close(ls->wal);
    mf_close(ls->mf);
    local_blobs_close(ls);
    if (ls->lock_fd >= 0)
        ls->io->close(ls->io, ls->lock_fd);
    lane_destroy(&ls->log_lane);
    lane_destroy(&ls->manifest_lane);
    mutex_destroy(&ls->blob_mutex);
    mem_free(ls->dir);
    mem_free(ls);
}

static bool local_log_read(Store *s, Lsn after,
                           bool (*each)(void *arg, Lsn lsn, const LogFrame *f, Err *e), void *arg,
                           Err *e)
{
    LocalStore *ls = local(s);
    if (!wal_read(ls->wal, after, each, arg, e))
        return false;
    if (!(ls->flags & ENGINE_READ_ONLY))
        local_spares_start(ls);
    return true;
}

static bool local_manifest_read(Store *s, bool (*each)(void *arg, Slice edit, Err *e), void *arg,
                                Err *e)
{
    return mf_read(local(s)->mf, each, arg, e);
}

static bool local_lease(Store *s, uint64_t *epoch, Err *e)
{
    LocalStore *ls = local(s);
    bool ok = ls->flags & ENGINE_READ_ONLY || mf_raise_epoch(ls->mf, e);
    *epoch = ls->epoch = mf_epoch(ls->mf);
    return ok;
}

static uint64_t local_watch(Store *s)
{
    return mf_version(local(s)->mf);
}

static int64_t local_time_ns(Store *s)
{
    const Clock *clock = local(s)->sched ? sched_clock(local(s)->sched) : &clock_real;
    return clock->wall_ns(clock);
}

/* ---- what is in the directory ---- */

typedef struct NameList {
    Buf text; /* names, each ended by NUL */
} NameList;

static bool collect_name(void *arg, const char *name)
{
    buf_put(&((NameList *)arg)->text, name, strlen(name) + 1);
    return true;
}

static bool to_orphans(LocalStore *ls, const char *name, Err *e)
{
    char from[STORE_PATH_MAX + 300], to[STORE_PATH_MAX + 300], dir[STORE_PATH_MAX];
    local_path(ls, "orphans", dir);
    snprintf(from, sizeof from, "%s/files/%s", ls->dir, name);
    snprintf(to, sizeof to, "%s/%s", dir, name);
    log_warn("store", "unknown file \"%s\" is moved to \"%s\"", from, dir);
    return ls->io->mkdir(ls->io, dir, e) && ls->io->rename(ls->io, from, to, e);
}

static bool is_tmp(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".tmp") == 0;
}

static bool local_blob_sweep(Store *s, BlobFate (*fate)(void *arg, BlobId id), void *arg, Err *e)
{
    LocalStore *ls = local(s);
    char dir[STORE_PATH_MAX], path[STORE_PATH_MAX + 300];
    NameList names = {0};
    bool ok;
    local_path(ls, "files", dir);
    ok = ls->io->list(ls->io, dir, collect_name, &names, e);
    for (size_t at = 0; ok && at < names.text.len; at += strlen(names.text.ptr + at) + 1) {
        const char *name = names.text.ptr + at;
        BlobId id;
        BlobFate f = is_tmp(name)                  ? BLOB_DELETE
                     : local_blob_parse(name, &id) ? fate(arg, id)
                                                   : BLOB_ORPHAN;
        snprintf(path, sizeof path, "%s/%s", dir, name);
        if (f == BLOB_DELETE)
            ok = ls->io->unlink(ls->io, path, e);
        else if (f == BLOB_ORPHAN)
            ok = to_orphans(ls, name, e);
    }
    buf_free(&names.text);
    return ok;
}

/* Sizes as du counts them; the simulator's files have no blocks, so their length it is. */
static int64_t disk_bytes(const LocalStore *ls, const char *path)
{
    struct stat st;
    Err e;
    if (ls->io == &io_real)
        return lstat(path, &st) == 0 ? (int64_t)st.st_blocks * 512 : 0;
    int fd = ls->io->open(ls->io, path, IO_READ, &e);
    if (fd < 0)
        return 0;
    int64_t size = ls->io->size(ls->io, fd, &e);
    ls->io->close(ls->io, fd);
    return size > 0 ? (size + 4095) & ~INT64_C(4095) : 0;
}

static int64_t *usage_of(StoreUsage *u, const char *sub, const char *name)
{
    BlobId id;
    if (strcmp(sub, "log") == 0)
        return &u->log;
    if (strcmp(sub, "files") == 0 && local_blob_parse(name, &id))
        return &u->blobs[blob_kind(id)];
    if (!*sub && strcmp(name, "reserve") == 0)
        return &u->reserve;
    if (!*sub && (strncmp(name, "MANIFEST-", 9) == 0 || strcmp(name, "CURRENT") == 0))
        return &u->manifest;
    return &u->other;
}

static bool add_usage(LocalStore *ls, const char *sub, StoreUsage *u, Err *e)
{
    char dir[STORE_PATH_MAX], path[STORE_PATH_MAX + 300];
    NameList names = {0};
    snprintf(dir, sizeof dir, "%s%s%s", ls->dir, *sub ? "/" : "", sub);
    if (!ls->io->list(ls->io, dir, collect_name, &names, e)) {
        buf_free(&names.text);
        return false;
    }
    u->other += disk_bytes(ls, dir);
    for (size_t at = 0; at < names.text.len; at += strlen(names.text.ptr + at) + 1) {
        const char *name = names.text.ptr + at;
        bool is_dir = !*sub && (strcmp(name, "log") == 0 || strcmp(name, "files") == 0 ||
                                strcmp(name, "orphans") == 0);
        snprintf(path, sizeof path, "%s/%s", dir, name);
        if (!is_dir)
            *usage_of(u, sub, name) += disk_bytes(ls, path);
    }
    buf_free(&names.text);
    return true;
}

static bool local_usage(Store *s, StoreUsage *out, Err *e)
{
    LocalStore *ls = local(s);
    char orphans[STORE_PATH_MAX];
    Err ignored;
    *out = (StoreUsage){0};
    local_path(ls, "orphans", orphans);
    if (!add_usage(ls, "", out, e) || !add_usage(ls, "log", out, e) ||
        !add_usage(ls, "files", out, e))
        return false;
    if (io_exists(ls->io, orphans) && !add_usage(ls, "orphans", out, &ignored))
        return true; /* it may just have been removed */
    return true;
}

static void local_log_state(Store *s, LogState *out)
{
    wal_state(local(s)->wal, out);
}

static bool local_reserve(Store *s, int64_t bytes, Err *e)
{
    LocalStore *ls = local(s);
    const Io *io = ls->io;
    char path[STORE_PATH_MAX];
    Err ignored;
    local_path(ls, "reserve", path);
    atomic_store(&ls->lean, bytes == 0);
    if (!bytes)
        return !io_exists(io, path) || io->unlink(io, path, e);
    int fd = io->open(io, path, IO_READ | IO_WRITE | IO_CREATE, e);
    bool ok = fd >= 0 && io->allocate(io, fd, bytes, e);
    if (fd >= 0)
        io->close(io, fd);
    if (!ok && fd >= 0)
        io->unlink(io, path, &ignored);
    atomic_store(&ls->lean, !ok);
    return ok;
}

static const StoreOps local_ops = {
    .name = "local",
    .log_append = local_log_append,
    .log_read = local_log_read,
    .log_recycle = local_log_recycle,
    .blob_put = local_blob_put,
    .blob_pin = local_blob_pin,
    .blob_unpin = local_blob_unpin,
    .blob_prefetch = local_blob_prefetch,
    .blob_drop = local_blob_drop,
    .commit = local_commit,
    .manifest_read = local_manifest_read,
    .lease = local_lease,
    .watch = local_watch,
    .time_ns = local_time_ns,
    .close = local_close,
    .commit_snapshot = local_commit_snapshot,
    .blob_sweep = local_blob_sweep,
    .usage = local_usage,
    .log_state = local_log_state,
    .reserve = local_reserve,
    .log_position = local_log_position,
    .blob_name = local_blob_name,
    .blob_abort = local_blob_abort,
};

bool store_local_archive(Store *s, const char *dir, int64_t hold_max, Err *e)
{
    LocalStore *ls = local(s);
    if (!ls->io->mkdir(ls->io, dir, e))
        return err_wrap(e, "the archive of log segments");
    wal_archive_to(ls->wal, dir, hold_max);
    return true;
}

bool store_local_open(Store **out, const char *dir, int flags, const Io *io, Sched *sched, Err *e)
{
    LocalStore *ls = MEM_NEW(LocalStore);
    ls->base.ops = &local_ops;
    ls->base.mapped = !(flags & ENGINE_PREAD);
    ls->io = io ? io : &io_real;
    ls->sched = sched;
    ls->dir = mem_strdup(slice_cstr(dir));
    ls->flags = flags;
    ls->lock_fd = -1;
    lane_init(&ls->log_lane);
    lane_init(&ls->manifest_lane);
    mutex_init(&ls->blob_mutex, RANK_FILE);
    if (!local_open_parts(ls, e)) {
        local_close(&ls->base);
        return false;
    }
    *out = &ls->base;
    return true;
}
