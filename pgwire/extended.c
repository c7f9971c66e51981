/* pgwire/extended.c - Parse, Bind, Describe, Execute, Close. */
#include "pgwire/backend_private.h"

void pgb_parse(PgSession *s, Slice body)
{
    PgParse m;
    Err e;
    err_clear(&e);
    if (!pgw_read_parse(body, &s->arena, &m, &e) ||
        !session_parse(s->session, m.name, m.sql, m.types, m.type_count, &e)) {
        pgb_fail(s, &e);
        return;
    }
    pgw_simple(&s->out, '1');
}

void pgb_bind(PgSession *s, Slice body)
{
    PgBind m;
    Err e;
    err_clear(&e);
    if (!pgw_read_bind(body, &s->arena, &m, &e)) {
        pgb_fail(s, &e);
        return;
    }
    BindParam *params = ARENA_ARRAY(&s->arena, BindParam, m.param_count + 1);
    for (size_t i = 0; i < m.param_count; i++)
        params[i] = (BindParam){m.params[i].value, m.params[i].null, m.params[i].binary};
    if (!session_bind(s->session, m.portal, m.statement, params, m.param_count, m.formats,
                      m.format_count, &e)) {
        pgb_fail(s, &e);
        return;
    }
    pgw_simple(&s->out, '2');
}

static void describe_statement(PgSession *s, Slice name, Err *e)
{
    StatementInfo info;
    if (!session_describe(s->session, name, &info, e)) {
        pgb_fail(s, e);
        return;
    }
    pgw_param_description(&s->out, info.param_types, info.param_count);
    if (info.returns_rows)
        pgw_row_description(&s->out, info.cols, info.col_count, NULL);
    else
        pgw_simple(&s->out, 'n');
}

void pgb_describe(PgSession *s, Slice body)
{
    PgNamed m;
    Err e;
    err_clear(&e);
    if (!pgw_read_named(body, "DESCRIBE", &m, &e)) {
        pgb_fail(s, &e);
        return;
    }
    if (m.kind == 'S') {
        describe_statement(s, m.name, &e);
        return;
    }
    Portal *p = session_portal(s->session, m.name, &e);
    if (!p || (portal_returns_rows(p) && !session_takes_queries(s->session, &e))) {
        pgb_fail(s, &e);
        return;
    }
    size_t count;
    const OutColumn *cols = portal_columns(p, &count);
    if (portal_returns_rows(p))
        pgw_row_description(&s->out, cols, count, p);
    else
        pgw_simple(&s->out, 'n');
}

void pgb_execute(PgSession *s, Slice body)
{
    PgNamed m;
    Err e;
    err_clear(&e);
    if (!pgw_read_execute(body, &m, &e)) {
        pgb_fail(s, &e);
        return;
    }
    Portal *p = session_portal(s->session, m.name, &e);
    if (!p || !portal_may_run(p, &e)) {
        pgb_fail(s, &e);
        return;
    }
    pgb_run_portal(s, p, m.max_rows > 0 ? m.max_rows : 0, false);
}

/* Closing what does not exist is no error. */
void pgb_close(PgSession *s, Slice body)
{
    PgNamed m;
    Err e;
    err_clear(&e);
    if (!pgw_read_named(body, "CLOSE", &m, &e)) {
        pgb_fail(s, &e);
        return;
    }
    if (m.kind == 'S')
        session_close_statement(s->session, m.name);
    else
        session_close_portal(s->session, m.name);
    pgw_simple(&s->out, '3');
}
