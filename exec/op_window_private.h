/* exec/op_window_private.h - what the files of WindowAgg share: the partition, its peers, frames.
 *
 * op_window.c collects partitions and hands rows on; op_window_frame.c says which rows a frame has;
 * op_window_agg.c runs aggregates over frames.  To add a window function: a row of func_window[] and
 * one of window_names[] in op_window.c.
 * Threads: as op_private.h. */
#ifndef SKULK_EXEC_OP_WINDOW_PRIVATE_H
#define SKULK_EXEC_OP_WINDOW_PRIVATE_H

#include "exec/op_private.h"

/* The offsets of a frame, the same for all rows. */
typedef struct FrameOffsets {
    Value start, end;
} FrameOffsets;

typedef struct OpWindow {
    Op op;
    const PlanWindow *plan;
    RowStore
        part; /* input columns, partition keys, order keys, then arguments (and filter) of calls */
    Arena in_arena;
    Batch in;     /* the input batch, as wide as part */
    size_t in_at; /* its first row that is in no partition yet */
    bool input_ended, handing_out;
    FrameOffsets *offsets; /* of each call; known from the first row on */
    bool has_offsets;
    RowStore results;    /* one column a call, of the partitions that are done */
    size_t first, count; /* rows of part: the partition that is being worked on */
    uint32_t *group_of; /* of the partition's rows: number of the peer group; NULL: not yet known */
    uint32_t *group_begin; /* first row of each group, and the row count behind the last one */
    size_t group_count;
    size_t at;
    size_t key_at, order_at, arg_at; /* first such column of part */
    Batch batch;
} OpWindow;

/* Column of the partition's row. */
static inline Value window_cell(const OpWindow *w, size_t col, size_t row)
{
    return store_get(&w->part, col, w->first + row);
}
/* Numbers the groups of peers of the partition. */
void window_find_peers(OpWindow *w);

/* A frame's rows: up to three ranges, ascending. */
typedef struct FrameRows {
    size_t count;
    struct {
        size_t begin, end;
    } part[3];
} FrameRows;
static inline size_t frame_size(const FrameRows *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        n += f->part[i].end - f->part[i].begin;
    return n;
}

/* Follows the frame through the rows of one partition. */
typedef struct FrameCursor {
    OpWindow *w;
    const WindowFrame *frame;
    const FrameOffsets *offsets;
    size_t head, tail; /* RANGE with an offset: they only move forward */
    size_t begin, end; /* the last frame without its exclusion */
} FrameCursor;
void frame_begin(FrameCursor *c, OpWindow *w, const WindowCall *call);
/* Rows are asked for in order. */
bool frame_rows(FrameCursor *c, size_t row, FrameRows *out, Err *e) MUST_CHECK;
/* NULL or negative offsets are errors. */
bool frame_check_offsets(const WindowFrame *f, const FrameOffsets *offsets, Err *e) MUST_CHECK;

/* The aggregate of each row's frame. */
bool window_fill_aggregate(OpWindow *w, const WindowCall *call, size_t args, Value *out,
                           Err *e) MUST_CHECK;

#endif
