/* storage/codec_float.c - doubles as decimals in the integer core; front bits for the others.
 *
 * value = (double)d / 10^k, one correctly rounded division: this arithmetic is part of the format.
 * What is not exactly such a quotient (NaN, Inf, -0.0, more digits) is an exception, kept as bits. */
#include "storage/codec_private.h"

#include <math.h>

enum {
    K_MAX = 18,
    FLAG_EXCEPTIONS = 0x40,
    FLAG_WIDE = 0x80, /* k = 0 and integers of 2^51 and more: converted one by one */
    SAMPLES = 16,
    FRONT_TAIL = 6, /* raw bytes a value behind the front bits */
};

static const double limit = 2251799813685248.0; /* 2^51 */

typedef struct Decimal {
    unsigned k;
    bool wide;
    size_t bad;
    int64_t d[CODEC_VALUES_MAX];
    uint64_t bad_at[CODEC_VALUES_MAX + 1];
} Decimal;

/* Smallest k that shows v exactly; -1 if none. */
static int smallest_k(double v)
{
    for (int k = 0; k <= K_MAX; k++) {
        double t = v * codec_pow10[k];
        if (!(t < limit && t > -limit))
            return -1;
        double back = (double)(int64_t)(t + (t < 0 ? -0.5 : 0.5)) / codec_pow10[k];
        if (f64_bits(back) == f64_bits(v))
            return k;
    }
    return -1;
}

bool sk_f64_one(double v, uint8_t *k, int64_t *d)
{
    int found = smallest_k(v);
    if (found < 0)
        return false;
    *k = (uint8_t)found;
    *d = llrint(v * codec_pow10[found]);
    return true;
}

static void run_k(Decimal *x, const double *v, size_t n, unsigned k)
{
    x->k = k;
    x->bad = codec_kernels()->decimal(x->d, v, n, codec_pow10[k]);
    if (x->bad == 0)
        return;
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        double back = (double)x->d[i] / codec_pow10[k], t = v[i] * codec_pow10[k];
        bool ok = f64_bits(back) == f64_bits(v[i]) && t < limit && t > -limit;
        x->bad_at[bad] = i;
        bad += !ok;
    }
    x->bad = bad;
}

static bool run_wide(Decimal *x, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(v[i] < 9.2e18 && v[i] > -9.2e18))
            return false;
        x->d[i] = (int64_t)v[i];
        if (f64_bits((double)x->d[i]) != f64_bits(v[i]))
            return false;
    }
    x->k = 0;
    x->bad = 0;
    x->wide = true;
    return true;
}

/* The k of a sample first; then, while values fail that a larger k would take, that one. */
static bool find_decimal(Decimal *x, const double *v, size_t n, const CodecHint *hint)
{
    x->wide = false;
    if (hint && (hint->codec == CODEC_SK_F64 || hint->codec == CODEC_DENSE_F64)) {
        run_k(x, v, n, hint->k); /* a larger k than needed: the common divisor takes it back */
        if (x->bad == 0)
            return true;
    }
    int k = -1;
    bool doubt = hint && (hint->codec == CODEC_FRONT_F64 || hint->codec == CODEC_RAW_F64);
    size_t most = doubt ? SAMPLES / 4 : SAMPLES, count = n < most ? n : most;
    for (size_t i = 0; i < count; i++) {
        int one = smallest_k(v[i * n / count]);
        k = one > k ? one : k;
    }
    if (k < 0)
        return run_wide(x, v, n);
    run_k(x, v, n, (unsigned)k);
    for (int tries = 0; x->bad && tries < 3; tries++) {
        size_t before = x->bad, old_k = x->k;
        for (size_t i = 0; i < before && i < SAMPLES; i++) {
            int one = smallest_k(v[x->bad_at[i * before / (before < SAMPLES ? before : SAMPLES)]]);
            k = one > k ? one : k;
        }
        if ((size_t)k == old_k)
            break;
        run_k(x, v, n, (unsigned)k);
        if (x->bad >= before) {
            run_k(x, v, n, (unsigned)old_k);
            break;
        }
    }
    return x->bad * 8 <= n || run_wide(x, v, n);
}

