/* sqlts/analyze.c - sql_analyze: dispatch by kind of statement, and the analyzer's small tools. */
#include "sqlts/analyze.h"
#include "exec/func_text.h"

#include <stdio.h>

/* ---- tools ---- */

/* Characters, from 1, in the statement's own text.  Errors and expressions ask in rising order mostly,
 * so that counting goes on from the last answer: a long text costs one pass. */
int az_position(Analyzer *z, uint32_t offset)
{
    if (z->no_position || offset < z->text_offset || offset - z->text_offset > z->text.len)
        return 0;
    uint32_t at = offset - z->text_offset;
    if (z->ascii)
        return (int)at + 1;
    if (at < z->pos_offset)
        z->pos_offset = z->pos_chars = 0;
    for (uint32_t i = z->pos_offset; i < at; i++)
        z->pos_chars += ((unsigned char)z->text.ptr[i] & 0xc0) != 0x80;
    z->pos_offset = at;
    return (int)z->pos_chars + 1;
}

static const SqlNode *leftmost(const SqlNode *n)
{
    switch (n->kind) {
    case N_OP:
    case N_IS_DISTINCT:
        return ((const NOp *)n)->left;
    case N_AND:
    case N_OR:
        return ((const NMulti *)n)->args.items[0];
    case N_IS_NULL:
    case N_IS_TRUE:
    case N_IS_FALSE:
    case N_IS_UNKNOWN:
        return ((const NTest *)n)->arg;
    case N_IN:
        return ((const NIn *)n)->left;
    case N_BETWEEN:
        return ((const NBetween *)n)->arg;
    case N_QUANTIFIED:
        return ((const NQuantified *)n)->left;
    case N_CAST:
        return ((const NCast *)n)->arg;
    default:
        return NULL;
    }
}

SqlNode az_begin(const SqlNode *n)
{
    SqlNode at = *n;
    for (; n; n = leftmost(n))
        if (n->offset < at.offset)
            at.offset = n->offset;
    return at;
}

bool az_at(Analyzer *z, const SqlNode *n, Err *e)
{
    if (!e->position && n)
        e->position = az_position(z, n->offset);
    return false;
}

