/* session/ddl_drop.c - DROP and TRUNCATE, and who depends on what goes. */
#include "exec/func_text.h"
#include "session/catalog_private.h"
#include "session/tier.h"
#include <stdio.h>

static bool drop_missing(Session *s, const Bound *b, const char *what, Slice name, ErrCode code,
                         Err *e)
{
    if (b->u.drop.if_exists) {
        session_notice(s, "NOTICE", ERR_OK, "%s \"%.*s\" does not exist, skipping", what,
                       SLICE_ARG(name));
        return true;
    }
    return err_set(e, code, "%s \"%.*s\" does not exist", what, SLICE_ARG(name));
}

static const char *kind_name(const TableDef *t)
{
    return view_is_materialized(t)     ? "materialized view"
           : t->kind == TABLE_VIEW     ? "view"
           : t->kind == TABLE_SEQUENCE ? "sequence"
                                       : "table";
}

static bool drop_entry(Session *s, const TableDef *t, Err *e)
{
    CatEdit c = {.op = CAT_DROP_TABLE, .id = t->id, .expect_version = t->version};
    return continuous_forget(s, t, e) && ddl_edit(s, &c, 1, e);
}

/* What a CASCADE reaches goes, whoever owns it. */
static bool drop_reached(Session *s, const TableDef *t, Err *e)
{
    CatEdit c = {.op = CAT_DROP_TABLE, .id = t->id, .expect_version = t->version};
    return continuous_forget(s, t, e) && ddl_edit_unchecked(s, &c, 1, e);
}

static bool put_entry(Session *s, const TableDef *was, TableDef *t, Err *e)
{
    CatEdit c = {.op = CAT_PUT_TABLE, .id = was->id, .expect_version = was->version, .table = t};
    return ddl_edit(s, &c, 1, e);
}

/* ---- views ---- */

/* Does the text of the view mean what it meant when it was made: its columns and their types? */
static bool view_works(Session *s, const CatalogSnap *cat, const TableDef *view, bool *retyped)
{
    Arena arena;
    EvalCtx fold;
    SqlStatement *st;
    size_t count;
    Bound *bound;
    Err ignored;
    arena_init(&arena, &s->db->query_pool);
    session_eval_ctx(s, &fold);
    fold.arena = fold.scratch = &arena;
    SqlEnv env = session_text_env(s, cat, &fold);
    env.views_as_text = true;
    bool ok = sql_parse(&arena, view->definition, &st, &count, &ignored) && count == 1 &&
              sql_analyze(&env, &arena, st, NULL, 0, &bound, &ignored) &&
              bound->kind == BOUND_QUERY && bound->u.query.col_count >= view->column_count;
    *retyped = false;
    for (size_t i = 0; ok && i < view->column_count; i++)
        *retyped |= bound->u.query.cols[i].type != view->columns[i].type_oid;
    arena_free(&arena);
    return ok;
}

bool ddl_views_follow(Session *s, const CatalogSnap *before, Err *e)
{
    CatalogSnap *now = session_catalog(s);
    ViewNames how = {.after = now};
    bool ok = true;
    Arena a;
    arena_init(&a, &s->db->query_pool);
    for (size_t i = 0; ok && i < cat_table_count(now); i++) {
        const TableDef *v = cat_table_at(now, i);
        Slice text;
        Err broken; /* it was before */
        if (v->kind != TABLE_VIEW || v->database != s->database ||
            !view_text(s, &a, before, v->definition, &how, &text, &broken) ||
            slice_eq(text, v->definition))
            continue;
        TableDef *copy = table_def_copy(&a, v);
        copy->definition = text;
        CatEdit edit = {
            .op = CAT_PUT_TABLE, .id = v->id, .expect_version = v->version, .table = copy};
        ok = ddl_edit_unchecked(s, &edit, 1, e);
    }
    arena_free(&a);
    cat_unref(now);
    return ok;
}

