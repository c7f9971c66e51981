#include "base/io.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static const Io *io = &io_real;
static Err e;

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/skulk_test_io_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static bool remove_each(void *arg, const char *name)
{
    char path[512];
    (void)arg;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return remove(path) == 0;
}

static void teardown(void)
{
    ck_assert(io->list(io, dir, remove_each, NULL, &e));
    rmdir(dir);
}

static const char *path_of(const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

START_TEST(write_and_read)
{
    char text[10];
    int fd = io->open(io, path_of("a"), IO_READ | IO_WRITE | IO_CREATE | IO_EXCL, &e);
    ck_assert_int_ge(fd, 0);
    ck_assert(io->pwrite_all(io, fd, "hello", 5, 3, &e));
    ck_assert_int_eq(io->size(io, fd, &e), 8);
    ck_assert_int_eq(io->pread(io, fd, text, sizeof text, 3, &e), 5);
    ck_assert_mem_eq(text, "hello", 5);
    ck_assert_int_eq(io->pread(io, fd, text, sizeof text, 8, &e), 0);
    const char *map = io->map(io, fd, 8);
    ck_assert_mem_eq(map, "\0\0\0hello", 8);
    io->unmap(io, map, 8);
    ck_assert(io->truncate(io, fd, 2, &e) && io->fdatasync(io, fd, &e));
    ck_assert_int_eq(io->size(io, fd, &e), 2);
    io->start_write(io, fd, 0, 2);
    io->close(io, fd);
    struct stat st;
    ck_assert_int_eq(stat(path_of("a"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_lt(io->open(io, path_of("a"), IO_WRITE | IO_CREATE | IO_EXCL, &e), 0);
    ck_assert_int_eq(e.code, ERR_IO);
}
END_TEST

START_TEST(failures_name_the_file)
{
    ck_assert_int_lt(io->open(io, path_of("none"), IO_READ, &e), 0);
    ck_assert_int_eq(e.code, ERR_UNDEFINED_FILE);
    ck_assert_ptr_nonnull(strstr(e.message, path_of("none")));
    int fd = io->open(io, path_of("r"), IO_READ | IO_CREATE, &e);
    ck_assert(!io->pwrite_all(io, fd, "x", 1, 0, &e));
    ck_assert_int_eq(e.code, ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.message, path_of("r")));
    io->close(io, fd);
    fd = io->open(io, "/dev/full", IO_WRITE, &e);
    ck_assert(!io->pwrite_all(io, fd, "x", 1, 0, &e));
    ck_assert_int_eq(e.code, ERR_DISK_FULL);
    io->close(io, fd);
    ck_assert(!io->rename(io, path_of("none"), path_of("b"), &e));
    ck_assert(!io->unlink(io, path_of("none"), &e));
    ck_assert(!io->list(io, path_of("none"), remove_each, NULL, &e));
    ck_assert(!io->fsync_dir(io, path_of("none"), &e));
    ck_assert(!io->mkdir(io, path_of("no/ne"), &e));
}
END_TEST

START_TEST(directories)
{
    struct stat st;
    ck_assert(io->mkdir(io, path_of("d"), &e) && io->mkdir(io, path_of("d"), &e));
    ck_assert_int_eq(stat(path_of("d"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0700);
    io->close(io, io->open(io, path_of("f"), IO_WRITE | IO_CREATE, &e));
    ck_assert(!io->mkdir(io, path_of("f"), &e));
    ck_assert(io->fsync_dir(io, dir, &e));
    ck_assert(io->rename(io, path_of("f"), path_of("g"), &e));
    ck_assert(!io_exists(io, path_of("f")) && io_exists(io, path_of("g")));
}
END_TEST

START_TEST(replace)
{
    Buf b;
    buf_init(&b);
    ck_assert(io_replace_file(io, dir, "x", SLICE_LIT("old"), &e));
    ck_assert(io_replace_file(io, dir, "x", SLICE_LIT("new text"), &e));
    ck_assert(!io_exists(io, path_of("x.tmp")));
    ck_assert(io_read_file(io, path_of("x"), 8, &b, &e));
    ck_assert(slice_eq_cstr(buf_slice(&b), "new text"));
    ck_assert(!io_read_file(io, path_of("x"), 7, &b, &e));
    ck_assert_int_eq(e.code, ERR_PROGRAM_LIMIT);
    ck_assert(io_read_file(io, path_of("x"), SIZE_MAX / 4, &b, &e));
    ck_assert(io->mkdir(io, path_of("y"), &e));
    ck_assert(!io_replace_file(io, dir, "y", SLICE_LIT("z"), &e));
    ck_assert(!io_exists(io, path_of("y.tmp")));
    buf_free(&b);
}
END_TEST

START_TEST(locks)
{
    int64_t holder;
    int first = io->open(io, path_of("lock"), IO_READ | IO_WRITE | IO_CREATE, &e);
    int second = io->open(io, path_of("lock"), IO_READ | IO_WRITE | IO_CREATE, &e);
    ck_assert(io->lock(io, first, &holder, &e));
    /* The same process is refused as well: the lock belongs to the open file. */
    ck_assert(!io->lock(io, second, &holder, &e));
    ck_assert_int_eq(e.code, ERR_OBJECT_IN_USE);
    ck_assert_int_eq(holder, getpid());
    io->close(io, first);
    ck_assert(io->lock(io, second, &holder, &e));
    io->close(io, second);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("io");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, write_and_read);
    tcase_add_test(tc, failures_name_the_file);
    tcase_add_test(tc, directories);
    tcase_add_test(tc, replace);
    tcase_add_test(tc, locks);
    return unit_run(tc);
}
