/* server/saslprep.c - SASLprep (RFC 4013) of passwords, by libidn. */
#include "server/crypto_openssl.h"

#include <idn-free.h>
#include <stringprep.h>

bool saslprep(Slice text, Buf *out)
{
    Buf in;
    char *prepared = NULL;
    if (memchr(text.ptr, 0, text.len) || !slice_utf8_valid(text))
        return false;
    buf_init(&in);
    buf_put_slice(&in, text);
    buf_put_u8(&in, 0);
    bool ok = stringprep_profile(in.ptr, &prepared, "SASLprep", STRINGPREP_NO_UNASSIGNED) ==
                  STRINGPREP_OK &&
              prepared[0];
    if (ok)
        buf_puts(out, prepared);
    if (prepared) {
        explicit_bzero(prepared, strlen(prepared));
        idn_free(prepared);
    }
    explicit_bzero(in.ptr, in.len);
    buf_free(&in);
    return ok;
}
