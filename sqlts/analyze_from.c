/* sqlts/analyze_from.c - relations, FROM, joins, and what a column name means. */
#include "sqlts/analyze.h"
#include "sqlts/analyze_view.h"
#include "sqlts/matview.h"

static bool from_item(Analyzer *z, Scope *s, const SqlNode *n, From **out, Err *e);

/* ---- scopes ---- */

void az_scope_init(Scope *s, Scope *outer, Query *q)
{
    *s = (Scope){.outer = outer, .query = q};
}

static ScopeCol *rte_columns(Analyzer *z, const Rte *rte, int position)
{
    ScopeCol *cols = ARENA_ARRAY(z->arena, ScopeCol, rte->col_count + 1);
    for (size_t i = 0; i < rte->col_count; i++)
        cols[i] = (ScopeCol){rte->cols[i].name, az_var(z, rte, i, position), rte->cols[i].hidden};
    return cols;
}

static void scope_add_col(Analyzer *z, Scope *s, ScopeCol col)
{
    *AZ_PUSH(z, s->cols, s->col_count, s->col_cap) = col;
}

static void scope_add_rel(Analyzer *z, Scope *s, ScopeRel rel)
{
    *AZ_PUSH(z, s->rels, s->rel_count, s->rel_cap) = rel;
}

/* A relation under its name, its columns also bare. */
void az_scope_add_rte(Analyzer *z, Scope *s, const Rte *rte, Slice schema, bool has_alias,
                      int position)
{
    ScopeCol *cols = rte_columns(z, rte, 0);
    scope_add_rel(z, s,
                  (ScopeRel){schema, rte->name, has_alias, cols, rte->col_count, position, false});
    for (size_t i = 0; i < rte->col_count; i++)
        scope_add_col(z, s, cols[i]);
}

/* ---- relations by name ---- */

/* The text of a view was understood when it was made. */
static bool may_look(Analyzer *z, const SchemaDef *s)
{
    return z->view || !z->env->may_look || z->env->may_look(z->env->arg, z->env->catalog, s);
}

static bool find_in_schema(Analyzer *z, Slice schema, Slice name, Relation *out)
{
    const SchemaDef *s = slice_eq_cstr(schema, "pg_temp")
                             ? z->env->temp
                             : cat_schema(z->env->catalog, z->env->database, schema);
    *out = (Relation){.schema = schema};
    if (s && may_look(z, s))
        out->table = cat_table(z->env->catalog, s->id, name);
    z->reads_temporary |= out->table && s == z->env->temp;
    if (!out->table)
        out->view = view_find(schema, name);
    return out->table || out->view;
}

bool az_relation(Analyzer *z, Slice schema, Slice name, const SqlNode *at, Relation *out, Err *e)
{
    if (schema.len) {
        const SchemaDef *d = cat_schema(z->env->catalog, z->env->database, schema);
        if (find_in_schema(z, schema, name, out))
            return true;
        if (d && !may_look(z, d))
            return az_fail(z, at, ERR_PRIVILEGE, e, "permission denied for schema %.*s",
                           SLICE_ARG(schema));
        return az_fail(z, at, ERR_UNDEFINED_TABLE, e, "relation \"%.*s.%.*s\" does not exist",
                       SLICE_ARG(schema), SLICE_ARG(name));
    }
    bool explicit_catalog = false, explicit_temp = !z->env->temp;
    for (size_t i = 0; i < z->env->search_path_count; i++) {
        explicit_catalog |= slice_eq_cstr(z->env->search_path[i], "pg_catalog");
        explicit_temp |= slice_eq_cstr(z->env->search_path[i], "pg_temp");
    }
    if (!explicit_temp && find_in_schema(z, SLICE_LIT("pg_temp"), name, out))
        return true;
    if (!explicit_catalog && find_in_schema(z, SLICE_LIT("pg_catalog"), name, out))
        return true;
    for (size_t i = 0; i < z->env->search_path_count; i++)
        if (find_in_schema(z, z->env->search_path[i], name, out))
            return true;
    return az_fail(z, at, ERR_UNDEFINED_TABLE, e, "relation \"%.*s\" does not exist",
                   SLICE_ARG(name));
}

/* ---- rights ---- */

RelationUse *az_use(Analyzer *z, const TableDef *t, uint32_t privileges)
{
    RelationUse *use = ARENA_NEW(z->arena, RelationUse);
    *use = (RelationUse){.table = t,
                         .view = z->view,
                         .privileges = privileges,
                         .columns = ARENA_ARRAY(z->arena, uint8_t, t->column_count + 1u)};
    *AZ_PUSH(z, z->uses, z->use_count, z->use_cap) = use;
    return use;
}

void az_use_columns(RelationUse *use, Privilege p, const int16_t *columns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        use->columns[columns[i]] |= (uint8_t)p;
}

