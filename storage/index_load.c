/* storage/index_load.c - reads the snapshot of the series index (index_snapshot.c has its frames).
 *
 * The bytes come from a disk: a frame is used once its checksum is right, and even then nothing in
 * it is believed.  Every table, column, code and id is looked up or compared with a bound, counts
 * are compared with what the file can hold before memory is taken, bitmaps are walked before Roaring
 * sees them.  What cannot be told (a posting that names the wrong series) gives a wrong answer,
 * never a wrong access. */
#include "storage/index_private.h"

enum { HEAD_PAYLOAD = SNAPSHOT_MAGIC_SIZE + 4 * 4 + 8 + 4 * 4, IDS_GROUP = 4096 };

struct SeriesReader {
    SeriesIndex *idx;
    uint64_t file_size;
    FrameKind last; /* of the frame before */
    uint32_t id_last, series, dict_count, key_set_count;
    uint32_t dicts_seen, placed, hashed;
    uint32_t key_set; /* that gets codes now; 0: none yet */
    uint32_t key_set_left;
    roaring_uint32_iterator_t it; /* over its series */
    bool end;
};

SeriesReader *series_reader_new(SeriesIndex *idx, uint64_t file_size)
{
    SeriesReader *r = MEM_NEW(SeriesReader);
    must(idx->count == 0 && idx->last == 0 && idx->key_set_count == 0);
    r->idx = idx;
    r->file_size = file_size;
    return r;
}

void series_reader_free(SeriesReader *r)
{
    mem_free(r);
}

bool series_frame_size(Slice head, uint64_t left, uint64_t *size, Err *e)
{
    Reader r = reader_of(head);
    reader_u32(&r);
    *size = (uint64_t)reader_u32(&r) + SERIES_FRAME_HEAD;
    if (head.len < SERIES_FRAME_HEAD || *size > left)
        return err_set(e, ERR_DATA_CORRUPTED, "the snapshot of the series is cut short");
    return true;
}

static bool bad_frame(FrameKind kind, Err *e)
{
    return err_set(e, ERR_DATA_CORRUPTED,
                   "the snapshot of the series: a frame of kind %d is damaged", (int)kind);
}

/* ---- bitmaps ---- */

static uint32_t get_u16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

/* Values of one container; each returns its bytes, 0 = wrong. */
static size_t check_array(const uint8_t *p, size_t left, uint32_t count)
{
    if (left / 2 < count)
        return 0;
    bool ok = true;
    for (uint32_t i = 1; i < count; i++)
        ok &= get_u16(p + 2 * i - 2) < get_u16(p + 2 * i);
    return ok ? 2 * (size_t)count : 0;
}

static size_t check_bits(const uint8_t *p, size_t left, uint32_t count)
{
    enum { BYTES = 65536 / 8 };
    uint32_t n = 0;
    if (left < BYTES)
        return 0;
    for (size_t i = 0; i < BYTES; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, sizeof word);
        n += (uint32_t)__builtin_popcountll(word);
    }
    return n == count ? BYTES : 0;
}

static size_t check_runs(const uint8_t *p, size_t left, uint32_t count)
{
    uint32_t runs = left >= 2 ? get_u16(p) : 0, n = 0, next = 0;
    if (!runs || (left - 2) / 4 < runs)
        return 0;
    for (uint32_t i = 0; i < runs; i++) {
        uint32_t start = get_u16(p + 2 + 4 * i), more = get_u16(p + 4 + 4 * i);
        if (start < next || start + more > UINT16_MAX)
            return 0;
        next = start + more + 2; /* neighbours would be one run */
        n += more + 1;
    }
    return n == count ? 2 + 4 * (size_t)runs : 0;
}

static uint32_t container_edge(const uint8_t *p, bool run, uint32_t count, bool max)
{
    if (run) {
        uint32_t runs = get_u16(p), i = max ? runs - 1 : 0;
        return get_u16(p + 2 + 4 * i) + (max ? get_u16(p + 4 + 4 * i) : 0);
    }
    if (count <= 4096)
        return get_u16(p + (max ? 2 * (size_t)count - 2 : 0));
    for (uint32_t v = max ? UINT16_MAX : 0;; v = max ? v - 1 : v + 1)
        if (p[v / 8] >> v % 8 & 1)
            return v;
}

