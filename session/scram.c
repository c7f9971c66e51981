/* session/scram.c - see scram.h. */
#include "session/scram.h"

#include <stdio.h>

#define VERIFIER_PREFIX "SCRAM-SHA-256$"

/* ---- verifiers ---- */

static Slice until(Slice *rest, char c)
{
    const char *at = rest->len ? memchr(rest->ptr, c, rest->len) : NULL;
    size_t n = at ? (size_t)(at - rest->ptr) : rest->len;
    Slice head = slice_of(rest->ptr, n);
    *rest = slice_of(rest->ptr + n + (at ? 1 : 0), rest->len - n - (at ? 1 : 0));
    return head;
}

bool scram_read_verifier(Slice text, ScramVerifier *out)
{
    int64_t iterations;
    size_t n;
    if (!slice_starts(text, SLICE_LIT(VERIFIER_PREFIX)))
        return false;
    Slice rest =
        slice_of(text.ptr + sizeof VERIFIER_PREFIX - 1, text.len - (sizeof VERIFIER_PREFIX - 1));
    Slice count = until(&rest, ':'), salt = until(&rest, '$'), stored = until(&rest, ':');
    if (!slice_to_i64(count, &iterations) || iterations < 1 || iterations > INT32_MAX)
        return false;
    out->iterations = (uint32_t)iterations;
    return base64_decode(salt, out->salt, sizeof out->salt, &out->salt_len) && out->salt_len &&
           base64_decode(stored, out->stored_key, SHA256_BYTES, &n) && n == SHA256_BYTES &&
           base64_decode(rest, out->server_key, SHA256_BYTES, &n) && n == SHA256_BYTES;
}

bool scram_is_verifier(Slice text)
{
    ScramVerifier ignored;
    return scram_read_verifier(text, &ignored);
}

static Slice bytes(const uint8_t *p, size_t n)
{
    return slice_of((const char *)p, n);
}

/* As clients do it: what is beyond ASCII in the form of SASLprep, if it has one. */
static Slice prepared(Slice password, Buf *space)
{
    bool ascii = true;
    for (size_t i = 0; i < password.len; i++)
        ascii &= !((unsigned char)password.ptr[i] & 0x80);
    return !ascii && crypto_ops()->saslprep(password, space) ? buf_slice(space) : password;
}

/* The two keys of a password: RFC 5802 section 3. */
static void derive(Slice password, Slice salt, uint32_t iterations, ScramVerifier *out)
{
    const CryptoOps *c = crypto_ops();
    uint8_t salted[SHA256_BYTES], client[SHA256_BYTES];
    Buf space;
    buf_init(&space);
    c->pbkdf2_sha256(prepared(password, &space), salt, iterations, salted);
    if (space.len)
        explicit_bzero(space.ptr, space.len);
    buf_free(&space);
    c->hmac_sha256(bytes(salted, sizeof salted), SLICE_LIT("Client Key"), client);
    c->sha256(bytes(client, sizeof client), out->stored_key);
    c->hmac_sha256(bytes(salted, sizeof salted), SLICE_LIT("Server Key"), out->server_key);
}

void scram_make_verifier(Buf *out, Slice password, const uint8_t salt[SCRAM_SALT_BYTES])
{
    ScramVerifier v;
    derive(password, bytes(salt, SCRAM_SALT_BYTES), SCRAM_ITERATIONS, &v);
    buf_printf(out, VERIFIER_PREFIX "%d:", SCRAM_ITERATIONS);
    base64_encode(out, salt, SCRAM_SALT_BYTES);
    buf_puts(out, "$");
    base64_encode(out, v.stored_key, SHA256_BYTES);
    buf_puts(out, ":");
    base64_encode(out, v.server_key, SHA256_BYTES);
}

bool scram_password_fits(const ScramVerifier *v, Slice password)
{
    ScramVerifier of;
    derive(password, bytes(v->salt, v->salt_len), v->iterations, &of);
    return crypto_equal(of.server_key, v->server_key, SHA256_BYTES);
}

/* ---- the exchange ---- */

static bool malformed(Err *e, const char *detail)
{
    err_set(e, ERR_PROTOCOL_VIOLATION, "malformed SCRAM message");
    return err_detail(e, "%s", detail);
}

/* "x=value"; the rest is what follows its comma. */
static bool attribute(Slice *rest, char name, Slice *value)
{
    Slice part = until(rest, ',');
    if (part.len < 2 || part.ptr[0] != name || part.ptr[1] != '=')
        return false;
    *value = slice_of(part.ptr + 2, part.len - 2);
    return true;
}

/* The header before the bare message: does the client bind the channel, and did it have to? */
static bool read_gs2(Scram *s, Slice *rest, Err *e)
{
    const char *begin = rest->ptr;
    Slice flag = until(rest, ','), authzid = until(rest, ',');
    size_t len = (size_t)(rest->ptr - begin);
    if (authzid.len) {
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "client uses authorization identity, but it is not supported");
    } else if (slice_eq(flag, SLICE_LIT("p=tls-server-end-point"))) {
        if (!s->plus)
            return malformed(e, "channel binding without SCRAM-SHA-256-PLUS");
    } else if (slice_eq(flag, SLICE_LIT("y"))) {
        if (s->plus)
            return malformed(e, "SCRAM-SHA-256-PLUS without channel binding");
        if (s->binding_len) { /* it could, and thinks that we cannot */
            err_set(e, ERR_INVALID_AUTHORIZATION, "SCRAM channel binding negotiation error");
            return err_detail(e, "The client supports SCRAM channel binding but thinks the server "
                                 "does not. However, this server does support channel binding.");
        }
    } else if (!slice_eq(flag, SLICE_LIT("n")) || s->plus) {
        return malformed(e, "unexpected channel-binding flag");
    }
    if (!s->plus) {
        if (len >= sizeof s->gs2)
            return malformed(e, "the header is too long");
        memcpy(s->gs2, begin, len);
        s->gs2[len] = 0;
    }
    return true;
}

