/* Lines, JSON and remote write: what is taken, what is refused and with which words. */
#include "storage/batch_private.h"
#include "tests/unit/ingest_env.h"
#include "tests/unit/unit.h"
#include <snappy-c.h>
#include <zlib.h>

static IngestEnv env;

static void setup(void)
{
    env_open(&env);
}

static void teardown(void)
{
    env_close(&env);
}

typedef struct Case {
    const char *text;
    size_t rows;
    const char *error; /* part of the first refusal; NULL = none */
} Case;

static void check_cases(const char *path, const Case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool ok;
        Err e;
        IngJob *j = env_run(&env, path, slice_cstr(cases[i].text), ING_NS, &ok, &e);
        ck_assert_msg(ok, "%s: %s", cases[i].text, ok ? "" : e.message);
        const IngLineError *le = ing_job_error(j, 0);
        ck_assert_msg((le != NULL) == (cases[i].error != NULL), "%s: %s", cases[i].text,
                      le ? le->err.message : "taken");
        ck_assert_msg(!le || strstr(le->err.message, cases[i].error), "%s: %s", cases[i].text,
                      le ? le->err.message : "");
        ck_assert_msg(ing_job_rows(j) == cases[i].rows, "%s: %zu rows", cases[i].text,
                      ing_job_rows(j));
        WriteBatch *wb = ing_job_take_batch(j);
        ck_assert_uint_eq(wb ? wb_rows(wb) : 0, cases[i].rows);
        wb_free(wb);
        ing_job_free(j);
    }
}

START_TEST(line_grammar)
{
    static const Case cases[] = {
        {"m f=1", 1, NULL},
        {"m,t=a f=1,g=2i,h=t,s=\"x\" 17\n", 1, NULL},
        {"m,t=a f=1 -17\n\n# comment\n   \nm,t=a f=2 18", 2, NULL},
        {"m s=\"two\nlines\" 1\nm f=2 2", 2, NULL},
        {"m s=\"a \\\"quote\\\" and \\\\\" 1", 1, NULL},
        {"m\\ x\\,y,t\\==a\\ b f\\ 1=1 1", 1, NULL},
        {"m f=1e3,g=-5i,h=FALSE 1\r\n", 1, NULL},
        {"m f=.5 1", 1, NULL},
        {"", 0, NULL},
        {"m", 0, "missing fields"},
        {"m ", 0, "missing fields"},
        {",t=a f=1", 0, "missing measurement"},
        {"m,t f=1", 0, "missing tag value"},
        {"m,t= f=1", 0, "missing tag value"},
        {"m,=a f=1", 0, "missing tag key"},
        {"m,t=a,t=b f=1", 0, "duplicate tags"},
        {"m,q=a q=1", 0, "is a tag and a field"},
        {"m,time=a f=1", 0, "time"},
        {"m time=1", 0, "time"},
        {"c r=1,q=2 1\nc,q=a r=1 2\nc,q=a r=1,q=2 3", 2, "is a tag and a field"},
        {"m f=", 0, "missing field value"},
        {"m f=x", 0, "invalid field value"},
        {"m f=1.2.3", 0, "invalid number"},
        {"m f=NaN", 0, "invalid field value"},
        {"m g=9223372036854775808i", 0, "invalid integer"},
        {"m g=1i,", 0, "invalid field format"},
        {"m f=1 x", 0, "bad timestamp"},
        {"m f=1 99999999999999999999", 0, "bad timestamp"},
        {"m s=\"open", 0, "unbalanced quotes"},
        {"m f=1,,g=2i", 0, "invalid field format"},
        {"m a\\,b=1 1", 1, NULL},
        {"m g=1.5", 0, "field type conflict"},
        {"m f=7i", 1, NULL},
        {"m f=\"text\"", 0, "field type conflict"},
    };
    check_cases("/write", cases, ARRAY_LEN(cases));
}
END_TEST

START_TEST(line_numbers)
{
    bool ok;
    Err e;
    IngJob *j =
        env_run(&env, "/write", SLICE_LIT("m f=1 1\nm s=\"a\nb\" 2\nbad\n\nm f=x 3\nm f=2 4"),
                ING_NS, &ok, &e);
    ck_assert(ok);
    ck_assert_uint_eq(ing_job_rows(j), 3);
    ck_assert_uint_eq(ing_job_error_count(j), 2);
    ck_assert_uint_eq(ing_job_error(j, 0)->line, 4);
    ck_assert_str_eq(ing_job_error(j, 0)->text, "bad");
    ck_assert_uint_eq(ing_job_error(j, 1)->line, 6);
    ing_job_free(j);
}
END_TEST

