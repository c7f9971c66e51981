/* sqlts/analyze_tier.c - queries over a table with tiers: each range of time from where it still is.
 *
 * A grouped query whose aggregates can be put together from parts becomes
 *   SELECT ... FROM (SELECT keys, final aggregates FROM (part UNION ALL part ...) GROUP BY keys)
 * with a part for the rows and for each tier (exec/tiers.h).  The bounds between them are calls of
 * tier_bound(), which asks the snapshot of the query, so a bucket comes from one of them and plans can be kept.
 * Rows below a seam that were not added to their bucket yet are a part of their own.  In a tier the rows
 * of a bucket count as if all had the time of its start.
 * All other queries read the rows alone, and fail if they ask for some that went (PlanScan.whole). */
#include "exec/state.h"
#include "exec/tiers.h"
#include "sqlts/analyze.h"

enum { SLOTS_MAX = 400 };
static const SqlNode nowhere; /* what is made here stands in no text */

typedef enum Kept { /* what is put together of an aggregate */
                    KEPT_COUNT,
                    KEPT_SUM,
                    KEPT_AVG,
                    KEPT_LEAST, /* min(), max(): of themselves */
                    KEPT_PICK,  /* first(), last(): a value and its time */
} Kept;

typedef struct Wanted { /* an aggregate of the query */
    Kept kept;
    size_t slot; /* its first one */
} Wanted;

typedef struct Slot { /* a column of the parts */
    const AggCall *of;
    TierPart part;
    const ColumnDef *field; /* NULL: the rows themselves */
    const char *final;      /* how parts are put together; NULL: the call's own function */
    TypeId type;            /* of the column */
    bool time;              /* the time of a value: of the rows that have it */
    bool latest;
} Slot;

typedef struct Tiered {
    Analyzer *z;
    Query *q;
    Rte *base;
    Expr *time; /* its time column */
    TierList list;
    Wanted *wanted;
    Slot *slots;
    size_t slot_count;
    Expr **by; /* while a part is made: what stands for the variables of q */
    size_t by_count;
    Expr *low, *high; /* bounds of the time in WHERE, or NULL */
    int64_t low_add, high_add;
    bool plain_time;  /* the time is in such bounds and in one bucket only */
    int64_t grain_ns; /* of that bucket; 0 = none */
} Tiered;

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
    if (x->index < r->t->q->var_begin)
        r->bad = true;
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

static const char *sum_of(TypeId type)
{
    return type == T_FLOAT8 ? "sum(float8) float8"
           : type == T_INT8 ? "sum(int8) numeric"
                            : "sum(numeric) numeric";
}

static bool is_named(const AggCall *c, const char *name)
{
    return strcmp(c->func->name, name) == 0;
}

static const char sum_counts[] = "sum(numeric) numeric";

static bool want_count(Tiered *t, const AggCall *c, const ColumnDef *field, Wanted *w)
{
    w->kept = KEPT_COUNT;
    add_slot(
        t,
        (Slot){
            .of = c, .part = TIER_COUNT, .field = field, .final = sum_counts, .type = T_NUMERIC});
    return true;
}

static bool want_least(Tiered *t, const AggCall *c, const ColumnDef *field, Wanted *w)
{
    bool most = is_named(c, "max");
    w->kept = KEPT_LEAST;
    add_slot(t, (Slot){.of = c,
                       .part = most ? TIER_MAX : TIER_MIN,
                       .field = field,
                       .type = c->result,
                       .latest = most});
    return true;
}

static bool want_sum(Tiered *t, const AggCall *c, const ColumnDef *field, Wanted *w)
{
    bool real = field->type_oid == T_FLOAT8 || field->type_oid == T_FLOAT4;
    TypeId type = real ? T_FLOAT8 : T_NUMERIC;
    w->kept = is_named(c, "sum") ? KEPT_SUM : KEPT_AVG;
    add_slot(
        t, (Slot){.of = c, .part = TIER_SUM, .field = field, .final = sum_of(type), .type = type});
    if (w->kept == KEPT_AVG)
        add_slot(t, (Slot){.of = c,
                           .part = TIER_COUNT,
                           .field = field,
                           .final = sum_counts,
                           .type = T_NUMERIC});
    return true;
}

