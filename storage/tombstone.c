#include "storage/tombstone.h"

#include "storage/part.h"
#include <roaring/roaring.h>
#include <stdlib.h>

enum { TOMB_FORMAT = 1 };

/* ---- one ---- */

Tombstone *tomb_new(TableId table, SeriesSet *series, int64_t t_min, int64_t t_max, Lsn lsn)
{
    Tombstone *t = MEM_NEW(Tombstone);
    ref_init(&t->ref);
    t->table = table;
    t->series = series ? set_ref(series) : NULL;
    if (series && set_count(series) == 1)
        set_ids(series, &t->only, 1);
    t->t_min = t_min;
    t->t_max = t_max;
    t->lsn = lsn;
    return t;
}

Tombstone *tomb_ref(Tombstone *t)
{
    ref_take(&t->ref);
    return t;
}

void tomb_unref(Tombstone *t)
{
    if (!t || !ref_drop(&t->ref))
        return;
    set_unref(t->series);
    mem_free(t);
}

/* format, table, t_min, t_max, series: 0 = all, else count + 1 and deltas of ascending ids */
void tomb_encode(Buf *out, const Tombstone *t)
{
    buf_put_varint(out, TOMB_FORMAT);
    buf_put_varint(out, t->table);
    buf_put_zigzag(out, t->t_min);
    buf_put_zigzag(out, t->t_max);
    if (!t->series) {
        buf_put_varint(out, 0);
        return;
    }
    size_t n = set_count(t->series);
    SeriesId *ids = mem_alloc(n * sizeof *ids + 1), last = 0;
    set_ids(t->series, ids, n);
    buf_put_varint(out, (uint64_t)n + 1);
    for (size_t i = 0; i < n; i++) {
        buf_put_varint(out, ids[i] - last);
        last = ids[i];
    }
    mem_free(ids);
}

static bool bad_tomb(Err *e)
{
    return err_set(e, ERR_DATA_CORRUPTED, "a delete record cannot be read");
}

bool tomb_decode(Tombstone **out, Slice payload, Lsn lsn, Err *e)
{
    Reader r = reader_of(payload);
    uint64_t format = reader_varint(&r), table = reader_varint(&r);
    int64_t t_min = reader_zigzag(&r), t_max = reader_zigzag(&r);
    uint64_t n = reader_varint(&r), id = 0;
    if (!r.bad && format != TOMB_FORMAT)
        return err_set(e, ERR_DATA_CORRUPTED, "a delete record has the unknown format %llu",
                       (unsigned long long)format);
    if (r.bad || !table || table > UINT32_MAX || (n && n - 1 > reader_left(&r)))
        return bad_tomb(e);
    SeriesSet *set = NULL;
    if (n) {
        SeriesId *ids = mem_alloc((size_t)n * sizeof *ids);
        for (size_t i = 0; i < n - 1; i++) {
            uint64_t delta = reader_varint(&r);
            r.bad |= delta == 0 || delta > UINT64_MAX - id;
            id += delta;
            r.bad |= i && (id >> 32) != (ids[0] >> 32); /* a set is of one shard */
            ids[i] = id;
        }
        if (!r.bad)
            set = set_from_ids(ids, (size_t)n - 1);
        mem_free(ids);
    }
    bool ok = !r.bad && !reader_left(&r);
    if (ok)
        *out = tomb_new((TableId)table, set, t_min, t_max, lsn);
    set_unref(set);
    return ok || bad_tomb(e);
}

/* ---- lists ---- */

static TombList *list_alloc(size_t count)
{
    TombList *l = mem_zero(sizeof *l + count * sizeof l->items[0]);
    ref_init(&l->ref);
    return l;
}

TombList *tombs_ref(TombList *l)
{
    ref_take(&l->ref);
    return l;
}

void tombs_unref(TombList *l)
{
    if (!l || !ref_drop(&l->ref))
        return;
    for (size_t i = 0; i < l->count; i++)
        tomb_unref(l->items[i]);
    mem_free(l);
}

static int tomb_compare(const Tombstone *a, const Tombstone *b)
{
    if (a->table != b->table)
        return a->table < b->table ? -1 : 1;
    if (a->only != b->only)
        return a->only < b->only ? -1 : 1;
    return (a->lsn > b->lsn) - (a->lsn < b->lsn);
}

static int by_place(const void *a, const void *b)
{
    return tomb_compare(*(Tombstone *const *)a, *(Tombstone *const *)b);
}

static void list_push(TombList *l, Tombstone *t)
{
    l->items[l->count++] = tomb_ref(t);
    l->newest = t->lsn > l->newest ? t->lsn : l->newest;
}

TombList *tombs_build(const TombList *old, Tombstone *const *dead, size_t dead_count,
                      Tombstone *const *fresh, size_t fresh_count)
{
    size_t count = old ? old->count : 0;
    TombList *l = list_alloc(count + fresh_count);
    Tombstone **add = mem_alloc(fresh_count * sizeof *add + 1);
    size_t k = 0, d = 0;
    if (fresh_count) {
        memcpy(add, fresh, fresh_count * sizeof *add);
        qsort(add, fresh_count, sizeof *add, by_place);
    }
    for (size_t i = 0; i < count; i++) {
        while (k < fresh_count && tomb_compare(add[k], old->items[i]) < 0)
            list_push(l, add[k++]);
        while (d < dead_count && tomb_compare(dead[d], old->items[i]) < 0)
            d++;
        if (d == dead_count || dead[d] != old->items[i])
            list_push(l, old->items[i]);
    }
    while (k < fresh_count)
        list_push(l, add[k++]);
    mem_free(add);
    return l;
}

