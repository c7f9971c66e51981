#include "storage/compact.h"

#include "storage/merge.h"
#include "storage/window.h"
#include <roaring/roaring.h>
#include <stdlib.h>

enum {
    COPY_ROWS = 900,   /* shorter groups are joined */
    PUT_AHEAD_MAX = 4, /* pieces under way before the job waits */
};

typedef struct Entry { /* row groups of one input in one window of their table */
    int64_t window;
    TableId table;
    TableId own;    /* the table if it gets files of its own, else 0 */
    uint32_t class; /* index in classes[]; 0 at level 0 */
    uint32_t input;
    uint64_t rows;
    SeriesId first, last; /* a shared group: series between these */
    bool alone;
} Entry;

typedef struct Piece {
    struct Piece *next;
    void *bytes;
    size_t len;
    Completion completion;
} Piece;

typedef struct Output { /* the part being written */
    PartSink sink;
    Store *store;
    MemorySink memory; /* without a store */
    BlobId id;
    PartWriter *writer;
    Piece *pieces, **tail;
    size_t ahead;
    bool failed, sync_failed;
    Err err;
    ManifestPart info;
    int64_t window_first;
    uint32_t class; /* of its entries */
    TableId own;
} Output;

typedef enum Phase {
    PHASE_PLAN,
    PHASE_UNIT,
    PHASE_SERIES,
    PHASE_RUNS,
    PHASE_CLOSE,
    PHASE_LAST
} Phase;

struct Compact {
    CompactSpec spec;
    VersionPart *inputs;
    CatalogSnap *catalog;
    Phase phase;
    CompactCut *cuts;
    ExpiryClass *classes; /* sorted; none at level 0 */
    size_t class_count;
    Entry *entries; /* by class, own files, window, table: the order of the output */
    size_t entry_count, entry_cap, entry_at;
    size_t window_count;
    int64_t stretch; /* windows of a unit, see WindowRule */
    /* the unit: one table in one window, or in some */
    const TableDef *table;
    int64_t window, window_last;
    size_t unit_end;
    SeriesId *series;
    size_t series_count, series_cap, series_at;
    /* the series */
    Merge *merge;
    Buf *groups;    /* per input: PartGroup */
    Buf *dead;      /* per input: TimeRange */
    TombView tombs; /* of the unit's table */
    MergeInput *merge_inputs;
    ColumnId *columns;
    PhysType *types;
    size_t column_count;
    PartColumn *out_columns;
    Arena scratch;
    /* output */
    Output *out;
    ManifestPart *outputs;
    size_t output_count;
    Part *in_memory;
};

Compact *compact_new(const CompactSpec *spec)
{
    Compact *c = MEM_NEW(Compact);
    c->spec = *spec;
    c->catalog = cat_ref(spec->catalog);
    c->inputs = mem_dup(spec->inputs, spec->input_count * sizeof *c->inputs);
    for (size_t i = 0; i < spec->input_count; i++)
        part_ref(c->inputs[i].part);
    c->cuts = mem_dup(spec->cuts, spec->cut_count * sizeof *c->cuts);
    c->merge = merge_new(spec->budget);
    c->spec.tombs = spec->tombs ? tombs_ref(spec->tombs) : NULL;
    c->groups = mem_zero((spec->input_count + 1) * sizeof *c->groups);
    c->dead = mem_zero((spec->input_count + 1) * sizeof *c->dead);
    c->merge_inputs = mem_zero((spec->input_count + 1) * sizeof *c->merge_inputs);
    c->columns = mem_zero(COLUMNS_MAX * sizeof *c->columns);
    c->types = mem_zero(COLUMNS_MAX * sizeof *c->types);
    c->out_columns = mem_zero(COLUMNS_MAX * sizeof *c->out_columns);
    arena_init(&c->scratch, spec->budget);
    return c;
}

static void output_free(Output *o)
{
    if (!o)
        return;
    while (o->pieces) {
        Piece *p = o->pieces;
        o->pieces = p->next;
        mem_free(p->bytes);
        mem_free(p);
    }
    part_writer_free(o->writer);
    buf_free(&o->memory.image);
    mem_free(o);
}

