#include "storage/manifest_file.h"

#include "base/hash.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    MF_VERSION = 1,
    MF_HEADER_BYTES = 32,
    MF_FRAME_BYTES = 24, /* before the payload */
    MF_SIZE_MAX = 1 << 30,
    MF_PATH_MAX = 4096,
    MF_FILES = 2,
};
enum { FRAME_EDIT = 1, FRAME_SNAPSHOT = 2, FRAME_EPOCH = 3 };
static const char mf_magic[8] = {'S', 'K', 'U', 'L', 'K', 'M', 'A', 'N'};

struct ManifestFile {
    const Io *io;
    char *dir;
    bool read_only;
    uint64_t number;  /* in the name */
    int fd[MF_FILES]; /* the file and its copy */
    int64_t size;     /* end of the good frames */
    uint64_t version, epoch;
    uint32_t chain; /* checksum of all frames before */
    Buf frames;     /* as read at open; freed by mf_read */
    bool failed;
    Err failure;
    Err worn; /* of a copy that was damaged at open */
};

static const char *mf_name(uint64_t number, int copy, char name[64])
{
    snprintf(name, 64, "MANIFEST-%06llu%s", (unsigned long long)number, copy ? ".copy" : "");
    return name;
}

static void mf_path(const ManifestFile *mf, uint64_t number, int copy, char *path)
{
    char name[64];
    snprintf(path, MF_PATH_MAX, "%s/%s", mf->dir, mf_name(number, copy, name));
}

static void put_header(Buf *b)
{
    size_t start = b->len;
    buf_put(b, mf_magic, 8);
    buf_put_u32(b, MF_VERSION);
    buf_put_u32(b, 0); /* required feature bits */
    buf_put_u32(b, 0); /* optional feature bits */
    buf_put_u32(b, 0);
    buf_put_u32(b, 0);
    buf_put_u32(b, crc32c(0, b->ptr + start, MF_HEADER_BYTES - 4));
}

/* len u32, crc u32 (over the rest), version u64, chain u32, kind u32, payload */
static void put_frame(const ManifestFile *mf, Buf *b, uint32_t kind, Slice payload,
                      uint64_t version)
{
    size_t start = b->len;
    buf_put_u32(b, (uint32_t)payload.len);
    buf_put_u32(b, 0);
    buf_put_u64(b, version);
    buf_put_u32(b, mf->chain);
    buf_put_u32(b, kind);
    buf_put_slice(b, payload);
    uint32_t crc = crc32c(0, b->ptr + start, 4);
    crc = crc32c(crc, b->ptr + start + 8, MF_FRAME_BYTES - 8 + payload.len);
    memcpy(b->ptr + start + 4, &crc, 4);
}

typedef struct Frame {
    uint32_t kind, crc, chain;
    uint64_t version;
    Slice payload;
} Frame;

static bool frame_at(Slice all, size_t at, Frame *f)
{
    if (all.len < MF_FRAME_BYTES || at > all.len - MF_FRAME_BYTES)
        return false;
    Reader r = reader_of(slice_of(all.ptr + at, all.len - at));
    uint32_t len = reader_u32(&r);
    f->crc = reader_u32(&r);
    f->version = reader_u64(&r);
    f->chain = reader_u32(&r);
    f->kind = reader_u32(&r);
    if (len > reader_left(&r) || f->kind < FRAME_EDIT || f->kind > FRAME_EPOCH)
        return false;
    f->payload = reader_bytes(&r, len);
    uint32_t crc = crc32c(0, all.ptr + at, 4);
    return f->crc == crc32c(crc, all.ptr + at + 8, MF_FRAME_BYTES - 8 + len);
}

/* Any good frame behind a bad one means damage, not a torn write. */
static bool frames_behind(Slice all, size_t at)
{
    Frame f;
    for (at++; at + MF_FRAME_BYTES <= all.len; at++)
        if (frame_at(all, at, &f) && f.version < UINT64_C(1) << 48)
            return true;
    return false;
}

typedef struct Image { /* what one of the two files says */
    Buf bytes;
    size_t begin, end; /* the last snapshot; end of the good frames */
    uint64_t version, epoch;
    uint32_t chain;
} Image;

static bool mf_damaged(const char *path, size_t at, Err *e)
{
    err_set(e, ERR_DATA_CORRUPTED, "\"%s\" is damaged at offset %zu", path, at);
    return err_hint(e, "it lists the files of the database; restore a backup");
}