/* Between two steps of a body its table is dropped, and made again by somebody else. */
START_TEST(table_dropped_meanwhile)
{
    Buf body = {0};
    bool ok, done = false;
    Err e;
    for (int i = 0; i < 5000; i++)
        buf_puts(&body, "gone,t=a f=1 1\n");
    buf_puts(&body, "gone,t=a f=1,g=2 1\ngone,t=a f=1,g=2 2\n");
    IngContext c = {.engine = env.engine, .database = env.database, .schema = env.schema};
    IngJob *j = ing_job_new(ing_find(SLICE_LIT("/write"), SLICE_NONE, &e), &c, buf_slice(&body));
    ck_assert(ing_job_step(j, &done, &e) && !done);
    CatalogSnap *cat = engine_catalog(env.engine);
    CatEdit drop = {.op = CAT_DROP_TABLE, .id = cat_table(cat, env.schema, SLICE_LIT("gone"))->id};
    cat_unref(cat);
    ck_assert(engine_edit_catalog(env.engine, &drop, 1, &e));
    ing_job_free(env_run(&env, "/write", SLICE_LIT("gone,t=a h=1i 1"), ING_NS, &ok, &e));
    while (!done)
        ck_assert(ing_job_step(j, &done, &e));
    const IngLineError *le = ing_job_error(j, 0);
    ck_assert_msg(!le, "%s", le ? le->err.message : "");
    ck_assert_uint_eq(ing_job_rows(j), 5002);
    WriteBatch *wb = ing_job_take_batch(j);
    cat = engine_catalog(env.engine);
    TableId now = cat_table(cat, env.schema, SLICE_LIT("gone"))->id;
    for (size_t i = 5000; i < 5002; i++)
        ck_assert_uint_eq(wb_shape(wb, wb_row_at(wb, i)->shape)->table, now);
    cat_unref(cat);
    wb_free(wb);
    ing_job_free(j);
    buf_free(&body);
}
END_TEST

static void put_strict(TableId id, bool checked, uint32_t version)
{
    ColumnDef columns[] = {{.id = COLUMN_TIME,
                            .name = SLICE_LIT("time"),
                            .kind = COL_TIME,
                            .phys = PHYS_I64,
                            .type_oid = 1184,
                            .typmod = -1,
                            .not_null = true},
                           {.id = 1,
                            .name = SLICE_LIT("host"),
                            .kind = COL_TAG,
                            .phys = PHYS_STR,
                            .type_oid = 25,
                            .typmod = -1,
                            .not_null = true},
                           {.id = 2,
                            .name = SLICE_LIT("a"),
                            .kind = COL_FIELD,
                            .phys = PHYS_F64,
                            .type_oid = 701,
                            .typmod = -1,
                            .not_null = true},
                           {.id = 3,
                            .name = SLICE_LIT("b"),
                            .kind = COL_FIELD,
                            .phys = PHYS_F64,
                            .type_oid = 701,
                            .typmod = -1}};
    ConstraintDef check = {
        .id = id + 1, .type = CONSTRAINT_CHECK, .name = SLICE_LIT("c"), .text = SLICE_LIT("a > 0")};
    TableDef t = {.id = id,
                  .database = env.database,
                  .schema = env.schema,
                  .name = SLICE_LIT("strict"),
                  .kind = TABLE_SERIES,
                  .duplicates = DUP_LAST,
                  .column_count = 4,
                  .next_column = 4,
                  .columns = columns,
                  .constraints = &check,
                  .constraint_count = checked};
    CatEdit put = {.op = CAT_PUT_TABLE, .id = id, .table = &t, .expect_version = version};
    Err e;
    ck_assert_msg(engine_edit_catalog(env.engine, &put, 1, &e), "%s", e.message);
}

/* NOT NULL holds for lines, too; a table with CHECK takes none. */
START_TEST(constraints)
{
    bool ok;
    Err e;
    TableId id = engine_new_id(env.engine);
    put_strict(id, false, 0);
    IngJob *j = env_run(&env, "/write",
                        SLICE_LIT("strict,host=x b=1 1\nstrict a=1 2\nstrict,host=x a=1,b=2 3\n"
                                  "strict,host=x a=2,b=2 4\nstrict,host=x b=2 5\n"),
                        ING_NS, &ok, &e);
    ck_assert_uint_eq(ing_job_rows(j), 2);
    static const uint64_t refused[] = {1, 2, 5};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(ing_job_error(j, i)->line, refused[i]);
        ck_assert_int_eq(ing_job_error(j, i)->err.code, ERR_NOT_NULL);
    }
    ing_job_free(j);
    put_strict(id, true, 1);
    j = env_run(&env, "/write", SLICE_LIT("strict,host=x a=1,b=2 6\n"), ING_NS, &ok, &e);
    ck_assert_uint_eq(ing_job_rows(j), 0);
    ck_assert_int_eq(ing_job_error(j, 0)->err.code, ERR_FEATURE_NOT_SUPPORTED);
    ing_job_free(j);
}
END_TEST

