/* EXPLAIN: one line a node, indented as PostgreSQL does, details below it; or the same as JSON. */
#include "exec/op_private.h"

typedef struct Explain {
    Buf *out;
    const PlannedQuery *plan;
    const Query *query; /* NULL: not run */
    bool json;
} Explain;

/* ---- details of a node ---- */

/* Property `name` whose text fn wrote into `value`. */
static void field(Explain *x, int depth, const char *name, const Buf *value)
{
    if (value->len == 0)
        return;
    if (x->json) {
        buf_printf(x->out, ", \"%s\": ", name);
        buf_put_json(x->out, buf_slice(value));
        return;
    }
    buf_printf(x->out, "%*s%s: ", depth, "", name);
    buf_put_slice(x->out, buf_slice(value));
    buf_puts(x->out, "\n");
}

static void put_list(Buf *b, Expr *const *list, size_t n, const Slice *names)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_puts(b, ", ");
        expr_print(b, list[i], names);
    }
}

static const Slice *input_names(const Plan *p)
{
    return p->child && p->child->names ? p->child->names : NULL;
}

static void put_sort(Buf *b, const PlanSort *s)
{
    for (size_t i = 0; i < s->key_count; i++) {
        if (i)
            buf_puts(b, ", ");
        expr_print(b, s->keys[i].expr, input_names(&s->p));
        if (s->keys[i].desc)
            buf_puts(b, " DESC");
        if (s->keys[i].nulls_first != s->keys[i].desc)
            buf_puts(b, s->keys[i].nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

static void put_bounds(Buf *b, const PlanScan *s)
{
    for (size_t i = 0; i < s->bound_count; i++) {
        buf_puts(b, i ? " AND (" : "(");
        buf_printf(b, "%s %.2s ", s->bounds[i].ns ? "ts_ns(time)" : "time", s->bounds[i].op);
        expr_print(b, s->bounds[i].value, NULL);
        buf_puts(b, ")");
    }
}

static Slice tag_name(const PlanScan *s, ColumnId id)
{
    for (size_t i = 0; i < s->tag_count; i++)
        if (s->tags[i].column == id && s->tags[i].name.len)
            return s->tags[i].name;
    for (size_t c = 0; c < s->p.col_count; c++)
        if (s->cols[c].kind == SCAN_TAG && s->cols[c].column == id && s->p.names)
            return s->p.names[c];
    return SLICE_LIT("tag");
}

static void put_tags(Buf *b, const PlanScan *s)
{
    for (size_t i = 0; i < s->tag_count; i++) {
        const TagPred *t = &s->tags[i];
        Slice name = tag_name(s, t->column);
        buf_puts(b, i ? " AND (" : "(");
        if (t->test) {
            expr_print(b, t->test, &name);
        } else {
            buf_put_slice(b, name);
            buf_puts(b, t->array ? " = ANY (" : t->in_count == 1 ? " = " : " IN (");
            put_list(b, t->in, t->in_count, NULL);
            buf_puts(b, t->array || t->in_count != 1 ? ")" : "");
        }
        buf_puts(b, ")");
    }
}

static void put_aggs(Buf *b, const AggCall *aggs, size_t n, const Slice *names)
{
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "%s%s(%s", i ? ", " : "", aggs[i].func->name,
                   aggs[i].distinct ? "DISTINCT " : "");
        if (aggs[i].star)
            buf_puts(b, "*");
        put_list(b, aggs[i].args, aggs[i].arg_count, names);
        buf_puts(b, ")");
    }
}

static void put_keys(Buf *b, const PlanSeriesAgg *p)
{
    for (size_t k = 0; k < p->key_count; k++) {
        buf_puts(b, k ? ", " : "");
        if (p->keys[k].kind == KEY_BUCKET)
            buf_printf(b, "time_bucket(%lld s)", (long long)(p->keys[k].width_ns / NS_PER_S));
        else if (p->p.names && p->p.names[k].len)
            buf_put_slice(b, p->p.names[k]);
        else
            buf_put_slice(b, tag_name(p->scan, p->keys[k].column));
    }
}

static void print_scan(Explain *x, int depth, const PlanScan *s, Buf *b)
{
    put_bounds(b, s);
    field(x, depth, "Time Range", b);
    buf_clear(b);
    put_tags(b, s);
    field(x, depth, "Series", b);
    buf_clear(b);
    if (s->filter)
        expr_print(b, s->filter, s->p.names);
    field(x, depth, "Filter", b);
}

static void print_join(Explain *x, int depth, const PlanJoin *j, Buf *b)
{
    for (size_t i = 0; i < j->key_count; i++) {
        buf_puts(b, i ? " AND (" : "(");
        expr_print(b, j->left_keys[i], j->p.child->names);
        buf_puts(b, " = ");
        expr_print(b, j->right_keys[i], j->p.right->names);
        buf_puts(b, ")");
    }
    field(x, depth, "Hash Cond", b);
    buf_clear(b);
    if (j->filter)
        expr_print(b, j->filter, NULL);
    field(x, depth, "Join Filter", b);
}

static void print_details(Explain *x, int depth, const Plan *p)
{
    Buf b;
    buf_init(&b);
    switch (p->kind) {
    case PLAN_SCAN:
        print_scan(x, depth, (const PlanScan *)p, &b);
        break;
    case PLAN_SERIES_AGG: {
        const PlanSeriesAgg *a = (const PlanSeriesAgg *)p;
        put_keys(&b, a);
        field(x, depth, "Group Key", &b);
        buf_clear(&b);
        put_aggs(&b, a->aggs, a->agg_count, a->scan->p.names);
        field(x, depth, "Aggregates", &b);
        buf_clear(&b);
        if (a->bucket_limit) {
            buf_puts(&b, a->bucket_desc ? "newest " : "oldest ");
            expr_print(&b, a->bucket_limit, NULL);
        }
        field(x, depth, "Buckets Wanted", &b);
        break;
    }
    case PLAN_AGG: {
        const PlanAgg *a = (const PlanAgg *)p;
        put_list(&b, a->keys, a->key_count, input_names(p));
        field(x, depth, "Group Key", &b);
        break;
    }
    case PLAN_SORT:
        put_sort(&b, (const PlanSort *)p);
        field(x, depth, "Sort Key", &b);
        break;
    case PLAN_FILTER:
        expr_print(&b, ((const PlanFilter *)p)->filter, input_names(p));
        field(x, depth, "Filter", &b);
        break;
    case PLAN_VIRTUAL:
        if (((const PlanVirtual *)p)->filter)
            expr_print(&b, ((const PlanVirtual *)p)->filter, p->names);
        field(x, depth, "Filter", &b);
        break;
    case PLAN_JOIN:
        print_join(x, depth, (const PlanJoin *)p, &b);
        break;
    default:
        break;
    }
    buf_free(&b);
}

/* ---- the line of a node ---- */

static void put_join_name(Buf *b, const PlanJoin *j)
{
    static const char *const kinds[] = {"", " Left", " Right", " Full", " Semi", " Anti"};
    if (j->key_count)
        buf_printf(b, "Hash%s Join", kinds[j->type]);
    else
        buf_printf(b, "Nested Loop%s%s", kinds[j->type], j->type == JOIN_INNER ? "" : " Join");
}

static void put_name(Buf *b, const Plan *p)
{
    static const char *const names[] = {
        [PLAN_SCAN] = "Seq Scan",
        [PLAN_SERIES_AGG] = "Series Aggregate",
        [PLAN_VIRTUAL] = "Virtual Scan",
        [PLAN_FUNCTION] = "Function Scan",
        [PLAN_VALUES] = "Values Scan",
        [PLAN_FILTER] = "Filter",
        [PLAN_PROJECT] = "Project",
        [PLAN_AGG] = "HashAggregate",
        [PLAN_SORT] = "Sort",
        [PLAN_LIMIT] = "Limit",
        [PLAN_DISTINCT] = "Unique",
        [PLAN_JOIN] = "Join",
        [PLAN_APPLY] = "Subquery Loop",
        [PLAN_APPEND] = "Append",
        [PLAN_SETOP] = "SetOp",
        [PLAN_CTE_REF] = "CTE Scan",
        [PLAN_RECURSIVE] = "Recursive Union",
        [PLAN_PROJECT_SET] = "ProjectSet",
        [PLAN_WINDOW] = "WindowAgg",
        [PLAN_RESULT] = "Result",
        [PLAN_GAPFILL] = "Gap Fill",
        [PLAN_SPAN] = "Span",
        [PLAN_ASOF] = "Asof Join",
    };
    if (p->kind == PLAN_JOIN) {
        put_join_name(b, (const PlanJoin *)p);
        return;
    }
    if (p->kind == PLAN_AGG && ((const PlanAgg *)p)->key_count == 0)
        buf_puts(b, "Aggregate");
    else if (p->kind == PLAN_VALUES && ((const PlanValues *)p)->row_count == 1)
        buf_puts(b, "Result");
    else
        buf_puts(b, names[p->kind]);
    if (p->kind == PLAN_SCAN) {
        const PlanScan *s = (const PlanScan *)p;
        buf_printf(b, "%s on %.*s", s->backward ? " Backward" : "", SLICE_ARG(s->table_name));
    } else if (p->kind == PLAN_VIRTUAL) {
        const ViewDef *v = ((const PlanVirtual *)p)->view;
        buf_printf(b, " on %s.%s", v->schema, v->name);
    } else if (p->kind == PLAN_FUNCTION && ((const PlanFunction *)p)->func) {
        buf_printf(b, " on %s", ((const PlanFunction *)p)->func->name);
    } else if (p->kind == PLAN_CTE_REF) {
        buf_printf(b, " on %u", ((const PlanCteRef *)p)->cte);
    }
}

static const OpStats *stats_of(const Explain *x, const Plan *p)
{
    for (size_t i = 0; x->query && i < x->query->x.stats_count; i++)
        if (x->query->x.stats[i].plan == p)
            return &x->query->x.stats[i];
    return NULL;
}

static void put_number(Explain *x, int depth, const char *name, uint64_t value)
{
    if (value == 0)
        return;
    if (x->json)
        buf_printf(x->out, ", \"%s\": %llu", name, (unsigned long long)value);
    else
        buf_printf(x->out, "%*s%s: %llu\n", depth, "", name, (unsigned long long)value);
}

static void print_counters(Explain *x, int depth, const OpStats *st)
{
    put_number(x, depth, "Rows Removed by Filter", st->removed);
    put_number(x, depth, "Parallel Pieces", st->pieces);
    put_number(x, depth, "Runs", st->runs);
    put_number(x, depth, "Runs from Statistics", st->stat_runs);
    put_number(x, depth, "Series Read", st->series);
    put_number(x, depth, "Files", st->scan.files);
    put_number(x, depth, "Files Pruned", st->scan.files_pruned);
    put_number(x, depth, "Row Groups", st->scan.groups);
    put_number(x, depth, "Row Groups Pruned", st->scan.groups_pruned);
    put_number(x, depth, "Row Groups from Statistics", st->scan.groups_from_stats);
    put_number(x, depth, "Bytes Read", st->scan.bytes);
    put_number(x, depth, "Temporary File Bytes", st->spilled);
    put_number(x, depth, "Memory Bytes", (uint64_t)st->bytes_max);
}

static void print_text(Explain *x, const Plan *p, int depth)
{
    const OpStats *st = stats_of(x, p);
    int below = depth == 0 ? 2 : depth + 6;
    if (depth > 0)
        buf_printf(x->out, "%*s->  ", depth, "");
    put_name(x->out, p);
    /* A scan inside a series aggregate hands out no rows of its own. */
    if (st && st->loops > 0)
        buf_printf(x->out, " (actual time=%.3f ms rows=%llu loops=%llu)", (double)st->ns / 1e6,
                   (unsigned long long)st->rows, (unsigned long long)st->loops);
    else if (x->query && !(st && st->scan.files))
        buf_puts(x->out, " (never executed)");
    buf_puts(x->out, "\n");
    print_details(x, below, p);
    if (st)
        print_counters(x, below, st);
    for (size_t i = 0; plan_child(p, i); i++)
        print_text(x, plan_child(p, i), below);
}

static void print_json(Explain *x, const Plan *p)
{
    const OpStats *st = stats_of(x, p);
    Buf name;
    buf_init(&name);
    put_name(&name, p);
    buf_puts(x->out, "{\"Node Type\": ");
    buf_put_json(x->out, buf_slice(&name));
    buf_free(&name);
    print_details(x, 0, p);
    if (st) {
        buf_printf(
            x->out, ", \"Actual Total Time\": %.3f, \"Actual Rows\": %llu, \"Actual Loops\": %llu",
            (double)st->ns / 1e6, (unsigned long long)st->rows, (unsigned long long)st->loops);
        print_counters(x, 0, st);
    }
    for (size_t i = 0; plan_child(p, i); i++) {
        buf_puts(x->out, i ? ", " : ", \"Plans\": [");
        print_json(x, plan_child(p, i));
    }
    buf_puts(x->out, plan_child(p, 0) ? "]}" : "}");
}

void plan_explain(Buf *out, const PlannedQuery *plan, const Query *analyzed, bool json)
{
    Explain x = {out, plan, analyzed, json};
    if (json) {
        buf_puts(out, "[{\"Plan\": ");
        if (plan->title) {
            buf_puts(out, "{\"Node Type\": ");
            buf_put_json(out, slice_cstr(plan->title));
            buf_printf(out, ", \"Method\": \"%s\", \"Plans\": [", plan->how);
        }
        print_json(&x, plan->root);
        buf_puts(out, plan->title ? "]}" : "");
        for (size_t i = 0; i < plan->cte_count; i++) {
            buf_printf(out, ", \"CTE %u\": ", plan->ctes[i].id);
            print_json(&x, plan->ctes[i].plan);
        }
        buf_puts(out, "}]");
        return;
    }
    if (plan->title)
        buf_printf(out, "%s\n  Method: %s\n", plan->title, plan->how);
    print_text(&x, plan->root, plan->title ? 2 : 0);
    for (size_t i = 0; i < plan->cte_count; i++) {
        buf_printf(out, "  CTE %u\n", plan->ctes[i].id);
        print_text(&x, plan->ctes[i].plan, 4);
    }
    if (analyzed)
        buf_printf(out, "Peak Memory: %lld bytes\n",
                   (long long)atomic_load_explicit(&analyzed->budget.peak, memory_order_relaxed));
}
