/* sqlts/analyze_type.c - type names, and coercion of expressions with PostgreSQL's treatment of unknown
 * literals and undetermined parameters. */
#include "exec/interval.h"
#include "sqlts/analyze.h"

Slice az_type_name(Analyzer *z, TypeId t, int32_t typmod)
{
    return type_format(z->arena, t, typmod);
}

static bool type_missing(Analyzer *z, const NType *t, Err *e)
{
    if (t->schema.len)
        return az_fail(z, &t->n, ERR_UNDEFINED_OBJECT, e, "type \"%.*s.%.*s\" does not exist",
                       SLICE_ARG(t->schema), SLICE_ARG(t->name));
    return az_fail(z, &t->n, ERR_UNDEFINED_OBJECT, e, "type \"%.*s\" does not exist",
                   SLICE_ARG(t->name));
}

/* Names are typnames by now (the grammar knows the SQL spellings), so "char" is the one-byte type. */
static const TypeDef *find_type(const NType *t)
{
    if (t->schema.len && !slice_eq_cstr(t->schema, "pg_catalog") &&
        !slice_eq_cstr(t->schema, "public") && !slice_eq_cstr(t->schema, "information_schema"))
        return NULL;
    if (slice_eq_cstr(t->name, "char"))
        return type_find(T_CHAR);
    if (slice_eq_cstr(t->name, "symbol") || slice_eq_cstr(t->name, "sql_identifier") ||
        slice_eq_cstr(t->name, "character_data"))
        return type_find(T_TEXT);
    if (slice_eq_cstr(t->name, "cardinal_number"))
        return type_find(T_INT4);
    return type_by_name(t->name);
}

bool az_type(Analyzer *z, const NType *t, TypeId *out, int32_t *typmod, Err *e)
{
    const TypeDef *d = find_type(t);
    *typmod = -1;
    if (!d || t->setof)
        return type_missing(z, t, e);
    *out = d->oid;
    if (t->mods.count > 0) {
        Slice text = arena_printf(z->arena, "%.*s(", SLICE_ARG(t->name));
        for (size_t i = 0; i < t->mods.count; i++) {
            const SqlNode *m = t->mods.items[i];
            if (m->kind != N_INTEGER)
                return az_fail(z, m, ERR_SYNTAX, e,
                               "type modifiers must be simple constants or identifiers");
            text = arena_printf(z->arena, "%.*s%s%.*s", SLICE_ARG(text), i ? "," : "",
                                SLICE_ARG(((const NLiteral *)m)->text));
        }
        text = arena_printf(z->arena, "%.*s)", SLICE_ARG(text));
        if (!type_parse_name(text, out, typmod, e))
            return az_at(z, &t->n, e);
    }
    if (d->oid == T_INTERVAL && t->percent) {
        int digits = t->percent >> INTERVAL_DIGITS_SHIFT;
        *typmod = interval_typmod((IntervalFields)t->percent & INTERVAL_FIELDS_ALL, digits - 1);
    }
    if (t->dims > 0) {
        *out = type_array_of(d->oid);
        if (!*out)
            return az_fail(z, &t->n, ERR_UNDEFINED_OBJECT, e, "type \"%.*s[]\" does not exist",
                           SLICE_ARG(t->name));
    }
    return true;
}

static bool fix_param(Analyzer *z, Expr *x, TypeId to, Err *e)
{
    TypeId *known = &z->params[x->index];
    if (*known && *known != T_UNKNOWN && *known != to) {
        err_set(e, ERR_INDETERMINATE_TYPE, "inconsistent types deduced for parameter $%u",
                x->index + 1);
        Slice a = az_type_name(z, *known, -1), b = az_type_name(z, to, -1);
        err_detail(e, "%.*s versus %.*s", SLICE_ARG(a), SLICE_ARG(b));
        return err_at(e, x->position);
    }
    *known = to;
    x->type = to;
    return true;
}

/* Whether a type gives no information about what it should become. */
static bool is_pseudo(TypeId t)
{
    return t == 0 || t == T_ANY || t == T_ANYELEMENT || t == T_ANYARRAY || t == T_UNKNOWN;
}

