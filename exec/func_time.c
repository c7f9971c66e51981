#include "exec/func_time.h"
#include "base/clock.h"
#include "exec/func_private.h"
#include <math.h>

/* ---- the clock ---- */

FUNC_SCALAR(time_now)
{
    FUNC_UNUSED;
    *out = value_i64(ctx->txn_now_us);
    return true;
}

FUNC_SCALAR(time_statement)
{
    FUNC_UNUSED;
    *out = value_i64(ctx->stmt_now_us);
    return true;
}

FUNC_SCALAR(time_clock)
{
    FUNC_UNUSED;
    const Clock *c = ctx->clock ? ctx->clock : &clock_real;
    *out = value_i64(floor_div(c->wall_ns(c), 1000));
    return true;
}

FUNC_SCALAR(time_today)
{
    FUNC_UNUSED;
    *out = value_i64(floor_div(tz_local_us(ctx->env.tz, ctx->txn_now_us), US_PER_DAY));
    return true;
}

FUNC_SCALAR(time_local_now)
{
    FUNC_UNUSED;
    *out = value_i64(tz_local_us(ctx->env.tz, ctx->txn_now_us));
    return true;
}

FUNC_SCALAR(time_local_time)
{
    FUNC_UNUSED;
    *out = value_i64(floor_mod(tz_local_us(ctx->env.tz, ctx->txn_now_us), US_PER_DAY));
    return true;
}

/* ---- zones ---- */

/* Abbreviations go before names: 'EST' is UTC-5 all year. */
bool func_zone(Slice name, const TimeZone **tz, Err *e)
{
    int32_t offset;
    bool dst;
    if (tz_abbreviation(name, &offset, &dst)) {
        *tz = tz_fixed(offset);
        return true;
    }
    *tz = tz_find(name, e);
    return *tz != NULL;
}

bool func_zone_of_interval(const TypeEnv *env, Interval iv, const TimeZone **tz, Err *e)
{
    if (iv.months != 0 || iv.days != 0) {
        Buf text;
        buf_init(&text);
        interval_print(env->interval_style, iv, &text);
        err_set(e, ERR_INVALID_PARAMETER,
                "interval time zone \"%.*s\" must not include months or days",
                SLICE_ARG(buf_slice(&text)));
        buf_free(&text);
        return false;
    }
    if (iv.us <= -US_PER_DAY || iv.us >= US_PER_DAY)
        return err_set(e, ERR_INVALID_PARAMETER, "interval time zone is out of range");
    *tz = tz_fixed((int32_t)(iv.us / US_PER_S));
    return true;
}

static bool checked(int64_t us, Value *out, Err *e)
{
    if (!time_is_infinite(us) && (us < TIMESTAMP_MIN_US || us > TIMESTAMP_MAX_US))
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    *out = value_i64(us);
    return true;
}

static bool zone_arg(const FnCall *c, size_t row, const TimeZone **tz, Err *e)
{
    Value v = vec_get(&c->args[0], row);
    return v.phys == PH_INTERVAL ? func_zone_of_interval(&c->ctx->env, v.u.iv, tz, e)
                                 : func_zone(v.u.str, tz, e);
}

static bool zone_rows(FnCall *c, int64_t (*convert)(const TimeZone *, int64_t), Err *e)
{
    const TimeZone *tz = NULL;
    size_t step;
    const int64_t *x = func_arg(c, 1, &step);
    FUNC_ROWS(c, row)
    {
        if (time_is_infinite(x[row * step])) { /* in whatever zone */
            c->out->v.i64[row] = x[row * step];
            continue;
        }
        if ((!tz || c->args[0].kind != VEC_CONST) && !zone_arg(c, row, &tz, e))
            return false;
        Value v;
        if (!checked(convert(tz, x[row * step]), &v, e))
            return false;
        c->out->v.i64[row] = v.u.i64;
    }
    return true;
}

static bool zone_local(FnCall *c, Err *e)
{
    return zone_rows(c, tz_local_us, e);
}

static bool zone_utc(FnCall *c, Err *e)
{
    return zone_rows(c, tz_utc_us, e);
}

/* ---- times and intervals ---- */

