/* Jobs and TTL on a clock that the test steps: what is shown, what leaves the disk and when, clocks
 * that jump, restarts. */
#include "life_world.h"
#include "sqlts/continuous.h"

static void make(LifeWorld *w, const char *options)
{
    char sql[300];
    snprintf(sql, sizeof sql,
             "CREATE TABLE m (ts timestamptz NOT NULL, host text TAG, v int8) WITH (%s)", options);
    life_ask(w, sql);
}

static void put(LifeWorld *w, int64_t ago_ns, const char *host, int v)
{
    char sql[200];
    int64_t us = (w->c.now_ns + w->c.wall_offset_ns - ago_ns) / NS_PER_US;
    snprintf(sql, sizeof sql,
             "INSERT INTO m VALUES ('epoch'::timestamptz + %lld * interval '1 us', '%s', %d)",
             (long long)us, host, v);
    life_ask(w, sql);
}

static const char *values(LifeWorld *w)
{
    return life_ask(w, "SELECT string_agg(v::text, ',' ORDER BY v) FROM m");
}

/* Of files and memory, whether shown or not. */
static int stored(LifeWorld *w)
{
    life_ask(w, "VACUUM m");
    return atoi(life_ask(w, "SELECT rows FROM skulk.tables WHERE table_name = 'm'"));
}

static const char *job(LifeWorld *w)
{
    return life_ask(w,
                    "SELECT kind, table_name, state, runs, failures, rows, error FROM skulk.jobs");
}

START_TEST(two_looks)
{
    LifeWorld w;
    life_init(&w, 1);
    make(&w, "ttl = '2 days', ttl_clock = 'wall'");
    for (int day = 0; day < 10; day++)
        put(&w, day * NS_PER_DAY - 60 * NS_PER_S, "a", day);
    ck_assert_str_eq(values(&w), "0,1,2\n");
    life_pass(&w, 10 * 60 * NS_PER_S); /* the first look */
    ck_assert_str_eq(job(&w), "ttl|m|waiting|1|0|0|\n");
    ck_assert_int_eq(stored(&w), 10);
    life_pass(&w, 70 * 60 * NS_PER_S);
    ck_assert_int_eq(stored(&w), 3); /* whole days */
    ck_assert_str_eq(values(&w), "0,1\n");
    life_pass(&w, 26 * HOUR_NS);
    ck_assert_int_eq(stored(&w), 1);
    life_pass(&w, 9 * NS_PER_DAY);
    ck_assert_str_eq(values(&w), "\n");
    ck_assert_int_eq(stored(&w), 0);
    life_end(&w);
}
END_TEST

START_TEST(feed_that_stopped)
{
    LifeWorld w;
    life_init(&w, 2);
    make(&w, "ttl = '2 days'");
    for (int day = 0; day < 10; day++)
        put(&w, day * NS_PER_DAY, "a", day);
    life_pass(&w, 400 * NS_PER_DAY);
    ck_assert_str_eq(values(&w), "0,1,2\n");
    ck_assert_int_eq(stored(&w), 3);
    put(&w, -20 * 365 * NS_PER_DAY, "a", 99); /* of the far future */
    ck_assert_str_eq(values(&w), "99\n");     /* now the clock says what is old */
    life_end(&w);
}
END_TEST

/* Ten years ahead or back for most of an hour: nothing is lost. */
START_TEST(clock_jumps)
{
    LifeWorld w;
    life_init(&w, 3);
    make(&w, _i & 1 ? "ttl = '2 days', ttl_clock = 'wall'" : "ttl = '2 days'");
    for (int hour = 0; hour < 10; hour++)
        put(&w, hour * HOUR_NS, "a", hour);
    int64_t offset = w.c.wall_offset_ns;
    for (int i = 0; i < 12; i++) {
        w.c.wall_offset_ns = offset + (_i & 2 ? 10 : -10) * 365 * NS_PER_DAY;
        life_pass(&w, 50 * 60 * NS_PER_S);
        if (_i == 3)
            ck_assert_str_eq(values(&w), "\n");
        w.c.wall_offset_ns = offset;
        life_pass(&w, 61 * 60 * NS_PER_S);
        ck_assert_str_eq(values(&w), "0,1,2,3,4,5,6,7,8,9\n");
    }
    ck_assert_int_eq(stored(&w), 10);
    life_end(&w);
}
END_TEST

