/* base/buf.c - Buf and Reader of base/mem.h, and the shortest text of a double. */
#include "base/mem.h"

#include "base/pow10.h"
#include <math.h>
#include <stdio.h>

/* --- growing buffer --- */

void buf_init(Buf *b)
{
    *b = (Buf){0};
}

void buf_free(Buf *b)
{
    mem_free(b->ptr);
    *b = (Buf){0};
}

void buf_clear(Buf *b)
{
    b->len = 0;
}

void buf_reserve(Buf *b, size_t more)
{
    if (more <= b->cap - b->len)
        return;
    must(more <= PTRDIFF_MAX / 2 - b->len);
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap - b->len < more)
        cap += cap / 2;
    b->ptr = mem_realloc(b->ptr, cap);
    b->cap = cap;
}

bool buf_try_reserve(Buf *b, size_t more, size_t len_max, Err *e)
{
    if (b->len > len_max || more > len_max - b->len)
        return err_set(e, ERR_PROGRAM_LIMIT, "more than %zu bytes", len_max);
    buf_reserve(b, more);
    return true;
}

void buf_put(Buf *b, const void *ptr, size_t len)
{
    if (len == 0)
        return;
    buf_reserve(b, len);
    memcpy(b->ptr + b->len, ptr, len);
    b->len += len;
}

void buf_puts(Buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_put_slice(Buf *b, Slice s)
{
    buf_put(b, s.ptr, s.len);
}

void buf_put_quoted(Buf *b, char quote, Slice s)
{
    buf_put(b, &quote, 1);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == quote)
            buf_put(b, &quote, 1);
        buf_put(b, s.ptr + i, 1);
    }
    buf_put(b, &quote, 1);
}

void buf_printf(Buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    must(len >= 0);
    buf_reserve(b, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(b->ptr + b->len, (size_t)len + 1, fmt, args);
    va_end(args);
    b->len += (size_t)len;
}

static void put_le(Buf *b, uint64_t v, size_t size)
{
    buf_reserve(b, size);
    for (size_t i = 0; i < size; i++)
        b->ptr[b->len++] = (char)(v >> (8 * i));
}

void buf_put_u8(Buf *b, uint8_t v)
{
    put_le(b, v, sizeof v);
}

void buf_put_u16(Buf *b, uint16_t v)
{
    put_le(b, v, sizeof v);
}

void buf_put_u32(Buf *b, uint32_t v)
{
    put_le(b, v, sizeof v);
}

void buf_put_u64(Buf *b, uint64_t v)
{
    put_le(b, v, sizeof v);
}

void buf_put_varint(Buf *b, uint64_t v)
{
    buf_reserve(b, 10);
    while (v >= 0x80) {
        b->ptr[b->len++] = (char)(v | 0x80);
        v >>= 7;
    }
    b->ptr[b->len++] = (char)v;
}

void buf_put_zigzag(Buf *b, int64_t v)
{
    buf_put_varint(b, zigzag_encode(v));
}

void buf_put_str(Buf *b, Slice s)
{
    buf_put_varint(b, s.len);
    buf_put_slice(b, s);
}

/* --- JSON text --- */

static void put_json_escape(Buf *b, unsigned char c)
{
    static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i + 1 < sizeof names; i += 2) {
        if ((unsigned char)names[i] == c) {
            buf_put(b, (char[]){'\\', names[i + 1]}, 2);
            return;
        }
    }
    buf_printf(b, "\\u%04x", c);
}

/* Bytes at the begin, in words of eight, of ASCII that stands for itself. */
static size_t json_plain(Slice s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t x;
        memcpy(&x, s.ptr + i, sizeof x);
        uint64_t quote = x ^ ones * '"', back = x ^ ones * '\\';
        if ((x | (x - ones * 0x20) | (quote - ones) | (back - ones)) & high)
            break; /* a borrow may say so of a plain word, too: the bytes tell */
    }
    return i;
}

void buf_put_json(Buf *b, Slice s)
{
    buf_reserve(b, s.len + 2);
    buf_put_u8(b, '"');
    size_t begin = 0, i = json_plain(s); /* [begin, i) goes out as it is */
    while (i < s.len) {
        unsigned char c = (unsigned char)s.ptr[i];
        size_t step = c < 0x80 ? 1 : slice_utf8_step(slice_of(s.ptr + i, s.len - i));
        if (step > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += step;
            continue;
        }
        buf_put(b, s.ptr + begin, i - begin);
        if (step == 0)
            buf_puts(b, "\xEF\xBF\xBD");
        else
            put_json_escape(b, c);
        begin = ++i;
    }
    buf_put(b, s.ptr + begin, s.len - begin);
    buf_put_u8(b, '"');
}

/* --- the shortest text of a double --- */

