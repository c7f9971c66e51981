/* sqlts/analyze_ordered.c - WITHIN GROUP: what direct arguments may refer to, and the hypothetical-set
 * aggregates rank, dense_rank, percent_rank, cume_dist, which become counts of the rows that sort before
 * (or beside) the hypothetical one. */
#include "sqlts/analyze.h"

typedef struct Hypothetical {
    Analyzer *z;
    Scope *scope, *owner; /* where it stands, whose rows it counts */
    const NFunc *n;
    Expr **keys; /* of the rows */
    size_t key_count;
    Expr *side;   /* -1, 0, 1: the row sorts before, beside, behind the hypothetical one */
    Expr *filter; /* of the call, or NULL */
} Hypothetical;

bool az_is_hypothetical(Slice name)
{
    static const char *const names[] = {"rank", "dense_rank", "percent_rank", "cume_dist"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_cstr(name, names[i]))
            return true;
    return false;
}

void az_add_direct(Analyzer *z, Query *q, const Expr *x)
{
    *AZ_PUSH(z, q->directs, q->direct_count, q->direct_cap) = qx_copy(z->arena, x);
}

/* ---- the comparison ---- */

static bool wrong_count(const Hypothetical *h, size_t direct, Expr **args, Err *e)
{
    Slice name = ast_last_name(&h->n->names);
    Buf list;
    buf_init(&list);
    for (size_t i = 0; i < direct + h->key_count; i++) {
        Slice type = az_type_name(h->z, args[i]->type, -1);
        buf_printf(&list, "%s%.*s", i ? ", " : "", SLICE_ARG(type));
    }
    az_fail(h->z, &h->n->n, ERR_UNDEFINED_FUNCTION, e, "function %.*s(%.*s) does not exist",
            SLICE_ARG(name), SLICE_ARG(buf_slice(&list)));
    buf_free(&list);
    return err_hint(e,
                    "To use the hypothetical-set aggregate %.*s, the number of hypothetical direct "
                    "arguments (here %zu) must match the number of ordering columns (here %zu).",
                    SLICE_ARG(name), direct, h->key_count);
}

/* sort_side('df', key, hypothetical, ...): for each key the direction (a, d) and the place of NULLs (f, l). */
static bool compare(Hypothetical *h, Expr **direct, Err *e)
{
    Expr **args = ARENA_ARRAY(h->z->arena, Expr *, 2 * h->key_count + 1);
    char *modes = arena_alloc(h->z->arena, 2 * h->key_count + 1);
    for (size_t i = 0; i < h->key_count; i++) {
        const NSort *sort = (const NSort *)h->n->order.items[i];
        Expr *pair[2] = {h->keys[i], direct[i]};
        bool desc, nulls_first;
        TypeId type;
        if (!az_common_type(h->z, pair, 2, "WITHIN GROUP", &type, e) ||
            !az_coerce(h->z, pair[0], type, -1, CAST_IMPLICIT, &args[1 + 2 * i], e) ||
            !az_coerce(h->z, pair[1], type, -1, CAST_IMPLICIT, &args[2 + 2 * i], e) ||
            !az_sort_key(h->z, sort, args[1 + 2 * i], &desc, &nulls_first, e))
            return false;
        h->keys[i] = args[1 + 2 * i];
        modes[2 * i] = desc ? 'd' : 'a';
        modes[2 * i + 1] = nulls_first ? 'f' : 'l';
    }
    Slice text = slice_of(modes, 2 * h->key_count);
    args[0] = az_const(h->z, T_TEXT, value_str(text), 0);
    return az_call_named(h->z, &h->n->n, "sort_side", args, 2 * h->key_count + 1, &h->side, e);
}

/* ---- counts ---- */

/* count(*), or count(DISTINCT key), of the rows with side < `below`, of all without it. */
static bool count_rows(const Hypothetical *h, int below, Expr *distinct, Expr **out, Err *e)
{
    Expr *args[1] = {distinct ? distinct : az_const(h->z, T_INT4, value_i64(1), 0)};
    AggCall call = {.distinct = distinct != NULL, .star = !distinct, .arg_count = distinct != NULL};
    if (!az_resolve(h->z, &h->n->n, SLICE_LIT("pg_catalog"), SLICE_LIT("count"), FN_AGG, args, 1,
                    &call.func, &call.result, e))
        return false;
    call.args = ARENA_ARRAY(h->z->arena, Expr *, 1);
    call.args[0] = args[0];
    Expr *side = qx_copy(h->z->arena, h->side);
    Expr *limit = az_const(h->z, T_INT4, value_i64(below), 0);
    if (below <= 1 && !az_operator(h->z, &h->n->n, SLICE_LIT("<"), side, limit, &call.filter, e))
        return false;
    Expr *also = h->filter ? qx_copy(h->z->arena, h->filter) : NULL;
    call.filter = az_and(h->z, call.filter, also);
    *out = az_agg_node(h->z, h->scope, h->owner, h->n, &call);
    return true;
}

