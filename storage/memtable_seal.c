/* storage/memtable_seal.c - a full segment becomes a Part in memory.
 *
 * Rows are dealt to groups (window, table), each group is sorted by (series, time, arrival), and
 * each series goes to the PartWriter in runs of at most ROW_GROUP_ROWS.  A run in which all rows
 * have one shape, no nulls and different times is transposed straight; any other run is merged
 * field by field: later rows of the same key overwrite what they name, so newer wins.  In `keep`
 * tables the key is (time, COLUMN_ROW), and rows are sorted by it; without COLUMN_ROW each is its own.
 * A row marked by wb_delete empties its key; the mark stays, for what is older is elsewhere. */
#include "storage/memtable_private.h"

#include <stdlib.h>

typedef struct SealGroup {
    int64_t window;
    TableId table;
    uint32_t count, begin;
    int64_t t_min, t_max; /* times of rows that were found to be in it */
} SealGroup;

typedef struct Seal {
    const Segment *seg;
    const SealSpec *spec;
    PartWriter *writer;
    SealGroup *groups;
    size_t group_count, group_cap;
    uint32_t *slots; /* open addressing over groups: index + 1 */
    size_t mask;
    uint32_t last_group;
    uint32_t *group_of; /* by row */
    SegRow *rows, *tmp;
    size_t fetched;         /* rows of the group that are on their way to the cache */
    Arena scratch;          /* of one run */
    uint32_t *column_place; /* by column id: place among the run's columns, checked there */
    TombView tombs;         /* of tombs_table */
    TableId tombs_table;
    const TableDef *table;
    Duplicates duplicates;
} Seal;

#define GROUP_NONE UINT32_MAX /* the row is deleted */

/* ---- groups ---- */

static uint32_t group_find(Seal *s, int64_t window, TableId table)
{
    size_t i = hash_mix((uint64_t)window, table) & s->mask;
    for (; s->slots[i]; i = (i + 1) & s->mask) {
        const SealGroup *g = &s->groups[s->slots[i] - 1];
        if (g->window == window && g->table == table)
            return s->slots[i] - 1;
    }
    if (s->group_count == s->group_cap) {
        s->group_cap = s->group_cap * 2 + 16;
        s->groups = mem_realloc(s->groups, s->group_cap * sizeof *s->groups);
    }
    s->groups[s->group_count] = (SealGroup){.window = window, .table = table};
    s->slots[i] = (uint32_t)++s->group_count;
    return s->slots[i] - 1;
}

static void groups_grow(Seal *s)
{
    if (s->group_count * 2 < s->mask)
        return;
    mem_free(s->slots);
    s->mask = s->mask * 2 + 1;
    s->slots = mem_zero((s->mask + 1) * sizeof *s->slots);
    for (size_t g = 0; g < s->group_count; g++) {
        size_t i = hash_mix((uint64_t)s->groups[g].window, s->groups[g].table) & s->mask;
        while (s->slots[i])
            i = (i + 1) & s->mask;
        s->slots[i] = (uint32_t)g + 1;
    }
}

static int group_compare(const void *a, const void *b)
{
    const SealGroup *x = *(SealGroup *const *)a, *y = *(SealGroup *const *)b;
    if (x->window != y->window)
        return x->window < y->window ? -1 : 1;
    return (x->table > y->table) - (x->table < y->table);
}

/* The group of a row.  window_of is monotone in time, so between two times of one window nothing
 * needs to be asked; the last group is the most likely one. */
static uint32_t group_of_row(Seal *s, const RowMeta *m)
{
    SealGroup *g = s->group_count ? &s->groups[s->last_group] : NULL;
    if (g && g->table == m->table && m->time >= g->t_min && m->time <= g->t_max)
        return s->last_group;
    int64_t window = s->spec->window_of(s->spec->arg, m->table, m->time);
    if (!g || g->window != window || g->table != m->table) {
        groups_grow(s);
        s->last_group = group_find(s, window, m->table);
        g = &s->groups[s->last_group];
    }
    g->t_min = g->count && g->t_min < m->time ? g->t_min : m->time;
    g->t_max = g->count && g->t_max > m->time ? g->t_max : m->time;
    return s->last_group;
}

