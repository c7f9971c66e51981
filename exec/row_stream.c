/* A scan whose rows leave as bytes, cut into morsels over the pool.
 *
 * Each piece takes the next morsel, runs the plan over it and writes the rows at once, from the vectors
 * that storage decoded; full buffers go to the morsel's place in a ring under the gang's mutex, and the
 * owner hands them on in the order of the morsels, which is that of one task.
 * Memory: a reader that does not read stops the owner, then the pieces: a morsel that is not the first
 * one may add only while less than STREAM_BYTES_MAX wait, the first one while less than half of that. */
#include "exec/op_scan_private.h"

enum {
    CHUNK_BYTES = 256 << 10,
    STREAM_BYTES_MAX = 4 << 20,
    RING = 64, /* morsels between the one that is handed out and the last one that was taken */
};

typedef struct Chunk {
    struct Chunk *next;
    Buf bytes;
    uint64_t rows;
} Chunk;

typedef struct Morsel {
    Chunk *first, **end;
    size_t bytes;
    bool ended;
} Morsel;

typedef struct StreamPiece {
    RowStream *stream;
    Op *op; /* over `morsel`; NULL: none */
    size_t morsel;
    RowBytes *writer;
    bool writing; /* a batch */
    Buf fill;
    uint64_t fill_rows;
} StreamPiece;

struct RowStream {
    Query *query;
    const Plan *plan;
    const RowForm *form;
    ScanMorsels morsels;
    size_t count;
    Gang *gang;
    /* these need the gang's mutex */
    Morsel ring[RING];
    size_t head, taken; /* morsel that is handed out; next one for a piece */
    size_t bytes;
    bool stalled; /* some piece waits for room */
};

/* ---- in a piece's task ---- */

static bool piece_open(Exec *x, void *piece, void *arg, size_t index, Err *e)
{
    StreamPiece *p = piece;
    (void)x, (void)index, (void)e;
    p->stream = arg;
    p->writer = rowbytes_new(p->stream->form);
    buf_init(&p->fill);
    return true;
}

static QueryStatus take_morsel(StreamPiece *p, Exec *x, Err *e)
{
    RowStream *s = p->stream;
    gang_lock(x->gang);
    bool none = s->taken == s->count;
    bool room = s->taken - s->head < RING && (s->taken == s->head || s->bytes < STREAM_BYTES_MAX);
    if (!none && room)
        p->morsel = s->taken++;
    s->stalled |= !none && !room;
    gang_unlock(x->gang);
    if (none || !room)
        return none ? QUERY_END : QUERY_WAIT;
    morsel_begin(&s->morsels, p->morsel, x);
    return op_open(&p->op, x, s->plan, e) ? QUERY_BATCH : QUERY_FAIL;
}

/* Hands over what is written; `last` ends the morsel and finds always room: it is one chunk. */
static bool piece_publish(StreamPiece *p, Exec *x, bool last)
{
    RowStream *s = p->stream;
    Morsel *m = &s->ring[p->morsel % RING];
    Chunk *c = NULL;
    gang_lock(x->gang);
    bool head = p->morsel == s->head;
    bool room = last || (head ? m->bytes < STREAM_BYTES_MAX / 2 : s->bytes < STREAM_BYTES_MAX);
    if (room && p->fill.len) {
        c = MEM_NEW(Chunk);
        c->bytes = p->fill;
        c->rows = p->fill_rows;
        *m->end = c;
        m->end = &c->next;
        m->bytes += c->bytes.len;
        s->bytes += c->bytes.len;
    }
    m->ended = last;
    s->stalled |= !room;
    if (head && (c || last))
        gang_wake_owner(x->gang);
    gang_unlock(x->gang);
    if (c) {
        buf_init(&p->fill);
        p->fill_rows = 0;
    }
    return room;
}

static void piece_write(StreamPiece *p)
{
    if (p->fill.cap == 0)
        buf_reserve(&p->fill, CHUNK_BYTES + CHUNK_BYTES / 8);
    p->writing = !rowbytes_write(p->writer, &p->fill, CHUNK_BYTES);
}

