/* tests/unit/plan_build.h - plans written by hand, and their results as text.
 *
 * Types are letters: i int8, f float8, s text, b bool, t timestamptz.  Rows are separated by '|', values by
 * a blank, NULL is '~':  values("is", "1 a|2 ~").  Everything lives in the arena `A`.
 * Threads: one. */
#ifndef SKULK_TESTS_PLAN_BUILD_H
#define SKULK_TESTS_PLAN_BUILD_H

#include "base/task.h"
#include "exec/query.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static Arena A;
static Budget test_budget;
static Sched *test_sched;
static Snapshot *test_snapshot;
static QueryOptions test_options;
static EvalCtx test_eval;
static int waits; /* QUERY_WAIT seen by the last run */

static inline TypeId type_of_letter(char c)
{
    return c == 'i'   ? T_INT8
           : c == 'f' ? T_FLOAT8
           : c == 'b' ? T_BOOL
           : c == 't' ? T_TIMESTAMPTZ
                      : T_TEXT;
}

static inline Value value_of_text(char type, Slice s)
{
    double d;
    int64_t i;
    if (slice_eq_cstr(s, "~"))
        return value_null();
    switch (type) {
    case 'i':
    case 't':
        ck_assert(slice_to_i64(s, &i));
        return value_i64(i);
    case 'f':
        ck_assert(slice_to_f64(s, &d));
        return value_f64(d);
    case 'b':
        return value_bool(s.ptr[0] == 't');
    default:
        return value_str(s);
    }
}

static inline Slice cut(Slice *rest, char at)
{
    const char *end = memchr(rest->ptr, at, rest->len);
    Slice part = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
    rest->ptr += part.len + (end != NULL);
    rest->len -= part.len + (end != NULL);
    return part;
}

static inline void plan_init(Plan *p, PlanKind kind, const char *types, Plan *child, Plan *right)
{
    p->kind = kind;
    p->col_count = strlen(types);
    p->types = ARENA_ARRAY(&A, TypeId, p->col_count + 1);
    p->names = ARENA_ARRAY(&A, Slice, p->col_count + 1);
    for (size_t i = 0; i < p->col_count; i++) {
        p->types[i] = type_of_letter(types[i]);
        p->names[i] = arena_printf(&A, "c%zu", i);
    }
    p->child = child;
    p->right = right;
}

#define NEW_PLAN(type, kind, types, child, right)                                                  \
    type *p = ARENA_NEW(&A, type);                                                                 \
    plan_init(&p->p, kind, types, child, right)

static inline Expr *col(uint32_t i, char type)
{
    return expr_column(&A, i, type_of_letter(type), -1);
}

static inline Expr *lit(char type, const char *text)
{
    Value v = value_of_text(type, slice_cstr(text));
    return expr_const(&A, type_of_letter(type), &v);
}

static inline Expr *param(uint32_t i, char type)
{
    Expr *x = expr_new(&A, EXPR_EXEC_PARAM, type_of_letter(type), 0);
    x->index = i;
    return x;
}

static inline Expr *oper(const char *op, Expr *l, Expr *r)
{
    const FuncDef *f;
    TypeId want[2], result;
    Err e;
    Expr **args = ARENA_ARRAY(&A, Expr *, 2);
    args[0] = l;
    args[1] = r;
    ck_assert_msg(oper_resolve(slice_cstr(op), l->type, r->type, &f, want, &result, &e), "%s",
                  e.message);
    return expr_call(&A, f, result, args, 2, 0);
}

static inline const FuncDef *func(const char *name, const TypeId *types, size_t n, int kind,
                                  TypeId *result)
{
    const FuncDef *f;
    TypeId want[8];
    Err e;
    ck_assert_msg(func_resolve(SLICE_NONE, slice_cstr(name), types, n, kind, &f, want, result, &e),
                  "%s: %s", name, e.message);
    return f;
}

static inline Expr *call(const char *name, int kind, Expr *a, Expr *b)
{
    Expr **args = ARENA_ARRAY(&A, Expr *, 2);
    TypeId types[2] = {a ? a->type : 0, b ? b->type : 0}, result;
    size_t n = b ? 2 : a ? 1 : 0;
    args[0] = a;
    args[1] = b;
    const FuncDef *f = func(name, types, n, kind, &result);
    return expr_call(&A, f, result, args, n, 0);
}

static inline Plan *values(const char *types, const char *text)
{
    NEW_PLAN(PlanValues, PLAN_VALUES, types, NULL, NULL);
    Slice rest = slice_cstr(text);
    p->rows = ARENA_ARRAY(&A, Expr **, strlen(text) + 1);
    while (rest.len > 0) {
        Slice row = cut(&rest, '|');
        Expr **cells = p->rows[p->row_count++] = ARENA_ARRAY(&A, Expr *, p->p.col_count);
        for (size_t c = 0; c < p->p.col_count; c++) {
            Value v = value_of_text(types[c], cut(&row, ' '));
            cells[c] = expr_const(&A, p->p.types[c], &v);
        }
    }
    return &p->p;
}

