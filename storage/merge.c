#include "storage/merge_private.h"

enum { PASS_ROWS_MIN = 128 }; /* a group this large ends the run before it, to be announced whole */

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
    arena_init(&m->start, budget);
    merge_set_columns(m, NULL, NULL, 0);
    return m;
}

void merge_free(Merge *m)
{
    if (!m)
        return;
    merge_release(m, true);
    merge_release_wholes(m, true);
    while (m->spare) {
        Loaded *l = m->spare;
        m->spare = l->next;
        arena_free(&l->arena);
        mem_free(l);
    }
    arena_free(&m->out);
    arena_free(&m->start);
    mem_free(m->column_ids);
    mem_free(m->column_types);
    mem_free(m->cursors);
    mem_free(m->spans.items);
    mem_free(m->older.items);
    mem_free(m);
}

void merge_set_columns(Merge *m, const ColumnId *ids, const PhysType *types, size_t n)
{
    merge_release(m, true);
    merge_release_wholes(m, true);
    for (size_t i = 0; i < m->cursor_count; i++)
        m->cursors[i].active = false;
    m->column_ids = mem_realloc(m->column_ids, (n + HIDDEN_COLUMNS) * sizeof *ids);
    m->column_types = mem_realloc(m->column_types, (n + HIDDEN_COLUMNS) * sizeof *types);
    if (n) {
        memcpy(m->column_ids, ids, n * sizeof *ids);
        memcpy(m->column_types, types, n * sizeof *types);
    }
    m->column_ids[n + HIDDEN_ROW] = COLUMN_ROW;
    m->column_types[n + HIDDEN_ROW] = PHYS_I64;
    m->column_ids[n + HIDDEN_MARK] = COLUMN_MARK;
    m->column_types[n + HIDDEN_MARK] = PHYS_BOOL;
    m->column_count = n;
}

/* ---- cursors ---- */

static bool before(const Merge *m, int64_t a, int64_t b)
{
    return m->spec.backward ? a > b : a < b;
}

static bool key_equal(Key a, Key b)
{
    return a.time == b.time && a.id == b.id;
}

static bool key_before(const Merge *m, Key a, Key b)
{
    return a.time != b.time ? before(m, a.time, b.time) : before(m, a.id, b.id);
}

/* Rows of equal keys are versions of one row. */
static bool key_unique(const Merge *m, Key k)
{
    return m->spec.duplicates != DUP_KEEP || k.id != 0;
}

static bool cursor_exact(const Cursor *c)
{
    return !c->in.part || c->loaded;
}

static int64_t row_time(const Cursor *c, int64_t row)
{
    return c->in.part ? c->loaded->times[row] : c->in.rows[row].time;
}

static Key row_key(const Cursor *c, int64_t row)
{
    const int64_t *ids = c->in.part ? c->loaded->ids : c->ids;
    return (Key){row_time(c, row), ids ? ids[row] : 0};
}

static bool row_marked(const Cursor *c, int64_t row)
{
    if (c->in.part)
        return c->loaded->marked && bitmap_get(c->loaded->marked, (size_t)row);
    return c->marks && seg_row_mark(c->in.segment, c->in.rows[row].row);
}

/* The row is a mark and nothing else; for rows that are marked. */
static bool row_deletes(const Cursor *c, int64_t row)
{
    return !c->in.part || c->loaded->deleting[row];
}

/* Of the next row; for a group that is not decoded, a bound that no row of it reaches. */
static Key cursor_key(const Merge *m, const Cursor *c)
{
    if (cursor_exact(c))
        return row_key(c, c->row);
    const PartGroup *g = &c->in.groups[c->group];
    if (m->spec.backward)
        return (Key){g->t_max < m->spec.t_max ? g->t_max : m->spec.t_max, INT64_MAX};
    return (Key){g->t_min > m->spec.t_min ? g->t_min : m->spec.t_min, INT64_MIN};
}

