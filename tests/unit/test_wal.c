/* The log: every prefix of a torn log replays to a prefix of its groups, damage is told from a torn
 * tail, segments are used again, a failed sync is final. */
#include "base/hash.h"
#include "storage/log.h"
#include "unit.h"

#include "../sim/sim_io.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

enum { RECORDS_MAX = 4096 };

typedef struct Seen {
    Lsn lsn[RECORDS_MAX];
    uint32_t sum[RECORDS_MAX];
    size_t count;
} Seen;

static uint32_t sum_of(Slice s)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (uint8_t)s.ptr[i]) * 16777619u;
    return h;
}

static bool see(void *arg, Lsn lsn, const LogFrame *f, Err *e)
{
    Seen *s = arg;
    (void)e;
    ck_assert_uint_lt(s->count, RECORDS_MAX);
    s->lsn[s->count] = lsn;
    s->sum[s->count++] = sum_of(f->payload) + f->type;
    return true;
}

typedef struct Bench {
    SimDisk *disk;
    Wal *w;
    Seen written; /* what was appended, in order */
} Bench;

static bool start(Bench *b, Lsn after, Seen *seen, bool repair, Err *e)
{
    WalOptions o = {.io = sim_disk_io(b->disk), .dir = "/log", .salt = 77, .repair = repair};
    seen->count = 0;
    if (!wal_open(&b->w, &o, e))
        return false;
    if (wal_read(b->w, after, see, seen, e))
        return true;
    wal_close(b->w);
    b->w = NULL;
    return false;
}

static Bench *bench_new(uint64_t seed)
{
    Bench *b = MEM_NEW(Bench);
    Seen seen;
    Err e;
    srand((unsigned)seed);
    b->disk = sim_disk_new(seed);
    ck_assert(sim_disk_io(b->disk)->mkdir(sim_disk_io(b->disk), "/log", &e));
    ck_assert_msg(start(b, 0, &seen, false, &e), "%s", e.message);
    return b;
}

static void bench_free(Bench *b)
{
    wal_close(b->w);
    sim_disk_free(b->disk);
    mem_free(b);
}

static bool append(Bench *b, size_t frames, size_t len_max, Err *e)
{
    LogFrame f[8];
    static char bytes[8][200000];
    Lsn first;
    for (size_t i = 0; i < frames; i++) {
        size_t len = (size_t)rand() % (len_max + 1);
        for (size_t k = 0; k < len; k++)
            bytes[i][k] = (char)rand();
        f[i] = (LogFrame){(uint8_t)(1 + rand() % 6), 0, {bytes[i], len}};
    }
    if (!wal_append(b->w, f, frames, &first, e))
        return false;
    for (size_t i = 0; i < frames; i++)
        see(&b->written, first + i, &f[i], e);
    return true;
}

static void check_prefix(const Bench *b, const Seen *seen, size_t least)
{
    ck_assert_uint_ge(seen->count, least);
    ck_assert_uint_le(seen->count, b->written.count);
    ck_assert_mem_eq(seen->lsn, b->written.lsn, seen->count * sizeof seen->lsn[0]);
    ck_assert_mem_eq(seen->sum, b->written.sum, seen->count * sizeof seen->sum[0]);
}

static void restart(Bench *b, Lsn after, Seen *seen)
{
    Err e;
    wal_close(b->w);
    sim_disk_kill(b->disk);
    ck_assert_msg(start(b, after, seen, false, &e), "%s", e.message);
}

START_TEST(round_trip)
{
    Bench *b = bench_new(1);
    Seen seen;
    Err e;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 40; i++) {
            ck_assert_msg(append(b, 1 + (size_t)rand() % 7, i % 10 ? 300 : 60000, &e), "%s",
                          e.message);
            ck_assert(wal_sync(b->w, &e));
        }
        restart(b, 0, &seen);
        check_prefix(b, &seen, b->written.count);
        ck_assert_uint_eq(wal_last(b->w), b->written.count);
    }
    bench_free(b);
}
END_TEST