void az_reads(Analyzer *z, const Expr *x)
{
    for (size_t i = 0; i < x->arg_count; i++)
        if (x->args[i])
            az_reads(z, x->args[i]);
    if (x->kind != EXPR_COLUMN)
        return;
    const VarInfo *v = &z->vars[x->index];
    RelationUse *use = v->rte->use;
    if (!use)
        return;
    use->privileges |= PRIV_SELECT;
    if (v->rte->cols[v->col].attnum > 0)
        use->columns[v->rte->cols[v->col].attnum - 1] |= PRIV_SELECT;
}

bool az_may(Analyzer *z, Err *e)
{
    for (size_t i = 0; i < z->use_count && z->env->allow; i++)
        if (!z->env->allow(z->env->arg, z->env->catalog, z->uses[i], e))
            return false;
    return true;
}

/* ---- one relation ---- */

static Rte *table_rte(Analyzer *z, const TableDef *t, Slice alias)
{
    size_t live = 0;
    for (size_t i = 0; i < t->column_count; i++)
        live += !t->columns[i].dropped;
    Rte *r = az_new_rte(z, RTE_TABLE, alias.len ? alias : t->name, live + SYSTEM_COLUMNS);
    r->table = t;
    live = 0;
    for (size_t i = 0; i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        if (!c->dropped)
            r->cols[live++] = (RteCol){.name = c->name,
                                       .type = c->type_oid,
                                       .typmod = c->typmod,
                                       .table = t->id,
                                       .attnum = (int16_t)(i + 1),
                                       .is_time = c->kind == COL_TIME};
    }
    for (int i = 0; i < SYSTEM_COLUMNS; i++)
        r->cols[rte_system(r, i)] =
            (RteCol){.name = SLICE_LIT(""), .type = T_INT8, .typmod = -1, .hidden = true};
    RteCol *oid = &r->cols[rte_system(r, SYS_TABLEOID)];
    *oid = (RteCol){
        .name = SLICE_LIT("tableoid"), .type = T_OID, .typmod = -1, .table = t->id, .hidden = true};
    return r;
}

void az_scope_add_rel(Analyzer *z, Scope *s, Slice name, ScopeCol *cols, size_t count)
{
    scope_add_rel(z, s, (ScopeRel){SLICE_NONE, name, true, cols, count, 0, false});
    for (size_t i = 0; i < count; i++)
        scope_add_col(z, s, cols[i]);
}

void az_scope_add_table(Analyzer *z, Scope *s, const TableDef *t, Slice alias, Rte **rte)
{
    *rte = table_rte(z, t, alias);
    az_scope_add_rte(z, s, *rte, SLICE_NONE, true, 0);
}

static Rte *filled_rte(Analyzer *z, const ViewDef *v, Slice alias)
{
    static const RteCol system[VIEW_SYSTEM_COUNT] = {
        [VIEW_TABLEOID] = {.name = SLICE_LIT("tableoid"),
                           .type = T_OID,
                           .typmod = -1,
                           .hidden = true},
        [VIEW_XMIN] = {.name = SLICE_LIT("xmin"), .type = T_XID, .typmod = -1, .hidden = true}};
    size_t more = v->oid ? VIEW_SYSTEM_COUNT : 0;
    Rte *r =
        az_new_rte(z, RTE_VIRTUAL, alias.len ? alias : slice_cstr(v->name), v->column_count + more);
    r->view = v;
    for (size_t i = 0; i < v->column_count; i++)
        r->cols[i] = (RteCol){
            .name = slice_cstr(v->columns[i].name), .type = v->columns[i].type, .typmod = -1};
    memcpy(r->cols + v->column_count, system, more * sizeof *system);
    return r;
}

Rte *az_query_rte(Analyzer *z, Query *q, Slice name)
{
    Rte *r = az_new_rte(z, RTE_QUERY, name, q->visible_count);
    r->query = q;
    for (size_t i = 0; i < q->visible_count; i++) {
        const OutColumn *c = &q->cols[i];
        bool field = c->attnum < 0; /* a field of a composite column: not part of * */
        r->cols[i] = (RteCol){.name = c->name,
                              .type = c->type,
                              .typmod = c->typmod,
                              .table = c->table,
                              .attnum = field ? 0 : c->attnum,
                              .is_time = q->col_time[i],
                              .hidden = field};
    }
    return r;
}

/* A view is its text, read each time: what it names may have changed. */
static bool view_query(Analyzer *z, Slice sql, Slice name, const SqlNode *at, Query **q, Err *e)
{
    SqlStatement *st;
    size_t count;
    if (++z->view_depth > VIEW_DEPTH_MAX)
        return az_fail(z, at, ERR_TOO_COMPLEX, e, "views are nested deeper than %d",
                       VIEW_DEPTH_MAX);
    z->no_position++;
    bool ok = sql_parse(z->arena, sql, &st, &count, e);
    if (ok && (count != 1 || st->node->kind != N_SELECT))
        ok = err_set(e, ERR_DATA_CORRUPTED, "view \"%.*s\" has no query", SLICE_ARG(name));
    ok = ok && az_select(z, NULL, (const NSelect *)st->node, 0, q, e);
    z->no_position--;
    z->view_depth--;
    if (ok)
        return true;
    e->position = 0;
    if (e->code == ERR_OBJECT_STATE) /* one below has no rows yet */
        return false;
    az_at(z, at, e);
    return err_wrap(e, "view \"%.*s\"", SLICE_ARG(name));
}

