/* time_bucket and date_bin: times to the starts of their buckets. */
#include "base/clock.h"
#include "exec/bucket.h"
#include "exec/func_private.h"
#include "exec/func_time.h"

bool time_out_of_range(Err *e)
{
    return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
}

/* Some 35 years: differences with a time do not overflow. */
#define FIXED_WIDTH_MAX (INT64_C(1) << 50)

/* Buckets of one width, counted from an origin.  Rows come mostly in order of time, so that the bucket
 * of the row before is tried first and divisions are rare. */
bool bucket_fixed_rows(FnCall *c, const int64_t *x, size_t step, int64_t width, int64_t origin,
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
    return early ? time_out_of_range(e) : true;
}

/* ---- buckets ---- */

/* 2000-01-03 is a Monday, so that weeks start there; months count from 2000-01-01. */
#define ORIGIN_MONDAY_US (INT64_C(10959) * US_PER_DAY)
#define ORIGIN_MONTH_US  (INT64_C(10957) * US_PER_DAY)

static bool is_integer_time(TypeId t)
{
    return t == T_INT2 || t == T_INT4 || t == T_INT8;
}

static bool width_positive(const Bucket *b, Err *e)
{
    if (b->months < 0 || (b->months == 0 && b->width <= 0))
        return err_set(e, ERR_INVALID_PARAMETER, "period must be greater than 0");
    return true;
}

bool bucket_init(Bucket *b, TypeId type, const Value *width, Err *e)
{
    *b = (Bucket){.type = type};
    if (is_integer_time(type)) {
        b->width = width->u.i64;
        return width_positive(b, e);
    }
    Interval iv = width->u.iv;
    b->months = iv.months;
    b->origin_us = ORIGIN_MONTH_US;
    if (iv.months != 0) {
        if (iv.days != 0 || iv.us != 0)
            return err_set(e, ERR_INVALID_PARAMETER,
                           "month intervals cannot have day or time component");
    } else {
        b->origin_us = ORIGIN_MONDAY_US;
        if (!interval_fixed_us(iv, &b->width))
            return err_set(e, ERR_INTERVAL_RANGE, "interval out of range");
    }
    return width_positive(b, e);
}

bool bucket_of_unit(Bucket *b, TypeId type, Slice unit)
{
    static const int32_t months[] = {
        [FIELD_MONTH] = 1,    [FIELD_QUARTER] = 3,    [FIELD_YEAR] = 12,
        [FIELD_DECADE] = 120, [FIELD_CENTURY] = 1200, [FIELD_MILLENNIUM] = 12000,
    };
    TimeField f;
    if (!time_field_find(unit, &f) || f > FIELD_MILLENNIUM)
        return false;
    *b = (Bucket){.type = type, .width = time_field_us(f)};
    b->months = f > FIELD_WEEK ? months[f] : 0;
    b->origin_us = b->months ? ORIGIN_MONTH_US : ORIGIN_MONDAY_US;
    if (f >= FIELD_CENTURY) /* 2001, not 2000 */
        b->origin_us += 366 * US_PER_DAY;
    return true;
}

bool bucket_zone(Bucket *b, Slice zone, Err *e)
{
    return func_zone(zone, &b->tz, e);
}

static int64_t bucket_start(const Bucket *b, int64_t us)
{
    return b->months ? time_bucket_months(b->months, us, b->origin_us)
                     : time_bucket_us(b->width, us, b->origin_us);
}

static bool bucket_of_us(const Bucket *b, int64_t us, int64_t *out, Err *e)
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
    return !time_too_early(*out) || time_out_of_range(e);
}

static bool bucket_of_int(int64_t width, int64_t v, int64_t offset, int64_t *start, Err *e)
{
    int64_t moved;
    if (__builtin_sub_overflow(v, offset % width, &moved) ||
        __builtin_sub_overflow(v, floor_mod(moved, width), start))
        return time_out_of_range(e);
    return true;
}

static bool as_us(TypeId type, int64_t v, int64_t *us, Err *e)
{
    *us = v;
    if (type == T_DATE && !time_is_infinite(v) && __builtin_mul_overflow(v, US_PER_DAY, us))
        return err_set(e, ERR_DATETIME_RANGE, "date out of range for timestamp");
    return true;
}

