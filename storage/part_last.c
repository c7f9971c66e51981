/* storage/part_last.c - the last row of a row group, remembered beside its directory.
 *
 * "The newest row of each series" asks for one value of every chunk of a group.  Each is decoded once;
 * then the cells of a row stand side by side, so that a row costs few cache lines and one look at
 * the directory.  Cells go with their directory block when the cache gives it up.
 * Threads: whoever sees an unknown cell first fills it; the others decode for themselves meanwhile. */
#include "storage/part_private.h"

enum { CELL_UNKNOWN, CELL_BEING_FILLED, CELL_FILLED };

static void cell_set(LastCell *cell, const ColVec *vec, size_t row)
{
    *cell = (LastCell){.state = LAST_NULL};
    if (vec->type == PHYS_NONE || !bitmap_get(vec->valid, row))
        return;
    cell->type = (uint8_t)vec->type;
    cell->state = LAST_VALUE;
    if (vec->type == PHYS_BOOL) {
        cell->bytes[0] = vec->v.b[row];
    } else if (vec->type != PHYS_STR) {
        memcpy(cell->bytes, &vec->v.i64[row], sizeof vec->v.i64[row]);
    } else if (vec->v.str[row].len <= LAST_BYTES_MAX) {
        cell->len = (uint8_t)vec->v.str[row].len;
        memcpy(cell->bytes, vec->v.str[row].ptr, cell->len);
    } else {
        cell->state = LAST_LONG;
    }
}

static bool decode_last(Part *p, const PartGroup *g, ColumnId col, Arena *scratch, LastCell *out,
                        Err *e)
{
    ColVec vec;
    const uint64_t *nulls;
    if (!part_column(p, g, col, scratch, &vec, &nulls, e))
        return false;
    cell_set(out, &vec, g->rows - 1);
    return true;
}

/* The cells of group i of a block that is taken, one for each column of the block. */
static KeptCell *kept_cells(const Part *p, BlockDir *dir, size_t i)
{
    KeptCell *known = dir->last[i];
    if (known)
        return known;
    size_t size = dir->column_count * sizeof *known;
    KeptCell *made = mem_zero(size + 1);
    if (atomic_compare_exchange_strong(&dir->last[i], &known, made)) {
        part_cache_grow(p, dir, size);
        return made;
    }
    mem_free(made);
    return known;
}

static bool fill_cell(Part *p, const PartGroup *g, ColumnId col, Arena *scratch, KeptCell *kept,
                      LastCell *out, Err *e)
{
    uint8_t unknown = CELL_UNKNOWN;
    bool mine = atomic_compare_exchange_strong(&kept->state, &unknown, CELL_BEING_FILLED);
    bool ok = decode_last(p, g, col, scratch, out, e);
    if (mine && ok)
        kept->cell = *out;
    if (mine)
        atomic_store_explicit(&kept->state, ok ? CELL_FILLED : CELL_UNKNOWN, memory_order_release);
    return ok;
}

bool part_last_row(Part *p, const PartGroup *g, const ColumnId *cols, size_t n, Arena *scratch,
                   LastCell *out, Err *e)
{
    must(g->alone && g->rows > 0);
    const Block *b = part_block_of(p, g->index, g->block);
    BlockDir *dir;
    if (!part_dir_take(p, b, &dir, e))
        return false;
    KeptCell *kept = kept_cells(p, dir, g->index - b->first_group);
    bool ok = true;
    for (size_t i = 0, near = 0; ok && i < n; i++) {
        /* Columns are mostly asked in the order of their ids. */
        size_t at = near < dir->column_count && dir->column_ids[near] == cols[i]
                        ? near
                        : part_dir_column(dir, cols[i]);
        near = at + 1;
        if (at == dir->column_count)
            out[i] = (LastCell){.state = LAST_NULL};
        else if (atomic_load_explicit(&kept[at].state, memory_order_acquire) == CELL_FILLED)
            out[i] = kept[at].cell;
        else
            ok = fill_cell(p, g, cols[i], scratch, &kept[at], &out[i], e);
    }
    part_dir_give(b);
    return ok;
}
