#include "base/clock.h"
#include "exec/func_private.h"
#include <math.h>

enum {
    CI = FN_STRICT | FN_CAST_IMPLICIT,
    CA = FN_STRICT | FN_CAST_ASSIGN,
    CE = FN_STRICT | FN_CAST_EXPLICIT,
};

/* ---- numbers ---- */

/* int8 to int4 and int2: the same bytes, looked at. */
static bool int_to_int(FnCall *c, Err *e)
{
    TypeId t = c->expr->func->result;
    bool ok = true;
    FUNC_UNARY(c, int64_t, int64_t, (ok &= func_fits(t, x), x));
    return ok || func_int_range(t, e);
}

static bool int_to_float(FnCall *c, Err *e)
{
    (void)e;
    if (c->expr->func->result == T_FLOAT4)
        FUNC_UNARY(c, int64_t, double, (double)(float)x);
    else
        FUNC_UNARY(c, int64_t, double, (double)x);
    return true;
}

/* Half to even, as rint() and PostgreSQL do. */
static bool float_to_int(FnCall *c, Err *e)
{
    TypeId t = c->expr->func->result;
    double min = t == T_INT8 ? -9223372036854775808.0 : t == T_INT4 ? INT32_MIN : INT16_MIN;
    bool ok = true;
    double r;
    FUNC_UNARY(c, double, int64_t,
               (r = rint(x), ok &= r >= min && r < -min, r >= min && r < -min ? (int64_t)r : 0));
    return ok || func_int_range(t, e);
}

static bool float8_to_float4(FnCall *c, Err *e)
{
    bool over = false, under = false;
    float r;
    FUNC_UNARY(c, double, double,
               (r = (float)x, over |= isinf(r) && !isinf(x), under |= r == 0 && x != 0, r));
    if (over)
        return err_set(e, ERR_NUMERIC_RANGE, "value out of range: overflow");
    return under ? err_set(e, ERR_NUMERIC_RANGE, "value out of range: underflow") : true;
}

static bool int_to_numeric(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, int64_t, Num, num_of_i64(x));
    return true;
}

static bool float_to_numeric(FnCall *c, Err *e)
{
    int digits = c->expr->func->args[0] == T_FLOAT4 ? 6 : 15;
    (void)e;
    FUNC_UNARY(c, double, Num, num_of_f64(x, digits, c->ctx->scratch));
    return true;
}

static bool numeric_to_int(FnCall *c, Err *e)
{
    size_t step;
    const Num *x = func_arg(c, 0, &step);
    TypeId t = c->expr->func->result;
    FUNC_ROWS(c, row)
    {
        const Num *n = &x[row * step];
        if (num_is_special(n))
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "cannot convert %s to %s",
                           n->kind == NUM_NAN ? "NaN" : "infinity", type_find(t)->display);
        if (!num_to_i64(n, &c->out->v.i64[row]) || !func_fits(t, c->out->v.i64[row]))
            return func_int_range(t, e);
    }
    return true;
}

static bool numeric_to_float(FnCall *c, Err *e)
{
    size_t step;
    const Num *x = func_arg(c, 0, &step);
    bool single = c->expr->func->result == T_FLOAT4;
    FUNC_ROWS(c, row)
    {
        const Num *n = &x[row * step];
        double v = num_to_f64(n);
        if (single)
            v = (float)v;
        if (isinf(v) && !num_is_special(n)) {
            Buf text;
            buf_init(&text);
            num_print(n, &text);
            err_set(e, ERR_NUMERIC_RANGE, "\"%.*s\" is out of range for type %s",
                    SLICE_ARG(buf_slice(&text)), single ? "real" : "double precision");
            buf_free(&text);
            return false;
        }
        c->out->v.f64[row] = v;
    }
    return true;
}

static bool int_to_bool(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, int64_t, uint8_t, x != 0);
    return true;
}

static bool bool_to_int(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, uint8_t, int64_t, x);
    return true;
}

