/* promql/node_select.c - selectors: samples of one series after the other, as instant vectors and ranges.
 *
 * A loader runs one scan per table over the series and the time that the grid needs, and decodes each
 * series once into flat arrays of milliseconds and doubles; rows of one millisecond: the last wins.
 * Native histograms are a column beside the numbers, and arrays of their own. */
#include "promql/eval_private.h"
#include "promql/grid_kernels.h"
#include "promql/tier_read.h"

typedef struct Samples {
    int64_t *t_ms;
    double *v;
    size_t count, cap;
    int64_t gap_ms; /* between all neighbours; 0: it differs, or nobody knows */
    size_t lined; /* so many times of the series before, which may stand there still, are a line */
    int64_t line_gap; /* of it */
    bool doubt;       /* there may be staleness markers */
    int64_t *h_ms;
    const Histogram **h;
    size_t h_count, h_cap;
    int64_t *st_ms, *h_st_ms; /* beside t_ms and h_ms; NULL: no start times */
} Samples;

typedef struct Loader {
    PqlQuery *q;
    PqlNode *node; /* counts what is read */
    Feed feed;
    size_t at; /* source */
    Scan *scan;
    bool have_run, loading, keep_stale;
    bool stats;       /* hints of histograms are found out from one to the next */
    bool starts;      /* start times are loaded, where the table has them */
    bool presence;    /* values are not looked at, but for gaps and markers */
    bool newest;      /* with it: nor are samples but the newest */
    ScanRun run;      /* announced, not taken */
    size_t uncounted; /* samples that were taken */
    SeriesId series;
    Samples *fields;
    size_t field_max, field_count, emit;
    PqlLabel *labels;
    Arena hists;         /* of the series */
    unsigned tier_parts; /* what is needed of samples that are gone; 0: they are */
    const char *asked_by;
    TierReader *tier;          /* of a source with tiers; NULL until there was one */
    size_t tier_at, tier_next; /* series of the source that were read; of them the next one */
    bool tier_open;
} Loader;

/* When the samples of a selector count, relative to the steps. */
typedef struct When {
    bool fixed; /* by @ */
    int64_t at_ms, offset_ms;
} When;

static int64_t when_ref(const When *w, const Grid *g, size_t i)
{
    return (w->fixed ? w->at_ms : grid_at(g, i)) - w->offset_ms;
}

static When when_of(const PqlQuery *q, const PqlExpr *x)
{
    return (When){x->at != PT_NONE, pql_at_ms(q, x), pql_offset_ms(q, x)};
}

/* ---- the loader ---- */

static bool loader_open(Loader *l, PqlBuild *b, const PqlExpr *x)
{
    PqlQuery *q = b->q;
    SourceScope scope = {&q->arena, q->r.snapshot, q->r.schema, &q->r.rights};
    size_t tags = 0;
    l->q = q;
    arena_init(&l->hists, &q->budget);
    if (b->take_series) {
        l->feed.sources = *b->take_series;
        *b->take_series = (Sources){0};
    } else if (!sources_resolve(&scope, x->matches, x->match_count, &l->feed.sources, b->e)) {
        return false;
    }
    for (size_t i = 0; i < l->feed.sources.count; i++) {
        const Source *s = &l->feed.sources.items[i];
        tags = s->tag_count > tags ? s->tag_count : tags;
        l->field_max = s->field_count > l->field_max ? s->field_count : l->field_max;
    }
    l->labels = ARENA_ARRAY(&q->arena, PqlLabel, tags + 2);
    l->fields = ARENA_ARRAY(&q->arena, Samples, l->field_max + 1);
    return true;
}

static void loader_close(Loader *l)
{
    scan_close(l->scan);
    l->scan = NULL;
    if (l->tier)
        tier_reader_close(l->tier);
    sources_free(&l->feed.sources);
    if (l->q)
        arena_free(&l->hists);
    for (size_t i = 0; l->fields && i < l->field_max; i++) {
        Samples *s = &l->fields[i];
        budget_charge(&l->q->budget, -(int64_t)((s->cap + s->h_cap) * 16));
        mem_free(s->t_ms);
        mem_free(s->v);
        mem_free(s->h_ms);
        mem_free(s->h);
        mem_free(s->st_ms);
        mem_free(s->h_st_ms);
    }
    l->field_max = 0;
}

static void samples_reserve(PqlQuery *q, Samples *s, size_t more)
{
    if (s->count + more <= s->cap)
        return;
    size_t cap = s->cap * 2 > s->count + more ? s->cap * 2 : s->count + more;
    budget_charge(&q->budget, (int64_t)(cap - s->cap) * 16);
    s->t_ms = mem_realloc(s->t_ms, cap * sizeof *s->t_ms);
    s->v = mem_realloc(s->v, cap * sizeof *s->v);
    s->cap = cap;
}