START_TEST(size)
{
    LifeWorld w;
    life_init(&w, 4);
    make(&w, "max_size = '200kB'");
    for (int day = 0; day < 8; day++) {
        char sql[300];
        snprintf(
            sql, sizeof sql,
            "INSERT INTO m SELECT '2023-11-0%d 00:00:00+00'::timestamptz + i * interval '1 s', "
            "'a', (random() * 1e15)::int8 FROM generate_series(0, 9999) i",
            day + 1);
        life_ask(&w, sql);
        life_ask(&w, "CHECKPOINT");
    }
    life_pass(&w, 3 * HOUR_NS);
    life_ask(&w, "VACUUM m");
    int bytes = atoi(life_ask(&w, "SELECT bytes FROM skulk.tables WHERE table_name = 'm'"));
    ck_assert_int_le(bytes, 200 << 10);
    ck_assert_int_gt(bytes, 50 << 10);
    ck_assert_str_eq(life_ask(&w, "SELECT max(ts) FROM m"), "2023-11-08 02:46:39+00\n");
    life_end(&w);
}
END_TEST

/* Each class of series leaves by its own duration. */
START_TEST(classes)
{
    LifeWorld w;
    life_init(&w, 6);
    make(&w, "ttl = '20 days', ttl_clock = 'wall'");
    life_ask(&w, "CREATE TTL test ON m WHERE host LIKE 'test%' KEEP '3 days'");
    life_ask(&w, "CREATE TTL keep ON m WHERE host = 'vip' KEEP '400 days'");
    for (int day = 0; day < 40; day++) {
        put(&w, day * NS_PER_DAY - 60 * NS_PER_S, "a", day);
        put(&w, day * NS_PER_DAY - 60 * NS_PER_S, "test1", 100 + day);
        put(&w, day * NS_PER_DAY - 60 * NS_PER_S, "test2", 200 + day);
        put(&w, day * NS_PER_DAY - 60 * NS_PER_S, "vip", 300 + day);
    }
    const char *counts = "SELECT string_agg(host || ' ' || n, ',' ORDER BY host) FROM "
                         "(SELECT host, count(*) AS n FROM m GROUP BY host) x";
    ck_assert_str_eq(life_ask(&w, counts), "a 21,test1 4,test2 4,vip 40\n");
    life_pass(&w, 90 * 60 * NS_PER_S);
    int rows = stored(&w);
    ck_assert_int_ge(rows, 20 + 2 * 3 + 40);
    ck_assert_int_le(rows, 24 + 2 * 4 + 40);
    ck_assert_str_eq(life_ask(&w, counts), "a 20,test1 3,test2 3,vip 40\n");
    life_ask(&w, "DROP TTL test ON m"); /* what is gone is gone: all but one window */
    ck_assert_int_le(atoi(life_ask(&w, "SELECT count(*) FROM m WHERE host = 'test1'")), 4);
    life_pass(&w, 30 * NS_PER_DAY);
    ck_assert_int_eq(stored(&w), 40);
    life_end(&w);
}
END_TEST

/* What was done and paused is known after a restart; jobs go with their table. */
START_TEST(states_survive)
{
    LifeWorld w;
    char sql[100];
    life_init(&w, 5);
    make(&w, "ttl = '2 days'");
    put(&w, 0, "a", 1);
    life_pass(&w, 3 * HOUR_NS);
    ck_assert_str_eq(job(&w), "ttl|m|waiting|3|0|0|\n");
    int id = atoi(life_ask(&w, "SELECT job_id FROM skulk.jobs"));
    snprintf(sql, sizeof sql, "SELECT pause_job(%d)", id);
    life_ask(&w, sql);
    life_pass(&w, 3 * HOUR_NS);
    ck_assert_str_eq(job(&w), "ttl|m|paused|3|0|0|\n");
    life_close(&w);
    life_open(&w);
    life_pass(&w, 3 * HOUR_NS);
    ck_assert_str_eq(job(&w), "ttl|m|paused|3|0|0|\n");
    snprintf(sql, sizeof sql, "SELECT run_job(%d)", id);
    life_ask(&w, sql);
    life_pass(&w, NS_PER_S);
    ck_assert_str_eq(job(&w), "ttl|m|paused|4|0|0|\n");
    snprintf(sql, sizeof sql, "SELECT resume_job(%d)", id);
    life_ask(&w, sql);
    life_pass(&w, 2 * HOUR_NS);
    ck_assert_str_eq(job(&w), "ttl|m|waiting|5|0|0|\n");
    life_ask(&w, "ALTER TABLE m RENAME TO n");
    life_pass(&w, 2 * NS_PER_S);
    ck_assert_str_eq(job(&w), "ttl|n|waiting|5|0|0|\n");
    life_ask(&w, "ALTER TABLE n RESET (ttl)");
    life_pass(&w, 2 * NS_PER_S);
    ck_assert_str_eq(job(&w), "");
    ck_assert(!life_try(&w, sql));
    ck_assert_int_eq(w.err.code, ERR_UNDEFINED_OBJECT);
    life_end(&w);
}
END_TEST

