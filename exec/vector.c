#include "exec/vector.h"
#include "base/simd.h"
#include "exec/kernels.h"

Phys type_phys(TypeId t)
{
    const TypeDef *def = type_find(t);
    return def ? def->phys : PH_STR;
}

size_t phys_size(Phys p)
{
    static const uint8_t size[] = {
        [PH_BOOL] = 1,
        [PH_I64] = sizeof(int64_t),
        [PH_F64] = sizeof(double),
        [PH_STR] = sizeof(Slice),
        [PH_INTERVAL] = sizeof(Interval),
        [PH_NUM] = sizeof(Num),
        [PH_ARRAY] = sizeof(const Array *),
    };
    return size[p];
}

void vec_init_flat(Vector *v, TypeId type, size_t n, Arena *a)
{
    *v = (Vector){.type = type, .phys = type_phys(type), .kind = VEC_FLAT};
    v->v.any = arena_alloc(a, phys_size(v->phys) * n + 1);
}

static void store(Vector *v, size_t slot, const Value *value)
{
    switch (v->phys) {
    case PH_BOOL:
        v->v.b[slot] = value->u.b;
        break;
    case PH_I64:
        v->v.i64[slot] = value->u.i64;
        break;
    case PH_F64:
        v->v.f64[slot] = value->u.f64;
        break;
    case PH_STR:
        v->v.str[slot] = value->u.str;
        break;
    case PH_INTERVAL:
        v->v.iv[slot] = value->u.iv;
        break;
    case PH_NUM:
        v->v.num[slot] = value->u.num;
        break;
    case PH_ARRAY:
        v->v.arr[slot] = value->u.arr;
        break;
    }
}

void vec_init_const(Vector *v, TypeId type, const Value *value, Arena *a)
{
    vec_init_flat(v, type, 1, a);
    v->kind = VEC_CONST;
    if (value->null) {
        memset(v->v.any, 0, phys_size(v->phys));
        v->valid = arena_zero(a, sizeof *v->valid);
    } else {
        store(v, 0, value);
    }
}

void vec_set_null(Vector *v, size_t row, size_t n, Arena *a)
{
    if (!v->valid) {
        size_t bytes = (n + 63) / 64 * sizeof *v->valid;
        v->valid = arena_alloc(a, bytes);
        memset(v->valid, 0xff, bytes);
    }
    v->valid[row >> 6] &= ~(UINT64_C(1) << (row & 63));
}

Value vec_get(const Vector *v, size_t row)
{
    size_t s = vec_slot(v, row);
    Value r = {.phys = v->phys};
    if (v->valid && !(v->valid[s >> 6] >> (s & 63) & 1)) {
        r.null = true;
        return r;
    }
    switch (v->phys) {
    case PH_BOOL:
        r.u.b = v->v.b[s];
        break;
    case PH_I64:
        r.u.i64 = v->v.i64[s];
        break;
    case PH_F64:
        r.u.f64 = v->v.f64[s];
        break;
    case PH_STR:
        r.u.str = v->v.str[s];
        break;
    case PH_INTERVAL:
        r.u.iv = v->v.iv[s];
        break;
    case PH_NUM:
        r.u.num = v->v.num[s];
        break;
    case PH_ARRAY:
        r.u.arr = v->v.arr[s];
        break;
    }
    return r;
}

void vec_set(Vector *v, size_t row, const Value *value, size_t n, Arena *a)
{
    if (value->null) {
        vec_set_null(v, row, n, a);
        return;
    }
    store(v, row, value);
    if (v->valid)
        v->valid[row >> 6] |= UINT64_C(1) << (row & 63);
}

/* Slots in row order, as a dense array of the given width. */
static void gather(void *dst, const void *src, size_t width, const Vector *v, const Batch *b,
                   bool dense)
{
    size_t n = batch_count(b);
    for (size_t i = 0; i < n; i++) {
        size_t row = batch_row(b, i), to = dense ? i : row;
        memcpy((char *)dst + to * width, (const char *)src + vec_slot(v, row) * width, width);
    }
}

static void gather_vector(Vector *dst, const Vector *v, const Batch *b, size_t rows, bool dense,
                          Arena *a)
{
    vec_init_flat(dst, v->type, rows, a);
    dst->phys = v->phys;
    if (!dense) /* rows outside the selection stay defined */
        memset(dst->v.any, 0, rows * phys_size(v->phys));
    switch (phys_size(v->phys)) { /* constant widths let memcpy become moves */
    case 1:
        gather(dst->v.any, v->v.any, 1, v, b, dense);
        break;
    case 8:
        gather(dst->v.any, v->v.any, 8, v, b, dense);
        break;
    case 16:
        gather(dst->v.any, v->v.any, 16, v, b, dense);
        break;
    default:
        gather(dst->v.any, v->v.any, phys_size(v->phys), v, b, dense);
        break;
    }
    if (!v->valid)
        return;
    size_t n = batch_count(b);
    for (size_t i = 0; i < n; i++) {
        size_t row = batch_row(b, i);
        if (vec_is_null(v, row))
            vec_set_null(dst, dense ? i : row, rows, a);
    }
}

void vec_flatten(Vector *v, const Batch *b, Arena *a)
{
    if (v->kind == VEC_FLAT)
        return;
    Vector flat;
    gather_vector(&flat, v, b, b->rows, false, a);
    *v = flat;
}

static void deepen(Vector *v, size_t n, Arena *a)
{
    for (size_t i = 0; i < n; i++) {
        if (vec_is_null(v, i))
            continue;
        Value item = vec_get(v, i);
        item = value_copy(a, &item);
        store(v, i, &item);
    }
}

static bool borrows(Phys p)
{
    return p == PH_STR || p == PH_NUM || p == PH_ARRAY;
}

static void copy_column(Vector *dst, const Vector *src, const Batch *b, Arena *a)
{
    size_t n = batch_count(b);
    if (src->kind == VEC_CONST) {
        Value v = n ? vec_get(src, batch_row(b, 0)) : value_null();
        v = value_copy(a, &v);
        vec_init_const(dst, src->type, &v, a);
        return;
    }
    if (src->kind == VEC_DICT && src->dict_count <= n) {
        /* The dictionary is smaller than the rows: keep it, copy it once. */
        Batch entries = {.rows = src->dict_count};
        Vector flat = *src;
        flat.kind = VEC_FLAT;
        gather_vector(dst, &flat, &entries, src->dict_count, true, a);
        if (borrows(dst->phys))
            deepen(dst, src->dict_count, a);
        dst->kind = VEC_DICT;
        dst->dict_count = src->dict_count;
        dst->codes = arena_alloc(a, n * sizeof *dst->codes + 1);
        for (size_t i = 0; i < n; i++)
            dst->codes[i] = src->codes[batch_row(b, i)];
        return;
    }
    gather_vector(dst, src, b, n, true, a);
    if (borrows(dst->phys))
        deepen(dst, n, a);
}

void batch_copy(Batch *dst, const Batch *src, Arena *a)
{
    *dst = (Batch){.rows = batch_count(src), .col_count = src->col_count};
    dst->cols = ARENA_ARRAY(a, Vector, src->col_count + 1);
    for (size_t c = 0; c < src->col_count; c++)
        copy_column(&dst->cols[c], &src->cols[c], src, a);
}

const ExecKernels *exec_kernels(void)
{
#ifdef SKULK_KERNELS_V3
    if (simd_has_v3())
        return &exec_kernels_v3;
#endif
    return &exec_kernels_base;
}
