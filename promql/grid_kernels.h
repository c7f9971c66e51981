/* promql/grid_kernels.h - inner loops over samples and over steps: plain arrays in, plain arrays out.
 *
 * grid_kernels.c is compiled twice (portable and x86-64-v3); pql_kernels() gives the table for this processor.
 * No inline functions here: the linker could keep the AVX2 copy for everybody.
 * A missing value has the bits of the staleness marker, which arithmetic never looks at.
 * Threads: pure. */
#ifndef SKULK_PROMQL_GRID_KERNELS_H
#define SKULK_PROMQL_GRID_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHANGE_STEPS = 128 };

typedef struct ChangeSteps {       /* windows of some steps, ready for extrapolation */
    double gaps[CHANGE_STEPS];     /* between samples: one less than there are; 0: no result */
    double covered[CHANGE_STEPS];  /* ms from the first sample to the last */
    double to_start[CHANGE_STEPS]; /* ms from the begin of the window to the first */
    double to_end[CHANGE_STEPS];   /* ms from the last to the end of the window */
    double first[CHANGE_STEPS];    /* value */
    double raw[CHANGE_STEPS];      /* change from the first to the last, resets made good */
} ChangeSteps;

typedef struct SteadyChange {
    double covered, to_start,
        to_end; /* s; both as far as is extrapolated, but for a counter's zero */
    double range_s;
    bool counter;
} SteadyChange;

/* Four windows at once, each a lane in which the samples are added as the function of one window adds them:
 * window j has the samples v[j * by + k], k < count.  False: it takes that function (something is not finite). */
typedef bool FourWindows(double out[4], const double *v, size_t by, size_t count);

typedef struct FourLines { /* sums for a regression */
    double y[4], xy[4];
    int64_t level[4]; /* not 0: all values are the same */
} FourLines;

typedef struct GridKernels {
    void (*line)(int64_t *out, size_t n, int64_t first, int64_t by); /* first + i * by */
    /* ms[i] = floor(ns[i] / 1,000,000); true: two neighbours are equal */
    bool (*to_ms)(int64_t *ms, const int64_t *ns, size_t n);
    bool (*any_missing)(const double *v, size_t n);
    /* The places i > 0 with v[i] < v[i-1], ascending; room for n; returns how many. */
    size_t (*drops)(uint32_t *at, const double *v, size_t n);
    /* Extrapolated to the edges of the windows, divided by range_s; of a counter not below zero.
     * Looks at n rounded up to 4. */
    void (*change)(double *out, const ChangeSteps *c, size_t n, double range_s, bool counter);
    /* The same for windows that lie alike on samples at equal distances: only first and raw differ. */
    void (*steady)(double *out, const ChangeSteps *c, size_t n, const SteadyChange *s);
    /* t[i] = t[0] + i * step */
    bool (*regular)(const int64_t *t, size_t n, uint64_t step);
    /* Compensated: value[i] + extra[i] += v[i]; what is missing on either side counts as not there. */
    void (*sum)(double *value, double *extra, const double *v, size_t n);
    FourWindows *window_sum, *window_avg, *window_stdvar, *window_min, *window_max;
    /* x[k]: the time of sample k */
    bool (*window_line)(FourLines *out, const double *v, size_t by, size_t count, const double *x);
} GridKernels;

extern const GridKernels grid_base, grid_v3;
const GridKernels *pql_kernels(void); /* func_steps.c */

#endif
