/* promql/node_spread.c - the series of one selector, evaluated on all cores.
 *
 * A tree of nodes in which every series comes from one series of one selector is cut into morsels: ranges of
 * those series, each a query of its own (a part) over the same expression.  The owner hands up the results in
 * the order in which one core would have made them, so whatever is folded from them has the same bits however
 * many cores there are.
 * Who runs them: the owner takes the first morsel that nobody has begun, and so do helpers, tasks of the
 * scheduler.  A morsel whose slice ends is left for whoever comes next: the owner never waits for a helper that
 * is not running.  Nobody runs further ahead of the owner than a window, which bounds the memory. */
#include "promql/eval_private.h"

enum {
    MORSEL_BYTES = 128 << 10, /* of results */
    MORSEL_WORK_MIN = 8192,
    MORSELS_A_CORE = 6, /* at least, where there are series for it */
    FOLD_MORSELS = 24,
    FOLD_SERIES_MAX = 256,
    SPREAD_WORK_MIN = 16384,
    SERIES_WORK = 16, /* what a series costs beside its samples */
    USUAL_GAP_MS = 15000,
    RANK_SPREAD = RANK_TASK - 1 /* held while waking */
};

typedef enum MorselState { MO_NEW, MO_BUSY, MO_PAUSED, MO_DONE, MO_FAILED } MorselState;

typedef struct Morsel {
    PqlQuery *part; /* made by who begins it, freed by the owner */
    Gathered rows;
    MorselState state; /* needs the mutex */
} Morsel;

typedef struct Helper {
    Task task;
    struct Spread *spread;
    bool over; /* needs the mutex */
} Helper;

typedef struct NodeSpread NodeSpread;

typedef struct Spread { /* shared with the helpers */
    Ref refs;           /* the owner and each helper */
    NodeSpread *node;   /* not after close */
    PqlRequest request; /* of parts */
    Morsel *morsels;
    Helper *helpers;
    size_t count, helper_count, window, size; /* size: series of a morsel */
    Mutex mutex;
    Cond idle; /* running became 0 */
    /* these need the mutex */
    size_t at;    /* whose rows are handed up */
    size_t begun; /* those from here on are new */
    size_t running;
    size_t failed_at; /* the first that failed, and how */
    Err err;
    bool closed;
    Task *waiter;
} Spread;

struct NodeSpread {
    PqlNode n;
    PqlNode *whole;   /* the tree, built once; its selector says which series, its nodes count */
    PqlNode *last;    /* built of it */
    PqlBuild build;   /* how */
    bool folds;       /* the tree is an aggregation: a row of a part is a group */
    Spread *spread;   /* NULL: not begun */
    size_t next;      /* row of the morsel `at` */
    size_t at, count; /* as of the spread; of the owner */
    bool ready;       /* the morsel `at` is */
};

/* ---- a morsel: by the owner or a helper, never both ---- */

static bool part_open(Spread *s, Morsel *m, Err *e)
{
    NodeSpread *ns = s->node;
    PqlQuery *q = ns->n.q, *part = MEM_NEW(PqlQuery);
    size_t begin = (size_t)(m - s->morsels) * s->size;
    pql_query_init(part, &s->request, q->x);
    m->part = part;
    part->top = q->top;
    part->grid = q->grid;
    part->end_ms = q->end_ms;
    Sources series = sources_range(&part->arena, &ns->whole->feed->sources, begin, begin + s->size);
    PqlBuild b = ns->build;
    b.q = part;
    b.e = e;
    b.take_series = &series;
    part->root = pql_build(&b, ns->whole->x);
    sources_free(&series); /* unless the selector has taken them */
    return part->root != NULL;
}

static NdStatus morsel_step(Spread *s, Morsel *m, Task *waiter, Err *e)
{
    if (!m->part && !part_open(s, m, e))
        return ND_FAIL;
    m->part->r.waiter = waiter;
    if (!pql_may_go_on(m->part, e))
        return ND_FAIL;
    return gather(m->part->root, &m->rows, e);
}

/* With the mutex held. */
static Morsel *morsel_take(Spread *s)
{
    size_t end = s->at + s->window < s->count ? s->at + s->window : s->count;
    for (size_t i = s->at; i < end; i++) {
        Morsel *m = &s->morsels[i];
        if (m->state != MO_NEW && m->state != MO_PAUSED)
            continue;
        s->begun = i >= s->begun ? i + 1 : s->begun;
        m->state = MO_BUSY;
        return m;
    }
    return NULL;
}

/* With the mutex held. */
static void morsel_give(Spread *s, Morsel *m, NdStatus st, const Err *e)
{
    size_t i = (size_t)(m - s->morsels);
    m->state = st == ND_END ? MO_DONE : st == ND_FAIL ? MO_FAILED : MO_PAUSED;
    if (st == ND_FAIL && i < s->failed_at) {
        s->failed_at = i;
        s->err = *e;
    }
}

/* ---- helpers ---- */

