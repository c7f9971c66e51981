/* Aggregates over frames.  A frame that only grows is fed with what is new, so rows that were fed need
 * not be kept.  Other frames are put
 * together from rows and, when they are long, from the states of blocks: level 0 has a state for every
 * LEAF_ROWS rows, each level above one for FANOUT of the level below, so that a frame of any length
 * takes O(LEAF_ROWS + FANOUT log n) work.  States are merged in the order of the rows. */
#include "exec/op_window_private.h"

enum { LEAF_ROWS = 64, FANOUT = 8, TREE_LEVELS = 12, SHORT_ROWS = 2 * LEAF_ROWS, ARGS_MAX = 16 };

typedef struct FrameAgg {
    OpWindow *w;
    const WindowCall *call;
    const AggDef *def;
    size_t args; /* first argument column of the partition; the filter follows the arguments */
    AggCtx keep; /* states that live as long as the partition's work */
    AggCtx once; /* the state of one frame */
    Arena once_arena;
    void *state;
    size_t stride;
    /* growing frames: */
    bool growing, begun;
    size_t fed;
    /* states of blocks, stride apart: those that lie before row built[level] * block_rows */
    char *level[TREE_LEVELS];
    size_t built[TREE_LEVELS], room[TREE_LEVELS];
} FrameAgg;

/* Rows [begin, end) of the argument columns into the state. */
static bool feed(FrameAgg *f, AggCtx *c, void *state, size_t begin, size_t end, Err *e)
{
    OpWindow *w = f->w;
    Vector v[ARGS_MAX];
    uint16_t sel[BATCH_ROWS];
    size_t n = f->call->arg_count;
    bool many = end > begin + BATCH_ROWS;
    begin = (size_t)((int64_t)begin + w->first);
    end = (size_t)((int64_t)end + w->first);
    while (begin < end) {
        const Batch *b;
        size_t first;
        if (!rowfile_batch(w->part, begin, &b, &first, e) || (many && !window_goes_on(w, e)))
            return false;
        size_t left = b->rows - first;
        size_t rows = left < end - begin ? left : end - begin, kept = 0;
        const Vector *filter = f->call->filter ? &b->cols[f->args + n] : NULL;
        for (size_t a = 0; a < n; a++)
            v[a] = b->cols[f->args + a];
        for (size_t i = first; i < first + rows; i++) {
            bool skip = filter && (vec_is_null(filter, i) || !filter->v.b[i]);
            for (size_t a = 0; f->def->skips_nulls && a < n; a++)
                skip |= vec_is_null(&v[a], i);
            sel[kept] = (uint16_t)i;
            kept += !skip;
        }
        if (kept && !f->def->update(c, state, v, sel, kept, e))
            return false;
        begin += rows;
    }
    return true;
}

/* ---- states of blocks ---- */

static void *block(const FrameAgg *f, size_t level, size_t i)
{
    return f->level[level] + i * f->stride;
}

static size_t block_rows(size_t level)
{
    size_t rows = LEAF_ROWS;
    while (level-- > 0)
        rows *= FANOUT;
    return rows;
}

static void more_room(FrameAgg *f, size_t level)
{
    size_t room = f->room[level] ? f->room[level] * 2 : FANOUT;
    char *states = arena_zero(f->keep.arena, room * f->stride);
    if (f->built[level])
        memcpy(states, f->level[level], f->built[level] * f->stride);
    f->level[level] = states;
    f->room[level] = room;
}

/* The next block of the level; the blocks below it are there. */
static bool build_block(FrameAgg *f, size_t level, Err *e)
{
    size_t i = f->built[level];
    if (i == f->room[level])
        more_room(f, level);
    f->built[level]++;
    void *state = block(f, level, i);
    f->def->init(&f->keep, state);
    if (level == 0)
        return feed(f, &f->keep, state, i * LEAF_ROWS, (i + 1) * LEAF_ROWS, e);
    for (size_t k = i * FANOUT; k < (i + 1) * FANOUT; k++)
        if (!f->def->merge(&f->keep, state, block(f, level - 1, k), e))
            return false;
    return true;
}

/* All whole blocks before row `end`. */
static bool build_blocks(FrameAgg *f, size_t end, Err *e)
{
    for (size_t level = 0; level < TREE_LEVELS && block_rows(level) <= end; level++)
        while ((f->built[level] + 1) * block_rows(level) <= end)
            if (!build_block(f, level, e))
                return false;
    return true;
}

/* The largest block that begins here and does not reach beyond; 0 rows: none. */
static size_t whole_block(size_t begin, size_t end, size_t *level)
{
    size_t best = 0;
    for (size_t l = 0; l < TREE_LEVELS; l++) {
        size_t rows = block_rows(l);
        if (begin % rows || begin + rows > end)
            break;
        best = rows;
        *level = l;
    }
    return best;
}

static bool add_range(FrameAgg *f, size_t begin, size_t end, Err *e)
{
    bool blocks = end - begin > SHORT_ROWS;
    if (blocks && !build_blocks(f, end, e))
        return false;
    while (begin < end) {
        size_t level = 0, rows = blocks ? whole_block(begin, end, &level) : 0;
        if (rows) {
            if (!f->def->merge(&f->once, f->state, block(f, level, begin / rows), e))
                return false;
            begin += rows;
            continue;
        }
        size_t stop = blocks ? (begin / LEAF_ROWS + 1) * LEAF_ROWS : end;
        if (stop > end)
            stop = end;
        if (!feed(f, &f->once, f->state, begin, stop, e))
            return false;
        begin = stop;
    }
    return true;
}

