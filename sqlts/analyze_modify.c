/* sqlts/analyze_modify.c - UPDATE and DELETE: the rows to change, as a query.
 *
 * The source of both is a SELECT over the target and the other FROM items: the address of the stored
 * row, for UPDATE the new values, then RETURNING.  A row that several rows of the other items match
 * is changed once (PostgreSQL: which of them counts is not said). */
#include "sqlts/analyze.h"
#include "sqlts/matview.h"

typedef struct Modify {
    const NModify *n;
    const TableDef *table;
    const Rte *rte; /* the target */
    Scope scope;
    Query *q;
    uint32_t from_end; /* variables of q's FROM items end here */
    int16_t *columns;  /* of SET */
    Expr **values;     /* ... and what they become */
    size_t set_count;  /* columns in SET */
    size_t *position;  /* variable - q->var_begin -> target that carries it, + 1 */
    size_t returning_count;
    Target *returning;
} Modify;

/* ---- the target ---- */

bool az_table(Analyzer *z, const NRange *r, const TableDef **out, Err *e)
{
    Relation rel;
    if (!az_relation(z, r->schema, r->name, &r->n, &rel, e))
        return false;
    if (rel.table && rel.table->kind == TABLE_SEQUENCE)
        return az_fail(z, &r->n, ERR_WRONG_OBJECT, e, "cannot change sequence \"%.*s\"",
                       SLICE_ARG(r->name));
    if (!rel.table || rel.table->kind == TABLE_VIEW)
        return az_fail(z, &r->n, ERR_WRONG_OBJECT, e,
                       rel.table ? view_is_materialized(rel.table)
                                       ? "cannot change materialized view \"%.*s\""
                                       : "cannot change view \"%.*s\""
                                 : "cannot change system relation \"%.*s\"",
                       SLICE_ARG(r->name));
    *out = rel.table;
    return true;
}

/* ---- the inner query ---- */

static void push(Analyzer *z, Query *q, Expr *x, Slice name)
{
    size_t cap = q->target_count; /* grows by powers of two */
    if ((cap & (cap - 1)) == 0) {
        Target *more = ARENA_ARRAY(z->arena, Target, cap ? cap * 2 : 1);
        if (cap)
            memcpy(more, q->targets, cap * sizeof *more);
        q->targets = more;
    }
    q->targets[q->target_count++] = (Target){.expr = x, .name = name};
    q->visible_count = q->target_count;
}

/* The target is the table of that name, whatever WITH calls so. */
static bool modify_from(Analyzer *z, Modify *m, Err *e)
{
    ParseState ps = {.arena = z->arena, .err = e};
    NRange *target = ARENA_NEW(z->arena, NRange);
    Relation rel;
    *target = *m->n->table;
    if (!az_table(z, m->n->table, &m->table, e) ||
        !az_relation(z, target->schema, target->name, &target->n, &rel, e))
        return false;
    target->schema = rel.schema;
    target->privileges = m->n->n.kind == N_UPDATE ? PRIV_UPDATE : PRIV_DELETE;
    NodeList items = ast_list(&ps, target);
    for (size_t i = 0; i < m->n->from.count; i++)
        items = ast_append(&ps, items, m->n->from.items[i]);
    if (!az_from(z, &m->scope, &items, m->q, e))
        return false;
    az_need_rows(z, m->q, 1); /* what is changed is there; what is read besides has to be */
    m->rte = m->q->from[0]->rte;
    m->from_end = (uint32_t)z->var_count;
    return true;
}

Expr *az_address(Analyzer *z, const Rte *rte, size_t part)
{
    static const int system[ROW_ID_COLUMNS] = {
        [ROW_SERIES] = SYS_SERIES, [ROW_TIME] = SYS_TIME_NS, [ROW_NUMBER] = SYS_ROW};
    return az_var(z, rte, rte_system(rte, system[part]), 0);
}

