/* session/statement.c - prepared statements: text, analysis, and when to analyse again. */
#include "session/session_private.h"

static void forget_bound(Prepared *p)
{
    p->bound = NULL;
    arena_free(&p->plan_arena);
    if (p->catalog)
        cat_unref(p->catalog);
    p->catalog = NULL;
}

bool bound_columns(const Bound *b, const OutColumn **cols, size_t *count)
{
    const BoundQuery *q = NULL;
    if (b->kind == BOUND_QUERY)
        q = &b->u.query;
    *cols = q ? q->cols : NULL;
    *count = q ? q->col_count : 0;
    if (b->kind == BOUND_INSERT && b->u.insert.returning_count) {
        *cols = b->u.insert.returning_cols;
        *count = b->u.insert.returning_count;
    }
    if (b->kind == BOUND_MODIFY && b->u.modify.returns) {
        *cols = b->u.modify.returning;
        *count = b->u.modify.returning_count;
    }
    return *count > 0 || q != NULL;
}

static bool analyze(Session *s, Prepared *p, Err *e)
{
    forget_bound(p);
    arena_init(&p->plan_arena, &s->db->query_pool);
    CatalogSnap *cat = session_catalog(s);
    Arena scratch;
    arena_init(&scratch, &s->db->query_pool);
    EvalCtx fold;
    session_eval_ctx(s, &fold);
    fold.arena = &p->plan_arena;
    fold.scratch = &p->plan_arena;
    SqlEnv env = session_sql_env(s, cat, &fold);
    env.params_none = !p->name;
    const Clock *clock = s->db->clock;
    int64_t begin_ns = clock->mono_ns(clock);
    bool ok =
        sql_analyze(&env, &p->plan_arena, &p->statement, p->types, p->type_count, &p->bound, e);
    p->plan_ns = clock->mono_ns(clock) - begin_ns;
    session_planned(s);
    p->catalog_version = cat_plan_version(cat);
    p->plan_settings = s->plan_settings;
    arena_free(&scratch);
    p->catalog = cat;
    return ok;
}

/* A plan that a client has described must not change its columns under it. */
static bool same_columns(Prepared *p, Err *e)
{
    const OutColumn *cols;
    size_t n;
    bound_columns(p->bound, &cols, &n);
    bool same = n == p->first_col_count;
    for (size_t i = 0; same && i < n; i++)
        same = cols[i].type == p->first_cols[i];
    return same || err_set(e, ERR_FEATURE_NOT_SUPPORTED, "cached plan must not change result type");
}

static bool is_stale(Session *s, const Prepared *p)
{
    CatalogSnap *cat = session_catalog(s);
    bool stale = !p->bound || p->catalog_version != cat_plan_version(cat) ||
                 p->plan_settings != s->plan_settings;
    cat_unref(cat);
    return stale;
}

bool prepared_fresh(Session *s, Prepared *p, Err *e)
{
    if (!is_stale(s, p))
        return true;
    if (analyze(s, p, e) && same_columns(p, e))
        return true;
    forget_bound(p); /* the next use looks again */
    return false;
}

/* Where an open portal reads the stale plan, the name gets a new statement and the old one stays for the portal. */
static Prepared *fresh_for_bind(Session *s, Prepared *p, Err *e)
{
    if (p->refs == 1 || !p->bound)
        return prepared_fresh(s, p, e) ? p : NULL;
    if (!is_stale(s, p))
        return p;
    Prepared *again =
        prepared_new(s, slice_cstr(p->name), &p->statement, p->types, p->type_count, e);
    if (!again)
        return NULL;
    const OutColumn *cols;
    size_t n;
    bound_columns(again->bound, &cols, &n);
    again->first_cols = ARENA_ARRAY(&again->arena, TypeId, p->first_col_count + 1);
    memcpy(again->first_cols, p->first_cols, p->first_col_count * sizeof(TypeId));
    again->first_col_count = p->first_col_count;
    if (!same_columns(again, e)) {
        prepared_unref(again);
        return NULL;
    }
    Slice name = slice_cstr(again->name);
    prepared_forget(s, name);
    again->next = s->statements;
    s->statements = again;
    return again;
}

