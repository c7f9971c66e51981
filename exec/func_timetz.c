/* exec/func_timetz.c - time with time zone: casts, arithmetic, zones. */
#include "base/clock.h"
#include "exec/func_private.h"
#include "exec/func_time.h"

/* ---- casts ---- */

FUNC_SCALAR(timetz_to_time)
{
    FUNC_UNUSED;
    *out = value_i64(timetz_us(args[0].u.i64));
    return true;
}

static int32_t session_offset(const EvalCtx *ctx)
{
    return tz_offset_at(ctx->env.tz, floor_div(ctx->txn_now_us, US_PER_S), NULL);
}

FUNC_SCALAR(time_to_timetz)
{
    FUNC_UNUSED;
    *out = value_i64(timetz_pack(args[0].u.i64, session_offset(ctx)));
    return true;
}

FUNC_SCALAR(timestamptz_to_timetz)
{
    FUNC_UNUSED;
    int64_t utc = args[0].u.i64;
    if (time_is_infinite(utc)) {
        func_null(out);
        return true;
    }
    int64_t us = floor_mod(tz_local_us(ctx->env.tz, utc), US_PER_DAY);
    int32_t offset = tz_offset_at(ctx->env.tz, floor_div(utc, US_PER_S), NULL);
    *out = value_i64(timetz_pack(us, offset));
    return true;
}

FUNC_SCALAR(date_plus_timetz)
{
    FUNC_UNUSED;
    int64_t us = args[0].u.i64;
    if (!time_is_infinite(us) && (__builtin_mul_overflow(us, US_PER_DAY, &us) ||
                                  __builtin_add_overflow(us, timetz_utc_us(args[1].u.i64), &us) ||
                                  us < TIMESTAMP_MIN_US || us > TIMESTAMP_MAX_US))
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    *out = value_i64(us);
    return true;
}

FUNC_SCALAR(timetz_plus_date)
{
    Value swapped[2] = {args[1], args[0]};
    return date_plus_timetz(ctx, swapped, n, out, e);
}

/* ---- arithmetic: around the clock, in the same zone ---- */

static Value shifted(int64_t v, int64_t us)
{
    int64_t sum = floor_mod(timetz_us(v) % US_PER_DAY + us % US_PER_DAY, US_PER_DAY);
    return value_i64(timetz_pack(sum, timetz_offset(v)));
}

FUNC_SCALAR(timetz_plus_interval)
{
    FUNC_UNUSED;
    *out = shifted(args[0].u.i64, args[1].u.iv.us);
    return true;
}

FUNC_SCALAR(interval_plus_timetz)
{
    FUNC_UNUSED;
    *out = shifted(args[1].u.i64, args[0].u.iv.us);
    return true;
}

FUNC_SCALAR(timetz_minus_interval)
{
    FUNC_UNUSED;
    *out = shifted(args[0].u.i64, -(args[1].u.iv.us % US_PER_DAY));
    return true;
}

/* ---- zones ---- */

static Value in_offset(int64_t v, int32_t offset)
{
    int64_t us = floor_mod(timetz_utc_us(v) + offset * US_PER_S, US_PER_DAY);
    return value_i64(timetz_pack(us, offset));
}

FUNC_SCALAR(timetz_zone)
{
    FUNC_UNUSED;
    const TimeZone *tz;
    if (!func_zone(args[0].u.str, &tz, e))
        return false;
    *out = in_offset(args[1].u.i64, tz_offset_at(tz, floor_div(ctx->txn_now_us, US_PER_S), NULL));
    return true;
}

FUNC_SCALAR(timetz_izone)
{
    FUNC_UNUSED;
    const TimeZone *tz;
    if (!func_zone_of_interval(&ctx->env, args[0].u.iv, &tz, e))
        return false;
    *out = in_offset(args[1].u.i64, tz_offset_at(tz, 0, NULL));
    return true;
}

/* ---- the table ---- */

enum { CI = FN_STRICT | FN_CAST_IMPLICIT, CA = FN_STRICT | FN_CAST_ASSIGN };

FuncDef func_timetz[] = {
    FS("time(timetz) time", timetz_to_time, CA, "the time of day"),
    FS("timetz(time) timetz", time_to_timetz, CI | FN_STABLE, "in the session's zone"),
    FS("timetz(timestamptz) timetz", timestamptz_to_timetz, CA | FN_STABLE,
       "the time of day in the session's zone"),
    FS("timestamptz(date, timetz) timestamptz", date_plus_timetz, STRICT, "the day at a time"),
    FS("+(date, timetz) timestamptz", date_plus_timetz, OP, "the day at a time"),
    FS("+(timetz, date) timestamptz", timetz_plus_date, OP, "the day at a time"),
    FS("+(timetz, interval) timetz", timetz_plus_interval, OP, "later, past midnight"),
    FS("+(interval, timetz) timetz", interval_plus_timetz, OP, "later, past midnight"),
    FS("-(timetz, interval) timetz", timetz_minus_interval, OP, "earlier, past midnight"),
    FS("timezone(text, timetz) timetz", timetz_zone, STRICT | FN_STABLE, "the time in a zone"),
    FS("timezone(interval, timetz) timetz", timetz_izone, STRICT, "the time at an offset"),
    FUNC_END,
};
