#include "sim_io.h"

#include "base/hash.h"
#include <stdio.h>
#include <stdlib.h>

enum { SECTOR = 512, FD_MAX = 512, PATH_LEN = 256 };

typedef struct Inode {
    int refs; /* names and descriptors */
    uint8_t *now, *disk;
    int64_t size, disk_size, cap;
    uint8_t *dirty; /* a byte per sector */
} Inode;

typedef struct Name {
    char path[PATH_LEN];
    Inode *inode; /* NULL: a directory */
} Name;

typedef struct Names {
    Name *items;
    size_t count, cap;
} Names;

typedef enum NameOpKind { OP_LINK, OP_UNLINK, OP_RENAME } NameOpKind;
typedef struct NameOp { /* not durable yet */
    NameOpKind kind;
    char path[PATH_LEN], to[PATH_LEN];
    Inode *inode;
} NameOp;

struct SimDisk {
    Io io;
    uint64_t random;
    Names now, disk;
    NameOp *ops;
    size_t op_count, op_cap;
    Inode *fds[FD_MAX];
    Inode **all;
    size_t all_count, all_cap;
    uint64_t calls, crash_at, fail_at;
    ErrCode fail_code;
    bool dead, failed_sync, locked;
    int64_t space;
};

static SimDisk *disk_of(const Io *io)
{
    return (SimDisk *)(uintptr_t)io;
}

static uint64_t sim_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(*state, UINT64_C(0x1234567));
}

/* ---- names ---- */

static Name *names_find(Names *n, const char *path)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->items[i].path, path) == 0)
            return &n->items[i];
    return NULL;
}

static void names_remove(Names *n, const char *path)
{
    Name *at = names_find(n, path);
    if (at)
        *at = n->items[--n->count];
}

static void names_put(Names *n, const char *path, Inode *inode)
{
    Name *at = names_find(n, path);
    if (!at) {
        if (n->count == n->cap) {
            n->cap = n->cap ? n->cap * 2 : 32;
            n->items = mem_realloc(n->items, n->cap * sizeof *n->items);
        }
        at = &n->items[n->count++];
        snprintf(at->path, PATH_LEN, "%s", path);
    }
    at->inode = inode;
}

static void apply_op(Names *n, const NameOp *op)
{
    switch (op->kind) {
    case OP_LINK:
        names_put(n, op->path, op->inode);
        break;
    case OP_UNLINK:
        names_remove(n, op->path);
        break;
    case OP_RENAME:
        names_remove(n, op->path);
        names_put(n, op->to, op->inode);
        break;
    }
}

static void add_op(SimDisk *d, NameOpKind kind, const char *path, const char *to, Inode *inode)
{
    if (d->op_count == d->op_cap) {
        d->op_cap = d->op_cap ? d->op_cap * 2 : 32;
        d->ops = mem_realloc(d->ops, d->op_cap * sizeof *d->ops);
    }
    NameOp *op = &d->ops[d->op_count++];
    *op = (NameOp){.kind = kind, .inode = inode};
    snprintf(op->path, PATH_LEN, "%s", path);
    snprintf(op->to, PATH_LEN, "%s", to ? to : "");
    apply_op(&d->now, op);
}

/* ---- files ---- */

static Inode *inode_new(SimDisk *d)
{
    Inode *i = MEM_NEW(Inode);
    if (d->all_count == d->all_cap) {
        d->all_cap = d->all_cap ? d->all_cap * 2 : 32;
        d->all = mem_realloc(d->all, d->all_cap * sizeof *d->all);
    }
    d->all[d->all_count++] = i;
    return i;
}

static void inode_room(Inode *i, int64_t size)
{
    if (size <= i->cap)
        return;
    int64_t cap = i->cap ? i->cap : 4096;
    while (cap < size)
        cap *= 2;
    i->now = mem_realloc(i->now, (size_t)cap);
    i->disk = mem_realloc(i->disk, (size_t)cap);
    i->dirty = mem_realloc(i->dirty, (size_t)(cap / SECTOR + 1));
    memset(i->now + i->cap, 0, (size_t)(cap - i->cap));
    memset(i->disk + i->cap, 0, (size_t)(cap - i->cap));
    memset(i->dirty + i->cap / SECTOR, 0, (size_t)(cap / SECTOR - i->cap / SECTOR + 1));
    i->cap = cap;
}

