#include "storage/watch.h"

#include "storage/batch_private.h"
#include "storage/index.h"
#include "storage/version.h"
#include <stdlib.h>

enum { WATCH_FORMAT = 1, KEEPS_BIT = 16, RECENT_MARKS = 256, SERIES_EACH_MAX = 32 };

/* ---- lists ---- */

static Watch *watch_alloc(const WatchState *s, size_t marks)
{
    Watch *w = mem_zero(sizeof *w + marks * sizeof w->marks[0]);
    ref_init(&w->ref);
    w->state = *s;
    return w;
}

static void watch_unref(Watch *w)
{
    if (w && ref_drop(&w->ref))
        mem_free(w);
}

static WatchList *list_alloc(size_t count)
{
    WatchList *l = mem_zero(sizeof *l + count * sizeof l->items[0]);
    ref_init(&l->ref);
    return l;
}

WatchList *watches_ref(WatchList *l)
{
    if (l)
        ref_take(&l->ref);
    return l;
}

void watches_unref(WatchList *l)
{
    if (!l || !ref_drop(&l->ref))
        return;
    for (size_t i = 0; i < l->count; i++)
        watch_unref(l->items[i]);
    mem_free(l);
}

const Watch *watches_find(const WatchList *l, ObjectId id)
{
    for (size_t i = 0; l && i < l->count; i++)
        if (l->items[i]->state.id == id)
            return l->items[i];
    return NULL;
}

const Watch *watch_keeper(const WatchList *l, TableId table)
{
    for (size_t i = 0; l && i < l->count; i++)
        if (l->items[i]->state.keeps && l->items[i]->state.table == table)
            return l->items[i];
    return NULL;
}

const Watch *watches_of(const WatchList *l, TableId table, size_t *i)
{
    while (l && *i < l->count) {
        const Watch *w = l->items[(*i)++];
        if (w->state.table == table)
            return w;
    }
    return NULL;
}

/* ---- a change ---- */

typedef struct Fresh { /* a watch of the list that is being made */
    Watch *was;        /* NULL: new */
    WatchState state;
    bool changed, gone;
    Buf marks; /* WatchMark: all of them once `copied`, else new ones alone */
    bool copied;
    uint32_t *recent; /* RECENT_MARKS of them by hash: number + 1 of a new mark; NULL: none yet */
} Fresh;

struct WatchBuild {
    WatchList *base;
    Fresh **items;
    size_t count;
    Fresh *of_base; /* the first ones */
    bool changed;
};

WatchBuild *watch_build_new(WatchList *base)
{
    WatchBuild *b = MEM_NEW(WatchBuild);
    b->base = watches_ref(base);
    b->count = base ? base->count : 0;
    b->items = mem_zero((b->count + 1) * sizeof(Fresh *));
    b->of_base = mem_zero((b->count + 1) * sizeof(Fresh));
    for (size_t i = 0; i < b->count; i++) {
        b->items[i] = &b->of_base[i];
        b->items[i]->was = base->items[i];
        b->items[i]->state = base->items[i]->state;
    }
    return b;
}

void watch_build_free(WatchBuild *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++) {
        buf_free(&b->items[i]->marks);
        mem_free(b->items[i]->recent);
        if (!b->base || i >= b->base->count)
            mem_free(b->items[i]);
    }
    mem_free(b->of_base);
    watches_unref(b->base);
    mem_free(b->items);
    mem_free(b);
}

const WatchList *watch_build_base(const WatchBuild *b)
{
    return b->base;
}

static int64_t grain_begin(const WatchState *s, int64_t t)
{
    int64_t away, rest;
    if (t == INT64_MIN || __builtin_sub_overflow(t, s->origin_ns, &away))
        return INT64_MIN;
    rest = away % s->grain_ns;
    if (__builtin_sub_overflow(t, rest < 0 ? rest + s->grain_ns : rest, &t))
        return INT64_MIN;
    return t;
}

static int64_t grain_end(const WatchState *s, int64_t t)
{
    int64_t begin = grain_begin(s, t), end;
    if (begin == INT64_MIN)
        return t == INT64_MIN ? INT64_MIN + 1 : t + (t < INT64_MAX);
    return __builtin_add_overflow(begin, s->grain_ns, &end) ? INT64_MAX : end;
}

