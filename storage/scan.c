/* storage/scan.c - a scan: which layers, which series, and for each series one merge.
 *
 * Opening looks at metadata only: parts whose time range for the table meets the asked one, and the
 * rows of the tails, chosen and sorted once.  The series to visit are the asked ones that are
 * present in one of these (exact bitmaps), so that a short query never walks series that have
 * long ended.  Everything about times, overlaps and newer-wins is the business of storage/merge. */
#include "storage/scan_private.h"

#include "storage/index_private.h"

/* ---- what can be pruned from metadata ---- */

static bool ranges_meet(int64_t a_min, int64_t a_max, int64_t b_min, int64_t b_max)
{
    return a_min <= b_max && b_min <= a_max;
}

static bool part_meets(const Part *p, TableId table, int64_t t_min, int64_t t_max)
{
    int64_t p_min, p_max;
    return part_has_table(p, table, &p_min, &p_max) && ranges_meet(p_min, p_max, t_min, t_max);
}

static bool tail_meets(const VersionTail *t, TableId table, int64_t t_min, int64_t t_max)
{
    int64_t s_min, s_max;
    return seg_has_table(t->segment, t->rows, table, &s_min, &s_max) &&
           ranges_meet(s_min, s_max, t_min, t_max);
}

bool snapshot_table_bounds(const Snapshot *s, TableId table, int64_t *t_min, int64_t *t_max)
{
    SnapshotView v;
    snapshot_view(s, &v);
    int64_t low, high;
    bool any = false;
    *t_min = INT64_MAX;
    *t_max = INT64_MIN;
    for (size_t i = 0; i < v.part_count + v.tail_count; i++) {
        const VersionTail *tail = i < v.part_count ? NULL : &v.tails[i - v.part_count];
        if (!(tail ? seg_has_table(tail->segment, tail->rows, table, &low, &high)
                   : part_has_table(v.parts[i].part, table, &low, &high)))
            continue;
        any = true;
        *t_min = low < *t_min ? low : *t_min;
        *t_max = high > *t_max ? high : *t_max;
    }
    for (size_t i = 0; i < v.damaged_count; i++) { /* it may have held rows of this table */
        any = true;
        *t_min = v.damaged[i].t_min < *t_min ? v.damaged[i].t_min : *t_min;
        *t_max = v.damaged[i].t_max > *t_max ? v.damaged[i].t_max : *t_max;
    }
    return any;
}

static uint32_t part_shard(const Part *p)
{
    PartGroup g;
    if (!part_group_count(p))
        return 0;
    part_group_at(p, 0, &g);
    return (uint32_t)(g.series >> 32);
}

/* Adds the part's series that are in the set (NULL = all). */
static void visit_part(roaring_bitmap_t *visit, const roaring_bitmap_t *series,
                       const SeriesSet *set)
{
    if (!set) {
        roaring_bitmap_or_inplace(visit, series);
        return;
    }
    roaring_bitmap_t *both = roaring_bitmap_and(series, set_bitmap(set));
    roaring_bitmap_or_inplace(visit, both);
    roaring_bitmap_free(both);
}

static void visit_rows(roaring_bitmap_t *visit, const SegRow *rows, size_t n, const SeriesSet *set)
{
    SeriesId last = 0;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].series != last && (!set || set_has(set, rows[i].series)))
            roaring_bitmap_add(visit, series_id_local(rows[i].series));
        last = rows[i].series;
    }
}

/* Without those of the classes that show nothing up to t_max. */
static SeriesSet *shown_series(const TtlView *ttl, SeriesSet *take_all, int64_t t_max)
{
    size_t n = set_count(take_all), kept = 0;
    SeriesId *ids = mem_alloc((n + 1) * sizeof *ids);
    Err ignored; /* a condition that fails hides nothing here */
    int64_t cut;
    n = set_ids(take_all, ids, n);
    for (size_t i = 0; i < n; i++)
        if (!ttl_cut(ttl, ids[i], &cut, &ignored) || cut <= t_max)
            ids[kept++] = ids[i];
    SeriesSet *shown = set_from_ids(ids, kept);
    mem_free(ids);
    set_unref(take_all);
    return shown;
}

