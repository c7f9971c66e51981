/* storage/batch_codec.c - a WriteBatch as a log payload: compact rows.
 *
 * Numbers are LEB128 varints, signed ones zigzag; deltas are against the row (series) before.
 *   payload := format(1) series_count series* row_count row*
 *   series  := id_delta table tag_count (column, length, bytes)*
 *   row     := code [shape] series_delta time_delta [null bits] value*
 *   code    := number << 1 | has_nulls; number 0: the shape of the row before; 1..known: a shape
 *              of this payload; known + 1: a new shape follows
 *   shape   := table count (column << 3 | type)*
 *   null bits: (count + 7) / 8 bytes, bit i = column i is null (and has no value)
 *   value   := int64: zigzag; bool: a byte; text: length, bytes;
 *              float64: zigzag(d) << 4 | k, the value being (double)d / 10^k exactly, k <= 14;
 *              or 15, then the 8 bytes
 * Decoding checks everything: what it takes is a batch that could have been built. */
#include "storage/batch_private.h"

#include <emmintrin.h>

enum {
    PAYLOAD_FORMAT = 1,
    SCALE_MAX = 14,
    SCALE_RAW = 15,
    RAW_TRIES_SKIPPED = 15, /* a column of true doubles is looked at again after so many values */
    NUMBER_BYTES_MAX = 10,
    ROW_BYTES_MIN = 3,
    HINT_RAW = 128, /* hint = HINT_RAW + values still to be written raw, else k */
};

static const double pow10_table[SCALE_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

/* ---- writing ---- */

static inline uint8_t *write_varint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)v | 0x80;
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static inline uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* d / 10^k gives exactly these bits (so -0.0 and NaN fail). */
static inline bool scales(uint64_t bits, int k, int64_t *d)
{
    double v, x;
    memcpy(&v, &bits, sizeof v);
    x = v * pow10_table[k];
    if (!(x > -0x1p51 && x < 0x1p51))
        return false;
    *d = _mm_cvtsd_si64(_mm_set_sd(x)); /* to nearest */
    return bits_of((double)*d / pow10_table[k]) == bits;
}

static uint8_t *write_f64(uint8_t *p, uint64_t bits, uint8_t *hint)
{
    int64_t d;
    if (*hint <= SCALE_MAX && scales(bits, *hint, &d))
        return write_varint(p, zigzag_encode(d) << 4 | *hint);
    if (*hint > HINT_RAW) {
        --*hint;
    } else {
        for (int k = 0; k <= SCALE_MAX; k++) {
            if (scales(bits, k, &d)) {
                *hint = (uint8_t)k;
                return write_varint(p, zigzag_encode(d) << 4 | (uint64_t)k);
            }
        }
        *hint = HINT_RAW + RAW_TRIES_SKIPPED;
    }
    *p++ = SCALE_RAW;
    memcpy(p, &bits, sizeof bits);
    return p + sizeof bits;
}

typedef struct Encoder {
    const WriteBatch *wb;
    Buf *out;
    Buf known;   /* uint32_t by the batch's shape number: number in the payload, 0 = none yet */
    Buf hints;   /* a byte for each column of each shape of the payload */
    Buf hint_at; /* uint32_t by number in the payload: where its hints begin */
    uint32_t shapes;
    const RowShape *last;
    uint8_t hint; /* where a new shape starts to guess */
    SeriesId series;
    int64_t time;
} Encoder;

