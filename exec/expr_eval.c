/* Evaluation: one function per node kind; each computes the selected rows of a batch only. */
#include "exec/array.h"
#include "exec/expr.h"
#include "exec/resolve_private.h"

/* ---- selections ---- */

typedef struct Rows { /* rows to compute; sel = NULL: 0..n-1 */
    const uint16_t *sel;
    size_t n;
} Rows;

static inline size_t row_at(const Rows *r, size_t i)
{
    return r->sel ? r->sel[i] : i;
}

static Rows rows_of(const Batch *b)
{
    return (Rows){b->sel, batch_count(b)};
}

/* The same batch, other rows. */
static Batch narrowed(const Batch *b, uint16_t *sel, size_t n)
{
    Batch r = *b;
    r.sel = sel;
    r.sel_count = n;
    return r;
}

static uint16_t *copy_rows(const Batch *b, Arena *a)
{
    size_t n = batch_count(b);
    uint16_t *sel = arena_alloc(a, (n + 1) * sizeof *sel);
    for (size_t i = 0; i < n; i++)
        sel[i] = (uint16_t)batch_row(b, i);
    return sel;
}

static void set_const_null(Vector *out, TypeId type, Arena *a)
{
    Value null = {.null = true, .phys = type_phys(type)};
    vec_init_const(out, type, &null, a);
}

static void set_const(EvalCtx *ctx, const Expr *x, const Value *v, Vector *out)
{
    vec_init_const(out, x->type, v, ctx->scratch);
}

/* Rows of a flat vector taken from another vector of the same form. */
static void copy_values(Vector *out, const Vector *from, Rows r, size_t rows, Arena *a)
{
    size_t width = phys_size(out->phys);
    char *dst = out->v.any;
    const char *src = from->v.any;
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        if (vec_is_null(from, row)) {
            vec_set_null(out, row, rows, a);
            continue;
        }
        memcpy(dst + row * width, src + vec_slot(from, row) * width, width);
    }
}

/* ---- calls ---- */

static bool run_scalar(FnCall *c, Err *e)
{
    const FuncDef *f = c->expr->func;
    Value *args = arena_alloc(c->ctx->scratch, (c->arg_count + 1) * sizeof *args);
    for (size_t i = 0; i < c->n; i++) {
        size_t row = c->sel ? c->sel[i] : i;
        Value v = {.phys = c->out->phys};
        for (size_t k = 0; k < c->arg_count; k++)
            args[k] = vec_get(&c->args[k], row);
        if (!f->scalar(c->ctx, args, c->arg_count, &v, e))
            return false;
        vec_set(c->out, row, &v, c->rows, c->ctx->scratch);
    }
    return true;
}

static bool run_function(FnCall *c, Err *e)
{
    const FuncDef *f = c->expr->func;
    if (c->n == 0)
        return true;
    if (f->kernel)
        return f->kernel(c, e);
    if (f->scalar)
        return run_scalar(c, e);
    return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "function %s cannot be used here", f->name);
}

/* Strict functions: rows with a NULL argument become NULL and leave the selection. */
static Rows without_nulls(const Vector *args, size_t n, Rows r, size_t rows, Vector *out, Arena *a)
{
    bool any = false;
    for (size_t k = 0; k < n; k++)
        any = any || args[k].valid;
    if (!any)
        return r;
    uint16_t *sel = arena_alloc(a, (r.n + 1) * sizeof *sel);
    size_t kept = 0;
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        bool null = false;
        for (size_t k = 0; k < n && !null; k++)
            null = vec_is_null(&args[k], row);
        if (null)
            vec_set_null(out, row, rows, a);
        else
            sel[kept++] = (uint16_t)row;
    }
    return (Rows){sel, kept};
}

static bool call_rows(EvalCtx *ctx, const Expr *x, const Vector *args, size_t n, Rows r, size_t rows,
                      Vector *out, Err *e)
{
    vec_init_flat(out, x->type, rows, ctx->scratch);
    if (x->func->flags & FN_STRICT)
        r = without_nulls(args, n, r, rows, out, ctx->scratch);
    FnCall c = {.ctx = ctx, .expr = x, .args = args, .arg_count = n, .sel = r.sel, .n = r.n,
                .rows = rows, .out = out};
    return run_function(&c, e);
}

