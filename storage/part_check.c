/* storage/part_check.c - reading all of a part: every checksum, every value; what can be saved. */
#include "storage/part_private.h"

#include "base/hash.h"

typedef struct Checker {
    void (*each)(void *arg, const Err *e);
    void *arg;
    bool ok;
} Checker;

static void report(Checker *c, const Err *e)
{
    c->ok = false;
    if (c->each)
        c->each(c->arg, e);
}

static void check_group(Part *p, const Block *b, BlockDir *dir, size_t i, Checker *check,
                        Arena *arena)
{
    PartGroup g;
    Err e;
    size_t count = 0;
    ColumnId *ids = arena_zero(arena, (dir->column_count + 1) * sizeof *ids);
    part_fill_group(p, b, &dir->groups[i], b->first_group + (uint32_t)i, &g);
    dir->groups[i].time_checked = 0; /* look again: the medium may have changed since */
    for (size_t c = 0; c < dir->column_count; c++)
        if (dir->chunks[c])
            ((ChunkEntry *)dir->chunks[c])[i].checked = 0;
    if (!part_columns(p, &g, ids, dir->column_count, &count, &e) ||
        part_pin_group(p, &g, ids, count, NULL, &e) != PIN_OK) {
        report(check, &e);
        return;
    }
    const int64_t *times;
    const RunList *runs;
    if (!part_times(p, &g, arena, &times, &e))
        report(check, &e);
    if (!g.alone && part_runs(p, b, dir, i, &runs, NULL, &e) != PIN_OK)
        report(check, &e);
    for (size_t c = 0; c < count; c++) {
        ColVec vec;
        const uint64_t *nulls;
        if (!part_column(p, &g, ids[c], arena, &vec, &nulls, &e))
            report(check, &e);
    }
    part_unpin_group(p, &g);
}

/* A directory that was decoded long ago is looked at again. */
static bool check_directory(Part *p, const Block *b, Err *e)
{
    const uint8_t *bytes = p->meta + (b->offset - p->meta_offset);
    PartGroup g = {.table = b->table,
                   .series = series_id_make(p->shard, b->series_first),
                   .t_min = b->t_min,
                   .t_max = b->t_max};
    if (p->skip_crc || crc32c(0, bytes, b->length) == b->crc)
        return true;
    return part_was_read(p, &g, b->offset, b->length, e) &&
           part_damaged(p, &g, b->offset, "the checksum of the directory is wrong", e);
}

size_t part_block_count(const Part *p)
{
    return p->block_count;
}

bool part_check_block(Part *p, size_t block, void (*each)(void *arg, const Err *e), void *arg)
{
    Checker check = {each, arg, true};
    Arena arena;
    const Block *b = &p->blocks[block];
    BlockDir *dir;
    Err e;
    if (!part_dir_take(p, b, &dir, &e)) {
        report(&check, &e);
        return false;
    }
    if (!check_directory(p, b, &e))
        report(&check, &e);
    arena_init(&arena, NULL);
    for (size_t i = 0; i < b->group_count; i++) {
        check_group(p, b, dir, i, &check, &arena);
        arena_reset(&arena);
    }
    arena_free(&arena);
    part_dir_give(b);
    return check.ok;
}

bool part_check(Part *p, void (*each)(void *arg, const Err *e), void *arg)
{
    bool ok = true;
    for (size_t k = 0; k < p->block_count; k++)
        ok &= part_check_block(p, k, each, arg);
    return ok;
}

/* ---- salvage ---- */

static bool copy_group(Part *p, const Block *b, BlockDir *dir, size_t i, PartWriter *w, Err *e)
{
    PartGroup g;
    const RunList *runs;
    part_fill_group(p, b, &dir->groups[i], b->first_group + (uint32_t)i, &g);
    if (g.alone)
        return part_writer_copy(w, p, &g, part_group_window(p, &g), e);
    if (part_runs(p, b, dir, i, &runs, NULL, e) != PIN_OK)
        return false;
    for (size_t r = 0; r < runs->count; r++) {
        g.series = series_id_make(p->shard, runs->run[r].series);
        g.row_begin = runs->run[r].begin;
        g.rows = runs->run[r].rows;
        if (!part_writer_copy(w, p, &g, part_group_window(p, &g), e))
            return false;
    }
    return true;
}

bool part_salvage(Part *p, PartWriter *w, Err *e)
{
    Arena arena;
    bool ok = true;
    arena_init(&arena, NULL);
    for (size_t k = 0; ok && k < p->block_count; k++) {
        const Block *b = &p->blocks[k];
        BlockDir *dir;
        Err damage;
        if (!part_dir_take(p, b, &dir, &damage))
            continue;
        for (size_t i = 0; ok && i < b->group_count; i++) {
            Checker check = {NULL, NULL, true};
            check_group(p, b, dir, i, &check, &arena);
            arena_reset(&arena);
            if (check.ok)
                ok = copy_group(p, b, dir, i, w, e);
        }
        part_dir_give(b);
    }
    arena_free(&arena);
    return ok;
}