Prepared *prepared_new(Session *s, Slice name, const SqlStatement *st, const TypeId *types,
                       size_t n, Err *e)
{
    Prepared *p = MEM_NEW(Prepared);
    p->refs = 1;
    arena_init(&p->arena, &s->db->query_pool);
    arena_init(&p->plan_arena, &s->db->query_pool);
    p->name = name.ptr ? mem_strdup(name) : NULL;
    p->text = arena_slice(&p->arena, st->text);
    p->created_us = s->stmt_now_us;
    p->types = ARENA_ARRAY(&p->arena, TypeId, n ? n : 1);
    if (n)
        memcpy(p->types, types, n * sizeof *types);
    p->type_count = n;
    SqlStatement *own;
    size_t count;
    if (!sql_parse(&p->arena, p->text, &own, &count,
                   e)) /* the tree must live as long as the statement */
        goto fail;
    p->statement = count ? own[0] : (SqlStatement){.text = p->text};
    if (!analyze(s, p, e))
        goto fail;
    const OutColumn *cols;
    bound_columns(p->bound, &cols, &p->first_col_count);
    p->first_cols = ARENA_ARRAY(&p->arena, TypeId, p->first_col_count + 1);
    for (size_t i = 0; i < p->first_col_count; i++)
        p->first_cols[i] = cols[i].type;
    return p;
fail:
    prepared_unref(p);
    return NULL;
}

void prepared_unref(Prepared *p)
{
    if (!p || --p->refs > 0)
        return;
    forget_bound(p);
    arena_free(&p->arena);
    mem_free(p->name);
    mem_free(p);
}

Prepared *prepared_find(Session *s, Slice name)
{
    for (Prepared *p = s->statements; p; p = p->next)
        if (slice_eq_cstr(name, p->name))
            return p;
    return NULL;
}

void prepared_forget(Session *s, Slice name)
{
    for (Prepared **p = &s->statements; *p; p = &(*p)->next) {
        if (!slice_eq_cstr(name, (*p)->name))
            continue;
        Prepared *gone = *p;
        *p = gone->next;
        prepared_unref(gone);
        return;
    }
}

void prepared_forget_all(Session *s)
{
    while (s->statements) {
        Prepared *gone = s->statements;
        s->statements = gone->next;
        prepared_unref(gone);
    }
}

/* An aborted transaction takes nothing but its end. */
static bool allowed_now(Session *s, const SqlStatement *st, Err *e)
{
    return sql_is_txn_end(st) || session_takes_queries(s, e);
}

bool session_takes_queries(const Session *s, Err *e)
{
    if (s->tx.state != TX_FAILED)
        return true;
    return err_set(
        e, ERR_IN_FAILED_TXN,
        "current transaction is aborted, commands ignored until end of transaction block");
}

bool session_parse(Session *s, Slice name, Slice sql, const TypeId *types, size_t type_count,
                   Err *e)
{
    Arena a;
    arena_init(&a, &s->db->query_pool);
    SqlStatement *list, empty = {.text = SLICE_LIT("")};
    size_t count;
    bool ok = sql_parse(&a, sql, &list, &count, e);
    if (ok && count > 1)
        ok = err_set(e, ERR_SYNTAX, "cannot insert multiple commands into a prepared statement");
    const SqlStatement *st = ok && count ? list : &empty;
    if (ok && count)
        ok = allowed_now(s, st, e) && (sql_is_txn_end(st) || tx_begin_statement(s, e));
    Prepared *p =
        ok ? prepared_new(s, slice_of(name.ptr ? name.ptr : "", name.len), st, types, type_count, e)
           : NULL;
    arena_free(&a);
    if (p && name.len && prepared_find(s, name)) {
        prepared_unref(p);
        p = NULL;
        err_set(e, ERR_DUPLICATE_STATEMENT, "prepared statement \"%.*s\" already exists",
                SLICE_ARG(name));
    }
    if (!p)
        return false;
    prepared_forget(s, name);
    p->next = s->statements;
    s->statements = p;
    return true;
}

bool portal_may_run(const Portal *p, Err *e)
{
    if (p->state == PORTAL_FAILED)
        return session_takes_queries(p->session, e);
    return p->bound->kind == BOUND_EMPTY || allowed_now(p->session, &p->prepared->statement, e);
}

static Prepared *prepared_need(Session *s, Slice name, Err *e)
{
    Prepared *p = prepared_find(s, name);
    if (p)
        return p;
    if (name.len)
        err_set(e, ERR_STATEMENT_NAME, "prepared statement \"%.*s\" does not exist",
                SLICE_ARG(name));
    else
        err_set(e, ERR_STATEMENT_NAME, "unnamed prepared statement does not exist");
    return NULL;
}