static bool analyze_where(Analyzer *z, Modify *m, BoundModify *out, Err *e)
{
    const SqlNode *where = m->n->where;
    m->scope.place = PLACE_WHERE;
    if (!where || where->kind != N_CURRENT_OF)
        return !where || az_expr_bool(z, &m->scope, where, "WHERE", &m->q->where, e);
    if (!az_current_of(z, (const NLiteral *)where, m->rte, out, e))
        return false;
    m->q->where = out->where_address;
    return true;
}

bool az_is_key_column(const TableDef *t, int16_t column)
{
    bool key = t->columns[column].kind != COL_FIELD || t->columns[column].keyed;
    for (size_t i = 0; i < t->constraint_count; i++) {
        const ConstraintDef *c = &t->constraints[i];
        for (size_t k = 0; constraint_is_unique(c) && k < c->column_count; k++)
            key |= c->columns[k] == column;
    }
    return key;
}

/* Does a constraint want to see the whole of a changed row? */
static bool is_checked(const Modify *m)
{
    for (size_t i = 0; i < m->set_count; i++)
        if (m->table->columns[m->columns[i]].not_null)
            return true;
    for (size_t i = 0; i < m->table->constraint_count; i++)
        if (m->table->constraints[i].type == CONSTRAINT_CHECK)
            return true;
    return false;
}

static bool is_set(const Modify *m, int16_t column)
{
    for (size_t i = 0; i < m->set_count; i++)
        if (m->columns[i] == column)
            return true;
    return false;
}

/* New values; a row that moves takes all of its columns with it. */
static void push_values(Analyzer *z, Modify *m, BoundModify *out)
{
    bool *set = ARENA_ARRAY(z->arena, bool, m->table->column_count + 1u);
    out->targets = ARENA_ARRAY(z->arena, int16_t, m->table->column_count + 1u);
    for (size_t i = 0; i < m->set_count; i++) {
        const ColumnDef *c = &m->table->columns[m->columns[i]];
        out->moves |= az_is_key_column(m->table, m->columns[i]);
        out->targets[out->target_count++] = m->columns[i];
        set[m->columns[i]] = true;
        push(z, m->q, m->values[i], c->name);
    }
    for (size_t i = 0; out->moves && i < m->rte->col_count; i++) {
        int16_t c = (int16_t)(m->rte->cols[i].attnum - 1);
        /* without SET the time stays what it is to the ns, which SQL's value is not */
        if (c < 0 || set[c] || m->table->columns[c].kind == COL_TIME)
            continue;
        out->targets[out->target_count++] = c;
        push(z, m->q, az_var(z, m->rte, i, 0), m->table->columns[c].name);
        set[c] = true;
    }
    out->kept = ARENA_ARRAY(z->arena, int16_t, m->table->column_count + 1u);
    for (size_t i = 0; m->set_count && is_checked(m) && i < m->rte->col_count; i++) {
        int16_t c = (int16_t)(m->rte->cols[i].attnum - 1);
        if (c < 0 || set[c])
            continue;
        out->kept[out->kept_count++] = c;
        push(z, m->q, az_var(z, m->rte, i, 0), m->table->columns[c].name);
    }
    out->old = ARENA_ARRAY(z->arena, int16_t, m->table->column_count + 1u);
    for (size_t i = 0; m->table->kind != TABLE_SERIES && i < m->rte->col_count; i++) {
        int16_t c = (int16_t)(m->rte->cols[i].attnum - 1);
        if (c < 0 || !is_set(m, c) || !az_is_key_column(m->table, c))
            continue;
        out->old[out->old_count++] = c;
        push(z, m->q, az_var(z, m->rte, i, 0), m->table->columns[c].name);
    }
}

static void each_once(Analyzer *z, Query *q)
{
    q->distinct = true;
    q->distinct_on = ARENA_ARRAY(z->arena, size_t, ROW_ID_COLUMNS);
    for (size_t i = 0; i < ROW_ID_COLUMNS; i++)
        q->distinct_on[q->distinct_on_count++] = i;
}

