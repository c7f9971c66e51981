/* storage/expiry.h - expiry classes: which tables may share a file from level 1 on.
 *
 * A class is the set of tables whose rows expire alike: same TTL, same window length; a table with
 * a window of its own is a class of its own.  A group, what one compacted file holds, is a class and
 * one window, or several small neighbouring windows.
 * Threads: values. */
#ifndef SKULK_STORAGE_EXPIRY_H
#define SKULK_STORAGE_EXPIRY_H

#include "storage/catalog.h"

#define EXPIRY_SPAN_NS (30 * NS_PER_DAY) /* small windows that expire are joined up to this span */

typedef struct ExpiryClass {
    int64_t ttl_ns;    /* 0 = never */
    int64_t window_ns; /* length of its windows */
    TableId own;       /* of a table with a window of its own, else 0 */
} ExpiryClass;

ExpiryClass expiry_class(const TableDef *table);
int expiry_compare(const ExpiryClass *a, const ExpiryClass *b); /* as memcmp */

/* Windows of equal spans may share a file: a file never holds its first rows for long after they
 * have expired only because of its last ones.  Always 0 without a TTL. */
int64_t expiry_span(const ExpiryClass *c, int64_t window);
int64_t expiry_span_ns(const ExpiryClass *c); /* how long it is; with a TTL */

#endif