/* First item at or after (table, only). */
static size_t lower(Tombstone *const *items, size_t count, TableId table, SeriesId only)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const Tombstone *t = items[mid];
        if (t->table < table || (t->table == table && t->only < only))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

TombView tombs_of_table(const TombList *l, TableId table)
{
    TombView v = {0};
    if (!l || !l->count)
        return v;
    size_t begin = lower(l->items, l->count, table, 0);
    v.items = l->items + begin;
    v.count = lower(v.items, l->count - begin, table, UINT64_MAX);
    v.wide = lower(v.items, v.count, table, 1);
    return v;
}

/* ---- asking ---- */

/* The wide ones written after seq begin here. */
static size_t first_after(Tombstone *const *items, size_t count, Lsn seq)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (items[mid]->lsn <= seq)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool names(const Tombstone *t, SeriesId series)
{
    return !t->series || set_has(t->series, series);
}

static int by_begin(const void *a, const void *b)
{
    const TimeRange *x = a, *y = b;
    return (x->t_min > y->t_min) - (x->t_min < y->t_min);
}

static void range_put(Buf *out, const Tombstone *t)
{
    TimeRange r = {t->t_min, t->t_max};
    if (r.t_min <= r.t_max)
        buf_put(out, &r, sizeof r);
}

/* Overlapping and touching ranges become one. */
static size_t ranges_join(TimeRange *r, size_t n)
{
    size_t k = 0;
    if (n > 1)
        qsort(r, n, sizeof *r, by_begin);
    for (size_t i = 0; i < n; i++) {
        TimeRange *last = k ? &r[k - 1] : NULL;
        if (last && (last->t_max == INT64_MAX || r[i].t_min <= last->t_max + 1)) {
            last->t_max = r[i].t_max > last->t_max ? r[i].t_max : last->t_max;
            continue;
        }
        r[k++] = r[i];
    }
    return k;
}

size_t tombs_ranges(const TombView *v, SeriesId series, Lsn seq_max, Buf *out)
{
    size_t before = out->len;
    for (size_t i = first_after(v->items, v->wide, seq_max); i < v->wide; i++)
        if (names(v->items[i], series))
            range_put(out, v->items[i]);
    if (v->count > v->wide) {
        TableId table = v->items[0]->table;
        for (size_t i = lower(v->items, v->count, table, series);
             i < v->count && v->items[i]->only == series; i++)
            if (v->items[i]->lsn > seq_max)
                range_put(out, v->items[i]);
    }
    size_t n = (out->len - before) / sizeof(TimeRange);
    n = n ? ranges_join((TimeRange *)(void *)(out->ptr + before), n) : 0;
    out->len = before + n * sizeof(TimeRange);
    return n;
}

bool tombs_hide(const TombView *v, SeriesId series, int64_t time, Lsn seq)
{
    for (size_t i = first_after(v->items, v->wide, seq); i < v->wide; i++) {
        const Tombstone *t = v->items[i];
        if (time >= t->t_min && time <= t->t_max && names(t, series))
            return true;
    }
    if (v->count == v->wide)
        return false;
    for (size_t i = lower(v->items, v->count, v->items[0]->table, series);
         i < v->count && v->items[i]->only == series; i++) {
        const Tombstone *t = v->items[i];
        if (t->lsn > seq && time >= t->t_min && time <= t->t_max)
            return true;
    }
    return false;
}

static bool within(const SeriesSet *series, const Tombstone *t)
{
    return !t->series ||
           (series && roaring_bitmap_is_subset(set_bitmap(series), set_bitmap(t->series)));
}

bool tombs_hide_all(const TombView *v, const SeriesSet *series, TimeRange range, Lsn seq_max)
{
    for (size_t i = first_after(v->items, v->wide, seq_max); i < v->wide; i++) {
        const Tombstone *t = v->items[i];
        if (t->t_min <= range.t_min && t->t_max >= range.t_max && within(series, t))
            return true;
    }
    return false;
}

/* What one of them takes of `rows` between these times. */
static double share(const Tombstone *t, const roaring_bitmap_t *series, TimeRange r)
{
    if (t->t_min > r.t_min || t->t_max < r.t_min)
        return 0;
    if (t->series)
        return t->t_max < r.t_max
                   ? 0
                   : (double)roaring_bitmap_and_cardinality(series, set_bitmap(t->series)) /
                         (double)roaring_bitmap_get_cardinality(series);
    return t->t_max >= r.t_max
               ? 1
               : ((double)t->t_max - (double)r.t_min) / ((double)r.t_max - (double)r.t_min);
}

uint64_t tombs_share(const TombView *v, struct Part *part, size_t table_index, Lsn seq_max)
{
    TimeRange r;
    TableId table = part_table_at(part, table_index);
    double sum = 0;
    if (!v->wide || !part_has_table(part, table, &r.t_min, &r.t_max))
        return 0;
    for (size_t i = first_after(v->items, v->wide, seq_max); i < v->wide; i++)
        sum += share(v->items[i], part_series_bitmap(part, table), r);
    uint64_t rows = part_table_rows(part, table_index);
    return sum >= 1 ? rows : (uint64_t)(sum * (double)rows);
}
