/* A table with tiers against one that keeps all rows: rows come in time, late and twice, recent ones are
 * changed and deleted, in transactions that are rolled back, too; jobs make buckets and free rows; the
 * database is restarted.  At every look queries whose bounds cut no bucket give the same on both.
 *
 * SKULK_TIERS_SEED=n runs one seed, SKULK_TIERS_STEPS=n as many steps a life: `make tiers`. */
#define LIFE_ENV "SKULK_TIERS"
#include "life_random.h"

enum { SEEDS = 6, STEPS = 300, HOSTS = 5, LATE_MINUTES = 6000, RECENT_MINUTES = 240 };
/* PromQL knows milliseconds: for so many steps no two rows of a series have one in common. */
enum { STEPS_OF_PROMQL = 980 };

static long long now_s(Life *l)
{
    return life_wall(&l->w.c.clock) / NS_PER_S;
}

/* The same is done to both tables; @: the table. */
static void both(Life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void both(Life *l, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (int i = 0; i < 2; i++) {
        char one[sizeof text];
        for (size_t n = 0; n < sizeof text; n++)
            one[n] = text[n] == '@' ? "mr"[i] : text[n];
        sql(l, "%s", one);
    }
}

/* No two rows have a time in common: a row that is gone cannot be written over. */
static void write_rows(Life *l)
{
    int late = any(10) < 6 ? any(120) : any(LATE_MINUTES);
    int minute = any(15) ? late : -any(60);
    both(l,
         "INSERT INTO @ SELECT to_timestamp(%lld) + i * interval '%d s' + interval '%d us', 'h%d', "
         "nullif((i * %d) %% 50, 7) FROM generate_series(1, %d) i",
         now_s(l) - minute * 60LL, 1 + any(100), (l->step % STEPS_OF_PROMQL + 1) * 1000 + l->step,
         any(HOSTS), 1 + any(40), 1 + any(30));
}

static void change_rows(Life *l)
{
    long long from = now_s(l) - any(RECENT_MINUTES) * 60LL;
    switch (any(4)) {
    case 0:
        both(l, "DELETE FROM @ WHERE ts >= to_timestamp(%lld) AND ts < to_timestamp(%lld)", from,
             from + any(7200));
        break;
    case 1:
        both(l, "DELETE FROM @ WHERE host = 'h%d' AND ts > to_timestamp(%lld)", any(HOSTS), from);
        break;
    case 2:
        both(l, "DELETE FROM @ WHERE v = %d AND ts > to_timestamp(%lld)", any(50), from);
        break;
    default:
        both(l, "UPDATE @ SET v = v + 1 WHERE v %% 7 = %d AND ts > to_timestamp(%lld)", any(7),
             from);
    }
}

static void compare(Life *l, const char *list, const char *where, const char *group)
{
    sql(l,
        "SELECT 'tiers', x::text FROM (SELECT %s FROM m %s %s EXCEPT ALL SELECT %s FROM r %s %s) x "
        "UNION ALL SELECT 'rows', x::text FROM (SELECT %s FROM r %s %s EXCEPT ALL SELECT %s FROM m "
        "%s %s) x",
        list, where, group, list, where, group, list, where, group, list, where, group);
    ck_assert_msg(l->w.out.len == 1, "seed %d, step %d: %s %s: %s", l->seed, l->step, list, where,
                  (const char *)l->w.out.ptr);
}

static void look(Life *l)
{
    static const char *const lists[] = {
        "count(*), count(v), sum(v), avg(v), min(v), max(v), min(ts), max(ts)",
        "first(v, ts) AS f, last(v, ts) AS l, sum(v) FILTER (WHERE host <> 'h1') AS s",
        "count(*) FILTER (WHERE host IN ('h0', 'h2')) AS c, max(v) - min(v) AS d"};
    char list[512], where[256] = "";
    const char *what = lists[any(ARRAY_LEN(lists))];
    long long now = now_s(l), day = 86400;
    long long from = (now / day - any(5)) * day, to = from + (1 + any(5)) * day;
    switch (any(5)) {
    case 0: /* whole days */
        snprintf(list, sizeof list, "time_bucket('%d days', ts) AS b, host, %s", 1 + any(3), what);
        if (any(2))
            snprintf(where, sizeof where,
                     "WHERE ts >= to_timestamp(%lld) AND ts < to_timestamp(%lld)", from, to);
        compare(l, list, where, "GROUP BY 1, 2");
        break;
    case 1: /* hours, as long as there are some */
        snprintf(list, sizeof list, "time_bucket('%d hours', ts) AS b, %s", 1 + any(4), what);
        snprintf(where, sizeof where, "WHERE ts >= to_timestamp(%lld)",
                 (now / 3600 - any(40)) * 3600);
        compare(l, list, where, "GROUP BY 1");
        break;
    case 2: /* where rows are, anything goes */
        snprintf(list, sizeof list, "time_bucket('7 minutes', ts) AS b, stddev(v), %s", what);
        snprintf(where, sizeof where, "WHERE v > 3 AND ts > to_timestamp(%lld.5)",
                 now - any(RECENT_MINUTES) * 60LL);
        compare(l, list, where, "GROUP BY 1");
        snprintf(list, sizeof list, "time_bucket('1 hour', ts) AS b, %s", what);
        snprintf(where, sizeof where,
                 "WHERE host = 'h%d' AND ts > to_timestamp(%lld.5) AND ts < to_timestamp(%lld.5)",
                 any(HOSTS), now - any(RECENT_MINUTES) * 60LL, now - any(2000));
        compare(l, list, where, "GROUP BY 1");
        break;
    case 3:
        snprintf(where, sizeof where, "WHERE ts < to_timestamp(%lld)", to);
        compare(l, what, any(2) ? where : "", "");
        break;
    default:
        snprintf(list, sizeof list, "host, %s", what);
        compare(l, list, "", "GROUP BY host HAVING count(*) > 1");
    }
}

/* Any query at all gives what it gives over all rows, or fails since rows are gone.  Bounds and buckets are whole
 * days, so that no bucket is cut. */
static void look_any(Life *l)
{
    static const char *const items[] = {"count(*)",
                                        "count(v)",
                                        "count(DISTINCT host)",
                                        "sum(v)",
                                        "sum(v * 3 - 1)",
                                        "avg(v)",
                                        "avg(7 - v)",
                                        "min(-v)",
                                        "max(v * 2 + 1)",
                                        "min(v)",
                                        "first(v, ts)",
                                        "last(-v, ts)",
                                        "min(ts)",
                                        "max(ts)",
                                        "min(host)",
                                        "string_agg(DISTINCT host, ',' ORDER BY host)",
                                        "count(*) FILTER (WHERE host > 'h1')",
                                        "sum(CASE WHEN host <> 'h2' THEN v END)",
                                        "sum(v) FILTER (WHERE host = 'h1')",
                                        "stddev(v)",
                                        "percentile_cont(0.5) WITHIN GROUP (ORDER BY v)",
                                        "count(DISTINCT v)",
                                        "sum(v * v)",
                                        "max(abs(v - 20))",
                                        "increase(v::float8, ts)",
                                        "count(*) FILTER (WHERE v > 10)"};
    static const char *const from[] = {
        "@",
        "@",
        "@view",
        "(SELECT * FROM @) q",
        "(SELECT ts, host, v FROM @view WHERE host <> 'h3') q",
        "(SELECT ts, host, v FROM @ WHERE v > 5) q",
        "(SELECT * FROM @ ORDER BY ts DESC, host LIMIT 50) q",
        "(SELECT DISTINCT ON (host) ts, host, v FROM @ ORDER BY host, ts DESC) q",
        "(SELECT * FROM @ UNION ALL SELECT * FROM @view) q",
        "(SELECT * FROM @ LATEST ON ts PARTITION BY host) q",
        "@ JOIN dim ON name = host",
        "@ LEFT JOIN dim ON name = host",
        "dim LEFT JOIN @ ON name = host",
        "@view JOIN (SELECT name FROM dim WHERE rack > 0) d ON name = host"};
    static const char *const keys[] = {
        "",
        "GROUP BY host",
        "GROUP BY time_bucket('1 day', ts)",
        "GROUP BY date_trunc('day', ts), host",
        "GROUP BY time_bucket('2 days', ts), host HAVING count(*) > 3",
        "GROUP BY ROLLUP (host, time_bucket('1 day', ts))",
        "GROUP BY time_bucket_gapfill('1 day', ts), host",
        "GROUP BY ts",
        "GROUP BY upper(host)"};
    static const char *const plain[] = {
        "SELECT * FROM @ %s",
        "SELECT DISTINCT host FROM @view %s",
        "SELECT DISTINCT v FROM @ %s",
        "SELECT name, (SELECT sum(v) FROM (SELECT * FROM @ %s) q WHERE host = name) FROM dim",
        "SELECT name, (SELECT max(v) FROM @ %s AND host = name) FROM dim",
        "SELECT name FROM dim WHERE name IN (SELECT host FROM @ %s)",
        "SELECT max(c) FROM (SELECT count(*) AS c FROM @ %s GROUP BY host) q",
        "SELECT * FROM (SELECT * FROM @ %s ORDER BY ts DESC, host, v LIMIT 3) q"};
    char query[1500], where[200], both[2][1600];
    long long day = 86400, lo = (now_s(l) / day - any(7)) * day, hi = lo + (1 + any(7)) * day;
    snprintf(where, sizeof where, "WHERE ts >= to_timestamp(%lld) AND ts < to_timestamp(%lld)%s",
             lo, hi, any(4) ? "" : " AND host <> 'h0'");
    if (any(5)) {
        size_t a = (size_t)any(ARRAY_LEN(items)), b = (size_t)any(ARRAY_LEN(items));
        snprintf(query, sizeof query, "SELECT %s AS a, %s AS b FROM %s %s %s", items[a], items[b],
                 from[any(ARRAY_LEN(from))], where, keys[any(ARRAY_LEN(keys))]);
    } else {
        snprintf(query, sizeof query, plain[any(ARRAY_LEN(plain))], where);
    }
    for (int i = 0; i < 2; i++) {
        size_t n = 0;
        for (const char *c = query; *c; c++)
            both[i][n++] = *c == '@' ? "mr"[i] : *c;
        both[i][n] = 0;
    }
    char text[8000];
    snprintf(text, sizeof text,
             "SELECT 'tiers', x::text FROM (%s EXCEPT ALL %s) x UNION ALL SELECT 'rows', x::text "
             "FROM (%s EXCEPT ALL %s) x",
             both[0], both[1], both[1], both[0]);
    bool ok = life_try(&l->w, text);
    l->asked++;
    l->answered += ok;
    ck_assert_msg(ok ? l->w.out.len == 1 : l->w.err.code == ERR_INVALID_PARAMETER,
                  "seed %d, step %d: %s: %s", l->seed, l->step, both[0],
                  ok ? (const char *)l->w.out.ptr : l->w.err.message);
}

/* What PromQL gives over tiers and over rows: windows of whole buckets, and no row at a border. */
static void look_promql(Life *l)
{
    static const char *const functions[] = {"sum", "count", "avg", "min", "max", "first", "last"};
    char over[2][320], query[128];
    long long now = now_s(l), day = 86400, hour = 3600, from, to, step;
    const char *f = functions[any(ARRAY_LEN(functions))];
    if (any(2)) {
        step = day;
        from = (now / day - any(5)) * day;
        to = from + any(5) * day;
        snprintf(query, sizeof query, "%s_over_time(@_v[%dd])", f, 1 + any(3));
    } else if (any(2)) {
        step = hour * (1 + any(4));
        from = (now / hour - any(30)) * hour;
        to = from + any(30) * hour;
        snprintf(query, sizeof query, "%s_over_time(@_v[%dh])", f, 1 + any(8));
    } else { /* where rows are, anything goes */
        step = 1 + any(1000);
        from = now - any(RECENT_MINUTES) * 60LL;
        to = from + any(50) * step;
        snprintf(query, sizeof query, "%s(@_v[%dm])", any(2) ? "rate" : "stddev_over_time",
                 1 + any(60));
    }
    char *table = strchr(query, '@');
    for (int i = 0; i < 2; i++) {
        *table = i ? 'r' : 'm';
        snprintf(
            over[i], sizeof over[i],
            "(SELECT host, ts, value FROM promql('%s', to_timestamp(%lld), to_timestamp(%lld), "
            "'%lld s') AS p(host text, ts timestamptz, value float8))",
            query, from, to, step);
    }
    sql(l,
        "SELECT 'tiers', x::text FROM (%s EXCEPT ALL %s) x UNION ALL SELECT 'rows', x::text FROM "
        "(%s EXCEPT ALL %s) x LIMIT 5",
        over[0], over[1], over[1], over[0]);
    ck_assert_msg(l->w.out.len == 1, "seed %d, step %d: %s: %s", l->seed, l->step, over[0],
                  (const char *)l->w.out.ptr);
}

/* Changes of a counter, against the formula over what tiers keep: docs/lifecycle.md, in SQL. */
static const char naive[] =
    "WITH b AS (SELECT coalesce(max(read_from) FILTER (WHERE level = 0), '-infinity') AS s0, "
    "coalesce(max(read_from) FILTER (WHERE level = 1), '-infinity') AS s1 FROM skulk.tiers), "
    "items AS (SELECT g1 AS host, f2_ft AS ft, f2_lt AS lt, f2_first AS f, f2_last AS l, f2_n AS "
    "n, f2_increase AS i, f2_resets AS r FROM pg_skulk.%s, b WHERE f2_n > 0 AND t < s1 AND %s "
    "UNION ALL SELECT g1, f2_ft, f2_lt, f2_first, f2_last, f2_n, f2_increase, f2_resets FROM "
    "pg_skulk.%s, b WHERE f2_n > 0 AND t >= s1 AND t < s0 AND %s "
    "UNION ALL SELECT host, t, t, v, v, 1, 0, 0 FROM (SELECT host, ts AS t, v FROM m) x, b WHERE v "
    "IS NOT NULL AND t >= s0 AND %s), "
    "s AS (SELECT *, lag(l) OVER (PARTITION BY host ORDER BY ft) AS p FROM items), "
    "g AS (SELECT host, sum(n)::float8 AS n, floor(extract(epoch FROM min(ft)) * 1000) / 1000 AS "
    "ft, floor(extract(epoch FROM max(lt)) * 1000) / 1000 AS lt, first(f, ft)::float8 AS f, "
    "last(l, lt)::float8 AS l, (sum(i) + sum(CASE WHEN p IS NULL THEN 0 WHEN f < p THEN f ELSE f - "
    "p END))::float8 AS rise, (sum(r) + sum(CASE WHEN f < p THEN 1 ELSE 0 END))::float8 AS resets "
    "FROM s GROUP BY host), "
    "d AS (SELECT *, ft - %lld AS a, %lld - lt AS z, (lt - ft) / (n - 1) AS gap FROM g WHERE n > 1 "
    "AND lt > ft), "
    "x AS (SELECT *, CASE WHEN a >= gap * 1.1 THEN gap / 2 ELSE a END AS a2, CASE WHEN z >= gap * "
    "1.1 THEN gap / 2 ELSE z END AS z2 FROM d), "
    "y AS (SELECT host, resets, (l - f) * (lt - ft + a2 + z2) / (lt - ft) AS delta, rise * (lt - "
    "ft + CASE WHEN rise > 0 AND f >= 0 THEN least(a2, (lt - ft) * f / rise) ELSE a2 END + z2) / "
    "(lt - ft) AS increase FROM x) "
    "SELECT host, q.value, y.%s FROM y FULL JOIN (SELECT * FROM promql('%s(m_v[%lldd])', "
    "to_timestamp(%lld)) AS p(host text, value float8)) q USING (host) WHERE %s AND NOT "
    "coalesce(abs(q.value - y.%s) < 1e-9 * (1 + abs(y.%s)), false)";

static void look_rates(Life *l, char names[2][32])
{
    static const char *const functions[] = {"increase", "delta", "resets"};
    char text[4096], range[128];
    long long day = 86400, days = 1 + any(4), to = (now_s(l) / day - any(4)) * day;
    const char *f = functions[any(ARRAY_LEN(functions))];
    for (int i = 0; i < 2; i++) /* late rows are in their buckets */
        sql(l, "REFRESH MATERIALIZED VIEW pg_skulk.%s", names[i]);
    snprintf(range, sizeof range, "t >= to_timestamp(%lld) AND t < to_timestamp(%lld)",
             to - days * day, to);
    /* one row alone has no change, but counts no resets */
    const char *some = f[0] == 'r' ? "y.host IS NOT NULL" : "true";
    snprintf(text, sizeof text, naive, names[1], range, names[0], range, range, to - days * day, to,
             f, f, days, to, some, f, f);
    sql(l, "SET skulk.tiers = 'ignore'");
    sql(l, "%s", text);
    ck_assert_msg(l->w.out.len == 1, "seed %d, step %d: %s: %s", l->seed, l->step, text,
                  (const char *)l->w.out.ptr);
    sql(l, "RESET skulk.tiers");
}

static void tier_names(Life *l, char names[2][32])
{
    sql(l, "SELECT kept_in FROM skulk.tiers WHERE level > 0 ORDER BY level");
    ck_assert_int_eq(sscanf((const char *)l->w.out.ptr, "%31s %31s", names[0], names[1]), 2);
}

static void in_transaction(Life *l)
{
    sql(l, "BEGIN");
    write_rows(l);
    if (any(2))
        change_rows(l);
    look(l);
    sql(l, any(2) ? "ROLLBACK" : "COMMIT");
}

static void live(Life *l, int steps)
{
    char names[2][32];
    tier_names(l, names);
    for (l->step = 0; l->step < steps; l->step++) {
        int what = any(32);
        if (what < 13)
            write_rows(l);
        else if (what < 17)
            change_rows(l);
        else if (what < 20)
            in_transaction(l);
        else if (what == 20)
            sql(l, any(2) ? "CHECKPOINT" : "VACUUM m");
        else if (what == 21 && any(2)) {
            life_close(&l->w);
            life_open(&l->w);
        } else
            life_pass(&l->w, (int64_t)(1 + any(what == 22 ? 1500 : 90)) * 60 * NS_PER_S);
        look(l);
        look_any(l);
        if (l->step < STEPS_OF_PROMQL)
            look_promql(l);
        if (any(8) == 0)
            look_rates(l, names);
    }
}

START_TEST(tiers)
{
    Life *l = life_random_new(_i);
    int steps = life_steps(STEPS);
    both(l, "CREATE TABLE @ (ts timestamptz NOT NULL, host text TAG, v int8)");
    sql(l, "ALTER TABLE m SET (tiers = '1s:6h, 1h:2d, 1d:forever')");
    both(l, "CREATE VIEW @view AS SELECT ts, host, v FROM @");
    sql(l, "CREATE TABLE dim (name text PRIMARY KEY, rack int)");
    sql(l, "INSERT INTO dim VALUES ('h0', 0), ('h1', 0), ('h2', 1), ('h9', 2)");
    live(l, steps);
    for (int i = 0; i < 20; i++)
        look(l);
    sql(l, "SELECT gone_before > '1970-01-01' FROM skulk.tiers WHERE level = 0");
    if (steps >= STEPS)
        ck_assert_str_eq((const char *)l->w.out.ptr, "t\n"); /* rows did leave */
    if (getenv("SKULK_TIERS_STEPS"))
        fprintf(stderr, "seed %d: any query: %d of %d answered\n", l->seed, l->answered, l->asked);
    ck_assert_int_gt(l->answered, l->asked / 4);
    life_random_free(l);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("tiers");
    tcase_add_loop_test(tc, tiers, 0, life_seeds(SEEDS));
    return unit_run(tc);
}
