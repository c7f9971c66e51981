/* TTL, tiers, continuous views, refreshes and jobs on a disk that forgets: the power goes after any write.
 *
 * Each transaction writes the same rows into a table with a TTL, which views are made of, into one with tiers,
 * and into one that keeps everything, of which are views by month and by day and hour of a zone whose clocks are put
 * back, and a plain materialized view: more jobs than run at once.  After every start a view over the first, SQL and PromQL over the
 * second have to give what they give over the third: each window was counted once, and no row left before
 * it was.  What was acknowledged is there.
 *
 * One seed = one life with several crashes; SKULK_SIM_SEED=n runs that one, SKULK_SIM_SEEDS=n as many. */
#include "life_world.h"

#include "base/log.h"
#include "sim_io.h"

enum { SEEDS = 12, LIVES = 6, STEPS = 120, HOSTS = 4 };

typedef struct Life {
    LifeWorld w;
    SimDisk *disk;
    uint64_t seed;
    long long sent, acked; /* transactions */
    long long shown; /* that the last REFRESH of the plain view saw, and that was acknowledged */
    char story[128];
} Life;

static int any(int n)
{
    return rand() % n;
}

static bool sql(Life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool sql(Life *l, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (getenv("SKULK_SIM_TRACE"))
        fprintf(stderr, "%s: %s\n", l->story, text);
    bool ok = life_try(&l->w, text);
    ck_assert_msg(ok || sim_disk_dead(l->disk), "seed %llu (%s): %s: %s",
                  (unsigned long long)l->seed, l->story, text, l->w.err.message);
    return ok;
}

/* Over the table that keeps all: a month with rows that went is never made again. */
#define MONTHS                                                                                     \
    "SELECT time_bucket('1 month', ts) AS b, host, sum(v) AS s, count(*) AS c, avg(v) AS a FROM "  \
    "m2 GROUP BY 1, 2"
#define ZONE_DAYS                                                                                  \
    "SELECT date_trunc('day', ts, 'Europe/Berlin') AS b, host, max(v) AS x, count(*) AS c, "       \
    "percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS a FROM m2 GROUP BY 1, 2"
#define ZONE_HOURS                                                                                 \
    "SELECT time_bucket('1 hour', ts, 'Europe/Berlin') AS b, sum(v) AS s, count(*) AS c FROM m2 "  \
    "GROUP BY 1"
/* Half a day before clocks are put back in Berlin, and before a month ends. */
static const int64_t first_moments[] = {INT64_C(1698501600), INT64_C(1698753600)};

static const char *const setup[] = {
    "CREATE TABLE IF NOT EXISTS m (ts timestamptz NOT NULL, host text TAG, v int8) WITH (ttl = "
    "'2 days', window = '6 hours')",
    "CREATE TABLE IF NOT EXISTS m2 (ts timestamptz NOT NULL, host text TAG, v int8)",
    "CREATE TABLE IF NOT EXISTS m3 (ts timestamptz NOT NULL, host text TAG, v int8) WITH (tiers = "
    "'1s:11h, 1h:1d, 1d:forever', window = '6 hours')",
    "CREATE TABLE IF NOT EXISTS sent (n int8 PRIMARY KEY)",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS h WITH (continuous, refresh = '10 min') AS SELECT "
    "time_bucket('1 hour', ts) AS b, host, avg(v) AS a, sum(v) AS s, count(*) AS c, last(v, ts) AS "
    "l FROM m GROUP BY 1, 2",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS d WITH (continuous, refresh = '17 min') AS SELECT "
    "time_bucket('6 hours', b) AS b, host, avg(a) AS a, sum(s) AS s, sum(c) AS c, last(l, b) AS l "
    "FROM h GROUP BY 1, 2",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS p WITH (continuous, refresh = '13 min', lag = '30 "
    "min') AS SELECT time_bucket('2 hours', ts) AS b, percentile_cont(0.5) WITHIN GROUP (ORDER BY "
    "v) AS a FROM m GROUP BY 1",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS mo WITH (continuous, refresh = '11 min') AS " MONTHS,
    "CREATE MATERIALIZED VIEW IF NOT EXISTS zd WITH (continuous, refresh = '7 min') AS " ZONE_DAYS,
    "CREATE MATERIALIZED VIEW IF NOT EXISTS zh WITH (continuous, refresh = '9 min') AS " ZONE_HOURS,
    "CREATE MATERIALIZED VIEW IF NOT EXISTS plain AS SELECT coalesce(max(n), 0) AS n, count(*) "
    "FILTER "
    "(WHERE n > 0) AS c, "
    "(SELECT count(*) FROM m2) AS r FROM sent",
};

static bool make(Life *l)
{
    for (size_t i = 0; i < ARRAY_LEN(setup); i++)
        if (!sql(l, "%s", setup[i]))
            return false;
    return true;
}

/* The same change of both tables, and its number. */
static bool change(Life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool change(Life *l, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    long long n = ++l->sent;
    static const char *const tables[] = {"m", "m2", "m3"};
    if (!sql(l, "BEGIN") || !sql(l, "INSERT INTO sent VALUES (%lld)", n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        char *at = strchr(text, '$'); /* where the table's name goes */
        if (!sql(l, "%.*s%s%s", (int)(at - text), text, tables[i], at + 1))
            return false;
    }
    if (!sql(l, "COMMIT"))
        return false;
    l->acked = n;
    return true;
}

/* In small steps: without a disk the engine only tries again and again. */
static bool pass(Life *l, int minutes)
{
    for (int i = 0; i < minutes * 6 && !sim_disk_dead(l->disk); i++)
        life_pass(&l->w, 10 * NS_PER_S);
    return !sim_disk_dead(l->disk);
}

/* Rows of the last hours: what is past the TTL was counted long before. */
static bool step(Life *l)
{
    static const char *const views[] = {"h", "d", "p", "mo", "zd", "zh"};
    int from = any(600);
    switch (any(12)) {
    case 0:
        return change(l,
                      "DELETE FROM $ WHERE host = 'h%d' AND ts >= now() - interval '%d min' AND "
                      "ts < now() - interval '%d min'",
                      any(HOSTS), from + any(60), from);
    case 1:
        return change(l,
                      "UPDATE $ SET v = v + 1 WHERE v %% 5 = %d AND ts > now() - interval '10 "
                      "hours'",
                      any(5));
    case 2:
        if (!any(3)) {
            if (!sql(l, "REFRESH MATERIALIZED VIEW plain"))
                return false;
            l->shown = l->acked;
            return true;
        }
        return sql(l, "REFRESH MATERIALIZED VIEW %s%s", views[any(ARRAY_LEN(views))],
                   any(6) ? "" : " FORCE");
    case 3:
        return sql(l, any(2) ? "CHECKPOINT" : any(2) ? "VACUUM m" : "VACUUM m3");
    case 4:
        return any(4) || sql(l, "ALTER MATERIALIZED VIEW h SET (refresh = '%d min')", 5 + any(20));
    case 5:
    case 6:
    case 7:
        return pass(l, 1 + any(120));
    default: /* PromQL knows milliseconds: no two rows have one in common */
        return change(l,
                      "INSERT INTO $ SELECT date_trunc('second', now()) + interval '%lld ms' - "
                      "interval '%d min' + i * interval '%d s', 'h%d', i * %d %% 50 FROM "
                      "generate_series(1, %d) i",
                      l->sent % 998 + 1, from, 1 + any(30), any(HOSTS), 1 + any(40), 1 + any(60));
    }
}

static void same(Life *l, const char *what, const char *view, const char *query)
{
    ck_assert(sql(l,
                  "SELECT 'view', x::text FROM (%s EXCEPT ALL %s) x UNION ALL SELECT 'rows', "
                  "x::text FROM (%s EXCEPT ALL %s) x LIMIT 5",
                  view, query, query, view));
    ck_assert_msg(l->w.out.len == 1, "seed %llu (%s): %s: %s", (unsigned long long)l->seed,
                  l->story, what, (const char *)l->w.out.ptr);
}

/* All of one REFRESH or all of the one before, never part of it. */
static void check_plain(Life *l)
{
    long long n, c, rows;
    ck_assert(sql(l, "SELECT relispopulated FROM pg_class WHERE relname = 'plain'"));
    ck_assert_str_eq((const char *)l->w.out.ptr, "t\n");
    ck_assert(sql(l, "TABLE plain"));
    ck_assert_int_eq(sscanf((const char *)l->w.out.ptr, "%lld|%lld|%lld", &n, &c, &rows), 3);
    ck_assert_msg(n == c && n >= l->shown && n <= l->acked &&
                      l->w.out.len == strlen((const char *)l->w.out.ptr) + 1,
                  "seed %llu (%s): plain view shows %lld and %lld of %lld to %lld",
                  (unsigned long long)l->seed, l->story, n, c, l->shown, l->acked);
    l->shown = n;
}

static void check(Life *l)
{
    ck_assert(sql(l, "SELECT coalesce(max(n), 0) FROM sent"));
    long long last = atoll((const char *)l->w.out.ptr);
    ck_assert_msg(last >= l->acked && last <= l->sent, "seed %llu (%s): %lld of %lld to %lld",
                  (unsigned long long)l->seed, l->story, last, l->acked, l->sent);
    l->acked = l->sent = last;
    check_plain(l);
    same(l, "months", "(TABLE mo)", "(" MONTHS ")");
    same(l, "days of a zone", "(TABLE zd)", "(" ZONE_DAYS ")");
    same(l, "hours of a zone", "(TABLE zh)", "(" ZONE_HOURS ")");
    same(l, "hours", "(TABLE h)",
         "(SELECT time_bucket('1 hour', ts) AS b, host, avg(v) AS a, sum(v) AS s, count(*) AS c, "
         "last(v, ts) AS l FROM m2 GROUP BY 1, 2)");
    same(l, "days", "(TABLE d)",
         "(SELECT time_bucket('6 hours', ts) AS b, host, avg(v) AS a, sum(v) AS s, "
         "count(*)::numeric AS c, last(v, ts) AS l FROM m2 GROUP BY 1, 2)");
    same(l, "medians", "(TABLE p)",
         "(SELECT time_bucket('2 hours', ts) AS b, percentile_cont(0.5) WITHIN GROUP (ORDER BY v) "
         "AS a FROM m2 GROUP BY 1)");
    same(l, "tiers",
         "(SELECT time_bucket('1 day', ts) AS b, host, count(*), sum(v), avg(v), min(v), max(v), "
         "first(v, ts), last(v, ts), min(ts), max(ts) FROM m3 GROUP BY 1, 2)",
         "(SELECT time_bucket('1 day', ts) AS b, host, count(*), sum(v), avg(v), min(v), max(v), "
         "first(v, ts), last(v, ts), min(ts), max(ts) FROM m2 GROUP BY 1, 2)");
    char promql[2][200];
    long long day = life_wall(&l->w.c.clock) / NS_PER_DAY * 86400;
    static const char *const functions[] = {"sum", "count", "avg", "min", "max", "first", "last"};
    const char *f = functions[any(ARRAY_LEN(functions))];
    for (int i = 0; i < 2; i++)
        snprintf(promql[i], sizeof promql[i],
                 "(SELECT labels->>'host' AS h, ts, value FROM promql('%s_over_time(m%d_v[1d])', "
                 "to_timestamp(%lld), to_timestamp(%lld), '1 day'))",
                 f, 3 - i, day - 8 * 86400, day + 86400);
    same(l, "PromQL", promql[0], promql[1]);
    ck_assert(sql(l, "SELECT count(*) FROM (TABLE m EXCEPT ALL TABLE m2) x"));
    ck_assert_str_eq((const char *)l->w.out.ptr, "0\n");
}

static void end(Life *l)
{
    sim_disk_crash_at(l->disk, sim_disk_calls(l->disk) + 1); /* the close writes nothing */
    (void)life_try(&l->w, "ROLLBACK");
    (void)life_try(&l->w, "DELETE FROM sent WHERE n = -1");
    (void)life_try(&l->w, "INSERT INTO sent VALUES (-1)"); /* now it knows: no last flush */
    life_close(&l->w);
}

static uint64_t seed_of(int i)
{
    const char *one = getenv("SKULK_SIM_SEED"), *first = getenv("SKULK_SIM_FIRST");
    if (one)
        return strtoull(one, NULL, 10);
    return (first ? strtoull(first, NULL, 10) : 1) + (uint64_t)i;
}

START_TEST(lives)
{
    Life *l = mem_zero(sizeof *l);
    l->seed = seed_of(_i);
    srand((unsigned)l->seed);
    life_clock(&l->w, l->seed);
    l->w.c.wall_offset_ns = first_moments[l->seed % 2] * NS_PER_S;
    l->disk = sim_disk_new(l->seed);
    l->w.disk = sim_disk_io(l->disk);
    for (int life = 0; life <= LIVES; life++) {
        uint64_t after = 1 + (uint64_t)any(life % 2 ? 100 : 1500);
        snprintf(l->story, sizeof l->story, "life %d, power cut after %llu calls", life,
                 (unsigned long long)after);
        sim_disk_crash_at(l->disk, life < LIVES ? sim_disk_calls(l->disk) + after : 0);
        bool open = life_start(&l->w);
        ck_assert_msg(open || sim_disk_dead(l->disk), "seed %llu (%s): %s",
                      (unsigned long long)l->seed, l->story, l->w.err.message);
        if (open && make(l)) {
            sim_disk_crash_at(l->disk, 0); /* looking needs a disk */
            check(l);
            sim_disk_crash_at(l->disk, life < LIVES ? sim_disk_calls(l->disk) + after : 0);
            for (int i = 0; i < STEPS && step(l); i++)
                ;
        }
        if (open)
            end(l);
        if (any(4))
            sim_disk_crash(l->disk);
        else
            sim_disk_kill(l->disk);
    }
    snprintf(l->story, sizeof l->story, "the last start");
    ck_assert_msg(life_start(&l->w), "%s", l->w.err.message);
    ck_assert(make(l));
    check(l);
    end(l);
    sched_stop(l->w.sched);
    sched_free(l->w.sched);
    buf_free(&l->w.out);
    sim_disk_free(l->disk);
    mem_free(l);
}
END_TEST

int main(void)
{
    const char *text = getenv("SKULK_SIM_SEEDS");
    TCase *tc = tcase_create("life");
    log_configure(LOG_OFF, false);
    tcase_add_loop_test(tc, lives, 0, getenv("SKULK_SIM_SEED") ? 1 : text ? atoi(text) : SEEDS);
    return unit_run(tc);
}
