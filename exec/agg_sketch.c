/* Approximations with bounded memory that merge: approx_count_distinct (HyperLogLog) and
 * approx_percentile (a merging t-digest, Dunning and Ertl 2019). */
#include "base/hash.h"
#include "exec/agg_private.h"
#include <math.h>
#include <stdlib.h>

/* ---- approx_count_distinct: exact up to 256 values, then 4096 registers, error about 1.6 % ---- */

enum { HLL_BITS = 12, HLL_REGISTERS = 1 << HLL_BITS, EXACT_MAX = 256, EXACT_SLOTS = 512 };

typedef struct Distinct {
    uint64_t *exact; /* hashes, open addressing, 0 = free; NULL before the first value and after */
    uint32_t count;
    uint8_t *registers; /* NULL while exact */
} Distinct;

static void distinct_init(AggCtx *c, void *state)
{
    (void)c;
    *(Distinct *)state = (Distinct){0};
}

static void register_add(uint8_t *registers, uint64_t hash)
{
    size_t slot = hash >> (64 - HLL_BITS);
    uint64_t rest = hash << HLL_BITS | UINT64_C(1) << (HLL_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    if (rank > registers[slot])
        registers[slot] = rank;
}

static void leave_exact(Distinct *d, Arena *a)
{
    d->registers = arena_zero(a, HLL_REGISTERS);
    for (size_t i = 0; d->exact && i < EXACT_SLOTS; i++)
        if (d->exact[i])
            register_add(d->registers, d->exact[i]);
    d->exact = NULL;
    d->count = 0;
}

static void distinct_add(Distinct *d, uint64_t hash, Arena *a)
{
    hash += hash == 0;
    if (!d->registers && !d->exact)
        d->exact = arena_zero(a, EXACT_SLOTS * sizeof *d->exact);
    if (!d->registers) {
        size_t i = hash % EXACT_SLOTS;
        while (d->exact[i] && d->exact[i] != hash)
            i = (i + 1) % EXACT_SLOTS;
        if (d->exact[i])
            return;
        if (d->count < EXACT_MAX) {
            d->exact[i] = hash;
            d->count++;
            return;
        }
        leave_exact(d, a);
    }
    register_add(d->registers, hash);
}

/* The hashes of types are made for tables; here every bit must count. */
static uint64_t spread_bits(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static bool distinct_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,
                            size_t n, Err *e)
{
    const TypeDef *def = type_find(c->arg_types[0]);
    (void)e;
    if (args[0].kind == VEC_CONST && n > 1)
        n = 1;
    AGG_ROWS(sel, n, row)
    {
        Value v = vec_get(&args[0], row);
        distinct_add(state, spread_bits(def->hash(&v)), c->arena);
    }
    return true;
}

static bool distinct_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Distinct *d = into;
    const Distinct *f = from;
    (void)e;
    for (size_t i = 0; f->exact && i < EXACT_SLOTS; i++)
        if (f->exact[i])
            distinct_add(d, f->exact[i], c->arena);
    if (!f->registers)
        return true;
    if (!d->registers)
        leave_exact(d, c->arena);
    for (size_t i = 0; i < HLL_REGISTERS; i++)
        if (f->registers[i] > d->registers[i])
            d->registers[i] = f->registers[i];
    return true;
}

static bool distinct_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Distinct *d = state;
    double sum = 0, m = HLL_REGISTERS;
    size_t empty = 0;
    (void)c, (void)e;
    *out = value_i64(d->count);
    if (!d->registers)
        return true;
    for (size_t i = 0; i < HLL_REGISTERS; i++) {
        sum += ldexp(1, -d->registers[i]);
        empty += d->registers[i] == 0;
    }
    double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
    if (estimate <= 2.5 * m && empty)
        estimate = m * log(m / (double)empty);
    *out = value_i64(llround(estimate));
    return true;
}

