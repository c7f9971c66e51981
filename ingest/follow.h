/* ingest/follow.h - which series a sender of remote write names next (see ing_follow.c).
 *
 * A place numbers a series that is remembered, from 1; 0 is none.
 * Threads: belongs to one job. */
#ifndef SKULK_INGEST_FOLLOW_H
#define SKULK_INGEST_FOLLOW_H

#include "ingest/ingest_private.h"

typedef struct Followed Followed;

typedef struct Follow { /* zeros: nothing is remembered */
    Followed *all;
    uint32_t count;
    uint32_t *slots; /* places, open addressing by hash */
    uint32_t mask;
    uint32_t last;          /* the place linked last */
    uint32_t missed, found; /* since it began */
    uint32_t rest;          /* so many more series are not remembered */
} Follow;

typedef struct FollowSeries {
    Hash128 hash;
    IngTable *table;
    SeriesId series;
    uint32_t len; /* of its labels as sent */
} FollowSeries;

void follow_free(Follow *f);
/* Its table is `table` from now on. */
uint32_t follow_find(Follow *f, const Hash128 *hash, IngTable *table);
uint32_t follow_add(Follow *f, const FollowSeries *s); /* one that is not found; 0: no room */
void follow_link(Follow *f, uint32_t place);           /* it came behind the one linked last */
uint32_t follow_next(const Follow *f, uint32_t place);
bool follow_get(const Follow *f, uint32_t place, FollowSeries *out);

#endif
