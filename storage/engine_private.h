/* storage/engine_private.h - the engine's insides, shared by its files:
 *
 *   engine.c          open, close, settings, statistics, storage kinds
 *   engine_write.c    submit, the log writer: log -> memtable -> sync -> visible
 *   engine_edits.c    changes of the catalog: in force at once, taken back if the disk is full
 *   engine_mem.c      the memtable's list of segments, sealing
 *   engine_flush.c    sealed segments -> one L0 file -> manifest -> log recycled
 *   engine_space.c    a full disk: the reserve, who may still write
 *   engine_pick.c     which files are merged when
 *   engine_compact.c  compaction; vacuum; files nobody needs
 *   engine_repair.c   --repair: what can be read of damaged files is kept
 *   engine_scrub.c    reads all files once a week
 *   engine_series.c   the series index: snapshots of it, series of dropped tables, its files at start
 *   engine_recover.c  start: manifest, files, catalog, series, log
 *   engine_backup.c   a copy of the directory while writes go on
 *   engine_cache.c    pages of mapped files
 *   version.c         part lists and snapshots      txn.c  transactions      temp.c  temporary tables
 *   engine_delete.c   range deletes                 lock.c  write locks of tables
 *   engine_watch.c    what was changed below a line (watch.h)
 *
 * Tasks (steps of a few milliseconds): writer (TASK_BLOCKING); sealer, flusher, compactor, keeper (of the
 * series index), and one for each backup and each large transaction (TASK_BACKGROUND).
 * One mutex (RANK_STORE) guards what the tasks share; nothing slow happens under it. */
#ifndef SKULK_STORAGE_ENGINE_PRIVATE_H
#define SKULK_STORAGE_ENGINE_PRIVATE_H

#include "storage/cache.h"
#include "storage/compact.h"
#include "storage/lock.h"
#include "storage/manifest.h"
#include "storage/store.h"
#include "storage/version.h"
#include "storage/watch.h"
#include "storage/window.h"

enum {
    ENGINE_QUEUE_BYTES_MAX = 64 << 20, /* waiting for the log; beyond: overload */
    ENGINE_GROUP_BYTES = 16 << 20,     /* of one group commit */
    ENGINE_L0_FILES = 4,               /* as many start a compaction */
    ENGINE_L1_FILES = 8,               /* of one time range */
    ENGINE_MANIFEST_EDITS = 512,       /* as many start the manifest anew */
    ROW_ID_EPOCH_SHIFT = 40,           /* row ids: epoch of the store, then a counter */
};
#define ENGINE_STEP_NS     (2 * NS_PER_MS)
#define ENGINE_SYNC_OFF_NS (100 * NS_PER_MS)
#define ENGINE_RETRY_NS    (500 * NS_PER_MS) /* after a failed flush or compaction */
#define ENGINE_CLOSED_NS   (3600 * NS_PER_S)
#define ENGINE_QUIET_NS    (60 * NS_PER_S) /* no new file in a closed window for so long: last level */

typedef enum RecordType {
    REC_CATALOG = 1, /* cat_version after it, then edits */
    REC_SERIES = 2,  /* idx_encode */
    REC_ROWS = 3,    /* wb_encode */
    REC_DELETE = 4,  /* tomb_encode */
    REC_TXN_BEGIN = 5,
    REC_TXN_COMMIT = 6,
    REC_FILE = 7,  /* rows of a large transaction are in this file: its item of the manifest */
    REC_WATCH = 8, /* watch_edit_encode */
} RecordType;
enum { REC_IN_TXN = 1 }; /* flag: counts only if the group's commit record is there */

typedef struct PartList { /* immutable, counted */
    Ref ref;
    size_t count, damaged_count;
    VersionPart *parts;
    VersionDamage *damaged;
    struct EngineFile **damaged_files; /* referenced: they own the errors */
    TombList *tombs;
    size_t mem_count; /* the oldest segments: those that are in the list */
} PartList;