/* ---- rows ---- */

static bool final_value(FrameAgg *f, AggCtx *c, Value *out, Err *e)
{
    Value v = value_null();
    if (!f->def->final(c, f->state, &v, e))
        return false;
    *out = value_copy(&f->w->op.scratch, &v);
    return true;
}

/* The frame starts with the partition and never loses a row. */
static bool growing_frames(FrameAgg *f, FrameCursor *c, size_t begin, size_t end, Value *out,
                           Err *e)
{
    for (size_t i = begin; i < end; i++, out++) {
        FrameRows rows;
        if (!frame_rows(c, i, &rows, e))
            return false;
        size_t upto = rows.count ? rows.part[0].end : 0;
        if (i > begin && upto == f->fed) {
            *out = out[-1];
            continue;
        }
        if (!feed(f, &f->keep, f->state, f->fed, upto, e) || !final_value(f, &f->keep, out, e))
            return false;
        f->fed = upto;
    }
    return true;
}

static bool same_rows(const FrameRows *a, const FrameRows *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = a->part[i].begin == b->part[i].begin && a->part[i].end == b->part[i].end;
    return same;
}

static bool moving_frames(FrameAgg *f, FrameCursor *c, size_t begin, size_t end, Value *out, Err *e)
{
    FrameRows rows, last = {0};
    for (size_t i = begin; i < end; i++, last = rows, out++) {
        if (!frame_rows(c, i, &rows, e))
            return false;
        if (i > begin && same_rows(&rows, &last)) {
            *out = out[-1];
            continue;
        }
        arena_reset(&f->once_arena);
        memset(f->state, 0, f->stride);
        f->def->init(&f->once, f->state);
        for (size_t k = 0; k < rows.count; k++)
            if (!add_range(f, rows.part[k].begin, rows.part[k].end, e))
                return false;
        if (!final_value(f, &f->once, out, e))
            return false;
    }
    return true;
}

/* ---- the call ---- */

bool window_agg_open(OpWindow *w, WindowState *s, Err *e)
{
    const WindowCall *call = s->call;
    Op *op = &w->op;
    if (call->arg_count > ARGS_MAX)
        return err_set(e, ERR_TOO_MANY_ARGUMENTS, "more than %d arguments of a window aggregate",
                       ARGS_MAX);
    FrameAgg *f = s->agg = ARENA_NEW(&op->arena, FrameAgg);
    f->w = w;
    f->call = call;
    f->def = call->func->agg;
    f->args = s->args;
    f->keep = (AggCtx){op_ctx(op), &w->keep, w->types + s->args, call->arg_count, call->result};
    f->once = f->keep;
    f->once.arena = &f->once_arena;
    f->stride = (f->def->state_size + 15) & ~(size_t)15;
    f->state = arena_zero(&op->arena, f->stride + 1);
    f->growing =
        call->frame.start == FRAME_UNBOUNDED_PRECEDING && call->frame.exclude == EXCLUDE_NONE;
    arena_init(&f->once_arena, &op->x->query->budget);
    return true;
}

void window_agg_begin(OpWindow *w, WindowState *s)
{
    FrameAgg *f = s->agg;
    (void)w;
    f->begun = false;
    f->fed = 0;
    for (size_t l = 0; l < TREE_LEVELS; l++)
        f->built[l] = f->room[l] = 0;
}

void window_agg_close(WindowState *s)
{
    if (s->agg)
        arena_free(&s->agg->once_arena);
}

/* Rows before and behind the current one, if a frame of ROWS has so few that blocks are not asked for. */
static bool near_rows(const FrameOffsets *o, const WindowFrame *f, WindowNeed *need)
{
    int64_t start = f->start == FRAME_CURRENT ? 0 : o->start.u.i64;
    int64_t end = f->end == FRAME_CURRENT ? 0 : o->end.u.i64;
    if (f->unit != FRAME_ROWS || f->start == FRAME_UNBOUNDED_PRECEDING ||
        f->end == FRAME_UNBOUNDED_FOLLOWING || start > LEAF_ROWS || end >= LEAF_ROWS)
        return false;
    need->back = f->start == FRAME_PRECEDING ? (size_t)start : 0;
    need->ahead = f->end == FRAME_FOLLOWING ? (size_t)end : 0;
    return true;
}

WindowNeed window_agg_need(const WindowState *s)
{
    const WindowFrame *f = &s->call->frame;
    WindowNeed need = {.peers = frame_needs_peers(f)};
    bool few = f->exclude == EXCLUDE_NONE &&
               (near_rows(&s->offsets, f, &need) || (s->agg->growing && f->end == FRAME_CURRENT));
    need.whole = !few;
    return need;
}

bool window_fill_aggregate(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out,
                           Err *e)
{
    FrameAgg *f = s->agg;
    f->keep.eval = f->once.eval = op_ctx(&w->op);
    if (f->growing && !f->begun) {
        memset(f->state, 0, f->stride);
        f->def->init(&f->keep, f->state);
        f->begun = true;
    }
    return f->growing ? growing_frames(f, &s->cursor, begin, end, out, e)
                      : moving_frames(f, &s->cursor, begin, end, out, e);
}
