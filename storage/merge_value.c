/* Values of a merge: row groups decoded when they are needed, columns put together from spans. */
#include "storage/merge_private.h"

static void loaded_release(Loaded *l)
{
    if (l->pinned)
        part_unpin_group(l->part, &l->group);
    l->pinned = false;
    l->times = l->ids = NULL;
    l->regular = false;
    l->marked = NULL;
    l->deleting = NULL;
    l->vecs = NULL;
    l->nulls = NULL;
    l->have = NULL;
    l->whole = NULL;
    arena_reset(&l->arena);
}

/* Shared groups that the last series did not touch will hardly come again. */
void merge_release_wholes(Merge *m, bool all)
{
    Loaded **at = &m->wholes;
    m->whole_last = m->whole_hint = NULL;
    while (*at) {
        Loaded *l = *at;
        if (!all && l->used + 1 >= m->starts) {
            m->whole_last = l;
            at = &l->next;
            continue;
        }
        *at = l->next;
        loaded_release(l);
        l->next = m->spare;
        m->spare = l;
    }
}

/* Gives back what no cursor stands on; the run that used the rest is over. */
void merge_release(Merge *m, bool all)
{
    Loaded **at = &m->live;
    while (*at) {
        Loaded *l = *at;
        bool used = false;
        for (size_t i = 0; !all && i < m->cursor_count && !used; i++)
            used = m->cursors[i].active && m->cursors[i].loaded == l;
        if (used) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        loaded_release(l);
        l->next = m->spare;
        m->spare = l;
    }
}

/* ---- decoded groups ---- */

static Loaded *loaded_take(Merge *m, Loaded **list, Part *part, const PartGroup *group)
{
    Loaded *l = m->spare;
    if (l) {
        m->spare = l->next;
    } else {
        l = MEM_NEW(Loaded);
        arena_init(&l->arena, m->budget);
    }
    l->part = part;
    l->group = *group;
    l->want_begin = 0;
    l->want_end = group->rows;
    l->next = *list;
    *list = l;
    return l;
}

static bool is_whole(const Loaded *l, const Part *part, const PartGroup *group)
{
    return l->part == part && l->group.index == group->index;
}

/* Each series meets them in the order of the one before, so it is mostly the next one. */
static Loaded *whole_of(Merge *m, Part *part, const PartGroup *group)
{
    PartGroup all;
    Loaded *l = m->whole_hint;
    if (!l || !is_whole(l, part, group))
        for (l = m->wholes; l && !is_whole(l, part, group);)
            l = l->next;
    if (!l) {
        part_group_at(part, group->index, &all);
        if (group->row_begin + group->rows > all.rows)
            return NULL; /* its directory is damaged: let reading the piece say so */
        l = loaded_take(m, m->whole_last ? &m->whole_last->next : &m->wholes, part, &all);
        m->whole_last = l;
    }
    m->whole_hint = l->next;
    l->used = m->starts;
    return l;
}

Loaded *merge_load(Merge *m, Part *part, const PartGroup *group)
{
    Loaded *whole = group->alone ? NULL : whole_of(m, part, group);
    Loaded *l = loaded_take(m, &m->live, part, group);
    l->whole = whole;
    return l;
}

void merge_unload(Merge *m, Loaded *l)
{
    must(m->live == l);
    m->live = l->next;
    loaded_release(l);
    l->next = m->spare;
    m->spare = l;
}

static MergeStatus loaded_pin(Merge *m, Loaded *l, Task *waiter, Err *e)
{
    if (l->pinned)
        return MERGE_RUN;
    switch (part_pin_group(l->part, &l->group, m->column_ids, m->column_count + HIDDEN_COLUMNS,
                           waiter, e)) {
    case PIN_OK:
        l->pinned = true;
        return MERGE_RUN;
    case PIN_WAIT:
        return MERGE_WAIT;
    case PIN_FAIL:
        break;
    }
    return MERGE_FAIL;
}

MergeStatus merge_load_times(Merge *m, Loaded *l, Task *waiter, Err *e)
{
    if (l->times)
        return MERGE_RUN;
    MergeStatus st =
        l->whole ? merge_load_times(m, l->whole, waiter, e) : loaded_pin(m, l, waiter, e);
    if (st != MERGE_RUN)
        return st;
    if (l->whole) {
        l->times = l->whole->times + l->group.row_begin;
        return MERGE_RUN;
    }
    return part_times(l->part, &l->group, &l->arena, &l->times, e) ? MERGE_RUN : MERGE_FAIL;
}

