/* storage/codec_int.c - the integer core ("SK"): gcd, transform, patched frame of reference.
 *
 * One block is n integers.  x = (v - first) / gcd; residuals r of x by transform; u = r - base,
 * or zigzag(r - base); the low `width` bits of each u lie packed, what is longer is patched by
 * position and high bits.  docs/format.md has the bytes, "Integer block".
 * With width 0 this is the sparse layout: only what differs is stored. */
#include "storage/codec_private.h"

enum { HEADER_MAX = 1 + 1 + 4 * 10 + 10 + 1 };

void int_stats(IntStats *st, const int64_t *v, size_t n)
{
    KernelMinMax m;
    codec_kernels()->minmax(&m, v, n);
    *st = (IntStats){.min = m.min, .max = m.max, .first = v[0], .last = v[n - 1]};
    /* The 64-bit sum cannot have wrapped when every value is below 2^53. */
    if (m.min > -(INT64_C(1) << 53) && m.max < INT64_C(1) << 53) {
        st->sum = (int64_t)m.sum;
        return;
    }
    st->sum = 0;
    for (size_t i = 0; i < n; i++)
        st->sum += v[i];
}

/* ---- planning ---- */
static uint64_t gcd_u64(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

/* Inverse of an odd number modulo 2^64 (Newton): turns exact division into a multiplication. */
static uint64_t odd_inverse(uint64_t odd)
{
    uint64_t inv = odd * 3 ^ 2;
    for (int i = 0; i < 4; i++)
        inv *= 2 - odd * inv;
    return inv;
}

/* Greatest common divisor of v[i] - v[0]; ends early at 1. */
static uint64_t common_divisor(const int64_t *v, size_t n)
{
    uint64_t any = 0;
    for (size_t i = 1; i < n; i++)
        any |= (uint64_t)v[i] - (uint64_t)v[0];
    if (any == 0)
        return 1;
    unsigned zeros = (unsigned)__builtin_ctzll(any);
    uint64_t odd = 0, inv = 0, most = 0;
    for (size_t i = 1; i < n && odd != 1; i++) {
        uint64_t diff = (uint64_t)v[i] - (uint64_t)v[0];
        diff = ((int64_t)diff < 0 ? -diff : diff) >> zeros;
        if (diff == 0 || (odd && diff * inv <= most))
            continue; /* divides: the exact quotient is in range */
        odd = gcd_u64(diff, odd);
        odd >>= __builtin_ctzll(odd);
        inv = odd_inverse(odd);
        most = UINT64_MAX / odd;
    }
    return odd << zeros;
}

/* Residuals of x by transform; r[0] (and r[1] of delta2) are `fill`, so that they cost nothing. */
static void residuals(uint64_t *restrict r, const uint64_t *restrict x, size_t n,
                      unsigned transform, uint64_t step, uint64_t fill)
{
    if (transform == SK_RAW) {
        memcpy(r, x, n * sizeof *r);
        return;
    }
    r[0] = fill;
    if (transform == SK_DELTA) {
        for (size_t i = 1; i < n; i++)
            r[i] = x[i] - x[i - 1];
    } else if (transform == SK_DELTA2) {
        if (n > 1)
            r[1] = fill;
        for (size_t i = 2; i < n; i++)
            r[i] = x[i] - 2 * x[i - 1] + x[i - 2];
    } else {
        for (size_t i = 0; i < n; i++)
            r[i] = x[i] - i * step;
    }
}

/* Cheapest width for a histogram; replaces the plan if it beats its cost. */
static void plan_width(IntPlan *p, const uint32_t count[65], size_t n, IntPlan try)
{
    unsigned longest = 64;
    while (longest && !count[longest])
        longest--;
    uint64_t patches = 0, extra = try.cost_bits;
    for (unsigned w = longest;; w--) {
        uint64_t list = patches * position_bits(n), map = n;
        uint64_t cost = extra + n * w + patches * (longest - w) +
                        (patches ? 24 + (list < map ? list : map + 4 * (longest - w)) : 0);
        if (cost < p->cost_bits) {
            *p = try;
            p->dense = false;
            p->width = (uint8_t)w;
            p->high = (uint8_t)(longest - w);
            p->patches = (uint32_t)patches;
            p->bitmap = patches && map < list;
            p->cost_bits = cost;
        }
        if (w == 0)
            break;
        patches += count[w];
    }
}

/* The least width above which 64 symbols hold nearly all, and the next ones: which is smallest? */
static void plan_dense(IntPlan *p, const uint64_t *u, const uint32_t length[65], size_t n,
                       IntPlan try)
{
    unsigned longest = 64, tries = 0;
    while (longest && !length[longest])
        longest--;
    for (unsigned w = 0; w < longest && w + DENSE_BITS <= 64 && tries < 4; w++) {
        unsigned top = w + DENSE_BITS;
        uint64_t patches = 0;
        for (unsigned l = top + 1; l <= longest; l++)
            patches += length[l];
        if (patches * 16 > n)
            continue;
        tries++;
        uint32_t count[DENSE_SYMBOLS] = {0};
        for (size_t i = 0; i < n; i++)
            count[u[i] >> w & (DENSE_SYMBOLS - 1)]++;
        unsigned high = longest > top ? longest - top : 0;
        uint64_t cost = try.cost_bits + n * w + dense_cost(count, n) +
                        (patches ? 24 + patches * (high + position_bits(n)) : 0);
        if (cost + cost / 32 >= p->cost_bits) /* slower to read: worth 3 % at least */
            continue;
        *p = try;
        p->dense = true;
        p->width = (uint8_t)w;
        p->high = (uint8_t)high;
        p->patches = (uint32_t)patches;
        p->cost_bits = cost;
    }
}

enum { SAMPLES = 15 };

static int64_t sampled_median(const uint64_t *r, size_t n, size_t from, size_t samples)
{
    int64_t s[SAMPLES];
    size_t count = n - from < samples ? n - from : samples;
    for (size_t i = 0; i < count; i++) {
        int64_t v = (int64_t)r[from + i * (n - from) / count];
        size_t at = i;
        for (; at > 0 && s[at - 1] > v; at--)
            s[at] = s[at - 1];
        s[at] = v;
    }
    return count ? s[count / 2] : 0;
}

static void try_base(IntPlan *best, const uint64_t *r, size_t n, IntPlan try, int64_t base)
{
    bool zigzag = try.zigzag;
    uint64_t u[CODEC_VALUES_MAX];
    uint32_t count[65];
    try.base = base;
    try.cost_bits = 16 + 8 * (bit_length(zigzag_encode(base)) / 7 + 1);
    if (try.transform >= SK_DELTA2)
        try.cost_bits += 8 * (bit_length(zigzag_encode(try.step)) / 7 + 1);
    codec_kernels()->fold(u, r, n, (uint64_t)base, zigzag);
    codec_kernels()->bit_lengths(count, u, n);
    plan_width(best, count, n, try);
    if (try.dense)
        plan_dense(best, u, count, n, try);
}

/* Both bases of one transform: the smallest residual, and zigzag around the median. */
static void try_transform(IntPlan *best, const uint64_t *x, size_t n, IntPlan try,
                          const IntSearch *how)
{
    uint64_t r[CODEC_VALUES_MAX];
    size_t from = try.transform == SK_DELTA ? 1 : try.transform == SK_DELTA2 ? 2 : 0;
    if (n <= from)
        return;
    residuals(r, x, n, try.transform, (uint64_t)try.step, 0);
    try.dense = how->effort == EFFORT_DENSE;
    KernelMinMax m;
    codec_kernels()->minmax(&m, (const int64_t *)r + from, n - from);
    for (size_t i = 0; i < from; i++)
        r[i] = (uint64_t)m.min;
    try_base(best, r, n, try, m.min);
    if (try.transform != SK_LINEAR && (how->effort != EFFORT_FLUSH || try.transform != SK_RAW)) {
        int64_t median = sampled_median(r, n, from, SAMPLES);
        for (size_t i = 0; i < from; i++)
            r[i] = (uint64_t)median;
        try.zigzag = true;
        try_base(best, r, n, try, median);
    }
}

/* Step of a grid: from the ends, then rounded to units that people configure. */
static void try_linear(IntPlan *best, const uint64_t *x, size_t n, IntPlan try,
                       const IntSearch *how)
{
    static const uint64_t units[] = {1000000000, 1000000, 1000};
    uint64_t step = (x[n - 1] - x[0]) / (n - 1), gcd = (uint64_t)try.gcd, last = step;
    try.step = (int64_t)step;
    try_transform(best, x, n, try, how);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        uint64_t unit = units[i] / gcd;
        if (units[i] % gcd || unit < 2 || step > INT64_MAX / 2)
            continue;
        uint64_t rounded = (step + unit / 2) / unit * unit;
        uint64_t off = rounded > step ? rounded - step : step - rounded;
        if (rounded == last || off > step / 64)
            continue;
        try.step = (int64_t)(last = rounded);
        try_transform(best, x, n, try, how);
    }
}

