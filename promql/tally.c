/* promql/tally.c - how many samples each step of a query looks at, as Prometheus counts them for stats=...
 *
 * A selector counts the samples that it finds, a window those that lie in it, at each of its steps; so a sample
 * counts as often as it is used.  What is evaluated once for all steps counts at each of them.  Of a subquery the
 * window over it counts, its inside only where there is no window: at the last step, as there. */
#include "promql/eval_private.h"

struct Tally {
    size_t count;
    _Atomic uint64_t steps[]; /* parts of a query count at the same time */
};

void tally_open(PqlQuery *q)
{
    q->tally = arena_zero(&q->arena, sizeof *q->tally + q->grid.count * sizeof *q->tally->steps);
    q->tally->count = q->grid.count;
}

static void tally_put(const PqlNode *n, size_t step, uint64_t samples)
{
    Tally *t = n->q->top->tally;
    samples *= n->place.times;
    if (n->place.inside)
        step = t->count - 1;
    for (size_t i = n->place.every ? 0 : step; i < (n->place.every ? t->count : step + 1); i++)
        atomic_fetch_add_explicit(&t->steps[i], samples, memory_order_relaxed);
}

void tally_vector(const PqlNode *n, const Series *s)
{
    for (size_t i = 0; n->q->top->tally && i < n->grid.count; i++)
        if (!series_missing(s, i))
            tally_put(n, i, 1);
}

/* Samples of ascending times in (end - range, end] at each step. */
static void windows(const PqlNode *n, const TallyWindow *w, const int64_t *t_ms, size_t count)
{
    size_t lo = 0, hi = 0;
    for (size_t i = 0; count && i < n->grid.count; i++) {
        int64_t end = (w->fixed ? w->at_ms : grid_at(&n->grid, i)) - w->offset_ms;
        while (hi < count && t_ms[hi] <= end)
            hi++;
        while (lo < hi && t_ms[lo] <= end - w->range_ms)
            lo++;
        if (hi > lo)
            tally_put(n, i, hi - lo);
    }
}

void tally_range(const PqlNode *n, const RangeSeries *s, const TallyWindow *w)
{
    if (!n->q->top->tally)
        return;
    windows(n, w, s->t_ms, s->count);
    windows(n, w, s->h_ms, s->h_count);
}

bool pql_tally(const PqlQuery *q, size_t step, int64_t *t_ms, uint64_t *samples)
{
    if (!q->tally || step >= q->tally->count)
        return false;
    *t_ms = grid_at(&q->grid, step);
    *samples = q->tally->steps[step];
    return true;
}

uint64_t pql_samples(const PqlQuery *q)
{
    return q->samples;
}
