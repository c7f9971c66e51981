/* storage/part_write.c - which rows make a row group.
 *
 * Rows of the current (window, table) collect in columns of at most 2 * ROW_GROUP_ROWS rows.
 * A series with PART_ALONE_ROWS rows gets row groups of its own, smaller ones share. */
#include "storage/part_writer_private.h"

#include "base/hash.h"
#include <roaring/roaring.h>

PartWriter *part_writer_new(PartSink *sink, CodecEffort effort)
{
    PartWriter *w = MEM_NEW(PartWriter);
    w->sink = sink;
    w->effort = w->next_effort = effort;
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

void part_writer_set_effort(PartWriter *w, CodecEffort effort)
{
    w->next_effort = effort;
}

uint64_t part_writer_rows(const PartWriter *w)
{
    return w->info.rows + w->rows;
}

/* ---- groups from the collected rows ---- */
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
        size_t size = part_value_size(col->type);
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
        pw_note_series(w, w->runs[runs].series);
    }
    g.series_first = series_id_local(w->runs[0].series);
    g.series_last = series_id_local(w->runs[runs - 1].series);
    pw_put_times(w, &g, w->times, rows);
    bool alone = g.series_first == g.series_last;
    if (!alone) {
        must(covered == rows); /* a shared group holds whole series */
        pw_put_runs(w, &g, w->runs, runs);
    }
    for (size_t c = 0; c < w->column_count; c++)
        if (w->columns[c]->any)
            pw_put_chunk(w, w->columns[c], w->columns[c]->type, w->columns[c]->values,
                         w->columns[c]->state, rows, alone);
    shift_rows(w, rows);
    return pw_end_group(w, &g, e);
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
    return w->strings.used <= STR_BYTES_MAX || write_all(w, e);
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
    pw_end_block(w);
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
    if (!w->begun || w->table != run->table)
        w->effort = w->next_effort;
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

static void column_take_type(WriteColumn *c, PhysType type)
{
    size_t size = part_value_size(type);
    if (!c->values || size > c->value_size) {
        mem_free(c->values);
        c->values = mem_zero(ACC_ROWS * size);
        c->value_size = size;
    }
    c->type = type;
}

static void collect_column(PartWriter *w, const PartColumn *in, size_t from, size_t rows)
{
    if (in->vec.type == PHYS_NONE && !in->null_bits)
        return;
    WriteColumn *c = pw_column(w, in->id);
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
    size_t size = part_value_size(type);
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
    pw_note_series(w, run->series);
    pw_put_times(w, &g, run->times, run->rows);
    for (size_t i = 0; i < run->column_count; i++) {
        const PartColumn *in = &run->columns[i];
        uint8_t state[ROW_GROUP_ROWS];
        bool full = in->vec.type != PHYS_NONE && !in->vec.valid;
        if (!full)
            states_of(state, in, 0, run->rows);
        PhysType type = in->vec.type != PHYS_NONE ? in->vec.type : PHYS_I64;
        pw_put_chunk(w, pw_column(w, in->id), type, in->vec.v.any, full ? NULL : state, run->rows,
                     true);
    }
    w->long_series = true;
    return pw_end_group(w, &g, e);
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
        if (rows == ROW_GROUP_ROWS && w->rows && last_series_begin(w) == w->rows &&
            !write_all(w, e))
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
static bool copy_alone(PartWriter *w, Part *from, const PartGroup *pg, const ColumnId *ids,
                       size_t count, Err *e)
{
    GroupEntry old;
    Slice bytes;
    if (!part_time_bytes(from, pg, &old, &bytes, e))
        return false;
    GroupEntry g = {.rows = old.rows,
                    .t_min = old.t_min,
                    .t_max = old.t_max,
                    .series_first = old.series_first,
                    .series_last = old.series_last,
                    .seq_min = pg->seq_min,
                    .seq_max = pg->seq_max,
                    .time_codec = old.time_codec};
    pw_note_series(w, pg->series);
    size_t start = w->out.len;
    buf_put_slice(&w->out, bytes);
    pw_share_times(w, &g, start);
    for (size_t i = 0; i < count; i++) {
        Chunk chunk;
        if (!part_chunk_bytes(from, pg, ids[i], &chunk, e))
            return false;
        ChunkEntry *entry = pw_chunk(w, pw_column(w, ids[i]));
        memcpy(entry, &chunk.entry, sizeof *entry);
        entry->offset = pw_offset(w);
        buf_put_slice(&w->out, chunk.bytes);
        if (!part_was_read(from, pg, chunk.entry.offset, chunk.bytes.len, e))
            return false;
    }
    w->long_series = true;
    return pw_end_group(w, &g, e);
}

static bool copy_rows(PartWriter *w, Part *from, const PartGroup *g, const ColumnId *ids,
                      size_t count, PartRun *run, Err *e)
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

int64_t part_group_window(const Part *p, const PartGroup *g)
{
    return part_block_of(p, g->index, g->block)->window;
}

bool part_writer_copy(PartWriter *w, Part *from, const PartGroup *g, int64_t window, Err *e)
{
    size_t count;
    ColumnId *ids = mem_zero(COLUMNS_MAX * sizeof *ids);
    PinStatus pinned = part_columns(from, g, ids, COLUMNS_MAX, &count, e) && count <= COLUMNS_MAX
                           ? part_pin_group(from, g, ids, count, NULL, e)
                           : PIN_FAIL;
    bool ok = pinned == PIN_OK;
    must(pinned != PIN_WAIT); /* without a waiter pins block */
    if (ok) {
        int64_t ends[2] = {g->t_min, g->t_max};
        PartRun run = {.window = window,
                       .table = g->table,
                       .series = g->series,
                       .rows = g->rows,
                       .times = ends,
                       .seq_min = g->seq_min,
                       .seq_max = g->seq_max};
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
bool part_writer_finish(PartWriter *w, Err *e)
{
    must(!w->finished);
    if (w->begun && !end_table(w, e))
        return false;
    w->finished = true;
    return pw_finish(w, e);
}
