/* sqlts/analyze_agg.c - aggregate calls: where they may stand, which query they belong to, what they hold.
 *
 * An aggregate belongs to the innermost query of whose columns it reads one; without any to the query it
 * stands in.  Inside a subquery it may so belong to a query around: it is computed there, and the
 * subquery reads its result as it reads a grouped column (QX_OUTER_AGG until that grouping is known). */
#include "sqlts/analyze.h"

const char *az_place_text(Place p)
{
    static const char *const texts[] = {
        [PLACE_WHERE] = "WHERE",
        [PLACE_GROUP_BY] = "GROUP BY",
        [PLACE_JOIN_ON] = "JOIN conditions",
        [PLACE_LIMIT] = "LIMIT",
        [PLACE_OFFSET] = "OFFSET",
        [PLACE_VALUES] = "VALUES",
        [PLACE_FROM_FUNCTION] = "functions in FROM",
        [PLACE_FROM_LATERAL] = "FROM clause of their own query level",
        [PLACE_FILTER] = "FILTER",
        [PLACE_FRAME_RANGE] = "window RANGE",
        [PLACE_FRAME_ROWS] = "window ROWS",
        [PLACE_FRAME_GROUPS] = "window GROUPS",
        [PLACE_RETURNING] = "RETURNING",
        [PLACE_UPDATE] = "UPDATE",
        [PLACE_DEFAULT] = "DEFAULT expressions",
        [PLACE_CHECK] = "check constraints",
        [PLACE_EXECUTE] = "EXECUTE parameters",
        [PLACE_INDEX] = "index expressions",
        [PLACE_COPY_WHERE] = "COPY FROM WHERE conditions",
    };
    return (size_t)p < ARRAY_LEN(texts) ? texts[p] : NULL;
}

/* ---- which query an aggregate belongs to ---- */

typedef struct FindAgg {
    Analyzer *z;
    const Query *q;
    const Expr *found;
} FindAgg;

static bool see_outer_agg(void *arg, Expr **slot)
{
    FindAgg *f = arg;
    const Expr *x = *slot;
    if (!f->found && qx_kind(x) == QX_OUTER_AGG && f->z->outer_aggs[x->index].owner == f->q)
        f->found = x;
    return false;
}

static const Expr *find_own_agg(const Expr *x)
{
    const Expr *found = qx_kind(x) == QX_AGG ? x : NULL;
    for (size_t i = 0; i < x->arg_count && !found; i++)
        found = find_own_agg(x->args[i]);
    return found;
}

/* own: x stands in the query q itself, not in a subquery of it. */
static const Expr *find_agg(Analyzer *z, const Query *q, bool own, Expr *x)
{
    FindAgg f = {z, q, own ? find_own_agg(x) : NULL};
    if (!f.found)
        qx_walk_deep(z, &x, see_outer_agg, &f);
    return f.found;
}

const Expr *az_find_agg(Analyzer *z, const Query *q, Expr *x)
{
    return find_agg(z, q, true, x);
}

static bool scope_has(const Scope *s, uint32_t var)
{
    bool found = false;
    for (size_t i = 0; i < s->col_count && !found; i++)
        found = s->cols[i].expr->kind == EXPR_COLUMN && s->cols[i].expr->index == var;
    for (size_t r = 0; r < s->rel_count && !found; r++)
        for (size_t i = 0; i < s->rels[r].col_count && !found; i++)
            found = s->rels[r].cols[i].expr->kind == EXPR_COLUMN &&
                    s->rels[r].cols[i].expr->index == var;
    return found;
}

/* How many queries around s that of the variable is. */
static size_t var_level(const Scope *s, uint32_t var)
{
    size_t level = 0;
    for (; s->outer; s = s->outer, level++)
        if (s->query ? var >= s->query->var_begin : scope_has(s, var))
            break;
    return level;
}

size_t az_vars_level(Analyzer *z, const Scope *s, const Expr *x)
{
    VarSet vars = varset_new(z->arena, z->var_count);
    size_t lowest = NO_LEVEL;
    qx_vars(z, x, &vars);
    for (uint32_t v = (uint32_t)z->var_count; v-- > 0 && lowest > 0;) {
        size_t level = varset_has(&vars, v) ? var_level(s, v) : NO_LEVEL;
        lowest = level < lowest ? level : lowest;
    }
    return lowest;
}

static size_t agg_level(Analyzer *z, const Scope *s, Expr *x, const Expr **agg)
{
    for (size_t level = 0; s; s = s->outer, level++) {
        *agg = s->query ? find_agg(z, s->query, level == 0, x) : NULL;
        if (*agg)
            return level;
    }
    return NO_LEVEL;
}

static bool nested(const Expr *agg, Err *e)
{
    err_set(e, ERR_GROUPING, "aggregate function calls cannot be nested");
    return err_at(e, agg->position);
}