static void distinct_save(AggCtx *c, const void *state, Buf *out)
{
    const Distinct *d = state;
    (void)c;
    buf_put_u8(out, d->registers ? 2 : d->exact ? 1 : 0);
    if (d->registers)
        buf_put(out, d->registers, HLL_REGISTERS);
    for (size_t i = 0; d->exact && i < EXACT_SLOTS; i++)
        if (d->exact[i])
            buf_put_u64(out, d->exact[i]);
}

static bool distinct_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Distinct *d = state;
    Reader r = reader_of(bytes);
    *d = (Distinct){0};
    uint8_t form = reader_u8(&r);
    if (form == 2) {
        Slice registers = reader_bytes(&r, HLL_REGISTERS);
        if (!r.bad)
            d->registers = (uint8_t *)(uintptr_t)arena_slice(c->arena, registers).ptr;
    } else {
        while (form == 1 && reader_left(&r) >= 8)
            distinct_add(d, reader_u64(&r), c->arena);
    }
    return (!r.bad && reader_left(&r) == 0) || agg_bad_state(e);
}

static const AggDef agg_distinct = {
    .state_size = sizeof(Distinct),
    .init = distinct_init,
    .update = distinct_update,
    .merge = distinct_merge,
    .final = distinct_final,
    .save = distinct_save,
    .load = distinct_load,
    .skips_nulls = true,
};

/* ---- approx_percentile ---- */

enum { DIGEST_COMPRESSION = 200, DIGEST_ROOM = 1200, DIGEST_ROOM_FIRST = 32 };

typedef struct Centroid {
    double mean, weight;
} Centroid;

typedef struct Digest {
    Centroid *items; /* in no order between compressions */
    uint32_t count, room;
    double total, min, max, fraction;
    bool set;
} Digest;

static void digest_init(AggCtx *c, void *state)
{
    (void)c;
    *(Digest *)state = (Digest){0};
}

static int compare_centroids(const void *x, const void *y)
{
    const Centroid *a = x, *b = y;
    return (a->mean > b->mean) - (a->mean < b->mean);
}

/* Scale function k1: small centroids at both ends. */
static double scale_limit(double q)
{
    double k = DIGEST_COMPRESSION * (asin(2 * q - 1) / M_PI + 0.5) + 1;
    return k >= DIGEST_COMPRESSION ? 1 : (sin((k / DIGEST_COMPRESSION - 0.5) * M_PI) + 1) / 2;
}

static void compress(Digest *d)
{
    if (d->count < 2)
        return;
    qsort(d->items, d->count, sizeof *d->items, compare_centroids);
    uint32_t kept = 0;
    double before = 0, limit = d->total * scale_limit(0);
    for (uint32_t i = 1; i < d->count; i++) {
        Centroid *into = &d->items[kept], next = d->items[i];
        if (before + into->weight + next.weight <= limit) {
            into->weight += next.weight;
            into->mean += (next.mean - into->mean) * next.weight / into->weight;
        } else {
            before += into->weight;
            limit = d->total * scale_limit(before / d->total);
            d->items[++kept] = next;
        }
    }
    d->count = kept + 1;
}

static void digest_add(Digest *d, double mean, double weight, Arena *a)
{
    if (d->count == d->room && d->room == DIGEST_ROOM)
        compress(d);
    if (d->count == d->room) {
        uint32_t room = d->room ? d->room * 2 : DIGEST_ROOM_FIRST;
        room = room > DIGEST_ROOM ? DIGEST_ROOM : room;
        Centroid *items = arena_alloc(a, room * sizeof *items);
        if (d->count)
            memcpy(items, d->items, d->count * sizeof *items);
        d->items = items;
        d->room = room;
    }
    d->items[d->count++] = (Centroid){mean, weight};
    d->min = d->total == 0 || mean < d->min ? mean : d->min;
    d->max = d->total == 0 || mean > d->max ? mean : d->max;
    d->total += weight;
}

