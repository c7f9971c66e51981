/* sqlts/analyze_from_func.c - functions in FROM, ROWS FROM, TABLESAMPLE. */
#include "exec/array.h"
#include "sqlts/analyze.h"

/* ---- functions in FROM ---- */

static Slice func_alias(const NRange *n)
{
    if (n->alias.len)
        return n->alias;
    if (n->func->kind == N_FUNC)
        return ast_last_name(&((const NFunc *)n->func)->names);
    return n->func->kind == N_VALUE_FUNC ? ((const NLiteral *)n->func)->text
                                         : SLICE_LIT("function");
}

/* json_to_recordset(...) AS (a int, b numeric(5,2)): the list says what the columns are. */
static bool defined_columns(Analyzer *z, const NRange *n, Expr *call, const SrfColumn **cols,
                            size_t *count, Err *e)
{
    SrfColumn *made = ARENA_ARRAY(z->arena, SrfColumn, n->columns.count + 1);
    Value *types = ARENA_ARRAY(z->arena, Value, 2 * n->columns.count + 1);
    *count = n->columns.count;
    for (size_t i = 0; i < *count; i++) {
        const NColumnDef *d = (const NColumnDef *)n->columns.items[i];
        int32_t typmod;
        if (d->n.kind != N_COLUMN_DEF) {
            *count = 0;
            break;
        }
        if (!az_type(z, d->type, &made[i].type, &typmod, e))
            return false;
        made[i].name = arena_cstr(z->arena, d->name);
        types[2 * i] = value_i64(made[i].type);
        types[2 * i + 1] = value_i64(typmod);
    }
    if (*count == 0)
        return az_fail(z, n->func, ERR_SYNTAX, e,
                       "a column definition list is required for functions returning \"record\"");
    Expr **args = ARENA_ARRAY(z->arena, Expr *, call->arg_count + 1);
    memcpy(args, call->args, call->arg_count * sizeof *args);
    Value list = value_array(array_new(z->arena, T_INT8, types, 2 * *count));
    args[call->arg_count++] = az_const(z, T_INT8_ARRAY, list, 0);
    call->args = args;
    *cols = made;
    return true;
}

/* The columns of a set-returning function; one whose list depends on the call is asked. */
static bool srf_columns(Analyzer *z, const NRange *n, Expr *call, const SrfColumn **cols,
                        size_t *count, Err *e)
{
    const SrfDef *srf = call->func->srf;
    if (srf->by_definition)
        return defined_columns(z, n, call, cols, count, e);
    *cols = srf->columns;
    *count = srf->columns ? srf->column_count : 1;
    if (!srf->resolve)
        return true;
    Slice *names = ARENA_ARRAY(z->arena, Slice, n->columns.count + 1);
    Value *args = ARENA_ARRAY(z->arena, Value, call->arg_count + 1);
    for (size_t i = 0; i < n->columns.count; i++) {
        const SqlNode *c = n->columns.items[i];
        names[i] = c->kind == N_COLUMN_DEF ? ((const NColumnDef *)c)->name : ast_name_text(c);
    }
    for (size_t i = 0; i < call->arg_count; i++)
        args[i] = call->args[i]->kind == EXPR_CONST ? call->args[i]->value : value_null();
    SrfColumn *made;
    if (!srf->resolve(z->env->fold, args, call->arg_count, names, n->columns.count, z->arena, &made,
                      count, e))
        return az_at(z, n->func, e);
    *cols = made;
    return true;
}

/* AS t(a int, b text): the types must be those that the function has. */
static bool check_column_types(Analyzer *z, const NRange *n, const Rte *r, Err *e)
{
    for (size_t i = 0; i < n->columns.count && i < r->col_count; i++) {
        const NColumnDef *d = (const NColumnDef *)n->columns.items[i];
        TypeId type;
        int32_t typmod;
        if (d->n.kind != N_COLUMN_DEF)
            continue;
        if (!az_type(z, d->type, &type, &typmod, e))
            return false;
        if (type != r->cols[i].type) {
            Slice want = az_type_name(z, type, -1), have = az_type_name(z, r->cols[i].type, -1);
            az_fail(z, &d->n, ERR_DATATYPE_MISMATCH, e,
                    "function return row and query-specified return row do not match");
            return err_detail(e,
                              "Returned type %.*s at ordinal position %zu, but query expects %.*s.",
                              SLICE_ARG(have), i + 1, SLICE_ARG(want));
        }
        r->cols[i].name = d->name;
    }
    return true;
}

