/* to_char() and to_number() of numbers.
 *
 * A port in our words of what PostgreSQL's formatting.c does place by place, because its output has many
 * corners that nobody would invent again: where the sign goes, which zeros FM drops, '#' for overflow. */
#include "exec/func_private.h"
#include <float.h>
#include <math.h>
#include <stdio.h>

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
    NK_ROMAN,
    NK_NOTHING, /* words without an effect: B, C, SP */
} NumKey;

typedef enum SignPlace { SIGN_INSIDE, SIGN_FRONT, SIGN_BACK } SignPlace;

typedef struct NumFormat {
    int pre, post;          /* digit places before and after the point */
    int zero_from, zero_to; /* places of the first 0 (from 0) and the last (from 1) */
    int shift;              /* V: digits behind it */
    int pre_at_sign;        /* places before S */
    SignPlace s;            /* S */
    bool fm, point, zero, multi, exponent, roman, mi, pl, pr;
} NumFormat;

/* One character, or what stands between quotes; a backslash before another one stays. */
static Slice quoted(Slice *f)
{
    size_t from = 0, end = 1, skip = 1;
    if (f->ptr[0] == '"') {
        for (from = 1; end < f->len && f->ptr[end] != '"'; end++)
            end += f->ptr[end] == '\\' && end + 1 < f->len;
        skip = end + (end < f->len);
    } else if (f->ptr[0] == '\\' && f->len > 1 && f->ptr[1] == '"') {
        from = 1;
        end = skip = 2;
    }
    Slice text = slice_of(f->ptr + from, end - from);
    *f = slice_of(f->ptr + skip, f->len - skip);
    return text;
}

static NumKey next_key(Slice *f, Slice *text)
{
    static const struct {
        const char *word, *lower;
        NumKey key;
    } words[] = {
        {"EEEE", "eeee", NK_EXPONENT}, {"FM", "fm", NK_FM},      {"MI", "mi", NK_MI},
        {"PL", "pl", NK_PL},           {"PR", "pr", NK_PR},      {"RN", "rn", NK_ROMAN},
        {"SG", "sg", NK_SG},           {"SP", "sp", NK_NOTHING}, {"TH", "th", NK_TH},
        {"S", "s", NK_SIGN},           {"9", "9", NK_NINE},      {"0", "0", NK_ZERO},
        {".", ".", NK_POINT},          {"D", "d", NK_POINT},     {",", ",", NK_GROUP},
        {"G", "g", NK_GROUP},          {"L", "l", NK_CURRENCY},  {"V", "v", NK_V},
        {"B", "b", NK_NOTHING},        {"C", "c", NK_NOTHING},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i].word);
        Slice head = slice_of(f->ptr, len < f->len ? len : f->len);
        if (slice_eq_cstr(head, words[i].word) || slice_eq_cstr(head, words[i].lower)) {
            *text = head;
            *f = slice_of(f->ptr + len, f->len - len);
            return words[i].key;
        }
    }
    *text = quoted(f);
    return NK_TEXT;
}

/* ---- the format ---- */

static bool bad_format(Err *e, const char *what)
{
    return err_set(e, ERR_SYNTAX, "%s", what);
}

static bool add_place(NumFormat *n, bool zero, Err *e)
{
    if (n->pr)
        return bad_format(e,
                          zero ? "\"0\" must be ahead of \"PR\"" : "\"9\" must be ahead of \"PR\"");
    if (!zero && n->multi) {
        n->shift++;
        return true;
    }
    if (zero && !n->zero && !n->point) {
        n->zero = true;
        n->zero_from = n->pre;
    }
    *(n->point ? &n->post : &n->pre) += 1;
    if (zero)
        n->zero_to = n->pre + n->post;
    return true;
}

static bool add_point(NumFormat *n, Err *e)
{
    if (n->point)
        return bad_format(e, "multiple decimal points");
    if (n->multi)
        return bad_format(e, "cannot use \"V\" and decimal point together");
    n->point = true;
    return true;
}

