#include "exec/query.h"
#include "exec/op_private.h"

enum { QUERY_MEMORY_DEFAULT = 512 << 20 };

static const OpDef *const op_table[] = {
    [PLAN_SCAN] = &op_scan,           [PLAN_SERIES_AGG] = &op_series_agg,
    [PLAN_VIRTUAL] = &op_virtual,     [PLAN_FUNCTION] = &op_function,
    [PLAN_VALUES] = &op_values,       [PLAN_FILTER] = &op_filter,
    [PLAN_PROJECT] = &op_project,     [PLAN_AGG] = &op_agg,
    [PLAN_SORT] = &op_sort,           [PLAN_LIMIT] = &op_limit,
    [PLAN_DISTINCT] = &op_distinct,   [PLAN_JOIN] = &op_join,
    [PLAN_APPLY] = &op_apply,         [PLAN_APPEND] = &op_append,
    [PLAN_SETOP] = &op_setop,         [PLAN_CTE_REF] = &op_cte_ref,
    [PLAN_RECURSIVE] = &op_recursive, [PLAN_PROJECT_SET] = &op_project_set,
    [PLAN_WINDOW] = &op_window,       [PLAN_RESULT] = &op_result,
    [PLAN_GAPFILL] = &op_gapfill,     [PLAN_SPAN] = &op_span,
    [PLAN_ASOF] = &op_asof,
};

/* ---- operators ---- */

bool op_open(Op **out, Exec *x, const Plan *plan, Err *e)
{
    must(plan->kind < ARRAY_LEN(op_table) && op_table[plan->kind]);
    const OpDef *def = op_table[plan->kind];
    Op *op = mem_zero(def->size);
    op->def = def;
    op->plan = plan;
    op->x = x;
    op->stats = exec_stats(x, plan);
    if (op->stats)
        op->stats->loops++;
    arena_init(&op->arena, &x->query->budget);
    arena_init(&op->scratch, &x->query->budget);
    if (!def->open(op, e)) {
        op_close(op);
        return false;
    }
    *out = op;
    return true;
}

bool op_open_child(Op *op, Err *e)
{
    if (!op_open(&op->child, op->x, op->plan->child, e))
        return false;
    portions_init(op->child, op->plan);
    return true;
}

void op_close(Op *op)
{
    if (!op)
        return;
    if (op->def->close)
        op->def->close(op);
    op_close(op->child);
    op_close(op->right);
    arena_free(&op->scratch);
    arena_free(&op->arena);
    mem_free(op->portions.sel);
    mem_free(op);
}

EvalCtx *op_ctx(Op *op)
{
    op->x->ctx.scratch = &op->scratch;
    return &op->x->ctx;
}

/* pg_sleep was called while the result was made: it is handed on when the time has come. */
static QueryStatus op_hold(Op *op, Batch **out)
{
    Exec *x = op->x;
    if (x->query->clock->mono_ns(x->query->clock) < x->ctx.sleep_until_ns) {
        if (!x->waiter)
            return QUERY_YIELD;
        task_wake_at(x->waiter, x->ctx.sleep_until_ns);
        return QUERY_WAIT;
    }
    x->ctx.sleep_until_ns = 0;
    op->held = false;
    *out = op->held_batch;
    return op->held_status;
}

static void op_count(Op *op, QueryStatus st, const Batch *out, int64_t begin_ns)
{
    const Clock *c = op->x->query->clock;
    int64_t bytes = (int64_t)(op->arena.used + op->scratch.used);
    op->stats->ns += c->mono_ns(c) - begin_ns;
    if (bytes > op->stats->bytes_max)
        op->stats->bytes_max = bytes;
    if (st == QUERY_BATCH) {
        if (op->stats->batches == 0)
            op->stats->first_ns = op->stats->ns;
        op->stats->batches++;
        op->stats->rows += batch_count(out);
    }
}

