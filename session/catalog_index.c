/* session/catalog_index.c - PRIMARY KEYs as PostgreSQL shows them: an index and a constraint each.
 *
 * There are no such indexes: rows are found by series and time.  The names and rows are for clients
 * that ask pg_index for the key of a table (\d, drivers, editors). */
#include "session/catalog_private.h"

uint32_t key_index_oid(const TableDef *t)
{
    return OID_INDEX_FLAG | t->id;
}

Slice key_index_name(Arena *a, const TableDef *t)
{
    return arena_printf(a, "%.*s_pkey", SLICE_ARG(t->name));
}

typedef struct KeyFill {
    Session *session;
    const CatalogSnap *cat;
    RowSink *sink;
    Arena *arena;
} KeyFill;

typedef void (*KeyEach)(KeyFill *f, const TableDef *t, Slice name);

static bool each_key(EvalCtx *ctx, Snapshot *snap, RowSink *sink, KeyEach each)
{
    KeyFill f = {
        .session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink, .arena = ctx->arena};
    for (size_t i = 0; i < cat_table_count(f.cat); i++) {
        const TableDef *t = cat_table_at(f.cat, i);
        if (t->database == f.session->database && t->key_count)
            each(&f, t, key_index_name(f.arena, t));
    }
    return true;
}

static Value key_array(Arena *a, TypeId elem, const TableDef *t, bool numbers, int32_t lower)
{
    Array *arr = ARENA_NEW(a, Array);
    Value *items = ARENA_ARRAY(a, Value, t->key_count + 1u);
    for (size_t i = 0; i < t->key_count; i++)
        items[i] = value_i64(numbers ? t->key[i] + 1 : 0);
    *arr = (Array){.elem = elem,
                   .ndim = 1,
                   .dims = {t->key_count},
                   .lower = {lower},
                   .count = t->key_count,
                   .items = items};
    return (Value){.phys = PH_ARRAY, .u.arr = arr};
}

/* ---- pg_index, pg_constraint ---- */

static void index_row(KeyFill *f, const TableDef *t, Slice name)
{
    (void)name;
    RowMaker r = {.n = 0};
    row_i64(&r, key_index_oid(t));
    row_i64(&r, t->id);
    row_i64(&r, t->key_count);
    row_i64(&r, t->key_count);
    row_bool(&r, true); /* unique */
    row_bool(&r, false);
    row_bool(&r, true); /* primary */
    row_bool(&r, false);
    row_bool(&r, true); /* immediate */
    row_bool(&r, false);
    row_bool(&r, true); /* valid */
    row_bool(&r, false);
    row_bool(&r, true); /* ready */
    row_bool(&r, true);
    row_bool(&r, false);
    r.v[r.n++] = key_array(f->arena, T_INT2, t, true, 0);
    r.v[r.n++] = key_array(f->arena, T_OID, t, false, 0);
    r.v[r.n++] = key_array(f->arena, T_OID, t, false, 0);
    r.v[r.n++] = key_array(f->arena, T_INT2, t, false, 0);
    row_nulls(&r, 2);
    row_sink_add(f->sink, r.v);
}

bool fill_pg_index(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, index_row);
}

static void constraint_row(KeyFill *f, const TableDef *t, Slice name)
{
    RowMaker r = {.n = 0};
    row_i64(&r, key_index_oid(t));
    row_slice(&r, name);
    row_i64(&r, t->schema);
    row_char(&r, "p");
    row_bool(&r, false);
    row_bool(&r, false);
    row_bool(&r, true); /* validated */
    row_i64(&r, t->id);
    row_i64(&r, 0);
    row_i64(&r, key_index_oid(t));
    row_i64(&r, 0);
    row_i64(&r, 0);
    for (int i = 0; i < 3; i++)
        row_char(&r, " ");
    row_bool(&r, true);
    row_i64(&r, 0);
    row_bool(&r, true);
    r.v[r.n++] = key_array(f->arena, T_INT2, t, true, 1);
    row_nulls(&r, 7);
    row_sink_add(f->sink, r.v);
}