enum { BEFORE = 0, BEFORE_OR_BESIDE = 1, ALL_ROWS = 2 };

static bool plus_one(const Hypothetical *h, Expr *x, Expr **out, Err *e)
{
    Expr *one = az_const(h->z, T_INT8, value_i64(1), 0);
    return az_operator(h->z, &h->n->n, SLICE_LIT("+"), x, one, out, e);
}

static bool ratio(const Hypothetical *h, Expr *x, Expr *y, Expr **out, Err *e)
{
    return az_coerce(h->z, x, T_FLOAT8, -1, CAST_EXPLICIT, &x, e) &&
           az_coerce(h->z, y, T_FLOAT8, -1, CAST_EXPLICIT, &y, e) &&
           az_operator(h->z, &h->n->n, SLICE_LIT("/"), x, y, out, e);
}

static bool dense_rank(const Hypothetical *h, Expr **out, Err *e)
{
    Expr *row = expr_new(h->z->arena, (ExprKind)QX_ROW, T_RECORD, h->key_count);
    for (size_t i = 0; i < h->key_count; i++)
        row->args[i] = qx_copy(h->z->arena, h->keys[i]);
    return az_row_value(h->z, row, e) && count_rows(h, BEFORE, row, out, e) &&
           plus_one(h, *out, out, e);
}

/* Rows before, as a part of all; 0 of none. */
static bool percent_rank(const Hypothetical *h, Expr **out, Err *e)
{
    Expr *before, *all;
    if (!count_rows(h, BEFORE, NULL, &before, e) || !count_rows(h, ALL_ROWS, NULL, &all, e))
        return false;
    Expr *at_least = expr_new(h->z->arena, EXPR_GREATEST, T_INT8, 2);
    at_least->typmod = -1;
    at_least->args[0] = all;
    at_least->args[1] = az_const(h->z, T_INT8, value_i64(1), 0);
    return ratio(h, before, at_least, out, e);
}

static bool cume_dist(const Hypothetical *h, Expr **out, Err *e)
{
    Expr *upto, *all;
    return count_rows(h, BEFORE_OR_BESIDE, NULL, &upto, e) &&
           count_rows(h, ALL_ROWS, NULL, &all, e) && plus_one(h, upto, &upto, e) &&
           plus_one(h, all, &all, e) && ratio(h, upto, all, out, e);
}

bool az_hypothetical(Analyzer *z, Scope *s, const NFunc *n, Expr **args, Expr **out, Err *e)
{
    Slice name = ast_last_name(&n->names);
    Hypothetical h = {.z = z, .scope = s, .n = n, .key_count = n->order.count};
    size_t direct = n->args.count;
    h.keys = args + direct;
    if (!n->within_group)
        return az_fail(z, &n->n, ERR_WRONG_OBJECT, e,
                       "WITHIN GROUP is required for ordered-set aggregate %.*s", SLICE_ARG(name));
    if (n->over)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "OVER is not supported for ordered-set aggregate %.*s", SLICE_ARG(name));
    if (direct != h.key_count)
        return wrong_count(&h, direct, args, e);
    if (!az_agg_filter(z, s, n, &h.filter, e))
        return false;
    AggCall parts = {.args = args, .arg_count = direct + h.key_count, .filter = h.filter};
    if (!az_agg_owner(z, s, n, &parts, &h.owner, e))
        return false;
    for (size_t i = 0; i < direct; i++)
        az_add_direct(z, h.owner->query, args[i]);
    if (!compare(&h, args, e))
        return false;
    switch (name.ptr[0]) {
    case 'd':
        return dense_rank(&h, out, e);
    case 'p':
        return percent_rank(&h, out, e);
    case 'c':
        return cume_dist(&h, out, e);
    default:
        return count_rows(&h, BEFORE, NULL, out, e) && plus_one(&h, *out, out, e);
    }
}
