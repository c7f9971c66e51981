/* Writing a backup, and its list of files. */
#include "storage/backup_private.h"

#include "storage/manifest_file.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct BackupFile {
    char *name;
    uint64_t bytes, at; /* at: copied so far */
    uint32_t crc;
    bool link, linked;
    int in, out; /* while it is being copied */
} BackupFile;

struct BackupWriter {
    const Io *io;
    char *source, *target;
    BackupFile *files;
    size_t count, cap, current;
    uint8_t *piece;
};

/* ---- paths ---- */

static bool any_entry(void *arg, const char *name)
{
    (void)name;
    *(bool *)arg = true;
    return false;
}

bool backup_make_dirs(const Io *io, const char *dir, Err *e)
{
    char path[BACKUP_PATH_MAX];
    bool any = false;
    if (!io->mkdir(io, dir, e) || !io->list(io, dir, any_entry, &any, e))
        return false;
    if (any) {
        err_set(e, ERR_OBJECT_STATE, "\"%s\" is not empty", dir);
        return err_hint(e, "name a new or an empty directory");
    }
    snprintf(path, sizeof path, "%s/files", dir);
    if (!io->mkdir(io, path, e))
        return false;
    snprintf(path, sizeof path, "%s/log", dir);
    return io->mkdir(io, path, e);
}

bool backup_sync_dirs(const Io *io, const char *dir, Err *e)
{
    static const char *const subs[] = {"", "/files", "/log", "/.."};
    char path[BACKUP_PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(subs); i++) {
        snprintf(path, sizeof path, "%s%s", dir, subs[i]);
        if (!io->fsync_dir(io, path, e))
            return false;
    }
    return true;
}

/* ---- writing ---- */

bool backup_begin(BackupWriter **out, const Io *io, const char *source, const char *target, Err *e)
{
    if (strlen(source) > BACKUP_DIR_MAX || strlen(target) > BACKUP_DIR_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT, "the path of the backup is too long");
    if (!backup_make_dirs(io, target, e))
        return false;
    BackupWriter *b = MEM_NEW(BackupWriter);
    b->io = io;
    b->source = mem_strdup(slice_cstr(source));
    b->target = mem_strdup(slice_cstr(target));
    b->piece = mem_alloc(BACKUP_PIECE);
    *out = b;
    return true;
}

void backup_add(BackupWriter *b, const char *name, uint64_t bytes, bool link)
{
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 64;
        b->files = mem_realloc(b->files, b->cap * sizeof *b->files);
    }
    b->files[b->count++] = (BackupFile){
        .name = mem_strdup(slice_cstr(name)), .bytes = bytes, .link = link, .in = -1, .out = -1};
}

static void file_close(BackupWriter *b, BackupFile *f)
{
    if (f->in >= 0)
        b->io->close(b->io, f->in);
    if (f->out >= 0)
        b->io->close(b->io, f->out);
    f->in = f->out = -1;
}

void backup_close(BackupWriter *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++) {
        file_close(b, &b->files[i]);
        mem_free(b->files[i].name);
    }
    mem_free(b->files);
    mem_free(b->piece);
    mem_free(b->source);
    mem_free(b->target);
    mem_free(b);
}

static bool file_open(BackupWriter *b, BackupFile *f, Err *e)
{
    char from[BACKUP_PATH_MAX], to[BACKUP_PATH_MAX];
    snprintf(from, sizeof from, "%s/%s", b->source, f->name);
    snprintf(to, sizeof to, "%s/%s", b->target, f->name);
    f->in = b->io->open(b->io, from, IO_READ, e);
    if (f->in < 0)
        return false;
    f->linked = f->link && b->io->link(b->io, from, to, e);
    if (f->linked)
        return true;
    if (f->link && e->code != ERR_FEATURE_NOT_SUPPORTED)
        return false;
    f->out = b->io->open(b->io, to, IO_WRITE | IO_CREATE | IO_EXCL, e);
    return f->out >= 0;
}

