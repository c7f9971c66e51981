/* sqlts/analyze_func.c - function calls: ordinary, aggregate, set-returning; the words that are calls. */
#include "sqlts/analyze.h"

bool az_resolve(Analyzer *z, const SqlNode *at, Slice schema, Slice name, int kinds, Expr **args,
                size_t n, const FuncDef **func, TypeId *result, Err *e)
{
    TypeId types[FUNC_ARGS_MAX] = {0}, want[FUNC_ARGS_MAX];
    if (n > FUNC_ARGS_MAX)
        return az_fail(z, at, ERR_TOO_MANY_ARGUMENTS, e,
                       "cannot pass more than %d arguments to a function", FUNC_ARGS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (qx_kind(args[i]) == QX_ROW && !az_row_value(z, args[i], e))
            return false;
        types[i] = args[i]->type;
    }
    if (!func_resolve(schema, name, types, n, kinds, func, want, result, e))
        return az_at(z, at, e);
    for (size_t i = 0; i < n; i++)
        if (!az_coerce(z, args[i], want[i], -1, CAST_IMPLICIT, &args[i], e))
            return false;
    return true;
}

bool az_call_named(Analyzer *z, const SqlNode *at, const char *name, Expr **args, size_t n,
                   Expr **out, Err *e)
{
    const FuncDef *f;
    TypeId result;
    if (!az_resolve(z, at, SLICE_LIT("pg_catalog"), slice_cstr(name), 0, args, n, &f, &result, e))
        return false;
    *out = az_call(z, f, result, args, n, az_position(z, at->offset));
    return true;
}

/* CURRENT_DATE, USER, ... */
bool az_value_func(Analyzer *z, const NLiteral *n, Expr **out, Err *e)
{
    static const struct {
        const char *word, *func;
        TypeId type;
    } words[] = {
        {"current_date", "now", T_DATE},
        {"current_time", "now", T_TIMETZ},
        {"current_timestamp", "now", T_TIMESTAMPTZ},
        {"localtime", "now", T_TIME},
        {"localtimestamp", "now", T_TIMESTAMP},
        {"current_role", "current_user", T_NAME},
        {"current_user", "current_user", T_NAME},
        {"user", "current_user", T_NAME},
        {"session_user", "session_user", T_NAME},
        {"current_catalog", "current_database", T_NAME},
        {"current_schema", "current_schema", T_NAME},
    };
    size_t i = 0;
    while (!slice_eq_cstr(n->text, words[i].word))
        i++;
    return az_call_named(z, &n->n, words[i].func, NULL, 0, out, e) &&
           az_coerce(z, *out, words[i].type, -1, CAST_EXPLICIT, out, e);
}

/* ---- arguments ---- */

/* Named arguments exist where the order of the names is known. */
static const char *const interval_names[] = {"years", "months", "weeks", "days",
                                             "hours", "mins",   "secs",  NULL};
static const char *const bucket_names[] = {"bucket_width", "ts",       "origin",
                                           "offset",       "timezone", NULL};
static const char *const bucket_zone_names[] = {"bucket_width", "ts",     "timezone",
                                                "origin",       "offset", NULL};
static const char *const gapfill_names[] = {"bucket_width", "ts", "start", "finish", NULL};
static const char *const gapfill_zone_names[] = {"bucket_width", "ts",     "timezone",
                                                 "start",        "finish", NULL};

static const char *const job_names[] = {
    "job_id", "schedule_interval", "max_runtime", "max_retries", "retry_period", "scheduled",
    "config", "next_start",        "if_exists",   NULL};

static bool has_name(const NFunc *n, const char *name)
{
    for (size_t i = 0; i < n->args.count; i++)
        if (n->args.items[i]->kind == N_NAMED_ARG &&
            slice_eq_cstr(((const NTarget *)n->args.items[i])->name, name))
            return true;
    return false;
}