static bool add_sign(NumFormat *n, NumKey k, Err *e)
{
    if (k == NK_SIGN) {
        if (n->s)
            return bad_format(e, "cannot use \"S\" twice");
        if (n->pl || n->mi || n->pr)
            return bad_format(e, "cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together");
        n->s = n->point ? SIGN_BACK : SIGN_FRONT;
        n->pre_at_sign = n->pre;
    } else if (k == NK_PR) {
        if (n->s || n->pl || n->mi)
            return bad_format(e, "cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together");
        n->pr = true;
    } else {
        if (n->s)
            return bad_format(e, k == NK_MI   ? "cannot use \"S\" and \"MI\" together"
                                 : k == NK_PL ? "cannot use \"S\" and \"PL\" together"
                                              : "cannot use \"S\" and \"SG\" together");
        n->mi |= k != NK_PL;
        n->pl |= k != NK_MI;
    }
    return true;
}

static bool add_exponent(NumFormat *n, Err *e)
{
    if (n->fm || n->s || n->pr || n->mi || n->pl || n->roman || n->multi) {
        bad_format(e, "\"EEEE\" is incompatible with other formats");
        return err_detail(
            e, "\"EEEE\" may only be used together with digit and decimal point patterns.");
    }
    n->exponent = true;
    return true;
}

static bool parse_format(Slice f, NumFormat *n, Err *e)
{
    Slice text;
    *n = (NumFormat){0};
    while (f.len) {
        NumKey k = next_key(&f, &text);
        bool ok = true;
        if (n->exponent && k != NK_TEXT)
            return bad_format(e, k == NK_EXPONENT ? "cannot use \"EEEE\" twice"
                                                  : "\"EEEE\" must be the last pattern used");
        switch (k) {
        case NK_NINE:
        case NK_ZERO:
            ok = add_place(n, k == NK_ZERO, e);
            break;
        case NK_POINT:
            ok = add_point(n, e);
            break;
        case NK_SIGN:
        case NK_MI:
        case NK_PL:
        case NK_SG:
        case NK_PR:
            ok = add_sign(n, k, e);
            break;
        case NK_FM:
            n->fm = true;
            break;
        case NK_V:
            if (n->point)
                return bad_format(e, "cannot use \"V\" and decimal point together");
            n->multi = true;
            break;
        case NK_EXPONENT:
            ok = add_exponent(n, e);
            break;
        case NK_ROMAN:
            n->roman = true;
            break;
        default:
            break;
        }
        if (!ok)
            return false;
    }
    return true;
}

/* ---- writing ---- */

typedef struct Writer {
    NumFormat n;
    const char *number, *at; /* digits with a point, no sign */
    const char *last;        /* FM: the last one that is shown; NULL: all */
    Buf *out;
    int place, count, blanks; /* blanks: places in front of the first digit */
    char sign;
    bool sign_written, digit_written, ended;
} Writer;

static void put(Writer *w, char c)
{
    if (c == '\0') /* behind the last digit: nothing more is shown */
        w->ended = true;
    if (!w->ended)
        buf_put_u8(w->out, (uint8_t)c);
}

/* "0.1" by "9.9" is " .1" */
static bool hidden_zero(const Writer *w)
{
    return !w->n.zero && w->at == w->number && w->number[0] == '0' && w->n.post != 0;
}

static void put_sign(Writer *w)
{
    bool starts = w->place >= w->blanks || (w->n.zero && w->n.zero_from == w->place);
    if (w->sign_written || !starts || (hidden_zero(w) && !(w->last && *w->last == '.')))
        return;
    if (w->n.s) {
        if (w->n.s == SIGN_FRONT) {
            put(w, w->sign);
            w->sign_written = true;
        }
        return;
    }
    w->sign_written = true;
    if (w->n.pr)
        put(w, w->sign == '+' ? ' ' : '<');
    else if (w->sign == '-')
        put(w, '-');
    else if (!w->n.fm)
        put(w, ' ');
}

static void put_digit(Writer *w, NumKey key)
{
    if (*w->at == '.') {
        put(w, '.');
    } else if (w->last && w->at > w->last && key != NK_ZERO) {
        ;
    } else if (hidden_zero(w)) {
        if (!w->n.fm)
            put(w, ' ');
        else if (w->last && *w->last == '.')
            put(w, '0');
    } else {
        put(w, *w->at);
        w->digit_written = true;
    }
    w->at += *w->at != '\0';
}

