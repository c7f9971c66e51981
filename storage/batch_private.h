/* storage/batch_private.h - rows as a WriteBatch holds them; shared with the memtable.
 *
 * A shape is a table and the columns of a row in their order of arrival, each with its type.  Rows
 * are a head and one 8-byte slot a column, in one block of memory:
 *   BatchRow | slot * shape->count | null bits (BITMAP_WORDS(count) words, only if has_nulls)
 * A slot holds an int64, the bits of a double, 0 or 1, or the offset of a string in `strings`
 * (u32 length, then the bytes; slots of equal texts often share it).  The slot of a null is 0.
 * Threads: as batch.h. */
#ifndef SKULK_STORAGE_BATCH_PRIVATE_H
#define SKULK_STORAGE_BATCH_PRIVATE_H

#include "storage/batch.h"

/* A column of a shape: id and type in one number, never 0.  PHYS_NONE: only nulls were seen. */
#define SHAPE_KEY(id, type) ((uint32_t)(id) << 3 | (uint32_t)(type))
static inline ColumnId shape_key_id(uint32_t key)
{
    return (ColumnId)(key >> 3);
}
static inline PhysType shape_key_type(uint32_t key)
{
    return (PhysType)(key & 7);
}

struct RowShape {
    TableId table;
    uint32_t count;   /* columns */
    uint32_t strings; /* of them texts */
    uint32_t number;  /* in its batch */
    uint64_t hash;
    uint32_t keys[]; /* count, then a 0 */
};

typedef struct BatchRow {
    SeriesId series;
    int64_t time;
    uint32_t shape;
    uint32_t has_nulls;
} BatchRow;
_Static_assert(sizeof(BatchRow) == 24, "slots follow at once");

typedef struct TableShape { /* the shape that the table's last row had */
    TableId table;
    const RowShape *shape; /* NULL: free slot */
} TableShape;

enum { RECENT_TEXTS_BITS = 9, RECENT_TEXTS = 1 << RECENT_TEXTS_BITS };

struct WriteBatch {
    Buf rows, strings;
    uint64_t recent[RECENT_TEXTS]; /* by hash: offset of a text put before; may be out of date */
    Buf row_at;                    /* uint32_t: where each row begins, in 8-byte words */
    Arena shape_memory;            /* shapes outlive wb_clear */
    Buf shapes;                    /* const RowShape *: by number */
    uint32_t *shape_slots;         /* open addressing: number + 1 */
    size_t shape_mask;
    TableShape *table_slots; /* open addressing by table */
    size_t table_mask, table_count;

    /* the row begun last */
    bool open, loose, nulls_used;
    TableId table;
    const RowShape *shape; /* what the row is expected to be */
    const uint32_t *next;  /* the key expected next; a 0 at its end and in loose mode */
    uint64_t *slot;        /* where its value goes */
    size_t strings_mark;
    /* loose mode: the row differs from the expected shape */
    uint32_t *keys;
    uint64_t *values;
    size_t loose_count, loose_cap;
    uint32_t *position; /* by column id: where in keys (checked there, so never cleared) */
    size_t position_cap;
    uint64_t nulls[BITMAP_WORDS(COLUMNS_MAX)];
};

static inline const RowShape *wb_shape(const WriteBatch *wb, uint32_t number)
{
    return ((const RowShape *const *)(const void *)wb->shapes.ptr)[number];
}
static inline const BatchRow *wb_row_at(const WriteBatch *wb, size_t i)
{
    uint32_t word = ((const uint32_t *)(const void *)wb->row_at.ptr)[i];
    return (const BatchRow *)(const void *)(wb->rows.ptr + (size_t)word * 8);
}
static inline const uint64_t *batch_row_slots(const BatchRow *row)
{
    return (const uint64_t *)(row + 1);
}
static inline Slice wb_string(const WriteBatch *wb, uint64_t slot)
{
    uint32_t len;
    memcpy(&len, wb->strings.ptr + slot, sizeof len);
    return (Slice){wb->strings.ptr + slot + sizeof len, len};
}

/* Finds or makes the shape. */
const RowShape *wb_shape_intern(WriteBatch *wb, TableId table, const uint32_t *keys,
                                uint32_t count);
uint64_t shape_hash(TableId table, const uint32_t *keys, uint32_t count);
/* Room for a row of this shape at the end of rows; the head is filled, slots are not. */
uint64_t *wb_row_begin(WriteBatch *wb, const RowShape *shape, SeriesId series, int64_t time);
/* Takes the row in: end is behind its last slot; nulls may be NULL. */
void wb_row_commit(WriteBatch *wb, const RowShape *shape, uint64_t *end, const uint64_t *nulls);
uint64_t wb_string_append(WriteBatch *wb, Slice v);

#endif
