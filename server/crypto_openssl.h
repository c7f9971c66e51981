/* server/crypto_openssl.h - fills the table of base/crypto.h.  Threads: at start. */
#ifndef SKULK_SERVER_CRYPTO_OPENSSL_H
#define SKULK_SERVER_CRYPTO_OPENSSL_H

#include "base/mem.h"

void crypto_use_openssl(void);
/* RFC 4013: appends the prepared text; false: it has none.  Any thread. */
bool saslprep(Slice text, Buf *out);

#endif