/* https://github.com/RoaringBitmap/RoaringFormatSpec */
bool bitmap_check(Slice bytes, uint32_t max, uint64_t *count)
{
    enum { COOKIE_PLAIN = 12346, COOKIE_RUNS = 12347, OFFSETS_FROM = 4 };
    Reader r = reader_of(bytes);
    uint32_t cookie = reader_u32(&r), n;
    const uint8_t *run_bits = NULL;
    bool runs = (cookie & 0xFFFF) == COOKIE_RUNS;
    if (runs) {
        n = (cookie >> 16) + 1;
        run_bits = (const uint8_t *)reader_bytes(&r, (n + 7) / 8).ptr;
    } else {
        n = reader_u32(&r);
    }
    if (r.bad || (!runs && cookie != COOKIE_PLAIN) || n > 65536)
        return false;
    const uint8_t *heads = (const uint8_t *)reader_bytes(&r, (size_t)n * 4).ptr;
    if (!runs || n >= OFFSETS_FROM)
        reader_bytes(&r, (size_t)n * 4); /* Roaring does not look at them either */
    *count = 0;
    for (uint32_t i = 0; i < n && !r.bad; i++) {
        uint32_t key = get_u16(heads + 4 * i), here = get_u16(heads + 4 * i + 2) + 1;
        bool run = runs && (run_bits[i / 8] >> i % 8 & 1);
        size_t size = run            ? check_runs(r.cur, reader_left(&r), here)
                      : here <= 4096 ? check_array(r.cur, reader_left(&r), here)
                                     : check_bits(r.cur, reader_left(&r), here);
        if (!size || (i && key <= get_u16(heads + 4 * i - 4)))
            return false;
        if ((i == 0 && (key << 16 | container_edge(r.cur, run, here, false)) == 0) ||
            (i == n - 1 && (key << 16 | container_edge(r.cur, run, here, true)) > max))
            return false;
        *count += here;
        r.cur += size;
    }
    return !r.bad && !reader_left(&r);
}

static roaring_bitmap_t *get_bitmap(SeriesReader *r, Reader *in, uint64_t count_wanted)
{
    uint64_t count;
    Slice bytes = reader_str(in);
    if (in->bad || !bitmap_check(bytes, r->id_last, &count) || count != count_wanted)
        return NULL;
    return roaring_bitmap_portable_deserialize_safe(bytes.ptr, bytes.len);
}

/* ---- frames ---- */

static bool take_head(SeriesReader *r, Reader *in, Err *e)
{
    SeriesIndex *idx = r->idx;
    Slice magic = reader_bytes(in, SNAPSHOT_MAGIC_SIZE);
    uint32_t version = reader_u32(in), required = reader_u32(in);
    reader_u32(in);
    if (in->bad || memcmp(magic.ptr, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_SIZE) != 0)
        return bad_frame(FRAME_HEAD, e);
    if (version != SNAPSHOT_VERSION || required)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "the snapshot of the series has version %u and required features %x; "
                       "this program knows version %d",
                       version, required, SNAPSHOT_VERSION);
    if (reader_u32(in) != idx->shard)
        return bad_frame(FRAME_HEAD, e);
    idx->hash_key = reader_u64(in);
    r->id_last = reader_u32(in);
    r->series = reader_u32(in);
    r->dict_count = reader_u32(in);
    r->key_set_count = reader_u32(in);
    if (in->bad || r->series > r->id_last || r->id_last == UINT32_MAX ||
        r->series > r->file_size / HASH_ENTRY_BYTES)
        return bad_frame(FRAME_HEAD, e);
    hash_reserve(&idx->by_key, r->series);
    idx->last = r->id_last;
    return true;
}

static TagDict *get_dict(SeriesReader *r, Reader *in, bool make)
{
    uint64_t table = reader_varint(in), column = reader_varint(in);
    in->bad |= !table || table > UINT32_MAX || !column || column > UINT16_MAX;
    if (in->bad)
        return NULL;
    if (make)
        return table_dict_make(r->idx, table_intern(r->idx, (TableId)table), (ColumnId)column);
    const TableIndex *t = idx_table_find(r->idx, (TableId)table);
    return t ? table_dict(t, (ColumnId)column) : NULL;
}

static void take_values(SeriesReader *r, Reader *in)
{
    TagDict *d = get_dict(r, in, true);
    uint64_t all = reader_varint(in), from = reader_varint(in), n = reader_varint(in);
    in->bad |= !d || from != d->count || n > all - from || from > all || all > r->file_size ||
               all > UINT32_MAX / 4 || !n;
    if (in->bad)
        return;
    if (!from) {
        dict_reserve(r->idx, d, (uint32_t)all);
        r->dicts_seen++;
    }
    for (uint64_t i = 0; i < n && !in->bad; i++) {
        Slice value = reader_str(in);
        uint32_t before = d->count;
        in->bad |= in->bad || !value.len || dict_intern(r->idx, d, value) != before + 1;
    }
}