bool az_fail(Analyzer *z, const SqlNode *n, ErrCode code, Err *e, const char *fmt, ...)
{
    char text[ERR_MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err_set(e, code, "%s", text);
    return az_at(z, n, e);
}

bool az_in_limits(Analyzer *z, const SqlNode *n, Err *e)
{
    if (z->arena->used - z->arena_begin <= ANALYZE_BYTES + z->text.len * ANALYZE_BYTES_PER_TEXT)
        return true;
    return az_fail(z, n, ERR_TOO_COMPLEX, e, "statement is too complex");
}

void *az_grow(Arena *a, void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    size_t grown = *cap ? *cap * 2 : 8;
    char *more = arena_zero(a, grown * size);
    if (count)
        memcpy(more, items, count * size);
    *cap = grown;
    return more;
}

uint32_t az_new_vars(Analyzer *z, Rte *rte, size_t count)
{
    uint32_t first = (uint32_t)z->var_count;
    for (size_t i = 0; i < count; i++)
        *AZ_PUSH(z, z->vars, z->var_count, z->var_cap) = (VarInfo){rte, (uint32_t)i};
    return first;
}

Rte *az_new_rte(Analyzer *z, RteKind kind, Slice name, size_t col_count)
{
    Rte *r = ARENA_NEW(z->arena, Rte);
    r->kind = kind;
    r->name = name;
    r->col_count = col_count;
    r->cols = ARENA_ARRAY(z->arena, RteCol, col_count + 1);
    r->first_var = az_new_vars(z, r, col_count);
    for (size_t i = 0; i < col_count; i++)
        r->cols[i].typmod = -1;
    return r;
}

Expr *az_var(Analyzer *z, const Rte *rte, size_t col, int position)
{
    Expr *x = expr_column(z->arena, rte->first_var + (uint32_t)col, rte->cols[col].type,
                          rte->cols[col].typmod);
    x->position = position;
    return x;
}

/* Where nothing gave a type. */
bool az_finish_params(Analyzer *z, Err *e)
{
    for (size_t i = 0; i < z->param_count; i++) {
        if (z->params[i] && z->params[i] != T_UNKNOWN)
            continue;
        return err_set(e, ERR_INDETERMINATE_TYPE, "could not determine data type of parameter $%zu",
                       i + 1);
    }
    for (size_t j = 0; j < z->param_node_count; j++)
        if (z->param_nodes[j]->type == T_UNKNOWN)
            z->param_nodes[j]->type = z->params[z->param_nodes[j]->index];
    return true;
}

/* ---- statements ---- */

static void analyzer_init(Analyzer *z, const SqlEnv *env, Arena *a, Slice text, size_t offset)
{
    *z = (Analyzer){.env = env,
                    .arena = a,
                    .text = text,
                    .text_offset = (uint32_t)offset,
                    .ascii = true,
                    .arena_begin = a->used};
    for (size_t i = 0; i < text.len && z->ascii; i++)
        z->ascii = !((unsigned char)text.ptr[i] & 0x80);
}

/* db.schema.name: the connection's database. */
static bool own_databases(Analyzer *z, const SqlStatement *st, Err *e)
{
    const DatabaseDef *d = cat_database_by_id(z->env->catalog, z->env->database);
    for (size_t i = 0; i < ARRAY_LEN(st->databases); i++) {
        const NRange *r = (const NRange *)st->databases[i];
        if (r && (!d || !slice_eq(r->database, d->name)))
            return az_fail(z, &r->n, ERR_FEATURE_NOT_SUPPORTED, e,
                           "cross-database references are not implemented: \"%.*s.%.*s.%.*s\"",
                           SLICE_ARG(r->database), SLICE_ARG(r->schema), SLICE_ARG(r->name));
    }
    return true;
}

bool sql_analyze(const SqlEnv *env, Arena *a, const SqlStatement *st, const TypeId *types,
                 size_t type_count, Bound **out, Err *e)
{
    Analyzer z;
    err_clear(e);
    if (type_count > SQL_PARAMS_MAX)
        return err_set(e, ERR_PROTOCOL_VIOLATION, "%zu parameter types are more than %d",
                       type_count, SQL_PARAMS_MAX);
    analyzer_init(&z, env, a, st->text, st->offset);
    for (size_t i = 0; i < type_count; i++) {
        *AZ_PUSH(&z, z.params, z.param_count, z.param_cap) = types[i];
        if (types[i] && types[i] != T_UNKNOWN && !type_find(types[i]))
            return err_set(e, ERR_UNDEFINED_OBJECT, "type with OID %u does not exist", types[i]);
    }
    Bound *b = ARENA_NEW(a, Bound);
    if (!st->node) { /* an empty Parse message */
        b->kind = BOUND_EMPTY;
        b->tag = "";
        b->read_only = true;
        *out = b;
        return true;
    }
    if (!own_databases(&z, st, e) || !az_statement(&z, st->node, b, e) ||
        !az_finish_params(&z, e) ||
        (b->kind != BOUND_CREATE_VIEW && !az_may(&z, e))) /* a view: when it is read */
        return false;
    b->param_types = z.params;
    b->param_count = z.param_count;
    *out = b;
    return true;
}

bool sql_note_names(const SqlEnv *env, Arena *a, const SqlStatement *st, struct NameRefs *names,
                    Err *e)
{
    Analyzer z;
    Query *q;
    err_clear(e);
    analyzer_init(&z, env, a, st->text, st->offset);
    z.names = names;
    return az_select(&z, NULL, (const NSelect *)st->node, 0, &q, e);
}

bool az_bound_query(Analyzer *z, const NSelect *n, BoundQuery *out, Err *e)
{
    Query *q;
    if (n->into)
        return az_fail(z, &n->into->n, ERR_SYNTAX, e, "SELECT ... INTO is not allowed here");
    return az_select(z, NULL, n, 0, &q, e) && az_finish_params(z, e) &&
           az_row_locks(z, n, q, out, e) && plan_statement(z, q, out, e);
}

static bool select_into(Analyzer *z, const NSelect *n, Bound *b, Err *e)
{
    NSelect plain = *n;
    plain.into = NULL;
    NCreateTable c = {.n = {.kind = N_CREATE_TABLE_AS, .offset = n->n.offset},
                      .table = n->into,
                      .temporary = n->into->lateral,
                      .query = &plain.n};
    if (!az_create_table(z, &c, b, e))
        return false;
    b->tag = "SELECT";
    return true;
}

static bool unsupported(Analyzer *z, const NLiteral *n, Err *e)
{
    Slice upper = arena_slice(z->arena, n->text);
    char *p = arena_cstr(z->arena, upper);
    for (size_t i = 0; i < upper.len; i++)
        if (p[i] >= 'a' && p[i] <= 'z')
            p[i] = (char)(p[i] - 32);
    az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e, "%s is not supported", p);
    return err_hint(e, "docs/sql.md says what is there.");
}