/* Bit lengths of a transform over a few stretches: enough to rank them.  Raw numbers are measured
 * from the least and from the middle of all, since a stretch sees only a part of their range. */
static uint64_t sample_cost(const uint64_t *x, size_t n, unsigned transform, uint64_t least)
{
    uint64_t sum = 0, above = 0;
    size_t stretch = n < 64 ? n : 16, stride = n < 64 ? n : n / 4;
    int64_t mid = transform == SK_RAW ? sampled_median(x, n, 0, SAMPLES) : 0;
    if (stretch <= transform)
        return 64;
    for (size_t s = 0; s + stretch <= n; s += stride) {
        uint64_t r[64];
        residuals(r, x + s, stretch, transform, 0, 0);
        if (transform == SK_DELTA)
            mid = sampled_median(r, stretch, transform, 5);
        for (size_t i = transform; i < stretch; i++) {
            sum += bit_length(zigzag_encode((int64_t)(r[i] - (uint64_t)mid)));
            above += bit_length(r[i] - least);
        }
    }
    return transform == SK_RAW && above < sum ? above : sum;
}

static void subtract_first(uint64_t *x, const int64_t *v, size_t n, uint64_t gcd)
{
    uint64_t first = (uint64_t)v[0];
    if (gcd == 1) {
        for (size_t i = 0; i < n; i++)
            x[i] = (uint64_t)v[i] - first;
        return;
    }
    int zeros = __builtin_ctzll(gcd);
    uint64_t inv = odd_inverse(gcd >> zeros);
    for (size_t i = 0; i < n; i++)
        x[i] = (uint64_t)((int64_t)((uint64_t)v[i] - first) >> zeros) * inv;
}

