/* Groups of files, space of dropped tables, vacuum, damaged files, repair, scrub, newer formats. */
#include "engine_dir.h"

#include "base/hash.h"
#include "base/log.h"
#include "storage/version.h"
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t leap_ns; /* of the wall clock */

static int64_t wall(const Clock *c)
{
    (void)c;
    return clock_real.wall_ns(&clock_real) + leap_ns;
}

static World world_with_clock(unsigned seed)
{
    static Clock clock;
    leap_ns = 0;
    clock = clock_real;
    clock.wall_ns = wall;
    return world_on(seed, sched_new(&clock, 0, 0, 0), 1 << 20);
}

static TableId add_table(World *w, const char *name, int64_t ttl_ns, int64_t window_ns)
{
    Err e;
    ColumnDef col = {.id = model_ids[1],
                     .name = SLICE_LIT("v"),
                     .kind = COL_FIELD,
                     .type_oid = 701,
                     .typmod = -1,
                     .phys = PHYS_F64};
    TableDef t = {.id = engine_new_id(w->eng),
                  .database = OBJECT_ID_FIRST,
                  .schema = 2200,
                  .name = slice_cstr(name),
                  .kind = TABLE_SERIES,
                  .duplicates = DUP_LAST,
                  .time_index = -1,
                  .column_count = 1,
                  .columns = &col,
                  .next_column = 100,
                  .ttl_ns = ttl_ns,
                  .ttl_own = true,
                  .window_ns = window_ns};
    CatEdit put = {.op = CAT_PUT_TABLE, .table = &t};
    ck_assert_msg(engine_edit_catalog(w->eng, &put, 1, &e), "%s", e.message);
    return t.id;
}

