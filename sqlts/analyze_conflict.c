/* sqlts/analyze_conflict.c - INSERT ... ON CONFLICT.
 *
 * DO NOTHING and a DO UPDATE that takes over what was inserted need nothing of the row that is
 * there.  Any other DO UPDATE reads it: the source of the INSERT is joined with the table by the
 * key (a look-up for each row where the key is tags and time, a hash join in ordinary tables). */
#include "sqlts/analyze.h"

/* ---- the key ---- */

/* Columns that make a row unique: PRIMARY KEY, or tags and time where newer rows win. */
static size_t table_key(Analyzer *z, const TableDef *t, int16_t **out)
{
    size_t n = 0;
    *out = ARENA_ARRAY(z->arena, int16_t, t->column_count + 1u);
    for (size_t i = 0; i < t->key_count; i++)
        (*out)[n++] = t->key[i];
    bool tags_and_time = n == 0 && t->kind == TABLE_SERIES && t->duplicates == DUP_LAST;
    for (int16_t c = 0; tags_and_time && c < (int16_t)t->column_count; c++)
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
    return found == key_count && names->count == key_count;
}

static bool check_target(Analyzer *z, const NInsert *n, const TableDef *t, const int16_t *key,
                         size_t key_count, Err *e)
{
    for (size_t i = 0; i < n->conflict_columns.count; i++) {
        const SqlNode *name = n->conflict_columns.items[i];
        if (!table_column(t, ast_name_text(name)))
            return az_fail(z, name, ERR_UNDEFINED_COLUMN, e, "column \"%.*s\" does not exist",
                           SLICE_ARG(ast_name_text(name)));
    }
    if (n->conflict_constraint.len) {
        Slice pkey = arena_printf(z->arena, "%.*s_pkey", SLICE_ARG(t->name));
        if (t->key_count && slice_eq(pkey, n->conflict_constraint))
            return true;
        return az_fail(z, &n->n, ERR_UNDEFINED_OBJECT, e,
                       "constraint \"%.*s\" for table \"%.*s\" does not exist",
                       SLICE_ARG(n->conflict_constraint), SLICE_ARG(t->name));
    }
    if (n->conflict_columns.count == 0) {
        if (n->conflict == 'n')
            return true;
        az_fail(z, &n->n, ERR_SYNTAX, e,
                "ON CONFLICT DO UPDATE requires inference specification or constraint name");
        return err_hint(e, "For example, ON CONFLICT (column_name).");
    }
    if (key_count && is_key(t, &n->conflict_columns, key, key_count))
        return true;
    return err_set(e, ERR_INVALID_COLUMN_REFERENCE,
                   "there is no unique or exclusion constraint matching the ON CONFLICT "
                   "specification");
}

/* ---- DO UPDATE ---- */

static bool is_excluded(const SqlNode *x, Slice column)
{
    const NColumn *c = (const NColumn *)x;
    return x->kind == N_COLUMN && !c->star && c->names.count == 2 &&
           slice_eq_cstr(ast_name_text(c->names.items[0]), "excluded") &&
           slice_eq(ast_name_text(c->names.items[1]), column);
}

/* SET v = excluded.v for every inserted column outside the key: what a newer row does by itself. */
static bool takes_over(const NInsert *n, const TableDef *t, const BoundInsert *b,
                       const int16_t *key, size_t key_count)
{
    size_t matched = 0, wanted = 0;
    if (n->set_where || t->kind != TABLE_SERIES)
        return false;
    for (size_t i = 0; i < n->set.count; i++) {
        const NTarget *s = (const NTarget *)n->set.items[i];
        if (!is_excluded(s->expr, s->name))
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
    static const int system[ROW_ID_COLUMNS] = {
        [ROW_SERIES] = SYS_SERIES, [ROW_TIME] = SYS_TIME_NS, [ROW_NUMBER] = SYS_ROW};
    for (size_t i = 0; i < ROW_ID_COLUMNS; i++)
        q->targets[q->target_count++].expr =
            az_var(z, u->table, rte_system(u->table, system[i]), 0);
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

static bool update_targets(Upsert *u, const NInsert *n, Query *q, Err *e)
{
    Analyzer *z = u->z;
    Scope s;
    Expr **values, *where = az_const(z, T_BOOL, value_bool(true), 0);
    update_scope(u, n, &s);
    if (!az_set_list(z, &s, u->t, &n->set, &u->b->set, &values, e))
        return false;
    for (size_t i = 0; i < n->set.count; i++)
        if (u->t->columns[u->b->set[i]].kind != COL_FIELD) {
            az_fail(z, n->set.items[i], ERR_FEATURE_NOT_SUPPORTED, e,
                    "ON CONFLICT DO UPDATE cannot change tags or time");
            return err_hint(e, "An UPDATE can.");
        }
    s.place = PLACE_WHERE;
    if (n->set_where && !az_expr_bool(z, &s, n->set_where, "WHERE", &where, e))
        return false;
    u->b->set_count = n->set.count;
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
    q->visible_count = q->target_count;
    q->var_end = (uint32_t)z->var_count;
    az_set_columns(z, q);
    return true;
}

bool az_on_conflict(Analyzer *z, const NInsert *n, bool extra, Query **q, BoundInsert *b, Err *e)
{
    Upsert u = {.z = z, .t = b->table, .b = b};
    int16_t *key;
    u.key_count = table_key(z, u.t, &key);
    u.key = key;
    if (!check_target(z, n, u.t, u.key, u.key_count, e))
        return false;
    if (n->conflict == 'n') {
        b->on_conflict = u.key_count ? CONFLICT_NOTHING : CONFLICT_NONE;
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