QueryStatus op_next(Op *op, Batch **out, Err *e)
{
    for (;;) {
        QueryStatus st = exec_tick(op->x, e);
        if (st != QUERY_BATCH)
            return st;
        if (!op->held && portions_left(op, out))
            return QUERY_BATCH;
        if (!op->held) {
            const Clock *c = op->x->query->clock;
            int64_t begin_ns = op->stats ? c->mono_ns(c) : 0;
            st = op->def->next(op, out, e);
            if (op->child)
                portions_measure(op->child);
            if (op->stats)
                op_count(op, st, *out, begin_ns);
            if (op->x->ctx.sleep_until_ns && (st == QUERY_BATCH || st == QUERY_END)) {
                op->held = true;
                op->held_status = st;
                op->held_batch = *out;
            }
        }
        if (op->held)
            st = op_hold(op, out);
        if (st == QUERY_BATCH && batch_count(*out) == 0)
            continue;
        if (st == QUERY_BATCH)
            portions_begin(op, out);
        return st;
    }
}

/* ---- execution state ---- */

QueryStatus exec_tick(Exec *x, Err *e)
{
    Query *q = x->query;
    if (atomic_load_explicit(&q->cancel, memory_order_relaxed) ||
        (x->stop && atomic_load_explicit(x->stop, memory_order_relaxed))) {
        err_set(e, ERR_CANCELED, "canceling statement due to user request");
        return QUERY_FAIL;
    }
    if (!budget_check(&q->budget, e))
        return QUERY_FAIL;
    return q->clock->mono_ns(q->clock) >= x->slice_end_ns ? QUERY_YIELD : QUERY_BATCH;
}

void exec_slice_begin(Exec *x)
{
    const Clock *c = x->query->clock;
    x->slice_end_ns = c->mono_ns(c) + TASK_SLICE_NS;
}

static void setup_params(Exec *x, const EvalCtx *from)
{
    if (from->param_count == 0)
        return;
    Value *params = ARENA_ARRAY(&x->arena, Value, from->param_count);
    for (size_t i = 0; i < from->param_count; i++)
        params[i] = value_copy(&x->arena, &from->params[i]);
    x->ctx.params = params;
}

static void setup_stats(Exec *x, const Plan *plan)
{
    x->stats = mem_realloc(x->stats, (x->stats_count + 1) * sizeof *x->stats);
    x->stats[x->stats_count++] = (OpStats){.plan = plan};
    for (size_t i = 0; plan_child(plan, i); i++)
        setup_stats(x, plan_child(plan, i));
}

static void setup_ctes(Exec *x)
{
    const PlannedQuery *p = &x->query->plan;
    x->ctes = ARENA_ARRAY(&x->arena, CteState, p->cte_count + 1);
    for (size_t i = 0; i < p->cte_count; i++)
        x->ctes[i].def = &p->ctes[i];
}

/* `ctx` is copied as far as it can change under the query. */
void exec_setup(Exec *x, Query *q, const EvalCtx *ctx)
{
    *x = (Exec){.query = q};
    arena_init(&x->arena, &q->budget);
    if (ctx)
        x->ctx = *ctx;
    if (!x->ctx.env.tz)
        x->ctx.env.tz = tz_utc();
    x->ctx.env.timezone = arena_slice(&x->arena, x->ctx.env.timezone);
    x->ctx.snapshot = q->snapshot;
    x->ctx.arena = &x->arena;
    x->ctx.scratch = &x->arena;
    x->ctx.sleep_until_ns = 0;
    x->ctx.cancel = &q->cancel;
    x->ctx.deadline_ns = q->deadline_ns;
    setup_params(x, &x->ctx);
    setup_ctes(x);
    if (!q->analyze)
        return;
    setup_stats(x, q->plan.root);
    for (size_t i = 0; i < q->plan.cte_count; i++)
        setup_stats(x, q->plan.ctes[i].plan);
}

void exec_clear(Exec *x)
{
    for (size_t i = 0; x->ctes && i < x->query->plan.cte_count; i++) {
        op_close(x->ctes[i].op);
        rowfile_free(x->ctes[i].rows);
    }
    for (ViewCache *v = x->views; v; v = v->next)
        store_free(&v->rows);
    mem_free(x->stats);
    if (x->slice)
        set_unref(x->slice);
    arena_free(&x->arena);
}

