#include "tests/unit/expr_text.h"
#include "tests/unit/unit.h"

static const Case expr_cases[] = {
    {"1+1", "2"},
    {"1+2.5", "3.5"},
    {"2147483647+1", "ERROR:  22003: integer out of range"},
    {"9223372036854775807+1", "ERROR:  22003: bigint out of range"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"1/0", "ERROR:  22012: division by zero"},
    {"7/2", "3"},
    {"-7/2", "-3"},
    {"-7%3", "-1"},
    {"2/3.0", "0.66666666666666666667"},
    {"1e10/3", "3333333333.33333333"},
    {"100000000000000000000/7", "14285714285714285714"},
    {"1::float8/3", "0.3333333333333333"},
    {"1::float4/3", "0.3333333333333333"},
    {"1::int4+1::float4", "2"},
    {"1 = 1.0", "t"},
    {"'a' = 'a'", "t"},
    {"'abc'::text < 'abd'", "t"},
    {"true and null", ""},
    {"false and null", "f"},
    {"true or null", "t"},
    {"null is null", "t"},
    {"1 is distinct from null", "t"},
    {"1 in (1,2,3)", "t"},
    {"4 in (1,2,null)", ""},
    {"4 not in (1,2,3)", "t"},
    {"4 = any('{1,2,4}')", "t"},
    {"5 <> all(array[1,2])", "t"},
    {"coalesce(null, 2, 3)", "2"},
    {"greatest(1,2.5,null)", "2.5"},
    {"least('b','a')", "a"},
    {"nullif(1,1)", ""},
    {"case when 1>2 then 'x' else 'y' end", "y"},
    {"case when true then 1 else 1/0 end", "1"},
    {"array[1,2,3]", "{1,2,3}"},
    {"array[[1,2],[3,4]]", "{{1,2},{3,4}}"},
    {"array[1,2.5]", "{1,2.5}"},
    {"(array[1,2,3])[2]", "2"},
    {"('{{1,2},{3,4}}'::int[])[2][1]", "3"},
    {"array[1,2] = array[1,2]", "t"},
    {"array['a','b']::text[]", "{a,b}"},
    {"array[1,2]::text[]", "{1,2}"},
    {"'nan'::float8 = 'nan'::float8", "t"},
    {"'abc'::char(5) = 'abc'", "t"},
    {"1 + 'a'::text", "ERROR:  42883: operator does not exist: integer + text"},
    {"'a' + 1", "ERROR:  22P02: invalid input syntax for type integer: \"a\""},
    {"text 'a' < 1", "ERROR:  42883: operator does not exist: text < integer"},
    {"1 + true", "ERROR:  42883: operator does not exist: integer + boolean"},
    {"32767::int2 + 1::int2", "ERROR:  22003: smallint out of range"},
    {"1::int2 + 1", "2"},
    {"5 & 3", "1"},
    {"5 | 3", "7"},
    {"5 # 3", "6"},
    {"1 << 4", "16"},
    {"-8 >> 1", "-4"},
    {"@ -5", "5"},
    {"int4 '5' + int8 '6'", "11"},
    {"bool 't' = true", "t"},
    {"1e308::float8*10", "ERROR:  22003: value out of range: overflow"},
    {"1e-308::float8*1e-308", "ERROR:  22003: value out of range: underflow"},
    {"'infinity'::float8-'infinity'::float8", "NaN"},
    {"2^10", "1024"},
    {"2.0^10", "1024.0000000000000000"},
    {"array[1,2]::text", "{1,2}"},
    {"array[]::int[]", "{}"},
    {"'{}'::text[] = '{}'", "t"},
    {"'{\"a\":1,\"b\":2}'::jsonb - 'a'", "{\"b\": 2}"},
    {"'{\"a\":1}'::jsonb ? 'a'", "t"},
    {"-123456789012345678901234567890 / 7", "-17636684144620811271604938270"},
    {"123456789012345678901234567890 % 97", "52"},
    {"'abc' = any(array['abc','def'])", "t"},
    {"'abc' = any('{abc,def}'::varchar[])", "t"},
    {"1 <> all(array[2,3])", "t"},
    {"null = any(array[1])", ""},
    {"1 = any(array[2,null])", ""},
    {"1 in (2, null)", ""},
    {"('1 2 3'::int2vector)[0]", "1"},
    {"'5'::int2 = any('1 5'::int2vector)", "t"},
};

