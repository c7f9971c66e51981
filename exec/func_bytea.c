/* exec/func_bytea.c - bytes: bits and bytes of them, SHA-2, text in other encodings. */
#include "base/hash.h"
#include "exec/func_private.h"
#include "exec/func_text.h"
#include <errno.h>
#include <iconv.h>
#include <stdio.h>

/* ---- bits and bytes ---- */

static bool index_range(int64_t i, int64_t count, Err *e)
{
    if (i >= 0 && i < count)
        return true;
    return err_set(e, ERR_ARRAY_SUBSCRIPT, "index %lld out of valid range, 0..%lld", (long long)i,
                   (long long)count - 1);
}

FUNC_SCALAR(bytea_get_byte)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    int64_t i = args[1].u.i64;
    if (!index_range(i, (int64_t)s.len, e))
        return false;
    *out = value_i64((unsigned char)s.ptr[i]);
    return true;
}

FUNC_SCALAR(bytea_get_bit)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str;
    int64_t i = args[1].u.i64;
    if (!index_range(i, (int64_t)s.len * 8, e))
        return false;
    *out = value_i64((unsigned char)s.ptr[i / 8] >> (i % 8) & 1);
    return true;
}

FUNC_SCALAR(bytea_set_byte)
{
    FUNC_UNUSED;
    int64_t i = args[1].u.i64;
    if (!index_range(i, (int64_t)args[0].u.str.len, e))
        return false;
    Slice copy = arena_slice(ctx->scratch, args[0].u.str);
    ((char *)(uintptr_t)copy.ptr)[i] = (char)args[2].u.i64;
    *out = value_str(copy);
    return true;
}

FUNC_SCALAR(bytea_set_bit)
{
    FUNC_UNUSED;
    int64_t i = args[1].u.i64, bit = args[2].u.i64;
    if (!index_range(i, (int64_t)args[0].u.str.len * 8, e))
        return false;
    if (bit != 0 && bit != 1)
        return err_set(e, ERR_INVALID_PARAMETER, "new bit must be 0 or 1");
    Slice copy = arena_slice(ctx->scratch, args[0].u.str);
    unsigned char *p = (unsigned char *)(uintptr_t)copy.ptr + i / 8,
                  mask = (unsigned char)(1u << i % 8);
    *p = (unsigned char)(bit ? *p | mask : *p & ~mask);
    *out = value_str(copy);
    return true;
}

static int64_t count_bits(Slice s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += __builtin_popcount((unsigned char)s.ptr[i]);
    return n;
}

static bool bytea_bit_count(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, Slice, int64_t, count_bits(x));
    return true;
}

/* ---- pieces ---- */

FUNC_SCALAR(bytea_position)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str, what = args[1].u.str;
    const char *p = what.len == 0 ? s.ptr : s.len ? memmem(s.ptr, s.len, what.ptr, what.len) : NULL;
    *out = value_i64(what.len == 0 ? 1 : p ? p - s.ptr + 1 : 0);
    return true;
}

static Slice trim_bytes(Slice s, Slice set, bool left, bool right)
{
    while (left && s.len && set.len && memchr(set.ptr, *s.ptr, set.len))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (right && s.len && set.len && memchr(set.ptr, s.ptr[s.len - 1], set.len))
        s.len--;
    return s;
}

#define TRIM_BYTES(name, left, right)                                                              \
    FUNC_SCALAR(name)                                                                              \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        *out = value_str(trim_bytes(args[0].u.str, args[1].u.str, left, right));                   \
        return true;                                                                               \
    }
TRIM_BYTES(bytea_btrim, true, true)
TRIM_BYTES(bytea_ltrim, true, false)
TRIM_BYTES(bytea_rtrim, false, true)

FUNC_SCALAR(bytea_overlay)
{
    FUNC_UNUSED;
    Slice s = args[0].u.str, with = args[1].u.str;
    int64_t from = args[2].u.i64, count = n > 3 ? args[3].u.i64 : (int64_t)with.len,
            len = (int64_t)s.len;
    if (from <= 0)
        return err_set(e, ERR_SUBSTRING, "negative substring length not allowed");
    if (from + count != (int32_t)(from + count))
        return err_set(e, ERR_NUMERIC_RANGE, "integer out of range");
    int64_t begin = from - 1 < len ? from - 1 : len, end = from - 1 + count;
    end = end < 0 ? 0 : end > len ? len : end;
    Buf b;
    buf_init(&b);
    buf_put(&b, s.ptr, (size_t)begin);
    buf_put_slice(&b, with);
    buf_put(&b, s.ptr + end, (size_t)(len - end));
    *out = func_take(ctx, &b);
    return true;
}

