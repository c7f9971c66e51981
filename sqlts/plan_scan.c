/* sqlts/plan_scan.c - the scan of a table: which conditions it takes over, and which columns it reads.
 *
 * Conditions on the time column become bounds, conditions on one tag select series, comparisons of a
 * numeric field with a constant prune row groups by their statistics; the rest is the scan's filter. */
#include "sqlts/plan_private.h"

typedef struct ScanBuild {
    Planner *p;
    Rte *rte;
    PlanScan *scan;
    Expr *filter;  /* what is left, over variables */
    Expr *recheck; /* conditions on keyed fields that also choose series */
    struct {
        uint32_t var;
        char op[3];
        Expr *value;
    } * prunes;
    size_t prune_count, conj_count;
    double selectivity; /* of all conditions but bounds that are constants */
    TableSize size;
    int64_t t_min, t_max; /* by constant bounds */
} ScanBuild;

/* Where nothing is known. */
static const double sel_equal = 0.01, sel_list = 0.05, sel_range = 0.3, sel_time_equal = 0.001;

static const ColumnDef *column_of(const ScanBuild *b, const Expr *x)
{
    if (x->kind != EXPR_COLUMN || x->index < b->rte->first_var ||
        x->index >= b->rte->first_var + b->rte->col_count)
        return NULL;
    int16_t attnum = b->rte->cols[x->index - b->rte->first_var].attnum;
    return attnum > 0 ? &b->rte->table->columns[attnum - 1] : NULL;
}

