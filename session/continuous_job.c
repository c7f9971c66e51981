/* session/continuous_job.c - REFRESH as a job does it: a session of its own, and slices until all is kept. */
#include "exec/func_text.h"
#include "session/session_private.h"

#include "storage/watch.h"

struct ViewJob {
    Session *session;
    TableId view;
    Portal *portal; /* of the REFRESH under way */
};

#define NEXT_TRY_NS (60 * NS_PER_S)

/* Of a view: how often it is refreshed; of its next version: how often it is tried. */
static int64_t refresh_ns(const TableDef *t, bool next)
{
    ContinuousDef d;
    Arena a;
    Err ignored;
    if (!view_is_continuous(t))
        return 0;
    arena_init(&a, NULL);
    int64_t ns = continuous_decode(&d, &a, t, &ignored) && (d.replaces != 0) == next
                     ? (next ? NEXT_TRY_NS : d.refresh_ns)
                     : 0;
    arena_free(&a);
    return ns;
}

int64_t view_refresh_ns(const TableDef *t)
{
    return refresh_ns(t, false);
}

int64_t replace_refresh_ns(const TableDef *t)
{
    return refresh_ns(t, true);
}

bool view_job_new(ViewJob **out, Db *db, ObjectId database, TableId view, Task *waiter, Err *e)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    const DatabaseDef *d = cat_database_by_id(cat, database);
    const RoleDef *admin = cat_role_by_id(cat, ROLE_BOOTSTRAP);
    SessionOptions o = {.user = admin ? admin->name : SLICE_NONE,
                        .database = d ? d->name : SLICE_NONE,
                        .application_name = SLICE_LIT("continuous view"),
                        .pid = db_new_pid(db),
                        .waiter = waiter};
    ViewJob *j = MEM_NEW(ViewJob);
    j->view = view;
    bool ok = session_new(&j->session, db, &o, e);
    cat_unref(cat);
    if (ok) {
        j->session->view_job = true;
        *out = j;
    } else {
        mem_free(j);
    }
    return ok;
}

void view_job_free(ViewJob *j)
{
    if (!j)
        return;
    session_free(j->session);
    mem_free(j);
}

/* The statement; *gone: there is no such view any more. */
static bool begin(ViewJob *j, bool *gone, Err *e)
{
    CatalogSnap *cat = engine_catalog(j->session->db->engine);
    const TableDef *t = cat_table_by_id(cat, j->view);
    const SchemaDef *s = t ? cat_schema_by_id(cat, t->schema) : NULL;
    Buf sql;
    buf_init(&sql);
    *gone = !t || !(view_is_continuous(t) || tier_refresh_ns(t));
    if (!*gone) {
        buf_puts(&sql, "REFRESH MATERIALIZED VIEW ");
        text_put_ident(&sql, s->name);
        buf_put_u8(&sql, '.');
        text_put_ident(&sql, t->name);
    }
    cat_unref(cat);
    bool ok = *gone || session_simple_begin(j->session, buf_slice(&sql), e);
    buf_free(&sql);
    return ok;
}

/* A next version is made until it has taken over and is gone. */
static bool all_kept(const ViewJob *j)
{
    Arena a;
    Err ignored;
    ContinuousDef d;
    arena_init(&a, NULL);
    Snapshot *snap = engine_snapshot(j->session->db->engine, NULL);
    const TableDef *t = cat_table_by_id(snapshot_catalog(snap), j->view);
    bool view = t && view_is_continuous(t) && continuous_decode(&d, &a, t, &ignored);
    const Watch *w =
        t ? watches_find(snapshot_watches(snap), view ? continuous_watch(&d, t) : t->id) : NULL;
    bool all = !w || (w->state.from_ns == INT64_MIN && !(view && d.replaces));
    snapshot_unref(snap);
    arena_free(&a);
    return all;
}

static RunStatus failed(ViewJob *j)
{
    session_failed(j->session);
    j->portal = NULL;
    return RUN_FAIL;
}

RunStatus view_job_run(ViewJob *j, uint64_t *rows, uint64_t *rows_read, Err *e)
{
    Batch *b;
    bool gone;
    if (!j->portal) {
        if (!begin(j, &gone, e))
            return failed(j);
        if (gone)
            return RUN_DONE;
        if (session_simple_next(j->session, &j->portal, e) != NEXT_PORTAL)
            return failed(j);
    }
    RunStatus st = portal_run(j->portal, 0, &b, e);
    if (st == RUN_FAIL)
        return failed(j);
    if (st != RUN_DONE)
        return st;
    *rows += j->portal->rows;
    *rows_read += j->portal->rows_read;
    if (session_simple_next(j->session, &j->portal, e) != NEXT_END)
        return failed(j);
    j->portal = NULL;
    return all_kept(j) ? RUN_DONE : RUN_YIELD;
}

bool view_job_between(const ViewJob *j)
{
    return !j->portal;
}
