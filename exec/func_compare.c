#include "exec/func_private.h"
#include "exec/kernels.h"
#include <math.h>

/* ---- integers, dates, times: one machine comparison ---- */

/* All rows against a constant: there is a kernel. */
static bool against_constant(const FnCall *c)
{
    return !c->sel && c->args[0].kind == VEC_FLAT && c->args[1].kind == VEC_CONST;
}

#define I64_KERNEL(name, op, id)                                                                   \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        (void)e;                                                                                   \
        if (against_constant(c))                                                                   \
            exec_kernels()->compare_i64(c->out->v.b, c->args[0].v.i64, c->args[1].v.i64[0], c->n,  \
                                        id);                                                       \
        else                                                                                       \
            FUNC_BINARY(c, int64_t, uint8_t, x op y);                                              \
        return true;                                                                               \
    }
I64_KERNEL(eq_i64, ==, EXEC_EQ)
I64_KERNEL(ne_i64, !=, EXEC_NE)
I64_KERNEL(lt_i64, <, EXEC_LT)
I64_KERNEL(le_i64, <=, EXEC_LE)
I64_KERNEL(gt_i64, >, EXEC_GT)
I64_KERNEL(ge_i64, >=, EXEC_GE)

#define BOOL_KERNEL(name, op)                                                                      \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        (void)e;                                                                                   \
        FUNC_BINARY(c, uint8_t, uint8_t, x op y);                                                  \
        return true;                                                                               \
    }
BOOL_KERNEL(eq_bool, ==)
BOOL_KERNEL(ne_bool, !=)
BOOL_KERNEL(lt_bool, <)
BOOL_KERNEL(le_bool, <=)
BOOL_KERNEL(gt_bool, >)
BOOL_KERNEL(ge_bool, >=)

/* ---- floats: NaN equals NaN and is above everything ---- */

/* Against a constant that is no NaN one machine comparison is enough. */
static bool right_is_number(const FnCall *c)
{
    return c->args[1].kind == VEC_CONST && c->args[1].v.f64[0] == c->args[1].v.f64[0];
}

#define F64_KERNEL(name, id, plain, full)                                                          \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        (void)e;                                                                                   \
        if (right_is_number(c) && against_constant(c))                                             \
            exec_kernels()->compare_f64(c->out->v.b, c->args[0].v.f64, c->args[1].v.f64[0], c->n,  \
                                        id);                                                       \
        else if (right_is_number(c))                                                               \
            FUNC_BINARY(c, double, uint8_t, (plain));                                              \
        else                                                                                       \
            FUNC_BINARY(c, double, uint8_t, (full));                                               \
        return true;                                                                               \
    }
F64_KERNEL(eq_f64, EXEC_EQ, x == y, (x == y) | ((x != x) & (y != y)))
F64_KERNEL(ne_f64, EXEC_NE, x != y, !((x == y) | ((x != x) & (y != y))))
F64_KERNEL(lt_f64, EXEC_LT, x < y, (x < y) | ((y != y) & (x == x)))
F64_KERNEL(le_f64, EXEC_LE, x <= y, (x <= y) | (y != y))
F64_KERNEL(gt_f64, EXEC_GT, !(x <= y), (x > y) | ((x != x) & (y == y)))
F64_KERNEL(ge_f64, EXEC_GE, !(x < y), (x >= y) | (x != x))

/* ---- text: bytes ---- */

#define STR_KERNEL(name, expr)                                                                     \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        (void)e;                                                                                   \
        FUNC_BINARY(c, Slice, uint8_t, expr);                                                      \
        return true;                                                                               \
    }
STR_KERNEL(eq_str, slice_eq(x, y))
STR_KERNEL(ne_str, !slice_eq(x, y))
STR_KERNEL(lt_str, slice_cmp(x, y) < 0)
STR_KERNEL(le_str, slice_cmp(x, y) <= 0)
STR_KERNEL(gt_str, slice_cmp(x, y) > 0)
STR_KERNEL(ge_str, slice_cmp(x, y) >= 0)
STR_KERNEL(starts_with, slice_starts(x, y))

