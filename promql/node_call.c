/* promql/node_call.c - calls: functions of each value, functions over a range; constants; name removal. */
#include "promql/eval_private.h"
#include "promql/tier_read.h"

enum { PARAMS_MAX = 2, WINDOW_WORK_MAX = 1 << 20, STEPS_WORK_MAX = 1 << 22, HIST_WORK = 64 };

/* ---- constants, time, what does not change with the step ---- */

typedef struct NodeOnce { /* one series without labels */
    PqlNode n;
    double *v;
    bool given;
} NodeOnce;

static NdStatus once_next(PqlNode *n, Series *out, Err *e)
{
    NodeOnce *o = (NodeOnce *)n;
    (void)e;
    if (o->given)
        return ND_END;
    o->given = true;
    *out = (Series){.v = o->v};
    return ND_SERIES;
}

static const NodeDef def_once = {.next = once_next};

static NodeOnce *once_new(PqlBuild *b, const PqlExpr *x)
{
    NodeOnce *o = (NodeOnce *)pql_node_new(b, sizeof *o, &def_once, x);
    o->v = pql_vector_new(b->q, &b->grid);
    o->n.one_name = true;
    return o;
}

PqlNode *build_number(PqlBuild *b, const PqlExpr *x)
{
    NodeOnce *o = once_new(b, x);
    for (size_t i = 0; i < b->grid.count; i++)
        o->v[i] = x->number;
    o->n.constant = true;
    return &o->n;
}

PqlNode *build_time(PqlBuild *b, const PqlExpr *call)
{
    NodeOnce *o = once_new(b, call);
    for (size_t i = 0; i < b->grid.count; i++)
        o->v[i] = (double)grid_at(&b->grid, i) / 1000;
    return &o->n;
}

typedef struct NodeExpand {
    PqlNode n;
    PqlNode *child; /* over a grid of one step */
    double *v;
    const Histogram **h;
} NodeExpand;

static NdStatus expand_next(PqlNode *n, Series *out, Err *e)
{
    NodeExpand *x = (NodeExpand *)n;
    NdStatus st = nd_next(x->child, out, e);
    if (st != ND_SERIES)
        return st;
    const Histogram *h = series_hist(out, 0);
    if (h && !x->h)
        x->h = pql_hists_new(n->q, &n->grid);
    for (size_t i = 0; i < n->grid.count; i++) {
        memcpy(&x->v[i], &out->v[0], sizeof x->v[i]);
        if (h)
            x->h[i] = h;
    }
    out->v = x->v;
    out->h = h ? x->h : NULL;
    return ND_SERIES;
}

static const NodeDef def_expand = {.next = expand_next};

PqlNode *build_expand(PqlBuild *b, const PqlExpr *x)
{
    NodeExpand *n = (NodeExpand *)pql_node_new(b, sizeof *n, &def_expand, x);
    PqlBuild one = *b;
    one.grid.count = 1;
    if (one.place.inside)
        one.place.times *= b->grid.count;
    else
        one.place.every = true;
    n->v = pql_vector_new(b->q, &b->grid);
    n->child = pql_build(&one, x);
    if (!n->child)
        return NULL;
    nd_like(&n->n, n->child);
    return &n->n;
}

/* ---- merging series that became equal when the name went ---- */

typedef struct NodeMerge {
    PqlNode n;
    PqlNode *child;
    Gathered in;
    LabelMap map;
    Series *out;
    size_t next;
    bool strict, merged;
} NodeMerge;

static void merge_step(PqlQuery *q, Series *to, const Series *from, const Grid *g, size_t i)
{
    if (series_hist(from, i) && !to->h)
        to->h = pql_hists_new(q, g);
    if (to->h)
        to->h[i] = series_hist(from, i);
    to->v[i] = from->v[i];
}

