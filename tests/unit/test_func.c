#include "exec/agg.h"
#include "tests/unit/expr_text.h"
#include "tests/unit/unit.h"

#include <math.h>

static const Case func_cases[] = {
    {"pg_typeof(1)", "integer"},
    {"foo(1)", "ERROR:  42883: function foo(integer) does not exist"},
    {"~5", "-6"},
    {"abs(-5.5)", "5.5"},
    {"mod(7,3)", "1"},
    {"'a'::name || 'b'", "ab"},
    {"int4(5.6)", "6"},
    {"float8('1.5')", "1.5"},
    {"'a'::name || 'b'", "ab"},
    {"'abc' || 1", "abc1"},
    {"1 || 'abc'", "1abc"},
    {"'a'::text || null", ""},
    {"'a'::char(3) || 'b'", "ab"},
    {"array[1,2] || 3", "{1,2,3}"},
    {"3 || array[1,2]", "{3,1,2}"},
    {"array[1,2] || array[3]", "{1,2,3}"},
    {"array[1,2] || '{5,6}'", "{1,2,5,6}"},
    {"length('häß')", "3"},
    {"octet_length('häß')", "5"},
    {"lower('ABC')", "abc"},
    {"initcap('hello wORLD foo_bar')", "Hello World Foo_Bar"},
    {"substr('abcdef', 2)", "bcdef"},
    {"substr('abcdef', 2, 3)", "bcd"},
    {"substr('abcdef', -1, 4)", "ab"},
    {"substring('abcdef', 2, -1)", "ERROR:  22011: negative substring length not allowed"},
    {"substring('foobar', 'o.b')", "oob"},
    {"substring('foobar', 'o(.)b')", "o"},
    {"left('abcdef', -2)", "abcd"},
    {"right('abcdef', -2)", "cdef"},
    {"right('abcdef', 2)", "ef"},
    {"strpos('high', 'ig')", "2"},
    {"split_part('a,b,c', ',', 2)", "b"},
    {"split_part('a,b,c', ',', -1)", "c"},
    {"split_part('a,b,c', ',', 0)", "ERROR:  22023: field position must not be zero"},
    {"split_part('a,b,c', '', 1)", "a,b,c"},
    {"btrim('xyxtrimyyx', 'xyz')", "trim"},
    {"ltrim('  x ')", "x "},
    {"rtrim('testxxzx', 'xyz')", "test"},
    {"concat('a', 1, null, true, 2.5)", "a1t2.5"},
    {"concat_ws(',', 'a', null, 1)", "a,1"},
    {"repeat('ab', 3)", "ababab"},
    {"reverse('äbc')", "cbä"},
    {"lpad('hi', 5, 'xy')", "xyxhi"},
    {"rpad('hi', 5, 'xy')", "hixyx"},
    {"lpad('hello', 2)", "he"},
    {"replace('abcabc', 'b', 'XX')", "aXXcaXXc"},
    {"translate('12345', '143', 'ax')", "a2x5"},
    {"overlay('Txxxxas', 'hom', 2, 4)", "Thomas"},
    {"chr(8364)", "€"},
    {"ascii('€')", "8364"},
    {"chr(0)", "ERROR:  54000: null character not permitted"},
    {"md5('hello')", "5d41402abc4b2a76b9719d911017c592"},
    {"md5('')", "d41d8cd98f00b204e9800998ecf8427e"},
    {"md5('The quick brown fox jumps over the lazy dog and then some more to exceed block size')",
     "68ed08df527fbbe73b7d9fe7d97eec5b"},
    {"encode('abc'::bytea, 'base64')", "YWJj"},
    {"encode('\\x00ff'::bytea, 'escape')", "\\000\\377"},
    {"decode('YWJj', 'base64')", "\\x616263"},
    {"decode('616263', 'hex')", "\\x616263"},
    {"to_hex(255)", "ff"},
    {"to_hex(-1)", "ffffffff"},
    {"to_hex(-1::bigint)", "ffffffffffffffff"},
    {"quote_ident('Foo')", "\"Foo\""},
    {"quote_ident('select')", "\"select\""},
    {"quote_ident('foo')", "foo"},
    {"quote_literal('it''s')", "'it''s'"},
    {"quote_literal('a\\b')", "E'a\\\\b'"},
    {"quote_literal(42)", "'42'"},
    {"quote_nullable(null)", "NULL"},
    {"format('Hello %s, %1$s %I %L', 'World', 'Foo', 'it''s')",
     "Hello World, World \"Foo\" 'it''s'"},
    {"format('%10s|%-10s|', 'a', 'b')", "         a|b         |"},
    {"format('%%')", "%"},
    {"format('%s')", "ERROR:  22023: too few arguments for format()"},
    {"format('%x', 1)", "ERROR:  22023: unrecognized format() type specifier \"x\""},
    {"parse_ident('\"SomeSchema\".someTable')", "{SomeSchema,sometable}"},
    {"parse_ident('foo bar')", "ERROR:  22023: string is not a valid identifier: \"foo bar\""},
    {"string_to_array('a,b,,c', ',')", "{a,b,\"\",c}"},
    {"string_to_array('a,b,,c', ',', '')", "{a,b,NULL,c}"},
    {"string_to_array('abc', null)", "{a,b,c}"},
    {"array_to_string(array[1,null,3], ',', '*')", "1,*,3"},
    {"array_to_string(array[1,null,3], ',')", "1,3"},
    {"regexp_replace('foobarbaz', 'b(..)', 'X\\1Y')", "fooXarYbaz"},
    {"regexp_replace('foobarbaz', 'b(..)', 'X\\1Y', 'g')", "fooXarYXazY"},
    {"regexp_match('foobarbequebaz', '(bar)(beque)')", "{bar,beque}"},
    {"regexp_split_to_array('the quick brown fox', '\\s+')", "{the,quick,brown,fox}"},
    {"regexp_split_to_array('abc', '')", "{a,b,c}"},
    {"starts_with('alphabet', 'alph')", "t"},
    {"'abc' like 'a%'", "t"},
    {"'abc' like '_b_'", "t"},
    {"'abc' not like '%d%'", "t"},
    {"'a%c' like 'a\\%c'", "t"},
    {"'abc' like 'abc\\'", "f"},
    {"'ABC' ilike 'a_c'", "t"},
    {"'foobar' ~ 'o+b'", "t"},
    {"'foobar' ~* 'O+B'", "t"},
    {"'foobar' !~ 'x'", "t"},
    {"'foobar' ~ '('", "ERROR:  2201B: invalid regular expression: parentheses () not balanced"},
    {"'abc' ~ similar_to_escape('a(b|c)%')", "t"},
    {"like_escape('a$%b', '$')", "a\\%b"},
    {"cbrt(27)", "3.0000000000000004"},
    {"mod(7.5, 2)", "1.5"},
    {"div(7,2)", "3"},
    {"div(-7.5,2)", "-3"},
    {"gcd(1071,462)", "21"},
    {"lcm(4,6)", "12"},
    {"gcd(8.8, 2.2)", "2.2"},
    {"factorial(20)", "2432902008176640000"},
    {"pi()", "3.141592653589793"},
    {"degrees(0.5)", "28.64788975654116"},
    {"sin(1)", "0.8414709848078965"},
    {"cos(1)", "0.5403023058681398"},
    {"tan(1)", "1.5574077246549023"},
    {"asin(0.5)", "0.5235987755982989"},
    {"atan2(1,2)", "0.4636476090008061"},
    {"sind(30)", "0.5"},
    {"width_bucket(5.35, 0.024, 10.06, 5)", "3"},
    {"width_bucket(5.35::float8, 0.024, 10.06, 5)", "3"},
    {"sign(-5.5)", "-1"},
    {"scale(8.4100)", "4"},
    {"trim_scale(8.4100)", "8.41"},
    {"min_scale(8.4100)", "2"},
    {"array_length(array[1,2,3], 1)", "3"},
    {"array_upper('[0:2]={1,2,3}'::int[], 1)", "2"},
    {"array_dims('{{1,2},{3,4}}'::int[])", "[1:2][1:2]"},
    {"cardinality('{{1,2},{3,4}}'::int[])", "4"},
    {"array_append(array[1,2], 3)", "{1,2,3}"},
    {"array_prepend(1, array[2])", "{1,2}"},
    {"array_cat(array[1], array[2,3])", "{1,2,3}"},
    {"array_cat('{{1,2}}'::int[], array[3,4])", "{{1,2},{3,4}}"},
    {"array_position(array['a','b'], 'b')", "2"},
    {"array_positions(array['A','A','B'], 'A')", "{1,2}"},
    {"array_remove(array[1,2,3,2], 2)", "{1,3}"},
    {"array_replace(array[1,2,5,4], 5, 3)", "{1,2,3,4}"},
    {"array[1,4,3] @> array[3,1]", "t"},
    {"array[1,2] && array[2,3]", "t"},
    {"array_fill(7, array[3])", "{7,7,7}"},
    {"array_append(null::int[], 1)", "{1}"},
    {"array_append(array[1], 2.5)", "{1,2.5}"},
    {"'{\"a\":{\"b\":[1,2,{\"c\":\"x\"}]}}'::json -> 'a'", "{\"b\":[1,2,{\"c\":\"x\"}]}"},
    {"'{\"a\":{\"b\":[1,2,{\"c\":\"x\"}]}}'::json #>> '{a,b,2,c}'", "x"},
    {"'[1,2,3]'::json -> -1", "3"},
    {"'[1,2,3]'::json ->> 5", ""},
    {"'{\"a\":null}'::jsonb ->> 'a'", ""},
    {"'{\"a\":null}'::jsonb -> 'a'", "null"},
    {"jsonb_typeof('[1]')", "array"},
    {"json_build_object('a', 1, 'b', array[1,2], 'c', null)",
     "{\"a\" : 1, \"b\" : [1,2], \"c\" : null}"},
    {"jsonb_build_object('b', 1, 'a', 'x')", "{\"a\": \"x\", \"b\": 1}"},
    {"json_build_array(1, 'a', true)", "[1, \"a\", true]"},
    {"to_json('he said \"hi\"'::text)", "\"he said \\\"hi\\\"\""},
    {"to_jsonb(1.50)", "1.50"},
    {"'{\"a\":1,\"b\":2}'::jsonb @> '{\"a\":1}'", "t"},
    {"'{\"a\":1}'::jsonb || '{\"b\":2}'", "{\"a\": 1, \"b\": 2}"},
    {"json_array_length('[1,2,3]')", "3"},
    {"('{\"a\": 5}'::jsonb -> 'a')::int", "5"},
    {"pg_typeof(1.5)", "numeric"},
    {"pg_typeof(array[1,2])", "integer[]"},
    {"num_nulls(1, null, 2)", "1"},
    {"pg_size_pretty(1024::bigint*1024*50)", "50 MB"},
    {"pg_size_pretty(10239::bigint)", "10239 bytes"},
    {"pg_size_pretty(-1500000000::bigint)", "-1431 MB"},
    {"array_upper('1 2 3'::int2vector, 1)", "2"},
    {"to_char(485, '999')", " 485"},
    {"to_char(-485, '999')", "-485"},
    {"to_char(485, '9 9 9')", " 4 8 5"},
    {"to_char(1485, '9,999')", " 1,485"},
    {"to_char(1485, '9G999')", " 1,485"},
    {"to_char(148.5, '999.999')", " 148.500"},
    {"to_char(148.5, 'FM999.999')", "148.5"},
    {"to_char(148.5, 'FM999.990')", "148.500"},
    {"to_char(148.5, '999D999')", " 148.500"},
    {"to_char(3148.5, '9G999D999')", " 3,148.500"},
    {"to_char(-485, '999S')", "485-"},
    {"to_char(-485, '999MI')", "485-"},
    {"to_char(485, '999MI')", "485 "},
    {"to_char(485, 'FM999MI')", "485"},
    {"to_char(485, 'PL999')", "+ 485"},
    {"to_char(485, 'SG999')", "+485"},
    {"to_char(-485, 'SG999')", "-485"},
    {"to_char(-485, '9SG99')", "4-85"},
    {"to_char(-485, '999PR')", "<485>"},
    {"to_char(485, '999PR')", " 485 "},
    {"to_char(482, '999th')", " 482nd"},
    {"to_char(485, '\"Good number:\"999')", "Good number: 485"},
    {"to_char(485.8, '\"Pre:\"999\" Post:\" .999')", "Pre: 485 Post: .800"},
    {"to_char(12, '99V999')", " 12000"},
    {"to_char(12.4, '99V999')", " 12400"},
    {"to_char(0.1, '9.9')", "  .1"},
    {"to_char(0.1, '0.9')", " 0.1"},
    {"to_char(-0.1, '99.99')", "  -.10"},
    {"to_char(-0.1, 'FM9.99')", "-.1"},
    {"to_char(0, '9')", " 0"},
    {"to_char(0, '9.99')", "  .00"},
    {"to_char(12345, '999')", " ###"},
    {"to_char(12, '0000')", " 0012"},
    {"to_char(12, 'FM0000')", "0012"},
    {"to_char(-12, '0000')", "-0012"},
    {"to_char(12, '99990')", "    12"},
    {"to_char(1234567.891, '9,999,999.99')", " 1,234,567.89"},
    {"to_char(123.456::float8, '999.99')", " 123.46"},
    {"to_char(0.00012345, '9.999EEEE')", " 1.235e-04"},
    {"to_char(12345, '9.99EEEE')", " 1.23e+04"},
    {"to_char(-12345, '9.99EEEE')", "-1.23e+04"},
    {"to_char(125, 'S999')", "+125"},
    {"to_char(-125, 'S999')", "-125"},
    {"to_char(12, 'S9999')", "  +12"},
    {"to_char('NaN'::numeric, '999')", " NaN"},
    {"to_char(1e10::float8, '99999999999.9')", " 10000000000.0"},
    {"to_char(2.5, '9')", " 3"},
    {"to_number('-34,338,492', '99G999G999')", "-34338492"},
    {"to_number('123.45', '999D99')", "123.45"},
};