/* A delete that came after the row hides it: from here on nobody needs it. */
static bool row_hidden(Seal *s, const RowMeta *m)
{
    const TombList *l = s->spec->tombs;
    if (!l || l->newest <= m->seq)
        return false;
    if (m->table != s->tombs_table) {
        s->tombs_table = m->table;
        s->tombs = tombs_of_table(l, m->table);
    }
    return s->tombs.count && tombs_hide(&s->tombs, m->series, m->time, m->seq);
}

/* Deals all rows to groups; returns the groups in order. */
static SealGroup **deal(Seal *s, size_t rows)
{
    for (uint32_t row = 0; row < rows; row++) {
        const RowMeta *m = seg_meta(s->seg, row);
        s->group_of[row] = row_hidden(s, m) ? GROUP_NONE : group_of_row(s, m);
        if (s->group_of[row] == GROUP_NONE)
            continue;
        s->groups[s->group_of[row]].count++;
    }
    SealGroup **order = mem_alloc((s->group_count + 1) * sizeof *order);
    for (size_t i = 0; i < s->group_count; i++)
        order[i] = &s->groups[i];
    qsort(order, s->group_count, sizeof *order, group_compare);
    uint32_t begin = 0;
    for (size_t i = 0; i < s->group_count; i++) {
        order[i]->begin = begin;
        begin += order[i]->count;
        order[i]->count = 0;
    }
    for (uint32_t row = 0; row < rows; row++) {
        if (s->group_of[row] == GROUP_NONE)
            continue;
        SealGroup *g = &s->groups[s->group_of[row]];
        const RowMeta *m = seg_meta(s->seg, row);
        s->rows[g->begin + g->count++] =
            (SegRow){.row = row, .order = row, .series = m->series, .time = m->time};
    }
    return order;
}

/* ---- runs ---- */

typedef struct Run {
    const SegRow *src; /* source rows, and which output row each goes to */
    size_t src_count;
    uint32_t *out_row;
    size_t rows;
    int64_t *times;
    PartColumn *columns;
    uint64_t **slots; /* by column */
    size_t column_count, column_cap;
    uint64_t *const *valid, *const *nulls; /* by column */
    uint32_t mark;                         /* place of COLUMN_MARK; column_count: none */
} Run;

static const uint64_t *source(const Seal *s, const Run *run, size_t i)
{
    return seg_meta(s->seg, run->src[i].row)->data;
}

static bool run_is_plain(const Seal *s, const Run *run)
{
    uint64_t first = source(s, run, 0)[0];
    if (run->rows != run->src_count || (first & 1))
        return false;
    for (size_t i = 1; i < run->src_count; i++)
        if (source(s, run, i)[0] != first)
            return false;
    return true;
}

/* Turns 8-byte slots into the array that a ColVec of this type has. */
static void column_finish(Seal *s, PartColumn *c, uint64_t *slots, size_t rows)
{
    if (c->vec.type == PHYS_BOOL) {
        uint8_t *b = arena_alloc(&s->scratch, rows);
        for (size_t i = 0; i < rows; i++)
            b[i] = (uint8_t)slots[i];
        c->vec.v.b = b;
    } else if (c->vec.type == PHYS_STR) {
        Slice *str = arena_alloc(&s->scratch, rows * sizeof *str);
        for (size_t i = 0; i < rows; i++)
            str[i] = bitmap_get(c->vec.valid, i) ? slot_string(slots[i]) : (Slice){"", 0};
        c->vec.v.str = str;
    } else {
        c->vec.v.i64 = (const int64_t *)slots;
    }
}

static int column_compare(const void *a, const void *b)
{
    return (int)((const PartColumn *)a)->id - (int)((const PartColumn *)b)->id;
}

