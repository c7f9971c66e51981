/* Aggregates over frames.  A frame that only grows is fed with what is new.  Other frames are put
 * together from rows and, when they are long, from the states of blocks: level 0 has a state for every
 * LEAF_ROWS rows, each level above one for FANOUT of the level below, so that a frame of any length
 * takes O(LEAF_ROWS + FANOUT log n) work.  States are merged in the order of the rows. */
#include "exec/op_window_private.h"

enum { LEAF_ROWS = 64, FANOUT = 8, TREE_LEVELS = 12, ARGS_MAX = 16 };

typedef struct FrameAgg {
    OpWindow *w;
    const WindowCall *call;
    const AggDef *def;
    size_t args; /* first argument column of the partition; the filter follows the arguments */
    AggCtx keep; /* states that live as long as the partition's work */
    AggCtx once; /* the state of one frame */
    Arena once_arena;
    void *state;
    char *level[TREE_LEVELS]; /* states of blocks, state_stride apart */
    size_t level_count, stride;
} FrameAgg;

/* Rows [begin, end) of the argument columns into the state. */
static bool feed(FrameAgg *f, AggCtx *c, void *state, size_t begin, size_t end, Err *e)
{
    OpWindow *w = f->w;
    Vector v[ARGS_MAX];
    uint16_t sel[BATCH_ROWS];
    size_t n = f->call->arg_count;
    begin += w->first;
    end += w->first;
    while (begin < end) {
        const Batch *b = w->part.batches[begin / BATCH_ROWS];
        size_t first = begin % BATCH_ROWS, left = BATCH_ROWS - first;
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

static bool build_block(FrameAgg *f, size_t level, size_t i, size_t below, Err *e)
{
    void *state = block(f, level, i);
    size_t n = f->w->count, begin = i * LEAF_ROWS;
    f->def->init(&f->keep, state);
    if (level == 0)
        return feed(f, &f->keep, state, begin, begin + LEAF_ROWS < n ? begin + LEAF_ROWS : n, e);
    for (size_t k = i * FANOUT; k < (i + 1) * FANOUT && k < below; k++)
        if (!f->def->merge(&f->keep, state, block(f, level - 1, k), e))
            return false;
    return true;
}

static bool build_tree(FrameAgg *f, Err *e)
{
    size_t below = 0;
    for (size_t rows = LEAF_ROWS; f->level_count < TREE_LEVELS; rows *= FANOUT) {
        size_t level = f->level_count, count = (f->w->count + rows - 1) / rows;
        f->level[level] = arena_zero(f->keep.arena, count * f->stride);
        f->level_count++;
        for (size_t i = 0; i < count; i++)
            if (!build_block(f, level, i, below, e))
                return false;
        if (count <= FANOUT)
            break;
        below = count;
    }
    return true;
}

/* The largest block that begins here and does not reach beyond; 0 rows: none. */
static size_t whole_block(const FrameAgg *f, size_t begin, size_t end, size_t *level)
{
    size_t best = 0;
    for (size_t l = 0; l < f->level_count; l++) {
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
    if (!f->level_count && end - begin > 2 * LEAF_ROWS && !build_tree(f, e))
        return false;
    while (begin < end) {
        size_t level = 0, rows = whole_block(f, begin, end, &level);
        if (rows) {
            if (!f->def->merge(&f->once, f->state, block(f, level, begin / rows), e))
                return false;
            begin += rows;
            continue;
        }
        size_t stop = f->level_count ? (begin / LEAF_ROWS + 1) * LEAF_ROWS : end;
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
static bool growing_frames(FrameAgg *f, FrameCursor *c, Value *out, Err *e)
{
    size_t fed = 0;
    f->def->init(&f->keep, f->state);
    for (size_t i = 0; i < f->w->count; i++) {
        FrameRows rows;
        if (!frame_rows(c, i, &rows, e))
            return false;
        size_t end = rows.count ? rows.part[0].end : 0;
        if (i > 0 && end == fed) {
            out[i] = out[i - 1];
            continue;
        }
        if (!feed(f, &f->keep, f->state, fed, end, e) || !final_value(f, &f->keep, &out[i], e))
            return false;
        fed = end;
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

static bool moving_frames(FrameAgg *f, FrameCursor *c, Value *out, Err *e)
{
    FrameRows rows, last = {0};
    for (size_t i = 0; i < f->w->count; i++, last = rows) {
        if (!frame_rows(c, i, &rows, e))
            return false;
        if (i > 0 && same_rows(&rows, &last)) {
            out[i] = out[i - 1];
            continue;
        }
        arena_reset(&f->once_arena);
        memset(f->state, 0, f->stride);
        f->def->init(&f->once, f->state);
        for (size_t k = 0; k < rows.count; k++)
            if (!add_range(f, rows.part[k].begin, rows.part[k].end, e))
                return false;
        if (!final_value(f, &f->once, &out[i], e))
            return false;
    }
    return true;
}

bool window_fill_aggregate(OpWindow *w, const WindowCall *call, size_t args, Value *out, Err *e)
{
    const AggDef *def = call->func->agg;
    Op *op = &w->op;
    FrameCursor cursor;
    if (call->arg_count > ARGS_MAX)
        return err_set(e, ERR_TOO_MANY_ARGUMENTS, "more than %d arguments of a window aggregate",
                       ARGS_MAX);
    FrameAgg f = {.w = w, .call = call, .def = def, .args = args};
    f.keep =
        (AggCtx){op_ctx(op), &op->scratch, w->part.types + args, call->arg_count, call->result};
    f.once = f.keep;
    f.once.arena = &f.once_arena;
    f.stride = (def->state_size + 15) & ~(size_t)15;
    f.state = arena_zero(&op->scratch, f.stride + 1);
    arena_init(&f.once_arena, &op->x->query->budget);
    frame_begin(&cursor, w, call);
    bool growing =
        call->frame.start == FRAME_UNBOUNDED_PRECEDING && call->frame.exclude == EXCLUDE_NONE;
    bool ok = growing ? growing_frames(&f, &cursor, out, e) : moving_frames(&f, &cursor, out, e);
    arena_free(&f.once_arena);
    return ok;
}
