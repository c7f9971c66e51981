/* EXPLAIN: the tree of a plan with PostgreSQL's names, lines and keys (ExplainNode in its explain.c).
 *
 * Projections and filters are no nodes of their own there: they are shown with the node below.
 * Costs are what the planner goes by: rows that are looked at, a hundredth each. */
#include "exec/agg.h"
#include "exec/explain_writer.h"
#include "exec/op_private.h"
#include "exec/state.h"
#include <math.h>
#include <stdio.h>

typedef struct Explain {
    ExplainWriter w;
    const ExplainOptions *o;
    const PlannedQuery *plan;
    const Query *query; /* NULL: not run */
    size_t part_count;  /* of o->parts: still to be shown */
    uint64_t returned;  /* by the statement that writes */
    Buf value;          /* of the property that is being made */
} Explain;

/* A plan node with the projections and the filter above it. */
typedef struct Node {
    const Plan *plan;
    const Plan *top;     /* its rows and time are those of all */
    const Plan *project; /* or NULL */
    const Plan *filter;  /* or NULL */
} Node;

static bool takes_filter(const Plan *p)
{
    switch (p->kind) {
    case PLAN_SCAN:
        return !((const PlanScan *)p)->filter;
    case PLAN_VIRTUAL:
        return !((const PlanVirtual *)p)->filter;
    case PLAN_SORT:
    case PLAN_LIMIT:
    case PLAN_DISTINCT:
    case PLAN_SETOP:
    case PLAN_APPEND:
    case PLAN_WINDOW:
    case PLAN_PROJECT_SET:
    case PLAN_FILTER:
        return false;
    default:
        return true;
    }
}

static Node node_of(const Plan *p)
{
    Node n = {.plan = p, .top = p};
    for (;; n.plan = n.plan->child) {
        const Plan *at = n.plan;
        if (at->kind == PLAN_PROJECT && at->child && !n.project)
            n.project = at;
        else if (at->kind == PLAN_FILTER && !n.filter && takes_filter(at->child))
            n.filter = at;
        else
            return n;
    }
}

/* ---- details of a node ---- */

/* The text that was made in x->value, if any. */
static void field(Explain *x, const char *name)
{
    if (x->value.len > 0)
        ew_text(&x->w, name, buf_slice(&x->value));
    buf_clear(&x->value);
}

typedef void (*PutItem)(Buf *b, const void *of, size_t i);

static void list(Explain *x, const char *name, const void *of, size_t n, PutItem put)
{
    size_t *ends = mem_alloc((n + 1) * sizeof *ends);
    for (size_t i = 0; i < n; i++) {
        put(&x->value, of, i);
        ends[i] = x->value.len;
    }
    if (n)
        ew_list(&x->w, name, &x->value, ends, n);
    buf_clear(&x->value);
    mem_free(ends);
}

typedef struct Exprs {
    Expr *const *list;
    const Slice *names;
} Exprs;

static void put_expr(Buf *b, const void *of, size_t i)
{
    const Exprs *x = of;
    expr_print(b, x->list[i], x->names);
}

static const Slice *input_names(const Plan *p)
{
    return p->child && p->child->names ? p->child->names : NULL;
}

static void put_sort_key(Buf *b, const void *of, size_t i)
{
    const PlanSort *s = of;
    expr_print(b, s->keys[i].expr, input_names(&s->p));
    if (s->keys[i].desc)
        buf_puts(b, " DESC");
    if (s->keys[i].nulls_first != s->keys[i].desc)
        buf_puts(b, s->keys[i].nulls_first ? " NULLS FIRST" : " NULLS LAST");
}

static void put_name_of(Buf *b, const void *of, size_t i)
{
    buf_put_slice(b, ((const Slice *)of)[i]);
}

/* Of a tier: where its rows begin and end is a matter of the snapshot, known when it has run. */
static void put_bound(Explain *x, const Expr *value)
{
    bool tier = value->kind == EXPR_CALL && strcmp(value->func->name, "tier_bound") == 0;
    Value v;
    Err ignored;
    if (tier && x->query && x->query->snapshot) {
        EvalCtx ctx = x->query->x.ctx;
        Arena a;
        arena_init(&a, NULL);
        ctx.arena = ctx.scratch = &a;
        if (expr_value(&ctx, value, &v, &ignored))
            type_find(T_TIMESTAMPTZ)->out(&ctx.env, &v, &x->value);
        arena_free(&a);
    } else if (tier) {
        bool gone = value->args[2]->value.u.i64 == TIER_BOUND_GONE;
        buf_puts(&x->value, gone ? "end of rows that are gone" : "end of the tier behind it");
    } else {
        expr_print(&x->value, value, NULL);
    }
}