/* Appends the row's code and, if it is new, its shape; returns its hints. */
static uint8_t *write_shape(Encoder *en, const RowShape *shape, uint64_t has_nulls)
{
    uint32_t *known = (uint32_t *)(void *)en->known.ptr + shape->number;
    if (shape == en->last) {
        buf_put_varint(en->out, has_nulls);
    } else if (*known) {
        buf_put_varint(en->out, (uint64_t)*known << 1 | has_nulls);
    } else {
        *known = ++en->shapes;
        buf_put_u32(&en->hint_at, (uint32_t)en->hints.len);
        buf_reserve(&en->hints, shape->count);
        if (shape->count) /* a row may have no fields */
            memset(en->hints.ptr + en->hints.len, en->hint, shape->count);
        en->hints.len += shape->count;
        buf_put_varint(en->out, (uint64_t)*known << 1 | has_nulls);
        buf_put_varint(en->out, shape->table);
        buf_put_varint(en->out, shape->count);
        for (uint32_t i = 0; i < shape->count; i++)
            buf_put_varint(en->out, shape->keys[i]);
    }
    en->last = shape;
    return (uint8_t *)en->hints.ptr + ((const uint32_t *)(void *)en->hint_at.ptr)[*known - 1];
}

static uint8_t *write_value(Encoder *en, uint8_t *p, PhysType type, uint64_t slot, uint8_t *hint)
{
    switch (type) {
    case PHYS_I64:
        return write_varint(p, zigzag_encode((int64_t)slot));
    case PHYS_F64:
        return write_f64(p, slot, hint);
    case PHYS_BOOL:
        *p = (uint8_t)slot;
        return p + 1;
    case PHYS_STR: {
        Slice s = wb_string(en->wb, slot);
        p = write_varint(p, s.len);
        memcpy(p, s.ptr, s.len);
        return p + s.len;
    }
    case PHYS_NONE:
        break;
    }
    return p;
}

static size_t row_bytes_max(const Encoder *en, const BatchRow *row, const RowShape *shape)
{
    size_t bytes = (3 + shape->count) * NUMBER_BYTES_MAX + shape->count / 8 + 1;
    const uint64_t *slots = batch_row_slots(row);
    const uint64_t *nulls = row->has_nulls ? slots + shape->count : NULL;
    for (uint32_t i = 0; shape->strings && i < shape->count; i++)
        if (shape_key_type(shape->keys[i]) == PHYS_STR && !(nulls && bitmap_get(nulls, i)))
            bytes += wb_string(en->wb, slots[i]).len;
    return bytes;
}

static void encode_row(Encoder *en, const BatchRow *row)
{
    const RowShape *shape = wb_shape(en->wb, row->shape);
    uint8_t *hints = write_shape(en, shape, row->has_nulls);
    size_t room = row_bytes_max(en, row, shape);
    if (en->out->cap - en->out->len < room)
        buf_reserve(en->out, room);
    uint8_t *p = (uint8_t *)en->out->ptr + en->out->len;
    p = write_varint(p, zigzag_encode((int64_t)(row->series - en->series)));
    p = write_varint(p, zigzag_encode((int64_t)((uint64_t)row->time - (uint64_t)en->time)));
    en->series = row->series;
    en->time = row->time;
    const uint64_t *slots = batch_row_slots(row);
    if (row->has_nulls) {
        const uint64_t *nulls = slots + shape->count;
        size_t len = (shape->count + 7) / 8;
        memcpy(p, nulls, len);
        p += len;
        for (uint32_t i = 0; i < shape->count; i++)
            if (!bitmap_get(nulls, i))
                p = write_value(en, p, shape_key_type(shape->keys[i]), slots[i], &hints[i]);
    } else {
        for (uint32_t i = 0; i < shape->count; i++)
            p = write_value(en, p, shape_key_type(shape->keys[i]), slots[i], &hints[i]);
    }
    if (shape->count && hints[0] <= SCALE_MAX)
        en->hint = hints[0];
    en->out->len = (size_t)(p - (uint8_t *)en->out->ptr);
}

static void encode_series(Buf *out, const WriteBatch *wb)
{
    size_t count = wb_series_count(wb);
    SeriesId last = 0;
    buf_put_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        SeriesId id;
        TableId table;
        const Tag *tags;
        size_t n;
        wb_series_at(wb, i, &id, &table, &tags, &n);
        buf_put_zigzag(out, (int64_t)(id - last));
        buf_put_varint(out, table);
        buf_put_varint(out, n);
        for (size_t k = 0; k < n; k++) {
            buf_put_varint(out, tags[k].column);
            buf_put_str(out, tags[k].value);
        }
        last = id;
    }
}

