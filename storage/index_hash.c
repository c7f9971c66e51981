/* storage/index_hash.c - keyed hashes of canonical series keys -> ids, linear probing.
 *
 * The home of an entry is the high bits of its hash, so all entries with hashes in [a, b) lie
 * together however large the table is: a walk over the hashes in steps (a snapshot, the purge of
 * dropped series) goes on where it was although the table has grown in between. */
#include "storage/index_private.h"

enum { HASH_BITS_MIN = 10 };

static void hash_make(HashTable *h, unsigned bits)
{
    *h = (HashTable){.mask = ((size_t)1 << bits) - 1, .shift = 64 - bits};
    h->slots = mem_zero_spread((h->mask + 1) * sizeof *h->slots);
}

void hash_init(HashTable *h)
{
    hash_make(h, HASH_BITS_MIN);
}

static void hash_place(HashTable *h, HashSlot s)
{
    size_t i = hash_home(h, s.lo);
    while (h->slots[i].id)
        i = (i + 1) & h->mask;
    h->slots[i] = s;
    h->count++;
}

static void hash_grow(HashTable *h)
{
    HashTable grown;
    hash_make(&grown, 64 - h->shift + 1);
    for (size_t i = 0; i <= h->mask; i++)
        if (h->slots[i].id)
            hash_place(&grown, h->slots[i]);
    mem_free(h->slots);
    *h = grown;
}

static bool hash_full(const HashTable *h, size_t count)
{
    return count * 3 >= h->mask * 2;
}

/* Of an empty table. */
void hash_reserve(HashTable *h, size_t count)
{
    unsigned bits = 64 - h->shift;
    must(h->count == 0);
    while (count * 3 >= (((size_t)1 << bits) - 1) * 2)
        bits++;
    mem_free(h->slots);
    hash_make(h, bits);
}

void hash_put(HashTable *h, HashSlot s)
{
    if (hash_full(h, h->count))
        hash_grow(h);
    hash_place(h, s);
}

/* Those behind move up, so that no search ends too early. */
void hash_delete_at(HashTable *h, size_t i)
{
    for (size_t k = (i + 1) & h->mask; h->slots[k].id; k = (k + 1) & h->mask) {
        size_t home = hash_home(h, h->slots[k].lo);
        if (((k - home) & h->mask) < ((k - i) & h->mask))
            continue; /* its home lies behind the gap */
        h->slots[i] = h->slots[k];
        i = k;
    }
    h->slots[i] = (HashSlot){0};
    h->count--;
}
