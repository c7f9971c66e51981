/* session/xor_chunk.h - Prometheus' XOR chunks (tsdb/docs/format/chunks.md): what streamed remote read sends.
 *
 * Two bytes count (big endian), then bits: the first time as a zigzag varint and its value whole; the second
 * as the distance; then the difference of distances in 1 to 68 bits, and the XOR with the value before.
 * Threads: pure. */
#ifndef SKULK_SESSION_XOR_CHUNK_H
#define SKULK_SESSION_XOR_CHUNK_H

#include "base/mem.h"

enum { XOR_CHUNK_SAMPLES = 120 };

void xor_chunk_write(Buf *out, const int64_t *t_ms, const double *v, size_t n); /* n <= 65535 */

#endif