static void inode_write(Inode *i, const void *buf, size_t len, int64_t offset)
{
    if (!len)
        return;
    inode_room(i, offset + (int64_t)len);
    memcpy(i->now + offset, buf, len);
    for (int64_t s = offset / SECTOR; s <= (offset + (int64_t)len - 1) / SECTOR; s++)
        i->dirty[s] = 1;
    if (offset + (int64_t)len > i->size)
        i->size = offset + (int64_t)len;
}

static void inode_sync(Inode *i)
{
    if (!i->cap)
        return;
    memcpy(i->disk, i->now, (size_t)i->cap);
    memset(i->dirty, 0, (size_t)(i->cap / SECTOR + 1));
    i->disk_size = i->size;
}

/* Any subset of what was not synced, sector by sector. */
static void inode_lose(SimDisk *d, Inode *i)
{
    uint64_t mood = sim_random(&d->random) % 4; /* none, all, half, most */
    for (int64_t s = 0; s < i->cap / SECTOR; s++) {
        if (!i->dirty[s])
            continue;
        uint64_t dice = sim_random(&d->random) % 8;
        bool keep = mood == 0 ? false : mood == 1 ? true : mood == 2 ? dice < 4 : dice < 7;
        if (keep)
            memcpy(i->disk + s * SECTOR, i->now + s * SECTOR, SECTOR);
    }
    if (sim_random(&d->random) % 2)
        i->disk_size = i->size;
    memcpy(i->now, i->disk, (size_t)i->cap);
    i->size = i->disk_size;
    memset(i->now + i->size, 0, (size_t)(i->cap - i->size));
    memset(i->disk + i->size, 0, (size_t)(i->cap - i->size));
    memset(i->dirty, 0, (size_t)(i->cap / SECTOR + 1));
}

int64_t sim_disk_used(const SimDisk *d)
{
    int64_t used = 0;
    for (size_t i = 0; i < d->now.count; i++)
        if (d->now.items[i].inode)
            used += d->now.items[i].inode->size;
    return used;
}

/* Before every call that changes something; false: it fails. */
static bool may_change(SimDisk *d, bool sync, int64_t more, Err *e)
{
    d->calls++;
    if (d->crash_at && d->calls >= d->crash_at)
        d->dead = true;
    if (d->dead)
        return err_set(e, ERR_IO, "the machine is off");
    if (d->fail_at == d->calls) {
        d->failed_sync |= sync;
        return err_set(e, d->fail_code, "injected fault");
    }
    if (more > 0 && d->space && sim_disk_used(d) + more > d->space)
        return err_set(e, ERR_DISK_FULL, "no space left on the simulated disk");
    return true;
}

/* ---- the table ---- */

static int sim_open(const Io *io, const char *path, int flags, Err *e)
{
    SimDisk *d = disk_of(io);
    Name *n = names_find(&d->now, path);
    Inode *inode = n ? n->inode : NULL;
    if (d->dead) {
        err_set(e, ERR_IO, "the machine is off");
        return -1;
    }
    if (!n && !(flags & IO_CREATE)) {
        err_set(e, ERR_UNDEFINED_FILE, "\"%s\" is missing", path);
        return -1;
    }
    if (!n) {
        if (!may_change(d, false, 1, e))
            return -1;
        inode = inode_new(d);
        add_op(d, OP_LINK, path, NULL, inode);
    } else if (flags & IO_TRUNC && inode->size) {
        if (!may_change(d, false, 0, e))
            return -1;
        memset(inode->now, 0, (size_t)inode->size);
        memset(inode->dirty, 1, (size_t)(inode->size / SECTOR + 1));
        inode->size = 0;
    }
    for (int fd = 3; fd < FD_MAX; fd++) {
        if (d->fds[fd])
            continue;
        d->fds[fd] = inode;
        return fd;
    }
    err_set(e, ERR_IO, "too many open files");
    return -1;
}

