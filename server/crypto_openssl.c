/* server/crypto_openssl.c - the table of base/crypto.h out of OpenSSL. */
#include "server/crypto_openssl.h"

#include "base/crypto.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

static void sha256(Slice data, uint8_t out[SHA256_BYTES])
{
    SHA256((const unsigned char *)data.ptr, data.len, out);
}

static void hmac_sha256(Slice key, Slice data, uint8_t out[SHA256_BYTES])
{
    unsigned len;
    must(HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)data.ptr, data.len, out,
              &len));
}

static void pbkdf2_sha256(Slice password, Slice salt, uint32_t iterations,
                          uint8_t out[SHA256_BYTES])
{
    must(PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len, (const unsigned char *)salt.ptr,
                           (int)salt.len, (int)iterations, EVP_sha256(), SHA256_BYTES, out) == 1);
}

static const CryptoOps ops = {sha256, hmac_sha256, pbkdf2_sha256, saslprep};

void crypto_use_openssl(void)
{
    crypto_set(&ops);
}
