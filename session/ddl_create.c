/* session/ddl_create.c - CREATE SCHEMA/DATABASE/VIEW, COMMENT. */
#include "session/session_private.h"

bool schema_name_free(const CatalogSnap *cat, ObjectId database, Slice name, Err *e)
{
    if (name.len >= 3 && memcmp(name.ptr, "pg_", 3) == 0)
        return err_set(e, ERR_RESERVED_NAME, "unacceptable schema name \"%.*s\"",
                       SLICE_ARG(name)) ||
               err_detail(e, "The prefix \"pg_\" is reserved for system schemas.");
    return (!cat_schema(cat, database, name) && !schema_is_virtual(name)) ||
           err_set(e, ERR_DUPLICATE_SCHEMA, "schema \"%.*s\" already exists", SLICE_ARG(name));
}

bool ddl_create_schema(Portal *p, Err *e)
{
    Session *s = p->session;
    Slice name = p->bound->u.create_named.name;
    CatalogSnap *cat = session_catalog(s);
    bool free = schema_name_free(cat, s->database, name, e);
    cat_unref(cat);
    if (!free && e->code == ERR_DUPLICATE_SCHEMA && p->bound->u.create_named.if_not_exists) {
        err_clear(e);
        session_notice(s, "NOTICE", ERR_DUPLICATE_SCHEMA,
                       "schema \"%.*s\" already exists, skipping", SLICE_ARG(name));
        return true;
    }
    if (!free)
        return false;
    SchemaDef d = {.id = engine_new_id(s->db->engine), .database = s->database, .name = name};
    CatEdit c = {.op = CAT_PUT_SCHEMA, .id = d.id, .schema = &d};
    if (!ddl_edit(s, &c, 1, e))
        return false;
    Slice owner = p->bound->u.create_named.owner;
    cat = session_catalog(s);
    bool ok = !owner.len || owner_change(s, cat, GRANT_SCHEMA, d.id, owner, e);
    cat_unref(cat);
    return ok;
}

bool ddl_create_database(Portal *p, Err *e)
{
    Session *s = p->session;
    Slice name = p->bound->u.create_named.name;
    if (!tx_refuse_block(s, "CREATE DATABASE", e))
        return false;
    CatalogSnap *cat = session_catalog(s);
    bool exists = cat_database(cat, name) != NULL;
    Rights *rights = rights_new(s->db, s->role);
    bool ok = rights_may_create_database(rights, cat, e);
    if (ok && exists)
        ok =
            err_set(e, ERR_DUPLICATE_DATABASE, "database \"%.*s\" already exists", SLICE_ARG(name));
    ok = ok && db_create_database(s->db, rights, name, e);
    rights_free(rights);
    cat_unref(cat);
    return ok;
}

bool view_text(Session *s, Arena *a, const CatalogSnap *cat, Slice text, const ViewNames *how,
               Slice *out, Err *e)
{
    EvalCtx fold;
    session_eval_ctx(s, &fold);
    fold.arena = fold.scratch = a;
    SqlEnv env = session_sql_env(s, cat, &fold);
    env.allow = NULL;
    return sql_view_text(&env, a, text, how, out, e);
}

bool view_reads(Session *s, Arena *a, const CatalogSnap *cat, const TableDef *view, TableId table)
{
    EvalCtx fold;
    session_eval_ctx(s, &fold);
    fold.arena = fold.scratch = a;
    SqlEnv env = session_sql_env(s, cat, &fold);
    env.allow = NULL;
    return sql_view_reads(&env, a, view->definition, table);
}

Slice view_shown(Session *s, Arena *a, const CatalogSnap *cat, const TableDef *view)
{
    Slice out;
    Err ignored;
    ViewNames how = {.after = cat, .shown = true};
    if (view->kind != TABLE_VIEW || !view_text(s, a, cat, view->definition, &how, &out, &ignored))
        out = view->definition;
    return view->kind == TABLE_VIEW ? arena_printf(a, "%.*s;", SLICE_ARG(out))
                                    : arena_slice(a, out);
}

bool ddl_create_view(Portal *p, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    bool temporary = b->u.create_view.temporary || b->u.create_view.reads_temporary;
    if (!temp_enter(s, &b->u.create_view.name, temporary, e))
        return false;
    if (!b->u.create_view.temporary && temporary)
        session_notice(s, "NOTICE", ERR_OK, "view \"%.*s\" will be a temporary view",
                       SLICE_ARG(b->u.create_view.name.name));
    CatalogSnap *cat = session_catalog(s);
    const SchemaDef *schema = session_target_schema(s, cat, &b->u.create_view.name, temporary, e);
    const TableDef *old = schema ? cat_table(cat, schema->id, b->u.create_view.name.name) : NULL;
    bool ok = schema != NULL;
    bool exists = old && b->u.create_view.if_not_exists;
    if (exists)
        session_notice(s, "NOTICE", ERR_DUPLICATE_TABLE,
                       "relation \"%.*s\" already exists, skipping", SLICE_ARG(old->name));
    else if (old && (!b->u.create_view.or_replace || old->kind != TABLE_VIEW ||
                     view_is_materialized(old) != (b->u.create_view.continuous != NULL) ||
                     view_is_stored(old)))
        ok = err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists",
                     SLICE_ARG(b->u.create_view.name.name));
    Slice text;
    if (exists) {
        cat_unref(cat);
        return true;
    }
    if (ok)
        ok = view_text(s, &p->arena, cat, b->u.create_view.text,
                       &(ViewNames){.after = cat,
                                    .expand = true,
                                    .zones = b->u.create_view.continuous != NULL},
                       &text, e);
    if (ok) {
        const BoundQuery *q = &b->u.create_view.query;
        TableDef *t = ARENA_NEW(&p->arena, TableDef);
        *t = (TableDef){.id = old ? old->id : engine_new_id(s->db->engine),
                        .database = s->database,
                        .schema = schema->id,
                        .name = b->u.create_view.name.name,
                        .kind = TABLE_VIEW,
                        .duplicates = DUP_KEEP,
                        .time_index = -1,
                        .next_column = 1,
                        .definition = text,
                        .comment = old ? old->comment : SLICE_NONE};
        t->columns = ARENA_ARRAY(&p->arena, ColumnDef, q->col_count + 1);
        for (size_t i = 0; i < q->col_count; i++)
            t->columns[t->column_count++] = (ColumnDef){.id = t->next_column++,
                                                        .name = q->cols[i].name,
                                                        .kind = COL_FIELD,
                                                        .type_oid = q->cols[i].type,
                                                        .typmod = q->cols[i].typmod,
                                                        .phys = PHYS_STR};
        if (b->u.create_view.materialized && !b->u.create_view.continuous)
            ok = matview_define(p, t, !b->u.create_view.with_no_data, e);
        if (b->u.create_view.continuous)
            ok = (!old || continuous_alone(s, cat, old, b->u.create_view.continuous->lower, e)) &&
                 continuous_define(p, t, old, e);
        bool next = old && t->id != old->id; /* it is made in the background */
        CatEdit c = {.op = CAT_PUT_TABLE,
                     .id = t->id,
                     .expect_version = old && !next ? old->version : 0,
                     .table = t};
        ok = ok && (next ? ddl_edit_unchecked(s, &c, 1, e) : ddl_edit(s, &c, 1, e));
    }
    cat_unref(cat);
    return ok;
}