static void sim_close(const Io *io, int fd)
{
    disk_of(io)->fds[fd] = NULL;
}

static int64_t sim_pread(const Io *io, int fd, void *buf, size_t len, int64_t offset, Err *e)
{
    SimDisk *d = disk_of(io);
    Inode *i = d->fds[fd];
    if (d->dead) {
        err_set(e, ERR_IO, "the machine is off");
        return -1;
    }
    if (offset >= i->size)
        return 0;
    int64_t n = i->size - offset < (int64_t)len ? i->size - offset : (int64_t)len;
    memcpy(buf, i->now + offset, (size_t)n);
    return n;
}

static bool sim_pwrite_all(const Io *io, int fd, const void *buf, size_t len, int64_t offset,
                           Err *e)
{
    SimDisk *d = disk_of(io);
    Inode *i = d->fds[fd];
    int64_t more = offset + (int64_t)len - i->size;
    if (!may_change(d, false, more, e)) {
        if (!d->dead || d->calls == d->crash_at) /* a part of it was written */
            inode_write(i, buf, sim_random(&d->random) % (len + 1), offset);
        return false;
    }
    inode_write(i, buf, len, offset);
    return true;
}

static bool sim_fdatasync(const Io *io, int fd, Err *e)
{
    SimDisk *d = disk_of(io);
    if (!may_change(d, true, 0, e)) {
        if (!d->dead) { /* the kernel thinks the pages are clean now; the disk has some of them */
            Inode *i = d->fds[fd];
            for (int64_t s = 0; s < i->cap / SECTOR; s++) {
                if (i->dirty[s] && sim_random(&d->random) % 2)
                    memcpy(i->disk + s * SECTOR, i->now + s * SECTOR, SECTOR);
                i->dirty[s] = 0;
            }
        }
        return false;
    }
    inode_sync(d->fds[fd]);
    return true;
}

/* All directories at once: the strictest order of names that the engine may count on. */
static bool sim_fsync_dir(const Io *io, const char *dir, Err *e)
{
    SimDisk *d = disk_of(io);
    size_t len = strlen(dir), kept = 0;
    if (!may_change(d, true, 0, e))
        return false;
    for (size_t i = 0; i < d->op_count; i++) {
        NameOp *op = &d->ops[i];
        const char *slash = strrchr(op->path, '/');
        if (slash && (size_t)(slash - op->path) == len && strncmp(op->path, dir, len) == 0)
            apply_op(&d->disk, op);
        else
            d->ops[kept++] = *op;
    }
    d->op_count = kept;
    return true;
}

static bool sim_truncate(const Io *io, int fd, int64_t size, Err *e)
{
    SimDisk *d = disk_of(io);
    Inode *i = d->fds[fd];
    if (!may_change(d, false, 0, e))
        return false;
    inode_room(i, size);
    if (size < i->size) {
        memset(i->now + size, 0, (size_t)(i->size - size));
        for (int64_t s = size / SECTOR; s <= (i->size - 1) / SECTOR; s++)
            i->dirty[s] = 1;
    }
    i->size = size;
    return true;
}

static bool sim_allocate(const Io *io, int fd, int64_t size, Err *e)
{
    SimDisk *d = disk_of(io);
    Inode *i = d->fds[fd];
    if (!may_change(d, false, size - i->size, e))
        return false;
    inode_room(i, size);
    i->size = size > i->size ? size : i->size;
    return true;
}

static int64_t sim_size(const Io *io, int fd, Err *e)
{
    (void)e;
    return disk_of(io)->fds[fd]->size;
}

static bool add_name(const Io *io, NameOpKind kind, const char *from, const char *to, Err *e)
{
    SimDisk *d = disk_of(io);
    if (!may_change(d, false, 0, e))
        return false;
    Name *n = names_find(&d->now, from);
    if (!n)
        return err_set(e, ERR_UNDEFINED_FILE, "\"%s\" is missing", from);
    if (kind == OP_RENAME)
        add_op(d, kind, from, to, n->inode);
    else
        add_op(d, kind, to, NULL, n->inode);
    return true;
}

