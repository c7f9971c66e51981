/* storage/part_read.c - opening a part and finding row groups in it. */
#include "storage/part_private.h"

#include "base/hash.h"
#include "storage/mapped.h"
#include <inttypes.h>
#include <roaring/roaring.h>

/* ---- opening ---- */
static bool pin_bytes(PartSource *s, uint64_t offset, uint64_t len, const uint8_t **ptr, Err *e)
{
    if (s->base) {
        *ptr = s->base + offset;
        return true;
    }
    return s->pin(s, offset, len, NULL, ptr, e) == PIN_OK;
}

static void unpin_bytes(PartSource *s, const uint8_t *ptr, uint64_t len)
{
    if (!s->base && ptr)
        s->unpin(s, ptr, len);
}

static bool bad_part(const PartSource *s, uint64_t offset, const char *what, Err *e)
{
    return err_set(e, ERR_DATA_CORRUPTED, "part \"%s\", offset %" PRIu64 ": %s", s->name, offset,
                   what);
}

static bool check_header(const Part *p, const uint8_t *h, Err *e)
{
    PartSource *s = p->source;
    if (memcmp(h, PART_MAGIC, 8) != 0)
        return bad_part(s, 0, "not a .skulk file", e);
    if (!p->skip_crc && crc32c(0, h, 24) != load_u32(h + 24))
        return bad_part(s, 0, "the checksum of the header is wrong", e);
    uint32_t version = load_u32(h + 8), required = load_u32(h + 12);
    if (version == 0 || version > PART_VERSION)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "part \"%s\" has format version %u, this program reads up to %d", s->name,
                       version, PART_VERSION);
    if (required & ~(uint32_t)PART_REQUIRED_KNOWN)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "part \"%s\" needs features 0x%x, this program knows 0x%x", s->name,
                       required, PART_REQUIRED_KNOWN);
    return true;
}

/* Finds the footer; *trailer_at is the offset of the last PART_TRAILER_SIZE bytes. */
static bool check_trailer(const Part *p, const uint8_t *t, uint64_t trailer_at, uint64_t *footer_at,
                          uint32_t *footer_crc, Err *e)
{
    PartSource *s = p->source;
    if (memcmp(t + 24, PART_END, 8) != 0)
        return bad_part(s, trailer_at, "the end of the file is missing", e);
    if (!p->skip_crc && crc32c(0, t, 20) != load_u32(t + 20))
        return bad_part(s, trailer_at, "the checksum of the trailer is wrong", e);
    *footer_at = load_u64(t);
    *footer_crc = load_u32(t + 12);
    if (*footer_at < PART_HEADER_SIZE + PART_SLACK || *footer_at > trailer_at ||
        trailer_at - *footer_at != load_u32(t + 8))
        return bad_part(s, trailer_at, "the footer is not where the trailer says", e);
    return true;
}

static bool get_block(Part *p, Block *b, Reader *r, uint64_t footer_at, uint64_t *at)
{
    b->window = reader_zigzag(r);
    b->t_min = (int64_t)((uint64_t)b->window + (uint64_t)reader_zigzag(r));
    b->t_max = (int64_t)((uint64_t)b->t_min + reader_varint(r));
    uint64_t groups = reader_varint(r);
    b->rows = reader_varint(r);
    uint64_t first = reader_varint(r), span = reader_varint(r);
    b->offset = *at + (uint64_t)reader_zigzag(r);
    uint64_t length = reader_varint(r);
    b->crc = reader_u32(r);
    uint64_t room = footer_at - p->meta_offset;
    if (r->bad || groups == 0 || groups > PART_BLOCK_GROUPS || b->t_min > b->t_max ||
        first > UINT32_MAX || span > UINT32_MAX - first || b->offset > room ||
        length > room - b->offset || length > UINT32_MAX || b->rows > groups * ROW_GROUP_ROWS)
        return false;
    *at = b->offset + length;
    b->offset += p->meta_offset;
    b->length = (uint32_t)length;
    b->group_count = (uint32_t)groups;
    b->series_first = (uint32_t)first;
    b->series_last = (uint32_t)(first + span);
    b->first_group = (uint32_t)p->group_count;
    p->group_count += groups;
    return true;
}

