/* sqlts/analyze_tier.c - queries over a table with tiers: each range of time from where it still is.
 *
 * A grouped query whose aggregates can be put together from parts becomes
 *   SELECT ... FROM (SELECT keys, final aggregates FROM (part UNION ALL part ...) GROUP BY keys)
 * with a part for the rows and for each tier (exec/tiers.h).  The bounds between them are calls of
 * tier_bound(), which asks the snapshot of the query, so a bucket comes from one of them and plans can be kept.
 * Rows below a seam that were not added to their bucket yet are a part of their own.  In a tier the rows
 * of a bucket count as if all had the time of its start.
 * All other queries read the rows alone, and fail if they ask for some that went (PlanScan.whole). */
#include "sqlts/tier_query.h"

enum { SLOTS_MAX = 400 };

/* ---- which queries ---- */

static bool from_tables(const From *f, Rte **base, TierList *l, bool *good)
{
    if (!f->rte)
        return from_tables(f->left, base, l, good) + from_tables(f->right, base, l, good);
    TierList own;
    if (f->rte->kind != RTE_TABLE || !tiers_of(f->rte->table, &own)) {
        *good &= f->rte->kind == RTE_TABLE;
        return false;
    }
    *good &= !*base;
    *base = f->rte;
    *l = own;
    return true;
}

/* Rows of the base appear at most with each row of the others: never beside NULLs of their own. */
static bool base_kept(const From *f, const Rte *base, bool *has)
{
    bool left = false, right = false;
    if (f->rte) {
        *has = f->rte == base;
        return true;
    }
    if (f->asof || !base_kept(f->left, base, &left) || !base_kept(f->right, base, &right))
        return false;
    *has = left || right;
    return f->type == JOIN_INNER || !*has || (f->type == JOIN_LEFT && left);
}

typedef struct Reads {
    const Tiered *t;
    bool bad;
    bool time;
} Reads;

static bool reads(void *arg, Expr **slot)
{
    Reads *r = arg;
    const Expr *x = *slot;
    const Rte *b = r->t->base;
    if (qx_kind(x) == QX_SUBLINK || qx_kind(x) == QX_AGG || qx_kind(x) == QX_GROUPING ||
        (x->kind == EXPR_CALL && x->func->flags & (FN_VOLATILE | FN_SRF)))
        r->bad = true;
    if (x->kind != EXPR_COLUMN)
        return r->bad;
    if (x->index < b->first_var || x->index >= b->first_var + b->col_count)
        return false;
    int16_t attnum = b->cols[x->index - b->first_var].attnum;
    const ColumnDef *c = attnum > 0 ? &b->table->columns[attnum - 1] : NULL;
    r->bad |= !c || c->kind == COL_FIELD || b->cols[x->index - b->first_var].hidden;
    r->time |= c && c->kind == COL_TIME;
    return false;
}

/* Reads tags, the time and other tables alone. */
static bool is_kept(const Tiered *t, Expr *x, bool *time)
{
    Reads r = {.t = t};
    if (x)
        qx_walk(&x, reads, &r);
    *time |= r.time;
    return !r.bad;
}

static bool on_kept(const Tiered *t, const From *f, bool *time)
{
    return f->rte ||
           (is_kept(t, f->on, time) && on_kept(t, f->left, time) && on_kept(t, f->right, time));
}

static const ColumnDef *base_column(const Tiered *t, const Expr *x)
{
    const Rte *b = t->base;
    if (x->kind != EXPR_COLUMN || x->index < b->first_var ||
        x->index >= b->first_var + b->col_count)
        return NULL;
    int16_t attnum = b->cols[x->index - b->first_var].attnum;
    return attnum > 0 && !b->cols[x->index - b->first_var].hidden ? &b->table->columns[attnum - 1]
                                                                  : NULL;
}

static Slot *add_slot(Tiered *t, Slot s)
{
    t->slots[t->slot_count] = s;
    return &t->slots[t->slot_count++];
}

static bool is_named(const AggCall *c, const char *name)
{
    return strcmp(c->func->name, name) == 0;
}

/* ---- the argument of an aggregate ---- */

static bool is_null(const Expr *x)
{
    return x->kind == EXPR_CONST && x->value.null;
}

