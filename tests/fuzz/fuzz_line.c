/* tests/fuzz/fuzz_line.c - bodies of /write.  A job takes its first line by the whole grammar, later ones
 * by what it has learned; so a body must give the same rows as its lines do one by one. */
#include "storage/batch_private.h"
#include "tests/fuzz/ingest_fuzz.h"

static void check_row(const WriteBatch *a, size_t i, const WriteBatch *b, size_t k)
{
    const BatchRow *x = wb_row_at(a, i), *y = wb_row_at(b, k);
    const RowShape *s = wb_shape(a, x->shape), *t = wb_shape(b, y->shape);
    must(x->series == y->series);
    must(x->time == y->time);
    must(s->table == t->table);
    must(s->count == t->count);
    for (uint32_t c = 0; c < s->count; c++) {
        must(s->keys[c] == t->keys[c]);
        uint64_t v = batch_row_slots(x)[c], w = batch_row_slots(y)[c];
        if (shape_key_type(s->keys[c]) == PHYS_STR)
            must(slice_eq(wb_string(a, v), wb_string(b, w)));
        else
            must(v == w);
    }
}

/* Texts may hold line ends: such bodies are not taken apart. */
static void fuzz_lines(IngestEnv *env, Slice body)
{
    bool ok;
    Err e;
    IngJob *whole = env_run(env, "/write", body, ING_NS, &ok, &e);
    WriteBatch *all = ing_job_take_batch(whole);
    size_t rows = 0, errors = 0;
    const char *end = body.ptr + body.len, *next;
    for (const char *p = body.ptr; p < end && !memchr(body.ptr, '"', body.len); p = next) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        next = nl ? nl + 1 : end;
        IngJob *one = env_run(env, "/write", slice_of(p, (size_t)(next - p)), ING_NS, &ok, &e);
        WriteBatch *wb = ing_job_take_batch(one);
        must(!wb || wb_rows(wb) == 1);
        if (wb)
            check_row(all, rows++, wb, 0);
        errors += ing_job_error_count(one);
        wb_free(wb);
        ing_job_free(one);
        must(rows <= (all ? wb_rows(all) : 0));
        if (next == end)
            must(rows == ing_job_rows(whole) && errors == ing_job_error_count(whole));
    }
    wb_free(all);
    ing_job_free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_lines(fuzz_env(), slice_of((const char *)data, size));
    return 0;
}