bool az_coerce(Analyzer *z, Expr *x, TypeId to, int32_t typmod, CastLevel level, Expr **out, Err *e)
{
    *out = x;
    if (is_pseudo(to)) {
        if (x->type != T_UNKNOWN || to == 0)
            return true;
        to = T_TEXT;
    }
    if (x->kind == EXPR_PARAM && x->type == T_UNKNOWN) {
        TypeId known = z->params[x->index];
        if (known && known != T_UNKNOWN && known != to)
            x->type = known; /* another use decided: cast from there */
        else if (!fix_param(z, x, to, e))
            return false;
    }
    if (x->type == to && (typmod < 0 || typmod == x->typmod))
        return true;
    const TypeDef *target = type_find(to);
    if (qx_kind(x) == QX_ROW && !az_row_value(z, x, e))
        return false;
    if (qx_kind(x) == QX_ROW && (!target || target->category != 'S')) {
        Slice name = az_type_name(z, to, typmod);
        err_set(e, ERR_CANNOT_COERCE, "cannot cast type record to %.*s", SLICE_ARG(name));
        return err_at(e, x->position);
    }
    if (!expr_cast(z->arena, z->env->fold, x, to, typmod, level, out, e)) {
        if (!e->position)
            err_at(e, x->position);
        return false;
    }
    if (x->kind == EXPR_CONST && x->type == T_UNKNOWN && to == T_TIMESTAMPTZ)
        az_note_time(z, x);
    if (!(*out)->position)
        (*out)->position = x->position;
    return true;
}

bool az_coerce_to_bool(Analyzer *z, const SqlNode *at, const char *what, Expr **x, Err *e)
{
    if ((*x)->type == T_BOOL)
        return true;
    if ((*x)->type == T_UNKNOWN || cast_exists((*x)->type, T_BOOL, CAST_IMPLICIT))
        return az_coerce(z, *x, T_BOOL, -1, CAST_IMPLICIT, x, e);
    Slice t = az_type_name(z, (*x)->type, -1);
    SqlNode begin = az_begin(at);
    return az_fail(z, &begin, ERR_DATATYPE_MISMATCH, e,
                   "argument of %s must be type boolean, not type %.*s", what, SLICE_ARG(t));
}

/* Where the text of an expression begins: an operator stands behind its first argument. */
static int leftmost(const Expr *x)
{
    int at = x->position;
    for (size_t i = 0; i < x->arg_count; i++) {
        int arg = x->args[i] ? leftmost(x->args[i]) : 0;
        at = arg > 0 && arg < at ? arg : at;
    }
    return at;
}

bool az_common_type(Analyzer *z, Expr **items, size_t n, const char *what, TypeId *out, Err *e)
{
    TypeId few[16], *types = n > ARRAY_LEN(few) ? ARENA_ARRAY(z->arena, TypeId, n) : few;
    size_t distinct = 0;
    for (size_t i = 0; i < n; i++) {
        /* runs of one type count once: long lists stay cheap */
        if (distinct == 0 || types[distinct - 1] != items[i]->type)
            types[distinct++] = items[i]->type;
        if (qx_kind(items[i]) == QX_ROW && !az_row_value(z, items[i], e))
            return false;
    }
    if (!type_common(types, distinct, what, out, e)) {
        if (!e->position)
            for (size_t i = 0; i < n && !e->position; i++)
                if (items[i]->type != items[0]->type && items[i]->type != T_UNKNOWN)
                    err_at(e, leftmost(items[i]));
        return false;
    }
    return true;
}

/* The name of a relation as a value: a row of its columns. */
Expr *az_whole_row(Analyzer *z, const SqlNode *at, const ScopeRel *rel)
{
    Expr *row = expr_new(z->arena, (ExprKind)QX_ROW, T_RECORD, rel->col_count);
    Value *names = ARENA_ARRAY(z->arena, Value, rel->col_count + 1);
    Array *list = ARENA_NEW(z->arena, Array);
    size_t count = 0;
    for (size_t i = 0; i < rel->col_count; i++) {
        if (rel->cols[i].hidden)
            continue;
        names[count] = value_str(rel->cols[i].name);
        Expr *x = row->args[count++] = qx_copy(z->arena, rel->cols[i].expr);
        x->position = az_position(z, at->offset);
        az_reads(z, x);
    }
    *list = (Array){.elem = T_TEXT, .ndim = 1, .dims = {(int32_t)count}, .lower = {1}};
    list->count = count;
    list->items = names;
    row->arg_count = count;
    row->value = (Value){.phys = PH_ARRAY, .u.arr = list};
    row->index = rel->nullable ? ROW_WHOLE_NULLABLE : ROW_WHOLE;
    row->typmod = -1;
    row->position = az_position(z, at->offset);
    return row;
}

bool az_row_value(Analyzer *z, Expr *row, Err *e)
{
    for (size_t i = 0; i < row->arg_count; i++)
        if (!az_resolve_unknown(z, &row->args[i], e))
            return false;
    return true;
}

bool az_resolve_unknown(Analyzer *z, Expr **x, Err *e)
{
    if (qx_kind(*x) == QX_ROW)
        return az_row_value(z, *x, e);
    if ((*x)->type != T_UNKNOWN)
        return true;
    return az_coerce(z, *x, T_TEXT, -1, CAST_IMPLICIT, x, e);
}
