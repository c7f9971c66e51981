/* session/scram.h - SCRAM-SHA-256 and -PLUS (RFC 5802, 7677, 5929), as PostgreSQL has them.
 *
 * A password is kept as its verifier, "SCRAM-SHA-256$4096:salt$StoredKey:ServerKey" (base64), from
 * which nobody can log in.  Passwords beyond ASCII are taken in the form that SASLprep (RFC 4013)
 * gives them, as clients do; those that it refuses as they are.
 * Threads: pure; a Scram belongs to one login. */
#ifndef SKULK_SESSION_SCRAM_H
#define SKULK_SESSION_SCRAM_H

#include "base/crypto.h"

enum {
    SCRAM_ITERATIONS = 4096,
    SCRAM_SALT_BYTES = 16,
    SCRAM_SALT_MAX = 64,
    SCRAM_NONCE_BYTES = 18,
    SCRAM_NONCE_MAX = 256,
    SCRAM_BINDING_MAX = 64,
};

typedef struct ScramVerifier {
    uint32_t iterations;
    uint8_t salt[SCRAM_SALT_MAX];
    size_t salt_len;
    uint8_t stored_key[SHA256_BYTES], server_key[SHA256_BYTES];
} ScramVerifier;

bool scram_is_verifier(Slice text);
bool scram_read_verifier(Slice text, ScramVerifier *out);
void scram_make_verifier(Buf *out, Slice password, const uint8_t salt[SCRAM_SALT_BYTES]);
bool scram_password_fits(const ScramVerifier *v, Slice password);

typedef struct Scram { /* a login; zeroed, then these four */
    ScramVerifier verifier;
    bool doomed; /* whatever the proof: the user is unknown, or has no password */
    uint8_t binding[SCRAM_BINDING_MAX]; /* tls-server-end-point; none without TLS */
    size_t binding_len;
    /* its own */
    bool plus;
    char gs2[16]; /* the client's header, as it came */
    char nonce[SCRAM_NONCE_MAX];
    Buf auth_message; /* freed by the caller */
} Scram;

/* The client's first message for `mechanism`; reply: server-first.  random: SCRAM_NONCE_BYTES.
 * 08P01 for what no client says, 28000 for a downgrade. */
bool scram_first(Scram *s, Slice mechanism, Slice message, const uint8_t *random, Buf *reply,
                 Err *e) MUST_CHECK;
/* Its last one; reply: server-final.  false without a message: the password is wrong. */
bool scram_final(Scram *s, Slice message, Buf *reply, bool *wrong, Err *e) MUST_CHECK;

#endif
