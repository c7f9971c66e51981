#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* --- heap --- */

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes\n", size);
    abort();
}

void *mem_alloc(size_t size)
{
    void *ptr = malloc(size ? size : 1);
    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *mem_zero(size_t size)
{
    void *ptr = calloc(1, size ? size : 1);
    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *mem_zero_spread(size_t size)
{
    enum { HUGE_PAGE = 2 << 20 };
    if (size < 2 * HUGE_PAGE)
        return mem_zero(size);
    void *ptr = aligned_alloc(HUGE_PAGE, (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    if (!ptr)
        out_of_memory(size);
    (void)!madvise(ptr, size, MADV_HUGEPAGE); /* it may be off */
    return memset(ptr, 0, size);
}

void *mem_realloc(void *ptr, size_t size)
{
    ptr = realloc(ptr, size ? size : 1);
    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void mem_free(void *ptr)
{
    free(ptr);
}

void mem_keep_freed(int cores)
{
    enum { KEPT_MAX = 32 << 20 };
    mallopt(M_MMAP_THRESHOLD, KEPT_MAX);
    mallopt(M_TRIM_THRESHOLD, KEPT_MAX);
    mallopt(M_ARENA_MAX, cores < 2 ? 2 : cores);
}

void *mem_dup(const void *ptr, size_t size)
{
    void *copy = mem_alloc(size);
    if (size > 0)
        memcpy(copy, ptr, size);
    return copy;
}

char *mem_strdup(Slice s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

/* --- budgets --- */

void budget_init(Budget *b, const char *name, Budget *parent, int64_t limit)
{
    b->parent = parent;
    atomic_init(&b->used, 0);
    atomic_init(&b->peak, 0);
    b->limit = limit;
    b->name = name;
}

void budget_charge(Budget *b, int64_t bytes)
{
    for (; b; b = b->parent) {
        int64_t used = atomic_fetch_add_explicit(&b->used, bytes, memory_order_relaxed) + bytes;
        int64_t peak = atomic_load_explicit(&b->peak, memory_order_relaxed);
        while (used > peak &&
               !atomic_compare_exchange_weak_explicit(&b->peak, &peak, used, memory_order_relaxed,
                                                      memory_order_relaxed))
            ;
    }
}

/* The innermost budget that `more` bytes would take over its limit; NULL: none. */
static const Budget *budget_exceeded(const Budget *b, int64_t more)
{
    for (; b; b = b->parent)
        if (b->limit > 0 && atomic_load_explicit(&b->used, memory_order_relaxed) > b->limit - more)
            return b;
    return NULL;
}

bool budget_over(const Budget *b)
{
    return budget_exceeded(b, 0) != NULL;
}

static bool budget_fail(const Budget *b, int64_t more, Err *e)
{
    int64_t used = atomic_load_explicit(&b->used, memory_order_relaxed) + more;
    return err_set(e, ERR_OUT_OF_MEMORY,
                   "memory limit of \"%s\" exceeded: %lld bytes needed, %lld allowed", b->name,
                   (long long)used, (long long)b->limit);
}

bool budget_check(const Budget *b, Err *e)
{
    const Budget *over = budget_exceeded(b, 0);
    return !over || budget_fail(over, 0, e);
}

/* --- arenas --- */

enum {
    ARENA_ALIGN = 16,
    ARENA_BLOCK_MIN = 4096,
    ARENA_BLOCK_MAX = 256 << 10, /* larger requests get a block of their own size */
    ARENA_KEEP_MAX = 1 << 20     /* arena_reset does not hold on to more than this */
};

struct ArenaBlock {
    ArenaBlock *next; /* older */
    size_t size;      /* with this header */
};

_Static_assert(sizeof(ArenaBlock) % ARENA_ALIGN == 0, "data after the header is aligned");

/* Under AddressSanitizer what was not handed out, or was reset, may not be touched. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define arena_poison(ptr, size)   ASAN_POISON_MEMORY_REGION((ptr), (size))
#define arena_unpoison(ptr, size) ASAN_UNPOISON_MEMORY_REGION((ptr), (size))
enum { ARENA_GAP = ARENA_ALIGN };
#else
#define arena_poison(ptr, size)   ((void)(ptr), (void)(size))
#define arena_unpoison(ptr, size) ((void)(ptr), (void)(size))
enum { ARENA_GAP = 0 };
#endif

static char *block_data(ArenaBlock *b)
{
    return (char *)b + sizeof *b;
}

static char *block_end(ArenaBlock *b)
{
    return (char *)b + b->size;
}

static void arena_use(Arena *a, ArenaBlock *b, char *cur)
{
    a->head = b;
    a->cur = cur;
    a->end = b ? block_end(b) : NULL;
    if (b)
        arena_poison(cur, (size_t)(a->end - cur));
}

void arena_init(Arena *a, Budget *budget)
{
    *a = (Arena){.budget = budget};
}

static void arena_drop(Arena *a, ArenaBlock *b)
{
    a->used -= b->size;
    if (a->budget)
        budget_charge(a->budget, -(int64_t)b->size);
    arena_unpoison(b, b->size);
    mem_free(b);
}

/* Frees blocks from the newest down to `stop`. */
static void arena_drop_until(Arena *a, const ArenaBlock *stop)
{
    while (a->head != stop) {
        ArenaBlock *b = a->head;
        must(b != NULL);
        a->head = b->next;
        arena_drop(a, b);
    }
}

void arena_reset(Arena *a)
{
    ArenaBlock *keep = a->head;
    if (keep && keep->size <= ARENA_KEEP_MAX) {
        a->head = keep->next;
        arena_drop_until(a, NULL);
        keep->next = NULL;
        arena_use(a, keep, block_data(keep));
    } else {
        arena_free(a);
    }
}

void arena_free(Arena *a)
{
    arena_drop_until(a, NULL);
    arena_use(a, NULL, NULL);
}

static size_t arena_round(size_t size)
{
    must(size <= PTRDIFF_MAX / 2);
    return (size + ARENA_GAP + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
}

/* Size of the block that a request of `size` rounded bytes needs; 0: it fits into the current. */
static size_t arena_block_needed(const Arena *a, size_t size)
{
    if (size <= (size_t)(a->end - a->cur))
        return 0;
    size_t block = a->head ? a->head->size * 2 : ARENA_BLOCK_MIN;
    if (block > ARENA_BLOCK_MAX)
        block = ARENA_BLOCK_MAX;
    if (block < size + sizeof(ArenaBlock))
        block = size + sizeof(ArenaBlock);
    return block;
}

static void arena_grow(Arena *a, size_t block_size)
{
    ArenaBlock *b = mem_alloc(block_size);
    b->next = a->head;
    b->size = block_size;
    a->used += block_size;
    if (a->budget)
        budget_charge(a->budget, (int64_t)block_size);
    arena_use(a, b, block_data(b));
}

void *arena_alloc(Arena *a, size_t size)
{
    size_t rounded = arena_round(size);
    size_t block = arena_block_needed(a, rounded);
    if (block > 0 || !a->cur)
        arena_grow(a, block > 0 ? block : ARENA_BLOCK_MIN);
    char *ptr = a->cur;
    a->cur += rounded;
    arena_unpoison(ptr, size);
    return ptr;
}

void *arena_zero(Arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

void *arena_try(Arena *a, size_t size, Err *e)
{
    if (size > PTRDIFF_MAX / 2) {
        err_set(e, ERR_OUT_OF_MEMORY, "%zu bytes of memory cannot be had", size);
        return NULL;
    }
    size_t block = arena_block_needed(a, arena_round(size));
    const Budget *over = budget_exceeded(a->budget, (int64_t)block);
    if (block > 0 && over) {
        budget_fail(over, (int64_t)block, e);
        return NULL;
    }
    return arena_alloc(a, size);
}

ArenaMark arena_mark(const Arena *a)
{
    return (ArenaMark){a->head, a->cur};
}

void arena_rewind(Arena *a, ArenaMark m)
{
    arena_drop_until(a, m.head);
    arena_use(a, m.head, m.cur);
}

Slice arena_slice(Arena *a, Slice s)
{
    return slice_of(arena_cstr(a, s), s.len);
}

char *arena_cstr(Arena *a, Slice s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

Slice arena_printf(Arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    must(len >= 0);
    char *text = arena_alloc(a, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return slice_of(text, (size_t)len);
}