/* Another interval, and another next run; both known after a restart but the latter. */
START_TEST(altered)
{
    LifeWorld w;
    const char *state = "SELECT schedule_interval, state, runs FROM skulk.jobs";
    life_init(&w, 9);
    make(&w, "ttl = '2 days'");
    life_pass(&w, 10 * 60 * NS_PER_S);
    ck_assert_str_eq(life_ask(&w, state), "01:00:00|waiting|1\n");
    life_ask(&w, "SELECT alter_job(job_id, schedule_interval => '10 min') FROM skulk.jobs");
    life_pass(&w, HOUR_NS);
    ck_assert_str_eq(life_ask(&w, state), "00:10:00|waiting|7\n");
    life_close(&w);
    life_open(&w);
    life_ask(&w, "SELECT alter_job(job_id, INTERVAL '1 day', scheduled => false) FROM skulk.jobs");
    life_pass(&w, 2 * NS_PER_DAY);
    ck_assert_str_eq(life_ask(&w, state), "1 day|paused|7\n");
    life_close(&w);
    life_open(&w);
    life_pass(&w, 2 * NS_PER_DAY);
    ck_assert_str_eq(life_ask(&w, state), "1 day|paused|7\n");
    life_ask(&w, "SELECT alter_job(job_id, scheduled => true, next_start => now() + '3 hours') "
                 "FROM skulk.jobs");
    life_pass(&w, HOUR_NS);
    ck_assert_str_eq(life_ask(&w, state), "1 day|waiting|7\n");
    life_pass(&w, 2 * HOUR_NS + NS_PER_S);
    ck_assert_str_eq(life_ask(&w, state), "1 day|waiting|8\n");
    w.c.wall_offset_ns -= 10 * 365 * NS_PER_DAY; /* intervals are not the wall clock's */
    life_pass(&w, 26 * HOUR_NS);
    ck_assert_str_eq(life_ask(&w, state), "1 day|waiting|9\n");
    w.c.wall_offset_ns += 20 * 365 * NS_PER_DAY;
    life_pass(&w, 26 * HOUR_NS);
    ck_assert_str_eq(life_ask(&w, state), "1 day|waiting|10\n");
    ck_assert(!life_try(&w, "SELECT alter_job(job_id, INTERVAL '0') FROM skulk.jobs"));
    ck_assert_int_eq(w.err.code, ERR_INVALID_PARAMETER);
    ck_assert(!life_try(&w, "SELECT alter_job(job_id, max_retries => 3) FROM skulk.jobs"));
    ck_assert_int_eq(w.err.code, ERR_FEATURE_NOT_SUPPORTED);
    ck_assert_str_eq(life_ask(&w, "SELECT alter_job(1, if_exists => true)"), "f\n");
    life_end(&w);
}
END_TEST

/* A job that waits holds up no other one, and a stop ends it. */
START_TEST(several_at_once)
{
    LifeWorld w;
    const char *states = "SELECT string_agg(table_name || ' ' || state || ' ' || (runs > 5), ',' "
                         "ORDER BY table_name, kind) FROM skulk.jobs";
    life_init(&w, 11);
    make(&w, "ttl = '2 days'");
    put(&w, 10 * HOUR_NS, "a", 1);
    for (int i = 0; i < 4; i++) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "CREATE MATERIALIZED VIEW v%d WITH (continuous, refresh = '10 min') AS "
                 "SELECT time_bucket('1 hour', ts) AS b, max(v) FROM m GROUP BY 1",
                 i);
        life_ask(&w, sql);
    }
    life_ask(&w, "BEGIN");
    life_ask(&w, "DROP MATERIALIZED VIEW v0");
    life_ask(&w, "DROP MATERIALIZED VIEW v1");
    life_pass(&w, 6 * HOUR_NS);
    life_ask(&w, "COMMIT");
    life_pass(&w, HOUR_NS);
    ck_assert_str_eq(life_ask(&w, states), "m waiting true,v2 waiting true,v3 waiting true\n");
    life_end(&w);
}
END_TEST

