/* session/catalog_type.c - pg_type, pg_proc, pg_settings, pg_stat_activity. */
#include "exec/type_reg.h"
#include "session/catalog_private.h"
#include <stdio.h>

typedef struct TypeFill {
    const CatalogSnap *cat;
    RowSink *sink;
} TypeFill;

typedef struct TypeRow {
    const TypeDef *io;     /* whose functions read and write it */
    const CatalogType *of; /* or NULL */
    uint32_t schema, relation, owner;
} TypeRow;

static void type_row(RowSink *sink, const TypeDef *d, const TypeRow *t)
{
    const CatalogType *of = t->of;
    bool domain = d->typtype == 'd', info = t->schema == OID_INFORMATION_SCHEMA;
    char one[2] = {0, 0};
    RowMaker r = {.n = 0};
    row_i64(&r, d->oid);
    row_text(&r, d->name);
    row_i64(&r, t->schema);
    row_i64(&r, t->owner);
    row_i64(&r, d->len);
    row_bool(&r, d->by_value);
    char kind[2] = {d->typtype, 0}, category[2] = {d->category, 0};
    row_char(&r, kind);
    row_char(&r, category);
    row_bool(&r, d->preferred);
    row_bool(&r, true);
    row_char(&r, ",");
    row_i64(&r, t->relation);
    row_i64(&r, 0); /* typsubscript */
    row_i64(&r, d->elem_oid);
    row_i64(&r, d->array_oid);
    for (int i = 0; i < TYPE_IO_COUNT; i++)
        row_i64(&r, type_io_oid(t->io, (TypeIo)i));
    one[0] = d->align;
    row_char(&r, one);
    row_char(&r, d->len >= 0 ? "p" : d == type_find(T_NUMERIC) ? "m" : "x");
    row_bool(&r, false);
    row_i64(&r, domain ? of->base : 0);
    row_i64(&r, domain ? of->typmod : -1);
    row_i64(&r, 0);
    row_i64(&r, info && of->category == 'S' ? OID_COLLATION_C
                : d->category == 'S' ? (d->oid == T_NAME ? OID_COLLATION_C : OID_COLLATION_DEFAULT)
                                     : 0);
    row_null(&r);
    row_text(&r, domain && of->typmod == 2 ? "CURRENT_TIMESTAMP(2)" : NULL);
    row_null(&r);
    row_sink_add(sink, r.v);
}

/* Types that only catalogs know have the functions of the type behind them. */
static void catalog_type_row(RowSink *sink, Arena *a, const CatalogType *t, bool array)
{
    const TypeDef *io = type_find(array ? T_TEXT_ARRAY : t->base);
    TypeDef d = *io;
    d.oid = array ? t->array_oid : t->oid;
    d.array_oid = array ? 0 : t->array_oid;
    d.elem_oid = array ? t->oid : 0;
    d.name = array ? arena_printf(a, "_%s", t->name).ptr : t->name;
    d.len = array ? -1 : t->len;
    d.by_value = !array && (t->len == 4 || t->len == 8);
    d.typtype = array ? 'b' : t->typtype;
    d.category = array ? 'A' : t->category;
    d.align = array && t->align != 'd' ? 'i' : t->align;
    d.preferred = false;
    bool info = strcmp(t->schema, "pg_catalog") != 0;
    TypeRow row = {.io = io,
                   .of = t,
                   .schema = info ? OID_INFORMATION_SCHEMA : OID_PG_CATALOG,
                   .owner = OID_OWNER};
    type_row(sink, &d, &row);
}

/* The type of the rows of a table, and its array. */
static bool relation_types(void *arg, const RelationRow *rel)
{
    TypeFill *f = arg;
    if (!rel->table || (rel->kind != 'r' && rel->kind != 'v'))
        return true;
    char name[NAME_MAX_BYTES + 2];
    snprintf(name, sizeof name, "_%.*s", SLICE_ARG(rel->name));
    for (int array = 0; array < 2; array++) {
        TypeDef d = *type_find(array ? T_RECORD_ARRAY : T_RECORD);
        d.oid = rel->oid | (array ? OID_ROW_ARRAY_FLAG : OID_ROW_TYPE_FLAG);
        d.array_oid = array ? 0 : rel->oid | OID_ROW_ARRAY_FLAG;
        d.elem_oid = array ? rel->oid | OID_ROW_TYPE_FLAG : 0;
        d.name = array ? name : name + 1;
        d.typtype = array ? 'b' : 'c';
        d.category = array ? 'A' : 'C';
        d.align = 'd';
        TypeRow t = {.io = type_find(array ? T_RECORD_ARRAY : T_RECORD),
                     .schema = rel->schema,
                     .relation = array ? 0 : rel->oid,
                     .owner = object_owner(f->cat, GRANT_TABLE, rel->oid)};
        type_row(f->sink, &d, &t);
    }
    return true;
}