static void take_key_set(SeriesReader *r, Reader *in)
{
    ColumnId columns[COLUMNS_MAX];
    uint64_t table = reader_varint(in), n = reader_varint(in), before = 0;
    const TableIndex *t = NULL;
    in->bad |= !table || table > UINT32_MAX || n > COLUMNS_MAX;
    if (!in->bad) /* a table whose series have no tags has no dictionary */
        t = n ? idx_table_find(r->idx, (TableId)table) : table_intern(r->idx, (TableId)table);
    in->bad |= !t;
    for (uint64_t i = 0; i < n && !in->bad; i++) {
        uint64_t column = reader_varint(in);
        in->bad |= column <= before || column > UINT16_MAX || !table_dict(t, (ColumnId)column);
        before = columns[i] = (ColumnId)column;
    }
    uint64_t count = reader_varint(in);
    uint32_t sets = (uint32_t)r->idx->key_set_count;
    roaring_bitmap_t *bits = in->bad || !count ? NULL : get_bitmap(r, in, count);
    in->bad |= !bits;
    if (in->bad)
        return;
    KeySet *k = key_set_intern(r->idx, (KeyColumns){(TableId)table, columns, n});
    if (k->number != sets + 1 || roaring_bitmap_intersect(k->table->all, bits)) {
        in->bad = true;
        roaring_bitmap_free(bits);
        return;
    }
    roaring_bitmap_free(k->series);
    k->series = bits;
    k->series_count = count;
    k->table->series += count;
    idx_database(r->idx, 0)->series += count;
    roaring_bitmap_or_inplace(k->table->all, bits);
}

/* Adds one column of codes to the rows of `codes`; false: one is not in the dictionary. */
static bool get_column(Reader *in, const TagDict *d, uint32_t *codes, uint32_t n, uint32_t stride)
{
    uint64_t min = reader_varint(in);
    uint8_t width = reader_u8(in);
    const uint8_t *p = (const uint8_t *)reader_bytes(in, (size_t)n * width).ptr;
    if (in->bad || !min || min > d->count || (width > 2 && width != 4))
        return false;
    uint32_t base = (uint32_t)min, most = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t v = 0;
        if (width == 1) {
            v = p[i];
        } else if (width == 2) {
            v = get_u16(p + 2 * (size_t)i);
        } else if (width == 4) {
            memcpy(&v, p + 4 * (size_t)i, sizeof v);
        }
        most = v > most ? v : most;
        codes[(size_t)i * stride] = base + v;
    }
    return most <= d->count - base;
}

static bool next_key_set(SeriesReader *r, uint32_t number)
{
    if (number == r->key_set)
        return true;
    if (number != r->key_set + 1 || r->key_set_left || number > r->idx->key_set_count)
        return false;
    const KeySet *k = r->idx->key_sets[number - 1];
    r->key_set = number;
    r->key_set_left = (uint32_t)k->series_count;
    roaring_init_iterator(k->series, &r->it);
    return true;
}

static bool place_records(SeriesReader *r, const KeySet *k, const uint32_t *ids, uint32_t n,
                          const uint32_t *codes)
{
    for (uint32_t i = 0; i < n; i++) {
        SeriesRecord *record = idx_record(r->idx, ids[i]);
        uint32_t place = 0;
        if (record->key_set)
            return false; /* two key sets have it */
        if (k->count)
            memcpy(idx_codes_place(r->idx, k->count, &place), codes + (size_t)i * k->count,
                   k->count * sizeof *codes);
        *record = (SeriesRecord){k->number, place};
    }
    return true;
}

static void take_codes(SeriesReader *r, Reader *in)
{
    uint64_t number = reader_varint(in), n = reader_varint(in);
    uint32_t ids[IDS_GROUP];
    in->bad |= !number || number > UINT32_MAX || !n || n > IDS_GROUP;
    if (in->bad || !next_key_set(r, (uint32_t)number) || n > r->key_set_left) {
        in->bad = true;
        return;
    }
    const KeySet *k = r->idx->key_sets[number - 1];
    uint32_t *codes = mem_alloc(((size_t)n * k->count + 1) * sizeof *codes);
    must(roaring_read_uint32_iterator(&r->it, ids, (uint32_t)n) == n);
    for (uint32_t t = 0; t < k->count && !in->bad; t++)
        in->bad |= !get_column(in, k->dicts[t], codes + t, (uint32_t)n, k->count);
    in->bad = in->bad || !place_records(r, k, ids, (uint32_t)n, codes);
    mem_free(codes);
    r->key_set_left -= (uint32_t)n;
    r->placed += (uint32_t)n;
}