/* What fails comes again: after 10 s, then twice as long, up to an hour. */
START_TEST(back_off)
{
    LifeWorld w;
    const char *state = "SELECT state, runs, failures, error FROM skulk.jobs WHERE kind = 'view'";
    life_init(&w, 12);
    make(&w, "ttl = 'forever'");
    put(&w, 10 * HOUR_NS, "a", 0);
    life_ask(&w, "CREATE MATERIALIZED VIEW bad WITH (continuous, refresh = '10 min') AS "
                 "SELECT time_bucket('1 hour', ts) AS b, max(1 / v) FROM m GROUP BY 1");
    life_ask(&w, "CREATE MATERIALIZED VIEW good WITH (continuous, refresh = '0') AS "
                 "SELECT time_bucket('1 hour', ts) AS b, max(v) FROM m GROUP BY 1");
    life_pass(&w, 8 * NS_PER_S);
    ck_assert_str_eq(life_ask(&w, state), "retrying|1|1|division by zero\n");
    life_pass(&w, 20 * NS_PER_S);
    ck_assert_str_eq(life_ask(&w, state), "retrying|2|2|division by zero\n");
    life_pass(&w, 80 * NS_PER_S);
    ck_assert_str_eq(life_ask(&w, state), "retrying|4|4|division by zero\n");
    life_pass(&w, 24 * HOUR_NS);
    int runs = atoi(life_ask(&w, "SELECT runs FROM skulk.jobs WHERE kind = 'view'"));
    ck_assert_int_ge(runs, 29);
    ck_assert_int_le(runs, 34);
    life_ask(&w, "UPDATE m SET v = 1");
    life_pass(&w, HOUR_NS + 100 * NS_PER_S);
    ck_assert_int_gt(atoi(life_ask(&w, "SELECT runs FROM skulk.jobs WHERE kind = 'view'")), runs);
    ck_assert_str_eq(life_ask(&w, "SELECT state, failures, error FROM skulk.jobs "
                                  "WHERE kind = 'view'"),
                     "waiting|0|\n");
    ck_assert_str_eq(life_ask(&w, "SELECT max FROM bad"), "1\n");
    life_end(&w);
}
END_TEST

/* Ten years ahead, then ten back: views stay right, and what comes afterwards is kept as usual. */
START_TEST(views_in_a_jump)
{
    LifeWorld w;
    const char *only = "SELECT (SELECT count(*) FROM (TABLE v EXCEPT ALL TABLE q) x), "
                       "(SELECT count(*) FROM (TABLE q EXCEPT ALL TABLE v) x)";
    const char *last = "SELECT rows, rows_read FROM skulk.jobs WHERE kind = 'view'";
    life_init(&w, 13);
    make(&w, "ttl = 'forever'");
    life_ask(&w, "CREATE VIEW q AS SELECT time_bucket('1 hour', ts) AS b, host, count(*), max(v) "
                 "FROM m GROUP BY 1, 2");
    int64_t offset = w.c.wall_offset_ns;
    if (_i & 1) /* made in the wrong time */
        w.c.wall_offset_ns = offset + (_i & 2 ? 3650 : -3650) * NS_PER_DAY;
    life_ask(&w, "CREATE MATERIALIZED VIEW v WITH (continuous, refresh = '10 min') AS SELECT "
                 "time_bucket('1 hour', ts) AS b, host, count(*), max(v) FROM m GROUP BY 1, 2");
    for (int hour = 0; hour < 30; hour++) {
        w.c.wall_offset_ns = offset;
        put(&w, (hour % 3) * HOUR_NS, "a", hour);
        life_pass(&w, 30 * 60 * NS_PER_S);
        if (hour % 5 == 2)
            w.c.wall_offset_ns = offset + (hour % 2 ? 3650 : -3650) * NS_PER_DAY;
        life_pass(&w, 30 * 60 * NS_PER_S);
        ck_assert_str_eq(life_ask(&w, only), "0|0\n");
    }
    w.c.wall_offset_ns = offset;
    life_pass(&w, 3 * HOUR_NS);
    put(&w, 20 * HOUR_NS, "b", 7);
    life_pass(&w, 11 * 60 * NS_PER_S); /* one late row: its bucket alone */
    ck_assert_str_eq(life_ask(&w, only), "0|0\n");
    ck_assert_str_eq(life_ask(&w, last), "1|1\n");
    life_end(&w);
}
END_TEST

