/* session/chunks.c - TimescaleDB's drop_chunks(): deletes whole time windows and says which.
 *
 * Two statements of its own (p->inner) within this one: which windows have rows, and their DELETE.  A window
 * counts only if all of it is older (newer) than the border. */
#include "exec/func_text.h"
#include "exec/tiers.h"
#include "session/retention_private.h"
#include "storage/expiry.h"
#include "storage/watch.h"

enum { CHUNKS_LIST, CHUNKS_DELETE, CHUNKS_DONE };

static Slice table_text(Portal *p, const SchemaDef *s, const TableDef *t)
{
    Buf b;
    buf_init(&b);
    text_put_ident(&b, s->name);
    buf_puts(&b, ".");
    text_put_ident(&b, t->name);
    Slice text = arena_slice(&p->arena, buf_slice(&b));
    buf_free(&b);
    return text;
}

/* The two statements have one condition. */
static Slice statement(Portal *p, const CatalogSnap *cat, const TableDef *t, bool list)
{
    const Bound *b = p->bound;
    Arena *a = &p->arena;
    const SchemaDef *schema = cat_schema_by_id(cat, t->schema);
    Slice name = table_text(p, schema, t), older = SLICE_LIT(""), newer = older, time = older;
    Buf quoted;
    buf_init(&quoted);
    text_put_ident(&quoted, t->columns[t->time_index].name);
    time = arena_slice(a, buf_slice(&quoted));
    buf_free(&quoted);
    long long us = (long long)(expiry_class(t).window_ns / NS_PER_US);
    Slice border = arena_printf(a, "time_bucket(INTERVAL '%lld us', ", us);
    if (b->u.alter.older_than.len)
        older = arena_printf(a, " AND %.*s::timestamptz < %.*s%.*s, 'epoch'::timestamptz)",
                             SLICE_ARG(time), SLICE_ARG(border), SLICE_ARG(b->u.alter.older_than));
    if (b->u.alter.newer_than.len)
        newer =
            arena_printf(a,
                         " AND %.*s::timestamptz >= %.*s%.*s + INTERVAL '%lld us' - INTERVAL "
                         "'1 us', 'epoch'::timestamptz)",
                         SLICE_ARG(time), SLICE_ARG(border), SLICE_ARG(b->u.alter.newer_than), us);
    if (!list)
        return arena_printf(a, "DELETE FROM %.*s WHERE true%.*s%.*s", SLICE_ARG(name),
                            SLICE_ARG(older), SLICE_ARG(newer));
    return arena_printf(
        a,
        "SELECT DISTINCT %.*s%.*s::timestamptz, 'epoch'::timestamptz) AS b FROM %.*s "
        "WHERE true%.*s%.*s ORDER BY b",
        SLICE_ARG(border), SLICE_ARG(time), SLICE_ARG(name), SLICE_ARG(older), SLICE_ARG(newer));
}

static bool open_inner(Portal *p, bool list, Err *e)
{
    CatalogSnap *cat = session_catalog(p->session);
    const QualifiedName *name = &p->bound->u.alter.name;
    const TableDef *t = session_find_table(p->session, cat, name);
    TierList tiers;
    bool ok = t && t->kind == TABLE_SERIES;
    if (!t)
        err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist", SLICE_ARG(name->name)),
            err_at(e, name->position);
    else if (!ok)
        err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a hypertable", SLICE_ARG(t->name));
    if (ok && tiers_of(t, &tiers)) {
        ok = err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                     "drop_chunks() of a table with tiers is not supported");
        err_hint(e, "Its rows leave when they are in the next tier: ALTER TABLE ... SET (tiers = "
                    "...) says when. DELETE deletes those that are wrong.");
    }
    if (ok) {
        SqlStatement st = {.text = statement(p, cat, t, list)};
        Prepared *inner = prepared_new(p->session, SLICE_NONE, &st, NULL, 0, e);
        if (inner)
            p->inner = portal_new(p->session, SLICE_NONE, inner);
        ok = inner != NULL;
    }
    cat_unref(cat);
    return ok;
}

/* A window is named by its table and first moment. */
static bool add_names(Portal *p, const Batch *b, Err *e)
{
    const QualifiedName *name = &p->bound->u.alter.name;
    const TypeEnv *env = session_type_env(p->session);
    for (size_t i = 0; i < batch_count(b); i++) {
        Value at = vec_get(&b->cols[0], batch_row(b, i));
        Buf text;
        buf_init(&text);
        buf_printf(&text, "%.*s.%.*s ",
                   SLICE_ARG(name->schema.len ? name->schema : SLICE_LIT("public")),
                   SLICE_ARG(name->name));
        type_find(T_TIMESTAMPTZ)->out(env, &at, &text);
        Value row = value_str(buf_slice(&text));
        bool ok = rows_add(p, &row, e);
        p->dropped_to_us = at.u.i64; /* they come in order */
        buf_free(&text);
        if (!ok)
            return false;
    }
    return true;
}

/* What continuous views have of the windows stays: rows that go for their age were not wrong. */
static bool keep_results(Portal *p, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    if (!p->dropped_to_us || !b->u.alter.older_than.len || b->u.alter.newer_than.len)
        return true;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = session_find_table(s, cat, &b->u.alter.name);
    int64_t to_ns = t ? p->dropped_to_us * 1000 + expiry_class(t).window_ns : 0;
    Snapshot *snap = tx_snapshot(s);
    bool ok = true;
    size_t i = 0;
    for (const Watch *w; ok && t && (w = watches_of(snapshot_watches(snap), t->id, &i));) {
        WatchEdit edit = {.what = WATCH_HORIZON, .state = {.id = w->state.id, .horizon_ns = to_ns}};
        ok = txn_watch(tx_storage(s), &edit, e);
    }
    snapshot_unref(snap);
    cat_unref(cat);
    return ok;
}

RunStatus chunks_drop(Portal *p, Err *e)
{
    if (p->phase == CHUNKS_LIST && !p->inner)
        rows_begin(p, p->cols, p->col_count);
    while (p->phase < CHUNKS_DONE) {
        Batch *b;
        if (!p->inner && p->phase == CHUNKS_DELETE && !keep_results(p, e))
            return RUN_FAIL;
        if (!p->inner && !open_inner(p, p->phase == CHUNKS_LIST, e))
            return RUN_FAIL;
        RunStatus st = portal_run(p->inner, 0, &b, e);
        if (st == RUN_BATCH && !add_names(p, b, e))
            return RUN_FAIL;
        if (st == RUN_BATCH)
            continue;
        if (st != RUN_DONE)
            return st;
        portal_free(p->inner);
        p->inner = NULL;
        p->phase++;
    }
    return RUN_DONE;
}