/* f(CASE WHEN x THEN y END) is f(y) FILTER (WHERE x) where NULLs do not count. */
static void open_cases(Tiered *t, AggCall *c)
{
    for (;;) {
        const Expr *x = c->args[0];
        if (x->kind != EXPR_CASE || x->arg_count < 2 || x->arg_count > 3 ||
            (x->arg_count == 3 && !is_null(x->args[2])))
            return;
        c->filter = az_and(t->z, c->filter, x->args[0]);
        c->args[0] = x->args[1];
    }
}

/* The field that x is linear in, a times it plus b: of such a value sum, min and max follow from the field's. */
static const Expr *linear_in(const Expr *x)
{
    if (x->kind == EXPR_COLUMN)
        return x;
    if (x->kind != EXPR_CALL || !(x->func->flags & FN_STRICT) || !tier_is_number(x->type))
        return NULL;
    const char *op = x->func->name;
    bool of_operator = x->func->flags & FN_OPERATOR;
    if (x->arg_count == 1)
        return tier_is_number(x->args[0]->type) &&
                       (of_operator ? strcmp(op, "-") == 0 || strcmp(op, "+") == 0
                                    : (x->func->flags & FN_CAST_IMPLICIT) != 0)
                   ? linear_in(x->args[0])
                   : NULL;
    if (x->arg_count != 2 || !of_operator || !op[0] || op[1])
        return NULL;
    bool left = x->args[1]->kind == EXPR_CONST;
    const Expr *value = x->args[left ? 1 : 0];
    bool fits = strchr("+-*", op[0]) || (op[0] == '/' && left && x->type == T_FLOAT8);
    return fits && value->kind == EXPR_CONST && !value->value.null
               ? linear_in(x->args[left ? 0 : 1])
               : NULL;
}

/* ---- what is kept of each aggregate ---- */

static const char sum_counts[] = "sum(numeric) numeric";

static const char *sum_of(TypeId type)
{
    return type == T_FLOAT8 ? "sum(float8) float8" : "sum(numeric) numeric";
}

static bool want_count(Tiered *t, const Slot *s, Wanted *w)
{
    Slot n = *s;
    w->kept = KEPT_COUNT;
    n.part = TIER_COUNT;
    n.final = sum_counts;
    n.type = T_NUMERIC;
    add_slot(t, n);
    return true;
}

static bool want_least(Tiered *t, const Slot *s, Wanted *w)
{
    Slot n = *s;
    Expr *factor, *zero;
    Value v = {0};
    w->kept = KEPT_LEAST;
    n.latest = is_named(s->of, "max");
    bool most = n.latest;
    if (s->linear) {
        Err ignored;
        err_clear(&ignored);
        if (!tier_factor(t, s, &factor, &ignored) ||
            !az_coerce(t->z, az_const(t->z, T_INT4, value_i64(0), 0), factor->type, -1,
                       CAST_EXPLICIT, &zero, &ignored) ||
            !az_operator(t->z, &(SqlNode){0}, SLICE_LIT("<"), factor, zero, &factor, &ignored) ||
            !expr_value(t->z->env->fold, factor, &v, &ignored) || v.null)
            return false;
        most ^= v.u.b;
    }
    n.part = most ? TIER_MAX : TIER_MIN;
    n.type = s->of->result;
    add_slot(t, n);
    return true;
}

static bool want_sum(Tiered *t, const Slot *s, Wanted *w)
{
    TypeId of = s->of->args[0]->type;
    bool real = of == T_FLOAT8 || of == T_FLOAT4;
    Slot n = *s;
    w->kept = is_named(s->of, "sum") ? KEPT_SUM : KEPT_AVG;
    if (!real && (s->field->type_oid == T_FLOAT8 || s->field->type_oid == T_FLOAT4))
        return false; /* each value was rounded */
    t->plain_time &= !s->linear || !real;
    n.part = TIER_SUM;
    n.type = real ? T_FLOAT8 : T_NUMERIC;
    n.final = sum_of(n.type);
    add_slot(t, n);
    n = *s;
    n.part = TIER_COUNT;
    n.final = sum_counts;
    n.type = T_NUMERIC;
    if (w->kept == KEPT_AVG)
        add_slot(t, n);
    return true;
}

