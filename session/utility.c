/* session/utility.c - statements that are no queries: one row each in utility_table[].
 *
 * run is called until it no longer answers WAIT or YIELD; Portal.phase says where it is. */
#include "session/advisory.h"
#include "session/catalog_private.h"
#include <stdio.h>

static OutColumn text_column(const char *name)
{
    return (OutColumn){.name = slice_cstr(name), .type = T_TEXT, .typmod = -1};
}

/* For `return failed(err_set(...))`. */
static RunStatus failed(bool never)
{
    (void)never;
    return RUN_FAIL;
}

/* ---- transactions ---- */

static RunStatus run_commit(Portal *p, Err *e)
{
    Session *s = p->session;
    bool chain = p->bound->u.txn.chain, aborted = s->tx.state == TX_FAILED;
    Transaction was = s->tx;
    if (p->phase == 0) {
        p->phase = 1;
        if (chain && s->tx.state != TX_BLOCK && !aborted)
            return failed(err_set(e, ERR_NO_ACTIVE_TXN,
                                  "COMMIT AND CHAIN can only be used in transaction blocks"));
        if (s->tx.state != TX_BLOCK && !aborted)
            session_notice(s, "WARNING", ERR_NO_ACTIVE_TXN, "there is no transaction in progress");
    }
    RunStatus st = aborted ? RUN_DONE : cursors_hold(s, e);
    if (st == RUN_DONE)
        st = tx_commit_step(s, e);
    if (st != RUN_DONE)
        return st;
    portals_close_all(s, true, p);
    if (chain)
        tx_chain(s, &was);
    return portal_set_tag(p, aborted ? "ROLLBACK" : "COMMIT");
}

static RunStatus run_txn(Portal *p, Batch **out, Err *e)
{
    (void)out;
    if (p->bound->u.txn.kind == TXN_COMMIT)
        return run_commit(p, e);
    return tx_control(p->session, p, e) ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;
}

/* ---- settings ---- */

static RunStatus run_set(Portal *p, Batch **out, Err *e)
{
    (void)out;
    const Bound *b = p->bound;
    if (b->u.set.local && !tx_in_block(p->session))
        session_notice(p->session, "WARNING", ERR_NO_ACTIVE_TXN,
                       "SET LOCAL can only be used in transaction blocks");
    if (!setting_set(p->session, b->u.set.name, b->u.set.value, b->u.set.is_default, b->u.set.local,
                     e))
        return RUN_FAIL;
    return portal_set_tag(p, b->tag);
}

static RunStatus run_reset(Portal *p, Batch **out, Err *e)
{
    (void)out;
    const Bound *b = p->bound;
    if (slice_eq_nocase(b->u.set.name, SLICE_LIT("all")))
        setting_reset_all(p->session);
    else if (!setting_set(p->session, b->u.set.name, SLICE_NONE, true, false, e))
        return RUN_FAIL;
    return portal_set_tag(p, b->tag);
}

static const OutColumn *show_columns(Session *s, const Bound *b, Arena *a, size_t *count)
{
    bool all = slice_eq_nocase(b->u.set.name, SLICE_LIT("all"));
    *count = all ? 3 : 1;
    OutColumn *c = ARENA_ARRAY(a, OutColumn, 3);
    c[0] = text_column("name");
    c[1] = text_column("setting");
    c[2] = text_column("description");
    if (!all)
        c[0].name = arena_slice(a, b->u.set.name);
    for (size_t i = 0; !all && i < setting_count();
         i++) { /* SHOW timezone: the column is "TimeZone" */
        SettingInfo info;
        (void)setting_info(s, i, &info);
        if (slice_eq_nocase(b->u.set.name, slice_cstr(info.name)))
            c[0].name = slice_cstr(info.name);
    }
    return c;
}

static bool show_all(Portal *p, Err *e)
{
    for (size_t i = 0; i < setting_count(); i++) {
        SettingInfo info;
        Slice v;
        if (!setting_info(p->session, i, &info))
            continue;
        if (!setting_show(p->session, slice_cstr(info.name), &v, e))
            return false;
        Value row[3] = {value_str(slice_cstr(info.name)), value_str(v),
                        value_str(slice_cstr(info.text))};
        if (!rows_add(p, row, e))
            return false;
    }
    return true;
}

