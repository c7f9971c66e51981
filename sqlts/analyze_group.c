/* sqlts/analyze_group.c - GROUP BY, DISTINCT, ORDER BY, window calls, and what each may refer to. */
#include "sqlts/analyze.h"

/* ---- what a word or number in ORDER BY, GROUP BY, DISTINCT ON means ---- */

enum { NO_TARGET = -1 };

static const NColumn *bare_name(const SqlNode *n)
{
    const NColumn *c = (const NColumn *)n;
    return n->kind == N_COLUMN && !c->star && c->names.count == 1 ? c : NULL;
}

static bool by_number(Analyzer *z, const SqlNode *n, const Query *q, const char *clause,
                      int *target, Err *e)
{
    int64_t v;
    if (!slice_to_i64(((const NLiteral *)n)->text, &v) || v < 1 || (uint64_t)v > q->visible_count)
        return az_fail(z, n, ERR_INVALID_COLUMN_REFERENCE, e,
                       "%s position %.*s is not in select list", clause,
                       SLICE_ARG(((const NLiteral *)n)->text));
    *target = (int)v - 1;
    return true;
}

static bool by_name(Analyzer *z, const NColumn *c, const Query *q, const char *clause, int *target,
                    Err *e)
{
    Slice name = ast_last_name(&c->names);
    for (size_t i = 0; i < q->visible_count; i++) {
        if (!slice_eq(q->targets[i].name, name))
            continue;
        if (*target != NO_TARGET && !qx_equal(q->targets[*target].expr, q->targets[i].expr))
            return az_fail(z, &c->n, ERR_AMBIGUOUS_COLUMN, e, "%s \"%.*s\" is ambiguous", clause,
                           SLICE_ARG(name));
        if (*target == NO_TARGET)
            *target = (int)i;
    }
    return true;
}

/* An expression over the input: one of the targets, or a new one that is not shown. */
static bool by_expr(Analyzer *z, Scope *s, const SqlNode *n, Query *q, int *target, Err *e)
{
    Expr *x;
    if (!az_expr(z, s, n, &x, e))
        return false;
    if (qx_kind(x) == QX_ROW)
        return az_fail(z, n, ERR_FEATURE_NOT_SUPPORTED, e, "rows as values are not supported");
    for (size_t i = 0; i < q->target_count; i++) {
        if (qx_equal(q->targets[i].expr, x)) {
            *target = (int)i;
            return true;
        }
    }
    if (q->target_count >= TARGETS_MAX)
        return az_fail(z, n, ERR_TOO_MANY_COLUMNS, e, "target lists can have at most %d entries",
                       TARGETS_MAX);
    Target *more = ARENA_ARRAY(z->arena, Target, q->target_count + 1);
    if (q->target_count)
        memcpy(more, q->targets, q->target_count * sizeof *more);
    more[q->target_count] = (Target){.expr = x, .name = SLICE_LIT("?column?"), .junk = true};
    q->targets = more;
    *target = (int)q->target_count++;
    return true;
}

/* ORDER BY, DISTINCT ON: the name of an output column goes first (SQL92). */
static bool find_target(Analyzer *z, Scope *s, const SqlNode *n, Query *q, const char *clause,
                        int *target, Err *e)
{
    const NColumn *c = bare_name(n);
    *target = NO_TARGET;
    if (n->kind == N_INTEGER)
        return by_number(z, n, q, clause, target, e);
    if (n->kind == N_STRING || n->kind == N_NUMERIC || n->kind == N_NULL || n->kind == N_BOOL)
        return az_fail(z, n, ERR_SYNTAX, e, "non-integer constant in %s", clause);
    if (c && !by_name(z, c, q, clause, target, e))
        return false;
    if (*target != NO_TARGET)
        return true;
    if (q->form != QUERY_PLAIN && q->form != QUERY_VALUES && !c) {
        SqlNode begin = az_begin(n);
        az_fail(z, &begin, ERR_FEATURE_NOT_SUPPORTED, e,
                "invalid UNION/INTERSECT/EXCEPT ORDER BY clause");
        err_detail(e, "Only result column names can be used, not expressions or functions.");
        return err_hint(
            e,
            "Add the expression/function to every SELECT, or move the UNION into a FROM clause.");
    }
    if (q->form == QUERY_VALUES) { /* its columns are all there is to read */
        Scope out;
        az_scope_init(&out, s->outer, NULL);
        ScopeCol *cols = ARENA_ARRAY(z->arena, ScopeCol, q->out->col_count + 1);
        for (size_t i = 0; i < q->out->col_count; i++)
            cols[i] = (ScopeCol){q->out->cols[i].name, az_var(z, q->out, i, 0), false};
        out.cols = cols;
        out.col_count = q->out->col_count;
        return by_expr(z, &out, n, q, target, e);
    }
    return by_expr(z, s, n, q, target, e);
}