/* time_bucket() with one argument behind the time takes it by its type; with more, all have their place. */
static const char *const *bucket_parameters(Analyzer *z, const NFunc *n, Expr **args, size_t *count)
{
    static const TypeId types[] = {T_UNKNOWN, T_UNKNOWN, T_TEXT, T_TIMESTAMPTZ, T_INTERVAL};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        args[i] = az_const(z, types[i], value_null(), 0);
    if (n->args.count <= 3 && !(has_name(n, "origin") && has_name(n, "offset")))
        return bucket_names;
    *count = ARRAY_LEN(types);
    return bucket_zone_names;
}

/* The names of the parameters; the ones that are not given get a default: 0, or NULL. */
static const char *const *parameter_names(Analyzer *z, const NFunc *n, Slice name,
                                          size_t positional, Expr **args, size_t *count)
{
    const char *const *names = NULL;
    *count = n->args.count;
    if (slice_eq_cstr(name, "make_interval")) {
        *count = 7;
        for (size_t i = 0; i < 7; i++)
            args[i] =
                az_const(z, i == 6 ? T_FLOAT8 : T_INT4, i == 6 ? value_f64(0) : value_i64(0), 0);
        return interval_names;
    }
    if (slice_eq_cstr(name, "time_bucket_gapfill")) {
        bool zone = has_name(n, "timezone") || (positional == 3 && has_name(n, "start"));
        names = zone ? gapfill_zone_names : gapfill_names;
        *count = zone ? 5 : 4;
        for (size_t i = 0; i < *count; i++)
            args[i] = az_const(z, i == 2 && zone ? T_TEXT : T_UNKNOWN, value_null(), 0);
    } else if (slice_eq_cstr(name, "alter_job")) {
        names = job_names;
        for (*count = 0; names[*count]; ++*count)
            args[*count] = az_const(z, T_UNKNOWN, value_null(), 0);
    } else if (slice_eq_cstr(name, "time_bucket")) {
        names = bucket_parameters(z, n, args, count);
    }
    return names;
}

static bool named_args(Analyzer *z, Scope *s, const NFunc *n, Expr **args, size_t *count, Err *e)
{
    Slice name = ast_last_name(&n->names);
    size_t positional = 0;
    while (positional < n->args.count && n->args.items[positional]->kind != N_NAMED_ARG)
        positional++;
    const char *const *names = parameter_names(z, n, name, positional, args, count);
    if (!names)
        return az_fail(z, n->args.items[positional], ERR_FEATURE_NOT_SUPPORTED, e,
                       "named arguments of function %.*s are not supported", SLICE_ARG(name));
    for (size_t i = 0, given = 0; i < n->args.count; i++) {
        const NTarget *arg = (const NTarget *)n->args.items[i];
        size_t slot = i;
        if (i >= positional) {
            if (arg->n.kind != N_NAMED_ARG)
                return az_fail(z, &arg->n, ERR_SYNTAX, e,
                               "positional argument cannot follow named argument");
            for (slot = 0; names[slot] && !slice_eq_cstr(arg->name, names[slot]);)
                slot++;
            if (!names[slot])
                return az_fail(z, &arg->n, ERR_UNDEFINED_FUNCTION, e,
                               "function %.*s has no argument named \"%.*s\"", SLICE_ARG(name),
                               SLICE_ARG(arg->name));
            slot = names != bucket_names || slot < 2 ? slot : 2;
        }
        if (slot >= *count)
            return az_fail(z, &n->n, ERR_UNDEFINED_FUNCTION, e, "function %.*s: too many arguments",
                           SLICE_ARG(name));
        if (given >> slot & 1)
            return az_fail(z, &arg->n, ERR_SYNTAX, e, "argument name \"%.*s\" used more than once",
                           SLICE_ARG(arg->name));
        given |= (size_t)1 << slot;
        if (!az_expr(z, s, i >= positional ? arg->expr : n->args.items[i], &args[slot], e))
            return false;
    }
    return true;
}

