/* sqlts/analyze_view.c - continuous views: which queries can be one, and the parts that are read.
 *
 * What is read and when is in continuous.h.  A part is the view's own query, analyzed again and then
 * changed in its logical form: a bound more on the time, other targets, or the hidden table as FROM. */
#include "sqlts/analyze_view.h"

#include "exec/state.h"
#include "sqlts/analyze.h"
#include "sqlts/matview.h"

/* ---- which queries can be maintained ---- */

bool az_view_cannot(const char *part, const char *hint, Err *e)
{
    err_set(e, ERR_FEATURE_NOT_SUPPORTED, "a continuous view cannot be kept up to date with %s",
            part);
    return err_hint(e, "%s", hint);
}

#define HINT_PLAIN "CREATE VIEW takes it; so does CREATE MATERIALIZED VIEW without \"continuous\"."

typedef struct Shape {
    Rte *base;
    Expr *time; /* in q's own variables */
    size_t bucket;
    const TableDef *lower; /* base is this continuous view; or NULL */
    ContinuousDef below;   /* what is kept of it */
} Shape;

/* A time column that can be watched: of a time-series table, or the bucket of a continuous view. */
static bool is_time(const Analyzer *z, const Expr *t, Shape *s)
{
    Err ignored;
    const VarInfo *v = &z->vars[t->index];
    s->base = v->rte;
    if (v->rte->kind == RTE_TABLE)
        return v->rte->cols[v->col].is_time;
    s->lower = v->rte->states_of;
    return s->lower && continuous_decode(&s->below, z->arena, s->lower, &ignored) &&
           v->col < s->below.column_count && s->below.columns[v->col] == s->below.bucket;
}

/* Of the keys, the bucket of a time column; false: there is none. */
static bool find_bucket(const Analyzer *z, const Query *q, Shape *s)
{
    for (size_t i = 0; i < q->key_count; i++) {
        Expr *t = az_bucket_time(q->keys[i]);
        *s = (Shape){.time = t, .bucket = i};
        if (t && t->kind == EXPR_COLUMN && is_time(z, t, s))
            return true;
    }
    return false;
}

/* ---- a view over a view ---- */

static const StateColumn *column_state(const Analyzer *z, const Shape *s, const Expr *x,
                                       size_t *number)
{
    const VarInfo *v = x->kind == EXPR_COLUMN ? &z->vars[x->index] : NULL;
    const ContinuousDef *d = &s->below;
    if (!v || v->rte != s->base || v->col >= d->column_count ||
        d->columns[v->col] < (int)d->key_count)
        return NULL;
    size_t agg = (size_t)d->columns[v->col] - d->key_count;
    *number = d->column_count;
    for (size_t i = 0; i < agg; i++)
        *number += d->aggs[i].state;
    return d->aggs[agg].state ? &d->aggs[agg] : NULL;
}

/* The same aggregate again, so that its states can be merged.  count() counts what the lower view gives. */
static bool goes_on(const Analyzer *z, const Shape *s, const AggCall *a, const StateColumn *c)
{
    const FuncDef *f = func_by_oid(c->func);
    if (a->distinct || a->order_count || a->result != c->result || a->arg_count != c->arg_count ||
        strcmp(f->name, a->func->name) != 0 || strcmp(f->name, "count") == 0)
        return false;
    if (a->arg_count == 1)
        return true;
    const VarInfo *v = a->args[1]->kind == EXPR_COLUMN ? &z->vars[a->args[1]->index] : NULL;
    return a->arg_count == 2 && v && v->rte == s->base && v->col < s->below.column_count &&
           s->below.columns[v->col] == s->below.bucket;
}

/* avg(load) of the lower view's avg(load) is the average of the rows below, not of their averages. */
static void combine_states(Analyzer *z, Query *q, const Shape *s)
{
    for (size_t i = 0; s->lower && i < q->agg_count; i++) {
        AggCall *a = &q->aggs[i];
        size_t number;
        const StateColumn *c = a->arg_count ? column_state(z, s, a->args[0], &number) : NULL;
        if (!c || !goes_on(z, s, a, c))
            continue;
        a->func = func_by_oid(c->func);
        a->of_state = true;
        a->state_args = c->args;
        a->state_arg_count = c->arg_count;
        a->args = ARENA_NEW(z->arena, Expr *);
        a->args[0] = az_var(z, s->base, number, 0);
        a->arg_count = 1;
    }
}

