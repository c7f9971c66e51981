/* storage/kernels.c - compiled twice; see kernels.h.
 * Plain loops that gcc and clang vectorise at -O3; no header with inline functions. */
#include "storage/kernels.h"

typedef uint32_t Word __attribute__((aligned(1), may_alias)); /* little endian words in bytes */

enum { LANES = 32 };

static void pack32(uint8_t *restrict dst, const uint32_t *restrict src, unsigned width)
{
    uint32_t acc[LANES] = {0};
    Word *out = (Word *)dst;
    unsigned shift = 0;
    for (unsigned r = 0; r < LANES; r++, src += LANES) {
        for (unsigned l = 0; l < LANES; l++)
            acc[l] |= src[l] << shift;
        shift += width;
        if (shift < 32)
            continue;
        for (unsigned l = 0; l < LANES; l++)
            out[l] = acc[l];
        out += LANES;
        shift -= 32;
        for (unsigned l = 0; l < LANES; l++)
            acc[l] = shift ? src[l] >> (width - shift) : 0;
    }
}

static void unpack32(uint32_t *restrict dst, const uint8_t *restrict src, unsigned width)
{
    const uint32_t mask = width < 32 ? (UINT32_C(1) << width) - 1 : ~UINT32_C(0);
    const Word *in = (const Word *)src;
    unsigned shift = 0;
    for (unsigned r = 0; r < LANES; r++, dst += LANES) {
        if (shift + width <= 32) {
            for (unsigned l = 0; l < LANES; l++)
                dst[l] = in[l] >> shift & mask;
        } else {
            for (unsigned l = 0; l < LANES; l++)
                dst[l] = (in[l] >> shift | in[l + LANES] << (32 - shift)) & mask;
        }
        shift += width;
        if (shift >= 32) {
            shift -= 32;
            in += LANES;
        }
    }
}

static void minmax(KernelMinMax *out, const int64_t *v, size_t n)
{
    int64_t lo = v[0], hi = v[0];
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
        sum += (uint64_t)v[i];
    }
    *out = (KernelMinMax){lo, hi, sum};
}

static void minmax_delta(KernelMinMax *d1, KernelMinMax *d2, const int64_t *v, size_t n)
{
    int64_t lo1 = INT64_MAX, hi1 = INT64_MIN, lo2 = INT64_MAX, hi2 = INT64_MIN;
    const uint64_t *u = (const uint64_t *)v;
    for (size_t i = 1; i < n; i++) {
        int64_t d = (int64_t)(u[i] - u[i - 1]);
        lo1 = d < lo1 ? d : lo1;
        hi1 = d > hi1 ? d : hi1;
    }
    for (size_t i = 2; i < n; i++) {
        int64_t d = (int64_t)(u[i] - 2 * u[i - 1] + u[i - 2]);
        lo2 = d < lo2 ? d : lo2;
        hi2 = d > hi2 ? d : hi2;
    }
    *d1 = (KernelMinMax){lo1, hi1, 0};
    *d2 = (KernelMinMax){lo2, hi2, 0};
}

/* Numbers below 2^51 become integers by adding 1.5 * 2^52: the integer stands in the low bits. */
#define MAGIC      6755399441055744.0
#define MAGIC_BITS INT64_C(0x4338000000000000)
#define LIMIT      2251799813685248.0 /* 2^51 */

typedef union Bits {
    double f;
    int64_t i;
} Bits;

static size_t decimal(int64_t *restrict d, const double *restrict v, size_t n, double p)
{
    int64_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        double t = v[i] * p;
        Bits shifted = {.f = t + MAGIC}, in = {.f = v[i]};
        Bits back = {.f = (shifted.f - MAGIC) / p};
        d[i] = (int64_t)((uint64_t)shifted.i - (uint64_t)MAGIC_BITS);
        /* Comparing bits refuses -0.0 and NaN payloads; the limit refuses NaN, Inf, large. */
        int64_t ok = (in.i == back.i) & (t < LIMIT) & (t > -LIMIT);
        bad += !ok;
    }
    return (size_t)bad;
}

static void divide(double *dst, const int64_t *src, size_t n, double p)
{
    for (size_t i = 0; i < n; i++) {
        Bits shifted = {.i = (int64_t)((uint64_t)src[i] + (uint64_t)MAGIC_BITS)};
        dst[i] = (shifted.f - MAGIC) / p;
    }
}

static void affine(int64_t *out, const uint64_t *u, size_t n, uint64_t add, uint64_t mul)
{
    if (mul == 1) {
        for (size_t i = 0; i < n; i++)
            out[i] = (int64_t)(u[i] + add);
    } else {
        for (size_t i = 0; i < n; i++)
            out[i] = (int64_t)(u[i] * mul + add);
    }
}

#ifdef KERNEL_V3
#define KERNELS kernels_v3
#define NAME    "x86-64-v3"
#else
#define KERNELS kernels_base
#define NAME    "baseline"
#endif
const Kernels KERNELS = {
    .name = NAME,
    .pack32 = pack32,
    .unpack32 = unpack32,
    .minmax = minmax,
    .minmax_delta = minmax_delta,
    .decimal = decimal,
    .divide = divide,
    .affine = affine,
};