static bool analyze_args(Analyzer *z, Scope *s, const NFunc *n, Expr **args, size_t *count, Err *e)
{
    *count = 0;
    if (n->args.count + n->order.count > FUNC_ARGS_MAX)
        return az_fail(z, &n->n, ERR_TOO_MANY_ARGUMENTS, e,
                       "cannot pass more than %d arguments to a function", FUNC_ARGS_MAX);
    bool named = slice_eq_cstr(ast_last_name(&n->names), "alter_job"); /* all have defaults */
    for (size_t i = 0; i < n->args.count && !named; i++)
        named = n->args.items[i]->kind == N_NAMED_ARG;
    if (named)
        return named_args(z, s, n, args, count, e);
    for (; *count < n->args.count; ++*count)
        if (!az_expr(z, s, n->args.items[*count], &args[*count], e))
            return false;
    for (size_t i = 0; n->within_group && i < n->order.count; i++)
        if (!az_expr(z, s, ((const NSort *)n->order.items[i])->expr, &args[(*count)++], e))
            return false;
    return true;
}

/* ---- set-returning functions ---- */

static bool srf_allowed(Analyzer *z, const Scope *s, const NFunc *n, Err *e)
{
    const char *where = s->place == PLACE_FROM_FUNCTION ? NULL : az_place_text(s->place);
    if (s->place == PLACE_HAVING)
        where = "HAVING";
    if (s->place == PLACE_GROUP_BY)
        where = NULL;
    if (where)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "set-returning functions are not allowed in %s", where);
    if (s->query)
        s->query->has_srf = true;
    return true;
}

/* information_schema._pg_expandarray(a): rows (x, n) of the items and their numbers from 1, as two
 * set-returning calls that run together. */
static bool expandarray(Analyzer *z, Scope *s, const NFunc *n, Expr *array, Expr **out, Err *e)
{
    Expr *x, *subscripts, *lower, *number, *one = az_const(z, T_INT4, value_i64(1), 0);
    Expr *first[] = {array}, *second[] = {qx_copy(z->arena, array), one},
         *third[] = {qx_copy(z->arena, array), qx_copy(z->arena, one)};
    if (!srf_allowed(z, s, n, e) || !az_call_named(z, &n->n, "unnest", first, 1, &x, e) ||
        !az_call_named(z, &n->n, "generate_subscripts", second, 2, &subscripts, e) ||
        !az_call_named(z, &n->n, "array_lower", third, 2, &lower, e) ||
        !az_operator(z, &n->n, SLICE_LIT("-"), subscripts, lower, &number, e) ||
        !az_operator(z, &n->n, SLICE_LIT("+"), number, qx_copy(z->arena, one), &number, e))
        return false;
    Expr *row = expr_new(z->arena, (ExprKind)QX_ROW, T_RECORD, 2);
    row->args[0] = x;
    row->args[1] = number;
    row->negated = true; /* marks the fields as x and n */
    row->position = az_position(z, n->n.offset);
    *out = row;
    return true;
}

/* ---- the call ---- */

static bool only_for_aggregates(Analyzer *z, const NFunc *n, Slice name, Err *e)
{
    const char *what = n->star           ? "(*)"
                       : n->distinct     ? "DISTINCT"
                       : n->filter       ? "FILTER"
                       : n->within_group ? "WITHIN GROUP"
                       : n->order.count  ? "ORDER BY"
                                         : NULL;
    if (!what)
        return true;
    return az_fail(z, &n->n, ERR_WRONG_OBJECT, e,
                   "%s specified, but %.*s is not an aggregate function", what, SLICE_ARG(name));
}

/* int4(x), text(x): a type's name as a function is a cast. */
static bool type_call(Analyzer *z, const NFunc *n, Slice schema, Slice name, Expr *arg, Expr **out)
{
    Err ignored;
    const TypeDef *t =
        schema.len && !slice_eq_cstr(schema, "pg_catalog") ? NULL : type_by_name(name);
    if (!t || n->star || n->distinct || n->order.count || n->filter || n->over)
        return false;
    err_clear(&ignored);
    return az_coerce(z, arg, t->oid, -1, CAST_EXPLICIT, out, &ignored);
}

/* The end of the window of extrapolated_rate() as a literal: a time, or else a length. */
static bool window_end(Analyzer *z, Expr **arg, Err *e)
{
    Err ignored;
    Expr *x = *arg;
    err_clear(&ignored);
    if (x->kind != EXPR_CONST || x->type != T_UNKNOWN || x->value.null)
        return true;
    if (az_coerce(z, qx_copy(z->arena, x), T_TIMESTAMPTZ, -1, CAST_IMPLICIT, arg, &ignored))
        return true;
    return az_coerce(z, x, T_INTERVAL, -1, CAST_IMPLICIT, arg, e);
}

