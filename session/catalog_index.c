/* session/catalog_index.c - constraints and indexes as PostgreSQL shows them.
 *
 * There are no index structures: rows are found by series and time.  The names and rows are for
 * clients that ask pg_index for the key of a table (\d, drivers, editors). */
#include "exec/func_text.h"
#include "session/catalog_private.h"

bool constraint_is_index(const ConstraintDef *c)
{
    return c->type != CONSTRAINT_CHECK;
}

uint32_t constraint_oid(const ConstraintDef *c)
{
    return constraint_is_index(c) ? c->id | OID_CONSTRAINT_FLAG : c->id;
}

static bool in_constraints(const ConstraintDef *c)
{
    return c->type != CONSTRAINT_INDEX && c->type != CONSTRAINT_UNIQUE_INDEX;
}

static bool upper(Arena *a, const char *word, Slice *out)
{
    *out = arena_printf(a, "%s", word);
    char *p = arena_cstr(a, *out);
    for (size_t i = 0; p[i]; i++)
        p[i] = (char)(p[i] >= 'a' && p[i] <= 'z' ? p[i] - 32 : p[i]);
    *out = slice_cstr(p);
    return true;
}

bool catalog_expression(Session *s, const CatalogSnap *cat, Arena *a, Slice text,
                        const TableDef *columns, TypeId type, bool pretty, Slice *out)
{
    EvalCtx fold;
    Err ignored;
    session_eval_ctx(s, &fold);
    fold.arena = fold.scratch = a;
    SqlEnv env = session_sql_env(s, cat, &fold);
    static const char *const words[] = {"current_date", "current_time",   "current_timestamp",
                                        "localtime",    "localtimestamp", "current_user",
                                        "session_user", "current_role",   "current_catalog",
                                        "user",         "current_schema"};
    *out = text;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_nocase(text, slice_cstr(words[i])))
            return upper(a, words[i], out);
    return sql_expression_print(&env, a, text, columns, type, pretty ? STYLE_PRETTY : STYLE_FULL,
                                out, &ignored);
}

typedef struct KeyFill {
    Session *session;
    const CatalogSnap *cat;
    RowSink *sink;
    Arena *arena;
} KeyFill;

typedef void (*KeyEach)(KeyFill *f, const TableDef *t, const ConstraintDef *c);

static bool each_key(EvalCtx *ctx, Snapshot *snap, RowSink *sink,
                     bool (*wanted)(const ConstraintDef *c), KeyEach each)
{
    KeyFill f = {
        .session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink, .arena = ctx->arena};
    for (size_t i = 0; i < cat_table_count(f.cat); i++) {
        const TableDef *t = cat_table_at(f.cat, i);
        if (!table_shown(f.session, t))
            continue;
        for (size_t k = 0; k < t->constraint_count; k++)
            if (wanted(&t->constraints[k]))
                each(&f, t, &t->constraints[k]);
    }
    return true;
}

static Value key_array(Arena *a, TypeId elem, const ConstraintDef *c, bool numbers, int32_t lower)
{
    Array *arr = ARENA_NEW(a, Array);
    Value *items = ARENA_ARRAY(a, Value, c->column_count + 1u);
    for (size_t i = 0; i < c->column_count; i++)
        items[i] = value_i64(numbers ? c->columns[i] + 1 : 0);
    *arr = (Array){.elem = elem,
                   .ndim = c->column_count ? 1 : 0,
                   .dims = {c->column_count},
                   .lower = {lower},
                   .count = c->column_count,
                   .items = items};
    return (Value){.phys = PH_ARRAY, .u.arr = arr};
}

/* ---- pg_index, pg_constraint ---- */

static void index_row(KeyFill *f, const TableDef *t, const ConstraintDef *c)
{
    RowMaker r = {.n = 0};
    row_i64(&r, c->id);
    row_i64(&r, t->id);
    row_i64(&r, c->column_count);
    row_i64(&r, c->column_count);
    row_bool(&r, constraint_is_unique(c));
    row_bool(&r, false);
    row_bool(&r, c->type == CONSTRAINT_PRIMARY_KEY);
    row_bool(&r, false);
    row_bool(&r, true); /* immediate */
    row_bool(&r, false);
    row_bool(&r, true); /* valid */
    row_bool(&r, false);
    row_bool(&r, true); /* ready */
    row_bool(&r, true);
    row_bool(&r, false);
    r.v[r.n++] = key_array(f->arena, T_INT2, c, true, 0);
    r.v[r.n++] = key_array(f->arena, T_OID, c, false, 0);
    r.v[r.n++] = key_array(f->arena, T_OID, c, false, 0);
    r.v[r.n++] = key_array(f->arena, T_INT2, c, false, 0);
    row_nulls(&r, 2);
    row_sink_add(f->sink, r.v);
}

bool fill_pg_index(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, constraint_is_index, index_row);
}