/* The first hidden range that ends at or after t; in.dead_count: none. */
static size_t dead_from(const Cursor *c, int64_t t)
{
    size_t low = 0, high = c->in.dead_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->in.dead[mid].t_max < t)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool dead_covers(const Cursor *c, int64_t t_min, int64_t t_max)
{
    size_t d = dead_from(c, t_max);
    return d < c->in.dead_count && c->in.dead[d].t_min <= t_min;
}

static bool dead_meets(const Cursor *c, int64_t t_min, int64_t t_max)
{
    size_t d = dead_from(c, t_min);
    return d < c->in.dead_count && c->in.dead[d].t_min <= t_max;
}

/* Stands on the next group with rows that may be in range, from c->group on; undecoded. */
static void cursor_find_group(const Merge *m, Cursor *c)
{
    c->loaded = NULL;
    c->active = false;
    while (c->group < c->in.group_count) { /* backward: runs below zero, which is large */
        const PartGroup *g = &c->in.groups[c->group];
        if (g->rows && g->t_min <= m->spec.t_max && g->t_max >= m->spec.t_min &&
            !dead_covers(c, g->t_min, g->t_max)) {
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

static void cursor_add_ids(Merge *m, Cursor *c)
{
    int64_t *found;
    const int64_t *ids = c->in.ids;
    bool any = false;
    if (!ids) {
        c->in.rows = seg_rows_by_id(c->in.segment, c->in.rows, c->in.row_count, &m->start, &found);
        ids = found;
    }
    for (size_t i = 0; i < c->in.row_count; i++)
        any |= ids[i] != 0;
    c->ids = any ? ids : NULL;
}

static void cursor_start(Merge *m, Cursor *c)
{
    bool backward = m->spec.backward;
    if (c->in.part) {
        c->group = backward ? c->in.group_count - 1 : 0;
        cursor_find_group(m, c);
        return;
    }
    c->marks = seg_has_marks(c->in.segment);
    if (m->spec.duplicates == DUP_KEEP)
        cursor_add_ids(m, c);
    c->begin = rows_lower(c->in.rows, c->in.row_count, m->spec.t_min);
    c->end = m->spec.t_max == INT64_MAX
                 ? (int64_t)c->in.row_count
                 : rows_lower(c->in.rows, c->in.row_count, m->spec.t_max + 1);
    c->row = backward ? c->end - 1 : c->begin;
    c->active = c->begin < c->end;
}

static int64_t lower_after(const Cursor *c, int64_t t) /* first row later than t */
{
    if (t == INT64_MAX)
        return c->high;
    int64_t row = times_lower(c->loaded->times, (size_t)c->high, t + 1);
    return row > c->low ? row : c->low;
}

static int64_t lower_from(const Cursor *c, int64_t t)
{
    int64_t row = times_lower(c->loaded->times, (size_t)c->high, t);
    return row > c->low ? row : c->low;
}

/* Stands on the first row from `row` on, in reading direction, that no delete hides; false: the
 * group has none left. */
static bool cursor_enter(const Merge *m, Cursor *c, int64_t row)
{
    while (row >= c->low && row < c->high) {
        int64_t t = c->loaded->times[row];
        size_t d = dead_from(c, t);
        const TimeRange *at = d < c->in.dead_count ? &c->in.dead[d] : NULL;
        if (at && at->t_min <= t) {
            row = m->spec.backward ? lower_from(c, at->t_min) - 1 : lower_after(c, at->t_max);
            continue;
        }
        c->row = row;
        if (m->spec.backward) {
            c->begin = d ? lower_after(c, c->in.dead[d - 1].t_max) : c->low;
            c->end = row + 1;
        } else {
            c->begin = row;
            c->end = at ? lower_from(c, at->t_min) : c->high;
        }
        return true;
    }
    return false;
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
    if (c->in.dead_count && cursor_enter(m, c, c->row))
        return;
    c->group += m->spec.backward ? (size_t)-1 : 1;
    cursor_find_group(m, c);
}

static Loaded *load_group(Merge *m, const Cursor *c, const PartGroup *g)
{
    Loaded *l = merge_load(m, c->in.part, g);
    if (c->in.place)
        l->group.seq_min = l->group.seq_max = c->in.place;
    return l;
}

/* Decodes the times of the current group; it may turn out to have no row in range. */
static MergeStatus cursor_load(Merge *m, Cursor *c, Task *waiter, Err *e)
{
    const PartGroup *g = &c->in.groups[c->group];
    Loaded *l = load_group(m, c, g);
    MergeStatus st = merge_load_times(m, l, waiter, e);
    if (st == MERGE_RUN && !merge_load_hidden(m, l, e))
        st = MERGE_FAIL;
    if (st != MERGE_RUN) {
        merge_unload(m, l); /* nothing else refers to it */
        return st;
    }
    c->loaded = l;
    c->low = times_lower(l->times, g->rows, m->spec.t_min);
    c->high = m->spec.t_max == INT64_MAX ? (int64_t)g->rows
                                         : times_lower(l->times, g->rows, m->spec.t_max + 1);
    if (c->low < c->high) {
        l->want_begin = (uint32_t)c->low;
        l->want_end = (uint32_t)c->high;
    }
    if (cursor_enter(m, c, m->spec.backward ? c->high - 1 : c->low))
        return MERGE_RUN;
    c->group += m->spec.backward ? (size_t)-1 : 1;
    cursor_find_group(m, c);
    return MERGE_RUN;
}

void merge_start(Merge *m, const MergeSpec *spec, const MergeInput *inputs, size_t n)
{
    for (size_t i = 0; i < m->cursor_count; i++)
        m->cursors[i].active = false;
    merge_release(m, true);
    arena_reset(&m->start);
    m->starts++;
    merge_release_wholes(m, false);
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

/* The cursor whose row comes first.  Equal keys: forward the oldest, backward the newest, so
 * that `keep` gives rows without ids in order of age. */
static Cursor *first_cursor(const Merge *m)
{
    Cursor *best = NULL;
    Key best_key = {0};
    for (size_t i = 0; i < m->cursor_count; i++) {
        Cursor *c = &m->cursors[i];
        if (!c->active)
            continue;
        Key key = cursor_key(m, c);
        if (!best || key_before(m, key, best_key) ||
            (m->spec.backward && key_equal(key, best_key))) {
            best = c;
            best_key = key;
        }
    }
    return best;
}

static bool group_inside(const Merge *m, const PartGroup *g)
{
    return g->t_min >= m->spec.t_min && g->t_max <= m->spec.t_max;
}

/* Nothing else has rows within the undecoded group that c stands on. */
static bool group_is_free(const Merge *m, const Cursor *c)
{
    const PartGroup *g = &c->in.groups[c->group];
    if (!g->alone || dead_meets(c, g->t_min, g->t_max) || part_may_have(c->in.part, g, COLUMN_MARK))
        return false;
    int64_t far_end = m->spec.backward ? g->t_min : g->t_max;
    if (m->spec.backward ? far_end < m->spec.t_min : far_end > m->spec.t_max)
        far_end = m->spec.backward ? m->spec.t_min : m->spec.t_max;
    for (size_t i = 0; i < m->cursor_count; i++) {
        const Cursor *o = &m->cursors[i];
        if (o != c && o->active && !before(m, far_end, cursor_key(m, o).time))
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

/* Rows of this cursor that have the same key as its current one. */
static int64_t same_key(const Merge *m, const Cursor *c)
{
    Key key = row_key(c, c->row);
    int64_t step = m->spec.backward ? -1 : 1, n = 1;
    for (int64_t r = c->row + step;
         key_unique(m, key) && r >= c->begin && r < c->end && key_equal(row_key(c, r), key);
         r += step)
        n++;
    return n;
}

typedef struct Chain { /* the versions of one row, newest first */
    Span *first;
    size_t last; /* older[]: index + 1 */
    bool done;   /* what is older is hidden */
} Chain;

static void chain_add(Merge *m, Chain *chain, const Cursor *c, int64_t row)
{
    bool marked = row_marked(c, row);
    chain->done = marked;
    if (marked && row_deletes(c, row) && !m->spec.keep_marks)
        return;
    Span s = span_at(c, row, 1);
    if (!chain->first) {
        spans_push(&m->spans, s);
        chain->first = &m->spans.items[m->spans.count - 1];
        m->rows++;
        return;
    }
    spans_push(&m->older, s);
    uint32_t link = (uint32_t)m->older.count;
    if (chain->last)
        m->older.items[chain->last - 1].older = link;
    else
        chain->first->older = link;
    chain->last = link;
}

/* One row, or none, out of all versions that have this key. */
static void emit_newest(Merge *m, Key key)
{
    Chain chain = {0};
    for (size_t i = m->cursor_count; i-- > 0;) {
        Cursor *c = &m->cursors[i];
        if (!c->active || !cursor_exact(c) || !key_equal(row_key(c, c->row), key))
            continue;
        int64_t n = same_key(m, c);
        int64_t newest = m->spec.backward ? c->row : c->row + n - 1;
        for (int64_t k = 0; k < n && !chain.done; k++)
            chain_add(m, &chain, c, newest - k);
        cursor_advance(m, c, n);
    }
}

typedef struct Limit { /* where another cursor has its say */
    bool set, inclusive;
    Key key;
} Limit;

static Limit limit_of(const Merge *m, const Cursor *c)
{
    Limit l = {0};
    for (size_t i = 0; i < m->cursor_count; i++) {
        const Cursor *o = &m->cursors[i];
        if (o == c || !o->active)
            continue;
        Key key = cursor_key(m, o);
        bool incl = !key_unique(m, key) &&
                    (m->spec.backward ? o->in.age < c->in.age : o->in.age > c->in.age);
        if (!l.set || key_before(m, key, l.key) || (key_equal(key, l.key) && !incl))
            l = (Limit){true, incl, key};
    }
    return l;
}

/* Rows of c that nothing can interrupt: no other cursor, no marks, no two of one key. */
static int64_t plain_rows(const Merge *m, const Cursor *c, int64_t max)
{
    int64_t n = m->spec.backward ? c->row - c->begin + 1 : c->end - c->row;
    n = n < max ? n : max;
    const int64_t *t = c->loaded->times + (m->spec.backward ? c->row - n + 1 : c->row);
    uint64_t same = 0;
    for (int64_t i = 1; i < n; i++)
        same |= t[i] == t[i - 1];
    return same ? 0 : n;
}

/* Rows of c up to where another cursor has its say, or a row has several versions or a mark. */
static int64_t rows_alone(const Merge *m, const Cursor *c, const Limit *limit, int64_t max)
{
    int64_t n = 0, step = m->spec.backward ? -1 : 1;
    Key key = row_key(c, c->row);
    for (int64_t r = c->row; n < max; n++) {
        if (limit->set && !key_before(m, key, limit->key) &&
            !(limit->inclusive && key_equal(key, limit->key)))
            break;
        if (row_marked(c, r))
            break;
        r += step;
        if (r < c->begin || r >= c->end)
            return n + 1;
        Key next = row_key(c, r);
        if (key_unique(m, key) && key_equal(next, key))
            break;
        key = next;
    }
    return n;
}

static void emit_span(Merge *m, Cursor *c)
{
    int64_t n = 0, max = ROW_GROUP_ROWS - m->rows;
    Limit limit = limit_of(m, c);
    if (c->in.part && !limit.set && !c->loaded->marked)
        n = plain_rows(m, c, max);
    if (n == 0)
        n = rows_alone(m, c, &limit, max);
    must(n > 0);
    spans_push(&m->spans, span_at(c, m->spec.backward ? c->row - n + 1 : c->row, (uint32_t)n));
    m->rows += (uint32_t)n;
    cursor_advance(m, c, n);
}

static void announce(Merge *m, Cursor *c, Loaded *l, uint32_t begin, uint32_t rows)
{
    spans_push(&m->spans, (Span){.group = l, .begin = begin, .count = rows});
    m->rows = rows;
    c->group += m->spec.backward ? (size_t)-1 : 1;
    cursor_find_group(m, c);
}

/* The rows in range of a free group that reaches beyond it, where arithmetic tells which they are;
 * *done = false: its times must be decoded. */
static MergeStatus announce_cut(Merge *m, Cursor *c, Task *waiter, bool *done, Err *e)
{
    const PartGroup *g = &c->in.groups[c->group];
    Loaded *l = load_group(m, c, g);
    *done = false;
    MergeStatus st = merge_load_grid(m, l, waiter, e);
    if (st == MERGE_RUN && l->regular) {
        uint32_t begin = time_grid_before(&l->grid, m->spec.t_min, g->rows);
        uint32_t end = m->spec.t_max == INT64_MAX
                           ? g->rows
                           : time_grid_before(&l->grid, m->spec.t_max + 1, g->rows);
        *done = end > begin;
        if (*done) {
            l->want_begin = begin;
            l->want_end = end;
            announce(m, c, l, begin, end - begin);
            return st;
        }
    }
    merge_unload(m, l);
    return st;
}

/* What a free group gives without being decoded. */
static MergeStatus announce_free(Merge *m, Cursor *c, Task *waiter, bool *done, Err *e)
{
    const PartGroup *g = &c->in.groups[c->group];
    if (!group_inside(m, g))
        return announce_cut(m, c, waiter, done, e);
    announce(m, c, load_group(m, c, g), 0, g->rows);
    *done = true;
    return MERGE_RUN;
}

/* Another cursor has a version of this row.  (A group that is not decoded and may have one comes
 * first itself.) */
static bool has_tie(const Merge *m, const Cursor *c, Key key)
{
    for (size_t i = 0; i < m->cursor_count; i++) {
        const Cursor *o = &m->cursors[i];
        if (o != c && o->active && key_equal(cursor_key(m, o), key))
            return true;
    }
    return false;
}

static void emit(Merge *m, Cursor *c)
{
    Key key = row_key(c, c->row);
    bool marked = row_marked(c, c->row);
    if (key_unique(m, key) && (marked || has_tie(m, c, key) || same_key(m, c) > 1))
        emit_newest(m, key);
    else if (marked) /* a delete that names no row */
        cursor_advance(m, c, 1);
    else
        emit_span(m, c);
}

static MergeStatus fill_run(Merge *m, Task *waiter, Err *e)
{
    while (m->rows < ROW_GROUP_ROWS) {
        Cursor *c = first_cursor(m);
        if (!c)
            break;
        if (cursor_exact(c)) {
            emit(m, c);
            continue;
        }
        MergeStatus st = MERGE_RUN;
        if (group_is_free(m, c)) {
            bool done = false;
            if (m->rows && c->in.groups[c->group].rows >= PASS_ROWS_MIN)
                break;
            if (!m->rows)
                st = announce_free(m, c, waiter, &done, e);
            if (done)
                break;
        }
        if (st == MERGE_RUN)
            st = cursor_load(m, c, waiter, e);
        if (st == MERGE_WAIT && m->rows)
            break;
        if (st != MERGE_RUN)
            return st;
    }
    return m->rows ? MERGE_RUN : MERGE_END;
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
    run->t_first = merge_span_time(first, 0);
    run->t_last = merge_span_time(last, last->count - 1);
    if (first->group && !first->group->times && !first->group->regular && first->count == 1)
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
    merge_release(m, false);
    MergeStatus st = fill_run(m, waiter, e);
    if (st == MERGE_RUN)
        describe_run(m, run);
    return st;
}