START_TEST(against_postgres)
{
    check_cases(func_cases, ARRAY_LEN(func_cases), "UTC");
}
END_TEST

/* Every row has a text, and no signature is there twice. */
START_TEST(tables_are_sane)
{
    exec_init();
    for (size_t i = 0; i < func_count(); i++) {
        const FuncDef *f = func_at(i);
        ck_assert_msg(f->text && f->text[0], "%s has no text", f->signature);
        bool runs = f->kernel || f->scalar || f->agg || f->srf || (f->flags & FN_WINDOW);
        ck_assert_msg(runs, "%s does nothing", f->signature);
        ck_assert(!f->agg == !(f->flags & FN_AGG));
        ck_assert(!f->srf == !(f->flags & FN_SRF));
        for (size_t k = 0; k < i; k++) {
            ck_assert_msg(func_at(k)->oid != f->oid, "oid of %s", f->signature);
            bool same = strcmp(func_at(k)->name, f->name) == 0 &&
                        func_at(k)->arg_count == f->arg_count &&
                        memcmp(func_at(k)->args, f->args, f->arg_count * sizeof f->args[0]) == 0 &&
                        ((func_at(k)->flags ^ f->flags) & FN_VARIADIC) == 0;
            ck_assert_msg(!same, "%s is there twice", f->signature);
        }
    }
}
END_TEST

