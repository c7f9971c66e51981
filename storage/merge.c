#include "storage/merge.h"

enum { PASS_ROWS_MIN = 128 }; /* a group this large ends the run before it, to be announced whole */

typedef struct Loaded { /* a row group that the current run or a cursor refers to */
    struct Loaded *next;
    Part *part;
    PartGroup group;
    Arena arena;
    bool pinned;
    const int64_t *times; /* NULL: not decoded */
    ColVec *vecs;         /* per column of the merge; have[] says which are decoded */
    const uint64_t **nulls;
    uint8_t *have;
    struct Loaded *whole; /* the shared row group that this series is a piece of */
    uint64_t used;        /* whole: the last merge_start that used it */
} Loaded;

typedef struct Cursor {
    MergeInput in;
    bool active;
    size_t group;   /* parts: current group */
    Loaded *loaded; /* parts: NULL = the current group is not decoded */
    int64_t row; /* next row (newest row when backward) in the loaded group or the segment rows */
    int64_t begin, end; /* rows inside the time range, half-open */
} Cursor;

typedef struct Span { /* neighbouring rows of one source */
    Loaded *group;
    const Segment *segment;
    const SegRow *rows; /* segment: the first of them */
    uint32_t begin;     /* group: the first of them */
    uint32_t count;
    uint32_t older; /* the same row in an older source: index + 1 in older[]; 0 = none */
} Span;

typedef struct SpanList {
    Span *items;
    size_t count, cap;
} SpanList;

struct Merge {
    Budget *budget;
    ColumnId *column_ids;
    PhysType *column_types;
    size_t column_count;
    MergeSpec spec;
    Cursor *cursors;
    size_t cursor_count, cursor_cap;
    /* the current run */
    SpanList spans, older;
    uint32_t rows;
    Arena out;
    const int64_t *out_times;
    Loaded *live;   /* all that are in use by the run or a cursor */
    Loaded *wholes; /* shared groups: decoded once for all series that follow each other in them */
    Loaded *spare;
    uint64_t starts;
};

static void spans_push(SpanList *l, Span s)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->items = mem_realloc(l->items, l->cap * sizeof *l->items);
    }
    l->items[l->count++] = s;
}

Merge *merge_new(Budget *budget)
{
    Merge *m = MEM_NEW(Merge);
    m->budget = budget;
    arena_init(&m->out, budget);
    return m;
}

static void loaded_release(Loaded *l)
{
    if (l->pinned)
        part_unpin_group(l->part, &l->group);
    l->pinned = false;
    l->times = NULL;
    l->vecs = NULL;
    l->nulls = NULL;
    l->have = NULL;
    l->whole = NULL;
    arena_reset(&l->arena);
}

