#include "exec/seen_private.h"

/* Filter: an eighth of a small budget, 16 MB (12 million rows at 1 % of errors) of a large one. */
enum { FILTER_PROBES = 5, FILTER_BYTES_MIN = 64 << 10, FILTER_BYTES_MAX = 16 << 20 };

typedef enum SeenStep { SEEN_IDLE, SEEN_LOAD, SEEN_COMPARE, SEEN_EMIT } SeenStep;

struct SeenRows {
    Exec *x;
    TypeId *types;
    size_t col_count;
    HashTable newest;
    SpillParts *old; /* NULL: all rows are in `newest` */
    uint64_t *filter;
    size_t filter_bytes; /* a power of two */
    SpillParts *waiting; /* of this round */
    uint64_t spilled;    /* by files that are closed */
    /* The end of a round. */
    SeenStep step;
    HashTable asked; /* some of the rows of a part that wait */
    bool *found;     /* of each: the file has it */
    size_t found_cap, part, waiting_block, old_block, at;
    bool part_ended; /* all of its rows that wait have been loaded */
    Arena arena;     /* of blocks */
};

SeenRows *seen_new(Exec *x, const TypeId *types, size_t n)
{
    SeenRows *s = MEM_NEW(SeenRows);
    Budget *budget = &x->query->budget;
    s->x = x;
    s->types = mem_dup(types, n * sizeof *types);
    s->col_count = n;
    ht_init(&s->newest, types, n, budget);
    ht_init(&s->asked, types, n, budget);
    arena_init(&s->arena, budget);
    return s;
}

void seen_free(SeenRows *s)
{
    if (!s)
        return;
    Budget *budget = &s->x->query->budget;
    budget_charge(budget, -(int64_t)(s->filter_bytes + s->found_cap * sizeof *s->found));
    mem_free(s->filter);
    mem_free(s->found);
    ht_free(&s->newest);
    ht_free(&s->asked);
    parts_close(s->old);
    parts_close(s->waiting);
    arena_free(&s->arena);
    mem_free(s->types);
    mem_free(s);
}

size_t seen_bytes(const SeenRows *s)
{
    return ht_bytes(&s->newest) + ht_bytes(&s->asked) + s->filter_bytes;
}

uint64_t seen_spilled(const SeenRows *s)
{
    return s->spilled + (s->old ? parts_bytes(s->old) : 0) +
           (s->waiting ? parts_bytes(s->waiting) : 0);
}

/* ---- the filter: bits at hash + i * (another hash) (Kirsch and Mitzenmacher, 2006) ---- */

static uint64_t filter_step(uint64_t hash)
{
    return (hash * UINT64_C(0x9e3779b97f4a7c15) >> 17) | 1;
}

static void filter_add(SeenRows *s, const uint64_t *hashes, size_t n)
{
    uint64_t mask = s->filter_bytes * 8 - 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t h = hashes[i], step = filter_step(h);
        for (int k = 0; k < FILTER_PROBES; k++, h += step)
            s->filter[(h & mask) / 64] |= UINT64_C(1) << (h & 63);
    }
}

static bool filter_has(const SeenRows *s, uint64_t h)
{
    uint64_t mask = s->filter_bytes * 8 - 1, step = filter_step(h), all = 1;
    for (int k = 0; k < FILTER_PROBES; k++, h += step)
        all &= s->filter[(h & mask) / 64] >> (h & 63);
    return all & 1;
}

static void filter_open(SeenRows *s)
{
    int64_t limit = s->x->query->budget.limit, room = FILTER_BYTES_MIN;
    while (room < FILTER_BYTES_MAX && (limit <= 0 || room * 2 <= limit / 8))
        room *= 2;
    s->filter_bytes = (size_t)room;
    s->filter = mem_zero(s->filter_bytes);
    budget_charge(&s->x->query->budget, room);
}

/* ---- the newest rows into the file ---- */

