/* sqlts/analyze_dml.c - INSERT. */
#include "sqlts/analyze.h"

QualifiedName az_qualified(Analyzer *z, const NRange *r)
{
    return (QualifiedName){r->schema, r->name, az_position(z, r->n.offset)};
}

/* ---- which columns ---- */

/* INSERT INTO t (c[1]): the subscripts, or NULL. */
static const NodeList *part_steps(const SqlNode *column)
{
    return column->kind == N_INDIRECT ? &((const NIndirect *)column)->steps : NULL;
}

static bool column_index(Analyzer *z, const TableDef *t, const SqlNode *at, int16_t *out, Err *e)
{
    const SqlNode *name = part_steps(at) ? ((const NIndirect *)at)->arg : at;
    const ColumnDef *c = table_column(t, ast_name_text(name));
    if (!c)
        return az_fail(z, name, ERR_UNDEFINED_COLUMN, e,
                       "column \"%.*s\" of relation \"%.*s\" does not exist",
                       SLICE_ARG(ast_name_text(name)), SLICE_ARG(t->name));
    *out = (int16_t)(c - t->columns);
    return true;
}

/* The named columns, each once, or all; room for the defaults behind them. */
bool az_column_list(Analyzer *z, const TableDef *t, const NodeList *names, int16_t **out,
                    size_t *count, Err *e)
{
    enum { WHOLE = 1, PART = 2 };
    int16_t *list = ARENA_ARRAY(z->arena, int16_t, t->column_count + 1u);
    uint8_t *seen = ARENA_ARRAY(z->arena, uint8_t, t->column_count + 1u);
    *count = 0;
    for (size_t i = 0; i < names->count; i++) {
        int16_t c = 0;
        if (!column_index(z, t, names->items[i], &c, e))
            return false;
        bool part = part_steps(names->items[i]) != NULL;
        if (seen[c] == WHOLE || (seen[c] && !part))
            return az_fail(z, names->items[i], ERR_DUPLICATE_COLUMN, e,
                           "column \"%.*s\" specified more than once",
                           SLICE_ARG(t->columns[c].name));
        if (!seen[c])
            list[(*count)++] = c;
        seen[c] = part ? PART : WHOLE;
    }
    for (uint16_t c = 0; names->count == 0 && c < t->column_count; c++)
        if (!t->columns[c].dropped)
            list[(*count)++] = (int16_t)c;
    *out = list;
    return true;
}

/* ---- values on their way into a column ---- */

bool az_assign(Analyzer *z, const ColumnDef *c, const SqlNode *at, Expr **x, Err *e)
{
    TypeId from = (*x)->type;
    if (az_coerce(z, *x, c->type_oid, c->typmod, CAST_ASSIGN, x, e))
        return true;
    if (e->code != ERR_CANNOT_COERCE && e->code != ERR_DATATYPE_MISMATCH)
        return false;
    Slice want = az_type_name(z, c->type_oid, -1), have = az_type_name(z, from, -1);
    int position = e->position;
    err_set(e, ERR_DATATYPE_MISMATCH,
            "column \"%.*s\" is of type %.*s but expression is of type %.*s", SLICE_ARG(c->name),
            SLICE_ARG(want), SLICE_ARG(have));
    err_hint(e, "You will need to rewrite or cast the expression.");
    err_at(e, position);
    return az_at(z, at, e);
}

bool az_column_default(Analyzer *z, const TableDef *t, int16_t index, Expr **out, Err *e)
{
    return sql_column_default(z->env, z->arena, &t->columns[index], out, e);
}

/* ---- VALUES ---- */

typedef struct Insert {
    const NInsert *n;
    const TableDef *table;
    int16_t *targets;
    size_t given;    /* values that the statement gives for each row */
    size_t *place;   /* ... the target of each; parts of a column share one */
    size_t named;    /* columns that the statement gives */
    size_t count;    /* with those that have a default */
    Expr **defaults; /* of targets[named..count) */
} Insert;