/* first(v), rate(v), ...: the time column is meant as the second argument. */
static bool wants_time(Slice name)
{
    static const char *const names[] = {"first",       "last",    "rate",       "increase",
                                        "delta",       "irate",   "derivative", "counter_resets",
                                        "time_weight", "changes", "open",       "close"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_cstr(name, names[i]))
            return true;
    return false;
}

/* Resolves; a missing second argument of rate(v) and its like is the time column; count(*) has none. */
static bool resolve_call(Analyzer *z, Scope *s, const NFunc *n, Slice schema, Slice name,
                         Expr **args, size_t *count, const FuncDef **f, TypeId *result, Err *e)
{
    Err first;
    err_clear(&first);
    if (slice_eq_cstr(name, "time_bucket_gapfill") && !az_gapfill_args(z, args, count, e))
        return false;
    if (*count == 4 && slice_starts(name, SLICE_LIT("extrapolated_")) &&
        !window_end(z, &args[3], e))
        return false;
    if (*count == 1 && !n->star && !n->variadic && wants_time(name)) {
        Expr *time = az_time_column(z, s, args[0]);
        if (time) {
            args[1] = time;
            Expr *value = args[0];
            if (az_resolve(z, &n->n, schema, name, 0, args, 2, f, result, &first)) {
                *count = 2;
                return true;
            }
            args[0] = value;
        }
    }
    int spread = n->variadic ? FN_VARIADIC : 0;
    if (az_resolve(z, &n->n, schema, name, spread, args, *count, f, result, e))
        return true;
    if (n->star && *count == 0 && slice_eq_cstr(name, "count")) {
        Expr *one[] = {az_const(z, T_INT4, value_i64(1), 0)};
        return az_resolve(z, &n->n, schema, name, FN_AGG, one, 1, f, result, &first) ||
               (err_clear(&first), false);
    }
    return false;
}

/* ts_ns() of a table's time column is exact: a column of the scan, not a function of the time in SQL's us. */
static bool exact_time(Analyzer *z, const FuncDef *f, const Expr *arg, Expr **out)
{
    if (strcmp(f->name, "ts_ns") != 0 || arg->kind != EXPR_COLUMN || arg->index >= z->var_count)
        return false;
    const VarInfo *v = &z->vars[arg->index];
    if (v->rte->kind != RTE_TABLE || !v->rte->cols[v->col].is_time)
        return false;
    *out = az_var(z, v->rte, rte_system(v->rte, SYS_TIME_NS), arg->position);
    return true;
}

static bool gapfill_allowed(Analyzer *z, Scope *s, const NFunc *n, Err *e)
{
    if (!s->query || s->in_agg ||
        (s->place != PLACE_SELECT && az_place_text(s->place) && s->place != PLACE_GROUP_BY))
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "no top level time_bucket_gapfill in group by clause");
    s->query->gapfill_position = az_position(z, n->n.offset);
    return true;
}

static bool ordinary(Analyzer *z, Scope *s, const NFunc *n, const FuncDef *f, TypeId result,
                     Expr **args, size_t count, Expr **out, Err *e)
{
    Slice name = ast_last_name(&n->names);
    if (!only_for_aggregates(z, n, name, e))
        return false;
    if (n->over)
        return az_fail(
            z, &n->n, ERR_WRONG_OBJECT, e,
            "OVER specified, but %.*s is not a window function nor an aggregate function",
            SLICE_ARG(name));
    if (f->flags & FN_WINDOW)
        return az_fail(z, &n->n, ERR_WRONG_OBJECT, e,
                       "window function %.*s requires an OVER clause", SLICE_ARG(name));
    if ((f->flags & FN_SRF) && !srf_allowed(z, s, n, e))
        return false;
    if (az_is_gapfill(f) && !gapfill_allowed(z, s, n, e))
        return false;
    if (n->variadic && (f->flags & FN_VARIADIC))
        return az_call_spread(z, n, f, result, args, out, e);
    az_note_zone(z, n, f, args);
    if (count != 1 || !exact_time(z, f, args[0], out))
        *out = az_call(z, f, result, args, count, az_position(z, n->n.offset));
    return true;
}