static void put_place(Writer *w, NumKey key)
{
    if (w->n.roman)
        return;
    w->digit_written = false;
    put_sign(w);
    if (w->place < w->blanks && (!w->n.zero || w->n.zero_from > w->place)) {
        if (!w->n.fm)
            put(w, ' ');
    } else if (w->place < w->blanks) {
        put(w, '0');
        w->digit_written = true;
    } else {
        put_digit(w, key);
    }
    int end = w->count + (w->blanks > 0) + w->n.point;
    if (w->last && w->last == w->at)
        end = w->place;
    if (w->place + 1 == end) {
        if (w->sign_written && w->n.pr)
            put(w, w->sign == '+' ? ' ' : '>');
        else if (w->n.s == SIGN_BACK)
            put(w, w->sign);
    }
    w->place++;
}

static void put_ordinal(Writer *w, bool upper)
{
    const char *end = w->number + strlen(w->number);
    char last = end > w->number ? end[-1] : '0', tens = end - 1 > w->number ? end[-2] : '0';
    const char *s = tens == '1'   ? "th"
                    : last == '1' ? "st"
                    : last == '2' ? "nd"
                    : last == '3' ? "rd"
                                  : "th";
    if (w->n.roman || w->number[0] == '#' || w->sign == '-' || w->n.point)
        return;
    for (int i = 0; i < 2; i++)
        put(w, (char)(upper ? s[i] - 32 : s[i]));
}

static void put_roman(Writer *w, bool lower)
{
    int len = (int)strlen(w->number);
    for (int i = len; !w->n.fm && i < 15; i++)
        put(w, ' ');
    for (int i = 0; i < len; i++)
        put(w, (char)(lower && w->number[i] != '#' ? w->number[i] + 32 : w->number[i]));
}

/* A word between the digits. */
static void put_word(Writer *w, NumKey k, Slice text)
{
    switch (k) {
    case NK_GROUP:
        if (w->digit_written || !w->n.fm)
            put(w, w->digit_written ? ',' : ' ');
        break;
    case NK_MI:
        if (w->sign == '-' || !w->n.fm)
            put(w, w->sign == '-' ? '-' : ' ');
        break;
    case NK_PL:
        if (w->sign == '+' || !w->n.fm)
            put(w, w->sign == '+' ? '+' : ' ');
        break;
    case NK_SG:
        put(w, w->sign);
        break;
    case NK_TH:
        put_ordinal(w, text.ptr[0] == 'T');
        break;
    case NK_ROMAN:
        put_roman(w, text.ptr[0] == 'r');
        break;
    case NK_CURRENCY:
        put(w, ' ');
        break;
    case NK_TEXT:
        for (size_t i = 0; i < text.len; i++) {
            i += text.ptr[i] == '\\' && i + 1 < text.len;
            put(w, text.ptr[i]);
        }
        break;
    default:
        break;
    }
}

/* With FM zeros behind the last other digit are dropped, down to the last 0 of the format. */
static const char *last_shown(const Writer *w)
{
    const char *p = strchr(w->number, '.'), *last = p;
    if (!w->n.fm || !w->n.point || !p)
        return NULL;
    while (*++p)
        if (*p != '0')
            last = p;
    if (w->n.zero_to > w->blanks) {
        int end = (int)strlen(w->number) - 1, zero = w->n.zero_to - w->blanks;
        const char *kept = w->number + (zero < end ? zero : end);
        last = last < kept ? kept : last;
    }
    return last;
}

