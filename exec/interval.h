/* exec/interval.h - intervals: text form and arithmetic, as PostgreSQL has them.
 * Threads: pure functions. */
#ifndef SKULK_EXEC_INTERVAL_H
#define SKULK_EXEC_INTERVAL_H

#include "exec/type.h"

#define US_PER_S   INT64_C(1000000)
#define US_PER_MIN (60 * US_PER_S)
#define US_PER_H   (60 * US_PER_MIN)
#define US_PER_DAY (24 * US_PER_H)

void interval_print(IntervalStyle style, Interval iv, Buf *dst);
/* Input in the SQL style: a leading minus, without other signs, counts for all fields. */
bool interval_parse_sql(Slice text, Interval *out, Err *e) MUST_CHECK;
bool interval_add(Interval x, Interval y, Interval *out, Err *e) MUST_CHECK;
bool interval_sub(Interval x, Interval y, Interval *out, Err *e) MUST_CHECK;
bool interval_neg(Interval x, Interval *out, Err *e) MUST_CHECK;
bool interval_mul(Interval x, double factor, Interval *out, Err *e) MUST_CHECK;
bool interval_div(Interval x, double divisor, Interval *out, Err *e) MUST_CHECK;
bool interval_justify_hours(Interval x, Interval *out, Err *e) MUST_CHECK; /* 24 h -> a day */
bool interval_justify_days(Interval x, Interval *out, Err *e) MUST_CHECK;  /* 30 days -> a month */
bool interval_justify(Interval x, Interval *out, Err *e) MUST_CHECK;
int interval_cmp(Interval x, Interval y);
bool interval_fixed_us(Interval iv, int64_t *us); /* days of 24 h; false: months, or too long */

/* A word of an interval: "hours", "mons"; the unit in months, days or us. */
typedef enum IntervalField {
    INTERVAL_US,
    INTERVAL_DAYS,
    INTERVAL_MONTHS,
    INTERVAL_AGO,
    INTERVAL_NOISE
} IntervalField;
bool interval_unit(Slice word, IntervalField *field, int64_t *amount);

/* INTERVAL DAY TO SECOND(2): the fields that a value keeps, as bits.  The text of such a value may be a bare
 * number, which counts the least of them. */
typedef enum IntervalFields {
    INTERVAL_YEAR = 1,
    INTERVAL_MONTH = 2,
    INTERVAL_DAY = 4,
    INTERVAL_HOUR = 8,
    INTERVAL_MINUTE = 16,
    INTERVAL_SECOND = 32,
    INTERVAL_FIELDS_ALL = 63,
} IntervalFields;
/* PostgreSQL's typmod; digits < 0: not given. */
int32_t interval_typmod(IntervalFields fields, int digits);
IntervalFields interval_typmod_fields(int32_t typmod);
int interval_typmod_digits(int32_t typmod); /* -1: not given */
void interval_keep_fields(IntervalFields fields, Interval *v);
bool interval_parse_fields(Slice text, IntervalFields fields, bool sql_style, Arena *a,
                           Interval *out, Err *e) MUST_CHECK;
/* " day to second(2)", "(3)": behind the type's name. */
void interval_print_typmod(int32_t typmod, Buf *out);

#endif