static bool is_named(const Expr *x, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(x->func->name, names[i]) == 0)
            return true;
    return false;
}

static bool moves(void *arg, Expr **slot)
{
    static const char *const names[] = {
        "now",       "statement_timestamp", "transaction_timestamp", "current_setting",
        "user",      "current_user",        "session_user",          "current_role",
        "localtime", "localtimestamp"};
    const Expr *x = *slot;
    if (x->kind != EXPR_CALL)
        return false;
    bool age = x->arg_count == 1 && strcmp(x->func->name, "age") == 0;
    *(bool *)arg |= age || is_named(x, names, ARRAY_LEN(names));
    *(bool *)arg |= (x->func->flags & FN_VOLATILE) != 0;
    return false;
}

static bool has_zone(TypeId t)
{
    return t == T_TIMESTAMPTZ || t == T_TIMESTAMPTZ_ARRAY || t == T_TIMETZ;
}

/* + interval '1 hour', not '1 day'; seconds since 1970; buckets, whose zone is known. */
static bool same_in_zones(const Expr *x)
{
    static const char *const buckets[] = {"time_bucket", "pg_typeof"};
    static const char *const fields[] = {"extract", "date_part"};
    if (is_named(x, buckets, ARRAY_LEN(buckets)))
        return true;
    if (is_named(x, fields, ARRAY_LEN(fields)))
        return x->args[0]->kind == EXPR_CONST && !x->args[0]->value.null &&
               slice_eq_nocase(x->args[0]->value.u.str, SLICE_LIT("epoch"));
    if (strcmp(x->func->name, "date_trunc") == 0)
        return x->args[1]->kind == EXPR_COLUMN;
    for (size_t i = 0; i < x->arg_count; i++) {
        const Expr *a = x->args[i];
        if (a->kind == EXPR_CONST && a->type == T_INTERVAL)
            return !a->value.u.iv.months && !a->value.u.iv.days;
    }
    return false;
}

static bool asks_zone(void *arg, Expr **slot)
{
    const Expr *x = *slot;
    bool call = x->kind == EXPR_CALL && (x->func->flags & FN_STABLE) != 0;
    bool zone = has_zone(x->type);
    if (!call && x->kind != EXPR_IO_CAST)
        return false;
    for (size_t i = 0; i < x->arg_count; i++)
        zone |= has_zone(x->args[i]->type);
    *(bool *)arg |= zone && !(call && same_in_zones(x));
    return false;
}

/* A view below was looked at when it was made. */
static void joins_ask_zone(From *f, bool *zone)
{
    if (f->rte)
        return;
    joins_ask_zone(f->left, zone);
    joins_ask_zone(f->right, zone);
    qx_walk(&f->on, asks_zone, zone);
}

/* What is kept must not be the zone's of who refreshed it; the rest is made when it is read. */
static bool check_zones(Analyzer *z, const Query *q, Err *e)
{
    bool zone = false;
    Query kept = *q;
    kept.having = NULL;
    kept.targets = NULL;
    kept.from_count = 0;
    for (size_t i = 0; i < q->from_count; i++)
        joins_ask_zone(q->from[i], &zone);
    qx_walk_query(z, &kept, asks_zone, &zone);
    return !zone ||
           az_view_cannot("what depends on the time zone of the session",
                          "Name the zone: ts AT TIME ZONE 'Europe/Berlin' instead of ts.", e);
}

static bool sublinks(void *arg, Expr **slot)
{
    *(bool *)arg |= qx_kind(*slot) == QX_SUBLINK;
    return false;
}

static bool add_other(ContinuousDef *d, TableId table, Err *e)
{
    if (continuous_reads(d, table))
        return true;
    if (d->other_count == WATCH_OTHERS)
        return az_view_cannot("so many tables", "Four ordinary tables can be joined.", e);
    d->others[d->other_count++] = table;
    return true;
}

