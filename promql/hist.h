/* promql/hist.h - arithmetic on native histograms, as Prometheus has it.
 *
 * What is changed in place belongs to the caller and has its buckets in the arena it hands in.
 * Empty buckets do not count; where sums are compensated, hist_settle() ends the sum.
 * Threads: pure. */
#ifndef SKULK_PROMQL_HIST_H
#define SKULK_PROMQL_HIST_H

#include "exec/type_histogram.h"

typedef enum HistNote {                      /* what an operation has to tell: bits */
                        HN_INCOMPATIBLE = 1, /* exponential with custom buckets: nothing was done */
                        HN_RECONCILED =
                            2, /* custom bounds that differ: only those that both have are left */
                        HN_COLLISION = 4, /* a counter reset and its opposite */
                        HN_NAN_RESULT = 8,
                        HN_NAN_SKEW = 16, /* NaN observations: quantile */
                        HN_NAN_FRACTION = 32,
} HistNote;

typedef struct HistRange { /* one bucket with its bounds */
    double low, high, n;
    bool low_in, high_in; /* the bound belongs to it */
} HistRange;

/* Ascending; buckets that reach into the zero bucket are cut at it. */
HistRange *hist_ranges(const Histogram *h, Arena *a, size_t *count);
double hist_bound(const Histogram *h, int32_t index); /* upper bound of a positive bucket */

Histogram *hist_copy(const Histogram *h, Arena *a);
void hist_scale(Histogram *h, double factor);
void hist_divide(Histogram *h, double by);
typedef enum HistSum { HIST_PLAIN, HIST_COMPENSATED } HistSum;
/* to += sign * h; layouts are made equal: lower schema, wider zero bucket, common bounds. */
unsigned hist_add(Histogram *to, const Histogram *h, double sign, HistSum how, Arena *a);
void hist_settle(Histogram *h);          /* compensations into the values; empty buckets go */
bool hist_overflows(const Histogram *h); /* some number is infinite */
bool hist_is_large(const Histogram *h);  /* sums of it may be */
/* A mean: of the sum, until that would overflow; then it grows by steps. */
typedef struct HistMean {
    Histogram *sum; /* or the mean itself */
    size_t count;
    bool stepwise, large; /* large: the sum may overflow */
} HistMean;
unsigned hist_mean_add(HistMean *m, const Histogram *h, Arena *a);
Histogram *hist_mean_end(HistMean *m);
/* `part` of the way from one to the next; a counter that began anew comes from zero.  NULL: HN_INCOMPATIBLE. */
Histogram *hist_between(const Histogram *from, const Histogram *to, double part, bool counter,
                        Arena *a, unsigned *notes);
bool hist_equal(const Histogram *l, const Histogram *r);
bool hist_is_reset(const Histogram *h, const Histogram *before, Arena *scratch);

double hist_quantile(double q, const Histogram *h, Arena *scratch, unsigned *notes);
double hist_fraction(double low, double high, const Histogram *h, Arena *scratch, unsigned *notes);
/* Keeps what is below (upper) or above the bound. */
void hist_trim(Histogram *h, double bound, bool upper);
void hist_put_text(Buf *b, const Histogram *h); /* for count_values */

/* rows of pql_functions[] */
double fh_count(const Histogram *h), fh_sum(const Histogram *h), fh_avg(const Histogram *h);
double fh_stddev(const Histogram *h), fh_stdvar(const Histogram *h);

#endif
