/* Codecs: every row of the table over every shape, truncation, bit flips, statistics. */
#include "storage/codec_private.h"
#include "storage/histogram.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = CODEC_VALUES_MAX };

static uint64_t seed = 1;
static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x2545f4914f6cdd1d) >> 8;
}
static double uniform(void)
{
    return (double)(rnd() & 0xffffffffffff) / 281474976710656.0;
}
static double normal(void)
{
    double u = uniform() + 1e-15, v = uniform();
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* ---- shapes ---- */
typedef struct IntShape {
    const char *name;
    int64_t (*at)(size_t i, int64_t prev);
} IntShape;

static int64_t walk100(size_t i, int64_t prev)
{
    int64_t v = (i ? prev : 50) + llrint(normal());
    return v < 0 ? 0 : v > 100 ? 100 : v;
}
static int64_t zero(size_t i, int64_t prev)
{
    return (void)i, (void)prev, 0;
}
static int64_t linear_up(size_t i, int64_t prev)
{
    return (void)prev, (int64_t)i * 17 - 40;
}
static int64_t counter(size_t i, int64_t prev)
{
    return i % 300 == 299 ? 0 : prev + 100 + (int64_t)(rnd() % 40);
}
static int64_t pages(size_t i, int64_t prev)
{
    return (i ? prev : INT64_C(4096) * 1000000) + 4096 * ((int64_t)(rnd() % 400) - 200);
}
static int64_t thirds(size_t i, int64_t prev)
{
    return (void)i, (void)prev, 7 + 3 * (int64_t)(rnd() % 100000);
}
static int64_t rare(size_t i, int64_t prev)
{
    return (void)i, rnd() % 150 == 0 ? (int64_t)(rnd() % 1000) : prev;
}
static int64_t noise(size_t i, int64_t prev)
{
    return (void)i, (void)prev, (int64_t)(rnd() << 8 ^ rnd());
}
static int64_t extremes(size_t i, int64_t prev)
{
    static const int64_t v[] = {INT64_MIN, INT64_MAX, 0, -1, 1, INT64_MIN + 1, INT64_MAX - 1};
    return (void)i, (void)prev, v[rnd() % ARRAY_LEN(v)];
}
static int64_t spikes(size_t i, int64_t prev)
{
    return (void)i, (void)prev, rnd() % 50 ? (int64_t)(rnd() % 16) : (int64_t)(rnd() << 8);
}
static int64_t half_spikes(size_t i, int64_t prev)
{
    return (void)i, (void)prev, rnd() % 3 ? 5 : (int64_t)(rnd() % 1000);
}
static int64_t wide40(size_t i, int64_t prev)
{
    return (void)i, (void)prev, (int64_t)(rnd() & 0xffffffffff);
}
static int64_t grid(size_t i, int64_t prev)
{
    (void)prev;
    return INT64_C(1700000000000000000) + (int64_t)i * 10000000000 +
           ((int64_t)(rnd() % 7) - 3) * 1000000;
}
static int64_t regular(size_t i, int64_t prev)
{
    return (void)prev, INT64_C(1700000000000000000) + (int64_t)i * 10000000000;
}
static int64_t gaps(size_t i, int64_t prev)
{
    return i ? prev + INT64_C(10000000000) * (rnd() % 100 ? 1 : 7) : INT64_C(1700000000000000000);
}
static int64_t poisson(size_t i, int64_t prev)
{
    return (i ? prev : INT64_C(1700000000000000000)) +
           1000 * (int64_t)(-log(uniform() + 1e-12) * 1e6);
}
static int64_t tiled(size_t i, int64_t prev)
{
    return (void)prev, INT64_C(1700000000000000000) + (int64_t)(i % 12) * 10000000000;
}

static const IntShape int_shapes[] = {
    {"zero", zero},
    {"walk100", walk100},
    {"linear", linear_up},
    {"counter", counter},
    {"pages", pages},
    {"thirds", thirds},
    {"rare", rare},
    {"noise", noise},
    {"extremes", extremes},
    {"spikes", spikes},
    {"half spikes", half_spikes},
    {"wide40", wide40},
    {"grid", grid},
    {"regular", regular},
    {"gaps", gaps},
    {"poisson", poisson},
    {"tiled", tiled},
};

static double f_const(size_t i, double p)
{
    return (void)i, (void)p, 23.5;
}
static double f_walk2(size_t i, double p)
{
    return round(((i ? p : 50) + normal()) * 100) / 100;
}
static double f_int(size_t i, double p)
{
    return (double)walk100(i, (int64_t)p);
}
static double f_dec6(size_t i, double p)
{
    return (void)i, (void)p, round(uniform() * 1e8) / 1e6;
}
static double f_small(size_t i, double p)
{
    return (void)i, (void)p, round(uniform() * 1e4) / 1e13;
}
static double f_full(size_t i, double p)
{
    return (i ? p : 50) + normal();
}
static double f_sin(size_t i, double p)
{
    return (void)p, sin((double)i / 50) * 1e-3;
}
static double f_nan(size_t i, double p)
{
    return (void)i, (void)p, f64_of_bits(UINT64_C(0x7ff0000000000002));
}
static double f_stale(size_t i, double p)
{
    return i % 97 == 96 ? f64_of_bits(UINT64_C(0x7ff0000000000002)) : f_walk2(i, p == p ? p : 40);
}
static double f_special(size_t i, double p)
{
    static const uint64_t bits[] = {0,
                                    UINT64_C(1) << 63,
                                    UINT64_C(0x7ff0000000000000),
                                    UINT64_C(0xfff0000000000000),
                                    UINT64_C(0x7ff8000000000000),
                                    UINT64_C(0x7ff0000000000002),
                                    UINT64_C(0xfff8000000000abc),
                                    1,
                                    UINT64_C(0x7fefffffffffffff),
                                    UINT64_C(0x3ff0000000000000),
                                    UINT64_C(0x433fffffffffffff),
                                    UINT64_C(0x4320000000000000),
                                    UINT64_C(0xc320000000000001)};
    return (void)i, (void)p, f64_of_bits(bits[rnd() % ARRAY_LEN(bits)]);
}
static double f_negzero(size_t i, double p)
{
    return (void)p, i % 20 ? (double)(i % 7) : -0.0;
}
static double f_big(size_t i, double p)
{
    return (void)p, (double)((INT64_C(1) << 60) + (int64_t)i * 4096);
}
static double f_bits(size_t i, double p)
{
    return (void)i, (void)p, f64_of_bits(rnd() << 8 ^ rnd());
}
static double f_late_digits(size_t i, double p)
{
    return (void)p, i % 100 == 99 ? 1.123456 : (double)(i % 10);
}
static double f_late_true(size_t i, double p)
{
    return (void)p, i % 20 == 19 ? uniform() : (double)(i % 10) / 10;
}

static const struct {
    const char *name;
    double (*at)(size_t i, double prev);
} float_shapes[] = {
    {"constant", f_const},  {"walk2", f_walk2},      {"int", f_int},
    {"dec6", f_dec6},       {"small", f_small},      {"full", f_full},
    {"sin", f_sin},         {"nan", f_nan},          {"stale", f_stale},
    {"special", f_special}, {"-0", f_negzero},       {"big", f_big},
    {"bits", f_bits},       {"late", f_late_digits}, {"late true", f_late_true},
};

enum { BOOL_SHAPES = 4, STR_SHAPES = 12 };

/* Histograms: integer counters, sparse buckets that come and go, doubles, layouts that change. */
static Slice histogram(size_t i, size_t shape, Arena *a)
{
    static const double bounds[] = {0.5, 1, 2.5};
    HistBucket positive[20], negative[3];
    Histogram h = {.integer = shape != 10,
                   .sum = (double)i * 1.25,
                   .positive = {positive, 0},
                   .negative = {negative, 0},
                   .zero_threshold = 0.001,
                   .zero = (double)(i / 3)};
    for (int32_t k = 0; k < 20; k++)
        if (shape != 9 || rnd() % 3)
            positive[h.positive.count++] = (HistBucket){
                k * 2 - 7, shape == 10 ? uniform() + 0.1 : (double)(1 + (i * (size_t)(k + 1)) / 2),
                0};
    for (int32_t k = 0; k < 3 && shape != 8; k++)
        negative[h.negative.count++] = (HistBucket){k, (double)(k + 1), 0};
    if (shape == 11 && i % 300 > 200) {
        h.schema = HIST_SCHEMA_CUSTOM;
        h.bounds = bounds;
        h.bound_count = 3;
        h.positive.count = 4;
        h.zero = h.zero_threshold = 0;
        h.negative.count = 0;
        for (int32_t k = 0; k < 4; k++)
            positive[k].index = k;
    } else {
        h.schema = (int8_t)(shape == 11 ? (int)(i / 300) : 3);
    }
    h.hint = (uint8_t)(shape == 9 ? i % 4 : HIST_GAUGE);
    h.count = h.zero + (shape == 10 ? 0.5 : 7);
    for (uint32_t k = 0; k < h.positive.count; k++)
        h.count += positive[k].n;
    Buf b;
    buf_init(&b);
    hist_write(&b, &h);
    Slice s = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return s;
}

static void fill_str(Slice *s, size_t n, size_t shape, Arena *a)
{
    static const char *levels[] = {"info", "warning", "error", ""};
    for (size_t i = 0; i < n; i++) {
        switch (shape) {
        case 0:
            s[i] = SLICE_LIT("same text");
            break;
        case 1:
            s[i] = slice_cstr(levels[rnd() % 4]);
            break;
        case 2:
            s[i] = arena_printf(a, "GET /api/v1/item/%u HTTP/1.1 200 %u",
                                (unsigned)(rnd() % 100000), (unsigned)(rnd() % 900));
            break;
        case 3:
            s[i] = slice_of("", 0);
            break;
        case 4: {
            size_t len = rnd() % 40;
            char *p = arena_alloc(a, len + 1);
            for (size_t k = 0; k < len; k++)
                p[k] = (char)rnd();
            s[i] = slice_of(p, len);
            break;
        }
        case 5:
            s[i] = i == n / 2 ? slice_of(memset(arena_alloc(a, 200000), 'x', 200000), 200000)
                              : SLICE_LIT("-");
            break;
        case 8:
        case 9:
        case 10:
        case 11:
            s[i] = histogram(i, shape, a);
            break;
        case 6:
            s[i] = i % 5 ? slice_of("", 0) : arena_printf(a, "%u", (unsigned)i);
            break;
        default:
            s[i] = arena_printf(a, "host-%03u", (unsigned)(i * 7 % 40));
        }
    }
}

static size_t shape_count(CodecKind kind)
{
    return kind == CODEC_FLOAT  ? ARRAY_LEN(float_shapes)
           : kind == CODEC_BOOL ? BOOL_SHAPES
           : kind == CODEC_STR  ? STR_SHAPES
                                : ARRAY_LEN(int_shapes);
}

static size_t value_size(CodecKind kind)
{
    return kind == CODEC_BOOL ? 1 : kind == CODEC_STR ? sizeof(Slice) : 8;
}

static void fill(void *v, size_t n, CodecKind kind, size_t shape, Arena *a)
{
    if (kind == CODEC_STR) {
        fill_str(v, n, shape, a);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (kind == CODEC_FLOAT)
            ((double *)v)[i] = float_shapes[shape].at(i, i ? ((double *)v)[i - 1] : 0);
        else if (kind == CODEC_BOOL)
            ((uint8_t *)v)[i] = shape == 0   ? 0
                                : shape == 1 ? 1
                                : shape == 2 ? rnd() & 1
                                             : i == n / 2;
        else
            ((int64_t *)v)[i] = int_shapes[shape].at(i, i ? ((int64_t *)v)[i - 1] : 0);
    }
}

static bool same(const void *a, const void *b, size_t n, CodecKind kind)
{
    if (kind != CODEC_STR)
        return memcmp(a, b, n * value_size(kind)) == 0;
    for (size_t i = 0; i < n; i++)
        if (!slice_eq(((const Slice *)a)[i], ((const Slice *)b)[i]))
            return false;
    return true;
}

/* A copy with exactly CODEC_SLACK bytes behind, so that ASan sees one byte too many. */
static Slice with_slack(const void *bytes, size_t len)
{
    char *copy = malloc(len + CODEC_SLACK);
    memcpy(copy, bytes, len);
    memset(copy + len, 0x5a, CODEC_SLACK);
    return slice_of(copy, len);
}

static void drop(Slice s)
{
    free((void *)(uintptr_t)s.ptr);
}

static const size_t sizes[] = {1,  2,  3,   4,   5,   7,   8,    31,   32,  33,
                               63, 64, 100, 255, 256, 511, 1000, 1023, 1024};
static const CodecKind kind_of_time[] = {CODEC_INT};

START_TEST(table_is_dense)
{
    (void)kind_of_time;
    uint8_t id = 1;
    for (const CodecDef *d = codec_table; d->name; d++, id++) {
        ck_assert_uint_eq(d->id, id);
        ck_assert_ptr_eq(codec_find(id), d);
    }
    ck_assert_ptr_null(codec_find(0));
    ck_assert_ptr_null(codec_find(id));
}
END_TEST

/* One codec (_i), all shapes and sizes: round trip within bound(), every truncation fails. */
START_TEST(round_trip)
{
    const CodecDef *def = &codec_table[_i];
    Arena a;
    arena_init(&a, NULL);
    unsigned taken = 0;
    for (size_t shape = 0; shape < shape_count(def->kind); shape++) {
        for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
            size_t n = sizes[k], size = value_size(def->kind);
            void *v = malloc(n * size), *back = malloc(n * size);
            fill(v, n, def->kind, shape, &a);
            uint8_t *dst = malloc(def->bound(v, n));
            size_t len = def->encode(dst, v, n);
            ck_assert_uint_le(len, def->bound(v, n));
            if (def->id == CODEC_GORILLA_F64)
                ck_assert_uint_eq(len, gorilla_f64_size(v, n));
            if (len) {
                Err e;
                Slice s = with_slack(dst, len);
                memset(back, 0xee, n * size);
                ck_assert_msg(def->decode(back, n, s, &a, &e), "%s shape %zu n %zu: %s", def->name,
                              shape, n, e.message);
                ck_assert_msg(same(v, back, n, def->kind), "%s shape %zu n %zu differs", def->name,
                              shape, n);
                for (int part = 0; part < 4; part++) {
                    size_t begin = rnd() % n, end = begin + 1 + rnd() % (n - begin);
                    memset(back, 0xee, n * size);
                    ck_assert(codec_decode_range(def, back, n, begin, end, s, &a, &e));
                    ck_assert_msg(same((char *)v + begin * size, (char *)back + begin * size,
                                       end - begin, def->kind),
                                  "%s shape %zu: %zu to %zu of %zu differ", def->name, shape, begin,
                                  end, n);
                }
                taken++;
                for (size_t cut = 0; cut<len; cut += n> 300 ? 1 + rnd() % 97 : 1 + rnd() % 7) {
                    Slice t = with_slack(dst, cut);
                    ck_assert_msg(!def->decode(back, n, t, &a, &e),
                                  "%s shape %zu n %zu cut %zu of %zu", def->name, shape, n, cut,
                                  len);
                    drop(t);
                }
                drop(s);
            }
            free(dst);
            free(v);
            free(back);
            arena_reset(&a);
        }
    }
    ck_assert_uint_gt(taken, 0);
    arena_free(&a);
}
END_TEST

