/* storage/compact.h - one merge job: parts in, new parts out.
 *
 * Flush and compaction are the same work: rows of several parts, in (window, table, series, time)
 * order, merged by age (storage/merge.h), written as one part or several.  Which parts, and what
 * the manifest says afterwards, is the engine's business.
 * Rows of tables and columns that the catalog does not know any more are left out, and those that
 * a delete hides.
 * Threads: a Compact belongs to one task; it runs in slices. */
#ifndef SKULK_STORAGE_COMPACT_H
#define SKULK_STORAGE_COMPACT_H

#include "storage/expiry.h"
#include "storage/manifest.h"
#include "storage/store.h"
#include "storage/version.h"

enum {
    COMPACT_FILE_MIN = 8 << 20, /* smaller neighbouring windows share a file */
    COMPACT_OWN_MIN = 32 << 20, /* a table with more in a window gets files of its own */
    COMPACT_WINDOWS_APART =
        16, /* below the last level so few windows each get files of their own */
};

/* A place in time where a file of level 1 and up ends, because a large file begins or ends there:
 * so a few late rows of many windows do not tie all large files together. */
typedef struct CompactCut {
    ExpiryClass class;
    int64_t time_ns; /* first nanosecond behind the cut */
} CompactCut;

typedef struct CompactSpec {
    Store *store; /* NULL: at level 0, the output stays in memory: compact_take_part() */
    Budget *budget;
    const CatalogSnap *catalog; /* referenced */
    TombList *tombs;            /* what they hide is left out; referenced; NULL = none */
    const VersionPart *inputs;  /* oldest first; parts are referenced */
    size_t input_count;
    int level;              /* of the output: 0 = one file over all windows; else files by group */
    const CompactCut *cuts; /* copied */
    size_t cut_count;
    bool oldest; /* no older layer has rows in the inputs' time range: marks and NULLs that only
                    hide older values have done their work */
    uint64_t (*next_number)(void *arg); /* with a store */
    void *arg;
    const Clock *clock;
} CompactSpec;

typedef struct Compact Compact;
typedef enum CompactStatus { COMPACT_MORE, COMPACT_WAIT, COMPACT_DONE, COMPACT_FAIL } CompactStatus;

Compact *compact_new(const CompactSpec *spec);
/* Works until the monotonic time `until_ns`.  WAIT: the waiter is woken. */
CompactStatus compact_step(Compact *c, int64_t until_ns, Task *waiter, Err *e);
size_t compact_output_count(const Compact *c);
const ManifestPart *compact_outputs(const Compact *c);
/* The output in memory, once; NULL: no row is left.  Takes the reference. */
Part *compact_take_part(Compact *c);
Lsn compact_tombs_newest(
    const Compact *c); /* deletes up to this one are dissolved in the outputs */
/* This version of the catalog must be durable before the inputs go: what it dropped was left out. */
uint64_t compact_catalog(const Compact *c);
uint64_t compact_bytes(const Compact *c);   /* handed to the store so far, of this output */
bool compact_sync_failed(const Compact *c); /* why it failed: final, see store.h */
/* committed = false: outputs that exist already are dropped. */
void compact_free(Compact *c, bool committed);

#endif
