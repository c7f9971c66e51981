/* Rows kept in memory, and small moves between vectors. */
#include "exec/op_private.h"

enum { STORE_FIRST_ROWS = 16 };

/* A bitmap of one clear bit, for constants that are NULL.  Never written. */
static uint64_t null_bit[1];

#define IDENT4(n)   (n), (n) + 1, (n) + 2, (n) + 3
#define IDENT16(n)  IDENT4(n), IDENT4((n) + 4), IDENT4((n) + 8), IDENT4((n) + 12)
#define IDENT64(n)  IDENT16(n), IDENT16((n) + 16), IDENT16((n) + 32), IDENT16((n) + 48)
#define IDENT256(n) IDENT64(n), IDENT64((n) + 64), IDENT64((n) + 128), IDENT64((n) + 192)
const uint16_t row_ident[BATCH_ROWS] = {IDENT256(0), IDENT256(256), IDENT256(512), IDENT256(768)};

/* ---- vectors ---- */

static void set_null(Vector *v, size_t row, size_t cap, Arena *a)
{
    if (!v->valid) {
        v->valid = arena_alloc(a, BITMAP_WORDS(cap) * 8);
        memset(v->valid, 0xff, BITMAP_WORDS(cap) * 8);
    }
    bitmap_clear(v->valid, row);
}

static void append_nulls(Vector *dst, size_t at, size_t cap, const Vector *src, const uint16_t *sel,
                         size_t n, Arena *a)
{
    for (size_t i = 0; i < n; i++) {
        if (vec_is_null(src, sel ? sel[i] : i))
            set_null(dst, at + i, cap, a);
        else if (dst->valid)
            bitmap_set(dst->valid, at + i);
    }
}

static void append_words(Vector *dst, size_t at, const Vector *src, const uint16_t *sel, size_t n)
{
    int64_t *d = dst->v.i64 + at;
    const int64_t *s = src->v.i64;
    if (src->kind == VEC_FLAT && !sel)
        memcpy(d, s, n * sizeof *d);
    else if (src->kind == VEC_FLAT)
        for (size_t i = 0; i < n; i++)
            d[i] = s[sel[i]];
    else if (src->kind == VEC_CONST)
        for (size_t i = 0; i < n; i++)
            d[i] = s[0];
    else
        for (size_t i = 0; i < n; i++)
            d[i] = s[src->codes[sel ? sel[i] : i]];
}

static void append_strings(Vector *dst, size_t at, const Vector *src, const uint16_t *sel, size_t n,
                           Arena *deep)
{
    Slice last = SLICE_NONE, copy = SLICE_NONE; /* constants and runs are copied once */
    for (size_t i = 0; i < n; i++) {
        size_t row = sel ? sel[i] : i;
        Slice s = vec_is_null(src, row) ? SLICE_NONE : src->v.str[vec_slot(src, row)];
        if (deep && s.len > 0 && (s.ptr != last.ptr || s.len != last.len)) {
            last = s;
            copy = arena_slice(deep, s);
        }
        dst->v.str[at + i] = deep && s.len > 0 ? copy : s;
    }
}

static void append_values(Vector *dst, size_t at, const Vector *src, const uint16_t *sel, size_t n,
                          Arena *deep)
{
    for (size_t i = 0; i < n; i++) {
        size_t row = sel ? sel[i] : i;
        if (vec_is_null(src, row)) {
            memset((char *)dst->v.any + (at + i) * phys_size(dst->phys), 0, phys_size(dst->phys));
            continue;
        }
        Value v = vec_get(src, row);
        if (deep)
            v = value_copy(deep, &v);
        if (dst->phys == PH_INTERVAL)
            dst->v.iv[at + i] = v.u.iv;
        else
            dst->v.arr[at + i] = v.u.arr;
    }
}

static void append_nums(Vector *dst, size_t at, const Vector *src, const uint16_t *sel, size_t n,
                        Arena *deep)
{
    for (size_t i = 0; i < n; i++) {
        size_t row = sel ? sel[i] : i;
        Num *to = &dst->v.num[at + i];
        *to = vec_is_null(src, row) ? (Num){0} : src->v.num[vec_slot(src, row)];
        if (deep && to->kind == NUM_BIG) {
            Value v = {.phys = PH_NUM, .u.num = *to};
            *to = value_copy(deep, &v).u.num;
        }
    }
}