bool ddl_views_unchanged(Session *s, const CatalogSnap *before, Err *e)
{
    CatalogSnap *now = session_catalog(s);
    bool ok = true;
    for (size_t i = 0; ok && i < cat_table_count(now); i++) {
        const TableDef *v = cat_table_at(now, i);
        bool was_retyped, retyped;
        if (v->kind != TABLE_VIEW || v->database != s->database)
            continue;
        const TableDef *old = cat_table_by_id(before, v->id);
        if (!old || !view_works(s, before, old, &was_retyped))
            continue;
        bool works = view_works(s, now, v, &retyped);
        if (works && (was_retyped || !retyped))
            continue;
        ok = works ? err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                             "cannot alter type of a column used by a view or rule")
                   : err_set(e, ERR_FEATURE_NOT_SUPPORTED, "cannot rename what view \"%.*s\" reads",
                             SLICE_ARG(v->name));
        err_detail(e, "view %.*s depends on it", SLICE_ARG(v->name));
        err_hint(e, "Drop the view, and create it again afterwards.");
    }
    cat_unref(now);
    return ok;
}

/* What depends on a thing, for the message: one line each. */
typedef struct Dependents {
    Buf lines;
    size_t count;
} Dependents;

static bool refuse(Dependents *d, const char *what, Err *e)
{
    err_set(e, ERR_DEPENDENT_OBJECTS, "cannot drop %s because other objects depend on it", what);
    err_detail(e, "%.*s", SLICE_ARG(buf_slice(&d->lines)));
    return err_hint(e, "Use DROP ... CASCADE to drop the dependent objects too.");
}

/* what NULL: it goes too. */
static void add_dependent(Dependents *d, const char *label, const char *what)
{
    const char *line = d->count++ ? "\n" : "";
    if (what)
        buf_printf(&d->lines, "%s%s depends on %s", line, label, what);
    else
        buf_printf(&d->lines, "%sdrop cascades to %s", line, label);
}

/* Says what went too, or why nothing goes; frees the list. */
static bool settle(Session *s, Dependents *d, const char *what, bool cascade, Err *e)
{
    Slice lines = buf_slice(&d->lines);
    bool ok = true;
    if (d->count && !cascade)
        ok = refuse(d, what, e);
    else if (d->count == 1)
        session_notice(s, "NOTICE", ERR_OK, "%.*s", SLICE_ARG(lines));
    else if (d->count)
        session_notice_detail(s, lines, "drop cascades to %zu other objects", d->count);
    buf_free(&d->lines);
    return ok;
}

/* "table t", with its schema where the bare name is another one. */
void ddl_label(Session *s, const CatalogSnap *cat, const TableDef *t, char *out)
{
    QualifiedName bare = {.name = t->name};
    const SchemaDef *schema = cat_schema_by_id(cat, t->schema);
    Buf b;
    buf_init(&b);
    buf_printf(&b, "%s ", kind_name(t));
    if (session_find_table(s, cat, &bare) != t && schema) {
        text_put_ident(&b, schema->name);
        buf_put_u8(&b, '.');
    }
    text_put_ident(&b, t->name);
    snprintf(out, DDL_LABEL_MAX, "%.*s", SLICE_ARG(buf_slice(&b)));
    buf_free(&b);
}

typedef struct Broken { /* views that worked before and do not now, by id */
    Session *session;
    const CatalogSnap *before;
    const TableDef **views;
    bool *listed;
    size_t count;
    bool cascade;
    Dependents *out;
    Arena arena;
} Broken;

/* Those that read it, and behind each those that read that one. */
static void list_readers(Broken *b, TableId of, const char *what)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->listed[i] || !view_reads(b->session, &b->arena, b->before, b->views[i], of))
            continue;
        char label[DDL_LABEL_MAX];
        ddl_label(b->session, b->before, b->views[i], label);
        b->listed[i] = true;
        add_dependent(b->out, label, b->cascade ? NULL : what);
        list_readers(b, b->views[i]->id, label);
    }
}

