/* promql/grid_kernels.c - compiled twice; see grid_kernels.h. */
#include "promql/grid_kernels.h"

#define STALE UINT64_C(0x7ff0000000000002)
#define MS    1000000

typedef double D4 __attribute__((vector_size(32)));
typedef int64_t L4 __attribute__((vector_size(32)));
enum { LANES = 4 };

/* A macro: vectors are not handed to functions, whose ABI differs between the two. */
#define CHOOSE(mask, yes, no) ((D4)(((mask) & (L4)(yes)) | (~(mask) & (L4)(no))))

#define ALL(x)                                                                                     \
    {                                                                                              \
        x, x, x, x                                                                                 \
    }

/* ns[i] - ns[i-1] is the same for all. */
static bool regular(const int64_t *ns, size_t n, uint64_t step)
{
    uint64_t other = 0;
    L4 others = ALL(0), steps = ALL((int64_t)step), x, before;
    size_t i = 1;
    for (; i + LANES <= n; i += LANES) {
        __builtin_memcpy(&x, ns + i, sizeof x);
        __builtin_memcpy(&before, ns + i - 1, sizeof before);
        others |= (x - before) ^ steps;
    }
    for (; i < n; i++)
        other |= ((uint64_t)ns[i] - (uint64_t)ns[i - 1]) ^ step;
    return !(other | (uint64_t)(others[0] | others[1] | others[2] | others[3]));
}

/* out[i] = first + i * by */
static void line(int64_t *out, size_t n, int64_t first, int64_t by)
{
    L4 x = {first, first + by, first + 2 * by, first + 3 * by}, more = ALL(4 * by);
    for (size_t i = 0; i < n; i += LANES, x += more)
        __builtin_memcpy(out + i, &x, n - i < LANES ? (n - i) * sizeof *out : sizeof x);
}

static bool to_ms(int64_t *restrict ms, const int64_t *restrict ns, size_t n)
{
    int64_t equal = 0;
    if (n == 0)
        return false;
    uint64_t step = n > 1 ? (uint64_t)ns[1] - (uint64_t)ns[0] : 0;
    if (step % MS == 0 && regular(ns, n, step)) {
        line(ms, n, ns[0] / MS - (ns[0] % MS < 0), (int64_t)(step / MS));
        return n > 1 && step == 0;
    }
    if (ns[0] >= 0) { /* and so are the others: they ascend */
        for (size_t i = 0; i < n; i++)
            ms[i] = (int64_t)((uint64_t)ns[i] / MS);
    } else {
        for (size_t i = 0; i < n; i++)
            ms[i] = ns[i] / MS - (ns[i] % MS < 0);
    }
    for (size_t i = 1; i < n; i++)
        equal |= ms[i] == ms[i - 1];
    return equal;
}

static bool any_missing(const double *restrict v, size_t n)
{
    const L4 stale = ALL(STALE);
    L4 any = ALL(0), x;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __builtin_memcpy(&x, v + i, sizeof x);
        any |= x == stale;
    }
    for (; i < n; i++) {
        int64_t bits;
        __builtin_memcpy(&bits, v + i, sizeof bits);
        any[0] |= -(int64_t)(bits == (int64_t)STALE);
    }
    return any[0] | any[1] | any[2] | any[3];
}

/* Drops are rare: whole blocks are looked at first. */
static size_t drops(uint32_t *restrict at, const double *restrict v, size_t n)
{
    enum { BLOCK = 256 };
    size_t count = 0;
    for (size_t i = 1, end; i < n; i = end) {
        L4 any = ALL(0);
        size_t k = i;
        end = n - i < BLOCK ? n : i + BLOCK;
        for (; k + LANES <= end; k += LANES) {
            D4 x, before;
            __builtin_memcpy(&x, v + k, sizeof x);
            __builtin_memcpy(&before, v + k - 1, sizeof before);
            any |= x < before;
        }
        if (any[0] | any[1] | any[2] | any[3])
            k = i;
        for (; k < end; k++) {
            at[count] = (uint32_t)k;
            count += v[k] < v[k - 1];
        }
    }
    return count;
}

