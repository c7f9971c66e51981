/* base/io.h - files as a table of functions, so that tests can fail or lose any write.
 *
 * Every path is NUL-terminated.  All calls but the plain getters may fail with IO,
 * DISK_FULL or UNDEFINED_FILE and name the path.  write_all/pwrite_all loop over short
 * writes.  An fd is a small int of this table, not always a kernel descriptor.
 * Threads: the real table is safe from any thread; never call it on an I/O (net) thread. */
#ifndef SKULK_BASE_IO_H
#define SKULK_BASE_IO_H

#include "base/mem.h"

enum { IO_READ = 1, IO_WRITE = 2, IO_CREATE = 4, IO_EXCL = 8, IO_TRUNC = 16, IO_APPEND = 32 };

typedef struct Io Io;
struct Io {
    int (*open)(const Io *io, const char *path, int flags, Err *e); /* -1 on failure; mode 0600 */
    void (*close)(const Io *io, int fd);
    int64_t (*pread)(const Io *io, int fd, void *buf, size_t len, int64_t offset,
                     Err *e); /* bytes, 0 = end, -1 */
    bool (*pwrite_all)(const Io *io, int fd, const void *buf, size_t len, int64_t offset, Err *e);
    bool (*fdatasync)(const Io *io, int fd, Err *e);
    bool (*fsync_dir)(const Io *io, const char *dir, Err *e);
    bool (*truncate)(const Io *io, int fd, int64_t size, Err *e);
    /* Makes the file at least `size` bytes long and gives all of them room on the disk. */
    bool (*allocate)(const Io *io, int fd, int64_t size, Err *e);
    int64_t (*size)(const Io *io, int fd, Err *e); /* -1 on failure */
    bool (*rename)(const Io *io, const char *from, const char *to, Err *e);
    bool (*unlink)(const Io *io, const char *path, Err *e);
    /* A second name of the same file; fails where that is not possible (FEATURE_NOT_SUPPORTED). */
    bool (*link)(const Io *io, const char *from, const char *to, Err *e);
    bool (*mkdir)(const Io *io, const char *path, Err *e); /* 0700; an existing directory is fine */
    bool (*list)(const Io *io, const char *dir, bool (*each)(void *arg, const char *name),
                 void *arg, Err *e);
    /* OFD write lock; the file then holds our pid as text.  OBJECT_IN_USE if somebody has it, and
     * *holder_pid is what the file says (0: nothing readable). */
    bool (*lock)(const Io *io, int fd, int64_t *holder_pid, Err *e);
    /* Maps a whole file read-only; NULL: not possible with this table, use pread. */
    const void *(*map)(const Io *io, int fd, size_t len);
    void (*unmap)(const Io *io, const void *ptr, size_t len);
    void (*start_write)(const Io *io, int fd, int64_t offset,
                        int64_t len); /* sync_file_range, a hint */
    /* Until what start_write began is on its way out: bounds what is in flight.  Not a sync. */
    void (*wait_write)(const Io *io, int fd, int64_t offset, int64_t len);
};

extern const Io io_real;

/* Helpers over any table. */
bool io_read_file(const Io *io, const char *path, size_t len_max, Buf *out, Err *e) MUST_CHECK;
/* x.tmp, fdatasync, rename, fsync(dir). */
bool io_replace_file(const Io *io, const char *dir, const char *name, Slice bytes,
                     Err *e) MUST_CHECK;
bool io_exists(const Io *io, const char *path);

#endif
