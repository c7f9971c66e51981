/* Operators over hand-made plans: values and a virtual table are the sources. */
#include "exec/spill.h"
#include "tests/unit/plan_build.h"

#include <errno.h>

/* A table of pseudo-random rows (k int8 0..96 or NULL, v int8, s text), made the same way each time. */
enum { BIG_ROWS = 70000 };

static uint64_t big_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

static void big_row(uint64_t *state, int64_t *k, int64_t *v)
{
    *k = (int64_t)(big_next(state) % 98) - 1; /* -1: NULL */
    *v = (int64_t)big_next(state) - 1000000000;
}

static size_t big_rows = BIG_ROWS, big_fills;

static bool big_fill(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    uint64_t state = 7;
    big_fills++;
    for (size_t i = 0; i < big_rows; i++) {
        int64_t k, v;
        char text[32];
        big_row(&state, &k, &v);
        snprintf(text, sizeof text, "value-%lld", (long long)v);
        Value row[3] = {k < 0 ? value_null() : value_i64(k), value_i64(v),
                        value_str(slice_cstr(text))};
        row_sink_add(sink, row);
    }
    return true;
}

static const ViewColumn big_columns[] = {{"k", T_INT8}, {"v", T_INT8}, {"s", T_TEXT}};
static const ViewDef big_view[] = {{"test", "big", big_columns, 3, big_fill, .text = "rows"}, {0}};

static Plan *big(const char *types, uint32_t a, uint32_t b, Expr *filter_expr)
{
    NEW_PLAN(PlanVirtual, PLAN_VIRTUAL, types, NULL, NULL);
    p->view = &big_view[0];
    p->cols = ARENA_ARRAY(&A, uint32_t, 3);
    p->cols[0] = a;
    p->cols[1] = b;
    p->cols[2] = 2;
    p->filter = filter_expr;
    return &p->p;
}

static SpillSpace test_spill = {.io = &io_real, .dir = "/tmp"};

START_TEST(rows_pass)
{
    ck_assert_str_eq(run(values("is", "1 a|2 ~|~ c")), "1 a|2 ~|~ c");
    Plan *p = filter(values("is", "1 a|2 b|3 c"), oper(">", col(0, 'i'), lit('i', "1")));
    p = project(p, "is", oper("*", col(0, 'i'), lit('i', "10")), col(1, 's'), NULL);
    ck_assert_str_eq(run(p), "20 b|30 c");
    ck_assert_str_eq(run(filter(values("i", "1|2"), oper(">", col(0, 'i'), lit('i', "5")))), "");
}
END_TEST

START_TEST(limits)
{
    Plan *v = values("i", "1|2|3|4|5");
    ck_assert_str_eq(run(limit(v, "i", "2", NULL)), "1|2");
    ck_assert_str_eq(run(limit(v, "i", "2", "3")), "4|5");
    ck_assert_str_eq(run(limit(v, "i", NULL, "4")), "5");
    ck_assert_str_eq(run(limit(v, "i", "0", NULL)), "");
    ck_assert_str_eq(run(limit(v, "i", "~", "~")), "1|2|3|4|5");
    ck_assert_str_eq(run(limit(v, "i", "-1", NULL)), "2201W LIMIT must not be negative");
    ck_assert_str_eq(run(limit(v, "i", NULL, "-1")), "2201X OFFSET must not be negative");
    /* Over a batch border. */
    ck_assert_str_eq(run(group(limit(big("i", 1, 0, NULL), "i", "2000", "1000"), "",
                               (AggCall[]){agg("count", NULL, NULL)}, 1)),
                     "2000");
}
END_TEST

START_TEST(sorting)
{
    Plan *v = values("ifs", "2 1.5 b|1 -0.5 a|~ 0 c|2 ~ a|1 7 ~");
    ck_assert_str_eq(run(sort(v, "ifs", "0+1+", NULL)), "1 -0.5 a|1 7 ~|2 1.5 b|2 ~ a|~ 0 c");
    ck_assert_str_eq(run(sort(v, "ifs", "0-1-", NULL)), "~ 0 c|2 ~ a|2 1.5 b|1 7 ~|1 -0.5 a");
    ck_assert_str_eq(run(sort(v, "ifs", "2-n0+", NULL)), "~ 0 c|2 1.5 b|1 -0.5 a|2 ~ a|1 7 ~");
    ck_assert_str_eq(run(sort(v, "ifs", "1+", "2")), "1 -0.5 a|~ 0 c");
    ck_assert_str_eq(run(sort(values("s", "abcdefghZ|abcdefghA|abcdefgh|ab"), "s", "0+", NULL)),
                     "ab|abcdefgh|abcdefghA|abcdefghZ");
    ck_assert_str_eq(run(sort(values("i", ""), "i", "0+", NULL)), "");
}
END_TEST

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* More rows than one sorted run holds; the whole, and the best 3000. */
START_TEST(sorting_many)
{
    int64_t *expect = malloc(BIG_ROWS * sizeof *expect), k;
    uint64_t state = 7;
    for (size_t i = 0; i < BIG_ROWS; i++)
        big_row(&state, &k, &expect[i]);
    qsort(expect, BIG_ROWS, sizeof *expect, compare_i64);
    for (int top = 0; top < 2; top++) {
        char *text = run(sort(big("is", 1, 2, NULL), "is", "0+", top ? "3000" : NULL));
        size_t n = 0;
        for (char *at = text; *at; n++) {
            char want[64];
            snprintf(want, sizeof want, "%lld value-%lld", (long long)expect[n],
                     (long long)expect[n]);
            size_t len = strlen(want);
            ck_assert_msg(strncmp(at, want, len) == 0, "row %zu: %.40s, want %s", n, at, want);
            at += len;
            at += *at == '|';
        }
        ck_assert_uint_eq(n, top ? 3000 : BIG_ROWS);
    }
    free(expect);
}
END_TEST

