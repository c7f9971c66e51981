/* session/catalog_role.c - roles in pg_catalog: pg_roles, pg_authid; who the session is. */
#include "session/catalog_private.h"

#include <stdio.h>

/* ---- pg_roles, pg_authid ---- */

static void role_flags(RowMaker *r, const RoleDef *d)
{
    static const uint32_t flags[] = {ROLE_SUPERUSER, ROLE_INHERIT, ROLE_CREATEROLE,
                                     ROLE_CREATEDB,  ROLE_LOGIN,   ROLE_REPLICATION};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        row_bool(r, d->flags & flags[i]);
}

static void role_until(RowMaker *r, const RoleDef *d)
{
    if (d->valid_until_us == INT64_MAX)
        row_null(r);
    else
        row_i64(r, d->valid_until_us);
}

bool fill_pg_roles(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_role_count(cat); i++) {
        const RoleDef *d = cat_role_at(cat, i);
        RowMaker r = {.n = 0};
        row_slice(&r, d->name);
        role_flags(&r, d);
        row_i64(&r, d->connection_limit);
        row_text(&r, "********");
        role_until(&r, d);
        row_bool(&r, d->flags & ROLE_BYPASSRLS);
        row_role_config(&r, ctx->arena, cat, 0, d->id);
        row_i64(&r, d->id);
        row_sink_add(sink, r.v);
    }
    return true;
}

/* With the verifiers: for superusers. */
bool fill_pg_authid(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    const CatalogSnap *cat = snapshot_catalog(snap);
    if (!session_is_superuser(ctx->session, cat))
        return err_set(e, ERR_PRIVILEGE, "permission denied for table pg_authid");
    for (size_t i = 0; i < cat_role_count(cat); i++) {
        const RoleDef *d = cat_role_at(cat, i);
        RowMaker r = {.n = 0};
        row_i64(&r, d->id);
        row_slice(&r, d->name);
        role_flags(&r, d);
        row_bool(&r, d->flags & ROLE_BYPASSRLS);
        row_i64(&r, d->connection_limit);
        if (d->password.len)
            row_slice(&r, d->password);
        else
            row_null(&r);
        role_until(&r, d);
        row_sink_add(sink, r.v);
    }
    return true;
}

/* ---- functions ---- */

bool fn_current_user(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *r = cat_role_by_id(cat, s->role);
    *out = value_str(r ? arena_slice(ctx->arena, r->name) : slice_cstr(s->user));
    cat_unref(cat);
    return true;
}

bool fn_session_user(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    const Session *s = ctx->session;
    *out = value_str(slice_cstr(s->user));
    return true;
}

bool fn_userbyid(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    CatalogSnap *cat = session_catalog(ctx->session);
    const RoleDef *r = cat_role_by_id(cat, (ObjectId)args[0].u.i64);
    *out = value_str(r ? arena_slice(ctx->arena, r->name)
                       : arena_printf(ctx->arena, "unknown (OID=%lld)", (long long)args[0].u.i64));
    cat_unref(cat);
    return true;
}
