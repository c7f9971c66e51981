#include "base/hash.h"
#include "base/simd.h"
#include "tests/unit/unit.h"

START_TEST(crc_known)
{
    uint8_t bytes[32];
    ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xE3069283);
    ck_assert_uint_eq(crc32c(0, "", 0), 0);
    memset(bytes, 0, sizeof bytes); /* RFC 3720, B.4 */
    ck_assert_uint_eq(crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof bytes);
    ck_assert_uint_eq(crc32c(0, bytes, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    ck_assert_uint_eq(crc32c(0, bytes, 32), 0x46DD794E);
    ck_assert_uint_eq(crc32c_portable(0, bytes, 32), 0x46DD794E);
}
END_TEST

START_TEST(crc_pieces)
{
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + i / 7);
    for (size_t begin = 0; begin < 9; begin++) {
        for (size_t len = 0; len < 200; len++) {
            uint32_t whole = crc32c(0, bytes + begin, len);
            uint32_t half = crc32c(0, bytes + begin, len / 3);
            ck_assert_uint_eq(whole, crc32c(half, bytes + begin + len / 3, len - len / 3));
            ck_assert_uint_eq(whole, crc32c_portable(0, bytes + begin, len));
        }
    }
}
END_TEST

START_TEST(hashes)
{
    /* Stored on disk: the values must never change. */
    ck_assert_uint_eq(hash64("", 0, 0), UINT64_C(0x2D06800538D394C2));
    Hash128 h = hash128("", 0, 0);
    ck_assert_uint_eq(h.lo, UINT64_C(0x6001C324468D497F));
    ck_assert_uint_eq(h.hi, UINT64_C(0x99AA06D3014798D8));
    ck_assert_uint_ne(hash64("a", 1, 0), hash64("a", 1, 1));
    ck_assert_uint_ne(hash_mix(1, 2), hash_mix(2, 1));
}
END_TEST

START_TEST(simd)
{
    if (simd_has_v3())
        ck_assert(simd_has_sse42());
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("hash");
    tcase_add_test(tc, crc_known);
    tcase_add_test(tc, crc_pieces);
    tcase_add_test(tc, hashes);
    tcase_add_test(tc, simd);
    return unit_run(tc);
}
