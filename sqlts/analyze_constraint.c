/* sqlts/analyze_constraint.c - what CREATE and ALTER TABLE say of columns: DEFAULT, NOT NULL, and the
 * constraints that have a name.
 *
 * A CHECK is kept as its text; here it is looked at once, for its errors and the columns it reads. */
#include "sqlts/analyze.h"

/* ---- DEFAULT ---- */

bool az_default_mismatch(Analyzer *z, const ColumnSpec *c, TypeId from, Err *e)
{
    Slice want = az_type_name(z, c->type, -1), have = az_type_name(z, from, -1);
    err_set(e, ERR_DATATYPE_MISMATCH,
            "column \"%.*s\" is of type %.*s but default expression is of type %.*s",
            SLICE_ARG(c->name), SLICE_ARG(want), SLICE_ARG(have));
    return err_hint(e, "You will need to rewrite or cast the expression.");
}

/* A default reads no column, and must fit. */
bool az_check_default(Analyzer *z, const ColumnSpec *c, const SqlNode *expr, Err *e)
{
    Scope s;
    Expr *x;
    az_scope_init(&s, NULL, NULL);
    s.place = PLACE_DEFAULT;
    if (!az_expr(z, &s, expr, &x, e)) {
        if (e->code != ERR_UNDEFINED_COLUMN)
            return false;
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "cannot use column reference in DEFAULT expression");
        return az_at(z, expr, e);
    }
    if (qx_has(x, QX_SUBLINK))
        return az_fail(z, expr, ERR_FEATURE_NOT_SUPPORTED, e,
                       "cannot use subquery in DEFAULT expression");
    if (qx_has_srf(x))
        return az_fail(z, expr, ERR_FEATURE_NOT_SUPPORTED, e,
                       "set-returning functions are not allowed in DEFAULT expressions");
    TypeId from = x->type;
    if (az_coerce(z, x, c->type, c->typmod, CAST_ASSIGN, &x, e))
        return true;
    if (e->code != ERR_CANNOT_COERCE && e->code != ERR_DATATYPE_MISMATCH)
        return false;
    return az_default_mismatch(z, c, from, e);
}

/* ---- what a column says of itself ---- */

static bool set_null(Analyzer *z, const NConstraint *con, ColumnSpec *c, bool *null, Err *e)
{
    *null |= con->con == CON_NULL;
    c->not_null |= con->con == CON_NOT_NULL;
    if (!*null || !c->not_null || c->serial)
        return true;
    return az_fail(z, &con->n, ERR_SYNTAX, e,
                   "conflicting NULL/NOT NULL declarations for column \"%.*s\" of table \"%.*s\"",
                   SLICE_ARG(c->name), SLICE_ARG(z->relation));
}

static bool set_default(Analyzer *z, const NConstraint *con, ColumnSpec *c, bool *has, Err *e)
{
    if (*has || c->serial)
        return az_fail(z, &con->n, ERR_SYNTAX, e,
                       "multiple default values specified for column \"%.*s\" of table \"%.*s\"",
                       SLICE_ARG(c->name), SLICE_ARG(z->relation));
    if (c->identity)
        return az_fail(z, &con->n, ERR_SYNTAX, e,
                       "both default and identity specified for column \"%.*s\" of table \"%.*s\"",
                       SLICE_ARG(c->name), SLICE_ARG(z->relation));
    *has = true;
    if (con->expr->kind != N_NULL)
        c->default_sql = con->text;
    return az_check_default(z, c, con->expr, e);
}

static bool set_identity(Analyzer *z, const NConstraint *con, ColumnSpec *c, bool has_default,
                         Err *e)
{
    if (c->identity)
        return az_fail(z, &con->n, ERR_SYNTAX, e,
                       "multiple identity specifications for column \"%.*s\" of table \"%.*s\"",
                       SLICE_ARG(c->name), SLICE_ARG(z->relation));
    if (has_default || c->serial)
        return az_fail(z, &con->n, ERR_SYNTAX, e,
                       "both default and identity specified for column \"%.*s\" of table \"%.*s\"",
                       SLICE_ARG(c->name), SLICE_ARG(z->relation));
    if (c->type != T_INT2 && c->type != T_INT4 && c->type != T_INT8)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "identity column type must be smallint, integer, or bigint");
    c->identity = con->identity;
    c->not_null = true;
    return az_sequence_spec(z, &con->options, &c->sequence, e);
}

bool az_column_facts(Analyzer *z, const NColumnDef *n, ColumnSpec *c, Err *e)
{
    bool null = false, has_default = false, ok = true;
    for (size_t i = 0; ok && i < n->constraints.count; i++) {
        const NConstraint *con = (const NConstraint *)n->constraints.items[i];
        switch (con->con) {
        case CON_NULL:
        case CON_NOT_NULL:
            ok = set_null(z, con, c, &null, e);
            break;
        case CON_DEFAULT:
            ok = set_default(z, con, c, &has_default, e);
            break;
        case CON_IDENTITY:
            ok = set_identity(z, con, c, has_default, e);
            break;
        case CON_TAG:
            c->tag = true;
            break;
        case CON_TIME_INDEX:
            c->time_index = c->not_null = true;
            break;
        default:
            break;
        }
    }
    return ok;
}