typedef struct EngineFile { /* a file of the manifest */
    Ref ref;
    Engine *eng;
    ManifestPart info;
    Part *part; /* NULL: damaged, see err */
    Err err;
    struct FileSource *source;
    int64_t created_ns; /* monotonic */
    /* the compactor's own, see engine_pick.c */
    bool quarantined;    /* a part of it cannot be read: it is served, but not merged */
    uint64_t class_seen; /* version of the catalog that the next four are true for */
    ExpiryClass class;   /* of its first table that is still there */
    bool mixed;          /* its tables are not all of one class */
    bool has_class;      /* some table is still there */
    uint64_t dead_rows;  /* of dropped tables */
} EngineFile;

typedef struct MemSegment { /* needs the mutex, but rows are appended by the writer without it */
    Segment *segment;       /* NULL once sealed */
    Part *sealed;
    EngineFile *file; /* sealed is this file, which a log record names: a large transaction's */
    Lsn lsn;          /* of that record */
    size_t visible;   /* rows that readers may see */
    size_t rows;      /* all rows, once closed */
    bool closed;      /* takes no more rows */
    bool sealing;     /* somebody is at it */
    bool flushing;    /* taken by the flush under way */
    uint8_t folds;    /* how often its rows were folded (engine_fold.c); FOLD_NEVER: no use */
    bool settled;     /* nor in a pause */
    bool continues;   /* begins inside a group: may not begin the log's uncovered part */
    Lsn first_lsn;    /* first record with rows here (of its group); 0 = empty */
    uint64_t serial;  /* grows */
    int64_t born_ns;
} MemSegment;

typedef struct WriteItem { /* one log record: rows, a range delete, a watch, or rows in a file */
    WriteBatch *wb;
    Tombstone *tomb;
    WatchEdit *watch;
    EngineFile *file; /* in no manifest; deleted with the item unless it is taken */
    Buf payload;
} WriteItem;

typedef struct WriteRequest {
    struct WriteRequest *next;
    Ticket *ticket; /* NULL: nobody waits */
    SyncMode sync;
    bool txn;                       /* frames between begin and commit records */
    Buf catalog;                    /* payload of REC_CATALOG; empty = none */
    CatalogSnap *base;              /* of a transaction that has one: the catalog before it ... */
    struct WriteRequest *next_edit; /* ... and those with one, in order; needs the mutex */
    WriteItem *items;
    size_t count, cap;
    size_t bytes;
    LockOwner *locks; /* write locks of tables: given up once the outcome is seen; may be NULL */
} WriteRequest;

typedef struct Waiter { /* a checkpoint or vacuum somebody waits for */
    struct Waiter *next;
    Ticket *ticket;
    bool vacuum;
    TableId table;
    uint64_t id; /* grows; a flush serves all with a smaller id than its own start */
    bool flushed;
} Waiter;

typedef enum WriterState { WRITER_IDLE, WRITER_APPEND, WRITER_SYNC } WriterState;

typedef struct Writer { /* the writer task's own */
    Task task;
    WriterState state;
    WriteRequest *group;
    Completion completion;
    LogFrame *frames;
    size_t frame_count, frame_cap;
    Buf series;             /* payload of REC_SERIES */
    uint64_t series_last;   /* serial */
    _Atomic Lsn series_lsn; /* the record of series that was encoded last has at most this one */
    Buf tombs;              /* Tombstone *: of this group, not visible yet */
    WatchBuild *watching;   /* what this group does to watches; NULL: there are none */
    Lsn base;               /* LSN of the first frame */
    Lsn next_lsn;
    uint64_t catalog_written; /* version of the newest catalog edit that was handed to the log */
    uint64_t catalog_logged;  /* the same of those that are in the log, synced or not */
    uint64_t trimmed;         /* what the index was told last */
    uint64_t logged;          /* series up to this serial are in the log or in .series files */
    bool want_sync;
    bool unsettled;      /* there was a sync since the log was told that nothing waits */
    int64_t sync_due_ns; /* records written but not synced: 0 = none */
    Buf carry;           /* catalog payloads whose group failed: u32 length + bytes each */
    int64_t bytes;
} Writer;

typedef enum FlushState {
    FLUSH_IDLE,
    FLUSH_MERGE,
    FLUSH_COPY,
    FLUSH_CACHES,
    FLUSH_COMMIT
} FlushState;

typedef struct CacheWrite { /* a series or catalog file being put */
    Buf bytes;
    CachePut put;
    bool active;
} CacheWrite;