int64_t watch_grain_down(const WatchState *s, int64_t t)
{
    return grain_begin(s, t);
}

int64_t watch_grain_up(const WatchState *s, int64_t t)
{
    return t == INT64_MIN ? t : grain_end(s, t - 1);
}

typedef struct Change { /* of rows of [t_min, t_max]: of a series, or all */
    int64_t t_min, t_max;
    SeriesId series;
    bool deletes;
} Change;

static void mark(WatchBuild *b, Fresh *f, Change c, Lsn lsn)
{
    int64_t t_min = c.t_min, t_max = c.t_max;
    SeriesId series = c.series;
    const WatchState *s = &f->state;
    if (f->gone || s->watched_to_ns == INT64_MIN)
        return;
    if (t_max >= s->watched_to_ns)
        t_max = s->watched_to_ns - 1;
    if (t_min < s->horizon_ns && (c.deletes || !s->keeps))
        t_min = s->horizon_ns;
    if (t_min > t_max)
        return;
    WatchMark m = {grain_begin(s, t_min), grain_end(s, t_max), series, lsn};
    uint64_t hash = ((uint64_t)m.from_ns ^ series * UINT64_C(0x9e3779b97f4a7c15)) *
                    UINT64_C(0xff51afd7ed558ccd);
    if (!f->recent)
        f->recent = mem_zero(RECENT_MARKS * sizeof *f->recent);
    uint32_t *slot = &f->recent[hash >> 56];
    WatchMark *known = (WatchMark *)(void *)f->marks.ptr;
    b->changed = f->changed = true;
    if (*slot && known[*slot - 1].from_ns == m.from_ns && known[*slot - 1].to_ns == m.to_ns &&
        known[*slot - 1].series == series) {
        known[*slot - 1].lsn = lsn;
        return;
    }
    buf_put(&f->marks, &m, sizeof m);
    *slot = (uint32_t)(f->marks.len / sizeof m);
}

static bool is_other(const WatchState *s, TableId table)
{
    for (size_t i = 0; i < s->other_count; i++)
        if (s->others[i] == table)
            return true;
    return false;
}

static void mark_all(WatchBuild *b, Fresh *f, Lsn lsn)
{
    mark(b, f, (Change){.t_min = INT64_MIN, .t_max = INT64_MAX}, lsn);
}

/* Rows of one series and grain lie side by side: one mark is enough for them. */
static void mark_rows(WatchBuild *b, Fresh *f, const WriteBatch *wb, Lsn lsn)
{
    size_t n = wb_rows(wb);
    int64_t from = 0, to = 0; /* of the mark before, and its series */
    SeriesId series = 0;
    for (size_t i = 0; i < n; i++) {
        const BatchRow *row = wb_row_at(wb, i);
        if (row->time >= f->state.watched_to_ns ||
            (row->series == series && row->time >= from && row->time < to) ||
            wb_shape(wb, row->shape)->table != f->state.table)
            continue;
        mark(b, f, (Change){row->time, row->time, row->series, false}, lsn);
        from = grain_begin(&f->state, row->time);
        to = grain_end(&f->state, row->time);
        series = row->series;
    }
}

/* The rows of a batch are of few shapes, most of tables that nobody watches, or newer than what is watched. */
void watch_build_rows(WatchBuild *b, const WriteBatch *wb, Lsn lsn)
{
    bool looked = false;
    int64_t oldest = INT64_MAX;
    for (size_t k = 0; k < b->count; k++) {
        Fresh *f = b->items[k];
        size_t shapes = wb->shapes.len / sizeof(const RowShape *);
        bool here = false, other = false;
        for (size_t i = 0; i < shapes; i++) {
            here |= wb_shape(wb, (uint32_t)i)->table == f->state.table;
            other |= is_other(&f->state, wb_shape(wb, (uint32_t)i)->table);
        }
        if (other)
            mark_all(b, f, lsn);
        if (here && !looked)
            oldest = wb_time_min(wb);
        looked |= here;
        if (here && oldest < f->state.watched_to_ns)
            mark_rows(b, f, wb, lsn);
    }
}