/* What the name of a continuous view stands for. */
static bool continuous_query(Analyzer *z, const TableDef *t, const SqlNode *at, const NRange *n,
                             Query **q, Err *e)
{
    ViewPart part = n && n->part_of ? (ViewPart)n->part : VIEW_WHOLE;
    if (z->env->refresh && z->env->refresh->view == t->id)
        part = VIEW_PARTIAL;
    if (part == VIEW_WHOLE)
        return az_view_union(z, t, q, e);
    bool give = z->give_states;
    Slice above = z->view_part;
    size_t number = n ? n->part_number : 0;
    z->view_part = az_view_part_name(z, t, part, number);
    z->give_states = true;
    bool ok = view_query(z, t->definition, t->name, at, q, e);
    z->give_states = give;
    ok = ok && az_view_part(z, t, at, part, number, *q, e);
    z->view_part = above;
    return ok;
}

/* The text of a view that is kept nowhere. */
static bool plain_query(Analyzer *z, const TableDef *t, const SqlNode *at, Query **q, Err *e)
{
    bool give = z->give_states;
    z->give_states = false;
    bool ok = view_query(z, t->definition, t->name, at, q, e);
    z->give_states = give;
    return ok;
}

static bool view_rte(Analyzer *z, const TableDef *t, const SqlNode *at, const NRange *n, Rte **out,
                     Err *e)
{
    Query *q;
    Slice alias = n->alias;
    bool query = z->env->views_as_text || (z->env->refresh && z->env->refresh->view == t->id);
    if (view_is_stored(t) && !query)
        return az_stored_view(z, t, alias, out, e);
    const TableDef *outer = z->view;
    z->view = t;
    bool ok =
        view_is_continuous(t) ? continuous_query(z, t, at, n, &q, e) : plain_query(z, t, at, &q, e);
    z->view = outer;
    if (!ok)
        return false;
    *out = az_query_rte(z, q, alias.len ? alias : t->name);
    bool states = z->env->refresh && z->env->refresh->view == t->id;
    for (size_t i = 0; i < (*out)->col_count && i < t->column_count && !states; i++)
        (*out)->cols[i].name = t->columns[i].name;
    bool whole = !n || !n->part_of; /* a part hands on all that it has */
    for (size_t i = 0; i < (*out)->col_count && !states; i++) {
        bool own = i < t->column_count;
        (*out)->cols[i].table = own ? t->id : 0;
        (*out)->cols[i].attnum = own ? (int16_t)(i + 1) : 0;
        (*out)->cols[i].hidden = !own && whole;
    }
    if (z->give_states && whole && view_is_continuous(t))
        (*out)->states_of = t;
    return true;
}

static bool virtual_rte(Analyzer *z, const ViewDef *v, const SqlNode *at, Slice alias, Rte **out,
                        Err *e)
{
    Query *q;
    Slice name = slice_cstr(v->name);
    if (!v->sql) {
        *out = filled_rte(z, v, alias);
        return true;
    }
    if (!view_query(z, slice_cstr(v->sql), name, at, &q, e))
        return false;
    *out = az_query_rte(z, q, alias.len ? alias : name);
    must((*out)->col_count == v->column_count);
    for (size_t i = 0; i < v->column_count; i++)
        (*out)->cols[i].name = slice_cstr(v->columns[i].name);
    return true;
}

/* A query that is being read may name itself once, in its recursive term, where each row of the
 * reference gives rows of its own. */
static bool self_allowed(Analyzer *z, const Cte *c, const SqlNode *at, Err *e)
{
    const char *where = c->phase == CTE_START                 ? "within its non-recursive term"
                        : c->phase == CTE_STEP && z->no_self  ? z->no_self
                        : c->phase == CTE_STEP && c->refs > 0 ? "more than once"
                                                              : NULL;
    if (c->waits) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                "mutual recursion between WITH items is not implemented");
        return err_at(e, c->position);
    }
    if (c->phase == CTE_MODIFIES) {
        err_set(e, ERR_INVALID_RECURSION,
                "recursive query \"%.*s\" must not contain data-modifying statements",
                SLICE_ARG(c->name));
        return err_at(e, c->position);
    }
    if (c->phase == CTE_NO_UNION) {
        err_set(e, ERR_INVALID_RECURSION,
                "recursive query \"%.*s\" does not have the form non-recursive-term UNION [ALL] "
                "recursive-term",
                SLICE_ARG(c->name));
        return err_at(e, c->position);
    }
    return !where || az_fail(z, at, ERR_INVALID_RECURSION, e,
                             "recursive reference to query \"%.*s\" must not appear %s",
                             SLICE_ARG(c->name), where);
}

static Rte *cte_rte(Analyzer *z, Cte *c, Slice alias)
{
    Rte *r = az_new_rte(z, RTE_CTE, alias.len ? alias : c->name, c->col_count);
    memcpy(r->cols, c->cols, c->col_count * sizeof *r->cols);
    r->cte = c;
    r->self = c->start && !c->step;
    c->refs++;
    return r;
}