static bool merge_all(NodeMerge *m, Err *e)
{
    label_map_init(&m->map, &m->n.q->arena);
    m->out = ARENA_ARRAY(&m->n.q->arena, Series, m->in.count + 1);
    for (size_t k = 0; k < m->in.count; k++) {
        bool made;
        const Series *s = &m->in.items[k];
        uint32_t at = label_map_put(&m->map, &s->labels, &made);
        if (made) {
            m->out[at] = *s;
            m->out[at].labels = m->map.items[at];
            continue;
        }
        for (size_t i = 0; i < m->n.grid.count; i++) {
            if (series_missing(s, i) && !m->strict)
                continue;
            if (m->strict || !series_missing(&m->out[at], i))
                return err_set(e, ERR_CARDINALITY,
                               "vector cannot contain metrics with the same labelset");
            merge_step(m->n.q, &m->out[at], s, &m->n.grid, i);
        }
    }
    return true;
}

static NdStatus merge_next(PqlNode *n, Series *out, Err *e)
{
    NodeMerge *m = (NodeMerge *)n;
    NdStatus st = gather(m->child, &m->in, e);
    if (st != ND_END)
        return st;
    if (!m->merged && !merge_all(m, e))
        return ND_FAIL;
    m->merged = true;
    if (m->next == m->map.count)
        return ND_END;
    *out = m->out[m->next++];
    return ND_SERIES;
}

static const NodeDef def_merge = {.next = merge_next};

PqlNode *build_merge(PqlBuild *b, PqlNode *from, bool strict)
{
    NodeMerge *m = (NodeMerge *)pql_node_new(b, sizeof *m, &def_merge, from->x);
    m->child = from;
    m->strict = strict;
    m->n.one_name = from->one_name;
    return &m->n;
}

void nd_like(PqlNode *n, const PqlNode *child)
{
    n->one_name = child->one_name;
    n->feed = n->reads_more ? NULL : child->feed;
}

/* Above a node that drops names: what was told apart by name only collides now, if not later. */
static PqlNode *names_dropped(PqlBuild *b, PqlNode *n, const PqlNode *child, bool strict)
{
    nd_like(n, child);
    if (b->q->delayed_names || child->one_name || b->take_series)
        return n; /* of a part the whole is merged */
    n->one_name = true;
    return build_merge(b, pql_spread(b, n), strict);
}

/* The caller resets the arena once a series. */
static void drop_name(PqlNode *n, Series *s, Arena *scratch)
{
    if (n->q->delayed_names) {
        s->drop_name = true;
        return;
    }
    if (!labels_has_name(&s->labels))
        return;
    s->labels = labels_drop_name(scratch, &s->labels);
}

/* ---- functions of each value ---- */

typedef struct NodeMap {
    PqlNode n;
    PqlNode *child;
    double (*fn)(double v, const double *params);
    double (*histogram)(const Histogram *h);
    ScalarArg params[PARAMS_MAX];
    size_t param_count;
    bool negate;
    bool to_time; /* timestamp(): the value becomes the time of the step */
    bool to_nothing;
    Arena labels;
} NodeMap;

/* Histograms are not for functions of numbers: they go. */
static void map_values(const NodeMap *m, Series *s)
{
    double params[PARAMS_MAX] = {1, 1}, *v = s->v;
    for (size_t i = 0; i < m->n.grid.count; i++) {
        if (pql_missing(v[i]))
            continue;
        for (size_t k = 0; k < m->param_count; k++)
            params[k] = m->params[k].v[i];
        v[i] = m->fn(v[i], params);
    }
    s->h = NULL;
}

/* histogram_count() and the like, for which numbers go. */
static void map_histograms(const NodeMap *m, Series *s)
{
    for (size_t i = 0; i < m->n.grid.count; i++)
        s->v[i] = series_hist(s, i) ? m->histogram(s->h[i]) : pql_absent();
    s->h = NULL;
}

static void map_times(const NodeMap *m, Series *s)
{
    for (size_t i = 0; i < m->n.grid.count; i++)
        if (!series_missing(s, i))
            s->v[i] = (double)grid_at(&m->n.grid, i) / 1000;
    s->h = NULL;
}

static void map_nothing(const NodeMap *m, Series *s)
{
    for (size_t i = 0; i < m->n.grid.count; i++)
        s->v[i] = pql_absent();
    s->h = NULL;
}

static void map_negate(NodeMap *m, Series *s)
{
    for (size_t i = 0; i < m->n.grid.count; i++) {
        if (series_hist(s, i)) {
            Histogram *h = hist_copy(s->h[i], &m->labels);
            hist_scale(h, -1);
            s->h[i] = h;
        } else if (!pql_missing(s->v[i])) {
            s->v[i] = -s->v[i];
        }
    }
}