static void change(double *restrict out, const ChangeSteps *restrict c, size_t n, double range_s,
                   bool counter)
{
    const D4 inf = ALL(__builtin_inf()), zero = ALL(0), divisor = ALL(range_s);
    const D4 below = counter ? zero : inf; /* first values that may not be passed */
    const L4 stale = ALL(STALE);
    for (size_t i = 0; i < n; i += LANES) {
        D4 gaps, covered, to_start, to_end, first, raw;
        __builtin_memcpy(&gaps, c->gaps + i, sizeof gaps);
        __builtin_memcpy(&covered, c->covered + i, sizeof covered);
        __builtin_memcpy(&to_start, c->to_start + i, sizeof to_start);
        __builtin_memcpy(&to_end, c->to_end + i, sizeof to_end);
        __builtin_memcpy(&first, c->first + i, sizeof first);
        __builtin_memcpy(&raw, c->raw + i, sizeof raw);
        covered /= 1000;
        to_start /= 1000;
        to_end /= 1000;
        D4 gap = covered / gaps, limit = gap * 1.1, half = gap * 0.5;
        D4 to_zero = covered * (first / raw); /* a counter cannot have been below zero */
        to_start = CHOOSE(to_start >= limit, half, to_start);
        to_end = CHOOSE(to_end >= limit, half, to_end);
        to_start =
            CHOOSE((raw > zero) & (first >= below) & (to_zero < to_start), to_zero, to_start);
        raw *= (covered + to_start + to_end) / covered / divisor;
        raw = CHOOSE(gaps == zero, stale, raw);
        __builtin_memcpy(out + i, &raw, n - i < LANES ? (n - i) * sizeof *out : sizeof raw);
    }
}

/* The bits are those of change(): the same operations in the same order.  Most counters are far from zero, which
 * a product tells without a division; the margin is more than all that rounding does. */
static void steady(double *restrict out, const ChangeSteps *restrict c, size_t n,
                   const SteadyChange *s)
{
    const D4 covered = ALL(s->covered), to_start = ALL(s->to_start), to_end = ALL(s->to_end);
    const D4 zero = ALL(0), divisor = ALL(s->range_s), near = ALL(s->to_start * (1 + 1e-9));
    const D4 factor = (covered + to_start + to_end) / covered / divisor, tiny = ALL(1e-290);
    for (size_t i = 0; i < n; i += LANES) {
        D4 first, raw;
        __builtin_memcpy(&first, c->first + i, sizeof first);
        __builtin_memcpy(&raw, c->raw + i, sizeof raw);
        D4 by = factor;
        L4 cut = (raw > zero) & (first >= zero) & (first * covered <= raw * near + tiny);
        if (s->counter && (cut[0] | cut[1] | cut[2] | cut[3])) {
            D4 to_zero = covered * (first / raw);
            to_zero = CHOOSE(cut & (to_zero < to_start), to_zero, to_start);
            by = (covered + to_zero + to_end) / covered / divisor;
        }
        raw *= by;
        __builtin_memcpy(out + i, &raw, n - i < LANES ? (n - i) * sizeof *out : sizeof raw);
    }
}

/* What most steps are: nothing is missing, nothing overflows.  Knuth's sum gives the same rounding error as
 * Neumaier's, which is exact, without a comparison.  False: sum4() has to look closer, nothing was written. */
static inline bool sum4_plain(double *value, double *extra, const double *v)
{
    D4 s, c, x;
    __builtin_memcpy(&s, value, sizeof s);
    __builtin_memcpy(&c, extra, sizeof c);
    __builtin_memcpy(&x, v, sizeof x);
    D4 t = s + x, back = t - s, more = (s - (t - back)) + (x - back);
    L4 fine = more == more; /* neither NaN nor infinite */
    if (!(fine[0] & fine[1] & fine[2] & fine[3]))
        return false;
    c += more;
    __builtin_memcpy(value, &t, sizeof t);
    __builtin_memcpy(extra, &c, sizeof c);
    return true;
}

static inline void sum4(double *value, double *extra, const double *v)
{
    const L4 stale = ALL(STALE), sign = ALL(INT64_MIN);
    const D4 inf = ALL(__builtin_inf());
    D4 s, c, x;
    __builtin_memcpy(&s, value, sizeof s);
    __builtin_memcpy(&c, extra, sizeof c);
    __builtin_memcpy(&x, v, sizeof x);
    L4 no_x = (L4)x == stale, no_s = (L4)s == stale;
    D4 t = s + x, abs_s = (D4)((L4)s & ~sign), abs_x = (D4)((L4)x & ~sign),
       abs_t = (D4)((L4)t & ~sign);
    D4 more = CHOOSE(abs_s >= abs_x, (s - t) + x, (x - t) + s);
    more = (D4)(~(abs_t == inf) & (L4)(c + more));
    c = CHOOSE(no_x | no_s, c, more);
    s = CHOOSE(no_x, s, CHOOSE(no_s, x, t));
    __builtin_memcpy(value, &s, sizeof s);
    __builtin_memcpy(extra, &c, sizeof c);
}

