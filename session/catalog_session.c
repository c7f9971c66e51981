/* session/catalog_session.c - what this session has: pg_cursors, pg_prepared_statements. */
#include "exec/array.h"
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
