/* storage/part_dir.c - directory blocks: arrays of integers, one array a field, to bytes and back. */
#include "storage/part_private.h"

#include <stddef.h>

/* ---- one array ---- */
enum { ARRAY_VARINTS = 0, ARRAY_BLOCK = 1 };

/* One number: a zigzag varint.  More: u8 mode, then varints of the differences or an integer block. */
static void array_put(Buf *out, const int64_t *v, size_t n)
{
    if (n == 1) {
        buf_put_zigzag(out, v[0]);
        return;
    }
    IntStats st;
    IntPlan plan;
    uint8_t block[PART_BLOCK_GROUPS * 8 + 128];
    must(int_bound(n) <= sizeof block);
    int_stats(&st, v, n);
    int_plan(&plan, v, n, &st, &(IntSearch){INT_ANY, EFFORT_FINAL, NULL});
    size_t size = int_write(block, &plan, v, n), start = out->len;
    buf_put_u8(out, ARRAY_VARINTS);
    for (size_t i = 0; i < n; i++)
        buf_put_zigzag(out, (int64_t)((uint64_t)v[i] - (i ? (uint64_t)v[i - 1] : 0)));
    if (out->len - start <= size + 2)
        return;
    out->len = start;
    buf_put_u8(out, ARRAY_BLOCK);
    buf_put_str(out, slice_of((const char *)block, size));
}

static bool array_get(int64_t *v, size_t n, Reader *r, Err *e)
{
    if (n == 1) {
        v[0] = reader_zigzag(r);
        return !r->bad || codec_damaged(e, "directory: too short");
    }
    uint8_t mode = reader_u8(r);
    if (mode == ARRAY_BLOCK) {
        Slice block = reader_str(r);
        return r->bad ? codec_damaged(e, "directory: too short") : int_read(v, n, block, e);
    }
    uint64_t acc = 0;
    for (size_t i = 0; i < n; i++)
        v[i] = (int64_t)(acc += (uint64_t)reader_zigzag(r));
    if (r->bad || mode != ARRAY_VARINTS)
        return codec_damaged(e, "directory: wrong array");
    return true;
}

/* ---- fields of a struct as arrays ---- */
typedef struct Field {
    uint16_t offset;
    uint8_t size;
    int8_t base; /* index of the field it is relative to; -1 = none */
} Field;

static uint64_t field_load(const void *entry, Field f)
{
    uint64_t v = 0;
    memcpy(&v, (const char *)entry + f.offset, f.size);
    return v;
}

static void fields_put(Buf *out, const Field *fields, size_t field, const void *entries,
                       size_t stride, size_t n)
{
    int64_t v[PART_BLOCK_GROUPS];
    Field f = fields[field];
    for (size_t i = 0; i < n; i++) {
        const char *entry = (const char *)entries + i * stride;
        uint64_t base = f.base >= 0 ? field_load(entry, fields[f.base]) : 0;
        v[i] = (int64_t)(field_load(entry, f) - base);
    }
    array_put(out, v, n);
}

static bool fields_get(const Field *fields, size_t field, void *entries, size_t stride, size_t n,
                       Reader *r, Err *e)
{
    int64_t v[PART_BLOCK_GROUPS];
    Field f = fields[field];
    if (!array_get(v, n, r, e))
        return false;
    uint64_t over = 0;
    for (size_t i = 0; i < n; i++) {
        char *entry = (char *)entries + i * stride;
        uint64_t x = (uint64_t)v[i] + (f.base >= 0 ? field_load(entry, fields[f.base]) : 0);
        over |= f.size < 8 ? x >> f.size * 8 : 0;
        memcpy(entry + f.offset, &x, f.size);
    }
    return over == 0 || codec_damaged(e, "directory: a number is too large");
}

#define FIELD(type, name, base)                                                                    \
    {                                                                                              \
        offsetof(type, name), sizeof(((type *)0)->name), base                                      \
    }
static const Field group_fields[] = {
    FIELD(GroupEntry, rows, -1),        FIELD(GroupEntry, series_first, -1),
    FIELD(GroupEntry, series_last, 1),  FIELD(GroupEntry, t_min, -1),
    FIELD(GroupEntry, t_max, 3),        FIELD(GroupEntry, seq_min, -1),
    FIELD(GroupEntry, seq_max, 5),      FIELD(GroupEntry, time_offset, -1),
    FIELD(GroupEntry, time_length, -1), FIELD(GroupEntry, time_crc, -1),
    FIELD(GroupEntry, time_codec, -1),  FIELD(GroupEntry, runs_offset, -1),
    FIELD(GroupEntry, runs_length, -1), FIELD(GroupEntry, runs_crc, -1),
};

