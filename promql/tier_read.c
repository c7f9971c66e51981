#include "promql/tier_read.h"

#include <stdlib.h>

/* ---- which tiers, and which of their series ---- */

typedef struct TagNames { /* columns of tags, of the table and of a tier */
    ColumnId from, to;
} TagNames;

static size_t tag_names(Arena *a, const TableDef *raw, const TableDef *tier, TagNames **out)
{
    size_t n = 0;
    *out = ARENA_ARRAY(a, TagNames, raw->column_count + 1u);
    for (size_t i = 0; i < raw->column_count; i++) {
        const ColumnDef *c = &raw->columns[i],
                        *own = c->kind == COL_TAG && !c->dropped ? tier_tag(tier, c->id) : NULL;
        if (own)
            (*out)[n++] = (TagNames){c->id, own->id};
    }
    return n;
}

/* The series of a tier that have the same tags. */
static const SeriesId *find_twins(Arena *a, SeriesIndex *index, const SourceTiers *t,
                                  const TableDef *raw, const TableDef *tier)
{
    TagNames *names;
    size_t name_count = tag_names(a, raw, tier, &names);
    SeriesId *twins = ARENA_ARRAY(a, SeriesId, t->series_count + 1);
    Tag *tags = ARENA_ARRAY(a, Tag, COLUMNS_MAX), *own = ARENA_ARRAY(a, Tag, name_count + 1);
    for (size_t i = 0; i < t->series_count; i++) {
        size_t n = idx_tags(index, t->series[i], tags, COLUMNS_MAX), count = 0;
        for (size_t k = 0; k < n; k++)
            for (size_t m = 0; m < name_count; m++)
                if (names[m].from == tags[k].column)
                    own[count++] = (Tag){names[m].to, tags[k].value};
        twins[i] = idx_find(index, tier->id, own, count);
    }
    return twins;
}

static void take_series_ids(Arena *a, SourceTiers *t, const SeriesSet *set)
{
    t->series_count = set_count(set);
    SeriesId *ids = ARENA_ARRAY(a, SeriesId, t->series_count + 1);
    t->series_count = set_ids(set, ids, t->series_count);
    t->series = ids;
}

static bool open_level(PqlQuery *q, SourceTiers *t, const Source *s, const TierList *list, size_t i,
                       Err *e)
{
    const Snapshot *snap = q->r.snapshot;
    SeriesIndex *index = engine_index(snapshot_engine(snap));
    TierLevel *l = &t->levels[i];
    TierSeam seam;
    bool last = i + 1 == list->count;
    if (!tier_seam(snap, s->table->id, i, &seam, e))
        return false;
    *l = (TierLevel){.table = i ? cat_table_by_id(snapshot_catalog(snap), list->items[i].table)
                                : s->table,
                     .from_ns = last ? INT64_MIN : seam.seam,
                     .to_ns = i ? t->levels[i - 1].from_ns : INT64_MAX,
                     .gone_ns = last ? INT64_MIN : seam.gone,
                     .twins = t->series};
    if (!l->table)
        return err_set(e, ERR_DATA_CORRUPTED, "a tier of table \"%.*s\" is gone",
                       SLICE_ARG(s->table->name));
    if (!i)
        return true;
    int64_t width = list->items[i].width_ns;
    if (width % NS_PER_MS) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                "samples of table \"%.*s\" are gone, and buckets of its tiers are no whole "
                "milliseconds",
                SLICE_ARG(s->table->name));
        return err_hint(e, "SQL reads them.");
    }
    l->width_ms = width / NS_PER_MS;
    l->origin_ms = tier_origin(width) / NS_PER_MS;
    t->wide_ms = l->width_ms;
    l->twins = find_twins(&q->arena, index, t, s->table, l->table);
    return true;
}