START_TEST(precisions)
{
    bool ok;
    Err e;
    IngJob *j = env_run(&env, "/write", SLICE_LIT("m f=1 9223372036854775807"), ING_S, &ok, &e);
    ck_assert_uint_eq(ing_job_error_count(j), 1);
    ck_assert_int_eq(ing_job_error(j, 0)->err.code, ERR_DATETIME_RANGE);
    ing_job_free(j);
    static const struct {
        const char *text;
        int v1, v2, v3; /* -1: refused */
    } names[] = {
        {"", ING_NS, ING_NS, ING_AUTO},
        {"ns", ING_NS, ING_NS, ING_NS},
        {"n", ING_NS, -1, -1},
        {"us", ING_US, ING_US, ING_US},
        {"u", ING_US, -1, -1},
        {"ms", ING_MS, ING_MS, ING_MS},
        {"s", ING_S, ING_S, ING_S},
        {"m", ING_M, -1, -1},
        {"h", ING_H, -1, -1},
        {"auto", -1, -1, ING_AUTO},
        {"second", -1, -1, ING_S},
        {"fortnight", -1, -1, -1},
        {"millisecond", -1, -1, ING_MS},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const int want[] = {names[i].v1, names[i].v2, names[i].v3};
        for (int d = 0; d < 3; d++) {
            IngPrecision p = ING_H;
            bool known =
                ing_precision(slice_cstr(names[i].text), (IngReply)(REPLY_INFLUX1 + d), &p, &e);
            ck_assert_msg((known ? (int)p : -1) == want[d], "%s of v%d", names[i].text, d + 1);
        }
    }
}
END_TEST

START_TEST(json)
{
    static const Case cases[] = {
        {"{\"metric\":\"j\",\"tags\":{\"a\":\"b\"},\"fields\":{\"x\":1,\"y\":1.5,\"z\":true,\"s\":"
         "\"t\"},\"timestamp\":5}",
         1, NULL},
        {"[{\"metric\":\"j\",\"fields\":{\"x\":1}},{\"metric\":\"j\",\"fields\":{\"y\":2}}]", 2,
         NULL},
        {"{\"metric\":\"j\",\"fields\":{\"x\":1}}\n{\"metric\":\"j\",\"fields\":{\"x\":2}}\n", 2,
         NULL},
        {"{\"metric\":\"j\",\"fields\":{\"x\":1},\"timestamp\":\"2026-01-01T00:00:00Z\"}", 1, NULL},
        {"{\"metric\":\"j\",\"fields\":{}}", 0, "missing fields"},
        {"{\"fields\":{\"x\":1}}", 0, "missing metric"},
        {"{\"metric\":\"j\",\"tags\":{\"x\":\"b\"},\"fields\":{\"x\":1}}", 0, "tag and a field"},
        {"{\"metric\":\"j\",\"fields\":{\"x\":1.5}}", 0, "field type conflict"},
        {"{\"metric\":\"j\",\"fields\":{\"x\":[1]}}", 0, "must be a number"},
        {"{\"metric\":\"j\",\"fields\":{\"x\":1},\"timestamp\":1.5}", 0, "timestamp"},
        {"[1]", 0, "expected an object"},
        {"{\"metric\":\"o\",\"tags\":{\"a\":\"b\"},\"value\":1,\"timestamp\":1767225600}", 1, NULL},
        {"[{\"metric\":\"o\",\"value\":\"1.5\",\"timestamp\":1767225600123}]", 1, NULL},
        {"{\"metric\":\"o\",\"value\":true}", 0, "must be a number"},
        {"{\"metric\":{\"__name__\":\"x\",\"a\":\"b\"},\"values\":[1,null,\"StaleNaN\",\"-Inf\"],"
         "\"timestamps\":[1,2,3,4]}",
         4, NULL},
        {"{\"metric\":{\"__name__\":\"x\"},\"values\":[1],\"timestamps\":[1,2]}", 0, "one length"},
        {"{\"metric\":{\"a\":\"x\"},\"values\":[1],\"timestamps\":[1]}", 0, "missing __name__"},
        {"{\"metric\":{\"__name__\":\"x\"},\"values\":[true],\"timestamps\":[1]}", 0, "numbers"},
    };
    check_cases("/api/v1/ingest", cases, ARRAY_LEN(cases));
    bool ok;
    Err e;
    IngJob *j = env_run(&env, "/api/v1/ingest", SLICE_LIT("{\"metric\":"), ING_NS, &ok, &e);
    ck_assert(!ok);
    ck_assert_int_eq(e.code, ERR_INVALID_TEXT);
    ing_job_free(j);
}
END_TEST

