#include "exec/numeric.h"
#include "exec/numeric_private.h"
#include "exec/type_private.h"
#include <stdio.h>

/* ---- text ---- */

static bool parse_special(Slice text, Num *out)
{
    static const struct {
        const char *word;
        NumKind kind;
    } words[] = {
        {"nan", NUM_NAN},   {"infinity", NUM_PINF},  {"+infinity", NUM_PINF}, {"inf", NUM_PINF},
        {"+inf", NUM_PINF}, {"-infinity", NUM_NINF}, {"-inf", NUM_NINF},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_eq_nocase(text, slice_cstr(words[i].word))) {
            *out = (Num){.kind = (uint16_t)words[i].kind};
            return true;
        }
    }
    return false;
}

/* A number as written: digits lie in text[begin..end), perhaps with a point. */
typedef struct Literal {
    bool negative;
    size_t begin, end;
    size_t point; /* digits after the point */
    size_t digits;
    long exponent;
} Literal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static NumParse scan_exponent(Slice t, size_t i, long *exponent)
{
    bool negative = false;
    if (i < t.len && (t.ptr[i] == '+' || t.ptr[i] == '-'))
        negative = t.ptr[i++] == '-';
    if (i == t.len)
        return NUM_PARSE_SYNTAX;
    long v = 0;
    for (; i < t.len; i++) {
        if (!is_digit(t.ptr[i]))
            return NUM_PARSE_SYNTAX;
        if (v < 1000000000)
            v = v * 10 + (t.ptr[i] - '0');
    }
    if (v >= INT32_MAX / 2)
        return NUM_PARSE_RANGE;
    *exponent = negative ? -v : v;
    return NUM_PARSE_OK;
}