bool tiers_open(const SourceTiers **out, PqlQuery *q, const Source *s, int64_t t_min, int64_t t_max,
                Err *e)
{
    TierList list;
    int64_t seam;
    bool hides = false;
    *out = NULL;
    if (!tiers_of(s->table, &list))
        return true;
    if (!tier_hides(q->r.snapshot, s->table->id, t_min, t_max, &hides, &seam, e) || !hides)
        return !e->code;
    SourceTiers *t = ARENA_NEW(&q->arena, SourceTiers);
    *t = (SourceTiers){.level_count = list.count, .seam_ms = seam / NS_PER_MS};
    take_series_ids(&q->arena, t, s->set);
    for (size_t i = 0; i < list.count; i++)
        if (!open_level(q, t, s, &list, i, e))
            return false;
    *out = t;
    return budget_check(&q->budget, e);
}

/* The series of the table that stand behind those of a tier. */
static SeriesSet *behind(SeriesIndex *index, const TableDef *raw, const TableDef *tier,
                         const SeriesSet *set)
{
    Arena a;
    TagNames *names;
    size_t n = set_count(set), count = 0;
    arena_init(&a, NULL);
    SeriesId *ids = ARENA_ARRAY(&a, SeriesId, n + 1);
    Tag *tags = ARENA_ARRAY(&a, Tag, COLUMNS_MAX);
    size_t name_count = tag_names(&a, raw, tier, &names);
    n = set_ids(set, ids, n);
    for (size_t i = 0; i < n; i++) {
        size_t tag_count = idx_tags(index, ids[i], tags, COLUMNS_MAX);
        for (size_t k = 0; k < tag_count; k++)
            for (size_t m = 0; m < name_count; m++)
                if (names[m].to == tags[k].column) {
                    tags[k].column = names[m].from;
                    break;
                }
        SeriesId id = idx_find(index, raw->id, tags, tag_count);
        if (id)
            ids[count++] = id;
    }
    SeriesSet *out = set_from_ids(ids, count);
    arena_free(&a);
    return out;
}

SeriesSet *tiers_alive(Snapshot *s, const TableDef *t, int64_t t_min, int64_t t_max)
{
    TierList list;
    int64_t seam;
    bool hides;
    Err ignored;
    SeriesSet *all = NULL;
    err_clear(&ignored);
    if (!tiers_of(t, &list) || !tier_hides(s, t->id, t_min, t_max, &hides, &seam, &ignored) ||
        !hides)
        return NULL;
    for (size_t i = 1; i < list.count; i++) {
        const TableDef *tier = cat_table_by_id(snapshot_catalog(s), list.items[i].table);
        int64_t width = list.items[i].width_ns, from;
        if (!tier)
            continue;
        from = t_min < INT64_MIN + 2 * width ? ROW_TIME_MIN : t_min - width;
        SeriesSet *kept = snapshot_series(s, tier->id, from, t_max < seam ? t_max : seam - 1);
        SeriesSet *own = behind(engine_index(snapshot_engine(s)), t, tier, kept), *both = own;
        if (all) {
            both = set_or(all, own);
            set_unref(own);
            set_unref(all);
        }
        set_unref(kept);
        all = both;
    }
    return all;
}

bool tiers_have(const Source *s, unsigned parts)
{
    for (size_t f = 0; f < s->field_count; f++)
        for (size_t i = 0; i < s->table->column_count; i++) {
            const ColumnDef *c = &s->table->columns[i];
            for (TierPart p = 0; c->id == s->fields[f].number && p < TIER_PARTS; p++)
                if (parts >> p & 1 && !tier_has(c->type_oid, p))
                    return false;
        }
    return true;
}

