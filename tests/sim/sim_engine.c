/* The engine on a disk that forgets: crash after any write, failing and short writes, failing
 * syncs, a full disk, flipped bits.  After every start the content must be that of all batches up
 * to one that is not older than the last acknowledged one; nothing else passes.
 *
 * One seed = one life with several crashes, of each kind.  SKULK_SIM_SEED=n runs that one,
 * SKULK_SIM_SEEDS=n as many as wanted from SKULK_SIM_FIRST on (`make sim`: 10,000). */
#include "../unit/engine_model.h"
#include "base/log.h"
#include "sim_io.h"

enum { BATCHES_MAX = 100000, IN_FLIGHT = 4 };
#ifdef __SANITIZE_ADDRESS__
enum { SEEDS = 24 };
#else
enum { SEEDS = 200 }; /* with five kinds of life: 1,000 */
#endif

/* Writes go on so long after there is room: ENGINE_RETRY_NS twice, for a try under way fails as well. */
#define GOES_ON_NS (1200 * NS_PER_MS)

typedef struct Life {
    World w;
    SimDisk *disk;
    SimClock clock;
    uint64_t seed;
    size_t ends[BATCHES_MAX]; /* rows of the model after each batch */
    size_t batches;
    size_t firm;  /* up to here they were accepted; the rest failed last and may be there or not */
    size_t acked; /* up to here they were acknowledged as durable */
    char story[256];
} Life;

static void life_step(Life *l, const atomic_bool *done)
{
    while (!atomic_load(done)) {
        if (sched_step(l->w.o.sched))
            continue;
        int64_t next = sched_next_timer_ns(l->w.o.sched);
        ck_assert_msg(next != INT64_MAX, "seed %llu: nothing can run", (unsigned long long)l->seed);
        if (next > l->clock.now_ns)
            l->clock.now_ns = next;
    }
}

static void life_init(Life *l, uint64_t seed)
{
    memset(l, 0, sizeof *l);
    srand((unsigned)seed);
    l->seed = seed;
    l->disk = sim_disk_new(seed);
    sim_clock_init(&l->clock, seed);
    l->w.clock = INT64_C(1690000000) * NS_PER_S;
    l->w.spread = seed % 3 ? 1000 : 5 * NS_PER_DAY;
    l->w.deletes = (int)(seed % 4) * 5;
    l->w.o = (EngineOptions){.dir = "/db",
                             .flags = ENGINE_CREATE,
                             .io = sim_disk_io(l->disk),
                             .sched = sched_new(&l->clock.clock, 0, 0, 0),
                             .memtable_max = seed % 2 ? 64 << 10 : 1 << 20,
                             .log_max = 300 << 10,
                             .series_later_max = 1};
}

static void life_end(Life *l)
{
    sim_disk_crash_at(l->disk, 0);
    if (l->w.eng)
        engine_close(l->w.eng, false);
    sched_free(l->w.o.sched);
    sim_disk_free(l->disk);
    mem_free(l->w.rows);
    mem_free(l);
}

static void life_truncate(Life *l, size_t batches)
{
    l->batches = batches;
    l->w.row_count = batches ? l->ends[batches - 1] : 0;
}

static void life_add(Life *l, const ModelRow *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        world_add(&l->w, &rows[i]);
    must(l->batches < BATCHES_MAX);
    l->ends[l->batches++] = l->w.row_count;
}

static void life_submit(Life *l, WriteBatch *wb, SyncMode sync, Ticket *t)
{
    if (rand() % 4) {
        engine_submit(l->w.eng, wb, sync, t);
        return;
    }
    Txn *txn = txn_begin(l->w.eng); /* the same as a transaction */
    if (txn_write(txn, wb, &t->err)) {
        txn_commit(txn, sync, t);
        return;
    }
    txn_rollback(txn);
    atomic_store(&t->done, true);
}

