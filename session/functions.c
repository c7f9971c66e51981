/* session/functions.c - SQL functions that need a session: who, where, settings, privileges. */
#include "session/catalog_private.h"
#include <stdio.h>

static Session *of(EvalCtx *ctx)
{
    return ctx->session;
}

static bool text(Value *out, const char *s)
{
    *out = value_str(slice_cstr(s));
    return true;
}

static bool fn_version(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)args, (void)n, (void)e;
    return text(out, "PostgreSQL 15.0 (Alopex Skulk " SKULK_VERSION
                     ") on x86_64-pc-linux-gnu, compiled by gcc, 64-bit");
}

static bool fn_current_database(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    return text(out, of(ctx)->database_name);
}

static bool fn_current_schema(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    Session *s = of(ctx);
    *out = value_null();
    CatalogSnap *cat = session_catalog(s);
    for (size_t i = 1; out->null && i <= s->search_path_count; i++) {
        const SchemaDef *d = session_path_at(s, cat, i);
        if (d)
            *out = value_str(arena_slice(ctx->arena, d->name));
    }
    cat_unref(cat);
    return true;
}

static bool fn_current_schemas(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    Session *s = of(ctx);
    Array *a = ARENA_NEW(ctx->arena, Array);
    Value *items = ARENA_ARRAY(ctx->arena, Value, s->search_path_count + 2);
    CatalogSnap *cat = session_catalog(s);
    for (size_t i = args[0].u.b ? 0 : 1; i <= s->search_path_count; i++) {
        const SchemaDef *d = session_path_at(s, cat, i);
        if (d)
            items[a->count++] = value_str(arena_slice(ctx->arena, d->name));
        if (i == 0)
            items[a->count++] = value_str(SLICE_LIT("pg_catalog"));
    }
    cat_unref(cat);
    a->elem = T_NAME;
    a->ndim = a->count > 0;
    a->dims[0] = (int32_t)a->count;
    a->lower[0] = 1;
    a->items = items;
    *out = (Value){.phys = PH_ARRAY, .u.arr = a};
    return true;
}

static bool fn_current_setting(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    Slice v;
    Err missing;
    if (setting_show(of(ctx), args[0].u.str, &v, &missing)) {
        *out = value_str(arena_slice(ctx->arena, v));
        return true;
    }
    if (n > 1 && args[1].u.b) {
        *out = value_null();
        return true;
    }
    *e = missing;
    return false;
}

static bool fn_set_config(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    Session *s = of(ctx);
    if (args[0].null)
        return err_set(e, ERR_NULL_NOT_ALLOWED, "SET requires parameter name");
    Slice value = args[1].null ? SLICE_NONE : args[1].u.str, now;
    if (!setting_set(s, args[0].u.str, value, args[1].null, !args[2].null && args[2].u.b, e))
        return false;
    Err placeholder;
    *out = value_str(
        arena_slice(ctx->arena, setting_show(s, args[0].u.str, &now, &placeholder) ? now : value));
    return true;
}

static bool fn_backend_pid(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    *out = value_i64(of(ctx)->pid);
    return true;
}

static bool fn_false(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)args, (void)n, (void)e;
    *out = value_bool(false);
    return true;
}

static bool fn_true(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)args, (void)n, (void)e;
    *out = value_bool(true);
    return true;
}

/* Its own role's sessions, with pg_signal_backend those of all but superusers. */
static bool may_signal(Session *s, ObjectId role, const char *what, Err *e)
{
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *of_all = cat_role(cat, SLICE_LIT("pg_signal_backend"));
    const RoleDef *target = cat_role_by_id(cat, role);
    bool super = target && target->flags & ROLE_SUPERUSER;
    bool ok = session_is_superuser(s, cat) || session_in_role(s, cat, role) ||
              (!super && of_all && session_in_role(s, cat, of_all->id));
    cat_unref(cat);
    return ok ||
           err_set(e, ERR_PRIVILEGE,
                   "must be a member of the role whose %s or member of pg_signal_backend", what);
}

static void not_a_session(Session *s, int32_t pid)
{
    session_notice(s, "WARNING", ERR_WARNING, "PID %d is not a PostgreSQL backend process", pid);
}

static bool fn_terminate_backend(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    Db *db = of(ctx)->db;
    int32_t pid = (int32_t)args[0].u.i64, secret;
    ObjectId role;
    bool found = db_session_find(db, pid, &role, &secret);
    if (found && !may_signal(of(ctx), role, "process is being terminated", e))
        return false;
    if (found)
        db_terminate(db, pid);
    else
        not_a_session(of(ctx), pid);
    *out = value_bool(found);
    return true;
}

static bool fn_cancel_backend(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    Db *db = of(ctx)->db;
    int32_t pid = (int32_t)args[0].u.i64, secret;
    ObjectId role;
    bool found = db_session_find(db, pid, &role, &secret);
    if (found && !may_signal(of(ctx), role, "query is being canceled", e))
        return false;
    if (found)
        db_cancel(db, pid, secret);
    else
        not_a_session(of(ctx), pid);
    *out = value_bool(found);
    return true;
}

static bool fn_inet_client(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    Slice peer = slice_cstr(of(ctx)->client_address); /* address:port */
    while (peer.len && peer.ptr[peer.len - 1] != ':')
        peer.len--;
    *out = peer.len ? value_str(slice_of(peer.ptr, peer.len - 1)) : value_null();
    return true;
}

static bool fn_start_time(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    *out = value_i64(of(ctx)->started_us);
    return true;
}

