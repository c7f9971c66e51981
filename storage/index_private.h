/* storage/index_private.h - the series index inside: dictionaries, key sets, series records.
 *
 * A series is 8 bytes (key set, place of its codes) and a u32 code for each tag; a key set is a
 * table and its tag columns in ascending order, shared by all series that have just these.
 * A code stands for a value in the dictionary of (table, column) and has a posting: the ids of
 * its series.  Most values of a large dictionary have one series, so a posting starts as one
 * number, then a short array, then a Roaring bitmap.
 * Key sets, dictionaries, value texts and series records never move and never change while their
 * table lives; what grows (arrays of pointers, hash tables, postings) needs the lock.
 * A table that was dropped is first detached (nothing finds it any more), then, once nobody can
 * hold one of its ids or texts, taken apart step by step (index_table.c).
 *
 *   index.c           life, records, interning, tags of a series
 *   index_hash.c      key hash -> id          index_raw.c  hash of raw tag bytes -> id: a cache
 *   index_table.c     tables, key sets, what becomes of dropped ones
 *   index_limit.c     limits and their messages            index_stats.c   cardinality
 *   index_dict.c      values and postings                  index_select.c  sets of series
 *   index_cache.c     what regular expressions said about values
 *   index_persist.c   new series as bytes (log, .series)
 *   index_snapshot.c  the whole index as a file, piece by piece     index_load.c  reads it */
#ifndef SKULK_STORAGE_INDEX_PRIVATE_H
#define SKULK_STORAGE_INDEX_PRIVATE_H

#include "base/sync.h"
#include "storage/index.h"

#include <pthread.h>
#include <roaring/roaring.h>
#include <stdio.h>

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

typedef struct TextPool { /* texts lie in chunks that grow up to TEXT_CHUNK_MAX */
    char **chunks;
    uint32_t count, cap;
    char *cur;
    size_t left, bytes;
} TextPool;

typedef struct TagDict {
    TableId table;
    ColumnId column;
    uint32_t count, cap; /* codes 1..count */
    const char **texts;  /* [code - 1]: u32 length, bytes */
    Posting *postings;   /* [code - 1] */
    DictSlot *slots;
    uint32_t slot_mask;
    TextPool pool;
} TagDict;

typedef struct TableIndex {
    TableId id;
    ObjectId database; /* 0: not known yet */
    bool seen; /* in the catalog at a look, so that it is gone when it is not at a later one */
    uint64_t series;
    roaring_bitmap_t *all;
    struct KeySet *key_sets; /* a list */
    TagDict **dicts;         /* ascending by column */
    uint32_t dict_count, dict_cap;
    struct TableIndex *next; /* of the detached ones */
} TableIndex;