void tiers_tell(PqlQuery *q, const Source *s, uint32_t at)
{
    const SourceTiers *t = s->tiers;
    Buf widths;
    buf_init(&widths);
    for (size_t i = 1; i < t->level_count; i++)
        if (t->levels[i].from_ns < t->levels[i].to_ns)
            buf_printf(&widths, "%s%gs", widths.len ? ", " : "",
                       (double)t->levels[i].width_ms / 1000);
    pql_annotate(
        q, false, at,
        "samples of \"%.*s\" before %lld.%03lld are gone, tiers stand for them (buckets of "
        "%.*s)",
        SLICE_ARG(s->table->name), (long long)floor_div(t->seam_ms, 1000),
        (long long)(t->seam_ms - floor_div(t->seam_ms, 1000) * 1000), (int)widths.len,
        (const char *)widths.ptr);
    buf_free(&widths);
}

/* ---- reading ---- */

void tier_reader_begin(TierReader *r, PqlQuery *q, const Source *s, const Feed *feed,
                       unsigned parts)
{
    enum { MARGIN = 4 }; /* buckets: a window may become the one before the one it begins in */
    int64_t wide = s->tiers->wide_ms, after = feed->after_ms;
    bool below = after < INT64_MIN + wide * MARGIN;
    r->q = q;
    r->source = s;
    r->parts = parts | 1u << TIER_COUNT | 1u << TIER_FIRST_TIME | 1u << TIER_LAST_TIME;
    r->t_min = below ? ROW_TIME_MIN : pql_ns(after - wide * MARGIN, 0);
    r->t_max = pql_ns(feed->until_ms, NS_PER_MS - 1);
}

static void lists_free(TierReader *r)
{
    for (size_t i = 0; i < r->list_count; i++) {
        budget_charge(&r->q->budget, -(int64_t)(r->lists[i].cap * sizeof(PqlBucket)));
        mem_free(r->lists[i].items);
    }
    mem_free(r->lists);
    r->lists = NULL;
    r->list_count = 0;
}

void tier_reader_series(TierReader *r, size_t at)
{
    size_t n = set_count(r->source->set);
    SeriesSet *some = set_range(r->source->set, at < n ? at : n,
                                n - at < TIER_SERIES_AT_ONCE ? n : at + TIER_SERIES_AT_ONCE);
    r->count = set_ids(some, r->ids, TIER_SERIES_AT_ONCE);
    set_unref(some);
    lists_free(r);
    r->list_count = r->count * r->source->field_count;
    r->lists = mem_zero((r->list_count + 1) * sizeof *r->lists);
    r->pass = 0;
    r->late = false;
}

static PqlBucket *list_add(TierReader *r, size_t place, size_t field)
{
    BucketList *l = &r->lists[place * r->source->field_count + field];
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 32;
        budget_charge(&r->q->budget, (int64_t)((cap - l->cap) * sizeof *l->items));
        l->items = mem_realloc(l->items, cap * sizeof *l->items);
        l->cap = cap;
    }
    return &l->items[l->count++];
}