static void put_bytes(Buf *b, int field, Slice s)
{
    buf_put_varint(b, (uint64_t)field << 3 | 2);
    buf_put_str(b, s);
}

static void put_label(Buf *series, const char *name, const char *value)
{
    Buf l;
    buf_init(&l);
    put_bytes(&l, 1, slice_cstr(name));
    put_bytes(&l, 2, slice_cstr(value));
    put_bytes(series, 1, buf_slice(&l));
    buf_free(&l);
}

static void put_sample(Buf *series, uint64_t bits, int64_t ms, bool leave_zeros_out)
{
    Buf s;
    buf_init(&s);
    if (bits || !leave_zeros_out) {
        buf_put_varint(&s, 1 << 3 | 1);
        buf_put_u64(&s, bits);
    }
    if (ms || !leave_zeros_out) {
        buf_put_varint(&s, 2 << 3);
        buf_put_varint(&s, (uint64_t)ms);
    }
    put_bytes(series, 2, buf_slice(&s));
    buf_free(&s);
}

static void check_remote(const char *const *labels, size_t rows, const char *error)
{
    Buf series, request;
    bool ok;
    Err e;
    buf_init(&series);
    buf_init(&request);
    for (size_t i = 0; labels[i]; i += 2)
        put_label(&series, labels[i], labels[i + 1]);
    put_sample(&series, UINT64_C(0x7ff0000000000002), -5000, false);
    put_sample(&series, UINT64_C(0x3ff0000000000000), 1000, false);
    put_bytes(&request, 1, buf_slice(&series));
    IngJob *j = env_run(&env, "/api/v1/write", buf_slice(&request), ING_NS, &ok, &e);
    ck_assert(ok);
    ck_assert_uint_eq(ing_job_rows(j), rows);
    const IngLineError *le = ing_job_error(j, 0);
    ck_assert_msg(error ? le && strstr(le->err.message, error) : !le, "%s",
                  le ? le->err.message : "taken");
    ing_job_free(j);
    for (size_t cut = 1; cut < request.len;
         cut++) { /* every truncation is refused or a clean prefix, never a crash */
        j = env_run(&env, "/api/v1/write", slice_of(request.ptr, cut), ING_NS, &ok, &e);
        ck_assert(!ok);
        ing_job_free(j);
    }
    buf_free(&series);
    buf_free(&request);
}

START_TEST(remote_write)
{
    check_remote((const char *const[]){"__name__", "up", "job", "a", NULL}, 2, NULL);
    check_remote((const char *const[]){"A", "x", "__name__", "up", NULL}, 2, NULL);
    check_remote((const char *const[]){"job", "a", NULL}, 0, "__name__");
    check_remote((const char *const[]){"job", "b", "__name__", "up", NULL}, 2, NULL);
    check_remote((const char *const[]){"a", "1", "__name__", "up", "a", "2", NULL}, 0,
                 "duplicate label");
    check_remote((const char *const[]){"__name__", "up", "a", "1", "a", "2", NULL}, 0,
                 "duplicate label");
    /* named like the samples' fields, before there are any */
    check_remote((const char *const[]){"__name__", "odd", "label_value", "1", "value", "2",
                                       "histogram", "3", "time", "4", "label_time", "5", NULL},
                 2, NULL);
}
END_TEST

/* ---- what comes beside samples ---- */
static void put_number(Buf *b, int field, uint64_t v)
{
    buf_put_varint(b, (uint64_t)field << 3);
    buf_put_varint(b, v);
}

static void put_double(Buf *b, int field, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_put_varint(b, (uint64_t)field << 3 | 1);
    buf_put_u64(b, bits);
}

static void put_message(Buf *b, int field, Buf *take)
{
    put_bytes(b, field, buf_slice(take));
    buf_free(take);
    buf_init(take);
}

/* How many series the table of that schema has. */
static uint64_t series_of(const char *schema, const char *table)
{
    CatalogSnap *cat = engine_catalog(env.engine);
    const SchemaDef *s = cat_schema(cat, env.database, slice_cstr(schema));
    const TableDef *t = s ? cat_table(cat, s->id, slice_cstr(table)) : NULL;
    uint64_t n = t ? idx_series_count(engine_index(env.engine), t->id) : 0;
    cat_unref(cat);
    return n;
}