static void put_bounds(Explain *x, const PlanScan *s)
{
    Buf *b = &x->value;
    for (size_t i = 0; i < s->bound_count; i++) {
        buf_puts(b, i ? " AND (" : "(");
        Slice time = s->time_name.len ? s->time_name : SLICE_LIT("time");
        buf_printf(b, s->bounds[i].ns ? "ts_ns(%.*s) %.2s " : "%.*s %.2s ", SLICE_ARG(time),
                   s->bounds[i].op);
        put_bound(x, s->bounds[i].value);
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
            for (size_t k = 0; k < t->in_count; k++) {
                buf_puts(b, k ? ", " : "");
                expr_print(b, t->in[k], NULL);
            }
            buf_puts(b, t->array || t->in_count != 1 ? ")" : "");
        }
        buf_puts(b, ")");
    }
}

static void put_agg(Buf *b, const void *of, size_t i)
{
    const PlanSeriesAgg *p = of;
    const AggCall *c = &p->aggs[i];
    buf_printf(b, "%s(%s%s", c->func->name, c->distinct ? "DISTINCT " : "", c->star ? "*" : "");
    for (size_t k = 0; k < c->arg_count; k++) {
        buf_puts(b, k ? ", " : "");
        expr_print(b, c->args[k], p->scan->p.names);
    }
    buf_puts(b, ")");
}

static void put_key(Buf *b, const void *of, size_t k)
{
    const PlanSeriesAgg *p = of;
    Slice time = p->scan->time_name;
    if (p->keys[k].kind == KEY_BUCKET)
        buf_printf(b, "time_bucket('%g s', %.*s)", (double)p->keys[k].width_ns / (double)NS_PER_S,
                   SLICE_ARG(time));
    else if (p->p.names && p->p.names[k].len)
        buf_put_slice(b, p->p.names[k]);
    else
        buf_put_slice(b, tag_name(p->scan, p->keys[k].column));
}

static void wanted_buckets(Explain *x, const PlanSeriesAgg *p)
{
    if (p->bucket_limit) {
        buf_puts(&x->value, p->bucket_desc ? "newest " : "oldest ");
        expr_print(&x->value, p->bucket_limit, NULL);
    }
    field(x, "Buckets Wanted");
}

static void scan_details(Explain *x, const PlanScan *s)
{
    buf_put_slice(&x->value, s->view_part);
    field(x, "View Part");
    buf_put_slice(&x->value, s->kept);
    field(x, "Kept");
    buf_put_slice(&x->value, s->tier);
    field(x, "Tier");
    put_bounds(x, s);
    field(x, "Time Range");
    put_tags(&x->value, s);
    field(x, "Series");
    if (s->recheck) /* of rows whose series does not say it */
        expr_print(&x->value, s->recheck, s->p.names);
    field(x, "Recheck Cond");
    if (s->per_series_limit)
        buf_printf(&x->value, "%s %u", s->backward ? "newest" : "oldest", s->per_series_limit);
    field(x, "Rows per Series");
    if (s->filter)
        expr_print(&x->value, s->filter, s->p.names);
    field(x, "Filter");
}

/* The filter of a join reads the columns of the left side, then of the right. */
static void join_filter(Explain *x, const PlanJoin *j)
{
    const Plan *l = j->p.child, *r = j->p.right;
    Slice *names = mem_zero((l->col_count + r->col_count + 1) * sizeof *names);
    for (size_t i = 0; i < l->col_count && l->names; i++)
        names[i] = l->names[i];
    for (size_t i = 0; i < r->col_count && r->names; i++)
        names[l->col_count + i] = r->names[i];
    expr_print(&x->value, j->filter, names);
    mem_free(names);
    field(x, "Join Filter");
}

