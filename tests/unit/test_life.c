/* A table's life against a naive model: TTLs of the table, its schema, its database and of classes of
 * series come, change and go; rows are written in time, late and twice, deleted, and rewritten; the clock jumps
 * by ten years, jobs are paused, the database is restarted.  What the TTL allows is shown, what it does
 * not is not, and only rows that the true clock has once called old may be gone for good.
 *
 * SKULK_LIFE_SEED=n runs one seed, SKULK_LIFE_STEPS=n as many steps a life: `make life`. */
#include "life_world.h"

enum { ROWS_MAX = 1500, HOSTS = 5, SEEDS = 6, STEPS = 250, JUMP_MINUTES = 50 };

typedef struct LifeRow {
    int64_t ts_ns;
    int host;
    bool there;    /* written, and not deleted or overwritten */
    bool once_old; /* it may have left the disk */
} LifeRow;

typedef struct Life {
    LifeWorld w;
    int seed, step;
    LifeRow rows[ROWS_MAX]; /* by their value */
    bool seen[ROWS_MAX];
    size_t count;
    int64_t newest_ns;
    int64_t table_ttl, schema_ttl, database_ttl; /* 0 = none; table: -1 = for ever */
    int64_t class_ttl[2];                        /* test%, host = 'h1' */
    bool by_clock;
    int64_t offset_ns; /* of the true wall clock */
    int64_t jump_end_ns;
} Life;

static const char *const hosts[HOSTS] = {"h0", "h1", "h2", "test0", "test1"};
static const char *const classes[2] = {"host LIKE 'test%'", "host = 'h1'"};

static int64_t wall(const Life *l, bool true_one)
{
    return l->w.c.now_ns + (true_one ? l->offset_ns : l->w.c.wall_offset_ns);
}

static int64_t keep_of(const Life *l, int host)
{
    int64_t table = l->table_ttl ? l->table_ttl : l->schema_ttl ? l->schema_ttl : l->database_ttl;
    int64_t test = host >= 3 ? l->class_ttl[0] : 0, h1 = host == 1 ? l->class_ttl[1] : 0;
    int64_t class = test && h1 ? (test < h1 ? test : h1) : test + h1;
    return class ? class : table > 0 ? table : 0;
}

static int64_t cut(const Life *l, int host, bool true_clock)
{
    int64_t keep = keep_of(l, host), base = wall(l, true_clock);
    if (!keep || !l->count)
        return INT64_MIN;
    if (!l->by_clock && l->newest_ns < base)
        base = l->newest_ns;
    return base - keep;
}