bool az_rename_columns(Analyzer *z, Rte *r, const NodeList *names, const SqlNode *at, Err *e)
{
    size_t visible = 0;
    while (visible < r->col_count && !r->cols[visible].hidden)
        visible++;
    if (names->count > visible)
        return az_fail(z, at, ERR_INVALID_COLUMN_REFERENCE, e,
                       "table \"%.*s\" has %zu columns available but %zu columns specified",
                       SLICE_ARG(r->name), visible, names->count);
    for (size_t i = 0; i < names->count; i++)
        if (names->items[i]->kind == N_NAME)
            r->cols[i].name = ast_name_text(names->items[i]);
    return true;
}

bool az_check_duplicate(Analyzer *z, const Scope *s, Slice schema, Slice name, bool has_alias,
                        const SqlNode *at, Err *e)
{
    if (s->rel_count >= RELATIONS_MAX)
        return az_fail(z, at, ERR_TOO_COMPLEX, e, "FROM has more than %d relations", RELATIONS_MAX);
    for (size_t i = 0; i < s->rel_count; i++) {
        const ScopeRel *r = &s->rels[i];
        if (!slice_eq(r->name, name) || name.len == 0)
            continue;
        if (!has_alias && !r->has_alias && schema.len && r->schema.len &&
            !slice_eq(schema, r->schema))
            continue; /* a.t and b.t are two */
        return err_set(e, ERR_DUPLICATE_ALIAS, "table name \"%.*s\" specified more than once",
                       SLICE_ARG(name));
    }
    return true;
}

static bool range_table(Analyzer *z, Scope *s, const NRange *n, From **out, Err *e)
{
    Rte *r = NULL;
    Relation rel = {0};
    Cte *cte = NULL;
    if (!n->schema.len && !n->part_of && !az_find_cte(z, s, n->name, &cte, e))
        return false;
    if (cte && (!self_allowed(z, cte, &n->n, e) || !az_part_readable(z, cte, &n->n, e)))
        return false;
    if (n->sample && cte)
        return az_not_sampled(z, n, e);
    if (n->part_of) {
        rel = (Relation){.table = n->part_of};
    } else if (!cte && !az_relation(z, n->schema, n->name, &n->n, &rel, e)) {
        if (!n->schema.len && e->code == ERR_UNDEFINED_TABLE)
            az_with_hint(s, n->name, e);
        return false;
    }
    RelationUse *use = rel.table && !n->part_of
                           ? az_use(z, rel.table, n->privileges ? n->privileges : PRIV_SELECT)
                           : NULL;
    if (cte)
        r = cte_rte(z, cte, n->alias);
    else if (rel.view) {
        if (!virtual_rte(z, rel.view, &n->n, n->alias, &r, e))
            return false;
    } else if (rel.table->kind == TABLE_VIEW || rel.table->kind == TABLE_SEQUENCE) {
        if (!view_rte(z, rel.table, &n->n, n, &r, e))
            return false;
    } else {
        r = table_rte(z, rel.table, n->alias);
    }
    r->use = use;
    if (rel.table) {
        r->relation = true;
        az_note_relation(z, n, rel.table);
    }
    if (n->sample &&
        (r->kind != RTE_TABLE ? !az_not_sampled(z, n, e) : !az_sampled(z, s, n, &r, e)))
        return false;
    if (!az_rename_columns(z, r, &n->columns, &n->n, e) ||
        !az_check_duplicate(z, s, rel.schema, r->name, n->alias.len > 0, &n->n, e))
        return false;
    az_scope_add_rte(z, s, r, cte ? SLICE_NONE : rel.schema, n->alias.len > 0,
                     az_position(z, n->n.offset));
    *out = ARENA_NEW(z->arena, From);
    (*out)->rte = r;
    return true;
}

bool az_from_derived(Analyzer *z, Scope *s, const NRange *n, Rte *r, From **out, Err *e)
{
    if (!az_rename_columns(z, r, &n->columns, &n->n, e) ||
        !az_check_duplicate(z, s, SLICE_NONE, r->name, true, &n->n, e))
        return false;
    az_scope_add_rte(z, s, r, SLICE_NONE, true, az_position(z, n->n.offset));
    *out = ARENA_NEW(z->arena, From);
    (*out)->rte = r;
    return true;
}

static bool range_query(Analyzer *z, Scope *s, const NRange *n, From **out, Err *e)
{
    Query *q;
    if (!n->alias.len) {
        az_fail(z, &n->n, ERR_SYNTAX, e, "subquery in FROM must have an alias");
        return err_hint(e, n->query->form == SELECT_VALUES
                               ? "For example, FROM (VALUES ...) [AS] foo."
                               : "For example, FROM (SELECT ...) [AS] foo.");
    }
    /* a copy without our relations, but with our WITH queries */
    Scope outer = *s;
    if (!n->lateral) {
        outer.rels = NULL;
        outer.cols = NULL;
        outer.rel_count = outer.col_count = outer.rel_cap = outer.col_cap = 0;
        outer.query = NULL;
        outer.blocked = s;
    }
    Place place = s->place;
    if (n->lateral)
        s->place = PLACE_FROM_LATERAL;
    bool ok = az_select(z, n->lateral ? s : &outer, n->query, 0, &q, e);
    s->place = place;
    if (!ok)
        return false;
    Rte *r = az_query_rte(z, q, n->alias);
    r->lateral = n->lateral;
    return az_from_derived(z, s, n, r, out, e);
}

