/* storage/index.c - the series index: interning, lookup by hash, tags of a series.
 *
 * The common path of a write is idx_find_raw (index_raw.c).  Interning sorts the tags, hashes
 * (table, column, value)* and looks again under the exclusive lock, so that exactly one caller
 * makes a series. */
#include "storage/index_private.h"

enum { TAGS_SMALL = 32, CHARGE_EVERY = 4096 };

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
    raw_init(&idx->raw);
    tests_init(&idx->tests);
    buf_init(&idx->journal);
    idx->freed = roaring_bitmap_create();
    idx->usable = roaring_bitmap_create();
    return idx;
}

void idx_free(SeriesIndex *idx)
{
    if (!idx)
        return;
    for (size_t i = 0; idx->table_slots && i <= idx->table_mask; i++)
        if (idx->table_slots[i])
            table_free(idx, idx->table_slots[i]);
    for (TableIndex *t = idx->detached, *next; t; t = next) {
        next = t->next;
        table_free(idx, t);
    }
    for (size_t i = 0; i < idx->record_chunks; i++)
        mem_free(idx->records[i]);
    for (size_t i = 0; i < idx->code_chunks; i++)
        mem_free(idx->codes[i]);
    if (idx->budget)
        budget_charge(idx->budget, -idx->charged);
    roaring_bitmap_free(idx->freed);
    roaring_bitmap_free(idx->usable);
    raw_free(&idx->raw);
    tests_free(&idx->tests);
    buf_free(&idx->journal);
    mem_free(idx->by_key.slots);
    mem_free(idx->records);
    mem_free(idx->codes);
    mem_free(idx->table_slots);
    mem_free(idx->key_sets);
    mem_free(idx->key_set_slots);
    mem_free(idx->databases);
    pthread_rwlock_destroy(&idx->lock);
    mem_free(idx);
}

void idx_limits(SeriesIndex *idx, uint64_t per_table, uint64_t per_database)
{
    idx_write_lock(idx);
    idx->limit_table = per_table;
    idx->limit_database = per_database;
    idx_unlock(idx);
}

void idx_set_names(SeriesIndex *idx, SeriesNames names, Budget *budget)
{
    idx->names = names;
    idx->budget = budget;
    idx_write_lock(idx);
    idx_charge(idx);
    idx_unlock(idx);
}

void idx_charge(SeriesIndex *idx)
{
    if (!idx->budget)
        return;
    int64_t now = (int64_t)idx_memory_locked(idx);
    budget_charge(idx->budget, now - idx->charged);
    idx->charged = now;
}

/* ---- series records ---- */

SeriesRecord *idx_record(SeriesIndex *idx, uint32_t id)
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