/* ---- SHA-2 (FIPS 180-4); one body for words of 32 and 64 bits ---- */

static const uint64_t sha_k[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

typedef struct Sha {
    bool wide; /* words of 64 bits */
    uint64_t h[8];
} Sha;

static uint64_t rotate(const Sha *s, uint64_t x, int n)
{
    if (s->wide)
        return x >> n | x << (64 - n);
    uint32_t w = (uint32_t)x;
    return w >> n | w << (32 - n);
}

static uint64_t mix3(const Sha *s, uint64_t x, int a, int b, int c)
{
    return rotate(s, x, a) ^ rotate(s, x, b) ^ rotate(s, x, c);
}

static uint64_t mix2(const Sha *s, uint64_t x, int a, int b, int shift)
{
    return rotate(s, x, a) ^ rotate(s, x, b) ^ x >> shift;
}

static void sha_block(Sha *s, const unsigned char *p)
{
    int size = s->wide ? 8 : 4, rounds = s->wide ? 80 : 64;
    uint64_t w[80], v[8], mask = s->wide ? UINT64_MAX : UINT32_MAX;
    for (int i = 0; i < 16; i++) {
        w[i] = 0;
        for (int k = 0; k < size; k++)
            w[i] = w[i] << 8 | *p++;
    }
    for (int i = 16; i < rounds; i++) {
        uint64_t x = s->wide ? mix2(s, w[i - 15], 1, 8, 7) : mix2(s, w[i - 15], 7, 18, 3);
        uint64_t y = s->wide ? mix2(s, w[i - 2], 19, 61, 6) : mix2(s, w[i - 2], 17, 19, 10);
        w[i] = (w[i - 16] + x + w[i - 7] + y) & mask;
    }
    memcpy(v, s->h, sizeof v);
    for (int i = 0; i < rounds; i++) {
        uint64_t k = s->wide ? sha_k[i] : sha_k[i] >> 32;
        uint64_t e1 = s->wide ? mix3(s, v[4], 14, 18, 41) : mix3(s, v[4], 6, 11, 25);
        uint64_t a0 = s->wide ? mix3(s, v[0], 28, 34, 39) : mix3(s, v[0], 2, 13, 22);
        uint64_t t1 = v[7] + e1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k + w[i];
        uint64_t t2 = a0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] = (v[4] + t1) & mask;
        v[0] = (t1 + t2) & mask;
    }
    for (int i = 0; i < 8; i++)
        s->h[i] = (s->h[i] + v[i]) & mask;
}

static Value sha(EvalCtx *ctx, Slice s, bool wide, const uint64_t *first, size_t digest)
{
    Sha state = {.wide = wide};
    unsigned char tail[256] = {0};
    size_t block = wide ? 128 : 64, at = 0, word = wide ? 8 : 4;
    memcpy(state.h, first, sizeof state.h);
    for (; at + block <= s.len; at += block)
        sha_block(&state, (const unsigned char *)s.ptr + at);
    size_t rest = s.len - at, size = rest + 1 + 2 * word <= block ? block : 2 * block;
    if (rest)
        memcpy(tail, s.ptr + at, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[size - 1 - (size_t)i] = (unsigned char)((uint64_t)s.len * 8 >> (8 * i));
    for (at = 0; at < size; at += block)
        sha_block(&state, tail + at);
    char *out = arena_alloc(ctx->scratch, digest);
    for (size_t i = 0; i < digest; i++)
        out[i] = (char)(state.h[i / word] >> (8 * (word - 1 - i % word)));
    return value_str(slice_of(out, digest));
}

#define SHA(name, wide, digest, ...)                                                               \
    FUNC_SCALAR(name)                                                                              \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        static const uint64_t first[8] = {__VA_ARGS__};                                            \
        *out = sha(ctx, args[0].u.str, wide, first, digest);                                       \
        return true;                                                                               \
    }
SHA(bytea_sha224, false, 28, 0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511,
    0x64f98fa7, 0xbefa4fa4)
SHA(bytea_sha256, false, 32, 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
    0x1f83d9ab, 0x5be0cd19)
