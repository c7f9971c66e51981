/* storage/memtable_private.h - a segment inside.
 *
 * The writer fills a row's data and its RowMeta, links the row into two chains (rows of one table,
 * rows of one bucket of series), newest first, and then raises the published row count.
 * Readers follow the chains from the heads (acquire) and pass over rows at or above their watermark;
 * nothing that a link or the count has made visible is ever changed or moved.
 * Row data: word 0 = SegShape * | has_nulls, then a slot per column, then the null bits if there
 * are any.  A slot is as in batch_private.h, but a text is a pointer to u32 length + bytes. */
#ifndef SKULK_STORAGE_MEMTABLE_PRIVATE_H
#define SKULK_STORAGE_MEMTABLE_PRIVATE_H

#include "storage/batch_private.h"
#include "storage/memtable.h"

enum {
    META_CHUNK_BITS = 8,
    META_CHUNK = 1 << META_CHUNK_BITS,
    SERIES_BUCKETS = 8192,
    TABLE_BUCKETS = 1024,
};

typedef struct SegShape {
    TableId table;
    uint32_t count;
    uint32_t strings;
    uint64_t hash;
    const uint32_t *sorted; /* id << 16 | place, ascending */
    uint32_t keys[];        /* SHAPE_KEY, in place order */
} SegShape;

typedef struct RowMeta {
    SeriesId series;
    int64_t time;
    Lsn seq;
    const uint64_t *data;
    TableId table;
    uint32_t before_in_bucket; /* row + 1; 0 = none */
    uint32_t before_in_table;
} RowMeta;

typedef struct SegTable {
    TableId id;
    struct SegTable *next; /* in its bucket */
    _Atomic int64_t t_min, t_max;
    _Atomic uint32_t head; /* newest row + 1 */
    _Atomic uint32_t rows;
} SegTable;

struct Segment {
    Ref ref;
    Budget *budget;
    _Atomic size_t rows;  /* published */
    _Atomic size_t bytes; /* of row data */
    _Atomic int64_t t_min, t_max;
    _Atomic Lsn seq_min, seq_max;
    atomic_bool marks;           /* a shape with COLUMN_MARK was seen */
    _Atomic(SegSorted *) sorted; /* made by the first reader who wants it; charged to the budget */
    RowMeta *meta[SEGMENT_ROWS / META_CHUNK];
    _Atomic uint32_t series_heads[SERIES_BUCKETS]; /* row + 1 */
    _Atomic(SegTable *) tables[TABLE_BUCKETS];

    /* the writer's own */
    void **pages;
    size_t page_count, page_cap, allocated;
    char *cur;
    size_t left;
    SegShape **shape_slots;
    size_t shape_count, shape_mask;
    SegSorted *retired;
    SegTable *last_table;
};

static inline RowMeta *seg_meta(const Segment *s, uint32_t row)
{
    return &s->meta[row >> META_CHUNK_BITS][row & (META_CHUNK - 1)];
}
static inline const SegShape *row_shape(const uint64_t *data)
{
    return (const SegShape *)(uintptr_t)(data[0] & ~UINT64_C(1));
}
static inline bool row_has_nulls(const uint64_t *data)
{
    return data[0] & 1;
}
static inline const uint64_t *row_nulls(const uint64_t *data, const SegShape *shape)
{
    return row_has_nulls(data) ? data + 1 + shape->count : NULL;
}
static inline Slice slot_string(uint64_t slot)
{
    const char *text = (const char *)(uintptr_t)slot;
    uint32_t len;
    memcpy(&len, text, sizeof len);
    return (Slice){text + sizeof len, len};
}
static inline uint32_t series_bucket(SeriesId id)
{
    return (uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 51);
}
_Static_assert(SERIES_BUCKETS == 1 << (64 - 51), "series_bucket gives 13 bits");

SegTable *seg_table(const Segment *s, TableId table); /* NULL: has no row of it */

/* ---- memtable_read.c ---- */
/* Place of the column in the shape; shape->count: not there. */
uint32_t shape_place(const SegShape *shape, ColumnId col);
static inline bool shape_marks(const SegShape *shape) /* COLUMN_MARK is the greatest id */
{
    return shape->count && shape->sorted[shape->count - 1] >> 16 == COLUMN_MARK;
}
/* The value as another type; false: has no meaning there. */
bool slot_convert(PhysType from, uint64_t slot, PhysType to, uint64_t *out);
/* By (series, time, order).  tmp: room for n rows. */
void seg_rows_sort(SegRow *rows, SegRow *tmp, size_t n);
void seg_sorted_free(Segment *s);
void seg_sorted_retire(Segment *s);

#endif
