/* storage/part_write.c - rows to row groups to the bytes of a part.
 *
 * Rows of the current (window, table) collect in columns of at most 2 * ROW_GROUP_ROWS rows.
 * A series with PART_ALONE_ROWS rows gets row groups of its own, smaller ones share.  A group is
 * encoded at once; its directory entry waits in the block, blocks wait in `meta` to the end. */
#include "storage/part_private.h"
#include "base/hash.h"
#include <roaring/roaring.h>
#include <stdlib.h>

enum {
    ACC_ROWS = 2 * ROW_GROUP_ROWS,
    PART_ALONE_ROWS = 256,
    PART_TAIL_ROWS = 64,       /* the last rows of a long series stay alone from here */
    STR_BYTES_MAX = 4 << 20,   /* of the collected rows; beyond it a group ends early */
    PIECE = 1 << 20,
    TIME_CACHE = 1024,
};

typedef struct AccRun { /* one added run, or what is left of it */
    SeriesId series;
    uint32_t rows;
    Lsn seq_min, seq_max;
} AccRun;

typedef struct WriteColumn {
    ColumnId id;
    PhysType type;    /* of the collected values; PHYS_NONE: none yet */
    bool any;         /* some collected row is not absent */
    uint8_t hint;     /* codec of the last chunk */
    uint8_t *values;  /* ACC_ROWS values, allocated at the first one */
    size_t value_size;
    uint8_t state[ACC_ROWS]; /* STATE_*; absent behind the collected rows */
    ChunkEntry *chunks;      /* by group of the block */
    size_t chunk_cap;
} WriteColumn;

typedef struct TimeSeen { /* a time chunk written before */
    uint64_t offset;
    uint32_t crc;
    uint8_t codec;
    Buf bytes;
} TimeSeen;

typedef struct TableSeen {
    TableId id;
    roaring_bitmap_t *series;
} TableSeen;

struct PartWriter {
    PartSink *sink;
    bool final, finished;
    Buf out; /* bytes not handed to the sink yet */
    uint64_t out_offset; /* file offset of out.ptr[0] */
    bool begun; /* a run was added: the five below hold */
    int64_t window;
    TableId table;
    SeriesId series; /* of the last run */
    int64_t last_time;
    bool long_series; /* a full group of this series was written */
    size_t rows; /* collected */
    int64_t times[ACC_ROWS];
    AccRun runs[ACC_ROWS];
    size_t run_count;
    Arena strings, spare; /* bytes of collected strings */
    WriteColumn **columns; /* of this table; in order of first use */
    size_t column_count, column_cap;
    uint16_t *slot; /* by ColumnId: index in columns + 1 */
    GroupEntry groups[PART_BLOCK_GROUPS];
    size_t group_count; /* of the block */
    Buf meta, blocks; /* encoded blocks; Block structs */
    TableSeen *tables; /* by id */
    size_t table_count, table_cap;
    TimeSeen *time_cache;
    PartInfo info;
};

PartWriter *part_writer_new(PartSink *sink, bool final_level)
{
    PartWriter *w = MEM_NEW(PartWriter);
    w->sink = sink;
    w->final = final_level;
    w->slot = mem_zero((UINT16_MAX + 1) * sizeof *w->slot);
    w->time_cache = mem_zero(TIME_CACHE * sizeof *w->time_cache);
    w->info = (PartInfo){.t_min = INT64_MAX, .t_max = INT64_MIN, .seq_min = UINT64_MAX};
    arena_init(&w->strings, NULL);
    arena_init(&w->spare, NULL);
    uint32_t version = PART_VERSION;
    uint8_t head[PART_HEADER_SIZE] = PART_MAGIC;
    memcpy(head + 8, &version, sizeof version);
    uint32_t crc = crc32c(0, head, 24);
    memcpy(head + 24, &crc, sizeof crc);
    buf_put(&w->out, head, sizeof head);
    return w;
}

