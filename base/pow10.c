#include "base/pow10.h"

#include "base/err.h"

static const Pow10 pow10_table[] = {
#define POW10(q, hi, lo) {UINT64_C(hi), UINT64_C(lo)},
#include "base/pow10.def"
#undef POW10
};

_Static_assert(ARRAY_LEN(pow10_table) == POW10_MAX - POW10_MIN + 1, "pow10.def is complete");

Pow10 pow10_bits(int q)
{
    must(q >= POW10_MIN);
    must(q <= POW10_MAX);
    return pow10_table[q - POW10_MIN];
}