static bool check_from(Analyzer *z, const From *f, const Shape *s, ContinuousDef *d, Err *e)
{
    if (!f->rte) {
        bool inner = f->type == JOIN_INNER || (f->type == JOIN_LEFT && !f->asof);
        if (!inner || f->asof)
            return az_view_cannot("this kind of join",
                                  "The time-series table may be joined by JOIN and LEFT JOIN.", e);
        return check_from(z, f->left, s, d, e) && check_from(z, f->right, s, d, e);
    }
    if (f->rte == s->base)
        return true;
    if (f->rte->kind != RTE_TABLE || f->rte->table->kind != TABLE_ORDINARY)
        return az_view_cannot("a second source of rows",
                              "One time-series table, joined with ordinary tables, can be.", e);
    return add_other(d, f->rte->table->id, e);
}

static bool base_left(const From *f, const Shape *s)
{
    while (!f->rte)
        f = f->left;
    return f->rte == s->base;
}

static bool check_clauses(Analyzer *z, Query *q, Err *e)
{
    bool clock = false, sub = false;
    if (q->form != QUERY_PLAIN)
        return az_view_cannot("UNION, INTERSECT, EXCEPT or VALUES", HINT_PLAIN, e);
    if (q->distinct || q->distinct_on_count)
        return az_view_cannot("DISTINCT", HINT_PLAIN, e);
    if (q->order_count || q->limit || q->offset)
        return az_view_cannot("ORDER BY, LIMIT or OFFSET", "Write them where the view is read.", e);
    if (q->ctes)
        return az_view_cannot("WITH", HINT_PLAIN, e);
    if (q->set_count || q->grouping_count)
        return az_view_cannot("GROUPING SETS", HINT_PLAIN, e);
    if (q->call_count)
        return az_view_cannot("window functions", "Write them where the view is read.", e);
    if (q->gapfill || q->fill_count)
        return az_view_cannot("gap filling", "Fill gaps where the view is read.", e);
    if (q->has_srf)
        return az_view_cannot("set-returning functions", HINT_PLAIN, e);
    qx_walk_query(z, q, moves, &clock);
    if (clock)
        return az_view_cannot("functions whose result changes, like now()",
                              "Put conditions on the time where the view is read.", e);
    qx_walk_query(z, q, sublinks, &sub);
    return !sub || az_view_cannot("subqueries", HINT_PLAIN, e);
}

/* ---- what the catalog will keep ---- */

static bool describe_bucket(Analyzer *z, const Query *q, const Shape *s, ContinuousDef *d, Err *e)
{
    d->bucket = (uint16_t)s->bucket;
    return az_view_bucket(z, q->keys[s->bucket], d, e) &&
           (!s->lower || az_view_nests(d, &s->below, e));
}

static bool describe_agg(const AggCall *c, StateColumn *out, Err *e)
{
    *out = (StateColumn){.func = c->func->oid, .result = c->result};
    size_t n = c->of_state ? c->state_arg_count : c->arg_count;
    if (n > CONTINUOUS_ARGS_MAX)
        return az_view_cannot("aggregates of so many arguments", HINT_PLAIN, e);
    out->arg_count = (uint16_t)n;
    for (size_t i = 0; i < n; i++)
        out->args[i] = c->of_state ? c->state_args[i] : c->args[i]->type;
    out->state =
        agg_keeps_state(c->func->agg) && !c->distinct && (c->order_count == 0 || c->order_implied);
    return true;
}

/* What each column of the view is. */
static void describe_columns(Analyzer *z, const Query *q, ContinuousDef *d)
{
    d->column_count = (uint16_t)q->visible_count;
    d->columns = ARENA_ARRAY(z->arena, int16_t, q->visible_count + 1);
    for (size_t i = 0; i < q->visible_count; i++) {
        const Expr *x = q->targets[i].expr;
        const VarInfo *v = x->kind == EXPR_COLUMN ? &z->vars[x->index] : NULL;
        d->columns[i] = v && v->rte == q->group ? (int16_t)v->col : -1;
    }
}

