/* storage/part_bits.c - presence sections and run lists: the small bytes beside the values. */
#include "storage/part_private.h"

/* ---- sets of rows ---- */
enum { SET_BITMAP = 0, SET_LISTED = 1, SET_OTHERS_LISTED = 2 };

static unsigned row_bits(size_t rows)
{
    return rows > 1 ? bit_length(rows - 1) : 1;
}

/* Writes the set of rows whose state is `want`: as bitmap, or as a list of what is in or out. */
static uint8_t *set_put(uint8_t *p, const uint8_t *state, size_t rows, uint8_t want)
{
    uint64_t pos[2][ROW_GROUP_ROWS + 1];
    size_t count[2] = {0, 0};
    for (size_t i = 0; i < rows; i++) {
        unsigned in = state[i] == want;
        pos[in][count[in]++] = i;
    }
    unsigned listed = count[1] <= count[0];
    if (2 + bits_size(count[listed], row_bits(rows)) < (rows + 7) / 8) {
        *p++ = listed ? SET_LISTED : SET_OTHERS_LISTED;
        p = codec_put_varint(p, count[listed]);
        return bits_pack(p, pos[listed], count[listed], row_bits(rows));
    }
    *p++ = SET_BITMAP;
    memset(p, 0, (rows + 7) / 8);
    for (size_t i = 0; i < count[1]; i++)
        p[pos[1][i] / 8] |= (uint8_t)(1u << pos[1][i] % 8);
    return p + (rows + 7) / 8;
}

static bool set_get(uint64_t *bits, size_t rows, Reader *r, Err *e)
{
    uint8_t mode = reader_u8(r);
    memset(bits, 0, ROW_WORDS * sizeof *bits);
    if (mode == SET_BITMAP) {
        Slice map = reader_bytes(r, (rows + 7) / 8);
        if (r->bad)
            return codec_damaged(e, "presence: too short");
        memcpy(bits, map.ptr, map.len); /* little endian */
        if (rows % 64)
            bits[rows / 64] &= low_bits(rows % 64);
        return true;
    }
    uint64_t count = reader_varint(r);
    if (r->bad || mode > SET_OTHERS_LISTED || count > rows)
        return codec_damaged(e, "presence: wrong mode or count");
    uint64_t pos[ROW_GROUP_ROWS];
    Slice packed = reader_bytes(r, bits_size(count, row_bits(rows)));
    if (r->bad)
        return codec_damaged(e, "presence: too short");
    bits_unpack(pos, (const uint8_t *)packed.ptr, count, row_bits(rows));
    for (size_t i = 0; i < count; i++) {
        if (pos[i] >= rows)
            return codec_damaged(e, "presence: row out of range");
        bitmap_set(bits, pos[i]);
    }
    for (size_t i = 0; i < rows && mode == SET_OTHERS_LISTED; i++)
        bits[i / 64] ^= UINT64_C(1) << i % 64;
    return true;
}

/* ---- presence of a column: which rows have a value, which of the others are explicit NULLs ---- */
enum { HOLES_ABSENT = 0, HOLES_NULL = 1, HOLES_MIXED = 2 };

uint8_t *presence_put(uint8_t *p, const uint8_t *state, size_t rows)
{
    size_t nulls = 0, absent = 0;
    for (size_t i = 0; i < rows; i++) {
        nulls += state[i] == STATE_NULL;
        absent += state[i] == STATE_ABSENT;
    }
    uint8_t mode = nulls == 0 ? HOLES_ABSENT : absent == 0 ? HOLES_NULL : HOLES_MIXED;
    *p++ = mode;
    p = set_put(p, state, rows, STATE_VALUE);
    if (mode == HOLES_MIXED)
        p = set_put(p, state, rows, STATE_NULL);
    return p;
}

bool presence_get(uint64_t *valid, uint64_t *null_bits, bool *any_null, size_t rows, Reader *r,
                  Err *e)
{
    uint8_t mode = reader_u8(r);
    if (r->bad || mode > HOLES_MIXED)
        return codec_damaged(e, "presence: wrong mode");
    if (!set_get(valid, rows, r, e))
        return false;
    *any_null = mode != HOLES_ABSENT;
    if (mode == HOLES_MIXED)
        return set_get(null_bits, rows, r, e);
    memset(null_bits, 0, ROW_WORDS * sizeof *null_bits);
    for (size_t i = 0; i < rows && mode == HOLES_NULL; i++)
        if (!bitmap_get(valid, i))
            bitmap_set(null_bits, i);
    return true;
}

/* ---- run list of a shared group: (gap to the series before, rows) ---- */
bool runs_get(RunList **out, Slice bytes, const GroupEntry *g, Err *e)
{
    Reader r = reader_of(bytes);
    uint64_t count = reader_varint(&r), series = g->series_first, rows = 0;
    if (r.bad || count == 0 || count > g->rows)
        return codec_damaged(e, "run list: wrong count");
    RunList *list = mem_zero(sizeof *list + count * sizeof list->run[0]);
    for (list->count = 0; list->count < count; list->count++) {
        uint64_t gap = reader_varint(&r), len = reader_varint(&r);
        bool first = list->count == 0;
        if (r.bad || gap > UINT32_MAX || (first ? gap != 0 : gap == 0) || len == 0 ||
            len > g->rows - rows || series + gap > g->series_last)
            goto damaged;
        series += gap;
        list->run[list->count] = (SeriesRun){(uint32_t)series, (uint16_t)rows, (uint16_t)len};
        rows += len;
    }
    if (rows != g->rows || series != g->series_last || reader_left(&r))
        goto damaged;
    *out = list;
    return true;
damaged:
    mem_free(list);
    return codec_damaged(e, "run list");
}
