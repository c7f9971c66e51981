/* storage/watch.h - what was changed below a line: which results made from a table's rows are out of date.
 *
 * A watch belongs to a table and to somebody (a continuous view, a tier) who keeps results made from
 * its rows.  Rows that are written or deleted below `watched_to` leave a mark: a range of time, and
 * the series or all.  Marks follow from the log: the record of the row is their record, so they are
 * as durable, and a reader's snapshot has exactly those of the rows that it shows.  Progress (what the
 * results cover, which marks are settled) is a record of its own, in the transaction of the results.
 * To keep results: raise watched_to, take a snapshot, compute, commit the results together with
 * WATCH_COVER and with WATCH_CLEAR of the marks up to the snapshot's place.
 * Storage has no idea what is made of the rows.
 * Threads: watches and lists of them are immutable and counted; a WatchBuild belongs to one thread. */
#ifndef SKULK_STORAGE_WATCH_H
#define SKULK_STORAGE_WATCH_H

#include "storage/engine.h"

enum {
    WATCH_OTHERS = 4,
    WATCH_MARKS_MAX = 4096
}; /* of one watch: beyond, series and then times are lumped together */

typedef struct WatchMark {
    int64_t from_ns, to_ns; /* half-open, whole grains */
    SeriesId series;        /* 0 = all */
    Lsn lsn;                /* of the newest change; LSN_PRIVATE and more: not committed */
} WatchMark;

typedef struct WatchState {
    ObjectId id;   /* of who keeps the results */
    TableId table; /* whose rows */
    int64_t grain_ns, origin_ns;
    int64_t watched_to_ns;        /* rows below are marked */
    int64_t from_ns, upto_ns;     /* what the results cover: half-open */
    TableId others[WATCH_OTHERS]; /* any change of these tables puts all results in doubt */
    uint32_t other_count;
    int64_t horizon_ns; /* rows below went for their age: no marks there, results stay */
    /* The results stand for rows that went (a tier): rows go only when they are in the results, and rows
     * written below the horizon later leave marks, too: they wait to be added to the results. */
    bool keeps;
} WatchState;

/* Which fields of an edit count. */
typedef enum WatchWhat {
    WATCH_NEW = 1, /* all of them */
    WATCH_DROP = 2,
    WATCH_TO = 4,
    WATCH_COVER = 8, /* from_ns, upto_ns */
    WATCH_HORIZON = 16,
    WATCH_CLEAR = 32, /* marks up to clear_lsn that lie within [clear_from, clear_to) */
    /* The transaction fails (SERIALIZATION) if there are marks within [clear_from, clear_to) behind clear_lsn. */
    WATCH_UNCHANGED = 64,
    WATCH_ALL_BITS = 127,
} WatchWhat;

typedef struct WatchEdit { /* of a watch that is there, unless NEW; else it does nothing */
    uint32_t what;
    WatchState state; /* id always */
    Lsn clear_lsn;
    int64_t clear_from_ns, clear_to_ns;
} WatchEdit;

typedef struct Watch {
    Ref ref;
    WatchState state;
    size_t mark_count;
    WatchMark marks[]; /* by time */
} Watch;

typedef struct WatchList {
    Ref ref;
    size_t count;
    Watch *items[];
} WatchList;

WatchList *watches_ref(WatchList *l);
void watches_unref(WatchList *l); /* NULL is fine, here and below: an empty list */
const Watch *watches_find(const WatchList *l, ObjectId id);
/* Whether any watches the table, from the i-th on; NULL: none more. */
int64_t watch_grain_up(const WatchState *s, int64_t t);   /* the end of a bucket at or behind t */
int64_t watch_grain_down(const WatchState *s, int64_t t); /* the begin of a bucket at or before t */
const Watch *watches_of(const WatchList *l, TableId table, size_t *i);

/* ---- a change of the list ---- */
typedef struct WatchBuild WatchBuild;
WatchBuild *watch_build_new(WatchList *base); /* referenced */
void watch_build_free(WatchBuild *b);
const WatchList *watch_build_base(const WatchBuild *b);
void watch_build_rows(WatchBuild *b, const WriteBatch *wb, Lsn lsn);
void watch_build_delete(WatchBuild *b, const Tombstone *t, Lsn lsn);
void watch_build_range(WatchBuild *b, TableId table, int64_t t_min, int64_t t_max, Lsn lsn);
void watch_build_edit(WatchBuild *b, const WatchEdit *edit);
WatchList *watch_build_end(
    WatchBuild *take_b); /* a reference; the base itself if nothing changed */

/* ---- bytes ---- */
void watch_edit_encode(Buf *out, const WatchEdit *edit);
bool watch_edit_decode(WatchEdit *out, Slice bytes, Err *e) MUST_CHECK;
void watches_encode(Buf *out, const WatchList *l);
bool watches_decode(WatchList **out, Slice bytes, Err *e) MUST_CHECK;

/* ---- the engine's (engine_watch.c) ---- */
void engine_watch(Engine *eng, const WatchEdit *edits, size_t n, SyncMode sync, Ticket *t);
/* With the transaction's rows, after those written so far. */
bool txn_watch(Txn *t, const WatchEdit *edit, Err *e) MUST_CHECK;
/* Rows of the table below `cut` go for their age or their number, not because they are wrong: before
 * the delete.  Nobody waits for it. */
void engine_watch_expired(Engine *eng, TableId table, int64_t cut_ns);
/* Results whose bucket begins before it are all that is left of their rows, as the snapshot sees the TTL. */
bool watch_horizon(const Snapshot *s, const Watch *w, int64_t *out, Err *e) MUST_CHECK;
/* Where rows of the table stop and results that keep them begin, for a TTL that ends at `cut`: not above it, on
 * a bucket, and no result below is out of date.  Without such results: cut. */
int64_t watch_seam(const Snapshot *s, TableId table, int64_t cut);
typedef struct TierSeam {
    const Watch *keeper; /* of the snapshot; NULL: nothing keeps its rows */
    int64_t seam;        /* rows from here on are shown, older ones are in the results */
    int64_t reach;       /* so far the results are right */
    int64_t gone;        /* rows below are those alone that were not added to the results yet */
} TierSeam;
/* Of a table (level 0), of the results that keep its rows (1) and so on. */
bool tier_seam(const Snapshot *s, TableId table, size_t level, TierSeam *out, Err *e) MUST_CHECK;
/* The results have something of the table's rows of [t_min, t_max] that went. */
bool tier_hides(const Snapshot *s, TableId table, int64_t t_min, int64_t t_max, bool *hides,
                int64_t *seam, Err *e) MUST_CHECK;
/* The watch of the results that keep the table's rows, or NULL. */
const Watch *watch_keeper(const WatchList *l, TableId table);
bool watch_edit_holds(const WatchList *l, const WatchEdit *edit); /* WATCH_UNCHANGED */
const WatchList *snapshot_watches(const Snapshot *s); /* its own changes included; may be NULL */
Lsn snapshot_place(const Snapshot *s);                /* all committed records up to it are shown */

#endif
