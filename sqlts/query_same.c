/* sqlts/query_same.c - do two subqueries say the same?
 *
 * GROUP BY (SELECT v) names (SELECT v) in the list, as any other expression does: analyzed twice, they are
 * two queries whose own variables have other numbers, at the same distance from where each query begins.
 * What is rare (WITH, windows, GROUPING SETS, gap filling, ASOF, functions in FROM) is never the same. */
#include "sqlts/analyze.h"

enum { LOOK_BACK = 256 }; /* subqueries that a new one is compared with: work stays linear */

typedef struct Same {
    const Analyzer *z;
    uint32_t a_begin, b_begin;
} Same;

static bool same_query(const Same *s, const Query *a, const Query *b);

static bool same_var(const Same *s, uint32_t a, uint32_t b)
{
    if (a < s->a_begin || b < s->b_begin)
        return a == b;
    return a - s->a_begin == b - s->b_begin;
}

static bool same_list(const Same *s, Expr *const *a, Expr *const *b, size_t n);

static bool same_expr(const Same *s, const Expr *a, const Expr *b)
{
    if (!a || !b)
        return a == b;
    if (qx_kind(a) == QX_SUBLINK && qx_kind(b) == QX_SUBLINK) {
        const Sublink *x = &s->z->sublinks[a->index], *y = &s->z->sublinks[b->index];
        return x->mode == y->mode && x->type == y->type && same_query(s, x->query, y->query) &&
               a->arg_count == b->arg_count && same_list(s, a->args, b->args, a->arg_count);
    }
    if (a->kind == EXPR_COLUMN ? b->kind != EXPR_COLUMN || !same_var(s, a->index, b->index)
                               : a->index != b->index)
        return false;
    Expr x = *a, y = *b; /* without what has been compared */
    x.index = y.index = 0;
    x.arg_count = y.arg_count = 0;
    return qx_equal(&x, &y) && a->arg_count == b->arg_count &&
           same_list(s, a->args, b->args, a->arg_count);
}

static bool same_list(const Same *s, Expr *const *a, Expr *const *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same_expr(s, a[i], b[i]))
            return false;
    return true;
}

static bool same_from(const Same *s, const From *a, const From *b)
{
    if (!a->rte || !b->rte)
        return !a->rte && !b->rte && !a->asof && !b->asof && a->type == b->type &&
               same_from(s, a->left, b->left) && same_from(s, a->right, b->right) &&
               same_expr(s, a->on, b->on);
    const Rte *x = a->rte, *y = b->rte;
    if (x->kind != y->kind || x->kind == RTE_FUNCTION || x->col_count != y->col_count ||
        x->table != y->table || x->view != y->view || x->cte != y->cte ||
        x->ordinality != y->ordinality || !x->query != !y->query)
        return false;
    return !x->query || same_query(s, x->query, y->query);
}

static bool same_agg(const Same *s, const AggCall *a, const AggCall *b)
{
    if (a->func != b->func || a->result != b->result || a->distinct != b->distinct ||
        a->star != b->star || a->arg_count != b->arg_count || a->order_count != b->order_count)
        return false;
    for (size_t i = 0; i < a->order_count; i++)
        if (a->order_desc[i] != b->order_desc[i] ||
            a->order_nulls_first[i] != b->order_nulls_first[i])
            return false;
    return same_list(s, a->args, b->args, a->arg_count) &&
           same_list(s, a->order, b->order, a->order_count) && same_expr(s, a->filter, b->filter);
}

static bool is_rare(const Query *q)
{
    return q->ctes || q->sets || q->grouping_count || q->gapfill || q->fill_count ||
           q->window_count || q->call_count || q->has_srf;
}

static bool same_counts(const Query *a, const Query *b)
{
    return a->form == b->form && a->all == b->all && a->row_count == b->row_count &&
           a->from_count == b->from_count && a->grouped == b->grouped &&
           a->key_count == b->key_count && a->agg_count == b->agg_count &&
           a->target_count == b->target_count && a->visible_count == b->visible_count &&
           a->distinct == b->distinct && a->distinct_on_count == b->distinct_on_count &&
           a->order_count == b->order_count && a->ties == b->ties && !a->left == !b->left;
}

static bool same_order(const Query *a, const Query *b)
{
    for (size_t i = 0; i < a->order_count; i++)
        if (a->order[i].target != b->order[i].target || a->order[i].desc != b->order[i].desc ||
            a->order[i].nulls_first != b->order[i].nulls_first)
            return false;
    for (size_t i = 0; i < a->distinct_on_count; i++)
        if (a->distinct_on[i] != b->distinct_on[i])
            return false;
    return true;
}

static bool same_query(const Same *s, const Query *a, const Query *b)
{
    if (is_rare(a) || is_rare(b) || !same_counts(a, b) || !same_order(a, b))
        return false;
    if (a->left && (!same_query(s, a->left, b->left) || !same_query(s, a->right, b->right)))
        return false;
    for (size_t i = 0; i < a->row_count; i++)
        if (!same_list(s, a->rows[i], b->rows[i], a->visible_count))
            return false;
    for (size_t i = 0; i < a->from_count; i++)
        if (!same_from(s, a->from[i], b->from[i]))
            return false;
    for (size_t i = 0; i < a->agg_count; i++)
        if (!same_agg(s, &a->aggs[i], &b->aggs[i]))
            return false;
    for (size_t i = 0; i < a->target_count; i++)
        if (!same_expr(s, a->targets[i].expr, b->targets[i].expr))
            return false;
    return same_expr(s, a->where, b->where) && same_list(s, a->keys, b->keys, a->key_count) &&
           same_expr(s, a->having, b->having) && same_expr(s, a->limit, b->limit) &&
           same_expr(s, a->offset, b->offset);
}

uint32_t query_sublink_class(const Analyzer *z, const Sublink *l, uint32_t index)
{
    for (uint32_t i = index > LOOK_BACK ? index - LOOK_BACK : 0; i < index; i++) {
        const Sublink *other = &z->sublinks[i];
        Same s = {z, l->query->var_begin, other->query->var_begin};
        if (other->mode == l->mode && other->type == l->type &&
            same_query(&s, l->query, other->query))
            return other->same_as;
    }
    return index;
}