void part_writer_free(PartWriter *w)
{
    if (!w)
        return;
    for (size_t c = 0; c < w->column_cap; c++) {
        if (!w->columns[c])
            continue;
        mem_free(w->columns[c]->values);
        mem_free(w->columns[c]->chunks);
        mem_free(w->columns[c]);
    }
    for (size_t t = 0; t < w->table_count; t++)
        roaring_bitmap_free(w->tables[t].series);
    for (size_t i = 0; i < TIME_CACHE; i++)
        buf_free(&w->time_cache[i].bytes);
    mem_free(w->columns);
    mem_free(w->tables);
    mem_free(w->time_cache);
    mem_free(w->slot);
    buf_free(&w->out);
    buf_free(&w->meta);
    buf_free(&w->blocks);
    arena_free(&w->strings);
    arena_free(&w->spare);
    mem_free(w);
}

uint64_t part_writer_rows(const PartWriter *w)
{
    return w->info.rows + w->rows;
}

static uint64_t here(const PartWriter *w)
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
static size_t value_size(PhysType type)
{
    return type == PHYS_STR ? sizeof(Slice) : type == PHYS_BOOL ? 1 : 8;
}

static WriteColumn *column_of(PartWriter *w, ColumnId id)
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
    c->hint = 0;
    w->slot[id] = (uint16_t)w->column_count;
    return c;
}

static void column_take_type(WriteColumn *c, PhysType type)
{
    size_t size = value_size(type);
    if (!c->values || size > c->value_size) {
        mem_free(c->values);
        c->values = mem_zero(ACC_ROWS * size);
        c->value_size = size;
    }
    c->type = type;
}

static ChunkEntry *column_chunk(PartWriter *w, WriteColumn *c)
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

static const void *gather_values(void *dense, const uint8_t *values, const uint8_t *state, size_t rows,
                                 size_t size)
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
static void write_chunk(PartWriter *w, WriteColumn *c, PhysType type, const void *values,
                        const uint8_t *state, size_t rows, bool alone)
{
    static const CodecKind kinds[] = {
        [PHYS_I64] = CODEC_INT, [PHYS_F64] = CODEC_FLOAT, [PHYS_BOOL] = CODEC_BOOL, [PHYS_STR] = CODEC_STR};
    size_t absent = 0, with_value = rows, start = w->out.len;
    for (size_t i = 0; state && i < rows; i++) {
        absent += state[i] == STATE_ABSENT;
        with_value -= state[i] != STATE_VALUE;
    }
    if (absent == rows)
        return;
    ChunkEntry *entry = column_chunk(w, c);
    *entry = (ChunkEntry){.offset = here(w), .type = (uint8_t)type};
    entry->missing = (uint16_t)(rows - with_value);
    Slice dense[ROW_GROUP_ROWS]; /* the widest type */
    if (entry->missing) {
        entry->holes = 1;
        buf_reserve(&w->out, PRESENCE_MAX);
        uint8_t *p = (uint8_t *)w->out.ptr + w->out.len;
        w->out.len += (size_t)(presence_put(p, state, rows) - p);
        values = gather_values(dense, values, state, rows, value_size(type));
    }
    if (with_value) {
        ChunkMeta m;
        codec_encode_chunk(&w->out, kinds[type], values, with_value, c->hint, w->final, &m);
        entry->codec = c->hint = m.codec;
        if (m.kind != STATS_NONE && alone)
            keep_stats(entry, &m);
    }
    entry->length = (uint32_t)(w->out.len - start);
    entry->crc = crc32c(0, w->out.ptr + start, entry->length);
}

/* Writes time bytes that stand at the end of `out`, or points to the same bytes written before. */
static void share_times(PartWriter *w, GroupEntry *g, size_t start)
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

/* ---- directory ---- */
static void note_series(PartWriter *w, SeriesId series)
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
static void end_block(PartWriter *w)
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
        column_chunk(w, col);
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

