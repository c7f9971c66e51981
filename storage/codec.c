/* storage/codec.c - the table of codecs and the choice between them. */
#include "storage/codec_private.h"

#include "base/simd.h"
#include "storage/histogram.h"

#define ROW(id, name, kind, fn)                                                                    \
    {                                                                                              \
        id, name, kind, fn##_bound, fn##_encode, fn##_decode, NULL                                 \
    }
#define ROW_RANGE(id, name, kind, fn, range)                                                       \
    {                                                                                              \
        id, name, kind, fn##_bound, fn##_encode, fn##_decode, range                                \
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
    ROW_RANGE(CODEC_SK_F64, "decimal block", CODEC_FLOAT, sk_f64, sk_f64_range),
    ROW(CODEC_FRONT_F64, "front bits", CODEC_FLOAT, front_f64),
    ROW(CODEC_TIME_LINEAR, "time grid", CODEC_TIME, time_linear),
    ROW(CODEC_TIME_DELTA, "time delta", CODEC_TIME, time_delta),
    ROW(CODEC_TIME_TILE, "time tile", CODEC_TIME, time_tile),
    ROW(CODEC_CONST_BOOL, "constant", CODEC_BOOL, const_bool),
    ROW(CODEC_BITMAP_BOOL, "bitmap", CODEC_BOOL, bitmap_bool),
    ROW(CODEC_CONST_STR, "constant", CODEC_STR, const_str),
    ROW(CODEC_DICT_STR, "dictionary", CODEC_STR, dict_str),
    ROW(CODEC_ZSTD_STR, "zstd", CODEC_STR, zstd_str),
    ROW(CODEC_DENSE_I64, "dense integers", CODEC_INT, dense_i64),
    ROW_RANGE(CODEC_DENSE_F64, "dense decimals", CODEC_FLOAT, dense_f64, sk_f64_range),
    ROW(CODEC_DENSE_TIME, "dense times", CODEC_TIME, dense_time),
    ROW(CODEC_HIST_STR, "histograms", CODEC_STR, hist_str),
    {0},
};
#undef ROW

const CodecDef *codec_find(uint8_t id)
{
    /* Ids are dense from 1 and in table order; the unit test holds that. */
    size_t count = ARRAY_LEN(codec_table) - 1;
    return id >= 1 && id <= count ? &codec_table[id - 1] : NULL;
}

bool codec_decode_range(const CodecDef *def, void *dst, size_t n, size_t begin, size_t end,
                        Slice src, Arena *arena, Err *e)
{
    if (!def->decode_range || begin >= end)
        return def->decode(dst, n, src, arena, e);
    return def->decode_range(dst, n, begin, end, src, e);
}

const Kernels *codec_kernels(void)
{
#ifdef SKULK_KERNELS_V3
    if (simd_has_v3())
        return &kernels_v3;
#endif
    return &kernels_base;
}

const NarrowKernels *codec_narrow(void)
{
#ifdef SKULK_KERNELS_V3
    if (simd_has_v3())
        return &narrow_v3;
#endif
    return &narrow_base;
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
    buf_reserve(out, int_bound_dense(n));
    out->len += int_write((uint8_t *)out->ptr + out->len, plan, v, n);
}

static bool plan_beats_raw(const IntPlan *plan, size_t n)
{
    return plan->cost_bits + 80 < n * 64;
}

static uint8_t encode_int(Buf *out, const int64_t *v, size_t n, const IntSearch *how,
                          const IntStats *st)
{
    if (st->min == st->max && append(out, CODEC_CONST_I64, v, n))
        return CODEC_CONST_I64;
    if (n > 2 && append(out, CODEC_LINEAR_I64, v, n))
        return CODEC_LINEAR_I64;
    IntPlan plan;
    int_plan(&plan, v, n, st, how);
    if (plan_beats_raw(&plan, n) || n < 32) {
        append_plan(out, &plan, v, n);
        return plan.dense ? CODEC_DENSE_I64 : CODEC_SK_I64;
    }
    append(out, CODEC_RAW_I64, v, n);
    return CODEC_RAW_I64;
}

static uint8_t encode_time(Buf *out, const int64_t *v, size_t n, CodecEffort effort)
{
    if (append(out, CODEC_LINEAR_I64, v, n))
        return CODEC_LINEAR_I64;
    if (append(out, CODEC_TIME_TILE, v, n))
        return CODEC_TIME_TILE;
    IntStats st;
    IntPlan plan;
    int_stats(&st, v, n);
    int_plan(&plan, v, n, &st, &(IntSearch){INT_TIMES, effort, NULL});
    if (!plan_beats_raw(&plan, n) && n >= 32) {
        append(out, CODEC_RAW_I64, v, n);
        return CODEC_RAW_I64;
    }
    append_plan(out, &plan, v, n);
    if (plan.dense)
        return CODEC_DENSE_TIME;
    return plan.transform == SK_LINEAR ? CODEC_TIME_LINEAR : CODEC_TIME_DELTA;
}

