/* promql/hist.c - sums of native histograms: layouts made equal, counter resets. */
#include "promql/hist.h"
#include "promql/eval_private.h"

/* ---- bounds ---- */

static double exponential_bound(int schema, int32_t index)
{
    if (schema <= 0) {
        int64_t power = (int64_t)index * (INT64_C(1) << -schema);
        if (power == 1024)
            return 1.7976931348623157e308;
        return ldexp(1, power > 2000 ? 2000 : power < -2000 ? -2000 : (int)power);
    }
    int32_t per = 1 << schema, part = index & (per - 1), power = (index - part) / per;
    if (part == 0 && power == 1024)
        return 1.7976931348623157e308;
    return ldexp(exp2((double)part / per), power);
}

double hist_bound(const Histogram *h, int32_t index)
{
    if (!hist_is_custom(h))
        return exponential_bound(h->schema, index);
    if (index < 0)
        return -INFINITY;
    return (uint32_t)index < h->bound_count ? h->bounds[index] : INFINITY;
}

HistRange *hist_ranges(const Histogram *h, Arena *a, size_t *count)
{
    size_t n = 0;
    bool custom = hist_is_custom(h);
    double edge = h->zero_threshold;
    HistRange *out =
        arena_alloc(a, ((size_t)h->positive.count + h->negative.count + 1) * sizeof *out);
    for (uint32_t i = h->negative.count; i-- > 0;) {
        const HistBucket *b = &h->negative.items[i];
        double low = -hist_bound(h, b->index), high = -hist_bound(h, b->index - 1);
        out[n++] = (HistRange){low, high > -edge ? -edge : high, b->n, true, false};
    }
    if (h->zero > 0)
        out[n++] = (HistRange){-edge, edge, h->zero, true, true};
    for (uint32_t i = 0; i < h->positive.count; i++) {
        const HistBucket *b = &h->positive.items[i];
        double low = hist_bound(h, b->index - 1), high = hist_bound(h, b->index);
        out[n++] = (HistRange){!custom && low < edge ? edge : low, high, b->n,
                               custom && b->index == 0, true};
    }
    *count = n;
    return out;
}

/* ---- copies ---- */

static HistSide side_copy(const HistSide *s, Arena *a)
{
    HistSide copy = {arena_alloc(a, (s->count + 1) * sizeof *copy.items), s->count};
    if (s->count)
        memcpy(copy.items, s->items, s->count * sizeof *copy.items);
    return copy;
}

Histogram *hist_copy(const Histogram *h, Arena *a)
{
    Histogram *copy = arena_alloc(a, sizeof *copy);
    *copy = *h;
    copy->positive = side_copy(&h->positive, a);
    copy->negative = side_copy(&h->negative, a);
    double *bounds = arena_alloc(a, (h->bound_count + 1) * sizeof *bounds);
    if (h->bound_count)
        memcpy(bounds, h->bounds, h->bound_count * sizeof *bounds);
    copy->bounds = bounds;
    return copy;
}

static void side_scale(HistSide *s, double factor)
{
    for (uint32_t i = 0; i < s->count; i++) {
        s->items[i].n *= factor;
        s->items[i].c *= factor;
    }
}

void hist_scale(Histogram *h, double factor)
{
    h->integer = false;
    h->zero *= factor;
    h->zero_c *= factor;
    h->count *= factor;
    h->count_c *= factor;
    h->sum *= factor;
    h->sum_c *= factor;
    side_scale(&h->positive, factor);
    side_scale(&h->negative, factor);
    if (factor < 0)
        h->hint = HIST_GAUGE;
}

static void side_divide(HistSide *s, double by)
{
    for (uint32_t i = 0; i < s->count; i++) {
        s->items[i].n /= by;
        s->items[i].c /= by;
    }
    if (by == 0)
        s->count = 0;
}

void hist_divide(Histogram *h, double by)
{
    h->integer = false;
    h->zero /= by;
    h->zero_c /= by;
    h->count /= by;
    h->count_c /= by;
    h->sum /= by;
    h->sum_c /= by;
    side_divide(&h->positive, by);
    side_divide(&h->negative, by);
    if (by < 0)
        h->hint = HIST_GAUGE;
}

