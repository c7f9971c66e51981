/* session/ddl_alter.c - ALTER TABLE, CREATE SCHEMA/DATABASE/VIEW/INDEX, COMMENT. */
#include "session/session_private.h"

static ColumnDef *need_column(TableDef *t, Slice name, Err *e)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (!t->columns[i].dropped && slice_eq(t->columns[i].name, name))
            return &t->columns[i];
    err_set(e, ERR_UNDEFINED_COLUMN, "column \"%.*s\" of relation \"%.*s\" does not exist",
            SLICE_ARG(name), SLICE_ARG(t->name));
    return NULL;
}

static bool add_column(Portal *p, TableDef *t, const AlterAction *a, Err *e)
{
    const ColumnSpec *s = &a->column;
    for (size_t i = 0; i < t->column_count; i++)
        if (!t->columns[i].dropped && slice_eq(t->columns[i].name, s->name)) {
            if (!a->if_exists)
                return err_set(e, ERR_DUPLICATE_COLUMN,
                               "column \"%.*s\" of relation \"%.*s\" already exists",
                               SLICE_ARG(s->name), SLICE_ARG(t->name));
            session_notice(p->session, "NOTICE", ERR_DUPLICATE_COLUMN,
                           "column \"%.*s\" of relation \"%.*s\" already exists, skipping",
                           SLICE_ARG(s->name), SLICE_ARG(t->name));
            return true;
        }
    if (t->column_count == COLUMNS_MAX)
        return err_set(e, ERR_TOO_MANY_COLUMNS, "tables can have at most %d columns", COLUMNS_MAX);
    if (s->not_null || s->default_sql.len || s->serial || s->identity || a->constraint_count)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "ADD COLUMN with a constraint or default is not supported") ||
               err_hint(e, "add the column plain; existing rows have NULL");
    ColumnDef *cols = ARENA_ARRAY(&p->arena, ColumnDef, t->column_count + 1u);
    memcpy(cols, t->columns, t->column_count * sizeof *cols);
    const TypeDef *type = type_find(s->type);
    must(type != NULL);
    bool tag = s->tag && t->kind == TABLE_SERIES;
    cols[t->column_count] = (ColumnDef){
        .id = t->next_column++,
        .name = s->name,
        .type_oid = s->type,
        .typmod = s->typmod,
        .kind = tag ? COL_TAG : COL_FIELD,
        .phys = tag || type->phys > PH_F64 ? PHYS_STR
                : type->phys == PH_BOOL    ? PHYS_BOOL
                : type->phys == PH_F64     ? PHYS_F64
                                           : PHYS_I64,
    };
    t->columns = cols;
    t->column_count++;
    return true;
}

static bool drop_column(Portal *p, TableDef *t, const AlterAction *a, Err *e)
{
    Err missing;
    ColumnDef *c = need_column(t, a->name, &missing);
    if (!c && a->if_exists) {
        session_notice(p->session, "NOTICE", ERR_OK,
                       "column \"%.*s\" of relation \"%.*s\" does not exist, skipping",
                       SLICE_ARG(a->name), SLICE_ARG(t->name));
        return true;
    }
    if (!c) {
        *e = missing;
        return false;
    }
    if (c->kind != COL_FIELD)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "cannot drop column \"%.*s\": it is the time or a tag", SLICE_ARG(a->name));
    c->dropped = true;
    return true;
}

static bool rename_column(TableDef *t, const AlterAction *a, Err *e)
{
    ColumnDef *c = need_column(t, a->name, e);
    if (!c)
        return false;
    Err free_name;
    if (need_column(t, a->new_name, &free_name))
        return err_set(e, ERR_DUPLICATE_COLUMN,
                       "column \"%.*s\" of relation \"%.*s\" already exists",
                       SLICE_ARG(a->new_name), SLICE_ARG(t->name));
    if (c->label.len == 0 && t->made_by_ingest)
        c->label = c->name; /* what clients of /write go on calling it */
    c->name = a->new_name;
    return true;
}

