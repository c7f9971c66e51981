/* storage/part_data.c - the bytes of a row group: pins, checksums, decoding, the full check. */
#include "storage/part_private.h"

#include "base/hash.h"
#include <inttypes.h>
#include <stdlib.h>

bool part_damaged(const Part *p, const PartGroup *g, uint64_t offset, const char *what, Err *e)
{
    return err_set(e, ERR_DATA_CORRUPTED,
                   "part \"%s\", offset %" PRIu64 ", table %u, series %" PRIu64 ", times %" PRId64
                   " to %" PRId64 ": %s",
                   part_name(p), offset, g->table, g->series, g->t_min, g->t_max, what);
}

bool part_at_chunk(const Part *p, const PartGroup *g, uint64_t offset, Err *e)
{
    if (e->code != ERR_DATA_CORRUPTED)
        return false;
    return err_wrap(e,
                    "part \"%s\", offset %" PRIu64 ", table %u, series %" PRIu64 ", times %" PRId64
                    " to %" PRId64,
                    part_name(p), offset, g->table, g->series, g->t_min, g->t_max);
}

/* ---- pins: only for sources without a base ---- */
static GroupPin *find_pin(const Part *p, uint32_t group)
{
    GroupPin *pin = p->pins[group % PIN_BUCKETS];
    while (pin && pin->group != group)
        pin = pin->next;
    return pin;
}

static const uint8_t *pinned_bytes(const GroupPin *pin, uint64_t offset, size_t len)
{
    for (size_t i = 0; pin && i < pin->count; i++) {
        const Extent *x = &pin->extent[i];
        if (offset >= x->offset && offset + len <= x->offset + x->len)
            return x->ptr + (offset - x->offset);
    }
    return NULL;
}

/* Bytes of a chunk with the slack that decoders may read behind it. */
static const uint8_t *bytes_at(Part *p, const PartGroup *g, uint64_t offset, size_t len)
{
    if (p->source->base)
        return p->source->base + offset;
    mutex_lock(&p->pin_lock);
    const uint8_t *ptr = pinned_bytes(find_pin(p, g->index), offset, len + PART_SLACK);
    mutex_unlock(&p->pin_lock);
    return ptr;
}

static void free_pin(Part *p, GroupPin *pin)
{
    for (size_t i = 0; i < pin->count; i++)
        p->source->unpin(p->source, pin->extent[i].ptr, pin->extent[i].len);
    mem_free(pin->extent);
    mem_free(pin);
}

void part_free_pins(Part *p)
{
    for (size_t i = 0; i < PIN_BUCKETS; i++)
        while (p->pins[i]) {
            GroupPin *next = p->pins[i]->next;
            free_pin(p, p->pins[i]);
            p->pins[i] = next;
        }
}

/* Pins one range unless it is there; under no lock while the source works. */
static PinStatus pin_extent(Part *p, uint32_t group, uint64_t offset, size_t len,
                            struct Task *waiter, Err *e)
{
    mutex_lock(&p->pin_lock);
    bool have = pinned_bytes(find_pin(p, group), offset, len);
    mutex_unlock(&p->pin_lock);
    if (have)
        return PIN_OK;
    const uint8_t *ptr = NULL;
    PinStatus status = p->source->pin(p->source, offset, len, waiter, &ptr, e);
    if (status != PIN_OK)
        return status;
    mutex_lock(&p->pin_lock);
    GroupPin *pin = find_pin(p, group);
    if (!pin) {
        pin = MEM_NEW(GroupPin);
        pin->group = group;
        pin->next = p->pins[group % PIN_BUCKETS];
        p->pins[group % PIN_BUCKETS] = pin;
    }
    if (pin->count == pin->cap) {
        pin->cap = pin->cap ? pin->cap * 2 : 8;
        pin->extent = mem_realloc(pin->extent, pin->cap * sizeof *pin->extent);
    }
    pin->extent[pin->count++] = (Extent){offset, len, ptr};
    mutex_unlock(&p->pin_lock);
    return PIN_OK;
}

