/* Text and binary input of every type: byte 0 chooses the type, byte 1 the form.  What was read is
 * written and read again, and must come out the same. */
#include "base/mem.h"
#include "exec/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const TypeDef *def, const TypeEnv *env, const Value *v, Arena *a)
{
    Buf text, bytes;
    Value back;
    Err e;
    buf_init(&text);
    buf_init(&bytes);
    def->out(env, v, &text);
    if (def->in(env, buf_slice(&text), -1, a, &back, &e)) {
        Buf second;
        buf_init(&second);
        def->out(env, &back, &second);
        must(slice_eq(buf_slice(&text), buf_slice(&second)));
        must(def->hash(v) == def->hash(&back) || def->cmp(v, &back) != 0);
        buf_free(&second);
    }
    def->send(env, v, &bytes);
    (void)!def->recv(env, buf_slice(&bytes), -1, a, &back, &e);
    buf_free(&text);
    buf_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TypeEnv env = {.tz = tz_utc(), .extra_float_digits = 1, .now_us = INT64_C(1710506096789000)};
    Arena a;
    Value v;
    Err e;
    exec_init();
    if (size < 2)
        return 0;
    const TypeDef *def = type_at(data[0] % type_count());
    Slice input = {(const char *)data + 2, size - 2};
    int32_t typmod = data[1] & 2 ? (data[1] >> 2) + 4 : -1;
    arena_init(&a, NULL);
    if (data[1] & 1 ? def->recv(&env, input, typmod, &a, &v, &e)
                    : def->in(&env, input, typmod, &a, &v, &e))
        again(def, &env, &v, &a);
    arena_free(&a);
    return 0;
}
