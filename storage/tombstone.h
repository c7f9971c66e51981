/* storage/tombstone.h - range deletes: rows of a table that readers must not see any more.
 *
 * A tombstone hides the rows of some series in a time range that were written before it: its place
 * in the order of writes is its LSN (a transaction's own: above LSN_PRIVATE).  The rows of an unsealed
 * segment know their LSN; a part only has the range of its rows, so it is hidden as a whole or not
 * at all: sealing and every merge dissolve the tombstones that fall inside of what they write.
 * What one version of the database hides is an immutable, counted list, sorted by (table, series it
 * names alone, LSN), so that a scan looks at its own table's only, and thousands of deletes of
 * one series each cost a binary search.
 * Not its business: deleting single rows of `keep` tables (marker rows: storage/batch.h).
 * Threads: a list and a tombstone never change once they are shared. */
#ifndef SKULK_STORAGE_TOMBSTONE_H
#define SKULK_STORAGE_TOMBSTONE_H

#include "base/sync.h"
#include "storage/index.h"

typedef struct Tombstone {
    Ref ref;
    TableId table;
    SeriesSet *series; /* NULL = all of the table */
    SeriesId only;     /* the series if the set has just one, else 0 */
    int64_t t_min, t_max;
    Lsn lsn;
} Tombstone;

Tombstone *tomb_new(TableId table, SeriesSet *series, int64_t t_min, int64_t t_max, Lsn lsn);
Tombstone *tomb_ref(Tombstone *t);
void tomb_unref(Tombstone *t);
/* The payload of a log record and of a manifest item; the LSN stands beside it. */
void tomb_encode(Buf *out, const Tombstone *t);
bool tomb_decode(Tombstone **out, Slice payload, Lsn lsn, Err *e) MUST_CHECK;

typedef struct TombList {
    Ref ref;
    size_t count;
    Lsn newest; /* 0: none */
    Tombstone *items[];
} TombList;

TombList *tombs_ref(TombList *l);
void tombs_unref(TombList *l);
/* A new list: the old one's (may be NULL) without the dead ones, which are in its order (some may be gone
 * already), and the fresh ones. */
TombList *tombs_build(const TombList *old, Tombstone *const *dead, size_t dead_count,
                      Tombstone *const *fresh, size_t fresh_count);

/* Those of one table; count = 0: nothing is hidden. */
typedef struct TombView {
    Tombstone *const *items;
    size_t count, wide; /* the first `wide` name no single series; by LSN */
} TombView;

TombView tombs_of_table(const TombList *l /* may be NULL */, TableId table);

typedef struct TimeRange { /* inclusive */
    int64_t t_min, t_max;
} TimeRange;
/* Appends what is hidden of a series in a layer whose newest row is seq_max: ascending ranges that
 * neither overlap nor touch.  Returns how many. */
size_t tombs_ranges(const TombView *v, SeriesId series, Lsn seq_max, Buf *out);
/* Does one of them hide all rows of these series (NULL = all of the table) between these times, in a
 * layer whose newest row is seq_max? */
bool tombs_hide_all(const TombView *v, const SeriesSet *series, TimeRange range, Lsn seq_max);
/* How many of a part's rows of the table may be hidden, about: what a new file would not have.  Holes in
 * the middle count nothing, nobody could see later that they were left out. */
struct Part;
uint64_t tombs_share(const TombView *v, struct Part *part, size_t table_index, Lsn seq_max);
/* Is a row hidden that was written at seq? */
bool tombs_hide(const TombView *v, SeriesId series, int64_t time, Lsn seq);

#endif