static void find_broken(Broken *b)
{
    Session *s = b->session;
    CatalogSnap *now = session_catalog(s);
    size_t n = cat_table_count(now);
    b->views = ARENA_ARRAY(&b->arena, const TableDef *, n + 1);
    b->listed = ARENA_ARRAY(&b->arena, bool, n + 1);
    for (size_t i = 0; i < n; i++) {
        const TableDef *v = cat_table_at(now, i), *was = cat_table_by_id(b->before, v->id);
        bool retyped;
        if (was && v->kind == TABLE_VIEW && v->database == s->database &&
            !continuous_hidden(now, v) && !view_works(s, now, v, &retyped) &&
            view_works(s, b->before, was, &retyped))
            b->views[b->count++] = was;
    }
    cat_unref(now);
}

/* Adds the views that `of` takes along (0: any) to the list; CASCADE: drops them. */
static bool take_views(Session *s, const CatalogSnap *before, TableId of, const char *what,
                       bool cascade, Dependents *out, Err *e)
{
    Broken b = {.session = s, .before = before, .cascade = cascade, .out = out};
    bool ok = true;
    arena_init(&b.arena, &s->db->query_pool);
    find_broken(&b);
    list_readers(&b, of, what);
    for (size_t i = 0; i < b.count; i++) {
        char label[DDL_LABEL_MAX];
        ddl_label(s, before, b.views[i], label);
        if (!b.listed[i])
            add_dependent(out, label, cascade ? NULL : what);
        if (ok && cascade)
            ok = drop_reached(s, b.views[i], e);
    }
    arena_free(&b.arena);
    return ok;
}

/* Views that worked before and do not now: they go too (CASCADE), or it is refused. */
bool ddl_drop_broken_views(Session *s, const CatalogSnap *before, TableId of, const char *what,
                           bool cascade, Err *e)
{
    Dependents d = {0};
    bool ok = take_views(s, before, of, what, cascade, &d, e);
    if (ok)
        return settle(s, &d, what, cascade, e);
    buf_free(&d.lines);
    return false;
}

/* ---- sequences ---- */

static bool drop_owned_sequences(Session *s, const CatalogSnap *cat, TableId table, ColumnId column,
                                 bool all, Err *e)
{
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        SequenceDef d;
        if (sequence_owned_by(t, table, &d) && (all || d.owner_column == column) &&
            !drop_entry(s, t, e))
            return false;
    }
    return true;
}

bool ddl_drop_column_sequence(Session *s, const CatalogSnap *cat, TableId table, ColumnId column,
                              Err *e)
{
    return drop_owned_sequences(s, cat, table, column, false, e);
}

/* Defaults that call the sequence are written with its oid. */
static bool calls(const ColumnDef *c, const TableDef *seq)
{
    char text[32];
    int n = snprintf(text, sizeof text, "'%u'::regclass", seq->id);
    return !c->dropped && c->default_sql.len &&
           memmem(c->default_sql.ptr, c->default_sql.len, text, (size_t)n);
}

static bool drop_defaults(Portal *p, const CatalogSnap *cat, const TableDef *seq, bool cascade,
                          Err *e)
{
    Dependents d = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        TableDef *copy = NULL;
        for (size_t k = 0; ok && k < t->column_count; k++) {
            if (!calls(&t->columns[k], seq))
                continue;
            Slice name = t->columns[k].name;
            if (t->columns[k].identity) {
                err_set(e, ERR_DEPENDENT_OBJECTS,
                        "cannot drop sequence %.*s because column %.*s of table %.*s requires it",
                        SLICE_ARG(seq->name), SLICE_ARG(name), SLICE_ARG(t->name));
                ok = err_hint(e, "You can drop column %.*s of table %.*s instead.", SLICE_ARG(name),
                              SLICE_ARG(t->name));
            } else if (cascade) {
                session_notice(p->session, "NOTICE", ERR_OK,
                               "drop cascades to default value for column %.*s of table %.*s",
                               SLICE_ARG(name), SLICE_ARG(t->name));
                copy = copy ? copy : table_def_copy(&p->arena, t);
                copy->columns[k].default_sql = SLICE_NONE;
            } else {
                buf_printf(&d.lines,
                           "%sdefault value for column %.*s of table %.*s depends on sequence %.*s",
                           d.count++ ? "\n" : "", SLICE_ARG(name), SLICE_ARG(t->name),
                           SLICE_ARG(seq->name));
            }
        }
        if (!ok || !copy)
            continue;
        CatEdit edit = {
            .op = CAT_PUT_TABLE, .id = t->id, .expect_version = t->version, .table = copy};
        ok = ddl_edit_unchecked(p->session, &edit, 1, e);
    }
    char what[NAME_MAX_BYTES + 16];
    snprintf(what, sizeof what, "sequence %.*s", SLICE_ARG(seq->name));
    if (ok && d.count)
        ok = refuse(&d, what, e);
    buf_free(&d.lines);
    return ok;
}

