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

#include "storage/manifest.h"
#include "storage/store.h"
#include "storage/version.h"

#define COMPACT_FILE_MIN    INT64_C(8388608)  /* smaller neighbouring windows share a file ... */
#define COMPACT_SPAN_TTL_NS (30 * NS_PER_DAY) /* ... up to this span where rows expire */
enum {
    COMPACT_WINDOWS_APART = 16
}; /* so few windows each get files of their own, below the last level */

typedef struct CompactSpec {
    Store *store;
    Budget *budget;
    const CatalogSnap *catalog; /* referenced */
    TombList *tombs;            /* what they hide is left out; referenced; NULL = none */
    const VersionPart *inputs;  /* oldest first; parts are referenced */
    size_t input_count;
    int level; /* of the output: 0 = one file over all windows */
    uint64_t (*next_number)(void *arg);
    void *arg;
    const Clock *clock;
} CompactSpec;

typedef struct Compact Compact;
typedef enum CompactStatus { COMPACT_MORE, COMPACT_WAIT, COMPACT_DONE, COMPACT_FAIL } CompactStatus;

Compact *compact_new(const CompactSpec *spec);
/* Works until the monotonic time `until_ns`.  WAIT: the waiter is woken. */
CompactStatus compact_step(Compact *c, int64_t until_ns, Task *waiter, Err *e);
size_t compact_output_count(const Compact *c);
const ManifestPart *compact_output(const Compact *c, size_t i);
Lsn compact_tombs_newest(
    const Compact *c); /* deletes up to this one are dissolved in the outputs */
/* committed = false: outputs that exist already are dropped. */
void compact_free(Compact *c, bool committed);

#endif
