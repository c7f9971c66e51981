/* session/comment.c - COMMENT ON, and where the comments are read: pg_description, pg_shdescription,
 * obj_description() and its kin.
 *
 * Those of tables and columns are in their definition.  The others are settings of the catalog under
 * the name "comment CLASS.OID", in their database (0: of databases and roles); what is dropped leaves
 * its comment behind until the next COMMENT ON. */
#include "session/acl.h"
#include "session/catalog_private.h"
#include <stdio.h>

#define PREFIX "comment "

static Slice key_of(Arena *a, uint32_t class, uint32_t oid)
{
    return arena_printf(a, PREFIX "%u.%u", class, oid);
}

static bool of_all(uint32_t class)
{
    return class == OID_PG_DATABASE || class == OID_PG_AUTHID;
}

static Slice kept_comment(const Session *s, const CatalogSnap *cat, uint32_t class, uint32_t oid)
{
    char name[48];
    Slice text = SLICE_NONE;
    int n = snprintf(name, sizeof name, PREFIX "%u.%u", class, oid);
    ObjectId in = of_all(class) ? 0 : s->database;
    return cat_setting(cat, in, slice_of(name, (size_t)n), &text) ? text : SLICE_NONE;
}

/* Of anything but columns. */
static Slice comment_of(const Session *s, const CatalogSnap *cat, uint32_t class, uint32_t oid)
{
    const TableDef *t = class == OID_PG_CLASS ? cat_table_by_id(cat, oid) : NULL;
    if (t)
        return t->comment;
    Slice text = kept_comment(s, cat, class, oid);
    if (text.len)
        return text;
    const SchemaDef *d = class == OID_PG_NAMESPACE ? cat_schema_by_id(cat, oid) : NULL;
    if (d && slice_eq_cstr(d->name, "public")) /* pg_dump takes another text for the user's */
        return SLICE_LIT("standard public schema");
    return class == OID_PG_EXTENSION ? extension_text(oid) : SLICE_NONE;
}

/* ---- COMMENT ON ---- */

typedef struct Target { /* what is not a table or column */
    uint32_t class, oid;
} Target;

static bool find_constraint(const TableDef *t, const Bound *b, Target *out, Err *e)
{
    const ConstraintDef *c = table_constraint(t, b->u.comment.column);
    if (!c || c->type == CONSTRAINT_INDEX || c->type == CONSTRAINT_UNIQUE_INDEX)
        return err_set(e, ERR_UNDEFINED_OBJECT,
                       "constraint \"%.*s\" for table \"%.*s\" does not exist",
                       SLICE_ARG(b->u.comment.column), SLICE_ARG(t->name));
    *out = (Target){OID_PG_CONSTRAINT, constraint_oid(c)};
    return true;
}

static bool owns_part(Session *s, const CatalogSnap *cat, const TableDef *t, const char *what,
                      Slice name, Err *e)
{
    return session_in_role(s, cat, object_owner(cat, GRANT_TABLE, t->id)) ||
           err_set(e, ERR_PRIVILEGE, "must be owner of %s %.*s", what, SLICE_ARG(name));
}

static Slice as_written(Arena *a, const QualifiedName *n)
{
    return n->schema.len ? arena_printf(a, "%.*s.%.*s", SLICE_ARG(n->schema), SLICE_ARG(n->name))
                         : n->name;
}

static bool no_relation(Arena *a, const QualifiedName *n, Err *e)
{
    return err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                   SLICE_ARG(as_written(a, n)));
}

static bool find_index(Session *s, Arena *a, const CatalogSnap *cat, const QualifiedName *name,
                       Target *out, Err *e)
{
    for (size_t i = 0; i <= s->search_path_count; i++) {
        const SchemaDef *d =
            name->schema.len ? session_schema(s, cat, name->schema) : session_path_at(s, cat, i);
        for (size_t k = 0; d && k < cat_table_count(cat); k++) {
            const TableDef *t = cat_table_at(cat, k);
            const ConstraintDef *c = t->schema == d->id ? table_constraint(t, name->name) : NULL;
            if (!c || !constraint_is_index(c))
                continue;
            *out = (Target){OID_PG_CLASS, c->id};
            return owns_part(s, cat, t, "index", name->name, e);
        }
    }
    return session_find_table(s, cat, name)
               ? err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not an index", SLICE_ARG(name->name))
               : no_relation(a, name, e);
}