static void run_transpose(Seal *s, Run *run)
{
    const SegShape *shape = row_shape(source(s, run, 0));
    run->column_count = shape->count;
    run->columns = arena_zero(&s->scratch, shape->count * sizeof *run->columns + 1);
    size_t stride = run->rows + 8; /* not a power of two: columns must not share cache sets */
    uint64_t *slots = arena_alloc(&s->scratch, shape->count * stride * sizeof *slots + 1);
    for (size_t i = 0; i < run->rows; i++) {
        const uint64_t *from = source(s, run, i) + 1;
        uint64_t *to = slots + i;
        for (uint32_t c = 0; c < shape->count; c++, to += stride)
            *to = from[c];
    }
    for (uint32_t c = 0; c < shape->count; c++) {
        run->columns[c].id = shape_key_id(shape->keys[c]);
        run->columns[c].vec.type = shape_key_type(shape->keys[c]);
        column_finish(s, &run->columns[c], slots + c * stride, run->rows);
    }
    qsort(run->columns, run->column_count, sizeof *run->columns, column_compare);
}

/* Adds the columns of this shape that the run does not have yet.  The type is the catalog's, or
 * the first that is seen. */
static void run_add_columns(Seal *s, Run *run, const SegShape *shape)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        ColumnId id = shape_key_id(shape->keys[i]);
        PhysType type = shape_key_type(shape->keys[i]);
        uint32_t place = s->column_place[id];
        if (place < run->column_count && run->columns[place].id == id) {
            if (run->columns[place].vec.type == PHYS_NONE)
                run->columns[place].vec.type = type;
            continue;
        }
        if (run->column_count == run->column_cap) {
            size_t cap = run->column_cap * 2 + 16;
            PartColumn *grown = arena_zero(&s->scratch, cap * sizeof *grown);
            if (run->column_count)
                memcpy(grown, run->columns, run->column_count * sizeof *grown);
            run->columns = grown;
            run->column_cap = cap;
        }
        const ColumnDef *def = s->table ? table_column_by_id(s->table, id) : NULL;
        s->column_place[id] = (uint32_t)run->column_count;
        run->columns[run->column_count++] =
            (PartColumn){.id = id, .vec.type = def && def->phys ? def->phys : type};
    }
}

/* The row before any field: a mark forgets what was there, any other row makes the key exist. */
static void row_begin(Run *run, uint32_t row, bool marked)
{
    if (!marked) {
        run->slots[run->mark][row] = 0;
        return;
    }
    for (size_t c = 0; c < run->column_count; c++) {
        bitmap_clear(run->valid[c], row);
        bitmap_clear(run->nulls[c], row);
        run->slots[c][row] = 0;
    }
}

static void run_fill(Seal *s, Run *run, size_t i)
{
    uint64_t *const *valid = run->valid, *const *nulls = run->nulls;
    const uint64_t *data = source(s, run, i);
    const SegShape *shape = row_shape(data);
    const uint64_t *row_null_bits = row_nulls(data, shape);
    uint32_t row = run->out_row[i];
    if (run->mark < run->column_count)
        row_begin(run, row, shape_marks(shape));
    for (uint32_t k = 0; k < shape->count; k++) {
        uint32_t c = s->column_place[shape_key_id(shape->keys[k])];
        bool null = row_null_bits && bitmap_get(row_null_bits, k);
        if (null || !slot_convert(shape_key_type(shape->keys[k]), data[1 + k],
                                  run->columns[c].vec.type, &run->slots[c][row])) {
            bitmap_clear(valid[c], row);
            bitmap_set(nulls[c], row);
            run->slots[c][row] = 0;
        } else {
            bitmap_set(valid[c], row);
            bitmap_clear(nulls[c], row);
        }
    }
}

static bool bits_all(const uint64_t *bits, size_t n)
{
    for (size_t i = 0; i < n / 64; i++)
        if (bits[i] != UINT64_MAX)
            return false;
    return n % 64 == 0 || bits[n / 64] == (UINT64_C(1) << n % 64) - 1;
}

static bool bits_none(const uint64_t *bits, size_t n)
{
    for (size_t i = 0; i < BITMAP_WORDS(n); i++)
        if (bits[i])
            return false;
    return true;
}