/* All arguments constant: one row, handed out as a constant. */
static bool call_once(EvalCtx *ctx, const Expr *x, const Vector *args, size_t n, Vector *out, Err *e)
{
    if (!call_rows(ctx, x, args, n, (Rows){NULL, 1}, 1, out, e))
        return false;
    out->kind = VEC_CONST;
    return true;
}

/* The entries of a dictionary that the rows use, ascending. */
static Rows used_entries(const Vector *dict, Rows r, Arena *a)
{
    uint8_t *used = arena_zero(a, dict->dict_count + 1);
    uint16_t *sel = arena_alloc(a, (dict->dict_count + 1) * sizeof *sel);
    size_t n = 0;
    for (size_t i = 0; i < r.n; i++)
        used[dict->codes[row_at(&r, i)]] = 1;
    for (size_t i = 0; i < dict->dict_count; i++)
        if (used[i])
            sel[n++] = (uint16_t)i;
    return (Rows){sel, n};
}

/* Makes a result over dictionary entries a result over rows. */
static void spread(Vector *out, const Vector *dict, Rows r, size_t rows, Arena *a)
{
    if (out->kind != VEC_FLAT)
        return;
    if (out->phys != PH_BOOL) {
        out->kind = VEC_DICT;
        out->codes = dict->codes;
        out->dict_count = dict->dict_count;
        return;
    }
    Vector entries = *out;
    entries.kind = VEC_DICT;
    entries.codes = dict->codes;
    vec_init_flat(out, out->type, rows, a);
    copy_values(out, &entries, r, rows, a);
}

/* Index of the one dictionary argument when all others are constants; -1: no. */
static int only_dict(const Vector *args, size_t n, size_t rows)
{
    int at = -1;
    for (size_t i = 0; i < n; i++) {
        if (args[i].kind == VEC_CONST)
            continue;
        if (args[i].kind != VEC_DICT || at >= 0)
            return -1;
        at = (int)i;
    }
    if (at >= 0 && (args[at].dict_count > rows || args[at].dict_count > BATCH_ROWS))
        return -1;
    return at;
}

static bool call_over_dict(EvalCtx *ctx, const Expr *x, Vector *args, size_t n, int at, Rows r,
                           size_t rows, Vector *out, Err *e)
{
    Vector dict = args[at];
    args[at].kind = VEC_FLAT;
    Rows entries = used_entries(&dict, r, ctx->scratch);
    if (!call_rows(ctx, x, args, n, entries, dict.dict_count, out, e))
        return false;
    spread(out, &dict, r, rows, ctx->scratch);
    return true;
}

static bool eval_args(EvalCtx *ctx, const Expr *x, const Batch *b, Vector **out, bool *all_const,
                      Err *e)
{
    Vector *args = arena_alloc(ctx->scratch, (x->arg_count + 1) * sizeof *args);
    *all_const = true;
    for (size_t i = 0; i < x->arg_count; i++) {
        if (!expr_eval(ctx, x->args[i], b, &args[i], e))
            return false;
        *all_const = *all_const && args[i].kind == VEC_CONST;
    }
    *out = args;
    return true;
}

static bool eval_call(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    Rows r = rows_of(b);
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    if (!(x->func->flags & FN_VOLATILE)) {
        if (all_const)
            return call_once(ctx, x, args, x->arg_count, out, e);
        int at = only_dict(args, x->arg_count, r.n);
        if (at >= 0)
            return call_over_dict(ctx, x, args, x->arg_count, at, r, b->rows, out, e);
    }
    return call_rows(ctx, x, args, x->arg_count, r, b->rows, out, e);
}

bool func_call(EvalCtx *ctx, const FuncDef *f, TypeId result, const TypeId *types, const Value *args,
               size_t n, Value *out, Err *e)
{
    Expr x = {.kind = EXPR_CALL, .type = result, .typmod = -1, .func = f, .arg_count = n};
    Vector *vectors = arena_alloc(ctx->scratch, (n + 1) * sizeof *vectors), v;
    for (size_t i = 0; i < n; i++)
        vec_init_const(&vectors[i], types[i], &args[i], ctx->scratch);
    if (!call_once(ctx, &x, vectors, n, &v, e))
        return false;
    *out = vec_get(&v, 0);
    return true;
}

/* ---- AND, OR, NOT, tests ---- */

typedef enum Tri { TRI_FALSE, TRI_TRUE, TRI_NULL } Tri;