typedef struct KeySet {
    TableIndex *table;
    uint64_t hash;
    uint32_t number; /* from 1 */
    uint32_t count;
    bool gone;                /* its table is detached */
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

typedef struct HashTable { /* open addressing by the high bits: doubling keeps the order */
    HashSlot *slots;
    size_t mask, count;
    unsigned shift;
} HashTable;

typedef struct RawSlot {
    _Atomic uint64_t lo;
    _Atomic uint64_t tag; /* 32 more bits of the hash, id; 0: free */
} RawSlot;

typedef struct RawCache {
    RawSlot *slots; /* address space for slots_max */
    size_t slots_max, count;
    _Atomic size_t mask; /* of the slots in use */
} RawCache;

enum {
    RECORD_CHUNK_BITS = 12,
    RECORD_CHUNK = 1 << RECORD_CHUNK_BITS,
    CODE_CHUNK_BITS = 15,
    CODE_CHUNK = 1 << CODE_CHUNK_BITS, /* words; more than a series has tags */
    CODE_SIZES = 64,                   /* freed codes of series with fewer tags are used again */
};

typedef struct DatabaseSeries {
    ObjectId id;
    uint64_t series;
} DatabaseSeries;

typedef struct Tested { /* what a TAG_TEST said, gathered without the lock */
    Buf passed;         /* bool by code - 1 */
    size_t passes;
    bool absent_passes;
} Tested;

enum { TESTS_KEPT = 64 };
typedef struct TestKept {
    TableId table; /* 0: free */
    ColumnId column;
    Hash128 key;
    uint64_t used;
    Tested said;
} TestKept;

typedef struct TestCache {
    Mutex mutex;
    /* these need it */
    uint64_t clock;
    TestKept items[TESTS_KEPT];
} TestCache;

struct SeriesIndex {
    uint32_t shard;
    uint64_t hash_key; /* fixed once there are series */
    SeriesNames names; /* fixed at the start */
    Budget *budget;
    RawCache raw;
    TestCache tests;
    pthread_rwlock_t lock; /* all below, and to change raw; rank RANK_INDEX */
    HashTable by_key;
    SeriesRecord **records; /* chunks by id >> RECORD_CHUNK_BITS */
    size_t record_chunks, record_cap;
    uint32_t **codes; /* chunks of the pool */
    size_t code_chunks, code_cap;
    size_t code_used; /* words */
    uint32_t code_free
        [CODE_SIZES]; /* by number of words: place + 1 of one whose first word is the next */
    TableIndex **table_slots; /* open addressing by id */
    size_t table_mask, table_count;
    TableIndex *detached;
    bool purge_wanted;    /* the hash table may hold ids that are no more ... */
    uint64_t purge_from;  /* ... from this hash on ... */
    unsigned purge_shift; /* ... while the table has this size */
    KeySet **key_sets;    /* by number - 1 */
    size_t key_set_count, key_set_cap;
    uint32_t *key_set_slots; /* open addressing: number */
    size_t key_set_mask;
    DatabaseSeries *databases;
    size_t database_count;
    uint64_t count, limit_table, limit_database;
    TableId conflict;
    uint32_t last;            /* greatest id */
    Buf journal;              /* u32 ids in the order in which they were made ... */
    uint64_t journal_base;    /* ... after the first so many */
    roaring_bitmap_t *freed;  /* ids whose series is gone, but maybe not on disk */
    roaring_bitmap_t *usable; /* ids that are free on disk as well */
    unsigned snapshots;       /* being written: no id is given again, no table taken apart */
    size_t memory;            /* of postings and dictionaries, about */
    int64_t charged;
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

typedef struct SeriesKey { /* tags in canonical form: by column, no empty values */
    TableId table;
    const Tag *tags;
    size_t count;
    Hash128 hash;
} SeriesKey;
/* Series of the log under their old ids, at most RESTORE_GROUP; the hashes are filled in here.  The
 * lock is held for writing. */
enum { RESTORE_GROUP = 32 };
bool idx_restore_group(SeriesIndex *idx, SeriesKey *keys, const uint32_t *ids, size_t n,
                       Err *e) MUST_CHECK;
/* A series with these codes under this id, in every list but the hash table. */
void idx_put_series(SeriesIndex *idx, KeySet *k, uint32_t local, const uint32_t *codes);
uint32_t *idx_codes_place(SeriesIndex *idx, uint32_t n, uint32_t *place); /* room for a series */
SeriesRecord *idx_record(SeriesIndex *idx, uint32_t local);               /* makes it if needed */
size_t idx_memory_locked(const SeriesIndex *idx);
void idx_charge(SeriesIndex *idx); /* tells the budget */

static inline Slice text_slice(const char *text)
{
    uint32_t len;
    memcpy(&len, text, sizeof len);
    return (Slice){text + sizeof len, len};
}

/* ---- index_hash.c ---- */
void hash_init(HashTable *h);
void hash_reserve(HashTable *h, size_t count);
void hash_put(HashTable *h, HashSlot s);
void hash_delete_at(HashTable *h, size_t i);
static inline size_t hash_home(const HashTable *h, uint64_t lo)
{
    return (size_t)(lo >> h->shift);
}

/* ---- index_raw.c ---- */
void raw_init(RawCache *c);
void raw_free(RawCache *c);
void raw_put(RawCache *c, Hash128 hash, uint32_t id, uint64_t series_count);
void raw_forget(RawCache *c);

/* ---- index_cache.c ---- */
void tests_init(TestCache *c);
void tests_free(TestCache *c);
void tests_forget(TestCache *c);
bool tests_find(TestCache *c, TableId table, const TagMatch *m, Tested *out);
void tests_keep(TestCache *c, TableId table, const TagMatch *m, const Tested *said);

/* ---- index_table.c ---- */
TableIndex *table_intern(SeriesIndex *idx, TableId table);
void table_free(SeriesIndex *idx, TableIndex *t);
TagDict *table_dict_make(SeriesIndex *idx, TableIndex *t, ColumnId column);
typedef struct KeyColumns { /* tag columns of a series, ascending */
    TableId table;
    const ColumnId *columns;
    size_t count;
} KeyColumns;
KeySet *key_set_intern(SeriesIndex *idx, KeyColumns key);
bool key_set_is(const KeySet *k, TableId table, const Tag *tags, size_t n);
DatabaseSeries *idx_database(SeriesIndex *idx, ObjectId database);

/* ---- index_limit.c ---- */
typedef struct LimitHit {
    TableId table;
    uint64_t limit, series;
    bool of_database, warn; /* warn: it is only near */
    ColumnId column;        /* with most values; 0 = none */
    uint32_t values;
} LimitHit;
bool limit_hit(const SeriesIndex *idx, TableId table, LimitHit *out); /* a new series is too many */
bool limit_near(const SeriesIndex *idx, const TableIndex *t, LimitHit *out); /* it was just made */
/* Without the lock.  False with the error; a mere warning goes to the log. */
bool limit_error(const SeriesIndex *idx, const LimitHit *hit, Err *e);

/* ---- index_dict.c: dictionaries and postings ---- */
TagDict *dict_new(TableId table, ColumnId column);
size_t dict_free(TagDict *d); /* returns the bytes that it had */
void dict_reserve(SeriesIndex *idx, TagDict *d, uint32_t count);
uint32_t dict_intern(SeriesIndex *idx, TagDict *d, Slice value);
void dict_add_series(SeriesIndex *idx, TagDict *d, uint32_t code, uint32_t id);
void bitmap_or_posting(roaring_bitmap_t *bits, const Posting *p);
void bitmap_grow_add(roaring_bitmap_t *bits, uint64_t count_after, uint32_t id);

/* ---- index_snapshot.c, index_load.c: frames in this order; bytes in docs/format.md ---- */
enum { SNAPSHOT_VERSION = 1, SNAPSHOT_MAGIC_SIZE = 8, HASH_ENTRY_BYTES = 16 };
#define SNAPSHOT_MAGIC "SKULKSER"
typedef enum FrameKind {
    FRAME_HEAD = 1,
    FRAME_VALUES,
    FRAME_KEY_SETS,
    FRAME_CODES,
    FRAME_POSTINGS,
    FRAME_HASHES,
    FRAME_END,
} FrameKind;
/* The bytes are a bitmap in the portable format of Roaring, exactly: sorted, of numbers from 1 to max. */
bool bitmap_check(Slice bytes, uint32_t max, uint64_t *count);

#endif
