/* Evaluation: one function per node kind; each computes the selected rows of a batch only. */
#include "exec/expr_private.h"
#include "exec/kernels.h"

/* ---- selections ---- */

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

void eval_set_null(Vector *out, TypeId type, Arena *a)
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

bool eval_poll_now(EvalCtx *ctx, Err *e)
{
    ctx->polls = 0;
    if (ctx->cancel && atomic_load_explicit(ctx->cancel, memory_order_relaxed))
        return err_set(e, ERR_CANCELED, "canceling statement due to user request");
    if (ctx->deadline_ns && ctx->clock->mono_ns(ctx->clock) >= ctx->deadline_ns)
        return err_set(e, ERR_CANCELED, "canceling statement due to statement timeout");
    return true;
}

static size_t value_bytes(const Value *v)
{
    return v->phys == PH_STR && !v->null ? v->u.str.len : 0;
}

static bool run_scalar(FnCall *c, Err *e)
{
    const FuncDef *f = c->expr->func;
    Value *args = arena_alloc(c->ctx->scratch, (c->arg_count + 1) * sizeof *args);
    for (size_t i = 0; i < c->n; i++) {
        size_t row = c->sel ? c->sel[i] : i;
        Value v = {.phys = c->out->phys};
        size_t bytes = 0;
        for (size_t k = 0; k < c->arg_count; k++) {
            args[k] = vec_get(&c->args[k], row);
            bytes += value_bytes(&args[k]);
        }
        if (!f->scalar(c->ctx, args, c->arg_count, &v, e) ||
            !eval_poll(c->ctx, bytes + value_bytes(&v), e))
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

static bool call_rows(EvalCtx *ctx, const Expr *x, const Vector *args, size_t n, Rows r,
                      size_t rows, Vector *out, Err *e)
{
    vec_init_flat(out, x->type, rows, ctx->scratch);
    if (x->func->flags & FN_STRICT)
        r = without_nulls(args, n, r, rows, out, ctx->scratch);
    FnCall c = {.ctx = ctx,
                .expr = x,
                .args = args,
                .arg_count = n,
                .sel = r.sel,
                .n = r.n,
                .rows = rows,
                .out = out};
    return run_function(&c, e);
}

/* f(..., VARIADIC array): a call for each row, with the array's items as arguments.  NULL for a NULL array, but
 * format() takes it as empty. */
static bool spread_row(EvalCtx *ctx, const Expr *x, const Vector *args, size_t row, Value *out,
                       Err *e)
{
    size_t fixed = x->arg_count - 1;
    Value last = vec_get(&args[fixed], row);
    bool as_empty = last.null && strcmp(x->func->name, "format") == 0;
    *out = (Value){.null = true, .phys = type_phys(x->type)};
    if (last.null && !as_empty)
        return true;
    size_t items = last.null ? 0 : last.u.arr->count;
    Value *values = arena_alloc(ctx->scratch, (fixed + items + 1) * sizeof *values);
    TypeId *types = arena_alloc(ctx->scratch, (fixed + items + 1) * sizeof *types);
    for (size_t k = 0; k < fixed + items; k++) {
        values[k] = k < fixed ? vec_get(&args[k], row) : last.u.arr->items[k - fixed];
        types[k] = k < fixed ? args[k].type : last.u.arr->elem;
    }
    return func_call(ctx, x->func, x->type, types, values, fixed + items, out, e);
}

static bool call_spread(EvalCtx *ctx, const Expr *x, const Vector *args, Rows r, size_t rows,
                        Vector *out, Err *e)
{
    vec_init_flat(out, x->type, rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value v;
        if (!spread_row(ctx, x, args, row, &v, e))
            return false;
        vec_set(out, row, &v, rows, ctx->scratch);
    }
    return true;
}

/* All arguments constant: one row, handed out as a constant. */
static bool call_once(EvalCtx *ctx, const Expr *x, const Vector *args, size_t n, Vector *out,
                      Err *e)
{
    if (!call_rows(ctx, x, args, n, (Rows){NULL, 1}, 1, out, e))
        return false;
    out->kind = VEC_CONST;
    return true;
}

/* The entries of a dictionary that the rows use, ascending. */
Rows eval_used_entries(const Vector *dict, Rows r, Arena *a)
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

/* Entries that no row uses were not computed: they are NULL, so that whoever walks the entries may look. */
static void null_unused(Vector *out, const Vector *dict, Rows r, Arena *a)
{
    Rows used = eval_used_entries(dict, r, a);
    for (size_t i = 0, at = 0; used.n < dict->dict_count && i < dict->dict_count; i++) {
        if (at < used.n && row_at(&used, at) == i)
            at++;
        else
            vec_set_null(out, i, dict->dict_count, a);
    }
}

/* Makes a result over dictionary entries a result over rows. */
void eval_spread(Vector *out, const Vector *dict, Rows r, size_t rows, Arena *a)
{
    if (out->kind != VEC_FLAT)
        return;
    if (out->phys != PH_BOOL) {
        null_unused(out, dict, r, a);
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
int eval_only_dict(const Vector *args, size_t n, size_t rows)
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
    Rows entries = eval_used_entries(&dict, r, ctx->scratch);
    if (!call_rows(ctx, x, args, n, entries, dict.dict_count, out, e))
        return false;
    eval_spread(out, &dict, r, rows, ctx->scratch);
    return true;
}

bool eval_args(EvalCtx *ctx, const Expr *x, const Batch *b, Vector **out, bool *all_const, Err *e)
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
    if (x->variadic)
        return call_spread(ctx, x, args, r, b->rows, out, e);
    if (!(x->func->flags & FN_VOLATILE)) {
        if (all_const)
            return call_once(ctx, x, args, x->arg_count, out, e);
        int at = eval_only_dict(args, x->arg_count, r.n);
        if (at >= 0)
            return call_over_dict(ctx, x, args, x->arg_count, at, r, b->rows, out, e);
    }
    return call_rows(ctx, x, args, x->arg_count, r, b->rows, out, e);
}

bool func_call(EvalCtx *ctx, const FuncDef *f, TypeId result, const TypeId *types,
               const Value *args, size_t n, Value *out, Err *e)
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

void eval_put_tri(Vector *out, size_t row, Tri t, size_t rows, Arena *a)
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
        eval_put_tri(out, row_at(&r, i), (Tri)state[row_at(&r, i)], b->rows, ctx->scratch);
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
        eval_put_tri(out, row, t, b->rows, ctx->scratch);
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
        eval_set_null(&otherwise, x->type, ctx->scratch);
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

/* ---- casts by text, parameters ---- */

static bool io_cast_rows(EvalCtx *ctx, const Expr *x, const Vector *v, Rows r, size_t rows,
                         Vector *out, Err *e)
{
    vec_init_flat(out, x->type, rows, ctx->scratch);
    for (size_t i = 0; i < r.n; i++) {
        size_t row = row_at(&r, i);
        Value in = vec_get(v, row), result;
        if (!expr_io_cast_value(ctx, x->args[0]->type, x->type, x->typmod, &in, &result, e) ||
            !eval_poll(ctx, value_bytes(&in) + value_bytes(&result), e))
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
    if (eval_only_dict(&v, 1, r.n) == 0) {
        Vector entries = v;
        entries.kind = VEC_FLAT;
        if (!io_cast_rows(ctx, x, &entries, eval_used_entries(&v, r, ctx->scratch), v.dict_count,
                          out, e))
            return false;
        eval_spread(out, &v, r, b->rows, ctx->scratch);
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
        eval_set_null(out, x->type, ctx->scratch); /* nobody looks, nothing may fail */
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
    case EXPR_ROW:
        return eval_row(ctx, x, b, out, e);
    case EXPR_SLICE:
        return eval_slice(ctx, x, b, out, e);
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
        kept = exec_kernels()->select(sel, v.v.b, n);
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
