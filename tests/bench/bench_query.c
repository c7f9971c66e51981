/* Statements over TSBS-like data in files, on one worker: rows that a statement answers for, by time.
 * Parsing and planning are in the figures, as a client sees them. */
#include "tests/bench/bench.h"

#include "base/task.h"
#include "include/skulk.h"
#include "session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOSTS = 100, POINTS = 8640, STEP_S = 10, LINES = 5000 };

static const char *const statements[] = {
    "SELECT time_bucket('1h', time), avg(i) FROM cpu GROUP BY 1",
    "SELECT time_bucket('1h', time), avg(f) FROM cpu GROUP BY 1",
    "SELECT time_bucket('1h', time), min(i), max(i), avg(i), first(i, time) FROM cpu GROUP BY 1",
    "SELECT host, time_bucket('5m', time), max(i) FROM cpu GROUP BY 1, 2",
    "SELECT avg(i), max(f) FROM cpu",
    "SELECT count(*) FROM cpu WHERE i > 95",
    "SELECT time_bucket('1h', time), max(f) FROM cpu WHERE i > 95 GROUP BY 1",
    "SELECT max(i + f) FROM cpu",
};

typedef struct QueryBench {
    char dir[64];
    Sched *sched;
    Db *db;
    Session *session;
    Task task;
    atomic_bool done;
    bool ok;
    Portal *portal;
    Err err;
    const char *sql;
} QueryBench;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_query: %s: %s\n", what, why);
    exit(1);
}

static void load_lines(skulk_db *db)
{
    static int level[HOSTS];
    Buf text;
    size_t lines = 0;
    buf_init(&text);
    srand(1);
    for (int h = 0; h < HOSTS; h++)
        level[h] = rand() % 101;
    for (int p = 0; p < POINTS; p++)
        for (int h = 0; h < HOSTS; h++) {
            level[h] += rand() % 3 - 1;
            level[h] = level[h] < 0 ? 0 : level[h] > 100 ? 100 : level[h];
            buf_printf(&text, "cpu,host=h%d i=%di,f=%d.%02d %d000000000\n", h, level[h], level[h],
                       rand() % 100, 1700000000 / 86400 * 86400 + p * STEP_S);
            if (++lines % LINES && (p < POINTS - 1 || h < HOSTS - 1))
                continue;
            if (skulk_write_line_protocol(db, text.ptr, text.len, "ns") != SKULK_OK)
                fail("write", skulk_error(db).message);
            buf_clear(&text);
        }
    buf_free(&text);
}

static void make_data(const char *dir)
{
    skulk_db *db;
    skulk_result *r;
    if (skulk_open(dir, NULL, &db) != SKULK_OK)
        fail("open", skulk_error(db).message);
    load_lines(db);
    if (skulk_query_sql(db, "VACUUM", &r) != SKULK_OK)
        fail("VACUUM", skulk_error(db).message);
    skulk_result_free(r);
    skulk_close(db);
}

/* One data directory for all rows, removed at exit. */
static QueryBench shared;

static void close_shared(void)
{
    char rm[128];
    session_free(shared.session);
    db_close(shared.db);
    sched_stop(shared.sched);
    sched_free(shared.sched);
    snprintf(rm, sizeof rm, "rm -rf '%s'", shared.dir);
    if (system(rm) != 0)
        fprintf(stderr, "bench_query: %s is left behind\n", shared.dir);
}

static void *rows_open(int arg)
{
    QueryBench *q = &shared;
    q->sql = statements[arg];
    if (q->db)
        return q;
    snprintf(q->dir, sizeof q->dir, "/tmp/skulk-bench-XXXXXX");
    if (!mkdtemp(q->dir))
        fail("mkdtemp", "no directory");
    make_data(q->dir);
    q->sched = sched_new(&clock_real, 1, 1, 0);
    DbOptions o = {.data_dir = q->dir, .sched = q->sched};
    SessionOptions so = {.user = SLICE_LIT("skulk"),
                         .database = SLICE_LIT("skulk"),
                         .pid = 1000,
                         .waiter = &q->task};
    if (!db_open(&q->db, &o, &q->err) || !session_new(&q->session, q->db, &so, &q->err))
        fail("open", q->err.message);
    atexit(close_shared);
    return q;
}

static TaskStatus rows_step(Task *t)
{
    QueryBench *q = (QueryBench *)((char *)t - offsetof(QueryBench, task));
    for (;;) {
        Batch *b;
        if (!q->portal) {
            NextStatus next = session_simple_next(q->session, &q->portal, &q->err);
            if (next != NEXT_PORTAL) {
                q->ok = next == NEXT_END;
                return TASK_DONE;
            }
        }
        switch (portal_run(q->portal, 0, &b, &q->err)) {
        case RUN_BATCH:
            break;
        case RUN_DONE:
        case RUN_SUSPENDED:
            q->portal = NULL;
            break;
        case RUN_YIELD:
            return TASK_MORE;
        case RUN_WAIT:
            return TASK_WAIT;
        default:
            q->ok = false;
            return TASK_DONE;
        }
    }
}

static void rows_done(Task *t)
{
    QueryBench *q = (QueryBench *)((char *)t - offsetof(QueryBench, task));
    atomic_store(&q->done, true);
    sched_notify(q->sched);
}

static size_t rows_pass(void *state)
{
    QueryBench *q = state;
    atomic_store(&q->done, false);
    task_init(&q->task, rows_step, TASK_QUERY, 1);
    q->task.done = rows_done;
    if (!session_simple_begin(q->session, slice_cstr(q->sql), &q->err))
        fail(q->sql, q->err.message);
    task_start(q->sched, &q->task);
    sched_run_until(q->sched, &q->done);
    if (!q->ok)
        fail(q->sql, q->err.message);
    return (size_t)HOSTS * POINTS;
}

static void rows_close(void *state)
{
    (void)state; /* the data serves the next row */
}

#define ROW(label, statement)                                                                      \
    {                                                                                              \
        .name = "query/" label, .open = rows_open, .pass = rows_pass, .close = rows_close,         \
        .arg = statement                                                                           \
    }
const Bench bench_query[] = {
    ROW("hour avg/int", 0),
    ROW("hour avg/decimal", 1),
    ROW("hour min max avg first/int", 2),
    ROW("host, 5 minutes max/int", 3),
    ROW("avg max of all/statistics", 4),
    ROW("count where/int", 5),
    ROW("hour max where/decimal", 6),
    ROW("max of an expression/int+decimal", 7),
    {0},
};
