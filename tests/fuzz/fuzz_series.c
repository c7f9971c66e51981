/* The series index from foreign bytes.  First byte: 0 a snapshot as it is; 1 one whose frames get
 * the right length and checksum, so that the fuzzer reaches what is inside; 2 an increment; 3 a
 * bitmap: what the check lets through must be what Roaring reads. */
#include "base/hash.h"
#include "storage/index_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ends_in_1(void *arg, Slice value)
{
    (void)arg;
    return value.len && value.ptr[value.len - 1] == '1';
}

static void use(SeriesIndex *idx)
{
    enum { TABLE = 16384, TABLES = 4, COLUMNS = 5, IDS = 200 };
    Err e;
    for (TableId table = TABLE; table < TABLE + TABLES; table++)
        for (ColumnId c = 1; c < COLUMNS; c++) {
            TagValueCount top[3];
            TagMatch m = {.column = c, .kind = TAG_TEST, .test = ends_in_1};
            set_unref(idx_select(idx, table, &m, 1));
            idx_top_values(idx, table, c, top, 3);
            Tag tag = {c, SLICE_LIT("x1")};
            SeriesId id;
            bool made;
            if (idx_intern(idx, table, &tag, 1, NULL, &id, &made, &e)) /* ids may be used up */
                must(idx_table(idx, id) == table);
        }
    for (uint32_t i = 0; i < IDS; i++)
        idx_tag(idx, i, 2);
}

static void snapshot(Slice bytes)
{
    SeriesIndex *idx = idx_new(0, 1);
    SeriesReader *r = series_reader_new(idx, bytes.len);
    bool last = false, ok = true;
    Err e;
    for (uint64_t at = 0, len; ok && !last; at += len) {
        ok =
            series_frame_size(slice_of(bytes.ptr + at, bytes.len - at), bytes.len - at, &len, &e) &&
            series_reader_take(r, slice_of(bytes.ptr + at, len), &last, &e);
        if (!ok)
            break;
    }
    if (ok)
        use(idx);
    series_reader_free(r);
    idx_free(idx);
}

/* Checksums put right where the lengths make sense. */
static void snapshot_repaired(Slice bytes)
{
    char *own = mem_dup(bytes.ptr, bytes.len);
    for (size_t at = 0; bytes.len - at >= SERIES_FRAME_HEAD;) {
        uint32_t len, crc;
        memcpy(&len, own + at + 4, sizeof len);
        if (len > bytes.len - at - SERIES_FRAME_HEAD) {
            len = (uint32_t)(bytes.len - at - SERIES_FRAME_HEAD);
            memcpy(own + at + 4, &len, sizeof len);
        }
        memset(own + at + 12, 0, 4);
        crc = crc32c(crc32c(0, own + at, 8), own + at + SERIES_FRAME_HEAD, len);
        memcpy(own + at + 8, &crc, sizeof crc);
        at += SERIES_FRAME_HEAD + len;
    }
    snapshot((Slice){own, bytes.len});
    mem_free(own);
}

static void increment(Slice bytes)
{
    SeriesIndex *idx = idx_new(0, 1);
    Err e;
    if (idx_decode(idx, bytes, &e))
        use(idx);
    idx_free(idx);
}

static void bitmap(Slice bytes)
{
    uint64_t count;
    if (!bitmap_check(bytes, UINT32_MAX, &count))
        return;
    roaring_bitmap_t *bits = roaring_bitmap_portable_deserialize_safe(bytes.ptr, bytes.len);
    must(bits != NULL);
    must(roaring_bitmap_get_cardinality(bits) == count);
    uint32_t before = 0;
    uint64_t seen = 0;
    roaring_uint32_iterator_t it;
    roaring_init_iterator(bits, &it);
    for (; it.has_value; roaring_advance_uint32_iterator(&it), seen++) {
        must(it.current_value > before);
        before = it.current_value;
    }
    must(seen == count);
    roaring_bitmap_free(bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    Slice bytes = {(const char *)data + 1, size - 1};
    switch (data[0] % 4) {
    case 0:
        snapshot(bytes);
        break;
    case 1:
        snapshot_repaired(bytes);
        break;
    case 2:
        increment(bytes);
        break;
    default:
        bitmap(bytes);
    }
    return 0;
}