static void search(IntPlan *p, const uint64_t *x, size_t n, uint64_t lowest, const IntSearch *how)
{
    IntPlan try = *p;
    uint64_t cost[3], least = UINT64_MAX;
    bool all = how->effort != EFFORT_FLUSH;
    for (unsigned t = SK_RAW; t <= SK_DELTA2; t++) {
        cost[t] = all || !(how->mask >> t & 1) ? 0 : sample_cost(x, n, t, lowest);
        if (how->mask >> t & 1 && cost[t] < least)
            least = cost[t];
    }
    for (unsigned t = SK_RAW; t <= SK_DELTA2; t++) {
        if (!(how->mask >> t & 1) || cost[t] > least + least / 8)
            continue;
        try.transform = (uint8_t)t;
        try.step = t == SK_DELTA2 && n > 1 ? (int64_t)(x[1] - x[0]) : 0;
        try_transform(p, x, n, try, how);
    }
    if (how->mask >> SK_LINEAR & 1 && n > 1) {
        try.transform = SK_LINEAR;
        try_linear(p, x, n, try, how);
    }
    if (p->cost_bits == UINT64_MAX) { /* one value and only delta allowed */
        try.transform = SK_RAW, try.step = 0;
        try_transform(p, x, n, try, how);
    }
}

/* The plan of the column's last chunk, if it still costs about what it did: where it costs more the
 * values changed, where it costs much less another plan may cost even less. */
static bool reuse(IntPlan *p, const uint64_t *x, size_t n, const IntSearch *how)
{
    enum { AGE_MAX = 16 };
    const CodecHint *h = how->hint;
    if (!h || h->age == 0 || h->age >= AGE_MAX || how->effort != EFFORT_FLUSH || n < 64 ||
        h->transform == SK_LINEAR || !(how->mask >> h->transform & 1))
        return false;
    const IntPlan fresh = *p;
    IntPlan try = fresh;
    try.transform = h->transform;
    try.step = h->transform == SK_DELTA2 ? (int64_t)(x[1] - x[0]) : 0;
    try_transform(p, x, n, try, how);
    uint64_t cost = p->cost_bits * CODEC_VALUES_MAX / n;
    if (cost <= h->cost + h->cost / 32 + 16 && cost + h->cost / 16 + 16 >= h->cost)
        return true;
    *p = fresh;
    return false;
}