/* ---- joins ---- */

static int find_col(const ScopeCol *cols, size_t n, Slice name, size_t *at)
{
    int found = 0;
    for (size_t i = 0; i < n; i++) {
        if (cols[i].hidden || !slice_eq(cols[i].name, name))
            continue;
        *at = i;
        found++;
    }
    return found;
}

/* USING (name): the condition, and the column that stands for both. */
static bool join_using(Analyzer *z, const NJoin *n, SqlNode *name_node, ScopeCol *l, ScopeCol *r,
                       Expr **on, ScopeCol *merged, Err *e)
{
    Expr *eq;
    Slice name = ast_name_text(name_node);
    az_reads(z, l->expr);
    az_reads(z, r->expr);
    bool last = n->asof && n->has_using &&
                name_node == n->using_names.items[n->using_names.count - 1]; /* as DuckDB */
    if (!az_operator(z, &n->n, last ? SLICE_LIT(">=") : SLICE_LIT("="), qx_copy(z->arena, l->expr),
                     qx_copy(z->arena, r->expr), &eq, e))
        return false;
    *on = az_and(z, *on, eq);
    *merged = (ScopeCol){.name = name, .expr = n->type == JOIN_RIGHT ? r->expr : l->expr};
    Expr *both[] = {qx_copy(z->arena, l->expr), qx_copy(z->arena, r->expr)};
    TypeId type;
    if (!az_common_type(z, both, 2, "JOIN/USING", &type, e) ||
        !az_coerce(z, both[0], type, -1, CAST_IMPLICIT, &both[0], e) ||
        !az_coerce(z, both[1], type, -1, CAST_IMPLICIT, &both[1], e))
        return false;
    if (n->type == JOIN_FULL) {
        Expr *x = expr_new(z->arena, EXPR_COALESCE, type, 2);
        x->typmod = -1;
        memcpy(x->args, both, sizeof both);
        merged->expr = x;
    } else if (type != merged->expr->type) {
        merged->expr = both[n->type == JOIN_RIGHT];
    }
    return true;
}

/* NATURAL joins by the names that both sides have. */
static NodeList natural_names(Analyzer *z, const JoinSides *j)
{
    NodeList names = {0};
    ParseState ps = {.arena = z->arena};
    size_t at;
    for (size_t i = 0; i < j->left_count; i++)
        if (!j->left[i].hidden && find_col(j->right, j->right_count, j->left[i].name, &at) > 0)
            names = ast_append(&ps, names, ast_literal(&ps, N_NAME, 0, j->left[i].name));
    return names;
}

static bool using_error(const SqlNode *name, int found, const char *side, Err *e)
{
    Slice text = ast_name_text(name);
    if (found > 1)
        return err_set(e, ERR_AMBIGUOUS_COLUMN,
                       "common column name \"%.*s\" appears more than once in %s table",
                       SLICE_ARG(text), side);
    return err_set(e, ERR_UNDEFINED_COLUMN,
                   "column \"%.*s\" specified in USING clause does not exist in %s table",
                   SLICE_ARG(text), side);
}

/* The bare columns of a join: the merged ones, then the rest of both sides. */
static bool join_columns(Analyzer *z, Scope *s, const NJoin *n, const JoinSides *j, From *f, Err *e)
{
    NodeList names = n->natural ? natural_names(z, j) : n->using_names;
    bool *left_used = ARENA_ARRAY(z->arena, bool, j->left_count + 1);
    bool *right_used = ARENA_ARRAY(z->arena, bool, j->right_count + 1);
    for (size_t i = 0; i < names.count; i++) {
        size_t l = 0, r = 0;
        Slice name = ast_name_text(names.items[i]);
        int found = find_col(j->left, j->left_count, name, &l);
        if (found != 1)
            return using_error(names.items[i], found, "left", e);
        found = find_col(j->right, j->right_count, name, &r);
        if (found != 1)
            return using_error(names.items[i], found, "right", e);
        ScopeCol merged;
        if (!join_using(z, n, names.items[i], &j->left[l], &j->right[r], &f->on, &merged, e))
            return false;
        left_used[l] = right_used[r] = true;
        scope_add_col(z, s, merged);
    }
    for (size_t i = 0; i < j->left_count; i++)
        if (!left_used[i])
            scope_add_col(z, s, j->left[i]);
    for (size_t i = 0; i < j->right_count; i++)
        if (!right_used[i])
            scope_add_col(z, s, j->right[i]);
    return true;
}

