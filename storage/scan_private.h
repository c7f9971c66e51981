/* storage/scan_private.h - a scan inside: scan.c goes from run to run, scan_run.c answers about one. */
#ifndef SKULK_STORAGE_SCAN_PRIVATE_H
#define SKULK_STORAGE_SCAN_PRIVATE_H

#include "storage/merge.h"
#include "storage/scan.h"
#include "storage/ttl.h"
#include <roaring/roaring.h>

typedef struct ScanPart {
    Part *part; /* borrowed from the snapshot */
    const roaring_bitmap_t *series;
    uint32_t age;
    Lsn newest, place;             /* as of a VersionPart */
    size_t group_begin, group_end; /* of the current series, in `groups` */
    size_t dead_begin, dead_count; /* in `dead` */
} ScanPart;

typedef struct ScanTail {
    const Segment *segment;
    uint32_t age;
    const SegRow *rows; /* chosen; by series, time, arrival */
    const int64_t *ids; /* of a SegSorted; or NULL */
    size_t count, at;
} ScanTail;

struct Scan {
    Snapshot *snapshot;
    SeriesSet *set; /* NULL = all */
    TableId table;
    MergeSpec spec;       /* t_min: not before any series' TTL lets rows be seen */
    TtlView *ttl;         /* NULL: the table keeps all rows */
    int64_t series_t_min; /* spec.t_min, or later by the TTL of the current series */
    uint32_t shard;
    Arena arena;   /* lives as long as the scan */
    Arena scratch; /* of one run */
    ScanPart *parts;
    size_t part_count;
    ScanTail *tails;
    size_t tail_count;
    roaring_bitmap_t *visit;
    roaring_uint32_iterator_t it;
    SeriesId series; /* current; 0 = take the next */
    bool started;    /* it is being merged */
    uint64_t series_seen;
    Buf groups;     /* PartGroup: of the current series, part by part */
    TombView tombs; /* of the table */
    Buf dead;       /* TimeRange: what they hide of the current series, part by part */
    MergeInput *inputs;
    Merge *merge;
    MergeRun run;
    size_t column_count;
    ColumnId *columns;
    PhysType *types;       /* PHYS_NONE: not a field of the table: always null */
    size_t *merge_columns; /* column of the scan -> column of the merge */
    TimeGrid grid;         /* of the run, if it is known to be regular */
    bool grid_known, grid_regular;
    LastCell *last; /* one a column; made when it is first asked for */
    ScanCounters counters;
    uint64_t groups_left; /* of the series, that no run came from yet */
};

#endif
