/* session/execute.c - statements about statements: PREPARE, EXECUTE, DEALLOCATE, EXPLAIN.
 *
 * EXECUTE and EXPLAIN ANALYZE run a portal of their own, p->inner. */
#include "session/session_private.h"

/* For `return failed(err_set(...))`. */
static RunStatus failed(bool never)
{
    (void)never;
    return RUN_FAIL;
}

/* ---- PREPARE, EXECUTE, cursors: a portal that runs another ---- */

RunStatus prepare_run(Portal *p, Batch **out, Err *e)
{
    (void)out;
    Session *s = p->session;
    const Bound *b = p->bound;
    if (prepared_find(s, b->u.prepare.name))
        return failed(err_set(e, ERR_DUPLICATE_STATEMENT,
                              "prepared statement \"%.*s\" already exists",
                              SLICE_ARG(b->u.prepare.name)));
    Prepared *made = prepared_new(s, b->u.prepare.name, &b->u.prepare.statement, b->u.prepare.types,
                                  b->u.prepare.type_count, e);
    const SqlStatement *outer = &p->prepared->statement, *inner = &b->u.prepare.statement;
    if (!made && e->position > 0) /* counts from PREPARE on */
        e->position += err_position(outer->text, inner->offset - outer->offset) - 1;
    if (!made)
        return RUN_FAIL;
    made->source = arena_slice(&made->arena, p->prepared->text);
    made->next = s->statements;
    s->statements = made;
    return portal_set_tag(p, "PREPARE");
}

RunStatus deallocate_run(Portal *p, Batch **out, Err *e)
{
    (void)out;
    Session *s = p->session;
    Slice name = p->bound->u.execute.name;
    if (name.len == 0)
        prepared_forget_all(s);
    else if (!prepared_find(s, name))
        return failed(err_set(e, ERR_STATEMENT_NAME, "prepared statement \"%.*s\" does not exist",
                              SLICE_ARG(name)));
    else
        prepared_forget(s, name);
    return portal_set_tag(p, name.len ? "DEALLOCATE" : "DEALLOCATE ALL");
}

const OutColumn *execute_columns(Session *s, const Bound *b, Arena *a, size_t *count)
{
    Prepared *inner = prepared_find(s, b->u.execute.name);
    Err ignored;
    *count = 0;
    if (!inner || !prepared_fresh(s, inner, &ignored))
        return NULL;
    const OutColumn *cols;
    if (bound_columns(inner->bound, &cols, count))
        return cols;
    return utility_columns(s, inner->bound, a, count);
}

static bool bad_param(const Expr *x, size_t i, TypeId want, Err *e)
{
    int position = e->position;
    const TypeDef *from = type_find(x->type), *to = type_find(want);
    if (!from || !to || e->code != ERR_DATATYPE_MISMATCH)
        return false;
    err_set(e, ERR_DATATYPE_MISMATCH,
            "parameter $%zu of type %s cannot be coerced to the expected type %s", i + 1,
            from->display, to->display);
    err_hint(e, "You will need to rewrite or cast the expression.");
    return err_at(e, position);
}

/* Parameters of EXECUTE are expressions, cast to the types of the statement. */
static bool execute_params(Portal *p, const Bound *b, Portal *inner, Err *e)
{
    Session *s = p->session;
    size_t n = inner->bound->param_count;
    if (b->u.execute.arg_count != n)
        return err_set(e, ERR_SYNTAX, "wrong number of parameters for prepared statement \"%.*s\"",
                       SLICE_ARG(b->u.execute.name)) ||
               err_detail(e, "Expected %zu parameters but got %zu.", n, b->u.execute.arg_count);
    EvalCtx ctx;
    session_eval_ctx(s, &ctx);
    ctx.arena = ctx.scratch = &inner->arena;
    ctx.params = p->params;
    ctx.param_count = p->param_count;
    inner->params = ARENA_ARRAY(&inner->arena, Value, n + 1);
    inner->param_count = n;
    for (size_t i = 0; i < n; i++) {
        Expr *x;
        if (!expr_cast(&inner->arena, &ctx, b->u.execute.args[i], inner->bound->param_types[i], -1,
                       CAST_ASSIGN, &x, e))
            return bad_param(b->u.execute.args[i], i, inner->bound->param_types[i], e);
        if (!expr_value(&ctx, x, &inner->params[i], e))
            return false;
    }
    return true;
}

Portal *execute_open(Portal *p, const Bound *b, Err *e)
{
    Session *s = p->session;
    Slice name = b->u.execute.name;
    Prepared *inner = prepared_find(s, name);
    if (!inner) {
        err_set(e, ERR_STATEMENT_NAME, "prepared statement \"%.*s\" does not exist",
                SLICE_ARG(name));
        return NULL;
    }
    if (!prepared_fresh(s, inner, e))
        return NULL;
    inner->refs++;
    Portal *in = portal_new(s, SLICE_NONE, inner);
    if (execute_params(p, b, in, e))
        return in;
    portal_free(in);
    return NULL;
}

