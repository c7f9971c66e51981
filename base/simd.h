/* base/simd.h - which kernels this processor runs: chosen once at start.
 * Kernel files are compiled twice (baseline and x86-64-v3, suffix _v3) and register a
 * table of pointers; they include no header with inline functions.
 * SKULK_SIMD=baseline in the environment forces the portable kernels (tests).
 * Threads: any; the answer never changes. */
#ifndef SKULK_BASE_SIMD_H
#define SKULK_BASE_SIMD_H

#include <stdbool.h>

bool simd_has_v3(void); /* avx2, bmi, bmi2, fma, f16c, lzcnt, movbe, popcnt */
bool simd_has_sse42(void);

#endif
