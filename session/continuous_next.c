/* session/continuous_next.c - CREATE OR REPLACE of a continuous view that is dear to make anew: the next version.
 *
 * It is a continuous view of its own, hidden in the schema of the states, which a job back-fills (lifecycle/view.c,
 * kind "replace") while the old version answers.  When all of it is kept, one transaction gives the view its
 * query, columns, options, hidden table and watch, and drops what the old version kept.  Whatever fails before, now or
 * at a crash: the old version is there. */
#include "session/session_private.h"

#include "storage/watch.h"

enum {
    AT_ONCE_ROWS = 1000000
}; /* of the table: so many are read quickly, while they are not kept */

/* Rows that are not there any more can be in what is kept. */
static bool keeps_more(Snapshot *snap, const TableDef *old, const ContinuousDef *d, bool *more,
                       Err *e)
{
    TableInfo info;
    int64_t horizon = INT64_MIN;
    const Watch *w = watches_find(snapshot_watches(snap), continuous_watch(d, old));
    snapshot_table_about(snap, d->states, &info);
    bool ok = !w || watch_horizon(snap, w, &horizon, e);
    *more = info.rows && info.t_min < horizon;
    return ok;
}

bool next_wanted(Session *s, const TableDef *old, const ContinuousDef *d, bool *later, Err *e)
{
    Arena a;
    TableInfo info;
    ContinuousDef was;
    bool more = false;
    arena_init(&a, NULL);
    Snapshot *snap = tx_snapshot(s);
    bool ok = continuous_decode(&was, &a, old, e) && keeps_more(snap, old, &was, &more, e);
    snapshot_table_about(snap, d->base, &info);
    snapshot_unref(snap);
    arena_free(&a);
    *later = info.rows > AT_ONCE_ROWS || !d->realtime;
    if (!ok || !more)
        return ok;
    return err_set(e, ERR_OBJECT_STATE,
                   "continuous view \"%.*s\" keeps buckets whose rows are gone",
                   SLICE_ARG(old->name)) ||
           err_hint(e, "They cannot be made anew. Make another view beside it, or DROP it first.");
}

static bool drop_next(Session *s, const CatalogSnap *cat, TableId id, Err *e)
{
    const TableDef *next = id ? cat_table_by_id(cat, id) : NULL;
    if (!next)
        return true;
    CatEdit c = {.op = CAT_DROP_TABLE, .id = id, .expect_version = next->version};
    return continuous_drop_states(s, next, e) && ddl_edit_unchecked(s, &c, 1, e);
}

bool next_forget(Session *s, const TableDef *view, Err *e)
{
    Arena a;
    Err ignored;
    ContinuousDef d;
    arena_init(&a, NULL);
    bool known = continuous_decode(&d, &a, view, &ignored);
    CatalogSnap *cat = session_catalog(s);
    bool ok = !known || drop_next(s, cat, d.next, e);
    cat_unref(cat);
    arena_free(&a);
    return ok;
}

bool next_begin(Portal *p, TableDef *next, const TableDef *old, Err *e)
{
    Session *s = p->session;
    ContinuousDef was, *d = p->bound->u.create_view.continuous;
    TableDef *copy = table_def_copy(&p->arena, old);
    if (!next_forget(s, old, e) || !continuous_decode(&was, &p->arena, old, e) ||
        !states_schema(s, &next->schema, e))
        return false;
    next->id = engine_new_id(s->db->engine);
    next->name = arena_printf(&p->arena, "next_%u", next->id);
    d->replaces = old->id;
    was.next = next->id;
    continuous_put(copy, &p->arena, &was);
    CatEdit c = {.op = CAT_PUT_TABLE, .id = old->id, .expect_version = old->version, .table = copy};
    session_notice(s, "NOTICE", ERR_OK, "\"%.*s\" answers as before until its new version is made",
                   SLICE_ARG(old->name));
    return ddl_edit(s, &c, 1, e);
}

bool next_alter(Portal *p, const ContinuousDef *d, const NameValue *o, size_t n, bool set, Err *e)
{
    CatalogSnap *cat = session_catalog(p->session);
    const TableDef *next = d->next ? cat_table_by_id(cat, d->next) : NULL;
    bool ok = true;
    if (next) {
        TableDef *copy = table_def_copy(&p->arena, next);
        CatEdit c = {
            .op = CAT_PUT_TABLE, .id = next->id, .expect_version = next->version, .table = copy};
        ok = continuous_alter(p, copy, o, n, set, e) && ddl_edit_unchecked(p->session, &c, 1, e);
    }
    cat_unref(cat);
    return ok;
}

bool next_takes_over(Portal *p, const TableDef *next, const ContinuousDef *made, Err *e)
{
    Session *s = p->session;
    ContinuousDef d = *made, was;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *old = cat_table_by_id(cat, made->replaces);
    bool ok = old ? continuous_decode(&was, &p->arena, old, e) &&
                        continuous_alone(s, cat, old, made->lower, e)
                  : err_set(e, ERR_SERIALIZATION, "the view was dropped");
    if (ok) {
        TableDef *copy = table_def_copy(&p->arena, next);
        copy->id = old->id;
        copy->schema = old->schema;
        copy->name = old->name;
        copy->comment = old->comment;
        d.watch = continuous_watch(made, next);
        d.next = d.replaces = 0;
        continuous_put(copy, &p->arena, &d);
        CatEdit c[] = {
            {.op = CAT_PUT_TABLE, .id = old->id, .expect_version = old->version, .table = copy},
            {.op = CAT_DROP_TABLE, .id = next->id, .expect_version = next->version}};
        s->tx.own_catalog = true;
        ok = continuous_drop_states(s, old, e) && ddl_edit_unchecked(s, c, ARRAY_LEN(c), e);
    }
    cat_unref(cat);
    return ok;
}

const TableDef *next_shown(const CatalogSnap *cat, const TableDef *t)
{
    Arena a;
    Err ignored;
    ContinuousDef d;
    if (!t || !view_is_continuous(t))
        return t;
    arena_init(&a, NULL);
    const TableDef *shown =
        continuous_decode(&d, &a, t, &ignored) && d.replaces ? cat_table_by_id(cat, d.replaces) : t;
    arena_free(&a);
    return shown ? shown : t;
}