static NumParse scan_literal(Slice t, Literal *l)
{
    size_t i = 0;
    bool point = false;
    *l = (Literal){0};
    if (i < t.len && (t.ptr[i] == '+' || t.ptr[i] == '-'))
        l->negative = t.ptr[i++] == '-';
    l->begin = i;
    for (; i < t.len; i++) {
        if (is_digit(t.ptr[i])) {
            l->digits++;
            l->point += point;
        } else if (t.ptr[i] == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    l->end = i;
    if (l->digits == 0)
        return NUM_PARSE_SYNTAX;
    if (i == t.len)
        return NUM_PARSE_OK;
    if (t.ptr[i] != 'e' && t.ptr[i] != 'E')
        return NUM_PARSE_SYNTAX;
    return scan_exponent(t, i + 1, &l->exponent);
}

static NumParse literal_num(Slice t, const Literal *l, Arena *a, Num *out)
{
    long scale = (long)l->point - l->exponent;
    if (scale > NUM_SCALE_MAX + NUM_WEIGHT_DIGITS_MAX || -scale > NUM_WEIGHT_DIGITS_MAX)
        return NUM_PARSE_RANGE;
    char *digits = mem_alloc(l->digits + 1);
    size_t n = 0;
    for (size_t i = l->begin; i < l->end; i++)
        if (t.ptr[i] != '.')
            digits[n++] = t.ptr[i];
    digits[n] = '\0';
    NumVar v = {.scale = (int)scale};
    mpz_init_set_str(v.z, digits, 10);
    mem_free(digits);
    if (l->negative)
        mpz_neg(v.z, v.z);
    if (scale < 0)
        numvar_rescale(&v, 0, NUM_TRUNC);
    bool fits = mpz_sgn(v.z) == 0 || mpz_decimal_exponent(v.z, v.scale) < NUM_WEIGHT_DIGITS_MAX;
    if (fits && v.scale > NUM_SCALE_MAX)
        numvar_rescale(&v, NUM_SCALE_MAX, NUM_HALF_AWAY);
    if (fits)
        *out = numvar_num(&v, a);
    numvar_free(&v);
    return fits ? NUM_PARSE_OK : NUM_PARSE_RANGE;
}

NumParse num_parse(Slice text, Arena *a, Num *out)
{
    Literal l;
    NumParse status = scan_literal(text, &l);
    if (status == NUM_PARSE_SYNTAX)
        return parse_special(text, out) ? NUM_PARSE_OK : status;
    if (status != NUM_PARSE_OK)
        return status;
    if (l.digits > 18 || l.exponent != 0)
        return literal_num(text, &l, a, out);
    int64_t coef = 0;
    for (size_t i = l.begin; i < l.end; i++)
        if (text.ptr[i] != '.')
            coef = coef * 10 + (text.ptr[i] - '0');
    *out =
        (Num){.u.coef = l.negative ? -coef : coef, .scale = (uint16_t)l.point, .kind = NUM_SMALL};
    return NUM_PARSE_OK;
}

/* Writes u backwards from `end`, two digits at a time; returns the start. */
static char *digits_before(char *end, uint64_t u)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    for (; u >= 100; u /= 100)
        memcpy(end -= 2, pairs + u % 100 * 2, 2);
    if (u >= 10)
        memcpy(end -= 2, pairs + u * 2, 2);
    else
        *--end = (char)('0' + u);
    return end;
}

static void print_small(const Num *n, Buf *dst)
{
    char text[24], *end = text + sizeof text;
    uint64_t u = n->u.coef < 0 ? 0 - (uint64_t)n->u.coef : (uint64_t)n->u.coef;
    const char *digits = digits_before(end, u);
    int len = (int)(end - digits), whole = len - n->scale;
    if (n->u.coef < 0)
        buf_put_u8(dst, '-');
    if (whole <= 0)
        buf_put_u8(dst, '0');
    else
        buf_put(dst, digits, (size_t)whole);
    if (n->scale == 0)
        return;
    buf_put_u8(dst, '.');
    for (int i = whole; i < 0; i++)
        buf_put_u8(dst, '0');
    int from = whole < 0 ? 0 : whole;
    buf_put(dst, digits + from, (size_t)(len - from));
}

void num_print(const Num *n, Buf *dst)
{
    switch (n->kind) {
    case NUM_SMALL:
        print_small(n, dst);
        break;
    case NUM_BIG:
        buf_put(dst, n->u.digits, n->len);
        break;
    case NUM_NAN:
        buf_puts(dst, "NaN");
        break;
    case NUM_PINF:
        buf_puts(dst, "Infinity");
        break;
    default:
        buf_puts(dst, "-Infinity");
        break;
    }
}

/* ---- wire: ndigits, weight, sign, dscale, then base-10000 digits ---- */

enum { SIGN_POS = 0, SIGN_NEG = 0x4000, SIGN_NAN = 0xC000, SIGN_PINF = 0xD000, SIGN_NINF = 0xF000 };

static void send_header(Buf *dst, int digits, int weight, unsigned sign, int scale)
{
    put_be16(dst, (uint16_t)digits);
    put_be16(dst, (uint16_t)weight);
    put_be16(dst, (uint16_t)sign);
    put_be16(dst, (uint16_t)scale);
}

/* Digits of text in groups of four around the point, leading and trailing zero groups left out. */
static void send_digits(Slice text, int scale, Buf *dst)
{
    bool negative = text.len && text.ptr[0] == '-';
    Slice whole = slice_of(text.ptr + negative, text.len - negative);
    Slice fraction = SLICE_NONE;
    if (scale > 0) {
        fraction = slice_of(whole.ptr + whole.len - scale, (size_t)scale);
        whole.len -= (size_t)scale + 1;
    }
    size_t whole_groups = (whole.len + 3) / 4, groups = whole_groups + (fraction.len + 3) / 4;
    uint16_t *g = mem_zero((groups + 1) * sizeof *g);
    size_t pad = whole_groups * 4 - whole.len;
    for (size_t i = 0; i < whole_groups * 4; i++)
        g[i / 4] = (uint16_t)(g[i / 4] * 10 + (i < pad ? 0 : whole.ptr[i - pad] - '0'));
    for (size_t i = 0; i < (groups - whole_groups) * 4; i++) {
        uint16_t *d = &g[whole_groups + i / 4];
        *d = (uint16_t)(*d * 10 + (i < fraction.len ? fraction.ptr[i] - '0' : 0));
    }
    size_t first = 0;
    while (first < groups && g[first] == 0)
        first++;
    while (groups > first && g[groups - 1] == 0)
        groups--;
    int weight = groups == first ? 0 : (int)whole_groups - 1 - (int)first;
    send_header(dst, (int)(groups - first), weight, negative ? SIGN_NEG : SIGN_POS, scale);
    for (size_t i = first; i < groups; i++)
        put_be16(dst, g[i]);
    mem_free(g);
}

void num_send(const Num *n, Buf *dst)
{
    if (n->kind >= NUM_NAN) {
        unsigned sign = n->kind == NUM_NAN ? SIGN_NAN : n->kind == NUM_PINF ? SIGN_PINF : SIGN_NINF;
        send_header(dst, 0, 0, sign, n->kind == NUM_NAN ? 0 : 0x20); /* as PostgreSQL sends them */
        return;
    }
    Buf text;
    buf_init(&text);
    num_print(n, &text);
    send_digits(buf_slice(&text), n->scale, dst);
    buf_free(&text);
}

static bool bad_numeric(Err *e, const char *what)
{
    return err_set(e, ERR_INVALID_BINARY, "invalid %s in external \"numeric\" value", what);
}

static bool recv_special(unsigned sign, Num *out, Err *e)
{
    switch (sign) {
    case SIGN_NAN:
        *out = (Num){.kind = NUM_NAN};
        return true;
    case SIGN_PINF:
        *out = (Num){.kind = NUM_PINF};
        return true;
    case SIGN_NINF:
        *out = (Num){.kind = NUM_NINF};
        return true;
    default:
        return bad_numeric(e, "sign");
    }
}

bool num_recv(Slice bytes, Arena *a, Num *out, Err *e)
{
    if (bytes.len < 8)
        return type_bad_binary(e);
    size_t digits = get_be16(bytes.ptr);
    int weight = (int16_t)get_be16(bytes.ptr + 2);
    unsigned sign = get_be16(bytes.ptr + 4);
    int scale = get_be16(bytes.ptr + 6);
    if (bytes.len != 8 + digits * 2)
        return type_bad_binary(e);
    if (sign != SIGN_POS && sign != SIGN_NEG)
        return recv_special(sign, out, e);
    if (scale > NUM_SCALE_MAX)
        return bad_numeric(e, "scale");
    NumVar v = {0};
    mpz_init(v.z);
    for (size_t i = 0; i < digits; i++) {
        unsigned d = get_be16(bytes.ptr + 8 + i * 2);
        if (d > 9999) {
            numvar_free(&v);
            return bad_numeric(e, "digit");
        }
        mpz_mul_ui(v.z, v.z, 10000);
        mpz_add_ui(v.z, v.z, d);
    }
    if (sign == SIGN_NEG)
        mpz_neg(v.z, v.z);
    v.scale = ((int)digits - 1 - weight) * 4;
    numvar_rescale(&v, scale, NUM_TRUNC);
    bool ok = numvar_finish(&v, a, out, e);
    numvar_free(&v);
    return ok;
}