static void constraint_row(KeyFill *f, const TableDef *t, const ConstraintDef *c)
{
    static const char *const types[] = {
        [CONSTRAINT_PRIMARY_KEY] = "p", [CONSTRAINT_UNIQUE] = "u", [CONSTRAINT_CHECK] = "c"};
    bool check = c->type == CONSTRAINT_CHECK;
    RowMaker r = {.n = 0};
    row_i64(&r, constraint_oid(c));
    row_slice(&r, c->name);
    row_i64(&r, t->schema);
    row_char(&r, types[c->type]);
    row_bool(&r, false);
    row_bool(&r, false);
    row_bool(&r, true); /* validated */
    row_i64(&r, t->id);
    row_i64(&r, 0);
    row_i64(&r, check ? 0 : c->id);
    row_i64(&r, 0);
    row_i64(&r, 0);
    for (int i = 0; i < 3; i++)
        row_char(&r, " ");
    row_bool(&r, true);
    row_i64(&r, 0);
    row_bool(&r, !check);
    r.v[r.n++] = key_array(f->arena, T_INT2, c, true, 1);
    row_nulls(&r, 6);
    Slice text;
    catalog_expression(f->session, f->cat, f->arena, c->text, t, T_BOOL, false, &text);
    r.v[r.n++] = check ? value_str(text) : value_null();
    row_sink_add(f->sink, r.v);
}

bool fill_pg_constraint(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, in_constraints, constraint_row);
}

/* ---- texts ---- */

static void put_key(Buf *b, const TableDef *t, const ConstraintDef *c)
{
    for (size_t i = 0; i < c->column_count; i++) {
        buf_puts(b, i ? ", " : "(");
        text_put_ident(b, t->columns[c->columns[i]].name);
    }
    buf_puts(b, ")");
}

static Slice index_text(Arena *a, Session *s, const CatalogSnap *cat, const TableDef *t,
                        const ConstraintDef *c)
{
    Buf b;
    buf_init(&b);
    buf_puts(&b, constraint_is_unique(c) ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
    text_put_ident(&b, c->name);
    buf_puts(&b, " ON ");
    text_put_ident(&b, schema_name(s, cat, t->schema));
    buf_puts(&b, ".");
    text_put_ident(&b, t->name);
    buf_puts(&b, " USING btree ");
    put_key(&b, t, c);
    Slice text = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return text;
}

/* A constraint or index by its oid, or that of its entry in pg_constraint. */
static const ConstraintDef *constraint_of_oid(const CatalogSnap *cat, int64_t oid,
                                              const TableDef **table)
{
    for (size_t i = 0; oid > 0 && oid <= UINT32_MAX && i < cat_table_count(cat); i++) {
        *table = cat_table_at(cat, i);
        for (size_t k = 0; k < (*table)->constraint_count; k++)
            if ((*table)->constraints[k].id == ((uint32_t)oid & ~OID_CONSTRAINT_FLAG))
                return &(*table)->constraints[k];
    }
    return NULL;
}

/* pg_get_indexdef(oid [, column, pretty]): the whole, or the name of one column. */
bool fn_indexdef(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)e;
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t;
    const ConstraintDef *c = constraint_of_oid(cat, args[0].u.i64, &t);
    int64_t column = n > 1 ? args[1].u.i64 : 0;
    *out = value_null();
    if (c && column == 0 && constraint_is_index(c))
        *out = value_str(index_text(ctx->arena, s, cat, t, c));
    else if (c && column > 0 && column <= c->column_count)
        *out = value_str(arena_slice(ctx->arena, t->columns[c->columns[column - 1]].name));
    cat_unref(cat);
    return true;
}

bool fn_constraintdef(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)e;
    CatalogSnap *cat = session_catalog(ctx->session);
    const TableDef *t;
    const ConstraintDef *c = constraint_of_oid(cat, args[0].u.i64, &t);
    *out = value_null();
    if (c && in_constraints(c)) {
        Buf b;
        Slice text;
        buf_init(&b);
        if (c->type == CONSTRAINT_CHECK) {
            bool pretty = n > 1 && args[1].u.b;
            catalog_expression(ctx->session, cat, ctx->arena, c->text, t, T_BOOL, pretty, &text);
            buf_printf(&b, "CHECK (%.*s)", SLICE_ARG(text));
        } else {
            buf_puts(&b, c->type == CONSTRAINT_PRIMARY_KEY ? "PRIMARY KEY " : "UNIQUE ");
            put_key(&b, t, c);
        }
        *out = value_str(arena_slice(ctx->arena, buf_slice(&b)));
        buf_free(&b);
    }
    cat_unref(cat);
    return true;
}

/* ---- pg_indexes, information_schema ---- */

static void indexes_row(KeyFill *f, const TableDef *t, const ConstraintDef *c)
{
    RowMaker r = {.n = 0};
    row_slice(&r, schema_name(f->session, f->cat, t->schema));
    row_slice(&r, t->name);
    row_slice(&r, c->name);
    row_null(&r);
    row_slice(&r, index_text(f->arena, f->session, f->cat, t, c));
    row_sink_add(f->sink, r.v);
}

