/* storage/store.h - the store seam: everything durable of a store shard goes through this table.
 *
 * Two back ends today: store_local (files in a data directory) and store_slow (in memory, every
 * completion delayed and reordered at random: the conformance suite runs on both from day one).
 * Every call is asynchronous: it ends in a Completion; store_local may complete before it returns.
 * Threads: any; completions are posted by waking the waiter's task. */
#ifndef SKULK_STORAGE_STORE_H
#define SKULK_STORAGE_STORE_H

#include "base/io.h"
#include "base/task.h"
#include "storage/part.h"

typedef struct Completion {
    Task *waiter; /* woken when done is set; may be NULL: poll */
    bool polled; /* the step that makes the call looks at done afterwards: no wake from within it */
    atomic_bool done;
    bool ok;
    bool sync_failed; /* with !ok: what is on the disk is not known; no second try */
    uint64_t value;   /* log_append: first LSN; commit: new version; blob_put: size */
    Err err;
} Completion;

typedef uint64_t BlobId; /* kind << 56 | number; numbers are never reused */
typedef enum BlobKind {
    BLOB_PART = 0,
    BLOB_SERIES = 1,
    BLOB_CATALOG = 2,
    BLOB_SERIES_COPY = 3, /* the second of each: see storage/cache.h */
    BLOB_CATALOG_COPY = 4,
    BLOB_KINDS
} BlobKind;
static inline BlobId blob_id(BlobKind kind, uint64_t number)
{
    return (uint64_t)kind << 56 | number;
}
static inline BlobKind blob_kind(BlobId id)
{
    return (BlobKind)(id >> 56);
}
static inline uint64_t blob_number(BlobId id)
{
    return id & ((UINT64_C(1) << 56) - 1);
}

typedef struct StoreUsage { /* bytes that the store takes, as du counts them */
    int64_t blobs[BLOB_KINDS];
    int64_t manifest, log, reserve, other;
} StoreUsage;

typedef struct LogState {
    int64_t files, bytes; /* segments, spare ones included */
    bool archives;
    uint64_t archived;   /* epoch of the newest segment in the archive; 0 = none since the start */
    int64_t archived_ns; /* wall clock of its copy */
    int64_t waiting;     /* finished segments that are not copied yet, and their bytes */
    int64_t waiting_bytes;
    Err archive_err; /* code 0: the last copy went well */
} LogState;

typedef struct LogExtent { /* of one log segment */
    uint64_t file, epoch;
    Lsn first_lsn;
    int64_t bytes; /* from its begin on */
} LogExtent;

typedef struct LogPosition {
    Lsn last;                 /* record */
    int64_t ms;               /* its wall clock, 0 = unknown */
    Buf extents;              /* LogExtent, oldest first */
    uint64_t archive_waiting; /* segments */
} LogPosition;

typedef enum BlobFate { BLOB_KEEP, BLOB_DELETE, BLOB_ORPHAN } BlobFate;

enum { LOG_PAYLOAD_MAX = 1 << 30 }; /* of one frame; longer: PROGRAM_LIMIT, nothing is written */

typedef struct LogFrame {
    uint8_t type, flags;
    Slice payload;
} LogFrame;

typedef struct Store Store;
typedef struct StoreOps {
    const char *name;
    /* Appends frames in order as one group; durable at completion when sync.  n = 0 with sync: what was
     * appended before is durable at completion; without: nothing waits for the log just now, it may do what it
     * put off.  The frames are borrowed until done. */
    void (*log_append)(Store *s, const LogFrame *frames, size_t n, uint64_t epoch, bool sync,
                       Completion *c);
    /* Blocking at open only: replays records with lsn > after, in order. */
    bool (*log_read)(Store *s, Lsn after,
                     bool (*each)(void *arg, Lsn lsn, const LogFrame *f, Err *e), void *arg,
                     Err *e);
    void (*log_recycle)(Store *s, Lsn covered); /* records up to here are needed no more */
    /* Pieces in order; durable after last.  Borrowed until done.  A failed put leaves nothing. */
    void (*blob_put)(Store *s, BlobId id, Slice bytes, bool last, Completion *c);
    PinStatus (*blob_pin)(Store *s, BlobId id, uint64_t offset, size_t len, Task *waiter,
                          const uint8_t **ptr, Err *e);
    void (*blob_unpin)(Store *s, BlobId id, const uint8_t *ptr, size_t len);
    void (*blob_prefetch)(Store *s, BlobId id, uint64_t offset, size_t len);
    void (*blob_drop)(Store *s, BlobId id); /* after the last reader */
    /* All or nothing: the manifest edit, if epoch and version are the expected ones (SERIALIZATION). */
    void (*commit)(Store *s, Slice edit, uint64_t epoch, uint64_t version, Completion *c);
    bool (*manifest_read)(Store *s, bool (*each)(void *arg, Slice edit, Err *e), void *arg,
                          Err *e);                    /* at open */
    bool (*lease)(Store *s, uint64_t *epoch, Err *e); /* sole writer of the shard; a new epoch */
    uint64_t (*watch)(Store *s);                      /* newest committed version */
    int64_t (*time_ns)(Store *s);
    void (*close)(Store *s);
    /* As commit, but this edit replaces all older ones (the manifest starts anew). */
    void (*commit_snapshot)(Store *s, Slice edit, uint64_t epoch, uint64_t version, Completion *c);
    /* At open, blocking: asks for each blob that is there what becomes of it. */
    bool (*blob_sweep)(Store *s, BlobFate (*fate)(void *arg, BlobId id), void *arg, Err *e);
    bool (*usage)(Store *s, StoreUsage *out, Err *e); /* blocking: walks the files */
    void (*log_state)(Store *s, LogState *out);       /* at once, from any thread */
    /* Room that is kept for a full disk: takes `bytes` (DISK_FULL: there are not so many), or with 0
     * gives them up.  Blocking. */
    bool (*reserve)(Store *s, int64_t bytes, Err *e);
    /* Syncs the log, then says which bytes hold its records.  They stay until log_recycle. */
    void (*log_position)(Store *s, LogPosition *out, Completion *c);
    /* The file's name in the store's directory; false: this store has no files. */
    bool (*blob_name)(Store *s, BlobId id, char *name, size_t size);
    void (*blob_abort)(
        Store *s, BlobId id); /* forgets an unfinished put; no completion of it comes afterwards */
} StoreOps;

struct Store {
    const StoreOps *ops;
    const Err *worn; /* damage that a second copy made good at open; NULL: none */
    bool
        mapped; /* blob_pin of a whole blob is cheap, never waits, and may last as long as the blob */
};

bool store_local_open(Store **out, const char *dir, int flags, const Io *io, Sched *sched,
                      Err *e) MUST_CHECK;
/* Between open and log_read: finished log segments are copied to this directory, which is made. */
bool store_local_archive(Store *s, const char *dir, int64_t hold_max, Err *e) MUST_CHECK;
bool store_slow_open(Store **out, Sched *sched, uint64_t seed, Err *e) MUST_CHECK;

#endif