/* int8 to oid types: no negative numbers; int4 wraps as PostgreSQL's relabelling does. */
static bool int_to_oid(FnCall *c, Err *e)
{
    bool wide = c->expr->func->args[0] == T_INT8, ok = true;
    FUNC_UNARY(c, int64_t, int64_t, (ok &= !wide || (x >= 0 && x <= UINT32_MAX), (uint32_t)x));
    return ok || err_set(e, ERR_NUMERIC_RANGE, "OID out of range");
}

static bool oid_to_int4(FnCall *c, Err *e)
{
    (void)e;
    FUNC_UNARY(c, int64_t, int64_t, (int32_t)(uint32_t)x);
    return true;
}

/* ---- text ---- */

FUNC_SCALAR(bool_to_text)
{
    FUNC_UNUSED;
    *out = value_str(args[0].u.b ? SLICE_LIT("true") : SLICE_LIT("false"));
    return true;
}

FUNC_SCALAR(bpchar_to_text)
{
    FUNC_UNUSED;
    *out = value_str(bpchar_trim(args[0].u.str));
    return true;
}

FUNC_SCALAR(text_to_name)
{
    FUNC_UNUSED;
    return name_in(&ctx->env, args[0].u.str, -1, ctx->scratch, out, e);
}

FUNC_SCALAR(text_to_char)
{
    FUNC_UNUSED;
    return char_in(&ctx->env, args[0].u.str, -1, ctx->scratch, out, e);
}

FUNC_SCALAR(char_to_int4)
{
    FUNC_UNUSED;
    *out = value_i64(args[0].u.str.len ? (signed char)args[0].u.str.ptr[0] : 0);
    return true;
}

FUNC_SCALAR(int4_to_char)
{
    FUNC_UNUSED;
    if (args[0].u.i64 < -128 || args[0].u.i64 > 127)
        return err_set(e, ERR_NUMERIC_RANGE, "\"char\" out of range");
    char c = (char)args[0].u.i64;
    *out = value_str(arena_slice(ctx->scratch, slice_of(&c, c != 0)));
    return true;
}

FUNC_SCALAR(text_to_regclass)
{
    FUNC_UNUSED;
    return regclass_in(&ctx->env, args[0].u.str, -1, ctx->scratch, out, e);
}

/* to_regclass() and its like: NULL for what there is not. */
static bool to_reg(FnCall *c, Err *e)
{
    const TypeDef *def = type_find(c->expr->func->result);
    (void)e;
    FUNC_ROWS(c, row)
    {
        Value in = vec_get(&c->args[0], row), v;
        Err unknown;
        if (!def->in(&c->ctx->env, in.u.str, -1, c->ctx->scratch, &v, &unknown))
            v = (Value){.null = true, .phys = PH_I64};
        vec_set(c->out, row, &v, c->rows, c->ctx->scratch);
    }
    return true;
}

/* ---- dates and times ---- */

static bool time_range(Err *e)
{
    return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
}

FUNC_SCALAR(date_to_timestamp)
{
    FUNC_UNUSED;
    int64_t v = args[0].u.i64;
    if (!time_is_infinite(v) &&
        (__builtin_mul_overflow(v, US_PER_DAY, &v) || v < TIMESTAMP_MIN_US || v > TIMESTAMP_MAX_US))
        return err_set(e, ERR_DATETIME_RANGE, "date out of range for timestamp");
    *out = value_i64(v);
    return true;
}

FUNC_SCALAR(date_to_timestamptz)
{
    if (!date_to_timestamp(ctx, args, n, out, e))
        return false;
    out->u.i64 = tz_utc_us(ctx->env.tz, out->u.i64);
    return true;
}

FUNC_SCALAR(timestamp_to_date)
{
    FUNC_UNUSED;
    int64_t v = args[0].u.i64;
    *out = value_i64(time_is_infinite(v) ? v : floor_div(v, US_PER_DAY));
    return true;
}

FUNC_SCALAR(timestamptz_to_date)
{
    Value local = value_i64(tz_local_us(ctx->env.tz, args[0].u.i64));
    return timestamp_to_date(ctx, &local, n, out, e);
}

