/* storage/part_emit.c - row groups, directory and footer of a part to bytes.
 *
 * A group is encoded at once; its directory entry waits in the block, blocks wait in `meta` to
 * the end, finished bytes go to the sink in pieces. */
#include "storage/part_writer_private.h"

#include "base/hash.h"
#include <roaring/roaring.h>
#include <stdlib.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#else
#define PACKAGE_STRING "alopex-skulk"
#endif

uint64_t pw_offset(const PartWriter *w)
{
    return w->out_offset + w->out.len;
}

static bool drain(PartWriter *w, size_t keep_below, Err *e)
{
    if (w->out.len <= keep_below)
        return true;
    if (!w->sink->write(w->sink, w->out.ptr, w->out.len, e))
        return false;
    w->out_offset += w->out.len;
    buf_clear(&w->out);
    return true;
}

/* ---- columns ---- */
WriteColumn *pw_column(PartWriter *w, ColumnId id)
{
    if (w->slot[id])
        return w->columns[w->slot[id] - 1];
    if (w->column_count == w->column_cap) {
        size_t cap = w->column_cap ? w->column_cap * 2 : 16;
        w->columns = mem_realloc(w->columns, cap * sizeof *w->columns);
        memset(w->columns + w->column_cap, 0, (cap - w->column_cap) * sizeof *w->columns);
        w->column_cap = cap;
    }
    WriteColumn **place = &w->columns[w->column_count++];
    if (!*place)
        *place = MEM_NEW(WriteColumn);
    WriteColumn *c = *place;
    c->id = id;
    c->type = PHYS_NONE;
    c->any = false;
    c->hint = (CodecHint){0};
    w->slot[id] = (uint16_t)w->column_count;
    return c;
}

ChunkEntry *pw_chunk(PartWriter *w, WriteColumn *c)
{
    if (w->group_count >= c->chunk_cap) {
        size_t cap = c->chunk_cap ? c->chunk_cap * 4 : 4;
        while (cap <= w->group_count)
            cap *= 4;
        cap = cap > PART_BLOCK_GROUPS ? PART_BLOCK_GROUPS : cap;
        c->chunks = mem_realloc(c->chunks, cap * sizeof *c->chunks);
        memset(c->chunks + c->chunk_cap, 0, (cap - c->chunk_cap) * sizeof *c->chunks);
        c->chunk_cap = cap;
    }
    return &c->chunks[w->group_count];
}

/* ---- one chunk ---- */
static void keep_stats(ChunkEntry *entry, const ChunkMeta *m)
{
    entry->stats = m->kind;
    entry->k = m->k;
    int64_t *s = entry->stat;
    if (m->kind == STATS_DOUBLE) {
        double v[CHUNK_STATS] = {m->f.u.f.min,  m->f.u.f.max,    m->f.u.f.first,
                                 m->f.u.f.last, m->f.u.f.sum_hi, m->f.u.f.sum_lo};
        memcpy(s, v, sizeof v);
        entry->nan_count = m->f.nan_count;
        return;
    }
    s[CHUNK_MIN] = m->i.min;
    s[CHUNK_MAX] = m->i.max;
    s[CHUNK_FIRST] = m->i.first;
    s[CHUNK_LAST] = m->i.last;
    s[CHUNK_SUM] = (int64_t)m->i.sum;
    if (m->i.sum != s[CHUNK_SUM])
        entry->stats = STATS_NONE; /* beyond 64 bits: left out */
}

static const void *gather_values(void *dense, const uint8_t *values, const uint8_t *state,
                                 size_t rows, size_t size)
{
    char *to = dense;
    for (size_t i = 0; i < rows; i++) {
        if (state[i] != STATE_VALUE)
            continue;
        memcpy(to, values + i * size, size);
        to += size;
    }
    return dense;
}