typedef struct Pause { /* of a job that writes files, while a group commit waits */
    uint64_t bytes;    /* that the job had written at the last pause */
    int64_t until_ns;  /* a pause is short: the job goes on, however busy the log is */
} Pause;

typedef struct Flusher {
    Task task;
    FlushState state;
    Compact *job;        /* of FLUSH_MERGE */
    bool mixed;          /* with files of large transactions */
    Buf files;           /* ManifestPart: what was written */
    Lsn tombs_newest;    /* deletes up to this one are dissolved in them */
    VersionPart *copies; /* of FLUSH_COPY: the segments; referenced */
    Completion put;      /* of the newest of them */
    size_t segments;     /* taken from the front of the memtable */
    uint64_t serves;     /* waiters up to this id */
    Lsn covered;         /* by this flush */
    int64_t log_bytes;   /* as counted when `covered` was taken */
    CacheWrite series, catalog;
    Completion log_sync; /* nothing is covered that the log might still lose */
    ManifestSeries series_info;
    ManifestCatalog catalog_info;
    Buf edit;
    Completion completion;
    int64_t retry_ns;
    Pause pause;
    bool reserve_held;
    bool force;        /* recovery: flush whatever is sealed */
    bool asked_close;  /* since the last flush */
    atomic_bool hurry; /* a clean stop: segments become files as they are */
} Flusher;

enum { FOLD_COUNT = 8, FOLD_MAX = 64, FOLD_NEVER = UINT8_MAX };

typedef struct Folder { /* the sealer's own */
    Compact *job;       /* NULL: none under way */
    uint64_t serials[FOLD_MAX];
    size_t count;
    uint8_t folds;
    bool calm;       /* in a pause */
    int64_t seal_ns; /* when a segment was sealed last */
    Lsn applied;     /* at applied_ns, when it was seen to have changed last */
    int64_t applied_ns;
} Folder;

typedef struct Pick {   /* what is compacted next */
    EngineFile **files; /* referenced; by sequence */
    size_t count;
    int level;          /* of the output */
    const char *reason; /* NULL: what the level says */
    CompactCut *cuts;
    size_t cut_count;
} Pick;

typedef enum KeeperState { KEEPER_IDLE, KEEPER_WRITE, KEEPER_COMMIT } KeeperState;

typedef struct Keeper { /* of the series index */
    Task task;
    KeeperState state;
    SeriesWriter *writer;
    CachePut put;
    ManifestSeries info;
    bool begun, more; /* pieces were put; there are more */
    Buf piece, edit;
    Completion completion;
    int64_t retry_ns, forget_ns;
    uint64_t looked_at;   /* version of the catalog */
    CatalogSnap *catalog; /* to be looked at ... */
    uint64_t look_after;  /* ... once this round of snapshots has begun; NULL: none */
    bool detached;        /* there is something to be freed */
    Lsn named_lsn;        /* the log up to here may name series of dropped tables */
    Ticket *ticket;       /* needs the mutex: who waits for a snapshot before a clean stop */
} Keeper;

enum { COMPACTIONS_KEPT = 64 }; /* for skulk.compactions */

typedef enum CompactorState { COMPACTOR_IDLE, COMPACTOR_MERGE, COMPACTOR_COMMIT } CompactorState;

typedef struct Compactor {
    Task task;
    CompactorState state;
    Compact *job;
    Pick pick; /* the job's inputs */
    Pause pause;
    Buf edit;
    Completion completion;
    int64_t retry_ns;
    int64_t vacuum_ns;    /* files made before this are still to be vacuumed; 0 = no vacuum */
    uint64_t vacuum_id;   /* serves waiters up to this id */
    TableId vacuum_table; /* files without this table stay as they are; 0 = all */
    int64_t vacuum_freed; /* bytes of the files that went less those that came */
    struct Scrub *scrub;  /* under way; see engine_scrub.c */
    int64_t scrub_ns;     /* when to go on with it */
    Err vacuum_err;       /* damage that was left aside */
} Compactor;