static bool flush_newest(SeenRows *s, Err *e)
{
    uint64_t hashes[BATCH_ROWS];
    HashTable *t = &s->newest;
    if (!s->old) {
        if (!parts_open(&s->old, s->x->query, s->types, s->col_count, 0, e))
            return false;
        filter_open(s);
    }
    for (size_t at = 0; at < t->count; at += BATCH_ROWS) {
        size_t left = t->count - at, n = left < BATCH_ROWS ? left : BATCH_ROWS;
        arena_reset(&s->arena);
        Vector *cols = ARENA_ARRAY(&s->arena, Vector, s->col_count + 1);
        for (size_t c = 0; c < s->col_count; c++)
            ht_keys(t, c, at, &cols[c]);
        ht_hash(hashes, cols, s->col_count, NULL, n);
        filter_add(s, hashes, n);
        if (!parts_add(s->old, cols, NULL, n, hashes, e))
            return false;
    }
    ht_free(t);
    ht_init(t, s->types, s->col_count, &s->x->query->budget);
    return parts_end(s->old, e); /* it is read before more is added */
}

static bool shrink_newest(SeenRows *s, Err *e)
{
    const HashTable *t = &s->newest;
    return !spill_due(s->x->query, ht_bytes(t), ht_growth(t, BATCH_ROWS)) || flush_newest(s, e);
}

/* ---- a round ---- */

/* Of the rows sel[0..*n), those that the filter knows wait; the others stay. */
static bool let_wait(SeenRows *s, const Batch *in, uint16_t *sel, size_t *n, Arena *a, Err *e)
{
    uint32_t ids[BATCH_ROWS];
    uint64_t hashes[BATCH_ROWS];
    size_t count = 0, later = 0;
    uint16_t *maybe = arena_alloc(a, (*n + 1) * sizeof *maybe);
    ht_find(&s->newest, in->cols, sel, *n, ids);
    ht_hash(hashes, in->cols, s->col_count, sel, *n);
    for (size_t i = 0; i < *n; i++) {
        uint64_t hash = hashes[i];
        uint16_t row = sel[i];
        if (ids[i] != HT_NONE)
            continue;
        if (filter_has(s, hash)) {
            hashes[later] = hash;
            maybe[later++] = row;
        } else {
            sel[count++] = row;
        }
    }
    *n = count;
    if (later == 0)
        return true;
    if (!s->waiting && !parts_open(&s->waiting, s->x->query, s->types, s->col_count, 0, e))
        return false;
    return parts_add(s->waiting, in->cols, maybe, later, hashes, e);
}

/* Keeps the first of each row that `newest` lacks. */
static void keep_new(SeenRows *s, const Vector *cols, uint16_t *sel, size_t *n)
{
    uint32_t ids[BATCH_ROWS], next = (uint32_t)s->newest.count;
    size_t kept = 0;
    ht_put(&s->newest, cols, sel, *n, ids);
    for (size_t i = 0; i < *n; i++)
        if (ids[i] == next) {
            sel[kept++] = sel[i];
            next++;
        }
    *n = kept;
}

bool seen_add(SeenRows *s, const Batch *in, Batch *out, Arena *a, Err *e)
{
    size_t n = batch_count(in);
    must(s->step == SEEN_IDLE);
    uint16_t *sel = arena_alloc(a, (n + 1) * sizeof *sel);
    memcpy(sel, in->sel ? in->sel : row_ident, n * sizeof *sel);
    if (s->old && !let_wait(s, in, sel, &n, a, e))
        return false;
    keep_new(s, in->cols, sel, &n);
    *out = *in;
    out->sel = sel;
    out->sel_count = n;
    return shrink_newest(s, e);
}

/* ---- its end: part by part, as many waiting rows at a time as memory holds ---- */

/* The next rows of the part that wait, until it ends or memory is short. */
static QueryStatus load_asked(SeenRows *s, Err *e)
{
    uint32_t ids[BATCH_ROWS];
    Batch b;
    do {
        QueryStatus st = exec_tick(s->x, e);
        if (st != QUERY_BATCH)
            return st;
        arena_reset(&s->arena);
        if (!parts_get(s->waiting, s->part, &s->waiting_block, &b, &s->arena, e))
            return QUERY_FAIL;
        s->part_ended = b.rows == 0;
        if (s->part_ended)
            break;
        uint16_t *sel = arena_alloc(&s->arena, b.rows * sizeof *sel);
        size_t n = 0;
        ht_find(&s->newest, b.cols, NULL, b.rows, ids);
        for (size_t i = 0; i < b.rows; i++)
            if (ids[i] == HT_NONE)
                sel[n++] = (uint16_t)i;
        ht_put(&s->asked, b.cols, sel, n, ids);
    } while (!spill_due(s->x->query, ht_bytes(&s->asked), ht_growth(&s->asked, BATCH_ROWS)));
    size_t cap = s->asked.count;
    if (cap > s->found_cap) {
        budget_charge(&s->x->query->budget, (int64_t)((cap - s->found_cap) * sizeof *s->found));
        s->found = mem_realloc(s->found, cap * sizeof *s->found);
        s->found_cap = cap;
    }
    memset(s->found, 0, s->asked.count * sizeof *s->found);
    return QUERY_BATCH;
}

