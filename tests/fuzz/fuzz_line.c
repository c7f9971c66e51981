/* tests/fuzz/fuzz_line.c - bodies of /write. */
#include "tests/fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_body("/write", data, size);
    return 0;
}
