/* storage/log.h - the write-ahead log: segments of crc-framed records in one directory.
 *
 * Bytes and the rules of recovery are in docs/format.md ("log").  A segment is preallocated,
 * filled with zeros and used again under a new epoch; a group of records never spans two segments.
 * It knows nothing of rows: a record is a type, flags and bytes (LogFrame of storage/store.h).
 * A failed fdatasync is final: every later call fails with IO until the log is opened again.  A
 * failed write (full disk) is not: the segment is left and the next append takes another.
 * Not its business: who waits for whom (store_local does group commit), what is covered by files.
 * Threads: one caller at a time, but wal_prepare may run beside the others. */
#ifndef SKULK_STORAGE_LOG_H
#define SKULK_STORAGE_LOG_H

#include "base/clock.h"
#include "storage/store.h"

enum {
    WAL_HEADER_BYTES = 64,
    WAL_RECORD_BYTES = 32, /* before the payload; records start at multiples of 8 */
    WAL_SEGMENT_MIN = 1 << 20,
    WAL_SEGMENT_MAX = 64 << 20,
    WAL_SPARES_MAX = 2,
};

typedef struct Wal Wal;

typedef struct WalOptions {
    const Io *io;
    const char *dir;    /* exists */
    uint64_t salt;      /* random: makes records in stale bytes impossible to forge */
    const Clock *clock; /* gives records their time; NULL: they have none */
    bool read_only;
    bool repair;  /* go on behind damaged records, naming what is lost */
    bool inspect; /* offline check: as read_only, and damage goes to wal_read's error only */
} WalOptions;

typedef bool (*WalEach)(void *arg, Lsn lsn, const LogFrame *f, Err *e);

bool wal_open(Wal **out, const WalOptions *o, Err *e) MUST_CHECK;
void wal_close(Wal *w); /* NULL is fine; does not sync */

/* Once, before the first append: gives the records after `after` in order, finds the end, cuts a
 * torn tail.  DATA_CORRUPTED: acknowledged records are damaged (never with `repair`). */
bool wal_read(Wal *w, Lsn after, WalEach each, void *arg, Err *e) MUST_CHECK;

/* Writes the frames as one group; *first is the LSN of the first.  Not durable before wal_sync. */
bool wal_append(Wal *w, const LogFrame *frames, size_t n, Lsn *first, Err *e) MUST_CHECK;
bool wal_sync(Wal *w, Err *e) MUST_CHECK;
/* Nothing waits for the log just now: a mark goes behind the last record that all before it is durable.  From
 * then on damage to that record can be told from a torn tail. */
void wal_settle(Wal *w);
/* Records up to `covered` are needed no more.  If that is all of them, one small segment remains. */
void wal_recycle(Wal *w, Lsn covered);

Lsn wal_last(const Wal *w); /* 0 = none yet */
/* Which bytes of which segments hold the records up to wal_last; buf_free(&out->extents). */
void wal_position(const Wal *w, LogPosition *out);
void wal_state(Wal *w, LogState *out); /* beside the other calls, from any thread */
void wal_segment_name(char *name, size_t size, uint64_t file); /* in the log's directory */
Lsn wal_synced(const Wal *w);
/* A segment for later is wanted; wal_prepare makes it (zeros, fsync: tens of milliseconds). */
bool wal_wants_spare(Wal *w);
bool wal_prepare(Wal *w, Err *e) MUST_CHECK;

/* ---- archive: finished segments are copied to another directory before they are used again ---- */

/* Between wal_open and wal_read.  The directory exists.  hold_max: bytes of log that may wait for the
 * archive; beyond it the oldest segment is used again without a copy, loudly. */
void wal_archive_to(Wal *w, const char *dir, int64_t hold_max);
/* Copies the oldest finished segment that is not there yet; beside the other calls, one at a time. */
bool wal_archive_one(Wal *w, bool *did, Err *e) MUST_CHECK;
uint64_t wal_archive_waiting(Wal *w); /* segments */
void wal_archive_name(char *name, size_t size, uint64_t dir_id, uint64_t epoch);

/* ---- reading a segment that belongs to no open log: restore ---- */
typedef struct WalLimit {
    Lsn lsn_max;
    int64_t ms_max; /* wall clock */
    WalEach each;   /* called for the records within the limit; may be NULL */
    void *arg;
} WalLimit;
typedef struct WalScan {
    uint64_t epoch;
    Lsn first, last; /* last: of the records within the limit; first - 1 = none */
    int64_t bytes;   /* header and these records */
    int64_t size;    /* of the segment in use, as its header says; 0 = unknown */
    int64_t last_ms;
    Lsn next_lsn; /* of the first record beyond the limit; 0 = none was met */
    int64_t next_ms;
} WalScan;
bool wal_segment_scan(const Io *io, const char *path, const WalLimit *limit, WalScan *out,
                      Err *e) MUST_CHECK;

#endif
