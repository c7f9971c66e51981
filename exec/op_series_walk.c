/* exec/op_series_walk.c - the first buckets of a range without reading the rest of it.
 *
 * Buckets do not overlap, so what lies in the slabs read so far is complete, and every group of
 * them sorts before every group that is not read yet.  Slabs grow, so that sparse rows cost no more
 * than twice the reading and a logarithmic number of scans. */
#include "exec/op_scan_private.h"

int64_t bucket_of(const SeriesKey *k, int64_t t, int64_t *end)
{
    __int128 d = (__int128)t - k->origin_ns;
    __int128 q = d / k->width_ns - (d % k->width_ns < 0);
    __int128 start = k->origin_ns + q * k->width_ns;
    *end = start + k->width_ns > INT64_MAX ? INT64_MAX : (int64_t)(start + k->width_ns);
    return start < INT64_MIN ? INT64_MIN : (int64_t)start;
}

/* The next slab becomes the source's range. */
static void take_slab(BucketWalk *w, ScanSrc *s)
{
    int64_t end, start = bucket_of(w->bucket, w->desc ? w->high : w->low, &end);
    __int128 more = w->span - w->bucket->width_ns; /* besides the bucket at the end */
    __int128 from = start - more, to = end - 1 + more;
    s->t_min = w->desc && from > w->low ? (int64_t)from : w->low;
    s->t_max = !w->desc && to < w->high ? (int64_t)to : w->high;
    w->on = w->desc ? s->t_min > w->low : s->t_max < w->high; /* else nothing is left */
    if (w->on && w->desc)
        w->high = s->t_min - 1;
    else if (w->on)
        w->low = s->t_max + 1;
    w->span = more > INT64_MAX ? w->span : w->span * 2;
}

void walk_begin(BucketWalk *w, ScanSrc *s, const SeriesKey *bucket, int64_t want, bool desc)
{
    int64_t low, high;
    if (!snapshot_table_bounds(s->x->query->snapshot, s->plan->table, &low, &high)) {
        s->none = true;
        return;
    }
    *w = (BucketWalk){.on = true, .desc = desc, .want = want, .bucket = bucket};
    w->low = low > s->t_min ? low : s->t_min;
    w->high = high < s->t_max ? high : s->t_max;
    w->span = (__int128)want * bucket->width_ns;
    if (w->low > w->high)
        s->none = true;
    else
        take_slab(w, s);
}

bool walk_next(BucketWalk *w, ScanSrc *s)
{
    if (!w->on)
        return false;
    src_stop(s);
    take_slab(w, s);
    return true;
}