/* Flipped bits and random bytes: an error or other values, never a crash. */
START_TEST(damage)
{
    const CodecDef *def = &codec_table[_i];
    Arena a;
    arena_init(&a, NULL);
    for (int round = 0; round < 600; round++) {
        size_t n = round % 3 ? sizes[rnd() % ARRAY_LEN(sizes)] : N, size = value_size(def->kind);
        size_t shape = rnd() % shape_count(def->kind);
        void *v = malloc(n * size);
        fill(v, n, def->kind, shape, &a);
        uint8_t *dst = malloc(def->bound(v, n));
        size_t len = def->encode(dst, v, n);
        if (len == 0)
            dst[len++] = (uint8_t)rnd();
        size_t head = len < 24 ? len : 24;
        for (unsigned flips = 1 + rnd() % 4; flips; flips--)
            dst[rnd() % (rnd() & 1 ? head : len)] ^= (uint8_t)(1u << rnd() % 8);
        Slice s = with_slack(dst, len);
        size_t claim = rnd() % 10 ? n : 1 + rnd() % N;
        void *back = malloc(claim * size);
        Err e;
        if (!def->decode(back, claim, s, &a, &e))
            ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
        else if (def->kind == CODEC_STR)
            for (size_t i = 0; i < claim; i++) { /* every byte must be readable */
                Slice t = ((Slice *)back)[i];
                for (size_t b = 0; b < t.len; b += 1 + t.len / 16)
                    seed += (uint8_t)t.ptr[b] == 1;
            }
        drop(s);
        free(back);
        free(dst);
        free(v);
        arena_reset(&a);
    }
    arena_free(&a);
}
END_TEST

