/* sqlts/analyze_cursor.c - DECLARE, FOR UPDATE, WHERE CURRENT OF.
 *
 * FOR UPDATE locks the tables that it means: there are no locks of rows.  A cursor over them, or over
 * one table without more than WHERE and LIMIT, hands out the addresses of the stored rows behind its
 * columns; UPDATE and DELETE ... WHERE CURRENT OF look for the address, which comes as parameters. */
#include "sqlts/analyze.h"

/* ---- FOR UPDATE ---- */

static const char *not_with(const NSelect *n, const Query *q)
{
    return n->form != SELECT_PLAIN               ? "UNION/INTERSECT/EXCEPT"
           : n->distinct || n->distinct_on.count ? "DISTINCT clause"
           : n->has_group                        ? "GROUP BY clause"
           : n->having                           ? "HAVING clause"
           : q->agg_count                        ? "aggregate functions"
           : q->call_count                       ? "window functions"
           : q->has_srf                          ? "set-returning functions in the target list"
                                                 : NULL;
}

typedef struct Locks {
    Analyzer *z;
    const NLocking *n;
    BoundQuery *out;
    size_t cap;
} Locks;

static bool lock_table(Locks *l, const Rte *rte, bool nullable, Err *e)
{
    if (rte->kind != RTE_TABLE)
        return true;
    if (nullable)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "%s cannot be applied to the nullable side of an outer join", l->n->words);
    *AZ_PUSH(l->z, l->out->locked, l->out->lock_count, l->cap) = rte->table;
    if (rte->use)
        rte->use->privileges |= PRIV_UPDATE;
    return true;
}

/* Tables of the name, or all; *found: the FROM item of that name. */
static bool lock_from(Locks *l, const From *f, Slice name, bool nullable, const Rte **found, Err *e)
{
    if (!f)
        return true;
    if (f->rte && (!name.ptr || slice_eq(f->rte->name, name))) {
        *found = f->rte;
        return lock_table(l, f->rte, nullable, e);
    }
    bool left = f->type == JOIN_RIGHT || f->type == JOIN_FULL;
    bool right = f->type == JOIN_LEFT || f->type == JOIN_FULL;
    return lock_from(l, f->left, name, nullable || left, found, e) &&
           lock_from(l, f->right, name, nullable || right, found, e);
}

static bool lock_named(Locks *l, const Query *q, const NRange *r, Err *e)
{
    static const char *const refused[] = {
        [RTE_FUNCTION] = "a function", [RTE_CTE] = "a WITH query", [RTE_COMPUTED] = NULL};
    const Rte *rte = NULL;
    if (r->schema.len)
        return az_fail(l->z, &r->n, ERR_SYNTAX, e, "%s must specify unqualified relation names",
                       l->n->words);
    for (size_t i = 0; i < q->from_count && !rte; i++)
        if (!lock_from(l, q->from[i], r->name, false, &rte, e))
            return false;
    if (!rte)
        return az_fail(l->z, &r->n, ERR_UNDEFINED_TABLE, e,
                       "relation \"%.*s\" in %s clause not found in FROM clause",
                       SLICE_ARG(r->name), l->n->words);
    if (refused[rte->kind])
        return az_fail(l->z, &r->n, ERR_FEATURE_NOT_SUPPORTED, e, "%s cannot be applied to %s",
                       l->n->words, refused[rte->kind]);
    return true;
}

static bool lock_clause(Locks *l, const NSelect *n, const Query *q, Err *e)
{
    const Rte *ignored;
    if (n->form == SELECT_VALUES)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "%s cannot be applied to VALUES", l->n->words);
    const char *with = not_with(n, q);
    if (with)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "%s is not allowed with %s", l->n->words,
                       with);
    for (size_t i = 0; i < l->n->of.count; i++)
        if (!lock_named(l, q, (const NRange *)l->n->of.items[i], e))
            return false;
    for (size_t i = 0; i < q->from_count && l->n->of.count == 0; i++)
        if (!lock_from(l, q->from[i], SLICE_NONE, false, &ignored, e))
            return false;
    return true;
}

bool az_row_locks(Analyzer *z, const NSelect *n, const Query *q, BoundQuery *out, Err *e)
{
    Locks l = {.z = z, .out = out};
    for (size_t i = 0; i < n->locking.count; i++) {
        l.n = (const NLocking *)n->locking.items[i];
        out->lock = l.n->wait > out->lock ? l.n->wait : out->lock;
        if (!lock_clause(&l, n, q, e))
            return false;
    }
    return true;
}

/* ---- which rows a cursor stands on ---- */

static bool is_locked(const BoundQuery *b, const TableDef *t)
{
    for (size_t i = 0; i < b->lock_count; i++)
        if (b->locked[i] == t)
            return true;
    return false;
}

/* The tables in FROM that count, in order; returns how many. */
static size_t tables_of(const From *f, const BoundQuery *b, const Rte **out)
{
    if (!f)
        return 0;
    if (f->rte) {
        bool counts = f->rte->kind == RTE_TABLE && (!b->lock || is_locked(b, f->rte->table));
        if (counts)
            out[0] = f->rte;
        return counts;
    }
    size_t n = tables_of(f->left, b, out);
    return n + tables_of(f->right, b, out + n);
}

/* PostgreSQL can read the rows of such an order by an index, without a sort. */
static bool order_of_key(const Analyzer *z, const Query *q)
{
    const Expr *x = q->order_count ? q->targets[q->order[0].target].expr : NULL;
    if (!x)
        return true;
    if (x->kind != EXPR_COLUMN || z->vars[x->index].rte->kind != RTE_TABLE)
        return false;
    const VarInfo *v = &z->vars[x->index];
    int16_t attnum = v->rte->cols[v->col].attnum;
    return attnum > 0 && az_is_key_column(v->rte->table, (int16_t)(attnum - 1));
}

