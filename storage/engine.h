/* storage/engine.h - the storage engine: open a data directory, write, snapshot, scan, maintain.
 *
 * Life of a write: WriteBatch -> engine_submit -> one log record -> group commit (one fdatasync
 * for all waiting) -> memtable in LSN order -> visible -> the ticket's task is woken.
 * Life of a read: engine_snapshot -> scan_open (storage/scan.h).
 * Nothing here blocks but what says so; it runs on tasks of its own inside.
 * Threads: any, except open and close. */
#ifndef SKULK_STORAGE_ENGINE_H
#define SKULK_STORAGE_ENGINE_H

#include "base/io.h"
#include "base/task.h"
#include "storage/batch.h"
#include "storage/catalog.h"
#include "storage/tombstone.h"

typedef struct Engine Engine;
typedef struct Snapshot Snapshot;
typedef struct Txn Txn;

enum {
    ENGINE_READ_ONLY = 1,
    ENGINE_REPAIR = 2,
    ENGINE_PREAD = 4 /* no mmap (library) */,
    ENGINE_CREATE = 8
};

typedef struct EngineOptions {
    const char *dir;
    int flags;
    const Io *io;           /* NULL = io_real */
    Sched *sched;           /* must outlive the engine */
    int64_t memtable_max;   /* bytes; 0 = min(64 MiB, RAM/16) */
    int64_t log_max;        /* bytes since the last flush; 0 = 256 MiB */
    int64_t flush_after_ns; /* 0 = 10 min */
    int64_t reserve;        /* bytes kept for a full disk; 0 = min(64 MiB, memtable_max) */
    uint64_t series_max, series_max_per_table; /* 0 = none */
    int64_t series_later_max; /* bytes of new series beside their snapshot; 0 = 1 MiB */
    Budget *budget;           /* memtable, series index and cache; may be NULL */
    const char *archive_dir;  /* finished log segments are copied there; or NULL */
    int64_t archive_hold_max; /* bytes of log that may wait for the archive; 0 = 4 GiB */
    Budget *cache;            /* decoded directories of files; NULL: 64 MiB */
    Budget *mapped; /* pages of mapped files: those least recently read give way beyond its limit */
} EngineOptions;

/* Blocking: locks the directory (OBJECT_IN_USE names the pid), recovers, starts its tasks.
 * Refuses foreign or newer formats by name; damaged acknowledged data without ENGINE_REPAIR. */
bool engine_open(Engine **out, const EngineOptions *o, Err *e) MUST_CHECK;
/* Blocking: waits for running tasks; flush: writes the memtable first (clean stop). */
void engine_close(Engine *eng, bool flush);

SeriesIndex *engine_index(Engine *eng);
const Budget *engine_index_budget(const Engine *eng); /* memory of the series index */
CatalogSnap *engine_catalog(Engine *eng);             /* a reference to the newest; caller unrefs */
Sched *engine_sched(Engine *eng);

/* ---- writes ---- */
typedef enum SyncMode { SYNC_ON, SYNC_OFF } SyncMode;

typedef struct Ticket {
    Task *waiter; /* woken when done is set; may be NULL */
    atomic_bool done;
    bool ok; /* valid once done */
    Lsn lsn;
    int64_t freed; /* by a vacuum: bytes of the files that went less those that came */
    Err err; /* DISK_FULL, IO (read-only until restart), OUT_OF_MEMORY (overload: try later) */
} Ticket;

/* Takes the batch.  The ticket must stay alive until done. */
void engine_submit(Engine *eng, WriteBatch *take_wb, SyncMode sync, Ticket *t);
/* A delete by series and time: hides the rows of the table that were written before it (its place is
 * its LSN), wherever they are.  Rows written later are seen. */
typedef struct DeleteSpec {
    TableId table;
    SeriesSet *series;    /* NULL = all of the table; referenced */
    int64_t t_min, t_max; /* inclusive */
} DeleteSpec;
void engine_delete(Engine *eng, const DeleteSpec *d, SyncMode sync, Ticket *t);
/* n values for COLUMN_ROW (rows of `keep` tables, storage/batch.h): the first of n that follow each
 * other.  Never given twice, also after a restart; larger than all given before. */
int64_t engine_row_ids(Engine *eng, size_t n);
/* Catalog change outside a transaction (schema on write): applied at once, in memory, against the newest catalog;
 * its log record precedes every later batch.  edits with a stale expect_version fail with SERIALIZATION: look again. */
