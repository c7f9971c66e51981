/* storage/codec.c - the table of codecs, the choice between them, statistics. */
#include "storage/codec_private.h"

#include "base/simd.h"
#include <math.h>

#define ROW(id, name, kind, fn)                                                                    \
    {                                                                                              \
        id, name, kind, fn##_bound, fn##_encode, fn##_decode                                       \
    }
const CodecDef codec_table[] = {
    ROW(CODEC_RAW_I64, "raw", CODEC_INT, raw64),
    ROW(CODEC_RAW_F64, "raw", CODEC_FLOAT, raw64),
    ROW(CODEC_RAW_BOOL, "raw", CODEC_BOOL, raw_bool),
    ROW(CODEC_RAW_STR, "raw", CODEC_STR, raw_str),
    ROW(CODEC_GORILLA_TIME, "gorilla time", CODEC_TIME, gorilla_time),
    ROW(CODEC_GORILLA_F64, "gorilla", CODEC_FLOAT, gorilla_f64),
    ROW(CODEC_CONST_I64, "constant", CODEC_INT, const64),
    ROW(CODEC_LINEAR_I64, "arithmetic run", CODEC_INT, linear),
    ROW(CODEC_CONST_F64, "constant", CODEC_FLOAT, const64),
    ROW(CODEC_SK_I64, "integer block", CODEC_INT, sk_i64),
    ROW(CODEC_SK_F64, "decimal block", CODEC_FLOAT, sk_f64),
    ROW(CODEC_FRONT_F64, "front bits", CODEC_FLOAT, front_f64),
    ROW(CODEC_TIME_LINEAR, "time grid", CODEC_TIME, time_linear),
    ROW(CODEC_TIME_DELTA, "time delta", CODEC_TIME, time_delta),
    ROW(CODEC_TIME_TILE, "time tile", CODEC_TIME, time_tile),
    ROW(CODEC_CONST_BOOL, "constant", CODEC_BOOL, const_bool),
    ROW(CODEC_BITMAP_BOOL, "bitmap", CODEC_BOOL, bitmap_bool),
    ROW(CODEC_CONST_STR, "constant", CODEC_STR, const_str),
    ROW(CODEC_DICT_STR, "dictionary", CODEC_STR, dict_str),
    ROW(CODEC_ZSTD_STR, "zstd", CODEC_STR, zstd_str),
    {0},
};
#undef ROW

const CodecDef *codec_find(uint8_t id)
{
    /* Ids are dense from 1 and in table order; the unit test holds that. */
    size_t count = ARRAY_LEN(codec_table) - 1;
    return id >= 1 && id <= count ? &codec_table[id - 1] : NULL;
}

const Kernels *codec_kernels(void)
{
#ifdef SKULK_KERNELS_V3
    if (simd_has_v3())
        return &kernels_v3;
#endif
    return &kernels_base;
}

/* ---- choice ---- */
static bool append(Buf *out, uint8_t id, const void *src, size_t n)
{
    const CodecDef *def = codec_find(id);
    buf_reserve(out, def->bound(src, n));
    size_t len = def->encode((uint8_t *)out->ptr + out->len, src, n);
    out->len += len;
    return len > 0;
}

static void append_plan(Buf *out, const IntPlan *plan, const int64_t *v, size_t n)
{
    buf_reserve(out, int_bound(n));
    out->len += int_write((uint8_t *)out->ptr + out->len, plan, v, n);
}

static bool plan_beats_raw(const IntPlan *plan, size_t n)
{
    return plan->cost_bits + 80 < n * 64;
}

static uint8_t encode_int(Buf *out, const int64_t *v, size_t n, bool final, const IntStats *st)
{
    if (st->min == st->max && append(out, CODEC_CONST_I64, v, n))
        return CODEC_CONST_I64;
    if (n > 2 && append(out, CODEC_LINEAR_I64, v, n))
        return CODEC_LINEAR_I64;
    IntPlan plan;
    int_plan(&plan, v, n, st, 1u << SK_RAW | 1u << SK_DELTA | 1u << SK_DELTA2, final);
    if (plan_beats_raw(&plan, n) || n < 32) {
        append_plan(out, &plan, v, n);
        return CODEC_SK_I64;
    }
    append(out, CODEC_RAW_I64, v, n);
    return CODEC_RAW_I64;
}