/* ---- everything else by the order of the type ---- */

#define ANY_KERNEL(name, op)                                                                       \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        (void)e;                                                                                   \
        const TypeDef *def = type_find(c->args[0].type);                                           \
        FUNC_ROWS(c, row)                                                                          \
        {                                                                                          \
            Value x = vec_get(&c->args[0], row), y = vec_get(&c->args[1], row);                    \
            c->out->v.b[row] = def->cmp(&x, &y) op 0;                                              \
        }                                                                                          \
        return true;                                                                               \
    }
ANY_KERNEL(eq_any, ==)
ANY_KERNEL(ne_any, !=)
ANY_KERNEL(lt_any, <)
ANY_KERNEL(le_any, <=)
ANY_KERNEL(gt_any, >)
ANY_KERNEL(ge_any, >=)

/* (a, b) OVERLAPS (c, d): a period is in the order of its ends, one that is a point counts as that
 * point; a NULL end may leave the answer open.  The rules are those of the SQL standard. */
FUNC_SCALAR(overlaps)
{
    FUNC_UNUSED;
    Value s1 = args[0], e1 = args[1], s2 = args[2], e2 = args[3];
    struct {
        Value *start, *end;
    } both[] = {{&s1, &e1}, {&s2, &e2}};
    *out = value_null();
    for (size_t i = 0; i < 2; i++) {
        Value *s = both[i].start, *t = both[i].end, kept = *s;
        if (s->null && t->null)
            return true;
        if (s->null || (!t->null && s->u.i64 > t->u.i64)) {
            *s = *t;
            *t = kept;
        }
    }
    if (s1.u.i64 == s2.u.i64) {
        if (!e1.null && !e2.null)
            *out = value_bool(true);
        return true;
    }
    bool first_begins = s1.u.i64 < s2.u.i64;
    const Value *end = first_begins ? &e1 : &e2, *other_end = first_begins ? &e2 : &e1;
    if (end->null)
        return true;
    if ((first_begins ? s2 : s1).u.i64 < end->u.i64)
        *out = value_bool(true);
    else if (!other_end->null)
        *out = value_bool(false);
    return true;
}

/* ---- dates against timestamps ---- */

/* As timestamptz (zoned) or timestamp; infinities and days beyond the range clamp. */
static int64_t to_time(EvalCtx *ctx, TypeId type, int64_t v, bool zoned)
{
    if (time_is_infinite(v))
        return v;
    if (type == T_DATE && __builtin_mul_overflow(v, US_PER_DAY, &v))
        return TIMESTAMP_MAX_US;
    return zoned && type != T_TIMESTAMPTZ ? tz_utc_us(ctx->env.tz, v) : v;
}

#define MIXED_KERNEL(name, op)                                                                     \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        (void)e;                                                                                   \
        TypeId tx = c->expr->func->args[0], ty = c->expr->func->args[1];                           \
        bool zoned = tx == T_TIMESTAMPTZ || ty == T_TIMESTAMPTZ;                                   \
        FUNC_BINARY(c, int64_t, uint8_t,                                                           \
                    to_time(c->ctx, tx, x, zoned) op to_time(c->ctx, ty, y, zoned));               \
        return true;                                                                               \
    }
MIXED_KERNEL(eq_mixed, ==)
MIXED_KERNEL(ne_mixed, !=)
MIXED_KERNEL(lt_mixed, <)
MIXED_KERNEL(le_mixed, <=)
MIXED_KERNEL(gt_mixed, >)
MIXED_KERNEL(ge_mixed, >=)

/* ---- the table ---- */