void wb_encode(Buf *out, const WriteBatch *wb)
{
    Encoder en = {.wb = wb, .out = out};
    size_t known_size = wb->shapes.len / sizeof(RowShape *) * sizeof(uint32_t);
    buf_reserve(&en.known, known_size + 1);
    memset(en.known.ptr, 0, known_size);
    buf_put_varint(out, PAYLOAD_FORMAT);
    encode_series(out, wb);
    size_t rows = wb_rows(wb);
    buf_put_varint(out, rows);
    for (size_t i = 0; i < rows; i++)
        encode_row(&en, wb_row_at(wb, i));
    buf_free(&en.known);
    buf_free(&en.hints);
    buf_free(&en.hint_at);
}

/* ---- reading ---- */

typedef struct Decoder {
    WriteBatch *wb;
    Reader r;
    Buf known; /* const RowShape *, by number - 1 */
    const RowShape *last;
    SeriesId series;
    int64_t time;
} Decoder;

static inline uint64_t read_varint(Reader *r)
{
    if (r->cur < r->end && *r->cur < 0x80)
        return *r->cur++;
    return reader_varint(r);
}

static void decode_series(Decoder *de)
{
    enum { SERIES_BYTES_MIN = 3, TAG_BYTES_MIN = 2 };
    uint64_t count = reader_varint(&de->r);
    de->r.bad |= count > reader_left(&de->r) / SERIES_BYTES_MIN;
    Buf tags;
    buf_init(&tags);
    SeriesId id = 0;
    for (uint64_t i = 0; i < count && !de->r.bad; i++) {
        id += (uint64_t)reader_zigzag(&de->r);
        uint64_t table = reader_varint(&de->r);
        uint64_t n = reader_varint(&de->r);
        de->r.bad |= !series_id_local(id) || !table || table > UINT32_MAX || n > COLUMNS_MAX ||
                     n > reader_left(&de->r) / TAG_BYTES_MIN;
        buf_clear(&tags);
        for (uint64_t k = 0; k < n && !de->r.bad; k++) {
            uint64_t column = reader_varint(&de->r);
            Tag tag = {(ColumnId)column, reader_str(&de->r)};
            de->r.bad |= !column || column > UINT16_MAX || !tag.value.len;
            buf_put(&tags, &tag, sizeof tag);
        }
        if (!de->r.bad)
            wb_new_series(de->wb, id, (TableId)table, (const Tag *)(void *)tags.ptr, (size_t)n);
    }
    buf_free(&tags);
}

static const RowShape *decode_shape(Decoder *de)
{
    uint64_t table = reader_varint(&de->r);
    uint64_t count = reader_varint(&de->r);
    if (!table || table > UINT32_MAX || count > COLUMNS_MAX || count > reader_left(&de->r))
        de->r.bad = true;
    if (de->r.bad)
        return NULL;
    uint32_t keys[COLUMNS_MAX];
    uint64_t seen[BITMAP_WORDS(UINT16_MAX + 1)] = {0};
    for (uint64_t i = 0; i < count; i++) {
        uint64_t key = reader_varint(&de->r);
        if (key >> 3 == 0 || key >> 3 > UINT16_MAX || (key & 7) > PHYS_STR ||
            bitmap_get(seen, key >> 3)) {
            de->r.bad = true;
            return NULL;
        }
        bitmap_set(seen, key >> 3);
        keys[i] = (uint32_t)key;
    }
    const RowShape *shape = wb_shape_intern(de->wb, (TableId)table, keys, (uint32_t)count);
    buf_put(&de->known, &shape, sizeof shape);
    return shape;
}