START_TEST(remote_extras)
{
    Buf request = {0}, series = {0}, x = {0};
    bool ok;
    Err e;
    put_label(&series, "__name__", "req_bucket");
    put_label(&series, "le", "1");
    put_sample(&series, 1, 1000, false);
    put_label(&x, "trace_id", "abc");
    put_double(&x, 2, 0.7);
    put_number(&x, 3, 999);
    put_message(&series, 3, &x);
    put_message(&request, 1, &series);
    put_number(&x, 1, 3);
    put_bytes(&x, 2, SLICE_LIT("req"));
    put_bytes(&x, 4, SLICE_LIT("the help"));
    put_message(&request, 3, &x);
    IngJob *j = env_run(&env, "/api/v1/write", buf_slice(&request), ING_NS, &ok, &e);
    ck_assert(ok);
    ck_assert_uint_eq(ing_job_error_count(j), 0);
    IngWritten w = ing_job_written(j);
    ck_assert_uint_eq(w.samples, 1);
    ck_assert_uint_eq(w.exemplars, 1);
    WriteBatch *wb = ing_job_take_batch(j);
    ck_assert_uint_eq(wb_rows(wb), 3);
    wb_free(wb);
    ing_job_free(j);
    ck_assert_uint_eq(series_of("exemplars", "req_bucket"), 1);
    ck_assert_uint_eq(series_of("prometheus", "metadata"), 1);
    ck_assert_uint_eq(series_of("public", "req_bucket"), 1);
    buf_free(&request);
}
END_TEST

/* ---- remote write 2.0 ---- */
#define V2 SLICE_LIT("application/x-protobuf;proto=io.prometheus.write.v2.Request")

static void put_refs(Buf *b, const uint8_t *refs, size_t n)
{
    put_bytes(b, 1, slice_of((const char *)refs, n));
}

static void put_symbols(Buf *request)
{
    static const char *const symbols[] = {"",        "__name__", "up",  "job", "a",
                                          "helping", "trace_id", "xyz", "req", "seconds"};
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
        put_bytes(request, 4, slice_cstr(symbols[i]));
}

static IngJob *run2(const Buf *request, bool *ok, Err *e)
{
    return env_run_type(&env, "/api/v1/write", V2, buf_slice(request), ING_NS, ok, e);
}

static void check_refused2(const Buf *series, const char *error)
{
    Buf request = {0};
    bool ok;
    Err e;
    put_symbols(&request);
    put_bytes(&request, 5, buf_slice(series));
    IngJob *j = run2(&request, &ok, &e);
    ck_assert_msg(ok && ing_job_rows(j) == 0 && ing_job_error_count(j) == 1 &&
                      strstr(ing_job_error(j, 0)->err.message, error),
                  "wanted %s", error);
    ing_job_free(j);
    buf_free(&request);
}

START_TEST(remote_write2)
{
    static const uint8_t up[] = {1, 2, 3, 4}, trace[] = {6, 7};
    Buf request = {0}, series = {0}, x = {0};
    bool ok;
    Err e;
    put_refs(&series, up, 4);
    put_sample(&series, UINT64_C(0x7ff0000000000002), 1000, false);
    put_sample(&series, UINT64_C(0x3ff0000000000000), 2000, false);
    put_refs(&x, trace, 2);
    put_double(&x, 2, 1.5);
    put_number(&x, 3, 1500);
    put_message(&series, 4, &x);
    put_number(&x, 1, 1);
    put_number(&x, 3, 5);
    put_number(&x, 4, 9);
    put_message(&series, 5, &x);
    put_number(&series, 6, 12345);
    put_message(&request, 5, &series);
    put_symbols(&request); /* behind the series: allowed */
    for (size_t cut = 1; cut < request.len; cut++) {
        Buf part = {request.ptr, cut, cut};
        ing_job_free(run2(&part, &ok, &e));
    }
    IngJob *j = run2(&request, &ok, &e);
    ck_assert(ok);
    ck_assert_msg(ing_job_error_count(j) == 0, "%s", ing_job_error(j, 0)->err.message);
    IngWritten w = ing_job_written(j);
    ck_assert_uint_eq(w.samples, 2);
    ck_assert_uint_eq(w.histograms, 0);
    ck_assert_uint_eq(w.exemplars, 1);
    ing_job_free(j);
    ck_assert_uint_eq(series_of("public", "up"), 1);
    ck_assert_uint_eq(series_of("exemplars", "up"), 1);
    buf_clear(&request); /* 1.0 finds the same series */
    put_label(&series, "__name__", "up");
    put_label(&series, "job", "a");
    put_sample(&series, 1, 3000, false);
    put_message(&request, 1, &series);
    ing_job_free(env_run(&env, "/api/v1/write", buf_slice(&request), ING_NS, &ok, &e));
    ck_assert_uint_eq(series_of("public", "up"), 1);
    buf_free(&request);
}
END_TEST