MergeStatus merge_load_grid(Merge *m, Loaded *l, Task *waiter, Err *e)
{
    bool regular;
    MergeStatus st = loaded_pin(m, l, waiter, e);
    if (st != MERGE_RUN)
        return st;
    if (!part_time_grid(l->part, &l->group, &l->grid, &regular, e))
        return MERGE_FAIL;
    l->regular = regular && l->grid.step > 0;
    return MERGE_RUN;
}

/* For a run that was announced undecoded: the data must be here now. */
static bool loaded_here(Merge *m, Loaded *l, Err *e)
{
    MergeStatus st = loaded_pin(m, l, NULL, e);
    if (st == MERGE_WAIT)
        return err_set(e, ERR_INTERNAL, "%s: data of an announced run is not resident",
                       part_name(l->part));
    return st == MERGE_RUN;
}

bool merge_run_here(Merge *m, Err *e)
{
    must(m->spans.count == 1 && m->spans.items[0].group);
    return loaded_here(m, m->spans.items[0].group, e);
}

static const uint64_t *bits_from(Arena *a, const uint64_t *bits, size_t begin, size_t n)
{
    if (!bits)
        return NULL;
    if (begin % 64 == 0)
        return bits + begin / 64;
    uint64_t *out = arena_zero(a, BITMAP_WORDS(n) * 8);
    for (size_t i = 0; i < n; i++)
        if (bitmap_get(bits, begin + i))
            bitmap_set(out, i);
    return out;
}

static size_t type_size(PhysType t)
{
    switch (t) {
    case PHYS_I64:
    case PHYS_F64:
        return 8;
    case PHYS_BOOL:
        return 1;
    case PHYS_STR:
        return sizeof(Slice);
    case PHYS_NONE:
        break;
    }
    return 0;
}

static bool loaded_column(Merge *m, Loaded *l, size_t column, Err *e) MUST_CHECK;

/* A piece of a shared group: slices of what is decoded for all of it. */
static bool column_of_whole(Merge *m, Loaded *l, size_t column, Err *e)
{
    Loaded *w = l->whole;
    uint32_t begin = l->group.row_begin, n = l->group.rows;
    if (!loaded_column(m, w, column, e))
        return false;
    ColVec vec = w->vecs[column];
    if (vec.type != PHYS_NONE)
        vec.v.any = (const char *)vec.v.any + begin * type_size(vec.type);
    vec.valid = bits_from(&l->arena, vec.valid, begin, n);
    l->nulls[column] = bits_from(&l->arena, w->nulls[column], begin, n);
    l->vecs[column] = vec;
    l->have[column] = 1;
    return true;
}

static bool loaded_column(Merge *m, Loaded *l, size_t column, Err *e)
{
    if (!l->whole && !loaded_here(m, l, e))
        return false;
    if (!l->have) {
        size_t n = m->column_count + HIDDEN_COLUMNS;
        l->have = arena_zero(&l->arena, n);
        l->vecs = ARENA_ARRAY(&l->arena, ColVec, n);
        l->nulls = ARENA_ARRAY(&l->arena, const uint64_t *, n);
    }
    if (l->have[column])
        return true;
    if (l->whole)
        return column_of_whole(m, l, column, e);
    ColVec *vec = &l->vecs[column];
    if (!part_column_range(l->part, &l->group, m->column_ids[column], l->want_begin, l->want_end,
                           &l->arena, vec, &l->nulls[column], e))
        return false;
    PhysType want = m->column_types[column];
    if (vec->type == PHYS_I64 && want == PHYS_F64) {
        double *wide = arena_alloc(&l->arena, l->group.rows * sizeof *wide);
        for (uint32_t i = l->want_begin; i < l->want_end; i++)
            wide[i] = (double)vec->v.i64[i];
        vec->v.f64 = wide;
        vec->type = PHYS_F64;
    }
    if (vec->type != PHYS_NONE && vec->type != want)
        return err_set(e, ERR_DATA_CORRUPTED, "%s: column %u of table %u holds type %d, not %d",
                       part_name(l->part), m->column_ids[column], l->group.table, (int)vec->type,
                       (int)want);
    l->have[column] = 1;
    return true;
}

