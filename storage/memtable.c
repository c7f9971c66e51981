/* storage/memtable.c - segments: appending rows, publishing them, giving them up. */
#include "storage/memtable_private.h"

#include <stdlib.h>

enum { PAGE_FIRST = 8 << 10, PAGE = 64 << 10, PAGE_OWN_MIN = 16 << 10, SHAPE_SLOTS_MIN = 16 };

Segment *seg_new(Budget *budget)
{
    Segment *s = MEM_NEW(Segment);
    ref_init(&s->ref);
    s->budget = budget;
    s->allocated = sizeof *s;
    atomic_init(&s->t_min, INT64_MAX);
    atomic_init(&s->t_max, INT64_MIN);
    atomic_init(&s->seq_min, UINT64_MAX);
    if (budget)
        budget_charge(budget, (int64_t)s->allocated);
    return s;
}

Segment *seg_ref(Segment *s)
{
    ref_take(&s->ref);
    return s;
}

void seg_unref(Segment *s)
{
    if (!s || !ref_drop(&s->ref))
        return;
    seg_sorted_free(s);
    for (size_t i = 0; i < s->page_count; i++)
        mem_free(s->pages[i]);
    if (s->budget)
        budget_charge(s->budget, -(int64_t)s->allocated);
    mem_free(s->pages);
    mem_free(s->shape_slots);
    mem_free(s);
}

static void *page_new(Segment *s, size_t size)
{
    if (s->page_count == s->page_cap) {
        s->page_cap = s->page_cap * 2 + 8;
        s->pages = mem_realloc(s->pages, s->page_cap * sizeof *s->pages);
    }
    void *page = mem_alloc(size);
    s->pages[s->page_count++] = page;
    s->allocated += size;
    if (s->budget)
        budget_charge(s->budget, (int64_t)size);
    return page;
}

/* 8-byte aligned; lives as long as the segment. */
static void *seg_alloc(Segment *s, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if (size > s->left) {
        if (size >= PAGE_OWN_MIN)
            return page_new(s, size);
        s->left = s->page_count ? PAGE : PAGE_FIRST;
        if (s->left < size)
            s->left = PAGE;
        s->cur = page_new(s, s->left);
    }
    void *ptr = s->cur;
    s->cur += size;
    s->left -= size;
    return ptr;
}

/* ---- tables and shapes ---- */

static size_t table_bucket(TableId table)
{
    return hash_mix(table, 0) & (TABLE_BUCKETS - 1);
}

SegTable *seg_table(const Segment *s, TableId table)
{
    SegTable *t = atomic_load_explicit(&s->tables[table_bucket(table)], memory_order_acquire);
    while (t && t->id != table)
        t = t->next;
    return t;
}

static SegTable *table_of(Segment *s, TableId table)
{
    if (s->last_table && s->last_table->id == table)
        return s->last_table;
    SegTable *t = seg_table(s, table);
    if (!t) {
        _Atomic(SegTable *) *bucket = &s->tables[table_bucket(table)];
        t = seg_alloc(s, sizeof *t);
        t->id = table;
        t->next = atomic_load_explicit(bucket, memory_order_relaxed);
        atomic_init(&t->t_min, INT64_MAX);
        atomic_init(&t->t_max, INT64_MIN);
        atomic_init(&t->head, 0);
        atomic_init(&t->rows, 0);
        atomic_store_explicit(bucket, t, memory_order_release);
    }
    s->last_table = t;
    return t;
}

static void shape_slots_grow(Segment *s)
{
    size_t mask = s->shape_slots ? s->shape_mask * 2 + 1 : SHAPE_SLOTS_MIN - 1;
    SegShape **slots = mem_zero((mask + 1) * sizeof(SegShape *));
    for (size_t i = 0; s->shape_slots && i <= s->shape_mask; i++) {
        if (!s->shape_slots[i])
            continue;
        size_t k = s->shape_slots[i]->hash & mask;
        while (slots[k])
            k = (k + 1) & mask;
        slots[k] = s->shape_slots[i];
    }
    mem_free(s->shape_slots);
    s->shape_slots = slots;
    s->shape_mask = mask;
}

static int u32_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static SegShape *shape_make(Segment *s, const RowShape *from)
{
    size_t keys_size = from->count * sizeof(uint32_t);
    SegShape *shape = seg_alloc(s, sizeof *shape + 2 * keys_size);
    uint32_t *sorted = shape->keys + from->count;
    *shape = (SegShape){
        .table = from->table, .count = from->count, .strings = from->strings, .hash = from->hash};
    memcpy(shape->keys, from->keys, keys_size);
    for (uint32_t i = 0; i < from->count; i++)
        sorted[i] = (uint32_t)shape_key_id(from->keys[i]) << 16 | i;
    qsort(sorted, from->count, sizeof *sorted, u32_compare);
    shape->sorted = sorted;
    if (shape_marks(shape))
        atomic_store_explicit(&s->marks, true, memory_order_relaxed);
    return shape;
}