/* ---- the zero bucket ---- */

/* False: the threshold lies within a populated bucket and is moved to its end. */
static bool outside(const Histogram *h, const HistSide *s, double *threshold)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (hist_bound(h, s->items[i].index - 1) >= *threshold)
            break;
        double high = hist_bound(h, s->items[i].index);
        if (high > *threshold && s->items[i].n != 0) {
            *threshold = high;
            return false;
        }
    }
    return true;
}

static double widened(const Histogram *h, double threshold)
{
    if (threshold <= h->zero_threshold)
        return h->zero_threshold;
    while (!outside(h, &h->positive, &threshold) || !outside(h, &h->negative, &threshold))
        ;
    return threshold;
}

static void move_to_zero(Histogram *h, HistSide *s, double threshold)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        if (hist_bound(h, s->items[i].index - 1) >= threshold) {
            s->items[kept++] = s->items[i];
            continue;
        }
        kahan_add(s->items[i].n, &h->zero, &h->zero_c);
        h->zero_c += s->items[i].c;
    }
    s->count = kept;
}

static void widen(Histogram *h, double threshold)
{
    if (threshold == h->zero_threshold)
        return;
    move_to_zero(h, &h->positive, threshold);
    move_to_zero(h, &h->negative, threshold);
    h->zero += h->zero_c;
    h->zero_c = 0;
    h->zero_threshold = threshold;
}

/* A zero bucket wide enough for both. */
static double common_threshold(const Histogram *l, const Histogram *r)
{
    double t = 0, before;
    do {
        before = t;
        t = widened(l, t);
        t = widened(r, t);
    } while (t != before);
    return t;
}

/* ---- custom bounds ---- */

static bool same_bounds(const Histogram *l, const Histogram *r)
{
    return l->bound_count == r->bound_count &&
           (l->bound_count == 0 ||
            memcmp(l->bounds, r->bounds, l->bound_count * sizeof *l->bounds) == 0);
}

static double *common_bounds(const Histogram *l, const Histogram *r, uint32_t *count, Arena *a)
{
    double *out = arena_alloc(a, (l->bound_count + 1) * sizeof *out);
    *count = 0;
    for (uint32_t i = 0, k = 0; i < l->bound_count && k < r->bound_count;) {
        if (l->bounds[i] == r->bounds[k]) {
            out[(*count)++] = l->bounds[i];
            i++;
            k++;
        } else if (l->bounds[i] < r->bounds[k]) {
            i++;
        } else {
            k++;
        }
    }
    return out;
}

/* Bounds that are a part of its own. */
static void map_bounds(Histogram *h, const double *bounds, uint32_t count)
{
    uint32_t kept = 0, at = 0;
    for (uint32_t i = 0; i < h->positive.count; i++) {
        HistBucket b = h->positive.items[i];
        double high = hist_bound(h, b.index);
        while (at < count && bounds[at] < high)
            at++;
        b.index = (int32_t)at;
        if (kept && h->positive.items[kept - 1].index == b.index) {
            HistBucket *to = &h->positive.items[kept - 1];
            kahan_add(b.n, &to->n, &to->c);
            to->c += b.c;
        } else {
            h->positive.items[kept++] = b;
        }
    }
    h->positive.count = kept;
    h->bounds = bounds;
    h->bound_count = count;
}

/* ---- sums ---- */

static void add_number(double x, double *sum, double *c, HistSum how)
{
    if (how == HIST_COMPENSATED)
        kahan_add(x, sum, c);
    else
        *sum += x;
}

/* Buckets of `add` that `to` has not: how many. */
static uint32_t missing_buckets(const HistSide *to, const HistSide *add)
{
    uint32_t i = 0, missing = 0;
    for (uint32_t k = 0; k < add->count; k++) {
        while (i < to->count && to->items[i].index < add->items[k].index)
            i++;
        missing += i == to->count || to->items[i].index != add->items[k].index;
    }
    return missing;
}

