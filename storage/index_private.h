/* storage/index_private.h - the series index inside: dictionaries, key sets, series records.
 *
 * A series is 8 bytes (key set, place of its codes) and a u32 code for each tag; a key set is a
 * table and its tag columns in ascending order, shared by all series that have just these.
 * A code stands for a value in the dictionary of (table, column) and has a posting: the ids of
 * its series.  Most values of a large dictionary have one series, so a posting starts as one
 * number, then a short array, then a Roaring bitmap.
 * Key sets, dictionaries, value texts and series records never move and never change once an id
 * was given out; what grows (arrays of pointers, hash tables, postings) needs the lock. */
#ifndef SKULK_STORAGE_INDEX_PRIVATE_H
#define SKULK_STORAGE_INDEX_PRIVATE_H

#include "base/sync.h"
#include "storage/index.h"

#include <pthread.h>
#include <roaring/roaring.h>

enum { POSTING_FEW_MAX = 16 };

typedef struct Posting {
    uint32_t count;
    uint32_t one; /* count 1: the id; 2..POSTING_FEW_MAX: capacity of few */
    union {
        uint32_t *few; /* ascending, except after idx_restore out of order */
        roaring_bitmap_t *many;
    } u;
} Posting;

typedef struct DictSlot {
    uint32_t hash, code; /* code 0: free */
} DictSlot;

typedef struct TagDict {
    TableId table;
    ColumnId column;
    uint32_t count, cap; /* codes 1..count */
    const char **texts;  /* [code - 1]: u32 length, bytes */
    Posting *postings;   /* [code - 1] */
    DictSlot *slots;
    uint32_t slot_mask;
} TagDict;

typedef struct TableIndex {
    TableId id;
    uint64_t series;
    roaring_bitmap_t *all;
    struct KeySet *key_sets; /* a list */
    TagDict **dicts;         /* ascending by column */
    uint32_t dict_count, dict_cap;
} TableIndex;

typedef struct KeySet {
    TableIndex *table;
    uint64_t hash;
    uint32_t number; /* from 1 */
    uint32_t count;
    struct KeySet *next;      /* of the same table */
    roaring_bitmap_t *series; /* which series lack a tag is answered from these */
    uint64_t series_count;
    TagDict *dicts[]; /* ascending by column */
} KeySet;

typedef struct SeriesRecord {
    uint32_t key_set; /* 0: no such series */
    uint32_t codes;   /* place in the pool, in words */
} SeriesRecord;

typedef struct HashSlot { /* 96 of the 128 bits; the key of the hash is secret */
    uint64_t lo;
    uint32_t hi;
    uint32_t id; /* 0: free */
} HashSlot;

typedef struct HashTable {
    HashSlot *slots;
    size_t mask, count;
} HashTable;

enum {
    RECORD_CHUNK_BITS = 12,
    RECORD_CHUNK = 1 << RECORD_CHUNK_BITS,
    CODE_CHUNK_BITS = 15,
    CODE_CHUNK = 1 << CODE_CHUNK_BITS, /* words; more than a series has tags */
};

struct SeriesIndex {
    uint32_t shard;
    uint64_t hash_key;
    pthread_rwlock_t lock; /* all below; rank RANK_INDEX */
    HashTable by_key, by_raw;
    SeriesRecord **records; /* chunks by id >> RECORD_CHUNK_BITS */
    size_t record_chunks, record_cap;
    uint32_t **codes; /* chunks of the pool */
    size_t code_chunks, code_cap;
    size_t code_used;         /* words */
    TableIndex **table_slots; /* open addressing by id */
    size_t table_mask, table_count;
    KeySet **key_sets; /* by number - 1 */
    size_t key_set_count, key_set_cap;
    uint32_t *key_set_slots; /* open addressing: number */
    size_t key_set_mask;
    Arena text_memory; /* texts and key sets */
    char *text_cur;
    size_t text_left;
    uint64_t count, limit_table, limit_total;
    uint32_t last; /* greatest id */
    size_t memory; /* of postings and dictionaries, about */
};

struct SeriesSet {
    Ref ref;
    uint32_t shard;
    roaring_bitmap_t *bits;
    size_t count;
};

/* Makes a set of these; takes the bitmap. */
SeriesSet *set_take(uint32_t shard, roaring_bitmap_t *take_bits);

void idx_read_lock(SeriesIndex *idx);
void idx_write_lock(SeriesIndex *idx);
void idx_unlock(SeriesIndex *idx);

/* These need the lock. */
TableIndex *idx_table_find(const SeriesIndex *idx, TableId table);
TagDict *table_dict(const TableIndex *t, ColumnId column);
uint32_t dict_find(const SeriesIndex *idx, const TagDict *d, Slice value); /* 0: no such value */
/* Place of the column among the key set's tags, or its count. */
uint32_t key_set_place(const KeySet *k, ColumnId column);
const KeySet *idx_series(const SeriesIndex *idx, SeriesId id,
                         const uint32_t **codes); /* NULL: none */

/* As idx_restore; the lock is held for writing. */
bool idx_restore_locked(SeriesIndex *idx, SeriesId id, TableId table, const Tag *tags, size_t n,
                        Err *e) MUST_CHECK;

static inline Slice text_slice(const char *text)
{
    uint32_t len;
    memcpy(&len, text, sizeof len);
    return (Slice){text + sizeof len, len};
}

/* ---- index_dict.c: dictionaries and postings ---- */
TagDict *dict_new(TableId table, ColumnId column);
void dict_free(TagDict *d);
uint32_t dict_intern(SeriesIndex *idx, TagDict *d, Slice value);
void dict_add_series(SeriesIndex *idx, TagDict *d, uint32_t code, uint32_t id);
void bitmap_or_posting(roaring_bitmap_t *bits, const Posting *p);
void bitmap_grow_add(roaring_bitmap_t *bits, uint64_t count_after, uint32_t id);

#endif