static const SegShape *shape_of(Segment *s, const RowShape *from)
{
    if (s->shape_count * 2 >= s->shape_mask)
        shape_slots_grow(s);
    size_t i = from->hash & s->shape_mask;
    for (; s->shape_slots[i]; i = (i + 1) & s->shape_mask) {
        const SegShape *k = s->shape_slots[i];
        if (k->hash == from->hash && k->table == from->table && k->count == from->count &&
            memcmp(k->keys, from->keys, from->count * sizeof from->keys[0]) == 0)
            return k;
    }
    s->shape_count++;
    return s->shape_slots[i] = shape_make(s, from);
}

/* ---- appending ---- */

/* Where texts of the batch stand in the segment already: equal ones share their bytes there, too. */
enum { TEXTS_KNOWN = 256 };
typedef struct KnownText {
    uint64_t slot; /* of the batch, + 1; 0: free */
    const char *text;
} KnownText;

static inline KnownText *known_text(KnownText *known, uint64_t slot)
{
    return &known[hash_mix(slot, 0) & (TEXTS_KNOWN - 1)];
}

/* Copies texts that are not known yet and lets the slots point at them. */
static size_t texts_copy(Segment *s, const WriteBatch *wb, const RowShape *shape, uint64_t *slots,
                         const uint64_t *nulls, KnownText *known)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < shape->count; i++) {
        if (shape_key_type(shape->keys[i]) != PHYS_STR || (nulls && bitmap_get(nulls, i)))
            continue;
        KnownText *k = known_text(known, slots[i]);
        if (k->slot != slots[i] + 1) {
            Slice v = wb_string(wb, slots[i]);
            uint32_t len = (uint32_t)v.len;
            char *to = seg_alloc(s, sizeof len + v.len);
            memcpy(to, &len, sizeof len);
            memcpy(to + sizeof len, v.ptr, v.len);
            *k = (KnownText){.slot = slots[i] + 1, .text = to};
            bytes += sizeof len + v.len;
        }
        slots[i] = (uint64_t)(uintptr_t)k->text;
    }
    return bytes;
}

static const uint64_t *row_copy(Segment *s, const WriteBatch *wb, const BatchRow *row,
                                const RowShape *from, const SegShape *shape, KnownText *known)
{
    const uint64_t *slots = batch_row_slots(row);
    const uint64_t *nulls = row->has_nulls ? slots + from->count : NULL;
    size_t words = from->count + (nulls ? BITMAP_WORDS(from->count) : 0);
    size_t size = (1 + words) * sizeof(uint64_t);
    uint64_t *data = seg_alloc(s, size);
    data[0] = (uint64_t)(uintptr_t)shape | row->has_nulls;
    memcpy(data + 1, slots, words * sizeof(uint64_t));
    if (from->strings)
        size += texts_copy(s, wb, from, data + 1, nulls, known);
    atomic_store_explicit(&s->bytes, atomic_load_explicit(&s->bytes, memory_order_relaxed) + size,
                          memory_order_relaxed);
    return data;
}

static inline void bounds_widen(_Atomic int64_t *t_min, _Atomic int64_t *t_max, int64_t time)
{
    if (time < atomic_load_explicit(t_min, memory_order_relaxed))
        atomic_store_explicit(t_min, time, memory_order_relaxed);
    if (time > atomic_load_explicit(t_max, memory_order_relaxed))
        atomic_store_explicit(t_max, time, memory_order_relaxed);
}