static bool find_role(Session *s, const CatalogSnap *cat, Slice name, Target *out, Err *e)
{
    const RoleDef *r = role_named(s, cat, name, e), *me = cat_role_by_id(cat, s->role);
    if (!r)
        return false;
    *out = (Target){OID_PG_AUTHID, r->id};
    if (session_is_superuser(s, cat))
        return true;
    if (r->flags & ROLE_SUPERUSER)
        return err_set(e, ERR_PRIVILEGE, "must be superuser");
    return (me && me->flags & ROLE_CREATEROLE) ||
           err_set(e, ERR_PRIVILEGE, "must have CREATEROLE privilege");
}

static bool find_extension(Session *s, Slice name, Target *out, Err *e)
{
    *out = (Target){OID_PG_EXTENSION, extension_oid(name)};
    if (!out->oid)
        return err_set(e, ERR_UNDEFINED_OBJECT, "extension \"%.*s\" does not exist",
                       SLICE_ARG(name));
    return session_must_be_superuser(s, "comment on an extension", e);
}

/* Its oid 0: there is none, which was said as a warning. */
static bool find_target(Portal *p, const CatalogSnap *cat, Target *out, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    const QualifiedName *name = &b->u.comment.name;
    const SchemaDef *schema;
    const DatabaseDef *db;
    switch (b->u.comment.what) {
    case COMMENT_SCHEMA:
        schema = session_schema(s, cat, name->name);
        *out = (Target){OID_PG_NAMESPACE, schema ? schema->id : 0};
        return schema ? session_owns(s, cat, GRANT_SCHEMA, schema->id, name->name, e)
                      : err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist",
                                SLICE_ARG(name->name));
    case COMMENT_DATABASE:
        db = cat_database(cat, name->name);
        *out = (Target){OID_PG_DATABASE, db ? db->id : 0};
        if (!db)
            session_notice(s, "WARNING", ERR_DATABASE_NAME, "database \"%.*s\" does not exist",
                           SLICE_ARG(name->name));
        return !db || session_owns(s, cat, GRANT_DATABASE, db->id, name->name, e);
    case COMMENT_ROLE:
        return find_role(s, cat, name->name, out, e);
    case COMMENT_EXTENSION:
        return find_extension(s, name->name, out, e);
    default:
        return find_index(s, &p->arena, cat, name, out, e);
    }
}

static bool target_exists(const Session *s, const CatalogSnap *cat, const Target *x)
{
    if (x->class == OID_PG_NAMESPACE)
        return cat_schema_by_id(cat, x->oid);
    if (x->class == OID_PG_DATABASE)
        return cat_database_by_id(cat, x->oid);
    if (x->class == OID_PG_AUTHID)
        return cat_role_by_id(cat, x->oid);
    if (x->class == OID_PG_EXTENSION)
        return true;
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        for (size_t k = 0; t->database == s->database && k < t->constraint_count; k++)
            if (t->constraints[k].id == (x->oid & ~OID_CONSTRAINT_FLAG))
                return true;
    }
    return false;
}

/* Of what was dropped, in this database. */
static bool sweep(Session *s, const CatalogSnap *cat, Err *e)
{
    for (size_t i = 0; i < cat_setting_count(cat); i++) {
        ObjectId in;
        Slice name, text;
        Target x;
        cat_setting_at(cat, i, &in, &name, &text);
        if ((in && in != s->database) || name.len < strlen(PREFIX) ||
            memcmp(name.ptr, PREFIX, strlen(PREFIX)) != 0)
            continue;
        must(sscanf(name.ptr + strlen(PREFIX), "%u.%u", &x.class, &x.oid) == 2);
        CatEdit drop = {.op = CAT_PUT_SETTING, .id = in, .setting = name};
        if (!target_exists(s, cat, &x) && !ddl_edit_unchecked(s, &drop, 1, e))
            return false;
    }
    return true;
}

