/* tests/fuzz/fuzz_remote.c - bodies of /api/v1/write. */
#include "tests/fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_body("/api/v1/write", data, size);
    return 0;
}