START_TEST(against_postgres)
{
    check_cases(expr_cases, ARRAY_LEN(expr_cases), "UTC");
}
END_TEST

/* Folding changes no answer. */
START_TEST(folded)
{
    for (size_t i = 0; i < ARRAY_LEN(expr_cases); i++) {
        Et t;
        Buf out;
        et_open(&t);
        buf_init(&out);
        et_eval(&t, expr_cases[i].expr, true, &out);
        ck_assert_msg(slice_eq_cstr(buf_slice(&out), expr_cases[i].expected), "%s: %.*s",
                      expr_cases[i].expr, SLICE_ARG(buf_slice(&out)));
        buf_free(&out);
        et_close(&t);
    }
}
END_TEST

/* ---- over batches ---- */

enum { N = 50 };

/* Columns: #0 int4 i (NULL where i % 7 = 3), #1 text dictionary, #2 float8 i / 2, #3 constant 10. */
static Batch make_batch(Et *t, uint16_t *sel)
{
    static const char *const words[] = {"alpha", "beta", "gamma"};
    Vector *cols = ARENA_ARRAY(&t->arena, Vector, 4);
    vec_init_flat(&cols[0], T_INT4, N, &t->arena);
    vec_init_flat(&cols[1], T_TEXT, 3, &t->arena);
    vec_init_flat(&cols[2], T_FLOAT8, N, &t->arena);
    Value ten = value_i64(10);
    vec_init_const(&cols[3], T_INT4, &ten, &t->arena);
    for (size_t i = 0; i < 3; i++)
        cols[1].v.str[i] = slice_cstr(words[i]);
    cols[1].kind = VEC_DICT;
    cols[1].dict_count = 3;
    cols[1].codes = ARENA_ARRAY(&t->arena, uint32_t, N);
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        Value v = value_i64((int64_t)i);
        v.null = i % 7 == 3;
        vec_set(&cols[0], i, &v, N, &t->arena);
        cols[1].codes[i] = (uint32_t)(i % 3);
        cols[2].v.f64[i] = (double)i / 2;
        if (i % 2 == 0)
            sel[n++] = (uint16_t)i;
    }
    return (Batch){.rows = N, .col_count = 4, .cols = cols, .sel = sel, .sel_count = n};
}

static Expr *col(Et *t, uint32_t i)
{
    static const TypeId types[] = {T_INT4, T_TEXT, T_FLOAT8, T_INT4};
    return expr_column(&t->arena, i, types[i], -1);
}

static Expr *lit(Et *t, const char *text)
{
    Expr *x = et_parse(t, text);
    ck_assert_msg(x != NULL, "%s", t->err.message);
    return x;
}

static Expr *op(Et *t, const char *name, Expr *l, Expr *r)
{
    Expr *x = et_op(t, slice_cstr(name), l, r);
    ck_assert_msg(!t->failed, "%s", t->err.message);
    return x;
}

