/* When memory is short: who writes out, and rows cut by hash into parts of a file. */
#include "exec/op_private.h"

enum { SPILL_OWN_MIN = 128 << 10, POOL_OWN_MIN = 1 << 20 };

static int64_t budget_used(const Budget *b)
{
    return atomic_load_explicit(&b->used, memory_order_relaxed);
}

/* The memory of a query belongs to whoever comes first, but what is left when three quarters are used is for
 * batches and buffers, and the last eighth before that for operators that hold little themselves. */
bool spill_due(const Query *q, size_t own, size_t more)
{
    int64_t limit = q->budget.limit, mine = (int64_t)(own + more);
    if (!q->spill || own < SPILL_OWN_MIN)
        return false;
    int64_t used = budget_used(&q->budget) + (int64_t)more;
    if (limit > 0 &&
        (mine > limit / 2 || used > limit / 4 * 3 || (used > limit / 8 * 5 && mine > limit / 8)))
        return true;
    const Budget *pool = q->budget.parent;
    return own >= POOL_OWN_MIN && pool && pool->limit > 0 &&
           budget_used(pool) + (int64_t)more > pool->limit / 8 * 7;
}

/* ---- parts ---- */

enum { PARTS_MAX = 32, BLOCK_BYTES_MIN = 8 << 10, BLOCK_BYTES_MAX = 256 << 10 };

typedef struct SpillPart {
    RowStore rows; /* not yet written */
    int64_t *offsets;
    size_t blocks, cap;
    uint64_t count;
} SpillPart;

struct SpillParts {
    SpillFile *file;
    TypeId *types;
    size_t col_count, part_count, block_bytes;
    uint32_t level;
    SpillPart parts[PARTS_MAX];
};

/* Little memory: fewer parts, smaller blocks. */
static void parts_measure(SpillParts *p, int64_t limit)
{
    p->part_count = limit <= 0 || limit >= 64 << 20 ? PARTS_MAX : limit >= 8 << 20 ? 16 : 8;
    int64_t bytes = limit <= 0 ? BLOCK_BYTES_MAX : limit / 8 / (int64_t)p->part_count;
    p->block_bytes = bytes < BLOCK_BYTES_MIN   ? BLOCK_BYTES_MIN
                     : bytes > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX
                                               : (size_t)bytes;
}

bool parts_open(SpillParts **out, Query *q, const TypeId *types, size_t n, uint32_t level, Err *e)
{
    SpillFile *file;
    if (!spill_open(&file, q->spill, e))
        return false;
    SpillParts *p = MEM_NEW(SpillParts);
    p->file = file;
    p->col_count = n;
    p->level = level;
    p->types = mem_dup(types, n * sizeof *types);
    parts_measure(p, q->budget.limit);
    for (size_t i = 0; i < p->part_count; i++)
        store_init(&p->parts[i].rows, types, n, &q->budget);
    *out = p;
    return true;
}

void parts_close(SpillParts *p)
{
    if (!p)
        return;
    spill_close(p->file);
    for (size_t i = 0; i < p->part_count; i++) {
        store_free(&p->parts[i].rows);
        mem_free(p->parts[i].offsets);
    }
    mem_free(p->types);
    mem_free(p);
}

/* The bits of the table itself are others, and each level has its own. */
static inline uint64_t part_hash(uint64_t hash, uint32_t level)
{
    hash ^= (level + 1) * UINT64_C(0x9e3779b97f4a7c15);
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    return hash * UINT64_C(0xff51afd7ed558ccd) >> 40;
}

static void add_offset(int64_t **offsets, size_t *count, size_t *cap, int64_t offset)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        *offsets = mem_realloc(*offsets, *cap * sizeof **offsets);
    }
    (*offsets)[(*count)++] = offset;
}

static bool part_write(SpillParts *p, SpillPart *part, Err *e)
{
    for (size_t i = 0; i < part->rows.batch_count; i++) {
        add_offset(&part->offsets, &part->blocks, &part->cap, spill_end(p->file));
        if (!spill_put(p->file, part->rows.batches[i], e))
            return false;
    }
    store_clear(&part->rows);
    return true;
}

static bool part_add(SpillParts *p, size_t index, const Vector *cols, const uint16_t *sel, size_t n,
                     Err *e)
{
    SpillPart *part = &p->parts[index];
    store_add(&part->rows, cols, sel, n);
    part->count += n;
    return part->rows.arena.used < p->block_bytes || part_write(p, part, e);
}