/* A bitmap: the series of the table in parts that meet the range. */
static roaring_bitmap_t *series_of_parts(const SnapshotView *v, TableId table, int64_t t_min,
                                         int64_t t_max, uint32_t *shard)
{
    roaring_bitmap_t *bits = roaring_bitmap_create();
    for (size_t i = 0; i < v->part_count; i++) {
        if (!part_meets(v->parts[i].part, table, t_min, t_max))
            continue;
        *shard = part_shard(v->parts[i].part);
        visit_part(bits, part_series_bitmap(v->parts[i].part, table), NULL);
    }
    return bits;
}

/* All that the table has, so that nobody need look at the tails. */
static bool has_all_series(const roaring_bitmap_t *bits, SeriesIndex *index, TableId table)
{
    return roaring_bitmap_get_cardinality(bits) == idx_series_count(index, table);
}

SeriesSet *snapshot_series(Snapshot *s, TableId table, int64_t t_min, int64_t t_max)
{
    SnapshotView v;
    snapshot_view(s, &v);
    const TableDef *def = cat_table_by_id(v.catalog, table);
    TtlView *ttl = NULL;
    Err ignored;
    if (def && ttl_open(&ttl, s, def, &ignored) && ttl && ttl_cut_min(ttl) > t_min)
        t_min = ttl_cut_min(ttl);
    uint32_t shard = 0;
    roaring_bitmap_t *bits = series_of_parts(&v, table, t_min, t_max, &shard);
    bool all = has_all_series(bits, engine_index(snapshot_engine(s)), table);
    Arena a;
    arena_init(&a, NULL);
    for (size_t i = 0; i < v.tail_count && !all; i++) {
        SegRow *rows;
        size_t n =
            seg_select(v.tails[i].segment, v.tails[i].rows, table, NULL, t_min, t_max, &a, &rows);
        if (n)
            shard = (uint32_t)(rows[0].series >> 32);
        visit_rows(bits, rows, n, NULL);
        arena_reset(&a);
    }
    arena_free(&a);
    SeriesSet *set = set_take(shard, bits);
    if (ttl && def->ttl_count)
        set = shown_series(ttl, set, t_max);
    ttl_close(ttl);
    return set;
}

uint64_t snapshot_series_mark(Snapshot *s, TableId table, int64_t t_min, int64_t t_max)
{
    SnapshotView v;
    snapshot_view(s, &v);
    const TableDef *def = cat_table_by_id(v.catalog, table);
    TtlView *ttl = NULL;
    Err ignored;
    if (!def || def->ttl_count ||
        !ttl_open(&ttl, s, def, &ignored)) /* what shows depends on the series */
        return 0;
    if (ttl && ttl_cut_min(ttl) > t_min)
        t_min = ttl_cut_min(ttl);
    ttl_close(ttl);
    uint64_t mark = table, most = 0;
    bool tail = false;
    for (size_t i = 0; i < v.part_count; i++) {
        Part *p = v.parts[i].part;
        if (!part_meets(p, table, t_min, t_max))
            continue;
        uint64_t n = roaring_bitmap_get_cardinality(part_series_bitmap(p, table));
        most = n > most ? n : most;
        mark = hash_mix(mark, part_serial(p));
    }
    for (size_t i = 0; i < v.tail_count && !tail; i++)
        tail = tail_meets(&v.tails[i], table, t_min, t_max);
    SeriesIndex *index = engine_index(snapshot_engine(s));
    if (tail && most != idx_series_count(index, table)) { /* perhaps all together have them */
        uint32_t shard;
        roaring_bitmap_t *bits = series_of_parts(&v, table, t_min, t_max, &shard);
        tail = !has_all_series(bits, index, table);
        roaring_bitmap_free(bits);
        if (tail)
            return 0;
    }
    return mark ? mark : 1;
}

/* ---- opening ---- */