static bool want_pick(Tiered *t, const Slot *s, Wanted *w)
{
    const AggCall *c = s->of;
    Slot n = *s;
    if (c->args[1]->kind != EXPR_COLUMN || c->args[1]->index != t->time->index)
        return false;
    w->kept = KEPT_PICK;
    n.latest = is_named(c, "last") || is_named(c, "close");
    n.part = n.latest ? TIER_LAST : TIER_FIRST;
    n.type = c->args[0]->type;
    add_slot(t, n);
    n.part = n.latest ? TIER_LAST_TIME : TIER_FIRST_TIME;
    n.type = t->time->type;
    n.time = true;
    add_slot(t, n);
    return true;
}

static const struct {
    const char *name;
    size_t args;
    bool numbers; /* of fields of numbers alone */
    bool (*want)(Tiered *t, const Slot *s, Wanted *w);
} keepers[] = {
    {"count", 1, false, want_count}, {"min", 1, true, want_least},  {"max", 1, true, want_least},
    {"sum", 1, true, want_sum},      {"avg", 1, true, want_sum},    {"mean", 1, true, want_sum},
    {"first", 2, false, want_pick},  {"open", 2, false, want_pick}, {"last", 2, false, want_pick},
    {"close", 2, false, want_pick},
};

/* Does not depend on how often a value is there. */
static bool takes_sets(const AggCall *c)
{
    static const char *const names[] = {"min",   "max",     "bool_and", "bool_or",
                                        "every", "bit_and", "bit_or"};
    bool found = c->distinct;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        found |= is_named(c, names[i]) && !c->order_count;
    return found;
}

static void want_key(Tiered *t, Expr *x)
{
    if (tier_is_key(x))
        *AZ_PUSH(t->z, t->keys, t->key_count, t->key_cap) = x;
}

/* What it reads of tags becomes keys of the parts. */
static bool want_keys(Tiered *t, const AggCall *c, Wanted *w)
{
    bool time = false;
    for (size_t i = 0; i < c->arg_count; i++)
        if (!is_kept(t, c->args[i], &time))
            return false;
    for (size_t i = 0; i < c->order_count; i++)
        if (!is_kept(t, c->order[i], &time))
            return false;
    if (time || !c->arg_count || !takes_sets(c))
        return false;
    *w = (Wanted){KEPT_KEYS, t->key_count};
    for (size_t i = 0; i < c->arg_count; i++)
        want_key(t, c->args[i]);
    for (size_t i = 0; i < c->order_count; i++)
        want_key(t, c->order[i]);
    want_key(t, c->filter);
    return true;
}

/* count() of what is no field: of rows. */
static bool want_rows(Tiered *t, AggCall *own, Wanted *w)
{
    bool time = false;
    if (own->arg_count && own->args[0]->kind != EXPR_CONST) {
        Expr *there = expr_new(t->z->arena, EXPR_IS_NOT_NULL, T_BOOL, 1);
        there->args[0] = own->args[0];
        there->typmod = -1;
        if (!is_kept(t, there, &time))
            return false;
        if (!time)
            own->filter = az_and(t->z, own->filter, there);
        else if (own->args[0]->kind != EXPR_COLUMN)
            return false;
    } else if (own->arg_count && is_null(own->args[0])) {
        return false;
    }
    own->func = func_by_oid(func_oid_of("count() int8"));
    own->arg_count = 0;
    return want_count(t, &(Slot){.of = own}, w);
}

