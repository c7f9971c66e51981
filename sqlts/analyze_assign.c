/* sqlts/analyze_assign.c - SET lists, and assignment to parts of columns: items and slices of arrays,
 * subscripts of jsonb.  Such a part is a call that gives the whole value with the part in it. */
#include "sqlts/analyze.h"

#include "exec/array.h"

/* ---- parts ---- */

/* Does the list of steps have a slice in it?  Then all of them are one. */
static bool is_slice(const NodeList *steps)
{
    for (size_t i = 0; i < steps->count; i++)
        if (((const NSubscript *)steps->items[i])->slice)
            return true;
    return false;
}

bool az_part_type(Analyzer *z, const ColumnDef *c, const SqlNode *at, const NodeList *steps,
                  TypeId *want, Err *e)
{
    TypeId elem = type_elem_of(c->type_oid);
    Slice type = az_type_name(z, c->type_oid, -1);
    for (size_t i = 0; i < steps->count; i++) {
        if (steps->items[i]->kind == N_SUBSCRIPT)
            continue;
        Slice name =
            steps->items[i]->kind == N_NAME ? ast_name_text(steps->items[i]) : SLICE_LIT("*");
        return az_fail(z, at, ERR_DATATYPE_MISMATCH, e,
                       "cannot assign to field \"%.*s\" of column \"%.*s\" because its type %.*s "
                       "is not a composite type",
                       SLICE_ARG(name), SLICE_ARG(c->name), SLICE_ARG(type));
    }
    if (!elem && c->type_oid != T_JSONB)
        return az_fail(z, at, ERR_DATATYPE_MISMATCH, e,
                       "cannot subscript type %.*s because it does not support subscripting",
                       SLICE_ARG(type));
    *want = elem && !is_slice(steps) ? elem : c->type_oid;
    return true;
}

static Expr *list_of(Analyzer *z, TypeId array, Expr **items, size_t count)
{
    Expr *x = expr_new(z->arena, EXPR_ARRAY, array, count);
    x->typmod = -1;
    memcpy(x->args, items, count * sizeof *items);
    return x;
}

/* A part can be put into what is NULL. */
static Expr *or_empty(Analyzer *z, Expr *whole, Value empty)
{
    Expr *x = expr_new(z->arena, EXPR_COALESCE, whole->type, 2);
    x->typmod = -1;
    x->args[0] = whole;
    x->args[1] = az_const(z, whole->type, empty, 0);
    return x;
}

/* The bounds of [l:u], or of [u] beside a slice; a bit of *left_out for each one that is not given. */
static bool bounds(Analyzer *z, Scope *s, const NSubscript *n, size_t dim, Expr **args,
                   int64_t *left_out, Err *e)
{
    const SqlNode *given[] = {n->lower, n->upper};
    for (size_t k = 0; k < 2; k++) {
        args[k] = az_const(z, T_INT4, value_i64(1), 0);
        if (!n->slice && k == 0)
            continue;
        if (!given[k] && n->slice)
            *left_out |= INT64_C(1) << (dim * 2 + k);
        else if (!az_subscript_index(z, s, given[k] ? given[k] : n->lower, &args[k], e))
            return false;
    }
    return true;
}

static bool array_part(Analyzer *z, Scope *s, const NodeList *steps, Expr *whole, Expr *value,
                       Expr **out, Err *e)
{
    bool slice = is_slice(steps);
    Expr *at[SUBSCRIPTS_MAX * 2], *args[4] = {NULL, value};
    const Array *empty = array_new(z->arena, type_elem_of(whole->type), NULL, 0);
    int64_t left_out = 0;
    size_t per = slice ? 2 : 1;
    if (steps->count > SUBSCRIPTS_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT,
                       "number of array dimensions (%zu) exceeds the maximum allowed (%d)",
                       steps->count, SUBSCRIPTS_MAX);
    for (size_t i = 0; i < steps->count; i++) {
        const NSubscript *n = (const NSubscript *)steps->items[i];
        if (slice ? !bounds(z, s, n, i, at + i * per, &left_out, e)
                  : !az_subscript_index(z, s, n->upper ? n->upper : n->lower, &at[i], e))
            return false;
    }
    args[0] = or_empty(z, whole, value_array(empty));
    args[2] = list_of(z, type_array_of(T_INT4), at, steps->count * per);
    args[3] = az_const(z, T_INT4, value_i64(left_out), 0);
    return az_call_named(z, steps->items[0], slice ? "array_assign_slice" : "array_assign", args,
                         slice ? 4 : 3, out, e);
}

/* Where there is nothing yet, the first subscript decides what there will be. */
static bool jsonb_part(Analyzer *z, Scope *s, const NodeList *steps, Expr *whole, Expr *value,
                       Expr **out, Err *e)
{
    Expr **path = ARENA_ARRAY(z->arena, Expr *, steps->count), *args[3];
    bool number = false, ignored;
    for (size_t i = 0; i < steps->count; i++)
        if (!az_jsonb_key(z, s, (const NSubscript *)steps->items[i], &path[i],
                          i ? &ignored : &number, e))
            return false;
    args[0] = or_empty(z, whole, value_str(number ? SLICE_LIT("[]") : SLICE_LIT("{}")));
    args[1] = value;
    args[2] = list_of(z, type_array_of(T_TEXT), path, steps->count);
    return az_call_named(z, steps->items[0], "jsonb_assign", args, 3, out, e);
}