void compact_free(Compact *c, bool committed)
{
    if (!c)
        return;
    Store *store = c->spec.store;
    if (c->out && store) /* gives up: the store forgets what it has of the blob */
        store->ops->blob_abort(store, c->out->id);
    output_free(c->out);
    part_unref(c->in_memory);
    for (size_t i = 0; store && !committed && i < c->output_count; i++)
        store->ops->blob_drop(store, blob_id(BLOB_PART, c->outputs[i].number));
    merge_free(c->merge);
    for (size_t i = 0; i < c->spec.input_count; i++) {
        part_unref(c->inputs[i].part);
        buf_free(&c->groups[i]);
        buf_free(&c->dead[i]);
    }
    cat_unref(c->catalog);
    arena_free(&c->scratch);
    mem_free(c->inputs);
    mem_free(c->cuts);
    mem_free(c->classes);
    mem_free(c->entries);
    mem_free(c->series);
    mem_free(c->groups);
    mem_free(c->dead);
    tombs_unref(c->spec.tombs);
    mem_free(c->merge_inputs);
    mem_free(c->columns);
    mem_free(c->types);
    mem_free(c->out_columns);
    mem_free(c->outputs);
    mem_free(c);
}

Lsn compact_tombs_newest(const Compact *c)
{
    return c->spec.tombs ? c->spec.tombs->newest : 0;
}

size_t compact_output_count(const Compact *c)
{
    return c->output_count;
}

const ManifestPart *compact_outputs(const Compact *c)
{
    return c->outputs;
}

Part *compact_take_part(Compact *c)
{
    Part *p = c->in_memory;
    c->in_memory = NULL;
    return p;
}

uint64_t compact_bytes(const Compact *c)
{
    return c->out ? c->out->info.bytes : 0;
}

bool compact_sync_failed(const Compact *c)
{
    return c->out && c->out->sync_failed;
}

uint64_t compact_catalog(const Compact *c)
{
    return cat_version(c->catalog);
}

/* ---- plan: every row group, by group (class and window), table ---- */

static void add_entry(Compact *c, const Entry *en)
{
    Entry *last = c->entry_count ? &c->entries[c->entry_count - 1] : NULL;
    if (last && en->alone && last->alone && last->first == en->first && last->table == en->table &&
        last->window == en->window && last->input == en->input) {
        last->rows += en->rows; /* the next groups of a long series */
        return;
    }
    if (c->entry_count == c->entry_cap) {
        c->entry_cap = c->entry_cap ? c->entry_cap * 2 : 256;
        c->entries = mem_realloc(c->entries, c->entry_cap * sizeof *c->entries);
    }
    c->entries[c->entry_count++] = *en;
}

static void plan_group(Compact *c, uint32_t input, const PartGroup *g)
{
    const TableDef *table = cat_table_by_id(c->catalog, g->table);
    if (!table) /* dropped: its rows end here */
        return;
    TombView tombs = tombs_of_table(c->spec.tombs, g->table);
    if (tombs_hide_all(&tombs, NULL, (TimeRange){g->t_min, g->t_max},
                       version_part_newest(&c->inputs[input]))) /* deleted or expired */
        return;
    Entry en = {.table = g->table,
                .input = input,
                .rows = g->rows,
                .first = g->series,
                .last = g->series_last,
                .alone = g->alone};
    int64_t t = g->t_min, last;
    for (;;) { /* other lengths or another stretch: a group may span several units */
        window_unit(table, c->stretch, t, &en.window, &last);
        add_entry(c, &en);
        if (last >= g->t_max)
            break;
        t = last + 1;
    }
}

static int by_unit(const Entry *x, const Entry *y)
{
    if (x->window != y->window)
        return x->window < y->window ? -1 : 1;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return (x->input > y->input) - (x->input < y->input);
}

static int by_window_table(const void *a, const void *b)
{
    return by_unit(a, b);
}

static int by_group(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    if (x->own != y->own)
        return x->own < y->own ? -1 : 1;
    return by_unit(x, y);
}

static int by_class(const void *a, const void *b)
{
    return expiry_compare(a, b);
}

static uint32_t class_of(const Compact *c, TableId table)
{
    ExpiryClass key = expiry_class(cat_table_by_id(c->catalog, table));
    const ExpiryClass *at = bsearch(&key, c->classes, c->class_count, sizeof key, by_class);
    return (uint32_t)(at - c->classes);
}

