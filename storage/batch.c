/* storage/batch.c - building a WriteBatch.
 *
 * The common row has the columns of the table's last row: then each value is one comparison and
 * one store (`next` and `slot` walk along the shape).  The first difference turns the row loose:
 * its columns are collected and looked up as a shape at the end of the row. */
#include "storage/batch_private.h"

enum { SHAPES_KEPT_MAX = 4096, SHAPE_SLOTS_MIN = 64 };

static const uint32_t no_key[1];
static const RowShape shape_none = {
    .keys = {0}}; /* before the first row of a table: no column expected */

WriteBatch *wb_new(void)
{
    WriteBatch *wb = MEM_NEW(WriteBatch);
    arena_init(&wb->shape_memory, NULL);
    wb->next = no_key;
    wb->shape = &shape_none;
    return wb;
}

static void forget_shapes(WriteBatch *wb)
{
    arena_reset(&wb->shape_memory);
    buf_clear(&wb->shapes);
    mem_free(wb->shape_slots);
    mem_free(wb->table_slots);
    wb->shape_slots = NULL;
    wb->table_slots = NULL;
    wb->shape_mask = wb->table_mask = wb->table_count = 0;
    wb->table = 0;
    wb->shape = &shape_none;
}

void wb_free(WriteBatch *wb)
{
    if (!wb)
        return;
    forget_shapes(wb);
    arena_free(&wb->shape_memory);
    buf_free(&wb->rows);
    buf_free(&wb->strings);
    buf_free(&wb->row_at);
    buf_free(&wb->shapes);
    mem_free(wb->keys);
    mem_free(wb->values);
    mem_free(wb->position);
    mem_free(wb);
}

static size_t shape_count(const WriteBatch *wb)
{
    return wb->shapes.len / sizeof(RowShape *);
}

void wb_clear(WriteBatch *wb)
{
    buf_clear(&wb->rows);
    buf_clear(&wb->strings);
    buf_clear(&wb->row_at);
    wb->open = false;
    if (shape_count(wb) > SHAPES_KEPT_MAX)
        forget_shapes(wb);
}

/* ---- shapes ---- */

uint64_t shape_hash(TableId table, const uint32_t *keys, uint32_t count)
{
    return hash64(keys, count * sizeof *keys, table);
}

static void shape_slots_grow(WriteBatch *wb)
{
    size_t slots = wb->shape_slots ? (wb->shape_mask + 1) * 2 : SHAPE_SLOTS_MIN;
    mem_free(wb->shape_slots);
    wb->shape_slots = mem_zero(slots * sizeof *wb->shape_slots);
    wb->shape_mask = slots - 1;
    for (uint32_t k = 0; k < shape_count(wb); k++) {
        size_t i = wb_shape(wb, k)->hash & wb->shape_mask;
        while (wb->shape_slots[i])
            i = (i + 1) & wb->shape_mask;
        wb->shape_slots[i] = k + 1;
    }
}

static const RowShape *shape_make(WriteBatch *wb, TableId table, const uint32_t *keys,
                                  uint32_t count, uint64_t hash)
{
    RowShape *s = arena_alloc(&wb->shape_memory, sizeof *s + (count + 1) * sizeof s->keys[0]);
    *s = (RowShape){
        .table = table, .count = count, .number = (uint32_t)shape_count(wb), .hash = hash};
    for (uint32_t i = 0; i < count; i++) {
        s->keys[i] = keys[i];
        s->strings += shape_key_type(keys[i]) == PHYS_STR;
    }
    s->keys[count] = 0;
    buf_put(&wb->shapes, &s, sizeof s);
    return s;
}

const RowShape *wb_shape_intern(WriteBatch *wb, TableId table, const uint32_t *keys, uint32_t count)
{
    must(count <= COLUMNS_MAX);
    if (shape_count(wb) * 2 >= wb->shape_mask)
        shape_slots_grow(wb);
    uint64_t hash = shape_hash(table, keys, count);
    size_t i = hash & wb->shape_mask;
    for (; wb->shape_slots[i]; i = (i + 1) & wb->shape_mask) {
        const RowShape *s = wb_shape(wb, wb->shape_slots[i] - 1);
        if (s->hash == hash && s->table == table && s->count == count &&
            memcmp(s->keys, keys, count * sizeof *keys) == 0)
            return s;
    }
    const RowShape *s = shape_make(wb, table, keys, count, hash);
    wb->shape_slots[i] = s->number + 1;
    return s;
}