/* Appends a block to the sections of its table; false: not sorted. */
static bool add_section(Part *p, TableEntry *t, const Block *b)
{
    Section *s = t->section_count ? &p->sections[p->section_count - 1] : NULL;
    const Block *prev = s ? b - 1 : NULL;
    if (prev && b->window < prev->window)
        return false;
    if (!prev || b->window != prev->window) {
        t->ordered = t->ordered && (!prev || s->t_max < b->t_min);
        p->sections[p->section_count++] =
            (Section){(uint32_t)(b - p->blocks), 1, b->t_min, b->t_max};
        t->section_count++;
        return true;
    }
    s->count++;
    s->t_min = b->t_min < s->t_min ? b->t_min : s->t_min;
    s->t_max = b->t_max > s->t_max ? b->t_max : s->t_max;
    return b->series_first >= prev->series_last;
}

static bool series_valid(Slice bytes)
{
    Reader r = reader_of(bytes);
    uint64_t end = 0;
    while (reader_left(&r) && !r.bad) {
        uint64_t gap = reader_varint(&r), len = reader_varint(&r);
        if (gap > UINT32_MAX || len == 0 || len > UINT32_MAX || end + gap + len > UINT64_C(1) << 32)
            return false;
        end += gap + len;
    }
    return !r.bad;
}

static bool get_table(Part *p, TableEntry *t, Reader *r, uint64_t footer_at, uint64_t *at)
{
    uint64_t id = reader_varint(r), blocks = reader_varint(r);
    if (r->bad || id > UINT32_MAX || (t > p->tables && id <= t[-1].id) || blocks == 0 ||
        blocks > reader_left(r) / 8)
        return false;
    t->id = (TableId)id;
    t->first_section = (uint32_t)p->section_count;
    t->ordered = true;
    t->t_min = INT64_MAX;
    t->t_max = INT64_MIN;
    p->blocks = mem_realloc(p->blocks, (p->block_count + blocks) * sizeof *p->blocks);
    p->sections = mem_realloc(p->sections, (p->section_count + blocks) * sizeof *p->sections);
    for (uint64_t i = 0; i < blocks; i++) {
        Block *b = &p->blocks[p->block_count];
        memset(b, 0, sizeof *b);
        b->table = t->id;
        if (!get_block(p, b, r, footer_at, at) || !add_section(p, t, b) ||
            p->group_count > UINT32_MAX)
            return false;
        p->block_count++;
        t->t_min = b->t_min < t->t_min ? b->t_min : t->t_min;
        t->t_max = b->t_max > t->t_max ? b->t_max : t->t_max;
    }
    t->series = reader_str(r);
    return !r->bad && series_valid(t->series);
}

static bool read_footer(Part *p, Slice footer, uint64_t footer_at, Err *e)
{
    Reader r = reader_of(footer);
    p->creator = reader_str(&r);
    p->info.rows = reader_varint(&r);
    p->info.t_min = reader_zigzag(&r);
    p->info.t_max = reader_zigzag(&r);
    p->info.seq_min = reader_varint(&r);
    p->info.seq_max = reader_varint(&r);
    p->info.bytes = p->source->size;
    uint64_t payload_end = reader_varint(&r), shard = reader_varint(&r), tables = reader_varint(&r);
    if (r.bad || payload_end != p->payload_end || shard > UINT32_MAX ||
        tables > reader_left(&r) / 4)
        return bad_part(p->source, footer_at, "the footer is damaged", e);
    p->shard = (uint32_t)shard;
    p->tables = mem_zero((tables + 1) * sizeof *p->tables);
    uint64_t at = 0;
    for (; p->table_count < tables; p->table_count++)
        if (!get_table(p, &p->tables[p->table_count], &r, footer_at, &at))
            return bad_part(p->source, footer_at, "the footer lists a damaged table", e);
    p->users = mem_zero((p->block_count + 1) * sizeof *p->users);
    for (size_t i = 0; i < p->block_count; i++)
        p->blocks[i].users = &p->users[i];
    return reader_left(&r) == 0 || bad_part(p->source, footer_at, "bytes behind the footer", e);
}

/* The offset of the metadata stands in the footer: a small pin first, then one from there to the end. */
static bool find_payload_end(Part *p, const uint8_t *footer, uint64_t len, uint64_t footer_at,
                             Err *e)
{
    Reader r = reader_of(slice_of((const char *)footer, len));
    (void)reader_str(&r);
    for (int i = 0; i < 5; i++)
        (void)reader_varint(&r);
    p->payload_end = reader_varint(&r);
    if (r.bad || p->payload_end < PART_HEADER_SIZE || p->payload_end > footer_at - PART_SLACK)
        return bad_part(p->source, footer_at, "the footer is damaged", e);
    p->meta_offset = p->payload_end + PART_SLACK;
    return true;
}