static void open_parts(Scan *s, const SnapshotView *v)
{
    s->parts = ARENA_ARRAY(&s->arena, ScanPart, v->part_count + 1);
    for (size_t i = 0; i < v->part_count; i++) {
        Part *p = v->parts[i].part;
        if (!part_meets(p, s->table, s->spec.t_min, s->spec.t_max)) {
            s->counters.files_pruned++;
            continue;
        }
        ScanPart *sp = &s->parts[s->part_count++];
        *sp = (ScanPart){.part = p,
                         .age = v->parts[i].age,
                         .newest = version_part_newest(&v->parts[i]),
                         .place = v->parts[i].place,
                         .series = part_series_bitmap(p, s->table)};
        part_touch(p);
        visit_part(s->visit, sp->series, s->set);
        s->shard = part_shard(p);
        s->counters.files++;
    }
}

/* The rows of a tail know when they were written. */
static bool row_hidden(const Scan *s, const Segment *segment, const SegRow *r)
{
    return tombs_hide(&s->tombs, r->series, r->time, seg_row_seq(segment, r->row));
}

static void drop_hidden(Scan *s, ScanTail *t)
{
    size_t hidden = 0, n = 0;
    for (size_t i = 0; s->tombs.count && i < t->count; i++)
        hidden += row_hidden(s, t->segment, &t->rows[i]);
    if (hidden == 0)
        return;
    SegRow *rows = arena_alloc(&s->arena, (t->count - hidden + 1) * sizeof *rows);
    for (size_t i = 0; i < t->count; i++)
        if (!row_hidden(s, t->segment, &t->rows[i]))
            rows[n++] = t->rows[i];
    t->rows = rows;
    t->ids = NULL;
    t->count = n;
}

/* Its rows for this scan; where they are shared, of other series too. */
enum { SORTED_SERIES_MIN = 16 };
static void select_tail(Scan *s, const VersionTail *t, ScanTail *st)
{
    int64_t t_min, t_max;
    SegRow *rows;
    bool all = (!s->set || set_count(s->set) >= SORTED_SERIES_MIN) &&
               seg_has_table(t->segment, t->rows, s->table, &t_min, &t_max) &&
               s->spec.t_min <= t_min && s->spec.t_max >= t_max;
    const SegSorted *sorted = all ? seg_sorted(t->segment, t->rows, s->table) : NULL;
    *st = (ScanTail){.segment = t->segment, .age = t->age};
    if (sorted) {
        st->rows = sorted->row;
        st->ids = sorted->id;
        st->count = sorted->count;
    } else {
        st->count = seg_select(t->segment, t->rows, s->table, s->set, s->spec.t_min, s->spec.t_max,
                               &s->arena, &rows);
        st->rows = rows;
    }
}

static void open_tails(Scan *s, const SnapshotView *v)
{
    s->tails = ARENA_ARRAY(&s->arena, ScanTail, v->tail_count + 1);
    for (size_t i = 0; i < v->tail_count; i++) {
        const VersionTail *t = &v->tails[i];
        if (!tail_meets(t, s->table, s->spec.t_min, s->spec.t_max))
            continue;
        ScanTail *st = &s->tails[s->tail_count];
        select_tail(s, t, st);
        drop_hidden(s, st);
        if (!st->count)
            continue;
        visit_rows(s->visit, st->rows, st->count, s->set);
        s->shard = (uint32_t)(st->rows[0].series >> 32);
        s->tail_count++;
    }
}

static void open_columns(Scan *s, const ScanSpec *spec, const TableDef *table)
{
    size_t n = spec->column_count, merged = 0;
    s->column_count = n;
    s->columns = ARENA_ARRAY(&s->arena, ColumnId, n + 1);
    s->types = ARENA_ARRAY(&s->arena, PhysType, n + 1);
    s->merge_columns = ARENA_ARRAY(&s->arena, size_t, n + 1);
    ColumnId *ids = ARENA_ARRAY(&s->arena, ColumnId, n + 1);
    PhysType *types = ARENA_ARRAY(&s->arena, PhysType, n + 1);
    for (size_t i = 0; i < n; i++) {
        const ColumnDef *c = table_column_by_id(table, spec->columns[i]);
        PhysType type = spec->columns[i] == COLUMN_ROW ? PHYS_I64
                        : c && c->kind == COL_FIELD    ? c->phys
                                                       : PHYS_NONE;
        s->columns[i] = spec->columns[i];
        if (type == PHYS_NONE)
            continue;
        s->types[i] = type;
        s->merge_columns[i] = merged;
        ids[merged] = spec->columns[i];
        types[merged++] = type;
    }
    merge_set_columns(s->merge, ids, types, merged);
}