static void life_delete(Life *l, ModelRow *r, SyncMode sync, Ticket *t)
{
    DeleteSpec d = world_range(&l->w, r);
    Txn *txn = rand() % 4 ? NULL : txn_begin(l->w.eng);
    if (!txn) {
        engine_delete(l->w.eng, &d, sync, t);
    } else if (txn_delete(txn, &d, &t->err)) {
        txn_commit(txn, sync, t);
    } else {
        txn_rollback(txn);
        atomic_store(&t->done, true);
    }
    set_unref(d.series);
}

/* Submits up to IN_FLIGHT batches and deletes at once; false: one failed. */
static bool life_write(Life *l)
{
    static ModelRow rows[IN_FLIGHT][300];
    Ticket t[IN_FLIGHT] = {0};
    SyncMode sync[IN_FLIGHT];
    size_t count[IN_FLIGHT], n = 1 + (size_t)rand() % IN_FLIGHT, failed = 0;
    for (size_t i = 0; i < n; i++) {
        count[i] = 1 + (size_t)rand() % (rand() % 8 ? 20 : 300);
        sync[i] = rand() % 3 ? SYNC_ON : SYNC_OFF;
        if (rand() % 6 == 0) {
            count[i] = 1;
            life_delete(l, &rows[i][0], sync[i], &t[i]);
            continue;
        }
        life_submit(l, world_batch(&l->w, rows[i], count[i]), sync[i], &t[i]);
    }
    for (size_t i = 0; i < n; i++) {
        life_step(l, &t[i].done);
        failed += !t[i].ok;
        if (!t[i].ok)
            continue;
        life_truncate(l, l->firm); /* what failed before is not there: this one is */
        life_add(l, rows[i], count[i]);
        l->firm = l->batches;
        if (sync[i] == SYNC_ON)
            l->acked = l->firm;
    }
    size_t tail = n;
    while (tail > 0 && !t[tail - 1].ok)
        tail--;
    for (size_t i = tail; i < n; i++)
        life_add(l, rows[i], count[i]);
    return !failed;
}

/* A transaction of many batches, which the engine may put into a file before it ends. */
static bool life_large(Life *l)
{
    enum { PIECES = 8, PIECE = 150 };
    static ModelRow rows[PIECES * PIECE];
    Txn *txn = txn_begin(l->w.eng);
    Ticket t = {0};
    size_t n = 0;
    for (int i = 0, pieces = 1 + rand() % PIECES; i < pieces; i++, n += PIECE) {
        if (!txn_write(txn, world_batch(&l->w, rows + n, PIECE), &t.err)) {
            txn_rollback(txn);
            return false;
        }
        for (int k = rand() % 3 * 100; k > 0 && sched_step(l->w.o.sched); k--)
            ;
    }
    if (rand() % 4 == 0) {
        txn_rollback(txn);
        return true;
    }
    txn_commit(txn, SYNC_ON, &t);
    life_step(l, &t.done);
    if (t.ok)
        life_truncate(l, l->firm);
    life_add(l, rows, n);
    if (t.ok)
        l->acked = l->firm = l->batches;
    return t.ok;
}

/* While it runs: exactly what was accepted. */
static void life_check_now(Life *l)
{
    Snapshot *s = engine_snapshot(l->w.eng, NULL);
    const char *why = world_difference(&l->w, s, l->firm ? l->ends[l->firm - 1] : 0);
    ck_assert_msg(!why, "seed %llu (%s), running: %s", (unsigned long long)l->seed, l->story, why);
    snapshot_unref(s);
}

/* After a start: some prefix that has all acknowledged batches. */
static void life_check(Life *l)
{
    Snapshot *s = engine_snapshot(l->w.eng, NULL);
    const char *why = NULL;
    char first[600] = "";
    for (size_t k = l->batches + 1; k-- > l->acked;) {
        why = world_difference(&l->w, s, k ? l->ends[k - 1] : 0);
        if (!first[0] && why)
            snprintf(first, sizeof first, "%s", why);
        if (why)
            continue;
        life_truncate(l, k);
        l->acked = l->firm = k; /* it is on the disk now: the next start may not lose it */
        break;
    }
    ck_assert_msg(!why, "seed %llu (%s): %zu batches acknowledged, %zu submitted: %s",
                  (unsigned long long)l->seed, l->story, l->acked, l->batches, first);
    snapshot_unref(s);
}