/* A number kept as text (uint64, numeric); what cannot be read is a NaN. */
static double text_number(Slice s)
{
    double v;
    if (slice_to_f64(s, &v))
        return v;
    if (slice_eq_nocase(s, SLICE_LIT("infinity")))
        return INFINITY;
    return slice_eq_nocase(s, SLICE_LIT("-infinity")) ? -INFINITY : NAN;
}

double pql_value_at(const ColVec *c, size_t i)
{
    switch (c->type) {
    case PHYS_F64:
        return c->v.f64[i];
    case PHYS_I64:
        return (double)c->v.i64[i];
    case PHYS_BOOL:
        return c->v.b[i];
    case PHYS_STR:
        return text_number(c->v.str[i]);
    case PHYS_NONE:
        break;
    }
    return NAN;
}

static void take_column(PqlQuery *q, Samples *s, const int64_t *times, const ColVec *c, size_t rows)
{
    if (c->type == PHYS_NONE)
        return;
    samples_reserve(q, s, rows);
    s->gap_ms = 0;
    size_t n = s->count;
    int64_t last = n ? s->t_ms[n - 1] : INT64_MIN;
    for (size_t i = 0; i < rows; i++) {
        if (!bitmap_get(c->valid, i))
            continue;
        int64_t ms = floor_div(times[i], NS_PER_MS);
        n -= ms == last;
        s->t_ms[n] = last = ms;
        s->v[n++] = pql_value_at(c, i);
    }
    s->count = n;
}

/* Times of the run, in ms, behind those that are there; *alike: of two neighbours. */
static bool take_times(Loader *l, Samples *s, bool *alike, Err *e)
{
    int64_t first, step, *to;
    const int64_t *ns;
    size_t rows = l->run.rows;
    bool regular;
    samples_reserve(l->q, s, rows);
    if (!scan_time_grid(l->scan, &first, &step, &regular, e))
        return false;
    to = s->t_ms + s->count;
    *alike = false;
    regular = regular && step > 0 && step % NS_PER_MS == 0;
    int64_t gap = regular ? step / NS_PER_MS : 0;
    if (regular) { /* series of one scrape have the same times */
        int64_t from = floor_div(first, NS_PER_MS);
        if (s->count + rows > s->lined || gap != s->line_gap || to[0] != from)
            pql_kernels()->line(to, rows, from, gap);
    } else if (scan_times(l->scan, &ns, e)) {
        *alike = pql_kernels()->to_ms(to, ns, rows);
    } else {
        return false;
    }
    if (s->count == 0)
        s->gap_ms = gap;
    else if (gap != s->gap_ms || to[0] - to[-1] != gap)
        s->gap_ms = 0;
    *alike |= s->count && to[0] == to[-1];
    return true;
}

/* The commonest shape: doubles without gaps. */
static bool take_doubles(Loader *l, Samples *s, const double *v, Err *e)
{
    bool alike;
    size_t rows = l->run.rows;
    if (!take_times(l, s, &alike, e))
        return false;
    size_t n = s->count;
    int64_t *to = s->t_ms + n, last = n ? to[-1] : INT64_MIN;
    if (!alike) {
        memcpy(s->v + n, v, rows * sizeof *v);
        s->count += rows;
        return true;
    }
    for (size_t i = 0; i < rows; i++) {
        int64_t ms = to[i]; /* read before it is written over: n does not run ahead */
        n -= ms == last;
        s->t_ms[n] = last = ms;
        s->v[n++] = v[i];
    }
    s->count = n;
    return true;
}

static void hists_reserve(PqlQuery *q, Samples *s, size_t more)
{
    if (s->h_count + more <= s->h_cap)
        return;
    size_t cap = s->h_cap * 2 > s->h_count + more ? s->h_cap * 2 : s->h_count + more;
    budget_charge(&q->budget, (int64_t)(cap - s->h_cap) * 16);
    s->h_ms = mem_realloc(s->h_ms, cap * sizeof *s->h_ms);
    s->h = mem_realloc(s->h, cap * sizeof *s->h);
    s->h_cap = cap;
}

static bool take_histograms(Loader *l, Samples *s, const int64_t *times, const ColVec *c, Err *e)
{
    if (c->type != PHYS_STR)
        return true;
    hists_reserve(l->q, s, l->run.rows);
    for (size_t i = 0; i < l->run.rows; i++) {
        if (!bitmap_get(c->valid, i))
            continue;
        int64_t ms = floor_div(times[i], NS_PER_MS);
        Histogram *h = ARENA_NEW(&l->hists, Histogram);
        if (!hist_read(h, c->v.str[i], &l->hists, e))
            return false;
        s->h_count -= s->h_count && s->h_ms[s->h_count - 1] == ms;
        s->h_ms[s->h_count] = ms;
        s->h[s->h_count++] = h;
    }
    return budget_check(&l->q->budget, e);
}