struct Engine {
    EngineOptions o;
    char *dir;
    const Clock *clock;
    Sched *sched;
    Store *store;
    SeriesIndex *index;
    bool series_worn, catalog_worn; /* one copy was damaged at the start: write both anew; the
                                     * keeper's and the flusher's own */
    uint64_t epoch;
    bool read_only;
    bool lease_owed;    /* the epoch could not be raised: the disk was full */
    bool reserve_sized; /* o.reserve is what the disk could give */
    EngineStats stats;
    _Atomic uint32_t next_object;
    _Atomic uint64_t next_file;
    PartCache *part_cache;
    _Atomic int64_t look_ns, mapped_bytes; /* engine_cache.c: when next, what was charged */
    atomic_bool closing;
    _Atomic int tasks_alive;
    atomic_bool replaying; /* only the sealer runs */
    atomic_bool syncing;   /* a group commit waits for the disk: flush and compaction pause */
    atomic_bool tasks_gone;
    Writer writer;
    MemSegment *active; /* the segment that takes rows; the writer's (and recovery's) own */
    Task sealer;
    Folder folder;
    Flusher flusher;
    Compactor compactor;
    Keeper keeper;
    Budget index_budget;
    _Atomic uint64_t series_flushed; /* series up to this serial are in .series files */

    Mutex mutex;
    /* what follows needs the mutex */
    CatalogSnap *catalog;
    uint64_t catalog_durable; /* edits up to this version are on disk */
    PartList *parts;
    TombList *tombs;    /* range deletes that may still hide rows */
    WatchList *watches; /* NULL: none */
    Manifest manifest;
    uint64_t manifest_version;
    size_t manifest_edits;
    bool commit_busy; /* one manifest commit at a time */
    EngineFile **files;
    size_t file_count, file_cap;
    MemSegment **mem; /* oldest first; the last takes rows */
    size_t mem_count, mem_cap;
    size_t mem_bytes;
    bool close_active;       /* the writer is asked to begin a new segment */
    uint64_t mem_serial;     /* of the newest segment */
    uint64_t closed_serial;  /* of the last one closed on request: with it ... */
    uint64_t closed_waiters; /* ... all that these waiters wait for is in closed segments */
    bool failed;             /* writes are refused until restart */
    Err failure;
    bool disk_full;  /* rows are refused, see engine_space.c */
    bool flush_owed; /* with it: nothing was flushed since */
    Err disk_err;
    Lsn applied;       /* records up to here are in the memtable and visible */
    int64_t log_bytes; /* written since the last flush */
    WriteRequest *queue, **queue_tail;
    WriteRequest *edits, **edits_tail; /* transactions under way that change the catalog */
    size_t queue_bytes;
    Waiter *waiters;
    uint64_t waiter_id;
    size_t snapshots;        /* alive; must be 0 at close */
    uint64_t snapshot_round; /* new ones belong to it ... */
    size_t snapshots_of[2];  /* ... and are counted here, by its last bit */
    size_t backups;          /* running: no log is recycled, no blob deleted */
    CompactionInfo
        compactions[COMPACTIONS_KEPT]; /* by number; one that runs: duration = its start */
    uint64_t compaction_count;
    StoreUsage usage; /* when it was looked at last: usage_ns, 0 = never */
    int64_t usage_ns;
    Buf adopted; /* ManifestPart: files that the log has named since the oldest of them began */
    LockTable *locks;         /* has a mutex of its own */
    _Atomic int64_t next_row; /* engine_row_ids */

    Mutex garbage_mutex; /* RANK_LEAF: the last reader of a file may hold any other lock */
    /* these need it */
    BlobId *garbage; /* blobs to drop */
    size_t garbage_count, garbage_cap;
};

uint64_t engine_next_file(void *eng); /* a new file number */

static inline int64_t engine_now(const Engine *eng)
{
    return eng->clock->mono_ns(eng->clock);
}

/* While the log is replayed most tasks do not exist yet. */
static inline void engine_wake(Engine *eng, Task *t)
{
    if (!atomic_load(&eng->replaying))
        task_wake(t);
}

void ticket_end(Engine *eng, Ticket *t, bool ok, Lsn lsn, const Err *e);
/* Writes are refused from now on; needs no lock held. */
void engine_fail(Engine *eng, const Err *e);
void engine_drop_blob(Engine *eng,
                      BlobId id); /* later, on the compactor's task; any lock may be held */
