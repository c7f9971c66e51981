/* storage/part_stats.c - answers about a row group without its values: stored statistics,
 * statistics between cuts, filters, times of an arithmetic run. */
#include "storage/part_private.h"

bool part_stats(Part *p, const PartGroup *g, ColumnId col, ChunkStats *out)
{
    Chunk chunk;
    const ChunkEntry *c = &chunk.entry;
    Err e;
    if (!g->alone || !part_chunk(p, g, col, &chunk, &e) || c->type == PHYS_NONE ||
        c->stats == STATS_NONE)
        return false;
    uint32_t count = g->rows - c->missing;
    if (c->stats != STATS_DOUBLE) {
        IntStats i = {c->stat[CHUNK_MIN], c->stat[CHUNK_MAX], c->stat[CHUNK_FIRST],
                      c->stat[CHUNK_LAST], c->stat[CHUNK_SUM]};
        if (c->stats == STATS_INT)
            stats_of_int(out, &i, count);
        else
            stats_of_decimal(out, &i, c->k, count, 0);
        return true;
    }
    double v[CHUNK_STATS];
    memcpy(v, c->stat, sizeof v);
    *out = (ChunkStats){
        .type = PHYS_F64, .sum_exact = true, .count = count, .nan_count = c->nan_count};
    out->u.f.min = v[CHUNK_MIN];
    out->u.f.max = v[CHUNK_MAX];
    out->u.f.first = v[CHUNK_FIRST];
    out->u.f.last = v[CHUNK_LAST];
    out->u.f.sum_hi = v[CHUNK_SUM];
    out->u.f.sum_lo = v[CHUNK_SUM_LO];
    return true;
}

bool part_sample_group(const Part *p, TableId table, size_t i, size_t n, PartGroup *out)
{
    const TableEntry *t = part_table_entry(p, table);
    size_t blocks = 0;
    for (uint32_t s = 0; t && s < t->section_count; s++)
        blocks += p->sections[t->first_section + s].count;
    n = n < blocks ? n : blocks;
    if (i >= n)
        return false;
    size_t at = blocks * i / n;
    const Section *s = &p->sections[t->first_section];
    for (; at >= s->count; s++)
        at -= s->count;
    const Block *b = &p->blocks[s->first + at];
    part_group_at(p, b->first_group, out);
    return true;
}

/* ---- numbers of a chunk, still encoded ---- */

typedef struct Encoded {
    PhysType type; /* PHYS_NONE: the column is absent */
    uint64_t offset;
    size_t length;
    CodecChunk chunk; /* n = 0: no row has a value */
    bool holes;
    uint64_t valid[ROW_WORDS];
} Encoded;

static bool encoded_presence(Encoded *x, size_t rows, Reader *r, Err *e)
{
    uint64_t nulls[ROW_WORDS];
    bool any;
    size_t values = 0;
    if (!presence_get(x->valid, nulls, &any, rows, r, e))
        return false;
    for (size_t w = 0; w < ROW_WORDS; w++)
        values += (size_t)__builtin_popcountll(x->valid[w]);
    return values == x->chunk.n || codec_damaged(e, "presence does not fit the directory");
}

/* *number: the column is absent here or has numbers. */
static bool encoded_chunk(Part *p, const PartGroup *g, ColumnId col, Encoded *out, bool *number,
                          Err *e)
{
    Chunk c;
    must(g->alone);
    if (!part_chunk_bytes(p, g, col, &c, e))
        return false;
    Reader r = reader_of(c.bytes);
    out->type = c.entry.type;
    out->offset = c.entry.offset;
    out->length = c.bytes.len;
    out->holes = c.entry.holes;
    out->chunk.n = c.rows - c.entry.missing;
    *number = out->type == PHYS_NONE || out->type == PHYS_I64 || out->type == PHYS_F64;
    if (!*number || out->type == PHYS_NONE)
        return true;
    if (out->holes && !encoded_presence(out, c.rows, &r, e))
        return part_at_chunk(p, g, out->offset, e);
    out->chunk.id = c.entry.codec;
    out->chunk.type = out->type;
    out->chunk.src = reader_bytes(&r, reader_left(&r));
    return true;
}

/* What a codec said about the chunk. */
static bool encoded_answer(Part *p, const PartGroup *g, const Encoded *x, bool ok, Err *e)
{
    return part_was_read(p, g, x->offset, x->length, e) &&
           (ok || part_at_chunk(p, g, x->offset, e));
}

