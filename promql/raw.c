/* promql/raw.c - the samples of series as they are stored, for export, federation, remote read and exemplars.
 *
 * One scan a field, of its numbers and its native histograms; rows of one millisecond: the last wins, as
 * everywhere.  Staleness markers are kept. */
#include "promql/eval_private.h"

enum { RAW_NUMBER, RAW_HIST, RAW_TEXT, RAW_COLUMNS };

struct PqlRaw {
    PqlRawRequest r;
    Arena arena; /* of names and labels */
    Sources sources;
    size_t at; /* source that the scan is of */
    Scan *scan;
    ScanRun run; /* announced, not taken */
    bool have_run, some;
    SeriesId series;
    PqlLabel *labels;
    Arena texts; /* of one series */
    int64_t *t_ms;
    double *v;
    Slice *text;
    const Histogram **h;
    bool some_hist;
    size_t count, cap;
    size_t column[RAW_COLUMNS]; /* which of the scan's; RAW_COLUMNS: none */
};

enum { RAW_SAMPLE_BYTES = 40 }; /* of the arrays */

static Source *source_add(Arena *a, Sources *all, const Source *s)
{
    if (all->count == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 16;
        Source *items = ARENA_ARRAY(a, Source, cap);
        if (all->count)
            memcpy(items, all->items, all->count * sizeof *items);
        all->items = items;
        all->cap = cap;
    }
    all->items[all->count] = *s;
    return &all->items[all->count++];
}

static bool same_field(const Source *a, const Source *b)
{
    const SourceField *f = a->fields, *g = b->fields;
    return a->table == b->table && f->number == g->number && f->hist == g->hist &&
           slice_eq(f->metric, g->metric) && slice_eq(f->field, g->field);
}

/* Each field becomes a source of its own; one that an earlier selector had as well becomes one with it: a
 * series comes once. */
static void sources_merge(Arena *a, Sources *all, Sources *more)
{
    for (size_t i = 0; i < more->count; i++)
        for (size_t f = 0; f < more->items[i].field_count; f++) {
            Source one = more->items[i], *same = NULL;
            one.fields += f;
            one.field_count = 1;
            for (size_t k = 0; k < all->count && !same; k++)
                if (same_field(&all->items[k], &one))
                    same = &all->items[k];
            if (!same) {
                source_add(a, all, &one)->set = set_ref(one.set);
                continue;
            }
            SeriesSet *set = set_or(same->set, one.set);
            set_unref(same->set);
            same->set = set;
        }
    sources_free(more);
}

bool pql_raw_open(PqlRaw **out, const PqlRawRequest *r, PqlMatcher *const *m, size_t n, Err *e)
{
    PqlRaw *w = MEM_NEW(PqlRaw);
    bool ok = true;
    w->r = *r;
    snapshot_ref(r->snapshot);
    arena_init(&w->arena, r->budget);
    arena_init(&w->texts, r->budget);
    SourceScope scope = {&w->arena, r->snapshot, r->schema, &r->rights};
    for (size_t i = 0; ok && i < n; i++) {
        Sources s;
        ok = sources_resolve(&scope, m[i]->matches, m[i]->match_count, &s, e);
        if (ok)
            sources_merge(&w->arena, &w->sources, &s);
    }
    size_t tags = 0;
    for (size_t i = 0; i < w->sources.count; i++)
        if (w->sources.items[i].tag_count > tags)
            tags = w->sources.items[i].tag_count;
    w->labels = ARENA_ARRAY(&w->arena, PqlLabel, tags + 2);
    if (!ok) {
        pql_raw_close(w);
        return false;
    }
    *out = w;
    return true;
}

void pql_raw_close(PqlRaw *w)
{
    if (!w)
        return;
    scan_close(w->scan);
    sources_free(&w->sources);
    snapshot_unref(w->r.snapshot);
    budget_charge(w->r.budget, -(int64_t)(w->cap * RAW_SAMPLE_BYTES));
    mem_free(w->t_ms);
    mem_free(w->v);
    mem_free(w->text);
    mem_free(w->h);
    arena_free(&w->texts);
    arena_free(&w->arena);
    mem_free(w);
}

static bool scan_field(PqlRaw *w, Err *e)
{
    const Source *s = &w->sources.items[w->at];
    const SourceField *f = s->fields;
    const ColumnDef *text =
        w->r.text_column ? table_column(s->table, slice_cstr(w->r.text_column)) : NULL;
    ColumnId ids[RAW_COLUMNS];
    size_t n = 0;
    const ColumnId all[RAW_COLUMNS] = {f->number, f->hist, text ? text->id : 0};
    for (size_t i = 0; i < RAW_COLUMNS; i++) {
        w->column[i] = n;
        if (all[i])
            ids[n++] = all[i];
        else
            w->column[i] = RAW_COLUMNS;
    }
    ScanSpec spec = {.snapshot = w->r.snapshot,
                     .table = s->table->id,
                     .t_min = pql_ns(w->r.start_ms, 0),
                     .t_max = pql_ns(w->r.end_ms, NS_PER_MS - 1),
                     .series = s->set,
                     .columns = ids,
                     .column_count = n};
    return source_whole(s, &spec, "a request for samples as they are stored", e) &&
           scan_open(&w->scan, &spec, w->r.budget, e);
}

