#include "storage/ttl.h"

#include "base/regex.h"
#include "storage/expiry.h"
#include "storage/version.h"
#include "storage/watch.h"
#include "storage/window.h"
#include <stdlib.h>

struct TtlView {
    const TableDef *table;
    SeriesIndex *idx;
    int64_t *cuts;    /* a class each; 0: of series in no class */
    Regex ***regexes; /* a class, a match: NULL where it is a list */
};

static int64_t newest_row(const Snapshot *s, TableId table)
{
    SnapshotView v;
    snapshot_view(s, &v);
    int64_t low, high, newest = INT64_MIN;
    for (size_t i = 0; i < v.part_count; i++)
        if (part_has_table(v.parts[i].part, table, &low, &high) && high > newest)
            newest = high;
    for (size_t i = 0; i < v.tail_count; i++)
        if (seg_has_table(v.tails[i].segment, v.tails[i].rows, table, &low, &high) && high > newest)
            newest = high;
    return newest;
}

static int64_t cut_of(int64_t base, int64_t keep_ns)
{
    int64_t cut;
    return keep_ns <= 0 || __builtin_sub_overflow(base, keep_ns, &cut) ? INT64_MIN : cut;
}

static bool compile(TtlView *v, Err *e)
{
    for (size_t i = 0; i < v->table->ttl_count; i++) {
        const TtlClass *c = &v->table->ttls[i];
        v->regexes[i] = mem_zero((c->match_count + 1u) * sizeof *v->regexes[i]);
        for (size_t k = 0; k < c->match_count; k++) {
            const TtlMatch *m = &c->matches[k];
            if ((m->kind == TTL_REGEX || m->kind == TTL_NOT_REGEX) &&
                !regex_compile(&v->regexes[i][k], m->values[0], REGEX_PG, 0, e))
                return err_wrap(e, "TTL \"%.*s\"", SLICE_ARG(c->name));
        }
    }
    return true;
}

int64_t ttl_shortest(const TableDef *t)
{
    int64_t keep = t->ttl_ns > 0 ? t->ttl_ns : INT64_MAX;
    for (size_t i = 0; i < t->ttl_count; i++)
        keep = t->ttls[i].keep_ns < keep ? t->ttls[i].keep_ns : keep;
    return keep;
}

/* `newest`: of rows that the snapshot does not have. */
static bool open_view(TtlView **out, const Snapshot *s, const TableDef *t, int64_t newest, Err *e)
{
    *out = NULL;
    if (!ttl_any(t))
        return true;
    TtlView *v = MEM_NEW(TtlView);
    int64_t base = snapshot_wall(s);
    int64_t last = t->ttl_wall ? base : newest_row(s, t->id);
    last = newest > last ? newest : last;
    base = last < base ? last : base;
    v->table = t;
    v->idx = engine_index(snapshot_engine(s));
    v->cuts = mem_zero((t->ttl_count + 1u) * sizeof *v->cuts);
    v->regexes = mem_zero((t->ttl_count + 1u) * sizeof *v->regexes);
    v->cuts[0] = watch_seam(s, t->id, cut_of(base, t->ttl_ns));
    for (size_t i = 0; i < t->ttl_count; i++)
        v->cuts[i + 1] = cut_of(base, t->ttls[i].keep_ns);
    if (!compile(v, e)) {
        ttl_close(v);
        return false;
    }
    *out = v;
    return true;
}

bool ttl_open(TtlView **out, const Snapshot *s, const TableDef *t, Err *e)
{
    return open_view(out, s, t, INT64_MIN, e);
}

bool ttl_open_write(TtlView **out, const Snapshot *s, const TableDef *t, int64_t newest, Err *e)
{
    int64_t last = newest_row(s, t->id);
    newest = last > newest ? last : newest;
    for (const Watch *w; (w = watch_keeper(snapshot_watches(s), t->id));) {
        const TableDef *tier = cat_table_by_id(snapshot_catalog(s), w->state.id);
        if (!tier)
            break;
        t = tier;
    }
    return open_view(out, s, t, newest, e);
}

