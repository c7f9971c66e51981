/* storage/batch_codec.c - a WriteBatch as a log payload: compact rows.
 *
 * Numbers are LEB128 varints, signed ones zigzag; deltas are against the row before.
 *   payload := format(3) series_count series* row_count block*
 *   series  := zigzag(id_delta) table tag_count (column, length, bytes)*: none is written any more, and what
 *              old logs have is passed over: REC_SERIES says the same
 *   block   := code [shape] row | code [shape] [null bits] row | code [shape] rows column* row*
 *   code    := number << 2 | kind; number 0: the shape of the block before; 1..known: a shape
 *              of this payload; known + 1: a new shape follows.
 *              kind 0: one row; 1: one row with nulls; 2: several rows whose columns have a width
 *   shape   := table count (column << 3 | type)*
 *   null bits: (count + 7) / 8 bytes, bit i = column i is null (and has no value)
 *   row     := key value*
 *   key     := zigzag(series delta) << 1 | moved; with moved: 0, time moves by the last step
 *              again, or zigzag(time delta), the new step
 *   text    := length << 1, bytes | distance << 1 | 1: the text written as bytes so many such texts
 *              before (1: the last), at most TEXTS_BACK_MAX.  Format 2: length, bytes
 *   value   := kinds 0 and 1: int64: zigzag; bool: a byte; text;
 *              float64: zigzag(d) << 4 | k, the value being (double)d / 10^k exactly, k <= 14;
 *              or 15, then the 8 bytes
 *              kind 2: the low `width` bytes of the difference to `first`; texts as above, behind
 *              all others
 *   column  := kind 2, all but texts: a byte width (0 to 8) | k << 4, then zigzag(first).
 *              float64: k as above, 15: the bits as an integer; else k = 0
 * Decoding checks everything: what it takes is a batch that could have been built. */
#include "storage/batch_private.h"

#include <emmintrin.h>

enum {
    PAYLOAD_FORMAT = 3,
    PAYLOAD_FORMAT_OLD = 2, /* every text with its bytes */
    TEXTS_BACK_MAX = 4096,
    TEXTS_WRITTEN = 1024, /* that the encoder remembers */
    SCALE_MAX = 14,
    SCALE_RAW = 15,
    RAW_TRIES_SKIPPED = 15, /* a column of true doubles is looked at again after so many values */
    NUMBER_BYTES_MAX = 10,
    ROW_BYTES_MIN = 1,
    HINT_RAW = 128, /* hint = HINT_RAW + values (kind 2: blocks) still to be written raw, else k */
    BLOCK_ROWS_MIN = 4,
    BLOCK_ROWS_MAX = 256,
    BLOCK_VALUES_MAX = 4096,
    BLOCK_COLUMNS_MAX = BLOCK_VALUES_MAX / BLOCK_ROWS_MIN,
};

typedef enum BlockKind { BLOCK_ROW = 0, BLOCK_ROW_NULLS = 1, BLOCK_ROWS = 2 } BlockKind;

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

typedef struct WrittenText {
    uint64_t slot;   /* of the batch */
    uint64_t number; /* from 1; 0: free */
} WrittenText;

typedef struct Encoder {
    const WriteBatch *wb;
    Buf written; /* WrittenText by hash of the slot; empty: the batch has no text */
    uint64_t texts;
    Buf *out;
    Buf known;   /* uint32_t by the batch's shape number: number in the payload, 0 = none yet */
    Buf hints;   /* a byte for each column of each shape of the payload */
    Buf hint_at; /* uint32_t by number in the payload: where its hints begin */
    uint32_t shapes;
    const RowShape *last;
    uint8_t hint; /* where a new shape starts to guess */
    SeriesId series;
    int64_t time;
    uint64_t step; /* what time moved by, when it moved last */
    Buf block;     /* int64_t: the differences of a block, row by row */
    uint8_t widths[BLOCK_COLUMNS_MAX];
} Encoder;