static bool want_pick(Tiered *t, const AggCall *c, const ColumnDef *field, Wanted *w)
{
    bool last = is_named(c, "last") || is_named(c, "close");
    if (c->args[1]->kind != EXPR_COLUMN || c->args[1]->index != t->time->index)
        return false;
    w->kept = KEPT_PICK;
    add_slot(t, (Slot){.of = c,
                       .part = last ? TIER_LAST : TIER_FIRST,
                       .field = field,
                       .type = field->type_oid,
                       .latest = last});
    add_slot(t, (Slot){.of = c,
                       .part = last ? TIER_LAST_TIME : TIER_FIRST_TIME,
                       .field = field,
                       .type = t->time->type,
                       .time = true,
                       .latest = last});
    return true;
}

static const struct {
    const char *name;
    size_t args;
    bool numbers; /* of fields of numbers alone */
    bool (*want)(Tiered *t, const AggCall *c, const ColumnDef *field, Wanted *w);
} keepers[] = {
    {"count", 1, false, want_count}, {"min", 1, true, want_least},  {"max", 1, true, want_least},
    {"sum", 1, true, want_sum},      {"avg", 1, true, want_sum},    {"mean", 1, true, want_sum},
    {"first", 2, false, want_pick},  {"open", 2, false, want_pick}, {"last", 2, false, want_pick},
    {"close", 2, false, want_pick},
};

/* What to keep of one aggregate; false: it needs the rows. */
static bool wanted(Tiered *t, const AggCall *c, Wanted *w)
{
    bool time = false;
    if (c->distinct || (c->order_count && !c->order_implied) || !is_kept(t, c->filter, &time) ||
        t->slot_count + 2 > SLOTS_MAX)
        return false;
    t->plain_time &= !time;
    const ColumnDef *field = c->arg_count ? base_column(t, c->args[0]) : NULL;
    *w = (Wanted){.slot = t->slot_count};
    if (is_named(c, "count") && !c->arg_count)
        return want_count(t, c, NULL, w);
    if (field && field->kind == COL_TIME && c->arg_count == 1)
        return (is_named(c, "min") || is_named(c, "max")) && want_least(t, c, NULL, w);
    if (!field || field->kind != COL_FIELD || c->args[0]->type != field->type_oid)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(keepers); i++)
        if (is_named(c, keepers[i].name) && c->arg_count == keepers[i].args)
            return (!keepers[i].numbers || tier_is_number(field->type_oid)) &&
                   keepers[i].want(t, c, field, w);
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

static bool fits(Tiered *t)
{
    Query *q = t->q;
    bool time = false, has = false;
    if (!q->grouped || q->set_count || q->grouping_count || q->gapfill || q->fill_count ||
        q->direct_count || q->gapfill_position || !is_kept(t, q->where, &time))
        return false;
    t->plain_time = true;
    for (size_t i = 0; i < q->from_count; i++) {
        bool on_time = false;
        if (!base_kept(q->from[i], t->base, &has) || !on_kept(t, q->from[i], &on_time))
            return false;
        t->plain_time &= !on_time;
    }
    for (size_t i = 0; i < q->key_count; i++)
        if (!is_kept(t, q->keys[i], &time))
            return false;
    t->wanted = ARENA_ARRAY(t->z->arena, Wanted, q->agg_count + 1);
    t->slots = ARENA_ARRAY(t->z->arena, Slot, SLOTS_MAX);
    for (size_t i = 0; i < q->agg_count; i++)
        if (!wanted(t, &q->aggs[i], &t->wanted[i]))
            return false;
    look_at_time(t);
    return true;
}

/* ---- small makers ---- */

static bool replace(void *arg, Expr **slot)
{
    const Tiered *t = arg;
    const Expr *x = *slot;
    if (x->kind != EXPR_COLUMN || x->index >= t->by_count || !t->by[x->index])
        return false;
    *slot = qx_copy(t->z->arena, t->by[x->index]);
    return true;
}