static TableShape *table_slot(const WriteBatch *wb, TableId table)
{
    size_t i = hash_mix(table, 0) & wb->table_mask;
    while (wb->table_slots[i].shape && wb->table_slots[i].table != table)
        i = (i + 1) & wb->table_mask;
    return &wb->table_slots[i];
}

static void table_slots_grow(WriteBatch *wb)
{
    TableShape *old = wb->table_slots;
    size_t old_slots = old ? wb->table_mask + 1 : 0;
    size_t slots = old ? old_slots * 2 : SHAPE_SLOTS_MIN;
    wb->table_slots = mem_zero(slots * sizeof *old);
    wb->table_mask = slots - 1;
    for (size_t i = 0; i < old_slots; i++)
        if (old[i].shape)
            *table_slot(wb, old[i].table) = old[i];
    mem_free(old);
}

/* The shape of the current table changed: remember it for the table's next row. */
static void table_remember(WriteBatch *wb, const RowShape *shape)
{
    wb->shape = shape;
    if (wb->table_count * 2 >= wb->table_mask)
        table_slots_grow(wb);
    TableShape *t = table_slot(wb, wb->table);
    wb->table_count += !t->shape;
    *t = (TableShape){wb->table, shape};
}

static void table_switch(WriteBatch *wb, TableId table)
{
    wb->table = table;
    const TableShape *t = wb->table_slots ? table_slot(wb, table) : NULL;
    wb->shape = t && t->shape ? t->shape : &shape_none;
}

/* ---- rows ---- */

static inline void rows_reserve(WriteBatch *wb, size_t more)
{
    if (wb->rows.cap - wb->rows.len < more)
        buf_reserve(&wb->rows, more);
}

uint64_t *wb_row_begin(WriteBatch *wb, const RowShape *shape, SeriesId series, int64_t time)
{
    rows_reserve(wb,
                 sizeof(BatchRow) + (shape->count + BITMAP_WORDS(shape->count)) * sizeof(uint64_t));
    BatchRow *row = (BatchRow *)(void *)(wb->rows.ptr + wb->rows.len);
    *row = (BatchRow){.series = series, .time = time, .shape = shape->number};
    return (uint64_t *)(row + 1);
}

void wb_row_commit(WriteBatch *wb, const RowShape *shape, uint64_t *end, const uint64_t *nulls)
{
    BatchRow *row = (BatchRow *)(void *)(wb->rows.ptr + wb->rows.len);
    row->shape = shape->number;
    if (nulls) {
        row->has_nulls = 1;
        memcpy(end, nulls, BITMAP_WORDS(shape->count) * sizeof *nulls);
        end += BITMAP_WORDS(shape->count);
    }
    uint32_t word = (uint32_t)(wb->rows.len / 8);
    if (wb->row_at.cap - wb->row_at.len < sizeof word)
        buf_reserve(&wb->row_at, sizeof word);
    memcpy(wb->row_at.ptr + wb->row_at.len, &word, sizeof word);
    wb->row_at.len += sizeof word;
    wb->rows.len = (size_t)((char *)end - wb->rows.ptr);
}

void wb_row(WriteBatch *wb, TableId table, SeriesId series, int64_t time_ns)
{
    must(!wb->open);
    if (table != wb->table)
        table_switch(wb, table);
    wb->slot = wb_row_begin(wb, wb->shape, series, time_ns);
    wb->next = wb->shape->keys;
    wb->strings_mark = wb->strings.len;
    wb->open = true;
    wb->loose = false;
    if (wb->nulls_used) {
        memset(wb->nulls, 0, sizeof wb->nulls);
        wb->nulls_used = false;
    }
}

/* Values put so far. */
static size_t row_count(const WriteBatch *wb)
{
    if (wb->loose)
        return wb->loose_count;
    return (size_t)(wb->next - wb->shape->keys);
}