static bool end_group(PartWriter *w, const GroupEntry *g, Err *e)
{
    w->groups[w->group_count++] = *g;
    PartInfo *info = &w->info;
    info->rows += g->rows;
    info->t_min = g->t_min < info->t_min ? g->t_min : info->t_min;
    info->t_max = g->t_max > info->t_max ? g->t_max : info->t_max;
    info->seq_min = g->seq_min < info->seq_min ? g->seq_min : info->seq_min;
    info->seq_max = g->seq_max > info->seq_max ? g->seq_max : info->seq_max;
    if (w->group_count == PART_BLOCK_GROUPS)
        end_block(w);
    return drain(w, PIECE, e);
}

/* ---- groups from the collected rows ---- */
static void put_runs(PartWriter *w, GroupEntry *g, const AccRun *runs, size_t n)
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

static void put_times(PartWriter *w, GroupEntry *g, const int64_t *times, size_t rows)
{
    IntStats st;
    ChunkMeta m;
    int_stats(&st, times, rows);
    g->t_min = st.min;
    g->t_max = st.max;
    size_t start = w->out.len;
    codec_encode_chunk(&w->out, CODEC_TIME, times, rows, 0, w->final, &m);
    g->time_codec = m.codec;
    share_times(w, g, start);
}

/* Drops the first `rows` collected rows, which make up the first `runs` runs (the last maybe in part). */
static void shift_rows(PartWriter *w, size_t rows)
{
    size_t left = w->rows - rows, gone = 0, done = 0;
    memmove(w->times, w->times + rows, left * sizeof *w->times);
    while (done < w->run_count && gone + w->runs[done].rows <= rows)
        gone += w->runs[done++].rows;
    if (done < w->run_count)
        w->runs[done].rows -= (uint32_t)(rows - gone);
    w->run_count -= done;
    memmove(w->runs, w->runs + done, w->run_count * sizeof *w->runs);
    for (size_t c = 0; c < w->column_count; c++) {
        WriteColumn *col = w->columns[c];
        if (!col->any)
            continue;
        size_t size = value_size(col->type);
        memmove(col->values, col->values + rows * size, left * size);
        memmove(col->state, col->state + rows, left);
        memset(col->state + left, STATE_ABSENT, w->rows - left);
        Slice *s = (Slice *)(void *)col->values;
        col->any = false;
        for (size_t i = 0; i < left; i++) {
            col->any |= col->state[i] != STATE_ABSENT;
            if (col->type == PHYS_STR)
                s[i] = col->state[i] == STATE_VALUE ? arena_slice(&w->spare, s[i]) : SLICE_NONE;
        }
    }
    Arena old = w->strings;
    w->strings = w->spare;
    w->spare = old;
    arena_reset(&w->spare);
    w->rows = left;
}

/* Writes the first `rows` collected rows as one group. */
static bool write_group(PartWriter *w, size_t rows, Err *e)
{
    size_t runs = 0, covered = 0;
    GroupEntry g = {.rows = (uint16_t)rows, .seq_min = UINT64_MAX};
    for (; covered < rows; runs++) {
        covered += w->runs[runs].rows;
        g.seq_min = w->runs[runs].seq_min < g.seq_min ? w->runs[runs].seq_min : g.seq_min;
        g.seq_max = w->runs[runs].seq_max > g.seq_max ? w->runs[runs].seq_max : g.seq_max;
        note_series(w, w->runs[runs].series);
    }
    g.series_first = series_id_local(w->runs[0].series);
    g.series_last = series_id_local(w->runs[runs - 1].series);
    put_times(w, &g, w->times, rows);
    bool alone = g.series_first == g.series_last;
    if (!alone) {
        must(covered == rows); /* a shared group holds whole series */
        put_runs(w, &g, w->runs, runs);
    }
    for (size_t c = 0; c < w->column_count; c++)
        if (w->columns[c]->any)
            write_chunk(w, w->columns[c], w->columns[c]->type, w->columns[c]->values,
                        w->columns[c]->state, rows, alone);
    shift_rows(w, rows);
    return end_group(w, &g, e);
}

