/* session/matview.c - plain materialized views: made, filled and refreshed (sqlts/matview.h says what they are).
 *
 * REFRESH deletes the rows of the hidden table and inserts those of the query, in one transaction: readers see the old
 * rows until it commits, and never wait. */
#include "sqlts/matview.h"

#include "exec/func_text.h"
#include "session/session_private.h"

static ColumnDef stored_column(const ColumnDef *c)
{
    return (ColumnDef){.id = c->id,
                       .name = c->name,
                       .kind = COL_FIELD,
                       .type_oid = c->type_oid,
                       .typmod = c->typmod,
                       .phys = ddl_phys(c->type_oid)};
}

bool matview_define(Portal *p, TableDef *view, bool populated, Err *e)
{
    Session *s = p->session;
    ObjectId schema;
    if (!states_schema(s, &schema, e))
        return false;
    TableDef *t = ARENA_NEW(&p->arena, TableDef);
    *t = (TableDef){.id = engine_new_id(s->db->engine),
                    .database = s->database,
                    .schema = schema,
                    .kind = TABLE_ORDINARY,
                    .duplicates = DUP_KEEP,
                    .time_index = -1,
                    .next_column = view->next_column,
                    .columns = ARENA_ARRAY(&p->arena, ColumnDef, view->column_count + 1u)};
    t->name = arena_printf(&p->arena, "rows_%u", t->id);
    for (size_t i = 0; i < view->column_count; i++)
        t->columns[t->column_count++] = stored_column(&view->columns[i]);
    stored_view_put(view, &p->arena, (StoredView){t->id, populated});
    CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .table = t};
    if (!ddl_edit_unchecked(s, &c, 1, e))
        return false;
    int16_t targets[COLUMNS_MAX];
    for (int16_t i = 0; i < (int16_t)t->column_count; i++)
        targets[i] = i;
    p->writer = populated ? row_writer_new(s, t, targets, t->column_count) : NULL;
    return true;
}

bool matview_forget(Session *s, const TableDef *view, Err *e)
{
    CatalogSnap *cat = session_catalog(s);
    const TableDef *rows = cat_table_by_id(cat, stored_view(view).rows);
    CatEdit c = {.op = CAT_DROP_TABLE};
    bool ok = true;
    if (rows) {
        c.id = rows->id;
        c.expect_version = rows->version;
        ok = ddl_edit_unchecked(s, &c, 1, e);
    }
    cat_unref(cat);
    return ok;
}

/* ---- REFRESH ---- */

static bool may_refresh(const TableDef *view, const BoundRefresh *r, Err *e)
{
    if (r->from || r->force)
        return err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a continuous view",
                       SLICE_ARG(view->name)) ||
               err_hint(e, "REFRESH MATERIALIZED VIEW without a range makes all its rows anew.");
    return !r->concurrently || stored_view(view).populated ||
           err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                   "CONCURRENTLY cannot be used when the materialized view is not populated");
}

/* The names are those of now; the statement is analyzed with the view standing for its query. */
static bool open_inner(Portal *p, const CatalogSnap *cat, const TableDef *view, bool fill, Err *e)
{
    Session *s = p->session;
    EvalCtx fold;
    SqlStatement *st;
    size_t count;
    Bound *bound;
    Buf text;
    ViewRefresh *inside = ARENA_NEW(&p->arena, ViewRefresh);
    *inside = (ViewRefresh){.view = view->id};
    buf_init(&text);
    buf_printf(&text,
               fill ? "INSERT INTO pg_skulk.rows_%u SELECT * FROM "
                    : "DELETE FROM pg_skulk.rows_%u",
               stored_view(view).rows);
    if (fill) {
        text_put_ident(&text, cat_schema_by_id(cat, view->schema)->name);
        buf_put_u8(&text, '.');
        text_put_ident(&text, view->name);
    }
    Slice sql = arena_slice(&p->arena, buf_slice(&text));
    buf_free(&text);
    session_eval_ctx(s, &fold);
    fold.arena = fold.scratch = &p->arena;
    SqlEnv env = session_sql_env(s, cat, &fold);
    env.allow = NULL;
    env.may_look = NULL;
    env.refresh = inside;
    if (!sql_parse(&p->arena, sql, &st, &count, e) ||
        !sql_analyze(&env, &p->arena, st, NULL, 0, &bound, e))
        return false;
    p->inner = portal_within(p, bound);
    return true;
}

static bool set_populated(Portal *p, const TableDef *view, bool populated, Err *e)
{
    StoredView v = stored_view(view);
    if (v.populated == populated)
        return true;
    TableDef *copy = table_def_copy(&p->arena, view);
    v.populated = populated;
    stored_view_put(copy, &p->arena, v);
    CatEdit c = {
        .op = CAT_PUT_TABLE, .id = view->id, .expect_version = view->version, .table = copy};
    p->session->tx.own_catalog = true;
    return ddl_edit_unchecked(p->session, &c, 1, e);
}

RunStatus matview_refresh(Portal *p, const CatalogSnap *cat, const TableDef *view, Err *e)
{
    Batch *b;
    RunStatus st;
    bool no_data = p->bound->u.refresh.no_data;
    if (p->phase == MATVIEW_LOCK) {
        if (!may_refresh(view, &p->bound->u.refresh, e))
            return RUN_FAIL;
        if ((st = tx_lock_table(p, stored_view(view).rows, e)) != RUN_DONE)
            return st;
        p->phase = MATVIEW_EMPTY;
    }
    for (; p->phase <= (no_data ? MATVIEW_EMPTY : MATVIEW_FILL); p->phase++) {
        if (!p->inner && !open_inner(p, cat, view, p->phase == MATVIEW_FILL, e))
            return RUN_FAIL;
        if ((st = portal_run(p->inner, 0, &b, e)) != RUN_DONE)
            return st;
        portal_free(p->inner);
        p->inner = NULL;
    }
    return set_populated(p, view, !no_data, e) ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;
}