/* Start times of the samples taken last: by their times, in the rows of this run. */
static void match_starts(int64_t **out, const int64_t *t_ms, size_t from, size_t to, size_t cap,
                         const int64_t *times, const ColVec *c, size_t rows)
{
    *out = mem_realloc(*out, (cap + 1) * sizeof **out);
    for (size_t i = from, k = 0; i < to; i++) {
        while (k < rows && floor_div(times[k], NS_PER_MS) < t_ms[i])
            k++;
        (*out)[i] = 0;
        for (size_t m = k; m < rows && floor_div(times[m], NS_PER_MS) == t_ms[i]; m++)
            if (c->type == PHYS_I64 && bitmap_get(c->valid, m))
                (*out)[i] = floor_div(c->v.i64[m], 1000);
    }
}

static bool take_starts(Loader *l, size_t column, const size_t *before, const int64_t *times,
                        Err *e)
{
    ColVec c;
    if (!scan_column(l->scan, column, &c, e))
        return false;
    for (size_t f = 0; f < l->field_count; f++) {
        Samples *s = &l->fields[f];
        match_starts(&s->st_ms, s->t_ms, before[f * 2], s->count, s->cap, times, &c, l->run.rows);
        match_starts(&s->h_st_ms, s->h_ms, before[f * 2 + 1], s->h_count, s->h_cap, times, &c,
                     l->run.rows);
    }
    return true;
}

static bool with_starts(const Loader *l)
{
    return l->starts && l->feed.sources.items[l->at].start;
}

/* Samples whose values nobody looks at. */
static bool take_presence(Loader *l, Samples *s, Err *e)
{
    bool alike;
    size_t n = l->newest ? 1 : l->run.rows;
    if (!l->newest && !take_times(l, s, &alike, e))
        return false;
    samples_reserve(l->q, s, n);
    if (l->newest) {
        s->gap_ms = 0;
        s->t_ms[s->count] = floor_div(l->run.t_last, NS_PER_MS);
    }
    memset(s->v + s->count, 0, n * sizeof *s->v);
    s->count += n;
    return true;
}

static bool take_numbers(Loader *l, Samples *s, size_t column, Err *e)
{
    const int64_t *times;
    ColVec c;
    if (l->presence && scan_has_all(l->scan, column))
        return take_presence(l, s, e);
    s->doubt |= !scan_has_all(l->scan, column);
    if (!scan_column(l->scan, column, &c, e))
        return false;
    if (c.type == PHYS_F64 && !c.valid)
        return take_doubles(l, s, c.v.f64, e);
    if (!scan_times(l->scan, &times, e))
        return false;
    take_column(l->q, s, times, &c, l->run.rows);
    return true;
}

static bool take_field(Loader *l, size_t f, size_t *column, Err *e)
{
    const SourceField *field = &l->feed.sources.items[l->at].fields[f];
    const int64_t *times;
    ColVec c;
    if (field->number && !take_numbers(l, &l->fields[f], (*column)++, e))
        return false;
    if (!field->hist)
        return true;
    return scan_times(l->scan, &times, e) && scan_column(l->scan, (*column)++, &c, e) &&
           take_histograms(l, &l->fields[f], times, &c, e);
}

static bool take_run(Loader *l, Err *e)
{
    const int64_t *times;
    size_t column = 0;
    bool starts = with_starts(l);
    size_t *before = starts ? ARENA_ARRAY(&l->hists, size_t, l->field_count * 2 + 1) : NULL;
    for (size_t f = 0; f < l->field_count; f++) {
        if (starts) { /* the last sample may be written over */
            before[f * 2] = l->fields[f].count ? l->fields[f].count - 1 : 0;
            before[f * 2 + 1] = l->fields[f].h_count ? l->fields[f].h_count - 1 : 0;
        }
        if (!take_field(l, f, &column, e))
            return false;
    }
    l->node->runs++;
    l->node->samples += (uint64_t)l->run.rows * l->field_count;
    if (starts && !(scan_times(l->scan, &times, e) && take_starts(l, column, before, times, e)))
        return false;
    l->uncounted += (size_t)l->run.rows * l->field_count;
    return true;
}

static bool scan_begin(Loader *l, SeriesSet *series, Err *e)
{
    const Source *s = &l->feed.sources.items[l->at];
    ColumnId *ids = ARENA_ARRAY(&l->q->arena, ColumnId, s->field_count * 2 + 1);
    size_t columns = 0;
    for (size_t i = 0; i < s->field_count; i++) {
        if (s->fields[i].number)
            ids[columns++] = s->fields[i].number;
        if (s->fields[i].hist)
            ids[columns++] = s->fields[i].hist;
    }
    if (with_starts(l))
        ids[columns++] = s->start;
    ScanSpec spec = {.snapshot = l->q->r.snapshot,
                     .table = s->table->id,
                     .t_min = pql_ns(l->feed.after_ms + 1, 0),
                     .t_max = pql_ns(l->feed.until_ms, NS_PER_MS - 1),
                     .series = series,
                     .columns = ids,
                     .column_count = columns};
    if (!s->tiers && !source_whole(s, &spec, l->asked_by, e))
        return false;
    l->field_count = l->emit = s->field_count; /* nothing to hand up before a series is whole */
    return scan_open(&l->scan, &spec, &l->q->budget, e);
}