/* (a JOIN b ...) AS x hides a and b. */
static bool join_alias(Analyzer *z, Scope *s, const NJoin *n, size_t rel_begin, size_t col_begin,
                       Err *e)
{
    size_t count = s->col_count - col_begin;
    ScopeCol *cols = ARENA_ARRAY(z->arena, ScopeCol, count + 1);
    if (n->columns.count > count)
        return az_fail(z, &n->n, ERR_INVALID_COLUMN_REFERENCE, e,
                       "table \"%.*s\" has %zu columns available but %zu columns specified",
                       SLICE_ARG(n->alias), count, n->columns.count);
    for (size_t i = 0; i < n->columns.count; i++)
        s->cols[col_begin + i].name = ast_name_text(n->columns.items[i]);
    memcpy(cols, s->cols + col_begin, count * sizeof *cols);
    s->rel_count = rel_begin;
    if (!az_check_duplicate(z, s, SLICE_NONE, n->alias, true, &n->n, e))
        return false;
    scope_add_rel(
        z, s,
        (ScopeRel){SLICE_NONE, n->alias, true, cols, count, az_position(z, n->n.offset), false});
    return true;
}

static ScopeCol *take_cols(Analyzer *z, Scope *s, size_t begin, size_t *count)
{
    *count = s->col_count - begin;
    ScopeCol *cols = ARENA_ARRAY(z->arena, ScopeCol, *count + 1);
    if (*count)
        memcpy(cols, s->cols + begin, *count * sizeof *cols);
    return cols;
}

static bool join_on(Analyzer *z, Scope *s, const NJoin *n, size_t rel_begin, size_t col_begin,
                    From *f, Err *e)
{
    /* only the two sides are visible, and the query around */
    Scope on = *s;
    on.rels = s->rels + rel_begin;
    on.rel_count = s->rel_count - rel_begin;
    on.rel_cap = 0;
    on.cols = s->cols + col_begin;
    on.col_count = s->col_count - col_begin;
    on.col_cap = 0;
    on.place = PLACE_JOIN_ON;
    return az_expr_bool(z, &on, n->on, "JOIN/ON", &f->on, e);
}

static bool range_join(Analyzer *z, Scope *s, const NJoin *n, From **out, Err *e)
{
    From *f = ARENA_NEW(z->arena, From);
    JoinSides j;
    size_t rel_begin = s->rel_count, col_begin = s->col_count;
    const char *no_self = z->no_self;
    f->type = n->type;
    if (n->type == JOIN_RIGHT || n->type == JOIN_FULL)
        z->no_self = "within an outer join";
    if (!from_item(z, s, n->left, &f->left, e))
        return false;
    z->no_self = n->type == JOIN_LEFT || n->type == JOIN_FULL ? "within an outer join" : no_self;
    j.left = take_cols(z, s, col_begin, &j.left_count);
    size_t middle = s->col_count;
    size_t rel_middle = s->rel_count;
    if (!from_item(z, s, n->right, &f->right, e))
        return false;
    z->no_self = no_self;
    j.right = take_cols(z, s, middle, &j.right_count);
    if (n->natural || n->using_names.count) {
        s->col_count = col_begin;
        if (!join_columns(z, s, n, &j, f, e))
            return false;
    } else if (n->on && !join_on(z, s, n, rel_begin, col_begin, f, e)) {
        return false;
    }
    if (n->asof && !az_asof(z, s, n, &j, f, e))
        return false;
    for (size_t i = rel_begin; i < s->rel_count; i++)
        s->rels[i].nullable |=
            n->type == JOIN_FULL || n->type == (i < rel_middle ? JOIN_RIGHT : JOIN_LEFT);
    *out = f;
    return n->alias.len == 0 || join_alias(z, s, n, rel_begin, col_begin, e);
}

static bool from_item(Analyzer *z, Scope *s, const SqlNode *n, From **out, Err *e)
{
    switch (n->kind) {
    case N_RANGE_TABLE:
        return range_table(z, s, (const NRange *)n, out, e);
    case N_RANGE_QUERY:
        return range_query(z, s, (const NRange *)n, out, e);
    case N_RANGE_FUNC:
        return az_range_func(z, s, (const NRange *)n, out, e);
    default:
        return range_join(z, s, (const NJoin *)n, out, e);
    }
}

bool az_from(Analyzer *z, Scope *s, const NodeList *items, Query *q, Err *e)
{
    q->from = ARENA_ARRAY(z->arena, From *, items->count + 1);
    for (size_t i = 0; i < items->count; i++) {
        if (!from_item(z, s, items->items[i], &q->from[i], e))
            return false;
        q->from_count++;
    }
    return true;
}

/* ---- columns ---- */

int az_scope_column(const Scope *s, Slice name, Expr **out)
{
    int found = 0;
    for (size_t i = 0; i < s->col_count && found < 2; i++) {
        if (!slice_eq(s->cols[i].name, name))
            continue;
        if (found++ == 0)
            *out = s->cols[i].expr;
    }
    return found;
}