static int by_id(const void *a, const void *b)
{
    const TierTwin *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static size_t place_of(const SourceTiers *t, SeriesId id)
{
    size_t low = 0, high = t->series_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->series[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static SeriesSet *find_set(TierReader *r, const TierLevel *level)
{
    const SourceTiers *t = r->source->tiers;
    SeriesId ids[TIER_SERIES_AT_ONCE];
    size_t at = place_of(t, r->ids[0]);
    r->twin_count = 0;
    for (size_t i = 0; i < r->count; i++) {
        while (t->series[at] != r->ids[i])
            at++;
        if (level->twins[at])
            r->twins[r->twin_count++] = (TierTwin){level->twins[at], (uint32_t)i};
    }
    qsort(r->twins, r->twin_count, sizeof *r->twins, by_id);
    for (size_t i = 0; i < r->twin_count; i++)
        ids[i] = r->twins[i].id;
    return set_from_ids(ids, r->twin_count);
}

/* Passes count from the coarsest tier down to the finest, then late rows of each level but the last. */
static const TierLevel *pass_level(const TierReader *r, bool *late)
{
    const SourceTiers *t = r->source->tiers;
    size_t tiers = t->level_count - 1;
    *late = r->pass >= tiers;
    return &t->levels[*late ? r->pass - tiers : t->level_count - 1 - r->pass];
}

static size_t pass_columns(const TierReader *r, const TierLevel *l, ColumnId *ids)
{
    const Source *s = r->source;
    size_t n = 0;
    for (size_t f = 0; f < s->field_count; f++) {
        const SourceField *field = &s->fields[f];
        if (l->table == s->table) {
            ids[n++] = field->number;
            ids[n++] = field->hist;
            continue;
        }
        const ColumnDef *hist = field->hist ? tier_column(l->table, field->hist, TIER_COUNT) : NULL;
        for (TierPart p = 0; p < TIER_PARTS; p++) {
            const ColumnDef *c =
                field->number && r->parts >> p & 1 ? tier_column(l->table, field->number, p) : NULL;
            ids[n++] = c ? c->id : 0;
        }
        ids[n++] = hist ? hist->id : 0;
    }
    return n;
}

static bool pass_open(TierReader *r, const TierLevel *l, bool late, Err *e)
{
    Arena scratch;
    int64_t from = late ? INT64_MIN : l->from_ns, to = late ? l->gone_ns : l->to_ns;
    if (to == INT64_MIN)
        return true;
    ScanSpec spec = {.snapshot = r->q->r.snapshot,
                     .table = l->table->id,
                     .t_min = r->t_min > from ? r->t_min : from,
                     .t_max = r->t_max < to - 1 ? r->t_max : to - 1,
                     .all_ages = l->from_ns != INT64_MIN}; /* the bounds say what counts */
    if (spec.t_min > spec.t_max)
        return true;
    arena_init(&scratch, NULL);
    ColumnId *ids = ARENA_ARRAY(&scratch, ColumnId, r->source->field_count * (TIER_PARTS + 1) + 1);
    spec.column_count = pass_columns(r, l, ids);
    spec.columns = ids;
    spec.series = find_set(r, l);
    bool ok = !r->twin_count || scan_open(&r->scan, &spec, &r->q->budget, e);
    set_unref(spec.series);
    arena_free(&scratch);
    return ok;
}

static double number_at(const ColVec *c, size_t i)
{
    return c->type != PHYS_NONE && bitmap_get(c->valid, i) ? pql_value_at(c, i) : 0;
}

static bool refuse_histogram(const TierReader *r, Err *e)
{
    err_set(e, ERR_FEATURE_NOT_SUPPORTED,
            "native histograms of table \"%.*s\" that are asked for are gone, and PromQL does not "
            "read them from tiers",
            SLICE_ARG(r->source->table->name));
    return err_hint(e, "Ask for later times; SQL reads the first and the last of each bucket.");
}

static bool any_histogram(const ColVec *c, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        if (c->type == PHYS_STR ? bitmap_get(c->valid, i) : number_at(c, i) > 0)
            return true;
    return false;
}

/* The bucket, of the tier that answers there, in which a row that comes late is. */
static bool bucket_of(const SourceTiers *t, int64_t ns, PqlBucket *b)
{
    for (size_t i = 1; i < t->level_count; i++) {
        const TierLevel *l = &t->levels[i];
        if (ns < l->from_ns)
            continue;
        int64_t ms = floor_div(ns, NS_PER_MS) - l->origin_ms;
        b->from_ms = floor_div(ms, l->width_ms) * l->width_ms + l->origin_ms;
        b->to_ms = b->from_ms + l->width_ms;
        return true;
    }
    return false;
}

static bool take_samples(TierReader *r, size_t place, const int64_t *times, Err *e)
{
    for (size_t f = 0; f < r->source->field_count; f++) {
        ColVec c, hist;
        if (!scan_column(r->scan, f * 2, &c, e) || !scan_column(r->scan, f * 2 + 1, &hist, e))
            return false;
        if (any_histogram(&hist, r->run.rows))
            return refuse_histogram(r, e);
        for (size_t i = 0; i < r->run.rows; i++) {
            double v =
                c.type != PHYS_NONE && bitmap_get(c.valid, i) ? pql_value_at(&c, i) : pql_absent();
            int64_t ms = floor_div(times[i], NS_PER_MS);
            PqlBucket b = {.count = 1, .sum = v, .min = v, .max = v, .first = v, .last = v};
            b.first_ms = b.last_ms = ms;
            if (!pql_missing(v) && bucket_of(r->source->tiers, times[i], &b))
                *list_add(r, place, f) = b;
        }
    }
    return true;
}

static bool take_buckets(TierReader *r, const TierLevel *l, size_t place, const int64_t *times,
                         Err *e)
{
    for (size_t f = 0, at = 0; f < r->source->field_count; f++, at += TIER_PARTS + 1) {
        ColVec c[TIER_PARTS + 1];
        for (size_t p = 0; p <= TIER_PARTS; p++)
            if (!scan_column(r->scan, at + p, &c[p], e))
                return false;
        if (any_histogram(&c[TIER_PARTS], r->run.rows))
            return refuse_histogram(r, e);
        for (size_t i = 0; i < r->run.rows; i++) {
            PqlBucket b = {.count = number_at(&c[TIER_COUNT], i)};
            if (!(b.count > 0))
                continue;
            b.from_ms = times[i] / NS_PER_MS;
            b.to_ms = b.from_ms + l->width_ms;
            if (r->late && !bucket_of(r->source->tiers, times[i], &b))
                continue;
            b.first_ms = floor_div(c[TIER_FIRST_TIME].v.i64[i], 1000);
            b.last_ms = floor_div(c[TIER_LAST_TIME].v.i64[i], 1000);
            b.sum = number_at(&c[TIER_SUM], i);
            b.min = number_at(&c[TIER_MIN], i);
            b.max = number_at(&c[TIER_MAX], i);
            b.first = number_at(&c[TIER_FIRST], i);
            b.last = number_at(&c[TIER_LAST], i);
            b.increase = number_at(&c[TIER_INCREASE], i);
            b.resets = number_at(&c[TIER_RESETS], i);
            *list_add(r, place, f) = b;
        }
    }
    return true;
}

static bool take_run(TierReader *r, const TierLevel *l, Err *e)
{
    const int64_t *times;
    const TierTwin *twin =
        bsearch(&(TierTwin){.id = r->run.series}, r->twins, r->twin_count, sizeof *r->twins, by_id);
    if (!twin)
        return true;
    r->runs++;
    r->rows += (uint64_t)r->run.rows * r->source->field_count;
    if (!scan_times(r->scan, &times, e))
        return false;
    if (l->table == r->source->table ? !take_samples(r, twin->place, times, e)
                                     : !take_buckets(r, l, twin->place, times, e))
        return false;
    return pql_count_samples(r->q, (size_t)r->run.rows * r->source->field_count, e) &&
           budget_check(&r->q->budget, e);
}

/* ---- rows that come late, added to their bucket as REFRESH does it (exec/agg_time.c, tier_increase) ---- */

static void bucket_append(PqlBucket *a, const PqlBucket *b)
{
    if (b->first_ms >= a->last_ms) {
        a->increase += b->first < a->last ? b->first : b->first - a->last;
        a->resets += b->first < a->last;
    }
    a->increase += b->increase;
    a->resets += b->resets;
    a->count += b->count;
    a->sum += b->sum;
    a->min = b->min < a->min || isnan(a->min) ? b->min : a->min;
    a->max = b->max > a->max || isnan(b->max) ? b->max : a->max;
    if (b->last_ms >= a->last_ms) {
        a->last = b->last;
        a->last_ms = b->last_ms;
    }
}

static int by_time(const void *a, const void *b)
{
    const PqlBucket *x = a, *y = b;
    if (x->from_ms != y->from_ms)
        return x->from_ms < y->from_ms ? -1 : 1;
    return x->first_ms < y->first_ms ? -1 : x->first_ms > y->first_ms;
}

static void list_merge(BucketList *l)
{
    size_t n = 0;
    if (l->count)
        qsort(l->items, l->count, sizeof *l->items, by_time);
    for (size_t i = 0; i < l->count; i++) {
        if (n && l->items[n - 1].from_ms == l->items[i].from_ms)
            bucket_append(&l->items[n - 1], &l->items[i]);
        else
            l->items[n++] = l->items[i];
    }
    l->count = n;
}

NdStatus tier_reader_step(TierReader *r, Task *waiter, Err *e)
{
    size_t passes = 2 * (r->source->tiers->level_count - 1);
    while (r->pass < passes) {
        const TierLevel *l = pass_level(r, &r->late);
        if (!r->scan && !pass_open(r, l, r->late, e))
            return ND_FAIL;
        ScanStatus st = r->scan ? scan_next(r->scan, &r->run, waiter, e) : SCAN_END;
        if (st == SCAN_WAIT)
            return ND_WAIT;
        if (st == SCAN_FAIL || (st == SCAN_RUN && !take_run(r, l, e)))
            return ND_FAIL;
        if (st == SCAN_END) {
            scan_close(r->scan);
            r->scan = NULL;
            r->pass++;
        }
        if (pql_pause(r->q))
            return ND_YIELD;
    }
    for (size_t i = 0; i < r->list_count; i++)
        list_merge(&r->lists[i]);
    return ND_END;
}

const BucketList *tier_reader_list(const TierReader *r, size_t series, size_t field)
{
    return &r->lists[series * r->source->field_count + field];
}

void tier_reader_close(TierReader *r)
{
    scan_close(r->scan);
    r->scan = NULL;
    if (r->q)
        lists_free(r);
}

/* ---- windows ---- */

/* The border of a bucket at or before it, below the seam; *width: of the bucket that begins there. */
static int64_t border(const SourceTiers *t, int64_t ms, int64_t *width)
{
    PqlBucket b;
    *width = 0;
    if (ms >= t->seam_ms || !bucket_of(t, pql_ns(ms, 0), &b))
        return ms;
    *width = b.to_ms - b.from_ms;
    return b.from_ms;
}

bool tier_window(const RangeSeries *s, size_t *lo, size_t *hi, PqlWindow *w)
{
    const SourceTiers *t = s->tiers;
    int64_t wide, ignored, range = w->end_ms - w->begin_ms;
    if (w->begin_ms + 1 >= t->seam_ms)
        return false;
    int64_t begin = border(t, w->begin_ms, &wide), end = border(t, w->end_ms, &ignored);
    if (begin >= end)
        begin = border(t, end - 1, &wide);
    while (*lo < s->b_count && s->b[*lo].from_ms < begin)
        ++*lo;
    *hi = *hi > *lo ? *hi : *lo;
    while (*hi < s->b_count && s->b[*hi].to_ms <= end)
        ++*hi;
    if (*lo == *hi)
        return false;
    w->b = s->b + *lo;
    w->b_count = *hi - *lo;
    w->begin_ms = begin;
    w->end_ms = end;
    w->share = range < wide ? (double)range / (double)(end - begin) : 1;
    return true;
}

const PqlBucket *tier_before(const RangeSeries *s, size_t *at, int64_t t, int64_t lookback_ms)
{
    if (t - lookback_ms + 1 >= s->tiers->seam_ms)
        return NULL;
    while (*at < s->b_count && s->b[*at].to_ms <= t)
        ++*at;
    if (*at == 0)
        return NULL;
    const PqlBucket *b = &s->b[*at - 1];
    int64_t twice = 2 * (b->to_ms - b->from_ms);
    return b->to_ms > t - (lookback_ms > twice ? lookback_ms : twice) ? b : NULL;
}