/* Walks all frames: finds the end, the version, the epoch and the last snapshot. */
static bool scan_frames(Image *m, const char *path, Err *e)
{
    Slice all = buf_slice(&m->bytes);
    size_t at = MF_HEADER_BYTES;
    Frame f;
    m->begin = at;
    while (frame_at(all, at, &f)) {
        if (f.chain != m->chain)
            return mf_damaged(path, at, e);
        if (f.kind == FRAME_EPOCH && f.payload.len == 8)
            memcpy(&m->epoch, f.payload.ptr, 8);
        else
            m->version = f.version;
        if (f.kind == FRAME_SNAPSHOT)
            m->begin = at;
        m->chain = crc32c(m->chain, all.ptr + at, MF_FRAME_BYTES + f.payload.len);
        at += MF_FRAME_BYTES + f.payload.len;
    }
    if (at < all.len && frames_behind(all, at))
        return mf_damaged(path, at, e);
    m->end = at;
    return true;
}

static bool read_image(const ManifestFile *mf, uint64_t number, int copy, Image *m, Err *e)
{
    char path[MF_PATH_MAX];
    uint32_t crc;
    *m = (Image){0};
    mf_path(mf, number, copy, path);
    if (!io_read_file(mf->io, path, MF_SIZE_MAX, &m->bytes, e))
        return false;
    Slice all = buf_slice(&m->bytes);
    if (all.len < MF_HEADER_BYTES || memcmp(all.ptr, mf_magic, 8) != 0)
        return mf_damaged(path, 0, e);
    memcpy(&crc, all.ptr + MF_HEADER_BYTES - 4, 4);
    if (crc != crc32c(0, all.ptr, MF_HEADER_BYTES - 4))
        return mf_damaged(path, 0, e);
    Reader r = reader_of(slice_of(all.ptr + 8, 8));
    uint32_t version = reader_u32(&r), required = reader_u32(&r);
    if (version != MF_VERSION || required)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "\"%s\" has format %u (features %#x), this program reads %d", path, version,
                       required, MF_VERSION);
    return scan_frames(m, path, e);
}

/* The better of the two; *differ: the second one does not say the same.  With true and an error in
 * e the second one is damaged. */
static bool read_images(const ManifestFile *mf, uint64_t number, Image *best, int *which,
                        bool *differ, Err *e)
{
    Image m[MF_FILES];
    Err err[MF_FILES];
    bool ok[MF_FILES];
    for (int i = 0; i < MF_FILES; i++)
        ok[i] = read_image(mf, number, i, &m[i], &err[i]);
    int k = ok[0] && (!ok[1] || m[0].end >= m[1].end) ? 0 : 1;
    *differ = !ok[!k] || m[!k].end != m[k].end || m[!k].bytes.len != m[k].end ||
              memcmp(m[0].bytes.ptr, m[1].bytes.ptr, m[k].end) != 0;
    e->code = ERR_OK;
    if (!ok[!k] && err[!k].code != ERR_UNDEFINED_FILE)
        *e = err[!k];
    if (!ok[k])
        *e = err[0].code == ERR_UNDEFINED_FILE ? err[1] : err[0];
    buf_free(&m[ok[k] ? !k : 0].bytes);
    if (!ok[k])
        buf_free(&m[1].bytes);
    else
        *best = m[k];
    *which = k;
    return ok[k];
}

/* "MANIFEST-nnnnnn crc32c", over the name */
static void current_text(uint64_t number, char text[64])
{
    char name[64];
    mf_name(number, 0, name);
    snprintf(text, 64, "%.40s %08x\n", name, crc32c(0, name, strlen(name)));
}

static bool write_current(ManifestFile *mf, uint64_t number, Err *e)
{
    char text[64];
    current_text(number, text);
    return io_replace_file(mf->io, mf->dir, "CURRENT", slice_cstr(text), e);
}

static bool find_newest(void *arg, const char *name)
{
    ManifestFile *mf = arg;
    unsigned long long n = 0;
    Image m;
    int which;
    bool differ;
    Err ignored;
    if (sscanf(name, "MANIFEST-%llu", &n) != 1 || n <= mf->number)
        return true;
    if (read_images(mf, n, &m, &which, &differ, &ignored)) {
        buf_free(&m.bytes);
        mf->number = n;
    }
    return true;
}

/* CURRENT cannot tell: the newest manifest that can be read. */
static bool find_current(ManifestFile *mf, const char *path, Err *e)
{
    Err why;
    err_set(&why, ERR_DATA_CORRUPTED, "\"%s\" is damaged", path);
    if (!mf->io->list(mf->io, mf->dir, find_newest, mf, e))
        return false;
    if (!mf->number) {
        *e = why;
        return false;
    }
    log_error("manifest", "%s; MANIFEST-%06llu is taken", why.message,
              (unsigned long long)mf->number);
    mf->worn = why;
    return mf->read_only || write_current(mf, mf->number, e);
}

/* Finds the number of the manifest; one that CURRENT names is opened as it is: an older one is no
 * substitute. */
