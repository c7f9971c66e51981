#include "base/hash.h"

#include "base/simd.h"
#include <stdatomic.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(const void *ptr, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(ptr, len, seed);
}

Hash128 hash128(const void *ptr, size_t len, uint64_t seed)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(ptr, len, seed);
    return (Hash128){h.low64, h.high64};
}

/* --- CRC32C --- */

typedef uint32_t CrcFn(uint32_t crc, const uint8_t *p, size_t len);

/* Slice-by-8: table[k][b] is the CRC of byte b followed by k zero bytes. */
static uint32_t crc_table[8][256];

static void crc_table_fill(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82F63B78) : 0);
        crc_table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++)
            crc_table[k][b] = crc_table[k - 1][b] >> 8 ^ crc_table[0][crc_table[k - 1][b] & 0xFF];
}

static uint32_t crc_portable(uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len >= 8; p += 8, len -= 8) {
        uint32_t lo =
            crc ^ (p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = crc_table[7][lo & 0xFF] ^ crc_table[6][lo >> 8 & 0xFF] ^
              crc_table[5][lo >> 16 & 0xFF] ^ crc_table[4][lo >> 24] ^ crc_table[3][p[4]] ^
              crc_table[2][p[5]] ^ crc_table[1][p[6]] ^ crc_table[0][p[7]];
    }
    for (; len > 0; p++, len--)
        crc = crc >> 8 ^ crc_table[0][(crc ^ *p) & 0xFF];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const uint8_t *p,
                                                            size_t len)
{
    uint64_t wide = crc;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; p++, len--)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}
#endif

static CrcFn *crc_choose(void)
{
#if defined(__x86_64__)
    if (simd_has_sse42())
        return crc_sse42;
#endif
    return crc_portable;
}

static CrcFn *crc_fn;

/* Before main, so that no thread can be first. */
__attribute__((constructor)) static void hash_init_kernels(void)
{
    crc_table_fill();
    crc_fn = crc_choose();
}

uint32_t crc32c(uint32_t crc, const void *ptr, size_t len)
{
    return ~crc_fn(~crc, ptr, len);
}

uint32_t crc32c_portable(uint32_t crc, const void *ptr, size_t len)
{
    return ~crc_portable(~crc, ptr, len);
}