static void side_add(HistSide *to, const HistSide *add, double sign, HistSum how, Arena *a)
{
    uint32_t more = missing_buckets(to, add), n = 0, i = 0;
    HistBucket *out = to->items;
    if (more) {
        out = arena_alloc(a, ((size_t)to->count + more) * sizeof *out);
        for (uint32_t k = 0; i < to->count || k < add->count;) {
            if (k == add->count || (i < to->count && to->items[i].index <= add->items[k].index)) {
                k += k < add->count && to->items[i].index == add->items[k].index;
                out[n++] = to->items[i++];
            } else {
                out[n++] = (HistBucket){.index = add->items[k++].index};
            }
        }
        *to = (HistSide){out, n};
    }
    i = 0;
    for (uint32_t k = 0; k < add->count; k++, i++) {
        while (out[i].index != add->items[k].index)
            i++;
        add_number(sign * add->items[k].n, &out[i].n, &out[i].c, how);
        out[i].c += sign * add->items[k].c;
    }
}

static unsigned merge_hints(Histogram *to, const Histogram *h)
{
    if (to->hint == h->hint || to->hint == HIST_GAUGE)
        return 0;
    bool collision = to->hint != HIST_UNKNOWN && h->hint != HIST_UNKNOWN && h->hint != HIST_GAUGE;
    to->hint = h->hint == HIST_GAUGE ? HIST_GAUGE : HIST_UNKNOWN;
    return collision ? HN_COLLISION : 0;
}

/* The other one in the layout of both, which `to` has got, too. */
static const Histogram *same_layout(Histogram *to, const Histogram *h, unsigned *notes, Arena *a)
{
    if (hist_is_custom(to)) {
        if (same_bounds(to, h))
            return h;
        uint32_t count;
        const double *bounds = common_bounds(to, h, &count, a);
        Histogram *copy = hist_copy(h, a);
        map_bounds(to, bounds, count);
        map_bounds(copy, bounds, count);
        *notes |= HN_RECONCILED;
        return copy;
    }
    if (to->schema == h->schema && to->zero_threshold == h->zero_threshold)
        return h;
    double threshold = common_threshold(to, h);
    int schema = to->schema < h->schema ? to->schema : h->schema;
    Histogram *copy = hist_copy(h, a);
    widen(to, threshold);
    widen(copy, threshold);
    hist_reduce(to, schema);
    hist_reduce(copy, schema);
    return copy;
}

unsigned hist_add(Histogram *to, const Histogram *h, double sign, HistSum how, Arena *a)
{
    if (hist_is_custom(to) != hist_is_custom(h))
        return HN_INCOMPATIBLE;
    unsigned notes = merge_hints(to, h);
    h = same_layout(to, h, &notes, a);
    add_number(sign * h->zero, &to->zero, &to->zero_c, how);
    add_number(sign * h->count, &to->count, &to->count_c, how);
    add_number(sign * h->sum, &to->sum, &to->sum_c, how);
    to->zero_c += sign * h->zero_c;
    to->count_c += sign * h->count_c;
    to->sum_c += sign * h->sum_c;
    side_add(&to->positive, &h->positive, sign, how, a);
    side_add(&to->negative, &h->negative, sign, how, a);
    to->integer &= h->integer && sign > 0;
    return notes;
}

static void side_settle(HistSide *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        HistBucket b = {s->items[i].index, s->items[i].n + s->items[i].c, 0};
        if (b.n != 0)
            s->items[kept++] = b;
    }
    s->count = kept;
}

void hist_settle(Histogram *h)
{
    h->zero += h->zero_c;
    h->count += h->count_c;
    h->sum += h->sum_c;
    h->zero_c = h->count_c = h->sum_c = 0;
    side_settle(&h->positive);
    side_settle(&h->negative);
}

static bool side_above(const HistSide *s, double limit)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (fabs(s->items[i].n) > limit)
            return true;
    return false;
}

