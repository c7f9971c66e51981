/* tests/fuzz/fuzz_json.c - bodies of /api/v1/ingest. */
#include "tests/fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_body("/api/v1/ingest", data, size);
    return 0;
}
