/* to_char() and to_number() of numbers.
 *
 * 9 0 . , D G S MI PL SG PR FM L V TH and EEEE; roman numbers are not supported. */
#include "exec/func_private.h"
#include <math.h>
#include <stdio.h>

typedef enum SignStyle {
    SIGN_PLAIN,
    SIGN_S_FRONT,
    SIGN_S_BACK,
    SIGN_MI,
    SIGN_PL,
    SIGN_SG,
    SIGN_PR
} SignStyle;

typedef struct NumFormat {
    int whole, fraction; /* digit places */
    int zero_from;       /* first place from the left that shows zeros; -1: none */
    int zero_to;         /* last fraction place that is a 0; FM keeps zeros up to it */
    int shift;           /* V: digits behind it */
    bool fill, point, exponent, ordinal, upper_ordinal;
    SignStyle sign;
} NumFormat;

typedef enum NumKey {
    NK_TEXT,
    NK_NINE,
    NK_ZERO,
    NK_POINT,
    NK_GROUP,
    NK_SIGN,
    NK_MI,
    NK_PL,
    NK_SG,
    NK_PR,
    NK_CURRENCY,
    NK_V,
    NK_TH,
    NK_FM,
    NK_EXPONENT,
} NumKey;

static NumKey next_key(Slice *f, Slice *text)
{
    static const struct {
        const char *word;
        NumKey key;
    } words[] = {
        {"EEEE", NK_EXPONENT}, {"FM", NK_FM},   {"MI", NK_MI},      {"PL", NK_PL},
        {"SG", NK_SG},         {"PR", NK_PR},   {"TH", NK_TH},      {"S", NK_SIGN},
        {"9", NK_NINE},        {"0", NK_ZERO},  {".", NK_POINT},    {"D", NK_POINT},
        {",", NK_GROUP},       {"G", NK_GROUP}, {"L", NK_CURRENCY}, {"V", NK_V},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i].word);
        if (f->len >= len && slice_eq_nocase(slice_of(f->ptr, len), slice_cstr(words[i].word))) {
            *text = slice_of(f->ptr, len);
            *f = slice_of(f->ptr + len, f->len - len);
            return words[i].key;
        }
    }
    size_t skip = 1;
    *text = slice_of(f->ptr, 1);
    if (f->ptr[0] == '"') {
        const char *end = memchr(f->ptr + 1, '"', f->len - 1);
        size_t len = end ? (size_t)(end - f->ptr) - 1 : f->len - 1;
        *text = slice_of(f->ptr + 1, len);
        skip = len + 1 + (end != NULL);
    }
    *f = slice_of(f->ptr + skip, f->len - skip);
    return NK_TEXT;
}

static bool bad_format(Err *e, const char *what)
{
    return err_set(e, ERR_SYNTAX, "%s", what);
}

static void digit_place(NumFormat *n, bool zero, bool after_v)
{
    if (n->point) {
        n->fraction++;
        if (zero)
            n->zero_to = n->fraction;
        return;
    }
    if (zero && n->zero_from < 0)
        n->zero_from = n->whole;
    n->whole++;
    n->shift += after_v;
}

static bool parse_format(Slice f, NumFormat *n, Err *e)
{
    bool after_v = false;
    Slice text;
    *n = (NumFormat){.fill = true, .zero_from = -1};
    while (f.len) {
        NumKey k = next_key(&f, &text);
        switch (k) {
        case NK_NINE:
        case NK_ZERO:
            if (n->exponent)
                return bad_format(e, "\"9\" must be ahead of \"EEEE\"");
            digit_place(n, k == NK_ZERO, after_v);
            break;
        case NK_POINT:
            if (n->point)
                return bad_format(e, "multiple decimal points");
            n->point = true;
            if (after_v)
                return bad_format(e, "cannot use \"V\" and decimal point together");
            break;
        case NK_SIGN:
            if (n->sign != SIGN_PLAIN)
                return bad_format(e, "cannot use \"S\" twice");
            n->sign = n->whole || n->point ? SIGN_S_BACK : SIGN_S_FRONT;
            break;
        case NK_MI:
            n->sign = SIGN_MI;
            break;
        case NK_PL:
            n->sign = SIGN_PL;
            break;
        case NK_SG:
            n->sign = SIGN_SG;
            break;
        case NK_PR:
            n->sign = SIGN_PR;
            break;
        case NK_FM:
            n->fill = false;
            break;
        case NK_V:
            after_v = true;
            break;
        case NK_TH:
            n->ordinal = true;
            n->upper_ordinal = text.ptr[0] == 'T';
            break;
        case NK_EXPONENT:
            n->exponent = true;
            break;
        default:
            break;
        }
    }
    return true;
}