/* Appends the block's code and, if it is new, its shape; returns its hints. */
static uint8_t *write_code(Encoder *en, const RowShape *shape, BlockKind kind)
{
    uint32_t *known = (uint32_t *)(void *)en->known.ptr + shape->number;
    if (shape == en->last) {
        buf_put_varint(en->out, kind);
    } else if (*known) {
        buf_put_varint(en->out, (uint64_t)*known << 2 | kind);
    } else {
        *known = ++en->shapes;
        buf_put_u32(&en->hint_at, (uint32_t)en->hints.len);
        buf_reserve(&en->hints, shape->count);
        if (shape->count) /* a row may have no fields */
            memset(en->hints.ptr + en->hints.len, en->hint, shape->count);
        en->hints.len += shape->count;
        buf_put_varint(en->out, (uint64_t)*known << 2 | kind);
        buf_put_varint(en->out, shape->table);
        buf_put_varint(en->out, shape->count);
        for (uint32_t i = 0; i < shape->count; i++)
            buf_put_varint(en->out, shape->keys[i]);
    }
    en->last = shape;
    return (uint8_t *)en->hints.ptr + ((const uint32_t *)(void *)en->hint_at.ptr)[*known - 1];
}

static inline uint8_t *write_key(Encoder *en, uint8_t *p, const BatchRow *row)
{
    uint64_t series = zigzag_encode((int64_t)(row->series - en->series));
    uint64_t moved = (uint64_t)row->time - (uint64_t)en->time;
    en->series = row->series;
    if (!moved)
        return write_varint(p, series << 1);
    p = write_varint(p, series << 1 | 1);
    p = write_varint(p, moved == en->step ? 0 : zigzag_encode((int64_t)moved));
    en->time = row->time;
    en->step = moved;
    return p;
}

static uint8_t *write_text(Encoder *en, uint8_t *p, uint64_t slot)
{
    WrittenText *w = (WrittenText *)(void *)en->written.ptr + (hash_mix(slot, 0) % TEXTS_WRITTEN);
    uint64_t back = en->texts - w->number + 1;
    if (w->number && w->slot == slot && back <= TEXTS_BACK_MAX)
        return write_varint(p, back << 1 | 1);
    *w = (WrittenText){.slot = slot, .number = ++en->texts};
    Slice s = wb_string(en->wb, slot);
    p = write_varint(p, s.len << 1);
    memcpy(p, s.ptr, s.len);
    return p + s.len;
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
    case PHYS_STR:
        return write_text(en, p, slot);
    case PHYS_NONE:
        break;
    }
    return p;
}

static size_t texts_size(const Encoder *en, const BatchRow *row, const RowShape *shape)
{
    size_t bytes = 0;
    const uint64_t *slots = batch_row_slots(row);
    const uint64_t *nulls = row->has_nulls ? slots + shape->count : NULL;
    for (uint32_t i = 0; shape->strings && i < shape->count; i++)
        if (shape_key_type(shape->keys[i]) == PHYS_STR && !(nulls && bitmap_get(nulls, i)))
            bytes += wb_string(en->wb, slots[i]).len;
    return bytes;
}

static uint8_t *out_room(Encoder *en, size_t room)
{
    if (en->out->cap - en->out->len < room)
        buf_reserve(en->out, room);
    return (uint8_t *)en->out->ptr + en->out->len;
}

static void out_end(Encoder *en, const uint8_t *p)
{
    en->out->len = (size_t)(p - (const uint8_t *)en->out->ptr);
}

static void encode_row(Encoder *en, const BatchRow *row, const RowShape *shape)
{
    uint8_t *hints = write_code(en, shape, row->has_nulls ? BLOCK_ROW_NULLS : BLOCK_ROW);
    uint8_t *p = out_room(en, (3 + shape->count) * NUMBER_BYTES_MAX + shape->count / 8 + 1 +
                                  texts_size(en, row, shape));
    const uint64_t *slots = batch_row_slots(row);
    const uint64_t *nulls = row->has_nulls ? slots + shape->count : NULL;
    if (nulls) {
        size_t len = (shape->count + 7) / 8;
        memcpy(p, nulls, len);
        p += len;
    }
    p = write_key(en, p, row);
    for (uint32_t i = 0; i < shape->count; i++)
        if (!nulls || !bitmap_get(nulls, i))
            p = write_value(en, p, shape_key_type(shape->keys[i]), slots[i], &hints[i]);
    if (shape->count && hints[0] <= SCALE_MAX)
        en->hint = hints[0];
    out_end(en, p);
}