/* "<" as seen from the other side */
static const char *flip(const char *op)
{
    static const char *const pairs[][2] = {
        {"<", ">"}, {"<=", ">="}, {">", "<"}, {">=", "<="}, {"=", "="}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (strcmp(op, pairs[i][0]) == 0)
            return pairs[i][1];
    return NULL;
}

bool plan_comparison(const Planner *p, const Expr *x, Expr **side, Expr **value, const char **op)
{
    if (x->kind != EXPR_CALL || x->arg_count != 2 || !(x->func->flags & FN_OPERATOR) ||
        !flip(x->func->name))
        return false;
    bool swap = plan_is_const(p, x->args[0]);
    if (swap == plan_is_const(p, x->args[1]))
        return false;
    *side = x->args[swap ? 1 : 0];
    *value = x->args[swap ? 0 : 1];
    *op = swap ? flip(x->func->name) : x->func->name;
    return true;
}

/* ---- time ---- */

/* Constants narrow the range of times; of others it is not known what they will be. */
static void narrow(ScanBuild *b, const char *op, bool ns, const Expr *value)
{
    int64_t t = value->value.u.i64;
    int64_t unit = value->type == T_DATE ? NS_PER_DAY : NS_PER_US;
    bool is_time =
        value->type == T_TIMESTAMP || value->type == T_TIMESTAMPTZ || value->type == T_DATE;
    if (value->kind != EXPR_CONST || value->value.null ||
        (is_time && !ns && __builtin_mul_overflow(t, unit, &t))) {
        b->selectivity *= op[0] == '=' ? sel_time_equal : sel_range;
        return;
    }
    if (op[0] != '<' && t > b->t_min)
        b->t_min = t;
    if (op[0] != '>' && t < b->t_max)
        b->t_max = t;
}

static bool add_bound(ScanBuild *b, const char *op, bool ns, Expr *value, Err *e)
{
    TimeBound *t = &b->scan->bounds[b->scan->bound_count];
    *t = (TimeBound){.ns = ns};
    memcpy(t->op, op, strlen(op) + 1);
    if (!plan_fix(b->p, value, NULL, NULL, &t->value, e))
        return false;
    b->scan->bound_count++;
    narrow(b, op, ns, t->value);
    return true;
}

/* A constant of another date type is read as the comparison would read it. */
static bool time_value(ScanBuild *b, const ColumnDef *c, Expr *value, Expr **out)
{
    Err ignored;
    err_clear(&ignored);
    if (value->type == c->type_oid) {
        *out = value;
        return true;
    }
    bool dates = value->type == T_TIMESTAMP || value->type == T_DATE;
    return c->type_oid == T_TIMESTAMPTZ && dates &&
           az_coerce(b->p->z, value, T_TIMESTAMPTZ, -1, CAST_IMPLICIT, out, &ignored);
}

static bool is_ts_ns(const ScanBuild *b, const Expr *x)
{
    return x->kind == EXPR_COLUMN &&
           x->index == b->rte->first_var + rte_system(b->rte, SYS_TIME_NS);
}

/* A bucket that begins at or after x holds no earlier time: a bound besides the condition. */
static bool bucket_bound(ScanBuild *b, const Expr *side, Expr *value, const char *op, Err *e)
{
    uint32_t var;
    int64_t width, origin;
    if (op[0] != '>' || !plan_bucket(b->p, side, &var, &width, &origin))
        return true;
    const ColumnDef *c = column_of(b, &(Expr){.kind = EXPR_COLUMN, .index = var});
    Expr *v;
    if (!c || c->kind != COL_TIME || !time_value(b, c, value, &v))
        return true;
    return add_bound(b, ">=", false, v, e);
}

static bool take_time(ScanBuild *b, const Expr *x, bool *taken, Err *e)
{
    Expr *side, *value, *v;
    const char *op;
    *taken = false;
    if (b->rte->table->time_index < 0 || !plan_comparison(b->p, x, &side, &value, &op))
        return true;
    if (is_ts_ns(b, side) && (value->type == T_INT8 || value->type == T_INT4)) {
        *taken = true;
        return az_coerce(b->p->z, value, T_INT8, -1, CAST_IMPLICIT, &v, e) &&
               add_bound(b, op, true, v, e);
    }
    const ColumnDef *c = column_of(b, side);
    if (!c || c->kind != COL_TIME)
        return bucket_bound(b, side, value, op, e);
    if (!time_value(b, c, value, &v))
        return true;
    *taken = true;
    return add_bound(b, op, false, v, e);
}

/* ---- tags ---- */

/* Equality with constants of the tag's own type: looked up, not tested. */
static bool tag_values(ScanBuild *b, const Expr *x, const ColumnDef **tag, Expr ***items,
                       size_t *count, bool *array)
{
    Expr *side, *value;
    const char *op;
    *array = false;
    if (plan_comparison(b->p, x, &side, &value, &op) && strcmp(op, "=") == 0) {
        *items = ARENA_ARRAY(b->p->arena, Expr *, 1);
        (*items)[0] = value;
        *count = 1;
    } else if ((x->kind == EXPR_IN_LIST && !x->negated) || x->kind == EXPR_ANY_ARRAY) {
        side = x->args[0];
        if (strcmp(x->func->name, "=") != 0)
            return false;
        *array = x->kind == EXPR_ANY_ARRAY;
        *items = x->args + 1;
        *count = x->arg_count - 1;
    } else {
        return false;
    }
    *tag = column_of(b, side);
    if (!*tag || !column_in_series(*tag))
        return false;
    for (size_t i = 0; i < *count; i++) {
        TypeId type = *array ? type_elem_of((*items)[i]->type) : (*items)[i]->type;
        if (type != (*tag)->type_oid || !plan_is_const(b->p, (*items)[i]))
            return false;
    }
    return true;
}

/* A condition that reads one tag and nothing else of the row. */
static bool only_tag(ScanBuild *b, const Conj *c, uint32_t *var)
{
    size_t found = 0;
    for (uint32_t i = 0; i < b->rte->col_count; i++) {
        if (!varset_has(&c->vars, b->rte->first_var + i))
            continue;
        *var = b->rte->first_var + i;
        found++;
    }
    const ColumnDef *d =
        found == 1 ? column_of(b, &(Expr){.kind = EXPR_COLUMN, .index = *var}) : NULL;
    return d && column_in_series(d);
}

static double equal_selectivity(const ScanBuild *b, const ColumnDef *tag, size_t values)
{
    const SqlEnv *env = b->p->z->env;
    double distinct = env->distinct_tags ? env->distinct_tags(env->arg, b->rte->table, tag->id) : 0;
    if (distinct <= 0)
        return values > 1 ? sel_list : sel_equal;
    return (double)values < distinct ? (double)values / distinct : 1;
}

static bool take_tag(ScanBuild *b, const Conj *c, bool *taken, Err *e)
{
    const ColumnDef *tag;
    Expr **items;
    size_t count;
    bool array;
    uint32_t var;
    TagPred *t = &b->scan->tags[b->scan->tag_count];
    *taken = false;
    if (tag_values(b, c->expr, &tag, &items, &count, &array)) {
        *t = (TagPred){.column = tag->id,
                       .type = tag->type_oid,
                       .in_count = count,
                       .array = array,
                       .keyed = tag->keyed,
                       .name = tag->name};
        t->in = ARENA_ARRAY(b->p->arena, Expr *, count + 1);
        for (size_t i = 0; i < count; i++)
            if (!plan_fix(b->p, items[i], NULL, NULL, &t->in[i], e))
                return false;
        b->selectivity *= equal_selectivity(b, tag, count);
    } else if (only_tag(b, c, &var)) {
        tag = column_of(b, &(Expr){.kind = EXPR_COLUMN, .index = var});
        Plan *one = plan_new(b->p, PLAN_RESULT, sizeof *one, 1);
        Rel rel = rel_new(b->p, one, &var);
        *t = (TagPred){
            .column = tag->id, .type = tag->type_oid, .keyed = tag->keyed, .name = tag->name};
        if (!plan_fix(b->p, c->expr, &rel, NULL, &t->test, e))
            return false;
        b->selectivity *= sel_range;
    } else {
        return true;
    }
    b->scan->tag_count++;
    *taken = true;
    if (t->keyed)
        b->recheck = az_and(b->p->z, b->recheck, c->expr);
    return true;
}

/* ---- fields ---- */

static bool is_number(TypeId t)
{
    return t == T_INT2 || t == T_INT4 || t == T_INT8 || t == T_FLOAT8 || t == T_NUMERIC;
}

static void note_prune(ScanBuild *b, const Expr *x)
{
    Expr *side, *value;
    const char *op;
    if (!plan_comparison(b->p, x, &side, &value, &op) || !is_number(value->type))
        return;
    const Expr *field = plan_under_casts(side);
    const ColumnDef *c = column_of(b, field);
    if (!c || c->kind != COL_FIELD || !is_number(c->type_oid) ||
        (c->phys != PHYS_I64 && c->phys != PHYS_F64))
        return;
    b->prunes[b->prune_count].var = field->index;
    b->prunes[b->prune_count].value = value;
    memcpy(b->prunes[b->prune_count++].op, op, strlen(op) + 1);
}

/* ---- the node ---- */

static bool take_conjs(ScanBuild *b, ConjList *conjs, Err *e)
{
    bool series = b->rte->table->kind == TABLE_SERIES;
    Expr **rest = ARENA_ARRAY(b->p->arena, Expr *, conjs->count + 1);
    size_t rest_count = 0;
    for (size_t i = 0; i < conjs->count; i++) {
        Conj *c = &conjs->items[i];
        bool taken = false;
        if (c->has_sublink)
            continue;
        c->done = true;
        if (series && !take_time(b, c->expr, &taken, e))
            return false;
        if (series && !taken && !take_tag(b, c, &taken, e))
            return false;
        if (taken)
            continue;
        note_prune(b, c->expr);
        b->filter = az_and(b->p->z, b->filter, c->expr);
        rest[rest_count++] = c->expr;
    }
    b->selectivity *= plan_selectivity(b->p, rest, rest_count);
    return true;
}

static ScanCol scan_col(const ScanBuild *b, uint32_t i)
{
    static const ScanCol system[] = {[SYS_TABLEOID] = {SCAN_TABLEOID, 0, T_OID, -1},
                                     [SYS_SERIES] = {SCAN_SERIES, 0, T_INT8, -1},
                                     [SYS_TIME_NS] = {SCAN_TIME, COLUMN_TIME, T_INT8, -1},
                                     [SYS_ROW] = {SCAN_ROW, 0, T_INT8, -1}};
    const RteCol *rc = &b->rte->cols[i];
    if (i >= rte_system(b->rte, 0))
        return system[i - rte_system(b->rte, 0)];
    const ColumnDef *c = &b->rte->table->columns[rc->attnum - 1];
    ScanColKind kind = c->kind == COL_TIME ? SCAN_TIME : c->kind == COL_TAG ? SCAN_TAG : SCAN_FIELD;
    return (ScanCol){kind, c->id, c->type_oid, c->typmod, c->keyed};
}

static bool finish(ScanBuild *b, Rel *out, Err *e)
{
    Planner *p = b->p;
    VarSet need = varset_new(p->arena, p->z->var_count);
    uint32_t *vars = ARENA_ARRAY(p->arena, uint32_t, b->rte->col_count + 1);
    size_t n = 0;
    qx_vars(p->z, b->filter, &need);
    qx_vars(p->z, b->recheck, &need);
    varset_union(&need, &p->used);
    b->scan->cols = ARENA_ARRAY(p->arena, ScanCol, b->rte->col_count + 1);
    for (uint32_t i = 0; i < b->rte->col_count; i++) {
        if (!varset_has(&need, b->rte->first_var + i))
            continue;
        b->scan->cols[n] = scan_col(b, i);
        plan_column(p, &b->scan->p, n, b->rte->first_var + i);
        vars[n++] = b->rte->first_var + i;
    }
    b->scan->p.col_count = n;
    *out = rel_new(p, &b->scan->p, vars);
    b->scan->prunes = ARENA_ARRAY(p->arena, FieldPrune, b->prune_count + 1);
    for (size_t i = 0; i < b->prune_count; i++) {
        FieldPrune *f = &b->scan->prunes[b->scan->prune_count++];
        memcpy(f->op, b->prunes[i].op, sizeof f->op);
        while (vars[f->col] != b->prunes[i].var)
            f->col++;
        if (!plan_fix(p, b->prunes[i].value, NULL, NULL, &f->value, e))
            return false;
    }
    return (!b->filter || plan_fix(p, b->filter, out, NULL, &b->scan->filter, e)) &&
           (!b->recheck || plan_fix(p, b->recheck, out, NULL, &b->scan->recheck, e));
}

static void find_size(ScanBuild *b)
{
    const SqlEnv *env = b->p->z->env;
    const TableDef *t = b->rte->table;
    b->t_min = INT64_MIN;
    b->t_max = INT64_MAX;
    if (env->table_size)
        env->table_size(env->arg, t, &b->size);
    else
        b->size.rows = t->kind == TABLE_SERIES ? 1e6 : 1e4;
}

/* A plan may outlive what the table is now: small tables count as if they had some rows. */
static double rows_estimate(ScanBuild *b)
{
    enum { ROWS_MIN = 100 };
    const TableSize *s = &b->size;
    double rows = (s->rows < ROWS_MIN ? ROWS_MIN : s->rows) * b->selectivity;
    double range = (double)s->t_max - (double)s->t_min;
    if (b->rte->table->kind == TABLE_SERIES && range > 0) {
        double from = b->t_min > s->t_min ? (double)b->t_min : (double)s->t_min;
        double to = b->t_max < s->t_max ? (double)b->t_max : (double)s->t_max;
        rows *= to > from ? (to - from) / range : 0;
        b->rte->times_ns = to > from ? to - from : 1;
    }
    return rows < 1 ? 1 : rows;
}

bool plan_scan(Planner *p, Rte *rte, ConjList *conjs, Rel *out, Err *e)
{
    const TableDef *t = rte->table;
    ScanBuild b = {.p = p, .rte = rte, .selectivity = 1};
    b.scan = PLAN_NEW(p, PlanScan, PLAN_SCAN, rte->col_count);
    b.scan->table = t->id;
    b.scan->table_name = t->name;
    const ViewRefresh *inside = p->z->env->refresh;
    b.scan->all_ages = rte->all_ages || (inside && inside->all_ages);
    b.scan->whole = rte->whole;
    b.scan->tier = rte->tier;
    if (rte->kept.len) /* the hidden table of a view */
        b.scan->table_name = rte->name;
    else if (!slice_eq(rte->name, t->name))
        b.scan->alias = rte->name;
    b.scan->view_part = rte->view_part;
    b.scan->kept = rte->kept;
    if (t->time_index >= 0)
        b.scan->time_name = t->columns[t->time_index].name;
    b.scan->bounds = ARENA_ARRAY(p->arena, TimeBound, conjs->count + 1);
    b.scan->tags = ARENA_ARRAY(p->arena, TagPred, conjs->count + 1);
    b.prunes = arena_zero(p->arena, (conjs->count + 1) * sizeof *b.prunes);
    find_size(&b);
    if (!take_conjs(&b, conjs, e))
        return false;
    for (size_t i = 0; i < conjs->count; i++)
        if (!conjs->items[i].done)
            plan_mark(p, conjs->items[i].expr);
    b.scan->p.rows_estimate = rows_estimate(&b);
    return finish(&b, out, e);
}

/* ---- buckets of fixed width ---- */

#define BUCKET_ORIGIN_NS (INT64_C(946857600) * NS_PER_S) /* 2000-01-03, a Monday: as TimescaleDB */

static bool interval_width(const Expr *x, int64_t *ns)
{
    return x->kind == EXPR_CONST && x->type == T_INTERVAL && !x->value.null &&
           interval_to_ns(x->value.u.iv, ns) && *ns > 0;
}

static bool time_const(const Expr *x, int64_t *ns)
{
    if (x->kind != EXPR_CONST || x->value.null ||
        (x->type != T_TIMESTAMPTZ && x->type != T_TIMESTAMP))
        return false;
    return !__builtin_mul_overflow(x->value.u.i64, NS_PER_US, ns);
}

static bool trunc_width(const Planner *p, const Expr *unit, TypeId of, int64_t *width,
                        int64_t *origin)
{
    static const struct {
        const char *unit;
        int64_t width, origin;
    } units[] = {{"second", NS_PER_S, 0},
                 {"minute", 60 * NS_PER_S, 0},
                 {"hour", 3600 * NS_PER_S, 0},
                 {"day", NS_PER_DAY, 0},
                 {"week", 7 * NS_PER_DAY, 4 * NS_PER_DAY}};
    const EvalCtx *ctx = p->z->env->fold;
    if (unit->kind != EXPR_CONST || unit->value.null || unit->value.phys != PH_STR)
        return false;
    if (of == T_TIMESTAMPTZ && ctx->env.tz != tz_utc())
        return false; /* days and hours of another zone are not all equally long, nor aligned */
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (slice_eq_nocase(unit->value.u.str, slice_cstr(units[i].unit))) {
            *width = units[i].width;
            *origin = units[i].origin;
            return true;
        }
    }
    return false;
}