static inline Tri tri_at(const Vector *v, size_t row)
{
    return vec_is_null(v, row) ? TRI_NULL : v->v.b[vec_slot(v, row)] ? TRI_TRUE : TRI_FALSE;
}

static void put_tri(Vector *out, size_t row, Tri t, size_t rows, Arena *a)
{
    out->v.b[row] = t == TRI_TRUE;
    if (t == TRI_NULL)
        vec_set_null(out, row, rows, a);
}

/* A row leaves as soon as it is decided, so later arguments never see it. */
static bool eval_logic(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Tri neutral = x->kind == EXPR_AND ? TRI_TRUE : TRI_FALSE;
    Tri decided = x->kind == EXPR_AND ? TRI_FALSE : TRI_TRUE;
    uint16_t *open = copy_rows(b, ctx->scratch);
    size_t n = batch_count(b);
    uint8_t *state = arena_alloc(ctx->scratch, b->rows + 1);
    memset(state, neutral, b->rows);
    for (size_t k = 0; k < x->arg_count && n > 0; k++) {
        Batch view = narrowed(b, open, n);
        Vector v;
        if (!expr_eval(ctx, x->args[k], &view, &v, e))
            return false;
        size_t left = 0;
        for (size_t i = 0; i < n; i++) {
            size_t row = open[i];
            Tri t = tri_at(&v, row);
            if (t != neutral)
                state[row] = (uint8_t)t;
            if (t != decided)
                open[left++] = (uint16_t)row;
        }
        n = left;
    }
    vec_init_flat(out, T_BOOL, b->rows, ctx->scratch);
    Rows r = rows_of(b);
    for (size_t i = 0; i < r.n; i++)
        put_tri(out, row_at(&r, i), (Tri)state[row_at(&r, i)], b->rows, ctx->scratch);
    return true;
}

static Tri test_tri(ExprKind kind, Tri t)
{
    switch (kind) {
    case EXPR_NOT:
        return t == TRI_NULL ? TRI_NULL : t == TRI_TRUE ? TRI_FALSE : TRI_TRUE;
    case EXPR_IS_TRUE:
        return t == TRI_TRUE ? TRI_TRUE : TRI_FALSE;
    case EXPR_IS_FALSE:
        return t == TRI_FALSE ? TRI_TRUE : TRI_FALSE;
    default: /* EXPR_IS_UNKNOWN */
        return t == TRI_NULL ? TRI_TRUE : TRI_FALSE;
    }
}

/* NOT, IS [NOT] TRUE/FALSE/UNKNOWN. */
static bool eval_test(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector v;
    if (!expr_eval(ctx, x->args[0], b, &v, e))
        return false;
    Rows r = rows_of(b);
    vec_init_flat(out, T_BOOL, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Tri t = test_tri(x->kind, tri_at(&v, row));
        if (x->negated && x->kind != EXPR_NOT)
            t = t == TRI_TRUE ? TRI_FALSE : TRI_TRUE;
        put_tri(out, row, t, b->rows, ctx->scratch);
    }
    return true;
}

static bool eval_is_null(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector v;
    bool want = x->kind == EXPR_IS_NULL;
    if (!expr_eval(ctx, x->args[0], b, &v, e))
        return false;
    if (!v.valid || v.kind == VEC_CONST) {
        Value known = value_bool((v.valid && !(v.valid[0] & 1)) == want);
        set_const(ctx, x, &known, out);
        return true;
    }
    Rows r = rows_of(b);
    vec_init_flat(out, T_BOOL, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++)
        out->v.b[row_at(&r, i)] = vec_is_null(&v, row_at(&r, i)) == want;
    return true;
}

/* ---- comparing two values ---- */

/* Equality by the operator the analyzer found, or by the order of the type. */
static bool values_equal(EvalCtx *ctx, const Expr *x, const Value *p, const Value *q, bool *equal,
                         Err *e)
{
    if (!x->func) {
        *equal = type_find(x->args[0]->type)->cmp(p, q) == 0;
        return true;
    }
    TypeId types[2] = {x->args[0]->type, x->args[1]->type};
    Value args[2] = {*p, *q}, v;
    if (!func_call(ctx, x->func, T_BOOL, types, args, 2, &v, e))
        return false;
    *equal = !v.null && v.u.b;
    return true;
}