/* ---- writing: blocks of rows ---- */

/* The rows of one shape without nulls from `row` on lie at equal distances. */
static inline const BatchRow *next_row(const BatchRow *row, const RowShape *shape)
{
    return (const BatchRow *)(const void *)((const uint64_t *)(row + 1) + shape->count);
}

/* Scales a column of doubles to integers: one scale for all, or their bits. */
static int scale_column(const uint64_t *slots, size_t stride, int64_t *to, size_t count, size_t n,
                        uint8_t *hint)
{
    if (*hint > HINT_RAW) {
        --*hint;
    } else {
        for (int k = *hint <= SCALE_MAX ? *hint : 0; k <= SCALE_MAX; k++) {
            size_t i = 0;
            while (i < n && scales(slots[i * stride], k, &to[i * count]))
                i++;
            if (i == n)
                return *hint = (uint8_t)k;
        }
        *hint = HINT_RAW + RAW_TRIES_SKIPPED;
    }
    for (size_t i = 0; i < n; i++)
        to[i * count] = (int64_t)slots[i * stride];
    return SCALE_RAW;
}

/* Turns a column into differences to `first`; returns the bytes that each of them needs. */
static unsigned subtract(const int64_t *from, size_t stride, int64_t *to, size_t count, size_t n,
                         uint64_t first)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t d = (int64_t)((uint64_t)from[i * stride] - first);
        to[i * count] = d;
        bits |= zigzag_encode(d);
    }
    return bits ? (71 - (unsigned)__builtin_clzll(bits)) / 8 : 0;
}

static uint8_t *write_column(Encoder *en, uint8_t *p, const uint64_t *slots, size_t stride,
                             size_t n, uint32_t c, uint8_t *hint)
{
    int64_t *to = (int64_t *)(void *)en->block.ptr + c;
    const int64_t *from = (const int64_t *)slots;
    PhysType type = shape_key_type(en->last->keys[c]);
    uint32_t count = en->last->count;
    int k = 0;
    en->widths[c] = 0;
    if (type == PHYS_STR)
        return p;
    if (type == PHYS_F64) {
        k = scale_column(slots, stride, to, count, n, hint);
        from = to;
        stride = count;
    }
    uint64_t first = (uint64_t)*from;
    en->widths[c] = (uint8_t)subtract(from, stride, to, count, n, first);
    *p++ = (uint8_t)(en->widths[c] | k << 4);
    return write_varint(p, zigzag_encode((int64_t)first));
}

static void write_packed_row(Encoder *en, const BatchRow *row, const int64_t *values)
{
    const RowShape *shape = en->last;
    const uint64_t *slots = batch_row_slots(row);
    uint8_t *p = out_room(en, (3 + shape->count) * NUMBER_BYTES_MAX + texts_size(en, row, shape));
    p = write_key(en, p, row);
    for (uint32_t c = 0; c < shape->count; c++) {
        memcpy(p, &values[c], sizeof values[c]);
        p += en->widths[c];
    }
    for (uint32_t c = 0; shape->strings && c < shape->count; c++)
        if (shape_key_type(shape->keys[c]) == PHYS_STR)
            p = write_text(en, p, slots[c]);
    out_end(en, p);
}

static void encode_rows(Encoder *en, const BatchRow *row, const RowShape *shape, size_t n)
{
    uint8_t *hints = write_code(en, shape, BLOCK_ROWS);
    size_t stride = sizeof(BatchRow) / sizeof(uint64_t) + shape->count;
    buf_clear(&en->block);
    buf_reserve(&en->block, n * shape->count * sizeof(int64_t) + 1);
    uint8_t *p = out_room(en, (1 + 2 * shape->count) * NUMBER_BYTES_MAX);
    p = write_varint(p, n);
    for (uint32_t c = 0; c < shape->count; c++)
        p = write_column(en, p, batch_row_slots(row) + c, stride, n, c, &hints[c]);
    if (shape->count && hints[0] <= SCALE_MAX)
        en->hint = hints[0];
    out_end(en, p);
    const int64_t *values = (const int64_t *)(void *)en->block.ptr;
    for (size_t i = 0; i < n; i++, row = next_row(row, shape), values += shape->count)
        write_packed_row(en, row, values);
}