/* ---- one name ---- */

static bool wrong_kind(const Bound *b, const TableDef *t, const char *what, Err *e)
{
    static const char *const words[] = {[TABLE_SERIES] = "TABLE",
                                        [TABLE_ORDINARY] = "TABLE",
                                        [TABLE_VIEW] = "VIEW",
                                        [TABLE_SEQUENCE] = "SEQUENCE"};
    (void)b;
    err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a %s", SLICE_ARG(t->name), what);
    return err_hint(e, "Use DROP %s to remove a %s.",
                    view_is_materialized(t) ? "MATERIALIZED VIEW" : words[t->kind], kind_name(t));
}

static bool drop_relation(Portal *p, const CatalogSnap *cat, const Bound *b,
                          const QualifiedName *name, Err *e)
{
    Session *s = p->session;
    DropKind what = b->u.drop.what;
    const char *word = what == DROP_VIEW       ? "view"
                       : what == DROP_MATVIEW  ? "materialized view"
                       : what == DROP_SEQUENCE ? "sequence"
                                               : "table";
    const TableDef *t = session_find_table(s, cat, name);
    if (!t)
        return drop_missing(s, b, word, name->name, ERR_UNDEFINED_TABLE, e);
    if (strcmp(kind_name(t), word) != 0)
        return wrong_kind(b, t, word, e);
    char of[DDL_LABEL_MAX];
    ddl_label(s, cat, t, of);
    if (what == DROP_SEQUENCE && !drop_defaults(p, cat, t, b->u.drop.cascade, e))
        return false;
    return drop_entry(s, t, e) &&
           (what != DROP_TABLE || drop_owned_sequences(s, cat, t->id, 0, true, e)) &&
           ddl_drop_broken_views(s, cat, t->id, of, b->u.drop.cascade, e);
}

static const ConstraintDef *find_index(Session *s, const CatalogSnap *cat,
                                       const QualifiedName *name, const TableDef **table)
{
    const ConstraintDef *found = NULL;
    int best = 0;
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        const ConstraintDef *c =
            t->database == s->database ? table_constraint(t, name->name) : NULL;
        if (!c || c->type == CONSTRAINT_CHECK)
            continue;
        const SchemaDef *schema = cat_schema_by_id(cat, t->schema);
        int rank = schema_rank(s, cat, schema->name);
        if (name->schema.len)
            rank = -(session_schema(s, cat, name->schema) != schema);
        if (rank < 0 || (found && rank >= best))
            continue;
        best = rank;
        found = c;
        *table = t;
    }
    return found;
}

