#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the real table --- */

/* A failing call on an fd still names its file. */
static bool fail_fd(Err *e, int err_no, const char *verb, int fd)
{
    char link[64], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0)
        return err_set_errno(e, err_no, "%s file descriptor %d", verb, fd);
    path[len] = '\0';
    return err_set_errno(e, err_no, "%s \"%s\"", verb, path);
}

static int real_open(const Io *io, const char *path, int flags, Err *e)
{
    int mode = (flags & IO_WRITE) ? (flags & IO_READ) ? O_RDWR : O_WRONLY : O_RDONLY;
    (void)io;
    mode |= O_CLOEXEC | O_NOCTTY;
    mode |= (flags & IO_CREATE) ? O_CREAT : 0;
    mode |= (flags & IO_EXCL) ? O_EXCL : 0;
    mode |= (flags & IO_TRUNC) ? O_TRUNC : 0;
    mode |= (flags & IO_APPEND) ? O_APPEND : 0;
    int fd;
    do
        fd = open(path, mode, 0600);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        err_set_errno(e, errno, "open \"%s\"", path);
    return fd;
}

static void real_close(const Io *io, int fd)
{
    (void)io;
    if (fd >= 0)
        close(fd); /* on Linux the descriptor is gone even after EINTR */
}

static int64_t real_pread(const Io *io, int fd, void *buf, size_t len, int64_t offset, Err *e)
{
    size_t done = 0;
    (void)io;
    while (done < len) {
        ssize_t n = pread(fd, (char *)buf + done, len - done, offset + (int64_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fail_fd(e, errno, "read", fd);
            return -1;
        }
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

static bool real_pwrite_all(const Io *io, int fd, const void *buf, size_t len, int64_t offset,
                            Err *e)
{
    size_t done = 0;
    (void)io;
    while (done < len) {
        ssize_t n = pwrite(fd, (const char *)buf + done, len - done, offset + (int64_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_fd(e, n == 0 ? EIO : errno, "write", fd);
        done += (size_t)n;
    }
    return true;
}

/* No second try: after a failure the kernel may have dropped the dirty pages. */
static bool real_fdatasync(const Io *io, int fd, Err *e)
{
    (void)io;
    return fdatasync(fd) == 0 || fail_fd(e, errno, "sync", fd);
}

static bool real_fsync_dir(const Io *io, const char *dir, Err *e)
{
    (void)io;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(e, errno, "open directory \"%s\"", dir);
    int err_no = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return err_no == 0 || err_set_errno(e, err_no, "sync directory \"%s\"", dir);
}

static bool real_truncate(const Io *io, int fd, int64_t size, Err *e)
{
    int rc;
    (void)io;
    do
        rc = ftruncate(fd, size);
    while (rc < 0 && errno == EINTR);
    return rc == 0 || fail_fd(e, errno, "truncate", fd);
}

static bool write_zeros(const Io *io, int fd, int64_t size, Err *e)
{
    static const char zeros[65536];
    for (int64_t at = 0; at < size; at += (int64_t)sizeof zeros) {
        int64_t n = size - at < (int64_t)sizeof zeros ? size - at : (int64_t)sizeof zeros;
        if (!real_pwrite_all(io, fd, zeros, (size_t)n, at, e))
            return false;
    }
    return true;
}

static bool real_allocate(const Io *io, int fd, int64_t size, Err *e)
{
    int rc;
    do
        rc = fallocate(fd, 0, 0, size);
    while (rc < 0 && errno == EINTR);
    if (rc == 0)
        return true;
    return errno == EOPNOTSUPP ? write_zeros(io, fd, size, e) : fail_fd(e, errno, "reserve", fd);
}

static int64_t real_size(const Io *io, int fd, Err *e)
{
    struct stat st;
    (void)io;
    if (fstat(fd, &st) == 0)
        return st.st_size;
    fail_fd(e, errno, "stat", fd);
    return -1;
}

static bool real_rename(const Io *io, const char *from, const char *to, Err *e)
{
    (void)io;
    return rename(from, to) == 0 || err_set_errno(e, errno, "rename \"%s\" to \"%s\"", from, to);
}

static bool real_unlink(const Io *io, const char *path, Err *e)
{
    (void)io;
    return unlink(path) == 0 || err_set_errno(e, errno, "delete \"%s\"", path);
}

static bool real_link(const Io *io, const char *from, const char *to, Err *e)
{
    (void)io;
    if (link(from, to) == 0)
        return true;
    int err_no = errno;
    err_set_errno(e, err_no, "link \"%s\" to \"%s\"", from, to);
    if (err_no == EXDEV || err_no == EPERM || err_no == EMLINK || err_no == ENOTSUP)
        e->code = ERR_FEATURE_NOT_SUPPORTED; /* another file system, or one without links */
    return false;
}

static bool real_mkdir(const Io *io, const char *path, Err *e)
{
    struct stat st;
    (void)io;
    if (mkdir(path, 0700) == 0)
        return true;
    int err_no = errno;
    if (err_no == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    return err_set_errno(e, err_no, "create directory \"%s\"", path);
}

static bool real_list(const Io *io, const char *dir, bool (*each)(void *arg, const char *name),
                      void *arg, Err *e)
{
    (void)io;
    DIR *d = opendir(dir);
    if (!d)
        return err_set_errno(e, errno, "open directory \"%s\"", dir);
    struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (!each(arg, name))
            break;
    }
    int err_no = entry ? 0 : errno;
    closedir(d);
    return err_no == 0 || err_set_errno(e, err_no, "read directory \"%s\"", dir);
}

/* The kernel does not tell who holds an open-file-description lock, so the holder's pid is the
 * content of the file. */
static bool real_lock(const Io *io, int fd, int64_t *holder_pid, Err *e)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[24] = "";
    *holder_pid = 0;
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        /* Padded: it overwrites what is there, also on a full disk; the lock itself needs no room. */
        int len = snprintf(text, sizeof text, "%-20lld\n", (long long)getpid());
        return real_pwrite_all(io, fd, text, (size_t)len, 0, e) || e->code == ERR_DISK_FULL;
    }
    if (errno != EAGAIN && errno != EACCES)
        return fail_fd(e, errno, "lock", fd);
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    if (len <= 0 || !slice_to_i64(slice_of(text, (size_t)len), holder_pid))
        *holder_pid = 0;
    if (*holder_pid == 0)
        return err_set(e, ERR_OBJECT_IN_USE, "locked by another process");
    return err_set(e, ERR_OBJECT_IN_USE, "locked by process %lld", (long long)*holder_pid);
}

static const void *real_map(const Io *io, int fd, size_t len)
{
    (void)io;
    if (len == 0)
        return NULL;
    void *ptr = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
    return ptr == MAP_FAILED ? NULL : ptr;
}

static void real_unmap(const Io *io, const void *ptr, size_t len)
{
    (void)io;
    if (ptr)
        must(munmap((void *)(uintptr_t)ptr, len) == 0);
}

static void real_start_write(const Io *io, int fd, int64_t offset, int64_t len)
{
    (void)io;
    sync_file_range(fd, offset, len, SYNC_FILE_RANGE_WRITE);
}

static void real_wait_write(const Io *io, int fd, int64_t offset, int64_t len)
{
    (void)io;
    sync_file_range(fd, offset, len,
                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                        SYNC_FILE_RANGE_WAIT_AFTER);
}

const Io io_real = {
    .open = real_open,
    .close = real_close,
    .pread = real_pread,
    .pwrite_all = real_pwrite_all,
    .fdatasync = real_fdatasync,
    .fsync_dir = real_fsync_dir,
    .truncate = real_truncate,
    .allocate = real_allocate,
    .size = real_size,
    .rename = real_rename,
    .unlink = real_unlink,
    .link = real_link,
    .mkdir = real_mkdir,
    .list = real_list,
    .lock = real_lock,
    .map = real_map,
    .unmap = real_unmap,
    .start_write = real_start_write,
    .wait_write = real_wait_write,
};

/* --- helpers over any table --- */

/* Reads to the end instead of trusting the size: files of /proc and /sys say 0. */
static bool read_to_end(const Io *io, int fd, size_t len_max, Buf *out, Err *e)
{
    size_t start = out->len;
    for (;;) {
        size_t got = out->len - start;
        size_t piece = len_max - got < 65536 ? len_max - got + 1 : 65536;
        buf_reserve(out, piece);
        int64_t n = io->pread(io, fd, out->ptr + out->len, piece, (int64_t)got, e);
        if (n < 0)
            return false;
        if ((size_t)n > len_max - got)
            return err_set(e, ERR_PROGRAM_LIMIT, "longer than %zu bytes", len_max);
        out->len += (size_t)n;
        if ((size_t)n < piece)
            return true;
    }
}

bool io_read_file(const Io *io, const char *path, size_t len_max, Buf *out, Err *e)
{
    int fd = io->open(io, path, IO_READ, e);
    if (fd < 0)
        return false;
    bool ok = read_to_end(io, fd, len_max, out, e);
    io->close(io, fd);
    return ok || err_wrap(e, "read \"%s\"", path);
}

static bool write_new_file(const Io *io, const char *path, Slice bytes, Err *e)
{
    int fd = io->open(io, path, IO_WRITE | IO_CREATE | IO_TRUNC, e);
    if (fd < 0)
        return false;
    bool ok = io->pwrite_all(io, fd, bytes.ptr, bytes.len, 0, e) && io->fdatasync(io, fd, e);
    io->close(io, fd);
    return ok;
}

bool io_replace_file(const Io *io, const char *dir, const char *name, Slice bytes, Err *e)
{
    char path[PATH_MAX], tmp[PATH_MAX];
    Err ignored;
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (len < 0 || (size_t)len + sizeof ".tmp" > sizeof tmp)
        return err_set(e, ERR_PROGRAM_LIMIT, "the path of \"%s\" is too long", name);
    snprintf(tmp, sizeof tmp, "%.*s.tmp", len, path);
    if (!write_new_file(io, tmp, bytes, e) || !io->rename(io, tmp, path, e)) {
        io->unlink(io, tmp, &ignored); /* best effort: start-up deletes *.tmp */
        return false;
    }
    return io->fsync_dir(io, dir, e);
}

bool io_exists(const Io *io, const char *path)
{
    Err e;
    int fd = io->open(io, path, IO_READ, &e);
    if (fd >= 0)
        io->close(io, fd);
    return fd >= 0;
}
