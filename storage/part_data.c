/* storage/part_data.c - the bytes of a row group: pins, checksums, decoding. */
#include "storage/part_private.h"

#include "base/clock.h"
#include "base/hash.h"
#include "storage/mapped.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DAMAGED_MAX = 1024 }; /* blocks of one part that are told of */

/* ---- damage ---- */

/* Keeps the offsets that were reported, to tell of each block once. */
static bool first_report(Part *p, uint64_t offset)
{
    mutex_lock(&p->pin_lock);
    bool seen = p->damaged_count >= DAMAGED_MAX;
    for (size_t i = 0; i < p->damaged_count && !seen; i++)
        seen = p->damaged[i] == offset;
    if (!seen) {
        p->damaged = mem_realloc(p->damaged, (p->damaged_count + 1) * sizeof *p->damaged);
        p->damaged[p->damaged_count++] = offset;
    }
    mutex_unlock(&p->pin_lock);
    return !seen;
}

static const char *time_text(char out[48], int64_t ns)
{
    time_t s = (time_t)floor_div(ns, NS_PER_S);
    struct tm tm;
    size_t n = gmtime_r(&s, &tm) ? strftime(out, 48, "%Y-%m-%dT%H:%M:%S", &tm) : 0;
    snprintf(out + n, 48 - n, ".%09dZ", (int)(ns - (int64_t)s * NS_PER_S));
    return out;
}

/* Wraps e with the place and reports it. */
static bool place_error(Part *p, const PartGroup *g, uint64_t offset, Err *e)
{
    char from[48], to[48];
    err_wrap(e, "part \"%s\", offset %" PRIu64 ", table %u, series %" PRIu64 ", times %s to %s",
             part_name(p), offset, g->table, g->series, time_text(from, g->t_min),
             time_text(to, g->t_max));
    if (p->source->damaged && first_report(p, offset))
        p->source->damaged(p->source, g->table, g->series, e);
    return err_hint(e,
                    "only what needs these bytes fails; \"alopex-skulk check\" lists all damage");
}

bool part_damaged(Part *p, const PartGroup *g, uint64_t offset, const char *what, Err *e)
{
    err_set(e, ERR_DATA_CORRUPTED, "%s", what);
    return place_error(p, g, offset, e);
}

bool part_at_chunk(Part *p, const PartGroup *g, uint64_t offset, Err *e)
{
    return e->code == ERR_DATA_CORRUPTED && place_error(p, g, offset, e);
}

bool part_was_read(Part *p, const PartGroup *g, uint64_t offset, size_t len, Err *e)
{
    if (!p->source->base || !mapped_lost(p->source->base + offset, len))
        return true;
    err_set(e, ERR_IO, "the disk could not read it");
    return place_error(p, g, offset, e);
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
    BlockDir *dir;
    const Block *b = part_block_of(p, g->index, g->block);
    if (!part_dir_take(p, b, &dir, e))
        return false;
    const GroupEntry *entry = &dir->groups[g->index - b->first_group];
    size_t found = 1;
    x[0] = (Extent){entry->time_offset, entry->time_length + PART_SLACK, NULL};
    part_dir_give(b);
    for (size_t i = 0; i < n; i++) {
        Chunk chunk;
        if (cols[i] == COLUMN_TIME)
            continue;
        if (!part_chunk(p, g, cols[i], &chunk, e))
            return false;
        if (chunk.entry.type != PHYS_NONE)
            x[found++] = (Extent){chunk.entry.offset, chunk.entry.length + PART_SLACK, NULL};
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
        return part_was_read(p, g, at.offset, at.length, e) &&
               part_damaged(p, g, at.offset, "the checksum of a chunk is wrong", e);
    atomic_store_explicit(at.checked, 1, memory_order_relaxed);
    return true;
}

/* Decoded entries of one column of a block that is taken, at first use. */
static bool column_entries(Part *p, const PartGroup *g, BlockDir *dir, size_t column,
                           ChunkEntry **out, Err *e)
{
    ChunkEntry *known = dir->chunks[column], *made;
    if (!known) {
        if (!dir_get_column(&made, dir, column, p->payload_end, e))
            return part_at_chunk(p, g, part_block_of(p, g->index, g->block)->offset, e);
        if (atomic_compare_exchange_strong(&dir->chunks[column], &known, made)) {
            known = made;
            part_cache_grow(p, dir, dir->group_count * sizeof *made);
        } else {
            mem_free(made);
        }
    }
    *out = known;
    return true;
}

size_t part_dir_column(const BlockDir *dir, ColumnId col)
{
    size_t low = 0, high = dir->column_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (dir->column_ids[mid] < col)
            low = mid + 1;
        else
            high = mid;
    }
    return low < dir->column_count && dir->column_ids[low] == col ? low : dir->column_count;
}

