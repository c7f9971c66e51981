/* The language: what parses, how it groups, what names and types come out, which errors with which
 * position, and what the planner makes of conditions and groupings. */
#include "unit.h"

#include "../../sqlts/ast.h"
#include "sql_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static SqlBench bench;
static Arena arena;

static void setup(void)
{
    bench_init(&bench);
    arena_init(&arena, NULL);
}

static void teardown(void)
{
    arena_free(&arena);
    bench_free(&bench);
}

static bool parse(const char *sql, SqlStatement **st, Err *e)
{
    size_t count;
    return sql_parse(&arena, slice_cstr(sql), st, &count, e);
}

static bool analyze(const char *sql, Bound **b, Err *e)
{
    SqlStatement *st;
    return parse(sql, &st, e) && sql_analyze(&bench.env, &arena, st, NULL, 0, b, e);
}

static Bound *good(const char *sql)
{
    Bound *b = NULL;
    Err e;
    ck_assert_msg(analyze(sql, &b, &e), "%s: %s at %d", sql, e.message, e.position);
    return b;
}

/* ---- parsing ---- */

static void print(Buf *o, const SqlNode *n);

static void print_list(Buf *o, const NodeList *list, const char *between)
{
    buf_puts(o, "(");
    for (size_t i = 0; i < list->count; i++) {
        buf_puts(o, i ? between : "");
        print(o, list->items[i]);
    }
    buf_puts(o, ")");
}

static void print_op(Buf *o, const NOp *op)
{
    buf_puts(o, "(");
    if (op->left)
        print(o, op->left);
    buf_put_slice(o, op->name);
    print(o, op->right);
    buf_puts(o, ")");
}

static void print(Buf *o, const SqlNode *n)
{
    switch (n->kind) {
    case N_OP:
        print_op(o, (const NOp *)n);
        break;
    case N_AND:
        print_list(o, &((const NMulti *)n)->args, " and ");
        break;
    case N_OR:
        print_list(o, &((const NMulti *)n)->args, " or ");
        break;
    case N_NOT:
        buf_puts(o, "(not ");
        print(o, ((const NTest *)n)->arg);
        buf_puts(o, ")");
        break;
    case N_IS_NULL:
        buf_puts(o, "(");
        print(o, ((const NTest *)n)->arg);
        buf_puts(o, ((const NTest *)n)->negated ? " is not null)" : " is null)");
        break;
    case N_BETWEEN: {
        const NBetween *b = (const NBetween *)n;
        buf_puts(o, "(");
        print(o, b->arg);
        buf_puts(o, " between ");
        print(o, b->low);
        buf_puts(o, " ");
        print(o, b->high);
        buf_puts(o, ")");
        break;
    }
    case N_CAST:
        buf_puts(o, "(");
        print(o, ((const NCast *)n)->arg);
        buf_puts(o, "::");
        buf_put_slice(o, ((const NCast *)n)->type->name);
        buf_puts(o, ")");
        break;
    case N_FUNC:
        buf_put_slice(o, ast_last_name(&((const NFunc *)n)->names));
        print_list(o, &((const NFunc *)n)->args, ",");
        break;
    case N_COLUMN:
        buf_put_slice(o, ast_last_name(&((const NColumn *)n)->names));
        break;
    case N_IN:
        buf_puts(o, "(");
        print(o, ((const NIn *)n)->left);
        buf_printf(o, " in %zu)", ((const NIn *)n)->items.count);
        break;
    default:
        buf_put_slice(o, ((const NLiteral *)n)->text);
    }
}

