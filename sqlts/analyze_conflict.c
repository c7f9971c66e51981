/* sqlts/analyze_conflict.c - INSERT ... ON CONFLICT.
 *
 * DO NOTHING and a DO UPDATE that takes over what was inserted need nothing of the row that is
 * there.  Any other DO UPDATE reads it: the source of the INSERT is joined with the table by the
 * key (a look-up for each row where the key is tags and time, a hash join in ordinary tables). */
#include "sqlts/analyze.h"

/* ---- the key ---- */

/* Tags and time, where newer rows win. */
static size_t tags_and_time(Analyzer *z, const TableDef *t, int16_t **out)
{
    size_t n = 0;
    *out = ARENA_ARRAY(z->arena, int16_t, t->column_count + 1u);
    if (t->kind != TABLE_SERIES || t->duplicates == DUP_KEEP)
        return 0;
    for (int16_t c = 0; c < (int16_t)t->column_count; c++)
        if (!t->columns[c].dropped && t->columns[c].kind != COL_FIELD)
            (*out)[n++] = c;
    return n;
}

static bool is_key(const TableDef *t, const NodeList *names, const int16_t *key, size_t key_count)
{
    size_t found = 0;
    for (size_t k = 0; k < key_count; k++)
        for (size_t i = 0; i < names->count; i++)
            if (slice_eq(t->columns[key[k]].name, ast_name_text(names->items[i]))) {
                found++;
                break;
            }
    return key_count && found == key_count && names->count == key_count;
}

static void use_constraint(const ConstraintDef *c, const int16_t **key, size_t *count,
                           BoundInsert *b)
{
    b->arbiter = c->id;
    *key = c->columns;
    *count = c->column_count;
}

static bool named_arbiter(const NInsert *n, const TableDef *t, const int16_t **key, size_t *count,
                          BoundInsert *b, Err *e)
{
    const ConstraintDef *c = table_constraint(t, n->conflict_constraint);
    if (!c || c->type >= CONSTRAINT_INDEX)
        return err_set(e, ERR_UNDEFINED_OBJECT,
                       "constraint \"%.*s\" for table \"%.*s\" does not exist",
                       SLICE_ARG(n->conflict_constraint), SLICE_ARG(t->name));
    if (!constraint_is_unique(c))
        return err_set(e, ERR_WRONG_OBJECT,
                       "constraint in ON CONFLICT clause has no associated index");
    use_constraint(c, key, count, b);
    b->use->privileges |= PRIV_SELECT;
    az_use_columns(b->use, PRIV_SELECT, c->columns, c->column_count);
    return true;
}

/* The key that the clause means; none (count 0) with DO NOTHING alone: all of them. */
static bool find_arbiter(Analyzer *z, const NInsert *n, const TableDef *t, const int16_t **key,
                         size_t *count, BoundInsert *b, Err *e)
{
    int16_t *own;
    size_t own_count = tags_and_time(z, t, &own);
    *count = 0;
    for (size_t i = 0; i < n->conflict_columns.count; i++) {
        const SqlNode *name = n->conflict_columns.items[i];
        const ColumnDef *c = table_column(t, ast_name_text(name));
        if (!c)
            return az_fail(z, n->conflict_target, ERR_UNDEFINED_COLUMN, e,
                           "column \"%.*s\" does not exist", SLICE_ARG(ast_name_text(name)));
        b->use->privileges |= PRIV_SELECT;
        b->use->columns[c - t->columns] |= PRIV_SELECT;
    }
    if (n->conflict_constraint.len)
        return named_arbiter(n, t, key, count, b, e);
    if (n->conflict_columns.count == 0 && n->conflict == 'n')
        return true;
    if (n->conflict_columns.count == 0) {
        az_fail(z, n->on_conflict, ERR_SYNTAX, e,
                "ON CONFLICT DO UPDATE requires inference specification or constraint name");
        return err_hint(e, "For example, ON CONFLICT (column_name).");
    }
    for (size_t i = 0; i < t->constraint_count; i++) {
        const ConstraintDef *c = &t->constraints[i];
        if (!constraint_is_unique(c) ||
            !is_key(t, &n->conflict_columns, c->columns, c->column_count))
            continue;
        use_constraint(c, key, count, b);
        return true;
    }
    *key = own;
    *count = own_count;
    if (is_key(t, &n->conflict_columns, own, own_count))
        return true;
    return err_set(e, ERR_INVALID_COLUMN_REFERENCE,
                   "there is no unique or exclusion constraint matching the ON CONFLICT "
                   "specification");
}