/* Values at the edges of each type, as text. */
static const struct {
    TypeId type;
    const char *texts[12];
} edges[] = {
    {T_BOOL, {"t", "f"}},
    {T_INT2, {"0", "1", "-1", "32767", "-32768", "7"}},
    {T_INT4, {"0", "1", "-1", "2147483647", "-2147483648", "2", "1000", "-63"}},
    {T_INT8, {"0", "1", "-1", "9223372036854775807", "-9223372036854775808", "4294967296", "3"}},
    {T_FLOAT4, {"0", "-0", "1.5", "NaN", "Infinity", "-Infinity", "3.4e38", "1e-45"}},
    {T_FLOAT8,
     {"0", "-0", "0.5", "-2.5", "NaN", "Infinity", "-Infinity", "1.7e308", "5e-324", "1e18"}},
    {T_NUMERIC,
     {"0", "0.00", "1", "-1.5", "NaN", "Infinity", "-Infinity", "99999999999999999999.99", "1e-30",
      "9223372036854775808", "-0.5", "12345.678"}},
    {T_TEXT,
     {"", "a", "h\xc3\xa4\xc3\x9f\xe2\x82\xac", "%_\\%", "\\", "{1,2}", "12", "year", "UTC",
      "YYYY-MM-DD HH24:MI:SS.MS TZ", "S9G999D99MIPR", "(a|b)*c["}},
    {T_NAME, {"", "pg_class"}},
    {T_BPCHAR, {"", "a  "}},
    {T_VARCHAR, {"", "abc"}},
    {T_CHAR, {"", "x"}},
    {T_BYTEA, {"", "\\xdeadbeef", "\\x00"}},
    {T_DATE,
     {"1970-01-01", "2024-02-29", "infinity", "-infinity", "4714-11-24 BC", "5874897-12-31"}},
    {T_TIME, {"00:00", "24:00", "23:59:59.999999"}},
    {T_TIMETZ, {"00:00+00", "24:00-15:59:59", "23:59:59.999999+15:59:59"}},
    {T_TIMESTAMP,
     {"1970-01-01", "2024-02-29 12:34:56.789", "infinity", "-infinity", "4714-11-24 BC",
      "294247-01-10 04:00:54"}},
    {T_TIMESTAMPTZ,
     {"1970-01-01", "2024-03-31 01:30Z", "infinity", "-infinity", "4714-11-24 BC",
      "294247-01-10 04:00:54Z"}},
    {T_INTERVAL,
     {"0", "1 day", "-1 mon", "178956970 years 7 mons", "2147483647 days", "1 us",
      "-2147483648 days", "2562047788:00:54.775807", "1 mon -1 day 00:00:01"}},
    {T_UUID, {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
    {T_JSON, {"null", "{\"a\": [1, {\"b\": null}]}", "[]", "\"x\"", "[1,2]"}},
    {T_JSONB, {"null", "{\"a\": [1, {\"b\": null}]}", "[]", "\"x\"", "[1,2]", "1e5", "true"}},
    {T_JSONPATH, {"$", "$.a[*] ? (@ > 1)", "strict $.x", "$.**.keyvalue()", "-$[0 to last] + 1"}},
    {T_OID, {"0", "23", "4294967295"}},
    {T_XID, {"0", "4294967295"}},
    {T_REGTYPE, {"0", "23"}},
    {T_REGPROC, {"0"}},
    {T_REGCLASS, {"0", "7"}},
    {T_REGNAMESPACE, {"0"}},
    {T_REGROLE, {"0"}},
    {T_INT4_ARRAY,
     {"{}", "{1,2,3}", "{{1,2},{3,4}}", "{NULL}", "[-2147483648:-2147483647]={1,2}",
      "[2147483645:2147483646]={1,2}"}},
    {T_TEXT_ARRAY, {"{}", "{a,NULL,\"\"}", "{{a},{b}}"}},
    {T_FLOAT8_ARRAY, {"{0.5,NaN}"}},
    {T_INT2VECTOR, {"", "1 2"}},
    {T_OIDVECTOR, {"", "23 25"}},
    {T_UNKNOWN, {"1", "x", "now"}},
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* A value for an argument; for a polymorphic one of some type that fits the others. */
static Value edge_value(Et *t, TypeId declared, uint32_t *rng, TypeId *type)
{
    *type = declared == T_ANYARRAY                                  ? T_INT4_ARRAY
            : declared == T_ANYELEMENT || declared == T_ANYNONARRAY ? T_INT4
                                                                    : declared;
    if (declared == T_ANY)
        *type = edges[next_random(rng) % ARRAY_LEN(edges)].type;
    for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
        size_t n = 0;
        Value v;
        if (edges[i].type != *type)
            continue;
        while (n < ARRAY_LEN(edges[i].texts) && edges[i].texts[n])
            n++;
        const char *text = edges[i].texts[next_random(rng) % n];
        ck_assert_msg(
            type_find(*type)->in(&t->ctx.env, slice_cstr(text), -1, &t->arena, &v, &t->err),
            "%s: %s", text, t->err.message);
        v.null = next_random(rng) % 12 == 0;
        return v;
    }
    ck_assert_msg(*type == T_RECORD, "no values of type %s",
                  type_find(*type)->name); /* records have no text form to read */
    return value_null();
}

/* Every function with edge values: it answers or fails with an error, and its answer can be written in
 * both forms.  The sanitizers look for the rest. */
START_TEST(edge_values)
{
    uint32_t rng = 42;
    exec_init();
    for (size_t i = 0; i < func_count(); i++) {
        const FuncDef *f = func_at(i);
        if (f->flags & (FN_AGG | FN_SRF | FN_WINDOW) || f->name[0] == '$')
            continue;
        for (int k = 0; k < 150; k++) {
            Et t;
            Value args[10], out;
            TypeId types[10], result = f->result;
            et_open(&t);
            t.ctx.env.tz =
                tz_find(k % 2 ? SLICE_LIT("America/New_York") : SLICE_LIT("UTC"), &t.err);
            for (size_t a = 0; a < f->arg_count; a++)
                args[a] = edge_value(&t, f->args[a], &rng, &types[a]);
            if (result == T_ANYARRAY)
                result = T_INT4_ARRAY;
            else if (result == T_ANYELEMENT)
                result = T_INT4;
            err_clear(&t.err);
            Expr *consts[10];
            for (size_t a = 0; a < f->arg_count; a++)
                consts[a] = expr_const(&t.arena, types[a], &args[a]);
            Expr *call = expr_call(&t.arena, f, result, consts, f->arg_count, 0);
            if (expr_value(&t.ctx, call, &out, &t.err)) {
                Buf b;
                buf_init(&b);
                if (!out.null) {
                    type_find(result)->out(&t.ctx.env, &out, &b);
                    type_find(result)->send(&t.ctx.env, &out, &b);
                    (void)type_find(result)->hash(&out);
                }
                buf_free(&b);
            } else {
                ck_assert_msg(t.err.code != ERR_OK && t.err.code != ERR_INTERNAL, "%s: %s",
                              f->signature, t.err.message);
            }
            et_close(&t);
        }
    }
}
END_TEST

/* ---- aggregates: expressions over i (0..n-1), against PostgreSQL's answers ---- */

typedef struct AggCase {
    const char *name;
    const char *args[4]; /* over $1 = i */
    const char *expected;
} AggCase;

/* for i in generate_series(0, 19) */
static const AggCase agg_cases[] = {
    {"count", {"$1"}, "20"},
    {"count", {"nullif($1 % 5, 0)"}, "16"},
    {"sum", {"$1"}, "190"},
    {"sum", {"$1::int8"}, "190"},
    {"sum", {"$1 * 9223372036854775807::numeric"}, "1752440687002407403330"},
    {"sum", {"(9223372036854775800 + $1 % 8)::int8"}, "184467440737095516062"},
    {"sum", {"$1::float8 / 10"}, "19"},
    {"sum", {"$1 / 8.0"}, "23.75000000000000000000"},
    {"sum", {"make_interval(0, 0, 0, $1)"}, "190 days"},
    {"sum", {"null::int4"}, "NULL"},
    {"avg", {"$1"}, "9.5000000000000000"},
    {"avg", {"$1::int8 * 1000000007"}, "9500000066.50000000"},
    {"avg", {"$1::float8"}, "9.5"},
    {"avg", {"$1 / 8.0"}, "1.18750000000000000000"},
    {"avg", {"make_interval(0, 0, 0, $1)"}, "9 days 12:00:00"},
    {"min", {"$1 - 7"}, "-7"},
    {"max", {"$1 - 7"}, "12"},
    {"max", {"chr(97 + $1)"}, "t"},
    {"min", {"($1 % 3)::float8"}, "0"},
    {"max", {"case when $1 = 3 then 'NaN'::float8 else $1 end"}, "NaN"},
    {"min", {"case when $1 = 3 then 'NaN'::float8 else $1 end"}, "0"},
    {"max", {"timestamptz '2024-01-01' + make_interval(0, 0, 0, $1)"}, "2024-01-20 00:00:00+00"},
    {"max", {"$1 / 7.0"}, "2.7142857142857143"},
    {"bool_and", {"$1 < 19"}, "f"},
    {"bool_or", {"$1 > 18"}, "t"},
    {"every", {"$1 < 20"}, "t"},
    {"bit_or", {"$1"}, "31"},
    {"bit_and", {"$1 | 8"}, "8"},
    {"bit_xor", {"$1"}, "0"},
    {"stddev", {"$1"}, "5.9160797830996160"},
    {"stddev_pop", {"$1"}, "5.7662812973353979"},
    {"variance", {"$1"}, "35.0000000000000000"},
    {"var_pop", {"$1"}, "33.2500000000000000"},
    {"stddev", {"$1::float8"}, "5.916079783099616"},
    {"var_samp", {"$1 / 8.0"}, "0.5468750000000000000000000000000000000000"},
    {"stddev", {"nullif($1, $1)"}, "NULL"},
    {"corr", {"$1::float8", "($1 * $1)::float8"}, "0.9653255313715736"},
    {"regr_slope", {"$1::float8", "(2 * $1 + 1)::float8"}, "0.5"},
    {"covar_pop", {"$1::float8", "$1::float8"}, "33.25"},
    {"string_agg", {"$1::text", "','"}, "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19"},
    {"array_agg",
     {"nullif($1 % 4, 1)"},
     "{0,NULL,2,3,0,NULL,2,3,0,NULL,2,3,0,NULL,2,3,0,NULL,2,3}"},
    {"json_agg", {"$1 % 2"}, "[0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]"},
    {"percentile_cont", {"0.25::float8", "$1::float8"}, "4.75"},
    {"percentile_disc", {"0.25::float8", "$1"}, "4"},
    {"percentile_nearest", {"0.22::float8", "$1"}, "3"},
    {"percentile_cont", {"array[0.5, 0.9]::float8[]", "$1::float8"}, "{9.5,17.1}"},
    {"mode", {"$1 / 3"}, "0"},
    {"first", {"$1 * 2", "timestamptz '2024-01-01' - make_interval(0, 0, 0, $1)"}, "38"},
    {"last", {"$1 * 2", "timestamptz '2024-01-01' - make_interval(0, 0, 0, $1)"}, "0"},
    {"last", {"chr(97 + $1)", "$1"}, "t"},
    {"first", {"nullif($1, 0)", "$1"}, "1"},
    {"delta",
     {"$1::float8", "timestamptz '2024-01-01' + make_interval(0, 0, 0, 0, 0, 0, $1)"},
     "19"},
    {"increase",
     {"($1 % 10)::float8", "timestamptz '2024-01-01' + make_interval(0, 0, 0, 0, 0, 0, $1)"},
     "18"},
    {"rate",
     {"($1 % 10)::float8", "timestamptz '2024-01-01' + make_interval(0, 0, 0, 0, 0, 0, $1 * 2)"},
     "0.47368421052631576"},
    {"irate",
     {"($1 * 3)::float8", "timestamptz '2024-01-01' + make_interval(0, 0, 0, 0, 0, 0, $1)"},
     "3"},
    {"derivative",
     {"($1 * -3)::float8", "timestamptz '2024-01-01' + make_interval(0, 0, 0, 0, 0, 0, $1)"},
     "-3"},
    {"time_weight",
     {"$1::float8", "timestamptz '2024-01-01' + make_interval(0, 0, 0, 0, 0, 0, $1)"},
     "9"},
    {"counter_resets",
     {"($1 % 4)::float8", "timestamptz '2024-01-01' + make_interval(0, 0, 0, 0, 0, 0, $1)"},
     "4"},
    {"approx_count_distinct", {"$1 % 7"}, "7"},
    {"approx_percentile", {"$1::float8", "0.5::float8"}, "9.5"},
    {"histogram", {"$1::float8", "5::float8", "15::float8", "2"}, "{5,5,5,5}"},
};

enum { AGG_ROWS = 20 };

typedef struct AggRun {
    Et t;
    AggCtx ctx;
    const FuncDef *func;
    TypeId types[6], want[6];
    Vector args[6];
    size_t n;
} AggRun;

static void run_open(AggRun *r, const AggCase *c)
{
    Expr *args[6];
    et_open(&r->t);
    r->n = 0;
    for (; r->n < 4 && c->args[r->n]; r->n++) {
        args[r->n] = et_parse(&r->t, c->args[r->n]);
        ck_assert_msg(args[r->n] != NULL, "%s: %s", c->args[r->n], r->t.err.message);
        r->types[r->n] = args[r->n]->type;
    }
    ck_assert_msg(func_resolve(SLICE_NONE, slice_cstr(c->name), r->types, r->n, FN_AGG, &r->func,
                               r->want, &r->ctx.result, &r->t.err),
                  "%s", r->t.err.message);
    for (size_t k = 0; k < r->n; k++) {
        args[k] = et_cast(&r->t, args[k], r->want[k], -1, CAST_IMPLICIT);
        r->types[k] = args[k]->type;
        vec_init_flat(&r->args[k], args[k]->type, AGG_ROWS, &r->t.arena);
        for (int64_t i = 0; i < AGG_ROWS; i++) {
            Value v, param = value_i64(i);
            r->t.ctx.params = &param;
            r->t.ctx.param_count = 1;
            ck_assert_msg(expr_value(&r->t.ctx, args[k], &v, &r->t.err), "%s", r->t.err.message);
            vec_set(&r->args[k], (size_t)i, &v, AGG_ROWS, &r->t.arena);
        }
    }
    r->ctx.eval = &r->t.ctx;
    r->ctx.arena = &r->t.arena;
    r->ctx.arg_types = r->types;
    r->ctx.arg_count = r->n;
}

/* Rows [from, to) as the operators hand them over: NULLs left out where the aggregate says so. */
static void update(AggRun *r, void *state, size_t from, size_t to)
{
    uint16_t sel[AGG_ROWS];
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        bool null = false;
        for (size_t k = 0; k < r->n; k++)
            null = null || vec_is_null(&r->args[k], i);
        if (!null || !r->func->agg->skips_nulls)
            sel[n++] = (uint16_t)i;
    }
    bool dense = n == AGG_ROWS;
    ck_assert_msg(r->func->agg->update(&r->ctx, state, r->args, dense ? NULL : sel, n, &r->t.err),
                  "%s", r->t.err.message);
}

static void check_final(AggRun *r, const void *state, const AggCase *c, const char *how)
{
    Value v;
    Buf text;
    buf_init(&text);
    ck_assert_msg(r->func->agg->final(&r->ctx, state, &v, &r->t.err), "%s: %s", c->name,
                  r->t.err.message);
    if (v.null)
        buf_puts(&text, "NULL");
    else
        type_find(r->ctx.result)->out(&r->t.ctx.env, &v, &text);
    ck_assert_msg(slice_eq_cstr(buf_slice(&text), c->expected), "%s(%s) %s: %.*s, expected %s",
                  c->name, c->args[0], how, SLICE_ARG(buf_slice(&text)), c->expected);
    buf_free(&text);
}

static void *new_state(AggRun *r)
{
    void *state = arena_zero(&r->t.arena, r->func->agg->state_size);
    r->func->agg->init(&r->ctx, state);
    return state;
}

/* All rows at once, row by row, in two halves merged, and through bytes. */
START_TEST(aggregates)
{
    AggRun r;
    const AggCase *c = &agg_cases[_i];
    run_open(&r, c);
    const AggDef *agg = r.func->agg;
    void *all = new_state(&r);
    update(&r, all, 0, AGG_ROWS);
    check_final(&r, all, c, "at once");
    void *single = new_state(&r);
    for (size_t i = 0; i < AGG_ROWS; i++)
        update(&r, single, i, i + 1);
    check_final(&r, single, c, "row by row");
    void *left = new_state(&r), *right = new_state(&r), *none = new_state(&r);
    update(&r, left, 0, 7);
    update(&r, right, 7, AGG_ROWS);
    Buf bytes;
    buf_init(&bytes);
    agg->save(&r.ctx, right, &bytes);
    void *loaded = new_state(&r);
    ck_assert_msg(agg->load(&r.ctx, loaded, buf_slice(&bytes), &r.t.err), "%s: %s", c->name,
                  r.t.err.message);
    buf_free(&bytes);
    ck_assert(agg->merge(&r.ctx, left, none, &r.t.err));
    ck_assert(agg->merge(&r.ctx, left, loaded, &r.t.err));
    check_final(&r, left, c, "merged");
    ck_assert(agg->merge(&r.ctx, none, left, &r.t.err));
    check_final(&r, none, c, "merged into nothing");
    if (agg->update_each) {
        void *each = new_state(&r), *states[AGG_ROWS];
        uint16_t sel[AGG_ROWS];
        size_t n = 0;
        for (size_t i = 0; i < AGG_ROWS; i++) {
            bool null = false;
            for (size_t k = 0; k < r.n; k++)
                null = null || vec_is_null(&r.args[k], i);
            if (!null)
                sel[n++] = (uint16_t)i;
            states[i] = each;
        }
        ck_assert(agg->update_each(&r.ctx, states, r.args, sel, n, &r.t.err));
        check_final(&r, each, c, "each");
    }
    et_close(&r.t);
}
END_TEST

/* ---- every aggregate of the table: random rows cut into parts ---- */

enum { PART_ROWS = 300, PARTS_MOST = 9 };

static uint64_t parts_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

/* Arguments that must be the same in all rows, or be in some range. */
#define FROM "2024-01-01 00:00:00"
#define TO   "2024-01-01 00:05:00"
static const char *constant_arg(const FuncDef *f, size_t arg)
{
    static const struct {
        const char *name;
        size_t arg;
        const char *text;
    } constants[] = {{"percentile_cont", 0, "0.3"},
                     {"percentile_disc", 0, "0.3"},
                     {"percentile_nearest", 0, "0.3"},
                     {"approx_percentile", 1, "0.5"},
                     {"histogram", 1, "10"},
                     {"histogram", 2, "60"},
                     {"histogram", 3, "7"},
                     {"extrapolated_rate", 2, FROM},
                     {"extrapolated_rate", 3, TO},
                     {"extrapolated_increase", 2, FROM},
                     {"extrapolated_increase", 3, TO},
                     {"extrapolated_delta", 2, FROM},
                     {"extrapolated_delta", 3, TO},
                     {"lttb", 2, "20"},
                     {"time_weight", 0, "Linear"},
                     {"rollup", 0, ""}};
#undef FROM
#undef TO
    for (size_t i = 0; i < ARRAY_LEN(constants); i++)
        if (strcmp(f->name, constants[i].name) == 0 && arg == constants[i].arg &&
            (constants[i].text[0] != 'L' || f->args[arg] == T_TEXT))
            return type_elem_of(f->args[arg])   ? "{0.25,0.5,0.99}"
                   : f->args[arg] == T_INTERVAL ? "5 minutes"
                                                : constants[i].text;
    return NULL;
}

static TypeId concrete(TypeId t)
{
    return t == T_ANYELEMENT || t == T_ANYNONARRAY ? T_NUMERIC
           : t == T_ANYARRAY                       ? T_INT4_ARRAY
           : t == T_ANY                            ? T_TEXT
                                                   : t;
}

/* As text; times go up, as the rows of a series do; "" is NULL. */
static void random_text(TypeId t, size_t row, uint64_t *state, char *out, size_t size)
{
    int n = (int)(parts_random(state) % 97);
    if (t == T_TIMESTAMPTZ || t == T_TIMESTAMP)
        snprintf(out, size, "2024-01-01 00:%02zu:%02zu", row / 60, row % 60);
    else if (parts_random(state) % 9 == 0)
        out[0] = 0;
    else if (t == T_BOOL)
        snprintf(out, size, "%s", n % 2 ? "t" : "f");
    else if (t == T_FLOAT8 || t == T_FLOAT4 || t == T_NUMERIC)
        snprintf(out, size, "%d.%d", n, n % 4 * 25);
    else if (t == T_INTERVAL)
        snprintf(out, size, "%d days %d:00:00", n, n % 24);
    else if (t == T_DATE)
        snprintf(out, size, "2024-03-%02d", n % 28 + 1);
    else if (t == T_TIME || t == T_TIMETZ)
        snprintf(out, size, "%02d:%02d:00", n % 24, n % 60);
    else if (t == T_UUID)
        snprintf(out, size, "00000000-0000-0000-0000-0000000000%02d", n);
    else if (t == T_BYTEA)
        snprintf(out, size, "\\x%02d", n);
    else if (type_elem_of(t))
        snprintf(out, size, "{%d,%d}", n, n % 7);
    else
        snprintf(out, size, "%d", n);
}

static void parts_fill(AggRun *r, const FuncDef *f, uint64_t *state, Vector *args)
{
    for (size_t k = 0; k < f->arg_count; k++) {
        const char *constant = constant_arg(f, k);
        vec_init_flat(&args[k], r->types[k], PART_ROWS, &r->t.arena);
        for (size_t i = 0; i < PART_ROWS; i++) {
            char text[64];
            Value v = value_null();
            if (constant)
                snprintf(text, sizeof text, "%s", constant);
            else
                random_text(r->types[k], i, state, text, sizeof text);
            if (!text[0] && k == 0 && strstr(f->name, "object_agg"))
                snprintf(text, sizeof text, "a name is never NULL");
            if (!text[0] && k == 0 && f->args[0] == T_ANYARRAY)
                snprintf(text, sizeof text, "{0,0}"); /* nor is an array of arrays' */
            if (text[0])
                ck_assert_msg(
                    type_find(r->types[k])
                        ->in(&r->t.ctx.env, slice_cstr(text), -1, &r->t.arena, &v, &r->t.err),
                    "%s: \"%s\": %s", f->signature, text, r->t.err.message);
            vec_set(&args[k], i, &v, PART_ROWS, &r->t.arena);
        }
    }
}

static void parts_update(AggRun *r, const AggDef *agg, AggCtx *ctx, void *state, Vector *args,
                         size_t from, size_t to)
{
    uint16_t sel[PART_ROWS];
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        bool null = false;
        for (size_t k = 0; k < ctx->arg_count; k++)
            null = null || vec_is_null(&args[k], i);
        if (!null || !agg->skips_nulls)
            sel[n++] = (uint16_t)i;
    }
    ck_assert_msg(n == 0 || agg->update(ctx, state, args, sel, n, &r->t.err), "%s",
                  r->t.err.message);
}