/* A call of ROWS FROM as a set-returning one of one column. */
static bool rows_from_call(Analyzer *z, Scope *s, const SqlNode *n, Expr **out, Err *e)
{
    if (!az_expr(z, s, n, out, e) || !az_resolve_unknown(z, out, e))
        return false;
    bool is_srf = (*out)->func && (*out)->kind == EXPR_CALL && ((*out)->func->flags & FN_SRF);
    if (qx_has(*out, QX_SUBLINK) || qx_kind(*out) == QX_ROW ||
        (is_srf && (*out)->func->srf->columns && (*out)->func->srf->column_count != 1))
        return az_fail(z, n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "ROWS FROM takes functions that return one column");
    if (is_srf)
        return true;
    if (qx_has_srf(*out))
        return az_fail(z, n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "set-returning functions must appear at top level of FROM");
    Expr *array = expr_new(z->arena, EXPR_ARRAY, type_array_of((*out)->type), 1);
    array->args[0] = *out;
    array->typmod = -1;
    return az_call_named(z, n, "unnest", &array, 1, out, e);
}

/* SELECT f(..), g(..): set-returning calls of a list run side by side, the shorter ones give NULL. */
static bool rows_from_query(Analyzer *z, Scope *outer, const NodeList *calls, Query **out, Err *e)
{
    Query *q = ARENA_NEW(z->arena, Query);
    Scope s = *outer;
    q->form = QUERY_PLAIN;
    q->var_begin = (uint32_t)z->var_count;
    q->has_srf = true;
    q->target_count = q->visible_count = calls->count;
    q->targets = ARENA_ARRAY(z->arena, Target, calls->count + 1);
    s.place = PLACE_FROM_FUNCTION;
    s.query = NULL;
    for (size_t i = 0; i < calls->count; i++) {
        q->targets[i].name = az_column_name(calls->items[i]);
        if (!rows_from_call(z, &s, calls->items[i], &q->targets[i].expr, e))
            return false;
    }
    q->var_end = (uint32_t)z->var_count;
    az_set_columns(z, q);
    *out = q;
    return true;
}

static bool add_ordinality(Analyzer *z, const SqlNode *at, Query **qp, Err *e)
{
    Query *q = az_wrap_query(z, *qp);
    size_t n = q->visible_count;
    NFunc call = {.n = *at, .names = {0}};
    ParseState ps = {.arena = z->arena};
    NWindow over = {.n = *at};
    Scope s;
    az_scope_init(&s, NULL, q);
    call.names =
        ast_append(&ps, call.names, ast_literal(&ps, N_NAME, at->offset, SLICE_LIT("row_number")));
    call.n.kind = N_FUNC;
    call.over = &over;
    Target *targets = ARENA_ARRAY(z->arena, Target, n + 1);
    memcpy(targets, q->targets, n * sizeof *targets);
    targets[n].name = SLICE_LIT("ordinality");
    if (!az_expr(z, &s, &call.n, &targets[n].expr, e))
        return false;
    q->targets = targets;
    q->target_count = q->visible_count = n + 1;
    q->var_end = (uint32_t)z->var_count;
    az_set_columns(z, q);
    *qp = q;
    return true;
}

/* ROWS FROM (...), unnest(a, b): several functions side by side. */
static bool rows_from(Analyzer *z, Scope *s, const NRange *n, const NodeList *calls, From **out,
                      Err *e)
{
    Query *q;
    if (!rows_from_query(z, s, calls, &q, e) || (n->ordinality && !add_ordinality(z, &n->n, &q, e)))
        return false;
    Slice name = n->alias.len ? n->alias : az_column_name(calls->items[0]);
    Rte *r = az_query_rte(z, q, name);
    r->lateral = true;
    return az_from_derived(z, s, n, r, out, e);
}

/* unnest(a, b, ...) is ROWS FROM (unnest(a), unnest(b), ...). */
static NodeList add_call(ParseState *ps, NodeList calls, SqlNode *call)
{
    const NFunc *f = (const NFunc *)call;
    if (f->n.kind != N_FUNC || f->args.count < 2 || f->variadic ||
        !slice_eq_cstr(ast_last_name(&f->names), "unnest"))
        return ast_append(ps, calls, call);
    for (size_t i = 0; i < f->args.count; i++) {
        NFunc *one = ARENA_NEW(ps->arena, NFunc);
        *one = *f;
        one->args = ast_list(ps, f->args.items[i]);
        calls = ast_append(ps, calls, one);
    }
    return calls;
}

