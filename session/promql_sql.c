/* session/promql_sql.c - PromQL in SQL: the set-returning function promql() and promql_scalar().
 *
 * In FROM: columns labels, ts, value, histogram; with a column list each column is found by its
 * name, and a name that is none of these four is a label.  In a select list: one jsonb a sample. */
#include "exec/type_json.h"
#include "session/promql_private.h"

enum { MS_TO_US = 1000 };

typedef enum Role { ROLE_JSON, ROLE_LABELS, ROLE_TS, ROLE_VALUE, ROLE_HISTOGRAM, ROLE_LABEL } Role;

typedef struct Column {
    Role role;
    Slice name;
} Column;

typedef struct PromCall {
    Session *session;
    Arena *arena;
    PqlExpr *expr;
    PqlQuery *query;
    Column *cols;
    size_t col_count;
    size_t series, point; /* next */
    bool done;
} PromCall;

static const SrfColumn promql_columns[] = {
    {"labels", T_JSONB}, {"ts", T_TIMESTAMPTZ}, {"value", T_FLOAT8}, {"histogram", T_JSONB}};

/* ---- opening ---- */

static Role role_of(Slice name)
{
    static const Role roles[] = {ROLE_LABELS, ROLE_TS, ROLE_VALUE, ROLE_HISTOGRAM};
    for (size_t i = 0; i < ARRAY_LEN(promql_columns); i++)
        if (slice_eq_cstr(name, promql_columns[i].name))
            return roles[i];
    return ROLE_LABEL;
}

static bool promql_resolve(EvalCtx *ctx, const Value *args, size_t n, const Slice *names,
                           size_t name_count, Arena *a, SrfColumn **columns, size_t *count, Err *e)
{
    (void)ctx, (void)args, (void)n, (void)e;
    *count = name_count ? name_count : ARRAY_LEN(promql_columns);
    *columns = ARENA_ARRAY(a, SrfColumn, *count);
    for (size_t i = 0; i < *count; i++) {
        (*columns)[i] =
            (SrfColumn){name_count ? arena_cstr(a, names[i]) : promql_columns[i].name, T_TEXT};
        for (size_t k = 0; k < ARRAY_LEN(promql_columns); k++)
            if (strcmp((*columns)[i].name, promql_columns[k].name) == 0)
                (*columns)[i].type = promql_columns[k].type;
    }
    return true;
}

/* Into the statement: behind the quote of a literal, in which each quote stands twice. */
static bool map_position(const Expr *call, Slice text, Err *e)
{
    const Expr *arg = call && call->arg_count ? call->args[0] : NULL;
    if (e->code != ERR_SYNTAX || e->position == 0)
        return false;
    if (!arg || arg->kind != EXPR_CONST || arg->position == 0) {
        e->position = call ? call->position : 0;
        return false;
    }
    int at = e->position, quotes = 0, seen = 0;
    for (size_t i = 0; i < text.len && seen < at - 1; i++) {
        seen += (text.ptr[i] & 0xc0) != 0x80;
        quotes += text.ptr[i] == '\'';
    }
    return err_at(e, arg->position + at + quotes);
}

static bool time_arg(const Value *v, int64_t *ms, Err *e)
{
    if (v->u.i64 == INT64_MIN || v->u.i64 == INT64_MAX)
        return err_set(e, ERR_DATETIME_RANGE, "an infinite time has no meaning in promql()");
    *ms = floor_div(v->u.i64, MS_TO_US);
    return true;
}

/* (query), (query, at), (query, start, end, step) */
static bool time_args(EvalCtx *ctx, const Value *args, size_t n, PqlRequest *r, Err *e)
{
    int64_t step_ns;
    r->start_ms = floor_div(ctx->txn_now_us, MS_TO_US);
    if (n >= 2 && !time_arg(&args[1], &r->start_ms, e))
        return false;
    r->end_ms = r->start_ms;
    if (n < 4)
        return true;
    r->range = true;
    if (!interval_to_ns(args[3].u.iv, &step_ns))
        return err_set(e, ERR_INVALID_PARAMETER, "the step of promql() must not have months");
    r->step_ms = step_ns / NS_PER_MS;
    return time_arg(&args[2], &r->end_ms, e);
}