START_TEST(precedence)
{
    static const char *const cases[][2] = {
        {"a or b and not c = d", "(a or (b and (not (c=d))))"},
        {"1 + 2 * 3 - 4", "((1+(2*3))-4)"},
        {"2 ^ 3 ^ 2", "((2^3)^2)"},
        {"-a ^ 2", "((-a)^2)"},
        {"- 1", "-1"},
        {"a - -1", "(a--1)"},
        {"a - 1 - 1", "((a-1)-1)"},
        {"a || b ~ c", "((a||b)~c)"},
        {"a ->> 'k' = 'v'", "((a->>k)=v)"},
        {"a + 1 || b", "((a+1)||b)"},
        {"a = b is null", "((a=b) is null)"},
        {"a is not null = b", "((a is not null)=b)"},
        {"not a is null", "(not (a is null))"},
        {"a between 1 and 2 and b", "((a between 1 2) and b)"},
        {"a between b + 1 and c or d", "((a between (b+1) c) or d)"},
        {"a like b || 'x' and c", "((a~~(b||x)) and c)"},
        {"a not like 'x' or b not in (1, 2)", "((a!~~x) or (b in 2))"},
        {"a::int + 1", "((a::int4)+1)"},
        {"- a::int", "(-(a::int4))"},
        {"a at time zone 'UTC' + b", "(timezone(UTC,a)+b)"},
        {"a OPERATOR(pg_catalog.+) b * c", "(a+(b*c))"},
        {"interval '1h' + a", "((1h::interval)+a)"},
        {"extract(epoch from a) / 60", "(extract(epoch,a)/60)"},
        {"trim(both 'x' from a)", "btrim(a,x)"},
        {"position('a' in b || c)", "position((b||c),a)"},
        {"substring(a from 1 for 2)", "substring(a,1,2)"},
        {"a < b and b < c and c < d", "((a<b) and (b<c) and (c<d))"},
        {"(a and b) and c", "((a and b) and c)"},
        {"a <> b", "(a<>b)"},
        {"a != b", "(a<>b)"},
        {"a @-1", "(a@-1)"},
        {"a <-1", "(a<-1)"},
        {"a >= -1", "(a>=-1)"},
        {"first(value, time)", "first(value,time)"},
        {"time", "time"},
        {"1.5e3 + .5", "(1.5e3+.5)"},
        {"$$a'b$$ || $x$c$$d$x$", "(a'b||c$$d)"},
        {"'it''s' || E'a\\nb\\u00e9'", "(it's||a\nb\xc3\xa9)"},
        {"U&'d\\0061t\\+000061'", "data"},
        {"'a'\n  'b'", "ab"},
        {"\"Time\"", "Time"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SqlStatement *st;
        Err e;
        Slice sql = arena_printf(&arena, "SELECT %s", cases[i][0]);
        ck_assert_msg(parse(sql.ptr, &st, &e), "%s: %s", cases[i][0], e.message);
        Buf o;
        buf_init(&o);
        print(&o, ((const NTarget *)((const NSelect *)st->node)->targets.items[0])->expr);
        buf_put_u8(&o, 0);
        ck_assert_str_eq(o.ptr, cases[i][1]);
        buf_free(&o);
    }
}
END_TEST

START_TEST(syntax_errors)
{
    static const struct {
        const char *sql, *message;
        int position;
    } cases[] = {
        {"SELEC 1", "syntax error at or near \"SELEC\"", 1},
        {"SELECT 1 FROM", "syntax error at end of input", 14},
        {"SELECT 'é' FROM FROM", "syntax error at or near \"FROM\"", 17},
        {"SELECT 1; SELECT )", "syntax error at or near \")\"", 18},
        {"SELECT (1;", "syntax error at or near \";\"", 10},
        {"SELECT 'abc", "unterminated quoted string at or near \"'abc\"", 8},
        {"SELECT \"abc", "unterminated quoted identifier at or near \"\"abc\"", 8},
        {"SELECT \"\"", "zero-length delimited identifier at or near \"\"\"\"", 8},
        {"SELECT /* /* */", "unterminated /* comment at or near \"/* /* */\"", 8},
        {"SELECT $$abc", "unterminated dollar-quoted string at or near \"$$abc\"", 8},
        {"SELECT 12x", "trailing junk after numeric literal at or near \"12x\"", 8},
        {"SELECT $1x", "trailing junk after parameter at or near \"$1x\"", 8},
        {"SELECT 1e", "trailing junk after numeric literal at or near \"1e\"", 8},
        {"SELECT a.b.", "syntax error at end of input", 12},
        {"SELECT 1 LIMIT 1 LIMIT 2", "syntax error at or near \"LIMIT\"", 18},
        {"(SELECT 1 LIMIT 1) LIMIT 2", "multiple LIMIT clauses not allowed", 26},
        {"INSERT INTO", "syntax error at end of input", 12},
        {"CREATE TABLE t (a int,)", "syntax error at or near \")\"", 23},
        {"SELECT \xe2\x82\xac\xc2\xa0 , \x01", "syntax error at or near \"\x01\"", 13},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SqlStatement *st;
        Err e;
        ck_assert_msg(!parse(cases[i].sql, &st, &e), "%s", cases[i].sql);
        ck_assert_str_eq(e.message, cases[i].message);
        ck_assert_int_eq(e.position, cases[i].position);
        ck_assert_str_eq(err_sqlstate(e.code), "42601");
    }
}
END_TEST

START_TEST(statements)
{
    SqlStatement *st;
    size_t count;
    Err e;
    ck_assert(sql_parse(&arena, SLICE_LIT(" ; -- nothing\n;"), &st, &count, &e));
    ck_assert_uint_eq(count, 0);
    ck_assert(sql_parse(&arena, SLICE_LIT("SELECT 1 ;\n ROLLBACK TO a; BEGIN"), &st, &count, &e));
    ck_assert_uint_eq(count, 3);
    ck_assert(slice_eq_cstr(st[0].text, "SELECT 1"));
    ck_assert(slice_eq_cstr(st[1].text, "ROLLBACK TO a"));
    ck_assert_uint_eq(st[1].offset, 12);
    ck_assert(!sql_is_txn_end(&st[0]) && sql_is_txn_end(&st[1]) && !sql_is_txn_end(&st[2]));
    ck_assert(!sql_parse(&arena, slice_of("SELECT '\xff'", 10), &st, &count, &e));
    ck_assert_str_eq(err_sqlstate(e.code), "22021");
}
END_TEST

/* Words that are no reserved ones are names wherever a name may stand. */
START_TEST(words_as_names)
{
    for (size_t i = 0; i < sql_keyword_count(); i++) {
        char category;
        const char *word = sql_keyword_at(i, &category);
        SqlStatement *st;
        Err e;
        Slice column = arena_printf(&arena, "SELECT %s FROM t AS x WHERE %s > 1 ORDER BY %s", word,
                                    word, word);
        ck_assert_msg(parse(column.ptr, &st, &e) ==
                          (category == 'U' || category == 'C' || !strncmp(word, "current_", 8) ||
                           !strcmp(word, "user") || !strcmp(word, "session_user") ||
                           !strcmp(word, "true") || !strcmp(word, "false") ||
                           !strcmp(word, "null") || !strcmp(word, "default") ||
                           !strncmp(word, "localtime", 9)),
                      "%s", word);
        Slice label = arena_printf(&arena, "SELECT 1 AS %s", word);
        ck_assert_msg(parse(label.ptr, &st, &e), "%s", word);
        if (category == 'U' && strcmp(word, "operator") != 0) {
            Slice call = arena_printf(&arena, "SELECT %s(1) FROM %s", word, word);
            ck_assert_msg(parse(call.ptr, &st, &e), "%s: %s", word, e.message);
        }
        if (i > 0)
            ck_assert_int_lt(strcmp(sql_keyword_at(i - 1, &category), word), 0);
    }
}
END_TEST

static Slice repeat(const char *head, const char *part, size_t n, const char *tail)
{
    Buf b;
    buf_init(&b);
    buf_puts(&b, head);
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, part);
    buf_puts(&b, tail);
    Slice s = arena_slice(&arena, buf_slice(&b));
    buf_free(&b);
    return s;
}