static int by_offset(const void *a, const void *b)
{
    const Extent *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Ranges of the chunks that are asked for; those near to each other become one. */
static bool wanted_extents(Part *p, const PartGroup *g, const ColumnId *cols, size_t n, Extent *x,
                           size_t *count, Err *e)
{
    const BlockDir *dir;
    const Block *b = part_block_of(p, g->index);
    if (!part_block_dir(p, b, &dir, e))
        return false;
    const GroupEntry *entry = &dir->groups[g->index - b->first_group];
    size_t found = 1;
    x[0] = (Extent){entry->time_offset, entry->time_length + PART_SLACK, NULL};
    for (size_t i = 0; i < n; i++) {
        const ChunkEntry *chunk;
        if (cols[i] == COLUMN_TIME)
            continue;
        if (!part_chunk(p, g, cols[i], &chunk, e))
            return false;
        if (chunk)
            x[found++] = (Extent){chunk->offset, chunk->length + PART_SLACK, NULL};
    }
    qsort(x, found, sizeof *x, by_offset);
    size_t last = 0;
    enum { NEAR = 4096 };
    for (size_t i = 1; i < found; i++) {
        if (x[i].offset <= x[last].offset + x[last].len + NEAR) {
            uint64_t end = x[i].offset + x[i].len;
            if (end > x[last].offset + x[last].len)
                x[last].len = end - x[last].offset;
        } else {
            x[++last] = x[i];
        }
    }
    *count = last + 1;
    return true;
}

PinStatus part_pin_group(Part *p, const PartGroup *g, const ColumnId *cols, size_t n,
                         struct Task *waiter, Err *e)
{
    if (p->source->base)
        return PIN_OK;
    Extent *x = mem_zero((n + 1) * sizeof *x);
    size_t count = 0;
    PinStatus status = wanted_extents(p, g, cols, n, x, &count, e) ? PIN_OK : PIN_FAIL;
    /* What is pinned before a WAIT stays: the next call goes on from there. */
    for (size_t i = 0; status == PIN_OK && i < count; i++)
        status = pin_extent(p, g->index, x[i].offset, x[i].len, waiter, e);
    mem_free(x);
    if (status == PIN_OK) {
        mutex_lock(&p->pin_lock);
        find_pin(p, g->index)->refs++;
        mutex_unlock(&p->pin_lock);
    }
    return status;
}

void part_unpin_group(Part *p, const PartGroup *g)
{
    if (p->source->base)
        return;
    GroupPin *drop = NULL;
    mutex_lock(&p->pin_lock);
    GroupPin **at = &p->pins[g->index % PIN_BUCKETS];
    while (*at && (*at)->group != g->index)
        at = &(*at)->next;
    must(*at && (*at)->refs > 0);
    if (--(*at)->refs == 0) {
        drop = *at;
        *at = drop->next;
    }
    mutex_unlock(&p->pin_lock);
    if (drop)
        free_pin(p, drop);
}

/* ---- chunks and their checksums ---- */
typedef struct ChunkPlace {
    uint64_t offset;
    uint32_t length, crc;
    _Atomic uint8_t *checked;
} ChunkPlace;

static bool checked_bytes(Part *p, const PartGroup *g, ChunkPlace at, Slice *out, Err *e)
{
    const uint8_t *ptr = bytes_at(p, g, at.offset, at.length);
    if (!ptr)
        return err_set(e, ERR_INTERNAL, "row group %u of part \"%s\" is read without a pin",
                       g->index, part_name(p));
    *out = slice_of((const char *)ptr, at.length);
    if (atomic_load_explicit(at.checked, memory_order_relaxed) || p->skip_crc)
        return true;
    if (crc32c(0, ptr, at.length) != at.crc)
        return part_damaged(p, g, at.offset, "the checksum of a chunk is wrong", e);
    atomic_store_explicit(at.checked, 1, memory_order_relaxed);
    return true;
}

/* Decoded entries of one column of a block, at first use. */
static bool column_entries(Part *p, const PartGroup *g, const BlockDir *dir, size_t column,
                           ChunkEntry **out, Err *e)
{
    ChunkEntry *known = dir->chunks[column], *made;
    if (!known) {
        if (!dir_get_column(&made, dir, column, p->payload_end, e))
            return part_at_chunk(p, g, part_block_of(p, g->index)->offset, e);
        if (atomic_compare_exchange_strong(&dir->chunks[column], &known, made))
            known = made;
        else
            mem_free(made);
    }
    *out = known;
    return true;
}

bool part_chunk(Part *p, const PartGroup *g, ColumnId col, const ChunkEntry **out, Err *e)
{
    const Block *b = part_block_of(p, g->index);
    const BlockDir *dir;
    *out = NULL;
    if (!part_block_dir(p, b, &dir, e))
        return false;
    size_t low = 0, high = dir->column_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (dir->column_ids[mid] < col)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == dir->column_count || dir->column_ids[low] != col)
        return true;
    ChunkEntry *entries = NULL;
    if (!column_entries(p, g, dir, low, &entries, e))
        return false;
    ChunkEntry *chunk = &entries[g->index - b->first_group];
    *out = chunk->type == PHYS_NONE ? NULL : chunk;
    return true;
}

