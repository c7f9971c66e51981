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
    const char *dir; /* exists */
    uint64_t salt;   /* random: makes records in stale bytes impossible to forge */
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
/* Records up to `covered` are needed no more.  If that is all of them, one small segment remains. */
void wal_recycle(Wal *w, Lsn covered);

Lsn wal_last(const Wal *w); /* 0 = none yet */
Lsn wal_synced(const Wal *w);
/* A segment for later is wanted; wal_prepare makes it (zeros, fsync: tens of milliseconds). */
bool wal_wants_spare(Wal *w);
bool wal_prepare(Wal *w, Err *e) MUST_CHECK;

#endif