START_TEST(depth)
{
    static const char *const parts[] = {"(",        "- ",
                                        "not ",     "f(",
                                        "(select ", "case when ",
                                        "array[",   "a+(",
                                        "1+",       "1 union select ",
                                        "x.",       "exists (select ",
                                        "a = any ("};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        SqlStatement *st;
        size_t count;
        Err e;
        Bound *b;
        Slice sql = repeat("SELECT ", parts[i], 60000, "1");
        if (!sql_parse(&arena, sql, &st, &count, &e))
            ck_assert_msg(e.code == ERR_TOO_COMPLEX || e.code == ERR_SYNTAX, "%s: %s", parts[i],
                          e.message);
        else
            ck_assert_msg(!sql_analyze(&bench.env, &arena, st, NULL, 0, &b, &e), "%s", parts[i]);
    }
    /* what is just deep enough still goes through the later passes */
    good(repeat("SELECT ", "1+", 900, "1").ptr);
    good(repeat("SELECT ", "1+", 15000, "1").ptr);
    good(repeat("SELECT ", "'a' || ", 15000, "'b'").ptr);
    good(repeat("", "SELECT 1 UNION ALL ", 3000, "SELECT 2").ptr);
    good(repeat("", "SELECT 1 UNION ", 3000, "SELECT 2").ptr);
    good(repeat("SELECT ", "(", 5000, repeat("1", ")", 5000, "").ptr).ptr);
    good(repeat("SELECT 1 FROM cpu WHERE ", "up AND ", 50000, "up").ptr);
}
END_TEST