static bool read_current(ManifestFile *mf, bool create, bool *missing, Err *e)
{
    char path[MF_PATH_MAX], want[64];
    Buf text = {0};
    unsigned long long n = 0;
    snprintf(path, sizeof path, "%s/CURRENT", mf->dir);
    bool ok = io_read_file(mf->io, path, 256, &text, e);
    *missing = !ok && e->code == ERR_UNDEFINED_FILE;
    if (!ok && (!*missing || create)) {
        buf_free(&text);
        return false;
    }
    buf_put_u8(&text, 0);
    ok = sscanf(text.ptr, "MANIFEST-%llu", &n) == 1 && n > 0;
    current_text(n, want);
    ok = ok && strcmp(text.ptr, want) == 0;
    buf_free(&text);
    mf->number = ok ? n : 0;
    return ok || find_current(mf, path, e);
}

static void close_files(ManifestFile *mf)
{
    for (int i = 0; i < MF_FILES; i++) {
        if (mf->fd[i] >= 0)
            mf->io->close(mf->io, mf->fd[i]);
        mf->fd[i] = -1;
    }
}

static bool write_file(ManifestFile *mf, uint64_t number, int copy, Slice bytes, int *fd, Err *e)
{
    char path[MF_PATH_MAX];
    const Io *io = mf->io;
    mf_path(mf, number, copy, path);
    *fd = io->open(io, path, IO_READ | IO_WRITE | IO_CREATE | IO_TRUNC, e);
    return *fd >= 0 && io->pwrite_all(io, *fd, bytes.ptr, bytes.len, 0, e) &&
           io->fdatasync(io, *fd, e);
}

/* A new manifest with these frames; becomes the current one.  *named: CURRENT was touched. */
static bool start_file(ManifestFile *mf, uint64_t number, Slice bytes, bool *named, Err *e)
{
    int fd[MF_FILES] = {-1, -1};
    const Io *io = mf->io;
    *named = write_file(mf, number, 0, bytes, &fd[0], e) &&
             write_file(mf, number, 1, bytes, &fd[1], e) && io->fsync_dir(io, mf->dir, e);
    if (!*named || !write_current(mf, number, e)) {
        for (int i = 0; i < MF_FILES; i++)
            if (fd[i] >= 0)
                io->close(io, fd[i]);
        return false;
    }
    close_files(mf);
    memcpy(mf->fd, fd, sizeof fd);
    mf->number = number;
    mf->size = (int64_t)bytes.len;
    return true;
}

/* Makes both files say what the better one says; a torn last edit is cut. */
static bool mend_files(ManifestFile *mf, const Image *best, Err *e)
{
    char name[64];
    Slice good = slice_of(best->bytes.ptr, best->end);
    for (int i = 0; i < MF_FILES; i++)
        if (!io_replace_file(mf->io, mf->dir, mf_name(mf->number, i, name), good, e))
            return false;
    return true;
}

static void drop_files(const ManifestFile *mf, uint64_t number)
{
    char path[MF_PATH_MAX];
    Err ignored;
    for (int i = 0; i < MF_FILES; i++) {
        mf_path(mf, number, i, path);
        mf->io->unlink(mf->io, path, &ignored);
    }
}

static bool open_existing(ManifestFile *mf, Err *e)
{
    char path[MF_PATH_MAX];
    Image m;
    int which;
    bool differ;
    if (!read_images(mf, mf->number, &m, &which, &differ, e))
        return false;
    if (e->code != ERR_OK) {
        log_error("manifest", "%s; the other copy is used", e->message);
        mf->worn = *e;
    }
    mf_path(mf, mf->number, which, path);
    if (m.end < m.bytes.len)
        log_warn("manifest", "\"%s\": a torn last edit is cut at offset %zu", path, m.end);
    bool ok = !differ || mf->read_only || mend_files(mf, &m, e);
    if (ok && !mf->read_only)
        drop_files(mf, mf->number + 1); /* of a replacement that a crash ended */
    mf->version = m.version;
    mf->epoch = m.epoch;
    mf->chain = m.chain;
    mf->size = (int64_t)m.end;
    mf->frames = m.bytes;
    mf->frames.len = m.end - m.begin;
    memmove(mf->frames.ptr, mf->frames.ptr + m.begin, mf->frames.len);
    for (int i = 0; ok && !mf->read_only && i < MF_FILES; i++) {
        mf_path(mf, mf->number, i, path);
        mf->fd[i] = mf->io->open(mf->io, path, IO_READ | IO_WRITE, e);
        ok = mf->fd[i] >= 0;
    }
    return ok;
}