/* Writes the chunk of one column; state == NULL: every row has a value. */
void pw_put_chunk(PartWriter *w, WriteColumn *c, PhysType type, const void *values,
                  const uint8_t *state, size_t rows, bool alone)
{
    static const CodecKind kinds[] = {[PHYS_I64] = CODEC_INT,
                                      [PHYS_F64] = CODEC_FLOAT,
                                      [PHYS_BOOL] = CODEC_BOOL,
                                      [PHYS_STR] = CODEC_STR};
    size_t absent = 0, with_value = rows, start = w->out.len;
    for (size_t i = 0; state && i < rows; i++) {
        absent += state[i] == STATE_ABSENT;
        with_value -= state[i] != STATE_VALUE;
    }
    if (absent == rows)
        return;
    ChunkEntry *entry = pw_chunk(w, c);
    *entry = (ChunkEntry){.offset = pw_offset(w), .type = (uint8_t)type};
    entry->missing = (uint16_t)(rows - with_value);
    Slice dense[ROW_GROUP_ROWS]; /* the widest type */
    if (entry->missing) {
        entry->holes = 1;
        buf_reserve(&w->out, PRESENCE_MAX);
        uint8_t *p = (uint8_t *)w->out.ptr + w->out.len;
        w->out.len += (size_t)(presence_put(p, state, rows) - p);
        values = gather_values(dense, values, state, rows, part_value_size(type));
    }
    if (with_value) {
        ChunkMeta m;
        codec_encode_chunk(&w->out, kinds[type], values, with_value, &c->hint, w->effort, &m);
        entry->codec = m.codec;
        if (m.kind != STATS_NONE && alone)
            keep_stats(entry, &m);
    }
    entry->length = (uint32_t)(w->out.len - start);
    entry->crc = crc32c(0, w->out.ptr + start, entry->length);
}

/* Writes time bytes that stand at the end of `out`, or points to the same bytes written before. */
void pw_share_times(PartWriter *w, GroupEntry *g, size_t start)
{
    Slice bytes = slice_of(w->out.ptr + start, w->out.len - start);
    g->time_length = (uint32_t)bytes.len;
    g->time_crc = crc32c(0, bytes.ptr, bytes.len);
    TimeSeen *seen = &w->time_cache[hash64(bytes.ptr, bytes.len, g->time_codec) % TIME_CACHE];
    if (seen->offset && seen->codec == g->time_codec && slice_eq(buf_slice(&seen->bytes), bytes)) {
        g->time_offset = seen->offset;
        w->out.len = start;
        return;
    }
    g->time_offset = seen->offset = w->out_offset + start;
    seen->codec = g->time_codec;
    buf_clear(&seen->bytes);
    buf_put_slice(&seen->bytes, bytes);
}

/* ---- times and run lists ---- */
void pw_put_runs(PartWriter *w, GroupEntry *g, const AccRun *runs, size_t n)
{
    size_t series = 0, start = w->out.len;
    for (size_t i = 0; i < n; i++)
        series += i == 0 || runs[i].series != runs[i - 1].series;
    buf_put_varint(&w->out, series);
    for (size_t i = 0, next; i < n; i = next) {
        uint64_t rows = 0;
        for (next = i; next < n && runs[next].series == runs[i].series; next++)
            rows += runs[next].rows;
        buf_put_varint(&w->out, i ? runs[i].series - runs[i - 1].series : 0);
        buf_put_varint(&w->out, rows);
    }
    g->runs_offset = w->out_offset + start;
    g->runs_length = (uint32_t)(w->out.len - start);
    g->runs_crc = crc32c(0, w->out.ptr + start, g->runs_length);
}

void pw_put_times(PartWriter *w, GroupEntry *g, const int64_t *times, size_t rows)
{
    IntStats st;
    ChunkMeta m;
    int_stats(&st, times, rows);
    g->t_min = st.min;
    g->t_max = st.max;
    size_t start = w->out.len;
    codec_encode_chunk(&w->out, CODEC_TIME, times, rows, NULL, w->effort, &m);
    g->time_codec = m.codec;
    pw_share_times(w, g, start);
}

