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
};
enum { FRAME_EDIT = 1, FRAME_SNAPSHOT = 2, FRAME_EPOCH = 3 };
static const char mf_magic[8] = {'S', 'K', 'U', 'L', 'K', 'M', 'A', 'N'};

struct ManifestFile {
    const Io *io;
    char *dir;
    bool read_only;
    uint64_t number; /* in the name */
    int fd;
    int64_t size; /* end of the good frames */
    uint64_t version, epoch;
    uint32_t chain; /* checksum of all frames before */
    Buf frames;     /* as read at open; freed by mf_read */
    bool failed;
    Err failure;
};

static void mf_path(const ManifestFile *mf, uint64_t number, char *path)
{
    snprintf(path, MF_PATH_MAX, "%s/MANIFEST-%06llu", mf->dir, (unsigned long long)number);
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

static bool mf_damaged(const ManifestFile *mf, size_t at, Err *e)
{
    char path[MF_PATH_MAX];
    mf_path(mf, mf->number, path);
    err_set(e, ERR_DATA_CORRUPTED, "\"%s\" is damaged at offset %zu", path, at);
    return err_hint(e, "it lists the files of the database; restore a backup");
}

/* Walks all frames: finds the end, the version, the epoch and the last snapshot. */
static bool scan_frames(ManifestFile *mf, Slice all, size_t *begin, Err *e)
{
    size_t at = MF_HEADER_BYTES;
    Frame f;
    *begin = at;
    mf->chain = 0;
    while (frame_at(all, at, &f)) {
        if (f.chain != mf->chain)
            return mf_damaged(mf, at, e);
        if (f.kind == FRAME_EPOCH && f.payload.len == 8)
            memcpy(&mf->epoch, f.payload.ptr, 8);
        else
            mf->version = f.version;
        if (f.kind == FRAME_SNAPSHOT)
            *begin = at;
        mf->chain = crc32c(mf->chain, all.ptr + at, MF_FRAME_BYTES + f.payload.len);
        at += MF_FRAME_BYTES + f.payload.len;
    }
    if (at < all.len && frames_behind(all, at))
        return mf_damaged(mf, at, e);
    mf->size = (int64_t)at;
    return true;
}

static bool read_current(ManifestFile *mf, bool *missing, Err *e)
{
    char path[MF_PATH_MAX];
    Buf text = {0};
    snprintf(path, sizeof path, "%s/CURRENT", mf->dir);
    *missing = false;
    if (!io_read_file(mf->io, path, 256, &text, e)) {
        *missing = e->code == ERR_UNDEFINED_FILE;
        buf_free(&text);
        return false;
    }
    buf_put_u8(&text, 0);
    unsigned long long n = 0;
    bool ok = sscanf(text.ptr, "MANIFEST-%llu\n", &n) == 1 && n > 0;
    buf_free(&text);
    mf->number = n;
    return ok || err_set(e, ERR_DATA_CORRUPTED, "\"%s\" is damaged", path);
}

static bool write_current(ManifestFile *mf, uint64_t number, Err *e)
{
    char text[64];
    int len = snprintf(text, sizeof text, "MANIFEST-%06llu\n", (unsigned long long)number);
    return io_replace_file(mf->io, mf->dir, "CURRENT", slice_of(text, (size_t)len), e);
}

/* A new manifest file with these frames; becomes the current one.  *named: CURRENT was touched. */
static bool start_file(ManifestFile *mf, uint64_t number, Slice bytes, bool *named, Err *e)
{
    char path[MF_PATH_MAX];
    const Io *io = mf->io;
    mf_path(mf, number, path);
    int fd = io->open(io, path, IO_READ | IO_WRITE | IO_CREATE | IO_TRUNC, e);
    if (fd < 0)
        return false;
    *named = io->pwrite_all(io, fd, bytes.ptr, bytes.len, 0, e) && io->fdatasync(io, fd, e) &&
             io->fsync_dir(io, mf->dir, e);
    if (!*named || !write_current(mf, number, e)) {
        io->close(io, fd);
        return false;
    }
    if (mf->fd >= 0)
        io->close(io, mf->fd);
    mf->fd = fd;
    mf->number = number;
    mf->size = (int64_t)bytes.len;
    return true;
}

static bool open_existing(ManifestFile *mf, Err *e)
{
    char path[MF_PATH_MAX];
    size_t begin;
    mf_path(mf, mf->number, path);
    mf->fd = mf->io->open(mf->io, path, mf->read_only ? IO_READ : IO_READ | IO_WRITE, e);
    if (mf->fd < 0 || !io_read_file(mf->io, path, MF_SIZE_MAX, &mf->frames, e))
        return false;
    Slice all = buf_slice(&mf->frames);
    uint32_t crc;
    if (all.len < MF_HEADER_BYTES || memcmp(all.ptr, mf_magic, 8) != 0)
        return mf_damaged(mf, 0, e);
    memcpy(&crc, all.ptr + MF_HEADER_BYTES - 4, 4);
    if (crc != crc32c(0, all.ptr, MF_HEADER_BYTES - 4))
        return mf_damaged(mf, 0, e);
    Reader r = reader_of(slice_of(all.ptr + 8, 8));
    uint32_t version = reader_u32(&r), required = reader_u32(&r);
    if (version != MF_VERSION || required)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "\"%s\" has format %u (features %#x), this program reads %d", path, version,
                       required, MF_VERSION);
    if (!scan_frames(mf, all, &begin, e))
        return false;
    if ((size_t)mf->size < all.len) {
        log_warn("manifest", "\"%s\": a torn last edit is cut at offset %lld", path,
                 (long long)mf->size);
        if (!mf->read_only && (!mf->io->truncate(mf->io, mf->fd, mf->size, e) ||
                               !mf->io->fdatasync(mf->io, mf->fd, e)))
            return false;
    }
    mf->frames.len = (size_t)mf->size;
    memmove(mf->frames.ptr, mf->frames.ptr + begin, mf->frames.len - begin);
    mf->frames.len -= begin;
    return true;
}

bool mf_open(ManifestFile **out, const Io *io, const char *dir, bool create, bool read_only, Err *e)
{
    ManifestFile *mf = MEM_NEW(ManifestFile);
    bool missing;
    mf->io = io;
    mf->dir = mem_strdup(slice_cstr(dir));
    mf->read_only = read_only;
    mf->fd = -1;
    if (read_current(mf, &missing, e)) {
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
    if (mf->fd >= 0)
        mf->io->close(mf->io, mf->fd);
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
    bool ok = io->pwrite_all(io, mf->fd, b.ptr, b.len, mf->size, e);
    if (!ok) { /* what was written of it must not be found by the next start */
        if (!io->truncate(io, mf->fd, mf->size, &second) || !io->fdatasync(io, mf->fd, &second))
            mf_fail(mf, e);
    } else if (!io->fdatasync(io, mf->fd, e)) {
        e->code = ERR_IO; /* unknown whether it is there: nobody may go on */
        ok = mf_fail(mf, e);
    } else {
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
    char path[MF_PATH_MAX];
    Err ignored;
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
    if (previous > 1) {
        mf_path(mf, previous - 1, path);
        mf->io->unlink(mf->io, path, &ignored);
    }
    return true;
}