#define COMPARE(t1, t2, form, fl)                                                                  \
    FK("=(" t1 ", " t2 ") bool", eq_##form, OP | (fl), "equal"),                                   \
        FK("<>(" t1 ", " t2 ") bool", ne_##form, OP | (fl), "not equal"),                          \
        FK("<(" t1 ", " t2 ") bool", lt_##form, OP | (fl), "less than"),                           \
        FK("<=(" t1 ", " t2 ") bool", le_##form, OP | (fl), "less than or equal"),                 \
        FK(">(" t1 ", " t2 ") bool", gt_##form, OP | (fl), "greater than"),                        \
        FK(">=(" t1 ", " t2 ") bool", ge_##form, OP | (fl), "greater than or equal")

FuncDef func_compare[] = {
    COMPARE("int8", "int8", i64, 0),
    COMPARE("int4", "int4", i64, 0),
    COMPARE("int2", "int2", i64, 0),
    COMPARE("int2", "int4", i64, 0),
    COMPARE("int2", "int8", i64, 0),
    COMPARE("int4", "int2", i64, 0),
    COMPARE("int4", "int8", i64, 0),
    COMPARE("int8", "int2", i64, 0),
    COMPARE("int8", "int4", i64, 0),
    COMPARE("oid", "oid", i64, 0),
    FK("=(xid, xid) bool", eq_i64, OP, "equal"),
    FK("<>(xid, xid) bool", ne_i64, OP, "not equal"),
    FK("=(xid, int4) bool", eq_i64, OP, "equal"),
    COMPARE("float8", "float8", f64, 0),
    COMPARE("float4", "float4", f64, 0),
    COMPARE("float4", "float8", f64, 0),
    COMPARE("float8", "float4", f64, 0),
    COMPARE("bool", "bool", bool, 0),
    COMPARE("text", "text", str, 0),
    COMPARE("name", "name", str, 0),
    COMPARE("name", "text", str, 0),
    COMPARE("text", "name", str, 0),
    COMPARE("\"char\"", "\"char\"", str, 0),
    COMPARE("bytea", "bytea", str, 0),
    COMPARE("uuid", "uuid", str, 0),
    COMPARE("jsonb", "jsonb", any, 0),
    COMPARE("bpchar", "bpchar", any, 0),
    COMPARE("numeric", "numeric", any, 0),
    COMPARE("interval", "interval", any, 0),
    COMPARE("anyarray", "anyarray", any, 0),
    COMPARE("oidvector", "oidvector", any, 0),
    COMPARE("date", "date", i64, 0),
    COMPARE("time", "time", i64, 0),
    COMPARE("timetz", "timetz", i64, 0),
    COMPARE("timestamp", "timestamp", i64, 0),
    COMPARE("timestamptz", "timestamptz", i64, 0),
    COMPARE("date", "timestamp", mixed, 0),
    COMPARE("timestamp", "date", mixed, 0),
    COMPARE("date", "timestamptz", mixed, FN_STABLE),
    COMPARE("timestamptz", "date", mixed, FN_STABLE),
    COMPARE("timestamp", "timestamptz", mixed, FN_STABLE),
    COMPARE("timestamptz", "timestamp", mixed, FN_STABLE),
    FS("overlaps(timestamptz, timestamptz, timestamptz, timestamptz) bool", overlaps, 0,
       "do two periods have a time in common"),
    FS("overlaps(timestamp, timestamp, timestamp, timestamp) bool", overlaps, 0,
       "do two periods have a time in common"),
    FS("overlaps(timetz, timetz, timetz, timetz) bool", overlaps, 0,
       "do two periods have a time in common"),
    FS("overlaps(time, time, time, time) bool", overlaps, 0,
       "do two periods have a time in common"),
    FK("=(record, record) bool", eq_any, OP, "equal"),
    FK("<>(record, record) bool", ne_any, OP, "not equal"),
    FK("<(record, record) bool", lt_any, OP, "less"),
    FK("<=(record, record) bool", le_any, OP, "less or equal"),
    FK(">(record, record) bool", gt_any, OP, "greater"),
    FK(">=(record, record) bool", ge_any, OP, "greater or equal"),
    FK("^@(text, text) bool", starts_with, OP, "starts with"),
    FK("starts_with(text, text) bool", starts_with, STRICT, "starts with"),
    FUNC_END,
};