START_TEST(larger_than_a_segment)
{
    Bench *b = bench_new(2);
    Seen seen;
    Err e;
    for (int i = 0; i < 12; i++) {
        ck_assert_msg(append(b, 8, 190000, &e), "%s", e.message);
        if (wal_wants_spare(b->w) && i % 3)
            ck_assert(wal_prepare(b->w, &e));
        if (i % 2)
            ck_assert(wal_sync(b->w, &e));
    }
    restart(b, 0, &seen);
    check_prefix(b, &seen, b->written.count);
    bench_free(b);
}
END_TEST

/* The file cut off (zeros) and cut short at every byte of its last group. */
static void cut_at(Bench *b, int64_t at, bool zeros)
{
    const Io *io = sim_disk_io(b->disk);
    Err e;
    int fd = io->open(io, "/log/00000001.log", IO_READ | IO_WRITE, &e);
    int64_t size = io->size(io, fd, &e);
    if (zeros) {
        char *z = mem_zero((size_t)(size - at));
        ck_assert(io->pwrite_all(io, fd, z, (size_t)(size - at), at, &e));
        mem_free(z);
    } else {
        ck_assert(io->truncate(io, fd, at, &e));
    }
    io->close(io, fd);
}

static void torn_at(int64_t at, bool zeros)
{
    Bench *b = bench_new(3);
    Seen seen;
    Err e;
    for (int i = 0; i < 3; i++)
        ck_assert(append(b, 2, 40, &e));
    ck_assert(wal_sync(b->w, &e));
    size_t least = b->written.count;
    for (int i = 0; i < 3; i++)
        ck_assert(append(b, 1, 40, &e));
    wal_close(b->w);
    cut_at(b, at, zeros);
    sim_disk_kill(b->disk);
    ck_assert_msg(start(b, 0, &seen, false, &e), "cut at %lld: %s", (long long)at, e.message);
    if (at >= 64 + 6 * 72) /* behind the synced ones */
        check_prefix(b, &seen, least);
    else
        check_prefix(b, &seen, 0);
    b->written.count = seen.count; /* what comes now follows what is there */
    ck_assert_msg(append(b, 2, 100, &e) && wal_sync(b->w, &e), "cut at %lld: %s", (long long)at,
                  e.message);
    restart(b, 0, &seen);
    check_prefix(b, &seen, b->written.count);
    bench_free(b);
}

START_TEST(torn)
{
    for (int64_t at = 64 + _i * 80; at < 64 + (_i + 1) * 80; at++) {
        torn_at(at, true);
        torn_at(at, false);
    }
}
END_TEST

/* A flipped bit in a synced record refuses to start: a later record or the mark knows that it was
 * durable. */
START_TEST(flips)
{
    Bench *b = bench_new((uint64_t)_i);
    Seen seen;
    Err e;
    for (int i = 0; i < 6; i++)
        ck_assert(append(b, 2, 40, &e) && wal_sync(b->w, &e));
    wal_settle(b->w);
    wal_close(b->w);
    b->w = NULL;
    sim_disk_kill(b->disk);
    const Io *io = sim_disk_io(b->disk);
    int fd = io->open(io, "/log/00000001.log", IO_READ | IO_WRITE, &e);
    uint8_t bytes[1500];
    ck_assert_int_eq(io->pread(io, fd, bytes, sizeof bytes, 0, &e), sizeof bytes);
    int64_t at = 64 + _i * 4 + rand() % 4;
    uint8_t bad = bytes[at] ^ (uint8_t)(1 << rand() % 8);
    ck_assert(io->pwrite_all(io, fd, &bad, 1, at, &e));
    io->close(io, fd);
    if (start(b, 0, &seen, false, &e)) { /* padding, the mark, or behind it */
        check_prefix(b, &seen, b->written.count);
    } else {
        ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
        ck_assert_msg(strstr(e.message, "segment 00000001"), "%s", e.message);
        sim_disk_kill(b->disk);
        ck_assert_msg(start(b, 0, &seen, true, &e), "repair: %s", e.message);
        ck_assert_uint_ge(seen.count + 1, b->written.count); /* one record is lost */
    }
    bench_free(b);
}
END_TEST

