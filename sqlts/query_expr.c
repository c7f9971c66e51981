/* sqlts/query_expr.c - walking, comparing and copying expressions in their logical form. */
#include "sqlts/analyze.h"

void qx_walk(Expr **slot, QxVisit visit, void *arg)
{
    if (!*slot || visit(arg, slot))
        return;
    Expr *x = *slot;
    for (size_t i = 0; i < x->arg_count; i++)
        qx_walk(&x->args[i], visit, arg);
}

typedef struct DeepWalk {
    Analyzer *z;
    QxVisit visit;
    void *arg;
} DeepWalk;

static bool deep_visit(void *arg, Expr **slot)
{
    DeepWalk *d = arg;
    if (d->visit(d->arg, slot))
        return true;
    if (qx_kind(*slot) == QX_SUBLINK)
        qx_walk_query(d->z, d->z->sublinks[(*slot)->index].query, d->visit, d->arg);
    return false;
}

void qx_walk_deep(Analyzer *z, Expr **slot, QxVisit visit, void *arg)
{
    DeepWalk d = {z, visit, arg};
    qx_walk(slot, deep_visit, &d);
}

static void walk_from(Analyzer *z, From *f, QxVisit visit, void *arg)
{
    if (!f->rte) {
        walk_from(z, f->left, visit, arg);
        walk_from(z, f->right, visit, arg);
        qx_walk_deep(z, &f->on, visit, arg);
        if (f->asof) {
            qx_walk_deep(z, &f->asof->left, visit, arg);
            qx_walk_deep(z, &f->asof->right, visit, arg);
            qx_walk_deep(z, &f->asof->filter, visit, arg);
        }
    } else if (f->rte->kind == RTE_QUERY) {
        qx_walk_query(z, f->rte->query, visit, arg);
    } else if (f->rte->kind == RTE_FUNCTION) {
        qx_walk_deep(z, &f->rte->call, visit, arg);
    }
}

static void walk_list(Analyzer *z, Expr **items, size_t n, QxVisit visit, void *arg)
{
    for (size_t i = 0; i < n; i++)
        qx_walk_deep(z, &items[i], visit, arg);
}

static void walk_windows(Analyzer *z, Query *q, QxVisit visit, void *arg)
{
    for (size_t i = 0; i < q->window_count; i++) {
        walk_list(z, q->windows[i].partition, q->windows[i].partition_count, visit, arg);
        for (size_t j = 0; j < q->windows[i].order_count; j++)
            qx_walk_deep(z, &q->windows[i].order[j].expr, visit, arg);
    }
    for (size_t i = 0; i < q->call_count; i++) {
        WindowCall *c = &q->calls[i].call;
        walk_list(z, c->args, c->arg_count, visit, arg);
        qx_walk_deep(z, &c->filter, visit, arg);
        qx_walk_deep(z, &c->frame.start_offset, visit, arg);
        qx_walk_deep(z, &c->frame.end_offset, visit, arg);
    }
}

