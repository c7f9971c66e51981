/* tests/unit/engine_dir.h - a model's engine in a directory of its own. */
#ifndef SKULK_TESTS_ENGINE_DIR_H
#define SKULK_TESTS_ENGINE_DIR_H

#include "engine_model.h"
#include <stdlib.h>

static char dir[64];

/* Takes the scheduler. */
static inline World world_on(unsigned seed, Sched *sched, int64_t memtable_max)
{
    World w = {.clock = INT64_C(1700000000) * NS_PER_S, .spread = 1000};
    srand(seed);
    snprintf(dir, sizeof dir, "/tmp/skulk-engine-XXXXXX");
    ck_assert(mkdtemp(dir));
    w.o = (EngineOptions){.dir = dir,
                          .flags = ENGINE_CREATE,
                          .sched = sched,
                          .memtable_max = memtable_max,
                          .log_max = 16 << 20};
    Err e;
    ck_assert_msg(world_open(&w, &e), "%s", e.message);
    return w;
}

static inline World world_new(unsigned seed, int workers)
{
    return world_on(seed, sched_new(&clock_real, workers, workers, 0), 4 << 20);
}

static inline void world_end(World *w)
{
    char cmd[128];
    engine_close(w->eng, false);
    sched_free(w->o.sched);
    mem_free(w->rows);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

#endif
