/* tests/fuzz/fuzz_scram.c - a verifier, a client's first message and its last one, split at NULs; with
 * and without a channel to bind to.  Who knows no password must not get in. */
#include "server/crypto_openssl.h"
#include "session/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Slice part(Slice *rest)
{
    const char *nul = rest->len ? memchr(rest->ptr, 0, rest->len) : NULL;
    size_t n = nul ? (size_t)(nul - rest->ptr) : rest->len;
    Slice head = slice_of(rest->ptr, n);
    *rest = slice_of(rest->ptr + n + (nul ? 1 : 0), rest->len - n - (nul ? 1 : 0));
    return head;
}

static void play(const ScramVerifier *v, Slice first, Slice last, bool plus)
{
    static const uint8_t random[SCRAM_NONCE_BYTES] = "a fixed nonce";
    Scram s = {.verifier = *v, .binding_len = plus ? 4 : 0};
    Buf reply = {0};
    Err e;
    bool wrong;
    Slice mechanism = plus ? SLICE_LIT("SCRAM-SHA-256-PLUS") : SLICE_LIT("SCRAM-SHA-256");
    err_clear(&e);
    if (scram_first(&s, mechanism, first, random, &reply, &e))
        must(!scram_final(&s, last, &reply, &wrong, &e));
    buf_free(&s.auth_message);
    buf_free(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Slice rest = slice_of((const char *)data, size);
    Slice verifier = part(&rest), first = part(&rest), last = part(&rest);
    ScramVerifier v = {.iterations = 1, .salt_len = SCRAM_SALT_BYTES};
    crypto_use_openssl();
    ScramVerifier read;
    if (scram_read_verifier(verifier, &read))
        v.salt_len = read.salt_len; /* its keys would be the input's own */
    memset(v.stored_key, 7, sizeof v.stored_key);
    play(&v, first, last, false);
    play(&v, first, last, true);
    return 0;
}