bool session_describe(Session *s, Slice statement, StatementInfo *out, Err *e)
{
    Prepared *p = prepared_need(s, statement, e);
    if (!p || !(p = fresh_for_bind(s, p, e)))
        return false;
    *out =
        (StatementInfo){.param_types = p->bound->param_types, .param_count = p->bound->param_count};
    out->returns_rows = bound_columns(p->bound, &out->cols, &out->col_count);
    if (!out->returns_rows) {
        out->cols = utility_columns(s, p->bound, &p->plan_arena, &out->col_count);
        out->returns_rows = out->cols != NULL;
    }
    return !out->returns_rows || session_takes_queries(s, e);
}

/* The value itself is not told, as long as log_parameter_max_length_on_error is 0. */
static bool parameter_context(const Portal *p, size_t i, bool binary, Err *e)
{
    const char *shown = binary ? "" : " = '...'";
    if (p->name && p->name[0])
        return err_context(e, "portal \"%s\" parameter $%zu%s", p->name, i + 1, shown);
    return err_context(e, "unnamed portal parameter $%zu%s", i + 1, shown);
}

static bool read_param(Session *s, Portal *p, size_t i, const BindParam *in, Err *e)
{
    TypeId t = p->bound->param_types[i];
    if (in->null) {
        p->params[i] = value_null();
        return true;
    }
    const TypeDef *def = type_find(t);
    if (!def)
        return err_set(e, ERR_INDETERMINATE_TYPE, "could not determine data type of parameter $%zu",
                       i + 1);
    Slice bytes = arena_slice(&p->arena, in->value);
    bool ok;
    if (!in->binary && !slice_utf8_valid(bytes))
        return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                       "invalid byte sequence for encoding \"UTF8\" in parameter $%zu", i + 1);
    if (in->binary && !def->recv)
        return err_set(e, ERR_UNDEFINED_FUNCTION, "no binary input function available for type %s",
                       def->name);
    if (in->binary)
        ok = def->recv(&s->env, bytes, -1, &p->arena, &p->params[i], e);
    else
        ok = def->in(&s->env, bytes, -1, &p->arena, &p->params[i], e);
    return ok || parameter_context(p, i, in->binary, e);
}

bool session_bind(Session *s, Slice portal, Slice statement, const BindParam *params,
                  size_t param_count, const int16_t *formats, size_t format_count, Err *e)
{
    Prepared *p = prepared_need(s, statement, e);
    s->script_count = s->script_next = 0; /* no longer in a Query of several statements */
    if (!p || !allowed_now(s, &p->statement, e))
        return false;
    if (!sql_is_txn_end(&p->statement) && !tx_begin_statement(s, e))
        return false;
    p = fresh_for_bind(s, p, e);
    if (!p)
        return false;
    if (param_count != p->bound->param_count)
        return err_set(
            e, ERR_PROTOCOL_VIOLATION,
            "bind message supplies %zu parameters, but prepared statement \"%.*s\" requires %zu",
            param_count, SLICE_ARG(statement), p->bound->param_count);
    if (portal.len && portal_find(s, portal))
        return err_set(e, ERR_DUPLICATE_CURSOR, "cursor \"%.*s\" already exists",
                       SLICE_ARG(portal));
    portal_drop_named(s, portal);
    p->refs++;
    Portal *po = portal_new(s, portal, p);
    po->params = ARENA_ARRAY(&po->arena, Value, param_count + 1);
    po->param_count = param_count;
    for (size_t i = 0; i < param_count; i++)
        if (!read_param(s, po, i, &params[i], e)) {
            portal_free(po);
            return false;
        }
    if (format_count > 1 && portal_returns_rows(po) && format_count != po->col_count) {
        err_set(e, ERR_PROTOCOL_VIOLATION,
                "bind message has %zu result formats but query has %zu columns", format_count,
                po->col_count);
        portal_free(po);
        return false;
    }
    po->formats = ARENA_ARRAY(&po->arena, int16_t, format_count + 1);
    memcpy(po->formats, formats, format_count * sizeof *formats);
    po->format_count = format_count;
    po->next = s->portals;
    s->portals = po;
    return true;
}

void session_close_statement(Session *s, Slice name)
{
    prepared_forget(s, name);
}
