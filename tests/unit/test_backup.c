/* Backups: made while writes go on, verified, restored, opened as they are; the archive of log
 * segments and restoring to a record or a time; damaged and unfinished backups are refused. */
#include "engine_model.h"

#include "base/log.h"
#include "storage/backup.h"
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES_MAX = 4000 };

static char root[64], data[128], target[128], restored[128], archive[128];

typedef struct Bench {
    World w;
    size_t ends[BATCHES_MAX];   /* rows of the model after each batch */
    Lsn lsn[BATCHES_MAX];       /* of each batch */
    int64_t at_ns[BATCHES_MAX]; /* wall clock once it was acknowledged */
    size_t batches;
} Bench;

static Bench *bench_new(unsigned seed, int workers, bool archived)
{
    Bench *b = MEM_NEW(Bench);
    Err e;
    srand(seed);
    snprintf(root, sizeof root, "/tmp/skulk-backup-XXXXXX");
    ck_assert(mkdtemp(root));
    snprintf(data, sizeof data, "%s/data", root);
    snprintf(target, sizeof target, "%s/backup", root);
    snprintf(restored, sizeof restored, "%s/restored", root);
    snprintf(archive, sizeof archive, "%s/archive", root);
    b->w = (World){.clock = INT64_C(1700000000) * NS_PER_S, .spread = 1000};
    b->w.o = (EngineOptions){.dir = data,
                             .flags = ENGINE_CREATE,
                             .sched = sched_new(&clock_real, workers, workers, 0),
                             .memtable_max = 256 << 10,
                             .log_max = 4 << 20,
                             .archive_dir = archived ? archive : NULL};
    ck_assert_msg(world_open(&b->w, &e), "%s", e.message);
    return b;
}

static void run(const char *fmt, const char *path)
{
    char cmd[300];
    snprintf(cmd, sizeof cmd, fmt, path);
    ck_assert_int_eq(system(cmd), 0);
}

static void bench_free(Bench *b)
{
    engine_close(b->w.eng, false);
    sched_free(b->w.o.sched);
    mem_free(b->w.rows);
    mem_free(b);
    run("rm -rf %s", root);
}

static void write_batches(Bench *b, size_t n, size_t rows)
{
    for (size_t i = 0; i < n; i++) {
        size_t count = 1 + (size_t)rand() % rows;
        ModelRow *model = mem_alloc(count * sizeof *model);
        Ticket t = {0};
        engine_submit(b->w.eng, world_batch(&b->w, model, count), SYNC_ON, &t);
        world_await(&b->w, &t);
        ck_assert_msg(t.ok, "%s", t.err.message);
        for (size_t k = 0; k < count; k++)
            world_add(&b->w, &model[k]);
        mem_free(model);
        must(b->batches < BATCHES_MAX);
        b->lsn[b->batches] = t.lsn;
        b->at_ns[b->batches] = clock_real.wall_ns(&clock_real);
        b->ends[b->batches++] = b->w.row_count;
    }
}