/* One piece: read, sum, and write unless it is linked. */
static bool file_step(BackupWriter *b, BackupFile *f, Err *e)
{
    uint64_t left = f->bytes - f->at;
    size_t n = left < BACKUP_PIECE ? (size_t)left : BACKUP_PIECE;
    int64_t got = b->io->pread(b->io, f->in, b->piece, n, (int64_t)f->at, e);
    if (got < 0)
        return false;
    if (got != (int64_t)n)
        return err_set(e, ERR_DATA_CORRUPTED, "\"%s\" is cut short", f->name);
    f->crc = crc32c(f->crc, b->piece, n);
    if (!f->linked) {
        if (!b->io->pwrite_all(b->io, f->out, b->piece, n, (int64_t)f->at, e))
            return false;
        b->io->start_write(b->io, f->out, (int64_t)f->at, (int64_t)n);
    }
    f->at += n;
    return true;
}

bool backup_step(BackupWriter *b, bool *done, Err *e)
{
    *done = b->current == b->count;
    if (*done)
        return true;
    BackupFile *f = &b->files[b->current];
    if (f->in < 0 && !file_open(b, f, e))
        return false;
    if (f->at < f->bytes)
        return file_step(b, f, e);
    if (!f->linked && !b->io->fdatasync(b->io, f->out, e))
        return false;
    file_close(b, f);
    b->current++;
    return true;
}

/* A small file that is written here and belongs to the backup. */
static bool add_written(BackupWriter *b, const char *name, Err *e)
{
    char path[BACKUP_PATH_MAX];
    Buf bytes = {0};
    snprintf(path, sizeof path, "%s/%s", b->target, name);
    bool ok = io_read_file(b->io, path, BACKUP_MANIFEST_MAX, &bytes, e);
    if (ok) {
        backup_add(b, name, bytes.len, false);
        b->files[b->count - 1].crc = crc32c(0, bytes.ptr, bytes.len);
    }
    buf_free(&bytes);
    return ok;
}

static bool write_manifest(BackupWriter *b, Slice edit, Err *e)
{
    ManifestFile *mf;
    if (!mf_open(&mf, b->io, b->target, true, false, e))
        return false;
    bool ok = mf_append(mf, edit, e);
    mf_close(mf);
    return ok && add_written(b, "MANIFEST-000001", e) &&
           add_written(b, "MANIFEST-000001.copy", e) && add_written(b, "CURRENT", e);
}

static bool write_list(BackupWriter *b, BackupInfo *info, Err *e)
{
    Buf t = {0};
    buf_printf(&t, "%s\nversion %d\nrequired 0\nid %016llx\n", backup_kind, BACKUP_VERSION,
               (unsigned long long)info->id);
    buf_printf(&t, "began %lld\ncovered %llu\nlast %llu\ntime %lld\n", (long long)info->began_ns,
               (unsigned long long)info->covered, (unsigned long long)info->last,
               (long long)info->last_ms);
    info->files = b->count;
    info->bytes = 0;
    for (size_t i = 0; i < b->count; i++) {
        const BackupFile *f = &b->files[i];
        info->bytes += f->bytes;
        buf_printf(&t, "file %llu %08x %s\n", (unsigned long long)f->bytes, f->crc, f->name);
    }
    buf_printf(&t, "crc32c %08x\n", crc32c(0, t.ptr, t.len));
    bool ok = io_replace_file(b->io, b->target, BACKUP_LIST, buf_slice(&t), e);
    buf_free(&t);
    return ok;
}

bool backup_finish(BackupWriter *b, Slice edit, BackupInfo *info, Err *e)
{
    char path[BACKUP_PATH_MAX];
    Buf format = {0};
    unsigned long long id = 0;
    snprintf(path, sizeof path, "%s/format", b->source);
    bool ok = io_read_file(b->io, path, BACKUP_MANIFEST_MAX, &format, e);
    buf_put_u8(&format, 0);
    const char *at = ok ? strstr(format.ptr, "\nid ") : NULL;
    if (ok && (!at || sscanf(at, "\nid %llx\n", &id) != 1))
        ok = err_set(e, ERR_DATA_CORRUPTED, "\"%s\" is damaged", path);
    info->id = id;
    format.len--;
    ok = ok && write_manifest(b, edit, e) && backup_sync_dirs(b->io, b->target, e) &&
         write_list(b, info, e) &&
         io_replace_file(b->io, b->target, "format", buf_slice(&format), e);
    buf_free(&format);
    return ok;
}

