/* storage/memtable_read.c - reading the unsealed tail: choosing rows, columns of chosen rows. */
#include "storage/memtable_private.h"
#include <stdlib.h>

enum { INSERTION_MAX = 48, RADIX_BITS = 11, RADIX = 1 << RADIX_BITS, CHAIN_COST = 8 };

/* ---- values ---- */

uint32_t shape_place(const SegShape *shape, ColumnId col)
{
    uint32_t low = 0, high = shape->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (shape->sorted[mid] >> 16 < col)
            low = mid + 1;
        else
            high = mid;
    }
    return low < shape->count && shape->sorted[low] >> 16 == col ? shape->sorted[low] & 0xffff
                                                                 : shape->count;
}

static double slot_f64(uint64_t slot)
{
    double v;
    memcpy(&v, &slot, sizeof v);
    return v;
}

bool slot_convert(PhysType from, uint64_t slot, PhysType to, uint64_t *out)
{
    if (from == to) {
        *out = slot;
        return true;
    }
    if (to == PHYS_F64 && (from == PHYS_I64 || from == PHYS_BOOL)) {
        double v = (double)(int64_t)slot;
        memcpy(out, &v, sizeof v);
        return true;
    }
    if (to == PHYS_I64 && from == PHYS_F64) {
        double v = slot_f64(slot);
        if (!(v >= -0x1p63 && v < 0x1p63))
            return false;
        *out = (uint64_t)(int64_t)v;
        return true;
    }
    if (to == PHYS_I64 && from == PHYS_BOOL) {
        *out = slot;
        return true;
    }
    if (to == PHYS_BOOL && from == PHYS_I64) {
        *out = slot != 0;
        return true;
    }
    return false;
}

/* ---- sorting ---- */

static inline bool row_before(const SegRow *a, const SegRow *b)
{
    if (a->series != b->series)
        return a->series < b->series;
    if (a->time != b->time)
        return a->time < b->time;
    return a->order < b->order;
}

static void insertion_sort(SegRow *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        SegRow row = rows[i];
        size_t k = i;
        for (; k && row_before(&row, &rows[k - 1]); k--)
            rows[k] = rows[k - 1];
        rows[k] = row;
    }
}

/* Times sort as unsigned numbers with the sign bit turned. */
static inline uint64_t row_key(const SegRow *row, bool by_time)
{
    return by_time ? (uint64_t)row->time ^ UINT64_C(1) << 63 : row->series;
}

