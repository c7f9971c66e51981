/* tests/unit/life_world.h - a database with its jobs on a clock that the test steps. */
#ifndef SKULK_TESTS_LIFE_WORLD_H
#define SKULK_TESTS_LIFE_WORLD_H

#include "lifecycle/lifecycle.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOUR_NS (3600 * NS_PER_S)

typedef struct LifeClock {
    Clock clock;
    int64_t now_ns, wall_offset_ns;
    uint64_t random;
} LifeClock;

typedef struct LifeWorld {
    LifeClock c;
    char dir[64];
    size_t memtable_max; /* 0: little, so that much is flushed */
    Io io;
    const Io *disk; /* a simulated one, with the directory /db; or NULL */
    Sched *sched;
    Db *db;
    Session *session;
    Lifecycle *jobs;
    Task task;
    Portal *portal;
    atomic_bool done;
    bool ok;
    Err err;
    Buf out;
} LifeWorld;

static inline int64_t life_wall(const Clock *c)
{
    const LifeClock *l = (const LifeClock *)c;
    return l->now_ns + l->wall_offset_ns;
}

static inline int64_t life_mono(const Clock *c)
{
    return ((const LifeClock *)c)->now_ns;
}

static inline uint64_t life_random(const Clock *c)
{
    const LifeClock *in = (const LifeClock *)c;
    union {
        const LifeClock *in;
        LifeClock *out;
    } l = {in};
    l.out->random = l.out->random * 6364136223846793005u + 1442695040888963407u;
    return l.out->random >> 11;
}

static inline void life_put_rows(LifeWorld *w, const Batch *b)
{
    size_t n;
    const OutColumn *cols = portal_columns(w->portal, &n);
    for (size_t i = 0; i < batch_count(b); i++) {
        for (size_t c = 0; c < n; c++) {
            Value v = vec_get(&b->cols[c], batch_row(b, i));
            buf_puts(&w->out, c ? "|" : "");
            if (!v.null)
                type_find(cols[c].type)->out(session_type_env(w->session), &v, &w->out);
        }
        buf_puts(&w->out, "\n");
    }
}

static inline TaskStatus life_step(Task *t)
{
    LifeWorld *w = (LifeWorld *)((char *)t - offsetof(LifeWorld, task));
    Batch *b;
    if (!w->portal) {
        NextStatus next = session_simple_next(w->session, &w->portal, &w->err);
        w->ok = next == NEXT_END;
        if (next != NEXT_PORTAL) {
            RunStatus end = w->ok ? session_sync(w->session, &w->err) : RUN_FAIL;
            w->ok = end == RUN_DONE;
            return end == RUN_WAIT ? TASK_WAIT : TASK_DONE;
        }
    }
    switch (portal_run(w->portal, 0, &b, &w->err)) {
    case RUN_BATCH:
        life_put_rows(w, b);
        return TASK_MORE;
    case RUN_DONE:
    case RUN_SUSPENDED:
        w->portal = NULL;
        return TASK_MORE;
    case RUN_YIELD:
        return TASK_MORE;
    case RUN_WAIT:
        return TASK_WAIT;
    default:
        w->ok = false;
        return TASK_DONE;
    }
}

static inline void life_done(Task *t)
{
    LifeWorld *w = (LifeWorld *)((char *)t - offsetof(LifeWorld, task));
    atomic_store(&w->done, true);
}

/* Everything that is to be done until this monotonic time, or until *done. */
static inline void life_run(LifeWorld *w, int64_t until_ns, const atomic_bool *done)
{
    while (!done || !atomic_load(done)) {
        w->c.now_ns += NS_PER_US; /* no two files are made at one time */
        if (sched_step(w->sched))
            continue;
        int64_t next = sched_next_timer_ns(w->sched);
        if (next > until_ns) {
            w->c.now_ns = until_ns > w->c.now_ns ? until_ns : w->c.now_ns;
            return;
        }
        w->c.now_ns = next > w->c.now_ns ? next : w->c.now_ns;
    }
}