/* ---- constraints with a name ---- */

static bool refused(Analyzer *z, const NConstraint *con, Err *e)
{
    static const struct {
        ConstraintKind con;
        const char *message, *hint;
    } rows[] = {
        {CON_FOREIGN_KEY, "foreign keys are not supported",
         "Leave out REFERENCES; joins work without it."},
        {CON_GENERATED, "generated columns are not supported",
         "A view can compute the column, or the statement that writes it."},
        {CON_DEFERRABLE, "deferrable constraints are not supported",
         "Constraints are checked by each statement."},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].con == con->con) {
            az_fail(z, &con->n, ERR_FEATURE_NOT_SUPPORTED, e, "%s", rows[i].message);
            return err_hint(e, "%s", rows[i].hint);
        }
    return true;
}

typedef struct Reads {
    Analyzer *z;
    const Rte *rte;
    ConstraintSpec *out;
} Reads;

static bool read_column(void *arg, Expr **slot)
{
    Reads *r = arg;
    const Expr *x = *slot;
    if (x->kind != EXPR_COLUMN || r->z->vars[x->index].rte != r->rte)
        return false;
    Slice name = r->rte->cols[r->z->vars[x->index].col].name;
    for (size_t i = 0; i < r->out->column_count; i++)
        if (slice_eq(r->out->columns[i], name))
            return false;
    if (name.len)
        r->out->columns[r->out->column_count++] = name;
    return false;
}

static bool check_condition(Analyzer *z, const NConstraint *con, const TableDef *t,
                            ConstraintSpec *out, Err *e)
{
    Scope s;
    Rte *rte;
    Expr *x;
    az_scope_init(&s, NULL, NULL);
    s.place = PLACE_CHECK;
    az_scope_add_table(z, &s, t, SLICE_NONE, &rte);
    if (!az_expr_bool(z, &s, con->expr, "CHECK", &x, e))
        return false;
    if (qx_has(x, QX_SUBLINK))
        return az_fail(z, con->expr, ERR_FEATURE_NOT_SUPPORTED, e,
                       "cannot use subquery in check constraint");
    Reads r = {.z = z, .rte = rte, .out = out};
    out->columns = ARENA_ARRAY(z->arena, Slice, t->column_count + 1u);
    qx_walk(&x, read_column, &r);
    out->text = con->text;
    return true;
}

static bool key_columns(Analyzer *z, const NConstraint *con, const TableDef *t, ConstraintSpec *out,
                        Err *e)
{
    bool primary = out->type == CONSTRAINT_PRIMARY_KEY;
    out->columns = ARENA_ARRAY(z->arena, Slice, con->columns.count + 1);
    for (size_t i = 0; i < con->columns.count; i++) {
        Slice name = ast_name_text(con->columns.items[i]);
        if (!table_column(t, name))
            return az_fail(z, &con->n, ERR_UNDEFINED_COLUMN, e,
                           "column \"%.*s\" named in key does not exist", SLICE_ARG(name));
        for (size_t k = 0; k < i; k++)
            if (slice_eq(out->columns[k], name))
                return az_fail(z, &con->n, ERR_DUPLICATE_COLUMN, e,
                               "column \"%.*s\" appears twice in %s constraint", SLICE_ARG(name),
                               primary ? "primary key" : "unique");
        out->columns[out->column_count++] = name;
    }
    return true;
}

static ConstraintType type_of(ConstraintKind con)
{
    return con == CON_PRIMARY_KEY ? CONSTRAINT_PRIMARY_KEY
           : con == CON_UNIQUE    ? CONSTRAINT_UNIQUE
                                  : CONSTRAINT_CHECK;
}

static bool named_constraint(Analyzer *z, const NConstraint *con, Slice column, const TableDef *t,
                             ConstraintSpec *out, Err *e)
{
    *out = (ConstraintSpec){.type = type_of(con->con), .name = con->name};
    if (out->type == CONSTRAINT_CHECK)
        return check_condition(z, con, t, out, e);
    if (!column.len)
        return key_columns(z, con, t, out, e);
    out->columns = ARENA_ARRAY(z->arena, Slice, 1);
    out->columns[out->column_count++] = column;
    return true;
}

bool az_constraint(Analyzer *z, const NConstraint *con, Slice column, const TableDef *t,
                   ConstraintList *list, Err *e)
{
    if (!refused(z, con, e))
        return false;
    for (size_t i = 0; i < con->attributes.count; i++)
        if (!refused(z, (const NConstraint *)con->attributes.items[i], e))
            return false;
    if (con->con != CON_PRIMARY_KEY && con->con != CON_UNIQUE && con->con != CON_CHECK)
        return true;
    for (size_t i = 0; con->con == CON_PRIMARY_KEY && i < list->count; i++)
        if (list->items[i].type == CONSTRAINT_PRIMARY_KEY)
            return az_fail(z, &con->n, ERR_INVALID_TABLE_DEFINITION, e,
                           "multiple primary keys for table \"%.*s\" are not allowed",
                           SLICE_ARG(t->name));
    return named_constraint(z, con, column, t, AZ_PUSH(z, list->items, list->count, list->cap), e);
}
