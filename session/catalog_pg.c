/* session/catalog_pg.c - the table of catalog relations, and the small ones. */
#include "session/catalog_private.h"
#include <stdio.h>

void row_i64(RowMaker *r, int64_t v)
{
    r->v[r->n++] = value_i64(v);
}

void row_number_text(RowMaker *r, Arena *a, int64_t v)
{
    row_slice(r, arena_printf(a, "%lld", (long long)v));
}

void row_bool(RowMaker *r, bool v)
{
    r->v[r->n++] = value_bool(v);
}

void row_text(RowMaker *r, const char *s)
{
    r->v[r->n++] = s ? value_str(slice_cstr(s)) : value_null();
}

void row_slice(RowMaker *r, Slice s)
{
    r->v[r->n++] = value_str(s);
}

void row_char(RowMaker *r, const char *one)
{
    row_text(r, one);
}

void row_null(RowMaker *r)
{
    r->v[r->n++] = value_null();
}

void row_nulls(RowMaker *r, size_t n)
{
    while (n-- > 0)
        row_null(r);
}

void row_f64(RowMaker *r, double v)
{
    r->v[r->n++] = value_f64(v);
}

/* ---- small relations ---- */

bool fill_pg_am(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    static const struct {
        uint32_t oid;
        const char *name, *type;
    } rows[] = {{OID_AM_HEAP, "heap", "t"}, {OID_AM_BTREE, "btree", "i"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        RowMaker r = {.n = 0};
        row_i64(&r, rows[i].oid);
        row_text(&r, rows[i].name);
        row_i64(&r, 0); /* the handler is no function */
        row_char(&r, rows[i].type);
        row_sink_add(sink, r.v);
    }
    return true;
}

bool fill_pg_collation(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    static const struct {
        uint32_t oid;
        const char *name, *provider, *collate;
    } rows[] = {{OID_COLLATION_DEFAULT, "default", "d", NULL},
                {OID_COLLATION_C, "C", "c", "C"},
                {951, "POSIX", "c", "POSIX"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        RowMaker r = {.n = 0};
        row_i64(&r, rows[i].oid);
        row_text(&r, rows[i].name);
        row_i64(&r, OID_PG_CATALOG);
        row_i64(&r, OID_OWNER);
        row_char(&r, rows[i].provider);
        row_bool(&r, true);
        row_i64(&r, -1);
        row_text(&r, rows[i].collate);
        row_text(&r, rows[i].collate);
        row_nulls(&r, 2);
        row_sink_add(sink, r.v);
    }
    return true;
}

bool fill_pg_tablespace(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    static const char *const names[] = {"pg_default", "pg_global"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        RowMaker r = {.n = 0};
        row_i64(&r, OID_TABLESPACE + (int64_t)i);
        row_text(&r, names[i]);
        row_i64(&r, OID_OWNER);
        row_nulls(&r, 2);
        row_sink_add(sink, r.v);
    }
    return true;
}

bool fill_pg_language(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    RowMaker r = {.n = 0};
    row_i64(&r, 12);
    row_text(&r, "internal");
    row_i64(&r, OID_OWNER);
    row_bool(&r, false);
    row_bool(&r, false);
    for (int i = 0; i < 3; i++)
        row_i64(&r, 0);
    row_null(&r);
    row_sink_add(sink, r.v);
    return true;
}

/* What is built in beyond PostgreSQL.  Grafana uses time_bucket() when it finds timescaledb. */
static const struct {
    const char *name, *version, *text;
} extensions[] = {
    {"skulk", "1.0", "time series: PromQL, storage, lifecycle"},
    {"timescaledb", "2.0.0",
     "time_bucket(), gap filling, first() and last() under TimescaleDB's names"},
};

uint32_t extension_oid(Slice name)
{
    for (uint32_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (slice_eq_cstr(name, extensions[i].name))
            return OID_EXTENSION_FIRST + i;
    return 0;
}

Slice extension_text(uint32_t oid)
{
    size_t i = oid - OID_EXTENSION_FIRST;
    return i < ARRAY_LEN(extensions) ? slice_cstr(extensions[i].text) : SLICE_NONE;
}

static void extension_row(RowSink *sink, size_t i)
{
    RowMaker r = {.n = 0};
    row_i64(&r, OID_EXTENSION_FIRST + (int64_t)i);
    row_text(&r, extensions[i].name);
    row_i64(&r, OID_OWNER);
    row_i64(&r, OID_PG_CATALOG);
    row_bool(&r, false);
    row_text(&r, extensions[i].version);
    row_nulls(&r, 2);
    row_sink_add(sink, r.v);
}

bool fill_pg_extension(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        extension_row(sink, i);
    return true;
}

bool fill_available_extensions(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        RowMaker r = {.n = 0};
        row_text(&r, extensions[i].name);
        row_text(&r, extensions[i].version);
        row_text(&r, extensions[i].version);
        row_text(&r, extensions[i].text);
        row_sink_add(sink, r.v);
    }
    return true;
}