/* Plus or minus a constant interval of fixed length: one addition a row. */
static bool add_fixed(FnCall *c, int64_t us, Err *e)
{
    bool bad = false;
    int64_t r;
    size_t step;
    const int64_t *x = func_arg(c, 0, &step);
    FUNC_ROWS(c, row)
    {
        int64_t v = x[row * step];
        bool over = __builtin_add_overflow(v, us, &r);
        bad |= (!time_is_infinite(v)) & (over | (r < TIMESTAMP_MIN_US) | (r > TIMESTAMP_MAX_US));
        c->out->v.i64[row] = time_is_infinite(v) ? v : r;
    }
    return bad ? err_set(e, ERR_DATETIME_RANGE, "timestamp out of range") : true;
}

static bool shift_rows(FnCall *c, bool zoned, bool minus, Err *e)
{
    if (c->args[1].kind == VEC_CONST) {
        Interval iv = c->args[1].v.iv[0];
        int64_t us;
        if ((iv.days == 0 || !zoned) && interval_fixed_us(iv, &us) && us != INT64_MIN)
            return add_fixed(c, minus ? -us : us, e);
    }
    FUNC_ROWS(c, row)
    {
        Value t = vec_get(&c->args[0], row), v = vec_get(&c->args[1], row);
        Interval iv = v.u.iv;
        int64_t *out = &c->out->v.i64[row];
        if (minus && !interval_neg(iv, &iv, e))
            return false;
        if (!(zoned ? timestamptz_add(c->ctx->env.tz, t.u.i64, iv, out, e)
                    : timestamp_add(t.u.i64, iv, out, e)))
            return false;
    }
    return true;
}

static bool plus_zoned(FnCall *c, Err *e)
{
    return shift_rows(c, true, false, e);
}

static bool minus_zoned(FnCall *c, Err *e)
{
    return shift_rows(c, true, true, e);
}

static bool plus_local(FnCall *c, Err *e)
{
    return shift_rows(c, false, false, e);
}

static bool minus_local(FnCall *c, Err *e)
{
    return shift_rows(c, false, true, e);
}

/* interval + time: the same with the arguments changed. */
static bool swapped(FnCall *c, bool (*kernel)(FnCall *, Err *), Err *e)
{
    Vector args[2] = {c->args[1], c->args[0]};
    FnCall call = *c;
    call.args = args;
    return kernel(&call, e);
}

static bool plus_zoned_swapped(FnCall *c, Err *e)
{
    return swapped(c, plus_zoned, e);
}

static bool plus_local_swapped(FnCall *c, Err *e)
{
    return swapped(c, plus_local, e);
}

FUNC_SCALAR(time_minus_time)
{
    FUNC_UNUSED;
    *out = (Value){.phys = PH_INTERVAL};
    return timestamp_sub_checked(args[0].u.i64, args[1].u.i64, &out->u.iv, e);
}

static bool date_range(Err *e)
{
    return err_set(e, ERR_DATETIME_RANGE, "date out of range");
}

static bool date_shift(int64_t date, int64_t days, Value *out, Err *e)
{
    if (!time_is_infinite(date)) {
        date += days; /* both far below 2^62 */
        if (date < DATE_MIN_DAYS || date > DATE_MAX_DAYS)
            return date_range(e);
    }
    *out = value_i64(date);
    return true;
}

FUNC_SCALAR(date_plus_int)
{
    FUNC_UNUSED;
    return date_shift(args[0].u.i64, args[1].u.i64, out, e);
}

FUNC_SCALAR(int_plus_date)
{
    FUNC_UNUSED;
    return date_shift(args[1].u.i64, args[0].u.i64, out, e);
}

FUNC_SCALAR(date_minus_int)
{
    FUNC_UNUSED;
    return date_shift(args[0].u.i64, -args[1].u.i64, out, e);
}

FUNC_SCALAR(date_minus_date)
{
    FUNC_UNUSED;
    if (time_is_infinite(args[0].u.i64) || time_is_infinite(args[1].u.i64))
        return err_set(e, ERR_DATETIME_RANGE, "cannot subtract infinite dates");
    *out = value_i64(args[0].u.i64 - args[1].u.i64);
    return true;
}

