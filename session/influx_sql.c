/* session/influx_sql.c - one statement in a session of its own, its rows as InfluxDB's /query shows them. */
#include "session/session_private.h"

struct InfluxJob {
    Session *session;
    Portal *portal;
    bool rows; /* some were written */
};

/* Who has come in; where no login is asked for, the first superuser. */
static Slice user_of(const CatalogSnap *cat, const Rights *rights)
{
    const RoleDef *d = rights ? cat_role_by_id(cat, rights_role(rights)) : NULL;
    for (size_t i = 0; !rights && !d && i < cat_role_count(cat); i++) {
        const RoleDef *one = cat_role_at(cat, i);
        if (one->flags & ROLE_SUPERUSER && one->flags & ROLE_LOGIN)
            d = one;
    }
    return d ? d->name : SLICE_LIT("nobody");
}

bool influx_open(InfluxJob **out, Db *db, const InfluxRequest *r, Task *waiter, Err *e)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    InfluxJob *j = MEM_NEW(InfluxJob);
    SessionOptions o = {.user = user_of(cat, r->rights),
                        .database = r->database,
                        .application_name = SLICE_LIT("/query"),
                        .pid = db_new_pid(db),
                        .waiter = waiter};
    bool ok = cat_database(cat, r->database) ||
              err_set(e, ERR_DATABASE_NAME, "database not found: %.*s", SLICE_ARG(r->database));
    ok = ok && session_new(&j->session, db, &o, e) && session_simple_begin(j->session, r->sql, e);
    cat_unref(cat);
    *out = j;
    if (!ok) {
        influx_close(j);
        *out = NULL;
    }
    return ok;
}

static void put_columns(const OutColumn *cols, size_t n, Buf *json)
{
    buf_puts(json, ",\"series\":[{\"columns\":[");
    for (size_t i = 0; i < n; i++) {
        buf_puts(json, i ? "," : "");
        buf_put_json(json, cols[i].name);
    }
    buf_puts(json, "]");
}

/* Numbers and truth as JSON has them, all else as text. */
static void put_value(const InfluxJob *j, const Vector *v, size_t row, Buf *text, Buf *json)
{
    if (vec_is_null(v, row)) {
        buf_puts(json, "null");
        return;
    }
    Value value = vec_get(v, row);
    buf_clear(text);
    type_find(v->type)->out(session_type_env(j->session), &value, text);
    if (v->type == T_BOOL)
        buf_puts(json, value.u.b ? "true" : "false");
    else if (v->type == T_INT4 || v->type == T_INT8)
        buf_put_slice(json, buf_slice(text));
    else
        buf_put_json(json, buf_slice(text));
}

static void put_rows(InfluxJob *j, const Batch *b, size_t columns, Buf *json)
{
    Buf text;
    buf_init(&text);
    for (size_t i = 0; i < batch_count(b); i++) {
        buf_puts(json, j->rows ? ",[" : ",\"values\":[[");
        j->rows = true;
        for (size_t k = 0; k < columns; k++) {
            buf_puts(json, k ? "," : "");
            put_value(j, &b->cols[k], batch_row(b, i), &text, json);
        }
        buf_puts(json, "]");
    }
    buf_free(&text);
}

RunStatus influx_run(InfluxJob *j, Buf *json, Err *e)
{
    for (;;) {
        size_t n;
        Batch *b;
        if (!j->portal) {
            NextStatus next = session_simple_next(j->session, &j->portal, e);
            if (next != NEXT_PORTAL)
                return next == NEXT_END ? RUN_DONE : RUN_FAIL;
            const OutColumn *cols = portal_columns(j->portal, &n);
            if (n)
                put_columns(cols, n, json);
        }
        portal_columns(j->portal, &n);
        RunStatus st = portal_run(j->portal, 0, &b, e);
        if (st == RUN_BATCH) {
            put_rows(j, b, n, json);
            continue;
        }
        if (st != RUN_DONE)
            return st == RUN_WAIT || st == RUN_YIELD ? st : RUN_FAIL;
        if (n)
            buf_puts(json, j->rows ? "]}]" : "}]");
        j->portal = NULL;
    }
}

void influx_close(InfluxJob *j)
{
    if (!j)
        return;
    session_free(j->session);
    mem_free(j);
}