/* The choice round-trips. */
START_TEST(best)
{
    static const CodecKind kinds[] = {CODEC_INT, CODEC_FLOAT, CODEC_BOOL, CODEC_STR, CODEC_TIME};
    Arena a;
    arena_init(&a, NULL);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        CodecKind kind = kinds[k];
        for (size_t shape = 0; shape < shape_count(kind); shape++) {
            for (size_t s = 0; s < 3 * ARRAY_LEN(sizes); s++) {
                size_t n = sizes[s / 3];
                CodecEffort effort = (CodecEffort)(s % 3);
                int64_t *v = malloc(n * sizeof(Slice)), *back = malloc(n * sizeof(Slice));
                fill(v, n, kind, shape, &a);
                Buf out = {0};
                uint8_t id = codec_encode_best(&out, kind, v, n, NULL, effort);
                const CodecDef *def = codec_find(id);
                ck_assert_ptr_nonnull(def);
                Slice src = with_slack(out.ptr, out.len);
                Err e;
                ck_assert_msg(def->decode(back, n, src, &a, &e), "%s", e.message);
                ck_assert_msg(same(v, back, n, kind), "%s differs", def->name);
                drop(src);
                buf_free(&out);
                free(v);
                free(back);
                arena_reset(&a);
            }
        }
    }
    arena_free(&a);
}
END_TEST