static void get_few(SeriesReader *r, Reader *in, Posting *p, uint32_t n)
{
    uint32_t ids[POSTING_FEW_MAX];
    uint64_t id = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t gap = reader_varint(in);
        id += gap;
        in->bad |= !gap || gap > UINT32_MAX || id > r->id_last;
        ids[i] = (uint32_t)id;
    }
    if (in->bad)
        return;
    p->count = n;
    if (n == 1) {
        p->one = ids[0];
    } else if (n > 1) {
        p->one = n <= 2 ? 2 : n <= 4 ? 4 : n <= 8 ? 8 : 16;
        p->u.few = mem_alloc(p->one * sizeof(uint32_t));
        memcpy(p->u.few, ids, n * sizeof(uint32_t));
    }
}

static void take_postings(SeriesReader *r, Reader *in)
{
    TagDict *d = get_dict(r, in, false);
    uint64_t from = reader_varint(in), n = reader_varint(in);
    in->bad |= !d || from > d->count || n > d->count - from || !n;
    for (uint64_t i = from; !in->bad && i < from + n; i++) {
        uint64_t count = reader_varint(in);
        Posting *p = &d->postings[i];
        in->bad |= p->count || count > r->series;
        if (in->bad)
            return;
        if (count <= POSTING_FEW_MAX) {
            get_few(r, in, p, (uint32_t)count);
            r->idx->memory += p->count > 1 ? p->one * sizeof(uint32_t) : 0;
            continue;
        }
        p->u.many = get_bitmap(r, in, count);
        in->bad |= !p->u.many;
        p->count = in->bad ? 0 : (uint32_t)count;
        r->idx->memory += in->bad ? 0 : roaring_bitmap_portable_size_in_bytes(p->u.many);
    }
}

static void take_hashes(SeriesReader *r, Reader *in)
{
    while (!in->bad && reader_left(in)) {
        HashSlot s = {reader_u64(in), reader_u32(in), reader_u32(in)};
        in->bad |= !s.id || s.id > r->id_last || r->hashed == r->series;
        if (in->bad)
            return;
        hash_put(&r->idx->by_key, s);
        r->hashed++;
    }
}

static void take_end(SeriesReader *r, Reader *in)
{
    in->bad |= reader_u32(in) != r->series || r->placed != r->series || r->hashed != r->series ||
               r->dicts_seen != r->dict_count || r->idx->key_set_count != r->key_set_count;
    r->end = true;
}

static void take_payload(SeriesReader *r, FrameKind kind, Reader *in)
{
    do {
        switch (kind) {
        case FRAME_VALUES:
            take_values(r, in);
            break;
        case FRAME_KEY_SETS:
            take_key_set(r, in);
            break;
        case FRAME_CODES:
            take_codes(r, in);
            break;
        case FRAME_POSTINGS:
            take_postings(r, in);
            break;
        case FRAME_HASHES:
            take_hashes(r, in);
            break;
        case FRAME_HEAD:
        case FRAME_END:
            break;
        }
    } while (!in->bad && reader_left(in));
}

/* A kind comes after those before it; the first frame is a head, the only one. */
static bool in_order(const SeriesReader *r, uint32_t kind)
{
    if (r->end || kind < FRAME_HEAD || kind > FRAME_END)
        return false;
    return r->last ? kind >= r->last && kind > FRAME_HEAD : kind == FRAME_HEAD;
}

bool series_reader_take(SeriesReader *r, Slice frame, bool *last, Err *e)
{
    Reader in = reader_of(frame);
    uint32_t kind = reader_u32(&in), len = reader_u32(&in), crc = reader_u32(&in);
    *last = false;
    if (reader_u32(&in) || in.bad || len != reader_left(&in) || !in_order(r, kind) ||
        crc32c(crc32c(0, frame.ptr, 8), in.cur, len) != crc)
        return bad_frame((FrameKind)kind, e);
    r->last = (FrameKind)kind;
    bool ok = true;
    idx_write_lock(r->idx);
    if (kind == FRAME_HEAD)
        ok = take_head(r, &in, e);
    else if (kind == FRAME_END)
        take_end(r, &in);
    else if (len)
        take_payload(r, (FrameKind)kind, &in);
    if (ok && (in.bad || reader_left(&in)))
        ok = bad_frame((FrameKind)kind, e);
    if (ok && r->end) {
        r->idx->count = r->series;
        idx_charge(r->idx);
        *last = true;
    }
    idx_unlock(r->idx);
    return ok;
}