static NdStatus map_next(PqlNode *n, Series *out, Err *e)
{
    NodeMap *m = (NodeMap *)n;
    NdStatus st;
    for (size_t k = 0; k < m->param_count; k++)
        if ((st = scalar_ready(&m->params[k], e)) != ND_SERIES)
            return st;
    st = nd_next(m->child, out, e);
    if (st != ND_SERIES)
        return st;
    arena_reset(&m->labels);
    if (m->fn)
        map_values(m, out);
    else if (m->histogram)
        map_histograms(m, out);
    else if (m->to_time)
        map_times(m, out);
    else if (m->negate)
        map_negate(m, out);
    else if (m->to_nothing)
        map_nothing(m, out);
    else
        out->h = NULL; /* timestamp(selector): the values are the times already */
    drop_name(n, out, &m->labels);
    return ND_SERIES;
}

static void map_close(PqlNode *n)
{
    arena_free(&((NodeMap *)n)->labels);
}

static const NodeDef def_map = {.next = map_next, .close = map_close};

static NodeMap *map_new(PqlBuild *b, const PqlExpr *x, PqlNode *child)
{
    if (!child)
        return NULL;
    NodeMap *m = (NodeMap *)pql_node_new(b, sizeof *m, &def_map, x);
    m->child = child;
    arena_init(&m->labels, &b->q->budget);
    return m;
}

static bool build_param(PqlBuild *b, PqlNode *n, ScalarArg *s, const PqlExpr *x)
{
    s->node = pql_build(b, x);
    n->reads_more |= s->node && !s->node->constant;
    return s->node != NULL;
}

static PqlNode *build_map(PqlBuild *b, const PqlExpr *x)
{
    /* hour() and the like without an argument look at the evaluation time */
    bool stats = b->stats;
    b->stats = (x->func->flags & PF_STATS) != 0;
    PqlNode *child = x->arg_count ? pql_build(b, x->args[0]) : build_time(b, x);
    b->stats = stats;
    NodeMap *m = map_new(b, x, child);
    if (!m)
        return NULL;
    m->fn = x->func->sample;
    m->histogram = x->func->histogram;
    must(x->arg_count <= 1 + PARAMS_MAX);
    for (size_t i = 1; i < x->arg_count; i++)
        if (!build_param(b, &m->n, &m->params[m->param_count++], x->args[i]))
            return NULL;
    return names_dropped(b, &m->n, m->child, false);
}

PqlNode *build_negate(PqlBuild *b, const PqlExpr *x)
{
    NodeMap *m = map_new(b, x, pql_build(b, x->args[0]));
    if (!m)
        return NULL;
    m->negate = true;
    return names_dropped(b, &m->n, m->child, false);
}

PqlNode *build_timestamp(PqlBuild *b, const PqlExpr *call)
{
    const PqlExpr *arg = pql_unparen(call->args[0]);
    bool own = arg->kind == PX_VECTOR;
    NodeMap *m = map_new(b, call, own ? build_selector(b, arg, SV_TIME) : pql_build(b, arg));
    if (!m)
        return NULL;
    m->to_time = !own;
    return names_dropped(b, &m->n, m->child, false);
}

/* Of a selector only: elsewhere nobody knows them any more. */
PqlNode *build_start_timestamp(PqlBuild *b, const PqlExpr *call)
{
    const PqlExpr *arg = pql_unparen(call->args[0]);
    bool own = arg->kind == PX_VECTOR;
    NodeMap *m = map_new(b, call, own ? build_selector(b, arg, SV_START) : pql_build(b, arg));
    if (!m)
        return NULL;
    m->to_nothing = !own;
    return names_dropped(b, &m->n, m->child, false);
}

/* ---- functions over a range ---- */

typedef struct NodeWindow {
    PqlNode n;
    PqlNode *child; /* range */
    const PqlFunction *f;
    ScalarArg params[PARAMS_MAX];
    size_t param_count;
    double at_step[PARAMS_MAX];
    PqlMemo memo;
    int64_t range_ms, offset_ms, before_ms, beyond_ms;
    bool fixed;
    int64_t at_ms;
    RangeSeries in; /* being worked on */
    bool busy, some;
    size_t step, lo, hi, h_lo, h_hi, b_lo, b_hi;
    unsigned notes;
    const Histogram **h; /* results; NULL until there is one */
    double *out, *sorted;
    size_t sorted_cap;
    PqlWindow w;
    Arena labels;
} NodeWindow;