/* All classes of the entries, sorted, once each. */
static void find_classes(Compact *c)
{
    c->classes = mem_zero((c->entry_count + 1) * sizeof *c->classes);
    TableId last = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->entry_count; i++) {
        if (i && c->entries[i].table == last)
            continue;
        last = c->entries[i].table;
        c->classes[n++] = expiry_class(cat_table_by_id(c->catalog, last));
    }
    if (n)
        qsort(c->classes, n, sizeof *c->classes, by_class);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || by_class(&c->classes[c->class_count - 1], &c->classes[i]) != 0)
            c->classes[c->class_count++] = c->classes[i];
}

/* Entries [begin, end) are one table in one window: does it get files of its own?  Its share of the
 * inputs' bytes is taken to be its share of their rows. */
static bool is_large(const Compact *c, size_t begin, size_t end)
{
    double bytes = 0;
    for (size_t i = begin; i < end; i++) {
        const PartInfo *in = part_info(c->inputs[c->entries[i].input].part);
        bytes += (double)in->bytes * (double)c->entries[i].rows / (double)(in->rows ? in->rows : 1);
    }
    return bytes > COMPACT_OWN_MIN;
}

static void plan_groups(Compact *c)
{
    if (!c->entry_count)
        return;
    qsort(c->entries, c->entry_count, sizeof *c->entries, by_window_table);
    for (size_t i = 0; i < c->entry_count; i++)
        c->window_count += i == 0 || c->entries[i].window != c->entries[i - 1].window;
    if (c->spec.level == 0)
        return;
    find_classes(c);
    for (size_t i = 0, end; i < c->entry_count; i = end) {
        const Entry *unit = &c->entries[i];
        uint32_t class = class_of(c, unit->table);
        for (end = i + 1; end < c->entry_count; end++)
            if (c->entries[end].window != unit->window || c->entries[end].table != unit->table)
                break;
        TableId own = is_large(c, i, end) ? unit->table : 0;
        for (size_t k = i; k < end; k++) {
            c->entries[k].class = class;
            c->entries[k].own = own;
        }
    }
    qsort(c->entries, c->entry_count, sizeof *c->entries, by_group);
}

/* Cuts are borders of windows, so nothing may span them. */
static int64_t stretch_of(const Compact *c)
{
    int64_t t_min = INT64_MAX, t_max = INT64_MIN;
    uint64_t bytes = 0;
    for (size_t i = 0; i < c->spec.input_count; i++) {
        const PartInfo *in = part_info(c->inputs[i].part);
        t_min = in->t_min < t_min ? in->t_min : t_min;
        t_max = in->t_max > t_max ? in->t_max : t_max;
        bytes += in->bytes;
    }
    return c->spec.cut_count ? 1 : window_stretch(t_min, t_max, bytes);
}

static bool plan(Compact *c, Err *e)
{
    c->stretch = stretch_of(c);
    for (size_t i = 0; i < c->spec.input_count; i++) {
        Part *p = c->inputs[i].part;
        for (size_t k = 0; k < part_group_count(p); k++) {
            PartGroup g;
            part_group_at(p, (uint32_t)k, &g);
            if (!g.rows) /* nothing may be merged without them */
                return err_set(e, ERR_DATA_CORRUPTED,
                               "%s: the directory of row group %zu is damaged", part_name(p), k);
            plan_group(c, (uint32_t)i, &g);
        }
    }
    plan_groups(c);
    return true;
}

/* ---- output ---- */

static bool sink_write(PartSink *sink, const void *ptr, size_t len, Err *e)
{
    Output *o = (Output *)sink;
    if (o->failed) {
        *e = o->err;
        return false;
    }
    Piece *p = MEM_NEW(Piece);
    p->bytes = mem_dup(ptr, len);
    p->len = len;
    *o->tail = p;
    o->tail = &p->next;
    o->ahead++;
    o->info.bytes += len;
    o->store->ops->blob_put(o->store, o->id, slice_of(p->bytes, len), false, &p->completion);
    return true;
}