/* A megabyte of anything takes well under a second (checked generously: sanitizers). */
START_TEST(long_texts)
{
    static const struct {
        const char *head, *part, *tail;
    } cases[] = {
        {"SELECT ", "1, ", "1"},
        {"SELECT 1 FROM cpu WHERE requests IN (", "1, ", "2)"},
        {"SELECT 1 FROM cpu WHERE ", "requests = 1 OR ", "up"},
        {"INSERT INTO host VALUES ", "('a', 'b', 1), ", "('a', 'b', 2)"},
        {"SELECT '", "''", "'"},
        {"SELECT ", "'a'\n", "'b'"},
        {"", "SELECT 1;", ""},
        {"", "é;", ""},
        {"SELECT 1 ", "/* /* */ */", ""},
        {"SELECT 1 ", "-- x\n", ""},
        {"SELECT coalesce(", "hostname, ", "'x') FROM cpu"},
        {"SELECT 1 FROM ", "host, ", "host"},
        {"SELECT ARRAY[", "'x', ", "'y']"},
        {"SELECT ", "+", "1"},
        {"VALUES ", "(1, 'x'), ", "(2, 'y')"},
        {"SELECT 1 FROM cpu GROUP BY ", "hostname, ", "rack"},
        {"SELECT 1 FROM cpu ORDER BY ", "requests + 1, ", "rack"},
        {"SELECT ", "sum(requests + 1), ", "1 FROM cpu"},
        {"WITH ", "a AS (SELECT 1), ", "b AS (SELECT 2) SELECT 1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Slice sql =
            repeat(cases[i].head, cases[i].part, 1000000 / strlen(cases[i].part), cases[i].tail);
        SqlStatement *st;
        size_t count;
        Err e;
        clock_t begin = clock();
        if (sql_parse(&arena, sql, &st, &count, &e))
            for (size_t k = 0; k < count && k < 1000; k++) {
                Bound *b;
                if (!sql_analyze(&bench.env, &arena, &st[k], NULL, 0, &b, &e))
                    ck_assert(e.message[0]);
            }
        if (getenv("V"))
            printf("%s %.2f\n", cases[i].head, (double)(clock() - begin) / CLOCKS_PER_SEC),
                fflush(stdout);
        double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        ck_assert_msg(seconds < 5, "%s...: %.1f s", cases[i].head, seconds);
        arena_reset(&arena);
    }
}
END_TEST

/* ---- names and types ---- */

START_TEST(columns)
{
    static const struct {
        const char *sql, *columns;
    } cases[] = {
        {"SELECT * FROM cpu", "time:1184,hostname:25,rack:23,usage_user:701,requests:20,up:16"},
        {"SELECT h.*, 1 FROM host h", "name:25,owner:25,size:23,?column?:23"},
        {"SELECT tableoid FROM cpu", "tableoid:26"},
        {"SELECT 1, 1.5, 'x', true, NULL, 3000000000",
         "?column?:23,?column?:1700,?column?:25,?column?:16,?column?:25,?column?:20"},
        {"SELECT count(*), sum(requests), avg(usage_user) a FROM cpu", "count:20,sum:1700,a:701"},
        {"SELECT '1'::int, CAST('1' AS double precision), requests::text FROM cpu",
         "int4:23,float8:701,requests:25"},
        {"SELECT CASE WHEN up THEN 1 END, CASE WHEN up THEN 1 ELSE requests END FROM cpu",
         "case:23,requests:20"},
        {"SELECT coalesce(hostname, 'x'), nullif(rack, 1), greatest(1, 2.5) FROM cpu",
         "coalesce:25,nullif:23,greatest:1700"},
        {"SELECT ARRAY[1,2], ARRAY(SELECT hostname FROM cpu), EXISTS(SELECT 1), (SELECT size FROM "
         "host)",
         "array:1007,array:1009,exists:16,size:23"},
        {"SELECT extract(epoch FROM time), current_date, now() FROM cpu",
         "extract:1700,current_date:1082,now:1184"},
        {"SELECT time - time, time + interval '1h', requests / 2, usage_user * 2 FROM cpu",
         "?column?:1186,?column?:1184,?column?:20,?column?:701"},
        {"SELECT hostname || rack, rack || 'x', requests + rack FROM cpu",
         "?column?:25,?column?:25,?column?:20"},
        {"SELECT 1 AS a UNION ALL SELECT 2.5", "a:1700"},
        {"SELECT NULL AS a UNION SELECT 5", "a:23"},
        {"VALUES (1, 'x'), (2.5, NULL)", "column1:1700,column2:25"},
        {"TABLE host", "name:25,owner:25,size:23"},
        {"SELECT * FROM busy", "h:25,n:20"},
        {"SELECT * FROM host JOIN (SELECT 1 AS size, 2 AS x) q USING (size)",
         "size:23,name:25,owner:25,x:23"},
        {"SELECT * FROM generate_series(1, 2) g", "g:23"},
        {"SELECT * FROM generate_series(1, 2) WITH ORDINALITY AS t(a)", "a:23,ordinality:20"},
        {"WITH q(x) AS (SELECT requests FROM cpu) SELECT x, x + 1 AS y FROM q", "x:20,y:20"},
        {"WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 3) SELECT * "
         "FROM r",
         "i:23"},
        {"SELECT relname, relkind FROM pg_thing", "relname:19,relkind:18"},
        {"SELECT relname FROM pg_catalog.pg_thing WHERE relacl IS NULL", "relname:19"},
        {"SELECT time_bucket('1h', time), first(usage_user), last(usage_user, time), "
         "rate(requests) FROM cpu GROUP BY 1",
         "time_bucket:1184,first:701,last:701,rate:701"},
        {"SELECT row_number() OVER (ORDER BY time), lag(requests) OVER (PARTITION BY hostname "
         "ORDER BY time) FROM cpu",
         "row_number:20,lag:20"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const BoundQuery *q = &good(cases[i].sql)->u.query;
        Buf o;
        buf_init(&o);
        for (size_t c = 0; c < q->col_count; c++)
            buf_printf(&o, "%s%.*s:%u", c ? "," : "", SLICE_ARG(q->cols[c].name), q->cols[c].type);
        buf_put_u8(&o, 0);
        ck_assert_msg(strcmp(o.ptr, cases[i].columns) == 0, "%s\n  %s\n  %s", cases[i].sql,
                      cases[i].columns, o.ptr);
        buf_free(&o);
        ck_assert_uint_eq(q->plan.root->col_count, q->col_count);
        for (size_t c = 0; c < q->col_count; c++)
            ck_assert_uint_eq(q->plan.root->types[c], q->cols[c].type);
    }
    const BoundQuery *q =
        &good("SELECT requests, requests + 1 FROM (SELECT up, requests FROM cpu) x")->u.query;
    ck_assert_uint_eq(
        q->cols[0].table,
        cat_table(bench.catalog,
                  cat_schema(bench.catalog, bench.env.database, SLICE_LIT("public"))->id,
                  SLICE_LIT("cpu"))
            ->id);
    ck_assert_int_eq(q->cols[0].attnum, 6); /* the dropped column keeps its place */
    ck_assert_uint_eq(q->cols[1].table, 0);
}
END_TEST

START_TEST(parameters)
{
    static const struct {
        const char *sql;
        TypeId types[4];
    } cases[] = {
        {"SELECT * FROM cpu WHERE time > $1 AND hostname = $2 AND usage_user < $3",
         {T_TIMESTAMPTZ, T_TEXT, T_FLOAT8}},
        {"SELECT * FROM cpu LIMIT $1 OFFSET $2", {T_INT8, T_INT8}},
        {"SELECT * FROM cpu WHERE hostname = ANY($1) AND rack IN ($2, $3)",
         {T_TEXT_ARRAY, T_INT4, T_INT4}},
        {"SELECT $1::float8, $2 + 1, $3", {T_FLOAT8, T_INT4, T_TEXT}},
        {"SELECT $1 IS NULL OR hostname = $1 FROM cpu", {T_TEXT}},
        {"INSERT INTO cpu (time, requests, up) VALUES ($1, $2, $3)",
         {T_TIMESTAMPTZ, T_INT8, T_BOOL}},
        {"INSERT INTO cpu (time, usage_user) SELECT $1, $2", {T_TIMESTAMPTZ, T_FLOAT8}},
        {"SELECT time_bucket($1, time) FROM cpu", {T_INTERVAL}},
        {"SELECT 'host_' || $1 FROM cpu WHERE time BETWEEN $2 AND $3",
         {T_TEXT, T_TIMESTAMPTZ, T_TIMESTAMPTZ}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const Bound *b = good(cases[i].sql);
        for (size_t k = 0; k < 4 && cases[i].types[k]; k++)
            ck_assert_msg(b->param_count > k && b->param_types[k] == cases[i].types[k],
                          "%s: $%zu is %u", cases[i].sql, k + 1, b->param_types[k]);
    }
}
END_TEST

START_TEST(errors)
{
    static const struct {
        const char *sql, *state, *message;
        int position;
    } cases[] = {
        {"SELECT * FROM nope", "42P01", "relation \"nope\" does not exist", 15},
        {"SELECT * FROM x.cpu", "42P01", "relation \"x.cpu\" does not exist", 15},
        {"SELECT nope FROM cpu", "42703", "column \"nope\" does not exist", 8},
        {"SELECT 'é', nope FROM cpu", "42703", "column \"nope\" does not exist", 13},
        {"SELECT cpu.nope FROM cpu", "42703", "column cpu.nope does not exist", 8},
        {"SELECT gone FROM cpu", "42703", "column \"gone\" does not exist", 8},
        {"SELECT x.time FROM cpu", "42P01", "missing FROM-clause entry for table \"x\"", 8},
        {"SELECT cpu.time FROM cpu c", "42P01",
         "invalid reference to FROM-clause entry for table \"cpu\"", 8},
        {"SELECT name FROM host a, host b", "42702", "column reference \"name\" is ambiguous", 8},
        {"SELECT 1 FROM host, host", "42712", "table name \"host\" specified more than once", 0},
        {"SELECT nope(1)", "42883", "function nope(integer) does not exist", 8},
        {"SELECT up + 1 FROM cpu", "42883", "operator does not exist: boolean + integer", 11},
        {"SELECT 'x'::bigint", "22P02", "invalid input syntax for type bigint: \"x\"", 8},
        {"SELECT 1::nope", "42704", "type \"nope\" does not exist", 11},
        {"SELECT 1 WHERE 1", "42804", "argument of WHERE must be type boolean, not type integer",
         16},
        {"SELECT hostname, requests FROM cpu GROUP BY 1", "42803",
         "column \"cpu.requests\" must appear in the GROUP BY clause or be used in an aggregate "
         "function",
         18},
        {"SELECT 1 FROM cpu WHERE sum(requests) > 1", "42803",
         "aggregate functions are not allowed in WHERE", 25},
        {"SELECT sum(max(requests)) FROM cpu", "42803", "aggregate function calls cannot be nested",
         12},
        {"SELECT 1 FROM cpu GROUP BY 2", "42P10", "GROUP BY position 2 is not in select list", 28},
        {"SELECT 1 FROM cpu ORDER BY 2", "42P10", "ORDER BY position 2 is not in select list", 28},
        {"SELECT DISTINCT rack FROM cpu ORDER BY hostname", "42P10",
         "for SELECT DISTINCT, ORDER BY expressions must appear in select list", 40},
        {"SELECT 1 UNION SELECT 1, 2", "42601",
         "each UNION query must have the same number of columns", 23},
        {"SELECT 1 WHERE row_number() OVER () = 1", "42P20",
         "window functions are not allowed in WHERE", 16},
        {"SELECT lag(1)", "42809", "window function lag requires an OVER clause", 8},
        {"SELECT (SELECT 1, 2)", "42601", "subquery must return only one column", 8},
        {"INSERT INTO host VALUES (1, 2, 3, 4)", "42601",
         "INSERT has more expressions than target columns", 35},
        {"INSERT INTO host (name, owner) VALUES ('x')", "42601",
         "INSERT has more target columns than expressions", 25},
        {"INSERT INTO host (nope) VALUES (1)", "42703",
         "column \"nope\" of relation \"host\" does not exist", 19},
        {"INSERT INTO host (size) VALUES (true)", "42804",
         "column \"size\" is of type integer but expression is of type boolean", 33},
        {"SELECT * FROM busy WHERE x = 1", "42703", "column \"x\" does not exist", 26},
        {"SELECT 1 FROM host FOR UPDATE LIMIT size", "42P10",
         "argument of LIMIT must not contain variables", 37},
        {"UPDATE cpu SET nothing = true", "42703",
         "column \"nothing\" of relation \"cpu\" does not exist", 16},
        {"GRANT FOO ON cpu TO joe", "42601", "unrecognized privilege type \"foo\"", 0},
        {"CREATE PROCEDURE p() AS $$ $$", "0A000", "CREATE PROCEDURE is not supported", 1},
        {"SELECT x FROM cpu, LATERAL (SELECT hostname AS x) q, (SELECT hostname AS y) r", "42703",
         "column \"hostname\" does not exist", 62},
        {"CREATE TABLE t (a int, a text)", "42701", "column \"a\" specified more than once", 0},
        {"COPY host (name, nope) FROM STDIN", "42703",
         "column \"nope\" of relation \"host\" does not exist", 18},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Bound *b;
        Err e;
        ck_assert_msg(!analyze(cases[i].sql, &b, &e), "%s", cases[i].sql);
        ck_assert_msg(strcmp(e.message, cases[i].message) == 0, "%s: %s", cases[i].sql, e.message);
        ck_assert_msg(strcmp(err_sqlstate(e.code), cases[i].state) == 0, "%s: %s", cases[i].sql,
                      err_sqlstate(e.code));
        ck_assert_msg(e.position == cases[i].position, "%s: at %d", cases[i].sql, e.position);
    }
    Bound *b;
    Err e;
    ck_assert(!analyze("SELECT usge_user FROM cpu", &b, &e));
    ck_assert_str_eq(e.hint, "Perhaps you meant to reference the column \"cpu.usage_user\".");
}
END_TEST

/* ---- statements other than queries ---- */

START_TEST(utility)
{
    const Bound *b =
        good("CREATE TABLE IF NOT EXISTS public.t (ts timestamptz NOT NULL, host text TAG, v "
             "numeric(10, 2) DEFAULT 1 + 1 CHECK (v > 0),"
             " PRIMARY KEY (host, ts)) WITH (ttl = '30d', tsdb.hypertable, 'window' = '1 day')");
    ck_assert_int_eq(b->kind, BOUND_CREATE_TABLE);
    ck_assert(b->u.create_table.if_not_exists &&
              slice_eq_cstr(b->u.create_table.name.schema, "public"));
    ck_assert_uint_eq(b->u.create_table.col_count, 3);
    ck_assert(b->u.create_table.cols[0].not_null && b->u.create_table.cols[1].tag);
    ck_assert_int_eq(b->u.create_table.cols[2].typmod, ((10 << 16) | 2) + 4);
    ck_assert(slice_eq_cstr(b->u.create_table.cols[2].default_sql, "1 + 1"));
    ck_assert_uint_eq(b->u.create_table.constraint_count, 2);
    const ConstraintSpec *con = b->u.create_table.constraints;
    ck_assert_int_eq(con[0].type, CONSTRAINT_CHECK);
    ck_assert(slice_eq_cstr(con[0].text, "v > 0") && con[0].column_count == 1);
    ck_assert_int_eq(con[1].type, CONSTRAINT_PRIMARY_KEY);
    ck_assert_uint_eq(con[1].column_count, 2);
    ck_assert_uint_eq(b->u.create_table.option_count, 3);
    ck_assert(slice_eq_cstr(b->u.create_table.options[1].name, "tsdb.hypertable"));

    b = good("CREATE TABLE q (ts TIMESTAMP, host SYMBOL, load DOUBLE PRECISION) TIMESTAMP(ts) "
             "PARTITION BY DAY TTL 7 DAYS WAL DEDUP UPSERT KEYS(ts, host)");
    ck_assert(b->u.create_table.cols[1].tag && b->u.create_table.cols[1].type == T_TEXT);
    ck_assert(slice_eq_cstr(b->u.create_table.options[0].name, "time") &&
              slice_eq_cstr(b->u.create_table.options[0].value, "ts"));
    ck_assert(slice_eq_cstr(b->u.create_table.options[1].value, "1 day"));
    ck_assert(slice_eq_cstr(b->u.create_table.options[2].value, "7 days"));

    b = good("SET SESSION search_path TO a, \"B\"");
    ck_assert(slice_eq_cstr(b->u.set.name, "search_path") &&
              slice_eq_cstr(b->u.set.value, "a, \"B\"") && b->u.set.session);
    b = good("SET TIME ZONE DEFAULT");
    ck_assert(slice_eq_cstr(b->u.set.name, "timezone") && b->u.set.is_default);
    b = good("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    ck_assert(b->u.txn.kind == TXN_BEGIN && b->u.txn.read_only == 1 &&
              slice_eq_cstr(b->u.txn.isolation, "repeatable read"));
    b = good("FETCH FORWARD ALL IN \"C\"");
    ck_assert(b->u.fetch.count == FETCH_ALL && !b->u.fetch.move &&
              slice_eq_cstr(b->u.fetch.name, "C"));
    b = good("COPY host (owner, name) FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';', NULL "
             "'NA', FORCE_NULL (name))");
    ck_assert(b->u.copy.format == COPY_CSV && b->u.copy.header && b->u.copy.delimiter == ';');
    ck_assert(b->u.copy.columns[0] == 1 && b->u.copy.columns[1] == 0 && b->u.copy.force_null[1] &&
              !b->u.copy.force_null[0]);
    b = good("COPY (SELECT 1) TO STDOUT CSV HEADER NULL AS 'x'");
    ck_assert(b->kind == BOUND_COPY_TO && b->u.copy.header &&
              slice_eq_cstr(b->u.copy.null_text, "x"));
    b = good("PREPARE p (int) AS SELECT $1 + 1");
    ck_assert(slice_eq_cstr(b->u.prepare.statement.text, "SELECT $1 + 1") &&
              b->u.prepare.types[0] == T_INT4);
    b = good("INSERT INTO cpu (time, hostname) VALUES (now(), 'x'), ('2024-01-01', DEFAULT) ON "
             "CONFLICT DO NOTHING RETURNING hostname, requests + 1 AS r");
    ck_assert_uint_eq(b->u.insert.target_count, 3); /* requests has a default */
    ck_assert_int_eq(b->u.insert.targets[2], 5);
    ck_assert_uint_eq(b->u.insert.returning_count, 2);
    ck_assert_uint_eq(b->u.insert.returning[0]->index, 1);
    b = good(
        "ALTER TABLE cpu ADD COLUMN x int, ALTER up SET DEFAULT true, DROP COLUMN IF EXISTS y");
    ck_assert_uint_eq(b->u.alter.count, 3);
    b = good("EXPLAIN (ANALYZE, FORMAT json) SELECT 1");
    ck_assert(b->u.explain.options.analyze && b->u.explain.options.format == EXPLAIN_JSON &&
              b->u.explain.inner->kind == BOUND_QUERY);
}
END_TEST

/* ---- plans ---- */

static const Plan *find_plan(const Plan *p, PlanKind kind)
{
    if (!p || p->kind == kind)
        return p;
    if (p->kind == PLAN_SERIES_AGG && kind == PLAN_SCAN)
        return &((const PlanSeriesAgg *)p)->scan->p;
    const Plan *found = find_plan(p->child, kind);
    if (!found)
        found = find_plan(p->right, kind);
    for (size_t i = 0; !found && p->kind == PLAN_APPEND && i < ((const PlanAppend *)p)->child_count;
         i++)
        found = find_plan(((const PlanAppend *)p)->children[i], kind);
    return found;
}

static const Plan *plan_of(const char *sql, PlanKind kind)
{
    const Plan *p = find_plan(good(sql)->u.query.plan.root, kind);
    ck_assert_msg(p, "%s: no node of kind %d", sql, kind);
    return p;
}

static bool has_plan(const char *sql, PlanKind kind)
{
    return find_plan(good(sql)->u.query.plan.root, kind) != NULL;
}

START_TEST(scans)
{
    const PlanScan *s = (const PlanScan *)plan_of(
        "SELECT usage_user FROM cpu WHERE time >= '2024-01-01' AND '2024-01-02'::date > time AND "
        "hostname IN ('a', 'b') AND rack = 5 AND hostname LIKE 'a%' AND requests > 7.5 AND up",
        PLAN_SCAN);
    ck_assert_uint_eq(s->bound_count, 2);
    ck_assert_str_eq(s->bounds[0].op, ">=");
    ck_assert_str_eq(s->bounds[1].op, "<");
    ck_assert_int_eq(s->bounds[0].value->value.u.i64, INT64_C(1704067200000000));
    ck_assert_uint_eq(s->tag_count, 3);
    ck_assert_uint_eq(s->tags[0].in_count, 2);
    ck_assert_uint_eq(s->tags[1].type, T_INT4);
    ck_assert(!s->tags[2].in && s->tags[2].test);
    ck_assert_uint_eq(s->prune_count, 1);
    ck_assert(s->filter);
    ck_assert_uint_eq(s->p.col_count, 3); /* usage_user, and what the filter reads */

    s = (const PlanScan *)plan_of(
        "SELECT count(*) FROM cpu WHERE hostname = ANY($1) AND time BETWEEN $2 AND now()",
        PLAN_SCAN);
    ck_assert(s->bound_count == 2 && s->tag_count == 1 && s->tags[0].array && !s->filter);
    ck_assert_uint_eq(s->p.col_count, 0);
    s = (const PlanScan *)plan_of("SELECT * FROM cpu WHERE hostname = 'a' OR rack = 1", PLAN_SCAN);
    ck_assert(s->tag_count == 0 && s->filter);
    s = (const PlanScan *)plan_of("SELECT * FROM cpu WHERE hostname = 'a' OR hostname IS NULL",
                                  PLAN_SCAN);
    ck_assert(s->tag_count == 1 && s->tags[0].test && !s->filter);
    s = (const PlanScan *)plan_of("SELECT * FROM (SELECT time AS t, hostname || 'x' AS h, "
                                  "usage_user FROM cpu) q WHERE t < now() AND h = 'ax'",
                                  PLAN_SCAN);
    ck_assert(s->bound_count == 1 && s->tag_count == 1);
    s = (const PlanScan *)plan_of("SELECT * FROM (SELECT hostname h, time FROM cpu UNION ALL "
                                  "SELECT name, now() FROM host) q WHERE h = 'a'",
                                  PLAN_SCAN);
    ck_assert_uint_eq(s->tag_count, 1);
    s = (const PlanScan *)plan_of("SELECT * FROM busy WHERE h = 'a' AND n > 1", PLAN_SCAN);
    ck_assert_uint_eq(s->tag_count, 1);
    s = (const PlanScan *)plan_of(
        "WITH q AS (SELECT * FROM cpu) SELECT * FROM q WHERE hostname = 'a'", PLAN_SCAN);
    ck_assert_uint_eq(s->tag_count, 1);
    s = (const PlanScan *)plan_of(
        "SELECT DISTINCT ON (hostname) * FROM cpu ORDER BY hostname, time DESC", PLAN_SCAN);
    ck_assert(s->backward && s->per_series_limit == 1);
    s = (const PlanScan *)plan_of(
        "SELECT DISTINCT ON (hostname) * FROM cpu ORDER BY hostname, time", PLAN_SCAN);
    ck_assert(!s->backward && s->per_series_limit == 0);
    s = (const PlanScan *)plan_of("SELECT * FROM cpu WHERE time_bucket('1h', time) > '2024-01-01'",
                                  PLAN_SCAN);
    ck_assert(s->bound_count == 1 && s->filter);
    s = (const PlanScan *)plan_of("SELECT * FROM cpu WHERE ts_ns(time) >= 5", PLAN_SCAN);
    ck_assert(s->bound_count == 1 && s->bounds[0].ns);
}
END_TEST

START_TEST(grouping)
{
    const PlanSeriesAgg *a = (const PlanSeriesAgg *)plan_of(
        "SELECT time_bucket('5 min', time) AS b, hostname, avg(usage_user), count(*) FROM cpu "
        "WHERE up GROUP BY b, 2 ORDER BY b",
        PLAN_SERIES_AGG);
    ck_assert(a->key_count == 2 && a->agg_count == 2 && a->keys[0].kind == KEY_BUCKET &&
              a->keys[1].kind == KEY_TAG);
    ck_assert_int_eq(a->keys[0].width_ns, 300 * NS_PER_S);
    ck_assert_int_eq(a->keys[0].origin_ns, INT64_C(946857600) * NS_PER_S);
    ck_assert(a->aggs[1].star && a->scan->filter);
    a = (const PlanSeriesAgg *)plan_of(
        "SELECT date_trunc('hour', time), max(requests) FROM cpu GROUP BY 1", PLAN_SERIES_AGG);
    ck_assert(a->keys[0].width_ns == 3600 * NS_PER_S && a->keys[0].origin_ns == 0);
    a = (const PlanSeriesAgg *)plan_of(
        "SELECT date_bin('90 s', time, '2001-01-01'), last(requests) FROM cpu GROUP BY 1",
        PLAN_SERIES_AGG);
    ck_assert_int_eq(a->keys[0].width_ns, 90 * NS_PER_S);
    ck_assert_uint_eq(a->aggs[0].arg_count, 2); /* last(v) is by the time column */
    ck_assert(has_plan("SELECT count(*), sum(requests) FROM cpu", PLAN_SERIES_AGG));
    static const char *const plain[] = {
        "SELECT time_bucket('1 month', time), count(*) FROM cpu GROUP BY 1",
        "SELECT up, count(*) FROM cpu GROUP BY 1",
        "SELECT time, count(*) FROM cpu GROUP BY 1",
        "SELECT upper(hostname), count(*) FROM cpu GROUP BY 1",
        "SELECT count(DISTINCT hostname) FROM cpu",
        "SELECT time_bucket('1h', time), date_trunc('day', time), count(*) FROM cpu GROUP BY 1, 2",
        "SELECT hostname, count(*) FROM cpu, host WHERE name = hostname GROUP BY 1",
        "SELECT hostname, count(*) FROM cpu WHERE requests > (SELECT 1) GROUP BY 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        ck_assert_msg(has_plan(plain[i], PLAN_AGG) && !has_plan(plain[i], PLAN_SERIES_AGG), "%s",
                      plain[i]);
    /* input column first in GROUP BY, output alias first in ORDER BY */
    ck_assert(has_plan("SELECT hostname AS up, count(*) FROM cpu GROUP BY hostname ORDER BY up",
                       PLAN_SORT));
    Bound *b;
    Err e;
    ck_assert(!analyze("SELECT hostname AS up, count(*) FROM cpu GROUP BY up", &b, &e));
}
END_TEST

START_TEST(joins)
{
    const PlanJoin *j = (const PlanJoin *)plan_of(
        "SELECT 1 FROM cpu, host WHERE name = hostname AND rack > size AND hostname = 'a'",
        PLAN_JOIN);
    ck_assert(j->type == JOIN_INNER && j->key_count == 1 && j->filter);
    j = (const PlanJoin *)plan_of("SELECT 1 FROM host h JOIN cpu c ON c.requests = h.size",
                                  PLAN_JOIN);
    ck_assert_uint_eq(j->key_count, 1); /* int8 = int4 */
    j = (const PlanJoin *)plan_of("SELECT 1 FROM host h LEFT JOIN cpu c ON c.hostname = h.name AND "
                                  "c.up AND h.size > 1 WHERE h.owner = 'x'",
                                  PLAN_JOIN);
    ck_assert(j->type == JOIN_LEFT && j->key_count == 1 && j->filter);
    ck_assert(((const PlanScan *)j->p.right)->filter && ((const PlanScan *)j->p.child)->filter);
    j = (const PlanJoin *)plan_of(
        "SELECT 1 FROM host h LEFT JOIN cpu c ON c.hostname = h.name WHERE c.requests > 1",
        PLAN_JOIN);
    ck_assert_int_eq(j->type, JOIN_INNER);
    j = (const PlanJoin *)plan_of(
        "SELECT 1 FROM host h LEFT JOIN cpu c ON c.hostname = h.name WHERE c.requests IS NULL",
        PLAN_JOIN);
    ck_assert_int_eq(j->type, JOIN_LEFT);
    j = (const PlanJoin *)plan_of("SELECT 1 FROM host WHERE name IN (SELECT hostname FROM cpu)",
                                  PLAN_JOIN);
    ck_assert_int_eq(j->type, JOIN_SEMI);
    j = (const PlanJoin *)plan_of("SELECT 1 FROM host WHERE name NOT IN (SELECT hostname FROM cpu)",
                                  PLAN_JOIN);
    ck_assert(j->type == JOIN_ANTI && j->null_aware);
    j = (const PlanJoin *)plan_of("SELECT 1 FROM host h WHERE NOT EXISTS (SELECT 1 FROM cpu WHERE "
                                  "hostname = h.name AND requests > h.size)",
                                  PLAN_JOIN);
    ck_assert(j->type == JOIN_ANTI && j->key_count == 1 && j->filter && !j->null_aware);
    const PlanApply *a = (const PlanApply *)plan_of(
        "SELECT (SELECT max(requests) FROM cpu WHERE hostname = h.name) FROM host h", PLAN_APPLY);
    ck_assert(a->mode == APPLY_SCALAR && a->param_count == 1);
    ck_assert_uint_eq(((const PlanScan *)find_plan(a->p.right, PLAN_SCAN))->tag_count, 1);
    j = (const PlanJoin *)plan_of(
        "SELECT (SELECT count(*) FROM host h WHERE h.name = c.hostname) FROM cpu c", PLAN_JOIN);
    ck_assert(j->type == JOIN_LEFT && j->key_count == 1);
    j = (const PlanJoin *)plan_of("SELECT name IN (SELECT hostname FROM cpu) FROM host", PLAN_JOIN);
    ck_assert(j->type == JOIN_MARK && j->key_count == 1 && j->null_aware);
    a = (const PlanApply *)plan_of(
        "SELECT CASE WHEN size > 1 THEN (SELECT max(size) FROM host) END FROM host", PLAN_APPLY);
    ck_assert(a->guard != NULL);
    a = (const PlanApply *)plan_of(
        "SELECT 1 FROM cpu WHERE requests > (SELECT max(size) FROM host)", PLAN_APPLY);
    ck_assert_uint_eq(a->param_count, 0);
    a = (const PlanApply *)plan_of(
        "SELECT 1 FROM host h, LATERAL (SELECT 1 FROM cpu WHERE hostname = h.name LIMIT 1) q",
        PLAN_APPLY);
    ck_assert_int_eq(a->mode, APPLY_LATERAL);
    a = (const PlanApply *)plan_of(
        "SELECT 1 FROM host h LEFT JOIN LATERAL generate_series(1, h.size) g ON true", PLAN_APPLY);
    ck_assert_int_eq(a->mode, APPLY_LATERAL_LEFT);
    /* ten relations, no cross product */
    const Bound *b =
        good("SELECT 1 FROM host a, host b, host c, host d, host e, host f, host g, host h, host "
             "i, cpu j WHERE a.size = b.size AND b.name = c.name AND "
             "d.size = e.size AND f.name = g.name AND h.size = i.size AND c.owner = d.owner AND "
             "e.name = f.name AND g.size = h.size AND j.hostname = i.name");
    size_t join_count = 0;
    for (const Plan *p = b->u.query.plan.root; p; p = p->child) {
        if (p->kind != PLAN_JOIN)
            continue;
        join_count++;
        ck_assert_uint_gt(((const PlanJoin *)p)->key_count, 0);
    }
    ck_assert_uint_gt(join_count, 0);
}
END_TEST

START_TEST(expression)
{
    Expr *x;
    Err e;
    const TableDef *t = cat_table(
        bench.catalog, cat_schema(bench.catalog, bench.env.database, SLICE_LIT("public"))->id,
        SLICE_LIT("cpu"));
    ck_assert(
        sql_expression(&bench.env, &arena, SLICE_LIT("requests > 0 AND up"), t, T_BOOL, &x, &e));
    ck_assert_int_eq(x->kind, EXPR_AND);
    ck_assert_uint_eq(x->args[1]->index, 6); /* the column's index in the table */
    ck_assert(sql_expression(&bench.env, &arena, SLICE_LIT("1 + 1"), NULL, T_FLOAT8, &x, &e));
    ck_assert(x->kind == EXPR_CONST && x->value.u.f64 == 2);
    ck_assert(!sql_expression(&bench.env, &arena, SLICE_LIT("requests"), NULL, T_INT8, &x, &e));
    ck_assert(!sql_expression(&bench.env, &arena, SLICE_LIT("1; SELECT 2"), NULL, T_INT8, &x, &e));
    ck_assert(!sql_expression(&bench.env, &arena, SLICE_LIT("(SELECT 1)"), NULL, T_INT4, &x, &e));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("sql");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, precedence);
    tcase_add_test(tc, syntax_errors);
    tcase_add_test(tc, statements);
    tcase_add_test(tc, words_as_names);
    tcase_add_test(tc, depth);
    tcase_add_test(tc, long_texts);
    tcase_add_test(tc, columns);
    tcase_add_test(tc, parameters);
    tcase_add_test(tc, errors);
    tcase_add_test(tc, utility);
    tcase_add_test(tc, scans);
    tcase_add_test(tc, grouping);
    tcase_add_test(tc, joins);
    tcase_add_test(tc, expression);
    return unit_run(tc);
}