/* The tag of the rows that a key is, if it is one; of a view below: that its key is. */
static ColumnId key_tag(const Analyzer *z, const Shape *s, const Expr *key)
{
    const VarInfo *v = key->kind == EXPR_COLUMN ? &z->vars[key->index] : NULL;
    if (!v || v->rte != s->base)
        return 0;
    if (s->lower) {
        int16_t of = v->col < s->below.column_count ? s->below.columns[v->col] : -1;
        return of >= 0 && of < s->below.key_count ? s->below.tags[of] : 0;
    }
    const RteCol *c = &v->rte->cols[v->col];
    if (c->attnum < 1 || c->table != v->rte->table->id)
        return 0;
    const ColumnDef *column = &v->rte->table->columns[c->attnum - 1];
    return column->kind == COL_TAG ? column->id : 0;
}

static bool describe_source(const Shape *s, ContinuousDef *d, Err *e)
{
    if (!s->lower) {
        d->base = s->base->table->id;
        return true;
    }
    d->lower = s->lower->id;
    d->base = s->below.base;
    for (size_t i = 0; i < s->below.other_count; i++)
        if (!add_other(d, s->below.others[i], e))
            return false;
    return true;
}

bool az_continuous(Analyzer *z, Query *q, ContinuousDef *d, Err *e)
{
    Shape s;
    if (!check_clauses(z, q, e))
        return false;
    if (!q->grouped || !find_bucket(z, q, &s))
        return az_view_cannot(
            "no time_bucket() of the time column of a time-series table in GROUP BY",
            "SELECT time_bucket('1 hour', ts), ... FROM t GROUP BY 1, ...", e);
    if (!describe_source(&s, d, e))
        return false;
    for (size_t i = 0; i < q->from_count; i++)
        if (!check_from(z, q->from[i], &s, d, e))
            return false;
    if (q->from_count == 1 && !base_left(q->from[0], &s) && q->from[0]->type == JOIN_LEFT)
        return az_view_cannot("the time-series table on the right of a LEFT JOIN",
                              "Put it to the left.", e);
    if (!describe_bucket(z, q, &s, d, e) || !check_zones(z, q, e))
        return false;
    combine_states(z, q, &s);
    describe_columns(z, q, d);
    d->key_count = (uint16_t)q->key_count;
    d->keys = ARENA_ARRAY(z->arena, TypeId, q->key_count + 1);
    d->tags = ARENA_ARRAY(z->arena, ColumnId, q->key_count + 1);
    for (size_t i = 0; i < q->key_count; i++) {
        d->keys[i] = q->keys[i]->type;
        d->tags[i] = key_tag(z, &s, q->keys[i]);
    }
    d->agg_count = (uint16_t)q->agg_count;
    d->aggs = ARENA_ARRAY(z->arena, StateColumn, q->agg_count + 1);
    for (size_t i = 0; i < q->agg_count; i++)
        if (!describe_agg(&q->aggs[i], &d->aggs[i], e))
            return false;
    return true;
}

/* ---- parts ---- */

typedef struct PartBuild {
    Analyzer *z;
    Query *q;
    const TableDef *view;
    ContinuousDef def;
    Shape shape;
    const SqlNode *at;
} PartBuild;

static Expr *int_const(Analyzer *z, int64_t v)
{
    return az_const(z, T_INT8, value_i64(v), 0);
}

/* view_bound(view, which, number), as a time of the type of `like`. */
static bool bound_call(const PartBuild *b, ViewBound which, size_t number, const Expr *like,
                       Expr **out, Err *e)
{
    Expr *args[] = {int_const(b->z, continuous_watch(&b->def, b->view)),
                    int_const(b->z, (int64_t)which), int_const(b->z, (int64_t)number),
                    az_const(b->z, T_BYTEA, value_str(b->def.grid), 0)};
    if (!az_call_named(b->z, b->at, "view_bound", args, ARRAY_LEN(args), out, e))
        return false;
    (*out)->type = like->type; /* both count microseconds of UTC */
    return true;
}

/* Adds: x op bound. */
static bool compare(const PartBuild *b, Expr **where, const Expr *x, const char *op, Expr *bound,
                    Err *e)
{
    Expr *test;
    if (!az_operator(b->z, b->at, slice_cstr(op), qx_copy(b->z->arena, x), bound, &test, e))
        return false;
    *where = az_and(b->z, *where, test);
    return true;
}

static bool compare_bound(const PartBuild *b, Expr **where, const Expr *x, const char *op,
                          ViewBound which, size_t number, Err *e)
{
    Expr *bound;
    return bound_call(b, which, number, x, &bound, e) && compare(b, where, x, op, bound, e);
}