START_TEST(remote_write2_refused)
{
    static const uint8_t up[] = {1, 2, 3, 4}, odd[] = {1, 2, 3}, beyond[] = {1, 200 & 127},
                         nameless[] = {3, 4}, twice[] = {1, 2, 3, 4, 3, 4};
    Buf series = {0};
    put_refs(&series, odd, 3);
    put_sample(&series, 1, 1, false);
    check_refused2(&series, "not in pairs");
    buf_clear(&series);
    put_refs(&series, beyond, 2);
    put_sample(&series, 1, 1, false);
    check_refused2(&series, "beyond 10 symbols");
    buf_clear(&series);
    put_refs(&series, nameless, 2);
    put_sample(&series, 1, 1, false);
    check_refused2(&series, "no label __name__");
    buf_clear(&series);
    put_refs(&series, twice, 6);
    put_sample(&series, 1, 1, false);
    check_refused2(&series, "duplicate label");
    buf_clear(&series);
    put_refs(&series, up, 4);
    check_refused2(&series, "at least one sample");
    buf_free(&series);
}
END_TEST

/* ---- remote write: series as senders write them, and the same behind a field that nobody knows ---- */
static void random_series(Buf *b)
{
    static const char *const metrics[] = {"up", "node_load1", "a_metric", "b"};
    static const char *const values[] = {"a", "host-1", "", "eu", "Ü"};
    static const int64_t times[] = {1767225600000, 0, 1, -1, 1767225600123, INT64_MAX};
    static const double numbers[] = {0, 1, -0.0, 0.5, 1e300};
    if (rand() % 20 == 0)
        put_label(b, "Upper", "x");
    put_label(b, "__name__", metrics[rand() % 4]);
    put_label(b, "instance", values[rand() % 5]);
    if (rand() % 2)
        put_label(b, "job", values[rand() % 5]);
    for (int n = rand() % 4; n > 0; n--) {
        uint64_t bits;
        int64_t ms = times[rand() % (rand() % 8 ? 2 : 6)];
        memcpy(&bits, &numbers[rand() % 5], sizeof bits);
        put_sample(b, bits, ms, true);
    }
    if (rand() % 10 == 0)
        put_label(b, "late", "label");
    if (rand() % 10 == 0)
        b->ptr[(size_t)rand() % b->len] = (char)(rand() % 32);
}

static void check_same_rows(const WriteBatch *a, const WriteBatch *b)
{
    ck_assert_uint_eq(a ? wb_rows(a) : 0, b ? wb_rows(b) : 0);
    for (size_t i = 0; a && i < wb_rows(a); i++) {
        const BatchRow *x = wb_row_at(a, i), *y = wb_row_at(b, i);
        const RowShape *s = wb_shape(a, x->shape), *t = wb_shape(b, y->shape);
        ck_assert_uint_eq(x->series, y->series);
        ck_assert_int_eq(x->time, y->time);
        ck_assert_uint_eq(s->table, t->table);
        ck_assert_uint_eq(s->count, t->count); /* 1, or 2 of an exemplar */
        ck_assert_uint_eq(s->keys[0], t->keys[0]);
        ck_assert_uint_eq(batch_row_slots(x)[0], batch_row_slots(y)[0]);
    }
}

typedef struct TwoWays {
    Buf quick, slow;
} TwoWays;

static void two_ways_put(TwoWays *w, const Buf *series)
{
    Buf behind = {0};
    put_bytes(&w->quick, 1, buf_slice(series));
    buf_put(&behind, "\x78\x01", 2);
    buf_put_slice(&behind, buf_slice(series));
    put_bytes(&w->slow, 1, buf_slice(&behind));
    buf_free(&behind);
}

static void two_ways_check(TwoWays *w)
{
    bool ok, ok_slow;
    Err e;
    IngJob *a = env_run(&env, "/api/v1/write", buf_slice(&w->quick), ING_MS, &ok, &e);
    IngJob *b = env_run(&env, "/api/v1/write", buf_slice(&w->slow), ING_MS, &ok_slow, &e);
    ck_assert(ok && ok_slow);
    ck_assert_uint_eq(ing_job_error_count(a), ing_job_error_count(b));
    for (size_t k = 0; k < ING_ERRORS_KEPT && ing_job_error(a, k); k++) {
        ck_assert_uint_eq(ing_job_error(a, k)->line, ing_job_error(b, k)->line);
        ck_assert_str_eq(ing_job_error(a, k)->err.message, ing_job_error(b, k)->err.message);
    }
    WriteBatch *x = ing_job_take_batch(a), *y = ing_job_take_batch(b);
    check_same_rows(x, y);
    wb_free(x);
    wb_free(y);
    ing_job_stored(b);
    ing_job_free(b);
    ing_job_stored(a); /* freed last: the next quick body has this job again, if it was kept */
    ing_job_free(a);
    buf_free(&w->quick);
    buf_free(&w->slow);
}

START_TEST(remote_write_two_ways)
{
    srand(7);
    for (int i = 0; i < 500; i++) {
        TwoWays w = {0};
        for (int n = 0; n < 100; n++) {
            Buf series = {0};
            random_series(&series);
            two_ways_put(&w, &series);
            buf_free(&series);
        }
        two_ways_check(&w);
    }
}
END_TEST

