/* sqlts/analyze_select.c - SELECT, VALUES, set operations, WITH. */
#include "sqlts/analyze.h"

enum { CHAIN_NESTED_MAX = 500 };

/* ---- column names, as PostgreSQL picks them ---- */

static int figure_name(const SqlNode *n, Slice *name);

/* The good name of an operand, else this one, which a better one may replace. */
static int name_or(const SqlNode *n, Slice otherwise, Slice *name)
{
    if (n && figure_name(n, name) == 2)
        return 2;
    *name = otherwise;
    return 1;
}

static int field_name(const NIndirect *n, Slice *name)
{
    for (size_t i = n->steps.count; i-- > 0;) {
        if (n->steps.items[i]->kind == N_NAME) {
            *name = ast_name_text(n->steps.items[i]);
            return 2;
        }
    }
    return figure_name(n->arg, name);
}

static int subquery_name(const NSublink *n, Slice *name)
{
    if (n->form != SUB_SCALAR) {
        *name = n->form == SUB_EXISTS ? SLICE_LIT("exists") : SLICE_LIT("array");
        return 2;
    }
    const NSelect *q = n->query;
    while (q->form != SELECT_PLAIN && q->form != SELECT_VALUES)
        q = q->left;
    if (q->form == SELECT_VALUES) {
        *name = SLICE_LIT("column1");
        return 2;
    }
    if (q->form != SELECT_PLAIN || q->targets.count == 0)
        return 0;
    const NTarget *t = (const NTarget *)q->targets.items[0];
    if (!t->name.len)
        return figure_name(t->expr, name);
    *name = t->name;
    return 2;
}

/* 2: a good name, 1: a name to use if nothing better comes, 0: none. */
static int figure_name(const SqlNode *n, Slice *name)
{
    static const struct {
        NodeKind kind;
        const char *name;
    } fixed[] = {{N_ARRAY, "array"},       {N_ROW, "row"},     {N_COALESCE, "coalesce"},
                 {N_GREATEST, "greatest"}, {N_LEAST, "least"}, {N_NULLIF, "nullif"},
                 {N_GROUPING, "grouping"}};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        if (n->kind == fixed[i].kind) {
            *name = slice_cstr(fixed[i].name);
            return 2;
        }
    }
    switch (n->kind) {
    case N_COLUMN:
        if (((const NColumn *)n)->star)
            return 0;
        *name = ast_last_name(&((const NColumn *)n)->names);
        return 2;
    case N_FUNC:
        *name = ast_last_name(&((const NFunc *)n)->names);
        return 2;
    case N_VALUE_FUNC:
        *name = ((const NLiteral *)n)->text;
        return 2;
    case N_CAST:
        return name_or(((const NCast *)n)->arg, ((const NCast *)n)->type->name, name);
    case N_CASE:
        return name_or(((const NCase *)n)->otherwise, SLICE_LIT("case"), name);
    case N_COLLATE:
        return figure_name(((const NCollate *)n)->arg, name);
    case N_INDIRECT:
        return field_name((const NIndirect *)n, name);
    case N_SUBLINK:
        return subquery_name((const NSublink *)n, name);
    default:
        return 0;
    }
}

Slice az_column_name(const SqlNode *n)
{
    Slice name = SLICE_NONE;
    return figure_name(n, &name) ? name : SLICE_LIT("?column?");
}

/* ---- select list ---- */

typedef struct TargetList {
    Target *items;
    size_t count, cap;
} TargetList;

static void push(Analyzer *z, TargetList *l, Expr *x, Slice name)
{
    *AZ_PUSH(z, l->items, l->count, l->cap) = (Target){.expr = x, .name = name};
}

/* A composite value: the column itself (never read), and its fields beside it. */
static void push_composite(Analyzer *z, TargetList *l, Expr *row, Slice name)
{
    Expr *null = az_const(z, T_RECORD, value_null(), row->position);
    push(z, l, null, name);
    push(z, l, row->args[0], arena_printf(z->arena, "%.*s.x", SLICE_ARG(name)));
    push(z, l, row->args[1], arena_printf(z->arena, "%.*s.n", SLICE_ARG(name)));
}

