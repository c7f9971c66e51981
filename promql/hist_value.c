/* promql/hist_value.c - what a native histogram tells: quantiles, fractions, variance; trimming; texts. */
#include "promql/eval_private.h"
#include "promql/hist.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- quantiles ---- */

/* Without observations on one side the zero bucket is taken to lie on the other one. */
static void lean_zero(const Histogram *h, HistRange *r)
{
    if (h->negative.count == 0 && h->positive.count > 0)
        r->low = 0;
    else if (h->positive.count == 0 && h->negative.count > 0)
        r->high = 0;
}

static double exponential_between(const HistRange *r, double part)
{
    double low = log2(fabs(r->low)), high = log2(fabs(r->high));
    if (r->low > 0)
        return exp2(low + (high - low) * part);
    return -exp2(high + (low - high) * (1 - part));
}

/* The bucket in which the rank falls, counted from the end that is nearer; *at: where. */
static HistRange find_rank(const HistRange *ranges, size_t n, bool forward, double rank,
                           double *count, size_t *at)
{
    HistRange r = {0};
    size_t i = 0;
    *count = 0;
    while (i < n) {
        r = ranges[forward ? i : n - 1 - i];
        i++;
        *count += r.n;
        if (r.n != 0 && *count >= rank)
            break;
    }
    *at = i;
    return r;
}

double hist_quantile(double q, const Histogram *h, Arena *scratch, unsigned *notes)
{
    size_t n, at;
    double count;
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (h->count == 0)
        return NAN;
    const HistRange *ranges = hist_ranges(h, scratch, &n);
    bool forward = isnan(h->sum) || q < 0.5; /* NaN observations stand above all buckets */
    double rank = (forward ? q : 1 - q) * h->count;
    HistRange r = find_rank(ranges, n, forward, rank, &count, &at);
    if (hist_is_custom(h)) {
        if (r.low == -INFINITY) {
            if (r.high <= 0)
                return r.high;
            r.low = 0;
        } else if (r.high == INFINITY) {
            return r.low;
        }
    } else if (r.low < 0 && r.high > 0) {
        lean_zero(h, &r);
    }
    double upto = count < h->count ? count : h->count;
    if (upto < rank) {
        *notes |= isnan(h->sum) ? HN_NAN_RESULT : 0;
        return isnan(h->sum) ? NAN : r.high;
    }
    rank = forward ? rank - (upto - r.n) : upto - rank;
    for (; isnan(h->sum) && at < n; at++)
        count += ranges[at].n;
    if (isnan(h->sum) && count < h->count)
        *notes |= HN_NAN_SKEW;
    double part = rank / r.n;
    if (hist_is_custom(h) || (r.low <= 0 && r.high >= 0))
        return r.low + (r.high - r.low) * part;
    return exponential_between(&r, part);
}

/* ---- fractions ---- */

/* Observations of the bucket up to v, which lies within. */
static double part_below(const HistRange *r, double v, bool linear)
{
    if (linear)
        return r->low == -INFINITY ? r->n : r->n * (v - r->low) / (r->high - r->low);
    double low = log2(fabs(r->low)), high = log2(fabs(r->high)), at = log2(fabs(v));
    double part = v > 0 ? (at - low) / (high - low) : 1 - (at - high) / (low - high);
    return r->n * part;
}

static double rank_of(const Histogram *h, const HistRange *ranges, size_t n, double v, double all)
{
    double rank = 0;
    for (size_t i = 0; i < n; i++) {
        HistRange r = ranges[i];
        bool zero = r.low <= 0 && r.high >= 0;
        if (zero)
            lean_zero(h, &r);
        if (r.low >= v)
            return rank < all ? rank : all;
        if (r.high > v) {
            bool linear = hist_is_custom(h) || zero;
            /* what begins at -Inf tells nothing of where in it */
            rank = linear && r.low == -INFINITY ? r.n : rank + part_below(&r, v, linear);
            return rank < all ? rank : all;
        }
        rank += r.n;
    }
    return all;
}

