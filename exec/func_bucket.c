#include "base/clock.h"
#include "exec/func_private.h"
#include "exec/func_time.h"
#include <math.h>

/* ---- date_trunc ---- */

static bool unknown_unit(Slice unit, TypeId type, Err *e)
{
    return err_set(e, ERR_INVALID_PARAMETER, "unit \"%.*s\" not recognized for type %s",
                   SLICE_ARG(unit), type_find(type)->display);
}

static bool unsupported_unit(Slice unit, TypeId type, Err *e)
{
    return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "unit \"%.*s\" not supported for type %s",
                   SLICE_ARG(unit), type_find(type)->display);
}

static bool out_of_range(Err *e)
{
    return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
}

/* A start may lie before the first time there is. */
static bool too_early(int64_t us)
{
    return us < TIMESTAMP_MIN_US && us != INT64_MIN;
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
    FUNC_ROWS(c, row)
    {
        int64_t us = vec_get(&c->args[1], row).u.i64, *out = &c->out->v.i64[row];
        Slice unit = vec_get(&c->args[0], row).u.str;
        if ((uint64_t)us - (uint64_t)start < length) {
            *out = start;
            continue;
        }
        if (k_ == 0 || !constant) {
            if (c->arg_count == 3 && !func_zone(vec_get(&c->args[2], row).u.str, &tz, e))
                return false;
            if (!time_field_find(unit, &f))
                return unknown_unit(unit, type, e);
        }
        if (!(type == T_TIMESTAMP ? timestamp_trunc_us(f, us, out) : trunc_zoned(f, tz, us, out)))
            return unsupported_unit(unit, type, e);
        if (too_early(*out))
            return out_of_range(e);
        start = *out;
        length = constant && !time_is_infinite(us) ? trunc_length(f) : 0;
    }
    return true;
}

/* Some 35 years: differences with a time do not overflow. */
#define FIXED_WIDTH_MAX (INT64_C(1) << 50)

/* Buckets of one width, counted from an origin.  Rows come mostly in order of time, so that the bucket
 * of the row before is tried first and divisions are rare. */
static bool fixed_buckets(FnCall *c, const int64_t *x, size_t step, int64_t width, int64_t origin,
                          Err *e)
{
    bool early = false;
    int64_t shift = floor_mod(origin, width), start = 0;
    uint64_t length = 0; /* of the bucket at start; 0: none yet */
    int64_t *restrict out = c->out->v.i64;
    FUNC_ROWS(c, row)
    {
        int64_t v = x[row * step];
        if ((uint64_t)v - (uint64_t)start < length) {
            out[row] = start;
        } else if (v < TIMESTAMP_MIN_US || v > TIMESTAMP_MAX_US) {
            out[row] = v; /* infinite */
        } else {
            start = v - floor_mod(v - shift, width);
            length = (uint64_t)width;
            early |= start < TIMESTAMP_MIN_US;
            out[row] = start;
        }
    }
    return early ? out_of_range(e) : true;
}