bool ddl_rename_index(Portal *p, Err *e)
{
    const Bound *b = p->bound;
    CatalogSnap *cat = session_catalog(p->session);
    const TableDef *t;
    const ConstraintDef *c = find_index(p->session, cat, &b->u.alter.name, &t);
    Slice name = b->u.alter.actions[0].new_name;
    bool ok = true;
    if (!c && b->u.alter.if_exists)
        session_notice(p->session, "NOTICE", ERR_OK, "relation \"%.*s\" does not exist, skipping",
                       SLICE_ARG(b->u.alter.name.name));
    else if (!c)
        ok = err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                     SLICE_ARG(b->u.alter.name.name));
    else if (b->u.alter.actions[0].kind != ALTER_RENAME_TABLE)
        ok = err_set(e, ERR_FEATURE_NOT_SUPPORTED, "of ALTER INDEX only RENAME is supported");
    else if (ddl_name_taken(cat, t->schema, name))
        ok = err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists", SLICE_ARG(name));
    if (ok && c) {
        TableDef *copy = table_def_copy(&p->arena, t);
        copy->constraints[c - t->constraints].name = name;
        ok = put_entry(p->session, t, copy, e);
    }
    cat_unref(cat);
    return ok;
}

static bool drop_index(Portal *p, const CatalogSnap *cat, const Bound *b, const QualifiedName *name,
                       Err *e)
{
    const TableDef *t;
    const ConstraintDef *c = find_index(p->session, cat, name, &t);
    if (!c)
        return drop_missing(p->session, b, "index", name->name, ERR_UNDEFINED_OBJECT, e);
    if (c->type != CONSTRAINT_INDEX && c->type != CONSTRAINT_UNIQUE_INDEX) {
        err_set(e, ERR_DEPENDENT_OBJECTS,
                "cannot drop index %.*s because constraint %.*s on table %.*s requires it",
                SLICE_ARG(c->name), SLICE_ARG(c->name), SLICE_ARG(t->name));
        return err_hint(e, "You can drop constraint %.*s on table %.*s instead.",
                        SLICE_ARG(c->name), SLICE_ARG(t->name));
    }
    TableDef *copy = table_def_copy(&p->arena, t);
    ddl_remove_constraint(copy, (size_t)(c - t->constraints));
    return put_entry(p->session, t, copy, e);
}

/* Sequences of columns are their tables' business. */
static bool stands_alone(const CatalogSnap *cat, const TableDef *t)
{
    SequenceDef d;
    if (t->kind != TABLE_SEQUENCE)
        return true;
    sequence_def(t, &d);
    return !d.owner || !cat_table_by_id(cat, d.owner);
}

static void views_outside(Broken *b, ObjectId schema)
{
    size_t n = cat_table_count(b->before);
    b->views = ARENA_ARRAY(&b->arena, const TableDef *, n + 1);
    b->listed = ARENA_ARRAY(&b->arena, bool, n + 1);
    for (size_t i = 0; i < n; i++) {
        const TableDef *v = cat_table_at(b->before, i);
        if (v->kind == TABLE_VIEW && v->database == b->session->database && v->schema != schema)
            b->views[b->count++] = v;
    }
}

static bool drop_schema(Session *s, const CatalogSnap *cat, const Bound *b, Slice name, Err *e)
{
    const SchemaDef *d = session_schema(s, cat, name);
    bool cascade = b->u.drop.cascade, ok = true;
    Dependents list = {0};
    char what[DDL_LABEL_MAX], label[DDL_LABEL_MAX];
    if (!d)
        return drop_missing(s, b, "schema", name, ERR_SCHEMA_NAME, e);
    if (!session_owns(s, cat, GRANT_SCHEMA, d->id, d->name, e))
        return false;
    Broken outside = {.session = s, .before = cat, .cascade = cascade, .out = &list};
    arena_init(&outside.arena, &s->db->query_pool);
    views_outside(&outside, d->id);
    snprintf(what, sizeof what, "schema %.*s", SLICE_ARG(name));
    for (size_t i = 0; ok && i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->schema != d->id)
            continue;
        ddl_label(s, cat, t, label);
        if (stands_alone(cat, t))
            add_dependent(&list, label, cascade ? NULL : what);
        list_readers(&outside, t->id, label);
        ok = !cascade || drop_reached(s, t, e);
    }
    for (size_t i = 0; ok && cascade && i < outside.count; i++)
        ok = !outside.listed[i] || drop_reached(s, outside.views[i], e);
    arena_free(&outside.arena);
    if (!ok) {
        buf_free(&list.lines);
        return false;
    }
    CatEdit c = {.op = CAT_DROP_SCHEMA, .id = d->id};
    return settle(s, &list, what, cascade, e) && ddl_edit(s, &c, 1, e);
}