static uint8_t encode_time(Buf *out, const int64_t *v, size_t n, bool final)
{
    if (append(out, CODEC_LINEAR_I64, v, n))
        return CODEC_LINEAR_I64;
    if (append(out, CODEC_TIME_TILE, v, n))
        return CODEC_TIME_TILE;
    IntStats st;
    IntPlan plan;
    int_stats(&st, v, n);
    int_plan(&plan, v, n, &st, 1u << SK_DELTA | 1u << SK_LINEAR, final);
    if (!plan_beats_raw(&plan, n) && n >= 32) {
        append(out, CODEC_RAW_I64, v, n);
        return CODEC_RAW_I64;
    }
    append_plan(out, &plan, v, n);
    return plan.transform == SK_LINEAR ? CODEC_TIME_LINEAR : CODEC_TIME_DELTA;
}

static uint8_t encode_bool(Buf *out, const uint8_t *b, size_t n)
{
    uint8_t id = append(out, CODEC_CONST_BOOL, b, n) ? CODEC_CONST_BOOL : CODEC_BITMAP_BOOL;
    if (id == CODEC_BITMAP_BOOL)
        append(out, id, b, n);
    return id;
}

static uint8_t encode_str(Buf *out, const Slice *s, size_t n, bool final)
{
    if (append(out, CODEC_CONST_STR, s, n))
        return CODEC_CONST_STR;
    size_t at = out->len;
    uint8_t id = append(out, CODEC_DICT_STR, s, n) ? CODEC_DICT_STR : CODEC_RAW_STR;
    if (id == CODEC_RAW_STR)
        append(out, id, s, n);
    size_t plain = out->len - at;
    if (plain < 64 || (id == CODEC_DICT_STR && plain < 2 * n))
        return id; /* short as it is */
    buf_reserve(out, zstd_str_bound(s, n));
    size_t packed = zstd_str_encode_level((uint8_t *)out->ptr + out->len, s, n, final ? 3 : 1);
    /* Decoding must pay for itself: a dictionary of short texts stays. */
    if (packed == 0 || packed + plain / 8 >= plain)
        return id;
    memmove(out->ptr + at, out->ptr + out->len, packed);
    out->len = at + packed;
    return CODEC_ZSTD_STR;
}

/* Fewest bytes that Gorilla may take: windows that fit each XOR exactly. */
static size_t gorilla_least(const double *v, size_t n)
{
    size_t bits = 64;
    for (size_t i = 1; i < n; i++) {
        uint64_t xor = f64_bits(v[i]) ^ f64_bits(v[i - 1]);
        bits += xor? 66 - (unsigned)(__builtin_clzll(xor) + __builtin_ctzll(xor)) : 1;
    }
    return bits / 8;
}

/* No decimals: whichever of front bits and Gorilla is smaller, else the bytes as they are. */
static uint8_t encode_true_double(Buf *out, const double *v, size_t n)
{
    size_t at = out->len, raw = n * 8;
    append(out, CODEC_FRONT_F64, v, n);
    size_t front = out->len - at, least = gorilla_least(v, n);
    if (least < front && least < raw) {
        append(out, CODEC_GORILLA_F64, v, n);
        size_t gorilla = out->len - at - front;
        if (gorilla < front && gorilla < raw) {
            memmove(out->ptr + at, out->ptr + at + front, gorilla);
            out->len = at + gorilla;
            return CODEC_GORILLA_F64;
        }
        out->len = at + front;
    }
    if (front < raw)
        return CODEC_FRONT_F64;
    out->len = at;
    append(out, CODEC_RAW_F64, v, n);
    return CODEC_RAW_F64;
}

static uint8_t encode_f64(Buf *out, const double *v, size_t n, bool final, ChunkMeta *m)
{
    m->kind = STATS_NONE;
    uint8_t id = CODEC_SK_F64;
    if (append(out, CODEC_CONST_F64, v, n)) {
        id = CODEC_CONST_F64;
        if (sk_f64_one(v[0], &m->k, &m->i.min)) {
            m->kind = STATS_DECIMAL;
            m->i.max = m->i.first = m->i.last = m->i.min;
            m->i.sum = (__int128)m->i.min * (int64_t)n;
        }
    } else {
        buf_reserve(out, sk_f64_bound(v, n));
        size_t len = sk_f64_encode_meta((uint8_t *)out->ptr + out->len, v, n, final, m);
        out->len += len;
        if (len == 0)
            id = encode_true_double(out, v, n);
    }
    if (m->kind == STATS_NONE) {
        m->kind = STATS_DOUBLE;
        stats_of_f64(&m->f, v, n);
    }
    return id;
}

