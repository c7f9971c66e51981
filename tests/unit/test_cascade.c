/* The cascade at speed: rows of one second, hours and days of them, on a clock that the test steps.
 *
 * Line protocol goes into two tables, one with tiers and a continuous view, one with a TTL alone.  Shown: disk use
 * levels off, queries over all days are answered from tiers with every row counted, and what ingest costs more.
 *
 * A slice of it is in `make check`; `make cascade` is the whole: 100 series, 30 days, 259 million rows
 * (CASCADE_DAYS=, CASCADE_SERIES=).  All work is done by one thread, so CPU time is all there is. */
#include "ingest/ingest.h"
#include "life_world.h"

#include <math.h>
#include <time.h>

enum { DAYS = 4, SERIES = 4, HOURS_A_DAY = 24, BODY_S = 60, PLAIN_DAYS = 2, LOOKS = 5 };

typedef struct Cascade {
    LifeWorld w;
    int days, series;
    long long begin_s, now_s;
    Buf body;
    int *value; /* in tenths */
    uint64_t random;
    double ingest_s, jobs_s; /* CPU time */
    long long rows;
} Cascade;

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int setting(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

/* Digits of a value that is not negative: printf would take longer than the database does. */
static void put_digits(Buf *out, long long value)
{
    char text[24];
    size_t at = sizeof text;
    do
        text[--at] = (char)('0' + value % 10);
    while (value /= 10);
    buf_put(out, text + at, sizeof text - at);
}

/* A minute of all series. */
static void make_body(Cascade *c, const char *table)
{
    char head[64];
    buf_clear(&c->body);
    for (int s = 0; s < c->series; s++) {
        int n = snprintf(head, sizeof head, "%s,host=h%d v=", table, s);
        for (int i = 0; i < BODY_S; i++) {
            c->random = c->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            c->value[s] += (int)(c->random >> 40) % 201 - 100;
            buf_put(&c->body, head, (size_t)n);
            buf_puts(&c->body, c->value[s] < 0 ? "-" : "");
            put_digits(&c->body, abs(c->value[s]) / 10);
            buf_put_u8(&c->body, '.');
            put_digits(&c->body, abs(c->value[s]) % 10);
            buf_put_u8(&c->body, ' ');
            put_digits(&c->body, c->now_s + i);
            buf_put_u8(&c->body, '\n');
        }
    }
}

static void send_body(Cascade *c)
{
    LifeWorld *w = &c->w;
    Engine *engine = db_engine(w->db);
    CatalogSnap *cat = engine_catalog(engine);
    ObjectId database = cat_database_at(cat, 0)->id;
    IngContext x = {.engine = engine,
                    .database = database,
                    .schema = cat_schema(cat, database, SLICE_LIT("public"))->id,
                    .precision = ING_S,
                    .now_ns = life_wall(&w->c.clock),
                    .body_max = 64 << 20};
    bool done = false, ok = true;
    Err e;
    cat_unref(cat);
    double begin = cpu_s();
    IngJob *j = ing_job_new(ing_find(SLICE_LIT("/write"), SLICE_NONE, &e), &x, buf_slice(&c->body));
    while (ok && !done) {
        ok = ing_job_step(j, &done, &e);
        if (!done)
            life_pass(w, NS_PER_US);
    }
    ck_assert_msg(ok, "%s", e.message);
    WriteBatch *wb = ing_job_take_batch(j);
    Ticket t = {0};
    ck_assert(wb && ing_job_error_count(j) == 0);
    engine_submit(engine, wb, SYNC_ON, &t);
    while (!atomic_load(&t.done))
        life_pass(w, NS_PER_US);
    ck_assert_msg(t.ok, "%s", t.err.message);
    ing_job_stored(j);
    ing_job_free(j);
    c->ingest_s += cpu_s() - begin;
    c->rows += c->series * BODY_S;
}

static void hour(Cascade *c, const char *table)
{
    for (int i = 0; i < 3600 / BODY_S; i++) {
        make_body(c, table);
        send_body(c);
        c->now_s += BODY_S;
        double begin = cpu_s();
        int64_t until = (c->now_s - INT64_C(1700000000)) * NS_PER_S;
        if (until > c->w.c.now_ns)
            life_run(&c->w, until, NULL);
        c->jobs_s += cpu_s() - begin;
    }
}

static double disk_mb(Cascade *c)
{
    char command[160];
    double kb = 0;
    snprintf(command, sizeof command, "du -sk '%s'", c->w.dir);
    FILE *p = popen(command, "r");
    ck_assert(p && fscanf(p, "%lf", &kb) == 1);
    pclose(p);
    return kb / 1024;
}

typedef struct Cost { /* CPU seconds for a million rows */
    double ingest, jobs;
} Cost;

static Cost feed(Cascade *c, const char *table, int days, double *disk)
{
    Cost all = {0};
    double millions = c->series * 86400 / 1e6;
    for (int d = 0; d < days; d++) {
        double ingest = c->ingest_s, jobs = c->jobs_s;
        for (int h = 0; h < HOURS_A_DAY; h++)
            hour(c, table);
        disk[d] = disk_mb(c);
        ingest = (c->ingest_s - ingest) / millions;
        jobs = (c->jobs_s - jobs) / millions;
        printf(
            "%s day %d: %lld rows, %.1f MB on disk; CPU for a million rows: %.3f s to take them, "
            "%.3f s for flushes and jobs\n",
            table, d + 1, c->rows, disk[d], ingest, jobs);
        fflush(stdout);
        all.ingest += d ? ingest : 0; /* on the first one nothing is old */
        all.jobs += d ? jobs : 0;
    }
    return (Cost){all.ingest / (days - 1), all.jobs / (days - 1)};
}

static double best_ms(Cascade *c, const char *sql)
{
    double best = 1e9;
    for (int i = 0; i < LOOKS; i++) {
        double begin = cpu_s();
        (void)life_ask(&c->w, sql);
        best = fmin(best, (cpu_s() - begin) * 1000);
    }
    printf("%8.2f ms  %s\n", best, sql);
    return best;
}

static double number(Cascade *c, const char *sql)
{
    return atof(life_ask(&c->w, sql));
}

/* All of the time there is: rows, hours and days of it. */
static void look(Cascade *c)
{
    static const char *const sql[] = {
        "SELECT time_bucket('1 day', time) AS t, host, avg(v), max(v) FROM m GROUP BY 1, 2",
        "SELECT time_bucket('1 day', time) AS t, avg(v), max(v) FROM m GROUP BY 1",
        "SELECT host, avg(v), max(v) FROM m GROUP BY 1",
        "SELECT time_bucket('1 day', time) AS t, avg(v), max(v) FROM m WHERE host = 'h1' GROUP BY "
        "1",
        "SELECT time_bucket('1 hour', time) AS t, avg(v), max(v) FROM m GROUP BY 1",
        "SELECT time_bucket('1 hour', time) AS t, avg(v), max(v) FROM m WHERE host = 'h1' GROUP BY "
        "1",
        "SELECT b, avg(a), sum(n) FROM h GROUP BY 1"};
    static const struct {
        const char *query;
        int step_s;
    } promql[] = {{"max_over_time(m_v[1d])", 86400},
                  {"sum(avg_over_time(m_v[1d]))", 86400},
                  {"sum(avg_over_time(m_v[1h]))", 3600},
                  {"avg_over_time(m_v{host=\"h1\"}[1h])", 3600},
                  {"max_over_time(m_v[1h])", 3600}};
    char text[512];
    long long rows = (long long)c->days * 86400 * c->series;
    ck_assert(number(c, "SELECT count(*) FROM m") == (double)rows);
    ck_assert(number(c, "SELECT sum(n) FROM h") == (double)rows);
    ck_assert_str_eq(life_ask(&c->w,
                              "SELECT min(n), max(n) FROM (SELECT count(*) AS n FROM m GROUP "
                              "BY time_bucket('1 day', time), host) x"),
                     "86400|86400\n");
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++)
        best_ms(c, sql[i]);
    for (size_t i = 0; i < sizeof promql / sizeof promql[0]; i++) {
        snprintf(text, sizeof text,
                 "SELECT count(*), sum(value) FROM promql('%s', to_timestamp(%lld), "
                 "to_timestamp(%lld), '%d s')",
                 promql[i].query, c->begin_s + 86400, c->begin_s + c->days * 86400LL - 1,
                 promql[i].step_s);
        best_ms(c, text);
    }
    fputs(life_ask(&c->w, "SELECT level, width, keep, rows, bytes FROM skulk.tiers"), stdout);
}

