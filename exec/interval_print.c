/* exec/interval_print.c - intervals as text, in the four styles of IntervalStyle (PostgreSQL's
 * EncodeInterval). */
#include "exec/interval.h"
#include <stdlib.h>

typedef struct Parts { /* those of the time have one sign */
    int64_t year, month, day, hour, minute, second, us;
} Parts;

static Parts split(Interval iv)
{
    return (Parts){iv.months / 12,   iv.months % 12,          iv.days,
                   iv.us / US_PER_H, iv.us / US_PER_MIN % 60, iv.us / US_PER_S % 60,
                   iv.us % US_PER_S};
}

static unsigned long long size(int64_t v)
{
    return v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;
}

/* Without a sign. */
static void put_seconds(Buf *dst, const Parts *p, int width)
{
    buf_printf(dst, "%0*llu", width, size(p->second));
    unsigned long long fraction = size(p->us);
    if (fraction == 0)
        return;
    int digits = 6;
    for (; fraction % 10 == 0; digits--)
        fraction /= 10;
    buf_printf(dst, ".%0*llu", digits, fraction);
}

static void put_clock(Buf *dst, const Parts *p, int hour_width)
{
    buf_printf(dst, "%0*llu:%02llu:", hour_width, size(p->hour), size(p->minute));
    put_seconds(dst, p, 2);
}

/* ---- postgres: "1 year 2 mons -3 days +04:05:06" ---- */

static void put_part(Buf *dst, int64_t v, const char *unit, bool *first, bool *negative)
{
    if (v == 0)
        return;
    buf_printf(dst, "%s%s%lld %s%s", *first ? "" : " ", *negative && v > 0 ? "+" : "", (long long)v,
               unit, v != 1 ? "s" : "");
    *negative = v < 0;
    *first = false;
}

static void print_postgres(Buf *dst, const Parts *p, int64_t us)
{
    bool first = true, negative = false;
    put_part(dst, p->year, "year", &first, &negative);
    put_part(dst, p->month, "mon", &first, &negative);
    put_part(dst, p->day, "day", &first, &negative);
    if (!first && us == 0)
        return;
    buf_puts(dst, first ? "" : " ");
    buf_puts(dst, us < 0 ? "-" : negative ? "+" : "");
    put_clock(dst, p, 2);
}

/* ---- postgres_verbose: "@ 1 year 2 mons ago"; the sign of the first part is that of the whole ---- */

typedef struct Verbose {
    bool zero, before;
} Verbose;

static void put_verbose(Buf *dst, int64_t v, const char *unit, Verbose *s)
{
    if (v == 0)
        return;
    if (s->zero)
        s->before = v < 0;
    v = s->before ? -v : v;
    buf_printf(dst, " %lld %s%s", (long long)v, unit, v == 1 ? "" : "s");
    s->zero = false;
}

static void print_verbose(Buf *dst, const Parts *p)
{
    Verbose s = {.zero = true};
    buf_puts(dst, "@");
    put_verbose(dst, p->year, "year", &s);
    put_verbose(dst, p->month, "mon", &s);
    put_verbose(dst, p->day, "day", &s);
    put_verbose(dst, p->hour, "hour", &s);
    put_verbose(dst, p->minute, "min", &s);
    if (p->second || p->us) {
        bool negative = p->second < 0 || p->us < 0;
        if (s.zero)
            s.before = negative;
        buf_puts(dst, negative != s.before ? " -" : " ");
        put_seconds(dst, p, 1);
        buf_printf(dst, " sec%s", size(p->second) != 1 || p->us ? "s" : "");
        s.zero = false;
    }
    buf_puts(dst, s.zero ? " 0" : "");
    buf_puts(dst, s.before ? " ago" : "");
}

/* ---- sql_standard: "1-2", "3 4:05:06"; what the standard has no form for shows all signs ---- */

static void print_sql(Buf *dst, const Parts *p, int64_t us)
{
    bool negative = p->year < 0 || p->month < 0 || p->day < 0 || us < 0;
    bool positive = p->year > 0 || p->month > 0 || p->day > 0 || us > 0;
    bool months = p->year || p->month;
    if (!negative && !positive) {
        buf_puts(dst, "0");
        return;
    }
    if ((negative && positive) || (months && (p->day || us))) {
        buf_printf(dst, "%c%llu-%llu %c%llu %c", p->year < 0 || p->month < 0 ? '-' : '+',
                   size(p->year), size(p->month), p->day < 0 ? '-' : '+', size(p->day),
                   us < 0 ? '-' : '+');
        put_clock(dst, p, 1);
        return;
    }
    buf_puts(dst, negative ? "-" : "");
    if (months) {
        buf_printf(dst, "%llu-%llu", size(p->year), size(p->month));
        return;
    }
    if (p->day)
        buf_printf(dst, "%llu ", size(p->day));
    put_clock(dst, p, 1);
}

/* ---- iso_8601: "P1Y2M-3DT4H5M6S" ---- */

static void put_iso(Buf *dst, int64_t v, char unit)
{
    if (v)
        buf_printf(dst, "%lld%c", (long long)v, unit);
}

static void print_iso(Buf *dst, const Parts *p, Interval iv)
{
    buf_puts(dst, iv.us == 0 && iv.days == 0 && iv.months == 0 ? "PT0S" : "P");
    put_iso(dst, p->year, 'Y');
    put_iso(dst, p->month, 'M');
    put_iso(dst, p->day, 'D');
    if (iv.us == 0)
        return;
    buf_puts(dst, "T");
    put_iso(dst, p->hour, 'H');
    put_iso(dst, p->minute, 'M');
    if (p->second == 0 && p->us == 0)
        return;
    buf_puts(dst, iv.us < 0 ? "-" : "");
    put_seconds(dst, p, 1);
    buf_puts(dst, "S");
}

void interval_print(IntervalStyle style, Interval iv, Buf *dst)
{
    Parts p = split(iv);
    switch (style) {
    case INTERVAL_POSTGRES:
        print_postgres(dst, &p, iv.us);
        break;
    case INTERVAL_VERBOSE:
        print_verbose(dst, &p);
        break;
    case INTERVAL_SQL:
        print_sql(dst, &p, iv.us);
        break;
    case INTERVAL_ISO:
        print_iso(dst, &p, iv);
        break;
    }
}

bool interval_parse_sql(Slice text, Interval *out, Err *e)
{
    Slice t = text;
    while (t.len && (*t.ptr == ' ' || *t.ptr == '\t'))
        t = slice_of(t.ptr + 1, t.len - 1);
    bool negative = t.len && *t.ptr == '-';
    for (size_t i = 1; i < t.len && negative; i++) {
        bool sign = t.ptr[i] == '-' || t.ptr[i] == '+';
        negative = !sign || (t.ptr[i - 1] != ' ' && t.ptr[i - 1] != '\t');
    }
    if (!negative)
        return interval_parse(text, out, e);
    Interval positive;
    return interval_parse(slice_of(t.ptr + 1, t.len - 1), &positive, e) &&
           interval_neg(positive, out, e);
}