static void write_rows(World *w, TableId table, int64_t first, int64_t step, size_t n)
{
    WriteBatch *wb = wb_new();
    SeriesId series = world_series(w, table, 0);
    for (size_t i = 0; i < n; i++) {
        wb_row(wb, table, series, first + (int64_t)i * step);
        wb_f64(wb, model_ids[1], (double)rand());
        wb_row_end(wb);
    }
    Ticket t = {0};
    engine_submit(w->eng, wb, SYNC_ON, &t);
    world_await(w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
}

/* Bit i is set: file holds tables[i].  Returns the number of files. */
static size_t tables_of_files(World *w, const TableId *tables, size_t n, unsigned *files)
{
    Snapshot *s = engine_snapshot(w->eng, NULL);
    SnapshotView v;
    size_t count = 0;
    snapshot_view(s, &v);
    for (size_t i = 0; i < v.part_count; i++) {
        unsigned bits = 0;
        for (size_t k = 0; k < part_table_count(v.parts[i].part); k++)
            for (size_t t = 0; t < n; t++)
                if (part_table_at(v.parts[i].part, k) == tables[t])
                    bits |= 1u << t;
        if (v.parts[i].file && count < 64)
            files[count++] = bits;
    }
    snapshot_unref(s);
    return count;
}

START_TEST(groups)
{
    enum { A, B, C, D, E, F, N };
    World w = world_with_clock(1);
    TableId tables[N] = {
        add_table(&w, "a", 7 * NS_PER_DAY, 0),   add_table(&w, "b", 7 * NS_PER_DAY, 0),
        add_table(&w, "c", 100 * NS_PER_DAY, 0), add_table(&w, "d", 0, 0),
        add_table(&w, "e", 0, 2 * NS_PER_DAY),   add_table(&w, "f", 0, 2 * NS_PER_DAY)};
    int64_t day = INT64_C(1600000000) * NS_PER_S / NS_PER_DAY * NS_PER_DAY;
    for (int i = 0; i < 12; i++)
        for (int t = 0; t < N; t++)
            write_rows(&w, tables[t], day + i * NS_PER_DAY, 3600 * NS_PER_S, 24);
    world_maintain(&w, true);
    unsigned files[64], seen[N] = {0};
    size_t n = tables_of_files(&w, tables, N, files);
    for (size_t i = 0; i < n; i++) {
        for (int t = 0; t < N; t++)
            seen[t] += files[i] >> t & 1;
        if (files[i] & (1u << A | 1u << B))
            ck_assert_uint_eq(files[i], 1u << A | 1u << B); /* one TTL */
        else
            ck_assert_uint_eq(files[i] & (files[i] - 1), 0); /* alone */
    }
    ck_assert_uint_eq(seen[A], 12); /* a window each: an eighth of the TTL is less than a day */
    ck_assert_uint_le(seen[C], 3);  /* windows of 7 days */
    ck_assert_uint_eq(seen[D], 1);
    ck_assert_uint_eq(seen[E], 1);
    ck_assert_uint_eq(seen[F], 1);
    Ticket t = {0}; /* nothing to do: nothing is written again */
    uint64_t bytes = engine_stats(w.eng)->compact_bytes;
    engine_vacuum(w.eng, 0, &t);
    world_await(&w, &t);
    ck_assert(t.ok && t.freed == 0);
    ck_assert_uint_eq(engine_stats(w.eng)->compact_bytes, bytes);
    world_end(&w);
}
END_TEST

static FileInfo only_file(World *w)
{
    FileInfo f[4];
    Snapshot *s = engine_snapshot(w->eng, NULL);
    size_t n = snapshot_files(s, f, 4);
    snapshot_unref(s);
    ck_assert_uint_eq(n, 1);
    return f[0];
}

START_TEST(dead_rows)
{
    World w = world_with_clock(2);
    TableId gone = add_table(&w, "gone", 0, 0), stays = add_table(&w, "stays", 0, 0);
    Err e;
    write_rows(&w, gone, 0, NS_PER_S, 6000);
    write_rows(&w, stays, 0, NS_PER_S, 4000);
    world_maintain(&w, true);
    FileInfo f = only_file(&w);
    ck_assert(f.rows == 10000 && f.dead_bytes == 0);
    CatEdit drop = {.op = CAT_DROP_TABLE, .id = gone};
    ck_assert_msg(engine_edit_catalog(w.eng, &drop, 1, &e), "%s", e.message);
    f = only_file(&w);
    ck_assert_uint_ge(f.dead_bytes, f.bytes * 59 / 100);
    write_rows(&w, stays, 0, NS_PER_S, 1); /* makes the drop durable: the file goes by itself */
    for (int i = 0; i < 100000 && only_file(&w).rows == 10000; i++)
        sched_step(w.o.sched);
    f = only_file(&w);
    ck_assert(f.rows == 4000 && f.dead_bytes == 0);
    world_end(&w);
}
END_TEST

START_TEST(vacuum_deletes) /* rows that a delete hides take no space after it */
{
    World w = world_with_clock(8);
    TableId table = add_table(&w, "t", 0, 0);
    write_rows(&w, table, 0, NS_PER_S, 4000);
    world_maintain(&w, true);
    ck_assert_uint_eq(only_file(&w).rows, 4000);
    Ticket t = {0};
    DeleteSpec d = {.table = table, .t_min = 0, .t_max = 1999 * NS_PER_S};
    engine_delete(w.eng, &d, SYNC_ON, &t);
    world_await(&w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
    engine_vacuum(w.eng, 0, &t);
    world_await(&w, &t);
    ck_assert(t.ok && t.freed > 0);
    ck_assert_uint_eq(only_file(&w).rows, 2000);
    world_end(&w);
}
END_TEST

START_TEST(vacuum_frees)
{
    World w = world_with_clock(3);
    TableId table = add_table(&w, "t", 0, 0), other = add_table(&w, "o", 0, NS_PER_DAY);
    for (int i = 0; i < 3; i++) {
        write_rows(&w, table, 0, NS_PER_S, 2000); /* the same times again and again */
        write_rows(&w, other, 0, NS_PER_S, 2000);
        world_maintain(&w, false);
    }
    Ticket t = {0};
    engine_vacuum(w.eng, table, &t);
    world_await(&w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
    ck_assert_int_gt(t.freed, 2 * 2000 * 4); /* a random number takes some four bytes */
    unsigned files[64];
    TableId both[2] = {table, other};
    ck_assert_uint_eq(tables_of_files(&w, both, 2, files), 2);
    world_end(&w);
}
END_TEST

/* ---- damage ---- */

static void file_path(const char *name, char *path)
{
    snprintf(path, 200, "%s/%s", dir, name);
}

static void flip(const char *name, int64_t at)
{
    char path[200], byte;
    Err e;
    file_path(name, path);
    int fd = io_real.open(&io_real, path, IO_READ | IO_WRITE, &e);
    ck_assert_msg(fd >= 0 && io_real.pread(&io_real, fd, &byte, 1, at, &e) == 1, "%s", e.message);
    byte ^= 0x10;
    ck_assert(io_real.pwrite_all(&io_real, fd, &byte, 1, at, &e));
    io_real.close(&io_real, fd);
}

static uint64_t rows_in_files(World *w)
{
    FileInfo f[64];
    Snapshot *s = engine_snapshot(w->eng, NULL);
    size_t n = snapshot_files(s, f, 64);
    uint64_t rows = 0;
    for (size_t i = 0; i < n; i++)
        rows += f[i].rows;
    snapshot_unref(s);
    return rows;
}

static void reopen(World *w, int flags)
{
    Err e;
    engine_close(w->eng, false);
    w->o.flags = flags;
    ck_assert_msg(engine_open(&w->eng, &w->o, &e), "%s", e.message);
}

static void count(void *arg, const Err *e)
{
    (void)e;
    ++*(size_t *)arg;
}

/* A row group of one file is damaged: the rest is compacted, repaired, and nothing else is lost. */
START_TEST(damaged_group)
{
    World w = world_with_clock(4);
    TableId bad = add_table(&w, "bad", 0, NS_PER_DAY), good = add_table(&w, "good", 0, NS_PER_DAY);
    char name[128];
    size_t damages = 0;
    Err e;
    write_rows(&w, bad, 0, NS_PER_S, 4096);
    world_maintain(&w, true);
    snprintf(name, sizeof name, "files/%s", only_file(&w).name);
    engine_close(w.eng, true);
    flip(name, 5000); /* in the chunks of the first groups */
    ck_assert_msg(engine_open(&w.eng, &w.o, &e), "%s", e.message);
    write_rows(&w, bad, 0, 2 * NS_PER_S, 100); /* overlaps */
    write_rows(&w, good, 0, NS_PER_S, 1000);
    world_maintain(&w, false);
    write_rows(&w, good, 0, NS_PER_S, 1000);
    Ticket t = {0};
    engine_vacuum(w.eng, 0, &t);
    world_await(&w, &t);
    ck_assert(!t.ok && t.err.code == ERR_DATA_CORRUPTED);
    ck_assert_uint_ge(engine_stats(w.eng)->blocks_damaged, 1);
    ck_assert_uint_eq(rows_in_files(&w), 4096 + 100 + 1000); /* `good` was merged all the same */
    engine_vacuum(w.eng, 0, &t); /* and again: it does not stop the others */
    world_await(&w, &t);
    reopen(&w, ENGINE_CREATE | ENGINE_REPAIR);
    ck_assert_uint_eq(rows_in_files(&w), 4096 - 1024 + 100 + 1000);
    reopen(&w, ENGINE_CREATE);
    world_maintain(&w, true);
    engine_close(w.eng, true);
    ck_assert_msg(engine_check_dir(&io_real, dir, count, &damages, &e), "%s", e.message);
    snprintf(name, sizeof name, "%s/orphans", dir);
    DIR *d = opendir(name);
    ck_assert_ptr_nonnull(d); /* the damaged file is there for who knows better */
    closedir(d);
    ck_assert(engine_open(&w.eng, &w.o, &e));
    world_end(&w);
}
END_TEST

/* A file without a footer: it is named, costs its own rows, and goes with a repair. */
START_TEST(damaged_footer)
{
    World w = world_with_clock(5);
    TableId bad = add_table(&w, "bad", 0, NS_PER_DAY), good = add_table(&w, "good", 0, NS_PER_DAY);
    char name[128];
    size_t damages = 0;
    Err e;
    write_rows(&w, bad, 0, NS_PER_S, 1000);
    world_maintain(&w, true);
    FileInfo f = only_file(&w);
    snprintf(name, sizeof name, "files/%s", f.name);
    engine_close(w.eng, true);
    flip(name, (int64_t)f.bytes - 10);
    ck_assert(!engine_check_dir(&io_real, dir, count, &damages, &e) && damages == 1);
    ck_assert(strstr(e.message, f.name));
    ck_assert_msg(engine_open(&w.eng, &w.o, &e), "%s", e.message);
    for (int i = 0; i < 6; i++) {
        write_rows(&w, good, 0, NS_PER_S, 1000);
        world_maintain(&w, false);
    }
    world_maintain(&w, true); /* what is beside it goes on */
    ck_assert_uint_eq(rows_in_files(&w), 1000);
    damages = 0;
    ck_assert(!engine_check_dir(&io_real, dir, count, &damages, &e)); /* in use: cannot check */
    ck_assert(damages == 0 && e.code == ERR_OBJECT_IN_USE);
    reopen(&w, ENGINE_CREATE | ENGINE_REPAIR);
    ck_assert_uint_eq(rows_in_files(&w), 1000);
    engine_close(w.eng, true);
    ck_assert_msg(engine_check_dir(&io_real, dir, count, &damages, &e), "%s", e.message);
    ck_assert(engine_open(&w.eng, &w.o, &e));
    world_end(&w);
    ck_assert(!engine_check_dir(&io_real, "/tmp/skulk-no-such", count, &damages, &e));
    ck_assert(damages == 0 && e.code == ERR_UNDEFINED_FILE);
}
END_TEST

START_TEST(scrub)
{
    World w = world_with_clock(6);
    TableId table = add_table(&w, "t", 0, 0);
    char name[128];
    Err e;
    write_rows(&w, table, 0, NS_PER_S, 4096);
    world_maintain(&w, true);
    snprintf(name, sizeof name, "files/%s", only_file(&w).name);
    int64_t first = engine_stats(w.eng)->scrubbed_ns;
    ck_assert_int_gt(first, 0); /* a new directory: a week from now */
    engine_close(w.eng, true);
    flip(name, 5000);
    leap_ns = 8 * NS_PER_DAY;
    ck_assert_msg(engine_open(&w.eng, &w.o, &e), "%s", e.message);
    ck_assert_int_eq(engine_stats(w.eng)->scrubbed_ns, first);
    for (int i = 0; i < 3000 && engine_stats(w.eng)->scrubbed_ns == first; i++)
        if (!sched_step(w.o.sched))
            usleep(1000);
    ck_assert_int_gt(engine_stats(w.eng)->scrubbed_ns, first);
    ck_assert_uint_ge(engine_stats(w.eng)->blocks_damaged, 1);
    engine_close(w.eng, true);
    ck_assert_msg(engine_open(&w.eng, &w.o, &e), "%s", e.message);
    ck_assert_int_gt(engine_stats(w.eng)->scrubbed_ns, first); /* restarts do not put it off */
    world_end(&w);
}
END_TEST

/* ---- formats of a newer program are refused by name ---- */

typedef struct Newer {
    const char *part; /* of the file's name */
    int64_t version_at;
    int64_t crc_at, crc_from, crc_len; /* crc_len 0: to the end of the file */
    bool served;                       /* the start goes on without it */
    bool copied;                       /* there are two */
} Newer;

static const Newer newer[] = {
    {"MANIFEST-000001", 8, 28, 0, 28, false, true}, {"log/", 8, 60, 0, 60, false, false},
    {".series", 12, 28, 0, 0, false, true},         {".catalog", 12, 28, 0, 0, false, true},
    {".skulk", 8, 24, 0, 24, true, false},
};

static bool find_file(const char *part, char *name)
{
    static const char *const subs[] = {".", "log", "files"};
    for (size_t i = 0; i < 3; i++) {
        char path[200];
        file_path(subs[i], path);
        DIR *d = opendir(path);
        struct dirent *entry;
        while ((entry = readdir(d))) {
            snprintf(name, 128, "%s/%.100s", subs[i], entry->d_name);
            const char *at = strstr(name, part);
            if (entry->d_name[0] != '.' && at && (strcmp(part, "log/") == 0 || !at[strlen(part)])) {
                closedir(d);
                return true;
            }
        }
        closedir(d);
    }
    return false;
}

static void make_newer(const char *part, const Newer *n)
{
    char name[128], path[200];
    Buf b = {0};
    Err e;
    uint32_t version = 99;
    ck_assert(find_file(part, name));
    file_path(name, path);
    ck_assert(io_read_file(&io_real, path, 1 << 26, &b, &e));
    memcpy(b.ptr + n->version_at, &version, 4);
    uint32_t crc = n->crc_len ? crc32c(0, b.ptr + n->crc_from, (size_t)n->crc_len)
                              : crc32c(crc32c(0, b.ptr, 28), b.ptr + 32, b.len - 32);
    memcpy(b.ptr + n->crc_at, &crc, 4);
    int fd = io_real.open(&io_real, path, IO_WRITE, &e);
    ck_assert(fd >= 0 && io_real.pwrite_all(&io_real, fd, b.ptr, b.len, 0, &e));
    io_real.close(&io_real, fd);
    buf_free(&b);
}

START_TEST(newer_formats)
{
    World w = world_with_clock(7);
    const Newer *n = &newer[_i];
    TableId table = add_table(&w, "t", 0, 0);
    Err e = {0};
    write_rows(&w, table, 0, NS_PER_S, 1000);
    world_maintain(&w, true);
    write_rows(&w, table, 0, NS_PER_S, 10);
    engine_close(w.eng, false);
    make_newer(n->part, n);
    if (n->copied) { /* one of two copies would be enough for a start */
        char copy[32];
        snprintf(copy, sizeof copy, "%s.copy", n->part);
        make_newer(copy, n);
    }
    bool ok = engine_open(&w.eng, &w.o, &e);
    ck_assert_msg(ok == n->served, "%s: %s", n->part, e.message);
    size_t damages = 0;
    if (ok)
        engine_close(w.eng, false);
    bool fine = engine_check_dir(&io_real, dir, count, &damages, &e);
    ck_assert(!fine);
    ck_assert_msg(e.code == ERR_FEATURE_NOT_SUPPORTED && strstr(e.message, "99"), "%s: %s", n->part,
                  e.message);
    sched_free(w.o.sched);
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("compact");
    log_configure(LOG_OFF, false);
    tcase_add_test(tc, groups);
    tcase_add_test(tc, dead_rows);
    tcase_add_test(tc, vacuum_deletes);
    tcase_add_test(tc, vacuum_frees);
    tcase_add_test(tc, damaged_group);
    tcase_add_test(tc, damaged_footer);
    tcase_add_test(tc, scrub);
    tcase_add_loop_test(tc, newer_formats, 0, sizeof newer / sizeof newer[0]);
    return unit_run(tc);
}