START_TEST(arithmetic_over_selection)
{
    Et t;
    uint16_t sel[N];
    et_open(&t);
    Batch b = make_batch(&t, sel);
    Vector v;
    ck_assert(expr_eval(&t.ctx, op(&t, "+", op(&t, "*", col(&t, 0), lit(&t, "3")), col(&t, 3)), &b,
                        &v, &t.err));
    for (size_t i = 0; i < b.sel_count; i++) {
        size_t row = sel[i];
        ck_assert_int_eq(vec_is_null(&v, row), row % 7 == 3);
        if (row % 7 != 3)
            ck_assert_int_eq(vec_get(&v, row).u.i64, (int64_t)row * 3 + 10);
    }
    b.sel = NULL;
    ck_assert(expr_eval(&t.ctx, op(&t, ">=", col(&t, 2), lit(&t, "4.5::float8")), &b, &v, &t.err));
    for (size_t i = 0; i < N; i++)
        ck_assert_int_eq(vec_get(&v, i).u.b, i >= 9);
    et_close(&t);
}
END_TEST

/* Errors of rows outside the selection, or behind a decided AND, OR, CASE, COALESCE, do not happen. */
START_TEST(lazy)
{
    Et t;
    uint16_t sel[N];
    Vector v;
    et_open(&t);
    Batch b = make_batch(&t, sel);
    Expr *quotient =
        op(&t, "/", lit(&t, "100"), op(&t, "-", col(&t, 0), lit(&t, "5"))); /* fails at 5 */
    ck_assert(expr_eval(&t.ctx, quotient, &b, &v, &t.err)); /* 5 is odd: not selected */
    b.sel = NULL;
    ck_assert(!expr_eval(&t.ctx, quotient, &b, &v, &t.err));
    ck_assert_str_eq(err_sqlstate(t.err.code), "22012");
    Expr *guard = op(&t, "<>", col(&t, 0), lit(&t, "5")),
         *test = op(&t, ">", quotient, lit(&t, "0"));
    ck_assert(expr_eval(&t.ctx, et_logic(&t, EXPR_AND, guard, test), &b, &v, &t.err));
    ck_assert(expr_eval(&t.ctx, et_logic(&t, EXPR_OR, op(&t, "=", col(&t, 0), lit(&t, "5")), test),
                        &b, &v, &t.err));
    Expr *branches[3] = {guard, quotient, lit(&t, "-1")};
    Expr *choice = et_node(&t, EXPR_CASE, T_INT4, branches, 3);
    ck_assert(expr_eval(&t.ctx, choice, &b, &v, &t.err));
    ck_assert_int_eq(vec_get(&v, 5).u.i64, -1);
    ck_assert_int_eq(vec_get(&v, 6).u.i64, 100);
    ck_assert_int_eq(vec_get(&v, 3).u.i64, -1); /* NULL <> 5 is not true */
    Expr *parts[2] = {et_node(&t, EXPR_NULLIF, T_INT4, (Expr *[]){col(&t, 0), lit(&t, "6")}, 2),
                      quotient};
    ck_assert(expr_eval(&t.ctx, et_node(&t, EXPR_COALESCE, T_INT4, parts, 2), &b, &v, &t.err));
    ck_assert_int_eq(vec_get(&v, 6).u.i64, 100);
    ck_assert(vec_is_null(&v, 3));
    et_close(&t);
}
END_TEST

/* A function of a dictionary column is computed once an entry, and only for entries in use. */
START_TEST(dictionaries)
{
    Et t;
    uint16_t sel[N];
    Vector v;
    et_open(&t);
    Batch b = make_batch(&t, sel);
    Expr *args[1] = {col(&t, 1)};
    ck_assert(expr_eval(&t.ctx, et_call(&t, SLICE_LIT("upper"), args, 1), &b, &v, &t.err));
    ck_assert_int_eq(v.kind, VEC_DICT);
    for (size_t i = 0; i < b.sel_count; i++)
        ck_assert(slice_eq_cstr(vec_get(&v, sel[i]).u.str, sel[i] % 3 == 0   ? "ALPHA"
                                                           : sel[i] % 3 == 1 ? "BETA"
                                                                             : "GAMMA"));
    ck_assert(expr_filter(&t.ctx, op(&t, "=", col(&t, 1), lit(&t, "'beta'")), &b, &t.err));
    ck_assert_uint_eq(b.sel_count, 8);
    for (size_t i = 0; i < b.sel_count; i++)
        ck_assert_uint_eq(b.sel[i] % 6, 4);
    /* "gamma" is no number, but no selected row has it. */
    Expr *cast, *number = et_node(&t, EXPR_CASE, T_TEXT,
                                  (Expr *[]){op(&t, "=", col(&t, 1), lit(&t, "'beta'")),
                                             lit(&t, "'1'::text"), col(&t, 1)},
                                  3);
    ck_assert(expr_cast(&t.arena, NULL, number, T_INT4, -1, CAST_EXPLICIT, &cast, &t.err));
    ck_assert_msg(expr_eval(&t.ctx, cast, &b, &v, &t.err), "%s", t.err.message);
    et_close(&t);
}
END_TEST