void engine_drop_cache(Engine *eng, BlobId id); /* a series or catalog file, both copies */

/* version.c */
PartList *part_list_ref(PartList *l);
void part_list_unref(PartList *l);
PartList *part_list_build(Engine *eng); /* needs the mutex */
void engine_swap_parts(Engine *eng,
                       PartList **old); /* needs the mutex; *old is to be unref'd outside */

/* engine_file: in version.c */
EngineFile *file_new(Engine *eng,
                     const ManifestPart *info); /* opens it; a damaged one has part = NULL */
EngineFile *file_ref(EngineFile *f);
void file_unref(EngineFile *f);
Lsn snapshot_seen(const Snapshot *s); /* the newest record it may show */
void file_drop(EngineFile *f);        /* delete the file when its last reader leaves */

/* engine_write.c */
TaskStatus writer_step(Task *t);
void writer_fail_queue(Engine *eng, const Err *e);
void writer_free(Engine *eng);
WriteRequest *request_new(void);
void request_add(WriteRequest *r, WriteBatch *take_wb);
void request_delete(WriteRequest *r, Tombstone *take_t);
void request_watch(WriteRequest *r, const WatchEdit *edit);
/* Items from `from` to `to`: their rows are in the file now (NULL: there are none left), the deletes
 * and watches among them stay before it. */
void request_spilled(WriteRequest *r, size_t from, size_t to, EngineFile *take_f);
void request_shorten(WriteRequest *r, size_t count); /* forgets the items added last */
void request_free(WriteRequest *r);
bool request_has_rows(const WriteRequest *r);
/* Queues it; false: why it is refused now.  Needs the mutex. */
bool request_push(Engine *eng, WriteRequest *r, Err *e) MUST_CHECK;
/* Queues; takes the request, or ends its ticket with why it is refused. */
void engine_push(Engine *eng, WriteRequest *take_r);

/* engine_edits.c */
/* Applies edits to the newest catalog and queues the request that logs them, in one step. */
bool engine_apply_catalog(Engine *eng, const CatEdit *edits, size_t n, WriteRequest *r,
                          Err *e) MUST_CHECK;
/* The newest catalog without what transactions under way have changed: what may be acted upon and
 * written to files, for they may still be refused.  A new reference; needs the mutex. */
CatalogSnap *catalog_firm(const Engine *eng);
void catalog_firm_up(Engine *eng, const WriteRequest *group); /* it is decided; needs the mutex */
CatalogSnap *engine_firm_catalog(Engine *eng);                /* the same; takes the mutex */
/* The writer: this group was refused, so what its transactions changed is taken back.  Requests in the
 * queue that may build on it join the group. */
void engine_undo_edits(Engine *eng, WriteRequest *group);

/* txn.c */
typedef struct TxnLayer { /* private rows: one of the two */
    Segment *segment;
    EngineFile *file;
    size_t first_item; /* of the request: the first with rows in it */
    bool begins;       /* that item has no row in an older layer */
} TxnLayer;
const TxnLayer *txn_layers(const Txn *t, size_t *count); /* oldest first; t may be NULL */
const WriteRequest *txn_request(const Txn *t);
Tombstone *const *txn_tombs(const Txn *t, size_t *count); /* its private deletes */
Snapshot *txn_base(const Txn *t); /* what it reads under its own writes; NULL = the newest */

/* temp.c */
bool temp_has(const TempSpace *t, TableId table); /* t may be NULL: false, as below */
bool temp_owns_edit(const TempSpace *t, const CatEdit *c);
bool temp_write(TempSpace *t, TableId table, WriteBatch *take_wb, Err *e) MUST_CHECK;
void temp_delete(TempSpace *t, const DeleteSpec *d);
void temp_edit(TempSpace *t, const CatEdit *edit); /* one that it owns and that can be applied */
bool temp_full(TempSpace *t, Task *waiter);        /* as txn_full */
Lsn temp_savepoint(TempSpace *t);
void temp_rollback_to(TempSpace *t, Lsn mark);
void temp_collect(TempSpace *t); /* takes in the files that are ready */
bool temp_table_layers(const TempSpace *t, TableId id, const TxnLayer **out, size_t *count);
size_t temp_layer_count(const TempSpace *t);
/* Those of one table, oldest first; false: there are no more tables. */
bool temp_layers(const TempSpace *t, size_t table, const TxnLayer **out, size_t *count);
Tombstone *const *temp_tombs(const TempSpace *t, size_t *count);
TempSpace *txn_temp(const Txn *t); /* txn.c */

