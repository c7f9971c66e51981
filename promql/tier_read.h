/* promql/tier_read.h - samples that are gone, as the buckets that tiers keep of them (exec/tiers.h).
 *
 * Below the seam of a table a series is a row of buckets, each from the finest tier that is left there;
 * from the seam on it is its samples.  Rows that are in no bucket yet, though those around them went, are
 * added to theirs while reading.  A window over both takes the buckets that end in it: its edges below
 * the seam move down to borders of buckets, and a window inside one bucket becomes the bucket before.
 * Threads: SourceTiers are immutable once made; a TierReader belongs to who reads. */
#ifndef SKULK_PROMQL_TIER_READ_H
#define SKULK_PROMQL_TIER_READ_H

#include "exec/tiers.h"
#include "promql/eval_private.h"

typedef struct TierLevel { /* level 0: the samples themselves */
    const TableDef *table;
    int64_t from_ns, to_ns;      /* it answers [from, to) */
    int64_t gone_ns;             /* rows below are in no bucket of the next level yet */
    int64_t width_ms, origin_ms; /* of its buckets */
    const SeriesId *twins;       /* which series of it stands for which of the source; 0: none */
} TierLevel;

typedef struct SourceTiers {
    size_t level_count;
    TierLevel levels[TIERS_MAX];
    const SeriesId *series; /* of the source, ascending */
    size_t series_count;
    int64_t seam_ms; /* samples from here on are there */
    int64_t wide_ms; /* the widest bucket */
} SourceTiers;

/* NULL in *out: no sample of [t_min, t_max] is gone. */
bool tiers_open(const SourceTiers **out, PqlQuery *q, const Source *s, int64_t t_min, int64_t t_max,
                Err *e) MUST_CHECK;
/* What the functions need of a field is kept of it. */
bool tiers_have(const Source *s, unsigned parts);
void tiers_tell(PqlQuery *q, const Source *s, uint32_t at);

/* Series of which tiers keep something of [t_min, t_max] that is gone; a reference, NULL: none. */
SeriesSet *tiers_alive(Snapshot *s, const TableDef *t, int64_t t_min, int64_t t_max);

enum { TIER_SERIES_AT_ONCE = 256 };

typedef struct BucketList {
    PqlBucket *items;
    size_t count, cap;
} BucketList;

typedef struct TierTwin {
    SeriesId id;
    uint32_t place; /* among those read at once */
} TierTwin;

/* Buckets of some series of a source, all fields. */
typedef struct TierReader {
    PqlQuery *q;
    const Source *source;
    unsigned parts;
    int64_t t_min, t_max;
    SeriesId ids[TIER_SERIES_AT_ONCE];
    size_t count;
    size_t pass; /* a scan each: of tiers from the coarsest on, then of rows that come late */
    Scan *scan;
    ScanRun run;
    bool have_run, late;
    TierTwin twins[TIER_SERIES_AT_ONCE];
    size_t twin_count;
    BucketList *lists; /* of a series its fields */
    size_t list_count;
    uint64_t rows, runs;
} TierReader;

void tier_reader_begin(TierReader *r, PqlQuery *q, const Source *s, const Feed *feed,
                       unsigned parts);
/* The next series from the at-th on, as many as fit. */
void tier_reader_series(TierReader *r, size_t at);
NdStatus tier_reader_step(TierReader *r, Task *waiter, Err *e); /* ND_END: all are read */
const BucketList *tier_reader_list(const TierReader *r, size_t series, size_t field);
void tier_reader_close(TierReader *r);

/* The window (begin, end] over a series with buckets: those from *lo to *hi, which move forward only.  False:
 * there is none in it. */
bool tier_window(const RangeSeries *s, size_t *lo, size_t *hi, PqlWindow *w);
/* The value of the newest bucket that ended at or before t, where a sample is looked for that is gone. */
const PqlBucket *tier_before(const RangeSeries *s, size_t *at, int64_t t, int64_t lookback_ms);

double pql_value_at(const ColVec *c, size_t i); /* node_select.c */

#endif