static void same_f64(double want, double got)
{
    ck_assert_msg(f64_bits(want) == f64_bits(got) || (isnan(want) && isnan(got)) || want == got,
                  "%.17g instead of %.17g", got, want);
}

/* `got` says of v what adding value by value says; the sum within a rounding or two. */
static void same_stats(const ChunkStats *got, PhysType type, const int64_t *v, size_t n)
{
    ChunkStats want;
    if (type == PHYS_I64)
        stats_of_i64(&want, v, n);
    else
        stats_of_f64(&want, (const double *)v, n);
    ck_assert_int_eq(want.type, got->type);
    ck_assert_uint_eq(want.count, got->count);
    ck_assert_uint_eq(want.nan_count, got->nan_count);
    ck_assert(got->sum_exact);
    if (n == 0)
        return;
    if (type == PHYS_I64) {
        ck_assert_int_eq(want.u.i.min, got->u.i.min);
        ck_assert_int_eq(want.u.i.max, got->u.i.max);
        ck_assert_int_eq(want.u.i.first, got->u.i.first);
        ck_assert_int_eq(want.u.i.last, got->u.i.last);
        ck_assert(want.u.i.sum == got->u.i.sum);
        return;
    }
    ck_assert_uint_eq(f64_bits(want.u.f.first), f64_bits(got->u.f.first));
    ck_assert_uint_eq(f64_bits(want.u.f.last), f64_bits(got->u.f.last));
    same_f64(want.u.f.min, got->u.f.min);
    same_f64(want.u.f.max, got->u.f.max);
    double sum = got->u.f.sum_hi, room = 4e-16 * (double)n;
    room *= fmax(fabs(want.u.f.max), fabs(want.u.f.min));
    ck_assert_msg(want.u.f.sum_hi == sum || fabs(want.u.f.sum_hi - sum) <= room ||
                      (!isfinite(want.u.f.sum_hi) && !isfinite(sum)),
                  "sum %.17g instead of %.17g", sum, want.u.f.sum_hi);
}