static const ScopeRel *find_rel(const Scope *s, Slice schema, Slice name)
{
    for (size_t i = 0; i < s->rel_count; i++) {
        const ScopeRel *r = &s->rels[i];
        if (!slice_eq(r->name, name))
            continue;
        if (schema.len && (r->has_alias || !slice_eq(r->schema, schema)))
            continue;
        return r;
    }
    return NULL;
}

/* Levenshtein distance, given up beyond `limit`. */
static size_t distance(Slice a, Slice b, size_t limit)
{
    size_t row[64];
    if (a.len >= 64 || b.len >= 64)
        return limit + 1;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t up = row[j], change = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            size_t best = row[j - 1] + 1 < up + 1 ? row[j - 1] + 1 : up + 1;
            row[j] = change < best ? change : best;
            diagonal = up;
        }
    }
    return row[b.len];
}

/* As PostgreSQL: the nearest column, if at most half of its letters differ. */
static void hint_column(const Scope *s, Slice rel, Slice name, Err *e)
{
    size_t best = 1000;
    const ScopeRel *best_rel = NULL;
    Slice best_name = SLICE_NONE;
    for (; s; s = s->outer) {
        for (size_t i = 0; i < s->rel_count; i++) {
            for (size_t c = 0; c < s->rels[i].col_count && c < 2000; c++) {
                const ScopeCol *col = &s->rels[i].cols[c];
                if (rel.len && !slice_eq(s->rels[i].name, rel))
                    continue;
                size_t d = distance(name, col->name, best);
                if (d < best && d <= (name.len + 1) / 2 && d <= 3) {
                    best = d;
                    best_rel = &s->rels[i];
                    best_name = col->name;
                }
            }
        }
    }
    if (best_rel)
        err_hint(e, "Perhaps you meant to reference the column \"%.*s.%.*s\".",
                 SLICE_ARG(best_rel->name), SLICE_ARG(best_name));
}

static Expr *use(Analyzer *z, const SqlNode *n, const Expr *found)
{
    Expr *x = qx_copy(z->arena, found);
    x->position = az_position(z, n->offset);
    az_reads(z, x);
    return x;
}

static bool bare_column(Analyzer *z, Scope *s, const NColumn *n, Slice name, Expr **out, Err *e)
{
    Expr *found = NULL;
    for (Scope *level = s; level; level = level->outer) {
        int count = az_scope_column(level, name, &found);
        if (count > 1)
            return az_fail(z, &n->n, ERR_AMBIGUOUS_COLUMN, e,
                           "column reference \"%.*s\" is ambiguous", SLICE_ARG(name));
        if (count == 1) {
            *out = use(z, &n->n, found);
            az_note_column(z, n, *out);
            return true;
        }
    }
    for (Scope *level = s; level; level = level->outer) {
        const ScopeRel *rel = find_rel(level, SLICE_NONE, name);
        if (rel) {
            *out = az_whole_row(z, &n->n, rel);
            return true;
        }
    }
    if (slice_eq_cstr(name, "ctid") || slice_eq_cstr(name, "xmin") || slice_eq_cstr(name, "xmax") ||
        slice_eq_cstr(name, "cmin") || slice_eq_cstr(name, "cmax"))
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "system column \"%.*s\" is not supported", SLICE_ARG(name));
    az_fail(z, &n->n, ERR_UNDEFINED_COLUMN, e, "column \"%.*s\" does not exist", SLICE_ARG(name));
    hint_column(s, SLICE_NONE, name, e);
    return false;
}

static bool missing_rel(Analyzer *z, const Scope *s, const SqlNode *at, Slice name, Err *e)
{
    for (const Scope *level = s; level; level = level->outer) {
        if (level->blocked && find_rel(level->blocked, SLICE_NONE, name)) {
            az_fail(z, at, ERR_UNDEFINED_TABLE, e,
                    "invalid reference to FROM-clause entry for table \"%.*s\"", SLICE_ARG(name));
            return err_hint(e,
                            "There is an entry for table \"%.*s\", but it cannot be referenced "
                            "from this part of the query.",
                            SLICE_ARG(name));
        }
        for (size_t i = 0; i < level->rel_count; i++) {
            const ScopeRel *r = &level->rels[i];
            const Expr *x = r->col_count ? r->cols[0].expr : NULL;
            const Rte *rte = x && x->kind == EXPR_COLUMN ? z->vars[x->index].rte : NULL;
            if (!r->has_alias || !rte || !rte->table || !slice_eq(rte->table->name, name))
                continue;
            az_fail(z, at, ERR_UNDEFINED_TABLE, e,
                    "invalid reference to FROM-clause entry for table \"%.*s\"", SLICE_ARG(name));
            return err_hint(e, "Perhaps you meant to reference the table alias \"%.*s\".",
                            SLICE_ARG(r->name));
        }
    }
    return az_fail(z, at, ERR_UNDEFINED_TABLE, e, "missing FROM-clause entry for table \"%.*s\"",
                   SLICE_ARG(name));
}

static Slice dotted(Analyzer *z, const NodeList *names)
{
    Slice text = ast_name_text(names->items[0]);
    for (size_t i = 1; i < names->count && text.len < 200; i++)
        text = arena_printf(z->arena, "%.*s.%.*s", SLICE_ARG(text),
                            SLICE_ARG(ast_name_text(names->items[i])));
    return text;
}