static QueryStatus piece_step(Exec *x, void *piece, Err *e)
{
    StreamPiece *p = piece;
    for (;;) {
        Batch *b;
        QueryStatus st = QUERY_BATCH;
        if (!p->op && (st = take_morsel(p, x, e)) != QUERY_BATCH)
            return st;
        if (p->fill.len >= CHUNK_BYTES) /* then it is the owner's turn */
            return piece_publish(p, x, false) ? QUERY_YIELD : QUERY_WAIT;
        if (p->writing) {
            piece_write(p);
            continue;
        }
        st = op_next(p->op, &b, e);
        if (st == QUERY_BATCH) {
            rowbytes_begin(p->writer, b);
            p->fill_rows += batch_count(b);
            p->writing = true;
            continue;
        }
        if (st != QUERY_END)
            return st;
        op_close(p->op);
        p->op = NULL;
        (void)piece_publish(p, x, true);
        return QUERY_YIELD;
    }
}

static void piece_close(void *piece)
{
    StreamPiece *p = piece;
    op_close(p->op);
    if (!p->stream)
        return;
    rowbytes_free(p->writer);
    buf_free(&p->fill);
}

static const GangDef stream_gang = {sizeof(StreamPiece), piece_open, piece_step, piece_close};

/* ---- in the owner's task ---- */

/* Projections and conditions over one table, nothing of which depends on the order of evaluation. */
static const PlanScan *stream_scan(const Plan *p)
{
    for (; p; p = p->child) {
        if (p->kind == PLAN_SCAN)
            return (const PlanScan *)p;
        if (p->kind == PLAN_FILTER) {
            if (expr_is_volatile(((const PlanFilter *)p)->filter))
                return NULL;
        } else if (p->kind == PLAN_PROJECT) {
            for (size_t i = 0; i < p->col_count; i++)
                if (expr_is_volatile(((const PlanProject *)p)->exprs[i]))
                    return NULL;
        } else {
            return NULL;
        }
    }
    return NULL;
}

static void morsel_clear(Morsel *m)
{
    for (Chunk *c = m->first, *next; c; c = next) {
        next = c->next;
        buf_free(&c->bytes);
        mem_free(c);
    }
    *m = (Morsel){.first = NULL};
    m->end = &m->first;
}

bool stream_open(RowStream **out, Query *q, const RowForm *form, Err *e)
{
    *out = NULL;
    const PlanScan *scan = stream_scan(q->plan.root);
    if (!scan || q->analyze || q->plan.cte_count || !rowform_free_of_session(form))
        return true;
    ScanMorsels morsels;
    if (!scan_morsels(&q->x, scan, &morsels, e))
        return false;
    if (morsels.slices == 0)
        return true;
    RowStream *s = MEM_NEW(RowStream);
    s->query = q;
    s->plan = q->plan.root;
    s->form = form;
    s->morsels = morsels;
    s->count = morsels.slices * morsels.cuts;
    for (size_t i = 0; i < RING; i++)
        morsel_clear(&s->ring[i]);
    *out = s; /* the pieces see it in the query */
    size_t pieces = morsels.workers < s->count ? morsels.workers : s->count;
    s->gang = gang_start(&q->x, &stream_gang, s, pieces);
    return true;
}

void stream_close(RowStream *s)
{
    if (!s)
        return;
    gang_close(s->gang);
    for (size_t i = 0; i < RING; i++)
        morsel_clear(&s->ring[i]);
    set_unref(s->morsels.set);
    mem_free(s);
}

/* Locked. */
static Chunk *take_chunk(RowStream *s)
{
    Morsel *m = &s->ring[s->head % RING];
    Chunk *c = m->first;
    if (!c)
        return NULL;
    m->first = c->next;
    if (!m->first)
        m->end = &m->first;
    m->bytes -= c->bytes.len;
    s->bytes -= c->bytes.len;
    return c;
}

/* Locked. */
static void make_room(RowStream *s)
{
    if (!s->stalled)
        return;
    s->stalled = false;
    for (size_t i = 0; i < gang_count(s->gang); i++)
        gang_wake_piece(s->gang, i);
}

QueryStatus stream_next(RowStream *s, Buf *out, uint64_t *rows, Err *e)
{
    Chunk *c = NULL;
    QueryStatus st = QUERY_BATCH;
    gang_lock(s->gang);
    while (!c && st == QUERY_BATCH) {
        Morsel *m = &s->ring[s->head % RING];
        if (s->head == s->count) {
            st = QUERY_END;
        } else if ((c = take_chunk(s)) == NULL) {
            if (!m->ended) {
                st = gang_status(s->gang, &s->query->x, e);
                break;
            }
            morsel_clear(m);
            s->head++;
        }
        make_room(s);
    }
    gang_unlock(s->gang);
    if (c) {
        *out = c->bytes;
        *rows = c->rows;
        mem_free(c);
    }
    return st;
}