static void window_room(NodeWindow *nw)
{
    if (nw->in.count <= nw->sorted_cap)
        return;
    budget_charge(&nw->n.q->budget, (int64_t)(nw->in.count * 2 - nw->sorted_cap) * 8);
    nw->sorted_cap = nw->in.count * 2;
    nw->sorted = mem_realloc(nw->sorted, nw->sorted_cap * sizeof *nw->sorted);
    nw->w.sorted = nw->sorted;
}

/* Moves the window to a step: samples [lo, hi). */
static void window_move(NodeWindow *nw, size_t i)
{
    const RangeSeries *s = &nw->in;
    int64_t now = grid_at(&nw->n.grid, i), end = (nw->fixed ? nw->at_ms : now) - nw->offset_ms;
    while (nw->hi < s->count && s->t_ms[nw->hi] <= end + nw->beyond_ms)
        nw->hi++;
    while (nw->lo < nw->hi && s->t_ms[nw->lo] <= end - nw->range_ms - nw->before_ms)
        nw->lo++;
    while (nw->h_hi < s->h_count && s->h_ms[nw->h_hi] <= end + nw->beyond_ms)
        nw->h_hi++;
    while (nw->h_lo < nw->h_hi && s->h_ms[nw->h_lo] <= end - nw->range_ms - nw->before_ms)
        nw->h_lo++;
    nw->w.h_count = nw->h_hi - nw->h_lo;
    if (nw->w.h_count) {
        nw->w.h_ms = s->h_ms + nw->h_lo;
        nw->w.h = s->h + nw->h_lo;
        nw->w.h_st_ms = s->h_st_ms ? s->h_st_ms + nw->h_lo : NULL;
    }
    nw->w.t_ms = s->t_ms + nw->lo;
    nw->w.v = s->v + nw->lo;
    nw->w.st_ms = s->st_ms ? s->st_ms + nw->lo : NULL;
    nw->w.count = nw->hi - nw->lo;
    nw->w.first = nw->lo;
    nw->w.begin_ms = end - nw->range_ms;
    nw->w.end_ms = end;
    nw->w.now_ms = now;
}

/* There are histograms in the window. */
static bool window_mixed(NodeWindow *nw, size_t i)
{
    PqlSample out = {0};
    if (!nw->f->mixed) {
        if (nw->w.count == 0)
            return false;
        nw->notes |= WN_IGNORED;
        return nw->f->window(&nw->w, &nw->out[i]);
    }
    if (!nw->f->mixed(&nw->w, &out))
        return false;
    if (!out.h) {
        nw->out[i] = out.v;
        return true;
    }
    if (!nw->h)
        nw->h = pql_hists_new(nw->n.q, &nw->n.grid);
    nw->h[i] = out.h;
    return true;
}

/* There are buckets of tiers in the window. */
static bool window_of_tiers(NodeWindow *nw, size_t i)
{
    double v = 0;
    if (nw->w.h_count) {
        nw->notes |= WN_MIXED;
        return false;
    }
    bool some = nw->f->tier(&nw->w, &v);
    if (some)
        nw->out[i] = v;
    return some;
}

/* All windows that are left are together no long work, roughly. */
static bool short_work(const NodeWindow *nw)
{
    const RangeSeries *s = &nw->in;
    double span = (double)(s->t_ms[s->count - 1] - s->t_ms[0] + 1), range = (double)nw->range_ms;
    double each = (double)s->count * (range < span ? range / span : 1);
    return each * (double)(nw->n.grid.count - nw->step) < STEPS_WORK_MAX;
}

/* Nothing but numbers, and windows that move. */
static bool all_at_once(const NodeWindow *nw)
{
    return nw->f->steps && nw->step < nw->n.grid.count && nw->in.count &&
           nw->in.count <= UINT32_MAX && (!(nw->f->flags & PF_EACH) || short_work(nw)) &&
           nw->in.h_count == 0 && !nw->in.st_ms && !nw->before_ms && !nw->fixed;
}

