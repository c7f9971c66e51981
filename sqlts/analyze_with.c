/* sqlts/analyze_with.c - statements of several parts: data-modifying WITH.
 *
 * INSERT, UPDATE and DELETE in the WITH clause of a statement are statements of their own, which run
 * before it, in order, on its snapshot; each reads the rows that the ones before it gave.  A plain WITH
 * query beside them becomes a part as well: it runs once, whoever reads it.  So does an INSERT whose
 * RETURNING has subqueries: the statement is then a query over its rows. */
#include "sqlts/analyze.h"

struct Part {
    Cte *cte;
    Bound *bound;
    Query *query; /* NULL: of the WITH query itself */
    const NModify *modify;
};

Bound *az_add_part(Analyzer *z, Cte *c)
{
    Bound *b = ARENA_NEW(z->arena, Bound);
    c->given = true;
    *AZ_PUSH(z, z->parts, z->part_count, z->part_cap) = (Part){.cte = c, .bound = b};
    return b;
}

static bool modifies(const NodeList *ctes)
{
    for (size_t i = 0; i < ctes->count; i++)
        if (((const NCte *)ctes->items[i])->query->kind != N_SELECT)
            return true;
    return false;
}

bool az_has_parts(const Analyzer *z, const NodeList *ctes)
{
    return ctes == z->top && modifies(ctes);
}

/* What RETURNING gives; none: no columns. */
static void part_columns(Part *p, const OutColumn **cols, size_t *count)
{
    const Bound *b = p->bound;
    if (b->kind == BOUND_INSERT) {
        *cols = b->u.insert.returning_cols;
        *count = b->u.insert.returning_count;
        return;
    }
    *count = b->kind == BOUND_MODIFY ? b->u.modify.returning_count : p->query->visible_count;
    *cols = p->query->cols + (p->query->visible_count - *count);
}

static bool name_columns(Analyzer *z, const NCte *n, Part *p, Err *e)
{
    Cte *c = p->cte;
    const OutColumn *cols;
    part_columns(p, &cols, &c->col_count);
    c->cols = ARENA_ARRAY(z->arena, RteCol, c->col_count + 1);
    if (n->columns.count > c->col_count)
        return az_fail(z, &n->n, ERR_INVALID_COLUMN_REFERENCE, e,
                       "WITH query \"%.*s\" has %zu columns available but %zu columns specified",
                       SLICE_ARG(c->name), c->col_count, n->columns.count);
    for (size_t i = 0; i < c->col_count; i++)
        c->cols[i] = (RteCol){.name = i < n->columns.count ? ast_name_text(n->columns.items[i])
                                                           : cols[i].name,
                              .type = cols[i].type,
                              .typmod = cols[i].typmod};
    return true;
}

bool az_part(Analyzer *z, Scope *s, const NCte *n, Cte *c, Err *e)
{
    const NodeList *top = z->top;
    Part p = {.cte = c, .bound = ARENA_NEW(z->arena, Bound)};
    c->given = true;
    z->top = NULL;
    if (n->query->kind != N_INSERT)
        p.modify = (const NModify *)n->query;
    if (p.modify ? !az_modify_query(z, s, p.modify, p.bound, &p.query, e)
                 : !az_insert_query(z, s, (const NInsert *)n->query, p.bound, &p.query, e))
        return false;
    z->top = top;
    *AZ_PUSH(z, z->parts, z->part_count, z->part_cap) = p; /* behind parts of its own */
    return name_columns(z, n, &p, e);
}

bool az_part_readable(Analyzer *z, const Cte *c, const SqlNode *at, Err *e)
{
    return !c->given || c->query || c->step || c->col_count ||
           az_fail(z, at, ERR_FEATURE_NOT_SUPPORTED, e,
                   "WITH query \"%.*s\" does not have a RETURNING clause", SLICE_ARG(c->name));
}

/* ---- INSERT ... RETURNING (SELECT ...) ---- */

void az_insert_as_part(Analyzer *z, Rte *rows, Bound *insert, Query *q, Cte *ctes)
{
    for (Cte *c = ctes; c; c = c->next)
        if (!c->given)
            az_add_part(z, c)->kind = BOUND_QUERY;
    Cte *c = ARENA_NEW(z->arena, Cte);
    *c = (Cte){.name = rows->name, .id = ++z->cte_count, .refs = 1};
    c->cols = rows->cols;
    c->col_count = rows->col_count;
    BoundInsert *in = &insert->u.insert;
    in->returning = ARENA_ARRAY(z->arena, Expr *, rows->col_count + 1);
    in->returning_cols = ARENA_ARRAY(z->arena, OutColumn, rows->col_count + 1);
    in->returning_count = rows->col_count;
    for (size_t i = 0; i < rows->col_count; i++) {
        const RteCol *col = &rows->cols[i];
        bool stored = col->attnum > 0;
        in->returning[i] = stored ? expr_new(z->arena, EXPR_COLUMN, col->type, 0)
                                  : az_const(z, col->type, value_null(), 0);
        if (stored)
            in->returning[i]->index = (uint32_t)col->attnum - 1;
        in->returning_cols[i] = (OutColumn){.name = col->name, .type = col->type, .typmod = -1};
    }
    Bound *b = az_add_part(z, c);
    *b = *insert;
    z->parts[z->part_count - 1].query = q;
    rows->kind = RTE_CTE;
    rows->cte = c;
}

/* ---- planning, once the types of all parameters are known ---- */

static bool plan_part(Analyzer *z, Part *p, Err *e)
{
    Bound *b = p->bound;
    switch (b->kind) {
    case BOUND_INSERT:
        return az_insert_plan(z, b, p->query, e);
    case BOUND_MODIFY:
        return az_modify_plan(z, p->modify, b, p->query, e);
    default:
        b->kind = BOUND_QUERY;
        b->tag = "SELECT";
        return p->query ? plan_statement(z, p->query, &b->u.query, e)
                        : plan_cte_statement(z, p->cte, &b->u.query, e);
    }
}

bool az_plan_parts(Analyzer *z, Bound *b, Err *e)
{
    b->parts = ARENA_ARRAY(z->arena, BoundPart, z->part_count + 1);
    for (size_t i = 0; i < z->part_count; i++) {
        Part *p = &z->parts[i];
        bool plain = p->cte->query || p->cte->step;
        if (plain && p->cte->refs == 0)
            continue; /* nobody reads it */
        if (!plan_part(z, p, e))
            return false;
        b->parts[b->part_count++] = (BoundPart){p->cte->id, p->cte->name, p->bound};
    }
    if (b->part_count)
        b->read_only = false;
    return true;
}
