/* storage/kernels_narrow.c - compiled twice; see kernels.h.
 * Numbers of a block that fit 32 bits: twice as many a vector, and no 64-bit multiplications.
 * The intrinsics below are macros or always inlined, so no AVX2 copy can reach other callers. */
#include "storage/kernels.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef int32_t I4 __attribute__((vector_size(16)));
typedef int64_t L4 __attribute__((vector_size(32)));
typedef uint64_t W4 __attribute__((vector_size(32)));
typedef double D4 __attribute__((vector_size(32)));

static inline uint64_t load(const uint8_t *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/* 64 bits from bit `at` on. */
static inline uint64_t plane_bits(const uint8_t *plane, size_t at)
{
    const uint8_t *p = plane + at / 8;
    uint64_t bits = load(p) >> at % 8;
    return at % 8 ? bits | (uint64_t)p[8] << (64 - at % 8) : bits;
}

#ifdef __AVX2__
/* Up to eight planes: each row's high bits in a byte, then above the low ones. */
static void patch_octet(uint32_t *u, const uint8_t *map, size_t n, const uint8_t *planes,
                        size_t count, unsigned high, unsigned width)
{
    const __m256i byte_of = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2,
                                             2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i select = _mm256_set1_epi64x((int64_t)UINT64_C(0x8040201008040201));
    const __m128i shift = _mm_cvtsi32_si128((int)width);
    size_t done = 0;
    for (size_t at = 0; at < n; at += 64) {
        size_t left = n - at;
        uint64_t mask = load(map + at / 8);
        if (left < 64)
            mask &= (UINT64_C(1) << left) - 1;
        __m256i low = _mm256_setzero_si256(), top = low;
        for (unsigned j = 0; j < high; j++) {
            uint64_t bits = _pdep_u64(plane_bits(planes + j * ((count + 7) / 8), done), mask);
            const __m256i one = _mm256_set1_epi8((char)(1u << j));
            __m256i a = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)bits), byte_of);
            __m256i b = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)(bits >> 32)), byte_of);
            a = _mm256_cmpeq_epi8(_mm256_and_si256(a, select), select);
            b = _mm256_cmpeq_epi8(_mm256_and_si256(b, select), select);
            low = _mm256_or_si256(low, _mm256_and_si256(a, one));
            top = _mm256_or_si256(top, _mm256_and_si256(b, one));
        }
        uint8_t bytes[64];
        _mm256_storeu_si256((__m256i *)(void *)bytes, low);
        _mm256_storeu_si256((__m256i *)(void *)(bytes + 32), top);
        for (size_t g = 0; g < 64 && g < left; g += 8) {
            __m256i *to = (__m256i *)(void *)(u + at + g);
            __m256i v = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(void *)(bytes + g)));
            v = _mm256_or_si256(_mm256_loadu_si256(to), _mm256_sll_epi32(v, shift));
            _mm256_storeu_si256(to, v);
        }
        done += (size_t)__builtin_popcountll(mask);
    }
}

static void patch_planes(uint32_t *u, const uint8_t *map, size_t n, const uint8_t *planes,
                         size_t count, unsigned high, unsigned width)
{
    for (unsigned j = 0; j < high; j += 8)
        patch_octet(u, map, n, planes + j * ((count + 7) / 8), count, high - j < 8 ? high - j : 8,
                    width + j);
}
#else
static void patch_planes(uint32_t *u, const uint8_t *map, size_t n, const uint8_t *planes,
                         size_t count, unsigned high, unsigned width)
{
    size_t done = 0;
    for (size_t at = 0; at < n; at += 64) {
        size_t left = n - at;
        uint64_t mask = load(map + at / 8), bits[32];
        if (left < 64)
            mask &= (UINT64_C(1) << left) - 1;
        for (unsigned j = 0; j < high; j++)
            bits[j] = plane_bits(planes + j * ((count + 7) / 8), done);
        done += (size_t)__builtin_popcountll(mask);
        for (; mask; mask &= mask - 1) {
            uint32_t add = 0;
            for (unsigned j = 0; j < high; j++, bits[j - 1] >>= 1)
                add |= (uint32_t)(bits[j] & 1) << j;
            u[at + (unsigned)__builtin_ctzll(mask)] |= add << width;
        }
    }
}
#endif

