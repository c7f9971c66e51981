/* session/catalog_session.c - what this session has: pg_cursors, pg_prepared_statements, pg_settings, time zones. */
#include "exec/array.h"
#include "exec/tz.h"
#include "session/catalog_private.h"

bool fill_pg_cursors(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    const Session *s = ctx->session;
    for (const Portal *c = s->portals; c; c = c->next) {
        if (!c->name || !c->name[0] || c->bound->kind != BOUND_QUERY)
            continue;
        RowMaker r = {.n = 0};
        row_text(&r, c->name);
        row_slice(&r, c->prepared->text);
        row_bool(&r, c->hold);
        row_bool(&r, c->binary);
        row_bool(&r, c->scroll);
        row_i64(&r, c->created_us);
        row_sink_add(sink, r.v);
    }
    return true;
}

static void row_types(RowMaker *r, Arena *a, const TypeId *types, size_t n)
{
    Value *items = ARENA_ARRAY(a, Value, n + 1);
    for (size_t i = 0; i < n; i++)
        items[i] = value_i64(types[i]);
    r->v[r->n++] = value_array(array_new(a, T_REGTYPE, items, n));
}

bool fill_pg_prepared(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    const Session *s = ctx->session;
    for (const Prepared *p = s->statements; p; p = p->next) {
        if (!p->name[0])
            continue;
        RowMaker r = {.n = 0};
        row_text(&r, p->name);
        row_slice(&r, p->source.len ? p->source : p->text);
        row_i64(&r, p->created_us);
        row_types(&r, ctx->arena, p->bound ? p->bound->param_types : NULL,
                  p->bound ? p->bound->param_count : 0);
        row_bool(&r, p->source.len > 0);
        row_i64(&r, (int64_t)p->runs);
        row_i64(&r, 0);
        row_sink_add(sink, r.v);
    }
    return true;
}

static void row_words(RowMaker *r, Arena *a, const char *words)
{
    enum { WORDS_MAX = 16 };
    Value *items = ARENA_ARRAY(a, Value, WORDS_MAX); /* the array keeps them */
    size_t n = 0;
    for (const char *p = words; p && *p; n++) {
        size_t len = strcspn(p, ",");
        must(n < WORDS_MAX);
        items[n] = value_str(slice_of(p, len));
        p += len + (p[len] == ',');
    }
    if (words)
        r->v[r->n++] = value_array(array_new(a, T_TEXT, items, n));
    else
        row_null(r);
}

static void setting_row(RowSink *sink, Arena *a, const SettingInfo *info, Slice value)
{
    RowMaker r = {.n = 0};
    row_text(&r, info->name);
    row_slice(&r, value);
    row_text(&r, info->unit);
    row_text(&r, info->category);
    row_text(&r, info->text);
    row_text(&r, info->extra);
    row_text(&r, info->context);
    row_text(&r, info->vartype);
    row_text(&r, info->source);
    if (info->ranged) {
        bool open = info->max == INT64_MAX && strcmp(info->vartype, "real") == 0;
        row_number_text(&r, a, info->min);
        if (open)
            row_text(&r, "1.79769e+308"); /* DBL_MAX as PostgreSQL prints it */
        else
            row_number_text(&r, a, info->max);
    } else {
        row_nulls(&r, 2);
    }
    row_words(&r, a, info->words);
    row_text(&r, info->boot);
    row_slice(&r, info->reset);
    row_nulls(&r, 2);
    row_bool(&r, false);
    row_sink_add(sink, r.v);
}

bool fill_pg_settings(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap;
    for (size_t i = 0; i < setting_count(); i++) {
        SettingInfo info;
        Slice v;
        if (!setting_info(ctx->session, i, &info))
            continue;
        if (!setting_get(ctx->session, slice_cstr(info.name), &v, e))
            return false;
        setting_row(sink, ctx->arena, &info, v);
    }
    return true;
}

static void row_offset(RowMaker *r, int32_t offset_s)
{
    r->v[r->n++] =
        (Value){.phys = PH_INTERVAL, .u.iv = {.us = (int64_t)offset_s * (NS_PER_S / NS_PER_US)}};
}

typedef struct ZoneFill {
    RowSink *sink;
    int64_t now_s;
} ZoneFill;

static void zone_row(void *arg, const TimeZone *tz)
{
    const ZoneFill *f = arg;
    Slice abbreviation;
    int32_t offset_s = tz_offset_at(tz, f->now_s, &abbreviation);
    RowMaker r = {.n = 0};
    row_slice(&r, tz_name(tz));
    row_slice(&r, abbreviation);
    row_offset(&r, offset_s);
    row_bool(&r, tz_is_dst_at(tz, f->now_s));
    row_sink_add(f->sink, r.v);
}

bool fill_timezone_names(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    const Session *s = ctx->session;
    ZoneFill f = {.sink = sink, .now_s = s->db->clock->wall_ns(s->db->clock) / NS_PER_S};
    tz_each(zone_row, &f);
    return true;
}

bool fill_timezone_abbrevs(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    int32_t offset_s;
    bool dst;
    const char *name;
    for (size_t i = 0; (name = tz_abbreviation_at(i, &offset_s, &dst)); i++) {
        RowMaker r = {.n = 0};
        char *upper = arena_cstr(ctx->arena, slice_cstr(name));
        for (char *p = upper; *p; p++)
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        row_text(&r, upper);
        row_offset(&r, offset_s);
        row_bool(&r, dst);
        row_sink_add(sink, r.v);
    }
    return true;
}