static bool eval_distinct(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    Rows r = rows_of(b);
    vec_init_flat(out, T_BOOL, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value p = vec_get(&args[0], row), q = vec_get(&args[1], row);
        bool equal = p.null && q.null;
        if (!p.null && !q.null && !values_equal(ctx, x, &p, &q, &equal, e))
            return false;
        out->v.b[row] = equal == x->negated;
    }
    return true;
}

static bool eval_nullif(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    Rows r = rows_of(b);
    vec_init_flat(out, x->type, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value p = vec_get(&args[0], row), q = vec_get(&args[1], row);
        bool equal = false;
        if (!p.null && !q.null && !values_equal(ctx, x, &p, &q, &equal, e))
            return false;
        if (equal)
            p.null = true;
        vec_set(out, row, &p, b->rows, ctx->scratch);
    }
    return true;
}

/* GREATEST, LEAST: NULLs do not count. */
static bool eval_extreme(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    const TypeDef *def = type_find(x->type);
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    Rows r = rows_of(b);
    vec_init_flat(out, x->type, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value best = {.null = true, .phys = def->phys};
        for (size_t k = 0; k < x->arg_count; k++) {
            Value v = vec_get(&args[k], row);
            if (v.null)
                continue;
            int c = best.null ? 0 : def->cmp(&v, &best);
            if (best.null || (x->kind == EXPR_GREATEST ? c > 0 : c < 0))
                best = v;
        }
        vec_set(out, row, &best, b->rows, ctx->scratch);
    }
    return true;
}

/* ---- CASE, COALESCE ---- */

static bool eval_case(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    uint16_t *open = copy_rows(b, ctx->scratch);
    uint16_t *hit = arena_alloc(ctx->scratch, (batch_count(b) + 1) * sizeof *hit);
    size_t n = batch_count(b), k = 0;
    vec_init_flat(out, x->type, b->rows, ctx->scratch);
    for (; k + 1 < x->arg_count && n > 0; k += 2) {
        Batch view = narrowed(b, open, n);
        Vector when, then;
        if (!expr_eval(ctx, x->args[k], &view, &when, e))
            return false;
        size_t hits = 0, left = 0;
        for (size_t i = 0; i < n; i++) {
            if (tri_at(&when, open[i]) == TRI_TRUE)
                hit[hits++] = open[i];
            else
                open[left++] = open[i];
        }
        n = left;
        if (hits == 0)
            continue;
        Batch taken = narrowed(b, hit, hits);
        if (!expr_eval(ctx, x->args[k + 1], &taken, &then, e))
            return false;
        copy_values(out, &then, rows_of(&taken), b->rows, ctx->scratch);
    }
    if (n == 0)
        return true;
    Batch rest = narrowed(b, open, n);
    Vector otherwise;
    if (x->arg_count % 2 == 0)
        set_const_null(&otherwise, x->type, ctx->scratch);
    else if (!expr_eval(ctx, x->args[x->arg_count - 1], &rest, &otherwise, e))
        return false;
    copy_values(out, &otherwise, rows_of(&rest), b->rows, ctx->scratch);
    return true;
}

static bool eval_coalesce(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    uint16_t *open = copy_rows(b, ctx->scratch);
    size_t n = batch_count(b);
    vec_init_flat(out, x->type, b->rows, ctx->scratch);
    for (size_t k = 0; k < x->arg_count && n > 0; k++) {
        Batch view = narrowed(b, open, n);
        Vector v;
        if (!expr_eval(ctx, x->args[k], &view, &v, e))
            return false;
        if (k == 0 && !v.valid) {
            *out = v;
            out->type = x->type;
            return true;
        }
        size_t left = 0, width = phys_size(out->phys);
        for (size_t i = 0; i < n; i++) {
            size_t row = open[i];
            if (vec_is_null(&v, row)) {
                open[left++] = (uint16_t)row;
                continue;
            }
            memcpy((char *)out->v.any + row * width,
                   (const char *)v.v.any + vec_slot(&v, row) * width, width);
        }
        n = left;
    }
    for (size_t i = 0; i < n; i++)
        vec_set_null(out, open[i], b->rows, ctx->scratch);
    return true;
}

/* ---- arrays ---- */

