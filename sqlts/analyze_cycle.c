/* sqlts/analyze_cycle.c - SEARCH and CYCLE of recursive WITH queries: rewritten to columns.
 *
 * As PostgreSQL does it: both terms become sub-selects and get columns beside them.  SEARCH DEPTH FIRST
 * keeps the rows on the way here as an array, BREADTH FIRST the depth and the row; CYCLE keeps the rows
 * on the way and marks one that is among them, whose successors are not looked for. */
#include "sqlts/analyze.h"

#define DEPTH_NAME "*DEPTH*" /* of the hidden column that BREADTH FIRST counts in */

typedef struct Rewrite {
    Analyzer *z;
    ParseState ps; /* its arena alone */
    uint32_t offset;
    const NCte *cte;
    NodeList names; /* of the query's own columns */
    Slice self;     /* what the recursive term calls the query */
} Rewrite;

/* ---- nodes ---- */

static SqlNode *name_node(Rewrite *r, Slice name)
{
    return ast_literal(&r->ps, N_NAME, r->offset, name);
}

static SqlNode *column(Rewrite *r, Slice rel, Slice name)
{
    NodeList rest = ast_list(&r->ps, name_node(r, name));
    return ast_column(&r->ps, r->offset, rel, &rest);
}

static SqlNode *call(Rewrite *r, const char *name, SqlNode *a, SqlNode *b)
{
    return ast_func(&r->ps, r->offset, name, ast_append(&r->ps, ast_list(&r->ps, a), b));
}

static SqlNode *integer(Rewrite *r, const char *digits)
{
    return ast_integer(&r->ps, r->offset, slice_cstr(digits));
}

/* ROW(first, rel.c, ...) */
static SqlNode *row(Rewrite *r, SqlNode *first, Slice rel, const NodeList *columns)
{
    NodeList fields = ast_list(&r->ps, first);
    for (size_t i = 0; i < columns->count; i++)
        fields = ast_append(&r->ps, fields, column(r, rel, ast_name_text(columns->items[i])));
    return ast_multi(&r->ps, N_ROW, r->offset, fields);
}

static SqlNode *array_of(Rewrite *r, SqlNode *item)
{
    return ast_multi(&r->ps, N_ARRAY, r->offset, ast_list(&r->ps, item));
}

static void add_target(Rewrite *r, NodeList *list, Slice name, SqlNode *expr)
{
    NTarget *t = AST(&r->ps, NTarget, N_TARGET, r->offset);
    t->name = name;
    t->expr = expr;
    *list = ast_append(&r->ps, *list, t);
}

/* SELECT rel.c1, rel.c2, ... FROM (query) AS rel(c1, c2, ..., more) */
static NSelect *around(Rewrite *r, NSelect *query, Slice rel, const NodeList *more)
{
    NSelect *s = AST(&r->ps, NSelect, N_SELECT, r->offset);
    NRange *from = AST(&r->ps, NRange, N_RANGE_QUERY, r->offset);
    from->query = query;
    from->alias = rel;
    s->form = SELECT_PLAIN;
    for (size_t i = 0; i < r->names.count; i++) {
        Slice name = ast_name_text(r->names.items[i]);
        from->columns = ast_append(&r->ps, from->columns, r->names.items[i]);
        add_target(r, &s->targets, name, column(r, rel, name));
    }
    for (size_t i = 0; i < more->count; i++)
        from->columns = ast_append(&r->ps, from->columns, more->items[i]);
    s->from = ast_list(&r->ps, from);
    return s;
}

/* ---- what there is ---- */

static bool has_name(const NodeList *names, Slice name)
{
    for (size_t i = 0; i < names->count; i++)
        if (slice_eq(ast_name_text(names->items[i]), name))
            return true;
    return false;
}

static bool is_new(Rewrite *r, const NSearch *s, const char *what, Slice name, Err *e)
{
    return !has_name(&r->names, name) ||
           az_fail(r->z, &s->n, ERR_SYNTAX, e,
                   "%s column name \"%.*s\" already used in WITH query column list", what,
                   SLICE_ARG(name));
}