/* Announces the next run of the source; ND_END: the source is done. */
static NdStatus next_run(Loader *l, Err *e)
{
    if (l->have_run)
        return ND_SERIES;
    switch (scan_next(l->scan, &l->run, l->q->r.waiter, e)) {
    case SCAN_RUN:
        l->have_run = true;
        return ND_SERIES;
    case SCAN_END:
        return ND_END;
    case SCAN_WAIT:
        return ND_WAIT;
    case SCAN_FAIL:
        break;
    }
    return ND_FAIL;
}

static void series_begin(Loader *l)
{
    for (size_t f = 0; f < l->field_count; f++) {
        Samples *s = &l->fields[f];
        s->lined = s->gap_ms ? s->count : 0;
        s->line_gap = s->gap_ms;
        s->doubt = false;
        s->count = s->h_count = 0;
    }
}

/* Fills the arrays with all samples of the next series of this source. */
static NdStatus load_series(Loader *l, Err *e)
{
    for (;;) {
        NdStatus st = next_run(l, e);
        if (st == ND_WAIT || st == ND_FAIL)
            return st;
        if (st == ND_END || (l->loading && l->run.series != l->series)) {
            bool some = l->loading;
            size_t taken = l->uncounted;
            l->loading = false;
            l->uncounted = 0;
            if (!pql_count_samples(l->q, taken, e))
                return ND_FAIL;
            return some ? ND_SERIES : ND_END;
        }
        if (!l->loading) {
            l->loading = true;
            l->series = l->run.series;
            arena_reset(&l->hists);
            series_begin(l);
        }
        if (!take_run(l, e))
            return ND_FAIL;
        l->have_run = false;
        if (pql_pause(l->q))
            return ND_YIELD;
    }
}

/* The next series of a source whose oldest samples are gone: some are read at once, first what tiers keep of
 * them, then their samples. */
static NdStatus load_kept(Loader *l, Err *e)
{
    const Source *s = &l->feed.sources.items[l->at];
    if (!l->tier_open) {
        l->tier_next = 0;
        if (!l->tier)
            l->tier = ARENA_NEW(&l->q->arena, TierReader);
        if (l->tier_at == 0)
            tier_reader_begin(l->tier, l->q, s, &l->feed, l->tier_parts);
        tier_reader_series(l->tier, l->tier_at);
        l->tier_open = true;
    }
    if (!l->scan) {
        NdStatus st = tier_reader_step(l->tier, l->q->r.waiter, e);
        if (st != ND_END)
            return st;
        SeriesSet *some = set_from_ids(l->tier->ids, l->tier->count);
        bool ok = scan_begin(l, some, e);
        set_unref(some);
        if (!ok)
            return ND_FAIL;
    }
    if (l->tier_next == l->tier->count)
        return ND_END;
    SeriesId id = l->tier->ids[l->tier_next];
    NdStatus st = next_run(l, e);
    if (st == ND_WAIT || st == ND_FAIL)
        return st;
    if (l->loading || (st == ND_SERIES && l->run.series == id)) {
        if ((st = load_series(l, e)) != ND_SERIES)
            return st;
    } else {
        series_begin(l);
    }
    l->series = id;
    l->tier_next++;
    return ND_SERIES;
}

/* False: the source is done. */
static bool tier_more(Loader *l)
{
    const Source *s = &l->feed.sources.items[l->at];
    if (!s->tiers)
        return false;
    l->node->samples += l->tier->rows;
    l->node->runs += l->tier->runs;
    l->tier->rows = l->tier->runs = 0;
    l->tier_at += l->tier->count;
    l->tier_open = false;
    if (l->tier_at < set_count(s->set))
        return true;
    tier_reader_close(l->tier);
    l->tier_at = 0;
    return false;
}

static void drop_stale(Samples *s)
{
    size_t n = 0;
    if (!s->doubt || !pql_kernels()->any_missing(s->v, s->count))
        return;
    for (size_t i = 0; i < s->count; i++) {
        s->t_ms[n] = s->t_ms[i];
        s->v[n] = s->v[i];
        if (s->st_ms)
            s->st_ms[n] = s->st_ms[i];
        n += !pql_missing(s->v[i]);
    }
    s->count = n;
    s->gap_ms = 0;
}

/* Hints as counters tell them: what is known of the first one is what it says. */
static void find_hints(Loader *l, Samples *s)
{
    for (size_t i = s->h_count; i-- > 1;) {
        if (s->h[i]->hint != HIST_UNKNOWN)
            continue;
        Histogram *h = hist_copy(s->h[i], &l->hists);
        h->hint = hist_is_reset(h, s->h[i - 1], &l->hists) ? HIST_RESET : HIST_NOT_RESET;
        s->h[i] = h;
    }
}