/* Looks at the pieces under way: COMPACT_MORE = at most `ahead` are left. */
static CompactStatus output_poll(Output *o, size_t ahead, Task *waiter, Err *e)
{
    while (o->pieces) {
        Piece *p = o->pieces;
        p->completion.waiter = waiter;
        if (!atomic_load_explicit(&p->completion.done, memory_order_acquire))
            break;
        if (!p->completion.ok && !o->failed) {
            o->failed = true;
            o->sync_failed = p->completion.sync_failed;
            o->err = p->completion.err;
        }
        o->pieces = p->next;
        if (!o->pieces)
            o->tail = &o->pieces;
        o->ahead--;
        mem_free(p->bytes);
        mem_free(p);
    }
    if (o->failed && !o->pieces) {
        *e = o->err;
        return COMPACT_FAIL;
    }
    return o->ahead > ahead ? COMPACT_WAIT : COMPACT_MORE;
}

/* WITH (compression = 'dense') asks for the entropy coder in the last level. */
static bool wants_dense(const TableDef *table)
{
    Slice rest = table->options, line;
    while (rest.len) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        line = slice_of(rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len);
        if (slice_eq_cstr(line, "compression=dense"))
            return true;
        rest = slice_of(rest.ptr + line.len, rest.len - line.len);
        if (end)
            rest = slice_of(rest.ptr + 1, rest.len - 1);
    }
    return false;
}

static CodecEffort effort_of(const Compact *c)
{
    if (c->spec.level < 2)
        return EFFORT_FLUSH;
    return wants_dense(c->table) ? EFFORT_DENSE : EFFORT_FINAL;
}

static void output_open(Compact *c)
{
    Output *o = MEM_NEW(Output);
    o->sink.write = sink_write;
    o->memory = memory_sink();
    o->store = c->spec.store;
    if (o->store)
        o->info.number = c->spec.next_number(c->spec.arg);
    o->info.level = c->spec.level;
    o->info.t_min = INT64_MAX;
    o->info.t_max = INT64_MIN;
    o->info.seq_min = UINT64_MAX;
    o->id = blob_id(BLOB_PART, o->info.number);
    o->tail = &o->pieces;
    o->writer = part_writer_new(o->store ? &o->sink : &o->memory.sink, effort_of(c));
    o->window_first = c->window;
    o->class = c->entries[c->entry_at].class;
    o->own = c->entries[c->entry_at].own;
    c->out = o;
}

static void output_saw(Output *o, const MergeRun *run)
{
    ManifestPart *i = &o->info;
    i->rows += run->rows;
    i->t_min = run->t_first < i->t_min ? run->t_first : i->t_min;
    i->t_max = run->t_last > i->t_max ? run->t_last : i->t_max;
    i->seq_min = run->seq_min < i->seq_min ? run->seq_min : i->seq_min;
    i->seq_max = run->seq_max > i->seq_max ? run->seq_max : i->seq_max;
}

static bool is_cut(const Compact *c, int64_t from, int64_t to)
{
    const ExpiryClass *class = &c->classes[c->out->class];
    for (size_t i = 0; i < c->spec.cut_count; i++)
        if (from < c->cuts[i].time_ns && c->cuts[i].time_ns <= to &&
            expiry_compare(&c->cuts[i].class, class) == 0)
            return true;
    return false;
}

/* Does the next unit go into another file? */
static bool output_is_full(const Compact *c, const Entry *next)
{
    const Output *o = c->out;
    if (!o || c->spec.level == 0)
        return false;
    if (next->class != o->class || next->own != o->own)
        return true;
    if (next->window == c->window)
        return false;
    if (c->spec.level == 1 && c->window_count <= COMPACT_WINDOWS_APART)
        return true;
    const ExpiryClass *class = &c->classes[o->class];
    return o->info.bytes >= COMPACT_FILE_MIN ||
           expiry_span(class, next->window) != expiry_span(class, o->window_first) ||
           is_cut(c, o->window_first, next->window);
}

/* ---- a unit: the series of one table in one window ---- */

static void add_series(Compact *c, SeriesId id)
{
    if (c->series_count == c->series_cap) {
        c->series_cap = c->series_cap ? c->series_cap * 2 : 256;
        c->series = mem_realloc(c->series, c->series_cap * sizeof *c->series);
    }
    c->series[c->series_count++] = id;
}