static void join_details(Explain *x, const PlanJoin *j)
{
    for (size_t i = 0; i < j->key_count; i++) {
        buf_puts(&x->value, i ? " AND (" : "(");
        expr_print(&x->value, j->left_keys[i], j->p.child->names);
        buf_puts(&x->value, " = ");
        expr_print(&x->value, j->right_keys[i], j->p.right->names);
        buf_puts(&x->value, ")");
    }
    field(x, "Hash Cond");
    if (j->filter)
        join_filter(x, j);
}

/* Lines of a set-returning function. */
static void told(Explain *x, const FuncDef *f, Slice text)
{
    if (text.len == 0)
        return;
    if (x->o->format != EXPLAIN_TEXT) {
        ew_text(&x->w, "Function Plan", text);
        return;
    }
    ew_pad(&x->w);
    buf_printf(x->w.out, "Plan of %s:\n", f->name);
    while (text.len) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t n = end ? (size_t)(end - text.ptr) : text.len;
        ew_pad(&x->w);
        buf_printf(x->w.out, "  %.*s\n", (int)n, text.ptr);
        text = slice_of(text.ptr + n + (end != NULL), text.len - n - (end != NULL));
    }
}

/* Before it runs: what its constant arguments tell. */
static void call_details(Explain *x, const FuncDef *f, const Expr *call)
{
    Value args[10];
    size_t n = 0;
    if (x->query || !f || !f->srf || !f->srf->explain)
        return;
    for (; n < call->arg_count && n < ARRAY_LEN(args); n++) {
        if (call->args[n]->kind != EXPR_CONST)
            break;
        args[n] = call->args[n]->value;
    }
    Buf text;
    buf_init(&text);
    f->srf->explain(args, n, NULL, &text);
    told(x, f, buf_slice(&text));
    buf_free(&text);
}

static void select_list_details(Explain *x, const PlanProjectSet *p)
{
    for (size_t i = 0; i < p->p.col_count; i++)
        if (p->is_srf[i])
            call_details(x, p->exprs[i]->func, p->exprs[i]);
}

/* The first call of a select list that has something to tell. */
static const FuncDef *teller(const Plan *p)
{
    const PlanProjectSet *set = (const PlanProjectSet *)p;
    if (p->kind == PLAN_FUNCTION)
        return ((const PlanFunction *)p)->func;
    for (size_t i = 0; p->kind == PLAN_PROJECT_SET && i < p->col_count; i++)
        if (set->is_srf[i] && set->exprs[i]->func->srf->explain)
            return set->exprs[i]->func;
    return NULL;
}

static void details(Explain *x, const Plan *p)
{
    switch (p->kind) {
    case PLAN_SCAN:
        scan_details(x, (const PlanScan *)p);
        break;
    case PLAN_SERIES_AGG:
        list(x, "Group Key", p, ((const PlanSeriesAgg *)p)->key_count, put_key);
        list(x, "Aggregates", p, ((const PlanSeriesAgg *)p)->agg_count, put_agg);
        wanted_buckets(x, (const PlanSeriesAgg *)p);
        break;
    case PLAN_AGG: {
        const PlanAgg *a = (const PlanAgg *)p;
        list(x, "Group Key", &(Exprs){a->keys, input_names(p)}, a->key_count, put_expr);
        break;
    }
    case PLAN_SORT:
        list(x, "Sort Key", p, ((const PlanSort *)p)->key_count, put_sort_key);
        break;
    case PLAN_FILTER:
        expr_print(&x->value, ((const PlanFilter *)p)->filter, input_names(p));
        field(x, "Filter");
        break;
    case PLAN_VIRTUAL:
        if (((const PlanVirtual *)p)->filter)
            expr_print(&x->value, ((const PlanVirtual *)p)->filter, p->names);
        field(x, "Filter");
        break;
    case PLAN_JOIN:
        join_details(x, (const PlanJoin *)p);
        break;
    case PLAN_FUNCTION:
        call_details(x, ((const PlanFunction *)p)->func, ((const PlanFunction *)p)->call);
        break;
    case PLAN_PROJECT_SET:
        select_list_details(x, (const PlanProjectSet *)p);
        break;
    default:
        break;
    }
}

static void output(Explain *x, const Node *n)
{
    if (n->project)
        list(x, "Output",
             &(Exprs){((const PlanProject *)n->project)->exprs, input_names(n->project)},
             n->project->col_count, put_expr);
    else if (n->plan->names)
        list(x, "Output", n->plan->names, n->plan->col_count, put_name_of);
}