static bool is_simple(const Analyzer *z, const Query *q, const BoundQuery *b)
{
    if (q->form != QUERY_PLAIN || q->grouped || q->distinct || q->call_count || q->has_srf)
        return false;
    return b->lock || (q->from_count == 1 && q->from[0]->rte && order_of_key(z, q));
}

/* Behind the visible targets, before those that are only sorted by. */
static void add_addresses(Analyzer *z, Query *q, const Rte **tables, size_t n)
{
    size_t more = n * ROW_ID_COLUMNS, at = q->visible_count;
    Target *targets = ARENA_ARRAY(z->arena, Target, q->target_count + more + 1);
    memcpy(targets, q->targets, at * sizeof *targets);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ROW_ID_COLUMNS; k++)
            targets[at + i * ROW_ID_COLUMNS + k] = (Target){.expr = az_address(z, tables[i], k)};
    if (q->target_count > at)
        memcpy(targets + at + more, q->targets + at, (q->target_count - at) * sizeof *targets);
    for (size_t i = 0; i < q->order_count; i++)
        q->order[i].target += q->order[i].target >= at ? more : 0;
    q->targets = targets;
    q->target_count += more;
    q->visible_count += more;
    az_set_columns(z, q);
}

static bool cursor_query(Analyzer *z, const NSelect *n, BoundQuery *out, Err *e)
{
    Query *q;
    const Rte *tables[RELATIONS_MAX];
    size_t count = 0;
    if (!az_select(z, NULL, n, 0, &q, e) || !az_finish_params(z, e) ||
        !az_row_locks(z, n, q, out, e))
        return false;
    for (size_t i = 0; is_simple(z, q, out) && i < q->from_count; i++)
        count += tables_of(q->from[i], out, tables + count);
    if (q->visible_count + count * ROW_ID_COLUMNS > TARGETS_MAX)
        count = 0;
    size_t visible = q->visible_count;
    add_addresses(z, q, tables, count);
    if (!plan_statement(z, q, out, e))
        return false;
    out->col_count = visible;
    out->addressed = ARENA_ARRAY(z->arena, const TableDef *, count + 1);
    for (size_t i = 0; i < count; i++)
        out->addressed[out->addressed_count++] = tables[i]->table;
    return true;
}

/* ---- DECLARE ---- */

static bool locked_kind(const NSimple *n, const NSelect *q, Err *e)
{
    const char *words = q->locking.count ? ((const NLocking *)q->locking.items[0])->words : NULL;
    if (words && n->flag) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "DECLARE CURSOR WITH HOLD ... %s is not supported",
                words);
        return err_detail(e, "Holdable cursors must be READ ONLY.");
    }
    if (words && n->form & CURSOR_SCROLL) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "DECLARE SCROLL CURSOR ... %s is not supported",
                words);
        return err_detail(e, "Scrollable cursors must be READ ONLY.");
    }
    if (words && n->form & CURSOR_INSENSITIVE) {
        err_set(e, ERR_CURSOR_DEFINITION, "DECLARE INSENSITIVE CURSOR ... %s is not valid", words);
        return err_detail(e, "Insensitive cursors must be READ ONLY.");
    }
    return true;
}

bool az_declare(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    static const struct {
        int both;
        const char *text;
    } conflicts[] = {
        {CURSOR_SCROLL | CURSOR_NO_SCROLL, "cannot specify both SCROLL and NO SCROLL"},
        {CURSOR_INSENSITIVE | CURSOR_ASENSITIVE, "cannot specify both ASENSITIVE and INSENSITIVE"},
    };
    const NSelect *q = (const NSelect *)n->query;
    for (size_t i = 0; i < ARRAY_LEN(conflicts); i++)
        if ((n->form & conflicts[i].both) == conflicts[i].both)
            return err_set(e, ERR_CURSOR_DEFINITION, "%s", conflicts[i].text);
    if (q->into)
        return az_fail(z, &q->into->n, ERR_SYNTAX, e, "SELECT ... INTO is not allowed here");
    if (!az_refuse_parts(q, "DECLARE CURSOR", e))
        return false;
    b->kind = BOUND_DECLARE;
    b->tag = "DECLARE CURSOR";
    b->read_only = true;
    b->u.declare.name = n->name;
    b->u.declare.hold = n->flag;
    b->u.declare.scroll = n->form & CURSOR_SCROLL;
    b->u.declare.no_scroll = n->form & CURSOR_NO_SCROLL;
    b->u.declare.binary = n->form & CURSOR_BINARY;
    return cursor_query(z, q, &b->u.declare.query, e) && locked_kind(n, q, e);
}

/* ---- WHERE CURRENT OF ---- */

bool az_current_of(Analyzer *z, const NLiteral *n, const Rte *target, BoundModify *out, Err *e)
{
    out->cursor = n->text;
    for (size_t k = 0; k < ROW_ID_COLUMNS; k++) {
        Expr *x = expr_new(z->arena, EXPR_PARAM, T_INT8, 0), *equal;
        out->address[k] = x; /* its number: when those of the statement are known */
        if (!az_operator(z, &n->n, SLICE_LIT("="), az_address(z, target, k), x, &equal, e))
            return false;
        out->where_address = az_and(z, out->where_address, equal);
    }
    return true;
}