static RunStatus run_show(Portal *p, Batch **out, Err *e)
{
    Slice v;
    if (p->phase++ > 0)
        return rows_send_all(p, out, "SHOW", e);
    rows_begin(p, p->cols, p->col_count);
    bool ok = p->col_count > 1
                  ? show_all(p, e)
                  : setting_show(p->session, p->bound->u.set.name, &v, e) && rows_add_text(p, v, e);
    return ok ? rows_send_all(p, out, "SHOW", e) : RUN_FAIL;
}

static RunStatus run_discard(Portal *p, Batch **out, Err *e)
{
    (void)out;
    Session *s = p->session;
    Slice what = p->bound->u.set.name;
    if (slice_eq_nocase(what, SLICE_LIT("all"))) {
        if (!tx_refuse_block(s, "DISCARD ALL", e))
            return RUN_FAIL;
        setting_reset_all(s);
        prepared_forget_all(s);
        cursors_close(s, true);
        sequences_forget(s);
        advisory_unlock_all(s);
        if (!temp_discard(s, e) || !notify_discard(s, e))
            return RUN_FAIL;
    } else if (slice_eq_nocase(what, SLICE_LIT("sequences"))) {
        sequences_forget(s);
    } else if (slice_eq_nocase(what, SLICE_LIT("plans"))) {
        s->plan_settings++;
    } else if (slice_eq_nocase(what, SLICE_LIT("temp")) && !temp_discard(s, e)) {
        return RUN_FAIL;
    }
    return portal_set_tag(p, p->bound->tag);
}

/* ---- maintenance ---- */

RunStatus ticket_run(Portal *p, Err *e)
{
    if (!atomic_load_explicit(&p->ticket.done, memory_order_acquire))
        return RUN_WAIT;
    p->ticket_busy = false;
    if (p->ticket.ok)
        return RUN_DONE;
    *e = p->ticket.err;
    return RUN_FAIL;
}

static bool may_checkpoint(Session *s, Err *e)
{
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *in = cat_role(cat, SLICE_LIT("pg_checkpoint"));
    bool ok = in && session_in_role(s, cat, in->id);
    cat_unref(cat);
    return ok || err_set(e, ERR_PRIVILEGE,
                         "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT");
}

static RunStatus run_checkpoint(Portal *p, Batch **out, Err *e)
{
    (void)out;
    if (p->phase == 0 && !may_checkpoint(p->session, e))
        return RUN_FAIL;
    if (p->phase++ == 0) {
        p->ticket = (Ticket){.waiter = p->session->waiter};
        p->ticket_busy = true;
        engine_checkpoint(p->session->db->engine, &p->ticket);
    }
    RunStatus st = ticket_run(p, e);
    return st == RUN_DONE ? portal_set_tag(p, "CHECKPOINT") : st;
}

/* BACKUP TO 'directory': on the server's machine, made by the server. */
static RunStatus run_backup(Portal *p, Batch **out, Err *e)
{
    (void)out;
    if (p->phase == 0 && !session_must_be_superuser(p->session, "make a backup", e))
        return RUN_FAIL;
    if (p->phase == 0) {
        Slice target = p->bound->u.backup.target;
        char path[1024];
        if (!target.len || target.ptr[0] != '/' || target.len >= sizeof path) {
            err_set(e, ERR_INVALID_PARAMETER,
                    "BACKUP needs an absolute path of less than %zu bytes", sizeof path);
            return RUN_FAIL;
        }
        snprintf(path, sizeof path, "%.*s", SLICE_ARG(target));
        p->phase = 1;
        p->ticket = (Ticket){.waiter = p->session->waiter};
        p->ticket_busy = true;
        engine_backup(p->session->db->engine, path, &p->ticket);
    }
    RunStatus st = ticket_run(p, e);
    return st == RUN_DONE ? portal_set_tag(p, "BACKUP") : st;
}

