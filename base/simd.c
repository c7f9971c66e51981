#include "base/simd.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { SIMD_KNOWN = 1, SIMD_SSE42 = 2, SIMD_V3 = 4 };

#if defined(__x86_64__)
static bool has_all(unsigned have, unsigned want)
{
    return (have & want) == want;
}

/* The system saves the upper halves of the vector registers. */
static bool os_saves_avx(void)
{
    unsigned lo, hi;
    __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return has_all(lo, 6);
}

static int detect(void)
{
    const unsigned v3_leaf1 = bit_FMA | bit_MOVBE | bit_OSXSAVE | bit_AVX | bit_F16C | bit_POPCNT;
    const unsigned v3_leaf7 = bit_AVX2 | bit_BMI | bit_BMI2;
    unsigned eax, ebx, ecx1, edx, ebx7 = 0, ecx, ecx81 = 0;
    int found = SIMD_KNOWN;
    if (!__get_cpuid(1, &eax, &ebx, &ecx1, &edx))
        return found;
    if (has_all(ecx1, bit_SSE4_2))
        found |= SIMD_SSE42;
    __get_cpuid_count(7, 0, &eax, &ebx7, &ecx, &edx);
    __get_cpuid(0x80000001, &eax, &ebx, &ecx81, &edx);
    if (has_all(ecx1, v3_leaf1) && has_all(ebx7, v3_leaf7) && has_all(ecx81, bit_LZCNT) &&
        os_saves_avx())
        found |= SIMD_V3;
    return found;
}
#else
static int detect(void)
{
    return SIMD_KNOWN;
}
#endif

/* Racing first calls find the same answer, so that no lock is needed. */
static int simd_found(void)
{
    static atomic_int cached;
    int found = atomic_load_explicit(&cached, memory_order_relaxed);
    if (found != 0)
        return found;
    const char *forced = getenv("SKULK_SIMD");
    found = forced && strcmp(forced, "baseline") == 0 ? SIMD_KNOWN : detect();
    atomic_store_explicit(&cached, found, memory_order_relaxed);
    return found;
}

bool simd_has_v3(void)
{
    return (simd_found() & SIMD_V3) != 0;
}

bool simd_has_sse42(void)
{
    return (simd_found() & SIMD_SSE42) != 0;
}