/* ---- the name of a node ---- */

static const char *const join_types[] = {"Inner", "Left", "Right", "Full", "Semi", "Anti", "Mark"};

static const char *type_of_node(const Plan *p)
{
    static const char *const types[] = {
        [PLAN_SCAN] = "Seq Scan",
        [PLAN_SERIES_AGG] = "Aggregate",
        [PLAN_VIRTUAL] = "Seq Scan",
        [PLAN_FUNCTION] = "Function Scan",
        [PLAN_VALUES] = "Values Scan",
        [PLAN_FILTER] = "Subquery Scan",
        [PLAN_PROJECT] = "Result",
        [PLAN_AGG] = "Aggregate",
        [PLAN_SORT] = "Sort",
        [PLAN_LIMIT] = "Limit",
        [PLAN_DISTINCT] = "Unique",
        [PLAN_JOIN] = "Nested Loop",
        [PLAN_APPLY] = "Subquery Loop",
        [PLAN_APPEND] = "Append",
        [PLAN_SETOP] = "SetOp",
        [PLAN_CTE_REF] = "CTE Scan",
        [PLAN_RECURSIVE] = "Recursive Union",
        [PLAN_PROJECT_SET] = "ProjectSet",
        [PLAN_WINDOW] = "WindowAgg",
        [PLAN_GAPFILL] = "Gap Fill",
        [PLAN_SPAN] = "Span",
        [PLAN_RESULT] = "Result",
        [PLAN_ASOF] = "Asof Join",
    };
    if (p->kind == PLAN_JOIN && ((const PlanJoin *)p)->key_count)
        return "Hash Join";
    if (p->kind == PLAN_VALUES && ((const PlanValues *)p)->row_count == 1)
        return "Result";
    must(p->kind < ARRAY_LEN(types) && types[p->kind]);
    return types[p->kind];
}

static const char *strategy(const Plan *p)
{
    if (p->kind == PLAN_SERIES_AGG)
        return "Series";
    if (p->kind == PLAN_SETOP)
        return "Hashed";
    if (p->kind != PLAN_AGG)
        return NULL;
    const PlanAgg *a = (const PlanAgg *)p;
    return a->key_count == 0 ? "Plain" : a->ordered ? "Sorted" : "Hashed";
}

/* TEXT puts the kind into the name. */
static void text_name(Buf *b, const Plan *p)
{
    const char *how = strategy(p);
    if (p->kind == PLAN_JOIN) {
        const PlanJoin *j = (const PlanJoin *)p;
        const char *type = j->type == JOIN_INNER ? "" : join_types[j->type];
        const char *gap = *type ? " " : "";
        if (j->key_count)
            buf_printf(b, "Hash%s%s Join", gap, type);
        else
            buf_printf(b, "Nested Loop%s%s%s", gap, type, *type ? " Join" : "");
    } else if (p->kind == PLAN_SERIES_AGG) {
        buf_puts(b, "Series Aggregate");
    } else if (p->kind == PLAN_SETOP) {
        const PlanSetOp *s = (const PlanSetOp *)p;
        buf_printf(b, "HashSetOp %s%s", s->op == SETOP_EXCEPT ? "Except" : "Intersect",
                   s->all ? " All" : "");
    } else if (p->kind == PLAN_AGG && strcmp(how, "Plain") != 0) {
        buf_puts(b, strcmp(how, "Hashed") == 0 ? "HashAggregate" : "GroupAggregate");
    } else {
        buf_puts(b, type_of_node(p));
    }
}

/* What a scan reads: "on cpu c" or the properties of the other formats. */
static void text_target(Buf *b, const Plan *p)
{
    if (p->kind == PLAN_SCAN) {
        const PlanScan *s = (const PlanScan *)p;
        buf_printf(b, "%s on %.*s", s->backward ? " Backward" : "", SLICE_ARG(s->table_name));
        if (s->alias.len)
            buf_printf(b, " %.*s", SLICE_ARG(s->alias));
    } else if (p->kind == PLAN_VIRTUAL) {
        const ViewDef *v = ((const PlanVirtual *)p)->view;
        buf_printf(b, " on %s.%s", v->schema, v->name);
    } else if (p->kind == PLAN_FUNCTION && ((const PlanFunction *)p)->func) {
        buf_printf(b, " on %s", ((const PlanFunction *)p)->func->name);
    } else if (p->kind == PLAN_CTE_REF) {
        buf_printf(b, " on %.*s", SLICE_ARG(((const PlanCteRef *)p)->name));
    }
}