SHA(bytea_sha384, true, 48, 0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17,
    0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7,
    0x47b5481dbefa4fa4)
SHA(bytea_sha512, true, 64, 0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
    0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b,
    0x5be0cd19137e2179)

/* ---- encodings ---- */

typedef struct Encoding {
    const char *word, *charset, *name;
} Encoding;

static const Encoding encodings[] = {
    {"utf8", "UTF-8", "UTF8"},           {"unicode", "UTF-8", "UTF8"},
    {"latin1", "ISO-8859-1", "LATIN1"},  {"iso88591", "ISO-8859-1", "LATIN1"},
    {"latin2", "ISO-8859-2", "LATIN2"},  {"latin3", "ISO-8859-3", "LATIN3"},
    {"latin4", "ISO-8859-4", "LATIN4"},  {"latin5", "ISO-8859-9", "LATIN5"},
    {"latin9", "ISO-8859-15", "LATIN9"}, {"win1250", "CP1250", "WIN1250"},
    {"win1251", "CP1251", "WIN1251"},    {"win1252", "CP1252", "WIN1252"},
    {"win1253", "CP1253", "WIN1253"},    {"win1254", "CP1254", "WIN1254"},
    {"koi8r", "KOI8-R", "KOI8R"},        {"eucjp", "EUC-JP", "EUC_JP"},
    {"sjis", "SHIFT_JIS", "SJIS"},       {"gbk", "GBK", "GBK"},
    {"gb18030", "GB18030", "GB18030"},   {"big5", "BIG5", "BIG5"},
};

/* Letters and digits count, in any case: "iso-8859-1". */
static const Encoding *encoding_find(Slice name)
{
    char word[24];
    size_t len = 0;
    for (size_t i = 0; i < name.len && len + 1 < sizeof word; i++) {
        char c = name.ptr[i];
        bool upper = c >= 'A' && c <= 'Z';
        if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            word[len++] = upper ? (char)(c + 32) : c;
    }
    word[len] = 0;
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++)
        if (strcmp(word, encodings[i].word) == 0)
            return &encodings[i];
    return NULL;
}

static bool bad_bytes(Slice s, const Encoding *from, Err *e)
{
    char bytes[32];
    size_t len = 0, want = from == &encodings[0] && s.len ? utf8_len((unsigned char)*s.ptr) : 1;
    if ((unsigned char)*s.ptr >= 0xF8 || ((unsigned char)*s.ptr & 0xC0) == 0x80)
        want = 1;
    for (size_t i = 0; i < want && i < s.len; i++)
        len += (size_t)snprintf(bytes + len, sizeof bytes - len, "%s0x%02x", i ? " " : "",
                                (unsigned char)s.ptr[i]);
    return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                   "invalid byte sequence for encoding \"%s\": %s", from->name, bytes);
}

static bool convert(EvalCtx *ctx, Slice s, const Encoding *from, const Encoding *to, Value *out,
                    Err *e)
{
    enum { GROWTH = 4 };
    if (strcmp(from->charset, "UTF-8") == 0) {
        Slice t = s;
        size_t step;
        while (t.len && *t.ptr && (step = slice_utf8_step(t)) > 0)
            t = slice_of(t.ptr + step, t.len - step);
        if (t.len)
            return bad_bytes(t, &encodings[0], e);
    }
    *out = value_str(s);
    if (strcmp(from->charset, to->charset) == 0)
        return true;
    iconv_t how = iconv_open(to->charset, from->charset);
    if (how == (iconv_t)-1)
        return err_set_errno(e, errno, "encoding \"%s\"", to->name);
    size_t left = s.len, room = s.len * GROWTH + 1;
    char *in = arena_try(ctx->scratch, s.len + 1, e), *text = arena_try(ctx->scratch, room, e),
         *p = text;
    bool ok = in && text;
    if (ok && s.len)
        memcpy(in, s.ptr, s.len);
    if (ok && iconv(how, &in, &left, &p, &room) == (size_t)-1)
        ok = errno == EILSEQ && from == &encodings[0]
                 ? err_set(e, ERR_UNTRANSLATABLE_CHARACTER,
                           "a character in encoding \"%s\" has no equivalent in encoding \"%s\"",
                           from->name, to->name)
                 : bad_bytes(slice_of(in, left), from, e);
    iconv_close(how);
    if (ok)
        *out = value_str(slice_of(text, (size_t)(p - text)));
    return ok;
}