/* The steps that are left; none of their windows begins where tiers stand for the samples. */
static void steps_at_once(NodeWindow *nw)
{
    size_t at = nw->step;
    if (nw->h) /* of the series before */
        memset(nw->h + at, 0, (nw->n.grid.count - at) * sizeof *nw->h);
    nw->some |= nw->f->steps(&(PqlSteps){.t_ms = nw->in.t_ms,
                                         .v = nw->in.v,
                                         .count = nw->in.count,
                                         .gap_ms = nw->in.gap_ms,
                                         .end_ms = grid_at(&nw->n.grid, at) - nw->offset_ms,
                                         .step_ms = nw->n.grid.step,
                                         .steps = nw->n.grid.count - at,
                                         .range_ms = nw->range_ms,
                                         .room = nw->sorted,
                                         .param = nw->param_count ? nw->params[0].v + at : NULL,
                                         .offset_ms = nw->offset_ms,
                                         .out = nw->out + at});
    nw->step = nw->n.grid.count;
}

/* The first step whose window begins where the samples are; 0 without buckets. */
static size_t step_of_samples(const NodeWindow *nw)
{
    const Grid *g = &nw->n.grid;
    size_t i = nw->step;
    while (nw->in.b_count && i < g->count &&
           grid_at(g, i) - nw->offset_ms - nw->range_ms + 1 < nw->in.tiers->seam_ms)
        i++;
    return i;
}

static NdStatus window_steps(NodeWindow *nw)
{
    size_t work = 0, samples_from = step_of_samples(nw);
    if (nw->step == 0 && samples_from == 0 && all_at_once(nw)) {
        steps_at_once(nw);
        return ND_SERIES;
    }
    for (; nw->step < nw->n.grid.count; nw->step++) {
        size_t i = nw->step;
        if (work > WINDOW_WORK_MAX && pql_pause(nw->n.q))
            return ND_YIELD;
        if (work > WINDOW_WORK_MAX)
            work = 0;
        if (i == samples_from && nw->in.b_count && all_at_once(nw)) {
            steps_at_once(nw);
            break;
        }
        double v = pql_absent();
        window_move(nw, i);
        memcpy(&nw->out[i], &v, sizeof v);
        if (nw->h)
            nw->h[i] = NULL;
        if (nw->in.b_count && tier_window(&nw->in, &nw->b_lo, &nw->b_hi, &nw->w)) {
            nw->some |= window_of_tiers(nw, i);
            work += nw->w.count + nw->w.b_count;
            continue;
        }
        if (nw->w.count + nw->w.h_count == 0)
            continue;
        work += nw->w.count + nw->w.h_count * HIST_WORK;
        for (size_t k = 0; k < nw->param_count; k++)
            nw->at_step[k] = nw->params[k].v[i];
        if (nw->w.h_count) {
            nw->some |= window_mixed(nw, i);
            continue;
        }
        if (!nw->f->window(&nw->w, &v))
            continue;
        nw->out[i] = v;
        nw->some = true;
    }
    return ND_SERIES;
}

static bool ends_with(Slice s, const char *tail)
{
    size_t n = strlen(tail);
    return s.len >= n && memcmp(s.ptr + s.len - n, tail, n) == 0;
}

static void tell_non_counter(NodeWindow *nw)
{
    PqlQuery *q = nw->n.q;
    uint32_t at = nw->n.x->args[0]->begin;
    Slice name = labels_get(&nw->in.labels, SLICE_LIT("__name__"));
    Slice type = labels_get(&nw->in.labels, SLICE_LIT("__type__"));
    if (name.len == 0 || q->infos.count == PQL_ANNOTATIONS_MAX)
        return;
    if (type.len) {
        if (!slice_eq_cstr(type, "counter") && !slice_eq_cstr(type, "histogram"))
            pql_annotate(q, false, at,
                         "metric might not be a counter, __type__ label is not set to \"counter\" "
                         "or \"histogram\", got \"%.*s\": \"%.*s\"",
                         SLICE_ARG(type), SLICE_ARG(name));
        return;
    }
    if (!ends_with(name, "_total") && !ends_with(name, "_sum") && !ends_with(name, "_count") &&
        !ends_with(name, "_bucket"))
        pql_annotate(q, false, at,
                     "metric might not be a counter, name does not end in "
                     "_total/_sum/_count/_bucket: \"%.*s\"",
                     SLICE_ARG(name));
}