/* What to keep of one aggregate; false: it needs the rows. */
static bool wanted(Tiered *t, const AggCall *c, Wanted *w)
{
    bool time = false;
    if (!is_kept(t, c->filter, &time) || t->slot_count + 2 > SLOTS_MAX)
        return false;
    if (want_keys(t, c, w)) {
        t->plain_time &= !time;
        return !time;
    }
    if (c->distinct || (c->order_count && !c->order_implied))
        return false;
    AggCall *own = ARENA_NEW(t->z->arena, AggCall);
    *own = *c;
    own->args = ARENA_ARRAY(t->z->arena, Expr *, 2);
    own->filter = qx_copy(t->z->arena, c->filter);
    for (size_t i = 0; i < c->arg_count && i < 2; i++)
        own->args[i] = c->args[i];
    if (c->arg_count)
        open_cases(t, own);
    if (!is_kept(t, own->filter, &time))
        return false;
    t->plain_time &= !time;
    *w = (Wanted){.slot = t->slot_count};
    const Expr *var = own->arg_count ? linear_in(own->args[0]) : NULL;
    const ColumnDef *field = var ? base_column(t, var) : NULL;
    Slot s = {.of = own, .field = field, .var = var};
    if (field && field->kind == COL_TIME && own->args[0] == var && c->arg_count == 1 &&
        (is_named(c, "min") || is_named(c, "max"))) {
        s.field = NULL;
        return want_least(t, &s, w);
    }
    if (is_named(c, "count") && (!field || field->kind != COL_FIELD))
        return want_rows(t, own, w);
    if (!field || field->kind != COL_FIELD)
        return false;
    s.linear = own->args[0] == var ? NULL : own->args[0];
    for (size_t i = 0; i < ARRAY_LEN(keepers); i++)
        if (is_named(c, keepers[i].name) && c->arg_count == keepers[i].args)
            return (!keepers[i].numbers || tier_is_number(field->type_oid)) &&
                   keepers[i].want(t, &s, w);
    return false;
}

/* ---- how the time is used ---- */

/* time < x and the like: one lower and one upper bound. */
static bool plain_bound(Tiered *t, Expr *x)
{
    static const char *const flipped[][2] = {{"<", ">"}, {"<=", ">="}, {">", "<"}, {">=", "<="}};
    if (x->kind != EXPR_CALL || x->arg_count != 2 || !(x->func->flags & FN_OPERATOR))
        return false;
    bool swap = qx_is_const(x->args[0]);
    Expr *side = x->args[swap ? 1 : 0], *value = x->args[swap ? 0 : 1];
    if (side->kind != EXPR_COLUMN || side->index != t->time->index || !qx_is_const(value) ||
        value->type != t->time->type)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(flipped); i++) {
        const char *op = flipped[i][0];
        if (strcmp(x->func->name, flipped[i][swap ? 1 : 0]) != 0)
            continue;
        bool low = op[0] == '>';
        Expr **to = low ? &t->low : &t->high;
        if (*to)
            return false;
        *to = value;
        *(low ? &t->low_add : &t->high_add) = (op[1] == '=') != low;
        return true;
    }
    return false;
}

static bool plain_where(Tiered *t, Expr *x)
{
    bool time = false;
    if (!x)
        return true;
    if (x->kind == EXPR_AND) {
        bool all = true;
        for (size_t i = 0; i < x->arg_count; i++)
            all &= plain_where(t, x->args[i]);
        return all;
    }
    return plain_bound(t, x) || (is_kept(t, x, &time) && !time);
}

/* A key that is time_bucket(width, time) */
static bool plain_key(Tiered *t, const Expr *k)
{
    Value v;
    Err ignored;
    err_clear(&ignored);
    if (k->kind != EXPR_CALL || strcmp(k->func->name, "time_bucket") != 0 || k->arg_count != 2 ||
        k->args[1]->kind != EXPR_COLUMN || k->args[1]->index != t->time->index ||
        k->args[0]->type != T_INTERVAL || !qx_is_const(k->args[0]) || t->grain_ns ||
        !expr_value(t->z->env->fold, k->args[0], &v, &ignored) || v.null || v.u.iv.months)
        return false;
    t->grain_ns = (v.u.iv.days * INT64_C(86400000000) + v.u.iv.us) * 1000;
    return t->grain_ns > 0;
}

static void look_at_time(Tiered *t)
{
    const Query *q = t->q;
    t->plain_time &= plain_where(t, q->where);
    for (size_t i = 0; i < q->key_count; i++) {
        bool time = false;
        (void)is_kept(t, q->keys[i], &time);
        t->plain_time &= !time || plain_key(t, q->keys[i]);
    }
}

static bool is_time(const Tiered *t, const Expr *x)
{
    return x->kind == EXPR_COLUMN && x->index == t->time->index;
}

/* Compares the time of a row with a moment: a bucket does not know it. */
static bool asks_moment(void *arg, Expr **slot)
{
    Reads *r = arg;
    const Expr *x = *slot;
    bool list = x->kind == EXPR_IN_LIST || x->kind == EXPR_ANY_ARRAY || x->kind == EXPR_ALL_ARRAY ||
                x->kind == EXPR_IS_DISTINCT,
         equal = x->kind == EXPR_CALL && x->func->flags & FN_OPERATOR &&
                 (strcmp(x->func->name, "=") == 0 || strcmp(x->func->name, "<>") == 0);
    for (size_t i = 0; (list || equal) && i < x->arg_count; i++)
        r->bad |= is_time(r->t, x->args[i]);
    return r->bad;
}

