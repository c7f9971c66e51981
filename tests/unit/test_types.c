#include "exec/array.h"
#include "exec/datetime.h"
#include "tests/unit/expr_text.h"
#include "tests/unit/unit.h"

static const Case type_cases[] = {
    {"1e15::float8", "1e+15"},
    {"123456789.123456789::float8", "123456789.12345679"},
    {"'{1,2,3}'::int[]", "{1,2,3}"},
    {"'{\"a b\",c,NULL,\"d\\\"e\"}'::text[]", "{\"a b\",c,NULL,\"d\\\"e\"}"},
    {"'[0:2]={1,2,3}'::int[]", "[0:2]={1,2,3}"},
    {"'{1,2'::int[]", "ERROR:  22P02: malformed array literal: \"{1,2\""},
    {"'{1,2}}'::int[]", "ERROR:  22P02: malformed array literal: \"{1,2}}\""},
    {"'1 2 3'::int2vector", "1 2 3"},
    {"'true'::bool", "t"},
    {"'of'::bool", "f"},
    {"'maybe'::bool", "ERROR:  22P02: invalid input syntax for type boolean: \"maybe\""},
    {"'12x'::int", "ERROR:  22P02: invalid input syntax for type integer: \"12x\""},
    {"'99999999999'::int", "ERROR:  22003: value \"99999999999\" is out of range for type integer"},
    {"' 12 '::int", "12"},
    {"'1e400'::float8", "ERROR:  22003: \"1e400\" is out of range for type double precision"},
    {"'-Infinity'::float8", "-Infinity"},
    {"'1.23e5'::numeric", "123000"},
    {"'0x1'::numeric", "ERROR:  22P02: invalid input syntax for type numeric: \"0x1\""},
    {"12345.678::numeric(7,2)", "12345.68"},
    {"12345.678::numeric(5,2)", "ERROR:  22003: numeric field overflow"},
    {"0.5::int", "1"},
    {"1.5::int", "2"},
    {"2.5::int", "3"},
    {"2.5::float8::int", "2"},
    {"-2.5::int", "-3"},
    {"'abcdef'::varchar(3)", "abc"},
    {"'abc'::char(5)", "abc  "},
    {"'abc'::char(5)::text", "abc"},
    {"1::text", "1"},
    {"1.50::text", "1.50"},
    {"true::text", "true"},
    {"1::bool", "t"},
    {"'\\xdeadbeef'::bytea", "\\xdeadbeef"},
    {"'abc\\000'::bytea", "\\x61626300"},
    {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {"'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {"'foo'::uuid", "ERROR:  22P02: invalid input syntax for type uuid: \"foo\""},
    {"'{\"b\":1, \"a\": [1,2.50, true,null, \"x\\u00e9\"]}'::jsonb",
     "{\"a\": [1, 2.50, true, null, \"xé\"], \"b\": 1}"},
    {"'{\"b\":1, \"a\": 2'::json", "ERROR:  22P02: invalid input syntax for type json"},
    {"'{\"b\":1,\"b\":2}'::json", "{\"b\":1,\"b\":2}"},
    {"'[1,2'::jsonb", "ERROR:  22P02: invalid input syntax for type json"},
    {"'foo'::json", "ERROR:  22P02: invalid input syntax for type json"},
    {"- 'a'::text", "ERROR:  42883: operator does not exist: - text"},
    {"'abc'::int4", "ERROR:  22P02: invalid input syntax for type integer: \"abc\""},
    {"'5'::\"char\"", "5"},
    {"65::\"char\"", "A"},
    {"'x'::\"char\"::int", "120"},
    {"25::regtype", "text"},
    {"'int4'::regtype", "integer"},
    {"'double precision'::regtype", "double precision"},
    {"'foo'::regtype", "ERROR:  42704: type \"foo\" does not exist"},
    {"1234567.891::float4", "1.2345679e+06"},
    {"1e-40::float4", "1e-40"},
    {"-0.0::float8", "-0"},
    {"1e100::numeric", "100000000000000000000000000000000000000000000000000000000000000000000000000"
                       "00000000000000000000000000"},
    {"1e-20::numeric", "0.00000000000000000001"},
    {"-'Infinity'::numeric", "-Infinity"},
    {"99999999999999999999::numeric::bigint", "ERROR:  22003: bigint out of range"},
    {"1e20::float8::numeric", "100000000000000000000"},
    {"0.1::float8::numeric", "0.1"},
    {"1.23456789012345678::float8::numeric", "1.23456789012346"},
    {"1.1::float4::numeric", "1.1"},
    {"1.1::float4::float8", "1.100000023841858"},
    {"'{1,2,3}'::int2vector", "ERROR:  22P02: invalid input syntax for type smallint: \"{1,2,3}\""},
};

START_TEST(against_postgres)
{
    check_cases(type_cases, ARRAY_LEN(type_cases), "UTC");
}
END_TEST

/* A text of each type that prints as it was read. */
static const struct {
    TypeId type;
    const char *text;
} samples[] = {
    {T_BOOL, "t"},
    {T_BYTEA, "\\xdeadbeef00"},
    {T_CHAR, "x"},
    {T_NAME, "pg_class"},
    {T_INT8, "-9223372036854775808"},
    {T_INT2, "-32768"},
    {T_INT4, "2147483647"},
    {T_INT2VECTOR, "1 2 3"},
    {T_OIDVECTOR, "23 25"},
    {T_TEXT, "h\xc3\xa4\xc3\x9f"},
    {T_OID, "4294967295"},
    {T_JSON, "{\"a\" : 1}"},
    {T_JSONB, "{\"a\": 1, \"bb\": [1.50, null, \"x\"]}"},
    {T_FLOAT4, "1e-05"},
    {T_FLOAT4, "3.4028235e+38"},
    {T_FLOAT4, "NaN"},
    {T_FLOAT8, "0.1"},
    {T_FLOAT8, "-1.7976931348623157e+308"},
    {T_FLOAT8, "Infinity"},
    {T_FLOAT8, "5e-324"},
    {T_BPCHAR, "ab  "},
    {T_VARCHAR, "ab"},
    {T_DATE, "2024-02-29"},
    {T_DATE, "0044-03-15 BC"},
    {T_DATE, "infinity"},
    {T_TIME, "23:59:59.999999"},
    {T_TIMESTAMP, "1969-12-31 23:59:59.5"},
    {T_TIMESTAMP, "-infinity"},
    {T_TIMESTAMPTZ, "2024-03-15 12:34:56.789+00"},
    {T_INTERVAL, "1 year 2 mons -3 days +04:05:06.7"},
    {T_NUMERIC, "-123456789012345678901234567890.12345"},
    {T_UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {T_REGTYPE, "double precision"},
    {T_INT4_ARRAY, "{{1,2},{3,NULL}}"},
    {T_INT8_ARRAY, "[0:2]={1,2,3}"},
    {T_TEXT_ARRAY, "{\"a,b\",\"\",\"NULL\",NULL,\"q\\\"uote\",plain}"},
    {T_NUMERIC_ARRAY, "{1.50,NaN}"},
    {T_TIMESTAMPTZ_ARRAY, "{\"2024-03-15 12:34:56+00\"}"},
};

/* text -> value -> text, and text -> value -> bytes -> value -> text; cut bytes are refused. */
START_TEST(text_and_binary)
{
    TypeEnv env = {.tz = tz_utc(), .extra_float_digits = 1};
    Arena a;
    Err e;
    const TypeDef *def = type_find(samples[_i].type);
    Value v, back;
    Buf text, bytes;
    arena_init(&a, NULL);
    buf_init(&text);
    buf_init(&bytes);
    ck_assert_msg(def->in(&env, slice_cstr(samples[_i].text), -1, &a, &v, &e), "%s: %s", def->name,
                  e.message);
    def->out(&env, &v, &text);
    ck_assert_msg(slice_eq_cstr(buf_slice(&text), samples[_i].text), "%s: %.*s", def->name,
                  SLICE_ARG(buf_slice(&text)));
    def->send(&env, &v, &bytes);
    Slice exact = {mem_dup(bytes.ptr, bytes.len), bytes.len}; /* a byte too many is seen */
    ck_assert_msg(def->recv(&env, exact, -1, &a, &back, &e), "%s: %s", def->name, e.message);
    ck_assert_int_eq(def->cmp(&v, &back), 0);
    ck_assert_uint_eq(def->hash(&v), def->hash(&back));
    buf_clear(&text);
    def->out(&env, &back, &text);
    ck_assert_msg(slice_eq_cstr(buf_slice(&text), samples[_i].text), "%s: %.*s", def->name,
                  SLICE_ARG(buf_slice(&text)));
    if (def->len > 0 && def->phys != PH_STR)
        ck_assert(!def->recv(&env, slice_of(exact.ptr, exact.len - 1), -1, &a, &back, &e));
    mem_free((void *)(uintptr_t)exact.ptr);
    buf_free(&text);
    buf_free(&bytes);
    arena_free(&a);
}
END_TEST

/* Wire times count from 2000-01-01. */
START_TEST(binary_epoch)
{
    Value v = value_i64(INT64_C(946684800000000) + 1);
    Buf bytes;
    buf_init(&bytes);
    type_find(T_TIMESTAMPTZ)->send(NULL, &v, &bytes);
    static const uint8_t one[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    ck_assert_mem_eq(bytes.ptr, one, 8);
    buf_clear(&bytes);
    v = value_i64(10958);
    type_find(T_DATE)->send(NULL, &v, &bytes);
    static const uint8_t day[4] = {0, 0, 0, 1};
    ck_assert_mem_eq(bytes.ptr, day, 4);
    buf_free(&bytes);
}
END_TEST

START_TEST(names)
{
    static const struct {
        const char *text;
        TypeId oid;
        int32_t typmod;
        const char *format;
    } rows[] = {
        {"int", T_INT4, -1, "integer"},
        {"double precision", T_FLOAT8, -1, "double precision"},
        {"NUMERIC(10,2)", T_NUMERIC, (10 << 16 | 2) + 4, "numeric(10,2)"},
        {"numeric(5,-2)[]", T_NUMERIC_ARRAY, (5 << 16 | (-2 & 0x7ff)) + 4, "numeric(5,-2)[]"},
        {"timestamp(3) with time zone", T_TIMESTAMPTZ, 3, "timestamp(3) with time zone"},
        {"timestamp  without time  zone", T_TIMESTAMP, -1, "timestamp without time zone"},
        {"character varying(12)", T_VARCHAR, 16, "character varying(12)"},
        {"char", T_BPCHAR, 5, "character(1)"},
        {"\"char\"", T_CHAR, -1, "\"char\""},
        {"pg_catalog.int8", T_INT8, -1, "bigint"},
        {"text[]", T_TEXT_ARRAY, -1, "text[]"},
        {"text[][]", T_TEXT_ARRAY, -1, "text[]"},
        {"int4[3]", T_INT4_ARRAY, -1, "integer[]"},
        {"float(24)", T_FLOAT4, -1, "real"},
        {"_int4", T_INT4_ARRAY, -1, "integer[]"},
        {"interval(2)", T_INTERVAL, 0x7fff << 16 | 2, "interval(2)"},
    };
    Arena a;
    Err e;
    arena_init(&a, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        TypeId oid;
        int32_t typmod;
        ck_assert_msg(type_parse_name(slice_cstr(rows[i].text), &oid, &typmod, &e), "%s: %s",
                      rows[i].text, e.message);
        ck_assert_msg(oid == rows[i].oid && typmod == rows[i].typmod, "%s: %u %d", rows[i].text,
                      oid, typmod);
        Slice f = type_format(&a, oid, typmod);
        ck_assert_msg(slice_eq_cstr(f, rows[i].format), "%s: %.*s", rows[i].text, SLICE_ARG(f));
    }
    TypeId oid;
    int32_t typmod;
    ck_assert(!type_parse_name(SLICE_LIT("foo"), &oid, &typmod, &e));
    ck_assert_str_eq(e.message, "type \"foo\" does not exist");
    ck_assert(!type_parse_name(SLICE_LIT("numeric(2000)"), &oid, &typmod, &e));
    ck_assert(!type_parse_name(SLICE_LIT("int4(3)"), &oid, &typmod, &e));
    ck_assert(!type_parse_name(SLICE_LIT("varchar(0)"), &oid, &typmod, &e));
    arena_free(&a);
}
END_TEST

/* Every row is complete, and arrays and elements point at each other. */
START_TEST(table_is_sane)
{
    for (size_t i = 0; i < type_count(); i++) {
        const TypeDef *def = type_at(i);
        ck_assert_ptr_eq(type_find(def->oid), def);
        ck_assert(def->name && def->display && def->in && def->out && def->recv && def->send &&
                  def->cmp && def->hash);
        if (def->array_oid)
            ck_assert_uint_eq(type_find(def->array_oid)->elem_oid, def->oid);
    }
}
END_TEST

static void fill(Vector *v, TypeId type, size_t n, Arena *a)
{
    vec_init_flat(v, type, n, a);
    for (size_t i = 0; i < n; i++) {
        Value item = value_str(arena_printf(a, "s%zu", i % 7));
        item.null = i % 5 == 0;
        vec_set(v, i, &item, n, a);
    }
}

/* A copy has the selected rows, dense, whatever form the columns had. */
START_TEST(batches)
{
    Arena a, b;
    arena_init(&a, NULL);
    arena_init(&b, NULL);
    enum { N = 100 };
    Vector cols[3];
    fill(&cols[0], T_TEXT, N, &a);
    Value seven = value_i64(7);
    vec_init_const(&cols[1], T_INT8, &seven, &a);
    fill(&cols[2], T_TEXT, 8, &a);
    cols[2].kind = VEC_DICT;
    cols[2].dict_count = 8;
    cols[2].codes = ARENA_ARRAY(&a, uint32_t, N);
    uint16_t sel[N];
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        cols[2].codes[i] = (uint32_t)(i % 8);
        if (i % 3 == 0)
            sel[n++] = (uint16_t)i;
    }
    Batch batch = {.rows = N, .col_count = 3, .cols = cols, .sel = sel, .sel_count = n}, copy;
    batch_copy(&copy, &batch, &b);
    ck_assert_uint_eq(copy.rows, n);
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < n; i++) {
            Value x = vec_get(&cols[c], sel[i]), y = vec_get(&copy.cols[c], i);
            ck_assert_int_eq(x.null, y.null);
            if (!x.null)
                ck_assert_int_eq(type_find(cols[c].type)->cmp(&x, &y), 0);
        }
    }
    vec_flatten(&cols[2], &batch, &a);
    ck_assert_int_eq(cols[2].kind, VEC_FLAT);
    arena_free(&a); /* the copy owes nothing to it */
    for (size_t i = 0; i < n; i++)
        if (!vec_is_null(&copy.cols[2], i))
            ck_assert_int_eq(vec_get(&copy.cols[2], i).u.str.ptr[0], 's');
    arena_free(&b);
}
END_TEST

START_TEST(bad_arrays)
{
    static const char *const texts[] = {
        "",         "{",           "}",           "{1",      "{1,}",
        "{,1}",     "{1}}",        "{{1},{1,2}}", "{1,{2}}", "[1:2={1,2}",
        "[2:1]={}", "[1:3]={1,2}", "{\"a}",       "{1}x",    "{{{{{{{1}}}}}}}"};
    TypeEnv env = {.tz = tz_utc()};
    Arena a;
    Err e;
    arena_init(&a, NULL);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        Value v;
        ck_assert_msg(!array_in(&env, T_TEXT, slice_cstr(texts[i]), -1, &a, &v, &e), "%s",
                      texts[i]);
    }
    arena_free(&a);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("types");
    tcase_add_test(tc, against_postgres);
    tcase_add_loop_test(tc, text_and_binary, 0, (int)ARRAY_LEN(samples));
    tcase_add_test(tc, binary_epoch);
    tcase_add_test(tc, names);
    tcase_add_test(tc, table_is_sane);
    tcase_add_test(tc, batches);
    tcase_add_test(tc, bad_arrays);
    return unit_run(tc);
}
