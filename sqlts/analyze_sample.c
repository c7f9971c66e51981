/* sqlts/analyze_sample.c - QuestDB's LATEST ON and SAMPLE BY, rewritten to what they mean.
 *
 * LATEST ON ts PARTITION BY a is SELECT DISTINCT ON (a) ... ORDER BY a, ts DESC around FROM and WHERE.
 * SAMPLE BY w is GROUP BY time_bucket(w, ts) and all that is no aggregate, where ts means the bucket;
 * FILL is gap filling from the first bucket to the last. */
#include "sqlts/analyze.h"

/* ---- LATEST ON ---- */

static void add_sort(ParseState *ps, NSelect *q, SqlNode *x, char direction)
{
    NSort *sort = AST(ps, NSort, N_SORT, x->offset);
    sort->expr = x;
    sort->direction = direction;
    sort->nulls = 'l';
    q->order = ast_append(ps, q->order, sort);
}

static SqlNode *column_node(ParseState *ps, uint32_t offset, Slice rel, Slice col)
{
    NodeList rest = ast_list(ps, ast_literal(ps, N_NAME, offset, col));
    return ast_column(ps, offset, rel, &rest);
}

static NSelect *new_select(ParseState *ps, const NSelect *from, SqlNode *target)
{
    NSelect *q = AST(ps, NSelect, N_SELECT, from->n.offset);
    q->form = SELECT_PLAIN;
    q->from = from->from;
    q->where = from->where;
    q->targets = ast_list(ps, ast_target(ps, N_TARGET, from->n.offset, SLICE_NONE, target));
    return q;
}

bool az_latest(Analyzer *z, const NSelect *n, const NSelect **out, Err *e)
{
    ParseState ps = {.arena = z->arena, .err = e};
    const NLatest *latest = n->latest;
    const NRange *from = n->from.count == 1 ? (const NRange *)n->from.items[0] : NULL;
    if (!from || from->n.kind == N_RANGE_JOIN) {
        az_fail(z, &latest->n, ERR_FEATURE_NOT_SUPPORTED, e, "LATEST ON needs a FROM of one table");
        return err_hint(e, "Put it into a subquery: JOIN (SELECT ... LATEST ON ...) AS x.");
    }
    NColumn *star = AST(&ps, NColumn, N_COLUMN, n->n.offset);
    star->star = true;
    NSelect *rows = new_select(&ps, n, &star->n);
    rows->distinct = true;
    rows->distinct_on = latest->partition;
    for (size_t i = 0; i < latest->partition.count; i++)
        add_sort(&ps, rows, latest->partition.items[i], 0);
    add_sort(&ps, rows, latest->time, 'd');
    NRange *range = AST(&ps, NRange, N_RANGE_QUERY, from->n.offset);
    range->query = rows;
    range->alias = from->alias.len  ? from->alias
                   : from->name.len ? from->name
                                    : SLICE_LIT("latest");
    range->lateral = from->lateral;
    NSelect *copy = arena_alloc(z->arena, sizeof *copy);
    *copy = *n;
    copy->latest = NULL;
    copy->where = NULL;
    copy->from = ast_list(&ps, range);
    *out = copy;
    return true;
}

/* ---- SAMPLE BY: the bucket ---- */

typedef struct Sample {
    Analyzer *z;
    Scope *s;
    const NSelect *select;
    const NSample *n;
    Query *q;
    Expr *time, *width, *zone, *origin, *from, *to, *bucket;
} Sample;

/* A part of the clause: no columns. */
static bool part(Sample *p, const SqlNode *n, TypeId type, Expr **out, Err *e)
{
    Place place = p->s->place;
    *out = NULL;
    if (!n)
        return true;
    p->s->place = PLACE_LIMIT;
    bool ok = az_expr(p->z, p->s, n, out, e) &&
              (type == T_UNKNOWN || az_coerce(p->z, *out, type, -1, CAST_IMPLICIT, out, e));
    p->s->place = place;
    if (ok && !qx_is_const(*out))
        return az_fail(p->z, n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "SAMPLE BY takes constants and parameters only");
    return ok;
}

static bool time_of(Sample *p, Err *e)
{
    const Expr none = {.kind = EXPR_CONST};
    p->time = az_time_column(p->z, p->s, &none);
    if (p->time)
        return true;
    az_fail(p->z, &p->n->n, ERR_UNDEFINED_COLUMN, e, "SAMPLE BY needs one time column in FROM");
    return err_hint(e, "Write GROUP BY time_bucket(width, column).");
}

