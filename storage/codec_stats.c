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
    KernelSums k;
    codec_narrow()->sums(&k, v, n);
    for (int c = 1; c < 4; c++) {
        add_compensated(&k.hi[0], &k.lo[0], k.hi[c]);
        k.lo[0] += k.lo[c];
    }
    out->nan_count = (uint32_t)k.nan_count;
    bool none = out->nan_count == n;
    out->u.f.min = none ? NAN : k.min;
    out->u.f.max = none ? NAN : k.max;
    out->u.f.first = v[0];
    out->u.f.last = v[n - 1];
    set_sum(out, k.hi[0], k.lo[0]);
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

static bool read_decimals(CodecValues *x, const CodecChunk *c, size_t upto, Arena *scratch, Err *e)
{
    DecimalHead h;
    if (!decimal_open(&h, c->n, c->src, e))
        return false;
    if (h.wide)
        return sk_f64_decode(x->view.u.v, c->n, c->src, scratch, e);
    x->domain = AS_DECIMALS;
    x->k = (uint8_t)h.k;
    x->bad = h.bad;
    x->bad_bits = h.values;
    return int_view(&x->view, c->n, upto, h.block, e) &&
           (!h.bad || decimal_exceptions(x->bad_at, &h, c->n, e));
}

/* first + step * i as a narrow view, if nothing overflows. */
static bool view_line(IntView *v, size_t n, int64_t first, int64_t step)
{
    __int128 last = (__int128)step * (int64_t)(n - 1) + first;
    if (step == INT64_MIN || last > INT64_MAX || last < INT64_MIN)
        return false;
    v->narrow = true;
    v->first = first;
    v->gcd = step == 0 ? 1 : step < 0 ? -step : step;
    memset(v->u.x, 0, n * sizeof *v->u.x);
    if (step)
        codec_narrow()->line(v->u.x, n, step < 0 ? -1 : 1);
    return true;
}

/* Of a decoded constant or arithmetic run. */
static void simplify(CodecValues *x, const CodecChunk *c)
{
    int64_t v0 = x->view.u.v[0], d;
    if (c->id == CODEC_CONST_I64 || c->id == CODEC_LINEAR_I64)
        view_line(&x->view, c->n, v0,
                  c->n > 1 ? (int64_t)((uint64_t)x->view.u.v[1] - (uint64_t)v0) : 0);
    if (c->id == CODEC_CONST_F64 && sk_f64_one(codec_doubles(x)[0], &x->k, &d)) {
        x->domain = AS_DECIMALS;
        view_line(&x->view, c->n, d, 0);
    }
}

bool codec_read_values(CodecValues *x, const CodecChunk *c, size_t upto, Arena *scratch, Err *e)
{
    const CodecDef *def = find_for(c, e);
    if (!def)
        return false;
    x->domain = c->type == PHYS_I64 ? AS_INTS : AS_DOUBLES;
    x->view.narrow = false;
    x->bad = 0;
    switch (c->id) {
    case CODEC_SK_I64:
    case CODEC_TIME_LINEAR:
    case CODEC_TIME_DELTA:
    case CODEC_DENSE_I64:
    case CODEC_DENSE_TIME:
        return int_view(&x->view, c->n, upto, c->src, e);
    case CODEC_SK_F64:
    case CODEC_DENSE_F64:
        return read_decimals(x, c, upto, scratch, e);
    default:
        if (!def->decode(x->view.u.v, c->n, c->src, scratch, e))
            return false;
        simplify(x, c);
        return true;
    }
}

/* ---- statistics ---- */
static void view_stats(IntStats *st, const IntView *v, size_t begin, size_t end)
{
    if (!v->narrow) {
        int_stats(st, v->u.v + begin, end - begin);
        return;
    }
    NarrowMinMax m;
    codec_narrow()->minmax(&m, v->u.x + begin, end - begin);
    st->min = v->first + v->gcd * m.min;
    st->max = v->first + v->gcd * m.max;
    st->first = v->first + v->gcd * v->u.x[begin];
    st->last = v->first + v->gcd * v->u.x[end - 1];
    st->sum = (__int128)v->first * (int64_t)(end - begin) + (__int128)v->gcd * m.sum;
}

static double decimal_at(const CodecValues *x, size_t i)
{
    const IntView *v = &x->view;
    int64_t d = v->narrow ? v->first + v->gcd * v->u.x[i] : v->u.v[i];
    return (double)d / codec_pow10[x->k];
}