/* Rows of a file that cannot be read must not be left out in silence. */
static bool damage_check(const SnapshotView *v, int64_t t_min, int64_t t_max, Err *e)
{
    for (size_t i = 0; i < v->damaged_count; i++) {
        const VersionDamage *d = &v->damaged[i];
        if (t_min <= t_max && ranges_meet(d->t_min, d->t_max, t_min, t_max)) {
            *e = *d->err;
            return false;
        }
    }
    return true;
}

bool scan_open(Scan **out, const ScanSpec *spec, Budget *budget, Err *e)
{
    SnapshotView v;
    snapshot_view(spec->snapshot, &v);
    const TableDef *table = cat_table_by_id(v.catalog, spec->table);
    if (!table)
        return err_set(e, ERR_UNDEFINED_TABLE, "table %u does not exist", spec->table);
    TtlView *ttl = NULL;
    if (!spec->all_ages && !ttl_open(&ttl, spec->snapshot, table, e))
        return false;
    int64_t t_min = ttl && ttl_cut_min(ttl) > spec->t_min ? ttl_cut_min(ttl) : spec->t_min;
    if (!damage_check(&v, t_min, spec->t_max, e)) {
        ttl_close(ttl);
        return false;
    }
    Scan *s = MEM_NEW(Scan);
    s->ttl = ttl;
    arena_init(&s->arena, budget);
    arena_init(&s->scratch, budget);
    s->snapshot = snapshot_ref(spec->snapshot);
    s->set = spec->series ? set_ref(spec->series) : NULL;
    s->table = spec->table;
    s->tombs = tombs_of_table(v.tombs, spec->table);
    s->spec = (MergeSpec){.duplicates = table->duplicates ? table->duplicates : DUP_LAST,
                          .t_min = t_min,
                          .t_max = spec->t_max,
                          .backward = spec->backward};
    s->visit = roaring_bitmap_create();
    s->merge = merge_new(budget);
    open_columns(s, spec, table);
    if (t_min <= spec->t_max) {
        open_parts(s, &v);
        open_tails(s, &v);
    }
    s->inputs = ARENA_ARRAY(&s->arena, MergeInput, s->part_count + s->tail_count + 1);
    roaring_init_iterator(s->visit, &s->it);
    *out = s;
    return true;
}

void scan_close(Scan *s)
{
    if (!s)
        return;
    merge_free(s->merge);
    roaring_bitmap_free(s->visit);
    buf_free(&s->groups);
    buf_free(&s->dead);
    arena_free(&s->scratch);
    arena_free(&s->arena);
    set_unref(s->set);
    ttl_close(s->ttl);
    snapshot_unref(s->snapshot);
    mem_free(s);
}

/* ---- series by series ---- */

/* Collects the current series' row groups from all parts into `groups`. */
static PinStatus find_groups(Scan *s, Task *waiter, Err *e)
{
    PartQuery q = {s->table, s->series, s->series_t_min, s->spec.t_max};
    buf_clear(&s->groups);
    buf_clear(&s->dead);
    for (size_t i = 0; i < s->part_count; i++) {
        ScanPart *p = &s->parts[i];
        p->dead_begin = s->dead.len / sizeof(TimeRange);
        p->dead_count =
            s->tombs.count ? tombs_ranges(&s->tombs, s->series, p->newest, &s->dead) : 0;
        p->group_begin = s->groups.len / sizeof(PartGroup);
        PinStatus found = PIN_OK;
        if (q.t_min <= q.t_max && roaring_bitmap_contains(p->series, series_id_local(s->series)))
            found = part_find(p->part, &q, &s->groups, waiter, e);
        if (found != PIN_OK)
            return found;
        p->group_end = s->groups.len / sizeof(PartGroup);
    }
    return PIN_OK;
}