static void residues(int32_t *x, const uint32_t *u, size_t n, int32_t base, int zigzag)
{
    if (zigzag) {
        for (size_t i = 0; i < n; i++)
            x[i] = (int32_t)(((u[i] >> 1) ^ -(u[i] & 1)) + (uint32_t)base);
    } else {
        for (size_t i = 0; i < n; i++)
            x[i] = (int32_t)(u[i] + (uint32_t)base);
    }
}

static void line(int32_t *x, size_t n, int32_t step)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (int32_t)((uint32_t)x[i] + (uint32_t)step * (uint32_t)i);
}

/* Running sums: shifted additions inside each 128-bit half, the halves' totals beside them, so
 * that only one addition a step is in the chain. */
#ifdef __AVX2__
static inline __attribute__((always_inline)) void sum_loop(int32_t *x, const uint32_t *u, size_t n,
                                                           int32_t base, int zigzag)
{
    const __m256i add = _mm256_set1_epi32(base), one = _mm256_set1_epi32(1);
    int32_t r0 = zigzag ? (int32_t)((u[0] >> 1) ^ -(u[0] & 1)) : (int32_t)u[0];
    __m256i carry = _mm256_set1_epi32((int32_t) - ((uint32_t)r0 + (uint32_t)base));
    for (size_t i = 0; i < n; i += 8) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(u + i));
        if (zigzag)
            v = _mm256_xor_si256(
                _mm256_srli_epi32(v, 1),
                _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_and_si256(v, one)));
        v = _mm256_add_epi32(v, add);
        v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
        v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
        __m256i total = _mm256_shuffle_epi32(v, 0xff);
        __m256i low = _mm256_permute2x128_si256(total, total, 0x08); /* zero, total of the low */
        __m256i other = _mm256_permute2x128_si256(total, total, 0x01);
        v = _mm256_add_epi32(_mm256_add_epi32(v, low), carry);
        carry = _mm256_add_epi32(carry, _mm256_add_epi32(total, other));
        _mm256_storeu_si256((__m256i *)(void *)(x + i), v);
    }
}
#else
static inline __attribute__((always_inline)) void sum_loop(int32_t *x, const uint32_t *u, size_t n,
                                                           int32_t base, int zigzag)
{
    typedef uint32_t U4 __attribute__((vector_size(16)));
    const U4 zero = {0, 0, 0, 0};
    uint32_t r0 = zigzag ? (u[0] >> 1) ^ -(u[0] & 1) : u[0], start = -(r0 + (uint32_t)base);
    U4 carry = {start, start, start, start};
    for (size_t i = 0; i < n; i += 4) {
        U4 v;
        __builtin_memcpy(&v, u + i, sizeof v);
        if (zigzag)
            v = (v >> 1) ^ -(v & 1);
        v += (uint32_t)base;
        v += __builtin_shufflevector(v, zero, 4, 0, 1, 2);
        v += __builtin_shufflevector(v, zero, 4, 4, 0, 1);
        U4 out = v + carry;
        __builtin_memcpy(x + i, &out, sizeof out);
        carry += __builtin_shufflevector(v, v, 3, 3, 3, 3);
    }
}
#endif

static void sum(int32_t *x, const uint32_t *u, size_t n, int32_t base, int zigzag)
{
    if (zigzag)
        sum_loop(x, u, n, base, 1);
    else
        sum_loop(x, u, n, base, 0);
}

static void widen(int64_t *restrict out, const int32_t *restrict x, size_t n, int64_t first,
                  int64_t mul)
{
    uint64_t add = (uint64_t)first;
    if (mul == 1) {
        for (size_t i = 0; i < n; i++)
            out[i] = (int64_t)((uint64_t)(int64_t)x[i] + add);
        return;
    }
    size_t i = 0;
#ifdef __AVX2__
    if (mul > 0 && mul <= INT32_MAX) { /* one multiplication 32 x 32 to 64 */
        const __m256i m = _mm256_set1_epi64x(mul), a = _mm256_set1_epi64x(first);
        for (; i + 4 <= n; i += 4) {
            __m256i v =
                _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)(const void *)(x + i)));
            v = _mm256_add_epi64(_mm256_mul_epi32(v, m), a);
            _mm256_storeu_si256((__m256i *)(void *)(out + i), v);
        }
    }
#endif
    for (; i < n; i++)
        out[i] = (int64_t)((uint64_t)(int64_t)x[i] * (uint64_t)mul + add);
}

/* a / p rounded to nearest.  With y = 1 / p rounded, a * y is within 1.5 units of the last place;
 * one step brings it below one unit, and from there the second step is exact (Markstein 1990).
 * Needs an exact p, |a| < 2^53 and no underflow. */
