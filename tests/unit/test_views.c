/* Continuous views against their own queries: rows come in time, late and twice, are changed and deleted,
 * by row, by range and in transactions that are rolled back, and around days on which clocks change; the joined table changes; jobs run when they
 * run; the database is restarted.  At every look a view gives what its query over the rows gives.
 *
 * SKULK_VIEWS_SEED=n runs one seed, SKULK_VIEWS_STEPS=n as many steps a life: `make views`. */
#define LIFE_ENV "SKULK_VIEWS"
#include "life_random.h"

enum {
    SEEDS = 6,
    STEPS = 300,
    HOSTS = 7,
    VIEWS = 3,
    SPAN_MINUTES = 3000,
    CLOCK_CHANGES = 30 * 1440
};

/* A seed where files of the last level lie between others in order of writing: changed rows came back. */
enum { OLD_FILES = 77 };

/* Queries of views; %s: the table. */
static const char *const queries[] = {
    "SELECT time_bucket('1 hour', ts) AS b, host, count(*) AS c, sum(v) AS s, avg(v) AS a FROM m "
    "GROUP BY 1, 2",
    "SELECT time_bucket('10 minutes', ts, '3 minutes'::interval) AS b, min(v), max(v), first(v, "
    "ts), last(v, "
    "ts), count(DISTINCT host) AS d FROM m GROUP BY 1",
    "SELECT host, time_bucket('1 day', ts) AS b, sum(v) FILTER (WHERE v % 2 = 0) AS e, count(v) "
    "FROM m "
    "WHERE v > 10 GROUP BY host, b HAVING count(*) > 1",
    "SELECT date_bin('2 hours', ts, '2023-11-01 00:30+00') AS b, percentile_cont(0.5) WITHIN GROUP "
    "(ORDER BY v) AS p, array_agg(v ORDER BY v, ts) AS l FROM m GROUP BY 1",
    "SELECT time_bucket('6 hours', m.ts) AS b, d.rack, sum(m.v) AS s, count(*) FROM m JOIN d ON "
    "d.host = "
    "m.host GROUP BY 1, 2",
    "SELECT time_bucket('30 minutes', m.ts) AS b, coalesce(d.rack, -1) AS r, max(m.v) FROM m LEFT "
    "JOIN d ON "
    "d.host = m.host GROUP BY 1, 2",
    "SELECT time_bucket('1 month', ts) AS b, host, count(*) AS c, sum(v) AS s FROM m GROUP BY 1, 2",
    "SELECT time_bucket('1 day', ts, 'Europe/Berlin') AS b, avg(v) AS a, count(*) FROM m GROUP BY "
    "1",
    "SELECT host, date_trunc('hour', ts, 'America/Havana') AS b, max(v), count(*) FROM m GROUP BY "
    "1, 2",
    "SELECT date_trunc('week', ts, 'America/St_Johns') AS b, sum(v), count(DISTINCT host) FROM m "
    "GROUP BY 1",
    "SELECT time_bucket('20 minutes', ts, 'Australia/Lord_Howe') AS b, count(*), last(v, ts) FROM "
    "m "
    "GROUP BY 1",
};