void col_append(Vector *dst, size_t at, size_t cap, const Vector *src, const uint16_t *sel,
                size_t n, Arena *deep)
{
    must(dst->phys == src->phys);
    must(at + n <= cap);
    switch (dst->phys) {
    case PH_BOOL:
        for (size_t i = 0; i < n; i++)
            dst->v.b[at + i] = src->v.b[vec_slot(src, sel ? sel[i] : i)];
        break;
    case PH_I64:
    case PH_F64:
        append_words(dst, at, src, sel, n);
        break;
    case PH_STR:
        append_strings(dst, at, src, sel, n, deep);
        break;
    case PH_NUM:
        append_nums(dst, at, src, sel, n, deep);
        break;
    default:
        append_values(dst, at, src, sel, n, deep);
    }
}

/* With the NULLs; their bitmap comes from `a`. */
static void append_all(Vector *dst, size_t at, size_t cap, const Vector *src, const uint16_t *sel,
                       size_t n, Arena *deep, Arena *a)
{
    col_append(dst, at, cap, src, sel, n, deep);
    if (src->valid || dst->valid)
        append_nulls(dst, at, cap, src, sel, n, a);
}

void vec_gather(Vector *out, const Vector *src, const uint16_t *rows, size_t n, Arena *a)
{
    if (src->kind == VEC_CONST) {
        *out = *src;
        return;
    }
    vec_init_flat(out, src->type, n, a);
    append_all(out, 0, n, src, rows, n, NULL, a);
}

void vec_row_const(Vector *out, const Vector *src, size_t row, Arena *a)
{
    (void)a;
    size_t slot = vec_slot(src, row);
    *out = (Vector){.type = src->type, .phys = src->phys, .kind = VEC_CONST};
    out->v.any = (char *)src->v.any + slot * phys_size(src->phys);
    if (vec_is_null(src, row))
        out->valid = null_bit;
}

void vec_null_const(Vector *out, TypeId type)
{
    static int64_t zero[4];
    *out = (Vector){.type = type, .phys = type_phys(type), .kind = VEC_CONST, .valid = null_bit};
    out->v.any = zero;
}

Batch *batch_new(Arena *a, size_t col_count)
{
    Batch *b = ARENA_NEW(a, Batch);
    b->col_count = col_count;
    b->cols = ARENA_ARRAY(a, Vector, col_count + 1);
    return b;
}

void batch_own(Batch *b, Arena *a)
{
    size_t n = batch_count(b);
    Batch own = *batch_new(a, b->col_count);
    own.rows = n;
    for (size_t c = 0; c < b->col_count; c++) {
        vec_init_flat(&own.cols[c], b->cols[c].type, n, a);
        append_all(&own.cols[c], 0, n, &b->cols[c], b->sel, n, a, a);
    }
    *b = own;
}

void batch_cut(Batch *b, size_t skip, size_t n, Arena *a)
{
    size_t count = batch_count(b);
    if (skip > count)
        skip = count;
    if (n > count - skip)
        n = count - skip;
    if (skip == 0 && n == count)
        return;
    uint16_t *sel = arena_alloc(a, (n + 1) * sizeof *sel);
    for (size_t i = 0; i < n; i++)
        sel[i] = (uint16_t)batch_row(b, skip + i);
    b->sel = sel;
    b->sel_count = n;
}

/* ---- stored rows ---- */

void store_init(RowStore *s, const TypeId *types, size_t n, Budget *budget)
{
    *s = (RowStore){.col_count = n};
    arena_init(&s->arena, budget);
    s->types = mem_dup(types, n * sizeof *types);
}

void store_free(RowStore *s)
{
    mem_free(s->types);
    mem_free(s->batches);
    arena_free(&s->arena);
    *s = (RowStore){0};
}

void store_clear(RowStore *s)
{
    arena_reset(&s->arena);
    s->batch_count = s->rows = s->last_cap = 0;
}