bool fill_pg_type(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    TypeFill f = {.cat = snapshot_catalog(snap), .sink = sink};
    for (size_t i = 0; i < type_count(); i++) {
        TypeRow t = {.io = type_at(i), .schema = OID_PG_CATALOG, .owner = OID_OWNER};
        type_row(sink, type_at(i), &t);
    }
    for (const CatalogType *t = catalog_types; t->name; t++) {
        catalog_type_row(sink, ctx->arena, t, false);
        if (t->array_oid)
            catalog_type_row(sink, ctx->arena, t, true);
    }
    each_relation(ctx->session, f.cat, false, relation_types, &f);
    return true;
}

/* ---- pg_proc ---- */

static void row_oids(RowMaker *r, Arena *a, const TypeId *oids, size_t n)
{
    Array *arr = ARENA_NEW(a, Array);
    Value *items = ARENA_ARRAY(a, Value, n + 1);
    for (size_t i = 0; i < n; i++)
        items[i] = value_i64(oids[i]);
    *arr = (Array){.elem = T_OID,
                   .ndim = n > 0,
                   .dims = {(int32_t)n},
                   .lower = {0},
                   .count = n,
                   .items = items};
    r->v[r->n++] = (Value){.phys = PH_ARRAY, .u.arr = arr};
}

static void proc_row(RowSink *sink, Arena *a, const FuncDef *f)
{
    RowMaker r = {.n = 0};
    row_i64(&r, f->oid);
    row_text(&r, f->name);
    row_i64(&r, OID_PG_CATALOG);
    row_i64(&r, OID_OWNER);
    row_i64(&r, 12);
    row_f64(&r, 1);
    row_f64(&r, f->flags & FN_SRF ? 1000 : 0);
    row_i64(&r, f->flags & FN_VARIADIC && f->arg_count ? f->args[f->arg_count - 1] : 0);
    row_i64(&r, 0); /* prosupport */
    row_char(&r, f->flags & FN_AGG ? "a" : f->flags & FN_WINDOW ? "w" : "f");
    row_bool(&r, false);
    row_bool(&r, false);
    row_bool(&r, (f->flags & FN_STRICT) != 0);
    row_bool(&r, (f->flags & FN_SRF) != 0);
    row_char(&r, f->flags & FN_VOLATILE ? "v" : f->flags & FN_STABLE ? "s" : "i");
    row_char(&r, "s");
    row_i64(&r, f->arg_count);
    row_i64(&r, 0);
    row_i64(&r, f->result);
    row_oids(&r, a, f->args, f->arg_count);
    row_nulls(&r, 5);
    row_text(&r, f->text);
    row_nulls(&r, 4);
    row_sink_add(sink, r.v);
}

bool fill_pg_proc(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    for (size_t i = 0; i < func_count(); i++) {
        const FuncDef *f = func_at(i);
        if (!(f->flags & (FN_HIDDEN | FN_OPERATOR)))
            proc_row(sink, ctx->arena, f);
    }
    for (size_t i = 0; i < type_io_count(); i++) {
        FuncDef io = {.oid = type_io_at(i)->oid,
                      .name = type_io_at(i)->name,
                      .result = T_ANY,
                      .flags = FN_STRICT,
                      .text = "reads or writes values of a type"};
        proc_row(sink, ctx->arena, &io);
    }
    return true;
}

/* ---- pg_operator ---- */