START_TEST(grouping)
{
    Plan *v = values("si", "a 1|b 2|a 3|~ 4|~ ~|b ~");
    AggCall aggs[] = {agg("count", NULL, NULL), agg("count", col(1, 'i'), NULL),
                      agg("max", col(1, 'i'), NULL)};
    ck_assert_str_eq(sorted(run(group(v, "s", aggs, 3))), "a 2 2 3|b 2 1 2|~ 2 1 4");
    ck_assert_str_eq(run(group(v, "", aggs, 3)), "6 4 4");
    ck_assert_str_eq(run(group(values("si", ""), "", aggs, 3)), "0 0 ~");
    ck_assert_str_eq(run(group(values("si", ""), "s", aggs, 3)), "");
    ck_assert_str_eq(sorted(run(group(values("f", "0|-0|1.0|1|~"), "f", aggs, 1))), "0 2|1 2|~ 1");
}
END_TEST

START_TEST(grouping_options)
{
    Plan *v = values("si", "a 1|a 1|b 2|a 3|b ~|b 2");
    AggCall count = agg("count", col(1, 'i'), NULL), sum = agg("sum", col(1, 'i'), NULL);
    count.distinct = true;
    sum.filter = oper(">", col(1, 'i'), lit('i', "1"));
    ck_assert_str_eq(sorted(run(group(v, "s", (AggCall[]){count, sum}, 2))), "a 2 3|b 1 4");
    /* ORDER BY inside, over several groups. */
    AggCall text = agg("string_agg", col(1, 's'), lit('s', "-"));
    text.order = ARENA_ARRAY(&A, Expr *, 1);
    text.order[0] = col(2, 'i');
    text.order_desc = ARENA_ARRAY(&A, bool, 1);
    text.order_nulls_first = ARENA_ARRAY(&A, bool, 1);
    text.order_count = 1;
    text.order_desc[0] = true;
    v = values("isi", "1 x 1|2 p 5|1 y 2|2 q 6|1 z 0|2 ~ 9");
    ck_assert_str_eq(sorted(run(group(v, "i", &text, 1))), "1 y-x-z|2 q-p");
    /* DISTINCT alone comes sorted. */
    text = agg("string_agg", col(0, 's'), lit('s', ","));
    text.distinct = true;
    ck_assert_str_eq(run(group(values("s", "c|a|b|a|c"), "", &text, 1)), "a,b,c");
}
END_TEST

START_TEST(grouping_many)
{
    int64_t counts[98] = {0}, k, v;
    uint64_t state = 7;
    for (size_t i = 0; i < BIG_ROWS; i++) {
        big_row(&state, &k, &v);
        counts[k + 1]++;
    }
    char *text =
        run(sort(group(big("i", 0, 1, NULL), "i", (AggCall[]){agg("count", NULL, NULL)}, 1), "ii",
                 "0+", NULL));
    for (int i = 0; i < 98; i++) {
        char want[64];
        int64_t key = i < 97 ? i : -1;
        if (key < 0)
            snprintf(want, sizeof want, "~ %lld", (long long)counts[0]);
        else
            snprintf(want, sizeof want, "%lld %lld|", (long long)key, (long long)counts[key + 1]);
        ck_assert_msg(strncmp(text, want, strlen(want)) == 0, "%.30s, want %s", text, want);
        text += strlen(want);
    }
    /* Nearly as many groups as rows: adding their counts up gives the rows again. */
    Plan *many = group(big("i", 1, 0, NULL), "i", (AggCall[]){agg("count", NULL, NULL)}, 1);
    ck_assert_str_eq(run(group(many, "", (AggCall[]){agg("sum", col(1, 'i'), NULL)}, 1)), "70000");
    ck_assert_str_eq(run(group(filter(many, oper(">", col(1, 'i'), lit('i', "3"))), "",
                               (AggCall[]){agg("count", NULL, NULL)}, 1)),
                     "0");
}
END_TEST