static bool bad_name(const char *which, Slice name, Err *e)
{
    return err_set(e, ERR_INVALID_PARAMETER, "invalid %s encoding name \"%.*s\"", which,
                   SLICE_ARG(name));
}

FUNC_SCALAR(bytea_convert)
{
    FUNC_UNUSED;
    const Encoding *from = encoding_find(args[1].u.str), *to = encoding_find(args[2].u.str);
    if (!from)
        return bad_name("source", args[1].u.str, e);
    if (!to)
        return bad_name("destination", args[2].u.str, e);
    return convert(ctx, args[0].u.str, from, to, out, e);
}

FUNC_SCALAR(bytea_convert_from)
{
    FUNC_UNUSED;
    const Encoding *from = encoding_find(args[1].u.str);
    return from ? convert(ctx, args[0].u.str, from, &encodings[0], out, e)
                : bad_name("source", args[1].u.str, e);
}

FUNC_SCALAR(text_convert_to)
{
    FUNC_UNUSED;
    const Encoding *to = encoding_find(args[1].u.str);
    return to ? convert(ctx, args[0].u.str, &encodings[0], to, out, e)
              : bad_name("destination", args[1].u.str, e);
}

/* length(bytes, encoding) */
FUNC_SCALAR(bytea_length_in)
{
    Value text;
    const Encoding *from = encoding_find(args[1].u.str);
    (void)n;
    if (!from)
        return err_set(e, ERR_INVALID_PARAMETER, "invalid encoding name \"%.*s\"",
                       SLICE_ARG(args[1].u.str));
    if (!convert(ctx, args[0].u.str, from, &encodings[0], &text, e))
        return false;
    *out = value_i64((int64_t)slice_utf8_count(text.u.str, text.u.str.len));
    return true;
}

FUNC_SCALAR(client_encoding)
{
    FUNC_UNUSED;
    *out = value_str(SLICE_LIT("UTF8"));
    return true;
}

/* ---- the table ---- */

FuncDef func_bytea[] = {
    FS("get_byte(bytea, int4) int4", bytea_get_byte, STRICT, "a byte"),
    FS("get_bit(bytea, int8) int4", bytea_get_bit, STRICT, "a bit"),
    FS("set_byte(bytea, int4, int4) bytea", bytea_set_byte, STRICT, "with another byte"),
    FS("set_bit(bytea, int8, int4) bytea", bytea_set_bit, STRICT, "with another bit"),
    FK("bit_count(bytea) int8", bytea_bit_count, STRICT, "number of bits that are 1"),
    FS("position(bytea, bytea) int4", bytea_position, STRICT,
       "where the bytes begin, from 1; 0: nowhere"),
    FS("btrim(bytea, bytea) bytea", bytea_btrim, STRICT, "without these bytes at both ends"),
    FS("ltrim(bytea, bytea) bytea", bytea_ltrim, STRICT, "without these bytes at the begin"),
    FS("rtrim(bytea, bytea) bytea", bytea_rtrim, STRICT, "without these bytes at the end"),
    FS("overlay(bytea, bytea, int4) bytea", bytea_overlay, STRICT, "with a piece replaced"),
    FS("overlay(bytea, bytea, int4, int4) bytea", bytea_overlay, STRICT, "with a piece replaced"),
    FS("sha224(bytea) bytea", bytea_sha224, STRICT, "SHA-224 hash"),
    FS("sha256(bytea) bytea", bytea_sha256, STRICT, "SHA-256 hash"),
    FS("sha384(bytea) bytea", bytea_sha384, STRICT, "SHA-384 hash"),
    FS("sha512(bytea) bytea", bytea_sha512, STRICT, "SHA-512 hash"),
    FS("convert(bytea, name, name) bytea", bytea_convert, STRICT, "text in another encoding"),
    FS("convert_from(bytea, name) text", bytea_convert_from, STRICT,
       "text of bytes in an encoding"),
    FS("convert_to(text, name) bytea", text_convert_to, STRICT, "bytes of text in an encoding"),
    FS("length(bytea, name) int4", bytea_length_in, STRICT, "characters of bytes in an encoding"),
    FS("pg_client_encoding() name", client_encoding, FN_STABLE, "encoding of the client"),
    FUNC_END,
};
