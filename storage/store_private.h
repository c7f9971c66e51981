/* storage/store_private.h - the parts of store_local: directory, blobs, queues.
 *
 * store_local.c opens the directory (lock, format file), store_local_blob.c keeps the files,
 * store_local_queue.c runs log and manifest, each with one leader at a time. */
#ifndef SKULK_STORAGE_STORE_PRIVATE_H
#define SKULK_STORAGE_STORE_PRIVATE_H

#include "base/sync.h"
#include "storage/log.h"
#include "storage/manifest_file.h"
#include "storage/store.h"

enum {
    STORE_PATH_MAX = 4096,
    STORE_MANIFEST_KEEP = 1 << 20,
    BLOB_BUCKETS = 1024,
    BLOB_FDS_MAX = 256, /* descriptors of files that are read with pread */
};

typedef enum RequestKind {
    REQ_APPEND,
    REQ_RECYCLE,
    REQ_POSITION,
    REQ_COMMIT,
    REQ_SNAPSHOT
} RequestKind;

typedef struct Request {
    struct Request *next;
    RequestKind kind;
    const LogFrame *frames;
    size_t n;
    bool sync;
    Lsn covered;
    LogPosition *position;
    Slice edit;
    uint64_t epoch, version;
    Completion *c;
    bool ok;
    uint64_t value;
} Request;

typedef struct Lane { /* requests in order; who finds it idle serves all that are waiting */
    Mutex mutex;
    Request *head, **tail; /* these need the mutex */
    bool busy;
} Lane;

/* A file that was read.  Mapped: while it is pinned, without a descriptor.  Else its descriptor is kept,
 * but for BLOB_FDS_MAX files at most. */
typedef struct Blob {
    struct Blob *next; /* in its bucket */
    BlobId id;
    int fd; /* -1: none */
    uint64_t size;
    const uint8_t *map;
    size_t pins;   /* pointers into the mapping, and reads under way */
    uint64_t used; /* when last, in pins */
} Blob;

typedef struct BlobPut { /* a file being written as x.tmp */
    struct BlobPut *next;
    BlobId id;
    int fd;
    int64_t size;
    int64_t waited; /* up to here the disk has been waited for */
    bool failed;
} BlobPut;

typedef struct LocalStore {
    Store base;
    const Io *io;
    Sched *sched; /* may be NULL: no spare segments are prepared */
    char *dir;
    int flags;
    int lock_fd;
    uint64_t dir_id;
    Err format_worn;
    uint64_t epoch;
    Wal *wal;
    ManifestFile *mf;
    Lane log_lane, manifest_lane;
    /* spare segments */
    Task spare_task;
    bool spare_running;
    atomic_bool closing, spare_gone;
    atomic_bool lean; /* the disk is full: nothing is prepared */
    int64_t spare_retry_ns;
    bool archive_late;    /* the last copy to the archive failed; the spare task's own */
    _Atomic Lsn recycled; /* as asked for last */
    Mutex blob_mutex;
    /* these need the mutex */
    Blob *blobs[BLOB_BUCKETS];
    size_t blob_fds; /* open in blobs */
    uint64_t blob_clock;
    BlobPut *puts;
} LocalStore;

static inline LocalStore *local(Store *s)
{
    return (LocalStore *)s;
}

/* The text of the format file. */
void local_format_text(Buf *b, uint64_t id);
void completion_end(Completion *c, bool ok, uint64_t value, const Err *e);

/* store_local_blob.c */
void local_blob_path(const LocalStore *ls, BlobId id, const char *suffix, char *path);
bool local_blob_parse(const char *name, BlobId *id);
void local_blob_put(Store *s, BlobId id, Slice bytes, bool last, Completion *c);
PinStatus local_blob_pin(Store *s, BlobId id, uint64_t offset, size_t len, Task *waiter,
                         const uint8_t **ptr, Err *e);
void local_blob_unpin(Store *s, BlobId id, const uint8_t *ptr, size_t len);
void local_blob_prefetch(Store *s, BlobId id, uint64_t offset, size_t len);
void local_blob_drop(Store *s, BlobId id);
void local_blob_abort(Store *s, BlobId id);
void local_blobs_close(LocalStore *ls);

/* store_local_queue.c */
void lane_init(Lane *l);
void lane_destroy(Lane *l);
void local_log_append(Store *s, const LogFrame *frames, size_t n, uint64_t epoch, bool sync,
                      Completion *c);
void local_log_recycle(Store *s, Lsn covered);
void local_log_position(Store *s, LogPosition *out, Completion *c);
bool local_blob_name(Store *s, BlobId id, char *name, size_t size);
void local_commit(Store *s, Slice edit, uint64_t epoch, uint64_t version, Completion *c);
void local_commit_snapshot(Store *s, Slice edit, uint64_t epoch, uint64_t version, Completion *c);
void local_spares_start(LocalStore *ls);
void local_spares_stop(LocalStore *ls);

#endif