bool merge_load_hidden(Merge *m, Loaded *l, Err *e)
{
    size_t row = m->column_count + HIDDEN_ROW, mark = m->column_count + HIDDEN_MARK;
    if (m->spec.duplicates == DUP_KEEP && !l->ids &&
        part_may_have(l->part, &l->group, COLUMN_ROW)) {
        if (!loaded_column(m, l, row, e))
            return false;
        const ColVec *v = &l->vecs[row];
        if (v->type == PHYS_I64 && v->valid) {
            int64_t *ids = arena_alloc(&l->arena, l->group.rows * sizeof *ids);
            for (uint32_t i = 0; i < l->group.rows; i++)
                ids[i] = bitmap_get(v->valid, i) ? v->v.i64[i] : 0;
            l->ids = ids;
        } else if (v->type == PHYS_I64) {
            l->ids = v->v.i64;
        }
    }
    if (!l->marked && part_may_have(l->part, &l->group, COLUMN_MARK)) {
        static const uint64_t all[BITMAP_WORDS(ROW_GROUP_ROWS)] = {[0 ... 15] = UINT64_MAX};
        _Static_assert(BITMAP_WORDS(ROW_GROUP_ROWS) == 16, "as many words");
        if (!loaded_column(m, l, mark, e))
            return false;
        const ColVec *v = &l->vecs[mark];
        if (v->type == PHYS_BOOL) {
            l->marked = v->valid ? v->valid : all;
            l->deleting = v->v.b;
        }
    }
    return true;
}

int64_t merge_span_time(const Span *s, uint32_t i)
{
    if (!s->group)
        return s->rows[i].time;
    if (!s->group->times && s->group->regular)
        return s->group->grid.first + s->group->grid.step * (int64_t)(s->begin + i);
    if (!s->group->times) /* announced: only its ends are known */
        return i ? s->group->group.t_max : s->group->group.t_min;
    return s->group->times[s->begin + i];
}

/* ---- values of the run ---- */

bool merge_times(Merge *m, const int64_t **times, Err *e)
{
    must(m->rows > 0);
    if (m->out_times) {
        *times = m->out_times;
        return true;
    }
    Span *only = m->spans.count == 1 && m->spans.items[0].group ? &m->spans.items[0] : NULL;
    if (only) {
        if (!loaded_here(m, only->group, e) ||
            merge_load_times(m, only->group, NULL, e) != MERGE_RUN)
            return false;
        m->out_times = only->group->times + only->begin;
    } else {
        int64_t *out = arena_alloc(&m->out, m->rows * sizeof *out), *at = out;
        for (size_t i = 0; i < m->spans.count; i++) {
            const Span *s = &m->spans.items[i];
            for (uint32_t r = 0; r < s->count; r++)
                *at++ = merge_span_time(s, r);
        }
        m->out_times = out;
    }
    *times = m->out_times;
    return true;
}

/* The run is a part of one group: no copy but of unaligned bitmaps. */
static bool column_of_group(Merge *m, const Span *s, size_t column, ColVec *vec,
                            const uint64_t **null_bits, Err *e)
{
    Loaded *l = s->group;
    if (!loaded_column(m, l, column, e))
        return false;
    *vec = l->vecs[column];
    if (vec->type != PHYS_NONE)
        vec->v.any = (const char *)vec->v.any + s->begin * type_size(vec->type);
    vec->valid = bits_from(&m->out, vec->valid, s->begin, s->count);
    if (null_bits)
        *null_bits = bits_from(&m->out, l->nulls[column], s->begin, s->count);
    return true;
}

typedef struct Output { /* a merged column being filled */
    PhysType type;
    char *values;
    uint64_t *valid, *nulls;
    size_t value_size;
    uint32_t present, null_count;
} Output;

/* Values of one span as a vector of s->count rows. */
static bool span_column(Merge *m, const Span *s, size_t column, ColVec *vec, const uint64_t **nulls,
                        Err *e)
{
    if (s->group)
        return column_of_group(m, s, column, vec, nulls, e);
    *nulls = NULL;
    seg_column(s->segment, s->rows, s->count, m->column_ids[column], m->column_types[column],
               &m->out, vec, nulls);
    return true;
}

static void output_row(Output *o, size_t at, const ColVec *vec, const uint64_t *nulls, size_t i)
{
    if (bitmap_get(vec->valid, i)) {
        memcpy(o->values + at * o->value_size, (const char *)vec->v.any + i * o->value_size,
               o->value_size);
        bitmap_set(o->valid, at);
        o->present++;
    } else if (nulls && bitmap_get(nulls, i)) {
        bitmap_set(o->nulls, at);
        o->null_count++;
    }
}