static void target_properties(Explain *x, const Plan *p)
{
    ExplainWriter *w = &x->w;
    if (p->kind == PLAN_SCAN) {
        const PlanScan *s = (const PlanScan *)p;
        if (s->backward)
            ew_text(w, "Scan Direction", SLICE_LIT("Backward"));
        ew_text(w, "Relation Name", s->table_name);
        ew_text(w, "Alias", s->alias.len ? s->alias : s->table_name);
    } else if (p->kind == PLAN_VIRTUAL) {
        const ViewDef *v = ((const PlanVirtual *)p)->view;
        ew_text(w, "Relation Name", slice_cstr(v->name));
        ew_text(w, "Schema", slice_cstr(v->schema));
        ew_text(w, "Alias", slice_cstr(v->name));
    } else if (p->kind == PLAN_FUNCTION && ((const PlanFunction *)p)->func) {
        ew_text(w, "Function Name", slice_cstr(((const PlanFunction *)p)->func->name));
    } else if (p->kind == PLAN_CTE_REF) {
        ew_text(w, "CTE Name", ((const PlanCteRef *)p)->name);
    } else if (p->kind == PLAN_JOIN) {
        ew_text(w, "Join Type", slice_cstr(join_types[((const PlanJoin *)p)->type]));
    } else if (p->kind == PLAN_SETOP) {
        const PlanSetOp *s = (const PlanSetOp *)p;
        static const char *const commands[2][2] = {{"Intersect", "Intersect All"},
                                                   {"Except", "Except All"}};
        ew_text(w, "Command", slice_cstr(commands[s->op == SETOP_EXCEPT][s->all]));
    }
}

/* ---- estimates ---- */

typedef struct Cost {
    double startup, total;
} Cost;

enum { WIDTH_OF_TEXT = 32 };
static const double cost_of_row = 0.01;

static double rows_of(const Plan *p)
{
    return p->kind == PLAN_RESULT && !p->child ? 1 : p->rows_estimate;
}

static Cost cost_of(const Plan *p)
{
    Cost c = {0, 0}, child;
    double in = 0;
    for (size_t i = 0; plan_child(p, i); i++) {
        child = cost_of(plan_child(p, i));
        c.startup = i == 0 ? child.startup : c.startup;
        c.total += child.total;
        in += rows_of(plan_child(p, i));
    }
    double own = cost_of_row * (in > 0 ? in : rows_of(p));
    switch (p->kind) {
    case PLAN_PROJECT:
    case PLAN_FILTER:
        own /= 4;
        break;
    case PLAN_LIMIT:
        if (in > rows_of(p) && in > 0)
            c.total = c.startup + (c.total - c.startup) * rows_of(p) / in;
        return c;
    case PLAN_SORT:
        own *= log2(in + 2) / 2;
        c.startup = c.total + own;
        break;
    case PLAN_AGG:
    case PLAN_SERIES_AGG:
    case PLAN_SETOP:
        c.startup = c.total + own;
        break;
    default:
        break;
    }
    c.total += own;
    return c;
}

static int width_of(const Plan *p)
{
    int width = 0;
    for (size_t i = 0; i < p->col_count; i++) {
        const TypeDef *t = type_find(p->types[i]);
        width += t && t->len > 0 ? t->len : WIDTH_OF_TEXT;
    }
    return width;
}

static void print_cost(Explain *x, Cost c, double rows, int width)
{
    if (!x->o->costs)
        return;
    if (x->o->format == EXPLAIN_TEXT) {
        buf_printf(x->w.out, "  (cost=%.2f..%.2f rows=%.0f width=%d)", c.startup, c.total, rows,
                   width);
        return;
    }
    ew_number(&x->w, "Startup Cost", NULL, c.startup, 2);
    ew_number(&x->w, "Total Cost", NULL, c.total, 2);
    ew_number(&x->w, "Plan Rows", NULL, rows, 0);
    ew_number(&x->w, "Plan Width", NULL, width, 0);
}

/* ---- what was counted ---- */