static bool call_open(PromCall *c, EvalCtx *ctx, Slice text, PqlRequest *r, Err *e)
{
    Db *db = c->session->db;
    if (!pql_parse(c->arena, text, db->features, &c->expr, e))
        return false;
    if (pql_type(c->expr) == PQL_STRING && ctx->srf_names)
        return err_set(e, ERR_DATATYPE_MISMATCH, "a PromQL string has no value in SQL");
    r->snapshot = tx_snapshot(c->session);
    r->database = c->session->database;
    r->deadline_mono_ns = db->clock->mono_ns(db->clock) + PROM_TIMEOUT_MS * NS_PER_MS;
    r->budget = &db->query_pool;
    r->sched = db->sched;
    r->group = session_group(c->session);
    r->clock = db->clock;
    r->features = db->features;
    r->rights = (PqlRights){session_may_read, c->session};
    const SchemaDef *schema = session_target_schema(c->session, snapshot_catalog(r->snapshot),
                                                    &(QualifiedName){.name = SLICE_NONE}, false, e);
    bool ok = schema != NULL;
    if (ok) {
        r->schema = schema->id;
        ok = pql_open(&c->query, c->expr, r, e);
    }
    snapshot_unref(r->snapshot);
    return ok;
}

static bool promql_open(EvalCtx *ctx, const Expr *call, const Value *args, size_t n, Arena *a,
                        void **state, Err *e)
{
    PromCall *c = ARENA_NEW(a, PromCall);
    PqlRequest r = {0};
    c->session = ctx->session;
    c->arena = a;
    c->col_count = ctx->srf_names ? ctx->srf_name_count : 1;
    c->cols = ARENA_ARRAY(a, Column, c->col_count + 1);
    for (size_t i = 0; i < c->col_count; i++)
        c->cols[i] = ctx->srf_names
                         ? (Column){role_of(ctx->srf_names[i]), arena_slice(a, ctx->srf_names[i])}
                         : (Column){.role = ROLE_JSON};
    Slice text = args[0].u.str;
    if (!time_args(ctx, args, n, &r, e))
        return false;
    if (!call_open(c, ctx, text, &r, e))
        return map_position(call, text, e);
    *state = c;
    return true;
}

/* ---- rows ---- */

static bool jsonb_of(Arena *a, Buf *text, Value *out, Err *e)
{
    Slice s;
    if (!jsonb_normalize(buf_slice(text), a, &s, e))
        return false;
    *out = value_str(s);
    return true;
}

static Value label_value(const PqlSeries *s, Slice name)
{
    for (size_t i = 0; i < s->label_count; i++)
        if (slice_eq(s->labels[i].name, name))
            return value_str(s->labels[i].value);
    return value_null();
}

static bool column_value(const Column *col, const PqlSeries *s, size_t point, Arena *a, Value *out,
                         Err *e)
{
    const struct Histogram *h = s->h ? s->h[point] : NULL;
    Buf text;
    bool ok = true;
    buf_init(&text);
    switch (col->role) {
    case ROLE_JSON:
        buf_puts(&text, "{\"metric\":");
        prom_put_labels(&text, s->labels, s->label_count);
        if (h) {
            buf_puts(&text, ",\"histogram\":");
            prom_put_histogram(&text, s->t_ms[point], h);
        } else {
            buf_puts(&text, ",\"value\":");
            prom_put_point(&text, s->t_ms[point], s->v[point]);
        }
        buf_puts(&text, "}");
        ok = jsonb_of(a, &text, out, e);
        break;
    case ROLE_LABELS:
        prom_put_labels(&text, s->labels, s->label_count);
        ok = jsonb_of(a, &text, out, e);
        break;
    case ROLE_TS:
        *out = value_i64(s->t_ms[point] * MS_TO_US);
        break;
    case ROLE_VALUE:
        *out = h ? value_null() : value_f64(s->v[point]);
        break;
    case ROLE_HISTOGRAM:
        *out = value_null();
        if (h) {
            pql_put_histogram(&text, h);
            ok = jsonb_of(a, &text, out, e);
        }
        break;
    case ROLE_LABEL:
        *out = label_value(s, col->name);
        break;
    }
    buf_free(&text);
    return ok;
}