/* ARRAY[[1,2],[3,4]]: items that are arrays become one more dimension. */
static bool nest(EvalCtx *ctx, TypeId elem, const Value *items, size_t n, Value *out, Err *e)
{
    Array *arr = array_new(ctx->scratch, elem, NULL, 0);
    const Array *first = NULL;
    for (size_t i = 0; i < n; i++) {
        if (items[i].null)
            return err_set(e, ERR_ARRAY_SUBSCRIPT, "multidimensional arrays must have array "
                                                   "expressions with matching dimensions");
        const Array *a = items[i].u.arr;
        if (!first)
            first = a;
        bool same = a->ndim == first->ndim;
        for (int d = 0; same && d < a->ndim; d++)
            same = a->dims[d] == first->dims[d] && a->lower[d] == first->lower[d];
        if (!same)
            return err_set(e, ERR_ARRAY_SUBSCRIPT, "multidimensional arrays must have array "
                                                   "expressions with matching dimensions");
        arr->count += a->count;
    }
    *out = value_array(arr);
    if (!first || first->ndim == 0) {
        arr->count = 0;
        return true;
    }
    if (first->ndim == ARRAY_DIMS_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT,
                       "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                       ARRAY_DIMS_MAX + 1, ARRAY_DIMS_MAX);
    Value *all = arena_alloc(ctx->scratch, (arr->count + 1) * sizeof *all);
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < items[i].u.arr->count; k++)
            all[at++] = items[i].u.arr->items[k];
    arr->ndim = first->ndim + 1;
    arr->dims[0] = (int32_t)n;
    arr->lower[0] = 1;
    for (int d = 0; d < first->ndim; d++) {
        arr->dims[d + 1] = first->dims[d];
        arr->lower[d + 1] = first->lower[d];
    }
    arr->items = all;
    return true;
}

static bool eval_array(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    TypeId elem = type_elem_of(x->type);
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    bool nested = x->arg_count > 0 && x->args[0]->type == x->type;
    Rows r = rows_of(b);
    size_t rows = b->rows;
    if (all_const) {
        r = (Rows){NULL, 1};
        rows = 1;
    }
    vec_init_flat(out, x->type, rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value *items = arena_alloc(ctx->scratch, (x->arg_count + 1) * sizeof *items), v;
        for (size_t k = 0; k < x->arg_count; k++)
            items[k] = vec_get(&args[k], row);
        if (!nested)
            v = value_array(array_new(ctx->scratch, elem, items, x->arg_count));
        else if (!nest(ctx, elem, items, x->arg_count, &v, e))
            return false;
        vec_set(out, row, &v, rows, ctx->scratch);
    }
    if (all_const)
        out->kind = VEC_CONST;
    return true;
}

static bool eval_subscript(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    Rows r = rows_of(b);
    vec_init_flat(out, x->type, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value arr = vec_get(&args[0], row), v = {.null = true};
        int64_t at[ARRAY_DIMS_MAX];
        bool known = !arr.null && x->arg_count - 1 <= ARRAY_DIMS_MAX;
        for (size_t k = 1; k < x->arg_count && known; k++) {
            Value s = vec_get(&args[k], row);
            known = !s.null;
            at[k - 1] = s.u.i64;
        }
        int64_t offset = known ? array_offset(arr.u.arr, at, x->arg_count - 1) : -1;
        if (offset >= 0)
            v = arr.u.arr->items[offset];
        vec_set(out, row, &v, b->rows, ctx->scratch);
    }
    return true;
}

/* ---- IN, ANY, ALL ---- */

/* One row's answer of left op item; the plain equality of a type needs no call. */
typedef struct ItemTest {
    EvalCtx *ctx;
    const FuncDef *func;
    TypeId types[2];
    int (*cmp)(const Value *, const Value *); /* NULL: call func */
    bool negate;                              /* <> */
} ItemTest;

static ItemTest item_test(EvalCtx *ctx, const Expr *x, TypeId left, TypeId item)
{
    ItemTest t = {.ctx = ctx, .func = x->func, .types = {left, item}};
    if (!x->func) {
        t.cmp = type_find(left)->cmp;
        return t;
    }
    const TypeDef *p = type_find(x->func->args[0]), *q = type_find(x->func->args[1]);
    bool eq = strcmp(x->func->name, "=") == 0, ne = strcmp(x->func->name, "<>") == 0;
    if ((eq || ne) && p && q && p->cmp == q->cmp && p->typtype == 'b') {
        t.cmp = p->cmp;
        t.negate = ne;
    }
    return t;
}

