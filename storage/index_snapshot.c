/* storage/index_snapshot.c - the whole index as frames: arrays that a start can copy into place.
 *
 *   frame    := u32 kind, u32 length, u32 crc (of kind, length, payload), u32 0, payload
 *   HEAD     := magic, u32 version, required, optional, shard; u64 hash key;
 *               u32 last id, series, dictionaries, key sets
 *   VALUES   := (table column all first n (length bytes)*)*   values of codes first+1 .. first+n
 *   KEY_SETS := (table n column* series size bitmap)*         the k-th has number k
 *   CODES    := (key_set n (min u8 width, n * width bytes)*)* of the next n series of its bitmap
 *   POSTINGS := (table column first n posting*)*
 *   posting  := 0 | count gap* | count size bitmap            the last above POSTING_FEW_MAX
 *   HASHES   := (u64 lo, u32 hi, u32 id)*                     by lo, but for neighbours
 *   END      := u32 series
 * Numbers without a width are varints; bitmaps are Roaring's portable format.
 *
 * What the file holds is fixed when it is begun: series up to `last`, the dictionaries and key
 * sets of then.  Later series have greater ids (free_id) and nothing is taken apart meanwhile, so
 * each frame takes the lock for itself and leaves out what is newer. */
#include "storage/index_private.h"

#include <stdlib.h>

enum { CODES_GROUP = 2048, ENTRIES_GROUP = 8192 };

typedef struct DictPart { /* what of a dictionary is in the snapshot */
    const TagDict *dict;
    uint32_t count;
} DictPart;

struct SeriesWriter {
    SeriesIndex *idx;
    uint64_t serial;
    uint32_t last, series, written;
    roaring_bitmap_t *freed; /* ids that are free once this is on disk */
    DictPart *dicts;
    size_t dict_count;
    const KeySet **key_sets;
    uint32_t key_set_count;
    FrameKind next;
    size_t item;   /* dictionary or key set */
    uint32_t at;   /* code or id in it */
    uint64_t from; /* hash */
};

/* ---- what it is of ---- */

static void take_table(SeriesWriter *w, const TableIndex *t)
{
    w->dicts = mem_realloc(w->dicts, (w->dict_count + t->dict_count + 1) * sizeof *w->dicts);
    for (uint32_t i = 0; i < t->dict_count; i++)
        if (t->dicts[i]->count)
            w->dicts[w->dict_count++] = (DictPart){t->dicts[i], t->dicts[i]->count};
}

SeriesWriter *series_writer_new(SeriesIndex *idx, bool release)
{
    SeriesWriter *w = MEM_NEW(SeriesWriter);
    w->idx = idx;
    w->next = FRAME_HEAD;
    idx_write_lock(idx);
    must(!idx->purge_wanted);
    idx->snapshots++;
    w->serial = idx->journal_base + idx->journal.len / sizeof(uint32_t);
    w->last = idx->last;
    w->series = (uint32_t)idx->count;
    for (size_t i = 0; idx->table_slots && i <= idx->table_mask; i++)
        if (idx->table_slots[i])
            take_table(w, idx->table_slots[i]);
    w->key_sets = mem_alloc((idx->key_set_count + 1) * sizeof *w->key_sets);
    for (size_t i = 0; i < idx->key_set_count; i++)
        if (idx->key_sets[i] && !idx->key_sets[i]->gone && idx->key_sets[i]->series_count)
            w->key_sets[w->key_set_count++] = idx->key_sets[i];
    w->freed = roaring_bitmap_create();
    if (release)
        roaring_bitmap_overwrite(w->freed, idx->freed), roaring_bitmap_clear(idx->freed);
    idx_unlock(idx);
    return w;
}

uint64_t series_writer_serial(const SeriesWriter *w)
{
    return w->serial;
}

void series_writer_free(SeriesWriter *w, bool committed)
{
    if (!w)
        return;
    SeriesIndex *idx = w->idx;
    idx_write_lock(idx);
    idx->snapshots--;
    roaring_bitmap_or_inplace(committed ? idx->usable : idx->freed, w->freed);
    idx_unlock(idx);
    roaring_bitmap_free(w->freed);
    mem_free(w->dicts);
    mem_free(w->key_sets);
    mem_free(w);
}

/* ---- frames ---- */

static size_t frame_begin(Buf *out, FrameKind kind)
{
    size_t at = out->len;
    buf_put_u32(out, kind);
    buf_put_u32(out, 0);
    buf_put_u64(out, 0);
    return at;
}

static void put_u32_at(Buf *b, size_t at, uint32_t v)
{
    memcpy(b->ptr + at, &v, sizeof v);
}

static void frame_end(Buf *out, size_t at)
{
    const char *head = out->ptr + at, *payload = head + SERIES_FRAME_HEAD;
    size_t len = out->len - at - SERIES_FRAME_HEAD;
    put_u32_at(out, at + 4, (uint32_t)len);
    put_u32_at(out, at + 8, crc32c(crc32c(0, head, 8), payload, len));
}