START_TEST(recycled)
{
    Bench *b = bench_new(5);
    Seen seen;
    Err e;
    Lsn covered = 0;
    for (int i = 0; i < 200; i++) {
        ck_assert_msg(append(b, 4, 30000, &e) && wal_sync(b->w, &e), "%s", e.message);
        if (rand() % 4 == 0) {
            covered = wal_last(b->w) - (rand() % 5 ? (Lsn)(rand() % 8) : 0);
            wal_recycle(b->w, covered);
        }
        if (rand() % 20 == 0) {
            restart(b, covered, &seen);
            ck_assert_uint_eq(seen.count, wal_last(b->w) - covered);
            for (size_t k = 0; k < seen.count; k++) {
                ck_assert_uint_eq(seen.lsn[k], covered + 1 + k);
                ck_assert_uint_eq(seen.sum[k], b->written.sum[covered + k]);
            }
        }
    }
    wal_recycle(b->w, wal_last(b->w));
    ck_assert_int_le(sim_disk_used(b->disk), 2 * WAL_SEGMENT_MIN);
    bench_free(b);
}
END_TEST

START_TEST(failed_sync_is_final)
{
    Bench *b = bench_new(6);
    Seen seen;
    Err e;
    ck_assert(append(b, 3, 100, &e) && wal_sync(b->w, &e));
    size_t durable = b->written.count;
    ck_assert(append(b, 3, 100, &e));
    sim_disk_fail_at(b->disk, sim_disk_calls(b->disk) + 1, ERR_IO);
    ck_assert(!wal_sync(b->w, &e));
    ck_assert_int_eq(e.code, ERR_IO);
    uint64_t calls = sim_disk_calls(b->disk);
    ck_assert(!wal_sync(b->w, &e));
    ck_assert(!append(b, 1, 100, &e));
    ck_assert_uint_eq(sim_disk_calls(b->disk), calls); /* no second try */
    wal_close(b->w);
    sim_disk_crash(b->disk);
    ck_assert_msg(start(b, 0, &seen, false, &e), "%s", e.message);
    check_prefix(b, &seen, durable);
    bench_free(b);
}
END_TEST

START_TEST(full_disk)
{
    Bench *b = bench_new(7);
    Seen seen;
    Err e;
    int refused = 0;
    for (int i = 0; i < 60; i++) {
        if (i == 5)
            sim_disk_space(b->disk, sim_disk_used(b->disk) + 100000);
        if (i == 40)
            sim_disk_space(b->disk, 0);
        if (append(b, 4, 40000, &e)) {
            ck_assert(wal_sync(b->w, &e));
            continue;
        }
        refused++;
        ck_assert_int_eq(e.code, ERR_DISK_FULL);
        ck_assert_int_lt(i, 40);
    }
    ck_assert_int_gt(refused, 0);
    restart(b, 0, &seen);
    check_prefix(b, &seen, b->written.count);
    bench_free(b);
}
END_TEST

START_TEST(newer_format)
{
    Bench *b = bench_new(8);
    Seen seen;
    Err e;
    ck_assert(append(b, 1, 10, &e) && wal_sync(b->w, &e));
    wal_close(b->w);
    b->w = NULL;
    sim_disk_kill(b->disk);
    const Io *io = sim_disk_io(b->disk);
    int fd = io->open(io, "/log/00000001.log", IO_READ | IO_WRITE, &e);
    uint8_t h[64];
    ck_assert_int_eq(io->pread(io, fd, h, 64, 0, &e), 64);
    h[8] = 9;
    uint32_t crc = crc32c(0, h, 60);
    memcpy(h + 60, &crc, 4);
    ck_assert(io->pwrite_all(io, fd, h, 64, 0, &e));
    io->close(io, fd);
    ck_assert(!start(b, 0, &seen, false, &e));
    ck_assert_int_eq(e.code, ERR_FEATURE_NOT_SUPPORTED);
    ck_assert_msg(strstr(e.message, "9") && strstr(e.message, "1"), "%s", e.message);
    bench_free(b);
}
END_TEST

/* Every byte of a small log: cut there, and damaged there.  What is read is a prefix of what was
 * written, or the start is refused by name; never a record that was not written. */
