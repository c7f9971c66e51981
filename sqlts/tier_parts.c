/* sqlts/tier_parts.c - the parts of a query over a table with tiers, and how they are put together (tier_query.h). */
#include "sqlts/tier_query.h"

static const SqlNode nowhere; /* what is made here stands in no text */

/* ---- small makers ---- */

static const char *sum_of(TypeId type)
{
    return type == T_FLOAT8 ? "sum(float8) float8"
           : type == T_INT8 ? "sum(int8) numeric"
                            : "sum(numeric) numeric";
}

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

typedef struct PutIn {
    Arena *arena;
    uint32_t var;
    const Expr *with;
} PutIn;

static bool put_in(void *arg, Expr **slot)
{
    const PutIn *p = arg;
    if ((*slot)->kind != EXPR_COLUMN || (*slot)->index != p->var)
        return false;
    *slot = qx_copy(p->arena, p->with);
    return true;
}

Expr *tier_put_in(const Tiered *t, const Expr *x, const Expr *var, const Expr *with)
{
    Expr *copy = qx_copy(t->z->arena, x);
    qx_walk(&copy, put_in, &(PutIn){t->z->arena, var->index, with});
    return copy;
}

static bool number(const Tiered *t, int n, TypeId type, Expr **out, Err *e)
{
    return az_coerce(t->z, az_const(t->z, T_INT4, value_i64(n), 0), type, -1, CAST_EXPLICIT, out,
                     e);
}

/* What is added becomes nothing. */
static bool drop_added(const Tiered *t, Expr *x, Err *e)
{
    bool adds = x->kind == EXPR_CALL && x->arg_count == 2 && strchr("+-", x->func->name[0]);
    for (size_t i = 0; i < x->arg_count; i++)
        if (x->args[i]->kind == EXPR_CONST ? adds && !number(t, 0, x->args[i]->type, &x->args[i], e)
                                           : !drop_added(t, x->args[i], e))
            return false;
    return true;
}

bool tier_factor(const Tiered *t, const Slot *s, Expr **out, Err *e)
{
    Expr *one, *x = qx_copy(t->z->arena, s->linear);
    if (!drop_added(t, x, e) || !number(t, 1, s->var->type, &one, e))
        return false;
    *out = tier_put_in(t, x, s->var, one);
    return true;
}

/* sum(a * x + b) is a * sum(x) + b * count(x). */
static bool linear_sum(const Tiered *t, const Slot *s, Expr *sum, Expr *count, Expr **out, Err *e)
{
    Expr *zero, *a, *b;
    TypeId type = s->type;
    if (!tier_factor(t, s, &a, e) || !number(t, 0, s->var->type, &zero, e))
        return false;
    b = tier_put_in(t, s->linear, s->var, zero);
    Expr **all[] = {&a, &b, &sum, &count};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (!az_coerce(t->z, *all[i], type, -1, CAST_EXPLICIT, all[i], e))
            return false;
    return az_operator(t->z, &nowhere, SLICE_LIT("*"), a, sum, &a, e) &&
           az_operator(t->z, &nowhere, SLICE_LIT("*"), b, count, &b, e) &&
           az_operator(t->z, &nowhere, SLICE_LIT("+"), a, b, out, e);
}

