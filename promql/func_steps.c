/* promql/func_steps.c - change in a window for all steps of a series at once: rate, increase, delta.
 *
 * The same arithmetic as func_rate.c, which has the cases that are rare: start times, anchored, smoothed,
 * histograms.  The edges of the windows move forward only, the resets are found once a series, and what is left
 * of a step is arithmetic without branches (grid_kernels.c). */
#include "base/simd.h"
#include "promql/grid_kernels.h"
#include "promql/kernels.h"

const GridKernels *pql_kernels(void)
{
#ifdef SKULK_KERNELS_V3
    if (simd_has_v3())
        return &grid_v3;
#endif
    return &grid_base;
}

typedef struct Edge { /* samples [0, at) are not after it */
    size_t at, by;    /* it moved by so many last */
} Edge;

typedef struct Moving {
    Edge lo, hi;
    const uint32_t *drops;
    size_t drop, drop_count; /* drops before `drop` are at or before lo */
} Moving;

static inline void edge_move(Edge *e, const int64_t *t_ms, size_t count, int64_t limit)
{
    size_t at = e->at, guess = at + e->by;
    if (guess && guess < count && t_ms[guess - 1] <= limit && t_ms[guess] > limit) {
        e->at = guess;
        return;
    }
    while (at < count && t_ms[at] <= limit)
        at++;
    e->by = at - e->at;
    e->at = at;
}

/* Every value before a drop is what a counter had reached when it started again. */
static double lost(Moving *m, const double *v)
{
    double sum = 0;
    while (m->drop < m->drop_count && m->drops[m->drop] <= m->lo.at)
        m->drop++;
    for (size_t i = m->drop; i < m->drop_count && m->drops[i] < m->hi.at; i++)
        sum += v[m->drops[i] - 1];
    return sum;
}

/* Moves over n steps; false: none has a result. */
static bool windows(Moving *m, const PqlSteps *s, size_t from, size_t n, ChangeSteps *c)
{
    bool some = false;
    for (size_t i = 0; i < n; i++) {
        int64_t end = s->end_ms + (int64_t)(from + i) * s->step_ms, begin = end - s->range_ms;
        edge_move(&m->hi, s->t_ms, s->count, end);
        edge_move(&m->lo, s->t_ms, m->hi.at, begin);
        size_t first = m->lo.at, last = m->hi.at - 1;
        if (m->hi.at < first + 2) {
            c->gaps[i] = c->covered[i] = c->to_start[i] = c->to_end[i] = c->first[i] = c->raw[i] =
                0;
            continue;
        }
        some = true;
        c->gaps[i] = (double)(last - first);
        c->covered[i] = (double)(s->t_ms[last] - s->t_ms[first]);
        c->to_start[i] = (double)(s->t_ms[first] - begin);
        c->to_end[i] = (double)(end - s->t_ms[last]);
        c->first[i] = s->v[first];
        c->raw[i] = s->v[last] - s->v[first];
        if (m->drop < m->drop_count)
            c->raw[i] += lost(m, s->v);
    }
    return some;
}

static bool change(const PqlSteps *s, bool counter, double range_s)
{
    const GridKernels *k = pql_kernels();
    Moving m = {.drops = s->room};
    ChangeSteps c = {0};
    bool some = false;
    if (counter)
        m.drop_count = k->drops(s->room, s->v, s->count);
    for (size_t i = 0, n; i < s->steps; i += n) {
        n = s->steps - i < CHANGE_STEPS ? s->steps - i : CHANGE_STEPS;
        some |= windows(&m, s, i, n, &c);
        k->change(s->out + i, &c, n, range_s, counter);
    }
    return some;
}

bool fg_rate(const PqlSteps *s)
{
    return change(s, true, (double)s->range_ms / 1000);
}

bool fg_increase(const PqlSteps *s)
{
    return change(s, true, 1);
}

bool fg_delta(const PqlSteps *s)
{
    return change(s, false, 1);
}