/* SQL's order, the slow and plain way. */
static bool passes_slowly(PhysType type, int64_t bits, const CodecFilter *f)
{
    double a = f64_of_bits((uint64_t)bits), b = f->u.f;
    bool less, equal;
    if (type == PHYS_I64) {
        less = bits < f->u.i, equal = bits == f->u.i;
    } else {
        less = isnan(b) ? !isnan(a) : a < b;
        equal = isnan(a) ? isnan(b) : a == b;
    }
    switch (f->op) {
    case CODEC_EQ:
        return equal;
    case CODEC_NE:
        return !equal;
    case CODEC_LT:
        return less;
    case CODEC_LE:
        return less || equal;
    case CODEC_GT:
        return !less && !equal;
    default:
        return !less;
    }
}

static void check_filter(const CodecChunk *c, const int64_t *v, Arena *a)
{
    /* Constants that are values, next to values, between decimals, and none at all. */
    static const double floats[] = {0, -0.0, 0.5, -1e300, 1e300, 1e18, 4.35, 3.0000000000000004};
    static const int64_t ints[] = {0, INT64_MIN, INT64_MAX, -1, 1 << 20};
    uint64_t bits[BITMAP_WORDS(N) + 1];
    size_t passed;
    Err e;
    for (unsigned round = 0; round < 12; round++) {
        CodecFilter f = {.op = (CodecCompare)(rnd() % 6), .u.i = v[rnd() % c->n]};
        if (c->type == PHYS_I64 && round % 3 == 0)
            f.u.i = ints[rnd() % ARRAY_LEN(ints)];
        else if (c->type == PHYS_F64 && round == 7)
            f.u.f = round % 2 ? NAN : INFINITY;
        else if (c->type == PHYS_F64 && round % 3 == 0)
            f.u.f = floats[rnd() % ARRAY_LEN(floats)];
        else if (c->type == PHYS_F64 && round % 3 == 1)
            f.u.f = nextafter(f.u.f, round % 2 ? INFINITY : -INFINITY);
        else if (c->type == PHYS_I64 && round % 3 == 1)
            f.u.i = (int64_t)((uint64_t)f.u.i + 1);
        memset(bits, 0xa5, sizeof bits);
        ck_assert_msg(codec_filter(bits, &passed, c, &f, a, &e), "%s", e.message);
        size_t want = 0;
        for (size_t i = 0; i < c->n; i++) {
            bool pass = passes_slowly(c->type, v[i], &f);
            want += pass;
            ck_assert_msg(bitmap_get(bits, i) == pass, "%s: value %zu (%.17g) op %d %.17g",
                          codec_find(c->id)->name, i, f64_of_bits((uint64_t)v[i]), f.op, f.u.f);
        }
        ck_assert_uint_eq(passed, want);
        if (c->n % 64)
            ck_assert_uint_eq(bits[c->n / 64] >> c->n % 64, 0);
        ck_assert_uint_eq(bits[BITMAP_WORDS(c->n)], UINT64_C(0xa5a5a5a5a5a5a5a5));
    }
}

