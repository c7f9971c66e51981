#include "exec/datetime.h"
#include "exec/type_private.h"

/* On the wire times count from 2000-01-01. */
#define EPOCH_2000_US   (INT64_C(10957) * US_PER_DAY)
#define EPOCH_2000_DAYS INT64_C(10957)

static const TypeEnv *env_or_utc(const TypeEnv *env, TypeEnv *room)
{
    if (env && env->tz)
        return env;
    *room = (TypeEnv){.timezone = SLICE_LIT("UTC"), .tz = tz_utc(), .extra_float_digits = 1};
    if (env) {
        *room = *env;
        room->timezone = SLICE_LIT("UTC");
        room->tz = tz_utc();
    }
    return room;
}

TypeEnv type_stored_env(const TypeEnv *env)
{
    TypeEnv stored = {.timezone = SLICE_LIT("UTC"), .tz = tz_utc(), .extra_float_digits = 1};
    stored.session = env->session;
    return stored;
}

static bool time_value(const TypeEnv *env, TimeKind kind, Slice text, Value *out, Err *e)
{
    TypeEnv room;
    *out = value_i64(0);
    return datetime_parse(env_or_utc(env, &room), kind, text, &out->u.i64, e);
}

TYPE_IN(date_in)
{
    (void)typmod, (void)a;
    return time_value(env, KIND_DATE, text, out, e);
}

TYPE_OUT(date_out)
{
    TypeEnv room;
    date_print(env_or_utc(env, &room), v->u.i64, dst);
}

TYPE_IN(date_recv)
{
    (void)env, (void)typmod, (void)a;
    if (text.len != 4)
        return type_bad_binary(e);
    int32_t days = (int32_t)get_be32(text.ptr);
    if (days == INT32_MAX)
        *out = value_i64(INT64_MAX);
    else if (days == INT32_MIN)
        *out = value_i64(INT64_MIN);
    else
        *out = value_i64(days + EPOCH_2000_DAYS);
    if (!time_is_infinite(out->u.i64) && (out->u.i64 < DATE_MIN_DAYS || out->u.i64 > DATE_MAX_DAYS))
        return err_set(e, ERR_DATETIME_RANGE, "date out of range");
    return true;
}

TYPE_OUT(date_send)
{
    (void)env;
    int64_t d = v->u.i64;
    put_be32(dst, d == INT64_MAX   ? (uint32_t)INT32_MAX
                  : d == INT64_MIN ? (uint32_t)INT32_MIN
                                   : (uint32_t)(d - EPOCH_2000_DAYS));
}

TYPE_IN(time_in)
{
    return time_value(env, KIND_TIME, text, out, e) &&
           type_apply_typmod(T_TIME, typmod, false, a, out, e);
}

TYPE_OUT(time_out)
{
    (void)env;
    time_print(v->u.i64, dst);
}

TYPE_IN(time_recv)
{
    (void)env;
    if (text.len != 8)
        return type_bad_binary(e);
    *out = value_i64((int64_t)get_be64(text.ptr));
    if (out->u.i64 < 0 || out->u.i64 > US_PER_DAY)
        return err_set(e, ERR_DATETIME_RANGE, "time out of range");
    return type_apply_typmod(T_TIME, typmod, false, a, out, e);
}

TYPE_IN(timetz_in)
{
    return time_value(env, KIND_TIMETZ, text, out, e) &&
           type_apply_typmod(T_TIMETZ, typmod, false, a, out, e);
}

TYPE_OUT(timetz_out)
{
    (void)env;
    timetz_print(v->u.i64, dst);
}

/* The zone counts seconds west. */
TYPE_IN(timetz_recv)
{
    (void)env;
    if (text.len != 12)
        return type_bad_binary(e);
    int64_t us = (int64_t)get_be64(text.ptr);
    int32_t west = (int32_t)get_be32(text.ptr + 8), limit = 16 * 3600;
    if (us < 0 || us > US_PER_DAY)
        return err_set(e, ERR_DATETIME_RANGE, "time out of range");
    if (west <= -limit || west >= limit)
        return err_set(e, ERR_ZONE_DISPLACEMENT, "time zone displacement out of range");
    *out = value_i64(timetz_pack(us, -west));
    return type_apply_typmod(T_TIMETZ, typmod, false, a, out, e);
}

TYPE_OUT(timetz_send)
{
    (void)env;
    put_be64(dst, (uint64_t)timetz_us(v->u.i64));
    put_be32(dst, (uint32_t)-timetz_offset(v->u.i64));
}

TYPE_IN(timestamp_in)
{
    return time_value(env, KIND_TIMESTAMP, text, out, e) &&
           type_apply_typmod(T_TIMESTAMP, typmod, false, a, out, e);
}

TYPE_OUT(timestamp_out)
{
    TypeEnv room;
    timestamp_print(env_or_utc(env, &room), v->u.i64, dst);
}

TYPE_IN(timestamp_recv)
{
    (void)env;
    if (text.len != 8)
        return type_bad_binary(e);
    int64_t us = (int64_t)get_be64(text.ptr);
    if (!time_is_infinite(us) && __builtin_add_overflow(us, EPOCH_2000_US, &us))
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    if (us != INT64_MIN && us < TIMESTAMP_MIN_US)
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    *out = value_i64(us);
    return type_apply_typmod(T_TIMESTAMP, typmod, false, a, out, e);
}

TYPE_OUT(timestamp_send)
{
    (void)env;
    int64_t us = v->u.i64;
    put_be64(dst, (uint64_t)(time_is_infinite(us) ? us : us - EPOCH_2000_US));
}

TYPE_IN(timestamptz_in)
{
    return time_value(env, KIND_TIMESTAMPTZ, text, out, e) &&
           type_apply_typmod(T_TIMESTAMPTZ, typmod, false, a, out, e);
}

TYPE_OUT(timestamptz_out)
{
    TypeEnv room;
    timestamptz_print(env_or_utc(env, &room), v->u.i64, dst);
}

TYPE_IN(interval_in)
{
    *out = (Value){.phys = PH_INTERVAL};
    bool sql = env && env->interval_style == INTERVAL_SQL;
    return interval_parse_fields(text, interval_typmod_fields(typmod), sql, a, &out->u.iv, e) &&
           type_apply_typmod(T_INTERVAL, typmod, false, a, out, e);
}

TYPE_OUT(interval_out)
{
    interval_print(env ? env->interval_style : INTERVAL_POSTGRES, v->u.iv, dst);
}

TYPE_IN(interval_recv)
{
    (void)env;
    if (text.len != 16)
        return type_bad_binary(e);
    *out = (Value){.phys = PH_INTERVAL,
                   .u.iv = {.us = (int64_t)get_be64(text.ptr),
                            .days = (int32_t)get_be32(text.ptr + 8),
                            .months = (int32_t)get_be32(text.ptr + 12)}};
    return type_apply_typmod(T_INTERVAL, typmod, false, a, out, e);
}

TYPE_OUT(interval_send)
{
    (void)env;
    put_be64(dst, (uint64_t)v->u.iv.us);
    put_be32(dst, (uint32_t)v->u.iv.days);
    put_be32(dst, (uint32_t)v->u.iv.months);
}