static NdStatus loader_next(Loader *l, RangeSeries *out, Err *e)
{
    for (;;) {
        const Source *s = &l->feed.sources.items[l->at];
        while (l->emit < l->field_count) {
            Samples *f = &l->fields[l->emit++];
            if (!l->keep_stale)
                drop_stale(f);
            const BucketList *kept =
                s->tiers ? tier_reader_list(l->tier, l->tier_next - 1, l->emit - 1) : NULL;
            if (f->count + f->h_count == 0 && !(kept && kept->count))
                continue;
            if (l->stats && f->h_count)
                find_hints(l, f);
            Labels labels = source_labels(s, engine_index(snapshot_engine(l->q->r.snapshot)),
                                          l->series, &s->fields[l->emit - 1], l->labels);
            *out = (RangeSeries){.labels = labels,
                                 .t_ms = f->t_ms,
                                 .v = f->v,
                                 .count = f->count,
                                 .gap_ms = f->gap_ms,
                                 .h_ms = f->h_ms,
                                 .h = f->h,
                                 .h_count = f->h_count,
                                 .st_ms = with_starts(l) ? f->st_ms : NULL,
                                 .h_st_ms = with_starts(l) ? f->h_st_ms : NULL,
                                 .b = kept ? kept->items : NULL,
                                 .b_count = kept ? kept->count : 0,
                                 .tiers = s->tiers};
            return ND_SERIES;
        }
        if (l->at == l->feed.sources.count)
            return ND_END;
        if (pql_pause(l->q))
            return ND_YIELD;
        if (!budget_check(&l->q->budget, e))
            return ND_FAIL;
        if (!l->scan && !s->tiers && !scan_begin(l, s->set, e))
            return ND_FAIL;
        NdStatus st = s->tiers ? load_kept(l, e) : load_series(l, e);
        if (st == ND_SERIES) {
            l->emit = 0;
        } else if (st == ND_END) {
            scan_close(l->scan);
            l->scan = NULL;
            l->field_count = 0;
            l->emit = 0;
            l->at += !tier_more(l);
        } else {
            return st;
        }
    }
}

/* ---- instant vectors ---- */

typedef struct NodeVector {
    PqlNode n;
    Loader loader;
    When when;
    int64_t lookback_ms;
    SelectorValue
        value; /* of timestamp(selector), start_timestamp(selector): times of the sample */
    double *out;
    const Histogram **h; /* NULL until there is one */
} NodeVector;

static double time_value(const NodeVector *nv, const int64_t *t_ms, const int64_t *st_ms, size_t i)
{
    int64_t ms = nv->value == SV_TIME ? t_ms[i] : st_ms ? st_ms[i] : 0;
    return (double)ms / 1000;
}

/* The newest sample in (t - lookback, t] of each step; a marker there means none. */
static bool look_back(const NodeVector *nv, const RangeSeries *s, double *out)
{
    const Grid *g = &nv->n.grid;
    size_t at = 0; /* samples [0, at) are not after the step */
    bool some = false;
    for (size_t i = 0; i < g->count; i++) {
        int64_t t = when_ref(&nv->when, g, i);
        while (at < s->count && s->t_ms[at] <= t)
            at++;
        out[i] = pql_absent();
        if (at == 0 || s->t_ms[at - 1] <= t - nv->lookback_ms || pql_missing(s->v[at - 1]))
            continue;
        out[i] = s->v[at - 1];
        if (nv->value != SV_SAMPLE)
            out[i] = time_value(nv, s->t_ms, s->st_ms, at - 1);
        some = true;
    }
    return some;
}

/* The same with histograms: of two samples of one time the histogram counts. */
static bool look_back_mixed(NodeVector *nv, const RangeSeries *s, double *out)
{
    const Grid *g = &nv->n.grid;
    size_t at = 0, h_at = 0;
    bool some = false;
    if (!nv->h)
        nv->h = pql_hists_new(nv->n.q, g);
    for (size_t i = 0; i < g->count; i++) {
        int64_t t = when_ref(&nv->when, g, i), after = t - nv->lookback_ms;
        while (at < s->count && s->t_ms[at] <= t)
            at++;
        while (h_at < s->h_count && s->h_ms[h_at] <= t)
            h_at++;
        bool number = at && s->t_ms[at - 1] > after, hist = h_at && s->h_ms[h_at - 1] > after;
        if (number && hist) {
            hist = s->h_ms[h_at - 1] >= s->t_ms[at - 1];
            number = !hist;
        }
        double v = number ? s->v[at - 1] : pql_absent();
        if (nv->value != SV_SAMPLE && hist)
            v = time_value(nv, s->h_ms, s->h_st_ms, h_at - 1);
        else if (nv->value != SV_SAMPLE && number && !pql_missing(v))
            v = time_value(nv, s->t_ms, s->st_ms, at - 1);
        memcpy(&out[i], &v, sizeof v);
        nv->h[i] = hist ? s->h[h_at - 1] : NULL;
        some |= hist || !pql_missing(v);
    }
    return some;
}