static inline __attribute__((always_inline)) void divide_by(D4 *a, double p, double y)
{
#ifdef __FMA__
    const __m256d d = _mm256_set1_pd(p), r = _mm256_set1_pd(y), n = (__m256d)*a;
    __m256d q = _mm256_mul_pd(n, r);
    q = _mm256_fmadd_pd(_mm256_fnmadd_pd(q, d, n), r, q);
    *a = (D4)_mm256_fmadd_pd(_mm256_fnmadd_pd(q, d, n), r, q);
#else
    (void)y;
    *a /= p;
#endif
}

static void decimals(double *restrict out, const int32_t *restrict x, size_t n, double first,
                     double mul, double p)
{
    const double y = 1 / p;
    for (size_t i = 0; i < n; i += 4) {
        I4 in;
        __builtin_memcpy(&in, x + i, sizeof in);
        D4 v = __builtin_convertvector(in, D4) * mul + first; /* exact: integers below 2^53 */
        if (p != 1)
            divide_by(&v, p, y);
        __builtin_memcpy(out + i, &v, sizeof v);
    }
}

#define MAGIC      6755399441055744.0
#define MAGIC_BITS INT64_C(0x4338000000000000)

static void divide(double *out, const int64_t *src, size_t n, double p)
{
    const double y = 1 / p;
    for (size_t i = 0; i < n; i += 4) {
        W4 in; /* behind n there may be anything */
        __builtin_memcpy(&in, src + i, sizeof in);
        D4 v = (D4)(in + (uint64_t)MAGIC_BITS) - MAGIC;
        if (p != 1)
            divide_by(&v, p, y);
        __builtin_memcpy(out + i, &v, sizeof v);
    }
}

static void minmax(NarrowMinMax *out, const int32_t *v, size_t n)
{
    int32_t lo = v[0], hi = v[0];
    int64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
        total += v[i];
    }
    *out = (NarrowMinMax){lo, hi, total};
}

/* Lane l has r[l], r[8 + l], ...: adding its running sum up each time weighs them by their distance
 * from the end, 8 at a time. */
static inline __attribute__((always_inline)) void ramp_loop(KernelRamp *out, const uint32_t *u,
                                                            size_t n, int zigzag)
{
    typedef uint32_t U8 __attribute__((vector_size(32)));
    typedef int32_t I8 __attribute__((vector_size(32)));
    U8 once = {0}, again = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        U8 v;
        __builtin_memcpy(&v, u + i, sizeof v);
        if (zigzag)
            v = (v >> 1) ^ -(v & 1);
        once += v;
        again += once;
    }
    int64_t rest = (int64_t)(n - i);
    *out = (KernelRamp){0, 0};
    for (int l = 0; l < 8; l++) {
        int64_t a = ((I8)once)[l], b = ((I8)again)[l];
        out->sum += a;
        out->ramp += 8 * b - (l - rest) * a;
    }
    for (; i < n; i++) {
        int64_t r = zigzag ? (int32_t)((u[i] >> 1) ^ -(u[i] & 1)) : (int32_t)u[i];
        out->sum += r;
        out->ramp += (int64_t)(n - i) * r;
    }
}

static void ramp(KernelRamp *out, const uint32_t *u, size_t n, int zigzag)
{
    if (zigzag)
        ramp_loop(out, u, n, 1);
    else
        ramp_loop(out, u, n, 0);
}

static void sums(KernelSums *out, const double *v, size_t n)
{
    const double inf = __builtin_inf();
    D4 hi = {0}, lo = {0}, min = {inf, inf, inf, inf}, max = -min;
    L4 nan = {0};
    for (size_t i = 0; i < n; i += 4) {
        D4 x = {__builtin_nan(""), __builtin_nan(""), __builtin_nan(""), __builtin_nan("")};
        if (n - i >= 4)
            __builtin_memcpy(&x, v + i, sizeof x);
        else
            for (size_t l = 0; l < n - i; l++)
                x[l] = v[i + l];
        L4 bad = x != x, less = x<min, more = x> max;
        nan -= bad;
        min = (D4)(((L4)x & less) | ((L4)min & ~less));
        max = (D4)(((L4)x & more) | ((L4)max & ~more));
        x = (D4)((L4)x & ~bad);
        D4 s = hi + x, t = s - hi; /* Knuth's exact sum */
        lo += (hi - (s - t)) + (x - t);
        hi = s;
    }
    *out = (KernelSums){.min = min[0], .max = max[0]};
    for (int l = 0; l < 4; l++) {
        out->min = min[l] < out->min ? min[l] : out->min;
        out->max = max[l] > out->max ? max[l] : out->max;
        out->hi[l] = hi[l];
        out->lo[l] = lo[l];
        out->nan_count += (uint64_t)nan[l];
    }
    out->nan_count -= (4 - n % 4) % 4; /* the filling */
}

