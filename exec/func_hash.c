/* exec/func_hash.c - hashtext() and its like: PostgreSQL's values, bit for bit.
 *
 * Programs take advisory locks by hashtext('name') and split work by it, so that the values matter.  The
 * hash is Bob Jenkins' lookup3 as PostgreSQL uses it (its hash_bytes and hash_bytes_extended). */
#include <math.h>

#include "exec/func_private.h"

typedef struct Lookup3 {
    uint32_t a, b, c;
} Lookup3;

static uint32_t rotate(uint32_t x, int bits)
{
    return x << bits | x >> (32 - bits);
}

static void mix(Lookup3 *h)
{
    uint32_t a = h->a, b = h->b, c = h->c;
    a = (a - c) ^ rotate(c, 4), c += b;
    b = (b - a) ^ rotate(a, 6), a += c;
    c = (c - b) ^ rotate(b, 8), b += a;
    a = (a - c) ^ rotate(c, 16), c += b;
    b = (b - a) ^ rotate(a, 19), a += c;
    c = (c - b) ^ rotate(b, 4), b += a;
    *h = (Lookup3){a, b, c};
}

static void finish(Lookup3 *h)
{
    uint32_t a = h->a, b = h->b, c = h->c;
    c = (c ^ b) - rotate(b, 14);
    a = (a ^ c) - rotate(c, 11);
    b = (b ^ a) - rotate(a, 25);
    c = (c ^ b) - rotate(b, 16);
    a = (a ^ c) - rotate(c, 4);
    b = (b ^ a) - rotate(a, 14);
    c = (c ^ b) - rotate(b, 24);
    *h = (Lookup3){a, b, c};
}

static Lookup3 begin(size_t len, uint64_t seed)
{
    uint32_t first = UINT32_C(0x9e3779b9) + (uint32_t)len + 3923095;
    Lookup3 h = {first, first, first};
    if (seed) {
        h.a += (uint32_t)(seed >> 32);
        h.b += (uint32_t)seed;
        mix(&h);
    }
    return h;
}

/* Up to four bytes, the first one lowest. */
static uint32_t word(const unsigned char *p, size_t count)
{
    uint32_t w = 0;
    for (size_t i = 0; i < count && i < 4; i++)
        w |= (uint32_t)p[i] << (8 * i);
    return w;
}

static Lookup3 hash_bytes(const void *bytes, size_t len, uint64_t seed)
{
    const unsigned char *p = bytes;
    Lookup3 h = begin(len, seed);
    for (; len >= 12; p += 12, len -= 12) {
        h.a += word(p, 4);
        h.b += word(p + 4, 4);
        h.c += word(p + 8, 4);
        mix(&h);
    }
    h.a += word(p, len);
    h.b += len > 4 ? word(p + 4, len - 4) : 0;
    h.c += len > 8 ? word(p + 8, len - 8) << 8 : 0; /* its lowest byte is the length's */
    finish(&h);
    return h;
}

static Lookup3 hash_word(uint32_t v, uint64_t seed)
{
    Lookup3 h = begin(sizeof v, seed);
    h.a += v;
    finish(&h);
    return h;
}

/* One argument: 32 bits; with a seed: 64. */
static bool give(Lookup3 h, size_t n, Value *out)
{
    *out = value_i64(n > 1 ? (int64_t)((uint64_t)h.b << 32 | h.c) : (int32_t)h.c);
    return true;
}

static uint64_t seed_of(const Value *args, size_t n)
{
    return n > 1 ? (uint64_t)args[1].u.i64 : 0;
}

FUNC_SCALAR(hash_text)
{
    FUNC_UNUSED;
    return give(hash_bytes(args[0].u.str.ptr, args[0].u.str.len, seed_of(args, n)), n, out);
}

/* int2, int4, oid */
FUNC_SCALAR(hash_int)
{
    FUNC_UNUSED;
    return give(hash_word((uint32_t)args[0].u.i64, seed_of(args, n)), n, out);
}

/* A small int8 hashes as the int4 of its value does. */
FUNC_SCALAR(hash_int8)
{
    FUNC_UNUSED;
    int64_t v = args[0].u.i64;
    uint32_t high = (uint32_t)((uint64_t)v >> 32);
    return give(hash_word((uint32_t)v ^ (v >= 0 ? high : ~high), seed_of(args, n)), n, out);
}

FUNC_SCALAR(hash_float)
{
    FUNC_UNUSED;
    double v = args[0].u.f64;
    if (v == 0) { /* -0 equals 0 */
        *out = value_i64(n > 1 ? args[1].u.i64 : 0);
        return true;
    }
    if (isnan(v))
        v = (double)NAN;
    return give(hash_bytes(&v, sizeof v, seed_of(args, n)), n, out);
}

#define HASH(name, type, fn)                                                                       \
    FS(name "(" type ") int4", fn, STRICT, "hash"),                                                \
        FS(name "extended(" type ", int8) int8", fn, STRICT, "64-bit hash with a seed")

FuncDef func_hash[] = {
    HASH("hashtext", "text", hash_text),
    HASH("hashname", "name", hash_text),
    HASH("hashint2", "int2", hash_int),
    HASH("hashint4", "int4", hash_int),
    HASH("hashoid", "oid", hash_int),
    HASH("hashint8", "int8", hash_int8),
    HASH("hashfloat4", "float4", hash_float),
    HASH("hashfloat8", "float8", hash_float),
    FUNC_END,
};