static void add_shared(Compact *c, const Entry *en)
{
    Part *p = c->inputs[en->input].part;
    const roaring_bitmap_t *bits = part_series_bitmap(p, en->table);
    uint64_t shard = en->first >> 32 << 32;
    uint32_t last = series_id_local(en->last);
    roaring_uint32_iterator_t it;
    roaring_init_iterator(bits, &it);
    if (!roaring_move_uint32_iterator_equalorlarger(&it, series_id_local(en->first)))
        return;
    for (; it.has_value && it.current_value <= last; roaring_advance_uint32_iterator(&it))
        add_series(c, shard | it.current_value);
}

static int by_series(const void *a, const void *b)
{
    SeriesId x = *(const SeriesId *)a, y = *(const SeriesId *)b;
    return (x > y) - (x < y);
}

static void unit_begin(Compact *c)
{
    const Entry *first = &c->entries[c->entry_at];
    c->window = first->window;
    c->table = cat_table_by_id(c->catalog, first->table);
    c->tombs = tombs_of_table(c->spec.tombs, first->table);
    int64_t begin;
    window_unit(c->table, c->stretch, first->window, &begin, &c->window_last);
    c->series_count = c->series_at = 0;
    c->unit_end = c->entry_at;
    while (c->unit_end < c->entry_count && c->entries[c->unit_end].window == first->window &&
           c->entries[c->unit_end].table == first->table) {
        const Entry *en = &c->entries[c->unit_end++];
        if (en->alone)
            add_series(c, en->first);
        else
            add_shared(c, en);
    }
    if (c->out)
        part_writer_set_effort(c->out->writer, effort_of(c));
    qsort(c->series, c->series_count, sizeof *c->series, by_series);
    size_t n = 0;
    for (size_t i = 0; i < c->series_count; i++)
        if (n == 0 || c->series[n - 1] != c->series[i])
            c->series[n++] = c->series[i];
    c->series_count = n;
}

/* ---- a series ---- */

/* PHYS_NONE: the column is left out. */
static PhysType column_type(const Compact *c, ColumnId id)
{
    if (id == COLUMN_ROW)
        return PHYS_I64;
    if (id == COLUMN_MARK)
        return c->spec.oldest ? PHYS_NONE : PHYS_BOOL;
    const ColumnDef *def = table_column_by_id(c->table, id);
    return def && !def->dropped ? def->phys : PHYS_NONE;
}

/* The columns that any of the groups has and the catalog still knows. */
static bool choose_columns(Compact *c, size_t inputs, Err *e)
{
    static _Thread_local ColumnId ids[COLUMNS_MAX];
    uint64_t seen[BITMAP_WORDS(UINT16_MAX + 1)];
    size_t count = 0;
    bool same = true;
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < c->column_count; i++)
        bitmap_set(seen, c->columns[i]);
    ColumnId *fresh = arena_alloc(&c->scratch, COLUMNS_MAX * sizeof *fresh);
    for (size_t i = 0; i < inputs; i++) {
        const MergeInput *in = &c->merge_inputs[i];
        for (size_t g = 0; g < in->group_count; g++) {
            size_t n;
            if (!part_columns(in->part, &in->groups[g], ids, COLUMNS_MAX, &n, e))
                return false;
            for (size_t k = 0; k < n && k < COLUMNS_MAX; k++) {
                if (bitmap_get(seen, ids[k]))
                    continue;
                bitmap_set(seen, ids[k]);
                if (count < COLUMNS_MAX)
                    fresh[count++] = ids[k];
                same = false;
            }
        }
    }
    if (same)
        return true;
    for (size_t i = 0; i < count && c->column_count < COLUMNS_MAX; i++) {
        PhysType type = column_type(c, fresh[i]);
        if (type == PHYS_NONE)
            continue;
        c->columns[c->column_count] = fresh[i];
        c->types[c->column_count++] = type;
    }
    merge_set_columns(c->merge, c->columns, c->types, c->column_count);
    return true;
}