/* Stable, by series or by time; digits in which all keys agree cost nothing. */
static inline void radix_sort(SegRow *rows, SegRow *tmp, size_t n, bool by_time)
{
    uint64_t all = row_key(&rows[0], by_time), differ = 0;
    for (size_t i = 1; i < n; i++)
        differ |= row_key(&rows[i], by_time) ^ all;
    SegRow *from = rows, *to = tmp;
    for (unsigned shift = 0; shift < 64; shift += RADIX_BITS) {
        if (!(differ >> shift & (RADIX - 1)))
            continue;
        uint32_t at[RADIX] = {0};
        for (size_t i = 0; i < n; i++)
            at[row_key(&from[i], by_time) >> shift & (RADIX - 1)]++;
        uint32_t sum = 0;
        for (size_t d = 0; d < RADIX; d++) {
            uint32_t count = at[d];
            at[d] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            to[at[row_key(&from[i], by_time) >> shift & (RADIX - 1)]++] = from[i];
        SegRow *swap = from;
        from = to;
        to = swap;
    }
    if (from != rows)
        memcpy(rows, from, n * sizeof *rows);
}

static bool rows_sorted(const SegRow *rows, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (row_before(&rows[i], &rows[i - 1]))
            return false;
    return true;
}

void seg_rows_sort(SegRow *rows, SegRow *tmp, size_t n)
{
    if (rows_sorted(rows, n))
        return;
    if (n <= INSERTION_MAX) {
        insertion_sort(rows, n);
        return;
    }
    radix_sort(rows, tmp, n, false);
    for (size_t begin = 0, end; begin < n; begin = end) { /* most series come in time order */
        for (end = begin + 1; end < n && rows[end].series == rows[begin].series; end++)
            ;
        if (rows_sorted(rows + begin, end - begin))
            continue;
        if (end - begin <= INSERTION_MAX)
            insertion_sort(rows + begin, end - begin);
        else
            radix_sort(rows + begin, tmp, end - begin, true);
    }
}

/* ---- choosing rows ---- */

typedef struct Selection {
    const Segment *seg;
    uint32_t rows; /* watermark */
    TableId table;
    const SeriesSet *set;
    int64_t t_min, t_max;
    SeriesId last_series; /* of the set's last answer */
    bool last_in_set;
    SegRow *out;
    size_t count, cap;
} Selection;

static void selection_add(Selection *sel, uint32_t row, const RowMeta *m)
{
    if (sel->count == sel->cap) {
        sel->cap = sel->cap * 2 + 64;
        sel->out = mem_realloc(sel->out, sel->cap * sizeof *sel->out);
    }
    sel->out[sel->count++] =
        (SegRow){.row = row, .order = row, .series = m->series, .time = m->time};
}

static bool in_set(Selection *sel, SeriesId id)
{
    if (!sel->set)
        return true;
    if (id != sel->last_series) {
        sel->last_series = id;
        sel->last_in_set = set_has(sel->set, id);
    }
    return sel->last_in_set;
}

static inline void selection_look(Selection *sel, uint32_t row)
{
    const RowMeta *m = seg_meta(sel->seg, row);
    if (m->table == sel->table && m->time >= sel->t_min && m->time <= sel->t_max &&
        in_set(sel, m->series))
        selection_add(sel, row, m);
}

static void reverse(SegRow *rows, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        SegRow row = rows[i];
        rows[i] = rows[n - 1 - i];
        rows[n - 1 - i] = row;
    }
}

/* The rows of one series, by its bucket's chain. */
static void select_series(Selection *sel, SeriesId id)
{
    size_t begin = sel->count;
    uint32_t link =
        atomic_load_explicit(&sel->seg->series_heads[series_bucket(id)], memory_order_acquire);
    while (link) {
        const RowMeta *m = seg_meta(sel->seg, link - 1);
        if (m->series == id && link <= sel->rows && m->table == sel->table &&
            m->time >= sel->t_min && m->time <= sel->t_max)
            selection_add(sel, link - 1, m);
        link = m->before_in_bucket;
    }
    reverse(sel->out + begin, sel->count - begin);
}

static void select_table(Selection *sel, const SegTable *t, uint32_t table_rows)
{
    if (table_rows > sel->rows / CHAIN_COST) {
        for (uint32_t row = 0; row < sel->rows; row++)
            selection_look(sel, row);
        return;
    }
    uint32_t link = atomic_load_explicit(&t->head, memory_order_acquire);
    while (link) {
        if (link <= sel->rows)
            selection_look(sel, link - 1);
        link = seg_meta(sel->seg, link - 1)->before_in_table;
    }
    reverse(sel->out, sel->count);
}

size_t seg_select(const Segment *s, size_t rows, TableId table, const SeriesSet *set, int64_t t_min,
                  int64_t t_max, Arena *arena, SegRow **out)
{
    const SegTable *t = rows ? seg_table(s, table) : NULL;
    *out = NULL;
    if (!t || atomic_load_explicit(&t->t_min, memory_order_relaxed) > t_max ||
        atomic_load_explicit(&t->t_max, memory_order_relaxed) < t_min)
        return 0;
    Selection sel = {.seg = s,
                     .rows = (uint32_t)rows,
                     .table = table,
                     .set = set,
                     .t_min = t_min,
                     .t_max = t_max};
    uint32_t table_rows = atomic_load_explicit(&t->rows, memory_order_relaxed);
    size_t ids_max = table_rows / CHAIN_COST + 1; /* more series: one walk over all is cheaper */
    if (set && set_count(set) <= ids_max) {
        SeriesId *ids = arena_alloc(arena, ids_max * sizeof *ids);
        size_t n = set_ids(set, ids, ids_max);
        for (size_t i = 0; i < n; i++)
            select_series(&sel, ids[i]);
    } else {
        select_table(&sel, t, table_rows);
    }
    if (sel.count) {
        *out = arena_alloc(arena, sel.count * sizeof **out);
        memcpy(*out, sel.out, sel.count * sizeof **out);
        if (!rows_sorted(*out, sel.count))
            seg_rows_sort(*out, sel.out, sel.count);
    }
    mem_free(sel.out);
    return sel.count;
}