static bool any_above(const Histogram *h, double limit)
{
    return fabs(h->zero) > limit || fabs(h->count) > limit || fabs(h->sum) > limit ||
           side_above(&h->positive, limit) || side_above(&h->negative, limit);
}

bool hist_overflows(const Histogram *h)
{
    return any_above(h, 1.7976931348623157e308);
}

bool hist_is_large(const Histogram *h)
{
    return any_above(h, 1e290);
}

Histogram *hist_between(const Histogram *from, const Histogram *to, double part, bool counter,
                        Arena *a, unsigned *notes)
{
    Histogram *h = hist_copy(to, a);
    if (hist_is_custom(from) != hist_is_custom(to)) {
        *notes |= HN_INCOMPATIBLE;
        return NULL;
    }
    if (counter && hist_is_reset(to, from, a)) {
        hist_scale(h, part);
        return h;
    }
    *notes |= hist_add(h, from, -1, HIST_PLAIN, a) & ~(unsigned)HN_COLLISION;
    hist_scale(h, part);
    *notes |= hist_add(h, from, 1, HIST_PLAIN, a) & ~(unsigned)HN_COLLISION;
    h->hint = to->hint == HIST_GAUGE ? HIST_GAUGE : HIST_UNKNOWN;
    hist_settle(h);
    return h;
}

/* ---- comparisons ---- */

static bool same_bits(double l, double r)
{
    return memcmp(&l, &r, sizeof l) == 0;
}

static bool side_equal(const HistSide *l, const HistSide *r)
{
    if (l->count != r->count)
        return false;
    for (uint32_t i = 0; i < l->count; i++)
        if (l->items[i].index != r->items[i].index || !same_bits(l->items[i].n, r->items[i].n))
            return false;
    return true;
}

bool hist_equal(const Histogram *l, const Histogram *r)
{
    return l->schema == r->schema && same_bits(l->count, r->count) && same_bits(l->sum, r->sum) &&
           l->zero_threshold == r->zero_threshold && same_bits(l->zero, r->zero) &&
           same_bounds(l, r) && side_equal(&l->positive, &r->positive) &&
           side_equal(&l->negative, &r->negative);
}

static bool side_fell(const HistSide *s, const HistSide *before)
{
    uint32_t i = 0;
    for (uint32_t k = 0; k < before->count; k++) {
        while (i < s->count && s->items[i].index < before->items[k].index)
            i++;
        double now =
            i < s->count && s->items[i].index == before->items[k].index ? s->items[i].n : 0;
        if (now < before->items[k].n)
            return true;
    }
    return false;
}

static bool custom_fell(const Histogram *h, const Histogram *before, Arena *a)
{
    if (same_bounds(h, before))
        return side_fell(&h->positive, &before->positive);
    uint32_t count;
    const double *bounds = common_bounds(h, before, &count, a);
    Histogram *l = hist_copy(h, a), *r = hist_copy(before, a);
    map_bounds(l, bounds, count);
    map_bounds(r, bounds, count);
    return side_fell(&l->positive, &r->positive);
}

bool hist_is_reset(const Histogram *h, const Histogram *before, Arena *scratch)
{
    if (h->hint == HIST_RESET || h->hint == HIST_NOT_RESET)
        return h->hint == HIST_RESET;
    if (h->count < before->count || hist_is_custom(h) != hist_is_custom(before))
        return true;
    if (hist_is_custom(h))
        return custom_fell(h, before, scratch);
    if (h->schema > before->schema || h->zero_threshold < before->zero_threshold)
        return true;
    if (h->schema != before->schema || h->zero_threshold != before->zero_threshold) {
        if (widened(before, h->zero_threshold) != h->zero_threshold)
            return true; /* cuts a populated bucket */
        Histogram *copy = hist_copy(before, scratch);
        widen(copy, h->zero_threshold);
        hist_reduce(copy, h->schema);
        before = copy;
    }
    return h->zero < before->zero || side_fell(&h->positive, &before->positive) ||
           side_fell(&h->negative, &before->negative);
}
