/* sqlts/analyze_gapfill.c - time_bucket_gapfill(), locf(), interpolate(): names, argument types, and what
 * TimescaleDB says where they may not stand. */
#include "sqlts/analyze.h"

#define GAPFILL "time_bucket_gapfill"

static bool is_null(const SqlNode *n)
{
    return !n || n->kind == N_NULL;
}

/* ---- time_bucket_gapfill(width, ts [, zone] [, start, finish]) ---- */

bool az_is_gapfill(const FuncDef *f)
{
    return strcmp(f->name, GAPFILL) == 0;
}

/* The forms with fewer arguments are the full ones with NULLs: (width, ts, zone, start, finish), or without
 * a zone.  A third literal is a zone if there is one of that name, else the start. */
bool az_gapfill_args(Analyzer *z, Expr **args, size_t *count, Err *e)
{
    Err ignored;
    if (*count < 3 || *count > 5)
        return true;
    const Expr *third = args[2];
    bool text = third->type == T_TEXT,
         literal = third->kind == EXPR_CONST && third->type == T_UNKNOWN && !third->value.null;
    err_clear(&ignored);
    if (literal)
        text = *count == 5 || tz_find(third->value.u.str, &ignored) != NULL;
    if (literal && !az_coerce(z, args[2],
                              text                         ? T_TEXT
                              : args[1]->type == T_UNKNOWN ? T_TIMESTAMPTZ
                                                           : args[1]->type,
                              -1, CAST_IMPLICIT, &args[2], e))
        return false;
    for (size_t full = text ? 5 : 4; *count < full; ++*count)
        args[*count] = az_const(z, T_UNKNOWN, value_null(), 0);
    return true;
}

static Expr *find_call(Expr *x)
{
    if (x->kind == EXPR_CALL && az_is_gapfill(x->func))
        return x;
    for (size_t i = 0; i < x->arg_count; i++) {
        Expr *found = find_call(x->args[i]);
        if (found)
            return found;
    }
    return NULL;
}

static bool simple(const Expr *x, const char *what, Err *e)
{
    if (qx_is_const(x))
        return true;
    err_set(e, ERR_FEATURE_NOT_SUPPORTED,
            "invalid time_bucket_gapfill argument: %s must be a simple expression", what);
    return err_at(e, x->position);
}

static const Expr *given(const Expr *x)
{
    return x->kind == EXPR_CONST && x->value.null ? NULL : x;
}

/* The key becomes a plain bucket; the rest of the arguments say what to fill. */
static bool take_key(Analyzer *z, Query *q, size_t key, Err *e)
{
    SqlNode at = {0};
    const Expr *call = q->keys[key];
    QGapfill *g = ARENA_NEW(z->arena, QGapfill);
    size_t next = 2;
    *g = (QGapfill){.key = key, .width = call->args[0], .time = call->args[1]};
    if (!simple(g->width, "bucket_width", e))
        return false;
    if (call->arg_count > 2 && call->func->args[2] == T_TEXT) {
        g->zone = (Expr *)(uintptr_t)given(call->args[next++]);
        if (g->zone && !simple(g->zone, "timezone", e))
            return false;
    }
    if (call->arg_count > next) {
        g->start = (Expr *)(uintptr_t)given(call->args[next]);
        g->finish = (Expr *)(uintptr_t)given(call->args[next + 1]);
    }
    if ((g->start && !simple(g->start, "start", e)) ||
        (g->finish && !simple(g->finish, "finish", e)))
        return false;
    Expr *args[] = {qx_copy(z->arena, g->width), qx_copy(z->arena, g->time),
                    qx_copy(z->arena, g->zone)};
    if (!az_call_named(z, &at, "time_bucket", args, g->zone ? 3 : 2, &q->keys[key], e))
        return false;
    q->gapfill = g;
    return true;
}

static bool only_with_gapfill(const Query *q, Err *e)
{
    const QFill *f = &q->fills[0];
    err_set(e, ERR_FEATURE_NOT_SUPPORTED,
            "%s can only be used in an aggregation query with time_bucket_gapfill",
            f->call.kind == FILL_LOCF ? "locf" : "interpolate");
    return err_at(e, f->position);
}