static bool alter_one(Portal *p, const CatalogSnap *cat, TableDef *t, const AlterAction *a, Err *e)
{
    ColumnDef *c = NULL;
    switch (a->kind) {
    case ALTER_ADD_COLUMN:
        return add_column(p, t, a, e);
    case ALTER_DROP_COLUMN:
        return drop_column(p, t, a, e);
    case ALTER_RENAME_COLUMN:
        return rename_column(t, a, e);
    case ALTER_RENAME_TABLE:
        if (cat_table(cat, t->schema, a->new_name))
            return err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists",
                           SLICE_ARG(a->new_name));
        t->name = a->new_name;
        return true;
    case ALTER_SET_DEFAULT:
    case ALTER_DROP_DEFAULT:
        c = need_column(t, a->kind == ALTER_SET_DEFAULT ? a->column.name : a->name, e);
        if (c)
            c->default_sql = a->kind == ALTER_SET_DEFAULT ? a->column.default_sql : SLICE_NONE;
        return c != NULL;
    case ALTER_DROP_NOT_NULL:
        c = need_column(t, a->name, e);
        if (c && c->kind == COL_TIME)
            return err_set(e, ERR_INVALID_TABLE_DEFINITION, "column \"%.*s\" is the time column",
                           SLICE_ARG(a->name));
        if (c)
            c->not_null = false;
        return c != NULL;
    case ALTER_SET_OPTIONS:
        return ddl_set_options(p, t, a->options, a->option_count, e);
    case ALTER_OWNER:
        return true; /* there is one user */
    default:
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "this form of ALTER TABLE is not supported yet");
    }
}

bool ddl_alter(Portal *p, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = session_find_table(s, cat, &b->u.alter.name);
    bool ok = true;
    if (!t && b->u.alter.if_exists) {
        session_notice(s, "NOTICE", ERR_OK, "relation \"%.*s\" does not exist, skipping",
                       SLICE_ARG(b->u.alter.name.name));
    } else if (!t) {
        ok = err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                     SLICE_ARG(b->u.alter.name.name));
    } else {
        TableDef *copy = table_def_copy(&p->arena, t);
        for (size_t i = 0; ok && i < b->u.alter.count; i++)
            ok = alter_one(p, cat, copy, &b->u.alter.actions[i], e);
        CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .expect_version = t->version, .table = copy};
        ok = ok && ddl_edit(s, &c, 1, e);
    }
    cat_unref(cat);
    return ok;
}

bool ddl_create_schema(Portal *p, Err *e)
{
    Session *s = p->session;
    Slice name = p->bound->u.create_named.name;
    CatalogSnap *cat = session_catalog(s);
    bool exists = cat_schema(cat, s->database, name) != NULL;
    cat_unref(cat);
    if (exists && p->bound->u.create_named.if_not_exists) {
        session_notice(s, "NOTICE", ERR_DUPLICATE_SCHEMA,
                       "schema \"%.*s\" already exists, skipping", SLICE_ARG(name));
        return true;
    }
    if (exists)
        return err_set(e, ERR_DUPLICATE_SCHEMA, "schema \"%.*s\" already exists", SLICE_ARG(name));
    if (name.len > 3 && memcmp(name.ptr, "pg_", 3) == 0)
        return err_set(e, ERR_INVALID_NAME, "unacceptable schema name \"%.*s\"", SLICE_ARG(name)) ||
               err_detail(e, "The prefix \"pg_\" is reserved for system schemas.");
    SchemaDef d = {.id = engine_new_id(s->db->engine), .database = s->database, .name = name};
    CatEdit c = {.op = CAT_PUT_SCHEMA, .id = d.id, .schema = &d};
    return ddl_edit(s, &c, 1, e);
}

bool ddl_create_database(Portal *p, Err *e)
{
    Session *s = p->session;
    Slice name = p->bound->u.create_named.name;
    if (s->tx.state == TX_BLOCK)
        return err_set(e, ERR_ACTIVE_TXN, "CREATE DATABASE cannot run inside a transaction block");
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *me = cat_role_by_id(cat, s->role);
    if (!me || !(me->flags & (ROLE_SUPERUSER | ROLE_CREATEDB))) {
        cat_unref(cat);
        return err_set(e, ERR_PRIVILEGE, "permission denied to create database");
    }
    bool exists = cat_database(cat, name) != NULL;
    cat_unref(cat);
    if (exists)
        return err_set(e, ERR_DUPLICATE_DATABASE, "database \"%.*s\" already exists",
                       SLICE_ARG(name));
    return db_create_database(s->db, name, e);
}