typedef struct Replace { /* variables of a group by what stands for them */
    Arena *arena;
    uint32_t first;
    size_t count;
    Expr **by;
} Replace;

static bool replace(void *arg, Expr **slot)
{
    const Replace *r = arg;
    const Expr *x = *slot;
    if (x->kind != EXPR_COLUMN || x->index < r->first || x->index >= r->first + r->count)
        return false;
    *slot = qx_copy(r->arena, r->by[x->index - r->first]);
    return true;
}

/* What the column of an aggregate gives. */
static Expr *state_result(Analyzer *z, const StateColumn *c, Expr *column)
{
    if (!c->state)
        return column;
    size_t n = 3 + c->arg_count;
    Expr **args = ARENA_ARRAY(z->arena, Expr *, n);
    args[0] = column;
    args[1] = int_const(z, c->func);
    args[2] = int_const(z, c->result);
    for (size_t i = 0; i < c->arg_count; i++)
        args[3 + i] = int_const(z, c->args[i]);
    const FuncDef *f = func_by_oid(func_oid_of("state_value(bytea, int8, int8) any"));
    return expr_call(z->arena, f, c->result, args, n, 0);
}

/* A view above this one keeps what is true, whatever this one shows. */
static bool shows_rows(const Analyzer *z, const ContinuousDef *d)
{
    return d->realtime || z->give_states;
}

static bool states_where(const PartBuild *b, Expr *bucket, Expr **where, Err *e)
{
    Analyzer *z = b->z;
    if (!compare_bound(b, where, bucket, ">=", VIEW_FROM, 0, e) ||
        !compare_bound(b, where, bucket, "<", VIEW_UPTO, 0, e))
        return false;
    for (size_t i = 0; shows_rows(z, &b->def) && i < VIEW_RANGES; i++) {
        Expr *within = NULL;
        if (!compare_bound(b, &within, bucket, ">=", VIEW_STALE_FROM, i, e) ||
            !compare_bound(b, &within, bucket, "<", VIEW_STALE_TO, i, e))
            return false;
        Expr *not = expr_new(z->arena, EXPR_NOT, T_BOOL, 1);
        not ->typmod = -1;
        not ->args[0] = within;
        *where = az_and(z, *where, not );
    }
    return true;
}

/* Keys and states are columns of `r`: targets and HAVING are made of them; behind the targets stand the states,
 * for a view above. */
static void show_results(const PartBuild *b, Rte *r)
{
    Analyzer *z = b->z;
    Query *q = b->q;
    Replace by = {z->arena, q->group->first_var, q->key_count + q->agg_count, NULL};
    by.by = ARENA_ARRAY(z->arena, Expr *, by.count + 1);
    Target *targets = ARENA_ARRAY(z->arena, Target, q->target_count + q->agg_count + 1);
    memcpy(targets, q->targets, q->target_count * sizeof *targets);
    for (size_t i = 0; i < by.count; i++) {
        const StateColumn *c = i < q->key_count ? NULL : &b->def.aggs[i - q->key_count];
        Expr *column = az_var(z, r, i, 0);
        by.by[i] = c ? state_result(z, c, column) : column;
    }
    for (size_t i = 0; i < q->target_count; i++)
        qx_walk(&targets[i].expr, replace, &by);
    qx_walk(&q->having, replace, &by);
    for (size_t i = 0; z->give_states && i < q->agg_count; i++)
        if (b->def.aggs[i].state)
            targets[q->target_count++].expr = az_var(z, r, q->key_count + i, 0);
    q->targets = targets;
    q->visible_count = q->target_count;
}

Slice az_view_part_name(Analyzer *z, const TableDef *view, ViewPart part, size_t number)
{
    static const char *const names[] = {[VIEW_WHOLE] = "all",
                                        [VIEW_STATES] = "what is kept",
                                        [VIEW_LATER] = "rows newer than what is kept",
                                        [VIEW_EARLIER] = "rows older than what is kept",
                                        [VIEW_STALE] = "rows of changed buckets, range ",
                                        [VIEW_PARTIAL] = "refresh"};
    Buf b;
    buf_init(&b);
    if (z->view_part.len)
        buf_printf(&b, "%.*s; of ", SLICE_ARG(z->view_part));
    buf_printf(&b, "%.*s: %s", SLICE_ARG(view->name), names[part]);
    if (part == VIEW_STALE)
        buf_printf(&b, "%zu", number + 1);
    Slice name = arena_slice(z->arena, buf_slice(&b));
    buf_free(&b);
    return name;
}