static bool life_open(Life *l, Err *e)
{
    l->w.eng = NULL;
    if (!engine_open(&l->w.eng, &l->w.o, e)) {
        l->w.eng = NULL;
        return false;
    }
    return true;
}

/* The model's tables have fixed ids; the engine gives none twice, so once a table may have series its
 * CREATE must not get lost, or it would come back under the id of old series. */
static bool life_tables(Life *l, Err *e)
{
    Ticket t = {0};
    CatalogSnap *before = engine_catalog(l->w.eng);
    bool ok = world_tables(&l->w, e);
    CatalogSnap *now = engine_catalog(l->w.eng);
    bool made = before != now;
    cat_unref(before);
    cat_unref(now);
    if (!ok || !made)
        return ok;
    engine_checkpoint(l->w.eng, &t);
    life_step(l, &t.done);
    if (!t.ok)
        *e = t.err;
    return t.ok;
}

static bool life_maintain(Life *l)
{
    Ticket t = {0};
    if (rand() % 2)
        engine_vacuum(l->w.eng, 0, &t);
    else
        engine_checkpoint(l->w.eng, &t);
    life_step(l, &t.done);
    return t.ok;
}

/* Works until something fails or enough is done. */
static void life_work(Life *l, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        if (!life_write(l))
            return;
        if (rand() % 8 == 0 && !life_large(l))
            return;
        if (rand() % 6 == 0 && !life_maintain(l))
            return;
        if (rand() % 20 == 0)
            sim_clock_jump(&l->clock);
    }
}

/* Lets the engine's timers run. */
static void life_pause(Life *l, int64_t ns)
{
    for (int64_t until = l->clock.now_ns + ns; l->clock.now_ns < until;) {
        if (sched_step(l->w.o.sched))
            continue;
        int64_t next = sched_next_timer_ns(l->w.o.sched);
        l->clock.now_ns = next < until ? next : until;
    }
}

static uint64_t seed_of(int i)
{
    const char *one = getenv("SKULK_SIM_SEED"), *first = getenv("SKULK_SIM_FIRST");
    if (one)
        return strtoull(one, NULL, 10);
    return (first ? strtoull(first, NULL, 10) : 1) + (uint64_t)i;
}

START_TEST(crashes)
{
    Life *l = mem_zero(sizeof *l);
    Err e;
    life_init(l, seed_of(_i));
    for (int life = 0; life < 8; life++) {
        uint64_t after = 1 + (uint64_t)rand() % (life % 2 ? 60 : 400);
        snprintf(l->story, sizeof l->story, "life %d, power cut after %llu calls", life,
                 (unsigned long long)after);
        sim_disk_crash_at(l->disk, sim_disk_calls(l->disk) + after);
        if (life_open(l, &e)) {
            life_check(l);
            if (life_tables(l, &e))
                life_work(l, 60);
        } else {
            ck_assert_msg(sim_disk_dead(l->disk), "seed %llu (%s): %s", (unsigned long long)l->seed,
                          l->story, e.message);
        }
        bool stops =
            rand() % 3 == 0; /* cleanly, or so far as it comes; else the close writes nothing */
        uint64_t calls = stops ? 1 + (uint64_t)rand() % 100 : 1;
        if (!sim_disk_dead(l->disk))
            sim_disk_crash_at(l->disk, sim_disk_calls(l->disk) + calls);
        if (l->w.eng)
            engine_close(l->w.eng, stops);
        l->w.eng = NULL;
        if (rand() % 4)
            sim_disk_crash(l->disk);
        else
            sim_disk_kill(l->disk);
    }
    ck_assert_msg(life_open(l, &e), "seed %llu: %s", (unsigned long long)l->seed, e.message);
    life_check(l);
    ck_assert(life_tables(l, &e) && life_write(l));
    life_end(l);
}
END_TEST

