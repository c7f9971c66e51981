/* session/catalog_depend.c - pg_depend and pg_rewrite: what pg_dump needs to know of order and ownership.
 *
 * Listed are: what the extension skulk brings (its schema and views), what views read, which column a
 * sequence belongs to.  Other dependencies follow from pg_constraint and pg_index. */
#include "session/catalog_private.h"

typedef struct DependFill {
    Session *session;
    const CatalogSnap *cat;
    RowSink *sink;
    Arena *arena;
    uint32_t rule; /* of the view that is being read */
    TableId *seen; /* what it reads */
    size_t seen_count;
} DependFill;

typedef struct ObjectAddress {
    uint32_t class, object;
    int64_t column;
} ObjectAddress;

static uint32_t rule_of(const TableDef *view)
{
    return view->id | OID_ROW_TYPE_FLAG | OID_ROW_ARRAY_FLAG;
}

static void depend_row(RowSink *sink, ObjectAddress from, ObjectAddress on, const char *type)
{
    RowMaker r = {.n = 0};
    row_i64(&r, from.class);
    row_i64(&r, from.object);
    row_i64(&r, from.column);
    row_i64(&r, on.class);
    row_i64(&r, on.object);
    row_i64(&r, on.column);
    row_char(&r, type);
    row_sink_add(sink, r.v);
}

static void extension_rows(DependFill *f)
{
    ObjectAddress extension = {OID_PG_EXTENSION, OID_EXTENSION_FIRST, 0};
    depend_row(f->sink, (ObjectAddress){OID_PG_NAMESPACE, OID_SKULK_SCHEMA, 0}, extension, "e");
    depend_row(f->sink, (ObjectAddress){OID_PG_NAMESPACE, OID_TIMESCALE_SCHEMA, 0}, extension, "e");
    for (size_t i = 0; i < view_count(); i++)
        if (strcmp(view_at(i)->schema, "skulk") == 0 ||
            strcmp(view_at(i)->schema, "timescaledb_information") == 0)
            depend_row(f->sink, (ObjectAddress){OID_PG_CLASS, pg_relation_oid(view_at(i)), 0},
                       extension, "e");
}

/* Called for each table that the text of a view names. */
static bool note_read(void *arg, const CatalogSnap *cat, const RelationUse *use, Err *e)
{
    DependFill *f = arg;
    const TableDef *t = use->table;
    (void)cat, (void)e;
    for (size_t i = 0; i < f->seen_count; i++)
        if (f->seen[i] == t->id)
            return true;
    if (use->view) /* through another view */
        return true;
    TableId *more = ARENA_ARRAY(f->arena, TableId, f->seen_count + 1);
    for (size_t i = 0; i < f->seen_count; i++)
        more[i] = f->seen[i];
    more[f->seen_count++] = t->id;
    f->seen = more;
    depend_row(f->sink, (ObjectAddress){OID_PG_REWRITE, f->rule, 0},
               (ObjectAddress){OID_PG_CLASS, t->id, 0}, "n");
    return true;
}

static void view_rows(DependFill *f, const TableDef *view)
{
    Arena arena;
    EvalCtx fold;
    SqlStatement *st;
    size_t count;
    Bound *bound;
    Err ignored;
    f->rule = rule_of(view);
    f->seen_count = 0;
    depend_row(f->sink, (ObjectAddress){OID_PG_REWRITE, f->rule, 0},
               (ObjectAddress){OID_PG_CLASS, view->id, 0}, "i");
    arena_init(&arena, &f->session->db->query_pool);
    session_eval_ctx(f->session, &fold);
    fold.arena = fold.scratch = &arena;
    SqlEnv env = session_text_env(f->session, f->cat, &fold);
    env.allow = note_read;
    env.arg = f;
    if (sql_parse(&arena, view->definition, &st, &count, &ignored) && count == 1)
        (void)!sql_analyze(&env, &arena, st, NULL, 0, &bound, &ignored);
    arena_free(&arena);
}

static void sequence_row(DependFill *f, const TableDef *seq)
{
    SequenceDef d;
    sequence_def(seq, &d);
    const TableDef *t = d.owner ? cat_table_by_id(f->cat, d.owner) : NULL;
    for (size_t i = 0; t && i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        ObjectAddress from = {OID_PG_CLASS, seq->id, 0};
        ObjectAddress column = {OID_PG_CLASS, t->id, (int64_t)i + 1};
        ObjectAddress value = {OID_PG_ATTRDEF, (uint32_t)attrdef_oid(t->id, i), 0};
        if (c->id != d.owner_column)
            continue;
        depend_row(f->sink, from, column, c->identity ? "i" : "a");
        if (c->default_sql.len && !c->identity) { /* pg_dump makes the sequence in between */
            depend_row(f->sink, value, column, "a");
            depend_row(f->sink, value, from, "n");
        }
    }
}

bool fill_pg_depend(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    DependFill f = {
        .session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink, .arena = ctx->arena};
    (void)e;
    extension_rows(&f);
    for (size_t i = 0; i < cat_table_count(f.cat); i++) {
        const TableDef *t = cat_table_at(f.cat, i);
        if (!table_shown(f.session, t))
            continue;
        if (t->kind == TABLE_VIEW)
            view_rows(&f, t);
        else if (t->kind == TABLE_SEQUENCE)
            sequence_row(&f, t);
    }
    return true;
}

bool fill_pg_rewrite(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    const CatalogSnap *cat = snapshot_catalog(snap);
    (void)e;
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->kind != TABLE_VIEW || !table_shown(ctx->session, t))
            continue;
        RowMaker r = {.n = 0};
        row_i64(&r, rule_of(t));
        row_text(&r, "_RETURN");
        row_i64(&r, t->id);
        row_char(&r, "1");
        row_char(&r, "O");
        row_bool(&r, true);
        row_text(&r, "<>");
        row_slice(&r, t->definition);
        row_sink_add(sink, r.v);
    }
    return true;
}
