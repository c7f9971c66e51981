/* sqlts/analyze_with.c - WITH, and statements of several parts: data-modifying WITH.
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

bool az_refuse_parts(const NSelect *n, const char *what, Err *e)
{
    return !modifies(&n->ctes) ||
           err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                   "%s must not contain data-modifying statements in WITH", what);
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

/* ---- queries of WITH ---- */

static bool cte_columns(Analyzer *z, Cte *c, const NCte *n, const Query *q, Err *e)
{
    c->col_count = q->visible_count;
    c->cols = ARENA_ARRAY(z->arena, RteCol, c->col_count + 1);
    if (n->columns.count > c->col_count)
        return az_fail(z, &n->n, ERR_INVALID_COLUMN_REFERENCE, e,
                       "WITH query \"%.*s\" has %zu columns available but %zu columns specified",
                       SLICE_ARG(c->name), c->col_count, n->columns.count);
    for (size_t i = 0; i < c->col_count; i++) {
        const OutColumn *o = &q->cols[i];
        c->cols[i] =
            (RteCol){.name = i < n->columns.count ? ast_name_text(n->columns.items[i]) : o->name,
                     .type = o->type,
                     .typmod = o->typmod,
                     .table = o->table,
                     .attnum = o->attnum,
                     .is_time = q->col_time[i]};
        c->cols[i].hidden = az_is_search_depth(c->cols[i].name);
    }
    return true;
}

static void enter_scope(Scope *s, Cte *c, CtePhase phase)
{
    c->next = s->ctes;
    c->phase = phase;
    s->ctes = c;
}

/* Others may have come in meanwhile. */
static void leave_scope(Scope *s, Cte *c)
{
    Cte **at = &s->ctes;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->phase = CTE_WHOLE;
}

/* A part of a WITH RECURSIVE query, with its own name in scope. */
static bool read_self(Analyzer *z, Scope *s, Cte *c, CtePhase phase, const NSelect *n, int flags,
                      Query **out, Err *e)
{
    enter_scope(s, c, phase);
    bool ok = az_select(z, s, n, flags, out, e);
    leave_scope(s, c);
    return ok;
}

/* Where messages about column i of a SELECT point to. */
static SqlNode target_begin(const NSelect *n, size_t i)
{
    const NTarget *t = i < n->targets.count ? (const NTarget *)n->targets.items[i] : NULL;
    return t && t->expr ? az_begin(t->expr) : n->n;
}

/* The recursive term gives what the other one does. */
static bool step_types(Analyzer *z, const Cte *c, const NSelect *u, const Query *start,
                       const Query *step, TypeId **types, Err *e)
{
    size_t count = start->visible_count;
    SqlNode at = target_begin(u->right, 0);
    if (step->visible_count != count)
        return az_fail(z, &at, ERR_SYNTAX, e,
                       "each UNION query must have the same number of columns");
    *types = ARENA_ARRAY(z->arena, TypeId, count + 1);
    for (size_t i = 0; i < count; i++) {
        const OutColumn *a = &start->cols[i], *b = &step->cols[i];
        bool same = b->type == a->type && (a->typmod < 0 || b->typmod == a->typmod);
        (*types)[i] = a->type;
        if (same || b->type == T_UNKNOWN ||
            (b->type != a->type && a->typmod < 0 && cast_exists(b->type, a->type, CAST_IMPLICIT)))
            continue;
        TypeId to =
            b->type != a->type && cast_exists(b->type, a->type, CAST_IMPLICIT) ? a->type : b->type;
        Slice have = az_type_name(z, a->type, a->typmod), overall = az_type_name(z, to, -1);
        at = target_begin(u->left, i);
        az_fail(z, &at, ERR_DATATYPE_MISMATCH, e,
                "recursive query \"%.*s\" column %zu has type %.*s in non-recursive term but type "
                "%.*s overall",
                SLICE_ARG(c->name), i + 1, SLICE_ARG(have), SLICE_ARG(overall));
        return err_hint(e, "Cast the output of the non-recursive term to the correct type.");
    }
    return true;
}

/* WITH RECURSIVE t AS (start UNION [ALL] step); one that does not name itself is an ordinary union. */
static bool recursive_cte(Analyzer *z, Scope *s, const NCte *n, const NSelect *u, Cte *c, Err *e)
{
    Query *start, *step;
    TypeId *types = NULL;
    uint32_t begin = (uint32_t)z->var_count;
    const char *no_self = z->no_self;
    if (!read_self(z, s, c, CTE_START, u->left, 0, &start, e) || !cte_columns(z, c, n, start, e))
        return false;
    c->start = start;
    z->no_self = NULL;
    if (!read_self(z, s, c, CTE_STEP, u->right, AZ_KEEP_UNKNOWN, &step, e))
        return false;
    z->no_self = no_self;
    if (c->refs == 0) {
        Query *q = ARENA_NEW(z->arena, Query);
        c->start = NULL;
        q->var_begin = begin;
        if (!az_set_operation(z, u, q, start, step, e))
            return false;
        q->var_end = (uint32_t)z->var_count;
        c->query = q;
        return cte_columns(z, c, n, q, e);
    }
    if (u->order.count || u->limit || u->offset || u->locking.count)
        return az_fail(z,
                       u->order.count ? ((const NSort *)u->order.items[0])->expr
                       : u->offset    ? u->offset
                                      : u->limit,
                       ERR_FEATURE_NOT_SUPPORTED, e, "%s in a recursive query is not implemented",
                       u->order.count ? "ORDER BY"
                       : u->offset    ? "OFFSET"
                       : u->limit     ? "LIMIT"
                                      : "FOR UPDATE/SHARE");
    if (!step_types(z, c, u, start, step, &types, e))
        return false;
    if (!az_coerce_query(z, &step, types, NULL, CAST_IMPLICIT, e))
        return false;
    c->step = step;
    c->distinct = !u->all;
    c->refs = 0;
    return true;
}

