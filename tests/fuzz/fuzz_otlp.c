/* tests/fuzz/fuzz_otlp.c - bodies of OTLP: the first byte chooses the signal and the encoding. */
#include "tests/fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"/v1/metrics", "/v1/logs", "/v1/traces"};
    static const Slice types[] = {SLICE_LIT("application/x-protobuf"),
                                  SLICE_LIT("application/json")};
    bool ok;
    Err e;
    if (size == 0)
        return 0;
    Slice body = slice_of((const char *)data + 1, size - 1);
    ing_job_free(env_run_type(fuzz_env(), paths[data[0] % 3], types[data[0] / 3 % 2], body, ING_NS,
                              &ok, &e));
    return 0;
}