static QueryStatus compare_old(SeenRows *s, Err *e)
{
    uint32_t ids[BATCH_ROWS];
    Batch b;
    for (;;) {
        QueryStatus st = exec_tick(s->x, e);
        if (st != QUERY_BATCH)
            return st;
        arena_reset(&s->arena);
        if (!parts_get(s->old, s->part, &s->old_block, &b, &s->arena, e))
            return QUERY_FAIL;
        if (b.rows == 0)
            return QUERY_BATCH;
        ht_find(&s->asked, b.cols, NULL, b.rows, ids);
        for (size_t i = 0; i < b.rows; i++)
            if (ids[i] != HT_NONE)
                s->found[ids[i]] = true;
    }
}

/* Up to a batch of asked rows: those which the file lacks are new. */
static bool emit_asked(SeenRows *s, Batch *out, Arena *a, Err *e)
{
    size_t left = s->asked.count - s->at, n = left < BATCH_ROWS ? left : BATCH_ROWS, kept = 0;
    *out = *batch_new(a, s->col_count);
    out->sel = arena_alloc(a, (n + 1) * sizeof *out->sel);
    out->rows = n;
    for (size_t i = 0; i < n; i++)
        if (!s->found[s->at + i])
            out->sel[kept++] = (uint16_t)i;
    for (size_t c = 0; c < s->col_count; c++)
        ht_keys(&s->asked, c, s->at, &out->cols[c]);
    s->at += n;
    keep_new(s, out->cols, out->sel, &kept);
    out->sel_count = kept;
    return shrink_newest(s, e);
}

/* To the rows that the part has left, or to the next part; QUERY_END: that was the last. */
static QueryStatus next_asked(SeenRows *s)
{
    ht_clear(&s->asked);
    s->at = s->old_block = 0;
    if (s->part_ended) {
        s->part++;
        s->waiting_block = 0;
        s->part_ended = false;
    }
    while (s->part < parts_count(s->waiting) && parts_rows(s->waiting, s->part) == 0)
        s->part++;
    s->step = SEEN_LOAD;
    if (s->part < parts_count(s->waiting))
        return QUERY_BATCH;
    ht_free(&s->asked);
    ht_init(&s->asked, s->types, s->col_count, &s->x->query->budget);
    s->spilled += parts_bytes(s->waiting);
    parts_close(s->waiting);
    s->waiting = NULL;
    s->step = SEEN_IDLE;
    return QUERY_END;
}

QueryStatus seen_rest(SeenRows *s, Batch *out, Arena *a, Err *e)
{
    QueryStatus st = QUERY_BATCH;
    if (!s->waiting)
        return QUERY_END;
    if (s->step == SEEN_IDLE) {
        if (!parts_end(s->waiting, e))
            return QUERY_FAIL;
        s->part = s->waiting_block = 0;
        st = next_asked(s);
    }
    while (st == QUERY_BATCH) {
        if (s->step == SEEN_LOAD) {
            if ((st = load_asked(s, e)) == QUERY_BATCH)
                s->step = SEEN_COMPARE;
        } else if (s->step == SEEN_COMPARE) {
            if ((st = compare_old(s, e)) == QUERY_BATCH)
                s->step = SEEN_EMIT;
        } else if (s->at < s->asked.count) {
            arena_reset(a);
            return emit_asked(s, out, a, e) ? QUERY_BATCH : QUERY_FAIL;
        } else {
            st = next_asked(s);
        }
    }
    return st;
}