FUNC_SCALAR(timestamp_to_time)
{
    FUNC_UNUSED;
    int64_t v = args[0].u.i64;
    if (time_is_infinite(v)) {
        func_null(out);
        return true;
    }
    *out = value_i64(floor_mod(v, US_PER_DAY));
    return true;
}

FUNC_SCALAR(timestamptz_to_time)
{
    Value local = value_i64(tz_local_us(ctx->env.tz, args[0].u.i64));
    return timestamp_to_time(ctx, &local, n, out, e);
}

FUNC_SCALAR(timestamp_to_timestamptz)
{
    FUNC_UNUSED;
    int64_t v = tz_utc_us(ctx->env.tz, args[0].u.i64);
    if (!time_is_infinite(v) && (v < TIMESTAMP_MIN_US || v > TIMESTAMP_MAX_US))
        return time_range(e);
    *out = value_i64(v);
    return true;
}

FUNC_SCALAR(timestamptz_to_timestamp)
{
    FUNC_UNUSED;
    *out = value_i64(tz_local_us(ctx->env.tz, args[0].u.i64));
    return true;
}

FUNC_SCALAR(time_to_interval)
{
    FUNC_UNUSED;
    *out = (Value){.phys = PH_INTERVAL, .u.iv = {.us = args[0].u.i64}};
    return true;
}

FUNC_SCALAR(interval_to_time)
{
    FUNC_UNUSED;
    int64_t us = args[0].u.iv.us;
    *out = value_i64(floor_mod(us, US_PER_DAY));
    return true;
}

/* ---- jsonb ---- */

static bool jsonb_kind_error(JsonKind kind, const char *type, Err *e)
{
    static const char *const names[] = {"null", "boolean", "numeric", "string", "array", "object"};
    return err_set(e, ERR_INVALID_PARAMETER, "cannot cast jsonb %s to type %s", names[kind], type);
}

FUNC_SCALAR(jsonb_to_bool)
{
    FUNC_UNUSED;
    if (json_kind(args[0].u.str) != JSON_BOOL)
        return jsonb_kind_error(json_kind(args[0].u.str), "boolean", e);
    *out = value_bool(args[0].u.str.ptr[0] == 't');
    return true;
}

static bool jsonb_number(FnCall *c, Err *e)
{
    TypeId t = c->expr->func->result;
    FUNC_ROWS(c, row)
    {
        Value in = vec_get(&c->args[0], row), num = {.phys = PH_NUM}, v;
        if (json_kind(in.u.str) != JSON_NUMBER)
            return jsonb_kind_error(json_kind(in.u.str), type_find(t)->display, e);
        if (num_parse(in.u.str, c->ctx->scratch, &num.u.num) != NUM_PARSE_OK)
            return err_set(e, ERR_NUMERIC_RANGE, "value overflows numeric format");
        if (!cast_value(c->ctx, T_NUMERIC, t, -1, &num, &v, e))
            return false;
        vec_set(c->out, row, &v, c->rows, c->ctx->scratch);
    }
    return true;
}

/* ---- "type 'text'" as a function call: date('2024-01-01') ---- */

static bool read_literal(FnCall *c, Err *e)
{
    const TypeDef *def = type_find(c->expr->func->result);
    FUNC_ROWS(c, row)
    {
        Value in = vec_get(&c->args[0], row), v;
        if (!def->in(&c->ctx->env, in.u.str, -1, c->ctx->scratch, &v, e))
            return false;
        vec_set(c->out, row, &v, c->rows, c->ctx->scratch);
    }
    return true;
}

#define LITERAL(t)                                                                                 \
    FK(t "(unknown) " t, read_literal, STRICT | FN_STABLE | FN_HIDDEN, "reads a literal")