/* ---- the clause ---- */

/* A WITH clause that is being read.  Under RECURSIVE its queries may name later ones: what is named is
 * read first. */
struct With {
    const NodeList *ctes;
    bool *begun;
    bool recursive, parts;
};

static bool with_query(Analyzer *z, Scope *s, const NCte *n, Cte *c, bool recursive, Err *e)
{
    const NSelect *sel = (const NSelect *)n->query;
    if (sel->into)
        return az_fail(z, &sel->into->n, ERR_SYNTAX, e, "SELECT ... INTO is not allowed here");
    if (recursive && sel->form == SELECT_UNION && sel->ctes.count == 0)
        return recursive_cte(z, s, n, sel, c, e);
    return (recursive ? read_self(z, s, c, CTE_NO_UNION, sel, 0, &c->query, e)
                      : az_select(z, s, sel, 0, &c->query, e)) &&
           cte_columns(z, c, n, c->query, e);
}

static bool with_part(Analyzer *z, Scope *s, const NCte *n, Cte *c, bool recursive, Err *e)
{
    if (recursive)
        enter_scope(s, c, CTE_MODIFIES);
    bool ok = az_part(z, s, n, c, e);
    if (recursive)
        leave_scope(s, c);
    return ok;
}

static bool with_item(Analyzer *z, Scope *s, size_t i, Err *e)
{
    struct With *w = s->with;
    const NCte *n;
    w->begun[i] = true;
    if (!az_search_cycle(z, (const NCte *)w->ctes->items[i], w->recursive, &n, e))
        return false;
    bool changes = n->query->kind != N_SELECT;
    if (changes && !w->parts)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "WITH clause containing a data-modifying statement must be at the top "
                       "level");
    Cte *c = ARENA_NEW(z->arena, Cte);
    c->name = n->name;
    c->materialized = n->materialized;
    c->id = ++z->cte_count;
    c->position = az_position(z, n->n.offset);
    if (!(changes ? with_part : with_query)(z, s, n, c, w->recursive, e))
        return false;
    if (w->parts && !changes)
        az_add_part(z, c);
    c->next = s->ctes;
    s->ctes = c;
    return true;
}

static bool names_twice(const NodeList *ctes, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (slice_eq(((const NCte *)ctes->items[k])->name, ((const NCte *)ctes->items[i])->name))
            return true;
    return false;
}

bool az_ctes(Analyzer *z, Scope *s, const NodeList *ctes, bool recursive, Err *e)
{
    struct With w = {.ctes = ctes,
                     .begun = ARENA_ARRAY(z->arena, bool, ctes->count + 1),
                     .recursive = recursive,
                     .parts = az_has_parts(z, ctes)};
    if (ctes->count > RELATIONS_MAX)
        return az_fail(z, ctes->items[0], ERR_TOO_COMPLEX, e, "WITH has more than %d queries",
                       RELATIONS_MAX);
    for (size_t i = 0; i < ctes->count; i++)
        if (names_twice(ctes, i))
            return az_fail(z, ctes->items[i], ERR_DUPLICATE_ALIAS, e,
                           "WITH query name \"%.*s\" specified more than once",
                           SLICE_ARG(((const NCte *)ctes->items[i])->name));
    s->with = &w;
    bool ok = true;
    for (size_t i = 0; i < ctes->count && ok; i++)
        ok = w.begun[i] || with_item(z, s, i, e);
    s->with = NULL;
    return ok;
}

/* ---- names ---- */

static size_t later_item(const struct With *w, Slice name)
{
    size_t i = 0;
    while (i < w->ctes->count &&
           (w->begun[i] || !slice_eq(((const NCte *)w->ctes->items[i])->name, name)))
        i++;
    return i;
}

/* Meanwhile those that are being read may not be named: that would be mutual recursion. */
static bool read_later(Analyzer *z, Scope *s, size_t i, Err *e)
{
    const char *no_self = z->no_self;
    for (Cte *c = s->ctes; c; c = c->next)
        c->waits += c->phase != CTE_WHOLE;
    z->no_self = NULL;
    bool ok = with_item(z, s, i, e);
    z->no_self = no_self;
    for (Cte *c = s->ctes; c; c = c->next)
        c->waits -= c->phase != CTE_WHOLE;
    return ok;
}

bool az_find_cte(Analyzer *z, Scope *s, Slice name, Cte **out, Err *e)
{
    *out = NULL;
    for (; s && !*out; s = s->outer) {
        struct With *w = s->with;
        for (Cte *c = s->ctes; c && !*out; c = c->next)
            if (slice_eq(c->name, name))
                *out = c;
        size_t i = w && w->recursive && !*out ? later_item(w, name) : 0;
        if (w && w->recursive && !*out && i < w->ctes->count) {
            if (!read_later(z, s, i, e))
                return false;
            *out = s->ctes;
        }
    }
    return true;
}

void az_with_hint(const Scope *s, Slice name, Err *e)
{
    for (; s; s = s->outer) {
        const struct With *w = s->with;
        for (size_t i = 0; w && !w->recursive && i < w->ctes->count; i++) {
            if (!slice_eq(((const NCte *)w->ctes->items[i])->name, name))
                continue;
            err_detail(e,
                       "There is a WITH item named \"%.*s\", but it cannot be referenced from this "
                       "part of the query.",
                       SLICE_ARG(name));
            err_hint(e, "Use WITH RECURSIVE, or re-order the WITH items to remove forward "
                        "references.");
            return;
        }
    }
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
