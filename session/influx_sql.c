/* session/influx_sql.c - one statement in a session of its own, its rows as InfluxDB's /query shows them. */
#include "session/session_private.h"

struct InfluxJob {
    Session *session;
    Portal *portal;
    InfluxForm form;
    Buf name;  /* of the series that is being written */
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
    j->form = r->form;
    buf_init(&j->name);
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

/* Up to its rows; name: of the row that begins it. */
static void begin_series(InfluxJob *j, Slice name, Buf *json)
{
    size_t n, first = j->form.by_name;
    const OutColumn *cols = portal_columns(j->portal, &n);
    buf_puts(json, j->rows ? "]},{" : ",\"series\":[{");
    buf_clear(&j->name);
    buf_put_slice(&j->name, name);
    if (name.len) {
        buf_puts(json, "\"name\":");
        buf_put_json(json, name);
        buf_puts(json, ",");
    }
    buf_puts(json, "\"columns\":[");
    for (size_t i = first; i < n; i++) {
        buf_puts(json, i > first ? "," : "");
        buf_put_json(json, cols[i].name);
    }
    buf_puts(json, "],\"values\":[");
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
    size_t first = j->form.by_name;
    buf_init(&text);
    for (size_t i = 0; i < batch_count(b); i++) {
        size_t row = batch_row(b, i);
        Slice name = j->form.by_name ? vec_get(&b->cols[0], row).u.str
                                     : slice_cstr(j->form.name ? j->form.name : "");
        bool begins = !j->rows || !slice_eq(name, buf_slice(&j->name));
        if (begins)
            begin_series(j, name, json);
        j->rows = true;
        buf_puts(json, begins ? "[" : ",[");
        for (size_t k = first; k < columns; k++) {
            buf_puts(json, k > first ? "," : "");
            put_value(j, &b->cols[k], row, &text, json);
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
        }
        portal_columns(j->portal, &n);
        RunStatus st = portal_run(j->portal, 0, &b, e);
        if (st == RUN_BATCH) {
            put_rows(j, b, n, json);
            continue;
        }
        if (st != RUN_DONE)
            return st == RUN_WAIT || st == RUN_YIELD ? st : RUN_FAIL;
        if (j->rows)
            buf_puts(json, "]}]");
        j->portal = NULL;
    }
}

void influx_close(InfluxJob *j)
{
    if (!j)
        return;
    session_free(j->session);
    buf_free(&j->name);
    mem_free(j);
}