static bool open_bytes(Part *p, Err *e)
{
    PartSource *s = p->source;
    const uint8_t *head = NULL, *tail = NULL, *footer = NULL;
    uint64_t trailer_at = s->size - PART_TRAILER_SIZE, footer_at = 0;
    uint32_t footer_crc = 0;
    if (s->size < PART_HEADER_SIZE + PART_SLACK + PART_TRAILER_SIZE)
        return bad_part(s, 0, "the file is too short", e);
    bool ok = pin_bytes(s, 0, PART_HEADER_SIZE, &head, e) && check_header(p, head, e);
    unpin_bytes(s, head, PART_HEADER_SIZE);
    ok = ok && pin_bytes(s, trailer_at, PART_TRAILER_SIZE, &tail, e) &&
         check_trailer(p, tail, trailer_at, &footer_at, &footer_crc, e);
    unpin_bytes(s, tail, PART_TRAILER_SIZE);
    if (!ok || !pin_bytes(s, footer_at, trailer_at - footer_at, &footer, e))
        return false;
    if (!p->skip_crc && crc32c(0, footer, trailer_at - footer_at) != footer_crc)
        ok = bad_part(s, footer_at, "the checksum of the footer is wrong", e);
    ok = ok && find_payload_end(p, footer, trailer_at - footer_at, footer_at, e);
    unpin_bytes(s, footer, trailer_at - footer_at);
    if (!ok || !pin_bytes(s, p->meta_offset, s->size - p->meta_offset, &p->meta, e))
        return false;
    Slice bytes =
        slice_of((const char *)p->meta + (footer_at - p->meta_offset), trailer_at - footer_at);
    return read_footer(p, bytes, footer_at, e);
}

bool part_open_with(Part **out, PartSource *take_source, bool skip_crc, Err *e)
{
    static _Atomic uint64_t opened;
    Part *p = MEM_NEW(Part);
    ref_init(&p->ref);
    p->serial = atomic_fetch_add_explicit(&opened, 1, memory_order_relaxed) + 1;
    p->source = take_source;
    p->skip_crc = skip_crc;
    mutex_init(&p->pin_lock, RANK_FILE);
    if (!open_bytes(p, e)) {
        part_unref(p);
        return false;
    }
    *out = p;
    return true;
}

uint64_t part_serial(const Part *p)
{
    return p->serial;
}

bool part_open(Part **out, PartSource *take_source, Err *e)
{
    return part_open_with(out, take_source, false, e);
}

Part *part_ref(Part *p)
{
    ref_take(&p->ref);
    return p;
}

void part_unref(Part *p)
{
    if (!p || !ref_drop(&p->ref))
        return;
    part_free_pins(p);
    part_cache_forget(p);
    for (size_t i = 0; i < p->table_count; i++)
        if (p->tables[i].bitmap)
            roaring_bitmap_free(p->tables[i].bitmap);
    if (p->meta)
        unpin_bytes(p->source, p->meta, p->source->size - p->meta_offset);
    if (p->source->close)
        p->source->close(p->source);
    mutex_destroy(&p->pin_lock);
    mem_free(p->tables);
    mem_free(p->sections);
    mem_free(p->blocks);
    mem_free(p->users);
    mem_free(p->damaged);
    mem_free(p);
}

const PartInfo *part_info(const Part *p)
{
    return &p->info;
}

void part_touch(Part *p)
{
    static _Atomic uint64_t clock;
    uint64_t now = atomic_fetch_add_explicit(&clock, 1, memory_order_relaxed) + 1;
    atomic_store_explicit(&p->used, now, memory_order_relaxed);
}

uint64_t part_used(const Part *p)
{
    return atomic_load_explicit(&p->used, memory_order_relaxed);
}

int64_t part_drop_pages(const Part *p)
{
    if (!p->source->mapped)
        return 0;
    mapped_drop(p->source->base, p->source->size);
    return (int64_t)p->source->size;
}

const char *part_name(const Part *p)
{
    return p->source->name;
}

Slice part_image(const Part *p)
{
    must(p->source->base && !p->source->mapped);
    return slice_of((const char *)p->source->base, p->source->size);
}