/* The states of parts, each in memory of its own that goes once it is saved, merged into one. */
static void parts_merge(AggRun *r, const FuncDef *f, void *into, Vector *args, const size_t *ends,
                        size_t parts)
{
    const AggDef *agg = f->agg;
    for (size_t p = 0; p < parts; p++) {
        Arena there, here;
        Buf bytes;
        AggCtx ctx = r->ctx;
        buf_init(&bytes);
        arena_init(&there, NULL);
        ctx.arena = &there;
        void *state = arena_zero(&there, agg->state_size);
        agg->init(&ctx, state);
        parts_update(r, agg, &ctx, state, args, p ? ends[p - 1] : 0, ends[p]);
        agg->save(&ctx, state, &bytes);
        arena_free(&there);
        arena_init(&here, NULL);
        ctx.arena = &here;
        state = arena_zero(&here, agg->state_size);
        agg->init(&ctx, state);
        ck_assert_msg(agg->load(&ctx, state, buf_slice(&bytes), &r->t.err), "%s: %s", f->signature,
                      r->t.err.message);
        buf_free(&bytes);
        ck_assert_msg(agg->merge(&r->ctx, into, state, &r->t.err), "%s: %s", f->signature,
                      r->t.err.message);
        arena_free(&here);
    }
}

/* Numbers may differ in their last digits, a sketch by a little more. */
static bool nearly_same(const FuncDef *f, Slice a, Slice b)
{
    double x, y;
    if (slice_eq(a, b) || strcmp(f->name, "percentile_agg") == 0)
        return true; /* the bytes of a sketch: approx_percentile looks into it */
    if (!slice_to_f64(a, &x) || !slice_to_f64(b, &y))
        return false;
    double most = strcmp(f->name, "approx_percentile") == 0 ? 0.02 : 1e-12;
    return fabs(x - y) <= most * (fabs(x) + fabs(y));
}