uint32_t *idx_codes_place(SeriesIndex *idx, uint32_t n, uint32_t *place)
{
    if (n && n < CODE_SIZES && idx->code_free[n]) { /* of a series that is no more */
        *place = idx->code_free[n] - 1;
        uint32_t *codes = codes_at(idx, *place);
        idx->code_free[n] = codes[0];
        return codes;
    }
    size_t left = idx->code_chunks * CODE_CHUNK - idx->code_used;
    if (n > left || !idx->code_chunks) { /* codes of one series lie together */
        if (idx->code_chunks == idx->code_cap) {
            idx->code_cap = idx->code_cap * 2 + 16;
            idx->codes = mem_realloc(idx->codes, idx->code_cap * sizeof *idx->codes);
        }
        idx->code_used = idx->code_chunks * CODE_CHUNK;
        idx->codes[idx->code_chunks++] = mem_alloc(CODE_CHUNK * sizeof(uint32_t));
    }
    *place = (uint32_t)idx->code_used;
    idx->code_used += n;
    return codes_at(idx, *place);
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

typedef struct SeriesBefore { /* made under the same lock; its tags are still there */
    KeySet *key_set;          /* NULL: there is none */
    const Tag *tags;
    uint32_t codes[COLUMNS_MAX];
} SeriesBefore;

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

static Hash128 key_hash(const SeriesIndex *idx, const SeriesKey *key)
{
    TableId table = key->table;
    const Tag *tags = key->tags;
    size_t n = key->count;
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

static void tags_free(Tag *tags, const Tag *small)
{
    if (tags != small)
        mem_free(tags);
}

/* Sorts by column, leaves out empty values.  *own: where the tags are then, `small` if they fit. */
static bool key_make(SeriesKey *k, Tag **own, Tag small[TAGS_SMALL], Err *e)
{
    const Tag *tags = k->tags;
    size_t n = k->count;
    Tag *to = *own = n <= TAGS_SMALL ? small : mem_alloc(n * sizeof(Tag));
    k->tags = to;
    k->count = 0;
    for (size_t i = 0; i < n; i++)
        if (tags[i].value.len)
            to[k->count++] = tags[i];
    if (!tags_ascend(to, k->count)) {
        qsort(to, k->count, sizeof(Tag), tag_compare);
        if (!tags_ascend(to, k->count)) {
            tags_free(to, small);
            return err_set(e, ERR_INVALID_PARAMETER, "a tag is given twice");
        }
    }
    if (k->count > COLUMNS_MAX) {
        tags_free(to, small);
        return err_set(e, ERR_TOO_MANY_COLUMNS, "a series has %zu tags, at most %d are possible", n,
                       COLUMNS_MAX);
    }
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

static inline void key_prefetch(const SeriesIndex *idx, const SeriesKey *key)
{
    __builtin_prefetch(&idx->by_key.slots[hash_home(&idx->by_key, key->hash.lo)]);
}

static uint32_t key_find(const SeriesIndex *idx, const SeriesKey *key)
{
    const HashTable *h = &idx->by_key;
    for (size_t i = hash_home(h, key->hash.lo); h->slots[i].id; i = (i + 1) & h->mask)
        if (h->slots[i].lo == key->hash.lo && h->slots[i].hi == (uint32_t)key->hash.hi &&
            series_is(idx, h->slots[i].id, key))
            return h->slots[i].id;
    return 0;
}

void idx_put_series(SeriesIndex *idx, KeySet *k, uint32_t local, const uint32_t *codes)
{
    uint32_t place, *own = idx_codes_place(idx, k->count, &place);
    memcpy(own, codes, k->count * sizeof *codes);
    for (uint32_t i = 0; i < k->count; i++)
        dict_add_series(idx, k->dicts[i], codes[i], local);
    *idx_record(idx, local) = (SeriesRecord){k->number, place};
    bitmap_grow_add(k->table->all, ++k->table->series, local);
    bitmap_grow_add(k->series, ++k->series_count, local);
    idx_database(idx, k->table->database)->series++;
    if (local > idx->last)
        idx->last = local;
    if (++idx->count % CHARGE_EVERY == 0)
        idx_charge(idx);
}

static KeySet *key_set_of(SeriesIndex *idx, const SeriesKey *key)
{
    ColumnId columns[COLUMNS_MAX];
    for (size_t i = 0; i < key->count; i++)
        columns[i] = key->tags[i].column;
    return key_set_intern(idx, (KeyColumns){key->table, columns, key->count});
}

/* What it has in common with the one before is not looked for again. */
static void series_make(SeriesIndex *idx, uint32_t local, const SeriesKey *key,
                        SeriesBefore *before)
{
    KeySet *k = before->key_set;
    bool alike = k && key_set_is(k, key->table, key->tags, key->count);
    if (!alike)
        k = key_set_of(idx, key);
    for (size_t i = 0; i < key->count; i++)
        if (!alike || !slice_eq(before->tags[i].value, key->tags[i].value))
            before->codes[i] = dict_intern(idx, k->dicts[i], key->tags[i].value);
    before->key_set = k;
    before->tags = key->tags;
    idx_put_series(idx, k, local, before->codes);
    hash_put(&idx->by_key, (HashSlot){key->hash.lo, (uint32_t)key->hash.hi, local});
    buf_put_u32(&idx->journal, local);
}

/* One that came free, else the next.  While a snapshot is being written it must be the next: the
 * snapshot tells by the id what it holds. */
static uint32_t free_id(SeriesIndex *idx)
{
    if (idx->snapshots || roaring_bitmap_is_empty(idx->usable))
        return idx->last + 1;
    uint32_t id = roaring_bitmap_minimum(idx->usable);
    roaring_bitmap_remove(idx->usable, id);
    return id;
}

/* The table's database, asked for without the lock, once a table. */
static void table_resolve(SeriesIndex *idx, TableId table)
{
    SeriesName name;
    if (!idx->names.find || !idx->names.find(idx->names.arg, table, 0, &name))
        return;
    idx_write_lock(idx);
    TableIndex *t = table_intern(idx, table);
    if (!t->database) {
        idx_database(idx, 0)->series -= t->series;
        idx_database(idx, name.database)->series += t->series;
        t->database = name.database;
    }
    idx_unlock(idx);
}

void idx_resolve_tables(SeriesIndex *idx)
{
    Buf tables;
    buf_init(&tables);
    idx_read_lock(idx);
    for (size_t i = 0; idx->table_slots && i <= idx->table_mask; i++)
        if (idx->table_slots[i] && !idx->table_slots[i]->database)
            buf_put_u32(&tables, idx->table_slots[i]->id);
    idx_unlock(idx);
    for (size_t i = 0; i < tables.len / sizeof(uint32_t); i++)
        table_resolve(idx, ((const uint32_t *)(const void *)tables.ptr)[i]);
    buf_free(&tables);
}

/* Under the exclusive lock: finds again, or makes.  0: the limit is reached; hit->limit: say so. */
static uint32_t find_or_make(SeriesIndex *idx, const SeriesKey *key, SeriesBefore *before,
                             bool *made, LimitHit *hit)
{
    uint32_t local = key_find(idx, key);
    if (local || limit_hit(idx, key->table, hit))
        return local;
    local = free_id(idx);
    series_make(idx, local, key, before);
    *made = true;
    limit_near(idx, idx_table_find(idx, key->table), hit);
    return local;
}

bool idx_intern(SeriesIndex *idx, TableId table, const Tag *tags, size_t n, const Hash128 *raw,
                SeriesId *id, bool *made, Err *e)
{
    SeriesKey key = {.table = table, .tags = tags, .count = n};
    SeriesBefore before;
    LimitHit hit = {0};
    Tag small[TAGS_SMALL], *own;
    *made = false;
    before.key_set = NULL;
    if (!key_make(&key, &own, small, e))
        return false;
    key.hash = key_hash(idx, &key);
    idx_read_lock(idx);
    uint32_t local = key_find(idx, &key);
    const TableIndex *t = local ? NULL : idx_table_find(idx, table);
    bool unknown = !local && (!t || !t->database);
    idx_unlock(idx);
    if (unknown)
        table_resolve(idx, table);
    if (!local || raw) {
        idx_write_lock(idx);
        if (!local)
            local = find_or_make(idx, &key, &before, made, &hit);
        if (local && raw)
            raw_put(&idx->raw, *raw, local, idx->count);
        idx_unlock(idx);
    }
    *id = series_id_make(idx->shard, local);
    tags_free(own, small);
    return !hit.limit || limit_error(idx, &hit, e);
}

SeriesId idx_find(SeriesIndex *idx, TableId table, const Tag *tags, size_t n)
{
    SeriesKey key = {.table = table, .tags = tags, .count = n};
    Tag small[TAGS_SMALL], *own;
    Err ignored;
    if (!key_make(&key, &own, small, &ignored))
        return 0;
    key.hash = key_hash(idx, &key);
    idx_read_lock(idx);
    uint32_t local = key_find(idx, &key);
    idx_unlock(idx);
    tags_free(own, small);
    return local ? series_id_make(idx->shard, local) : 0;
}

/* Tables that the index has not seen yet are left to idx_intern, which asks for their names. */
static void intern_one(SeriesIndex *idx, SeriesAsk *a, const SeriesKey *key, SeriesBefore *before,
                       LimitHit *near)
{
    const TableIndex *t = idx_table_find(idx, a->table);
    LimitHit hit = {0};
    bool made;
    if (!t || !t->database)
        return;
    uint32_t local = find_or_make(idx, key, before, &made, &hit);
    if (!local)
        return;
    if (hit.limit)
        *near = hit;
    raw_put(&idx->raw, a->raw, local, idx->count);
    a->id = series_id_make(idx->shard, local);
}

void idx_intern_many(SeriesIndex *idx, SeriesAsk *asks, size_t n)
{
    SeriesKey keys[SERIES_ASK_MAX];
    Tag small[SERIES_ASK_MAX][TAGS_SMALL], *own[SERIES_ASK_MAX];
    SeriesBefore before;
    LimitHit near = {0};
    Err ignored; /* idx_intern will say it */
    must(n <= SERIES_ASK_MAX);
    before.key_set = NULL;
    for (size_t i = 0; i < n; i++) {
        keys[i] = (SeriesKey){asks[i].table, asks[i].tags, asks[i].count, .hash = {0}};
        asks[i].id = 0;
        if (!key_make(&keys[i], &own[i], small[i], &ignored))
            keys[i].table = 0;
        else
            keys[i].hash = key_hash(idx, &keys[i]);
    }
    idx_write_lock(idx);
    for (size_t i = 0; i < n; i++)
        key_prefetch(idx, &keys[i]);
    for (size_t i = 0; i < n; i++)
        if (keys[i].table)
            intern_one(idx, &asks[i], &keys[i], &before, &near);
    idx_unlock(idx);
    for (size_t i = 0; i < n; i++)
        if (keys[i].table)
            tags_free(own[i], small[i]);
    if (near.limit)
        (void)!limit_error(idx, &near, &ignored); /* a warning */
}

static bool restore_conflict(SeriesIndex *idx, const KeySet *in_the_way, const SeriesKey *key,
                             uint32_t local, Err *e)
{
    idx->conflict = in_the_way->table->id;
    return err_set(e, ERR_DATA_CORRUPTED,
                   "series %u of table %u has the id or the tags of another series", local,
                   key->table);
}

static bool restore(SeriesIndex *idx, uint32_t local, const SeriesKey *key, SeriesBefore *before,
                    Err *e)
{
    const uint32_t *codes;
    uint32_t known = key_find(idx, key);
    if (known == local)
        return true;
    const KeySet *k = idx_series(idx, series_id_make(idx->shard, known ? known : local), &codes);
    if (k)
        return restore_conflict(idx, k, key, local, e);
    series_make(idx, local, key, before);
    roaring_bitmap_remove(idx->freed, local);
    roaring_bitmap_remove(idx->usable, local);
    return true;
}

bool idx_restore_group(SeriesIndex *idx, SeriesKey *keys, const uint32_t *ids, size_t n, Err *e)
{
    SeriesBefore before;
    before.key_set = NULL;
    idx->conflict = 0;
    for (size_t i = 0; i < n; i++) { /* many cache misses at once */
        keys[i].hash = key_hash(idx, &keys[i]);
        key_prefetch(idx, &keys[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (!restore(idx, ids[i], &keys[i], &before, e))
            return false;
    return true;
}

TableId idx_conflict(SeriesIndex *idx)
{
    idx_read_lock(idx);
    TableId table = idx->conflict;
    idx_unlock(idx);
    return table;
}

bool idx_restore(SeriesIndex *idx, SeriesId id, TableId table, const Tag *tags, size_t n, Err *e)
{
    SeriesKey key = {.table = table, .tags = tags, .count = n};
    Tag small[TAGS_SMALL], *own;
    uint32_t local = series_id_local(id);
    if (id >> 32 != idx->shard || !local || local == UINT32_MAX || !table)
        return err_set(e, ERR_DATA_CORRUPTED, "series %llx of table %u has a wrong id",
                       (unsigned long long)id, table);
    if (!key_make(&key, &own, small, e))
        return false;
    idx_write_lock(idx);
    bool ok = idx_restore_group(idx, &key, &local, 1, e);
    idx_unlock(idx);
    tags_free(own, small);
    return ok;
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

void idx_series_codes(SeriesIndex *idx, SeriesId id, const ColumnId *columns, size_t n,
                      uint32_t *codes_out)
{
    const uint32_t *codes;
    idx_read_lock(idx);
    const KeySet *k = idx_series(idx, id, &codes);
    for (size_t i = 0; i < n; i++) {
        uint32_t at = k ? key_set_place(k, columns[i]) : 0;
        codes_out[i] = k && at < k->count ? codes[at] : 0;
    }
    idx_unlock(idx);
}

uint32_t idx_tag_code(SeriesIndex *idx, SeriesId id, ColumnId column)
{
    uint32_t code;
    idx_series_codes(idx, id, &column, 1, &code);
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

uint64_t idx_serial(SeriesIndex *idx)
{
    idx_read_lock(idx);
    uint64_t serial = idx->journal_base + idx->journal.len / sizeof(uint32_t);
    idx_unlock(idx);
    return serial;
}

void idx_set_serial(SeriesIndex *idx, uint64_t serial)
{
    idx_write_lock(idx);
    idx->journal_base = serial;
    buf_clear(&idx->journal);
    idx_unlock(idx);
}

void idx_trim(SeriesIndex *idx, uint64_t serial)
{
    idx_write_lock(idx);
    size_t count = idx->journal.len / sizeof(uint32_t);
    size_t gone = serial > idx->journal_base ? serial - idx->journal_base : 0;
    if (gone >= count) {
        gone = count;
        buf_free(&idx->journal);
    } else if (gone) {
        idx->journal.len -= gone * sizeof(uint32_t);
        memmove(idx->journal.ptr, idx->journal.ptr + gone * sizeof(uint32_t), idx->journal.len);
    }
    idx->journal_base += gone;
    idx_unlock(idx);
}

size_t idx_memory_locked(const SeriesIndex *idx)
{
    return idx->memory + (idx->by_key.mask + 1) * sizeof(HashSlot) +
           (atomic_load_explicit(&idx->raw.mask, memory_order_relaxed) + 1) * sizeof(RawSlot) +
           idx->code_chunks * CODE_CHUNK * sizeof(uint32_t) +
           ((size_t)idx->last + 1) * sizeof(SeriesRecord) + idx->journal.cap;
}

size_t idx_memory(SeriesIndex *idx)
{
    idx_read_lock(idx);
    size_t bytes = idx_memory_locked(idx);
    idx_unlock(idx);
    return bytes;
}