/* ---- tables and series ---- */
const TableEntry *part_table_entry(const Part *p, TableId id)
{
    size_t low = 0, high = p->table_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (p->tables[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < p->table_count && p->tables[low].id == id ? &p->tables[low] : NULL;
}

bool part_has_table(const Part *p, TableId table, int64_t *t_min, int64_t *t_max)
{
    const TableEntry *t = part_table_entry(p, table);
    if (!t)
        return false;
    *t_min = t->t_min;
    *t_max = t->t_max;
    return true;
}

size_t part_table_count(const Part *p)
{
    return p->table_count;
}

TableId part_table_at(const Part *p, size_t i)
{
    must(i < p->table_count);
    return p->tables[i].id;
}

uint64_t part_table_rows(const Part *p, size_t i)
{
    must(i < p->table_count);
    const TableEntry *t = &p->tables[i];
    uint64_t rows = 0;
    for (uint32_t s = 0; s < t->section_count; s++) {
        const Section *section = &p->sections[t->first_section + s];
        for (uint32_t b = 0; b < section->count; b++)
            rows += p->blocks[section->first + b].rows;
    }
    return rows;
}

uint64_t part_table_rows_about(const Part *p, TableId table)
{
    enum { BLOCKS_COUNTED = 256 };
    const TableEntry *t = part_table_entry(p, table);
    uint64_t blocks = 0;
    if (!t || !p->block_count)
        return 0;
    for (uint32_t s = 0; s < t->section_count; s++)
        blocks += p->sections[t->first_section + s].count;
    if (blocks <= BLOCKS_COUNTED)
        return part_table_rows(p, (size_t)(t - p->tables));
    return (uint64_t)((double)part_info(p)->rows * (double)blocks / (double)p->block_count);
}

void part_series(Part *p, TableId table, void (*each)(void *arg, SeriesId id), void *arg)
{
    const TableEntry *t = part_table_entry(p, table);
    if (!t)
        return;
    Reader r = reader_of(t->series);
    uint64_t at = 0;
    while (reader_left(&r)) {
        at += reader_varint(&r);
        for (uint64_t len = reader_varint(&r); len > 0; len--)
            each(arg, series_id_make(p->shard, (uint32_t)at++));
    }
}

const void *part_series_bitmap(Part *p, TableId table)
{
    TableEntry *t = (TableEntry *)(uintptr_t)part_table_entry(p, table);
    if (!t)
        return NULL;
    void *known = t->bitmap;
    if (known)
        return known;
    roaring_bitmap_t *set = roaring_bitmap_create();
    Reader r = reader_of(t->series);
    uint64_t at = 0;
    while (reader_left(&r)) {
        at += reader_varint(&r);
        uint64_t len = reader_varint(&r);
        roaring_bitmap_add_range(set, at, at + len);
        at += len;
    }
    if (atomic_compare_exchange_strong(&t->bitmap, &known, set))
        return set;
    roaring_bitmap_free(set);
    return known;
}

/* ---- groups ---- */
const Block *part_block_of(const Part *p, uint32_t group, uint32_t guess)
{
    must(group < p->group_count);
    const Block *b = guess < p->block_count ? &p->blocks[guess] : p->blocks;
    if (group - b->first_group < b->group_count)
        return b;
    size_t low = 0, high = p->block_count;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (p->blocks[mid].first_group <= group)
            low = mid;
        else
            high = mid;
    }
    return &p->blocks[low];
}

static bool decode_block(Part *p, const Block *b, BlockDir **out, Err *e)
{
    Slice bytes = slice_of((const char *)p->meta + (b->offset - p->meta_offset), b->length);
    PartGroup g = {.table = b->table,
                   .series = series_id_make(p->shard, b->series_first),
                   .series_last = series_id_make(p->shard, b->series_last),
                   .t_min = b->t_min,
                   .t_max = b->t_max};
    if (!p->skip_crc && crc32c(0, bytes.ptr, bytes.len) != b->crc)
        return part_was_read(p, &g, b->offset, b->length, e) &&
               part_damaged(p, &g, b->offset, "the checksum of the directory is wrong", e);
    return dir_get_block(out, bytes, b->group_count, p->payload_end, e) ||
           part_at_chunk(p, &g, b->offset, e);
}

bool part_dir_take(Part *p, const Block *b, BlockDir **out, Err *e)
{
    Block *block = &p->blocks[b - p->blocks];
    crowd_enter(block->users); /* before the pointer is looked at: part_cache.c */
    BlockDir *dir = atomic_load(&block->dir), *known = NULL;
    if (!dir) {
        if (!decode_block(p, b, &dir, e)) {
            part_dir_give(b);
            return false;
        }
        if (atomic_compare_exchange_strong(&block->dir, &known, dir)) {
            part_cache_add(p, block, dir);
        } else {
            dir_free(dir);
            dir = known;
        }
    }
    if (!atomic_load_explicit(&dir->hot, memory_order_relaxed))
        atomic_store_explicit(&dir->hot, 1, memory_order_relaxed);
    *out = dir;
    return true;
}

void part_dir_give(const Block *b)
{
    crowd_leave(b->users);
}

void part_fill_group(const Part *p, const Block *b, const GroupEntry *g, uint32_t index,
                     PartGroup *out)
{
    *out = (PartGroup){
        .index = index,
        .block = (uint32_t)(b - p->blocks),
        .table = b->table,
        .series = series_id_make(p->shard, g->series_first),
        .row_begin = 0,
        .rows = g->rows,
        .t_min = g->t_min,
        .t_max = g->t_max,
        .alone = g->runs_length == 0,
        .seq_min = g->seq_min,
        .seq_max = g->seq_max,
        .series_last = series_id_make(p->shard, g->series_last),
    };
}

size_t part_group_count(const Part *p)
{
    return p->group_count;
}

void part_group_at(const Part *p, uint32_t index, PartGroup *out)
{
    Part *part = (Part *)(uintptr_t)p; /* decoding at first use changes only caches */
    const Block *b = part_block_of(p, index, 0);
    BlockDir *dir;
    Err e;
    if (part_dir_take(part, b, &dir, &e)) {
        part_fill_group(p, b, &dir->groups[index - b->first_group], index, out);
        part_dir_give(b);
        return;
    }
    /* A damaged directory: an empty group; reading it reports the damage. */
    *out = (PartGroup){.index = index,
                       .table = b->table,
                       .series = series_id_make(p->shard, b->series_first),
                       .t_min = b->t_min,
                       .t_max = b->t_max};
}

/* First block of a section whose series reach up to `series`. */
static uint32_t lower_block(const Part *p, const Section *s, uint32_t series)
{
    uint32_t low = s->first, high = s->first + s->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (p->blocks[mid].series_last < series)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static size_t lower_group(const BlockDir *dir, uint32_t series)
{
    size_t low = 0, high = dir->group_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (dir->groups[mid].series_last < series)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The rows of one series in a shared group; 0 rows: none. */
static void find_run(const RunList *runs, uint32_t series, PartGroup *g)
{
    size_t low = 0, high = runs->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (runs->run[mid].series < series)
            low = mid + 1;
        else
            high = mid;
    }
    bool found = low < runs->count && runs->run[low].series == series;
    g->row_begin = found ? runs->run[low].begin : 0;
    g->rows = found ? runs->run[low].rows : 0;
}

static PinStatus find_in_block(Part *p, const Block *b, const PartQuery *q, Buf *out,
                               struct Task *waiter, Err *e)
{
    BlockDir *dir;
    uint32_t series = series_id_local(q->series);
    PinStatus status = PIN_OK;
    if (!part_dir_take(p, b, &dir, e))
        return PIN_FAIL;
    for (size_t i = lower_group(dir, series); i < dir->group_count; i++) {
        const GroupEntry *entry = &dir->groups[i];
        if (entry->series_first > series)
            break;
        if (entry->t_max < q->t_min || entry->t_min > q->t_max)
            continue;
        PartGroup g;
        part_fill_group(p, b, entry, b->first_group + (uint32_t)i, &g);
        if (!g.alone) {
            const RunList *runs;
            status = part_runs(p, b, dir, i, &runs, waiter, e);
            if (status != PIN_OK)
                break;
            g.series = q->series;
            find_run(runs, series, &g);
        }
        if (g.rows)
            buf_put(out, &g, sizeof g);
    }
    part_dir_give(b);
    return status;
}

/* The first section that may have times from t_min on. */
static uint32_t first_section(const Part *p, const TableEntry *t, int64_t t_min)
{
    uint32_t low = t->first_section, high = low + t->section_count;
    while (t->ordered && low < high) {
        uint32_t mid = (low + high) / 2;
        if (p->sections[mid].t_max < t_min)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

PinStatus part_find(Part *p, const PartQuery *q, Buf *out, struct Task *waiter, Err *e)
{
    const TableEntry *t = part_table_entry(p, q->table);
    if (!t || q->series >> 32 != p->shard || t->t_max < q->t_min || t->t_min > q->t_max)
        return PIN_OK;
    uint32_t local = series_id_local(q->series), end = t->first_section + t->section_count;
    size_t before = out->len;
    for (uint32_t i = first_section(p, t, q->t_min); i < end; i++) {
        const Section *s = &p->sections[i];
        if (s->t_min > q->t_max && t->ordered)
            break;
        if (s->t_min > q->t_max || s->t_max < q->t_min)
            continue;
        for (uint32_t b = lower_block(p, s, local); b < s->first + s->count; b++) {
            const Block *block = &p->blocks[b];
            if (block->series_first > local)
                break;
            if (block->t_max < q->t_min || block->t_min > q->t_max)
                continue;
            PinStatus status = find_in_block(p, block, q, out, waiter, e);
            if (status != PIN_OK) {
                out->len = before;
                return status;
            }
        }
    }
    return PIN_OK;
}
