/* Exact and compensated sums, and the byte forms that states share. */
#include "exec/agg_private.h"
#include <math.h>

static const int64_t pow10_small[19] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
};

static bool big_num(const NumSum *s, Num *out)
{
    *out = (Num){.kind = NUM_SMALL};
    if (!s->has_big)
        return true;
    if (s->big_len == 0)
        return false;
    *out = (Num){.u.digits = s->big, .len = s->big_len, .scale = s->big_scale, .kind = NUM_BIG};
    return true;
}

/* The big part is kept as text; one that became small again goes back to coef. */
static void set_big(NumSum *s, const Num *n, Arena *a)
{
    s->has_big = n->kind == NUM_BIG;
    if (!s->has_big) {
        s->coef = n->u.coef;
        s->scale = n->scale;
        return;
    }
    if (n->len > s->big_room) {
        s->big_room = n->len * 2;
        s->big = arena_alloc(a, s->big_room);
    }
    memcpy(s->big, n->u.digits, n->len);
    s->big_len = n->len;
    s->big_scale = n->scale;
}

/* Moves coef into the big part and adds n to it; temporaries do not stay in the arena. */
static bool spill_and_add(NumSum *s, const Num *n, Arena *a, Err *e)
{
    Arena tmp;
    Num big, small, sum;
    arena_init(&tmp, NULL);
    bool ok = big_num(s, &big);
    small = num_of_i128(s->coef, s->scale, &tmp);
    ok = ok && num_add(&big, &small, &tmp, &sum, e) && (!n || num_add(&sum, n, &tmp, &sum, e));
    if (ok) {
        s->coef = 0;
        s->scale = sum.scale;
        set_big(s, &sum, a);
    }
    arena_free(&tmp);
    return ok;
}

static bool special_add(NumSum *s, const Num *n)
{
    s->count++;
    if (n->kind == NUM_NAN)
        s->nan++;
    else if (n->kind == NUM_PINF)
        s->pinf++;
    else if (n->kind == NUM_NINF)
        s->ninf++;
    else
        return false;
    return true;
}

bool num_sum_add(NumSum *s, const Num *n, Arena *a, Err *e)
{
    if (special_add(s, n))
        return true;
    int diff = (int)n->scale - s->scale;
    if (n->kind == NUM_SMALL && diff >= -18 && diff <= 18) {
        __int128 add = n->u.coef, coef = s->coef, r;
        if (diff < 0) {
            add *= pow10_small[-diff];
        } else if (diff > 0 && __builtin_mul_overflow(coef, (__int128)pow10_small[diff], &coef)) {
            return spill_and_add(s, n, a, e);
        }
        if (__builtin_add_overflow(coef, add, &r))
            return spill_and_add(s, n, a, e);
        s->coef = r;
        s->scale = diff > 0 ? n->scale : s->scale;
        return true;
    }
    return spill_and_add(s, n, a, e);
}

bool num_sum_add_i64(NumSum *s, int64_t v, Arena *a, Err *e)
{
    __int128 r;
    if (s->scale == 0 && !__builtin_add_overflow(s->coef, (__int128)v, &r)) {
        s->coef = r;
        s->count++;
        return true;
    }
    Num n = num_of_i64(v);
    return num_sum_add(s, &n, a, e);
}

bool num_sum_merge(NumSum *into, const NumSum *from, Arena *a, Err *e)
{
    Num big, small;
    Arena tmp;
    arena_init(&tmp, NULL);
    small = num_of_i128(from->coef, from->scale, &tmp);
    int64_t count = into->count + from->count;
    bool ok = big_num(from, &big) && num_sum_add(into, &small, a, e) &&
              (!from->has_big || num_sum_add(into, &big, a, e));
    arena_free(&tmp);
    into->count = count;
    into->nan += from->nan;
    into->pinf += from->pinf;
    into->ninf += from->ninf;
    return ok;
}

bool num_sum_value(const NumSum *s, Arena *a, Num *out, Err *e)
{
    Num big, small = num_of_i128(s->coef, s->scale, a);
    if (s->nan || (s->pinf && s->ninf))
        *out = (Num){.kind = NUM_NAN};
    else if (s->pinf || s->ninf)
        *out = (Num){.kind = s->pinf ? NUM_PINF : NUM_NINF};
    else if (!s->has_big)
        *out = small;
    else
        return big_num(s, &big) && num_add(&big, &small, a, out, e);
    return true;
}

void num_sum_save(const NumSum *s, Buf *out)
{
    buf_put(out, s, sizeof *s);
    buf_put(out, s->big, s->has_big ? s->big_len : 0);
}

bool num_sum_load(NumSum *s, Reader *r, Arena *a, Err *e)
{
    Slice head = reader_bytes(r, sizeof *s);
    if (r->bad)
        return agg_bad_state(e);
    memcpy(s, head.ptr, sizeof *s);
    s->big_room = s->has_big ? s->big_len : 0;
    Slice digits = reader_bytes(r, s->big_room);
    if (r->bad)
        return agg_bad_state(e);
    s->big = arena_alloc(a, s->big_room + 1);
    if (s->big_room)
        memcpy(s->big, digits.ptr, s->big_room);
    return true;
}

