/* tests/fuzz/ingest_fuzz.h - one body of a format; the engine is made anew now and then. */
#include "tests/unit/ingest_env.h"

enum { FUZZ_BODIES_PER_ENGINE = 5000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline IngestEnv *fuzz_env(void)
{
    static IngestEnv env;
    static int left;
    if (left-- == 0) {
        if (env.engine)
            env_close(&env);
        env_open(&env);
        left = FUZZ_BODIES_PER_ENGINE;
    }
    return &env;
}

static inline void fuzz_body(const char *path, const uint8_t *data, size_t size)
{
    bool ok;
    Err e;
    Slice body = slice_of((const char *)data, size);
    ing_job_free(env_run(fuzz_env(), path, body, ING_NS, &ok, &e));
}
