/* Conditions that a scan can decide more cheaply than they are written.
 *
 * `integer > 90.0` means a comparison of numerics in SQL.  The constant is known, so the same rows come
 * from comparing integers: x > 90.5 and x > 90 are the same for whole x.
 * A column compared with a constant is decided by storage on the encoded column, run by run. */
#include "exec/op_scan_private.h"

#include <math.h>

static bool is_int(TypeId t)
{
    return t == T_INT2 || t == T_INT4 || t == T_INT8;
}

/* The integer column inside a cast to numeric; NULL. */
static Expr *int_inside(const Expr *x)
{
    bool cast = x->kind == EXPR_CALL && x->type == T_NUMERIC && x->typmod < 0 &&
                x->arg_count == 1 && x->func &&
                (x->func->flags & (FN_CAST_IMPLICIT | FN_CAST_ASSIGN | FN_CAST_EXPLICIT));
    return cast && x->args[0]->kind == EXPR_COLUMN && is_int(x->args[0]->type) ? x->args[0] : NULL;
}

/* floor(c), and whether c is whole; false: not a plain decimal. */
static bool floor_of(const Expr *x, int64_t *whole, bool *exact)
{
    if (x->kind != EXPR_CONST || x->type != T_NUMERIC || x->value.null || x->value.phys != PH_NUM)
        return false;
    const Num *n = &x->value.u.num;
    if (n->kind != NUM_SMALL || n->scale > 18)
        return false;
    int64_t unit = 1;
    for (int i = 0; i < n->scale; i++)
        unit *= 10;
    *whole = floor_div(n->u.coef, unit);
    *exact = *whole * unit == n->u.coef;
    return true;
}

/* The operator over integers that lets the same rows pass; NULL: there is none. */
static const char *int_operator(const char *op, bool exact)
{
    if (strcmp(op, ">") == 0 || strcmp(op, "<=") == 0)
        return op;
    if (strcmp(op, ">=") == 0)
        return exact ? ">=" : ">";
    if (strcmp(op, "<") == 0)
        return exact ? "<" : "<=";
    return exact && (strcmp(op, "=") == 0 || strcmp(op, "<>") == 0) ? op : NULL;
}

static const char *turned(const char *op)
{
    static const char *const pairs[][2] = {{"<", ">"}, {"<=", ">="}, {">", "<"}, {">=", "<="}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (strcmp(op, pairs[i][0]) == 0)
            return pairs[i][1];
    return op;
}

static Expr *as_type(Arena *a, Expr *x, TypeId type)
{
    if (x->type == type)
        return x;
    Expr *r = expr_new(a, EXPR_RELABEL, type, 1); /* all integers have one physical form */
    r->args[0] = x;
    r->typmod = -1;
    return r;
}

static Expr *compare_ints(Arena *a, const char *op, Expr *column, int64_t whole)
{
    const FuncDef *f;
    TypeId want[2], result;
    Err ignored;
    Value v = value_i64(whole);
    if (!oper_resolve(slice_cstr(op), column->type, T_INT8, &f, want, &result, &ignored) ||
        !is_int(want[0]) || !is_int(want[1]))
        return NULL;
    Expr *args[2] = {as_type(a, column, want[0]), as_type(a, expr_const(a, T_INT8, &v), want[1])};
    return expr_call(a, f, result, args, 2, 0);
}

static void simplify(Arena *a, Expr **at)
{
    Expr *x = *at;
    if (x->kind == EXPR_AND || x->kind == EXPR_OR || x->kind == EXPR_NOT) {
        for (size_t i = 0; i < x->arg_count; i++)
            simplify(a, &x->args[i]);
        return;
    }
    if (x->kind != EXPR_CALL || x->arg_count != 2 || !x->func || !(x->func->flags & FN_OPERATOR))
        return;
    bool left = int_inside(x->args[0]) != NULL, exact;
    Expr *column = int_inside(x->args[left ? 0 : 1]);
    int64_t whole;
    if (!column || !floor_of(x->args[left ? 1 : 0], &whole, &exact))
        return;
    const char *op = int_operator(left ? x->func->name : turned(x->func->name), exact);
    Expr *better = op ? compare_ints(a, op, column, whole) : NULL;
    if (better)
        *at = better;
}

/* Both conditions (either may be NULL) as one. */
static Expr *both(Arena *a, const Expr *one, const Expr *more)
{
    Expr *x = one ? expr_copy(a, one) : more ? expr_copy(a, more) : NULL;
    if (one && more) {
        Expr *and = expr_new(a, EXPR_AND, T_BOOL, 2);
        and->typmod = -1;
        and->args[0] = x;
        and->args[1] = expr_copy(a, more);
        x = and;
    }
    if (x)
        simplify(a, &x);
    return x;
}

/* ---- conditions that storage decides ---- */

static bool compare_of(const char *name, CodecCompare *op)
{
    static const char *const names[] = {[CODEC_EQ] = "=",  [CODEC_NE] = "<>", [CODEC_LT] = "<",
                                        [CODEC_LE] = "<=", [CODEC_GT] = ">",  [CODEC_GE] = ">="};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *op = (CodecCompare)i;
            return true;
        }
    return false;
}