static bool too_many(Analyzer *z, const SqlNode *at, Err *e)
{
    return az_fail(z, at, ERR_SYNTAX, e, "INSERT has more expressions than target columns");
}

static bool too_few(Analyzer *z, const Insert *in, size_t given, Err *e)
{
    return az_fail(z, in->n->columns.items[given], ERR_SYNTAX, e,
                   "INSERT has more target columns than expressions");
}

/* Without a column list a short row fills the first columns. */
static bool fit_width(Analyzer *z, Insert *in, size_t width, const SqlNode *extra, Err *e)
{
    if (width > in->given)
        return too_many(z, extra, e);
    if (width < in->given && in->n->columns.count)
        return too_few(z, in, width, e);
    if (in->n->columns.count == 0)
        in->named = width;
    in->given = width;
    return true;
}

/* Which target does each of the values go to? */
static bool place_values(Analyzer *z, Insert *in, Err *e)
{
    const NodeList *columns = &in->n->columns;
    in->given = columns->count ? columns->count : in->named;
    in->place = ARENA_ARRAY(z->arena, size_t, in->given + 1);
    for (size_t i = 0; i < in->given; i++) {
        int16_t c = 0;
        in->place[i] = i;
        if (columns->count && !column_index(z, in->table, columns->items[i], &c, e))
            return false;
        for (in->place[i] = columns->count ? 0 : i;
             columns->count && in->targets[in->place[i]] != c; in->place[i]++) {
        }
    }
    return true;
}

static const NodeList *steps_of(const Insert *in, size_t i)
{
    return in->n->columns.count ? part_steps(in->n->columns.items[i]) : NULL;
}

/* Value i of a row on its way into *slot, which holds what parts before it made. */
static bool put_value(Analyzer *z, Scope *s, const Insert *in, size_t i, const SqlNode *at, Expr *x,
                      Expr **slot, Err *e)
{
    const ColumnDef *c = &in->table->columns[in->targets[in->place[i]]];
    const NodeList *steps = steps_of(in, i);
    if (!steps)
        return az_assign(z, c, at, &x, e) && (*slot = x, true);
    Expr *whole = *slot ? *slot : az_const(z, c->type_oid, value_null(), 0);
    const SqlNode *target = in->n->columns.items[i];
    if (!az_assign_part(z, s, c, target, steps, whole, &x, e))
        return false;
    *slot = x;
    return true;
}

/* Columns that the statement leaves out and that have a default follow the named ones. */
static bool add_defaults(Analyzer *z, Insert *in, Err *e)
{
    const TableDef *t = in->table;
    bool *named = ARENA_ARRAY(z->arena, bool, t->column_count + 1u);
    in->defaults = ARENA_ARRAY(z->arena, Expr *, t->column_count + 1u);
    for (size_t i = 0; i < in->named; i++)
        named[in->targets[i]] = true;
    in->count = in->named;
    for (uint16_t c = 0; c < t->column_count; c++) {
        if (named[c] || t->columns[c].dropped || t->columns[c].default_sql.len == 0)
            continue;
        if (!az_column_default(z, t, (int16_t)c, &in->defaults[in->count - in->named], e))
            return false;
        in->targets[in->count++] = (int16_t)c;
    }
    return true;
}

/* GENERATED ALWAYS takes no value but its own. */
static bool may_give(const Insert *in, const ColumnDef *c, Err *e)
{
    if (c->identity != 'a' || in->n->overriding)
        return true;
    err_set(e, ERR_GENERATED_ALWAYS, "cannot insert a non-DEFAULT value into column \"%.*s\"",
            SLICE_ARG(c->name));
    err_detail(e, "Column \"%.*s\" is an identity column defined as GENERATED ALWAYS.",
               SLICE_ARG(c->name));
    return err_hint(e, "Use OVERRIDING SYSTEM VALUE to override.");
}