/* Rows of the last collected series, and where they begin. */
static size_t last_series_begin(const PartWriter *w)
{
    size_t begin = w->rows;
    for (size_t r = w->run_count; r > 0 && w->runs[r - 1].series == w->series; r--)
        begin -= w->runs[r - 1].rows;
    return begin;
}

static bool write_all(PartWriter *w, Err *e)
{
    while (w->rows)
        if (!write_group(w, w->rows < ROW_GROUP_ROWS ? w->rows : ROW_GROUP_ROWS, e))
            return false;
    return true;
}

/* Called after rows were collected: writes what is decided. */
static bool settle(PartWriter *w, Err *e)
{
    size_t begin = last_series_begin(w), last = w->rows - begin;
    if (begin > 0 && (last >= PART_ALONE_ROWS || w->rows > ROW_GROUP_ROWS)) {
        if (!write_group(w, begin, e))
            return false;
        begin = 0;
    }
    while (begin == 0 && w->rows >= ROW_GROUP_ROWS) {
        w->long_series = true;
        if (!write_group(w, ROW_GROUP_ROWS, e))
            return false;
    }
    if (w->strings.used > STR_BYTES_MAX && w->rows && !(w->long_series = false))
        return write_all(w, e);
    return true;
}

/* The last series got its last row. */
static bool end_series(PartWriter *w, Err *e)
{
    size_t begin = last_series_begin(w), last = w->rows - begin;
    bool alone = last >= PART_ALONE_ROWS || (w->long_series && last >= PART_TAIL_ROWS);
    w->long_series = false;
    return !alone || begin > 0 || write_all(w, e);
}

static bool end_table(PartWriter *w, Err *e)
{
    if (!write_all(w, e))
        return false;
    end_block(w);
    for (size_t c = 0; c < w->column_count; c++)
        w->slot[w->columns[c]->id] = 0;
    w->column_count = 0;
    w->long_series = false;
    return true;
}

/* ---- adding ---- */
static bool same_types(PartWriter *w, const PartRun *run)
{
    for (size_t i = 0; i < run->column_count; i++) {
        const PartColumn *in = &run->columns[i];
        uint16_t slot = w->slot[in->id];
        if (slot && in->vec.type != PHYS_NONE && w->columns[slot - 1]->any &&
            w->columns[slot - 1]->type != in->vec.type)
            return false;
    }
    return true;
}

/* Moves on to the run's window, table and series; order is the caller's promise. */
static bool step_to(PartWriter *w, const PartRun *run, Err *e)
{
    must(!w->finished && run->rows > 0 && run->rows <= ROW_GROUP_ROWS);
    if (w->begun) {
        must(w->window <= run->window && w->series >> 32 == run->series >> 32);
        if (w->window != run->window || w->table != run->table) {
            must(w->window < run->window || w->table < run->table);
            if (!end_table(w, e))
                return false;
        } else if (w->series != run->series) {
            must(w->series < run->series);
            if (!end_series(w, e))
                return false;
        } else {
            must(w->last_time <= run->times[0]);
        }
    }
    w->begun = true;
    w->window = run->window;
    w->table = run->table;
    w->series = run->series;
    w->last_time = run->times[run->rows - 1];
    return same_types(w, run) || write_all(w, e);
}

static void states_of(uint8_t *state, const PartColumn *in, size_t from, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        bool value = in->vec.type != PHYS_NONE && bitmap_get(in->vec.valid, from + i);
        bool null = in->null_bits && bitmap_get(in->null_bits, from + i);
        state[i] = value ? STATE_VALUE : null ? STATE_NULL : STATE_ABSENT;
    }
}