static const OpStats *stats_of(const Explain *x, const Plan *p)
{
    for (size_t i = 0; x->query && i < x->query->x.stats_count; i++)
        if (x->query->x.stats[i].plan == p)
            return &x->query->x.stats[i];
    return NULL;
}

/* Rows and times of one of the loops. */
static void print_actual(Explain *x, const OpStats *st)
{
    double loops = st && st->loops ? (double)st->loops : 0, n = loops > 0 ? loops : 1;
    double first = st ? (double)st->first_ns / 1e6 / n : 0, all = st ? (double)st->ns / 1e6 / n : 0;
    double rows = st ? (double)st->rows / n : 0;
    if (x->o->format != EXPLAIN_TEXT) {
        if (x->o->timing) {
            ew_number(&x->w, "Actual Startup Time", NULL, first, 3);
            ew_number(&x->w, "Actual Total Time", NULL, all, 3);
        }
        ew_number(&x->w, "Actual Rows", NULL, rows, 0);
        ew_number(&x->w, "Actual Loops", NULL, loops, 0);
    } else if (loops == 0) {
        buf_puts(x->w.out, " (never executed)");
    } else if (x->o->timing) {
        buf_printf(x->w.out, " (actual time=%.3f..%.3f rows=%.0f loops=%.0f)", first, all, rows,
                   loops);
    } else {
        buf_printf(x->w.out, " (actual rows=%.0f loops=%.0f)", rows, loops);
    }
}

static void counter(Explain *x, const char *name, uint64_t value)
{
    if (value > 0)
        ew_number(&x->w, name, NULL, (double)value, 0);
}

static void memory(Explain *x, const Plan *p, const OpStats *st)
{
    if (p->kind == PLAN_SORT) {
        const PlanSort *s = (const PlanSort *)p;
        ew_text(&x->w, "Sort Method",
                slice_cstr(st->spilled ? "external merge"
                           : s->limit  ? "top-N heapsort"
                                       : "quicksort"));
    }
    if (st->bytes_max > 0 && x->o->buffers)
        ew_number(&x->w, "Memory", "kB", (double)((st->bytes_max + 1023) / 1024), 0);
    if (st->spilled > 0 && x->o->buffers)
        ew_number(&x->w, "Disk", "kB", (double)((st->spilled + 1023) / 1024), 0);
    if (x->o->buffers)
        counter(x, "Partitions", st->parts);
}

/* Also when it is nothing: that is worth knowing. */
static void scan_counters_of(Explain *x, const ScanCounters *c)
{
    uint64_t spared = c->groups_pruned + c->groups_from_stats;
    uint64_t groups = c->groups > spared ? c->groups - spared : 0;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"Files", c->files},
        {"Files Pruned", c->files_pruned},
        {"Row Groups", groups},
        {"Row Groups Pruned", c->groups_pruned},
        {"Row Groups from Statistics", c->groups_from_stats},
    };
    if (x->o->format == EXPLAIN_TEXT) {
        ew_pad(&x->w);
        buf_printf(x->w.out, "Files: read=%llu pruned=%llu\n", (unsigned long long)c->files,
                   (unsigned long long)c->files_pruned);
        ew_pad(&x->w);
        buf_printf(x->w.out, "Row Groups: read=%llu pruned=%llu from statistics=%llu\n",
                   (unsigned long long)groups, (unsigned long long)c->groups_pruned,
                   (unsigned long long)c->groups_from_stats);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows) && x->o->format != EXPLAIN_TEXT; i++)
        ew_number(&x->w, rows[i].name, NULL, (double)rows[i].value, 0);
    if (x->o->buffers)
        ew_number(&x->w, "Bytes Read", NULL, (double)c->bytes, 0);
}

static void counters(Explain *x, const Node *n, const OpStats *st)
{
    const OpStats *filter = n->filter ? stats_of(x, n->filter) : NULL;
    counter(x, "Rows Removed by Filter", st->removed + (filter ? filter->removed : 0));
    counter(x, "Parallel Pieces", st->pieces);
    counter(x, "Runs", st->runs);
    counter(x, "Runs from Statistics", st->stat_runs);
    counter(x, "Series Read", st->series);
    if (teller(n->plan))
        told(x, teller(n->plan), st->told);
    if (n->plan->kind == PLAN_SCAN)
        scan_counters_of(x, &st->scan);
    memory(x, n->plan, st);
}