static bool value_row(Analyzer *z, Scope *s, const Insert *in, const NMulti *row, Expr **out,
                      Err *e)
{
    for (size_t i = 0; i < in->given; i++) {
        const SqlNode *item = row->args.items[i];
        const NodeList *steps = steps_of(in, i);
        int16_t target = in->targets[in->place[i]];
        Expr **slot = &out[in->place[i]], *x;
        const ColumnDef *c = &in->table->columns[target];
        bool user = c->identity && in->n->overriding == 'u';
        if (steps && item->kind == N_DEFAULT)
            return az_no_part_default(z, c, in->n->columns.items[i], steps, e);
        if (item->kind == N_DEFAULT || user) {
            if (!az_column_default(z, in->table, target, slot, e))
                return false;
        } else if (!may_give(in, c, e) || !az_expr(z, s, item, &x, e) ||
                   !put_value(z, s, in, i, item, x, slot, e)) {
            return false;
        }
    }
    for (size_t i = in->named; i < in->count; i++)
        out[i] = qx_copy(z->arena, in->defaults[i - in->named]);
    return true;
}

static void values_output(Analyzer *z, const Insert *in, Query *q)
{
    q->out = az_new_rte(z, RTE_COMPUTED, SLICE_NONE, in->count);
    q->targets = ARENA_ARRAY(z->arena, Target, in->count + 1);
    for (size_t i = 0; i < in->count; i++) {
        const ColumnDef *c = &in->table->columns[in->targets[i]];
        q->out->cols[i] = (RteCol){.name = c->name, .type = c->type_oid, .typmod = c->typmod};
        q->targets[i] = (Target){.expr = az_var(z, q->out, i, 0), .name = c->name};
    }
    q->target_count = q->visible_count = in->count;
    az_set_columns(z, q);
    q->var_end = (uint32_t)z->var_count;
}

static bool insert_values(Analyzer *z, Scope *outer, Insert *in, Query **out, Err *e)
{
    const NSelect *n = in->n->query;
    size_t width = ((const NMulti *)n->rows.items[0])->args.count;
    const SqlNode *extra =
        width > in->given ? ((const NMulti *)n->rows.items[0])->args.items[in->given] : NULL;
    if (!fit_width(z, in, width, extra, e) || !add_defaults(z, in, e))
        return false;
    Query *q = ARENA_NEW(z->arena, Query);
    Scope s;
    q->form = QUERY_VALUES;
    q->var_begin = (uint32_t)z->var_count;
    az_scope_init(&s, outer, q);
    s.place = PLACE_VALUES;
    q->rows = ARENA_ARRAY(z->arena, Expr **, n->rows.count);
    for (size_t r = 0; r < n->rows.count; r++) {
        const NMulti *row = (const NMulti *)n->rows.items[r];
        if (row->args.count != width)
            return az_fail(z, row->args.items[0], ERR_SYNTAX, e,
                           "VALUES lists must all be the same length");
        q->rows[r] = ARENA_ARRAY(z->arena, Expr *, in->count + 1);
        if (!value_row(z, &s, in, row, q->rows[r], e))
            return false;
        q->row_count++;
    }
    values_output(z, in, q);
    *out = q;
    return true;
}

static bool insert_default_values(Analyzer *z, Insert *in, Query **out, Err *e)
{
    in->named = 0;
    if (!add_defaults(z, in, e))
        return false;
    if (in->count == 0) { /* at least one column, so that there is a row */
        for (uint16_t c = 0; c < in->table->column_count && in->count == 0; c++)
            if (!in->table->columns[c].dropped) {
                in->targets[in->count++] = (int16_t)c;
                if (!az_column_default(z, in->table, (int16_t)c, &in->defaults[0], e))
                    return false;
            }
    }
    Query *q = ARENA_NEW(z->arena, Query);
    q->form = QUERY_VALUES;
    q->var_begin = (uint32_t)z->var_count;
    q->row_count = 1;
    q->rows = ARENA_ARRAY(z->arena, Expr **, 1);
    q->rows[0] = in->defaults;
    values_output(z, in, q);
    *out = q;
    return true;
}

/* ---- SELECT ---- */