static bool time_args(Analyzer *z, const Query *q, FillCall *c, Err *e)
{
    TypeId time = q->keys[q->gapfill->key]->type;
    return (!c->before_time ||
            az_coerce(z, c->before_time, time, -1, CAST_IMPLICIT, &c->before_time, e)) &&
           (!c->after_time ||
            az_coerce(z, c->after_time, time, -1, CAST_IMPLICIT, &c->after_time, e));
}

bool az_gapfill(Analyzer *z, Query *q, Err *e)
{
    size_t found = q->key_count;
    for (size_t i = 0; q->gapfill_position && i < q->key_count; i++) {
        if (find_call(q->keys[i]) != q->keys[i])
            continue;
        if (found < q->key_count)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                           "multiple time_bucket_gapfill calls not allowed");
        found = i;
    }
    if (q->gapfill_position && found == q->key_count) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                "no top level time_bucket_gapfill in group by clause");
        return err_at(e, q->gapfill_position);
    }
    if (found < q->key_count && !take_key(z, q, found, e))
        return false;
    if (q->fill_count && !q->gapfill)
        return only_with_gapfill(q, e);
    if (q->gapfill && (q->sets || q->grouping_count))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "filling gaps of GROUPING SETS is not supported");
    for (size_t i = 0; i < q->fill_count; i++)
        if (!time_args(z, q, &q->fills[i].call, e))
            return false;
    return true;
}

/* ---- locf, interpolate ---- */

bool az_has_fill(const Analyzer *z, const Expr *x)
{
    if (x->kind == EXPR_COLUMN && z->vars[x->index].rte->fill)
        return true;
    for (size_t i = 0; i < x->arg_count; i++)
        if (az_has_fill(z, x->args[i]))
            return true;
    return false;
}

Expr *az_add_fill(Analyzer *z, Query *q, const FillCall *c, Slice name, int position)
{
    Rte *r = az_new_rte(z, RTE_COMPUTED, SLICE_LIT("gapfill"), 1);
    r->cols[0] = (RteCol){.name = name, .type = c->result, .typmod = -1};
    r->fill = true;
    *AZ_PUSH(z, q->fills, q->fill_count, q->fill_cap) =
        (QFill){.call = *c, .var = r->first_var, .position = position};
    return az_var(z, r, 0, position);
}

/* By position or name; a missing one is NULL. */
static bool fill_args(Analyzer *z, const NFunc *n, const char *const names[3], SqlNode *args[3],
                      Err *e)
{
    for (size_t i = 0; i < n->args.count; i++) {
        SqlNode *x = n->args.items[i];
        size_t slot = i;
        if (x->kind == N_NAMED_ARG) {
            const NTarget *named = (const NTarget *)x;
            for (slot = 0; slot < 3 && !slice_eq_cstr(named->name, names[slot]);)
                slot++;
            x = named->expr;
        }
        if (slot >= 3 || args[slot])
            return az_fail(z, &n->n, ERR_UNDEFINED_FUNCTION, e,
                           "function %.*s does not exist with these arguments",
                           SLICE_ARG(ast_last_name(&n->names)));
        args[slot] = x;
    }
    if (!args[0])
        return az_fail(z, &n->n, ERR_UNDEFINED_FUNCTION, e, "function %.*s() does not exist",
                       SLICE_ARG(ast_last_name(&n->names)));
    return true;
}

static bool coerced(Analyzer *z, Scope *s, const SqlNode *n, TypeId type, Expr **out, Err *e)
{
    return az_expr(z, s, n, out, e) && az_coerce(z, *out, type, -1, CAST_IMPLICIT, out, e);
}

static bool locf(Analyzer *z, Scope *s, SqlNode *const *args, FillCall *c, Err *e)
{
    Expr *flag;
    if (!az_resolve_unknown(z, &c->value, e))
        return false;
    c->result = c->value->type;
    if (!is_null(args[1]) && !coerced(z, s, args[1], c->result, &c->before, e))
        return false;
    if (is_null(args[2]))
        return true;
    if (!coerced(z, s, args[2], T_BOOL, &flag, e))
        return false;
    if (flag->kind != EXPR_CONST)
        return az_fail(z, args[2], ERR_FEATURE_NOT_SUPPORTED, e,
                       "invalid locf argument: treat_null_as_missing must be a BOOL literal");
    c->null_is_missing = !flag->value.null && flag->value.u.b;
    return true;
}

