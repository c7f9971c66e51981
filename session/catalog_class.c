/* session/catalog_class.c - pg_class, pg_attribute and their kin: relations and their columns. */
#include "session/catalog_private.h"
#include "storage/engine.h"

/* ---- names of schemas ---- */

static const struct {
    const char *name;
    uint32_t oid;
} virtual_schemas[] = {{"pg_catalog", OID_PG_CATALOG},
                       {"information_schema", OID_INFORMATION_SCHEMA},
                       {"skulk", OID_SKULK_SCHEMA},
                       {"timescaledb_information", OID_TIMESCALE_SCHEMA}};

uint32_t virtual_schema_oid(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(virtual_schemas); i++)
        if (strcmp(virtual_schemas[i].name, name) == 0)
            return virtual_schemas[i].oid;
    return 0;
}

bool schema_is_virtual(Slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(virtual_schemas); i++)
        if (slice_eq_cstr(name, virtual_schemas[i].name))
            return true;
    return false;
}

Slice schema_name(Session *s, const CatalogSnap *cat, uint32_t oid)
{
    (void)s;
    for (size_t i = 0; i < ARRAY_LEN(virtual_schemas); i++)
        if (virtual_schemas[i].oid == oid)
            return slice_cstr(virtual_schemas[i].name);
    const SchemaDef *d = cat_schema_by_id(cat, oid);
    return d ? d->name : SLICE_NONE;
}

int schema_rank(Session *s, const CatalogSnap *cat, Slice schema)
{
    enum { CATALOG_RANK = 1 }; /* behind implied temporary tables */
    if (slice_eq_cstr(schema, "pg_catalog"))
        return CATALOG_RANK;
    for (size_t i = 0; i <= s->search_path_count; i++) {
        const SchemaDef *d = session_path_at(s, cat, i);
        bool same =
            d ? slice_eq(d->name, schema) : i > 0 && slice_eq(s->search_path[i - 1], schema);
        if (same)
            return i ? (int)i + CATALOG_RANK : 0;
    }
    return -1;
}

void each_relation(Session *s, const CatalogSnap *cat, bool indexes, RelationEach each, void *arg)
{
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (!table_shown(s, t))
            continue;
        RelationRow r = {.oid = t->id,
                         .schema = t->schema,
                         .name = t->name,
                         .kind = view_is_materialized(t)     ? 'm'
                                 : t->kind == TABLE_VIEW     ? 'v'
                                 : t->kind == TABLE_SEQUENCE ? 'S'
                                                             : 'r',
                         .table = t};
        if (!each(arg, &r))
            return;
        r.kind = 'i';
        for (size_t k = 0; indexes && k < t->constraint_count; k++) {
            r.index = &t->constraints[k];
            r.oid = r.index->id;
            r.name = r.index->name;
            if (constraint_is_index(r.index) && !each(arg, &r))
                return;
        }
    }
    for (size_t i = 0; i < view_count(); i++) {
        const ViewDef *v = view_at(i);
        uint32_t schema = virtual_schema_oid(v->schema);
        uint32_t oid = pg_relation_oid(v);
        bool base =
            schema == OID_PG_CATALOG ? oid < OID_VIRTUAL_FIRST : strncmp(v->name, "sql_", 4) == 0;
        RelationRow r = {.oid = oid,
                         .schema = schema,
                         .name = slice_cstr(v->name),
                         .kind = base ? 'r' : 'v',
                         .view = v};
        if (!each(arg, &r))
            return;
    }
}

/* ---- pg_class ---- */

typedef struct ClassFill {
    Session *session;
    RowSink *sink;
    Arena *arena;
    const CatalogSnap *cat;
    const Snapshot *snap; /* pg_class only */
} ClassFill;

/* An estimate, as in PostgreSQL: newer versions and deleted rows count until they are merged. */
static double rows_about(const ClassFill *f, const TableDef *t)
{
    TableInfo info = {0};
    if (!session_is_temp(f->session, t))
        snapshot_table_about(f->snap, t->id, &info);
    else if (!temp_table_about(f->session->temp, t->id, &info))
        return -1;
    return (double)info.rows;
}

