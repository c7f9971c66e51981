/* tests/unit/test_promql.c - PromQL over a real engine: texts, names, evaluation, limits. */
#include "tests/unit/ingest_env.h"

#include "promql/promql.h"
#include "tests/unit/unit.h"

static IngestEnv env;

static void setup(void)
{
    env_open(&env);
}

static void teardown(void)
{
    env_close(&env);
}

/* ---- helpers ---- */

static void submit(WriteBatch *wb)
{
    Ticket t = {0};
    engine_submit(env.engine, wb, SYNC_OFF, &t);
    sched_run_until(env.sched, &t.done);
    ck_assert_msg(t.ok, "%s", t.err.message);
}

static void lines(const char *text)
{
    bool ok;
    Err e;
    IngJob *job = env_run(&env, "/write", slice_cstr(text), ING_MS, &ok, &e);
    ck_assert_msg(ok, "%s", e.message);
    ck_assert_uint_eq(ing_job_error_count(job), 0);
    submit(ing_job_take_batch(job));
    ing_job_free(job);
}

/* A sample with these bits in the field `value` of the only series of a table. */
static void bits(const char *table, int64_t ms, uint64_t value)
{
    CatalogSnap *cat = engine_catalog(env.engine);
    const TableDef *t = cat_table(cat, env.schema, slice_cstr(table));
    SeriesSet *set = idx_select(engine_index(env.engine), t->id, NULL, 0);
    SeriesId id;
    double v;
    ck_assert_uint_eq(set_ids(set, &id, 1), 1);
    memcpy(&v, &value, 8);
    WriteBatch *wb = wb_new();
    wb_row(wb, t->id, id, ms * NS_PER_MS);
    wb_f64(wb, table_column(t, SLICE_LIT("value"))->id, v);
    wb_row_end(wb);
    submit(wb);
    set_unref(set);
    cat_unref(cat);
}

static void put_series(Buf *b, const PqlSeries *s, bool times)
{
    buf_puts(b, "{");
    for (size_t i = 0; i < s->label_count; i++)
        buf_printf(b, "%s%.*s=%.*s", i ? "," : "", SLICE_ARG(s->labels[i].name),
                   SLICE_ARG(s->labels[i].value));
    buf_puts(b, "}");
    for (size_t i = 0; i < s->count; i++) {
        buf_puts(b, " ");
        buf_put_f64(b, s->v[i]);
        if (times)
            buf_printf(b, "@%lld", (long long)s->t_ms[i]);
    }
    buf_puts(b, "\n");
}

static PqlStatus run(PqlQuery *q, Err *e)
{
    PqlStatus st;
    do
        st = pql_step(q, e);
    while (st == PQL_YIELD || st == PQL_WAIT);
    return st;
}

static const char *evaluate(PqlRequest *r, const char *text)
{
    static char out[1 << 20];
    Arena a;
    Buf b;
    Err e;
    PqlExpr *x;
    PqlQuery *q = NULL;
    arena_init(&a, NULL);
    buf_init(&b);
    err_clear(&e);
    r->snapshot = engine_snapshot(env.engine, NULL);
    r->database = env.database;
    r->schema = env.schema;
    bool ok = pql_parse(&a, slice_cstr(text), r->features, &x, &e) && pql_open(&q, x, r, &e) &&
              run(q, &e) == PQL_DONE;
    if (!ok) {
        buf_printf(&b, "%s: %s", err_sqlstate(e.code), e.message);
    } else {
        const PqlResult *res = pql_result(q);
        if (res->type == PQL_SCALAR)
            buf_put_f64(&b, res->scalar);
        if (res->type == PQL_STRING)
            buf_put_slice(&b, res->string);
        for (size_t i = 0; i < res->count; i++)
            put_series(&b, &res->series[i], res->type == PQL_MATRIX);
        for (size_t i = 0; i < res->warning_count; i++)
            buf_printf(&b, "%.*s\n", SLICE_ARG(res->warnings[i]));
        for (size_t i = 0; i < res->info_count; i++)
            buf_printf(&b, "%.*s\n", SLICE_ARG(res->infos[i]));
    }
    snprintf(out, sizeof out, "%.*s", (int)b.len, b.ptr);
    pql_close(q);
    snapshot_unref(r->snapshot);
    buf_free(&b);
    arena_free(&a);
    return out;
}

static const char *at(int64_t ms, const char *text)
{
    PqlRequest r = {.start_ms = ms, .end_ms = ms};
    return evaluate(&r, text);
}

static const char *over(int64_t start, int64_t end, int64_t step, const char *text)
{
    PqlRequest r = {.range = true, .start_ms = start, .end_ms = end, .step_ms = step};
    return evaluate(&r, text);
}

/* ---- text ---- */