static Slice final_text(AggRun *r, const FuncDef *f, const void *state)
{
    Value v;
    Buf text;
    buf_init(&text);
    ck_assert_msg(f->agg->final(&r->ctx, state, &v, &r->t.err), "%s: %s", f->signature,
                  r->t.err.message);
    if (v.null)
        buf_puts(&text, "NULL");
    else
        type_find(r->ctx.result)->out(&r->t.ctx.env, &v, &text);
    Slice out = arena_slice(&r->t.arena, buf_slice(&text));
    buf_free(&text);
    return out;
}

static void check_parts(const FuncDef *f, uint64_t seed)
{
    AggRun r = {.n = f->arg_count};
    const FuncDef *found;
    Vector args[6];
    size_t ends[PARTS_MOST], parts = 1 + seed % PARTS_MOST;
    uint64_t state = seed * 77 + 1;
    et_open(&r.t);
    ck_assert_uint_le(f->arg_count, 6);
    for (size_t k = 0; k < f->arg_count; k++)
        r.types[k] = concrete(f->args[k]);
    ck_assert_msg(func_resolve(SLICE_NONE, slice_cstr(f->name), r.types, r.n, FN_AGG, &found,
                               r.want, &r.ctx.result, &r.t.err),
                  "%s: %s", f->signature, r.t.err.message);
    ck_assert_msg(found->agg == f->agg, "%s was not found", f->signature);
    r.ctx.eval = &r.t.ctx;
    r.ctx.arena = &r.t.arena;
    r.ctx.arg_types = r.types;
    r.ctx.arg_count = r.n;
    parts_fill(&r, f, &state, args);
    for (size_t p = 0; p < parts; p++) { /* some parts are empty */
        size_t begin = p ? ends[p - 1] : 0;
        ends[p] = begin + parts_random(&state) % (2 * PART_ROWS / parts);
        ends[p] = ends[p] > PART_ROWS || p + 1 == parts ? PART_ROWS : ends[p];
    }
    void *all = arena_zero(&r.t.arena, f->agg->state_size);
    f->agg->init(&r.ctx, all);
    parts_update(&r, f->agg, &r.ctx, all, args, 0, PART_ROWS);
    void *merged = arena_zero(&r.t.arena, f->agg->state_size);
    f->agg->init(&r.ctx, merged);
    parts_merge(&r, f, merged, args, ends, parts);
    Slice want = final_text(&r, f, all), got = final_text(&r, f, merged);
    ck_assert_msg(nearly_same(f, want, got), "%s in %zu parts: %.*s, at once %.*s", f->signature,
                  parts, (int)(got.len < 500 ? got.len : 500), got.ptr,
                  (int)(want.len < 500 ? want.len : 500), want.ptr);
    et_close(&r.t);
}