/* txn_spill.c: private rows of a large transaction on their way into a file */
typedef struct SpillJob SpillJob;
typedef struct SpillSpec {
    const TxnLayer *layers; /* files, and segments that nobody appends to any more */
    size_t count;
    bool oldest; /* these tables have no older layers */
    Tombstone *const *tombs;
    size_t tomb_count;
    CatalogSnap *catalog; /* referenced */
} SpillSpec;
SpillJob *spill_start(Engine *eng, const SpillSpec *spec);
bool spill_busy(SpillJob *j, Task *waiter); /* the waiter (may be NULL) is woken at the end */
/* Not busy any more: *out is the file, NULL if no row was left.  Frees the job. */
bool spill_take(SpillJob *take_j, EngineFile **out, Err *e) MUST_CHECK;
void spill_cancel(SpillJob *take_j); /* at any time; what was written is deleted */

/* engine_delete.c */
typedef struct TombChange { /* of the engine's list: prepare, publish, done */
    Tombstone *const *fresh;
    size_t fresh_count;
    Tombstone **dead; /* of the old list, in its order */
    size_t dead_count;
    TombList *old, *next;
} TombChange;
void tombs_prepare(Engine *eng, TombChange *c);
/* Deletes become visible: needs the mutex; *old is to be unref'd outside. */
void tombs_publish(Engine *eng, TombChange *c, PartList **old);
void tombs_done(TombChange *c);
/* Forgets those that nothing older is left of. */
void tombs_prune(Engine *eng);
typedef struct Written { /* files of a flush or a compaction that are in no list yet */
    const ManifestPart *parts;
    size_t count;
    Lsn tombs_newest; /* deletes up to this one are dissolved in them */
} Written;
/* What a flush has to say in the manifest: deletes up to `covered` that hide rows of files. */
void tombs_put_flushed(Engine *eng, Buf *edit, Lsn covered, const Written *w);
/* A compaction: deletes of the manifest whose last rows its inputs held. */
void tombs_drop_dissolved(Engine *eng, Buf *edit, const Written *w, EngineFile *const *inputs,
                          size_t n);

/* engine_watch.c */
void watch_note(WatchBuild *b, const WriteItem *item, Lsn lsn);
void watches_put(Engine *eng, Buf *edit); /* into an edit of the manifest */
/* The list as the items of the request leave it; a reference. */
WatchList *watches_with(WatchList *base, const WriteRequest *r, Lsn lsn);

/* engine_mem.c */
/* first_lsn: of the record or, in a transaction, of its group. */
void mem_append(Engine *eng, const WriteBatch *wb, Lsn lsn, Lsn first_lsn, bool group_goes_on);
/* Everything appended is visible now; true: the sealer is to watch the tail.  Needs the mutex. */
bool mem_publish(Engine *eng, Lsn applied);
void mem_close_active(Engine *eng); /* writer or recovery only; needs the mutex */
void mem_count_bytes(Engine *eng);  /* needs the mutex */
/* Takes in the file of a large transaction; visible with the next mem_publish. */
void mem_adopt(Engine *eng, EngineFile *take_f, Lsn lsn, Lsn first_lsn, bool group_goes_on);
VersionPart mem_version_part(const MemSegment *ms, uint32_t age); /* of a sealed one; borrowed */
void mem_segment_free(Engine *eng, MemSegment *ms, bool flushed);
bool mem_all_sealed(const Engine *eng); /* but for an open one; needs the mutex */
bool mem_seal_one(Engine *eng, bool *did, Err *e) MUST_CHECK;
TaskStatus sealer_step(Task *t);
/* A bit of folding; WAIT: nothing to do, the task is woken when there may be. */
TaskStatus fold_step(Engine *eng, Task *t);
bool mem_tail_is_long(const MemSegment *ms); /* the sealer watches it; needs the mutex */
void fold_free(Engine *eng);
/* A sealed segment's image counts against the memtable's budget as the segment did. */
void mem_charge_sealed(Engine *eng, const Part *part, int sign);
void mem_free_all(Engine *eng);

