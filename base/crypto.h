/* base/crypto.h - hashes for logins, through a table that the server fills from OpenSSL.
 *
 * The library links no OpenSSL: there the table is empty, and what needs it is 0A000.
 * Threads: set once at start; the functions from any thread. */
#ifndef SKULK_BASE_CRYPTO_H
#define SKULK_BASE_CRYPTO_H

#include "base/mem.h"

enum { SHA256_BYTES = 32 };

typedef struct CryptoOps {
    void (*sha256)(Slice data, uint8_t out[SHA256_BYTES]);
    void (*hmac_sha256)(Slice key, Slice data, uint8_t out[SHA256_BYTES]);
    void (*pbkdf2_sha256)(Slice password, Slice salt, uint32_t iterations,
                          uint8_t out[SHA256_BYTES]);
    /* RFC 4013; false: the text has none. */
    bool (*saslprep)(Slice text, Buf *out);
} CryptoOps;

const CryptoOps *crypto_ops(void); /* NULL: none */
void crypto_set(const CryptoOps *ops);
/* In the same time wherever they differ. */
bool crypto_equal(const void *a, const void *b, size_t len);

/* RFC 4648, with padding and without line ends; false: not that, or more than max bytes. */
void base64_encode(Buf *out, const void *src, size_t len);
bool base64_decode(Slice text, uint8_t *dst, size_t max, size_t *len);

#endif
