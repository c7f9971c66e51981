/* Bodies of Prometheus' remote read against a database with numbers, markers and histograms: byte 0 chooses a
 * snappy body, the protobuf itself, or the text of a selector for export, federation (text, protobuf), exemplars. */
#include "ingest/ingest.h"
#include "session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct World {
    Sched *sched;
    Db *db;
    ObjectId database;
    char dir[64];
    pid_t pid;
} world;

typedef struct Call {
    Task task;
    InfluxJob *sql;
    PromRead *read;
    Buf json;
    Err e;
    RunStatus status;
    _Atomic bool done;
} Call;

static TaskStatus step(Task *t)
{
    Call *c = (Call *)t;
    c->status = c->sql ? influx_run(c->sql, &c->json, &c->e) : prom_read_run(c->read, &c->e);
    return c->status == RUN_WAIT ? TASK_WAIT : c->status == RUN_YIELD ? TASK_MORE : TASK_DONE;
}

static void done(Task *t)
{
    Call *c = (Call *)t;
    atomic_store(&c->done, true);
    sched_notify(world.sched);
}

static void run(Call *c)
{
    task_start(world.sched, &c->task);
    sched_run_until(world.sched, &c->done);
}

static void call_init(Call *c)
{
    *c = (Call){.status = RUN_FAIL};
    err_clear(&c->e);
    buf_init(&c->json);
    task_init(&c->task, step, TASK_QUERY, 1);
    c->task.done = done;
}

static void sql(const char *text)
{
    Call c;
    call_init(&c);
    InfluxRequest r = {.database = SLICE_LIT("skulk"), .sql = slice_cstr(text)};
    must(influx_open(&c.sql, world.db, &r, &c.task, &c.e));
    run(&c);
    must(c.status == RUN_DONE);
    influx_close(c.sql);
    buf_free(&c.json);
}

static void world_end(void)
{
    char rm[80];
    if (getpid() != world.pid)
        return;
    db_close(world.db);
    sched_stop(world.sched);
    sched_free(world.sched);
    snprintf(rm, sizeof rm, "rm -rf '%s'", world.dir);
    if (system(rm) != 0)
        perror(rm);
}

static void world_begin(void)
{
    Err e;
    ObjectId schema;
    world.pid = getpid();
    snprintf(world.dir, sizeof world.dir, "%s/skulk-read-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(world.dir));
    world.sched = sched_new(&clock_real, 0, 0, 0);
    DbOptions o = {.data_dir = world.dir,
                   .engine_flags = ENGINE_CREATE,
                   .sched = world.sched,
                   .memory = 256 << 20,
                   .memtable_max = 1 << 20};
    must(db_open(&world.db, &o, &e));
    must(db_resolve_database(world.db, NULL, SLICE_LIT("skulk"), &world.database, &schema, &e));
    sql("CREATE TABLE m (time timestamptz NOT NULL, job text TAG, value float8, histogram "
        "histogram)");
    sql("INSERT INTO m (time, job, value) SELECT to_timestamp(i), CASE WHEN i % 2 = 0 THEN 'a' "
        "END, "
        "CASE WHEN i % 7 = 0 THEN 'NaN' ELSE i / 4.0 END FROM generate_series(0, 300) i");
    sql("INSERT INTO m (time, job, histogram) SELECT to_timestamp(i), 'h', "
        "'{\"schema\":0,\"count\":4,\"sum\":5,\"positive\":[[0,1],[1,2],[2,1]]}' FROM "
        "generate_series(0, 300) i");
    atexit(world_end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const PromReadKind kinds[] = {READ_SAMPLES,  READ_SAMPLES,  READ_EXPORT,
                                         READ_FEDERATE, READ_FAMILIES, READ_EXEMPLARS};
    enum { BODY_MAX = 1 << 20 };
    Call c;
    Buf body;
    if (!size)
        return 0;
    if (!world.db)
        world_begin();
    call_init(&c);
    buf_init(&body);
    size_t how = data[0] % ARRAY_LEN(kinds);
    Slice rest = {(const char *)data + 1, size - 1};
    PromReadRequest r = {.kind = kinds[how],
                         .query = rest,
                         .from = {.database = world.database,
                                  .match = &rest,
                                  .match_count = 1,
                                  .start_ms = PROM_MS_MIN,
                                  .end_ms = PROM_MS_MAX}};
    bool ok = how != 0 || ing_decode_body(&body, rest, SLICE_LIT("snappy"), BODY_MAX, &c.e);
    r.body = how ? rest : buf_slice(&body);
    ok = ok && prom_read_open(&c.read, world.db, &r, &c.task, &c.e);
    if (ok)
        run(&c);
    must(c.status == RUN_DONE || c.e.code != ERR_OK);
    must(!ok || c.status != RUN_FAIL || c.e.code != ERR_INTERNAL);
    prom_read_close(c.read);
    buf_free(&body);
    buf_free(&c.json);
    return 0;
}
