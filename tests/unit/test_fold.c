/* Segments of the memtable are folded while rows are written, read, changed and deleted: what a
 * reader sees is that of the model, before and after, and what a flush or a clean stop takes as well. */
#include "engine_dir.h"
#include "storage/engine_private.h"

#include <unistd.h>

typedef struct Seen {
    size_t segments;
    int folds; /* of the one folded most often */
} Seen;

static Seen look(World *w)
{
    Engine *eng = w->eng;
    Seen seen = {0};
    mutex_lock(&eng->mutex);
    seen.segments = eng->mem_count;
    for (size_t i = 0; i < eng->mem_count; i++)
        if (eng->mem[i]->folds != FOLD_NEVER && eng->mem[i]->folds > seen.folds)
            seen.folds = eng->mem[i]->folds;
    mutex_unlock(&eng->mutex);
    return seen;
}

static void write_until(World *w, size_t segments)
{
    Err e;
    while (look(w).segments < segments) {
        ck_assert_msg(world_write(w, 1 + (size_t)rand() % 600, SYNC_OFF, &e), "%s", e.message);
        usleep(2000); /* the sealer follows, else the raw rows make a flush */
    }
}

/* Waits for the pause after which folding begins, and its end. */
static Seen settle(World *w)
{
    Seen seen = look(w), before;
    for (int calm = 0, i = 0; calm < 4 && i < 200; i++) {
        before = seen;
        usleep(100000);
        seen = look(w);
        calm = seen.segments == before.segments ? calm + 1 : 0;
    }
    return seen;
}

START_TEST(folded)
{
    Err e;
    World w = world_on(500 + (unsigned)_i, sched_new(&clock_real, 2, 1, 1), 512 << 10);
    w.deletes = _i % 2 ? 10 : 0;
    w.spread = _i < 2 ? 1000 : 3 * NS_PER_DAY;
    Snapshot *first = NULL;
    size_t rows = 0;
    for (int round = 0, folds = 0; round < 3 || !folds; round++) {
        ck_assert_int_lt(round, 20);
        write_until(&w, 12);
        if (!first) {
            first = engine_snapshot(w.eng, NULL);
            rows = w.row_count;
        }
        world_check(&w);
        folds += settle(&w).folds > 0; /* or a flush came before */
        world_check(&w);
        for (int i = 0; w.deletes && i < 5; i++)
            ck_assert_msg(world_delete(&w, SYNC_ON, &e), "%s", e.message);
        world_check(&w);
    }
    const char *why = world_difference(&w, first, rows); /* the old one has not changed */
    ck_assert_msg(!why, "%s", why);
    snapshot_unref(first);
    engine_close(w.eng, _i < 2);
    ck_assert_msg(world_open(&w, &e), "%s", e.message);
    world_check(&w);
    world_end(&w);
}
END_TEST

static size_t open_rows(World *w) /* of segments that are not sealed */
{
    size_t rows = 0;
    mutex_lock(&w->eng->mutex);
    for (size_t i = 0; i < w->eng->mem_count; i++)
        rows += w->eng->mem[i]->sealed ? 0 : w->eng->mem[i]->visible;
    mutex_unlock(&w->eng->mutex);
    return rows;
}

/* In a pause a long tail is sealed, and few segments are folded as many are. */
START_TEST(calm)
{
    Err e;
    World w = world_on(700 + (unsigned)_i, sched_new(&clock_real, 2, 2, 0), 8 << 20);
    w.deletes = _i % 2 ? 10 : 0;
    while (open_rows(&w) < 20000)
        ck_assert_msg(world_write(&w, 600, SYNC_OFF, &e), "%s", e.message);
    for (int i = 0; open_rows(&w) && i < 100; i++)
        usleep(100000);
    ck_assert_uint_eq(open_rows(&w), 0);
    world_check(&w);
    world_end(&w);

    w = world_on(710 + (unsigned)_i, sched_new(&clock_real, 2, 1, 1), 512 << 10);
    write_until(&w, 4);
    size_t before = look(&w).segments;
    for (int i = 0; look(&w).segments >= before && i < 100; i++)
        usleep(100000);
    ck_assert_uint_lt(look(&w).segments, before);
    world_check(&w);
    world_end(&w);
}
END_TEST

/* A flush and a fold want the same segments. */
START_TEST(flushed_meanwhile)
{
    World w = world_on(600, sched_new(&clock_real, 2, 1, 1), 512 << 10);
    for (int round = 0; round < 6; round++) {
        Ticket t = {0};
        write_until(&w, 12);
        usleep(95000 + (unsigned)rand() % 20000);
        engine_checkpoint(w.eng, &t);
        world_await(&w, &t);
        ck_assert_msg(t.ok, "%s", t.err.message);
        world_check(&w);
    }
    world_end(&w);
}
END_TEST

/* A clean stop makes each segment a file as it is: deletes and changes that came later must hold. */
START_TEST(stopped)
{
    FileInfo files[64];
    Err e;
    World w = world_on(620 + (unsigned)_i, sched_new(&clock_real, 2, 1, 1), 512 << 10);
    w.deletes = _i % 2 ? 10 : 0;
    for (int round = 0; round < 3; round++) {
        write_until(&w, 5);
        engine_close(w.eng, true);
        ck_assert_msg(world_open(&w, &e), "%s", e.message);
        Snapshot *s = engine_snapshot(w.eng, NULL);
        ck_assert_uint_gt(snapshot_files(s, files, 64), 1);
        snapshot_unref(s);
        ck_assert_uint_eq(look(&w).segments, 0);
        world_check(&w);
    }
    world_end(&w);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("fold");
    tcase_add_loop_test(tc, folded, 0, 4);
    tcase_add_loop_test(tc, calm, 0, 2);
    tcase_add_test(tc, flushed_meanwhile);
    tcase_add_loop_test(tc, stopped, 0, 4);
    return unit_run(tc);
}
