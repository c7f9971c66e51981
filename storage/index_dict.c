/* storage/index_dict.c - values of one tag of one table: text to code and back, and postings. */
#include "storage/index_private.h"

enum { DICT_CAP_MIN = 4, DICT_SLOTS_MIN = 8, ROARING_BYTES = 96 };
enum { TEXT_CHUNK_MIN = 128, TEXT_CHUNK_MAX = 64 << 10 };

TagDict *dict_new(TableId table, ColumnId column)
{
    TagDict *d = MEM_NEW(TagDict);
    d->table = table;
    d->column = column;
    d->slots = mem_zero(DICT_SLOTS_MIN * sizeof *d->slots);
    d->slot_mask = DICT_SLOTS_MIN - 1;
    return d;
}

size_t dict_free(TagDict *d)
{
    size_t bytes = sizeof *d + d->pool.bytes + d->cap * (sizeof *d->texts + sizeof *d->postings) +
                   d->slot_mask * sizeof *d->slots;
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->postings[i].count > POSTING_FEW_MAX)
            roaring_bitmap_free(d->postings[i].u.many);
        else if (d->postings[i].count > 1)
            mem_free(d->postings[i].u.few);
    }
    for (uint32_t i = 0; i < d->pool.count; i++)
        mem_free(d->pool.chunks[i]);
    mem_free(d->pool.chunks);
    mem_free(d->texts);
    mem_free(d->postings);
    mem_free(d->slots);
    mem_free(d);
    return bytes;
}

static uint32_t value_hash(const SeriesIndex *idx, Slice value)
{
    return (uint32_t)hash64(value.ptr, value.len, idx->hash_key);
}

uint32_t dict_find(const SeriesIndex *idx, const TagDict *d, Slice value)
{
    uint32_t hash = value_hash(idx, value);
    for (uint32_t i = hash & d->slot_mask; d->slots[i].code; i = (i + 1) & d->slot_mask)
        if (d->slots[i].hash == hash && slice_eq(text_slice(d->texts[d->slots[i].code - 1]), value))
            return d->slots[i].code;
    return 0;
}

static void slot_add(DictSlot *slots, uint32_t mask, DictSlot s)
{
    uint32_t i = s.hash & mask;
    while (slots[i].code)
        i = (i + 1) & mask;
    slots[i] = s;
}

static void slots_resize(SeriesIndex *idx, TagDict *d, uint32_t count)
{
    DictSlot *slots = mem_zero(count * sizeof *slots);
    for (uint32_t i = 0; i <= d->slot_mask; i++)
        if (d->slots[i].code)
            slot_add(slots, count - 1, d->slots[i]);
    mem_free(d->slots);
    idx->memory += (count - 1 - d->slot_mask) * sizeof *slots;
    d->slots = slots;
    d->slot_mask = count - 1;
}

static void values_resize(SeriesIndex *idx, TagDict *d, uint32_t cap)
{
    d->texts = mem_realloc(d->texts, cap * sizeof *d->texts);
    d->postings = mem_realloc(d->postings, cap * sizeof *d->postings);
    idx->memory += (cap - d->cap) * (sizeof *d->texts + sizeof *d->postings);
    d->cap = cap;
}

void dict_reserve(SeriesIndex *idx, TagDict *d, uint32_t count)
{
    uint32_t slots = DICT_SLOTS_MIN;
    while (count * UINT64_C(3) >= slots * UINT64_C(2) && slots < UINT32_C(1) << 31)
        slots *= 2;
    if (slots > d->slot_mask + 1)
        slots_resize(idx, d, slots);
    if (count > d->cap)
        values_resize(idx, d, count);
}

