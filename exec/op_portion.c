/* exec/op_portion.c - rows handed out a few at a time to an operator whose expressions may be expensive.
 *
 * A batch of 1,024 rows is one step that nothing interrupts, and its intermediate values stay until it is
 * done: with repeat(x, 1000000), or a regular expression over such texts, seconds and gigabytes.  So
 * a batch goes to such an operator in portions.  The first ones are small; each next is as large as time and
 * memory of the last suggest.  Between portions there is what stands between batches: cancel,
 * timeout, budget, time slice.  Expressions over numbers and times alone are never cut. */
#include "exec/op_private.h"

enum {
    FIRST_ROWS = 4,
    GROWTH_MAX = 8,
    PORTION_NS = 5000000,
    PORTION_BYTES = 4 << 20,
};

/* ---- which operators ---- */

static bool is_fixed(TypeId t)
{
    Phys p = type_phys(t);
    return p == PH_BOOL || p == PH_I64 || p == PH_F64 || p == PH_INTERVAL;
}

/* Is there a call that makes or takes values of any size? */
static bool is_heavy(const Expr *x)
{
    if (!x)
        return false;
    bool call = x->kind == EXPR_CALL, heavy = call && !is_fixed(x->type);
    for (size_t i = 0; i < x->arg_count && !heavy; i++)
        heavy = (call && !is_fixed(x->args[i]->type)) || is_heavy(x->args[i]);
    return heavy;
}

static bool any_heavy(Expr *const *items, size_t n)
{
    bool heavy = false;
    for (size_t i = 0; i < n && !heavy; i++)
        heavy = is_heavy(items[i]);
    return heavy;
}

static bool agg_heavy(const PlanAgg *a)
{
    bool heavy = any_heavy(a->keys, a->key_count);
    for (size_t i = 0; i < a->agg_count && !heavy; i++)
        heavy = any_heavy(a->aggs[i].args, a->aggs[i].arg_count) || is_heavy(a->aggs[i].filter) ||
                any_heavy(a->aggs[i].order, a->aggs[i].order_count);
    return heavy;
}

static bool plan_heavy(const Plan *p)
{
    bool heavy = false;
    switch (p->kind) {
    case PLAN_FILTER:
        return is_heavy(((const PlanFilter *)p)->filter);
    case PLAN_PROJECT:
        return any_heavy(((const PlanProject *)p)->exprs, p->col_count);
    case PLAN_PROJECT_SET:
        return any_heavy(((const PlanProjectSet *)p)->exprs, p->col_count);
    case PLAN_AGG:
        return agg_heavy((const PlanAgg *)p);
    case PLAN_SORT:
        for (size_t i = 0; i < ((const PlanSort *)p)->key_count && !heavy; i++)
            heavy = is_heavy(((const PlanSort *)p)->keys[i].expr);
        return heavy;
    default:
        return false;
    }
}

void portions_init(Op *child, const Plan *parent)
{
    if (plan_heavy(parent))
        child->portions.limit = FIRST_ROWS;
}

/* ---- how many rows ---- */

static int64_t now_ns(const Op *op)
{
    return op->x->query->clock->mono_ns(op->x->query->clock);
}

static int64_t used_bytes(const Op *op)
{
    return atomic_load_explicit(&op->x->query->budget.used, memory_order_relaxed);
}

void portions_measure(Op *op)
{
    Portions *p = &op->portions;
    if (!p->handed)
        return;
    int64_t ns = now_ns(op) - p->handed_ns, bytes = used_bytes(op) - p->handed_bytes;
    double load = (double)ns / PORTION_NS, room = (double)bytes / PORTION_BYTES;
    load = room > load ? room : load;
    double rows = load > 0 ? (double)p->handed / load : BATCH_ROWS;
    double most = (double)p->limit * GROWTH_MAX;
    rows = rows < most ? rows : most;
    p->limit = rows < 1 ? 1 : rows < BATCH_ROWS ? (size_t)rows : BATCH_ROWS;
    p->handed = 0;
}

static void hand_out(Op *op, Batch **out)
{
    Portions *p = &op->portions;
    size_t n = batch_count(p->whole) - p->at;
    n = n < p->limit ? n : p->limit;
    if (p->at == 0 && n == batch_count(p->whole)) {
        *out = p->whole;
    } else {
        const uint16_t *sel = p->whole->sel ? p->whole->sel : row_ident;
        p->part = *p->whole;
        memcpy(p->sel, sel + p->at, n * sizeof *sel);
        p->part.sel = p->sel;
        p->part.sel_count = n;
        *out = &p->part;
    }
    p->at += n;
    if (p->at == batch_count(p->whole))
        p->whole = NULL; /* the next batch may take its place */
    p->handed = n;
    p->handed_ns = now_ns(op);
    p->handed_bytes = used_bytes(op);
}

bool portions_left(Op *op, Batch **out)
{
    if (!op->portions.limit)
        return false;
    portions_measure(op);
    if (!op->portions.whole)
        return false;
    hand_out(op, out);
    return true;
}

void portions_begin(Op *op, Batch **batch)
{
    if (!op->portions.limit)
        return;
    if (!op->portions.sel)
        op->portions.sel = mem_zero(BATCH_ROWS * sizeof *op->portions.sel);
    op->portions.whole = *batch;
    op->portions.at = 0;
    hand_out(op, batch);
}