static int64_t from_us(TypeId type, int64_t us)
{
    return type == T_DATE && !time_is_infinite(us) ? floor_div(us, US_PER_DAY) : us;
}

bool bucket_origin(Bucket *b, int64_t origin, Err *e)
{
    if (!as_us(b->type, origin, &b->origin_us, e))
        return false;
    if (b->tz)
        b->origin_us = tz_local_us(b->tz, b->origin_us);
    if (time_is_infinite(b->origin_us))
        return err_set(e, ERR_INVALID_PARAMETER, "invalid origin: infinity");
    return true;
}

bool bucket_floor(const Bucket *b, int64_t v, int64_t *start, Err *e)
{
    int64_t us;
    if (is_integer_time(b->type))
        return bucket_of_int(b->width, v, 0, start, e);
    if (!as_us(b->type, v, &us, e) || !bucket_of_us(b, us, start, e))
        return false;
    *start = from_us(b->type, *start);
    return true;
}

/* Where the clock goes back, two local times are one: the step is repeated until time has passed. */
static bool after_us(const Bucket *b, int64_t start, int64_t *next, Err *e)
{
    Interval step = {.us = b->months ? 0 : b->width, .months = b->months};
    int64_t us = b->tz ? tz_local_us(b->tz, start) : start;
    do {
        if (!timestamp_add(us, step, &us, e) ||
            !bucket_of_us(b, b->tz ? tz_utc_us(b->tz, us) : us, next, e))
            return false;
    } while (*next <= start);
    return true;
}

bool bucket_after(const Bucket *b, int64_t start, int64_t *next, Err *e)
{
    int64_t us;
    if (is_integer_time(b->type)) {
        if (__builtin_add_overflow(start, b->width, next))
            *next = INT64_MAX;
        return true;
    }
    if (time_is_infinite(start)) {
        *next = INT64_MAX;
        return true;
    }
    if (!as_us(b->type, start, &us, e) || !after_us(b, us, next, e))
        return false;
    *next = from_us(b->type, *next);
    return true;
}

/* Third and later arguments by their type; a text that is no zone may be an offset or an origin:
 * time_bucket('1 day', time, '6 hours'). */
bool bucket_extra(Bucket *b, const TypeEnv *env, TypeId type, const Value *v, Err *e)
{
    Err other;
    if (v->null)
        return true;
    if (type == T_INTERVAL) {
        b->offset = v->u.iv;
        b->has_offset = true;
    } else if (type == T_TEXT) {
        if (!func_zone(v->u.str, &b->tz, e)) {
            b->tz = NULL; /* '2026-01-01 05:00' could be read as 2026 years, too */
            if (datetime_parse(env, KIND_TIMESTAMPTZ, v->u.str, &b->origin_us, &other))
                return true;
            b->has_offset = interval_parse(v->u.str, &b->offset, &other);
            return b->has_offset;
        }
    } else {
        return bucket_origin(b, v->u.i64, e);
    }
    return true;
}

static bool bucket_setup(FnCall *c, size_t row, Bucket *b, Err *e)
{
    Value width = vec_get(&c->args[0], row);
    if (!bucket_init(b, c->expr->func->args[1], &width, e))
        return false;
    for (size_t k = 2; k < c->arg_count; k++) {
        Value v = vec_get(&c->args[k], row);
        if (!bucket_extra(b, &c->ctx->env, c->expr->func->args[k], &v, e))
            return false;
    }
    return true;
}

