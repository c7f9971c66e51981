/* session/prom_chunk.h - Prometheus' chunks (tsdb/docs/format/chunks.md): what streamed remote read sends.
 *
 * Bits behind two bytes count (big endian).  Numbers: the first time as a zigzag varint and its value whole;
 * the second as the distance; then the difference of distances in 1 to 68 bits, and the XOR with the value
 * before.  Native histograms: a byte of flags, what all share (schema, zero bucket, spans of buckets, bounds),
 * then times, counts and buckets: integers as differences of differences, doubles by XOR.
 * Threads: pure. */
#ifndef SKULK_SESSION_PROM_CHUNK_H
#define SKULK_SESSION_PROM_CHUNK_H

#include "promql/hist.h"

enum { PROM_CHUNK_SAMPLES = 120 };

/* The encodings of the message Chunk. */
typedef enum PromChunkKind { CHUNK_XOR = 1, CHUNK_HIST = 2, CHUNK_FLOAT_HIST = 3 } PromChunkKind;

typedef struct PromSamples {
    const int64_t *t_ms;
    const double *v;
    const Histogram *const *h; /* where one stands, it is the value; NULL: none */
    size_t count;
} PromSamples;

/* Writes a chunk of the first samples of which one can be made; returns how many these are: at least one. */
size_t prom_chunk_write(Buf *out, const PromSamples *s, PromChunkKind *kind);

#endif
