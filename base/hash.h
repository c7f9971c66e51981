/* base/hash.h - 64- and 128-bit keyed hashes (xxh3) and CRC32C.
 * Threads: pure; the CRC kernel is chosen before main. */
#ifndef SKULK_BASE_HASH_H
#define SKULK_BASE_HASH_H

#include "base/slice.h"

typedef struct Hash128 {
    uint64_t lo, hi;
} Hash128;

uint64_t hash64(const void *ptr, size_t len, uint64_t seed);
Hash128 hash128(const void *ptr, size_t len, uint64_t seed);
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    a ^= b + UINT64_C(0x9e3779b97f4a7c15) + (a << 6) + (a >> 2);
    a *= UINT64_C(0xff51afd7ed558ccd);
    return a ^ (a >> 32);
}
/* Castagnoli, start with crc = 0; SSE4.2 where the processor has it. */
uint32_t crc32c(uint32_t crc, const void *ptr, size_t len);
uint32_t crc32c_portable(uint32_t crc, const void *ptr, size_t len); /* for the test */

#endif