/* Series of a sender in their order, now and then one left out, one put in, or another body end. */
START_TEST(remote_write_in_order)
{
    enum { ORDER = 150 };
    srand(8);
    env.seen = ing_seen_new();
    for (int i = 0, at = 0; i < 1000; i++) {
        TwoWays w = {0};
        for (int n = 20 + rand() % 60; n > 0; n--) {
            Buf series = {0};
            char host[20];
            int which = rand() % 40 ? at++ % ORDER : rand() % ORDER;
            snprintf(host, sizeof host, "host-%d", which / 3);
            put_label(&series, "__name__", which % 3 ? "in_order" : "in_order_too");
            put_label(&series, "instance", host);
            if (which % 3 == 2)
                put_label(&series, "job", "a");
            for (int k = rand() % 30 ? 1 : rand() % 3; k > 0; k--)
                put_sample(&series, (uint64_t)rand(), rand(), true);
            if (rand() % 400 == 0)
                put_label(&series, "late", "label");
            if (rand() % 1000 == 0)
                series.ptr[(size_t)rand() % series.len] = (char)(rand() % 32);
            two_ways_put(&w, &series);
            buf_free(&series);
        }
        two_ways_check(&w);
    }
    ing_seen_free(env.seen);
    env.seen = NULL;
}
END_TEST

/* ---- remote write: a job that was kept looks at its tables again ---- */
static void kept_body(const char *metric, TableId *table, uint32_t *key)
{
    Buf series = {0}, request = {0};
    bool ok;
    Err e;
    put_label(&series, "__name__", metric);
    put_label(&series, "job", "a");
    put_sample(&series, 1, 1000, false);
    put_sample(&series, 2, 2000, false);
    put_message(&request, 1, &series);
    IngJob *j = env_run(&env, "/api/v1/write", buf_slice(&request), ING_MS, &ok, &e);
    ck_assert(ok);
    ck_assert_uint_eq(ing_job_error_count(j), 0);
    ck_assert_uint_eq(ing_job_rows(j), 2);
    WriteBatch *wb = ing_job_take_batch(j);
    ck_assert_uint_eq(wb_rows(wb), 2);
    for (size_t i = 0; i < 2; i++) {
        const BatchRow *row = wb_row_at(wb, i);
        const RowShape *shape = wb_shape(wb, row->shape);
        ck_assert_uint_eq(shape->count, 1);
        ck_assert_uint_eq(batch_row_slots(row)[0], i + 1);
        ck_assert_int_eq(row->time, (int64_t)(i + 1) * 1000000000);
        *table = shape->table;
        *key = shape->keys[0];
    }
    wb_free(wb);
    ing_job_stored(j);
    ing_job_free(j);
    buf_free(&request);
}

static void edit_table(CatOp op, const TableDef *def)
{
    Err e;
    CatEdit edit = {.op = op, .id = def->id, .expect_version = def->version, .table = def};
    ck_assert_msg(engine_edit_catalog(env.engine, &edit, 1, &e), "%s", e.message);
}

/* The column of the values becomes another one of the same name. */
static void renew_column(TableId table, uint32_t key)
{
    Arena a;
    arena_init(&a, NULL);
    CatalogSnap *cat = engine_catalog(env.engine);
    TableDef *def = table_def_copy(&a, cat_table_by_id(cat, table));
    ColumnDef *columns = ARENA_ARRAY(&a, ColumnDef, def->column_count);
    memcpy(columns, def->columns, def->column_count * sizeof *columns);
    for (size_t i = 0; i < def->column_count; i++)
        if (columns[i].id == shape_key_id(key))
            columns[i].id = def->next_column++;
    def->columns = columns;
    edit_table(CAT_PUT_TABLE, def);
    cat_unref(cat);
    arena_free(&a);
}

START_TEST(remote_write_kept)
{
    TableId table, again, other;
    uint32_t key, same, renewed;
    env.seen = ing_seen_new();
    kept_body("kept", &table, &key);
    kept_body("kept", &again, &same);
    ck_assert_uint_eq(table, again);
    ck_assert_uint_eq(key, same);
    kept_body("another", &other, &same);
    ck_assert_uint_ne(table, other);
    kept_body("kept", &again, &same);
    ck_assert_uint_eq(table, again);
    renew_column(table, key);
    kept_body("kept", &again, &renewed);
    ck_assert_uint_eq(table, again);
    ck_assert_uint_ne(key, renewed);
    kept_body("kept", &again, &same);
    ck_assert_uint_eq(renewed, same);
    CatalogSnap *cat = engine_catalog(env.engine);
    edit_table(CAT_DROP_TABLE, cat_table_by_id(cat, table));
    cat_unref(cat);
    kept_body("kept", &again, &same);
    ck_assert_uint_ne(table, again);
    ing_seen_free(env.seen);
    env.seen = NULL;
}
END_TEST