/* The pieces between the first and the last cut, without the others. */
static void check_inner(const CodecChunk *c, const int64_t *v, const uint32_t *cuts, size_t count,
                        Arena *a)
{
    Err e;
    ChunkStats *got = ARENA_ARRAY(a, ChunkStats, count + 1);
    RowCuts inner = {cuts, count, false, true};
    ck_assert_msg(codec_stats_cuts(got, c, &inner, a, &e), "%s", e.message);
    for (size_t i = 1; i < count; i++)
        same_stats(&got[i], c->type, v + cuts[i - 1], cuts[i] - cuts[i - 1]);
}

/* Sums alone are the same ones, bit for bit. */
static void check_sums(const CodecChunk *c, const uint32_t *cuts, size_t count,
                       const ChunkStats *want, Arena *a)
{
    Err e;
    ChunkStats *got = ARENA_ARRAY(a, ChunkStats, count + 1);
    ck_assert_msg(codec_stats_cuts(got, c, &(RowCuts){cuts, count, true, false}, a, &e), "%s",
                  e.message);
    for (size_t i = 0; i <= count; i++) {
        ck_assert_int_eq(got[i].type, want[i].type);
        ck_assert_uint_eq(got[i].count, want[i].count);
        ck_assert_uint_eq(got[i].nan_count, want[i].nan_count);
        if (c->type == PHYS_I64)
            ck_assert(got[i].u.i.sum == want[i].u.i.sum);
        else if (want[i].count)
            ck_assert_mem_eq(&got[i].u.f.sum_hi, &want[i].u.f.sum_hi, sizeof(double));
        if (c->type == PHYS_F64 && want[i].count)
            ck_assert_mem_eq(&got[i].u.f.sum_lo, &want[i].u.f.sum_lo, sizeof(double));
    }
}

/* One codec (_i): statistics of any piece and comparisons say what the values say. */
START_TEST(answers)
{
    const CodecDef *def = &codec_table[_i];
    PhysType type = def->kind == CODEC_FLOAT ? PHYS_F64 : PHYS_I64;
    Arena a;
    arena_init(&a, NULL);
    if (def->kind == CODEC_BOOL || def->kind == CODEC_STR)
        return;
    for (size_t shape = 0; shape < shape_count(def->kind); shape++) {
        for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
            size_t n = sizes[k];
            int64_t v[N];
            fill(v, n, def->kind, shape, &a);
            uint8_t *dst = malloc(def->bound(v, n));
            size_t len = def->encode(dst, v, n);
            Slice src = with_slack(dst, len);
            CodecChunk c = {def->id, type, n, src};
            uint32_t cuts[40], count = (uint32_t)(rnd() % ARRAY_LEN(cuts));
            ChunkStats got[ARRAY_LEN(cuts) + 1];
            Err e;
            for (uint32_t i = 0, at = 0; i < count; i++)
                cuts[i] = at += (uint32_t)(rnd() % (rnd() % 4 ? (n - at) / 4 + 1 : n - at + 1));
            if (len) {
                ck_assert_msg(
                    codec_stats_cuts(got, &c, &(RowCuts){cuts, count, false, false}, &a, &e), "%s",
                    e.message);
                for (uint32_t i = 0; i <= count; i++) {
                    size_t begin = i ? cuts[i - 1] : 0, end = i < count ? cuts[i] : n;
                    same_stats(&got[i], type, v + begin, end - begin);
                }
                check_sums(&c, cuts, count, got, &a);
                check_inner(&c, v, cuts, count, &a);
                size_t begin = rnd() % n, end = begin + rnd() % (n - begin + 1);
                ck_assert_msg(codec_stats(got, &c, begin, end, &a, &e), "%s", e.message);
                same_stats(got, type, v + begin, end - begin);
                check_filter(&c, v, &a);
            }
            drop(src);
            free(dst);
            arena_reset(&a);
        }
    }
    arena_free(&a);
}
END_TEST

/* A column whose nature changes: the hint never costs a value and hardly a byte. */
START_TEST(hints)
{
    static const CodecKind kinds[] = {CODEC_INT, CODEC_FLOAT};
    Arena a;
    arena_init(&a, NULL);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        CodecHint hint = {0};
        size_t with = 0, without = 0;
        for (unsigned c = 0; c < 300; c++) {
            int64_t v[N], back[N];
            size_t n = c % 7 ? N : sizes[rnd() % ARRAY_LEN(sizes)];
            fill(v, n, kinds[k], c / 20 % shape_count(kinds[k]), &a);
            Buf out = {0};
            codec_encode_best(&out, kinds[k], v, n, NULL, EFFORT_FLUSH);
            without += out.len;
            buf_clear(&out);
            uint8_t id = codec_encode_best(&out, kinds[k], v, n, &hint, EFFORT_FLUSH);
            with += out.len;
            Slice src = with_slack(out.ptr, out.len);
            Err e;
            ck_assert_uint_eq(hint.codec, id);
            ck_assert_msg(codec_find(id)->decode(back, n, src, &a, &e), "%s", e.message);
            ck_assert_mem_eq(v, back, n * sizeof *v);
            drop(src);
            buf_free(&out);
        }
        ck_assert_msg(with <= without + without / 20, "%zu bytes, %zu without hints", with,
                      without);
    }
    arena_free(&a);
}
END_TEST

