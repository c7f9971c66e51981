/* tests/fuzz/fuzz_sql.c - any bytes as SQL: parsed, analyzed and planned, never run. */
#include "../unit/sql_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SqlBench b;
    SqlStatement *st;
    size_t count;
    Err e;
    bench_init(&b);
    Arena a;
    arena_init(&a, NULL);
    if (sql_parse(&a, slice_of((const char *)data, size), &st, &count, &e)) {
        for (size_t i = 0; i < count && i < 16; i++) {
            Bound *bound;
            if (sql_analyze(&b.env, &a, &st[i], NULL, 0, &bound, &e))
                continue;
            must(e.code != ERR_OK && e.message[0]);
            must(e.code != ERR_INTERNAL); /* a plan that does not hold together */
        }
    } else {
        must(e.code != ERR_OK && e.message[0]);
    }
    arena_free(&a);
    bench_free(&b);
    return 0;
}