/* (time, value), or a query of such a row: its columns as expressions of their own. */
static bool point(Analyzer *z, Scope *s, const SqlNode *n, TypeId type, Expr **time, Expr **value,
                  Err *e)
{
    if (is_null(n))
        return true;
    const NSublink *sub = n->kind == N_SUBLINK ? (const NSublink *)n : NULL;
    const NSelect *q = sub && sub->form == SUB_SCALAR ? sub->query : NULL;
    bool one = q && q->form == SELECT_PLAIN && q->targets.count == 1;
    const SqlNode *row = one ? ((const NTarget *)q->targets.items[0])->expr : n;
    const NMulti *fields = (const NMulti *)row;
    if (row->kind != N_ROW || fields->args.count != 2) {
        az_fail(z, n, ERR_DATATYPE_MISMATCH, e, "interpolate needs a row of a time and a value");
        return err_hint(e, "Write (SELECT (ts, value) FROM ... LIMIT 1).");
    }
    for (size_t i = 0; i < 2; i++) {
        SqlNode *field = fields->args.items[i];
        Expr **out = i ? value : time;
        NTarget target = {.n = *field, .expr = field};
        target.n.kind = N_TARGET;
        SqlNode *items[] = {&target.n};
        NSelect copy;
        NSublink link;
        if (one) {
            copy = *q;
            copy.targets = (NodeList){items, 1, 1};
            link = *sub;
            link.query = &copy;
            field = &link.n;
        }
        if (!az_expr(z, s, field, out, e))
            return false;
    }
    return az_coerce(z, *value, type, -1, CAST_IMPLICIT, value, e);
}

/* int2, int4, int8, float4, float8; other numbers as float8. */
static bool interpolate(Analyzer *z, Scope *s, const NFunc *n, SqlNode *const *args, FillCall *c,
                        Err *e)
{
    static const TypeId own[] = {T_INT2, T_INT4, T_INT8, T_FLOAT4, T_FLOAT8};
    c->result = T_FLOAT8;
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (c->value->type == own[i])
            c->result = own[i];
    if (c->value->type != T_NUMERIC && c->value->type != T_UNKNOWN && c->value->type != c->result) {
        Slice name = az_type_name(z, c->value->type, -1);
        return az_fail(z, &n->n, ERR_UNDEFINED_FUNCTION, e,
                       "function interpolate(%.*s) does not exist", SLICE_ARG(name));
    }
    return az_coerce(z, c->value, c->result, -1, CAST_IMPLICIT, &c->value, e) &&
           point(z, s, args[1], c->result, &c->before_time, &c->before, e) &&
           point(z, s, args[2], c->result, &c->after_time, &c->after, e);
}

static bool fill_allowed(Analyzer *z, const Scope *s, const NFunc *n, Err *e)
{
    bool select =
        s->place == PLACE_SELECT || s->place == PLACE_ORDER_BY || s->place == PLACE_DISTINCT_ON;
    Slice name = ast_last_name(&n->names);
    if (!s->query || !select || s->in_agg)
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "%.*s can only be used in an aggregation query with time_bucket_gapfill",
                       SLICE_ARG(name));
    if (n->over || n->filter || n->distinct || n->star || n->order.count || n->variadic)
        return az_fail(z, &n->n, ERR_WRONG_OBJECT, e, "%.*s is not an aggregate function",
                       SLICE_ARG(name));
    return true;
}

bool az_fill_call(Analyzer *z, Scope *s, const NFunc *n, bool *taken, Expr **out, Err *e)
{
    static const char *const locf_names[] = {"value", "prev", "treat_null_as_missing"};
    static const char *const line_names[] = {"value", "prev", "next"};
    Slice name = ast_last_name(&n->names);
    bool carry = slice_eq_cstr(name, "locf");
    *taken = (carry || slice_eq_cstr(name, "interpolate")) && n->names.count == 1;
    if (!*taken)
        return true;
    SqlNode *args[3] = {0};
    FillCall c = {.kind = carry ? FILL_LOCF : FILL_LINEAR};
    if (!fill_allowed(z, s, n, e) || !fill_args(z, n, carry ? locf_names : line_names, args, e) ||
        !az_expr(z, s, args[0], &c.value, e))
        return false;
    if (az_has_fill(z, c.value))
        return az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                       "multiple interpolate/locf function calls per resultset column not "
                       "supported");
    if (!(carry ? locf(z, s, args, &c, e) : interpolate(z, s, n, args, &c, e)))
        return false;
    *out = az_add_fill(z, s->query, &c, name, az_position(z, n->n.offset));
    return true;
}