static void loose_reserve(WriteBatch *wb, size_t count)
{
    if (count <= wb->loose_cap)
        return;
    wb->loose_cap = count + wb->loose_cap;
    wb->keys = mem_realloc(wb->keys, wb->loose_cap * sizeof *wb->keys);
    wb->values = mem_realloc(wb->values, wb->loose_cap * sizeof *wb->values);
}

static void loose_append(WriteBatch *wb, uint32_t key, uint64_t value)
{
    size_t id = shape_key_id(key);
    if (id >= wb->position_cap) {
        size_t cap = id + 1 + wb->position_cap;
        wb->position = mem_realloc(wb->position, cap * sizeof *wb->position);
        memset(wb->position + wb->position_cap, 0, (cap - wb->position_cap) * sizeof *wb->position);
        wb->position_cap = cap;
    }
    loose_reserve(wb, wb->loose_count + 1);
    wb->keys[wb->loose_count] = key;
    wb->values[wb->loose_count] = value;
    wb->position[id] = (uint32_t)wb->loose_count++;
}

/* The row is not what the shape says: go on collecting. */
static void row_loosen(WriteBatch *wb)
{
    const uint32_t *keys = wb->shape->keys;
    size_t count = row_count(wb);
    const uint64_t *slots = wb->slot - count;
    wb->loose = true;
    wb->loose_count = 0;
    loose_reserve(wb, 1); /* a row may have no column at all */
    for (size_t i = 0; i < count; i++)
        loose_append(wb, keys[i], slots[i]);
    wb->next = no_key;
}

/* Where a loose value of this column goes; makes it last if it is new. */
static size_t loose_place(WriteBatch *wb, uint32_t key)
{
    must(wb->open);
    if (!wb->loose)
        row_loosen(wb);
    ColumnId id = shape_key_id(key);
    if (id < wb->position_cap) {
        uint32_t at = wb->position[id];
        if (at < wb->loose_count && shape_key_id(wb->keys[at]) == id) {
            wb->keys[at] = key;
            return at;
        }
    }
    must(wb->loose_count < COLUMNS_MAX);
    loose_append(wb, key, 0);
    return wb->loose_count - 1;
}

static void loose_put(WriteBatch *wb, uint32_t key, uint64_t value)
{
    size_t at = loose_place(wb, key);
    wb->values[at] = value;
    bitmap_clear(wb->nulls, at);
}

bool wb_row_has(const WriteBatch *wb, ColumnId col)
{
    const uint32_t *keys = wb->loose ? wb->keys : wb->shape->keys;
    for (size_t i = 0, n = row_count(wb); i < n; i++)
        if (shape_key_id(keys[i]) == col)
            return true;
    return false;
}

static inline void put(WriteBatch *wb, uint32_t key, uint64_t value)
{
    if (*wb->next == key) {
        *wb->slot++ = value;
        wb->next++;
    } else {
        loose_put(wb, key, value);
    }
}

void wb_i64(WriteBatch *wb, ColumnId col, int64_t v)
{
    put(wb, SHAPE_KEY(col, PHYS_I64), (uint64_t)v);
}

void wb_f64(WriteBatch *wb, ColumnId col, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(wb, SHAPE_KEY(col, PHYS_F64), bits);
}

void wb_bool(WriteBatch *wb, ColumnId col, bool v)
{
    put(wb, SHAPE_KEY(col, PHYS_BOOL), v);
}

/* Texts that differ mostly differ in length or in the bytes at their ends. */
static size_t recent_place(Slice v)
{
    uint64_t head = 0, tail = 0;
    uint32_t half[2] = {0};
    if (v.len >= sizeof head) {
        memcpy(&head, v.ptr, sizeof head);
        memcpy(&tail, v.ptr + v.len - sizeof tail, sizeof tail);
    } else if (v.len >= sizeof half[0]) {
        memcpy(&half[0], v.ptr, sizeof half[0]);
        memcpy(&half[1], v.ptr + v.len - sizeof half[1], sizeof half[1]);
        head = (uint64_t)half[0] << 32 | half[1];
    } else if (v.len) {
        head = (uint64_t)(unsigned char)v.ptr[0] << 16 |
               (uint64_t)(unsigned char)v.ptr[v.len / 2] << 8 | (unsigned char)v.ptr[v.len - 1];
    }
    return hash_mix(head ^ v.len, tail) >>
           (64 - RECENT_TEXTS_BITS); /* all bytes reach the high bits */
}