/* The number as digits: whole part without leading zeros, fraction filled up. */
typedef struct Digits {
    Slice whole, fraction;
    bool negative, special;
} Digits;

static Digits digits_of(const Num *v, const NumFormat *n, Arena *a)
{
    Buf b;
    Digits d = {.negative = num_sign(v) < 0, .special = num_is_special(v)};
    Num m = num_abs(v, a);
    Err ignored;
    if (n->shift) {
        Num factor = num_of_i64(1), ten = num_of_i64(10);
        for (int i = 0; i < n->shift; i++)
            (void)!num_mul(&factor, &ten, a, &factor, &ignored);
        (void)!num_mul(&m, &factor, a, &m, &ignored);
    }
    if (!d.special)
        m = num_round(&m, n->fraction, NUM_HALF_AWAY, a);
    buf_init(&b);
    num_print(&m, &b);
    Slice text = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    const char *point = memchr(text.ptr, '.', text.len);
    d.whole = slice_of(text.ptr, point ? (size_t)(point - text.ptr) : text.len);
    if (point)
        d.fraction = slice_of(point + 1, text.len - d.whole.len - 1);
    bool zero = num_sign(&m) == 0;
    if (zero && !d.special)
        d.negative = false;
    if (slice_eq_cstr(d.whole, "0") && (n->fraction > 0 || n->whole == 0) && !d.special)
        d.whole.len = 0;
    return d;
}

typedef struct Writer {
    const NumFormat *n;
    Digits d;
    Buf *out;
    int place, fraction_place;
    bool started, signed_already, overflow;
} Writer;

static void put_plain_sign(Writer *w)
{
    if (w->signed_already)
        return;
    w->signed_already = true;
    SignStyle s = w->n->sign;
    if (s == SIGN_PLAIN || s == SIGN_S_FRONT || s == SIGN_PR || s == SIGN_PL) {
        char minus = s == SIGN_PR ? '<' : '-', plus = s == SIGN_S_FRONT ? '+' : ' ';
        if (w->d.negative)
            buf_put_u8(w->out, (uint8_t)minus);
        else if (w->n->fill || plus == '+')
            buf_put_u8(w->out, (uint8_t)plus);
    }
}

/* A place before the point: a digit, a zero by the format, or a blank. */
static void put_whole_place(Writer *w)
{
    const NumFormat *n = w->n;
    int from_right = n->whole - w->place; /* 1 = ones */
    bool digit = from_right <= (int)w->d.whole.len;
    bool zero = n->zero_from >= 0 && w->place >= n->zero_from;
    w->place++;
    if (w->overflow) {
        put_plain_sign(w);
        buf_put_u8(w->out, '#');
    } else if (digit || zero) {
        put_plain_sign(w);
        w->started = true;
        buf_put_u8(w->out, digit ? (uint8_t)w->d.whole.ptr[(int)w->d.whole.len - from_right] : '0');
    } else if (n->fill) {
        buf_put_u8(w->out, ' ');
    }
}