/* One late row: its series in its bucket is read and written again, not the table (and what is kept of the four). */
START_TEST(late_row)
{
    LifeWorld w;
    const char *last = "SELECT state, rows, rows_read FROM skulk.jobs WHERE kind = 'view'";
    life_init(&w, 10);
    make(&w, "ttl = 'forever'");
    life_ask(&w,
             "INSERT INTO m SELECT '2020-01-01'::timestamptz + i * interval '1 min', 'h' || j, i "
             "FROM generate_series(0, 5999) i, generate_series(1, 4) j");
    life_ask(&w, "CREATE MATERIALIZED VIEW mv WITH (continuous, refresh = '10 min') AS "
                 "SELECT time_bucket('1 hour', ts) AS b, host, max(v) FROM m GROUP BY 1, 2");
    life_pass(&w, 30 * NS_PER_S);
    ck_assert_str_eq(life_ask(&w, last), "waiting|400|24000\n");
    life_ask(&w, "INSERT INTO m VALUES ('2020-01-02 10:30:30', 'h2', 7)");
    life_pass(&w, 11 * 60 * NS_PER_S);
    ck_assert_str_eq(life_ask(&w, last), "waiting|1|65\n");
    life_close(&w);
    life_open(&w);
    ck_assert_str_eq(life_ask(&w, last), "waiting|1|65\n");
    life_end(&w);
}
END_TEST

/* The next version is made slice by slice while the old one answers, also over a restart; then it takes over. */
START_TEST(next_version)
{
    LifeWorld w;
    const char *both = "SELECT kind, progress > 0 AND progress < 1, error FROM skulk.jobs WHERE "
                       "table_name = 'nv' ORDER BY kind";
    const char *shown = "SELECT pg_get_viewdef('nv') LIKE '%2 hours%', (SELECT count(*) FROM nv)";
    life_init(&w, 14);
    make(&w, "ttl = 'forever'");
    life_ask(&w, "INSERT INTO m SELECT '2020-01-01'::timestamptz + i * interval '1 sec', 'h' || j, "
                 "i FROM generate_series(0, 359999) i, generate_series(1, 12) j");
    life_ask(&w, "CREATE MATERIALIZED VIEW nv WITH (continuous, refresh = '10 min') AS "
                 "SELECT time_bucket('1 hour', ts) AS b, host, max(v) FROM m GROUP BY 1, 2");
    life_pass(&w, 60 * NS_PER_S);
    life_ask(&w,
             "CREATE OR REPLACE MATERIALIZED VIEW nv WITH (continuous, refresh = '0') AS "
             "SELECT time_bucket('2 hours', ts) AS b, host, max(1 / (v - 5)) FROM m GROUP BY 1, 2");
    life_pass(&w, 60 * NS_PER_S); /* the newest slices can be made, the oldest not */
    ck_assert_str_eq(life_ask(&w, both), "replace|t|division by zero\nview|f|\n");
    ck_assert_str_eq(life_ask(&w, shown), "f|1200\n");
    life_close(&w);
    life_open(&w);
    ck_assert_str_eq(life_ask(&w, shown), "f|1200\n");
    life_ask(&w, "UPDATE m SET v = 6 WHERE v = 5");
    life_pass(&w, 2 * HOUR_NS);
    ck_assert_str_eq(life_ask(&w, shown), "t|600\n");
    ck_assert_str_eq(life_ask(&w, both), "");
    life_end(&w);
}
END_TEST

/* What another version made is neither read as a plain view nor damaged; its hidden table is known. */
START_TEST(other_format)
{
    Err e;
    Arena a;
    Buf bytes;
    TypeId key = T_TIMESTAMPTZ;
    ColumnId tag = 0;
    ContinuousDef d = {.states = 777, .base = 5, .key_count = 1, .keys = &key, .tags = &tag}, back;
    buf_init(&bytes);
    arena_init(&a, NULL);
    continuous_encode(&bytes, &d);
    TableDef view = {.kind = TABLE_VIEW, .name = SLICE_LIT("v"), .extra = buf_slice(&bytes)};
    ck_assert(continuous_decode(&back, &a, &view, &e));
    bytes.ptr[0] = 1;
    ck_assert(view_is_continuous(&view));
    ck_assert(!continuous_decode(&back, &a, &view, &e));
    ck_assert_int_eq(e.code, ERR_FEATURE_NOT_SUPPORTED);
    ck_assert_uint_eq(continuous_states(&view), 777);
    arena_free(&a);
    buf_free(&bytes);
}
END_TEST