static bool vacuum_table(Portal *p, size_t i, TableId *table, bool *skip, Err *e)
{
    *table = 0;
    *skip = false;
    if (p->bound->u.vacuum.count == 0)
        return true;
    CatalogSnap *cat = session_catalog(p->session);
    const QualifiedName *name = &p->bound->u.vacuum.tables[i];
    const TableDef *t = session_find_table(p->session, cat, name);
    Err denied;
    *table = t ? t->id : 0;
    if (t && !session_owns(p->session, cat, GRANT_TABLE, t->id, t->name, &denied)) {
        session_notice(p->session, "WARNING", ERR_WARNING,
                       "permission denied to vacuum \"%.*s\", skipping it", SLICE_ARG(t->name));
        *skip = true;
    }
    cat_unref(cat);
    return t || err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                        SLICE_ARG(name->name));
}

/* A flush writes files too: less than nothing was freed then. */
static void say_freed(Portal *p, size_t i)
{
    int64_t freed = p->ticket.freed > 0 ? p->ticket.freed : 0;
    const QualifiedName *name = p->bound->u.vacuum.tables;
    session_notice(p->session, "INFO", ERR_OK, "vacuumed %s%.*s%s: freed %lld bytes of files",
                   p->bound->u.vacuum.count ? "\"" : "all tables",
                   SLICE_ARG(p->bound->u.vacuum.count ? name[i].name : SLICE_NONE),
                   p->bound->u.vacuum.count ? "\"" : "", (long long)freed);
}

/* phase: 2 i = start table i, 2 i + 1 = wait for it. */
static RunStatus run_vacuum(Portal *p, Batch **out, Err *e)
{
    (void)out;
    if (!tx_refuse_block(p->session, "VACUUM", e))
        return RUN_FAIL;
    size_t n = p->bound->u.vacuum.count ? p->bound->u.vacuum.count : 1;
    while ((size_t)p->phase < 2 * n) {
        if (p->phase % 2 == 0) {
            TableId table;
            bool skip;
            if (!vacuum_table(p, (size_t)p->phase / 2, &table, &skip, e))
                return RUN_FAIL;
            if (skip) {
                p->phase += 2;
                continue;
            }
            p->ticket = (Ticket){.waiter = p->session->waiter};
            p->ticket_busy = true;
            p->phase++;
            engine_vacuum(p->session->db->engine, table, &p->ticket);
        }
        RunStatus st = ticket_run(p, e);
        if (st != RUN_DONE)
            return st;
        say_freed(p, (size_t)p->phase / 2);
        p->phase++;
    }
    return portal_set_tag(p, "VACUUM");
}

/* ---- locks ---- */

/* The write locks of all tables; p->phase counts those that are held.  any: rights that let one. */
static RunStatus lock_tables(Portal *p, const QualifiedName *names, size_t n, uint32_t any, Err *e)
{
    while ((size_t)p->phase < n) {
        const QualifiedName *name = &names[p->phase];
        CatalogSnap *cat = session_catalog(p->session);
        const TableDef *t = session_find_table(p->session, cat, name);
        TableId id = t ? t->id : 0;
        bool view = t && t->kind == TABLE_VIEW, may = true;
        for (uint32_t bit = 1; t && !view && bit <= any; bit <<= 1) {
            may = any & bit && session_allow_table(p->session, cat, t, bit, e);
            if (may)
                break;
        }
        cat_unref(cat);
        if (!may)
            return RUN_FAIL;
        if (!t || view)
            return failed(
                err_set(e, t ? ERR_WRONG_OBJECT : ERR_UNDEFINED_TABLE,
                        t ? "\"%.*s\" is not a table" : "relation \"%.*s\" does not exist",
                        SLICE_ARG(name->name)));
        RunStatus st = tx_lock_table(p, id, e);
        if (st != RUN_DONE)
            return st;
        p->phase++;
    }
    return RUN_DONE;
}

/* The locks of those of the names that are tables; what the others are the statement says. */
static RunStatus lock_present(Portal *p, const QualifiedName *names, size_t n, Err *e)
{
    for (; (size_t)p->phase < n; p->phase++) {
        CatalogSnap *cat = session_catalog(p->session);
        const TableDef *t = session_find_table(p->session, cat, &names[p->phase]);
        TableId id = t && (t->kind == TABLE_SERIES || t->kind == TABLE_ORDINARY) ? t->id : 0;
        cat_unref(cat);
        RunStatus st = id ? tx_lock_table(p, id, e) : RUN_DONE;
        if (st != RUN_DONE)
            return st;
    }
    return RUN_DONE;
}

