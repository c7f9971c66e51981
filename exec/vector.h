/* exec/vector.h - columns and batches: what operators pass.
 *
 * A batch has at most BATCH_ROWS rows; columns are flat, constant or dictionary, with an optional
 * validity bitmap and one selection vector per batch.  What op_next hands out lives until the next
 * call on that operator.
 * Threads: a batch belongs to the task that made it. */
#ifndef SKULK_EXEC_VECTOR_H
#define SKULK_EXEC_VECTOR_H

#include "exec/type.h"

enum { BATCH_ROWS = 1024, BATCH_BYTES = 1 << 20 };

typedef enum VecKind { VEC_FLAT, VEC_CONST, VEC_DICT } VecKind;

typedef struct Vector {
    TypeId type;
    Phys phys;
    VecKind kind;
    union {
        uint8_t *b; /* PH_BOOL: 0 or 1 */
        int64_t *i64;
        double *f64;
        Slice *str;
        Interval *iv;
        Num *num;
        const Array **arr;
        void *any;
    } v;                 /* CONST: one value; DICT: the dictionary */
    uint64_t *valid;     /* NULL = no NULLs.  FLAT: a bit a row; CONST, DICT: a bit an entry of v */
    uint32_t *codes;     /* DICT: entry of each row */
    uint32_t dict_count; /* DICT */
} Vector;

typedef struct Batch {
    size_t rows; /* physical rows in the vectors */
    size_t col_count;
    Vector *cols;
    uint16_t *sel;    /* rows that count, ascending; NULL = all */
    size_t sel_count; /* valid if sel */
} Batch;

static inline size_t batch_count(const Batch *b)
{
    return b->sel ? b->sel_count : b->rows;
}
static inline size_t batch_row(const Batch *b, size_t i)
{
    return b->sel ? b->sel[i] : i;
}
static inline size_t vec_slot(const Vector *v, size_t row)
{
    return v->kind == VEC_FLAT ? row : v->kind == VEC_CONST ? 0 : v->codes[row];
}
static inline bool vec_is_null(const Vector *v, size_t row)
{
    if (!v->valid)
        return false;
    size_t s = vec_slot(v, row);
    return !(v->valid[s >> 6] >> (s & 63) & 1);
}

Phys type_phys(TypeId t);
size_t phys_size(Phys p);
/* A flat vector for n rows (memory from the arena, values not cleared, valid = NULL). */
void vec_init_flat(Vector *v, TypeId type, size_t n, Arena *a);
void vec_init_const(Vector *v, TypeId type, const Value *value, Arena *a);
void vec_set_null(Vector *v, size_t row, size_t n,
                  Arena *a);                /* makes the bitmap when there is none */
Value vec_get(const Vector *v, size_t row); /* borrows */
void vec_set(Vector *v, size_t row, const Value *value, size_t n,
             Arena *a);                                /* flat only; borrows strings */
void vec_flatten(Vector *v, const Batch *b, Arena *a); /* to FLAT over b->rows */
/* Deep copy of the selected rows, dense. */
void batch_copy(Batch *dst, const Batch *src, Arena *a);

#endif