/* ---- the tree ---- */

/* What hands out no batches of its own (the scan inside a series aggregate) has its parent's time. */
static OpStats shown_stats(const Explain *x, const Node *n, const OpStats *parent)
{
    const OpStats *st = stats_of(x, n->top);
    OpStats out = st ? *st : (OpStats){0};
    if (parent && n->plan->kind == PLAN_SCAN && parent->plan &&
        parent->plan->kind == PLAN_SERIES_AGG) {
        out.loops = parent->loops;
        out.ns = parent->ns;
        out.first_ns = parent->first_ns;
        out.rows = out.rows ? out.rows : out.scan.rows;
    }
    return out;
}

static void print_node(Explain *x, const Plan *p, const char *relationship, const char *subplan,
                       const OpStats *parent);

static void text_begin(ExplainWriter *w, const char *subplan)
{
    if (subplan) {
        ew_pad(w);
        buf_printf(w->out, "%s\n", subplan);
        w->indent++;
    }
    if (w->indent) {
        ew_pad(w);
        buf_puts(w->out, "->  ");
        w->indent += 2;
    }
}

static void print_head(Explain *x, const Node *n, const char *relationship, const char *subplan)
{
    ExplainWriter *w = &x->w;
    if (x->o->format == EXPLAIN_TEXT) {
        text_begin(w, subplan);
        text_name(w->out, n->plan);
        text_target(w->out, n->plan);
        w->indent++;
        return;
    }
    ew_text(w, "Node Type", slice_cstr(type_of_node(n->plan)));
    if (strategy(n->plan))
        ew_text(w, "Strategy", slice_cstr(strategy(n->plan)));
    if (n->plan->kind == PLAN_AGG || n->plan->kind == PLAN_SERIES_AGG)
        ew_text(w, "Partial Mode", SLICE_LIT("Simple"));
    if (relationship)
        ew_text(w, "Parent Relationship", slice_cstr(relationship));
    if (subplan)
        ew_text(w, "Subplan Name", slice_cstr(subplan));
    ew_bool(w, "Parallel Aware", false);
    ew_bool(w, "Async Capable", false);
    target_properties(x, n->plan);
}

static void print_modify(Explain *x, const char *relationship, const char *subplan);

static void print_plan(Explain *x, const char *relationship, const char *subplan)
{
    if (x->plan->operation)
        print_modify(x, relationship, subplan);
    else
        print_node(x, x->plan->root, relationship, subplan, NULL);
}

/* WITH queries hang on the first node, as PostgreSQL's. */
static void print_ctes(Explain *x)
{
    size_t parts = x->part_count;
    Explain outer = *x;
    x->part_count = 0;
    for (size_t i = 0; i < parts; i++) {
        const ExplainPart *part = &x->o->parts[i];
        char name[300];
        snprintf(name, sizeof name, "CTE %.*s", SLICE_ARG(part->name));
        x->plan = &part->plan;
        x->query = part->run;
        x->returned = part->returned;
        print_plan(x, "InitPlan", name);
    }
    x->plan = outer.plan;
    x->query = outer.query;
    x->returned = outer.returned;
    for (size_t i = 0; i < x->plan->cte_count; i++) {
        char name[300];
        snprintf(name, sizeof name, "CTE %.*s", SLICE_ARG(x->plan->ctes[i].name));
        print_node(x, x->plan->ctes[i].plan, "InitPlan", name, NULL);
    }
}

