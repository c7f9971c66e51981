#include "base/hash.h"
#include "exec/numeric.h"
#include "exec/type_private.h"
#include <math.h>

int cmp_bool(const Value *a, const Value *b)
{
    return (int)a->u.b - (int)b->u.b;
}

int cmp_i64(const Value *a, const Value *b)
{
    return (a->u.i64 > b->u.i64) - (a->u.i64 < b->u.i64);
}

/* NaN is equal to NaN and above everything. */
int cmp_f64(const Value *a, const Value *b)
{
    double x = a->u.f64, y = b->u.f64;
    if (isnan(x) || isnan(y))
        return (int)isnan(x) - (int)isnan(y);
    return (x > y) - (x < y);
}

int cmp_str(const Value *a, const Value *b)
{
    return slice_cmp(a->u.str, b->u.str);
}

int cmp_bpchar(const Value *a, const Value *b)
{
    return slice_cmp(bpchar_trim(a->u.str), bpchar_trim(b->u.str));
}

/* A month counts 30 days, a day 24 hours. */
static __int128 interval_span(Interval iv)
{
    return ((__int128)iv.months * 30 + iv.days) * INT64_C(86400000000) + iv.us;
}

int cmp_interval(const Value *a, const Value *b)
{
    __int128 x = interval_span(a->u.iv), y = interval_span(b->u.iv);
    return (x > y) - (x < y);
}

int cmp_num(const Value *a, const Value *b)
{
    return num_cmp(&a->u.num, &b->u.num);
}

/* As PostgreSQL's btarraycmp: elements first, then their number, then the shape. */
int cmp_array(const Value *a, const Value *b)
{
    const Array *x = a->u.arr, *y = b->u.arr;
    const TypeDef *elem = type_find(x->elem);
    size_t n = x->count < y->count ? x->count : y->count;
    for (size_t i = 0; i < n && elem; i++) {
        const Value *p = &x->items[i], *q = &y->items[i];
        int c = p->null || q->null ? (int)p->null - (int)q->null : elem->cmp(p, q);
        if (c)
            return c;
    }
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    if (x->ndim != y->ndim)
        return x->ndim < y->ndim ? -1 : 1;
    for (int i = 0; i < x->ndim; i++)
        if (x->dims[i] != y->dims[i])
            return x->dims[i] < y->dims[i] ? -1 : 1;
    for (int i = 0; i < x->ndim; i++)
        if (x->lower[i] != y->lower[i])
            return x->lower[i] < y->lower[i] ? -1 : 1;
    return 0;
}

uint64_t hash_bool(const Value *v)
{
    return hash_mix(v->u.b, 1);
}

uint64_t hash_i64(const Value *v)
{
    return hash_mix((uint64_t)v->u.i64, 0);
}

uint64_t hash_f64(const Value *v)
{
    double d = v->u.f64;
    uint64_t bits;
    if (isnan(d))
        d = NAN;
    else if (d == 0)
        d = 0; /* -0 and 0 are equal */
    memcpy(&bits, &d, sizeof bits);
    return hash_mix(bits, 2);
}

uint64_t hash_str(const Value *v)
{
    return hash64(v->u.str.ptr, v->u.str.len, 0);
}

uint64_t hash_bpchar(const Value *v)
{
    Slice s = bpchar_trim(v->u.str);
    return hash64(s.ptr, s.len, 0);
}

uint64_t hash_interval(const Value *v)
{
    __int128 span = interval_span(v->u.iv);
    return hash_mix((uint64_t)span, (uint64_t)(span >> 64));
}

uint64_t hash_num(const Value *v)
{
    return num_hash(&v->u.num);
}

uint64_t hash_array(const Value *v)
{
    const Array *x = v->u.arr;
    const TypeDef *elem = type_find(x->elem);
    uint64_t h = x->count;
    for (size_t i = 0; i < x->count && elem; i++)
        h = hash_mix(h, x->items[i].null ? 0 : elem->hash(&x->items[i]));
    return h;
}
