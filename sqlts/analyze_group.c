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

bool az_sort_key(Analyzer *z, const NSort *n, const Expr *x, bool *desc, bool *nulls_first, Err *e)
{
    const TypeDef *t = type_find(x->type);
    *desc = n->direction == 'd';
    if (n->direction == 'u') {
        *desc = slice_eq_cstr(n->op, ">");
        if (!*desc && !slice_eq_cstr(n->op, "<")) {
            az_fail(z, &n->n, ERR_WRONG_OBJECT, e, "operator %.*s is not a valid ordering operator",
                    SLICE_ARG(n->op));
            return err_hint(e, "Ordering operators must be \"<\" or \">\" members of btree "
                               "operator families.");
        }
    }
    *nulls_first = n->nulls ? n->nulls == 'f' : *desc;
    if (x->type == T_UNKNOWN || (t && t->cmp))
        return true;
    Slice name = az_type_name(z, x->type, -1);
    az_fail(z, n->expr, ERR_UNDEFINED_FUNCTION, e,
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
        bool desc, nulls_first;
        if (!find_target(z, s, sort->expr, q, "ORDER BY", &target, e) ||
            !az_sort_key(z, sort, q->targets[target].expr, &desc, &nulls_first, e))
            return false;
        bool again = false;
        for (size_t k = 0; k < q->order_count && !again; k++)
            again = q->order[k].target == (size_t)target;
        if (again)
            continue;
        q->order[q->order_count++] = (QSort){(size_t)target, desc, nulls_first};
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
    const Expr *agg = az_find_agg(z, q, *out);
    if (agg) {
        err_set(e, ERR_GROUPING, "aggregate functions are not allowed in GROUP BY");
        return err_at(e, agg->position);
    }
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

bool az_find_position(void *arg, Expr **slot)
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
        qx_walk_query(r->z, r->z->sublinks[sublink->index].query, az_find_position, r->bad);
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

/* Inside subqueries the columns that are keys, and aggregates of this query, become columns of the
 * grouping's output. */
static bool replace_key(void *arg, Expr **slot)
{
    SubKeys *k = arg;
    const OuterAgg *agg = qx_kind(*slot) == QX_OUTER_AGG ? &k->z->outer_aggs[(*slot)->index] : NULL;
    if (agg && agg->owner == k->q) {
        *slot = az_var(k->z, k->q->group,
                       k->q->key_count + (agg->grouping ? k->q->agg_count : 0) + agg->agg,
                       (*slot)->position);
        return true;
    }
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

/* ---- columns that depend on the grouped ones (SQL:1999, feature T301) ---- */

static bool in_all_sets(const Query *q, size_t key)
{
    for (size_t i = 0; i < q->set_count; i++) {
        size_t k = 0;
        while (k < q->sets[i].count && q->sets[i].keys[k] != key)
            k++;
        if (k == q->sets[i].count)
            return false;
    }
    return true;
}

static bool is_grouped(const Query *q, uint32_t var)
{
    for (size_t i = 0; i < q->key_count; i++)
        if (q->keys[i]->kind == EXPR_COLUMN && q->keys[i]->index == var && in_all_sets(q, i))
            return true;
    return false;
}

/* Is the table's primary key grouped, so that a group has one of its rows? */
static bool has_one_row(const Query *q, const Rte *rte)
{
    const TableDef *t = rte->kind == RTE_TABLE ? rte->table : NULL;
    for (size_t i = 0; t && i < t->constraint_count; i++) {
        const ConstraintDef *c = &t->constraints[i];
        size_t k = 0;
        while (k < c->column_count && is_grouped(q, rte->first_var + (uint32_t)c->columns[k]))
            k++;
        if (c->type == CONSTRAINT_PRIMARY_KEY && k == c->column_count)
            return true;
    }
    return false;
}

/* Such a column becomes one more key, which changes no group. */
static void add_dependent(Analyzer *z, Query *q, uint32_t var)
{
    const Rte *rte = z->vars[var].rte;
    if (var < q->var_begin || is_key_column(q, var) || q->key_count >= TARGETS_MAX ||
        !has_one_row(q, rte))
        return;
    for (size_t i = 0; i < q->set_count; i++) {
        KeySet *set = &q->sets[i];
        size_t *more = ARENA_ARRAY(z->arena, size_t, set->count + 1);
        memcpy(more, set->keys, set->count * sizeof *more);
        more[set->count] = q->key_count;
        *set = (KeySet){more, set->count + 1};
    }
    *AZ_PUSH(z, q->keys, q->key_count, q->key_cap) = az_var(z, rte, z->vars[var].col, 0);
}

static bool find_dependent(void *arg, Expr **slot)
{
    SubKeys *k = arg;
    const Expr *x = *slot;
    for (size_t i = 0; i < k->q->key_count; i++)
        if (qx_equal(k->q->keys[i], x))
            return true;
    if (qx_kind(x) == QX_AGG)
        return true;
    if (x->kind == EXPR_COLUMN)
        add_dependent(k->z, k->q, x->index);
    if (qx_kind(x) == QX_SUBLINK) {
        uint32_t vars = k->z->var_count;
        VarSet outer = varset_new(k->z->arena, vars);
        query_outer_vars(k->z, k->z->sublinks[x->index].query, &outer);
        for (uint32_t v = k->q->var_begin; v < vars; v++)
            if (varset_has(&outer, v))
                add_dependent(k->z, k->q, v);
    }
    return false;
}

static void add_dependents(Analyzer *z, Query *q)
{
    SubKeys k = {z, q};
    bool keyed = false;
    for (size_t i = 0; i < q->key_count; i++)
        keyed |= q->keys[i]->kind == EXPR_COLUMN && has_one_row(q, z->vars[q->keys[i]->index].rte);
    if (!keyed)
        return;
    for (size_t i = 0; i < q->target_count; i++)
        qx_walk(&q->targets[i].expr, find_dependent, &k);
    if (q->having)
        qx_walk(&q->having, find_dependent, &k);
    for (size_t i = 0; i < q->window_count; i++) {
        QWindow *w = &q->windows[i];
        for (size_t n = 0; n < w->partition_count; n++)
            qx_walk(&w->partition[n], find_dependent, &k);
        for (size_t n = 0; n < w->order_count; n++)
            qx_walk(&w->order[n].expr, find_dependent, &k);
    }
    for (size_t i = 0; i < q->call_count; i++) {
        WindowCall *c = &q->calls[i].call;
        for (size_t n = 0; n < c->arg_count; n++)
            qx_walk(&c->args[n], find_dependent, &k);
        if (c->filter)
            qx_walk(&c->filter, find_dependent, &k);
    }
    for (size_t i = 0; i < q->direct_count; i++)
        qx_walk(&q->directs[i], find_dependent, &k);
    for (size_t f = 0; f < q->fill_count; f++)
        for (size_t i = 0; i < QFILL_EXPRS; i++)
            if (*qfill_expr(&q->fills[f], i))
                qx_walk(qfill_expr(&q->fills[f], i), find_dependent, &k);
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

static bool regroup_list(Analyzer *z, Query *q, Expr **items, size_t n, Err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!regroup_expr(z, q, &items[i], e))
            return false;
    return true;
}

static bool regroup_windows(Analyzer *z, Query *q, Err *e)
{
    for (size_t i = 0; i < q->window_count; i++) {
        QWindow *w = &q->windows[i];
        if (!regroup_list(z, q, w->partition, w->partition_count, e))
            return false;
        for (size_t k = 0; k < w->order_count; k++)
            if (!regroup_expr(z, q, &w->order[k].expr, e))
                return false;
    }
    for (size_t i = 0; i < q->call_count; i++) {
        WindowCall *c = &q->calls[i].call;
        if (!regroup_list(z, q, c->args, c->arg_count, e) || !regroup_expr(z, q, &c->filter, e) ||
            !regroup_expr(z, q, &c->frame.start_offset, e) ||
            !regroup_expr(z, q, &c->frame.end_offset, e))
            return false;
    }
    return true;
}

bool az_apply_grouping(Analyzer *z, Query *q, Err *e)
{
    if (!az_match_groupings(q, e))
        return false;
    add_dependents(z, q);
    group_output(z, q);
    for (size_t i = 0; i < q->target_count; i++)
        if (!regroup_expr(z, q, &q->targets[i].expr, e))
            return false;
    if (!regroup_expr(z, q, &q->having, e))
        return false;
    for (size_t i = 0; i < q->direct_count; i++)
        if (!regroup_expr(z, q, &q->directs[i], e))
            return err_detail(
                e, "Direct arguments of an ordered-set aggregate must use only grouped columns.");
    for (size_t f = 0; f < q->fill_count; f++)
        for (size_t i = 0; i < QFILL_EXPRS; i++)
            if (!regroup_expr(z, q, qfill_expr(&q->fills[f], i), e))
                return false;
    return regroup_windows(z, q, e);
}