static void sql(Life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void sql(Life *l, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ck_assert_msg(life_try(&l->w, text), "seed %d step %d: %s: %s", l->seed, l->step, text,
                  l->w.err.message);
}

static int64_t some_time(const Life *l)
{
    int64_t now = wall(l, true), us;
    int64_t ago = rand() % 4 ? rand() % 7200 : rand() % (12 * 86400);
    us = floor_div(now, NS_PER_US) - ago * 1000000;
    return us * NS_PER_US;
}

static void truncate_table(Life *l)
{
    sql(l, "TRUNCATE m");
    l->count = 0;
    l->newest_ns = INT64_MIN;
}

static void write_row(Life *l, int host, int64_t ts_ns)
{
    if (l->count == ROWS_MAX)
        truncate_table(l);
    size_t v = l->count++;
    for (size_t i = 0; i < v; i++)
        if (l->rows[i].ts_ns == ts_ns && l->rows[i].host == host)
            l->rows[i].there = false;
    l->rows[v] = (LifeRow){.ts_ns = ts_ns, .host = host, .there = true};
    l->newest_ns = ts_ns > l->newest_ns ? ts_ns : l->newest_ns;
    sql(l, "INSERT INTO m VALUES ('epoch'::timestamptz + %lld * interval '1 us', '%s', %zu)",
        (long long)(ts_ns / NS_PER_US), hosts[host], v);
}

static void write_rows(Life *l)
{
    int n = 1 + rand() % 3;
    while (n--)
        write_row(l, rand() % HOSTS, some_time(l));
    if (rand() % 4 == 0) { /* again */
        const LifeRow r = l->rows[(size_t)rand() % l->count];
        write_row(l, r.host, r.ts_ns);
    }
}

/* Not the newest row: whether it still counts is not said. */
static void delete_rows(Life *l)
{
    int host = rand() % (HOSTS + 1) - 1;
    int64_t end = some_time(l), begin = end - rand() % (2 * 86400) * NS_PER_S;
    if (end > l->newest_ns)
        end = l->newest_ns;
    char who[40] = "";
    if (host >= 0)
        snprintf(who, sizeof who, " AND host = '%s'", hosts[host]);
    for (size_t i = 0; i < l->count; i++) {
        LifeRow *r = &l->rows[i];
        bool meant = r->ts_ns >= begin && r->ts_ns < end && (host < 0 || r->host == host);
        bool shown = r->ts_ns >= cut(l, r->host, false);
        r->there &= !meant || !shown;
        r->once_old |= meant && !shown; /* it may go with the range or not */
    }
    sql(l,
        "DELETE FROM m WHERE ts >= 'epoch'::timestamptz + %lld * interval '1 us' AND "
        "ts < 'epoch'::timestamptz + %lld * interval '1 us'%s",
        (long long)(begin / NS_PER_US), (long long)(end / NS_PER_US), who);
}

static void change_ttl(Life *l)
{
    int days = 1 + rand() % 6, k = rand() % 2;
    int64_t ns = days * NS_PER_DAY;
    switch (rand() % 8) {
    case 0:
        sql(l, "ALTER TABLE m SET (ttl = '%d days')", days), l->table_ttl = ns;
        break;
    case 1:
        sql(l, "ALTER TABLE m RESET (ttl)"), l->table_ttl = 0;
        break;
    case 2:
        sql(l, "ALTER TABLE m SET (ttl = 'forever')"), l->table_ttl = -1;
        break;
    case 3:
        sql(l, "ALTER SCHEMA public SET (ttl = '%d days')", days), l->schema_ttl = ns;
        break;
    case 4:
        sql(l, "ALTER SCHEMA public RESET (ttl)"), l->schema_ttl = 0;
        break;
    case 5:
        sql(l, "ALTER DATABASE skulk SET ttl = '%d days'", days), l->database_ttl = ns;
        break;
    default:
        if (l->class_ttl[k])
            sql(l, "DROP TTL c%d ON m", k), l->class_ttl[k] = 0;
        else
            sql(l, "CREATE TTL c%d ON m WHERE %s KEEP '%d days'", k, classes[k], days),
                l->class_ttl[k] = ns;
    }
}

/* Shorter than two looks are apart. */
static void jump(Life *l)
{
    if (l->w.c.now_ns < l->jump_end_ns + 65 * 60 * NS_PER_S)
        return;
    l->w.c.wall_offset_ns = l->offset_ns + (rand() % 7301 - 3650) * NS_PER_DAY;
    l->jump_end_ns = l->w.c.now_ns + JUMP_MINUTES * 60 * NS_PER_S;
}

static void pass(Life *l)
{
    bool jumped = l->w.c.wall_offset_ns != l->offset_ns;
    life_pass(&l->w, (jumped ? rand() % 600 : rand() % 12000) * NS_PER_S);
    if (l->w.c.now_ns >= l->jump_end_ns)
        l->w.c.wall_offset_ns = l->offset_ns;
}

static void restart(Life *l)
{
    life_close(&l->w);
    life_open(&l->w);
}

static void change_jobs(Life *l)
{
    static const char *const calls[] = {"pause_job(job_id)", "resume_job(job_id)",
                                        "run_job(job_id)",
                                        "alter_job(job_id, schedule_interval => '45 min')",
                                        "alter_job(job_id, schedule_interval => '3 hours')"};
    sql(l, "SELECT %s FROM skulk.jobs", calls[rand() % 5]);
}

static void note_old(Life *l)
{
    int64_t cuts[HOSTS];
    for (int h = 0; h < HOSTS; h++)
        cuts[h] = cut(l, h, true);
    for (size_t i = 0; i < l->count; i++)
        l->rows[i].once_old |= l->rows[i].ts_ns < cuts[l->rows[i].host];
}

static void check(Life *l)
{
    sql(l, "SELECT string_agg(v::text, ',') FROM m");
    memset(l->seen, 0, sizeof l->seen);
    size_t shown = 0;
    for (const char *p = (const char *)l->w.out.ptr; *p && *p != '\n'; shown++) {
        char *end;
        size_t v = strtoul(p, &end, 10);
        ck_assert_msg(v < l->count && !l->seen[v], "seed %d step %d: row %zu", l->seed, l->step, v);
        l->seen[v] = true;
        p = end + (*end == ',');
    }
    for (size_t i = 0; i < l->count; i++) {
        const LifeRow *r = &l->rows[i];
        bool may = r->there && r->ts_ns >= cut(l, r->host, false);
        ck_assert_msg(may || !l->seen[i], "seed %d step %d: row %zu should not be seen", l->seed,
                      l->step, i);
        ck_assert_msg(
            !may || r->once_old || l->seen[i],
            "seed %d step %d: row %zu is lost: of %s, %lld s before the newest, %lld s before "
            "the clock (%s), kept for %lld s",
            l->seed, l->step, i, hosts[r->host], (long long)((l->newest_ns - r->ts_ns) / NS_PER_S),
            (long long)((wall(l, true) - r->ts_ns) / NS_PER_S),
            l->by_clock ? "counts" : "does not count", (long long)(keep_of(l, r->host) / NS_PER_S));
    }
    sql(l, "SELECT count(*) FROM m");
    ck_assert_uint_eq(strtoul((const char *)l->w.out.ptr, NULL, 10), shown);
}

static void live(Life *l, int steps)
{
    for (l->step = 0; l->step < steps; l->step++) {
        int what = rand() % 30;
        if (what < 14)
            write_rows(l);
        else if (what < 16)
            delete_rows(l);
        else if (what < 18)
            change_ttl(l);
        else if (what == 18)
            jump(l);
        else if (what == 19)
            sql(l, rand() % 2 ? "VACUUM m" : "CHECKPOINT");
        else if (what == 20 && rand() % 3 == 0)
            restart(l);
        else if (what == 21)
            change_jobs(l);
        else if (l->count + 10 > ROWS_MAX)
            truncate_table(l);
        else
            pass(l);
        note_old(l);
        if (l->step % 3 == 0)
            check(l);
    }
}

START_TEST(life)
{
    const char *seed = getenv("SKULK_LIFE_SEED"), *steps = getenv("SKULK_LIFE_STEPS");
    Life *l = mem_zero(sizeof *l);
    l->seed = seed ? atoi(seed) : _i;
    srand((unsigned)l->seed);
    life_init(&l->w, (uint64_t)l->seed);
    l->offset_ns = l->w.c.wall_offset_ns;
    l->newest_ns = INT64_MIN;
    l->by_clock = rand() % 2;
    sql(l,
        "CREATE TABLE m (ts timestamptz NOT NULL, host text TAG, v int8) WITH (ttl_clock = '%s')",
        l->by_clock ? "wall" : "data");
    live(l, steps ? atoi(steps) : STEPS);
    sql(l, "VACUUM");
    check(l);
    life_end(&l->w);
    mem_free(l);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("life");
    tcase_add_loop_test(tc, life, 0, getenv("SKULK_LIFE_SEED") ? 1 : SEEDS);
    return unit_run(tc);
}