/* A view below, one over it (%d: the one below), and what the upper one is of the rows. */
static const char *const towers[][3] = {
    {"SELECT time_bucket('1 hour', ts) AS b, host, avg(v) AS a, sum(v) AS s, count(*) AS c, "
     "first(v, ts) AS f, last(v, ts) AS l FROM m GROUP BY 1, 2",
     "SELECT time_bucket('6 hours', b) AS b, host, avg(a) AS a, sum(s) AS s, sum(c) AS c, "
     "first(f, b) AS f, last(l, b) AS l FROM w%d GROUP BY 1, 2",
     "SELECT time_bucket('6 hours', ts) AS b, host, avg(v) AS a, sum(v) AS s, count(*)::numeric AS "
     "c, first(v, ts) AS f, last(v, ts) AS l FROM m GROUP BY 1, 2"},
    {"SELECT host, time_bucket('30 minutes', ts) AS b, max(v) AS v, avg(v) AS a FROM m WHERE v > 5 "
     "GROUP BY 1, 2 HAVING count(*) > 1",
     "SELECT d.rack, time_bucket('1 day', b) AS b, max(w.v), count(*) AS c, avg(w.v) AS n FROM w%d "
     "w JOIN d ON d.host = w.host GROUP BY 1, 2",
     "SELECT d.rack, time_bucket('1 day', b) AS b, max(w.v), count(*) AS c, avg(w.v) AS n FROM "
     "(SELECT host, time_bucket('30 minutes', ts) AS b, max(v) AS v FROM m WHERE v > 5 GROUP BY 1, "
     "2 HAVING count(*) > 1) w JOIN d ON d.host = w.host GROUP BY 1, 2"},
    {"SELECT time_bucket('1 hour', ts, 'America/Havana') AS b, host, avg(v) AS a, sum(v) AS s FROM "
     "m "
     "GROUP BY 1, 2",
     "SELECT time_bucket('1 day', b, 'America/Havana') AS b, avg(a) AS a, sum(s) AS s FROM w%d "
     "GROUP "
     "BY 1",
     "SELECT time_bucket('1 day', ts, 'America/Havana') AS b, avg(v) AS a, sum(v)::numeric AS s "
     "FROM "
     "m GROUP BY 1"},
};

static void make_tower(Life *l, int i)
{
    const char *const *t = towers[any(ARRAY_LEN(towers))];
    char upper[1024];
    snprintf(upper, sizeof upper, t[1], i);
    sql(l, "CREATE MATERIALIZED VIEW w%d WITH (continuous, refresh = '%d min'%s) AS %s", i,
        1 + any(60), any(3) ? "" : ", realtime = false", t[0]);
    sql(l, "CREATE MATERIALIZED VIEW v%d WITH (continuous, refresh = '%d min') AS %s", i,
        1 + any(60), upper);
    sql(l, "CREATE VIEW q%d AS %s", i, t[2]);
}

static void make_view(Life *l, int i)
{
    const char *q = queries[any(ARRAY_LEN(queries))];
    sql(l, "DROP MATERIALIZED VIEW IF EXISTS v%d", i);
    sql(l, "DROP MATERIALIZED VIEW IF EXISTS w%d", i);
    sql(l, "DROP VIEW IF EXISTS q%d", i);
    if (any(3) == 0) {
        make_tower(l, i);
        return;
    }
    sql(l,
        "CREATE MATERIALIZED VIEW v%d WITH (continuous, refresh = '%d min', lag = '%d min'%s) AS "
        "%s",
        i, 1 + any(60), any(3) * 30, any(3) ? "" : ", for = '6 hours'", q);
    sql(l, "CREATE VIEW q%d AS %s", i, q);
}

/* Minutes before the clock: near, late, and from the future. */
static int a_minute(void)
{
    int m = any(10) < 6 ? any(120) : any(any(8) ? SPAN_MINUTES : CLOCK_CHANGES);
    return any(15) ? m : -any(60);
}

static void write_rows(Life *l)
{
    sql(l,
        "INSERT INTO m SELECT now() - interval '%d min' + i * interval '%d s', 'h%d', (i * %d) %% "
        "50 "
        "FROM generate_series(1, %d) i",
        a_minute(), any(100), any(HOSTS), 1 + any(40), 1 + any(30));
}