void int_plan(IntPlan *p, const int64_t *v, size_t n, const IntStats *st, const IntSearch *how)
{
    must(n > 0 && n <= CODEC_VALUES_MAX);
    *p = (IntPlan){.first = v[0], .gcd = 1, .cost_bits = UINT64_MAX};
    if (st->min == st->max) {
        p->cost_bits = 24;
        return;
    }
    if ((uint64_t)st->max - (uint64_t)st->min <= INT64_MAX)
        p->gcd = (int64_t)common_divisor(v, n);
    uint64_t x[CODEC_VALUES_MAX];
    subtract_first(x, v, n, (uint64_t)p->gcd);
    CodecHint *h = how->hint;
    if (reuse(p, x, n, how)) {
        h->age++;
        return;
    }
    uint64_t lowest = (uint64_t)(((int64_t)((uint64_t)st->min - (uint64_t)v[0])) / p->gcd);
    search(p, x, n, lowest, how);
    if (h) {
        h->transform = p->transform;
        h->age = 1;
        h->cost = (uint32_t)(p->cost_bits * CODEC_VALUES_MAX / n);
    }
}

/* ---- writing ---- */
size_t int_bound(size_t n)
{
    return n * 8 + HEADER_MAX + 16;
}

size_t int_bound_dense(size_t n)
{
    return int_bound(n) + dense_bound(n);
}

static uint8_t *write_main(uint8_t *p, const uint64_t *u, size_t n, unsigned width)
{
    if (n != CODEC_VALUES_MAX || width == 0)
        return bits_pack(p, u, n, width);
    uint32_t plane[CODEC_VALUES_MAX];
    unsigned low = width < 32 ? width : 32;
    for (size_t i = 0; i < n; i++)
        plane[i] = (uint32_t)u[i];
    codec_kernels()->pack32(p, plane, low);
    p += 128 * low;
    if (width > 32) {
        for (size_t i = 0; i < n; i++)
            plane[i] = (uint32_t)(u[i] >> 32);
        codec_kernels()->pack32(p, plane, width - 32);
        p += 128 * (width - 32);
    }
    return p;
}

/* A list of positions and the high bits of each, or a map and the high bits plane by plane. */
static uint8_t *write_patches(uint8_t *p, const IntPlan *plan, const uint64_t *pos,
                              const uint64_t *high, size_t n)
{
    size_t count = plan->patches, map_size = (n + 7) / 8, plane_size = (count + 7) / 8;
    if (!plan->bitmap) {
        p = bits_pack(p, pos, count, position_bits(n));
        return bits_pack(p, high, count, plan->high);
    }
    memset(p, 0, map_size + plan->high * plane_size);
    for (size_t i = 0; i < count; i++)
        p[pos[i] / 8] |= (uint8_t)(1u << pos[i] % 8);
    p += map_size;
    for (unsigned j = 0; j < plan->high; j++, p += plane_size)
        for (size_t i = 0; i < count; i++)
            p[i / 8] |= (uint8_t)((high[i] >> j & 1) << i % 8);
    return p;
}

size_t int_write(uint8_t *dst, const IntPlan *plan, const int64_t *v, size_t n)
{
    uint64_t x[CODEC_VALUES_MAX], u[CODEC_VALUES_MAX];
    uint64_t pos[CODEC_VALUES_MAX + 1], high[CODEC_VALUES_MAX + 1];
    uint8_t *p = dst;
    *p++ = (uint8_t)(plan->transform | (plan->zigzag ? INT_ZIGZAG : 0) |
                     (plan->gcd != 1 ? INT_GCD : 0) | (plan->patches ? INT_PATCHES : 0) |
                     (plan->bitmap ? INT_BITMAP : 0) | (plan->dense ? INT_DENSE : 0));
    *p++ = plan->width;
    p = codec_put_zigzag(p, plan->first);
    if (plan->gcd != 1)
        p = codec_put_varint(p, (uint64_t)plan->gcd);
    p = codec_put_zigzag(p, plan->base);
    if (plan->transform >= SK_DELTA2)
        p = codec_put_zigzag(p, plan->step);
    if (plan->width == 0 && !plan->patches && !plan->dense)
        return (size_t)(p - dst);
    subtract_first(x, v, n, (uint64_t)plan->gcd);
    residuals(u, x, n, plan->transform, (uint64_t)plan->step, (uint64_t)plan->base);
    codec_kernels()->fold(u, u, n, (uint64_t)plan->base, plan->zigzag);
    if (plan->patches) {
        p = codec_put_varint(p, plan->patches);
        *p++ = plan->high;
        size_t count =
            codec_kernels()->split(u, n, plan->width + (plan->dense ? DENSE_BITS : 0), pos, high);
        must(count == plan->patches);
    }
    uint8_t sym[CODEC_VALUES_MAX];
    for (size_t i = 0; plan->dense && i < n; i++) {
        sym[i] = (uint8_t)(u[i] >> plan->width);
        u[i] &= low_bits(plan->width);
    }
    p = write_main(p, u, n, plan->width);
    if (plan->patches)
        p = write_patches(p, plan, pos, high, n);
    if (plan->dense)
        p = dense_write(p, sym, n);
    return (size_t)(p - dst);
}