static void tell_window(NodeWindow *nw)
{
    PqlQuery *q = nw->n.q;
    uint32_t at = nw->n.x->args[0]->begin;
    Slice name = labels_get(&nw->in.labels, SLICE_LIT("__name__"));
    if (nw->notes & WN_MIXED)
        pql_annotate(q, true, at,
                     "encountered a mix of histograms and floats for metric name \"%.*s\"",
                     SLICE_ARG(name));
    if (nw->notes & WN_NOT_COUNTER)
        pql_annotate(q, true, at, "this native histogram metric is not a counter: \"%.*s\"",
                     SLICE_ARG(name));
    if (nw->notes & WN_NOT_GAUGE)
        pql_annotate(q, true, at, "this native histogram metric is not a gauge: \"%.*s\"",
                     SLICE_ARG(name));
    if (nw->notes & WN_OVERLAP)
        pql_annotate(q, true, at,
                     "sample has start time that overlaps with previous sample timestamp for "
                     "metric name \"%.*s\"",
                     SLICE_ARG(name));
    if (nw->notes & WN_IGNORED)
        pql_annotate(q, false, at,
                     "ignored histograms in a range containing both floats and histograms for "
                     "metric name \"%.*s\"",
                     SLICE_ARG(name));
    for (int op = HO_ADD; op <= HO_AGG; op++)
        pql_tell_notes(q, nw->notes >> (WN_SHIFT * (1 + op)) & 0xff, (HistOp)op, name, at);
}

static void check_quantile(NodeWindow *nw)
{
    for (size_t i = 0; i < nw->n.grid.count; i++) {
        double q = nw->params[0].v[i];
        if (q >= 0 && q <= 1)
            continue;
        Buf b;
        buf_init(&b);
        buf_put_f64(&b, q);
        pql_annotate(nw->n.q, true, nw->n.x->args[0]->begin,
                     "quantile value should be between 0 and 1, got %.*s", (int)b.len, b.ptr);
        buf_free(&b);
    }
}

/* double_exponential_smoothing */
static bool check_factors(const NodeWindow *nw, Err *e)
{
    static const char *const what[] = {"smoothing factor. Expected: 0 < sf < 1",
                                       "trend factor. Expected: 0 < tf < 1"};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < nw->n.grid.count; i++)
            if (nw->params[k].v[i] <= 0 || nw->params[k].v[i] >= 1)
                return err_set(e, ERR_CARDINALITY, "invalid %s, got: %f", what[k],
                               nw->params[k].v[i]);
    return true;
}

static NdStatus window_begin(NodeWindow *nw, Err *e)
{
    NdStatus st;
    for (size_t k = 0; k < nw->param_count; k++)
        if ((st = scalar_ready(&nw->params[k], e)) != ND_SERIES)
            return st;
    if (nw->f->flags & PF_FACTORS && !check_factors(nw, e))
        return ND_FAIL;
    st = nd_next_range(nw->child, &nw->in, e);
    if (st != ND_SERIES)
        return st;
    tally_range(&nw->n, &nw->in, &(TallyWindow){nw->range_ms, nw->offset_ms, nw->at_ms, nw->fixed});
    nw->busy = true;
    nw->some = false;
    nw->step = nw->lo = nw->hi = nw->h_lo = nw->h_hi = nw->b_lo = nw->b_hi = 0;
    nw->notes = 0;
    nw->memo.valid = false;
    arena_reset(&nw->labels);
    window_room(nw);
    return ND_SERIES;
}

static NdStatus window_next(PqlNode *n, Series *out, Err *e)
{
    NodeWindow *nw = (NodeWindow *)n;
    NdStatus st;
    do {
        if (!nw->busy && (st = window_begin(nw, e)) != ND_SERIES)
            return st;
        if ((st = window_steps(nw)) != ND_SERIES)
            return st;
        nw->busy = false;
        if (nw->notes)
            tell_window(nw);
    } while (!nw->some);
    if (nw->f->flags & PF_COUNTER && nw->in.count)
        tell_non_counter(nw);
    if (nw->f->flags & PF_QUANTILE)
        check_quantile(nw);
    *out = (Series){nw->in.labels, nw->in.drop_name, nw->out, .h = nw->h};
    if (!(nw->f->flags & PF_KEEP_NAME))
        drop_name(n, out, &nw->labels);
    return ND_SERIES;
}