/* Far more rows than the memory holds: 150000 of them, in pseudo-random order, go through temporary files. */
START_TEST(sorting_spills)
{
    NEW_PLAN(PlanFunction, PLAN_FUNCTION, "i", NULL, NULL);
    p->call = call("generate_series", FN_SRF, lit('i', "1"), lit('i', "150000"));
    p->func = p->call->func;
    Expr *mixed = oper("%", oper("*", col(0, 'i'), lit('i', "7919")), lit('i', "150001"));
    Expr *none = expr_new(&A, EXPR_NULLIF, T_INT8, 2);
    none->func = oper("=", col(0, 'i'), col(0, 'i'))->func;
    none->args[0] = col(0, 'i');
    none->args[1] = lit('i', "77");
    Plan *rows = project(project(&p->p, "is", mixed, lit('s', "some text"), NULL), "is", none,
                         col(1, 's'), NULL);
    test_options.memory_max = 2 << 20;
    test_options.spill = &test_spill;
    Plan *s = sort(rows, "is", "0-", NULL);
    ck_assert_str_eq(run(limit(s, "is", "3", NULL)),
                     "~ some text|150000 some text|149999 some text");
    ck_assert_str_eq(run(limit(s, "is", "2", "149998")), "2 some text|1 some text");
    ck_assert_str_eq(run(limit(s, "is", "3", "74999")),
                     "75002 some text|75001 some text|75000 some text");
    /* Every row once. */
    ck_assert_str_eq(
        run(group(s, "", (AggCall[]){agg("count", NULL, NULL), agg("sum", col(0, 'i'), NULL)}, 2)),
        "150000 11250074923");
    /* With a limit beyond memory. */
    s = sort(rows, "is", "0+", "60000");
    ck_assert_str_eq(run(limit(s, "is", "2", "59998")), "60000 some text|60001 some text");
    ck_assert_str_eq(run(group(s, "", (AggCall[]){agg("count", NULL, NULL)}, 1)), "60000");
}
END_TEST

static Plan *distinct(Plan *child, const char *types, const char *on)
{
    NEW_PLAN(PlanDistinct, PLAN_DISTINCT, types, child, NULL);
    p->key_count = strlen(on);
    if (p->key_count)
        p->keys = ARENA_ARRAY(&A, Expr *, p->key_count);
    for (size_t i = 0; i < p->key_count; i++)
        p->keys[i] = col((uint32_t)(on[i] - '0'), types[on[i] - '0']);
    return &p->p;
}

static Plan *setop(SetOp op, bool all, const char *l, const char *r)
{
    NEW_PLAN(PlanSetOp, PLAN_SETOP, "i", values("i", l), values("i", r));
    p->op = op;
    p->all = all;
    return &p->p;
}

START_TEST(sets)
{
    Plan *v = values("is", "1 a|1 b|2 a|1 a|~ ~|~ ~");
    ck_assert_str_eq(run(distinct(v, "is", "")), "1 a|1 b|2 a|~ ~");
    ck_assert_str_eq(run(distinct(v, "is", "0")), "1 a|2 a|~ ~");
    ck_assert_str_eq(run(setop(SETOP_INTERSECT, false, "1|2|2|~|3", "2|~|2|4")), "2|~");
    ck_assert_str_eq(run(setop(SETOP_INTERSECT, true, "1|2|2|2|~", "2|2|~|~")), "2|2|~");
    ck_assert_str_eq(run(setop(SETOP_EXCEPT, false, "1|2|1|3|~", "2|4")), "1|3|~");
    ck_assert_str_eq(run(setop(SETOP_EXCEPT, true, "1|1|2|2|2", "1|2")), "1|2|2");
    NEW_PLAN(PlanAppend, PLAN_APPEND, "i", NULL, NULL);
    p->children = ARENA_ARRAY(&A, Plan *, 3);
    p->children[0] = values("i", "1|2");
    p->children[1] = values("i", "");
    p->children[2] = values("i", "1");
    p->child_count = 3;
    ck_assert_str_eq(run(&p->p), "1|2|1");
}
END_TEST

static Plan *join(JoinType type, Plan *l, Plan *r, const char *types, int keys, Expr *on)
{
    NEW_PLAN(PlanJoin, PLAN_JOIN, types, l, r);
    p->type = type;
    p->key_count = (size_t)keys;
    p->left_keys = ARENA_ARRAY(&A, Expr *, 2);
    p->right_keys = ARENA_ARRAY(&A, Expr *, 2);
    p->left_keys[0] = p->right_keys[0] = col(0, 'i');
    p->filter = on;
    return &p->p;
}

START_TEST(joins)
{
    Plan *l = values("is", "1 a|2 b|3 c|~ d"), *r = values("is", "1 x|1 y|3 z|4 w|~ v");
    for (int keys = 0; keys < 2; keys++) { /* nested loop, hash */
        Expr *on = keys ? NULL : oper("=", col(0, 'i'), col(2, 'i'));
        ck_assert_str_eq(sorted(run(join(JOIN_INNER, l, r, "isis", keys, on))),
                         "1 a 1 x|1 a 1 y|3 c 3 z");
        ck_assert_str_eq(sorted(run(join(JOIN_LEFT, l, r, "isis", keys, on))),
                         "1 a 1 x|1 a 1 y|2 b ~ ~|3 c 3 z|~ d ~ ~");
        ck_assert_str_eq(sorted(run(join(JOIN_RIGHT, l, r, "isis", keys, on))),
                         "1 a 1 x|1 a 1 y|3 c 3 z|~ ~ 4 w|~ ~ ~ v");
        ck_assert_str_eq(sorted(run(join(JOIN_FULL, l, r, "isis", keys, on))),
                         "1 a 1 x|1 a 1 y|2 b ~ ~|3 c 3 z|~ d ~ ~|~ ~ 4 w|~ ~ ~ v");
        ck_assert_str_eq(run(join(JOIN_SEMI, l, r, "is", keys, on)), "1 a|3 c");
        ck_assert_str_eq(run(join(JOIN_ANTI, l, r, "is", keys, on)), "2 b|~ d");
    }
    Expr *on = oper(">", col(3, 's'), lit('s', "x"));
    ck_assert_str_eq(sorted(run(join(JOIN_LEFT, l, r, "isis", 1, on))),
                     "1 a 1 y|2 b ~ ~|3 c 3 z|~ d ~ ~");
    ck_assert_str_eq(run(join(JOIN_SEMI, l, r, "is", 1, on)), "1 a|3 c");
    ck_assert_str_eq(run(join(JOIN_INNER, l, values("is", ""), "isis", 1, NULL)), "");
    ck_assert_str_eq(
        run(group(join(JOIN_INNER, values("i", "1|2|3"), values("i", "1|2"), "ii", 0, NULL), "",
                  (AggCall[]){agg("count", NULL, NULL)}, 1)),
        "6");
}
END_TEST