/* The rows of a SELECT as the columns take them, with the defaults. */
static bool wrap_values(Analyzer *z, Scope *outer, const Insert *in, Query **query, Err *e)
{
    Query *q = *query = az_wrap_query(z, *query);
    Target *targets = ARENA_ARRAY(z->arena, Target, in->count + 1);
    const NodeList *list = &in->n->query->targets;
    for (size_t i = 0; i < in->given; i++) {
        int16_t target = in->targets[in->place[i]];
        const ColumnDef *c = &in->table->columns[target];
        Target *t = &targets[in->place[i]];
        const SqlNode *at = list->count > i ? list->items[i] : &in->n->query->n;
        t->name = c->name;
        if (c->identity && in->n->overriding == 'u'
                ? !az_column_default(z, in->table, target, &t->expr, e)
                : !put_value(z, outer, in, i, at, q->targets[i].expr, &t->expr, e))
            return false;
    }
    for (size_t i = in->named; i < in->count; i++)
        targets[i] = (Target){.expr = in->defaults[i - in->named],
                              .name = in->table->columns[in->targets[i]].name};
    q->targets = targets;
    q->target_count = q->visible_count = in->count;
    az_set_columns(z, q);
    return true;
}

static bool insert_select(Analyzer *z, Scope *outer, Insert *in, Query **out, Err *e)
{
    Query *q;
    if (!az_select(z, outer, in->n->query, AZ_KEEP_UNKNOWN, &q, e) ||
        !fit_width(z, in, q->visible_count, &in->n->query->n, e) || !add_defaults(z, in, e))
        return false;
    bool same = in->count == in->given;
    /* an untyped literal under DISTINCT or a set operation is decided by the column, as far as it can be */
    TypeId *types = ARENA_ARRAY(z->arena, TypeId, in->given + 1);
    for (size_t i = 0; i < in->given; i++) {
        const ColumnDef *c = &in->table->columns[in->targets[in->place[i]]];
        const Expr *x = q->targets[i].expr;
        TypeId want = c->type_oid;
        if (!may_give(in, c, e) || (steps_of(in, i) && !az_part_type(z, c, in->n->columns.items[i],
                                                                     steps_of(in, i), &want, e)))
            return false;
        same &= !steps_of(in, i) && in->place[i] == i && !(c->identity && in->n->overriding == 'u');
        same &= x->type == c->type_oid && (c->typmod < 0 || c->typmod == x->typmod);
        types[i] = x->type == T_UNKNOWN ? want : x->type;
    }
    if (!az_coerce_query(z, &q, types, NULL, CAST_ASSIGN, e))
        return false;
    if (!same && !wrap_values(z, outer, in, &q, e))
        return false;
    *out = q;
    return true;
}

/* ---- RETURNING ---- */

/* A list without subqueries is computed as the rows are written. */
static bool returning_plain(Analyzer *z, const Rte *rte, const Target *targets, size_t count,
                            BoundInsert *b, Err *e)
{
    b->returning = ARENA_ARRAY(z->arena, Expr *, count + 1);
    b->returning_cols = ARENA_ARRAY(z->arena, OutColumn, count + 1);
    b->returning_count = count;
    for (size_t i = 0; i < count; i++) {
        Expr *x = targets[i].expr;
        b->returning_cols[i] =
            (OutColumn){.name = targets[i].name, .type = x->type, .typmod = x->typmod};
        if (x->kind == EXPR_COLUMN) {
            b->returning_cols[i].table = b->table->id;
            b->returning_cols[i].attnum = rte->cols[z->vars[x->index].col].attnum;
        }
        if (!plan_table_expr(z, rte, &x, e))
            return false;
        b->returning[i] = x;
    }
    return true;
}

