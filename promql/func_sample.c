/* promql/func_sample.c - functions of one value.  NaN and infinities as Go has them. */
#include "promql/eval_private.h"
#include "promql/kernels.h"

#define PI 3.14159265358979323846

#define OF_ONE(name, expr)                                                                         \
    double fs_##name(double v, const double *p)                                                    \
    {                                                                                              \
        (void)p;                                                                                   \
        return expr;                                                                               \
    }

OF_ONE(abs, fabs(v))
OF_ONE(ceil, ceil(v))
OF_ONE(floor, floor(v))
OF_ONE(exp, exp(v))
OF_ONE(ln, log(v))
OF_ONE(log2, log2(v))
OF_ONE(log10, log10(v))
OF_ONE(sqrt, sqrt(v))
OF_ONE(sgn, v<0 ? -1 : v> 0 ? 1 : v)
OF_ONE(sin, sin(v))
OF_ONE(cos, cos(v))
OF_ONE(tan, tan(v))
OF_ONE(asin, asin(v))
OF_ONE(acos, acos(v))
OF_ONE(atan, atan(v))
OF_ONE(sinh, sinh(v))
OF_ONE(cosh, cosh(v))
OF_ONE(tanh, tanh(v))
OF_ONE(asinh, asinh(v))
OF_ONE(acosh, acosh(v))
OF_ONE(atanh, atanh(v))
OF_ONE(deg, v * 180 / PI)
OF_ONE(rad, v *PI / 180)

double fs_round(double v, const double *p)
{
    double inverse = 1 / p[0]; /* ties go up; multiplying loses less than dividing */
    return floor(v * inverse + 0.5) / inverse;
}

/* Go's Min and Max: an infinity on the right side beats NaN. */
static double min_of(double a, double b)
{
    if (a == -INFINITY || b == -INFINITY)
        return -INFINITY;
    return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
}

static double max_of(double a, double b)
{
    if (a == INFINITY || b == INFINITY)
        return INFINITY;
    return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
}

double fs_clamp(double v, const double *p)
{
    return p[1] < p[0] ? pql_absent() : max_of(p[0], min_of(p[1], v));
}

double fs_clamp_min(double v, const double *p)
{
    return max_of(p[0], min_of(INFINITY, v));
}

double fs_clamp_max(double v, const double *p)
{
    return max_of(-INFINITY, min_of(p[0], v));
}

/* ---- parts of a date, UTC ---- */

typedef struct Civil {
    int64_t days, seconds, year;
    int month, day;
} Civil;

/* As Go on amd64: what is no int64 is the least one, and moments before its first year come 2^64 seconds later. */
static Civil civil(double v)
{
    enum { DAY = 86400 };
    const int64_t go_first = -INT64_C(9223372028715321600);
    Civil c;
    int64_t s = v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN;
    c.days = s < go_first ? (int64_t)((uint64_t)s / DAY) : floor_div(s, DAY);
    c.seconds = s < go_first ? (int64_t)((uint64_t)s % DAY) : floor_mod(s, DAY);
    civil_from_days(c.days, &c.year, &c.month, &c.day);
    return c;
}

#define OF_DATE(name, expr)                                                                        \
    double fs_##name(double v, const double *p)                                                    \
    {                                                                                              \
        (void)p;                                                                                   \
        Civil c = civil(v);                                                                        \
        return (double)(expr);                                                                     \
    }

static int days_in_month(const Civil *c)
{
    int64_t next =
        c->month == 12 ? civil_to_days(c->year + 1, 1, 1) : civil_to_days(c->year, c->month + 1, 1);
    return (int)(next - civil_to_days(c->year, c->month, 1));
}

OF_DATE(minute, c.seconds / 60 % 60)
OF_DATE(hour, c.seconds / 3600)
OF_DATE(day_of_week, floor_mod(c.days + 4, 7)) /* 1970-01-01 was a Thursday */
OF_DATE(day_of_month, c.day)
OF_DATE(day_of_year, c.days - civil_to_days(c.year, 1, 1) + 1)
OF_DATE(days_in_month, days_in_month(&c))
OF_DATE(month, c.month)
OF_DATE(year, c.year)