bool engine_edit_catalog(Engine *eng, const CatEdit *edits, size_t n, Err *e) MUST_CHECK;
ObjectId engine_new_id(
    Engine *eng); /* ids of new tables, schemas, databases; logged with their edit */

/* ---- transactions: a private segment, private catalog edits ---- */
Txn *txn_begin(Engine *eng);
void txn_set_who(Txn *t, int32_t who); /* for engine_locks; before its first lock */
bool txn_write(Txn *t, WriteBatch *take_wb,
               Err *e) MUST_CHECK; /* visible to this transaction's snapshots only */
/* So many rows wait to be written into a file beside the memtable that the caller should: true: the
 * waiter is woken.  A large COPY asks before each batch; who does not ask needs more memory. */
bool txn_full(Txn *t, Task *waiter);
bool txn_delete(Txn *t, const DeleteSpec *d, Err *e) MUST_CHECK; /* after its own writes so far */
bool txn_edit_catalog(Txn *t, const CatEdit *edits, size_t n, Err *e) MUST_CHECK;
CatalogSnap *txn_catalog(Txn *t); /* reference: newest committed + own edits */
typedef struct TxnMark {
    size_t segment_rows, segment_bytes, edits;
    uint64_t opaque[4];
} TxnMark;
TxnMark txn_savepoint(Txn *t);
void txn_rollback_to(Txn *t, TxnMark m);
bool txn_has_writes(const Txn *t);
/* REPEATABLE READ: from now on its snapshots are the database as `base` saw it and its own writes
 * (but for the catalog), and txn_lock_table refuses tables that were changed under a lock since.
 * Rows and series of a table that others drop or truncate stay for as long as `base` is kept; they
 * are found under the table's old id, which snapshot_catalog(base) has. */
void txn_keep_snapshot(Txn *t, Snapshot *base);

/* The table's write lock, to the end of the transaction: for UPDATE, DELETE, ON CONFLICT, DDL and
 * the check of keys.  Take the statement's snapshot after it.  Savepoints do not give it back.
 * LOCK_WAIT: the waiter is woken (also at the deadline, monotonic ns; 0 = none): call again; or
 * txn_lock_cancel.  LOCK_FAIL: LOCK_NOT_AVAILABLE (the deadline), DEADLOCK_DETECTED, SERIALIZATION
 * (a table that changed under a lock since the kept snapshot). */
typedef enum LockStatus { LOCK_OK, LOCK_WAIT, LOCK_FAIL } LockStatus;
LockStatus txn_lock_table(Txn *t, TableId table, int64_t deadline_ns, Task *waiter, Err *e);
void txn_lock_cancel(Txn *t); /* waits no more; keeps what it has */
/* Who has or wants a table's write lock; the callback runs under a mutex (RANK_TXN). */
typedef void (*LockEach)(void *arg, TableId table, int32_t who, bool granted);
void engine_locks(Engine *eng, LockEach each, void *arg);

/* ---- temporary tables: of one session, in memory and beside the log ----
 * Tables, views and sequences of the schema temp_schema(): made with txn_edit_catalog (the schema
 * first), written and read through transactions that use the space.  It lives from transaction to
 * transaction: temp_begin, then temp_commit (false: no table is left) or temp_rollback; txn_rollback
 * and a commit that fails leave it to the caller. */
typedef struct TempSpace TempSpace;
enum { TEMP_SERIES = 1 }; /* all rows of temporary tables: they are in no index */
TempSpace *temp_new(Engine *eng);
void temp_free(TempSpace *t);
ObjectId temp_schema(const TempSpace *t);
void temp_begin(TempSpace *t); /* again and again within a transaction */
bool temp_commit(TempSpace *t);
void temp_rollback(TempSpace *t);
void temp_truncate(TempSpace *t, TableId table); /* all rows, for good */
/* `base` with what it has; a reference.  t may be NULL. */
CatalogSnap *temp_catalog(TempSpace *t, const CatalogSnap *base);
void txn_use_temp(Txn *t, TempSpace *temp);

/* One log group and one publish; takes the transaction.  SERIALIZATION on a catalog conflict.
 * Locks are given up when the outcome is known. */
void txn_commit(Txn *take_t, SyncMode sync, Ticket *ticket);
void txn_rollback(Txn *take_t);

/* ---- reads ---- */
Snapshot *engine_snapshot(Engine *eng, Txn *own /* may be NULL */); /* immutable view; unref soon */
Snapshot *snapshot_ref(Snapshot *s);
void snapshot_unref(Snapshot *s);
const CatalogSnap *snapshot_catalog(const Snapshot *s);
Engine *snapshot_engine(const Snapshot *s);
int64_t snapshot_wall(const Snapshot *s); /* wall clock when it was taken */