static bool is_row_star(const SqlNode *n)
{
    const NIndirect *i = (const NIndirect *)n;
    return n->kind == N_INDIRECT && i->steps.items[i->steps.count - 1]->kind == N_STAR;
}

/* (t).*: all fields of a row. */
static bool row_star(Analyzer *z, Scope *s, const NIndirect *n, TargetList *l, Err *e)
{
    NIndirect rest = *n;
    Expr *x;
    rest.steps.count--;
    if (!az_expr(z, s, rest.steps.count ? &rest.n : n->arg, &x, e))
        return false;
    if (qx_kind(x) != QX_ROW || x->negated)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "row expansion via \"*\" is not supported here");
    for (size_t i = 0; i < x->arg_count; i++)
        push(z, l, x->args[i],
             x->value.u.arr ? x->value.u.arr->items[i].u.str
                            : arena_printf(z->arena, "f%zu", i + 1));
    return true;
}

static bool target(Analyzer *z, Scope *s, const NTarget *t, TargetList *l, Err *e)
{
    const NColumn *c = (const NColumn *)t->expr;
    if (c->n.kind == N_COLUMN && c->star) {
        ScopeCol *cols;
        size_t count;
        if (!az_star(z, s, c, &cols, &count, e))
            return false;
        az_note_star(z, c, cols, count);
        for (size_t i = 0; i < count; i++) {
            if (cols[i].hidden)
                continue;
            Expr *x = qx_copy(z->arena, cols[i].expr);
            x->position = az_position(z, c->n.offset);
            push(z, l, x, cols[i].name);
        }
        return true;
    }
    if (is_row_star(t->expr))
        return row_star(z, s, (const NIndirect *)t->expr, l, e);
    Expr *x;
    if (!az_expr(z, s, t->expr, &x, e))
        return false;
    Slice name = t->name.len ? t->name : az_column_name(t->expr);
    if (qx_kind(x) == QX_ROW && x->negated) {
        push_composite(z, l, x, name);
        return true;
    }
    push(z, l, x, name);
    return true;
}

bool az_targets(Analyzer *z, Scope *s, const NodeList *list, Target **targets, size_t *count,
                Err *e)
{
    TargetList l = {0};
    for (size_t i = 0; i < list->count; i++) {
        if (!target(z, s, (const NTarget *)list->items[i], &l, e))
            return false;
        az_note_target(z, (const NTarget *)list->items[i]);
        if (l.count > TARGETS_MAX)
            return az_fail(z, list->items[i], ERR_TOO_MANY_COLUMNS, e,
                           "target lists can have at most %d entries", TARGETS_MAX);
    }
    *targets = l.items;
    *count = l.count;
    return true;
}

/* Is the target the field of a composite column beside it? */
static bool is_field(const Query *q, size_t i)
{
    for (size_t back = 1; back <= 2 && back <= i; back++) {
        const Target *owner = &q->targets[i - back];
        if (owner->expr->type == T_RECORD && q->targets[i].name.len == owner->name.len + 2 &&
            slice_starts(q->targets[i].name, owner->name) &&
            q->targets[i].name.ptr[owner->name.len] == '.')
            return true;
    }
    return false;
}

void az_set_columns(Analyzer *z, Query *q)
{
    q->cols = ARENA_ARRAY(z->arena, OutColumn, q->visible_count + 1);
    q->col_time = ARENA_ARRAY(z->arena, bool, q->visible_count + 1);
    for (size_t i = 0; i < q->visible_count; i++) {
        const Expr *x = q->targets[i].expr;
        q->cols[i] = (OutColumn){.name = q->targets[i].name, .type = x->type, .typmod = x->typmod};
        if (x->kind == EXPR_COLUMN) {
            const RteCol *c = &z->vars[x->index].rte->cols[z->vars[x->index].col];
            q->cols[i].table = c->table;
            q->cols[i].attnum = c->attnum;
            q->col_time[i] = c->is_time;
        }
        if (is_field(q, i))
            q->cols[i].attnum = -1;
    }
}

