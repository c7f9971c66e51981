/* exec/op_window_private.h - what the files of WindowAgg share: the partition, its peers, frames.
 *
 * op_window.c collects the rows of partitions, asks the calls for the values of a chunk of rows and hands
 * both on; op_window_call.c has the window functions; op_window_frame.c says which rows a frame has;
 * op_window_agg.c runs aggregates over frames.  To add a window function: a row of func_window[] and
 * one of window_names[] in op_window_call.c.
 * Rows of the partition are numbered from 0.  They lie in a RowFile, so a value that was read lives until a few
 * other rows were read; a read that fails is remembered and ends the chunk.
 * Threads: as op_private.h. */
#ifndef SKULK_EXEC_OP_WINDOW_PRIVATE_H
#define SKULK_EXEC_OP_WINDOW_PRIVATE_H

#include "exec/op_private.h"

/* The offsets of a frame, the same for all rows. */
typedef struct FrameOffsets {
    Value start, end;
} FrameOffsets;

/* Peers: rows that are equal in ORDER BY.  Moves forward only. */
typedef struct PeerCursor {
    size_t group, begin, end; /* the group's number and rows */
} PeerCursor;

typedef struct Peers { /* of each row of the chunk */
    size_t *group, *begin, *end;
} Peers;

struct WindowState;
typedef struct OpWindow OpWindow;
/* Values of rows [begin, end), which are those of the chunk. */
typedef bool (*WindowFill)(OpWindow *w, struct WindowState *s, size_t begin, size_t end, Value *out,
                           Err *e);

/* What a call needs of rows around its own, besides its peers. */
typedef struct WindowNeed {
    bool whole; /* all rows of the partition; else: */
    bool peers;
    size_t back, ahead;
} WindowNeed;

struct OpWindow {
    Op op;
    const PlanWindow *plan;
    RowFile
        *part; /* input columns, partition keys, order keys, then arguments (and filter) of calls */
    TypeId *types; /* of its columns */
    size_t col_count;
    Arena in_arena;
    Batch in;     /* the input batch, as wide as part */
    size_t in_at; /* its first row that is in no partition yet */
    bool input_ended, has_offsets;
    struct WindowState *calls;
    WindowNeed need; /* of all calls */

    int64_t first;   /* place in part of the partition's first row; negative: it is there no more */
    size_t count;    /* rows of the partition that have come */
    size_t done;     /* of them have results */
    bool complete;   /* no more will come */
    Arena keep;      /* lives as long as the partition */
    Value *key;      /* of the partition */
    PeerCursor peer; /* of row `done` */
    Peers peers;     /* of the chunk that is worked on */
    size_t chunk;    /* its first row */
    bool broken;     /* a read has failed */
    Err error;

    RowStore results; /* one column a call, for rows of part from `at` on */
    uint64_t at;      /* first row of part that is still to be handed out */
    size_t results_at;
    size_t key_at, order_at, arg_at; /* first such column of part */
    Batch batch;
};

/* Column of the partition's row. */
static inline Value window_cell(OpWindow *w, size_t col, size_t row)
{
    const Batch *b;
    size_t at;
    if (w->broken)
        return value_null();
    if (!rowfile_batch(w->part, (uint64_t)(w->first + (int64_t)row), &b, &at, &w->error)) {
        w->broken = true;
        return value_null();
    }
    return vec_get(&b->cols[col], at);
}
/* Is the query still wanted?  For loops over many rows. */
bool window_goes_on(OpWindow *w, Err *e) MUST_CHECK;
/* The group that begins at `end`; more of its rows.  Only rows that have come are seen. */
void peer_next(OpWindow *w, PeerCursor *c);
void peer_grow(OpWindow *w, PeerCursor *c);

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
    size_t head, tail;                 /* RANGE with an offset: they only move forward */
    PeerCursor head_group, tail_group; /* GROUPS with an offset: so do they */
} FrameCursor;
void frame_begin(FrameCursor *c, OpWindow *w, const WindowFrame *frame, const FrameOffsets *o);
bool frame_needs_peers(const WindowFrame *f);
/* Rows are asked for in order, each one in the chunk that is worked on. */
bool frame_rows(FrameCursor *c, size_t row, FrameRows *out, Err *e) MUST_CHECK;
/* NULL or negative offsets are errors. */
bool frame_check_offsets(const WindowFrame *f, const FrameOffsets *offsets, Err *e) MUST_CHECK;

typedef struct WindowState { /* of a call */
    const WindowCall *call;
    WindowFill fill;
    size_t args;          /* first argument column; the filter follows the arguments */
    FrameOffsets offsets; /* known from the first row on */
    FrameCursor cursor;
    struct FrameAgg *agg;
    Value first; /* first_value: of a frame that begins with the partition */
    bool has_first;
} WindowState;

WindowFill window_fill_of(const WindowCall *call); /* NULL: none */
/* A partition begins. */
void window_call_begin(OpWindow *w, WindowState *s);
/* The offsets are known. */
WindowNeed window_call_need(const WindowState *s);

/* The aggregate of each row's frame. */
bool window_agg_open(OpWindow *w, WindowState *s, Err *e) MUST_CHECK;
void window_agg_begin(OpWindow *w, WindowState *s);
void window_agg_close(WindowState *s);
WindowNeed window_agg_need(const WindowState *s);
bool window_fill_aggregate(OpWindow *w, WindowState *s, size_t begin, size_t end, Value *out,
                           Err *e) MUST_CHECK;

#endif
