/* storage/codec_stats.c - statistics of values, and answers from encoded chunks: statistics of
 * pieces and comparisons, in the integer domain where the codec has one. */
#include "storage/codec_private.h"

#include <math.h>

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

/* ---- from chunks ---- */
static const CodecDef *find_for(const CodecChunk *c, Err *e)
{
    const CodecDef *def = codec_find(c->id);
    bool is_int = def && (def->kind == CODEC_INT || def->kind == CODEC_TIME);
    if (def && c->n > 0 && c->n <= CODEC_VALUES_MAX &&
        (c->type == PHYS_I64 ? is_int : c->type == PHYS_F64 && def->kind == CODEC_FLOAT))
        return def;
    codec_damaged(e, "codec does not fit the type");
    return NULL;
}

typedef struct Values { /* a decoded chunk */
    bool decimal;       /* v[i] / 10^k, exactly */
    uint8_t k;
    int64_t v[CODEC_VALUES_MAX]; /* or the bits of doubles */
} Values;

static bool read_values(Values *x, const CodecChunk *c, Arena *scratch, Err *e)
{
    const CodecDef *def = find_for(c, e);
    if (!def)
        return false;
    x->decimal = false;
    if (c->id == CODEC_SK_F64 && !sk_f64_ints(x->v, c->n, c->src, &x->k, &x->decimal, e))
        return false;
    return x->decimal || def->decode(x->v, c->n, c->src, scratch, e);
}

static void stats_of_piece(ChunkStats *out, const Values *x, PhysType type, size_t begin,
                           size_t end)
{
    if (type == PHYS_I64) {
        stats_of_i64(out, x->v + begin, end - begin);
    } else if (!x->decimal || begin == end) {
        stats_of_f64(out, (const double *)x->v + begin, end - begin);
    } else { /* the sum is exact, one division at the end */
        IntStats st;
        int_stats(&st, x->v + begin, end - begin);
        stats_of_decimal(out, &st, x->k, end - begin, 0);
    }
}

bool codec_stats(ChunkStats *out, const CodecChunk *c, size_t begin, size_t end, Arena *scratch,
                 Err *e)
{
    Values x;
    must(begin <= end && end <= c->n);
    if (!read_values(&x, c, scratch, e))
        return false;
    stats_of_piece(out, &x, c->type, begin, end);
    return true;
}

bool codec_stats_cuts(ChunkStats *out, const CodecChunk *c, const uint32_t *cuts, size_t count,
                      Arena *scratch, Err *e)
{
    Values x;
    if (!read_values(&x, c, scratch, e))
        return false;
    size_t begin = 0;
    for (size_t i = 0; i <= count; i++) {
        size_t end = i < count ? cuts[i] : c->n;
        must(begin <= end && end <= c->n);
        stats_of_piece(&out[i], &x, c->type, begin, end);
        begin = end;
    }
    return true;
}

/* -1, 0, 1 by SQL's order: NaN equals NaN and is above everything. */
static int compare_f64(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static bool passes(CodecCompare op, int order)
{
    switch (op) {
    case CODEC_EQ:
        return order == 0;
    case CODEC_NE:
        return order != 0;
    case CODEC_LT:
        return order < 0;
    case CODEC_LE:
        return order <= 0;
    case CODEC_GT:
        return order > 0;
    case CODEC_GE:
        break;
    }
    return order >= 0;
}

bool codec_filter(uint64_t *bits, size_t *passed, const CodecChunk *c, const CodecFilter *f,
                  Arena *scratch, Err *e)
{
    int64_t v[CODEC_VALUES_MAX];
    const CodecDef *def = find_for(c, e);
    if (!def || !def->decode(v, c->n, c->src, scratch, e))
        return false;
    memset(bits, 0, BITMAP_WORDS(c->n) * sizeof *bits);
    *passed = 0;
    for (size_t i = 0; i < c->n; i++) {
        int order = c->type == PHYS_I64 ? (v[i] > f->u.i) - (v[i] < f->u.i)
                                        : compare_f64(((const double *)v)[i], f->u.f);
        if (passes(f->op, order)) {
            bitmap_set(bits, i);
            ++*passed;
        }
    }
    return true;
}
