/* storage/index_table.c - tables and key sets, and what becomes of the series of dropped tables.
 *
 * idx_detach: the table is not in the catalog any more; its series leave all that is searched.
 * idx_reclaim_step: later, when nobody can hold an id or a text of it: frees memory, a bit a call.
 * Ids that came free are only given again when a snapshot without their series is on disk
 * (idx_snapshot_end): neither .series files nor the log name them then. */
#include "storage/index_private.h"

enum { TABLE_SLOTS_MIN = 64, RECLAIM_GROUP = 4096 };

/* ---- tables ---- */

static size_t table_slot(TableIndex *const *slots, size_t mask, TableId table)
{
    size_t i = hash_mix(table, 0) & mask;
    while (slots[i] && slots[i]->id != table)
        i = (i + 1) & mask;
    return i;
}

TableIndex *idx_table_find(const SeriesIndex *idx, TableId table)
{
    if (!idx->table_count)
        return NULL;
    return idx->table_slots[table_slot(idx->table_slots, idx->table_mask, table)];
}

static void table_slots_grow(SeriesIndex *idx)
{
    size_t mask = idx->table_slots ? idx->table_mask * 2 + 1 : TABLE_SLOTS_MIN - 1;
    TableIndex **slots = mem_zero((mask + 1) * sizeof *slots);
    for (size_t i = 0; idx->table_slots && i <= idx->table_mask; i++)
        if (idx->table_slots[i])
            slots[table_slot(slots, mask, idx->table_slots[i]->id)] = idx->table_slots[i];
    mem_free(idx->table_slots);
    idx->table_slots = slots;
    idx->table_mask = mask;
}

static TableIndex *table_new(SeriesIndex *idx, TableId table)
{
    TableIndex *t = MEM_NEW(TableIndex);
    t->id = table;
    t->all = roaring_bitmap_create();
    idx->memory += sizeof *t;
    return t;
}

TableIndex *table_intern(SeriesIndex *idx, TableId table)
{
    TableIndex *t = idx_table_find(idx, table);
    if (t)
        return t;
    if (!idx->table_slots || idx->table_count * 2 >= idx->table_mask)
        table_slots_grow(idx);
    t = table_new(idx, table);
    idx->table_slots[table_slot(idx->table_slots, idx->table_mask, table)] = t;
    idx->table_count++;
    return t;
}