uint64_t wb_string_append(WriteBatch *wb, Slice v)
{
    uint32_t len = (uint32_t)v.len;
    size_t at = wb->strings.len;
    buf_reserve(&wb->strings, sizeof len + v.len);
    memcpy(wb->strings.ptr + at, &len, sizeof len);
    if (v.len)
        memcpy(wb->strings.ptr + at + sizeof len, v.ptr, v.len);
    wb->strings.len += sizeof len + v.len;
    return at;
}

/* Rows that were given up leave offsets behind at which anything may stand by now: only the bytes tell. */
static inline bool text_at(const WriteBatch *wb, uint64_t at, Slice v)
{
    uint32_t len = (uint32_t)v.len;
    return at + sizeof len + v.len <= wb->strings.len &&
           memcmp(wb->strings.ptr + at, &len, sizeof len) == 0 &&
           memcmp(wb->strings.ptr + at + sizeof len, v.ptr, v.len) == 0;
}

/* What was put before is used again, if it is among the last two of its place. */
static uint64_t string_put(WriteBatch *wb, Slice v)
{
    size_t place = recent_place(v);
    uint64_t *last = &wb->recent[place], *before = &wb->recent[place ^ 1];
    if (text_at(wb, *last, v))
        return *last;
    if (text_at(wb, *before, v))
        return *before;
    *before = *last;
    return *last = wb_string_append(wb, v);
}

void wb_str(WriteBatch *wb, ColumnId col, Slice v)
{
    put(wb, SHAPE_KEY(col, PHYS_STR), string_put(wb, v));
}

void wb_null(WriteBatch *wb, ColumnId col)
{
    wb->nulls_used = true;
    if (shape_key_id(*wb->next) == col) {
        bitmap_set(wb->nulls, row_count(wb));
        *wb->slot++ = 0;
        wb->next++;
        return;
    }
    size_t at = loose_place(wb, SHAPE_KEY(col, PHYS_NONE));
    wb->values[at] = 0;
    bitmap_set(wb->nulls, at);
}

void wb_delete(WriteBatch *wb)
{
    wb_bool(wb, COLUMN_MARK, true);
}

void wb_row_cancel(WriteBatch *wb)
{
    must(wb->open);
    wb->strings.len = wb->strings_mark;
    wb->open = false;
    wb->next = no_key;
}

static bool any_null(const WriteBatch *wb, size_t count)
{
    for (size_t i = 0; wb->nulls_used && i < BITMAP_WORDS(count); i++)
        if (wb->nulls[i])
            return true;
    return false;
}

/* A loose row gets its own shape.  Columns of which only a null was seen take the type that the
 * expected shape has in their place, so that rows with nulls here and there share one shape. */
static void loose_end(WriteBatch *wb)
{
    const RowShape *expected = wb->shape;
    uint32_t count = (uint32_t)wb->loose_count;
    for (uint32_t i = 0; i < count && i < expected->count; i++)
        if (shape_key_type(wb->keys[i]) == PHYS_NONE &&
            shape_key_id(expected->keys[i]) == shape_key_id(wb->keys[i]))
            wb->keys[i] = expected->keys[i];
    const RowShape *shape = wb_shape_intern(wb, wb->table, wb->keys, count);
    const BatchRow *row = (const BatchRow *)(void *)(wb->rows.ptr + wb->rows.len);
    uint64_t *slots = wb_row_begin(wb, shape, row->series, row->time);
    memcpy(slots, wb->values, count * sizeof *slots);
    wb_row_commit(wb, shape, slots + count, any_null(wb, count) ? wb->nulls : NULL);
    table_remember(wb, shape);
}

void wb_row_end(WriteBatch *wb)
{
    must(wb->open);
    if (!wb->loose && (*wb->next || wb->shape == &shape_none))
        row_loosen(wb);
    if (wb->loose)
        loose_end(wb);
    else
        wb_row_commit(wb, wb->shape, wb->slot, any_null(wb, wb->shape->count) ? wb->nulls : NULL);
    wb->open = false;
    wb->next = no_key;
}