static void all_series(WatchBuild *b, TableId table, Change c, Lsn lsn)
{
    for (size_t k = 0; k < b->count; k++)
        if (b->items[k]->state.table == table)
            mark(b, b->items[k], c, lsn);
        else if (is_other(&b->items[k]->state, table))
            mark_all(b, b->items[k], lsn);
}

void watch_build_range(WatchBuild *b, TableId table, int64_t t_min, int64_t t_max, Lsn lsn)
{
    all_series(b, table, (Change){.t_min = t_min, .t_max = t_max}, lsn);
}

void watch_build_delete(WatchBuild *b, const Tombstone *t, Lsn lsn)
{
    SeriesId ids[SERIES_EACH_MAX];
    size_t n = t->series ? set_count(t->series) : 0;
    if (!t->series || n > SERIES_EACH_MAX) {
        all_series(b, t->table, (Change){t->t_min, t->t_max, 0, true}, lsn);
        return;
    }
    set_ids(t->series, ids, n);
    for (size_t k = 0; k < b->count; k++) {
        for (size_t i = 0; b->items[k]->state.table == t->table && i < n; i++)
            mark(b, b->items[k], (Change){t->t_min, t->t_max, ids[i], true}, lsn);
        if (is_other(&b->items[k]->state, t->table))
            mark_all(b, b->items[k], lsn);
    }
}

static void forget_recent(Fresh *f)
{
    mem_free(f->recent);
    f->recent = NULL;
}

/* All marks in one place, to be thinned out. */
static void copy_marks(Fresh *f)
{
    if (f->copied)
        return;
    f->copied = true;
    forget_recent(f);
    if (f->was)
        buf_put(&f->marks, f->was->marks, f->was->mark_count * sizeof(WatchMark));
}

static void clear_marks(Fresh *f, const WatchEdit *edit)
{
    copy_marks(f);
    WatchMark *m = (WatchMark *)(void *)f->marks.ptr;
    size_t kept = 0, n = f->marks.len / sizeof *m;
    for (size_t i = 0; i < n; i++)
        if (m[i].lsn > edit->clear_lsn || m[i].from_ns < edit->clear_from_ns ||
            m[i].to_ns > edit->clear_to_ns)
            m[kept++] = m[i];
    f->marks.len = kept * sizeof *m;
    forget_recent(f);
}

bool watch_edit_holds(const WatchList *l, const WatchEdit *edit)
{
    const Watch *w = edit->what & WATCH_UNCHANGED ? watches_find(l, edit->state.id) : NULL;
    for (size_t i = 0; w && i < w->mark_count; i++) {
        const WatchMark *m = &w->marks[i];
        if (m->lsn > edit->clear_lsn && m->from_ns < edit->clear_to_ns &&
            m->to_ns > edit->clear_from_ns)
            return false;
    }
    return w || !(edit->what & WATCH_UNCHANGED);
}

static Fresh *build_find(WatchBuild *b, ObjectId id)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i]->state.id == id && !b->items[i]->gone)
            return b->items[i];
    return NULL;
}

void watch_build_edit(WatchBuild *b, const WatchEdit *edit)
{
    Fresh *f = build_find(b, edit->state.id);
    b->changed = true;
    if (edit->what & (WATCH_NEW | WATCH_DROP) && f)
        f->gone = true;
    if (edit->what & WATCH_NEW) {
        b->items = mem_realloc(b->items, (b->count + 1) * sizeof(Fresh *));
        f = b->items[b->count++] = MEM_NEW(Fresh);
        *f = (Fresh){.state = edit->state, .changed = true, .copied = true};
        return;
    }
    if (!f || edit->what & WATCH_DROP)
        return;
    f->changed = true;
    if (edit->what & WATCH_TO && edit->state.watched_to_ns > f->state.watched_to_ns)
        f->state.watched_to_ns = edit->state.watched_to_ns;
    if (edit->what & WATCH_COVER) {
        f->state.from_ns = edit->state.from_ns;
        f->state.upto_ns = edit->state.upto_ns;
    }
    int64_t horizon = watch_grain_up(&f->state, edit->state.horizon_ns);
    if (edit->what & WATCH_HORIZON && horizon > f->state.horizon_ns)
        f->state.horizon_ns = horizon;
    if (edit->what & WATCH_CLEAR)
        clear_marks(f, edit);
}

/* ---- the new list ---- */

