/* tests/fuzz/fuzz_promql.c - PromQL texts: what parses is printed, and what is printed parses to the same text. */
#include "promql/promql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena a;
    Err e;
    PqlExpr *x;
    PqlMatcher *m;
    Slice text = {(const char *)data, size};
    arena_init(&a, NULL);
    err_clear(&e);
    if (pql_parse(&a, text, "all", &x, &e)) {
        Buf first, second;
        buf_init(&first);
        buf_init(&second);
        pql_print(&first, x);
        if (!pql_parse(&a, buf_slice(&first), "all", &x, &e))
            must_fail(e.message, first.ptr, 0);
        pql_print(&second, x);
        must(slice_eq(buf_slice(&first), buf_slice(&second)));
        buf_free(&first);
        buf_free(&second);
    } else {
        must(e.code != ERR_OK && e.message[0]);
    }
    if (pql_parse_selector(&a, text, &m, &e))
        must(m != NULL);
    arena_free(&a);
    return 0;
}