/* x - low <= span, unsigned, is low <= x <= low + span. */
static void between(uint64_t *bits, const int32_t *x, size_t n, int32_t low, uint32_t span)
{
    for (size_t at = 0; at < n; at += 64) {
        uint64_t word = 0;
        size_t count = n - at < 64 ? n - at : 64, i = 0;
#ifdef __AVX2__
        const __m256i l = _mm256_set1_epi32(low), s = _mm256_set1_epi32((int32_t)span);
        for (; i + 8 <= count; i += 8) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(x + at + i));
            v = _mm256_sub_epi32(v, l);
            v = _mm256_cmpeq_epi32(_mm256_min_epu32(v, s), v);
            word |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(v)) << i;
        }
#elif defined(__SSE2__)
        const __m128i l = _mm_set1_epi32((int32_t)((uint32_t)low ^ 0x80000000u));
        const __m128i s = _mm_set1_epi32((int32_t)(span ^ 0x80000000u));
        for (; i + 4 <= count; i += 4) {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(x + at + i));
            v = _mm_cmpgt_epi32(_mm_sub_epi32(v, l), s);
            word |= (uint64_t)(uint32_t)(_mm_movemask_ps(_mm_castsi128_ps(v)) ^ 15) << i;
        }
#endif
        for (; i < count; i++)
            word |= (uint64_t)((uint32_t)x[at + i] - (uint32_t)low <= span) << i;
        bits[at / 64] = word;
    }
}

static void between_i64(uint64_t *bits, const int64_t *v, size_t n, int64_t low, int64_t high)
{
    for (size_t at = 0; at < n; at += 64) {
        uint64_t word = 0;
        size_t count = n - at < 64 ? n - at : 64, i = 0;
#ifdef __AVX2__
        const __m256i l = _mm256_set1_epi64x(low), h = _mm256_set1_epi64x(high);
        for (; i + 4 <= count; i += 4) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(v + at + i));
            x = _mm256_or_si256(_mm256_cmpgt_epi64(l, x), _mm256_cmpgt_epi64(x, h));
            word |= (uint64_t)(uint32_t)(_mm256_movemask_pd(_mm256_castsi256_pd(x)) ^ 15) << i;
        }
#endif
        for (; i < count; i++)
            word |= (uint64_t)((low <= v[at + i]) & (v[at + i] <= high)) << i;
        bits[at / 64] = word;
    }
}

static void between_f64(uint64_t *bits, const double *v, size_t n, double low, double high,
                        int with_nan)
{
    for (size_t at = 0; at < n; at += 64) {
        uint64_t word = 0;
        size_t count = n - at < 64 ? n - at : 64, i = 0;
#ifdef __SSE2__
        const __m128d l = _mm_set1_pd(low), h = _mm_set1_pd(high);
        const __m128d all = _mm_castsi128_pd(_mm_set1_epi32(with_nan ? -1 : 0));
        for (; i + 2 <= count; i += 2) {
            __m128d x = _mm_loadu_pd(v + at + i);
            __m128d in = _mm_and_pd(_mm_cmple_pd(l, x), _mm_cmple_pd(x, h));
            in = _mm_or_pd(in, _mm_and_pd(all, _mm_cmpunord_pd(x, x)));
            word |= (uint64_t)(uint32_t)_mm_movemask_pd(in) << i;
        }
#endif
        for (; i < count; i++) {
            double x = v[at + i];
            word |= (uint64_t)(((low <= x) & (x <= high)) | (with_nan & (x != x))) << i;
        }
        bits[at / 64] = word;
    }
}

#ifdef KERNEL_V3
#define KERNELS narrow_v3
#else
#define KERNELS narrow_base
#endif
const NarrowKernels KERNELS = {
    .patch_planes = patch_planes,
    .residues = residues,
    .line = line,
    .sum = sum,
    .widen = widen,
    .decimals = decimals,
    .divide = divide,
    .minmax = minmax,
    .ramp = ramp,
    .sums = sums,
    .between = between,
    .between_i64 = between_i64,
    .between_f64 = between_f64,
};