static void collect_column(PartWriter *w, const PartColumn *in, size_t from, size_t rows)
{
    if (in->vec.type == PHYS_NONE && !in->null_bits)
        return;
    WriteColumn *c = column_of(w, in->id);
    PhysType type = in->vec.type != PHYS_NONE ? in->vec.type : c->any ? c->type : PHYS_I64;
    if (!c->any || c->type != type)
        column_take_type(c, type);
    uint8_t *state = c->state + w->rows;
    if (in->vec.type != PHYS_NONE && !in->vec.valid)
        memset(state, STATE_VALUE, rows);
    else
        states_of(state, in, from, rows);
    for (size_t i = 0; i < rows; i++)
        c->any |= state[i] != STATE_ABSENT;
    size_t size = value_size(type);
    uint8_t *to = c->values + w->rows * size;
    if (in->vec.type == PHYS_NONE) {
        memset(to, 0, rows * size);
        return;
    }
    memcpy(to, (const char *)in->vec.v.any + from * size, rows * size);
    Slice *s = (Slice *)(void *)to;
    for (size_t i = 0; type == PHYS_STR && i < rows; i++)
        s[i] = state[i] == STATE_VALUE ? arena_slice(&w->strings, s[i]) : SLICE_NONE;
}

static void collect(PartWriter *w, const PartRun *run, size_t from, size_t rows)
{
    memcpy(w->times + w->rows, run->times + from, rows * sizeof *w->times);
    for (size_t i = 0; i < run->column_count; i++)
        collect_column(w, &run->columns[i], from, rows);
    w->runs[w->run_count++] = (AccRun){run->series, (uint32_t)rows, run->seq_min, run->seq_max};
    w->rows += rows;
}

/* A full run of one series needs no collecting. */
static bool write_run(PartWriter *w, const PartRun *run, Err *e)
{
    GroupEntry g = {.rows = (uint16_t)run->rows,
                    .series_first = series_id_local(run->series),
                    .series_last = series_id_local(run->series),
                    .seq_min = run->seq_min,
                    .seq_max = run->seq_max};
    note_series(w, run->series);
    put_times(w, &g, run->times, run->rows);
    for (size_t i = 0; i < run->column_count; i++) {
        const PartColumn *in = &run->columns[i];
        uint8_t state[ROW_GROUP_ROWS];
        bool full = in->vec.type != PHYS_NONE && !in->vec.valid;
        if (!full)
            states_of(state, in, 0, run->rows);
        PhysType type = in->vec.type != PHYS_NONE ? in->vec.type : PHYS_I64;
        write_chunk(w, column_of(w, in->id), type, in->vec.v.any, full ? NULL : state, run->rows, true);
    }
    w->long_series = true;
    return end_group(w, &g, e);
}

/* How many rows from `from` on keep the strings of one group in bounds; at least one. */
static size_t rows_that_fit(const PartRun *run, size_t from)
{
    size_t bytes = 0, rows = 0;
    for (; from + rows < run->rows; rows++) {
        for (size_t c = 0; c < run->column_count; c++) {
            const PartColumn *in = &run->columns[c];
            if (in->vec.type == PHYS_STR && bitmap_get(in->vec.valid, from + rows))
                bytes += in->vec.v.str[from + rows].len;
        }
        if (bytes > STR_BYTES_MAX && rows)
            break;
    }
    return rows;
}

bool part_writer_add(PartWriter *w, const PartRun *run, Err *e)
{
    if (!step_to(w, run, e))
        return false;
    for (size_t from = 0, rows; from < run->rows; from += rows) {
        rows = rows_that_fit(run, from);
        if (rows == ROW_GROUP_ROWS && w->rows && last_series_begin(w) == w->rows && !write_all(w, e))
            return false; /* only smaller series wait: they go first */
        if (rows == ROW_GROUP_ROWS && w->rows == 0)
            return write_run(w, run, e);
        collect(w, run, from, rows);
        if (!settle(w, e))
            return false;
        if (from + rows < run->rows && !write_all(w, e))
            return false;
    }
    return true;
}