bool mf_open(ManifestFile **out, const Io *io, const char *dir, bool create, bool read_only, Err *e)
{
    ManifestFile *mf = MEM_NEW(ManifestFile);
    bool missing;
    mf->io = io;
    mf->dir = mem_strdup(slice_cstr(dir));
    mf->read_only = read_only;
    mf->fd[0] = mf->fd[1] = -1;
    if (read_current(mf, create, &missing, e)) {
        if (!open_existing(mf, e))
            goto fail;
    } else {
        Buf b = {0};
        if (!missing || !create || read_only)
            goto fail;
        put_header(&b);
        bool named, ok = start_file(mf, 1, buf_slice(&b), &named, e);
        buf_free(&b);
        if (!ok)
            goto fail;
    }
    *out = mf;
    return true;
fail:
    mf_close(mf);
    return err_wrap(e, "open the manifest");
}

void mf_close(ManifestFile *mf)
{
    if (!mf)
        return;
    close_files(mf);
    buf_free(&mf->frames);
    mem_free(mf->dir);
    mem_free(mf);
}

bool mf_read(ManifestFile *mf, bool (*each)(void *arg, Slice edit, Err *e), void *arg, Err *e)
{
    Slice all = buf_slice(&mf->frames);
    Frame f;
    bool ok = true;
    for (size_t at = 0; ok && frame_at(all, at, &f); at += MF_FRAME_BYTES + f.payload.len)
        if (f.kind != FRAME_EPOCH)
            ok = each(arg, f.payload, e);
    buf_free(&mf->frames);
    return ok;
}

const Err *mf_worn(const ManifestFile *mf)
{
    return mf->worn.code != ERR_OK ? &mf->worn : NULL;
}

uint64_t mf_version(const ManifestFile *mf)
{
    return mf->version;
}

uint64_t mf_epoch(const ManifestFile *mf)
{
    return mf->epoch;
}

int64_t mf_size(const ManifestFile *mf)
{
    return mf->size;
}

static bool mf_fail(ManifestFile *mf, Err *e)
{
    mf->failed = true;
    mf->failure = *e;
    return false;
}

static bool append_frame(ManifestFile *mf, uint32_t kind, Slice payload, uint64_t version, Err *e)
{
    const Io *io = mf->io;
    Buf b = {0};
    Err second;
    must(!mf->read_only);
    if (mf->failed) {
        *e = mf->failure;
        return false;
    }
    put_frame(mf, &b, kind, payload, version);
    bool ok = true, synced = true;
    for (int i = 0; ok && i < MF_FILES; i++)
        ok = io->pwrite_all(io, mf->fd[i], b.ptr, b.len, mf->size, e);
    bool written = ok;
    for (int i = 0; !written && i < MF_FILES; i++) /* the next start must not find any of it */
        if (!io->truncate(io, mf->fd[i], mf->size, &second) ||
            !io->fdatasync(io, mf->fd[i], &second))
            mf_fail(mf, e);
    for (int i = 0; written && synced && i < MF_FILES; i++)
        synced = io->fdatasync(io, mf->fd[i], e);
    if (!synced) {
        e->code = ERR_IO; /* unknown whether it is there: nobody may go on */
        ok = mf_fail(mf, e);
    } else if (written) {
        mf->size += (int64_t)b.len;
        mf->chain = crc32c(mf->chain, b.ptr, b.len);
    }
    buf_free(&b);
    return ok;
}

bool mf_append(ManifestFile *mf, Slice edit, Err *e)
{
    if (!append_frame(mf, FRAME_EDIT, edit, mf->version + 1, e))
        return false;
    mf->version++;
    return true;
}

bool mf_raise_epoch(ManifestFile *mf, Err *e)
{
    Buf b = {0};
    buf_put_u64(&b, mf->epoch + 1);
    bool ok = append_frame(mf, FRAME_EPOCH, buf_slice(&b), mf->version, e);
    buf_free(&b);
    mf->epoch += ok;
    return ok;
}

bool mf_replace(ManifestFile *mf, Slice snapshot, Err *e)
{
    Buf b = {0}, epoch = {0};
    if (mf->failed) {
        *e = mf->failure;
        return false;
    }
    uint32_t old_chain = mf->chain;
    put_header(&b);
    mf->chain = 0;
    buf_put_u64(&epoch, mf->epoch);
    put_frame(mf, &b, FRAME_EPOCH, buf_slice(&epoch), mf->version + 1);
    mf->chain = crc32c(0, b.ptr + MF_HEADER_BYTES, b.len - MF_HEADER_BYTES);
    size_t at = b.len;
    put_frame(mf, &b, FRAME_SNAPSHOT, snapshot, mf->version + 1);
    mf->chain = crc32c(mf->chain, b.ptr + at, b.len - at);
    uint64_t previous = mf->number;
    bool named, ok = start_file(mf, mf->number + 1, buf_slice(&b), &named, e);
    buf_free(&b);
    buf_free(&epoch);
    if (!ok) {
        mf->chain = old_chain;
        return named ? mf_fail(mf, e) : false; /* CURRENT may name either */
    }
    mf->version++;
    if (previous > 1)
        drop_files(mf, previous - 1);
    return true;
}