static bool date_us(int64_t date, int64_t *us, Err *e)
{
    *us = date;
    if (!time_is_infinite(date) &&
        (__builtin_mul_overflow(date, US_PER_DAY, us) || *us > TIMESTAMP_MAX_US))
        return err_set(e, ERR_DATETIME_RANGE, "date out of range for timestamp");
    return true;
}

static bool date_interval(int64_t date, Interval iv, bool minus, Value *out, Err *e)
{
    int64_t us;
    *out = value_i64(0);
    return date_us(date, &us, e) && (!minus || interval_neg(iv, &iv, e)) &&
           timestamp_add(us, iv, &out->u.i64, e);
}

FUNC_SCALAR(date_plus_interval)
{
    FUNC_UNUSED;
    return date_interval(args[0].u.i64, args[1].u.iv, false, out, e);
}

FUNC_SCALAR(interval_plus_date)
{
    FUNC_UNUSED;
    return date_interval(args[1].u.i64, args[0].u.iv, false, out, e);
}

FUNC_SCALAR(date_minus_interval)
{
    FUNC_UNUSED;
    return date_interval(args[0].u.i64, args[1].u.iv, true, out, e);
}

static bool date_and_time(int64_t date, int64_t time, Value *out, Err *e)
{
    int64_t us;
    if (!date_us(date, &us, e))
        return false;
    if (!time_is_infinite(us) && __builtin_add_overflow(us, time, &us))
        return date_range(e);
    return checked(us, out, e);
}

FUNC_SCALAR(date_plus_time)
{
    FUNC_UNUSED;
    return date_and_time(args[0].u.i64, args[1].u.i64, out, e);
}

FUNC_SCALAR(time_plus_date)
{
    FUNC_UNUSED;
    return date_and_time(args[1].u.i64, args[0].u.i64, out, e);
}

/* Times of day wrap at midnight. */
static Value wrap_time(int64_t time, int64_t us)
{
    return value_i64(floor_mod(time + us % US_PER_DAY, US_PER_DAY));
}

FUNC_SCALAR(time_plus_interval)
{
    FUNC_UNUSED;
    *out = wrap_time(args[0].u.i64, args[1].u.iv.us);
    return true;
}

FUNC_SCALAR(interval_plus_time)
{
    FUNC_UNUSED;
    *out = wrap_time(args[1].u.i64, args[0].u.iv.us);
    return true;
}

FUNC_SCALAR(time_minus_interval)
{
    FUNC_UNUSED;
    *out = wrap_time(args[0].u.i64, -(args[1].u.iv.us % US_PER_DAY));
    return true;
}

FUNC_SCALAR(time_of_day_minus)
{
    FUNC_UNUSED;
    *out = (Value){.phys = PH_INTERVAL, .u.iv = {.us = args[0].u.i64 - args[1].u.i64}};
    return true;
}

/* ---- interval arithmetic ---- */

#define INTERVAL_BINARY(name, op)                                                                  \
    FUNC_SCALAR(name)                                                                              \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        *out = (Value){.phys = PH_INTERVAL};                                                       \
        return op;                                                                                 \
    }
INTERVAL_BINARY(iv_add, interval_add(args[0].u.iv, args[1].u.iv, &out->u.iv, e))
INTERVAL_BINARY(iv_sub, interval_sub(args[0].u.iv, args[1].u.iv, &out->u.iv, e))
INTERVAL_BINARY(iv_neg, interval_neg(args[0].u.iv, &out->u.iv, e))
INTERVAL_BINARY(iv_mul, interval_mul(args[0].u.iv, args[1].u.f64, &out->u.iv, e))
INTERVAL_BINARY(iv_mul_left, interval_mul(args[1].u.iv, args[0].u.f64, &out->u.iv, e))
INTERVAL_BINARY(iv_div, interval_div(args[0].u.iv, args[1].u.f64, &out->u.iv, e))
INTERVAL_BINARY(iv_justify_hours, interval_justify_hours(args[0].u.iv, &out->u.iv, e))
INTERVAL_BINARY(iv_justify_days, interval_justify_days(args[0].u.iv, &out->u.iv, e))
INTERVAL_BINARY(iv_justify, interval_justify(args[0].u.iv, &out->u.iv, e))