static const Expr *unlabelled(const Expr *x)
{
    while (x->kind == EXPR_RELABEL)
        x = x->args[0];
    return x;
}

static bool is_float(TypeId t)
{
    return t == T_FLOAT8 || t == T_FLOAT4;
}

/* The stored field that an expression is, of this physical type. */
static bool field_of(const ScanSrc *s, const Expr *x, PhysType phys, uint32_t *field)
{
    if (x->kind != EXPR_COLUMN || x->index >= s->plan->p.col_count)
        return false;
    const ScanCol *col = &s->plan->cols[x->index];
    const ColumnDef *def = table_column_by_id(s->table, col->column);
    *field = s->field[x->index];
    return col->kind == SCAN_FIELD && *field != NO_FIELD && def && def->phys == phys && !def->keyed;
}

static bool push_one(const ScanSrc *s, SrcFilter *to, const Expr *x)
{
    PushedFilter f;
    if (x->kind != EXPR_CALL || x->arg_count != 2 || !x->func || !(x->func->flags & FN_OPERATOR))
        return false;
    const Expr *left = unlabelled(x->args[0]), *right = unlabelled(x->args[1]);
    const char *op = x->func->name;
    if (left->kind == EXPR_CONST) {
        const Expr *swap = left;
        left = right;
        right = swap;
        op = turned(op);
    }
    if (right->kind != EXPR_CONST || right->value.null || !compare_of(op, &f.test.op))
        return false;
    if (is_int(left->type) && is_int(right->type) && field_of(s, left, PHYS_I64, &f.field))
        f.test.u.i = right->value.u.i64;
    else if (is_float(left->type) && is_float(right->type) && !isnan(right->value.u.f64) &&
             field_of(s, left, PHYS_F64, &f.field))
        f.test.u.f = right->value.u.f64;
    else
        return false;
    to->pushed[to->pushed_count++] = f;
    return true;
}

void filter_make(ScanSrc *s, SrcFilter *f, const Expr *condition, const Expr *more)
{
    size_t cols = s->plan->p.col_count;
    *f = (SrcFilter){.all = both(s->arena, condition, more)};
    f->all_reads = ARENA_ARRAY(s->arena, bool, cols + 1);
    f->rest_reads = ARENA_ARRAY(s->arena, bool, cols + 1);
    expr_columns(f->all, f->all_reads, cols);
    f->rest = f->all;
    if (!f->all)
        return;
    bool and = f->all->kind == EXPR_AND;
    size_t n = and? f->all->arg_count : 1, kept = 0;
    f->pushed = ARENA_ARRAY(s->arena, PushedFilter, n);
    Expr *rest = expr_new(s->arena, EXPR_AND, T_BOOL, n);
    for (size_t i = 0; i < n; i++) {
        Expr *x = and? f->all->args[i] : f->all;
        if (!push_one(s, f, x))
            rest->args[kept++] = x;
    }
    rest->arg_count = kept;
    f->rest = kept == 0 ? NULL : kept == 1 ? rest->args[0] : rest;
    expr_columns(f->rest, f->rest_reads, cols);
}

bool src_filter(ScanSrc *s, Batch *b, Arena *a, const Expr **left, const bool **reads, Err *e)
{
    const SrcFilter *f = s->filter;
    size_t words = BITMAP_WORDS(s->run.rows), n = 0;
    uint64_t all[BITMAP_WORDS(BATCH_ROWS)];
    b->sel = NULL;
    *left = f->all;
    *reads = f->all_reads;
    for (size_t i = 0; i < f->pushed_count; i++) {
        const uint64_t *bits;
        if (!scan_filter(s->scan, f->pushed[i].field, &f->pushed[i].test, &bits, e))
            return false;
        if (!bits) /* not in this run: the whole condition, row by row */
            return true;
        for (size_t w = 0; w < words; w++)
            all[w] = i ? all[w] & bits[w] : bits[w];
    }
    *left = f->rest;
    *reads = f->rest_reads;
    if (f->pushed_count == 0)
        return true;
    uint16_t *sel = arena_alloc(a, (s->run.rows + 1) * sizeof *sel);
    for (size_t w = 0; w < words; w++)
        for (uint64_t bits = all[w]; bits; bits &= bits - 1)
            sel[n++] = (uint16_t)(w * 64 + (size_t)__builtin_ctzll(bits));
    if (n < s->run.rows) {
        b->sel = sel;
        b->sel_count = n;
    }
    return true;
}