bool part_chunk_bytes(Part *p, const PartGroup *g, const ChunkEntry *c, Slice *out, Err *e)
{
    ChunkEntry *chunk = (ChunkEntry *)(uintptr_t)c; /* only its atomic mark changes */
    ChunkPlace at = {c->offset, c->length, c->crc, &chunk->checked};
    return checked_bytes(p, g, at, out, e);
}

bool part_time_bytes(Part *p, const PartGroup *g, GroupEntry **entry, Slice *out, Err *e)
{
    const Block *b = part_block_of(p, g->index);
    const BlockDir *dir;
    if (!part_block_dir(p, b, &dir, e))
        return false;
    GroupEntry *ge = *entry = &dir->groups[g->index - b->first_group];
    ChunkPlace at = {ge->time_offset, ge->time_length, ge->time_crc, &ge->time_checked};
    return checked_bytes(p, g, at, out, e);
}

bool part_runs(Part *p, const Block *b, const BlockDir *dir, size_t i, const RunList **out, Err *e)
{
    RunList *known = dir->runs[i], *made;
    const GroupEntry *entry = &dir->groups[i];
    PartGroup g;
    if (!known) {
        part_fill_group(p, b, entry, b->first_group + (uint32_t)i, &g);
        const uint8_t *ptr = NULL;
        PartSource *s = p->source;
        if (s->base)
            ptr = s->base + entry->runs_offset;
        else if (s->pin(s, entry->runs_offset, entry->runs_length, NULL, &ptr, e) != PIN_OK)
            return false;
        bool ok = p->skip_crc || crc32c(0, ptr, entry->runs_length) == entry->runs_crc;
        ok = ok ? runs_get(&made, slice_of((const char *)ptr, entry->runs_length), entry, e) ||
                      part_at_chunk(p, &g, entry->runs_offset, e)
                : part_damaged(p, &g, entry->runs_offset, "the checksum of a run list is wrong", e);
        if (!s->base)
            s->unpin(s, ptr, entry->runs_length);
        if (!ok)
            return false;
        if (atomic_compare_exchange_strong(&dir->runs[i], &known, made))
            known = made;
        else
            mem_free(made);
    }
    *out = known;
    return true;
}

/* ---- decoding ---- */
static bool time_codec_of(const CodecDef **out, uint8_t id, Err *e)
{
    *out = codec_find(id);
    if (!*out || ((*out)->kind != CODEC_TIME && (*out)->kind != CODEC_INT))
        return codec_damaged(e, "unknown time codec");
    return true;
}

/* The caller's rows must lie in the group: a PartGroup may come from another part by mistake. */
static bool rows_inside(const Part *p, const PartGroup *g, size_t rows, Err *e)
{
    if (g->row_begin > rows || g->rows > rows - g->row_begin)
        return err_set(e, ERR_INTERNAL, "rows %u+%u are not in row group %u of part \"%s\"",
                       g->row_begin, g->rows, g->index, part_name(p));
    return true;
}

bool part_times(Part *p, const PartGroup *g, Arena *arena, const int64_t **times, Err *e)
{
    GroupEntry *entry;
    Slice bytes;
    const CodecDef *def;
    if (!part_time_bytes(p, g, &entry, &bytes, e) || !rows_inside(p, g, entry->rows, e))
        return false;
    int64_t *out = arena_alloc(arena, entry->rows * sizeof *out);
    if (!time_codec_of(&def, entry->time_codec, e) ||
        !def->decode(out, entry->rows, bytes, arena, e))
        return part_at_chunk(p, g, entry->time_offset, e);
    *times = out + g->row_begin;
    return true;
}