double hist_fraction(double low, double high, const Histogram *h, Arena *scratch, unsigned *notes)
{
    size_t n;
    double all = h->count, inside = 0;
    if (h->count == 0 || isnan(low) || isnan(high))
        return NAN;
    if (low >= high)
        return 0;
    const HistRange *ranges = hist_ranges(h, scratch, &n);
    for (size_t i = 0; i < n; i++)
        inside += ranges[i].n;
    if (isnan(h->sum)) {
        all = inside;
        *notes |= inside < h->count ? HN_NAN_FRACTION : 0;
    }
    return (rank_of(h, ranges, n, high, all) - rank_of(h, ranges, n, low, all)) / h->count;
}

/* ---- count, sum, variance ---- */

double fh_count(const Histogram *h)
{
    return h->count;
}

double fh_sum(const Histogram *h)
{
    return h->sum;
}

double fh_avg(const Histogram *h)
{
    return h->sum / h->count;
}

double fh_stdvar(const Histogram *h)
{
    Arena a;
    size_t n;
    double mean = h->sum / h->count, sum = 0, c = 0;
    arena_init(&a, NULL);
    const HistRange *ranges = hist_ranges(h, &a, &n);
    for (size_t i = 0; i < n; i++) {
        const HistRange *r = &ranges[i];
        double v;
        if (hist_is_custom(h))
            v = (r->high + r->low) / 2;
        else if (r->low <= 0 && r->high >= 0)
            v = 0;
        else
            v = copysign(sqrt(r->high * r->low), r->high);
        kahan_add(r->n * (v - mean) * (v - mean), &sum, &c);
    }
    arena_free(&a);
    return (sum + c) / h->count;
}

double fh_stddev(const Histogram *h)
{
    return sqrt(fh_stdvar(h));
}

/* ---- trimming ---- */

typedef struct Trim {
    const Histogram *h;
    double bound, count, sum;
    bool upper, changed;
} Trim;

static double without_inf(double v)
{
    return isinf(v) ? 0 : v;
}

static double midpoint(double low, double high, bool positive, bool linear)
{
    if (isinf(low))
        return isinf(high) ? 0 : high > 0 ? high / 2 : high;
    if (isinf(high))
        return low;
    if (linear)
        return (low + high) / 2;
    double mean = sqrt(fabs(low * high));
    return positive ? mean : -mean;
}

/* A bucket without a bound is of unknown shape: it is kept or dropped whole where nothing better is known. */
static double trim_infinite(const Trim *t, double low, double high, double n, double *mid)
{
    double at = t->bound;
    if (low == -INFINITY) {
        bool finite = high != INFINITY;
        *mid = without_inf(high);
        if (t->upper && at >= high)
            return *mid = 0, n;
        if (t->upper && at > 0 && high > 0 && finite)
            return *mid = at / 2, n * at / high;
        if (t->upper && high <= 0)
            return *mid = at, n;
        if (!t->upper && at <= low)
            return *mid = 0, n;
        if (!t->upper && at >= 0 && high > at && finite)
            return *mid = (at + high) / 2, n * (1 - at / high);
        return 0;
    }
    *mid = without_inf(low);
    if (t->upper || at < low)
        return 0;
    return *mid = at, n;
}

/* What is kept of the bucket that the bound cuts. */
static double trim_cut(const Trim *t, double low, double high, double n, bool positive, double *mid)
{
    bool linear = hist_is_custom(t->h);
    if (isinf(low) || isinf(high))
        return trim_infinite(t, low, high, n, mid);
    HistRange r = {.low = low, .high = high, .n = n};
    double below = t->bound <= low ? 0 : t->bound >= high ? n : part_below(&r, t->bound, linear);
    *mid = t->upper ? midpoint(low, t->bound, positive, linear)
                    : midpoint(t->bound, high, positive, linear);
    return t->upper ? below : n - below;
}

static void trim_side(Trim *t, HistSide *s, bool positive)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        HistBucket b = s->items[i];
        double low = hist_bound(t->h, b.index - 1), high = hist_bound(t->h, b.index), mid = 0, n;
        if (!positive) {
            double swap = low;
            low = -high;
            high = -swap;
        }
        if (t->upper ? high <= t->bound : low >= t->bound) {
            n = b.n;
            mid = midpoint(low, high, positive, hist_is_custom(t->h));
        } else if (t->upper ? low < t->bound : high > t->bound) {
            n = trim_cut(t, low, high, b.n, positive, &mid);
        } else {
            n = 0;
        }
        t->changed |= n != b.n;
        t->count += n;
        t->sum += mid * n;
        b.n = n;
        if (n != 0)
            s->items[kept++] = b;
    }
    s->count = kept;
}