/* One call fails; the engine either says so and goes on, or refuses writes until the next start. */
START_TEST(faults)
{
    static const ErrCode codes[] = {ERR_IO, ERR_DISK_FULL};
    Life *l = mem_zero(sizeof *l);
    Err e;
    life_init(l, seed_of(_i));
    ck_assert_msg(life_open(l, &e) && life_tables(l, &e), "%s", e.message);
    for (int life = 0; life < 6; life++) {
        ErrCode code = codes[rand() % 2];
        uint64_t after = 1 + (uint64_t)rand() % 100;
        snprintf(l->story, sizeof l->story, "life %d, call %llu fails: %s", life,
                 (unsigned long long)after, err_sqlstate(code));
        sim_disk_fail_at(l->disk, sim_disk_calls(l->disk) + after, code);
        life_work(l, 40);
        life_check_now(l);
        if (code == ERR_DISK_FULL && !sim_disk_failed_sync(l->disk)) { /* goes on by itself */
            life_pause(l, GOES_ON_NS);
            bool goes_on = life_write(l);
            if (!goes_on)
                snprintf(e.message, sizeof e.message, "writable by now");
            if (!goes_on)
                (void)engine_writable(l->w.eng, &e);
            ck_assert_msg(goes_on, "seed %llu (%s): writes do not go on: %s",
                          (unsigned long long)l->seed, l->story, e.message);
            life_check_now(l);
        }
        sim_disk_crash_at(l->disk, sim_disk_calls(l->disk) + 1);
        engine_close(l->w.eng, false);
        l->w.eng = NULL;
        sim_disk_crash(l->disk);
        ck_assert_msg(life_open(l, &e), "seed %llu (%s): %s", (unsigned long long)l->seed, l->story,
                      e.message);
        life_check(l);
        ck_assert(life_tables(l, &e));
    }
    life_end(l);
}
END_TEST

START_TEST(full_disk)
{
    Life *l = mem_zero(sizeof *l);
    Err e;
    life_init(l, seed_of(_i));
    ck_assert_msg(life_open(l, &e) && life_tables(l, &e), "%s", e.message);
    for (int round = 0; round < 4; round++) {
        snprintf(l->story, sizeof l->story, "full disk, round %d", round);
        life_work(l, 10);
        sim_disk_space(l->disk, sim_disk_used(l->disk) + (rand() % 4) * 100000);
        for (int i = 0; i < 400 && life_write(l); i++)
            ;
        life_check_now(l);
        if (rand() % 2) { /* starts on a full disk as well */
            engine_close(l->w.eng, false);
            sim_disk_kill(l->disk);
            ck_assert_msg(life_open(l, &e), "seed %llu (%s): %s", (unsigned long long)l->seed,
                          l->story, e.message);
            life_check(l);
        }
        sim_disk_space(l->disk, 0);
        life_pause(l, GOES_ON_NS);
        ck_assert_msg(life_write(l), "seed %llu: writes do not go on", (unsigned long long)l->seed);
        life_check_now(l);
    }
    life_end(l);
}
END_TEST