bool ddl_comment(Portal *p, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    if (b->u.comment.column.len)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "COMMENT ON COLUMN is not supported");
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = session_find_table(s, cat, &b->u.comment.name);
    bool ok = t || err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                           SLICE_ARG(b->u.comment.name.name));
    if (ok) {
        TableDef *copy = table_def_copy(&p->arena, t);
        copy->comment = b->u.comment.null_text ? SLICE_NONE : b->u.comment.text;
        CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .expect_version = t->version, .table = copy};
        ok = ddl_edit(s, &c, 1, e);
    }
    cat_unref(cat);
    return ok;
}

bool ddl_create_view(Portal *p, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    CatalogSnap *cat = session_catalog(s);
    const SchemaDef *schema = session_target_schema(s, cat, b->u.create_view.name.schema, e);
    const TableDef *old = schema ? cat_table(cat, schema->id, b->u.create_view.name.name) : NULL;
    bool ok = schema != NULL;
    if (old && (!b->u.create_view.or_replace || old->kind != TABLE_VIEW))
        ok = err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists",
                     SLICE_ARG(b->u.create_view.name.name));
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
                        .definition = b->u.create_view.text};
        t->columns = ARENA_ARRAY(&p->arena, ColumnDef, q->col_count + 1);
        for (size_t i = 0; i < q->col_count; i++)
            t->columns[t->column_count++] = (ColumnDef){.id = t->next_column++,
                                                        .name = q->cols[i].name,
                                                        .kind = COL_FIELD,
                                                        .type_oid = q->cols[i].type,
                                                        .typmod = q->cols[i].typmod,
                                                        .phys = PHYS_STR};
        CatEdit c = {
            .op = CAT_PUT_TABLE, .id = t->id, .expect_version = old ? old->version : 0, .table = t};
        ok = ddl_edit(s, &c, 1, e);
    }
    cat_unref(cat);
    return ok;
}

/* The leading columns of an index, as far as they may make series. */
static size_t index_columns(const TableDef *t, const Slice *names, size_t n, int16_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < n && count < CLUSTER_COLUMNS_MAX; i++) {
        const ColumnDef *c = table_column(t, names[i]);
        if (!c || c->kind != COL_FIELD || !cluster_type(c->type_oid))
            break;
        out[count++] = (int16_t)(c - t->columns);
    }
    return count;
}

bool ddl_create_index(Portal *p, Err *e)
{
    const Bound *b = p->bound;
    Session *s = p->session;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = session_find_table(s, cat, &b->u.create_index.table);
    int16_t columns[CLUSTER_COLUMNS_MAX];
    size_t n = 0;
    bool ok = true;
    if (!t)
        ok = err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                     SLICE_ARG(b->u.create_index.table.name));
    else if (b->u.create_index.unique)
        ok = err_set(e, ERR_FEATURE_NOT_SUPPORTED, "unique indexes are not supported");
    else if (cluster_possible(t))
        n = index_columns(t, b->u.create_index.cols, b->u.create_index.col_count, columns);
    if (n > 0) {
        TableDef *copy = table_def_copy(&p->arena, t);
        for (size_t i = 0; i < n; i++)
            copy->columns[columns[i]].keyed = copy->columns[columns[i]].clusters = true;
        CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .expect_version = t->version, .table = copy};
        ok = ddl_edit(s, &c, 1, e);
    }
    cat_unref(cat);
    if (!ok)
        return false;
    session_notice(s, "NOTICE", ERR_OK,
                   n ? "new rows are kept by the leading columns of the index and time; scans need "
                       "no other index"
                     : "scans need no index here: rows are kept by series and time, tags are "
                       "indexed; nothing was created");
    return true;
}