size_t seg_sample(const Segment *s, size_t rows, TableId table, SegRow *out, size_t max)
{
    size_t n = 0, step = rows / max + 1;
    for (size_t row = 0; row < rows; row += step) {
        const RowMeta *m = seg_meta(s, (uint32_t)row);
        if (m->table == table)
            out[n++] = (SegRow){
                .row = (uint32_t)row, .order = (uint32_t)row, .series = m->series, .time = m->time};
    }
    return n;
}

/* ---- columns ---- */

typedef struct Gather {
    const Segment *seg;
    const SegRow *rows;
    size_t n;
    ColumnId col;
    PhysType type;
    uint64_t *values;
    uint64_t *valid, *nulls;
    size_t valid_count, null_count;
} Gather;

static void gather(Gather *g)
{
    const SegShape *shape = NULL;
    uint32_t place = 0;
    for (size_t i = 0; i < g->n; i++) {
        const uint64_t *data = seg_meta(g->seg, g->rows[i].row)->data;
        if (row_shape(data) != shape) {
            shape = row_shape(data);
            place = shape_place(shape, g->col);
        }
        g->values[i] = 0;
        if (place == shape->count)
            continue; /* absent */
        const uint64_t *nulls = row_nulls(data, shape);
        bool null = nulls && bitmap_get(nulls, place);
        if (null || !slot_convert(shape_key_type(shape->keys[place]), data[1 + place], g->type,
                                  &g->values[i])) {
            bitmap_set(g->nulls, i);
            g->null_count++;
        } else {
            bitmap_set(g->valid, i);
            g->valid_count++;
        }
    }
}

/* Slots as an array of the column's type. */
static const void *slots_as(PhysType type, const uint64_t *slots, const uint64_t *valid, size_t n,
                            Arena *arena)
{
    if (type == PHYS_BOOL) {
        uint8_t *b = arena_alloc(arena, n + 1);
        for (size_t i = 0; i < n; i++)
            b[i] = (uint8_t)slots[i];
        return b;
    }
    if (type == PHYS_STR) {
        Slice *str = arena_alloc(arena, n * sizeof *str + 1);
        for (size_t i = 0; i < n; i++)
            str[i] = bitmap_get(valid, i) ? slot_string(slots[i]) : (Slice){"", 0};
        return str;
    }
    return slots;
}

void seg_column(const Segment *s, const SegRow *rows, size_t n, ColumnId col, PhysType type,
                Arena *arena, ColVec *vec, const uint64_t **null_bits)
{
    Gather g = {.seg = s, .rows = rows, .n = n, .col = col, .type = type};
    size_t words = BITMAP_WORDS(n);
    g.values = arena_alloc(arena, n * sizeof *g.values + 1);
    g.valid = arena_zero(arena, 2 * words * sizeof *g.valid + 1);
    g.nulls = g.valid + words;
    gather(&g);
    *vec = (ColVec){0};
    if (null_bits)
        *null_bits = g.null_count ? g.nulls : NULL;
    if (!g.valid_count && !g.null_count)
        return;
    vec->type = type;
    vec->valid = g.valid_count == n ? NULL : g.valid;
    vec->v.any = slots_as(type, g.values, vec->valid, n, arena);
}