static void output_span(Output *o, size_t at, const ColVec *vec, const uint64_t *nulls, size_t n)
{
    if (!vec->valid && at % 64 == 0) {
        memcpy(o->values + at * o->value_size, vec->v.any, n * o->value_size);
        memset(o->valid + at / 64, 0xff, n / 64 * 8);
        if (n % 64)
            o->valid[at / 64 + n / 64] |= (UINT64_C(1) << n % 64) - 1;
        o->present += (uint32_t)n;
        return;
    }
    for (size_t i = 0; i < n; i++)
        output_row(o, at + i, vec, nulls, i);
}

/* Fills the row from the newest source that has the field at all. */
static bool output_chain(Merge *m, Output *o, size_t at, const Span *s, size_t column, Err *e)
{
    for (;;) {
        ColVec vec;
        const uint64_t *nulls = NULL;
        if (!span_column(m, s, column, &vec, &nulls, e))
            return false;
        if (vec.type != PHYS_NONE || (nulls && bitmap_get(nulls, 0))) {
            if (vec.type == PHYS_NONE) {
                bitmap_set(o->nulls, at);
                o->null_count++;
                return true;
            }
            output_row(o, at, &vec, nulls, 0);
            if (bitmap_get(o->valid, at) || bitmap_get(o->nulls, at))
                return true;
        }
        if (!s->older)
            return true;
        s = &m->older.items[s->older - 1];
    }
}

bool merge_column(Merge *m, size_t column, ColVec *vec, const uint64_t **null_bits, Err *e)
{
    must(m->rows > 0 && column < m->column_count + HIDDEN_COLUMNS);
    const Span *first = &m->spans.items[0];
    if (null_bits)
        *null_bits = NULL;
    if (m->spans.count == 1 && first->group && !first->older)
        return column_of_group(m, first, column, vec, null_bits, e);
    PhysType type = m->column_types[column];
    Output o = {.type = type, .value_size = type_size(type)};
    must(o.value_size > 0);
    o.values = arena_zero(&m->out, m->rows * o.value_size);
    o.valid = arena_zero(&m->out, BITMAP_WORDS(m->rows) * 8);
    o.nulls = arena_zero(&m->out, BITMAP_WORDS(m->rows) * 8);
    size_t at = 0;
    for (size_t i = 0; i < m->spans.count; i++) {
        const Span *s = &m->spans.items[i];
        if (s->older) {
            if (!output_chain(m, &o, at, s, column, e))
                return false;
        } else {
            ColVec part;
            const uint64_t *nulls = NULL;
            if (!span_column(m, s, column, &part, &nulls, e))
                return false;
            if (part.type != PHYS_NONE)
                output_span(&o, at, &part, nulls, s->count);
            else if (nulls)
                for (uint32_t r = 0; r < s->count; r++)
                    if (bitmap_get(nulls, r)) {
                        bitmap_set(o.nulls, at + r);
                        o.null_count++;
                    }
        }
        at += s->count;
    }
    *vec = (ColVec){.type = o.present ? type : PHYS_NONE,
                    .v.any = o.values,
                    .valid = o.present == m->rows ? NULL : o.valid};
    if (null_bits && o.null_count)
        *null_bits = o.nulls;
    return true;
}

static bool span_marked(const Span *s, uint32_t i)
{
    if (s->group)
        return s->group->marked && bitmap_get(s->group->marked, s->begin + i);
    return seg_row_mark(s->segment, s->rows[i].row);
}

/* A mark that only an older version of the key has: the row exists, and hides what is older still. */
bool merge_marks(Merge *m, ColVec *vec, Err *e)
{
    if (!merge_column(m, m->column_count + HIDDEN_MARK, vec, NULL, e))
        return false;
    if (vec->type == PHYS_NONE)
        return true;
    uint8_t *marks = arena_alloc(&m->out, m->rows);
    memcpy(marks, vec->v.b, m->rows);
    uint32_t at = 0;
    for (size_t i = 0; i < m->spans.count; i++) {
        const Span *s = &m->spans.items[i];
        for (uint32_t k = 0; k < s->count; k++, at++)
            if (!span_marked(s, k))
                marks[at] = 0;
    }
    vec->v.b = marks;
    return true;
}