static bool sim_rename(const Io *io, const char *from, const char *to, Err *e)
{
    return add_name(io, OP_RENAME, from, to, e);
}

static bool sim_link(const Io *io, const char *from, const char *to, Err *e)
{
    return add_name(io, OP_LINK, from, to, e);
}

static bool sim_unlink(const Io *io, const char *path, Err *e)
{
    SimDisk *d = disk_of(io);
    if (!may_change(d, false, 0, e))
        return false;
    if (!names_find(&d->now, path))
        return err_set(e, ERR_UNDEFINED_FILE, "\"%s\" is missing", path);
    add_op(d, OP_UNLINK, path, NULL, NULL);
    return true;
}

static bool sim_mkdir(const Io *io, const char *path, Err *e)
{
    SimDisk *d = disk_of(io);
    if (d->dead)
        return err_set(e, ERR_IO, "the machine is off");
    names_put(&d->now, path, NULL); /* a lost directory is made again by the next start */
    names_put(&d->disk, path, NULL);
    return true;
}

static bool sim_list(const Io *io, const char *dir, bool (*each)(void *arg, const char *name),
                     void *arg, Err *e)
{
    SimDisk *d = disk_of(io);
    size_t len = strlen(dir);
    Buf names = {0};
    if (d->dead)
        return err_set(e, ERR_IO, "the machine is off");
    if (!names_find(&d->now, dir))
        return err_set(e, ERR_UNDEFINED_FILE, "directory \"%s\" is missing", dir);
    for (size_t i = 0; i < d->now.count; i++) {
        const char *path = d->now.items[i].path;
        if (strncmp(path, dir, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/'))
            buf_put(&names, path + len + 1, strlen(path + len + 1) + 1);
    }
    for (size_t at = 0; at < names.len && each(arg, names.ptr + at);
         at += strlen(names.ptr + at) + 1)
        ;
    buf_free(&names);
    return true;
}

static bool sim_lock(const Io *io, int fd, int64_t *holder_pid, Err *e)
{
    (void)io;
    (void)fd;
    (void)e;
    *holder_pid = 0;
    return true;
}

static const void *sim_map(const Io *io, int fd, size_t len)
{
    (void)io;
    (void)fd;
    (void)len;
    return NULL;
}

static void sim_unmap(const Io *io, const void *ptr, size_t len)
{
    (void)io;
    (void)ptr;
    (void)len;
}

static void sim_start_write(const Io *io, int fd, int64_t offset, int64_t len)
{
    (void)io;
    (void)fd;
    (void)offset;
    (void)len;
}

static const Io sim_io = {
    .open = sim_open,
    .close = sim_close,
    .pread = sim_pread,
    .pwrite_all = sim_pwrite_all,
    .fdatasync = sim_fdatasync,
    .fsync_dir = sim_fsync_dir,
    .truncate = sim_truncate,
    .allocate = sim_allocate,
    .size = sim_size,
    .rename = sim_rename,
    .unlink = sim_unlink,
    .link = sim_link,
    .mkdir = sim_mkdir,
    .list = sim_list,
    .lock = sim_lock,
    .map = sim_map,
    .unmap = sim_unmap,
    .start_write = sim_start_write,
    .wait_write = sim_start_write,
};

/* ---- the disk ---- */

SimDisk *sim_disk_new(uint64_t seed)
{
    SimDisk *d = MEM_NEW(SimDisk);
    d->io = sim_io;
    d->random = seed;
    return d;
}

void sim_disk_free(SimDisk *d)
{
    for (size_t i = 0; i < d->all_count; i++) {
        mem_free(d->all[i]->now);
        mem_free(d->all[i]->disk);
        mem_free(d->all[i]->dirty);
        mem_free(d->all[i]);
    }
    mem_free(d->all);
    mem_free(d->now.items);
    mem_free(d->disk.items);
    mem_free(d->ops);
    mem_free(d);
}

const Io *sim_disk_io(SimDisk *d)
{
    return &d->io;
}

uint64_t sim_disk_calls(const SimDisk *d)
{
    return d->calls;
}

void sim_disk_crash_at(SimDisk *d, uint64_t at)
{
    d->crash_at = at;
}

bool sim_disk_dead(const SimDisk *d)
{
    return d->dead;
}

void sim_disk_kill(SimDisk *d)
{
    memset(d->fds, 0, sizeof d->fds);
    d->dead = false;
    d->crash_at = d->fail_at = 0;
}

void sim_disk_crash(SimDisk *d)
{
    size_t keep = d->op_count ? sim_random(&d->random) % (d->op_count + 1) : 0;
    for (size_t i = 0; i < keep; i++)
        apply_op(&d->disk, &d->ops[i]);
    d->op_count = 0;
    for (size_t i = 0; i < d->all_count; i++)
        if (d->all[i]->cap)
            inode_lose(d, d->all[i]);
    d->now.count = 0;
    for (size_t i = 0; i < d->disk.count; i++)
        names_put(&d->now, d->disk.items[i].path, d->disk.items[i].inode);
    sim_disk_kill(d);
}

void sim_disk_fail_at(SimDisk *d, uint64_t at, ErrCode code)
{
    d->fail_at = at;
    d->fail_code = code;
    d->failed_sync = false;
}

bool sim_disk_failed_sync(const SimDisk *d)
{
    return d->failed_sync;
}

void sim_disk_space(SimDisk *d, int64_t bytes)
{
    d->space = bytes;
}

bool sim_disk_flip(SimDisk *d, const char *part, uint64_t seed, char *where, size_t where_size)
{
    size_t match = 0;
    for (size_t i = 0; i < d->now.count; i++)
        match += d->now.items[i].inode && d->now.items[i].inode->size &&
                 strstr(d->now.items[i].path, part);
    if (!match)
        return false;
    uint64_t state = seed;
    size_t chosen = sim_random(&state) % match;
    for (size_t i = 0; i < d->now.count; i++) {
        Name *n = &d->now.items[i];
        if (!n->inode || !n->inode->size || !strstr(n->path, part) || chosen-- > 0)
            continue;
        uint64_t at = sim_random(&state) % (uint64_t)n->inode->size;
        n->inode->now[at] ^= (uint8_t)(1u << sim_random(&state) % 8);
        n->inode->disk[at] = n->inode->now[at];
        snprintf(where, where_size, "%s offset %llu", n->path, (unsigned long long)at);
        return true;
    }
    return false;
}

/* ---- the clock ---- */

static int64_t clock_now(const Clock *c)
{
    SimClock *s = (SimClock *)(uintptr_t)c;
    return s->now_ns += 1000;
}

static int64_t clock_wall(const Clock *c)
{
    const SimClock *s = (const SimClock *)c;
    return s->wall_offset_ns + clock_now(c);
}

static void clock_pass(const Clock *c, int64_t ns)
{
    ((SimClock *)(uintptr_t)c)->now_ns += ns;
}

static uint64_t clock_random(const Clock *c)
{
    return sim_random(&((SimClock *)(uintptr_t)c)->random);
}

void sim_clock_init(SimClock *c, uint64_t seed)
{
    *c = (SimClock){.clock = {clock_wall, clock_now, clock_random, clock_pass},
                    .now_ns = 1,
                    .wall_offset_ns = INT64_C(1700000000) * NS_PER_S,
                    .random = seed};
}

void sim_clock_jump(SimClock *c)
{
    static const int64_t leaps[] = {NS_PER_S, 3600 * NS_PER_S, 3652 * NS_PER_DAY};
    uint64_t r = sim_random(&c->random);
    int64_t leap = leaps[r % 3];
    c->wall_offset_ns += r & 1024 ? leap : -leap;
    if (c->wall_offset_ns < 0) /* before 1970 no host starts */
        c->wall_offset_ns = 0;
}