/* Linear between the neighbours, the older one where there is no newer. */
static bool look_smooth(const NodeVector *nv, const RangeSeries *s, double *out)
{
    const Grid *g = &nv->n.grid;
    size_t at = 0; /* samples [0, at) are before the step */
    bool some = false;
    for (size_t i = 0; i < g->count; i++) {
        int64_t t = when_ref(&nv->when, g, i);
        while (at < s->count && s->t_ms[at] < t)
            at++;
        bool before = at > 0 && s->t_ms[at - 1] > t - nv->lookback_ms;
        bool after = at < s->count && s->t_ms[at] <= t + nv->lookback_ms;
        if (after && s->t_ms[at] == t)
            out[i] = s->v[at];
        else if (before && after)
            out[i] = s->v[at - 1] + (s->v[at] - s->v[at - 1]) * (double)(t - s->t_ms[at - 1]) /
                                        (double)(s->t_ms[at] - s->t_ms[at - 1]);
        else
            out[i] = before ? s->v[at - 1] : pql_absent();
        some |= !pql_missing(out[i]);
    }
    return some;
}

/* Samples of one kind near a step, for `smoothed`. */
typedef struct Near {
    const int64_t *t_ms;
    size_t count, at; /* [0, at) are before the step */
    bool before, after, exact;
} Near;

static void near_move(Near *k, int64_t t, int64_t lookback_ms)
{
    while (k->at < k->count && k->t_ms[k->at] < t)
        k->at++;
    k->before = k->at > 0 && k->t_ms[k->at - 1] > t - lookback_ms;
    k->after = k->at < k->count && k->t_ms[k->at] <= t + lookback_ms;
    k->exact = k->after && k->t_ms[k->at] == t;
}

static const Histogram *smooth_histogram(NodeVector *nv, const RangeSeries *s, const Near *k,
                                         int64_t t, unsigned *notes)
{
    if (k->exact)
        return s->h[k->at];
    if (!k->before)
        return NULL;
    const Histogram *from = s->h[k->at - 1];
    if (!k->after)
        return from;
    double part = (double)(t - k->t_ms[k->at - 1]) / (double)(k->t_ms[k->at] - k->t_ms[k->at - 1]);
    bool counter = from->hint != HIST_GAUGE && s->h[k->at]->hint != HIST_GAUGE;
    return hist_between(from, s->h[k->at], part, counter, &nv->loader.hists, notes);
}

/* The same with histograms: they do not mix with numbers. */
static bool look_smooth_mixed(NodeVector *nv, const RangeSeries *s, double *out)
{
    const Grid *g = &nv->n.grid;
    PqlQuery *q = nv->n.q;
    Near number = {.t_ms = s->t_ms, .count = s->count},
         hist = {.t_ms = s->h_ms, .count = s->h_count};
    bool some = false, mixed = false;
    unsigned notes = 0;
    Slice name = labels_get(&s->labels, SLICE_LIT("__name__"));
    if (!nv->h)
        nv->h = pql_hists_new(q, g);
    look_smooth(nv, s, out);
    for (size_t i = 0; i < g->count; i++) {
        int64_t t = when_ref(&nv->when, g, i);
        double none = pql_absent();
        near_move(&number, t, nv->lookback_ms);
        near_move(&hist, t, nv->lookback_ms);
        bool numbers = number.before || number.after, hists = hist.before || hist.after;
        mixed |= numbers && hists;
        if (hists)
            memcpy(&out[i], &none, sizeof none);
        nv->h[i] = hists && !numbers ? smooth_histogram(nv, s, &hist, t, &notes) : NULL;
        some |= nv->h[i] || !pql_missing(out[i]);
    }
    if (mixed)
        pql_annotate(q, true, nv->n.x->begin,
                     "encountered a mix of histograms and floats for metric name \"%.*s\"",
                     SLICE_ARG(name));
    pql_tell_notes(q, notes, HO_ADD, name, nv->n.x->begin);
    return some;
}

/* Steps that look back at samples that are gone: the last value of the bucket before them. */
static bool look_at_tiers(const NodeVector *nv, const RangeSeries *s, double *out)
{
    const Grid *g = &nv->n.grid;
    size_t at = 0, b_at = 0;
    bool some = false;
    for (size_t i = 0; i < g->count; i++) {
        int64_t t = when_ref(&nv->when, g, i);
        while (at < s->count && s->t_ms[at] <= t)
            at++;
        if (!pql_missing(out[i]) || (nv->h && s->h_count && nv->h[i]) ||
            (at && s->t_ms[at - 1] > t - nv->lookback_ms))
            continue;
        const PqlBucket *b = tier_before(s, &b_at, t, nv->lookback_ms);
        if (!b)
            continue;
        out[i] = nv->value == SV_TIME ? (double)b->last_ms / 1000 : b->last;
        some = true;
    }
    return some;
}

