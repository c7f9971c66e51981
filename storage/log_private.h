/* storage/log_private.h - a log inside: log.c opens and appends, log_read.c recovers. */
#ifndef SKULK_STORAGE_LOG_PRIVATE_H
#define SKULK_STORAGE_LOG_PRIVATE_H

#include "base/hash.h"
#include "base/log.h"
#include "base/sync.h"
#include "storage/log.h"

enum {
    WAL_VERSION = 1,
    WAL_PATH_MAX = 4096,
    WAL_PIECE = 1 << 20,    /* large groups are written in pieces of this size */
    WAL_START_BYTES = 4096, /* the disk gets such a group at once, smaller ones with their sync */
    WAL_HAS_TIMES = 1,      /* optional feature: records say when they were written */
    WAL_SIZE_AT = 48,       /* of the size in the header */
    WAL_MARK = 255,         /* type of the mark behind the last record */
};

typedef struct WalSegment {
    uint64_t file; /* number in its name */
    int fd;
    int64_t size;
    uint64_t epoch; /* grows by one with each use of a segment; 0 = header not valid */
    uint64_t salt;
    Lsn first_lsn;
    int64_t used; /* end of its records, once it is not the last */
    bool whole;   /* the file has had `size` bytes before this use: the header says so */
    int64_t want; /* what the header says; 0 = nothing */
} WalSegment;

struct Wal {
    WalOptions o;
    char *dir;
    /* fixed after wal_read, then the appender's */
    WalSegment **live; /* oldest first; the last is appended to */
    size_t live_count, live_cap;
    WalSegment **stale; /* at open: files that are no part of the chain */
    size_t stale_count, stale_cap;
    int64_t offset;     /* end of the records of the last live segment */
    bool leave_segment; /* nothing more goes into it */
    bool ghosts;        /* it may hold records of a group that failed, from `offset` on */
    WalSegment *half;   /* a segment whose first write failed: its header may be in the file */
    uint64_t attempts;
    uint64_t epoch; /* of the last live segment */
    Lsn last, synced;
    bool unsynced, marked; /* marked: wal_settle has nothing to do */
    int64_t now_ms;        /* wall clock of the group at hand */
    bool ready;            /* wal_read is through */
    bool failed;           /* for good */
    Err failure;
    Buf group;
    Mutex mutex;
    /* these need the mutex */
    WalSegment *spares[WAL_SPARES_MAX];
    size_t spare_count;
    int64_t next_size;
    uint64_t next_file;
    char *archive; /* NULL: none; fixed before wal_read */
    int64_t archive_hold_max;
    Buf archive_queue;       /* LogExtent: finished, not copied yet; oldest first */
    uint64_t archived_epoch; /* all up to here are copied, or were given up */
    LogState state;          /* but for what waits */
};

static inline uint64_t wal_load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint32_t wal_load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static inline size_t wal_record_size(size_t payload)
{
    return WAL_RECORD_BYTES + ((payload + 7) & ~(size_t)7);
}

/* Covers all but the length and itself, then what makes this use of the segment unique. */
static inline uint32_t wal_record_crc(const uint8_t *rec, size_t payload, uint64_t epoch,
                                      uint64_t salt)
{
    uint64_t tail[2] = {epoch, salt};
    uint32_t crc = crc32c(0, rec, 4);
    crc = crc32c(crc, rec + 8, WAL_RECORD_BYTES - 8 + payload);
    return crc32c(crc, tail, sizeof tail);
}

void wal_segments_push(WalSegment ***list, size_t *count, size_t *cap, WalSegment *s);
void wal_segment_path(const Wal *w, uint64_t file, char *path);
/* log_archive.c */
void wal_archive_queue(Wal *w, const WalSegment *s);
bool wal_archive_has(const Wal *w, uint64_t epoch);
bool wal_may_recycle(Wal *w, const WalSegment *s);
bool wal_header_decode(WalSegment *s, const uint8_t h[WAL_HEADER_BYTES], Err *e);

static inline int64_t wal_record_ms(const uint8_t *rec)
{
    uint64_t v = 0;
    memcpy(&v, rec + 10, 6);
    return (int64_t)v;
}

void wal_segment_delete(Wal *w, WalSegment *s);

#endif
