/* exec/hashtable.h - keys of any types to dense ids 0, 1, 2, ...: groups, join keys, distinct rows.
 *
 * Keys come as vectors and are hashed a column at a time.  NULL equals NULL here; joins drop
 * rows with NULL keys themselves.  Equality is the type's own (1.0 = 1.00, -0 = 0, NaN = NaN).
 * Key values are kept column-wise, so that output vectors borrow them.
 * Threads: belongs to one task. */
#ifndef SKULK_EXEC_HASHTABLE_H
#define SKULK_EXEC_HASHTABLE_H

#include "exec/vector.h"

#define HT_NONE UINT32_MAX

typedef enum KeyEq { KEY_EQ_BOOL, KEY_EQ_I64, KEY_EQ_F64, KEY_EQ_STR, KEY_EQ_TYPE } KeyEq;

typedef struct HtColumn {
    TypeId type;
    Phys phys;
    KeyEq eq;
    const TypeDef *def;
    char *data;      /* phys_size bytes a key */
    uint64_t *valid; /* bit a key */
    bool has_null;
} HtColumn;

typedef struct HtSlot {
    uint32_t id; /* + 1; 0 = free */
    uint32_t tag;
} HtSlot;

typedef struct HashTable {
    Arena arena; /* bytes of strings and other values that point somewhere */
    Budget *budget;
    HtColumn *cols;
    size_t col_count;
    HtSlot *slots;
    size_t slot_mask;
    uint64_t *hashes; /* of each key */
    size_t count, cap;
    int64_t charged;
} HashTable;

void ht_init(HashTable *t, const TypeId *types, size_t n, Budget *budget);
void ht_free(HashTable *t);
void ht_clear(HashTable *t); /* no keys; keeps its arrays */
/* ids[i] is the id of the i-th selected row (n <= BATCH_ROWS).  New keys take ids from count on, in
 * row order, so `ids[i] == next` with next counting up from the old count finds the new rows. */
void ht_put(HashTable *t, const Vector *keys, const uint16_t *sel, size_t n, uint32_t *ids);
void ht_find(const HashTable *t, const Vector *keys, const uint16_t *sel, size_t n, uint32_t *ids);
/* Keys [begin, begin + n) as a flat vector that borrows; begin is a multiple of 64. */
void ht_keys(const HashTable *t, size_t col, size_t begin, Vector *out);
size_t ht_bytes(const HashTable *t);
size_t ht_growth(const HashTable *t,
                 size_t n); /* bytes more, while its arrays grow, for n new keys */
/* Hashes of the selected rows, as the table has them. */
void ht_hash(uint64_t *hashes, const Vector *keys, size_t n_keys, const uint16_t *sel, size_t n);
/* Hash of one column into hashes[i] (combined unless first). */
void hash_vector(uint64_t *hashes, const Vector *v, const uint16_t *sel, size_t n, bool first);

#endif
