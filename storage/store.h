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
    Task *waiter;        /* woken when done is set; may be NULL: poll */
    atomic_bool done;
    bool ok;
    uint64_t value;      /* log_append: first LSN; commit: new version; blob_put: size */
    Err err;
} Completion;

typedef uint64_t BlobId; /* file number; never reused */

typedef struct LogFrame {
    uint8_t type, flags;
    Slice payload;
} LogFrame;

typedef struct Store Store;
typedef struct StoreOps {
    const char *name;
    /* Appends frames in order as one group; durable at completion when sync. */
    void (*log_append)(Store *s, const LogFrame *frames, size_t n, uint64_t epoch, bool sync, Completion *c);
    /* Blocking at open only: replays records with lsn > after, in order. */
    bool (*log_read)(Store *s, Lsn after, bool (*each)(void *arg, Lsn lsn, const LogFrame *f, Err *e), void *arg, Err *e);
    void (*log_recycle)(Store *s, Lsn covered);           /* records up to here are needed no more */
    void (*blob_put)(Store *s, BlobId id, Slice bytes, bool last, Completion *c); /* pieces in order; durable after last */
    PinStatus (*blob_pin)(Store *s, BlobId id, uint64_t offset, size_t len, Task *waiter, const uint8_t **ptr, Err *e);
    void (*blob_unpin)(Store *s, BlobId id, const uint8_t *ptr, size_t len);
    void (*blob_prefetch)(Store *s, BlobId id, uint64_t offset, size_t len);
    void (*blob_drop)(Store *s, BlobId id);               /* after the last reader */
    /* All or nothing: the manifest edit, if epoch and version are the expected ones (SERIALIZATION). */
    void (*commit)(Store *s, Slice edit, uint64_t epoch, uint64_t version, Completion *c);
    bool (*manifest_read)(Store *s, bool (*each)(void *arg, Slice edit, Err *e), void *arg, Err *e); /* at open */
    bool (*lease)(Store *s, uint64_t *epoch, Err *e);     /* sole writer of the shard; a new epoch */
    uint64_t (*watch)(Store *s);                          /* newest committed version */
    int64_t (*time_ns)(Store *s);
    void (*close)(Store *s);
} StoreOps;

struct Store {
    const StoreOps *ops;
};

bool store_local_open(Store **out, const char *dir, int flags, const Io *io, Sched *sched, Err *e) MUST_CHECK;
bool store_slow_open(Store **out, Sched *sched, uint64_t seed, Err *e) MUST_CHECK;

#endif