static void print_node(Explain *x, const Plan *p, const char *relationship, const char *subplan,
                       const OpStats *parent)
{
    static const char *const sides[] = {"Outer", "Inner"};
    Node n = node_of(p);
    ExplainWriter *w = &x->w;
    int indent = w->indent;
    bool first = p == x->plan->root;
    OpStats st = shown_stats(x, &n, parent);
    ew_open(w, "Plan", relationship ? NULL : "Plan", true);
    print_head(x, &n, relationship, subplan);
    print_cost(x, cost_of(n.top), rows_of(n.top), width_of(n.top));
    if (x->query)
        print_actual(x, &st);
    if (x->o->format == EXPLAIN_TEXT)
        buf_puts(w->out, "\n");
    if (x->o->verbose)
        output(x, &n);
    details(x, n.plan);
    if (n.filter) {
        expr_print(&x->value, ((const PlanFilter *)n.filter)->filter, input_names(n.filter));
        field(x, "Filter");
    }
    const OpStats *own = stats_of(x, n.plan);
    if (own)
        counters(x, &n, own);
    bool ctes = first && !x->plan->operation && x->plan->cte_count + x->part_count > 0;
    if (plan_child(n.plan, 0) || ctes)
        ew_open(w, "Plans", "Plans", false);
    if (ctes)
        print_ctes(x);
    for (size_t i = 0; plan_child(n.plan, i); i++)
        print_node(x, plan_child(n.plan, i), n.plan->kind == PLAN_APPEND ? "Member" : sides[i > 0],
                   NULL, &st);
    if (plan_child(n.plan, 0) || ctes)
        ew_close(w, "Plans", false);
    w->indent = x->o->format == EXPLAIN_TEXT ? indent : w->indent;
    ew_close(w, "Plan", true);
}

/* The statement that writes what its plan gives. */
static void print_modify(Explain *x, const char *relationship, const char *subplan)
{
    const PlannedQuery *p = x->plan;
    ExplainWriter *w = &x->w;
    const OpStats *st = x->query ? stats_of(x, p->root) : NULL;
    OpStats none = st ? *st : (OpStats){0};
    int indent = w->indent;
    none.rows = x->returned;
    ew_open(w, "Plan", relationship ? NULL : "Plan", true);
    if (x->o->format == EXPLAIN_TEXT) {
        text_begin(w, subplan);
        buf_printf(w->out, "%s on %.*s", p->operation, SLICE_ARG(p->target));
        w->indent++;
    } else {
        ew_text(w, "Node Type", SLICE_LIT("ModifyTable"));
        ew_text(w, "Operation", slice_cstr(p->operation));
        if (relationship)
            ew_text(w, "Parent Relationship", slice_cstr(relationship));
        if (subplan)
            ew_text(w, "Subplan Name", slice_cstr(subplan));
        ew_bool(w, "Parallel Aware", false);
        ew_bool(w, "Async Capable", false);
        ew_text(w, "Relation Name", p->target);
        ew_text(w, "Alias", p->target);
    }
    print_cost(x, cost_of(p->root), 0, 0);
    if (x->query)
        print_actual(x, &none);
    if (x->o->format == EXPLAIN_TEXT)
        buf_puts(w->out, "\n");
    if (p->method)
        ew_text(w, "Method", slice_cstr(p->method));
    ew_open(w, "Plans", "Plans", false);
    print_ctes(x);
    print_node(x, p->root, "Outer", NULL, NULL);
    ew_close(w, "Plans", false);
    w->indent = x->o->format == EXPLAIN_TEXT ? indent : w->indent;
    ew_close(w, "Plan", true);
}

static void print_summary(Explain *x)
{
    const char *unit = x->o->format == EXPLAIN_TEXT ? "ms" : NULL;
    if (x->o->settings.len)
        ew_text(&x->w, "Settings", x->o->settings);
    if (x->o->summary)
        ew_number(&x->w, "Planning Time", unit, (double)x->o->planning_ns / 1e6, 3);
    if (x->query && x->o->summary && x->o->buffers)
        ew_number(&x->w, "Peak Memory", "kB",
                  (double)atomic_load_explicit(&x->query->budget.peak, memory_order_relaxed) / 1024,
                  0);
    if (x->o->analyze && x->o->format != EXPLAIN_TEXT) {
        ew_open(&x->w, "Triggers", "Triggers", false);
        ew_close(&x->w, "Triggers", false);
    }
    if (x->o->analyze && x->o->summary)
        ew_number(&x->w, "Execution Time", unit, (double)x->o->execution_ns / 1e6, 3);
}

void plan_explain(Buf *out, const PlannedQuery *plan, const Query *run, const ExplainOptions *o)
{
    Explain x = {
        .o = o, .plan = plan, .query = run, .part_count = o->part_count, .returned = o->returned};
    buf_init(&x.value);
    ew_begin(&x.w, out, o->format);
    ew_open(&x.w, "Query", NULL, true);
    print_plan(&x, NULL, NULL);
    print_summary(&x);
    ew_close(&x.w, "Query", true);
    ew_end(&x.w);
    buf_free(&x.value);
}