static void spread_unref(Spread *s)
{
    if (!ref_drop(&s->refs))
        return;
    query_drain_count(-1);
    mutex_destroy(&s->mutex);
    cond_destroy(&s->idle);
    mem_free(s->helpers);
    mem_free(s->morsels);
    mem_free(s);
}

/* Called and left with the mutex held. */
static NdStatus help(Spread *s, Morsel *m, Task *waiter)
{
    Err e;
    err_clear(&e);
    s->running++;
    mutex_unlock(&s->mutex);
    NdStatus st = morsel_step(s, m, waiter, &e);
    mutex_lock(&s->mutex);
    morsel_give(s, m, st, &e);
    if (--s->running == 0 && s->closed)
        cond_signal(&s->idle);
    if (s->waiter)
        task_wake(s->waiter);
    s->waiter = NULL;
    return st;
}

static TaskStatus helper_step(Task *t)
{
    Helper *h = (Helper *)t; /* task is its first member */
    Spread *s = h->spread;
    const Clock *clock = sched_clock(t->sched);
    int64_t until = clock->mono_ns(clock) + TASK_SLICE_NS;
    TaskStatus next = TASK_MORE;
    mutex_lock(&s->mutex);
    while (!s->closed && next == TASK_MORE && clock->mono_ns(clock) < until) {
        Morsel *m = morsel_take(s);
        if (!m)
            next = s->begun == s->count ? TASK_DONE : TASK_WAIT;
        else if (help(s, m, t) == ND_WAIT)
            next = TASK_WAIT;
    }
    if (s->closed)
        next = TASK_DONE;
    h->over = next == TASK_DONE;
    mutex_unlock(&s->mutex);
    return next;
}

static void helper_done(Task *t)
{
    spread_unref(((Helper *)t)->spread);
}

/* With the mutex held. */
static void wake_helpers(Spread *s)
{
    for (size_t i = 0; i < s->helper_count; i++)
        if (!s->helpers[i].over)
            task_wake(&s->helpers[i].task);
}

/* ---- the owner ---- */

static size_t spread_cores(const PqlQuery *q)
{
    return q->r.sched ? (size_t)sched_workers(q->r.sched) : 1;
}

/* Samples and values of a series, roughly. */
static uint64_t series_work(const PqlNode *n)
{
    const Feed *f = n->feed;
    uint64_t samples = f->until_ms > f->after_ms
                           ? ((uint64_t)f->until_ms - (uint64_t)f->after_ms) / USUAL_GAP_MS
                           : 0;
    return SERIES_WORK + n->grid.count + (samples < UINT32_MAX ? samples : UINT32_MAX);
}

/* Series of a morsel. */
static size_t morsel_size(const NodeSpread *ns, size_t series, size_t cores)
{
    size_t least = MORSEL_WORK_MIN / series_work(ns->whole) + 1, size;
    size_t row = ns->n.grid.count * sizeof(double) + sizeof(Series);
    if (ns->folds) {
        size = series / FOLD_MORSELS < FOLD_SERIES_MAX ? series / FOLD_MORSELS : FOLD_SERIES_MAX;
    } else {
        size_t by_bytes = MORSEL_BYTES / row, by_cores = series / (cores * MORSELS_A_CORE);
        size = by_bytes < by_cores ? by_bytes : by_cores;
    }
    return size > least ? size : least;
}

static void spread_begin(NodeSpread *ns)
{
    PqlQuery *q = ns->n.q;
    size_t series = sources_series(&ns->whole->feed->sources);
    size_t cores = spread_cores(q);
    Spread *s = MEM_NEW(Spread);
    s->size = morsel_size(ns, series, cores);
    s->count = s->failed_at = ns->count = (series + s->size - 1) / s->size;
    s->window = cores * 2 + 2; /* has_room knows */
    s->node = ns;
    s->request = q->r;
    s->request.budget = &q->budget;
    s->morsels = mem_zero((s->count + 1) * sizeof *s->morsels);
    s->helper_count = cores - 1 < s->count - 1 ? cores - 1 : s->count - 1;
    s->helpers = mem_zero((s->helper_count + 1) * sizeof *s->helpers);
    ref_init(&s->refs);
    query_drain_count(1);
    mutex_init(&s->mutex, (LockRank)RANK_SPREAD);
    cond_init(&s->idle);
    ns->spread = s;
    for (size_t i = 0; i < s->helper_count; i++) {
        Helper *h = &s->helpers[i];
        h->spread = s;
        ref_take(&s->refs);
        task_init(&h->task, helper_step, TASK_QUERY, q->r.waiter ? q->r.waiter->group : q->r.group);
        h->task.done = helper_done;
        task_start(q->r.sched, &h->task);
    }
}