static uint64_t round_to_odd(Pow10 g, uint64_t cp)
{
    unsigned __int128 x = (unsigned __int128)g.lo * cp;
    unsigned __int128 y = (unsigned __int128)g.hi * cp + (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

/* R. Giulietti, "The Schubfach way to render doubles" (2020): of the decimals that read back as
 * v the one with the fewest digits, and of those the nearest.  v is finite and positive. */
static void shortest(double v, uint64_t *digits, int *exp10)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52);
    uint64_t c = biased ? fraction | UINT64_C(1) << 52 : fraction;
    int q = (biased ? biased : 1) - 1075;
    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0) {
        *digits = c >> -q; /* a small integer */
        *exp10 = 0;
        return;
    }
    bool closer = fraction == 0 && biased > 1; /* the lower neighbour is half as far */
    uint64_t odd = c & 1;                      /* the ends of the interval round to even */
    int k = closer ? (q * 1262611 - 524031) >> 22 : (q * 1262611) >> 22;
    int h = q + ((-k * 1741647) >> 19) + 1;
    Pow10 g = pow10_bits(-k);
    if ((-k < 0 || -k > 55) && ++g.lo == 0)
        g.hi++;
    uint64_t lower = round_to_odd(g, (4 * c - 2 + closer) << h) + odd;
    uint64_t vb = round_to_odd(g, 4 * c << h);
    uint64_t upper = round_to_odd(g, (4 * c + 2) << h) - odd;
    uint64_t s = vb / 4;
    if (s >= 10) {
        uint64_t sp = s / 10;
        bool below = lower <= 40 * sp, above = 40 * sp + 40 <= upper;
        if (below != above) {
            *digits = sp + above;
            *exp10 = k + 1;
            return;
        }
    }
    bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
    uint64_t mid = 4 * s + 2;
    if (below != above)
        *digits = s + above;
    else
        *digits = s + (vb > mid || (vb == mid && (s & 1) != 0));
    *exp10 = k;
}

static void put_zeros(Buf *b, int count)
{
    buf_reserve(b, (size_t)count);
    memset(b->ptr + b->len, '0', (size_t)count);
    b->len += (size_t)count;
}

/* text[0..len) are the digits; the decimal point stands after `point` of them. */
static void put_plain(Buf *b, const char *text, int len, int point)
{
    if (point <= 0) {
        buf_puts(b, "0.");
        put_zeros(b, -point);
        buf_put(b, text, (size_t)len);
    } else if (point >= len) {
        buf_put(b, text, (size_t)len);
        put_zeros(b, point - len);
    } else {
        buf_put(b, text, (size_t)point);
        buf_put_u8(b, '.');
        buf_put(b, text + point, (size_t)(len - point));
    }
}

static void put_scientific(Buf *b, const char *text, int len, int point)
{
    buf_put_u8(b, (uint8_t)text[0]);
    if (len > 1) {
        buf_put_u8(b, '.');
        buf_put(b, text + 1, (size_t)len - 1);
    }
    buf_printf(b, "e%+03d", point - 1);
}

void buf_put_f64(Buf *b, double v)
{
    uint64_t digits;
    int exp10;
    if (isnan(v)) {
        buf_puts(b, "NaN");
        return;
    }
    if (isinf(v)) {
        buf_puts(b, v < 0 ? "-Inf" : "+Inf");
        return;
    }
    if (signbit(v))
        buf_put_u8(b, '-');
    v = fabs(v);
    if (v == 0) {
        buf_put_u8(b, '0');
        return;
    }
    shortest(v, &digits, &exp10);
    char text[20];
    int begin = (int)sizeof text, end = begin;
    for (; digits > 0; digits /= 10)
        text[--begin] = (char)('0' + digits % 10);
    int point = end - begin + exp10;
    while (end > begin + 1 && text[end - 1] == '0')
        end--;
    if (v >= 1e-6 && v < 1e21)
        put_plain(b, text + begin, end - begin, point);
    else
        put_scientific(b, text + begin, end - begin, point);
}

/* --- reading foreign bytes --- */

Reader reader_of(Slice s)
{
    static const uint8_t nothing[1];
    const uint8_t *begin = s.len > 0 ? (const uint8_t *)s.ptr : nothing;
    return (Reader){begin, begin + s.len, false};
}

uint64_t reader_varint(Reader *r)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64 && !r->bad && r->cur < r->end; shift += 7) {
        uint8_t byte = *r->cur++;
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return v;
    }
    r->bad = true;
    return 0;
}

int64_t reader_zigzag(Reader *r)
{
    return zigzag_decode(reader_varint(r));
}

Slice reader_bytes(Reader *r, size_t len)
{
    if (r->bad || reader_left(r) < len) {
        r->bad = true;
        return SLICE_NONE;
    }
    Slice s = slice_of((const char *)r->cur, len);
    r->cur += len;
    return s;
}

Slice reader_str(Reader *r)
{
    uint64_t len = reader_varint(r);
    if (len > reader_left(r)) {
        r->bad = true;
        return SLICE_NONE;
    }
    return reader_bytes(r, (size_t)len);
}