/* ---- rows of `keep` tables ---- */

typedef struct KeyedRow {
    SegRow row;
    int64_t id;
} KeyedRow;

static int by_id(const void *a, const void *b)
{
    const KeyedRow *x = a, *y = b;
    if (x->row.time != y->row.time)
        return x->row.time < y->row.time ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->row.order > y->row.order) - (x->row.order < y->row.order);
}

/* Arrival is nearly the order of the ids. */
const SegRow *seg_rows_by_id(const Segment *s, const SegRow *rows, size_t n, Arena *arena,
                             int64_t **ids)
{
    int64_t *id = *ids = arena_alloc(arena, n * sizeof *id + 1);
    bool sorted = true;
    for (size_t i = 0; i < n; i++) {
        id[i] = seg_row_id(s, rows[i].row);
        sorted &= !i || rows[i].time != rows[i - 1].time || id[i] >= id[i - 1];
    }
    if (sorted)
        return rows;
    KeyedRow *keyed = arena_alloc(arena, n * sizeof *keyed);
    SegRow *out = arena_alloc(arena, n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        keyed[i] = (KeyedRow){rows[i], id[i]};
    qsort(keyed, n, sizeof *keyed, by_id);
    for (size_t i = 0; i < n; i++) {
        out[i] = keyed[i].row;
        id[i] = keyed[i].id;
    }
    return out;
}

/* ---- full segments ---- */

static int64_t sorted_bytes(size_t count)
{
    return (int64_t)(sizeof(SegSorted) + count * (sizeof(SegRow) + sizeof(int64_t)));
}

/* Copies the selection, each series in the order of its ids. */
static SegSorted *sorted_new(const Segment *s, const SegRow *rows, size_t n, Arena *a)
{
    SegSorted *o = MEM_NEW(SegSorted);
    o->row = mem_alloc(n * sizeof *o->row);
    o->id = mem_alloc(n * sizeof *o->id);
    o->count = n;
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && rows[end].series == rows[begin].series; end++)
            ;
        int64_t *ids;
        const SegRow *by_id = seg_rows_by_id(s, rows + begin, end - begin, a, &ids);
        memcpy(o->row + begin, by_id, (end - begin) * sizeof *by_id);
        memcpy(o->id + begin, ids, (end - begin) * sizeof *ids);
    }
    return o;
}

static void sorted_free(SegSorted *o)
{
    mem_free(o->row);
    mem_free(o->id);
    mem_free(o);
}

const SegSorted *seg_sorted(Segment *s, size_t rows, TableId table)
{
    SegSorted *o = atomic_load_explicit(&s->sorted, memory_order_acquire), *none = NULL;
    if (!o) {
        if (!seg_full(s) || seg_table_rows(s, table) != rows || seg_rows(s) != rows)
            return NULL;
        Arena a;
        SegRow *all;
        arena_init(&a, NULL);
        size_t n = seg_select(s, rows, table, NULL, INT64_MIN, INT64_MAX, &a, &all);
        o = sorted_new(s, all, n, &a);
        o->rows = rows;
        o->table = table;
        arena_free(&a);
        if (!atomic_compare_exchange_strong(&s->sorted, &none, o)) {
            sorted_free(o); /* another reader was faster */
            o = none;
        } else if (s->budget) {
            budget_charge(s->budget, sorted_bytes(n));
        }
    }
    return o->rows == rows && o->table == table ? o : NULL;
}

void seg_sorted_retire(Segment *s)
{
    SegSorted *o = atomic_exchange(&s->sorted, NULL);
    if (o) {
        o->before = s->retired;
        s->retired = o;
    }
}

void seg_sorted_free(Segment *s)
{
    seg_sorted_retire(s);
    for (SegSorted *o = s->retired, *before; o; o = before) {
        before = o->before;
        if (s->budget)
            budget_charge(s->budget, -sorted_bytes(o->count));
        sorted_free(o);
    }
}
