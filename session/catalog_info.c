/* session/catalog_info.c - information_schema and the pg_tables kind of views. */
#include "exec/interval.h"
#include "session/catalog_private.h"

typedef struct InfoFill {
    Session *session;
    const CatalogSnap *cat;
    RowSink *sink;
    Arena *arena;
} InfoFill;

static bool info_table(void *arg, const RelationRow *rel)
{
    InfoFill *f = arg;
    if (rel->kind == 'S')
        return true;
    RowMaker r = {.n = 0};
    row_text(&r, f->session->database_name);
    row_slice(&r, schema_name(f->session, f->cat, rel->schema));
    row_slice(&r, rel->name);
    row_text(&r, rel->kind == 'v'                                        ? "VIEW"
                 : rel->table && session_is_temp(f->session, rel->table) ? "LOCAL TEMPORARY"
                                                                         : "BASE TABLE");
    row_nulls(&r, 5);
    row_text(&r, rel->table && rel->kind == 'r' ? "YES" : "NO");
    row_text(&r, "NO");
    row_null(&r);
    row_sink_add(f->sink, r.v);
    return true;
}

bool fill_info_tables(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    InfoFill f = {
        .session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink, .arena = ctx->arena};
    each_relation(f.session, f.cat, false, info_table, &f);
    return true;
}

/* precision, radix, scale of numbers as the standard wants them. */
static void row_numbers(RowMaker *r, TypeId t, int32_t typmod)
{
    static const struct {
        TypeId type;
        int precision, radix, scale;
    } rows[] = {{T_INT2, 16, 2, 0},
                {T_INT4, 32, 2, 0},
                {T_INT8, 64, 2, 0},
                {T_FLOAT4, 24, 2, -1},
                {T_FLOAT8, 53, 2, -1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].type == t) {
            row_i64(r, rows[i].precision);
            row_i64(r, rows[i].radix);
            if (rows[i].scale < 0)
                row_null(r);
            else
                row_i64(r, rows[i].scale);
            return;
        }
    if (t == T_NUMERIC && typmod >= 4) {
        row_i64(r, ((typmod - 4) >> 16) & 0xffff);
        row_i64(r, 10);
        row_i64(r, (typmod - 4) & 0x7ff);
    } else if (t == T_NUMERIC) {
        row_null(r);
        row_i64(r, 10);
        row_null(r);
    } else {
        row_nulls(r, 3);
    }
}

static bool is_datetime(TypeId t)
{
    return t == T_TIMESTAMP || t == T_TIMESTAMPTZ || t == T_TIME || t == T_TIMETZ ||
           t == T_INTERVAL;
}

/* "DAY TO SECOND(2)" */
static void row_interval(RowMaker *r, Arena *a, TypeId t, int32_t typmod)
{
    Buf b;
    buf_init(&b);
    if (t == T_INTERVAL && interval_typmod_fields(typmod) != INTERVAL_FIELDS_ALL)
        interval_print_typmod(typmod, &b);
    for (size_t i = 0; i < b.len; i++)
        b.ptr[i] = b.ptr[i] >= 'a' && b.ptr[i] <= 'z' ? (char)(b.ptr[i] - 32) : b.ptr[i];
    if (b.len)
        row_slice(r, arena_slice(a, slice_of(b.ptr + 1, b.len - 1)));
    else
        row_null(r);
    buf_free(&b);
}

static void row_identity(RowMaker *r, const InfoFill *f, const RelationRow *rel,
                         const ColumnDef *of)
{
    const TableDef *seq =
        of && of->identity ? sequence_of_column(f->cat, rel->table->id, of->id) : NULL;
    row_text(r, seq ? "YES" : "NO");
    if (!seq) {
        row_nulls(r, 5);
        row_text(r, "NO");
        return;
    }
    SequenceDef d;
    sequence_def(seq, &d);
    row_text(r, of->identity == 'a' ? "ALWAYS" : "BY DEFAULT");
    row_number_text(r, f->arena, d.start);
    row_number_text(r, f->arena, d.increment);
    row_number_text(r, f->arena, d.max);
    row_number_text(r, f->arena, d.min);
    row_text(r, d.cycle ? "YES" : "NO");
}

/* catalog, schema, name of what a column refers to */
static void row_named_type(RowMaker *r, const InfoFill *f, const char *name, const char *schema)
{
    if (!name) {
        row_nulls(r, 3);
        return;
    }
    row_text(r, f->session->database_name);
    row_text(r, schema);
    row_text(r, name);
}

