/* tests/fuzz/fuzz_remote2.c - bodies of remote write 2.0. */
#include "tests/fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool ok;
    Err e;
    Slice type = SLICE_LIT("application/x-protobuf;proto=io.prometheus.write.v2.Request");
    Slice body = slice_of((const char *)data, size);
    ing_job_free(env_run_type(fuzz_env(), "/api/v1/write", type, body, ING_NS, &ok, &e));
    return 0;
}