START_TEST(aggregates_in_parts)
{
    size_t count = 0;
    exec_init();
    for (size_t i = 0; i < func_count(); i++) {
        const FuncDef *f = func_at(i);
        if (!f->agg)
            continue;
        ck_assert_msg(f->agg->merge && f->agg->save && f->agg->load, "%s has no partial state",
                      f->signature);
        for (uint64_t seed = 0; seed < 20; seed++)
            check_parts(f, seed);
        count++;
    }
    ck_assert_uint_gt(count, 80);
}
END_TEST

/* 100,000 values in parts: within 3 % of the count, and within half a percent of the rank. */
START_TEST(sketches)
{
    static const char *const names[] = {"approx_count_distinct", "approx_percentile"};
    enum { PARTS = 100, PART = 1000 };
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        Et t;
        const FuncDef *f;
        TypeId types[2] = {T_FLOAT8, T_FLOAT8}, want[2];
        Vector args[2];
        et_open(&t);
        AggCtx c = {.eval = &t.ctx, .arena = &t.arena, .arg_types = types, .arg_count = k + 1};
        ck_assert(func_resolve(SLICE_NONE, slice_cstr(names[k]), types, k + 1, FN_AGG, &f, want,
                               &c.result, &t.err));
        Value fraction = value_f64(0.99), out;
        vec_init_flat(&args[0], T_FLOAT8, PART, &t.arena);
        vec_init_const(&args[1], T_FLOAT8, &fraction, &t.arena);
        void *all = arena_zero(&t.arena, f->agg->state_size);
        f->agg->init(&c, all);
        for (int p = 0; p < PARTS; p++) {
            void *part = arena_zero(&t.arena, f->agg->state_size);
            f->agg->init(&c, part);
            for (int i = 0; i < PART; i++)
                args[0].v.f64[i] = (double)((p * PART + i) * INT64_C(7919) % 100003);
            ck_assert(f->agg->update(&c, part, args, NULL, PART, &t.err));
            ck_assert(f->agg->merge(&c, all, part, &t.err));
        }
        ck_assert(f->agg->final(&c, all, &out, &t.err));
        if (k == 0)
            ck_assert_msg(out.u.i64 > 97000 && out.u.i64 < 103000, "%lld", (long long)out.u.i64);
        else
            ck_assert_msg(out.u.f64 > 98500 && out.u.f64 < 99500, "%g", out.u.f64);
        et_close(&t);
    }
}
END_TEST