/* How many rows from `row` on make a block; 1: it stands alone. */
static size_t block_rows(const BatchRow *row, const RowShape *shape, size_t left)
{
    size_t limit = BLOCK_ROWS_MAX;
    if (shape->count * limit > BLOCK_VALUES_MAX)
        limit = BLOCK_VALUES_MAX / shape->count;
    if (limit > left)
        limit = left;
    size_t n = 0;
    for (const BatchRow *r = row; n < limit && r->shape == shape->number && !r->has_nulls; n++)
        r = next_row(r, shape);
    return n >= BLOCK_ROWS_MIN ? n : 1;
}

void wb_encode(Buf *out, const WriteBatch *wb)
{
    Encoder en = {.wb = wb, .out = out};
    size_t written_size = wb->strings.len ? TEXTS_WRITTEN * sizeof(WrittenText) : 0;
    buf_reserve(&en.written, written_size + 1);
    memset(en.written.ptr, 0, written_size);
    size_t known_size = wb->shapes.len / sizeof(RowShape *) * sizeof(uint32_t);
    buf_reserve(&en.known, known_size + 1);
    memset(en.known.ptr, 0, known_size);
    buf_reserve(out, wb_bytes(wb) / 2); /* it seldom needs more */
    buf_put_varint(out, PAYLOAD_FORMAT);
    buf_put_varint(out, 0); /* no series: they have records of their own */
    size_t rows = wb_rows(wb);
    buf_put_varint(out, rows);
    for (size_t i = 0, n; i < rows; i += n) {
        const BatchRow *row = wb_row_at(wb, i);
        const RowShape *shape = wb_shape(wb, row->shape);
        n = block_rows(row, shape, rows - i);
        if (n > 1)
            encode_rows(&en, row, shape, n);
        else
            encode_row(&en, row, shape);
    }
    buf_free(&en.written);
    buf_free(&en.known);
    buf_free(&en.hints);
    buf_free(&en.hint_at);
    buf_free(&en.block);
}

/* ---- reading ---- */

typedef struct Unpack { /* how a column of a block is read */
    uint64_t mask, sign, base;
    uint32_t at; /* offset in the row */
    uint8_t scale;
} Unpack;

typedef struct Decoder {
    WriteBatch *wb;
    Reader r;
    bool old;       /* PAYLOAD_FORMAT_OLD */
    uint64_t texts; /* read with their bytes */
    Buf recent;     /* uint64_t: the slots of the last TEXTS_BACK_MAX of them, in a ring */
    Buf known;      /* const RowShape *, by number - 1 */
    const RowShape *last;
    SeriesId series;
    int64_t time;
    uint64_t step;
    uint64_t rows; /* still to come */
    Unpack unpack[BLOCK_COLUMNS_MAX];
} Decoder;

static inline uint64_t read_varint(Reader *r)
{
    if (r->cur < r->end && *r->cur < 0x80)
        return *r->cur++;
    return reader_varint(r);
}

