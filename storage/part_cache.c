/* storage/part_cache.c - decoded directory blocks: shared by readers, bounded by a budget.
 *
 * A block is decoded when it is first taken and stays until the cache is over its limit; then those
 * not taken since the last round go.  Readers take no lock: a reader counts itself in at the
 * block (users) before it loads the pointer, so a block whose pointer was taken away is freed
 * once nobody is counted in.  Blocks of parts without a cache live as long as their part. */
#include "storage/part_private.h"

#define CACHE_BYTES_DEFAULT (INT64_C(64) << 20)

struct PartCache {
    Budget *budget; /* charged; may be NULL */
    int64_t limit;
    _Atomic int64_t bytes;
    Mutex mutex; /* RANK_LEAF: the last reader of a part may hold any other lock */
    /* these need the mutex */
    BlockDir *oldest, *newest; /* decoded, by age */
    BlockDir *retired;         /* taken away, but maybe still in use */
};

PartCache *part_cache_new(Budget *budget)
{
    PartCache *c = MEM_NEW(PartCache);
    c->budget = budget;
    c->limit = budget && budget->limit ? budget->limit : CACHE_BYTES_DEFAULT;
    mutex_init(&c->mutex, RANK_LEAF);
    return c;
}

void part_cache_free(PartCache *c)
{
    if (!c)
        return;
    must(!c->oldest && !c->retired);
    mutex_destroy(&c->mutex);
    mem_free(c);
}

int64_t part_cache_bytes(const PartCache *c)
{
    return atomic_load_explicit(&c->bytes, memory_order_relaxed);
}

static void charge(PartCache *c, int64_t bytes)
{
    atomic_fetch_add_explicit(&c->bytes, bytes, memory_order_relaxed);
    if (c->budget)
        budget_charge(c->budget, bytes);
}

static void list_add(PartCache *c, BlockDir *d)
{
    d->next = NULL;
    d->prev = c->newest;
    *(d->prev ? &d->prev->next : &c->oldest) = d;
    c->newest = d;
}

static void list_remove(PartCache *c, BlockDir *d)
{
    *(d->prev ? &d->prev->next : &c->oldest) = d->next;
    *(d->next ? &d->next->prev : &c->newest) = d->prev;
}

static void release(PartCache *c, BlockDir *d)
{
    charge(c, -atomic_load(&d->bytes));
    dir_free(d);
}

/* Frees what was taken away from readers that have left since. */
static void free_retired(PartCache *c)
{
    for (BlockDir **at = &c->retired; *at;) {
        BlockDir *d = *at;
        if (!crowd_empty(d->block->users)) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        release(c, d);
    }
}

/* Second chance: who was taken since the last look stays for another round. */
static void trim(PartCache *c)
{
    mutex_lock(&c->mutex);
    int64_t going = 0;
    for (const BlockDir *d = c->retired; d; d = d->next)
        going += atomic_load(&d->bytes);
    BlockDir *last = c->newest;
    for (BlockDir *d = c->oldest, *next; d && part_cache_bytes(c) - going > c->limit; d = next) {
        next = d == last ? NULL : d->next;
        list_remove(c, d);
        if (atomic_exchange(&d->hot, 0)) {
            list_add(c, d);
            continue;
        }
        atomic_store(&d->block->dir, NULL);
        d->next = c->retired;
        c->retired = d;
        going += atomic_load(&d->bytes);
    }
    free_retired(c);
    mutex_unlock(&c->mutex);
}

void part_cache_grow(const Part *p, BlockDir *d, size_t bytes)
{
    PartCache *c = p->source->cache;
    atomic_fetch_add(&d->bytes, (int64_t)bytes);
    if (!c)
        return;
    charge(c, (int64_t)bytes);
    if (part_cache_bytes(c) > c->limit)
        trim(c);
}

/* The caller is counted in at the block, and made it current. */
void part_cache_add(const Part *p, Block *b, BlockDir *d)
{
    PartCache *c = p->source->cache;
    d->block = b;
    if (!c)
        return;
    mutex_lock(&c->mutex);
    list_add(c, d);
    mutex_unlock(&c->mutex);
    charge(c, atomic_load(&d->bytes));
    if (part_cache_bytes(c) > c->limit)
        trim(c);
}

/* Nobody reads the part any more. */
void part_cache_forget(Part *p)
{
    PartCache *c = p->source->cache;
    if (c)
        mutex_lock(&c->mutex);
    for (size_t i = 0; i < p->block_count; i++) {
        BlockDir *d = atomic_load(&p->blocks[i].dir);
        if (d && c)
            list_remove(c, d);
        if (d && c)
            release(c, d);
        else
            dir_free(d);
    }
    if (!c)
        return;
    free_retired(c);
    mutex_unlock(&c->mutex);
}