/* *q: the query over the rows that come back, if the list has subqueries. */
static bool returning(Analyzer *z, Scope *outer, const NInsert *n, BoundInsert *b, Query **q,
                      Rte **rte, Err *e)
{
    Scope s;
    Query *above = ARENA_NEW(z->arena, Query);
    bool sublinks = false;
    above->form = QUERY_PLAIN;
    above->var_begin = (uint32_t)z->var_count;
    az_scope_init(&s, outer, NULL);
    s.place = PLACE_RETURNING;
    az_scope_add_table(z, &s, b->table, n->table->alias, rte);
    (*rte)->use = b->use;
    if (!az_targets(z, &s, &n->returning, &above->targets, &above->target_count, e))
        return false;
    for (size_t i = 0; i < above->target_count; i++) {
        if (!az_resolve_unknown(z, &above->targets[i].expr, e))
            return false;
        sublinks |= qx_has(above->targets[i].expr, QX_SUBLINK);
    }
    *q = NULL;
    if (!sublinks)
        return returning_plain(z, *rte, above->targets, above->target_count, b, e);
    above->visible_count = above->target_count;
    above->from = ARENA_ARRAY(z->arena, From *, 1);
    above->from[0] = ARENA_NEW(z->arena, From);
    above->from[0]->rte = *rte;
    above->from_count = 1;
    above->var_end = (uint32_t)z->var_count;
    az_set_columns(z, above);
    *q = above;
    return true;
}

static bool source(Analyzer *z, Scope *outer, Insert *in, Query **q, Err *e)
{
    const NSelect *n = in->n->query;
    bool rows = n && n->form == SELECT_VALUES && !n->order.count && !n->limit && !n->offset &&
                !n->ctes.count;
    if (!n     ? !insert_default_values(z, in, q, e)
        : rows ? !insert_values(z, outer, in, q, e)
               : !insert_select(z, outer, in, q, e))
        return false;
    if (outer->ctes) {
        Cte *last = outer->ctes;
        while (last->next)
            last = last->next;
        last->next = (*q)->ctes;
        (*q)->ctes = outer->ctes;
    }
    return true;
}

bool az_insert_query(Analyzer *z, Scope *with, const NInsert *n, Bound *b, Query **q, Err *e)
{
    BoundInsert *out = &b->u.insert;
    Insert in = {.n = n};
    Scope outer;
    Query *above = NULL;
    Rte *rows;
    b->kind = BOUND_INSERT;
    b->tag = "INSERT 0";
    az_scope_init(&outer, with, NULL);
    if (!az_ctes(z, &outer, &n->ctes, n->recursive, e) || !az_table(z, n->table, &in.table, e) ||
        !az_column_list(z, in.table, &n->columns, &in.targets, &in.named, e) ||
        !place_values(z, &in, e))
        return false;
    out->use = az_use(z, in.table, PRIV_INSERT);
    Cte *ctes = outer.ctes;
    if (!source(z, &outer, &in, q, e))
        return false;
    out->table = in.table;
    out->targets = in.targets;
    out->target_count = in.count;
    az_use_columns(out->use, PRIV_INSERT, in.targets, in.named);
    if ((n->returning.count && !returning(z, &outer, n, out, &above, &rows, e)) ||
        (n->conflict && !az_on_conflict(z, n, in.count > in.named, q, out, e)))
        return false;
    if (above) {
        az_insert_as_part(z, rows, b, *q, ctes);
        b->kind = BOUND_QUERY;
        *q = above;
    }
    return true;
}

bool az_insert_plan(Analyzer *z, Bound *b, Query *q, Err *e)
{
    BoundInsert *out = &b->u.insert;
    if (b->kind == BOUND_QUERY) {
        b->u.query = (BoundQuery){0};
        return plan_statement(z, q, &b->u.query, e);
    }
    if (!plan_statement(z, q, &out->source, e))
        return false;
    out->source.plan.operation = "Insert";
    out->source.plan.target = out->table->name;
    return true;
}

bool az_insert(Analyzer *z, const NInsert *n, Bound *b, Err *e)
{
    Query *q;
    return az_insert_query(z, NULL, n, b, &q, e) && az_finish_params(z, e) &&
           az_insert_plan(z, b, q, e);
}