/* Chunk arrays after `kind`: always; with holes; with statistics; with statistics of doubles. */
enum {
    CF_CODEC,
    CF_OFFSET,
    CF_LENGTH,
    CF_CRC,
    CF_MISSING,
    CF_STAT,
    CF_NAN = CF_STAT + 5,
    CF_LO,
    CF_COUNT
};
static const Field chunk_fields[CF_COUNT] = {
    FIELD(ChunkEntry, codec, -1),
    FIELD(ChunkEntry, offset, -1),
    FIELD(ChunkEntry, length, -1),
    FIELD(ChunkEntry, crc, -1),
    FIELD(ChunkEntry, missing, -1),
    FIELD(ChunkEntry, stat[CHUNK_MIN], -1),
    FIELD(ChunkEntry, stat[CHUNK_MAX], CF_STAT),
    FIELD(ChunkEntry, stat[CHUNK_FIRST], CF_STAT),
    FIELD(ChunkEntry, stat[CHUNK_LAST], CF_STAT),
    FIELD(ChunkEntry, stat[CHUNK_SUM], -1),
    FIELD(ChunkEntry, nan_count, -1),
    FIELD(ChunkEntry, stat[CHUNK_SUM_LO], -1),
};
#undef FIELD

static bool chunk_field_used(size_t field, bool holes, bool stats, bool doubles)
{
    return field < CF_MISSING || (field == CF_MISSING ? holes : field < CF_NAN ? stats : doubles);
}

/* ---- writing ---- */
static void put_column(Buf *out, const GroupEntry *groups, const ChunkEntry *chunks, size_t n)
{
    int64_t kind[PART_BLOCK_GROUPS];
    ChunkEntry copy[PART_BLOCK_GROUPS];
    bool holes = false, stats = false, doubles = false;
    memcpy(copy, chunks, n * sizeof *chunks);
    for (size_t i = 0; i < n; i++) {
        ChunkEntry *c = &copy[i];
        kind[i] = c->type | c->holes << 3 | c->stats << 4 | c->k << 8;
        holes |= c->holes;
        stats |= c->stats != STATS_NONE;
        doubles |= c->stats == STATS_DOUBLE;
        if (c->stats == STATS_INT || c->stats == STATS_DECIMAL)
            c->stat[CHUNK_SUM] =
                (int64_t)((uint64_t)c->stat[CHUNK_SUM] -
                          (uint64_t)c->stat[CHUNK_MIN] * (groups[i].rows - c->missing));
    }
    array_put(out, kind, n);
    for (size_t f = 0; f < CF_COUNT; f++)
        if (chunk_field_used(f, holes, stats, doubles))
            fields_put(out, chunk_fields, f, copy, sizeof *copy, n);
}

void dir_put_block(Buf *out, const GroupEntry *groups, size_t n, const ColumnEntries *cols,
                   size_t col_count)
{
    for (size_t f = 0; f < ARRAY_LEN(group_fields); f++)
        fields_put(out, group_fields, f, groups, sizeof *groups, n);
    Buf bodies;
    buf_init(&bodies);
    buf_put_varint(out, col_count);
    for (size_t c = 0; c < col_count; c++) {
        size_t start = bodies.len;
        put_column(&bodies, groups, cols[c].chunk, n);
        buf_put_varint(out, (uint64_t)(cols[c].id - (c ? cols[c - 1].id : 0)));
        buf_put_varint(out, bodies.len - start);
    }
    buf_put_slice(out, buf_slice(&bodies));
    buf_free(&bodies);
}

/* ---- reading ---- */
static bool inside(uint64_t offset, uint64_t length, uint64_t limit)
{
    return offset >= PART_HEADER_SIZE && offset <= limit && length <= limit - offset;
}

static bool check_groups(const GroupEntry *g, size_t n, uint64_t limit, Err *e)
{
    for (size_t i = 0; i < n; i++) {
        bool alone = g[i].runs_length == 0;
        if (g[i].rows == 0 || g[i].rows > ROW_GROUP_ROWS || g[i].t_min > g[i].t_max ||
            g[i].series_first > g[i].series_last ||
            (alone && g[i].series_first != g[i].series_last) ||
            (i && g[i].series_first < g[i - 1].series_last) || g[i].seq_min > g[i].seq_max ||
            !inside(g[i].time_offset, g[i].time_length, limit) ||
            (!alone && !inside(g[i].runs_offset, g[i].runs_length, limit)))
            return codec_damaged(e, "directory: wrong row group");
    }
    return true;
}

static bool get_column_list(BlockDir *dir, Reader *r, Err *e)
{
    uint64_t count = reader_varint(r);
    if (r->bad || count > UINT16_MAX || count > reader_left(r) / 2)
        return codec_damaged(e, "directory: wrong number of columns");
    dir->column_count = count;
    dir->column_ids = mem_zero(count * sizeof *dir->column_ids);
    dir->column_bytes = mem_zero(count * sizeof *dir->column_bytes);
    dir->chunks = mem_zero(count * sizeof *dir->chunks);
    uint64_t id = 0;
    for (size_t c = 0; c < count; c++) {
        uint64_t gap = reader_varint(r);
        id += gap;
        dir->column_bytes[c].len = reader_varint(r);
        if (r->bad || gap == 0 || gap > UINT16_MAX || id > UINT16_MAX)
            return codec_damaged(e, "directory: wrong column");
        dir->column_ids[c] = (ColumnId)id;
    }
    for (size_t c = 0; c < count; c++) {
        if (dir->column_bytes[c].len > reader_left(r))
            return codec_damaged(e, "directory: column too long");
        dir->column_bytes[c] = reader_bytes(r, dir->column_bytes[c].len);
    }
    return reader_left(r) == 0 || codec_damaged(e, "directory: bytes left over");
}

