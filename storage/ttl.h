/* storage/ttl.h - which rows of a table are past their TTL, as one snapshot sees it.
 *
 * A table keeps rows for ttl_ns, series of a TTL class (CREATE TTL) for the class's own duration, the
 * shortest where several fit.  Age is counted from the newest row of the table, or from the wall clock
 * where that is earlier (so a feed that stopped keeps its last rows, and one row of the far
 * future hides nothing), or always from the clock with ttl_wall.  A scan leaves older rows out
 * from the moment on at which they are too old, whatever file they are in; how they leave the disk
 * is the business of lifecycle/, with range deletes.
 * Threads: a view belongs to one task. */
#ifndef SKULK_STORAGE_TTL_H
#define SKULK_STORAGE_TTL_H

#include "storage/engine.h"

typedef struct TtlView TtlView;

static inline bool ttl_any(const TableDef *t)
{
    return t->kind == TABLE_SERIES && (t->ttl_ns > 0 || t->ttl_count > 0);
}

/* The shortest for which rows of the table are kept, whatever their series; INT64_MAX: all. */
int64_t ttl_shortest(const TableDef *t);

/* *out = NULL: the table keeps all rows.  The table belongs to the snapshot's catalog. */
bool ttl_open(TtlView **out, const Snapshot *s, const TableDef *t, Err *e) MUST_CHECK;
/* For rows that are to be written, the newest of them of this time: as they will be seen.  A table with tiers takes
 * what the last of them keeps. */
bool ttl_open_write(TtlView **out, const Snapshot *s, const TableDef *t, int64_t newest,
                    Err *e) MUST_CHECK;
void ttl_close(TtlView *v);
int64_t ttl_cut_min(const TtlView *v); /* the first time that any series may show */
/* The first time that this series shows. */
bool ttl_cut(const TtlView *v, SeriesId series, int64_t *cut, Err *e) MUST_CHECK;

/* Series that share a cut: class 0 are those of no class, class i those of ttls[i - 1]. */
size_t ttl_class_count(const TtlView *v);
int64_t ttl_class_cut(const TtlView *v, size_t class);
/* The series of the table in this class.  NULL in *out: all of the table. */
bool ttl_class_series(const TtlView *v, size_t class, SeriesSet **out, Err *e) MUST_CHECK;

/* Borders at which rows leave the disk: those of whole files where the TTL is long enough. */
int64_t ttl_align(const TableDef *t, int64_t keep_ns, int64_t cut);

typedef struct ExpiredRows { /* older than a cut, as metadata tells */
    bool any;                /* and not deleted yet */
    uint64_t rows;           /* about so many */
} ExpiredRows;
ExpiredRows snapshot_expired(const Snapshot *s, TableId table, const SeriesSet *series,
                             int64_t cut);
/* Where to cut so that the rows behind take at most so many bytes of files; INT64_MIN: nowhere. */
int64_t snapshot_size_cut(const Snapshot *s, const TableDef *t, int64_t bytes_max);

#endif