static bool put_target(Portal *p, const CatalogSnap *cat, const Target *x, Slice text, Err *e)
{
    CatEdit edit = {.op = CAT_PUT_SETTING,
                    .id = of_all(x->class) ? 0 : p->session->database,
                    .setting = key_of(&p->arena, x->class, x->oid),
                    .value = text};
    return !x->oid || (sweep(p->session, cat, e) && ddl_edit_unchecked(p->session, &edit, 1, e));
}

static bool right_kind(const TableDef *t, CommentKind what, Err *e)
{
    static const char *const words[] = {
        [COMMENT_TABLE] = "a table", [COMMENT_VIEW] = "a view", [COMMENT_SEQUENCE] = "a sequence"};
    bool fits = what == COMMENT_VIEW       ? t->kind == TABLE_VIEW
                : what == COMMENT_SEQUENCE ? t->kind == TABLE_SEQUENCE
                : what == COMMENT_TABLE    ? t->kind != TABLE_VIEW && t->kind != TABLE_SEQUENCE
                                           : true;
    return fits ||
           err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not %s", SLICE_ARG(t->name), words[what]);
}

static bool put_table(Portal *p, const TableDef *t, Slice text, Err *e)
{
    const Bound *b = p->bound;
    TableDef *copy = table_def_copy(&p->arena, t);
    ColumnDef *c = NULL;
    for (size_t i = 0; b->u.comment.what == COMMENT_COLUMN && i < copy->column_count; i++)
        if (!copy->columns[i].dropped && slice_eq(copy->columns[i].name, b->u.comment.column))
            c = &copy->columns[i];
    if (c)
        c->comment = text;
    else if (b->u.comment.what == COMMENT_COLUMN)
        return err_set(
            e, ERR_UNDEFINED_COLUMN, "column \"%.*s\" of relation \"%.*s\" does not exist",
            SLICE_ARG(b->u.comment.column), SLICE_ARG(as_written(&p->arena, &b->u.comment.name)));
    else
        copy->comment = text;
    CatEdit put = {.op = CAT_PUT_TABLE, .id = t->id, .expect_version = t->version, .table = copy};
    return ddl_edit(p->session, &put, 1, e);
}

static bool comment_relation(Portal *p, const CatalogSnap *cat, Slice text, Err *e)
{
    const Bound *b = p->bound;
    Session *s = p->session;
    const TableDef *t = session_find_table(s, cat, &b->u.comment.name);
    Target x;
    if (!t)
        return no_relation(&p->arena, &b->u.comment.name, e);
    if (b->u.comment.what != COMMENT_CONSTRAINT)
        return right_kind(t, b->u.comment.what, e) && put_table(p, t, text, e);
    return owns_part(s, cat, t, "relation", t->name, e) && find_constraint(t, b, &x, e) &&
           put_target(p, cat, &x, text, e);
}

bool ddl_comment(Portal *p, Err *e)
{
    const Bound *b = p->bound;
    CatalogSnap *cat = session_catalog(p->session);
    Slice text = b->u.comment.null_text ? SLICE_NONE : b->u.comment.text;
    Target x;
    bool ok = b->u.comment.what <= COMMENT_CONSTRAINT
                  ? comment_relation(p, cat, text, e)
                  : find_target(p, cat, &x, e) && put_target(p, cat, &x, text, e);
    cat_unref(cat);
    return ok;
}

/* ---- relations ---- */

typedef struct CommentFill {
    const Session *session;
    const CatalogSnap *cat;
    RowSink *sink;
} CommentFill;

static void add(const CommentFill *f, uint32_t class, uint32_t oid, int64_t column, Slice text)
{
    RowMaker r = {.n = 0};
    if (!text.len)
        return;
    row_i64(&r, oid);
    row_i64(&r, class);
    if (!of_all(class))
        row_i64(&r, column);
    row_slice(&r, text);
    row_sink_add(f->sink, r.v);
}

static void add_kept(const CommentFill *f, uint32_t class, uint32_t oid)
{
    add(f, class, oid, 0, comment_of(f->session, f->cat, class, oid));
}