/* ---- table rows on top of the core ---- */
static size_t encode_masked(uint8_t *dst, const void *src, size_t n, unsigned mask)
{
    IntStats st;
    IntPlan plan;
    int_stats(&st, src, n);
    int_plan(&plan, src, n, &st, &(IntSearch){mask, EFFORT_FLUSH, NULL});
    return int_write(dst, &plan, src, n);
}

static size_t encode_dense(uint8_t *dst, const void *src, size_t n, unsigned mask)
{
    IntStats st;
    IntPlan plan;
    int_stats(&st, src, n);
    int_plan(&plan, src, n, &st, &(IntSearch){mask, EFFORT_DENSE, NULL});
    return plan.dense ? int_write(dst, &plan, src, n) : 0;
}

#define INT_CODEC(name, encoder, mask)                                                             \
    size_t name##_bound(const void *src, size_t n)                                                 \
    {                                                                                              \
        (void)src;                                                                                 \
        return int_bound_dense(n);                                                                 \
    }                                                                                              \
    size_t name##_encode(uint8_t *dst, const void *src, size_t n)                                  \
    {                                                                                              \
        return encoder(dst, src, n, mask);                                                         \
    }                                                                                              \
    bool name##_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)                       \
    {                                                                                              \
        (void)arena;                                                                               \
        return int_read(dst, n, src, e);                                                           \
    }
INT_CODEC(sk_i64, encode_masked, INT_ANY)
INT_CODEC(time_linear, encode_masked, 1u << SK_LINEAR)
INT_CODEC(time_delta, encode_masked, 1u << SK_DELTA)
INT_CODEC(dense_i64, encode_dense, INT_ANY)
INT_CODEC(dense_time, encode_dense, INT_TIMES)
#undef INT_CODEC

/* Arithmetic run: first value and step. */
size_t linear_bound(const void *src, size_t n)
{
    (void)src, (void)n;
    return 20;
}

size_t linear_encode(uint8_t *dst, const void *src, size_t n)
{
    const int64_t *v = src;
    uint64_t step = n > 1 ? (uint64_t)v[1] - (uint64_t)v[0] : 0;
    for (size_t i = 1; i < n; i++)
        if ((uint64_t)v[i] - (uint64_t)v[i - 1] != step)
            return 0;
    uint8_t *p = codec_put_zigzag(dst, v[0]);
    return (size_t)(codec_put_zigzag(p, (int64_t)step) - dst);
}

bool linear_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    Reader r = reader_of(src);
    uint64_t v = (uint64_t)reader_zigzag(&r), step = (uint64_t)reader_zigzag(&r);
    if (r.bad || reader_left(&r))
        return codec_damaged(e, "arithmetic run: wrong size");
    for (size_t i = 0; i < n; i++, v += step)
        ((int64_t *)dst)[i] = (int64_t)v;
    return true;
}

/* Times of a row group that many small series share: the first `period` repeat. */
size_t time_tile_bound(const void *src, size_t n)
{
    (void)src;
    return 10 + int_bound(n);
}

size_t time_tile_encode(uint8_t *dst, const void *src, size_t n)
{
    const int64_t *v = src;
    size_t period = 1;
    while (period < n && v[period] != v[0])
        period++;
    if (period * 2 > n)
        return 0;
    for (size_t i = period; i < n; i++)
        if (v[i] != v[i - period])
            return 0;
    uint8_t *p = codec_put_varint(dst, period);
    return (size_t)(p - dst) +
           encode_masked(p, src, period, 1u << SK_DELTA | (period > 2 ? 1u << SK_LINEAR : 0));
}

bool time_tile_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    Reader r = reader_of(src);
    uint64_t period = reader_varint(&r);
    if (r.bad || period == 0 || period > n / 2)
        return codec_damaged(e, "time tile: wrong period");
    int64_t *out = dst;
    if (!int_read(out, period, reader_bytes(&r, reader_left(&r)), e))
        return false;
    for (size_t i = period; i < n; i++)
        out[i] = out[i - period];
    return true;
}