bool tier_seam(const Snapshot *s, TableId table, size_t level, TierSeam *out, Err *e)
{
    int64_t limit = INT64_MAX;
    for (size_t i = 0;; i++) {
        const TableDef *t = cat_table_by_id(snapshot_catalog(s), table);
        TtlView *ttl = NULL;
        *out = (TierSeam){.keeper = watch_keeper(snapshot_watches(s), table),
                          .seam = INT64_MIN,
                          .reach = INT64_MIN,
                          .gone = INT64_MIN};
        if (!t || !out->keeper)
            return true;
        if (!ttl_open(&ttl, s, t, e))
            return false;
        const WatchState *w = &out->keeper->state;
        out->gone = w->horizon_ns;
        out->seam = ttl ? ttl->cuts[0] : out->gone;
        out->reach = watch_seam(s, table, INT64_MAX);
        out->seam = out->seam < limit ? out->seam : watch_grain_down(w, limit);
        out->reach = out->reach < limit ? out->reach : watch_grain_down(w, limit);
        ttl_close(ttl);
        if (i == level)
            return true;
        limit = out->seam;
        table = w->id;
    }
}

bool tier_hides(const Snapshot *s, TableId table, int64_t t_min, int64_t t_max, bool *hides,
                int64_t *seam, Err *e)
{
    TierSeam at;
    *hides = false;
    if (!tier_seam(s, table, 0, &at, e) || !at.keeper)
        return !e->code;
    *seam = at.seam;
    if (at.seam == INT64_MIN)
        return true;
    t_max = t_max < at.seam - 1 ? t_max : at.seam - 1;
    TableInfo rows; /* some may be in no bucket yet */
    snapshot_table_about(s, table, &rows);
    *hides = t_min <= t_max && rows.rows && rows.t_min <= t_max && rows.t_max >= t_min;
    for (const Watch *w = at.keeper; w && t_min <= t_max && !*hides;
         w = watch_keeper(snapshot_watches(s), w->state.id)) {
        TableInfo info;
        snapshot_table_about(s, w->state.id, &info);
        *hides =
            info.rows && info.t_min <= t_max && info.t_max >= watch_grain_down(&w->state, t_min);
    }
    return true;
}

void ttl_close(TtlView *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->table->ttl_count && v->regexes[i]; i++) {
        for (size_t k = 0; k < v->table->ttls[i].match_count; k++)
            regex_free(v->regexes[i][k]);
        mem_free(v->regexes[i]);
    }
    mem_free(v->regexes);
    mem_free(v->cuts);
    mem_free(v);
}

int64_t ttl_cut_min(const TtlView *v)
{
    int64_t cut = v->cuts[0];
    for (size_t i = 1; i <= v->table->ttl_count; i++)
        cut = v->cuts[i] < cut ? v->cuts[i] : cut;
    return cut;
}

static bool listed(const TtlMatch *m, Slice tag)
{
    for (size_t i = 0; i < m->value_count; i++)
        if (slice_eq(m->values[i], tag))
            return true;
    return false;
}

static bool class_fits(const TtlView *v, size_t i, SeriesId series, bool *fits, Err *e)
{
    const TtlClass *c = &v->table->ttls[i];
    *fits = true;
    for (size_t k = 0; *fits && k < c->match_count; k++) {
        const TtlMatch *m = &c->matches[k];
        Slice tag = idx_tag(v->idx, series, m->column);
        bool found;
        if (!v->regexes[i][k])
            found = listed(m, tag);
        else if (!regex_match(v->regexes[i][k], tag, &found, e))
            return false;
        *fits = found == (m->kind == TTL_IN || m->kind == TTL_REGEX);
    }
    return true;
}

/* The class with the shortest duration of those that fit. */
static bool class_of(const TtlView *v, SeriesId series, size_t *class, Err *e)
{
    *class = 0;
    for (size_t i = 0; i < v->table->ttl_count; i++) {
        bool fits;
        if (*class && v->cuts[i + 1] <= v->cuts[*class])
            continue;
        if (!class_fits(v, i, series, &fits, e))
            return false;
        if (fits)
            *class = i + 1;
    }
    return true;
}

bool ttl_cut(const TtlView *v, SeriesId series, int64_t *cut, Err *e)
{
    size_t class;
    if (!class_of(v, series, &class, e))
        return false;
    *cut = v->cuts[class];
    return true;
}

size_t ttl_class_count(const TtlView *v)
{
    return v->table->ttl_count + 1u;
}

int64_t ttl_class_cut(const TtlView *v, size_t class)
{
    return v->cuts[class];
}

bool ttl_class_series(const TtlView *v, size_t class, SeriesSet **out, Err *e)
{
    *out = NULL;
    if (!v->table->ttl_count)
        return true;
    SeriesSet *all = idx_select(v->idx, v->table->id, NULL, 0);
    size_t n = set_count(all), kept = 0;
    SeriesId *ids = mem_alloc((n + 1) * sizeof *ids);
    bool ok = true;
    n = set_ids(all, ids, n);
    for (size_t i = 0; ok && i < n; i++) {
        size_t of;
        ok = class_of(v, ids[i], &of, e);
        if (ok && of == class)
            ids[kept++] = ids[i];
    }
    if (ok)
        *out = set_from_ids(ids, kept);
    mem_free(ids);
    set_unref(all);
    return ok;
}