/* Names of the clustering key, comma-separated; empty: there is none. */
static Slice clustering_key(Arena *a, const TableDef *t)
{
    Slice key = SLICE_NONE;
    for (size_t i = 0; i < t->column_count; i++)
        if (t->columns[i].clusters && !t->columns[i].dropped)
            key = arena_printf(a, "%.*s%s%.*s", SLICE_ARG(key), key.len ? "," : "",
                               SLICE_ARG(t->columns[i].name));
    return key;
}

/* Names of the tags, as WITH (segmentby = ...) takes them; empty: there are none. */
static Slice tag_list(Arena *a, const TableDef *t)
{
    Slice tags = SLICE_NONE;
    for (size_t i = 0; i < t->column_count; i++)
        if (t->columns[i].kind == COL_TAG && !t->columns[i].dropped)
            tags = arena_printf(a, "%.*s%s%.*s", SLICE_ARG(tags), tags.len ? "," : "",
                                SLICE_ARG(t->columns[i].name));
    return tags;
}

/* "duplicates=last" ... as text[] for \d+ and pg_dump. */
static void row_options(RowMaker *r, Arena *a, const TableDef *t)
{
    Slice key = t ? clustering_key(a, t) : SLICE_NONE, tags = t ? tag_list(a, t) : SLICE_NONE;
    if (!t || (t->options.len == 0 && key.len == 0 && tags.len == 0)) {
        row_null(r);
        return;
    }
    Array *arr = ARENA_NEW(a, Array);
    Value *items = ARENA_ARRAY(a, Value, t->options.len + 2);
    if (tags.len)
        items[arr->count++] = value_str(arena_printf(a, "segmentby=%.*s", SLICE_ARG(tags)));
    if (key.len)
        items[arr->count++] = value_str(arena_printf(a, "clustering_key=%.*s", SLICE_ARG(key)));
    for (size_t i = 0; i < t->options.len;) {
        const char *nl = memchr(t->options.ptr + i, '\n', t->options.len - i);
        size_t n = nl ? (size_t)(nl - t->options.ptr) - i : t->options.len - i;
        Slice option = slice_of(t->options.ptr + i, n);
        if (!slice_starts(option, SLICE_LIT("segmentby="))) /* tags may have been added since */
            items[arr->count++] = value_str(option);
        i += n + 1;
    }
    *arr = (Array){.elem = T_TEXT,
                   .ndim = 1,
                   .dims = {(int32_t)arr->count},
                   .lower = {1},
                   .count = arr->count,
                   .items = items};
    r->v[r->n++] = (Value){.phys = PH_ARRAY, .u.arr = arr};
}

static size_t count_constraints(const TableDef *t, bool indexes)
{
    size_t n = 0;
    for (size_t i = 0; t && i < t->constraint_count; i++)
        n += constraint_is_index(&t->constraints[i]) == indexes;
    return n;
}

