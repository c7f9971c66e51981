#include "storage/window.h"

int64_t window_length(const TableDef *table)
{
    if (!table)
        return NS_PER_DAY;
    if (table->window_ns > 0)
        return table->window_ns;
    if (table->ttl_ns > 365 * NS_PER_DAY)
        return 30 * NS_PER_DAY;
    return table->ttl_ns > 90 * NS_PER_DAY ? 7 * NS_PER_DAY : NS_PER_DAY;
}

void window_bounds(int64_t length_ns, int64_t time_ns, int64_t *first, int64_t *last)
{
    int64_t number = floor_div(time_ns, length_ns), end;
    if (__builtin_mul_overflow(number, length_ns, first))
        *first = INT64_MIN;
    *last = __builtin_mul_overflow(number + 1, length_ns, &end) ? INT64_MAX : end - 1;
}

void window_unit(const TableDef *table, int64_t stretch, int64_t time_ns, int64_t *first,
                 int64_t *last)
{
    int64_t len = window_length(table);
    if (table && table->ttl_ns > 0)
        stretch = 1;
    if (__builtin_mul_overflow(len, stretch, &len))
        len = INT64_MAX;
    window_bounds(len, time_ns, first, last);
}

int64_t window_start(const TableDef *table, int64_t time_ns)
{
    int64_t first, last;
    window_unit(table, 1, time_ns, &first, &last);
    return first;
}

int64_t window_stretch(int64_t t_min, int64_t t_max, uint64_t bytes)
{
    enum { MANY = 64, FEW = 16, UNIT_BYTES = 512 << 10 };
    uint64_t windows = t_max < t_min ? 0 : ((uint64_t)t_max - (uint64_t)t_min) / NS_PER_DAY;
    uint64_t wanted = bytes / UNIT_BYTES > FEW ? bytes / UNIT_BYTES : FEW;
    int64_t stretch = 1;
    while (windows > MANY && windows / (uint64_t)stretch > wanted)
        stretch *= 2;
    return stretch;
}
