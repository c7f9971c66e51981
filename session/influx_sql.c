/* session/influx_sql.c - one statement in a session of its own, its rows as InfluxDB's /query shows them. */
#include "session/influx_rows.h"
#include "session/session_private.h"

struct InfluxJob {
    Session *session;
    Portal *portal;
    InfluxForm form;
    InfluxSeries *series;
    Buf text; /* of the values of a row */
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
    buf_init(&j->text);
    j->series = influx_series_new(&j->form);
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

/* Numbers and truth as JSON has them, all else as text. */
static void put_value(const InfluxJob *j, const Vector *v, size_t row, Buf *json, InfluxCell *cell)
{
    *cell = (InfluxCell){.null = vec_is_null(v, row)};
    if (cell->null)
        return;
    Value value = vec_get(v, row);
    if (v->type == T_BOOL) {
        buf_puts(json, value.u.b ? "true" : "false");
        return;
    }
    bool number = v->type == T_INT4 || v->type == T_INT8 || v->type == T_FLOAT8 ||
                  v->type == T_FLOAT4 || v->type == T_NUMERIC || v->type == T_INT2;
    Buf text;
    buf_init(&text);
    type_find(v->type)->out(session_type_env(j->session), &value, &text);
    if (!number)
        buf_put_json(json, buf_slice(&text));
    else if (slice_to_f64(buf_slice(&text), &cell->number) && cell->number - cell->number == 0)
        buf_put_slice(json, buf_slice(&text));
    else
        cell->null = true; /* JSON has no such number */
    buf_free(&text);
}

static bool put_rows(InfluxJob *j, const Batch *b, size_t columns, Buf *json, Err *e)
{
    size_t n, timed = j->form.by_name + j->form.rows.tags;
    const OutColumn *names = portal_columns(j->portal, &n);
    InfluxCell *cells = mem_zero((columns + 1) * sizeof *cells);
    size_t *ends = mem_zero((columns + 1) * sizeof *ends);
    bool ok = true;
    for (size_t i = 0; ok && i < batch_count(b); i++) {
        size_t row = batch_row(b, i);
        int64_t time_ns = 0;
        buf_clear(&j->text);
        for (size_t k = 0; k < columns; k++) {
            const Vector *v = &b->cols[k];
            if (j->form.rows.select && k == timed)
                time_ns = vec_is_null(v, row) ? 0 : vec_get(v, row).u.i64 * NS_PER_US;
            else
                put_value(j, v, row, &j->text, &cells[k]);
            ends[k] = j->text.len;
        }
        for (size_t k = 0; k < columns; k++) {
            size_t from = k ? ends[k - 1] : 0;
            cells[k].json = slice_of(j->text.ptr + from, ends[k] - from);
        }
        ok = influx_series_row(j->series, names, cells, columns, time_ns, json, e);
    }
    mem_free(ends);
    mem_free(cells);
    return ok;
}

RunStatus influx_run(InfluxJob *j, Buf *json, Err *e)
{
    for (;;) {
        size_t n;
        Batch *b;
        if (!j->portal) {
            NextStatus next = session_simple_next(j->session, &j->portal, e);
            if (next == NEXT_END)
                return influx_series_end(j->series, json, e) ? RUN_DONE : RUN_FAIL;
            if (next != NEXT_PORTAL)
                return RUN_FAIL;
        }
        portal_columns(j->portal, &n);
        RunStatus st = portal_run(j->portal, 0, &b, e);
        if (st == RUN_BATCH) {
            if (!put_rows(j, b, n, json, e))
                return RUN_FAIL;
            continue;
        }
        if (st != RUN_DONE)
            return st == RUN_WAIT || st == RUN_YIELD ? st : RUN_FAIL;
        j->portal = NULL;
    }
}

bool influx_statement(Db *db, Rights *rights, Slice database, Slice policy, Arena *a,
                      const char **p, const char *end, Buf *sql, InfluxForm *form, Err *e)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    InfluxQuestion q = {.arena = a, .catalog = cat, .now_ns = form->now_ns};
    bool ok = db_resolve_database(db, rights, database, &q.database, &q.schema, e) &&
              db_resolve_policy(db, q.database, policy, &q.schema, e) &&
              influx_translate(&q, p, end, sql, &form->rows, e);
    form->by_name = form->rows.select;
    cat_unref(cat);
    return ok;
}

void influx_close(InfluxJob *j)
{
    if (!j)
        return;
    session_free(j->session);
    influx_series_free(j->series);
    buf_free(&j->text);
    mem_free(j);
}