/* Shared groups that the last series did not touch will hardly come again. */
static void release_wholes(Merge *m, bool all)
{
    Loaded **at = &m->wholes;
    while (*at) {
        Loaded *l = *at;
        if (!all && l->used + 1 >= m->starts) {
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
static void release_unused(Merge *m, bool all)
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

void merge_free(Merge *m)
{
    if (!m)
        return;
    release_unused(m, true);
    release_wholes(m, true);
    while (m->spare) {
        Loaded *l = m->spare;
        m->spare = l->next;
        arena_free(&l->arena);
        mem_free(l);
    }
    arena_free(&m->out);
    mem_free(m->column_ids);
    mem_free(m->column_types);
    mem_free(m->cursors);
    mem_free(m->spans.items);
    mem_free(m->older.items);
    mem_free(m);
}

void merge_set_columns(Merge *m, const ColumnId *ids, const PhysType *types, size_t n)
{
    release_unused(m, true);
    release_wholes(m, true);
    for (size_t i = 0; i < m->cursor_count; i++)
        m->cursors[i].active = false;
    m->column_ids = mem_realloc(m->column_ids, (n + 1) * sizeof *ids);
    m->column_types = mem_realloc(m->column_types, (n + 1) * sizeof *types);
    if (n) {
        memcpy(m->column_ids, ids, n * sizeof *ids);
        memcpy(m->column_types, types, n * sizeof *types);
    }
    m->column_count = n;
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
    l->next = *list;
    *list = l;
    return l;
}

static Loaded *whole_of(Merge *m, Part *part, const PartGroup *group)
{
    PartGroup all;
    Loaded *l = m->wholes;
    while (l && (l->part != part || l->group.index != group->index))
        l = l->next;
    if (!l) {
        part_group_at(part, group->index, &all);
        if (group->row_begin + group->rows > all.rows)
            return NULL; /* its directory is damaged: let reading the piece say so */
        l = loaded_take(m, &m->wholes, part, &all);
    }
    l->used = m->starts;
    return l;
}

static Loaded *loaded_new(Merge *m, Part *part, const PartGroup *group)
{
    Loaded *whole = group->alone ? NULL : whole_of(m, part, group);
    Loaded *l = loaded_take(m, &m->live, part, group);
    l->whole = whole;
    return l;
}

static MergeStatus loaded_pin(Merge *m, Loaded *l, Task *waiter, Err *e)
{
    if (l->pinned)
        return MERGE_RUN;
    switch (part_pin_group(l->part, &l->group, m->column_ids, m->column_count, waiter, e)) {
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

static MergeStatus loaded_times(Merge *m, Loaded *l, Task *waiter, Err *e)
{
    if (l->times)
        return MERGE_RUN;
    MergeStatus st = l->whole ? loaded_times(m, l->whole, waiter, e) : loaded_pin(m, l, waiter, e);
    if (st != MERGE_RUN)
        return st;
    if (l->whole) {
        l->times = l->whole->times + l->group.row_begin;
        return MERGE_RUN;
    }
    return part_times(l->part, &l->group, &l->arena, &l->times, e) ? MERGE_RUN : MERGE_FAIL;
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
        l->have = arena_zero(&l->arena, m->column_count);
        l->vecs = ARENA_ARRAY(&l->arena, ColVec, m->column_count);
        l->nulls = ARENA_ARRAY(&l->arena, const uint64_t *, m->column_count);
    }
    if (l->have[column])
        return true;
    if (l->whole)
        return column_of_whole(m, l, column, e);
    ColVec *vec = &l->vecs[column];
    if (!part_column(l->part, &l->group, m->column_ids[column], &l->arena, vec, &l->nulls[column],
                     e))
        return false;
    PhysType want = m->column_types[column];
    if (vec->type == PHYS_I64 && want == PHYS_F64) {
        double *wide = arena_alloc(&l->arena, l->group.rows * sizeof *wide);
        for (uint32_t i = 0; i < l->group.rows; i++)
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

/* ---- cursors ---- */

static bool before(const Merge *m, int64_t a, int64_t b)
{
    return m->spec.backward ? a > b : a < b;
}

static bool cursor_exact(const Cursor *c)
{
    return !c->in.part || c->loaded;
}

static int64_t row_time(const Cursor *c, int64_t row)
{
    return c->in.part ? c->loaded->times[row] : c->in.rows[row].time;
}

/* The time of the next row; for a group that is not decoded, a bound that no row of it passes. */
static int64_t cursor_key(const Merge *m, const Cursor *c)
{
    if (cursor_exact(c))
        return row_time(c, c->row);
    const PartGroup *g = &c->in.groups[c->group];
    if (m->spec.backward)
        return g->t_max < m->spec.t_max ? g->t_max : m->spec.t_max;
    return g->t_min > m->spec.t_min ? g->t_min : m->spec.t_min;
}

/* Stands on the next group with rows that may be in range, from c->group on; undecoded. */
static void cursor_find_group(const Merge *m, Cursor *c)
{
    c->loaded = NULL;
    c->active = false;
    while (c->group < c->in.group_count) { /* backward: runs below zero, which is large */
        const PartGroup *g = &c->in.groups[c->group];
        if (g->rows && g->t_min <= m->spec.t_max && g->t_max >= m->spec.t_min) {
            c->active = true;
            return;
        }
        c->group += m->spec.backward ? (size_t)-1 : 1;
    }
}

static int64_t rows_lower(const SegRow *rows, size_t n, int64_t t)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rows[mid].time < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (int64_t)lo;
}

static int64_t times_lower(const int64_t *times, size_t n, int64_t t)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (times[mid] < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (int64_t)lo;
}

static void cursor_start(const Merge *m, Cursor *c)
{
    bool backward = m->spec.backward;
    if (c->in.part) {
        c->group = backward ? c->in.group_count - 1 : 0;
        cursor_find_group(m, c);
        return;
    }
    c->begin = rows_lower(c->in.rows, c->in.row_count, m->spec.t_min);
    c->end = m->spec.t_max == INT64_MAX
                 ? (int64_t)c->in.row_count
                 : rows_lower(c->in.rows, c->in.row_count, m->spec.t_max + 1);
    c->row = backward ? c->end - 1 : c->begin;
    c->active = c->begin < c->end;
}

static void cursor_advance(const Merge *m, Cursor *c, int64_t n)
{
    c->row += m->spec.backward ? -n : n;
    if (c->row >= c->begin && c->row < c->end)
        return;
    if (!c->in.part) {
        c->active = false;
        return;
    }
    c->group += m->spec.backward ? (size_t)-1 : 1;
    cursor_find_group(m, c);
}

/* Decodes the times of the current group; it may turn out to have no row in range. */
static MergeStatus cursor_load(Merge *m, Cursor *c, Task *waiter, Err *e)
{
    const PartGroup *g = &c->in.groups[c->group];
    Loaded *l = loaded_new(m, c->in.part, g);
    MergeStatus st = loaded_times(m, l, waiter, e);
    if (st != MERGE_RUN) {
        m->live = l->next; /* it is the newest: nothing else refers to it */
        loaded_release(l);
        l->next = m->spare;
        m->spare = l;
        return st;
    }
    c->loaded = l;
    c->begin = times_lower(l->times, g->rows, m->spec.t_min);
    c->end = m->spec.t_max == INT64_MAX ? (int64_t)g->rows
                                        : times_lower(l->times, g->rows, m->spec.t_max + 1);
    c->row = m->spec.backward ? c->end - 1 : c->begin;
    if (c->begin >= c->end)
        cursor_advance(m, c, c->end - c->begin);
    return MERGE_RUN;
}

void merge_start(Merge *m, const MergeSpec *spec, const MergeInput *inputs, size_t n)
{
    for (size_t i = 0; i < m->cursor_count; i++)
        m->cursors[i].active = false;
    release_unused(m, true);
    m->starts++;
    release_wholes(m, false);
    m->spec = *spec;
    m->rows = 0;
    m->spans.count = m->older.count = 0;
    if (n > m->cursor_cap) {
        m->cursor_cap = n * 2;
        m->cursors = mem_realloc(m->cursors, m->cursor_cap * sizeof *m->cursors);
    }
    m->cursor_count = n;
    for (size_t i = 0; i < n;
         i++) { /* by age, so that the order of cursors is the order of layers */
        size_t at = i;
        while (at > 0 && m->cursors[at - 1].in.age > inputs[i].age) {
            m->cursors[at] = m->cursors[at - 1];
            at--;
        }
        m->cursors[at] = (Cursor){.in = inputs[i]};
    }
    for (size_t i = 0; i < n; i++)
        cursor_start(m, &m->cursors[i]);
}

/* ---- making a run ---- */

/* The cursor whose row comes first.  Equal times: forward the oldest, backward the newest, so
 * that `keep` gives equal times in order of age. */
static Cursor *first_cursor(const Merge *m)
{
    Cursor *best = NULL;
    int64_t best_key = 0;
    for (size_t i = 0; i < m->cursor_count; i++) {
        Cursor *c = &m->cursors[i];
        if (!c->active)
            continue;
        int64_t key = cursor_key(m, c);
        if (!best || before(m, key, best_key) || (m->spec.backward && key == best_key)) {
            best = c;
            best_key = key;
        }
    }
    return best;
}

/* Nothing else has rows within the undecoded group that c stands on. */
static bool group_is_free(const Merge *m, const Cursor *c)
{
    const PartGroup *g = &c->in.groups[c->group];
    if (!g->alone || g->t_min < m->spec.t_min || g->t_max > m->spec.t_max)
        return false;
    int64_t far_end = m->spec.backward ? g->t_min : g->t_max;
    for (size_t i = 0; i < m->cursor_count; i++) {
        const Cursor *o = &m->cursors[i];
        if (o != c && o->active && !before(m, far_end, cursor_key(m, o)))
            return false;
    }
    return true;
}

static Span span_at(const Cursor *c, int64_t first, uint32_t count)
{
    Span s = {.group = c->loaded, .count = count, .begin = (uint32_t)first};
    if (!c->in.part) {
        s.group = NULL;
        s.segment = c->in.segment;
        s.rows = c->in.rows + first;
        s.begin = 0;
    }
    return s;
}

/* Rows of this cursor that have the same time as its current one. */
static int64_t same_time(const Merge *m, const Cursor *c)
{
    int64_t t = row_time(c, c->row), step = m->spec.backward ? -1 : 1, n = 1;
    for (int64_t r = c->row + step; r >= c->begin && r < c->end && row_time(c, r) == t; r += step)
        n++;
    return n;
}

/* last: one row out of all that have this time; newest first in the chain. */
static void emit_newest(Merge *m, int64_t t)
{
    Span *prev = NULL;
    size_t prev_older = 0;
    for (size_t i = m->cursor_count; i-- > 0;) {
        Cursor *c = &m->cursors[i];
        if (!c->active || !cursor_exact(c) || row_time(c, c->row) != t)
            continue;
        int64_t n = same_time(m, c);
        int64_t newest = m->spec.backward ? c->row : c->row + n - 1;
        for (int64_t k = 0; k < n; k++) {
            Span s = span_at(c, newest - k, 1);
            if (!prev && !prev_older) {
                spans_push(&m->spans, s);
                prev = &m->spans.items[m->spans.count - 1];
                continue;
            }
            spans_push(&m->older, s);
            uint32_t link = (uint32_t)m->older.count;
            if (prev)
                prev->older = link;
            else
                m->older.items[prev_older - 1].older = link;
            prev = NULL;
            prev_older = link;
        }
        cursor_advance(m, c, n);
    }
    m->rows++;
}

/* Rows of c up to where another cursor has its say. */
static void emit_span(Merge *m, Cursor *c)
{
    bool keep = m->spec.duplicates == DUP_KEEP;
    int64_t step = m->spec.backward ? -1 : 1;
    int64_t n = 0, limit_time = 0;
    bool limited = false, limit_incl = false;
    for (size_t i = 0; i < m->cursor_count; i++) {
        const Cursor *o = &m->cursors[i];
        if (o == c || !o->active)
            continue;
        int64_t key = cursor_key(m, o);
        bool incl = keep && (m->spec.backward ? o->in.age < c->in.age : o->in.age > c->in.age);
        if (!limited || before(m, key, limit_time) || (key == limit_time && !incl)) {
            limit_incl = incl;
            limit_time = key;
            limited = true;
        }
    }
    int64_t max = ROW_GROUP_ROWS - m->rows;
    for (int64_t r = c->row; n < max && r >= c->begin && r < c->end; r += step) {
        int64_t t = row_time(c, r), next = r + step;
        if (limited && !before(m, t, limit_time) && !(limit_incl && t == limit_time))
            break;
        if (!keep && next >= c->begin && next < c->end && row_time(c, next) == t)
            break;
        n++;
    }
    must(n > 0);
    spans_push(&m->spans, span_at(c, m->spec.backward ? c->row - n + 1 : c->row, (uint32_t)n));
    m->rows += (uint32_t)n;
    cursor_advance(m, c, n);
}

static void announce(Merge *m, Cursor *c)
{
    const PartGroup *g = &c->in.groups[c->group];
    spans_push(&m->spans, (Span){.group = loaded_new(m, c->in.part, g), .count = g->rows});
    m->rows = g->rows;
    c->group += m->spec.backward ? (size_t)-1 : 1;
    cursor_find_group(m, c);
}

/* Another cursor at the same time: 0 none, 1 yes, 2 one that must be decoded first (*which). */
static int find_tie(Merge *m, const Cursor *c, int64_t t, Cursor **which)
{
    int found = 0;
    for (size_t i = 0; i < m->cursor_count; i++) {
        Cursor *o = &m->cursors[i];
        if (o == c || !o->active || cursor_key(m, o) != t)
            continue;
        *which = o;
        if (!cursor_exact(o))
            return 2;
        found = 1;
    }
    return found;
}

static MergeStatus fill_run(Merge *m, Task *waiter, Err *e)
{
    while (m->rows < ROW_GROUP_ROWS) {
        Cursor *c = first_cursor(m);
        if (!c)
            break;
        Cursor *load = NULL;
        if (!cursor_exact(c)) {
            if (group_is_free(m, c)) {
                if (!m->rows) {
                    announce(m, c);
                    break;
                }
                if (c->in.groups[c->group].rows >= PASS_ROWS_MIN)
                    break;
            }
            load = c;
        } else {
            int64_t t = row_time(c, c->row);
            int tie = find_tie(m, c, t, &load);
            if (tie != 2)
                load = NULL;
            if (tie != 2 && m->spec.duplicates != DUP_KEEP && (tie == 1 || same_time(m, c) > 1))
                emit_newest(m, t);
            else if (tie != 2)
                emit_span(m, c);
        }
        if (load) {
            MergeStatus st = cursor_load(m, load, waiter, e);
            if (st == MERGE_WAIT && m->rows)
                break;
            if (st != MERGE_RUN)
                return st;
        }
    }
    return m->rows ? MERGE_RUN : MERGE_END;
}

static int64_t span_time(const Span *s, uint32_t i)
{
    if (!s->group)
        return s->rows[i].time;
    if (!s->group->times) /* announced: only its ends are known */
        return i ? s->group->group.t_max : s->group->group.t_min;
    return s->group->times[s->begin + i];
}

static void run_widen_seq(MergeRun *run, Lsn min, Lsn max)
{
    if (!run->seq_max || min < run->seq_min)
        run->seq_min = min;
    if (max > run->seq_max)
        run->seq_max = max;
}

static void run_add_seq(MergeRun *run, const SpanList *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const Span *s = &l->items[i];
        Lsn min, max;
        int64_t t_min, t_max;
        if (s->group) {
            min = s->group->group.seq_min;
            max = s->group->group.seq_max;
        } else {
            seg_bounds(s->segment, &min, &max, &t_min, &t_max);
        }
        run_widen_seq(run, min, max);
    }
}

static void describe_run(Merge *m, MergeRun *run)
{
    SpanList *l = &m->spans;
    if (m->spec.backward) {
        for (size_t i = 0, j = l->count - 1; i < j; i++, j--) {
            Span s = l->items[i];
            l->items[i] = l->items[j];
            l->items[j] = s;
        }
    }
    *run = (MergeRun){.rows = m->rows};
    const Span *first = &l->items[0], *last = &l->items[l->count - 1];
    run->t_first = span_time(first, 0);
    run->t_last = span_time(last, last->count - 1);
    if (first->group && !first->group->times && first->count == 1)
        run->t_last = first->group->group.t_max;
    run_add_seq(run, l);
    run_add_seq(run, &m->older);
    if (l->count == 1 && first->group && !first->older) {
        run->part = first->group->part;
        run->group = &first->group->group;
        run->begin = first->begin;
        run->whole = first->begin == 0 && first->count == first->group->group.rows;
    }
}

MergeStatus merge_next(Merge *m, MergeRun *run, Task *waiter, Err *e)
{
    m->rows = 0;
    m->spans.count = m->older.count = 0;
    m->out_times = NULL;
    arena_reset(&m->out);
    release_unused(m, false);
    MergeStatus st = fill_run(m, waiter, e);
    if (st == MERGE_RUN)
        describe_run(m, run);
    return st;
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
        if (!loaded_here(m, only->group, e) || loaded_times(m, only->group, NULL, e) != MERGE_RUN)
            return false;
        m->out_times = only->group->times + only->begin;
    } else {
        int64_t *out = arena_alloc(&m->out, m->rows * sizeof *out), *at = out;
        for (size_t i = 0; i < m->spans.count; i++) {
            const Span *s = &m->spans.items[i];
            for (uint32_t r = 0; r < s->count; r++)
                *at++ = span_time(s, r);
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
    must(m->rows > 0 && column < m->column_count);
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