void codec_encode_chunk(Buf *out, CodecKind kind, const void *src, size_t n, uint8_t hint,
                        bool final, ChunkMeta *m)
{
    (void)hint; /* a sample finds the plan as fast as a hint would */
    must(n > 0 && n <= CODEC_VALUES_MAX);
    memset(m, 0, sizeof *m);
    switch (kind) {
    case CODEC_INT:
        m->kind = STATS_INT;
        int_stats(&m->i, src, n);
        m->codec = encode_int(out, src, n, final, &m->i);
        break;
    case CODEC_FLOAT:
        m->codec = encode_f64(out, src, n, final, m);
        break;
    case CODEC_BOOL:
        m->codec = encode_bool(out, src, n);
        break;
    case CODEC_STR:
        m->codec = encode_str(out, src, n, final);
        break;
    case CODEC_TIME:
        m->codec = encode_time(out, src, n, final);
        break;
    }
}

uint8_t codec_encode_best(Buf *out, CodecKind kind, const void *src, size_t n, uint8_t hint,
                          bool final)
{
    ChunkMeta m;
    codec_encode_chunk(out, kind, src, n, hint, final, &m);
    return m.codec;
}

/* ---- statistics ---- */
void stats_of_int(ChunkStats *out, const IntStats *i, size_t n)
{
    *out = (ChunkStats){.type = PHYS_I64, .sum_exact = true, .count = (uint32_t)n};
    out->u.i.min = i->min;
    out->u.i.max = i->max;
    out->u.i.first = i->first;
    out->u.i.last = i->last;
    out->u.i.sum = i->sum;
}

void stats_of_i64(ChunkStats *out, const int64_t *v, size_t n)
{
    *out = (ChunkStats){.type = PHYS_I64, .sum_exact = true};
    if (n == 0)
        return;
    IntStats st;
    int_stats(&st, v, n);
    stats_of_int(out, &st, n);
}

/* hi + lo = a + b exactly (Knuth). */
static inline void two_sum(double *hi, double *lo, double a, double b)
{
    double s = a + b, t = s - a;
    *lo = (a - (s - t)) + (b - t);
    *hi = s;
}

static void add_compensated(double *hi, double *lo, double v)
{
    double err;
    two_sum(hi, &err, *hi, v);
    *lo += err;
}

/* (hi, lo) normalised; an infinite sum has no error term. */
static void set_sum(ChunkStats *out, double hi, double lo)
{
    if (!isfinite(hi)) {
        out->u.f.sum_hi = hi;
        out->u.f.sum_lo = 0;
        return;
    }
    two_sum(&out->u.f.sum_hi, &out->u.f.sum_lo, hi, lo);
}

void stats_of_f64(ChunkStats *out, const double *v, size_t n)
{
    *out = (ChunkStats){.type = PHYS_F64, .sum_exact = true, .count = (uint32_t)n};
    if (n == 0)
        return;
    enum { CHAINS = 4 };
    double hi[CHAINS] = {0}, lo[CHAINS] = {0}, min = INFINITY, max = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (isnan(v[i])) {
            out->nan_count++;
            continue;
        }
        add_compensated(&hi[i % CHAINS], &lo[i % CHAINS], v[i]);
        min = v[i] < min ? v[i] : min;
        max = v[i] > max ? v[i] : max;
    }
    for (int c = 1; c < CHAINS; c++) {
        add_compensated(&hi[0], &lo[0], hi[c]);
        lo[0] += lo[c];
    }
    bool none = out->nan_count == n;
    out->u.f.min = none ? NAN : min;
    out->u.f.max = none ? NAN : max;
    out->u.f.first = v[0];
    out->u.f.last = v[n - 1];
    set_sum(out, hi[0], lo[0]);
}