static inline void life_pass(LifeWorld *w, int64_t ns)
{
    life_run(w, w->c.now_ns + ns, NULL);
}

/* Rows as lines, columns apart by |; NULL: it failed, see w->err. */
static inline const char *life_try(LifeWorld *w, const char *sql)
{
    buf_clear(&w->out);
    err_clear(&w->err);
    atomic_store(&w->done, false);
    w->portal = NULL;
    if (session_simple_begin(w->session, slice_cstr(sql), &w->err)) {
        task_init(&w->task, life_step, TASK_QUERY, 1);
        w->task.done = life_done;
        task_start(w->sched, &w->task);
        life_run(w, INT64_MAX, &w->done);
    } else {
        w->ok = false;
    }
    if (!w->ok)
        session_failed(w->session);
    buf_put_u8(&w->out, 0);
    return w->ok ? (const char *)w->out.ptr : NULL;
}

static inline const char *life_ask(LifeWorld *w, const char *sql)
{
    const char *answer = life_try(w, sql);
    ck_assert_msg(answer, "%s: %s", sql, w->err.message);
    return answer;
}

/* Nobody pulls the plug here: tests/sim does. */
static inline bool life_no_sync(const Io *io, int fd, Err *e)
{
    (void)io, (void)fd, (void)e;
    return true;
}

static inline bool life_no_sync_dir(const Io *io, const char *dir, Err *e)
{
    (void)io, (void)dir, (void)e;
    return true;
}

/* False: w->err; nothing is open. */
static inline bool life_start(LifeWorld *w)
{
    w->io = io_real;
    w->io.fdatasync = life_no_sync;
    w->io.fsync_dir = life_no_sync_dir;
    DbOptions o = {.data_dir = w->disk ? "/db" : w->dir,
                   .engine_flags = ENGINE_CREATE,
                   .sched = w->sched,
                   .io = w->disk ? w->disk : &w->io,
                   .clock = &w->c.clock,
                   .memtable_max = w->memtable_max ? w->memtable_max : 1 << 20};
    SessionOptions so = {.user = SLICE_LIT("skulk"),
                         .database = SLICE_LIT("skulk"),
                         .pid = 1000,
                         .waiter = &w->task};
    w->session = NULL;
    if (!db_open(&w->db, &o, &w->err))
        return false;
    w->jobs = lifecycle_start(w->db);
    if (session_new(&w->session, w->db, &so, &w->err))
        return true;
    lifecycle_stop(w->jobs);
    db_close(w->db);
    return false;
}

static inline void life_open(LifeWorld *w)
{
    ck_assert_msg(life_start(w), "%s", w->err.message);
}

static inline void life_close(LifeWorld *w)
{
    session_free(w->session);
    lifecycle_stop(w->jobs);
    db_close(w->db);
}

static inline void life_clock(LifeWorld *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->c.clock = (Clock){life_wall, life_mono, life_random, NULL};
    w->c.now_ns = HOUR_NS;
    w->c.wall_offset_ns = INT64_C(1700000000) * NS_PER_S;
    w->c.random = seed;
    w->sched = sched_new(&w->c.clock, 0, 0, 0);
    buf_init(&w->out);
}

/* After life_clock(). */
static inline void life_begin(LifeWorld *w)
{
    snprintf(w->dir, sizeof w->dir, "%s/skulk-life-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ck_assert(mkdtemp(w->dir));
    life_open(w);
}

static inline void life_init(LifeWorld *w, uint64_t seed)
{
    life_clock(w, seed);
    life_begin(w);
}

static inline void life_end(LifeWorld *w)
{
    char rm[128];
    life_close(w);
    sched_stop(w->sched);
    sched_free(w->sched);
    buf_free(&w->out);
    snprintf(rm, sizeof rm, "rm -rf '%s'", w->dir);
    ck_assert_int_eq(system(rm), 0);
}

#endif