static void row_link(Segment *s, uint32_t row, SegTable *t, RowMeta *m)
{
    _Atomic uint32_t *bucket = &s->series_heads[series_bucket(m->series)];
    m->before_in_bucket = atomic_load_explicit(bucket, memory_order_relaxed);
    m->before_in_table = atomic_load_explicit(&t->head, memory_order_relaxed);
    atomic_store_explicit(bucket, row + 1, memory_order_release);
    atomic_store_explicit(&t->head, row + 1, memory_order_release);
    atomic_store_explicit(&t->rows, atomic_load_explicit(&t->rows, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    bounds_widen(&t->t_min, &t->t_max, m->time);
}

bool seg_full(const Segment *s)
{
    return atomic_load_explicit(&s->rows, memory_order_relaxed) >= SEGMENT_ROWS ||
           atomic_load_explicit(&s->bytes, memory_order_relaxed) >= SEGMENT_BYTES;
}

static void seq_widen(Segment *s, Lsn seq)
{
    if (seq < atomic_load_explicit(&s->seq_min, memory_order_relaxed))
        atomic_store_explicit(&s->seq_min, seq, memory_order_relaxed);
    if (seq > atomic_load_explicit(&s->seq_max, memory_order_relaxed))
        atomic_store_explicit(&s->seq_max, seq, memory_order_relaxed);
}

size_t seg_append(Segment *s, const WriteBatch *wb, size_t from, Lsn seq)
{
    size_t rows = wb_rows(wb), at = atomic_load_explicit(&s->rows, memory_order_relaxed);
    const RowShape *last = NULL;
    const SegShape *shape = NULL;
    int64_t t_min = INT64_MAX, t_max = INT64_MIN;
    size_t first = from;
    KnownText known[TEXTS_KNOWN];
    bool knows = false;
    for (; from < rows && at < SEGMENT_ROWS; from++, at++) {
        if (atomic_load_explicit(&s->bytes, memory_order_relaxed) >= SEGMENT_BYTES)
            break;
        const BatchRow *row = wb_row_at(wb, from);
        const RowShape *row_shape_now = wb_shape(wb, row->shape);
        if (row_shape_now != last) {
            last = row_shape_now;
            shape = shape_of(s, last);
        }
        if (last->strings && !knows) {
            memset(known, 0, sizeof known);
            knows = true;
        }
        if (at % META_CHUNK == 0 && !s->meta[at / META_CHUNK])
            s->meta[at / META_CHUNK] = page_new(s, META_CHUNK * sizeof(RowMeta));
        RowMeta *m = seg_meta(s, (uint32_t)at);
        *m = (RowMeta){.series = row->series, .time = row->time, .seq = seq, .table = last->table};
        m->data = row_copy(s, wb, row, last, shape, known);
        row_link(s, (uint32_t)at, table_of(s, last->table), m);
        t_min = row->time < t_min ? row->time : t_min;
        t_max = row->time > t_max ? row->time : t_max;
    }
    if (from > first) {
        bounds_widen(&s->t_min, &s->t_max, t_min);
        bounds_widen(&s->t_min, &s->t_max, t_max);
        seq_widen(s, seq);
    }
    atomic_store_explicit(&s->rows, at, memory_order_release);
    return from;
}

void seg_truncate(Segment *s, size_t rows)
{
    seg_sorted_retire(s);
    size_t at = atomic_load_explicit(&s->rows, memory_order_relaxed);
    must(rows <= at);
    while (at > rows) {
        const RowMeta *m = seg_meta(s, (uint32_t)--at);
        SegTable *t = seg_table(s, m->table);
        atomic_store_explicit(&s->series_heads[series_bucket(m->series)], m->before_in_bucket,
                              memory_order_release);
        atomic_store_explicit(&t->head, m->before_in_table, memory_order_release);
        atomic_store_explicit(&t->rows, atomic_load_explicit(&t->rows, memory_order_relaxed) - 1,
                              memory_order_relaxed);
    }
    atomic_store_explicit(&s->rows, rows, memory_order_release);
}

/* ---- about a segment ---- */

size_t seg_rows(const Segment *s)
{
    return atomic_load_explicit(&s->rows, memory_order_acquire);
}

size_t seg_bytes(const Segment *s)
{
    return atomic_load_explicit(&s->bytes, memory_order_relaxed);
}

void seg_bounds(const Segment *s, Lsn *seq_min, Lsn *seq_max, int64_t *t_min, int64_t *t_max)
{
    *seq_min = atomic_load_explicit(&s->seq_min, memory_order_relaxed);
    *seq_max = atomic_load_explicit(&s->seq_max, memory_order_relaxed);
    *t_min = atomic_load_explicit(&s->t_min, memory_order_relaxed);
    *t_max = atomic_load_explicit(&s->t_max, memory_order_relaxed);
}

Lsn seg_row_seq(const Segment *s, uint32_t row)
{
    return seg_meta(s, row)->seq;
}

bool seg_has_marks(const Segment *s)
{
    return atomic_load_explicit(&s->marks, memory_order_relaxed);
}

bool seg_row_mark(const Segment *s, uint32_t row)
{
    return shape_marks(row_shape(seg_meta(s, row)->data));
}

int64_t seg_row_id(const Segment *s, uint32_t row)
{
    const uint64_t *data = seg_meta(s, row)->data;
    const SegShape *shape = row_shape(data);
    uint32_t place = shape_place(shape, COLUMN_ROW);
    return place < shape->count && shape->keys[place] == SHAPE_KEY(COLUMN_ROW, PHYS_I64)
               ? (int64_t)data[1 + place]
               : 0;
}

size_t seg_table_rows(const Segment *s, TableId table)
{
    const SegTable *t = seg_table(s, table);
    return t ? atomic_load_explicit(&t->rows, memory_order_relaxed) : 0;
}

bool seg_has_table(const Segment *s, size_t rows, TableId table, int64_t *t_min, int64_t *t_max)
{
    const SegTable *t = rows ? seg_table(s, table) : NULL;
    if (!t)
        return false;
    /* The chain leads from the newest row down; the table is there if it has a row below `rows`. */
    uint32_t link = atomic_load_explicit(&t->head, memory_order_acquire);
    while (link && link - 1 >= rows)
        link = seg_meta(s, link - 1)->before_in_table;
    *t_min = atomic_load_explicit(&t->t_min, memory_order_relaxed);
    *t_max = atomic_load_explicit(&t->t_max, memory_order_relaxed);
    return link;
}