static void window_close(PqlNode *n)
{
    NodeWindow *nw = (NodeWindow *)n;
    budget_charge(&n->q->budget, -(int64_t)nw->sorted_cap * 8);
    mem_free(nw->sorted);
    arena_free(&nw->labels);
}

static const NodeDef def_window = {.next = window_next, .close = window_close};

static bool check_modifiers(PqlBuild *b, const PqlExpr *x, const PqlExpr *v)
{
    if (v->anchored && !(x->func->flags & PF_ANCHORED))
        return err_set(b->e, ERR_CARDINALITY,
                       "anchored modifier can only be used with: changes, delta, increase, rate, "
                       "resets - not with %s",
                       x->func->name);
    if (v->smoothed && !(x->func->flags & PF_SMOOTHED))
        return err_set(
            b->e, ERR_CARDINALITY,
            "smoothed modifier can only be used with: delta, increase, rate - not with %s",
            x->func->name);
    return true;
}

static void window_times(NodeWindow *nw, PqlBuild *b, const PqlExpr *range)
{
    const PqlExpr *v = range->kind == PX_MATRIX ? range->args[0] : range;
    nw->range_ms = pql_range_ms(b->q, range);
    nw->offset_ms = pql_offset_ms(b->q, v);
    nw->fixed = v->at != PT_NONE;
    nw->at_ms = pql_at_ms(b->q, v);
    nw->before_ms = v->anchored || v->smoothed ? b->q->r.lookback_ms : 0;
    nw->beyond_ms = v->smoothed ? b->q->r.lookback_ms : 0;
    nw->w.anchored = v->anchored;
    nw->w.smoothed = v->smoothed;
    nw->w.params = nw->at_step;
    nw->w.memo = &nw->memo;
    nw->w.notes = &nw->notes;
    nw->w.arena = &nw->labels;
    nw->w.range_s = (double)nw->range_ms / 1000;
}

static PqlNode *build_window(PqlBuild *b, const PqlExpr *x)
{
    NodeWindow *nw = (NodeWindow *)pql_node_new(b, sizeof *nw, &def_window, x);
    arena_init(&nw->labels, &b->q->budget);
    nw->f = x->func;
    nw->out = pql_vector_new(b->q, &b->grid);
    for (size_t i = 0; i < x->arg_count; i++) {
        if (x->args[i]->type != PQL_MATRIX) {
            must(nw->param_count < PARAMS_MAX);
            if (!build_param(b, &nw->n, &nw->params[nw->param_count++], x->args[i]))
                return NULL;
            continue;
        }
        const PqlExpr *range = pql_unparen(x->args[i]);
        window_times(nw, b, range);
        if (!check_modifiers(b, x, range->kind == PX_MATRIX ? range->args[0] : range))
            return NULL;
        PqlBuild own = *b;
        own.starts = x->func->flags & PF_STARTS && b->q->start_times;
        own.tier_parts = x->func->tier_parts;
        own.asked_by = x->func->name;
        own.place.times = 0; /* the window counts */
        nw->child = build_range(&own, range);
        b->take_series = own.take_series;
        if (!nw->child)
            return NULL;
    }
    if (!(x->func->flags & PF_KEEP_NAME))
        return names_dropped(b, &nw->n, nw->child, true);
    nd_like(&nw->n, nw->child);
    return &nw->n;
}

PqlNode *build_call(PqlBuild *b, const PqlExpr *x)
{
    if (x->func->build)
        return x->func->build(b, x);
    return x->func->sample || x->func->histogram ? build_map(b, x) : build_window(b, x);
}

/* absent_over_time(): present or not, then turned round. */
PqlNode *build_present(PqlBuild *b, const PqlExpr *call)
{
    PqlExpr *x = ARENA_NEW(&b->q->arena, PqlExpr);
    *x = *call;
    x->func = pql_function_find(SLICE_LIT("present_over_time"));
    return build_window(b, x);
}
