/* storage/index.c - the series index: interning, lookup by hash, tags of a series.
 *
 * The common path of a write is idx_find_raw: one shared lock for a group of rows, slots
 * prefetched before they are compared.  Interning sorts the tags, hashes (table, column, value)*
 * and looks again under the exclusive lock, so that exactly one caller makes a series.
 * What the raw table holds is only a cache and may be dropped at any time. */
#include "storage/index_private.h"

enum {
    HASH_SLOTS_MIN = 1024,
    TABLE_SLOTS_MIN = 64,
    FIND_GROUP = 16,
    TAGS_SMALL = 32,
    RAW_ENTRIES_MIN = 1 << 16,
    RAW_PER_SERIES = 4, /* ways in which clients may write one series */
};

/* ---- lock ---- */

void idx_read_lock(SeriesIndex *idx)
{
    int rc = pthread_rwlock_rdlock(&idx->lock);
    must(rc == 0);
}

void idx_write_lock(SeriesIndex *idx)
{
    int rc = pthread_rwlock_wrlock(&idx->lock);
    must(rc == 0);
}

void idx_unlock(SeriesIndex *idx)
{
    int rc = pthread_rwlock_unlock(&idx->lock);
    must(rc == 0);
}

/* ---- hash tables ---- */

static void hash_init(HashTable *h)
{
    h->slots = mem_zero(HASH_SLOTS_MIN * sizeof *h->slots);
    h->mask = HASH_SLOTS_MIN - 1;
    h->count = 0;
}

static inline bool slot_is(const HashSlot *s, Hash128 hash)
{
    return s->lo == hash.lo && s->hi == (uint32_t)hash.hi;
}

static void hash_place(HashTable *h, HashSlot s)
{
    size_t i = s.lo & h->mask;
    while (h->slots[i].id)
        i = (i + 1) & h->mask;
    h->slots[i] = s;
}

static void hash_put(HashTable *h, Hash128 hash, uint32_t id)
{
    if (h->count * 3 >= h->mask * 2) {
        HashTable grown = {.mask = h->mask * 2 + 1};
        grown.slots = mem_zero((grown.mask + 1) * sizeof *grown.slots);
        for (size_t i = 0; i <= h->mask; i++)
            if (h->slots[i].id)
                hash_place(&grown, h->slots[i]);
        grown.count = h->count;
        mem_free(h->slots);
        *h = grown;
    }
    hash_place(h, (HashSlot){hash.lo, (uint32_t)hash.hi, id});
    h->count++;
}

static uint32_t hash_find(const HashTable *h, Hash128 hash)
{
    for (size_t i = hash.lo & h->mask; h->slots[i].id; i = (i + 1) & h->mask)
        if (slot_is(&h->slots[i], hash))
            return h->slots[i].id;
    return 0;
}

/* ---- life ---- */

SeriesIndex *idx_new(uint32_t shard, uint64_t hash_key)
{
    SeriesIndex *idx = MEM_NEW(SeriesIndex);
    idx->shard = shard;
    idx->hash_key = hash_key;
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&idx->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    hash_init(&idx->by_key);
    hash_init(&idx->by_raw);
    idx->table_slots = mem_zero(TABLE_SLOTS_MIN * sizeof *idx->table_slots);
    idx->table_mask = TABLE_SLOTS_MIN - 1;
    idx->key_set_slots = mem_zero(TABLE_SLOTS_MIN * sizeof *idx->key_set_slots);
    idx->key_set_mask = TABLE_SLOTS_MIN - 1;
    arena_init(&idx->text_memory, NULL);
    return idx;
}

static void table_free(TableIndex *t)
{
    for (uint32_t i = 0; i < t->dict_count; i++)
        dict_free(t->dicts[i]);
    for (KeySet *k = t->key_sets; k; k = k->next)
        roaring_bitmap_free(k->series);
    roaring_bitmap_free(t->all);
    mem_free(t->dicts);
    mem_free(t);
}

