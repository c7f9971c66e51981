/* exec/kernels.c - compiled twice; see kernels.h.
 * Plain loops that gcc and clang vectorise at -O3; no header with inline functions. */
#include "exec/kernels.h"

/* ---- filters ---- */

#define COMPARE_LOOP(expr)                                                                         \
    do {                                                                                           \
        for (size_t i = 0; i < n; i++)                                                             \
            out[i] = (uint8_t)(expr);                                                              \
    } while (0)

/* A NaN in x is above every y: > and >= are "not <=" and "not <". */
#define COMPARE(name, type)                                                                        \
    static void name(uint8_t *restrict out, const type *restrict x, type y, size_t n,              \
                     ExecCompare op)                                                               \
    {                                                                                              \
        switch (op) {                                                                              \
        case EXEC_EQ:                                                                              \
            COMPARE_LOOP(x[i] == y);                                                               \
            break;                                                                                 \
        case EXEC_NE:                                                                              \
            COMPARE_LOOP(x[i] != y);                                                               \
            break;                                                                                 \
        case EXEC_LT:                                                                              \
            COMPARE_LOOP(x[i] < y);                                                                \
            break;                                                                                 \
        case EXEC_LE:                                                                              \
            COMPARE_LOOP(x[i] <= y);                                                               \
            break;                                                                                 \
        case EXEC_GT:                                                                              \
            COMPARE_LOOP(!(x[i] <= y));                                                            \
            break;                                                                                 \
        default:                                                                                   \
            COMPARE_LOOP(!(x[i] < y));                                                             \
        }                                                                                          \
    }

COMPARE(compare_i64, int64_t)
COMPARE(compare_f64, double)

/* Eight bytes of 0 or 1 at a time: all, none, or the set ones by their places. */
static size_t select_rows(uint16_t *restrict rows, const uint8_t *restrict bytes, size_t n)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t count = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        __builtin_memcpy(&word, bytes + i, sizeof word);
        if (word == ones) {
            for (size_t k = 0; k < 8; k++)
                rows[count + k] = (uint16_t)(i + k);
            count += 8;
            continue;
        }
        for (; word; word &= word - 1)
            rows[count++] = (uint16_t)(i + (unsigned)__builtin_ctzll(word) / 8);
    }
    for (; i < n; i++) {
        rows[count] = (uint16_t)i;
        count += bytes[i];
    }
    return count;
}

/* ---- arithmetic ---- */

static void add_i64(int64_t *restrict out, const int64_t *restrict x, const int64_t *restrict y,
                    int64_t constant, size_t n, int64_t *over)
{
    int64_t bad = 0;
    if (y) {
        for (size_t i = 0; i < n; i++) {
            out[i] = (int64_t)((uint64_t)x[i] + (uint64_t)y[i]);
            bad |= (x[i] ^ out[i]) & (y[i] ^ out[i]);
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            out[i] = (int64_t)((uint64_t)x[i] + (uint64_t)constant);
            bad |= (x[i] ^ out[i]) & (constant ^ out[i]);
        }
    }
    *over = bad;
}

/* ---- hashing ---- */

static void hash_i64(uint64_t *restrict hashes, const int64_t *restrict v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t h = (uint64_t)v[i];
        h *= UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
        h *= UINT64_C(0xd6e8feb86659fd93);
        h ^= h >> 29;
        hashes[i] = h;
    }
}

/* ---- aggregates ---- */

static void minmax_i64(const int64_t *restrict v, size_t n, int64_t *min, int64_t *max)
{
    int64_t low = v[0], high = v[0];
    for (size_t i = 1; i < n; i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
    }
    *min = low;
    *max = high;
}

/* In lanes, since the order of floats must be said for the compiler to take several at once. */
static size_t minmax_f64(const double *restrict v, size_t n, double *min, double *max)
{
    enum { LANES = 8 };
    double low[LANES], high[LANES];
    size_t nans = 0, i = 0;
    for (size_t k = 0; k < LANES; k++) {
        low[k] = __builtin_inf();
        high[k] = -__builtin_inf();
    }
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            double x = v[i + k];
            low[k] = x < low[k] ? x : low[k]; /* false of NaN */
            high[k] = x > high[k] ? x : high[k];
        }
    for (; i < n; i++) {
        low[0] = v[i] < low[0] ? v[i] : low[0];
        high[0] = v[i] > high[0] ? v[i] : high[0];
    }
    for (size_t k = 1; k < LANES; k++) {
        low[0] = low[k] < low[0] ? low[k] : low[0];
        high[0] = high[k] > high[0] ? high[k] : high[0];
    }
    for (i = 0; i < n; i++)
        nans += v[i] != v[i];
    *min = low[0];
    *max = high[0];
    return nans;
}

static void sum_i64(ExecIntSum *out, const int64_t *restrict v, size_t n)
{
    const uint64_t sign = UINT64_C(1) << 63;
    uint64_t high = 0, low = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t u = (uint64_t)v[i] ^ sign; /* v + 2^63 */
        high += u >> 32;
        low += u & UINT32_MAX;
    }
    out->high = (int64_t)(high - ((uint64_t)n << 31));
    out->low = low;
}

static void add_f64(double *hi, double *lo, double x)
{
    double t = *hi + x;
    int bigger = __builtin_fabs(*hi) >= __builtin_fabs(x);
    double big = bigger ? *hi : x, small = bigger ? x : *hi;
    *lo += (big - t) + small;
    *hi = t;
}

static void sum_f64(ExecFloatSum *sum, const double *restrict v, size_t n)
{
    ExecFloatSum s = *sum;
    size_t whole = n - n % EXEC_LANES;
    for (size_t i = 0; i < whole; i += EXEC_LANES)
        for (size_t k = 0; k < EXEC_LANES; k++)
            add_f64(&s.hi[k], &s.lo[k], v[i + k]);
    for (size_t i = whole; i < n; i++)
        add_f64(&s.hi[i - whole], &s.lo[i - whole], v[i]);
    *sum = s;
}

#ifdef KERNEL_V3
#define KERNELS exec_kernels_v3
#define NAME    "x86-64-v3"
#else
#define KERNELS exec_kernels_base
#define NAME    "baseline"
#endif
const ExecKernels KERNELS = {
    .name = NAME,
    .compare_i64 = compare_i64,
    .compare_f64 = compare_f64,
    .select = select_rows,
    .add_i64 = add_i64,
    .hash_i64 = hash_i64,
    .minmax_i64 = minmax_i64,
    .minmax_f64 = minmax_f64,
    .sum_i64 = sum_i64,
    .sum_f64 = sum_f64,
};