static bool digest_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                          Err *e)
{
    Digest *d = state;
    AGG_ROWS(sel, n, row)
    {
        double v = args[0].v.f64[vec_slot(&args[0], row)];
        if (!d->set) {
            d->fraction = args[1].v.f64[vec_slot(&args[1], row)];
            d->set = true;
            if (!(d->fraction >= 0 && d->fraction <= 1))
                return err_set(e, ERR_NUMERIC_RANGE, "percentile value %g is not between 0 and 1",
                               d->fraction);
        }
        if (!isnan(v))
            digest_add(d, v, 1, c->arena);
    }
    return true;
}

static bool digest_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Digest *d = into;
    const Digest *f = from;
    (void)e;
    if (!d->set) {
        d->fraction = f->fraction;
        d->set = f->set;
    }
    double min = d->total == 0 || f->min < d->min ? f->min : d->min;
    double max = d->total == 0 || f->max > d->max ? f->max : d->max;
    for (uint32_t i = 0; i < f->count; i++)
        digest_add(d, f->items[i].mean, f->items[i].weight, c->arena);
    if (f->total > 0) {
        d->min = min;
        d->max = max;
    }
    return true;
}

/* Between the middles of neighbouring centroids a straight line; at the ends to min and max. */
static double digest_at(const Digest *d, double q)
{
    double want = q * d->total, seen = 0;
    double last_mean = d->min, last_at = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        double at = seen + d->items[i].weight / 2;
        if (want < at) {
            double span = at - last_at;
            return span > 0 ? last_mean + (d->items[i].mean - last_mean) * (want - last_at) / span
                            : d->items[i].mean;
        }
        last_mean = d->items[i].mean;
        last_at = at;
        seen += d->items[i].weight;
    }
    double span = d->total - last_at;
    return span > 0 ? last_mean + (d->max - last_mean) * (want - last_at) / span : d->max;
}

static bool digest_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    Digest d = *(const Digest *)state;
    (void)e;
    *out = value_f64(0);
    out->null = d.count == 0;
    if (out->null)
        return true;
    d.items = arena_alloc(c->arena, d.count * sizeof *d.items);
    memcpy(d.items, ((const Digest *)state)->items, d.count * sizeof *d.items);
    qsort(d.items, d.count, sizeof *d.items, compare_centroids);
    out->u.f64 = digest_at(&d, d.fraction);
    return true;
}

static void digest_save(AggCtx *c, const void *state, Buf *out)
{
    const Digest *d = state;
    Digest plain; /* a user sees it (percentile_agg): no address, no padding */
    (void)c;
    memset(&plain, 0, sizeof plain);
    plain.count = d->count;
    plain.total = d->total;
    plain.min = d->min;
    plain.max = d->max;
    plain.fraction = d->fraction;
    plain.set = d->set;
    buf_put(out, &plain, sizeof plain);
    buf_put(out, d->items, d->count * sizeof *d->items);
}

static bool digest_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Digest *d = state;
    if (bytes.len < sizeof *d)
        return agg_bad_state(e);
    memcpy(d, bytes.ptr, sizeof *d);
    if (d->count > DIGEST_ROOM || bytes.len != sizeof *d + d->count * sizeof *d->items)
        return agg_bad_state(e);
    d->room = DIGEST_ROOM;
    d->items = arena_alloc(c->arena, d->room * sizeof *d->items);
    if (d->count)
        memcpy(d->items, bytes.ptr + sizeof *d, d->count * sizeof *d->items);
    return true;
}

static const AggDef agg_digest = {
    .state_size = sizeof(Digest),
    .init = digest_init,
    .update = digest_update,
    .merge = digest_merge,
    .final = digest_final,
    .save = digest_save,
    .load = digest_load,
    .skips_nulls = true,
};

/* ---- percentile_agg(v): the digest itself, as bytea, for approx_percentile(fraction, digest) ---- */