/* How many of the rows below `row` have a value. */
static uint32_t values_below(const uint64_t *valid, uint32_t row)
{
    uint32_t n = 0;
    for (uint32_t w = 0; w < row / 64; w++)
        n += (uint32_t)__builtin_popcountll(valid[w]);
    if (row % 64)
        n += (uint32_t)__builtin_popcountll(valid[row / 64] & low_bits(row % 64));
    return n;
}

bool part_stats_cuts(Part *p, const PartGroup *g, ColumnId col, const RowCuts *cuts, Arena *scratch,
                     ChunkStats *out, bool *number, Err *e)
{
    Encoded x;
    if (!encoded_chunk(p, g, col, &x, number, e))
        return false;
    if (!*number)
        return true;
    if (x.type == PHYS_NONE || x.chunk.n == 0) {
        for (size_t i = 0; i <= cuts->count; i++)
            out[i] = (ChunkStats){.type = x.type, .sum_exact = true};
        return true;
    }
    RowCuts at = *cuts;
    if (x.holes) {
        uint32_t *mapped = arena_alloc(scratch, (cuts->count + 1) * sizeof *mapped);
        for (size_t i = 0; i < cuts->count; i++)
            mapped[i] = values_below(x.valid, at.row[i]);
        at.row = mapped;
    }
    bool ok = codec_stats_cuts(out, &x.chunk, &at, scratch, e);
    return encoded_answer(p, g, &x, ok, e);
}

/* Bits of dense values to the rows that have one. */
static void spread_bits(uint64_t *rows, const uint64_t *dense, const uint64_t *valid)
{
    size_t at = 0;
    for (size_t w = 0; w < ROW_WORDS; w++) {
        uint64_t out = 0;
        for (uint64_t left = valid[w]; left; left &= left - 1, at++)
            if (bitmap_get(dense, at))
                out |= left & -left;
        rows[w] = out;
    }
}

bool part_filter(Part *p, const PartGroup *g, ColumnId col, const CodecFilter *f, Arena *scratch,
                 uint64_t *bits, PhysType *type, Err *e)
{
    Encoded x;
    bool number;
    *type = PHYS_NONE;
    if (!encoded_chunk(p, g, col, &x, &number, e))
        return false;
    *type = x.type;
    if (!number)
        return true;
    memset(bits, 0, BITMAP_WORDS(g->rows) * sizeof *bits);
    if (x.type == PHYS_NONE || x.chunk.n == 0)
        return true;
    uint64_t dense[ROW_WORDS], spread[ROW_WORDS];
    size_t passed;
    bool ok = codec_filter(x.holes ? dense : bits, &passed, &x.chunk, f, scratch, e);
    if (!encoded_answer(p, g, &x, ok, e))
        return false;
    if (x.holes) {
        spread_bits(spread, dense, x.valid);
        memcpy(bits, spread, BITMAP_WORDS(g->rows) * sizeof *bits);
    }
    return true;
}

bool part_time_grid(Part *p, const PartGroup *g, TimeGrid *grid, bool *regular, Err *e)
{
    GroupEntry entry;
    Slice bytes;
    *regular = false;
    if (!g->alone)
        return true;
    if (!part_time_bytes(p, g, &entry, &bytes, e))
        return false;
    if (entry.time_codec != CODEC_LINEAR_I64)
        return true;
    Reader r = reader_of(bytes);
    grid->first = reader_zigzag(&r);
    grid->step = reader_zigzag(&r);
    if (!part_was_read(p, g, entry.time_offset, bytes.len, e))
        return false;
    int64_t last;
    /* Anything else is for the decoder to refuse. */
    *regular = !r.bad && !reader_left(&r) && grid->step >= 0 &&
               !__builtin_mul_overflow(grid->step, (int64_t)entry.rows - 1, &last) &&
               !__builtin_add_overflow(last, grid->first, &last);
    return true;
}

uint32_t time_grid_before(const TimeGrid *g, int64_t t, uint32_t rows)
{
    if (t <= g->first)
        return 0;
    uint64_t ahead = (uint64_t)t - (uint64_t)g->first - 1; /* of the last ns before t */
    if (g->step == 0)
        return rows;
    uint64_t before = ahead / (uint64_t)g->step + 1;
    return before < rows ? (uint32_t)before : rows;
}