static bool test_item(ItemTest *t, const Value *left, const Value *item, Tri *out, Err *e)
{
    if (left->null || item->null) {
        *out = TRI_NULL;
        return true;
    }
    if (t->cmp) {
        *out = (t->cmp(left, item) == 0) != t->negate ? TRI_TRUE : TRI_FALSE;
        return true;
    }
    Value args[2] = {*left, *item}, v;
    ArenaMark mark = arena_mark(t->ctx->scratch);
    bool ok = func_call(t->ctx, t->func, T_BOOL, t->types, args, 2, &v, e);
    *out = !ok || v.null ? TRI_NULL : v.u.b ? TRI_TRUE : TRI_FALSE;
    arena_rewind(t->ctx->scratch, mark);
    return ok;
}

/* Over items: `decided` ends the search, else NULL if one was NULL, else its opposite. */
static bool fold_items(ItemTest *t, const Value *left, const Value *items, size_t n, bool any, Tri *out,
                       Err *e)
{
    Tri decided = any ? TRI_TRUE : TRI_FALSE;
    *out = any ? TRI_FALSE : TRI_TRUE;
    for (size_t i = 0; i < n; i++) {
        Tri one;
        if (!test_item(t, left, &items[i], &one, e))
            return false;
        if (one == decided) {
            *out = decided;
            return true;
        }
        if (one == TRI_NULL)
            *out = TRI_NULL;
    }
    return true;
}

/* A set of constant items, for equality with many of them. */
typedef struct ItemSet {
    const TypeDef *def;
    const Value *items;
    uint32_t *slots; /* index + 1 */
    size_t mask;
    bool has_null;
} ItemSet;

enum { ITEM_SET_MIN = 9 };

static void set_build(ItemSet *s, const TypeDef *def, const Value *items, size_t n, Arena *a)
{
    size_t size = 16;
    while (size < n * 2)
        size *= 2;
    *s = (ItemSet){.def = def, .items = items, .mask = size - 1};
    s->slots = arena_zero(a, size * sizeof *s->slots);
    for (size_t i = 0; i < n; i++) {
        if (items[i].null) {
            s->has_null = true;
            continue;
        }
        size_t at = def->hash(&items[i]) & s->mask;
        while (s->slots[at])
            at = (at + 1) & s->mask;
        s->slots[at] = (uint32_t)i + 1;
    }
}

static Tri set_test(const ItemSet *s, const Value *left)
{
    if (left->null)
        return TRI_NULL;
    for (size_t at = s->def->hash(left) & s->mask; s->slots[at]; at = (at + 1) & s->mask)
        if (s->def->cmp(left, &s->items[s->slots[at] - 1]) == 0)
            return TRI_TRUE;
    return s->has_null ? TRI_NULL : TRI_FALSE;
}

typedef struct ItemScan {
    ItemTest test;
    ItemSet set;
    bool use_set, any, negated;
    const Value *items; /* constant items; NULL: per row */
    size_t count;
} ItemScan;

static void plan_items(EvalCtx *ctx, ItemScan *s, size_t rows)
{
    if (!s->items || s->test.negate || !s->test.cmp || !s->any || s->count < ITEM_SET_MIN ||
        rows < 4)
        return;
    const TypeDef *def = type_find(s->test.func ? s->test.func->args[0] : s->test.types[0]);
    set_build(&s->set, def, s->items, s->count, ctx->scratch);
    s->use_set = true;
}

static bool scan_row(ItemScan *s, const Value *left, const Value *items, size_t n, Tri *out, Err *e)
{
    if (s->use_set)
        *out = set_test(&s->set, left);
    else if (!fold_items(&s->test, left, items, n, s->any, out, e))
        return false;
    if (s->negated && *out != TRI_NULL)
        *out = *out == TRI_TRUE ? TRI_FALSE : TRI_TRUE;
    return true;
}