START_TEST(joins_not_in)
{
    Plan *l = values("i", "1|2|~");
    struct {
        const char *right, *expect;
    } cases[] = {{"1|3", "2"}, {"1|~", ""}, {"", "1|2|~"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Plan *p = join(JOIN_ANTI, l, values("i", cases[i].right), "i", 1, NULL);
        ((PlanJoin *)p)->null_aware = true;
        ck_assert_str_eq(run(p), cases[i].expect);
    }
}
END_TEST

/* Every k with every k: batches of pairs on both sides. */
START_TEST(joins_many)
{
    int64_t counts[98] = {0}, k, v, expect = 0;
    uint64_t state = 7;
    big_rows = 3000;
    for (size_t i = 0; i < big_rows; i++) {
        big_row(&state, &k, &v);
        counts[k + 1]++;
    }
    for (int i = 1; i < 98; i++)
        expect += counts[i] * counts[i];
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)expect);
    AggCall count = agg("count", NULL, NULL);
    ck_assert_str_eq(
        run(group(join(JOIN_INNER, big("ii", 0, 1, NULL), big("ii", 0, 1, NULL), "iiii", 1, NULL),
                  "", &count, 1)),
        text);
    ck_assert_str_eq(run(group(join(JOIN_FULL, big("ii", 0, 1, NULL), big("ii", 0, 1, NULL), "iiii",
                                    1, oper("=", col(1, 'i'), col(3, 'i'))),
                               "", &count, 1)),
                     (snprintf(text, sizeof text, "%lld", (long long)(3000 + counts[0])), text));
    big_rows = BIG_ROWS;
}
END_TEST

/* Hashing and trying every pair give the same rows, for every kind of join, with and without more conditions. */
START_TEST(joins_agree)
{
    static const JoinType types[] = {JOIN_INNER, JOIN_LEFT, JOIN_RIGHT,
                                     JOIN_FULL,  JOIN_SEMI, JOIN_ANTI};
    big_rows = 1300; /* more than one batch */
    for (size_t t = 0; t < ARRAY_LEN(types); t++)
        for (int more = 0; more < 2; more++) {
            bool both = types[t] != JOIN_SEMI && types[t] != JOIN_ANTI;
            Plan *l = filter(big("ii", 0, 1, NULL), oper("<", col(1, 'i'), lit('i', "-200000000")));
            Plan *r = filter(big("ii", 0, 1, NULL), oper(">", col(1, 'i'), lit('i', "-600000000")));
            Expr *eq = oper("=", col(0, 'i'), col(2, 'i')),
                 *lt = oper("<", col(1, 'i'), col(3, 'i'));
            Expr *and = expr_new(&A, EXPR_AND, T_BOOL, 2);
            and->args[0] = eq;
            and->args[1] = lt;
            const char *out = both ? "iiii" : "ii";
            char *want = strdup(sorted(run(join(types[t], l, r, out, 0, more ? and : eq))));
            ck_assert_str_eq(sorted(run(join(types[t], l, r, out, 1, more ? lt : NULL))), want);
            ck_assert_uint_gt(strlen(want), 10);
            free(want);
        }
    big_rows = BIG_ROWS;
}
END_TEST

/* ---- subqueries ---- */

static Plan *apply(ApplyMode mode, Plan *l, Plan *r, const char *types, bool correlated, Expr *test)
{
    NEW_PLAN(PlanApply, PLAN_APPLY, types, l, r);
    p->mode = mode;
    p->param_count = correlated;
    p->param = ARENA_ARRAY(&A, uint32_t, 1);
    p->param_value = ARENA_ARRAY(&A, Expr *, 1);
    p->param[0] = 2;
    p->param_value[0] = col(0, 'i');
    p->test = test;
    return &p->p;
}

static Plan *inner_rows(void) /* rows of the inner table whose first column is the outer value */
{
    return project(filter(values("is", "1 x|1 y|3 z|~ n"), oper("=", col(0, 'i'), param(2, 'i'))),
                   "s", col(1, 's'), NULL, NULL);
}