/* Values that are the same for all points of a series are made once a batch. */
static bool put_points(PromCall *c, const PqlSeries *s, Batch *out, Arena *a, Err *e)
{
    size_t n = s->count - c->point, room = BATCH_ROWS - out->rows;
    n = n < room ? n : room;
    for (size_t i = 0; i < c->col_count; i++) {
        const Column *col = &c->cols[i];
        bool each = col->role == ROLE_JSON || col->role == ROLE_TS || col->role == ROLE_VALUE ||
                    (col->role == ROLE_HISTOGRAM && s->h);
        Value v = value_null();
        for (size_t k = 0; k < n; k++) {
            if ((each || k == 0) && !column_value(col, s, c->point + k, a, &v, e))
                return false;
            vec_set(&out->cols[i], out->rows + k, &v, BATCH_ROWS, a);
        }
    }
    out->rows += n;
    c->point += n;
    if (c->point == s->count) {
        c->point = 0;
        c->series++;
    }
    return true;
}

static bool put_string(const PqlResult *r, Batch *out, Arena *a, Err *e)
{
    Buf text;
    Value v;
    buf_init(&text);
    buf_puts(&text, "{\"metric\":{},\"value\":");
    prom_put_time(&text, r->t_ms);
    buf_put_json(&text, r->string);
    buf_puts(&text, "]}");
    bool ok = jsonb_of(a, &text, &v, e);
    if (ok)
        vec_set(&out->cols[0], 0, &v, BATCH_ROWS, a);
    out->rows = 1;
    buf_free(&text);
    return ok;
}

static SrfStatus put_rows(PromCall *c, Batch *out, Arena *a, Err *e)
{
    const PqlResult *r = pql_result(c->query);
    PqlSeries scalar = {.t_ms = &r->t_ms, .v = &r->scalar, .count = 1};
    out->rows = 0;
    if (r->type == PQL_STRING) {
        if (c->done)
            return SRF_END;
        c->done = true;
        return put_string(r, out, a, e) ? SRF_ROWS : SRF_FAIL;
    }
    const PqlSeries *series = r->type == PQL_SCALAR ? &scalar : r->series;
    size_t count = r->type == PQL_SCALAR ? 1 : r->count;
    while (c->series < count && out->rows < BATCH_ROWS)
        if (!put_points(c, &series[c->series], out, a, e))
            return SRF_FAIL;
    return out->rows ? SRF_ROWS : SRF_END;
}

static void tell(PromCall *c)
{
    const PqlResult *r = pql_result(c->query);
    for (size_t i = 0; i < r->warning_count; i++)
        session_notice(c->session, "WARNING", ERR_WARNING, "%.*s", SLICE_ARG(r->warnings[i]));
    for (size_t i = 0; i < r->info_count; i++)
        session_notice(c->session, "NOTICE", ERR_OK, "%.*s", SLICE_ARG(r->infos[i]));
}

/* SRF_ROWS: the result is there. */
static SrfStatus promql_run(PromCall *c, struct Task *waiter, Err *e)
{
    if (pql_result(c->query))
        return SRF_ROWS;
    if (!session_check_cancel(c->session, e))
        return SRF_FAIL;
    pql_set_waiter(c->query, waiter);
    switch (pql_step(c->query, e)) {
    case PQL_DONE:
        tell(c);
        return SRF_ROWS;
    case PQL_YIELD:
        if (waiter)
            task_wake(waiter); /* runnable at once, behind the others */
        return SRF_WAIT;
    case PQL_WAIT:
        return SRF_WAIT;
    case PQL_FAIL:
        break;
    }
    return SRF_FAIL;
}