static void put_head(SeriesWriter *w, Buf *out)
{
    buf_put(out, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_SIZE);
    buf_put_u32(out, SNAPSHOT_VERSION);
    buf_put_u32(out, 0);
    buf_put_u32(out, 0);
    buf_put_u32(out, w->idx->shard);
    buf_put_u64(out, w->idx->hash_key);
    buf_put_u32(out, w->last);
    buf_put_u32(out, w->series);
    buf_put_u32(out, (uint32_t)w->dict_count);
    buf_put_u32(out, w->key_set_count);
}

/* ---- values and postings: dictionary by dictionary ---- */

static void put_values(Buf *out, const DictPart *d, uint32_t from, uint32_t n)
{
    buf_put_varint(out, d->dict->table);
    buf_put_varint(out, d->dict->column);
    buf_put_varint(out, d->count);
    buf_put_varint(out, from);
    buf_put_varint(out, n);
    for (uint32_t i = from; i < from + n; i++)
        buf_put_str(out, text_slice(d->dict->texts[i]));
}

/* A bitmap without ids that are newer than the snapshot; returns how many it has. */
static uint32_t put_bitmap(Buf *out, const roaring_bitmap_t *bits, uint32_t last, bool with_count)
{
    roaring_bitmap_t *own = NULL;
    if (!roaring_bitmap_is_empty(bits) && roaring_bitmap_maximum(bits) > last) {
        own = roaring_bitmap_copy(bits);
        roaring_bitmap_remove_range_closed(own, last + 1, UINT32_MAX);
        bits = own;
    }
    uint32_t count = (uint32_t)roaring_bitmap_get_cardinality(bits);
    if (with_count)
        buf_put_varint(out, count);
    size_t size = roaring_bitmap_portable_size_in_bytes(bits);
    buf_put_varint(out, size);
    buf_reserve(out, size);
    out->len += roaring_bitmap_portable_serialize(bits, out->ptr + out->len);
    if (own)
        roaring_bitmap_free(own);
    return count;
}

static void put_few(Buf *out, const uint32_t *ids, uint32_t n)
{
    uint32_t before = 0;
    buf_put_varint(out, n);
    for (uint32_t i = 0; i < n; i++) {
        buf_put_varint(out, ids[i] - before);
        before = ids[i];
    }
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void put_posting(Buf *out, const Posting *p, uint32_t last)
{
    uint32_t few[POSTING_FEW_MAX], n = 0, all = p->count;
    if (all <= POSTING_FEW_MAX) {
        for (uint32_t i = 0; i < all; i++) {
            uint32_t id = all == 1 ? p->one : p->u.few[i];
            if (id <= last)
                few[n++] = id;
        }
    } else if (roaring_bitmap_rank(p->u.many, last) > POSTING_FEW_MAX) {
        put_bitmap(out, p->u.many, last, true);
        return;
    } else {
        n = (uint32_t)roaring_bitmap_rank(p->u.many, last);
        roaring_bitmap_range_uint32_array(p->u.many, 0, n, few);
    }
    qsort(few, n, sizeof few[0], compare_ids); /* not always ascending after idx_restore */
    put_few(out, few, n);
}

static void put_postings(Buf *out, const SeriesWriter *w, uint32_t from, uint32_t n)
{
    const DictPart *d = &w->dicts[w->item];
    buf_put_varint(out, d->dict->table);
    buf_put_varint(out, d->dict->column);
    buf_put_varint(out, from);
    buf_put_varint(out, n);
    for (uint32_t i = from; i < from + n; i++)
        put_posting(out, &d->dict->postings[i], w->last);
}

/* Dictionaries until the frame is full; false: that was the last. */
static bool put_dicts(SeriesWriter *w, Buf *out, bool postings)
{
    size_t end = out->len + SERIES_FRAME, left = ENTRIES_GROUP;
    while (w->item < w->dict_count && out->len < end && left) {
        const DictPart *d = &w->dicts[w->item];
        uint32_t n = d->count - w->at < left ? d->count - w->at : (uint32_t)left;
        n = n < 64 ? n : 64; /* values and postings may be large: look at the size now and then */
        if (postings)
            put_postings(out, w, w->at, n);
        else
            put_values(out, d, w->at, n);
        left -= n;
        w->at += n;
        if (w->at == d->count) {
            w->item++;
            w->at = 0;
        }
    }
    return w->item < w->dict_count;
}

/* ---- key sets and codes ---- */

static bool put_key_sets(SeriesWriter *w, Buf *out)
{
    size_t end = out->len + SERIES_FRAME;
    for (; w->item < w->key_set_count && out->len < end; w->item++) {
        const KeySet *k = w->key_sets[w->item];
        buf_put_varint(out, k->table->id);
        buf_put_varint(out, k->count);
        for (uint32_t i = 0; i < k->count; i++)
            buf_put_varint(out, k->dicts[i]->column);
        put_bitmap(out, k->series, w->last, true);
    }
    return w->item < w->key_set_count;
}

static void put_column(Buf *out, const uint32_t *codes, uint32_t n)
{
    uint32_t min = codes[0], max = codes[0];
    for (uint32_t i = 1; i < n; i++) {
        min = codes[i] < min ? codes[i] : min;
        max = codes[i] > max ? codes[i] : max;
    }
    uint32_t range = max - min;
    uint8_t width = range == 0 ? 0 : range < 1u << 8 ? 1 : range < 1u << 16 ? 2 : 4;
    buf_put_varint(out, min);
    buf_put_u8(out, width);
    buf_reserve(out, ((size_t)n + 1) * 4);
    char *p = out->ptr + out->len;
    for (uint32_t i = 0; i < n; i++, p += width) { /* little endian; there is room for 4 bytes */
        uint32_t v = codes[i] - min;
        memcpy(p, &v, sizeof v);
    }
    out->len += (size_t)n * width;
}

/* The next series of a key set after id `at`. */
static uint32_t put_codes_group(SeriesWriter *w, Buf *out, uint32_t *columns)
{
    const KeySet *k = w->key_sets[w->item];
    uint32_t ids[CODES_GROUP], n = 0;
    roaring_uint32_iterator_t it;
    roaring_init_iterator(k->series, &it);
    if (roaring_move_uint32_iterator_equalorlarger(&it, w->at + 1))
        n = roaring_read_uint32_iterator(&it, ids, CODES_GROUP);
    while (n && ids[n - 1] > w->last)
        n--;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t *codes;
        must(idx_series(w->idx, series_id_make(w->idx->shard, ids[i]), &codes) == k);
        for (uint32_t t = 0; t < k->count; t++)
            columns[t * CODES_GROUP + i] = codes[t];
    }
    if (n) {
        buf_put_varint(out, w->item + 1);
        buf_put_varint(out, n);
        w->at = ids[n - 1];
        w->written += n;
    }
    for (uint32_t t = 0; n && t < k->count; t++)
        put_column(out, columns + t * CODES_GROUP, n);
    return n;
}

