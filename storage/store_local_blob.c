/* Blobs of a local store: files/NNNNNN.skulk (.series, .catalog), written as x.tmp and renamed. */
#include "storage/store_private.h"

#include "base/log.h"
#include "storage/codec.h"
#include "storage/engine.h"
#include "storage/mapped.h"
#include <stdio.h>
#include <stdlib.h>

enum { PUT_AHEAD_BYTES = 4 << 20 }; /* of a file being written that the disk may not have yet */

static const char *const blob_suffix[BLOB_KINDS] = {".skulk", ".series", ".catalog", ".series.copy",
                                                    ".catalog.copy"};

void local_blob_path(const LocalStore *ls, BlobId id, const char *suffix, char *path)
{
    snprintf(path, STORE_PATH_MAX, "%s/files/%06llu%s%s", ls->dir,
             (unsigned long long)blob_number(id), blob_suffix[blob_kind(id)], suffix);
}

bool local_blob_name(Store *s, BlobId id, char *name, size_t size)
{
    (void)s;
    snprintf(name, size, "files/%06llu%s", (unsigned long long)blob_number(id),
             blob_suffix[blob_kind(id)]);
    return true;
}

bool local_blob_parse(const char *name, BlobId *id)
{
    char *end;
    unsigned long long n = strtoull(name, &end, 10);
    if (end == name || n == 0 || n >> 56)
        return false;
    for (int k = 0; k < BLOB_KINDS; k++) {
        if (strcmp(end, blob_suffix[k]) != 0)
            continue;
        *id = blob_id((BlobKind)k, n);
        return true;
    }
    return false;
}

/* ---- writing ---- */

static BlobPut *put_find(LocalStore *ls, BlobId id, bool remove)
{
    mutex_lock(&ls->blob_mutex);
    BlobPut **at = &ls->puts, *p;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    p = *at;
    if (p && remove)
        *at = p->next;
    mutex_unlock(&ls->blob_mutex);
    return p;
}

static BlobPut *put_begin(LocalStore *ls, BlobId id, Err *e)
{
    char path[STORE_PATH_MAX];
    BlobPut *p = MEM_NEW(BlobPut);
    local_blob_path(ls, id, ".tmp", path);
    p->id = id;
    p->fd = ls->io->open(ls->io, path, IO_WRITE | IO_CREATE | IO_TRUNC, e);
    p->failed = p->fd < 0;
    mutex_lock(&ls->blob_mutex);
    p->next = ls->puts;
    ls->puts = p;
    mutex_unlock(&ls->blob_mutex);
    return p;
}

static bool put_piece(LocalStore *ls, BlobPut *p, Slice bytes, Err *e)
{
    if (!bytes.len)
        return true;
    if (!ls->io->pwrite_all(ls->io, p->fd, bytes.ptr, bytes.len, p->size, e))
        return false;
    ls->io->start_write(ls->io, p->fd, p->size, (int64_t)bytes.len);
    p->size += (int64_t)bytes.len;
    if (p->size - p->waited >
        PUT_AHEAD_BYTES) { /* the sync at the end finds little left to write */
        int64_t upto = p->size - PUT_AHEAD_BYTES;
        ls->io->wait_write(ls->io, p->fd, p->waited, upto - p->waited);
        p->waited = upto;
    }
    return true;
}

static bool put_finish(LocalStore *ls, BlobPut *p, bool *sync_failed, Err *e)
{
    char from[STORE_PATH_MAX], to[STORE_PATH_MAX], dir[STORE_PATH_MAX];
    const Io *io = ls->io;
    snprintf(dir, sizeof dir, "%s/files", ls->dir);
    local_blob_path(ls, p->id, ".tmp", from);
    local_blob_path(ls, p->id, "", to);
    *sync_failed = !io->fdatasync(io, p->fd, e);
    if (*sync_failed || !io->rename(io, from, to, e))
        return false;
    *sync_failed = !io->fsync_dir(io, dir, e);
    return !*sync_failed;
}

