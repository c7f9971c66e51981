/* A part from foreign bytes: opened, checked and searched; checksums are looked at or, when the
 * first byte is odd, taken as right, so that the code behind them is reached. */
#include "storage/part_private.h"
#include <stdio.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void source_close(PartSource *s)
{
    mem_free(s);
}

static void each_series(void *arg, SeriesId id)
{
    SeriesId *last = arg;
    *last = id;
}

/* What is answered from encoded chunks. */
static void ask(Part *p, const PartGroup *g, const ColumnId *ids, size_t count, Arena *arena)
{
    Err e;
    TimeGrid grid;
    bool regular, number;
    if (!g->alone)
        return;
    (void)!part_time_grid(p, g, &grid, &regular, &e);
    for (size_t c = 0; c < count; c++) {
        uint32_t cut[2] = {g->rows / 3, g->rows};
        RowCuts cuts = {cut, ARRAY_LEN(cut), c % 2, c % 4 > 1};
        ChunkStats st[3];
        uint64_t bits[ROW_WORDS];
        CodecFilter f = {.op = CODEC_GT};
        PhysType type;
        (void)!part_stats_cuts(p, g, ids[c], &cuts, arena, st, &number, &e);
        (void)!part_filter(p, g, ids[c], &f, arena, bits, &type, &e);
    }
}

static void search(Part *p, TableId table)
{
    Err e;
    Buf found = {0};
    int64_t t_min, t_max;
    must(part_has_table(p, table, &t_min, &t_max));
    for (uint32_t s = 0; s < 5; s++) {
        PartQuery q = {table, series_id_make(p->shard, s), t_min, t_max};
        (void)part_find(p, &q, &found, NULL, &e);
    }
    const PartGroup *g = (const PartGroup *)(void *)found.ptr;
    for (size_t i = 0; i < found.len / sizeof *g; i++) {
        ColumnId ids[16];
        size_t count;
        Arena arena;
        if (!part_columns(p, &g[i], ids, ARRAY_LEN(ids), &count, &e))
            continue;
        arena_init(&arena, NULL);
        ask(p, &g[i], ids, count < ARRAY_LEN(ids) ? count : ARRAY_LEN(ids), &arena);
        for (size_t c = 0; c < count && c < ARRAY_LEN(ids); c++) {
            ChunkStats st;
            ColVec vec;
            const uint64_t *nulls;
            part_stats(p, &g[i], ids[c], &st);
            (void)!part_column(p, &g[i], ids[c], &arena, &vec, &nulls, &e);
        }
        arena_free(&arena);
    }
    buf_free(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    PartSource *s = MEM_NEW(PartSource);
    uint8_t *copy = mem_dup(data + 1, size - 1);
    s->base = copy;
    s->size = size - 1;
    s->close = source_close;
    snprintf(s->name, sizeof s->name, "fuzz");
    Part *p;
    Err e;
    if (part_open_with(&p, s, data[0] & 1, &e)) {
        part_check(p, NULL, NULL);
        for (size_t t = 0; t < part_table_count(p) && t < 4; t++)
            search(p, part_table_at(p, t));
        SeriesId last = 0;
        if (part_table_count(p) && p->tables[0].series.len < 8)
            part_series_bitmap(p, part_table_at(p, 0));
        else if (part_table_count(p) && !(data[0] & 1))
            part_series(p, part_table_at(p, 0), each_series, &last);
        part_unref(p);
    } else {
        must(e.code == ERR_DATA_CORRUPTED || e.code == ERR_FEATURE_NOT_SUPPORTED);
    }
    mem_free(copy);
    return 0;
}