/* Decimals with exceptions: those between them, and they themselves. */
static void stats_with_exceptions(ChunkStats *out, const CodecValues *x, size_t begin, size_t end)
{
    size_t b = 0, from = begin, good = 0, count = 0;
    while (b < x->bad && x->bad_at[b] < begin)
        b++;
    double bad[CODEC_VALUES_MAX];
    IntStats all = {.min = INT64_MAX, .max = INT64_MIN};
    for (bool more = true; more; b++) {
        more = b < x->bad && x->bad_at[b] < end;
        size_t to = more ? x->bad_at[b] : end;
        if (to > from) {
            IntStats st;
            view_stats(&st, &x->view, from, to);
            all.min = st.min < all.min ? st.min : all.min;
            all.max = st.max > all.max ? st.max : all.max;
            all.sum += st.sum;
            good += to - from;
        }
        if (more)
            bad[count++] = f64_of_bits(load_u64(x->bad_bits + b * 8));
        from = to + 1;
    }
    ChunkStats others;
    *out = (ChunkStats){.type = PHYS_F64, .sum_exact = true};
    if (good)
        stats_of_decimal(out, &all, x->k, good, 0);
    stats_of_f64(&others, bad, count);
    stats_merge(out, &others);
    bool first_bad = false, last_bad = false;
    for (size_t i = 0; i < x->bad; i++) {
        first_bad |= x->bad_at[i] == begin;
        last_bad |= x->bad_at[i] == end - 1;
    }
    out->u.f.first = first_bad ? bad[0] : decimal_at(x, begin);
    out->u.f.last = last_bad ? bad[count - 1] : decimal_at(x, end - 1);
}

static void stats_of_piece(ChunkStats *out, const CodecValues *x, PhysType type, size_t begin,
                           size_t end)
{
    IntStats st;
    if (begin == end) {
        *out = (ChunkStats){.type = type, .sum_exact = true};
    } else if (x->domain == AS_DOUBLES) {
        stats_of_f64(out, codec_doubles(x) + begin, end - begin);
    } else if (x->bad) {
        stats_with_exceptions(out, x, begin, end);
    } else {
        view_stats(&st, &x->view, begin, end);
        if (x->domain == AS_INTS)
            stats_of_int(out, &st, end - begin);
        else
            stats_of_decimal(out, &st, x->k, end - begin, 0);
    }
}

bool codec_stats(ChunkStats *out, const CodecChunk *c, size_t begin, size_t end, Arena *scratch,
                 Err *e)
{
    CodecValues x;
    must(begin <= end && end <= c->n);
    if (!codec_read_values(&x, c, end, scratch, e))
        return false;
    stats_of_piece(out, &x, c->type, begin, end);
    return true;
}

/* Sums alone, of a chunk whose numbers need not be made for that; *done = false: of another one. */
static bool sums_of_pieces(ChunkStats *out, const CodecChunk *c, const RowCuts *cuts,
                           Arena *scratch, bool *done, Err *e)
{
    DecimalHead h = {.block = c->src};
    *done = false;
    if (!find_for(c, e) || (c->id == CODEC_SK_F64 && !decimal_open(&h, c->n, c->src, e)))
        return false;
    if ((c->id != CODEC_SK_I64 && c->id != CODEC_SK_F64) || h.wide || h.bad)
        return true;
    __int128 *sums = arena_alloc(scratch, (cuts->count + 1) * sizeof *sums);
    if (!int_sums(sums, c->n, h.block, cuts, done, e))
        return false;
    size_t begin = 0;
    for (size_t i = 0; *done && i <= cuts->count; i++) {
        size_t end = i < cuts->count ? cuts->row[i] : c->n;
        IntStats st = {.sum = sums[i]};
        if (begin == end)
            out[i] = (ChunkStats){.type = c->type, .sum_exact = true};
        else if (c->type == PHYS_I64)
            stats_of_int(&out[i], &st, end - begin);
        else
            stats_of_decimal(&out[i], &st, (uint8_t)h.k, end - begin, 0);
        begin = end;
    }
    return true;
}

bool codec_stats_cuts(ChunkStats *out, const CodecChunk *c, const RowCuts *cuts, Arena *scratch,
                      Err *e)
{
    CodecValues x;
    bool done = false;
    if (cuts->sums_only && !sums_of_pieces(out, c, cuts, scratch, &done, e))
        return false;
    if (done)
        return true;
    bool inner = cuts->inner_only && cuts->count > 0;
    size_t begin = 0, upto = inner ? cuts->row[cuts->count - 1] : c->n;
    if (!codec_read_values(&x, c, upto, scratch, e))
        return false;
    for (size_t i = 0; i <= cuts->count; i++) {
        size_t end = i < cuts->count ? cuts->row[i] : c->n;
        must(begin <= end && end <= c->n);
        if (!inner || (i > 0 && i < cuts->count))
            stats_of_piece(&out[i], &x, c->type, begin, end);
        begin = end;
    }
    return true;
}
