/* storage/kernels.h - the inner loops of the codecs: plain arrays in, plain arrays out.
 *
 * kernels*.c are compiled twice (portable and x86-64-v3); codec_kernels() and codec_narrow()
 * give the tables for this processor.  Kernels never fail and never look beyond the arrays given.
 * No inline functions here: the linker could keep the AVX2 copy for everybody.
 * Threads: pure. */
#ifndef SKULK_STORAGE_KERNELS_H
#define SKULK_STORAGE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

typedef struct KernelMinMax {
    int64_t min, max;
    uint64_t sum; /* wraps */
} KernelMinMax;

typedef struct KernelPrefix {
    uint64_t first, base, mul;
    int zigzag;
} KernelPrefix;

typedef struct Kernels {
    const char *name;
    /* 1,024 numbers below 2^width (width 1..32), 32 lanes of u32; 128 * width bytes. */
    void (*pack32)(uint8_t *dst, const uint32_t *src, unsigned width);
    void (*unpack32)(uint32_t *dst, const uint8_t *src, unsigned width);
    /* n numbers of width 1..31, packed horizontally; reads up to 32 bytes behind them, and sets
     * dst to 0 up to the next multiple of 8. */
    void (*unpack_bits)(uint32_t *dst, const uint8_t *src, size_t n, unsigned width);
    void (*minmax)(KernelMinMax *out, const int64_t *v, size_t n); /* n > 0 */
    /* minmax of v[i] - v[i-1] (n > 1) and of the second differences (n > 2); wrapping. */
    void (*minmax_delta)(KernelMinMax *d1, KernelMinMax *d2, const int64_t *v, size_t n);
    /* Decimal test: d[i] = round(v[i] * p); returns how many v[i] are not exactly d[i] / p. */
    size_t (*decimal)(int64_t *d, const double *v, size_t n, double p);
    /* out[i] = add + mul * u[i] */
    void (*affine)(int64_t *out, const uint64_t *u, size_t n, uint64_t add, uint64_t mul);
    /* out[0] = first; out[i] = out[i-1] + (r + base) * mul, r = u[i] or its zigzag number.
     * n is a multiple of 4. */
    void (*prefix32)(int64_t *out, const uint32_t *u, size_t n, const KernelPrefix *p);
    /* u[i] = r[i] - base, or its zigzag code */
    void (*fold)(uint64_t *u, const uint64_t *r, size_t n, uint64_t base, int zigzag);
    void (*bit_lengths)(uint32_t count[65], const uint64_t *u, size_t n);
    /* Cuts u to `width` bits; what is above goes to (pos, high), room for n + 1 each; returns how many. */
    size_t (*split)(uint64_t *u, size_t n, unsigned width, uint64_t *pos, uint64_t *high);
} Kernels;

typedef struct NarrowMinMax {
    int32_t min, max;
    int64_t sum;
} NarrowMinMax;

typedef struct KernelSums { /* of doubles that are not NaN */
    double min, max;        /* infinity and -infinity: none */
    double hi[4], lo[4];    /* lane i % 4: sum and its rounding errors */
    uint64_t nan_count;
} KernelSums;

enum { KERNEL_RAMP_BITS = 17 }; /* so that 1,024 numbers add up in 32 bits a lane */
typedef struct KernelRamp {
    int64_t sum;  /* of r[i] */
    int64_t ramp; /* of (n - i) * r[i]: the sum of all running sums */
} KernelRamp;

/* Blocks whose numbers fit 32 bits; arithmetic wraps.  Arrays have room for n rounded up to 8. */
typedef struct NarrowKernels {
    /* The patched numbers are the set bits of map (n bits, `count` set, none behind n); bit j of
     * patch i is bit i of plane j, (count + 7) / 8 bytes each: put above `width`.  Reads up to 9
     * bytes behind the planes. */
    void (*patch_planes)(uint32_t *u, const uint8_t *map, size_t n, const uint8_t *planes,
                         size_t count, unsigned high, unsigned width);
    /* x[i] = r[i] = u[i] + base, or unzigzag(u[i]) + base; may be in place */
    void (*residues)(int32_t *x, const uint32_t *u, size_t n, int32_t base, int zigzag);
    /* x[i] += i * step */
    void (*line)(int32_t *x, size_t n, int32_t step);
    /* x[0] = 0, x[i] = x[i-1] + r[i]; may be in place */
    void (*sum)(int32_t *x, const uint32_t *u, size_t n, int32_t base, int zigzag);
    /* out[i] = first + mul * x[i] */
    void (*widen)(int64_t *out, const int32_t *x, size_t n, int64_t first, int64_t mul);
    /* out[i] = (first + mul * x[i]) / p: numerators below 2^53, the quotient rounded to nearest */
    void (*decimals)(double *out, const int32_t *x, size_t n, double first, double mul, double p);
    /* dst[i] = (double)src[i] / p for |src[i]| < 2^51; may be in place */
    void (*divide)(double *dst, const int64_t *src, size_t n, double p);
    void (*minmax)(NarrowMinMax *out, const int32_t *x, size_t n); /* n > 0 */
    /* r[i] = u[i] or unzigzag(u[i]); u[i] below 2^KERNEL_RAMP_BITS, n at most 1,024 */
    void (*ramp)(KernelRamp *out, const uint32_t *u, size_t n, int zigzag);
    void (*sums)(KernelSums *out, const double *v, size_t n);
    /* Bit i of bits = low <= x[i] <= low + span; bits from n to the end of the word are 0. */
    void (*between)(uint64_t *bits, const int32_t *x, size_t n, int32_t low, uint32_t span);
    /* The same of wide numbers: low <= v[i] <= high. */
    void (*between_i64)(uint64_t *bits, const int64_t *v, size_t n, int64_t low, int64_t high);
    void (*between_f64)(uint64_t *bits, const double *v, size_t n, double low, double high,
                        int with_nan);
} NarrowKernels;

extern const Kernels kernels_base, kernels_v3;
extern const NarrowKernels narrow_base, narrow_v3;
const Kernels *codec_kernels(void); /* codec.c */
const NarrowKernels *codec_narrow(void);

#endif