static bool put_codes(SeriesWriter *w, Buf *out)
{
    size_t end = out->len + SERIES_FRAME, left = ENTRIES_GROUP;
    while (w->item < w->key_set_count && out->len < end && left) {
        uint32_t *columns = mem_alloc((w->key_sets[w->item]->count * CODES_GROUP + 1) * 4);
        uint32_t n = put_codes_group(w, out, columns);
        mem_free(columns);
        left -= n < left ? n : left;
        if (n < CODES_GROUP) {
            w->item++;
            w->at = 0;
        }
    }
    return w->item < w->key_set_count;
}

/* ---- hashes ---- */

static bool in_snapshot(const SeriesWriter *w, uint32_t id)
{
    const uint32_t *codes;
    if (!id || id > w->last || !w->idx->detached)
        return id && id <= w->last;
    const KeySet *k = idx_series(w->idx, series_id_make(w->idx->shard, id), &codes);
    return k && !k->gone;
}

/* Entries with hashes from `from` on: those whose home is among the next slots of the table, and
 * they lie there or, up to the next free slot, behind. */
static bool put_hashes(SeriesWriter *w, Buf *out)
{
    const HashTable *h = &w->idx->by_key;
    size_t begin = hash_home(h, w->from), end = begin + ENTRIES_GROUP;
    end = end > h->mask ? h->mask + 1 : end;
    for (size_t i = begin; i < end || (i <= begin + h->mask && h->slots[i & h->mask].id); i++) {
        const HashSlot *s = &h->slots[i & h->mask];
        size_t home = hash_home(h, s->lo);
        if (home < begin || home >= end || !in_snapshot(w, s->id))
            continue;
        buf_put_u64(out, s->lo);
        buf_put_u32(out, s->hi);
        buf_put_u32(out, s->id);
        w->written++;
    }
    w->from = end <= h->mask ? (uint64_t)end << h->shift : 0;
    return end <= h->mask;
}

/* ---- one after the other ---- */

static bool put_payload(SeriesWriter *w, Buf *out)
{
    switch (w->next) {
    case FRAME_HEAD:
        put_head(w, out);
        return false;
    case FRAME_VALUES:
        return put_dicts(w, out, false);
    case FRAME_KEY_SETS:
        return put_key_sets(w, out);
    case FRAME_CODES:
        return put_codes(w, out);
    case FRAME_POSTINGS:
        return put_dicts(w, out, true);
    case FRAME_HASHES:
        return put_hashes(w, out);
    case FRAME_END:
        buf_put_u32(out, w->series);
        return false;
    }
    return false;
}

bool series_writer_next(SeriesWriter *w, Buf *out)
{
    size_t at = frame_begin(out, w->next);
    idx_read_lock(w->idx);
    bool more = put_payload(w, out);
    idx_unlock(w->idx);
    frame_end(out, at);
    if (more)
        return true;
    if (w->next == FRAME_CODES || w->next == FRAME_HASHES)
        must(w->written == w->series);
    w->item = w->at = w->written = 0;
    return w->next++ != FRAME_END;
}