void idx_free(SeriesIndex *idx)
{
    if (!idx)
        return;
    for (size_t i = 0; i <= idx->table_mask; i++)
        if (idx->table_slots[i])
            table_free(idx->table_slots[i]);
    for (size_t i = 0; i < idx->record_chunks; i++)
        mem_free(idx->records[i]);
    for (size_t i = 0; i < idx->code_chunks; i++)
        mem_free(idx->codes[i]);
    mem_free(idx->by_key.slots);
    mem_free(idx->by_raw.slots);
    mem_free(idx->records);
    mem_free(idx->codes);
    mem_free(idx->table_slots);
    mem_free(idx->key_sets);
    mem_free(idx->key_set_slots);
    arena_free(&idx->text_memory);
    pthread_rwlock_destroy(&idx->lock);
    mem_free(idx);
}

void idx_limits(SeriesIndex *idx, uint64_t per_table, uint64_t total)
{
    idx_write_lock(idx);
    idx->limit_table = per_table;
    idx->limit_total = total;
    idx_unlock(idx);
}

/* ---- tables and key sets ---- */

static size_t table_slot(TableIndex *const *slots, size_t mask, TableId table)
{
    size_t i = hash_mix(table, 0) & mask;
    while (slots[i] && slots[i]->id != table)
        i = (i + 1) & mask;
    return i;
}

TableIndex *idx_table_find(const SeriesIndex *idx, TableId table)
{
    return idx->table_slots[table_slot(idx->table_slots, idx->table_mask, table)];
}

static void table_slots_grow(SeriesIndex *idx)
{
    size_t mask = idx->table_mask * 2 + 1;
    TableIndex **slots = mem_zero((mask + 1) * sizeof *slots);
    for (size_t i = 0; i <= idx->table_mask; i++)
        if (idx->table_slots[i])
            slots[table_slot(slots, mask, idx->table_slots[i]->id)] = idx->table_slots[i];
    mem_free(idx->table_slots);
    idx->table_slots = slots;
    idx->table_mask = mask;
}

static TableIndex *table_intern(SeriesIndex *idx, TableId table)
{
    TableIndex *t = idx_table_find(idx, table);
    if (t)
        return t;
    if (idx->table_count * 2 >= idx->table_mask)
        table_slots_grow(idx);
    t = MEM_NEW(TableIndex);
    t->id = table;
    t->all = roaring_bitmap_create();
    idx->table_slots[table_slot(idx->table_slots, idx->table_mask, table)] = t;
    idx->table_count++;
    idx->memory += sizeof *t;
    return t;
}