bool fill_pg_indexes(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, constraint_is_index, indexes_row);
}

static void info_names(RowMaker *r, KeyFill *f, const TableDef *t, Slice name)
{
    row_text(r, f->session->database_name);
    row_slice(r, schema_name(f->session, f->cat, t->schema));
    row_slice(r, name);
}

static void info_constraint(KeyFill *f, const TableDef *t, const ConstraintDef *c)
{
    RowMaker r = {.n = 0};
    info_names(&r, f, t, c->name);
    info_names(&r, f, t, t->name);
    row_text(&r, c->type == CONSTRAINT_PRIMARY_KEY ? "PRIMARY KEY"
                 : c->type == CONSTRAINT_UNIQUE    ? "UNIQUE"
                                                   : "CHECK");
    row_text(&r, "NO");
    row_text(&r, "NO");
    row_text(&r, "YES");
    if (c->type == CONSTRAINT_UNIQUE)
        row_text(&r, "YES"); /* nulls_distinct */
    else
        row_null(&r);
    row_sink_add(f->sink, r.v);
}

static void info_not_null(KeyFill *f, const TableDef *t)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].dropped || !t->columns[i].not_null)
            continue;
        RowMaker r = {.n = 0};
        info_names(&r, f, t, arena_printf(f->arena, "%u_%u_%zu_not_null", t->schema, t->id, i + 1));
        info_names(&r, f, t, t->name);
        row_text(&r, "CHECK");
        row_text(&r, "NO");
        row_text(&r, "NO");
        row_text(&r, "YES");
        row_null(&r);
        row_sink_add(f->sink, r.v);
    }
}

/* PostgreSQL 15 lists NOT NULL as a CHECK, too. */
bool fill_info_constraints(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    KeyFill f = {
        .session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink, .arena = ctx->arena};
    for (size_t i = 0; i < cat_table_count(f.cat); i++)
        if (table_shown(f.session, cat_table_at(f.cat, i)))
            info_not_null(&f, cat_table_at(f.cat, i));
    return each_key(ctx, snap, sink, in_constraints, info_constraint);
}

static void info_check(KeyFill *f, const TableDef *t, const ConstraintDef *c)
{
    RowMaker r = {.n = 0};
    Slice text;
    info_names(&r, f, t, c->name);
    catalog_expression(f->session, f->cat, f->arena, c->text, t, T_BOOL, false, &text);
    row_slice(&r, arena_printf(f->arena, "(%.*s)", SLICE_ARG(text)));
    row_sink_add(f->sink, r.v);
}

static bool is_check(const ConstraintDef *c)
{
    return c->type == CONSTRAINT_CHECK;
}

bool fill_info_checks(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    KeyFill f = {
        .session = ctx->session, .cat = snapshot_catalog(snap), .sink = sink, .arena = ctx->arena};
    for (size_t i = 0; i < cat_table_count(f.cat); i++) {
        const TableDef *t = cat_table_at(f.cat, i);
        for (size_t k = 0; table_shown(f.session, t) && k < t->column_count; k++) {
            if (t->columns[k].dropped || !t->columns[k].not_null)
                continue;
            RowMaker r = {.n = 0};
            info_names(&r, &f, t,
                       arena_printf(f.arena, "%u_%u_%zu_not_null", t->schema, t->id, k + 1));
            row_slice(&r, arena_printf(f.arena, "%.*s IS NOT NULL", SLICE_ARG(t->columns[k].name)));
            row_sink_add(sink, r.v);
        }
    }
    return each_key(ctx, snap, sink, is_check, info_check);
}

static bool is_key(const ConstraintDef *c)
{
    return in_constraints(c) && !is_check(c);
}

static void info_key_column(KeyFill *f, const TableDef *t, const ConstraintDef *c)
{
    for (size_t i = 0; i < c->column_count; i++) {
        RowMaker r = {.n = 0};
        info_names(&r, f, t, c->name);
        info_names(&r, f, t, t->name);
        row_slice(&r, t->columns[c->columns[i]].name);
        row_i64(&r, (int64_t)i + 1);
        row_null(&r);
        row_sink_add(f->sink, r.v);
    }
}

bool fill_info_key_columns(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, is_key, info_key_column);
}

static void info_usage(KeyFill *f, const TableDef *t, const ConstraintDef *c)
{
    for (size_t i = 0; i < c->column_count; i++) {
        RowMaker r = {.n = 0};
        info_names(&r, f, t, t->name);
        row_slice(&r, t->columns[c->columns[i]].name);
        info_names(&r, f, t, c->name);
        row_sink_add(f->sink, r.v);
    }
}

bool fill_info_column_usage(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_key(ctx, snap, sink, in_constraints, info_usage);
}
