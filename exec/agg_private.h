/* exec/agg_private.h - what the agg_*.c files share: exact sums, bytes of states, table rows.
 *
 * A state is plain memory that the operator clears and init() fills; what grows lies in AggCtx.arena.
 * Threads: as agg.h. */
#ifndef SKULK_EXEC_AGG_PRIVATE_H
#define SKULK_EXEC_AGG_PRIVATE_H

#include "exec/agg.h"
#include "exec/func_private.h"

#define AGG(sig, def, txt)                                                                         \
    {                                                                                              \
        .signature = sig, .flags = FN_AGG, .text = txt, .agg = &(def)                              \
    }

#define AGG_ROWS(sel, n, row)                                                                      \
    for (size_t k_ = 0, row = 0; k_ < (n) && (row = (sel) ? (sel)[k_] : k_, true); k_++)

/* Exact sum of numerics: 128 bits as long as they do, digits after that. */
typedef struct NumSum {
    __int128 coef; /* of the small part */
    int scale;     /* of coef and of the result */
    bool has_big;
    uint16_t big_scale;
    uint32_t big_len, big_room;
    char *big; /* digits of the overflowed part, in the arena, reused */
    int64_t count, nan, pinf, ninf;
} NumSum;

bool num_sum_add(NumSum *s, const Num *n, Arena *a, Err *e) MUST_CHECK;
bool num_sum_add_i64(NumSum *s, int64_t v, Arena *a, Err *e) MUST_CHECK;
bool num_sum_merge(NumSum *into, const NumSum *from, Arena *a, Err *e) MUST_CHECK;
bool num_sum_value(const NumSum *s, Arena *a, Num *out, Err *e) MUST_CHECK;
void num_sum_save(const NumSum *s, Buf *out);
bool num_sum_load(NumSum *s, Reader *r, Arena *a, Err *e) MUST_CHECK;

/* Neumaier's compensated sum. */
typedef struct FloatSum {
    double hi, lo;
} FloatSum;
static inline void float_sum_add(FloatSum *s, double v)
{
    double t = s->hi + v;
    double big = __builtin_fabs(s->hi) >= __builtin_fabs(v) ? s->hi : v;
    double small = __builtin_fabs(s->hi) >= __builtin_fabs(v) ? v : s->hi;
    s->lo += (big - t) + small;
    s->hi = t;
}
double float_sum_value(const FloatSum *s);

/* Values as bytes, for save and load. */
void value_save(const Value *v, Buf *out);
bool value_load(Value *v, Reader *r, Arena *a);
bool agg_bad_state(Err *e); /* XX001 */
/* The state as a bytea, in c->arena. */
bool agg_state_load(const AggDef *def, AggCtx *c, void *state, Slice bytes, Err *e) MUST_CHECK;
bool agg_state_value(const AggDef *def, AggCtx *c, const void *state, Value *out,
                     Err *e) MUST_CHECK;
/* States without pointers. */
#define AGG_PLAIN_SAVE(name, T)                                                                    \
    static void name##_save(AggCtx *c, const void *state, Buf *out)                                \
    {                                                                                              \
        (void)c;                                                                                   \
        buf_put(out, state, sizeof(T));                                                            \
    }                                                                                              \
    static bool name##_load(AggCtx *c, void *state, Slice bytes, Err *e)                           \
    {                                                                                              \
        (void)c;                                                                                   \
        if (bytes.len != sizeof(T))                                                                \
            return agg_bad_state(e);                                                               \
        memcpy(state, bytes.ptr, sizeof(T));                                                       \
        return true;                                                                               \
    }

/* A value kept over batches: text goes to a buffer that is reused. */
typedef struct Kept {
    bool set;
    Value v;
    char *room;
    size_t room_size;
} Kept;
void kept_set(Kept *k, const Value *v, Arena *a);
void kept_save(const Kept *k, Buf *out);
bool kept_load(Kept *k, Reader *r, Arena *a);

#endif