void qx_walk_query(Analyzer *z, Query *q, QxVisit visit, void *arg)
{
    for (Cte *c = q->ctes; c; c = c->next) {
        Query *parts[] = {c->query, c->start, c->step};
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
            if (parts[i])
                qx_walk_query(z, parts[i], visit, arg);
    }
    if (q->left) {
        qx_walk_query(z, q->left, visit, arg);
        qx_walk_query(z, q->right, visit, arg);
    }
    for (size_t r = 0; r < q->row_count; r++)
        walk_list(z, q->rows[r], q->visible_count, visit, arg);
    for (size_t i = 0; i < q->from_count; i++)
        walk_from(z, q->from[i], visit, arg);
    qx_walk_deep(z, &q->where, visit, arg);
    walk_list(z, q->keys, q->key_count, visit, arg);
    for (size_t i = 0; i < q->agg_count; i++) {
        walk_list(z, q->aggs[i].args, q->aggs[i].arg_count, visit, arg);
        walk_list(z, q->aggs[i].order, q->aggs[i].order_count, visit, arg);
        qx_walk_deep(z, &q->aggs[i].filter, visit, arg);
    }
    for (size_t i = 0; i < q->grouping_count; i++)
        walk_list(z, q->groupings[i].args, q->groupings[i].count, visit, arg);
    qx_walk_deep(z, &q->having, visit, arg);
    for (size_t i = 0; i < q->fill_count; i++)
        for (size_t k = 0; k < QFILL_EXPRS; k++)
            qx_walk_deep(z, qfill_expr(&q->fills[i], k), visit, arg);
    walk_windows(z, q, visit, arg);
    for (size_t i = 0; q->targets && i < q->target_count; i++)
        qx_walk_deep(z, &q->targets[i].expr, visit, arg);
    qx_walk_deep(z, &q->limit, visit, arg);
    qx_walk_deep(z, &q->offset, visit, arg);
}

/* ---- comparing and copying ---- */

static bool value_equal(const Expr *a, const Expr *b)
{
    const Value *x = &a->value, *y = &b->value;
    if (x->null || y->null)
        return x->null && y->null;
    if (x->phys != y->phys)
        return false;
    const TypeDef *t = type_find(a->type);
    if (x->phys == PH_STR)
        return slice_eq(x->u.str, y->u.str);
    if (x->phys == PH_F64)
        return memcmp(&x->u.f64, &y->u.f64, sizeof(double)) == 0;
    if (x->phys == PH_NUM && x->u.num.scale != y->u.num.scale)
        return false; /* 1.0 and 1.00 look different */
    return t && t->cmp && t->cmp(x, y) == 0;
}

/* Two subqueries that say the same are equal. */
static uint32_t same_index(const Expr *x)
{
    return qx_kind(x) == QX_SUBLINK ? (uint32_t)x->value.u.i64 : x->index;
}

bool qx_equal(const Expr *a, const Expr *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->kind != b->kind || a->type != b->type || a->arg_count != b->arg_count ||
        (same_index(a) != same_index(b) && a->kind != EXPR_AND) || a->func != b->func ||
        a->negated != b->negated || a->variadic != b->variadic || a->typmod != b->typmod)
        return false;
    if (a->kind == EXPR_CONST && !value_equal(a, b))
        return false;
    for (size_t i = 0; i < a->arg_count; i++)
        if (!qx_equal(a->args[i], b->args[i]))
            return false;
    return true;
}

Expr *qx_copy(Arena *a, const Expr *x)
{
    if (!x)
        return NULL;
    Expr *c = arena_alloc(a, sizeof *c);
    *c = *x;
    if (x->arg_count) {
        c->args = ARENA_ARRAY(a, Expr *, x->arg_count);
        for (size_t i = 0; i < x->arg_count; i++)
            c->args[i] = qx_copy(a, x->args[i]);
    }
    if (x->kind == EXPR_AND) /* no more room than it needs: az_and() */
        c->index = (uint32_t)x->arg_count;
    return c;
}

bool qx_has(const Expr *x, int kind)
{
    if (!x)
        return false;
    if (qx_kind(x) == kind)
        return true;
    for (size_t i = 0; i < x->arg_count; i++)
        if (qx_has(x->args[i], kind))
            return true;
    return false;
}

static const Expr *find_flags(const Expr *x, int flags)
{
    if (!x || (x->func && (x->func->flags & flags)))
        return x;
    const Expr *found = NULL;
    for (size_t i = 0; i < x->arg_count && !found; i++)
        found = find_flags(x->args[i], flags);
    return found;
}

const Expr *qx_find_srf(const Expr *x)
{
    return find_flags(x, FN_SRF);
}

bool qx_has_srf(const Expr *x)
{
    return find_flags(x, FN_SRF) != NULL;
}