bool az_range_func(Analyzer *z, Scope *s, const NRange *n, From **out, Err *e)
{
    Expr *call;
    NodeList calls = {0};
    ParseState ps = {.arena = z->arena};
    if (!n->rows_from.count)
        calls = add_call(&ps, calls, n->func);
    for (size_t i = 0; i < n->rows_from.count; i++)
        calls = add_call(&ps, calls, n->rows_from.items[i]);
    if (calls.count > 1)
        return rows_from(z, s, n, &calls, out, e);
    Place place = s->place;
    Query *query = s->query;
    s->place = PLACE_FROM_FUNCTION;
    s->query = NULL;
    bool ok = az_expr(z, s, n->func, &call, e);
    s->place = place;
    s->query = query;
    if (!ok)
        return false;
    if (qx_has(call, QX_SUBLINK) || qx_kind(call) == QX_ROW)
        return az_fail(z, n->func, ERR_FEATURE_NOT_SUPPORTED, e,
                       "subqueries in functions in FROM are not supported");
    bool is_srf = call->func && (call->func->flags & FN_SRF);
    const SrfColumn *cols = NULL;
    size_t count = 1;
    if (is_srf && !srf_columns(z, n, call, &cols, &count, e))
        return false;
    if (!is_srf && qx_has_srf(call))
        return az_fail(z, n->func, ERR_FEATURE_NOT_SUPPORTED, e,
                       "set-returning functions must appear at top level of FROM");
    Rte *r = az_new_rte(z, RTE_FUNCTION, func_alias(n), count + n->ordinality);
    r->func = is_srf ? call->func : NULL;
    r->call = call;
    r->ordinality = n->ordinality;
    r->lateral = true;
    for (size_t i = 0; i < count; i++)
        r->cols[i] = (RteCol){.name = cols ? slice_cstr(cols[i].name) : r->name,
                              .type = cols ? cols[i].type : call->type,
                              .typmod = -1};
    if (n->ordinality)
        r->cols[count] = (RteCol){.name = SLICE_LIT("ordinality"), .type = T_INT8, .typmod = -1};
    if (count == 1 && n->alias.len)
        r->cols[0].name = n->alias;
    if (!az_rename_columns(z, r, &n->columns, &n->n, e) || !check_column_types(z, n, r, e) ||
        !az_check_duplicate(z, s, SLICE_NONE, r->name, true, &n->n, e))
        return false;
    az_scope_add_rte(z, s, r, SLICE_NONE, true, az_position(z, n->n.offset));
    *out = ARENA_NEW(z->arena, From);
    (*out)->rte = r;
    return true;
}

/* ---- TABLESAMPLE ---- */

bool az_not_sampled(Analyzer *z, const NRange *n, Err *e)
{
    return az_fail(z, &n->n, ERR_WRONG_OBJECT, e,
                   "TABLESAMPLE clause can only be applied to tables and materialized views");
}

static bool sample_number(Analyzer *z, Scope *s, const SqlNode *n, TypeId type, Expr **out, Err *e)
{
    Place place = s->place;
    s->place = PLACE_FROM_FUNCTION;
    bool ok = az_expr(z, s, n, out, e) && az_coerce(z, *out, type, -1, CAST_ASSIGN, out, e) &&
              az_coerce(z, *out, T_FLOAT8, -1, CAST_IMPLICIT, out, e);
    s->place = place;
    return ok;
}

/* t TABLESAMPLE method (percent) is (SELECT * FROM t WHERE <the row's address falls into the sample>).
 * SYSTEM takes rows one by one, too: nothing is read faster by whole blocks here. */
bool az_sampled(Analyzer *z, Scope *s, const NRange *n, Rte **rte, Err *e)
{
    const NFunc *m = (const NFunc *)n->sample;
    Slice method = ast_last_name(&m->names);
    Rte *t = *rte;
    Expr *args[5];
    if (!slice_eq_cstr(method, "bernoulli") && !slice_eq_cstr(method, "system"))
        return az_fail(z, &m->n, ERR_UNDEFINED_OBJECT, e, "tablesample method %.*s does not exist",
                       SLICE_ARG(method));
    if (m->args.count != 1)
        return az_fail(z, &m->n, ERR_SAMPLE_ARGUMENT, e,
                       "tablesample method %.*s requires 1 argument, not %zu", SLICE_ARG(method),
                       m->args.count);
    for (int i = 0; i < 3; i++)
        args[i] = az_var(z, t, rte_system(t, SYS_SERIES + i), 0);
    if (!sample_number(z, s, m->args.items[0], T_FLOAT4, &args[3], e))
        return false;
    if (n->repeatable && !sample_number(z, s, n->repeatable, T_FLOAT8, &args[4], e))
        return false;
    Query *q = ARENA_NEW(z->arena, Query);
    q->form = QUERY_PLAIN;
    q->var_begin = t->first_var;
    if (!az_call_named(z, &m->n, n->repeatable ? "sample_row_repeatable" : "sample_row", args,
                       n->repeatable ? 5 : 4, &q->where, e))
        return false;
    q->from = ARENA_ARRAY(z->arena, From *, 1);
    q->from[0] = ARENA_NEW(z->arena, From);
    q->from[0]->rte = t;
    q->from_count = 1;
    q->target_count = q->visible_count = t->col_count - SYSTEM_COLUMNS;
    q->targets = ARENA_ARRAY(z->arena, Target, q->target_count + 1);
    for (size_t i = 0; i < q->target_count; i++)
        q->targets[i] = (Target){.expr = az_var(z, t, i, 0), .name = t->cols[i].name};
    q->var_end = (uint32_t)z->var_count;
    az_set_columns(z, q);
    if (!az_tiers(z, q, e))
        return false;
    *rte = az_query_rte(z, q, t->name);
    (*rte)->use = t->use; /* what is read of the sample is read of the table */
    return true;
}