/* ---- age, isfinite ---- */

FUNC_SCALAR(age_local)
{
    FUNC_UNUSED;
    *out = (Value){.phys = PH_INTERVAL};
    return timestamp_age(args[0].u.i64, args[1].u.i64, &out->u.iv, e);
}

FUNC_SCALAR(age_zoned)
{
    FUNC_UNUSED;
    *out = (Value){.phys = PH_INTERVAL};
    return timestamp_age(tz_local_us(ctx->env.tz, args[0].u.i64),
                         tz_local_us(ctx->env.tz, args[1].u.i64), &out->u.iv, e);
}

static int64_t midnight(const EvalCtx *ctx)
{
    return floor_div(tz_local_us(ctx->env.tz, ctx->txn_now_us), US_PER_DAY) * US_PER_DAY;
}

FUNC_SCALAR(age_today)
{
    FUNC_UNUSED;
    *out = (Value){.phys = PH_INTERVAL};
    return timestamp_age(midnight(ctx), args[0].u.i64, &out->u.iv, e);
}

FUNC_SCALAR(age_today_zoned)
{
    FUNC_UNUSED;
    *out = (Value){.phys = PH_INTERVAL};
    return timestamp_age(midnight(ctx), tz_local_us(ctx->env.tz, args[0].u.i64), &out->u.iv, e);
}

FUNC_SCALAR(time_isfinite)
{
    FUNC_UNUSED;
    *out = value_bool(!time_is_infinite(args[0].u.i64));
    return true;
}

FUNC_SCALAR(interval_isfinite)
{
    FUNC_UNUSED;
    *out = value_bool(true);
    return true;
}

/* ---- construction ---- */

FUNC_SCALAR(time_of_epoch)
{
    FUNC_UNUSED;
    double s = args[0].u.f64;
    if (isnan(s))
        return err_set(e, ERR_DATETIME_RANGE, "timestamp cannot be NaN");
    if (isinf(s)) {
        *out = value_i64(s > 0 ? INT64_MAX : INT64_MIN);
        return true;
    }
    if (s < -210866803200.0 || s >= 9223372036854.0)
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range: \"%g\"", s);
    /* Seconds from 2000 on, as PostgreSQL rounds. */
    double rounded = rint((s - 946684800.0) * 1e6);
    return checked((int64_t)rounded + INT64_C(946684800000000), out, e);
}

static bool make_date_parts(int64_t y, int64_t m, int64_t d, int64_t *days, Err *e)
{
    bool ok = y != 0 && y > -4715 && y < 294277 && m >= 1 && m <= 12 && d >= 1;
    int64_t year = y < 0 ? y + 1 : y;
    if (!ok || d > days_in_month(year, (int)m))
        return err_set(e, ERR_DATETIME_RANGE, "date field value out of range: %lld-%02lld-%02lld",
                       (long long)y, (long long)m, (long long)d);
    *days = civil_to_days(year, (int)m, (int)d);
    return true;
}

static bool make_time_parts(int64_t h, int64_t m, double s, int64_t *us, Err *e)
{
    if (h < 0 || h > 24 || m < 0 || m > 59 || !(s >= 0 && s <= 60) || (h == 24 && (m > 0 || s > 0)))
        return err_set(e, ERR_DATETIME_RANGE, "time field value out of range: %lld:%02lld:%02g",
                       (long long)h, (long long)m, s);
    *us = h * US_PER_H + m * US_PER_MIN + (int64_t)rint(s * 1e6);
    return true;
}

FUNC_SCALAR(make_date)
{
    FUNC_UNUSED;
    *out = value_i64(0);
    return make_date_parts(args[0].u.i64, args[1].u.i64, args[2].u.i64, &out->u.i64, e);
}

FUNC_SCALAR(make_time)
{
    FUNC_UNUSED;
    *out = value_i64(0);
    return make_time_parts(args[0].u.i64, args[1].u.i64, args[2].u.f64, &out->u.i64, e);
}