static uint8_t encode_bool(Buf *out, const uint8_t *b, size_t n)
{
    uint8_t id = append(out, CODEC_CONST_BOOL, b, n) ? CODEC_CONST_BOOL : CODEC_BITMAP_BOOL;
    if (id == CODEC_BITMAP_BOOL)
        append(out, id, b, n);
    return id;
}

/* False: these are no histograms, or cheaper as texts. */
static bool encode_histograms(Buf *out, const Slice *s, size_t n, CodecEffort effort)
{
    size_t texts = 0;
    for (size_t i = 0; i < n; i++)
        texts += s[i].len;
    buf_reserve(out, hist_str_bound(s, n));
    size_t len = hist_str_encode_effort((uint8_t *)out->ptr + out->len, s, n, effort);
    if (len == 0 || len > texts)
        return false;
    out->len += len;
    return true;
}

static uint8_t encode_str(Buf *out, const Slice *s, size_t n, CodecEffort effort)
{
    if (append(out, CODEC_CONST_STR, s, n))
        return CODEC_CONST_STR;
    if (hist_is(s[0]) && encode_histograms(out, s, n, effort))
        return CODEC_HIST_STR;
    size_t at = out->len;
    uint8_t id = append(out, CODEC_DICT_STR, s, n) ? CODEC_DICT_STR : CODEC_RAW_STR;
    if (id == CODEC_RAW_STR)
        append(out, id, s, n);
    size_t plain = out->len - at;
    if (plain < 64 || (id == CODEC_DICT_STR && plain < 2 * n))
        return id; /* short as it is */
    buf_reserve(out, zstd_str_bound(s, n));
    size_t packed =
        zstd_str_encode_level((uint8_t *)out->ptr + out->len, s, n, effort == EFFORT_FLUSH ? 1 : 3);
    /* Decoding must pay for itself: a dictionary of short texts stays. */
    if (packed == 0 || packed + plain / 8 >= plain)
        return id;
    memmove(out->ptr + at, out->ptr + out->len, packed);
    out->len = at + packed;
    return CODEC_ZSTD_STR;
}

/* No decimals: whichever of front bits and Gorilla is smaller, else the bytes as they are. */
static uint8_t encode_true_double(Buf *out, const double *v, size_t n)
{
    size_t at = out->len, raw = n * 8, gorilla = gorilla_f64_size(v, n);
    append(out, CODEC_FRONT_F64, v, n);
    size_t front = out->len - at;
    if (front < raw && front <= gorilla)
        return CODEC_FRONT_F64;
    out->len = at;
    uint8_t id = gorilla < raw ? CODEC_GORILLA_F64 : CODEC_RAW_F64;
    append(out, id, v, n);
    return id;
}

static uint8_t encode_f64(Buf *out, const double *v, size_t n, const IntSearch *how, ChunkMeta *m)
{
    m->kind = STATS_NONE;
    uint8_t id;
    if (append(out, CODEC_CONST_F64, v, n)) {
        id = CODEC_CONST_F64;
        if (sk_f64_one(v[0], &m->k, &m->i.min)) {
            m->kind = STATS_DECIMAL;
            m->i.max = m->i.first = m->i.last = m->i.min;
            m->i.sum = (__int128)m->i.min * (int64_t)n;
        }
    } else {
        buf_reserve(out, sk_f64_bound(v, n));
        bool dense;
        size_t len = sk_f64_encode_meta((uint8_t *)out->ptr + out->len, v, n, how, m, &dense);
        out->len += len;
        id = len == 0 ? encode_true_double(out, v, n) : dense ? CODEC_DENSE_F64 : CODEC_SK_F64;
    }
    if (m->kind == STATS_NONE) {
        m->kind = STATS_DOUBLE;
        stats_of_f64(&m->f, v, n);
    }
    return id;
}

void codec_encode_chunk(Buf *out, CodecKind kind, const void *src, size_t n, CodecHint *hint,
                        CodecEffort effort, ChunkMeta *m)
{
    must(n > 0 && n <= CODEC_VALUES_MAX);
    const IntSearch how = {INT_ANY, effort, hint};
    memset(m, 0, sizeof *m);
    switch (kind) {
    case CODEC_INT:
        m->kind = STATS_INT;
        int_stats(&m->i, src, n);
        m->codec = encode_int(out, src, n, &how, &m->i);
        break;
    case CODEC_FLOAT:
        m->codec = encode_f64(out, src, n, &how, m);
        break;
    case CODEC_BOOL:
        m->codec = encode_bool(out, src, n);
        break;
    case CODEC_STR:
        m->codec = encode_str(out, src, n, effort);
        break;
    case CODEC_TIME:
        m->codec = encode_time(out, src, n, effort);
        break;
    }
    if (hint)
        hint->codec = m->codec;
}

uint8_t codec_encode_best(Buf *out, CodecKind kind, const void *src, size_t n, CodecHint *hint,
                          CodecEffort effort)
{
    ChunkMeta m;
    codec_encode_chunk(out, kind, src, n, hint, effort, &m);
    return m.codec;
}
