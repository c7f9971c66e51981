#include "base/clock.h"
#include "exec/bucket.h"
#include "exec/func_private.h"
#include "exec/func_time.h"
#include <math.h>

/* ---- date_trunc ---- */

static bool bad_unit(ErrCode code, const char *what, Slice unit, TypeId type, Err *e)
{
    char name[64];
    size_t n = 0;
    for (; n < sizeof name - 1 && n < unit.len; n++) /* cut as a name would be */
        name[n] = unit.ptr[n] >= 'A' && unit.ptr[n] <= 'Z' ? (char)(unit.ptr[n] + 32) : unit.ptr[n];
    while (n < unit.len && n > 0 && (unit.ptr[n] & 0xC0) == 0x80)
        n--;
    return err_set(e, code, "unit \"%.*s\" not %s for type %s", (int)n, name, what,
                   type_find(type)->display);
}

static bool unknown_unit(Slice unit, TypeId type, Err *e)
{
    return bad_unit(ERR_INVALID_PARAMETER, "recognized", unit, type, e);
}

static bool unsupported_unit(Slice unit, TypeId type, Err *e)
{
    return bad_unit(ERR_FEATURE_NOT_SUPPORTED, "supported", unit, type, e);
}

/* The time of day does not shift in UTC-based units, so only days and longer need the zone. */
static bool trunc_zoned(TimeField f, const TimeZone *tz, int64_t us, int64_t *out)
{
    int64_t local;
    if (f <= FIELD_SECOND)
        return timestamp_trunc_us(f, us, out);
    if (!timestamp_trunc_us(f, tz_local_us(tz, us), &local))
        return false;
    if (f <= FIELD_HOUR && !time_is_infinite(us)) /* stays on its side of a clock change */
        *out = us - (tz_local_us(tz, us) - local);
    else
        *out = tz_utc_us(tz, local);
    return true;
}

/* A unit of a local day or more lasts at least so long, whatever the clock does: rows that follow a row
 * within it have the same start.  0: no such promise. */
static uint64_t trunc_length(TimeField f)
{
    static const uint8_t days[] = {
        [FIELD_DAY] = 1,    [FIELD_WEEK] = 7,     [FIELD_MONTH] = 28,    [FIELD_QUARTER] = 90,
        [FIELD_YEAR] = 250, [FIELD_DECADE] = 250, [FIELD_CENTURY] = 250, [FIELD_MILLENNIUM] = 250,
    };
    return f >= FIELD_DAY && f <= FIELD_MILLENNIUM ? days[f] * (uint64_t)US_PER_DAY - 4 * US_PER_H
                                                   : 0;
}

static bool trunc_rows(FnCall *c, Err *e)
{
    TypeId type = c->expr->func->args[1];
    bool constant =
        c->args[0].kind == VEC_CONST && (c->arg_count == 2 || c->args[2].kind == VEC_CONST);
    const TimeZone *tz = c->ctx->env.tz;
    TimeField f = FIELD_US;
    int64_t start = 0;
    uint64_t length = 0;
    bool known = false; /* unit and zone have been looked at */
    FUNC_ROWS(c, row)
    {
        int64_t us = vec_get(&c->args[1], row).u.i64, *out = &c->out->v.i64[row];
        Slice unit = vec_get(&c->args[0], row).u.str;
        if (time_is_infinite(us)) { /* of whatever unit */
            *out = us;
            continue;
        }
        if ((uint64_t)us - (uint64_t)start < length) {
            *out = start;
            continue;
        }
        if (!known || !constant) {
            known = true;
            if (c->arg_count == 3 && !func_zone(vec_get(&c->args[2], row).u.str, &tz, e))
                return false;
            if (!time_field_find(unit, &f))
                return unknown_unit(unit, type, e);
        }
        if (!(type == T_TIMESTAMP ? timestamp_trunc_us(f, us, out) : trunc_zoned(f, tz, us, out)))
            return unsupported_unit(unit, type, e);
        if (time_too_early(*out))
            return time_out_of_range(e);
        start = *out;
        length = constant && !time_is_infinite(us) ? trunc_length(f) : 0;
    }
    return true;
}

/* A constant unit of fixed length is a loop of arithmetic. */
static bool kernel_trunc(FnCall *c, Err *e)
{
    TimeField f;
    bool zoned = c->expr->func->args[1] == T_TIMESTAMPTZ;
    bool utc = c->arg_count == 2 && c->ctx->env.tz == tz_utc();
    if (c->args[0].kind != VEC_CONST || !time_field_find(c->args[0].v.str[0], &f) ||
        f > FIELD_DAY || (zoned && f > FIELD_SECOND && !utc))
        return trunc_rows(c, e);
    size_t step;
    const int64_t *x = func_arg(c, 1, &step);
    return bucket_fixed_rows(c, x, step, time_field_us(f), 0, e);
}

FUNC_SCALAR(trunc_interval)
{
    FUNC_UNUSED;
    TimeField f;
    *out = (Value){.phys = PH_INTERVAL};
    if (!time_field_find(args[0].u.str, &f))
        return unknown_unit(args[0].u.str, T_INTERVAL, e);
    if (interval_trunc(f, args[1].u.iv, &out->u.iv))
        return true;
    unsupported_unit(args[0].u.str, T_INTERVAL, e);
    return f == FIELD_WEEK ? err_detail(e, "Months usually have fractional weeks.") : false;
}

/* ---- extract, date_part ---- */