/* ---- RETURNING: over the new row, so it reads the columns of the query above ---- */

static bool of_from(const Modify *m, const Expr *x)
{
    return x->kind == EXPR_COLUMN && x->index >= m->q->var_begin && x->index < m->from_end;
}

typedef struct Carry {
    Analyzer *z;
    Modify *m;
    const Rte *above;
} Carry;

/* The inner query hands out each variable that RETURNING reads; those in SET as they will be. */
static bool carry(void *arg, Expr **slot)
{
    Carry *c = arg;
    Modify *m = c->m;
    const Expr *x = *slot;
    if (!of_from(m, x) || m->position[x->index - m->q->var_begin])
        return false;
    size_t *at = &m->position[x->index - m->q->var_begin];
    const VarInfo *v = &c->z->vars[x->index];
    for (size_t i = 0; v->rte == m->rte && i < m->set_count; i++)
        if (m->columns[i] == v->rte->cols[v->col].attnum - 1)
            *at = ROW_ID_COLUMNS + i + 1;
    if (*at == 0) {
        push(c->z, m->q, qx_copy(c->z->arena, x), v->rte->cols[v->col].name);
        *at = m->q->target_count;
    }
    return false;
}

static bool read_above(void *arg, Expr **slot)
{
    Carry *c = arg;
    const Expr *x = *slot;
    if (of_from(c->m, x))
        *slot =
            az_var(c->z, c->above, c->m->position[x->index - c->m->q->var_begin] - 1, x->position);
    return false;
}

static bool analyze_returning(Analyzer *z, Modify *m, Err *e)
{
    m->scope.place = PLACE_RETURNING;
    m->scope.query = NULL;
    if (!az_targets(z, &m->scope, &m->n->returning, &m->returning, &m->returning_count, e))
        return false;
    for (size_t i = 0; i < m->returning_count; i++)
        if (!az_resolve_unknown(z, &m->returning[i].expr, e))
            return false;
    return true;
}

static Query *wrap_returning(Analyzer *z, Modify *m, size_t kept)
{
    Carry c = {.z = z, .m = m};
    m->position = ARENA_ARRAY(z->arena, size_t, m->from_end - m->q->var_begin + 1);
    for (size_t i = 0; i < m->returning_count; i++)
        qx_walk_deep(z, &m->returning[i].expr, carry, &c);
    az_set_columns(z, m->q);
    Query *outer = az_wrap_query(z, m->q);
    c.above = outer->from[0]->rte;
    Target *targets = ARENA_ARRAY(z->arena, Target, kept + m->returning_count + 1);
    memcpy(targets, outer->targets, kept * sizeof *targets);
    outer->targets = targets;
    outer->target_count = kept;
    for (size_t i = 0; i < m->returning_count; i++) {
        qx_walk_deep(z, &m->returning[i].expr, read_above, &c);
        targets[outer->target_count++] = m->returning[i];
    }
    outer->visible_count = outer->target_count;
    outer->var_end = (uint32_t)z->var_count;
    az_set_columns(z, outer);
    return outer;
}

/* ---- DELETE of ranges ---- */

/* Nothing but tags and times decide: whole stretches of series go, and nobody looks at the rows. */
static bool try_range(Analyzer *z, const NModify *n, BoundModify *out, Err *e)
{
    const Plan *root = out->source.plan.root;
    const PlanScan *scan = (const PlanScan *)root;
    if (n->n.kind != N_DELETE || n->from.count || out->returns || out->cursor.ptr ||
        root->kind != PLAN_SCAN || scan->filter || scan->recheck || scan->per_series_limit)
        return true;
    ParseState ps = {.arena = z->arena, .err = e};
    NSelect *s = AST(&ps, NSelect, N_SELECT, n->n.offset);
    NodeList none = {0};
    NFunc *count = (NFunc *)ast_func(&ps, n->n.offset, "count", none);
    count->star = true;
    s->form = SELECT_PLAIN;
    s->ctes = n->ctes;
    s->recursive = n->recursive;
    s->targets =
        ast_list(&ps, ast_target(&ps, N_TARGET, n->n.offset, SLICE_NONE, (SqlNode *)count));
    NRange *from = ARENA_NEW(z->arena, NRange);
    *from = *n->table;
    from->privileges = PRIV_DELETE;
    s->from = ast_list(&ps, from);
    s->where = n->where;
    out->is_range = true;
    return az_bound_query(z, s, &out->count, e);
}