static Expr *moved(Tiered *t, const Expr *x)
{
    Expr *copy = x ? qx_copy(t->z->arena, x) : NULL;
    if (copy)
        qx_walk(&copy, replace, t);
    return copy;
}

static Expr *whole(Tiered *t, int64_t v)
{
    return az_const(t->z, T_INT8, value_i64(v), 0);
}

static AggCall call_of(Tiered *t, const char *signature, TypeId result, Expr *a, Expr *b)
{
    AggCall c = {.func = func_by_oid(func_oid_of(signature)), .result = result};
    c.args = ARENA_ARRAY(t->z->arena, Expr *, 2);
    c.args[0] = a;
    c.args[1] = b;
    c.arg_count = b ? 2 : 1;
    return c;
}

static void name_column(RteCol *c, Slice name, TypeId type)
{
    *c = (RteCol){.name = name, .type = type, .typmod = -1};
}

/* The grouping of a query whose keys and aggregates are known: its targets are all of them. */
static void group_all(Tiered *t, Query *q)
{
    size_t n = q->key_count + q->agg_count;
    q->grouped = true;
    q->group = az_new_rte(t->z, RTE_COMPUTED, SLICE_NONE, n);
    q->targets = ARENA_ARRAY(t->z->arena, Target, n + 1);
    q->target_count = q->visible_count = n;
    q->agg_positions = ARENA_ARRAY(t->z->arena, int, q->agg_count + 1);
    for (size_t i = 0; i < n; i++) {
        bool key = i < q->key_count;
        Slice name = arena_printf(t->z->arena, "c%zu", i);
        name_column(&q->group->cols[i], name,
                    key ? q->keys[i]->type : q->aggs[i - q->key_count].result);
        q->group->cols[i].typmod = key ? q->keys[i]->typmod : -1;
        q->targets[i] = (Target){.expr = az_var(t->z, q->group, i, 0), .name = name};
    }
}

static From *from_rte(Analyzer *z, Rte *r)
{
    From *f = ARENA_NEW(z->arena, From);
    f->rte = r;
    return f;
}

/* ---- parts ---- */

typedef struct Source { /* of a part */
    size_t level;
    bool late; /* rows that are in no bucket of the next tier yet, though those around them went */
    const TableDef *table;
    Rte *rte;
} Source;

static Expr *source_var(Tiered *t, const Source *s, const ColumnDef *c, TypeId type)
{
    for (size_t i = 0; c && i < s->rte->col_count; i++)
        if (s->rte->cols[i].attnum == (int16_t)(c - s->table->columns) + 1)
            return az_var(t->z, s->rte, i, 0);
    return az_const(t->z, type, value_null(), 0);
}

/* For EXPLAIN. */
static Slice part_name(Tiered *t, const Source *s)
{
    Buf b;
    buf_init(&b);
    if (s->level) {
        Value v = {.phys = PH_INTERVAL,
                   .u.iv.us = t->list.items[s->level].width_ns / 1000 % INT64_C(86400000000),
                   .u.iv.days = (int32_t)(t->list.items[s->level].width_ns / NS_PER_DAY)};
        TypeEnv env = type_stored_env(&t->z->env->fold->env);
        type_find(T_INTERVAL)->out(&env, &v, &b);
    } else {
        buf_puts(&b, "rows");
    }
    if (s->late)
        buf_puts(&b, ", not yet in the next tier");
    Slice name = arena_slice(t->z->arena, buf_slice(&b));
    buf_free(&b);
    return name;
}

static From *part_from(Tiered *t, Source *s, const From *f)
{
    From *copy = ARENA_NEW(t->z->arena, From);
    *copy = *f;
    if (!f->rte) {
        copy->left = part_from(t, s, f->left);
        copy->right = part_from(t, s, f->right);
        copy->on = NULL; /* when all variables are known */
        return copy;
    }
    Scope scope;
    bool base = f->rte == t->base;
    az_scope_init(&scope, NULL, NULL);
    az_scope_add_table(t->z, &scope, base ? s->table : f->rte->table, f->rte->name, &copy->rte);
    copy->rte->all_ages = base && s->level + 1 < t->list.count; /* the last one has its TTL alone */
    if (base) {
        s->rte = copy->rte;
        copy->rte->tier = part_name(t, s);
    }
    for (size_t i = 0; i < f->rte->col_count && (!base || !s->level); i++)
        t->by[f->rte->first_var + i] = az_var(t->z, copy->rte, i, 0);
    return copy;
}

