/* storage/version.h - what a reader sees: an immutable list of layers and a catalog.
 *
 * Internal to storage/ (engine, scan, compaction).  A Version is counted and never changed: files
 * and sealed segments (both are Parts), the unsealed tails, the catalog.  A Snapshot is a Version
 * plus the row watermark of each tail and, for a transaction, its private rows as the newest layers.
 *
 * The one ordering rule: layers have an age, larger = newer.  Where two layers hold rows of the
 * same (table, series, window), all rows of the older layer were written before all rows of the
 * newer one: flush takes the oldest segments, compaction takes neighbours in sequence.  So a merge
 * compares ages, never the sequence of single rows; inside one layer equal times are in arrival order.
 * A range delete needs no layer of its own (storage/tombstone.h): it hides the parts whose newest
 * row is older than it, and older rows of the tails.
 * Threads: a view is read from any thread while the snapshot is held. */
#ifndef SKULK_STORAGE_VERSION_H
#define SKULK_STORAGE_VERSION_H

#include "storage/engine.h"
#include "storage/memtable.h"
#include "storage/tombstone.h"

enum { LSN_PRIVATE_BIT = 63 };
/* Sequence of rows that are not committed: newer than every LSN. */
#define LSN_PRIVATE (UINT64_C(1) << LSN_PRIVATE_BIT)

typedef struct VersionPart { /* a file or a sealed segment */
    Part *part;
    uint64_t file;  /* file number; 0 = in memory */
    int level;      /* 0 = memory and L0, 1, 2 = compacted to the last level */
    int64_t window; /* start of the first window, from level 1 (small ones share a file) */
    uint32_t age;   /* larger = newer */
    Lsn place;      /* not 0: of all its rows in the order of writes (a large transaction's file) */
} VersionPart;

static inline Lsn version_part_newest(const VersionPart *p)
{
    return p->place ? p->place : part_info(p->part)->seq_max;
}

typedef struct VersionTail { /* an unsealed segment: rows below `rows` exist for this reader */
    Segment *segment;
    size_t rows;
    uint32_t age;
} VersionTail;

typedef struct VersionDamage { /* a file that cannot be read at all: its rows are unknown */
    int64_t t_min, t_max;
    const Err *err;
} VersionDamage;

/* Borrowed from the snapshot; both arrays oldest first.
 * A scan whose time range meets a damaged file's must fail with its err: rows are never left out
 * in silence. */
typedef struct SnapshotView {
    const VersionPart *parts;
    size_t part_count;
    const VersionTail *tails;
    size_t tail_count;
    const CatalogSnap *catalog;
    const TombList *tombs; /* what deletes hide: parts by their newest row, tails row by row */
    const VersionDamage *damaged;
    size_t damaged_count;
} SnapshotView;

void snapshot_view(const Snapshot *s, SnapshotView *out);

/* Called now and then while files are read: keeps their pages within the budget. */
void engine_trim_mapped(Engine *eng);

#endif