void table_free(SeriesIndex *idx, TableIndex *t)
{
    for (uint32_t i = 0; i < t->dict_count; i++)
        idx->memory -= dict_free(t->dicts[i]);
    for (KeySet *k = t->key_sets, *next; k; k = next) {
        next = k->next;
        idx->key_sets[k->number - 1] = NULL;
        roaring_bitmap_free(k->series);
        mem_free(k);
    }
    roaring_bitmap_free(t->all);
    mem_free(t->dicts);
    mem_free(t);
    idx->memory -= sizeof *t;
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

TagDict *table_dict_make(SeriesIndex *idx, TableIndex *t, ColumnId column)
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

DatabaseSeries *idx_database(SeriesIndex *idx, ObjectId database)
{
    for (size_t i = 0; i < idx->database_count; i++)
        if (idx->databases[i].id == database)
            return &idx->databases[i];
    size_t n = ++idx->database_count;
    idx->databases = mem_realloc(idx->databases, n * sizeof *idx->databases);
    idx->databases[n - 1] = (DatabaseSeries){.id = database};
    return &idx->databases[n - 1];
}

/* ---- key sets ---- */

/* Fills new slots of this many; key sets of detached tables are not found any more. */
static void key_set_slots_fill(SeriesIndex *idx, size_t count)
{
    size_t mask = count - 1;
    uint32_t *slots = mem_zero(count * sizeof *slots);
    for (size_t k = 0; k < idx->key_set_count; k++) {
        if (!idx->key_sets[k] || idx->key_sets[k]->gone)
            continue;
        size_t i = idx->key_sets[k]->hash & mask;
        while (slots[i])
            i = (i + 1) & mask;
        slots[i] = (uint32_t)k + 1;
    }
    mem_free(idx->key_set_slots);
    idx->key_set_slots = slots;
    idx->key_set_mask = mask;
}

bool key_set_is(const KeySet *k, TableId table, const Tag *tags, size_t n)
{
    if (k->gone || k->table->id != table || k->count != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (k->dicts[i]->column != tags[i].column)
            return false;
    return true;
}

static bool columns_are(const KeySet *k, KeyColumns key)
{
    if (k->table->id != key.table || k->count != key.count)
        return false;
    for (size_t i = 0; i < key.count; i++)
        if (k->dicts[i]->column != key.columns[i])
            return false;
    return true;
}

static uint32_t key_set_number(SeriesIndex *idx)
{
    if (idx->key_set_count == idx->key_set_cap) {
        idx->key_set_cap = idx->key_set_cap * 2 + 16;
        idx->key_sets = mem_realloc(idx->key_sets, idx->key_set_cap * sizeof *idx->key_sets);
    }
    idx->key_sets[idx->key_set_count++] = NULL;
    return (uint32_t)idx->key_set_count;
}

KeySet *key_set_intern(SeriesIndex *idx, KeyColumns key)
{
    uint64_t hash = hash_mix(key.table, key.count);
    for (size_t i = 0; i < key.count; i++)
        hash = hash_mix(hash, key.columns[i]);
    if (!idx->key_set_slots || idx->key_set_count * 2 >= idx->key_set_mask)
        key_set_slots_fill(idx, idx->key_set_slots ? (idx->key_set_mask + 1) * 2 : TABLE_SLOTS_MIN);
    size_t i = hash & idx->key_set_mask;
    for (; idx->key_set_slots[i]; i = (i + 1) & idx->key_set_mask) {
        KeySet *k = idx->key_sets[idx->key_set_slots[i] - 1];
        if (k->hash == hash && columns_are(k, key))
            return k;
    }
    KeySet *k = mem_zero(sizeof *k + key.count * sizeof k->dicts[0]);
    *k = (KeySet){.table = table_intern(idx, key.table),
                  .hash = hash,
                  .count = (uint32_t)key.count,
                  .number = key_set_number(idx)};
    k->series = roaring_bitmap_create();
    k->next = k->table->key_sets;
    k->table->key_sets = k;
    for (size_t t = 0; t < key.count; t++)
        k->dicts[t] = table_dict_make(idx, k->table, key.columns[t]);
    idx->key_sets[k->number - 1] = k;
    idx->key_set_slots[i] = k->number;
    idx->memory += sizeof *k + key.count * sizeof k->dicts[0];
    return k;
}

/* ---- dropped tables ---- */

static void table_detach(SeriesIndex *idx, size_t slot)
{
    TableIndex *t = idx->table_slots[slot];
    TableIndex *empty = table_new(idx, t->id); /* rows that are still on their way may need one */
    empty->seen = t->seen;
    empty->database = t->database;
    idx->table_slots[slot] = empty;
    for (KeySet *k = t->key_sets; k; k = k->next)
        k->gone = true;
    idx_database(idx, t->database)->series -= t->series;
    idx->count -= t->series;
    tests_forget(&idx->tests); /* its codes may be given anew */
    t->next = idx->detached;
    idx->detached = t;
}

size_t idx_detach(SeriesIndex *idx, bool (*alive)(void *arg, TableId table), void *arg, bool all)
{
    size_t n = 0;
    idx_write_lock(idx);
    for (size_t i = 0; idx->table_slots && i <= idx->table_mask; i++) {
        TableIndex *t = idx->table_slots[i];
        bool lives = t && alive(arg, t->id);
        if (lives)
            t->seen = true;
        else if (t && t->series && (t->seen || all))
            table_detach(idx, i), n++;
    }
    if (n)
        key_set_slots_fill(idx, idx->key_set_mask + 1);
    idx_unlock(idx);
    return n;
}

void idx_detach_table(SeriesIndex *idx, TableId table)
{
    idx_write_lock(idx);
    if (idx_table_find(idx, table)) {
        table_detach(idx, table_slot(idx->table_slots, idx->table_mask, table));
        key_set_slots_fill(idx, idx->key_set_mask + 1);
    }
    idx_unlock(idx);
}

static void free_codes(SeriesIndex *idx, uint32_t place, uint32_t n)
{
    if (!n || n >= CODE_SIZES)
        return;
    idx->codes[place >> CODE_CHUNK_BITS][place & (CODE_CHUNK - 1)] = idx->code_free[n];
    idx->code_free[n] = place + 1;
}

/* Takes up to RECLAIM_GROUP series of the table apart. */
static void reclaim_records(SeriesIndex *idx, TableIndex *t)
{
    static const uint32_t none;
    uint32_t ids[RECLAIM_GROUP];
    roaring_uint32_iterator_t it;
    roaring_init_iterator(t->all, &it);
    uint32_t n = roaring_read_uint32_iterator(&it, ids, RECLAIM_GROUP);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t *codes = &none;
        const KeySet *k = idx_series(idx, series_id_make(idx->shard, ids[i]), &codes);
        SeriesRecord *r = idx_record(idx, ids[i]);
        if (k)
            free_codes(idx, r->codes, k->count);
        *r = (SeriesRecord){0};
    }
    roaring_bitmap_add_many(idx->freed, n, ids);
    if (n)
        roaring_bitmap_remove_range_closed(t->all, ids[0], ids[n - 1]);
    t->series -= n;
}

/* Entries of series that are no more, among the next of the table; false: all were looked at. */
static bool purge_hashes(SeriesIndex *idx)
{
    HashTable *h = &idx->by_key;
    if (idx->purge_shift != h->shift) { /* it has grown: what is where has changed */
        idx->purge_shift = h->shift;
        idx->purge_from = 0;
    }
    size_t i = hash_home(h, idx->purge_from), left = RECLAIM_GROUP;
    while (left && i <= h->mask) {
        uint32_t id = h->slots[i].id;
        if (id && !idx_record(idx, id)->key_set)
            hash_delete_at(h, i); /* another one may stand here now */
        else
            i++, left--;
    }
    idx->purge_from = i <= h->mask ? (uint64_t)i << h->shift : 0;
    return i <= h->mask;
}

bool idx_reclaim_step(SeriesIndex *idx)
{
    idx_write_lock(idx);
    TableIndex *t = idx->snapshots ? NULL : idx->detached;
    while (t && !t->series)
        t = t->next;
    if (t) {
        reclaim_records(idx, t);
        idx->purge_wanted = true;
        idx->purge_from = 0;
    } else if (!idx->snapshots && idx->purge_wanted) {
        idx->purge_wanted = purge_hashes(idx);
    } else if (!idx->snapshots && idx->detached) {
        t = idx->detached;
        idx->detached = t->next;
        table_free(idx, t);
    }
    bool more = idx->detached || idx->purge_wanted;
    idx_charge(idx);
    idx_unlock(idx);
    return more;
}

bool idx_reclaiming(SeriesIndex *idx)
{
    idx_read_lock(idx);
    bool some = idx->purge_wanted;
    idx_unlock(idx);
    return some;
}

void idx_find_holes(SeriesIndex *idx)
{
    idx_write_lock(idx);
    roaring_bitmap_t *held = roaring_bitmap_create();
    for (size_t i = 0; idx->table_slots && i <= idx->table_mask; i++)
        if (idx->table_slots[i])
            roaring_bitmap_or_inplace(held, idx->table_slots[i]->all);
    for (const TableIndex *t = idx->detached; t; t = t->next)
        roaring_bitmap_or_inplace(held, t->all);
    roaring_bitmap_or_inplace(held, idx->freed);
    roaring_bitmap_flip_inplace(held, 1, (uint64_t)idx->last + 1);
    roaring_bitmap_or_inplace(idx->usable, held);
    roaring_bitmap_free(held);
    idx_unlock(idx);
}

TableId idx_last_table(SeriesIndex *idx)
{
    TableId last = 0;
    idx_read_lock(idx);
    for (size_t i = 0; idx->table_slots && i <= idx->table_mask; i++)
        if (idx->table_slots[i] && idx->table_slots[i]->id > last)
            last = idx->table_slots[i]->id;
    idx_unlock(idx);
    return last;
}