static void part_on(Tiered *t, From *copy, const From *f)
{
    if (f->rte)
        return;
    copy->on = moved(t, f->on);
    part_on(t, copy->left, f->left);
    part_on(t, copy->right, f->right);
}

static void tier_vars(Tiered *t, const Source *s)
{
    for (size_t i = 0; i < t->base->col_count; i++) {
        int16_t attnum = t->base->cols[i].attnum;
        if (attnum <= 0 || t->base->cols[i].hidden)
            continue;
        const ColumnDef *c = &t->base->table->columns[attnum - 1];
        if (c->kind == COL_TAG)
            t->by[t->base->first_var + i] =
                source_var(t, s, tier_tag(s->table, c->id), c->type_oid);
        else if (c->kind == COL_TIME)
            t->by[t->base->first_var + i] =
                source_var(t, s, table_column(s->table, SLICE_LIT("t")), c->type_oid);
    }
}

/* Where rows of this level end: tier_bound(raw, level, which, eager, low, high). */
static bool bound_of(Tiered *t, size_t level, TierBound which, Expr **out, Err *e)
{
    int64_t width = t->list.items[level + 1].width_ns;
    bool eager = t->plain_time && t->grain_ns % width == 0;
    Expr *args[] = {whole(t, t->base->table->id),
                    whole(t, (int64_t)level),
                    whole(t, which),
                    whole(t, eager),
                    t->low ? qx_copy(t->z->arena, t->low)
                           : az_const(t->z, T_TIMESTAMPTZ, value_i64(INT64_MIN), 0),
                    t->high ? qx_copy(t->z->arena, t->high)
                            : az_const(t->z, T_TIMESTAMPTZ, value_i64(INT64_MAX), 0),
                    whole(t, t->low_add),
                    whole(t, t->high_add)};
    const FuncDef *f = func_by_oid(func_oid_of(
        "tier_bound(int8, int8, int8, int8, timestamptz, timestamptz, int8, int8) timestamptz"));
    Expr **copy = ARENA_ARRAY(t->z->arena, Expr *, ARRAY_LEN(args));
    memcpy(copy, args, sizeof args);
    (void)e;
    *out = expr_call(t->z->arena, f, t->time->type, copy, ARRAY_LEN(args), 0);
    return true;
}

static bool add_bound(Tiered *t, const Source *s, Expr **where, const char *op, size_t level,
                      TierBound which, Err *e)
{
    Expr *bound, *test, *time = moved(t, t->time);
    (void)s;
    if (!bound_of(t, level, which, &bound, e) ||
        !az_operator(t->z, &nowhere, slice_cstr(op), time, bound, &test, e))
        return false;
    *where = az_and(t->z, *where, test);
    return true;
}

static bool part_where(Tiered *t, const Source *s, Query *p, Err *e)
{
    bool last = s->level + 1 == t->list.count;
    p->where = moved(t, t->q->where);
    if (s->late)
        return add_bound(t, s, &p->where, "<", s->level, TIER_BOUND_GONE, e);
    return (last || add_bound(t, s, &p->where, ">=", s->level, TIER_BOUND_SEAM, e)) &&
           (!s->level || add_bound(t, s, &p->where, "<", s->level - 1, TIER_BOUND_SEAM, e));
}