static void trim_zero(Trim *t, Histogram *h, bool negative, bool positive)
{
    double low = positive && !negative ? 0 : -h->zero_threshold;
    double high = negative && !positive ? 0 : h->zero_threshold;
    double n = 0, mid = 0, at = t->bound;
    if (t->upper ? at >= high : at <= low) {
        n = h->zero;
        mid = (low + high) / 2;
    } else if (at > low && at < high) {
        n = h->zero * (t->upper ? at - low : high - at) / (high - low);
        mid = t->upper ? (low + at) / 2 : (at + high) / 2;
    }
    t->changed |= n != h->zero;
    t->count += n;
    t->sum += mid * n;
    h->zero = n;
}

void hist_trim(Histogram *h, double bound, bool upper)
{
    Trim t = {.h = h, .bound = bound, .upper = upper};
    bool positive = h->positive.count > 0, negative = h->negative.count > 0;
    trim_side(&t, &h->positive, true);
    trim_side(&t, &h->negative, false);
    if (h->zero > 0)
        trim_zero(&t, h, negative, positive);
    if (!t.changed)
        return; /* count and sum are better than what the buckets tell */
    h->integer = false;
    h->count = t.count;
    h->sum = t.sum;
}

/* ---- texts ---- */

/* As Go's %g: an exponent below 1e-4 and from 1e6 for what is not shorter. */
static void put_g(Buf *b, double v)
{
    char text[40];
    if (!isfinite(v)) {
        buf_put_f64(b, v);
        return;
    }
    size_t digits = 1;
    for (; digits < 18; digits++) {
        snprintf(text, sizeof text, "%.*e", (int)digits - 1, v);
        if (strtod(text, NULL) == v)
            break;
    }
    int power = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (power >= -4 && power < 6)
        snprintf(text, sizeof text, "%.*f",
                 (int)digits - 1 - power > 0 ? (int)digits - 1 - power : 0, v);
    buf_puts(b, text);
}

void hist_put_text(Buf *b, const Histogram *h)
{
    Arena a;
    size_t n;
    arena_init(&a, NULL);
    const HistRange *ranges = hist_ranges(h, &a, &n);
    buf_puts(b, "{count:");
    put_g(b, h->count);
    buf_puts(b, ", sum:");
    put_g(b, h->sum);
    for (size_t i = 0; i < n; i++) {
        buf_puts(b, ranges[i].low_in ? ", [" : ", (");
        put_g(b, ranges[i].low);
        buf_puts(b, ",");
        put_g(b, ranges[i].high);
        buf_puts(b, ranges[i].high_in ? "]:" : "):");
        put_g(b, ranges[i].n);
    }
    buf_puts(b, "}");
    arena_free(&a);
}

static void put_quoted(Buf *b, double v)
{
    buf_put_u8(b, '"');
    buf_put_f64(b, v);
    buf_put_u8(b, '"');
}

void pql_put_histogram(Buf *b, const Histogram *h)
{
    Arena a;
    size_t n;
    bool some = false;
    arena_init(&a, NULL);
    const HistRange *ranges = hist_ranges(h, &a, &n);
    buf_puts(b, "{\"count\":");
    put_quoted(b, h->count);
    buf_puts(b, ",\"sum\":");
    put_quoted(b, h->sum);
    for (size_t i = 0; i < n; i++) {
        const HistRange *r = &ranges[i];
        if (r->n == 0)
            continue;
        buf_puts(b, some ? ",[" : ",\"buckets\":[[");
        some = true;
        buf_put_u8(b, (uint8_t)(r->low_in ? (r->high_in ? '3' : '1') : (r->high_in ? '0' : '2')));
        buf_puts(b, ",");
        put_quoted(b, r->low);
        buf_puts(b, ",");
        put_quoted(b, r->high);
        buf_puts(b, ",");
        put_quoted(b, r->n);
        buf_puts(b, "]");
    }
    buf_puts(b, some ? "]}" : "}");
    arena_free(&a);
}