static void change_rows(Life *l)
{
    int from = a_minute(), to = from - 1 - any(200);
    switch (any(5)) {
    case 0:
        sql(l,
            "DELETE FROM m WHERE ts >= now() - interval '%d min' AND ts < now() - interval '%d "
            "min'",
            from, to);
        break;
    case 1:
        sql(l, "DELETE FROM m WHERE host = 'h%d' AND ts < now() - interval '%d min'", any(HOSTS),
            any(SPAN_MINUTES));
        break;
    case 2:
        sql(l, "DELETE FROM m WHERE v = %d", any(50));
        break;
    case 3:
        sql(l, "UPDATE m SET v = v + 1 WHERE v %% 7 = %d AND host = 'h%d'", any(7), any(HOSTS));
        break;
    default:
        if (any(8) == 0)
            sql(l, "TRUNCATE m");
    }
}

static void change_other(Life *l)
{
    if (any(2))
        sql(l,
            "INSERT INTO d VALUES ('h%d', %d) ON CONFLICT (host) DO UPDATE SET rack = "
            "EXCLUDED.rack",
            any(HOSTS), any(3));
    else
        sql(l, "DELETE FROM d WHERE host = 'h%d'", any(HOSTS));
}

/* Nothing may be in one of them alone. */
static void look_at(Life *l, int i)
{
    sql(l,
        "SELECT 'only in v', (SELECT coalesce(max(pg_get_viewdef('q%d')), '') FROM d), x::text "
        "FROM (TABLE v%d EXCEPT ALL TABLE q%d) x UNION ALL SELECT 'only in q', '', x::text FROM "
        "(TABLE "
        "q%d EXCEPT ALL TABLE v%d) x",
        i, i, i, i, i);
    ck_assert_msg(l->w.out.len == 1, "seed %d, step %d: view %d: %s", l->seed, l->step, i,
                  (const char *)l->w.out.ptr);
}

static void in_transaction(Life *l)
{
    sql(l, "BEGIN");
    write_rows(l);
    if (any(2))
        change_rows(l);
    look_at(l, any(VIEWS));
    sql(l, any(2) ? "ROLLBACK" : "COMMIT");
}

static void refresh(Life *l)
{
    int i = any(VIEWS), from = any(SPAN_MINUTES), to = from - 1 - any(1000);
    if (any(3))
        sql(l, "REFRESH MATERIALIZED VIEW v%d%s", i, any(5) ? "" : " FORCE");
    else
        sql(l,
            "REFRESH MATERIALIZED VIEW v%d FROM (now() - interval '%d min') TO (now() - interval "
            "'%d "
            "min')",
            i, from, to);
}

static void restart(Life *l)
{
    life_close(&l->w);
    life_open(&l->w);
}

static void live(Life *l, int steps)
{
    for (l->step = 0; l->step < steps; l->step++) {
        int what = any(32);
        if (what < 12)
            write_rows(l);
        else if (what < 17)
            change_rows(l);
        else if (what < 19)
            change_other(l);
        else if (what < 23)
            refresh(l);
        else if (what < 25)
            in_transaction(l);
        else if (what == 25)
            sql(l, any(2) ? "CHECKPOINT" : "VACUUM m");
        else if (what == 26 && any(2))
            restart(l);
        else if (what == 27 && any(3) == 0)
            make_view(l, any(VIEWS));
        else
            life_pass(&l->w, (int64_t)(1 + any(90)) * 60 * NS_PER_S);
        look_at(l, any(VIEWS));
    }
}

START_TEST(views)
{
    Life *l = life_random_new(_i);
    int steps = life_steps(STEPS);
    sql(l, "CREATE TABLE m (ts timestamptz NOT NULL, host text TAG, v int8)");
    sql(l, "CREATE TABLE d (host text PRIMARY KEY, rack int)");
    write_rows(l);
    for (int i = 0; i < VIEWS; i++)
        make_view(l, i);
    live(l, steps);
    for (int i = 0; i < VIEWS; i++)
        look_at(l, i);
    life_random_free(l);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("views");
    tcase_add_loop_test(tc, views, 0, life_seeds(SEEDS));
    tcase_add_loop_test(tc, views, OLD_FILES, OLD_FILES + 1);
    return unit_run(tc);
}