bool az_assign_part(Analyzer *z, Scope *s, const ColumnDef *c, const SqlNode *target,
                    const NodeList *steps, Expr *whole, Expr **x, Err *e)
{
    TypeId want = 0, from = (*x)->type;
    if (!az_part_type(z, c, target, steps, &want, e))
        return false;
    if (!az_coerce(z, *x, want, c->typmod, CAST_ASSIGN, x, e)) {
        if (e->code != ERR_CANNOT_COERCE && e->code != ERR_DATATYPE_MISMATCH)
            return false;
        Slice wanted = az_type_name(z, want, -1), have = az_type_name(z, from, -1);
        az_fail(z, target, ERR_DATATYPE_MISMATCH, e,
                "subscripted assignment to \"%.*s\" requires type %.*s but expression is of type "
                "%.*s",
                SLICE_ARG(c->name), SLICE_ARG(wanted), SLICE_ARG(have));
        return err_hint(e, "You will need to rewrite or cast the expression.");
    }
    return c->type_oid == T_JSONB ? jsonb_part(z, s, steps, whole, *x, x, e)
                                  : array_part(z, s, steps, whole, *x, x, e);
}

bool az_no_part_default(Analyzer *z, const ColumnDef *c, const SqlNode *target,
                        const NodeList *steps, Err *e)
{
    TypeId want;
    return az_part_type(z, c, target, steps, &want, e) &&
           az_fail(z, target, ERR_FEATURE_NOT_SUPPORTED, e,
                   "cannot set an array element to DEFAULT");
}

/* ---- SET ---- */

typedef struct SetList {
    const TableDef *t;
    int16_t *columns;
    Expr **values;
    bool *partly; /* values[i] is a part put into the column */
    size_t count;
} SetList;

static size_t place_of(const SetList *l, int16_t column)
{
    size_t i = 0;
    while (i < l->count && l->columns[i] != column)
        i++;
    return i;
}

static bool set_item(Analyzer *z, Scope *s, SetList *l, const NTarget *n, const ColumnDef *c,
                     Expr **stored, Err *e)
{
    int16_t index = (int16_t)(c - l->t->columns);
    size_t at = place_of(l, index);
    bool part = n->steps.count > 0, given = at < l->count;
    if (given && !(part && l->partly[at]))
        return err_set(e, ERR_SYNTAX, "multiple assignments to same column \"%.*s\"",
                       SLICE_ARG(n->name));
    Expr *x, *whole = given ? l->values[at] : part ? qx_copy(z->arena, stored[index]) : NULL;
    if (n->expr->kind == N_DEFAULT ? part ? !az_no_part_default(z, c, &n->n, &n->steps, e)
                                          : !az_column_default(z, l->t, index, &x, e)
                                   : !az_expr(z, s, n->expr, &x, e))
        return false;
    if (part ? !az_assign_part(z, s, c, &n->n, &n->steps, whole, &x, e)
             : n->expr->kind != N_DEFAULT && !az_assign(z, c, n->expr, &x, e))
        return false;
    if (qx_has_srf(x))
        return az_fail(z, n->expr, ERR_FEATURE_NOT_SUPPORTED, e,
                       "set-returning functions are not allowed in UPDATE");
    l->columns[at] = index;
    l->values[at] = x;
    l->partly[at] = part;
    l->count += !given;
    return true;
}

bool az_set_list(Analyzer *z, Scope *s, const TableDef *t, const NodeList *set, Expr **stored,
                 int16_t **columns, Expr ***values, size_t *count, Err *e)
{
    SetList l = {.t = t};
    l.columns = *columns = ARENA_ARRAY(z->arena, int16_t, t->column_count + 1u);
    l.values = *values = ARENA_ARRAY(z->arena, Expr *, t->column_count + 1u);
    l.partly = ARENA_ARRAY(z->arena, bool, t->column_count + 1u);
    s->place = PLACE_UPDATE;
    for (size_t i = 0; i < set->count; i++) {
        const NTarget *n = (const NTarget *)set->items[i];
        const ColumnDef *c = table_column(t, n->name);
        if (!c)
            return az_fail(z, &n->n, ERR_UNDEFINED_COLUMN, e,
                           "column \"%.*s\" of relation \"%.*s\" does not exist",
                           SLICE_ARG(n->name), SLICE_ARG(t->name));
        if (c->identity == 'a' && n->expr->kind != N_DEFAULT) {
            err_set(e, ERR_GENERATED_ALWAYS, "column \"%.*s\" can only be updated to DEFAULT",
                    SLICE_ARG(c->name));
            return err_detail(e,
                              "Column \"%.*s\" is an identity column defined as GENERATED ALWAYS.",
                              SLICE_ARG(c->name));
        }
        if (!set_item(z, s, &l, n, c, stored, e))
            return false;
    }
    *count = l.count;
    return true;
}