/* The grouping of a query whose keys and aggregates are known: its targets are all of them. */
static void group_all(Tiered *t, Query *q)
{
    size_t n = q->key_count + q->agg_count + q->grouping_count;
    q->grouped = true;
    q->group = az_new_rte(t->z, RTE_COMPUTED, SLICE_NONE, n);
    q->targets = ARENA_ARRAY(t->z->arena, Target, n + 1);
    q->target_count = q->visible_count = n;
    q->agg_positions = ARENA_ARRAY(t->z->arena, int, q->agg_count + 1);
    for (size_t i = 0; i < n; i++) {
        bool key = i < q->key_count, agg = !key && i < q->key_count + q->agg_count;
        Slice name = arena_printf(t->z->arena, "c%zu", i);
        name_column(&q->group->cols[i], name,
                    key   ? q->keys[i]->type
                    : agg ? q->aggs[i - q->key_count].result
                          : T_INT4);
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
        TypeId type = arg->type;
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

/* What a tier has of it. */
static Expr *tier_column_var(Tiered *t, const Source *src, const Slot *s, TierPart part)
{
    const TableDef *tier = src->table;
    if (s->field)
        return source_var(t, src, tier_column(tier, s->field->id, part),
                          tier_type(s->field->type_oid, t->time->type, part));
    if (part == TIER_COUNT)
        return source_var(t, src, table_column(tier, SLICE_LIT("n")), T_INT8);
    return source_var(t, src, table_column(tier, s->latest ? SLICE_LIT("lt") : SLICE_LIT("ft")),
                      s->type);
}

/* The same over the rows of a tier. */
static bool tier_slot(Tiered *t, const Source *src, const Slot *s, AggCall *out, Err *e)
{
    Expr *arg = tier_column_var(t, src, s, s->part);
    AggCall c = *s->of;
    if (s->linear && s->part == TIER_SUM) {
        if (!linear_sum(t, s, arg, tier_column_var(t, src, s, TIER_COUNT), &arg, e))
            return false;
    } else if (s->linear && s->part != TIER_COUNT && !s->time) {
        arg = tier_put_in(t, s->linear, s->var, arg);
    }
    if (s->time) {
        c = call_of(t, s->latest ? "max(timestamptz) timestamptz" : "min(timestamptz) timestamptz",
                    s->type, arg, NULL);
    } else if (s->part == TIER_SUM || s->part == TIER_COUNT) {
        TypeId type = arg->type == T_INT4 ? T_INT8 : arg->type;
        c = call_of(t, sum_of(type), type == T_FLOAT8 ? T_FLOAT8 : T_NUMERIC, arg, NULL);
    } else {
        c.order_count = 0;
        c.order_implied = false;
        c.args = ARENA_ARRAY(t->z->arena, Expr *, 2);
        c.args[0] = arg;
        if (c.arg_count == 2)
            c.args[1] = tier_column_var(t, src, s, s->latest ? TIER_LAST_TIME : TIER_FIRST_TIME);
    }
    c.filter = moved(t, s->of->filter);
    *out = c;
    return true;
}

typedef struct Seek {
    uint32_t var;
    bool found;
} Seek;

static bool seek(void *arg, Expr **slot)
{
    Seek *s = arg;
    s->found |= (*slot)->kind == EXPR_COLUMN && (*slot)->index == s->var;
    return s->found;
}

static bool has_time(const Expr *time, Expr *x)
{
    Seek s = {.var = time->index};
    qx_walk(&x, seek, &s);
    return s.found;
}

/* A key over buckets of a tier: it must be the same at their start and at their last moment. */
static bool whole_key(Tiered *t, const Source *s, Expr **key, Err *e)
{
    int64_t width = t->list.items[s->level].width_ns;
    Expr *time = moved(t, t->time), *end, *same;
    Value span = {.phys = PH_INTERVAL, .u.iv.us = width / 1000 - 1};
    const FuncDef *equal, *cut = func_by_oid(func_oid_of("tier_cut(bool, text) bool"));
    TypeId want[2], result;
    if ((t->plain_time && t->grain_ns % width == 0) || !has_time(time, *key))
        return true;
    if (!az_operator(t->z, &nowhere, SLICE_LIT("+"), qx_copy(t->z->arena, time),
                     az_const(t->z, T_INTERVAL, span, 0), &end, e) ||
        !oper_resolve(SLICE_LIT("="), (*key)->type, (*key)->type, &equal, want, &result, e))
        return false;
    same = expr_new(t->z->arena, EXPR_IS_DISTINCT, T_BOOL, 2);
    same->func = equal;
    same->typmod = -1;
    if (!az_coerce(t->z, *key, want[0], -1, CAST_IMPLICIT, &same->args[0], e) ||
        !az_coerce(t->z, tier_put_in(t, *key, time, end), want[1], -1, CAST_IMPLICIT,
                   &same->args[1], e))
        return false;
    Expr **args = ARENA_ARRAY(t->z->arena, Expr *, 2);
    args[0] = same;
    args[1] = az_const(t->z, T_TEXT, value_str(t->base->table->name), 0);
    Expr *x = expr_new(t->z->arena, EXPR_CASE, (*key)->type, 3);
    x->typmod = (*key)->typmod;
    x->args[0] = expr_call(t->z->arena, cut, T_BOOL, args, 2, 0);
    x->args[1] = az_const(t->z, (*key)->type, value_null(), 0);
    x->args[2] = *key;
    *key = x;
    return true;
}

static bool part_keys(Tiered *t, const Source *s, Query *p, Err *e)
{
    p->keys = ARENA_ARRAY(t->z->arena, Expr *, t->key_count + 1);
    p->key_count = p->key_cap = t->key_count;
    for (size_t i = 0; i < t->key_count; i++) {
        p->keys[i] = moved(t, t->keys[i]);
        if (s->level && !whole_key(t, s, &p->keys[i], e))
            return false;
    }
    return true;
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
    if (!part_where(t, s, p, e) || !part_keys(t, s, p, e))
        return false;
    p->aggs = ARENA_ARRAY(z->arena, AggCall, t->slot_count + 1);
    p->agg_count = p->agg_cap = t->slot_count;
    for (size_t i = 0; i < t->slot_count; i++)
        if (!s->level)
            p->aggs[i] = row_slot(t, &t->slots[i]);
        else if (!tier_slot(t, s, &t->slots[i], &p->aggs[i], e))
            return false;
    group_all(t, p);
    for (size_t i = 0; i < t->slot_count; i++) { /* all parts give the same types */
        Expr **x = &p->targets[t->key_count + i].expr;
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
    Expr *arg = az_var(t->z, u, t->key_count + i, 0);
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
        c.args[1] = az_var(t->z, u, t->key_count + i + 1, 0); /* its time is the next slot */
    return c;
}

static Expr *next_key(Tiered *t, const Rte *u, size_t *next, Expr *x)
{
    return tier_is_key(x) ? az_var(t->z, u, (*next)++, 0) : x;
}

/* An aggregate of what is among the keys of the parts. */
static AggCall final_keys(Tiered *t, const Rte *u, const AggCall *of, size_t next)
{
    AggCall c = *of;
    c.args = ARENA_ARRAY(t->z->arena, Expr *, c.arg_count + 1);
    c.order = ARENA_ARRAY(t->z->arena, Expr *, c.order_count + 1);
    for (size_t i = 0; i < c.arg_count; i++)
        c.args[i] = next_key(t, u, &next, of->args[i]);
    for (size_t i = 0; i < c.order_count; i++)
        c.order[i] = next_key(t, u, &next, of->order[i]);
    c.filter = next_key(t, u, &next, of->filter);
    return c;
}

static bool result_of(Tiered *t, const Query *g, size_t i, size_t at, Expr **out, Err *e)
{
    const Wanted *w = &t->wanted[i];
    TypeId result = t->q->aggs[i].result;
    Expr *x = az_var(t->z, g->group, g->key_count + (w->kept == KEPT_KEYS ? at : w->slot), 0);
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

/* What groups the parts once more; *at: where the aggregates of keys stand. */
static void final_groups(Tiered *t, Query *g, const Rte *u)
{
    Analyzer *z = t->z;
    const Query *q = t->q;
    g->keys = ARENA_ARRAY(z->arena, Expr *, q->key_count + 1);
    g->key_count = g->key_cap = q->key_count;
    for (size_t i = 0; i < q->key_count; i++)
        g->keys[i] = az_var(z, u, i, 0);
    g->sets = q->sets;
    g->set_count = q->set_count;
    g->groupings = q->groupings;
    g->grouping_count = g->grouping_cap = q->grouping_count;
    g->aggs = ARENA_ARRAY(z->arena, AggCall, t->slot_count + q->agg_count + 1);
    for (size_t i = 0; i < t->slot_count; i++)
        g->aggs[g->agg_count++] = final_slot(t, u, i);
    for (size_t i = 0; i < q->agg_count; i++)
        if (t->wanted[i].kept == KEPT_KEYS)
            g->aggs[g->agg_count++] = final_keys(t, u, &q->aggs[i], t->wanted[i].slot);
    g->agg_cap = g->agg_count;
    group_all(t, g);
}

static bool final_targets(Tiered *t, Query *g, Err *e)
{
    const Query *q = t->q;
    Analyzer *z = t->z;
    size_t n = q->key_count + q->agg_count + q->grouping_count, at = t->slot_count;
    Target *targets = ARENA_ARRAY(z->arena, Target, n + 1);
    memcpy(targets, g->targets, q->key_count * sizeof *targets);
    for (size_t i = 0; i < q->agg_count; i++) {
        Target *to = &targets[q->key_count + i];
        *to = (Target){.name = arena_printf(z->arena, "a%zu", i)};
        if (!result_of(t, g, i, at, &to->expr, e))
            return false;
        at += t->wanted[i].kept == KEPT_KEYS;
    }
    memcpy(targets + q->key_count + q->agg_count, g->targets + g->key_count + g->agg_count,
           q->grouping_count * sizeof *targets);
    g->targets = targets;
    g->target_count = g->visible_count = n;
    return true;
}

bool tier_put_together(Tiered *t, Err *e)
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
    final_groups(t, g, u);
    if (!final_targets(t, g, e))
        return false;
    az_set_columns(z, g);
    g->var_end = (uint32_t)z->var_count;
    /* What stood for the results of the grouping now are columns of this query. */
    q->group->kind = RTE_QUERY;
    q->group->query = g;
    q->from = ARENA_ARRAY(z->arena, From *, 1);
    q->from[0] = from_rte(z, q->group);
    q->from_count = 1;
    if (q->gapfill)
        q->gapfill->where = q->where;
    else
        q->key_count = 0;
    q->where = q->having;
    q->having = NULL;
    q->grouped = false;
    q->agg_count = q->set_count = q->grouping_count = 0;
    q->sets = NULL;
    for (size_t i = 0; i < q->key_count; i++)
        q->keys[i] = az_var(z, q->group, i, 0);
    return true;
}
