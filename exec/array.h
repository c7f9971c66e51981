/* exec/array.h - arrays: building, text and binary form, element access.
 *
 * int2vector and oidvector are arrays whose lower bound is 0 and whose text has no braces.
 * Threads: pure functions over the caller's arena. */
#ifndef SKULK_EXEC_ARRAY_H
#define SKULK_EXEC_ARRAY_H

#include "exec/type.h"

enum { ARRAY_DIMS_MAX = 6, ARRAY_ITEMS_MAX = 1 << 24 };

/* One dimension, lower bound 1; items are borrowed.  count = 0 gives the empty array. */
Array *array_new(Arena *a, TypeId elem, const Value *items, size_t count);
Value value_array(const Array *arr);
/* An array of arrays of one shape; gathered: by array_agg(), which refuses empty ones in words of its own. */
bool array_nest(Arena *a, TypeId elem, const Value *items, size_t n, bool gathered, Value *out,
                Err *e) MUST_CHECK;
/* Position in items of a full set of subscripts; -1: outside. */
int64_t array_offset(const Array *arr, const int64_t *subscripts, size_t n);

/* a[l:u][...]: bounds of n dimensions, those beyond are whole; the result's bounds begin at 1. */
Array *array_slice(Arena *a, const Array *arr, const int64_t *lower, const int64_t *upper,
                   size_t n);

/* A record is an Array of type, name and value of each field, so that whatever keeps arrays keeps it. */
enum { RECORD_TYPE, RECORD_NAME, RECORD_VALUE, RECORD_ITEMS };
static inline size_t record_fields(const Array *r)
{
    return r->count / RECORD_ITEMS;
}
static inline const Value *record_item(const Array *r, size_t field, int which)
{
    return &r->items[field * RECORD_ITEMS + (size_t)which];
}

bool array_check_bounds(const Array *arr, Err *e) MUST_CHECK; /* 54000 */
bool array_in(const TypeEnv *env, TypeId elem, Slice text, int32_t typmod, Arena *a, Value *out,
              Err *e) MUST_CHECK;
void array_out(const TypeEnv *env, const Value *v, Buf *dst);
bool array_recv(const TypeEnv *env, TypeId elem, Slice bytes, int32_t typmod, Arena *a, Value *out,
                Err *e) MUST_CHECK;
void array_send(const TypeEnv *env, const Value *v, Buf *dst);
bool array_vector_in(const TypeEnv *env, TypeId elem, Slice text, Arena *a, Value *out,
                     Err *e) MUST_CHECK;
void array_vector_out(const TypeEnv *env, const Value *v, Buf *dst);

#endif