FuncDef func_cast[] = {
    FK("int4(int8) int4", int_to_int, CA, "to integer"),
    FK("int2(int8) int2", int_to_int, CA, "to smallint"),
    FK("int2(int4) int2", int_to_int, CA, "to smallint"),
    FK("float8(int8) float8", int_to_float, CI, "to double precision"),
    FK("float8(int4) float8", int_to_float, CI, "to double precision"),
    FK("float8(int2) float8", int_to_float, CI, "to double precision"),
    FK("float4(int8) float4", int_to_float, CI, "to real"),
    FK("float4(int4) float4", int_to_float, CI, "to real"),
    FK("float4(int2) float4", int_to_float, CI, "to real"),
    FK("int8(float8) int8", float_to_int, CA, "to bigint, rounded"),
    FK("int4(float8) int4", float_to_int, CA, "to integer, rounded"),
    FK("int2(float8) int2", float_to_int, CA, "to smallint, rounded"),
    FK("int8(float4) int8", float_to_int, CA, "to bigint, rounded"),
    FK("int4(float4) int4", float_to_int, CA, "to integer, rounded"),
    FK("int2(float4) int2", float_to_int, CA, "to smallint, rounded"),
    FK("float4(float8) float4", float8_to_float4, CA, "to real"),
    FK("numeric(int8) numeric", int_to_numeric, CI, "to numeric"),
    FK("numeric(int4) numeric", int_to_numeric, CI, "to numeric"),
    FK("numeric(int2) numeric", int_to_numeric, CI, "to numeric"),
    FK("numeric(float8) numeric", float_to_numeric, CA, "to numeric, 15 digits"),
    FK("numeric(float4) numeric", float_to_numeric, CA, "to numeric, 6 digits"),
    FK("int8(numeric) int8", numeric_to_int, CA, "to bigint, rounded"),
    FK("int4(numeric) int4", numeric_to_int, CA, "to integer, rounded"),
    FK("int2(numeric) int2", numeric_to_int, CA, "to smallint, rounded"),
    FK("float8(numeric) float8", numeric_to_float, CI, "to double precision"),
    FK("float4(numeric) float4", numeric_to_float, CI, "to real"),
    FK("bool(int4) bool", int_to_bool, CE, "not zero"),
    FK("int4(bool) int4", bool_to_int, CE, "1 or 0"),
    FK("oid(int8) oid", int_to_oid, CI, "to oid"),
    FK("oid(int4) oid", int_to_oid, CI, "to oid"),
    FK("oid(int2) oid", int_to_oid, CI, "to oid"),
    FK("regclass(int8) regclass", int_to_oid, CI, "to regclass"),
    FK("regclass(int4) regclass", int_to_oid, CI, "to regclass"),
    FK("regclass(int2) regclass", int_to_oid, CI, "to regclass"),
    FK("regtype(int8) regtype", int_to_oid, CI, "to regtype"),
    FK("regtype(int4) regtype", int_to_oid, CI, "to regtype"),
    FK("regproc(int8) regproc", int_to_oid, CI, "to regproc"),
    FK("regproc(int4) regproc", int_to_oid, CI, "to regproc"),
    FK("regnamespace(int8) regnamespace", int_to_oid, CI, "to regnamespace"),
    FK("regnamespace(int4) regnamespace", int_to_oid, CI, "to regnamespace"),
    FK("regrole(int8) regrole", int_to_oid, CI, "to regrole"),
    FK("regrole(int4) regrole", int_to_oid, CI, "to regrole"),
    FK("int4(oid) int4", oid_to_int4, CA, "an oid as a number"),
    FK("int4(regproc) int4", oid_to_int4, CA, "an oid as a number"),
    FK("int4(regclass) int4", oid_to_int4, CA, "an oid as a number"),
    FK("int4(regtype) int4", oid_to_int4, CA, "an oid as a number"),
    FK("int4(regnamespace) int4", oid_to_int4, CA, "an oid as a number"),
    FK("int4(regrole) int4", oid_to_int4, CA, "an oid as a number"),
    FS("text(bool) text", bool_to_text, CA, "true or false"),
    FS("varchar(bool) varchar", bool_to_text, CA, "true or false"),
    FS("bpchar(bool) bpchar", bool_to_text, CA, "true or false"),
    FS("text(bpchar) text", bpchar_to_text, CI, "without trailing blanks"),
    FS("varchar(bpchar) varchar", bpchar_to_text, CI, "without trailing blanks"),
    FS("name(text) name", text_to_name, CI, "cut to 63 bytes"),
    FS("name(varchar) name", text_to_name, CI, "cut to 63 bytes"),
    FS("name(bpchar) name", text_to_name, CI, "cut to 63 bytes"),
    FS("\"char\"(text) \"char\"", text_to_char, CA, "the first byte"),
    FS("\"char\"(varchar) \"char\"", text_to_char, CA, "the first byte"),
    FS("\"char\"(bpchar) \"char\"", text_to_char, CA, "the first byte"),
    FS("int4(\"char\") int4", char_to_int4, CE, "the code of the byte"),
    FS("\"char\"(int4) \"char\"", int4_to_char, CE, "the byte of a code"),
    FK("to_regclass(text) regclass", to_reg, STRICT | FN_STABLE, "a table by its name, or NULL"),
    FK("to_regtype(text) regtype", to_reg, STRICT | FN_STABLE, "a type by its name, or NULL"),
    FK("to_regproc(text) regproc", to_reg, STRICT | FN_STABLE, "a function by its name, or NULL"),
    FK("to_regnamespace(text) regnamespace", to_reg, STRICT | FN_STABLE,
       "a schema by its name, or NULL"),
    FK("to_regrole(text) regrole", to_reg, STRICT | FN_STABLE, "a role by its name, or NULL"),
    FS("regclass(text) regclass", text_to_regclass, CI | FN_STABLE, "a table by its name"),
    FS("regclass(varchar) regclass", text_to_regclass, CI | FN_STABLE, "a table by its name"),
    FS("timestamp(date) timestamp", date_to_timestamp, CI, "midnight"),
    FS("timestamptz(date) timestamptz", date_to_timestamptz, CI | FN_STABLE,
       "midnight of the session"),
    FS("date(timestamp) date", timestamp_to_date, CA, "the day"),
    FS("date(timestamptz) date", timestamptz_to_date, CA | FN_STABLE,
       "the day in the session's zone"),
    FS("time(timestamp) time", timestamp_to_time, CA, "the time of day"),
    FS("time(timestamptz) time", timestamptz_to_time, CA | FN_STABLE, "the time of day"),
    FS("timestamptz(timestamp) timestamptz", timestamp_to_timestamptz, CI | FN_STABLE,
       "read in the session's zone"),
    FS("timestamp(timestamptz) timestamp", timestamptz_to_timestamp, CA | FN_STABLE,
       "as shown in the session's zone"),
    FS("interval(time) interval", time_to_interval, CI, "since midnight"),
    FS("time(interval) time", interval_to_time, CA, "the part below a day"),
    FS("bool(jsonb) bool", jsonb_to_bool, CE, "of a JSON boolean"),
    FK("numeric(jsonb) numeric", jsonb_number, CE, "of a JSON number"),
    FK("float8(jsonb) float8", jsonb_number, CE, "of a JSON number"),
    FK("float4(jsonb) float4", jsonb_number, CE, "of a JSON number"),
    FK("int8(jsonb) int8", jsonb_number, CE, "of a JSON number"),
    FK("int4(jsonb) int4", jsonb_number, CE, "of a JSON number"),
    FK("int2(jsonb) int2", jsonb_number, CE, "of a JSON number"),
    LITERAL("date"),
    LITERAL("time"),
    LITERAL("timetz"),
    LITERAL("timestamp"),
    LITERAL("timestamptz"),
    LITERAL("interval"),
    LITERAL("int2"),
    LITERAL("int4"),
    LITERAL("int8"),
    LITERAL("float4"),
    LITERAL("float8"),
    LITERAL("numeric"),
    LITERAL("bool"),
    LITERAL("uuid"),
    LITERAL("json"),
    LITERAL("jsonb"),
    LITERAL("oid"),
    LITERAL("regclass"),
    LITERAL("regtype"),
    LITERAL("name"),
    FUNC_END,
};
