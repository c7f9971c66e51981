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

/* The state can be kept as bytes, and merged later; else only its result can. */
static inline bool agg_keeps_state(const AggDef *d)
{
    return d->merge && d->save && d->load && !d->grows && !d->ordered;
}

#endif