/* Bytes that repeat near and far. */
static void repetitive(Buf *b)
{
    for (int n = rand() % 400; n > 0; n--) {
        size_t len = (size_t)(rand() % 4 ? rand() % 20 : rand() % 300);
        size_t back = 1 + (size_t)rand() % (rand() % 3 ? 30 : 100000);
        for (; len > 0; len--)
            buf_put_u8(b, back <= b->len && rand() % 50 ? (uint8_t)b->ptr[b->len - back]
                                                        : (uint8_t)rand());
    }
}

/* What the library gives, from whole blocks and from damaged ones. */
START_TEST(snappy_blocks)
{
    srand(9);
    for (int i = 0; i < 5000; i++) {
        Buf text = {0}, block = {0}, out = {0};
        static char want[1 << 20];
        size_t size = sizeof want;
        Err e;
        repetitive(&text);
        ing_encode_snappy(&block, buf_slice(&text));
        for (int n = rand() % 3; n > 0 && i % 2; n--)
            block.ptr[(size_t)rand() % block.len] = (char)rand();
        char *bytes = malloc(block.len); /* exact size: ASan sees one byte too many */
        size_t len = i % 5 ? block.len : (size_t)rand() % (block.len + 1);
        memcpy(bytes, block.ptr, len);
        if (snappy_uncompressed_length(bytes, len, &size) != SNAPPY_OK || size > sizeof want)
            size = 0;
        else
            size = sizeof want;
        bool good = size && snappy_uncompress(bytes, len, want, &size) == SNAPPY_OK;
        bool ok = ing_decode_body(&out, slice_of(bytes, len), SLICE_LIT("snappy"), sizeof want, &e);
        ck_assert_int_eq(ok, good);
        if (ok)
            ck_assert_uint_eq(out.len, size);
        if (ok && size)
            ck_assert_mem_eq(out.ptr, want, size);
        free(bytes);
        buf_free(&text);
        buf_free(&block);
        buf_free(&out);
    }
}
END_TEST

START_TEST(bodies)
{
    Buf out;
    Err e;
    buf_init(&out);
    static uint8_t packed[1 << 16], zeros[1 << 20];
    uLongf len = sizeof packed;
    z_stream z = {
        .next_in = zeros, .avail_in = sizeof zeros, .next_out = packed, .avail_out = sizeof packed};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    len = z.total_out;
    deflateEnd(&z);
    Slice gz = slice_of((char *)packed, len);
    ck_assert(ing_decode_body(&out, gz, SLICE_LIT("gzip"), sizeof zeros, &e));
    ck_assert_uint_eq(out.len, sizeof zeros);
    ck_assert(!ing_decode_body(&out, gz, SLICE_LIT("gzip"), sizeof zeros - 1, &e));
    ck_assert_int_eq(e.code, ERR_PROGRAM_LIMIT);
    ck_assert(
        !ing_decode_body(&out, slice_of(gz.ptr, gz.len - 9), SLICE_LIT("gzip"), sizeof zeros, &e));
    ck_assert_int_eq(e.code, ERR_INVALID_TEXT);
    ck_assert(!ing_decode_body(&out, SLICE_LIT("\xff\xff\xff\xff\x0f"), SLICE_LIT("snappy"),
                               1 << 20, &e));
    ck_assert(!ing_decode_body(&out, SLICE_LIT("x"), SLICE_LIT("br"), 1 << 20, &e));
    ck_assert_int_eq(e.code, ERR_INVALID_PARAMETER);
    /* two members in one body */
    memmove(packed + len, packed, len);
    ck_assert(ing_decode_body(&out, slice_of((char *)packed, 2 * len), SLICE_LIT("gzip"),
                              2 * sizeof zeros, &e));
    ck_assert_uint_eq(out.len, 2 * sizeof zeros);
    buf_free(&out);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("ingest");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, line_grammar);
    tcase_add_test(tc, line_numbers);
    tcase_add_test(tc, table_dropped_meanwhile);
    tcase_add_test(tc, constraints);
    tcase_add_test(tc, precisions);
    tcase_add_test(tc, json);
    tcase_add_test(tc, remote_write);
    tcase_add_test(tc, remote_write_two_ways);
    tcase_add_test(tc, remote_write_in_order);
    tcase_add_test(tc, remote_write_kept);
    tcase_add_test(tc, snappy_blocks);
    tcase_add_test(tc, remote_extras);
    tcase_add_test(tc, remote_write2);
    tcase_add_test(tc, remote_write2_refused);
    tcase_add_test(tc, bodies);
    return unit_run(tc);
}