static bool parts(Sample *p, Err *e)
{
    const NSample *n = p->n;
    Expr *offset = NULL;
    if (!part(p, n->width, T_INTERVAL, &p->width, e) || !part(p, n->zone, T_TEXT, &p->zone, e) ||
        !part(p, n->offset, T_INTERVAL, &offset, e) ||
        !part(p, n->from, p->time->type, &p->from, e) || !part(p, n->to, p->time->type, &p->to, e))
        return false;
    if (p->zone && p->time->type != T_TIMESTAMPTZ)
        return az_fail(p->z, n->zone, ERR_DATATYPE_MISMATCH, e,
                       "TIME ZONE needs a time column of type timestamp with time zone");
    if (n->first_observation && (p->from || p->to))
        return az_fail(p->z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "FROM and TO go with ALIGN TO CALENDAR only");
    if (!offset)
        return true;
    if (offset->kind != EXPR_CONST || offset->value.null || offset->value.u.iv.months || p->from)
        return az_fail(p->z, n->offset, ERR_FEATURE_NOT_SUPPORTED, e,
                       "OFFSET must be a constant of days and time, and goes without FROM");
    Interval iv = offset->value.u.iv;
    p->origin = az_const(p->z, p->time->type, value_i64(iv.days * INT64_C(86400000000) + iv.us), 0);
    return true;
}

/* The first row begins a bucket: the least time under the same FROM and WHERE. */
static bool first_observation(Sample *p, Err *e)
{
    ParseState ps = {.arena = p->z->arena, .err = e};
    const VarInfo *v = &p->z->vars[p->time->index];
    uint32_t at = p->n->n.offset;
    SqlNode *col = column_node(&ps, at, v->rte->name, v->rte->cols[v->col].name);
    NSelect *least = new_select(&ps, p->select, ast_func(&ps, at, "min", ast_list(&ps, col)));
    return az_expr(p->z, p->s, ast_sublink(&ps, SUB_SCALAR, at, &least->n), &p->origin, e);
}

/* Calendar buckets count from 1970-01-01, whole weeks from the Monday after; local time with a zone. */
static bool calendar(Sample *p, Err *e)
{
    int64_t day = INT64_C(86400000000), origin = 0;
    if (p->from) {
        p->origin = qx_copy(p->z->arena, p->from);
        return true;
    }
    if (p->width->kind == EXPR_CONST && !p->width->value.null) {
        Interval iv = p->width->value.u.iv;
        int64_t us = iv.days * day + iv.us;
        if (iv.months == 0 && us != 0 && us % (7 * day) == 0)
            origin = 4 * day;
    }
    if (p->zone && p->zone->kind == EXPR_CONST && !p->zone->value.null) {
        const struct TimeZone *tz = tz_find(p->zone->value.u.str, e);
        if (!tz)
            return az_at(p->z, p->n->zone, e);
        origin = tz_local_to_utc(tz, origin / 1000000) * 1000000;
    }
    origin += p->origin ? p->origin->value.u.i64 : 0;
    p->origin = az_const(p->z, p->time->type, value_i64(origin), 0);
    return true;
}

static bool make_bucket(Sample *p, Err *e)
{
    Arena *a = p->z->arena;
    if (!(p->n->first_observation ? first_observation(p, e) : calendar(p, e)))
        return false;
    Expr *args[4] = {qx_copy(a, p->width), qx_copy(a, p->time)};
    size_t n = 2;
    if (p->zone)
        args[n++] = qx_copy(a, p->zone);
    args[n++] = qx_copy(a, p->origin);
    return az_call_named(p->z, &p->n->n, "time_bucket", args, n, &p->bucket, e);
}

/* FROM and TO choose rows, too. */
static bool restrict_rows(Sample *p, Err *e)
{
    const struct {
        const char *op;
        Expr *value;
    } bounds[] = {{">=", p->from}, {"<", p->to}};
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        Expr *cond;
        if (!bounds[i].value)
            continue;
        if (!az_operator(p->z, &p->n->n, slice_cstr(bounds[i].op), qx_copy(p->z->arena, p->time),
                         qx_copy(p->z->arena, bounds[i].value), &cond, e))
            return false;
        p->q->where = az_and(p->z, p->q->where, cond);
    }
    return true;
}

/* ---- SAMPLE BY: keys ---- */

static bool time_to_bucket(void *arg, Expr **slot)
{
    Sample *p = arg;
    if ((*slot)->kind != EXPR_COLUMN || (*slot)->index != p->time->index)
        return false;
    Expr *bucket = qx_copy(p->z->arena, p->bucket);
    bucket->position = (*slot)->position;
    *slot = bucket;
    return true;
}

/* Outside of aggregates, whose arguments are kept elsewhere, the time means the bucket. */
static void replace_time(Sample *p)
{
    Query *q = p->q;
    for (size_t i = 0; i < q->target_count; i++)
        qx_walk(&q->targets[i].expr, time_to_bucket, p);
    qx_walk(&q->having, time_to_bucket, p);
    for (size_t w = 0; w < q->window_count; w++) {
        for (size_t i = 0; i < q->windows[w].partition_count; i++)
            qx_walk(&q->windows[w].partition[i], time_to_bucket, p);
        for (size_t i = 0; i < q->windows[w].order_count; i++)
            qx_walk(&q->windows[w].order[i].expr, time_to_bucket, p);
    }
    for (size_t c = 0; c < q->call_count; c++) {
        for (size_t i = 0; i < q->calls[c].call.arg_count; i++)
            qx_walk(&q->calls[c].call.args[i], time_to_bucket, p);
        qx_walk(&q->calls[c].call.filter, time_to_bucket, p);
    }
}