static bool drop_one(Portal *p, const CatalogSnap *cat, const Bound *b, const QualifiedName *name,
                     Err *e)
{
    Session *s = p->session;
    switch (b->u.drop.what) {
    case DROP_TABLE:
    case DROP_VIEW:
    case DROP_MATVIEW:
    case DROP_SEQUENCE:
        return drop_relation(p, cat, b, name, e);
    case DROP_SCHEMA:
        return drop_schema(s, cat, b, name->name, e);
    case DROP_INDEX:
        return drop_index(p, cat, b, name, e);
    case DROP_DATABASE:
        break;
    }
    const DatabaseDef *d = cat_database(cat, name->name);
    if (!d)
        return drop_missing(s, b, "database", name->name, ERR_DATABASE_NAME, e);
    if (d->id == s->database)
        return err_set(e, ERR_OBJECT_IN_USE, "cannot drop the currently open database");
    return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "DROP DATABASE is not supported yet") ||
           err_hint(e, "drop its tables instead");
}

bool ddl_drop(Portal *p, Err *e)
{
    Session *s = p->session;
    for (size_t i = 0; i < p->bound->u.drop.count; i++) {
        CatalogSnap *cat = session_catalog(s);
        bool ok = drop_one(p, cat, p->bound, &p->bound->u.drop.names[i], e);
        cat_unref(cat);
        if (!ok)
            return false;
    }
    return true;
}

/* The sequences of the table's columns go with it to its new id; RESTART IDENTITY: to their start. */
static bool move_sequences(Portal *p, const CatalogSnap *cat, TableId from, TableId to, Err *e)
{
    SequenceSpec spec = {.restart = {.given = true, .none = true}};
    bool restart = p->bound->u.truncate.restart;
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        SequenceDef d;
        if (sequence_owned_by(t, from, &d) && !sequence_change(p, t, restart ? &spec : NULL, to, e))
            return false;
    }
    return true;
}

/* The rows of a truncated table stay behind under its old id and go at the next compaction. */
bool ddl_truncate(Portal *p, Err *e)
{
    Session *s = p->session;
    for (size_t i = 0; i < p->bound->u.truncate.count; i++) {
        const QualifiedName *name = &p->bound->u.truncate.names[i];
        CatalogSnap *cat = session_catalog(s);
        const TableDef *t = session_find_table(s, cat, name);
        bool ok = t && t->kind != TABLE_VIEW && t->kind != TABLE_SEQUENCE;
        if (!ok) {
            err_set(e, t ? ERR_WRONG_OBJECT : ERR_UNDEFINED_TABLE,
                    t ? "\"%.*s\" is not a table" : "relation \"%.*s\" does not exist",
                    SLICE_ARG(name->name));
        } else {
            TableDef *fresh = table_def_copy(&p->arena, t);
            if (!acl_kept(cat, t, e)) {
                cat_unref(cat);
                return false;
            }
            fresh->id = engine_new_id(s->db->engine);
            fresh->version = 0;
            if (!tiers_truncated(p, t, fresh, e)) {
                cat_unref(cat);
                return false;
            }
            CatEdit edits[] = {{.op = CAT_DROP_TABLE, .id = t->id, .expect_version = t->version},
                               {.op = CAT_PUT_TABLE, .id = fresh->id, .table = fresh}};
            ok = session_allow_table(s, cat, t, PRIV_TRUNCATE, e) &&
                 ddl_edit_unchecked(s, edits, 2, e) && roles_move_rights(s, cat, t, fresh->id, e) &&
                 move_sequences(p, cat, t->id, fresh->id, e) &&
                 continuous_truncated(p, cat, t->id, fresh->id, e);
        }
        cat_unref(cat);
        if (!ok)
            return false;
    }
    return true;
}