static const RowShape *decode_code(Decoder *de, bool *has_nulls)
{
    uint64_t code = read_varint(&de->r);
    uint64_t number = code >> 1, known = de->known.len / sizeof(RowShape *);
    *has_nulls = code & 1;
    if (number == known + 1)
        de->last = decode_shape(de);
    else if (number && number <= known)
        de->last = ((const RowShape **)(void *)de->known.ptr)[number - 1];
    else if (number)
        de->r.bad = true;
    if (!de->last)
        de->r.bad = true;
    return de->last;
}

static uint64_t decode_f64(Reader *r)
{
    uint64_t u = read_varint(r);
    uint64_t k = u & 15;
    if (k == SCALE_RAW) {
        r->bad |= u != SCALE_RAW;
        return reader_u64(r);
    }
    return bits_of((double)zigzag_decode(u >> 4) / pow10_table[k]);
}

static uint64_t decode_value(Decoder *de, PhysType type)
{
    switch (type) {
    case PHYS_I64:
        return (uint64_t)zigzag_decode(read_varint(&de->r));
    case PHYS_F64:
        return decode_f64(&de->r);
    case PHYS_BOOL: {
        uint8_t b = reader_u8(&de->r);
        de->r.bad |= b > 1;
        return b & 1;
    }
    case PHYS_STR:
        return wb_string_put(de->wb, reader_str(&de->r));
    case PHYS_NONE: /* only nulls have this type */
        de->r.bad = true;
        break;
    }
    return 0;
}

static void decode_row(Decoder *de)
{
    bool has_nulls;
    const RowShape *shape = decode_code(de, &has_nulls);
    if (de->r.bad)
        return;
    de->series += (uint64_t)zigzag_decode(read_varint(&de->r));
    de->time = (int64_t)((uint64_t)de->time + (uint64_t)zigzag_decode(read_varint(&de->r)));
    de->r.bad |= !series_id_local(de->series) || de->time < ROW_TIME_MIN || de->time > ROW_TIME_MAX;
    uint64_t *slots = wb_row_begin(de->wb, shape, de->series, de->time);
    uint64_t nulls[BITMAP_WORDS(COLUMNS_MAX)];
    if (has_nulls) {
        Slice bits = reader_bytes(&de->r, (shape->count + 7) / 8);
        memset(nulls, 0, BITMAP_WORDS(shape->count) * sizeof *nulls);
        if (bits.len)
            memcpy(nulls, bits.ptr, bits.len);
        if (shape->count % 64)
            nulls[shape->count / 64] &= (UINT64_C(1) << shape->count % 64) - 1;
        for (uint32_t i = 0; i < shape->count; i++)
            slots[i] = bitmap_get(nulls, i) ? 0 : decode_value(de, shape_key_type(shape->keys[i]));
    } else {
        for (uint32_t i = 0; i < shape->count; i++)
            slots[i] = decode_value(de, shape_key_type(shape->keys[i]));
    }
    if (!de->r.bad)
        wb_row_commit(de->wb, shape, slots + shape->count, has_nulls ? nulls : NULL);
}

bool wb_decode(WriteBatch *wb, Slice payload, Err *e)
{
    Decoder de = {.wb = wb, .r = reader_of(payload)};
    if (reader_varint(&de.r) != PAYLOAD_FORMAT)
        return err_set(e, ERR_DATA_CORRUPTED, "rows in the log are of an unknown format");
    decode_series(&de);
    uint64_t rows = reader_varint(&de.r);
    de.r.bad |= rows > reader_left(&de.r) / ROW_BYTES_MIN;
    for (uint64_t i = 0; i < rows && !de.r.bad; i++)
        decode_row(&de);
    buf_free(&de.known);
    if (de.r.bad || reader_left(&de.r))
        return err_set(e, ERR_DATA_CORRUPTED, "rows in the log (%zu bytes) cannot be read",
                       payload.len);
    return true;
}