bool fill_pg_constraint(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, constraint_row);
}

/* ---- texts ---- */

static void put_key(Buf *b, const TableDef *t)
{
    for (size_t i = 0; i < t->key_count; i++) {
        buf_puts(b, i ? ", " : "(");
        put_identifier(b, t->columns[t->key[i]].name);
    }
    buf_puts(b, ")");
}

static Slice index_text(Arena *a, Session *s, const CatalogSnap *cat, const TableDef *t)
{
    Buf b;
    buf_init(&b);
    buf_puts(&b, "CREATE UNIQUE INDEX ");
    put_identifier(&b, key_index_name(a, t));
    buf_puts(&b, " ON ");
    put_identifier(&b, schema_name(s, cat, t->schema));
    buf_puts(&b, ".");
    put_identifier(&b, t->name);
    buf_puts(&b, " USING btree ");
    put_key(&b, t);
    Slice text = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return text;
}

static const TableDef *table_of_key(const CatalogSnap *cat, int64_t oid)
{
    const TableDef *t = oid > OID_INDEX_FLAG && oid <= UINT32_MAX
                            ? cat_table_by_id(cat, (uint32_t)oid & ~OID_INDEX_FLAG)
                            : NULL;
    return t && t->key_count ? t : NULL;
}

/* pg_get_indexdef(oid [, column, pretty]): the whole, or the name of one column. */
bool fn_indexdef(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)e;
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = table_of_key(cat, args[0].u.i64);
    int64_t column = n > 1 ? args[1].u.i64 : 0;
    *out = value_null();
    if (t && column == 0)
        *out = value_str(index_text(ctx->arena, s, cat, t));
    else if (t && column > 0 && column <= t->key_count)
        *out = value_str(arena_slice(ctx->arena, t->columns[t->key[column - 1]].name));
    cat_unref(cat);
    return true;
}

bool fn_constraintdef(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    CatalogSnap *cat = session_catalog(ctx->session);
    const TableDef *t = table_of_key(cat, args[0].u.i64);
    *out = value_null();
    if (t) {
        Buf b;
        buf_init(&b);
        buf_puts(&b, "PRIMARY KEY ");
        put_key(&b, t);
        *out = value_str(arena_slice(ctx->arena, buf_slice(&b)));
        buf_free(&b);
    }
    cat_unref(cat);
    return true;
}

/* ---- pg_indexes, information_schema ---- */

static void indexes_row(KeyFill *f, const TableDef *t, Slice name)
{
    RowMaker r = {.n = 0};
    row_slice(&r, schema_name(f->session, f->cat, t->schema));
    row_slice(&r, t->name);
    row_slice(&r, name);
    row_null(&r);
    row_slice(&r, index_text(f->arena, f->session, f->cat, t));
    row_sink_add(f->sink, r.v);
}

bool fill_pg_indexes(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, indexes_row);
}

static void info_names(RowMaker *r, KeyFill *f, const TableDef *t, Slice name)
{
    row_text(r, f->session->database_name);
    row_slice(r, schema_name(f->session, f->cat, t->schema));
    row_slice(r, name);
}

static void info_constraint(KeyFill *f, const TableDef *t, Slice name)
{
    RowMaker r = {.n = 0};
    info_names(&r, f, t, name);
    info_names(&r, f, t, t->name);
    row_text(&r, "PRIMARY KEY");
    row_text(&r, "NO");
    row_text(&r, "NO");
    row_text(&r, "YES");
    row_null(&r);
    row_sink_add(f->sink, r.v);
}

bool fill_info_constraints(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, info_constraint);
}

static void info_key_column(KeyFill *f, const TableDef *t, Slice name)
{
    for (size_t i = 0; i < t->key_count; i++) {
        RowMaker r = {.n = 0};
        info_names(&r, f, t, name);
        info_names(&r, f, t, t->name);
        row_slice(&r, t->columns[t->key[i]].name);
        row_i64(&r, (int64_t)i + 1);
        row_null(&r);
        row_sink_add(f->sink, r.v);
    }
}

bool fill_info_key_columns(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, info_key_column);
}