static void checkpoint(Bench *b)
{
    Ticket t = {0};
    engine_checkpoint(b->w.eng, &t);
    world_await(&b->w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
}

static void backup(Bench *b)
{
    Ticket t = {0};
    engine_backup(b->w.eng, target, &t);
    world_await(&b->w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
}

/* The directory holds exactly the batches up to some number in [least, most]. */
static void check_dir(Bench *b, const char *dir, int flags, size_t least, size_t most)
{
    World w = b->w;
    const char *why = "nothing fits";
    Err e;
    w.o.dir = dir;
    w.o.flags = flags;
    w.o.archive_dir = NULL;
    ck_assert_msg(engine_open(&w.eng, &w.o, &e), "%s: %s", dir, e.message);
    Snapshot *s = engine_snapshot(w.eng, NULL);
    for (size_t k = most + 1; why && k-- > least;)
        why = world_difference(&w, s, k ? b->ends[k - 1] : 0);
    snapshot_unref(s);
    ck_assert_msg(!why, "%s, batches %zu to %zu: %s", dir, least, most, why);
    engine_close(w.eng, false);
}

static bool restore(Lsn lsn, int64_t until_ns, bool archived, BackupInfo *info, Err *e)
{
    RestoreSpec spec = {.io = &io_real,
                        .clock = &clock_real,
                        .backup = target,
                        .target = restored,
                        .archive = archived ? archive : NULL,
                        .until_ns = until_ns,
                        .until_lsn = lsn};
    run("rm -rf %s", restored);
    return backup_restore(&spec, info, e);
}

START_TEST(while_writing)
{
    Bench *b = bench_new((unsigned)_i, _i % 2 ? 2 : 0, false);
    BackupInfo info;
    Ticket t = {0};
    Err e;
    for (int i = 0; i < 4; i++) {
        write_batches(b, 15, 400);
        if (_i % 3 != 2)
            checkpoint(b);
    }
    size_t before = b->batches;
    engine_backup(b->w.eng, target, &t);
    for (int i = 0; i < 3 && _i % 2 == 0; i++) /* begun, hardly more */
        sched_step(b->w.o.sched);
    if (_i % 3 == 1)
        world_maintain(&b->w, true); /* replaces the files that are being copied */
    for (int i = 0; i < 40 && (i < 5 || !atomic_load(&t.done)); i++) {
        write_batches(b, 3, 600);
        if (i % 7 == 3)
            world_maintain(&b->w, i % 2);
    }
    world_await(&b->w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
    ck_assert_msg(backup_verify(&io_real, target, &info, &e), "%s", e.message);
    ck_assert_uint_eq(info.last, t.lsn);
    ck_assert_uint_ge(info.last, b->lsn[before - 1]);
    check_dir(b, target, ENGINE_READ_ONLY, before, b->batches);
    ck_assert_msg(restore(UINT64_MAX, INT64_MAX, false, &info, &e), "%s", e.message);
    check_dir(b, restored, 0, before, b->batches);
    check_dir(b, restored, 0, before, b->batches); /* it is a directory like any other now */
    checkpoint(b);                                 /* the source goes on, and gets rid of its log */
    world_maintain(&b->w, true);
    world_check(&b->w);
    bench_free(b);
}
END_TEST

START_TEST(point_in_time)
{
    Bench *b = bench_new(20 + (unsigned)_i, _i % 2 ? 2 : 0, true);
    BackupInfo info;
    Err e;
    write_batches(b, 50, 200);
    size_t before = b->batches;
    backup(b);
    for (int i = 0; i < 12; i++) {
        write_batches(b, 12, 300);
        nanosleep(&(struct timespec){.tv_nsec = 3 * NS_PER_MS}, NULL);
        if (i % 4 == 2)
            checkpoint(b);
        if (i == 7) { /* what the archive waits for outlives a restart */
            engine_close(b->w.eng, i % 2);
            ck_assert_msg(world_open(&b->w, &e), "%s", e.message);
        }
    }
    checkpoint(b); /* ends the last segment */
    ck_assert_msg(backup_verify(&io_real, target, &info, &e), "%s", e.message);
    for (int i = 0; i < 500; i++) { /* the archive is behind by a moment */
        if (restore(b->lsn[b->batches - 1], INT64_MAX, true, &info, &e))
            break;
        while (sched_workers(b->w.o.sched) == 0 && sched_step(b->w.o.sched))
            ;
        nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
    }
    check_dir(b, restored, 0, b->batches, b->batches);
    for (size_t k = before; k <= b->batches; k += 17) {
        ck_assert_msg(restore(b->lsn[k - 1], INT64_MAX, true, &info, &e), "%s", e.message);
        check_dir(b, restored, 0, k, k);
    }
    for (size_t k = before + 12; k < b->batches; k += 36) { /* a pause follows these */
        ck_assert_msg(restore(UINT64_MAX, b->at_ns[k - 1], true, &info, &e), "%s", e.message);
        check_dir(b, restored, 0, k, k);
    }
    ck_assert_msg(restore(UINT64_MAX, INT64_MAX, true, &info, &e), "%s", e.message);
    check_dir(b, restored, 0, b->batches, b->batches);
    ck_assert(!restore(b->lsn[b->batches - 1] + 1000, INT64_MAX, true, &info, &e));
    ck_assert(!restore(UINT64_MAX, b->at_ns[0] - NS_PER_S, true, &info, &e));
    ck_assert_msg(strstr(e.message, "later"), "%s", e.message);
    bench_free(b);
}
END_TEST

/* Every file of the backup in turn. */
static void each_file(const char *dir, void (*each)(const char *path, size_t size))
{
    char path[800];
    DIR *d = opendir(dir);
    struct dirent *entry;
    while ((entry = readdir(d))) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            each_file(path, each);
        else if (strcmp(entry->d_name, "format") != 0)
            each(path, (size_t)st.st_size);
    }
    closedir(d);
}

static void flip(const char *path, size_t at)
{
    FILE *f = fopen(path, "r+b");
    ck_assert(f && fseek(f, (long)at, SEEK_SET) == 0);
    int c = fgetc(f);
    ck_assert(c != EOF && fseek(f, (long)at, SEEK_SET) == 0);
    fputc(c ^ 4, f);
    fclose(f);
}

static size_t damages;
static char whole[128];

/* `whole` is a copy without links to the source; each file of another copy is damaged. */
static void damage(const char *name, size_t size)
{
    BackupInfo info;
    Err e;
    char path[800], cmd[400];
    size_t at = (size_t)rand() % size;
    snprintf(cmd, sizeof cmd, "rm -rf %s && cp -r %s %s", target, whole, target);
    ck_assert_int_eq(system(cmd), 0);
    snprintf(path, sizeof path, "%s%s", target, name + strlen(whole));
    flip(path, at);
    ck_assert_msg(!backup_verify(&io_real, target, &info, &e), "%s, byte %zu", path, at);
    ck_assert(!restore(UINT64_MAX, INT64_MAX, false, &info, &e));
    ck_assert(!engine_check_dir(&io_real, restored, NULL, NULL, &e)); /* no data directory */
    flip(path, at);
    ck_assert(truncate(path, (off_t)size - 1) == 0);
    ck_assert_msg(!backup_verify(&io_real, target, &info, &e), "%s cut", path);
    damages++;
}

START_TEST(damaged)
{
    Bench *b = bench_new(30, 0, false);
    BackupInfo info;
    Err e;
    write_batches(b, 30, 200);
    checkpoint(b);
    write_batches(b, 30, 200);
    backup(b);
    ck_assert_msg(backup_verify(&io_real, target, &info, &e), "%s", e.message);
    snprintf(whole, sizeof whole, "%s/whole", root);
    ck_assert_int_eq(rename(target, whole), 0);
    each_file(whole, damage);
    ck_assert_uint_gt(damages, 5);
    bench_free(b);
}
END_TEST

/* The process goes away in the middle. */
START_TEST(unfinished)
{
    Bench *b = bench_new(40 + (unsigned)_i, 0, false);
    BackupInfo info;
    Ticket t = {0};
    Engine *none;
    Err e;
    write_batches(b, 30, 300);
    checkpoint(b);
    write_batches(b, 5, 300);
    engine_backup(b->w.eng, target, &t);
    for (int i = 0; i <= _i && sched_step(b->w.o.sched); i++)
        ;
    bool over = atomic_load(&t.done);
    engine_close(b->w.eng, false);
    ck_assert(atomic_load(&t.done));
    if (!over) {
        ck_assert(!t.ok);
        ck_assert_int_eq(t.err.code, ERR_ADMIN_SHUTDOWN);
        ck_assert(!backup_verify(&io_real, target, &info, &e));
        ck_assert(!restore(UINT64_MAX, INT64_MAX, false, &info, &e));
        EngineOptions o = b->w.o;
        o.dir = target;
        o.flags = ENGINE_READ_ONLY;
        ck_assert(!engine_open(&none, &o, &e));
    }
    ck_assert_msg(world_open(&b->w, &e), "%s", e.message);
    world_check(&b->w);
    bench_free(b);
}
END_TEST

/* An archive that is begun after a large transaction, whose rows are in a file, cannot bring a backup
 * of before it further than to it: refused by name, not by the start of the server. */
START_TEST(archive_after_large_transaction)
{
    Bench *b = bench_new(60 + (unsigned)_i, 2, false);
    BackupInfo info;
    Ticket t = {0};
    Err e;
    ModelRow *model = mem_alloc(2000 * sizeof *model);
    write_batches(b, 5, 30);
    if (_i == 0)
        backup(b);
    Txn *txn = txn_begin(b->w.eng);
    for (int i = 0; i < 12; i++) {
        ck_assert(txn_write(txn, world_batch(&b->w, model, 2000), &e));
        for (int k = 0; k < 2000; k++)
            world_add(&b->w, &model[k]);
        while (txn_full(txn, NULL))
            nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    }
    mem_free(model);
    nanosleep(&(struct timespec){.tv_nsec = 50 * NS_PER_MS}, NULL);
    ck_assert(txn_write(txn, wb_new(), &e)); /* takes in the file that was written meanwhile */
    txn_commit(txn, SYNC_ON, &t);
    world_await(&b->w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
    b->ends[b->batches - 1] = b->w.row_count;
    if (_i == 1)
        backup(b);
    engine_close(b->w.eng, false);
    b->w.o.archive_dir = archive;
    ck_assert_msg(world_open(&b->w, &e), "%s", e.message);
    write_batches(b, 5, 30);
    checkpoint(b);
    for (int i = 0; i < 300; i++) {
        bool ok = restore(UINT64_MAX, INT64_MAX, true, &info, &e);
        if (ok ? info.last >= b->lsn[b->batches - 1] : e.code == ERR_OBJECT_STATE)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
    }
    bool ok = restore(UINT64_MAX, INT64_MAX, true, &info, &e);
    ck_assert_msg(ok == (_i == 1), "%s", e.message);
    if (ok)
        check_dir(b, restored, 0, b->batches, b->batches);
    else
        ck_assert_msg(strstr(e.message, "large transaction") && strstr(e.hint, "--until-lsn"), "%s",
                      e.message);
    bench_free(b);
}
END_TEST

START_TEST(refused)
{
    Bench *b = bench_new(50, 0, false);
    BackupInfo info;
    Ticket t = {0};
    Err e;
    write_batches(b, 3, 30);
    engine_backup(b->w.eng, data, &t); /* not empty */
    world_await(&b->w, &t);
    ck_assert(!t.ok);
    ck_assert_int_eq(t.err.code, ERR_OBJECT_STATE);
    ck_assert(!backup_verify(&io_real, data, &info, &e));
    ck_assert_msg(strstr(e.message, "no complete backup"), "%s", e.message);
    write_batches(b, 3, 30);
    world_check(&b->w);
    bench_free(b);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("backup");
    log_configure(LOG_OFF, false);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, while_writing, 0, 6);
    tcase_add_loop_test(tc, point_in_time, 0, 2);
    tcase_add_test(tc, damaged);
    tcase_add_loop_test(tc, unfinished, 0, 12);
    tcase_add_loop_test(tc, archive_after_large_transaction, 0, 2);
    tcase_add_test(tc, refused);
    return unit_run(tc);
}
