/* base/clock.h - time as a table, so that the simulator owns it.
 * Threads: the real clock is safe from any thread. */
#ifndef SKULK_BASE_CLOCK_H
#define SKULK_BASE_CLOCK_H

#include "base/slice.h"

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_S   INT64_C(1000000000)
#define NS_PER_DAY (INT64_C(86400) * NS_PER_S)

typedef struct Clock {
    int64_t (*wall_ns)(const struct Clock *c); /* ns since 1970-01-01 UTC */
    int64_t (*mono_ns)(const struct Clock *c); /* never goes back */
    uint64_t (*random)(const struct Clock *c); /* 64 unpredictable bits */
    /* A clock that a test moves: nothing happens for so long, so it goes on by that.  NULL: time passes by itself. */
    void (*pass)(const struct Clock *c, int64_t ns);
} Clock;

extern const Clock clock_real;

/* Civil time, proleptic Gregorian, any int64 day number.  Days since 1970-01-01. */
int64_t civil_to_days(int64_t year, int month, int day);
void civil_from_days(int64_t days, int64_t *year, int *month, int *day);
/* Floor division: correct for negative values. */
static inline int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}
/* What floor_div leaves: 0 <= result < b, for b > 0. */
static inline int64_t floor_mod(int64_t a, int64_t b)
{
    int64_t m = a % b;
    return m < 0 ? m + b : m;
}
/* RFC 3339 text with up to 9 decimals, trailing zeros cut, "Z"; writes at most 40 bytes. */
size_t clock_rfc3339(char *dst, int64_t ns);
bool clock_parse_rfc3339(Slice s, int64_t *ns);

#endif