FUNC_SCALAR(make_timestamp)
{
    FUNC_UNUSED;
    int64_t days = 0, us = 0;
    return make_date_parts(args[0].u.i64, args[1].u.i64, args[2].u.i64, &days, e) &&
           make_time_parts(args[3].u.i64, args[4].u.i64, args[5].u.f64, &us, e) &&
           date_and_time(days, us, out, e);
}

FUNC_SCALAR(make_timestamptz)
{
    const TimeZone *tz = ctx->env.tz;
    if (!make_timestamp(ctx, args, n, out, e) || (n == 7 && !func_zone(args[6].u.str, &tz, e)))
        return false;
    return checked(tz_utc_us(tz, out->u.i64), out, e);
}

/* years, months, weeks, days, hours, mins, secs: those that are not given are 0. */
FUNC_SCALAR(make_interval)
{
    FUNC_UNUSED;
    int64_t v[6] = {0};
    for (size_t i = 0; i < n && i < 6; i++)
        v[i] = args[i].u.i64;
    double s = n == 7 ? args[6].u.f64 : 0;
    int64_t months = v[0] * 12 + v[1], days = v[2] * 7 + v[3];
    if (isnan(s) || fabs(s) > 9e12 || months != (int32_t)months || days != (int32_t)days)
        return err_set(e, ERR_DATETIME_RANGE, "interval out of range");
    *out = (Value){.phys = PH_INTERVAL,
                   .u.iv = {.us = v[4] * US_PER_H + v[5] * US_PER_MIN + (int64_t)rint(s * 1e6),
                            .days = (int32_t)days,
                            .months = (int32_t)months}};
    return true;
}

FUNC_SCALAR(time_ns)
{
    FUNC_UNUSED;
    *out = value_i64(args[0].u.i64);
    if (!time_is_infinite(args[0].u.i64) &&
        __builtin_mul_overflow(args[0].u.i64, 1000, &out->u.i64))
        return err_set(e, ERR_NUMERIC_RANGE, "bigint out of range");
    return true;
}

/* ---- the table ---- */