static NdStatus vector_next(PqlNode *n, Series *out, Err *e)
{
    NodeVector *nv = (NodeVector *)n;
    RangeSeries s;
    NdStatus st;
    while ((st = loader_next(&nv->loader, &s, e)) == ND_SERIES) {
        bool some, mixed = s.h_count > 0;
        if (n->x->smoothed)
            some = mixed ? look_smooth_mixed(nv, &s, nv->out) : look_smooth(nv, &s, nv->out);
        else
            some = mixed ? look_back_mixed(nv, &s, nv->out) : look_back(nv, &s, nv->out);
        if (s.b_count)
            some |= look_at_tiers(nv, &s, nv->out);
        if (!some)
            continue;
        *out = (Series){.labels = s.labels, .v = nv->out, .h = mixed ? nv->h : NULL};
        tally_vector(n, out);
        return ND_SERIES;
    }
    return st;
}

static void vector_close(PqlNode *n)
{
    loader_close(&((NodeVector *)n)->loader);
}

static const NodeDef def_vector = {.next = vector_next, .close = vector_close};

static void loader_times(Loader *l, const When *w, const Grid *g, int64_t before_ms,
                         int64_t beyond_ms)
{
    if (l->stats) /* the first sample's hint depends on the one before */
        before_ms += l->q->r.lookback_ms;
    l->feed.after_ms = when_ref(w, g, 0) - before_ms;
    l->feed.until_ms = when_ref(w, g, g->count - 1) + beyond_ms;
}

/* Where samples that are asked for are gone: what is read in their place. */
static bool loader_tiers(Loader *l, PqlBuild *b, const PqlExpr *x, unsigned parts,
                         const char *asked_by)
{
    l->tier_parts = parts;
    l->asked_by = asked_by;
    for (size_t i = 0; parts && !b->take_series && i < l->feed.sources.count; i++) {
        Source *s = &l->feed.sources.items[i];
        if (!tiers_have(s, parts) || (l->starts && s->start))
            continue;
        if (s->tiers) /* as the whole found them */
            continue;
        if (!tiers_open(&s->tiers, b->q, s, pql_ns(l->feed.after_ms + 1, 0),
                        pql_ns(l->feed.until_ms, NS_PER_MS - 1), b->e))
            return false;
        if (s->tiers)
            tiers_tell(b->q, s, x->begin);
    }
    return true;
}

PqlNode *build_selector(PqlBuild *b, const PqlExpr *x, SelectorValue value)
{
    PqlQuery *q = b->q;
    NodeVector *nv = (NodeVector *)pql_node_new(b, sizeof *nv, &def_vector, x);
    nv->loader.node = &nv->n;
    nv->when = when_of(q, x);
    nv->lookback_ms = q->r.lookback_ms;
    nv->value = value;
    nv->loader.starts = value == SV_START;
    nv->loader.keep_stale = !x->smoothed;
    nv->loader.stats = b->stats;
    nv->loader.presence = b->presence && value == SV_SAMPLE && !x->smoothed;
    nv->loader.newest = b->grid.count == 1;
    if (!loader_open(&nv->loader, b, x))
        return NULL;
    loader_times(&nv->loader, &nv->when, &b->grid, nv->lookback_ms,
                 x->smoothed ? nv->lookback_ms : 0);
    bool can = !x->smoothed && value != SV_START;
    if (!loader_tiers(&nv->loader, b, x, can ? 1u << TIER_LAST : 0,
                      x->smoothed ? "smoothed"
                      : can       ? "a selector"
                                  : "start_timestamp()"))
        return NULL;
    nv->out = pql_vector_new(q, &b->grid);
    nv->n.one_name = nv->loader.feed.sources.one_name;
    nv->n.feed = &nv->loader.feed;
    return &nv->n;
}

/* ---- ranges ---- */

typedef struct NodeMatrix {
    PqlNode n;
    Loader loader;
} NodeMatrix;

static NdStatus matrix_next(PqlNode *n, RangeSeries *out, Err *e)
{
    return loader_next(&((NodeMatrix *)n)->loader, out, e);
}

static void matrix_close(PqlNode *n)
{
    loader_close(&((NodeMatrix *)n)->loader);
}

static const NodeDef def_matrix = {.next_range = matrix_next, .close = matrix_close};

