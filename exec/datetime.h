/* exec/datetime.h - dates and times: reading, writing, calendar arithmetic.
 *
 * timestamp and timestamptz are us since 1970 (local, UTC); INT64_MIN and INT64_MAX are -infinity
 * and infinity, of dates (days since 1970) as well.
 * Threads: pure functions. */
#ifndef SKULK_EXEC_DATETIME_H
#define SKULK_EXEC_DATETIME_H

#include "exec/interval.h"
#include "exec/tz.h"

/* 4714-11-24 BC; the upper end is where int64 ends, in the year 294247. */
#define TIMESTAMP_MIN_US INT64_C(-210866803200000000)
#define TIMESTAMP_MAX_US (INT64_MAX - 1)
#define DATE_MIN_DAYS    INT64_C(-2440588)
#define DATE_MAX_DAYS    INT64_C(2145042905) /* 5874898-06-02 */

static inline bool time_is_infinite(int64_t us)
{
    return us == INT64_MIN || us == INT64_MAX;
}

/* A time with zone in 64 bits whose order is PostgreSQL's: by UTC time, then by offset from east to west. */
static inline int64_t timetz_pack(int64_t us, int32_t offset_s)
{
    return (us - offset_s * INT64_C(1000000)) * (1 << 18) + ((1 << 17) - offset_s);
}
static inline int32_t timetz_offset(int64_t v)
{
    return (int32_t)((1 << 17) - (v & ((1 << 18) - 1)));
}
static inline int64_t timetz_utc_us(int64_t v)
{
    return (v - (v & ((1 << 18) - 1))) / (1 << 18);
}
static inline int64_t timetz_us(int64_t v) /* as the clock shows it */
{
    return timetz_utc_us(v) + timetz_offset(v) * INT64_C(1000000);
}

typedef struct Civil {
    int64_t year; /* astronomical: 0 = 1 BC */
    int month, day, hour, minute, second, us;
} Civil;

Civil civil_of_us(int64_t us);
bool civil_to_us(const Civil *c, int64_t *us); /* false: out of range */
int days_in_month(int64_t year, int month);

typedef enum TimeKind {
    KIND_DATE,
    KIND_TIME,
    KIND_TIMETZ,
    KIND_TIMESTAMP,
    KIND_TIMESTAMPTZ
} TimeKind;
bool datetime_parse(const TypeEnv *env, TimeKind kind, Slice text, int64_t *out, Err *e) MUST_CHECK;

/* In the env's DateStyle. */
void date_print(const TypeEnv *env, int64_t days, Buf *dst);
void time_print(int64_t us, Buf *dst);
void timetz_print(int64_t v, Buf *dst);
void timestamp_print(const TypeEnv *env, int64_t us, Buf *dst);
void timestamptz_print(const TypeEnv *env, int64_t us, Buf *dst);

bool timestamp_add(int64_t us, Interval iv, int64_t *out, Err *e) MUST_CHECK;
/* Months and days in the zone's calendar, then the time part in UTC. */
bool timestamptz_add(const TimeZone *tz, int64_t us, Interval iv, int64_t *out, Err *e) MUST_CHECK;
bool timestamp_sub_checked(int64_t x, int64_t y, Interval *out,
                           Err *e) MUST_CHECK; /* x - y: days and time */
/* age(x, y): years, months, days of local times. */
bool timestamp_age(int64_t x, int64_t y, Interval *out, Err *e) MUST_CHECK;

/* ---- fields ---- */
typedef enum TimeField {
    FIELD_US,
    FIELD_MS,
    FIELD_SECOND,
    FIELD_MINUTE,
    FIELD_HOUR,
    FIELD_DAY,
    FIELD_WEEK,
    FIELD_MONTH,
    FIELD_QUARTER,
    FIELD_YEAR,
    FIELD_DECADE,
    FIELD_CENTURY,
    FIELD_MILLENNIUM,
    FIELD_DOW,
    FIELD_ISODOW,
    FIELD_DOY,
    FIELD_ISOYEAR,
    FIELD_JULIAN,
    FIELD_EPOCH,
    FIELD_TIMEZONE,
    FIELD_TIMEZONE_HOUR,
    FIELD_TIMEZONE_MINUTE,
} TimeField;
bool time_field_find(Slice name, TimeField *out); /* "year", "days", "dow", any case */
/* Of a local time (not infinite); tz_offset_s and utc_us count for TIMEZONE* and EPOCH.  Value * 10^-scale. */
typedef struct FieldValue {
    __int128 coef;
    int scale;
} FieldValue;
bool timestamp_field(TimeField f, int64_t local_us, int64_t utc_us, int32_t offset_s,
                     FieldValue *out);
bool date_field_value(TimeField f, int64_t days, FieldValue *out);
bool interval_field(TimeField f, Interval iv, FieldValue *out);
bool time_field_of_time(TimeField f, int64_t us, FieldValue *out);
bool timetz_field(TimeField f, int64_t v, FieldValue *out);
int64_t iso_week(int64_t days, int64_t *iso_year);

/* Of a day that need not lie in its year and month, as those of intervals: PostgreSQL's date2j(),
 * date2isoweek(), date2isoyear() and date2isoyearday(). */
typedef struct IsoDay {
    int64_t julian, year, week, day_of_year;
} IsoDay;
IsoDay iso_day_of(int64_t year, int64_t month, int64_t day);
int64_t time_field_us(TimeField f); /* its length where that is fixed, up to weeks; else 0 */
/* Of a local time; false: the field cannot truncate. */
bool timestamp_trunc_us(TimeField f, int64_t local_us, int64_t *out);
bool interval_trunc(TimeField f, Interval iv, Interval *out);

/* Start of the bucket; origin in the same scale as us.  Width > 0, without months. */
int64_t time_bucket_us(int64_t width_us, int64_t us, int64_t origin_us);
int64_t time_bucket_months(int32_t months, int64_t local_us, int64_t origin_us);

#endif
