/* What fits nowhere else: types, sizes, sleeping. */
#include "base/clock.h"
#include "exec/func_private.h"
#include <stdlib.h>

static bool misc_typeof(FnCall *c, Err *e)
{
    (void)e;
    FUNC_ROWS(c, row)
    c->out->v.i64[row] = c->args[0].type;
    return true;
}

static bool count_nulls(FnCall *c, bool want)
{
    FUNC_ROWS(c, row)
    {
        int64_t n = 0;
        for (size_t k = 0; k < c->arg_count; k++)
            n += vec_is_null(&c->args[k], row) == want;
        c->out->v.i64[row] = n;
    }
    return true;
}

static bool num_nulls(FnCall *c, Err *e)
{
    (void)e;
    return count_nulls(c, true);
}

static bool num_nonnulls(FnCall *c, Err *e)
{
    (void)e;
    return count_nulls(c, false);
}

/* The operator waits before it hands the batch on; nothing blocks here. */
static void sleep_for(EvalCtx *ctx, double seconds)
{
    const Clock *clock = ctx->clock ? ctx->clock : &clock_real;
    if (!(seconds > 0))
        return;
    if (seconds > 1e9)
        seconds = 1e9;
    int64_t from = clock->mono_ns(clock);
    if (ctx->sleep_until_ns > from)
        from = ctx->sleep_until_ns;
    ctx->sleep_until_ns = from + (int64_t)(seconds * 1e9);
}

FUNC_SCALAR(misc_sleep)
{
    FUNC_UNUSED;
    sleep_for(ctx, args[0].u.f64);
    *out = value_str(SLICE_NONE);
    return true;
}

FUNC_SCALAR(misc_sleep_for)
{
    FUNC_UNUSED;
    Interval iv = args[0].u.iv;
    sleep_for(ctx, (double)iv.us / 1e6 + ((double)iv.days + (double)iv.months * 30) * 86400);
    *out = value_str(SLICE_NONE);
    return true;
}

FUNC_SCALAR(misc_sleep_until)
{
    FUNC_UNUSED;
    const Clock *clock = ctx->clock ? ctx->clock : &clock_real;
    sleep_for(ctx, ((double)args[0].u.i64 - (double)clock->wall_ns(clock) / 1e3) / 1e6);
    *out = value_str(SLICE_NONE);
    return true;
}

/* Ten thousand of a unit become the next one, halves rounded away, as PostgreSQL shows sizes. */
FUNC_SCALAR(size_pretty)
{
    FUNC_UNUSED;
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    int64_t size = args[0].u.i64;
    size_t u = 0;
    if (llabs(size < -INT64_MAX ? -INT64_MAX : size) >= 10240) {
        size /= 512; /* one binary digit is kept for rounding */
        for (u = 1; u + 1 < ARRAY_LEN(units) && llabs(size) >= 20 * 1024 - 1; u++)
            size /= 1024;
        size = (size + (size > 0) - (size < 0)) / 2;
    }
    *out = value_str(arena_printf(ctx->scratch, "%lld %s", (long long)size, units[u]));
    return true;
}

FUNC_SCALAR(size_pretty_numeric)
{
    FUNC_UNUSED;
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    Num size = args[0].u.num, limit = num_of_i64(10240), by = num_of_i64(512), r;
    Arena *a = ctx->scratch;
    size_t u = 0;
    for (; u + 1 < ARRAY_LEN(units); u++) {
        Num negative = num_neg(&limit, a);
        if (num_cmp(&size, &limit) < 0 && num_cmp(&size, &negative) > 0)
            break;
        if (!num_div_trunc(&size, &by, a, &r, e))
            return false;
        size = r;
        limit = num_of_i64(20 * 1024 - 1); /* one binary digit is kept for rounding */
        by = num_of_i64(1024);
    }
    if (u > 0) {
        Num zero = num_of_i64(0), one = num_of_i64(num_cmp(&size, &zero) < 0 ? -1 : 1);
        by = num_of_i64(2);
        if (!num_add(&size, &one, a, &r, e) || !num_div_trunc(&r, &by, a, &size, e))
            return false;
    }
    Buf b;
    buf_init(&b);
    num_print(&size, &b);
    *out = value_str(arena_printf(a, "%.*s %s", SLICE_ARG(buf_slice(&b)), units[u]));
    buf_free(&b);
    return true;
}

