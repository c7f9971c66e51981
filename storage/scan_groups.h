/* storage/scan_groups.h - decoded row groups that several series share.
 *
 * Small series share a row group (storage/part.h), and a chunk is decoded as a whole; a scan that
 * walks 80 neighbours would decode it 80 times.  GroupCache keeps the last decoded ones and answers
 * exactly as part_times and part_column do, with copies in the caller's arena, so that nothing
 * points into the cache.  Groups of one series alone and texts go straight to the part.
 * The group must be pinned by the caller, as for part_times.
 * Threads: a cache belongs to one task. */
#ifndef SKULK_STORAGE_SCAN_GROUPS_H
#define SKULK_STORAGE_SCAN_GROUPS_H

#include "storage/part.h"

typedef struct GroupCache GroupCache;

GroupCache *group_cache_new(Budget *budget); /* budget may be NULL */
void group_cache_free(GroupCache *c);
bool group_cache_times(GroupCache *c, Part *p, const PartGroup *g, Arena *arena,
                       const int64_t **times, Err *e) MUST_CHECK;
bool group_cache_column(GroupCache *c, Part *p, const PartGroup *g, ColumnId col, Arena *arena,
                        ColVec *vec, const uint64_t **null_bits, Err *e) MUST_CHECK;

#endif