static char *pool_take(SeriesIndex *idx, TextPool *p, size_t size)
{
    if (size > p->left) {
        size_t chunk = p->bytes < TEXT_CHUNK_MIN   ? TEXT_CHUNK_MIN
                       : p->bytes > TEXT_CHUNK_MAX ? TEXT_CHUNK_MAX
                                                   : p->bytes;
        chunk = size > chunk / 4 ? size + chunk : chunk;
        if (p->count == p->cap) {
            p->cap = p->cap * 2 + 4;
            p->chunks = mem_realloc(p->chunks, p->cap * sizeof *p->chunks);
        }
        p->chunks[p->count++] = p->cur = mem_alloc(chunk);
        p->left = chunk;
        p->bytes += chunk;
        idx->memory += chunk;
    }
    char *text = p->cur;
    p->cur += size;
    p->left -= size;
    return text;
}

static const char *text_put(SeriesIndex *idx, TextPool *p, Slice value)
{
    uint32_t len = (uint32_t)value.len;
    char *text = pool_take(idx, p, sizeof len + value.len);
    memcpy(text, &len, sizeof len);
    memcpy(text + sizeof len, value.ptr, value.len);
    return text;
}

uint32_t dict_intern(SeriesIndex *idx, TagDict *d, Slice value)
{
    uint32_t code = dict_find(idx, d, value);
    if (code)
        return code;
    if (d->count == d->cap)
        values_resize(idx, d, d->cap ? d->cap * 2 : DICT_CAP_MIN);
    if (d->count * UINT64_C(3) >= d->slot_mask * UINT64_C(2))
        slots_resize(idx, d, (d->slot_mask + 1) * 2);
    code = ++d->count;
    d->texts[code - 1] = text_put(idx, &d->pool, value);
    d->postings[code - 1] = (Posting){0};
    slot_add(d->slots, d->slot_mask, (DictSlot){value_hash(idx, value), code});
    return code;
}

/* Adds an id and, whenever the set has doubled, looks for runs: dense ids make many. */
void bitmap_grow_add(roaring_bitmap_t *bits, uint64_t count_after, uint32_t id)
{
    roaring_bitmap_add(bits, id);
    if (count_after >= 64 && (count_after & (count_after - 1)) == 0)
        roaring_bitmap_run_optimize(bits);
}

static void posting_add(SeriesIndex *idx, Posting *p, uint32_t id)
{
    uint32_t count = p->count;
    if (count == 0) {
        p->one = id;
    } else if (count == 1) {
        uint32_t first = p->one;
        p->u.few = mem_alloc(2 * sizeof(uint32_t));
        p->u.few[0] = first;
        p->u.few[1] = id;
        p->one = 2;
        idx->memory += 2 * sizeof(uint32_t);
    } else if (count < POSTING_FEW_MAX) {
        if (count == p->one) {
            p->one *= 2;
            p->u.few = mem_realloc(p->u.few, p->one * sizeof(uint32_t));
            idx->memory += p->one / 2 * sizeof(uint32_t);
        }
        p->u.few[count] = id;
    } else if (count == POSTING_FEW_MAX) {
        roaring_bitmap_t *many = roaring_bitmap_of_ptr(count, p->u.few);
        mem_free(p->u.few);
        roaring_bitmap_add(many, id);
        p->u.many = many;
        idx->memory += ROARING_BYTES;
    } else {
        bitmap_grow_add(p->u.many, count + 1, id);
        idx->memory += (count & 7) == 0 ? sizeof(uint16_t) : 0; /* most are runs or dense */
    }
    p->count++;
}

void dict_add_series(SeriesIndex *idx, TagDict *d, uint32_t code, uint32_t id)
{
    posting_add(idx, &d->postings[code - 1], id);
}

void bitmap_or_posting(roaring_bitmap_t *bits, const Posting *p)
{
    if (p->count == 1)
        roaring_bitmap_add(bits, p->one);
    else if (p->count <= POSTING_FEW_MAX)
        roaring_bitmap_add_many(bits, p->count, p->u.few);
    else
        roaring_bitmap_or_inplace(bits, p->u.many);
}