FuncDef func_time[] = {
    FS("now() timestamptz", time_now, FN_STABLE, "start of the transaction"),
    FS("transaction_timestamp() timestamptz", time_now, FN_STABLE, "start of the transaction"),
    FS("current_timestamp() timestamptz", time_now, FN_STABLE, "start of the transaction"),
    FS("statement_timestamp() timestamptz", time_statement, FN_STABLE, "start of the statement"),
    FS("clock_timestamp() timestamptz", time_clock, FN_VOLATILE, "the time now"),
    FS("current_date() date", time_today, FN_STABLE, "today in the session's zone"),
    FS("localtimestamp() timestamp", time_local_now, FN_STABLE, "start of the transaction, local"),
    FS("localtime() time", time_local_time, FN_STABLE, "time of day, local"),
    FS("current_time() time", time_local_time, FN_STABLE, "time of day, local"),
    FK("timezone(text, timestamptz) timestamp", zone_local, STRICT, "local time of a zone"),
    FK("timezone(text, timestamp) timestamptz", zone_utc, STRICT, "local time read in a zone"),
    FK("timezone(interval, timestamptz) timestamp", zone_local, STRICT, "local time of an offset"),
    FK("timezone(interval, timestamp) timestamptz", zone_utc, STRICT,
       "local time read at an offset"),
    FK("+(timestamptz, interval) timestamptz", plus_zoned, OP | FN_STABLE, "later"),
    FK("-(timestamptz, interval) timestamptz", minus_zoned, OP | FN_STABLE, "earlier"),
    FK("+(interval, timestamptz) timestamptz", plus_zoned_swapped, OP | FN_STABLE, "later"),
    FK("+(timestamp, interval) timestamp", plus_local, OP, "later"),
    FK("-(timestamp, interval) timestamp", minus_local, OP, "earlier"),
    FK("+(interval, timestamp) timestamp", plus_local_swapped, OP, "later"),
    FS("-(timestamptz, timestamptz) interval", time_minus_time, OP, "days and time between"),
    FS("-(timestamp, timestamp) interval", time_minus_time, OP, "days and time between"),
    FS("+(date, int4) date", date_plus_int, OP, "days later"),
    FS("+(int4, date) date", int_plus_date, OP, "days later"),
    FS("-(date, int4) date", date_minus_int, OP, "days earlier"),
    FS("-(date, date) int4", date_minus_date, OP, "days between"),
    FS("+(date, interval) timestamp", date_plus_interval, OP, "later"),
    FS("+(interval, date) timestamp", interval_plus_date, OP, "later"),
    FS("-(date, interval) timestamp", date_minus_interval, OP, "earlier"),
    FS("+(date, time) timestamp", date_plus_time, OP, "the day at a time"),
    FS("+(time, date) timestamp", time_plus_date, OP, "the day at a time"),
    FS("+(time, interval) time", time_plus_interval, OP, "later, past midnight"),
    FS("+(interval, time) time", interval_plus_time, OP, "later, past midnight"),
    FS("-(time, interval) time", time_minus_interval, OP, "earlier, past midnight"),
    FS("-(time, time) interval", time_of_day_minus, OP, "time between"),
    FS("+(interval, interval) interval", iv_add, OP, "sum"),
    FS("-(interval, interval) interval", iv_sub, OP, "difference"),
    FS("-(interval) interval", iv_neg, OP, "negation"),
    FS("*(interval, float8) interval", iv_mul, OP, "multiple"),
    FS("*(float8, interval) interval", iv_mul_left, OP, "multiple"),
    FS("/(interval, float8) interval", iv_div, OP, "part"),
    FS("age(timestamptz, timestamptz) interval", age_zoned, STRICT | FN_STABLE,
       "years, months, days between"),
    FS("age(timestamp, timestamp) interval", age_local, STRICT, "years, months, days between"),
    FS("age(timestamptz) interval", age_today_zoned, STRICT | FN_STABLE, "up to midnight of today"),
    FS("age(timestamp) interval", age_today, STRICT | FN_STABLE, "up to midnight of today"),
    FS("isfinite(date) bool", time_isfinite, STRICT, "not infinity"),
    FS("isfinite(timestamp) bool", time_isfinite, STRICT, "not infinity"),
    FS("isfinite(timestamptz) bool", time_isfinite, STRICT, "not infinity"),
    FS("isfinite(interval) bool", interval_isfinite, STRICT, "always true"),
    FS("justify_hours(interval) interval", iv_justify_hours, STRICT, "24 hours become a day"),
    FS("justify_days(interval) interval", iv_justify_days, STRICT, "30 days become a month"),
    FS("justify_interval(interval) interval", iv_justify, STRICT, "days and months made whole"),
    FS("to_timestamp(float8) timestamptz", time_of_epoch, STRICT, "seconds since 1970"),
    FS("make_date(int4, int4, int4) date", make_date, STRICT, "year, month, day"),
    FS("make_time(int4, int4, float8) time", make_time, STRICT, "hour, minute, second"),
    FS("make_timestamp(int4, int4, int4, int4, int4, float8) timestamp", make_timestamp, STRICT,
       "year to second"),
    FS("make_timestamptz(int4, int4, int4, int4, int4, float8) timestamptz", make_timestamptz,
       STRICT | FN_STABLE, "year to second, in the session's zone"),
    FS("make_timestamptz(int4, int4, int4, int4, int4, float8, text) timestamptz", make_timestamptz,
       STRICT, "year to second, in a zone"),
    FS("make_interval() interval", make_interval, STRICT, "of nothing"),
    FS("make_interval(int4) interval", make_interval, STRICT, "years"),
    FS("make_interval(int4, int4) interval", make_interval, STRICT, "years, months"),
    FS("make_interval(int4, int4, int4) interval", make_interval, STRICT, "years, months, weeks"),
    FS("make_interval(int4, int4, int4, int4) interval", make_interval, STRICT, "years to days"),
    FS("make_interval(int4, int4, int4, int4, int4) interval", make_interval, STRICT,
       "years to hours"),
    FS("make_interval(int4, int4, int4, int4, int4, int4) interval", make_interval, STRICT,
       "years to minutes"),
    FS("make_interval(int4, int4, int4, int4, int4, int4, float8) interval", make_interval, STRICT,
       "years to seconds"),
    FS("ts_ns(timestamptz) int8", time_ns, STRICT, "ns since 1970"),
    FUNC_END,
};
