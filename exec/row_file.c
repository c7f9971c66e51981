#include "exec/row_file.h"
#include "exec/op_private.h"
#include "exec/spill.h"

typedef struct Block { /* in the file */
    int64_t offset;
    uint64_t first_row;
} Block;

struct RowFile {
    RowStore tail; /* the newest rows, from tail_first on */
    uint64_t tail_first;
    Block *blocks;
    size_t block_count;
    SpillFile *file;
    SpillSpace *space;
    size_t memory_max;
    const Query *query; /* or: as its memory allows */
    Arena arena;        /* the block that was read */
    Arena scratch;      /* of what is handed out */
    Batch loaded;
    size_t loaded_block; /* its number; block_count of none */
    bool is_loaded;
};

RowFile *rowfile_new(const TypeId *types, size_t n, Budget *budget, SpillSpace *space,
                     size_t memory_max)
{
    RowFile *f = MEM_NEW(RowFile);
    store_init(&f->tail, types, n, budget);
    arena_init(&f->arena, budget);
    arena_init(&f->scratch, budget);
    f->space = space;
    f->memory_max = memory_max;
    return f;
}

RowFile *rowfile_new_query(Query *q, const TypeId *types, size_t n)
{
    RowFile *f = rowfile_new(types, n, &q->budget, q->spill, 0);
    f->query = q;
    return f;
}

void rowfile_free(RowFile *f)
{
    if (!f)
        return;
    store_free(&f->tail);
    spill_close(f->file);
    arena_free(&f->arena);
    arena_free(&f->scratch);
    mem_free(f->blocks);
    mem_free(f);
}

void rowfile_clear(RowFile *f)
{
    spill_close(f->file);
    f->file = NULL;
    f->block_count = 0;
    f->tail_first = 0;
    f->is_loaded = false;
    store_clear(&f->tail);
}

uint64_t rowfile_spilled(const RowFile *f)
{
    return f->file ? (uint64_t)spill_end(f->file) : 0;
}

uint64_t rowfile_rows(const RowFile *f)
{
    return f->tail_first + f->tail.rows;
}

/* What is in memory goes into the file when it is more than allowed. */
static bool shrink(RowFile *f, Err *e)
{
    size_t used = f->tail.arena.used;
    if (!f->space || (f->query ? !spill_due(f->query, used, 0) : used <= f->memory_max))
        return true;
    if (!f->file && !spill_open(&f->file, f->space, e))
        return false;
    f->blocks = mem_realloc(f->blocks, (f->block_count + f->tail.batch_count) * sizeof *f->blocks);
    for (size_t i = 0; i < f->tail.batch_count; i++) {
        int64_t offset = spill_end(f->file);
        if (!spill_put(f->file, f->tail.batches[i], e))
            return false;
        f->blocks[f->block_count++] = (Block){offset, f->tail_first};
        f->tail_first += f->tail.batches[i]->rows;
    }
    store_clear(&f->tail);
    return true;
}

bool rowfile_add(RowFile *f, const Batch *b, Err *e)
{
    store_add_batch(&f->tail, b);
    return shrink(f, e);
}

bool rowfile_add_row(RowFile *f, const Value *row, Err *e)
{
    store_add_row(&f->tail, row);
    return shrink(f, e);
}

static size_t block_of(const RowFile *f, uint64_t row)
{
    size_t lo = 0, hi = f->block_count;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (f->blocks[mid].first_row <= row)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* The rows that lie together with `row`; *first is the number of the first of them. */
static bool batch_of(RowFile *f, uint64_t row, const Batch **out, uint64_t *first, Err *e)
{
    if (row >= f->tail_first) {
        size_t i = (size_t)((row - f->tail_first) / BATCH_ROWS);
        *out = f->tail.batches[i];
        *first = f->tail_first + (uint64_t)i * BATCH_ROWS;
        return true;
    }
    size_t i = block_of(f, row);
    if (!f->is_loaded || f->loaded_block != i) {
        int64_t offset = f->blocks[i].offset;
        f->is_loaded = false;
        arena_reset(&f->arena);
        if (!spill_get(f->file, &offset, f->tail.types, f->tail.col_count, &f->loaded, &f->arena,
                       e))
            return false;
        f->is_loaded = true;
        f->loaded_block = i;
    }
    *out = &f->loaded;
    *first = f->blocks[i].first_row;
    return true;
}

static void turn_around(const Batch *b, size_t from, size_t n, Batch *out, Arena *a)
{
    uint16_t *rows = arena_alloc(a, (n + 1) * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint16_t)(from - i);
    *out = (Batch){.rows = n, .col_count = b->col_count};
    out->cols = ARENA_ARRAY(a, Vector, b->col_count + 1);
    for (size_t c = 0; c < b->col_count; c++)
        vec_gather(&out->cols[c], &b->cols[c], rows, n, a);
}

bool rowfile_read(RowFile *f, uint64_t row, size_t max, bool backward, Batch *out, Err *e)
{
    const Batch *b;
    uint64_t first;
    must(row < rowfile_rows(f) && max > 0);
    arena_reset(&f->scratch);
    if (!batch_of(f, row, &b, &first, e))
        return false;
    size_t at = (size_t)(row - first), there = backward ? at + 1 : b->rows - at;
    size_t n = there < max ? there : max;
    if (backward) {
        turn_around(b, at, n, out, &f->scratch);
    } else {
        *out = *b;
        batch_cut(out, at, n, &f->scratch);
    }
    return true;
}

bool rowfile_view(const RowFile *f, uint64_t row, Batch *out, Arena *a, Err *e)
{
    *out = (Batch){.col_count = f->tail.col_count};
    if (row >= f->tail_first) {
        (void)store_view(&f->tail, (size_t)(row - f->tail_first), out, a);
        return true;
    }
    const Block *b = &f->blocks[block_of(f, row)];
    int64_t offset = b->offset;
    if (!spill_get(f->file, &offset, f->tail.types, f->tail.col_count, out, a, e))
        return false;
    batch_cut(out, (size_t)(row - b->first_row), out->rows, a);
    return true;
}