/* At least so long lasts a bucket, as trunc_length(). */
static uint64_t bucket_length(const Bucket *b)
{
    uint64_t width =
        b->months ? (uint64_t)b->months * 28 * (uint64_t)US_PER_DAY : (uint64_t)b->width;
    if (!b->tz && !b->has_offset)
        return width;
    bool days = b->months || (b->width % US_PER_DAY == 0 && b->offset.months == 0);
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
    bool fixed = constant && !b.tz && !b.has_offset && !b.months && b.width < FIXED_WIDTH_MAX;
    if (fixed && type != T_DATE) {
        return bucket_fixed_rows(c, x, step, b.width, b.origin_us, e);
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
            if (!bucket_of_us(&b, us, out, e))
                return false;
            start = *out;
            length = constant && !time_is_infinite(us) ? bucket_length(&b) : 0;
        }
        *out = from_us(type, *out);
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
    int64_t start = 0;
    Bucket b = {.width = args[0].u.i64};
    if (!width_positive(&b, e) ||
        !bucket_of_int(b.width, args[1].u.i64, n == 3 ? args[2].u.i64 : 0, &start, e))
        return false;
    *out = value_i64(start);
    return true;
}

/* The bounds of time_bucket_gapfill() are no business of the bucket; its zone is. */
static bool kernel_gapfill(FnCall *c, Err *e)
{
    FnCall call = *c;
    call.arg_count = c->arg_count > 2 && c->expr->func->args[2] == T_TEXT ? 3 : 2;
    return kernel_bucket_extra(&call, e);
}

FUNC_SCALAR(gapfill_int)
{
    (void)n;
    return bucket_int(ctx, args, 2, out, e);
}

FUNC_SCALAR(date_bin)
{
    FUNC_UNUSED;
    Interval iv = args[0].u.iv;
    int64_t width, us = args[1].u.i64, origin = args[2].u.i64, diff, r;
    if (time_is_infinite(us)) {
        *out = value_i64(us);
        return true;
    }
    if (time_is_infinite(origin))
        return err_set(e, ERR_DATETIME_RANGE, "origin out of range");
    if (iv.months != 0)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "timestamps cannot be binned into intervals containing months or years");
    if (!interval_fixed_us(iv, &width))
        return err_set(e, ERR_DATETIME_RANGE, "interval out of range");
    if (width <= 0)
        return err_set(e, ERR_DATETIME_RANGE, "stride must be greater than zero");
    if (__builtin_sub_overflow(us, origin, &diff) ||
        __builtin_sub_overflow(us, floor_mod(diff, width), &r) || r < TIMESTAMP_MIN_US)
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    *out = value_i64(r);
    return true;
}

/* ---- the table ---- */

#define BUCKET(t)                                                                                  \
    FK("time_bucket(interval, " t ") " t, kernel_bucket, STRICT, "start of the bucket"),           \
        FK("time_bucket(interval, " t ", " t ") " t, kernel_bucket_extra, 0,                       \
           "start of the bucket, from an origin"),                                                 \
        FK("time_bucket(interval, " t ", interval) " t, kernel_bucket_extra, 0,                    \
           "start of the bucket, moved by an offset")

/* All arguments but the zone are cut at plan time: the planner fills the gaps. */
#define GAPFILL(t)                                                                                 \
    FK("time_bucket_gapfill(interval, " t ") " t, kernel_gapfill, FN_STABLE,                       \
       "start of the bucket; buckets without rows are filled in"),                                 \
        FK("time_bucket_gapfill(interval, " t ", " t ", " t ") " t, kernel_gapfill, FN_STABLE,     \
           "start of the bucket; buckets without rows are filled in from start to finish")
#define GAPFILL_INT(t)                                                                             \
    FS("time_bucket_gapfill(" t ", " t ") " t, gapfill_int, STRICT | FN_STABLE,                    \
       "start of the bucket; buckets without rows are filled in"),                                 \
        FS("time_bucket_gapfill(" t ", " t ", " t ", " t ") " t, gapfill_int, FN_STABLE,           \
           "start of the bucket; buckets without rows are filled in from start to finish")

FuncDef func_time_bucket[] = {
    GAPFILL("timestamptz"),
    GAPFILL("timestamp"),
    GAPFILL("date"),
    GAPFILL_INT("int2"),
    GAPFILL_INT("int4"),
    GAPFILL_INT("int8"),
    FK("time_bucket_gapfill(interval, timestamptz, text, timestamptz, timestamptz) timestamptz",
       kernel_gapfill, FN_STABLE,
       "start of the bucket in a zone; buckets without rows are filled in"),
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