/* Constant items against a left side that may be a dictionary. */
static bool scan_const_items(EvalCtx *ctx, ItemScan *s, const Vector *left, const Batch *b, Vector *out,
                             Err *e)
{
    Rows r = rows_of(b);
    Vector lhs = *left;
    size_t rows = b->rows;
    bool constant = left->kind == VEC_CONST;
    bool dict = left->kind == VEC_DICT && only_dict(left, 1, r.n) == 0;
    Rows todo = constant ? (Rows){NULL, 1} : dict ? used_entries(left, r, ctx->scratch) : r;
    if (constant)
        rows = 1;
    if (dict) {
        rows = left->dict_count;
        lhs.kind = VEC_FLAT;
    }
    plan_items(ctx, s, todo.n);
    vec_init_flat(out, T_BOOL, rows, ctx->scratch);
    for (size_t i = 0; i < todo.n; i++) {
        size_t row = row_at(&todo, i);
        Value v = vec_get(&lhs, row);
        Tri t;
        if (!scan_row(s, &v, s->items, s->count, &t, e))
            return false;
        put_tri(out, row, t, rows, ctx->scratch);
    }
    if (constant)
        out->kind = VEC_CONST;
    else if (dict)
        spread(out, left, r, b->rows, ctx->scratch);
    return true;
}

static bool eval_in_list(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    size_t n = x->arg_count - 1;
    Value *items = arena_alloc(ctx->scratch, (n + 1) * sizeof *items);
    ItemScan s = {.any = true, .negated = x->negated, .count = n,
                  .test = item_test(ctx, x, args[0].type, n ? args[1].type : args[0].type)};
    bool const_items = true;
    for (size_t k = 0; k < n; k++)
        const_items = const_items && args[k + 1].kind == VEC_CONST;
    if (const_items) {
        for (size_t k = 0; k < n; k++)
            items[k] = vec_get(&args[k + 1], 0);
        s.items = items;
        return scan_const_items(ctx, &s, &args[0], b, out, e);
    }
    Rows r = rows_of(b);
    vec_init_flat(out, T_BOOL, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value left = vec_get(&args[0], row);
        Tri t;
        for (size_t k = 0; k < n; k++)
            items[k] = vec_get(&args[k + 1], row);
        if (!scan_row(&s, &left, items, n, &t, e))
            return false;
        put_tri(out, row, t, b->rows, ctx->scratch);
    }
    return true;
}

static bool eval_any_array(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    ItemScan s = {.any = x->kind == EXPR_ANY_ARRAY, .negated = x->negated,
                  .test = item_test(ctx, x, args[0].type, type_elem_of(args[1].type))};
    if (args[1].kind == VEC_CONST) {
        Value arr = vec_get(&args[1], 0);
        if (arr.null) {
            set_const_null(out, T_BOOL, ctx->scratch);
            return true;
        }
        s.items = arr.u.arr->items;
        s.count = arr.u.arr->count;
        return scan_const_items(ctx, &s, &args[0], b, out, e);
    }
    Rows r = rows_of(b);
    vec_init_flat(out, T_BOOL, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value left = vec_get(&args[0], row), arr = vec_get(&args[1], row);
        Tri t = TRI_NULL;
        if (!arr.null && !scan_row(&s, &left, arr.u.arr->items, arr.u.arr->count, &t, e))
            return false;
        put_tri(out, row, t, b->rows, ctx->scratch);
    }
    return true;
}

/* ---- casts by text, parameters ---- */

static bool io_cast_rows(EvalCtx *ctx, const Expr *x, const Vector *v, Rows r, size_t rows, Vector *out,
                         Err *e)
{
    vec_init_flat(out, x->type, rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value in = vec_get(v, row), result;
        if (!expr_io_cast_value(ctx, x->args[0]->type, x->type, x->typmod, &in, &result, e))
            return false;
        vec_set(out, row, &result, rows, ctx->scratch);
    }
    return true;
}

static bool eval_io_cast(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector v;
    if (!expr_eval(ctx, x->args[0], b, &v, e))
        return false;
    Rows r = rows_of(b);
    if (v.kind == VEC_CONST) {
        if (!io_cast_rows(ctx, x, &v, (Rows){NULL, 1}, 1, out, e))
            return false;
        out->kind = VEC_CONST;
        return true;
    }
    if (only_dict(&v, 1, r.n) == 0) {
        Vector entries = v;
        entries.kind = VEC_FLAT;
        if (!io_cast_rows(ctx, x, &entries, used_entries(&v, r, ctx->scratch), v.dict_count, out, e))
            return false;
        spread(out, &v, r, b->rows, ctx->scratch);
        return true;
    }
    return io_cast_rows(ctx, x, &v, r, b->rows, out, e);
}