bool az_statement(Analyzer *z, const SqlNode *n, Bound *b, Err *e)
{
    bool taken;
    switch (n->kind) {
    case N_SELECT:
        if (!az_hypertable(z, (const NSelect *)n, b, &taken, e))
            return false;
        if (taken)
            return true;
        if (((const NSelect *)n)->into)
            return select_into(z, (const NSelect *)n, b, e);
        b->kind = BOUND_QUERY;
        b->tag = "SELECT";
        b->read_only = true;
        z->top = &((const NSelect *)n)->ctes;
        if (!az_bound_query(z, (const NSelect *)n, &b->u.query, e) || !az_plan_parts(z, b, e))
            return false;
        b->u.query.is_values_only = ((const NSelect *)n)->form == SELECT_VALUES;
        return true;
    case N_INSERT:
        z->top = &((const NInsert *)n)->ctes;
        return az_insert(z, (const NInsert *)n, b, e) && az_plan_parts(z, b, e);
    case N_UPDATE:
    case N_DELETE:
        z->top = &((const NModify *)n)->ctes;
        return az_modify(z, (const NModify *)n, b, e) && az_plan_parts(z, b, e);
    case N_COPY:
        return az_copy(z, (const NCopy *)n, b, e);
    case N_CREATE_TABLE:
    case N_CREATE_TABLE_AS:
        return az_create_table(z, (const NCreateTable *)n, b, e);
    case N_CREATE_VIEW:
    case N_CREATE_SCHEMA:
    case N_CREATE_DATABASE:
    case N_CREATE_EXTENSION:
    case N_CREATE_INDEX:
        return az_create(z, (const NCreate *)n, b, e);
    case N_CREATE_SEQUENCE:
    case N_ALTER_SEQUENCE:
        return az_sequence(z, (const NCreate *)n, b, e);
    case N_REFRESH:
        return az_refresh(z, (const NSimple *)n, b, e);
    case N_DROP:
        return az_drop(z, (const NDrop *)n, b, e);
    case N_ALTER_TABLE:
        return az_alter(z, (const NAlter *)n, b, e);
    case N_ROLE_STMT:
        return az_role(z, (const NSimple *)n, b, e);
    case N_GRANT:
        return az_grant(z, (const NSimple *)n, b, e);
    case N_OWNER:
    case N_OWNED:
        return az_owner(z, (const NSimple *)n, b, e);
    case N_ROLE_SETTING:
        return az_role_setting(z, (const NSimple *)n, b, e);
    case N_CREATE_TOKEN:
    case N_DROP_TOKEN:
        return az_token(z, (const NSimple *)n, b, e);
    case N_RETENTION:
        return az_retention((const NRetention *)n, b);
    case N_CONTINUOUS:
        return az_influx(z, (const NContinuous *)n, b, e);
    case N_UNSUPPORTED:
        return unsupported(z, (const NLiteral *)n, e);
    default:
        return az_utility(z, (const NSimple *)n, b, e);
    }
}