/* ---- ORDER BY, DISTINCT ---- */

static bool sortable(Analyzer *z, const SqlNode *n, const Expr *x, Err *e)
{
    const TypeDef *t = type_find(x->type);
    if (x->type == T_UNKNOWN || (t && t->cmp))
        return true;
    Slice name = az_type_name(z, x->type, -1);
    az_fail(z, n, ERR_UNDEFINED_FUNCTION, e,
            "could not identify an ordering operator for type %.*s", SLICE_ARG(name));
    return err_hint(e, "Use an explicit ordering operator or modify the query.");
}

bool az_order_by(Analyzer *z, Scope *s, const NSelect *n, Query *q, Err *e)
{
    s->place = PLACE_ORDER_BY;
    q->order = ARENA_ARRAY(z->arena, QSort, n->order.count + 1);
    for (size_t i = 0; i < n->order.count; i++) {
        const NSort *sort = (const NSort *)n->order.items[i];
        int target;
        if (!find_target(z, s, sort->expr, q, "ORDER BY", &target, e) ||
            !sortable(z, sort->expr, q->targets[target].expr, e))
            return false;
        bool again = false;
        for (size_t k = 0; k < q->order_count && !again; k++)
            again = q->order[k].target == (size_t)target;
        if (again)
            continue;
        bool desc = sort->direction == 'd';
        q->order[q->order_count++] =
            (QSort){(size_t)target, desc, sort->nulls ? sort->nulls == 'f' : desc};
    }
    return true;
}

static bool in_order(const Query *q, size_t target)
{
    for (size_t i = 0; i < q->distinct_on_count; i++)
        if (q->distinct_on[i] == target)
            return true;
    return false;
}

