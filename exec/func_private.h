/* exec/func_private.h - what the func_*.c files share: loops over rows, rows of tables, errors.
 *
 * To add a function: write a kernel (columns) or a scalar (one row), add one row to the table at the
 * end of the file of its family.  A new family adds its table to func_table.c.
 * Threads: functions are pure but for the EvalCtx, which belongs to the calling task. */
#ifndef SKULK_EXEC_FUNC_PRIVATE_H
#define SKULK_EXEC_FUNC_PRIVATE_H

#include "exec/array.h"
#include "exec/datetime.h"
#include "exec/expr.h"
#include "exec/numeric.h"
#include "exec/resolve_private.h"
#include "exec/type_json.h"
#include "exec/type_private.h"

#define FUNC_SCALAR(fn)                                                                            \
    static bool fn(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
#define FUNC_UNUSED (void)ctx, (void)args, (void)n, (void)out, (void)e

/* Rows of a FuncDef table. */
#define FK(sig, fn, fl, txt)                                                                       \
    {                                                                                              \
        .signature = sig, .kernel = fn, .flags = fl, .text = txt                                   \
    }
#define FS(sig, fn, fl, txt)                                                                       \
    {                                                                                              \
        .signature = sig, .scalar = fn, .flags = fl, .text = txt                                   \
    }
#define FUNC_END                                                                                   \
    {                                                                                              \
        .signature = NULL                                                                          \
    }

enum { OP = FN_OPERATOR | FN_STRICT, STRICT = FN_STRICT };

/* Values of argument k as an array; *step is 0 for a constant.  Dictionaries are spread out. */
const void *func_arg(FnCall *c, size_t k, size_t *step);

#define FUNC_ROWS(c, row)                                                                          \
    for (size_t k_ = 0, row = 0; k_ < (c)->n && (row = (c)->sel ? (c)->sel[k_] : k_, true); k_++)

/* out[row] = expr over x and y of type T; the constant-right loop has no step in it. */
#define FUNC_BINARY(c, T, OUT, expr)                                                               \
    do {                                                                                           \
        size_t sx_, sy_, n_ = (c)->n;                                                              \
        const T *restrict px_ = func_arg(c, 0, &sx_);                                              \
        const T *restrict py_ = func_arg(c, 1, &sy_);                                              \
        OUT *restrict po_ = (c)->out->v.any;                                                       \
        const uint16_t *restrict sel_ = (c)->sel;                                                  \
        if (sel_) {                                                                                \
            for (size_t k_ = 0; k_ < n_; k_++) {                                                   \
                const T x = px_[sel_[k_] * sx_], y = py_[sel_[k_] * sy_];                          \
                po_[sel_[k_]] = (OUT)(expr);                                                       \
            }                                                                                      \
        } else if (sx_ && !sy_) {                                                                  \
            const T y = *py_;                                                                      \
            for (size_t k_ = 0; k_ < n_; k_++) {                                                   \
                const T x = px_[k_];                                                               \
                po_[k_] = (OUT)(expr);                                                             \
            }                                                                                      \
        } else if (sx_ && sy_) {                                                                   \
            for (size_t k_ = 0; k_ < n_; k_++) {                                                   \
                const T x = px_[k_], y = py_[k_];                                                  \
                po_[k_] = (OUT)(expr);                                                             \
            }                                                                                      \
        } else {                                                                                   \
            const T x = *px_;                                                                      \
            for (size_t k_ = 0; k_ < n_; k_++) {                                                   \
                const T y = py_[k_ * sy_];                                                         \
                po_[k_] = (OUT)(expr);                                                             \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#define FUNC_UNARY(c, T, OUT, expr)                                                                \
    do {                                                                                           \
        size_t sx_, n_ = (c)->n;                                                                   \
        const T *restrict px_ = func_arg(c, 0, &sx_);                                              \
        OUT *restrict po_ = (c)->out->v.any;                                                       \
        const uint16_t *restrict sel_ = (c)->sel;                                                  \
        if (sel_ || !sx_) {                                                                        \
            for (size_t k_ = 0; k_ < n_; k_++) {                                                   \
                size_t row_ = sel_ ? sel_[k_] : k_;                                                \
                const T x = px_[row_ * sx_];                                                       \
                po_[row_] = (OUT)(expr);                                                           \
            }                                                                                      \
        } else {                                                                                   \
            for (size_t k_ = 0; k_ < n_; k_++) {                                                   \
                const T x = px_[k_];                                                               \
                po_[k_] = (OUT)(expr);                                                             \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* 22003 integer out of range, by the type. */
bool func_int_range(TypeId type, Err *e);
bool func_fits(TypeId type, int64_t v);
static inline void func_null(Value *out)
{
    out->null = true;
}
/* Text in the scratch arena. */
Value func_text(EvalCtx *ctx, const Buf *text);
/* Makes a text value and frees the buffer. */
Value func_take(EvalCtx *ctx, Buf *text);

/* Tables: one a family. */
extern FuncDef func_arith[], func_compare[], func_cast[], func_math[], func_numeric[],
    func_text_table[], func_pattern[], func_format[], func_time[], func_bucket[],
    func_time_bucket[], func_to_char[], func_from_char[], func_to_number[], func_array[],
    func_json[], func_jsonb[], func_jsonpath[], func_json_record[], func_bytea[], func_misc[],
    func_timetz[], func_window[], func_state[], agg_basic[], agg_order[], agg_stat[], agg_list[],
    agg_time[], agg_ordered[], agg_sketch[], agg_chart[], agg_srf[], func_hash[], func_unicode[];

#endif