START_TEST(subqueries)
{
    Plan *l = values("i", "1|2|3|~");
    ck_assert_str_eq(run(apply(APPLY_EXISTS, l, inner_rows(), "ib", true, NULL)),
                     "1 t|2 f|3 t|~ f");
    ck_assert_str_eq(run(apply(APPLY_LATERAL, l, inner_rows(), "is", true, NULL)), "1 x|1 y|3 z");
    ck_assert_str_eq(run(apply(APPLY_LATERAL_LEFT, l, inner_rows(), "is", true, NULL)),
                     "1 x|1 y|2 ~|3 z|~ ~");
    ck_assert_str_eq(run(apply(APPLY_SCALAR, values("i", "2|3"), inner_rows(), "is", true, NULL)),
                     "2 ~|3 z");
    ck_assert_str_eq(run(apply(APPLY_SCALAR, l, inner_rows(), "is", true, NULL)),
                     "21000 more than one row returned by a subquery used as an expression");
    /* Uncorrelated: runs once. */
    big_fills = 0;
    Plan *max = group(big("i", 1, 0, NULL), "", (AggCall[]){agg("count", NULL, NULL)}, 1);
    ck_assert_str_eq(run(apply(APPLY_SCALAR, l, max, "ii", false, NULL)),
                     "1 70000|2 70000|3 70000|~ 70000");
    ck_assert_uint_eq(big_fills, 1);
}
END_TEST

START_TEST(subqueries_in)
{
    Plan *l = values("i", "1|2|~");
    Expr *eq = oper("=", col(0, 'i'), col(1, 'i')), *lt = oper("<", col(0, 'i'), col(1, 'i'));
    ck_assert_str_eq(run(apply(APPLY_IN, l, values("i", "1|3"), "ib", false, eq)), "1 t|2 f|~ ~");
    ck_assert_str_eq(run(apply(APPLY_IN, l, values("i", "1|~"), "ib", false, eq)), "1 t|2 ~|~ ~");
    ck_assert_str_eq(run(apply(APPLY_IN, l, values("i", ""), "ib", false, eq)), "1 f|2 f|~ f");
    ck_assert_str_eq(run(apply(APPLY_ALL, l, values("i", "2|3"), "ib", false, lt)), "1 t|2 f|~ ~");
    ck_assert_str_eq(run(apply(APPLY_ALL, l, values("i", "2|~"), "ib", false, lt)), "1 ~|2 f|~ ~");
    ck_assert_str_eq(run(apply(APPLY_ALL, l, values("i", ""), "ib", false, lt)), "1 t|2 t|~ t");
    Plan *p = apply(APPLY_ARRAY, values("i", "1|2"), inner_rows(), "is", true, NULL);
    p->types[1] = T_TEXT_ARRAY;
    ck_assert_str_eq(run(p), "1 {x,y}|2 {}");
}
END_TEST

/* ---- WITH ---- */

static Plan *cte_ref(uint32_t id, const char *types)
{
    NEW_PLAN(PlanCteRef, PLAN_CTE_REF, types, NULL, NULL);
    p->cte = id;
    return &p->p;
}

static Plan *recursive(uint32_t id, Plan *start, Plan *step, bool only_new)
{
    NEW_PLAN(PlanRecursive, PLAN_RECURSIVE, "i", start, step);
    p->cte = id;
    p->distinct = only_new;
    return &p->p;
}

START_TEST(with_queries)
{
    PlanCte ctes[2] = {{.id = 5, .plan = group(big("i", 0, 1, NULL), "i", NULL, 0)}, {.id = 6}};
    big_fills = 0;
    PlannedQuery q = {.root = join(JOIN_INNER, cte_ref(5, "i"), cte_ref(5, "i"), "ii", 1, NULL),
                      .ctes = ctes,
                      .cte_count = 1,
                      .exec_param_count = 4};
    AggCall count = agg("count", NULL, NULL);
    q.root = group(q.root, "", &count, 1);
    ck_assert_str_eq(run_query(&q, NULL), "97");
    ck_assert_uint_eq(big_fills, 1);

    Plan *step =
        filter(project(cte_ref(6, "i"), "i", oper("+", col(0, 'i'), lit('i', "1")), NULL, NULL),
               oper("<=", col(0, 'i'), lit('i', "5")));
    ctes[1].plan = recursive(6, values("i", "1"), step, false);
    q = (PlannedQuery){
        .root = cte_ref(6, "i"), .ctes = ctes, .cte_count = 2, .exec_param_count = 4};
    ck_assert_str_eq(run_query(&q, NULL), "1|2|3|4|5");
    /* Without an end, but a reader that stops. */
    step = project(cte_ref(6, "i"), "i", oper("+", col(0, 'i'), lit('i', "1")), NULL, NULL);
    ctes[1].plan = recursive(6, values("i", "1"), step, false);
    q.root = limit(cte_ref(6, "i"), "i", "3", NULL);
    ck_assert_str_eq(run_query(&q, NULL), "1|2|3");
    /* A cycle ends because nothing new comes. */
    step = project(cte_ref(6, "i"), "i",
                   oper("%", oper("+", col(0, 'i'), lit('i', "3")), lit('i', "7")), NULL, NULL);
    ctes[1].plan = recursive(6, values("i", "0|0"), step, true);
    q.root = cte_ref(6, "i");
    ck_assert_str_eq(run_query(&q, NULL), "0|3|6|2|5|1|4");
}
END_TEST

/* ---- functions that return sets ---- */

