/* sqlts/tier_flat.c - a query over views and subqueries that only hand on columns of a table, as one over the
 * table itself; SELECT DISTINCT as a grouping.  So what tiers answer of the table they answer of its views
 * (tier_query.h).  All of it is a copy: a query that tiers do not answer stays as it was. */
#include "sqlts/tier_query.h"

typedef struct Flat {
    Analyzer *z;
    Query *q; /* the copy */
    Rte *rte; /* what is to be replaced */
    bool found;
} Flat;

/* A view's or subquery's rows are those of its tables, each once. */
static bool hands_on(const Rte *r)
{
    const Query *q = r->kind == RTE_QUERY && !r->self && !r->states_of ? r->query : NULL;
    return q && q->form == QUERY_PLAIN && !q->grouped && !q->distinct && !q->distinct_on_count &&
           !q->limit && !q->offset && !q->call_count && !q->has_srf && !q->gapfill && !q->ctes &&
           !q->order_count && q->from_count == 1;
}

static bool is_tiered(const From *f)
{
    TierList l;
    if (!f->rte)
        return is_tiered(f->left) || is_tiered(f->right);
    return f->rte->kind == RTE_TABLE ? tiers_of(f->rte->table, &l)
                                     : hands_on(f->rte) && is_tiered(f->rte->query->from[0]);
}

/* The first that hands on such a table: in its place stands what it reads. */
static From *open_first(Flat *f, const From *from)
{
    From *copy = ARENA_NEW(f->z->arena, From);
    *copy = *from;
    if (!from->rte) {
        copy->left = open_first(f, from->left);
        copy->right = f->found ? from->right : open_first(f, from->right);
        copy->on = qx_copy(f->z->arena, from->on);
    } else if (!f->found && from->rte->kind == RTE_QUERY && is_tiered(from)) {
        f->found = true;
        f->rte = from->rte;
        return from->rte->query->from[0];
    }
    return copy;
}

static bool put_column(void *arg, Expr **slot)
{
    const Flat *f = arg;
    const Expr *x = *slot;
    const Rte *r = f->rte;
    if (x->kind != EXPR_COLUMN || x->index < r->first_var ||
        x->index >= r->first_var + r->col_count)
        return false;
    *slot = qx_copy(f->z->arena, r->query->targets[x->index - r->first_var].expr);
    return true;
}

static void put_columns(Flat *f, Expr **x)
{
    if (*x) {
        *x = qx_copy(f->z->arena, *x);
        qx_walk(x, put_column, f);
    }
}

static void put_list(Flat *f, Expr ***list, size_t n)
{
    Expr **copy = ARENA_ARRAY(f->z->arena, Expr *, n + 1);
    for (size_t i = 0; i < n; i++) {
        copy[i] = (*list)[i];
        put_columns(f, &copy[i]);
    }
    *list = copy;
}

static void put_on(Flat *f, From *from)
{
    if (from->rte)
        return;
    put_on(f, from->left);
    put_on(f, from->right);
    put_columns(f, &from->on);
}

static void put_gapfill(Flat *f)
{
    if (!f->q->gapfill)
        return;
    QGapfill *g = ARENA_NEW(f->z->arena, QGapfill);
    *g = *f->q->gapfill;
    put_columns(f, &g->time);
    f->q->gapfill = g;
}

/* Expressions over the rows that are read; those over groups do not know what is below. */
static void put_query(Flat *f)
{
    Query *q = f->q;
    Target *targets = ARENA_ARRAY(f->z->arena, Target, q->target_count + 1);
    AggCall *aggs = ARENA_ARRAY(f->z->arena, AggCall, q->agg_count + 1);
    memcpy(targets, q->targets, q->target_count * sizeof *targets);
    for (size_t i = 0; i < q->target_count; i++)
        put_columns(f, &targets[i].expr);
    for (size_t i = 0; i < q->agg_count; i++) {
        aggs[i] = q->aggs[i];
        put_list(f, &aggs[i].args, aggs[i].arg_count);
        put_list(f, &aggs[i].order, aggs[i].order_count);
        put_columns(f, &aggs[i].filter);
    }
    q->targets = targets;
    q->aggs = aggs;
    put_list(f, &q->keys, q->key_count);
    put_columns(f, &q->where);
    put_columns(f, &q->having);
    put_gapfill(f);
    for (size_t i = 0; i < q->from_count; i++)
        put_on(f, q->from[i]);
    if (f->rte->query->where)
        q->where = az_and(f->z, q->where, qx_copy(f->z->arena, f->rte->query->where));
}

/* SELECT DISTINCT a, b: groups of them. */
static void group_distinct(Analyzer *z, Query *q)
{
    q->grouped = true;
    q->distinct = false;
    q->keys = ARENA_ARRAY(z->arena, Expr *, q->target_count + 1);
    q->group = az_new_rte(z, RTE_COMPUTED, SLICE_NONE, q->target_count);
    Target *targets = ARENA_ARRAY(z->arena, Target, q->target_count + 1);
    for (size_t i = 0; i < q->target_count; i++) {
        Expr *x = q->targets[i].expr;
        q->keys[q->key_count++] = x;
        q->group->cols[i] =
            (RteCol){.name = q->targets[i].name, .type = x->type, .typmod = x->typmod};
        targets[i] = q->targets[i];
        targets[i].expr = az_var(z, q->group, i, 0);
    }
    q->key_cap = q->key_count;
    q->targets = targets;
}

Query *tier_flatten(Analyzer *z, Query *q)
{
    Query *copy = ARENA_NEW(z->arena, Query);
    bool any = false;
    *copy = *q;
    for (;;) {
        Flat f = {.z = z, .q = copy};
        From **from = ARENA_ARRAY(z->arena, From *, copy->from_count + 1);
        for (size_t i = 0; i < copy->from_count; i++)
            from[i] = f.found ? copy->from[i] : open_first(&f, copy->from[i]);
        if (!f.found)
            break;
        copy->from = from;
        put_query(&f);
        any = true;
    }
    bool tiered = false;
    for (size_t i = 0; i < copy->from_count; i++)
        tiered |= is_tiered(copy->from[i]);
    if (tiered && !copy->grouped && copy->distinct && !copy->distinct_on_count &&
        !copy->call_count && !copy->has_srf) {
        group_distinct(z, copy);
        any = true;
    }
    return any ? copy : q;
}