bool parts_add(SpillParts *p, const Vector *cols, const uint16_t *sel, size_t n,
               const uint64_t *hashes, Err *e)
{
    uint16_t begin[PARTS_MAX + 1] = {0}, at[PARTS_MAX], rows[BATCH_ROWS];
    uint8_t part[BATCH_ROWS];
    if (!hashes)
        return part_add(p, 0, cols, sel, n, e);
    for (size_t i = 0; i < n; i++) {
        part[i] = (uint8_t)(part_hash(hashes[i], p->level) & (p->part_count - 1));
        begin[part[i] + 1]++;
    }
    for (size_t i = 0; i < p->part_count; i++) {
        begin[i + 1] += begin[i];
        at[i] = begin[i];
    }
    for (size_t i = 0; i < n; i++)
        rows[at[part[i]]++] = sel ? sel[i] : (uint16_t)i;
    for (size_t i = 0; i < p->part_count; i++)
        if (at[i] > begin[i] && !part_add(p, i, cols, rows + begin[i], at[i] - begin[i], e))
            return false;
    return true;
}

bool parts_end(SpillParts *p, Err *e)
{
    for (size_t i = 0; i < p->part_count; i++) {
        if (!part_write(p, &p->parts[i], e))
            return false;
        arena_free(&p->parts[i].rows.arena);
    }
    return true;
}

size_t parts_count(const SpillParts *p)
{
    return p->part_count;
}

uint64_t parts_rows(const SpillParts *p, size_t part)
{
    return p->parts[part].count;
}

uint64_t parts_bytes(const SpillParts *p)
{
    return (uint64_t)spill_end(p->file);
}

uint32_t parts_level(const SpillParts *p)
{
    return p->level;
}

bool parts_get(SpillParts *p, size_t part, size_t *block, Batch *out, Arena *a, Err *e)
{
    const SpillPart *from = &p->parts[part];
    must(from->rows.rows == 0);
    *out = (Batch){.col_count = p->col_count};
    if (*block >= from->blocks)
        return true;
    int64_t offset = from->offsets[(*block)++];
    return spill_get(p->file, &offset, p->types, p->col_count, out, a, e);
}

/* ---- walking through parts ---- */

struct PartLevel {
    SpillParts **files;
    size_t file_count;
    size_t part; /* the one that is being read, + 1; 0: before the first */
    struct PartLevel *outer;
};

void partwalk_init(PartWalk *w, Query *q)
{
    *w = (PartWalk){.query = q};
    arena_init(&w->arena, &q->budget);
}

static void partwalk_pop(PartWalk *w)
{
    PartLevel *l = w->top;
    for (size_t i = 0; i < l->file_count; i++)
        parts_close(l->files[i]);
    mem_free(l->files);
    w->top = l->outer;
    mem_free(l);
}

void partwalk_free(PartWalk *w)
{
    while (w->top)
        partwalk_pop(w);
    arena_free(&w->arena);
}

void partwalk_push(PartWalk *w, SpillParts *const *take_files, size_t count)
{
    PartLevel *l = MEM_NEW(PartLevel);
    l->files = mem_dup(take_files, count * sizeof(SpillParts *));
    l->file_count = count;
    l->outer = w->top;
    w->top = l;
}

uint64_t partwalk_rows(const PartWalk *w, size_t file)
{
    return parts_rows(w->top->files[file], w->top->part - 1);
}

static bool part_empty(const PartLevel *l)
{
    for (size_t i = 0; i < l->file_count; i++)
        if (parts_rows(l->files[i], l->part - 1) > 0)
            return false;
    return true;
}

bool partwalk_next(PartWalk *w)
{
    while (w->top) {
        PartLevel *l = w->top;
        while (l->part++ < parts_count(l->files[0]))
            if (!part_empty(l)) {
                w->file = w->block = 0;
                w->parts++;
                return true;
            }
        partwalk_pop(w);
    }
    return false;
}

uint32_t partwalk_level(const PartWalk *w)
{
    return parts_level(w->top->files[0]);
}

bool partwalk_get(PartWalk *w, size_t file, size_t *block, Batch *out, Arena *a, Err *e)
{
    arena_reset(a);
    return parts_get(w->top->files[file], w->top->part - 1, block, out, a, e);
}

bool partwalk_batch(PartWalk *w, Batch *out, Err *e)
{
    do {
        if (!partwalk_get(w, w->file, &w->block, out, &w->arena, e))
            return false;
        if (out->rows > 0)
            return true;
        w->block = 0;
    } while (++w->file < w->top->file_count);
    w->file--; /* stays at the end */
    w->block = SIZE_MAX;
    return true;
}