/* Is there any key at all? */
static bool has_key(Analyzer *z, const TableDef *t)
{
    int16_t *own;
    if (tags_and_time(z, t, &own))
        return true;
    for (size_t i = 0; i < t->constraint_count; i++)
        if (constraint_is_unique(&t->constraints[i]))
            return true;
    return false;
}

static bool has_checks(const TableDef *t)
{
    for (size_t i = 0; i < t->constraint_count; i++)
        if (t->constraints[i].type == CONSTRAINT_CHECK)
            return true;
    return false;
}

/* ---- DO UPDATE ---- */

static bool is_excluded(const NTarget *set)
{
    const SqlNode *x = set->expr;
    const NColumn *c = (const NColumn *)x;
    return set->steps.count == 0 && x->kind == N_COLUMN && !c->star && c->names.count == 2 &&
           slice_eq_cstr(ast_name_text(c->names.items[0]), "excluded") &&
           slice_eq(ast_name_text(c->names.items[1]), set->name);
}

/* SET v = excluded.v for every inserted column outside the key: what a newer row does by itself. */
static bool takes_over(const NInsert *n, const TableDef *t, const BoundInsert *b,
                       const int16_t *key, size_t key_count)
{
    size_t matched = 0, wanted = 0;
    if (n->set_where || t->kind != TABLE_SERIES || has_checks(t))
        return false;
    for (size_t i = 0; i < n->set.count; i++) {
        if (!is_excluded((const NTarget *)n->set.items[i]))
            return false;
    }
    for (size_t i = 0; i < b->target_count; i++) {
        bool in_key = false;
        for (size_t k = 0; k < key_count; k++)
            in_key |= key[k] == b->targets[i];
        wanted += !in_key;
        for (size_t k = 0; k < n->set.count && !in_key; k++)
            matched +=
                slice_eq(((const NTarget *)n->set.items[k])->name, t->columns[b->targets[i]].name);
    }
    return matched == wanted && n->set.count == wanted;
}

typedef struct Upsert {
    Analyzer *z;
    const TableDef *t;
    const int16_t *key;
    size_t key_count;
    BoundInsert *b;
    Rte *excluded;     /* the rows to insert */
    Rte *stored;       /* SELECT of the table's columns behind ROW_ID_COLUMNS */
    Query *inner;      /* ... this one */
    Rte *table;        /* ... and its FROM */
    size_t *column_of; /* table column -> column of `stored` */
} Upsert;

static Expr *excluded_column(Upsert *u, int16_t column)
{
    for (size_t i = 0; i < u->b->target_count; i++)
        if (u->b->targets[i] == column)
            return az_var(u->z, u->excluded, i, 0);
    const ColumnDef *c = &u->t->columns[column];
    return az_const(u->z, c->type_oid, value_null(), 0);
}

/* SELECT address, columns FROM t */
static void stored_query(Upsert *u)
{
    Analyzer *z = u->z;
    Scope unused;
    Query *q = u->inner = ARENA_NEW(z->arena, Query);
    q->form = QUERY_PLAIN;
    q->var_begin = (uint32_t)z->var_count;
    az_scope_init(&unused, NULL, NULL);
    az_scope_add_table(z, &unused, u->t, SLICE_NONE, &u->table);
    q->from = ARENA_ARRAY(z->arena, From *, 1);
    q->from[0] = ARENA_NEW(z->arena, From);
    q->from[0]->rte = u->table;
    q->from_count = 1;
    q->targets = ARENA_ARRAY(z->arena, Target, u->table->col_count + 1);
    u->column_of = ARENA_ARRAY(z->arena, size_t, u->t->column_count + 1u);
    for (size_t i = 0; i < ROW_ID_COLUMNS; i++)
        q->targets[q->target_count++].expr = az_address(z, u->table, i);
    for (size_t i = 0; i < rte_system(u->table, 0); i++) {
        u->column_of[u->table->cols[i].attnum - 1] = q->target_count;
        q->targets[q->target_count++] =
            (Target){.expr = az_var(z, u->table, i, 0), .name = u->table->cols[i].name};
    }
    q->visible_count = q->target_count;
    az_set_columns(z, q);
}