/* *out = NULL: the column is absent. */
static bool find_chunk(Part *p, const PartGroup *g, BlockDir *dir, size_t i, ColumnId col,
                       ChunkEntry **out, Err *e)
{
    size_t at = part_dir_column(dir, col);
    *out = NULL;
    if (at == dir->column_count)
        return true;
    ChunkEntry *entries = NULL;
    if (!column_entries(p, g, dir, at, &entries, e))
        return false;
    if (entries[i].type != PHYS_NONE)
        *out = &entries[i];
    return true;
}

static bool get_chunk(Part *p, const PartGroup *g, ColumnId col, bool bytes, Chunk *out, Err *e)
{
    const Block *b = part_block_of(p, g->index, g->block);
    size_t i = g->index - b->first_group;
    BlockDir *dir;
    ChunkEntry *c;
    *out = (Chunk){.entry.type = PHYS_NONE};
    if (!part_dir_take(p, b, &dir, e))
        return false;
    bool ok = find_chunk(p, g, dir, i, col, &c, e);
    out->rows = dir->groups[i].rows;
    if (ok && c) {
        memcpy(&out->entry, c, sizeof *c);
        ChunkPlace at = {c->offset, c->length, c->crc, &c->checked};
        ok = !bytes || checked_bytes(p, g, at, &out->bytes, e);
    }
    part_dir_give(b);
    return ok;
}

bool part_chunk(Part *p, const PartGroup *g, ColumnId col, Chunk *out, Err *e)
{
    return get_chunk(p, g, col, false, out, e);
}

bool part_chunk_bytes(Part *p, const PartGroup *g, ColumnId col, Chunk *out, Err *e)
{
    return get_chunk(p, g, col, true, out, e);
}

bool part_time_bytes(Part *p, const PartGroup *g, GroupEntry *entry, Slice *out, Err *e)
{
    const Block *b = part_block_of(p, g->index, g->block);
    BlockDir *dir;
    if (!part_dir_take(p, b, &dir, e))
        return false;
    GroupEntry *ge = &dir->groups[g->index - b->first_group];
    memcpy(entry, ge, sizeof *ge);
    ChunkPlace at = {ge->time_offset, ge->time_length, ge->time_crc, &ge->time_checked};
    bool ok = checked_bytes(p, g, at, out, e);
    part_dir_give(b);
    return ok;
}

static bool decode_runs(Part *p, const PartGroup *g, const GroupEntry *entry, const uint8_t *ptr,
                        RunList **out, Err *e)
{
    if (!p->skip_crc && crc32c(0, ptr, entry->runs_length) != entry->runs_crc)
        return part_was_read(p, g, entry->runs_offset, entry->runs_length, e) &&
               part_damaged(p, g, entry->runs_offset, "the checksum of a run list is wrong", e);
    return runs_get(out, slice_of((const char *)ptr, entry->runs_length), entry, e) ||
           part_at_chunk(p, g, entry->runs_offset, e);
}

PinStatus part_runs(Part *p, const Block *b, BlockDir *dir, size_t i, const RunList **out,
                    struct Task *waiter, Err *e)
{
    RunList *known = dir->runs[i], *made;
    const GroupEntry *entry = &dir->groups[i];
    PartSource *s = p->source;
    PartGroup g;
    if (known) {
        *out = known;
        return PIN_OK;
    }
    const uint8_t *ptr = s->base ? s->base + entry->runs_offset : NULL;
    if (!s->base) {
        PinStatus status = s->pin(s, entry->runs_offset, entry->runs_length, waiter, &ptr, e);
        if (status != PIN_OK)
            return status;
    }
    part_fill_group(p, b, entry, b->first_group + (uint32_t)i, &g);
    bool ok = decode_runs(p, &g, entry, ptr, &made, e);
    if (!s->base)
        s->unpin(s, ptr, entry->runs_length);
    if (!ok)
        return PIN_FAIL;
    if (atomic_compare_exchange_strong(&dir->runs[i], &known, made)) {
        known = made;
        part_cache_grow(p, dir, sizeof *made + made->count * sizeof made->run[0]);
    } else {
        mem_free(made);
    }
    *out = known;
    return PIN_OK;
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
    GroupEntry entry;
    Slice bytes;
    const CodecDef *def;
    if (!part_time_bytes(p, g, &entry, &bytes, e) || !rows_inside(p, g, entry.rows, e))
        return false;
    int64_t *out = arena_alloc(arena, entry.rows * sizeof *out);
    bool ok =
        time_codec_of(&def, entry.time_codec, e) && def->decode(out, entry.rows, bytes, arena, e);
    *times = out + g->row_begin;
    return part_was_read(p, g, entry.time_offset, bytes.len, e) &&
           (ok || part_at_chunk(p, g, entry.time_offset, e));
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

typedef struct Decoded { /* a whole chunk, or without holes its rows [begin, end) */
    size_t begin, end;
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
    } else {
        size_t begin = c->holes ? 0 : d->begin, end = c->holes ? with_value : d->end;
        if (!codec_decode_range(codec_find(c->codec), dense, with_value, begin, end,
                                reader_bytes(&r, reader_left(&r)), arena, e))
            return false;
    }
    d->values = c->holes ? spread_values(arena, dense, d->valid, rows, size) : dense;
    return true;
}