static inline Plan *filter(Plan *child, Expr *x)
{
    NEW_PLAN(PlanFilter, PLAN_FILTER, "", child, NULL);
    p->p.col_count = child->col_count;
    p->p.types = child->types;
    p->p.names = child->names;
    p->filter = x;
    return &p->p;
}

static inline Plan *project(Plan *child, const char *types, Expr *a, Expr *b, Expr *c)
{
    NEW_PLAN(PlanProject, PLAN_PROJECT, types, child, NULL);
    p->exprs = ARENA_ARRAY(&A, Expr *, 3);
    p->exprs[0] = a;
    p->exprs[1] = b;
    p->exprs[2] = c;
    return &p->p;
}

static inline Plan *limit(Plan *child, const char *types, const char *n, const char *offset)
{
    NEW_PLAN(PlanLimit, PLAN_LIMIT, types, child, NULL);
    p->limit = n ? lit('i', n) : NULL;
    p->offset = offset ? lit('i', offset) : NULL;
    return &p->p;
}

/* keys: "0+" ascending, "1-" descending; a following 'n' turns the place of NULLs round. */
static inline Plan *sort(Plan *child, const char *types, const char *keys, const char *top)
{
    NEW_PLAN(PlanSort, PLAN_SORT, types, child, NULL);
    p->keys = ARENA_ARRAY(&A, SortKey, strlen(keys));
    for (; *keys; keys += 2) {
        SortKey *k = &p->keys[p->key_count++];
        k->expr = col((uint32_t)(keys[0] - '0'), types[keys[0] - '0']);
        k->desc = k->nulls_first = keys[1] == '-';
        if (keys[2] == 'n') {
            k->nulls_first = !k->nulls_first;
            keys++;
        }
    }
    p->limit = top ? lit('i', top) : NULL;
    return &p->p;
}

static inline AggCall agg(const char *name, Expr *a, Expr *b)
{
    AggCall c = {.star = !a, .args = ARENA_ARRAY(&A, Expr *, 2), .arg_count = b ? 2 : a ? 1 : 0};
    TypeId types[2] = {a ? a->type : 0, b ? b->type : 0};
    c.args[0] = a;
    c.args[1] = b;
    c.func = func(name, types, c.arg_count, FN_AGG, &c.result);
    return c;
}

/* Keys are the first columns of the child, named by their type letters. */
static inline Plan *group(Plan *child, const char *keys, AggCall *aggs, size_t n)
{
    PlanAgg *p = ARENA_NEW(&A, PlanAgg);
    plan_init(&p->p, PLAN_AGG, "iiiiiiiiii", child, NULL);
    p->key_count = strlen(keys);
    p->p.col_count = p->key_count + n;
    p->keys = ARENA_ARRAY(&A, Expr *, p->key_count + 1);
    for (size_t k = 0; k < p->key_count; k++) {
        p->keys[k] = col((uint32_t)k, keys[k]);
        p->p.types[k] = p->keys[k]->type;
    }
    p->aggs = ARENA_ARRAY(&A, AggCall, n + 1);
    for (size_t i = 0; i < n; i++)
        p->aggs[i] = aggs[i];
    p->agg_count = n;
    for (size_t i = 0; i < n; i++)
        p->p.types[p->key_count + i] = aggs[i].result;
    return &p->p;
}

/* ---- running ---- */

static inline void put_value(Buf *b, TypeId type, const Value *v)
{
    if (v->null)
        buf_puts(b, "~");
    else
        type_find(type)->out(&test_eval.env, v, b);
}

static inline void put_batch(Buf *out, const Plan *root, const Batch *b)
{
    ck_assert_uint_eq(b->col_count, root->col_count);
    ck_assert_uint_le(b->rows, BATCH_ROWS);
    for (size_t i = 0; i < batch_count(b); i++) {
        if (out->len)
            buf_puts(out, "|");
        for (size_t c = 0; c < b->col_count; c++) {
            Value v = vec_get(&b->cols[c], batch_row(b, i));
            ck_assert(b->cols[c].phys == type_phys(root->types[c]));
            if (c)
                buf_puts(out, " ");
            put_value(out, root->types[c], &v);
        }
    }
}

static size_t streamed; /* queries of test_options.form that wrote their rows themselves */