static void put_fraction_place(Writer *w)
{
    const NumFormat *n = w->n;
    w->fraction_place++;
    if (w->overflow) {
        buf_put_u8(w->out, '#');
        return;
    }
    char c = w->fraction_place <= (int)w->d.fraction.len ? w->d.fraction.ptr[w->fraction_place - 1]
                                                         : '0';
    bool rest_zero = !n->fill && w->fraction_place > n->zero_to;
    for (int i = w->fraction_place - 1; rest_zero && i < (int)w->d.fraction.len; i++)
        rest_zero = w->d.fraction.ptr[i] == '0';
    if (!rest_zero)
        buf_put_u8(w->out, (uint8_t)c);
}

static void put_sign_word(Writer *w, NumKey k)
{
    bool minus = w->d.negative;
    if (k == NK_SG)
        buf_put_u8(w->out, minus ? '-' : '+');
    else if (k == NK_SIGN && w->n->sign == SIGN_S_BACK)
        buf_put_u8(w->out, minus ? '-' : '+');
    else if (k == NK_MI && (minus || w->n->fill))
        buf_put_u8(w->out, minus ? '-' : ' ');
    else if (k == NK_PL && (!minus || w->n->fill))
        buf_put_u8(w->out, minus ? ' ' : '+');
    else if (k == NK_PR && (minus || w->n->fill))
        buf_put_u8(w->out, minus ? '>' : ' ');
}

static void put_ordinal(Writer *w)
{
    Slice d = w->d.whole;
    char last = d.len ? d.ptr[d.len - 1] : '0', tens = d.len > 1 ? d.ptr[d.len - 2] : '0';
    const char *s = tens == '1'   ? "th"
                    : last == '1' ? "st"
                    : last == '2' ? "nd"
                    : last == '3' ? "rd"
                                  : "th";
    if (w->d.negative || w->n->point)
        return;
    for (int i = 0; i < 2; i++)
        buf_put_u8(w->out, (uint8_t)(w->n->upper_ordinal ? s[i] - 32 : s[i]));
}

static void put_number(Writer *w, Slice f)
{
    Slice text;
    bool after_point = false;
    while (f.len) {
        NumKey k = next_key(&f, &text);
        switch (k) {
        case NK_NINE:
        case NK_ZERO:
            if (after_point)
                put_fraction_place(w);
            else
                put_whole_place(w);
            break;
        case NK_POINT:
            put_plain_sign(w);
            buf_put_u8(w->out, '.');
            after_point = w->started = true;
            break;
        case NK_GROUP:
            if (w->started || w->overflow)
                buf_put_u8(w->out, ',');
            else if (w->n->fill)
                buf_put_u8(w->out, ' ');
            break;
        case NK_SIGN:
        case NK_MI:
        case NK_PL:
        case NK_SG:
        case NK_PR:
            put_sign_word(w, k);
            break;
        case NK_TH:
            put_ordinal(w);
            break;
        case NK_CURRENCY:
            buf_put_u8(w->out, ' ');
            break;
        case NK_TEXT:
            buf_put_slice(w->out, text);
            break;
        default:
            break;
        }
    }
}

/* d.ddde+dd */
static bool put_exponent(const Num *v, const NumFormat *n, Arena *a, Buf *out, Err *e)
{
    Num m = *v;
    int exponent = 0;
    if (n->fraction > NUM_DISPLAY_SCALE_MAX)
        return bad_format(e, "too many digits");
    if (num_is_special(v)) {
        num_print(v, out);
        return true;
    }
    if (num_sign(v) != 0) {
        Num ten = num_of_i64(10), power, abs_v = num_abs(v, a);
        exponent = (int)floor(log10(num_to_f64(&abs_v)));
        for (int tries = 0; tries < 3; tries++) {
            Num k = num_of_i64(exponent), one = num_of_i64(1);
            if (!num_power(&ten, &k, a, &power, e) || !num_div(v, &power, a, &m, e))
                return false;
            m = num_round(&m, n->fraction, NUM_HALF_AWAY, a);
            Num abs_m = num_abs(&m, a);
            if (num_cmp(&abs_m, &ten) >= 0)
                exponent++;
            else if (num_cmp(&abs_m, &one) < 0)
                exponent--;
            else
                break;
        }
    } else {
        m = num_round(v, n->fraction, NUM_TRUNC, a);
    }
    if (num_sign(&m) >= 0)
        buf_puts(out, n->sign == SIGN_S_FRONT ? "+" : n->fill ? " " : "");
    num_print(&m, out);
    buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
    return true;
}