/* ---- types of whole queries ---- */

Query *az_wrap_query(Analyzer *z, Query *inner)
{
    Query *q = ARENA_NEW(z->arena, Query);
    q->form = QUERY_PLAIN;
    q->var_begin = inner->var_begin;
    Rte *r = az_new_rte(z, RTE_QUERY, SLICE_LIT("subquery"), inner->visible_count);
    r->query = inner;
    q->targets = ARENA_ARRAY(z->arena, Target, inner->visible_count + 1);
    for (size_t i = 0; i < inner->visible_count; i++) {
        const OutColumn *c = &inner->cols[i];
        r->cols[i] = (RteCol){.name = c->name,
                              .type = c->type,
                              .typmod = c->typmod,
                              .table = c->table,
                              .attnum = c->attnum,
                              .is_time = inner->col_time[i]};
        q->targets[i] = (Target){.expr = az_var(z, r, i, 0), .name = c->name};
    }
    q->target_count = q->visible_count = inner->visible_count;
    q->from = ARENA_ARRAY(z->arena, From *, 1);
    q->from[0] = ARENA_NEW(z->arena, From);
    q->from[0]->rte = r;
    q->from_count = 1;
    q->var_end = (uint32_t)z->var_count;
    az_set_columns(z, q);
    return q;
}

static bool coerce_values(Analyzer *z, Query *q, size_t col, TypeId type, int32_t typmod,
                          CastLevel level, Err *e)
{
    for (size_t r = 0; r < q->row_count; r++)
        if (!az_coerce(z, q->rows[r][col], type, typmod, level, &q->rows[r][col], e))
            return false;
    q->out->cols[col].type = type;
    q->out->cols[col].typmod = typmod;
    q->targets[col].expr->type = type;
    q->targets[col].expr->typmod = typmod;
    return true;
}

bool az_coerce_query(Analyzer *z, Query **qp, const TypeId *types, const int32_t *typmods,
                     CastLevel level, Err *e)
{
    Query *q = *qp;
    bool wrap = false;
    for (size_t i = 0; i < q->visible_count; i++) {
        const Expr *x = q->targets[i].expr;
        int32_t typmod = typmods ? typmods[i] : -1;
        bool same = x->type == types[i] && (typmod < 0 || typmod == x->typmod);
        bool in_place =
            q->form == QUERY_VALUES
                ? q->order_count == 0
                : q->form == QUERY_PLAIN && ((!q->distinct && q->order_count == 0) ||
                                             (x->kind == EXPR_CONST && x->type == T_UNKNOWN));
        wrap |= !same && !in_place;
    }
    if (wrap)
        *qp = q = az_wrap_query(z, q);
    for (size_t i = 0; i < q->visible_count; i++) {
        Expr **x = &q->targets[i].expr;
        int32_t typmod = typmods ? typmods[i] : -1;
        if ((*x)->type == types[i] && (typmod < 0 || typmod == (*x)->typmod))
            continue;
        if (q->form == QUERY_VALUES ? !coerce_values(z, q, i, types[i], typmod, level, e)
                                    : !az_coerce(z, *x, types[i], typmod, level, x, e))
            return false;
    }
    az_set_columns(z, q);
    return true;
}

/* ---- set operations and VALUES ---- */

