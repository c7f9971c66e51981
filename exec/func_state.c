/* exec/func_state.c - states of aggregates as values, and what continuous views say of themselves.
 *
 * A state is a byte for its version, then what the aggregate's save gives.  The functions are called
 * by plans that the analyzer makes; users may call them, and get an error for what is no state. */
#include "exec/agg_private.h"
#include "exec/grid.h"
#include "exec/state.h"
#include "storage/watch.h"

enum { STATE_VERSION = 1, STATE_ARGS = 3 /* before the types of the arguments */ };

bool agg_state_value(const AggDef *def, AggCtx *c, const void *state, Value *out, Err *e)
{
    Buf bytes;
    (void)e;
    buf_init(&bytes);
    buf_put_u8(&bytes, STATE_VERSION);
    def->save(c, state, &bytes);
    *out = value_str(arena_slice(c->arena, buf_slice(&bytes)));
    buf_free(&bytes);
    return true;
}

bool agg_state_load(const AggDef *def, AggCtx *c, void *state, Slice bytes, Err *e)
{
    if (!bytes.len || bytes.ptr[0] != STATE_VERSION)
        return agg_bad_state(e);
    return def->load(c, state, slice_of(bytes.ptr + 1, bytes.len - 1), e);
}

/* state_value(state, aggregate, result, arguments...): oids.  What the aggregate would give. */
static bool state_value(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    TypeId types[10] = {0};
    if (args[0].null)
        return func_null(out), true;
    const FuncDef *f = n >= STATE_ARGS ? func_by_oid((uint32_t)args[1].u.i64) : NULL;
    Slice bytes = args[0].u.str;
    if (!f || !f->agg || !f->agg->load || n - STATE_ARGS > ARRAY_LEN(types))
        return agg_bad_state(e);
    for (size_t i = STATE_ARGS; i < n; i++)
        types[i - STATE_ARGS] = (TypeId)args[i].u.i64;
    AggCtx c = {ctx, ctx->scratch, types, n - STATE_ARGS, (TypeId)args[2].u.i64};
    void *state = arena_zero(ctx->scratch, f->agg->state_size);
    f->agg->init(&c, state);
    return agg_state_load(f->agg, &c, state, bytes, e) && f->agg->final(&c, state, out, e);
}

/* ---- what a continuous view covers ---- */

static int64_t us_floor(int64_t ns)
{
    return ns / 1000 - (ns % 1000 < 0);
}

/* Up to VIEW_RANGES ranges of results that are out of date, in order: there are gaps where marks lie far
 * apart.  A range that is not there is empty and lies at the end. */
typedef struct StaleRange {
    int64_t from_ns, to_ns;
} StaleRange;

static size_t stale_ranges(const Watch *w, const Bucket *grid, int64_t low,
                           StaleRange out[VIEW_RANGES])
{
    size_t n = 0;
    low = low > w->state.from_ns ? low : w->state.from_ns;
    for (size_t i = 0; i < w->mark_count; i++) {
        int64_t from = w->marks[i].from_ns, to = w->marks[i].to_ns;
        if (from >= w->state.upto_ns || to <= low)
            continue;
        from = grid ? grid_down(grid, from) : from;
        to = grid ? grid_up(grid, to) : to;
        from = from > low ? from : low;
        to = to < w->state.upto_ns ? to : w->state.upto_ns;
        if (from >= to)
            continue;
        if (n && (from <= out[n - 1].to_ns || n == VIEW_RANGES))
            out[n - 1].to_ns = to > out[n - 1].to_ns ? to : out[n - 1].to_ns;
        else
            out[n++] = (StaleRange){from, to};
    }
    return n;
}

static bool view_bound(const Snapshot *snap, const Watch *w, const Bucket *grid, ViewBound which,
                       size_t i, int64_t *out, Err *e)
{
    StaleRange r[VIEW_RANGES];
    int64_t low;
    if (which == VIEW_FROM || which == VIEW_UPTO) {
        *out = which == VIEW_FROM ? w->state.from_ns : w->state.upto_ns;
        return true;
    }
    if (!watch_horizon(snap, w, &low, e))
        return false;
    low = grid ? grid_up(grid, low) : low;
    size_t n = w->mark_count ? stale_ranges(w, grid, low, r) : 0;
    *out = i >= n ? w->state.upto_ns : which == VIEW_STALE_TO ? r[i].to_ns : r[i].from_ns;
    return true;
}