static bool differ(Rewrite *r, const NSearch *s, const char *what, Slice a, const char *other,
                   Slice b, Err *e)
{
    return !slice_eq(a, b) ||
           az_fail(r->z, &s->n, ERR_SYNTAX, e, "%s column name and %s column name are the same",
                   what, other);
}

static bool check(Rewrite *r, const NSearch *s, const char *what, Err *e)
{
    NodeList seen = {0};
    for (size_t i = 0; s && i < s->columns.count; i++) {
        Slice name = ast_name_text(s->columns.items[i]);
        if (!has_name(&r->names, name))
            return az_fail(r->z, &s->n, ERR_SYNTAX, e,
                           "%s column \"%.*s\" not in WITH query column list", what,
                           SLICE_ARG(name));
        if (has_name(&seen, name))
            return az_fail(r->z, &s->n, ERR_DUPLICATE_COLUMN, e,
                           "%s column \"%.*s\" specified more than once", what, SLICE_ARG(name));
        seen = ast_append(&r->ps, seen, s->columns.items[i]);
    }
    if (!s || !s->value)
        return !s || is_new(r, s, "search sequence", s->name, e);
    const NSearch *search = r->cte->search;
    const char *mark = "cycle mark", *path = "cycle path", *sequence = "search sequence";
    return is_new(r, s, mark, s->name, e) && is_new(r, s, path, s->path, e) &&
           differ(r, s, mark, s->name, path, s->path, e) &&
           (!search || (differ(r, search, sequence, search->name, mark, s->name, e) &&
                        differ(r, search, sequence, search->name, path, s->path, e)));
}

/* The names of the columns: given, or those of the first term. */
static bool find_names(Rewrite *r, const NSelect *start, Err *e)
{
    NodeList given = r->cte->columns;
    for (size_t i = 0; i < given.count; i++)
        r->names = ast_append(&r->ps, r->names, given.items[i]);
    for (size_t i = given.count; i < start->targets.count; i++) {
        const NTarget *t = (const NTarget *)start->targets.items[i];
        const NColumn *c = (const NColumn *)t->expr;
        if (c->n.kind == N_COLUMN && c->star)
            return az_fail(r->z, &r->cte->n, ERR_FEATURE_NOT_SUPPORTED, e,
                           "SEARCH and CYCLE of \"%.*s\" need its columns by name",
                           SLICE_ARG(r->cte->name));
        r->names = ast_append(&r->ps, r->names,
                              name_node(r, t->name.len ? t->name : az_column_name(t->expr)));
    }
    return true;
}

static const NRange *find_self(const SqlNode *n, Slice name)
{
    const NRange *r = (const NRange *)n;
    const NJoin *j = (const NJoin *)n;
    if (n->kind == N_RANGE_TABLE)
        return !r->schema.len && slice_eq(r->name, name) ? r : NULL;
    if (n->kind != N_RANGE_JOIN)
        return NULL;
    const NRange *found = find_self(j->left, name);
    return found ? found : find_self(j->right, name);
}

/* ---- the terms ---- */

static NSelect *first_term(Rewrite *r, NSelect *start)
{
    static const NodeList none;
    const NSearch *search = r->cte->search, *cycle = r->cte->cycle;
    Slice rel = SLICE_LIT("*START*");
    NSelect *s = around(r, start, rel, &none);
    if (search && search->breadth)
        add_target(r, &s->targets, search->name, row(r, integer(r, "0"), rel, &search->columns));
    else if (search)
        add_target(r, &s->targets, search->name, array_of(r, row(r, NULL, rel, &search->columns)));
    if (cycle) {
        add_target(r, &s->targets, cycle->name, cycle->otherwise);
        add_target(r, &s->targets, cycle->path, array_of(r, row(r, NULL, rel, &cycle->columns)));
    }
    if (search && search->breadth)
        add_target(r, &s->targets, SLICE_LIT(DEPTH_NAME), integer(r, "0"));
    return s;
}

/* The recursive term hands on what its reference to the query says of the way so far. */
static void carry(Rewrite *r, NSelect *step, NodeList *more, Slice name)
{
    add_target(r, &step->targets, name, column(r, r->self, name));
    *more = ast_append(&r->ps, *more, name_node(r, name));
}