START_TEST(set_functions)
{
    NEW_PLAN(PlanFunction, PLAN_FUNCTION, "ii", NULL, NULL);
    p->call = call("generate_series", FN_SRF, lit('i', "5"), lit('i', "7"));
    p->func = p->call->func;
    p->ordinality = true;
    ck_assert_str_eq(run(&p->p), "5 1|6 2|7 3");
    p->call = call("generate_series", FN_SRF, lit('i', "1"), lit('i', "5000"));
    ck_assert_str_eq(run(group(&p->p, "", (AggCall[]){agg("max", col(1, 'i'), NULL)}, 1)), "5000");
    p->call = call("generate_series", FN_SRF, lit('i', "1"), lit('i', "~"));
    ck_assert_str_eq(run(&p->p), "");

    PlanProjectSet *s = ARENA_NEW(&A, PlanProjectSet);
    plan_init(&s->p, PLAN_PROJECT_SET, "iii", values("i", "2|0|1"), NULL);
    s->exprs = ARENA_ARRAY(&A, Expr *, 3);
    s->is_srf = ARENA_ARRAY(&A, bool, 3);
    s->exprs[0] = col(0, 'i');
    s->exprs[1] = call("generate_series", FN_SRF, lit('i', "1"), col(0, 'i'));
    s->exprs[2] =
        call("generate_series", FN_SRF, lit('i', "7"), oper("+", col(0, 'i'), lit('i', "5")));
    s->is_srf[1] = s->is_srf[2] = true;
    ck_assert_str_eq(run(&s->p), "2 1 7|2 2 ~|1 1 ~");
}
END_TEST

/* ---- windows ---- */

static Plan *window(Plan *child, const char *types, const char *name, Expr *arg, Expr *arg2,
                    int kind)
{
    NEW_PLAN(PlanWindow, PLAN_WINDOW, types, child, NULL);
    p->partition = ARENA_ARRAY(&A, Expr *, 1);
    p->order = ARENA_ARRAY(&A, SortKey, 1);
    p->partition[0] = col(0, 's');
    p->order[0].expr = col(1, 'i');
    p->partition_count = p->order_count = p->call_count = 1;
    WindowCall *w = p->calls = ARENA_NEW(&A, WindowCall);
    TypeId argt[2] = {arg ? arg->type : 0, arg2 ? arg2->type : 0};
    w->arg_count = arg2 ? 2 : arg ? 1 : 0;
    w->args = ARENA_ARRAY(&A, Expr *, 2);
    w->args[0] = arg;
    w->args[1] = arg2;
    w->frame.end = FRAME_CURRENT;
    w->func = func(name, argt, w->arg_count, kind, &w->result);
    p->p.types[2] = w->result;
    return &p->p;
}

START_TEST(windows)
{
    Plan *v = values("si", "a 1|a 2|a 2|a 5|b 3|c 1|c 9");
    struct {
        const char *name;
        bool arg;
        int kind;
        const char *expect;
    } cases[] = {
        {"row_number", false, FN_WINDOW, "a 1 1|a 2 2|a 2 3|a 5 4|b 3 1|c 1 1|c 9 2"},
        {"rank", false, FN_WINDOW, "a 1 1|a 2 2|a 2 2|a 5 4|b 3 1|c 1 1|c 9 2"},
        {"dense_rank", false, FN_WINDOW, "a 1 1|a 2 2|a 2 2|a 5 3|b 3 1|c 1 1|c 9 2"},
        {"lag", true, FN_WINDOW, "a 1 ~|a 2 1|a 2 2|a 5 2|b 3 ~|c 1 ~|c 9 1"},
        {"lead", true, FN_WINDOW, "a 1 2|a 2 2|a 2 5|a 5 ~|b 3 ~|c 1 9|c 9 ~"},
        {"first_value", true, FN_WINDOW, "a 1 1|a 2 1|a 2 1|a 5 1|b 3 3|c 1 1|c 9 1"},
        {"last_value", true, FN_WINDOW, "a 1 1|a 2 2|a 2 2|a 5 5|b 3 3|c 1 1|c 9 9"},
        {"sum", true, FN_AGG, "a 1 1|a 2 5|a 2 5|a 5 10|b 3 3|c 1 1|c 9 10"},
        {"count", false, FN_AGG, "a 1 1|a 2 3|a 2 3|a 5 4|b 3 1|c 1 1|c 9 2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_str_eq(run(window(v, "sii", cases[i].name, cases[i].arg ? col(1, 'i') : NULL,
                                    NULL, cases[i].kind)),
                         cases[i].expect);
    Plan *p = window(v, "sii", "sum", col(1, 'i'), NULL, FN_AGG);
    ((PlanWindow *)p)->calls->frame.unit = FRAME_ROWS;
    ck_assert_str_eq(run(p), "a 1 1|a 2 3|a 2 5|a 5 10|b 3 3|c 1 1|c 9 10");
    ((PlanWindow *)p)->order_count = 0;
    ck_assert_str_eq(run(p), "a 1 1|a 2 3|a 2 5|a 5 10|b 3 3|c 1 1|c 9 10");
    ((PlanWindow *)p)->calls->frame.end = FRAME_UNBOUNDED_FOLLOWING;
    ck_assert_str_eq(run(p), "a 1 10|a 2 10|a 2 10|a 5 10|b 3 3|c 1 10|c 9 10");
    ck_assert_str_eq(run(window(values("si", ""), "sii", "rank", NULL, NULL, FN_WINDOW)), "");
}
END_TEST

