/* Looking up keys: which of these rows exist already?  A scan over the keys' series and time range
 * that decodes only the runs between whose ends a key lies: keys newer than all rows cost nothing. */
#include "storage/scan.h"

#include <stdlib.h>

typedef struct KeyRef {
    RowKey key;
    size_t index; /* of the caller */
} KeyRef;

static int by_key(const void *a, const void *b)
{
    const RowKey *x = &((const KeyRef *)a)->key, *y = &((const KeyRef *)b)->key;
    if (x->series != y->series)
        return x->series < y->series ? -1 : 1;
    return (x->time > y->time) - (x->time < y->time);
}

/* First key at or after (series, time). */
static size_t lower(const KeyRef *keys, size_t n, SeriesId series, int64_t time)
{
    KeyRef wish = {.key = {series, time}};
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (by_key(&keys[mid], &wish) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool look_at_run(Scan *scan, const ScanRun *run, const KeyRef *keys, size_t n,
                        uint64_t *found, Err *e)
{
    size_t k = lower(keys, n, run->series, run->t_first);
    const int64_t *times;
    if (k == n || keys[k].key.series != run->series || keys[k].key.time > run->t_last)
        return true;
    if (!scan_times(scan, &times, e))
        return false;
    for (uint32_t i = 0; i < run->rows && k < n && keys[k].key.series == run->series; i++) {
        while (k < n && keys[k].key.series == run->series && keys[k].key.time < times[i])
            k++;
        for (; k < n && keys[k].key.series == run->series && keys[k].key.time == times[i]; k++)
            bitmap_set(found, keys[k].index);
    }
    return true;
}

static SeriesSet *series_of(const KeyRef *keys, size_t n)
{
    SeriesId *ids = mem_alloc(n * sizeof *ids + 1);
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (!count || ids[count - 1] != keys[i].key.series)
            ids[count++] = keys[i].key.series;
    SeriesSet *set = set_from_ids(ids, count);
    mem_free(ids);
    return set;
}

static ScanStatus look_up(const ScanSpec *spec, const KeyRef *keys, size_t n, uint64_t *found,
                          Task *waiter, Err *e)
{
    Scan *scan;
    ScanRun run;
    ScanStatus st = SCAN_FAIL;
    if (!scan_open(&scan, spec, NULL, e))
        return SCAN_FAIL;
    while ((st = scan_next(scan, &run, waiter, e)) == SCAN_RUN)
        if (!look_at_run(scan, &run, keys, n, found, e)) {
            st = SCAN_FAIL;
            break;
        }
    scan_close(scan);
    return st;
}

ScanStatus snapshot_has_keys(Snapshot *s, TableId table, const RowKey *keys, size_t n,
                             uint64_t *found, Task *waiter, Err *e)
{
    memset(found, 0, BITMAP_WORDS(n) * sizeof *found);
    if (!n)
        return SCAN_END;
    KeyRef *sorted = mem_alloc(n * sizeof *sorted);
    ScanSpec spec = {.snapshot = s, .table = table, .t_min = INT64_MAX, .t_max = INT64_MIN};
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (KeyRef){keys[i], i};
        spec.t_min = keys[i].time < spec.t_min ? keys[i].time : spec.t_min;
        spec.t_max = keys[i].time > spec.t_max ? keys[i].time : spec.t_max;
    }
    qsort(sorted, n, sizeof *sorted, by_key);
    spec.series = series_of(sorted, n);
    ScanStatus st = look_up(&spec, sorted, n, found, waiter, e);
    set_unref(spec.series);
    mem_free(sorted);
    return st;
}