static int by_time(const void *a, const void *b)
{
    const WatchMark *x = a, *y = b;
    if (x->from_ns != y->from_ns)
        return x->from_ns < y->from_ns ? -1 : 1;
    if (x->to_ns != y->to_ns)
        return x->to_ns < y->to_ns ? -1 : 1;
    return (x->series > y->series) - (x->series < y->series);
}

static Lsn later(Lsn a, Lsn b)
{
    return a > b ? a : b;
}

static size_t drop_repeats(WatchMark *m, size_t n)
{
    size_t kept = 0;
    qsort(m, n, sizeof *m, by_time);
    for (size_t i = 0; i < n; i++)
        if (kept && by_time(&m[kept - 1], &m[i]) == 0)
            m[kept - 1].lsn = later(m[kept - 1].lsn, m[i].lsn);
        else
            m[kept++] = m[i];
    return kept;
}

/* Of all series, and what touches is one; then neighbours, until there is room. */
static size_t lump(WatchMark *m, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        WatchMark *last = kept ? &m[kept - 1] : NULL;
        if (last && m[i].from_ns <= last->to_ns) {
            last->to_ns = m[i].to_ns > last->to_ns ? m[i].to_ns : last->to_ns;
            last->lsn = later(last->lsn, m[i].lsn);
            continue;
        }
        m[kept] = m[i];
        m[kept++].series = 0;
    }
    for (; kept > WATCH_MARKS_MAX; kept = (kept + 1) / 2)
        for (size_t i = 0; i < kept; i += 2) {
            WatchMark a = m[i], b = i + 1 < kept ? m[i + 1] : m[i];
            m[i / 2] = (WatchMark){a.from_ns, b.to_ns, 0, later(a.lsn, b.lsn)};
        }
    return kept;
}

/* Both lists by time, without repeats. */
static size_t merge_marks(WatchMark *out, const WatchMark *a, size_t an, const WatchMark *b,
                          size_t bn)
{
    size_t i = 0, k = 0, n = 0;
    while (i < an || k < bn) {
        int order = i == an ? 1 : k == bn ? -1 : by_time(&a[i], &b[k]);
        out[n] = order <= 0 ? a[i] : b[k];
        if (order == 0)
            out[n].lsn = later(a[i].lsn, b[k].lsn);
        i += order <= 0;
        k += order >= 0;
        n++;
    }
    return n;
}

/* The old marks are in order: only new ones are sorted, for late rows come in many small batches. */
static Watch *fresh_end(Fresh *f)
{
    if (!f->changed) {
        ref_take(&f->was->ref);
        return f->was;
    }
    WatchMark *m = (WatchMark *)(void *)f->marks.ptr, *all = NULL;
    size_t n = f->marks.len ? drop_repeats(m, f->marks.len / sizeof *m) : 0;
    if (!f->copied && f->was && f->was->mark_count) {
        all = mem_zero((n + f->was->mark_count) * sizeof *all);
        n = merge_marks(all, f->was->marks, f->was->mark_count, m, n);
        m = all;
    }
    if (n > WATCH_MARKS_MAX)
        n = lump(m, n);
    Watch *w = watch_alloc(&f->state, n);
    w->mark_count = n;
    if (n)
        memcpy(w->marks, m, n * sizeof *m);
    mem_free(all);
    return w;
}

WatchList *watch_build_end(WatchBuild *take_b)
{
    WatchBuild *b = take_b;
    WatchList *l = b->changed ? list_alloc(b->count) : watches_ref(b->base);
    for (size_t i = 0; b->changed && i < b->count; i++)
        if (!b->items[i]->gone)
            l->items[l->count++] = fresh_end(b->items[i]);
    watch_build_free(b);
    return l;
}

/* ---- bytes: docs/format.md ---- */

static void put_state(Buf *out, const WatchState *s)
{
    buf_put_varint(out, s->id);
    buf_put_varint(out, s->table);
    buf_put_zigzag(out, s->grain_ns);
    buf_put_zigzag(out, s->origin_ns);
    buf_put_zigzag(out, s->watched_to_ns);
    buf_put_zigzag(out, s->from_ns);
    buf_put_zigzag(out, s->upto_ns);
    buf_put_zigzag(out, s->horizon_ns);
    buf_put_varint(out, s->other_count | (s->keeps ? KEEPS_BIT : 0));
    for (size_t i = 0; i < s->other_count; i++)
        buf_put_varint(out, s->others[i]);
}

