/* storage/index_raw.c - raw tag bytes as a client sent them -> series: a cache that takes no lock to read.
 *
 * An entry lies in one of four neighbouring cache lines of four slots each, its own first; where all
 * are full one is overwritten.  Only lookups are concurrent, changes need the index's lock.  A slot is changed
 * by clearing `tag`, then `lo`, then the new `tag`: a reader takes what it found only if `tag` is the
 * same before and after it read `lo`.
 * The slots never move: address space is reserved once, and doubling copies the entries whose next
 * bit is set into the upper half before readers hear of it.  Pages that are not touched cost nothing,
 * and all can be given back at any time: what is not found is parsed and interned. */
#include "storage/index_private.h"

#include <sys/mman.h>

enum {
    LINE = 4, /* slots of a cache line */
    WINDOW = 4 * LINE,
    SLOTS_MIN = 1 << 12,
    FIND_GROUP = 16,
    HUGE_MIN = 2 << 20,
    PER_SERIES = 2, /* ways in which clients may write one series; more push each other out */
};
#define SLOTS_MAX ((size_t)1 << 26) /* 1 GiB of addresses, if there are so many */

_Static_assert(sizeof(RawSlot) * LINE == 64, "a cache line");

void raw_init(RawCache *c)
{
    void *mem = MAP_FAILED;
    for (c->slots_max = SLOTS_MAX; c->slots_max >= SLOTS_MIN; c->slots_max /= 2) {
        mem = mmap(NULL, c->slots_max * sizeof(RawSlot), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mem != MAP_FAILED)
            break;
    }
    must(mem != MAP_FAILED);
    c->slots = mem;
    c->count = 0;
    atomic_init(&c->mask, SLOTS_MIN - 1);
}

void raw_free(RawCache *c)
{
    munmap(c->slots, c->slots_max * sizeof(RawSlot));
}

/* Untouched pages read as zeros again: free slots. */
void raw_forget(RawCache *c)
{
    size_t used = (atomic_load_explicit(&c->mask, memory_order_relaxed) + 1) * sizeof(RawSlot);
    must(madvise(c->slots, used, MADV_DONTNEED) == 0);
    atomic_store_explicit(&c->mask, SLOTS_MIN - 1, memory_order_release);
    c->count = 0;
}

static inline uint64_t raw_tag(Hash128 hash, uint32_t id)
{
    return hash.hi << 32 | id;
}

static inline size_t raw_home(Hash128 hash, size_t mask)
{
    return (size_t)hash.lo & mask & ~(size_t)(LINE - 1);
}

static inline uint32_t line_find(RawSlot *line, Hash128 hash)
{
    for (size_t i = 0; i < LINE; i++) {
        uint64_t tag = atomic_load_explicit(&line[i].tag, memory_order_acquire);
        if (tag >> 32 != (uint32_t)hash.hi || !(uint32_t)tag)
            continue;
        if (atomic_load_explicit(&line[i].lo, memory_order_acquire) == hash.lo &&
            atomic_load_explicit(&line[i].tag, memory_order_relaxed) == tag)
            return (uint32_t)tag;
    }
    return 0;
}

static inline uint32_t raw_find(const RawCache *c, Hash128 hash, size_t mask)
{
    size_t home = raw_home(hash, mask);
    uint32_t id = 0;
    for (size_t line = 0; line < WINDOW && !id; line += LINE)
        id = line_find(&c->slots[home ^ line], hash);
    return id;
}

static void slot_set(RawSlot *s, uint64_t lo, uint64_t tag)
{
    atomic_store_explicit(&s->tag, 0, memory_order_relaxed);
    atomic_store_explicit(&s->lo, lo, memory_order_release);
    atomic_store_explicit(&s->tag, tag, memory_order_release);
}

static void raw_grow(RawCache *c)
{
    size_t mask = atomic_load_explicit(&c->mask, memory_order_relaxed), half = mask + 1;
    if (half * sizeof(RawSlot) >= HUGE_MIN) /* pages that are all touched, at random */
        (void)!madvise(c->slots + half, half * sizeof(RawSlot), MADV_HUGEPAGE);
    for (size_t i = 0; i < half; i++) {
        uint64_t lo = atomic_load_explicit(&c->slots[i].lo, memory_order_relaxed);
        uint64_t tag = atomic_load_explicit(&c->slots[i].tag, memory_order_relaxed);
        if (tag && (lo & half))
            slot_set(&c->slots[half + i], lo, tag);
    }
    atomic_store_explicit(&c->mask, mask * 2 + 1, memory_order_release);
    for (size_t i = 0; i < half; i++) {
        uint64_t lo = atomic_load_explicit(&c->slots[i].lo, memory_order_relaxed);
        if (lo & half)
            slot_set(&c->slots[i], 0, 0);
    }
}

void raw_put(RawCache *c, Hash128 hash, uint32_t id, uint64_t series_count)
{
    size_t mask = atomic_load_explicit(&c->mask, memory_order_relaxed);
    if (raw_find(c, hash, mask))
        return;
    bool more = c->count < series_count * PER_SERIES || c->count < SLOTS_MIN;
    if (c->count * 8 > mask * 5 && more && mask + 1 < c->slots_max) {
        raw_grow(c);
        mask = mask * 2 + 1;
    }
    size_t home = raw_home(hash, mask);
    for (size_t i = 0; i < WINDOW; i++) { /* its own line first */
        RawSlot *s = &c->slots[home ^ i];
        if (!atomic_load_explicit(&s->tag, memory_order_relaxed)) {
            slot_set(s, hash.lo, raw_tag(hash, id));
            c->count++;
            return;
        }
    }
    size_t any = (size_t)(hash.hi >> 32) & (WINDOW - 1);
    slot_set(&c->slots[home ^ any], hash.lo, raw_tag(hash, id));
}

Hash128 idx_raw_hash(const SeriesIndex *idx, TableId table, Slice raw)
{
    return hash128(raw.ptr, raw.len, hash_mix(idx->hash_key, table));
}

void idx_find_raw(SeriesIndex *idx, const Hash128 *raw, SeriesId *out, size_t n)
{
    const RawCache *c = &idx->raw;
    size_t mask = atomic_load_explicit(&c->mask, memory_order_acquire);
    for (size_t begin = 0; begin < n; begin += FIND_GROUP) {
        size_t end = n - begin < FIND_GROUP ? n : begin + FIND_GROUP;
        for (size_t i = begin; i < end; i++)
            __builtin_prefetch(&c->slots[raw_home(raw[i], mask)]);
        for (size_t i = begin; i < end; i++) {
            uint32_t local = raw_find(c, raw[i], mask);
            out[i] = local ? series_id_make(idx->shard, local) : 0;
        }
    }
}

void idx_forget_raw(SeriesIndex *idx)
{
    idx_write_lock(idx);
    raw_forget(&idx->raw);
    idx_unlock(idx);
}