static bool part_allowed(Analyzer *z, const NFunc *n, const Expr *x, Err *e)
{
    const Expr *inner = az_find_window(z, x);
    if (inner) {
        err_set(e, ERR_GROUPING, "aggregate function calls cannot contain window function calls");
        return err_at(e, inner->position);
    }
    if (az_has_fill(z, x))
        return az_fail(z, &n->n, ERR_GROUPING, e,
                       "aggregate function calls cannot contain locf or interpolate");
    inner = qx_find_srf(x);
    if (!inner)
        return true;
    err_set(e, ERR_FEATURE_NOT_SUPPORTED,
            "aggregate function calls cannot contain set-returning function calls");
    err_at(e, inner->position);
    return err_hint(
        e, "You might be able to move the set-returning function into a LATERAL FROM item.");
}

typedef struct FindVar {
    const Scope *scope;
    size_t level;
    int position;
} FindVar;

static bool see_var(void *arg, Expr **slot)
{
    FindVar *f = arg;
    if ((*slot)->kind == EXPR_COLUMN && var_level(f->scope, (*slot)->index) == f->level)
        f->position = (*slot)->position;
    return false;
}

/* The direct arguments of WITHIN GROUP may be of the aggregate's level or above. */
static bool direct_allowed(Analyzer *z, const Scope *s, Expr *x, size_t level, Err *e)
{
    const Expr *agg;
    size_t vars = az_vars_level(z, s, x);
    if (vars < level) {
        FindVar f = {s, vars, x->position};
        qx_walk(&x, see_var, &f);
        err_set(e, ERR_GROUPING,
                "outer-level aggregate cannot contain a lower-level variable in its direct "
                "arguments");
        return err_at(e, f.position);
    }
    return agg_level(z, s, x, &agg) > level || nested(agg, e);
}

static bool place_allowed(Analyzer *z, const Scope *s, const NFunc *n, Err *e)
{
    const char *where = az_place_text(s->place);
    if (where)
        return az_fail(z, &n->n, ERR_GROUPING, e, "aggregate functions are not allowed in %s",
                       where);
    if (!s->query)
        return az_fail(z, &n->n, ERR_GROUPING, e, "aggregate functions are not allowed here");
    return true;
}

bool az_agg_owner(Analyzer *z, Scope *s, const NFunc *n, const AggCall *call, Scope **owner, Err *e)
{
    size_t direct = n->within_group ? n->args.count : 0;
    size_t count = call->arg_count + call->order_count + (call->filter != NULL);
    Expr **parts = ARENA_ARRAY(z->arena, Expr *, count + 1);
    size_t level = NO_LEVEL, used = 0;
    for (size_t i = direct; i < call->arg_count; i++)
        parts[used++] = call->args[i];
    for (size_t i = 0; i < call->order_count; i++)
        parts[used++] = call->order[i];
    if (call->filter)
        parts[used++] = call->filter;
    for (size_t i = 0; i < used; i++) {
        const Expr *agg;
        size_t vars = az_vars_level(z, s, parts[i]), aggs = agg_level(z, s, parts[i], &agg);
        if (!part_allowed(z, n, parts[i], e))
            return false;
        level = vars < level ? vars : level;
        level = aggs < level ? aggs : level;
    }
    level = level == NO_LEVEL ? 0 : level;
    for (size_t i = 0; i < used; i++) {
        const Expr *agg;
        if (agg_level(z, s, parts[i], &agg) == level)
            return nested(agg, e);
    }
    for (size_t i = 0; i < direct; i++)
        if (!direct_allowed(z, s, call->args[i], level, e))
            return false;
    for (*owner = s; level > 0; level--)
        *owner = (*owner)->outer;
    return place_allowed(z, *owner, n, e);
}

/* ---- the call ---- */

static bool agg_order(Analyzer *z, Scope *s, const NFunc *n, AggCall *call, Err *e)
{
    size_t count = n->order.count;
    call->order = ARENA_ARRAY(z->arena, Expr *, count);
    call->order_desc = ARENA_ARRAY(z->arena, bool, count);
    call->order_nulls_first = ARENA_ARRAY(z->arena, bool, count);
    for (size_t i = 0; i < count; i++) {
        const NSort *sort = (const NSort *)n->order.items[i];
        if (!az_expr(z, s, sort->expr, &call->order[i], e) ||
            !az_resolve_unknown(z, &call->order[i], e))
            return false;
        if (!az_sort_key(z, sort, call->order[i], &call->order_desc[i], &call->order_nulls_first[i],
                         e))
            return false;
        bool found = !call->distinct;
        for (size_t j = 0; j < call->arg_count && !found; j++)
            found = qx_equal(call->args[j], call->order[i]);
        if (!found)
            return az_fail(
                z, sort->expr, ERR_INVALID_COLUMN_REFERENCE, e,
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list");
    }
    call->order_count = count;
    return true;
}

/* rate() and its like read their rows in the order of their time. */
static void time_order(Analyzer *z, AggCall *call)
{
    size_t arg = call->func->agg->time_arg;
    if (arg == 0)
        return;
    call->order = ARENA_ARRAY(z->arena, Expr *, 1);
    call->order_desc = ARENA_ARRAY(z->arena, bool, 1);
    call->order_nulls_first = ARENA_ARRAY(z->arena, bool, 1);
    call->order[0] = qx_copy(z->arena, call->args[arg - 1]);
    call->order_count = 1;
    call->order_implied = true;
}

static bool same_list(Expr **a, Expr **b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!qx_equal(a[i], b[i]))
            return false;
    return true;
}