static bool class_row(void *arg, const RelationRow *rel)
{
    ClassFill *f = arg;
    const TableDef *t = rel->table;
    bool stored = rel->kind == 'r', index = rel->kind == 'i';
    size_t columns = rel->view ? rel->view->column_count
                     : index   ? rel->index->column_count
                               : t->column_count;
    const char kind[] = {rel->kind, 0};
    RowMaker r = {.n = 0};
    row_i64(&r, rel->oid);
    row_slice(&r, rel->name);
    row_i64(&r, rel->schema);
    row_i64(&r, t && (stored || rel->kind == 'v') ? rel->oid | OID_ROW_TYPE_FLAG : 0);
    row_i64(&r, 0);
    row_i64(&r, t ? object_owner(f->cat, GRANT_TABLE, t->id) : OID_OWNER);
    row_i64(&r, stored ? OID_AM_HEAP : index ? OID_AM_BTREE : 0);
    row_i64(&r, stored || index ? rel->oid : 0);
    row_i64(&r, 0); /* reltablespace */
    row_i64(&r, 0); /* relpages */
    row_f64(&r, stored && t ? rows_about(f, t) : -1);
    row_i64(&r, 0);
    row_i64(&r, 0);                                     /* reltoastrelid */
    row_bool(&r, stored && count_constraints(t, true)); /* relhasindex */
    row_bool(&r, false);
    row_char(&r, t && session_is_temp(f->session, t) ? "t" : "p");
    row_char(&r, kind);
    row_i64(&r, (int64_t)columns);
    row_i64(&r, index ? 0 : (int64_t)count_constraints(t, false)); /* relchecks */
    row_bool(&r, rel->kind == 'v');                                /* relhasrules */
    for (int i = 0; i < 4; i++) /* triggers, subclass, row security twice */
        row_bool(&r, false);
    row_bool(&r, !t || !view_is_stored(t) || stored_view(t).populated); /* relispopulated */
    row_char(&r, stored || rel->kind == 'm' ? "d" : "n");
    row_bool(&r, false); /* relispartition */
    row_i64(&r, 0);
    row_i64(&r, 0);
    row_i64(&r, 0);
    if (t && !index)
        row_acl(&r, f->arena, f->cat, GRANT_TABLE, t->id, 0);
    else
        row_null(&r);
    row_options(&r, f->arena, index ? NULL : t);
    row_null(&r);
    row_sink_add(f->sink, r.v);
    return true;
}

bool fill_pg_class(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    Session *s = ctx->session;
    ClassFill f = {.session = s,
                   .sink = sink,
                   .arena = ctx->arena,
                   .cat = snapshot_catalog(snap),
                   .snap = snap};
    each_relation(s, f.cat, true, class_row, &f);
    return true;
}

/* ---- pg_attribute ---- */

static void attribute(const ClassFill *f, uint32_t rel, Slice name, TypeId type, int32_t typmod,
                      int64_t num, const ColumnDef *of, const ViewDeclared *in)
{
    const CatalogType *known = in ? catalog_type(in->type) : NULL;
    const TypeDef *d = type_find(type);
    static const char *const align_text[] = {"c", "s", "i", "d"};
    const char *align = align_text[2];
    for (size_t i = 0; d && i < ARRAY_LEN(align_text); i++)
        if (align_text[i][0] == d->align)
            align = align_text[i];
    bool collatable = d && (d->category == 'S'), dropped = of && of->dropped;
    const char identity[] = {of ? of->identity : 0, 0};
    RowMaker r = {.n = 0};
    row_i64(&r, rel);
    row_slice(&r, name);
    row_i64(&r, dropped ? 0 : in ? in->type : type);
    row_i64(&r, -1);
    row_i64(&r, known && known->oid == in->type ? known->len : d ? d->len : -1);
    row_i64(&r, num);
    row_i64(&r, d && d->elem_oid && d->category == 'A' ? 1 : 0);
    row_i64(&r, -1);
    row_i64(&r, typmod);
    row_bool(&r, d && d->by_value);
    row_char(&r, align);
    row_char(&r, !d || d->len >= 0 ? "p" : type == T_NUMERIC ? "m" : "x");
    row_char(&r, "");
    row_bool(&r, (of && of->not_null) || (in && in->not_null));
    row_bool(&r, of && of->default_sql.len && !of->identity);
    row_bool(&r, false);
    row_char(&r, identity);
    row_char(&r, ""); /* attgenerated */
    row_bool(&r, dropped);
    row_bool(&r, true);
    row_i64(&r, 0);
    row_i64(&r, collatable ? (type == T_NAME ? OID_COLLATION_C : OID_COLLATION_DEFAULT) : 0);
    if (of)
        row_acl(&r, f->arena, f->cat, GRANT_COLUMN, rel, (ObjectId)num);
    else
        row_null(&r);
    row_nulls(&r, 3);
    row_sink_add(f->sink, r.v);
}