/* digits: "-123.45", as many behind the point as the format has places. */
static void put_number(EvalCtx *ctx, NumFormat n, Slice f, const char *digits, Buf *out)
{
    Writer w = {.n = n, .out = out, .sign = digits[0] == '-' ? '-' : '+'};
    w.number = digits + (digits[0] == '-');
    int length = (int)strcspn(w.number, ".");
    if (!n.roman && length < n.pre) {
        w.blanks = n.pre - length;
    } else if (!n.roman && length > n.pre) {
        char *all = arena_alloc(ctx->scratch, (size_t)(n.pre + n.post) + 2);
        memset(all, '#', (size_t)(n.pre + n.post) + 1);
        all[n.pre + n.post + 1] = '\0';
        all[n.pre] = '.';
        w.number = all;
    }
    if (n.pl || n.mi) {
        w.sign_written = n.mi;
    } else {
        if (w.sign != '-' && n.pr && n.fm)
            w.n.pr = false;
        w.sign_written = w.sign == '+' && n.fm && !n.s;
        if (n.s == SIGN_FRONT && n.pre == n.pre_at_sign)
            w.n.s = SIGN_BACK;
    }
    w.count = n.post + n.pre - 1;
    w.last = last_shown(&w);
    w.count += !w.sign_written && w.blanks == 0;
    w.at = w.number;
    while (f.len) {
        Slice text;
        NumKey k = next_key(&f, &text);
        if (k == NK_NINE || k == NK_ZERO || k == NK_POINT)
            put_place(&w, k);
        else
            put_word(&w, k, text);
    }
}

/* ---- the digits of a number ---- */

static Slice printed(const Num *v, Arena *a)
{
    Buf b;
    buf_init(&b);
    num_print(v, &b);
    Slice text = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return text;
}

static Slice roman(int64_t v, Arena *a)
{
    static const struct {
        int value;
        const char *text;
    } parts[] = {{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"},
                 {90, "XC"},  {50, "L"},   {40, "XL"}, {10, "X"},   {9, "IX"},
                 {5, "V"},    {4, "IV"},   {1, "I"}};
    char text[16];
    size_t len = 0;
    if (v < 1 || v > 3999)
        return SLICE_LIT("###############");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        for (; v >= parts[i].value; v -= parts[i].value)
            for (const char *p = parts[i].text; *p; p++)
                text[len++] = *p;
    return arena_slice(a, slice_of(text, len));
}

/* " 1.23e+04"; what is no number is '#' in all places. */
static bool put_exponent(const Num *v, const NumFormat *n, Arena *a, Buf *out, Err *e)
{
    Num m = *v;
    int exponent = 0;
    if (num_is_special(v)) {
        for (int i = 0; i < n->pre + n->post + 6; i++)
            buf_put_u8(out, i == 0 ? ' ' : i == n->pre + 1 ? '.' : '#');
        return true;
    }
    if (num_sign(v) != 0) {
        Num ten = num_of_i64(10), power, abs_v = num_abs(v, a);
        exponent = (int)floor(log10(num_to_f64(&abs_v)));
        for (int tries = 0; tries < 3; tries++) { /* log10() may be off by one */
            Num k = num_of_i64(exponent), one = num_of_i64(1);
            if (!num_power(&ten, &k, a, &power, e) || !num_div(v, &power, a, &m, e))
                return false;
            Num abs_m = num_abs(&m, a);
            if (num_cmp(&abs_m, &ten) >= 0)
                exponent++;
            else if (num_cmp(&abs_m, &one) < 0)
                exponent--;
            else
                break;
        }
        m = num_round(&m, n->post, NUM_HALF_AWAY, a); /* 9.99 may become 10 */
    } else {
        m = num_round(v, n->post, NUM_TRUNC, a);
    }
    if (num_sign(&m) >= 0)
        buf_put_u8(out, ' ');
    num_print(&m, out);
    buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
    return true;
}

static bool numeric_digits(const Num *v, NumFormat *n, Arena *a, Slice *out, Err *e)
{
    Num m = *v, ten = num_of_i64(10);
    if (n->roman) {
        int64_t whole;
        if (num_is_special(v))
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "cannot convert %s to integer",
                           v->kind == NUM_NAN ? "NaN" : "infinity");
        if (!num_to_i64(v, &whole) || !func_fits(T_INT4, whole))
            return func_int_range(T_INT4, e);
        *out = roman(whole, a);
        return true;
    }
    for (int i = 0; i < n->shift; i++)
        if (!num_mul(&m, &ten, a, &m, e))
            return false;
    n->pre += n->shift;
    if (!num_is_special(&m))
        m = num_round(&m, n->post, NUM_HALF_AWAY, a);
    *out = printed(&m, a);
    return true;
}