/* The output columns as variables of their own: what ORDER BY and the targets read. */
static void set_output(Analyzer *z, Query *q, const OutColumn *cols, const bool *col_time,
                       size_t count)
{
    q->out = az_new_rte(z, RTE_COMPUTED, SLICE_NONE, count);
    q->targets = ARENA_ARRAY(z->arena, Target, count + 1);
    for (size_t i = 0; i < count; i++) {
        q->out->cols[i] = (RteCol){.name = cols[i].name,
                                   .type = cols[i].type,
                                   .typmod = cols[i].typmod,
                                   .is_time = col_time && col_time[i]};
        q->targets[i] = (Target){.expr = az_var(z, q->out, i, 0), .name = cols[i].name};
    }
    q->target_count = q->visible_count = count;
}

static const char *const setop_names[] = {
    [SELECT_UNION] = "UNION", [SELECT_INTERSECT] = "INTERSECT", [SELECT_EXCEPT] = "EXCEPT"};

bool az_set_operation(Analyzer *z, const NSelect *n, Query *q, Query *left, Query *right, Err *e)
{
    const char *what = setop_names[n->form];
    size_t count = left->visible_count;
    const SqlNode *at = n->right->targets.count ? n->right->targets.items[0] : &n->right->n;
    if (count != right->visible_count)
        return az_fail(z, at, ERR_SYNTAX, e, "each %s query must have the same number of columns",
                       what);
    TypeId *types = ARENA_ARRAY(z->arena, TypeId, count + 1);
    int32_t *typmods = ARENA_ARRAY(z->arena, int32_t, count + 1);
    OutColumn *cols = ARENA_ARRAY(z->arena, OutColumn, count + 1);
    for (size_t i = 0; i < count; i++) {
        Expr *both[] = {left->targets[i].expr, right->targets[i].expr};
        if (!az_common_type(z, both, 2, what, &types[i], e))
            return az_at(z, &n->right->n, e);
        if (types[i] == T_UNKNOWN)
            types[i] = T_TEXT;
        typmods[i] = both[0]->type == both[1]->type && both[0]->typmod == both[1]->typmod
                         ? both[0]->typmod
                         : -1;
        cols[i] = (OutColumn){.name = left->cols[i].name, .type = types[i], .typmod = typmods[i]};
    }
    if (!az_coerce_query(z, &left, types, typmods, CAST_IMPLICIT, e) ||
        !az_coerce_query(z, &right, types, typmods, CAST_IMPLICIT, e))
        return false;
    q->form = n->form == SELECT_UNION       ? QUERY_UNION
              : n->form == SELECT_INTERSECT ? QUERY_INTERSECT
                                            : QUERY_EXCEPT;
    q->all = n->all;
    q->left = left;
    q->right = right;
    set_output(z, q, cols, NULL, count);
    az_set_columns(z, q);
    return true;
}

/* Many UNIONs (or INTERSECTs) in a row: put together pairwise, so that nothing nests deeply. */
static bool set_operation_chain(Analyzer *z, Scope *s, const NSelect *n, Query *q, Err *e)
{
    size_t count = n->n.chain + 2;
    Query **items = ARENA_ARRAY(z->arena, Query *, count);
    const NSelect **parts = ARENA_ARRAY(z->arena, const NSelect *, count), *at = n;
    for (size_t i = count; i-- > 1; at = at->left) {
        parts[i] = at->right;
        parts[0] = at->left;
    }
    for (size_t i = 0; i < count; i++)
        if (!az_select(z, s, parts[i], AZ_KEEP_UNKNOWN, &items[i], e))
            return false;
    while (count > 1) {
        size_t pairs = 0;
        for (size_t i = 0; i < count; i += 2, pairs++) {
            if (i + 1 == count) {
                items[pairs] = items[i];
                continue;
            }
            Query *both = count == 2 ? q : ARENA_NEW(z->arena, Query);
            NSelect one = *n;
            one.right = (NSelect *)(uintptr_t)parts[0];
            both->var_begin = items[i]->var_begin;
            if (!az_set_operation(z, &one, both, items[i], items[i + 1], e))
                return false;
            both->var_end = (uint32_t)z->var_count;
            items[pairs] = both;
        }
        count = pairs;
    }
    return true;
}

