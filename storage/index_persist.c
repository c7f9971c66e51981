/* storage/index_persist.c - series as bytes, for the log and the increments in .series files.
 *
 *   block     := format(1) count record*                 varints throughout
 *   record    := id_delta key_ref [key_set] value_ref*   ids ascend, the first counts from 0
 *   key_ref   := 0: key_set follows | k: the k-th of this block
 *   key_set   := table column_count column*              columns ascend
 *   value_ref := 0: length, bytes follow | k: the k-th literal value of this block
 * A block stands alone: it needs no state of the blocks before it.  A file is blocks in a row. */
#include "storage/index_private.h"

#include <stdlib.h>

enum { SERIES_FORMAT = 1, LOCK_GROUP = 1024, RECORD_BYTES_MIN = 2, VALUE_SLOTS_MIN = 1024 };

/* ---- writing ---- */

typedef struct ValueSlot {
    const char *text; /* value texts never move and are one per (table, column, value) */
    uint32_t number;
} ValueSlot;

typedef struct SeriesEncoder {
    Buf *out;
    Buf key_refs; /* uint32_t by number of the key set - 1: number in the block, 0 = none */
    uint32_t key_sets, values;
    ValueSlot *slots;
    size_t mask;
    uint32_t last;
} SeriesEncoder;

static void values_grow(SeriesEncoder *en)
{
    size_t mask = en->mask * 2 + 1;
    ValueSlot *slots = mem_zero((mask + 1) * sizeof *slots);
    for (size_t i = 0; i <= en->mask; i++) {
        if (!en->slots[i].text)
            continue;
        size_t k = hash_mix((uintptr_t)en->slots[i].text, 0) & mask;
        while (slots[k].text)
            k = (k + 1) & mask;
        slots[k] = en->slots[i];
    }
    mem_free(en->slots);
    en->slots = slots;
    en->mask = mask;
}

static void encode_value(SeriesEncoder *en, const char *text)
{
    size_t i = hash_mix((uintptr_t)text, 0) & en->mask;
    while (en->slots[i].text && en->slots[i].text != text)
        i = (i + 1) & en->mask;
    if (en->slots[i].text) {
        buf_put_varint(en->out, en->slots[i].number);
        return;
    }
    en->slots[i] = (ValueSlot){text, ++en->values};
    buf_put_varint(en->out, 0);
    buf_put_str(en->out, text_slice(text));
    if (en->values * 2 >= en->mask)
        values_grow(en);
}

static void encode_key_set(SeriesEncoder *en, const KeySet *k)
{
    while (en->key_refs.len < k->number * sizeof(uint32_t))
        buf_put_u32(&en->key_refs, 0);
    uint32_t *ref = (uint32_t *)(void *)en->key_refs.ptr + k->number - 1;
    if (*ref) {
        buf_put_varint(en->out, *ref);
        return;
    }
    *ref = ++en->key_sets;
    buf_put_varint(en->out, 0);
    buf_put_varint(en->out, k->table->id);
    buf_put_varint(en->out, k->count);
    for (uint32_t i = 0; i < k->count; i++)
        buf_put_varint(en->out, k->dicts[i]->column);
}

/* These series, ids ascending; the lock is held. */
static size_t encode_ids(SeriesEncoder *en, const SeriesIndex *idx, const uint32_t *ids, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t *codes;
        const KeySet *k = idx_series(idx, series_id_make(idx->shard, ids[i]), &codes);
        if (!k || k->gone || ids[i] <= en->last)
            continue; /* of a dropped table, or given again and listed twice */
        buf_put_varint(en->out, ids[i] - en->last);
        en->last = ids[i];
        encode_key_set(en, k);
        for (uint32_t t = 0; t < k->count; t++)
            encode_value(en, k->dicts[t]->texts[codes[t] - 1]);
        count++;
    }
    return count;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Ids of series with a greater serial, ascending.  While there are some no table is taken apart:
 * the encoder knows values by the place of their text. */
static size_t journal_ids(SeriesIndex *idx, uint64_t after, uint32_t **out)
{
    idx_write_lock(idx);
    size_t skip = after > idx->journal_base ? after - idx->journal_base : 0;
    size_t all = idx->journal.len / sizeof(uint32_t), n = all > skip ? all - skip : 0;
    *out = n ? mem_dup(idx->journal.ptr + skip * sizeof(uint32_t), n * sizeof(uint32_t)) : NULL;
    idx->snapshots += n > 0;
    idx_unlock(idx);
    bool sorted = true;
    for (size_t i = 1; i < n; i++)
        sorted &= (*out)[i - 1] < (*out)[i];
    if (!sorted)
        qsort(*out, n, sizeof(uint32_t), compare_ids);
    return n;
}

void idx_encode(SeriesIndex *idx, uint64_t after, Buf *out)
{
    Buf records;
    uint32_t *ids;
    size_t n = journal_ids(idx, after, &ids), count = 0;
    if (!n)
        return;
    buf_init(&records);
    SeriesEncoder en = {.out = &records, .mask = VALUE_SLOTS_MIN - 1};
    en.slots = mem_zero(VALUE_SLOTS_MIN * sizeof *en.slots);
    for (size_t at = 0; at < n; at += LOCK_GROUP) {
        idx_read_lock(idx);
        count += encode_ids(&en, idx, ids + at, n - at < LOCK_GROUP ? n - at : LOCK_GROUP);
        idx_unlock(idx);
    }
    idx_write_lock(idx);
    idx->snapshots--;
    idx_unlock(idx);
    buf_put_varint(out, SERIES_FORMAT);
    buf_put_varint(out, count);
    buf_put(out, records.ptr, records.len);
    buf_free(&records);
    buf_free(&en.key_refs);
    mem_free(en.slots);
    mem_free(ids);
}