static SrfStatus promql_next(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    SrfStatus st = promql_run(state, waiter, e);
    return st == SRF_ROWS ? put_rows(state, out, ctx->scratch, e) : st;
}

static void promql_close(void *state)
{
    PromCall *c = state;
    pql_close(c->query);
    c->query = NULL;
}

/* The tree of the query, and what its nodes gave and read once it was run. */
static void promql_explain(const Value *args, size_t n, void *state, Buf *out)
{
    PromCall *c = state;
    Arena a;
    PqlExpr *x;
    Err ignored;
    arena_init(&a, NULL);
    if (c)
        pql_explain(out, c->expr, c->query);
    else if (n > 0 && !args[0].null && pql_parse(&a, args[0].u.str, "all", &x, &ignored))
        pql_explain(out, x, NULL);
    arena_free(&a);
}

static const SrfDef srf_promql = {.columns = promql_columns,
                                  .column_count = ARRAY_LEN(promql_columns),
                                  .open = promql_open,
                                  .next = promql_next,
                                  .close = promql_close,
                                  .resolve = promql_resolve,
                                  .explain = promql_explain};

/* ---- one number: promql_scalar(), which the analyzer makes a subquery ---- */

static SrfStatus value_rows(PromCall *c, Batch *out, Arena *a, Err *e)
{
    const PqlResult *r = pql_result(c->query);
    Value v;
    out->rows = 0;
    if (c->done)
        return SRF_END;
    c->done = true;
    if (r->type == PQL_SCALAR) {
        v = value_f64(r->scalar);
    } else if (r->type != PQL_VECTOR) {
        return err_set(e, ERR_DATATYPE_MISMATCH,
                       "promql_scalar() needs a scalar or an instant vector"),
               SRF_FAIL;
    } else if (r->count > 1) {
        return err_set(e, ERR_CARDINALITY, "promql_scalar() returned more than one series"),
               SRF_FAIL;
    } else if (r->count == 0) {
        return SRF_END;
    } else if (r->series[0].h && r->series[0].h[0]) {
        return err_set(e, ERR_DATATYPE_MISMATCH, "promql_scalar() returned a histogram"), SRF_FAIL;
    } else {
        v = value_f64(r->series[0].v[0]);
    }
    vec_set(&out->cols[0], 0, &v, BATCH_ROWS, a);
    out->rows = 1;
    return SRF_ROWS;
}

static SrfStatus value_next(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    SrfStatus st = promql_run(state, waiter, e);
    return st == SRF_ROWS ? value_rows(state, out, ctx->scratch, e) : st;
}

static const SrfDef srf_promql_value = {
    .open = promql_open, .next = value_next, .close = promql_close, .explain = promql_explain};

#define SRF_FLAGS FN_SRF | FN_STRICT | FN_STABLE
static FuncDef promql_functions[] = {
    {.signature = "promql(text) setof jsonb",
     .srf = &srf_promql,
     .flags = SRF_FLAGS,
     .text = "a PromQL query, now"},
    {.signature = "promql(text, timestamptz) setof jsonb",
     .srf = &srf_promql,
     .flags = SRF_FLAGS,
     .text = "a PromQL query at a time"},
    {.signature = "promql(text, timestamptz, timestamptz, interval) setof jsonb",
     .srf = &srf_promql,
     .flags = SRF_FLAGS,
     .text = "a PromQL query over a time range: start, end, step"},
    {.signature = "promql_scalar(text) setof float8",
     .srf = &srf_promql_value,
     .flags = SRF_FLAGS,
     .text = "the value of a PromQL query, now"},
    {.signature = "promql_scalar(text, timestamptz) setof float8",
     .srf = &srf_promql_value,
     .flags = SRF_FLAGS,
     .text = "the value of a PromQL query at a time"},
    {.signature = NULL},
};

void promql_register(void)
{
    func_register(promql_functions);
}