/* Written until 0.1.0 had them in records of their own as well. */
static void skip_series(Decoder *de)
{
    enum { SERIES_BYTES_MIN = 3, TAG_BYTES_MIN = 2 };
    uint64_t count = reader_varint(&de->r);
    de->r.bad |= count > reader_left(&de->r) / SERIES_BYTES_MIN;
    for (uint64_t i = 0; i < count && !de->r.bad; i++) {
        (void)reader_zigzag(&de->r);
        (void)reader_varint(&de->r);
        uint64_t n = reader_varint(&de->r);
        de->r.bad |= n > COLUMNS_MAX || n > reader_left(&de->r) / TAG_BYTES_MIN;
        for (uint64_t k = 0; k < n && !de->r.bad; k++) {
            (void)reader_varint(&de->r);
            (void)reader_str(&de->r);
        }
    }
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

static const RowShape *decode_code(Decoder *de, unsigned *kind)
{
    uint64_t code = read_varint(&de->r);
    uint64_t number = code >> 2, known = de->known.len / sizeof(RowShape *);
    *kind = code & 3;
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

static inline void decode_key(Decoder *de)
{
    uint64_t key = read_varint(&de->r);
    de->series += (uint64_t)zigzag_decode(key >> 1);
    if (key & 1) {
        uint64_t moved = read_varint(&de->r);
        if (moved)
            de->step = (uint64_t)zigzag_decode(moved);
        de->time = (int64_t)((uint64_t)de->time + de->step);
    }
    de->r.bad |= !series_id_local(de->series) || de->time < ROW_TIME_MIN || de->time > ROW_TIME_MAX;
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

static uint64_t decode_text(Decoder *de)
{
    uint64_t v = read_varint(&de->r);
    if (de->old)
        return wb_string_append(de->wb, reader_bytes(&de->r, v));
    uint64_t *recent = (uint64_t *)(void *)de->recent.ptr;
    if (v & 1) {
        uint64_t back = v >> 1;
        de->r.bad |= back == 0 || back > TEXTS_BACK_MAX || back > de->texts;
        return de->r.bad ? 0 : recent[(de->texts - back) % TEXTS_BACK_MAX];
    }
    uint64_t slot = wb_string_append(de->wb, reader_bytes(&de->r, v >> 1));
    if (de->recent.len < TEXTS_BACK_MAX * sizeof slot)
        buf_put(&de->recent, &slot, sizeof slot);
    else
        recent[de->texts % TEXTS_BACK_MAX] = slot;
    de->texts++;
    return slot;
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
        return decode_text(de);
    case PHYS_NONE: /* only nulls have this type */
        de->r.bad = true;
        break;
    }
    return 0;
}

static void decode_row(Decoder *de, const RowShape *shape, bool has_nulls)
{
    uint64_t nulls[BITMAP_WORDS(COLUMNS_MAX)];
    if (has_nulls) {
        Slice bits = reader_bytes(&de->r, (shape->count + 7) / 8);
        memset(nulls, 0, BITMAP_WORDS(shape->count) * sizeof *nulls);
        if (bits.len)
            memcpy(nulls, bits.ptr, bits.len);
        if (shape->count % 64)
            nulls[shape->count / 64] &= (UINT64_C(1) << shape->count % 64) - 1;
    }
    decode_key(de);
    uint64_t *slots = wb_row_begin(de->wb, shape, de->series, de->time);
    for (uint32_t i = 0; i < shape->count; i++)
        slots[i] = has_nulls && bitmap_get(nulls, i)
                       ? 0
                       : decode_value(de, shape_key_type(shape->keys[i]));
    if (!de->r.bad)
        wb_row_commit(de->wb, shape, slots + shape->count, has_nulls ? nulls : NULL);
}

/* ---- reading: blocks of rows ---- */

static bool decode_column(Decoder *de, PhysType type, Unpack *u, uint32_t *row_bytes)
{
    *u = (Unpack){.at = *row_bytes};
    if (type == PHYS_STR)
        return true;
    uint8_t head = reader_u8(&de->r);
    unsigned width = head & 15;
    u->scale = head >> 4;
    uint64_t first = (uint64_t)reader_zigzag(&de->r);
    if (width > 8 || type == PHYS_NONE || (type != PHYS_F64 && u->scale))
        return false;
    if (type != PHYS_F64)
        u->scale = SCALE_RAW;
    if (width) {
        u->mask = UINT64_MAX >> (64 - 8 * width);
        u->sign = UINT64_C(1) << (8 * width - 1);
    }
    u->base = first - u->sign;
    *row_bytes += width;
    return true;
}

static void unpack_texts(Decoder *de, const RowShape *shape, uint64_t *slots)
{
    for (uint32_t c = 0; c < shape->count; c++)
        if (shape_key_type(shape->keys[c]) == PHYS_STR)
            slots[c] = decode_text(de);
}

/* src: the packed bytes of a row, 8 more may be read behind them. */
static inline void unpack_row(const Decoder *de, const RowShape *shape, const uint8_t *src,
                              uint64_t *slots)
{
    for (uint32_t c = 0; c < shape->count; c++) {
        const Unpack *u = &de->unpack[c];
        uint64_t v;
        memcpy(&v, src + u->at, sizeof v);
        slots[c] = ((v & u->mask) ^ u->sign) + u->base;
    }
}

/* What is not a plain integer: scaled doubles, and booleans, which must be 0 or 1. */
static void finish_row(Decoder *de, const RowShape *shape, uint64_t *slots)
{
    for (uint32_t c = 0; c < shape->count; c++) {
        PhysType type = shape_key_type(shape->keys[c]);
        if (de->unpack[c].scale < SCALE_RAW && type == PHYS_F64)
            slots[c] = bits_of((double)(int64_t)slots[c] / pow10_table[de->unpack[c].scale]);
        else if (type == PHYS_BOOL)
            de->r.bad |= slots[c] > 1;
    }
}

static bool shape_has(const RowShape *shape, PhysType type)
{
    for (uint32_t c = 0; c < shape->count; c++)
        if (shape_key_type(shape->keys[c]) == type)
            return true;
    return false;
}

static void decode_packed_row(Decoder *de, const RowShape *shape, size_t row_bytes, bool plain)
{
    uint8_t copy[BLOCK_COLUMNS_MAX * sizeof(uint64_t) + sizeof(uint64_t)];
    decode_key(de);
    const uint8_t *src = de->r.cur;
    size_t left = reader_left(&de->r);
    de->r.bad |= left < row_bytes;
    if (de->r.bad)
        return;
    if (left < row_bytes + sizeof(uint64_t)) {
        memcpy(copy, src, row_bytes);
        memset(copy + row_bytes, 0, sizeof(uint64_t));
        src = copy;
    }
    de->r.cur += row_bytes;
    uint64_t *slots = wb_row_begin(de->wb, shape, de->series, de->time);
    unpack_row(de, shape, src, slots);
    if (!plain)
        finish_row(de, shape, slots);
    if (shape->strings)
        unpack_texts(de, shape, slots);
    if (!de->r.bad)
        wb_row_commit(de->wb, shape, slots + shape->count, NULL);
}

static void decode_rows(Decoder *de, const RowShape *shape)
{
    uint64_t n = read_varint(&de->r);
    uint32_t row_bytes = 0;
    de->r.bad |= n == 0 || n > BLOCK_ROWS_MAX || n * shape->count > BLOCK_VALUES_MAX ||
                 shape->count > BLOCK_COLUMNS_MAX || n > de->rows;
    for (uint32_t c = 0; c < shape->count && !de->r.bad; c++)
        de->r.bad |= !decode_column(de, shape_key_type(shape->keys[c]), &de->unpack[c], &row_bytes);
    bool plain = !shape_has(shape, PHYS_F64) && !shape_has(shape, PHYS_BOOL);
    for (uint64_t i = 0; i < n && !de->r.bad; i++)
        decode_packed_row(de, shape, row_bytes, plain);
    de->rows -= n;
}

static void decode_block(Decoder *de)
{
    unsigned kind;
    const RowShape *shape = decode_code(de, &kind);
    if (de->r.bad)
        return;
    switch (kind) {
    case BLOCK_ROW:
    case BLOCK_ROW_NULLS:
        decode_row(de, shape, kind == BLOCK_ROW_NULLS);
        de->rows--;
        return;
    case BLOCK_ROWS:
        decode_rows(de, shape);
        return;
    default:
        de->r.bad = true;
    }
}

bool wb_decode(WriteBatch *wb, Slice payload, Err *e)
{
    Decoder de; /* large: what is not set here is set with each block */
    memset(&de, 0, offsetof(Decoder, unpack));
    de.wb = wb;
    de.r = reader_of(payload);
    uint64_t format = reader_varint(&de.r);
    if (format != PAYLOAD_FORMAT && format != PAYLOAD_FORMAT_OLD)
        return err_set(e, ERR_DATA_CORRUPTED, "rows in the log are of an unknown format");
    de.old = format == PAYLOAD_FORMAT_OLD;
    skip_series(&de);
    de.rows = reader_varint(&de.r);
    de.r.bad |= de.rows > reader_left(&de.r) / ROW_BYTES_MIN;
    while (de.rows && !de.r.bad)
        decode_block(&de);
    buf_free(&de.known);
    buf_free(&de.recent);
    if (de.r.bad || reader_left(&de.r))
        return err_set(e, ERR_DATA_CORRUPTED, "rows in the log (%zu bytes) cannot be read",
                       payload.len);
    return true;
}