/* The relation that the words before the last name; NULL + error. */
static const ScopeRel *qualifier(Analyzer *z, Scope *s, const NColumn *n, size_t words, Err *e)
{
    if (words > 3) {
        az_fail(z, &n->n, ERR_SYNTAX, e, "improper qualified name (too many dotted names): %.*s",
                SLICE_ARG(dotted(z, &n->names)));
        return NULL;
    }
    Slice name = ast_name_text(n->names.items[words - 1]);
    Slice schema = words > 1 ? ast_name_text(n->names.items[words - 2]) : SLICE_NONE;
    for (Scope *level = s; level; level = level->outer) {
        const ScopeRel *r = find_rel(level, schema, name);
        if (r)
            return r;
    }
    missing_rel(z, s, &n->n, name, e);
    return NULL;
}

bool az_column(Analyzer *z, Scope *s, const NColumn *n, Expr **out, Err *e)
{
    if (n->star && n->names.count == 0)
        return az_fail(z, &n->n, ERR_SYNTAX, e, "row expansion via \"*\" is not supported here");
    if (n->star) {
        const ScopeRel *rel = qualifier(z, s, n, n->names.count, e);
        if (rel)
            *out = az_whole_row(z, &n->n, rel);
        return rel != NULL;
    }
    Slice name = ast_last_name(&n->names);
    if (n->names.count == 1)
        return bare_column(z, s, n, name, out, e);
    const ScopeRel *r = qualifier(z, s, n, n->names.count - 1, e);
    if (!r)
        return false;
    const ScopeCol *found = NULL;
    for (size_t i = 0; i < r->col_count; i++) {
        if (!slice_eq(r->cols[i].name, name))
            continue;
        if (found)
            return az_fail(z, &n->n, ERR_AMBIGUOUS_COLUMN, e,
                           "column reference \"%.*s\" is ambiguous", SLICE_ARG(name));
        found = &r->cols[i];
    }
    if (!found) {
        az_fail(z, &n->n, ERR_UNDEFINED_COLUMN, e, "column %.*s.%.*s does not exist",
                SLICE_ARG(r->name), SLICE_ARG(name));
        hint_column(s, r->name, name, e);
        return false;
    }
    *out = use(z, &n->n, found->expr);
    az_note_column(z, n, *out);
    return true;
}

bool az_no_variables(Analyzer *z, const Scope *s, Expr *x, const char *what, Err *e)
{
    VarSet vars = varset_new(z->arena, z->var_count);
    qx_vars(z, x, &vars);
    for (uint32_t v = s->query ? s->query->var_begin : 0; v < z->var_count; v++) {
        if (!varset_has(&vars, v))
            continue;
        Expr *bad = az_var(z, z->vars[v].rte, z->vars[v].col, 0);
        qx_walk_deep(z, &x, az_find_position, bad);
        err_set(e, ERR_INVALID_COLUMN_REFERENCE, "argument of %s must not contain variables", what);
        return err_at(e, bad->position);
    }
    return true;
}

bool az_star(Analyzer *z, Scope *s, const NColumn *n, ScopeCol **cols, size_t *count, Err *e)
{
    if (n->names.count == 0) {
        if (s->rel_count == 0)
            return az_fail(z, &n->n, ERR_SYNTAX, e,
                           "SELECT * with no tables specified is not valid");
        *cols = s->cols;
        *count = s->col_count;
    } else {
        const ScopeRel *r = qualifier(z, s, n, n->names.count, e);
        if (!r)
            return false;
        *cols = r->cols;
        *count = r->col_count;
    }
    for (size_t i = 0; i < *count; i++)
        if (!(*cols)[i].hidden)
            az_reads(z, (*cols)[i].expr);
    return true;
}

/* ---- time ---- */

static const Expr *first_column(const Expr *x)
{
    if (x->kind == EXPR_COLUMN)
        return x;
    for (size_t i = 0; i < x->arg_count; i++) {
        const Expr *found = first_column(x->args[i]);
        if (found)
            return found;
    }
    return NULL;
}

static Expr *time_of(Analyzer *z, const Rte *rte)
{
    for (size_t i = 0; i < rte->col_count; i++)
        if (rte->cols[i].is_time) {
            Expr *x = az_var(z, rte, i, 0);
            az_reads(z, x);
            return x;
        }
    return NULL;
}

/* The relation of the argument has it; an argument without columns takes the only one there is. */
Expr *az_time_column(Analyzer *z, Scope *s, const Expr *arg)
{
    const Expr *col = first_column(arg);
    if (col)
        return time_of(z, z->vars[col->index].rte);
    Expr *only = NULL;
    for (size_t i = 0; i < s->col_count; i++) {
        const Expr *x = s->cols[i].expr;
        if (x->kind != EXPR_COLUMN || !z->vars[x->index].rte->cols[z->vars[x->index].col].is_time)
            continue;
        if (only)
            return NULL;
        only = qx_copy(z->arena, x);
    }
    return only;
}