static const FuncDef *operator_of(const char *name, TypeId left, TypeId right)
{
    for (size_t i = 0; i < func_count(); i++) {
        const FuncDef *f = func_at(i);
        if ((f->flags & FN_OPERATOR) && f->arg_count == 2 && f->args[0] == left &&
            f->args[1] == right && strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

/* Comparisons know the same with sides exchanged, and their opposite. */
static uint32_t related(const FuncDef *f, bool negated)
{
    static const char *const names[][3] = {{"=", "=", "<>"},   {"<>", "<>", "="}, {"<", ">", ">="},
                                           {">", "<", "<="},   {"<=", ">=", ">"}, {">=", "<=", "<"},
                                           {"@>", "<@", NULL}, {"<@", "@>", NULL}};
    for (size_t i = 0; f->arg_count == 2 && i < ARRAY_LEN(names); i++) {
        const char *name = names[i][negated ? 2 : 1];
        if (!name || strcmp(f->name, names[i][0]) != 0)
            continue;
        const FuncDef *other = operator_of(name, f->args[!negated], f->args[negated]);
        return other ? other->oid : 0;
    }
    return 0;
}

static void operator_row(RowSink *sink, const FuncDef *f)
{
    RowMaker r = {.n = 0};
    bool two = f->arg_count == 2, equal = strcmp(f->name, "=") == 0;
    row_i64(&r, f->oid);
    row_text(&r, f->name);
    row_i64(&r, OID_PG_CATALOG);
    row_i64(&r, OID_OWNER);
    row_char(&r, two ? "b" : "l");
    row_bool(&r, equal);
    row_bool(&r, equal);
    row_i64(&r, two ? f->args[0] : 0);
    row_i64(&r, f->args[two]);
    row_i64(&r, f->result);
    row_i64(&r, related(f, false));
    row_i64(&r, related(f, true));
    for (int i = 0; i < 3;
         i++) /* oprcode, oprrest, oprjoin: operators have no function of their own */
        row_i64(&r, 0);
    row_sink_add(sink, r.v);
}

bool fill_pg_operator(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    for (size_t i = 0; i < func_count(); i++)
        if ((func_at(i)->flags & (FN_OPERATOR | FN_HIDDEN)) == FN_OPERATOR)
            operator_row(sink, func_at(i));
    return true;
}

/* ---- pg_cast ---- */

bool fill_pg_cast(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    static const char *const contexts[] = {
        [CAST_IMPLICIT] = "i", [CAST_ASSIGN] = "a", [CAST_EXPLICIT] = "e"};
    CastInfo c;
    int64_t oid = OID_CAST_FIRST;
    (void)ctx, (void)snap, (void)e;
    for (size_t i = 0; i < cast_slots(); i++) {
        if (!cast_at(i, &c))
            continue;
        RowMaker r = {.n = 0};
        row_i64(&r, oid++);
        row_i64(&r, c.from);
        row_i64(&r, c.to);
        row_i64(&r, c.func && !(c.func->flags & FN_HIDDEN) ? c.func->oid : 0);
        row_char(&r, contexts[c.level]);
        row_char(&r, !c.func ? "b" : c.func->flags & FN_HIDDEN ? "i" : "f");
        row_sink_add(sink, r.v);
    }
    return true;
}

/* ---- pg_settings ---- */

/* ---- pg_stat_activity ---- */

/* What others run is for superusers and their own role. */
static void activity_row(RowSink *sink, const Session *s, bool full)
{
    RowMaker r = {.n = 0};
    row_i64(&r, s->database);
    row_text(&r, s->database_name);
    row_i64(&r, s->pid);
    row_null(&r);
    row_i64(&r, s->login_role);
    row_text(&r, s->user);
    row_text(&r, "");
    row_text(&r, s->client_address[0] ? s->client_address : NULL);
    row_nulls(&r, 2);
    row_i64(&r, s->started_us);
    row_null(&r);
    if (s->query_started_us)
        row_i64(&r, s->query_started_us);
    else
        row_null(&r);
    const char *event = atomic_load(&s->wait_event);
    row_null(&r);
    row_text(&r, event ? "Lock" : NULL);
    row_text(&r, event);
    row_text(&r, s->running || event ? "active" : "idle");
    row_nulls(&r, 3);
    row_text(&r, !full ? "<insufficient privilege>" : s->query_text ? s->query_text : "");
    row_text(&r, "client backend");
    row_sink_add(sink, r.v);
}

bool fill_pg_stat_activity(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    Session *own = ctx->session;
    const CatalogSnap *cat = snapshot_catalog(snap);
    bool all = session_is_superuser(own, cat);
    mutex_lock(&own->db->mutex);
    for (const Session *s = own->db->sessions; s; s = s->next)
        activity_row(sink, s, all || session_in_role(own, cat, s->login_role));
    mutex_unlock(&own->db->mutex);
    return true;
}

bool fill_pg_stat_ssl(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    Session *own = ctx->session;
    const CatalogSnap *cat = snapshot_catalog(snap);
    bool all = session_is_superuser(own, cat);
    mutex_lock(&own->db->mutex);
    for (const Session *s = own->db->sessions; s; s = s->next) {
        RowMaker r = {.n = 0};
        if (!all && !session_in_role(own, cat, s->login_role))
            continue;
        row_i64(&r, s->pid);
        row_bool(&r, s->tls_version != NULL);
        row_text(&r, s->tls_version);
        row_text(&r, s->tls_cipher);
        if (s->tls_version)
            row_i64(&r, s->tls_bits);
        else
            row_null(&r);
        row_nulls(&r, 3);
        row_sink_add(sink, r.v);
    }
    mutex_unlock(&own->db->mutex);
    return true;
}