static PqlNode *build_matrix(PqlBuild *b, const PqlExpr *x)
{
    const PqlExpr *v = x->args[0];
    NodeMatrix *nm = (NodeMatrix *)pql_node_new(b, sizeof *nm, &def_matrix, x);
    When w = when_of(b->q, v);
    nm->loader.node = &nm->n;
    nm->loader.stats = b->stats;
    nm->loader.starts = b->starts;
    int64_t more = v->anchored || v->smoothed ? b->q->r.lookback_ms : 0;
    if (!loader_open(&nm->loader, b, v))
        return NULL;
    loader_times(&nm->loader, &w, &b->grid, pql_range_ms(b->q, x) + more, v->smoothed ? more : 0);
    if (!loader_tiers(&nm->loader, b, x, more ? 0 : b->tier_parts,
                      b->asked_by ? b->asked_by : "a bare range"))
        return NULL;
    nm->n.one_name = nm->loader.feed.sources.one_name;
    nm->n.feed = &nm->loader.feed;
    return &nm->n;
}

/* ---- subqueries: the steps of the inner grid are the samples ---- */

typedef struct NodeSubquery {
    PqlNode n;
    PqlNode *inner; /* NULL: the grid is empty */
    Grid grid;
    int64_t *t_ms, *h_ms;
    double *v;
    const Histogram **h;
} NodeSubquery;

/* Histograms of the inner grid; how many. */
static size_t subquery_hists(NodeSubquery *s, const Series *in)
{
    size_t count = 0;
    if (!in->h)
        return 0;
    if (!s->h) {
        s->h = pql_hists_new(s->n.q, &s->grid);
        s->h_ms = ARENA_ARRAY(&s->n.q->arena, int64_t, s->grid.count);
    }
    for (size_t i = 0; i < s->grid.count; i++)
        if (in->h[i]) {
            s->h_ms[count] = grid_at(&s->grid, i);
            s->h[count++] = in->h[i];
        }
    return count;
}

static NdStatus subquery_next(PqlNode *n, RangeSeries *out, Err *e)
{
    NodeSubquery *s = (NodeSubquery *)n;
    Series in;
    NdStatus st = ND_END;
    while (s->inner && (st = nd_next(s->inner, &in, e)) == ND_SERIES) {
        size_t count = 0;
        for (size_t i = 0; i < s->grid.count; i++) {
            s->t_ms[count] = grid_at(&s->grid, i);
            s->v[count] = in.v[i];
            count += !pql_missing(in.v[i]);
        }
        size_t hists = subquery_hists(s, &in);
        if (count + hists == 0)
            continue;
        if (!pql_count_samples(n->q, count + hists, e))
            return ND_FAIL;
        *out = (RangeSeries){.labels = in.labels,
                             .drop_name = in.drop_name,
                             .t_ms = s->t_ms,
                             .v = s->v,
                             .count = count,
                             .h_ms = s->h_ms,
                             .h = s->h,
                             .h_count = hists};
        return ND_SERIES;
    }
    return st;
}

static const NodeDef def_subquery = {.next_range = subquery_next};

static PqlNode *too_many_steps(PqlBuild *b, uint64_t count)
{
    err_set(b->e, ERR_LIMIT_EXCEEDED,
            "query processing would load too many samples into memory in query execution");
    err_detail(b->e, "a subquery has %llu steps", (unsigned long long)count);
    return NULL;
}

static PqlNode *build_subquery(PqlBuild *b, const PqlExpr *x)
{
    PqlQuery *q = b->q;
    NodeSubquery *s = (NodeSubquery *)pql_node_new(b, sizeof *s, &def_subquery, x);
    When w = when_of(q, x);
    int64_t own = pql_step_ms(q, x), step = own ? own : PQL_SUBQUERY_STEP_MS;
    int64_t after = when_ref(&w, &b->grid, 0) - pql_range_ms(q, x),
            until = when_ref(&w, &b->grid, b->grid.count - 1);
    int64_t start = (floor_div(after, step) + 1) * step; /* absolute multiples of the step */
    s->n.one_name = true;
    if (start > until)
        return &s->n;
    uint64_t count = (uint64_t)(until - start) / (uint64_t)step + 1;
    if (count > q->r.samples_max)
        return too_many_steps(b, count);
    s->grid = (Grid){start, step, (size_t)count};
    PqlBuild inner = {.q = q,
                      .grid = s->grid,
                      .place = {b->place.times, b->place.every, !b->place.every},
                      .e = b->e,
                      .take_series = b->take_series};
    s->t_ms = arena_alloc(&q->arena, s->grid.count * sizeof *s->t_ms);
    s->v = arena_alloc(&q->arena, s->grid.count * sizeof *s->v);
    if (!budget_check(&q->budget, b->e))
        return too_many_steps(b, count);
    s->inner = pql_build(&inner, x->args[0]);
    if (!s->inner)
        return NULL;
    nd_like(&s->n, s->inner);
    return &s->n;
}

PqlNode *build_range(PqlBuild *b, const PqlExpr *x)
{
    x = pql_unparen(x);
    return x->kind == PX_MATRIX ? build_matrix(b, x) : build_subquery(b, x);
}