static bool reads_columns(const Sample *p, const Expr *x)
{
    if (qx_equal(x, p->bucket))
        return false;
    if (x->kind == EXPR_COLUMN)
        return x->index >= p->q->var_begin;
    for (size_t i = 0; i < x->arg_count; i++)
        if (reads_columns(p, x->args[i]))
            return true;
    return false;
}

static bool is_aggregate(const Sample *p, const Expr *x)
{
    return qx_has(x, QX_AGG) || az_has_window(p->z, x);
}

static bool keys(Sample *p, Err *e)
{
    Query *q = p->q;
    q->grouped = true;
    *AZ_PUSH(p->z, q->keys, q->key_count, q->key_cap) = p->bucket;
    for (size_t i = 0; i < q->visible_count; i++) {
        Expr **x = &q->targets[i].expr;
        if (is_aggregate(p, *x) || !reads_columns(p, *x))
            continue;
        if (qx_has_srf(*x) || qx_kind(*x) == QX_ROW)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                           "rows and set-returning functions as keys of SAMPLE BY are not "
                           "supported");
        if (!az_resolve_unknown(p->z, x, e))
            return false;
        *AZ_PUSH(p->z, q->keys, q->key_count, q->key_cap) = qx_copy(p->z->arena, *x);
    }
    return true;
}

/* ---- SAMPLE BY: FILL ---- */

static Slice word_of(const SqlNode *n)
{
    const NColumn *c = (const NColumn *)n;
    return n->kind == N_COLUMN && !c->star && c->names.count == 1 ? ast_last_name(&c->names)
                                                                  : SLICE_NONE;
}

static bool fill_target(Sample *p, const SqlNode *spec, Target *t, Err *e)
{
    FillCall c = {.kind = FILL_CONST, .value = t->expr, .result = t->expr->type};
    Slice word = word_of(spec);
    if (slice_eq_cstr(word, "prev")) {
        c.kind = FILL_LOCF;
    } else if (slice_eq_cstr(word, "linear")) {
        c.kind = FILL_LINEAR;
        if (c.result == T_NUMERIC &&
            !az_coerce(p->z, c.value, c.result = T_FLOAT8, -1, CAST_IMPLICIT, &c.value, e))
            return false;
        if (c.result != T_INT2 && c.result != T_INT4 && c.result != T_INT8 &&
            c.result != T_FLOAT4 && c.result != T_FLOAT8)
            return az_fail(p->z, spec, ERR_DATATYPE_MISMATCH, e,
                           "FILL(LINEAR) needs a number, column \"%.*s\" is none",
                           SLICE_ARG(t->name));
    } else if (spec->kind == N_NULL) {
        c.missing = az_const(p->z, c.result, value_null(), 0);
    } else if (word.len) {
        return az_fail(p->z, spec, ERR_SYNTAX, e,
                       "FILL takes NONE, NULL, PREV, LINEAR or a constant");
    } else if (!part(p, spec, c.result, &c.missing, e)) {
        return false;
    }
    t->expr = az_add_fill(p->z, p->q, &c, t->name, t->expr->position);
    return true;
}

static bool fill(Sample *p, Err *e)
{
    const NodeList *fills = &p->n->fills;
    size_t next = 0;
    if (fills->count == 0 || (fills->count == 1 && slice_eq_cstr(word_of(fills->items[0]), "none")))
        return true;
    QGapfill *g = ARENA_NEW(p->z->arena, QGapfill);
    *g = (QGapfill){.time = p->time,
                    .width = p->width,
                    .zone = p->zone,
                    .origin = p->n->first_observation ? NULL : p->origin,
                    .start = p->from,
                    .finish = p->to,
                    .span = true,
                    .origin_is_start = p->n->first_observation};
    p->q->gapfill = g;
    for (size_t i = 0; i < p->q->visible_count; i++) {
        Target *t = &p->q->targets[i];
        if (!qx_has(t->expr, QX_AGG))
            continue;
        if (fills->count > 1 && next == fills->count)
            return az_fail(p->z, &p->n->n, ERR_SYNTAX, e,
                           "FILL has %zu values, but there are more aggregates", fills->count);
        if (!fill_target(p, fills->items[fills->count > 1 ? next++ : 0], t, e))
            return false;
    }
    if (fills->count > 1 && next < fills->count)
        return az_fail(p->z, fills->items[next], ERR_SYNTAX, e,
                       "FILL has %zu values, but there are %zu aggregates", fills->count, next);
    return true;
}

bool az_sample(Analyzer *z, Scope *s, const NSelect *n, Query *q, Err *e)
{
    Sample p = {.z = z, .s = s, .select = n, .n = n->sample, .q = q};
    s->place = PLACE_GROUP_BY;
    if (!time_of(&p, e) || !parts(&p, e))
        return false;
    if (!make_bucket(&p, e) || !restrict_rows(&p, e))
        return false;
    replace_time(&p);
    return keys(&p, e) && fill(&p, e);
}
