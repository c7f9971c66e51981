/* ARRAY[], subscripts, IN (...), ANY and ALL over arrays. */
#include "exec/expr_private.h"

/* ---- arrays ---- */

bool eval_array(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
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
        else if (!array_nest(ctx->scratch, elem, items, x->arg_count, false, &v, e))
            return false;
        vec_set(out, row, &v, rows, ctx->scratch);
    }
    if (all_const)
        out->kind = VEC_CONST;
    return true;
}

/* ---- rows ---- */

static Value field_name(EvalCtx *ctx, const Expr *x, size_t field)
{
    if (x->value.phys == PH_ARRAY && x->value.u.arr)
        return x->value.u.arr->items[field];
    return value_str(arena_printf(ctx->scratch, "f%zu", field + 1));
}

bool eval_row(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    Rows r = rows_of(b);
    Value *heads = arena_alloc(ctx->scratch, (x->arg_count + 1) * 2 * sizeof *heads);
    for (size_t k = 0; k < x->arg_count; k++) {
        heads[k * 2] = value_i64(x->args[k]->type);
        heads[k * 2 + 1] = field_name(ctx, x, k);
    }
    vec_init_flat(out, x->type, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i), count = x->arg_count * RECORD_ITEMS;
        Value *items = arena_alloc(ctx->scratch, (count + 1) * sizeof *items);
        bool all_null = true;
        for (size_t k = 0; k < x->arg_count; k++) {
            Value *field = items + k * RECORD_ITEMS;
            field[RECORD_TYPE] = heads[k * 2];
            field[RECORD_NAME] = heads[k * 2 + 1];
            field[RECORD_VALUE] = vec_get(&args[k], row);
            all_null &= field[RECORD_VALUE].null;
        }
        Value v = x->index == ROW_WHOLE_NULLABLE && all_null
                      ? value_null()
                      : value_array(array_new(ctx->scratch, T_RECORD, items, count));
        vec_set(out, row, &v, b->rows, ctx->scratch);
    }
    return true;
}

bool eval_subscript(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
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

bool eval_slice(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    size_t dims = x->arg_count / 2;
    if (dims > ARRAY_DIMS_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT,
                       "number of array dimensions (%zu) exceeds the maximum allowed (%d)", dims,
                       ARRAY_DIMS_MAX);
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    Rows r = rows_of(b);
    vec_init_flat(out, x->type, b->rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value arr = vec_get(&args[0], row), v = {.null = true};
        int64_t at[2][ARRAY_DIMS_MAX];
        bool known = !arr.null;
        for (size_t k = 0; k < dims * 2 && known; k++) {
            bool upper = k % 2, left_out = x->index >> k & 1;
            Value s = vec_get(&args[k + 1], row);
            known = left_out || !s.null;
            at[upper][k / 2] = !left_out ? s.u.i64 : upper ? INT64_MAX : INT64_MIN;
        }
        if (known)
            v = value_array(array_slice(ctx->scratch, arr.u.arr, at[0], at[1], dims));
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
static bool fold_items(ItemTest *t, const Value *left, const Value *items, size_t n, bool any,
                       Tri *out, Err *e)
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
static bool scan_const_items(EvalCtx *ctx, ItemScan *s, const Vector *left, const Batch *b,
                             Vector *out, Err *e)
{
    Rows r = rows_of(b);
    Vector lhs = *left;
    size_t rows = b->rows;
    bool constant = left->kind == VEC_CONST;
    bool dict = left->kind == VEC_DICT && eval_only_dict(left, 1, r.n) == 0;
    Rows todo = constant ? (Rows){NULL, 1} : dict ? eval_used_entries(left, r, ctx->scratch) : r;
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
        eval_put_tri(out, row, t, rows, ctx->scratch);
    }
    if (constant)
        out->kind = VEC_CONST;
    else if (dict)
        eval_spread(out, left, r, b->rows, ctx->scratch);
    return true;
}

bool eval_in_list(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    size_t n = x->arg_count - 1;
    Value *items = arena_alloc(ctx->scratch, (n + 1) * sizeof *items);
    ItemScan s = {.any = true,
                  .negated = x->negated,
                  .count = n,
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
        eval_put_tri(out, row, t, b->rows, ctx->scratch);
    }
    return true;
}

bool eval_any_array(EvalCtx *ctx, const Expr *x, const Batch *b, Vector *out, Err *e)
{
    Vector *args;
    bool all_const;
    if (!eval_args(ctx, x, b, &args, &all_const, e))
        return false;
    ItemScan s = {.any = x->kind == EXPR_ANY_ARRAY,
                  .negated = x->negated,
                  .test = item_test(ctx, x, args[0].type, type_elem_of(args[1].type))};
    if (args[1].kind == VEC_CONST) {
        Value arr = vec_get(&args[1], 0);
        if (arr.null) {
            eval_set_null(out, T_BOOL, ctx->scratch);
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
        eval_put_tri(out, row, t, b->rows, ctx->scratch);
    }
    return true;
}