OpStats *exec_stats(Exec *x, const Plan *plan)
{
    for (size_t i = 0; i < x->stats_count; i++)
        if (x->stats[i].plan == plan)
            return &x->stats[i];
    return NULL;
}

const Plan *plan_child(const Plan *p, size_t i)
{
    if (p->kind == PLAN_APPEND) {
        const PlanAppend *append = (const PlanAppend *)p;
        return i < append->child_count ? append->children[i] : NULL;
    }
    if (p->kind == PLAN_SERIES_AGG)
        return i == 0 ? &((const PlanSeriesAgg *)p)->scan->p : NULL;
    if (i == 0)
        return p->child ? p->child : p->right;
    return i == 1 && p->child ? p->right : NULL;
}

/* ---- queries ---- */

static void query_memory(Query *q, const QueryOptions *o)
{
    int64_t limit = o->memory_max;
    if (limit == 0 && o->budget && o->budget->limit > 0)
        limit = o->budget->limit / 4;
    if (limit == 0)
        limit = QUERY_MEMORY_DEFAULT;
    budget_init(&q->budget, "query_memory", o->budget, limit);
}

bool query_open(Query **out, const PlannedQuery *plan, const QueryOptions *o, Err *e)
{
    Query *q = mem_zero(sizeof *q);
    q->plan = *plan;
    q->snapshot = o->snapshot ? snapshot_ref(o->snapshot) : NULL;
    q->sched = o->sched;
    q->group = o->group;
    q->parallel_max = o->parallel_max;
    q->analyze = o->analyze;
    q->deadline_ns = o->deadline_ns;
    q->given = o->given;
    q->given_count = o->given_count;
    q->spill = o->spill;
    q->scan_bytes_max = o->scan_bytes_max;
    q->clock = o->eval && o->eval->clock ? o->eval->clock : &clock_real;
    atomic_init(&q->cancel, false);
    query_memory(q, o);
    exec_setup(&q->x, q, o->eval);
    q->x.ctx.clock = q->clock;
    q->x.ctx.exec_params = ARENA_ARRAY(&q->x.arena, Value, plan->exec_param_count + 1);
    for (uint32_t i = 0; i < plan->exec_param_count; i++)
        q->x.ctx.exec_params[i] = value_null();
    q->x.waiter = o->waiter;
    exec_slice_begin(&q->x);
    bool ok = !o->form || stream_open(&q->stream, q, o->form, e);
    if (ok && !q->stream)
        ok = op_open(&q->root, &q->x, plan->root, e);
    if (!ok) {
        query_close(q);
        return false;
    }
    *out = q;
    return true;
}

bool query_writes(const Query *q)
{
    return q->stream != NULL;
}

QueryStatus query_bytes(Query *q, Buf *out, uint64_t *rows, Err *e)
{
    exec_slice_begin(&q->x);
    QueryStatus st = exec_tick(&q->x, e);
    return st == QUERY_BATCH ? stream_next(q->stream, out, rows, e) : st;
}

QueryStatus query_next(Query *q, Batch **out, Err *e)
{
    exec_slice_begin(&q->x);
    return op_next(q->root, out, e);
}

void query_cancel(Query *q)
{
    atomic_store_explicit(&q->cancel, true, memory_order_relaxed);
}

void query_set_waiter(Query *q, Task *t)
{
    q->x.waiter = t;
    gang_set_waiter(q, t);
}

uint64_t query_rows_read(const Query *q)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < q->x.stats_count; i++)
        rows += q->x.stats[i].scan.rows;
    return rows;
}

void query_close(Query *q)
{
    if (!q)
        return;
    query_cancel(q);
    stream_close(q->stream);
    op_close(q->root);
    exec_clear(&q->x);
    must(q->gangs == NULL);
    if (q->snapshot)
        snapshot_unref(q->snapshot);
    mem_free(q);
}