static SqlNode *cycle_mark(Rewrite *r, Slice rel)
{
    const NSearch *cycle = r->cte->cycle;
    NQuantified *any = AST(&r->ps, NQuantified, N_QUANTIFIED, r->offset);
    NCase *c = AST(&r->ps, NCase, N_CASE, r->offset);
    NWhen *w = AST(&r->ps, NWhen, N_WHEN, r->offset);
    any->left = row(r, NULL, rel, &cycle->columns);
    any->right = column(r, rel, cycle->path);
    any->op = SLICE_LIT("=");
    w->cond = &any->n;
    w->result = cycle->value;
    c->whens = ast_list(&r->ps, w);
    c->otherwise = cycle->otherwise;
    return &c->n;
}

static NSelect *recursive_term(Rewrite *r, const NSelect *written)
{
    const NSearch *search = r->cte->search, *cycle = r->cte->cycle;
    Slice rel = SLICE_LIT("*STEP*"), depth = SLICE_LIT(DEPTH_NAME);
    NodeList more = {0};
    NSelect *step = ARENA_NEW(r->z->arena, NSelect);
    *step = *written;
    step->targets = (NodeList){0};
    for (size_t i = 0; i < written->targets.count; i++)
        step->targets = ast_append(&r->ps, step->targets, written->targets.items[i]);
    if (search)
        carry(r, step, &more, search->breadth ? depth : search->name);
    if (cycle) {
        carry(r, step, &more, cycle->path);
        SqlNode *open = ast_op(&r->ps, r->offset, SLICE_LIT("<>"), column(r, r->self, cycle->name),
                               cycle->value);
        step->where = step->where ? ast_logic(&r->ps, N_AND, r->offset, open, step->where) : open;
    }
    NSelect *s = around(r, step, rel, &more);
    SqlNode *deeper = search && search->breadth ? ast_op(&r->ps, r->offset, SLICE_LIT("+"),
                                                         column(r, rel, depth), integer(r, "1"))
                                                : NULL;
    if (search)
        add_target(r, &s->targets, search->name,
                   deeper ? row(r, deeper, rel, &search->columns)
                          : call(r, "array_append", column(r, rel, search->name),
                                 row(r, NULL, rel, &search->columns)));
    if (cycle) {
        add_target(r, &s->targets, cycle->name, cycle_mark(r, rel));
        add_target(r, &s->targets, cycle->path,
                   call(r, "array_append", column(r, rel, cycle->path),
                        row(r, NULL, rel, &cycle->columns)));
    }
    if (deeper)
        add_target(r, &s->targets, depth, deeper);
    return s;
}

bool az_search_cycle(Analyzer *z, const NCte *n, bool recursive, const NCte **out, Err *e)
{
    const NSelect *u = (const NSelect *)n->query;
    Rewrite r = {.z = z, .ps = {.arena = z->arena}, .offset = n->n.offset, .cte = n};
    const NRange *self = NULL;
    *out = n;
    if (!n->search && !n->cycle)
        return true;
    if (!recursive)
        return az_fail(z, &n->n, ERR_SYNTAX, e, "WITH query is not recursive");
    if (u->n.kind != N_SELECT || u->form != SELECT_UNION || u->right->form != SELECT_PLAIN)
        return az_fail(
            z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
            "with a SEARCH or CYCLE clause, the right side of the UNION must be a SELECT");
    for (size_t i = 0; i < u->right->from.count && !self; i++)
        self = find_self(u->right->from.items[i], n->name);
    if (!self)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "with a SEARCH or CYCLE clause, the recursive reference to WITH query "
                       "\"%.*s\" must be at the top level of its right-hand SELECT",
                       SLICE_ARG(n->name));
    r.self = self->alias.len ? self->alias : self->name;
    if (!find_names(&r, u->left, e) || !check(&r, n->search, "search", e) ||
        !check(&r, n->cycle, "cycle", e))
        return false;
    NCte *c = ARENA_NEW(z->arena, NCte);
    NSelect *both = ARENA_NEW(z->arena, NSelect);
    *c = *n;
    *both = *u;
    both->left = first_term(&r, u->left);
    both->right = recursive_term(&r, u->right);
    c->query = &both->n;
    *out = c;
    return true;
}

bool az_is_search_depth(Slice name)
{
    return slice_eq_cstr(name, DEPTH_NAME);
}