static bool equal_keys(Upsert *u, const SqlNode *at, bool inside, Expr **cond, Err *e)
{
    Analyzer *z = u->z;
    for (size_t k = 0; k < u->key_count; k++) {
        const ColumnDef *c = &u->t->columns[u->key[k]];
        Expr *left = NULL, *right = excluded_column(u, u->key[k]), *equal;
        if (inside && c->kind == COL_TIME) { /* to the ns, as rows are kept */
            left = az_var(z, u->table, rte_system(u->table, SYS_TIME_NS), 0);
            if (!az_call_named(z, at, "ts_ns", &right, 1, &right, e))
                return false;
        } else if (inside) {
            left = qx_copy(z->arena, u->inner->targets[u->column_of[u->key[k]]].expr);
        } else {
            left = az_var(z, u->stored, u->column_of[u->key[k]], 0);
        }
        if (!az_operator(z, at, SLICE_LIT("="), left, right, &equal, e))
            return false;
        *cond = az_and(z, *cond, equal);
    }
    return true;
}

/* excluded LEFT JOIN [LATERAL] stored ON the key */
static bool join_stored(Upsert *u, const SqlNode *at, Query *q, Err *e)
{
    Analyzer *z = u->z;
    bool look_up = u->t->kind == TABLE_SERIES;
    stored_query(u);
    if (look_up && !equal_keys(u, at, true, &u->inner->where, e))
        return false;
    u->inner->var_end = (uint32_t)z->var_count;
    u->stored = az_wrap_query(z, u->inner)->from[0]->rte;
    u->stored->lateral = look_up;
    From *right = ARENA_NEW(z->arena, From), *join = ARENA_NEW(z->arena, From);
    right->rte = u->stored;
    *join = (From){.type = JOIN_LEFT, .left = q->from[0], .right = right};
    if (look_up)
        join->on = az_const(z, T_BOOL, value_bool(true), 0);
    else if (!equal_keys(u, at, false, &join->on, e))
        return false;
    q->from[0] = join;
    return true;
}

static void update_scope(Upsert *u, const NInsert *n, Scope *s)
{
    Analyzer *z = u->z;
    size_t live = 0;
    ScopeCol *stored = ARENA_ARRAY(z->arena, ScopeCol, u->t->column_count + 1u);
    ScopeCol *excluded = ARENA_ARRAY(z->arena, ScopeCol, u->t->column_count + 1u);
    for (int16_t c = 0; c < (int16_t)u->t->column_count; c++) {
        const ColumnDef *d = &u->t->columns[c];
        if (d->dropped)
            continue;
        stored[live] = (ScopeCol){d->name, az_var(z, u->stored, u->column_of[c], 0), false};
        excluded[live++] = (ScopeCol){d->name, excluded_column(u, c), false};
    }
    az_scope_init(s, NULL, NULL);
    az_scope_add_rel(z, s, n->table->alias.len ? n->table->alias : u->t->name, stored, live);
    az_scope_add_rel(z, s, SLICE_LIT("excluded"), excluded, live);
}

/* SET key = excluded.key changes nothing: the two are equal. */
static NodeList changing(const Upsert *u, const NInsert *n)
{
    ParseState ps = {.arena = u->z->arena};
    NodeList out = {0};
    for (size_t i = 0; i < n->set.count; i++) {
        const NTarget *s = (const NTarget *)n->set.items[i];
        bool same = false;
        for (size_t k = 0; k < u->key_count; k++)
            same |= slice_eq(u->t->columns[u->key[k]].name, s->name) && is_excluded(s);
        if (!same)
            out = ast_append(&ps, out, n->set.items[i]);
    }
    return out;
}