static bool no_moment(const Tiered *t, Expr *x)
{
    Reads r = {.t = t};
    if (x)
        qx_walk(&x, asks_moment, &r);
    return !r.bad;
}

static bool on_no_moment(const Tiered *t, const From *f)
{
    return f->rte || (no_moment(t, f->on) && on_no_moment(t, f->left) && on_no_moment(t, f->right));
}

static bool asks_moments(const Tiered *t)
{
    const Query *q = t->q;
    bool bad = !no_moment(t, q->where);
    for (size_t i = 0; i < q->from_count; i++)
        bad |= !on_no_moment(t, q->from[i]);
    for (size_t i = 0; i < q->key_count; i++)
        bad |= is_time(t, q->keys[i]) || !no_moment(t, q->keys[i]);
    for (size_t i = 0; i < q->agg_count; i++)
        bad |= !no_moment(t, q->aggs[i].filter);
    return bad;
}

static bool fits(Tiered *t)
{
    Query *q = t->q;
    bool time = false, has = false;
    if (!q->grouped || q->direct_count || !is_kept(t, q->where, &time) || asks_moments(t))
        return false;
    t->plain_time = true;
    for (size_t i = 0; i < q->from_count; i++) {
        bool on_time = false;
        if (!base_kept(q->from[i], t->base, &has) || !on_kept(t, q->from[i], &on_time))
            return false;
        t->plain_time &= !on_time;
    }
    t->keys = NULL;
    for (size_t i = 0; i < q->key_count; i++) {
        if (!is_kept(t, q->keys[i], &time))
            return false;
        *AZ_PUSH(t->z, t->keys, t->key_count, t->key_cap) = q->keys[i];
    }
    t->wanted = ARENA_ARRAY(t->z->arena, Wanted, q->agg_count + 1);
    t->slots = ARENA_ARRAY(t->z->arena, Slot, SLOTS_MAX);
    for (size_t i = 0; i < q->agg_count; i++)
        if (!wanted(t, &q->aggs[i], &t->wanted[i]))
            return false;
    look_at_time(t);
    return true;
}

static void need_rows(const Analyzer *z, From *f)
{
    TierList l;
    if (!f->rte) {
        need_rows(z, f->left);
        need_rows(z, f->right);
    } else if (f->rte->kind == RTE_TABLE && tiers_of(f->rte->table, &l)) {
        if (z->env->tiers_ignored)
            z->env->tiers_ignored(z->env->arg, f->rte->table);
        else
            f->rte->whole = true;
    }
}

void az_need_rows(const Analyzer *z, const Query *q, size_t first)
{
    for (size_t i = first; i < q->from_count; i++)
        need_rows(z, q->from[i]);
}

/* Its parts, if it can be put together from them. */
static bool from_parts(Analyzer *z, Query *q, bool *done, Err *e)
{
    Query *flat = tier_flatten(z, q);
    Tiered t = {.z = z, .q = flat};
    bool any = false, good = true;
    for (size_t i = 0; i < flat->from_count; i++)
        any |= from_tables(flat->from[i], &t.base, &t.list, &good);
    if (!any || !good)
        return true;
    int16_t time = t.base->table->time_index;
    for (size_t i = 0; i < t.base->col_count && !t.time; i++)
        if (t.base->cols[i].attnum == time + 1)
            t.time = az_var(z, t.base, i, 0);
    if (!fits(&t))
        return true;
    *done = true;
    *q = *flat;
    t.q = q;
    return tier_put_together(&t, e);
}

bool az_tiers(Analyzer *z, Query *q, Err *e)
{
    bool done = false;
    if ((z->env->refresh && z->env->refresh->all_ages) || z->give_states ||
        (z->view && view_is_continuous(z->view)))
        return true;
    if (!z->env->tiers_ignored && !from_parts(z, q, &done, e))
        return false;
    if (!done)
        az_need_rows(z, q, 0);
    return true;
}