START_TEST(in_lists)
{
    Et t;
    uint16_t sel[N];
    Vector v;
    et_open(&t);
    Batch b = make_batch(&t, sel);
    b.sel = NULL;
    Expr *args[14] = {col(&t, 0)};
    for (int i = 1; i <= 12; i++) { /* more than a set takes: hashed */
        Value item = value_i64(i * 4);
        args[i] = expr_const(&t.arena, T_INT4, &item);
    }
    Expr *in = et_node(&t, EXPR_IN_LIST, T_BOOL, args, 13);
    ck_assert(expr_eval(&t.ctx, in, &b, &v, &t.err));
    for (size_t i = 0; i < N; i++) {
        ck_assert_int_eq(vec_is_null(&v, i), i % 7 == 3);
        if (i % 7 != 3)
            ck_assert_int_eq(vec_get(&v, i).u.b, i > 0 && i % 4 == 0);
    }
    Value null = value_null();
    args[13] = expr_const(&t.arena, T_INT4, &null);
    in = et_node(&t, EXPR_IN_LIST, T_BOOL, args, 14);
    in->negated = true;
    ck_assert(expr_eval(&t.ctx, in, &b, &v, &t.err));
    for (size_t i = 0; i < N; i++) {
        bool found = i > 0 && i % 4 == 0 && i % 7 != 3;
        ck_assert_int_eq(vec_is_null(&v, i), !found);
        if (found)
            ck_assert(!vec_get(&v, i).u.b);
    }
    et_close(&t);
}
END_TEST

START_TEST(filters)
{
    Et t;
    uint16_t sel[N];
    et_open(&t);
    Batch b = make_batch(&t, sel);
    b.sel = NULL;
    Expr *both = et_logic(&t, EXPR_AND, op(&t, ">", col(&t, 0), lit(&t, "10")),
                          op(&t, "<", col(&t, 2), lit(&t, "10::float8")));
    ck_assert(expr_filter(&t.ctx, both, &b, &t.err));
    ck_assert_uint_eq(b.sel_count, 8); /* 11..19 without 17 */
    ck_assert(expr_filter(&t.ctx, lit(&t, "true"), &b, &t.err));
    ck_assert_uint_eq(b.sel_count, 8);
    ck_assert(expr_filter(&t.ctx, lit(&t, "null::bool"), &b, &t.err));
    ck_assert_uint_eq(b.sel_count, 0);
    ck_assert(expr_filter(
        &t.ctx, op(&t, "=", op(&t, "/", lit(&t, "1"), lit(&t, "0")), lit(&t, "1")), &b, &t.err));
    et_close(&t);
}
END_TEST

/* ---- trees ---- */