typedef struct Runner { /* owns a query as a session does */
    Task task;
    Query *query;
    const PlannedQuery *plan;
    QueryStatus status;
    Buf out;
    Err err;
    atomic_bool done;
} Runner;

/* With a form: the bytes of the rows, whoever writes them. */
static inline void runner_bytes(Runner *r)
{
    Batch *b;
    Buf bytes;
    uint64_t rows = 0, lines = 0;
    buf_init(&bytes);
    if (query_writes(r->query)) {
        r->status = query_bytes(r->query, &bytes, &rows, &r->err);
    } else if ((r->status = query_next(r->query, &b, &r->err)) == QUERY_BATCH) {
        RowBytes *writer = rowbytes_new(test_options.form);
        rowbytes_begin(writer, b);
        rows = batch_count(b);
        while (!rowbytes_write(writer, &bytes, bytes.len + 100))
            ;
        rowbytes_free(writer);
    }
    for (size_t i = 0; i < bytes.len; i++)
        lines += bytes.ptr[i] == '\n';
    ck_assert_uint_eq(rows, lines);
    buf_put_slice(&r->out, buf_slice(&bytes));
    buf_free(&bytes);
}

static TaskStatus runner_step(Task *t)
{
    Runner *r = (Runner *)t;
    Batch *b = NULL;
    if (!r->query) {
        QueryOptions o = test_options;
        o.eval = &test_eval;
        o.budget = &test_budget;
        o.sched = test_sched;
        o.snapshot = test_snapshot;
        o.waiter = t;
        if (!query_open(&r->query, r->plan, &o, &r->err)) {
            r->status = QUERY_FAIL;
            return TASK_DONE;
        }
        streamed += query_writes(r->query);
    }
    if (test_options.form)
        runner_bytes(r);
    else
        r->status = query_next(r->query, &b, &r->err);
    switch (r->status) {
    case QUERY_BATCH:
        if (b)
            put_batch(&r->out, r->plan->root, b);
        return TASK_MORE;
    case QUERY_YIELD:
        return TASK_MORE;
    case QUERY_WAIT:
        waits++;
        return TASK_WAIT;
    default:
        return TASK_DONE;
    }
}

static void runner_done(Task *t)
{
    atomic_store(&((Runner *)t)->done, true);
    sched_notify(test_sched);
}

/* Runs the query to its end; text of the rows, or "SQLSTATE message". */
static inline char *run_query(const PlannedQuery *plan, Buf *explain)
{
    static char *text;
    Runner r = {.plan = plan};
    free(text);
    buf_init(&r.out);
    err_clear(&r.err);
    waits = 0;
    test_options.analyze = explain != NULL;
    task_init(&r.task, runner_step, TASK_QUERY, 0);
    r.task.done = runner_done;
    task_start(test_sched, &r.task);
    sched_run_until(test_sched, &r.done);
    if (r.status == QUERY_FAIL) {
        buf_clear(&r.out);
        buf_printf(&r.out, "%s %s", err_sqlstate(r.err.code), r.err.message);
    }
    if (explain)
        plan_explain(explain, plan, r.query, &(ExplainOptions){.analyze = true, .timing = true});
    query_close(r.query);
    buf_put_u8(&r.out, 0);
    text = r.out.ptr;
    ck_assert_int_eq(atomic_load(&test_budget.used), 0);
    return text;
}

static inline char *run(Plan *root)
{
    PlannedQuery q = {.root = root, .exec_param_count = 4};
    return run_query(&q, NULL);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Rows in the order of their text: for results without an order. */
static inline char *sorted(char *text)
{
    static char result[1 << 20];
    char *rows[100000], *save = NULL;
    size_t n = 0, len = 0;
    for (char *r = strtok_r(text, "|", &save); r; r = strtok_r(NULL, "|", &save)) {
        ck_assert_uint_lt(n, 100000);
        rows[n++] = r;
    }
    qsort(rows, n, sizeof *rows, compare_texts);
    result[0] = 0;
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_lt(len + strlen(rows[i]) + 2, sizeof result);
        len += (size_t)snprintf(result + len, sizeof result - len, "%s%s", i ? "|" : "", rows[i]);
    }
    return result;
}

static inline void build_setup(void)
{
    exec_init();
    arena_init(&A, NULL);
    budget_init(&test_budget, "test", NULL, 0);
    test_sched = sched_new(&clock_real, 0, 0, 0);
    test_options = (QueryOptions){0};
    test_eval =
        (EvalCtx){.env = {.timezone = SLICE_LIT("UTC"), .tz = tz_utc(), .extra_float_digits = 1}};
    test_snapshot = NULL;
}

static inline void build_teardown(void)
{
    query_drain(test_sched);
    sched_stop(test_sched);
    sched_free(test_sched);
    arena_free(&A);
}

#endif