RunStatus execute_run(Portal *p, Batch **out, Err *e)
{
    if (!p->inner && !(p->inner = execute_open(p, p->bound, e)))
        return RUN_FAIL;
    RunStatus st = portal_run(p->inner, p->max_rows, out, e);
    return st == RUN_DONE ? portal_set_tag(p, p->inner->tag) : st;
}

/* ---- EXPLAIN ---- */

const OutColumn *explain_columns(Session *s, const Bound *b, Arena *a, size_t *count)
{
    (void)s;
    OutColumn *c = ARENA_NEW(a, OutColumn);
    TypeId type = b->u.explain.options.format == EXPLAIN_JSON ? T_JSON : T_TEXT;
    *c = (OutColumn){.name = SLICE_LIT("QUERY PLAN"), .type = type, .typmod = -1};
    *count = 1;
    return c;
}

/* The plan that a statement runs: its rows or those that it writes. */
static const BoundQuery *plan_of(const Bound *b, bool run)
{
    switch (b->kind) {
    case BOUND_QUERY:
        return &b->u.query;
    case BOUND_INSERT:
        return &b->u.insert.source;
    case BOUND_MODIFY:
        return run && b->u.modify.is_range ? &b->u.modify.count : &b->u.modify.source;
    case BOUND_CREATE_TABLE_AS:
        return &b->u.create_table.as;
    default:
        return NULL;
    }
}

static bool add_lines(Portal *p, Slice text, Err *e)
{
    for (size_t i = 0; i < text.len;) {
        const char *nl = memchr(text.ptr + i, '\n', text.len - i);
        size_t n = nl ? (size_t)(nl - text.ptr) - i : text.len - i;
        if (!rows_add_text(p, slice_of(text.ptr + i, n), e))
            return false;
        i += n + 1;
    }
    return true;
}

static PlannedQuery shown_plan(const Bound *b, bool run)
{
    PlannedQuery plan = plan_of(b, run)->plan;
    if (b->kind == BOUND_MODIFY) {
        plan.operation = b->u.modify.source.plan.operation;
        plan.target = b->u.modify.source.plan.target;
        plan.method = b->u.modify.source.plan.method;
    }
    return plan;
}

static uint64_t returned(const Portal *in)
{
    const Bound *b = in->bound;
    bool returns = b->kind == BOUND_INSERT ? b->u.insert.returning_count > 0
                                           : b->kind == BOUND_MODIFY && b->u.modify.returns;
    return returns ? in->changed : 0;
}

static const ExplainPart *shown_parts(Portal *p, const Portal *in)
{
    const Bound *b = in->bound;
    ExplainPart *parts = ARENA_ARRAY(&p->arena, ExplainPart, b->part_count + 1);
    for (size_t i = 0; i < b->part_count; i++) {
        const Portal *run = parts_portal(in, i);
        parts[i] = (ExplainPart){.name = b->parts[i].name,
                                 .plan = shown_plan(b->parts[i].bound, in->analyze),
                                 .run = run ? run->analyzed : NULL,
                                 .returned = run ? returned(run) : 0};
    }
    return parts;
}

static bool print_plan(Portal *p, Err *e)
{
    Portal *in = p->inner;
    const Clock *c = p->session->db->clock;
    ExplainOptions o = p->bound->u.explain.options;
    PlannedQuery plan = shown_plan(in->bound, o.analyze);
    o.returned = returned(in);
    o.parts = shown_parts(p, in);
    o.part_count = in->bound->part_count;
    o.planning_ns = in->prepared->plan_ns;
    o.execution_ns = c->mono_ns(c) - p->started_ns;
    if (p->bound->u.explain.settings)
        o.settings = settings_changed(p->session, &p->arena);
    Buf text;
    buf_init(&text);
    plan_explain(&text, &plan, in->analyzed, &o);
    rows_begin(p, p->cols, p->col_count);
    bool ok = o.format == EXPLAIN_TEXT ? add_lines(p, buf_slice(&text), e)
                                       : rows_add_text(p, buf_slice(&text), e);
    buf_free(&text);
    return ok;
}

static Portal *open_explained(Portal *p, Err *e)
{
    Bound *b = p->bound->u.explain.inner;
    if (b->kind == BOUND_EXECUTE)
        return execute_open(p, b, e);
    return portal_within(p, b);
}

RunStatus explain_run(Portal *p, Batch **out, Err *e)
{
    const Clock *c = p->session->db->clock;
    bool analyze = p->bound->u.explain.options.analyze;
    Batch *b;
    if (p->phase == 0) {
        if (!(p->inner = open_explained(p, e)))
            return RUN_FAIL;
        if (!plan_of(p->inner->bound, analyze))
            return failed(err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                                  "EXPLAIN of this statement is not supported"));
        p->inner->analyze = analyze;
        p->started_ns = c->mono_ns(c);
        p->phase = 1;
    }
    if (p->phase == 1) {
        RunStatus st = RUN_DONE;
        while (analyze && (st = portal_run(p->inner, 0, &b, e)) == RUN_BATCH)
            ;
        if (st != RUN_DONE)
            return st;
        if (!print_plan(p, e))
            return RUN_FAIL;
        p->phase = 2;
    }
    return rows_send_all(p, out, "EXPLAIN", e);
}