START_TEST(copies_print_alike)
{
    static const Case cases[] = {
        {"1 + 2 * 3", "(1 + (2 * 3))"},
        {"'a' || 'b'", "('a'::text || 'b'::text)"},
        {"upper('x') = 'X' and not 1 > 2", "((upper('x'::text) = 'X'::text) AND (NOT (1 > 2)))"},
        {"case when true then 1.5 end", "CASE WHEN true THEN 1.5 END"},
        {"1 in (1, 2)", "(1 = ANY (ARRAY[1, 2]))"},
        {"array[1, 2][1]", "ARRAY[1, 2][1]"},
        {"timestamp '2024-01-01' is null",
         "('2024-01-01 00:00:00'::timestamp without time zone IS NULL)"},
        {"-5", "(- 5)"},
        {"'1'::int4::text", "1::text"},
        {"null::int4", "NULL::integer"},
        {"coalesce(1, 2)", "COALESCE(1, 2)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Et t;
        Buf out;
        et_open(&t);
        /* Without folding: casts of literals only. */
        buf_init(&out);
        Expr *x = lit(&t, cases[i].expr), *copy = expr_copy(&t.arena, x);
        ck_assert(expr_equal(x, copy));
        expr_print(&out, copy, NULL);
        if (x->kind != EXPR_CONST) /* constant casts fold while they are built */
            ck_assert_msg(slice_eq_cstr(buf_slice(&out), cases[i].expected), "%s: %.*s",
                          cases[i].expr, SLICE_ARG(buf_slice(&out)));
        buf_free(&out);
        et_close(&t);
    }
}
END_TEST

START_TEST(differences_count)
{
    Et t;
    et_open(&t);
    ck_assert(!expr_equal(lit(&t, "1 + 2"), lit(&t, "1 + 3")));
    ck_assert(!expr_equal(lit(&t, "1.0"), lit(&t, "1.00")));
    ck_assert(!expr_equal(lit(&t, "1"), lit(&t, "1::int8")));
    ck_assert(!expr_equal(lit(&t, "1 in (1)"), lit(&t, "1 not in (1)")));
    ck_assert(expr_equal(lit(&t, "now() + '1 day'"), lit(&t, "now()   + '24:00'")) == false);
    ck_assert(expr_equal(lit(&t, "now() + '1 day'"), lit(&t, "now()   + '1 day'")));
    ck_assert(expr_is_const(lit(&t, "now()")));
    ck_assert(!expr_is_const(lit(&t, "random()")));
    ck_assert(expr_is_volatile(lit(&t, "1 + random()")));
    et_close(&t);
}
END_TEST

/* Immutable calls fold, stable ones do not; an error while folding waits for the run. */
START_TEST(what_folds)
{
    Et t;
    et_open(&t);
    Expr *x = lit(&t, "1 + 2");
    ck_assert(expr_fold(&t.arena, &t.ctx, &x, &t.err));
    ck_assert_int_eq(x->kind, EXPR_CONST);
    x = lit(&t, "now() - interval '1 hour' * 2");
    ck_assert(expr_fold(&t.arena, &t.ctx, &x, &t.err));
    ck_assert_int_eq(x->kind, EXPR_CALL);
    ck_assert_int_eq(x->args[1]->kind, EXPR_CONST);
    x = lit(&t, "case when now() is null then 1/0 else 2 end");
    ck_assert(expr_fold(&t.arena, &t.ctx, &x, &t.err));
    Value v;
    ck_assert_msg(expr_value(&t.ctx, x, &v, &t.err), "%s", t.err.message);
    x = et_logic(&t, EXPR_AND, col(&t, 0), lit(&t, "1 = 2"));
    ck_assert(expr_fold(&t.arena, &t.ctx, &x, &t.err));
    ck_assert_int_eq(x->kind, EXPR_CONST);
    et_close(&t);
}
END_TEST

/* ---- resolution ---- */

START_TEST(errors_have_hints)
{
    Et t;
    Buf out;
    et_open(&t);
    buf_init(&out);
    et_eval(&t, "'a'::text + 1", false, &out);
    ck_assert_str_eq(t.err.message, "operator does not exist: text + integer");
    ck_assert_str_eq(t.err.hint,
                     "No operator matches the given name and argument types. You might need to add "
                     "explicit type casts.");
    et_eval(&t, "upper(1, 2)", false, &out);
    ck_assert_str_eq(t.err.message, "function upper(integer, integer) does not exist");
    ck_assert_str_eq(t.err.hint,
                     "No function matches the given name and argument types. You might need to add "
                     "explicit type casts.");
    et_eval(&t, "'1' + '2'", false, &out);
    ck_assert_str_eq(err_sqlstate(t.err.code), "42725");
    ck_assert_str_eq(t.err.message, "operator is not unique: unknown + unknown");
    buf_free(&out);
    et_close(&t);
}
END_TEST

START_TEST(literals_know_their_position)
{
    Et t;
    et_open(&t);
    Value v = value_str(SLICE_LIT("12x"));
    Expr *x = expr_const(&t.arena, T_UNKNOWN, &v), *out;
    x->position = 42;
    ck_assert(!expr_cast(&t.arena, &t.ctx, x, T_INT4, -1, CAST_IMPLICIT, &out, &t.err));
    ck_assert_int_eq(t.err.position, 42);
    ck_assert_str_eq(t.err.message, "invalid input syntax for type integer: \"12x\"");
    et_close(&t);
}
END_TEST

START_TEST(cast_levels)
{
    exec_init();
    ck_assert(cast_exists(T_INT4, T_INT8, CAST_IMPLICIT));
    ck_assert(!cast_exists(T_INT8, T_INT4, CAST_IMPLICIT));
    ck_assert(cast_exists(T_INT8, T_INT4, CAST_ASSIGN));
    ck_assert(!cast_exists(T_INT4, T_BOOL, CAST_ASSIGN));
    ck_assert(cast_exists(T_INT4, T_BOOL, CAST_EXPLICIT));
    ck_assert(!cast_exists(T_TEXT, T_INT4, CAST_ASSIGN));
    ck_assert(cast_exists(T_TEXT, T_INT4, CAST_EXPLICIT));
    ck_assert(cast_exists(T_INT4, T_TEXT, CAST_ASSIGN));
    ck_assert(cast_exists(T_INT4_ARRAY, T_INT8_ARRAY, CAST_IMPLICIT));
    ck_assert(!cast_exists(T_BOOL, T_TIMESTAMP, CAST_EXPLICIT));
    ck_assert(cast_exists(T_UNKNOWN, T_UUID, CAST_IMPLICIT));
}
END_TEST

START_TEST(parameters)
{
    Et t;
    et_open(&t);
    Value params[1] = {value_i64(41)}, v;
    t.ctx.params = params;
    t.ctx.param_count = 1;
    Expr *p = expr_new(&t.arena, EXPR_PARAM, T_INT4, 0);
    Expr *x = op(&t, "+", p, lit(&t, "1"));
    ck_assert(expr_is_const(x));
    ck_assert(expr_fold(&t.arena, &t.ctx, &x, &t.err));
    ck_assert_int_eq(x->kind, EXPR_CALL); /* the value may change */
    ck_assert(expr_value(&t.ctx, x, &v, &t.err));
    ck_assert_int_eq(v.u.i64, 42);
    p->index = 1;
    ck_assert(!expr_value(&t.ctx, x, &v, &t.err));
    ck_assert_str_eq(t.err.message, "there is no parameter $2");
    et_close(&t);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("expr");
    tcase_add_test(tc, against_postgres);
    tcase_add_test(tc, folded);
    tcase_add_test(tc, arithmetic_over_selection);
    tcase_add_test(tc, lazy);
    tcase_add_test(tc, dictionaries);
    tcase_add_test(tc, in_lists);
    tcase_add_test(tc, filters);
    tcase_add_test(tc, copies_print_alike);
    tcase_add_test(tc, differences_count);
    tcase_add_test(tc, what_folds);
    tcase_add_test(tc, errors_have_hints);
    tcase_add_test(tc, literals_know_their_position);
    tcase_add_test(tc, cast_levels);
    tcase_add_test(tc, parameters);
    return unit_run(tc);
}