static bool eval_param(EvalCtx *ctx, const Expr *x, Vector *out, Err *e)
{
    if (x->kind == EXPR_EXEC_PARAM) {
        set_const(ctx, x, &ctx->exec_params[x->index], out);
        return true;
    }
    if (x->index >= ctx->param_count)
        return err_set(e, ERR_UNDEFINED_PARAMETER, "there is no parameter $%u", x->index + 1);
    set_const(ctx, x, &ctx->params[x->index], out);
    return true;
}

bool expr_eval(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    if (batch_count(b) == 0 && x->kind != EXPR_COLUMN) {
        set_const_null(out, x->type, ctx->scratch); /* nobody looks, nothing may fail */
        return true;
    }
    switch (x->kind) {
    case EXPR_CONST:
        set_const(ctx, x, &x->value, out);
        return true;
    case EXPR_COLUMN:
        *out = b->cols[x->index];
        return true;
    case EXPR_PARAM:
    case EXPR_EXEC_PARAM:
        return eval_param(ctx, x, out, e);
    case EXPR_CALL:
        return eval_call(ctx, x, b, out, e);
    case EXPR_AND:
    case EXPR_OR:
        return eval_logic(ctx, x, b, out, e);
    case EXPR_NOT:
    case EXPR_IS_TRUE:
    case EXPR_IS_FALSE:
    case EXPR_IS_UNKNOWN:
        return eval_test(ctx, x, b, out, e);
    case EXPR_IS_NULL:
    case EXPR_IS_NOT_NULL:
        return eval_is_null(ctx, x, b, out, e);
    case EXPR_IS_DISTINCT:
        return eval_distinct(ctx, x, b, out, e);
    case EXPR_CASE:
        return eval_case(ctx, x, b, out, e);
    case EXPR_COALESCE:
        return eval_coalesce(ctx, x, b, out, e);
    case EXPR_GREATEST:
    case EXPR_LEAST:
        return eval_extreme(ctx, x, b, out, e);
    case EXPR_NULLIF:
        return eval_nullif(ctx, x, b, out, e);
    case EXPR_ARRAY:
        return eval_array(ctx, x, b, out, e);
    case EXPR_ANY_ARRAY:
    case EXPR_ALL_ARRAY:
        return eval_any_array(ctx, x, b, out, e);
    case EXPR_IN_LIST:
        return eval_in_list(ctx, x, b, out, e);
    case EXPR_SUBSCRIPT:
        return eval_subscript(ctx, x, b, out, e);
    case EXPR_IO_CAST:
        return eval_io_cast(ctx, x, b, out, e);
    case EXPR_RELABEL:
        if (!expr_eval(ctx, x->args[0], b, out, e))
            return false;
        out->type = x->type;
        return true;
    }
    return err_set(e, ERR_INTERNAL, "unknown expression kind %d", (int)x->kind);
}

bool expr_value(EvalCtx *ctx, const Expr *x, Value *out, Err *e)
{
    Batch one = {.rows = 1};
    Vector v;
    if (!expr_eval(ctx, x, &one, &v, e))
        return false;
    *out = vec_get(&v, 0);
    return true;
}

bool expr_filter(EvalCtx *ctx, const Expr *x, Batch *b, Err *e)
{
    Vector v;
    if (x->kind == EXPR_AND) {
        for (size_t i = 0; i < x->arg_count && batch_count(b) > 0; i++)
            if (!expr_filter(ctx, x->args[i], b, e))
                return false;
        return true;
    }
    if (!expr_eval(ctx, x, b, &v, e))
        return false;
    size_t n = batch_count(b), kept = 0;
    if (v.kind == VEC_CONST) {
        if (n > 0 && tri_at(&v, 0) == TRI_TRUE)
            return true;
        b->sel = b->sel ? b->sel : arena_alloc(ctx->scratch, sizeof *b->sel);
        b->sel_count = 0;
        return true;
    }
    uint16_t *sel = arena_alloc(ctx->scratch, (n + 1) * sizeof *sel);
    if (v.kind == VEC_FLAT && !v.valid && !b->sel) {
        for (size_t i = 0; i < n; i++) {
            sel[kept] = (uint16_t)i;
            kept += v.v.b[i];
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            size_t row = batch_row(b, i);
            sel[kept] = (uint16_t)row;
            kept += tri_at(&v, row) == TRI_TRUE;
        }
    }
    if (kept == n && !b->sel)
        return true;
    b->sel = sel;
    b->sel_count = kept;
    return true;
}