static bool number_to_char(EvalCtx *ctx, const Num *v, Slice f, Value *out, Err *e)
{
    NumFormat n;
    Buf b;
    if (!parse_format(f, &n, e))
        return false;
    buf_init(&b);
    if (n.exponent) {
        bool ok = put_exponent(v, &n, ctx->scratch, &b, e);
        *out = func_take(ctx, &b);
        return ok;
    }
    Writer w = {.n = &n, .d = digits_of(v, &n, ctx->scratch), .out = &b};
    w.overflow = (int)w.d.whole.len > n.whole;
    if (w.d.special && v->kind == NUM_NAN)
        w.d.negative = false;
    put_number(&w, f);
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(to_char_numeric)
{
    FUNC_UNUSED;
    return number_to_char(ctx, &args[0].u.num, args[1].u.str, out, e);
}

FUNC_SCALAR(to_char_int)
{
    FUNC_UNUSED;
    Num v = num_of_i64(args[0].u.i64);
    return number_to_char(ctx, &v, args[1].u.str, out, e);
}

FUNC_SCALAR(to_char_float8)
{
    FUNC_UNUSED;
    Num v = num_of_f64(args[0].u.f64, 15, ctx->scratch);
    return number_to_char(ctx, &v, args[1].u.str, out, e);
}

FUNC_SCALAR(to_char_float4)
{
    FUNC_UNUSED;
    Num v = num_of_f64(args[0].u.f64, 6, ctx->scratch);
    return number_to_char(ctx, &v, args[1].u.str, out, e);
}

/* Everything but digits, point and signs is passed over. */
FUNC_SCALAR(to_number)
{
    FUNC_UNUSED;
    NumFormat f;
    Slice s = args[0].u.str;
    Buf b;
    bool negative = false, point = false;
    int whole = 0, fraction = 0;
    if (!parse_format(args[1].u.str, &f, e))
        return false;
    buf_init(&b);
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '-' || (c == '<' && f.sign == SIGN_PR)) {
            negative = true;
        } else if (c == '.' && !point && f.point) {
            point = true;
            buf_put_u8(&b, '.');
        } else if (c >= '0' && c <= '9' && (point ? fraction < f.fraction : whole < f.whole)) {
            buf_put_u8(&b, (uint8_t)c);
            *(point ? &fraction : &whole) += 1;
        } else if (c == '.' && !f.point) {
            break;
        }
    }
    *out = (Value){.phys = PH_NUM};
    bool ok = num_parse(buf_slice(&b), ctx->scratch, &out->u.num) == NUM_PARSE_OK;
    buf_free(&b);
    if (!ok)
        return type_bad_input(e, "numeric", SLICE_LIT(" "));
    if (negative)
        out->u.num = num_neg(&out->u.num, ctx->scratch);
    return true;
}

FuncDef func_to_number[] = {
    FS("to_char(numeric, text) text", to_char_numeric, STRICT, "by a format such as 999.99"),
    FS("to_char(int4, text) text", to_char_int, STRICT, "by a format such as 999"),
    FS("to_char(int8, text) text", to_char_int, STRICT, "by a format such as 999"),
    FS("to_char(float4, text) text", to_char_float4, STRICT, "by a format such as 999.99"),
    FS("to_char(float8, text) text", to_char_float8, STRICT, "by a format such as 999.99"),
    FS("to_number(text, text) numeric", to_number, STRICT, "read by a format such as 999.99"),
    FUNC_END,
};