static void run_merge(Seal *s, Run *run)
{
    const SegShape *last = NULL;
    for (size_t i = 0; i < run->src_count; i++) {
        const SegShape *shape = row_shape(source(s, run, i));
        if (shape != last)
            run_add_columns(s, run, shape);
        last = shape;
    }
    size_t words = BITMAP_WORDS(run->rows), n = run->column_count;
    run->slots = arena_alloc(&s->scratch, n * sizeof(uint64_t *) + 1);
    uint64_t **valid = arena_alloc(&s->scratch, n * sizeof(uint64_t *) + 1);
    uint64_t **nulls = arena_alloc(&s->scratch, n * sizeof(uint64_t *) + 1);
    for (size_t c = 0; c < n; c++) {
        run->slots[c] = arena_zero(&s->scratch, run->rows * sizeof(uint64_t));
        valid[c] = arena_zero(&s->scratch, 2 * words * sizeof(uint64_t));
        nulls[c] = valid[c] + words;
        if (run->columns[c].vec.type == PHYS_NONE)
            run->columns[c].vec.type =
                PHYS_I64; /* only nulls, of a column the catalog has forgotten */
    }
    run->valid = valid;
    run->nulls = nulls;
    run->mark = s->column_place[COLUMN_MARK];
    if (run->mark >= n || run->columns[run->mark].id != COLUMN_MARK)
        run->mark = (uint32_t)n;
    for (size_t i = 0; i < run->src_count; i++)
        run_fill(s, run, i);
    for (size_t c = 0; c < n; c++) {
        run->columns[c].vec.valid = bits_all(valid[c], run->rows) ? NULL : valid[c];
        run->columns[c].null_bits = bits_none(nulls[c], run->rows) ? NULL : nulls[c];
        column_finish(s, &run->columns[c], run->slots[c], run->rows);
    }
    if (n > 1)
        qsort(run->columns, n, sizeof *run->columns, column_compare);
}

/* Of one time: are they versions of one row? */
static bool same_row(const Seal *s, const SegRow *a, const SegRow *b)
{
    if (s->duplicates != DUP_KEEP)
        return true;
    int64_t id = seg_row_id(s->seg, a->row);
    return id && id == seg_row_id(s->seg, b->row);
}

/* Takes source rows until ROW_GROUP_ROWS output rows are full; returns how many it took. */
static size_t run_take(Seal *s, Run *run, const SegRow *src, size_t n)
{
    *run = (Run){.src = src};
    run->out_row = arena_alloc(&s->scratch, n * sizeof *run->out_row);
    run->times =
        arena_alloc(&s->scratch, (n < ROW_GROUP_ROWS ? n : ROW_GROUP_ROWS) * sizeof *run->times);
    size_t i = 0;
    for (; i < n; i++) {
        bool same = i && src[i].time == src[i - 1].time && same_row(s, &src[i], &src[i - 1]);
        if (!same) {
            if (run->rows == ROW_GROUP_ROWS)
                break;
            run->times[run->rows++] = src[i].time;
        }
        run->out_row[i] = (uint32_t)run->rows - 1;
    }
    run->src_count = i;
    return i;
}

static bool run_write(Seal *s, const SealGroup *g, Run *run, Err *e)
{
    PartRun out = {.window = g->window,
                   .table = g->table,
                   .series = run->src[0].series,
                   .rows = run->rows,
                   .times = run->times,
                   .seq_min = UINT64_MAX};
    for (size_t i = 0; i < run->src_count; i++) {
        Lsn seq = seg_meta(s->seg, run->src[i].row)->seq;
        out.seq_min = seq < out.seq_min ? seq : out.seq_min;
        out.seq_max = seq > out.seq_max ? seq : out.seq_max;
    }
    if (run_is_plain(s, run))
        run_transpose(s, run);
    else
        run_merge(s, run);
    out.columns = run->columns;
    out.column_count = run->column_count;
    return part_writer_add(s->writer, &out, e);
}