/* ---- directory ---- */
void pw_note_series(PartWriter *w, SeriesId series)
{
    size_t low = 0, high = w->table_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (w->tables[mid].id < w->table)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == w->table_count || w->tables[low].id != w->table) {
        if (w->table_count == w->table_cap) {
            w->table_cap = w->table_cap ? w->table_cap * 2 : 16;
            w->tables = mem_realloc(w->tables, w->table_cap * sizeof *w->tables);
        }
        memmove(w->tables + low + 1, w->tables + low, (w->table_count - low) * sizeof *w->tables);
        w->tables[low] = (TableSeen){w->table, roaring_bitmap_create()};
        w->table_count++;
    }
    roaring_bitmap_add(w->tables[low].series, series_id_local(series));
}

static int by_column_id(const void *a, const void *b)
{
    return (int)((const ColumnEntries *)a)->id - (int)((const ColumnEntries *)b)->id;
}

/* Encodes the block of directory entries collected so far. */
void pw_end_block(PartWriter *w)
{
    if (w->group_count == 0)
        return;
    ColumnEntries *cols = mem_zero((w->column_count + 1) * sizeof *cols);
    size_t count = 0;
    for (size_t c = 0; c < w->column_count; c++) {
        WriteColumn *col = w->columns[c];
        bool used = false;
        for (size_t i = 0; i < col->chunk_cap && i < w->group_count; i++)
            used |= col->chunks[i].type != PHYS_NONE;
        if (!used)
            continue;
        size_t groups = w->group_count--; /* room for the last group */
        pw_chunk(w, col);
        w->group_count = groups;
        cols[count++] = (ColumnEntries){col->id, col->chunks};
    }
    qsort(cols, count, sizeof *cols, by_column_id);
    const GroupEntry *g = w->groups;
    Block b = {.table = w->table,
               .window = w->window,
               .t_min = g->t_min,
               .t_max = g->t_max,
               .series_first = g->series_first,
               .series_last = g[w->group_count - 1].series_last,
               .group_count = (uint32_t)w->group_count,
               .offset = w->meta.len};
    for (size_t i = 0; i < w->group_count; i++) {
        b.t_min = g[i].t_min < b.t_min ? g[i].t_min : b.t_min;
        b.t_max = g[i].t_max > b.t_max ? g[i].t_max : b.t_max;
        b.rows += g[i].rows;
    }
    dir_put_block(&w->meta, g, w->group_count, cols, count);
    b.length = (uint32_t)(w->meta.len - b.offset);
    b.crc = crc32c(0, w->meta.ptr + b.offset, b.length);
    b.first_group = (uint32_t)(w->blocks.len / sizeof b); /* order of writing, until the end */
    buf_put(&w->blocks, &b, sizeof b);
    mem_free(cols);
    for (size_t c = 0; c < w->column_count; c++)
        if (w->columns[c]->chunks)
            memset(w->columns[c]->chunks, 0, w->columns[c]->chunk_cap * sizeof(ChunkEntry));
    w->group_count = 0;
}

bool pw_end_group(PartWriter *w, const GroupEntry *g, Err *e)
{
    w->groups[w->group_count++] = *g;
    PartInfo *info = &w->info;
    info->rows += g->rows;
    info->t_min = g->t_min < info->t_min ? g->t_min : info->t_min;
    info->t_max = g->t_max > info->t_max ? g->t_max : info->t_max;
    info->seq_min = g->seq_min < info->seq_min ? g->seq_min : info->seq_min;
    info->seq_max = g->seq_max > info->seq_max ? g->seq_max : info->seq_max;
    if (w->group_count == PART_BLOCK_GROUPS)
        pw_end_block(w);
    return drain(w, PIECE, e);
}

