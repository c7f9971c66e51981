/* session/functions_admin.c - functions that administrators and their tools call: sizes, transaction
 * numbers, what is visible. */
#include "session/catalog_private.h"
#include "storage/engine.h"

#define FN(name)  static bool name(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
#define FN_UNUSED (void)ctx, (void)args, (void)n, (void)e

/* ---- transactions ---- */

static int64_t transaction_number(Session *s)
{
    if (!s->tx.number)
        s->tx.number = atomic_fetch_add(&s->db->next_transaction, 1);
    return s->tx.number;
}

FN(fn_txid_current)
{
    FN_UNUSED;
    *out = value_i64(transaction_number(ctx->session));
    return true;
}

FN(fn_txid_if_assigned)
{
    FN_UNUSED;
    const Session *s = ctx->session;
    *out = s->tx.number ? value_i64(s->tx.number) : value_null();
    return true;
}

/* ---- sizes ---- */

FN(fn_relation_size)
{
    FN_UNUSED;
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = cat_table_by_id(cat, (TableId)args[0].u.i64);
    *out = value_i64(0);
    if (t && t->kind != TABLE_VIEW && t->kind != TABLE_SEQUENCE) {
        TableInfo info;
        Snapshot *snap = engine_snapshot(s->db->engine, NULL);
        snapshot_table_info(snap, t->id, &info);
        snapshot_unref(snap);
        *out = value_i64((int64_t)info.bytes);
    }
    cat_unref(cat);
    return true;
}

FN(fn_database_size)
{
    FN_UNUSED;
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    const DatabaseDef *d = args[0].phys == PH_STR
                               ? cat_database(cat, args[0].u.str)
                               : cat_database_by_id(cat, (ObjectId)args[0].u.i64);
    bool ok =
        d || args[0].phys != PH_STR ||
        err_set(e, ERR_DATABASE_NAME, "database \"%.*s\" does not exist", SLICE_ARG(args[0].u.str));
    Snapshot *snap = engine_snapshot(s->db->engine, NULL);
    uint64_t bytes = 0;
    for (size_t i = 0; d && i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        TableInfo info;
        if (t->database != d->id || t->kind == TABLE_VIEW || t->kind == TABLE_SEQUENCE)
            continue;
        snapshot_table_info(snap, t->id, &info);
        bytes += info.bytes;
    }
    snapshot_unref(snap);
    cat_unref(cat);
    *out = d ? value_i64((int64_t)bytes) : value_null();
    return ok;
}

FN(fn_zero)
{
    FN_UNUSED;
    *out = value_i64(0);
    return true;
}

FN(fn_same)
{
    FN_UNUSED;
    *out = args[0];
    return true;
}

/* ---- texts ---- */

FN(fn_current_query)
{
    FN_UNUSED;
    const Session *s = ctx->session;
    *out = s->query_text ? value_str(slice_cstr(s->query_text)) : value_null();
    return true;
}

FN(fn_name_byte)
{
    FN_UNUSED;
    Slice s = args[0].u.str;
    int64_t i = args[1].u.i64;
    *out = i < 0 || i > NAME_MAX_BYTES ? value_null()
           : i < (int64_t)s.len        ? value_str(slice_of(s.ptr + i, 1))
                                       : value_str(SLICE_NONE);
    return true;
}

/* ---- constants ---- */

FN(fn_true)
{
    FN_UNUSED;
    *out = value_bool(true);
    return true;
}

FN(fn_false)
{
    FN_UNUSED;
    *out = value_bool(false);
    return true;
}

FN(fn_null)
{
    FN_UNUSED;
    *out = value_null();
    return true;
}

FN(fn_no_pids)
{
    FN_UNUSED;
    static const Array none = {.elem = T_INT4};
    *out = (Value){.phys = PH_ARRAY, .u.arr = &none};
    return true;
}

/* As PostgreSQL's bits: 1 << CMD_UPDATE, CMD_INSERT, CMD_DELETE. */
FN(fn_relation_updatable)
{
    FN_UNUSED;
    enum { UPDATABLE = 1 << 2 | 1 << 3 | 1 << 4 };
    CatalogSnap *cat = session_catalog(ctx->session);
    const TableDef *t = cat_table_by_id(cat, (TableId)args[0].u.i64);
    bool table = t && t->kind != TABLE_VIEW && t->kind != TABLE_SEQUENCE;
    *out = value_i64(table ? UPDATABLE : 0);
    cat_unref(cat);
    return true;
}

/* ---- the table ---- */

#define ROW(sig, fn, fl, txt)                                                                      \
    {                                                                                              \
        .signature = sig, .scalar = fn, .flags = fl, .text = txt                                   \
    }
#define STABLE   FN_STABLE
#define STRICT   (FN_STABLE | FN_STRICT)
#define VOLATILE (FN_VOLATILE | FN_STRICT)
#define VISIBLE  "found without its schema"