/* Exceptions take the integer before them, so that they cost no residual. */
static void fill_bad(Decimal *x, size_t n)
{
    size_t good = 0;
    while (good < x->bad && x->bad_at[good] == good)
        good++;
    for (size_t b = 0; b < x->bad; b++) {
        size_t i = x->bad_at[b];
        x->d[i] = i ? x->d[i - 1] : good < n ? x->d[good] : 0;
    }
}

static uint8_t *write_head(uint8_t *p, const Decimal *x, const double *v, size_t n)
{
    *p++ = (uint8_t)(x->k | (x->bad ? FLAG_EXCEPTIONS : 0) | (x->wide ? FLAG_WIDE : 0));
    if (x->bad) {
        p = codec_put_varint(p, x->bad);
        p = bits_pack(p, x->bad_at, x->bad, position_bits(n));
        for (size_t i = 0; i < x->bad; i++)
            p = store_u64(p, f64_bits(v[x->bad_at[i]]));
    }
    return p;
}

size_t sk_f64_bound(const void *src, size_t n)
{
    (void)src;
    return int_bound_dense(n) + 1 + 10 + (n / 8 + 1) * 10 + 16;
}

size_t sk_f64_encode_meta(uint8_t *dst, const double *v, size_t n, const IntSearch *how,
                          ChunkMeta *m, bool *dense)
{
    Decimal x;
    if (!find_decimal(&x, v, n, how->hint))
        return 0;
    fill_bad(&x, n);
    IntStats st;
    IntPlan plan;
    int_stats(&st, x.d, n);
    int_plan(&plan, x.d, n, &st, how);
    if (how->hint)
        how->hint->k = (uint8_t)x.k;
    if (plan.cost_bits + x.bad * 80 + 80 >= n * 64 && n >= 32)
        return 0;
    *dense = plan.dense;
    uint8_t *p = write_head(dst, &x, v, n);
    p += int_write(p, &plan, x.d, n);
    if (m && x.bad == 0 && !x.wide) {
        m->kind = STATS_DECIMAL;
        m->k = (uint8_t)x.k;
        m->i = st;
    }
    return (size_t)(p - dst);
}

size_t sk_f64_encode(uint8_t *dst, const void *src, size_t n)
{
    bool dense;
    return sk_f64_encode_meta(dst, src, n, &(IntSearch){INT_ANY, EFFORT_FLUSH, NULL}, NULL, &dense);
}

size_t dense_f64_bound(const void *src, size_t n)
{
    return sk_f64_bound(src, n);
}

size_t dense_f64_encode(uint8_t *dst, const void *src, size_t n)
{
    bool dense = false;
    size_t len =
        sk_f64_encode_meta(dst, src, n, &(IntSearch){INT_ANY, EFFORT_DENSE, NULL}, NULL, &dense);
    return dense ? len : 0;
}

bool dense_f64_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    return sk_f64_decode(dst, n, src, arena, e);
}

bool decimal_open(DecimalHead *h, size_t n, Slice src, Err *e)
{
    Reader r = reader_of(src);
    uint8_t first = reader_u8(&r);
    *h = (DecimalHead){.k = first & 0x3f, .wide = first & FLAG_WIDE};
    if (first & FLAG_EXCEPTIONS) {
        uint64_t bad = reader_varint(&r);
        if (bad == 0 || bad > n)
            return codec_damaged(e, "decimals: wrong number of exceptions");
        h->bad = bad;
        h->positions = (const uint8_t *)reader_bytes(&r, bits_size(bad, position_bits(n))).ptr;
        h->values = (const uint8_t *)reader_bytes(&r, bad * 8).ptr;
    }
    if (r.bad || h->k > K_MAX || (h->wide && (h->k || h->bad)))
        return codec_damaged(e, "decimals: wrong header");
    h->block = reader_bytes(&r, reader_left(&r));
    return true;
}