/* A constant unit of fixed length is a loop of arithmetic. */
static bool kernel_trunc(FnCall *c, Err *e)
{
    static const int64_t width[] = {
        [FIELD_US] = 1,
        [FIELD_MS] = 1000,
        [FIELD_SECOND] = US_PER_S,
        [FIELD_MINUTE] = US_PER_MIN,
        [FIELD_HOUR] = US_PER_H,
        [FIELD_DAY] = US_PER_DAY,
    };
    TimeField f;
    bool zoned = c->expr->func->args[1] == T_TIMESTAMPTZ;
    bool utc = c->arg_count == 2 && c->ctx->env.tz == tz_utc();
    if (c->args[0].kind != VEC_CONST || !time_field_find(c->args[0].v.str[0], &f) ||
        f > FIELD_DAY || (zoned && f > FIELD_SECOND && !utc))
        return trunc_rows(c, e);
    size_t step;
    const int64_t *x = func_arg(c, 1, &step);
    return fixed_buckets(c, x, step, width[f], 0, e);
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
    if (type != T_INTERVAL && type != T_TIME && time_is_infinite(in->u.i64)) {
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

/* ---- buckets ---- */

/* 2000-01-03 is a Monday, so that weeks start there; months count from 2000-01-01. */
#define ORIGIN_MONDAY_US (INT64_C(10959) * US_PER_DAY)
#define ORIGIN_MONTH_US  (INT64_C(10957) * US_PER_DAY)

typedef struct Bucket {
    int64_t width_us; /* 0: months */
    int32_t months;
    int64_t origin_us; /* local if there is a zone */
    Interval offset;
    bool has_offset;
    const TimeZone *tz; /* NULL: none */
} Bucket;

static bool bucket_width(Interval iv, Bucket *b, Err *e)
{
    *b = (Bucket){.months = iv.months, .origin_us = ORIGIN_MONTH_US};
    if (iv.months != 0) {
        if (iv.days != 0 || iv.us != 0)
            return err_set(e, ERR_INVALID_PARAMETER,
                           "month intervals cannot have day or time component");
    } else {
        b->origin_us = ORIGIN_MONDAY_US;
        if (!interval_fixed_us(iv, &b->width_us))
            return err_set(e, ERR_INTERVAL_RANGE, "interval out of range");
    }
    if (iv.months < 0 || (iv.months == 0 && b->width_us <= 0))
        return err_set(e, ERR_INVALID_PARAMETER, "period must be greater than 0");
    return true;
}

static int64_t bucket_start(const Bucket *b, int64_t us)
{
    return b->months ? time_bucket_months(b->months, us, b->origin_us)
                     : time_bucket_us(b->width_us, us, b->origin_us);
}

static bool bucket_row(const Bucket *b, int64_t us, int64_t *out, Err *e)
{
    Interval back;
    if (b->tz)
        us = tz_local_us(b->tz, us);
    if (b->has_offset && (!interval_neg(b->offset, &back, e) || !timestamp_add(us, back, &us, e)))
        return false;
    us = bucket_start(b, us);
    if (b->has_offset && !timestamp_add(us, b->offset, &us, e))
        return false;
    *out = b->tz ? tz_utc_us(b->tz, us) : us;
    return !too_early(*out) || out_of_range(e);
}

static bool as_us(TypeId type, int64_t v, int64_t *us, Err *e)
{
    *us = v;
    if (type == T_DATE && !time_is_infinite(v) && __builtin_mul_overflow(v, US_PER_DAY, us))
        return err_set(e, ERR_DATETIME_RANGE, "date out of range for timestamp");
    return true;
}

/* Third and later arguments by their type; a text that is no zone may be an offset or an origin:
 * time_bucket('1 day', time, '6 hours'). */
static bool bucket_extra(FnCall *c, size_t k, size_t row, Bucket *b, Err *e)
{
    Value v = vec_get(&c->args[k], row);
    TypeId type = c->expr->func->args[k];
    Err other;
    if (v.null)
        return true;
    if (type == T_INTERVAL) {
        b->offset = v.u.iv;
        b->has_offset = true;
    } else if (type == T_TEXT) {
        if (!func_zone(v.u.str, &b->tz, e)) {
            b->tz = NULL;
            b->has_offset = interval_parse(v.u.str, &b->offset, &other);
            return b->has_offset ||
                   datetime_parse(&c->ctx->env, KIND_TIMESTAMPTZ, v.u.str, &b->origin_us, &other);
        }
    } else {
        if (!as_us(type, v.u.i64, &b->origin_us, e))
            return false;
        if (b->tz)
            b->origin_us = tz_local_us(b->tz, b->origin_us);
        if (time_is_infinite(b->origin_us))
            return err_set(e, ERR_INVALID_PARAMETER, "invalid origin: infinity");
    }
    return true;
}

static bool bucket_setup(FnCall *c, size_t row, Bucket *b, Err *e)
{
    if (!bucket_width(vec_get(&c->args[0], row).u.iv, b, e))
        return false;
    for (size_t k = 2; k < c->arg_count; k++)
        if (!bucket_extra(c, k, row, b, e))
            return false;
    return true;
}

/* At least so long lasts a bucket, as trunc_length(). */
static uint64_t bucket_length(const Bucket *b)
{
    uint64_t width =
        b->months ? (uint64_t)b->months * 28 * (uint64_t)US_PER_DAY : (uint64_t)b->width_us;
    if (!b->tz && !b->has_offset)
        return width;
    bool days = b->months || (b->width_us % US_PER_DAY == 0 && b->offset.months == 0);
    return days ? width - 4 * US_PER_H : 0;
}

static bool bucket_is_const(const FnCall *c)
{
    for (size_t k = 0; k < c->arg_count; k++)
        if (k != 1 && c->args[k].kind != VEC_CONST)
            return false;
    return true;
}

static bool kernel_bucket(FnCall *c, Err *e)
{
    Bucket b;
    size_t step;
    TypeId type = c->expr->func->args[1];
    bool constant = bucket_is_const(c);
    const int64_t *x = func_arg(c, 1, &step);
    if (constant && !bucket_setup(c, 0, &b, e))
        return false;
    bool fixed = constant && !b.tz && !b.has_offset && !b.months && b.width_us < FIXED_WIDTH_MAX;
    if (fixed && type != T_DATE) {
        return fixed_buckets(c, x, step, b.width_us, b.origin_us, e);
    }
    int64_t start = 0;
    uint64_t length = 0;
    FUNC_ROWS(c, row)
    {
        int64_t us, *out = &c->out->v.i64[row];
        if (!constant && !bucket_setup(c, row, &b, e))
            return false;
        if (!as_us(type, x[row * step], &us, e))
            return false;
        if ((uint64_t)us - (uint64_t)start < length) {
            *out = start;
        } else {
            if (!bucket_row(&b, us, out, e))
                return false;
            start = *out;
            length = constant && !time_is_infinite(us) ? bucket_length(&b) : 0;
        }
        if (type == T_DATE && !time_is_infinite(*out))
            *out = floor_div(*out, US_PER_DAY);
    }
    return true;
}

/* Null origin, offset or zone count as not given, so these forms are not strict. */
static bool kernel_bucket_extra(FnCall *c, Err *e)
{
    uint16_t *sel = arena_alloc(c->ctx->scratch, (c->n + 1) * sizeof *sel);
    size_t n = 0;
    FUNC_ROWS(c, row)
    {
        if (vec_is_null(&c->args[0], row) || vec_is_null(&c->args[1], row))
            vec_set_null(c->out, row, c->rows, c->ctx->scratch);
        else
            sel[n++] = (uint16_t)row;
    }
    FnCall call = *c;
    call.sel = sel;
    call.n = n;
    return n == 0 || kernel_bucket(&call, e);
}

FUNC_SCALAR(bucket_int)
{
    FUNC_UNUSED;
    int64_t width = args[0].u.i64, v = args[1].u.i64, offset = n == 3 ? args[2].u.i64 : 0, moved, r;
    if (width <= 0)
        return err_set(e, ERR_INVALID_PARAMETER, "period must be greater than 0");
    if (__builtin_sub_overflow(v, offset % width, &moved) ||
        __builtin_sub_overflow(v, floor_mod(moved, width), &r))
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    *out = value_i64(r);
    return true;
}

FUNC_SCALAR(date_bin)
{
    FUNC_UNUSED;
    Interval iv = args[0].u.iv;
    int64_t width, us = args[1].u.i64, origin = args[2].u.i64, diff, r;
    if (iv.months != 0)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "timestamps cannot be binned into intervals containing months or years");
    if (!interval_fixed_us(iv, &width))
        return err_set(e, ERR_DATETIME_RANGE, "interval out of range");
    if (time_is_infinite(us)) {
        *out = value_i64(us);
        return true;
    }
    if (time_is_infinite(origin))
        return err_set(e, ERR_DATETIME_RANGE, "origin out of range");
    if (width <= 0)
        return err_set(e, ERR_DATETIME_RANGE, "stride must be greater than zero");
    if (__builtin_sub_overflow(us, origin, &diff) ||
        __builtin_sub_overflow(us, floor_mod(diff, width), &r) || r < TIMESTAMP_MIN_US)
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    *out = value_i64(r);
    return true;
}

/* ---- the table ---- */

#define EXTRACT(type, fl)                                                                          \
    FK("extract(text, " type ") numeric", extract_rows, STRICT | (fl), "a field of a time"),       \
        FK("date_part(text, " type ") float8", extract_rows, STRICT | (fl), "a field of a time")
#define BUCKET(t)                                                                                  \
    FK("time_bucket(interval, " t ") " t, kernel_bucket, STRICT, "start of the bucket"),           \
        FK("time_bucket(interval, " t ", " t ") " t, kernel_bucket_extra, 0,                       \
           "start of the bucket, from an origin"),                                                 \
        FK("time_bucket(interval, " t ", interval) " t, kernel_bucket_extra, 0,                    \
           "start of the bucket, moved by an offset")

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
    EXTRACT("interval", 0),
    BUCKET("timestamptz"),
    BUCKET("timestamp"),
    BUCKET("date"),
    FK("time_bucket(interval, timestamptz, text) timestamptz", kernel_bucket_extra, FN_STABLE,
       "start of the bucket, in a zone"),
    FK("time_bucket(interval, timestamptz, text, timestamptz) timestamptz", kernel_bucket_extra, 0,
       "start of the bucket, in a zone, from an origin"),
    FK("time_bucket(interval, timestamptz, text, timestamptz, interval) timestamptz",
       kernel_bucket_extra, 0,
       "start of the bucket, in a zone, from an origin, moved by an offset"),
    FS("time_bucket(int2, int2) int2", bucket_int, STRICT, "start of the bucket"),
    FS("time_bucket(int4, int4) int4", bucket_int, STRICT, "start of the bucket"),
    FS("time_bucket(int8, int8) int8", bucket_int, STRICT, "start of the bucket"),
    FS("time_bucket(int2, int2, int2) int2", bucket_int, STRICT, "start of the bucket, moved"),
    FS("time_bucket(int4, int4, int4) int4", bucket_int, STRICT, "start of the bucket, moved"),
    FS("time_bucket(int8, int8, int8) int8", bucket_int, STRICT, "start of the bucket, moved"),
    FS("date_bin(interval, timestamptz, timestamptz) timestamptz", date_bin, STRICT,
       "start of the bucket that counts from an origin"),
    FS("date_bin(interval, timestamp, timestamp) timestamp", date_bin, STRICT,
       "start of the bucket that counts from an origin"),
    FUNC_END,
};