static void put_end(LocalStore *ls, BlobPut *p, bool keep)
{
    char path[STORE_PATH_MAX];
    Err ignored;
    if (p->fd >= 0)
        ls->io->close(ls->io, p->fd);
    if (!keep) {
        local_blob_path(ls, p->id, ".tmp", path);
        ls->io->unlink(ls->io, path, &ignored);
    }
    put_find(ls, p->id, true);
    mem_free(p);
}

void local_blob_put(Store *s, BlobId id, Slice bytes, bool last, Completion *c)
{
    LocalStore *ls = local(s);
    Err e;
    BlobPut *p = put_find(ls, id, false);
    if (!p)
        p = put_begin(ls, id, &e);
    else if (p->failed)
        err_set(&e, ERR_IO, "an earlier piece could not be written");
    bool ok = !p->failed && put_piece(ls, p, bytes, &e);
    if (ok && last)
        ok = put_finish(ls, p, &c->sync_failed, &e);
    p->failed = !ok;
    uint64_t size = (uint64_t)p->size;
    if (!ok || last)
        put_end(ls, p, ok);
    if (!ok)
        err_wrap(&e, "write file %llu", (unsigned long long)blob_number(id));
    completion_end(c, ok, size, &e);
}

void local_blob_abort(Store *s, BlobId id)
{
    LocalStore *ls = local(s);
    BlobPut *p = put_find(ls, id, false);
    if (p)
        put_end(ls, p, false);
}

/* ---- reading: what follows needs the mutex, but for reads themselves ---- */