/* A column of the parts over rows: the aggregate itself. */
static AggCall row_slot(Tiered *t, const Slot *s)
{
    AggCall c = *s->of;
    Expr *arg = c.arg_count ? moved(t, c.args[0]) : NULL, *filter = moved(t, c.filter);
    c.order_count = 0;
    c.order_implied = false;
    if (s->time) {
        Expr *there = expr_new(t->z->arena, EXPR_IS_NOT_NULL, T_BOOL, 1);
        there->args[0] = arg;
        there->typmod = -1;
        filter = az_and(t->z, filter, there);
        c = call_of(t, s->latest ? "max(timestamptz) timestamptz" : "min(timestamptz) timestamptz",
                    s->type, moved(t, t->time), NULL);
    } else if (s->part == TIER_COUNT && s->field) {
        c = call_of(t, "count(any) int8", T_INT8, arg, NULL);
    } else if (s->part == TIER_SUM) {
        TypeId type = s->field->type_oid;
        static const struct {
            TypeId type, result;
            const char *sum;
        } sums[] = {{T_FLOAT8, T_FLOAT8, "sum(float8) float8"},
                    {T_INT8, T_NUMERIC, "sum(int8) numeric"},
                    {T_INT4, T_INT8, "sum(int4) int8"},
                    {T_INT2, T_INT8, "sum(int2) int8"},
                    {T_NUMERIC, T_NUMERIC, "sum(numeric) numeric"}};
        size_t i = 0;
        Err ignored;
        err_clear(&ignored);
        if (type == T_FLOAT4) {
            must(az_coerce(t->z, arg, T_FLOAT8, -1, CAST_IMPLICIT, &arg, &ignored));
            type = T_FLOAT8;
        }
        while (sums[i].type != type)
            i++;
        c = call_of(t, sums[i].sum, sums[i].result, arg, NULL);
    } else {
        c.args = ARENA_ARRAY(t->z->arena, Expr *, 2);
        for (size_t i = 0; i < c.arg_count; i++)
            c.args[i] = moved(t, s->of->args[i]);
    }
    c.filter = filter;
    return c;
}

/* The same over the rows of a tier. */
static AggCall tier_slot(Tiered *t, const Source *src, const Slot *s)
{
    const TableDef *tier = src->table;
    TypeId type = s->field ? tier_type(s->field->type_oid, t->time->type, s->part) : s->type;
    const ColumnDef *col = s->field ? tier_column(tier, s->field->id, s->part)
                           : s->part == TIER_COUNT && !s->of->arg_count
                               ? table_column(tier, SLICE_LIT("n"))
                               : table_column(tier, s->latest ? SLICE_LIT("lt") : SLICE_LIT("ft"));
    if (!s->field && !s->of->arg_count)
        type = T_INT8;
    Expr *arg = source_var(t, src, col, type);
    AggCall c;
    if (s->time) {
        c = call_of(t, s->latest ? "max(timestamptz) timestamptz" : "min(timestamptz) timestamptz",
                    s->type, arg, NULL);
    } else if (s->part == TIER_FIRST || s->part == TIER_LAST) {
        TierPart when = s->latest ? TIER_LAST_TIME : TIER_FIRST_TIME;
        c = *s->of;
        c.order_count = 0;
        c.order_implied = false;
        c.args = ARENA_ARRAY(t->z->arena, Expr *, 2);
        c.args[0] = arg;
        c.args[1] = source_var(t, src, tier_column(tier, s->field->id, when), t->time->type);
    } else if (s->part == TIER_MIN || s->part == TIER_MAX || (!s->field && s->of->arg_count)) {
        c = *s->of;
        c.args = ARENA_ARRAY(t->z->arena, Expr *, 1);
        c.args[0] = arg;
    } else {
        const char *sum = sum_of(type);
        c = call_of(t, sum, type == T_FLOAT8 ? T_FLOAT8 : T_NUMERIC, arg, NULL);
    }
    c.filter = moved(t, s->of->filter);
    return c;
}