/* view_bound(view, which, number of the range, grid): the same for all rows.  Without a watch: 1970. */
static bool kernel_view_bound(FnCall *c, Err *e)
{
    size_t row = c->sel ? c->sel[0] : 0;
    const Snapshot *snap = c->ctx->snapshot;
    const Watch *w =
        snap ? watches_find(snapshot_watches(snap), (ObjectId)vec_get(&c->args[0], row).u.i64)
             : NULL;
    ViewBound which = (ViewBound)vec_get(&c->args[1], row).u.i64;
    Slice bytes = vec_get(&c->args[3], row).u.str;
    Bucket grid;
    int64_t ns = 0;
    if (bytes.len && !grid_decode(&grid, bytes, e))
        return false;
    if (w && !view_bound(snap, w, bytes.len ? &grid : NULL, which,
                         (size_t)vec_get(&c->args[2], row).u.i64, &ns, e))
        return false;
    Value v = value_i64(us_floor(ns));
    vec_init_const(c->out, c->expr->type, &v, c->ctx->scratch);
    return true;
}

/* ---- tiers ---- */

static int64_t bound_ns(const Value *v, int64_t add)
{
    int64_t ns;
    return v->u.i64 == INT64_MIN || v->u.i64 == INT64_MAX ||
                   __builtin_mul_overflow(v->u.i64 + add, (int64_t)1000, &ns)
               ? v->u.i64
               : ns;
}

/* How far up the next tier may answer so that no bucket of it is cut. */
static int64_t eager_seam(const TierSeam *s, int64_t low, int64_t high)
{
    const WatchState *w = &s->keeper->state;
    bool low_fits = low <= s->seam || watch_grain_down(w, low) == low;
    bool high_fits = high >= s->reach || watch_grain_down(w, high) == high;
    return low_fits && high_fits && s->reach > s->seam ? s->reach : s->seam;
}

static bool kernel_tier_bound(FnCall *c, Err *e)
{
    size_t row = c->sel ? c->sel[0] : 0;
    Value a[8];
    TierSeam s;
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        a[i] = vec_get(&c->args[i], row);
        if (a[i].null) { /* a bound that is NULL: no row fits anyway */
            vec_init_const(c->out, c->expr->type, &a[i], c->ctx->scratch);
            return true;
        }
    }
    int64_t ns = INT64_MIN;
    const Snapshot *snap = c->ctx->snapshot;
    bool eager = a[3].u.i64;
    if (snap && !tier_seam(snap, (TableId)a[0].u.i64, (size_t)a[1].u.i64, &s, e))
        return false;
    if (snap && s.keeper)
        ns = a[2].u.i64 == TIER_BOUND_GONE ? s.gone
             : eager ? eager_seam(&s, bound_ns(&a[4], a[6].u.i64), bound_ns(&a[5], a[7].u.i64))
                     : s.seam;
    Value v = value_i64(ns == INT64_MIN ? INT64_MIN : us_floor(ns));
    vec_init_const(c->out, c->expr->type, &v, c->ctx->scratch);
    return true;
}

/* tier_cut(cut, table): fails where what the rows of a bucket are grouped by differs within it. */
static bool tier_cut(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx;
    (void)n;
    *out = args[0];
    if (!args[0].u.b)
        return true;
    err_set(e, ERR_INVALID_PARAMETER,
            "rows of table \"%.*s\" are gone, and this query would divide those of one bucket of "
            "its tiers",
            SLICE_ARG(args[1].u.str));
    return err_hint(e, "Group by multiples of the width in skulk.tiers, in UTC, or ask for later "
                       "rows. SET skulk.tiers = 'ignore' shows the rows that are there.");
}

FuncDef func_state[] = {
    FS("state_value(bytea, int8, int8) any", state_value, FN_HIDDEN,
       "what the aggregate of a state gives"),
    FK("view_bound(int8, int8, int8, bytea) timestamptz", kernel_view_bound,
       FN_STABLE | FN_STRICT | FN_HIDDEN, "where the results of a continuous view lie"),
    FK("tier_bound(int8, int8, int8, int8, timestamptz, timestamptz, int8, int8) timestamptz",
       kernel_tier_bound, FN_STABLE | FN_HIDDEN, "where rows stop and their tier begins"),
    FS("tier_cut(bool, text) bool", tier_cut, FN_STABLE | FN_STRICT | FN_HIDDEN,
       "fails where a key would divide a bucket"),
    FUNC_END,
};