static void sort_group(Seal *s, const SealGroup *g)
{
    SegRow *rows = s->rows + g->begin;
    seg_rows_sort(rows, s->tmp, g->count);
    if (s->duplicates != DUP_KEEP)
        return;
    for (size_t begin = 0, end; begin < g->count; begin = end) {
        for (end = begin + 1; end < g->count && rows[end].time == rows[begin].time &&
                              rows[end].series == rows[begin].series;
             end++)
            ;
        if (end - begin < 2)
            continue;
        int64_t *ids;
        arena_reset(&s->scratch);
        const SegRow *by_id = seg_rows_by_id(s->seg, rows + begin, end - begin, &s->scratch, &ids);
        if (by_id != rows + begin)
            memcpy(rows + begin, by_id, (end - begin) * sizeof *rows);
    }
}

/* Sorted rows lie all over the segment: the misses of many at once cost little more than that of one.  (A function
 * that does nothing but prefetch would be left out by the compiler.) */
static void rows_fetch(Seal *s, const SealGroup *g, size_t upto)
{
    enum { FETCH_ROWS = 256 };
    for (size_t end; s->fetched < upto; s->fetched = end) {
        end = g->count - s->fetched < FETCH_ROWS ? g->count : s->fetched + FETCH_ROWS;
        for (size_t i = s->fetched; i < end; i++)
            __builtin_prefetch(seg_meta(s->seg, s->rows[g->begin + i].row)->data);
    }
}

static bool group_write(Seal *s, const SealGroup *g, Err *e)
{
    enum { SOURCE_MAX = 4 * ROW_GROUP_ROWS }; /* look-ahead of one run: bounds its memory */
    const SegRow *rows = s->rows + g->begin;
    s->fetched = 0;
    s->table = s->spec->catalog ? cat_table_by_id(s->spec->catalog, g->table) : NULL;
    s->duplicates = s->table && s->table->duplicates ? s->table->duplicates : DUP_LAST;
    sort_group(s, g);
    for (size_t begin = 0, end; begin < g->count; begin = end) {
        for (end = begin + 1; end < g->count && rows[end].series == rows[begin].series; end++)
            ;
        rows_fetch(s, g, end);
        while (begin < end) {
            Run run;
            arena_reset(&s->scratch);
            size_t n = end - begin;
            if (n > SOURCE_MAX) { /* not between two rows of one time */
                for (n = SOURCE_MAX;
                     n < end - begin && rows[begin + n].time == rows[begin + n - 1].time; n++)
                    ;
            }
            begin += run_take(s, &run, rows + begin, n);
            if (!run_write(s, g, &run, e))
                return false;
        }
    }
    return true;
}

/* ---- the whole ---- */

static bool seal_rows(Seal *s, size_t rows, Err *e)
{
    SealGroup **order = deal(s, rows);
    bool ok = true;
    for (size_t i = 0; ok && i < s->group_count; i++)
        ok = group_write(s, order[i], e);
    mem_free(order);
    return ok && part_writer_finish(s->writer, e);
}

bool seg_seal(Segment *seg, Part **out, const SealSpec *spec, Err *e)
{
    enum { GROUP_SLOTS_MIN = 64 };
    MemorySink sink = memory_sink();
    size_t rows = seg_rows(seg);
    Seal s = {.seg = seg, .spec = spec, .mask = GROUP_SLOTS_MIN - 1};
    s.writer = part_writer_new(&sink.sink, EFFORT_FLUSH);
    s.slots = mem_zero(GROUP_SLOTS_MIN * sizeof *s.slots);
    s.group_of = mem_alloc((rows + 1) * sizeof *s.group_of);
    s.rows = mem_alloc((rows + 1) * sizeof *s.rows);
    s.tmp = mem_alloc((rows + 1) * sizeof *s.tmp);
    s.column_place = mem_zero((UINT16_MAX + 1) * sizeof *s.column_place);
    arena_init(&s.scratch, NULL);
    bool ok = seal_rows(&s, rows, e);
    if (ok)
        ok = memory_sink_open(&sink, out, e);
    else
        buf_free(&sink.image);
    part_writer_free(s.writer);
    arena_free(&s.scratch);
    mem_free(s.groups);
    mem_free(s.slots);
    mem_free(s.group_of);
    mem_free(s.rows);
    mem_free(s.tmp);
    mem_free(s.column_place);
    return ok;
}