bool dir_get_block(BlockDir **out, Slice bytes, size_t n, uint64_t limit, Err *e)
{
    must(n > 0 && n <= PART_BLOCK_GROUPS);
    Reader r = reader_of(bytes);
    BlockDir *dir = MEM_NEW(BlockDir);
    dir->group_count = n;
    dir->groups = mem_zero(n * sizeof *dir->groups);
    dir->runs = mem_zero(n * sizeof *dir->runs);
    dir->last = mem_zero(n * sizeof *dir->last);
    for (size_t f = 0; f < ARRAY_LEN(group_fields); f++)
        if (!fields_get(group_fields, f, dir->groups, sizeof *dir->groups, n, &r, e))
            goto fail;
    if (!check_groups(dir->groups, n, limit, e) || !get_column_list(dir, &r, e))
        goto fail;
    dir->bytes =
        (int64_t)(sizeof *dir + n * (sizeof *dir->groups + sizeof *dir->runs + sizeof *dir->last) +
                  dir->column_count *
                      (sizeof *dir->column_ids + sizeof *dir->column_bytes + sizeof *dir->chunks));
    *out = dir;
    return true;
fail:
    dir_free(dir);
    return false;
}

void dir_free(BlockDir *dir)
{
    if (!dir)
        return;
    for (size_t c = 0; dir->chunks && c < dir->column_count; c++)
        mem_free(dir->chunks[c]);
    for (size_t i = 0; dir->runs && i < dir->group_count; i++)
        mem_free(dir->runs[i]);
    for (size_t i = 0; dir->last && i < dir->group_count; i++)
        mem_free(dir->last[i]);
    mem_free(dir->chunks);
    mem_free(dir->runs);
    mem_free(dir->last);
    mem_free(dir->column_ids);
    mem_free(dir->column_bytes);
    mem_free(dir->groups);
    mem_free(dir);
}

/* The codec must fit the type, the statistics the type, the chunk the file. */
static bool chunk_sane(const ChunkEntry *c, const GroupEntry *g, uint64_t limit)
{
    static const CodecKind kinds[] = {[PHYS_I64] = CODEC_INT,
                                      [PHYS_F64] = CODEC_FLOAT,
                                      [PHYS_BOOL] = CODEC_BOOL,
                                      [PHYS_STR] = CODEC_STR};
    if (c->type == PHYS_NONE)
        return true;
    if (c->type > PHYS_STR || c->missing > g->rows || !inside(c->offset, c->length, limit) ||
        c->nan_count > g->rows || c->k > 22)
        return false;
    if ((c->stats == STATS_INT && c->type != PHYS_I64) ||
        (c->stats > STATS_INT && c->type != PHYS_F64))
        return false;
    const CodecDef *def = codec_find(c->codec);
    return c->missing == g->rows || (def && def->kind == kinds[c->type]);
}

bool dir_get_column(ChunkEntry **out, const BlockDir *dir, size_t column, uint64_t limit, Err *e)
{
    size_t n = dir->group_count;
    int64_t kind[PART_BLOCK_GROUPS];
    Reader r = reader_of(dir->column_bytes[column]);
    if (!array_get(kind, n, &r, e))
        return false;
    ChunkEntry *chunks = mem_zero(n * sizeof *chunks);
    bool holes = false, stats = false, doubles = false;
    for (size_t i = 0; i < n; i++) {
        chunks[i].type = kind[i] & 7;
        chunks[i].holes = kind[i] >> 3 & 1;
        chunks[i].stats = kind[i] >> 4 & 3;
        chunks[i].k = kind[i] >> 8 & 0xff;
        if (kind[i] & ~INT64_C(0xff3f))
            goto damaged;
        holes |= chunks[i].holes;
        stats |= chunks[i].stats != STATS_NONE;
        doubles |= chunks[i].stats == STATS_DOUBLE;
    }
    for (size_t f = 0; f < CF_COUNT; f++)
        if (chunk_field_used(f, holes, stats, doubles) &&
            !fields_get(chunk_fields, f, chunks, sizeof *chunks, n, &r, e))
            goto fail;
    for (size_t i = 0; i < n; i++) {
        ChunkEntry *c = &chunks[i];
        if (!chunk_sane(c, &dir->groups[i], limit) || (c->missing && !c->holes))
            goto damaged;
        if (c->stats == STATS_INT || c->stats == STATS_DECIMAL)
            c->stat[CHUNK_SUM] =
                (int64_t)((uint64_t)c->stat[CHUNK_SUM] +
                          (uint64_t)c->stat[CHUNK_MIN] * (dir->groups[i].rows - c->missing));
    }
    if (reader_left(&r))
        goto damaged;
    *out = chunks;
    return true;
damaged:
    codec_damaged(e, "directory: wrong chunk");
fail:
    mem_free(chunks);
    return false;
}