bool az_distinct(Analyzer *z, Scope *s, const NSelect *n, Query *q, Err *e)
{
    q->distinct = n->distinct;
    if (!n->distinct)
        return true;
    if (n->distinct_on.count == 0) {
        for (size_t i = 0; i < q->order_count; i++)
            if (q->order[i].target >= q->visible_count)
                return az_fail(
                    z, ((const NSort *)n->order.items[0])->expr, ERR_INVALID_COLUMN_REFERENCE, e,
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
        return true;
    }
    s->place = PLACE_DISTINCT_ON;
    q->distinct_on = ARENA_ARRAY(z->arena, size_t, n->distinct_on.count);
    for (size_t i = 0; i < n->distinct_on.count; i++) {
        int target;
        if (!find_target(z, s, n->distinct_on.items[i], q, "SELECT DISTINCT ON", &target, e))
            return false;
        if (!in_order(q, (size_t)target))
            q->distinct_on[q->distinct_on_count++] = (size_t)target;
    }
    /* the leading ORDER BY keys must be these, in any order */
    for (size_t i = 0; i < q->order_count && i < q->distinct_on_count; i++)
        if (!in_order(q, q->order[i].target))
            return az_fail(
                z, n->distinct_on.items[0], ERR_INVALID_COLUMN_REFERENCE, e,
                "SELECT DISTINCT ON expressions must match initial ORDER BY expressions");
    return true;
}

/* ---- GROUP BY ---- */

/* The name of an input column goes first, then that of an output column (PostgreSQL's rule). */
static bool group_item(Analyzer *z, Scope *s, const SqlNode *n, Query *q, Expr **out, Err *e)
{
    const NColumn *c = bare_name(n);
    int target = NO_TARGET;
    if (n->kind == N_INTEGER && !by_number(z, n, q, "GROUP BY", &target, e))
        return false;
    if (n->kind == N_STRING || n->kind == N_NUMERIC || n->kind == N_BOOL || n->kind == N_NULL)
        return az_fail(z, n, ERR_SYNTAX, e, "non-integer constant in GROUP BY");
    if (c) {
        Expr *found;
        if (az_scope_column(s, ast_last_name(&c->names), &found) == 0 &&
            !by_name(z, c, q, "GROUP BY", &target, e))
            return false;
    }
    if (target == NO_TARGET)
        return az_expr(z, s, n, out, e) && az_resolve_unknown(z, out, e);
    *out = qx_copy(z->arena, q->targets[target].expr);
    if (!az_resolve_unknown(z, out, e))
        return false;
    if ((*out)->type != q->targets[target].expr->type)
        q->targets[target].expr = qx_copy(z->arena, *out);
    if (qx_has(*out, QX_AGG))
        return az_fail(z, n, ERR_GROUPING, e, "aggregate functions are not allowed in GROUP BY");
    if (az_has_window(z, *out))
        return az_fail(z, n, ERR_WINDOWING, e, "window functions are not allowed in GROUP BY");
    if (az_has_fill(z, *out))
        return az_fail(z, n, ERR_GROUPING, e, "locf and interpolate are not allowed in GROUP BY");
    return true;
}

bool az_group_key(Analyzer *z, Scope *s, const SqlNode *n, Query *q, size_t *key, Err *e)
{
    Expr *x;
    if (!group_item(z, s, n, q, &x, e))
        return false;
    if (qx_kind(x) == QX_ROW)
        return az_fail(z, n, ERR_FEATURE_NOT_SUPPORTED, e, "rows in GROUP BY are not supported");
    if (qx_has_srf(x))
        return az_fail(z, n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "set-returning functions in GROUP BY are not supported");
    for (*key = 0; *key < q->key_count; ++*key)
        if (qx_equal(q->keys[*key], x))
            return true;
    if (q->key_count >= TARGETS_MAX)
        return az_fail(z, n, ERR_TOO_MANY_COLUMNS, e, "GROUP BY can have at most %d entries",
                       TARGETS_MAX);
    *AZ_PUSH(z, q->keys, q->key_count, q->key_cap) = x;
    return true;
}

/* ---- after grouping ---- */

typedef struct Regroup {
    Analyzer *z;
    Query *q;
    Expr *bad; /* a column that is neither grouped nor inside an aggregate */
    bool bad_in_subquery;
} Regroup;

static bool is_key_column(const Query *q, uint32_t var)
{
    for (size_t i = 0; i < q->key_count; i++)
        if (q->keys[i]->kind == EXPR_COLUMN && q->keys[i]->index == var)
            return true;
    return false;
}

static bool find_column(void *arg, Expr **slot)
{
    Expr *wanted = arg;
    if ((*slot)->kind == EXPR_COLUMN && (*slot)->index == wanted->index && !wanted->position)
        wanted->position = (*slot)->position;
    return false;
}

/* A subquery may read grouped columns of the query around it, and no others. */
static void check_subquery(Regroup *r, const Expr *sublink)
{
    VarSet outer = varset_new(r->z->arena, r->z->var_count);
    query_outer_vars(r->z, r->z->sublinks[sublink->index].query, &outer);
    for (uint32_t v = r->q->var_begin; v < r->z->var_count && !r->bad; v++) {
        const VarInfo *info = &r->z->vars[v];
        if (!varset_has(&outer, v) || info->rte->kind == RTE_COMPUTED || is_key_column(r->q, v))
            continue;
        r->bad = az_var(r->z, info->rte, info->col, 0);
        qx_walk_query(r->z, r->z->sublinks[sublink->index].query, find_column, r->bad);
        r->bad_in_subquery = true;
    }
}

static bool regroup(void *arg, Expr **slot)
{
    Regroup *r = arg;
    Expr *x = *slot;
    for (size_t i = 0; i < r->q->key_count; i++) {
        if (qx_equal(r->q->keys[i], x)) {
            *slot = az_var(r->z, r->q->group, i, x->position);
            return true;
        }
    }
    if (qx_kind(x) == QX_AGG) {
        *slot = az_var(r->z, r->q->group, r->q->key_count + x->index, x->position);
        return true;
    }
    if (qx_kind(x) == QX_GROUPING) {
        *slot =
            az_var(r->z, r->q->group, r->q->key_count + r->q->agg_count + x->index, x->position);
        return true;
    }
    if (qx_kind(x) == QX_SUBLINK)
        check_subquery(r, x);
    if (x->kind != EXPR_COLUMN)
        return false;
    bool computed = r->z->vars[x->index].rte->kind ==
                    RTE_COMPUTED; /* window results, rows of a subquery's test */
    if (x->index >= r->q->var_begin && !computed && !r->bad)
        r->bad = x;
    return true;
}

typedef struct SubKeys {
    Analyzer *z;
    Query *q;
} SubKeys;

/* Inside subqueries the columns that are keys become columns of the grouping's output. */
static bool replace_key(void *arg, Expr **slot)
{
    SubKeys *k = arg;
    for (size_t i = 0; (*slot)->kind == EXPR_COLUMN && i < k->q->key_count; i++) {
        if (k->q->keys[i]->kind == EXPR_COLUMN && (*slot)->index == k->q->keys[i]->index) {
            *slot = az_var(k->z, k->q->group, i, (*slot)->position);
            return true;
        }
    }
    return false;
}

static bool replace_in_sublinks(void *arg, Expr **slot)
{
    SubKeys *k = arg;
    if (qx_kind(*slot) == QX_SUBLINK)
        qx_walk_query(k->z, k->z->sublinks[(*slot)->index].query, replace_key, k);
    return false;
}

static bool regroup_expr(Analyzer *z, Query *q, Expr **x, Err *e)
{
    if (!*x)
        return true;
    Regroup r = {.z = z, .q = q};
    qx_walk(x, regroup, &r);
    if (!r.bad) {
        qx_walk(x, replace_in_sublinks, &(SubKeys){z, q});
        return true;
    }
    const Rte *rte = z->vars[r.bad->index].rte;
    Slice col = rte->cols[z->vars[r.bad->index].col].name;
    if (r.bad_in_subquery)
        err_set(e, ERR_GROUPING, "subquery uses ungrouped column \"%.*s.%.*s\" from outer query",
                SLICE_ARG(rte->name), SLICE_ARG(col));
    else
        err_set(e, ERR_GROUPING,
                "column \"%.*s.%.*s\" must appear in the GROUP BY clause or be used in an "
                "aggregate function",
                SLICE_ARG(rte->name), SLICE_ARG(col));
    return err_at(e, r.bad->position);
}

static void group_output(Analyzer *z, Query *q)
{
    q->group = az_new_rte(z, RTE_COMPUTED, SLICE_LIT("group"),
                          q->key_count + q->agg_count + q->grouping_count);
    for (size_t i = 0; i < q->grouping_count; i++)
        q->group->cols[q->key_count + q->agg_count + i] =
            (RteCol){.name = SLICE_LIT("grouping"), .type = T_INT4, .typmod = -1};
    for (size_t i = 0; i < q->key_count; i++) {
        const Expr *k = q->keys[i];
        q->group->cols[i] =
            (RteCol){.name = SLICE_LIT("?column?"), .type = k->type, .typmod = k->typmod};
        for (size_t t = 0; t < q->visible_count; t++)
            if (k->kind != EXPR_COLUMN && qx_equal(q->targets[t].expr, k))
                q->group->cols[i].name = q->targets[t].name;
        if (k->kind == EXPR_COLUMN) {
            q->group->cols[i] = z->vars[k->index].rte->cols[z->vars[k->index].col];
            q->group->cols[i].hidden = false;
        }
    }
    for (size_t i = 0; i < q->agg_count; i++)
        q->group->cols[q->key_count + i] = (RteCol){
            .name = slice_cstr(q->aggs[i].func->name), .type = q->aggs[i].result, .typmod = -1};
}

bool az_apply_grouping(Analyzer *z, Query *q, Err *e)
{
    if (!az_match_groupings(q, e))
        return false;
    group_output(z, q);
    for (size_t i = 0; i < q->target_count; i++)
        if (!regroup_expr(z, q, &q->targets[i].expr, e))
            return false;
    if (!regroup_expr(z, q, &q->having, e))
        return false;
    for (size_t w = 0; w < q->window_count; w++) {
        for (size_t i = 0; i < q->windows[w].partition_count; i++)
            if (!regroup_expr(z, q, &q->windows[w].partition[i], e))
                return false;
        for (size_t i = 0; i < q->windows[w].order_count; i++)
            if (!regroup_expr(z, q, &q->windows[w].order[i].expr, e))
                return false;
    }
    for (size_t c = 0; c < q->call_count; c++)
        for (size_t i = 0; i < q->calls[c].call.arg_count; i++)
            if (!regroup_expr(z, q, &q->calls[c].call.args[i], e))
                return false;
    for (size_t f = 0; f < q->fill_count; f++)
        for (size_t i = 0; i < QFILL_EXPRS; i++)
            if (!regroup_expr(z, q, qfill_expr(&q->fills[f], i), e))
                return false;
    return true;
}

/* ---- window calls ---- */

bool az_has_window(Analyzer *z, const Expr *x)
{
    if (x->kind == EXPR_COLUMN && z->vars[x->index].rte->window)
        return true;
    for (size_t i = 0; i < x->arg_count; i++)
        if (az_has_window(z, x->args[i]))
            return true;
    return false;
}

static const NWindow *named_window(const Scope *s, Slice name)
{
    for (size_t i = 0; i < s->windows.count; i++)
        if (slice_eq(((const NWindow *)s->windows.items[i])->name, name))
            return (const NWindow *)s->windows.items[i];
    return NULL;
}

/* OVER name, and (name ORDER BY ...): the parts put together. */
static bool whole_window(Analyzer *z, const Scope *s, const NWindow *n, int depth, NWindow *out,
                         Err *e)
{
    *out = *n;
    if (!n->base.len)
        return true;
    const NWindow *base = depth < 16 ? named_window(s, n->base) : NULL;
    NWindow b;
    if (!base)
        return az_fail(z, &n->n, ERR_UNDEFINED_OBJECT, e, "window \"%.*s\" does not exist",
                       SLICE_ARG(n->base));
    if (!whole_window(z, s, base, depth + 1, &b, e))
        return false;
    if (n->reference) {
        *out = b;
        return true;
    }
    if (n->partition.count)
        return az_fail(z, &n->n, ERR_WINDOWING, e,
                       "cannot override PARTITION BY clause of window \"%.*s\"",
                       SLICE_ARG(n->base));
    if (n->order.count && b.order.count)
        return az_fail(z, &n->n, ERR_WINDOWING, e,
                       "cannot override ORDER BY clause of window \"%.*s\"", SLICE_ARG(n->base));
    if (b.unit)
        return az_fail(z, &n->n, ERR_WINDOWING, e,
                       "cannot copy window \"%.*s\" because it has a frame clause",
                       SLICE_ARG(n->base));
    out->partition = b.partition;
    if (!n->order.count)
        out->order = b.order;
    return true;
}

static bool window_frame(Analyzer *z, const NWindow *w, WindowCall *call, Err *e)
{
    bool from_start = w->start == FRAME_UNBOUNDED_PRECEDING;
    if (!w->unit)
        return true;
    if (!w->exclude && from_start && w->end == FRAME_UNBOUNDED_FOLLOWING) {
        call->whole_partition = true;
        return true;
    }
    if (!w->exclude && from_start && w->end == FRAME_CURRENT && w->unit != 'G') {
        call->rows_frame = w->unit == 'R';
        return true;
    }
    az_fail(z, &w->n, ERR_FEATURE_NOT_SUPPORTED, e, "this window frame is not supported");
    return err_hint(e,
                    "Frames are: UNBOUNDED PRECEDING to CURRENT ROW, and to UNBOUNDED FOLLOWING.");
}

static bool same_window(const QWindow *a, const QWindow *b)
{
    if (a->partition_count != b->partition_count || a->order_count != b->order_count)
        return false;
    for (size_t i = 0; i < a->partition_count; i++)
        if (!qx_equal(a->partition[i], b->partition[i]))
            return false;
    for (size_t i = 0; i < a->order_count; i++)
        if (!qx_equal(a->order[i].expr, b->order[i].expr) || a->order[i].desc != b->order[i].desc ||
            a->order[i].nulls_first != b->order[i].nulls_first)
            return false;
    return true;
}

static bool window_spec(Analyzer *z, Scope *s, const NWindow *n, QWindow *w, Err *e)
{
    w->partition = ARENA_ARRAY(z->arena, Expr *, n->partition.count + 1);
    w->order = ARENA_ARRAY(z->arena, SortKey, n->order.count + 1);
    for (; w->partition_count < n->partition.count; w->partition_count++)
        if (!az_expr(z, s, n->partition.items[w->partition_count],
                     &w->partition[w->partition_count], e) ||
            !az_resolve_unknown(z, &w->partition[w->partition_count], e))
            return false;
    for (; w->order_count < n->order.count; w->order_count++) {
        const NSort *sort = (const NSort *)n->order.items[w->order_count];
        SortKey *k = &w->order[w->order_count];
        if (!az_expr(z, s, sort->expr, &k->expr, e) || !az_resolve_unknown(z, &k->expr, e) ||
            !sortable(z, sort->expr, k->expr, e))
            return false;
        k->desc = sort->direction == 'd';
        k->nulls_first = sort->nulls ? sort->nulls == 'f' : k->desc;
    }
    return true;
}

static size_t add_window(Analyzer *z, Query *q, const QWindow *w)
{
    for (size_t i = 0; i < q->window_count; i++)
        if (same_window(&q->windows[i], w))
            return i;
    QWindow *more = ARENA_ARRAY(z->arena, QWindow, q->window_count + 1);
    if (q->window_count)
        memcpy(more, q->windows, q->window_count * sizeof *more);
    more[q->window_count] = *w;
    q->windows = more;
    return q->window_count++;
}

static bool window_allowed(Analyzer *z, const Scope *s, const NFunc *n, Err *e)
{
    bool select =
        s->place == PLACE_SELECT || s->place == PLACE_ORDER_BY || s->place == PLACE_DISTINCT_ON;
    if (s->in_agg)
        return az_fail(z, &n->n, ERR_GROUPING, e,
                       "aggregate function calls cannot contain window function calls");
    if (!select || !s->query)
        return az_fail(z, &n->n, ERR_WINDOWING, e, "window functions are not allowed in %s",
                       s->place == PLACE_WHERE      ? "WHERE"
                       : s->place == PLACE_HAVING   ? "HAVING"
                       : s->place == PLACE_GROUP_BY ? "GROUP BY"
                       : s->place == PLACE_JOIN_ON  ? "JOIN conditions"
                       : s->place == PLACE_VALUES   ? "VALUES"
                       : s->place == PLACE_UPDATE   ? "UPDATE"
                       : s->place == PLACE_WINDOW   ? "window definitions"
                                                    : "this place");
    if (n->distinct)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "DISTINCT is not implemented for window functions");
    if (n->order.count)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "aggregate ORDER BY is not implemented for window functions");
    if (n->filter)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "FILTER is not supported for window functions");
    return true;
}