bool plan_bucket(Planner *p, const Expr *x, uint32_t *time_var, int64_t *width_ns,
                 int64_t *origin_ns)
{
    if (x->kind != EXPR_CALL || x->arg_count < 2 || x->args[1]->kind != EXPR_COLUMN)
        return false;
    const Expr *time = x->args[1], *third = x->arg_count > 2 ? x->args[2] : NULL;
    const VarInfo *v = &p->z->vars[time->index];
    if (!v->rte->cols[v->col].is_time || v->rte->kind != RTE_TABLE || x->arg_count > 3 ||
        x->type != time->type || (time->type != T_TIMESTAMPTZ && time->type != T_TIMESTAMP))
        return false;
    *time_var = time->index;
    if (strcmp(x->func->name, "date_trunc") == 0)
        return !third && trunc_width(p, x->args[0], time->type, width_ns, origin_ns);
    if (!interval_width(x->args[0], width_ns))
        return false;
    if (strcmp(x->func->name, "date_bin") == 0)
        return third && time_const(third, origin_ns);
    if (strcmp(x->func->name, "time_bucket") != 0)
        return false;
    *origin_ns = BUCKET_ORIGIN_NS;
    int64_t offset;
    if (third && third->kind == EXPR_CONST && third->type == T_INTERVAL && !third->value.null &&
        interval_to_ns(third->value.u.iv, &offset)) {
        *origin_ns += offset;
        return true;
    }
    return !third || time_const(third, origin_ns);
}