/* The tails' rows of the current series: series come in ascending order in both. */
static size_t add_tail_inputs(Scan *s, size_t n)
{
    for (size_t i = 0; i < s->tail_count; i++) {
        ScanTail *t = &s->tails[i];
        while (t->at < t->count && t->rows[t->at].series < s->series)
            t->at++;
        while (t->at < t->count && t->rows[t->at].series == s->series &&
               t->rows[t->at].time < s->series_t_min)
            t->at++;
        size_t begin = t->at;
        while (t->at < t->count && t->rows[t->at].series == s->series)
            t->at++;
        if (t->at > begin)
            s->inputs[n++] = (MergeInput){.age = t->age,
                                          .segment = t->segment,
                                          .rows = t->rows + begin,
                                          .row_count = t->at - begin,
                                          .ids = t->ids ? t->ids + begin : NULL};
    }
    return n;
}

/* From when on its rows are shown. */
static bool series_begin(Scan *s, Err *e)
{
    int64_t cut = INT64_MIN;
    if (s->ttl && !ttl_cut(s->ttl, s->series, &cut, e))
        return false;
    s->series_t_min = cut > s->spec.t_min ? cut : s->spec.t_min;
    return true;
}

static PinStatus start_series(Scan *s, Task *waiter, Err *e)
{
    enum { TRIM_SERIES = 64 };
    if (s->series_seen++ % TRIM_SERIES == TRIM_SERIES - 1)
        engine_trim_mapped(snapshot_engine(s->snapshot));
    if (!series_begin(s, e))
        return PIN_FAIL;
    PinStatus found = find_groups(s, waiter, e);
    if (found != PIN_OK)
        return found;
    const PartGroup *groups = (const PartGroup *)(const void *)s->groups.ptr;
    const TimeRange *dead = (const TimeRange *)(const void *)s->dead.ptr;
    size_t n = 0;
    for (size_t i = 0; i < s->part_count; i++) {
        const ScanPart *p = &s->parts[i];
        if (p->group_end > p->group_begin)
            s->inputs[n++] = (MergeInput){.age = p->age,
                                          .part = p->part,
                                          .place = p->place,
                                          .groups = groups + p->group_begin,
                                          .group_count = p->group_end - p->group_begin,
                                          .dead = p->dead_count ? dead + p->dead_begin : NULL,
                                          .dead_count = p->dead_count};
    }
    s->groups_left = s->groups.len / sizeof(PartGroup);
    s->counters.groups += s->groups_left;
    n = add_tail_inputs(s, n);
    MergeSpec spec = s->spec;
    spec.t_min = s->series_t_min;
    merge_start(s->merge, &spec, s->inputs, n);
    s->started = true;
    return PIN_OK;
}

ScanStatus scan_next(Scan *s, ScanRun *run, Task *waiter, Err *e)
{
    arena_reset(&s->scratch);
    s->run.rows = 0;
    s->grid_known = false;
    for (;;) {
        if (!s->series) {
            if (!s->it.has_value)
                return SCAN_END;
            s->series = series_id_make(s->shard, s->it.current_value);
            s->started = false;
            roaring_advance_uint32_iterator(&s->it);
        }
        if (!s->started) {
            PinStatus found = start_series(s, waiter, e);
            if (found != PIN_OK)
                return found == PIN_WAIT ? SCAN_WAIT : SCAN_FAIL;
        }
        switch (merge_next(s->merge, &s->run, waiter, e)) {
        case MERGE_RUN:
            *run = (ScanRun){.series = s->series,
                             .rows = s->run.rows,
                             .t_first = s->run.t_first,
                             .t_last = s->run.t_last,
                             .stats_exact = s->run.part && s->run.whole && s->run.group->alone};
            s->counters.rows += run->rows;
            /* A run of merged rows may be of several groups: then nobody knows which are left. */
            s->groups_left = s->groups_left && s->run.part ? s->groups_left - 1 : 0;
            return SCAN_RUN;
        case MERGE_WAIT:
            return SCAN_WAIT;
        case MERGE_FAIL:
            return SCAN_FAIL;
        case MERGE_END:
            s->series = 0;
            break;
        }
    }
}

void scan_skip_series(Scan *s)
{
    s->counters.groups_pruned += s->groups_left;
    s->groups_left = 0;
    s->series = 0;
}

const ScanCounters *scan_counters(const Scan *s)
{
    return &s->counters;
}