/* A partition of many batches, and many small ones. */
START_TEST(windows_many)
{
    Plan *in = sort(big("si", 2, 1, NULL), "si", "1+", NULL);
    in = project(in, "si", lit('s', "all"), col(1, 'i'), NULL);
    Plan *p = window(in, "sii", "row_number", NULL, NULL, FN_WINDOW);
    ck_assert_str_eq(run(group(filter(p, oper(">", col(2, 'i'), lit('i', "69990"))), "",
                               (AggCall[]){agg("count", NULL, NULL)}, 1)),
                     "10");
    in = sort(big("si", 2, 1, NULL), "si", "0+", NULL);
    p = window(in, "sii", "count", NULL, NULL, FN_AGG);
    ck_assert_str_eq(run(group(p, "", (AggCall[]){agg("sum", col(2, 'i'), NULL)}, 1)),
                     "70006"); /* three values come twice */
}
END_TEST

/* ---- running ---- */

static bool no_room(const Io *io, int fd, const void *buf, size_t len, int64_t offset, Err *e)
{
    (void)io, (void)fd, (void)buf, (void)len, (void)offset;
    return err_set_errno(e, ENOSPC, "write");
}

START_TEST(budget_is_a_limit)
{
    test_options.memory_max = 1 << 20;
    char *text = run(sort(big("is", 1, 2, NULL), "is", "0+", NULL));
    ck_assert_msg(strncmp(text, "53200 memory limit of \"query_memory\"", 36) == 0, "%s", text);
}
END_TEST

/* Pages of memory of this process that no file stands behind. */
static int64_t own_pages(void)
{
    long size = 0, resident = 0, shared = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%ld %ld %ld", &size, &resident, &shared), 3);
    fclose(f);
    return resident - shared;
}

static Plan *numbers(const char *count, Expr *b)
{
    NEW_PLAN(PlanFunction, PLAN_FUNCTION, "i", NULL, NULL);
    p->call = call("generate_series", FN_SRF, lit('i', "1"), lit('i', count));
    p->func = p->call->func;
    return project(&p->p, "ii",
                   oper("%", oper("*", col(0, 'i'), lit('i', "7919")), lit('i', "1000003")), b,
                   NULL);
}

static Plan *hash_join(Plan *left, Plan *right)
{
    NEW_PLAN(PlanJoin, PLAN_JOIN, "iiii", left, right);
    p->type = JOIN_INNER;
    p->key_count = 1;
    p->left_keys = ARENA_ARRAY(&A, Expr *, 1);
    p->right_keys = ARENA_ARRAY(&A, Expr *, 1);
    p->left_keys[0] = p->right_keys[0] = col(0, 'i');
    return &p->p;
}

/* Plans that would need many times the memory they may have stay below it, as the kernel counts; the temporary
 * files go, whether the query ends or is cut short. */
START_TEST(memory_is_kept)
{
    enum { LIMIT = 24 << 20 };
    bool plain_malloc = true;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    plain_malloc = false;
#endif
    Plan *rows = numbers("900000", oper("%", col(0, 'i'), lit('i', "100")));
    AggCall sums[] = {agg("count", NULL, NULL), agg("sum", col(1, 'i'), NULL)};
    AggCall once[] = {agg("count", col(0, 'i'), NULL)};
    once[0].distinct = true;
    Plan *plans[] = {
        group(rows, "i", sums, 2),
        group(rows, "", once, 1),
        sort(rows, "ii", "1+0-", NULL),
        distinct(rows, "ii", ""),
        hash_join(rows, numbers("900000", col(0, 'i'))),
        group(hash_join(rows, numbers("500000", col(0, 'i'))), "ii", sums, 2),
    };
    static const size_t expect[] = {900000, 1, 900000, 900000, 900000, 500000};
    for (size_t i = 0; i < 2 * ARRAY_LEN(plans); i++) {
        PlannedQuery plan = {.root = plans[i / 2]};
        bool cut_short = i % 2;
        Query *q;
        Batch *b;
        Err e;
        int64_t base = own_pages(), peak = 0;
        size_t n = 0;
        QueryOptions o = {.eval = &test_eval,
                          .budget = &test_budget,
                          .memory_max = LIMIT,
                          .spill = &test_spill,
                          .sched = test_sched};
        ck_assert(query_open(&q, &plan, &o, &e));
        for (QueryStatus st = QUERY_YIELD; st != QUERY_END;) {
            st = query_next(q, &b, &e);
            ck_assert_msg(st != QUERY_FAIL, "plan %zu: %s", i / 2, e.message);
            n += st == QUERY_BATCH ? batch_count(b) : 0;
            int64_t now = own_pages() - base;
            peak = now > peak ? now : peak;
            if (cut_short && atomic_load(&test_spill.used) > 4 << 20)
                break;
        }
        query_close(q);
        if (!cut_short)
            ck_assert_uint_eq(n, expect[i / 2]);
        if (plain_malloc)
            ck_assert_msg(peak * 4096 <= LIMIT / 5 * 6, "plan %zu: %lld bytes", i / 2,
                          (long long)peak * 4096);
        ck_assert_int_eq(atomic_load(&test_spill.used), 0);
        ck_assert_int_eq(atomic_load(&test_budget.used), 0);
    }
}
END_TEST