static Blob **blob_at(LocalStore *ls, BlobId id)
{
    Blob **at = &ls->blobs[id % BLOB_BUCKETS];
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static void blob_free(LocalStore *ls, Blob *b)
{
    if (b->map) {
        mapped_remove(b->map, b->size);
        ls->io->unmap(ls->io, b->map, b->size);
    }
    if (b->fd >= 0)
        ls->io->close(ls->io, b->fd);
    mem_free(b);
}

/* Closes the descriptor that nobody has used for longest. */
static void close_oldest_fd(LocalStore *ls)
{
    Blob **oldest = NULL;
    for (size_t i = 0; i < BLOB_BUCKETS; i++)
        for (Blob **at = &ls->blobs[i]; *at; at = &(*at)->next)
            if ((*at)->fd >= 0 && !(*at)->pins && (!oldest || (*at)->used < (*oldest)->used))
                oldest = at;
    if (!oldest)
        return; /* all are being read right now */
    Blob *b = *oldest;
    *oldest = b->next;
    ls->blob_fds--;
    blob_free(ls, b);
}

/* Opening is a short system call on a local disk; it may stay under the mutex. */
static Blob *blob_open(LocalStore *ls, BlobId id, Err *e)
{
    char path[STORE_PATH_MAX];
    Blob **at = blob_at(ls, id);
    if (*at)
        return *at;
    local_blob_path(ls, id, "", path);
    int fd = ls->io->open(ls->io, path, IO_READ, e);
    if (fd < 0)
        return NULL;
    int64_t size = ls->io->size(ls->io, fd, e);
    if (size < 0) {
        ls->io->close(ls->io, fd);
        return NULL;
    }
    Blob *b = MEM_NEW(Blob);
    b->id = id;
    b->fd = fd;
    b->size = (uint64_t)size;
    if (!(ls->flags & ENGINE_PREAD))
        b->map = ls->io->map(ls->io, fd, b->size);
    if (b->map) { /* the mapping is enough */
        mapped_add(b->map, b->size);
        ls->io->close(ls->io, fd);
        b->fd = -1;
    } else if (++ls->blob_fds > BLOB_FDS_MAX) {
        close_oldest_fd(ls);
        at = blob_at(ls, id);
    }
    b->next = *at;
    *at = b;
    return b;
}

/* A pin less; a mapping goes with the last one. */
static void blob_leave(LocalStore *ls, BlobId id)
{
    Blob *gone = NULL;
    mutex_lock(&ls->blob_mutex);
    Blob **at = blob_at(ls, id);
    must(*at && (*at)->pins > 0);
    if (--(*at)->pins == 0 && (*at)->map) {
        gone = *at;
        *at = gone->next;
    }
    mutex_unlock(&ls->blob_mutex);
    if (gone)
        blob_free(ls, gone);
}

static bool blob_read(LocalStore *ls, Blob *b, uint64_t offset, size_t len, uint8_t *copy, Err *e)
{
    if (ls->io->pread(ls->io, b->fd, copy, len, (int64_t)offset, e) == (int64_t)len)
        return true;
    return err_set(e, ERR_IO, "file %06llu%s could not be read at offset %llu",
                   (unsigned long long)blob_number(b->id), blob_suffix[blob_kind(b->id)],
                   (unsigned long long)offset);
}

PinStatus local_blob_pin(Store *s, BlobId id, uint64_t offset, size_t len, Task *waiter,
                         const uint8_t **ptr, Err *e)
{
    LocalStore *ls = local(s);
    (void)waiter; /* a local file is always here */
    mutex_lock(&ls->blob_mutex);
    Blob *b = blob_open(ls, id, e);
    if (b && (offset > b->size || len > b->size - offset)) {
        err_set(e, ERR_DATA_CORRUPTED,
                "file %06llu%s is cut short: %llu bytes, bytes %llu to %llu are wanted",
                (unsigned long long)blob_number(id), blob_suffix[blob_kind(id)],
                (unsigned long long)b->size, (unsigned long long)offset,
                (unsigned long long)(offset + len));
        b = NULL;
    }
    if (b) {
        b->pins++;
        b->used = ++ls->blob_clock;
    }
    mutex_unlock(&ls->blob_mutex);
    if (!b)
        return PIN_FAIL;
    if (b->map) {
        *ptr = b->map + offset;
        return PIN_OK;
    }
    /* The copy needs the file no more. */
    uint8_t *copy = mem_zero(len + CODEC_SLACK);
    bool ok = blob_read(ls, b, offset, len, copy, e);
    blob_leave(ls, id);
    *ptr = ok ? copy : NULL;
    if (!ok)
        mem_free(copy);
    return ok ? PIN_OK : PIN_FAIL;
}

void local_blob_unpin(Store *s, BlobId id, const uint8_t *ptr, size_t len)
{
    LocalStore *ls = local(s);
    (void)len;
    mutex_lock(&ls->blob_mutex);
    const Blob *b = *blob_at(ls, id);
    bool mapped = b && b->map && ptr >= b->map && ptr <= b->map + b->size;
    mutex_unlock(&ls->blob_mutex);
    if (mapped)
        blob_leave(ls, id);
    else
        mem_free((void *)(uintptr_t)ptr);
}

void local_blob_prefetch(Store *s, BlobId id, uint64_t offset, size_t len)
{
    (void)s; /* the kernel reads ahead in mapped files by itself */
    (void)id;
    (void)offset;
    (void)len;
}

void local_blob_drop(Store *s, BlobId id)
{
    LocalStore *ls = local(s);
    char path[STORE_PATH_MAX];
    Err e;
    mutex_lock(&ls->blob_mutex);
    Blob **at = blob_at(ls, id), *b = *at;
    if (b) {
        must(b->pins == 0);
        *at = b->next;
        ls->blob_fds -= b->fd >= 0;
    }
    mutex_unlock(&ls->blob_mutex);
    if (b)
        blob_free(ls, b);
    local_blob_path(ls, id, "", path);
    if (!ls->io->unlink(ls->io, path, &e) && e.code != ERR_UNDEFINED_FILE)
        log_warn("store", "%s", e.message); /* the next start deletes it */
}

void local_blobs_close(LocalStore *ls)
{
    for (size_t i = 0; i < BLOB_BUCKETS; i++)
        while (ls->blobs[i]) {
            Blob *b = ls->blobs[i];
            ls->blobs[i] = b->next;
            blob_free(ls, b);
        }
    while (ls->puts)
        put_end(ls, ls->puts, false);
}