static bool make_part(Tiered *t, Source *s, Query **out, Err *e)
{
    Analyzer *z = t->z;
    const Query *q = t->q;
    Query *p = ARENA_NEW(z->arena, Query);
    p->form = QUERY_PLAIN;
    p->var_begin = (uint32_t)z->var_count;
    s->table = cat_table_by_id(z->env->catalog, t->list.items[s->level].table);
    if (!s->table)
        return err_set(e, ERR_DATA_CORRUPTED, "a tier of table \"%.*s\" is gone",
                       SLICE_ARG(t->base->table->name));
    p->from = ARENA_ARRAY(z->arena, From *, q->from_count + 1);
    p->from_count = q->from_count;
    for (size_t i = 0; i < q->from_count; i++)
        p->from[i] = part_from(t, s, q->from[i]);
    if (s->level)
        tier_vars(t, s);
    for (size_t i = 0; i < q->from_count; i++)
        part_on(t, p->from[i], q->from[i]);
    if (!part_where(t, s, p, e))
        return false;
    p->keys = ARENA_ARRAY(z->arena, Expr *, q->key_count + 1);
    p->key_count = p->key_cap = q->key_count;
    for (size_t i = 0; i < q->key_count; i++)
        p->keys[i] = moved(t, q->keys[i]);
    p->aggs = ARENA_ARRAY(z->arena, AggCall, t->slot_count + 1);
    p->agg_count = p->agg_cap = t->slot_count;
    for (size_t i = 0; i < t->slot_count; i++)
        p->aggs[i] = s->level ? tier_slot(t, s, &t->slots[i]) : row_slot(t, &t->slots[i]);
    group_all(t, p);
    for (size_t i = 0; i < t->slot_count; i++) { /* all parts give the same types */
        Expr **x = &p->targets[q->key_count + i].expr;
        if (!az_coerce(z, *x, t->slots[i].type, -1, CAST_EXPLICIT, x, e))
            return false;
    }
    az_set_columns(z, p);
    p->var_end = (uint32_t)z->var_count;
    *out = p;
    return true;
}

/* ---- all together ---- */

static bool append_part(Tiered *t, Query **all, Query *part, Err *e)
{
    NSelect both = {.form = SELECT_UNION, .all = true};
    NSelect right = {.form = SELECT_PLAIN};
    Query *q;
    both.right = &right;
    if (!*all) {
        *all = part;
        return true;
    }
    q = ARENA_NEW(t->z->arena, Query);
    q->var_begin = (*all)->var_begin;
    if (!az_set_operation(t->z, &both, q, *all, part, e))
        return false;
    q->var_end = (uint32_t)t->z->var_count;
    *all = q;
    return true;
}

static bool all_parts(Tiered *t, Query **all, Err *e)
{
    *all = NULL;
    for (size_t level = 0; level < t->list.count; level++)
        for (int late = 0; late < 2; late++) {
            Query *part = NULL;
            Source s = {.level = level, .late = late};
            if (late && level + 1 == t->list.count)
                continue;
            if (!make_part(t, &s, &part, e) || !append_part(t, all, part, e))
                return false;
        }
    return true;
}

static AggCall final_slot(Tiered *t, const Rte *u, size_t i)
{
    const Slot *s = &t->slots[i];
    Expr *arg = az_var(t->z, u, t->q->key_count + i, 0);
    AggCall c;
    if (s->final)
        return call_of(t, s->final, s->type, arg, NULL);
    if (s->time)
        return call_of(t,
                       s->latest ? "max(timestamptz) timestamptz" : "min(timestamptz) timestamptz",
                       s->type, arg, NULL);
    c = *s->of;
    c.order_count = 0;
    c.order_implied = false;
    c.filter = NULL;
    c.args = ARENA_ARRAY(t->z->arena, Expr *, 2);
    c.args[0] = arg;
    if (s->part == TIER_FIRST || s->part == TIER_LAST)
        c.args[1] = az_var(t->z, u, t->q->key_count + i + 1, 0); /* its time is the next slot */
    return c;
}

