/* session/retention_private.h - what the files of retention share. */
#ifndef SKULK_SESSION_RETENTION_PRIVATE_H
#define SKULK_SESSION_RETENTION_PRIVATE_H

#include "session/session_private.h"

enum { TTLS_MAX = 64 };

bool read_ttl(Slice text, int64_t *ns, Err *e) MUST_CHECK; /* 0: for ever */

/* ttl_condition.c: which series a CREATE TTL means: fills in matches.  Where the condition is more than tags
 * compared with constants: 0A000. */
bool ttl_matches(Portal *p, const CatalogSnap *cat, const TableDef *t, TtlClass *c,
                 Err *e) MUST_CHECK;

/* policy.c */
bool policy_create(Portal *p, const CatalogSnap *cat, Err *e) MUST_CHECK;
bool policy_alter(Portal *p, const CatalogSnap *cat, Err *e) MUST_CHECK;
bool policy_drop(Portal *p, const CatalogSnap *cat, Err *e) MUST_CHECK;

#endif