/* Strings point into the bytes: a page that cannot be read must be known now. */
static void touch_pages(Slice bytes)
{
    enum { PAGE = 4096 };
    const volatile char *at = bytes.ptr;
    for (size_t i = 0; i < bytes.len; i += PAGE)
        (void)at[i];
}

bool part_column(Part *p, const PartGroup *g, ColumnId col, Arena *arena, ColVec *vec,
                 const uint64_t **null_bits, Err *e)
{
    return part_column_range(p, g, col, 0, g->rows, arena, vec, null_bits, e);
}

bool part_column_range(Part *p, const PartGroup *g, ColumnId col, size_t begin, size_t end,
                       Arena *arena, ColVec *vec, const uint64_t **null_bits, Err *e)
{
    must(begin <= end && end <= g->rows);
    Chunk c;
    Decoded d;
    *vec = (ColVec){.type = PHYS_NONE};
    *null_bits = NULL;
    if (!part_chunk_bytes(p, g, col, &c, e))
        return false;
    if (c.entry.type == PHYS_NONE)
        return true;
    if (!rows_inside(p, g, c.rows, e))
        return false;
    d.begin = g->row_begin + begin;
    d.end = g->row_begin + end;
    bool ok = decode_chunk(&d, &c.entry, c.bytes, c.rows, arena, e);
    if (c.entry.type == PHYS_STR && p->source->base)
        touch_pages(c.bytes);
    if (!part_was_read(p, g, c.entry.offset, c.bytes.len, e))
        return false;
    if (!ok)
        return part_at_chunk(p, g, c.entry.offset, e);
    vec->type = c.entry.type;
    vec->v.any = (const char *)d.values + g->row_begin * part_value_size(c.entry.type);
    if (d.holes)
        vec->valid = cut_bits(arena, d.valid, g->row_begin, g->rows);
    if (d.any_null)
        *null_bits = cut_bits(arena, d.null_bits, g->row_begin, g->rows);
    return true;
}

bool part_constant(Part *p, const PartGroup *g, ColumnId col, Slice *text, bool *known, Err *e)
{
    Chunk c;
    must(g->alone);
    *known = false;
    if (!part_chunk_bytes(p, g, col, &c, e))
        return false;
    if (c.entry.type != PHYS_STR || c.entry.holes || c.entry.codec != CODEC_CONST_STR)
        return true;
    bool ok = codec_find(c.entry.codec)->decode(text, 1, c.bytes, NULL, e);
    if (p->source->base)
        touch_pages(c.bytes);
    *known = ok;
    return part_was_read(p, g, c.entry.offset, c.bytes.len, e) &&
           (ok || part_at_chunk(p, g, c.entry.offset, e));
}

bool part_columns(Part *p, const PartGroup *g, ColumnId *out, size_t max, size_t *count, Err *e)
{
    const Block *b = part_block_of(p, g->index, g->block);
    BlockDir *dir;
    Err ignored;
    *count = 0;
    if (!part_dir_take(p, b, &dir, e))
        return false;
    for (size_t c = 0; c < dir->column_count; c++) {
        ChunkEntry *entries = NULL;
        /* A damaged column is listed too: reading it reports the damage. */
        if (column_entries(p, g, dir, c, &entries, &ignored) &&
            entries[g->index - b->first_group].type == PHYS_NONE)
            continue;
        if (*count < max)
            out[*count] = dir->column_ids[c];
        ++*count;
    }
    part_dir_give(b);
    return true;
}

bool part_may_have(Part *p, const PartGroup *g, ColumnId col)
{
    Chunk c;
    Err ignored; /* damaged: reading it will say so */
    return !part_chunk(p, g, col, &c, &ignored) || c.entry.type != PHYS_NONE;
}