static void sum(double *restrict value, double *restrict extra, const double *restrict v, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        if (!sum4_plain(value + i, extra + i, v + i))
            sum4(value + i, extra + i, v + i);
    if (i == n)
        return;
    double s[LANES] = {0}, c[LANES] = {0}, x[LANES] = {0};
    size_t bytes = (n - i) * sizeof *s;
    __builtin_memcpy(s, value + i, bytes);
    __builtin_memcpy(c, extra + i, bytes);
    __builtin_memcpy(x, v + i, bytes);
    sum4(s, c, x);
    __builtin_memcpy(value + i, s, bytes);
    __builtin_memcpy(extra + i, c, bytes);
}

/* ---- four windows at once ---- */

#define GET(x, v, by)                                                                              \
    do {                                                                                           \
        if ((by) == 1)                                                                             \
            __builtin_memcpy(&(x), (v), sizeof(x));                                                \
        else                                                                                       \
            (x) = (D4){(v)[0], (v)[by], (v)[2 * (by)], (v)[3 * (by)]};                             \
    } while (0)

/* As in sum4_plain(): *c becomes NaN, and stays so, where something is not finite. */
static inline __attribute__((always_inline)) void add4(D4 *s, D4 *c, const D4 *x)
{
    D4 t = *s + *x, back = t - *s;
    *c += (*s - (t - back)) + (*x - back);
    *s = t;
}

static inline __attribute__((always_inline)) bool put4(double *out, const D4 *v, const D4 *c)
{
    L4 fine = *c == *c;
    __builtin_memcpy(out, v, sizeof *v);
    return fine[0] & fine[1] & fine[2] & fine[3];
}

static bool window_sum(double out[4], const double *v, size_t by, size_t count)
{
    D4 sum = ALL(0), c = ALL(0), x;
    for (size_t k = 0; k < count; k++) {
        GET(x, v + k, by);
        add4(&sum, &c, &x);
    }
    sum += c;
    return put4(out, &sum, &c);
}

static bool window_avg(double out[4], const double *v, size_t by, size_t count)
{
    D4 sum, c = ALL(0), x;
    GET(sum, v, by);
    for (size_t k = 1; k < count; k++) {
        GET(x, v + k, by);
        add4(&sum, &c, &x);
    }
    D4 mean = sum / (double)count + c / (double)count;
    return put4(out, &mean, &mean) && put4(out, &mean, &c);
}

static bool window_stdvar(double out[4], const double *v, size_t by, size_t count)
{
    D4 mean = ALL(0), c_mean = ALL(0), aux = ALL(0), c_aux = ALL(0), x;
    for (size_t k = 0; k < count; k++) {
        GET(x, v + k, by);
        D4 delta = x - (mean + c_mean), part = delta / (double)(k + 1);
        add4(&mean, &c_mean, &part);
        part = delta * (x - (mean + c_mean));
        add4(&aux, &c_aux, &part);
    }
    aux = (aux + c_aux) / (double)count;
    c_mean += c_aux;
    return put4(out, &aux, &c_mean);
}

static bool window_min(double out[4], const double *v, size_t by, size_t count)
{
    D4 best, x;
    GET(best, v, by);
    for (size_t k = 1; k < count; k++) {
        GET(x, v + k, by);
        best = CHOOSE((x < best) | (best != best), x, best);
    }
    __builtin_memcpy(out, &best, sizeof best);
    return true;
}

static bool window_max(double out[4], const double *v, size_t by, size_t count)
{
    D4 best, x;
    GET(best, v, by);
    for (size_t k = 1; k < count; k++) {
        GET(x, v + k, by);
        best = CHOOSE((x > best) | (best != best), x, best);
    }
    __builtin_memcpy(out, &best, sizeof best);
    return true;
}

static bool window_line(FourLines *out, const double *v, size_t by, size_t count, const double *x)
{
    D4 y = ALL(0), cy = ALL(0), xy = ALL(0), cxy = ALL(0), first, at;
    L4 level = ALL(-1);
    GET(first, v, by);
    for (size_t k = 0; k < count; k++) {
        GET(at, v + k, by);
        level &= at == first;
        D4 product = x[k] * at;
        add4(&y, &cy, &at);
        add4(&xy, &cxy, &product);
    }
    __builtin_memcpy(out->level, &level, sizeof level);
    y += cy;
    xy += cxy;
    return put4(out->y, &y, &cy) & put4(out->xy, &xy, &cxy);
}

#ifdef KERNEL_V3
const GridKernels grid_v3 = {line,          to_ms,      any_missing, drops,      change,
                             steady,        regular,    sum,         window_sum, window_avg,
                             window_stdvar, window_min, window_max,  window_line};
#else
const GridKernels grid_base = {line,          to_ms,      any_missing, drops,      change,
                               steady,        regular,    sum,         window_sum, window_avg,
                               window_stdvar, window_min, window_max,  window_line};
#endif