/* ---- copying ---- */
static bool copy_alone(PartWriter *w, Part *from, const PartGroup *pg, const ColumnId *ids, size_t count, Err *e)
{
    GroupEntry *old;
    Slice bytes;
    if (!part_time_bytes(from, pg, &old, &bytes, e))
        return false;
    GroupEntry g = {.rows = old->rows, .t_min = old->t_min, .t_max = old->t_max,
                    .series_first = old->series_first, .series_last = old->series_last,
                    .seq_min = old->seq_min, .seq_max = old->seq_max, .time_codec = old->time_codec};
    note_series(w, pg->series);
    size_t start = w->out.len;
    buf_put_slice(&w->out, bytes);
    share_times(w, &g, start);
    for (size_t i = 0; i < count; i++) {
        const ChunkEntry *chunk;
        if (!part_chunk(from, pg, ids[i], &chunk, e) || !chunk ||
            !part_chunk_bytes(from, pg, chunk, &bytes, e))
            return false;
        ChunkEntry *entry = column_chunk(w, column_of(w, ids[i]));
        memcpy(entry, chunk, sizeof *entry);
        entry->offset = here(w);
        buf_put_slice(&w->out, bytes);
    }
    w->long_series = true;
    return end_group(w, &g, e);
}

static bool copy_rows(PartWriter *w, Part *from, const PartGroup *g, const ColumnId *ids, size_t count,
                      PartRun *run, Err *e)
{
    Arena arena;
    arena_init(&arena, NULL);
    PartColumn *cols = ARENA_ARRAY(&arena, PartColumn, count + 1);
    bool ok = part_times(from, g, &arena, &run->times, e);
    for (size_t i = 0; ok && i < count; i++) {
        cols[i].id = ids[i];
        ok = part_column(from, g, ids[i], &arena, &cols[i].vec, &cols[i].null_bits, e);
    }
    run->columns = cols;
    run->column_count = count;
    ok = ok && part_writer_add(w, run, e);
    arena_free(&arena);
    return ok;
}

bool part_writer_copy(PartWriter *w, Part *from, const PartGroup *g, Err *e)
{
    size_t count = part_columns(from, g, NULL, 0);
    ColumnId *ids = mem_zero((count + 1) * sizeof *ids);
    part_columns(from, g, ids, count);
    PinStatus pinned = part_pin_group(from, g, ids, count, NULL, e);
    bool ok = pinned == PIN_OK;
    must(pinned != PIN_WAIT); /* without a waiter pins block */
    if (ok) {
        int64_t ends[2] = {g->t_min, g->t_max};
        PartRun run = {.window = part_block_of(from, g->index)->window, .table = g->table,
                       .series = g->series, .rows = g->rows, .times = ends,
                       .seq_min = g->seq_min, .seq_max = g->seq_max};
        if (g->alone) {
            PartRun first = run;
            first.rows = 1; /* looks at times[0] only; the last time is set below */
            ok = step_to(w, &first, e) && write_all(w, e) && copy_alone(w, from, g, ids, count, e);
            w->last_time = g->t_max;
        } else {
            ok = copy_rows(w, from, g, ids, count, &run, e);
        }
        part_unpin_group(from, g);
    }
    mem_free(ids);
    return ok;
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
    buf_put_str(out, SLICE_LIT("alopex-skulk"));
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

bool part_writer_finish(PartWriter *w, Err *e)
{
    must(!w->finished);
    if (w->begun && !end_table(w, e))
        return false;
    w->finished = true;
    if (w->info.rows == 0)
        w->info = (PartInfo){0};
    static const uint8_t zeros[PART_SLACK];
    uint64_t payload_end = here(w);
    buf_put(&w->out, zeros, sizeof zeros);
    buf_put_slice(&w->out, buf_slice(&w->meta));
    Buf footer;
    buf_init(&footer);
    put_footer(w, &footer, payload_end);
    uint64_t offset = here(w);
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