/* Sign, digits, fraction and exponent, as far as they look like a number. */
static size_t number_length(Slice t)
{
    size_t at = 0, digits = 0;
    at += at < t.len && (t.ptr[at] == '+' || t.ptr[at] == '-');
    for (; at < t.len && t.ptr[at] >= '0' && t.ptr[at] <= '9'; at++)
        digits++;
    if (at < t.len && t.ptr[at] == '.')
        for (at++; at < t.len && t.ptr[at] >= '0' && t.ptr[at] <= '9'; at++)
            digits++;
    if (digits == 0)
        return 0;
    size_t exp = at + 1;
    if (at < t.len && (t.ptr[at] | 32) == 'e') {
        exp += exp < t.len && (t.ptr[exp] == '+' || t.ptr[exp] == '-');
        size_t from = exp;
        while (exp < t.len && t.ptr[exp] >= '0' && t.ptr[exp] <= '9')
            exp++;
        if (exp > from)
            at = exp;
    }
    return at;
}

FUNC_SCALAR(size_bytes)
{
    FUNC_UNUSED;
    static const char *const units[] = {"kb", "mb", "gb", "tb", "pb"};
    Slice t = type_trim(args[0].u.str);
    size_t digits = number_length(t);
    Num v, unit = num_of_i64(1), r;
    Slice word = type_trim(slice_of(t.ptr + digits, t.len - digits));
    bool known = word.len == 0 || slice_eq_nocase(word, SLICE_LIT("bytes"));
    for (size_t i = 0; i < ARRAY_LEN(units) && !known; i++) {
        unit = num_of_i64(INT64_C(1) << 10 * (i + 1));
        known = slice_eq_nocase(word, slice_cstr(units[i]));
    }
    if (num_parse(slice_of(t.ptr, digits), ctx->scratch, &v) != NUM_PARSE_OK)
        return err_set(e, ERR_INVALID_PARAMETER, "invalid size: \"%.*s\"",
                       SLICE_ARG(args[0].u.str));
    if (!known) {
        err_set(e, ERR_INVALID_PARAMETER, "invalid size: \"%.*s\"", SLICE_ARG(args[0].u.str));
        err_detail(e, "Invalid size unit: \"%.*s\".", SLICE_ARG(word));
        return err_hint(e,
                        "Valid units are \"bytes\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\".");
    }
    *out = value_i64(0);
    if (!num_mul(&v, &unit, ctx->scratch, &r, e))
        return false;
    return num_to_i64(&r, &out->u.i64) || err_set(e, ERR_NUMERIC_RANGE, "bigint out of range");
}

/* Whether a row sorts before (-1), beside (0) or behind (1) another one: modes, then each key of both. */
static bool sort_side(FnCall *c, Err *e)
{
    (void)e;
    FUNC_ROWS(c, row)
    {
        Value modes = vec_get(&c->args[0], row);
        int side = 0;
        for (size_t k = 1; k + 1 < c->arg_count && side == 0; k += 2) {
            Value x = vec_get(&c->args[k], row), y = vec_get(&c->args[k + 1], row);
            bool desc = modes.u.str.ptr[k - 1] == 'd', nulls_first = modes.u.str.ptr[k] == 'f';
            if (x.null || y.null)
                side = x.null == y.null ? 0 : x.null == nulls_first ? -1 : 1;
            else
                side = type_find(c->args[k].type)->cmp(&x, &y) * (desc ? -1 : 1);
        }
        c->out->v.i64[row] = side;
    }
    return true;
}

FuncDef func_misc[] = {
    FK("pg_typeof(any) regtype", misc_typeof, FN_STABLE, "type of a value"),
    FK("num_nulls(any) int4", num_nulls, FN_VARIADIC, "how many are NULL"),
    FK("num_nonnulls(any) int4", num_nonnulls, FN_VARIADIC, "how many are not NULL"),
    FS("pg_sleep(float8) void", misc_sleep, STRICT | FN_VOLATILE, "waits so many seconds"),
    FS("pg_sleep_for(interval) void", misc_sleep_for, STRICT | FN_VOLATILE, "waits an interval"),
    FS("pg_sleep_until(timestamptz) void", misc_sleep_until, STRICT | FN_VOLATILE,
       "waits until a time"),
    FK("sort_side(text, any) int4", sort_side, FN_VARIADIC | FN_HIDDEN,
       "order of two rows of keys, for rank() WITHIN GROUP and its like"),
    FS("pg_size_pretty(int8) text", size_pretty, STRICT, "bytes with a unit"),
    FS("pg_size_pretty(numeric) text", size_pretty_numeric, STRICT, "bytes with a unit"),
    FS("pg_size_bytes(text) int8", size_bytes, STRICT, "a size with a unit in bytes"),
    FUNC_END,
};