static void info_column(InfoFill *f, const RelationRow *rel, Slice name, TypeId type,
                        int32_t typmod, int64_t num, const ColumnDef *of)
{
    const ViewDeclared *in =
        rel->view && rel->view->declared ? &rel->view->declared[num - 1] : NULL;
    const CatalogType *declared = in ? catalog_type(in->type) : NULL;
    const CatalogType *domain = declared && declared->typtype == 'd' ? declared : NULL;
    if (domain)
        typmod = domain->typmod;
    const TypeDef *d = type_find(type);
    if (!d)
        return;
    bool bounded = (type == T_VARCHAR || type == T_BPCHAR) && typmod >= 4;
    RowMaker r = {.n = 0};
    row_text(&r, f->session->database_name);
    row_slice(&r, schema_name(f->session, f->cat, rel->schema));
    row_slice(&r, rel->name);
    row_slice(&r, name);
    row_i64(&r, num);
    Slice text = SLICE_NONE;
    if (of && of->default_sql.len && !of->identity)
        catalog_expression(f->session, f->cat, f->arena, of->default_sql, NULL, type, false, &text);
    r.v[r.n++] = text.len ? value_str(text) : value_null();
    row_text(&r, (of && of->not_null) || (in && in->not_null) ? "NO" : "YES");
    row_text(&r, d->category == 'A' ? "ARRAY" : d->display);
    if (bounded)
        row_i64(&r, typmod - 4);
    else
        row_null(&r);
    if (d->category == 'S' && type != T_NAME)
        row_i64(&r, bounded ? (typmod - 4) * 4 : 1073741824);
    else
        row_null(&r);
    row_numbers(&r, type, typmod);
    int digits = type == T_INTERVAL ? interval_typmod_digits(typmod) : typmod;
    if (is_datetime(type))
        row_i64(&r, digits >= 0 ? digits : 6);
    else if (type == T_DATE)
        row_i64(&r, 0);
    else
        row_null(&r);
    row_interval(&r, f->arena, type, typmod);
    row_nulls(&r, 4); /* its precision, character set */
    row_named_type(&r, f, type == T_NAME ? "C" : NULL, "pg_catalog");
    row_named_type(&r, f, domain ? domain->name : NULL, domain ? domain->schema : NULL);
    row_named_type(&r, f, d->name, "pg_catalog");
    row_nulls(&r, 4); /* scope, cardinality */
    row_number_text(&r, f->arena, num);
    row_text(&r, "NO");
    row_identity(&r, f, rel, of);
    row_text(&r, "NEVER");
    row_null(&r);
    row_text(&r, rel->table && rel->kind == 'r' ? "YES" : "NO");
    row_sink_add(f->sink, r.v);
}

static bool info_columns(void *arg, const RelationRow *rel)
{
    InfoFill *f = arg;
    if (rel->kind == 'S')
        return true;
    if (rel->view) {
        for (size_t i = 0; i < rel->view->column_count; i++)
            info_column(f, rel, slice_cstr(rel->view->columns[i].name), rel->view->columns[i].type,
                        -1, (int64_t)i + 1, NULL);
        return true;
    }
    for (size_t i = 0; i < rel->table->column_count; i++) {
        const ColumnDef *c = &rel->table->columns[i];
        if (!c->dropped)
            info_column(f, rel, c->name, c->type_oid, c->typmod, (int64_t)i + 1, c);
    }
    return true;
}

bool fill_info_columns(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    InfoFill f = {
        .session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink, .arena = ctx->arena};
    each_relation(f.session, f.cat, false, info_columns, &f);
    return true;
}

static void schemata_row(InfoFill *f, Slice name)
{
    RowMaker r = {.n = 0};
    row_text(&r, f->session->database_name);
    row_slice(&r, name);
    row_text(&r, f->session->user);
    row_nulls(&r, 4);
    row_sink_add(f->sink, r.v);
}

bool fill_info_schemata(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    InfoFill f = {.session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink};
    static const char *const fixed[] = {"pg_catalog", "information_schema", "skulk",
                                        "timescaledb_information"};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        schemata_row(&f, slice_cstr(fixed[i]));
    for (size_t i = 0; i < cat_schema_count(f.cat); i++)
        if (cat_schema_at(f.cat, i)->database == f.session->database)
            schemata_row(&f, cat_schema_at(f.cat, i)->name);
    return true;
}

static bool table_row(void *arg, const RelationRow *rel)
{
    InfoFill *f = arg;
    if (rel->kind != 'r')
        return true;
    RowMaker r = {.n = 0};
    row_slice(&r, schema_name(f->session, f->cat, rel->schema));
    row_slice(&r, rel->name);
    row_text(&r, f->session->user);
    row_null(&r);
    for (int i = 0; i < 4; i++)
        row_bool(&r, false);
    row_sink_add(f->sink, r.v);
    return true;
}

bool fill_pg_tables(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    InfoFill f = {.session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink};
    each_relation(f.session, f.cat, false, table_row, &f);
    return true;
}

static bool view_row(void *arg, const RelationRow *rel)
{
    InfoFill *f = arg;
    if (rel->kind != 'v')
        return true;
    RowMaker r = {.n = 0};
    row_slice(&r, schema_name(f->session, f->cat, rel->schema));
    row_slice(&r, rel->name);
    row_text(&r, f->session->user);
    r.v[r.n++] =
        rel->table ? value_str(view_shown(f->session, f->arena, f->cat, rel->table)) : value_null();
    row_sink_add(f->sink, r.v);
    return true;
}

bool fill_pg_views(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    InfoFill f = {
        .session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink, .arena = ctx->arena};
    each_relation(f.session, f.cat, false, view_row, &f);
    return true;
}

static bool matview_row(void *arg, const RelationRow *rel)
{
    InfoFill *f = arg;
    if (rel->kind != 'm')
        return true;
    Value row[] = {value_str(schema_name(f->session, f->cat, rel->schema)),
                   value_str(rel->name),
                   value_str(slice_cstr(f->session->user)),
                   value_null(),
                   value_bool(false),
                   value_bool(!view_is_stored(rel->table) || stored_view(rel->table).populated),
                   value_str(view_shown(f->session, f->arena, f->cat, rel->table))};
    row_sink_add(f->sink, row);
    return true;
}

bool fill_pg_matviews(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    InfoFill f = {
        .session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink, .arena = ctx->arena};
    each_relation(f.session, f.cat, false, matview_row, &f);
    return true;
}
