/* session/promql_kept.h - lists of labels, values and series that were answered, kept for the next who asks.
 *
 * A list is right for as long as the catalog (tables, columns, rights) has not changed, no series was made,
 * and of each table it asked the same parts meet the asked time: then the same series live.  Where that cannot
 * be told (rows of new series that are in no part yet, TTL by series), nothing is kept.
 * Threads: any; one mutex inside. */
#ifndef SKULK_SESSION_PROMQL_KEPT_H
#define SKULK_SESSION_PROMQL_KEPT_H

#include "promql/promql.h"

typedef struct PromKept PromKept;

PromKept *prom_kept_new(void);
void prom_kept_free(PromKept *k);

/* What the series index and the catalog were before an answer is made. */
typedef struct PromKeptAt {
    uint64_t catalog, series;
} PromKeptAt;
PromKeptAt prom_kept_at(const PqlListing *l);
/* key: all that is asked, but for the time.  Appends the answer; false: it is not there. */
bool prom_kept_find(PromKept *k, Slice key, const PqlListing *l, PromKeptAt at, Buf *json);
/* tables: TableId as of PqlListing.asked. */
void prom_kept_put(PromKept *k, Slice key, const PqlListing *l, PromKeptAt at, Slice tables,
                   Slice json);

#endif