/* ---- maintenance: asynchronous, ticket as above ---- */
void engine_checkpoint(Engine *eng, Ticket *t); /* flush and recycle the log */
void engine_vacuum(Engine *eng, TableId table /* 0 = all */,
                   Ticket *t); /* flush, then compact to the last level */

/* A copy of all that was acknowledged before, made while writes go on: a directory that
 * backup_verify and backup_restore take and that opens with ENGINE_READ_ONLY (storage/backup.h). */
void engine_backup(Engine *eng, const char *target, Ticket *t);

typedef struct StorageKind {
    const char *kind;
    int64_t bytes;
} StorageKind; /* files series_index manifest log reserve other */
/* Blocking: du of the directory; or what it was at most so long ago. */
size_t engine_storage(Engine *eng, StorageKind *out, size_t max, int64_t age_max_ns, Err *e);
typedef struct FileInfo {
    char name[64];
    int level;
    uint64_t rows, bytes;
    uint64_t dead_bytes; /* about: the share of rows of dropped tables */
    int64_t t_min, t_max;
    uint32_t tables;
} FileInfo;
size_t snapshot_files(const Snapshot *s, FileInfo *out, size_t max);

typedef struct TableInfo { /* as metadata tells: newer versions and deleted rows count too */
    uint64_t rows, bytes;  /* bytes: the table's share of files and memory */
    uint64_t files;
    int64_t t_min, t_max; /* rows > 0 */
} TableInfo;
void snapshot_table_info(const Snapshot *s, TableId table, TableInfo *out);
/* Rows and times of it quickly and roughly, for estimates: rows of files by their row groups. */
void snapshot_table_about(const Snapshot *s, TableId table, TableInfo *out);
/* Values of a field of numbers by the statistics of a few row groups and a few rows in memory. */
typedef struct ColumnAbout {
    double rows, values; /* looked at; of them not NULL.  0: nothing is known */
    double min, max;     /* values > 0 */
    bool whole;          /* they are integers */
} ColumnAbout;
void snapshot_column_about(const Snapshot *s, TableId table, ColumnId column, ColumnAbout *out);
/* The same of a temporary table; false: it is none of these. */
bool temp_table_about(const TempSpace *t, TableId table, TableInfo *out);
bool temp_column_about(const TempSpace *t, TableId table, ColumnId column, ColumnAbout *out);

typedef struct WalInfo {
    uint64_t epoch;
    int64_t segments, bytes; /* on disk, spare segments included */
    int64_t unflushed;       /* bytes written since the last flush began */
    Lsn visible, covered;    /* records that readers see; that are in files */
    bool archives;           /* the rest only then */
    uint64_t archived;   /* number of the newest segment in the archive; 0 = none since the start */
    int64_t archived_ns; /* wall clock of its copy */
    int64_t archive_waiting, archive_waiting_bytes; /* finished segments that are not copied yet */
    Err archive_err;                                /* code 0: the last copy went well */
} WalInfo;
void engine_wal_info(Engine *eng, WalInfo *out);

typedef struct CompactionInfo {
    uint64_t number;    /* from 1 since the start */
    int64_t started_ns; /* wall clock */
    int64_t duration_ns;
    const char *reason;
    int level; /* of the outputs */
    uint64_t inputs, outputs, rows_in, rows_out, bytes_in, bytes_out;
    bool running, failed;
} CompactionInfo;
size_t engine_compactions(Engine *eng, CompactionInfo *out, size_t max); /* newest first */

typedef struct EngineStats { /* counters for /metrics; all since start */
    _Atomic uint64_t rows_written, batches_written, syncs, log_bytes, flushes, flush_bytes,
        compactions, compact_bytes;
    _Atomic uint64_t memtable_bytes, memtable_rows, files, blocks_damaged;
    _Atomic int64_t scrubbed_ns; /* wall time of the last scrub; 0 = none yet */
} EngineStats;
const EngineStats *engine_stats(Engine *eng);
bool engine_writable(Engine *eng, Err *e); /* false: why rows are refused now */
/* The same for deletes and catalog changes: they may go on while the disk is full. */
bool engine_deletable(Engine *eng, Err *e);

/* Offline check of a data directory: every checksum.  each() gets every damage; false if any, or,
 * without a damage, if it cannot be checked: missing, in use, of another format. */
bool engine_check_dir(const Io *io, const char *dir, void (*each)(void *arg, const Err *e),
                      void *arg, Err *e) MUST_CHECK;

#endif