const double codec_pow10[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* |i| < 2^53 and at most 1,024 of them: the sum fits 64 bits, the quotient is (hi, lo). */
void stats_of_decimal(ChunkStats *out, const IntStats *i, uint8_t k, size_t n, uint32_t nan_count)
{
    double p = codec_pow10[k <= 22 ? k : 22];
    *out = (ChunkStats){
        .type = PHYS_F64, .sum_exact = true, .count = (uint32_t)n, .nan_count = nan_count};
    out->u.f.min = (double)i->min / p;
    out->u.f.max = (double)i->max / p;
    out->u.f.first = (double)i->first / p;
    out->u.f.last = (double)i->last / p;
    double top = (double)i->sum, rest = (double)(i->sum - (__int128)top);
    double q = top / p;
    set_sum(out, q, (fma(-q, p, top) + rest) / p);
}

static void merge_i64(ChunkStats *a, const ChunkStats *b)
{
    a->u.i.min = b->u.i.min < a->u.i.min ? b->u.i.min : a->u.i.min;
    a->u.i.max = b->u.i.max > a->u.i.max ? b->u.i.max : a->u.i.max;
    a->u.i.last = b->u.i.last;
    a->u.i.sum += b->u.i.sum;
    a->sum_exact = a->sum_exact && b->sum_exact;
}

static void merge_f64(ChunkStats *a, const ChunkStats *b)
{
    bool a_none = a->nan_count == a->count, b_none = b->nan_count == b->count;
    if (!b_none && (a_none || b->u.f.min < a->u.f.min))
        a->u.f.min = b->u.f.min;
    if (!b_none && (a_none || b->u.f.max > a->u.f.max))
        a->u.f.max = b->u.f.max;
    a->u.f.last = b->u.f.last;
    double hi, lo;
    two_sum(&hi, &lo, a->u.f.sum_hi, b->u.f.sum_hi);
    set_sum(a, hi, isfinite(hi) ? lo + a->u.f.sum_lo + b->u.f.sum_lo : 0);
    a->nan_count += b->nan_count;
}

void stats_merge(ChunkStats *into, const ChunkStats *later)
{
    if (later->count == 0)
        return;
    if (into->count == 0) {
        *into = *later;
        return;
    }
    must(into->type == later->type);
    if (into->type == PHYS_I64)
        merge_i64(into, later);
    else
        merge_f64(into, later);
    into->count += later->count;
}

/* A codec of this type, values decoded, then the range: the general way. */
static bool stats_decoded(ChunkStats *out, const CodecDef *def, size_t n, Slice src, size_t begin,
                          size_t end, Arena *scratch, Err *e)
{
    int64_t v[CODEC_VALUES_MAX];
    if (!def->decode(v, n, src, scratch, e))
        return false;
    if (def->kind == CODEC_FLOAT)
        stats_of_f64(out, (const double *)v + begin, end - begin);
    else
        stats_of_i64(out, v + begin, end - begin);
    return true;
}

/* Decimals as integers: the sum is exact, one division at the end. */
static bool stats_of_ints(ChunkStats *out, size_t n, Slice src, size_t begin, size_t end,
                          bool *done, Err *e)
{
    int64_t v[CODEC_VALUES_MAX];
    uint8_t k;
    if (!sk_f64_ints(v, n, src, &k, done, e))
        return false;
    if (*done) {
        IntStats st;
        int_stats(&st, v + begin, end - begin);
        stats_of_decimal(out, &st, k, end - begin, 0);
    }
    return true;
}

bool codec_stats(ChunkStats *out, uint8_t id, PhysType type, size_t n, Slice src, size_t begin,
                 size_t end, Arena *scratch, Err *e)
{
    const CodecDef *def = codec_find(id);
    bool is_int = def && (def->kind == CODEC_INT || def->kind == CODEC_TIME);
    if (!def || n == 0 || n > CODEC_VALUES_MAX || begin > end || end > n ||
        (type == PHYS_I64 ? !is_int : type != PHYS_F64 || def->kind != CODEC_FLOAT))
        return codec_damaged(e, "codec does not fit the type");
    bool done = false;
    if (id == CODEC_SK_F64 && begin < end && !stats_of_ints(out, n, src, begin, end, &done, e))
        return false;
    return done || stats_decoded(out, def, n, src, begin, end, scratch, e);
}
