/* storage/manifest.h - what the manifest says: which files make up the database.
 *
 * An edit is a list of items; applying it to a Manifest is the same code at commit and at start.
 * The bytes of an item are in docs/format.md ("manifest edits"); unknown items are refused.
 * Threads: values; the engine's copy needs its mutex. */
#ifndef SKULK_STORAGE_MANIFEST_H
#define SKULK_STORAGE_MANIFEST_H

#include "storage/watch.h"

typedef struct ManifestPart { /* a .skulk file */
    uint64_t number;
    int level;
    uint64_t bytes, rows;
    int64_t t_min, t_max;
    Lsn seq_min, seq_max;
} ManifestPart;

typedef struct ManifestSeries { /* a .series file: series that were new when it was written */
    uint64_t number, bytes;
    bool whole;    /* all series: a snapshot of the index; the first of the list */
    uint64_t last; /* all series up to this serial are in this file and those before it */
} ManifestSeries;

typedef struct ManifestCatalog {
    uint64_t number, bytes; /* number 0: none yet */
    uint64_t version;       /* cat_version */
} ManifestCatalog;

typedef struct Manifest {
    uint64_t next_file;  /* numbers from here on are free */
    Lsn covered;         /* records up to here are in files */
    ManifestPart *parts; /* in order of addition */
    size_t part_count, part_cap;
    ManifestSeries *series;
    size_t series_count, series_cap;
    ManifestCatalog catalog;
    int64_t scrubbed_ns; /* wall time: every file was read, up to then; 0 = never */
    TombList *tombs;     /* range deletes that hide rows of the parts; NULL = none */
    Buf watches;         /* watches_encode; empty = none */
} Manifest;

void manifest_init(Manifest *m);
void manifest_reset(Manifest *m);
const ManifestPart *manifest_part(const Manifest *m, uint64_t number);

/* Items of an edit, appended to `edit`. */
void manifest_put_next_file(Buf *edit, uint64_t next_file);
void manifest_put_covered(Buf *edit, Lsn covered);
void manifest_put_part(Buf *edit, const ManifestPart *p);
void manifest_drop_part(Buf *edit, uint64_t number);
void manifest_put_series(Buf *edit,
                         const ManifestSeries *s); /* a whole one voids those it covers */
uint64_t manifest_series_last(const Manifest *m);  /* serial of the newest series in files */
void manifest_put_catalog(Buf *edit, const ManifestCatalog *c);
void manifest_put_tomb(Buf *edit, const Tombstone *t);
void manifest_drop_tomb(Buf *edit, Lsn lsn);
void manifest_put_watches(Buf *edit, const WatchList *l); /* in place of those before */
void manifest_put_scrubbed(Buf *edit, int64_t wall_ns);
void manifest_put_all(Buf *edit, const Manifest *m); /* a snapshot */

bool manifest_apply(Manifest *m, Slice edit, Err *e) MUST_CHECK;
/* What manifest_put_part wrote, alone. */
bool manifest_one_part(ManifestPart *out, Slice edit, Err *e) MUST_CHECK;

#endif