/* What the part counted and told becomes the whole's. */
static void part_close(NodeSpread *ns, Morsel *m)
{
    PqlQuery *part = m->part;
    PqlNode *to = ns->last;
    for (const PqlNode *n = part->nodes; n; n = n->older, to = to->older) {
        must(to->def == n->def);
        to->series += n->series;
        to->samples += n->samples;
        to->runs += n->runs;
    }
    pql_annotate_as(ns->n.q, part);
    pql_query_clear(part);
    mem_free(part);
    m->part = NULL;
}

/* Works until the rows of the morsel `at` are there: ND_END. */
static NdStatus morsel_ready(NodeSpread *ns, Err *e)
{
    Spread *s = ns->spread;
    PqlQuery *q = ns->n.q;
    const Morsel *wanted = &s->morsels[ns->at];
    NdStatus st = ND_YIELD;
    Morsel *mine;
    bool pause = false; /* not before something was done */
    mutex_lock(&s->mutex);
    while (wanted->state != MO_DONE && wanted->state != MO_FAILED && st != ND_WAIT && !pause &&
           (mine = morsel_take(s))) {
        mutex_unlock(&s->mutex);
        st = morsel_step(s, mine, q->r.waiter, e);
        pause = pql_pause(q);
        mutex_lock(&s->mutex);
        morsel_give(s, mine, st, e);
    }
    if (wanted->state == MO_DONE) {
        st = ND_END;
    } else if (wanted->state == MO_FAILED) {
        *e = s->err;
        st = ND_FAIL;
    } else if (q->r.waiter && (st == ND_WAIT || wanted->state == MO_BUSY)) {
        s->waiter = q->r.waiter;
        st = ND_WAIT;
    } else {
        st = ND_YIELD;
    }
    mutex_unlock(&s->mutex);
    return st;
}

static NdStatus spread_next(PqlNode *n, Series *out, Err *e)
{
    NodeSpread *ns = (NodeSpread *)n;
    if (!ns->spread)
        spread_begin(ns);
    while (ns->at < ns->count) {
        Morsel *m = &ns->spread->morsels[ns->at];
        NdStatus st = ns->ready ? ND_END : morsel_ready(ns, e);
        if (st != ND_END)
            return st;
        ns->ready = true;
        if (ns->next < m->rows.count) {
            *out = m->rows.items[ns->next++];
            return ND_SERIES;
        }
        part_close(ns, m);
        ns->next = 0;
        ns->ready = false;
        mutex_lock(&ns->spread->mutex);
        ns->spread->at = ++ns->at;
        wake_helpers(ns->spread);
        mutex_unlock(&ns->spread->mutex);
    }
    return ND_END;
}

/* Waits for helpers that are inside a step: at most one slice. */
static void spread_close(PqlNode *n)
{
    Spread *s = ((NodeSpread *)n)->spread;
    if (!s)
        return;
    mutex_lock(&s->mutex);
    s->closed = true;
    s->waiter = NULL;
    wake_helpers(s);
    while (s->running > 0)
        cond_wait(&s->idle, &s->mutex);
    mutex_unlock(&s->mutex);
    for (size_t i = 0; i < s->count; i++) {
        if (s->morsels[i].part)
            pql_query_clear(s->morsels[i].part);
        mem_free(s->morsels[i].part);
    }
    spread_unref(s);
}

static const NodeDef def_spread = {.next = spread_next, .close = spread_close};

/* A part takes about what the tree does, which was built; all parts that are open at once leave room. */
static bool has_room(const PqlQuery *q)
{
    int64_t parts = (int64_t)spread_cores(q) * 2 + 2, limit = q->budget.limit;
    for (const Budget *b = q->budget.parent; b; b = b->parent)
        limit = b->limit && (!limit || b->limit < limit) ? b->limit : limit;
    return !limit || (int64_t)q->arena.used < limit / 2 / parts;
}

/* Is it worth a second core? */
static bool is_long(const PqlNode *n)
{
    size_t series = sources_series(&n->feed->sources);
    return series > 1 && series >= SPREAD_WORK_MIN / series_work(n);
}

bool pql_can_spread(const PqlBuild *b, const PqlNode *n)
{
    return n && n->feed && !b->take_series && is_long(n) && has_room(b->q);
}

static PqlNode *spread_new(PqlBuild *b, PqlNode *n, bool folds)
{
    PqlNode *last = b->q->nodes;
    NodeSpread *ns = (NodeSpread *)pql_node_new(b, sizeof *ns, &def_spread, n->x);
    ns->whole = n;
    ns->last = last;
    ns->build = *b;
    ns->folds = folds;
    ns->n.one_name = n->one_name;
    return &ns->n;
}

PqlNode *pql_spread(PqlBuild *b, PqlNode *n)
{
    return spread_cores(b->q) > 1 && pql_can_spread(b, n) ? spread_new(b, n, false) : n;
}

PqlNode *pql_spread_folds(PqlBuild *b, PqlNode *n)
{
    return spread_new(b, n, true);
}

PqlNode *pql_build_all(PqlBuild *b, const PqlExpr *x)
{
    return pql_spread(b, pql_build(b, x));
}