static bool attribute_rows(void *arg, const RelationRow *rel)
{
    ClassFill *f = arg;
    if (rel->view) {
        for (size_t i = 0; i < rel->view->column_count; i++)
            attribute(f, rel->oid, slice_cstr(rel->view->columns[i].name),
                      rel->view->columns[i].type, -1, (int64_t)i + 1, NULL,
                      rel->view->declared ? &rel->view->declared[i] : NULL);
        return true;
    }
    const TableDef *t = rel->table;
    for (size_t i = 0; rel->kind == 'i' && i < rel->index->column_count; i++) {
        const ColumnDef *c = &t->columns[rel->index->columns[i]];
        attribute(f, rel->oid, c->name, c->type_oid, c->typmod, (int64_t)i + 1, NULL, NULL);
    }
    for (size_t i = 0; rel->kind != 'i' && i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        attribute(f, rel->oid, c->name, c->type_oid, c->typmod, (int64_t)i + 1, c, NULL);
    }
    return true;
}

bool fill_pg_attribute(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    ClassFill f = {
        .session = ctx->session, .sink = sink, .arena = ctx->arena, .cat = snapshot_catalog(snap)};
    each_relation(f.session, f.cat, true, attribute_rows, &f);
    return true;
}

static bool attrdef_rows(void *arg, const RelationRow *rel)
{
    ClassFill *f = arg;
    for (size_t i = 0; rel->table && i < rel->table->column_count; i++) {
        const ColumnDef *c = &rel->table->columns[i];
        if (c->default_sql.len == 0 || c->dropped || c->identity)
            continue;
        Slice text;
        catalog_expression(f->session, f->cat, f->arena, c->default_sql, NULL, c->type_oid, false,
                           &text);
        RowMaker r = {.n = 0};
        row_i64(&r, attrdef_oid(rel->oid, i));
        row_i64(&r, rel->oid);
        row_i64(&r, (int64_t)i + 1);
        row_slice(&r, text);
        row_sink_add(f->sink, r.v);
    }
    return true;
}

bool fill_pg_attrdef(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    ClassFill f = {
        .session = ctx->session, .sink = sink, .arena = ctx->arena, .cat = snapshot_catalog(snap)};
    each_relation(f.session, f.cat, false, attrdef_rows, &f);
    return true;
}

/* ---- pg_namespace, pg_database ---- */

static void namespace_row(RowSink *sink, Arena *a, const CatalogSnap *cat, uint32_t oid, Slice name)
{
    RowMaker r = {.n = 0};
    row_i64(&r, oid);
    row_slice(&r, name);
    row_i64(&r, object_owner(cat, GRANT_SCHEMA, oid));
    row_acl(&r, a, cat, GRANT_SCHEMA, oid, 0);
    row_sink_add(sink, r.v);
}

bool fill_pg_namespace(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    Session *s = ctx->session;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < ARRAY_LEN(virtual_schemas); i++)
        namespace_row(sink, ctx->arena, cat, virtual_schemas[i].oid,
                      slice_cstr(virtual_schemas[i].name));
    for (size_t i = 0; i < cat_schema_count(cat); i++) {
        const SchemaDef *d = cat_schema_at(cat, i);
        if (d->database == s->database)
            namespace_row(sink, ctx->arena, cat, d->id, d->name);
    }
    return true;
}

bool fill_pg_database(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_database_count(cat); i++) {
        const DatabaseDef *d = cat_database_at(cat, i);
        RowMaker r = {.n = 0};
        row_i64(&r, d->id);
        row_slice(&r, d->name);
        row_i64(&r, object_owner(cat, GRANT_DATABASE, d->id));
        row_i64(&r, 6); /* UTF8 */
        row_char(&r, "c");
        row_bool(&r, false);
        row_bool(&r, true);
        row_i64(&r, -1);
        row_i64(&r, 0);
        row_i64(&r, 0);
        row_i64(&r, OID_TABLESPACE);
        row_text(&r, "C");
        row_text(&r, "C.UTF-8");
        row_nulls(&r, 2);
        row_acl(&r, ctx->arena, cat, GRANT_DATABASE, d->id, 0);
        row_sink_add(sink, r.v);
    }
    return true;
}