START_TEST(errors)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "1:1: parse error: no expression found in input"},
        {"# nothing\n", "2:1: parse error: unexpected end of input"},
        {"sum(", "1:5: parse error: unclosed left parenthesis"},
        {"sum by", "1:7: parse error: unexpected end of input in grouping opts, expected \"(\""},
        {"sum by (a b) (c)", "1:11: parse error: unexpected identifier \"b\" in grouping opts, "
                             "expected \",\" or \")\""},
        {"sum by (a) by (b) (c)", "1:12: parse error: unexpected <by> in aggregation"},
        {"a{b", "1:4: parse error: unexpected end of input inside braces"},
        {"a{b}", "1:4: parse error: unexpected \"}\" in label matching, expected label matching "
                 "operator"},
        {"a{,}",
         "1:3: parse error: unexpected \",\" in label matching, expected identifier or \"}\""},
        {"a{b==\"c\"}", "1:5: parse error: unexpected \"=\" in label matching, expected string"},
        {"a =~ b", "1:3: parse error: unexpected character after '=': '~'"},
        {"a @ b", "1:5: parse error: unexpected identifier \"b\" in @, expected timestamp"},
        {"a offset b", "1:10: parse error: unexpected identifier \"b\" in offset, expected number, "
                       "duration, step(), or range()"},
        {"a[5m:1m 1]", "1:9: parse error: unexpected number \"1\" in subquery selector, expected "
                       "\"]\""},
        {"a[b]", "1:3: parse error: unexpected character in duration expression: 'b'"},
        {"a \"12345678901\"", "1:3: parse error: unexpected string \"\\\"123456789\"..."},
        {"on", "1:1: parse error: unexpected <on>"},
        {"1 +\n +", "2:3: parse error: unexpected end of input"},
        {"a b", "1:3: parse error: unexpected identifier \"b\""},
        {"sum sum", "1:5: parse error: unexpected <aggr:sum>"},
        {"* 1", "1:1: parse error: unexpected <op:*>"},
        {"(1))", "1:5: parse error: unexpected right parenthesis ')'"},
        {"a{", "1:3: parse error: unexpected end of input inside braces"},
        {"a{b=\"c}", "1:5: parse error: unterminated quoted string"},
        {"a{b=1}", "1:5: parse error: unexpected character inside braces: '1'"},
        {"a[", "1:3: parse error: unexpected end of input in duration expression"},
        {"a[0]", "1:3: parse error: duration must be greater than 0"},
        {"a[5x]", "1:3: parse error: bad number or duration syntax: \"5\""},
        {"a[5m30m]", "1:3: parse error: not a valid duration string: \"5m30m\""},
        {"\"\\q\"", "1:1: parse error: unknown escape sequence U+0071 'q'"},
        {"$", "1:1: parse error: unexpected character: '$'"},
        {"rate(a)", "1:6: parse error: expected type range vector in call to function \"rate\", "
                    "got instant vector"},
        {"sum(a[5m])", "1:5: parse error: expected type instant vector in aggregation expression, "
                       "got range vector"},
        {"abs()", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 0"},
        {"round(a, 1, 2)",
         "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"},
        {"label_join(a, \"b\")",
         "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 2"},
        {"nosuch(a)", "1:1: parse error: unknown function with name \"nosuch\""},
        {"mad_over_time(a[5m])", "1:1: parse error: function \"mad_over_time\" is not enabled"},
        {"limitk(1, a)", "1:1: parse error: limitk() is experimental and must be enabled with "
                         "--enable-feature=promql-experimental-functions"},
        {"{a=\"\"}",
         "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        {"{a=~\".*\"}",
         "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        {"a{__name__=\"b\"}",
         "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""},
        {"(a)[5m]", "1:4: parse error: ranges only allowed for vector selectors"},
        {"a offset 5m [5m]", "1:13: parse error: no offset modifiers allowed before range"},
        {"a offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"},
        {"1 offset 5m", "1:1: parse error: offset modifier must be preceded by an instant vector "
                        "selector or range vector "
                        "selector or a subquery"},
        {"a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
        {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
        {"a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"},
        {"a and 1",
         "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
        {"a and on(x) group_left b", "1:1: parse error: no grouping allowed for \"and\" operation"},
        {"a + on(x) group_left(x) b",
         "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"},
        {"a[5m] + 1",
         "1:1: parse error: binary expression must contain only scalar and instant vector types"},
        {"1 + on(x) a", "1:1: parse error: vector matching only allowed between instant vectors"},
        {"-\"a\"", "1:1: parse error: unary expression only allowed on expressions of type scalar "
                   "or instant vector, got \"string\""},
        {"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
        {"topk(a)", "1:1: parse error: wrong number of arguments for aggregate expression "
                    "provided, expected 2, got 1"},
        {"abs(a,)", "1:6: parse error: trailing commas not allowed in function call args"},
        {"a[5m:30x]", "1:6: parse error: bad number or duration syntax: \"30\""},
        {"1[5m:1m]",
         "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"},
    };
    Arena a;
    PqlExpr *x;
    Err e;
    arena_init(&a, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        err_clear(&e);
        ck_assert_msg(!pql_parse(&a, slice_cstr(cases[i].text), NULL, &x, &e), "%s", cases[i].text);
        ck_assert_str_eq(e.message, cases[i].message);
        ck_assert_int_eq(e.code, ERR_SYNTAX);
        ck_assert_int_gt(e.position, 0);
    }
    err_clear(&e);
    ck_assert(!pql_parse(&a, SLICE_LIT("a{b=~\"(\"}"), NULL, &x, &e));
    ck_assert(strncmp(e.message, "1:3: parse error: error parsing regexp: ", 40) == 0);
    arena_free(&a);
}
END_TEST

/* What is printed parses to the same text again; NULL: the text is as it is printed. */
START_TEST(printing)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {"a", NULL},
        {"a{b=\"c\",d!=\"e\",f=~\"g.*\",h!~\"i|j\"}", NULL},
        {"{'metric.name', \"label.name\"='v'}", "{\"label.name\"=\"v\",__name__=\"metric.name\"}"},
        {"-1 ^ 2", "-1 ^ 2"},
        {"- a ^ 2", "-a ^ 2"},
        {"1+2*3", "1 + 2 * 3"},
        {"0x1F", "31"},
        {"1_000", "1000"},
        {"010", "8"},
        {"1e3", "1000"},
        {".5", "0.5"},
        {"5.", "5"},
        {"Inf", "+Inf"},
        {"5m30s", "5m30s"},
        {"a[300]", "a[5m]"},
        {"a[1d12h] offset -1w", "a[1d12h] offset -1w"},
        {"a @ 10.5 offset 1m", "a @ 10.500 offset 1m"},
        {"a @ start()", "a @ start()"},
        {"a[5m:] @ end()", "a[5m:] @ end()"},
        {"max_over_time(a[1h:30s])", NULL},
        {"SUM(a) BY (b, c,)", "sum by (b, c) (a)"},
        {"sum without (b) (a)", NULL},
        {"topk(3, a)", NULL},
        {"count_values(\"v\", a)", NULL},
        {"a == bool b", NULL},
        {"a * on (b) group_left (c) d", NULL},
        {"a / ignoring (b) c", NULL},
        {"a and on () b or c unless d", NULL},
        {"by{by=\"x\", offset=\"y\", bool='z'}", "by{bool=\"z\",by=\"x\",offset=\"y\"}"},
        {"sum(sum)", "sum(sum)"},
        {"start + end", "start + end"},
        {"'a\\x41\\u00e9\\101\\n'", "\"aA\xc3\xa9"
                                    "A\\n\""},
        {"`a\\n`", "\"a\\\\n\""},
        {"label_replace(a, \"b\", \"$1\", \"c\", \"(.*)\")", NULL},
        {"a # comment\n+ b", "a + b"},
        {"node:cpu:rate5m", NULL},
    };
    Arena a;
    Err e;
    arena_init(&a, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        PqlExpr *x;
        Buf first, second;
        buf_init(&first);
        buf_init(&second);
        err_clear(&e);
        ck_assert_msg(pql_parse(&a, slice_cstr(cases[i].text), NULL, &x, &e), "%s: %s",
                      cases[i].text, e.message);
        pql_print(&first, x);
        ck_assert_msg(pql_parse(&a, buf_slice(&first), NULL, &x, &e), "%.*s: %s", (int)first.len,
                      first.ptr, e.message);
        pql_print(&second, x);
        const char *want = cases[i].printed ? cases[i].printed : cases[i].text;
        ck_assert_msg(slice_eq_cstr(buf_slice(&first), want), "%.*s != %s", (int)first.len,
                      first.ptr, want);
        ck_assert(slice_eq(buf_slice(&first), buf_slice(&second)));
        buf_free(&first);
        buf_free(&second);
    }
    arena_free(&a);
}
END_TEST

/* However deep, however long: an error, never a crash. */
START_TEST(depth)
{
    static const char *const units[] = {"(", "-", "sum(", "a+(", "1^", "a[5m:]+(", "{"};
    Arena a;
    PqlExpr *x;
    Err e;
    arena_init(&a, NULL);
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        Buf b;
        buf_init(&b);
        for (int i = 0; i < 100000; i++)
            buf_puts(&b, units[u]);
        err_clear(&e);
        ck_assert(!pql_parse(&a, buf_slice(&b), NULL, &x, &e));
        ck_assert_int_eq(e.code, ERR_SYNTAX);
        buf_free(&b);
    }
    Buf nested;
    buf_init(&nested);
    for (int i = 0; i < PQL_DEPTH_MAX - 1; i++)
        buf_puts(&nested, "(");
    buf_puts(&nested, "1");
    for (int i = 0; i < PQL_DEPTH_MAX - 1; i++)
        buf_puts(&nested, ")");
    ck_assert_msg(pql_parse(&a, buf_slice(&nested), NULL, &x, &e), "%s", e.message);
    buf_free(&nested);
    arena_free(&a);
}
END_TEST

/* ---- names ---- */

START_TEST(names)
{
    lines("cpu,host=a,region=x usage_user=1,usage_system=2i,up=true,note=\"text\" 60000\n"
          "cpu,host=b usage_user=3 60000\n"
          "m,k=1 value=7,extra=8 60000\n"
          "http_requests,job=j value=5 60000\n"
          "http requests=6 60000\n"
          "a_b c=1 60000\na b_c=2 60000\n"
          "big count=18446744073709551615u 60000\n");
    ck_assert_str_eq(
        at(60000, "cpu_usage_user"),
        "{__name__=cpu_usage_user,host=a,region=x} 1\n{__name__=cpu_usage_user,host=b} 3\n");
    ck_assert_str_eq(at(60000, "cpu_usage_system"),
                     "{__name__=cpu_usage_system,host=a,region=x} 2\n");
    ck_assert_str_eq(at(60000, "cpu_up"), "{__name__=cpu_up,host=a,region=x} 1\n");
    ck_assert_str_eq(at(60000, "cpu_note"), "");
    /* the bare name: all fields, told apart */
    ck_assert_str_eq(at(60000, "cpu{host='b'}"), "{__field__=usage_user,__name__=cpu,host=b} 3\n");
    ck_assert_str_eq(at(60000, "count(cpu)"), "{} 4\n");
    ck_assert_str_eq(at(60000, "{__name__='cpu',__field__='usage_user',host='a'}"),
                     "{__field__=usage_user,__name__=cpu,host=a,region=x} 1\n");
    ck_assert_str_eq(at(60000, "cpu{__field__=~'usage_.*',host='a'}"),
                     "{__field__=usage_user,__name__=cpu,host=a,region=x} 1\n"
                     "{__field__=usage_system,__name__=cpu,host=a,region=x} 2\n");
    /* a field `value` has the name of the table, and only that */
    ck_assert_str_eq(at(60000, "m"), "{__name__=m,k=1} 7\n");
    ck_assert_str_eq(at(60000, "m_extra"), "{__name__=m_extra,k=1} 8\n");
    ck_assert_str_eq(at(60000, "m_value"), "");
    ck_assert_str_eq(at(60000, "m{__field__='extra'}"), "{__field__=extra,__name__=m,k=1} 8\n");
    /* two claims to one name: the field `value`, then the longest table name */
    ck_assert_str_eq(at(60000, "http_requests"), "{__name__=http_requests,job=j} 5\n");
    ck_assert_str_eq(at(60000, "a_b_c"), "{__name__=a_b_c} 1\n");
    /* expressions see canonical names */
    ck_assert_str_eq(at(60000, "{__name__=~'cpu|m|http_requests'}"),
                     "{__name__=m,k=1} 7\n{__name__=http_requests,job=j} 5\n");
    ck_assert_str_eq(
        at(60000, "count by (__name__) ({__name__=~'cpu.*'})"),
        "{__name__=cpu_usage_user} 2\n{__name__=cpu_usage_system} 1\n{__name__=cpu_up} 1\n");
    ck_assert_str_eq(at(60000, "{region='x',__name__!~'cpu_u.*'}"), "");
    ck_assert_str_eq(at(60000, "{__name__=~'.+',region=''} == 3"),
                     "{__name__=cpu_usage_user,host=b} 3\n");
    ck_assert_str_eq(at(60000, "big_count"), "{__name__=big_count} 18446744073709552000\n");
    ck_assert_str_eq(at(60000, "nosuch"), "");
    ck_assert_str_eq(at(60000, "cpu_usage_user{nosuch='x'}"), "");
    ck_assert_str_eq(at(60000, "cpu_usage_user{nosuch='',host!='a'}"),
                     "{__name__=cpu_usage_user,host=b} 3\n");
}
END_TEST

static bool print_labels(void *arg, const PqlLabel *l, size_t n)
{
    PqlSeries s = {.labels = l, .label_count = n};
    put_series(arg, &s, false);
    return true;
}

START_TEST(series)
{
    lines("cpu,host=a user=1,sys=2 60000\ncpu,host=b user=3 120000\nm,k=1 value=7 60000\n");
    Snapshot *snap = engine_snapshot(env.engine, NULL);
    Arena a;
    Err e;
    PqlMatcher *m[2];
    Buf b;
    arena_init(&a, NULL);
    buf_init(&b);
    ck_assert(pql_parse_selector(&a, SLICE_LIT("cpu_user"), &m[0], &e));
    ck_assert(pql_parse_selector(&a, SLICE_LIT("{k=~\".+\"}"), &m[1], &e));
    PqlListing l = {
        .snapshot = snap, .schema = env.schema, .m = m, .n = 2, .start_ms = 0, .end_ms = 200000};
    ck_assert(pql_series(&l, print_labels, &b, &e));
    buf_put_u8(&b, 0);
    ck_assert_str_eq(b.ptr,
                     "{__name__=cpu_user,host=a}\n{__name__=cpu_user,host=b}\n{__name__=m,k=1}\n");
    ck_assert(!pql_parse_selector(&a, SLICE_LIT("cpu_user[5m]"), &m[0], &e));
    ck_assert(!pql_parse_selector(&a, SLICE_LIT("sum(a)"), &m[0], &e));
    ck_assert_str_eq(e.message, "1:4: parse error: unexpected \"(\"");
    ck_assert(pql_parse_selector(&a, SLICE_LIT("{}"), &m[0], &e));
    ck_assert(pql_matches_all(m[0]) && !pql_matches_all(m[1]));
    buf_free(&b);
    arena_free(&a);
    snapshot_unref(snap);
}
END_TEST

/* ---- time ---- */

START_TEST(windows)
{
    lines("m value=1 0\nm value=2 60000\nm value=4 120000\nm value=8 180000\n");
    ck_assert_str_eq(at(0, "m"), "{__name__=m} 1\n");
    ck_assert_str_eq(at(59999, "m"), "{__name__=m} 1\n");
    ck_assert_str_eq(at(-1, "m"), "");
    ck_assert_str_eq(at(479999, "m"), "{__name__=m} 8\n");
    ck_assert_str_eq(at(480000, "m"), ""); /* the left edge is open */
    ck_assert_str_eq(at(120000, "count_over_time(m[2m])"), "{} 2\n");
    ck_assert_str_eq(at(120000, "count_over_time(m[120001ms])"), "{} 3\n");
    ck_assert_str_eq(at(180000, "m offset 1m"), "{__name__=m} 4\n");
    ck_assert_str_eq(at(0, "m offset -1m"), "{__name__=m} 2\n");
    ck_assert_str_eq(at(0, "m @ 180"), "{__name__=m} 8\n");
    ck_assert_str_eq(at(0, "m @ 180 offset 1m"), "{__name__=m} 4\n");
    ck_assert_str_eq(over(0, 180000, 90000, "m"), "{__name__=m} 1@0 2@90000 8@180000\n");
    ck_assert_str_eq(over(0, 180000, 90000, "m @ end()"), "{__name__=m} 8@0 8@90000 8@180000\n");
    ck_assert_str_eq(over(0, 120000, 60000, "sum_over_time(m[1m:30s])"),
                     "{} 1@0 3@60000 6@120000\n");
    ck_assert_str_eq(at(180000, "m[2m]"), "{__name__=m} 4@120000 8@180000\n");
    ck_assert_str_eq(at(100000, "m[1m:25s]"), "{__name__=m} 1@50000 2@75000 2@100000\n");
    ck_assert_str_eq(over(60000, 120000, 60000, "time()"), "{} 60@60000 120@120000\n");
    ck_assert_str_eq(at(61000, "timestamp(m)"), "{} 60\n");
    ck_assert_str_eq(over(60000, 180000, 60000, "timestamp(m @ 60)"),
                     "{} 60@60000 60@120000 60@180000\n");
    ck_assert_str_eq(at(180000, "increase(m[3m])"),
                     "{} 8\n"
                     "PromQL info: metric might not be a counter, name does not end in "
                     "_total/_sum/_count/_bucket: \"m\" (1:10)\n");
}
END_TEST

START_TEST(stale)
{
    lines("m value=1 0\nm value=2 60000\nm value=3 180000\n");
    bits("m", 120000, UINT64_C(0x7ff0000000000002));
    ck_assert_str_eq(at(110000, "m"), "{__name__=m} 2\n");
    ck_assert_str_eq(at(120000, "m"), "");
    ck_assert_str_eq(at(179000, "m"), "");
    ck_assert_str_eq(at(180000, "m"), "{__name__=m} 3\n");
    ck_assert_str_eq(at(180000, "count_over_time(m[5m])"), "{} 3\n");
    bits("m", 240000, UINT64_C(0x7ff8000000000001)); /* a plain NaN is a value */
    ck_assert_str_eq(at(240000, "m"), "{__name__=m} NaN\n");
    ck_assert_str_eq(at(240000, "count_over_time(m[6m])"), "{} 4\n");
    ck_assert_str_eq(at(240000, "max_over_time(m[6m])"), "{} 3\n");
}
END_TEST

/* ns inside: rows of one millisecond are one sample, the last. */
START_TEST(nanoseconds)
{
    bool ok;
    Err e;
    IngJob *job = env_run(
        &env, "/write",
        SLICE_LIT(
            "m value=1 60000000001\nm value=2 60000000002\nm value=3 60001000000\nm value=4 -1\n"),
        ING_NS, &ok, &e);
    submit(ing_job_take_batch(job));
    ing_job_free(job);
    ck_assert_str_eq(at(60001, "m[1m]"), "{__name__=m} 2@60000 3@60001\n");
    ck_assert_str_eq(at(-1, "m"), "{__name__=m} 4\n");
    ck_assert_str_eq(at(60001, "idelta(m[1m])"), "{} 1\n");
}
END_TEST

/* ---- names of results ---- */

START_TEST(name_removal)
{
    lines("a,l=x value=1 0\nb,l=x value=2 0\n");
    const char *same = "21000: vector cannot contain metrics with the same labelset";
    ck_assert_str_eq(at(0, "-{__name__=~'a|b'}"), same);
    ck_assert_str_eq(at(0, "abs({__name__=~'a|b'})"), same);
    ck_assert_str_eq(at(0, "rate({__name__=~'a|b'}[5m])"), "");
    ck_assert_str_eq(at(0, "sum_over_time({__name__=~'a|b'}[5m])"), same);
    ck_assert_str_eq(at(0, "last_over_time({__name__=~'a|b'}[5m])"),
                     "{__name__=a,l=x} 1\n{__name__=b,l=x} 2\n");
    ck_assert_str_eq(at(0, "sum(abs({__name__=~'a|b'}))"), same);
    PqlRequest r = {.features = "promql-delayed-name-removal"};
    ck_assert_str_eq(evaluate(&r, "sum(abs({__name__=~'a|b'}))"), "{} 3\n");
    ck_assert_str_eq(evaluate(&r, "abs({__name__=~'a|b'})"), same);
    ck_assert_str_eq(
        evaluate(&r, "label_replace(abs({__name__=~'a|b'}), 'n', '$1', '__name__', '(.*)')"),
        "{l=x,n=a} 1\n{l=x,n=b} 2\n");
    ck_assert_str_eq(at(0, "a + b"), "{l=x} 3\n");
    ck_assert_str_eq(at(0, "a < b"), "{__name__=a,l=x} 1\n");
    ck_assert_str_eq(at(0, "a < bool b"), "{l=x} 1\n");
    ck_assert_str_eq(at(0, "a * on(l) group_right b"), "{l=x} 2\n");
    ck_assert_str_eq(at(0, "a > 0"), "{__name__=a,l=x} 1\n");
}
END_TEST

START_TEST(matching_errors)
{
    lines("a,l=x,k=1 value=1 0\na,l=x,k=2 value=2 0\nb,l=x value=3 0\nb,l=y value=4 0\n");
    ck_assert_str_eq(at(0, "a + on(l) b"), "21000: multiple matches for labels: many-to-one "
                                           "matching must be explicit (group_left/group_right)");
    ck_assert_str_eq(at(0, "b + on(l) a"), "21000: found duplicate series for the match group "
                                           "{l=\"x\"} on the right hand-side of the operation: "
                                           "[{__name__=\"a\", k=\"1\", l=\"x\"}, {__name__=\"a\", "
                                           "k=\"2\", l=\"x\"}];many-to-many matching not "
                                           "allowed: matching labels must be unique on one side");
    ck_assert_str_eq(at(0, "a + on(l) group_left b"), "{k=1,l=x} 4\n{k=2,l=x} 5\n");
    ck_assert_str_eq(at(0, "b unless on(l) a"), "{__name__=b,l=y} 4\n");
    ck_assert_str_eq(at(0, "topk(NaN, a)"), "21000: Parameter value is NaN");
    ck_assert_str_eq(over(0, 1000, 1000, "a[5m]"),
                     "22023: invalid expression type \"range vector\" for range query, must be "
                     "Scalar or instant Vector");
    ck_assert_str_eq(over(0, 11001000, 1000, "a"),
                     "22023: exceeded maximum resolution of 11000 points per timeseries. Try "
                     "decreasing the query resolution (?step=XX)");
    ck_assert_str_eq(over(0, 1000, 0, "a"), "22023: zero or negative query resolution step widths "
                                            "are not accepted. Try a positive integer");
}
END_TEST

/* ---- limits ---- */

START_TEST(limits)
{
    Buf b;
    buf_init(&b);
    for (int i = 0; i < 500; i++)
        buf_printf(&b, "m,k=%d value=%d 0\nm,k=%d value=%d 1000\n", i, i, i, i);
    buf_put_u8(&b, 0);
    lines(b.ptr);
    buf_free(&b);
    const char *many =
        "53400: query processing would load too many samples into memory in query execution";
    PqlRequest r = {.start_ms = 1000, .end_ms = 1000, .samples_max = 999};
    ck_assert_str_eq(evaluate(&r, "count(m)"), many);
    r.samples_max = 1000;
    ck_assert_str_eq(evaluate(&r, "count(m)"), "{} 500\n");
    ck_assert_str_eq(evaluate(&r, "count_over_time(vector(1)[1y:1ms])"), many);
    r.samples_max = 0;
    r.deadline_mono_ns = 1;
    ck_assert_str_eq(evaluate(&r, "count(m)"), "57014: query timed out in expression evaluation");
    r.deadline_mono_ns = 0;
    Budget small;
    budget_init(&small, "small", NULL, 10000);
    r.budget = &small;
    ck_assert(strncmp(evaluate(&r, "sort(m)"), "53200: ", 7) == 0);
    ck_assert_int_eq(atomic_load(&small.used), 0); /* all given back */
}
END_TEST

START_TEST(canceled)
{
    lines("m value=1 0\n");
    Arena a;
    Err e;
    PqlExpr *x;
    PqlQuery *q;
    PqlRequest r = {.snapshot = engine_snapshot(env.engine, NULL), .schema = env.schema};
    arena_init(&a, NULL);
    err_clear(&e);
    ck_assert(pql_parse(&a, SLICE_LIT("m"), NULL, &x, &e));
    ck_assert(pql_open(&q, x, &r, &e));
    ck_assert_ptr_null(pql_result(q));
    pql_cancel(q);
    ck_assert_int_eq(pql_step(q, &e), PQL_FAIL);
    ck_assert_int_eq(e.code, ERR_CANCELED);
    pql_close(q);
    snapshot_unref(r.snapshot);
    arena_free(&a);
}
END_TEST

/* Every step of the clock is longer than a slice: a query of many series must get on all the same. */
static _Atomic int64_t hasty_now;
static int64_t hasty_ns(const Clock *c)
{
    (void)c;
    return hasty_now += 20 * NS_PER_MS / 3;
}

START_TEST(yields)
{
    Buf b;
    buf_init(&b);
    for (int i = 0; i < 50; i++)
        buf_printf(&b, "m,k=%d,g=%d value=%d 0\n", i, i % 3, i);
    buf_put_u8(&b, 0);
    lines(b.ptr);
    buf_free(&b);
    Clock hasty = clock_real;
    hasty.mono_ns = hasty_ns;
    PqlRequest r = {.clock = &hasty};
    ck_assert_str_eq(evaluate(&r, "sum(m)"), "{} 1225\n");
    ck_assert_str_eq(evaluate(&r, "count(m + on(k) m)"), "{} 50\n");
    ck_assert_str_eq(
        evaluate(&r, "topk by (g) (1, m)"),
        "{__name__=m,g=0,k=48} 48\n{__name__=m,g=1,k=49} 49\n{__name__=m,g=2,k=47} 47\n");
    ck_assert_str_eq(evaluate(&r, "sum(max_over_time(m[5m:1m]))"), "{} 1225\n");
}
END_TEST

/* ---- on several cores ---- */

static Sched *cores;

static void many_series(void)
{
    Buf b;
    buf_init(&b);
    for (int i = 0; i < 300; i++) {
        int gap = 15 + (i % 7 == 0) * 2;
        for (int k = 0; k < 40; k++)
            buf_printf(&b, "m_total,k=%d,g=%d value=%d.%d %d\n", i, i % 5, k * i % 97 + k,
                       i * k % 10, k * gap * 1000);
        buf_printf(&b, "n_total,k=%d,g=%d value=%d 300000\n", i, i % 5, i);
        buf_printf(&b, "h_bucket,le=%d,g=%d value=%d 0\nh_bucket,le=%d,g=%d value=%d 300000\n",
                   i / 10, i % 10, i / 10, i / 10, i % 10, i);
    }
    buf_put_u8(&b, 0);
    lines(b.ptr);
    buf_free(&b);
}

static char *kept_copy(const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(malloc(n), text, n);
}

/* Whatever runs it, the answer has the same bytes. */
static void same_on_cores(PqlRequest r, const char *text)
{
    r.sched = NULL;
    char *one = kept_copy(evaluate(&r, text));
    r.sched = cores;
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(evaluate(&r, text), one);
    free(one);
}

/* What parts have folded comes to what one fold does: `x and x` is in no part. */
START_TEST(folded)
{
    static const char *const aggs[] = {"sum", "avg",   "count",  "min",
                                       "max", "group", "stddev", "stdvar"};
    static const char *const args[] = {"rate(m_total[2m])", "m_total", "(m_total * 4e306)",
                                       "(m_total / 0)"};
    many_series();
    PqlRequest r = {.range = true, .end_ms = 600000, .step_ms = 15000};
    for (size_t i = 0; i < sizeof aggs / sizeof *aggs; i++)
        for (size_t k = 0; k < sizeof args / sizeof *args; k++) {
            char two[100], text[200];
            snprintf(two, sizeof two, "%s by (g) (%s and %s)", aggs[i], args[k], args[k]);
            snprintf(text, sizeof text, "%s by (g) (%s) / %s", aggs[i], args[k], two);
            char near[700];
            snprintf(near, sizeof near, "count(%s > 1.000000001 or %s < 0.999999999)", text, text);
            ck_assert_str_eq(evaluate(&r, near), "");
            snprintf(near, sizeof near, "count(%s by (g) (%s) unless %s)", aggs[i], args[k], two);
            ck_assert_str_eq(evaluate(&r, near), "");
            snprintf(near, sizeof near, "count(%s unless %s by (g) (%s))", two, aggs[i], args[k]);
            ck_assert_str_eq(evaluate(&r, near), "");
        }
}
END_TEST

START_TEST(several_cores)
{
    static const char *const queries[] = {
        "sum by (g) (rate(m_total[2m]))",
        "avg(rate(m_total[2m]))",
        "stddev by (g) (m_total)",
        "rate(m_total[2m])",
        "-m_total",
        "2 * m_total > bool 50",
        "m_total + on(k) group_left n_total",
        "topk by (g) (3, m_total)",
        "quantile(0.3, m_total)",
        "count by (__name__) ({__name__=~'.+'})",
        "count({__name__=~'.+'} > 20)",
        "histogram_quantile(0.5, sum by (le, g) (rate(h_bucket[10m])))",
        "histogram_quantile(0.5, h_bucket)",
        "max_over_time(rate(m_total[2m])[5m:30s])",
        "sum_over_time({__name__=~'m_total|n_total'}[5m])",
        "sum(abs({__name__=~'m_total|n_total'}))",
        "label_replace(delta(m_total[2m]), 'x', '$1', 'k', '(.).*')",
        "quantile_over_time(1.5, m_total[2m])",
        "sort(m_total @ end())",
        "absent(m_total)",
        "scalar(sum(m_total))",
        "clamp_max(m_total, scalar(n_total{k='7'}))",
        "timestamp(m_total)",
        "sum(m_total{k='none'})",
        "count_values('v', m_total)",
    };
    many_series();
    cores = sched_new(&clock_real, 3, 0, 0);
    Clock hasty = clock_real;
    hasty.mono_ns = hasty_ns;
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        PqlRequest r = {.range = true, .end_ms = 600000, .step_ms = 15000};
        same_on_cores(r, queries[i]);
        r.features = "all";
        same_on_cores(r, queries[i]);
        r = (PqlRequest){.start_ms = 400000, .end_ms = 400000};
        same_on_cores(r, queries[i]);
        r = (PqlRequest){.range = true, .end_ms = 600000, .step_ms = 60000, .samples_max = 5000};
        same_on_cores(r, queries[i]);
        r.samples_max = 0;
        r.deadline_mono_ns = 1;
        same_on_cores(r, queries[i]);
    }
    PqlRequest r = {.range = true, .end_ms = 600000, .step_ms = 15000, .clock = &hasty};
    r.sched = cores;
    ck_assert(strchr(evaluate(&r, queries[0]), '@') != NULL);
    query_drain(cores);
    sched_stop(cores);
    sched_free(cores);
}
END_TEST

/* count() and group() look at statistics where those tell: before and after a flush they say what values say. */
START_TEST(presence)
{
    Buf b;
    char text[128], plain[128];
    buf_init(&b);
    for (int i = 0; i < 40; i++)
        for (int k = 0; k < 200; k++)
            if (i % 4 || k % 50 < 20) /* gaps beyond the lookback */
                buf_printf(&b, "m,k=%d,g=%d value=%d,n=%di %d\n", i, i % 5, k, k, k * 15000);
    buf_put_u8(&b, 0);
    lines("one value=1 0\none value=2 1800000\n");
    lines(b.ptr);
    buf_free(&b);
    bits("one", 1500000, UINT64_C(0x7ff0000000000002));
    bits("one", 2400000, UINT64_C(0x7ff0000000000002));
    for (int flushed = 0; flushed < 2; flushed++) {
        static const char *const of[] = {"m", "m_n", "one", "{__name__=~'.+'}", "m offset 7m"};
        for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
            snprintf(text, sizeof text, "count by (g) (%s)", of[i]);
            snprintf(plain, sizeof plain, "count by (g) (%s != Inf)", of[i]);
            for (int64_t t = 0; t < 4000000; t += 249500) {
                char *want = kept_copy(at(t, plain));
                ck_assert_str_eq(at(t, text), want);
                free(want);
            }
            char *want = kept_copy(over(0, 4000000, 45000, plain));
            ck_assert_str_eq(over(0, 4000000, 45000, text), want);
            free(want);
        }
        Ticket t = {0};
        engine_checkpoint(env.engine, &t);
        sched_run_until(env.sched, &t.done);
        ck_assert(t.ok);
    }
    ck_assert_str_eq(at(1790000, "group(one)"), "");
    ck_assert_str_eq(at(1800000, "group(one)"), "{} 1\n");
}
END_TEST

/* Given up in the middle, with helpers inside their steps. */
START_TEST(closed_early)
{
    Arena a;
    Err e;
    PqlExpr *x;
    many_series();
    cores = sched_new(&clock_real, 3, 0, 0);
    arena_init(&a, NULL);
    Budget budget;
    budget_init(&budget, "test", NULL, 0);
    PqlRequest r = {.snapshot = engine_snapshot(env.engine, NULL),
                    .schema = env.schema,
                    .range = true,
                    .end_ms = 600000,
                    .step_ms = 1000,
                    .sched = cores,
                    .budget = &budget};
    ck_assert(pql_parse(&a, SLICE_LIT("sum by (g) (rate(m_total[5m])) + sum by (g) (m_total)"),
                        NULL, &x, &e));
    for (int i = 0; i < 50; i++) {
        PqlQuery *q;
        Clock hasty = clock_real;
        hasty.mono_ns = hasty_ns;
        r.clock = i % 2 ? NULL : &hasty;
        err_clear(&e);
        ck_assert(pql_open(&q, x, &r, &e));
        for (int k = 0; k < i % 5; k++)
            if (pql_step(q, &e) == PQL_DONE)
                break;
        if (i % 3 == 0)
            pql_cancel(q);
        pql_close(q);
    }
    query_drain(cores);
    ck_assert_int_eq(atomic_load(&budget.used), 0);
    snapshot_unref(r.snapshot);
    arena_free(&a);
    sched_stop(cores);
    sched_free(cores);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("promql");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, errors);
    tcase_add_test(tc, printing);
    tcase_add_test(tc, depth);
    tcase_add_test(tc, names);
    tcase_add_test(tc, series);
    tcase_add_test(tc, windows);
    tcase_add_test(tc, stale);
    tcase_add_test(tc, nanoseconds);
    tcase_add_test(tc, name_removal);
    tcase_add_test(tc, matching_errors);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, canceled);
    tcase_add_test(tc, yields);
    tcase_add_test(tc, presence);
    tcase_add_test(tc, folded);
    tcase_add_test(tc, several_cores);
    tcase_add_test(tc, closed_early);
    return unit_run(tc);
}