/* ---- what leaves the disk ---- */

int64_t ttl_align(const TableDef *t, int64_t keep_ns, int64_t cut)
{
    ExpiryClass class = expiry_class(t);
    class.ttl_ns = keep_ns;
    int64_t unit = class.window_ns;
    if (keep_ns < unit) /* files of a window hold it for longer: parts of them go */
        unit = keep_ns > 2 ? keep_ns / 2 : 1;
    else
        unit = expiry_span_ns(&class);
    int64_t first, last;
    window_bounds(unit, cut, &first, &last);
    return first;
}

typedef struct OldRows {
    TableId table;
    const SeriesSet *series;
    int64_t cut;
    TombView tombs;
    ExpiredRows out;
} OldRows;

static void old_part(OldRows *o, const VersionPart *p)
{
    int64_t low, high;
    if (!part_has_table(p->part, o->table, &low, &high) || low >= o->cut)
        return;
    int64_t last = high < o->cut ? high : o->cut - 1;
    if (tombs_hide_all(&o->tombs, o->series, (TimeRange){low, last}, version_part_newest(p)))
        return;
    size_t i = 0;
    while (part_table_at(p->part, i) != o->table)
        i++;
    double rows = (double)part_table_rows(p->part, i);
    if (high > last)
        rows *= ((double)last - (double)low + 1) / ((double)high - (double)low + 1);
    o->out.any = true;
    o->out.rows += (uint64_t)rows;
}

static void old_tail(OldRows *o, const VersionTail *t)
{
    int64_t low, high, first, last;
    Lsn oldest, newest;
    if (!seg_has_table(t->segment, t->rows, o->table, &low, &high) || low >= o->cut)
        return;
    seg_bounds(t->segment, &oldest, &newest, &first, &last);
    last = high < o->cut ? high : o->cut - 1;
    o->out.any |= !tombs_hide_all(&o->tombs, o->series, (TimeRange){low, last}, newest);
}

ExpiredRows snapshot_expired(const Snapshot *s, TableId table, const SeriesSet *series, int64_t cut)
{
    SnapshotView v;
    snapshot_view(s, &v);
    OldRows o = {
        .table = table, .series = series, .cut = cut, .tombs = tombs_of_table(v.tombs, table)};
    for (size_t i = 0; i < v.part_count; i++)
        old_part(&o, &v.parts[i]);
    for (size_t i = 0; i < v.tail_count; i++)
        old_tail(&o, &v.tails[i]);
    return o.out;
}

typedef struct Share { /* of one file */
    int64_t last;
    double bytes;
} Share;

static int by_last(const void *a, const void *b)
{
    const Share *x = a, *y = b;
    return (x->last < y->last) - (x->last > y->last); /* newest first */
}

int64_t snapshot_size_cut(const Snapshot *s, const TableDef *t, int64_t bytes_max)
{
    SnapshotView v;
    snapshot_view(s, &v);
    Share *shares = mem_alloc((v.part_count + 1) * sizeof *shares);
    TombView tombs = tombs_of_table(v.tombs, t->id);
    size_t n = 0;
    for (size_t i = 0; i < v.part_count; i++) {
        Part *p = v.parts[i].part;
        int64_t low, high, first;
        size_t k = 0;
        if (!part_has_table(p, t->id, &low, &high) ||
            tombs_hide_all(&tombs, NULL, (TimeRange){low, high}, version_part_newest(&v.parts[i])))
            continue;
        while (part_table_at(p, k) != t->id)
            k++;
        const PartInfo *info = part_info(p);
        window_bounds(window_length(t), high, &first, &shares[n].last);
        shares[n++].bytes = (double)info->bytes * (double)part_table_rows(p, k) /
                            (double)(info->rows ? info->rows : 1);
    }
    if (n)
        qsort(shares, n, sizeof *shares, by_last);
    double bytes = 0;
    int64_t cut = INT64_MIN;
    for (size_t i = 0; i < n && cut == INT64_MIN; i++) {
        bytes += shares[i].bytes;
        if (bytes > (double)bytes_max && shares[i].last < shares[0].last)
            cut = shares[i].last + 1;
    }
    mem_free(shares);
    return cut;
}