/* Fields that only grow are infinite for an infinite time, the others NULL. */
static bool infinite_field(TimeField f)
{
    switch (f) {
    case FIELD_YEAR:
    case FIELD_DECADE:
    case FIELD_CENTURY:
    case FIELD_MILLENNIUM:
    case FIELD_JULIAN:
    case FIELD_ISOYEAR:
    case FIELD_EPOCH:
        return true;
    default:
        return false;
    }
}

static bool date_has_field(TimeField f)
{
    return f >= FIELD_DAY && f <= FIELD_EPOCH;
}

static bool field_of(EvalCtx *ctx, TypeId type, TimeField f, const Value *v, FieldValue *out)
{
    int64_t us = v->u.i64, local = us;
    int32_t offset = 0;
    switch (type) {
    case T_INTERVAL:
        return interval_field(f, v->u.iv, out);
    case T_TIME:
        return time_field_of_time(f, us, out);
    case T_TIMETZ:
        return timetz_field(f, us, out);
    case T_DATE:
        return date_field_value(f, us, out);
    case T_TIMESTAMPTZ:
        offset = tz_offset_at(ctx->env.tz, floor_div(us, US_PER_S), NULL);
        local = tz_local_us(ctx->env.tz, us);
        break;
    default:
        if (f >= FIELD_TIMEZONE)
            return false;
        break;
    }
    return timestamp_field(f, local, us, offset, out);
}

/* Julian dates with a time come as us (scale -1): divided with as many digits as PostgreSQL. */
static bool field_numeric(const FieldValue *f, Arena *a, Num *out, Err *e)
{
    if (f->scale >= 0) {
        *out = num_of_i128(f->coef, f->scale, a);
        return true;
    }
    Num whole = num_of_i64((int64_t)(f->coef / US_PER_DAY)), fraction;
    Num rest = num_of_i64((int64_t)(f->coef % US_PER_DAY)), day = num_of_i64(US_PER_DAY);
    return num_div(&rest, &day, a, &fraction, e) && num_add(&whole, &fraction, a, out, e);
}

static double field_double(const FieldValue *f)
{
    static const double unit[] = {1, 1e3, 1e6};
    if (f->scale < 0)
        return (double)(f->coef / US_PER_DAY) + (double)(f->coef % US_PER_DAY) / (double)US_PER_DAY;
    if (f->scale == 0 || f->scale == 3)
        return (double)f->coef / unit[f->scale / 3];
    return (double)f->coef / unit[2];
}

static bool extract_row(EvalCtx *ctx, TypeId type, Slice unit, TimeField f, const Value *in,
                        bool numeric, Value *out, Err *e)
{
    FieldValue field;
    *out = (Value){.phys = numeric ? PH_NUM : PH_F64};
    if (type != T_INTERVAL && type != T_TIME && type != T_TIMETZ && time_is_infinite(in->u.i64)) {
        if (type == T_DATE && !date_has_field(f))
            return unsupported_unit(unit, type, e);
        if (!infinite_field(f))
            out->null = true;
        else if (numeric)
            out->u.num.kind = in->u.i64 > 0 ? NUM_PINF : NUM_NINF;
        else
            out->u.f64 = in->u.i64 > 0 ? INFINITY : -INFINITY;
        return true;
    }
    if (!field_of(ctx, type, f, in, &field))
        return unsupported_unit(unit, type, e);
    if (numeric)
        return field_numeric(&field, ctx->scratch, &out->u.num, e);
    out->u.f64 = field_double(&field);
    return true;
}

static bool extract_rows(FnCall *c, Err *e)
{
    TypeId type = c->expr->func->args[1];
    bool numeric = c->expr->func->result == T_NUMERIC;
    TimeField f = FIELD_US;
    Slice unit = SLICE_NONE;
    FUNC_ROWS(c, row)
    {
        Value in = vec_get(&c->args[1], row), v;
        if (k_ == 0 || c->args[0].kind != VEC_CONST) {
            unit = vec_get(&c->args[0], row).u.str;
            if (!time_field_find(unit, &f))
                return unknown_unit(unit, type, e);
        }
        if (!extract_row(c->ctx, type, unit, f, &in, numeric, &v, e))
            return false;
        vec_set(c->out, row, &v, c->rows, c->ctx->scratch);
    }
    return true;
}

/* ---- the table ---- */

#define EXTRACT(type, fl)                                                                          \
    FK("extract(text, " type ") numeric", extract_rows, STRICT | (fl), "a field of a time"),       \
        FK("date_part(text, " type ") float8", extract_rows, STRICT | (fl), "a field of a time")
FuncDef func_bucket[] = {
    FK("date_trunc(text, timestamptz) timestamptz", kernel_trunc, STRICT | FN_STABLE,
       "start of the unit, in the session's zone"),
    FK("date_trunc(text, timestamptz, text) timestamptz", kernel_trunc, STRICT,
       "start of the unit, in a zone"),
    FK("date_trunc(text, timestamp) timestamp", kernel_trunc, STRICT, "start of the unit"),
    FS("date_trunc(text, interval) interval", trunc_interval, STRICT, "whole units of an interval"),
    EXTRACT("timestamptz", FN_STABLE),
    EXTRACT("timestamp", 0),
    EXTRACT("date", 0),
    EXTRACT("time", 0),
    EXTRACT("timetz", 0),
    EXTRACT("interval", 0),
    FUNC_END,
};