FuncDef admin_functions[] = {
    ROW("txid_current() int8", fn_txid_current, FN_VOLATILE, "number of the transaction"),
    ROW("pg_current_xact_id() int8", fn_txid_current, FN_VOLATILE, "number of the transaction"),
    ROW("txid_current_if_assigned() int8", fn_txid_if_assigned, FN_VOLATILE,
        "number of the transaction if it has one"),
    ROW("pg_current_xact_id_if_assigned() int8", fn_txid_if_assigned, FN_VOLATILE,
        "number of the transaction if it has one"),
    ROW("age(xid) int4", fn_zero, STRICT, "transactions since: rows have none here"),
    ROW("mxid_age(xid) int4", fn_zero, STRICT, "transactions since: rows have none here"),
    ROW("pg_relation_size(regclass) int8", fn_relation_size, STRICT, "bytes in files"),
    ROW("pg_relation_size(regclass, text) int8", fn_relation_size, STRICT, "bytes in files"),
    ROW("pg_table_size(regclass) int8", fn_relation_size, STRICT, "bytes in files"),
    ROW("pg_total_relation_size(regclass) int8", fn_relation_size, STRICT, "bytes in files"),
    ROW("pg_indexes_size(regclass) int8", fn_zero, STRICT, "indexes are part of the table"),
    ROW("pg_database_size(name) int8", fn_database_size, STRICT, "bytes of its tables"),
    ROW("pg_database_size(oid) int8", fn_database_size, STRICT, "bytes of its tables"),
    ROW("pg_relation_filenode(regclass) oid", fn_same, STRICT, "number of the table"),
    ROW("pg_relation_filepath(regclass) text", fn_null, STRICT, "tables share files"),
    ROW("current_query() text", fn_current_query, FN_VOLATILE, "text of the statement"),
    ROW("name_byte(name, int4) \"char\"", fn_name_byte, FN_STRICT | FN_HIDDEN, "byte of a name"),
    ROW("pg_opclass_is_visible(oid) bool", fn_true, STRICT, VISIBLE),
    ROW("pg_operator_is_visible(oid) bool", fn_true, STRICT, VISIBLE),
    ROW("pg_opfamily_is_visible(oid) bool", fn_true, STRICT, VISIBLE),
    ROW("pg_conversion_is_visible(oid) bool", fn_true, STRICT, VISIBLE),
    ROW("pg_statistics_obj_is_visible(oid) bool", fn_true, STRICT, VISIBLE),
    ROW("pg_ts_config_is_visible(oid) bool", fn_true, STRICT, VISIBLE),
    ROW("pg_ts_dict_is_visible(oid) bool", fn_true, STRICT, VISIBLE),
    ROW("pg_ts_parser_is_visible(oid) bool", fn_true, STRICT, VISIBLE),
    ROW("pg_ts_template_is_visible(oid) bool", fn_true, STRICT, VISIBLE),
    ROW("row_security_active(oid) bool", fn_false, STRICT, "there is no row security"),
    ROW("row_security_active(text) bool", fn_false, STRICT, "there is no row security"),
    ROW("pg_is_wal_replay_paused() bool", fn_false, STABLE, "nothing is replayed"),
    ROW("pg_jit_available() bool", fn_false, STABLE, "there is no JIT"),
    ROW("pg_trigger_depth() int4", fn_zero, STABLE, "there are no triggers"),
    ROW("pg_blocking_pids(int4) int4[]", fn_blocking_pids, VOLATILE,
        "sessions with a lock that this one waits for"),
    ROW("pg_safe_snapshot_blocking_pids(int4) int4[]", fn_no_pids, VOLATILE, "nobody waits"),
    ROW("pg_relation_is_updatable(regclass, bool) int4", fn_relation_updatable, STRICT,
        "what may be done to it: 4 UPDATE, 8 INSERT, 16 DELETE"),
    ROW("pg_get_ruledef(oid) text", fn_null, STRICT, "there are no rules"),
    ROW("pg_get_ruledef(oid, bool) text", fn_null, STRICT, "there are no rules"),
    ROW("pg_get_triggerdef(oid) text", fn_null, STRICT, "there are no triggers"),
    ROW("pg_get_partkeydef(oid) text", fn_null, STRICT, "there are no partitions"),
    ROW("pg_get_statisticsobjdef(oid) text", fn_null, STRICT, "there are no extended statistics"),
    ROW("pg_get_functiondef(oid) text", fn_null, STRICT, "functions are built in"),
    ROW("pg_get_function_sqlbody(oid) text", fn_null, STRICT, "functions are built in"),
    ROW("pg_get_function_arg_default(oid, int4) text", fn_null, STRICT, "there are no defaults"),
    ROW("pg_index_column_has_property(regclass, int4, text) bool", fn_null, STRICT, "not known"),
    ROW("pg_index_has_property(regclass, text) bool", fn_null, STRICT, "not known"),
    ROW("pg_indexam_has_property(oid, text) bool", fn_null, STRICT, "not known"),
    {.signature = NULL},
};