static bool series_begin(Compact *c, Err *e)
{
    SeriesId id = c->series[c->series_at];
    size_t inputs = 0;
    uint32_t last_input = UINT32_MAX;
    arena_reset(&c->scratch);
    for (size_t k = c->entry_at; k < c->unit_end; k++) {
        uint32_t input = c->entries[k].input;
        if (input == last_input)
            continue;
        last_input = input;
        Buf *b = &c->groups[input];
        buf_clear(b);
        PartQuery q = {c->entries[k].table, id, c->window, c->window_last};
        if (part_find(c->inputs[input].part, &q, b, NULL, e) != PIN_OK)
            return false;
        if (!b->len)
            continue;
        Buf *d = &c->dead[input];
        buf_clear(d);
        size_t dead = c->tombs.count
                          ? tombs_ranges(&c->tombs, id, version_part_newest(&c->inputs[input]), d)
                          : 0;
        c->merge_inputs[inputs++] = (MergeInput){.age = c->inputs[input].age,
                                                 .part = c->inputs[input].part,
                                                 .place = c->inputs[input].place,
                                                 .groups = (const PartGroup *)(void *)b->ptr,
                                                 .group_count = b->len / sizeof(PartGroup),
                                                 .dead = (const TimeRange *)(void *)d->ptr,
                                                 .dead_count = dead};
    }
    if (!choose_columns(c, inputs, e))
        return false;
    MergeSpec spec = {.duplicates = c->table->duplicates,
                      .t_min = c->window,
                      .t_max = c->window_last,
                      .keep_marks = !c->spec.oldest};
    merge_start(c->merge, &spec, c->merge_inputs, inputs);
    return true;
}

static bool may_copy(const Compact *c, const MergeRun *run)
{
    ColumnId ids[COLUMNS_MAX];
    if (!run->part || !run->whole || !run->group->alone)
        return false;
    if (run->rows < COPY_ROWS)
        return false;
    if (c->spec.level >= 2) { /* only what was encoded for the last level before */
        for (size_t i = 0; i < c->spec.input_count; i++)
            if (c->inputs[i].part == run->part && c->inputs[i].level < 2)
                return false;
    }
    size_t n;
    Err ignored; /* the merge will report it */
    if (!part_columns(run->part, run->group, ids, COLUMNS_MAX, &n, &ignored) || n > COLUMNS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const ColumnDef *def = table_column_by_id(c->table, ids[i]);
        if (ids[i] != COLUMN_ROW && (!def || def->dropped))
            return false;
    }
    return true;
}

static bool read_column(Compact *c, size_t i, PartColumn *col, Err *e)
{
    if (col->id == COLUMN_MARK)
        return merge_marks(c->merge, &col->vec, e);
    return merge_column(c->merge, i, &col->vec, &col->null_bits, e);
}

/* Explicit nulls only hide older values. */
static bool fill_columns(Compact *c, PartRun *out, Err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < c->column_count; i++) {
        PartColumn *col = &c->out_columns[n];
        *col = (PartColumn){.id = c->columns[i]};
        if (!read_column(c, i, col, e))
            return false;
        if (c->spec.oldest)
            col->null_bits = NULL;
        if (col->vec.type == PHYS_NONE) {
            if (!col->null_bits)
                continue;
            col->vec.type = c->types[i];
            col->vec.v.any = arena_zero(&c->scratch, out->rows * sizeof(Slice));
            col->vec.valid = arena_zero(&c->scratch, BITMAP_WORDS(out->rows) * 8);
        }
        n++;
    }
    out->columns = c->out_columns;
    out->column_count = n;
    return true;
}

static int by_column(const void *a, const void *b)
{
    return (int)((const PartColumn *)a)->id - (int)((const PartColumn *)b)->id;
}

static bool write_run(Compact *c, const MergeRun *run, Err *e)
{
    if (!c->out)
        output_open(c);
    Output *o = c->out;
    output_saw(o, run);
    if (may_copy(c, run))
        return part_writer_copy(o->writer, run->part, run->group, c->window, e);
    PartRun out = {.window = c->window,
                   .table = c->table->id,
                   .series = c->series[c->series_at],
                   .rows = run->rows,
                   .seq_min = run->seq_min,
                   .seq_max = run->seq_max};
    arena_reset(&c->scratch);
    if (!merge_times(c->merge, &out.times, e) || !fill_columns(c, &out, e))
        return false;
    qsort(c->out_columns, out.column_count, sizeof *c->out_columns, by_column);
    return part_writer_add(o->writer, &out, e);
}