static void list_kept(Buf *b, const ContinuousDef *d, bool state)
{
    const char *comma = state ? "states of " : b->len ? "; results of " : "results of ";
    for (size_t i = 0; i < d->agg_count; i++) {
        if (d->aggs[i].state != state)
            continue;
        buf_printf(b, "%s%s", comma, func_by_oid(d->aggs[i].func)->name);
        comma = ", ";
    }
}

/* Results, not states, are kept of aggregates that cannot be merged: those are made anew with their bucket. */
static Slice kept_words(const PartBuild *b)
{
    Buf text;
    buf_init(&text);
    list_kept(&text, &b->def, true);
    list_kept(&text, &b->def, false);
    Slice words = arena_slice(b->z->arena, buf_slice(&text));
    buf_free(&text);
    return words;
}

/* The hidden table in place of FROM and GROUP BY. */
static bool states_part(PartBuild *b, Err *e)
{
    Analyzer *z = b->z;
    Query *q = b->q;
    Rte *r;
    Scope scope;
    const TableDef *t = cat_table_by_id(z->env->catalog, b->def.states);
    if (!t)
        return err_set(e, ERR_DATA_CORRUPTED, "the states of continuous view \"%.*s\" are gone",
                       SLICE_ARG(b->view->name));
    az_scope_init(&scope, NULL, NULL);
    az_scope_add_table(z, &scope, t, SLICE_NONE, &r);
    r->name = b->view->name;
    r->view_part = z->view_part;
    r->kept = kept_words(b);
    Expr *where = NULL;
    if (!states_where(b, az_var(z, r, b->def.bucket, 0), &where, e))
        return false;
    show_results(b, r);
    q->where = az_and(z, where, q->having);
    q->having = NULL;
    q->from[0] = ARENA_NEW(z->arena, From);
    q->from[0]->rte = r;
    q->from_count = 1;
    q->grouped = false;
    q->group = NULL;
    q->key_count = q->agg_count = 0;
    return true;
}

/* The aggregates give their states. */
static void make_states(const PartBuild *b)
{
    Query *q = b->q;
    for (size_t i = 0; i < q->agg_count; i++) {
        if (!b->def.aggs[i].state)
            continue;
        q->aggs[i].as_state = true;
        q->group->cols[q->key_count + i].type = T_BYTEA;
        q->group->cols[q->key_count + i].typmod = -1;
    }
}

/* Keys and states as the hidden table has them. */
static bool partial_part(PartBuild *b, Err *e)
{
    Analyzer *z = b->z;
    Query *q = b->q;
    const ViewRefresh *r = z->env->refresh;
    size_t n = q->key_count + q->agg_count;
    q->targets = ARENA_ARRAY(z->arena, Target, n + 1);
    q->target_count = q->visible_count = n;
    q->having = NULL;
    make_states(b);
    for (size_t i = 0; i < n; i++)
        q->targets[i] =
            (Target){.expr = az_var(z, q->group, i, 0), .name = arena_printf(z->arena, "c%zu", i)};
    const Expr *t = b->shape.time;
    Expr *from = az_const(z, t->type, value_i64(r->from_us), 0);
    Expr *to = az_const(z, t->type, value_i64(r->to_us), 0);
    return compare(b, &q->where, t, ">=", from, e) && compare(b, &q->where, t, "<", to, e);
}

static bool change_part(PartBuild *b, ViewPart part, size_t number, Err *e)
{
    Expr **where = &b->q->where;
    const Expr *t = b->shape.time;
    if (b->z->give_states && part != VIEW_STATES && part != VIEW_PARTIAL) {
        make_states(b);
        show_results(b, b->q->group);
    }
    switch (part) {
    case VIEW_WHOLE:
        return true;
    case VIEW_STATES:
        return states_part(b, e);
    case VIEW_PARTIAL:
        return partial_part(b, e);
    case VIEW_LATER:
        return compare_bound(b, where, t, ">=", VIEW_UPTO, 0, e);
    case VIEW_EARLIER:
        return compare_bound(b, where, t, "<", VIEW_FROM, 0, e);
    case VIEW_STALE:
        return compare_bound(b, where, t, ">=", VIEW_STALE_FROM, number, e) &&
               compare_bound(b, where, t, "<", VIEW_STALE_TO, number, e);
    }
    return true;
}