/* The first dictionary of a column >= this one. */
static uint32_t dict_position(const TableIndex *t, ColumnId column)
{
    uint32_t low = 0, high = t->dict_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (t->dicts[mid]->column < column)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

TagDict *table_dict(const TableIndex *t, ColumnId column)
{
    uint32_t i = dict_position(t, column);
    return i < t->dict_count && t->dicts[i]->column == column ? t->dicts[i] : NULL;
}

static TagDict *dict_of(SeriesIndex *idx, TableIndex *t, ColumnId column)
{
    uint32_t i = dict_position(t, column);
    if (i < t->dict_count && t->dicts[i]->column == column)
        return t->dicts[i];
    if (t->dict_count == t->dict_cap) {
        t->dict_cap = t->dict_cap * 2 + 4;
        t->dicts = mem_realloc(t->dicts, t->dict_cap * sizeof(TagDict *));
    }
    memmove(t->dicts + i + 1, t->dicts + i, (t->dict_count - i) * sizeof(TagDict *));
    t->dicts[i] = dict_new(t->id, column);
    t->dict_count++;
    idx->memory += sizeof(TagDict);
    return t->dicts[i];
}

static void key_set_slots_grow(SeriesIndex *idx)
{
    size_t mask = idx->key_set_mask * 2 + 1;
    uint32_t *slots = mem_zero((mask + 1) * sizeof *slots);
    for (size_t k = 0; k < idx->key_set_count; k++) {
        size_t i = idx->key_sets[k]->hash & mask;
        while (slots[i])
            i = (i + 1) & mask;
        slots[i] = (uint32_t)k + 1;
    }
    mem_free(idx->key_set_slots);
    idx->key_set_slots = slots;
    idx->key_set_mask = mask;
}

static bool key_set_is(const KeySet *k, TableId table, const Tag *tags, size_t n)
{
    if (k->table->id != table || k->count != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (k->dicts[i]->column != tags[i].column)
            return false;
    return true;
}

static KeySet *key_set_intern(SeriesIndex *idx, TableId table, const Tag *tags, size_t n)
{
    uint64_t hash = hash_mix(table, n);
    for (size_t i = 0; i < n; i++)
        hash = hash_mix(hash, tags[i].column);
    size_t i = hash & idx->key_set_mask;
    for (; idx->key_set_slots[i]; i = (i + 1) & idx->key_set_mask) {
        KeySet *k = idx->key_sets[idx->key_set_slots[i] - 1];
        if (k->hash == hash && key_set_is(k, table, tags, n))
            return k;
    }
    KeySet *k = arena_alloc(&idx->text_memory, sizeof *k + n * sizeof k->dicts[0]);
    *k = (KeySet){.table = table_intern(idx, table), .hash = hash, .count = (uint32_t)n};
    k->series = roaring_bitmap_create();
    k->next = k->table->key_sets;
    k->table->key_sets = k;
    for (size_t t = 0; t < n; t++)
        k->dicts[t] = dict_of(idx, k->table, tags[t].column);
    if (idx->key_set_count == idx->key_set_cap) {
        idx->key_set_cap = idx->key_set_cap * 2 + 16;
        idx->key_sets = mem_realloc(idx->key_sets, idx->key_set_cap * sizeof *idx->key_sets);
    }
    idx->key_sets[idx->key_set_count++] = k;
    k->number = (uint32_t)idx->key_set_count;
    idx->key_set_slots[i] = k->number;
    if (idx->key_set_count * 2 >= idx->key_set_mask)
        key_set_slots_grow(idx);
    return k;
}

/* ---- series records ---- */

static SeriesRecord *record_place(SeriesIndex *idx, uint32_t id)
{
    size_t chunk = id >> RECORD_CHUNK_BITS;
    if (chunk >= idx->record_cap) {
        size_t cap = chunk + 16 + idx->record_cap;
        idx->records = mem_realloc(idx->records, cap * sizeof *idx->records);
        idx->record_cap = cap;
    }
    while (idx->record_chunks <= chunk)
        idx->records[idx->record_chunks++] = NULL;
    if (!idx->records[chunk])
        idx->records[chunk] = mem_zero(RECORD_CHUNK * sizeof(SeriesRecord));
    return &idx->records[chunk][id & (RECORD_CHUNK - 1)];
}

static inline uint32_t *codes_at(const SeriesIndex *idx, uint32_t place)
{
    return idx->codes[place >> CODE_CHUNK_BITS] + (place & (CODE_CHUNK - 1));
}

static uint32_t codes_place(SeriesIndex *idx, size_t n)
{
    size_t left = idx->code_chunks * CODE_CHUNK - idx->code_used;
    if (n > left) { /* codes of one series lie together */
        if (idx->code_chunks == idx->code_cap) {
            idx->code_cap = idx->code_cap * 2 + 16;
            idx->codes = mem_realloc(idx->codes, idx->code_cap * sizeof *idx->codes);
        }
        idx->code_used = idx->code_chunks * CODE_CHUNK;
        idx->codes[idx->code_chunks++] = mem_alloc(CODE_CHUNK * sizeof(uint32_t));
    }
    uint32_t place = (uint32_t)idx->code_used;
    idx->code_used += n;
    return place;
}

const KeySet *idx_series(const SeriesIndex *idx, SeriesId id, const uint32_t **codes)
{
    uint32_t local = series_id_local(id);
    if (id >> 32 != idx->shard || local == 0 || local > idx->last)
        return NULL;
    const SeriesRecord *chunk = idx->records[local >> RECORD_CHUNK_BITS];
    if (!chunk || !chunk[local & (RECORD_CHUNK - 1)].key_set)
        return NULL;
    const SeriesRecord *r = &chunk[local & (RECORD_CHUNK - 1)];
    const KeySet *k = idx->key_sets[r->key_set - 1];
    static const uint32_t none;
    *codes = k->count ? codes_at(idx, r->codes) : &none;
    return k;
}

/* ---- interning ---- */

typedef struct SeriesKey { /* tags in canonical form */
    TableId table;
    Tag *tags;
    size_t count;
    Hash128 hash;
    Tag small[TAGS_SMALL];
} SeriesKey;

static int tag_compare(const void *a, const void *b)
{
    return (int)((const Tag *)a)->column - (int)((const Tag *)b)->column;
}

static bool tags_ascend(const Tag *tags, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (tags[i - 1].column >= tags[i].column)
            return false;
    return true;
}

static Hash128 key_hash(const SeriesIndex *idx, TableId table, const Tag *tags, size_t n)
{
    char small[1024];
    size_t size = sizeof table;
    for (size_t i = 0; i < n; i++)
        size += sizeof(ColumnId) + sizeof(uint32_t) + tags[i].value.len;
    char *bytes = size <= sizeof small ? small : mem_alloc(size), *p = bytes;
    memcpy(p, &table, sizeof table);
    p += sizeof table;
    for (size_t i = 0; i < n; i++) {
        uint32_t len = (uint32_t)tags[i].value.len;
        memcpy(p, &tags[i].column, sizeof(ColumnId));
        memcpy(p + sizeof(ColumnId), &len, sizeof len);
        memcpy(p + sizeof(ColumnId) + sizeof len, tags[i].value.ptr, len);
        p += sizeof(ColumnId) + sizeof len + len;
    }
    Hash128 hash = hash128(bytes, size, idx->hash_key);
    if (bytes != small)
        mem_free(bytes);
    return hash;
}

static void key_free(SeriesKey *k)
{
    if (k->tags != k->small)
        mem_free(k->tags);
}

/* Sorts by column, leaves out empty values. */
static bool key_make(SeriesKey *k, const SeriesIndex *idx, TableId table, const Tag *tags, size_t n,
                     Err *e)
{
    k->table = table;
    k->count = 0;
    k->tags = n <= TAGS_SMALL ? k->small : mem_alloc(n * sizeof(Tag));
    for (size_t i = 0; i < n; i++)
        if (tags[i].value.len)
            k->tags[k->count++] = tags[i];
    if (!tags_ascend(k->tags, k->count)) {
        qsort(k->tags, k->count, sizeof(Tag), tag_compare);
        if (!tags_ascend(k->tags, k->count)) {
            key_free(k);
            return err_set(e, ERR_INVALID_PARAMETER, "a tag is given twice");
        }
    }
    if (k->count > COLUMNS_MAX) {
        key_free(k);
        return err_set(e, ERR_TOO_MANY_COLUMNS, "a series has %zu tags, at most %d are possible", n,
                       COLUMNS_MAX);
    }
    k->hash = key_hash(idx, table, k->tags, k->count);
    return true;
}

static bool series_is(const SeriesIndex *idx, uint32_t local, const SeriesKey *key)
{
    const uint32_t *codes;
    const KeySet *k = idx_series(idx, series_id_make(idx->shard, local), &codes);
    if (!k || !key_set_is(k, key->table, key->tags, key->count))
        return false;
    for (size_t i = 0; i < key->count; i++)
        if (!slice_eq(text_slice(k->dicts[i]->texts[codes[i] - 1]), key->tags[i].value))
            return false;
    return true;
}

static uint32_t key_find(const SeriesIndex *idx, const SeriesKey *key)
{
    const HashTable *h = &idx->by_key;
    for (size_t i = key->hash.lo & h->mask; h->slots[i].id; i = (i + 1) & h->mask)
        if (slot_is(&h->slots[i], key->hash) && series_is(idx, h->slots[i].id, key))
            return h->slots[i].id;
    return 0;
}

static void series_make(SeriesIndex *idx, uint32_t local, const SeriesKey *key)
{
    KeySet *k = key_set_intern(idx, key->table, key->tags, key->count);
    uint32_t place = codes_place(idx, key->count);
    for (size_t i = 0; i < key->count; i++) {
        uint32_t code = dict_intern(idx, k->dicts[i], key->tags[i].value);
        dict_add_series(idx, k->dicts[i], code, local);
        codes_at(idx, place)[i] = code;
    }
    *record_place(idx, local) = (SeriesRecord){k->number, place};
    bitmap_grow_add(k->table->all, ++k->table->series, local);
    bitmap_grow_add(k->series, ++k->series_count, local);
    hash_put(&idx->by_key, key->hash, local);
    idx->count++;
    if (local > idx->last)
        idx->last = local;
}

/* Says which tag of the table has most values: that is what made so many series. */
static bool limit_error(const SeriesIndex *idx, TableId table, uint64_t limit, Err *e)
{
    const TableIndex *t = idx_table_find(idx, table);
    const TagDict *most = NULL;
    for (uint32_t i = 0; t && i < t->dict_count; i++)
        if (!most || t->dicts[i]->count > most->count)
            most = t->dicts[i];
    err_set(e, ERR_LIMIT_EXCEEDED, "table %u cannot take a new series: the limit is %llu", table,
            (unsigned long long)limit);
    if (most)
        err_detail(e, "Tag column %u of this table has %u different values.", most->column,
                   most->count);
    return err_hint(
        e, "Leave tags out that have a new value with nearly every point, or raise the limit.");
}

static bool limits_check(const SeriesIndex *idx, TableId table, Err *e)
{
    const TableIndex *t = idx_table_find(idx, table);
    if (idx->limit_table && t && t->series >= idx->limit_table)
        return limit_error(idx, table, idx->limit_table, e);
    if (idx->limit_total && idx->count >= idx->limit_total)
        return limit_error(idx, table, idx->limit_total, e);
    if (idx->last >= UINT32_MAX - 1)
        return limit_error(idx, table, UINT32_MAX - 1, e);
    return true;
}

static void raw_remember(SeriesIndex *idx, const Hash128 *raw, uint32_t local)
{
    HashTable *h = &idx->by_raw;
    if (hash_find(h, *raw))
        return;
    if (h->count >= RAW_ENTRIES_MIN && h->count >= idx->count * RAW_PER_SERIES) {
        mem_free(h->slots);
        hash_init(h);
    }
    hash_put(h, *raw, local);
}

bool idx_intern(SeriesIndex *idx, TableId table, const Tag *tags, size_t n, const Hash128 *raw,
                SeriesId *id, bool *made, Err *e)
{
    SeriesKey key;
    bool ok = true;
    *made = false;
    if (!key_make(&key, idx, table, tags, n, e))
        return false;
    idx_read_lock(idx);
    uint32_t local = key_find(idx, &key);
    idx_unlock(idx);
    if (!local || raw) {
        idx_write_lock(idx);
        if (!local)
            local = key_find(idx, &key);
        if (!local && (ok = limits_check(idx, table, e))) {
            local = idx->last + 1;
            series_make(idx, local, &key);
            *made = true;
        }
        if (ok && raw)
            raw_remember(idx, raw, local);
        idx_unlock(idx);
    }
    *id = series_id_make(idx->shard, local);
    key_free(&key);
    return ok;
}

bool idx_restore_locked(SeriesIndex *idx, SeriesId id, TableId table, const Tag *tags, size_t n,
                        Err *e)
{
    SeriesKey key;
    uint32_t local = series_id_local(id);
    if (id >> 32 != idx->shard || !local || local == UINT32_MAX || !table)
        return err_set(e, ERR_DATA_CORRUPTED, "series %llx of table %u has a wrong id",
                       (unsigned long long)id, table);
    if (!key_make(&key, idx, table, tags, n, e))
        return false;
    const uint32_t *codes;
    bool ok = true;
    uint32_t known = key_find(idx, &key);
    if (known != local) {
        if (known)
            ok = err_set(e, ERR_DATA_CORRUPTED, "series %u of table %u has the tags of series %u",
                         local, table, known);
        else if (idx_series(idx, id, &codes))
            ok = err_set(e, ERR_DATA_CORRUPTED,
                         "series %u of table %u is there already with other tags", local, table);
        else
            series_make(idx, local, &key);
    }
    key_free(&key);
    return ok;
}

bool idx_restore(SeriesIndex *idx, SeriesId id, TableId table, const Tag *tags, size_t n, Err *e)
{
    idx_write_lock(idx);
    bool ok = idx_restore_locked(idx, id, table, tags, n, e);
    idx_unlock(idx);
    return ok;
}

/* ---- raw path ---- */

Hash128 idx_raw_hash(const SeriesIndex *idx, TableId table, Slice raw)
{
    return hash128(raw.ptr, raw.len, hash_mix(idx->hash_key, table));
}

void idx_find_raw(SeriesIndex *idx, const Hash128 *raw, SeriesId *out, size_t n)
{
    idx_read_lock(idx);
    const HashTable *h = &idx->by_raw;
    for (size_t begin = 0; begin < n; begin += FIND_GROUP) {
        size_t end = n - begin < FIND_GROUP ? n : begin + FIND_GROUP;
        for (size_t i = begin; i < end; i++)
            __builtin_prefetch(&h->slots[raw[i].lo & h->mask]);
        for (size_t i = begin; i < end; i++) {
            uint32_t local = hash_find(h, raw[i]);
            out[i] = local ? series_id_make(idx->shard, local) : 0;
        }
    }
    idx_unlock(idx);
}

/* ---- about a series ---- */

uint32_t key_set_place(const KeySet *k, ColumnId column)
{
    uint32_t low = 0, high = k->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (k->dicts[mid]->column < column)
            low = mid + 1;
        else
            high = mid;
    }
    return low < k->count && k->dicts[low]->column == column ? low : k->count;
}

TableId idx_table(SeriesIndex *idx, SeriesId id)
{
    const uint32_t *codes;
    idx_read_lock(idx);
    const KeySet *k = idx_series(idx, id, &codes);
    TableId table = k ? k->table->id : 0;
    idx_unlock(idx);
    return table;
}

size_t idx_tags(SeriesIndex *idx, SeriesId id, Tag *out, size_t max)
{
    const uint32_t *codes;
    idx_read_lock(idx);
    const KeySet *k = idx_series(idx, id, &codes);
    size_t count = k ? k->count : 0;
    for (size_t i = 0; i < count && i < max; i++)
        out[i] = (Tag){k->dicts[i]->column, text_slice(k->dicts[i]->texts[codes[i] - 1])};
    idx_unlock(idx);
    return count;
}

Slice idx_tag(SeriesIndex *idx, SeriesId id, ColumnId column)
{
    const uint32_t *codes;
    Slice value = SLICE_NONE;
    idx_read_lock(idx);
    const KeySet *k = idx_series(idx, id, &codes);
    uint32_t i = k ? key_set_place(k, column) : 0;
    if (k && i < k->count)
        value = text_slice(k->dicts[i]->texts[codes[i] - 1]);
    idx_unlock(idx);
    return value;
}

void idx_tag_codes(SeriesIndex *idx, ColumnId column, const SeriesId *ids, size_t n,
                   uint32_t *codes_out)
{
    const KeySet *last = NULL;
    uint32_t at = 0;
    idx_read_lock(idx);
    for (size_t i = 0; i < n; i++) {
        const uint32_t *codes;
        const KeySet *k = idx_series(idx, ids[i], &codes);
        if (k && k != last) {
            at = key_set_place(k, column);
            last = k;
        }
        codes_out[i] = k && at < k->count ? codes[at] : 0;
    }
    idx_unlock(idx);
}

uint32_t idx_tag_code(SeriesIndex *idx, SeriesId id, ColumnId column)
{
    uint32_t code;
    idx_tag_codes(idx, column, &id, 1, &code);
    return code;
}

uint32_t idx_code_count(SeriesIndex *idx, TableId table, ColumnId column)
{
    idx_read_lock(idx);
    const TableIndex *t = idx_table_find(idx, table);
    const TagDict *d = t ? table_dict(t, column) : NULL;
    uint32_t count = d ? d->count + 1 : 1;
    idx_unlock(idx);
    return count;
}

Slice idx_code_value(SeriesIndex *idx, TableId table, ColumnId column, uint32_t code)
{
    Slice value = SLICE_NONE;
    idx_read_lock(idx);
    const TableIndex *t = idx_table_find(idx, table);
    const TagDict *d = t ? table_dict(t, column) : NULL;
    if (d && code && code <= d->count)
        value = text_slice(d->texts[code - 1]);
    idx_unlock(idx);
    return value;
}

uint64_t idx_series_count(SeriesIndex *idx, TableId table)
{
    idx_read_lock(idx);
    const TableIndex *t = table ? idx_table_find(idx, table) : NULL;
    uint64_t count = !table ? idx->count : t ? t->series : 0;
    idx_unlock(idx);
    return count;
}

SeriesId idx_last(SeriesIndex *idx)
{
    idx_read_lock(idx);
    SeriesId id = idx->last ? series_id_make(idx->shard, idx->last) : 0;
    idx_unlock(idx);
    return id;
}

size_t idx_memory(SeriesIndex *idx)
{
    idx_read_lock(idx);
    size_t bytes = idx->memory + idx->text_memory.used +
                   (idx->by_key.mask + idx->by_raw.mask) * sizeof(HashSlot) +
                   idx->code_chunks * CODE_CHUNK * sizeof(uint32_t) +
                   (idx->last + 1) * sizeof(SeriesRecord);
    idx_unlock(idx);
    return bytes;
}