/* ---- the statement ---- */

static bool modify_query(Analyzer *z, Modify *m, BoundModify *out, Err *e)
{
    Query *q = m->q;
    if (!az_ctes(z, &m->scope, &m->n->ctes, m->n->recursive, e) || !modify_from(z, m, e))
        return false;
    Expr **stored = ARENA_ARRAY(z->arena, Expr *, m->table->column_count + 1u);
    for (size_t i = 0; i < m->rte->col_count; i++)
        if (m->rte->cols[i].attnum > 0)
            stored[m->rte->cols[i].attnum - 1] = az_var(z, m->rte, i, 0);
    if (!az_set_list(z, &m->scope, m->table, &m->n->set, stored, &m->columns, &m->values,
                     &m->set_count, e))
        return false;
    az_use_columns(m->rte->use, PRIV_UPDATE, m->columns, m->set_count);
    if (!analyze_where(z, m, out, e))
        return false;
    for (size_t i = 0; i < ROW_ID_COLUMNS; i++)
        push(z, q, az_address(z, m->rte, i), SLICE_NONE);
    push_values(z, m, out);
    if (m->n->from.count)
        each_once(z, q);
    q->ctes = m->scope.ctes;
    q->var_end = (uint32_t)z->var_count;
    size_t kept = q->target_count;
    if (m->n->returning.count) {
        if (!analyze_returning(z, m, e))
            return false;
        m->q = wrap_returning(z, m, kept);
    } else {
        az_set_columns(z, q);
    }
    out->table = m->table;
    out->returns = m->n->returning.count > 0;
    out->returning_count = m->returning_count;
    return true;
}

bool az_modify_query(Analyzer *z, Scope *with, const NModify *n, Bound *b, Query **q, Err *e)
{
    Modify m = {.n = n, .q = ARENA_NEW(z->arena, Query)};
    b->kind = BOUND_MODIFY;
    b->tag = n->n.kind == N_UPDATE ? "UPDATE" : "DELETE";
    m.q->form = QUERY_PLAIN;
    m.q->var_begin = (uint32_t)z->var_count;
    az_scope_init(&m.scope, with, m.q);
    if (!modify_query(z, &m, &b->u.modify, e))
        return false;
    *q = m.q;
    return true;
}

bool az_modify_plan(Analyzer *z, const NModify *n, Bound *b, Query *q, Err *e)
{
    BoundModify *out = &b->u.modify;
    for (size_t i = 0; out->cursor.ptr && i < ROW_ID_COLUMNS; i++)
        out->address[i]->index = (uint32_t)(z->param_count + i);
    if (!plan_statement(z, q, &out->source, e))
        return false;
    out->returning = out->source.cols + (out->source.col_count - out->returning_count);
    /* A range would take along what other parts of the statement write. */
    if (z->part_count == 0 && !try_range(z, n, out, e))
        return false;
    bool update = n->n.kind == N_UPDATE;
    out->source.plan.operation = update ? "Update" : "Delete";
    out->source.plan.target = out->table->name;
    out->source.plan.method = out->is_range ? "one tombstone over series and time"
                              : !update     ? "a tombstone for each row"
                              : out->moves  ? "a tombstone and a new row for each row"
                                            : "a newer row over each row";
    return true;
}

bool az_modify(Analyzer *z, const NModify *n, Bound *b, Err *e)
{
    Query *q;
    return az_modify_query(z, NULL, n, b, &q, e) && az_finish_params(z, e) &&
           az_modify_plan(z, n, b, q, e);
}