static bool percentile_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,
                              size_t n, Err *e)
{
    (void)e;
    AGG_ROWS(sel, n, row)
    {
        double v = args[0].v.f64[vec_slot(&args[0], row)];
        if (!isnan(v))
            digest_add(state, v, 1, c->arena);
    }
    return true;
}

static bool rollup_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                          Err *e)
{
    AGG_ROWS(sel, n, row)
    {
        Digest one;
        if (!digest_load(c, &one, vec_get(&args[0], row).u.str, e) ||
            !digest_merge(c, state, &one, e))
            return false;
    }
    return true;
}

static bool digest_bytes(AggCtx *c, const void *state, Value *out, Err *e)
{
    Digest d = *(const Digest *)state;
    Buf b;
    (void)e;
    d.room = 0;
    buf_init(&b);
    digest_save(c, &d, &b);
    *out = value_str(arena_slice(c->arena, buf_slice(&b)));
    out->null = d.count == 0;
    buf_free(&b);
    return true;
}

#define DIGEST(name, upd)                                                                          \
    static const AggDef agg_##name = {                                                             \
        .state_size = sizeof(Digest),                                                              \
        .init = digest_init,                                                                       \
        .update = upd,                                                                             \
        .merge = digest_merge,                                                                     \
        .final = digest_bytes,                                                                     \
        .save = digest_save,                                                                       \
        .load = digest_load,                                                                       \
        .skips_nulls = true,                                                                       \
    }
DIGEST(percentile, percentile_update);
DIGEST(rollup, rollup_update);

static bool digest_of(EvalCtx *ctx, const Value *bytes, Digest *d, Err *e)
{
    AggCtx c = {.eval = ctx, .arena = ctx->scratch};
    Err ignored;
    if (digest_load(&c, d, bytes->u.str, &ignored))
        return true;
    return err_set(e, ERR_INVALID_PARAMETER, "this bytea is not the result of percentile_agg");
}

FUNC_SCALAR(percentile_of)
{
    FUNC_UNUSED;
    Digest d;
    AggCtx c = {.eval = ctx, .arena = ctx->scratch};
    if (!digest_of(ctx, &args[1], &d, e))
        return false;
    d.fraction = args[0].u.f64;
    if (!(d.fraction >= 0 && d.fraction <= 1))
        return err_set(e, ERR_NUMERIC_RANGE, "percentile value %g is not between 0 and 1",
                       d.fraction);
    return digest_final(&c, &d, out, e);
}

FUNC_SCALAR(percentile_count)
{
    FUNC_UNUSED;
    Digest d;
    if (!digest_of(ctx, &args[0], &d, e))
        return false;
    *out = value_f64(d.total);
    return true;
}

FUNC_SCALAR(percentile_mean)
{
    FUNC_UNUSED;
    Digest d;
    double sum = 0;
    if (!digest_of(ctx, &args[0], &d, e))
        return false;
    for (uint32_t i = 0; i < d.count; i++)
        sum += d.items[i].mean * d.items[i].weight;
    *out = value_f64(sum / d.total);
    return true;
}

FuncDef agg_sketch[] = {
    AGG("percentile_agg(float8) bytea", agg_percentile, "a sketch for approx_percentile"),
    AGG("rollup(bytea) bytea", agg_rollup, "sketches of percentile_agg, merged"),
    FS("approx_percentile(float8, bytea) float8", percentile_of, FN_STRICT,
       "about the percentile: fraction, result of percentile_agg"),
    FS("num_vals(bytea) float8", percentile_count, FN_STRICT, "values in a percentile_agg"),
    FS("mean(bytea) float8", percentile_mean, FN_STRICT, "mean of a percentile_agg"),
    AGG("approx_count_distinct(any) int8", agg_distinct,
        "about how many different values: exact to 256, then within some 2 %"),
    AGG("approx_percentile(float8, float8) float8", agg_digest,
        "about the percentile: value, fraction from 0 to 1"),
    FUNC_END,
};
