/* exec/expr_private.h - what the files of the evaluator share: rows to compute, three-valued logic,
 * dictionaries.
 * Threads: as expr.h. */
#ifndef SKULK_EXEC_EXPR_PRIVATE_H
#define SKULK_EXEC_EXPR_PRIVATE_H

#include "exec/array.h"
#include "exec/resolve_private.h"

typedef struct Rows { /* rows to compute; sel = NULL: 0..n-1 */
    const uint16_t *sel;
    size_t n;
} Rows;

static inline size_t row_at(const Rows *r, size_t i)
{
    return r->sel ? r->sel[i] : i;
}

static inline Rows rows_of(const Batch *b)
{
    return (Rows){b->sel, batch_count(b)};
}

typedef enum Tri { TRI_FALSE, TRI_TRUE, TRI_NULL } Tri;

static inline Tri tri_at(const Vector *v, size_t row)
{
    return vec_is_null(v, row) ? TRI_NULL : v->v.b[vec_slot(v, row)] ? TRI_TRUE : TRI_FALSE;
}

void eval_put_tri(Vector *out, size_t row, Tri t, size_t rows, Arena *a);
void eval_set_null(Vector *out, TypeId type, Arena *a); /* a constant NULL */
bool eval_args(EvalCtx *ctx, const Expr *x, const Batch *b, Vector **out, bool *all_const,
               Err *e) MUST_CHECK;

/* Work over the entries of a dictionary instead of its rows: which argument is the one dictionary among
 * constants (-1: none), which entries the rows use, and the way back from entries to rows. */
int eval_only_dict(const Vector *args, size_t n, size_t rows);
Rows eval_used_entries(const Vector *dict, Rows r, Arena *a);
void eval_spread(Vector *out, const Vector *dict, Rows r, size_t rows, Arena *a);

/* expr_items.c */
bool eval_array(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e) MUST_CHECK;
bool eval_row(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e) MUST_CHECK;
bool eval_slice(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e) MUST_CHECK;
bool eval_subscript(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e) MUST_CHECK;
bool eval_in_list(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e) MUST_CHECK;
bool eval_any_array(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e) MUST_CHECK;

#endif