static RunStatus run_lock(Portal *p, Batch **out, Err *e)
{
    (void)out;
    const Bound *b = p->bound;
    if (p->session->tx.state != TX_BLOCK)
        return failed(
            err_set(e, ERR_NO_ACTIVE_TXN, "LOCK TABLE can only be used in transaction blocks"));
    if (b->u.vacuum.full) /* NOWAIT: the time to wait is over */
        p->lock_deadline_ns = 1;
    RunStatus st = lock_tables(p, b->u.vacuum.tables, b->u.vacuum.count,
                               PRIV_UPDATE | PRIV_DELETE | PRIV_TRUNCATE, e);
    if (st == RUN_FAIL && b->u.vacuum.full && e->code == ERR_LOCK_NOT_AVAILABLE)
        err_set(e, ERR_LOCK_NOT_AVAILABLE, "could not obtain lock on relation \"%.*s\"",
                SLICE_ARG(b->u.vacuum.tables[p->phase].name));
    return st == RUN_DONE ? portal_set_tag(p, b->tag) : st;
}

static RunStatus run_truncate(Portal *p, Batch **out, Err *e)
{
    (void)out;
    const Bound *b = p->bound;
    p->session->tx.own_catalog = true;
    RunStatus st = lock_tables(p, b->u.truncate.names, b->u.truncate.count, PRIV_TRUNCATE, e);
    if (st != RUN_DONE)
        return st;
    return ddl_truncate(p, e) ? portal_set_tag(p, b->tag) : RUN_FAIL;
}

static RunStatus run_nothing(Portal *p, Batch **out, Err *e)
{
    (void)out, (void)e;
    return portal_set_tag(p, p->bound->tag ? p->bound->tag : "");
}

/* Statistics are kept as rows come in: there is nothing to gather. */
static RunStatus run_analyze(Portal *p, Batch **out, Err *e)
{
    (void)out;
    CatalogSnap *cat = session_catalog(p->session);
    bool ok = true;
    for (size_t i = 0; ok && i < p->bound->u.vacuum.count; i++) {
        const QualifiedName *name = &p->bound->u.vacuum.tables[i];
        ok = catalog_has_relation(p->session, cat, name) ||
             err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s%s%.*s\" does not exist",
                     SLICE_ARG(name->schema), name->schema.len ? "." : "", SLICE_ARG(name->name));
    }
    cat_unref(cat);
    return ok ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;
}

/* ---- DDL: all of one step ---- */

#define DDL(fn)                                                                                    \
    static RunStatus run_##fn(Portal *p, Batch **out, Err *e)                                      \
    {                                                                                              \
        (void)out;                                                                                 \
        p->session->tx.own_catalog = true;                                                         \
        return fn(p, e) ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;                             \
    }
DDL(ddl_create_table)
DDL(ddl_create_schema)
DDL(ddl_create_database)
DDL(ddl_comment)
DDL(ddl_create_sequence)
DDL(ddl_alter_sequence)
DDL(retention_statement)

static RunStatus run_drop(Portal *p, Batch **out, Err *e)
{
    (void)out;
    const Bound *b = p->bound;
    RunStatus st = b->u.drop.what == DROP_TABLE
                       ? lock_present(p, b->u.drop.names, b->u.drop.count, e)
                       : RUN_DONE;
    if (st != RUN_DONE)
        return st;
    return ddl_drop(p, e) ? portal_set_tag(p, b->tag) : RUN_FAIL;
}

RunStatus run_alter(Portal *p, Batch **out, Err *e)
{
    (void)out;
    RunStatus st = p->phase ? RUN_DONE : lock_present(p, &p->bound->u.alter.name, 1, e);
    if (st == RUN_DONE)
        st = ddl_alter_run(p, e);
    return st == RUN_DONE ? portal_set_tag(p, p->bound->tag) : st;
}

