/* storage/kernels.c - compiled twice; see kernels.h.
 * Plain loops that gcc and clang vectorise at -O3; no header with inline functions. */
#include "storage/kernels.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

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

#ifdef __AVX2__
enum { SHUFFLED_BITS_MAX = 25 }; /* with up to seven bits before it a number lies in four bytes */

/* Eight numbers begin on a whole byte: each is brought into its lane by its bytes, then by its bits. */
static void unpack_shuffled(uint32_t *restrict dst, const uint8_t *restrict src, size_t n,
                            unsigned width)
{
    uint8_t bytes[32];
    uint32_t shifts[8];
    const unsigned upper = 4 * width / 8; /* the byte where the fifth begins */
    for (unsigned l = 0; l < 8; l++) {
        unsigned bit = l * width - (l < 4 ? 0 : upper * 8);
        shifts[l] = bit % 8;
        for (unsigned j = 0; j < 4; j++)
            bytes[l * 4 + j] = (uint8_t)(bit / 8 + j);
    }
    const __m256i pick = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    const __m256i shift = _mm256_loadu_si256((const __m256i *)(const void *)shifts);
    const __m256i mask = _mm256_set1_epi32((int)((UINT32_C(1) << width) - 1));
    for (size_t i = 0; i < n; i += 8, src += width) {
        const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)src);
        const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(src + upper));
        __m256i v = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), pick);
        v = _mm256_and_si256(_mm256_srlv_epi32(v, shift), mask);
        _mm256_storeu_si256((__m256i *)(void *)(dst + i), v);
    }
}
#endif

static void unpack_bits(uint32_t *restrict dst, const uint8_t *restrict src, size_t n,
                        unsigned width)
{
    typedef uint64_t Wide __attribute__((aligned(1), may_alias));
    size_t i = 0;
#ifdef __AVX2__
    if (width <= SHUFFLED_BITS_MAX) {
        unpack_shuffled(dst, src, n, width);
        i = n;
    }
#endif
    const uint32_t mask = (UINT32_C(1) << width) - 1;
    for (size_t bit = i * width; i < n; i++, bit += width)
        dst[i] = (uint32_t)(*(const Wide *)(src + bit / 8) >> bit % 8) & mask;
    for (; i % 8; i++)
        dst[i] = 0;
}

#ifdef __AVX2__
typedef int64_t S4 __attribute__((vector_size(32)));
#endif
typedef uint64_t V4 __attribute__((vector_size(32)));
typedef uint32_t U4 __attribute__((vector_size(16)));

static void minmax(KernelMinMax *out, const int64_t *v, size_t n)
{
    int64_t lo = v[0], hi = v[0];
    uint64_t sum = 0;
    size_t i = 0;
#ifdef __AVX2__ /* SSE2 cannot compare 64-bit lanes: the loop below is quicker there */
    if (n >= 8) {
        S4 lo4[2], hi4[2]; /* two chains of four */
        V4 sum4[2] = {{0}, {0}};
        lo4[0] = lo4[1] = hi4[0] = hi4[1] = (S4){lo, lo, lo, lo};
        for (; i + 8 <= n; i += 8)
            for (int w = 0; w < 2; w++) {
                S4 x;
                __builtin_memcpy(&x, v + i + 4 * w, sizeof x);
                S4 less = x<lo4[w], more = x> hi4[w];
                lo4[w] = (x & less) | (lo4[w] & ~less);
                hi4[w] = (x & more) | (hi4[w] & ~more);
                sum4[w] += (V4)x;
            }
        for (int w = 0; w < 2; w++)
            for (int l = 0; l < 4; l++) {
                lo = lo4[w][l] < lo ? lo4[w][l] : lo;
                hi = hi4[w][l] > hi ? hi4[w][l] : hi;
                sum += sum4[w][l];
            }
    }
#endif
    for (; i < n; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
        sum += (uint64_t)v[i];
    }
    *out = (KernelMinMax){lo, hi, sum};
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

/* Four increments a step: two shifted additions inside the vector, one addition in the chain. */
static inline __attribute__((always_inline)) void prefix_loop(int64_t *restrict out,
                                                              const uint32_t *restrict u, size_t n,
                                                              const KernelPrefix *p, int zigzag,
                                                              int mul)
{
    const V4 zero = {0, 0, 0, 0};
    uint64_t base = p->base * p->mul;
    uint64_t r0 = zigzag ? (u[0] >> 1) ^ -(uint64_t)(u[0] & 1) : u[0];
    uint64_t start = p->first - (r0 * p->mul + base); /* u[0] stands for no increment */
    V4 carry = {start, start, start, start};
    for (size_t i = 0; i < n; i += 4) {
        U4 in;
        __builtin_memcpy(&in, u + i, sizeof in);
        V4 x = __builtin_convertvector(in, V4);
        if (zigzag)
            x = (x >> 1) ^ -(x & 1);
        if (mul)
            x *= p->mul;
        x += base;
        /* In each half first: moving between halves is the dear part. */
        x += __builtin_shufflevector(x, zero, 4, 0, 4, 2);
        x += __builtin_shufflevector(x, zero, 4, 4, 1, 1);
        V4 sum = x + carry;
        __builtin_memcpy(out + i, &sum, sizeof sum);
        carry += __builtin_shufflevector(x, x, 3, 3, 3, 3);
    }
}

static void prefix32(int64_t *out, const uint32_t *u, size_t n, const KernelPrefix *p)
{
    if (p->zigzag && p->mul == 1)
        prefix_loop(out, u, n, p, 1, 0);
    else if (p->zigzag)
        prefix_loop(out, u, n, p, 1, 1);
    else if (p->mul == 1)
        prefix_loop(out, u, n, p, 0, 0);
    else
        prefix_loop(out, u, n, p, 0, 1);
}

static void fold(uint64_t *u, const uint64_t *r, size_t n, uint64_t base, int zigzag)
{
    if (zigzag) {
        for (size_t i = 0; i < n; i++) {
            uint64_t x = r[i] - base;
            u[i] = x << 1 ^ -(x >> 63);
        }
    } else {
        for (size_t i = 0; i < n; i++)
            u[i] = r[i] - base;
    }
}

static void bit_lengths(uint32_t count[65], const uint64_t *u, size_t n)
{
    enum { TABLES = 4 }; /* so that equal lengths do not wait for each other's store */
    uint16_t table[TABLES][65] = {{0}};
    size_t i = 0;
    for (; i + TABLES <= n; i += TABLES)
        for (int t = 0; t < TABLES; t++)
            table[t][u[i + t] ? 64 - __builtin_clzll(u[i + t]) : 0]++;
    for (; i < n; i++)
        table[0][u[i] ? 64 - __builtin_clzll(u[i]) : 0]++;
    for (int w = 0; w <= 64; w++)
        count[w] = (uint32_t)table[0][w] + table[1][w] + table[2][w] + table[3][w];
}

static size_t split(uint64_t *restrict u, size_t n, unsigned width, uint64_t *restrict pos,
                    uint64_t *restrict high)
{
    if (width >= 64)
        return 0;
    const uint64_t mask = (UINT64_C(1) << width) - 1;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        pos[count] = i;
        high[count] = u[i] >> width;
        count += high[count] != 0;
        u[i] &= mask;
    }
    return count;
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
    .unpack_bits = unpack_bits,
    .minmax = minmax,
    .decimal = decimal,
    .affine = affine,
    .prefix32 = prefix32,
    .fold = fold,
    .bit_lengths = bit_lengths,
    .split = split,
};
