/* base/pow10.h - powers of ten as 128-bit fractions, for exact decimal <-> double.
 * Used by slice_to_f64 and buf_put_f64 only.
 * Threads: constants. */
#ifndef SKULK_BASE_POW10_H
#define SKULK_BASE_POW10_H

#include <stdint.h>

enum { POW10_MIN = -342, POW10_MAX = 324 };

typedef struct Pow10 {
    uint64_t hi, lo; /* leading bit set; cut off, so exact for 0 <= q <= 55 only */
} Pow10;

Pow10 pow10_bits(int q);

#endif