/* ---- the machine ---- */

static CompactStatus next_unit(Compact *c)
{
    if (c->entry_at < c->entry_count && !output_is_full(c, &c->entries[c->entry_at])) {
        TableId before = c->table ? c->table->id : 0;
        unit_begin(c);
        if (before != c->table->id)
            c->column_count = 0;
        if (!c->column_count)
            merge_set_columns(c->merge, c->columns, c->types, 0);
        c->phase = PHASE_SERIES;
        return COMPACT_MORE;
    }
    if (!c->out)
        return COMPACT_DONE;
    c->phase = PHASE_CLOSE;
    return COMPACT_MORE;
}

static CompactStatus next_series(Compact *c, Err *e)
{
    if (c->series_at == c->series_count) {
        c->entry_at = c->unit_end;
        c->phase = PHASE_UNIT;
        return COMPACT_MORE;
    }
    if (!series_begin(c, e))
        return COMPACT_FAIL;
    c->phase = PHASE_RUNS;
    return COMPACT_MORE;
}

static CompactStatus next_run(Compact *c, Task *waiter, Err *e)
{
    MergeRun run;
    switch (merge_next(c->merge, &run, waiter, e)) {
    case MERGE_WAIT:
        return COMPACT_WAIT;
    case MERGE_FAIL:
        return COMPACT_FAIL;
    case MERGE_END:
        c->series_at++;
        c->phase = PHASE_SERIES;
        return COMPACT_MORE;
    case MERGE_RUN:
        break;
    }
    if (!write_run(c, &run, e))
        return COMPACT_FAIL;
    return output_poll(c->out, PUT_AHEAD_MAX, waiter, e);
}

static void output_end(Compact *c)
{
    Output *o = c->out;
    c->outputs = mem_realloc(c->outputs, (c->output_count + 1) * sizeof *c->outputs);
    c->outputs[c->output_count++] = o->info;
    output_free(o);
    c->out = NULL;
    c->phase = PHASE_UNIT;
}

static CompactStatus close_in_memory(Compact *c, Err *e)
{
    Output *o = c->out;
    if (!part_writer_finish(o->writer, e) || !memory_sink_open(&o->memory, &c->in_memory, e))
        return COMPACT_FAIL;
    output_end(c);
    return COMPACT_MORE;
}

/* Footer, then the last piece: the blob is durable after it. */
static CompactStatus close_output(Compact *c, Task *waiter, Err *e)
{
    Output *o = c->out;
    if (c->phase == PHASE_CLOSE) {
        if (o->writer) {
            if (!part_writer_finish(o->writer, e))
                return COMPACT_FAIL;
            part_writer_free(o->writer);
            o->writer = NULL;
        }
        CompactStatus st = output_poll(o, 0, waiter, e);
        if (st != COMPACT_MORE)
            return st;
        Piece *p = MEM_NEW(Piece);
        *o->tail = p;
        o->tail = &p->next;
        o->ahead++;
        o->store->ops->blob_put(o->store, o->id, SLICE_NONE, true, &p->completion);
        c->phase = PHASE_LAST;
    }
    CompactStatus st = output_poll(o, 0, waiter, e);
    if (st != COMPACT_MORE)
        return st;
    output_end(c);
    return COMPACT_MORE;
}

static CompactStatus one_step(Compact *c, Task *waiter, Err *e)
{
    switch (c->phase) {
    case PHASE_PLAN:
        if (!plan(c, e))
            return COMPACT_FAIL;
        c->phase = PHASE_UNIT;
        return COMPACT_MORE;
    case PHASE_UNIT:
        return next_unit(c);
    case PHASE_SERIES:
        return next_series(c, e);
    case PHASE_RUNS:
        return next_run(c, waiter, e);
    case PHASE_CLOSE:
    case PHASE_LAST:
        break;
    }
    return c->spec.store ? close_output(c, waiter, e) : close_in_memory(c, e);
}

CompactStatus compact_step(Compact *c, int64_t until_ns, Task *waiter, Err *e)
{
    CompactStatus st;
    do
        st = one_step(c, waiter, e);
    while (st == COMPACT_MORE && c->spec.clock->mono_ns(c->spec.clock) < until_ns);
    return st;
}
