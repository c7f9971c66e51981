#include "exec/row_file.h"
#include "exec/op_private.h"
#include "exec/spill.h"

enum { LOADED_MAX = 8, BLOCK_BYTES = 256 << 10, BLOCK_ROWS_MIN = 64 /* whole words of bitmaps */ };

typedef struct Block { /* in the file */
    int64_t offset;
    uint64_t first_row;
} Block;

typedef struct Loaded { /* a block that was read */
    Arena arena;
    Batch batch;
    uint64_t first_row;
    uint64_t used; /* when; 0: nothing is loaded */
} Loaded;

struct RowFile {
    RowStore tail; /* the newest rows, from tail_first on */
    uint64_t tail_first;
    Block *blocks;
    size_t block_count, block_cap;
    SpillFile *file;
    SpillSpace *space;
    size_t memory_max;
    Query *query;  /* or: as its memory allows */
    Arena scratch; /* of what is handed out */
    Loaded loaded[LOADED_MAX];
    uint64_t reads;
};

RowFile *rowfile_new(const TypeId *types, size_t n, Budget *budget, SpillSpace *space,
                     size_t memory_max)
{
    RowFile *f = MEM_NEW(RowFile);
    store_init(&f->tail, types, n, budget);
    for (size_t i = 0; i < LOADED_MAX; i++)
        arena_init(&f->loaded[i].arena, budget);
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
    for (size_t i = 0; i < LOADED_MAX; i++)
        arena_free(&f->loaded[i].arena);
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
    for (size_t i = 0; i < LOADED_MAX; i++)
        f->loaded[i].used = 0;
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

static void add_block(RowFile *f, int64_t offset)
{
    if (f->block_count == f->block_cap) {
        f->block_cap = f->block_cap ? f->block_cap * 2 : 16;
        f->blocks = mem_realloc(f->blocks, f->block_cap * sizeof *f->blocks);
    }
    f->blocks[f->block_count++] = (Block){offset, f->tail_first};
}

/* Wide rows make blocks of few. */
static size_t rows_of_block(const RowFile *f)
{
    size_t bytes = f->tail.arena.used / (f->tail.rows + 1) + 1;
    size_t rows = BLOCK_BYTES / bytes / BLOCK_ROWS_MIN * BLOCK_ROWS_MIN;
    return rows < BLOCK_ROWS_MIN ? BLOCK_ROWS_MIN : rows > BATCH_ROWS ? BATCH_ROWS : rows;
}

static bool write_blocks(RowFile *f, const Batch *b, size_t rows, Err *e)
{
    bool ok = true;
    Arena a;
    arena_init(&a, f->tail.arena.budget);
    Batch *part = batch_new(&a, b->col_count);
    for (size_t from = 0; ok && from < b->rows; from += rows) {
        part->rows = b->rows - from < rows ? b->rows - from : rows;
        for (size_t c = 0; c < b->col_count; c++) {
            Vector *v = &part->cols[c];
            *v = b->cols[c];
            v->v.any = (char *)v->v.any + from * phys_size(v->phys);
            v->valid = v->valid ? v->valid + from / 64 : NULL;
        }
        add_block(f, spill_end(f->file));
        ok = spill_put(f->file, part, e);
        f->tail_first += part->rows;
    }
    arena_free(&a);
    return ok;
}

/* What is in memory goes into the file when it is more than allowed. */
static bool shrink(RowFile *f, Err *e)
{
    size_t used = f->tail.arena.used;
    if (!f->space || (f->query ? !spill_due(f->query, used, 0) : used <= f->memory_max))
        return true;
    if (!f->file && !spill_open(&f->file, f->space, e))
        return false;
    size_t rows = rows_of_block(f);
    for (size_t i = 0; i < f->tail.batch_count; i++)
        if (!write_blocks(f, f->tail.batches[i], rows, e))
            return false;
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

static const Block *block_of(const RowFile *f, uint64_t row)
{
    size_t lo = 0, hi = f->block_count;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (f->blocks[mid].first_row <= row)
            lo = mid;
        else
            hi = mid;
    }
    return &f->blocks[lo];
}

static Loaded *find_loaded(RowFile *f, uint64_t row)
{
    for (size_t i = 0; i < LOADED_MAX; i++) {
        Loaded *l = &f->loaded[i];
        if (l->used && row >= l->first_row && row - l->first_row < l->batch.rows)
            return l;
    }
    return NULL;
}

static Loaded *oldest_loaded(RowFile *f, size_t *count, size_t *bytes)
{
    Loaded *oldest = NULL;
    *count = *bytes = 0;
    for (size_t i = 0; i < LOADED_MAX; i++) {
        Loaded *l = &f->loaded[i];
        *count += l->used > 0;
        *bytes += l->arena.used;
        if (l->used && (!oldest || l->used < oldest->used))
            oldest = l;
    }
    return oldest;
}

static Loaded *free_loaded(RowFile *f)
{
    size_t count, bytes;
    for (Loaded *l; (l = oldest_loaded(f, &count, &bytes)) && count >= ROWFILE_LIVE;) {
        if (count < LOADED_MAX && !(f->query && spill_due(f->query, bytes, bytes / count)))
            break;
        l->used = 0;
        if (count == LOADED_MAX)
            break; /* the arena is taken over */
        arena_free(&l->arena);
    }
    Loaded *l = f->loaded;
    while (l->used)
        l++;
    return l;
}

bool rowfile_batch(RowFile *f, uint64_t row, const Batch **out, size_t *at, Err *e)
{
    if (row >= f->tail_first) {
        *out = f->tail.batches[(row - f->tail_first) / BATCH_ROWS];
        *at = (row - f->tail_first) % BATCH_ROWS;
        return true;
    }
    Loaded *l = find_loaded(f, row);
    if (!l) {
        const Block *b = block_of(f, row);
        int64_t offset = b->offset;
        l = free_loaded(f);
        arena_reset(&l->arena);
        if (!spill_get(f->file, &offset, f->tail.types, f->tail.col_count, &l->batch, &l->arena, e))
            return false;
        l->first_row = b->first_row;
    }
    l->used = ++f->reads;
    *out = &l->batch;
    *at = row - l->first_row;
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
    must(row < rowfile_rows(f) && max > 0);
    arena_reset(&f->scratch);
    size_t at;
    if (!rowfile_batch(f, row, &b, &at, e))
        return false;
    size_t there = backward ? at + 1 : b->rows - at;
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
    const Block *b = block_of(f, row);
    int64_t offset = b->offset;
    if (!spill_get(f->file, &offset, f->tail.types, f->tail.col_count, out, a, e))
        return false;
    batch_cut(out, row - b->first_row, out->rows, a);
    return true;
}