static void add_table(const CommentFill *f, const TableDef *t)
{
    add(f, OID_PG_CLASS, t->id, 0, t->comment);
    for (size_t i = 0; i < t->column_count; i++)
        if (!t->columns[i].dropped)
            add(f, OID_PG_CLASS, t->id, (int64_t)i + 1, t->columns[i].comment);
    for (size_t i = 0; i < t->constraint_count; i++) {
        const ConstraintDef *c = &t->constraints[i];
        if (constraint_is_index(c))
            add_kept(f, OID_PG_CLASS, c->id);
        if (c->type != CONSTRAINT_INDEX && c->type != CONSTRAINT_UNIQUE_INDEX)
            add_kept(f, OID_PG_CONSTRAINT, constraint_oid(c));
    }
}

bool fill_pg_description(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    CommentFill f = {.session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink};
    for (size_t i = 0; i < cat_schema_count(f.cat); i++)
        if (cat_schema_at(f.cat, i)->database == f.session->database)
            add_kept(&f, OID_PG_NAMESPACE, cat_schema_at(f.cat, i)->id);
    for (uint32_t oid = OID_EXTENSION_FIRST; extension_text(oid).len; oid++)
        add_kept(&f, OID_PG_EXTENSION, oid);
    for (size_t i = 0; i < cat_table_count(f.cat); i++)
        if (table_shown(f.session, cat_table_at(f.cat, i)))
            add_table(&f, cat_table_at(f.cat, i));
    return true;
}

bool fill_pg_shdescription(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    CommentFill f = {.session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink};
    for (size_t i = 0; i < cat_database_count(f.cat); i++)
        add_kept(&f, OID_PG_DATABASE, cat_database_at(f.cat, i)->id);
    for (size_t i = 0; i < cat_role_count(f.cat); i++)
        add_kept(&f, OID_PG_AUTHID, cat_role_at(f.cat, i)->id);
    return true;
}

/* ---- functions ---- */

static bool give(EvalCtx *ctx, CatalogSnap *cat, Slice text, Value *out)
{
    *out = text.len ? value_str(arena_slice(ctx->arena, text)) : value_null();
    cat_unref(cat);
    return true;
}

/* Of (oid, catalog), or of whatever has that oid. */
static bool fn_description(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    static const struct {
        const char *name;
        uint32_t class;
    } classes[] = {{"pg_class", OID_PG_CLASS},           {"pg_namespace", OID_PG_NAMESPACE},
                   {"pg_constraint", OID_PG_CONSTRAINT}, {"pg_extension", OID_PG_EXTENSION},
                   {"pg_database", OID_PG_DATABASE},     {"pg_authid", OID_PG_AUTHID}};
    (void)e;
    CatalogSnap *cat = session_catalog(ctx->session);
    Slice text = SLICE_NONE;
    for (size_t i = 0; !text.len && i < ARRAY_LEN(classes); i++)
        if (n == 1 ? !of_all(classes[i].class) : slice_eq_cstr(args[1].u.str, classes[i].name))
            text = comment_of(ctx->session, cat, classes[i].class, (uint32_t)args[0].u.i64);
    return give(ctx, cat, text, out);
}

static bool fn_col_description(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    CatalogSnap *cat = session_catalog(ctx->session);
    const TableDef *t = cat_table_by_id(cat, (TableId)args[0].u.i64);
    int64_t i = args[1].u.i64 - 1;
    bool there = t && i >= 0 && i < t->column_count;
    return give(ctx, cat, there ? t->columns[i].comment : SLICE_NONE, out);
}

#define ROW(sig, fn, txt)                                                                          \
    {                                                                                              \
        .signature = sig, .scalar = fn, .flags = FN_STABLE | FN_STRICT, .text = txt                \
    }

FuncDef comment_functions[] = {
    ROW("obj_description(oid, name) text", fn_description, "comment on an object"),
    ROW("obj_description(oid) text", fn_description, "comment on an object"),
    ROW("shobj_description(oid, name) text", fn_description, "comment on a database or role"),
    ROW("col_description(oid, int4) text", fn_col_description, "comment on a column"),
    {.signature = NULL},
};