/* Sizes that the design promises, with some room for the luck of the draw. */
START_TEST(sizes_hold)
{
    static const struct {
        int64_t (*at)(size_t i, int64_t prev);
        CodecKind kind;
        double bytes;
    } ints[] = {{walk100, CODEC_INT, 0.42}, {counter, CODEC_INT, 0.78}, {zero, CODEC_INT, 0.01},
                {rare, CODEC_INT, 0.04},    {pages, CODEC_INT, 1.25},   {regular, CODEC_TIME, 0.02},
                {grid, CODEC_TIME, 0.45},   {gaps, CODEC_TIME, 0.10},   {tiled, CODEC_TIME, 0.02}};
    for (size_t k = 0; k < ARRAY_LEN(ints); k++) {
        int64_t v[N];
        for (size_t i = 0; i < N; i++)
            v[i] = ints[k].at(i, i ? v[i - 1] : 0);
        Buf out = {0};
        codec_encode_best(&out, ints[k].kind, v, N, NULL, EFFORT_FLUSH);
        ck_assert_msg((double)out.len / N <= ints[k].bytes, "case %zu: %.3f bytes", k,
                      (double)out.len / N);
        size_t plain = out.len;
        codec_encode_best(&out, ints[k].kind, v, N, NULL, EFFORT_DENSE);
        ck_assert_uint_le(out.len - plain, plain);
        if (ints[k].at == walk100)
            ck_assert_uint_le(out.len - plain, N * 31 / 100);
        buf_free(&out);
    }
    static const struct {
        double (*at)(size_t i, double prev);
        double bytes;
    } floats[] = {{f_walk2, 1.25}, {f_int, 0.42}, {f_const, 0.01}, {f_full, 7.1}, {f_stale, 1.5}};
    for (size_t k = 0; k < ARRAY_LEN(floats); k++) {
        double v[N];
        for (size_t i = 0; i < N; i++)
            v[i] = floats[k].at(i, i ? v[i - 1] : 0);
        Buf out = {0};
        codec_encode_best(&out, CODEC_FLOAT, v, N, NULL, EFFORT_FLUSH);
        ck_assert_msg((double)out.len / N <= floats[k].bytes, "float case %zu: %.3f bytes", k,
                      (double)out.len / N);
        buf_free(&out);
    }
}
END_TEST

static void check_unpack_bits(const uint8_t *packed, const uint64_t *v, size_t n, unsigned width)
{
    const Kernels *tables[] = {&kernels_base, codec_kernels()};
    Slice s = with_slack(packed, bits_size(n, width));
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (size_t count = 1; count <= n; count += 1 + rnd() % 9) {
            uint32_t back[128];
            tables[t]->unpack_bits(back, (const uint8_t *)s.ptr, count, width);
            for (size_t i = 0; i < (count + 7) / 8 * 8; i++)
                ck_assert_uint_eq(back[i], i < count ? v[i] : 0);
        }
    }
    drop(s);
}

/* Both kernel tables do the same. */
START_TEST(kernels_agree)
{
    const Kernels *k = codec_kernels();
    for (unsigned w = 1; w <= 32; w++) {
        uint32_t v[N], back[N];
        for (size_t i = 0; i < N; i++)
            v[i] = (uint32_t)(rnd() & low_bits(w));
        uint8_t *a = malloc(128 * w), *b = malloc(128 * w);
        kernels_base.pack32(a, v, w);
        k->pack32(b, v, w);
        ck_assert_mem_eq(a, b, 128 * w);
        k->unpack32(back, b, w);
        ck_assert_mem_eq(v, back, sizeof v);
        kernels_base.unpack32(back, b, w);
        ck_assert_mem_eq(v, back, sizeof v);
        free(a);
        free(b);
    }
    for (unsigned w = 0; w <= 64; w++) {
        uint64_t v[100], back[100];
        for (size_t i = 0; i < 100; i++)
            v[i] = (rnd() << 20 ^ rnd()) & low_bits(w);
        uint8_t *a = malloc(bits_size(100, w) + 8);
        ck_assert_uint_eq((size_t)(bits_pack(a, v, 100, w) - a), bits_size(100, w));
        bits_unpack(back, a, 100, w);
        ck_assert_mem_eq(v, back, sizeof v);
        if (w >= 1 && w <= 31)
            check_unpack_bits(a, v, 100, w);
        free(a);
    }
}
END_TEST

