#include "storage/mapped.h"

#include "base/mem.h"
#include "base/sync.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RANGES = 256, LOST_MAX = 1024 };

typedef struct Range {
    _Atomic uintptr_t begin; /* 0 = free */
    _Atomic size_t len;
    atomic_bool lost; /* as a whole: there was no room to note the page */
} Range;

typedef struct RangeBlock { /* never freed: the handler may walk over it at any time */
    struct RangeBlock *_Atomic next;
    Range range[RANGES];
} RangeBlock;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static Mutex mutex; /* RANK_LEAF: of adding and removing */
static RangeBlock first;
static size_t page_size;
static struct sigaction before;
/* Addresses of lost pages, 0 = free.  The count only grows: nearly always it is zero. */
static _Atomic uintptr_t lost[LOST_MAX];
static _Atomic uint32_t lost_count;

static Range *range_of(uintptr_t at)
{
    for (RangeBlock *b = &first; b; b = atomic_load(&b->next))
        for (size_t i = 0; i < RANGES; i++) {
            uintptr_t begin = atomic_load(&b->range[i].begin);
            if (begin && at >= begin && at - begin < atomic_load(&b->range[i].len))
                return &b->range[i];
        }
    return NULL;
}

/* Async-signal-safe: atomics and mmap. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
    int keep = errno;
    uintptr_t at = (uintptr_t)info->si_addr, page = at & ~(uintptr_t)(page_size - 1);
    Range *r = range_of(at);
    (void)context;
    if (r) { /* noted first: who sees the zeros sees the note */
        uint32_t i =
            atomic_load(&lost_count) < LOST_MAX ? atomic_fetch_add(&lost_count, 1) : LOST_MAX;
        if (i < LOST_MAX)
            atomic_store(&lost[i], page);
        else
            atomic_store(&r->lost, true);
    }
    if (!r || mmap((void *)page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                   0) == MAP_FAILED)
        sigaction(sig, &before, NULL); /* not ours: the access is repeated */
    errno = keep;
}

static void install(void)
{
    struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    mutex_init(&mutex, RANK_LEAF);
    sigemptyset(&sa.sa_mask);
    must(sigaction(SIGBUS, &sa, &before) == 0);
}

void mapped_guard(void)
{
    pthread_once(&once, install);
}

void mapped_add(const void *ptr, size_t len)
{
    mapped_guard();
    mutex_lock(&mutex);
    RangeBlock *b = &first;
    size_t i = 0;
    while (atomic_load(&b->range[i].begin)) {
        if (++i < RANGES)
            continue;
        if (!atomic_load(&b->next))
            atomic_store(&b->next, MEM_NEW(RangeBlock));
        b = atomic_load(&b->next);
        i = 0;
    }
    atomic_store(&b->range[i].lost, false);
    atomic_store(&b->range[i].len, len);
    atomic_store(&b->range[i].begin, (uintptr_t)ptr);
    mutex_unlock(&mutex);
}

void mapped_remove(const void *ptr, size_t len)
{
    uintptr_t begin = (uintptr_t)ptr;
    mutex_lock(&mutex);
    Range *r = range_of(begin);
    must(r && atomic_load(&r->begin) == begin);
    atomic_store(&r->begin, 0);
    for (size_t i = 0; atomic_load(&lost_count) && i < LOST_MAX; i++) {
        uintptr_t page = atomic_load(&lost[i]);
        if (page >= begin && page - begin < len)
            atomic_store(&lost[i], 0);
    }
    mutex_unlock(&mutex);
}

bool mapped_lost(const void *ptr, size_t len)
{
    uintptr_t begin = (uintptr_t)ptr, end = begin + len;
    atomic_thread_fence(memory_order_acquire); /* behind the reads that it is asked about */
    uint32_t n = atomic_load_explicit(&lost_count, memory_order_relaxed);
    if (n == 0)
        return false;
    for (size_t i = 0; i < n && i < LOST_MAX; i++) {
        uintptr_t page = atomic_load(&lost[i]);
        if (page && page < end && begin < page + page_size)
            return true;
    }
    const Range *r = n >= LOST_MAX ? range_of(begin) : NULL;
    return r && atomic_load(&r->lost);
}

int64_t mapped_resident(void)
{
    char text[128];
    long long pages, shared = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (sscanf(text, "%lld %lld %lld", &pages, &pages, &shared) != 3)
        return 0;
    return shared * sysconf(_SC_PAGESIZE);
}

void mapped_drop(const void *ptr, size_t len)
{
    madvise((void *)(uintptr_t)ptr, len, MADV_DONTNEED);
}