/* ---- the list ---- */

static bool list_damaged(const char *path, Err *e)
{
    return err_set(e, ERR_DATA_CORRUPTED, "\"%s\" is damaged", path);
}

/* The text up to its own checksum, which must be right. */
static bool list_read(const Io *io, const char *dir, Buf *text, Err *e)
{
    char path[BACKUP_PATH_MAX];
    unsigned crc;
    int n = 0;
    snprintf(path, sizeof path, "%s/" BACKUP_LIST, dir);
    if (!io_read_file(io, path, BACKUP_MANIFEST_MAX, text, e)) {
        if (e->code != ERR_UNDEFINED_FILE)
            return false;
        return err_set(e, ERR_OBJECT_STATE, "\"%s\" is no complete backup: it has no " BACKUP_LIST,
                       dir);
    }
    buf_put_u8(text, 0);
    text->len--;
    size_t head = strlen(backup_kind);
    if (text->len < head || memcmp(text->ptr, backup_kind, head) != 0)
        return err_set(e, ERR_OBJECT_STATE, "\"%s\" is not the list of a backup", path);
    size_t at = text->len > 16 ? text->len - 16 : 0; /* "crc32c xxxxxxxx\n" */
    if (strlen(text->ptr) != text->len || sscanf(text->ptr + at, "crc32c %8x\n%n", &crc, &n) != 1 ||
        n != 16 || crc != crc32c(0, text->ptr, at))
        return list_damaged(path, e);
    text->ptr[at] = 0;
    text->len = at;
    return true;
}

static bool list_head(const char **at, BackupInfo *info, const char *path, Err *e)
{
    unsigned version, required;
    unsigned long long id, covered, last;
    long long began, ms;
    int n = 0;
    *at += strlen(backup_kind) + 1;
    if (sscanf(*at, "version %u\nrequired %u\n", &version, &required) != 2)
        return list_damaged(path, e);
    if (version > BACKUP_VERSION || required)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "\"%s\" has backup format %u (features %#x), this program reads up to %d",
                       path, version, required, BACKUP_VERSION);
    if (sscanf(*at,
               "version %*u\nrequired %*u\nid %llx\nbegan %lld\ncovered %llu\nlast %llu\n"
               "time %lld\n%n",
               &id, &began, &covered, &last, &ms, &n) != 5 ||
        !n)
        return list_damaged(path, e);
    *info =
        (BackupInfo){.id = id, .began_ns = began, .covered = covered, .last = last, .last_ms = ms};
    *at += n;
    return true;
}

bool backup_list(const Io *io, const char *dir, BackupInfo *info, BackupEach each, void *arg,
                 Err *e)
{
    Buf text = {0};
    bool ok = strlen(dir) <= BACKUP_DIR_MAX ||
              err_set(e, ERR_PROGRAM_LIMIT, "the path of the backup is too long");
    ok = ok && list_read(io, dir, &text, e);
    const char *at = text.ptr;
    ok = ok && list_head(&at, info, dir, e);
    while (ok && *at) {
        BackupEntry entry;
        unsigned long long bytes;
        int n = 0;
        if (sscanf(at, "file %llu %8x %" BACKUP_NAME_SCAN "s\n%n", &bytes, &entry.crc, entry.name,
                   &n) != 3 ||
            !n || strstr(entry.name, "..") || entry.name[0] == '/') {
            ok = list_damaged(dir, e);
            break;
        }
        entry.bytes = bytes;
        info->files++;
        info->bytes += bytes;
        at += n;
        ok = each(arg, &entry, e);
    }
    buf_free(&text);
    return ok;
}