/* The narrow kernels do what their plain meaning says, whichever table runs. */
START_TEST(narrow_kernels)
{
    const NarrowKernels *tables[] = {&narrow_base, codec_narrow()};
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        const NarrowKernels *k = tables[t];
        for (unsigned round = 0; round < 200; round++) {
            size_t n = 8 * (1 + rnd() % 128);
            uint32_t u[N];
            int32_t x[N], base = (int32_t)(rnd() % 2001) - 1000, step = (int32_t)(rnd() % 99) - 49;
            int64_t wide[N], first = (int64_t)(rnd() >> 20), mul = 1 + (int64_t)(rnd() % 5000);
            int zigzag = round & 1;
            for (size_t i = 0; i < n; i++)
                u[i] = (uint32_t)(rnd() & low_bits(1 + round % 16));
            k->residues(x, u, n, base, zigzag);
            for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(x[i], (zigzag ? zigzag_decode(u[i]) : u[i]) + base);
            k->line(x, n, step);
            for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(x[i],
                                 (zigzag ? zigzag_decode(u[i]) : u[i]) + base + (int64_t)i * step);
            k->sum(x, u, n, base, zigzag);
            ck_assert_int_eq(x[0], 0);
            for (size_t i = 1; i < n; i++)
                ck_assert_int_eq(x[i] - x[i - 1], (zigzag ? zigzag_decode(u[i]) : u[i]) + base);
            mul = round % 3 ? mul : 1 + (INT64_C(1) << 33);
            k->widen(wide, x, n, first, mul);
            for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(wide[i], first + mul * x[i]);
            double v[N], p = codec_pow10[round % 19];
            k->decimals(v, x, n, (double)base, 3, p);
            for (size_t i = 0; i < n; i++)
                ck_assert_uint_eq(f64_bits(v[i]), f64_bits((double)(base + 3 * (int64_t)x[i]) / p));
        }
    }
}
END_TEST

/* Multiplying and correcting gives the bits of dividing: all powers, all magnitudes. */
START_TEST(division)
{
    for (unsigned k = 0; k <= 18; k++) {
        for (unsigned round = 0; round < 200; round++) {
            int64_t d[N];
            double v[N];
            for (size_t i = 0; i < N; i++) {
                d[i] = (int64_t)(rnd() & low_bits(1 + round % 51));
                d[i] = rnd() & 1 ? d[i] : -d[i];
            }
            size_t n =
                N - round % 4; /* kernels work in fours: what lies behind n may be anything */
            for (size_t i = n; i < N; i++)
                d[i] = INT64_MAX;
            codec_narrow()->divide(v, d, n, codec_pow10[k]);
            for (size_t i = 0; i < n; i++)
                ck_assert_uint_eq(f64_bits(v[i]), f64_bits((double)d[i] / codec_pow10[k]));
        }
    }
}
END_TEST

START_TEST(merging)
{
    double v[300];
    for (size_t i = 0; i < 300; i++)
        v[i] = i % 50 == 7 ? NAN : f_walk2(i, 50) * 1e10;
    ChunkStats all, a, b;
    stats_of_f64(&all, v, 300);
    stats_of_f64(&a, v, 120);
    stats_of_f64(&b, v + 120, 180);
    stats_merge(&a, &b);
    ck_assert_uint_eq(a.count, 300);
    ck_assert_uint_eq(a.nan_count, 6);
    ck_assert(a.u.f.min == all.u.f.min && a.u.f.max == all.u.f.max && a.u.f.last == all.u.f.last);
    ck_assert(a.u.f.sum_hi == all.u.f.sum_hi);
    int64_t i[4] = {INT64_MAX, INT64_MAX, INT64_MAX, -5};
    stats_of_i64(&a, i, 2);
    stats_of_i64(&b, i + 2, 2);
    stats_merge(&a, &b);
    ck_assert(a.u.i.sum == (__int128)INT64_MAX * 3 - 5);
    ck_assert_int_eq(a.u.i.min, -5);
    ck_assert_int_eq(a.u.i.last, -5);
}
END_TEST

int main(void)
{
    int count = 0;
    while (codec_table[count].name)
        count++;
    TCase *tc = tcase_create("codec");
    tcase_add_test(tc, table_is_dense);
    tcase_add_loop_test(tc, round_trip, 0, count);
    tcase_add_loop_test(tc, damage, 0, count);
    tcase_add_loop_test(tc, answers, 0, count);
    tcase_add_test(tc, best);
    tcase_add_test(tc, hints);
    tcase_add_test(tc, sizes_hold);
    tcase_add_test(tc, kernels_agree);
    tcase_add_test(tc, narrow_kernels);
    tcase_add_test(tc, division);
    tcase_add_test(tc, merging);
    return unit_run(tc);
}