/* (start, length) OVERLAPS ...: an interval as the end is counted from the start. */
static bool overlaps_ends(Analyzer *z, const NFunc *n, Expr **args, Err *e)
{
    for (size_t i = 0; i < 4; i += 2)
        if (args[i + 1]->type == T_INTERVAL &&
            !az_operator(z, &n->n, SLICE_LIT("+"), args[i], args[i + 1], &args[i + 1], e))
            return false;
    return true;
}

/* promql_scalar(...) is (SELECT pg_catalog.promql_scalar(...)), which gives a row or none: a row source may
 * wait, an expression may not. */
static bool scalar_of_rows(Analyzer *z, Scope *s, const NFunc *n, Expr **out, Err *e)
{
    ParseState ps = {.arena = z->arena, .err = e};
    uint32_t at = n->n.offset;
    NFunc *call = arena_alloc(z->arena, sizeof *call);
    *call = *n;
    call->names = ast_list(&ps, ast_literal(&ps, N_NAME, at, SLICE_LIT("pg_catalog")));
    call->names =
        ast_append(&ps, call->names, ast_literal(&ps, N_NAME, at, SLICE_LIT("promql_scalar")));
    NSelect *q = AST(&ps, NSelect, N_SELECT, at);
    q->form = SELECT_PLAIN;
    q->targets = ast_list(&ps, ast_target(&ps, N_TARGET, at, SLICE_NONE, &call->n));
    return az_expr(z, s, ast_sublink(&ps, SUB_SCALAR, at, &q->n), out, e);
}

bool az_func(Analyzer *z, Scope *s, const NFunc *n, Expr **out, Err *e)
{
    Slice name = ast_last_name(&n->names), schema = SLICE_NONE;
    Expr *args[FUNC_ARGS_MAX + 1];
    size_t count;
    if (n->names.count > 1)
        schema = ast_name_text(n->names.items[n->names.count - 2]);
    else if (n->sql_syntax)
        schema = SLICE_LIT("pg_catalog");
    bool taken;
    if (!az_fill_call(z, s, n, &taken, out, e))
        return false;
    if (taken)
        return true;
    if (slice_eq_cstr(name, "promql_scalar") && !schema.len && s->place != PLACE_FROM_FUNCTION)
        return scalar_of_rows(z, s, n, out, e);
    if (!az_not_here(z, n, e) || !analyze_args(z, s, n, args, &count, e))
        return false;
    if (slice_eq_cstr(name, "_pg_expandarray") && slice_eq_cstr(schema, "information_schema") &&
        count == 1)
        return expandarray(z, s, n, args[0], out, e);
    if (az_is_hypothetical(name) && (n->within_group || count > 0))
        return az_hypothetical(z, s, n, args, out, e);
    const FuncDef *f;
    TypeId result;
    if (slice_eq_cstr(name, "overlaps") && count == 4 && !overlaps_ends(z, n, args, e))
        return false;
    if (!resolve_call(z, s, n, schema, name, args, &count, &f, &result, e)) {
        if (e->code != ERR_UNDEFINED_FUNCTION || count != 1 ||
            !type_call(z, n, schema, name, args[0], out))
            return false;
        err_clear(e);
        return true;
    }
    if (n->over && (f->flags & (FN_AGG | FN_WINDOW)))
        return az_window_call(z, s, n, f, result, args, count, out, e);
    if (!(f->flags & FN_AGG))
        return ordinary(z, s, n, f, result, args, count, out, e);
    if (count == 0 && !n->star)
        return az_fail(z, &n->n, ERR_WRONG_OBJECT, e,
                       "%.*s(*) must be used to call a parameterless aggregate function",
                       SLICE_ARG(name));
    return az_aggregate(z, s, n, f, result, args, count, out, e);
}
