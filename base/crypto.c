/* base/crypto.c - see crypto.h. */
#include "base/crypto.h"

#include <stdatomic.h>

static _Atomic(const CryptoOps *) current;

const CryptoOps *crypto_ops(void)
{
    return atomic_load(&current);
}

void crypto_set(const CryptoOps *ops)
{
    atomic_store(&current, ops);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t differ = 0;
    for (size_t i = 0; i < len; i++)
        differ |= x[i] ^ y[i];
    return differ == 0;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(Buf *out, const void *src, size_t len)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0);
        char quad[4] = {digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
                        left > 2 ? digits[v & 63] : '='};
        buf_put(out, quad, sizeof quad);
    }
}

static int digit_value(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool base64_decode(Slice text, uint8_t *dst, size_t max, size_t *len)
{
    *len = 0;
    if (text.len % 4)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        bool last = i + 4 == text.len;
        size_t pad = last && text.ptr[i + 3] == '=' ? text.ptr[i + 2] == '=' ? 2 : 1 : 0;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k < 4 - pad ? digit_value(text.ptr[i + k]) : 0;
            if (d < 0)
                return false;
            v = v << 6 | (uint32_t)d;
        }
        if (max - *len < 3 - pad || v & ((1u << 8 * pad) - 1))
            return false;
        for (size_t k = 0; k < 3 - pad; k++)
            dst[(*len)++] = (uint8_t)(v >> (16 - 8 * k));
    }
    return true;
}
