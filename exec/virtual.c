#include "exec/virtual.h"
#include "exec/op_private.h"

enum { VIEWS_MAX = 512 };

static const ViewDef *views[VIEWS_MAX];
static size_t view_total;

/* ---- the registry ---- */

static bool same_view(const ViewDef *v, Slice schema, Slice name)
{
    return slice_eq_cstr(schema, v->schema) && slice_eq_cstr(name, v->name);
}

void view_register(const ViewDef *table)
{
    for (; table->name; table++) {
        if (view_find(slice_cstr(table->schema), slice_cstr(table->name)))
            continue; /* registering twice does no harm */
        must(view_total < VIEWS_MAX);
        views[view_total++] = table;
    }
}

const ViewDef *view_find(Slice schema, Slice name)
{
    for (size_t i = 0; i < view_total; i++)
        if (same_view(views[i], schema, name))
            return views[i];
    return NULL;
}

size_t view_count(void)
{
    return view_total;
}

const ViewDef *view_at(size_t i)
{
    must(i < view_total);
    return views[i];
}

/* ---- filling ---- */

void row_sink_add(RowSink *sink, const Value *row)
{
    for (size_t c = 0; c < sink->view->column_count; c++)
        sink->row[c] = sink->wants[c] ? row[c] : value_null();
    store_add_row(sink->rows, sink->row);
}

bool row_sink_wants(const RowSink *sink, uint32_t column)
{
    return column < sink->view->column_count && sink->wants[column];
}

/* All columns that some scan of this view in the statement reads. */
static void collect_wants(const Plan *p, ViewCache *cache)
{
    if (p->kind == PLAN_VIRTUAL && ((const PlanVirtual *)p)->view == cache->view)
        for (size_t c = 0; c < p->col_count; c++) {
            uint32_t i = ((const PlanVirtual *)p)->cols[c];
            if (i < cache->view->column_count)
                cache->wants[i] = true;
        }
    for (size_t i = 0; plan_child(p, i); i++)
        collect_wants(plan_child(p, i), cache);
}

static ViewCache *view_cache_new(Exec *x, const ViewDef *view)
{
    ViewCache *cache = ARENA_NEW(&x->arena, ViewCache);
    cache->view = view;
    cache->wants = ARENA_ARRAY(&x->arena, bool, view->column_count + 1);
    TypeId *types = ARENA_ARRAY(&x->arena, TypeId, view->column_count + 1);
    for (size_t c = 0; c < view->column_count; c++)
        types[c] = view->columns[c].type;
    store_init(&cache->rows, types, view->column_count, &x->query->budget);
    const PlannedQuery *q = &x->query->plan;
    collect_wants(q->root, cache);
    for (size_t i = 0; i < q->cte_count; i++)
        collect_wants(q->ctes[i].plan, cache);
    cache->next = x->views;
    x->views = cache;
    return cache;
}

static bool view_rows(Op *op, const ViewDef *view, RowStore **out, Err *e)
{
    Exec *x = op->x;
    for (ViewCache *v = x->views; v; v = v->next)
        if (v->view == view) {
            *out = &v->rows;
            return true;
        }
    ViewCache *cache = view_cache_new(x, view);
    RowSink sink = {view, cache->wants, &cache->rows, NULL};
    sink.row = ARENA_ARRAY(&x->arena, Value, view->column_count + 1);
    *out = &cache->rows;
    return !view->fill || view->fill(op_ctx(op), x->query->snapshot, &sink, e);
}

/* ---- the operator ---- */

typedef struct OpVirtual {
    Op op;
    RowStore *rows;
    size_t row;
    Batch batch;
} OpVirtual;

static bool virtual_open(Op *op, Err *e)
{
    OpVirtual *v = (OpVirtual *)op;
    v->batch = *batch_new(&op->arena, op->plan->col_count);
    return view_rows(op, ((const PlanVirtual *)op->plan)->view, &v->rows, e);
}

/* The same in every row: the catalog's rows are there since the beginning. */
static Vector system_column(Op *op, const ViewDef *view, uint32_t which)
{
    enum { XID_BOOTSTRAP = 1 };
    Vector v;
    Value value = value_i64(which == VIEW_TABLEOID ? view->oid : XID_BOOTSTRAP);
    vec_init_const(&v, which == VIEW_TABLEOID ? T_OID : T_XID, &value, &op->scratch);
    return v;
}

static QueryStatus virtual_next(Op *op, Batch **out, Err *e)
{
    OpVirtual *v = (OpVirtual *)op;
    const PlanVirtual *plan = (const PlanVirtual *)op->plan;
    Batch all;
    arena_reset(&op->scratch);
    size_t n = store_view(v->rows, v->row, &all, &op->scratch);
    if (n == 0)
        return QUERY_END;
    v->row += n;
    for (size_t c = 0; c < plan->p.col_count; c++) {
        uint32_t i = plan->cols[c], own = (uint32_t)plan->view->column_count;
        v->batch.cols[c] = i < own ? all.cols[i] : system_column(op, plan->view, i - own);
    }
    v->batch.rows = all.rows;
    v->batch.sel = all.sel;
    v->batch.sel_count = all.sel_count;
    if (plan->filter && !expr_filter(op_ctx(op), plan->filter, &v->batch, e))
        return QUERY_FAIL;
    if (op->stats)
        op->stats->removed += n - batch_count(&v->batch);
    *out = &v->batch;
    return QUERY_BATCH;
}

const OpDef op_virtual = {"Virtual Scan", sizeof(OpVirtual), virtual_open, virtual_next, NULL};