/* ---- set-returning functions ---- */

static const Case srf_cases[] = {
    {"generate_series(1, 5)", "1 2 3 4 5"},
    {"generate_series(5, 1, -2)", "5 3 1"},
    {"generate_series(1, 0)", ""},
    {"generate_series(9223372036854775806, 9223372036854775807)",
     "9223372036854775806 9223372036854775807"},
    {"generate_series(1.1, 2, 0.4)", "1.1 1.5 1.9"},
    {"generate_series(timestamp '2024-01-31', timestamp '2024-04-30', '1 month')",
     "2024-01-31 00:00:00 2024-02-29 00:00:00 2024-03-29 00:00:00 2024-04-29 00:00:00"},
    {"generate_series(1, 2, 0)", "ERROR: step size cannot equal zero"},
    {"unnest(array[3, null, 1])", "3 NULL 1"},
    {"unnest('{{1,2},{3,4}}'::int[])", "1 2 3 4"},
    {"generate_subscripts('[3:5]={1,2,3}'::int[], 1)", "3 4 5"},
    {"generate_subscripts(array[1,2], 1, true)", "2 1"},
    {"generate_subscripts(array[1,2], 2)", ""},
    {"regexp_split_to_table('a1b22c', '[0-9]+')", "a b c"},
    {"string_to_table('a,b,,c', ',', '')", "a b NULL c"},
    {"regexp_matches('foobarbaz', 'b(a)(.)', 'g')", "{a,r} {a,z}"},
    {"json_array_elements('[1,{\"a\":2},null]')", "1 {\"a\":2} null"},
    {"json_array_elements_text('[1,\"x\",null]')", "1 x NULL"},
    {"json_object_keys('{\"a\":1,\"b\":2}')", "a b"},
    {"json_each_text('{\"a\":1,\"b\":\"x\"}')", "a|1 b|x"},
    {"_pg_expandarray('5 7'::int2vector)", "5|1 7|2"},
};