static bool values(Analyzer *z, Scope *s, const NSelect *n, int flags, Query *q, Err *e)
{
    size_t width = ((const NMulti *)n->rows.items[0])->args.count;
    q->form = QUERY_VALUES;
    q->row_count = n->rows.count;
    q->rows = ARENA_ARRAY(z->arena, Expr **, q->row_count);
    s->place = PLACE_VALUES;
    for (size_t r = 0; r < q->row_count; r++) {
        const NMulti *row = (const NMulti *)n->rows.items[r];
        if (row->args.count != width)
            return az_fail(z, row->args.items[0], ERR_SYNTAX, e,
                           "VALUES lists must all be the same length");
        q->rows[r] = ARENA_ARRAY(z->arena, Expr *, width);
        for (size_t c = 0; c < width; c++)
            if (!az_expr(z, s, row->args.items[c], &q->rows[r][c], e))
                return false;
    }
    OutColumn *cols = ARENA_ARRAY(z->arena, OutColumn, width);
    Expr **column = ARENA_ARRAY(z->arena, Expr *, q->row_count);
    for (size_t c = 0; c < width; c++) {
        for (size_t r = 0; r < q->row_count; r++)
            column[r] = q->rows[r][c];
        TypeId type;
        if (!az_common_type(z, column, q->row_count, "VALUES", &type, e))
            return false;
        if (q->row_count == 1)
            type = column[0]->type;
        if (type == T_UNKNOWN && !(flags & AZ_KEEP_UNKNOWN))
            type = T_TEXT;
        for (size_t r = 0; r < q->row_count && type != T_UNKNOWN; r++)
            if (!az_coerce(z, q->rows[r][c], type, -1, CAST_IMPLICIT, &q->rows[r][c], e))
                return false;
        cols[c] = (OutColumn){.name = arena_printf(z->arena, "column%zu", c + 1),
                              .type = type,
                              .typmod = q->row_count == 1 ? q->rows[0][c]->typmod : -1};
    }
    set_output(z, q, cols, NULL, width);
    az_set_columns(z, q);
    return true;
}

/* ---- SELECT ---- */

static bool limit_value(Analyzer *z, Scope *s, const SqlNode *n, Place place, Expr **out, Err *e)
{
    *out = NULL;
    if (!n || n->kind == N_NULL)
        return true;
    s->place = place;
    Expr *x;
    if (!az_expr(z, s, n, &x, e) || !az_coerce(z, x, T_INT8, -1, CAST_ASSIGN, &x, e) ||
        !az_no_variables(z, s, x, place == PLACE_LIMIT ? "LIMIT" : "OFFSET", e))
        return false;
    if (x->kind == EXPR_CONST && x->value.null)
        return true;
    if (x->kind == EXPR_CONST && x->value.u.i64 < 0)
        return err_set(e, place == PLACE_LIMIT ? ERR_INVALID_LIMIT : ERR_INVALID_OFFSET,
                       "%s must not be negative", place == PLACE_LIMIT ? "LIMIT" : "OFFSET");
    *out = x;
    return true;
}

static bool reads_itself(From *const *items, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n && !found; i++) {
        From *const sides[] = {items[i]->left, items[i]->right};
        found = items[i]->rte ? items[i]->rte->self : reads_itself(sides, 2);
    }
    return found;
}

