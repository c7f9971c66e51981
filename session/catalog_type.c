/* session/catalog_type.c - pg_type, pg_proc, pg_settings, pg_stat_activity. */
#include "session/catalog_private.h"
#include <stdio.h>

static void row_regproc(RowMaker *r)
{
    row_i64(r, 0);
}

static void type_row(RowSink *sink, const TypeDef *d)
{
    char one[2] = {0, 0};
    RowMaker r = {.n = 0};
    row_i64(&r, d->oid);
    row_text(&r, d->name);
    row_i64(&r, OID_PG_CATALOG);
    row_i64(&r, OID_OWNER);
    row_i64(&r, d->len);
    row_bool(&r, d->by_value);
    char kind[2] = {d->typtype, 0}, category[2] = {d->category, 0};
    row_char(&r, kind);
    row_char(&r, category);
    row_bool(&r, d->preferred);
    row_bool(&r, true);
    row_char(&r, ",");
    row_i64(&r, 0); /* typrelid */
    row_regproc(&r);
    row_i64(&r, d->elem_oid);
    row_i64(&r, d->array_oid);
    for (int i = 0; i < 7; i++) /* input, output, receive, send, typmod in and out, analyze */
        row_regproc(&r);
    one[0] = d->align;
    row_char(&r, one);
    row_char(&r, d->len < 0 ? "x" : "p");
    row_bool(&r, false);
    row_i64(&r, 0);
    row_i64(&r, -1);
    row_i64(&r, 0);
    row_i64(&r,
            d->category == 'S' ? (d->oid == T_NAME ? OID_COLLATION_C : OID_COLLATION_DEFAULT) : 0);
    row_nulls(&r, 3);
    row_sink_add(sink, r.v);
}

bool fill_pg_type(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    for (size_t i = 0; i < type_count(); i++)
        type_row(sink, type_at(i));
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
    row_regproc(&r);
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
    return true;
}

/* ---- pg_settings ---- */

bool fill_pg_settings(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap;
    for (size_t i = 0; i < setting_count(); i++) {
        SettingInfo info;
        Slice v;
        setting_info(i, &info);
        if (!setting_get(ctx->session, slice_cstr(info.name), &v, e))
            return false;
        RowMaker r = {.n = 0};
        row_text(&r, info.name);
        row_slice(&r, v);
        row_text(&r, info.unit);
        row_text(&r, info.category);
        row_text(&r, info.text);
        row_null(&r);
        row_text(&r, strcmp(info.category, "Preset Options") == 0 ? "internal" : "user");
        row_text(&r, info.vartype);
        row_text(&r, slice_eq_cstr(v, info.boot) ? "default" : "session");
        row_text(&r, info.min);
        row_text(&r, info.max);
        row_null(&r);
        row_text(&r, info.boot);
        row_text(&r, info.boot);
        row_nulls(&r, 2);
        row_bool(&r, false);
        row_sink_add(sink, r.v);
    }
    return true;
}

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
    row_nulls(&r, 3);
    row_text(&r, s->running ? "active" : "idle");
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