static bool printable(Slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x21 || s.ptr[i] > 0x7e || s.ptr[i] == ',')
            return false;
    return s.len > 0;
}

bool scram_first(Scram *s, Slice mechanism, Slice message, const uint8_t *random, Buf *reply,
                 Err *e)
{
    Slice user, nonce, rest = message;
    s->plus = slice_eq(mechanism, SLICE_LIT("SCRAM-SHA-256-PLUS"));
    if (!(s->plus && s->binding_len) && !slice_eq(mechanism, SLICE_LIT("SCRAM-SHA-256")))
        return err_set(e, ERR_PROTOCOL_VIOLATION,
                       "client selected an invalid SASL authentication mechanism");
    if (!slice_utf8_valid(message) || !read_gs2(s, &rest, e))
        return e->code != ERR_OK ? false : malformed(e, "not UTF-8");
    Slice bare = rest;
    if (rest.len > 1 && rest.ptr[0] == 'm')
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "client requires an unsupported SCRAM extension");
    if (!attribute(&rest, 'n', &user) || !attribute(&rest, 'r', &nonce))
        return malformed(e, "user or nonce is missing");
    if (!printable(nonce) || nonce.len > SCRAM_NONCE_MAX / 2)
        return malformed(e, "the nonce is not printable, or too long");
    Buf own = {0};
    base64_encode(&own, random, SCRAM_NONCE_BYTES);
    snprintf(s->nonce, sizeof s->nonce, "%.*s%.*s", SLICE_ARG(nonce), (int)own.len, own.ptr);
    buf_free(&own);
    size_t at = reply->len;
    buf_printf(reply, "r=%s,s=", s->nonce);
    base64_encode(reply, s->verifier.salt, s->verifier.salt_len);
    buf_printf(reply, ",i=%u", s->verifier.iterations);
    buf_put_slice(&s->auth_message, bare);
    buf_puts(&s->auth_message, ",");
    buf_put(&s->auth_message, reply->ptr + at, reply->len - at);
    buf_puts(&s->auth_message, ",");
    return true;
}

/* c= repeats the header, and with -PLUS what the channel is bound to. */
static bool binding_fits(const Scram *s, Slice value)
{
    static const char plus_header[] = "p=tls-server-end-point,,";
    Buf raw = {0}, want = {0};
    if (s->plus) {
        buf_puts(&raw, plus_header);
        buf_put(&raw, s->binding, s->binding_len);
    } else {
        buf_puts(&raw, s->gs2);
    }
    base64_encode(&want, raw.ptr, raw.len);
    bool fits = slice_eq(value, buf_slice(&want));
    buf_free(&raw);
    buf_free(&want);
    return fits;
}

/* ClientKey = proof XOR HMAC(StoredKey, AuthMessage); its hash must be StoredKey. */
static bool proof_fits(const Scram *s, const uint8_t proof[SHA256_BYTES])
{
    const CryptoOps *c = crypto_ops();
    uint8_t key[SHA256_BYTES], hash[SHA256_BYTES];
    c->hmac_sha256(bytes(s->verifier.stored_key, SHA256_BYTES), buf_slice(&s->auth_message), key);
    for (size_t i = 0; i < SHA256_BYTES; i++)
        key[i] ^= proof[i];
    c->sha256(bytes(key, sizeof key), hash);
    return crypto_equal(hash, s->verifier.stored_key, SHA256_BYTES);
}

bool scram_final(Scram *s, Slice message, Buf *reply, bool *wrong, Err *e)
{
    Slice binding, nonce, rest = message;
    uint8_t proof[SHA256_BYTES], signature[SHA256_BYTES];
    size_t n;
    *wrong = false;
    if (!attribute(&rest, 'c', &binding) || !attribute(&rest, 'r', &nonce))
        return malformed(e, "channel binding or nonce is missing");
    /* extensions may follow; the proof is last */
    const char *p = rest.len ? rest.ptr + rest.len : NULL;
    while (p && p > rest.ptr && p[-1] != ',')
        p--;
    Slice last = p ? slice_of(p, (size_t)(rest.ptr + rest.len - p)) : SLICE_NONE;
    if (last.len < 2 || last.ptr[0] != 'p' || last.ptr[1] != '=' ||
        !base64_decode(slice_of(last.ptr + 2, last.len - 2), proof, sizeof proof, &n) ||
        n != SHA256_BYTES)
        return malformed(e, "the proof is missing or malformed");
    if (!slice_eq_cstr(nonce, s->nonce))
        return malformed(e, "nonce does not match");
    if (!binding_fits(s, binding)) {
        if (s->plus)
            return err_set(e, ERR_INVALID_AUTHORIZATION, "SCRAM channel binding check failed");
        return malformed(e, "unexpected channel-binding attribute");
    }
    buf_put(&s->auth_message, message.ptr, (size_t)(last.ptr - message.ptr) - 1);
    bool fits = proof_fits(s, proof); /* also for those who cannot log in: the same time */
    if (!fits || s->doomed) {
        *wrong = true;
        return false;
    }
    crypto_ops()->hmac_sha256(bytes(s->verifier.server_key, SHA256_BYTES),
                              buf_slice(&s->auth_message), signature);
    buf_puts(reply, "v=");
    base64_encode(reply, signature, sizeof signature);
    return true;
}