bool decimal_exceptions(uint16_t *at, const DecimalHead *h, size_t n, Err *e)
{
    uint64_t pos[CODEC_VALUES_MAX];
    bits_unpack(pos, h->positions, h->bad, position_bits(n));
    for (size_t i = 0; i < h->bad; i++) {
        if (pos[i] >= n || (i && pos[i] <= at[i - 1]))
            return codec_damaged(e, "decimals: exception position");
        at[i] = (uint16_t)pos[i];
    }
    return true;
}

static void put_wide(double *out, const IntView *v, size_t n)
{
    int64_t d[CODEC_VALUES_MAX];
    if (v->narrow)
        codec_narrow()->widen(d, v->u.x, n, v->first, v->gcd);
    for (size_t i = 0; i < n; i++)
        out[i] = (double)(v->narrow ? d : v->u.v)[i];
}

bool sk_f64_range(void *dst, size_t n, size_t begin, size_t end, Slice src, Err *e)
{
    DecimalHead h;
    IntView v;
    double *out = dst;
    if (!decimal_open(&h, n, src, e) || !int_view(&v, n, end, h.block, e))
        return false;
    if (h.wide) {
        put_wide(out, &v, end);
        return true;
    }
    double p = codec_pow10[h.k];
    double padded[CODEC_VALUES_MAX];
    size_t from = begin / 4 * 4; /* kernels work in fours */
    double *to = end % 4 ? padded : out;
    if (v.narrow)
        codec_narrow()->decimals(to + from, v.u.x + from, end - from, (double)v.first,
                                 (double)v.gcd, p);
    else
        codec_narrow()->divide(to + from, v.u.v + from, end - from, p);
    if (end % 4)
        memcpy(out + from, padded + from, (end - from) * sizeof *out);
    uint16_t at[CODEC_VALUES_MAX];
    if (h.bad && !decimal_exceptions(at, &h, n, e))
        return false;
    for (size_t i = 0; i < h.bad && at[i] < end; i++)
        out[at[i]] = f64_of_bits(load_u64(h.values + i * 8));
    return true;
}

bool sk_f64_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    return sk_f64_range(dst, n, 0, n, src, e);
}

/* ---- front bits: the high 16 bits as an integer block, the other six bytes raw ---- */
size_t front_f64_bound(const void *src, size_t n)
{
    (void)src;
    return 10 + int_bound(n) + n * FRONT_TAIL;
}

size_t front_f64_encode(uint8_t *dst, const void *src, size_t n)
{
    const double *v = src;
    int64_t front[CODEC_VALUES_MAX];
    must(n > 0 && n <= CODEC_VALUES_MAX);
    for (size_t i = 0; i < n; i++)
        front[i] = (int64_t)(f64_bits(v[i]) >> 8 * FRONT_TAIL);
    IntStats st;
    IntPlan plan;
    uint8_t block[CODEC_VALUES_MAX * 8 + 128];
    int_stats(&st, front, n);
    int_plan(&plan, front, n, &st, &(IntSearch){1u << SK_RAW | 1u << SK_DELTA, EFFORT_FLUSH, NULL});
    size_t size = int_write(block, &plan, front, n);
    uint8_t *p = codec_put_varint(dst, size);
    memcpy(p, block, size);
    p += size;
    for (size_t i = 0; i < n; i++, p += FRONT_TAIL) {
        uint64_t bits = f64_bits(v[i]);
        memcpy(p, &bits, FRONT_TAIL);
    }
    return (size_t)(p - dst);
}

bool front_f64_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e)
{
    (void)arena;
    Reader r = reader_of(src);
    uint64_t size = reader_varint(&r);
    if (r.bad || size > reader_left(&r))
        return codec_damaged(e, "front bits: wrong size");
    int64_t front[CODEC_VALUES_MAX];
    if (!int_read(front, n, reader_bytes(&r, size), e))
        return false;
    if (reader_left(&r) != n * FRONT_TAIL)
        return codec_damaged(e, "front bits: wrong size");
    const uint8_t *p = r.cur;
    for (size_t i = 0; i < n; i++, p += FRONT_TAIL) {
        uint64_t tail = load_u64(p) & low_bits(8 * FRONT_TAIL);
        ((double *)dst)[i] = f64_of_bits((uint64_t)front[i] << 8 * FRONT_TAIL | tail);
    }
    return true;
}
