/* session/tier.h - what the rest of session/ needs of tiers (exec/tiers.h).
 *
 * Threads: the task of the session. */
#ifndef SKULK_SESSION_TIER_H
#define SKULK_SESSION_TIER_H

#include "exec/tiers.h"
#include "session/session_private.h"

/* SET (tiers = value); empty: RESET.  t is the copy that will be put. */
bool tiers_set(Portal *p, TableDef *t, Slice value, Err *e) MUST_CHECK;
bool tiers_fit(const TableDef *t, Err *e) MUST_CHECK; /* its other options go together with them */
bool tiers_forget(Session *s, const TableDef *raw, Err *e) MUST_CHECK; /* before it is dropped */
/* TRUNCATE: nothing is kept any more.  fresh is put by the caller. */
bool tiers_truncated(Portal *p, const TableDef *was, TableDef *fresh, Err *e) MUST_CHECK;

/* Whose rows the table keeps, and in buckets of which width: itself and NULL, but for a hidden table. */
const TableDef *tier_shown(const CatalogSnap *cat, const TableDef *t, Value *width);

/* How REFRESH sees a hidden table; false: it is none. */
bool tier_def(const CatalogSnap *cat, const TableDef *t, ContinuousDef *d);
/* The hidden table gets columns for fields that came since. */
bool tier_follow(Portal *p, const TableDef *raw, const TableDef *tier, bool *grew,
                 Err *e) MUST_CHECK;
/* Fills the buckets of [from, to); adds: to what is there, instead of in its place. */
Slice tier_statement(Arena *a, const CatalogSnap *cat, const TableDef *tier, int64_t from,
                     int64_t to, bool adds);

#endif