static void read_state(WatchState *s, Reader *r)
{
    uint64_t id = reader_varint(r), table = reader_varint(r);
    s->id = (ObjectId)id;
    s->table = (TableId)table;
    s->grain_ns = reader_zigzag(r);
    s->origin_ns = reader_zigzag(r);
    s->watched_to_ns = reader_zigzag(r);
    s->from_ns = reader_zigzag(r);
    s->upto_ns = reader_zigzag(r);
    s->horizon_ns = reader_zigzag(r);
    uint64_t others = reader_varint(r);
    s->keeps = others & KEEPS_BIT;
    others &= ~(uint64_t)KEEPS_BIT;
    r->bad |= others > WATCH_OTHERS;
    s->other_count = r->bad ? 0 : (uint32_t)others;
    for (size_t i = 0; i < s->other_count; i++)
        s->others[i] = (TableId)reader_varint(r);
    r->bad |= id > UINT32_MAX || table > UINT32_MAX;
}

static bool bad_watch(Err *e)
{
    return err_set(e, ERR_DATA_CORRUPTED, "a record of a continuous view cannot be read");
}

void watch_edit_encode(Buf *out, const WatchEdit *edit)
{
    buf_put_u8(out, WATCH_FORMAT);
    buf_put_varint(out, edit->what);
    put_state(out, &edit->state);
    buf_put_varint(out, edit->clear_lsn);
    buf_put_zigzag(out, edit->clear_from_ns);
    buf_put_zigzag(out, edit->clear_to_ns);
}

bool watch_edit_decode(WatchEdit *out, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    uint8_t format = reader_u8(&r);
    uint64_t what = reader_varint(&r);
    *out = (WatchEdit){.what = (uint32_t)what};
    read_state(&out->state, &r);
    out->clear_lsn = reader_varint(&r);
    out->clear_from_ns = reader_zigzag(&r);
    out->clear_to_ns = reader_zigzag(&r);
    bool grain = !(what & WATCH_NEW) || out->state.grain_ns > 0;
    return (!r.bad && !reader_left(&r) && format == WATCH_FORMAT && what <= WATCH_ALL_BITS &&
            grain) ||
           bad_watch(e);
}

void watches_encode(Buf *out, const WatchList *l)
{
    buf_put_u8(out, WATCH_FORMAT);
    buf_put_varint(out, l ? l->count : 0);
    for (size_t i = 0; l && i < l->count; i++) {
        const Watch *w = l->items[i];
        put_state(out, &w->state);
        buf_put_varint(out, w->mark_count);
        for (size_t k = 0; k < w->mark_count; k++) {
            buf_put_zigzag(out, w->marks[k].from_ns);
            buf_put_zigzag(out, w->marks[k].to_ns);
            buf_put_varint(out, w->marks[k].series);
            buf_put_varint(out, w->marks[k].lsn);
        }
    }
}

static Watch *read_watch(Reader *r)
{
    WatchState s;
    read_state(&s, r);
    uint64_t n = reader_varint(r);
    r->bad |= n > WATCH_MARKS_MAX || s.grain_ns <= 0;
    if (r->bad)
        return NULL;
    Watch *w = watch_alloc(&s, (size_t)n);
    for (; w->mark_count < n; w->mark_count++) {
        WatchMark *m = &w->marks[w->mark_count];
        m->from_ns = reader_zigzag(r);
        m->to_ns = reader_zigzag(r);
        m->series = reader_varint(r);
        m->lsn = reader_varint(r);
    }
    return w;
}

bool watches_decode(WatchList **out, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    uint8_t format = reader_u8(&r);
    uint64_t n = reader_varint(&r);
    if (r.bad || format != WATCH_FORMAT || n > reader_left(&r))
        return bad_watch(e);
    WatchList *l = list_alloc((size_t)n);
    while (l->count < n && !r.bad) {
        Watch *w = read_watch(&r);
        if (w)
            l->items[l->count++] = w;
    }
    if (!r.bad && !reader_left(&r)) {
        *out = l;
        return true;
    }
    watches_unref(l);
    return bad_watch(e);
}