START_TEST(every_byte)
{
    for (int64_t at = _i; at < 64 + 8 * 72 + 100; at += 16) {
        for (int how = 0; how < 3; how++) { /* cut short, zeros from here, one byte wrong */
            Bench *b = bench_new(3);
            Seen seen;
            Err e;
            for (int i = 0; i < 4; i++)
                ck_assert(append(b, 2, 40, &e) && (i == 3 || wal_sync(b->w, &e)));
            wal_close(b->w);
            b->w = NULL;
            if (how < 2) {
                cut_at(b, at, how == 1);
            } else {
                uint8_t byte;
                const Io *io = sim_disk_io(b->disk);
                int fd = io->open(io, "/log/00000001.log", IO_READ | IO_WRITE, &e);
                ck_assert_int_eq(io->pread(io, fd, &byte, 1, at, &e), 1);
                byte = (uint8_t)(byte + 1 + rand() % 255);
                ck_assert(io->pwrite_all(io, fd, &byte, 1, at, &e));
                io->close(io, fd);
            }
            sim_disk_kill(b->disk);
            if (start(b, 0, &seen, false, &e)) {
                check_prefix(b, &seen, 0);
            } else {
                ck_assert(how == 2);
                ck_assert(e.code == ERR_DATA_CORRUPTED || e.code == ERR_FEATURE_NOT_SUPPORTED);
                ck_assert_msg(strstr(e.message, "log"), "%s", e.message);
            }
            bench_free(b);
        }
    }
}
END_TEST

/* Killed in recovery again and again: the directory does not grow. */
START_TEST(killed_in_recovery)
{
    Bench *b = bench_new(9);
    Seen seen;
    Err e;
    for (int i = 0; i < 60; i++)
        ck_assert(append(b, 8, 60000, &e) && wal_sync(b->w, &e));
    int64_t used = 0;
    for (int kill = 0; kill < 6; kill++) {
        wal_close(b->w);
        b->w = NULL;
        sim_disk_kill(b->disk);
        ck_assert_msg(start(b, 0, &seen, false, &e), "%s", e.message);
        check_prefix(b, &seen, b->written.count);
        if (kill == 0)
            used = sim_disk_used(b->disk);
        ck_assert_int_le(sim_disk_used(b->disk), used);
    }
    wal_recycle(b->w, wal_last(b->w)); /* as a clean checkpoint does: one small segment is left */
    ck_assert_int_le(sim_disk_used(b->disk), WAL_SEGMENT_MIN);
    bench_free(b);
}
END_TEST

/* A file that lost its end: whole records may be missing, and nothing behind them tells.  A prefix is
 * replayed; a look at the log names it. */
START_TEST(cut_short)
{
    Bench *b = bench_new(12);
    Seen seen;
    Err e;
    ck_assert(append(b, 8, 100, &e) && wal_sync(b->w, &e));
    wal_close(b->w);
    const Io *io = sim_disk_io(b->disk);
    int fd = io->open(io, "/log/00000001.log", IO_READ | IO_WRITE, &e);
    ck_assert(fd >= 0);
    ck_assert(io->truncate(io, fd, WAL_HEADER_BYTES + (_i ? 300 : WAL_SEGMENT_MIN / 2), &e));
    io->close(io, fd);
    WalOptions o = {.io = io, .dir = "/log", .salt = 77, .inspect = true};
    ck_assert(wal_open(&b->w, &o, &e));
    seen.count = 0;
    ck_assert(!wal_read(b->w, 0, see, &seen, &e));
    ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
    ck_assert_msg(strstr(e.message, "segment 00000001.log is cut short"), "%s", e.message);
    wal_close(b->w);
    ck_assert_msg(start(b, 0, &seen, false, &e), "%s", e.message);
    ck_assert_int_eq(seen.count == b->written.count, _i == 0);
    check_prefix(b, &seen, 1);
    b->written.count = seen.count;
    ck_assert(append(b, 8, 100, &e) && wal_sync(b->w, &e));
    restart(b, 0, &seen);
    check_prefix(b, &seen, b->written.count);
    bench_free(b);
}
END_TEST

static bool archive_all(Bench *b, Err *e)
{
    bool did = true;
    while (did)
        if (!wal_archive_one(b->w, &did, e))
            return false;
    return true;
}

static bool start_archived(Bench *b, Lsn after, Seen *seen, int64_t hold, Err *e)
{
    WalOptions o = {.io = sim_disk_io(b->disk), .dir = "/log", .salt = 77};
    seen->count = 0;
    ck_assert(sim_disk_io(b->disk)->mkdir(sim_disk_io(b->disk), "/archive", e));
    if (!wal_open(&b->w, &o, e))
        return false;
    wal_archive_to(b->w, "/archive", hold);
    return wal_read(b->w, after, see, seen, e);
}