bool az_view_part(Analyzer *z, const TableDef *view, const SqlNode *at, ViewPart part,
                  size_t number, Query *q, Err *e)
{
    PartBuild b = {.z = z, .q = q, .view = view, .at = at};
    if (!continuous_decode(&b.def, z->arena, view, e))
        return false;
    if (q->key_count != b.def.key_count || q->agg_count != b.def.agg_count ||
        !find_bucket(z, q, &b.shape))
        return err_set(e, ERR_DATA_CORRUPTED, "continuous view \"%.*s\" is not what its text says",
                       SLICE_ARG(view->name));
    combine_states(z, q, &b.shape);
    b.shape.base->view_part = z->view_part; /* a lower view has named its own parts */
    if (!change_part(&b, part, number, e))
        return false;
    az_set_columns(z, q);
    q->var_end = (uint32_t)z->var_count;
    return true;
}

/* ---- plain materialized views ---- */

/* A plain materialized view: its hidden table, whose columns are those of the view. */
bool az_stored_view(Analyzer *z, const TableDef *v, Slice alias, Rte **out, Err *e)
{
    StoredView kept = stored_view(v);
    const TableDef *rows = cat_table_by_id(z->env->catalog, kept.rows);
    if (!rows)
        return err_set(e, ERR_DATA_CORRUPTED, "the rows of materialized view \"%.*s\" are gone",
                       SLICE_ARG(v->name));
    if (!kept.populated && !z->names && !z->defines)
        return err_set(e, ERR_OBJECT_STATE, "materialized view \"%.*s\" has not been populated",
                       SLICE_ARG(v->name)) ||
               err_hint(e, "Use the REFRESH MATERIALIZED VIEW command.");
    Rte *r;
    Scope scope;
    az_scope_init(&scope, NULL, NULL);
    az_scope_add_table(z, &scope, rows, alias.len ? alias : v->name, out);
    r = *out;
    for (size_t i = 0; i < v->column_count; i++) {
        r->cols[i].name = v->columns[i].name;
        r->cols[i].table = v->id;
    }
    r->cols[rte_system(r, SYS_TABLEOID)].name = SLICE_LIT(""); /* it would be the hidden table's */
    return true;
}

/* ---- the whole ---- */

static void add_part(Buf *text)
{
    buf_printf(text, "%sSELECT * FROM v", text->len ? " UNION ALL " : "");
}

/* The parts in the order in which they stand in the text: a chain leans to the left. */
static void name_parts(NSelect *n, const TableDef *view, size_t *number)
{
    if (n->left) {
        name_parts(n->left, view, number);
        name_parts(n->right, view, number);
        return;
    }
    NRange *r = (NRange *)n->from.items[0];
    size_t i = (*number)++;
    r->part_of = view;
    r->part = (int)(i < 3 ? VIEW_STATES + i : VIEW_STALE);
    r->part_number = i < 3 ? 0 : i - 3;
}

bool az_view_union(Analyzer *z, const TableDef *view, Query **q, Err *e)
{
    SqlStatement *st;
    size_t count, number = 0;
    ContinuousDef d;
    Buf text;
    if (!continuous_decode(&d, z->arena, view, e))
        return false;
    buf_init(&text);
    for (size_t i = 0; i < (shows_rows(z, &d) ? 3 + VIEW_RANGES : 1); i++)
        add_part(&text);
    Slice kept = arena_slice(z->arena, buf_slice(&text));
    buf_free(&text);
    if (!sql_parse(z->arena, kept, &st, &count, e))
        return false;
    name_parts((NSelect *)st->node, view, &number);
    z->no_position++; /* the text is not the user's */
    z->view_depth++;
    bool ok = az_select(z, NULL, (const NSelect *)st->node, 0, q, e);
    z->view_depth--;
    z->no_position--;
    return ok;
}