/* engine_flush.c */
TaskStatus flusher_step(Task *t);
void flusher_free(Engine *eng);
/* Recovery: flushes all closed segments now; blocking, no task runs yet. */
bool engine_flush_now(Engine *eng, Err *e) MUST_CHECK;
bool flush_wanted(Engine *eng, bool *close_first);        /* needs the mutex */
void engine_insert_file(Engine *eng, EngineFile *take_f); /* sorted by sequence; needs the mutex */
/* Builds the commit: the plain edit, or a snapshot of the whole manifest. */
bool commit_begin(Engine *eng, Buf *edit, Completion *c, Task *waiter);
bool commit_end(Engine *eng, Slice edit, Completion *c, Err *e) MUST_CHECK;
bool engine_has_failed(Engine *eng);

/* engine_space.c */
void engine_disk_full(Engine *eng, const Err *e); /* a write failed with DISK_FULL */
void engine_give_reserve(Engine *eng);
bool engine_take_reserve(Engine *eng); /* false: rows are refused */
/* The flusher, before it begins anything; true: there is no room yet. */
bool engine_wait_for_room(Engine *eng);

/* engine_recover.c */
void engine_first_row(Engine *eng); /* ids of rows begin anew with each epoch */

/* engine_repair.c; before the log is replayed */
bool engine_repair_files(Engine *eng, Err *e) MUST_CHECK;

/* engine_scrub.c */
/* A little of it, on the compactor's task while that has nothing else to do; returns when to go on. */
int64_t scrub_step(Engine *eng);
void scrub_free(Engine *eng);

/* True: the job waits a little, because a piece of its file was just handed to the disk and a group
 * commit is waiting for the same disk; `t` is woken. */
bool engine_pause(Engine *eng, Pause *p, const Compact *job, Task *t);

/* engine_delete.c */
bool file_has_hidden(const EngineFile *f, const TombList *all); /* rows that one of them may hide */

/* engine_pick.c */
bool engine_pick(Engine *eng, const Compactor *c, Pick *out);
void pick_free(Pick *p);

/* engine_compact.c */
void engine_collect_garbage(Engine *eng);
/* Ends checkpoints and vacuums with an error. */
void engine_fail_waiters(Engine *eng, const Err *e);
TaskStatus compactor_step(Task *t);
void compactor_free(Engine *eng);

/* engine_series.c */
void keeper_init(Engine *eng); /* makes the index */
TaskStatus keeper_step(Task *t);
void keeper_finish(Engine *eng, Ticket *t); /* a snapshot, if it is worthwhile */
void keeper_free(Engine *eng);
bool series_load(Engine *eng, Err *e) MUST_CHECK;
/* id: of the file or of its copy */
bool series_load_file(Store *store, SeriesIndex *idx, const ManifestSeries *s, BlobId id,
                      Err *e) MUST_CHECK;
/* A record of the log; catalog: as the log has it up to here, NULL = not known. */
bool series_replay(SeriesIndex *idx, const CatalogSnap *catalog, Slice payload, Err *e) MUST_CHECK;
void series_recovered(Engine *eng);

/* engine_backup.c */
void engine_recycle_log(Engine *eng, Lsn covered); /* later, while a backup runs */
bool engine_backup_runs(Engine *eng);
void engine_task_gone(Engine *eng); /* engine.c: a task that tasks_alive counts has ended */
/* engine_info.c */
void info_compaction_begin(Engine *eng, const Pick *p, const char *reason);
void info_compaction_end(Engine *eng, const Compact *job, bool ok);

/* engine_recover.c */
bool engine_recover(Engine *eng, Err *e) MUST_CHECK;

/* window rules for sealing (WindowOf): arg is a WindowRule */
int64_t engine_window_of(void *arg, TableId table, int64_t time_ns);
WindowRule segment_rule(const Segment *s, const CatalogSnap *catalog); /* engine_mem.c */

#endif