double float_sum_value(const FloatSum *s)
{
    double v = s->hi + s->lo;
    return isnan(v) ? s->hi : v; /* infinities make the correction a NaN */
}

bool agg_bad_state(Err *e)
{
    return err_set(e, ERR_DATA_CORRUPTED, "saved aggregate state is damaged");
}

/* ---- values ---- */

static void save_array(const Array *arr, Buf *out)
{
    buf_put_u32(out, arr->elem);
    buf_put_u32(out, (uint32_t)arr->ndim);
    for (int i = 0; i < arr->ndim; i++) {
        buf_put_u32(out, (uint32_t)arr->dims[i]);
        buf_put_u32(out, (uint32_t)arr->lower[i]);
    }
    buf_put_varint(out, arr->count);
    for (size_t i = 0; i < arr->count; i++)
        value_save(&arr->items[i], out);
}

void value_save(const Value *v, Buf *out)
{
    buf_put_u8(out, (uint8_t)(v->phys | (v->null ? 0x80 : 0)));
    if (v->null)
        return;
    switch (v->phys) {
    case PH_BOOL:
        buf_put_u8(out, v->u.b);
        break;
    case PH_I64:
        buf_put_u64(out, (uint64_t)v->u.i64);
        break;
    case PH_F64:
        buf_put(out, &v->u.f64, sizeof v->u.f64);
        break;
    case PH_STR:
        buf_put_str(out, v->u.str);
        break;
    case PH_INTERVAL:
        buf_put(out, &v->u.iv, sizeof v->u.iv);
        break;
    case PH_NUM:
        buf_put(out, &v->u.num, sizeof v->u.num);
        if (v->u.num.kind == NUM_BIG)
            buf_put(out, v->u.num.u.digits, v->u.num.len);
        break;
    case PH_ARRAY:
        save_array(v->u.arr, out);
        break;
    }
}

static bool load_array(Value *v, Reader *r, Arena *a)
{
    Array *arr = array_new(a, reader_u32(r), NULL, 0);
    arr->ndim = (int32_t)reader_u32(r);
    if (r->bad || arr->ndim < 0 || arr->ndim > ARRAY_DIMS_MAX)
        return false;
    for (int i = 0; i < arr->ndim; i++) {
        arr->dims[i] = (int32_t)reader_u32(r);
        arr->lower[i] = (int32_t)reader_u32(r);
    }
    arr->count = (size_t)reader_varint(r);
    if (r->bad || arr->count > reader_left(r))
        return false;
    Value *items = ARENA_ARRAY(a, Value, arr->count + 1);
    for (size_t i = 0; i < arr->count; i++)
        if (!value_load(&items[i], r, a))
            return false;
    arr->items = items;
    v->u.arr = arr;
    return true;
}

bool value_load(Value *v, Reader *r, Arena *a)
{
    uint8_t head = reader_u8(r);
    Slice s;
    *v = (Value){.null = head & 0x80, .phys = head & 0x7f};
    if (v->null || r->bad || v->phys > PH_ARRAY)
        return !r->bad && v->phys <= PH_ARRAY;
    switch (v->phys) {
    case PH_BOOL:
        v->u.b = reader_u8(r) != 0;
        break;
    case PH_I64:
        v->u.i64 = (int64_t)reader_u64(r);
        break;
    case PH_F64:
        s = reader_bytes(r, sizeof v->u.f64);
        if (!r->bad)
            memcpy(&v->u.f64, s.ptr, s.len);
        break;
    case PH_STR:
        v->u.str = arena_slice(a, reader_str(r));
        break;
    case PH_INTERVAL:
        s = reader_bytes(r, sizeof v->u.iv);
        if (!r->bad)
            memcpy(&v->u.iv, s.ptr, s.len);
        break;
    case PH_NUM:
        s = reader_bytes(r, sizeof v->u.num);
        if (r->bad)
            return false;
        memcpy(&v->u.num, s.ptr, s.len);
        if (v->u.num.kind == NUM_BIG)
            v->u.num.u.digits = arena_slice(a, reader_bytes(r, v->u.num.len)).ptr;
        break;
    case PH_ARRAY:
        return load_array(v, r, a);
    }
    return !r->bad;
}

/* ---- kept values ---- */

void kept_set(Kept *k, const Value *v, Arena *a)
{
    k->set = true;
    k->v = *v;
    if (v->null)
        return;
    if (v->phys == PH_STR) {
        if (v->u.str.len > k->room_size || !k->room) {
            k->room_size = v->u.str.len * 2 + 16;
            k->room = arena_alloc(a, k->room_size);
        }
        if (v->u.str.len)
            memmove(k->room, v->u.str.ptr, v->u.str.len);
        k->v.u.str.ptr = k->room;
    } else if (v->phys == PH_NUM || v->phys == PH_ARRAY) {
        k->v = value_copy(a, v);
    }
}

void kept_save(const Kept *k, Buf *out)
{
    buf_put_u8(out, k->set);
    if (k->set)
        value_save(&k->v, out);
}

bool kept_load(Kept *k, Reader *r, Arena *a)
{
    *k = (Kept){.set = reader_u8(r) != 0};
    return !r->bad && (!k->set || value_load(&k->v, r, a));
}