/* A flipped bit is found: by the start, or by whoever reads it.  Never wrong or missing rows. */
START_TEST(flips)
{
    static const char *const parts[] = {".skulk",  ".series", ".catalog", "MANIFEST",
                                        "CURRENT", "format",  "/log/"};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    Life *l = mem_zero(sizeof *l);
    Err e;
    char where[300];
    life_init(l, seed_of(_i));
    ck_assert_msg(life_open(l, &e) && life_tables(l, &e), "%s", e.message);
    life_work(l, 20);
    life_maintain(l);
    life_work(l, 10);
    engine_close(l->w.eng, rand() % 2);
    sim_disk_kill(l->disk);
    l->w.eng = NULL;
    ck_assert(sim_disk_flip(l->disk, parts[_i % PARTS], l->seed, where, sizeof where));
    snprintf(l->story, sizeof l->story, "bit flip in %.200s", where);
    bool twice = !strstr(where, ".skulk") && !strstr(where, "/log/"); /* there is a copy */
    if (life_open(l, &e)) {
        Snapshot *s = engine_snapshot(l->w.eng, NULL);
        const char *why = world_difference(&l->w, s, l->w.row_count);
        bool said = why && (strncmp(why, "open: ", 6) == 0 || strncmp(why, "scan: ", 6) == 0 ||
                            strncmp(why, "times: ", 7) == 0 || strncmp(why, "column: ", 8) == 0);
        ck_assert_msg(!why || said, "seed %llu (%s): %s", (unsigned long long)l->seed, l->story,
                      why);
        ck_assert_msg(!why || !twice, "seed %llu (%s): %s", (unsigned long long)l->seed, l->story,
                      why);
        snapshot_unref(s);
    } else {
        ck_assert_msg(!twice, "seed %llu (%s): %s", (unsigned long long)l->seed, l->story,
                      e.message);
        ck_assert_int_ne(e.code, ERR_INTERNAL);
        ck_assert_msg(!sim_disk_dead(l->disk), "%s", e.message);
    }
    life_end(l);
}
END_TEST

/* synchronous_commit = off: a power cut takes what was acknowledged in the last 100 ms at most, and
 * always the newest batches. */
START_TEST(sync_off)
{
    static ModelRow rows[40];
    static int64_t acked_ns[BATCHES_MAX + 1];
    Life *l = mem_zero(sizeof *l);
    Err e;
    life_init(l, seed_of(_i));
    ck_assert_msg(life_open(l, &e) && life_tables(l, &e), "%s", e.message);
    for (int life = 0; life < 6; life++) {
        for (int i = rand() % 60; i >= 0; i--) {
            size_t n = 1 + (size_t)rand() % 40;
            Ticket t = {0};
            engine_submit(l->w.eng, world_batch(&l->w, rows, n), SYNC_OFF, &t);
            life_step(l, &t.done);
            ck_assert_msg(t.ok, "seed %llu: %s", (unsigned long long)l->seed, t.err.message);
            life_add(l, rows, n);
            acked_ns[l->batches] = l->clock.now_ns;
            life_pause(l, rand() % 40 * NS_PER_MS);
        }
        l->firm = l->batches;
        while (l->acked < l->batches && acked_ns[l->acked + 1] <= l->clock.now_ns - 100 * NS_PER_MS)
            l->acked++;
        snprintf(l->story, sizeof l->story, "without syncs, life %d", life);
        sim_disk_crash_at(l->disk, sim_disk_calls(l->disk) + 1);
        engine_close(l->w.eng, false);
        sim_disk_crash(l->disk);
        ck_assert_msg(life_open(l, &e), "seed %llu: %s", (unsigned long long)l->seed, e.message);
        life_check(l);
        ck_assert(life_tables(l, &e));
    }
    life_end(l);
}
END_TEST

int main(void)
{
    const char *text = getenv("SKULK_SIM_SEEDS");
    int n = getenv("SKULK_SIM_SEED") ? 1 : text ? atoi(text) : SEEDS;
    TCase *tc = tcase_create("sim");
    log_configure(LOG_OFF, false);
    tcase_add_loop_test(tc, crashes, 0, n);
    tcase_add_loop_test(tc, faults, 0, n);
    tcase_add_loop_test(tc, full_disk, 0, n);
    tcase_add_loop_test(tc, sync_off, 0, n);
    tcase_add_loop_test(tc, flips, 0, n);
    return unit_run(tc);
}
