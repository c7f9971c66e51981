/* exec/grid.h - borders between buckets that are not all equally long: of months, and of a time zone.
 *
 * Where clocks go back a bucket may start behind its first row, and short buckets lie in one another.  A border is
 * a time that no bucket lies across: what comes before it has buckets that start before it, and all
 * others start at it or later.  Buckets without a border between them are taken as one.
 * Results of a continuous view are kept, marked and made anew between borders.
 * Times are ns of UTC; INT64_MIN and INT64_MAX stay.
 * Threads: pure. */
#ifndef SKULK_EXEC_GRID_H
#define SKULK_EXEC_GRID_H

#include "exec/bucket.h"

int64_t grid_down(const Bucket *b, int64_t ns); /* the last border that is not behind it */
int64_t grid_up(const Bucket *b, int64_t ns);   /* the first one that is not before it */
/* Are all buckets of `upper` made of whole ones of `lower`? */
bool grid_nests(const Bucket *upper, const Bucket *lower);

void grid_encode(Buf *out, const Bucket *b);
bool grid_decode(Bucket *b, Slice bytes, Err *e) MUST_CHECK;

#endif
