/* session/temp.c - temporary tables, views and sequences: their schema, ON COMMIT, DISCARD TEMP.
 *
 * storage/temp.c keeps them, for this session alone; here they are relations of a schema pg_temp_<pid>
 * that comes into being with the first of them.  What ON COMMIT says stands in TableDef.extra. */
#include "session/session_private.h"
#include <stdio.h>

bool temp_schema_name(Slice name)
{
    return slice_starts(name, SLICE_LIT("pg_temp_"));
}

bool session_is_temp(const Session *s, const TableDef *t)
{
    return s->temp && t->schema == temp_schema(s->temp);
}

const SchemaDef *session_schema(Session *s, const CatalogSnap *cat, Slice name)
{
    if (slice_eq_cstr(name, "pg_temp"))
        return s->temp ? cat_schema_by_id(cat, temp_schema(s->temp)) : NULL;
    return cat_schema(cat, s->database, name);
}

static bool explicit_temp(const Session *s)
{
    for (size_t i = 0; i < s->search_path_count; i++)
        if (slice_eq_cstr(s->search_path[i], "pg_temp"))
            return true;
    return false;
}

const SchemaDef *session_path_at(Session *s, const CatalogSnap *cat, size_t i)
{
    if (i == 0)
        return explicit_temp(s) ? NULL : session_schema(s, cat, SLICE_LIT("pg_temp"));
    return session_schema(s, cat, s->search_path[i - 1]);
}

/* ---- its schema ---- */

static bool may_use(Session *s, const CatalogSnap *cat, Err *e)
{
    RoleSet roles = {0};
    roles_of(&roles, cat, s->role);
    bool ok = roles_privileges(&roles, cat, GRANT_DATABASE, s->database) & PRIV_TEMPORARY;
    roles_free(&roles);
    return ok || err_set(e, ERR_PRIVILEGE,
                         "permission denied to create temporary tables in database \"%s\"",
                         s->database_name);
}

static bool enter(Session *s, Err *e)
{
    if (!tx_writer(s, e))
        return false;
    if (!s->temp) {
        s->temp = temp_new(s->db->engine);
        temp_begin(s->temp);
        txn_use_temp(tx_storage(s), s->temp);
    }
    CatalogSnap *cat = session_catalog(s);
    bool there = cat_schema_by_id(cat, temp_schema(s->temp)) != NULL, ok = may_use(s, cat, e);
    cat_unref(cat);
    if (there || !ok)
        return ok;
    char name[32];
    snprintf(name, sizeof name, "pg_temp_%d", s->pid);
    SchemaDef d = {.id = temp_schema(s->temp), .database = s->database, .name = slice_cstr(name)};
    CatEdit edit = {.op = CAT_PUT_SCHEMA, .id = d.id, .schema = &d};
    return ddl_edit_unchecked(s, &edit, 1, e);
}

bool temp_enter(Session *s, const QualifiedName *name, bool temporary, Err *e)
{
    char own[32];
    snprintf(own, sizeof own, "pg_temp_%d", s->pid);
    Slice first = s->search_path_count ? s->search_path[0] : SLICE_NONE;
    Slice schema = name->schema.len || temporary ? name->schema : first;
    bool named = slice_eq_cstr(schema, "pg_temp") || slice_eq_cstr(schema, own);
    return !(temporary || named) || enter(s, e);
}

/* ---- the end of transactions ---- */

static bool drop(Session *s, const TableDef *t, Err *e)
{
    CatEdit edit = {.op = CAT_DROP_TABLE, .id = t->id, .expect_version = t->version};
    return txn_edit_catalog(tx_storage(s), &edit, 1, e);
}

static bool goes_at_commit(const CatalogSnap *cat, const TableDef *t)
{
    SequenceDef seq;
    if (t->kind == TABLE_SEQUENCE) {
        sequence_def(t, &seq);
        t = seq.owner ? cat_table_by_id(cat, seq.owner) : NULL;
    }
    return t && t->kind == TABLE_ORDINARY && slice_eq_cstr(t->extra, TEMP_DROP);
}

/* all: of the session; else those that ON COMMIT DROP names, with the views over them. */
static bool drop_relations(Session *s, bool all, Err *e)
{
    CatalogSnap *cat = session_catalog(s);
    size_t dropped = 0, notices = s->notice_count;
    bool ok = true;
    for (size_t i = 0; ok && i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (!session_is_temp(s, t) || !(all || goes_at_commit(cat, t)))
            continue;
        dropped++;
        ok = drop(s, t, e);
    }
    ok = ok && (all || !dropped || ddl_drop_broken_views(s, cat, 0, "", true, e));
    s->notice_count = notices;
    cat_unref(cat);
    return ok;
}

bool temp_discard(Session *s, Err *e)
{
    return !s->temp || drop_relations(s, true, e);
}

bool temp_before_commit(Session *s, Err *e)
{
    return !s->temp || drop_relations(s, false, e);
}

void temp_forget(Session *s)
{
    temp_free(s->temp);
    mem_free(s->temp_sequences);
    s->temp = NULL;
    s->temp_sequences = NULL;
    s->temp_sequence_count = 0;
}

void temp_committed(Session *s)
{
    if (!s->temp)
        return;
    CatalogSnap *cat = session_catalog(s);
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (session_is_temp(s, t) && t->kind == TABLE_ORDINARY &&
            slice_eq_cstr(t->extra, TEMP_DELETE))
            temp_truncate(s->temp, t->id);
    }
    cat_unref(cat);
    if (!temp_commit(s->temp))
        temp_forget(s);
}
