/* exec/state.h - how plans name what continuous views keep: arguments of functions in func_state.c.
 *
 * Threads: pure. */
#ifndef SKULK_EXEC_STATE_H
#define SKULK_EXEC_STATE_H

#include "exec/agg.h"

/* Of view_bound(view, which, number).  Results lie in [FROM, UPTO); within them rows of the ranges
 * [STALE_FROM, STALE_TO) were changed since. */
typedef enum ViewBound { VIEW_FROM, VIEW_UPTO, VIEW_STALE_FROM, VIEW_STALE_TO } ViewBound;
enum { VIEW_RANGES = 4 };

/* Of tier_bound(table, level, which, eager, low, high, low_add, high_add): where rows of the table (level 0) or of one
 * of its tiers stop and the next tier begins; where those begin that were not added to it yet, though
 * the others of their bucket went.  eager: the next tier as far as it goes, if low and high (a
 * microsecond later if *_add) cut none of its buckets above the seam. */
typedef enum TierBound { TIER_BOUND_SEAM, TIER_BOUND_GONE } TierBound;

/* The state can be kept as bytes, and merged later; else only its result can. */
static inline bool agg_keeps_state(const AggDef *d)
{
    return d->merge && d->save && d->load && !d->grows && !d->ordered;
}

#endif