/* CREATE TABLE AS EXECUTE: only now it is known what columns come. */
static bool as_execute(Portal *p, Err *e)
{
    Bound *b = p->bound;
    BoundQuery *q = &b->u.create_table.as;
    p->inner = execute_open(p, b->u.create_table.execute, e);
    if (!p->inner)
        return false;
    if (p->inner->bound->kind != BOUND_QUERY)
        return err_set(e, ERR_WRONG_OBJECT, "prepared statement is not a SELECT");
    q->cols = p->inner->bound->u.query.cols;
    q->col_count = p->inner->bound->u.query.col_count;
    size_t names = b->u.create_table.name_count;
    if (names > q->col_count)
        return err_set(e, ERR_SYNTAX, "too many column names were specified");
    b->u.create_table.cols = ARENA_ARRAY(&p->arena, ColumnSpec, names + 1);
    b->u.create_table.col_count = names;
    for (size_t i = 0; i < names; i++)
        b->u.create_table.cols[i].name = b->u.create_table.names[i];
    return true;
}

static RunStatus next_to_store(Portal *p, Batch **out, Err *e)
{
    return p->inner ? portal_run(p->inner, 0, out, e) : portal_next_batch(p, out, e);
}

/* The rows of the query go to p->writer. */
static RunStatus store_rows(Portal *p, Err *e)
{
    Session *s = p->session;
    Batch *b;
    RunStatus st;
    while ((st = next_to_store(p, &b, e)) == RUN_BATCH) {
        for (size_t i = 0; i < batch_count(b); i++) {
            Value row[COLUMNS_MAX];
            for (size_t c = 0; c < b->col_count; c++)
                row[c] = vec_get(&b->cols[c], batch_row(b, i));
            if (!row_writer_add(p->writer, row, e))
                return RUN_FAIL;
        }
        p->rows += batch_count(b);
        if (row_writer_full(p->writer) && !row_writer_flush(p->writer, tx_storage(s), e))
            return RUN_FAIL;
        if (tx_full(s))
            return RUN_WAIT;
    }
    if (st != RUN_DONE)
        return st;
    portal_close_query(p);
    if (!row_writer_flush(p->writer, tx_storage(s), e))
        return RUN_FAIL;
    snprintf(p->tag, sizeof p->tag, "SELECT %llu", (unsigned long long)p->rows);
    return RUN_DONE;
}

/* CREATE TABLE AS: the table, then the rows of the query. */
static RunStatus run_create_as(Portal *p, Batch **out, Err *e)
{
    (void)out;
    Session *s = p->session;
    if (p->phase == 0) {
        s->tx.own_catalog = true;
        if ((p->bound->u.create_table.execute && !as_execute(p, e)) || !ddl_create_table(p, e))
            return RUN_FAIL;
        p->phase = 1;
        if (p->bound->u.create_table.with_no_data || !p->writer) /* IF NOT EXISTS: it does */
            return portal_set_tag(p, p->inner && p->writer ? "SELECT 0" : "CREATE TABLE AS");
        if (!p->inner && !portal_open_query(p, &p->bound->u.create_table.as, e))
            return RUN_FAIL;
    }
    return store_rows(p, e);
}

/* A materialized view gets rows as CREATE TABLE AS does. */
static RunStatus run_create_view(Portal *p, Batch **out, Err *e)
{
    (void)out;
    if (p->phase == 0) {
        p->session->tx.own_catalog = true;
        if (!ddl_create_view(p, e))
            return RUN_FAIL;
        p->phase = 1;
        if (!p->writer)
            return portal_set_tag(p, p->bound->tag);
        if (!portal_open_query(p, &p->bound->u.create_view.query, e))
            return RUN_FAIL;
    }
    return store_rows(p, e);
}

static RunStatus run_extension(Portal *p, Batch **out, Err *e)
{
    (void)out;
    Slice name = p->bound->u.create_named.name;
    if (!slice_eq_cstr(name, "timescaledb"))
        return failed(err_set(e, ERR_FEATURE_NOT_SUPPORTED, "extension \"%.*s\" is not available",
                              SLICE_ARG(name)));
    session_notice(p->session, "NOTICE", ERR_OK,
                   "time_bucket, first and last are built in: nothing to install");
    return portal_set_tag(p, "CREATE EXTENSION");
}

static RunStatus run_notify(Portal *p, Batch **out, Err *e)
{
    (void)out;
    return notify_statement(p, e) ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;
}

typedef struct Utility {
    BoundKind kind;
    RunStatus (*run)(Portal *p, Batch **out, Err *e);
    const OutColumn *(*columns)(Session *s, const Bound *b, Arena *a,
                                size_t *count); /* NULL: gives no rows */
} Utility;

static RunStatus run_role(Portal *p, Batch **out, Err *e)
{
    (void)out;
    return role_statement(p, e) ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;
}