static Batch *store_batch_new(RowStore *s, size_t cap)
{
    Batch *b = batch_new(&s->arena, s->col_count);
    for (size_t c = 0; c < s->col_count; c++)
        vec_init_flat(&b->cols[c], s->types[c], cap, &s->arena);
    s->last_cap = cap;
    return b;
}

/* Small stores stay small: the first batch grows by copying. */
static void store_widen(RowStore *s)
{
    Batch *old = s->batches[s->batch_count - 1];
    size_t cap = s->last_cap * 8 < BATCH_ROWS ? s->last_cap * 8 : BATCH_ROWS;
    Batch *b = store_batch_new(s, cap);
    for (size_t c = 0; c < s->col_count; c++)
        append_all(&b->cols[c], 0, cap, &old->cols[c], NULL, old->rows, NULL, &s->arena);
    b->rows = old->rows;
    s->batches[s->batch_count - 1] = b;
}

static Batch *store_room(RowStore *s)
{
    Batch *last = s->batch_count ? s->batches[s->batch_count - 1] : NULL;
    if (last && last->rows < s->last_cap)
        return last;
    if (last && s->last_cap < BATCH_ROWS) {
        store_widen(s);
        return s->batches[s->batch_count - 1];
    }
    if (s->batch_count == s->batch_cap) {
        s->batch_cap = s->batch_cap ? s->batch_cap * 2 : 8;
        s->batches = mem_realloc(s->batches, s->batch_cap * sizeof *s->batches);
    }
    Batch *b = store_batch_new(s, s->batch_count ? BATCH_ROWS : STORE_FIRST_ROWS);
    s->batches[s->batch_count++] = b;
    return b;
}

void store_add(RowStore *s, const Vector *cols, const uint16_t *sel, size_t n)
{
    for (size_t done = 0; done < n;) {
        Batch *b = store_room(s);
        size_t part = s->last_cap - b->rows < n - done ? s->last_cap - b->rows : n - done;
        /* Without a selection the rows from `done` on are named by the identity. */
        const uint16_t *rows = sel ? sel + done : done ? row_ident + done : NULL;
        for (size_t c = 0; c < s->col_count; c++)
            append_all(&b->cols[c], b->rows, s->last_cap, &cols[c], rows, part, &s->arena,
                       &s->arena);
        b->rows += part;
        s->rows += part;
        done += part;
    }
}

void store_add_batch(RowStore *s, const Batch *b)
{
    store_add(s, b->cols, b->sel, batch_count(b));
}

void store_add_row(RowStore *s, const Value *row)
{
    Batch *b = store_room(s);
    for (size_t c = 0; c < s->col_count; c++) {
        Value v = row[c].null ? value_null() : value_copy(&s->arena, &row[c]);
        vec_set(&b->cols[c], b->rows, &v, s->last_cap, &s->arena);
    }
    b->rows++;
    s->rows++;
}

size_t store_view(const RowStore *s, size_t row, Batch *out, Arena *a)
{
    if (row >= s->rows)
        return 0;
    Batch *b = s->batches[row / BATCH_ROWS];
    size_t first = row % BATCH_ROWS;
    *out = *b;
    if (first > 0)
        batch_cut(out, first, b->rows - first, a);
    return b->rows - first;
}

Value store_get(const RowStore *s, size_t col, size_t row)
{
    return vec_get(&s->batches[row / BATCH_ROWS]->cols[col], row % BATCH_ROWS);
}

void store_gather(const RowStore *s, size_t col, const uint32_t *ids, size_t n, Vector *out,
                  Arena *a)
{
    vec_init_flat(out, s->types[col], n, a);
    size_t size = phys_size(out->phys);
    char *dst = out->v.any;
    for (size_t i = 0; i < n; i++, dst += size) {
        const Vector *src = ids[i] == ROW_NONE ? NULL : &s->batches[ids[i] / BATCH_ROWS]->cols[col];
        size_t row = ids[i] % BATCH_ROWS;
        if (!src || vec_is_null(src, row)) {
            memset(dst, 0, size);
            set_null(out, i, n, a);
        } else if (size == 8) {
            memcpy(dst, src->v.i64 + row, 8);
        } else {
            memcpy(dst, (const char *)src->v.any + row * size, size);
        }
    }
}