void wb_row_time(WriteBatch *wb, int64_t time_ns)
{
    must(wb->open);
    ((BatchRow *)(void *)(wb->rows.ptr + wb->rows.len))->time = time_ns;
}

/* ---- rows of a known shape ---- */

const RowShape *wb_last_shape(const WriteBatch *wb)
{
    size_t rows = wb_rows(wb);
    if (!rows)
        return NULL;
    const BatchRow *row = wb_row_at(wb, rows - 1);
    return row->has_nulls ? NULL : wb_shape(wb, row->shape);
}

const RowShape *wb_shape_of(WriteBatch *wb, TableId table, ColumnId col, PhysType type)
{
    return wb_shape_intern(wb, table, &(uint32_t){SHAPE_KEY(col, type)}, 1);
}

uint32_t wb_shape_columns(const RowShape *shape)
{
    return shape->count;
}

bool wb_shape_has(const RowShape *shape, uint32_t place, ColumnId col, PhysType type)
{
    return place < shape->count && shape->keys[place] == SHAPE_KEY(col, type);
}

uint64_t *wb_shaped_row(WriteBatch *wb, const RowShape *shape)
{
    must(!wb->open);
    wb->strings_mark = wb->strings.len;
    rows_reserve(wb, sizeof(BatchRow) + shape->count * sizeof(uint64_t));
    return (uint64_t *)(void *)(wb->rows.ptr + wb->rows.len + sizeof(BatchRow));
}

uint64_t wb_shaped_str(WriteBatch *wb, Slice v)
{
    return string_put(wb, v);
}

void wb_shaped_end(WriteBatch *wb, const RowShape *shape, SeriesId series, int64_t time_ns)
{
    BatchRow *row = (BatchRow *)(void *)(wb->rows.ptr + wb->rows.len);
    *row = (BatchRow){.series = series, .time = time_ns};
    wb_row_commit(wb, shape, (uint64_t *)(row + 1) + shape->count, NULL);
}

void wb_shaped_cancel(WriteBatch *wb)
{
    wb->strings.len = wb->strings_mark;
}

void wb_expect(WriteBatch *wb, size_t more)
{
    size_t rows = wb_rows(wb);
    if (!rows || !more)
        return;
    buf_reserve(&wb->rows, wb->rows.len / rows * more);
    buf_reserve(&wb->row_at, sizeof(uint32_t) * more);
    if (wb->strings.len)
        buf_reserve(&wb->strings, wb->strings.len / rows * more);
}

TableId wb_last_table(const WriteBatch *wb)
{
    return wb->table;
}

size_t wb_rows(const WriteBatch *wb)
{
    return wb->row_at.len / sizeof(uint32_t);
}

size_t wb_bytes(const WriteBatch *wb)
{
    return wb->rows.len + wb->strings.len + wb->row_at.len;
}

/* ---- another look at the rows that were ended ---- */

BatchKey wb_row_key(const WriteBatch *wb, size_t i)
{
    const BatchRow *row = wb_row_at(wb, i);
    return (BatchKey){wb_shape(wb, row->shape)->table, row->series, row->time};
}

bool wb_row_names(const WriteBatch *wb, size_t i, ColumnId col)
{
    const RowShape *shape = wb_shape(wb, wb_row_at(wb, i)->shape);
    for (uint32_t k = 0; k < shape->count; k++)
        if (shape_key_id(shape->keys[k]) == col)
            return true;
    return false;
}

int64_t wb_time_min(const WriteBatch *wb)
{
    int64_t min = INT64_MAX;
    for (size_t i = 0, n = wb_rows(wb); i < n; i++) {
        int64_t time = wb_row_at(wb, i)->time;
        min = time < min ? time : min;
    }
    return min;
}

/* Rows are found by row_at alone: what no entry names is no row. */
void wb_drop_rows(WriteBatch *wb, const uint64_t *bits)
{
    uint32_t *at = (uint32_t *)(void *)wb->row_at.ptr;
    size_t kept = 0;
    must(!wb->open);
    for (size_t i = 0, n = wb_rows(wb); i < n; i++)
        if (!bitmap_get(bits, i))
            at[kept++] = at[i];
    wb->row_at.len = kept * sizeof *at;
}