static bool fn_my_temp_schema(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    Session *s = of(ctx);
    CatalogSnap *cat = session_catalog(s);
    const SchemaDef *d = session_schema(s, cat, SLICE_LIT("pg_temp"));
    *out = value_i64(d ? d->id : 0);
    cat_unref(cat);
    return true;
}

/* Nobody sees those of others. */
static bool fn_other_temp_schema(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)args, (void)n, (void)e;
    *out = value_bool(false);
    return true;
}

/* ([role,] object, ..., privilege), role and object by name or by oid */
#define HAS_ROW(sig, fn)                                                                           \
    {                                                                                              \
        .signature = sig " bool", .scalar = fn, .flags = FN_STABLE | FN_STRICT,                    \
        .text = "has the role this right on the object?"                                           \
    }
#define HAS_ROWS(f, fn, more)                                                                      \
    HAS_ROW(f "(text, " more "text)", fn), HAS_ROW(f "(oid, " more "text)", fn),                   \
        HAS_ROW(f "(text, text, " more "text)", fn), HAS_ROW(f "(text, oid, " more "text)", fn),   \
        HAS_ROW(f "(oid, text, " more "text)", fn), HAS_ROW(f "(oid, oid, " more "text)", fn)

FuncDef session_functions[] = {
    {.signature = "pg_my_temp_schema() oid",
     .scalar = fn_my_temp_schema,
     .flags = FN_STABLE,
     .text = "schema of the session's temporary tables, 0 if it has none"},
    {.signature = "pg_is_other_temp_schema(oid) bool",
     .scalar = fn_other_temp_schema,
     .flags = FN_STABLE | FN_STRICT,
     .text = "is it the schema of another session's temporary tables"},
    {.signature = "version() text",
     .scalar = fn_version,
     .flags = FN_STABLE,
     .text = "version of the server"},
    {.signature = "current_database() name",
     .scalar = fn_current_database,
     .flags = FN_STABLE,
     .text = "name of the database"},
    {.signature = "current_catalog() name",
     .scalar = fn_current_database,
     .flags = FN_STABLE,
     .text = "name of the database"},
    {.signature = "current_user() name",
     .scalar = fn_current_user,
     .flags = FN_STABLE,
     .text = "name of the user"},
    {.signature = "session_user() name",
     .scalar = fn_session_user,
     .flags = FN_STABLE,
     .text = "name of the user at login"},
    {.signature = "user() name",
     .scalar = fn_current_user,
     .flags = FN_STABLE,
     .text = "name of the user"},
    {.signature = "current_role() name",
     .scalar = fn_current_user,
     .flags = FN_STABLE,
     .text = "name of the user"},
    {.signature = "current_schema() name",
     .scalar = fn_current_schema,
     .flags = FN_STABLE,
     .text = "first schema of search_path that exists"},
    {.signature = "current_schemas(bool) name[]",
     .scalar = fn_current_schemas,
     .flags = FN_STABLE | FN_STRICT,
     .text = "schemas of search_path that exist"},
    {.signature = "current_setting(text) text",
     .scalar = fn_current_setting,
     .flags = FN_STABLE | FN_STRICT,
     .text = "value of a setting"},
    {.signature = "current_setting(text, bool) text",
     .scalar = fn_current_setting,
     .flags = FN_STABLE | FN_STRICT,
     .text = "value of a setting, NULL if there is none"},
    {.signature = "set_config(text, text, bool) text",
     .scalar = fn_set_config,
     .flags = FN_VOLATILE,
     .text = "sets a setting, returns its value"},
    {.signature = "pg_backend_pid() int4",
     .scalar = fn_backend_pid,
     .flags = FN_STABLE,
     .text = "number of this session"},
    {.signature = "pg_terminate_backend(int4) bool",
     .scalar = fn_terminate_backend,
     .flags = FN_VOLATILE | FN_STRICT,
     .text = "ends a session"},
    {.signature = "pg_terminate_backend(int4, int8) bool",
     .scalar = fn_terminate_backend,
     .flags = FN_VOLATILE | FN_STRICT,
     .text = "ends a session"},
    {.signature = "pg_cancel_backend(int4) bool",
     .scalar = fn_cancel_backend,
     .flags = FN_VOLATILE | FN_STRICT,
     .text = "cancels the running statement of a session"},
    {.signature = "pg_is_in_recovery() bool",
     .scalar = fn_false,
     .flags = FN_STABLE,
     .text = "this is no standby"},
    {.signature = "inet_client_addr() text",
     .scalar = fn_inet_client,
     .flags = FN_STABLE,
     .text = "address of the client"},
    {.signature = "pg_postmaster_start_time() timestamptz",
     .scalar = fn_start_time,
     .flags = FN_STABLE,
     .text = "start of this session"},
    HAS_ROWS("has_table_privilege", fn_has_table_privilege, ""),
    HAS_ROWS("has_any_column_privilege", fn_has_any_column_privilege, ""),
    HAS_ROWS("has_column_privilege", fn_has_column_privilege, "text, "),
    HAS_ROWS("has_column_privilege", fn_has_column_privilege, "int2, "),
    HAS_ROWS("has_sequence_privilege", fn_has_sequence_privilege, ""),
    HAS_ROWS("has_schema_privilege", fn_has_schema_privilege, ""),
    HAS_ROWS("has_database_privilege", fn_has_database_privilege, ""),
    HAS_ROWS("pg_has_role", fn_has_role, ""),
    {.signature = "has_function_privilege(oid, text) bool",
     .scalar = fn_true,
     .flags = FN_STABLE | FN_STRICT,
     .text = "everybody may call every function"},
    {.signature = NULL},
};