/* ---- one expression: defaults, checks ---- */

/* want: 0 = as it comes, but for literals, which become `literal`. */
static bool text_expression(Analyzer *z, Slice text, const TableDef *columns, TypeId want,
                            TypeId literal, Rte **rte, Expr **out, Err *e)
{
    SqlStatement *st;
    size_t count;
    Slice select = arena_printf(z->arena, "SELECT %.*s", SLICE_ARG(text));
    if (!sql_parse(z->arena, select, &st, &count, e))
        return false;
    const NSelect *n = count == 1 ? (const NSelect *)st->node : NULL;
    if (!n || n->n.kind != N_SELECT || n->targets.count != 1 || n->from.count)
        return err_set(e, ERR_SYNTAX, "\"%.*s\" is not an expression", SLICE_ARG(text));
    analyzer_init(z, z->env, z->arena, st->text, st->offset);
    z->no_position = 1;
    Scope s;
    az_scope_init(&s, NULL, NULL);
    s.place = columns && literal == T_BOOL ? PLACE_CHECK : PLACE_DEFAULT;
    *rte = NULL;
    if (columns)
        az_scope_add_table(z, &s, columns, columns->name, rte);
    if (!az_expr(z, &s, ((const NTarget *)n->targets.items[0])->expr, out, e))
        return false;
    if (!want && (*out)->type == T_UNKNOWN)
        want = literal;
    if (want && !az_coerce(z, *out, want, -1, CAST_ASSIGN, out, e))
        return false;
    if (qx_has(*out, QX_SUBLINK))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "cannot use subquery in DEFAULT or CHECK expression");
    return az_finish_params(z, e);
}

bool sql_column_default(const SqlEnv *env, Arena *a, const ColumnDef *c, Expr **out, Err *e)
{
    Analyzer z = {.env = env, .arena = a};
    Rte *rte;
    if (!c->default_sql.len) {
        *out = az_const(&z, c->type_oid, value_null(), 0);
        return true;
    }
    return (text_expression(&z, c->default_sql, NULL, c->type_oid, c->type_oid, &rte, out, e) &&
            az_coerce(&z, *out, c->type_oid, c->typmod, CAST_ASSIGN, out, e) &&
            plan_table_expr(&z, NULL, out, e)) ||
           err_wrap(e, "default of column \"%.*s\"", SLICE_ARG(c->name));
}

bool sql_expression(const SqlEnv *env, Arena *a, Slice text, const TableDef *columns, TypeId want,
                    Expr **out, Err *e)
{
    Analyzer z = {.env = env, .arena = a};
    Rte *rte;
    return text_expression(&z, text, columns, want, want, &rte, out, e) &&
           plan_table_expr(&z, rte, out, e);
}

static Slice quoted_name(Arena *a, Slice s)
{
    Buf b;
    buf_init(&b);
    text_put_ident(&b, s);
    Slice out = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return out;
}

bool sql_expression_print(const SqlEnv *env, Arena *a, Slice text, const TableDef *columns,
                          TypeId type, ExprStyle style, Slice *out, Err *e)
{
    Analyzer z = {.env = env, .arena = a};
    Rte *rte;
    Expr *x;
    if (!text_expression(&z, text, columns, 0, type, &rte, &x, e))
        return false;
    Slice *names = ARENA_ARRAY(a, Slice, z.var_count + 1);
    for (size_t i = 0; i < z.var_count; i++)
        names[i] = quoted_name(a, z.vars[i].rte->cols[z.vars[i].col].name);
    Buf b;
    buf_init(&b);
    if (style == STYLE_STORED)
        expr_print(&b, x, names);
    else
        expr_deparse(&b, x, names, &env->fold->env, style == STYLE_PRETTY);
    *out = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return true;
}