static void run_srf(Et *t, const Expr *call, Buf *out)
{
    const SrfDef *srf = call->func->srf;
    Value args[4];
    void *state = NULL;
    for (size_t i = 0; i < call->arg_count; i++)
        ck_assert(expr_value(&t->ctx, call->args[i], &args[i], &t->err));
    if (!srf->open(&t->ctx, call, args, call->arg_count, &t->arena, &state, &t->err)) {
        buf_printf(out, "ERROR: %s", t->err.message);
        return;
    }
    size_t cols = srf->columns ? srf->column_count : 1;
    Vector v[2];
    Batch b = {.cols = v, .col_count = cols};
    for (;;) {
        for (size_t c = 0; c < cols; c++)
            vec_init_flat(&v[c], srf->columns ? srf->columns[c].type : call->type, BATCH_ROWS,
                          &t->arena);
        if (srf->next(&t->ctx, state, &b, NULL, &t->err) != SRF_ROWS)
            break;
        for (size_t i = 0; i < b.rows; i++) {
            for (size_t c = 0; c < cols; c++) {
                Value item = vec_get(&v[c], i);
                buf_puts(out, c ? "|" : out->len ? " " : "");
                if (item.null)
                    buf_puts(out, "NULL");
                else
                    type_find(v[c].type)->out(&t->ctx.env, &item, out);
            }
        }
    }
    if (srf->close)
        srf->close(state);
}

START_TEST(set_returning)
{
    Et t;
    Buf out;
    et_open(&t);
    buf_init(&out);
    Expr *call = et_parse(&t, srf_cases[_i].expr);
    ck_assert_msg(call != NULL, "%s: %s", srf_cases[_i].expr, t.err.message);
    run_srf(&t, call, &out);
    ck_assert_msg(slice_eq_cstr(buf_slice(&out), srf_cases[_i].expected), "%s: %.*s",
                  srf_cases[_i].expr, SLICE_ARG(buf_slice(&out)));
    buf_free(&out);
    et_close(&t);
}
END_TEST

/* More rows than a batch has. */
START_TEST(long_series)
{
    Et t;
    et_open(&t);
    Expr *call = et_parse(&t, "generate_series(1, 5000)");
    Value args[2] = {value_i64(1), value_i64(5000)};
    void *state;
    Vector v;
    Batch b = {.cols = &v, .col_count = 1};
    int64_t n = 0;
    ck_assert(call->func->srf->open(&t.ctx, call, args, 2, &t.arena, &state, &t.err));
    vec_init_flat(&v, T_INT4, BATCH_ROWS, &t.arena);
    while (call->func->srf->next(&t.ctx, state, &b, NULL, &t.err) == SRF_ROWS)
        for (size_t i = 0; i < b.rows; i++)
            ck_assert_int_eq(v.v.i64[i], ++n);
    ck_assert_int_eq(n, 5000);
    et_close(&t);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("func");
    tcase_add_test(tc, against_postgres);
    tcase_add_test(tc, tables_are_sane);
    tcase_add_test(tc, edge_values);
    tcase_add_loop_test(tc, aggregates, 0, (int)ARRAY_LEN(agg_cases));
    tcase_add_test(tc, aggregates_in_parts);
    tcase_add_test(tc, sketches);
    tcase_add_loop_test(tc, set_returning, 0, (int)ARRAY_LEN(srf_cases));
    tcase_add_test(tc, long_series);
    return unit_run(tc);
}