static RunStatus run_grant(Portal *p, Batch **out, Err *e)
{
    (void)out;
    return grant_statement(p, e) ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;
}

static RunStatus run_owner(Portal *p, Batch **out, Err *e)
{
    (void)out;
    return owner_statement(p, e) ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;
}

static RunStatus run_owned(Portal *p, Batch **out, Err *e)
{
    (void)out;
    return owned_statement(p, e) ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;
}

static RunStatus run_role_setting(Portal *p, Batch **out, Err *e)
{
    (void)out;
    return role_setting_statement(p, e) ? portal_set_tag(p, p->bound->tag) : RUN_FAIL;
}

static const Utility utility_table[] = {
    {BOUND_TXN, run_txn, NULL},
    {BOUND_SET, run_set, NULL},
    {BOUND_RESET, run_reset, NULL},
    {BOUND_SHOW, run_show, show_columns},
    {BOUND_DISCARD, run_discard, NULL},
    {BOUND_CHECKPOINT, run_checkpoint, NULL},
    {BOUND_BACKUP, run_backup, NULL},
    {BOUND_VACUUM, run_vacuum, NULL},
    {BOUND_ANALYZE, run_analyze, NULL},
    {BOUND_LOCK, run_lock, NULL},
    {BOUND_ROLE, run_role, NULL},
    {BOUND_GRANT, run_grant, NULL},
    {BOUND_OWNER, run_owner, NULL},
    {BOUND_OWNED, run_owned, NULL},
    {BOUND_ROLE_SETTING, run_role_setting, NULL},
    {BOUND_CREATE_TOKEN, token_create_run, token_columns},
    {BOUND_DROP_TOKEN, token_drop_run, NULL},
    {BOUND_EMPTY, run_nothing, NULL},
    {BOUND_EXPLAIN, explain_run, explain_columns},
    {BOUND_PREPARE, prepare_run, NULL},
    {BOUND_EXECUTE, execute_run, execute_columns},
    {BOUND_DEALLOCATE, deallocate_run, NULL},
    {BOUND_DECLARE, cursor_declare, NULL},
    {BOUND_FETCH, cursor_fetch, cursor_fetch_columns},
    {BOUND_CLOSE, cursor_close, NULL},
    {BOUND_CREATE_TABLE, run_ddl_create_table, NULL},
    {BOUND_CREATE_TABLE_AS, run_create_as, NULL},
    {BOUND_DROP, run_drop, NULL},
    {BOUND_ALTER_TABLE, run_alter, NULL},
    {BOUND_HYPERTABLE, hypertable_run, hypertable_columns},
    {BOUND_TRUNCATE, run_truncate, NULL},
    {BOUND_CREATE_SCHEMA, run_ddl_create_schema, NULL},
    {BOUND_CREATE_DATABASE, run_ddl_create_database, NULL},
    {BOUND_CREATE_VIEW, run_create_view, NULL},
    {BOUND_REFRESH, refresh_run, NULL},
    {BOUND_CREATE_INDEX, run_alter, NULL},
    {BOUND_CREATE_SEQUENCE, run_ddl_create_sequence, NULL},
    {BOUND_ALTER_SEQUENCE, run_ddl_alter_sequence, NULL},
    {BOUND_CREATE_EXTENSION, run_extension, NULL},
    {BOUND_COMMENT, run_ddl_comment, NULL},
    {BOUND_RETENTION, run_retention_statement, NULL},
    {BOUND_LISTEN, run_notify, NULL},
    {BOUND_NOTIFY, run_notify, NULL},
    {BOUND_UNLISTEN, run_notify, NULL},
};

static const Utility *utility_find(BoundKind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(utility_table); i++)
        if (utility_table[i].kind == kind)
            return &utility_table[i];
    return NULL;
}

RunStatus utility_run(Portal *p, Batch **out, Err *e)
{
    const Utility *u = utility_find(p->bound->kind);
    must(u != NULL);
    return u->run(p, out, e);
}

const OutColumn *utility_columns(Session *s, const Bound *b, Arena *a, size_t *count)
{
    const Utility *u = utility_find(b->kind);
    *count = 0;
    return u && u->columns ? u->columns(s, b, a, count) : NULL;
}
