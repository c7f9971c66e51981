/* server/crypto_openssl.h - fills the table of base/crypto.h.  Threads: at start. */
#ifndef SKULK_SERVER_CRYPTO_OPENSSL_H
#define SKULK_SERVER_CRYPTO_OPENSSL_H

void crypto_use_openssl(void);

#endif