static bool plain_select(Analyzer *z, Scope *s, const NSelect *n, int flags, Query *q, Err *e)
{
    q->form = QUERY_PLAIN;
    if (n->latest && !az_latest(z, n, &n, e))
        return false;
    s->windows = n->windows;
    s->place = PLACE_SELECT;
    if (!az_from(z, s, &n->from, q, e) ||
        !az_targets(z, s, &n->targets, &q->targets, &q->target_count, e))
        return false;
    q->visible_count = q->target_count;
    s->place = PLACE_WHERE;
    if (n->where && !az_expr_bool(z, s, n->where, "WHERE", &q->where, e))
        return false;
    s->place = PLACE_HAVING;
    if (n->having && !az_expr_bool(z, s, n->having, "HAVING", &q->having, e))
        return false;
    q->grouped |= n->having || n->has_group;
    if (!az_order_by(z, s, n, q, e) || (n->sample && !az_sample(z, s, n, q, e)) ||
        !az_group_by(z, s, n, q, e) || !az_distinct(z, s, n, q, e) || !az_check_windows(z, s, e))
        return false;
    for (size_t i = 0; i < q->target_count; i++)
        if ((i >= q->visible_count || !(flags & AZ_KEEP_UNKNOWN)) &&
            !az_resolve_unknown(z, &q->targets[i].expr, e))
            return false;
    if (q->agg_count && reads_itself(q->from, q->from_count)) {
        err_set(e, ERR_INVALID_RECURSION,
                "aggregate functions are not allowed in a recursive query's recursive term");
        return err_at(e, q->agg_positions[0]);
    }
    if ((q->grouped && !az_apply_grouping(z, q, e)) || !az_gapfill(z, q, e) || !az_tiers(z, q, e))
        return false;
    az_set_columns(z, q);
    return true;
}

static bool select_body(Analyzer *z, Scope *s, const NSelect *n, int flags, Query *q, Err *e)
{
    if (n->form == SELECT_PLAIN)
        return plain_select(z, s, n, flags, q, e);
    if (n->form == SELECT_VALUES) {
        if (!values(z, s, n, flags, q, e))
            return false;
    } else if (n->n.chain > CHAIN_NESTED_MAX) {
        if (!set_operation_chain(z, s, n, q, e))
            return false;
    } else {
        Query *left, *right;
        const char *no_self = z->no_self;
        if (n->all && n->form != SELECT_UNION)
            z->no_self = n->form == SELECT_EXCEPT ? "within EXCEPT" : "within INTERSECT";
        if (!az_select(z, s, n->left, AZ_KEEP_UNKNOWN, &left, e))
            return false;
        if (n->form == SELECT_EXCEPT)
            z->no_self = "within EXCEPT";
        if (!az_select(z, s, n->right, AZ_KEEP_UNKNOWN, &right, e))
            return false;
        z->no_self = no_self;
        if (!az_set_operation(z, n, q, left, right, e))
            return false;
    }
    return az_order_by(z, s, n, q, e);
}

bool az_select(Analyzer *z, Scope *outer, const NSelect *n, int flags, Query **out, Err *e)
{
    Query *q = ARENA_NEW(z->arena, Query);
    Scope s;
    q->var_begin = (uint32_t)z->var_count;
    az_scope_init(&s, outer, q);
    if (++z->query_count > QUERIES_MAX)
        return az_fail(z, &n->n, ERR_TOO_COMPLEX, e, "statement has more than %d subqueries",
                       QUERIES_MAX);
    if (n->into)
        return az_fail(z, &n->into->n, ERR_SYNTAX, e, "SELECT ... INTO is not allowed here");
    if (!az_ctes(z, &s, &n->ctes, n->recursive, e) || !select_body(z, &s, n, flags, q, e))
        return false;
    q->ties = n->limit_ties;
    if (n->limit_ties && n->order.count == 0)
        return az_fail(z, NULL, ERR_SYNTAX, e,
                       "WITH TIES cannot be specified without ORDER BY clause");
    if (n->limit_ties && n->limit->kind == N_NULL)
        return err_set(e, ERR_INVALID_LIMIT,
                       "row count cannot be null in FETCH FIRST ... WITH TIES clause");
    if (!limit_value(z, &s, n->limit, PLACE_LIMIT, &q->limit, e) ||
        !limit_value(z, &s, n->offset, PLACE_OFFSET, &q->offset, e))
        return false;
    q->ctes = s.ctes;
    q->var_end = (uint32_t)z->var_count;
    *out = q;
    return true;
}