/* Spreads dense values over the rows that have one; the others are zero. */
static void *spread_values(Arena *arena, const void *dense, const uint64_t *valid, size_t rows,
                           size_t size)
{
    char *out = arena_zero(arena, rows * size);
    const char *from = dense;
    for (size_t i = 0; i < rows; i++) {
        if (!bitmap_get(valid, i))
            continue;
        memcpy(out + i * size, from, size);
        from += size;
    }
    return out;
}

/* Bits [begin, begin + rows) as a bitmap of their own; NULL if all are set. */
static const uint64_t *cut_bits(Arena *arena, const uint64_t *bits, size_t begin, size_t rows)
{
    uint64_t *out = arena_zero(arena, BITMAP_WORDS(rows) * sizeof *out);
    for (size_t w = 0; w < BITMAP_WORDS(rows); w++) {
        size_t at = begin + w * 64;
        out[w] = bits[at / 64] >> at % 64;
        if (at % 64 && at / 64 + 1 < ROW_WORDS)
            out[w] |= bits[at / 64 + 1] << (64 - at % 64);
    }
    if (rows % 64)
        out[rows / 64] &= low_bits(rows % 64);
    return out;
}

static size_t count_bits(const uint64_t *bits, size_t words)
{
    size_t n = 0;
    for (size_t w = 0; w < words; w++)
        n += (size_t)__builtin_popcountll(bits[w]);
    return n;
}

typedef struct Decoded { /* a whole chunk */
    const void *values;
    bool holes, any_null;
    uint64_t valid[ROW_WORDS], null_bits[ROW_WORDS];
} Decoded;

static bool decode_chunk(Decoded *d, const ChunkEntry *c, Slice bytes, size_t rows, Arena *arena,
                         Err *e)
{
    Reader r = reader_of(bytes);
    size_t with_value = rows - c->missing, size = part_value_size(c->type);
    d->holes = c->holes;
    d->any_null = false;
    if (c->holes) {
        if (!presence_get(d->valid, d->null_bits, &d->any_null, rows, &r, e))
            return false;
        if (count_bits(d->valid, ROW_WORDS) != with_value)
            return codec_damaged(e, "presence does not fit the directory");
    }
    void *dense = arena_alloc(arena, with_value * size + 8);
    if (with_value == 0) {
        if (reader_left(&r))
            return codec_damaged(e, "bytes behind the presence section");
    } else if (!codec_find(c->codec)->decode(dense, with_value, reader_bytes(&r, reader_left(&r)),
                                             arena, e)) {
        return false;
    }
    d->values = c->holes ? spread_values(arena, dense, d->valid, rows, size) : dense;
    return true;
}

bool part_column(Part *p, const PartGroup *g, ColumnId col, Arena *arena, ColVec *vec,
                 const uint64_t **null_bits, Err *e)
{
    const ChunkEntry *c;
    Slice bytes;
    Decoded d;
    const Block *b = part_block_of(p, g->index);
    *vec = (ColVec){.type = PHYS_NONE};
    *null_bits = NULL;
    if (!part_chunk(p, g, col, &c, e))
        return false;
    if (!c)
        return true;
    const BlockDir *dir = b->dir;
    size_t rows = dir->groups[g->index - b->first_group].rows;
    if (!rows_inside(p, g, rows, e) || !part_chunk_bytes(p, g, c, &bytes, e))
        return false;
    if (!decode_chunk(&d, c, bytes, rows, arena, e))
        return part_at_chunk(p, g, c->offset, e);
    vec->type = c->type;
    vec->v.any = (const char *)d.values + g->row_begin * part_value_size(c->type);
    if (d.holes)
        vec->valid = cut_bits(arena, d.valid, g->row_begin, g->rows);
    if (d.any_null)
        *null_bits = cut_bits(arena, d.null_bits, g->row_begin, g->rows);
    return true;
}

