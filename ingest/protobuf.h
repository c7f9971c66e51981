/* ingest/protobuf.h - a walk over the fields of a protobuf message, as they stand in the bytes.
 *
 * Threads: pure. */
#ifndef SKULK_INGEST_PROTOBUF_H
#define SKULK_INGEST_PROTOBUF_H

#include "base/mem.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

typedef struct PbField {
    uint32_t number;
    uint32_t wire;
    uint64_t value; /* VARINT, FIXED64, FIXED32 */
    Slice bytes;    /* BYTES */
} PbField;

/* False: the end, or r->bad. */
static inline bool pb_next(Reader *r, PbField *f)
{
    if (reader_left(r) == 0)
        return false;
    uint64_t key = reader_varint(r);
    f->number = (uint32_t)(key >> 3);
    f->wire = (uint32_t)(key & 7);
    f->value = 0;
    f->bytes = SLICE_NONE;
    switch (f->wire) {
    case WIRE_VARINT:
        f->value = reader_varint(r);
        break;
    case WIRE_FIXED64:
        f->value = reader_u64(r);
        break;
    case WIRE_FIXED32:
        f->value = reader_u32(r);
        break;
    case WIRE_BYTES:
        f->bytes = reader_str(r);
        break;
    default:
        r->bad = true;
    }
    return !r->bad;
}

static inline double pb_double(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

#endif