static void raw_reserve(PqlRaw *w, size_t more)
{
    if (w->count + more <= w->cap)
        return;
    size_t cap = w->cap * 2 > w->count + more ? w->cap * 2 : w->count + more;
    budget_charge(w->r.budget, (int64_t)((cap - w->cap) * RAW_SAMPLE_BYTES));
    w->t_ms = mem_realloc(w->t_ms, cap * sizeof *w->t_ms);
    w->v = mem_realloc(w->v, cap * sizeof *w->v);
    w->text = mem_realloc(w->text, cap * sizeof *w->text);
    w->h = mem_realloc(w->h, cap * sizeof *w->h);
    w->cap = cap;
}

static bool number_of(const ColVec *c, size_t i, double *v)
{
    switch (c->type) {
    case PHYS_F64:
        *v = c->v.f64[i];
        return true;
    case PHYS_I64:
        *v = (double)c->v.i64[i];
        return true;
    case PHYS_BOOL:
        *v = c->v.b[i];
        return true;
    case PHYS_STR:
        return slice_to_f64(c->v.str[i], v);
    case PHYS_NONE:
        break;
    }
    return false;
}

static bool raw_column(PqlRaw *w, int what, ColVec *out, Err *e)
{
    *out = (ColVec){.type = PHYS_NONE};
    return w->column[what] == RAW_COLUMNS || scan_column(w->scan, w->column[what], out, e);
}

static bool has_text(const ColVec *c, size_t i)
{
    return c->type == PHYS_STR && bitmap_get(c->valid, i);
}

static bool take_rows(PqlRaw *w, Err *e)
{
    const int64_t *times;
    ColVec number, hist, text;
    if (!scan_times(w->scan, &times, e) || !raw_column(w, RAW_NUMBER, &number, e) ||
        !raw_column(w, RAW_HIST, &hist, e) || !raw_column(w, RAW_TEXT, &text, e))
        return false;
    raw_reserve(w, w->run.rows);
    for (size_t i = 0; i < w->run.rows; i++) {
        double v = 0;
        Histogram *h = NULL;
        if (has_text(&hist, i)) {
            h = ARENA_NEW(&w->texts, Histogram);
            if (!hist_read(h, hist.v.str[i], &w->texts, e))
                return false;
        } else if (number.type == PHYS_NONE || !bitmap_get(number.valid, i) ||
                   !number_of(&number, i, &v)) {
            continue;
        }
        int64_t ms = floor_div(times[i], NS_PER_MS);
        w->count -= w->count > 0 && w->t_ms[w->count - 1] == ms;
        w->t_ms[w->count] = ms;
        w->v[w->count] = v;
        w->h[w->count] = h;
        w->some_hist |= h != NULL;
        w->text[w->count++] =
            has_text(&text, i) ? arena_slice(&w->texts, text.v.str[i]) : SLICE_NONE;
    }
    return budget_check(w->r.budget, e);
}

static void raw_emit(PqlRaw *w, PqlRawSeries *out)
{
    const Source *s = &w->sources.items[w->at];
    Labels l = source_labels(s, engine_index(snapshot_engine(w->r.snapshot)), w->series, s->fields,
                             w->labels);
    *out = (PqlRawSeries){l.items, l.count, w->t_ms, w->v, w->some_hist ? w->h : NULL,
                          w->text, w->count};
    w->some = false;
}

PqlStatus pql_raw_next(PqlRaw *w, PqlRawSeries *out, Err *e)
{
    out->count = 0;
    while (w->at < w->sources.count) {
        ScanStatus st = SCAN_RUN;
        if (!w->scan && !scan_field(w, e))
            return PQL_FAIL;
        if (!w->have_run)
            st = scan_next(w->scan, &w->run, w->r.waiter, e);
        if (st == SCAN_WAIT)
            return PQL_WAIT;
        if (st == SCAN_FAIL)
            return PQL_FAIL;
        w->have_run = st == SCAN_RUN;
        if (w->some && (st == SCAN_END || w->run.series != w->series)) {
            raw_emit(w, out);
            if (out->count > 0)
                return PQL_YIELD;
        }
        if (st == SCAN_END) {
            scan_close(w->scan);
            w->scan = NULL;
            w->at++;
            continue;
        }
        if (!w->some) {
            w->some = true;
            w->series = w->run.series;
            w->count = 0;
            w->some_hist = false;
            arena_reset(&w->texts);
        }
        w->have_run = false;
        if (!take_rows(w, e))
            return PQL_FAIL;
    }
    return PQL_DONE;
}

bool pql_raw_target(const PqlRaw *w, size_t i, PqlTarget *out)
{
    if (i >= w->sources.count)
        return false;
    const Source *s = &w->sources.items[i];
    *out = (PqlTarget){s->table, s->set, s->fields->number, s->fields->hist};
    return true;
}

/* ---- the selectors of a query ---- */
static void find_selectors(Arena *a, const PqlExpr *x, PqlMatcher **out, size_t *n)
{
    if (x->kind == PX_VECTOR && *n < PQL_SELECTORS_MAX) {
        PqlMatcher *m = ARENA_NEW(a, PqlMatcher);
        m->matches = x->matches;
        m->match_count = x->match_count;
        out[(*n)++] = m;
    }
    for (size_t i = 0; i < x->arg_count; i++)
        if (x->args[i])
            find_selectors(a, x->args[i], out, n);
}

size_t pql_selectors(Arena *a, const PqlExpr *x, PqlMatcher *out[PQL_SELECTORS_MAX])
{
    size_t n = 0;
    find_selectors(a, x, out, &n);
    return n;
}

int pql_labels_compare(const PqlLabel *a, size_t na, const PqlLabel *b, size_t nb)
{
    return labels_compare(&(Labels){a, na}, &(Labels){b, nb});
}