bool qx_is_volatile(const Expr *x)
{
    return find_flags(x, FN_VOLATILE) != NULL;
}

bool qx_is_const(const Expr *x)
{
    if (!x)
        return true;
    if (x->kind == EXPR_COLUMN || x->kind == EXPR_EXEC_PARAM || qx_kind(x) >= QX_AGG)
        return false;
    if (x->func && (x->func->flags & (FN_VOLATILE | FN_SRF)))
        return false;
    for (size_t i = 0; i < x->arg_count; i++)
        if (!qx_is_const(x->args[i]))
            return false;
    return true;
}

/* ---- sets of variables ---- */

VarSet varset_new(Arena *a, size_t vars)
{
    VarSet s = {.word_count = (vars + 63) / 64, .arena = a};
    s.words = ARENA_ARRAY(a, uint64_t, s.word_count + 1);
    return s;
}

static void varset_grow(VarSet *s, size_t word_count)
{
    if (word_count <= s->word_count)
        return;
    VarSet more = varset_new(s->arena, (word_count + word_count / 2) * 64);
    memcpy(more.words, s->words, s->word_count * sizeof *s->words);
    *s = more;
}

void varset_add(VarSet *s, uint32_t var)
{
    varset_grow(s, var / 64 + 1);
    s->words[var / 64] |= UINT64_C(1) << (var & 63);
}

bool varset_has(const VarSet *s, uint32_t var)
{
    return var / 64 < s->word_count && (s->words[var / 64] >> (var & 63) & 1);
}

void varset_union(VarSet *s, const VarSet *other)
{
    varset_grow(s, other->word_count);
    for (size_t i = 0; i < other->word_count; i++)
        s->words[i] |= other->words[i];
}

void varset_limit(VarSet *s, const VarSet *to)
{
    for (size_t i = 0; i < s->word_count; i++)
        s->words[i] &= i < to->word_count ? to->words[i] : 0;
}

void varset_drop(VarSet *s, const VarSet *these)
{
    for (size_t i = 0; i < s->word_count && i < these->word_count; i++)
        s->words[i] &= ~these->words[i];
}

bool varset_subset(const VarSet *s, const VarSet *of)
{
    for (size_t i = 0; i < s->word_count; i++)
        if (s->words[i] & ~(i < of->word_count ? of->words[i] : 0))
            return false;
    return true;
}

bool varset_overlap(const VarSet *s, const VarSet *other)
{
    for (size_t i = 0; i < s->word_count && i < other->word_count; i++)
        if (s->words[i] & other->words[i])
            return true;
    return false;
}

bool varset_empty(const VarSet *s)
{
    for (size_t i = 0; i < s->word_count; i++)
        if (s->words[i])
            return false;
    return true;
}

void qx_vars(Analyzer *z, const Expr *x, VarSet *out)
{
    if (!x)
        return;
    if (x->kind == EXPR_COLUMN && !z->vars[x->index].rte->sublink_output)
        varset_add(out, x->index);
    if (qx_kind(x) == QX_SUBLINK)
        query_outer_vars(z, z->sublinks[x->index].query, out);
    for (size_t i = 0; i < x->arg_count; i++)
        qx_vars(z, x->args[i], out);
}

typedef struct OuterWalk {
    const Query *query;
    const Analyzer *z;
    VarSet *out;
} OuterWalk;

static bool add_outer_var(void *arg, Expr **slot)
{
    OuterWalk *w = arg;
    uint32_t v = (*slot)->index;
    if ((*slot)->kind == EXPR_COLUMN && (v < w->query->var_begin || v >= w->query->var_end) &&
        !w->z->vars[v].rte->sublink_output)
        varset_add(w->out, v);
    return false;
}

void query_outer_vars(Analyzer *z, Query *q, VarSet *out)
{
    OuterWalk w = {q, z, out};
    qx_walk_query(z, q, add_outer_var, &w);
}