size_t part_columns(Part *p, const PartGroup *g, ColumnId *out, size_t max)
{
    const Block *b = part_block_of(p, g->index);
    const BlockDir *dir;
    size_t count = 0;
    Err e;
    if (!part_block_dir(p, b, &dir, &e))
        return 0;
    for (size_t c = 0; c < dir->column_count; c++) {
        ChunkEntry *entries = NULL;
        /* A damaged column is listed too: reading it reports the damage. */
        if (column_entries(p, g, dir, c, &entries, &e) &&
            entries[g->index - b->first_group].type == PHYS_NONE)
            continue;
        if (count < max)
            out[count] = dir->column_ids[c];
        count++;
    }
    return count;
}

bool part_may_have(Part *p, const PartGroup *g, ColumnId col)
{
    const BlockDir *dir;
    Err e;
    if (!part_block_dir(p, part_block_of(p, g->index), &dir, &e))
        return true; /* reading it reports the damage */
    size_t low = 0, high = dir->column_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (dir->column_ids[mid] < col)
            low = mid + 1;
        else
            high = mid;
    }
    return low < dir->column_count && dir->column_ids[low] == col;
}

/* ---- check ---- */
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
    part_fill_group(p, b, &dir->groups[i], b->first_group + (uint32_t)i, &g);
    size_t count = part_columns(p, &g, NULL, 0);
    ColumnId *ids = arena_zero(arena, (count + 1) * sizeof *ids);
    part_columns(p, &g, ids, count);
    dir->groups[i].time_checked = 0; /* look again: the medium may have changed since */
    for (size_t c = 0; c < dir->column_count; c++)
        if (dir->chunks[c])
            ((ChunkEntry *)dir->chunks[c])[i].checked = 0;
    if (part_pin_group(p, &g, ids, count, NULL, &e) != PIN_OK) {
        report(check, &e);
        return;
    }
    const int64_t *times;
    const RunList *runs;
    if (!part_times(p, &g, arena, &times, &e))
        report(check, &e);
    if (!g.alone && !part_runs(p, b, dir, i, &runs, &e))
        report(check, &e);
    for (size_t c = 0; c < count; c++) {
        ColVec vec;
        const uint64_t *nulls;
        if (!part_column(p, &g, ids[c], arena, &vec, &nulls, &e))
            report(check, &e);
    }
    part_unpin_group(p, &g);
}

size_t part_block_count(const Part *p)
{
    return p->block_count;
}

bool part_check_block(Part *p, size_t block, void (*each)(void *arg, const Err *e), void *arg)
{
    Checker check = {each, arg, true};
    Arena arena;
    Block *b = &p->blocks[block];
    const BlockDir *dir;
    Err e;
    const uint8_t *bytes = p->meta + (b->offset - p->meta_offset);
    if (!part_block_dir(p, b, &dir, &e)) {
        report(&check, &e);
        return false;
    }
    if (!p->skip_crc && crc32c(0, bytes, b->length) != b->crc) {
        err_set(&e, ERR_DATA_CORRUPTED,
                "part \"%s\", offset %" PRIu64 ": the checksum of the directory is wrong",
                part_name(p), b->offset);
        report(&check, &e);
    }
    arena_init(&arena, NULL);
    for (size_t i = 0; i < b->group_count; i++) {
        check_group(p, b, b->dir, i, &check, &arena);
        arena_reset(&arena);
    }
    arena_free(&arena);
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
        return part_writer_copy(w, p, &g, e);
    if (!part_runs(p, b, dir, i, &runs, e))
        return false;
    for (size_t r = 0; r < runs->count; r++) {
        g.series = series_id_make(p->shard, runs->run[r].series);
        g.row_begin = runs->run[r].begin;
        g.rows = runs->run[r].rows;
        if (!part_writer_copy(w, p, &g, e))
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
        Block *b = &p->blocks[k];
        const BlockDir *dir;
        Err damage;
        if (!part_block_dir(p, b, &dir, &damage))
            continue;
        for (size_t i = 0; ok && i < b->group_count; i++) {
            Checker check = {NULL, NULL, true};
            check_group(p, b, b->dir, i, &check, &arena);
            arena_reset(&arena);
            if (check.ok)
                ok = copy_group(p, b, b->dir, i, w, e);
        }
    }
    arena_free(&arena);
    return ok;
}