/* ---- reading ---- */

typedef struct SeriesDecoder {
    SeriesIndex *idx;
    Reader r;
    Buf key_sets; /* uint32_t: where each begins in columns: table, count, column ... */
    Buf columns;  /* uint32_t */
    Buf values;   /* Slice: literals of the block */
    Buf tags;     /* Tag: of the group */
    SeriesKey keys[RESTORE_GROUP];
    uint32_t ids[RESTORE_GROUP];
    uint64_t last;
} SeriesDecoder;

static const uint32_t *decode_key_set(SeriesDecoder *de)
{
    uint64_t ref = reader_varint(&de->r);
    if (ref == 0) {
        buf_put_u32(&de->key_sets, (uint32_t)(de->columns.len / sizeof(uint32_t)));
        ref = de->key_sets.len / sizeof(uint32_t);
        uint64_t table = reader_varint(&de->r), count = reader_varint(&de->r), before = 0;
        de->r.bad |=
            !table || table > UINT32_MAX || count > COLUMNS_MAX || count > reader_left(&de->r);
        buf_put_u32(&de->columns, (uint32_t)table);
        buf_put_u32(&de->columns, (uint32_t)count);
        for (uint64_t i = 0; i < count && !de->r.bad; i++) {
            uint64_t column = reader_varint(&de->r);
            de->r.bad |= column <= before || column > UINT16_MAX;
            buf_put_u32(&de->columns, (uint32_t)column);
            before = column;
        }
    }
    if (de->r.bad || ref > de->key_sets.len / sizeof(uint32_t)) {
        de->r.bad = true;
        return NULL;
    }
    const uint32_t *begins = (const uint32_t *)(void *)de->key_sets.ptr;
    return (const uint32_t *)(void *)de->columns.ptr + begins[ref - 1];
}

static Slice decode_value(SeriesDecoder *de)
{
    uint64_t ref = reader_varint(&de->r);
    if (ref == 0) {
        Slice value = reader_str(&de->r);
        de->r.bad |= !value.len;
        buf_put(&de->values, &value, sizeof value);
        return value;
    }
    if (ref > de->values.len / sizeof(Slice)) {
        de->r.bad = true;
        return SLICE_NONE;
    }
    return ((const Slice *)(void *)de->values.ptr)[ref - 1];
}

/* Keys and tags of the next records; fewer than there should be when the bytes are bad. */
static size_t decode_group(SeriesDecoder *de, size_t n)
{
    size_t count = 0;
    buf_clear(&de->tags);
    for (; count < n; count++) {
        uint64_t delta = reader_varint(&de->r);
        de->last += delta;
        de->r.bad |= !delta || de->last >= UINT32_MAX;
        const uint32_t *key = decode_key_set(de);
        if (!key)
            break;
        de->ids[count] = (uint32_t)de->last;
        de->keys[count] = (SeriesKey){.table = key[0], .count = key[1]};
        for (uint32_t i = 0; i < key[1] && !de->r.bad; i++) {
            Tag tag = {(ColumnId)key[2 + i], decode_value(de)};
            buf_put(&de->tags, &tag, sizeof tag);
        }
        if (de->r.bad)
            break;
    }
    const Tag *tags = (const Tag *)(void *)de->tags.ptr;
    for (size_t i = 0; i < count; i++) { /* the buffer stands still now */
        de->keys[i].tags = tags;
        tags += de->keys[i].count;
    }
    return count;
}

static bool decode_block(SeriesDecoder *de, Err *e)
{
    if (reader_varint(&de->r) != SERIES_FORMAT)
        return err_set(e, ERR_DATA_CORRUPTED, "list of series is of an unknown format");
    uint64_t count = reader_varint(&de->r);
    de->r.bad |= count > reader_left(&de->r) / RECORD_BYTES_MIN;
    buf_clear(&de->key_sets);
    buf_clear(&de->columns);
    buf_clear(&de->values);
    de->last = 0;
    bool ok = true;
    while (count && ok && !de->r.bad) {
        size_t n = decode_group(de, count < RESTORE_GROUP ? count : RESTORE_GROUP);
        idx_write_lock(de->idx);
        ok = idx_restore_group(de->idx, de->keys, de->ids, n, e);
        idx_unlock(de->idx);
        count -= n;
    }
    return ok;
}

bool idx_decode(SeriesIndex *idx, Slice src, Err *e)
{
    SeriesDecoder de = {.idx = idx, .r = reader_of(src)};
    bool ok = true;
    while (ok && !de.r.bad && reader_left(&de.r))
        ok = decode_block(&de, e);
    if (ok && de.r.bad)
        ok = err_set(e, ERR_DATA_CORRUPTED, "list of series (%zu bytes) cannot be read", src.len);
    buf_free(&de.key_sets);
    buf_free(&de.columns);
    buf_free(&de.values);
    buf_free(&de.tags);
    return ok;
}