static double peak(const double *disk, int begin, int end)
{
    double most = 0;
    for (int i = begin; i < end; i++)
        most = fmax(most, disk[i]);
    return most;
}

START_TEST(cascade)
{
    Cascade *c = mem_zero(sizeof *c);
    c->days = setting("SKULK_CASCADE_DAYS", DAYS);
    c->series = setting("SKULK_CASCADE_SERIES", SERIES);
    double *disk = mem_zero((size_t)(c->days + PLAIN_DAYS) * sizeof *disk);
    c->value = mem_zero((size_t)c->series * sizeof *c->value);
    buf_init(&c->body);
    life_clock(&c->w, 1);
    c->w.memtable_max = 64 << 20;
    life_begin(&c->w);
    c->begin_s = c->now_s = INT64_C(1700006400); /* a midnight */
    life_pass(&c->w, (c->now_s - INT64_C(1700000000)) * NS_PER_S - c->w.c.now_ns);
    life_ask(&c->w,
             "CREATE TABLE r (time timestamptz NOT NULL, host text TAG, v float8) WITH (ttl = "
             "'1 day')");
    Cost plain = feed(c, "r", PLAIN_DAYS, disk);
    life_ask(&c->w, "DROP TABLE r");
    c->rows = 0;
    c->begin_s = c->now_s;
    life_ask(&c->w,
             "CREATE TABLE m (time timestamptz NOT NULL, host text TAG, v float8) WITH (tiers "
             "= '1s:24h, 1h:7d, 1d:1y')");
    life_ask(&c->w, "CREATE MATERIALIZED VIEW h WITH (continuous) AS SELECT time_bucket('1 hour', "
                    "time) AS b, host, avg(v) AS a, count(*) AS n FROM m GROUP BY 1, 2");
    Cost tiered = feed(c, "m", c->days, disk);
    printf("with tiers and a view: %+.0f %% CPU to take rows, %+.0f %% in all\n",
           (tiered.ingest / plain.ingest - 1) * 100,
           ((tiered.ingest + tiered.jobs) / (plain.ingest + plain.jobs) - 1) * 100);
    ck_assert_msg(peak(disk, 0, (c->days + 3) / 2) * 1.3 > peak(disk, (c->days + 3) / 2, c->days),
                  "disk use does not level off");
    look(c);
    buf_free(&c->body);
    life_end(&c->w);
    mem_free(c->value);
    mem_free(disk);
    mem_free(c);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("cascade");
    mem_keep_freed(1); /* as the server does */
    tcase_add_test(tc, cascade);
    return unit_run(tc);
}