static bool update_targets(Upsert *u, const NInsert *n, Query *q, Err *e)
{
    Analyzer *z = u->z;
    Scope s;
    Expr **values, *where = az_const(z, T_BOOL, value_bool(true), 0);
    Expr **stored = ARENA_ARRAY(z->arena, Expr *, u->t->column_count + 1u);
    for (uint16_t c = 0; c < u->t->column_count; c++)
        if (!u->t->columns[c].dropped)
            stored[c] = az_var(z, u->stored, u->column_of[c], 0);
    u->stored->use = u->b->use;
    update_scope(u, n, &s);
    NodeList set = changing(u, n);
    if (!az_set_list(z, &s, u->t, &set, stored, &u->b->set, &values, &u->b->set_count, e))
        return false;
    for (size_t i = 0; i < u->b->set_count; i++)
        if (az_is_key_column(u->t, u->b->set[i])) {
            az_fail(z, set.items[i], ERR_FEATURE_NOT_SUPPORTED, e,
                    "ON CONFLICT DO UPDATE cannot change tags, time or columns of a key");
            return err_hint(e, "An UPDATE can.");
        }
    s.place = PLACE_WHERE;
    if (n->set_where && !az_expr_bool(z, &s, n->set_where, "WHERE", &where, e))
        return false;
    Target *targets =
        ARENA_ARRAY(z->arena, Target, q->target_count + u->b->set_count + u->stored->col_count + 2);
    memcpy(targets, q->targets, q->target_count * sizeof *targets);
    q->targets = targets;
    for (size_t i = 0; i < ROW_ID_COLUMNS; i++)
        targets[q->target_count++].expr = az_var(z, u->stored, i, 0);
    targets[q->target_count++].expr = where;
    for (size_t i = 0; i < u->b->set_count; i++)
        targets[q->target_count++].expr = values[i];
    for (size_t i = ROW_ID_COLUMNS; i < u->stored->col_count; i++)
        targets[q->target_count++].expr = az_var(z, u->stored, i, 0);
    u->b->stored = ARENA_ARRAY(z->arena, int16_t, u->t->column_count + 1u);
    for (int16_t c = 0; c < (int16_t)u->t->column_count; c++)
        if (!u->t->columns[c].dropped)
            u->b->stored[u->b->stored_count++] = c;
    q->visible_count = q->target_count;
    q->var_end = (uint32_t)z->var_count;
    az_set_columns(z, q);
    return true;
}

bool az_on_conflict(Analyzer *z, const NInsert *n, bool extra, Query **q, BoundInsert *b, Err *e)
{
    Upsert u = {.z = z, .t = b->table, .b = b};
    if (!find_arbiter(z, n, u.t, &u.key, &u.key_count, b, e))
        return false;
    for (size_t i = 0; i < n->set.count; i++) {
        const ColumnDef *c = table_column(u.t, ((const NTarget *)n->set.items[i])->name);
        b->use->privileges |= PRIV_UPDATE;
        if (c)
            b->use->columns[c - u.t->columns] |= PRIV_UPDATE;
    }
    if (n->conflict == 'n') {
        b->on_conflict = has_key(z, u.t) ? CONFLICT_NOTHING : CONFLICT_NONE;
        return true;
    }
    if (!extra && !b->returning_count && takes_over(n, u.t, b, u.key, u.key_count)) {
        b->on_conflict = CONFLICT_REPLACE;
        return true;
    }
    b->on_conflict = CONFLICT_UPDATE;
    Query *outer = az_wrap_query(z, *q);
    u.excluded = outer->from[0]->rte;
    if (!join_stored(&u, &n->n, outer, e) || !update_targets(&u, n, outer, e))
        return false;
    *q = outer;
    return true;
}