/* ---- the end ---- */
static int by_table_window(const void *a, const void *b)
{
    const Block *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    if (x->window != y->window)
        return x->window < y->window ? -1 : 1;
    return (x->first_group > y->first_group) - (x->first_group < y->first_group);
}

/* Gaps and lengths of the runs of ids. */
static void put_series(Buf *out, const roaring_bitmap_t *set)
{
    roaring_uint32_iterator_t it;
    roaring_init_iterator(set, &it);
    uint32_t end = 0;
    while (it.has_value) {
        uint32_t first = it.current_value, len = 0;
        while (it.has_value && it.current_value == first + len) {
            len++;
            roaring_advance_uint32_iterator(&it);
        }
        buf_put_varint(out, first - end);
        buf_put_varint(out, len);
        end = first + len;
    }
}

static void put_block(Buf *out, const Block *b, uint64_t *at)
{
    buf_put_zigzag(out, b->window);
    buf_put_zigzag(out, (int64_t)((uint64_t)b->t_min - (uint64_t)b->window));
    buf_put_varint(out, (uint64_t)b->t_max - (uint64_t)b->t_min);
    buf_put_varint(out, b->group_count);
    buf_put_varint(out, b->rows);
    buf_put_varint(out, b->series_first);
    buf_put_varint(out, b->series_last - b->series_first);
    buf_put_zigzag(out, (int64_t)(b->offset - *at));
    buf_put_varint(out, b->length);
    buf_put_u32(out, b->crc);
    *at = b->offset + b->length;
}

static void put_footer(PartWriter *w, Buf *out, uint64_t payload_end)
{
    Block *blocks = (Block *)(void *)w->blocks.ptr;
    size_t n = w->blocks.len / sizeof *blocks, b = 0;
    if (n)
        qsort(blocks, n, sizeof *blocks, by_table_window);
    buf_put_str(out, SLICE_LIT(PACKAGE_STRING));
    buf_put_varint(out, w->info.rows);
    buf_put_zigzag(out, w->info.t_min);
    buf_put_zigzag(out, w->info.t_max);
    buf_put_varint(out, w->info.seq_min);
    buf_put_varint(out, w->info.seq_max);
    buf_put_varint(out, payload_end);
    buf_put_varint(out, w->series >> 32);
    buf_put_varint(out, w->table_count);
    uint64_t at = 0;
    for (size_t t = 0; t < w->table_count; t++) {
        size_t end = b;
        while (end < n && blocks[end].table == w->tables[t].id)
            end++;
        buf_put_varint(out, w->tables[t].id);
        buf_put_varint(out, end - b);
        for (; b < end; b++)
            put_block(out, &blocks[b], &at);
        Buf series;
        buf_init(&series);
        put_series(&series, w->tables[t].series);
        buf_put_str(out, buf_slice(&series));
        buf_free(&series);
    }
}

bool pw_finish(PartWriter *w, Err *e)
{
    if (w->info.rows == 0)
        w->info = (PartInfo){0};
    static const uint8_t zeros[PART_SLACK];
    uint64_t payload_end = pw_offset(w);
    buf_put(&w->out, zeros, sizeof zeros);
    buf_put_slice(&w->out, buf_slice(&w->meta));
    Buf footer;
    buf_init(&footer);
    put_footer(w, &footer, payload_end);
    uint64_t offset = pw_offset(w);
    buf_put_slice(&w->out, buf_slice(&footer));
    size_t start = w->out.len;
    buf_put_u64(&w->out, offset);
    buf_put_u32(&w->out, (uint32_t)footer.len);
    buf_put_u32(&w->out, crc32c(0, footer.ptr, footer.len));
    buf_put_u32(&w->out, PART_VERSION);
    buf_put_u32(&w->out, crc32c(0, w->out.ptr + start, 20));
    buf_put(&w->out, PART_END, 8);
    buf_free(&footer);
    return drain(w, 0, e);
}
