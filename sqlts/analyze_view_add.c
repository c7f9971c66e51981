/* sqlts/analyze_view_add.c - ALTER MATERIALIZED VIEW ... ADD COLUMN of a continuous view: its query with one column more. */
#include "exec/func_text.h"
#include "sqlts/analyze.h"
#include "sqlts/analyze_view.h"
#include "sqlts/lexer.h"
#include "sqlts/matview.h"

/* Where the FROM of the query stands: not one in brackets, nor that of IS DISTINCT FROM. */
static size_t find_from(Arena *a, Slice text)
{
    Lexer lx;
    Token t;
    Err ignored;
    int depth = 0;
    bool distinct = false;
    lex_init(&lx, a, slice_cstr(arena_cstr(a, text)), &ignored);
    for (int code = lex_next(&lx, &t); code != LEX_END && code != LEX_ERROR;
         code = lex_next(&lx, &t)) {
        if (slice_eq_nocase(t.text, SLICE_LIT("from")) && depth == 0 && !distinct)
            return t.offset;
        depth += slice_eq_cstr(t.text, "(") || slice_eq_cstr(t.text, "[");
        depth -= slice_eq_cstr(t.text, ")") || slice_eq_cstr(t.text, "]");
        distinct = slice_eq_nocase(t.text, SLICE_LIT("distinct"));
    }
    return 0;
}

static bool wrong_one(const NAlter *n, const TableDef *t, Err *e)
{
    err_set(e, ERR_WRONG_OBJECT, "ALTER action ADD COLUMN cannot be performed on relation \"%.*s\"",
            SLICE_ARG(t->name));
    return err_detail(e, "This operation is not supported for %s.",
                      n->what == 'i'            ? "indexes"
                      : t->kind != TABLE_VIEW   ? "tables"
                      : view_is_materialized(t) ? "materialized views"
                                                : "views");
}

static const NConstraint *expression_of(const NColumnDef *c)
{
    const NConstraint *g =
        c->constraints.count == 1 ? (const NConstraint *)c->constraints.items[0] : NULL;
    return g && g->con == CON_GENERATED ? g : NULL;
}

static bool put_statement(Analyzer *z, const NColumnDef *c, Slice expression, const TableDef *view,
                          Slice *out, Err *e)
{
    TypeId type;
    int32_t typmod;
    Buf text;
    if (!az_type(z, c->type, &type, &typmod, e))
        return false;
    Slice old = view->definition;
    size_t from = find_from(z->arena, old);
    if (!from)
        return err_set(e, ERR_DATA_CORRUPTED, "the query of \"%.*s\" has no FROM",
                       SLICE_ARG(view->name));
    buf_init(&text);
    buf_puts(&text, "CREATE OR REPLACE MATERIALIZED VIEW ");
    text_put_ident(&text, cat_schema_by_id(z->env->catalog, view->schema)->name);
    buf_put_u8(&text, '.');
    text_put_ident(&text, view->name);
    buf_printf(&text, " WITH (continuous) AS %.*s, (%.*s)::", (int)from, old.ptr,
               SLICE_ARG(expression));
    buf_put_slice(&text, type_format(z->arena, type, typmod));
    buf_puts(&text, " AS ");
    text_put_ident(&text, c->name);
    buf_printf(&text, " %.*s", (int)(old.len - from), old.ptr + from);
    *out = arena_slice(z->arena, buf_slice(&text));
    buf_free(&text);
    return true;
}

bool az_view_add_column(Analyzer *z, const NAlter *n, const TableDef *view, Bound *b, Err *e)
{
    SqlStatement *st;
    size_t count;
    Slice sql;
    const NAlterAction *a = (const NAlterAction *)n->actions.items[0];
    const NConstraint *g = expression_of(a->column);
    if (n->what != 'm' || !view_is_continuous(view))
        return wrong_one(n, view, e);
    for (size_t i = 0; i < view->column_count; i++) {
        if (!slice_eq(view->columns[i].name, a->column->name))
            continue;
        b->u.alter.count = 0;
        return a->if_not_exists || err_set(e, ERR_DUPLICATE_COLUMN,
                                           "column \"%.*s\" of relation \"%.*s\" already exists",
                                           SLICE_ARG(a->column->name), SLICE_ARG(view->name));
    }
    if (!g)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "a column of a continuous view is an expression over its rows") ||
               err_hint(e, "ADD COLUMN peak float8 GENERATED ALWAYS AS (max(load)) STORED");
    if (!put_statement(z, a->column, g->text, view, &sql, e) ||
        !sql_parse(z->arena, sql, &st, &count, e))
        return false;
    z->no_position++; /* the text is not the user's */
    *b = (Bound){0};
    bool ok = az_create(z, (const NCreate *)st->node, b, e);
    z->no_position--;
    b->tag = "ALTER MATERIALIZED VIEW";
    b->u.create_view.keeps_options = true;
    return ok;
}