static bool count_log(void *arg, const char *name)
{
    size_t len = strlen(name);
    *(size_t *)arg += len > 4 && strcmp(name + len - 4, ".log") == 0;
    return true;
}

static size_t files_in(const Bench *b, const char *dir)
{
    size_t n = 0;
    Err e;
    ck_assert(sim_disk_io(b->disk)->list(sim_disk_io(b->disk), dir, count_log, &n, &e));
    return n;
}

/* No segment is used again before its copy is there, over restarts; a limit ends the waiting. */
START_TEST(archive_holds_back)
{
    Bench *b = bench_new(10);
    Seen seen;
    Err e;
    wal_close(b->w);
    ck_assert(start_archived(b, 0, &seen, INT64_MAX, &e));
    for (int i = 0; i < 30; i++)
        ck_assert(append(b, 8, 60000, &e) && wal_sync(b->w, &e));
    wal_recycle(b->w, wal_last(b->w));
    size_t held = files_in(b, "/log");
    uint64_t waiting = wal_archive_waiting(b->w);
    ck_assert_uint_gt(waiting, 1);
    ck_assert_uint_ge(held, waiting);
    Lsn last = wal_last(b->w);
    wal_close(b->w);
    sim_disk_kill(b->disk);
    ck_assert_msg(start_archived(b, last, &seen, INT64_MAX, &e), "%s", e.message);
    ck_assert_uint_eq(seen.count, 0);
    ck_assert_uint_eq(wal_archive_waiting(b->w), waiting);
    sim_disk_fail_at(b->disk, sim_disk_calls(b->disk) + 2, ERR_DISK_FULL);
    LogState state;
    ck_assert(!archive_all(b, &e));
    ck_assert_int_eq(e.code, ERR_DISK_FULL);
    wal_state(b->w, &state);
    ck_assert(state.archives && state.archive_err.code == ERR_DISK_FULL);
    ck_assert_int_eq(state.waiting, (int64_t)waiting);
    ck_assert_int_gt(state.waiting_bytes, 8 * 60000);
    ck_assert_msg(archive_all(b, &e), "%s", e.message);
    ck_assert_uint_eq(files_in(b, "/archive"), waiting);
    wal_state(b->w, &state);
    ck_assert(state.archive_err.code == ERR_OK && state.waiting == 0 && state.archived >= waiting);
    ck_assert_int_eq(state.files, (int64_t)files_in(b, "/log"));
    wal_recycle(b->w, last);
    ck_assert_uint_eq(files_in(b, "/log"), 1);
    ck_assert(append(b, 8, 60000, &e) && wal_sync(b->w, &e));
    wal_close(b->w);
    ck_assert(start_archived(b, last, &seen, 1, &e)); /* the archive may not hold back anything */
    for (int i = 0; i < 10; i++)
        ck_assert(append(b, 8, 60000, &e) && wal_sync(b->w, &e));
    wal_recycle(b->w, wal_last(b->w));
    ck_assert_uint_eq(files_in(b, "/log"), 1);
    wal_state(b->w, &state);
    ck_assert_int_eq(state.files, 1);
    ck_assert_int_eq(state.bytes, WAL_SEGMENT_MIN);
    ck_assert(archive_all(b, &e));
    bench_free(b);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("wal");
    log_configure(LOG_OFF, false);
    tcase_add_test(tc, round_trip);
    tcase_add_test(tc, larger_than_a_segment);
    tcase_add_loop_test(tc, torn, 0, 9);
    tcase_add_loop_test(tc, flips, 0, 200);
    tcase_add_test(tc, recycled);
    tcase_add_test(tc, failed_sync_is_final);
    tcase_add_test(tc, full_disk);
    tcase_add_test(tc, newer_format);
    tcase_add_loop_test(tc, every_byte, 0, 16);
    tcase_add_test(tc, killed_in_recovery);
    tcase_add_loop_test(tc, cut_short, 0, 2);
    tcase_add_test(tc, archive_holds_back);
    return unit_run(tc);
}