bool az_window_call(Analyzer *z, Scope *s, const NFunc *n, const FuncDef *f, TypeId result,
                    Expr **args, size_t arg_count, Expr **out, Err *e)
{
    NWindow spec;
    QWindow w = {0};
    QWindowCall c = {.position = az_position(z, n->n.offset)};
    if (!window_allowed(z, s, n, e) || !whole_window(z, s, n->over, 0, &spec, e) ||
        !window_frame(z, &spec, &c.call, e))
        return false;
    Place place = s->place;
    s->place = PLACE_WINDOW;
    bool ok = window_spec(z, s, &spec, &w, e);
    s->place = place;
    if (!ok)
        return false;
    c.call.func = f;
    c.call.result = result;
    c.call.star = n->star;
    c.call.arg_count = n->star ? 0 : arg_count;
    c.call.args = ARENA_ARRAY(z->arena, Expr *, arg_count + 1);
    for (size_t i = 0; i < c.call.arg_count; i++) {
        c.call.args[i] = args[i];
        if (az_has_window(z, args[i]))
            return az_fail(z, &n->n, ERR_WINDOWING, e, "window function calls cannot be nested");
        if (!az_resolve_unknown(z, &c.call.args[i], e))
            return false;
    }
    Query *q = s->query;
    if (q->call_count >= TARGETS_MAX)
        return az_fail(z, &n->n, ERR_TOO_COMPLEX, e, "query has more than %d window calls",
                       TARGETS_MAX);
    c.window = add_window(z, q, &w);
    Rte *r = az_new_rte(z, RTE_COMPUTED, SLICE_LIT("window"), 1);
    r->cols[0] = (RteCol){.name = slice_cstr(f->name), .type = result, .typmod = -1};
    r->window = true;
    c.var = r->first_var;
    QWindowCall *more = ARENA_ARRAY(z->arena, QWindowCall, q->call_count + 1);
    if (q->call_count)
        memcpy(more, q->calls, q->call_count * sizeof *more);
    more[q->call_count++] = c;
    q->calls = more;
    *out = az_var(z, r, 0, c.position);
    return true;
}