static bool same_agg(const AggCall *a, const AggCall *b)
{
    if (a->func != b->func || a->result != b->result || a->arg_count != b->arg_count ||
        a->distinct != b->distinct || a->star != b->star || a->order_count != b->order_count ||
        !a->filter != !b->filter)
        return false;
    for (size_t i = 0; i < a->order_count; i++)
        if (a->order_desc[i] != b->order_desc[i] ||
            a->order_nulls_first[i] != b->order_nulls_first[i])
            return false;
    return same_list(a->args, b->args, a->arg_count) &&
           same_list(a->order, b->order, a->order_count) &&
           (!a->filter || qx_equal(a->filter, b->filter));
}

static bool is_volatile(const AggCall *call)
{
    bool found = false;
    for (size_t i = 0; i < call->arg_count && !found; i++)
        found = qx_is_volatile(call->args[i]);
    return found;
}

/* The same call twice is computed once (looked for among the last few: lists may be long). */
static uint32_t add_agg(Analyzer *z, Query *q, const AggCall *call, int position)
{
    size_t from = q->agg_count > 64 ? q->agg_count - 64 : 0;
    for (size_t i = is_volatile(call) ? q->agg_count : from; i < q->agg_count; i++)
        if (same_agg(&q->aggs[i], call))
            return (uint32_t)i;
    size_t cap = q->agg_cap;
    q->aggs = az_grow(z->arena, q->aggs, q->agg_count, &q->agg_cap, sizeof *q->aggs);
    q->agg_positions = az_grow(z->arena, q->agg_positions, q->agg_count, &cap, sizeof(int));
    q->aggs[q->agg_count] = *call;
    q->agg_positions[q->agg_count] = position;
    return (uint32_t)q->agg_count++;
}

bool az_agg_filter(Analyzer *z, Scope *s, const NFunc *n, Expr **filter, Err *e)
{
    Place place = s->place;
    if (!n->filter)
        return true;
    s->place = PLACE_FILTER;
    s->in_agg = true;
    bool ok = az_expr_bool(z, s, n->filter, "FILTER", filter, e);
    s->place = place;
    s->in_agg = false;
    return ok;
}

uint32_t az_outer_agg(Analyzer *z, Query *owner, bool grouping, uint32_t agg)
{
    size_t from = z->outer_agg_count > 64 ? z->outer_agg_count - 64 : 0;
    for (size_t i = from; i < z->outer_agg_count; i++)
        if (z->outer_aggs[i].owner == owner && z->outer_aggs[i].grouping == grouping &&
            z->outer_aggs[i].agg == agg)
            return (uint32_t)i;
    *AZ_PUSH(z, z->outer_aggs, z->outer_agg_count, z->outer_agg_cap) =
        (OuterAgg){owner, grouping, agg};
    return (uint32_t)(z->outer_agg_count - 1);
}

Expr *az_agg_node(Analyzer *z, const Scope *s, Scope *owner, const NFunc *n, const AggCall *call)
{
    bool own = owner->query == s->query;
    int position = az_position(z, n->n.offset);
    uint32_t index = add_agg(z, owner->query, call, position);
    owner->query->grouped = true;
    Expr *x = expr_new(z->arena, (ExprKind)(own ? QX_AGG : QX_OUTER_AGG), call->result, 0);
    x->position = position;
    x->typmod = -1;
    x->index = own ? index : az_outer_agg(z, owner->query, false, index);
    return x;
}

bool az_aggregate(Analyzer *z, Scope *s, const NFunc *n, const FuncDef *f, TypeId result,
                  Expr **args, size_t count, Expr **out, Err *e)
{
    Scope *owner;
    if (f->agg->time_arg && n->order.count)
        return az_fail(z, n->order.items[0], ERR_FEATURE_NOT_SUPPORTED, e,
                       "%s reads its rows in the order of their time, ORDER BY has no place in it",
                       f->name);
    AggCall call = {.func = f,
                    .result = result,
                    .arg_count = n->star ? 0 : count,
                    .distinct = n->distinct,
                    .star = n->star};
    call.args = ARENA_ARRAY(z->arena, Expr *, count + 1);
    if (call.arg_count)
        memcpy(call.args, args, call.arg_count * sizeof *args);
    for (size_t i = 0; i < call.arg_count; i++)
        if (!az_resolve_unknown(z, &call.args[i], e))
            return false;
    s->in_agg = true;
    bool ok = n->order.count == 0 || agg_order(z, s, n, &call, e);
    s->in_agg = false;
    time_order(z, &call);
    if (!ok || !az_agg_filter(z, s, n, &call.filter, e) || !az_agg_owner(z, s, n, &call, &owner, e))
        return false;
    for (size_t i = 0; n->within_group && i < n->args.count; i++)
        az_add_direct(z, owner->query, args[i]);
    *out = az_agg_node(z, s, owner, n, &call);
    return true;
}