/* Too many bytes of temporary files, and a disk that is full. */
START_TEST(files_have_a_limit)
{
    SpillSpace small = {.io = &io_real, .dir = "/tmp", .limit = 3 << 20};
    test_options.memory_max = 4 << 20;
    test_options.spill = &small;
    Plan *rows = numbers("900000", col(0, 'i'));
    Plan *plans[] = {sort(rows, "ii", "0+", NULL), distinct(rows, "ii", ""), hash_join(rows, rows),
                     group(rows, "i", (AggCall[]){agg("count", NULL, NULL)}, 1)};
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        char *text = run(plans[i]);
        ck_assert_msg(strncmp(text, "53400 temporary files would exceed limits.spill_max", 51) == 0,
                      "plan %zu: %.80s", i, text);
        ck_assert_int_eq(atomic_load(&small.used), 0);
    }
    static Io full; /* a device on which every write fails for want of room */
    full = io_real;
    full.pwrite_all = no_room;
    SpillSpace none = {.io = &full, .dir = "/tmp"};
    test_options.spill = &none;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        char *text = run(plans[i]);
        ck_assert_msg(strncmp(text, "53100 ", 6) == 0, "plan %zu: %.80s", i, text);
        ck_assert_int_eq(atomic_load(&none.used), 0);
    }
}
END_TEST

START_TEST(cancel_and_slices)
{
    Plan *p = sort(big("is", 1, 2, NULL), "is", "0+", NULL);
    PlannedQuery plan = {.root = p};
    QueryOptions o = {.eval = &test_eval, .budget = &test_budget, .sched = test_sched};
    Query *q;
    Batch *b;
    Err e;
    ck_assert(query_open(&q, &plan, &o, &e));
    query_cancel(q);
    QueryStatus st = query_next(q, &b, &e);
    ck_assert_int_eq(st, QUERY_FAIL);
    ck_assert_int_eq(e.code, ERR_CANCELED);
    query_close(q);
    ck_assert_int_eq(atomic_load(&test_budget.used), 0);
}
END_TEST

START_TEST(sleeping_waits)
{
    Plan *p = project(values("i", "1"), "i", col(0, 'i'), NULL, NULL);
    Expr *sleep = call("pg_sleep", 0, lit('f', "0.02"), NULL);
    p->types[0] = sleep->type;
    ((PlanProject *)p)->exprs[0] = sleep;
    int64_t begin = clock_real.mono_ns(&clock_real);
    run(p);
    ck_assert_int_ge(clock_real.mono_ns(&clock_real) - begin, 20 * NS_PER_MS);
    ck_assert_int_gt(waits, 0);
}
END_TEST

START_TEST(explains)
{
    Plan *p = limit(sort(filter(values("is", "1 a|2 b"), oper(">", col(0, 'i'), lit('i', "1"))),
                         "is", "0-", NULL),
                    "is", "5", NULL);
    PlannedQuery q = {.root = p};
    Buf b;
    buf_init(&b);
    plan_explain(&b, &q, NULL, &(ExplainOptions){0});
    buf_put_u8(&b, 0);
    ck_assert_str_eq(b.ptr, "Limit\n"
                            "  ->  Sort\n"
                            "        Sort Key: c0 DESC\n"
                            "        ->  Values Scan\n"
                            "              Filter: (c0 > '1'::bigint)\n");
    buf_clear(&b);
    ck_assert_str_eq(run_query(&q, &b), "2 b");
    buf_put_u8(&b, 0);
    ck_assert(strstr(b.ptr, "rows=1 loops=1") != NULL);
    ck_assert(strstr(b.ptr, "Rows Removed by Filter: 1") != NULL);
    buf_clear(&b);
    plan_explain(&b, &q, NULL, &(ExplainOptions){.format = EXPLAIN_JSON});
    buf_put_u8(&b, 0);
    ck_assert(strncmp(b.ptr, "[\n  {\n    \"Plan\": {\n      \"Node Type\": \"Limit\",\n", 46) ==
              0);
    buf_free(&b);
}
END_TEST

int main(void)
{
    view_register(big_view);
    TCase *tc = tcase_create("ops");
    tcase_add_checked_fixture(tc, build_setup, build_teardown);
    tcase_add_test(tc, rows_pass);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, sorting);
    tcase_add_test(tc, sorting_many);
    tcase_add_test(tc, grouping);
    tcase_add_test(tc, grouping_options);
    tcase_add_test(tc, grouping_many);
    tcase_add_test(tc, sorting_spills);
    tcase_add_test(tc, memory_is_kept);
    tcase_add_test(tc, files_have_a_limit);
    tcase_add_test(tc, sets);
    tcase_add_test(tc, joins);
    tcase_add_test(tc, joins_not_in);
    tcase_add_test(tc, joins_many);
    tcase_add_test(tc, joins_agree);
    tcase_add_test(tc, subqueries);
    tcase_add_test(tc, subqueries_in);
    tcase_add_test(tc, with_queries);
    tcase_add_test(tc, set_functions);
    tcase_add_test(tc, windows);
    tcase_add_test(tc, windows_many);
    tcase_add_test(tc, budget_is_a_limit);
    tcase_add_test(tc, cancel_and_slices);
    tcase_add_test(tc, sleeping_waits);
    tcase_add_test(tc, explains);
    return unit_run(tc);
}