static bool number_to_char(EvalCtx *ctx, const Num *v, Slice f, Value *out, Err *e)
{
    NumFormat n;
    Slice digits;
    Buf b;
    if (!parse_format(f, &n, e))
        return false;
    if (n.post > NUM_DISPLAY_SCALE_MAX)
        return bad_format(e, "too many digits");
    buf_init(&b);
    bool ok = n.exponent ? put_exponent(v, &n, ctx->scratch, &b, e)
                         : numeric_digits(v, &n, ctx->scratch, &digits, e);
    if (ok && !n.exponent)
        put_number(ctx, n, f, arena_cstr(ctx->scratch, digits), &b);
    *out = func_take(ctx, &b);
    return ok;
}

/* Floats have so many digits as their type is good for. */
static bool float_to_char(EvalCtx *ctx, double v, int digits_max, Slice f, Value *out, Err *e)
{
    NumFormat n;
    Buf b;
    if (!parse_format(f, &n, e))
        return false;
    if (n.exponent && isfinite(v)) {
        *out = value_str(arena_printf(ctx->scratch, "% .*e", n.post, v));
        return true;
    }
    if (n.exponent || n.roman) {
        bool small = n.exponent || fabs(v) < 1e6;
        Num num = num_of_f64(small ? (n.roman ? rint(v) : v) : 0, digits_max, ctx->scratch);
        return number_to_char(ctx, &num, f, out, e);
    }
    v *= pow(10, n.shift);
    n.pre += n.shift;
    int whole = snprintf(NULL, 0, "%.0f", fabs(v));
    if (whole >= digits_max)
        n.post = 0;
    else if (whole + n.post > digits_max)
        n.post = digits_max - whole;
    Slice text = isnan(v)   ? SLICE_LIT("NaN")
                 : isinf(v) ? (v < 0 ? SLICE_LIT("-Infinity") : SLICE_LIT("Infinity"))
                            : arena_printf(ctx->scratch, "%.*f", n.post, v);
    buf_init(&b);
    put_number(ctx, n, f, arena_cstr(ctx->scratch, text), &b);
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(to_char_numeric)
{
    FUNC_UNUSED;
    return number_to_char(ctx, &args[0].u.num, args[1].u.str, out, e);
}

FUNC_SCALAR(to_char_int4)
{
    FUNC_UNUSED;
    NumFormat f;
    Num v = num_of_i64(args[0].u.i64);
    if (!parse_format(args[1].u.str, &f, e))
        return false;
    if (f.exponent)
        return float_to_char(ctx, (double)args[0].u.i64, DBL_DIG, args[1].u.str, out, e);
    return number_to_char(ctx, &v, args[1].u.str, out, e);
}

FUNC_SCALAR(to_char_int8)
{
    FUNC_UNUSED;
    Num v = num_of_i64(args[0].u.i64);
    return number_to_char(ctx, &v, args[1].u.str, out, e);
}

FUNC_SCALAR(to_char_float8)
{
    FUNC_UNUSED;
    return float_to_char(ctx, args[0].u.f64, DBL_DIG, args[1].u.str, out, e);
}

FUNC_SCALAR(to_char_float4)
{
    FUNC_UNUSED;
    return float_to_char(ctx, args[0].u.f64, FLT_DIG, args[1].u.str, out, e);
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
    if (f.exponent || f.roman)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "\"%s\" not supported for input",
                       f.exponent ? "EEEE" : "RN");
    buf_init(&b);
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '-' || (c == '<' && f.pr)) {
            negative = true;
        } else if (c == '.' && !point && f.point) {
            point = true;
            buf_put_u8(&b, '.');
        } else if (c >= '0' && c <= '9' && (point ? fraction < f.post : whole < f.pre + f.shift)) {
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
    FS("to_char(int4, text) text", to_char_int4, STRICT, "by a format such as 999"),
    FS("to_char(int8, text) text", to_char_int8, STRICT, "by a format such as 999"),
    FS("to_char(float4, text) text", to_char_float4, STRICT, "by a format such as 999.99"),
    FS("to_char(float8, text) text", to_char_float8, STRICT, "by a format such as 999.99"),
    FS("to_number(text, text) numeric", to_number, STRICT, "read by a format such as 999.99"),
    FUNC_END,
};