/* Random writes, time steps, jumps that last less than an hour, restarts: shown is what the TTL says;
 * what may be gone is only what the clock without its jumps has ever called old. */
START_TEST(random_life)
{
    enum { STEPS = 400, ROWS = 2000 };
    static int64_t times[ROWS];
    LifeWorld w;
    size_t n = 0;
    life_init(&w, (uint64_t)_i);
    srand((unsigned)_i);
    int64_t ttl = (1 + rand() % 5) * NS_PER_DAY, old = INT64_MIN, newest = INT64_MIN;
    bool by_clock = rand() % 2;
    char options[100];
    snprintf(options, sizeof options, "ttl = '%d days'%s", (int)(ttl / NS_PER_DAY),
             by_clock ? ", ttl_clock = 'wall'" : "");
    make(&w, options);
    int64_t offset = w.c.wall_offset_ns, jumped_until = 0;
    for (int i = 0; i < STEPS; i++) {
        int what = rand() % 20;
        if (what < 8 && n < ROWS) {
            int64_t ago = rand() % (8 * 86400) * NS_PER_S;
            put(&w, ago, rand() % 2 ? "a" : "b", (int)n);
            times[n++] = w.c.now_ns + w.c.wall_offset_ns - ago;
            times[n - 1] -= times[n - 1] % NS_PER_US;
            newest = times[n - 1] > newest ? times[n - 1] : newest;
        } else if (what == 8 && w.c.now_ns > jumped_until + 65 * 60 * NS_PER_S) {
            w.c.wall_offset_ns = offset + (rand() % 7301 - 3650) * NS_PER_DAY;
            jumped_until = w.c.now_ns + 50 * 60 * NS_PER_S;
        } else if (what == 9) {
            life_ask(&w, rand() % 2 ? "VACUUM m" : "CHECKPOINT");
        } else if (what == 10 && rand() % 4 == 0) {
            life_close(&w);
            life_open(&w);
        } else {
            life_pass(&w, rand() % 600 * NS_PER_S * (w.c.wall_offset_ns == offset ? 30 : 1));
        }
        if (w.c.now_ns >= jumped_until)
            w.c.wall_offset_ns = offset;
        int64_t wall = w.c.now_ns + w.c.wall_offset_ns, right = w.c.now_ns + offset;
        int64_t base = !by_clock && newest < wall ? newest : wall;
        int64_t cut = n ? base - ttl : INT64_MAX;
        int64_t sure = !by_clock && newest < right ? newest : right;
        old = n && sure - ttl > old ? sure - ttl : old;
        if (i % 4)
            continue;
        const char *shown = values(&w);
        for (size_t k = 0; k < n; k++) {
            char number[16], list[16];
            snprintf(number, sizeof number, ",%zu,", k);
            snprintf(list, sizeof list, "%zu", k);
            Buf b;
            buf_init(&b);
            buf_printf(&b, ",%.*s,", (int)strcspn(shown, "\n"), shown);
            buf_put_u8(&b, 0);
            bool seen = strstr((const char *)b.ptr, number) != NULL;
            buf_free(&b);
            bool twin = false; /* overwritten by a row of the same time: rare */
            for (size_t m = k + 1; m < n; m++)
                twin |= times[m] == times[k];
            if (times[k] < cut)
                ck_assert_msg(!seen, "seed %d step %d: row %s is past its TTL", _i, i, list);
            else if (times[k] >= old && !twin)
                ck_assert_msg(seen, "seed %d step %d: row %s is lost", _i, i, list);
        }
    }
    life_end(&w);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("lifecycle");
    tcase_add_test(tc, two_looks);
    tcase_add_test(tc, feed_that_stopped);
    tcase_add_loop_test(tc, clock_jumps, 0, 4);
    tcase_add_test(tc, size);
    tcase_add_test(tc, classes);
    tcase_add_test(tc, states_survive);
    tcase_add_test(tc, altered);
    tcase_add_test(tc, several_at_once);
    tcase_add_test(tc, back_off);
    tcase_add_loop_test(tc, views_in_a_jump, 0, 4);
    tcase_add_test(tc, late_row);
    tcase_add_test(tc, next_version);
    tcase_add_test(tc, other_format);
    tcase_add_loop_test(tc, random_life, 0, 8);
    return unit_run(tc);
}