static bool result_of(Tiered *t, const Query *g, size_t i, Expr **out, Err *e)
{
    const Wanted *w = &t->wanted[i];
    TypeId result = t->q->aggs[i].result;
    Expr *x = az_var(t->z, g->group, g->key_count + w->slot, 0);
    if (w->kept == KEPT_COUNT) { /* parts of which no row passed a FILTER have no sum */
        Expr *some = expr_new(t->z->arena, EXPR_COALESCE, x->type, 2);
        some->typmod = -1;
        some->args[0] = x;
        some->args[1] = az_const(t->z, T_INT8, value_i64(0), 0);
        if (!az_coerce(t->z, some->args[1], x->type, -1, CAST_EXPLICIT, &some->args[1], e))
            return false;
        x = some;
    }
    if (w->kept == KEPT_AVG) {
        Expr *n = az_var(t->z, g->group, g->key_count + w->slot + 1, 0);
        if (!az_coerce(t->z, n, x->type, -1, CAST_EXPLICIT, &n, e) ||
            !az_operator(t->z, &nowhere, SLICE_LIT("/"), x, n, &x, e))
            return false;
    }
    return az_coerce(t->z, x, result, -1, CAST_EXPLICIT, out, e);
}

static bool put_together(Tiered *t, Err *e)
{
    Analyzer *z = t->z;
    Query *q = t->q, *all, *g = ARENA_NEW(z->arena, Query);
    size_t before = z->var_count;
    t->by = arena_zero(z->arena, (before + 1) * sizeof *t->by);
    t->by_count = before;
    g->form = QUERY_PLAIN;
    g->var_begin = (uint32_t)before;
    if (!all_parts(t, &all, e))
        return false;
    Rte *u = az_query_rte(z, all, SLICE_LIT("tiers"));
    g->from = ARENA_ARRAY(z->arena, From *, 1);
    g->from[0] = from_rte(z, u);
    g->from_count = 1;
    g->keys = ARENA_ARRAY(z->arena, Expr *, q->key_count + 1);
    g->key_count = g->key_cap = q->key_count;
    for (size_t i = 0; i < q->key_count; i++)
        g->keys[i] = az_var(z, u, i, 0);
    g->aggs = ARENA_ARRAY(z->arena, AggCall, t->slot_count + 1);
    g->agg_count = g->agg_cap = t->slot_count;
    for (size_t i = 0; i < t->slot_count; i++)
        g->aggs[i] = final_slot(t, u, i);
    group_all(t, g);
    Target *targets = ARENA_ARRAY(z->arena, Target, q->key_count + q->agg_count + 1);
    memcpy(targets, g->targets, q->key_count * sizeof *targets);
    for (size_t i = 0; i < q->agg_count; i++) {
        Target *to = &targets[q->key_count + i];
        *to = (Target){.name = arena_printf(z->arena, "a%zu", i)};
        if (!result_of(t, g, i, &to->expr, e))
            return false;
    }
    g->targets = targets;
    g->target_count = g->visible_count = q->key_count + q->agg_count;
    az_set_columns(z, g);
    g->var_end = (uint32_t)z->var_count;
    /* What stood for the results of the grouping now are columns of this query. */
    q->group->kind = RTE_QUERY;
    q->group->query = g;
    q->from = ARENA_ARRAY(z->arena, From *, 1);
    q->from[0] = from_rte(z, q->group);
    q->from_count = 1;
    q->where = q->having;
    q->having = NULL;
    q->grouped = false;
    q->group = NULL;
    q->key_count = q->agg_count = 0;
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

bool az_tiers(Analyzer *z, Query *q, Err *e)
{
    Tiered t = {.z = z, .q = q};
    bool any = false, good = true;
    if ((z->env->refresh && z->env->refresh->all_ages) || z->give_states ||
        (z->view && view_is_continuous(z->view)))
        return true;
    for (size_t i = 0; i < q->from_count; i++)
        any |= from_tables(q->from[i], &t.base, &t.list, &good);
    if (!any)
        return true;
    if (z->env->tiers_ignored) {
        z->env->tiers_ignored(z->env->arg, t.base->table);
        return true;
    }
    if (good) {
        int16_t time = t.base->table->time_index;
        for (size_t i = 0; i < t.base->col_count && !t.time; i++)
            if (t.base->cols[i].attnum == time + 1)
                t.time = az_var(z, t.base, i, 0);
        if (fits(&t))
            return put_together(&t, e);
    }
    az_need_rows(z, q, 0);
    return true;
}
